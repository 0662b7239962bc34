/* SPDX-License-Identifier: MIT
 *
 * The report: the paper's tables A to F and figures 1 to 4 of results, its published figures beside
 * them, and what a reader needs to believe them.
 */
#ifndef MICA_BENCH_REPORT_H
#define MICA_BENCH_REPORT_H

#include "report_compare.h"
#include "report_document.h"
#include "report_paper.h"
#include "report_result.h"

/* Makes the whole report; `title` may be NULL. Begin with a document of zeros. FORMAT if the
 * results hold nothing that was measured. */
mica_status report_build(const report_results *results, const report_paper *paper,
                         const char *title, report_document *out, mica_error *err);

/* ---- its parts, in files of their own ------------------------------------------------------- */

typedef struct report {
    const report_results *results;
    const report_paper *paper;
    report_document *document;
    report_pool *pool;     /* the document's */
    report_class *classes; /* of models: in which mica has an arm; fp32 on the CPU first */
    size_t class_count;
} report;

/* Some cells of a list, matched with the fastest peer. */
typedef struct report_group {
    const char *label;     /* for people */
    const char *published; /* the name in the paper's table, or NULL */
    report_match *matches;
    size_t count, expected; /* cells; how many the paper has (0 = it has none) */
    report_average average;
} report_group;

/* Averages of operations (table B): the paper's cases, then the others; then all of the paper. */
report_group *report_groups_of_ops(const report *r, size_t *count);
/* Averages of models: tables 'D' (by length), 'E' (by batch size) and 'F' (overall). */
report_group *report_groups_of_models(const report *r, char table, report_class class,
                                      size_t *count);
/* All cells of operations, or of models of one length ("" = of all but mixed ones). */
report_group report_group_of_ops(const report *r, const char *set);
report_group report_group_of_cells(const report *r, report_class class, const char *length);
bool report_is_mixed(const report_cell *cell);
/* Whether no cell of its model is before this one. */
bool report_begins_model(const report *r, size_t cell);

/* The footnote of REPORT_MEASURED. */
void report_explain_suspects(report *r);

void report_write_summary(report *r);
void report_write_ops(report *r);
void report_write_models(report *r);
void report_write_peers(report *r);
void report_write_missing(report *r);
void report_write_flaws(report *r);
void report_write_paper(report *r);
void report_write_accuracy(report *r);
void report_write_loading(report *r);
void report_write_method(report *r);
void report_write_files(report *r); /* the end of the method */

void report_figures_of_ops(report *r);
void report_figures_of_models(report *r);

#endif
