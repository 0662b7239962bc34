/* SPDX-License-Identifier: MIT
 *
 * Precisions: in which numbers the products of a model are computed.
 */
#ifndef MICA_PRECISION_H
#define MICA_PRECISION_H

#include <stdbool.h>

#include "mica/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Weights of linear layers and what they are multiplied with; sums, norms, softmax and everything
 * between the layers stay float32; so do the products of attention, but in BF16 and INT8 where the
 * processor multiplies bfloat16 faster: then they are of numbers rounded to it. The exact GELU of a
 * layer's result, which is rounded next, is within 6e-5 in BF16 and INT8. In each, a text's result
 * is the same bit for bit whatever its batch and the number of threads.
 *
 *   F32   float32
 *   BF16  both rounded to bfloat16, sums in float32
 *   INT8  weights in 8 bits with a scale per output; what they are multiplied with in 8 bits with
 *         a scale per token, found when it is computed: no calibration. Sums in int32, exactly
 *   AUTO  BF16 where the processor multiplies it faster than float32, else F32 */
typedef enum mica_precision {
    MICA_PRECISION_F32,
    MICA_PRECISION_BF16,
    MICA_PRECISION_INT8,
    MICA_PRECISION_AUTO
} mica_precision;
enum { MICA_PRECISIONS = MICA_PRECISION_AUTO + 1 };

/* "f32", "bf16", "int8", "auto"; "unknown" for anything else. */
MICA_API const char *mica_precision_name(mica_precision precision);
/* False if there is none of this name. */
MICA_API bool mica_precision_find(const char *name, mica_precision *out);

#ifdef __cplusplus
}
#endif
#endif
