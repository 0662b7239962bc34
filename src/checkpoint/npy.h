/* SPDX-License-Identifier: MIT
 *
 * NumPy's .npy format (numpy.lib.format): one array in a file.
 *
 *   "\x93NUMPY" | major | minor | header length (2 bytes; from version 2 on 4) | header | data
 *
 * The header is the text of a Python dictionary: {'descr': '<f4', 'fortran_order': False,
 * 'shape': (3, 4), }, filled with blanks so that the data begins at a multiple of 64.
 */
#ifndef MICA_CHECKPOINT_NPY_H
#define MICA_CHECKPOINT_NPY_H

#include <stddef.h>

#include "base/error.h"
#include "mica/tensor.h"

/* The array in `size` bytes of memory; `path` is for error texts. */
mica_status mica_npy_parse(const unsigned char *data, size_t size, const char *path,
                           mica_tensor **out, mica_error *err);

#endif
