/* SPDX-License-Identifier: MIT */
#include "tokenizer/grapheme.h"

#include "base/alloc.h"
#include "tokenizer/unicode.h"

#define CODE_POINTS 0x110000u

static void mark(uint8_t *table, const mica_unicode_range *ranges, size_t count, unsigned bits)
{
    for (size_t i = 0; i < count; i++)
        for (uint32_t c = ranges[i].first; c <= ranges[i].last; c++)
            table[c] |= (uint8_t)bits;
}

/* Most of the table is never touched: its pages stay the system's page of zeros. */
uint8_t *mica_grapheme_table(void)
{
#define MARK(name, bits) mark(table, mica_unicode_##name, mica_unicode_##name##_count, bits)
    uint8_t *table = mica_calloc(CODE_POINTS, 1);

    if (!table)
        return NULL;
    for (uint32_t c = 0; c < ' '; c++)
        table[c] = MICA_GRAPHEME_CONTROL;
    table[0x7F] = MICA_GRAPHEME_CONTROL;
    table['\r'] = MICA_GRAPHEME_CR;
    table['\n'] = MICA_GRAPHEME_LF;
    table[0x200D] = MICA_GRAPHEME_ZWJ;
    for (uint32_t c = 0xAC00; c <= 0xD7A3; c++)
        table[c] = (c - 0xAC00) % 28 == 0 ? MICA_GRAPHEME_LV : MICA_GRAPHEME_LVT;
    MARK(grapheme_extend, MICA_GRAPHEME_EXTEND);
    MARK(grapheme_spacing, MICA_GRAPHEME_SPACING);
    MARK(grapheme_control, MICA_GRAPHEME_CONTROL);
    MARK(grapheme_prepend, MICA_GRAPHEME_PREPEND);
    MARK(grapheme_picture, MICA_GRAPHEME_PICTURE);
    MARK(grapheme_l, MICA_GRAPHEME_L);
    MARK(grapheme_v, MICA_GRAPHEME_V);
    MARK(grapheme_t, MICA_GRAPHEME_T);
    MARK(conjunct_consonant, MICA_GRAPHEME_CONSONANT);
    MARK(conjunct_linker, MICA_GRAPHEME_LINKER);
    MARK(conjunct_none, MICA_GRAPHEME_NO_CONJUNCT);
    return table;
#undef MARK
}
