/* SPDX-License-Identifier: MIT
 *
 * Long texts by overlapping windows: every window of every text is a sequence of its own, batches
 * hold windows of whatever texts, and a head gives logits for each of their tokens.
 */
#ifndef MICA_TASKS_WINDOWS_H
#define MICA_TASKS_WINDOWS_H

#include "tasks/texts.h"

/* A window while it is computed. `first` and `count` are for what `keep` remembers of it. */
typedef struct mica_window {
    size_t text, index, of; /* window `index` of the `of` that the text is computed in */
    size_t first, count;
    size_t row; /* of its first token among those of the batch */
    size_t tokens;
} mica_window;

/* What a task does with texts and windows. The windows of a text, and the texts, come in order. */
typedef struct mica_window_task {
    void *user;
    /* Encodes text i into session->encoding; *windows gets how many of its windows are wanted.
     * Errors begin with the text. */
    mica_status (*encode)(void *user, size_t i, size_t *windows, mica_error *err);
    /* session->encoding holds the window, which has just been put into the batch. What is
     * remembered of the windows before it is no longer needed if window->row is 0. */
    mica_status (*keep)(void *user, mica_window *window, mica_error *err);
    /* `logits` has a row for each token of the window; all are finite. */
    mica_status (*take)(void *user, const mica_window *window, const float *logits,
                        mica_error *err);
} mica_window_task;

/* Runs the model's head, one for tokens, on n texts. */
mica_status mica_windows_run(mica_session *session, const mica_text_rules *rules, size_t n,
                             const mica_window_task *task, mica_error *err);

#endif
