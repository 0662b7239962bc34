/* SPDX-License-Identifier: MIT
 *
 * Several processes on one cache, processes that are killed in the middle, a disk that fills up,
 * and a process that may not open a socket.
 */
#include "hub/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#endif

static server *hub_server;
static repo *model;
static const char *commit;

static int start(void **state)
{
    clean_environment();
    hub_server = server_start(NULL);
    model = standard_repo(hub_server, &commit);
    return 0;
}

static int stop(void **state)
{
    server_stop(hub_server);
    return 0;
}

static int forget(void **state)
{
    server_clear_faults(hub_server);
    server_forget(hub_server);
    return 0;
}

static void wait_ms(int ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

/* A process that pulls and exits with the status. It shares no memory with the server's threads. */
static pid_t pull_in_process(const char *cache, const char *id)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    mica_hub_options options;
    mica_hub *hub = NULL;
    mica_hub_snapshot *snapshot = NULL;
    mica_error err = {0};
    mica_hub_options_defaults(&options);
    options.endpoint = server_url(hub_server);
    options.cache_dir = cache;
    options.token = "";
    options.retry_seconds = 0.001;
    mica_status status = mica_hub_create(&options, &hub, &err);
    if (!status)
        status = mica_hub_pull(hub, id, NULL, &snapshot, &err);
    mica_hub_snapshot_destroy(&snapshot);
    mica_hub_destroy(&hub);
    if (status)
        fprintf(stderr, "a process: %s\n", err.message);
    _exit((int)status);
}

static int result_of(pid_t pid)
{
    int how = 0;
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(how) ? WEXITSTATUS(how) : 1000 + WTERMSIG(how);
}

/* All are right, and each file was fetched once. */
static void processes_wait_for_one_another(void **state)
{
    enum { PROCESSES = 4 };
    pid_t pids[PROCESSES];
    const char *cache = fresh_folder("together");
    server_fault(hub_server, "/store/", FAULT_SLOW, 3, NULL, 0, -1);
    for (int i = 0; i < PROCESSES; i++)
        pids[i] = pull_in_process(cache, MODEL);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(result_of(pids[i]), MICA_OK);
    assert_int_equal(server_count(hub_server, "GET /store/"), 2);
    assert_int_equal(count_files(cache, ".incomplete"), 0);
    assert_cache_good(cache);
    assert_usable(cache, MODEL, true);
}

/* A lock held by flock, as the Python package holds it: we wait until it is let go. */
static void locks_of_others_are_kept_to(void **state)
{
    char path[1024], command[2048];
    const char *cache = fresh_folder("held");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    mica_hub_destroy(&hub);
    snprintf(command, sizeof command,
             "rm -rf '%s/models--org--tiny-bert' && ls '%s/.locks/models--org--tiny-bert' | "
             "grep -c lock >/dev/null",
             cache, cache);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "ls '%s/.locks/models--org--tiny-bert/'*.lock | tail -1",
             cache);
    FILE *p = popen(command, "r");
    assert_non_null(fgets(path, sizeof path, p));
    pclose(p);
    path[strcspn(path, "\n")] = 0;
    int ready[2], done[2];
    char byte = 0;
    assert_true(pipe(ready) == 0 && pipe(done) == 0);
    pid_t holder = fork();
    if (holder == 0) {
        int fd = open(path, O_RDWR);
        _exit(flock(fd, LOCK_EX) != 0 || write(ready[1], "x", 1) != 1 ||
              read(done[0], &byte, 1) != 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    pid_t pid = pull_in_process(cache, MODEL);
    wait_ms(500);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* still waiting */
    assert_int_equal(write(done[1], "x", 1), 1);
    assert_int_equal(result_of(holder), 0);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(done[i]);
    }
    assert_int_equal(result_of(pid), MICA_OK);
    assert_cache_good(cache);
}

static void the_killed_are_survived(void **state)
{
    const char *cache = fresh_folder("killed");
    server_fault(hub_server, "/store/", FAULT_SLOW, 1, NULL, 0, -1);
    for (int i = 0; i < 12; i++) { /* at twelve moments of the pull */
        pid_t pid = pull_in_process(cache, MODEL);
        wait_ms(5 + 25 * i);
        kill(pid, SIGKILL);
        result_of(pid);
        if (exists(cache, ""))
            assert_cache_good(cache);
    }
    server_clear_faults(hub_server);
    assert_int_equal(result_of(pull_in_process(cache, MODEL)), MICA_OK);
    assert_cache_good(cache);
    assert_usable(cache, MODEL, true);
    assert_int_equal(count_files(cache, ".incomplete"), 0);
}

#ifdef __linux__
/* In the child: a small file system at `path`. */
static bool small_disk(const char *path)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return mount("none", path, "tmpfs", 0, "size=256k") == 0;
}

static int fill_disk(const char *cache)
{
    mica_error err;
    if (!small_disk(cache))
        return 200;
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    if (pull(hub, MODEL, NULL, NULL, &err) != MICA_STATUS_DISK_FULL) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    assert_cache_good(cache);
    assert_usable(cache, MODEL, false);
    /* What is free beforehand is not all that counts: the disk fills up while files come. */
    mica_hub_pull_options options;
    mica_hub_pull_options_defaults(&options);
    options.include = (const char *const[]){"model.safetensors"};
    options.include_count = 1;
    char junk[1024];
    snprintf(junk, sizeof junk, "%s/junk", cache);
    pid_t filler = fork();
    if (filler == 0) {
        static char block[4096];
        int fd = open(junk, O_WRONLY | O_CREAT, 0600);
        while (write(fd, block, sizeof block) > 0)
            ;
        _exit(0);
    }
    result_of(filler);
    mica_status status = pull(hub, MODEL, &options, NULL, &err);
    if (status != MICA_STATUS_DISK_FULL || !strstr(err.message, cache)) /* which disk */
        return 2;
    assert_cache_good(cache);
    if (unlink(junk) != 0 || mount("none", cache, "tmpfs", MS_REMOUNT, "size=4m") != 0)
        return 3;
    pull_well(hub, MODEL);
    assert_cache_good(cache);
    mica_hub_destroy(&hub);
    return 0;
}

static void a_full_disk_breaks_nothing(void **state)
{
    const char *cache = fresh_folder("full");
    assert_int_equal(mkdir(cache, 0700), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(fill_disk(cache));
    int result = result_of(pid);
    if (result == 200) {
        print_message("skipped: a full disk: this system lets us mount none\n");
        skip();
    }
    assert_int_equal(result, 0);
}

/* From here on socket() and connect() kill the process. */
static bool forbid_sockets(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_connect, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int use_without_sockets(const char *cache, const char *id, int offline)
{
    mica_hub_options options;
    mica_hub *hub = NULL;
    mica_error err = {0};
    char *directory = NULL;
    mica_hub_cache *list = NULL;
    mica_hub_options_defaults(&options);
    options.endpoint = server_url(hub_server);
    options.cache_dir = cache;
    options.offline = offline;
    if (!forbid_sockets())
        return 200;
    if (mica_hub_create(&options, &hub, &err) ||
        mica_hub_resolve(hub, id, NULL, &directory, &err) || mica_hub_list(hub, &list, &err) ||
        mica_hub_verify(hub, NULL, NULL, NULL, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    mica_hub_text_free(&directory);
    mica_hub_cache_destroy(&list);
    mica_hub_destroy(&hub);
    return 0;
}

static void what_is_cached_opens_no_socket(void **state)
{
    char at_commit[128];
    const char *cache = fresh_folder("no-socket");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    mica_hub_destroy(&hub);
    snprintf(at_commit, sizeof at_commit, MODEL "@%s", commit);
    const struct {
        const char *id;
        int offline, result;
    } cases[] = {
        {at_commit, 0, 0}, {MODEL, 1, 0}, {MODEL, 0, 0}, {"org/not-there", 0, 1000 + SIGSYS}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(use_without_sockets(cache, cases[i].id, cases[i].offline));
        int result = result_of(pid);
        if (result == 200) {
            print_message("skipped: no socket: this system has no seccomp filters\n");
            skip();
        }
        assert_int_equal(result, cases[i].result); /* the last shows that the filter works */
    }
}
#else
static void a_full_disk_breaks_nothing(void **state)
{
    print_message("skipped: a full disk: only on Linux\n");
    skip();
}

static void what_is_cached_opens_no_socket(void **state)
{
    print_message("skipped: no socket: only on Linux\n");
    skip();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(processes_wait_for_one_another, forget),
        cmocka_unit_test_setup(locks_of_others_are_kept_to, forget),
        cmocka_unit_test_setup(the_killed_are_survived, forget),
        cmocka_unit_test_setup(a_full_disk_breaks_nothing, forget),
        cmocka_unit_test_setup(what_is_cached_opens_no_socket, forget),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
