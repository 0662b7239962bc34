/* SPDX-License-Identifier: MIT
 *
 * From the logits of a window's tokens to answers, in the steps of question_answering.py of
 * transformers 4.57: probabilities of beginning and ending at each token, the most likely spans of
 * each window, answers of the same text put together, the best of them.
 */
#include "mica/answer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/utf8.h"
#include "tasks/scores.h"
#include "tasks/windows.h"
#include "tokenizer/internal.h"
#include "tokenizer/text.h"

#define MOST_ANSWERS ((size_t)1 << 24)

typedef struct question_entry {
    size_t first, found; /* among all answers of the call */
    size_t tokens, windows;
    bool truncated;
} question_entry;

/* A token that may be part of an answer, or stands for there being none (cls_token). */
typedef struct spot {
    size_t row; /* in its window */
    bool context;
    /* An answer that begins, or ends, with this token does so at */
    size_t begin_char, begin_byte, end_char, end_byte;
} spot;

/* An answer on its way, over all windows. */
typedef struct candidate {
    double score;
    mica_span chars, bytes;
    size_t order;
} candidate;

struct mica_extracts {
    question_entry *questions;
    mica_extract *list;
    mica_arena answers;
    size_t count, found;
    size_t question_room, list_room;
    /* Working memory. */
    spot *spots; /* of the windows of the batch */
    size_t spot_count, spot_room;
    float *starts, *ends; /* probabilities of a window's spots */
    float *spans;         /* scores of its spans [spots, longest answer] */
    size_t *order;
    candidate *candidates; /* of the question */
    size_t candidate_count;
    mica_map *texts; /* of the candidates, in lower case: their index */
    mica_buf key;
    double no_answer; /* the lowest score of any window */
    size_t start_room, end_room, span_room, order_room, candidate_room;
};

/* What a call does. */
typedef struct plan {
    mica_text_rules rules; /* of question and context together */
    mica_answer_options options;
    size_t stride, special;
    const mica_text *questions, *contexts;
    mica_session *session;
    mica_extracts *out;
} plan;

void mica_answer_options_defaults(mica_answer_options *options)
{
    memset(options, 0, sizeof *options);
    options->top_k = 1;
    options->max_answer_len = 15;
    options->doc_stride = -1;
}

/* ---- what to do ---- */

static mica_status make_plan(mica_session *session, const mica_answer_options *options, plan *p,
                             mica_error *err)
{
    mica_status status =
        mica_model_need_head(session->model, MICA_HEAD_QUESTION_ANSWERING, "answer", err);
    size_t *window = &p->rules.encode.max_length;

    memset(p, 0, sizeof *p);
    if (status == MICA_OK)
        status = mica_text_rules_make(session, options->max_seq_len, 0, &p->rules, err);
    if (status != MICA_OK)
        return status;
    if (options->max_seq_len == 0 && *window > 384)
        *window = 384;
    p->options = *options;
    p->session = session;
    p->rules.batch_tokens = options->batch_tokens;
    p->rules.encode.truncation = MICA_TRUNCATION_ONLY_SECOND;
    p->special = mica_tokenizer_special_count(p->rules.tokenizer, true);
    p->stride = *window / 2 < 128 ? *window / 2 : 128;
    if (options->doc_stride >= 0)
        p->stride = (size_t)options->doc_stride;
    if (options->top_k < 1 || options->top_k > MOST_ANSWERS || options->max_answer_len < 1)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "mica_answer: top_k %zu (of %zu at most), max_answer_len %zu: at least 1",
                         options->top_k, MOST_ANSWERS, options->max_answer_len);
    if (options->doc_stride < -1 || p->stride > *window)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "doc_stride %" PRId64 " is not in a window of max_seq_len %zu",
                         options->doc_stride, *window);
    return MICA_OK;
}

/* ---- windows ---- */

static mica_status check_text(mica_text text, const char *what, mica_error *err)
{
    size_t valid;

    if (!text.data || text.size == 0)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the %s is empty", what);
    valid = mica_utf8_valid_prefix(text.data, text.size);
    if (valid < text.size)
        return mica_fail(err, MICA_STATUS_INVALID_UTF8,
                         "the %s is not valid UTF-8 at byte %zu (0x%02X)", what, valid,
                         (unsigned char)text.data[valid]);
    return MICA_OK;
}

/* Cuts the question if it is too long; *tokens gets how many it has. */
static mica_status measure_question(const plan *p, mica_text *question, size_t *tokens,
                                    bool *truncated, mica_error *err)
{
    size_t most = p->options.max_question_len;
    mica_encoding **encoding = &p->session->encoding;
    mica_encode_options options;
    mica_status status;

    mica_tokenizer_encode_options(p->rules.tokenizer, &options);
    options.add_special_tokens = false;
    options.max_length = 0;
    status = mica_tokenizer_encode(p->rules.tokenizer, *question, NULL, &options, encoding, err);
    if (status != MICA_OK)
        return status;
    *tokens = mica_encoding_count(*encoding);
    *truncated = most > 0 && *tokens > most;
    if (*truncated) {
        question->size = mica_encoding_byte_spans(*encoding)[most - 1].end;
        *tokens = most;
    }
    return MICA_OK;
}

static mica_status encode_pair(const plan *p, size_t i, bool *truncated, mica_error *err)
{
    mica_encode_options options = p->rules.encode;
    mica_text question = p->questions[i];
    size_t tokens = 0, room;
    mica_status status = check_text(question, "question", err);

    if (status == MICA_OK)
        status = check_text(p->contexts[i], "context", err);
    if (status == MICA_OK)
        status = measure_question(p, &question, &tokens, truncated, err);
    if (status != MICA_OK)
        return status;
    if (tokens + p->special >= options.max_length)
        return mica_fail(err, MICA_STATUS_TOO_LONG,
                         "the question has %zu tokens; with %zu special ones that leaves no room "
                         "for the context in a window of %zu",
                         tokens, p->special, options.max_length);
    room = options.max_length - p->special - tokens;
    options.stride = p->options.doc_stride < 0 && p->stride >= room ? room / 2 : p->stride;
    return mica_tokenizer_encode(p->rules.tokenizer, question, &p->contexts[i], &options,
                                 &p->session->encoding, err);
}

static mica_status encode(void *user, size_t i, size_t *windows, mica_error *err)
{
    plan *p = user;
    question_entry *question = &p->out->questions[i];
    bool truncated = false;
    mica_status status = encode_pair(p, i, &truncated, err);

    if (status != MICA_OK) {
        if (status != MICA_STATUS_OUT_OF_MEMORY)
            mica_error_prefix(err, "text %zu: ", i);
        return status;
    }
    *windows = mica_encoding_window_count(p->session->encoding);
    *question = (question_entry){.windows = *windows, .truncated = truncated};
    return MICA_OK;
}

/* Words that reach over several of the spots begin with the first of these and end with the last.
 */
static void align_to_words(const mica_encoding *encoding, spot *spots, size_t count)
{
    const int32_t *words = mica_encoding_word_ids(encoding);

    for (size_t i = 1; i < count; i++) {
        if (!spots[i - 1].context || !spots[i].context ||
            words[spots[i].row] != words[spots[i - 1].row])
            continue;
        spots[i].begin_char = spots[i - 1].begin_char;
        spots[i].begin_byte = spots[i - 1].begin_byte;
    }
    for (size_t i = count; i-- > 1;) {
        if (!spots[i - 1].context || !spots[i].context ||
            words[spots[i].row] != words[spots[i - 1].row])
            continue;
        spots[i - 1].end_char = spots[i].end_char;
        spots[i - 1].end_byte = spots[i].end_byte;
    }
}

static mica_status keep(void *user, mica_window *window, mica_error *err)
{
    plan *p = user;
    mica_extracts *e = p->out;
    const mica_encoding *encoding = p->session->encoding;
    const int32_t *ids = mica_encoding_ids(encoding);
    int64_t cls = mica_tokenizer_cls_id(p->rules.tokenizer);
    mica_status status;

    if (window->row == 0)
        e->spot_count = 0;
    status = mica_session_grow((void **)&e->spots, &e->spot_room, e->spot_count + window->tokens,
                               sizeof *e->spots, err);
    if (status != MICA_OK)
        return status;
    window->first = e->spot_count;
    for (size_t i = 0; i < window->tokens; i++) {
        mica_span chars = mica_encoding_char_spans(encoding)[i];
        mica_span bytes = mica_encoding_byte_spans(encoding)[i];
        bool context = mica_encoding_sequence_ids(encoding)[i] == 1;

        if (context || ids[i] == cls)
            e->spots[e->spot_count++] =
                (spot){i, context, chars.begin, bytes.begin, chars.end, bytes.end};
    }
    window->count = e->spot_count - window->first;
    if (!p->options.no_align_to_words)
        align_to_words(encoding, e->spots + window->first, window->count);
    e->questions[window->text].tokens += window->tokens;
    return MICA_OK;
}

/* ---- the spans of a window ---- */

/* Probabilities among the spots: the logits of column `column`. */
static void probabilities(const spot *spots, size_t count, const float *logits, size_t column,
                          float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = logits[spots[i].row * 2 + column];
    mica_scores_softmax(out, count, out);
}

/* Scores of all spans of the context by spot and length; those that are none get -1. */
static void score_spans(const mica_extracts *e, const spot *spots, size_t count, size_t longest)
{
    for (size_t s = 0; s < count; s++)
        for (size_t k = 0; k < longest; k++) {
            bool is_span =
                spots[s].row > 0 && spots[s].context && s + k < count && spots[s + k].context;

            e->spans[s * longest + k] = is_span ? e->starts[s] * e->ends[s + k] : -1;
        }
}

static mica_status reserve_window(mica_extracts *e, size_t count, size_t longest, size_t kept,
                                  mica_error *err)
{
    size_t spans = 0;
    mica_status status;

    if (!mica_mul_size(count, longest, &spans))
        return mica_fail_memory(err, SIZE_MAX, "answers");
    status = mica_session_grow((void **)&e->starts, &e->start_room, count, sizeof *e->starts, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&e->ends, &e->end_room, count, sizeof *e->ends, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&e->spans, &e->span_room, spans, sizeof *e->spans, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&e->order, &e->order_room, kept, sizeof *e->order, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&e->candidates, &e->candidate_room,
                                   e->candidate_count + kept + 1, sizeof *e->candidates, err);
    return status;
}

/* ---- answers of the same text ---- */

/* The text in lower case, as Python's str.lower has it (of what makes a sigma final, only that a
 * letter stands before and none behind it). */
static bool make_key(const mica_tokenizer *tokenizer, const char *text, size_t size, mica_buf *out)
{
    const mica_unicode *unicode = &tokenizer->unicode;
    bool after_letter = false;

    mica_buf_clear(out);
    for (size_t i = 0; i < size;) {
        uint32_t c = 0, next = 0, lower[2];
        unsigned flags;

        i += mica_tok_char(text + i, &c);
        flags = mica_unicode_flags(unicode, c);
        if (i < size)
            mica_tok_char(text + i, &next);
        if (c == 0x3A3 && after_letter && !(mica_unicode_flags(unicode, next) & MICA_CHAR_LETTER)) {
            mica_buf_codepoint(out, 0x3C2);
        } else if (flags & MICA_CHAR_LOWER) {
            size_t n = mica_unicode_to_lower(c, lower);
            for (size_t k = 0; k < n; k++)
                mica_buf_codepoint(out, lower[k]);
        } else {
            mica_buf_codepoint(out, c);
        }
        after_letter = flags & MICA_CHAR_LETTER;
    }
    return !out->failed;
}

/* A span of the context: one more answer, or more score for one that is there. */
static mica_status add_span(const plan *p, mica_text context, const spot *begin, const spot *end,
                            float score, mica_error *err)
{
    mica_extracts *e = p->out;
    candidate c = {score,
                   {begin->begin_char, end->end_char},
                   {begin->begin_byte, end->end_byte},
                   e->candidate_count};
    size_t size = c.bytes.end > c.bytes.begin ? c.bytes.end - c.bytes.begin : 0;

    if (!make_key(p->rules.tokenizer, context.data + c.bytes.begin, size, &e->key))
        return mica_fail_memory(err, size, "an answer");
    switch (mica_map_add(e->texts, mica_buf_cstr(&e->key), e->key.size, e->candidate_count)) {
    case MICA_MAP_NO_MEMORY:
        return mica_fail_memory(err, size, "answers");
    case MICA_MAP_ADDED:
        e->candidates[e->candidate_count++] = c;
        break;
    case MICA_MAP_EXISTS:
        e->candidates[mica_map_find(e->texts, mica_buf_cstr(&e->key), e->key.size)->value].score +=
            score;
        break;
    }
    return MICA_OK;
}

static mica_status take_spans(const plan *p, const mica_window *w, const float *logits,
                              mica_error *err)
{
    mica_extracts *e = p->out;
    const spot *spots = e->spots + w->first;
    size_t longest = p->options.max_answer_len < w->count ? p->options.max_answer_len : w->count;
    /* Several may become one answer. */
    size_t kept = p->options.no_align_to_words ? p->options.top_k : 2 * p->options.top_k + 10;
    mica_status status;

    if (w->count == 0) { /* each token is as likely as any other */
        double chance = 1.0 / ((double)w->tokens * (double)w->tokens);

        e->no_answer = chance < e->no_answer ? chance : e->no_answer;
        return MICA_OK;
    }
    kept = kept / longest < w->count ? kept : w->count * longest;
    status = reserve_window(e, w->count, longest, kept, err);
    if (status != MICA_OK)
        return status;
    probabilities(spots, w->count, logits, 0, e->starts);
    probabilities(spots, w->count, logits, 1, e->ends);
    if (spots[0].row > 0) /* the first token is no spot: it is not likely at all */
        e->no_answer = 0;
    else if ((double)e->starts[0] * e->ends[0] < e->no_answer)
        e->no_answer = (double)e->starts[0] * e->ends[0];
    score_spans(e, spots, w->count, longest);
    mica_scores_top(e->spans, w->count * longest, kept, e->order);
    for (size_t k = 0; k < kept && status == MICA_OK; k++) {
        const spot *begin = &spots[e->order[k] / longest];

        if (e->spans[e->order[k]] < 0)
            break;
        status = add_span(p, p->contexts[w->text], begin, begin + e->order[k] % longest,
                          e->spans[e->order[k]], err);
    }
    return status;
}

/* ---- the best answers ---- */

static int by_score(const void *a, const void *b)
{
    const candidate *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static mica_status finish_question(const plan *p, size_t i, mica_error *err)
{
    mica_extracts *e = p->out;
    question_entry *question = &e->questions[i];
    size_t n = e->candidate_count;
    mica_status status = MICA_OK;

    if (p->options.handle_impossible_answer)
        e->candidates[n++] = (candidate){e->no_answer, {0, 0}, {0, 0}, e->candidate_count};
    if (n > 0)
        qsort(e->candidates, n, sizeof *e->candidates, by_score);
    n = n < p->options.top_k ? n : p->options.top_k;
    status =
        mica_session_grow((void **)&e->list, &e->list_room, e->found + n + 1, sizeof *e->list, err);
    question->first = e->found;
    for (size_t k = 0; k < n && status == MICA_OK; k++) {
        const candidate *c = &e->candidates[k];
        size_t size = c->bytes.end > c->bytes.begin ? c->bytes.end - c->bytes.begin : 0;
        mica_extract extract = {(float)c->score, {NULL, size}, c->chars, c->bytes};

        extract.answer.data =
            mica_arena_text(&e->answers, p->contexts[i].data + c->bytes.begin, size);
        if (!extract.answer.data)
            status = mica_fail_memory(err, size + 1, "an answer");
        else
            e->list[e->found++] = extract;
    }
    question->found = e->found - question->first;
    return status;
}

static mica_status take(void *user, const mica_window *w, const float *logits, mica_error *err)
{
    const plan *p = user;
    mica_extracts *e = p->out;
    mica_status status;

    if (w->index == 0) {
        mica_map_destroy(&e->texts);
        e->texts = mica_map_create();
        if (!e->texts)
            return mica_fail_memory(err, 0, "answers");
        e->candidate_count = 0;
        e->no_answer = 1;
    }
    status = mica_session_grow((void **)&e->candidates, &e->candidate_room, e->candidate_count + 1,
                               sizeof *e->candidates, err);
    if (status == MICA_OK)
        status = take_spans(p, w, logits, err);
    if (status == MICA_OK && w->index + 1 == w->of)
        status = finish_question(p, w->text, err);
    return status;
}

/* ---- the task ---- */

mica_status mica_answer(mica_session *session, const mica_text *questions,
                        const mica_text *contexts, size_t n, const mica_answer_options *options,
                        mica_extracts **out, mica_error *err)
{
    mica_answer_options defaults;
    mica_extracts *e = *out;
    plan p;
    const mica_window_task task = {&p, encode, keep, take};
    mica_status status;

    if (e)
        e->count = 0;
    if (!session || ((!questions || !contexts) && n > 0))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "mica_answer: no session, questions or contexts");
    if (!options) {
        mica_answer_options_defaults(&defaults);
        options = &defaults;
    }
    status = make_plan(session, options, &p, err);
    if (status != MICA_OK)
        return status;
    if (!e) {
        e = mica_calloc(1, sizeof *e);
        if (!e)
            return mica_fail_memory(err, sizeof *e, "answers");
        mica_buf_init(&e->key, SIZE_MAX / 2);
    }
    p.questions = questions;
    p.contexts = contexts;
    p.out = e;
    e->found = 0;
    mica_arena_free(&e->answers);
    status =
        mica_session_grow((void **)&e->questions, &e->question_room, n, sizeof *e->questions, err);
    if (status == MICA_OK)
        status = mica_windows_run(session, &p.rules, n, &task, err);
    if (status != MICA_OK) {
        if (!*out)
            mica_extracts_destroy(&e);
        return status;
    }
    e->count = n;
    *out = e;
    return MICA_OK;
}

void mica_extracts_destroy(mica_extracts **extracts)
{
    mica_extracts *e = *extracts;

    if (!e)
        return;
    mica_free(e->questions);
    mica_free(e->list);
    mica_arena_free(&e->answers);
    mica_free(e->spots);
    mica_free(e->starts);
    mica_free(e->ends);
    mica_free(e->spans);
    mica_free(e->order);
    mica_free(e->candidates);
    mica_map_destroy(&e->texts);
    mica_buf_free(&e->key);
    mica_free(e);
    *extracts = NULL;
}

size_t mica_extracts_count(const mica_extracts *extracts)
{
    return extracts->count;
}

const mica_extract *mica_extracts_get(const mica_extracts *extracts, size_t i, size_t *count)
{
    bool there = i < extracts->count;

    if (count)
        *count = there ? extracts->questions[i].found : 0;
    return there ? extracts->list + extracts->questions[i].first : NULL;
}

size_t mica_extracts_tokens(const mica_extracts *extracts, size_t i)
{
    return i < extracts->count ? extracts->questions[i].tokens : 0;
}

size_t mica_extracts_windows(const mica_extracts *extracts, size_t i)
{
    return i < extracts->count ? extracts->questions[i].windows : 0;
}

bool mica_extracts_truncated(const mica_extracts *extracts, size_t i)
{
    return i < extracts->count && extracts->questions[i].truncated;
}
