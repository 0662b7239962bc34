/* SPDX-License-Identifier: MIT
 *
 * What tasks on texts share: the limit of a text's length, encoding a text or a pair under it, and
 * packing it into the session's batch.
 */
#ifndef MICA_TASKS_TEXTS_H
#define MICA_TASKS_TEXTS_H

#include "base/error.h"
#include "tasks/session.h"

typedef struct mica_text_rules {
    const mica_tokenizer *tokenizer;
    mica_encode_options encode;
    bool no_truncate;
    size_t batch_tokens;
} mica_text_rules;

/* `max_length` and `limit` in tokens, 0 = none: the limit is what the model's files say, beside the
 * tokenizer's own and the model's positions; the length is the caller's, and may exceed all but the
 * positions. */
mica_status mica_text_rules_make(const mica_session *session, size_t max_length, size_t limit,
                                 mica_text_rules *out, mica_error *err);
/* Encodes into session->encoding. `second` may be NULL. Errors begin with the label. */
mica_status mica_text_encode(mica_session *session, const mica_text_rules *rules, mica_text text,
                             const mica_text *second, mica_sequence_label label, mica_error *err);
/* Whether the batch must be run before what is encoded is added. */
bool mica_text_batch_is_full(const mica_session *session, const mica_text_rules *rules);
mica_status mica_text_add(mica_session *session, mica_sequence_label label, mica_error *err);

/* n texts, or pairs, that a head is run on, each by itself. */
typedef struct mica_text_list {
    const mica_text *firsts; /* n, or one that stands in every pair */
    /* n, or NULL. Where one's data is NULL, the first text stands alone; also where it is empty
     * (transformers has it so), but not if the first one stands in every pair. */
    const mica_text *seconds;
    size_t n;
    bool same_first;
} mica_text_list;
/* What is noted of each text. */
typedef struct mica_text_note {
    size_t tokens;
    bool truncated;
} mica_text_note;
/* Takes the logits of text i, which are finite. */
typedef void (*mica_text_take)(void *user, size_t i, const float *logits);
/* Runs a sequence classifier on all texts in batches. `notes` has n entries. */
mica_status mica_text_score(mica_session *session, const mica_text_rules *rules,
                            const mica_text_list *list, mica_text_note *notes, mica_text_take take,
                            void *user, mica_error *err);

/* NOT_FINITE for the output of a sequence: "text 3: the scores are not finite ...". */
mica_status mica_text_not_finite(const mica_session *session, mica_sequence_label label,
                                 mica_error *err);

#endif
