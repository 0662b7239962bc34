/* SPDX-License-Identifier: MIT
 *
 * One weight file, whatever its format: its tensors by name, and where their bytes lie in it.
 *
 * A reader (safetensors.c, torch_zip.c, torch_legacy.c) fills `items` after it has checked that
 * every element that dims and strides reach lies inside the file; weights.c makes tensors of them.
 * A tensor whose dtype or rank mica cannot hold is listed, and refused only when it is asked for.
 */
#ifndef MICA_CHECKPOINT_WEIGHTS_H
#define MICA_CHECKPOINT_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/map.h"
#include "mica/tensor.h"

typedef struct mica_weight {
    const char *name;
    mica_dtype dtype;          /* meaningful where `refused` is NULL */
    const char *refused;       /* the file's name of a dtype that mica does not compute with */
    size_t rank;               /* may be over MICA_MAX_RANK */
    const int64_t *dims;       /* [rank], each >= 0 */
    const int64_t *strides;    /* [rank], in elements, each >= 0; NULL = C order */
    const unsigned char *data; /* the first element; not aligned */
    size_t bytes;              /* of all elements, as if in C order */
} mica_weight;

typedef struct mica_weights {
    mica_mapping *mapping; /* NULL when read from memory that outlives everything */
    const unsigned char *data;
    size_t size;
    const char *path;            /* for error texts */
    mica_arena arena;            /* names, dims, strides */
    const char *kind;            /* "safetensors", "zip", "legacy" */
    const char *metadata_format; /* safetensors: __metadata__.format, or NULL */
    const char *notice;          /* something odd that deserves a warning, or NULL */
    mica_weight *items;          /* in the order of the file */
    size_t count;
    mica_map *index; /* name -> position in items */
} mica_weights;

/* Opens a weight file and finds its format out: a name ending in ".safetensors" is read as nothing
 * else; other files by their first bytes. */
mica_status mica_weights_open(const char *path, mica_weights **out, mica_error *err);
/* A safetensors file by any name, its __metadata__.format not looked at. */
mica_status mica_weights_open_safetensors(const char *path, mica_weights **out, mica_error *err);
/* As mica_weights_open, from memory that must outlive the result and its tensors. */
mica_status mica_weights_open_memory(const void *data, size_t size, const char *path,
                                     mica_weights **out, mica_error *err);
void mica_weights_close(mica_weights **weights);

/* NULL if there is none of this name. */
const mica_weight *mica_weights_find(const mica_weights *weights, const char *name);
/* A new reference: a view that keeps the mapping alive, or a copy where the data is not aligned or
 * not in C order. */
mica_status mica_weights_tensor(const mica_weights *weights, const mica_weight *weight,
                                mica_tensor **out, mica_error *err);

/* The readers: fill `items` and `count` (mica_weights_open builds `index` and refuses duplicates).
 */
mica_status mica_safetensors_read(mica_weights *weights, mica_error *err);
mica_status mica_torch_zip_read(mica_weights *weights, mica_error *err);
mica_status mica_torch_legacy_read(mica_weights *weights, mica_error *err);

/* FORMAT if the file is the text that git-lfs leaves in place of a large file. */
mica_status mica_weights_check_pointer(const unsigned char *data, size_t size, const char *path,
                                       mica_error *err);

#endif
