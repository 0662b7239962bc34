/* SPDX-License-Identifier: MIT
 *
 * The known flaws of the published programs, each with what it does to a figure here.
 */
#include <math.h>
#include <string.h>

#include "report.h"

typedef struct known_flaw {
    const char *name, *title, *text;
    bool models, gpu;
    const char *found; /* why no record of it says how a check finds it; NULL: they do */
} known_flaw;

static const known_flaw known[] = {
    {"axis_ignored", "The axis never reached MLX",
     "The harness prepared the axis and then called the function without it: MLX reduced over the "
     "whole array (sorted the last axis), while PyTorch got the axis. Times then depend on the "
     "number of elements alone.",
     false, false, NULL},
    {"work_discarded", "The work was thrown away",
     "MLX arrays do not change: x.at[y].add(z) returns a new one. The harness discarded that and "
     "returned x, so that lazy evaluation had nothing to do: hundredths of a millisecond at every "
     "size.",
     false, false, NULL},
    {"one_column", "One column instead of all",
     "PyTorch\u2019s scatter_reduce follows the shape of its index. The index had one column, so 1 "
     "of "
     "16 or 32 columns was reduced.",
     false, false, NULL},
    {"different_function", "Two functions under one name",
     "Binary cross entropy took probabilities in PyTorch and logits in MLX: another formula with "
     "other work.",
     false, false, NULL},
    {"mask_of_ones", "A causal mask that masks nothing",
     "Minus infinity written into an array of booleans is true; cast to a number it is 1. "
     "Attention was timed with a mask of ones, added to every score.",
     false, false, NULL},
    {"sort_with_indices", "Sort returns different things",
     "PyTorch also builds an array of int64 indices; MLX returns values only.", false, false,
     "not by a check: both sorts are right; the arms are named by what they give"},
    {"layout_in_the_loop", "Layout work inside the timed call",
     "PyTorch got strided views as inputs of convolutions and paid for putting them in order in "
     "each "
     "call; MLX got its own layout.",
     false, false,
     "not by a check: the output is right; inputs are put in order before the clock starts"},
    {"no_synchronize", "CUDA was not waited for",
     "A call on a GPU returns when the work is queued. Early tables stopped the clock then.", false,
     true, NULL},
    {"mean_of_nine", "A mean of nine, without a spread",
     "Each figure is the mean of nine runs, the first of ten being dropped, and no spread is "
     "given: "
     "one slow run moves it unseen. Here such means are drawn from honest samples.",
     false, false, "not by a check: medians with intervals are shown, and the samples kept"},
    {"mean_of_ms", "Averages of milliseconds",
     "The average over the shapes of an operation is an arithmetic mean of times: the largest "
     "shape "
     "decides it, and with it every ratio of averages.",
     false, false, "not by a check: ratios are averaged, each case with the same weight"},
    {"new_memory", "New memory each time, or the same buffers again",
     "Results in new memory pay for page faults at each call; cases that go through the same warm "
     "buffers again and again run out of a cache that real work would not find warm. The harness "
     "did "
     "not say which it had.",
     false, false,
     "not by a check: the output is right; both ways are run, and the faster one counts"},
    {"unevaluated", "A lazy array that was never evaluated",
     "An array of MLX is a graph until someone evaluates it. The encoders\u2019 first results "
     "timed the "
     "building of that graph: 0.41 ms for bert-base at a batch of 32 texts of 500 characters, "
     "which "
     "would be 2,000 TFLOP/s.",
     true, false,
     "a time below the machine\u2019s floor is seen beside it; the peer evaluates before the clock "
     "stops"},
    {"not_synchronized", "CUDA was not waited for",
     "The encoders\u2019 PyTorch functions on CUDA (and on Apple\u2019s GPU) returned after "
     "launch.",
     true, true, "not by a check: the clock stops after the device has been waited for"},
    {"no_inference_mode", "Gradients were prepared",
     "Without inference mode PyTorch records what a backward pass would need and keeps the "
     "activations.",
     true, false, "not by a check: the output is right; peers run in inference mode and say so"},
    {"copy_to_numpy", "A copy to NumPy inside the timed call",
     "MLX paid for copying its output to NumPy, with BERT\u2019s masked-language-model head up to "
     "488 MB "
     "of logits; PyTorch did not.",
     true, false,
     "not by a check: the output is right; the clock stops when the output is computed, before it "
     "is copied"},
    {"best_ten", "The ten best of N",
     "The times were sorted and the ten smallest averaged: the more runs, the lower the figure.",
     true, false, "not by a check: the median of all rounds counts, none is dropped"},
    {"no_warm_up", "No warm-up",
     "The model was loaded again for each configuration, so that reading, conversion and "
     "compilation "
     "fell into the first run.",
     true, false, "not by a check: first calls are timed apart"},
    {"space_padded", "Lengths in characters, padded with spaces",
     "Texts were filled with spaces up to a number of characters; how many tokens that is differs "
     "by "
     "tokenizer and text.",
     true, false, "not by a check: lengths are given in tokens, and texts are real"},
    {"unlike_heads", "Different heads under one title",
     "BERT ran with its masked-language-model head over 30,522 words at every position, RoBERTa "
     "and "
     "XLM-RoBERTa without a head.",
     true, false,
     "not by a check: all models run as encoders unless --as-published asks for heads"},
};
/* Of a record that does not say how a check finds it. */
static const char not_said[] = "the results do not say";
enum { KNOWN = sizeof known / sizeof known[0] };

static void put_figure(report *r, report_table *t, const report_arm *a, bool ratio)
{
    double scale = ratio ? 1 : 1e3;
    if (a->state != BENCH_OK)
        report_field_missing(r->document, t, bench_state_name(a->state), a->reason);
    else
        report_field_add(r->document, t,
                         (report_field){ratio ? report_print(r->pool, "%.2f", a->time.median)
                                              : report_ms(r->pool, a->time.median),
                                        a->time.median * scale,
                                        a->n > 1 ? a->time.low * scale : NAN,
                                        a->n > 1 ? a->time.high * scale : NAN, REPORT_PLAIN,
                                        a->suspect[0] ? a->suspect : NULL,
                                        a->suspect[0] ? REPORT_MEASURED : NULL});
}

static const known_flaw *find_known(const char *name)
{
    for (size_t k = 0; k < KNOWN; k++)
        if (strcmp(known[k].name, name) == 0)
            return &known[k];
    return NULL;
}

static void put_record(report *r, report_table *t, const report_flaw *f)
{
    report_document *d = r->document;
    const known_flaw *k = find_known(f->name);
    bool both = f->honest.state == BENCH_OK && f->flawed.state == BENCH_OK;
    double times = both ? f->flawed.time.median / f->honest.time.median : NAN;
    report_field_text(d, t, k ? k->title : f->name);
    report_field_number(d, t,
                        report_print(r->pool,
                                     times < 0.001 ? "%.1e"
                                     : times < 0.1 ? "%.4f"
                                                   : "%.2f",
                                     times),
                        times);
    put_figure(r, t, &f->honest, f->ratio);
    put_figure(r, t, &f->flawed, f->ratio);
    report_field_text(d, t, f->arm);
    report_field_text(d, t, f->where);
    report_field_text(d, t, f->says);
    report_field_text(d, t, f->caught[0] ? f->caught : k && k->found ? k->found : not_said);
}

/* The records whose figures are times, or ratios; of the known flaws in their order first. */
static void put_records(report *r, bool ratio)
{
    const report_results *results = r->results;
    report_table *t = NULL;
    for (size_t k = 0; k <= KNOWN; k++)
        for (size_t i = 0; i < results->flaw_count; i++) {
            const report_flaw *f = &results->flaws[i];
            const known_flaw *of = find_known(f->name);
            if (f->ratio != ratio || of != (k < KNOWN ? &known[k] : NULL))
                continue;
            if (!t) {
                t = report_table_begin(r->document, ratio ? "flaw-ratios" : "flaws", "",
                                       ratio ? "What each does here, to a ratio"
                                             : "What each does here, to a time");
                report_column_add(t, "flaw", "", false);
                report_column_add(t, "flawed / honest", "\u00d7", true);
                report_column_add(t, "honest", ratio ? "\u00d7" : "ms", true);
                report_column_add(t, "flawed", ratio ? "\u00d7" : "ms", true);
                report_column_add(t, "arm", "", false);
                report_column_add(t, "in", "", false);
                report_column_add(t, "what was done", "", false);
                report_column_add(t, "how the checks find it", "", false);
            }
            put_record(r, t, f);
        }
}

static bool was_run(const report *r, const char *name)
{
    for (size_t i = 0; i < r->results->flaw_count; i++)
        if (strcmp(r->results->flaws[i].name, name) == 0)
            return true;
    return false;
}

void report_write_flaws(report *r)
{
    report_document *d = r->document;
    report_heading(d, 2, "flaws", "How a benchmark goes wrong");
    report_paragraph(
        d, "The programs behind the published figures had these flaws. Each was turned on "
           "here alone, with --as-published, beside an honest measurement of the same "
           "arm; where a flaw was not run it is explained and has no figure.");
    put_records(r, false);
    put_records(r, true);
    for (size_t k = 0; k < KNOWN; k++)
        report_item(d, "%s (%s, %s): %s%s", known[k].title, known[k].name,
                    known[k].models ? "models" : "operations", known[k].text,
                    was_run(r, known[k].name) ? ""
                    : known[k].gpu            ? " It shows on a GPU only; it was not run here."
                                              : " Not run: the results hold no record of it.");
}
