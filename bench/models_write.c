/* SPDX-License-Identifier: MIT */
#include "models_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

static const double weight_bytes[BENCH_PRECISIONS] = {4, 2, 1};

/* ---- the header ---- */

static void write_sizes(mica_json_writer *w, const char *key, const size_t *sizes, size_t count)
{
    mica_json_write_key(w, key);
    mica_json_begin_array(w);
    for (size_t i = 0; i < count; i++)
        mica_json_write_int(w, (int64_t)sizes[i]);
    mica_json_end_array(w);
}

static void write_digest(mica_json_writer *w, const char *key, uint64_t digest)
{
    char text[24];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)digest);
    mica_json_write_member(w, key, text);
}

/* What decides what is measured: with these the same, a run can be gone on with. */
static void write_choices(mica_json_writer *w, const bench_models_options *o,
                          const bench_models_subject *s)
{
    mica_json_write_key(w, "models");
    mica_json_begin_object(w);
    for (size_t i = 0; i < o->model_count; i++)
        write_digest(w, s->sources[i].name, s->sources[i].digest);
    mica_json_end_object(w);
    write_digest(w, "text", s->text);
    mica_json_write_key(w, "precisions");
    mica_json_begin_array(w);
    for (int p = 0; p < BENCH_PRECISIONS; p++)
        if (o->precisions[p])
            mica_json_write_text(w, bench_precisions[p]);
    mica_json_end_array(w);
    mica_json_write_key(w, "arms");
    mica_json_begin_array(w);
    for (size_t i = 0; i < o->arm_count; i++)
        mica_json_write_text(w, o->arms[i]);
    mica_json_end_array(w);
    mica_json_write_member(w, "filter", o->filter);
    mica_json_write_key(w, "accuracy");
    if (!s->accuracy) {
        mica_json_write_null(w);
        return;
    }
    mica_json_begin_object(w);
    mica_json_write_member(w, "model", s->accuracy->name);
    write_digest(w, "digest", s->accuracy->digest);
    write_digest(w, "text", s->accuracy_text);
    mica_json_end_object(w);
}

static void write_settings(mica_json_writer *w, const bench_models_options *o,
                           const bench_models_subject *subject, const bench_models_machine *machine)
{
    mica_json_write_key(w, "settings");
    mica_json_begin_object(w);
    bench_write_int(w, "rounds", (int64_t)o->plan.rounds);
    bench_write_number(w, "min_time", o->plan.min_time);
    bench_write_int(w, "seed", (int64_t)o->plan.seed);
    bench_write_int(w, "threads", (int64_t)machine->threads);
    write_sizes(w, "lengths", o->lengths, o->length_count);
    write_sizes(w, "batches", o->batches, o->batch_count);
    mica_json_write_member(w, "head", o->as_published ? "as-published" : "none");
    bench_write_number(w, "calm", o->calm);
    bench_write_number(w, "slow", o->slow);
    bench_write_number(w, "slow_times", o->slow_times);
    write_choices(w, o, subject);
    mica_json_end_object(w);
}

static void write_peaks(mica_json_writer *w, const bench_models_machine *machine)
{
    mica_json_write_key(w, "peaks");
    mica_json_begin_object(w);
    bench_write_number(w, "flops", machine->peaks.flops);
    bench_write_number(w, "bf16_flops", machine->bf16_flops);
    bench_write_number(w, "int8_ops", machine->int8_ops);
    mica_json_write_key(w, "bandwidth");
    mica_json_begin_array(w);
    for (int i = 0; i < BENCH_SIZES; i++) {
        mica_json_begin_object(w);
        bench_write_number(w, "bytes", machine->peaks.bandwidth[i].bytes);
        bench_write_number(w, "read", machine->peaks.bandwidth[i].read);
        bench_write_number(w, "copy", machine->peaks.bandwidth[i].copy);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
    mica_json_write_member(w, "of", machine->peaks_of[0] ? machine->peaks_of : NULL);
    mica_json_end_object(w);
}

bool bench_read_models_peaks(const mica_json_value *header, bench_models_machine *machine)
{
    const mica_json_value *peaks = mica_json_get(header, "peaks");
    const mica_json_value *v = mica_json_first(mica_json_get(peaks, "bandwidth"));
    bench_models_machine m = *machine;
    m.peaks.flops = bench_number(peaks, "flops", -1);
    m.bf16_flops = bench_number(peaks, "bf16_flops", 0);
    m.int8_ops = bench_number(peaks, "int8_ops", 0);
    snprintf(m.peaks_of, sizeof m.peaks_of, "%s", bench_text(peaks, "of"));
    for (int i = 0; i < BENCH_SIZES; i++, v = mica_json_next(v)) {
        if (!v)
            return false;
        m.peaks.bandwidth[i] = (bench_bandwidth){.bytes = bench_number(v, "bytes", 0),
                                                 .read = bench_number(v, "read", 0),
                                                 .copy = bench_number(v, "copy", 0)};
    }
    if (m.peaks.flops < 0)
        return false;
    *machine = m;
    return true;
}

static void write_program(mica_json_writer *w, const bench_program *p)
{
    const mica_json_value *hello = p->hello ? mica_json_root(p->hello) : NULL;
    mica_json_begin_object(w);
    mica_json_write_member(w, "name", p->name);
    mica_json_write_key(w, "versions");
    bench_write_value(w, mica_json_get(hello, "versions"));
    mica_json_write_key(w, "settings");
    bench_write_value(w, mica_json_get(hello, "settings"));
    mica_json_write_member(w, "state", bench_state_name(p->state));
    mica_json_write_member(w, "reason", p->state == BENCH_OK ? NULL : p->reason);
    mica_json_end_object(w);
}

void bench_write_models_header(mica_json_writer *w, const bench_models_options *o,
                               const bench_models_subject *subject,
                               const bench_models_machine *machine)
{
    mica_json_begin_object(w);
    mica_json_write_member(w, "bench", "models");
    bench_write_int(w, "schema", 1);
    mica_json_write_key(w, "environment");
    mica_json_begin_object(w);
    bench_environment_write(w, &machine->environment);
    mica_json_end_object(w);
    write_settings(w, o, subject, machine);
    write_peaks(w, machine);
    mica_json_write_key(w, "peers");
    mica_json_begin_array(w);
    for (size_t i = 0; i < o->program_count; i++)
        write_program(w, &o->programs[i]);
    mica_json_end_array(w);
    mica_json_end_object(w);
}

void bench_write_failed(mica_json_writer *w, const bench_source *source, const char *reason)
{
    mica_json_begin_object(w);
    mica_json_write_member(w, "kind", "failed");
    mica_json_write_member(w, "model", source->name);
    mica_json_write_member(w, "reason", reason);
    mica_json_end_object(w);
}

/* ---- what is kept until a model is done ---- */

static void write_length(mica_json_writer *w, const bench_cell *cell)
{
    mica_json_write_key(w, "length");
    if (cell->length)
        mica_json_write_int(w, (int64_t)cell->length);
    else
        mica_json_write_text(w, "mixed");
    bench_write_int(w, "batch", (int64_t)cell->batch);
}

/* What is odd about the texts of a cell. */
static void write_texts(mica_json_writer *w, const bench_batch *b)
{
    bench_write_int(w, "truncated_texts", (int64_t)b->truncated);
    bench_write_int(w, "different_texts", (int64_t)b->different);
}

/* Null if there are none. */
static void write_bytes(mica_json_writer *w, const char *key, double bytes)
{
    bench_write_number(w, key, bytes > 0 ? bytes : NAN);
}

static void write_cell_arm(mica_json_writer *w, const bench_cell_result *r, const bench_cell_arm *a)
{
    mica_json_begin_object(w);
    bench_write_arm(w, &a->arm);
    mica_json_write_member(w, "framework", a->process->framework);
    mica_json_write_member(w, "precision", a->process->precision);
    mica_json_write_member(w, "config", a->process->config);
    mica_json_write_member(w, "device", a->process->device);
    mica_json_write_member(w, "way", a->process->way_here[0] ? a->process->way_here : NULL);
    write_bytes(w, "peak_device_bytes", a->process->device_bytes);
    bench_write_number(w, "first_seconds", a->first_seconds);
    bench_write_number(w, "difference", a->distance.largest);
    bench_write_number(w, "cosine", a->distance.cosine);
    bench_write_number(w, "row_difference", a->distance.row);
    if (a->arm.state == BENCH_OK) {
        bench_write_bool(w, "slow", a->slow);
        mica_json_write_key(w, "disturbed_seconds");
        mica_json_begin_array(w);
        for (size_t i = 0; i < r->round_count && !a->slow; i++)
            if (!r->rounds[i].counts)
                mica_json_write_double(w, a->all[i]);
        mica_json_end_array(w);
        bench_write_number(w, "joules_per_text", a->joules);
    }
    mica_json_end_object(w);
}

/* mica's arm and the fastest of others on the CPU. */
static void write_ratio(mica_json_writer *w, const bench_cell_result *r)
{
    const bench_arm *mica = NULL, *other = NULL;
    for (size_t i = 0; i < r->arm_count; i++) {
        const bench_cell_arm *a = &r->arms[i];
        if (bench_model_arm_is_mica(a->process))
            mica = &a->arm;
        else if (a->arm.state == BENCH_OK && strcmp(a->process->device, "cpu") == 0 &&
                 !a->process->as_published &&
                 (!other || a->arm.summary.median < other->summary.median))
            other = &a->arm;
    }
    mica_json_write_key(w, "ratio");
    if (mica)
        bench_write_ratio_of(w, mica, other);
    else
        mica_json_write_null(w);
}

void bench_write_part(mica_json_writer *w, const bench_models_model *model, const bench_cell *cell,
                      const char *precision, const bench_cell_result *r)
{
    mica_json_begin_object(w);
    mica_json_write_member(w, "kind", "part");
    mica_json_write_member(w, "model", model->source->name);
    write_length(w, cell);
    mica_json_write_member(w, "precision", precision);
    bench_write_int(w, "tokens", (int64_t)cell->data.tokens);
    bench_write_int(w, "sequences", (int64_t)cell->data.sequences);
    write_texts(w, &cell->data);
    mica_json_write_key(w, "probes");
    mica_json_begin_array(w);
    for (size_t i = 0; i < r->round_count; i++) {
        mica_json_begin_object(w);
        mica_json_write_member(w, "precision", precision);
        bench_write_number(w, "before", r->rounds[i].before);
        bench_write_number(w, "after", r->rounds[i].after);
        bench_write_bool(w, "disturbed", r->rounds[i].disturbed);
        bench_write_bool(w, "counts", r->rounds[i].counts);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
    bench_write_int(w, "disturbed", (int64_t)r->disturbed);
    mica_json_write_key(w, "arms");
    mica_json_begin_array(w);
    for (size_t i = 0; i < r->arm_count; i++)
        write_cell_arm(w, r, &r->arms[i]);
    mica_json_end_array(w);
    write_ratio(w, r);
    mica_json_end_object(w);
}

void bench_write_group(mica_json_writer *w, const bench_models_model *model, const char *precision,
                       bench_model_arm *const *arms, size_t count)
{
    mica_json_begin_object(w);
    mica_json_write_member(w, "kind", "group");
    mica_json_write_member(w, "model", model->source->name);
    mica_json_write_member(w, "precision", precision);
    mica_json_write_key(w, "arms");
    mica_json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        const bench_model_arm *a = arms[i];
        bool loaded = a->way[0] || a->load_seconds > 0;
        mica_json_begin_object(w);
        mica_json_write_member(w, "arm", a->name);
        mica_json_write_member(w, "framework", a->framework);
        mica_json_write_member(w, "precision", a->precision);
        mica_json_write_member(w, "config", a->config);
        mica_json_write_member(w, "device", a->device);
        bench_write_bool(w, "as_published", a->as_published);
        mica_json_write_member(w, "state", bench_state_name(a->state));
        mica_json_write_member(w, "reason", a->state == BENCH_OK ? NULL : a->reason);
        mica_json_write_member(w, "way", loaded ? a->way : NULL);
        mica_json_write_member(w, "kernels", loaded ? a->kernels : NULL);
        bench_write_number(w, "load_seconds", loaded ? a->load_seconds : NAN);
        bench_write_number(w, "compile_seconds", loaded ? a->compile_seconds : NAN);
        write_bytes(w, "peak_resident_bytes", (double)a->peak_resident);
        write_bytes(w, "peak_device_bytes", a->peak_device);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
    mica_json_end_object(w);
}

/* ---- what the result is made of ---- */

/* The members of the arrays `key` of a model's (or a cell's) lines of all precisions. */
static void write_all(mica_json_writer *w, const char *key, const char *kind,
                      const bench_models_model *model, const bench_cell *cell,
                      const bench_results *results)
{
    mica_json_write_key(w, key);
    mica_json_begin_array(w);
    for (int p = 0; p < BENCH_PRECISIONS; p++) {
        const mica_json_value *line =
            bench_results_find(results, kind, model->source->name, bench_precisions[p],
                               cell ? cell->length : 0, cell ? cell->batch : 0);
        for (const mica_json_value *v = mica_json_first(mica_json_get(line, key)); v;
             v = mica_json_next(v))
            bench_write_value(w, v);
    }
    mica_json_end_array(w);
}

void bench_write_model(mica_json_writer *w, const bench_models_model *m,
                       const bench_results *results)
{
    bool made = strcmp(m->source->from, "init") == 0;
    mica_json_begin_object(w);
    mica_json_write_member(w, "kind", "model");
    mica_json_write_member(w, "model", m->source->name);
    mica_json_write_member(w, "source", m->source->from);
    mica_json_write_key(w, "seed");
    if (made)
        mica_json_write_int(w, (int64_t)m->seed);
    else
        mica_json_write_null(w);
    mica_json_write_member(w, "tokenizer",
                           m->source->tokenizer[0] ? m->source->tokenizer : "its own");
    mica_json_write_member(w, "family", m->encoder.family);
    bench_write_int(w, "layers", m->encoder.layers);
    bench_write_int(w, "hidden", m->encoder.hidden);
    bench_write_int(w, "parameters", bench_encoder_parameters(&m->encoder, m->head));
    mica_json_write_key(w, "weight_bytes");
    mica_json_begin_object(w);
    for (int p = 0; p < BENCH_PRECISIONS; p++)
        bench_write_number(w, bench_precisions[p],
                           weight_bytes[p] * (double)bench_encoder_weights(&m->encoder, m->head));
    mica_json_end_object(w);
    mica_json_write_member(w, "head", m->head ? "masked-lm" : "none");
    write_all(w, "arms", "group", m, NULL, results);
    mica_json_end_object(w);
}

/* The least seconds that a cell can take: all weights are read once, all operations are done. */
static void write_floor(mica_json_writer *w, const bench_models_model *m, double flops,
                        const bench_models_machine *machine)
{
    double read = machine->peaks.bandwidth[BENCH_SIZES - 1].read;
    double rates[BENCH_PRECISIONS] = {machine->peaks.flops, machine->bf16_flops, machine->int8_ops};
    mica_json_write_key(w, "floor");
    mica_json_begin_object(w);
    for (int p = 0; p < BENCH_PRECISIONS; p++) {
        double bytes = weight_bytes[p] * (double)bench_encoder_weights(&m->encoder, m->head);
        bench_write_number(w, bench_precisions[p],
                           rates[p] > 0 && read > 0 ? fmax(bytes / read, flops / rates[p]) : NAN);
    }
    mica_json_end_object(w);
}

double bench_model_flops(const bench_models_model *m, const bench_batch *b)
{
    double flops = 0;
    for (size_t i = 0; i < b->sequences; i++)
        flops += bench_encoder_flops(&m->encoder, m->head, (int64_t)b->lengths[i]);
    return flops;
}

void bench_write_cell(mica_json_writer *w, const bench_models_model *m, const bench_cell *cell,
                      const bench_models_machine *machine, const bench_results *results)
{
    const bench_batch *b = &cell->data;
    double flops = bench_model_flops(m, b), disturbed = 0;
    mica_json_begin_object(w);
    mica_json_write_member(w, "kind", "cell");
    mica_json_write_member(w, "model", m->source->name);
    write_length(w, cell);
    bench_write_int(w, "sequences", (int64_t)b->sequences);
    bench_write_int(w, "tokens", (int64_t)b->tokens);
    bench_write_int(w, "padded_tokens", (int64_t)(b->sequences * b->longest));
    write_sizes(w, "tokens_per_text", b->lengths, b->sequences);
    write_texts(w, b);
    bench_write_number(w, "flops", flops);
    write_floor(w, m, flops, machine);
    bench_write_number(w, "tokenize_seconds", b->tokenize_seconds);
    write_all(w, "probes", "part", m, cell, results);
    write_all(w, "arms", "part", m, cell, results);
    mica_json_write_key(w, "ratios");
    mica_json_begin_object(w);
    for (int p = 0; p < BENCH_PRECISIONS; p++) {
        const mica_json_value *part = bench_results_find(
            results, "part", m->source->name, bench_precisions[p], cell->length, cell->batch);
        mica_json_write_key(w, bench_precisions[p]);
        bench_write_value(w, mica_json_get(part, "ratio"));
        disturbed += bench_number(part, "disturbed", 0);
    }
    mica_json_end_object(w);
    bench_write_number(w, "disturbed", disturbed);
    mica_json_end_object(w);
}
