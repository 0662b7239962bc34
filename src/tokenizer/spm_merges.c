/* SPDX-License-Identifier: MIT
 *
 * All ways to make one piece of two. A trie of the pieces finds what a piece begins with, a trie of
 * the pieces turned round what it ends with: each piece is walked along twice.
 */
#include "base/alloc.h"
#include "tokenizer/sentencepiece.h"

typedef struct tries {
    mica_tok_key *keys;
    char *turned; /* the bytes of all pieces from the last one on, each from its end */
    mica_tok_trie starts, ends;
    int32_t *rests; /* by place in a piece: the piece that is the rest of it from there, or -1 */
} tries;

static void release(tries *t)
{
    mica_free(t->keys);
    mica_free(t->turned);
    mica_free(t->rests);
    mica_tok_trie_release(&t->starts);
    mica_tok_trie_release(&t->ends);
}

/* The trie keeps the first of equal strings: pieces go in from the last one on. */
static bool build(tries *t, const mica_tok_spm_piece *pieces, size_t count)
{
    size_t bytes = 0, longest = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += pieces[i].size;
        longest = pieces[i].size > longest ? pieces[i].size : longest;
    }
    t->keys = mica_alloc_array(count, sizeof *t->keys);
    t->turned = mica_alloc(bytes + 1);
    t->rests = mica_alloc_array(longest + 1, sizeof *t->rests);
    if (!t->keys || !t->turned || !t->rests)
        return false;
    for (size_t k = 0; k < count; k++) {
        size_t i = count - 1 - k;
        t->keys[k] = (mica_tok_key){pieces[i].data, pieces[i].size, (int32_t)i};
    }
    if (!mica_tok_trie_build(&t->starts, t->keys, count))
        return false;
    bytes = 0;
    for (size_t k = 0; k < count; k++) {
        size_t i = count - 1 - k, size = pieces[i].size;

        for (size_t at = 0; at < size; at++)
            t->turned[bytes + at] = pieces[i].data[size - 1 - at];
        t->keys[k] = (mica_tok_key){t->turned + bytes, (uint32_t)size, (int32_t)i};
        bytes += size;
    }
    return mica_tok_trie_build(&t->ends, t->keys, count);
}

/* Those that make piece i, whose text from its end is `turned`. */
static mica_status each(const tries *t, const mica_tok_spm_piece *piece, size_t i,
                        const char *turned, mica_tok_put_merge put, void *user, mica_error *err)
{
    mica_tok_walk walk = {0};
    int32_t found = -1;
    mica_status status = MICA_OK;

    for (size_t k = 0; k <= piece->size; k++)
        t->rests[k] = -1;
    while (mica_tok_trie_next(&t->ends, &walk, turned, piece->size, &found))
        t->rests[piece->size - walk.size] = found;
    if (t->rests[0] != (int32_t)i) /* empty, or it comes again later */
        return MICA_OK;
    walk = (mica_tok_walk){0};
    while (status == MICA_OK &&
           mica_tok_trie_next(&t->starts, &walk, piece->data, piece->size, &found))
        if (t->rests[walk.size] >= 0)
            status = put(user, i, (size_t)found, (size_t)t->rests[walk.size], err);
    return status;
}

mica_status mica_tok_spm_each_merge(const mica_tok_spm_piece *pieces, size_t count,
                                    mica_tok_put_merge put, void *user, mica_error *err)
{
    tries t = {0};
    size_t at = 0;
    mica_status status = MICA_OK;

    if (!build(&t, pieces, count))
        status = mica_fail_memory(err, count * sizeof *t.keys, "the merges of a BPE model");
    for (size_t i = 0; i < count; i++)
        at += pieces[i].size;
    for (size_t i = 0; i < count && status == MICA_OK; i++) {
        at -= pieces[i].size;
        status = each(&t, &pieces[i], i, t.turned + at, put, user, err);
    }
    release(&t);
    return status;
}
