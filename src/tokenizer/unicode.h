/* SPDX-License-Identifier: MIT
 *
 * What the tokenizers need to know about characters: the sets as Hugging Face's library has them
 * (see unicode_tables.c: its parts follow different versions of Unicode), whatever version of
 * utf8proc is installed. Only values that Unicode promises never to change come from utf8proc: the
 * decompositions and the combining class of a character of which the tables say that it has one.
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
    mica_unicode_number[], mica_unicode_numeric[], mica_unicode_accent[], mica_unicode_no_nfc[],
    mica_unicode_no_nfkc[], mica_unicode_second[], mica_unicode_grapheme_extend[],
    mica_unicode_grapheme_spacing[], mica_unicode_grapheme_control[],
    mica_unicode_grapheme_prepend[], mica_unicode_grapheme_picture[], mica_unicode_grapheme_l[],
    mica_unicode_grapheme_v[], mica_unicode_grapheme_t[], mica_unicode_conjunct_consonant[],
    mica_unicode_conjunct_linker[], mica_unicode_conjunct_none[];
extern const size_t mica_unicode_dropped_count, mica_unicode_space_count,
    mica_unicode_punctuation_count, mica_unicode_chinese_count, mica_unicode_mark_count,
    mica_unicode_word_count, mica_unicode_decomposed_count, mica_unicode_combining_count,
    mica_unicode_letter_count, mica_unicode_number_count, mica_unicode_numeric_count,
    mica_unicode_accent_count, mica_unicode_no_nfc_count, mica_unicode_no_nfkc_count,
    mica_unicode_second_count, mica_unicode_grapheme_extend_count,
    mica_unicode_grapheme_spacing_count, mica_unicode_grapheme_control_count,
    mica_unicode_grapheme_prepend_count, mica_unicode_grapheme_picture_count,
    mica_unicode_grapheme_l_count, mica_unicode_grapheme_v_count, mica_unicode_grapheme_t_count,
    mica_unicode_conjunct_consonant_count, mica_unicode_conjunct_linker_count,
    mica_unicode_conjunct_none_count;
extern const mica_unicode_lower_range mica_unicode_lower[];
extern const size_t mica_unicode_lower_count;

/* Two characters that NFC makes one of. */
typedef struct mica_unicode_composition {
    uint32_t first, second, both;
} mica_unicode_composition;
extern const mica_unicode_composition mica_unicode_compositions[];
extern const size_t mica_unicode_compositions_count;

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
    MICA_CHAR_NUMERIC = 2048,  /* what Digits splits: \p{N} of another version */
    MICA_CHAR_ACCENT = 4096,   /* removed by StripAccents: M* */
    MICA_CHAR_NO_NFC = 8192,   /* NFC differs from the character */
    MICA_CHAR_NO_NFKC = 16384, /* NFKC differs; NFKD differs if this or DECOMPOSED is set */
    MICA_CHAR_SECOND = 32768   /* NFC may make it one with a character before it */
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

/* The full decomposition, canonical or compatible, of a character that the flags say has one;
 * returns its length. */
#define MICA_UNICODE_DECOMPOSITION_MAX 18
size_t mica_unicode_decompose(uint32_t c, bool compatible,
                              uint32_t out[MICA_UNICODE_DECOMPOSITION_MAX]);
/* What NFC makes of two characters, of which the second has MICA_CHAR_SECOND; 0 = they stay two. */
uint32_t mica_unicode_compose(uint32_t first, uint32_t second);
/* The canonical combining class of a character that has MICA_CHAR_COMBINING. */
unsigned mica_unicode_combining_class(uint32_t c);
/* The lower case of a character that has MICA_CHAR_LOWER; returns its length, 1 or 2. */
size_t mica_unicode_to_lower(uint32_t c, uint32_t out[2]);

/* The number of a character's script, or ANY: it goes with every script. */
enum { MICA_SCRIPT_NONE, MICA_SCRIPT_ANY };
unsigned mica_unicode_script(uint32_t c);

#endif
