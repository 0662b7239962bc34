/* SPDX-License-Identifier: MIT
 *
 * What the kernel tests share: memory between pages that may not be touched, numbers, levels, and
 * running one step on a backend without a graph.
 */
#ifndef MICA_TESTS_KERNELS_COMMON_H
#define MICA_TESTS_KERNELS_COMMON_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/backend.h"
#include "backends/cpu/kernels.h"

/* Which end of the memory lies against a page that may not be touched. */
typedef enum edge { AT_BEGIN, AT_END, EDGES } edge;

/* `bytes` of memory, at most 2 MiB, from area `area` (0..9); a call gives the area's memory anew,
 * filled with bytes that make NaN. */
enum { AREAS = 10 };
void *guarded(int area, size_t bytes, edge at);
float *guarded_floats(int area, size_t n, edge at);

/* Numbers that depend on the seed alone. */
float random_float(uint64_t *seed, float low, float high);
size_t random_below(uint64_t *seed, size_t n);
void fill_random(float *x, size_t n, uint64_t seed, float low, float high);
edge random_edge(uint64_t *seed);
float *random_floats(uint64_t *seed, int area, size_t n); /* in [-1, 1), of an area */

/* Levels from C up that this machine has, and those of them that bring kernels for float32: what is
 * above has others in bfloat16 and 8 bits alone. */
int levels_here(void);
int float_levels_here(void);
/* Whether a level multiplies in this precision as the level below does. */
bool same_products_below(int level, mica_precision precision);
/* Prints a line for each level that is not tested. */
void list_skipped_levels(void);

/* Fails the test unless |actual - expected| <= max(ulps of expected, absolute); NaN equals NaN. */
void check_near(float actual, double expected, double ulps, double absolute, const char *what,
                size_t at);
void check_same_bits(const float *a, const float *b, size_t n, const char *what);

/* One step, its values and its backend. Views are numbered in the order in which they are added. */
enum { RIG_VALUES = 12 };
typedef struct rig {
    mica_pool *pool;
    mica_backend *backend;
    mica_view views[RIG_VALUES];
    uint32_t n_views, inputs[RIG_VALUES];
    mica_tensor *constants[RIG_VALUES];
    const char *names[RIG_VALUES];
    mica_step step;
    const mica_batch *batch;
    mica_error err;
} rig;

void rig_create(rig *r, int level, size_t threads); /* with all kernels, the slower ones too */
void rig_destroy(rig *r);
void rig_begin(rig *r, mica_op op, const void *params); /* forgets the step before */
/* Contiguous values; dims ends at `rank`. */
mica_view *rig_input(rig *r, mica_dtype dtype, const void *data, int rank, const int64_t *dims);
void rig_constant(rig *r, mica_tensor *tensor, const char *name);
void rig_no_input(rig *r);
mica_view *rig_output(rig *r, mica_dtype dtype, void *data, int rank, const int64_t *dims);
/* Prepares, runs with scratch of exactly the size that is asked for, unprepares. */
mica_status rig_run(rig *r);
void rig_run_ok(rig *r);
/* Calls `check` so many times for each level, with one thread and with two and three. */
void rig_each(void (*check)(rig *r, uint64_t *seed), int times);

#endif
