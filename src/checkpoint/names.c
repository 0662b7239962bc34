/* SPDX-License-Identifier: MIT
 *
 * Names of tensors. The rules are those of transformers' modeling_utils.py, where it loads a state
 * dict; docs/checkpoints.md lists them.
 */
#include "checkpoint/names.h"

#include <string.h>

static bool ends_with(const char *text, size_t size, const char *end)
{
    size_t tail = strlen(end);
    return size >= tail && memcmp(text + size - tail, end, tail) == 0;
}

const char *mica_names_modern(mica_arena *arena, const char *name)
{
    static const struct {
        const char *old, *stem, *modern;
    } rules[] = {{"LayerNorm.gamma", "gamma", "weight"}, {"LayerNorm.beta", "beta", "bias"}};
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (!ends_with(name, size, rules[i].old))
            continue;
        size_t kept = size - strlen(rules[i].stem), added = strlen(rules[i].modern);
        char *modern = mica_arena_alloc(arena, kept + added + 1);
        if (!modern)
            return NULL;
        memcpy(modern, name, kept);
        memcpy(modern + kept, rules[i].modern, added + 1);
        return modern;
    }
    return name;
}

/* Looks "prefix.name" up without memory of its own, as a caller that only asks cannot be told that
 * there was none. Names are short; a long one is searched for. */
static const mica_map_entry *find_joined(const mica_map *index, const char *prefix,
                                         size_t prefix_size, const char *name, size_t name_size)
{
    char joined[512];
    size_t size = prefix_size + 1 + name_size;
    if (size <= sizeof joined) {
        memcpy(joined, prefix, prefix_size);
        joined[prefix_size] = '.';
        memcpy(joined + prefix_size + 1, name, name_size);
        return mica_map_find(index, joined, size);
    }
    for (size_t i = 0; i < mica_map_count(index); i++) {
        const mica_map_entry *e = mica_map_at(index, i);
        if (e->key_size == size && memcmp(e->key, prefix, prefix_size) == 0 &&
            e->key[prefix_size] == '.' && memcmp(e->key + prefix_size + 1, name, name_size) == 0)
            return e;
    }
    return NULL;
}

const mica_map_entry *mica_names_find(const mica_map *index, const char *name, const char *prefix)
{
    size_t size = strlen(name), prefix_size = prefix ? strlen(prefix) : 0;
    const mica_map_entry *entry = mica_map_find(index, name, size);
    if (entry || prefix_size == 0)
        return entry;
    entry = find_joined(index, prefix, prefix_size, name, size);
    if (!entry && size > prefix_size && memcmp(name, prefix, prefix_size) == 0 &&
        name[prefix_size] == '.')
        entry = mica_map_find(index, name + prefix_size + 1, size - prefix_size - 1);
    return entry;
}

bool mica_names_match(const char *pattern, const char *name)
{
    const char *star = NULL, *retry = NULL; /* the last '*', and what it was last tried to end at */
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == 0;
}

/* Does the pattern match the name, or the name from one of its dots on? "pooler.*" is the pooler of
 * a bare model and of one under "bert.". */
static bool match_part(const char *pattern, const char *name)
{
    for (const char *part = name; part; part = strchr(part, '.')) {
        part += *part == '.';
        if (mica_names_match(pattern, part))
            return true;
    }
    return false;
}

bool mica_names_harmless(const char *name)
{
    static const char *const patterns[] = {
        "rotary_emb.inv_freq",
        "embeddings.position_ids",
        "embeddings.token_type_ids",
        "embed_positions.weights",
        "embed_positions._float_tensor",
        "attn.bias",
        "attn.masked_bias",
        "attention.bias",
        "attention.masked_bias",
        "masked_bias",
        "num_batches_tracked",
        "cls.seq_relationship.*",
        "pooler.*",
        "lm_head.*",
        "_metadata",
        "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
    };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (match_part(patterns[i], name))
            return true;
    return false;
}

const char *mica_names_quantised(const char *name)
{
    static const struct {
        const char *pattern, *what;
    } signs[] = {
        {"*.qweight", "GPTQ or AWQ"},
        {"*.qzeros", "GPTQ or AWQ"},
        {"*.g_idx", "GPTQ"},
        {"*.weight_scale_inv", "fp8"},
        {"*.weight_packed", "compressed-tensors"},
        {"*.SCB", "bitsandbytes 8-bit"},
        {"*.absmax", "bitsandbytes 4-bit"},
        {"*.weight.quant_state.*", "bitsandbytes 4-bit"},
    };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (mica_names_match(signs[i].pattern, name))
            return signs[i].what;
    return NULL;
}

bool mica_names_safe_path(const char *path, size_t size)
{
    if (size == 0 || path[0] == '/' || memchr(path, 0, size) || memchr(path, '\\', size))
        return false;
    if (size >= 2 && path[1] == ':') /* a drive */
        return false;
    const char *part = path, *end = path + size;
    while (part <= end) {
        const char *slash = memchr(part, '/', (size_t)(end - part));
        size_t length = (size_t)((slash ? slash : end) - part);
        if (length == 0 || (length == 1 && part[0] == '.') ||
            (length == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        if (!slash)
            break;
        part = slash + 1;
    }
    return true;
}
