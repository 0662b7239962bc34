/* SPDX-License-Identifier: MIT */
#include "models/model.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "backends/backend.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/pool.h"
#include "graph/sidecar.h"
#include "models/packed.h"

typedef struct cached_program {
    mica_program_kind kind;
    mica_pool_set set;
    mica_program *program;
    struct cached_program *next;
} cached_program;

struct mica_model {
    mica_context *context; /* borrowed */
    mica_precision precision;
    bool once; /* weights are packed by runs, and not kept */
    char *path;
    mica_json *json; /* config.json: texts of the info live in it */
    const mica_family *family;
    const char *architecture;
    mica_model_config config;
    mica_sentence *sentence;
    mica_tokenizer *tokenizer;
    mica_error no_tokenizer; /* why it is NULL */
    char *weights;
    mica_dtype dtype;
    int64_t parameters;
    mica_graph *graph;
    mica_encoder encoder;
    mica_head head;
    mica_error no_head; /* why `head` is NONE */
    mica_graph *head_graph;
    mica_value logits;
    size_t logit_count;
    char **labels; /* labels of them, for a classifier */
    size_t label_count;
    mica_value pooled[MICA_POOL_MODES];
    mica_table tables[MICA_TABLES_MAX];
    size_t n_tables;
    int64_t dimension;
    size_t max_length;
    char pooling[256];
    bool described;       /* it is only looked at: nothing can be run */
    pthread_mutex_t lock; /* of programs */
    cached_program *programs;
};

mica_context *mica_model_context(const mica_model *model)
{
    return model->context;
}

const mica_json_value *mica_model_config_json(const mica_model *model)
{
    return mica_json_root(model->json);
}

const mica_family *mica_model_family(const mica_model *model)
{
    return model->family;
}

const mica_model_config *mica_model_configuration(const mica_model *model)
{
    return &model->config;
}

const mica_sentence *mica_model_sentence(const mica_model *model)
{
    return model->sentence;
}

const mica_tokenizer *mica_model_tokenizer(const mica_model *model)
{
    return model->tokenizer;
}

mica_status mica_model_need_tokenizer(const mica_model *model, const mica_tokenizer **out,
                                      mica_error *err)
{
    *out = model->tokenizer;
    if (model->tokenizer)
        return MICA_OK;
    return mica_fail(err, model->no_tokenizer.status, "%s", model->no_tokenizer.message);
}

void mica_model_destroy(mica_model **model)
{
    mica_model *m = *model;

    if (!m)
        return;
    while (m->programs) {
        cached_program *program = m->programs;
        m->programs = program->next;
        mica_program_destroy(&program->program);
        mica_free(program);
    }
    for (size_t i = 0; i < m->n_tables; i++)
        mica_tensor_release(&m->tables[i].tensor);
    mica_graph_destroy(&m->graph);
    mica_graph_destroy(&m->head_graph);
    for (size_t i = 0; i < m->label_count; i++)
        mica_free(m->labels[i]);
    mica_free(m->labels);
    mica_tokenizer_destroy(&m->tokenizer);
    mica_sentence_destroy(&m->sentence);
    mica_json_destroy(&m->json);
    mica_free(m->encoder.states);
    mica_free(m->weights);
    mica_free(m->path);
    pthread_mutex_destroy(&m->lock);
    mica_free(m);
    *model = NULL;
}

/* ---- opening ---- */

/* "org/name" or "name": not a path that someone would write for a directory. */
static bool looks_like_hub_id(const char *path)
{
    const char *slash = strchr(path, '/');

    return path[0] != '\0' && !strchr("./~", path[0]) && (!slash || !strchr(slash + 1, '/')) &&
           (!slash || slash[1] != '\0');
}

static mica_status check_directory(const char *path, mica_error *err)
{
    if (mica_dir_exists(path))
        return MICA_OK;
    if (mica_file_exists(path))
        return mica_fail(err, MICA_STATUS_NOT_FOUND,
                         "'%s' is a file; give the model's directory, which holds config.json, "
                         "weights and tokenizer",
                         path);
    if (looks_like_hub_id(path))
        return mica_fail(err, MICA_STATUS_NOT_FOUND,
                         "no directory '%s'; if it is the name of a model on the Hugging Face Hub, "
                         "mica_hub_resolve (mica/hub.h) gives its directory",
                         path);
    return mica_fail(err, MICA_STATUS_NOT_FOUND, "no directory '%s'", path);
}

static mica_status read_configuration(mica_model *m, mica_error *err)
{
    const char *dir = m->sentence->directory;
    mica_status status = mica_config_load(dir, "config.json", &m->json, err);

    if (status == MICA_OK && !m->json)
        return mica_fail(err, MICA_STATUS_NOT_FOUND,
                         "'%s' has no config.json: it is no model directory in Hugging Face layout",
                         dir);
    if (status == MICA_OK)
        status = mica_family_find(mica_json_root(m->json), "config.json", &m->family,
                                  &m->architecture, err);
    if (status == MICA_OK)
        status = mica_family_configure(m->family, mica_json_root(m->json), "config.json",
                                       &m->config, err);
    if (status != MICA_OK)
        mica_error_prefix(err, "'%s': ", dir);
    return status;
}

static mica_status build_graph(mica_model *m, mica_builder *b, mica_error *err)
{
    const int64_t tokens = MICA_DIM_TOKENS;
    mica_encoder *e = &m->encoder;
    mica_value last;

    e->states = mica_calloc((size_t)m->config.layers + 1, sizeof *e->states);
    if (!e->states)
        return mica_fail_memory(err, sizeof *e->states, "a graph");
    e->ids = mica_input(m->graph, "input_ids", MICA_DTYPE_I32, 1, &tokens);
    e->type_ids = mica_input(m->graph, "token_type_ids", MICA_DTYPE_I32, 1, &tokens);
    e->positions = mica_input(m->graph, "position_ids", MICA_DTYPE_I32, 1, &tokens);
    m->family->build(b, &m->config, e);
    last = e->states[m->config.layers];
    for (int mode = 0; mode < MICA_POOL_MODES; mode++)
        m->pooled[mode] =
            mica_segment_pool(m->graph, last, (mica_segment_pool_params){(mica_pool_mode)mode});
    return mica_builder_check(b);
}

/* ---- the head ---- */

static bool has_labels(mica_head head)
{
    return head == MICA_HEAD_SEQUENCE_CLASSIFICATION || head == MICA_HEAD_TOKEN_CLASSIFICATION;
}

static mica_status find_labels(mica_model *m, mica_error *err)
{
    const mica_json_value *names = mica_json_get(mica_json_root(m->json), "id2label");
    size_t count = (size_t)m->config.labels;
    mica_status status = MICA_OK;

    m->labels = mica_calloc(count, sizeof *m->labels);
    if (!m->labels)
        return mica_fail_memory(err, count * sizeof *m->labels, "labels");
    m->label_count = count;
    for (size_t i = 0; i < count && status == MICA_OK; i++)
        status = mica_config_label(names, i, &m->labels[i], err);
    return status;
}

static mica_status build_head(mica_model *m, mica_head head, mica_weight_source *weights,
                              mica_error *err)
{
    const int64_t rows[2] = {MICA_DIM_TOKENS, m->config.hidden_size};
    bool labels = has_labels(head);
    mica_builder b;
    mica_status status = mica_graph_create(&m->head_graph, err);

    if (status != MICA_OK)
        return status;
    mica_builder_init(&b, m->head_graph, weights, err);
    b.in_head = true;
    m->logits = m->family->build_head(&b, &m->config, head,
                                      mica_input(m->head_graph, "rows", MICA_DTYPE_F32, 2, rows));
    status = mica_builder_check(&b);
    mica_builder_free(&b);
    if (status == MICA_STATUS_SHAPE && labels)
        mica_error_prefix(err, "config.json has %lld labels; ", (long long)m->config.labels);
    if (status == MICA_OK && head == MICA_HEAD_SEQUENCE_CLASSIFICATION &&
        m->family->classifies_pooled && !m->encoder.pooled.id)
        status = mica_fail(err, MICA_STATUS_NOT_FOUND,
                           "the classifier needs pooler.dense.weight, which the checkpoint lacks");
    if (status == MICA_OK && labels)
        status = find_labels(m, err);
    m->logit_count = head == MICA_HEAD_MASKED_LM            ? (size_t)m->config.vocab_size
                     : head == MICA_HEAD_QUESTION_ANSWERING ? 2
                                                            : (size_t)m->config.labels;
    if (status == MICA_OK)
        m->head = head;
    return status;
}

/* A head that cannot be used is no error for those who do not need it. */
static mica_status load_head(mica_model *m, mica_weight_source *weights, mica_error *err)
{
    mica_head head;
    mica_status status = mica_family_head(m->family, m->architecture, &head, &m->no_head);

    if (status == MICA_OK && head != MICA_HEAD_NONE)
        status = build_head(m, head, weights, &m->no_head);
    if (status == MICA_STATUS_OUT_OF_MEMORY)
        return mica_fail(err, status, "%s", m->no_head.message);
    if (status != MICA_OK)
        mica_log_write(mica_context_log(m->context), MICA_LOG_INFO, "no head: %s",
                       m->no_head.message);
    return MICA_OK;
}

static void take_weights_info(mica_model *m, const mica_stored_weights *weights)
{
    m->parameters = weights->numbers;
    for (int dtype = 0; dtype < MICA_DTYPES; dtype++)
        if (weights->by_dtype[dtype] > weights->by_dtype[m->dtype])
            m->dtype = (mica_dtype)dtype;
}

static mica_status open_weights(const mica_model *m, mica_checkpoint **out, mica_error *err)
{
    return mica_checkpoint_open(m->sentence->directory, mica_json_root(m->json),
                                mica_context_log(m->context), out, err);
}

/* Builds the graphs over the checkpoint's weights. */
static mica_status take_weights(mica_model *m, mica_checkpoint *checkpoint, mica_error *err)
{
    const mica_log_sink *log = mica_context_log(m->context);
    const char *dir = m->sentence->directory;
    mica_stored_weights weights;
    mica_builder b;
    mica_status status;

    mica_stored_weights_init(&weights, checkpoint, m->family->prefix);
    status = mica_graph_create(&m->graph, err);
    if (status != MICA_OK)
        goto fail;
    mica_builder_init(&b, m->graph, &weights.base, err);
    status = build_graph(m, &b, err);
    memcpy(m->tables, b.tables, sizeof m->tables);
    m->n_tables = b.n_tables;
    if (status != MICA_OK)
        goto fail;
    status = load_head(m, &weights.base, err);
    if (status != MICA_OK)
        goto fail;
    take_weights_info(m, &weights);
    m->weights = mica_strdup(mica_checkpoint_source(checkpoint));
    if (!m->weights) {
        status = mica_fail_memory(err, 0, "a file name");
        goto fail;
    }
    mica_checkpoint_warn_unused(checkpoint, m->family->ignored, log);
    if (!m->encoder.pooled.id)
        mica_log_write(log, MICA_LOG_INFO, "'%s' has no pooler: there is no pooler_output", dir);
    return MICA_OK;

fail:
    if (status != MICA_STATUS_OUT_OF_MEMORY)
        mica_error_prefix(err, "'%s': ", dir);
    return status;
}

static mica_status open_tokenizer(mica_model *m)
{
    return mica_tokenizer_open(m->sentence->directory, &m->tokenizer, &m->no_tokenizer);
}

/* What mica_embed does by default. A directory without a tokenizer, or with one that mica does not
 * know, can still be run on ids; `status` is open_tokenizer's. */
static mica_status settle(mica_model *m, mica_status status, mica_error *err)
{
    size_t limit = m->sentence->max_length;

    if (status == MICA_STATUS_NOT_FOUND || status == MICA_STATUS_UNSUPPORTED)
        mica_log_write(mica_context_log(m->context), MICA_LOG_INFO, "no tokenizer: %s",
                       m->no_tokenizer.message);
    else if (status != MICA_OK)
        return mica_fail(err, status, "%s", m->no_tokenizer.message);
    if (limit == 0 && m->tokenizer)
        limit = mica_tokenizer_max_length(m->tokenizer);
    if (limit == 0 || limit > (size_t)m->config.max_length)
        limit = (size_t)m->config.max_length;
    m->max_length = limit;
    mica_pooling_text(&m->sentence->pooling, m->pooling, sizeof m->pooling);
    return mica_sentence_dimension(m->sentence, &m->sentence->pooling, m->config.hidden_size,
                                   &m->dimension, err);
}

static mica_pool_set set_of(const mica_pooling *pooling)
{
    mica_pool_set set = 0;

    for (size_t i = 0; i < pooling->count; i++)
        set |= 1u << pooling->modes[i];
    return set;
}

/* Packs the weights that most callers need, and so finds those that are not finite. */
static mica_status compile_first(mica_model *m, mica_error *err)
{
    mica_program *program;
    mica_status status;

    if (m->tokenizer)
        status = mica_model_program(m, MICA_PROGRAM_POOLED, set_of(&m->sentence->pooling), &program,
                                    err);
    else
        status = mica_model_program(m, MICA_PROGRAM_OUTPUTS, 0, &program, err);
    if (status == MICA_OK && m->sentence->n_steps > 0)
        status = mica_model_program(m, MICA_PROGRAM_STEPS, 0, &program, err);
    if (status != MICA_OK && status != MICA_STATUS_OUT_OF_MEMORY)
        mica_error_prefix(err, "'%s': ", m->sentence->directory);
    return status;
}

/* The same with packed weights that are kept, if that is wished. */
static mica_status compile_kept(mica_model *m, const mica_model_options *options,
                                const mica_checkpoint *checkpoint, mica_error *err)
{
    mica_sidecar *sidecar = NULL;
    bool wanted;
    mica_status status = mica_packed_wanted(options, &wanted, err);

    if (status == MICA_OK && wanted)
        status = mica_packed_open(m->context, checkpoint, m->precision, &sidecar, err);
    mica_graph_use_sidecar(m->graph, sidecar);
    m->once = options->once && !sidecar;
    if (status == MICA_OK)
        status = compile_first(m, err);
    if (status == MICA_OK && sidecar)
        mica_packed_keep(m->context, sidecar);
    mica_graph_use_sidecar(m->graph, NULL);
    mica_sidecar_release(&sidecar);
    return status;
}

/* A model with its configuration. With `modules` those of sentence-transformers have theirs. */
static mica_status open_configuration(mica_context *context, const char *path, bool modules,
                                      mica_model **out, mica_error *err)
{
    mica_model *m = NULL;
    mica_status status;

    *out = NULL;
    if (!context || !path)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "opening a model: no context or path");
    status = check_directory(path, err);
    if (status != MICA_OK)
        return status;
    m = mica_calloc(1, sizeof *m);
    if (!m)
        return mica_fail_memory(err, sizeof *m, "a model");
    if (mica_fault() || pthread_mutex_init(&m->lock, NULL) != 0) {
        mica_free(m);
        return mica_fail_memory(err, sizeof m->lock, "a lock");
    }
    m->context = context;
    m->path = mica_strdup(path);
    status = m->path ? MICA_OK : mica_fail_memory(err, strlen(path) + 1, "a path");
    if (status == MICA_OK)
        status = mica_sentence_open(path, modules, &m->sentence, err);
    if (status == MICA_OK)
        status = read_configuration(m, err);
    if (status != MICA_OK)
        mica_model_destroy(&m);
    *out = m;
    return status;
}

/* The tokenizer and the weights of a model, beside each other: for a short process either takes as
 * long as some layers. */
typedef struct parts {
    mica_model *model;
    mica_checkpoint *checkpoint;
    mica_status weights, tokenizer;
    mica_error *err; /* of the weights; the tokenizer's is the model's */
} parts;

static void open_part(void *arg, size_t task, size_t worker)
{
    parts *p = arg;

    (void)worker;
    if (task == 1) {
        p->tokenizer = open_tokenizer(p->model);
        return;
    }
    p->weights = open_weights(p->model, &p->checkpoint, p->err); /* the text names the file */
    if (p->weights == MICA_OK)
        p->weights = take_weights(p->model, p->checkpoint, p->err);
}

static mica_status open_parts(mica_model *m, mica_checkpoint **checkpoint, mica_error *err)
{
    mica_error of_weights = {MICA_OK, ""};
    parts p = {m, NULL, MICA_OK, MICA_OK, &of_weights};
    mica_status status;

    mica_pool_run(mica_context_pool(m->context), 2, open_part, &p);
    *checkpoint = p.checkpoint;
    status = settle(m, p.tokenizer, err);
    if (status == MICA_OK && p.weights != MICA_OK) {
        status = p.weights;
        if (err)
            *err = of_weights;
    }
    return status;
}

void mica_model_options_defaults(mica_model_options *options)
{
    *options = (mica_model_options){0};
}

static mica_status check_options(const mica_model_options *options, mica_error *err)
{
    if ((unsigned)options->precision >= MICA_PRECISIONS)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "opening a model: %d is no precision",
                         (int)options->precision);
    for (size_t i = 0; i < sizeof options->reserved / sizeof options->reserved[0]; i++)
        if (options->reserved[i] != 0)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "opening a model: reserved option %zu is %u, it must be 0", i,
                             options->reserved[i]);
    return MICA_OK;
}

mica_status mica_model_open(mica_context *context, const char *path, mica_model **out,
                            mica_error *err)
{
    return mica_model_open_with(context, path, NULL, out, err);
}

mica_status mica_model_open_with(mica_context *context, const char *path,
                                 const mica_model_options *options, mica_model **out,
                                 mica_error *err)
{
    mica_checkpoint *checkpoint = NULL;
    mica_model_options defaults;
    mica_status status;

    mica_model_options_defaults(&defaults);
    if (!options)
        options = &defaults;
    *out = NULL;
    status = check_options(options, err);
    if (status == MICA_OK)
        status = open_configuration(context, path, true, out, err);
    if (status == MICA_OK)
        (*out)->precision = mica_context_precision(context, options->precision);
    if (status == MICA_OK)
        status = open_parts(*out, &checkpoint, err);
    if (status == MICA_OK)
        status = compile_kept(*out, options, checkpoint, err);
    mica_checkpoint_close(&checkpoint);
    if (status != MICA_OK)
        mica_model_destroy(out);
    return status;
}

/* The head that the configuration promises; as above, one that cannot be used is no error. */
static mica_status promise_head(mica_model *m, mica_error *err)
{
    mica_head head;
    mica_status status = mica_family_head(m->family, m->architecture, &head, &m->no_head);

    if (status == MICA_OK && has_labels(head))
        status = find_labels(m, &m->no_head);
    if (status == MICA_STATUS_OUT_OF_MEMORY)
        return mica_fail(err, status, "%s", m->no_head.message);
    if (status == MICA_OK)
        m->head = head;
    return MICA_OK;
}

/* The weights, or what the configuration promises of them. */
static mica_status describe_weights(mica_model *m, mica_error *err)
{
    mica_checkpoint *checkpoint = NULL;
    mica_error none = {MICA_OK, ""};
    mica_status status = open_weights(m, &checkpoint, &none);

    if (status == MICA_OK)
        status = take_weights(m, checkpoint, err);
    else if (status == MICA_STATUS_NOT_FOUND) /* not there yet */
        status = promise_head(m, err);
    else
        status = mica_fail(err, status, "%s", none.message);
    mica_checkpoint_close(&checkpoint);
    return status;
}

mica_status mica_model_describe(mica_context *context, const char *path, mica_model **out,
                                mica_error *err)
{
    mica_status status = open_configuration(context, path, false, out, err);

    if (status != MICA_OK)
        return status;
    (*out)->described = true;
    status = settle(*out, open_tokenizer(*out), err);
    if (status == MICA_OK)
        status = describe_weights(*out, err);
    if (status != MICA_OK)
        mica_model_destroy(out);
    return status;
}

bool mica_model_runs(const mica_model *model)
{
    return !model->described;
}

/* ---- programs ---- */

static mica_compile_options options_of(const mica_model *m, mica_precision precision)
{
    mica_compile_options options;

    mica_compile_options_defaults(&options);
    options.precision = precision;
    options.once = m->once;
    options.check_weights = true;
    return options;
}

/* A head is a small part of the work, and nothing evens its errors out. */
static mica_status compile_logits(const mica_model *m, mica_program **out, mica_error *err)
{
    bool bf16 = m->precision == MICA_PRECISION_BF16;
    mica_compile_options options = options_of(m, bf16 ? MICA_PRECISION_BF16 : MICA_PRECISION_F32);

    return mica_program_compile(m->context, m->head_graph, &m->logits, 1, &options, out, err);
}

static size_t collect_outputs(const mica_model *m, mica_program_kind kind, mica_pool_set set,
                              mica_value *outputs)
{
    size_t states = (size_t)m->config.layers + 1, n = 0;

    if (kind == MICA_PROGRAM_POOLED) {
        for (int mode = 0; mode < MICA_POOL_MODES; mode++)
            if (set & 1u << mode)
                outputs[n++] = m->pooled[mode];
        return n;
    }
    if (kind == MICA_PROGRAM_POOLER) {
        outputs[0] = m->encoder.pooled;
        return 1;
    }
    outputs[n++] = m->encoder.states[states - 1];
    if (kind != MICA_PROGRAM_TOKENS && m->encoder.pooled.id)
        outputs[n++] = m->encoder.pooled;
    for (size_t i = 0; kind == MICA_PROGRAM_STATES && i < states; i++)
        outputs[n++] = m->encoder.states[i];
    return n;
}

static mica_status compile_base(const mica_model *m, mica_program_kind kind, mica_pool_set set,
                                mica_program **out, mica_error *err)
{
    size_t room = (size_t)m->config.layers + 3 + MICA_POOL_MODES;
    mica_compile_options options = options_of(m, m->precision);
    mica_value *outputs = mica_calloc(room, sizeof *outputs);
    mica_status status;

    if (!outputs)
        return mica_fail_memory(err, room * sizeof *outputs, "a program");
    status = mica_program_compile(m->context, m->graph, outputs,
                                  collect_outputs(m, kind, set, outputs), &options, out, err);
    mica_free(outputs);
    return status;
}

static mica_status compile_steps(const mica_model *m, mica_program **out, mica_error *err)
{
    int64_t dims[2] = {MICA_DIM_SEQUENCES, 0};
    mica_compile_options options = options_of(m, MICA_PRECISION_F32);
    mica_graph *graph = NULL;
    mica_value x;
    mica_status status;

    /* The first step that has a size says what goes in; Normalize takes any. */
    dims[1] = m->dimension;
    for (size_t i = m->sentence->n_steps; i-- > 0;)
        if (m->sentence->steps[i].kind != MICA_SENTENCE_NORMALIZE)
            dims[1] = m->sentence->steps[i].in;
    status = mica_graph_create(&graph, err);
    if (status != MICA_OK)
        return status;
    x = mica_input(graph, "pooled", MICA_DTYPE_F32, 2, dims);
    x = mica_sentence_build(m->sentence, graph, x);
    status = mica_program_compile(m->context, graph, &x, 1, &options, out, err);
    mica_graph_destroy(&graph);
    return status;
}

mica_status mica_model_program(mica_model *model, mica_program_kind kind, mica_pool_set set,
                               mica_program **out, mica_error *err)
{
    cached_program *program;
    mica_status status = MICA_OK;

    *out = NULL;
    pthread_mutex_lock(&model->lock);
    for (program = model->programs; program; program = program->next) {
        if (program->kind != kind || program->set != set)
            continue;
        *out = program->program;
        goto done;
    }
    program = mica_calloc(1, sizeof *program);
    if (!program) {
        status = mica_fail_memory(err, sizeof *program, "a program");
        goto done;
    }
    if (kind == MICA_PROGRAM_STEPS)
        status = compile_steps(model, &program->program, err);
    else if (kind == MICA_PROGRAM_LOGITS)
        status = compile_logits(model, &program->program, err);
    else
        status = compile_base(model, kind, set, &program->program, err);
    if (status != MICA_OK) {
        mica_free(program);
        goto done;
    }
    program->kind = kind;
    program->set = set;
    program->next = model->programs;
    model->programs = program;
    *out = program->program;
done:
    pthread_mutex_unlock(&model->lock);
    return status;
}

/* ---- heads, for tasks ---- */

mica_head mica_model_head(const mica_model *model)
{
    return model->head;
}

const char *mica_head_name(mica_head head)
{
    static const char *const names[] = {"base model", "masked language model",
                                        "sequence classification", "token classification",
                                        "question answering"};

    return (unsigned)head < sizeof names / sizeof *names ? names[head] : "unknown";
}

size_t mica_model_label_count(const mica_model *model)
{
    return model->head == MICA_HEAD_NONE ? 0 : model->label_count;
}

const char *mica_model_label(const mica_model *model, size_t id)
{
    return id < mica_model_label_count(model) ? model->labels[id] : NULL;
}

size_t mica_model_prompt_count(const mica_model *model)
{
    return model->sentence->n_prompts;
}

const char *mica_model_prompt(const mica_model *model, size_t i, const char **name)
{
    bool there = i < model->sentence->n_prompts;

    if (name)
        *name = there ? model->sentence->prompts[i].name : NULL;
    return there ? model->sentence->prompts[i].text : NULL;
}

const char *mica_model_problem_type(const mica_model *model)
{
    return mica_json_string(mica_json_get(mica_json_root(model->json), "problem_type"), NULL);
}

size_t mica_model_logit_count(const mica_model *model)
{
    return model->logit_count;
}

mica_status mica_model_need_head(const mica_model *model, mica_head wanted, const char *task,
                                 mica_error *err)
{
    const char *architecture = model->architecture ? model->architecture : "no architecture";

    if (model->head == wanted)
        return MICA_OK;
    if (model->no_head.status != MICA_OK)
        return mica_fail(err, model->no_head.status,
                         "'%s': %s needs a %s head; this checkpoint (%s) has: %s; its head cannot "
                         "be used: %s",
                         model->path, task, mica_head_name(wanted), architecture,
                         mica_head_name(MICA_HEAD_NONE), model->no_head.message);
    return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                     "'%s': %s needs a %s head; this checkpoint (%s) has: %s", model->path, task,
                     mica_head_name(wanted), architecture, mica_head_name(model->head));
}

/* ---- for people ---- */

mica_status mica_model_explain_not_finite(const mica_model *model, const char *otherwise,
                                          mica_error *err)
{
    for (size_t i = 0; i < model->n_tables; i++) {
        mica_status status =
            mica_weight_check_finite(model->tables[i].tensor, model->tables[i].name, err);

        if (status != MICA_OK) {
            mica_error_prefix(err, "%s: ", model->weights);
            return status;
        }
    }
    return mica_fail(err, MICA_STATUS_NOT_FINITE, "%s", otherwise);
}

void mica_model_get_info(const mica_model *model, mica_model_info *info)
{
    memset(info, 0, sizeof *info);
    info->path = model->path;
    info->model_type = model->family->model_type;
    info->architecture = model->architecture;
    info->weights = model->weights;
    info->dtype = model->weights ? mica_dtype_name(model->dtype) : NULL;
    info->precision = model->precision;
    info->parameters = model->parameters;
    info->hidden_size = model->config.hidden_size;
    info->layers = model->config.layers;
    info->vocab_size = model->config.vocab_size;
    info->max_positions = (size_t)model->config.max_length;
    info->has_pooler = model->encoder.pooled.id != 0;
    info->has_tokenizer = model->tokenizer != NULL;
    info->pooling = model->pooling;
    info->normalize = model->sentence->normalize;
    info->max_length = model->max_length;
    info->dimension = model->dimension;
    info->default_prompt_name = model->sentence->default_prompt;
}
