/* SPDX-License-Identifier: MIT */
#include "tasks/texts.h"

#include <string.h>

#include "tasks/scores.h"

mica_status mica_text_rules_make(const mica_session *session, size_t max_length, size_t limit,
                                 mica_text_rules *out, mica_error *err)
{
    const mica_model_config *config = mica_model_configuration(session->model);
    size_t positions = (size_t)config->max_length, own;
    mica_status status;

    memset(out, 0, sizeof *out);
    status = mica_model_need_tokenizer(session->model, &out->tokenizer, err);
    if (status != MICA_OK)
        return status;
    if (max_length > positions)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "max_length %zu is more than the model takes: %zu", max_length, positions);
    own = limit ? limit : mica_tokenizer_max_length(out->tokenizer);
    if (own == 0 || own > positions)
        own = positions;
    mica_tokenizer_encode_options(out->tokenizer, &out->encode);
    out->encode.max_length = max_length ? max_length : own;
    return MICA_OK;
}

mica_status mica_text_encode(mica_session *session, const mica_text_rules *rules, mica_text text,
                             const mica_text *second, mica_sequence_label label, mica_error *err)
{
    mica_status status = mica_tokenizer_encode(rules->tokenizer, text, second, &rules->encode,
                                               &session->encoding, err);

    if (status == MICA_OK && rules->no_truncate && mica_encoding_truncated(session->encoding))
        status = mica_fail(err, MICA_STATUS_TOO_LONG, "%zu tokens; at most %zu are taken",
                           mica_encoding_full_count(session->encoding), rules->encode.max_length);
    if (status != MICA_OK && status != MICA_STATUS_OUT_OF_MEMORY)
        mica_error_prefix(err, "%s %zu: ", label.kind, label.index);
    return status;
}

bool mica_text_batch_is_full(const mica_session *session, const mica_text_rules *rules)
{
    return mica_session_is_full(session, mica_encoding_count(session->encoding),
                                rules->batch_tokens);
}

mica_status mica_text_add(mica_session *session, mica_sequence_label label, mica_error *err)
{
    mica_sequence sequence = {0};

    sequence.ids = mica_encoding_ids(session->encoding);
    sequence.count = mica_encoding_count(session->encoding);
    /* Families without token types do not look at them, whatever the tokenizer gives. */
    if (mica_model_configuration(session->model)->type_vocab_size > 0)
        sequence.type_ids = mica_encoding_type_ids(session->encoding);
    return mica_session_add(session, &sequence, label, err);
}

mica_status mica_text_not_finite(const mica_session *session, mica_sequence_label label,
                                 mica_error *err)
{
    mica_error text = {0};

    mica_fail(&text, MICA_STATUS_NOT_FINITE,
              "%s %zu: the scores are not finite: the computation overflows float32", label.kind,
              label.index);
    return mica_model_explain_not_finite(session->model, text.message, err);
}

/* Runs what is in the batch, whose first text is number `first`. */
static mica_status score_batch(mica_session *session, size_t first, mica_text_take take, void *user,
                               mica_error *err)
{
    size_t n = session->batch.sequences, labels = mica_model_label_count(session->model);
    const float *logits = NULL;
    mica_status status = MICA_OK;

    if (n > 0)
        status = mica_session_run_head_rows(session, NULL, 0, &logits, err);
    for (size_t s = 0; s < n && status == MICA_OK; s++) {
        if (mica_scores_finite(logits + s * labels, labels))
            take(user, first + s, logits + s * labels);
        else
            status = mica_text_not_finite(session, (mica_sequence_label){"text", first + s}, err);
    }
    mica_session_clear(session);
    return status;
}

static const mica_text *second_of(const mica_text_list *list, size_t i)
{
    const mica_text *second = list->seconds ? &list->seconds[i] : NULL;

    return second && second->data && (second->size > 0 || list->same_first) ? second : NULL;
}

mica_status mica_text_score(mica_session *session, const mica_text_rules *rules,
                            const mica_text_list *list, mica_text_note *notes, mica_text_take take,
                            void *user, mica_error *err)
{
    size_t first = 0;
    mica_status status = MICA_OK;

    mica_session_clear(session);
    for (size_t i = 0; i < list->n && status == MICA_OK; i++) {
        const mica_text *second = second_of(list, i);
        mica_sequence_label label = {"text", i};

        status = mica_text_encode(session, rules, list->firsts[list->same_first ? 0 : i], second,
                                  label, err);
        if (status == MICA_OK && mica_text_batch_is_full(session, rules)) {
            status = score_batch(session, first, take, user, err);
            first = i;
        }
        if (status == MICA_OK)
            status = mica_text_add(session, label, err);
        if (status == MICA_OK) {
            notes[i].tokens = mica_encoding_count(session->encoding);
            notes[i].truncated = mica_encoding_truncated(session->encoding);
        }
    }
    if (status == MICA_OK)
        status = score_batch(session, first, take, user, err);
    return status;
}
