/* SPDX-License-Identifier: MIT
 *
 * Names of tensors: old spellings, base prefixes, and which ones nobody misses.
 */
#ifndef MICA_CHECKPOINT_NAMES_H
#define MICA_CHECKPOINT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/map.h"

/* The modern spelling of a TensorFlow-era name (LayerNorm.gamma -> LayerNorm.weight, LayerNorm.beta
 * -> LayerNorm.bias), in the arena; `name` itself if it is modern. NULL = out of memory. */
const char *mica_names_modern(mica_arena *arena, const char *name);

/* The entry of `name`: as it is, as "prefix.name", without "prefix.". NULL if there is none. */
const mica_map_entry *mica_names_find(const mica_map *index, const char *name, const char *prefix);

/* '*' in the pattern stands for any text, also none. */
bool mica_names_match(const char *pattern, const char *name);

/* Tensors that many checkpoints hold and a model may well not ask for: buffers that were saved,
 * heads of the pre-training. */
bool mica_names_harmless(const char *name);

/* What betrays quantised weights: a description of the scheme, or NULL. */
const char *mica_names_quantised(const char *name);

/* Is `path` a relative path that stays below its folder, on every system? */
bool mica_names_safe_path(const char *path, size_t size);

#endif
