/* SPDX-License-Identifier: MIT
 *
 * Encoding: a text is cut at added tokens, what is between them is normalized, cut at those added
 * tokens that are normalized, split into pieces, and each piece given to the model. Then the texts
 * are truncated, and the post-processor's template puts them and the special tokens in their
 * places.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "tokenizer/internal.h"

void mica_encode_options_defaults(mica_encode_options *options)
{
    *options = (mica_encode_options){.add_special_tokens = true};
}

void mica_tokenizer_encode_options(const mica_tokenizer *tokenizer, mica_encode_options *options)
{
    mica_encode_options_defaults(options);
    options->truncate_left = tokenizer->truncate_left;
    options->split_special_tokens = tokenizer->split_special;
}

/* Remembers the text of a token; *index is where. */
static bool keep_text(mica_encoding *e, const char *data, size_t size, int32_t *index)
{
    if (!mica_tok_grow((void **)&e->texts, &e->text_capacity, e->text_count + 1,
                       sizeof *e->texts) ||
        !mica_tok_grow((void **)&e->pool, &e->pool_capacity, e->pool_size + size + 1, 1))
        return false;
    memcpy(e->pool + e->pool_size, data, size);
    e->pool[e->pool_size + size] = '\0';
    e->texts[e->text_count] = (mica_tok_token_text){NULL, e->pool_size, size};
    *index = (int32_t)e->text_count++;
    e->pool_size += size + 1;
    return true;
}

/* An added token that stands in the text: `size` bytes at `data`, from [begin, end) of the
 * original. */
static bool put_added(mica_encoding *e, mica_tok_sequence *out, int32_t id, const char *data,
                      size_t size, size_t begin, size_t end)
{
    int32_t index;

    if (!mica_tok_sequence_reserve(out, 1) || !keep_text(e, data, size, &index))
        return false;
    out->ids[out->count] = id;
    out->texts[out->count] = index;
    out->spans[out->count++] = (mica_span){begin, end};
    return true;
}

/* The text between added tokens, from byte `from` of the original on. */
static mica_status encode_between(const mica_tokenizer *t, mica_encoding *e, const char *data,
                                  size_t size, size_t from, bool split_special,
                                  mica_tok_sequence *out, mica_error *err)
{
    const mica_tok_text *text;
    mica_tok_cursor cursor = {0};
    mica_tok_search search = {0};
    bool more = true;
    mica_status status = mica_tok_normalize(&t->normalizer, &t->unicode, data, size, from,
                                            &e->normalize, &text, err);

    if (status != MICA_OK)
        return status;
    while (more) {
        mica_tok_match match;
        size_t done = search.done, begin, end;

        more = mica_tok_added_next(&t->added, &t->added.normalized, &t->unicode, text->data,
                                   text->size, split_special, &search, &match);
        if (done < match.begin) {
            status = mica_tok_pretokenize(&t->pretokenizer, &t->unicode, text->data, done,
                                          match.begin, e->pieces, err);
            if (status == MICA_OK)
                status =
                    mica_tok_wordpiece_encode(&t->model, text, &cursor, &e->pieces[0], out, err);
            if (status != MICA_OK)
                return status;
        }
        if (!more)
            break;
        mica_tok_text_origin(text, &cursor, match.begin, match.end, &begin, &end);
        if (!put_added(e, out, match.token->id, text->data + match.begin, match.end - match.begin,
                       begin, end))
            return mica_fail_memory(err, match.end - match.begin, "the tokens of a text");
    }
    return MICA_OK;
}

static mica_status encode_text(const mica_tokenizer *t, mica_encoding *e, mica_text text,
                               bool split_special, mica_tok_sequence *out, mica_error *err)
{
    mica_tok_search search = {0};
    bool more = true;

    while (more) {
        mica_tok_match match;
        size_t done = search.done;

        more = mica_tok_added_next(&t->added, &t->added.raw, &t->unicode, text.data, text.size,
                                   split_special, &search, &match);
        if (done < match.begin) {
            mica_status status = encode_between(t, e, text.data + done, match.begin - done, done,
                                                split_special, out, err);
            if (status != MICA_OK)
                return status;
        }
        if (more && !put_added(e, out, match.token->id, text.data + match.begin,
                               match.end - match.begin, match.begin, match.end))
            return mica_fail_memory(err, match.end - match.begin, "the tokens of a text");
    }
    return MICA_OK;
}

static size_t size_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* How many tokens of each text stay, by the rules of Hugging Face's fast tokenizers. */
static mica_status truncated_counts(const mica_encode_options *o, size_t special, bool pair,
                                    size_t counts[2], mica_error *err)
{
    size_t total = counts[0] + counts[1], budget, excess, *cut;

    if (o->max_length == 0 || total + special <= o->max_length)
        return MICA_OK;
    if (o->max_length < special)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "max_length is %zu, but there are %zu special tokens", o->max_length,
                         special);
    budget = o->max_length - special;
    excess = total - budget;
    if (budget == 0) {
        counts[0] = counts[1] = 0;
        return MICA_OK;
    }
    if (o->truncation == MICA_TRUNCATION_LONGEST_FIRST) {
        size_t shorter = counts[0] > counts[1], *n1 = &counts[shorter], *n2 = &counts[!shorter];
        if (!pair) {
            counts[0] = budget;
            return MICA_OK;
        }
        *n2 = *n1 > budget ? *n1 : size_max(*n1, budget - *n1);
        if (*n1 + *n2 > budget) {
            *n1 = budget / 2;
            *n2 = *n1 + budget % 2;
        }
        return MICA_OK;
    }
    if (o->truncation == MICA_TRUNCATION_ONLY_SECOND && !pair)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "the second text is to be truncated, but there is only one");
    cut = &counts[o->truncation == MICA_TRUNCATION_ONLY_SECOND];
    if (*cut <= excess)
        return mica_fail(err, MICA_STATUS_TOO_LONG,
                         "%zu tokens are %zu too many, and the text to truncate has only %zu",
                         total + special, excess, *cut);
    *cut -= excess;
    return MICA_OK;
}

static bool reserve_output(mica_encoding *e, size_t count)
{
    size_t capacity = e->capacity;

    if (count <= e->capacity)
        return true;
#define GROW(array)                                                                                \
    (capacity = e->capacity, mica_tok_grow((void **)&e->array, &capacity, count, sizeof *e->array))
    if (!GROW(ids) || !GROW(type_ids) || !GROW(special) || !GROW(sequence_ids) ||
        !GROW(byte_spans) || !GROW(char_spans) || !GROW(text_of))
        return false;
#undef GROW
    e->capacity = capacity;
    return true;
}

/* Counts characters up to byte offsets that mostly grow. */
typedef struct char_counter {
    const char *data;
    size_t byte, chars;
} char_counter;

static size_t count_between(const char *data, size_t begin, size_t end)
{
    size_t n = 0;
    for (size_t i = begin; i < end; i++)
        n += ((unsigned char)data[i] & 0xC0) != 0x80;
    return n;
}

/* Whether characters are bytes. */
static bool is_ascii(mica_text text)
{
    uint64_t bits = 0, word;
    size_t i = 0;

    for (; i + 8 <= text.size; i += 8) {
        memcpy(&word, text.data + i, 8);
        bits |= word;
    }
    for (; i < text.size; i++)
        bits |= (unsigned char)text.data[i];
    return (bits & UINT64_C(0x8080808080808080)) == 0;
}

static size_t chars_at(char_counter *counter, size_t byte)
{
    if (byte >= counter->byte)
        counter->chars += count_between(counter->data, counter->byte, byte);
    else
        counter->chars -= count_between(counter->data, byte, counter->byte);
    counter->byte = byte;
    return counter->chars;
}

static void put_char_spans(mica_encoding *e, mica_text text, size_t at, size_t n)
{
    char_counter counter = {.data = text.data};

    for (size_t i = at; i < at + n; i++) {
        e->char_spans[i].begin = chars_at(&counter, e->byte_spans[i].begin);
        e->char_spans[i].end = chars_at(&counter, e->byte_spans[i].end);
    }
}

static void put_sequence(mica_encoding *e, const mica_tok_template_piece *piece, mica_text text,
                         size_t begin, size_t end)
{
    const mica_tok_sequence *s = &e->sequences[piece->sequence];
    size_t n = end - begin, at = e->count;

    if (n == 0)
        return;
    memcpy(e->ids + at, s->ids + begin, n * sizeof *e->ids);
    memcpy(e->text_of + at, s->texts + begin, n * sizeof *e->text_of);
    memcpy(e->byte_spans + at, s->spans + begin, n * sizeof *e->byte_spans);
    memset(e->special + at, 0, n);
    memset(e->sequence_ids + at, piece->sequence, n);
    for (size_t i = 0; i < n; i++)
        e->type_ids[at + i] = piece->type_id;
    if (is_ascii(text))
        memcpy(e->char_spans + at, e->byte_spans + at, n * sizeof *e->char_spans);
    else
        put_char_spans(e, text, at, n);
    e->count += n;
}

static bool put_special(mica_encoding *e, const mica_tok_template_piece *piece)
{
    for (size_t i = 0; i < piece->count; i++) {
        size_t at = e->count;

        if (!mica_tok_grow((void **)&e->texts, &e->text_capacity, e->text_count + 1,
                           sizeof *e->texts))
            return false;
        e->texts[e->text_count] =
            (mica_tok_token_text){piece->tokens[i].token, 0, piece->tokens[i].size};
        e->ids[at] = piece->tokens[i].id;
        e->text_of[at] = (int32_t)e->text_count++;
        e->type_ids[at] = piece->type_id;
        e->special[at] = 1;
        e->sequence_ids[at] = -1;
        e->byte_spans[at] = (mica_span){0, 0};
        e->char_spans[at] = (mica_span){0, 0};
        e->count++;
    }
    return true;
}

/* Truncates the texts and puts them into the template. */
static mica_status finish(const mica_tokenizer *t, mica_encoding *e, const mica_text *texts,
                          bool pair, const mica_encode_options *o, mica_error *err)
{
    const mica_tok_template *template = pair ? &t->postprocessor.pair : &t->postprocessor.single;
    size_t special = o->add_special_tokens ? template->special : 0, total = special;
    size_t counts[2] = {e->sequences[0].count, pair ? e->sequences[1].count : 0};
    mica_status status;

    e->full_count = counts[0] + counts[1] + special;
    status = truncated_counts(o, special, pair, counts, err);
    if (status != MICA_OK)
        return status;
    e->truncated = counts[0] + counts[1] + special < e->full_count;
    for (size_t i = 0; i < template->count; i++)
        if (template->pieces[i].sequence >= 0)
            total += counts[template->pieces[i].sequence];
    if (!reserve_output(e, total))
        return mica_fail_memory(err, total * sizeof *e->byte_spans, "an encoding");
    for (size_t i = 0; i < template->count; i++) {
        const mica_tok_template_piece *piece = &template->pieces[i];
        if (piece->sequence >= 0) {
            size_t all = e->sequences[piece->sequence].count, n = counts[piece->sequence];
            size_t begin = o->truncate_left ? all - n : 0;
            put_sequence(e, piece, texts[piece->sequence], begin, begin + n);
        } else if (o->add_special_tokens && !put_special(e, piece)) {
            return mica_fail_memory(err, sizeof *e->texts, "an encoding");
        }
    }
    return MICA_OK;
}

static mica_status check_text(mica_text text, const char *which, mica_error *err)
{
    size_t valid;

    if (!text.data && text.size > 0)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the %s is NULL, of %zu bytes", which,
                         text.size);
    valid = text.size ? mica_utf8_valid_prefix(text.data, text.size) : 0;
    if (valid < text.size)
        return mica_fail(err, MICA_STATUS_INVALID_UTF8,
                         "the %s is not valid UTF-8 at byte %zu (0x%02X)", which, valid,
                         (unsigned char)text.data[valid]);
    return MICA_OK;
}

static void empty(mica_encoding *e)
{
    e->count = e->full_count = 0;
    e->truncated = false;
    e->text_count = e->pool_size = 0;
    e->sequences[0].count = e->sequences[1].count = 0;
}

mica_status mica_tokenizer_encode(const mica_tokenizer *tokenizer, mica_text first,
                                  const mica_text *second, const mica_encode_options *options,
                                  mica_encoding **out, mica_error *err)
{
    mica_encode_options defaults;
    mica_text texts[2] = {first, second ? *second : (mica_text){NULL, 0}};
    mica_encoding *e = *out;
    mica_status status;

    if (!options) {
        mica_tokenizer_encode_options(tokenizer, &defaults);
        options = &defaults;
    }
    if (!e) {
        e = mica_calloc(1, sizeof *e);
        if (!e)
            return mica_fail_memory(err, sizeof *e, "an encoding");
    }
    e->tokenizer = tokenizer;
    empty(e);
    status = check_text(texts[0], second ? "first text" : "text", err);
    if (status == MICA_OK && second)
        status = check_text(texts[1], "second text", err);
    for (int i = 0; i < 1 + (second != NULL) && status == MICA_OK; i++)
        status = encode_text(tokenizer, e, texts[i], options->split_special_tokens,
                             &e->sequences[i], err);
    if (status == MICA_OK)
        status = finish(tokenizer, e, texts, second != NULL, options, err);
    if (status != MICA_OK) {
        empty(e);
        if (!*out)
            mica_encoding_destroy(&e);
        return status;
    }
    *out = e;
    return MICA_OK;
}
