/* SPDX-License-Identifier: MIT
 *
 * Extended grapheme clusters (UAX #29), of the version of Unicode that Hugging Face's library has.
 * Pairs of regional indicators are not put together: who asks here treats clusters of 6 bytes or
 * more character by character, and a regional indicator with anything else has 6.
 */
#ifndef MICA_TOKENIZER_GRAPHEME_H
#define MICA_TOKENIZER_GRAPHEME_H

#include <stdbool.h>
#include <stdint.h>

/* What a character is to clusters: a class, and flags for conjuncts (rule GB9c). */
typedef enum mica_grapheme {
    MICA_GRAPHEME_OTHER,
    MICA_GRAPHEME_CONTROL,
    MICA_GRAPHEME_CR,
    MICA_GRAPHEME_LF,
    MICA_GRAPHEME_EXTEND,
    MICA_GRAPHEME_SPACING, /* SpacingMark */
    MICA_GRAPHEME_ZWJ,
    MICA_GRAPHEME_PREPEND,
    MICA_GRAPHEME_PICTURE, /* Extended_Pictographic */
    MICA_GRAPHEME_L, /* Hangul: leading, vowel, trailing, syllables without and with trailing */
    MICA_GRAPHEME_V,
    MICA_GRAPHEME_T,
    MICA_GRAPHEME_LV,
    MICA_GRAPHEME_LVT,
    MICA_GRAPHEME_CLASS = 15, /* mask */
    MICA_GRAPHEME_CONSONANT = 16,
    MICA_GRAPHEME_LINKER = 32,
    MICA_GRAPHEME_NO_CONJUNCT = 64, /* extends a cluster, but not a conjunct */
    MICA_GRAPHEME_FREE = 128        /* for who has the table */
} mica_grapheme;

/* A mica_grapheme for each code point; released with mica_free. NULL = out of memory. */
uint8_t *mica_grapheme_table(void);

/* A walk over the characters of clusters; starts as {0}. */
typedef struct mica_grapheme_walk {
    uint8_t last;     /* class of the last character; 0 is as good as none */
    bool picture;     /* ... which ends "picture, extend*", maybe with ZWJ */
    uint8_t conjunct; /* 1: ... "consonant, extend*"; 2: with a linker in it */
} mica_grapheme_walk;

/* The next character: does it belong to the cluster of the one before? */
static inline bool mica_grapheme_joins(mica_grapheme_walk *walk, uint8_t next)
{
    unsigned last = walk->last, class = next & MICA_GRAPHEME_CLASS;
    bool joins = false;

    if (class >= MICA_GRAPHEME_CONTROL && class <= MICA_GRAPHEME_LF)
        joins = last == MICA_GRAPHEME_CR && class == MICA_GRAPHEME_LF;
    else if (last >= MICA_GRAPHEME_CONTROL && last <= MICA_GRAPHEME_LF)
        joins = false;
    else if (class >= MICA_GRAPHEME_EXTEND && class <= MICA_GRAPHEME_ZWJ)
        joins = true;
    else if (last == MICA_GRAPHEME_PREPEND)
        joins = true;
    else if (class == MICA_GRAPHEME_PICTURE)
        joins = last == MICA_GRAPHEME_ZWJ && walk->picture;
    else if (last == MICA_GRAPHEME_L)
        joins = class == MICA_GRAPHEME_L || class == MICA_GRAPHEME_V || class == MICA_GRAPHEME_LV ||
                class == MICA_GRAPHEME_LVT;
    else if (last == MICA_GRAPHEME_V || last == MICA_GRAPHEME_LV)
        joins = class == MICA_GRAPHEME_V || class == MICA_GRAPHEME_T;
    else if (last == MICA_GRAPHEME_T || last == MICA_GRAPHEME_LVT)
        joins = class == MICA_GRAPHEME_T;
    else if (next & MICA_GRAPHEME_CONSONANT)
        joins = walk->conjunct == 2;

    if (class == MICA_GRAPHEME_PICTURE)
        walk->picture = true;
    else if ((class != MICA_GRAPHEME_EXTEND && class != MICA_GRAPHEME_ZWJ) ||
             last == MICA_GRAPHEME_ZWJ)
        walk->picture = false;
    if (next & MICA_GRAPHEME_CONSONANT)
        walk->conjunct = 1;
    else if (next & MICA_GRAPHEME_LINKER)
        walk->conjunct = walk->conjunct ? 2 : 0;
    else if ((class != MICA_GRAPHEME_EXTEND && class != MICA_GRAPHEME_ZWJ) ||
             (next & MICA_GRAPHEME_NO_CONJUNCT))
        walk->conjunct = 0;
    walk->last = (uint8_t) class;
    return joins;
}

#endif
