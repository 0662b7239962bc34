/* SPDX-License-Identifier: MIT
 *
 * A session: the working memory of one thread on a model. Tasks put sequences into its batch, run a
 * program on them, and read the outputs. Memory grows to the largest batch and stays.
 */
#ifndef MICA_TASKS_SESSION_H
#define MICA_TASKS_SESSION_H

#include "mica/forward.h"
#include "mica/tokenizer.h"
#include "models/model.h"

#define MICA_DEFAULT_BATCH_TOKENS 4096
#define MICA_SESSION_EXECUTORS 8
/* Logits that tasks ask for at once, in numbers: 128 MiB. */
#define MICA_MOST_LOGITS ((size_t)1 << 25)

/* The sequences that are computed together, packed without padding. */
typedef struct mica_session_batch {
    int32_t *ids, *type_ids, *positions;
    uint8_t *mask;   /* 0 hides the token from the others */
    int32_t *starts; /* sequences + 1 */
    size_t tokens, sequences;
    size_t token_room, sequence_room;
    bool hides; /* some token is hidden */
} mica_session_batch;

typedef struct mica_session_executor {
    mica_program *program; /* borrowed from the model */
    mica_executor *executor;
} mica_session_executor;

struct mica_session {
    mica_model *model; /* borrowed */
    mica_session_batch batch;
    /* The most recently used one first. */
    mica_session_executor executors[MICA_SESSION_EXECUTORS];
    size_t n_executors;
    mica_encoding *encoding; /* reused for every text */
    char *text;              /* a prompt and a text, put together */
    size_t text_room;
    float *rows; /* rows on their way into the modules behind Pooling, or into the head */
    size_t row_room;
    int32_t *counts; /* 0, 1, 2 ... */
    size_t count_room;
    mica_profile_fn profile; /* NULL: runs are not measured */
    void *profile_user;
};

/* What a sequence is called in error texts: "text" or "sequence", and its number. */
typedef struct mica_sequence_label {
    const char *kind;
    size_t index;
} mica_sequence_label;

/* Empties the batch. */
void mica_session_clear(mica_session *session);
/* Adds a sequence, checking its length, ids and types; errors name the sequence, the position and
 * the value. */
mica_status mica_session_add(mica_session *session, const mica_sequence *sequence,
                             mica_sequence_label label, mica_error *err);
/* Whether the batch must be run before a sequence of `count` tokens is added. */
bool mica_session_is_full(const mica_session *session, size_t count, size_t batch_tokens);

/* Runs the program of a kind on the batch. *out is valid until the next run of the same kind. */
mica_status mica_session_run(mica_session *session, mica_program_kind kind, mica_pool_set set,
                             const mica_executor **out, mica_error *err);
/* Runs the model and its head on the batch: *logits has a row of mica_model_logit_count for each of
 * `count` tokens of the batch, `rows` (increasing or not); rows NULL = all tokens. For
 * SEQUENCE_CLASSIFICATION a row is a sequence, and rows is NULL. Valid until the next run. The
 * caller says which text is at fault where a logit is not finite. */
mica_status mica_session_run_head_rows(mica_session *session, const int32_t *rows, size_t count,
                                       const float **logits, mica_error *err);
/* Runs the head alone, on `count` rows [hidden] of x or, if rows is not NULL, on these rows of it.
 */
mica_status mica_session_run_head(mica_session *session, const float *x, const int32_t *rows,
                                  size_t count, const float **logits, mica_error *err);
/* Runs the modules behind Pooling on `sequences` rows; *out is their output. */
mica_status mica_session_run_steps(mica_session *session, const float *rows, size_t sequences,
                                   const float **out, mica_error *err);

/* Grows *data to `count` elements of `size` bytes, if need be. */
mica_status mica_session_grow(void **data, size_t *room, size_t count, size_t size,
                              mica_error *err);

#endif
