/* SPDX-License-Identifier: MIT */
#include "arms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

enum { RUNS_MAX = 1000000, ROUNDS_LEAST = 3 };

const char *bench_state_name(bench_state state)
{
    static const char *const names[] = {"ok", "wrong", "absent", "failed", "not run"};
    return names[state];
}

void bench_arm_fail(bench_arm *arm, bench_state state, const char *reason)
{
    arm->state = state;
    snprintf(arm->reason, sizeof arm->reason, "%s", reason);
}

/* Outside of a peer's clock lie the pipes, the inputs that it reads, what it clears away, and the
 * time that others take from it meanwhile. */
static const double suspect_times = 4, suspect_seconds = 0.1;

void bench_arm_note(bench_arm *arm, double claimed, double passed)
{
    arm->claimed += claimed;
    arm->passed += passed;
    arm->asked++;
}

bool bench_arm_is_suspect(const bench_arm *arm, char *why, size_t size)
{
    if (arm->passed <= suspect_times * arm->claimed + suspect_seconds * (double)arm->asked)
        return false;
    snprintf(why, size, "its requests took %.3g s, of which it counts %.3g s", arm->passed,
             arm->claimed);
    return true;
}

void bench_arm_release(bench_arm *arm)
{
    free(arm->samples);
    arm->samples = NULL;
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

void bench_shuffle(size_t *order, size_t count, uint64_t *random)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)(next_random(random) % i), other = order[i - 1];
        order[i - 1] = order[j];
        order[j] = other;
    }
}

/* The first run warms up, the second says how many make a sample (if the first did not, being long
 * enough itself). */
static void calibrate(bench_arm *arm, const bench_plan *plan)
{
    double seconds = 0, all;
    arm->runs = 1;
    arm->rounds = plan->rounds;
    for (int i = 0; i < 2 && seconds < plan->min_time; i++)
        if (!arm->run(arm, 1, &seconds))
            return;
    if (seconds < plan->min_time)
        arm->runs =
            seconds > plan->min_time / RUNS_MAX ? (size_t)(plan->min_time / seconds) + 1 : RUNS_MAX;
    if (arm->runs * plan->rounds < plan->min_runs)
        arm->runs = (plan->min_runs + plan->rounds - 1) / plan->rounds;
    all = seconds * (double)arm->runs * (double)plan->rounds;
    if (plan->max_time > 0 && all > plan->max_time && plan->rounds > ROUNDS_LEAST) {
        size_t rounds = (size_t)(plan->max_time / all * (double)plan->rounds);
        arm->rounds = rounds > ROUNDS_LEAST ? rounds : ROUNDS_LEAST;
    }
}

static bool stopped(const bench_plan *plan)
{
    return plan->stop && plan->stop();
}

mica_status bench_check_stop(const bench_plan *plan, mica_error *err)
{
    if (stopped(plan))
        return mica_fail(err, MICA_STATUS_CANCELLED, "interrupted");
    return MICA_OK;
}

static bool run_rounds(bench_arm *arms, size_t count, const bench_plan *plan, size_t *order)
{
    uint64_t random = plan->seed;
    for (size_t round = 0; round < plan->rounds; round++) {
        bench_shuffle(order, count, &random);
        for (size_t i = 0; i < count; i++) {
            bench_arm *arm = &arms[order[i]];
            double seconds = 0;
            if (stopped(plan))
                return false;
            if (round < arm->rounds && arm->state == BENCH_OK && arm->run(arm, arm->runs, &seconds))
                arm->samples[arm->count++] = seconds / (double)arm->runs;
        }
    }
    return true;
}

bool bench_measure(bench_arm *arms, size_t count, const bench_plan *plan)
{
    size_t *order = malloc((count ? count : 1) * sizeof *order);
    double *sorted = malloc(plan->rounds * sizeof *sorted);
    bool fine = order && sorted;
    for (size_t i = 0; i < count && fine; i++) {
        order[i] = i;
        arms[i].samples = malloc(plan->rounds * sizeof *arms[i].samples);
        arms[i].count = 0;
        fine = arms[i].samples != NULL && !stopped(plan);
        if (fine && arms[i].state == BENCH_OK)
            calibrate(&arms[i], plan);
    }
    fine = fine && run_rounds(arms, count, plan, order);
    for (size_t i = 0; i < count && fine; i++) {
        bench_arm *arm = &arms[i];
        if (arm->state != BENCH_OK)
            continue;
        memcpy(sorted, arm->samples, arm->count * sizeof *sorted);
        arm->summary = bench_summarize(sorted, arm->count);
    }
    free(order);
    free(sorted);
    return fine;
}

const bench_arm *bench_fastest(const bench_arm *arms, size_t count)
{
    const bench_arm *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (arms[i].state == BENCH_OK && (!best || arms[i].summary.median < best->summary.median))
            best = &arms[i];
    return best;
}

bench_interval bench_arm_ratio(const bench_arm *arm, const bench_arm *other)
{
    bench_interval none = {0};
    size_t n = arm->count < other->count ? arm->count : other->count;
    double *ratios = n > 0 ? malloc(n * sizeof *ratios) : NULL;
    if (!ratios)
        return none;
    none = bench_ratio(arm->samples, other->samples, n, 0.95, ratios);
    free(ratios);
    return none;
}

void bench_write_ratio_of(mica_json_writer *w, const bench_arm *arm, const bench_arm *other)
{
    if (!arm || !other || arm->state != BENCH_OK || other->state != BENCH_OK) {
        mica_json_write_null(w);
        return;
    }
    bench_interval ratio = bench_arm_ratio(arm, other);
    mica_json_begin_object(w);
    mica_json_write_member(w, "to", other->name);
    bench_write_number(w, "median", ratio.median);
    bench_write_number(w, "low", ratio.low);
    bench_write_number(w, "high", ratio.high);
    bench_write_number(w, "level", ratio.level);
    mica_json_end_object(w);
}

void bench_write_arm(mica_json_writer *w, const bench_arm *arm)
{
    mica_json_write_member(w, "name", arm->name);
    mica_json_write_member(w, "state", bench_state_name(arm->state));
    if (arm->state != BENCH_OK) {
        mica_json_write_member(w, "reason", arm->reason);
    } else {
        const bench_summary *s = &arm->summary;
        bench_write_int(w, "runs_per_sample", (int64_t)arm->runs);
        bench_write_number(w, "median", s->median);
        bench_write_number(w, "mad", s->mad);
        bench_write_number(w, "p5", s->p5);
        bench_write_number(w, "p95", s->p95);
        mica_json_write_key(w, "seconds");
        mica_json_begin_array(w);
        for (size_t i = 0; i < arm->count; i++)
            mica_json_write_double(w, arm->samples[i]);
        mica_json_end_array(w);
        char why[128];
        if (bench_arm_is_suspect(arm, why, sizeof why))
            mica_json_write_member(w, "suspect", why);
    }
}
