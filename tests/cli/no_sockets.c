/* SPDX-License-Identifier: MIT
 *
 * no_sockets PROGRAM ARGUMENT...: runs a program that is killed if it opens a socket. Exit code 77:
 * this system has no way to forbid it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

enum { NOT_HERE = 77 };

#if defined(__linux__) && defined(SECCOMP_RET_KILL_PROCESS) && defined(__NR_socket)
static int forbid(void)
{
    struct sock_filter rows[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof rows / sizeof *rows, rows};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
#else
static int forbid(void)
{
    return 0;
}
#endif

int main(int argc, char **argv)
{
    if (argc < 2 || !forbid())
        return NOT_HERE;
    execv(argv[1], argv + 1);
    perror(argv[1]);
    return 1;
}
