/* SPDX-License-Identifier: MIT */
#include "base/aside.h"

#ifdef __linux__

int mica_current_cpu(void)
{
    return sched_getcpu();
}

static bool find_others(mica_aside *aside, int cpu, size_t threads)
{
    if (cpu < 0 || cpu >= CPU_SETSIZE ||
        sched_getaffinity(0, sizeof aside->allowed, &aside->allowed) != 0)
        return false;
    aside->others = aside->allowed;
    CPU_CLR((size_t)cpu, &aside->others);
    return threads > 1 && threads <= (size_t)CPU_COUNT(&aside->allowed);
}

int mica_start_aside(mica_aside *aside, int cpu, size_t threads, pthread_t *thread,
                     void *(*start)(void *arg), void *arg)
{
    aside->is = false;
#ifdef __GLIBC__
    pthread_attr_t attributes;
    if (find_others(aside, cpu, threads) && pthread_attr_init(&attributes) == 0) {
        aside->is =
            pthread_attr_setaffinity_np(&attributes, sizeof aside->others, &aside->others) == 0;
        int failed = pthread_create(thread, &attributes, start, arg);
        pthread_attr_destroy(&attributes);
        if (!failed)
            return 0;
        aside->is = false; /* it may be the processors that were refused */
    }
#endif
    return pthread_create(thread, NULL, start, arg);
}

void mica_step_aside(mica_aside *aside, int cpu, size_t threads)
{
    aside->is = find_others(aside, cpu, threads) &&
                sched_setaffinity(0, sizeof aside->others, &aside->others) == 0;
}

void mica_step_back(mica_aside *aside)
{
    cpu_set_t now;
    if (aside->is && sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, &aside->others))
        sched_setaffinity(0, sizeof aside->allowed, &aside->allowed);
    aside->is = false;
}

#else

int mica_current_cpu(void)
{
    return -1;
}

int mica_start_aside(mica_aside *aside, int cpu, size_t threads, pthread_t *thread,
                     void *(*start)(void *arg), void *arg)
{
    (void)cpu;
    (void)threads;
    aside->is = false;
    return pthread_create(thread, NULL, start, arg);
}

void mica_step_aside(mica_aside *aside, int cpu, size_t threads)
{
    (void)cpu;
    (void)threads;
    aside->is = false;
}

void mica_step_back(mica_aside *aside)
{
    (void)aside;
}

#endif
