/* SPDX-License-Identifier: MIT */
#include "report_document.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What is begun when there is no memory: written to, and never shown. */
static report_table lost_table;
static report_figure lost_figure;

static void add(report_document *d, report_part part)
{
    report_part *parts = report_room(&d->pool, d->parts, d->count, &d->room, sizeof *parts);
    if (!parts)
        return;
    d->parts = parts;
    parts[d->count++] = part;
}

void report_heading(report_document *d, int level, const char *id, const char *text)
{
    add(d, (report_part){.kind = REPORT_HEADING,
                         .level = level,
                         .id = id,
                         .text = report_print(&d->pool, "%s", text)});
}

static const char *format_text(report_document *d, const char *format, va_list args)
{
    char text[4096];
    vsnprintf(text, sizeof text, format, args);
    return report_print(&d->pool, "%s", text);
}

void report_paragraph(report_document *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(d, (report_part){.kind = REPORT_PARAGRAPH, .text = format_text(d, format, args)});
    va_end(args);
}

void report_item(report_document *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(d, (report_part){.kind = REPORT_ITEM, .text = format_text(d, format, args)});
    va_end(args);
}

report_table *report_table_begin(report_document *d, const char *id, const char *part,
                                 const char *caption)
{
    report_table *t = report_alloc(&d->pool, 1, sizeof *t);
    if (!t)
        t = &lost_table;
    memset(t, 0, sizeof *t);
    t->id = report_print(&d->pool, "%s", id);
    t->part = report_print(&d->pool, "%s", part);
    t->caption = report_print(&d->pool, "%s", caption);
    add(d, (report_part){.kind = REPORT_TABLE, .table = t});
    return t;
}

void report_column_add(report_table *t, const char *name, const char *unit, bool number)
{
    if (t->column_count < REPORT_COLUMNS)
        t->columns[t->column_count++] = (report_column){name, unit, number};
}

void report_field_add(report_document *d, report_table *t, report_field field)
{
    report_field *fields = t == &lost_table ? NULL
                                            : report_room(&d->pool, t->fields, t->field_count,
                                                          &t->field_room, sizeof *fields);
    if (!fields)
        return;
    t->fields = fields;
    fields[t->field_count++] = field;
}

void report_field_text(report_document *d, report_table *t, const char *text)
{
    report_field_add(d, t, (report_field){.text = text, .value = NAN, .low = NAN, .high = NAN});
}

void report_field_number(report_document *d, report_table *t, const char *text, double value)
{
    report_field_add(
        d, t,
        (report_field){.text = isnan(value) ? "" : text, .value = value, .low = NAN, .high = NAN});
}

void report_field_missing(report_document *d, report_table *t, const char *text, const char *why)
{
    report_field_add(d, t, (report_field){text, NAN, NAN, NAN, REPORT_MISSING, why, NULL});
}

size_t report_table_rows(const report_table *t)
{
    return t->column_count ? t->field_count / t->column_count : 0;
}

report_figure *report_figure_begin(report_document *d, const char *id, const char *caption)
{
    report_figure *f = report_alloc(&d->pool, 1, sizeof *f);
    if (!f)
        f = &lost_figure;
    memset(f, 0, sizeof *f);
    f->id = id;
    f->caption = report_print(&d->pool, "%s", caption);
    add(d, (report_part){.kind = REPORT_FIGURE, .figure = f});
    return f;
}

void report_figure_add(report_figure *f, const report_svg *svg)
{
    if (svg && f->panel_count < sizeof f->panels / sizeof f->panels[0])
        f->panels[f->panel_count++] = svg;
}

void report_document_free(report_document *d)
{
    report_free(&d->pool);
    memset(d, 0, sizeof *d);
}
