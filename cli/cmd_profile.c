/* SPDX-License-Identifier: MIT
 *
 * mica profile: where the time of a model goes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/environment.h"
#include "bench/peaks.h"
#include "bench/util.h"
#include "commands.h"
#include "profile.h"

const char profile_details[] =
    "Runs the model as `embed` does on the texts, or without texts on random ids (the bare model:\n"
    "states and pooler), and shows where the time goes: by part, by kernel (an operation after\n"
    "fusing, with the name of its weights) and by layer. Calls with and without measuring steps\n"
    "take turns; times are medians. What steps do not account for is shown too: tokenizing,\n"
    "copying results, bookkeeping.\n\n"
    "GFLOP/s are multiplications and additions of products. GB/s are bytes that have to be read\n"
    "and written at least, from whichever cache. `of peak` is how near a row is to its floor: the\n"
    "longer of its arithmetic at the rate of multiply-adds in registers and of reading its "
    "weights\n"
    "from memory, both measured first. Regions are times that work was shared out over threads.\n"
    "\n"
    "examples:\n"
    "  mica profile ./bert-base-uncased\n"
    "  mica profile ./bert-base-uncased --tokens 13 --batch 16 --dtype int8\n"
    "  mica profile ./all-MiniLM-L6-v2 \"A text.\" --threads 1 --format json\n";

typedef struct profiling {
    const cli_command *command;
    const char *model;
    engine_options computing;
    engine engine;
    int64_t tokens, batch, runs, batch_tokens;
    const mica_text *texts; /* NULL: random ids */
    mica_text *own_texts;
    size_t text_count;
    int32_t *ids;
    mica_sequence *sequences;
    mica_embeddings *vectors;
    profile *profile;
    profile_peaks peaks;
    bench_rate rate;          /* of the model's precision */
    double *plain, *measured; /* seconds of calls */
    double sums[3];           /* medians: a plain call, a measured one, its programs */
    double steps;             /* and its steps */
    double alone;             /* of these, those that were not shared out over the threads */
    double fastest;           /* of the plain calls */
    double processor;         /* time of all threads together in one, the least; 0 = not known */
    size_t total_tokens, sequence_count;
    profile_group *parts, *kernels, *layers;
    size_t part_count, kernel_count, layer_count;
    mica_model_info about;
    mica_context_info machine;
} profiling;

static mica_status no_memory(mica_error *err)
{
    return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
}

/* ---- the work ---- */

/* Random ids: the same for every run. */
static mica_status make_ids(profiling *p, mica_error *err)
{
    size_t tokens = (size_t)p->tokens, batch = (size_t)p->batch;
    uint32_t state = 7;
    p->ids = malloc(tokens * batch * sizeof *p->ids);
    p->sequences = calloc(batch, sizeof *p->sequences);
    if (!p->ids || !p->sequences)
        return no_memory(err);
    for (size_t i = 0; i < tokens * batch; i++) {
        state = state * 1103515245u + 12345u;
        p->ids[i] = (int32_t)((state >> 8) % (uint32_t)p->about.vocab_size);
    }
    for (size_t i = 0; i < batch; i++)
        p->sequences[i] = (mica_sequence){.ids = p->ids + i * tokens, .count = tokens};
    return MICA_OK;
}

static mica_status call_once(profiling *p, mica_error *err)
{
    if (p->texts) {
        mica_embed_options options;
        mica_embed_options_defaults(&options);
        options.batch_tokens = (size_t)p->batch_tokens;
        return mica_embed(p->engine.session, p->texts, p->text_count, &options, &p->vectors, err);
    }
    mica_outputs *outputs = NULL;
    mica_forward_options options;
    mica_forward_options_defaults(&options);
    options.no_logits = true;
    options.batch_tokens = (size_t)p->batch_tokens;
    mica_status status =
        mica_forward(p->engine.session, p->sequences, (size_t)p->batch, &options, &outputs, err);
    mica_outputs_destroy(&outputs);
    return status;
}

/* A call, measured step by step or not; *seconds may be NULL. */
static mica_status time_call(profiling *p, bool steps, double *seconds, mica_error *err)
{
    mica_session_set_profile(p->engine.session, steps ? profile_look : NULL, p->profile);
    clock_t processor = clock();
    double begin = seconds_now();
    mica_status status = call_once(p, err);
    if (seconds) {
        *seconds = seconds_now() - begin;
        double used = (double)(clock() - processor) / CLOCKS_PER_SEC;
        if (!steps && (p->processor == 0 || used < p->processor))
            p->processor = used;
    }
    if (status || !steps || profile_end_call(p->profile))
        return status;
    return no_memory(err);
}

/* Warms up, learns the steps, and takes turns. */
static mica_status run_all(profiling *p, mica_error *err)
{
    size_t runs = (size_t)p->runs;
    mica_status status = profile_create(runs, &p->profile, err);
    p->plain = calloc(runs, sizeof *p->plain);
    p->measured = calloc(runs, sizeof *p->measured);
    if (!status && (!p->plain || !p->measured))
        status = no_memory(err);
    if (!status)
        status = time_call(p, false, NULL, err);
    if (!status)
        status = time_call(p, true, NULL, err);
    for (size_t r = 0; r < runs && !status; r++) {
        status = time_call(p, false, &p->plain[r], err);
        if (!status)
            status = time_call(p, true, &p->measured[r], err);
    }
    return status;
}

/* The median over calls of the sum over steps: all, or those that one thread does while the others
 * wait. `sums` has room for a number of each call. */
static double sum_steps(const profile *all, bool alone, double *sums)
{
    memset(sums, 0, all->runs * sizeof *sums);
    for (size_t i = 0; i < all->count; i++)
        for (size_t r = 0; r < all->runs; r++)
            if (!alone || all->steps[i].work.regions == 0)
                sums[r] += all->steps[i].seconds[r];
    return profile_median(sums, all->runs);
}

static mica_status sum_up(profiling *p, mica_error *err)
{
    profile *all = p->profile;
    double *sums = calloc(all->runs, sizeof *sums);
    if (!sums)
        return no_memory(err);
    p->steps = sum_steps(all, false, sums);
    p->alone = sum_steps(all, true, sums);
    free(sums);
    p->sums[0] = profile_median(p->plain, all->runs);
    p->sums[1] = profile_median(p->measured, all->runs);
    p->sums[2] = profile_median(all->program_seconds, all->runs);
    p->fastest = p->plain[0]; /* the median has sorted them */
    p->parts = profile_groups(all, profile_same_part, &p->peaks, &p->part_count);
    p->kernels = profile_groups(all, profile_same_kernel, &p->peaks, &p->kernel_count);
    p->layers = profile_groups(all, profile_same_layer, &p->peaks, &p->layer_count);
    return p->parts && p->kernels && p->layers ? MICA_OK : no_memory(err);
}

static mica_status measure_peaks(profiling *p, mica_error *err)
{
    const mica_context_info *machine = &p->machine;
    bench_bandwidth memory = {.bytes = HUGE_VAL}; /* as much as is measured at most */
    if (!bench_bandwidth_measure(&memory, machine->threads, BENCH_NUMBERS))
        return no_memory(err);
    p->rate = bench_measure_flops(machine->kernels, p->about.precision, machine->threads);
    p->peaks.flops[p->about.precision] = p->rate.flops;
    if (p->about.precision != MICA_PRECISION_F32)
        p->peaks.flops[MICA_PRECISION_F32] =
            bench_measure_flops(machine->kernels, MICA_PRECISION_F32, machine->threads).flops;
    p->peaks.read = memory.read;
    return MICA_OK;
}

/* How much went in. */
static void count_input(profiling *p)
{
    p->sequence_count = p->texts ? p->text_count : (size_t)p->batch;
    p->total_tokens = p->texts ? 0 : (size_t)(p->tokens * p->batch);
    for (size_t i = 0; p->texts && i < p->text_count; i++)
        p->total_tokens += mica_embeddings_tokens(p->vectors, i);
}

/* ---- as a table ---- */

enum { BAR = 24 };

static double floor_of_all(const profiling *p)
{
    double floor = 0;
    for (size_t i = 0; i < p->part_count; i++)
        floor += p->parts[i].floor;
    return floor;
}

static const profile_group *find_part(const profiling *p, const char *name)
{
    for (size_t i = 0; i < p->part_count; i++)
        if (strcmp(profile_part(p->parts[i].first->work.op), name) == 0)
            return &p->parts[i];
    return NULL;
}

/* Of the steps' time: all but products. */
static double outside_products(const profiling *p)
{
    const profile_group *products = find_part(p, "products");
    return products && p->steps > 0 ? 1 - products->seconds / p->steps : 1;
}

static void put_rate(double amount, double seconds, const char *format)
{
    if (amount > 0 && seconds > 0)
        out_text(format, amount / seconds * 1e-9);
    else
        out_text(" %8s", "-");
}

/* "   12.345  67.8 %    123.4    12.34   87 %     24      24  |########" and so on: all of a row
 * but its name. A share of the peak is one of products: others are not bound by it. */
static void put_row(const profile_group *g, double whole)
{
    char bar[BAR + 1];
    double share = whole > 0 ? g->seconds / whole : 0;
    size_t filled = share < 1 ? (size_t)(share * BAR + 0.5) : BAR;
    memset(bar, ' ', BAR);
    memset(bar, '#', filled);
    bar[BAR] = 0;
    out_text("%10.3f %5.1f %%", g->seconds * 1e3, share * 100);
    put_rate(g->flops, g->seconds, " %8.1f");
    put_rate(g->bytes, g->seconds, " %8.2f");
    if (g->floor > 0 && g->flops > 0 && g->seconds > 0)
        out_text(" %5.0f %%", g->floor / g->seconds * 100);
    else
        out_text(" %7s", "-");
    out_text(" %5zu %7llu  |%s| ", g->steps, (unsigned long long)g->regions, bar);
}

static void put_head(const char *what)
{
    out_text("\n%10s %7s %8s %8s %7s %5s %7s  |%-*s| %s\n", "ms", "share", "GFLOP/s", "GB/s",
             "of peak", "steps", "regions", BAR, "", what);
}

static int by_time(const void *a, const void *b)
{
    const profile_group *x = a, *y = b;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

static void show_kernels(const profiling *p)
{
    put_head("kernel");
    for (size_t i = 0; i < p->kernel_count; i++) {
        const profile_group *g = &p->kernels[i];
        const mica_step_profile *w = &g->first->work;
        put_row(g, p->steps);
        out_text("%s%s%s", mica_op_name(w->op), w->activation != MICA_OP_NONE ? " + " : "",
                 w->activation != MICA_OP_NONE ? mica_op_name(w->activation) : "");
        if (g->first->name[0])
            out_text("  %s", g->first->name);
        if (g->one_shape && w->rows > 0)
            out_text("  [%lld x %lld x %lld]", (long long)w->rows, (long long)w->columns,
                     (long long)w->depth);
        out_text("\n");
    }
}

static void show_layers(const profiling *p)
{
    put_head("layer");
    for (size_t i = 0; i < p->layer_count; i++) {
        put_row(&p->layers[i], p->steps);
        out_text("%s\n", p->layers[i].first->layer);
    }
}

/* What no thread but one works on. */
static double seconds_alone(const profiling *p)
{
    return p->sums[1] - p->steps + p->alone;
}

/* The call, and what of it steps account for. */
static void show_sums(const profiling *p)
{
    double floor = floor_of_all(p);
    char values[32], scratch[32];
    out_text("call        %10.3f ms  (%.3f ms when steps are not measured, at best %.3f ms)\n",
             p->sums[1] * 1e3, p->sums[0] * 1e3, p->fastest * 1e3);
    out_text("  steps     %10.3f ms  %5.1f %%  %zu in %zu program%s\n", p->steps * 1e3,
             p->steps / p->sums[1] * 100, p->profile->count, p->profile->programs,
             p->profile->programs == 1 ? "" : "s");
    out_text("  between   %10.3f ms  %5.1f %%  shapes, addresses, checks\n",
             (p->sums[2] - p->steps) * 1e3, (p->sums[2] - p->steps) / p->sums[1] * 100);
    out_text("  around    %10.3f ms  %5.1f %%  %s\n", (p->sums[1] - p->sums[2]) * 1e3,
             (p->sums[1] - p->sums[2]) / p->sums[1] * 100,
             p->texts ? "tokenizing, copying results" : "copying results");
    out_text("processors  %10.3f ms  of all threads together, at best\n", p->processor * 1e3);
    if (p->machine.threads > 1)
        out_text("alone       %10.3f ms  %5.1f %%  between, around, and steps of one thread\n",
                 seconds_alone(p) * 1e3, seconds_alone(p) / p->sums[1] * 100);
    if (p->rate.flops > 0)
        out_text("floor       %10.3f ms  the call takes %.2f times as long\n", floor * 1e3,
                 p->sums[0] / floor);
    size_text((int64_t)p->profile->value_bytes, values, sizeof values);
    size_text((int64_t)p->profile->scratch_bytes, scratch, sizeof scratch);
    out_text("memory      %s of values between steps, %s that steps work in (largest program)\n",
             values, scratch);
    out_text("outside products: %.1f %% of the steps' time\n", outside_products(p) * 100);
}

static void show(const profiling *p)
{
    out_text("%s: %s, %lld layers, %s; %zu sequence%s, %zu tokens; %zu thread%s, %s; medians of "
             "%lld calls\n",
             p->model, p->about.model_type, (long long)p->about.layers,
             mica_precision_name(p->about.precision), p->sequence_count,
             p->sequence_count == 1 ? "" : "s", p->total_tokens, p->machine.threads,
             p->machine.threads == 1 ? "" : "s", p->machine.kernels, (long long)p->runs);
    if (p->rate.flops > 0)
        out_text("peak: %.0f GFLOP/s (%s)", p->rate.flops * 1e-9, p->rate.with);
    else
        out_text("peak: arithmetic not known");
    out_text(", %.1f GB/s read from memory\n\n", p->peaks.read * 1e-9);
    show_sums(p);
    put_head("part");
    for (size_t i = 0; i < p->part_count; i++) {
        put_row(&p->parts[i], p->steps);
        out_text("%s\n", profile_part(p->parts[i].first->work.op));
    }
    show_kernels(p);
    show_layers(p);
}

/* ---- as JSON ---- */

static void write_work(mica_json_writer *w, double flops, double bytes, double weight_bytes,
                       double floor, uint64_t regions, double seconds)
{
    bench_write_number(w, "seconds", seconds);
    bench_write_number(w, "flops", flops);
    bench_write_number(w, "bytes", bytes);
    bench_write_number(w, "weight_bytes", weight_bytes);
    bench_write_number(w, "floor", floor);
    bench_write_number(w, "share_of_peak", seconds > 0 ? floor / seconds : 0);
    bench_write_int(w, "regions", (int64_t)regions);
}

static void write_kernel(mica_json_writer *w, const profile_step *step)
{
    const mica_step_profile *work = &step->work;
    bool acts = work->activation != MICA_OP_NONE;
    mica_json_write_member(w, "op", mica_op_name(work->op));
    mica_json_write_member(w, "activation", acts ? mica_op_name(work->activation) : NULL);
    mica_json_write_member(w, "weights", step->name[0] ? step->name : NULL);
}

static void write_shape(mica_json_writer *w, const mica_step_profile *work)
{
    mica_json_write_key(w, "shape");
    if (work->rows == 0) {
        mica_json_write_null(w);
        return;
    }
    mica_json_begin_array(w);
    mica_json_write_int(w, work->rows);
    mica_json_write_int(w, work->columns);
    mica_json_write_int(w, work->depth);
    mica_json_end_array(w);
}

typedef enum group_kind { GROUP_PART, GROUP_KERNEL, GROUP_LAYER } group_kind;

static void write_groups(const profiling *p, mica_json_writer *w, const char *key,
                         const profile_group *groups, size_t count, group_kind kind)
{
    mica_json_write_key(w, key);
    mica_json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        const profile_group *g = &groups[i];
        mica_json_begin_object(w);
        if (kind == GROUP_KERNEL)
            write_kernel(w, g->first);
        else
            mica_json_write_member(w, kind == GROUP_PART ? "part" : "layer",
                                   kind == GROUP_PART ? profile_part(g->first->work.op)
                                                      : g->first->layer);
        bench_write_int(w, "steps", (int64_t)g->steps);
        bench_write_number(w, "share", p->steps > 0 ? g->seconds / p->steps : 0);
        write_work(w, g->flops, g->bytes, g->weight_bytes, g->floor, g->regions, g->seconds);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
}

static void write_steps(const profiling *p, mica_json_writer *w)
{
    mica_json_write_key(w, "steps");
    mica_json_begin_array(w);
    for (size_t i = 0; i < p->profile->count; i++) {
        const profile_step *s = &p->profile->steps[i];
        mica_json_begin_object(w);
        mica_json_write_member(w, "layer", s->layer);
        write_kernel(w, s);
        write_shape(w, &s->work);
        mica_json_write_member(w, "precision", mica_precision_name(s->work.precision));
        write_work(w, s->work.flops, s->work.bytes, s->work.weight_bytes,
                   profile_floor(&s->work, &p->peaks), s->work.regions,
                   profile_median(s->seconds, p->profile->runs));
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
}

static void write_settings(const profiling *p, mica_json_writer *w)
{
    bench_environment environment;
    bench_environment_read(&environment);
    mica_json_write_key(w, "environment");
    mica_json_begin_object(w);
    bench_environment_write(w, &environment);
    mica_json_end_object(w);
    mica_json_write_key(w, "settings");
    mica_json_begin_object(w);
    mica_json_write_member(w, "input", p->texts ? "texts" : "ids");
    bench_write_int(w, "sequences", (int64_t)p->sequence_count);
    bench_write_int(w, "tokens", (int64_t)p->total_tokens);
    mica_json_write_member(w, "dtype", mica_precision_name(p->about.precision));
    bench_write_int(w, "threads", (int64_t)p->machine.threads);
    bench_write_int(w, "runs", p->runs);
    mica_json_end_object(w);
    mica_json_write_key(w, "peaks");
    mica_json_begin_object(w);
    bench_write_number(w, "flops", p->rate.flops);
    mica_json_write_member(w, "with", p->rate.with);
    bench_write_number(w, "read", p->peaks.read);
    mica_json_end_object(w);
}

/* Medians one by one are not sums of one another: `steps` is of sums within a call. */
static void write_document(const profiling *p, mica_json_writer *w)
{
    mica_json_begin_object(w);
    mica_json_write_member(w, "profile", p->model);
    bench_write_int(w, "schema", 1);
    mica_json_write_member(w, "model_type", p->about.model_type);
    write_settings(p, w);
    mica_json_write_key(w, "total");
    mica_json_begin_object(w);
    bench_write_number(w, "seconds", p->sums[1]);
    bench_write_number(w, "plain_seconds", p->sums[0]);
    bench_write_number(w, "plain_fastest", p->fastest);
    bench_write_number(w, "processor_seconds", p->processor);
    bench_write_number(w, "program_seconds", p->sums[2]);
    bench_write_number(w, "step_seconds", p->steps);
    bench_write_number(w, "outside_steps", p->sums[1] - p->steps);
    bench_write_number(w, "alone", seconds_alone(p));
    bench_write_number(w, "outside_products", outside_products(p));
    bench_write_number(w, "floor", floor_of_all(p));
    bench_write_int(w, "programs", (int64_t)p->profile->programs);
    bench_write_int(w, "value_bytes", (int64_t)p->profile->value_bytes);
    bench_write_int(w, "scratch_bytes", (int64_t)p->profile->scratch_bytes);
    mica_json_end_object(w);
    write_groups(p, w, "parts", p->parts, p->part_count, GROUP_PART);
    write_groups(p, w, "kernels", p->kernels, p->kernel_count, GROUP_KERNEL);
    write_groups(p, w, "layers", p->layers, p->layer_count, GROUP_LAYER);
    write_steps(p, w);
    mica_json_end_object(w);
}

static mica_status put_json(const profiling *p, mica_error *err)
{
    mica_json_writer *w = NULL;
    mica_status status = mica_json_writer_create(&w, err);
    if (status)
        return status;
    write_document(p, w);
    status = out_json(w, err);
    out_write("\n", 1);
    mica_json_writer_destroy(&w);
    return status;
}

/* ---- the command ---- */

static mica_status read_texts(profiling *p, int n, char **texts, mica_error *err)
{
    p->own_texts = calloc((size_t)n, sizeof *p->own_texts);
    if (!p->own_texts)
        return no_memory(err);
    for (int i = 0; i < n; i++)
        p->own_texts[i] = (mica_text){texts[i], strlen(texts[i])};
    p->texts = p->own_texts;
    p->text_count = (size_t)n;
    return MICA_OK;
}

/* Opens the model, and settles what goes in. */
static mica_status prepare(profiling *p, int n, char **texts, mica_error *err)
{
    enum { USUAL = 112 };
    mica_status status = engine_open(&p->engine, p->model, &p->computing, err);
    if (status)
        return status;
    mica_model_get_info(p->engine.model, &p->about);
    mica_context_get_info(p->engine.context, &p->machine);
    if (n > 0)
        return read_texts(p, n, texts, err);
    if (p->tokens == 0)
        p->tokens = p->about.max_positions < USUAL ? (int64_t)p->about.max_positions : USUAL;
    return make_ids(p, err);
}

static int profile_model(profiling *p, cli_format format, int n, char **texts)
{
    mica_error err = {0};
    mica_status status = prepare(p, n, texts, &err);
    if (!status)
        status = measure_peaks(p, &err);
    if (!status)
        status = run_all(p, &err);
    if (!status) {
        count_input(p);
        status = sum_up(p, &err);
    }
    if (!status && format == FORMAT_TEXT) {
        qsort(p->parts, p->part_count, sizeof *p->parts, by_time);
        qsort(p->kernels, p->kernel_count, sizeof *p->kernels, by_time);
        show(p);
    } else if (!status) {
        status = put_json(p, &err);
    }
    return status == MICA_STATUS_CANCELLED ? EXIT_INTERRUPTED
           : status                        ? fail(p->command, &err)
                                           : EXIT_OK;
}

int cmd_profile(const cli_command *command, int argc, char **argv)
{
    const char *format_name = NULL;
    cli_format format;
    profiling p = {.command = command, .runs = 15};
    enum { OWN = 5 };
    option options[OWN + ENGINE_OPTIONS] = {
        {"tokens", 0, OPTION_NUMBER, &p.tokens, "N", "random ids in a sequence (112)", 1, 1 << 24},
        {"batch", 0, OPTION_NUMBER, &p.batch, "B", "sequences of them (1)", 1, 1 << 20},
        {"runs", 0, OPTION_NUMBER, &p.runs, "N", "calls that are measured (15)", 1, 100000},
        {"batch-tokens", 0, OPTION_NUMBER, &p.batch_tokens, "N",
         "tokens computed at once (changes no result)", 1, 1 << 24},
        {"format", 0, OPTION_TEXT, &format_name, "FORMAT", "text (default), json or jsonl", 0, 0},
    };
    engine_option_rows(&p.computing, options + OWN);
    int n, code = options_read(command, options, OWN + ENGINE_OPTIONS, argc, argv, &n);
    if (code >= 0)
        return code;
    if (n < 1)
        return usage_error(command, WHICH_MODEL);
    if (n > 1 && (p.tokens || p.batch))
        return usage_error(command, "--%s is for random ids: leave the texts out",
                           p.tokens ? "tokens" : "batch");
    if (!format_read(command, format_name, &format))
        return EXIT_USAGE;
    p.model = argv[1];
    p.batch = p.batch ? p.batch : 1;
    code = profile_model(&p, format, n - 1, argv + 2);
    free(p.parts);
    free(p.kernels);
    free(p.layers);
    free(p.plain);
    free(p.measured);
    free(p.own_texts);
    free(p.ids);
    free(p.sequences);
    profile_destroy(&p.profile);
    mica_embeddings_destroy(&p.vectors);
    engine_close(&p.engine);
    return out_close(command, code);
}
