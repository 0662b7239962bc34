/* SPDX-License-Identifier: MIT
 *
 * What the parts of the library may do with tensors beside the public calls.
 */
#ifndef MICA_TENSOR_TENSOR_H
#define MICA_TENSOR_TENSOR_H

#include "mica/tensor.h"

/* For tensors of mica_tensor_wrap whose memory can be had again, such as a mapped file: how to let
 * the pages of [data, data + size) go for now. Called with the `user` of mica_tensor_wrap. */
void mica_tensor_set_drop(mica_tensor *tensor,
                          void (*drop)(void *user, const void *data, size_t size));

/* Rows [begin, end) of the first axis are not needed soon (they have been packed): lets their pages
 * go, if that is possible. The data can still be read; its content does not change. */
void mica_tensor_drop_rows(const mica_tensor *tensor, int64_t begin, int64_t end);

#endif
