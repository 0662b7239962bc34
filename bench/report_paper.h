/* SPDX-License-Identifier: MIT
 *
 * The paper's published figures (bench/paper), and what its averages should have been.
 */
#ifndef MICA_BENCH_REPORT_PAPER_H
#define MICA_BENCH_REPORT_PAPER_H

#include "mica/status.h"
#include "report_memory.h"

typedef struct report_device {
    const char *device, *backend; /* as the files have them */
    const char *name;             /* for people */
} report_device;

/* The published columns. */
enum { REPORT_M1, REPORT_M2, REPORT_M1_CPU, REPORT_A10, REPORT_HOST, REPORT_DEVICES };
extern const report_device report_devices[REPORT_DEVICES];

typedef struct report_published {
    char table; /* 'A' to 'F' */
    int device; /* of report_devices */
    const char *name, *printed;
    double ms;
    const char *flaw, *suspect; /* why it is not to be trusted; "" = nothing is known */
} report_published;

/* A printed average that is not what the mean of the printed figures rounds to. */
typedef struct report_disagreement {
    const report_published *figure;
    double recomputed; /* milliseconds */
    bool rounding;     /* rounding of the figures can explain it */
} report_disagreement;

typedef struct report_paper {
    report_pool pool;
    report_published *figures; /* in the order of the files: A first */
    size_t count, room;
    size_t averages; /* B, D, E and F */
    report_disagreement *disagreements;
    size_t disagreement_count;
} report_paper;

/* Reads the files of a folder. Begin with zeros. */
mica_status report_paper_read(report_paper *paper, const char *folder, mica_error *err);
void report_paper_free(report_paper *paper);

/* NULL = the paper has no such figure. */
const report_published *report_paper_find(const report_paper *paper, char table, int device,
                                          const char *name);

#endif
