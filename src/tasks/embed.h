/* SPDX-License-Identifier: MIT
 *
 * The steps of mica_embed, for the tasks that share them.
 */
#ifndef MICA_TASKS_EMBED_H
#define MICA_TASKS_EMBED_H

#include "mica/embed.h"
#include "tasks/session.h"

/* What a call does, after options and model have been asked. */
typedef struct mica_embed_plan {
    mica_pooling pooling;
    mica_pool_set set;
    bool normalize;
    size_t full_dimension; /* behind the modules */
    size_t dimension;      /* of the result: the first numbers of these */
    const char *prompt;    /* put in front of each text; "" = none. Borrowed */
    size_t prompt_tokens;  /* at the start of each text, which pooling leaves out */
    size_t max_length, batch_tokens;
    bool no_truncate;
    bool masked; /* pooling honours the batch's mask and prompt_tokens */
} mica_embed_plan;

/* `options` NULL = defaults. */
mica_status mica_embed_plan_make(mica_session *session, const mica_embed_options *options,
                                 mica_embed_plan *plan, mica_error *err);
/* Runs the session's batch and empties it: a row of `dimension` numbers for each sequence, the
 * first of which is called `first` in error texts. */
mica_status mica_embed_batch(mica_session *session, const mica_embed_plan *plan,
                             mica_sequence_label first, float *out, mica_error *err);

#endif
