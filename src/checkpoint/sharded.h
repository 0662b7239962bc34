/* SPDX-License-Identifier: MIT
 *
 * A checkpoint in several files, held together by an index:
 *
 *   {"metadata": {...}, "weight_map": {"tensor": "model-00001-of-00003.safetensors", ...}}
 */
#ifndef MICA_CHECKPOINT_SHARDED_H
#define MICA_CHECKPOINT_SHARDED_H

#include "checkpoint/weights.h"

typedef struct mica_shards {
    mica_weights **files; /* sorted by name */
    size_t count;
    mica_map *owner; /* tensor, as the files spell it -> position in files */
} mica_shards;

/* Opens the index and every file that it names. On failure *out is empty. */
mica_status mica_shards_open(const char *index_path, mica_shards *out, mica_error *err);
void mica_shards_close(mica_shards *shards);

#endif
