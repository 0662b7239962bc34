/* SPDX-License-Identifier: MIT
 *
 * Packed weights that are kept between runs: a sidecar for each checkpoint, level of kernels and
 * precision, in the folder mica/packed of the user's cache.
 *
 * Its key names the weight files by device, inode, size and both times, as they were when they were
 * mapped, with the version of mica, the kernels and the precision: a file that was replaced or
 * written to has another key, and is packed anew. Nothing here makes opening a model fail but a
 * wrong setting and want of memory.
 */
#ifndef MICA_MODELS_PACKED_H
#define MICA_MODELS_PACKED_H

#include "base/sidecar.h"
#include "checkpoint/checkpoint.h"
#include "mica/model.h"

/* Whether they are to be kept: as the options say, or MICA_PACKED_CACHE (1, 0). */
mica_status mica_packed_wanted(const mica_model_options *options, bool *out, mica_error *err);

/* The checkpoint's sidecar, or a new one if there is none that can be used. *out stays NULL where
 * none can be: there is no place for it, or a weight file has only just been written, so that a
 * second change might not show in its times. */
mica_status mica_packed_open(mica_context *context, const mica_checkpoint *checkpoint,
                             mica_precision precision, mica_sidecar **out, mica_error *err);
/* Writes a new one. What is in its way is a warning. */
void mica_packed_keep(mica_context *context, const mica_sidecar *sidecar);

#endif
