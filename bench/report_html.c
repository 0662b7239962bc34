/* SPDX-License-Identifier: MIT
 *
 * One page: styles and pictures are in it, and nothing is fetched or run.
 */
#include <stdio.h>
#include <string.h>

#include "report_writers.h"

static void put(report_text *out, const char *text)
{
    report_put_escaped(out, text);
}

static void put_svg(report_text *out, const report_svg *s, const char *id, bool file)
{
    report_addf(out, "<svg%s viewBox=\"0 0 %g %g\" role=\"img\" aria-labelledby=\"%s-t %s-d\"",
                file ? " xmlns=\"http://www.w3.org/2000/svg\"" : "", s->width, s->height, id, id);
    if (file)
        report_addf(out, " width=\"%g\" height=\"%g\"", s->width, s->height);
    report_addf(out, "><title id=\"%s-t\">", id);
    put(out, s->title);
    report_addf(out, "</title><desc id=\"%s-d\">", id);
    put(out, s->description);
    report_put(out, "</desc>\n");
    if (file)
        report_addf(out, "<style>%s</style><rect class=\"paper\" width=\"%g\" height=\"%g\"/>\n",
                    report_svg_style, s->width, s->height);
    report_put(out, s->body);
    report_put(out, "</svg>\n");
}

void report_write_svg(const report_svg *svg, report_text *out)
{
    put_svg(out, svg, "svg", true);
}

/* Bytes: of words in a column, which stay on one line, or else are sentences; of a number, or else
 * it has an interval and may be broken. */
enum { FEW = 26, LONG = 16 };

/* A number whose interval, if it is broken, goes to the next line as a whole. */
static void put_interval(report_text *out, const char *text)
{
    report_text escaped = {0};
    put(&escaped, text);
    const char *begin = escaped.data ? strchr(escaped.data, '(') : NULL;
    const char *end = begin ? strchr(begin, ')') : NULL;
    if (end) {
        report_add(out, escaped.data, (size_t)(begin - escaped.data));
        report_put(out, "<span>");
        report_add(out, begin, (size_t)(end + 1 - begin));
        report_put(out, "</span>");
        report_put(out, end + 1);
    } else {
        report_put(out, escaped.data ? escaped.data : "");
    }
    out->failed |= escaped.failed;
    report_text_free(&escaped);
}

static void put_field(report_text *out, const report_field *f, const report_column *c, bool label,
                      bool sentences)
{
    static const char *const classes[] = {"", "won", "lost", "missing"};
    const char *kind = !c->number ? sentences ? " t" : " t s" : strlen(f->text) > LONG ? " i" : "";
    report_put(out, label ? "<th scope=\"row\"" : "<td");
    if (!label && (f->mark || f->doubt || kind[0]))
        report_addf(out, " class=\"%s%s%s\"", classes[f->mark], f->doubt ? " suspect" : "", kind);
    if (f->why && f->why[0]) {
        report_put(out, " title=\"");
        put(out, f->why);
        report_put(out, "\"");
    }
    report_put(out, ">");
    if (c->number)
        put_interval(out, f->text);
    else
        put(out, f->text);
    report_put(out, f->doubt ? f->doubt : "");
    report_put(out, label ? "</th>" : "</td>");
}

/* Which columns have sentences; the labels' is the first. */
static void find_sentences(const report_table *t, bool *sentences)
{
    for (size_t k = 0; k < t->column_count; k++)
        sentences[k] = false;
    for (size_t row = 0; row < report_table_rows(t); row++)
        for (size_t k = 0; k < t->column_count; k++)
            sentences[k] |= strlen(t->fields[row * t->column_count + k].text) > FEW;
}

/* Columns too many for a page's width in the usual type; or rows so many and short that print has
 * them side by side. */
static const char *shape_of(const report_table *t, const bool *sentences)
{
    size_t wide = 0;
    for (size_t k = 1; k < t->column_count; k++)
        wide += sentences[k];
    if (t->column_count > 11)
        return "many";
    return t->column_count < 8 && wide == 0 && report_table_rows(t) > 24 ? "tall" : "";
}

static void put_table(report_text *out, const report_table *t, size_t number)
{
    bool sentences[REPORT_COLUMNS];
    find_sentences(t, sentences);
    const char *shape = shape_of(t, sentences);
    report_addf(out,
                "<div class=\"box %s\" role=\"region\" tabindex=\"0\" "
                "aria-labelledby=\"t%zu\"><table class=\"%s%s\"><caption>"
                "<span id=\"t%zu\">",
                shape, number, shape, sentences[0] ? " long" : "", number);
    put(out, t->caption);
    report_put(out, "</span></caption>\n<thead><tr>");
    for (size_t k = 0; k < t->column_count; k++) {
        report_addf(out, "<th scope=\"col\"%s>", t->columns[k].number ? "" : " class=\"t\"");
        put(out, t->columns[k].name);
        if (t->columns[k].unit[0]) {
            report_put(out, " <small>");
            put(out, t->columns[k].unit);
            report_put(out, "</small>");
        }
        report_put(out, "</th>");
    }
    report_put(out, "</tr></thead>\n<tbody>\n");
    for (size_t row = 0; row < report_table_rows(t); row++) {
        report_put(out, "<tr>");
        for (size_t k = 0; k < t->column_count; k++)
            put_field(out, &t->fields[row * t->column_count + k], &t->columns[k], k == 0,
                      sentences[k]);
        report_put(out, "</tr>\n");
    }
    report_put(out, "</tbody></table></div>\n");
}

static void put_figure(report_text *out, const report_figure *f, size_t number)
{
    report_addf(out, "<figure id=\"%s\"><div class=\"panels%s\">\n", f->id,
                f->panel_count > 1 ? " several" : "");
    for (size_t i = 0; i < f->panel_count; i++) {
        char id[32];
        snprintf(id, sizeof id, "f%zu-%zu", number, i);
        put_svg(out, f->panels[i], id, false);
    }
    report_put(out, "</div><figcaption>");
    put(out, f->caption);
    report_put(out, "</figcaption></figure>\n");
}

static void put_contents(report_text *out, const report_document *d)
{
    report_put(out, "<nav aria-label=\"Contents\"><ul>\n");
    for (size_t i = 0; i < d->count; i++)
        if (d->parts[i].kind == REPORT_HEADING && d->parts[i].level == 2) {
            report_addf(out, "<li><a href=\"#%s\">", d->parts[i].id);
            put(out, d->parts[i].text);
            report_put(out, "</a></li>\n");
        }
    report_put(out, "</ul></nav>\n");
}

static void put_part(report_text *out, const report_document *d, size_t i, bool *open)
{
    const report_part *p = &d->parts[i];
    bool first = i == 0 || d->parts[i - 1].kind != REPORT_ITEM;
    bool last = i + 1 == d->count || d->parts[i + 1].kind != REPORT_ITEM;
    switch (p->kind) {
    case REPORT_HEADING:
        if (p->level == 2) {
            report_addf(out, "%s<section id=\"%s\">\n", *open ? "</section>\n" : "", p->id);
            *open = true;
        }
        report_addf(out, "<h%d>", p->level);
        put(out, p->text);
        report_addf(out, "</h%d>\n", p->level);
        break;
    case REPORT_PARAGRAPH:
        report_put(out, "<p>");
        put(out, p->text);
        report_put(out, "</p>\n");
        break;
    case REPORT_ITEM:
        report_put(out, first ? "<ul>\n<li>" : "<li>");
        put(out, p->text);
        report_put(out, last ? "</li>\n</ul>\n" : "</li>\n");
        break;
    case REPORT_TABLE:
        put_table(out, p->table, i);
        break;
    case REPORT_FIGURE:
        if (p->figure->panel_count)
            put_figure(out, p->figure, i);
        break;
    }
}

void report_write_html(const report_document *d, report_text *out)
{
    bool open = false;
    report_put(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<meta name=\"color-scheme\" content=\"light dark\">\n"
                    "<meta name=\"generator\" content=\"mica bench report\">\n<title>");
    put(out, d->title);
    report_put(out, "</title>\n<style>\n");
    report_put(out, report_svg_style);
    report_put(out, report_page_style);
    report_put(out, "</style>\n</head>\n<body>\n<main>\n<h1>");
    put(out, d->title);
    report_put(out, "</h1>\n");
    put_contents(out, d);
    for (size_t i = 0; i < d->count; i++)
        put_part(out, d, i, &open);
    report_put(out, open ? "</section>\n" : "");
    report_put(out, "</main>\n</body>\n</html>\n");
}
