/* SPDX-License-Identifier: MIT
 *
 * How it was measured, and what goes with the times: inputs, loading, memory, accuracy, energy.
 */
#include <math.h>
#include <string.h>

#include "report.h"

static void put_text(report *r, report_table *t, const char *value)
{
    report_field_text(r->document, t, value);
}

static void put_number(report *r, report_table *t, double value, int digits)
{
    report_field_number(r->document, t, report_print(r->pool, "%.*f", digits, value), value);
}

/* The probes of the machine around each cell, and the rounds that were repeated for them. */
static void put_probes(report *r)
{
    double low = NAN, high = NAN, disturbed = 0;
    report_table *t = NULL;
    for (size_t i = 0; i < r->results->cell_count; i++) {
        const report_cell *c = &r->results->models[i];
        low = fmin(low, c->probe_low);
        high = fmax(high, c->probe_high);
        disturbed += c->disturbed > 0 ? c->disturbed : 0;
    }
    if (isnan(low))
        return;
    report_paragraph(r->document,
                     "Before and after each round of models a probe measured the machine\u2019s "
                     "arithmetic: it gave %.0f to %.0f GFLOP/s. Rounds with a disturbed "
                     "probe that were repeated: %.0f.",
                     low / 1e9, high / 1e9, disturbed);
    for (size_t i = 0; i < r->results->cell_count && disturbed > 0; i++) {
        const report_cell *c = &r->results->models[i];
        if (!(c->disturbed > 0))
            continue;
        if (!t) {
            t = report_table_begin(r->document, "disturbed", "", "Cells with repeated rounds");
            report_column_add(t, "cell", "", false);
            report_column_add(t, "rounds repeated", "", true);
            report_column_add(t, "lowest probe", "GFLOP/s", true);
            report_column_add(t, "highest probe", "GFLOP/s", true);
        }
        put_text(r, t, c->label);
        put_number(r, t, c->disturbed, 0);
        put_number(r, t, c->probe_low / 1e9, 1);
        put_number(r, t, c->probe_high / 1e9, 1);
    }
}

/* ---- models: what they are, loading, memory, inputs, accuracy, energy ---- */

static void put_models(report *r)
{
    report_table *t = report_table_begin(r->document, "models", "", "The models");
    const char *const names[] = {"layers", "hidden size", "parameters", "fp32", "bf16", "int8"};
    const char *const units[] = {"", "", "M", "MB", "MB", "MB"};
    report_column_add(t, "model", "", false);
    report_column_add(t, "family", "", false);
    report_column_add(t, "weights from", "", false);
    report_column_add(t, "tokenizer", "", false);
    report_column_add(t, "head", "", false);
    for (int i = 0; i < 6; i++)
        report_column_add(t, names[i], units[i], true);
    for (size_t i = 0; i < r->results->loaded_count; i++) {
        const report_model *m = &r->results->loaded[i];
        put_text(r, t, m->name);
        put_text(r, t, m->family);
        put_text(r, t,
                 isnan(m->seed) ? m->source
                                : report_print(r->pool, "%s, seed %.0f", m->source, m->seed));
        put_text(r, t, m->tokenizer);
        put_text(r, t, m->head);
        put_number(r, t, m->layers, 0);
        put_number(r, t, m->hidden, 0);
        put_number(r, t, m->parameters / 1e6, 1);
        for (int k = 0; k < REPORT_PRECISIONS; k++)
            put_number(r, t, m->weights[k] / 1e6, 1);
    }
}

/* The least and the largest time of an arm's first call in the cells of a model. */
static void first_calls(const report *r, const char *model, const char *arm, double *low,
                        double *high)
{
    *low = *high = NAN;
    for (size_t i = 0; i < r->results->cell_count; i++) {
        const report_cell *c = &r->results->models[i];
        const report_arm *a = strcmp(c->group, model) == 0 ? report_find_arm(c, arm) : NULL;
        if (a) {
            *low = fmin(*low, a->first);
            *high = fmax(*high, a->first);
        }
    }
}

/* Whether an arm of the model used the memory of a device. */
static bool has_device(const report_model *m)
{
    for (size_t i = 0; i < m->arm_count; i++)
        if (m->arms[i].device > 0)
            return true;
    return false;
}

static void put_loading(report *r)
{
    report_document *d = r->document;
    report_paragraph(d,
                     "Loading, compiling and the first call of a shape are not in the times above. "
                     "Memory is the peak of the arm\u2019s process and its children, the framework "
                     "itself included.");
    for (size_t i = 0; i < r->results->loaded_count; i++) {
        const report_model *m = &r->results->loaded[i];
        bool on_device = has_device(m);
        report_table *t = report_table_begin(
            d, "loading", m->name, report_print(r->pool, "Loading and memory: %s", m->name));
        report_column_add(t, "arm", "", false);
        report_column_add(t, "load", "s", true);
        report_column_add(t, "compile", "s", true);
        report_column_add(t, "first call, least", "s", true);
        report_column_add(t, "first call, most", "s", true);
        report_column_add(t, "peak memory", "MB", true);
        if (on_device)
            report_column_add(t, "memory of the GPU", "MB", true);
        report_column_add(t, "what it runs", "", false);
        for (size_t k = 0; k < m->arm_count; k++) {
            const report_loading *a = &m->arms[k];
            double low, high;
            put_text(r, t, a->name);
            if (a->state != BENCH_OK)
                report_field_missing(d, t, bench_state_name(a->state), a->reason);
            else
                put_number(r, t, a->load, 3);
            put_number(r, t, a->compile, 3);
            first_calls(r, m->name, a->name, &low, &high);
            put_number(r, t, low, 4);
            put_number(r, t, high, 4);
            put_number(r, t, a->resident / 1e6, 0);
            if (on_device)
                put_number(r, t, a->device / 1e6, 0);
            put_text(r, t,
                     report_print(r->pool, "%s%s%s", a->way, a->way[0] && a->kernels[0] ? "; " : "",
                                  a->kernels));
        }
    }
}

/* What is odd about the texts of some cells. False: no result says, because all are older. */
static bool say_texts(report *r)
{
    size_t said = 0, cut = 0, alike = 0;
    for (size_t i = 0; i < r->results->cell_count; i++) {
        const report_cell *c = &r->results->models[i];
        said += !isnan(c->truncated) && !isnan(c->different);
        cut += c->truncated > 0;
        alike += c->different < c->sequences;
    }
    const char *of = report_print(r->pool, "%zu cell%s", said, said == 1 ? "" : "s");
    if (said == 0)
        report_paragraph(r->document, "The results do not say whether texts were cut to what a "
                                      "model takes, or are there twice in a batch.");
    else
        report_paragraph(
            r->document,
            "Texts were cut to what the model takes in %zu of %s (\u201ccut\u201d: how many); in "
            "%zu the batch holds fewer different texts than places (\u201cdifferent\u201d).%s",
            cut, of, alike,
            said < r->results->cell_count ? " Of the others the results do not say." : "");
    return said > 0;
}

/* A row; with other texts at other precisions one for each, without what only one of them has. */
static void put_input(report *r, report_table *t, const report_cell *c, bool said)
{
    int precisions[REPORT_PRECISIONS];
    size_t n = report_inputs_of(c, precisions);
    for (size_t i = 0; i < n; i++) {
        int p = precisions[i];
        put_text(r, t,
                 n > 1 ? report_print(r->pool, "%s, %s", c->label, report_precisions[p])
                       : c->label);
        put_number(r, t, c->sequences, 0);
        if (said) {
            put_number(r, t, n > 1 ? NAN : c->different, 0);
            put_number(r, t, n > 1 ? NAN : c->truncated, 0);
        }
        put_number(r, t, c->tokens[p], 0);
        put_number(r, t, c->padded[p], 0);
        put_number(r, t, n > 1 ? NAN : c->tokenize * 1e3, 3);
    }
}

static void put_inputs(report *r)
{
    bool said = say_texts(r);
    report_table *t =
        report_table_begin(r->document, "inputs", "", "Inputs and their tokenisation");
    report_column_add(t, "cell", "", false);
    report_column_add(t, "texts", "", true);
    if (said) {
        report_column_add(t, "different", "", true);
        report_column_add(t, "cut", "", true);
    }
    report_column_add(t, "tokens", "", true);
    report_column_add(t, "padded", "", true);
    report_column_add(t, "tokenisation", "ms", true);
    for (size_t i = 0; i < r->results->cell_count; i++)
        put_input(r, t, &r->results->models[i], said);
}

void report_write_accuracy(report *r)
{
    if (r->results->cell_count + r->results->loaded_count + r->results->accuracy_count == 0)
        return;
    report_heading(r->document, 2, "accuracy", "Accuracy of the precisions");
    if (r->results->accuracy_count == 0) {
        report_paragraph(r->document,
                         "Not run: the results hold no comparison with the reference.");
        return;
    }
    report_paragraph(r->document,
                     "The cosine between the embedding of a text at this precision and that of the "
                     "float64 reference, over real texts: speed that was bought with accuracy "
                     "shows here.");
    report_table *t = report_table_begin(r->document, "accuracy", "", "Cosine to the reference");
    report_column_add(t, "arm", "", false);
    report_column_add(t, "mean cosine", "", true);
    report_column_add(t, "least cosine", "", true);
    report_column_add(t, "precision", "", false);
    report_column_add(t, "texts", "", true);
    report_column_add(t, "model", "", false);
    for (size_t i = 0; i < r->results->accuracy_count; i++) {
        const report_accuracy *a = &r->results->accuracy[i];
        put_text(r, t, a->arm);
        if (a->state != BENCH_OK)
            report_field_missing(r->document, t, bench_state_name(a->state), a->reason);
        else
            put_number(r, t, a->mean, 6);
        put_number(r, t, a->least, 6);
        put_text(r, t, a->precision);
        put_number(r, t, a->texts, 0);
        put_text(r, t, a->model);
    }
}

/* Only where counters exist. */
static void put_energy(report *r)
{
    report_table *t = NULL;
    for (size_t i = 0; i < r->results->cell_count; i++)
        for (size_t k = 0; k < r->results->models[i].arm_count; k++) {
            const report_cell *c = &r->results->models[i];
            if (isnan(c->arms[k].joules))
                continue;
            if (!t) {
                t = report_table_begin(r->document, "energy", "", "Energy");
                report_column_add(t, "cell", "", false);
                report_column_add(t, "arm", "", false);
                report_column_add(t, "energy of a text", "J", true);
            }
            put_text(r, t, c->label);
            put_text(r, t, c->arms[k].name);
            put_number(r, t, c->arms[k].joules, 4);
        }
}

void report_write_loading(report *r)
{
    if (r->results->cell_count + r->results->loaded_count == 0)
        return;
    report_heading(r->document, 2, "loading", "Models: inputs, loading and memory");
    put_models(r);
    put_inputs(r);
    put_loading(r);
    put_energy(r);
}

void report_write_method(report *r)
{
    report_document *d = r->document;
    report_heading(d, 2, "method", "Method");
    report_item(
        d, "Everyone gets the same inputs from files and is told the same number of threads; who "
           "takes none says so under \u201cwhat it runs\u201d (MLX on a CPU runs one).");
    report_item(
        d, "Outputs are compared with a reference before anything is timed: who is wrong has no "
           "time. Operations are held to a float64 reference, models to float64 loops over the "
           "checkpoint with a tolerance by precision (docs/bench.md has them).");
    report_item(d,
                "Rounds go through all arms in a new random order, so that what the machine does "
                "meanwhile meets all alike. A sample is the mean of as many runs as the least time "
                "asks for.");
    report_item(d,
                "Shown are medians. A ratio is the median of the ratios of the rounds, with an "
                "interval between two of them that holds the true median with 95 %% whatever the "
                "distribution; fewer samples reach less, and then the level is printed. An arm "
                "that is so slow that one run had to do has no interval; a difference to it "
                "counts from 1.5 times.");
    report_item(d, "Geometric means are of the cells\u2019 ratios; their interval is that of the "
                   "geometric means of each round.");
    report_item(
        d, "\u201cFastest peer\u201d is the one with the smallest median in that cell at the same "
           "precision on the same device, whatever its configuration. \u201cFaster\u201d and "
           "\u201cslower\u201d mean that the whole interval is on one side of 1.");
    report_item(
        d, "What the machine can do is measured in the same run; a figure above it is refused.");
    put_probes(r);
    report_write_files(r);
}
