/* SPDX-License-Identifier: MIT */
#include "tasks/session.h"

#include <inttypes.h>
#include <string.h>

#include "backends/backend.h"
#include "base/alloc.h"

mica_status mica_session_create(mica_model *model, mica_session **out, mica_error *err)
{
    mica_session *session;

    *out = NULL;
    if (!model)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "mica_session_create: no model");
    if (!mica_model_runs(model))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "mica_session_create: the model was opened by mica_model_describe, which "
                         "loads nothing that can be run");
    session = mica_calloc(1, sizeof *session);
    if (!session)
        return mica_fail_memory(err, sizeof *session, "a session");
    session->model = model;
    *out = session;
    return MICA_OK;
}

void mica_session_destroy(mica_session **session)
{
    mica_session *s = *session;

    if (!s)
        return;
    for (size_t i = 0; i < s->n_executors; i++)
        mica_executor_destroy(&s->executors[i].executor);
    mica_encoding_destroy(&s->encoding);
    mica_free(s->batch.ids);
    mica_free(s->batch.type_ids);
    mica_free(s->batch.positions);
    mica_free(s->batch.mask);
    mica_free(s->batch.starts);
    mica_free(s->text);
    mica_free(s->rows);
    mica_free(s->counts);
    mica_free(s);
    *session = NULL;
}

mica_status mica_session_grow(void **data, size_t *room, size_t count, size_t size, mica_error *err)
{
    size_t wanted = count + count / 2;
    void *grown;

    if (count <= *room)
        return MICA_OK;
    grown = mica_realloc_array(*data, wanted, size);
    if (!grown) {
        wanted = count;
        grown = mica_realloc_array(*data, wanted, size);
    }
    if (!grown)
        return mica_fail_memory(err, count > SIZE_MAX / size ? SIZE_MAX : count * size, "a batch");
    *data = grown;
    *room = wanted;
    return MICA_OK;
}

/* ---- the batch ---- */

void mica_session_clear(mica_session *session)
{
    session->batch.tokens = 0;
    session->batch.sequences = 0;
    session->batch.hides = false;
}

static mica_status grow_tokens(mica_session_batch *b, size_t count, mica_error *err)
{
    void **const arrays[] = {(void **)&b->ids, (void **)&b->type_ids, (void **)&b->positions,
                             (void **)&b->mask};
    static const size_t sizes[] = {sizeof *b->ids, sizeof *b->type_ids, sizeof *b->positions,
                                   sizeof *b->mask};
    size_t wanted = count + count / 2;

    if (count <= b->token_room)
        return MICA_OK;
    if (count > INT32_MAX / 2)
        return mica_fail(err, MICA_STATUS_TOO_LONG, "a batch of %zu tokens is too large", count);
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        void *grown = mica_realloc_array(*arrays[i], wanted, sizes[i]);
        if (!grown)
            return mica_fail_memory(err, wanted * sizes[i], "a batch");
        *arrays[i] = grown;
    }
    b->token_room = wanted;
    return MICA_OK;
}

static mica_status check_sequence(const mica_session *session, const mica_sequence *s,
                                  mica_sequence_label label, mica_error *err)
{
    const mica_model_config *config = mica_model_configuration(session->model);

    if (s->count == 0 || !s->ids)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "%s %zu has no tokens", label.kind,
                         label.index);
    if (s->count > (uint64_t)config->max_length)
        return mica_fail(err, MICA_STATUS_TOO_LONG,
                         "%s %zu has %zu tokens; the model takes at most %" PRId64, label.kind,
                         label.index, s->count, config->max_length);
    for (size_t i = 0; i < s->count; i++) {
        if (s->ids[i] < 0 || s->ids[i] >= config->vocab_size)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "%s %zu, position %zu: id %" PRId32
                             " is not in [0, vocab_size %" PRId64 ")",
                             label.kind, label.index, i, s->ids[i], config->vocab_size);
        if (s->type_ids && s->type_ids[i] != 0 &&
            (s->type_ids[i] < 0 || s->type_ids[i] >= config->type_vocab_size))
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "%s %zu, position %zu: token type %" PRId32
                             " is not in [0, type_vocab_size %" PRId64 ")",
                             label.kind, label.index, i, s->type_ids[i], config->type_vocab_size);
    }
    return MICA_OK;
}

bool mica_session_is_full(const mica_session *session, size_t count, size_t batch_tokens)
{
    const mica_session_batch *b = &session->batch;

    if (batch_tokens == 0)
        batch_tokens = MICA_DEFAULT_BATCH_TOKENS;
    return b->sequences > 0 && (b->tokens >= batch_tokens || count > batch_tokens - b->tokens);
}

mica_status mica_session_add(mica_session *session, const mica_sequence *sequence,
                             mica_sequence_label label, mica_error *err)
{
    const mica_family *family = mica_model_family(session->model);
    mica_session_batch *b = &session->batch;
    size_t n = sequence->count, at = b->tokens;
    mica_status status = check_sequence(session, sequence, label, err);

    if (status == MICA_OK)
        status = grow_tokens(b, at + n, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&b->starts, &b->sequence_room, b->sequences + 2,
                                   sizeof *b->starts, err);
    if (status != MICA_OK)
        return status;
    memcpy(b->ids + at, sequence->ids, n * sizeof *b->ids);
    if (sequence->type_ids)
        memcpy(b->type_ids + at, sequence->type_ids, n * sizeof *b->type_ids);
    else
        memset(b->type_ids + at, 0, n * sizeof *b->type_ids);
    for (size_t i = 0; i < n; i++) {
        b->positions[at + i] = (int32_t)i;
        b->mask[at + i] = !sequence->attention_mask || sequence->attention_mask[i];
        b->hides |= !b->mask[at + i];
    }
    if (family->positions)
        family->positions(mica_model_configuration(session->model), sequence->ids, n,
                          b->positions + at);
    b->starts[b->sequences] = (int32_t)at;
    b->tokens = at + n;
    b->starts[++b->sequences] = (int32_t)b->tokens;
    return MICA_OK;
}

/* ---- running ---- */

/* The session's executor of a program; the least recently used one gives way to a new one. */
static mica_status find_executor(mica_session *s, mica_program *program, mica_executor **out,
                                 mica_error *err)
{
    mica_session_executor found = {program, NULL};
    size_t i = 0;
    mica_status status;

    while (i < s->n_executors && s->executors[i].program != program)
        i++;
    if (i < s->n_executors) {
        found = s->executors[i];
    } else {
        status = mica_executor_create(program, &found.executor, err);
        if (status != MICA_OK)
            return status;
        if (s->n_executors < MICA_SESSION_EXECUTORS)
            i = s->n_executors++;
        else
            mica_executor_destroy(&s->executors[--i].executor);
    }
    memmove(s->executors + 1, s->executors, i * sizeof *s->executors);
    s->executors[0] = found;
    *out = found.executor;
    return MICA_OK;
}

void mica_session_set_profile(mica_session *session, mica_profile_fn fn, void *user)
{
    session->profile = fn;
    session->profile_user = user;
}

static mica_status run_program(mica_session *session, mica_program *program,
                               const mica_batch *batch, const void *const *inputs, size_t n_inputs,
                               mica_executor **out, mica_error *err)
{
    mica_status status = find_executor(session, program, out, err);

    if (status != MICA_OK)
        return status;
    mica_executor_set_profile(*out, session->profile != NULL);
    status = mica_executor_run(*out, batch, inputs, n_inputs, err);
    if (status == MICA_OK && session->profile)
        session->profile(session->profile_user, *out);
    return status;
}

mica_status mica_session_run(mica_session *session, mica_program_kind kind, mica_pool_set set,
                             const mica_executor **out, mica_error *err)
{
    const mica_session_batch *b = &session->batch;
    const mica_batch batch = {b->tokens, b->sequences, b->starts, b->hides ? b->mask : NULL};
    const void *inputs[MICA_INPUTS];
    mica_executor *executor = NULL;
    mica_program *program = NULL;
    mica_status status;

    *out = NULL;
    if (mica_context_cancelled(mica_model_context(session->model)))
        return mica_fail(err, MICA_STATUS_CANCELLED, "cancelled");
    inputs[MICA_INPUT_IDS] = b->ids;
    inputs[MICA_INPUT_TYPE_IDS] = b->type_ids;
    inputs[MICA_INPUT_POSITIONS] = b->positions;
    status = mica_model_program(session->model, kind, set, &program, err);
    if (status == MICA_OK)
        status = run_program(session, program, &batch, inputs, MICA_INPUTS, &executor, err);
    if (status == MICA_OK)
        *out = executor;
    return status;
}

/* Rows are sequences of one token here: 0, 1, 2 ... is what their starts are. */
static mica_status count_starts(mica_session *session, size_t sequences, mica_error *err)
{
    mica_session_batch *b = &session->batch;
    mica_status status = mica_session_grow((void **)&b->starts, &b->sequence_room, sequences + 1,
                                           sizeof *b->starts, err);

    for (size_t i = 0; status == MICA_OK && i <= sequences; i++)
        b->starts[i] = (int32_t)i;
    return status;
}

/* What the head takes: the batch's states, or a row of each sequence. */
static mica_status head_input(mica_session *session, const float **rows, size_t *count,
                              mica_error *err)
{
    bool pooled = mica_model_head(session->model) == MICA_HEAD_SEQUENCE_CLASSIFICATION;
    const mica_executor *executor = NULL;
    mica_status status;

    if (!pooled)
        status = mica_session_run(session, MICA_PROGRAM_TOKENS, 0, &executor, err);
    else if (mica_model_family(session->model)->classifies_pooled)
        status = mica_session_run(session, MICA_PROGRAM_POOLER, 0, &executor, err);
    else
        status =
            mica_session_run(session, MICA_PROGRAM_POOLED, 1u << MICA_POOL_FIRST, &executor, err);
    if (status != MICA_OK)
        return status;
    *rows = mica_executor_output(executor, 0, NULL, NULL);
    *count = pooled ? session->batch.sequences : session->batch.tokens;
    return MICA_OK;
}

mica_status mica_session_run_head_rows(mica_session *session, const int32_t *rows, size_t count,
                                       const float **logits, mica_error *err)
{
    const float *from = NULL;
    size_t all = 0;
    mica_status status = head_input(session, &from, &all, err);

    *logits = NULL;
    return status ? status
                  : mica_session_run_head(session, from, rows, rows ? count : all, logits, err);
}

mica_status mica_session_run_head(mica_session *session, const float *x, const int32_t *rows,
                                  size_t count, const float **logits, mica_error *err)
{
    size_t hidden = (size_t)mica_model_configuration(session->model)->hidden_size;
    const void *inputs[1];
    mica_executor *executor = NULL;
    mica_program *program = NULL;
    mica_batch batch;
    mica_status status = MICA_OK;

    *logits = NULL;
    if (rows) {
        status = mica_session_grow((void **)&session->rows, &session->row_room, count * hidden,
                                   sizeof *session->rows, err);
        for (size_t i = 0; status == MICA_OK && i < count; i++)
            memcpy(session->rows + i * hidden, x + (size_t)rows[i] * hidden, hidden * sizeof *x);
        x = session->rows;
    }
    if (status == MICA_OK)
        status = mica_session_grow((void **)&session->counts, &session->count_room, count + 1,
                                   sizeof *session->counts, err);
    for (size_t i = 0; status == MICA_OK && i <= count; i++)
        session->counts[i] = (int32_t)i;
    inputs[0] = x;
    batch = (mica_batch){count, count, session->counts, NULL};
    if (status == MICA_OK)
        status = mica_model_program(session->model, MICA_PROGRAM_LOGITS, 0, &program, err);
    if (status == MICA_OK)
        status = run_program(session, program, &batch, inputs, 1, &executor, err);
    if (status == MICA_OK)
        *logits = mica_executor_output(executor, 0, NULL, NULL);
    return status;
}

mica_status mica_session_run_steps(mica_session *session, const float *rows, size_t sequences,
                                   const float **out, mica_error *err)
{
    const void *inputs[1];
    mica_executor *executor = NULL;
    mica_program *program = NULL;
    mica_batch batch;
    mica_status status = count_starts(session, sequences, err);

    *out = NULL;
    inputs[0] = rows;
    batch = (mica_batch){sequences, sequences, session->batch.starts, NULL};
    if (status == MICA_OK)
        status = mica_model_program(session->model, MICA_PROGRAM_STEPS, 0, &program, err);
    if (status == MICA_OK)
        status = run_program(session, program, &batch, inputs, 1, &executor, err);
    if (status == MICA_OK)
        *out = mica_executor_output(executor, 0, NULL, NULL);
    return status;
}
