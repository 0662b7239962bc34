/* SPDX-License-Identifier: MIT
 *
 * The paper's figures 1 to 4 with this machine in them, and three more: ratios, shares of the floor
 * and the roofline.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "report_charts.h"

enum { GROUPS = 12 }; /* of bars in a panel */
/* The published ones in the figures of models, in their order there. */
static const int devices[] = {REPORT_M2, REPORT_M1, REPORT_M1_CPU, REPORT_A10, REPORT_HOST};
static const report_class fp32 = {REPORT_FP32, false};

/* The operations that the paper marks: transformers lean on them. */
static bool is_transformer(const char *op)
{
    return strcmp(op, "MatMul") == 0 || strcmp(op, "Linear") == 0 || strcmp(op, "Softmax") == 0;
}

static double ms(double seconds)
{
    return seconds * 1e3;
}

static double published(const report *r, char table, int device, const char *name)
{
    const report_published *p = name ? report_paper_find(r->paper, table, device, name) : NULL;
    return p ? p->ms : NAN;
}

/* `text` with the sign of suspect times, if it stands for some. */
static const char *marked(const report *r, const char *text, size_t suspect)
{
    return suspect ? report_print(r->pool, "%s " REPORT_MEASURED, text) : text;
}

static void explain_marks(report *r, const report_cell *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < cells[i].arm_count; k++)
            if (cells[i].arms[k].suspect[0]) {
                report_explain_suspects(r);
                return;
            }
}

/* ---- operations ---- */

/* Panels of a dozen groups each, as even as they go. */
static void put_panels(report *r, report_figure *f, chart_bars *chart, const chart_group *groups,
                       size_t count)
{
    size_t panels = (count + GROUPS - 1) / GROUPS;
    for (size_t p = 0, from = 0; p < panels; p++) {
        size_t n = (count - from + panels - p - 1) / (panels - p);
        chart->groups = groups + from;
        chart->count = n;
        report_figure_add(f, chart_draw_bars(r->pool, chart));
        from += n;
    }
}

static void figure_1(report *r, const report_group *groups, size_t count)
{
    chart_bars chart = {
        .title = "Runtime of the operations",
        .description =
            "Bars of the average runtime of each operation: mica and the fastest peer on "
            "this machine, MLX on the M1's GPU and PyTorch on the A10 as published. The "
            "numbers are in table B.",
        .series = {{"mica", 0}, {"fastest peer here", 1}, {"M1 GPU, MLX", 2}, {"A10, PyTorch", 5}},
        .series_count = 4,
        .floored = 2};
    chart_group *bars = report_alloc(r->pool, count + 1, sizeof *bars);
    size_t n = 0;
    for (size_t i = 0; i < count && bars; i++) {
        const report_group *g = &groups[i];
        if (!g->published)
            continue;
        bars[n++] = (chart_group){.label = marked(r, g->label, g->average.suspect),
                                  .strong = is_transformer(g->label),
                                  .values = {ms(g->average.mica), ms(g->average.peer),
                                             published(r, 'B', REPORT_M1, g->published),
                                             published(r, 'B', REPORT_A10, g->published)},
                                  .floor = ms(g->average.floor)};
    }
    report_figure *f = report_figure_begin(
        r->document, "figure-1",
        "Figure 1: average runtime of the operations, on a logarithmic axis; those that "
        "transformers lean on are set in bold on a band. The dashed line is the least time that "
        "this machine needs. Some of the published bars never did the work (see \u201cThe "
        "paper\u2019s figures\u201d).");
    put_panels(r, f, &chart, bars, n);
}

/* Without the level, which the tables have. */
static const char *short_ratio(const report *r, const report_average *a)
{
    bench_interval ratio = a->ratio;
    ratio.level = ratio.level > 0 ? 1 : ratio.level;
    return marked(r, report_ratio_text(r->pool, &ratio), a->suspect);
}

static void put_ratios(report *r, report_figure *f, const char *heading, const report_group *groups,
                       size_t count)
{
    chart_ratio *rows = report_alloc(r->pool, count + 1, sizeof *rows);
    size_t n = 0;
    for (size_t i = 0; i < count && rows; i++) {
        const bench_interval *ratio = &groups[i].average.ratio;
        if (ratio->level >= 0)
            rows[n++] = (chart_ratio){groups[i].label, short_ratio(r, &groups[i].average),
                                      ratio->median, ratio->low, ratio->high};
    }
    report_figure_add(
        f, chart_draw_ratios(r->pool,
                             report_print(r->pool, "mica against the fastest peer%s%s",
                                          heading[0] ? ", " : "", heading),
                             "How many times as long the fastest peer takes as mica: geometric "
                             "means with intervals, beside a line at 1.",
                             heading, rows, n));
}

/* The geometric mean of the floor's share in mica's (or the fastest peer's) times, in percent. */
static double share_of_floor(const report_group *g, bool peer)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < g->count; i++) {
        const report_match *m = &g->matches[i];
        const report_arm *arm = peer ? m->peer : m->mica;
        double floor = m->cell->floor[REPORT_FP32];
        if (!arm || arm->state != BENCH_OK || !(floor > 0))
            continue;
        sum += log(floor / arm->time.median);
        n++;
    }
    return n ? 100 * exp(sum / (double)n) : NAN;
}

static void figure_shares(report *r, const report_group *groups, size_t count)
{
    chart_bars chart = {.title = "Share of what the machine can do",
                        .description = "Bars of the floor's share in the time of mica and of the "
                                       "fastest peer, by operation.",
                        .percent = true,
                        .series = {{"mica", 0}, {"fastest peer here", 1}},
                        .series_count = 2};
    chart_group *bars = report_alloc(r->pool, count + 1, sizeof *bars);
    for (size_t i = 0; i < count && bars; i++)
        bars[i] = (chart_group){
            .label = marked(r, groups[i].label, groups[i].average.suspect),
            .strong = is_transformer(groups[i].label),
            .values = {share_of_floor(&groups[i], false), share_of_floor(&groups[i], true)}};
    report_figure *f = report_figure_begin(
        r->document, "figure-shares",
        "Share of the machine\u2019s measured limit that is reached: the floor over the time, "
        "geometric mean of the cases. What works within a cache that the floor\u2019s bandwidth "
        "does "
        "not know of can exceed 100 %.");
    put_panels(r, f, &chart, bars, bars ? count : 0);
}

static void figure_roof(report *r)
{
    const report_run *run = report_run_of(r->results, "ops");
    const report_results *results = r->results;
    chart_roof chart = {.title = "Roofline of the operations",
                        .description = "Each case by its operations a byte and what was reached, "
                                       "below the measured arithmetic and bandwidth.",
                        .series = {{"mica", 0}, {"fastest peer here", 1}}};
    chart_dot *dots = report_alloc(r->pool, 2 * results->op_count + 1, sizeof *dots);
    if (!run || !dots)
        return;
    chart.peak = run->flops;
    for (size_t k = 0; k < 2 && run->bandwidth_count; k++) { /* the smallest and the largest */
        size_t i = k ? run->bandwidth_count - 1 : 0;
        if (k && i == 0)
            continue;
        double bytes = run->bandwidth[i].bytes;
        chart.roofs[chart.roof_count].name =
            report_print(r->pool, "%.0f GB/s read of %.3g %s", run->bandwidth[i].read / 1e9,
                         bytes >= 1e6 ? bytes / 1e6 : bytes / 1e3, bytes >= 1e6 ? "MB" : "kB");
        chart.roofs[chart.roof_count++].bandwidth = run->bandwidth[i].read;
    }
    for (int peer = 1; peer >= 0; peer--)
        for (size_t i = 0; i < results->op_count; i++) {
            const report_cell *c = &results->ops[i];
            report_match m = report_match_fastest(r->pool, c, fp32);
            const report_arm *arm = peer ? m.peer : m.mica;
            if (!arm || arm->state != BENCH_OK || !(c->flops > 0) || !(c->bytes > 0))
                continue;
            dots[chart.count++] =
                (chart_dot){marked(r, report_print(r->pool, "%s: %s", arm->name, c->name),
                                   arm->suspect[0] != 0),
                            c->flops / c->bytes, c->flops / arm->time.median, peer, peer == 1};
        }
    chart.dots = dots;
    report_figure *f = report_figure_begin(
        r->document, "figure-roofline",
        "Roofline: each case of an operation that calculates, under the machine\u2019s measured "
        "limits. Data that stays in a cache meets the upper slope, the rest the lower one.");
    report_figure_add(f, chart_draw_roof(r->pool, &chart));
}

void report_figures_of_ops(report *r)
{
    size_t count = 0;
    report_group *groups = report_groups_of_ops(r, &count);
    if (!groups)
        return;
    figure_1(r, groups, count);
    report_figure *f = report_figure_begin(
        r->document, "figure-ratios-ops",
        "How many times as long the fastest peer takes as mica, by operation: "
        "geometric means of the "
        "cases, with intervals; with what level they hold stands in the table.");
    put_ratios(r, f, "", groups, count);
    figure_shares(r, groups, count);
    figure_roof(r);
    explain_marks(r, r->results->ops, r->results->op_count);
}

/* ---- models ---- */

static void figure_2(report *r)
{
    size_t count = 0;
    report_group *groups = report_groups_of_models(r, 'F', fp32, &count);
    chart_bars chart = {
        .title = "Average latency of the models",
        .description = "Bars of each model's latency, averaged over lengths and batch sizes: mica "
                       "and the fastest peer on this machine, and the published devices. The "
                       "numbers are in table F.",
        .series = {{"mica fp32", 0},
                   {"fastest fp32 peer here", 1},
                   {"M2 Max", 3},
                   {"M1 GPU", 2},
                   {"M1 CPU", 4},
                   {"A10", 5},
                   {"A10's host CPU", 6}},
        .series_count = 7,
        .floored = 2};
    chart_group *bars = report_alloc(r->pool, count + 1, sizeof *bars);
    size_t n = 0;
    for (size_t i = 0; i < count && bars; i++) {
        const report_average *a = &groups[i].average;
        if (groups[i].count && report_is_mixed(groups[i].matches[0].cell))
            continue;
        bars[n] = (chart_group){.label = marked(r, groups[i].label, a->suspect),
                                .values = {ms(a->mica), ms(a->peer)},
                                .floor = ms(a->floor)};
        for (int k = 0; k < 5; k++)
            bars[n].values[2 + k] = published(r, 'F', devices[k], groups[i].published);
        n++;
    }
    report_figure *f = report_figure_begin(
        r->document, "figure-2",
        "Figure 2: average latency of each model by device, on a logarithmic axis. The dashed line "
        "is the least time that this machine needs at fp32.");
    put_panels(r, f, &chart, bars, n);
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The lengths or batch sizes of a model, rising. */
static size_t places_of(const report *r, char table, const char *model, double xs[CHART_POINTS])
{
    size_t n = 0;
    for (size_t i = 0; i < r->results->cell_count && n < CHART_POINTS; i++) {
        const report_cell *c = &r->results->models[i];
        double x = table == 'D' ? atof(c->length) : (double)c->batch;
        size_t k = 0;
        if (strcmp(c->group, model) != 0 || report_is_mixed(c) || !(x > 0) || !(x < 1e9))
            continue;
        while (k < n && xs[k] != x)
            k++;
        if (k == n)
            xs[n++] = x;
    }
    if (n)
        qsort(xs, n, sizeof *xs, by_number);
    return n;
}

static const report_svg *panel(report *r, char table, const char *model, const report_group *groups,
                               size_t count)
{
    double xs[CHART_POINTS];
    size_t x_count = places_of(r, table, model, xs);
    chart_line lines[CHART_SERIES] = {{{"mica fp32", 0}, {0}},  {{"fastest peer", 1}, {0}},
                                      {{"M2 Max", 3}, {0}},     {{"M1 GPU", 2}, {0}},
                                      {{"M1 CPU", 4}, {0}},     {{"A10", 5}, {0}},
                                      {{"A10's host", 6}, {0}}, {{"floor, this machine", 7}, {0}}};
    size_t suspect = 0;
    if (x_count < 2)
        return NULL;
    for (size_t i = 0; i < x_count; i++) {
        const char *name = report_print(
            r->pool, table == 'D' ? "%s / inputs-char-no=%.0f" : "%s / batch-size=%.0f", model,
            xs[i]);
        for (int k = 0; k < CHART_SERIES; k++)
            lines[k].values[i] = NAN;
        for (int k = 0; k < 5; k++)
            lines[2 + k].values[i] = published(r, table, devices[k], name);
        for (size_t g = 0; g < count; g++) {
            const report_cell *c = groups[g].count ? groups[g].matches[0].cell : NULL;
            double x = !c ? 0 : table == 'D' ? atof(c->length) : (double)c->batch;
            if (!c || report_is_mixed(c) || x != xs[i] || strcmp(c->group, model) != 0)
                continue;
            lines[0].values[i] = ms(groups[g].average.mica);
            lines[1].values[i] = ms(groups[g].average.peer);
            lines[7].values[i] = ms(groups[g].average.floor);
            suspect += groups[g].average.suspect;
        }
    }
    const chart_lines chart = {
        .title = marked(r, model, suspect),
        .description = report_print(
            r->pool,
            "Lines of the average latency of %s by %s: mica, the fastest peer and the floor "
            "of this machine, and the published devices. The numbers are in table %c.",
            model, table == 'D' ? "input length" : "batch size", table),
        .x_name = table == 'D' ? "characters of each text" : "texts in a batch",
        .xs = xs,
        .x_count = x_count,
        .lines = lines,
        .count = CHART_SERIES};
    return chart_draw_lines(r->pool, &chart);
}

static void figure_lines(report *r, char table)
{
    size_t count = 0, shown = 0;
    report_group *groups = report_groups_of_models(r, table, fp32, &count);
    report_figure *f = report_figure_begin(
        r->document, table == 'D' ? "figure-3" : "figure-4",
        table == 'D'
            ? "Figure 3: latency by input length, averaged over batch sizes, at fp32; a panel a "
              "model, both axes logarithmic."
            : "Figure 4: latency by batch size, averaged over input lengths, at fp32; a panel a "
              "model, both axes logarithmic.");
    for (size_t i = 0; i < r->results->cell_count && shown < 8 && groups; i++) {
        if (!report_begins_model(r, i))
            continue;
        report_figure_add(f, panel(r, table, r->results->models[i].group, groups, count));
        shown++;
    }
}

void report_figures_of_models(report *r)
{
    figure_2(r);
    figure_lines(r, 'D');
    figure_lines(r, 'E');
    report_figure *f = report_figure_begin(
        r->document, "figure-ratios-models",
        "How many times as long the fastest peer of the same precision takes as mica, by model: "
        "geometric means of all lengths and batch sizes, with intervals; with what level they hold "
        "stands in table F.");
    for (size_t k = 0; k < r->class_count; k++) {
        size_t count = 0;
        report_group *groups = report_groups_of_models(r, 'F', r->classes[k], &count);
        put_ratios(r, f, report_class_name(r->pool, r->classes[k]), groups, groups ? count : 0);
    }
    explain_marks(r, r->results->models, r->results->cell_count);
}
