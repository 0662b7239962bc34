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
    *p = (progress){.on = progress_wanted(quiet), .what = what, .first_share = -1};
    p->started = p->shown = seconds_now();
}

/* What is left after `share`, at the rate since the first one shown: what was there before, or what
 * came before it, says nothing of the rate. */
static void show_left(const progress *p, double share, double now)
{
    if (share <= p->first_share)
        return;
    double left = (now - p->first_shown) * (1 - share) / (share - p->first_share);
    int minutes = (int)(left / 60);
    if (minutes >= 60)
        fprintf(stderr, ", %d:%02d h left", minutes / 60, minutes % 60);
    else
        fprintf(stderr, ", %d:%02d left", minutes, (int)left % 60);
}

void progress_show(progress *p, uint64_t done, uint64_t total, uint64_t items)
{
    double t = seconds_now(), passed = t - p->started;
    bool known = total && done <= total;
    double share = known ? (double)done / (double)total : 0;
    if (p->on && known && p->first_share < 0) {
        p->first_share = share;
        p->first_shown = t;
    }
    if (!p->on || t - p->shown < 0.1 || passed <= 0)
        return;
    p->shown = t;
    fputs("\r", stderr);
    if (known) {
        char bar[31];
        for (int i = 0; i < 30; i++)
            bar[i] = i < (int)(share * 30) ? '#' : '.';
        bar[30] = 0;
        fprintf(stderr, "[%s] %3.0f %%", bar, share * 100);
    }
    if (p->what)
        fprintf(stderr, "%s%llu %s, %.0f/s", known ? "  " : "", (unsigned long long)items, p->what,
                (double)items / passed);
    if (known)
        show_left(p, share, t);
    fputs(" \033[K", stderr);
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
