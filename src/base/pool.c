/* SPDX-License-Identifier: MIT
 *
 * One region at a time. The caller publishes the region, bumps `epoch`, works its own share, and
 * waits until the other workers have counted `left` down to 0.
 *
 *   epoch   bumped for each region and for the end; workers wait for it to change
 *   left    workers that have not finished the current region
 *
 * tasks, fn and arg are written before the bump of epoch (release) and read after it is seen
 * (acquire); `left` does the same the other way round. Both are changed to a value that someone may
 * sleep for only before or under `lock`, so no wake-up is lost.
 */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/aside.h"
#include "base/clock.h"

typedef struct worker {
    mica_pool *pool;
    size_t index;
    pthread_t thread;
    mica_aside aside; /* from the caller, while it starts or sleeps */
    uint64_t moved;   /* when it last left the caller's processor */
} worker;

struct mica_pool {
    size_t threads;
    worker *workers; /* threads - 1 of them are started */
    size_t started;
    pthread_mutex_t region; /* held by the caller whose region runs */
    pthread_mutex_t lock;   /* guards sleeping */
    pthread_cond_t wake, done;
    atomic_uint_fast64_t epoch;
    char apart[64]; /* idle workers read epoch while others write left: keep the lines apart */
    atomic_size_t left;
    atomic_bool ending;
    size_t tasks;
    mica_task fn;
    void *arg;
    atomic_int cpu; /* where the latest region began, as far as that is known; else -1 */
};

enum { SPIN_NS = 30000, YIELD_NS = 60000, MOVE_NS = 100000 };

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void work(const mica_pool *pool, size_t index)
{
    size_t begin = pool->tasks * index / pool->threads;
    size_t end = pool->tasks * (index + 1) / pool->threads;
    for (size_t task = begin; task < end; task++)
        pool->fn(pool->arg, task, index);
}

/* One step of waiting: a pause, and now and then a look at the clock; after SPIN_NS it yields the
 * CPU as well (there may be more threads than CPUs), and after YIELD_NS more it says false: sleep.
 */
typedef struct patience {
    uint64_t start;
    unsigned steps;
} patience;

static bool wait_a_little(patience *p)
{
    relax();
    if (++p->steps % 32 != 0)
        return true;
    uint64_t now = mica_clock_ns();
    if (p->start == 0)
        p->start = now;
    if (now - p->start <= SPIN_NS)
        return true;
    sched_yield();
    return now - p->start <= SPIN_NS + YIELD_NS;
}

static int callers_cpu(const mica_pool *pool)
{
    return atomic_load_explicit(&pool->cpu, memory_order_relaxed);
}

/* Now and then, since moving takes some microseconds. */
static void leave_the_caller(worker *self)
{
    int cpu = callers_cpu(self->pool);
    if (cpu < 0 || mica_current_cpu() != cpu)
        return;
    uint64_t now = mica_clock_ns();
    if (now - self->moved < MOVE_NS)
        return;
    self->moved = now;
    mica_step_aside(&self->aside, cpu, self->pool->threads);
    mica_step_back(&self->aside);
}

static void sleep_until_epoch(worker *self, uint64_t seen)
{
    mica_pool *pool = self->pool;
    mica_step_aside(&self->aside, callers_cpu(pool), pool->threads);
    pthread_mutex_lock(&pool->lock);
    while (atomic_load_explicit(&pool->epoch, memory_order_acquire) == seen)
        pthread_cond_wait(&pool->wake, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    mica_step_back(&self->aside);
}

static void *run_worker(void *arg)
{
    worker *self = arg;
    mica_pool *pool = self->pool;
    uint64_t seen = 0;
    mica_step_back(&self->aside);
    for (;;) {
        patience p = {0, 0};
        while (atomic_load_explicit(&pool->epoch, memory_order_acquire) == seen) {
            if (!wait_a_little(&p))
                sleep_until_epoch(self, seen);
        }
        seen++;
        if (atomic_load(&pool->ending))
            return NULL;
        leave_the_caller(self);
        work(pool, self->index);
        if (atomic_fetch_sub_explicit(&pool->left, 1, memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->lock);
        }
    }
}

/* Starts the next epoch and wakes whoever sleeps. */
static void next_epoch(mica_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add_explicit(&pool->epoch, 1, memory_order_release);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

/* Workers leave signals sent to the process (interrupt, timers) to the threads of the program that
 * uses the library; those that a thread raises by what it does stay its own. */
static bool start_workers(mica_pool *pool)
{
    sigset_t others, before;
    sigfillset(&others);
    sigdelset(&others, SIGSEGV);
    sigdelset(&others, SIGBUS);
    sigdelset(&others, SIGFPE);
    sigdelset(&others, SIGILL);
    pthread_sigmask(SIG_BLOCK, &others, &before);
    bool ok = true;
    for (size_t i = 1; i < pool->threads && ok; i++) {
        worker *w = &pool->workers[i];
        w->pool = pool;
        w->index = i;
        ok = !mica_fault() && mica_start_aside(&w->aside, callers_cpu(pool), pool->threads,
                                               &w->thread, run_worker, w) == 0;
        pool->started += ok;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

mica_status mica_pool_create(size_t threads, mica_pool **out, mica_error *err)
{
    *out = NULL;
    mica_pool *pool = mica_calloc(1, sizeof *pool);
    if (!pool)
        return mica_fail_memory(err, sizeof *pool, "a thread pool");
    pool->threads = threads ? threads : 1;
    atomic_init(&pool->cpu, mica_current_cpu());
    pthread_mutex_init(&pool->region, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->workers = mica_calloc(pool->threads, sizeof *pool->workers);
    if (!pool->workers) {
        mica_fail_memory(err, pool->threads * sizeof *pool->workers, "a thread pool");
        mica_pool_destroy(&pool);
        return MICA_STATUS_OUT_OF_MEMORY;
    }
    if (!start_workers(pool)) {
        mica_fail(err, MICA_STATUS_OUT_OF_MEMORY,
                  "cannot start thread %zu of %zu; ask for fewer (MICA_THREADS)", pool->started + 2,
                  pool->threads);
        mica_pool_destroy(&pool);
        return MICA_STATUS_OUT_OF_MEMORY;
    }
    *out = pool;
    return MICA_OK;
}

void mica_pool_destroy(mica_pool **pointer)
{
    mica_pool *pool = *pointer;
    *pointer = NULL;
    if (!pool)
        return;
    atomic_store(&pool->ending, true);
    next_epoch(pool);
    for (size_t i = 1; i <= pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->region);
    mica_free(pool->workers);
    mica_free(pool);
}

size_t mica_pool_threads(const mica_pool *pool)
{
    return pool->threads;
}

uint64_t mica_pool_regions(const mica_pool *pool)
{
    return atomic_load_explicit(&pool->epoch, memory_order_relaxed);
}

void mica_pool_run(mica_pool *pool, size_t tasks, mica_task fn, void *arg)
{
    if (pool->threads == 1 || tasks < 2 || pthread_mutex_trylock(&pool->region) != 0) {
        for (size_t task = 0; task < tasks; task++)
            fn(arg, task, 0);
        return;
    }
    pool->tasks = tasks;
    pool->fn = fn;
    pool->arg = arg;
    atomic_store_explicit(&pool->cpu, mica_current_cpu(), memory_order_relaxed);
    atomic_store_explicit(&pool->left, pool->threads - 1, memory_order_relaxed);
    next_epoch(pool);
    work(pool, 0);
    patience p = {0, 0};
    while (atomic_load_explicit(&pool->left, memory_order_acquire) != 0) {
        if (wait_a_little(&p))
            continue;
        pthread_mutex_lock(&pool->lock);
        while (atomic_load_explicit(&pool->left, memory_order_acquire) != 0)
            pthread_cond_wait(&pool->done, &pool->lock);
        pthread_mutex_unlock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->region);
}
