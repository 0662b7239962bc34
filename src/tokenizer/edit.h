/* SPDX-License-Identifier: MIT
 *
 * Making one text of another, with origins as Hugging Face's NormalizedString keeps them. What
 * comes out stands in place of the next characters of what goes in, and then comes from where the
 * first of them comes from; or it is inserted, and comes from where the character before it comes
 * from: the last one whose place has been taken. Before the first character that is nowhere:
 * nothing, at the start of the original.
 *
 * What stays as it is costs nothing until something changes.
 */
#ifndef MICA_TOKENIZER_EDIT_H
#define MICA_TOKENIZER_EDIT_H

#include "tokenizer/text.h"

typedef struct mica_tok_edit {
    const mica_tok_text *in;
    mica_tok_text *out;
    size_t start;           /* of the original */
    size_t at;              /* bytes of `in` whose place is taken */
    size_t done;            /* up to here `out` has them; from here to `at` they stay */
    mica_tok_cursor cursor; /* at `done` */
    bool changed;           /* else `out` is not the result: `in` is */
} mica_tok_edit;

/* `out` is emptied. */
void mica_tok_edit_begin(mica_tok_edit *edit, const mica_tok_text *in, mica_tok_text *out,
                         size_t start);

/* The next `size` bytes stay as they are. */
static inline void mica_tok_edit_keep(mica_tok_edit *edit, size_t size)
{
    edit->at += size;
}

/* The next `size` bytes, whole characters, go. False = out of memory, as below. */
bool mica_tok_edit_remove(mica_tok_edit *edit, size_t size);
/* One character in place of the next n; n = 0: inserted. */
bool mica_tok_edit_put(mica_tok_edit *edit, uint32_t c, size_t n);
/* A string for the next `size` bytes, whole characters: they go, and it is inserted. */
bool mica_tok_edit_replace(mica_tok_edit *edit, size_t size, const char *by, size_t by_size);
/* The rest stays. Then *result is the new text, or the old one if nothing has changed. */
bool mica_tok_edit_end(mica_tok_edit *edit, const mica_tok_text **result);

#endif
