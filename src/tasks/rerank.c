/* SPDX-License-Identifier: MIT */
#include "mica/rerank.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backends/backend.h"
#include "base/alloc.h"
#include "base/log.h"
#include "tasks/scores.h"
#include "tasks/texts.h"

struct mica_ranking {
    mica_rank *ranks; /* in the order of the result */
    /* By index of the document: */
    float *scores; /* [documents, labels] */
    float *column; /* the scores that rank */
    mica_text_note *notes;
    size_t *order;
    size_t count, labels;
    size_t rank_room, score_room, column_room, note_room, order_room; /* in elements */
};

typedef void (*activation)(const float *logits, size_t labels, float *out);

/* What a call does. */
typedef struct plan {
    mica_text_rules rules;
    activation activate; /* NULL: the logits */
    size_t labels, column;
    bool ranked;
    mica_ranking *out;
} plan;

void mica_rerank_options_defaults(mica_rerank_options *options)
{
    memset(options, 0, sizeof *options);
}

/* ---- activations: torch's modules, built without arguments ---- */

static void tanh_scores(const float *logits, size_t labels, float *out)
{
    for (size_t i = 0; i < labels; i++)
        out[i] = (float)tanh(logits[i]);
}

static void relu_scores(const float *logits, size_t labels, float *out)
{
    for (size_t i = 0; i < labels; i++)
        out[i] = logits[i] > 0 ? logits[i] : 0;
}

static void log_sigmoid_scores(const float *logits, size_t labels, float *out)
{
    for (size_t i = 0; i < labels; i++) {
        double x = logits[i];
        out[i] = (float)((x < 0 ? x : 0) - log1p(exp(-fabs(x))));
    }
}

static void softplus_scores(const float *logits, size_t labels, float *out)
{
    for (size_t i = 0; i < labels; i++) {
        double x = logits[i];
        out[i] = (float)((x > 0 ? x : 0) + log1p(exp(-fabs(x))));
    }
}

static const struct {
    const char *name;
    activation function;
} activations[] = {
    {"Identity", NULL},
    {"Sigmoid", mica_scores_sigmoid},
    {"Softmax", mica_scores_softmax},
    {"Tanh", tanh_scores},
    {"ReLU", relu_scores},
    {"LogSigmoid", log_sigmoid_scores},
    {"Softplus", softplus_scores},
};

/* The path of a class, as sentence-transformers writes it: "torch.nn.modules.linear.Identity". */
static const char *wanted_activation(const mica_model *model)
{
    const mica_json_value *config = mica_model_config_json(model);
    const mica_json_value *own = mica_json_get(config, "sentence_transformers");

    if (mica_model_sentence(model)->activation)
        return mica_model_sentence(model)->activation;
    if (mica_json_get(own, "activation_fn"))
        return mica_json_string(mica_json_get(own, "activation_fn"), NULL);
    return mica_json_string(mica_json_get(config, "sbert_ce_default_activation_function"), NULL);
}

static mica_status choose_activation(const mica_model *model, plan *p, mica_error *err)
{
    const char *path = wanted_activation(model), *name;

    p->activate = p->labels == 1 ? mica_scores_sigmoid : NULL;
    if (!path)
        return MICA_OK;
    if (strncmp(path, "torch.", 6) != 0) {
        mica_log_write(mica_context_log(mica_model_context(model)), MICA_LOG_WARNING,
                       "the activation '%s' is code of the model's author, which is not run: the "
                       "default is taken",
                       path);
        return MICA_OK;
    }
    name = strrchr(path, '.') + 1;
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        if (strcmp(activations[i].name, name) == 0) {
            p->activate = activations[i].function;
            return MICA_OK;
        }
    }
    return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                     "the model's activation '%s' is not known; raw scores need none", path);
}

/* ---- what to do ---- */

static mica_status choose_column(const mica_model *model, const mica_rerank_options *options,
                                 plan *p, mica_error *err)
{
    char known[512];
    size_t used = 0;

    p->ranked = p->labels == 1 || options->label;
    if (!p->ranked && options->top_k > 0)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "the model gives %zu scores for each document: top_k needs the label that "
                         "ranks",
                         p->labels);
    if (!options->label)
        return MICA_OK;
    for (; p->column < p->labels; p->column++)
        if (strcmp(mica_model_label(model, p->column), options->label) == 0)
            return MICA_OK;
    known[0] = '\0';
    for (size_t i = 0; i < p->labels && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s'%s'", i ? ", " : "",
                                 mica_model_label(model, i));
    return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                     "no label is called '%s'; the model has: %s", options->label, known);
}

static mica_status make_plan(const mica_session *session, const mica_rerank_options *options,
                             plan *p, mica_error *err)
{
    const mica_model *model = session->model;
    mica_status status =
        mica_model_need_head(model, MICA_HEAD_SEQUENCE_CLASSIFICATION, "rerank", err);

    memset(p, 0, sizeof *p);
    if (status == MICA_OK)
        status = mica_text_rules_make(session, options->max_length,
                                      mica_model_sentence(model)->max_length, &p->rules, err);
    if (status != MICA_OK)
        return status;
    p->rules.encode.truncation = MICA_TRUNCATION_LONGEST_FIRST;
    p->rules.no_truncate = options->no_truncate;
    p->rules.batch_tokens = options->batch_tokens;
    p->labels = mica_model_label_count(model);
    status = choose_column(model, options, p, err);
    if (status == MICA_OK && !options->raw_scores)
        status = choose_activation(model, p, err);
    return status;
}

/* ---- scores ---- */

static void take_logits(void *user, size_t i, const float *logits)
{
    const plan *p = user;
    float *out = p->out->scores + i * p->labels;

    if (p->activate)
        p->activate(logits, p->labels, out);
    else
        memcpy(out, logits, p->labels * sizeof *logits);
}

static void rank(mica_ranking *r, const plan *p, size_t n, size_t top_k)
{
    size_t kept = top_k > 0 && top_k < n ? top_k : n;

    for (size_t i = 0; i < n; i++) {
        r->column[i] = r->scores[i * p->labels + p->column];
        r->order[i] = i;
    }
    if (p->ranked)
        mica_scores_top(r->column, n, kept, r->order);
    for (size_t i = 0; i < kept; i++) {
        size_t d = r->order[i];

        r->ranks[i] = (mica_rank){d, r->column[d], r->notes[d].tokens, r->notes[d].truncated};
    }
    r->labels = p->labels;
    r->count = kept;
}

/* Puts the model's default prompt in front. */
static mica_status add_prompt(mica_session *session, mica_text *query, mica_error *err)
{
    const mica_sentence *sentence = mica_model_sentence(session->model);
    const char *prompt =
        sentence->default_prompt ? mica_sentence_prompt(sentence, sentence->default_prompt) : NULL;
    size_t size = prompt ? strlen(prompt) : 0, room;
    mica_status status;

    if (size == 0)
        return MICA_OK;
    if (!mica_add_size(size, query->size, &room))
        return mica_fail_memory(err, SIZE_MAX, "a query");
    status = mica_session_grow((void **)&session->text, &session->text_room, room, 1, err);
    if (status != MICA_OK)
        return status;
    memcpy(session->text, prompt, size);
    if (query->size > 0)
        memcpy(session->text + size, query->data, query->size);
    *query = (mica_text){session->text, room};
    return MICA_OK;
}

/* A query that is not valid UTF-8 is no document's fault. */
static mica_status check_query(const mica_text_rules *rules, mica_session *session, mica_text query,
                               mica_error *err)
{
    mica_status status = mica_tokenizer_encode(rules->tokenizer, query, NULL, &rules->encode,
                                               &session->encoding, err);

    if (status != MICA_OK && status != MICA_STATUS_OUT_OF_MEMORY)
        mica_error_prefix(err, "query: ");
    return status;
}

static mica_status reserve(mica_ranking *r, size_t labels, size_t n, mica_error *err)
{
    size_t numbers = 0;
    mica_status status;

    if (!mica_mul_size(n, labels, &numbers))
        return mica_fail_memory(err, SIZE_MAX, "a ranking");
    status =
        mica_session_grow((void **)&r->scores, &r->score_room, numbers, sizeof *r->scores, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&r->column, &r->column_room, n, sizeof *r->column, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&r->ranks, &r->rank_room, n, sizeof *r->ranks, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&r->notes, &r->note_room, n, sizeof *r->notes, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&r->order, &r->order_room, n, sizeof *r->order, err);
    return status;
}

mica_status mica_rerank(mica_session *session, mica_text query, const mica_text *documents,
                        size_t n, const mica_rerank_options *options, mica_ranking **out,
                        mica_error *err)
{
    mica_rerank_options defaults;
    mica_ranking *r = *out;
    plan p;
    mica_status status;

    if (r)
        r->count = 0;
    if (!session || (!documents && n > 0))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "mica_rerank: no session or documents");
    if (!options) {
        mica_rerank_options_defaults(&defaults);
        options = &defaults;
    }
    status = make_plan(session, options, &p, err);
    if (status == MICA_OK)
        status = check_query(&p.rules, session, query, err);
    if (status == MICA_OK)
        status = add_prompt(session, &query, err);
    if (status != MICA_OK)
        return status;
    if (!r)
        r = mica_calloc(1, sizeof *r);
    if (!r)
        return mica_fail_memory(err, sizeof *r, "a ranking");
    p.out = r;
    status = reserve(r, p.labels, n, err);
    if (status == MICA_OK)
        status = mica_text_score(session, &p.rules, &(mica_text_list){&query, documents, n, true},
                                 r->notes, take_logits, &p, err);
    if (status != MICA_OK) {
        if (!*out)
            mica_ranking_destroy(&r);
        return status;
    }
    rank(r, &p, n, options->top_k);
    *out = r;
    return MICA_OK;
}

void mica_ranking_destroy(mica_ranking **ranking)
{
    mica_ranking *r = *ranking;

    if (!r)
        return;
    mica_free(r->ranks);
    mica_free(r->scores);
    mica_free(r->column);
    mica_free(r->notes);
    mica_free(r->order);
    mica_free(r);
    *ranking = NULL;
}

size_t mica_ranking_count(const mica_ranking *ranking)
{
    return ranking->count;
}

const mica_rank *mica_ranking_get(const mica_ranking *ranking, size_t i)
{
    return i < ranking->count ? &ranking->ranks[i] : NULL;
}

const float *mica_ranking_scores(const mica_ranking *ranking, size_t i, size_t *labels)
{
    bool there = i < ranking->count;

    if (labels)
        *labels = there ? ranking->labels : 0;
    return there ? ranking->scores + ranking->ranks[i].index * ranking->labels : NULL;
}
