/* SPDX-License-Identifier: MIT
 *
 * Four kinds of charts, drawn as SVG 480 units wide, so that text stays readable on a phone: bars,
 * lines, ratios with intervals, and a roofline. Styles are numbers of series (report_style.c).
 * What is NAN is left out. NULL = there is nothing to draw.
 */
#ifndef MICA_BENCH_REPORT_CHARTS_H
#define MICA_BENCH_REPORT_CHARTS_H

#include "report_document.h"

enum { CHART_SERIES = 8, CHART_POINTS = 32 };

typedef struct chart_series {
    const char *name;
    int style;
} chart_series;

/* Groups of lying bars on a logarithmic axis of milliseconds, or a linear one of percent. */
typedef struct chart_group {
    const char *label;
    bool strong;
    double values[CHART_SERIES];
    double floor; /* a line across the first `floored` bars */
} chart_group;

typedef struct chart_bars {
    const char *title, *description;
    bool percent;
    chart_series series[CHART_SERIES];
    size_t series_count, floored;
    const chart_group *groups;
    size_t count;
} chart_bars;

const report_svg *chart_draw_bars(report_pool *pool, const chart_bars *chart);

/* Lines of milliseconds over a number, both axes logarithmic. */
typedef struct chart_line {
    chart_series series;
    double values[CHART_POINTS];
} chart_line;

typedef struct chart_lines {
    const char *title, *description, *x_name;
    const double *xs; /* rising; count <= CHART_POINTS */
    size_t x_count;
    const chart_line *lines;
    size_t count; /* at most CHART_SERIES */
} chart_lines;

const report_svg *chart_draw_lines(report_pool *pool, const chart_lines *chart);

/* Ratios with intervals beside a line at 1; `heading` stands in the picture. */
typedef struct chart_ratio {
    const char *label, *text;
    double value, low, high;
} chart_ratio;

const report_svg *chart_draw_ratios(report_pool *pool, const char *title, const char *description,
                                    const char *heading, const chart_ratio *ratios, size_t count);

/* Work a second over work a byte, under what the machine can do. */
typedef struct chart_dot {
    const char *name;
    double intensity, rate; /* operations a byte, operations a second */
    int style;
    bool hollow;
} chart_dot;

typedef struct chart_roof {
    const char *title, *description;
    double peak; /* operations a second */
    struct {
        const char *name;
        double bandwidth; /* bytes a second */
    } roofs[4];
    size_t roof_count;
    chart_series series[2]; /* of filled and of hollow dots */
    const chart_dot *dots;
    size_t count;
} chart_roof;

const report_svg *chart_draw_roof(report_pool *pool, const chart_roof *chart);

#endif
