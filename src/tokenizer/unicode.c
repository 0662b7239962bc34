/* SPDX-License-Identifier: MIT */
#include "tokenizer/unicode.h"

#include <string.h>
#include <utf8proc.h>

#include "base/alloc.h"

/* The flags of a block, made its own if it still is the shared empty one. NULL = out of memory. */
static uint16_t *own_block(mica_unicode *unicode, size_t block)
{
    if (unicode->block[block] == 0) {
        uint16_t *grown =
            mica_realloc_array(unicode->flags, (unicode->blocks + 1) * 256, sizeof *grown);
        if (!grown)
            return NULL;
        memset(grown + unicode->blocks * 256, 0, 256 * sizeof *grown);
        unicode->flags = grown;
        unicode->block[block] = (uint16_t)unicode->blocks++;
    }
    return unicode->flags + (size_t)unicode->block[block] * 256;
}

static bool mark_step(mica_unicode *unicode, uint32_t first, uint32_t last, uint32_t step,
                      uint16_t flag)
{
    uint16_t *flags = NULL;
    uint32_t block = UINT32_MAX;

    for (uint32_t c = first; c <= last; c += step) {
        if (c >> 8 != block) {
            block = c >> 8;
            flags = own_block(unicode, block);
            if (!flags)
                return false;
        }
        flags[c & 255] |= flag;
    }
    return true;
}

bool mica_unicode_build(mica_unicode *unicode)
{
    const struct {
        const mica_unicode_range *ranges;
        size_t count;
        uint16_t flag;
    } sets[] = {
        {mica_unicode_dropped, mica_unicode_dropped_count, MICA_CHAR_DROPPED},
        {mica_unicode_space, mica_unicode_space_count, MICA_CHAR_SPACE},
        {mica_unicode_punctuation, mica_unicode_punctuation_count, MICA_CHAR_PUNCTUATION},
        {mica_unicode_chinese, mica_unicode_chinese_count, MICA_CHAR_CHINESE},
        {mica_unicode_mark, mica_unicode_mark_count, MICA_CHAR_MARK},
        {mica_unicode_word, mica_unicode_word_count, MICA_CHAR_WORD},
        {mica_unicode_decomposed, mica_unicode_decomposed_count, MICA_CHAR_DECOMPOSED},
        {mica_unicode_combining, mica_unicode_combining_count, MICA_CHAR_COMBINING},
    };

    memset(unicode, 0, sizeof *unicode);
    unicode->flags = mica_calloc(256, sizeof *unicode->flags);
    if (!unicode->flags)
        return false;
    unicode->blocks = 1;
    for (size_t s = 0; s < sizeof sets / sizeof *sets; s++)
        for (size_t i = 0; i < sets[s].count; i++)
            if (!mark_step(unicode, sets[s].ranges[i].first, sets[s].ranges[i].last, 1,
                           sets[s].flag))
                return false;
    for (size_t i = 0; i < mica_unicode_lower_count; i++)
        if (!mark_step(unicode, mica_unicode_lower[i].first, mica_unicode_lower[i].last,
                       (uint32_t)mica_unicode_lower[i].step, MICA_CHAR_LOWER))
            return false;
    return mark_step(unicode, 0x130, 0x130, 1, MICA_CHAR_LOWER);
}

void mica_unicode_release(mica_unicode *unicode)
{
    mica_free(unicode->flags);
    unicode->flags = NULL;
}

size_t mica_unicode_decompose(uint32_t c, uint32_t out[4])
{
    utf8proc_int32_t parts[4];
    utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)c, parts, 4, UTF8PROC_DECOMPOSE, NULL);

    if (n < 1 || n > 4) { /* not in this utf8proc: leave the character as it is */
        out[0] = c;
        return 1;
    }
    for (utf8proc_ssize_t i = 0; i < n; i++)
        out[i] = (uint32_t)parts[i];
    return (size_t)n;
}

unsigned mica_unicode_combining_class(uint32_t c)
{
    return (unsigned)utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
}

size_t mica_unicode_to_lower(uint32_t c, uint32_t out[2])
{
    size_t low = 0, high = mica_unicode_lower_count;

    out[0] = c;
    if (c == 0x130) {
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    /* The last range that starts at or before c; ranges do not overlap. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mica_unicode_lower[middle].first <= c)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0) {
        const mica_unicode_lower_range *r = &mica_unicode_lower[low - 1];
        if (c <= r->last && (c - r->first) % (uint32_t)r->step == 0)
            out[0] = (uint32_t)((int32_t)c + r->difference);
    }
    return 1;
}
