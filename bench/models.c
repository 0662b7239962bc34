/* SPDX-License-Identifier: MIT */
#include "models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "mica/context.h"
#include "models_accuracy.h"
#include "models_flaws.h"
#include "models_write.h"
#include "system.h"
#include "util.h"

enum { CALIBRATION_TEXTS = 32, PAPERS_LONGEST = 500 /* characters */, PATH_ROOM = 4096 };

const char *const bench_precisions[BENCH_PRECISIONS] = {"fp32", "bf16", "int8"};

struct bench_models {
    const bench_models_options *options;
    bench_source *sources, accuracy;
    bench_model_arm *arms; /* all that are wanted */
    size_t arm_count;
    bench_texts texts;
    bench_models_machine machine;
    int processors[BENCH_PROCESSORS_MAX];
    size_t processor_count;
    double best_probe;
    bool has_shown_flaws;
    bench_results results;
    mica_json_writer *writer;
    char cache[BENCH_PATH_ROOM]; /* where peers may keep converted models */
    double done, all, part;      /* of the work, in multiply-adds */
};

/* A model at hand. */
typedef struct running {
    bench_models *models;
    bench_models_model facts;
    mica_tokenizer *tokenizer;
    bench_cell *cells;
    size_t cell_count;
    bench_model_reference *reference;
    char calibration[PATH_ROOM], output[PATH_ROOM];
    bench_model_arm **group; /* the arms of a precision */
    size_t group_count;
} running;

static void say(const bench_models *m, const char *line)
{
    const bench_source_options *o = &m->options->source;
    if (o->say)
        o->say(o->user, line);
}

/* ---- opening ---- */

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool wants_arm(const bench_models_options *o, const bench_model_arm *arm)
{
    bool named = o->arm_count == 0;
    if (arm->as_published && !o->as_published)
        return false;
    for (int p = 0; p < BENCH_PRECISIONS; p++)
        if (strcmp(arm->precision, bench_precisions[p]) == 0 && !o->precisions[p])
            return false;
    for (size_t i = 0; i < o->arm_count; i++)
        named = named || begins(arm->name, o->arms[i]);
    return named;
}

/* Whether a program has an arm that begins so. One that is not there, or has not said its name, may
 * have any of its name: that it is not there is told anyway. */
static bool may_have_arm(const bench_program *p, const char *name)
{
    if (!p->hello)
        return strcmp(p->name, "peer") == 0 || begins(name, p->name) || begins(p->name, name);
    const mica_json_value *v = mica_json_first(mica_json_get(mica_json_root(p->hello), "arms"));
    for (; v; v = mica_json_next(v))
        if (begins(bench_text(v, "arm"), name))
            return true;
    return false;
}

/* A name that no arm has would leave out, unsaid, what was asked for; of two arms of one name
 * nobody could tell whose figures are whose. */
static mica_status check_names(const bench_models *m, mica_error *err)
{
    const bench_models_options *o = m->options;
    for (size_t i = 0; i < o->arm_count; i++) {
        bool found = false;
        for (size_t k = 0; k < o->program_count; k++)
            found = found || may_have_arm(&o->programs[k], o->arms[i]);
        if (!found)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "no arm here begins with '%.100s': --dry-run names those that are",
                             o->arms[i]);
    }
    for (size_t i = 0; i < m->arm_count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(m->arms[i].name, m->arms[k].name) == 0)
                return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "two arms are called '%s'",
                                 m->arms[i].name);
    return MICA_OK;
}

static mica_status find_arms(bench_models *m, mica_error *err)
{
    const bench_models_options *o = m->options;
    size_t room = 0;
    for (size_t i = 0; i < o->program_count; i++) {
        if (o->programs[i].script)
            say(m, o->programs[i].script);
        mica_status status = bench_program_ask(&o->programs[i], err);
        if (status)
            return status;
        if (o->programs[i].hello)
            room += mica_json_count(mica_json_get(mica_json_root(o->programs[i].hello), "arms"));
    }
    m->arms = calloc(room + 1, sizeof *m->arms);
    if (!m->arms)
        return bench_fail_memory(err, "arms");
    for (size_t i = 0; i < o->program_count; i++) {
        const mica_json_value *hello =
            o->programs[i].hello ? mica_json_root(o->programs[i].hello) : NULL;
        for (const mica_json_value *v = mica_json_first(mica_json_get(hello, "arms")); v;
             v = mica_json_next(v)) {
            bench_model_arm *arm = &m->arms[m->arm_count];
            m->arm_count += bench_model_arm_read(&o->programs[i], v, arm) && wants_arm(o, arm);
        }
    }
    mica_status status = check_names(m, err);
    if (!status && m->arm_count == 0)
        status = mica_fail(err, MICA_STATUS_NOT_FOUND, "no arm of what was asked for is there");
    return status;
}

/* Of arithmetic. Keeps what is larger than what is there. */
static void measure_rates(bench_models_machine *machine)
{
    static const mica_precision precisions[] = {MICA_PRECISION_F32, MICA_PRECISION_BF16,
                                                MICA_PRECISION_INT8};
    double *const rates[] = {&machine->peaks.flops, &machine->bf16_flops, &machine->int8_ops};
    size_t known = bench_has_matrix_units() ? 1 : 3;
    for (size_t i = 0; i < known; i++)
        *rates[i] =
            fmax(*rates[i],
                 bench_measure_flops(machine->kernels, precisions[i], machine->threads).flops);
    if (known > 1)
        machine->bf16_flops = fmax(machine->bf16_flops, machine->peaks.flops);
}

static void measure_again(void *user)
{
    bench_models *m = user;
    measure_rates(&m->machine);
}

/* What it is; nothing is measured yet. */
static mica_status look_at_machine(bench_models *m, mica_error *err)
{
    bench_models_machine *machine = &m->machine;
    mica_context_options options;
    mica_context *context = NULL;
    mica_context_info info;
    mica_context_options_defaults(&options);
    options.threads = m->options->threads;
    mica_status status = mica_context_create(&options, &context, err);
    if (status)
        return status;
    mica_context_get_info(context, &info);
    machine->threads = info.threads;
    bench_environment_read(&machine->environment);
    m->processor_count = bench_pin(info.threads, m->processors, BENCH_PROCESSORS_MAX);
    snprintf(machine->kernels, sizeof machine->kernels, "%s", info.kernels);
    mica_context_destroy(&context);
    return MICA_OK;
}

/* The peaks of a result, which must be of this machine and of as many threads. */
static mica_status take_peaks(bench_models *m, const char *path, mica_error *err)
{
    bench_models_machine *machine = &m->machine;
    bench_results file = {0};
    mica_status status = bench_results_read(&file, path, err);
    const mica_json_value *header = status ? NULL : bench_results_line(&file, 0);
    const mica_json_value *e = mica_json_get(header, "environment");
    double threads = bench_number(mica_json_get(header, "settings"), "threads", 0);
    if (!status && !(strcmp(bench_text(e, "cpu"), machine->environment.cpu) == 0 &&
                     strcmp(bench_text(e, "system"), machine->environment.system) == 0 &&
                     strcmp(bench_text(e, "kernels"), machine->environment.kernels) == 0 &&
                     threads == (double)machine->threads))
        status = mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                           "'%.600s' is of another machine, or of another number of threads", path);
    if (!status && !bench_read_models_peaks(header, machine))
        status = mica_fail(err, MICA_STATUS_FORMAT, "'%.600s' has no peaks", path);
    if (!status && !machine->peaks_of[0])
        snprintf(machine->peaks_of, sizeof machine->peaks_of, "%s", bench_text(e, "started"));
    bench_results_close(&file);
    return status;
}

/* What it can do: of a run that goes on what was measured when it began, so that all its floors are
 * of one machine. */
static mica_status measure_machine(bench_models *m, mica_error *err)
{
    bench_models_machine *machine = &m->machine;
    m->best_probe = bench_probe(machine->threads, 0.05);
    if (m->options->peaks || bench_read_models_peaks(bench_results_line(&m->results, 0), machine))
        return MICA_OK;
    if (!bench_peaks_measure(&machine->peaks, machine->kernels, machine->threads))
        return bench_fail_memory(err, "probes");
    measure_rates(machine);
    return MICA_OK;
}

/* Whether a model that is there can be measured: if it can be read, and there is a reference. */
static mica_status check_source(const char *directory, mica_error *err)
{
    bench_encoder encoder;
    bench_model_reference *reference = NULL;
    mica_tokenizer *tokenizer = NULL;
    if (access(directory, F_OK) != 0)
        return MICA_OK; /* one that would be made */
    mica_status status = bench_encoder_read(directory, &encoder, err);
    if (!status)
        status = bench_model_reference_open(directory, &encoder, false, 1, &reference, err);
    if (!status)
        status = mica_tokenizer_open(directory, &tokenizer, err);
    bench_model_reference_close(&reference);
    mica_tokenizer_destroy(&tokenizer);
    return status;
}

/* A model that is not there is a mistake to be told at once; one that is there and cannot be
 * measured takes nothing from the others. */
static mica_status find_source(const bench_source_options *options, const char *model,
                               bench_source *out, mica_error *err)
{
    mica_status status = bench_source_find(model, options, out, err);
    if (status && status != MICA_STATUS_UNSUPPORTED && status != MICA_STATUS_FORMAT)
        return status;
    if (!status)
        status = check_source(out->directory, err);
    if (status == MICA_STATUS_OUT_OF_MEMORY)
        return status;
    if (status)
        snprintf(out->reason, sizeof out->reason, "%.500s", err->message);
    return MICA_OK;
}

static mica_status find_sources(bench_models *m, bool look, mica_error *err)
{
    const bench_models_options *o = m->options;
    bench_source_options source = o->source;
    mica_status status = MICA_OK;
    source.look = source.look || look;
    free(m->sources);
    m->sources = calloc(o->model_count + 1, sizeof *m->sources);
    if (!m->sources)
        return bench_fail_memory(err, "models");
    for (size_t i = 0; i < o->model_count && !status; i++)
        status = find_source(&source, o->models[i], &m->sources[i], err);
    if (!status)
        status = bench_sources_name(m->sources, o->model_count, err);
    if (!status && o->accuracy)
        status = bench_source_find(o->accuracy, &source, &m->accuracy, err);
    if (!status && o->accuracy)
        status = check_source(m->accuracy.directory, err);
    return status;
}

/* Nothing to measure is not a run that went well. */
static mica_status check_cells(const bench_models *m, mica_error *err)
{
    const bench_models_options *o = m->options;
    char name[192];
    bool measurable = false;
    for (size_t i = 0; i < o->model_count; i++) {
        measurable = measurable || !m->sources[i].reason[0];
        if (bench_models_cell(m, i, 0, name, sizeof name))
            return MICA_OK;
    }
    return measurable && o->filter
               ? mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                           "no cell of these has '%.200s' in its name: --list names them",
                           o->filter)
               : MICA_OK;
}

mica_status bench_models_open(const bench_models_options *options, bench_models **out,
                              mica_error *err)
{
    bench_models *m = calloc(1, sizeof *m);
    *out = NULL;
    if (!m)
        return bench_fail_memory(err, "a run");
    m->options = options;
    m->results.show = options->show;
    m->results.user = options->user;
    mica_status status = mica_json_writer_create(&m->writer, err);
    if (!status)
        status = bench_texts_read(options->text, options->lengths[options->length_count - 1],
                                  PAPERS_LONGEST, &m->texts, err);
    if (!status) /* mistakes are told before models are made, which takes minutes */
        status = find_sources(m, true, err);
    if (!status)
        status = check_cells(m, err);
    if (!status && !options->source.look)
        status = find_sources(m, false, err);
    if (!status)
        status = find_arms(m, err);
    if (status)
        bench_models_close(&m);
    *out = m;
    return status;
}

void bench_models_close(bench_models **models)
{
    bench_models *m = *models;
    *models = NULL;
    if (!m)
        return;
    bench_results_close(&m->results);
    bench_texts_free(&m->texts);
    mica_json_writer_destroy(&m->writer);
    free(m->sources);
    free(m->arms);
    free(m);
}

const bench_results *bench_models_results(const bench_models *models)
{
    return &models->results;
}

void bench_models_get_plan(const bench_models *m, bench_models_plan *out)
{
    char name[192];
    *out = (bench_models_plan){m->options->model_count, 0,          m->arm_count,
                               m->texts.count,          m->sources, m->arms};
    for (size_t i = 0; i < out->model_count; i++)
        for (size_t k = 0; bench_models_cell(m, i, k, name, sizeof name); k++)
            out->cell_count++;
}

/* ---- cells ---- */

static size_t cell_room(const bench_models_options *o)
{
    return o->batch_count * (o->length_count + 1);
}

/* Place i of the matrix; mixed batches after the lengths. False: there is none, or it is not
 * wanted. */
static bool place(const bench_models *m, const char *model, size_t i, bench_cell *cell)
{
    const bench_models_options *o = m->options;
    size_t row = i / o->batch_count;
    cell->length = row < o->length_count ? o->lengths[row] : 0;
    cell->batch = o->batches[i % o->batch_count];
    if (cell->length)
        snprintf(cell->name, sizeof cell->name, "%.120s / %zu x %zu", model, cell->batch,
                 cell->length);
    else
        snprintf(cell->name, sizeof cell->name, "%.120s / %zu x mixed", model, cell->batch);
    if (!cell->length && (cell->batch < 2 || o->length_count < 2))
        return false;
    return !o->wants || o->wants(o->user, cell->name);
}

bool bench_models_cell(const bench_models *m, size_t model, size_t i, char *name, size_t size)
{
    bench_cell cell;
    for (size_t at = 0; at < cell_room(m->options) && !m->sources[model].reason[0]; at++) {
        if (!place(m, m->sources[model].name, at, &cell) || i-- > 0)
            continue;
        snprintf(name, size, "%s", cell.name);
        return true;
    }
    return false;
}

/* The texts of a batch: the first ones, cut; in a mixed one to each of the lengths in turn. */
static mica_status fill_cell(const running *r, bench_cell *cell, mica_error *err)
{
    const bench_models *m = r->models;
    const bench_models_options *o = m->options;
    mica_text *texts = calloc(cell->batch, sizeof *texts);
    if (!texts)
        return bench_fail_memory(err, "texts");
    for (size_t i = 0; i < cell->batch; i++)
        texts[i] = bench_text_cut(m->texts.items[i % m->texts.count],
                                  cell->length ? cell->length : o->lengths[i % o->length_count]);
    mica_status status = bench_batch_create(r->tokenizer, &r->facts.encoder, texts, cell->batch, 0,
                                            &cell->data, err);
    free(texts);
    return status ? status : bench_cell_prepare(cell, r->facts.head, o->plan.seed, err);
}

static mica_status make_cells(running *r, mica_error *err)
{
    const bench_models_options *o = r->models->options;
    mica_status status = MICA_OK;
    r->cells = calloc(cell_room(o) + 1, sizeof *r->cells);
    if (!r->cells)
        return bench_fail_memory(err, "cells");
    for (size_t i = 0; i < cell_room(o) && !status; i++) {
        bench_cell *cell = &r->cells[r->cell_count];
        if (!place(r->models, r->facts.source->name, i, cell)) {
            memset(cell, 0, sizeof *cell);
            continue;
        }
        r->cell_count++;
        if ((size_t)snprintf(cell->inputs, sizeof cell->inputs, "%s/inputs-%zu-%zu.safetensors",
                             o->directory, cell->length, cell->batch) >= sizeof cell->inputs)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the folder's path is too long");
        status = fill_cell(r, cell, err);
    }
    return status;
}

/* Other texts than those that are measured, for peers that look at texts before they choose their
 * scales. */
static mica_status make_calibration(running *r, mica_error *err)
{
    const bench_models *m = r->models;
    const bench_models_options *o = m->options;
    mica_text texts[CALIBRATION_TEXTS];
    size_t first = o->batches[o->batch_count - 1];
    for (size_t i = 0; i < CALIBRATION_TEXTS; i++)
        texts[i] = bench_text_cut(m->texts.items[(first + i) % m->texts.count],
                                  o->lengths[i % o->length_count]);
    return bench_batch_save_texts(r->tokenizer, &r->facts.encoder, texts, CALIBRATION_TEXTS,
                                  r->calibration, err);
}

/* ---- a model ---- */

static const mica_json_value *find_part(const running *r, const bench_cell *cell,
                                        const char *precision)
{
    return bench_results_find(&r->models->results, "part", r->facts.source->name, precision,
                              cell->length, cell->batch);
}

static const mica_json_value *find_cell(const running *r, const bench_cell *cell)
{
    return bench_results_find(&r->models->results, "cell", r->facts.source->name, NULL,
                              cell->length, cell->batch);
}

static void show_progress(void *user, double share)
{
    const bench_models *m = user;
    if (m->options->progress && m->all > 0)
        m->options->progress(m->options->user, (m->done + m->part * fmin(share, 1)) / m->all);
}

/* What a cell is counted as, of the work. */
static double weight(const running *r, const bench_cell *cell)
{
    return (double)(cell->data.sequences * cell->data.longest + 64) *
           (double)bench_encoder_weights(&r->facts.encoder, r->facts.head);
}

static size_t choose_group(running *r, const char *precision)
{
    bench_models *m = r->models;
    r->group_count = 0;
    for (size_t i = 0; i < m->arm_count; i++)
        if (strcmp(m->arms[i].precision, precision) == 0)
            r->group[r->group_count++] = &m->arms[i];
    return r->group_count;
}

static bench_model_load load_of(const bench_models *m, const char *model,
                                const bench_encoder *encoder, const char *calibration, bool head)
{
    return (bench_model_load){.model = model,
                              .cache = m->cache,
                              .calibration = calibration,
                              .head = head,
                              .threads = m->machine.threads,
                              .processors = m->processors,
                              .processor_count = m->processor_count,
                              .weights = 4.0 * (double)bench_encoder_parameters(encoder, head),
                              .memory = m->options->memory};
}

static bench_model_load load_here(const running *r)
{
    return load_of(r->models, r->facts.source->directory, &r->facts.encoder, r->calibration,
                   r->facts.head);
}

static mica_status load_group(running *r, mica_error *err)
{
    const bench_models_options *o = r->models->options;
    const bench_model_load load = load_here(r);
    mica_status status = MICA_OK;
    for (size_t i = 0; i < r->group_count && !status; i++) {
        bench_model_arm *arm = r->group[i];
        char line[256];
        status = bench_check_stop(&o->plan, err);
        if (status)
            break;
        snprintf(line, sizeof line, "loading %.120s into %s", r->facts.source->name, arm->name);
        say(r->models, line);
        status = bench_model_arm_load(arm, &load, err);
    }
    return status;
}

static mica_status run_cells(running *r, const char *precision, mica_error *err)
{
    bench_models *m = r->models;
    const bench_models_options *o = m->options;
    double *const rates[] = {&m->machine.peaks.flops, &m->machine.bf16_flops, &m->machine.int8_ops};
    bench_cell_plan plan = {.plan = o->plan,
                            .calm = o->calm,
                            .slow = o->slow,
                            .slow_times = o->slow_times,
                            .threads = m->machine.threads,
                            .best_probe = &m->best_probe,
                            .measure_rate = measure_again,
                            .progress = show_progress,
                            .user = m};
    mica_status status = MICA_OK;
    for (int i = 0; i < BENCH_PRECISIONS; i++)
        if (strcmp(precision, bench_precisions[i]) == 0)
            plan.rate = rates[i];
    for (size_t i = 0; i < r->cell_count && !status; i++) {
        const bench_cell *cell = &r->cells[i];
        bench_cell_result result;
        plan.flops = bench_model_flops(&r->facts, &cell->data);
        m->part = weight(r, cell) * (double)r->group_count;
        if (!find_part(r, cell, precision) && !find_cell(r, cell)) {
            status = bench_cell_measure(cell, r->group, r->group_count, r->reference, r->output,
                                        &plan, &result, err);
            if (status)
                break;
            bench_write_part(m->writer, &r->facts, cell, precision, &result);
            bench_cell_result_free(&result);
            status = bench_results_add(&m->results, m->writer, err);
        }
        m->done += m->part;
        m->part = 0;
    }
    return status;
}

/* All arms of a precision, in all cells that are not there yet. */
static mica_status run_group(running *r, const char *precision, mica_error *err)
{
    bench_models *m = r->models;
    bool missing = false;
    mica_status status = MICA_OK;
    if (choose_group(r, precision) == 0)
        return MICA_OK;
    for (size_t i = 0; i < r->cell_count; i++)
        missing =
            missing || (!find_part(r, &r->cells[i], precision) && !find_cell(r, &r->cells[i]));
    if (missing)
        status = load_group(r, err);
    if (!status)
        status = run_cells(r, precision, err);
    if (!status)
        status = bench_check_stop(&m->options->plan, err);
    for (size_t i = 0; i < r->group_count; i++)
        bench_model_arm_end(r->group[i]);
    if (status || !missing)
        return status;
    bench_write_group(m->writer, &r->facts, precision, r->group, r->group_count);
    return bench_results_add(&m->results, m->writer, err);
}

/* The lines of the model, when all its precisions are there. */
static mica_status write_model(running *r, mica_error *err)
{
    bench_models *m = r->models;
    const char *name = r->facts.source->name;
    mica_status status = MICA_OK;
    if (r->cell_count > 0 && !bench_results_find(&m->results, "model", name, NULL, 0, 0)) {
        bench_write_model(m->writer, &r->facts, &m->results);
        status = bench_results_add(&m->results, m->writer, err);
    }
    for (size_t i = 0; i < r->cell_count && !status; i++) {
        if (find_cell(r, &r->cells[i]))
            continue;
        bench_write_cell(m->writer, &r->facts, &r->cells[i], &m->machine, &m->results);
        status = bench_results_add(&m->results, m->writer, err);
    }
    return status;
}

static mica_status prepare(running *r, mica_error *err)
{
    const bench_models *m = r->models;
    const bench_models_options *o = m->options;
    mica_status status = bench_encoder_read(r->facts.source->directory, &r->facts.encoder, err);
    r->facts.head = o->as_published && r->facts.encoder.masked_lm &&
                    strcmp(r->facts.encoder.family, "bert") == 0;
    r->group = calloc(m->arm_count + 1, sizeof *r->group);
    if (!status && !r->group)
        status = bench_fail_memory(err, "arms");
    if (!status && ((size_t)snprintf(r->calibration, PATH_ROOM, "%s/calibration.safetensors",
                                     o->directory) >= PATH_ROOM ||
                    (size_t)snprintf(r->output, PATH_ROOM, "%s/output.safetensors", o->directory) >=
                        PATH_ROOM))
        status = mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the folder's path is too long");
    if (!status)
        status = mica_tokenizer_open(r->facts.source->directory, &r->tokenizer, err);
    if (!status)
        status = make_cells(r, err);
    if (!status)
        status = make_calibration(r, err);
    return status
               ? status
               : bench_model_reference_open(r->facts.source->directory, &r->facts.encoder,
                                            r->facts.head, m->machine.threads, &r->reference, err);
}

/* What the published harness would have said of this model. */
static mica_status show_flaws(const running *r, mica_error *err)
{
    bench_models *m = r->models;
    const bench_model_load load = load_here(r);
    const bench_flaws_work work = {.options = m->options,
                                   .model = &r->facts,
                                   .load = &load,
                                   .reference = r->reference,
                                   .texts = &m->texts,
                                   .tokenizer = r->tokenizer,
                                   .arms = m->arms,
                                   .arm_count = m->arm_count,
                                   .results = &m->results,
                                   .writer = m->writer};
    say(m, "the flaws of the published harness");
    return bench_flaws_run(&work, err);
}

static mica_status run_model(bench_models *m, const bench_source *source, mica_error *err)
{
    running r = {.models = m, .facts = {.source = source, .seed = m->options->source.seed}};
    mica_status status = prepare(&r, err);
    for (int p = 0; p < BENCH_PRECISIONS && !status; p++)
        status = run_group(&r, bench_precisions[p], err);
    if (!status)
        status = write_model(&r, err);
    if (!status && m->options->as_published && !m->has_shown_flaws)
        status = show_flaws(&r, err);
    m->has_shown_flaws = m->has_shown_flaws || !status;
    for (size_t i = 0; i < r.cell_count; i++)
        bench_cell_free(&r.cells[i]);
    unlink(r.calibration);
    mica_tokenizer_destroy(&r.tokenizer);
    bench_model_reference_close(&r.reference);
    free(r.cells);
    free(r.group);
    return status;
}

/* Of the machine, not of a model: the next one would meet it, and the run can be gone on with. */
static bool ends_run(mica_status status)
{
    return status == MICA_STATUS_CANCELLED || status == MICA_STATUS_OUT_OF_MEMORY ||
           status == MICA_STATUS_IO || status == MICA_STATUS_DISK_FULL;
}

/* A model that cannot be measured is a line of the result, and the others go on. */
static mica_status run_or_report(bench_models *m, const bench_source *source, mica_error *err)
{
    mica_error why = {0};
    mica_status status = MICA_OK;
    if (bench_results_find(&m->results, "failed", source->name, NULL, 0, 0))
        return MICA_OK;
    if (source->reason[0])
        status = mica_fail(&why, MICA_STATUS_UNSUPPORTED, "%s", source->reason);
    else
        status = run_model(m, source, &why);
    if (ends_run(status))
        *err = why;
    if (!status || ends_run(status))
        return status;
    mica_json_writer_reset(m->writer);
    bench_write_failed(m->writer, source, why.message);
    return bench_results_add(&m->results, m->writer, err);
}

/* ---- a run ---- */

/* All the work, before anything is tokenized: about four and a half characters make a token. */
static double count_work(const bench_models *m)
{
    const bench_models_options *o = m->options;
    double sum = 0;
    for (size_t i = 0; i < o->model_count; i++) {
        bench_encoder encoder;
        mica_error ignored = {0};
        if (m->sources[i].reason[0] ||
            bench_encoder_read(m->sources[i].directory, &encoder, &ignored))
            continue;
        for (size_t at = 0; at < cell_room(o); at++) {
            bench_cell cell;
            if (!place(m, m->sources[i].name, at, &cell))
                continue;
            size_t length = cell.length ? cell.length : o->lengths[o->length_count - 1];
            sum += ((double)cell.batch * ((double)length / 4.5 + 2) + 64) *
                   (double)bench_encoder_weights(&encoder, false) * (double)m->arm_count;
        }
    }
    return sum;
}

static const char *accuracy_texts(const bench_models_options *o)
{
    return o->accuracy_texts ? o->accuracy_texts : o->text;
}

static mica_status measure_accuracy(bench_models *m, mica_error *err)
{
    const bench_models_options *o = m->options;
    bench_encoder encoder;
    mica_status status = bench_encoder_read(m->accuracy.directory, &encoder, err);
    if (status)
        return status;
    const bench_model_load load = load_of(m, m->accuracy.directory, &encoder, NULL, false);
    const bench_accuracy_work work = {.options = o,
                                      .load = &load,
                                      .texts = accuracy_texts(o),
                                      .source = &m->accuracy,
                                      .arms = m->arms,
                                      .arm_count = m->arm_count,
                                      .results = &m->results,
                                      .writer = m->writer};
    say(m, "the accuracy of short numbers");
    return bench_accuracy_run(&work, err);
}

/* Digests of all that is looked at: a run must not be gone on with over other models or texts. */
static mica_status describe(bench_models *m, bench_models_subject *out, mica_error *err)
{
    const bench_models_options *o = m->options;
    *out = (bench_models_subject){m->sources, o->accuracy ? &m->accuracy : NULL, m->texts.digest,
                                  m->texts.digest};
    mica_status status = MICA_OK;
    for (size_t i = 0; i < o->model_count && !status; i++)
        if (access(m->sources[i].directory, F_OK) == 0) /* one that could not be made is not */
            status = bench_digest_model(m->sources[i].directory, &m->sources[i].digest, err);
    if (!status && o->accuracy)
        status = bench_digest_model(m->accuracy.directory, &m->accuracy.digest, err);
    if (!status && o->accuracy && o->accuracy_texts)
        status = bench_digest_file(o->accuracy_texts, &out->accuracy_text, err);
    return status;
}

mica_status bench_models_run(bench_models *m, mica_error *err)
{
    const bench_models_options *o = m->options;
    bench_models_subject subject = {0};
    mica_status status = bench_source_cache(&o->source, m->cache, err);
    if (!status)
        status = describe(m, &subject, err);
    if (!status)
        status = look_at_machine(m, err);
    if (!status && o->peaks)
        status = take_peaks(m, o->peaks, err);
    if (!status) {
        bench_write_models_header(m->writer, o, &subject, &m->machine);
        status = bench_results_open(&m->results, o->output, o->resume, m->writer, err);
    }
    if (!status)
        status = measure_machine(m, err);
    m->all = count_work(m);
    if (!status) {
        bench_write_models_header(m->writer, o, &subject, &m->machine);
        status = bench_results_begin(&m->results, m->writer, err);
    }
    for (size_t i = 0; i < o->model_count && !status; i++)
        status = run_or_report(m, &m->sources[i], err);
    if (!status && o->accuracy)
        status = measure_accuracy(m, err);
    return status ? status : bench_results_finish(&m->results, err);
}
