/* SPDX-License-Identifier: MIT
 *
 * Precompiled: SentencePiece's map by Hugging Face's rule (normalize.h), with its origins: the
 * characters of a replacement stand, one for one, in place of those replaced; if they are more, the
 * last ones are inserted, and if they are fewer, the last one stands for the rest as well. A
 * replacement by nothing is added to the character before it, whatever that was; at the start of a
 * text there is none, and then every origin after it is that of an earlier character.
 */
#include "base/alloc.h"
#include "base/utf8.h"
#include "tokenizer/grapheme.h"
#include "tokenizer/normalize_steps.h"

/* Clusters of fewer bytes are looked up as a whole. */
#define CLUSTER_MIN 6
#define MAPPED MICA_GRAPHEME_FREE

/* Sets MAPPED for the code points that the map has; those that share all bytes but the last are
 * looked at only if the map knows their first bytes. */
bool mica_tok_precompiled_build(mica_tok_precompiled *p)
{
    p->classes = mica_grapheme_table();
    if (!p->classes)
        return false;
    for (uint32_t block = 0; block < 0x110000; block += 64) {
        char bytes[4];
        size_t size = mica_utf8_encode(block, bytes);

        if (size == 0 || (size > 1 && !mica_tok_charsmap_touches(&p->map, bytes, size - 1)))
            continue;
        for (uint32_t c = block; c < block + 64; c++) {
            mica_tok_mapping found;

            size = mica_utf8_encode(c, bytes);
            if (mica_tok_charsmap_first(&p->map, bytes, size, &found))
                p->classes[c] |= MAPPED;
        }
    }
    return true;
}

typedef struct walk {
    const mica_tok_precompiled *p;
    const char *data;
    size_t size;
    mica_tok_edit edit;
    size_t at; /* bytes read */
    bool any;  /* something has come out */
    /* A character that waits, since a replacement by nothing may be added to it. */
    bool waits;
    uint32_t c;
    size_t taken;
} walk;

static bool put_waiting(walk *w)
{
    bool fine = !w->waits || mica_tok_edit_put(&w->edit, w->c, w->taken);

    w->waits = false;
    return fine;
}

static bool put(walk *w, uint32_t c, size_t taken)
{
    bool fine = put_waiting(w);

    w->any = true;
    w->waits = true;
    w->c = c;
    w->taken = taken;
    return fine;
}

/* The next `size` bytes stay. */
static bool keep(walk *w, size_t size)
{
    size_t end = w->at + size;
    bool fine = put_waiting(w);

    w->any = true;
    if (w->edit.at == w->at) {
        mica_tok_edit_keep(&w->edit, size);
        w->at = end;
    }
    while (w->at < end && fine) {
        uint32_t c;
        w->at += mica_tok_char(w->data + w->at, &c);
        fine = put(w, c, 1);
    }
    return fine;
}

/* The next n characters, `size` bytes, are replaced. */
static bool replace(walk *w, size_t size, size_t n, const mica_tok_mapping *by)
{
    size_t count = mica_utf8_count(by->data, by->size), length;
    const char *data = by->data;
    bool fine = true;

    for (size_t i = 0; i < count && fine; i++, data += length) {
        uint32_t c;

        length = mica_tok_char(data, &c);
        fine = put(w, c, i + 1 == count && n > count ? n - i : i < n);
    }
    if (count == 0 && w->waits)
        w->taken += n;
    else if (count == 0 && w->any)
        fine = mica_tok_edit_remove(&w->edit, size);
    w->at += size;
    return fine;
}

/* Each character of a cluster by itself. */
static bool replace_chars(walk *w, size_t end)
{
    bool fine = true;

    while (w->at < end && fine) {
        uint32_t c;
        size_t length = mica_tok_char(w->data + w->at, &c);
        mica_tok_mapping found;

        if ((w->p->classes[c] & MAPPED) &&
            mica_tok_charsmap_first(&w->p->map, w->data + w->at, length, &found))
            fine = replace(w, length, 1, &found);
        else
            fine = keep(w, length);
    }
    return fine;
}

/* The cluster that begins where the walk is. */
static bool walk_cluster(walk *w)
{
    mica_grapheme_walk g = {0};
    mica_tok_mapping found;
    size_t end = w->at, count = 0, length;
    unsigned flags = 0;
    uint32_t c;

    for (; end < w->size; end += length, count++) {
        uint8_t class;

        length = mica_tok_char(w->data + end, &c);
        class = w->p->classes[c];
        if (!mica_grapheme_joins(&g, class) && count > 0)
            break;
        flags |= class;
    }
    if (end - w->at < CLUSTER_MIN && (count > 1 || (flags & MAPPED)) &&
        mica_tok_charsmap_first(&w->p->map, w->data + w->at, end - w->at, &found))
        return replace(w, end - w->at, count, &found);
    return flags & MAPPED ? replace_chars(w, end) : keep(w, end - w->at);
}

/* ASCII that stays: the end of it. A character before one that is not ASCII may be the beginning of
 * a cluster. */
static size_t plain_end(const walk *w)
{
    size_t at = w->at;

    while (at < w->size && (unsigned char)w->data[at] < 128 &&
           w->p->classes[(unsigned char)w->data[at]] == MICA_GRAPHEME_OTHER)
        at++;
    return at > w->at && at < w->size && (unsigned char)w->data[at] >= 128 ? at - 1 : at;
}

bool mica_tok_step_precompiled(const mica_tok_step_run *run, const mica_tok_text **result)
{
    walk w = {.p = &run->step->precompiled, .data = run->in->data, .size = run->in->size};
    bool fine = true;

    mica_tok_edit_begin(&w.edit, run->in, run->out, run->start);
    while (w.at < w.size && fine) {
        size_t end = plain_end(&w);
        fine = end > w.at ? keep(&w, end - w.at) : walk_cluster(&w);
    }
    /* What is left if characters at the start became nothing has no place any more. */
    return fine && put_waiting(&w) && mica_tok_edit_remove(&w.edit, w.size - w.edit.at) &&
           mica_tok_edit_end(&w.edit, result);
}
