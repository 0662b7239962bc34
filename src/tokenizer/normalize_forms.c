/* SPDX-License-Identifier: MIT
 *
 * NFC, NFD, NFKC and NFKD: characters are decomposed, their marks put in order, and for NFC and
 * NFKC put together again, as the tables of unicode.h say. Characters that a form leaves alone,
 * whatever stands beside them, are passed over.
 *
 * Origins: the first character of a decomposition takes the place of the decomposed one, the others
 * are inserted; characters put together take the places of both.
 */
#include "base/alloc.h"
#include "tokenizer/normalize_steps.h"

#define NO_CLASS (-1)

typedef struct walk {
    bool compatible, compose;
    const mica_unicode *unicode;
    mica_tok_normalize_work *work;
    mica_tok_edit edit;
    unsigned touched; /* flags of characters that the form changes, or that change what is before */
    /* Putting together: */
    bool has_starter;
    uint32_t starter;
    size_t taken;   /* its characters' places */
    int last_class; /* of the marks held since the starter; NO_CLASS: there are none */
} walk;

/* ---- putting together ---- */

static bool hold(walk *w, uint32_t c, int class, size_t taken)
{
    mica_tok_normalize_work *work = w->work;

    if (!mica_tok_grow((void **)&work->held, &work->held_capacity, work->held_count + 1,
                       sizeof *work->held))
        return false;
    work->held[work->held_count++] = (mica_tok_held){c, taken};
    w->last_class = class;
    return true;
}

/* The starter and its marks are complete. */
static bool put_starter(walk *w)
{
    bool fine = !w->has_starter || mica_tok_edit_put(&w->edit, w->starter, w->taken);

    for (size_t i = 0; i < w->work->held_count && fine; i++)
        fine = mica_tok_edit_put(&w->edit, w->work->held[i].c, w->work->held[i].taken);
    w->work->held_count = 0;
    w->has_starter = false;
    w->last_class = NO_CLASS;
    return fine;
}

/* The next character in order. */
static bool put_ordered(walk *w, uint32_t c, int class, size_t taken)
{
    uint32_t both;

    if (!w->compose || (!w->has_starter && class != 0))
        return mica_tok_edit_put(&w->edit, c, taken);
    if (w->has_starter && w->last_class < class &&
        (mica_unicode_flags(w->unicode, c) & MICA_CHAR_SECOND)) {
        both = mica_unicode_compose(w->starter, c);
        if (both) {
            w->starter = both;
            w->taken += taken;
            return true;
        }
    }
    if (class != 0)
        return hold(w, c, class, taken);
    if (!put_starter(w))
        return false;
    w->has_starter = true;
    w->starter = c;
    w->taken = taken;
    return true;
}

/* ---- taking apart, and order ---- */

static bool put_marks(walk *w)
{
    mica_tok_marks *marks = &w->work->marks;
    bool fine = marks->count == 0 || mica_tok_marks_sort(marks);

    for (size_t i = 0; i < marks->count && fine; i++)
        fine = put_ordered(w, marks->sorted[i].c, marks->sorted[i].combining_class,
                           !marks->sorted[i].inserted);
    marks->count = 0;
    return fine;
}

static bool put_part(walk *w, uint32_t c, bool inserted)
{
    uint8_t class;

    if (!(mica_unicode_flags(w->unicode, c) & MICA_CHAR_COMBINING))
        return put_marks(w) && put_ordered(w, c, 0, !inserted);
    class = (uint8_t)mica_unicode_combining_class(c);
    return mica_tok_marks_add(&w->work->marks, (mica_tok_mark){c, class, inserted, 0, 0});
}

static bool put_char(walk *w, uint32_t c, unsigned flags)
{
    unsigned decomposed = MICA_CHAR_DECOMPOSED | (w->compatible ? MICA_CHAR_NO_NFKC : 0);
    uint32_t parts[MICA_UNICODE_DECOMPOSITION_MAX];
    size_t count;
    bool fine = true;

    if (!(flags & decomposed))
        return put_part(w, c, false);
    count = mica_unicode_decompose(c, w->compatible, parts);
    for (size_t i = 0; i < count && fine; i++)
        fine = put_part(w, parts[i], i > 0);
    return fine;
}

/* ---- the walk ---- */

static unsigned touched_by(const mica_tok_normalize_step *step)
{
    unsigned changed;

    if (step->compose)
        changed = (step->compatible ? MICA_CHAR_NO_NFKC : MICA_CHAR_NO_NFC) | MICA_CHAR_SECOND;
    else
        changed = MICA_CHAR_DECOMPOSED | (step->compatible ? MICA_CHAR_NO_NFKC : 0);
    return changed | MICA_CHAR_COMBINING;
}

/* The end of the ASCII from `at` on, which no form touches. */
static size_t ascii_end(const char *data, size_t at, size_t size)
{
    uint64_t word;

    while (size - at >= 8) {
        memcpy(&word, data + at, 8);
        if (word & UINT64_C(0x8080808080808080))
            break;
        at += 8;
    }
    while (at < size && (unsigned char)data[at] < 128)
        at++;
    return at;
}

static bool is_touched(const walk *w, const char *data, size_t at, size_t size)
{
    uint32_t c;

    if (at == size)
        return false;
    mica_tok_char(data + at, &c);
    return (mica_unicode_flags(w->unicode, c) & w->touched) != 0;
}

/* `size` bytes that stay, whatever came before. */
static bool keep(walk *w, size_t size)
{
    bool fine = put_marks(w) && put_starter(w);

    mica_tok_edit_keep(&w->edit, size);
    return fine;
}

bool mica_tok_step_form(const mica_tok_step_run *run, const mica_tok_text **result)
{
    const mica_tok_normalize_step *step = run->step;
    const char *data = run->in->data;
    size_t size = run->in->size, length;
    walk w = {.compatible = step->compatible,
              .compose = step->compose,
              .unicode = run->unicode,
              .work = run->work,
              .touched = touched_by(step),
              .last_class = NO_CLASS};
    bool fine = true;

    run->work->marks.count = run->work->held_count = 0;
    mica_tok_edit_begin(&w.edit, run->in, run->out, run->start);
    for (size_t at = 0; at < size && fine; at += length) {
        size_t plain = ascii_end(data, at, size);
        uint32_t c;

        if (w.compose && plain > at && plain < size)
            plain--; /* it may be put together with what follows */
        if (plain > at) {
            length = plain - at;
            fine = keep(&w, length);
            continue;
        }
        length = mica_tok_char(data + at, &c);
        if (is_touched(&w, data, at, size) ||
            (w.compose && is_touched(&w, data, at + length, size)))
            fine = put_char(&w, c, mica_unicode_flags(w.unicode, c));
        else
            fine = keep(&w, length);
    }
    return fine && put_marks(&w) && put_starter(&w) && mica_tok_edit_end(&w.edit, result);
}
