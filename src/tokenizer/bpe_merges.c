/* SPDX-License-Identifier: MIT
 *
 * The merges of a BPE model, from their strings to a hash table. Large models have hundreds of
 * thousands, and each needs some places of memory that no cache holds: so they are looked up a few
 * at a time, and fetched ahead.
 */
#include "base/alloc.h"
#include "tokenizer/bpe.h"

/* More probes than this for one pair say that the pairs were made to collide. */
#define PROBES_MAX 256
#define AHEAD MICA_TOK_MERGES_AHEAD

/* ---- the list ---- */

mica_status mica_tok_bpe_reserve(mica_tok_bpe *model, size_t merges, mica_error *err)
{
    if (merges >= (size_t)1 << 28)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "%zu merges are too many", merges);
    if (!mica_tok_grow((void **)&model->added, &model->added_capacity, merges,
                       sizeof *model->added))
        return mica_fail_memory(err, merges * sizeof *model->added, "the merges of a BPE model");
    return MICA_OK;
}

mica_status mica_tok_bpe_add_merge(mica_tok_bpe *model, int32_t left, int32_t right, int32_t result,
                                   uint32_t rank, mica_error *err)
{
    mica_status status = model->added_count < model->added_capacity
                             ? MICA_OK
                             : mica_tok_bpe_reserve(model, model->added_count + 1, err);

    if (status == MICA_OK)
        model->added[model->added_count++] =
            (mica_tok_merge){(uint32_t)left, (uint32_t)right, result, rank};
    return status;
}

/* ---- strings ---- */

static mica_status not_in_vocabulary(mica_error *err, uint32_t rank, const char *data, size_t size)
{
    return mica_fail(err, MICA_STATUS_FORMAT,
                     "merge %lu needs the token '%.*s', which the vocabulary lacks",
                     (unsigned long)rank, (int)(size < 100 ? size : 100), data);
}

/* Files list tokens in the order of their merges: mostly a merge makes the entry after the last
 * one's, or the same again. */
static int32_t likely_result(mica_tok_bpe *model, const mica_tok_merge_text *m, size_t skip,
                             size_t size)
{
    const mica_tok_vocab *vocab = model->vocab;

    for (size_t i = model->last_entry; i < model->last_entry + 2 && i < vocab->count; i++) {
        const mica_tok_entry *entry = &vocab->entries[i];
        const char *string = vocab->pool + entry->offset;

        if (entry->size == size && mica_tok_equal(string, m->parts[0], m->sizes[0]) &&
            mica_tok_equal(string + m->sizes[0], m->parts[1] + skip, m->sizes[1] - skip)) {
            model->last_entry = i;
            return entry->id;
        }
    }
    return -1;
}

/* The token that a merge makes. */
static mica_status find_result(mica_tok_bpe *model, const mica_tok_merge_text *m, int32_t *result,
                               mica_error *err)
{
    const mica_tok_vocab *vocab = model->vocab;
    size_t skip = model->options.prefix_size, size;
    char small[256], *joined = small;

    if (skip > m->sizes[1])
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "merge %lu: '%.*s' is shorter than continuing_subword_prefix",
                         (unsigned long)m->rank, (int)m->sizes[1], m->parts[1]);
    size = m->sizes[0] + m->sizes[1] - skip;
    if (size > vocab->longest)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "merge %lu makes a token of %zu bytes, which the vocabulary lacks",
                         (unsigned long)m->rank, size);
    *result = likely_result(model, m, skip, size);
    if (*result >= 0)
        return MICA_OK;
    if (size > sizeof small && !(joined = mica_alloc(size)))
        return mica_fail_memory(err, size, "a merge");
    memcpy(joined, m->parts[0], m->sizes[0]);
    memcpy(joined + m->sizes[0], m->parts[1] + skip, m->sizes[1] - skip);
    *result = mica_tok_vocab_find(vocab, joined, size);
    if (*result >= 0)
        model->last_entry = vocab->by_id[*result] - 1;
    else
        not_in_vocabulary(err, m->rank, joined, size);
    if (joined != small)
        mica_free(joined);
    return *result < 0 ? MICA_STATUS_FORMAT : MICA_OK;
}

static mica_status resolve(mica_tok_bpe *model, mica_error *err)
{
    const mica_tok_merge_text *m = &model->ahead[model->resolved++ % AHEAD];
    int32_t ids[3];
    mica_status status;

    for (int i = 0; i < 2; i++) {
        ids[i] = mica_tok_vocab_find_hashed(model->vocab, m->parts[i], m->sizes[i], m->hashes[i]);
        if (ids[i] < 0)
            return not_in_vocabulary(err, m->rank, m->parts[i], m->sizes[i]);
    }
    status = find_result(model, m, &ids[2], err);
    return status == MICA_OK ? mica_tok_bpe_add_merge(model, ids[0], ids[1], ids[2], m->rank, err)
                             : status;
}

mica_status mica_tok_bpe_add_merge_text(mica_tok_bpe *model, const char *left, size_t left_size,
                                        const char *right, size_t right_size, uint32_t rank,
                                        mica_error *err)
{
    const mica_tok_vocab *vocab = model->vocab;
    mica_tok_merge_text *m = &model->ahead[model->pushed % AHEAD], *half;
    uint32_t mask = ((uint32_t)1 << vocab->bits) - 1;
    mica_status status = MICA_OK;

    if (model->pushed - model->resolved == AHEAD)
        status = resolve(model, err);
    *m = (mica_tok_merge_text){{left, right}, {left_size, right_size}, {0, 0}, rank};
    for (int i = 0; i < 2; i++) {
        m->hashes[i] = mica_tok_hash(m->parts[i], m->sizes[i], vocab->seed);
        mica_tok_prefetch(&vocab->slots[(uint32_t)m->hashes[i] & mask]);
    }
    /* The slots of the one half-way through are there now: on to their strings. */
    half = &model->ahead[(model->pushed + AHEAD / 2) % AHEAD];
    for (int i = 0; i < 2 && model->pushed >= AHEAD; i++) {
        const mica_tok_slot *slot = &vocab->slots[(uint32_t)half->hashes[i] & mask];
        mica_tok_prefetch(vocab->pool + slot->offset);
        mica_tok_prefetch(&vocab->entries[slot->entry > 0 ? slot->entry - 1 : 0]);
    }
    model->pushed++;
    return status;
}

/* ---- the table ---- */

/* Puts a merge into the table; false = too many probes. */
static bool put(mica_tok_bpe *model, mica_tok_merge merge)
{
    uint32_t mask = ((uint32_t)1 << model->bits) - 1;
    uint32_t i = mica_tok_bpe_merge_slot(model, merge.left, merge.right);

    for (int probes = 0; probes < PROBES_MAX; probes++, i = (i + 1) & mask) {
        mica_tok_merge *slot = &model->merges[i];
        if (slot->result < 0 || (slot->left == merge.left && slot->right == merge.right)) {
            *slot = merge;
            return true;
        }
    }
    return false;
}

static bool fill(mica_tok_bpe *model)
{
    for (size_t i = 0; i < model->added_count; i++) {
        if (i + AHEAD < model->added_count) {
            const mica_tok_merge *later = &model->added[i + AHEAD];
            mica_tok_prefetch(
                &model->merges[mica_tok_bpe_merge_slot(model, later->left, later->right)]);
        }
        if (!put(model, model->added[i]))
            return false;
    }
    return true;
}

/* Finds between which bytes merges join: the last one of what is left of one, and the first one of
 * what is right. Files list merges after those that make their parts; where one does not, any two
 * bytes may be joined. */
static bool mark_byte_pairs(mica_tok_bpe *model)
{
    size_t ids = model->vocab->id_limit, words = 65536 / 64;
    int16_t *first = mica_alloc_array(ids ? ids : 1, 2 * sizeof *first), *last;

    model->byte_pairs = mica_calloc(words, sizeof *model->byte_pairs);
    if (!first || !model->byte_pairs) {
        mica_free(first);
        return false;
    }
    last = first + ids;
    memset(first, 0xFF, ids * 2 * sizeof *first); /* -1 */
    for (int b = 0; b < 256; b++)
        first[model->bytes[b]] = last[model->bytes[b]] = (int16_t)b;
    for (size_t i = 0; i < model->added_count; i++) {
        const mica_tok_merge *m = &model->added[i];
        int left = last[m->left], right = first[m->right];

        if (left < 0 || right < 0) {
            memset(model->byte_pairs, 0xFF, words * sizeof *model->byte_pairs);
            break;
        }
        model->byte_pairs[left << 2 | right >> 6] |= UINT64_C(1) << (right & 63);
        first[m->result] = first[m->left];
        last[m->result] = last[m->right];
    }
    mica_free(first);
    return true;
}

mica_status mica_tok_bpe_build_merges(mica_tok_bpe *model, mica_error *err)
{
    while (model->resolved < model->pushed) {
        mica_status status = resolve(model, err);
        if (status != MICA_OK)
            return status;
    }
    if (mica_tok_bpe_takes_bytes(model) && !mark_byte_pairs(model))
        return mica_fail_memory(err, model->vocab->id_limit, "the merges of a BPE model");
    for (size_t i = 0; i < model->added_count; i++)
        if (model->added[i].rank >= model->ranks)
            model->ranks = (size_t)model->added[i].rank + 1;
    model->bits = 4;
    while ((size_t)1 << model->bits < model->added_count + model->added_count / 2)
        model->bits++;
    for (int attempt = 0; attempt < 4; attempt++) {
        size_t slots = (size_t)1 << model->bits;

        model->merges = mica_alloc_array(slots, sizeof *model->merges);
        if (!model->merges)
            return mica_fail_memory(err, slots * sizeof *model->merges,
                                    "the merges of a BPE model");
        memset(model->merges, 0xFF, slots * sizeof *model->merges); /* result -1 */
        if (fill(model)) {
            mica_free(model->added);
            model->added = NULL;
            return MICA_OK;
        }
        mica_free(model->merges);
        model->merges = NULL;
        model->seed = mica_tok_hash((const char *)&model->seed, sizeof model->seed, 99);
    }
    return mica_fail(err, MICA_STATUS_FORMAT,
                     "the merges collide with every hash (made on purpose?)");
}
