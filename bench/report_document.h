/* SPDX-License-Identifier: MIT
 *
 * A report as a list of blocks: headings, paragraphs, lists, tables and figures. Everything is
 * defined once here and written three ways (report_writers.h). Texts are plain: escaping is the
 * writers' work. All of it lives in the document's pool.
 */
#ifndef MICA_BENCH_REPORT_DOCUMENT_H
#define MICA_BENCH_REPORT_DOCUMENT_H

#include "report_memory.h"

typedef enum report_mark {
    REPORT_PLAIN,
    REPORT_WON,    /* mica is faster than every peer, beyond doubt */
    REPORT_LOST,   /* it is slower than one */
    REPORT_MISSING /* there is no figure; the text says why */
} report_mark;

typedef struct report_field {
    const char *text;
    double value, low, high; /* NAN = none */
    report_mark mark;
    const char *why;   /* of the mark, or of the doubt, or NULL */
    const char *doubt; /* REPORT_PUBLISHED or REPORT_MEASURED, or NULL */
} report_field;

/* Signs behind figures that are not to be trusted, each with its footnote. */
#define REPORT_PUBLISHED "\u2020" /* a published one that is known to be wrong or doubtful */
#define REPORT_MEASURED "\u2021"  /* of a time that is suspect: it took far longer than is said */

typedef struct report_column {
    const char *name, *unit; /* unit "" = none */
    bool number;
} report_column;

enum { REPORT_COLUMNS = 80 };

typedef struct report_table {
    const char *id, *part; /* "C-fp32" and "bert-base-uncased", or "" */
    const char *caption;
    report_column columns[REPORT_COLUMNS];
    size_t column_count;
    report_field *fields; /* row by row; the first of a row is its label */
    size_t field_count, field_room;
} report_table;

typedef struct report_svg {
    double width, height;
    const char *title, *description;
    const char *body;
} report_svg;

typedef struct report_figure {
    const char *id, *caption;
    const report_svg *panels[16];
    size_t panel_count;
} report_figure;

typedef enum report_kind {
    REPORT_HEADING, /* level 2: a page of its own in print and the contents; level 3 */
    REPORT_PARAGRAPH,
    REPORT_ITEM, /* of a list */
    REPORT_TABLE,
    REPORT_FIGURE
} report_kind;

typedef struct report_part {
    report_kind kind;
    int level;
    const char *id, *text;
    report_table *table;
    report_figure *figure;
} report_part;

typedef struct report_document {
    report_pool pool;
    const char *title;
    report_part *parts;
    size_t count, room;
} report_document;

void report_heading(report_document *d, int level, const char *id, const char *text);
void report_paragraph(report_document *d, const char *format, ...) REPORT_FORMAT(2, 3);
void report_item(report_document *d, const char *format, ...) REPORT_FORMAT(2, 3);

/* Never NULL: out of memory sticks in the pool, and what is put into the table is lost. */
report_table *report_table_begin(report_document *d, const char *id, const char *part,
                                 const char *caption);
void report_column_add(report_table *t, const char *name, const char *unit, bool number);
/* Fields come row by row, as many as there are columns. */
void report_field_add(report_document *d, report_table *t, report_field field);
void report_field_text(report_document *d, report_table *t, const char *text);
void report_field_number(report_document *d, report_table *t, const char *text, double value);
void report_field_missing(report_document *d, report_table *t, const char *text, const char *why);
size_t report_table_rows(const report_table *t);

report_figure *report_figure_begin(report_document *d, const char *id, const char *caption);
void report_figure_add(report_figure *f, const report_svg *svg); /* NULL is left out */

void report_document_free(report_document *d);

#endif
