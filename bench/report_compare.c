/* SPDX-License-Identifier: MIT */
#include "report_compare.h"

#include <math.h>
#include <string.h>

/* A difference that one sample without an interval is believed. */
#define SURE 1.5

bool report_is_mica(const report_arm *arm)
{
    return strcmp(arm->framework, "mica") == 0;
}

bool report_in_class(const report_arm *arm, report_class class)
{
    return arm->gpu == class.gpu && strcmp(arm->precision, report_precisions[class.precision]) == 0;
}

static bool has_inputs(const report_cell *c, int a, int b)
{
    return a == b || (c->tokens[a] == c->tokens[b] && c->padded[a] == c->padded[b]);
}

bool report_has_inputs(const report_cell *c, const report_arm *arm, int precision)
{
    for (int p = 0; p < REPORT_PRECISIONS; p++)
        if (strcmp(arm->precision, report_precisions[p]) == 0)
            return has_inputs(c, p, precision);
    return false;
}

size_t report_inputs_of(const report_cell *c, int precisions[REPORT_PRECISIONS])
{
    size_t n = 0;
    for (int p = 0; p < REPORT_PRECISIONS; p++) {
        bool there = false, known = false;
        for (size_t k = 0; k < c->arm_count; k++)
            there |= strcmp(c->arms[k].precision, report_precisions[p]) == 0;
        for (size_t i = 0; i < n; i++)
            known |= has_inputs(c, precisions[i], p);
        if (there && !known && (n == 0 || !isnan(c->tokens[p])))
            precisions[n++] = p;
    }
    return n;
}

const report_arm *report_find_arm(const report_cell *cell, const char *name)
{
    for (size_t i = 0; i < cell->arm_count; i++)
        if (strcmp(cell->arms[i].name, name) == 0)
            return &cell->arms[i];
    return NULL;
}

const char *report_match_suspect(report_pool *pool, const report_match *m)
{
    const report_arm *const both[] = {m->mica, m->peer};
    for (int i = 0; i < 2; i++)
        if (both[i] && both[i]->suspect[0])
            return report_print(pool, "%s: %s", both[i]->name, both[i]->suspect);
    return NULL;
}

/* Samples that both arms of a match have. */
static size_t rounds_of(const report_match *m)
{
    return m->mica->n < m->peer->n ? m->mica->n : m->peer->n;
}

static report_verdict judge_ratio(const bench_interval *ratio)
{
    if (ratio->level > 0)
        return ratio->low > 1 ? REPORT_FASTER : ratio->high < 1 ? REPORT_SLOWER : REPORT_LEVEL;
    return ratio->median > SURE       ? REPORT_FASTER
           : ratio->median * SURE < 1 ? REPORT_SLOWER
                                      : REPORT_ONCE;
}

static void judge(report_pool *pool, report_match *m)
{
    if (!m->mica || !m->peer || m->mica->state != BENCH_OK || m->peer->state != BENCH_OK)
        return;
    size_t n = rounds_of(m);
    double *ratios = report_alloc(pool, n, sizeof *ratios);
    if (!ratios)
        return;
    m->ratio = bench_ratio(m->mica->samples, m->peer->samples, n, 0.95, ratios);
    if (n == 1) /* of the one there may be more samples */
        m->ratio.median = m->peer->time.median / m->mica->time.median;
    m->verdict = judge_ratio(&m->ratio);
}

/* The faster one of two arms; one that is OK before one that is not. */
static const report_arm *better(const report_arm *a, const report_arm *b)
{
    if (!a || (a->state != BENCH_OK && b->state == BENCH_OK))
        return b;
    return b->state == BENCH_OK && b->time.median < a->time.median ? b : a;
}

report_match report_match_fastest(report_pool *pool, const report_cell *cell, report_class class)
{
    report_match m = {.cell = cell};
    for (size_t i = 0; i < cell->arm_count; i++) {
        const report_arm *arm = &cell->arms[i];
        if (!report_in_class(arm, class))
            continue;
        if (report_is_mica(arm))
            m.mica = better(m.mica, arm);
        else if (arm->state == BENCH_OK && !arm->as_published)
            m.peer = better(m.peer, arm);
    }
    judge(pool, &m);
    return m;
}

report_match report_match_named(report_pool *pool, const report_cell *cell, const char *peer)
{
    report_match m = {.cell = cell, .peer = report_find_arm(cell, peer)};
    for (size_t i = 0; i < cell->arm_count && m.peer; i++) {
        const report_arm *arm = &cell->arms[i];
        if (report_is_mica(arm) && arm->gpu == m.peer->gpu &&
            strcmp(arm->precision, m.peer->precision) == 0)
            m.mica = better(m.mica, arm);
    }
    if (m.peer && m.peer->state != BENCH_OK)
        m.peer = NULL;
    judge(pool, &m);
    return m;
}

/* Of as many rounds as every cell has, but for cells with a single sample, whose ratio stands for
 * itself in each: the interval claims no more than the cell with the fewest rounds can. */
static bench_interval mean_ratio(report_pool *pool, const report_match *matches, size_t count)
{
    bench_interval none = {NAN, NAN, NAN, -1};
    size_t compared = 0, rounds = 0;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const report_match *m = &matches[i];
        if (m->verdict == REPORT_NONE)
            continue;
        size_t n = rounds_of(m);
        if (rounds <= 1 || (n > 1 && n < rounds))
            rounds = n;
        sum += log(m->ratio.median);
        compared++;
    }
    double *means = report_alloc(pool, rounds + 1, sizeof *means);
    if (compared == 0 || !means)
        return none;
    double mean = exp(sum / (double)compared);
    if (rounds == 1)
        return (bench_interval){mean, mean, mean, 0};
    for (size_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i < count; i++) {
            const report_match *m = &matches[i];
            size_t n = m->verdict != REPORT_NONE ? rounds_of(m) : 0;
            if (n == 1)
                means[r] += log(m->ratio.median);
            else if (n > 1)
                means[r] += log(m->peer->samples[r] / m->mica->samples[r]);
        }
        means[r] = exp(means[r] / (double)compared);
    }
    bench_interval interval = bench_median_interval(means, rounds, 0.95);
    interval.median = mean;
    interval.low = fmin(interval.low, mean);
    interval.high = fmax(interval.high, mean);
    return interval;
}

report_average report_average_of(report_pool *pool, const report_match *matches, size_t count,
                                 report_class class)
{
    report_average a = {.cells = count};
    for (size_t i = 0; i < count; i++) {
        const report_match *m = &matches[i];
        double floor = m->cell->floor[class.precision];
        if (m->mica && m->mica->state == BENCH_OK) {
            a.mica += m->mica->time.median;
            a.timed++;
        }
        if (m->peer) {
            a.peer += m->peer->time.median;
            a.peers++;
        }
        if (!class.gpu && floor > 0) {
            a.floor += floor;
            a.floors++;
        }
        a.faster += m->verdict == REPORT_FASTER;
        a.level += m->verdict == REPORT_LEVEL;
        a.slower += m->verdict == REPORT_SLOWER;
        a.once += m->verdict == REPORT_ONCE;
        a.suspect_mica += m->mica && m->mica->suspect[0];
        a.suspect_peer += m->peer && m->peer->suspect[0];
        a.suspect += report_match_suspect(pool, m) != NULL;
        if (m->verdict != REPORT_NONE) {
            a.compared++;
            if (!a.worst || m->ratio.median < a.worst->ratio.median)
                a.worst = m;
        }
    }
    a.mica = a.timed ? a.mica / (double)a.timed : NAN;
    a.peer = a.peers ? a.peer / (double)a.peers : NAN;
    a.floor = a.floors ? a.floor / (double)a.floors : NAN;
    a.ratio = mean_ratio(pool, matches, count);
    if (a.compared)
        a.verdict = judge_ratio(&a.ratio);
    return a;
}

size_t report_arm_names(const report_cell *cells, size_t count,
                        const report_arm *arms[REPORT_ARM_NAMES])
{
    size_t n = 0;
    for (size_t c = 0; c < count; c++)
        for (size_t i = 0; i < cells[c].arm_count; i++) {
            size_t k = 0;
            while (k < n && strcmp(arms[k]->name, cells[c].arms[i].name) != 0)
                k++;
            if (k == n && n < REPORT_ARM_NAMES)
                arms[n++] = &cells[c].arms[i];
        }
    return n;
}

static int digits(double ratio)
{
    return ratio < 10 ? 2 : ratio < 100 ? 1 : 0;
}

const char *report_ratio_text(report_pool *pool, const bench_interval *r)
{
    if (r->level < 0)
        return "";
    if (r->level <= 0)
        return report_print(pool, "%.*f\u00d7 (one sample)", digits(r->median), r->median);
    const char *level = r->level < 0.95 ? report_print(pool, ", %.0f %%", r->level * 100) : "";
    return report_print(pool, "%.*f\u00d7 (%.*f\u2013%.*f%s)", digits(r->median), r->median,
                        digits(r->low), r->low, digits(r->high), r->high, level);
}

const char *report_class_name(report_pool *pool, report_class class)
{
    return report_print(pool, "%s%s", report_precisions[class.precision],
                        class.gpu ? " on the GPU" : "");
}
