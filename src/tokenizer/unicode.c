/* SPDX-License-Identifier: MIT */
#include "tokenizer/unicode.h"

#include <string.h>
#include <utf8proc.h>

#include "base/alloc.h"
#include "tokenizer/text.h"

typedef struct set {
    const mica_unicode_range *ranges;
    size_t count, next; /* ranges before `next` end before the block at hand */
    uint16_t flag;
} set;

/* Adds a set's flag to the 256 characters from `first` on; or to *all, if all of them have it.
 * Returns whether some do, but not all. */
static bool mark_block(set *s, uint32_t first, uint16_t flags[256], uint16_t *all)
{
    bool some = false;

    while (s->next < s->count && s->ranges[s->next].last < first)
        s->next++;
    for (size_t i = s->next; i < s->count && s->ranges[i].first <= first + 255; i++) {
        uint32_t from = s->ranges[i].first < first ? first : s->ranges[i].first;
        uint32_t to = s->ranges[i].last > first + 255 ? first + 255 : s->ranges[i].last;
        if (to - from == 255) {
            *all |= s->flag;
            return false;
        }
        for (uint32_t c = from; c <= to; c++)
            flags[c - first] |= s->flag;
        some = true;
    }
    return some;
}

static bool mark_lower(size_t *next, uint32_t first, uint16_t flags[256])
{
    bool some = first == 0x100;

    const mica_unicode_lower_range *ranges = mica_unicode_lower;

    while (*next < mica_unicode_lower_count && ranges[*next].last < first)
        ++*next;
    for (size_t i = *next; i < mica_unicode_lower_count && ranges[i].first <= first + 255; i++)
        for (uint32_t c = ranges[i].first; c <= ranges[i].last; c += (uint32_t)ranges[i].step)
            if (c >= first && c <= first + 255) {
                flags[c - first] |= MICA_CHAR_LOWER;
                some = true;
            }
    if (first == 0x100)
        flags[0x30] |= MICA_CHAR_LOWER;
    return some;
}

/* Block 0 is empty; a block whose characters are all alike shares the flags of the one before if
 * those are the same, as in the long runs of Chinese characters and of private use. */
bool mica_unicode_build(mica_unicode *unicode)
{
    set sets[] = {
        {mica_unicode_dropped, mica_unicode_dropped_count, 0, MICA_CHAR_DROPPED},
        {mica_unicode_space, mica_unicode_space_count, 0, MICA_CHAR_SPACE},
        {mica_unicode_punctuation, mica_unicode_punctuation_count, 0, MICA_CHAR_PUNCTUATION},
        {mica_unicode_chinese, mica_unicode_chinese_count, 0, MICA_CHAR_CHINESE},
        {mica_unicode_mark, mica_unicode_mark_count, 0, MICA_CHAR_MARK},
        {mica_unicode_word, mica_unicode_word_count, 0, MICA_CHAR_WORD},
        {mica_unicode_decomposed, mica_unicode_decomposed_count, 0, MICA_CHAR_DECOMPOSED},
        {mica_unicode_combining, mica_unicode_combining_count, 0, MICA_CHAR_COMBINING},
        {mica_unicode_letter, mica_unicode_letter_count, 0, MICA_CHAR_LETTER},
        {mica_unicode_number, mica_unicode_number_count, 0, MICA_CHAR_NUMBER},
        {mica_unicode_numeric, mica_unicode_numeric_count, 0, MICA_CHAR_NUMERIC},
        {mica_unicode_accent, mica_unicode_accent_count, 0, MICA_CHAR_ACCENT},
        {mica_unicode_no_nfc, mica_unicode_no_nfc_count, 0, MICA_CHAR_NO_NFC},
        {mica_unicode_no_nfkc, mica_unicode_no_nfkc_count, 0, MICA_CHAR_NO_NFKC},
        {mica_unicode_second, mica_unicode_second_count, 0, MICA_CHAR_SECOND},
    };
    size_t capacity = 0, lower = 0;
    uint16_t last = 0; /* what all characters of the last block have, if they have the same */

    memset(unicode, 0, sizeof *unicode);
    if (!mica_tok_grow((void **)&unicode->flags, &capacity, 256 * 256, sizeof *unicode->flags))
        return false;
    memset(unicode->flags, 0, 256 * sizeof *unicode->flags);
    unicode->blocks = 1;
    for (uint32_t block = 0; block < 0x110000 >> 8; block++) {
        uint16_t flags[256] = {0}, all = 0;
        bool mixed = false;

        for (size_t s = 0; s < sizeof sets / sizeof *sets; s++)
            mixed |= mark_block(&sets[s], block << 8, flags, &all);
        mixed |= mark_lower(&lower, block << 8, flags);
        if (!mixed && all == 0)
            continue;
        if (mixed || all != last) {
            for (size_t i = 0; i < 256; i++)
                flags[i] |= all;
            last = mixed ? 0 : all;
            if (!mica_tok_grow((void **)&unicode->flags, &capacity, (unicode->blocks + 1) * 256,
                               sizeof *unicode->flags))
                return false;
            memcpy(unicode->flags + unicode->blocks++ * 256, flags, sizeof flags);
        }
        unicode->block[block] = (uint16_t)(unicode->blocks - 1);
    }
    return true;
}

void mica_unicode_release(mica_unicode *unicode)
{
    mica_free(unicode->flags);
    unicode->flags = NULL;
}

/* Hangul syllables are arithmetic: (leading, vowel, trailing or none). */
enum {
    HANGUL_S = 0xAC00,
    HANGUL_L = 0x1100,
    HANGUL_V = 0x1161,
    HANGUL_T = 0x11A7, /* "none" */
    HANGUL_LS = 19,
    HANGUL_VS = 21,
    HANGUL_TS = 28
};

size_t mica_unicode_decompose(uint32_t c, bool compatible,
                              uint32_t out[MICA_UNICODE_DECOMPOSITION_MAX])
{
    utf8proc_int32_t parts[MICA_UNICODE_DECOMPOSITION_MAX];
    utf8proc_option_t options = UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
    utf8proc_ssize_t n;

    if (c >= HANGUL_S && c - HANGUL_S < HANGUL_LS * HANGUL_VS * HANGUL_TS) {
        uint32_t index = c - HANGUL_S, trailing = index % HANGUL_TS;
        out[0] = HANGUL_L + index / (HANGUL_VS * HANGUL_TS);
        out[1] = HANGUL_V + index / HANGUL_TS % HANGUL_VS;
        out[2] = HANGUL_T + trailing;
        return trailing ? 3 : 2;
    }
    n = utf8proc_decompose_char((utf8proc_int32_t)c, parts, MICA_UNICODE_DECOMPOSITION_MAX, options,
                                NULL);
    if (n < 1 || n > MICA_UNICODE_DECOMPOSITION_MAX) { /* not in this utf8proc: it stays */
        out[0] = c;
        return 1;
    }
    for (utf8proc_ssize_t i = 0; i < n; i++)
        out[i] = (uint32_t)parts[i];
    return (size_t)n;
}

static uint32_t compose_hangul(uint32_t first, uint32_t second)
{
    if (first - HANGUL_L < HANGUL_LS && second - HANGUL_V < HANGUL_VS)
        return HANGUL_S +
               ((first - HANGUL_L) * HANGUL_VS + (second - HANGUL_V)) * (uint32_t)HANGUL_TS;
    if (first - HANGUL_S < HANGUL_LS * HANGUL_VS * HANGUL_TS &&
        (first - HANGUL_S) % HANGUL_TS == 0 && second > HANGUL_T && second - HANGUL_T < HANGUL_TS)
        return first + (second - HANGUL_T);
    return 0;
}

uint32_t mica_unicode_compose(uint32_t first, uint32_t second)
{
    size_t low = 0, high = mica_unicode_compositions_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const mica_unicode_composition *row = &mica_unicode_compositions[middle];

        if (row->first == first && row->second == second)
            return row->both;
        if (row->first < first || (row->first == first && row->second < second))
            low = middle + 1;
        else
            high = middle;
    }
    return compose_hangul(first, second);
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

unsigned mica_unicode_script(uint32_t c)
{
    size_t low = 0, high = mica_unicode_scripts_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mica_unicode_scripts[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < mica_unicode_scripts_count && mica_unicode_scripts[low].first <= c
               ? mica_unicode_scripts[low].script
               : MICA_SCRIPT_ANY;
}
