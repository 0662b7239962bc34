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

/* Room is made for so many tokens at once: more than most texts have, and what they do not need is
 * never touched. */
#define BYTES_PER_TOKEN 3

/* Long texts are taken in blocks of about so many bytes, where that makes no difference, so that
 * what their tokens are made in stays in the cache. */
#define BLOCK ((size_t)1 << 15)

void mica_encode_options_defaults(mica_encode_options *options)
{
    *options = (mica_encode_options){.add_special_tokens = true};
}

void mica_tokenizer_encode_options(const mica_tokenizer *tokenizer, mica_encode_options *options)
{
    *options = tokenizer->defaults;
}

/* An added token that stands in the text: `size` bytes at `data`, from [begin, end) of the
 * original. */
static bool put_added(mica_encoding *e, mica_tok_sequence *out, int32_t id, const char *data,
                      size_t size, size_t begin, size_t end)
{
    int32_t index;

    if (!mica_tok_sequence_reserve(out, 1) ||
        !mica_tok_token_texts_keep(&e->texts, data, size, &index))
        return false;
    out->ids[out->count] = id;
    out->texts[out->count] = index;
    out->words[out->count] = out->word++;
    out->spans[out->count++] = (mica_span){begin, end};
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The end of the block that begins at `at`: before a space between words of letters, more than one
 * each, which no mark can change. */
static size_t block_end(const char *data, size_t at, size_t size)
{
    if (size - at <= BLOCK)
        return size;
    for (at += BLOCK; size - at > 2; at++)
        if (data[at] == ' ' && is_letter(data[at - 2]) && is_letter(data[at - 1]) &&
            is_letter(data[at + 1]) && is_letter(data[at + 2]))
            return at;
    return size;
}

/* Text without added tokens. */
static mica_status encode_plain(const mica_tokenizer *t, mica_encoding *e,
                                const mica_tok_model_state *state, const mica_tok_text *text,
                                size_t begin, size_t end, mica_tok_sequence *out, mica_error *err)
{
    bool blocks = mica_tok_pretokenizer_splits_spaces(&t->pretokenizer);
    mica_status status = MICA_OK;

    for (size_t at = begin, stop; at < end && status == MICA_OK; at = stop) {
        const mica_tok_text *pieces_of;
        const mica_tok_pieces *pieces;

        stop = blocks ? block_end(text->data, at, end) : end;
        status = mica_tok_pretokenize(&t->pretokenizer, &t->unicode, text, at, stop,
                                      &e->pretokenize, &pieces_of, &pieces, err);
        if (status == MICA_OK)
            status = mica_tok_model_encode(&t->model, state, pieces_of, pieces, out, err);
    }
    return status;
}

/* The text between added tokens, from byte `from` of the original on. */
static mica_status encode_between(const mica_tokenizer *t, mica_encoding *e,
                                  const mica_tok_model_state *state, const char *data, size_t size,
                                  size_t from, bool split_special, mica_tok_sequence *out,
                                  mica_error *err)
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
        status = encode_plain(t, e, state, text, done, match.begin, out, err);
        if (status != MICA_OK)
            return status;
        if (!more)
            break;
        mica_tok_text_origin(text, &cursor, match.begin, match.end, &begin, &end);
        if (!put_added(e, out, match.token->id, text->data + match.begin, match.end - match.begin,
                       begin, end))
            return mica_fail_memory(err, match.end - match.begin, "the tokens of a text");
    }
    return MICA_OK;
}

static mica_status encode_text(const mica_tokenizer *t, mica_encoding *e,
                               const mica_tok_model_state *state, mica_text text,
                               bool split_special, mica_tok_sequence *out, mica_error *err)
{
    bool blocks = t->normalizer.count > 0 && !t->added.normalized.trie.nodes &&
                  mica_tok_normalizer_is_local(&t->normalizer) &&
                  mica_tok_pretokenizer_splits_spaces(&t->pretokenizer);
    mica_tok_search search = {0};
    bool more = true;

    while (more) {
        mica_tok_match match;
        size_t done = search.done;

        more = mica_tok_added_next(&t->added, &t->added.raw, &t->unicode, text.data, text.size,
                                   split_special, &search, &match);
        while (done < match.begin) {
            size_t stop = blocks ? block_end(text.data, done, match.begin) : match.begin;
            mica_status status = encode_between(t, e, state, text.data + done, stop - done, done,
                                                split_special, out, err);
            if (status != MICA_OK)
                return status;
            done = stop;
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

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many tokens of each text of a pair stay, where both are cut. */
static void cut_longest(size_t counts[2], size_t budget)
{
    size_t shorter = counts[0] > counts[1], *n1 = &counts[shorter], *n2 = &counts[!shorter];

    *n2 = *n1 > budget ? *n1 : size_max(*n1, budget - *n1);
    if (*n1 + *n2 > budget) {
        *n1 = budget / 2;
        *n2 = *n1 + budget % 2;
    }
}

/* The same as transformers' tokenizers in Python have it: the longer text down to the other, then
 * both, the second by one more. */
static void cut_in_python(size_t counts[2], size_t excess)
{
    size_t longer = counts[0] <= counts[1];
    size_t first = min_size(counts[longer] - counts[!longer], excess), rest = excess - first;

    counts[longer] -= first;
    counts[0] -= min_size(rest / 2, counts[0]);
    counts[1] -= min_size(rest - rest / 2, counts[1]);
}

/* How many tokens of each text stay, by the rules of Hugging Face's fast tokenizers, or those in
 * Python. */
static mica_status truncated_counts(const mica_encode_options *o, size_t special, bool pair,
                                    bool in_python, size_t counts[2], mica_error *err)
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
        if (!pair)
            counts[0] = budget;
        else if (in_python)
            cut_in_python(counts, excess);
        else
            cut_longest(counts, budget);
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

/* ---- spans in characters ---- */

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

/* Counts characters up to byte offsets that mostly grow. */
typedef struct char_counter {
    const char *data;
    size_t byte, chars;
} char_counter;

static size_t chars_at(char_counter *counter, size_t byte)
{
    if (byte >= counter->byte)
        counter->chars += count_between(counter->data, counter->byte, byte);
    else
        counter->chars -= count_between(counter->data, byte, counter->byte);
    counter->byte = byte;
    return counter->chars;
}

/* False = out of memory. */
static bool fill_chars(mica_tok_sequence *s, mica_text text)
{
    char_counter counter = {.data = text.data};

    if (!mica_tok_sequence_grow_chars(s, s->count))
        return false;
    for (size_t i = s->first; i < s->count; i++) {
        s->chars[i].begin = chars_at(&counter, s->spans[i].begin);
        s->chars[i].end = chars_at(&counter, s->spans[i].end);
    }
    return true;
}

/* ---- trimming ---- */

/* White space at the start and the end of a token, which its offsets leave out. */
static void token_spaces(const mica_encoding *e, size_t i, size_t *lead, size_t *trail)
{
    const mica_tokenizer *t = e->tokenizer;
    size_t size = 0;
    const char *text;

    if (e->tokens.texts[i] < 0 && t->postprocessor.spaces) {
        const uint8_t *spaces = t->postprocessor.spaces[e->tokens.ids[i]];
        *lead = spaces[0];
        *trail = spaces[1];
        if (*lead < UINT8_MAX && *trail < UINT8_MAX)
            return;
    }
    text = mica_encoding_token(e, i, &size);
    mica_tok_count_spaces(&t->unicode, text, size, lead, trail);
}

/* Moves a byte offset n characters on or back. */
static size_t move_chars(mica_text text, size_t at, size_t n, bool back)
{
    while (n-- > 0) {
        if (back) {
            while (at > 0 && ((unsigned char)text.data[--at] & 0xC0) == 0x80)
                ;
        } else if (at < text.size) {
            while (++at < text.size && ((unsigned char)text.data[at] & 0xC0) == 0x80)
                ;
        }
    }
    return at;
}

/* Moves the start of a token's offsets behind n white-space characters of it, and the end in front
 * of others. */
static void trim_span(mica_text text, mica_span *bytes, mica_span *chars, size_t lead, size_t trail)
{
    size_t moved = min_size(lead, chars->end - chars->begin);

    chars->begin += moved;
    bytes->begin = move_chars(text, bytes->begin, moved, false);
    if (chars->end < trail)
        return;
    moved = min_size(trail, chars->end - chars->begin);
    chars->end -= moved;
    bytes->end = move_chars(text, bytes->end, moved, true);
}

/* ByteLevel's process_offsets, on n tokens from `at` on. */
static void trim_spans(mica_encoding *e, mica_text text, bool add_prefix_space, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++) {
        mica_span *bytes = &e->tokens.spans[i], same = *bytes;
        mica_span *chars = e->ascii ? &same : &e->tokens.chars[i];
        size_t lead, trail;

        token_spaces(e, i, &lead, &trail);
        if ((i == at || chars->begin == 0) && add_prefix_space && lead == 1)
            lead = 0;
        if (trail == 0 && lead <= 1 && chars->begin < chars->end &&
            (unsigned char)text.data[bytes->begin] < 128) {
            chars->begin += lead; /* nearly always, without a branch on it */
            bytes->begin += lead;
        } else {
            trim_span(text, bytes, chars, lead, trail);
        }
    }
}

/* ---- windows ---- */

static size_t window_count(size_t count, size_t keep, size_t stride)
{
    size_t step = keep - stride;

    return keep == 0 || keep >= count ? 1 : 1 + (count - keep + step - 1) / step;
}

/* The tokens of a text. */
static size_t text_count(const mica_encoding *e, int sequence)
{
    return e->sequences[sequence].count - e->sequences[sequence].first;
}

/* The tokens [begin, end) of a text in window i. */
static void window_bounds(const mica_encoding *e, int sequence, size_t i, size_t *begin,
                          size_t *end)
{
    size_t count = text_count(e, sequence), keep = e->keep[sequence];
    size_t back = i * (keep - min_size(keep, e->options.stride));

    if (keep >= count) {
        *begin = 0;
        *end = count;
    } else if (e->options.truncate_left) {
        *end = count - back;
        *begin = *end > keep ? *end - keep : 0;
    } else {
        *begin = back;
        *end = min_size(back + keep, count);
    }
}

static bool reserve_output(mica_encoding *e, size_t count)
{
    size_t capacity;

    if (!mica_tok_sequence_grow(&e->tokens, count) ||
        (!e->ascii && !mica_tok_sequence_grow_chars(&e->tokens, count)))
        return false;
    if (count <= e->capacity)
        return true;
#define GROW(array)                                                                                \
    (capacity = e->capacity, mica_tok_grow((void **)&e->array, &capacity, count, sizeof *e->array))
    if (!GROW(type_ids) || !GROW(special) || !GROW(attention) || !GROW(sequence_ids))
        return false;
#undef GROW
    e->capacity = capacity;
    return true;
}

static void copy_tokens(mica_tok_sequence *to, const mica_tok_sequence *from, size_t begin,
                        size_t n, bool chars)
{
    size_t at = to->count;

    memcpy(to->ids + at, from->ids + begin, n * sizeof *to->ids);
    memcpy(to->words + at, from->words + begin, n * sizeof *to->words);
    memcpy(to->texts + at, from->texts + begin, n * sizeof *to->texts);
    memcpy(to->spans + at, from->spans + begin, n * sizeof *to->spans);
    if (chars)
        memcpy(to->chars + at, from->chars + begin, n * sizeof *to->chars);
}

static void put_sequence(mica_encoding *e, const mica_tok_template_piece *piece, size_t begin,
                         size_t end)
{
    const mica_tok_postprocessor *post = &e->tokenizer->postprocessor;
    const mica_tok_sequence *s = &e->sequences[piece->sequence];
    size_t n = end - begin, at = e->tokens.count;

    if (n == 0)
        return;
    if (!e->moved)
        copy_tokens(&e->tokens, s, s->first + begin, n, !e->ascii);
    memset(e->special + at, 0, n);
    memset(e->sequence_ids + at, piece->sequence, n);
    for (size_t i = 0; i < n; i++)
        e->type_ids[at + i] = piece->type_id;
    e->tokens.count += n;
    for (size_t i = 0; i < post->trims; i++)
        trim_spans(e, e->given[piece->sequence], post->trim_prefix_space[i], at, n);
}

/* One token that stands nowhere in the text. */
static bool put_inserted(mica_encoding *e, int32_t id, int32_t type_id, const char *text,
                         size_t size)
{
    size_t at = e->tokens.count;

    e->tokens.texts[at] = -1;
    if (text && !mica_tok_token_texts_refer(&e->texts, text, size, &e->tokens.texts[at]))
        return false;
    e->tokens.ids[at] = id;
    e->type_ids[at] = type_id;
    e->special[at] = 1;
    e->sequence_ids[at] = -1;
    e->tokens.words[at] = -1;
    e->tokens.spans[at] = (mica_span){0, 0};
    if (!e->ascii)
        e->tokens.chars[at] = (mica_span){0, 0};
    e->tokens.count++;
    return true;
}

static mica_status put_padding(mica_encoding *e, size_t count, mica_error *err)
{
    const mica_tokenizer *t = e->tokenizer;
    size_t first = e->tokens.count;

    if (count == 0)
        return MICA_OK;
    if (t->pad_id < 0)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "the tokenizer has no padding token to fill up with");
    memset(e->attention + first, 0, count);
    while (count-- > 0) {
        const char *text = e->tokens.count == first ? t->padding.token : NULL;
        if (!put_inserted(e, (int32_t)t->pad_id, t->padding.type_id, text, t->padding.size))
            return mica_fail_memory(err, sizeof *e->texts.items, "an encoding");
        e->tokens.texts[e->tokens.count - 1] = e->tokens.texts[first];
    }
    return MICA_OK;
}

/* All windows of a text get the length of the first one, or the one that is asked for; those that
 * are longer stay as they are. */
static size_t padded_length(mica_encoding *e, bool first, size_t count)
{
    const mica_encode_options *o = &e->options;
    size_t multiple = o->pad_to_multiple_of;

    if (!o->pad)
        return count;
    if (first) {
        e->pad_length = o->pad_length > 0 ? o->pad_length : count;
        if (multiple > 1 && e->pad_length % multiple > 0)
            e->pad_length += multiple - e->pad_length % multiple;
    }
    return size_max(count, e->pad_length);
}

static const mica_tok_template *template_of(const mica_encoding *e)
{
    const mica_tok_postprocessor *post = &e->tokenizer->postprocessor;

    return e->pair ? &post->pair : &post->single;
}

/* How many special tokens come before the text, if it is the only one and comes once; else
 * SIZE_MAX. */
static size_t tokens_before(const mica_encoding *e)
{
    const mica_tok_template *template = template_of(e);
    size_t before = 0, texts = 0;

    for (size_t k = 0; k < template->count; k++) {
        const mica_tok_template_piece *piece = &template->pieces[k];

        texts += piece->sequence >= 0 ? (size_t)piece->sequence + 1 : 0;
        if (texts == 0 && e->options.add_special_tokens)
            before += piece->count;
    }
    return texts == 1 && !e->pair ? before : SIZE_MAX;
}

/* The first text's tokens become those of the encoding, or go back. */
static void swap_tokens(mica_encoding *e)
{
    mica_tok_sequence tokens = e->tokens;

    e->tokens = e->sequences[0];
    e->sequences[0] = tokens;
}

/* The window of texts i and j, in the template, with padding. */
static mica_status put_window(mica_encoding *e, size_t i, size_t j, mica_error *err)
{
    const mica_encode_options *o = &e->options;
    const mica_tok_template *template = template_of(e);
    size_t total = o->add_special_tokens ? template->special : 0, begin[2], end[2], pads;
    mica_status status = MICA_OK;

    if (e->moved)
        return MICA_OK; /* the only window is there already */
    window_bounds(e, 0, i, &begin[0], &end[0]);
    window_bounds(e, 1, j, &begin[1], &end[1]);
    for (size_t k = 0; k < template->count; k++)
        if (template->pieces[k].sequence >= 0)
            total += end[template->pieces[k].sequence] - begin[template->pieces[k].sequence];
    pads = padded_length(e, i == 0 && j == 0, total) - total;
    e->moved = tokens_before(e) < SIZE_MAX && end[0] - begin[0] == text_count(e, 0) &&
               (pads == 0 || !o->pad_left);
    if (e->moved)
        swap_tokens(e);
    if (!reserve_output(e, total + pads))
        return mica_fail_memory(err, (total + pads) * sizeof *e->tokens.spans, "an encoding");
    e->tokens.count = 0;
    e->texts.count = e->text_count;
    if (total + pads > 0)
        memset(e->attention, 1, total + pads);
    if (o->pad_left)
        status = put_padding(e, pads, err);
    for (size_t k = 0; k < template->count && status == MICA_OK; k++) {
        const mica_tok_template_piece *piece = &template->pieces[k];
        const mica_tok_special *tokens =
            piece->language && e->language.token ? &e->language : piece->tokens;

        if (piece->sequence >= 0)
            put_sequence(e, piece, begin[piece->sequence], end[piece->sequence]);
        for (size_t n = 0; n < piece->count && o->add_special_tokens; n++)
            if (!put_inserted(e, tokens[n].id, piece->type_id, tokens[n].token, tokens[n].size))
                return mica_fail_memory(err, sizeof *e->texts.items, "an encoding");
    }
    return status == MICA_OK && !o->pad_left ? put_padding(e, pads, err) : status;
}

size_t mica_encoding_window_count(const mica_encoding *encoding)
{
    return encoding->windows[0] * encoding->windows[1];
}

mica_status mica_encoding_window(mica_encoding *encoding, size_t i, mica_error *err)
{
    const size_t *windows = encoding->windows;
    size_t later = (windows[0] - (windows[0] > 0)) * windows[1]; /* those of later windows of the
                                                                    first text */

    if (i >= windows[0] * windows[1])
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "there is no window %zu of %zu", i,
                         windows[0] * windows[1]);
    /* In the reference's order the first window of the first text comes first with the first of the
     * second, and last with the others. */
    if (i > 0 && i <= later)
        return put_window(encoding, 1 + (i - 1) / windows[1], (i - 1) % windows[1], err);
    return put_window(encoding, 0, i > 0 ? i - later : 0, err);
}

/* Truncates the texts, and leaves window 0. */
static mica_status finish(mica_encoding *e, mica_error *err)
{
    const mica_tok_postprocessor *post = &e->tokenizer->postprocessor;
    size_t special = 0;
    mica_status status;

    if (e->options.add_special_tokens)
        special = e->pair ? post->pair.special : post->single.special;
    e->keep[0] = text_count(e, 0);
    e->keep[1] = text_count(e, 1);
    e->full_count = e->keep[0] + e->keep[1] + special;
    status = truncated_counts(&e->options, special, e->pair,
                              e->tokenizer->model.kind == MICA_TOK_SENTENCEPIECE, e->keep, err);
    if (status != MICA_OK)
        return status;
    e->truncated = e->keep[0] + e->keep[1] + special < e->full_count;
    for (int i = 0; i < 2; i++) {
        size_t count = text_count(e, i);

        if (e->keep[i] > 0 && e->keep[i] < count && e->options.stride >= e->keep[i])
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "stride %zu is too large: a window holds %zu tokens of the text",
                             e->options.stride, e->keep[i]);
        e->windows[i] = window_count(count, e->keep[i], e->options.stride);
    }
    e->text_count = e->texts.count;
    return put_window(e, 0, 0, err);
}

/* ---- encoding ---- */

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
    if (e->moved)
        swap_tokens(e);
    e->moved = false;
    e->tokens.count = e->full_count = 0;
    e->truncated = false;
    e->texts.count = e->texts.pool_size = 0;
    e->sequences[0].first = e->sequences[1].first = 0;
    e->sequences[0].count = e->sequences[1].count = 0;
    e->sequences[0].word = e->sequences[1].word = 0;
    e->windows[0] = e->windows[1] = 0;
}

static mica_status encode_texts(const mica_tokenizer *t, mica_encoding *e, mica_error *err)
{
    mica_tok_model_state state = {&e->model, mica_tok_cache_take(&t->model), &e->texts};
    mica_status status = MICA_OK;

    if (!state.cache)
        return mica_fail_memory(err, 0, "the cache of a tokenizer");
    e->ascii = is_ascii(e->given[0]) && is_ascii(e->given[1]);
    for (int i = 0; i < 1 + e->pair && status == MICA_OK; i++) {
        mica_tok_sequence *s = &e->sequences[i];
        size_t before = tokens_before(e);

        before = before < SIZE_MAX ? before : 0;
        if (mica_tok_sequence_grow(s, before + e->given[i].size / BYTES_PER_TOKEN))
            s->first = s->count = before;
        else
            status = mica_fail_memory(err, e->given[i].size, "the tokens of a text");
        if (status == MICA_OK)
            status =
                encode_text(t, e, &state, e->given[i], e->options.split_special_tokens, s, err);
        if (status == MICA_OK && !e->ascii && !fill_chars(s, e->given[i]))
            status = mica_fail_memory(err, s->count * sizeof *s->chars, "the tokens of a text");
    }
    mica_tok_cache_give(&t->model, state.cache);
    return status;
}

mica_status mica_tokenizer_encode(const mica_tokenizer *tokenizer, mica_text first,
                                  const mica_text *second, const mica_encode_options *options,
                                  mica_encoding **out, mica_error *err)
{
    mica_encoding *e = *out;
    mica_status status;

    if (!e) {
        e = mica_calloc(1, sizeof *e);
        if (!e)
            return mica_fail_memory(err, sizeof *e, "an encoding");
    }
    empty(e);
    e->tokenizer = tokenizer;
    e->options = options ? *options : tokenizer->defaults;
    e->pair = second != NULL;
    e->given[0] = first;
    e->given[1] = second ? *second : (mica_text){NULL, 0};
    e->language = (mica_tok_special){0};
    status = check_text(first, second ? "first text" : "text", err);
    if (status == MICA_OK && second)
        status = check_text(*second, "second text", err);
    if (status == MICA_OK && e->options.language)
        status = mica_tok_find_language(tokenizer, e->options.language, &e->language, err);
    if (status == MICA_OK)
        status = encode_texts(tokenizer, e, err);
    if (status == MICA_OK)
        status = finish(e, err);
    if (status != MICA_OK) {
        empty(e);
        if (!*out)
            mica_encoding_destroy(&e);
        return status;
    }
    *out = e;
    return MICA_OK;
}
