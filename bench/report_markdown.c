/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "report_writers.h"

/* Any text as it is, wherever it stands in a line or a table. An underscore inside a word means
 * nothing and is left alone. */
static void put(report_text *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        bool inside = c > text && isalnum((unsigned char)c[-1]) && isalnum((unsigned char)c[1]);
        if (*c == '<' || *c == '>' || *c == '&' || *c == '@')
            report_addf(out, "&#%d;", *c);
        else if (strchr("\\`*[]|~$", *c) || (*c == '_' && !inside))
            report_addf(out, "\\%c", *c);
        else
            report_add(out, *c == '\n' || *c == '\r' ? " " : c, 1);
    }
}

/* A paragraph must not become a heading, a list or code by what it begins with. */
static void put_line(report_text *out, const char *text)
{
    while (*text == ' ')
        text++;
    if (*text && strchr("#-+=", *text))
        report_put(out, "\\");
    put(out, text);
}

static void put_field(report_text *out, const report_field *f)
{
    bool bold = f->mark == REPORT_LOST, slant = f->mark == REPORT_MISSING && f->text[0];
    report_put(out, bold ? "**" : slant ? "*" : "");
    put(out, f->text);
    report_put(out, bold ? "**" : slant ? "*" : "");
    if (f->doubt)
        report_addf(out, " %s", f->doubt);
}

static void put_table(report_text *out, const report_table *t)
{
    size_t rows = report_table_rows(t);
    report_put(out, "**");
    put(out, t->caption);
    report_put(out, "**\n\n|");
    for (size_t k = 0; k < t->column_count; k++) {
        report_put(out, " ");
        put(out, t->columns[k].name);
        if (t->columns[k].unit[0])
            report_addf(out, ", %s", t->columns[k].unit);
        report_put(out, " |");
    }
    report_put(out, "\n|");
    for (size_t k = 0; k < t->column_count; k++)
        report_put(out, t->columns[k].number ? "---:|" : "---|");
    for (size_t row = 0; row < rows; row++) {
        report_put(out, "\n|");
        for (size_t k = 0; k < t->column_count; k++) {
            report_put(out, " ");
            put_field(out, &t->fields[row * t->column_count + k]);
            report_put(out, " |");
        }
    }
    report_put(out, "\n\n");
}

void report_svg_name(const report_figure *f, size_t panel, char *name, size_t size)
{
    if (f->panel_count == 1)
        snprintf(name, size, "%s.svg", f->id);
    else
        snprintf(name, size, "%s-%zu.svg", f->id, panel + 1);
}

static void put_figure(report_text *out, const report_figure *f, const char *figures)
{
    for (size_t i = 0; i < f->panel_count; i++) {
        char name[64];
        report_svg_name(f, i, name, sizeof name);
        report_put(out, "![");
        put(out, f->panels[i]->title);
        report_put(out, "](<");
        for (const char *c = figures; *c; c++)
            if (strchr("<>\\", *c))
                report_addf(out, "%%%02X", (unsigned char)*c);
            else
                report_add(out, c, 1);
        report_addf(out, "/%s>)\n", name);
    }
    report_put(out, "\n*");
    put(out, f->caption);
    report_put(out, "*\n\n");
}

void report_write_markdown(const report_document *d, const char *figures, report_text *out)
{
    report_put(out, "# ");
    put(out, d->title);
    report_put(out, "\n\n");
    for (size_t i = 0; i < d->count; i++) {
        const report_part *p = &d->parts[i];
        switch (p->kind) {
        case REPORT_HEADING:
            report_put(out, p->level == 2 ? "## " : "### ");
            put(out, p->text);
            report_put(out, "\n\n");
            break;
        case REPORT_PARAGRAPH:
            put_line(out, p->text);
            report_put(out, "\n\n");
            break;
        case REPORT_ITEM:
            report_put(out, "- ");
            put_line(out, p->text);
            report_put(out,
                       i + 1 < d->count && d->parts[i + 1].kind == REPORT_ITEM ? "\n" : "\n\n");
            break;
        case REPORT_TABLE:
            put_table(out, p->table);
            break;
        case REPORT_FIGURE:
            if (figures && p->figure->panel_count)
                put_figure(out, p->figure, figures);
            break;
        }
    }
}
