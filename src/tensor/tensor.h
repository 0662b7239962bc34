/* SPDX-License-Identifier: MIT
 *
 * What the parts of the library may do with tensors beside the public calls.
 */
#ifndef MICA_TENSOR_TENSOR_H
#define MICA_TENSOR_TENSOR_H

#include "mica/tensor.h"

/* What is known of the pages of [data, data + size): all of them will be read, or they are not
 * needed soon and may go. */
typedef enum mica_pages {
    MICA_PAGES_EXPECT,
    MICA_PAGES_DROP,
} mica_pages;

/* For tensors of mica_tensor_wrap whose memory can be had again, such as a mapped file: whom to
 * tell. Called with the `user` of mica_tensor_wrap. */
typedef void (*mica_tell_pages)(void *user, const void *data, size_t size, mica_pages what);
void mica_tensor_set_pages(mica_tensor *tensor, mica_tell_pages tell);

/* All of it will be read, from end to end. */
void mica_tensor_expect(const mica_tensor *tensor);

/* Rows [begin, end) of the first axis are not needed soon (they have been packed): lets their pages
 * go, if that is possible. The data can still be read; its content does not change. */
void mica_tensor_drop_rows(const mica_tensor *tensor, int64_t begin, int64_t end);

#endif
