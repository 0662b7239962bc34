/* SPDX-License-Identifier: MIT
 *
 * Named tensors, right-padded: what mica_forward gives.
 */
#ifndef MICA_TASKS_OUTPUTS_H
#define MICA_TASKS_OUTPUTS_H

#include "base/error.h"
#include "mica/forward.h"

mica_status mica_outputs_create(mica_outputs **out, mica_error *err);
/* A new float32 tensor of zeros under the name of `format`; *data is where its numbers go. */
mica_status mica_outputs_add(mica_outputs *outputs, int rank, const int64_t *dims, float **data,
                             mica_error *err, const char *format, ...) MICA_PRINTF(6, 7);

#endif
