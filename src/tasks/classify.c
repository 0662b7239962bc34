/* SPDX-License-Identifier: MIT */
#include "mica/classify.h"

#include <string.h>

#include "base/alloc.h"
#include "tasks/scores.h"
#include "tasks/texts.h"

struct mica_classes {
    mica_class *list; /* `kept` for each text */
    mica_text_note *notes;
    float *scores; /* of one text, for all labels */
    size_t *order; /* labels, best first */
    size_t count, kept;
    size_t list_room, note_room, score_room, order_room; /* in elements */
};

/* What a call does. */
typedef struct plan {
    mica_text_rules rules;
    mica_score_function function;
    size_t labels;
    const mica_model *model;
    mica_classes *out;
} plan;

void mica_classify_options_defaults(mica_classify_options *options)
{
    memset(options, 0, sizeof *options);
    options->top_k = 1;
}

/* The order of these questions is that of the pipeline. */
static mica_score_function default_function(const mica_model *model, size_t labels)
{
    const char *problem = mica_model_problem_type(model);

    if (problem && strcmp(problem, "regression") == 0)
        return MICA_SCORE_NONE;
    if (labels == 1 || (problem && strcmp(problem, "multi_label_classification") == 0))
        return MICA_SCORE_SIGMOID;
    return MICA_SCORE_SOFTMAX;
}

static mica_status make_plan(const mica_session *session, const mica_classify_options *options,
                             plan *p, mica_error *err)
{
    mica_status status =
        mica_model_need_head(session->model, MICA_HEAD_SEQUENCE_CLASSIFICATION, "classify", err);

    if (status == MICA_OK)
        status = mica_text_rules_make(session, options->max_length, 0, &p->rules, err);
    if (status != MICA_OK)
        return status;
    p->rules.no_truncate = options->no_truncate;
    p->rules.batch_tokens = options->batch_tokens;
    p->model = session->model;
    p->labels = mica_model_label_count(session->model);
    p->function = options->function;
    if (p->function < MICA_SCORE_DEFAULT || p->function > MICA_SCORE_NONE)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "mica_classify: no score function %d",
                         (int)p->function);
    if (p->function == MICA_SCORE_DEFAULT)
        p->function = default_function(session->model, p->labels);
    return MICA_OK;
}

/* The best labels of text i. */
static void take_logits(void *user, size_t i, const float *logits)
{
    const plan *p = user;
    mica_classes *c = p->out;
    mica_class *out = c->list + i * c->kept;

    if (p->function == MICA_SCORE_SOFTMAX)
        mica_scores_softmax(logits, p->labels, c->scores);
    else if (p->function == MICA_SCORE_SIGMOID)
        mica_scores_sigmoid(logits, p->labels, c->scores);
    else
        memcpy(c->scores, logits, p->labels * sizeof *logits);
    mica_scores_top(c->scores, p->labels, c->kept, c->order);
    for (size_t k = 0; k < c->kept; k++) {
        out[k].id = (int64_t)c->order[k];
        out[k].label = mica_model_label(p->model, c->order[k]);
        out[k].score = c->scores[c->order[k]];
    }
}

static mica_status reserve(mica_classes *c, size_t labels, size_t n, mica_error *err)
{
    size_t entries = 0;
    mica_status status;

    if (!mica_mul_size(n, c->kept, &entries))
        return mica_fail_memory(err, SIZE_MAX, "labels");
    status = mica_session_grow((void **)&c->list, &c->list_room, entries, sizeof *c->list, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&c->notes, &c->note_room, n, sizeof *c->notes, err);
    if (status == MICA_OK)
        status =
            mica_session_grow((void **)&c->scores, &c->score_room, labels, sizeof *c->scores, err);
    if (status == MICA_OK)
        status =
            mica_session_grow((void **)&c->order, &c->order_room, labels, sizeof *c->order, err);
    return status;
}

mica_status mica_classify(mica_session *session, const mica_text *texts, const mica_text *seconds,
                          size_t n, const mica_classify_options *options, mica_classes **out,
                          mica_error *err)
{
    mica_classify_options defaults;
    mica_classes *c = *out;
    plan p;
    mica_status status;

    if (c)
        c->count = 0;
    if (!session || (!texts && n > 0))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "mica_classify: no session or texts");
    if (!options) {
        mica_classify_options_defaults(&defaults);
        options = &defaults;
    }
    status = make_plan(session, options, &p, err);
    if (status != MICA_OK)
        return status;
    if (!c)
        c = mica_calloc(1, sizeof *c);
    if (!c)
        return mica_fail_memory(err, sizeof *c, "labels");
    c->kept = options->top_k > 0 && options->top_k < p.labels ? options->top_k : p.labels;
    status = reserve(c, p.labels, n, err);
    p.out = c;
    if (status == MICA_OK)
        status = mica_text_score(session, &p.rules, &(mica_text_list){texts, seconds, n, false},
                                 c->notes, take_logits, &p, err);
    if (status != MICA_OK) {
        if (!*out)
            mica_classes_destroy(&c);
        return status;
    }
    c->count = n;
    *out = c;
    return MICA_OK;
}

void mica_classes_destroy(mica_classes **classes)
{
    mica_classes *c = *classes;

    if (!c)
        return;
    mica_free(c->list);
    mica_free(c->notes);
    mica_free(c->scores);
    mica_free(c->order);
    mica_free(c);
    *classes = NULL;
}

size_t mica_classes_count(const mica_classes *classes)
{
    return classes->count;
}

const mica_class *mica_classes_get(const mica_classes *classes, size_t i, size_t *count)
{
    bool there = i < classes->count;

    if (count)
        *count = there ? classes->kept : 0;
    return there ? classes->list + i * classes->kept : NULL;
}

size_t mica_classes_tokens(const mica_classes *classes, size_t i)
{
    return i < classes->count ? classes->notes[i].tokens : 0;
}

bool mica_classes_truncated(const mica_classes *classes, size_t i)
{
    return i < classes->count && classes->notes[i].truncated;
}
