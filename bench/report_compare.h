/* SPDX-License-Identifier: MIT
 *
 * mica beside its peers: in a cell, and over many.
 */
#ifndef MICA_BENCH_REPORT_COMPARE_H
#define MICA_BENCH_REPORT_COMPARE_H

#include "report_result.h"

/* What is compared with what: arms of one precision on the CPU, or on a GPU. */
typedef struct report_class {
    int precision;
    bool gpu;
} report_class;

typedef enum report_verdict {
    REPORT_NONE,   /* mica or every peer has no time */
    REPORT_FASTER, /* the whole interval is above 1 */
    REPORT_LEVEL,  /* it holds 1 */
    REPORT_SLOWER, /* it is below 1 */
    REPORT_ONCE    /* one sample, which has no interval, and a difference that it cannot show */
} report_verdict;

typedef struct report_match {
    const report_cell *cell;
    const report_arm *mica, *peer; /* NULL: there is no such arm; a peer that is not NULL is OK */
    bench_interval ratio;          /* how many times as long the peer takes */
    report_verdict verdict;
} report_match;

/* Why one of its times is not to be trusted, NULL if both are. */
const char *report_match_suspect(report_pool *pool, const report_match *match);

bool report_is_mica(const report_arm *arm);
bool report_in_class(const report_arm *arm, report_class class);

/* mica's arm and the fastest peer's. Of several arms of mica the fastest counts. */
report_match report_match_fastest(report_pool *pool, const report_cell *cell, report_class class);
/* mica's arm of the class that `peer` is in, and the peer's arm of that name. */
report_match report_match_named(report_pool *pool, const report_cell *cell, const char *peer);

typedef struct report_average {
    size_t cells, timed, compared; /* all; with a time of mica; with one of a peer, too */
    double mica, peer, floor;      /* means of seconds, NAN = none; peer: of the fastest each */
    size_t peers, floors;          /* cells in those means */
    bench_interval ratio;          /* geometric mean; level -1 = none */
    report_verdict verdict;
    size_t faster, level, slower, once; /* cells of each verdict */
    /* Cells in which a time of mica, of the peer, or one of both is not to be trusted. */
    size_t suspect_mica, suspect_peer, suspect;
    const report_match *worst; /* with the smallest ratio */
} report_average;

/* The interval of the geometric mean is that of the means of each round: rounds of different cells
 * share nothing, so that any pairing of them will do. */
report_average report_average_of(report_pool *pool, const report_match *matches, size_t count,
                                 report_class class);

/* The precisions with arms in a cell, one for each tokens that they have: several where files of
 * other texts gave other precisions. */
size_t report_inputs_of(const report_cell *cell, int precisions[REPORT_PRECISIONS]);
/* Whether an arm had the tokens of that precision. */
bool report_has_inputs(const report_cell *cell, const report_arm *arm, int precision);
/* The names of all arms in order of first appearance; fewer than REPORT_ARM_NAMES. */
enum { REPORT_ARM_NAMES = 64 };
size_t report_arm_names(const report_cell *cells, size_t count,
                        const report_arm *arms[REPORT_ARM_NAMES]);
const report_arm *report_find_arm(const report_cell *cell, const char *name);

/* "1.25 (1.20 to 1.31)" times, with the level if it is below 95 %. */
const char *report_ratio_text(report_pool *pool, const bench_interval *ratio);
/* "fp32", or "fp32 on the GPU" */
const char *report_class_name(report_pool *pool, report_class class);

#endif
