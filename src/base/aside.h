/* SPDX-License-Identifier: MIT
 *
 * Keeping a thread off the processor of another. Linux often starts and wakes a thread on the
 * processor of the one that does it, above all in virtual machines, where it takes the other
 * processors, idle as they are, for ones that are not to be had; and it takes tens of milliseconds
 * to part the two. So a thread starts and sleeps where the other is not (aside), and may be
 * anywhere in between. Elsewhere than on Linux none of this does anything.
 */
#ifndef MICA_BASE_ASIDE_H
#define MICA_BASE_ASIDE_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct mica_aside {
    bool is;
#ifdef __linux__
    cpu_set_t allowed, others; /* the processors that the thread may use, and those it is kept to */
#endif
} mica_aside;

/* The processor that the calling thread is on; -1 if the system does not say. */
int mica_current_cpu(void);

/* pthread_create with a thread that is aside from processor `cpu` (-1: nowhere). Left as it is: if
 * there are fewer processors than `threads`, and where the C library has no call for it. */
int mica_start_aside(mica_aside *aside, int cpu, size_t threads, pthread_t *thread,
                     void *(*start)(void *arg), void *arg);

/* The same for the calling thread, and its end: the thread may use again what it could before,
 * unless someone else has said meanwhile where it may be. */
void mica_step_aside(mica_aside *aside, int cpu, size_t threads);
void mica_step_back(mica_aside *aside);

#endif
