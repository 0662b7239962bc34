/* SPDX-License-Identifier: MIT
 *
 * What the tokenizers need to know about characters: the sets as Hugging Face's library has them
 * (see unicode_tables.c: its parts follow different versions of Unicode), whatever version of
 * utf8proc is installed. Only values that Unicode promises never to change come from utf8proc: the
 * canonical decomposition and the combining class of a character of which the tables say that it
 * has one.
 */
#ifndef MICA_TOKENIZER_UNICODE_H
#define MICA_TOKENIZER_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mica_unicode_range {
    uint32_t first, last;
} mica_unicode_range;

/* Every `step`-th character of first..last has its lower case `difference` further. */
typedef struct mica_unicode_lower_range {
    uint32_t first, last;
    int32_t step, difference;
} mica_unicode_lower_range;

extern const mica_unicode_range mica_unicode_dropped[], mica_unicode_space[],
    mica_unicode_punctuation[], mica_unicode_chinese[], mica_unicode_mark[], mica_unicode_word[],
    mica_unicode_decomposed[], mica_unicode_combining[], mica_unicode_letter[],
    mica_unicode_number[], mica_unicode_numeric[];
extern const size_t mica_unicode_dropped_count, mica_unicode_space_count,
    mica_unicode_punctuation_count, mica_unicode_chinese_count, mica_unicode_mark_count,
    mica_unicode_word_count, mica_unicode_decomposed_count, mica_unicode_combining_count,
    mica_unicode_letter_count, mica_unicode_number_count, mica_unicode_numeric_count;
extern const mica_unicode_lower_range mica_unicode_lower[];
extern const size_t mica_unicode_lower_count;

/* Characters of one script. */
typedef struct mica_unicode_script_range {
    uint32_t first, last;
    unsigned script;
} mica_unicode_script_range;
extern const mica_unicode_script_range mica_unicode_scripts[];
extern const size_t mica_unicode_scripts_count;

enum {
    MICA_CHAR_DROPPED = 1,     /* removed by clean_text */
    MICA_CHAR_SPACE = 2,       /* White_Space, \s */
    MICA_CHAR_PUNCTUATION = 4, /* ASCII punctuation and symbols, P* elsewhere */
    MICA_CHAR_CHINESE = 8,     /* set apart by handle_chinese_chars */
    MICA_CHAR_MARK = 16,       /* Mn */
    MICA_CHAR_WORD = 32,       /* \w */
    MICA_CHAR_DECOMPOSED = 64, /* NFD differs from the character */
    MICA_CHAR_COMBINING = 128, /* combining class is not 0 */
    MICA_CHAR_LOWER = 256,     /* has another lower case */
    MICA_CHAR_LETTER = 512,    /* \p{L} of patterns */
    MICA_CHAR_NUMBER = 1024,   /* \p{N} of patterns */
    MICA_CHAR_NUMERIC = 2048   /* what Digits splits: \p{N} of another version */
};

/* The flags of all characters as a table in two stages, 256 characters a block. */
typedef struct mica_unicode {
    uint16_t block[0x110000 >> 8]; /* index of the block's flags */
    uint16_t *flags;               /* 256 a block; block 0 is all zero */
    size_t blocks;
} mica_unicode;

bool mica_unicode_build(mica_unicode *unicode); /* false = out of memory */
void mica_unicode_release(mica_unicode *unicode);

static inline unsigned mica_unicode_flags(const mica_unicode *unicode, uint32_t c)
{
    return unicode->flags[(size_t)unicode->block[c >> 8] * 256 + (c & 255)];
}

/* The full canonical decomposition of a character that has MICA_CHAR_DECOMPOSED; returns its
 * length, at most 4. */
size_t mica_unicode_decompose(uint32_t c, uint32_t out[4]);
/* The canonical combining class of a character that has MICA_CHAR_COMBINING. */
unsigned mica_unicode_combining_class(uint32_t c);
/* The lower case of a character that has MICA_CHAR_LOWER; returns its length, 1 or 2. */
size_t mica_unicode_to_lower(uint32_t c, uint32_t out[2]);

/* The number of a character's script, or ANY: it goes with every script. */
enum { MICA_SCRIPT_NONE, MICA_SCRIPT_ANY };
unsigned mica_unicode_script(uint32_t c);

#endif
