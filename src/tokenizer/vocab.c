/* SPDX-License-Identifier: MIT */
#include "tokenizer/vocab.h"

#include "base/alloc.h"
#include "tokenizer/text.h"

/* More probes than this for one string say that the strings were made to collide. */
#define PROBES_MAX 256
#define AHEAD 16

void mica_tok_vocab_release(mica_tok_vocab *vocab)
{
    mica_free(vocab->pool);
    mica_free(vocab->entries);
    mica_free(vocab->slots);
    mica_free(vocab->by_id);
    memset(vocab, 0, sizeof *vocab);
}

/* The slot that holds a string or would take it; NULL if it is too far from home. */
static mica_tok_slot *slot_of(const mica_tok_vocab *vocab, const char *data, size_t size,
                              uint64_t hash)
{
    uint32_t mask = ((uint32_t)1 << vocab->bits) - 1, i = (uint32_t)hash & mask;

    for (int probes = 0; probes < PROBES_MAX; probes++, i = (i + 1) & mask) {
        mica_tok_slot *slot = &vocab->slots[i];
        if (slot->entry == 0 || (slot->hash == (uint32_t)(hash >> 32) && slot->size == size &&
                                 mica_tok_equal(vocab->pool + slot->offset, data, size)))
            return slot;
    }
    return NULL;
}

/* Puts all entries into the empty table, and drops those whose string is there already, which gets
 * the later id; or keeps them, outside the table, with the lower id. The slots of the next entries
 * are fetched meanwhile. False = the strings collide.
 */
static bool fill(mica_tok_vocab *vocab)
{
    mica_tok_entry *entries = vocab->entries;
    uint32_t mask = ((uint32_t)1 << vocab->bits) - 1;
    uint64_t hashes[AHEAD];
    size_t kept = 0;

    for (size_t next = 0; next < vocab->count + AHEAD; next++) {
        if (next >= AHEAD) {
            size_t i = next - AHEAD;
            mica_tok_entry entry = entries[i];
            uint64_t hash = hashes[i % AHEAD];
            mica_tok_slot *slot = slot_of(vocab, vocab->pool + entry.offset, entry.size, hash);

            if (!slot) {
                memmove(entries + kept, entries + i, (vocab->count - i) * sizeof *entries);
                vocab->count -= i - kept;
                return false;
            }
            if (slot->entry != 0) {
                mica_tok_entry *found = &entries[slot->entry - 1];

                if (vocab->keeps_repeated) {
                    int32_t lower = found->id < entry.id ? found->id : entry.id;
                    entry.id = found->id < entry.id ? entry.id : found->id;
                    entries[kept++] = (mica_tok_entry){entry.offset, entry.size, lower};
                }
                found->id = entry.id;
            } else {
                entries[kept++] = entry;
                *slot = (mica_tok_slot){(uint32_t)(hash >> 32), (uint32_t)kept, entry.offset,
                                        entry.size};
            }
        }
        if (next < vocab->count) {
            uint64_t hash =
                mica_tok_hash(vocab->pool + entries[next].offset, entries[next].size, vocab->seed);
            hashes[next % AHEAD] = hash;
            mica_tok_prefetch(&vocab->slots[(uint32_t)hash & mask]);
        }
    }
    vocab->count = kept;
    return true;
}

mica_status mica_tok_vocab_reserve(mica_tok_vocab *vocab, size_t count, mica_error *err)
{
    if (count >= (size_t)MICA_TOK_ID_LIMIT)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "a vocabulary of %zu tokens is too large",
                         count);
    if (!mica_tok_grow((void **)&vocab->entries, &vocab->capacity, count, sizeof *vocab->entries))
        return mica_fail_memory(err, count * sizeof *vocab->entries, "a vocabulary");
    return MICA_OK;
}

mica_status mica_tok_vocab_put(mica_tok_vocab *vocab, const char *data, size_t size, int64_t id,
                               mica_error *err)
{
    if (id < 0 || id >= MICA_TOK_ID_LIMIT)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "id %lld of token '%.*s' is out of range (0 to %lld)", (long long)id,
                         (int)(size < 100 ? size : 100), data, (long long)MICA_TOK_ID_LIMIT - 1);
    if (vocab->pool_size + size + 1 > UINT32_MAX || vocab->count >= MICA_TOK_ID_LIMIT)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "the vocabulary is too large");
    if ((vocab->pool_size + size + 1 > vocab->pool_capacity || vocab->count == vocab->capacity) &&
        (!mica_tok_grow((void **)&vocab->pool, &vocab->pool_capacity, vocab->pool_size + size + 1,
                        1) ||
         !mica_tok_grow((void **)&vocab->entries, &vocab->capacity, vocab->count + 1,
                        sizeof *vocab->entries)))
        return mica_fail_memory(err, size, "a vocabulary");
    memcpy(vocab->pool + vocab->pool_size, data, size);
    vocab->pool[vocab->pool_size + size] = '\0';
    vocab->entries[vocab->count++] =
        (mica_tok_entry){(uint32_t)vocab->pool_size, (uint32_t)size, (int32_t)id};
    vocab->pool_size += size + 1;
    if (size > vocab->longest)
        vocab->longest = (uint32_t)size;
    return MICA_OK;
}

static mica_status make_slots(mica_tok_vocab *vocab, mica_error *err)
{
    vocab->bits = 8;
    while ((size_t)1 << vocab->bits < 2 * vocab->count)
        vocab->bits++;
    for (int attempt = 0; attempt < 4; attempt++) {
        vocab->slots = mica_calloc((size_t)1 << vocab->bits, sizeof *vocab->slots);
        if (!vocab->slots)
            return mica_fail_memory(err, sizeof *vocab->slots << vocab->bits, "a vocabulary");
        if (fill(vocab))
            return MICA_OK;
        mica_free(vocab->slots);
        vocab->slots = NULL;
        vocab->seed = mica_tok_hash((const char *)&vocab->seed, sizeof vocab->seed, 1);
    }
    return mica_fail(err, MICA_STATUS_FORMAT,
                     "the vocabulary's strings collide with every hash (made on purpose?)");
}

mica_status mica_tok_vocab_finish(mica_tok_vocab *vocab, mica_error *err)
{
    mica_status status = make_slots(vocab, err);

    if (status != MICA_OK)
        return status;
    vocab->id_limit = 0;
    for (size_t i = 0; i < vocab->count; i++)
        if ((size_t)vocab->entries[i].id >= vocab->id_limit)
            vocab->id_limit = (size_t)vocab->entries[i].id + 1;
    vocab->by_id = mica_calloc(vocab->id_limit, sizeof *vocab->by_id);
    if (!vocab->by_id)
        return mica_fail_memory(err, vocab->id_limit * sizeof *vocab->by_id, "a vocabulary");
    for (size_t i = 0; i < vocab->count; i++) {
        uint32_t *at = &vocab->by_id[vocab->entries[i].id];
        if (*at != 0)
            return mica_fail(err, MICA_STATUS_FORMAT, "id %d belongs to two tokens, '%s' and '%s'",
                             (int)vocab->entries[i].id,
                             vocab->pool + vocab->entries[*at - 1].offset,
                             vocab->pool + vocab->entries[i].offset);
        *at = (uint32_t)i + 1;
    }
    return MICA_OK;
}
