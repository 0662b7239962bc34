/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "tasks/outputs.h"
#include "tasks/session.h"

/* Where the outputs of the program go: output i of the program to data[i]. */
typedef struct destination {
    mica_outputs *outputs;
    mica_program_kind kind;
    bool pooled;  /* output 1 is pooler_output */
    size_t count; /* outputs of the program */
    float **data;
    size_t longest, hidden;
    mica_head head;   /* whose logits are wanted, or NONE */
    float *logits[2]; /* question answering has two */
} destination;

void mica_forward_options_defaults(mica_forward_options *options)
{
    memset(options, 0, sizeof *options);
}

/* Makes the tensors, in the order of the program's outputs. */
static mica_status make_outputs(const mica_model *model, size_t n, destination *d, mica_error *err)
{
    const int64_t tokens[3] = {(int64_t)n, (int64_t)d->longest, (int64_t)d->hidden};
    const int64_t row[2] = {(int64_t)n, (int64_t)d->hidden};
    size_t states = (size_t)mica_model_configuration(model)->layers + 1, i = 0;
    mica_status status;

    d->count = 1 + d->pooled + (d->kind == MICA_PROGRAM_STATES ? states : 0);
    d->data = mica_calloc(d->count, sizeof *d->data);
    if (!d->data)
        return mica_fail_memory(err, d->count * sizeof *d->data, "outputs");
    status = mica_outputs_create(&d->outputs, err);
    if (status == MICA_OK)
        status = mica_outputs_add(d->outputs, 3, tokens, &d->data[i++], err, "last_hidden_state");
    if (status == MICA_OK && d->pooled)
        status = mica_outputs_add(d->outputs, 2, row, &d->data[i++], err, "pooler_output");
    for (size_t s = 0; i < d->count && status == MICA_OK; s++)
        status =
            mica_outputs_add(d->outputs, 3, tokens, &d->data[i++], err, "hidden_states.%zu", s);
    return status;
}

/* The same of the head. */
static mica_status make_logits(const mica_model *model, size_t n, destination *d, mica_error *err)
{
    const int64_t columns = (int64_t)mica_model_logit_count(model);
    const int64_t tokens[3] = {(int64_t)n, (int64_t)d->longest, columns};
    const int64_t row[2] = {(int64_t)n, columns};
    mica_status status;

    switch (d->head) {
    case MICA_HEAD_NONE:
        return MICA_OK;
    case MICA_HEAD_SEQUENCE_CLASSIFICATION:
        return mica_outputs_add(d->outputs, 2, row, &d->logits[0], err, "logits");
    case MICA_HEAD_MASKED_LM:
    case MICA_HEAD_TOKEN_CLASSIFICATION:
        return mica_outputs_add(d->outputs, 3, tokens, &d->logits[0], err, "logits");
    case MICA_HEAD_QUESTION_ANSWERING:
        break;
    }
    status = mica_outputs_add(d->outputs, 2, tokens, &d->logits[0], err, "start_logits");
    return status == MICA_OK
               ? mica_outputs_add(d->outputs, 2, tokens, &d->logits[1], err, "end_logits")
               : status;
}

static bool all_finite(const float *row, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(row[i]))
            return false;
    return true;
}

static mica_status not_finite(const mica_session *session, const char *output, size_t sequence,
                              mica_error *err)
{
    mica_error text = {0};

    mica_fail(&text, MICA_STATUS_NOT_FINITE,
              "sequence %zu: %s is not finite: the computation overflows float32", sequence,
              output);
    return mica_model_explain_not_finite(session->model, text.message, err);
}

/* Runs the head on what the program computed: the states of the tokens or, for a class of each
 * sequence, its pooled state or that of its first token. */
static mica_status run_head(mica_session *session, const mica_executor *executor,
                            const destination *d, const float **logits, mica_error *err)
{
    const mica_session_batch *b = &session->batch;
    bool row = d->head == MICA_HEAD_SEQUENCE_CLASSIFICATION;
    bool pooled = row && mica_model_family(session->model)->classifies_pooled;
    const float *x = mica_executor_output(executor, pooled ? 1 : 0, NULL, NULL);

    return mica_session_run_head(session, x, row && !pooled ? b->starts : NULL,
                                 row ? b->sequences : b->tokens, logits, err);
}

/* The head's outputs of the batch, whose first sequence is number `first`. */
static mica_status take_logits(mica_session *session, const mica_executor *executor,
                               const destination *d, size_t first, mica_error *err)
{
    const mica_session_batch *b = &session->batch;
    size_t columns = mica_model_logit_count(session->model);
    const float *from;
    mica_status status = run_head(session, executor, d, &from, err);

    for (size_t s = 0; status == MICA_OK && s < b->sequences; s++) {
        bool row = d->head == MICA_HEAD_SEQUENCE_CLASSIFICATION;
        size_t begin = row ? s : (size_t)b->starts[s];
        size_t n = row ? 1 : (size_t)b->starts[s + 1] - begin;

        if (!all_finite(from + begin * columns, n * columns))
            return not_finite(session, "a logit", first + s, err);
        if (row)
            memcpy(d->logits[0] + (first + s) * columns, from + s * columns,
                   columns * sizeof *from);
        else if (d->head != MICA_HEAD_QUESTION_ANSWERING)
            memcpy(d->logits[0] + (first + s) * d->longest * columns, from + begin * columns,
                   n * columns * sizeof *from);
        else
            for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < 2; k++)
                    d->logits[k][(first + s) * d->longest + i] = from[(begin + i) * 2 + k];
    }
    return status;
}

/* Copies what the program computed for the batch, whose first sequence is number `first`. */
static mica_status take_outputs(const mica_session *session, const mica_executor *executor,
                                const destination *d, size_t first, mica_error *err)
{
    const mica_session_batch *b = &session->batch;

    for (size_t i = 0; i < d->count; i++) {
        const float *from = mica_executor_output(executor, i, NULL, NULL);
        bool rows = d->pooled && i == 1;

        for (size_t s = 0; s < b->sequences; s++) {
            size_t begin = rows ? s : (size_t)b->starts[s];
            size_t end = rows ? s + 1 : (size_t)b->starts[s + 1];
            size_t size = (end - begin) * d->hidden;
            size_t stride = rows ? d->hidden : d->longest * d->hidden;

            if (!all_finite(from + begin * d->hidden, size))
                return not_finite(session, mica_outputs_name(d->outputs, i), first + s, err);
            memcpy(d->data[i] + (first + s) * stride, from + begin * d->hidden,
                   size * sizeof *from);
        }
    }
    return MICA_OK;
}

static mica_status run_batch(mica_session *session, const destination *d, size_t first,
                             mica_error *err)
{
    const mica_executor *executor = NULL;
    mica_status status = MICA_OK;

    if (session->batch.sequences == 0)
        return MICA_OK;
    status = mica_session_run(session, d->kind, 0, &executor, err);
    if (status == MICA_OK)
        status = take_outputs(session, executor, d, first, err);
    if (status == MICA_OK && d->head != MICA_HEAD_NONE)
        status = take_logits(session, executor, d, first, err);
    mica_session_clear(session);
    return status;
}

static mica_status run_all(mica_session *session, const mica_sequence *sequences, size_t n,
                           size_t batch_tokens, const destination *d, mica_error *err)
{
    size_t first = 0;
    mica_status status = MICA_OK;

    mica_session_clear(session);
    for (size_t i = 0; i < n && status == MICA_OK; i++) {
        if (mica_session_is_full(session, sequences[i].count, batch_tokens)) {
            status = run_batch(session, d, first, err);
            first = i;
        }
        if (status == MICA_OK)
            status =
                mica_session_add(session, &sequences[i], (mica_sequence_label){"sequence", i}, err);
    }
    if (status == MICA_OK)
        status = run_batch(session, d, first, err);
    return status;
}

mica_status mica_forward(mica_session *session, const mica_sequence *sequences, size_t n,
                         const mica_forward_options *options, mica_outputs **out, mica_error *err)
{
    mica_forward_options defaults;
    mica_model_info info;
    destination d = {0};
    mica_status status;

    *out = NULL;
    if (!session || (!sequences && n > 0))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "mica_forward: no session or sequences");
    if (!options) {
        mica_forward_options_defaults(&defaults);
        options = &defaults;
    }
    mica_model_get_info(session->model, &info);
    d.kind = options->hidden_states ? MICA_PROGRAM_STATES : MICA_PROGRAM_OUTPUTS;
    d.pooled = info.has_pooler;
    d.hidden = (size_t)info.hidden_size;
    for (size_t i = 0; i < n; i++) {
        if (sequences[i].count > info.max_positions) /* before memory is asked for */
            return mica_fail(err, MICA_STATUS_TOO_LONG,
                             "sequence %zu has %zu tokens; the model takes at most %zu", i,
                             sequences[i].count, info.max_positions);
        if (sequences[i].count > d.longest)
            d.longest = sequences[i].count;
    }
    d.head = options->no_logits ? MICA_HEAD_NONE : mica_model_head(session->model);
    status = make_outputs(session->model, n, &d, err);
    if (status == MICA_OK)
        status = make_logits(session->model, n, &d, err);
    if (status == MICA_OK)
        status = run_all(session, sequences, n, options->batch_tokens, &d, err);
    mica_free(d.data);
    if (status != MICA_OK) {
        mica_outputs_destroy(&d.outputs);
        return status;
    }
    *out = d.outputs;
    return MICA_OK;
}
