/* SPDX-License-Identifier: MIT
 *
 * Combining marks that wait for their place in the canonical order.
 */
#ifndef MICA_TOKENIZER_MARKS_H
#define MICA_TOKENIZER_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mica_tok_mark {
    uint32_t c;
    uint8_t combining_class;
    bool inserted;     /* came out of a decomposition, after the first character */
    size_t begin, end; /* where it comes from, for who needs it */
} mica_tok_mark;

/* Kept from text to text. */
typedef struct mica_tok_marks {
    mica_tok_mark *items; /* as they came */
    size_t count, capacity;
    mica_tok_mark *sorted; /* after mica_tok_marks_sort */
    size_t sorted_capacity;
} mica_tok_marks;

void mica_tok_marks_release(mica_tok_marks *marks);
/* False = out of memory. */
bool mica_tok_marks_add(mica_tok_marks *marks, mica_tok_mark mark);
/* Sorts by combining class, equals as they came; linear, whatever the count. */
bool mica_tok_marks_sort(mica_tok_marks *marks);

#endif
