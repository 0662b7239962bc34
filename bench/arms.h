/* SPDX-License-Identifier: MIT
 *
 * Arms: ways to do the same work, timed against each other. Rounds are interleaved, each in a new
 * random order, so that what the machine does meanwhile meets all of them alike. An arm whose
 * result is wrong, that is absent or that fails is kept, with its reason and without a time.
 */
#ifndef MICA_BENCH_ARMS_H
#define MICA_BENCH_ARMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mica/json.h"
#include "mica/status.h"
#include "stats.h"

typedef enum bench_state {
    BENCH_OK,
    BENCH_WRONG,
    BENCH_ABSENT,
    BENCH_FAILED,
    BENCH_NOT_RUN /* there is no room for it */
} bench_state;
const char *bench_state_name(bench_state state);

typedef struct bench_arm {
    char name[64];
    bench_state state;
    char reason[512]; /* if it is not OK */
    /* Does the work `runs` times and gives the seconds of all of them. False = it failed, and has
     * set state and reason. */
    bool (*run)(struct bench_arm *arm, size_t runs, double *seconds);
    void *user;
    const char *what; /* for `run` */
    size_t runs;      /* in a sample */
    size_t rounds;    /* in which it takes part: the first ones */
    double *samples;  /* seconds of one run, a sample a round */
    size_t count;
    bench_summary summary;
    /* Of a process: the times that it said, those that the requests took, and how many they were.
     */
    double claimed, passed;
    size_t asked;
} bench_arm;

typedef struct bench_plan {
    size_t rounds;
    double min_time; /* seconds of a sample, if one run takes less */
    size_t min_runs; /* of an arm in all its samples together; 0 = one a sample will do */
    double max_time; /* seconds of all samples of an arm: one that needs more takes part in fewer
                      * rounds, three at least; 0 = it may take what it takes */
    uint64_t seed;
    bool (*stop)(void); /* asked between samples; may be NULL */
} bench_plan;

/* CANCELLED if the run is asked to stop. */
mica_status bench_check_stop(const bench_plan *plan, mica_error *err);

/* Warms every arm up, finds how many runs make a sample, times all rounds and summarises them.
 * False = stopped or out of memory. */
bool bench_measure(bench_arm *arms, size_t count, const bench_plan *plan);
/* Puts numbers into an order that `random`, which goes on, decides. */
void bench_shuffle(size_t *order, size_t count, uint64_t *random);
/* Sets why an arm has no time. */
void bench_arm_fail(bench_arm *arm, bench_state state, const char *reason);
void bench_arm_release(bench_arm *arm);

/* Notes what a process said of a request, and how long it took in all. */
void bench_arm_note(bench_arm *arm, double claimed, double passed);
/* Whether its requests took so much longer than it says that no overhead explains it; why, then. */
bool bench_arm_is_suspect(const bench_arm *arm, char *why, size_t size);

/* The OK arm with the smallest median among `count`, or NULL. */
const bench_arm *bench_fastest(const bench_arm *arms, size_t count);
/* How many times as long `other` takes; both are OK. level 0 = out of memory. */
bench_interval bench_arm_ratio(const bench_arm *arm, const bench_arm *other);

/* The value of a ratio: of `other`, by its name, to `arm`; null if one of them is not there (NULL)
 * or has no time. */
void bench_write_ratio_of(mica_json_writer *writer, const bench_arm *arm, const bench_arm *other);

/* The members of an object that is open: "name", "state", "reason" or "seconds" (all samples),
 * what they say, and "suspect" of one that is. */
void bench_write_arm(mica_json_writer *writer, const bench_arm *arm);

#endif
