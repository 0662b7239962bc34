/* SPDX-License-Identifier: MIT
 *
 * Tables A to F, and every arm's times.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

/* A table in which mica stands between the floor of the machine, the fastest peer and the paper. */
typedef struct beside {
    report *r;
    report_table *table;
    report_class class;
    char letter; /* the paper's table, 0 = none */
    bool models;
    bool floors;
    bool daggers; /* a published figure was suspect */
    bool suspect; /* a measured one was */
} beside;

static bool shown(const beside *b, int device)
{
    return b->letter && (b->models || device != REPORT_M2);
}

/* `one`: rows are cells, not averages. */
static beside begin(report *r, const char *id, const char *part, const char *caption,
                    const char *label, report_class class, char letter, bool one)
{
    bool models = letter != 'A' && letter != 'B';
    bool published = class.precision == REPORT_FP32 && !class.gpu;
    beside b = {.r = r, .class = class, .models = models, .letter = published ? letter : 0};
    const report_cell *cells = models ? r->results->models : r->results->ops;
    size_t count = models ? r->results->cell_count : r->results->op_count;
    for (size_t i = 0; i < count && !class.gpu; i++)
        b.floors |= cells[i].floor[class.precision] > 0;
    report_table *t = b.table = report_table_begin(r->document, id, part, caption);
    report_column_add(t, label, "", false); /* then what a narrow screen should show */
    report_column_add(t, one ? "peer / mica" : "peer / mica, geometric mean", "\u00d7", true);
    report_column_add(t, "mica", "ms", true);
    report_column_add(t, "fastest peer", "ms", true);
    if (one)
        report_column_add(t, "which peer", "", false);
    if (b.floors) {
        report_column_add(t, "floor", "ms", true);
        report_column_add(t, "floor / mica", "%", true);
    }
    if (models && one) {
        report_column_add(t, "tokens", "", true);
        report_column_add(t, "padded", "", true);
    }
    for (int i = 0; i < REPORT_DEVICES; i++)
        if (shown(&b, i))
            report_column_add(t, report_devices[i].name, "ms", true);
    return b;
}

static void number(beside *b, double value, const char *text)
{
    report_field_number(b->r->document, b->table, text, value);
}

/* `why` says why it is not to be trusted; NULL = it is. */
static void put_time(beside *b, double seconds, const char *more, const char *why)
{
    report_field f = {.text = "", .value = seconds * 1e3, .low = NAN, .high = NAN};
    if (!isnan(seconds)) {
        f.text = report_print(b->r->pool, "%s%s", report_ms(b->r->pool, seconds), more);
        f.why = why;
        f.doubt = why ? REPORT_MEASURED : NULL;
        b->suspect |= why != NULL;
    }
    report_field_add(b->r->document, b->table, f);
}

static void put_ratio(beside *b, const bench_interval *ratio, report_verdict verdict,
                      const char *why)
{
    static const char *const words[] = {"", "", " no difference shown", " slower", ""};
    static const report_mark marks[] = {REPORT_PLAIN, REPORT_WON, REPORT_PLAIN, REPORT_LOST,
                                        REPORT_PLAIN};
    report_field f = {"", NAN, NAN, NAN, marks[verdict], NULL, NULL};
    if (verdict != REPORT_NONE) {
        f.text =
            report_print(b->r->pool, "%s%s", report_ratio_text(b->r->pool, ratio), words[verdict]);
        f.value = ratio->median;
        f.low = ratio->level > 0 ? ratio->low : NAN;
        f.high = ratio->level > 0 ? ratio->high : NAN;
        f.why = why;
        f.doubt = why ? REPORT_MEASURED : NULL;
        b->suspect |= why != NULL;
    }
    report_field_add(b->r->document, b->table, f);
}

static void put_published(beside *b, const char *name)
{
    for (int i = 0; i < REPORT_DEVICES; i++) {
        if (!shown(b, i))
            continue;
        const report_published *p =
            name ? report_paper_find(b->r->paper, b->letter, i, name) : NULL;
        report_field f = {.text = "", .value = NAN, .low = NAN, .high = NAN};
        if (p) {
            bool suspect = p->suspect[0] != 0;
            b->daggers |= suspect;
            f.text = p->printed;
            f.value = p->ms;
            f.why = suspect ? p->suspect : NULL;
            f.doubt = suspect ? REPORT_PUBLISHED : NULL;
        }
        report_field_add(b->r->document, b->table, f);
    }
}

static void put_floor(beside *b, double floor, double mica)
{
    if (!b->floors)
        return;
    put_time(b, floor, "", NULL);
    double share = floor / mica * 100;
    number(b, share, report_print(b->r->pool, "%.0f", share));
}

/* Why an arm's time is not to be trusted, NULL if it is. */
static const char *why_of(const report_arm *a)
{
    return a && a->suspect[0] ? a->suspect : NULL;
}

/* An arm's time; NULL was not run. */
static void put_arm(report *r, report_table *t, const report_arm *a)
{
    if (!a)
        report_field_missing(r->document, t, "not run", NULL);
    else if (a->state != BENCH_OK)
        report_field_missing(r->document, t, bench_state_name(a->state), a->reason);
    else
        report_field_add(r->document, t,
                         (report_field){report_ms(r->pool, a->time.median), a->time.median * 1e3,
                                        a->time.low * 1e3, a->time.high * 1e3, REPORT_PLAIN,
                                        why_of(a), why_of(a) ? REPORT_MEASURED : NULL});
}

/* `c` is NULL for what was not run; `name` is the published one, or NULL. */
static void put_cell(beside *b, const char *label, const report_cell *c, const char *name)
{
    report_document *d = b->r->document;
    report_match m = {0};
    if (c)
        m = report_match_fastest(b->r->pool, c, b->class);
    report_field_text(d, b->table, label);
    put_ratio(b, &m.ratio, m.verdict, report_match_suspect(b->r->pool, &m));
    put_arm(b->r, b->table, m.mica);
    b->suspect |= why_of(m.mica) != NULL;
    if (m.peer) {
        put_time(b, m.peer->time.median, "", why_of(m.peer));
        report_field_text(d, b->table, m.peer->name);
    } else {
        report_field_missing(d, b->table, c ? "none" : "not run", NULL);
        report_field_text(d, b->table, "");
    }
    put_floor(b, c ? c->floor[b->class.precision] : NAN,
              m.mica && m.mica->state == BENCH_OK ? m.mica->time.median : NAN);
    if (b->models) {
        double tokens = c ? c->tokens[b->class.precision] : NAN;
        double padded = c ? c->padded[b->class.precision] : NAN;
        number(b, tokens, report_print(b->r->pool, "%.0f", tokens));
        number(b, padded, report_print(b->r->pool, "%.0f", padded));
    }
    put_published(b, name);
}

/* Of an average; NULL: all of its times can be trusted. */
static const char *why_some(beside *b, size_t suspect, size_t cells)
{
    return suspect ? report_print(b->r->pool, "a time is suspect in %zu of %zu", suspect, cells)
                   : NULL;
}

static void put_group(beside *b, const report_group *g)
{
    const report_average *a = &g->average;
    size_t of = g->expected > a->cells ? g->expected : a->cells;
    report_field_text(b->r->document, b->table, g->label);
    put_ratio(b, &a->ratio, a->verdict, why_some(b, a->suspect, a->cells));
    if (a->timed == 0)
        report_field_missing(b->r->document, b->table, g->count ? "no time" : "not run", NULL);
    else
        put_time(b, a->mica,
                 a->timed < of ? report_print(b->r->pool, " (%zu of %zu)", a->timed, of) : "",
                 why_some(b, a->suspect_mica, a->cells));
    put_time(b, a->peer,
             a->peers != a->timed ? report_print(b->r->pool, " (%zu of %zu)", a->peers, of) : "",
             why_some(b, a->suspect_peer, a->cells));
    /* A floor of other cells than mica's is no share. */
    put_floor(b, a->floor, a->timed == a->floors ? a->mica : NAN);
    put_published(b, g->published);
}

static void end(beside *b)
{
    if (b->daggers)
        report_paragraph(b->r->document,
                         "\u2020 A published figure that is known to be wrong or doubtful; the "
                         "reasons are under \u201cThe paper\u2019s figures\u201d.");
    if (b->suspect)
        report_explain_suspects(b->r);
}

/* ---- every arm ---- */

static void put_arms_label(report *r, report_table *t, const report_cell *c, bool model,
                           bool several, int precision)
{
    const char *label = c->name;
    if (model)
        label = report_print(r->pool, "%s \u00d7 %lld", c->length, (long long)c->batch);
    if (several)
        label = report_print(r->pool, "%s, %.0f tokens", label, c->tokens[precision]);
    report_field_text(r->document, t, label);
}

/* Of one model, or (NULL) of operations; `arms` are the columns. */
static void every_arm(report *r, const char *caption, const report_cell *cells, size_t count,
                      const char *model, const report_arm *const *arms, size_t n)
{
    report_table *t =
        report_table_begin(r->document, model ? "C-arms" : "A-arms", model ? model : "", caption);
    bool suspect = false;
    report_column_add(t, model ? "characters \u00d7 batch" : "case", "", false);
    for (size_t k = 0; k < n; k++)
        report_column_add(t, arms[k]->name, "ms", true);
    for (size_t i = 0; i < count; i++) {
        int precisions[REPORT_PRECISIONS];
        size_t rows = report_inputs_of(&cells[i], precisions);
        if (model && strcmp(cells[i].group, model) != 0)
            continue;
        for (size_t row = 0; row < rows; row++) { /* times of other texts are not side by side */
            put_arms_label(r, t, &cells[i], model != NULL, rows > 1, precisions[row]);
            for (size_t k = 0; k < n; k++) {
                const report_arm *a = report_find_arm(&cells[i], arms[k]->name);
                if (a && !report_has_inputs(&cells[i], a, precisions[row]))
                    a = NULL;
                put_arm(r, t, a);
                suspect |= why_of(a) != NULL;
            }
        }
    }
    if (suspect)
        report_explain_suspects(r);
}

/* ---- operations ---- */

static const report_cell *find_cell(const report_cell *cells, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(cells[i].name, name) == 0)
            return &cells[i];
    return NULL;
}

static void table_a(report *r, report_class class, bool paper)
{
    const report_results *results = r->results;
    beside b = begin(r, paper ? "A" : "A-more", "",
                     paper ? "Table A: operations by case"
                           : "Table A, continued: cases that the paper does not have",
                     "case", class, 'A', true);
    for (size_t i = 0; i < r->paper->count && paper; i++) {
        const report_published *p = &r->paper->figures[i];
        if (p->table != 'A' || p->device != REPORT_HOST)
            continue;
        put_cell(&b, p->name, find_cell(results->ops, results->op_count, p->name), p->name);
    }
    for (size_t i = 0; i < results->op_count; i++) {
        const report_cell *c = &results->ops[i];
        if (c->paper == paper && !report_paper_find(r->paper, 'A', REPORT_HOST, c->name))
            put_cell(&b, c->name, c, NULL);
    }
    end(&b);
}

void report_write_ops(report *r)
{
    const report_class class = {REPORT_FP32, false};
    report_document *d = r->document;
    const report_arm *arms[REPORT_ARM_NAMES];
    size_t count = 0;
    bool more = false;
    report_heading(d, 2, "operations", "Array operations");
    if (r->results->op_count == 0) {
        report_paragraph(d, "Not run: no result of mica bench ops was given.");
        return;
    }
    report_paragraph(
        d,
        "Times are medians in milliseconds. The floor is the least time that this machine needs "
        "by its measured peaks: the larger of multiply-adds over arithmetic and bytes over "
        "bandwidth. The ratio says how many times as long the fastest peer takes as mica; "
        "intervals hold with 95 %% unless they say less. Published times are of other machines.");
    report_group *groups = report_groups_of_ops(r, &count);
    beside b = begin(r, "B", "", "Table B: operations, averages", "operation", class, 'B', false);
    for (size_t i = 0; i < count; i++)
        put_group(&b, &groups[i]);
    report_group all = report_group_of_ops(r, "paper");
    all.label = "all of the paper\u2019s";
    all.expected = 85;
    put_group(&b, &all);
    end(&b);
    report_paragraph(d, "Averages of times are arithmetic means over the cases, as the paper has "
                        "them: the largest case decides them. The geometric mean of the ratios "
                        "gives each case the same weight.");
    report_figures_of_ops(r);
    table_a(r, class, true);
    for (size_t i = 0; i < r->results->op_count; i++)
        more |= !r->results->ops[i].paper;
    if (more)
        table_a(r, class, false);
    size_t n = report_arm_names(r->results->ops, r->results->op_count, arms);
    every_arm(r, "Every arm, by case (medians)", r->results->ops, r->results->op_count, NULL, arms,
              n);
}

/* ---- models ---- */

/* Whether anything of the class was to be run in a cell. */
static bool has_class(const report_cell *cell, report_class class)
{
    for (size_t i = 0; i < cell->arm_count; i++)
        if (report_in_class(&cell->arms[i], class))
            return true;
    return false;
}

static bool model_has_class(const report *r, const char *model, report_class class)
{
    for (size_t i = 0; i < r->results->cell_count; i++)
        if (strcmp(r->results->models[i].group, model) == 0 &&
            has_class(&r->results->models[i], class))
            return true;
    return false;
}

/* Rows of one model: the paper's lengths and batch sizes, then what else was run. */
static void table_c(report *r, report_class class, const char *model, bool published)
{
    const report_results *results = r->results;
    const char *id = report_print(r->pool, "C-%s%s", report_precisions[class.precision],
                                  class.gpu ? "-gpu" : "");
    beside b =
        begin(r, id, model,
              report_print(r->pool, "Table C: %s, %s", model, report_class_name(r->pool, class)),
              "characters \u00d7 batch", class, 'C', true);
    size_t size = strlen(model);
    for (size_t i = 0; i < r->paper->count && published; i++) {
        const report_published *p = &r->paper->figures[i];
        long long length, batch;
        if (p->table != 'C' || p->device != REPORT_HOST || strncmp(p->name, model, size) != 0 ||
            sscanf(p->name + size, " / inputs-char-no=%lld / batch-size=%lld", &length, &batch) !=
                2)
            continue;
        const report_cell *c = find_cell(results->models, results->cell_count, p->name);
        if (b.letter || (c && has_class(c, class)))
            put_cell(&b, report_print(r->pool, "%lld \u00d7 %lld", length, batch), c, p->name);
    }
    for (size_t i = 0; i < results->cell_count; i++) {
        const report_cell *c = &results->models[i];
        if (strcmp(c->group, model) != 0 || (!b.letter && !has_class(c, class)) ||
            (published && report_paper_find(r->paper, 'C', REPORT_HOST, c->name)))
            continue;
        put_cell(&b, report_print(r->pool, "%s \u00d7 %lld", c->length, (long long)c->batch), c,
                 NULL);
    }
    end(&b);
}

static void averages(report *r, char letter, report_class class)
{
    static const char *const captions[] = {"averages by input length", "averages by batch size",
                                           "overall averages"};
    char id[32], caption[96];
    size_t count = 0;
    snprintf(id, sizeof id, "%c-%s%s", letter, report_precisions[class.precision],
             class.gpu ? "-gpu" : "");
    snprintf(caption, sizeof caption, "Table %c: %s, %s", letter, captions[letter - 'D'],
             report_class_name(r->pool, class));
    report_group *groups = report_groups_of_models(r, letter, class, &count);
    beside b = begin(r, id, "", caption, "model", class, letter, false);
    for (size_t i = 0; i < count && groups; i++)
        if (b.letter || groups[i].count)
            put_group(&b, &groups[i]);
    if (letter == 'F') {
        report_group all = report_group_of_cells(r, class, "");
        all.label = "all models";
        put_group(&b, &all);
    }
    end(&b);
}

void report_write_models(report *r)
{
    report_document *d = r->document;
    const report_cell *cells = r->results->models;
    size_t count = r->results->cell_count;
    report_heading(d, 2, "models", "Models");
    if (count == 0) {
        report_paragraph(d, "Not run: no result of mica bench models was given.");
        return;
    }
    const report_run *run = report_run_of(r->results, "models");
    report_paragraph(
        d,
        "Times are medians in milliseconds for a whole batch, without tokenisation. %s The floor "
        "is the least time that this machine needs by its measured peaks for the tokens without "
        "padding. Cells that were not run at bf16 or int8 are left out of their tables. "
        "\u201cMixed\u201d batches draw their texts from all four lengths, as users have "
        "them: whoever pads computes \u201cpadded\u201d tokens, not \u201ctokens\u201d.",
        run && run->as_published
            ? "BERT has its masked-language-model head and the others none, as the paper has it."
            : "All run as encoders without a head; the paper\u2019s BERT has its "
              "masked-language-model head, so that its published times hold more work.");
    for (size_t k = 0; k < r->class_count; k++)
        averages(r, 'F', r->classes[k]);
    report_figures_of_models(r);
    for (size_t k = 0; k < r->class_count; k++) {
        averages(r, 'D', r->classes[k]);
        averages(r, 'E', r->classes[k]);
    }
    for (size_t k = 0; k < r->class_count; k++)
        for (size_t i = 0; i < count; i++)
            if (report_begins_model(r, i) && model_has_class(r, cells[i].group, r->classes[k]))
                table_c(r, r->classes[k], cells[i].group,
                        report_paper_find(r->paper, 'F', REPORT_HOST, cells[i].group) != NULL);
    const report_arm *arms[REPORT_ARM_NAMES];
    size_t n = report_arm_names(cells, count, arms);
    for (size_t i = 0; i < count; i++)
        if (report_begins_model(r, i))
            every_arm(r, report_print(r->pool, "Every arm: %s (medians)", cells[i].group), cells,
                      count, cells[i].group, arms, n);
}
