/* SPDX-License-Identifier: MIT
 *
 * The pipes do not block: every wait is a poll with what is left of the time.
 */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "util.h"

enum { LINE_MAX_BYTES = 1 << 28, CHUNK = 1 << 16, NOT_STARTED = 127, LOOK = 1 /* second */ };

struct bench_peer {
    pid_t pid; /* 0 = it has ended */
    int to, from;
    bool paused;
    bool (*stop)(void); /* or NULL */
    double limit;
    char *line; /* what has come, up to `filled`; the line at hand ends at `end` */
    size_t filled, capacity, end;
    mica_json *hello, *answer;
    bench_state state;
    char reason[512];
};

bench_state bench_peer_state_of(const bench_peer *peer)
{
    return peer->state;
}

const char *bench_peer_reason(const bench_peer *peer)
{
    return peer->reason;
}

const mica_json_value *bench_peer_hello(const bench_peer *peer)
{
    return peer->state == BENCH_OK ? mica_json_root(peer->hello) : NULL;
}

long bench_peer_process(const bench_peer *peer)
{
    return (long)peer->pid;
}

static void pause_until_asked(bench_peer *peer)
{
    if (peer->state == BENCH_OK)
        peer->paused = peer->pid > 0 && kill(-peer->pid, SIGSTOP) == 0;
}

static void resume(bench_peer *peer)
{
    if (peer->paused && peer->pid > 0)
        kill(-peer->pid, SIGCONT);
    peer->paused = false;
}

static void say(bench_peer *peer, const char *format, ...)
{
    va_list args;
    char text[sizeof peer->reason];
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; *p; p++) /* a reason stands on one line of a table */
        if (*p == '\n' || *p == '\r' || *p == '\t')
            *p = ' ';
    mica_copy_printable(peer->reason, sizeof peer->reason, text);
}

/* Ends the process and all that it started (it leads a group of its own), and tells how it ended
 * if it had by itself. */
static int reap(bench_peer *peer, double patience)
{
    int status = 0;
    double end = bench_now() + patience;
    pid_t ended = 0;
    if (peer->to >= 0)
        close(peer->to);
    peer->to = -1;
    while (peer->pid > 0 && (ended = waitpid(peer->pid, &status, WNOHANG)) == 0 &&
           bench_now() < end)
        poll(NULL, 0, 5);
    if (peer->pid > 0) {
        kill(-peer->pid, SIGKILL);
        if (ended == 0)
            waitpid(peer->pid, NULL, 0);
    }
    if (peer->from >= 0)
        close(peer->from);
    peer->from = -1;
    peer->pid = 0;
    return ended > 0 ? status : -1;
}

/* It has closed its end: why? */
static void fail_ended(bench_peer *peer)
{
    int status = reap(peer, 1);
    peer->state = BENCH_FAILED;
    if (status >= 0 && WIFSIGNALED(status)) {
        say(peer, "crashed (%s)", strsignal(WTERMSIG(status)));
    } else if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == NOT_STARTED) {
        peer->state = BENCH_ABSENT;
        say(peer, "its Python could not be started");
    } else if (status >= 0 && WIFEXITED(status)) {
        say(peer, "crashed (exit code %d)", WEXITSTATUS(status));
    } else {
        say(peer, "closed its output");
    }
}

static void fail(bench_peer *peer, const char *reason)
{
    reap(peer, 0);
    peer->state = BENCH_FAILED;
    say(peer, "%s", reason);
}

static void fail_hung(bench_peer *peer)
{
    char reason[64];
    snprintf(reason, sizeof reason, "hung: no answer within %g seconds", peer->limit);
    fail(peer, reason);
}

/* Whether it has ended, though what it started may still hold its pipes. */
static bool has_ended(const bench_peer *peer)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    return waitid(P_PID, (id_t)peer->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == peer->pid;
}

/* Waits until the pipe can be used; false after telling why not. A signal that comes before the
 * poll does not end it: `stop` is asked again each time that the poll has waited for LOOK. */
static bool wait_for(bench_peer *peer, int fd, short events, double until)
{
    for (;;) {
        if (peer->stop && peer->stop()) {
            fail(peer, "interrupted");
            return false;
        }
        double left = until - bench_now();
        struct pollfd p = {fd, events, 0};
        int ready = left > 0 ? poll(&p, 1, left > LOOK ? LOOK * 1000 : (int)(left * 1000) + 1) : 0;
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR) {
            fail(peer, "poll failed");
            return false;
        }
        if (ready == 0 && has_ended(peer)) {
            fail_ended(peer);
            return false;
        }
        if (ready == 0 && bench_now() >= until) {
            fail_hung(peer);
            return false;
        }
    }
}

static bool send_line(bench_peer *peer, const char *request, double until)
{
    size_t size = strlen(request), done = 0;
    while (done <= size) {
        const char *from = done < size ? request + done : "\n";
        ssize_t n = write(peer->to, from, done < size ? size - done : 1);
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            if (!wait_for(peer, peer->to, POLLOUT, until))
                return false;
        } else if (n < 0 && errno != EINTR) {
            fail_ended(peer);
            return false;
        }
    }
    return true;
}

static bool read_line(bench_peer *peer, double until)
{
    size_t seen = 0;
    if (peer->end < peer->filled)
        memmove(peer->line, peer->line + peer->end, peer->filled - peer->end);
    peer->filled -= peer->end;
    peer->end = 0;
    for (;;) {
        char *newline =
            peer->filled > seen ? memchr(peer->line + seen, '\n', peer->filled - seen) : NULL;
        if (newline) {
            peer->end = (size_t)(newline - peer->line) + 1;
            return true;
        }
        seen = peer->filled;
        if (peer->filled + CHUNK > peer->capacity) {
            size_t capacity = peer->capacity ? peer->capacity * 2 : CHUNK;
            char *line = capacity <= LINE_MAX_BYTES ? realloc(peer->line, capacity) : NULL;
            if (!line) {
                fail(peer, "its answer is too long");
                return false;
            }
            peer->line = line;
            peer->capacity = capacity;
        }
        if (!wait_for(peer, peer->from, POLLIN, until))
            return false;
        ssize_t n = read(peer->from, peer->line + peer->filled, peer->capacity - peer->filled);
        if (n > 0) {
            peer->filled += (size_t)n;
        } else if (n == 0) {
            fail_ended(peer);
            return false;
        } else if (errno != EAGAIN && errno != EINTR) {
            fail(peer, "its output cannot be read");
            return false;
        }
    }
}

/* Reads one line as an object with "ok". */
static bool read_answer(bench_peer *peer, mica_json **out, bool *refused)
{
    mica_error err = {0};
    bool ok = false;
    *refused = false;
    if (!read_line(peer, bench_now() + peer->limit))
        return false;
    if (mica_json_parse(peer->line, peer->end - 1, "its answer", out, &err) ||
        !mica_json_bool(mica_json_get(mica_json_root(*out), "ok"), &ok)) {
        char text[100];
        size_t size = peer->end - 1 < 60 ? peer->end - 1 : 60;
        snprintf(text, sizeof text, "printed garbage: '%.*s'", (int)size, peer->line);
        fail(peer, text);
        return false;
    }
    if (!ok) {
        bool absent = false;
        const char *why = mica_json_string(mica_json_get(mica_json_root(*out), "error"), NULL);
        mica_json_bool(mica_json_get(mica_json_root(*out), "absent"), &absent);
        say(peer, "%s", why ? why : "it said no, and not why");
        *refused = true;
        if (absent) {
            reap(peer, 1);
            peer->state = BENCH_ABSENT;
        }
        return false;
    }
    return true;
}

/* An answer to nothing would be taken for that to the next question, and every one after it. */
static bool check_unasked(bench_peer *peer)
{
    char byte;
    if (peer->end == peer->filled && read(peer->from, &byte, 1) <= 0)
        return true;
    fail(peer, "printed more than it was asked for");
    return false;
}

/* In the child: nothing but what may be called between fork and exec. */
static void become(pid_t parent, const char *program, const char *const *arguments, int in, int out,
                   bool show_errors)
{
    int none = show_errors ? -1 : open("/dev/null", O_WRONLY);
    setpgid(0, 0);
#if defined(__linux__)
    /* A process that is stopped does not see that its other end is gone. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(NOT_STARTED);
#endif
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    dup2(in, 0);
    dup2(out, 1);
    if (none >= 0)
        dup2(none, 2);
    execvp(program, (char *const *)arguments);
    _exit(NOT_STARTED);
}

static bool spawn(bench_peer *peer, const char *program, const char *const *arguments,
                  bool show_errors)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1};
    pid_t parent = getpid();
    if (pipe(to) == 0 && pipe(from) == 0) {
        /* Other peers must not keep these ends open. */
        for (int i = 0; i < 2; i++) {
            fcntl(to[i], F_SETFD, FD_CLOEXEC);
            fcntl(from[i], F_SETFD, FD_CLOEXEC);
        }
        peer->pid = fork();
        if (peer->pid == 0)
            become(parent, program, arguments, to[0], from[1], show_errors);
    }
    close(to[0]);
    close(from[1]);
    peer->to = to[1];
    peer->from = from[0];
    if (peer->pid <= 0)
        return false;
    setpgid(peer->pid, peer->pid); /* whoever comes first */
    fcntl(peer->to, F_SETFL, O_NONBLOCK);
    fcntl(peer->from, F_SETFL, O_NONBLOCK);
    return true;
}

static bench_peer *create(double limit, bool (*stop)(void))
{
    bench_peer *peer = calloc(1, sizeof *peer);
    if (!peer)
        return NULL;
    peer->limit = limit;
    peer->stop = stop;
    peer->to = peer->from = -1;
    return peer;
}

bench_peer *bench_peer_launch(const char *program, const char *const *arguments, double limit,
                              bool (*stop)(void), bool show_errors)
{
    bench_peer *peer = create(limit, stop);
    bool refused;
    if (!peer)
        return NULL;
    if (!spawn(peer, program, arguments, show_errors)) {
        fail(peer, "no process or pipe for it");
    } else if (!read_answer(peer, &peer->hello, &refused) && refused && peer->state == BENCH_OK) {
        reap(peer, 1);
        peer->state = BENCH_FAILED;
    }
    pause_until_asked(peer);
    return peer;
}

bench_peer *bench_peer_start(const char *python, const char *script, double limit,
                             bool (*stop)(void), bool show_errors)
{
    const char *const arguments[] = {python, "-u", script, NULL};
    if (access(script, R_OK) == 0)
        return bench_peer_launch(python, arguments, limit, stop, show_errors);
    bench_peer *peer = create(limit, stop);
    if (peer) {
        peer->state = BENCH_ABSENT;
        say(peer, "there is no '%s'", script);
    }
    return peer;
}

const mica_json_value *bench_peer_ask(bench_peer *peer, const char *request, bool *refused)
{
    bool no = false;
    bool answered = false;
    if (peer->state == BENCH_OK) {
        mica_json_destroy(&peer->answer);
        resume(peer);
        answered = check_unasked(peer) && send_line(peer, request, bench_now() + peer->limit) &&
                   read_answer(peer, &peer->answer, &no) && check_unasked(peer);
        pause_until_asked(peer);
    }
    if (refused)
        *refused = no;
    return answered ? mica_json_root(peer->answer) : NULL;
}

void bench_peer_fail_arm(const bench_peer *peer, bench_arm *arm)
{
    bench_arm_fail(arm, peer->state == BENCH_ABSENT ? BENCH_ABSENT : BENCH_FAILED, peer->reason);
}

bool bench_peer_time(bench_peer *peer, const char *request, bench_arm *arm, double *seconds,
                     double *passed)
{
    double begin = bench_now();
    const mica_json_value *answer = bench_peer_ask(peer, request, NULL);
    if (!answer) {
        bench_peer_fail_arm(peer, arm);
        return false;
    }
    *passed = bench_now() - begin;
    if (!mica_json_double(mica_json_get(answer, "seconds"), seconds) || !(*seconds > 0) ||
        *seconds > *passed) {
        bench_arm_fail(arm, BENCH_FAILED, "its time is no time that can have passed");
        return false;
    }
    return true;
}

void bench_peer_stop(bench_peer **peer)
{
    bench_peer *p = *peer;
    if (!p)
        return;
    resume(p);
    if (p->state == BENCH_OK)
        send_line(p, "{\"do\": \"quit\"}", bench_now() + 1);
    reap(p, p->state == BENCH_OK ? 1 : 0);
    mica_json_destroy(&p->hello);
    mica_json_destroy(&p->answer);
    free(p->line);
    free(p);
    *peer = NULL;
}
