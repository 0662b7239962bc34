/* SPDX-License-Identifier: MIT */
#include "tokenizer/vocab.h"

#include "base/alloc.h"
#include "tokenizer/text.h"

/* More probes than this for one string say that the strings were made to collide. */
#define PROBES_MAX 256

void mica_tok_vocab_release(mica_tok_vocab *vocab)
{
    mica_free(vocab->pool);
    mica_free(vocab->entries);
    mica_free(vocab->slots);
    mica_free(vocab->by_id);
    memset(vocab, 0, sizeof *vocab);
}

/* The slot that holds a string or would take it; NULL if it is too far from home. */
static mica_tok_slot *slot_of(const mica_tok_vocab *vocab, const char *data, size_t size)
{
    uint64_t hash = mica_tok_hash(data, size, vocab->seed);
    uint32_t mask = ((uint32_t)1 << vocab->bits) - 1, i = (uint32_t)hash & mask;

    for (int probes = 0; probes < PROBES_MAX; probes++, i = (i + 1) & mask) {
        mica_tok_slot *slot = &vocab->slots[i];
        if (slot->entry == 0) {
            slot->hash = (uint32_t)(hash >> 32);
            return slot;
        }
        if (slot->hash == (uint32_t)(hash >> 32) && slot->size == size &&
            mica_tok_equal(vocab->pool + slot->offset, data, size))
            return slot;
    }
    return NULL;
}

static void take(const mica_tok_vocab *vocab, mica_tok_slot *slot, size_t entry)
{
    slot->entry = (uint32_t)entry + 1;
    slot->offset = vocab->entries[entry].offset;
    slot->size = vocab->entries[entry].size;
}

/* A table of 1 << bits slots for all entries; tries other seeds if the strings collide. */
static mica_status rebuild(mica_tok_vocab *vocab, uint32_t bits, mica_error *err)
{
    size_t bytes = ((size_t)1 << bits) * sizeof *vocab->slots;

    for (uint64_t seed = vocab->seed, attempt = 0; attempt < 4; attempt++) {
        mica_tok_vocab table = *vocab;
        size_t i;

        table.bits = bits;
        table.seed = seed;
        table.slots = mica_calloc((size_t)1 << bits, sizeof *table.slots);
        if (!table.slots)
            return mica_fail_memory(err, bytes, "a vocabulary");
        for (i = 0; i < vocab->count; i++) {
            mica_tok_slot *slot =
                slot_of(&table, vocab->pool + vocab->entries[i].offset, vocab->entries[i].size);
            if (!slot)
                break;
            take(&table, slot, i);
        }
        if (i == vocab->count) {
            mica_free(vocab->slots);
            *vocab = table;
            return MICA_OK;
        }
        mica_free(table.slots);
        seed = mica_tok_hash((const char *)&seed, sizeof seed, attempt + 1);
    }
    return mica_fail(err, MICA_STATUS_FORMAT,
                     "the vocabulary's strings collide with every hash (made on purpose?)");
}

mica_status mica_tok_vocab_reserve(mica_tok_vocab *vocab, size_t count, mica_error *err)
{
    uint32_t bits = 8;

    if (count >= (size_t)MICA_TOK_ID_LIMIT)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "a vocabulary of %zu tokens is too large",
                         count);
    while ((size_t)1 << bits < 2 * count)
        bits++;
    return vocab->slots && bits <= vocab->bits ? MICA_OK : rebuild(vocab, bits, err);
}

static mica_status add_entry(mica_tok_vocab *vocab, const char *data, size_t size, int64_t id,
                             mica_error *err)
{
    if (vocab->pool_size + size + 1 > UINT32_MAX || vocab->count >= MICA_TOK_ID_LIMIT)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "the vocabulary is too large");
    if (!mica_tok_grow((void **)&vocab->pool, &vocab->pool_capacity, vocab->pool_size + size + 1,
                       1) ||
        !mica_tok_grow((void **)&vocab->entries, &vocab->capacity, vocab->count + 1,
                       sizeof *vocab->entries))
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

mica_status mica_tok_vocab_put(mica_tok_vocab *vocab, const char *data, size_t size, int64_t id,
                               mica_error *err)
{
    mica_tok_slot *slot;
    mica_status status;

    if (id < 0 || id >= MICA_TOK_ID_LIMIT)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "id %lld of token '%.*s' is out of range (0 to %lld)", (long long)id,
                         (int)(size < 100 ? size : 100), data, (long long)MICA_TOK_ID_LIMIT - 1);
    if (!vocab->slots || vocab->count * 2 >= (size_t)1 << vocab->bits) {
        status = rebuild(vocab, vocab->slots ? vocab->bits + 1 : 8, err);
        if (status != MICA_OK)
            return status;
    }
    slot = slot_of(vocab, data, size);
    if (slot && slot->entry != 0) {
        vocab->entries[slot->entry - 1].id = (int32_t)id;
        return MICA_OK;
    }
    status = add_entry(vocab, data, size, id, err);
    if (status != MICA_OK)
        return status;
    if (!slot)
        return rebuild(vocab, vocab->bits, err);
    take(vocab, slot, vocab->count - 1);
    return MICA_OK;
}

mica_status mica_tok_vocab_finish(mica_tok_vocab *vocab, mica_error *err)
{
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
