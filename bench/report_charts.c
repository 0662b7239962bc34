/* SPDX-License-Identifier: MIT */
#include "report_charts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 480 };
static const double letter = 6.4, small_letter = 5.7; /* about how wide a letter is */

/* ---- what the charts share ---- */

/* From a value to a place along an axis. */
typedef struct scale {
    bool log;
    double low, high, from, to;
} scale;

static double place(const scale *s, double value)
{
    double a = s->log ? log10(s->low) : s->low, b = s->log ? log10(s->high) : s->high;
    double v = s->log ? log10(value > s->low ? value : s->low) : value;
    double at = b > a ? (v - a) / (b - a) : 0.5;
    return s->from + (s->to - s->from) * (at > 1.05 ? 1.05 : at);
}

/* What no machine does would only make an axis that nobody can read. */
static void widen(double value, double *low, double *high)
{
    if (value > 1e-9 && value < 1e15) {
        *low = fmin(*low, value);
        *high = fmax(*high, value);
    }
}

/* Whole decades, or for `fine` of less than two decades steps of 1, 2 and 5 around the values. */
static void round_log(double *low, double *high, bool fine)
{
    static const double steps[] = {1, 2, 5, 10};
    double below = pow(10, floor(log10(*low))), above = pow(10, floor(log10(*high)));
    if (!fine) {
        *high = above < *high ? above * 10 : above;
        *low = below;
        if (*high <= *low)
            *high = *low * 10;
        return;
    }
    double l = below, h = above * 10;
    for (int i = 0; i < 4; i++)
        if (below * steps[i] <= *low * (1 + 1e-9))
            l = below * steps[i];
    for (int i = 3; i >= 0; i--)
        if (above * steps[i] >= *high * (1 - 1e-9))
            h = above * steps[i];
    *low = l;
    *high = h > l ? h : l * 10;
}

/* A text of at most `room` units. */
static void put_fit(report_text *out, const char *text, double room, double width)
{
    size_t letters = 0, size = 0, most = (size_t)(room / width);
    for (const char *c = text; *c; c++)
        letters += ((unsigned char)*c & 0xc0) != 0x80;
    if (letters <= most) {
        report_put_escaped(out, text);
        return;
    }
    char part[256];
    letters = 0;
    for (; text[size] && size + 1 < sizeof part; size++) {
        if (((unsigned char)text[size] & 0xc0) != 0x80 && ++letters >= most)
            break;
        part[size] = text[size];
    }
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    part[size] = 0;
    report_put_escaped(out, part);
    report_put(out, "\u2026");
}

static void put_label(report_text *out, double x, double y, const char *class, const char *text,
                      double room)
{
    report_addf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    put_fit(out, text, room, strstr(class, "small") ? small_letter : letter);
    report_put(out, "</text>\n");
}

/* Of 1, 2 or 5 times a power of ten, written out. */
static int decimals(double tick)
{
    double power = floor(log10(tick) + 1e-9);
    return tick > 0 && power < 0 ? (int)-power : 0;
}

/* The vertical lines and numbers of an axis below a chart. */
static void put_x_axis(report_text *out, const scale *s, double top, double bottom,
                       const char *unit)
{
    double decades = s->log ? log10(s->high / s->low) : 0;
    bool fine = s->log && decades < 2.01;
    double step = !s->log ? (s->high > 100 ? 50 : 25) : decades > 6.5 ? 100 : 10;
    double first = s->log ? pow(10, floor(log10(s->low))) : 0;
    for (double t = first; t <= s->high * 1.0001; t = s->log ? t * step : t + step)
        for (int k = 1; k <= (fine ? 5 : 1); k += k == 2 ? 3 : 1) {
            double v = s->log ? t * k : t;
            if (v < s->low * 0.9999 || v > s->high * 1.0001)
                continue;
            report_addf(out, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>", place(s, v), top,
                        bottom);
            report_addf(out, "<text class=\"soft small mid\" x=\"%.1f\" y=\"%.1f\">%.*f</text>\n",
                        place(s, v), bottom + 14, decimals(v), v);
        }
    report_addf(out, "<text class=\"soft small end\" x=\"%d\" y=\"%.1f\">", WIDTH - 2, bottom + 29);
    report_put_escaped(out, unit);
    report_put(out, "</text>\n");
}

static void put_y_axis(report_text *out, const scale *s, double left, double right)
{
    bool fine = log10(s->high / s->low) < 2.01;
    for (double t = pow(10, floor(log10(s->low))); t <= s->high * 1.0001; t *= 10)
        for (int k = 1; k <= (fine ? 5 : 1); k += k == 2 ? 3 : 1) {
            if (t * k < s->low * 0.9999 || t * k > s->high * 1.0001)
                continue;
            double y = place(s, t * k);
            report_addf(out, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>", left, y, right);
            report_addf(out, "<text class=\"soft small end\" x=\"%.1f\" y=\"%.1f\">%.*f</text>\n",
                        left - 5, y + 4, decimals(t * k), t * k);
        }
}

/* Names with what stands for them, in as many rows as they need from `y`; the next free y. */
static double put_legend(report_text *out, const chart_series *series, size_t count, bool hollow,
                         bool line, double y)
{
    double x = 2;
    for (size_t i = 0; i < count; i++) {
        double width = 18 + letter * (double)strlen(series[i].name) + 14;
        width = fmin(width, WIDTH - 4);
        if (x > 2 && x + width > WIDTH) {
            x = 2;
            y += 17;
        }
        if (line && series[i].style == 7)
            report_addf(out, "<path class=\"floor\" d=\"M%.1f %.1fh12\"/>", x, y + 6);
        else if (hollow && i == 1)
            report_addf(out, "<circle class=\"hollow l%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>",
                        series[i].style, x + 6, y + 6);
        else
            report_addf(out,
                        "<rect class=\"b%d\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"11\"/>",
                        series[i].style, x, y + .5);
        put_label(out, x + 18, y + 10, "", series[i].name, WIDTH - 24);
        x += width;
    }
    return y + 20;
}

static const report_svg *finish(report_pool *pool, report_text *out, double height,
                                const char *title, const char *description)
{
    report_svg *svg = report_alloc(pool, 1, sizeof *svg);
    pool->failed |= out->failed;
    if (svg)
        *svg = (report_svg){WIDTH, height, report_print(pool, "%s", title),
                            report_print(pool, "%s", description),
                            report_print(pool, "%s", out->data && !out->failed ? out->data : "")};
    report_text_free(out);
    return svg;
}

/* ---- bars ---- */

enum { BAR = 11, BAR_LEFT = 120, BAR_RIGHT = 432, BAR_GAP = 11 };

static size_t bars_in(const chart_bars *c, const chart_group *g)
{
    size_t n = 0;
    for (size_t i = 0; i < c->series_count; i++)
        n += !isnan(g->values[i]);
    return n;
}

static double put_group(report_text *out, report_pool *pool, const chart_bars *c,
                        const chart_group *g, const scale *s, double y)
{
    double height = BAR * (double)bars_in(c, g), top = y, floored = y;
    if (g->strong)
        report_addf(out, "<rect class=\"band\" x=\"0\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>",
                    y - BAR_GAP / 2.0, BAR_LEFT - 4, height + BAR_GAP);
    bool tight = letter * (double)strlen(g->label) > BAR_LEFT - 10;
    put_label(out, 4, y + height / 2 + 4,
              tight       ? "small"
              : g->strong ? "strong"
                          : "",
              g->label, BAR_LEFT - 10);
    for (size_t i = 0; i < c->series_count; i++) {
        double v = g->values[i];
        if (isnan(v))
            continue;
        double end = fmax(place(s, v), BAR_LEFT + 1);
        report_addf(out, "<rect class=\"b%d\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>",
                    c->series[i].style, BAR_LEFT, y, end - BAR_LEFT, BAR - 1);
        report_addf(out, "<text class=\"small\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", end + 4, y + 9,
                    report_print(pool,
                                 c->percent  ? "%.0f %%"
                                 : v >= 1000 ? "%.0f"
                                             : "%.3g",
                                 v));
        y += BAR;
        if (i < c->floored)
            floored = y;
    }
    if (g->floor > 0 && floored > top)
        report_addf(out, "<path class=\"floor\" d=\"M%.1f %.1fV%.1f\"/>\n", place(s, g->floor),
                    top - 3, floored + 2);
    return top + height + BAR_GAP;
}

const report_svg *chart_draw_bars(report_pool *pool, const chart_bars *c)
{
    report_text out = {0};
    double low = INFINITY, high = 0;
    for (size_t g = 0; g < c->count; g++) {
        for (size_t i = 0; i < c->series_count; i++)
            widen(c->groups[g].values[i], &low, &high);
        if (!c->percent)
            widen(c->groups[g].floor, &low, &high);
    }
    if (high == 0)
        return NULL;
    if (!c->percent)
        round_log(&low, &high, false);
    scale s = {!c->percent, c->percent ? 0 : low, c->percent ? fmax(high, 100) : high, BAR_LEFT,
               BAR_RIGHT};
    chart_series legend[CHART_SERIES + 1];
    size_t named = c->series_count;
    memcpy(legend, c->series, sizeof c->series);
    if (c->floored)
        legend[named++] = (chart_series){"floor of this machine", 7};
    double top = put_legend(&out, legend, named, false, true, 2) + 6, bottom = top;
    for (size_t g = 0; g < c->count; g++)
        bottom += BAR * (double)bars_in(c, &c->groups[g]) + BAR_GAP;
    put_x_axis(&out, &s, top - 4, bottom - 4,
               c->percent ? "percent of what the machine can do" : "milliseconds, logarithmic");
    double y = top;
    for (size_t g = 0; g < c->count; g++)
        y = put_group(&out, pool, c, &c->groups[g], &s, y);
    return finish(pool, &out, bottom + 30, c->title, c->description);
}

/* ---- lines ---- */

enum { LINE_LEFT = 46, LINE_RIGHT = 326, LINE_TOP = 26, LINE_BOTTOM = 282, LINE_HEIGHT = 320 };

/* Marks differ with the series, so that lines are told apart without colours. */
static void put_mark(report_text *out, int style, double x, double y)
{
    static const char *const shapes[] = {
        "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0",
        "M-3.2 -3.2h6.4v6.4h-6.4z",
        "M0 -4.4L4.2 3.2H-4.2z",
        "M0 -4.6L4.6 0L0 4.6L-4.6 0z",
        "M0 4.4L4.2 -3.2H-4.2z",
        "M-4 -1.2h2.8v-2.8h2.4v2.8h2.8v2.4h-2.8v2.8h-2.4v-2.8h-2.8z",
        "M-4 -1.5h8v3h-8z",
        ""};
    report_addf(out, "<path class=\"b%d\" transform=\"translate(%.1f %.1f)\" d=\"%s\"/>", style, x,
                y, shapes[style]);
}

typedef struct end_label {
    const chart_line *line;
    double y, at; /* of the line's end, and of its label */
} end_label;

static int by_y(const void *a, const void *b)
{
    double x = ((const end_label *)a)->y, y = ((const end_label *)b)->y;
    return (x > y) - (x < y);
}

/* Pushes labels apart: down, then back up from the bottom. */
static void spread(end_label *labels, size_t n)
{
    const double apart = 14;
    qsort(labels, n, sizeof *labels, by_y);
    for (size_t i = 0; i < n; i++)
        labels[i].at = i > 0 && labels[i].y < labels[i - 1].at + apart ? labels[i - 1].at + apart
                                                                       : labels[i].y;
    double limit = LINE_BOTTOM + 4;
    for (size_t i = n; i > 0 && labels[i - 1].at > limit; i--) {
        labels[i - 1].at = limit;
        limit -= apart;
    }
}

static void put_line(report_text *out, const chart_lines *c, const chart_line *line, const scale *x,
                     const scale *y)
{
    bool drawing = false;
    report_addf(out, "<path class=\"line l%d\" d=\"", line->series.style);
    for (size_t i = 0; i < c->x_count; i++) {
        if (isnan(line->values[i])) {
            drawing = false;
            continue;
        }
        report_addf(out, "%s%.1f %.1f", drawing ? "L" : "M", place(x, c->xs[i]),
                    place(y, line->values[i]));
        drawing = true;
    }
    report_put(out, "\"/>\n");
    for (size_t i = 0; i < c->x_count; i++)
        if (!isnan(line->values[i]))
            put_mark(out, line->series.style, place(x, c->xs[i]), place(y, line->values[i]));
}

const report_svg *chart_draw_lines(report_pool *pool, const chart_lines *c)
{
    report_text out = {0};
    double low = INFINITY, high = 0;
    end_label labels[CHART_SERIES];
    size_t n = 0;
    for (size_t k = 0; k < c->count; k++)
        for (size_t i = 0; i < c->x_count; i++)
            widen(c->lines[k].values[i], &low, &high);
    if (high == 0)
        return NULL;
    round_log(&low, &high, true);
    double first = c->xs[0], last = c->xs[c->x_count - 1];
    scale x = {true, first, last > first ? last : first * 2, LINE_LEFT + 12, LINE_RIGHT - 12};
    scale y = {true, low, high, LINE_BOTTOM, LINE_TOP};
    put_label(&out, 2, 13, "strong", c->title, WIDTH - 110);
    report_addf(&out, "<text class=\"soft small end\" x=\"%d\" y=\"13\">ms, logarithmic</text>\n",
                WIDTH - 2);
    put_y_axis(&out, &y, LINE_LEFT, LINE_RIGHT);
    for (size_t i = 0; i < c->x_count; i++)
        report_addf(&out, "<text class=\"soft small mid\" x=\"%.1f\" y=\"%d\">%g</text>\n",
                    place(&x, c->xs[i]), LINE_BOTTOM + 15, c->xs[i]);
    report_addf(&out, "<text class=\"soft small mid\" x=\"%d\" y=\"%d\">",
                (LINE_LEFT + LINE_RIGHT) / 2, LINE_BOTTOM + 32);
    report_put_escaped(&out, c->x_name);
    report_put(&out, "</text>\n");
    for (size_t k = c->count; k > 0; k--) { /* mica last, above the others */
        const chart_line *line = &c->lines[k - 1];
        size_t end = c->x_count;
        while (end > 0 && isnan(line->values[end - 1]))
            end--;
        if (end == 0)
            continue;
        put_line(&out, c, line, &x, &y);
        labels[n++] = (end_label){line, place(&y, line->values[end - 1]), 0};
    }
    spread(labels, n);
    for (size_t i = 0; i < n; i++) {
        const chart_line *line = labels[i].line;
        report_addf(&out, "<path class=\"lead l%d\" d=\"M%d %.1fL%d %.1f\"/>", line->series.style,
                    LINE_RIGHT - 6, labels[i].y, LINE_RIGHT + 10, labels[i].at);
        if (line->series.style == 7)
            report_addf(&out, "<path class=\"floor\" d=\"M%d %.1fh11\"/>", LINE_RIGHT + 11,
                        labels[i].at);
        else
            put_mark(&out, line->series.style, LINE_RIGHT + 16, labels[i].at);
        put_label(&out, LINE_RIGHT + 24, labels[i].at + 4,
                  line->series.style == 0 ? "strong small" : "small", line->series.name,
                  WIDTH - LINE_RIGHT - 25);
    }
    return finish(pool, &out, LINE_HEIGHT, c->title, c->description);
}

/* ---- ratios ---- */

enum { RATIO_LEFT = 182, RATIO_RIGHT = 356, RATIO_ROW = 19 };

const report_svg *chart_draw_ratios(report_pool *pool, const char *title, const char *description,
                                    const char *heading, const chart_ratio *ratios, size_t count)
{
    report_text out = {0};
    double low = 1, high = 1, y = 22;
    for (size_t i = 0; i < count; i++) {
        widen(ratios[i].low, &low, &high);
        widen(ratios[i].high, &low, &high);
    }
    if (count == 0)
        return NULL;
    round_log(&low, &high, true);
    scale s = {true, low, high, RATIO_LEFT, RATIO_RIGHT};
    double bottom = y + RATIO_ROW * (double)count;
    put_label(&out, 2, 11, "strong", heading, 90);
    report_addf(&out,
                "<text class=\"soft small end\" x=\"%.1f\" y=\"11\">\u2190 mica slower</text>"
                "<text class=\"soft small\" x=\"%.1f\" y=\"11\">faster \u2192</text>\n",
                place(&s, 1) - 5, place(&s, 1) + 5);
    put_x_axis(&out, &s, y - 2, bottom, "times as long as mica, logarithmic");
    report_addf(&out, "<path class=\"one\" d=\"M%.1f %.1fV%.1f\"/>\n", place(&s, 1), y - 6, bottom);
    for (size_t i = 0; i < count; i++, y += RATIO_ROW) {
        const chart_ratio *r = &ratios[i];
        bool lost = r->high < 1;
        double middle = y + RATIO_ROW / 2.0;
        put_label(&out, 2, middle + 4, "small", r->label, RATIO_LEFT - 6);
        report_addf(&out, "<path class=\"line l%d\" d=\"M%.1f %.1fH%.1f\"/>", lost,
                    place(&s, r->low), middle, place(&s, r->high));
        put_mark(&out, lost, place(&s, r->value), middle);
        put_label(&out, RATIO_RIGHT + 10, middle + 4, lost ? "strong small" : "small", r->text,
                  WIDTH - RATIO_RIGHT - 10);
    }
    return finish(pool, &out, bottom + 34, title, description);
}

/* ---- roofline ---- */

enum { ROOF_LEFT = 46, ROOF_RIGHT = 462, ROOF_BOTTOM = 350 };

/* A roof rises with the bandwidth until the peak; its name stands along it. */
static void put_roof(report_text *out, double bandwidth, double peak, const char *name,
                     const scale *x, const scale *y)
{
    double from = x->low, to = fmin(peak / bandwidth, x->high);
    if (bandwidth * from < y->low)
        from = y->low / bandwidth;
    if (to <= from)
        return;
    double x0 = place(x, from), y0 = place(y, bandwidth * from), x1 = place(x, to),
           y1 = place(y, bandwidth * to);
    report_addf(out, "<path class=\"floor\" d=\"M%.1f %.1fL%.1f %.1f\"/>", x0, y0, x1, y1);
    double angle = atan2(y1 - y0, x1 - x0) * 57.29578;
    report_addf(out,
                "<text class=\"small\" transform=\"translate(%.1f %.1f) rotate(%.1f)\" dy=\"-4\">",
                x0 + 4, y0 - 2, angle);
    report_put_escaped(out, name);
    report_put(out, "</text>\n");
}

const report_svg *chart_draw_roof(report_pool *pool, const chart_roof *c)
{
    report_text out = {0};
    double xl = INFINITY, xh = 0, yl = INFINITY, yh = 0;
    for (size_t i = 0; i < c->count; i++) {
        widen(c->dots[i].intensity, &xl, &xh);
        widen(c->dots[i].rate / 1e9, &yl, &yh);
    }
    if (xh == 0 || !(c->peak > 0))
        return NULL;
    widen(c->peak / 1e9, &yl, &yh);
    round_log(&xl, &xh, false);
    round_log(&yl, &yh, false);
    double top = put_legend(&out, c->series, 2, true, false, 2) + 22;
    scale x = {true, xl, xh, ROOF_LEFT, ROOF_RIGHT}, y = {true, yl, yh, ROOF_BOTTOM, top};
    report_addf(&out, "<text class=\"soft small\" x=\"2\" y=\"%.1f\">GFLOP/s, logarithmic</text>\n",
                top - 10);
    put_x_axis(&out, &x, top, ROOF_BOTTOM, "operations a byte that has to be moved, logarithmic");
    put_y_axis(&out, &y, ROOF_LEFT, ROOF_RIGHT);
    double level = place(&y, c->peak / 1e9);
    report_addf(&out, "<path class=\"floor\" d=\"M%d %.1fH%d\"/>", ROOF_LEFT, level, ROOF_RIGHT);
    report_addf(&out,
                "<text class=\"small end\" x=\"%d\" y=\"%.1f\">arithmetic: %.0f GFLOP/s</text>\n",
                ROOF_RIGHT, level - 5, c->peak / 1e9);
    for (size_t i = 0; i < c->roof_count; i++)
        put_roof(&out, c->roofs[i].bandwidth / 1e9, c->peak / 1e9, c->roofs[i].name, &x, &y);
    for (size_t i = 0; i < c->count; i++) {
        const chart_dot *d = &c->dots[i];
        if (!(d->intensity > 0) || !(d->rate > 0))
            continue;
        report_addf(&out, "<circle class=\"%s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>",
                    d->hollow ? "hollow l" : "b", d->style, place(&x, d->intensity),
                    place(&y, d->rate / 1e9));
        report_put_escaped(&out, d->name);
        report_put(&out, "</title></circle>\n");
    }
    return finish(pool, &out, ROOF_BOTTOM + 34, c->title, c->description);
}
