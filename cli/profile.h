/* SPDX-License-Identifier: MIT
 *
 * What `mica profile` collects: the steps of calls that all do the same, each with its times, and
 * groups of them.
 *
 * A step's layer and name come from the weights that it reads:
 *
 *   encoder.layer.7.attention.self.query.weight    layer "encoder.layer.7", name
 *                                                  "attention.self.query"
 *
 * A layer is what stands up to the first number, or the first word where there is none. A step
 * without a weight of a numbered layer belongs to the one that goes on around it.
 */
#ifndef MICA_CLI_PROFILE_H
#define MICA_CLI_PROFILE_H

#include "mica/mica.h"

/* What a machine does at most, for floors. */
typedef struct profile_peaks {
    double flops[MICA_PRECISIONS]; /* a second, by precision; 0 = not known */
    double read;                   /* bytes a second, from memory */
} profile_peaks;

typedef struct profile_step {
    mica_step_profile work;
    char layer[96], name[160];
    double *seconds;  /* of each call that counts */
    size_t own_layer; /* while layers are found: 2 numbered, 1 a word, 0 none */
} profile_step;

typedef struct profile {
    profile_step *steps; /* of one call */
    size_t count, room;
    size_t runs, run;                  /* calls that count, and the one that goes on */
    size_t at;                         /* the step that comes next in it */
    size_t programs;                   /* run in a call */
    size_t value_bytes, scratch_bytes; /* of the program that needs most */
    double *program_seconds;           /* of all programs, of each call */
    bool known;                        /* the steps: the first call is over */
    bool failed;                       /* a call did something else, or there was no memory */
} profile;

/* Room for `runs` calls. profile_look is for mica_session_set_profile; the first call after this
 * only says what the steps are. */
mica_status profile_create(size_t runs, profile **out, mica_error *err);
void profile_destroy(profile **p);
void profile_look(void *user, const mica_executor *executor);
/* After each call. False if it did not do what the first one did. */
bool profile_end_call(profile *p);

/* The median; sorts. n >= 1. */
double profile_median(double *seconds, size_t n);
/* The time that a step takes at least: the longer of its arithmetic at the peak and its weights
 * from memory. 0 = not known, or neither. */
double profile_floor(const mica_step_profile *work, const profile_peaks *peaks);

/* Steps that belong together. */
typedef struct profile_group {
    const profile_step *first;
    size_t steps;
    double seconds; /* the median over calls of the sum over steps */
    double flops, bytes, weight_bytes, floor;
    uint64_t regions;
    bool one_shape; /* rows, columns and depth are those of `first` in all */
} profile_group;
typedef bool (*profile_same)(const profile_step *a, const profile_step *b);
bool profile_same_layer(const profile_step *a, const profile_step *b);
bool profile_same_kernel(const profile_step *a, const profile_step *b);
bool profile_same_part(const profile_step *a, const profile_step *b); /* of three: see below */
/* In order of their first steps; freed with free(). NULL = no memory. */
profile_group *profile_groups(const profile *p, profile_same same, const profile_peaks *peaks,
                              size_t *count);
/* Parts: "products" (linear layers, matmul, convolutions), "attention", "rest". */
const char *profile_part(mica_op op);

#endif
