/* SPDX-License-Identifier: MIT
 *
 * Pooling of one sequence with hidden tokens, which the programs' segment_pool does not know of:
 * prompts that are left out (include_prompt false), and masks with holes.
 */
#ifndef MICA_TASKS_POOL_H
#define MICA_TASKS_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "mica/ops.h"

/* x [count, hidden]; tokens with mask 0 do not take part. `first` is where the text begins: the
 * token there weighs 1 in the weighted mean. As sentence-transformers 6.2 has it where no token is
 * left: max gives -infinity, cls the first token, everything else zeros. */
void mica_pool_masked(mica_pool_mode mode, const float *x, const uint8_t *mask, size_t count,
                      size_t hidden, size_t first, float *out);

#endif
