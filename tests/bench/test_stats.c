/* SPDX-License-Identifier: MIT
 *
 * Statistics against known samples, and the order and number of what is timed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/arms.h"
#include "bench/stats.h"

static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-12 * fabs(expected)))
        fail_msg("%.17g is not %.17g", value, expected);
}

static void known_samples(void **state)
{
    double odd[] = {9, 1, 5, 3, 7}, even[] = {4, 1, 3, 2}, one[] = {6},
           far[] = {1, 1, 2, 2, 4, 6, 9};
    bench_summary s = bench_summarize(odd, 5);
    assert_int_equal(s.n, 5);
    assert_near(s.median, 5);
    assert_near(s.mad, 2); /* of 4 2 0 2 4 */
    assert_near(s.min, 1);
    assert_near(s.max, 9);
    assert_near(s.p5, 1.4); /* as numpy.percentile has it */
    assert_near(s.p95, 8.6);
    s = bench_summarize(even, 4);
    assert_near(s.median, 2.5);
    assert_near(s.mad, 1); /* of 1.5 0.5 0.5 1.5 */
    s = bench_summarize(one, 1);
    assert_near(s.median, 6);
    assert_near(s.p5, 6);
    assert_near(s.p95, 6);
    assert_true(s.mad == 0);
    s = bench_summarize(far, 7);
    assert_near(s.median, 2);
    assert_near(s.mad, 1);
}

/* The median distance by its definition, for samples of every size. */
static void median_distances(void **state)
{
    uint32_t bits = 1;
    for (size_t n = 1; n < 40; n++) {
        double samples[40], distances[40];
        for (size_t i = 0; i < n; i++) {
            bits = bits * 1664525u + 1013904223u;
            samples[i] = bits >> 24 & 15;
        }
        bench_summary s = bench_summarize(samples, n);
        for (size_t i = 0; i < n; i++)
            distances[i] = fabs(samples[i] - s.median);
        bench_summary d = bench_summarize(distances, n);
        assert_true(s.mad == d.median);
    }
}

static void intervals(void **state)
{
    /* Binomial(10, 1/2): P(less than 2 of 10 on one side) = 11/1024. */
    double ten[] = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, three[] = {3, 1, 2}, one[] = {5};
    bench_interval i = bench_median_interval(ten, 10, 0.95);
    assert_near(i.median, 5.5);
    assert_near(i.low, 2);
    assert_near(i.high, 9);
    assert_near(i.level, 1 - 22.0 / 1024);
    i = bench_median_interval(ten, 10, 0.5);
    assert_near(i.low, 4); /* P(less than 4) = 176/1024; less than 5: 386/1024 */
    assert_near(i.high, 7);
    assert_near(i.level, 1 - 352.0 / 1024);
    i = bench_median_interval(three, 3, 0.95); /* not to be had of three */
    assert_near(i.low, 1);
    assert_near(i.high, 3);
    assert_near(i.level, 0.75);
    i = bench_median_interval(one, 1, 0.95);
    assert_near(i.median, 5);
    assert_true(i.level == 0);
}

/* Intervals hold the true median as often as they say. */
static void intervals_hold(void **state)
{
    uint64_t bits = 7;
    int held = 0;
    enum { TRIALS = 4000, N = 9 };
    for (int trial = 0; trial < TRIALS; trial++) {
        double samples[N];
        for (int k = 0; k < N; k++) {
            bits = bits * 6364136223846793005u + 1442695040888963407u;
            samples[k] = (double)(bits >> 11) / 9007199254740992.0;
            samples[k] *= samples[k]; /* median 1/4 */
        }
        bench_interval i = bench_median_interval(samples, N, 0.95);
        assert_near(i.level, 1 - 20.0 / 512);
        held += i.low <= 0.25 && 0.25 <= i.high;
    }
    assert_in_range(held, TRIALS * 95 / 100, TRIALS * 97 / 100);
}

static void ratios(void **state)
{
    /* The machine slows down by ten and both with it: the ratio stays. */
    double a[] = {1, 10, 2, 1, 5}, b[] = {3, 30, 6, 3.3, 10}, room[5];
    bench_interval i = bench_ratio(a, b, 5, 0.95, room);
    assert_near(i.median, 3);
    assert_near(i.low, 2);
    assert_near(i.high, 3.3);
    double values[] = {1, 4, 2};
    assert_near(bench_geometric_mean(values, 3), 2);
}

/* ---- arms ---- */

typedef struct script {
    char order[64];
    size_t length, fails_at;
} script;

static bool scripted(bench_arm *arm, size_t runs, double *seconds)
{
    script *s = arm->user;
    s->order[s->length++] = arm->what[0];
    if (s->fails_at && s->length >= s->fails_at && arm->what[0] == 'b') {
        bench_arm_fail(arm, BENCH_FAILED, "as told");
        return false;
    }
    *seconds = (double)runs * (arm->what[0] == 'a' ? 2 : 6);
    return true;
}

/* Eleven samples a run: a median's interval of 97.5 % goes from the second to the last but one. */
static void ratios_of_runs_apart(void **state)
{
    double a[11], b[11], one[] = {2}, other[] = {3};
    for (int i = 0; i < 11; i++) {
        a[i] = 100 + (i * 7) % 11;
        b[i] = 200 + (i * 5) % 11;
    }
    bench_interval i = bench_ratio_apart(a, 11, b, 11, 0.95);
    assert_near(i.median, 205.0 / 105);
    assert_near(i.low, 201.0 / 109);
    assert_near(i.high, 209.0 / 101);
    assert_near(i.level, 1 - 2 * (2 * 12 / 2048.0));
    i = bench_ratio_apart(one, 1, other, 1, 0.95); /* says nothing */
    assert_near(i.median, 1.5);
    assert_true(i.level == 0);
}

static void rounds_are_shuffled(void **state)
{
    script s = {.length = 0}, again = {.length = 0};
    bench_plan plan = {.rounds = 8, .min_time = 1, .seed = 3};
    script *scripts[] = {&s, &again};
    for (int i = 0; i < 2; i++) {
        bench_arm arms[] = {
            {.run = scripted, .user = scripts[i], .what = "a"},
            {.run = scripted, .user = scripts[i], .what = "b"},
            {.run = scripted, .user = scripts[i], .what = "c", .state = BENCH_WRONG}};
        assert_true(bench_measure(arms, 3, &plan));
        assert_int_equal(arms[0].count, 8);
        assert_near(arms[1].summary.median, 6);
        assert_near(bench_arm_ratio(&arms[0], &arms[1]).median, 3);
        assert_ptr_equal(bench_fastest(arms, 3), &arms[0]);
        for (int k = 0; k < 3; k++)
            bench_arm_release(&arms[k]);
    }
    assert_int_equal(s.length, 2 + 16); /* one run each to warm up; nothing of what is wrong */
    assert_int_equal(s.length, again.length);
    assert_memory_equal(s.order, again.order, s.length); /* the seed decides */
    int swapped = 0;
    for (size_t i = 2; i < s.length; i += 2) {
        assert_true(s.order[i] != s.order[i + 1]); /* every round has both */
        swapped += s.order[i] == 'b';
    }
    assert_in_range(swapped, 1, 7);
}

static void an_arm_that_fails_takes_none_along(void **state)
{
    script s = {.fails_at = 7};
    bench_plan plan = {.rounds = 4, .min_time = 0.1, .seed = 1};
    bench_arm arms[] = {{.run = scripted, .user = &s, .what = "a"},
                        {.run = scripted, .user = &s, .what = "b"}};
    assert_true(bench_measure(arms, 2, &plan));
    assert_int_equal(arms[0].count, 4);
    assert_int_equal(arms[1].state, BENCH_FAILED);
    assert_string_equal(arms[1].reason, "as told");
    assert_ptr_equal(bench_fastest(arms, 2), &arms[0]);
    for (int k = 0; k < 2; k++)
        bench_arm_release(&arms[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_samples),
        cmocka_unit_test(median_distances),
        cmocka_unit_test(intervals),
        cmocka_unit_test(intervals_hold),
        cmocka_unit_test(ratios),
        cmocka_unit_test(ratios_of_runs_apart),
        cmocka_unit_test(rounds_are_shuffled),
        cmocka_unit_test(an_arm_that_fails_takes_none_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
