/* SPDX-License-Identifier: MIT
 *
 * What reader and writer of safetensors share: the names of its types.
 *
 *   0        8            8+N                                 end of file
 *   | N: u64 | JSON header | data: tensors without gaps, C order, little-endian |
 */
#ifndef MICA_CHECKPOINT_SAFETENSORS_H
#define MICA_CHECKPOINT_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>

#include "mica/tensor.h"

#define MICA_SAFETENSORS_HEADER_MAX ((size_t)100000000) /* bytes, as the reference has it */
#define MICA_SAFETENSORS_METADATA "__metadata__"

typedef struct mica_safetensors_type {
    const char *name;
    unsigned bits;
    bool known; /* mica has it as `dtype` */
    mica_dtype dtype;
} mica_safetensors_type;

/* In the order of the reference's enum: the writer puts later ones first in the file. */
extern const mica_safetensors_type mica_safetensors_types[];
extern const size_t mica_safetensors_type_count;

#endif
