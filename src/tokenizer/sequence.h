/* SPDX-License-Identifier: MIT
 *
 * The tokens of one text on their way from the model to the post-processor.
 */
#ifndef MICA_TOKENIZER_SEQUENCE_H
#define MICA_TOKENIZER_SEQUENCE_H

#include "mica/tokenizer.h"
#include "tokenizer/text.h"

/* The text of a token that is not the model's string of its id. */
typedef struct mica_tok_token_text {
    const char *data; /* the tokenizer's, or NULL: in the pool at `offset` */
    size_t offset, size;
} mica_tok_token_text;

typedef struct mica_tok_token_texts {
    mica_tok_token_text *items;
    size_t count, capacity;
    char *pool;
    size_t pool_size, pool_capacity;
} mica_tok_token_texts;

void mica_tok_token_texts_release(mica_tok_token_texts *texts);
/* Keeps a copy of a token's text; *index is where. False = out of memory. */
bool mica_tok_token_texts_keep(mica_tok_token_texts *texts, const char *data, size_t size,
                               int32_t *index);
/* Keeps a text that belongs to the tokenizer. */
bool mica_tok_token_texts_refer(mica_tok_token_texts *texts, const char *data, size_t size,
                                int32_t *index);

typedef struct mica_tok_sequence {
    int32_t *ids;
    int32_t *texts;   /* index of the token's text, or -1: the model's string of the id */
    int32_t *words;   /* which piece of the pre-tokenizer */
    mica_span *spans; /* bytes of the original text */
    mica_span *chars; /* the same in code points, once the text is done; none where it is ASCII */
    size_t first;     /* where the tokens begin: room before them for special tokens */
    size_t count;     /* where they end */
    size_t capacity, chars_capacity;
    int32_t word; /* the piece that comes next */
} mica_tok_sequence;

void mica_tok_sequence_release(mica_tok_sequence *sequence);
bool mica_tok_sequence_grow(mica_tok_sequence *sequence, size_t needed); /* but for `chars` */
bool mica_tok_sequence_grow_chars(mica_tok_sequence *sequence, size_t needed);

/* Room for `extra` more tokens; false = out of memory. */
static inline bool mica_tok_sequence_reserve(mica_tok_sequence *sequence, size_t extra)
{
    return sequence->capacity - sequence->count >= extra ||
           mica_tok_sequence_grow(sequence, sequence->count + extra);
}

#endif
