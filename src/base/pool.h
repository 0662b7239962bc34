/* SPDX-License-Identifier: MIT
 *
 * A pool of threads for one context. Work is a number of tasks fixed by the shape of the problem;
 * worker w of W runs the contiguous range [n*w/W, n*(w+1)/W). Which thread runs a task never
 * changes what it computes.
 *
 * The calling thread is worker 0. If the pool is busy with another caller's region, the caller runs
 * all its tasks itself rather than wait: results are the same. Workers spin briefly, then sleep.
 */
#ifndef MICA_BASE_POOL_H
#define MICA_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct mica_pool mica_pool;
/* `worker` is in [0, threads) and no two tasks run at once with the same worker of the same region.
 */
typedef void (*mica_task)(void *arg, size_t task, size_t worker);

mica_status mica_pool_create(size_t threads, mica_pool **out, mica_error *err); /* threads >= 1 */
void mica_pool_destroy(mica_pool **pool);
size_t mica_pool_threads(const mica_pool *pool);
/* Regions so far, of all callers, that more than one thread worked on. */
uint64_t mica_pool_regions(const mica_pool *pool);
void mica_pool_run(mica_pool *pool, size_t tasks, mica_task fn, void *arg);

#endif
