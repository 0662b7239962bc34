/* SPDX-License-Identifier: MIT
 *
 * A progress line on standard error, on a terminal only, and Ctrl-C.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool progress_wanted(bool quiet)
{
    const char *term = getenv("TERM");
    return !quiet && isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
}

void progress_start(progress *p, const char *what, bool quiet)
{
    p->on = progress_wanted(quiet);
    p->started = p->shown = seconds_now();
    p->what = what;
}

void progress_show(progress *p, uint64_t done, uint64_t total, uint64_t items)
{
    double t = seconds_now(), passed = t - p->started;
    if (!p->on || t - p->shown < 0.1 || passed <= 0)
        return;
    p->shown = t;
    if (total && done <= total) {
        char bar[31];
        double share = (double)done / (double)total;
        for (int i = 0; i < 30; i++)
            bar[i] = i < (int)(share * 30) ? '#' : '.';
        bar[30] = 0;
        double left = done ? passed * (1 - share) / share : 0;
        fprintf(stderr, "\r[%s] %3.0f %%  %llu %s, %.0f/s, %d:%02d left \033[K", bar, share * 100,
                (unsigned long long)items, p->what, (double)items / passed, (int)left / 60,
                (int)left % 60);
    } else {
        fprintf(stderr, "\r%llu %s, %.0f/s \033[K", (unsigned long long)items, p->what,
                (double)items / passed);
    }
    fflush(stderr);
}

void progress_erase(const progress *p)
{
    if (p->on)
        fprintf(stderr, "\r\033[K");
}

void progress_end(progress *p)
{
    progress_erase(p);
    p->on = false;
}

double progress_seconds(const progress *p)
{
    double passed = seconds_now() - p->started;
    return passed > 1e-9 ? passed : 1e-9;
}

static mica_context *volatile watched;
static mica_hub *volatile watched_hub;
static volatile sig_atomic_t was_interrupted;

static void on_signal(int number)
{
    was_interrupted = 1;
    mica_context *context = watched;
    if (context)
        mica_context_cancel(context);
    mica_hub *hub = watched_hub;
    if (hub)
        mica_hub_cancel(hub);
}

static void catch_signals(void)
{
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_signal;
    action.sa_flags = (int)SA_RESETHAND; /* a second Ctrl-C ends the program at once */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* nohup */
        sigaction(SIGHUP, &action, NULL);
}

void interrupt_watch(mica_context *context)
{
    watched = context;
    catch_signals();
}

void interrupt_watch_hub(mica_hub *hub)
{
    watched_hub = hub;
    if (hub)
        catch_signals();
}

void interrupt_forget(void)
{
    watched = NULL;
}

bool interrupted(void)
{
    return was_interrupted != 0;
}
