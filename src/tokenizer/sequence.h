/* SPDX-License-Identifier: MIT
 *
 * The tokens of one text on their way from the model to the post-processor.
 */
#ifndef MICA_TOKENIZER_SEQUENCE_H
#define MICA_TOKENIZER_SEQUENCE_H

#include "mica/tokenizer.h"
#include "tokenizer/text.h"

typedef struct mica_tok_sequence {
    int32_t *ids;
    int32_t
        *texts; /* index of the token's text in the encoding, or -1: the model's string of the id */
    mica_span *spans; /* bytes of the original text */
    size_t count, capacity;
} mica_tok_sequence;

void mica_tok_sequence_release(mica_tok_sequence *sequence);
bool mica_tok_sequence_grow(mica_tok_sequence *sequence, size_t needed);

/* Room for `extra` more tokens; false = out of memory. */
static inline bool mica_tok_sequence_reserve(mica_tok_sequence *sequence, size_t extra)
{
    return sequence->capacity - sequence->count >= extra ||
           mica_tok_sequence_grow(sequence, sequence->count + extra);
}

#endif
