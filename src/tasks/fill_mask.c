/* SPDX-License-Identifier: MIT */
#include "mica/fill_mask.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backends/backend.h"
#include "base/alloc.h"
#include "base/log.h"
#include "tasks/scores.h"
#include "tasks/texts.h"

typedef struct text_entry {
    size_t first_mask, masks; /* among all masks of the call */
    mica_text_note note;
} text_entry;

/* Where the texts of a mica_fill begin in `bytes`, which moves while it grows. */
typedef struct places {
    size_t token_str, sequence;
} places;

struct mica_fills {
    text_entry *texts;
    mica_fill *list; /* `kept` for each mask */
    places *places;
    char *bytes;
    size_t used;
    int32_t *rows; /* of the batch's masks, among its tokens */
    float *scores; /* logits of the targets */
    size_t *order; /* of a mask's fillings */
    int64_t *ids;  /* of a text, to decode */
    size_t count, masks, kept;
    size_t text_room, list_room, place_room, byte_room, row_room, score_room, order_room, id_room;
};

/* What a call does. */
typedef struct plan {
    mica_text_rules rules;
    const int64_t *targets;
    size_t n_targets, vocab;
    int64_t mask, pad;
} plan;

void mica_fill_mask_options_defaults(mica_fill_mask_options *options)
{
    memset(options, 0, sizeof *options);
    options->top_k = 5;
}

/* ---- targets ---- */

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* The id of a target, or -1. */
static mica_status find_target(const mica_tokenizer *tokenizer, const mica_log_sink *log,
                               mica_text text, mica_encoding **encoding, int64_t *id,
                               mica_error *err)
{
    mica_encode_options options;
    mica_status status;

    *id = text.data ? mica_tokenizer_id(tokenizer, text.data, text.size) : -1;
    if (*id >= 0)
        return MICA_OK;
    mica_tokenizer_encode_options(tokenizer, &options);
    options.add_special_tokens = false;
    options.max_length = 1;
    status = mica_tokenizer_encode(tokenizer, text, NULL, &options, encoding, err);
    if (status != MICA_OK)
        return status;
    if (mica_encoding_count(*encoding) == 0) {
        mica_log_write(log, MICA_LOG_WARNING,
                       "the target '%.*s' gives no token of the vocabulary: it is ignored",
                       (int)(text.size < 100 ? text.size : 100), text.data ? text.data : "");
        return MICA_OK;
    }
    *id = mica_encoding_ids(*encoding)[0];
    mica_log_write(log, MICA_LOG_WARNING,
                   "the target '%.*s' is no token of the vocabulary: '%s' is taken instead",
                   (int)(text.size < 100 ? text.size : 100), text.data,
                   mica_encoding_token(*encoding, 0, NULL));
    return MICA_OK;
}

mica_status mica_fill_mask_targets(const mica_model *model, const mica_text *texts, size_t n,
                                   int64_t *ids, size_t *count, mica_error *err)
{
    const mica_tokenizer *tokenizer;
    mica_encoding *encoding = NULL;
    size_t found = 0, kept = 0;
    mica_status status;

    *count = 0;
    if (!model || (n > 0 && (!texts || !ids)))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "mica_fill_mask_targets: no model, texts or ids");
    status = mica_model_need_tokenizer(model, &tokenizer, err);
    for (size_t i = 0; i < n && status == MICA_OK; i++) {
        status = find_target(tokenizer, mica_context_log(mica_model_context(model)), texts[i],
                             &encoding, &ids[found], err);
        if (status != MICA_OK && status != MICA_STATUS_OUT_OF_MEMORY)
            mica_error_prefix(err, "target %zu: ", i);
        found += status == MICA_OK && ids[found] >= 0;
    }
    mica_encoding_destroy(&encoding);
    if (status == MICA_OK && found == 0)
        status = mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                           "no target gives a token of the vocabulary");
    if (status != MICA_OK)
        return status;
    qsort(ids, found, sizeof *ids, by_number);
    for (size_t i = 0; i < found; i++)
        if (i == 0 || ids[i] != ids[i - 1])
            ids[kept++] = ids[i];
    *count = kept;
    return MICA_OK;
}

/* ---- what to do ---- */

static mica_status make_plan(const mica_session *session, const mica_fill_mask_options *options,
                             plan *p, mica_error *err)
{
    mica_status status =
        mica_model_need_head(session->model, MICA_HEAD_MASKED_LM, "fill-mask", err);

    memset(p, 0, sizeof *p);
    if (status == MICA_OK)
        status = mica_text_rules_make(session, options->max_length, 0, &p->rules, err);
    if (status != MICA_OK)
        return status;
    p->rules.no_truncate = options->no_truncate;
    p->rules.batch_tokens = options->batch_tokens;
    p->vocab = (size_t)mica_model_configuration(session->model)->vocab_size;
    p->mask = mica_tokenizer_mask_id(p->rules.tokenizer);
    p->pad = mica_tokenizer_pad_id(p->rules.tokenizer);
    p->targets = options->targets;
    p->n_targets = options->n_targets;
    if (p->mask < 0)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "the tokenizer has no mask token");
    if (!p->targets && p->n_targets > 0)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "mica_fill_mask: no targets");
    for (size_t i = 0; i < p->n_targets; i++)
        if (p->targets[i] < 0 || (uint64_t)p->targets[i] >= p->vocab)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "target %zu: id %" PRId64 " is not in [0, vocab_size %zu)", i,
                             p->targets[i], p->vocab);
    return MICA_OK;
}

/* ---- results ---- */

/* Appends the text of ids to `bytes`. Ids that are no token are left out, as Hugging Face does. */
static mica_status decode(mica_fills *f, const plan *p, size_t count, bool skip_special,
                          size_t *place, size_t *size, mica_error *err)
{
    mica_decode_options options;
    char *text = NULL;
    size_t known = 0;
    mica_status status;

    for (size_t i = 0; i < count; i++)
        if (mica_tokenizer_token(p->rules.tokenizer, f->ids[i], NULL))
            f->ids[known++] = f->ids[i];
    mica_decode_options_defaults(&options);
    options.skip_special_tokens = skip_special;
    status = mica_tokenizer_decode(p->rules.tokenizer, f->ids, known, &options, &text, size, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&f->bytes, &f->byte_room, f->used + *size + 1, 1, err);
    if (status == MICA_OK) {
        *place = f->used;
        memcpy(f->bytes + f->used, text, *size + 1);
        f->used += *size + 1;
    }
    mica_text_free(&text);
    return status;
}

/* Filling k of the mask at `position` of text `ids`, whose token and score are known. */
static mica_status write_fill(mica_fills *f, const plan *p, const text_entry *text,
                              const int32_t *ids, size_t position, size_t k, mica_error *err)
{
    mica_fill *fill = &f->list[k];
    size_t count = 0;
    mica_status status;

    f->ids[0] = fill->token;
    status = decode(f, p, 1, false, &f->places[k].token_str, &fill->token_str.size, err);
    for (size_t i = 0; i < text->note.tokens && status == MICA_OK; i++) {
        int64_t id = i == position ? fill->token : ids[i];
        if (id != p->pad)
            f->ids[count++] = id;
    }
    if (status == MICA_OK)
        status = decode(f, p, count, text->masks == 1, &f->places[k].sequence, &fill->sequence.size,
                        err);
    return status;
}

/* The fillings of mask number `mask` by its logits. */
static void choose_tokens(mica_fills *f, const plan *p, const float *logits, size_t mask)
{
    mica_scores_scale scale = mica_scores_scale_of(logits, p->vocab);
    const float *among = logits;
    size_t n = p->vocab;

    if (p->n_targets > 0) {
        for (size_t i = 0; i < p->n_targets; i++)
            f->scores[i] = logits[p->targets[i]];
        among = f->scores;
        n = p->n_targets;
    }
    mica_scores_top(among, n, f->kept, f->order);
    for (size_t k = 0; k < f->kept; k++) {
        mica_fill *fill = &f->list[mask * f->kept + k];

        fill->token = p->n_targets > 0 ? p->targets[f->order[k]] : (int64_t)f->order[k];
        fill->score = mica_scores_one(scale, among[f->order[k]]);
    }
}

/* ---- batches ---- */

/* The masks of the batch, whose first text is number `first`; its first mask is number
 * `first_mask`. */
static mica_status run_batch(mica_session *session, const plan *p, size_t first, size_t first_mask,
                             mica_fills *f, mica_error *err)
{
    const mica_session_batch *b = &session->batch;
    size_t row = 0, fillings = 0;
    const float *logits = NULL;
    mica_status status = MICA_OK;

    if (b->sequences == 0)
        return MICA_OK;
    if (!mica_mul_size(f->masks, f->kept, &fillings))
        return mica_fail_memory(err, SIZE_MAX, "fillings");
    status = mica_session_grow((void **)&f->list, &f->list_room, fillings, sizeof *f->list, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&f->places, &f->place_room, fillings, sizeof *f->places,
                                   err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&f->ids, &f->id_room, b->tokens, sizeof *f->ids, err);
    if (status == MICA_OK)
        status = mica_session_run_head_rows(session, f->rows, f->masks - first_mask, &logits, err);
    for (size_t s = 0; s < b->sequences && status == MICA_OK; s++) {
        const text_entry *text = &f->texts[first + s];

        for (size_t m = 0; m < text->masks && status == MICA_OK; m++, row++) {
            size_t position = (size_t)f->rows[row] - (size_t)b->starts[s];
            size_t mask = text->first_mask + m;

            if (!mica_scores_finite(logits + row * p->vocab, p->vocab)) {
                status =
                    mica_text_not_finite(session, (mica_sequence_label){"text", first + s}, err);
                break;
            }
            choose_tokens(f, p, logits + row * p->vocab, mask);
            for (size_t k = 0; k < f->kept && status == MICA_OK; k++)
                status = write_fill(f, p, text, b->ids + b->starts[s], position, mask * f->kept + k,
                                    err);
        }
    }
    mica_session_clear(session);
    return status;
}

static size_t count_masks(const mica_session *session, const plan *p)
{
    const int32_t *ids = mica_encoding_ids(session->encoding);
    size_t masks = 0;

    for (size_t i = 0; i < mica_encoding_count(session->encoding); i++)
        masks += ids[i] == p->mask;
    return masks;
}

static mica_status no_mask(const mica_session *session, const plan *p, size_t i, mica_error *err)
{
    const char *token = mica_tokenizer_token(p->rules.tokenizer, p->mask, NULL);

    if (mica_encoding_truncated(session->encoding))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "text %zu: no mask token (%s) among the %zu tokens that are taken of %zu",
                         i, token, mica_encoding_count(session->encoding),
                         mica_encoding_full_count(session->encoding));
    return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "text %zu: no mask token (%s) in it", i,
                     token);
}

/* Puts what is encoded into the batch, as text i; its masks are behind `pending` others. */
static mica_status add_text(mica_session *session, const plan *p, size_t i, size_t masks,
                            size_t pending, mica_fills *f, mica_error *err)
{
    size_t begin = session->batch.tokens;
    text_entry *text = &f->texts[i];
    mica_status status = mica_text_add(session, (mica_sequence_label){"text", i}, err);

    if (status == MICA_OK)
        status = mica_session_grow((void **)&f->rows, &f->row_room, pending + masks,
                                   sizeof *f->rows, err);
    if (status != MICA_OK)
        return status;
    text->first_mask = f->masks;
    text->masks = masks;
    text->note.tokens = mica_encoding_count(session->encoding);
    text->note.truncated = mica_encoding_truncated(session->encoding);
    for (size_t k = begin; k < session->batch.tokens; k++)
        if (session->batch.ids[k] == p->mask)
            f->rows[pending++] = (int32_t)k;
    f->masks += masks;
    return MICA_OK;
}

static mica_status fill_texts(mica_session *session, const plan *p, const mica_text *texts,
                              size_t n, mica_fills *f, mica_error *err)
{
    size_t first = 0, first_mask = 0;
    mica_status status = MICA_OK;

    mica_session_clear(session);
    for (size_t i = 0; i < n && status == MICA_OK; i++) {
        size_t masks, pending = f->masks - first_mask;

        status = mica_text_encode(session, &p->rules, texts[i], NULL,
                                  (mica_sequence_label){"text", i}, err);
        if (status != MICA_OK)
            break;
        masks = count_masks(session, p);
        if (masks == 0)
            return no_mask(session, p, i, err);
        if (mica_text_batch_is_full(session, &p->rules) ||
            pending + masks > MICA_MOST_LOGITS / p->vocab) {
            status = run_batch(session, p, first, first_mask, f, err);
            first = i;
            first_mask = f->masks;
            pending = 0;
        }
        if (status == MICA_OK)
            status = add_text(session, p, i, masks, pending, f, err);
    }
    if (status == MICA_OK)
        status = run_batch(session, p, first, first_mask, f, err);
    for (size_t k = 0; k < f->masks * f->kept && status == MICA_OK; k++) {
        f->list[k].token_str.data = f->bytes + f->places[k].token_str;
        f->list[k].sequence.data = f->bytes + f->places[k].sequence;
    }
    return status;
}

static mica_status reserve(mica_fills *f, const plan *p, size_t n, mica_error *err)
{
    mica_status status =
        mica_session_grow((void **)&f->texts, &f->text_room, n, sizeof *f->texts, err);

    if (status == MICA_OK)
        status =
            mica_session_grow((void **)&f->order, &f->order_room, f->kept, sizeof *f->order, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&f->scores, &f->score_room, p->n_targets,
                                   sizeof *f->scores, err);
    return status;
}

mica_status mica_fill_mask(mica_session *session, const mica_text *texts, size_t n,
                           const mica_fill_mask_options *options, mica_fills **out, mica_error *err)
{
    mica_fill_mask_options defaults;
    mica_fills *f = *out;
    plan p;
    size_t candidates;
    mica_status status;

    if (f)
        f->count = 0;
    if (!session || (!texts && n > 0))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "mica_fill_mask: no session or texts");
    if (!options) {
        mica_fill_mask_options_defaults(&defaults);
        options = &defaults;
    }
    status = make_plan(session, options, &p, err);
    if (status != MICA_OK)
        return status;
    if (!f)
        f = mica_calloc(1, sizeof *f);
    if (!f)
        return mica_fail_memory(err, sizeof *f, "fillings");
    candidates = p.n_targets ? p.n_targets : p.vocab;
    f->kept = options->top_k > 0 && options->top_k < candidates ? options->top_k : candidates;
    f->masks = f->used = 0;
    status = reserve(f, &p, n, err);
    if (status == MICA_OK)
        status = fill_texts(session, &p, texts, n, f, err);
    if (status != MICA_OK) {
        if (!*out)
            mica_fills_destroy(&f);
        return status;
    }
    f->count = n;
    *out = f;
    return MICA_OK;
}

void mica_fills_destroy(mica_fills **fills)
{
    mica_fills *f = *fills;

    if (!f)
        return;
    mica_free(f->texts);
    mica_free(f->list);
    mica_free(f->places);
    mica_free(f->bytes);
    mica_free(f->rows);
    mica_free(f->scores);
    mica_free(f->order);
    mica_free(f->ids);
    mica_free(f);
    *fills = NULL;
}

size_t mica_fills_count(const mica_fills *fills)
{
    return fills->count;
}

size_t mica_fills_masks(const mica_fills *fills, size_t i)
{
    return i < fills->count ? fills->texts[i].masks : 0;
}

const mica_fill *mica_fills_get(const mica_fills *fills, size_t i, size_t mask, size_t *count)
{
    bool there = mask < mica_fills_masks(fills, i);

    if (count)
        *count = there ? fills->kept : 0;
    return there ? fills->list + (fills->texts[i].first_mask + mask) * fills->kept : NULL;
}

size_t mica_fills_tokens(const mica_fills *fills, size_t i)
{
    return i < fills->count ? fills->texts[i].note.tokens : 0;
}

bool mica_fills_truncated(const mica_fills *fills, size_t i)
{
    return i < fills->count && fills->texts[i].note.truncated;
}
