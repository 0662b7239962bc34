/* SPDX-License-Identifier: MIT */
#include "torture.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pool.h"

enum { MOST = 1000 };

typedef struct region {
    unsigned char runs[MOST];
    atomic_int busy[8]; /* by worker: tasks running now */
    atomic_int clashes;
} region;

static void count_task(void *arg, size_t task, size_t worker)
{
    region *r = (region *)arg;
    if (atomic_fetch_add(&r->busy[worker], 1) != 0)
        atomic_fetch_add(&r->clashes, 1);
    r->runs[task]++;
    atomic_fetch_sub(&r->busy[worker], 1);
}

static void every_task_runs_once(void **state)
{
    static const size_t tasks[] = {0, 1, 2, 3, 7, 8, 9, MOST};
    mica_error err = {0};
    for (size_t threads = 1; threads <= 5; threads++) {
        mica_pool *pool = NULL;
        assert_int_equal(mica_pool_create(threads, &pool, &err), MICA_OK);
        assert_int_equal(mica_pool_threads(pool), threads);
        for (int repeat = 0; repeat < 100; repeat++) {
            for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
                region r = {{0}, {0}, 0};
                mica_pool_run(pool, tasks[i], count_task, &r);
                for (size_t k = 0; k < MOST; k++)
                    assert_int_equal(r.runs[k], k < tasks[i]);
                assert_int_equal(r.clashes, 0);
            }
        }
        mica_pool_destroy(&pool);
        assert_null(pool);
    }
}

static void workers_wake_up_after_sleeping(void **state)
{
    mica_error err = {0};
    mica_pool *pool = NULL;
    assert_int_equal(mica_pool_create(3, &pool, &err), MICA_OK);
    for (int i = 0; i < 20; i++) {
        region r = {{0}, {0}, 0};
        usleep(2000); /* longer than workers spin */
        mica_pool_run(pool, MOST, count_task, &r);
        for (size_t k = 0; k < MOST; k++)
            assert_int_equal(r.runs[k], 1);
    }
    mica_pool_destroy(&pool);
}

static void *caller(void *arg)
{
    mica_pool *pool = (mica_pool *)arg;
    for (int i = 0; i < 500; i++) {
        region r = {{0}, {0}, 0};
        mica_pool_run(pool, 100, count_task, &r);
        for (size_t k = 0; k < 100; k++)
            if (r.runs[k] != 1)
                return (void *)"a task did not run once";
    }
    return NULL;
}

static void several_callers_share_a_pool(void **state)
{
    mica_error err = {0};
    mica_pool *pool = NULL;
    pthread_t threads[4];
    assert_int_equal(mica_pool_create(2, &pool, &err), MICA_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, caller, pool), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    mica_pool_destroy(&pool);
}

static void start_inner_region(void *arg, size_t task, size_t worker)
{
    mica_pool *pool = (mica_pool *)((void **)arg)[0];
    atomic_int *runs = (atomic_int *)((void **)arg)[1];
    region r = {{0}, {0}, 0};
    mica_pool_run(pool, 10, count_task, &r);
    for (size_t k = 0; k < 10; k++)
        atomic_fetch_add(runs, r.runs[k]);
}

static void a_task_may_start_a_region(void **state)
{
    mica_error err = {0};
    mica_pool *pool = NULL;
    atomic_int runs;
    atomic_init(&runs, 0);
    assert_int_equal(mica_pool_create(3, &pool, &err), MICA_OK);
    void *arg[] = {pool, &runs};
    mica_pool_run(pool, 30, start_inner_region, arg);
    assert_int_equal(atomic_load(&runs), 300);
    mica_pool_destroy(&pool);
}

#ifdef __linux__
typedef struct crowd {
    cpu_set_t allowed, one,
        left; /* what the thread may use; the caller's; the worker's in the end */
    int cpu;
} crowd;

/* The worker goes to the caller's processor and stays there for longer than it is let stay. */
static void join_the_caller(void *arg, size_t task, size_t worker)
{
    crowd *c = (crowd *)arg;
    if (worker != 1)
        return;
    uint64_t until = mica_clock_ns() + 3000000;
    sched_setaffinity(0, sizeof c->one, &c->one);
    while (mica_clock_ns() < until)
        sched_yield();
    sched_setaffinity(0, sizeof c->allowed, &c->allowed);
}

static void look_around(void *arg, size_t task, size_t worker)
{
    crowd *c = (crowd *)arg;
    if (worker != 1)
        return;
    c->cpu = sched_getcpu();
    sched_getaffinity(0, sizeof c->left, &c->left);
}

static void a_worker_leaves_the_callers_processor(void **state)
{
    mica_error err = {0};
    mica_pool *pool = NULL;
    crowd c = {0};
    int first = 0, apart = 0;
    assert_int_equal(sched_getaffinity(0, sizeof c.allowed, &c.allowed), 0);
    if (CPU_COUNT(&c.allowed) < 2) {
        print_message("skipped: one processor only\n");
        skip();
    }
    while (!CPU_ISSET((size_t)first, &c.allowed))
        first++;
    CPU_SET((size_t)first, &c.one);
    assert_int_equal(mica_pool_create(2, &pool, &err), MICA_OK);
    assert_int_equal(sched_setaffinity(0, sizeof c.one, &c.one), 0);
    for (int i = 0; i < 20; i++) {
        mica_pool_run(pool, 2, join_the_caller, &c);
        mica_pool_run(pool, 2, look_around, &c);
        apart += c.cpu != first;
        assert_true(CPU_EQUAL(&c.left, &c.allowed)); /* free to be anywhere again */
    }
    sched_setaffinity(0, sizeof c.allowed, &c.allowed);
    mica_pool_destroy(&pool);
    assert_true(apart >= 10); /* the system may move it back, now and then */
}
#endif

static mica_status make_pool(void *arg, mica_error *err)
{
    mica_pool *pool = NULL;
    mica_status status = mica_pool_create(4, &pool, err);
    assert_true((status == MICA_OK) == (pool != NULL));
    mica_pool_destroy(&pool);
    return status;
}

static void a_thread_that_cannot_start_is_an_error(void **state)
{
    assert_int_equal(torture_run(make_pool, NULL), 5); /* two allocations, three threads */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(workers_wake_up_after_sleeping),
        cmocka_unit_test(several_callers_share_a_pool),
        cmocka_unit_test(a_task_may_start_a_region),
#ifdef __linux__
        cmocka_unit_test(a_worker_leaves_the_callers_processor),
#endif
        cmocka_unit_test(a_thread_that_cannot_start_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
