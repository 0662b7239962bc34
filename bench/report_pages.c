/* SPDX-License-Identifier: MIT
 *
 * What stands around the tables: the summary, each peer, what has no time, the paper's figures.
 */
#include <math.h>
#include <string.h>

#include "report.h"

static const report_class fp32 = {REPORT_FP32, false};

/* ---- the summary ---- */

static const char missing_title[] = "What could not be measured, and what is suspect";

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

/* In how many cells it is not the fastest, and what is known of them. */
static const char *say_rest(report *r, const report_average *a)
{
    if (a->faster == a->compared)
        return "";
    const char *level =
        a->level ? report_print(r->pool, "; in %zu the samples show no difference", a->level) : "";
    const char *once = a->once ? report_print(r->pool,
                                              "; in %zu there is one sample only, which shows no "
                                              "interval",
                                              a->once)
                               : "";
    return report_print(r->pool, ", slower than one in %s%s%s",
                        a->slower ? report_print(r->pool, "%zu", a->slower) : "none", level, once);
}

static void say_how_fast(report *r, const char *what, const report_average *a)
{
    size_t untimed = a->cells - a->timed, alone = a->timed - a->compared;
    report_paragraph(
        r->document,
        "%s: against the fastest peer of each cell, mica is %s%s as fast (geometric mean of %zu "
        "cell%s). It is faster than every peer in %s%zu%s.%s%s%s",
        what, report_ratio_text(r->pool, &a->ratio), a->suspect ? " " REPORT_MEASURED : "",
        a->compared, plural(a->compared), a->faster == a->compared ? "all " : "", a->faster,
        say_rest(r, a),
        untimed
            ? report_print(r->pool, " In %zu cell%s mica has no time.", untimed, plural(untimed))
            : "",
        alone ? report_print(r->pool, " In %zu cell%s no peer has a time.", alone, plural(alone))
              : "",
        a->suspect ? report_print(r->pool,
                                  " In %zu cell%s a time is suspect (" REPORT_MEASURED "): see "
                                  "\u201c%s\u201d.",
                                  a->suspect, plural(a->suspect), missing_title)
                   : "");
}

/* A cell in which mica is not the fastest beyond doubt. */
static void say_cell(report *r, const report_match *m)
{
    const char *than = m->verdict == REPORT_SLOWER   ? "slower than"
                       : m->verdict == REPORT_FASTER ? "by what it says itself faster than"
                       : m->verdict == REPORT_LEVEL  ? "no faster beyond doubt than"
                                                     : "one sample beside";
    const char *why = report_match_suspect(r->pool, m);
    report_item(r->document, "%s: %s %s, %s: mica %s ms, %s %s ms%s", m->cell->label, than,
                m->peer->name, report_ratio_text(r->pool, &m->ratio),
                report_ms(r->pool, m->mica->time.median), m->peer->name,
                report_ms(r->pool, m->peer->time.median),
                why ? report_print(r->pool, " " REPORT_MEASURED " (suspect: %s)", why) : "");
}

static void sum_up(report *r, const char *what, const report_group *g)
{
    if (g->average.compared)
        say_how_fast(r, what, &g->average);
    else
        report_paragraph(r->document,
                         "%s: %zu cell%s, none in which both mica and a peer have a time.", what,
                         g->count, plural(g->count));
    for (size_t i = 0; i < g->count; i++) {
        const report_match *m = &g->matches[i];
        bool doubted = m->mica && m->mica->suspect[0]; /* it may not be faster */
        if (m->verdict != REPORT_NONE && (m->verdict != REPORT_FASTER || doubted))
            say_cell(r, m);
        else if (m->mica && m->mica->state != BENCH_OK)
            report_item(r->document, "%s: mica has no time: %s: %s", m->cell->label,
                        bench_state_name(m->mica->state), m->mica->reason);
    }
}

void report_write_summary(report *r)
{
    const report_results *results = r->results;
    const report_run *run = &results->runs[0];
    report_heading(r->document, 2, "summary", "Summary");
    report_paragraph(r->document,
                     "Measured on %s%s%s (%s kernels), %s. A ratio above 1 means that "
                     "mica is faster; every cell in which it is not is listed.",
                     run->cpu[0] ? run->cpu : "a processor that is not known",
                     run->threads > 0 ? " with " : "",
                     run->threads > 0 ? report_print(r->pool, "%.0f thread%s", run->threads,
                                                     plural((size_t)run->threads))
                                      : "",
                     run->kernels[0] ? run->kernels : "unknown",
                     run->system[0] ? run->system : "system not known");
    if (results->op_count) {
        static const char *const sets[][2] = {{"paper", "The paper\u2019s array operations"},
                                              {"encoders", "Operations at the sizes of encoders"},
                                              {"tiny", "Operations on tiny arrays"}};
        for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
            report_group g = report_group_of_ops(r, sets[i][0]);
            if (g.count)
                sum_up(r, sets[i][1], &g);
        }
    }
    for (size_t k = 0; k < r->class_count; k++) {
        report_group all = report_group_of_cells(r, r->classes[k], "");
        report_group mixed = report_group_of_cells(r, r->classes[k], "mixed");
        const char *name = report_class_name(r->pool, r->classes[k]);
        if (all.count)
            sum_up(r, report_print(r->pool, "Models, %s, texts of one length", name), &all);
        if (mixed.count)
            sum_up(r, report_print(r->pool, "Models, %s, texts of mixed lengths", name), &mixed);
    }
    if (results->failure_count)
        report_paragraph(r->document, "%zu model%s could not be measured: see \u201c%s\u201d.",
                         results->failure_count, plural(results->failure_count), missing_title);
    for (size_t i = 0; i < results->run_count; i++)
        if (results->runs[i].cut[0])
            report_paragraph(r->document, "%s: %s", results->runs[i].path, results->runs[i].cut);
}

/* ---- each peer ---- */

static void put_peer(report *r, report_table *t, const report_arm *arm, const report_average *a)
{
    report_document *d = r->document;
    const size_t counts[] = {a->faster, a->level, a->slower, a->once, a->peers};
    report_mark mark = a->verdict == REPORT_SLOWER   ? REPORT_LOST
                       : a->verdict == REPORT_FASTER ? REPORT_WON
                                                     : REPORT_PLAIN;
    report_field_text(d, t, arm->name);
    if (a->compared)
        report_field_add(d, t,
                         (report_field){report_ratio_text(r->pool, &a->ratio), a->ratio.median,
                                        a->ratio.low, a->ratio.high, mark,
                                        a->suspect ? "a time is suspect" : NULL,
                                        a->suspect ? REPORT_MEASURED : NULL});
    else
        report_field_missing(d, t, "no cell in common", NULL);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        report_field_number(d, t, report_print(r->pool, "%zu", counts[i]), (double)counts[i]);
    report_field_text(d, t, arm->precision);
    if (a->worst) {
        const char *why = report_match_suspect(r->pool, a->worst);
        report_field_add(d, t,
                         (report_field){report_print(r->pool, "%.2f\u00d7", a->worst->ratio.median),
                                        a->worst->ratio.median, NAN, NAN, REPORT_PLAIN, why,
                                        why ? REPORT_MEASURED : NULL});
        report_field_text(d, t, a->worst->cell->label);
    } else {
        report_field_number(d, t, "", NAN);
        report_field_text(d, t, "");
    }
}

static void put_peers(report *r, const char *part, const char *what, const report_cell *cells,
                      size_t count)
{
    const report_arm *arms[REPORT_ARM_NAMES];
    size_t n = report_arm_names(cells, count, arms);
    report_match *matches = report_alloc(r->pool, count + 1, sizeof *matches);
    bool suspect = false;
    if (count == 0 || !matches)
        return;
    report_table *t = report_table_begin(r->document, "peers", part,
                                         report_print(r->pool, "Ratios by peer: %s", what));
    report_column_add(t, "peer", "", false);
    report_column_add(t, "peer / mica, geometric mean", "\u00d7", true);
    report_column_add(t, "mica faster", "", true);
    report_column_add(t, "no difference shown", "", true);
    report_column_add(t, "mica slower", "", true);
    report_column_add(t, "one sample", "", true);
    report_column_add(t, "cells with a time", "", true);
    report_column_add(t, "precision", "", false);
    report_column_add(t, "least ratio", "\u00d7", true);
    report_column_add(t, "in", "", false);
    for (size_t k = 0; k < n; k++) {
        if (report_is_mica(arms[k]))
            continue;
        for (size_t i = 0; i < count; i++)
            matches[i] = report_match_named(r->pool, &cells[i], arms[k]->name);
        report_average a = report_average_of(r->pool, matches, count, fp32);
        put_peer(r, t, arms[k], &a);
        suspect |= a.suspect > 0;
    }
    if (suspect)
        report_explain_suspects(r);
}

void report_write_peers(report *r)
{
    report_heading(r->document, 2, "peers", "Against each peer");
    report_paragraph(r->document,
                     "How many times as long each peer takes as mica at the same precision on the "
                     "same device: the geometric mean over the cells in which both have a time, in "
                     "how many of them mica is faster, where no difference is shown, where it is "
                     "slower, where one sample leaves it open, and the cell that is the worst for "
                     "mica.");
    put_peers(r, "ops", "operations", r->results->ops, r->results->op_count);
    size_t count = r->results->cell_count;
    report_cell *some = report_alloc(r->pool, count + 1, sizeof *some);
    for (int mixed = 0; mixed < 2 && some; mixed++) {
        size_t n = 0;
        for (size_t i = 0; i < count; i++)
            if (report_is_mixed(&r->results->models[i]) == (mixed == 1))
                some[n++] = r->results->models[i];
        put_peers(r, mixed ? "mixed" : "models",
                  mixed ? "models, texts of mixed lengths" : "models, texts of one length", some,
                  n);
    }
}

/* ---- what has no time, or one that is not to be trusted ---- */

void report_explain_suspects(report *r)
{
    report_paragraph(r->document,
                     REPORT_MEASURED
                     " Of a time that is suspect: its requests took far longer than "
                     "is said of it, so that it may be too low. The list is under \u201c%s\u201d.",
                     missing_title);
}

static void put_failures(report *r)
{
    const report_results *results = r->results;
    for (size_t i = 0; i < results->failure_count; i++) {
        const report_failure *f = &results->failures[i];
        bool elsewhere = false;
        for (size_t k = 0; k < results->cell_count; k++)
            elsewhere |= strcmp(results->models[k].group, f->model) == 0;
        report_item(r->document, "%s: not measured%s: %s", f->model,
                    elsewhere ? " in one run (its figures here are of another)" : "", f->reason);
    }
}

/* Arms of one name for one reason in many cells are one row. */
typedef struct listed {
    const char *arm, *state, *reason, *first;
    size_t cells;
} listed;

typedef struct listing {
    report *r;
    listed *rows;
    size_t count, more;
} listing;

enum { ROWS = 400 };

static void list(listing *l, const char *arm, const char *state, const char *reason,
                 const char *where)
{
    size_t at = 0;
    while (at < l->count &&
           (strcmp(l->rows[at].state, state) != 0 || strcmp(l->rows[at].arm, arm) != 0 ||
            strcmp(l->rows[at].reason, reason) != 0))
        at++;
    if (at < l->count)
        l->rows[at].cells++;
    else if (at < ROWS)
        l->rows[l->count++] = (listed){arm, state, reason, where, 1};
    else
        l->more++;
}

/* Those without a time, or those whose time is suspect. */
static void list_cells(listing *l, const report_cell *cells, size_t count, bool suspect)
{
    for (size_t i = 0; i < count && l->rows; i++)
        for (size_t k = 0; k < cells[i].arm_count; k++) {
            const report_arm *a = &cells[i].arms[k];
            if (suspect && a->suspect[0])
                list(l, a->name, "suspect", a->suspect, cells[i].label);
            else if (!suspect && a->state != BENCH_OK)
                list(l, a->name, bench_state_name(a->state), a->reason, cells[i].label);
        }
}

static void put_listing(listing *l, const char *id, const char *caption)
{
    report_document *d = l->r->document;
    if (l->count == 0)
        return;
    report_table *t = report_table_begin(d, id, "", caption);
    report_column_add(t, "arm", "", false);
    report_column_add(t, "state", "", false);
    report_column_add(t, "cells", "", true);
    report_column_add(t, "reason", "", false);
    report_column_add(t, "the first", "", false);
    for (size_t i = 0; i < l->count; i++) {
        const listed *row = &l->rows[i];
        report_field_text(d, t, row->arm);
        report_field_missing(d, t, row->state, NULL);
        report_field_number(d, t, report_print(l->r->pool, "%zu", row->cells), (double)row->cells);
        report_field_text(d, t, row->reason);
        report_field_text(d, t, row->first);
    }
    if (l->more)
        report_paragraph(d, "%zu more are left out here; the result file has them.", l->more);
}

void report_write_missing(report *r)
{
    const report_results *results = r->results;
    listing missing = {.r = r, .rows = report_alloc(r->pool, ROWS, sizeof(listed))};
    listing suspect = {.r = r, .rows = report_alloc(r->pool, ROWS, sizeof(listed))};
    report_heading(r->document, 2, "missing", missing_title);
    report_paragraph(
        r->document,
        "Wrong: the output differs from the reference by more than is allowed, so that "
        "a time would mean nothing. Absent: the framework is not installed or has no "
        "such arm. Failed: it crashed, hung or answered what makes no sense. Not run: "
        "the results hold no such cell. Suspect (" REPORT_MEASURED "): it has a time by its own "
        "clock, and its requests took far longer than that.");
    put_failures(r);
    list_cells(&missing, results->ops, results->op_count, false);
    list_cells(&missing, results->models, results->cell_count, false);
    for (size_t i = 0; i < results->accuracy_count && missing.rows; i++) {
        const report_accuracy *a = &results->accuracy[i];
        if (a->state != BENCH_OK)
            list(&missing, a->arm, bench_state_name(a->state), a->reason,
                 report_print(r->pool, "%s, accuracy", a->model));
    }
    list_cells(&suspect, results->ops, results->op_count, true);
    list_cells(&suspect, results->models, results->cell_count, true);
    put_listing(&missing, "missing", "Arms without a time");
    put_listing(&suspect, "suspect-times", "Arms whose time is suspect");
    if (missing.count + suspect.count + results->failure_count == 0)
        report_paragraph(r->document,
                         "None: every arm that was run has a time, and none is suspect.");
}

/* ---- the paper ---- */

static void say_paper(report *r)
{
    const report_paper *p = r->paper;
    size_t beyond = 0;
    for (size_t i = 0; i < p->disagreement_count; i++)
        beyond += !p->disagreements[i].rounding;
    report_paragraph(r->document,
                     "The published columns are the %zu times in the appendices of "
                     "\u201cBenchmarking On-Device Machine Learning on Apple Silicon with "
                     "MLX\u201d by Ajayi and Odunayo, as printed: an Apple M1 (8 GB) and M2 Max "
                     "(32 GB) with MLX, an NVIDIA A10 with PyTorch, and the 30 virtual CPUs of "
                     "the A10\u2019s cloud machine with PyTorch. They are of other machines, and "
                     "of their time; ratios are taken on this machine only.",
                     p->count);
    report_paragraph(
        r->document,
        "Its averages (tables B, D, E and F) are arithmetic means of tables A and C. Recomputed "
        "from the printed figures, %zu of %zu are not what is printed; %s.",
        p->disagreement_count, p->averages,
        beyond == 0 ? "all of them are within what the rounding of the printed figures explains"
                    : report_print(r->pool, "%zu of them by more than rounding explains", beyond));
}

static void put_disagreements(report *r)
{
    report_document *d = r->document;
    report_table *t =
        report_table_begin(d, "disagreements", "", "Printed averages that the figures do not give");
    report_column_add(t, "average", "", false);
    report_column_add(t, "table", "", false);
    report_column_add(t, "device", "", false);
    report_column_add(t, "printed", "ms", true);
    report_column_add(t, "recomputed", "ms", true);
    report_column_add(t, "difference", "ms", true);
    report_column_add(t, "rounding explains it", "", false);
    for (size_t i = 0; i < r->paper->disagreement_count; i++) {
        const report_disagreement *x = &r->paper->disagreements[i];
        double off = x->figure->ms - x->recomputed;
        report_field_text(d, t, x->figure->name);
        report_field_text(d, t, report_print(r->pool, "%c", x->figure->table));
        report_field_text(d, t, report_devices[x->figure->device].name);
        report_field_number(d, t, x->figure->printed, x->figure->ms);
        report_field_number(d, t, report_print(r->pool, "%.4f", x->recomputed), x->recomputed);
        report_field_number(d, t, report_print(r->pool, "%+.4f", off), off);
        report_field_text(d, t, x->rounding ? "yes" : "no");
    }
}

/* How many figures of this one's table and device have its doubt; 0 if one before it has said so,
 * or if it is an average, whose doubt is that of its parts. */
static size_t count_suspects(const report_paper *p, size_t figure)
{
    const report_published *f = &p->figures[figure];
    size_t n = 0;
    if (!f->suspect[0] || (f->table != 'A' && f->table != 'C'))
        return 0;
    for (size_t k = 0; k < p->count; k++) {
        const report_published *other = &p->figures[k];
        if (other->suspect != f->suspect || other->table != f->table || other->device != f->device)
            continue;
        if (k < figure)
            return 0;
        n++;
    }
    return n;
}

static void put_suspects(report *r)
{
    report_document *d = r->document;
    report_heading(d, 3, "suspect", "Figures that are known to be wrong or doubtful");
    report_paragraph(d, "Averages that hold one of these are marked, too.");
    report_table *t = report_table_begin(d, "suspect", "", "Marked \u2020 in the tables");
    report_column_add(t, "from", "", false);
    report_column_add(t, "table", "", false);
    report_column_add(t, "device", "", false);
    report_column_add(t, "figures", "", true);
    report_column_add(t, "why", "", false);
    for (size_t i = 0; i < r->paper->count; i++) {
        const report_published *f = &r->paper->figures[i];
        size_t n = count_suspects(r->paper, i);
        if (n == 0)
            continue;
        report_field_text(d, t, f->name);
        report_field_text(d, t, report_print(r->pool, "%c", f->table));
        report_field_text(d, t, report_devices[f->device].name);
        report_field_number(d, t, report_print(r->pool, "%zu", n), (double)n);
        report_field_text(d, t, f->suspect);
    }
}

void report_write_paper(report *r)
{
    report_heading(r->document, 2, "paper", "The paper\u2019s figures");
    say_paper(r);
    put_disagreements(r);
    put_suspects(r);
}
