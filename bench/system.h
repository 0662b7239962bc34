/* SPDX-License-Identifier: MIT
 *
 * What only the system can say or do: processors for a run, memory of a process, energy.
 */
#ifndef MICA_BENCH_SYSTEM_H
#define MICA_BENCH_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

/* Processors that this process may use. */
size_t bench_processors(void);

/* Binds this process and all that it starts to `threads` of its processors, on as many cores as
 * there are. Returns how many (in `processors`, which has room for `room`); 0 = the system cannot.
 */
size_t bench_pin(size_t threads, int *processors, size_t room);

/* The most memory that the processes of a group (of which `leader` is one) had resident, each at
 * its own time, in bytes; -1 = not known. */
int64_t bench_group_resident(long leader);

/* Joules that the processors have taken since some time; NAN = there is no counter to be read. */
double bench_joules(void);

#endif
