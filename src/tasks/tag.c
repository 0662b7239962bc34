/* SPDX-License-Identifier: MIT
 *
 * From the logits of a window's tokens to entities, in the steps of transformers'
 * pipelines/token_classification.py: tokens become units (tokens themselves, or words),
 * neighbouring units of the same kind a group, and the groups of all windows of a text its
 * entities.
 */
#include "mica/tag.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "tasks/scores.h"
#include "tasks/windows.h"
#include "tokenizer/internal.h"

typedef struct text_entry {
    size_t first, found; /* among all entities of the call */
    size_t tokens, windows;
    bool truncated;
} text_entry;

/* A token that is none of the template's. */
typedef struct token {
    int32_t id;
    bool subword; /* goes on with the word of the token before it */
    size_t row;   /* in its window */
    mica_span chars, bytes;
} token;

typedef struct unit {
    size_t label;
    float score;
    size_t first, count; /* tokens of the window */
} unit;

struct mica_entities {
    text_entry *texts;
    mica_entity *list;
    mica_arena words;
    size_t count, found;
    size_t text_room, list_room;
    /* Working memory. */
    token *tokens; /* of the windows of the batch */
    size_t token_count, token_room;
    float *scores; /* of a window [tokens, labels] */
    float *mean;   /* of a word, for all labels */
    unit *units;
    mica_text *strings;
    size_t *ends; /* of words in `joined` */
    mica_buf joined, word;
    size_t score_room, mean_room, unit_room, string_room, end_room;
};

/* What a call does. */
typedef struct plan {
    mica_text_rules rules;
    mica_aggregation aggregation;
    const char *const *ignored;
    size_t n_ignored, labels, stride;
    bool truncate;
    const mica_text *texts;
    mica_session *session;
    mica_entities *out;
} plan;

void mica_tag_options_defaults(mica_tag_options *options)
{
    memset(options, 0, sizeof *options);
    options->stride = -1;
}

/* ---- what to do ---- */

static mica_status choose_stride(const mica_tag_options *options, plan *p, mica_error *err)
{
    size_t special = mica_tokenizer_special_count(p->rules.tokenizer, false);
    size_t window = p->rules.encode.max_length;
    size_t room = window > special ? window - special : 0;

    if (options->stride < -1)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "mica_tag: stride %" PRId64,
                         options->stride);
    p->truncate = options->truncate;
    p->stride = window / 4 < 128 ? window / 4 : 128;
    if (options->stride >= 0)
        p->stride = (size_t)options->stride;
    if (options->stride >= 0 && p->stride >= room)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "stride %zu is too large: a window holds %zu tokens of the text",
                         p->stride, room);
    if (p->stride >= room)
        p->stride = 0;
    p->rules.encode.stride = p->truncate ? 0 : p->stride;
    /* Where tokens are picked from windows, these stand in the order of the text. */
    if (p->aggregation == MICA_AGGREGATION_NONE && !p->truncate)
        p->rules.encode.truncate_left = false;
    return MICA_OK;
}

static mica_status make_plan(mica_session *session, const mica_tag_options *options, plan *p,
                             mica_error *err)
{
    static const char *const outside[] = {"O"};
    mica_status status =
        mica_model_need_head(session->model, MICA_HEAD_TOKEN_CLASSIFICATION, "tag", err);

    memset(p, 0, sizeof *p);
    if (status == MICA_OK)
        status = mica_text_rules_make(session, options->max_length, 0, &p->rules, err);
    if (status != MICA_OK)
        return status;
    p->rules.no_truncate = options->no_truncate;
    p->rules.batch_tokens = options->batch_tokens;
    p->session = session;
    p->labels = mica_model_label_count(session->model);
    p->ignored = options->ignore_labels ? options->ignore_labels : outside;
    p->n_ignored = options->ignore_labels ? options->n_ignore_labels : 1;
    p->aggregation = options->aggregation;
    if (p->aggregation < MICA_AGGREGATION_NONE || p->aggregation > MICA_AGGREGATION_MAX)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "mica_tag: no aggregation %d",
                         (int)p->aggregation);
    return choose_stride(options, p, err);
}

/* ---- windows ---- */

static mica_status encode(void *user, size_t i, size_t *windows, mica_error *err)
{
    plan *p = user;
    text_entry *text = &p->out->texts[i];
    mica_encoding *e;
    mica_status status = mica_text_encode(p->session, &p->rules, p->texts[i], NULL,
                                          (mica_sequence_label){"text", i}, err);

    if (status != MICA_OK)
        return status;
    e = p->session->encoding;
    *windows = p->truncate ? 1 : mica_encoding_window_count(e);
    *text = (text_entry){.windows = *windows};
    text->truncated = p->truncate && mica_encoding_truncated(e);
    return MICA_OK;
}

/* Whether a token goes on with the word before it. Tokenizers that mark it show it by a token that
 * is longer than what it stands for; for all others a word is what stands between spaces. */
static bool is_subword(const mica_tokenizer *tokenizer, const token *t, mica_text text)
{
    const char *string;
    size_t size = 0, chars = 0;

    if (t->id == mica_tokenizer_unknown_id(tokenizer))
        return false;
    if (!tokenizer->model.marks_subwords)
        return t->chars.begin > 0 && text.data[t->bytes.begin - 1] != ' ' &&
               (t->bytes.begin == text.size || text.data[t->bytes.begin] != ' ');
    string = mica_tokenizer_token(tokenizer, t->id, &size);
    for (size_t i = 0; i < size; i++)
        chars += ((unsigned char)string[i] & 0xC0) != 0x80;
    return chars != t->chars.end - t->chars.begin;
}

static mica_status keep(void *user, mica_window *window, mica_error *err)
{
    plan *p = user;
    mica_entities *e = p->out;
    const mica_encoding *encoding = p->session->encoding;
    mica_status status;

    if (window->row == 0)
        e->token_count = 0;
    status = mica_session_grow((void **)&e->tokens, &e->token_room, e->token_count + window->tokens,
                               sizeof *e->tokens, err);
    if (status != MICA_OK)
        return status;
    window->first = e->token_count;
    for (size_t i = 0; i < window->tokens; i++) {
        token t = {.id = mica_encoding_ids(encoding)[i], .row = i};

        if (mica_encoding_special_mask(encoding)[i])
            continue;
        t.chars = mica_encoding_char_spans(encoding)[i];
        t.bytes = mica_encoding_byte_spans(encoding)[i];
        t.subword = is_subword(p->rules.tokenizer, &t, p->texts[window->text]);
        e->tokens[e->token_count++] = t;
    }
    window->count = e->token_count - window->first;
    e->texts[window->text].tokens += window->tokens;
    return MICA_OK;
}

/* ---- units ---- */

static size_t best_of(const float *scores, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

/* The label of a word, or of a token by itself. */
static void choose_label(const plan *p, const token *tokens, unit *u)
{
    mica_entities *e = p->out;
    const float *scores = e->scores + tokens[u->first].row * p->labels;

    if (u->count > 1 && p->aggregation == MICA_AGGREGATION_MAX) {
        for (size_t k = 1; k < u->count; k++) {
            const float *other = e->scores + tokens[u->first + k].row * p->labels;

            if (other[best_of(other, p->labels)] > scores[best_of(scores, p->labels)])
                scores = other;
        }
    } else if (u->count > 1 && p->aggregation == MICA_AGGREGATION_AVERAGE) {
        for (size_t label = 0; label < p->labels; label++) {
            double sum = 0;

            for (size_t k = 0; k < u->count; k++)
                sum += e->scores[tokens[u->first + k].row * p->labels + label];
            e->mean[label] = (float)(sum / (double)u->count);
        }
        scores = e->mean;
    }
    u->label = best_of(scores, p->labels);
    u->score = scores[u->label];
}

/* Cuts the window's tokens into units; returns how many. */
static size_t make_units(const plan *p, const token *tokens, size_t count)
{
    bool words = p->aggregation > MICA_AGGREGATION_SIMPLE;
    unit *units = p->out->units;
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (n > 0 && words && tokens[i].subword)
            units[n - 1].count++;
        else
            units[n++] = (unit){.first = i, .count = 1};
    }
    for (size_t k = 0; k < n; k++)
        choose_label(p, tokens, &units[k]);
    return n;
}

/* ---- words ---- */

/* The token as the vocabulary has it; where it is unknown, what stands in the text. */
static mica_text token_string(const plan *p, const token *t, mica_text text)
{
    mica_text string = {NULL, 0};

    if (t->id == mica_tokenizer_unknown_id(p->rules.tokenizer))
        return (mica_text){text.data + t->bytes.begin, t->bytes.end - t->bytes.begin};
    string.data = mica_tokenizer_token(p->rules.tokenizer, t->id, &string.size);
    return string.data ? string : (mica_text){"", 0}; /* a hole in the vocabulary */
}

static mica_status reserve_strings(mica_entities *e, size_t units, size_t tokens, mica_error *err)
{
    mica_status status =
        mica_session_grow((void **)&e->strings, &e->string_room, units > tokens ? units : tokens,
                          sizeof *e->strings, err);

    return status == MICA_OK
               ? mica_session_grow((void **)&e->ends, &e->end_room, units, sizeof *e->ends, err)
               : status;
}

/* The words of a group, each decoded by itself, into e->strings. */
static mica_status join_words(const plan *p, const token *tokens, const unit *units, size_t n,
                              mica_text text, mica_error *err)
{
    mica_entities *e = p->out;
    mica_status status = MICA_OK;

    mica_buf_clear(&e->joined);
    for (size_t u = 0; u < n && status == MICA_OK; u++) {
        for (size_t k = 0; k < units[u].count; k++)
            e->strings[k] = token_string(p, &tokens[units[u].first + k], text);
        status = mica_tok_join(p->rules.tokenizer, e->strings, units[u].count, &e->joined, err);
        e->ends[u] = e->joined.size;
    }
    for (size_t u = 0; u < n && status == MICA_OK; u++) {
        size_t begin = u > 0 ? e->ends[u - 1] : 0;

        e->strings[u] = (mica_text){mica_buf_cstr(&e->joined) + begin, e->ends[u] - begin};
    }
    return status;
}

/* The text of a group: its tokens decoded together, or its words once more (as the pipeline does,
 * whether or not the decoder expects it). */
static mica_status join_group(const plan *p, const token *tokens, const unit *units, size_t n,
                              mica_text text, mica_text *out, mica_error *err)
{
    mica_entities *e = p->out;
    size_t first = units[0].first, count = units[n - 1].first + units[n - 1].count - first;
    mica_status status = reserve_strings(e, n, count, err);

    mica_buf_clear(&e->word);
    if (status == MICA_OK && p->aggregation > MICA_AGGREGATION_SIMPLE)
        status = join_words(p, tokens, units, n, text, err);
    for (size_t i = 0; status == MICA_OK && p->aggregation <= MICA_AGGREGATION_SIMPLE && i < n; i++)
        e->strings[i] = token_string(p, &tokens[first + i], text);
    if (status == MICA_OK && p->aggregation != MICA_AGGREGATION_NONE) {
        status = mica_tok_join(p->rules.tokenizer, e->strings, n, &e->word, err);
        e->strings[0] = (mica_text){mica_buf_cstr(&e->word), e->word.size};
    }
    if (status != MICA_OK)
        return status;
    out->size = e->strings[0].size;
    out->data = mica_arena_text(&e->words, e->strings[0].data, out->size);
    return out->data ? MICA_OK : mica_fail_memory(err, out->size + 1, "a word");
}

/* ---- groups ---- */

/* What a label says apart from "B-" and "I-"; *begins is whether it is "B-". */
static const char *tag_of(const plan *p, size_t label, bool *begins)
{
    const char *name = mica_model_label(p->session->model, label);

    *begins = strncmp(name, "B-", 2) == 0;
    return *begins || strncmp(name, "I-", 2) == 0 ? name + 2 : name;
}

static bool belong_together(const plan *p, const unit *before, const unit *u)
{
    bool begins, begun;
    const char *tag = tag_of(p, u->label, &begins);

    return p->aggregation != MICA_AGGREGATION_NONE && !begins &&
           strcmp(tag, tag_of(p, before->label, &begun)) == 0;
}

static bool is_ignored(const plan *p, const char *label)
{
    for (size_t i = 0; i < p->n_ignored; i++)
        if (strcmp(p->ignored[i], label) == 0)
            return true;
    return false;
}

/* Appends the entity of a group of units, unless its label is ignored. */
static mica_status put_group(const plan *p, const mica_window *w, const token *tokens,
                             const unit *units, size_t n, mica_error *err)
{
    mica_entities *e = p->out;
    const token *first = &tokens[units[0].first];
    const token *last = &tokens[units[n - 1].first + units[n - 1].count - 1];
    const char *dash;
    mica_entity entity = {0};
    double sum = 0;
    mica_status status;

    entity.label = mica_model_label(p->session->model, units[0].label);
    dash = p->aggregation != MICA_AGGREGATION_NONE ? strchr(entity.label, '-') : NULL;
    entity.label = dash ? dash + 1 : entity.label;
    if (is_ignored(p, entity.label))
        return MICA_OK;
    for (size_t u = 0; u < n; u++)
        sum += units[u].score;
    entity.score = (float)(sum / (double)n);
    entity.chars = (mica_span){first->chars.begin, last->chars.end};
    entity.bytes = (mica_span){first->bytes.begin, last->bytes.end};
    if (p->aggregation == MICA_AGGREGATION_NONE) {
        size_t special = mica_tokenizer_special_count(p->rules.tokenizer, false);

        entity.index = first->row + w->index * (p->rules.encode.max_length - special - p->stride);
    }
    status = join_group(p, tokens, units, n, p->texts[w->text], &entity.word, err);
    /* One more for merge_windows. */
    if (status == MICA_OK)
        status =
            mica_session_grow((void **)&e->list, &e->list_room, e->found + 2, sizeof *e->list, err);
    if (status == MICA_OK)
        e->list[e->found++] = entity;
    return status;
}

/* ---- windows of a text, put together ---- */

/* Tokens by themselves are taken from the window where they have more text around them. */
static void pick_tokens(const plan *p, const mica_window *w, size_t *first, size_t *count)
{
    size_t before = w->index > 0 ? (p->stride + 1) / 2 : 0;
    size_t after = w->index + 1 < w->of ? p->stride / 2 : 0;

    if (p->aggregation != MICA_AGGREGATION_NONE || *count < before + after)
        return;
    *first += before;
    *count -= before + after;
}

static int by_place(const void *a, const void *b)
{
    const mica_entity *x = a, *y = b;

    if (x->chars.begin != y->chars.begin)
        return x->chars.begin < y->chars.begin ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* Of two entities the longer one stays, of equally long ones the more likely. */
static bool is_better(const mica_entity *x, const mica_entity *than)
{
    size_t length = x->chars.end - x->chars.begin, other = than->chars.end - than->chars.begin;

    return length > other || (length == other && x->score > than->score);
}

/* Of entities of several windows that overlap, one stays (the pipeline's
 * aggregate_overlapping_entities: its first entity is compared with itself too). */
static void merge_windows(mica_entities *e, size_t first)
{
    mica_entity *list = e->list + first, previous;
    size_t n = e->found - first, kept = 0;

    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        list[i].index = i;
    qsort(list, n, sizeof *list, by_place);
    previous = list[0];
    for (size_t i = 0; i < n; i++) {
        mica_entity entity = list[i];

        if (previous.chars.begin <= entity.chars.begin && entity.chars.begin < previous.chars.end) {
            if (is_better(&entity, &previous))
                previous = entity;
        } else {
            list[kept++] = previous;
            previous = entity;
        }
    }
    list[kept++] = previous;
    for (size_t i = 0; i < kept; i++)
        list[i].index = 0;
    e->found = first + kept;
}

static mica_status take(void *user, const mica_window *w, const float *logits, mica_error *err)
{
    const plan *p = user;
    mica_entities *e = p->out;
    text_entry *text = &e->texts[w->text];
    const token *tokens = e->tokens + w->first;
    size_t first = 0, count = w->count, n, begin = 0;
    mica_status status = mica_session_grow((void **)&e->scores, &e->score_room,
                                           w->tokens * p->labels, sizeof *e->scores, err);

    if (status == MICA_OK)
        status = mica_session_grow((void **)&e->units, &e->unit_room, count, sizeof *e->units, err);
    if (status != MICA_OK)
        return status;
    if (w->index == 0)
        text->first = e->found;
    for (size_t i = 0; i < w->tokens; i++)
        mica_scores_softmax(logits + i * p->labels, p->labels, e->scores + i * p->labels);
    pick_tokens(p, w, &first, &count);
    tokens += first;
    n = make_units(p, tokens, count);
    for (size_t u = 1; u <= n && status == MICA_OK; u++) {
        if (u < n && belong_together(p, &e->units[u - 1], &e->units[u]))
            continue;
        status = put_group(p, w, tokens, e->units + begin, u - begin, err);
        begin = u;
    }
    if (status == MICA_OK && w->index + 1 == w->of) {
        if (w->of > 1 && p->aggregation != MICA_AGGREGATION_NONE)
            merge_windows(e, text->first);
        text->found = e->found - text->first;
    }
    return status;
}

/* ---- the task ---- */

static mica_status tag_texts(mica_session *session, plan *p, const mica_text *texts, size_t n,
                             mica_entities *e, mica_error *err)
{
    const mica_window_task task = {p, encode, keep, take};
    mica_status status =
        mica_session_grow((void **)&e->texts, &e->text_room, n, sizeof *e->texts, err);

    e->found = 0;
    mica_arena_free(&e->words);
    p->texts = texts;
    p->out = e;
    if (status == MICA_OK)
        status =
            mica_session_grow((void **)&e->mean, &e->mean_room, p->labels, sizeof *e->mean, err);
    if (status == MICA_OK)
        status = mica_windows_run(session, &p->rules, n, &task, err);
    return status;
}

mica_status mica_tag(mica_session *session, const mica_text *texts, size_t n,
                     const mica_tag_options *options, mica_entities **out, mica_error *err)
{
    mica_tag_options defaults;
    mica_entities *e = *out;
    plan p;
    mica_status status;

    if (e)
        e->count = 0;
    if (!session || (!texts && n > 0))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "mica_tag: no session or texts");
    if (!options) {
        mica_tag_options_defaults(&defaults);
        options = &defaults;
    }
    status = make_plan(session, options, &p, err);
    if (status != MICA_OK)
        return status;
    if (!e) {
        e = mica_calloc(1, sizeof *e);
        if (!e)
            return mica_fail_memory(err, sizeof *e, "entities");
        mica_buf_init(&e->joined, SIZE_MAX / 2);
        mica_buf_init(&e->word, SIZE_MAX / 2);
    }
    status = tag_texts(session, &p, texts, n, e, err);
    if (status != MICA_OK) {
        if (!*out)
            mica_entities_destroy(&e);
        return status;
    }
    e->count = n;
    *out = e;
    return MICA_OK;
}

void mica_entities_destroy(mica_entities **entities)
{
    mica_entities *e = *entities;

    if (!e)
        return;
    mica_free(e->texts);
    mica_free(e->list);
    mica_arena_free(&e->words);
    mica_free(e->tokens);
    mica_free(e->scores);
    mica_free(e->mean);
    mica_free(e->units);
    mica_free(e->strings);
    mica_free(e->ends);
    mica_buf_free(&e->joined);
    mica_buf_free(&e->word);
    mica_free(e);
    *entities = NULL;
}

size_t mica_entities_count(const mica_entities *entities)
{
    return entities->count;
}

size_t mica_entities_found(const mica_entities *entities, size_t i)
{
    return i < entities->count ? entities->texts[i].found : 0;
}

const mica_entity *mica_entities_get(const mica_entities *entities, size_t i, size_t k)
{
    return k < mica_entities_found(entities, i) ? &entities->list[entities->texts[i].first + k]
                                                : NULL;
}

size_t mica_entities_tokens(const mica_entities *entities, size_t i)
{
    return i < entities->count ? entities->texts[i].tokens : 0;
}

size_t mica_entities_windows(const mica_entities *entities, size_t i)
{
    return i < entities->count ? entities->texts[i].windows : 0;
}

bool mica_entities_truncated(const mica_entities *entities, size_t i)
{
    return i < entities->count && entities->texts[i].truncated;
}
