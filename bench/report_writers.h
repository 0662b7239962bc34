/* SPDX-License-Identifier: MIT
 *
 * Three ways to write a report. They append to `out`, whose `failed` says whether there was memory.
 */
#ifndef MICA_BENCH_REPORT_WRITERS_H
#define MICA_BENCH_REPORT_WRITERS_H

#include "report_document.h"

/* As GitHub shows it. Figures are pictures beside it, called FIGURES/figure-1.svg; NULL: it has
 * none (their numbers are in the tables). */
void report_write_markdown(const report_document *document, const char *figures, report_text *out);
/* A line a field of every table (RFC 4180): table, part, row, column, unit, value, low, high,
 * state, text, why. A text that a spreadsheet would take for a formula gets an apostrophe in front.
 */
void report_write_csv(const report_document *document, report_text *out);
/* One page with everything in it and no script. */
void report_write_html(const report_document *document, report_text *out);

/* An SVG file of its own. */
void report_write_svg(const report_svg *svg, report_text *out);
/* The name of a panel's file: "figure-3-2.svg"; "figure-1.svg" if it is alone. */
void report_svg_name(const report_figure *figure, size_t panel, char *name, size_t size);

/* The styles that the pictures' classes need (report_style.c). */
extern const char report_svg_style[], report_page_style[];

#endif
