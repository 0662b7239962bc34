/* SPDX-License-Identifier: MIT */
#include "tasks/windows.h"

#include "base/alloc.h"
#include "tasks/scores.h"

/* The windows in the batch. */
typedef struct pending {
    mica_window *list;
    size_t count, room;
} pending;

static mica_status run_batch(mica_session *session, const mica_window_task *task, pending *p,
                             mica_error *err)
{
    size_t columns = mica_model_logit_count(session->model);
    const float *logits = NULL;
    mica_status status = MICA_OK;

    if (p->count > 0)
        status = mica_session_run_head_rows(session, NULL, 0, &logits, err);
    for (size_t i = 0; i < p->count && status == MICA_OK; i++) {
        const mica_window *w = &p->list[i];
        const float *rows = logits + w->row * columns;

        if (mica_scores_finite(rows, w->tokens * columns))
            status = task->take(task->user, w, rows, err);
        else
            status = mica_text_not_finite(session, (mica_sequence_label){"text", w->text}, err);
    }
    p->count = 0;
    mica_session_clear(session);
    return status;
}

/* Puts what session->encoding holds into the batch, which is run before if it is full. */
static mica_status add_window(mica_session *session, const mica_text_rules *rules,
                              const mica_window_task *task, mica_window window, pending *p,
                              mica_error *err)
{
    mica_status status = MICA_OK;

    if (mica_text_batch_is_full(session, rules))
        status = run_batch(session, task, p, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&p->list, &p->room, p->count + 1, sizeof *p->list, err);
    window.row = session->batch.tokens;
    window.tokens = mica_encoding_count(session->encoding);
    if (status == MICA_OK)
        status = mica_text_add(session, (mica_sequence_label){"text", window.text}, err);
    if (status == MICA_OK)
        status = task->keep(task->user, &window, err);
    if (status == MICA_OK)
        p->list[p->count++] = window;
    return status;
}

mica_status mica_windows_run(mica_session *session, const mica_text_rules *rules, size_t n,
                             const mica_window_task *task, mica_error *err)
{
    size_t most = MICA_MOST_LOGITS / mica_model_logit_count(session->model);
    mica_text_rules own = *rules;
    pending p = {NULL, 0, 0};
    mica_status status = MICA_OK;

    if (own.batch_tokens == 0)
        own.batch_tokens = MICA_DEFAULT_BATCH_TOKENS;
    if (own.batch_tokens > most)
        own.batch_tokens = most;
    mica_session_clear(session);
    for (size_t i = 0; i < n && status == MICA_OK; i++) {
        mica_window window = {.text = i};

        status = task->encode(task->user, i, &window.of, err);
        for (; window.index < window.of && status == MICA_OK; window.index++) {
            if (window.index > 0)
                status = mica_encoding_window(session->encoding, window.index, err);
            if (status == MICA_OK)
                status = add_window(session, &own, task, window, &p, err);
        }
    }
    if (status == MICA_OK)
        status = run_batch(session, task, &p, err);
    mica_session_clear(session);
    mica_free(p.list);
    return status;
}
