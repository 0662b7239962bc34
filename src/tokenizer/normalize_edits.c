/* SPDX-License-Identifier: MIT
 *
 * The simple normalizers: those that drop or replace characters one by one, and those that edit the
 * ends of a text or what a pattern finds.
 */
#include "tokenizer/byte_level.h"
#include "tokenizer/normalize_steps.h"

/* ---- characters, one by one ---- */

/* What becomes of a character: itself, another one, or nothing. */
#define DROPPED UINT32_MAX
typedef uint32_t mapper(const mica_unicode *unicode, uint32_t c);

static bool map_chars(const mica_tok_step_run *run, mapper *map, const mica_tok_text **result)
{
    mica_tok_edit edit;
    bool fine = true;

    mica_tok_edit_begin(&edit, run->in, run->out, run->start);
    for (size_t at = 0, length; at < run->in->size && fine; at += length) {
        uint32_t c, mapped;

        length = mica_tok_char(run->in->data + at, &c);
        mapped = map(run->unicode, c);
        if (mapped == c)
            mica_tok_edit_keep(&edit, length);
        else if (mapped == DROPPED)
            fine = mica_tok_edit_remove(&edit, length);
        else
            fine = mica_tok_edit_put(&edit, mapped, 1);
    }
    return fine && mica_tok_edit_end(&edit, result);
}

static uint32_t without_accent(const mica_unicode *unicode, uint32_t c)
{
    return mica_unicode_flags(unicode, c) & MICA_CHAR_ACCENT ? DROPPED : c;
}

bool mica_tok_step_strip_accents(const mica_tok_step_run *run, const mica_tok_text **result)
{
    return map_chars(run, without_accent, result);
}

/* The characters are written down in the reference, not taken from Unicode. */
static uint32_t nmt(const mica_unicode *unicode, uint32_t c)
{
    if (c >= 0x20 && c < 0x7F)
        return c;
    if ((c >= 1 && c <= 8) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F ||
        c == 0x9F)
        return DROPPED;
    if (c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 0x1680 ||
        (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
        c == 0xFFFD)
        return ' ';
    return c;
}

bool mica_tok_step_nmt(const mica_tok_step_run *run, const mica_tok_text **result)
{
    return map_chars(run, nmt, result);
}

/* Every byte as a character of GPT-2's alphabet. */
bool mica_tok_step_byte_level(const mica_tok_step_run *run, const mica_tok_text **result)
{
    mica_tok_edit edit;
    bool fine = true;

    mica_tok_edit_begin(&edit, run->in, run->out, run->start);
    for (size_t at = 0, length; at < run->in->size && fine; at += length) {
        const char *data = run->in->data + at;
        uint32_t c;

        length = mica_tok_char(data, &c);
        if (c < 128 && mica_tok_byte_char((unsigned char)c) == c) {
            mica_tok_edit_keep(&edit, length);
            continue;
        }
        for (size_t i = 0; i < length && fine; i++)
            fine = mica_tok_edit_put(&edit, mica_tok_byte_char((unsigned char)data[i]), i == 0);
    }
    return fine && mica_tok_edit_end(&edit, result);
}

/* ---- the ends ---- */

static bool is_space(const mica_tok_step_run *run, size_t at, size_t *length)
{
    uint32_t c;

    *length = mica_tok_char(run->in->data + at, &c);
    return (mica_unicode_flags(run->unicode, c) & MICA_CHAR_SPACE) != 0;
}

bool mica_tok_step_strip(const mica_tok_step_run *run, const mica_tok_text **result)
{
    size_t begin = 0, end = run->in->size, length;
    mica_tok_edit edit;

    if (run->step->left)
        while (begin < end && is_space(run, begin, &length))
            begin += length;
    while (run->step->right && end > begin) {
        size_t at = end;
        do
            at--;
        while (((unsigned char)run->in->data[at] & 0xC0) == 0x80);
        if (!is_space(run, at, &length))
            break;
        end = at;
    }
    mica_tok_edit_begin(&edit, run->in, run->out, run->start);
    if (!mica_tok_edit_remove(&edit, begin))
        return false;
    mica_tok_edit_keep(&edit, end - begin);
    return mica_tok_edit_remove(&edit, run->in->size - end) && mica_tok_edit_end(&edit, result);
}

/* All of what is prepended comes from where the first character comes from. An empty string makes
 * that one come from nothing, as it does in the reference. */
bool mica_tok_step_prepend(const mica_tok_step_run *run, const mica_tok_text **result)
{
    mica_tok_text *out = run->out;
    mica_tok_cursor cursor = {0};
    uint32_t c;
    size_t first = mica_tok_char(run->in->data, &c), from, to;

    mica_tok_text_origin(run->in, &cursor, 0, first, &from, &to);
    mica_tok_text_clear(out);
    *result = out;
    if (run->step->to_size == 0)
        return mica_tok_text_put(out, run->in->data, first, run->start, run->start) &&
               mica_tok_text_copy(out, run->in, &cursor, first, run->in->size);
    return mica_tok_text_put(out, run->step->to, run->step->to_size, from, to) &&
           mica_tok_text_copy(out, run->in, &cursor, 0, run->in->size);
}

/* ---- patterns ---- */

static mica_status next_match(const mica_tok_step_run *run, size_t at, size_t *begin, size_t *end,
                              bool *found, mica_error *err)
{
    const mica_tok_normalize_step *step = run->step;
    const mica_tok_text *in = run->in;

    if (step->regex)
        return mica_tok_regex_next(step->regex, &run->work->search, in->data, in->size, begin, end,
                                   found, err);
    *found = mica_tok_find(in->data, in->size, at, step->text, step->size, begin);
    if (*found)
        *end = *begin + step->size;
    return MICA_OK;
}

mica_status mica_tok_step_replace(const mica_tok_step_run *run, const mica_tok_text **result,
                                  mica_error *err)
{
    const mica_tok_normalize_step *step = run->step;
    mica_tok_edit edit;
    bool found = true;

    run->work->search.at = run->work->search.last = 0;
    mica_tok_edit_begin(&edit, run->in, run->out, run->start);
    for (size_t at = 0, begin, end; found; at = end) {
        mica_status status = next_match(run, at, &begin, &end, &found, err);

        if (status != MICA_OK)
            return status;
        if (!found)
            break;
        mica_tok_edit_keep(&edit, begin - at);
        if (!mica_tok_edit_replace(&edit, end - begin, step->to, step->to_size))
            return mica_fail_memory(err, run->in->size, "a normalized text");
    }
    return mica_tok_edit_end(&edit, result)
               ? MICA_OK
               : mica_fail_memory(err, run->in->size, "a normalized text");
}
