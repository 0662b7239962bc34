/* SPDX-License-Identifier: MIT */
#include "tokenizer/marks.h"

#include <string.h>

#include "base/alloc.h"
#include "tokenizer/text.h"

/* More marks than a character has in any language are sorted by counting. */
#define FEW 8

void mica_tok_marks_release(mica_tok_marks *marks)
{
    mica_free(marks->items);
    mica_free(marks->sorted);
    *marks = (mica_tok_marks){0};
}

bool mica_tok_marks_add(mica_tok_marks *marks, mica_tok_mark mark)
{
    if (!mica_tok_grow((void **)&marks->items, &marks->capacity, marks->count + 1,
                       sizeof *marks->items))
        return false;
    marks->items[marks->count++] = mark;
    return true;
}

bool mica_tok_marks_sort(mica_tok_marks *marks)
{
    size_t starts[256] = {0}, total = 0;

    if (!mica_tok_grow((void **)&marks->sorted, &marks->sorted_capacity, marks->count,
                       sizeof *marks->sorted))
        return false;
    if (marks->count <= FEW) {
        for (size_t i = 0; i < marks->count; i++) {
            size_t to = i;
            for (;
                 to > 0 && marks->sorted[to - 1].combining_class > marks->items[i].combining_class;
                 to--)
                marks->sorted[to] = marks->sorted[to - 1];
            marks->sorted[to] = marks->items[i];
        }
        return true;
    }
    for (size_t i = 0; i < marks->count; i++)
        starts[marks->items[i].combining_class]++;
    for (size_t k = 0; k < 256; k++) {
        size_t count = starts[k];
        starts[k] = total;
        total += count;
    }
    for (size_t i = 0; i < marks->count; i++)
        marks->sorted[starts[marks->items[i].combining_class]++] = marks->items[i];
    return true;
}
