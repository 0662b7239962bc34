/* SPDX-License-Identifier: MIT
 *
 * Tensors: dense arrays in C order, counted by references, shape fixed at creation.
 */
#ifndef MICA_TENSOR_H
#define MICA_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "mica/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MICA_MAX_RANK 8

typedef enum mica_dtype {
    MICA_DTYPE_F32,
    MICA_DTYPE_F16,
    MICA_DTYPE_BF16,
    MICA_DTYPE_F64,
    MICA_DTYPE_I8,
    MICA_DTYPE_I16,
    MICA_DTYPE_I32,
    MICA_DTYPE_I64,
    MICA_DTYPE_U8,
    MICA_DTYPE_U16,
    MICA_DTYPE_U32,
    MICA_DTYPE_U64,
    MICA_DTYPE_BOOL, /* one byte, 0 or 1 */
    MICA_DTYPES
} mica_dtype;

/* "float32", "bfloat16", "int64", "bool": the names that NumPy and PyTorch use. */
MICA_API const char *mica_dtype_name(mica_dtype dtype);
MICA_API size_t mica_dtype_size(mica_dtype dtype); /* bytes of an element */

typedef struct mica_tensor mica_tensor;

/* A new tensor of `rank` dimensions (0 = a single value), filled with zeros. Dimensions may be 0.
 * Data is aligned to 64 bytes. SHAPE if the byte count overflows. */
MICA_API mica_status mica_tensor_create(mica_dtype dtype, int rank, const int64_t *dims,
                                        mica_tensor **out, mica_error *err);
/* A tensor over memory of the caller, which must stay as it is until `release` is called with
 * `user` (release may be NULL: the memory then outlives every reference). `data` must be aligned
 * for dtype. */
MICA_API mica_status mica_tensor_wrap(mica_dtype dtype, int rank, const int64_t *dims,
                                      const void *data, void (*release)(void *user), void *user,
                                      mica_tensor **out, mica_error *err);
/* One more reference; returns its argument. Thread-safe. */
MICA_API mica_tensor *mica_tensor_retain(mica_tensor *tensor);
/* Gives a reference up and clears the pointer; the last one frees. */
MICA_API void mica_tensor_release(mica_tensor **tensor);

MICA_API mica_dtype mica_tensor_dtype(const mica_tensor *tensor);
MICA_API int mica_tensor_rank(const mica_tensor *tensor);
MICA_API int64_t mica_tensor_dim(const mica_tensor *tensor, int axis);
MICA_API const int64_t *mica_tensor_dims(const mica_tensor *tensor);
MICA_API int64_t mica_tensor_count(const mica_tensor *tensor); /* elements */
MICA_API size_t mica_tensor_bytes(const mica_tensor *tensor);
MICA_API const void *mica_tensor_data(const mica_tensor *tensor);
/* For tensors made by mica_tensor_create only, before they are shared; NULL for wrapped ones. */
MICA_API void *mica_tensor_data_mut(mica_tensor *tensor);

/* A copy converted to another dtype: round to nearest even; float to integer truncates. A number
 * that an integer dtype cannot hold is an error, of integers too (which the operation mica_cast
 * wraps around): NOT_FINITE for NaN and infinities, else INVALID_ARGUMENT. */
MICA_API mica_status mica_tensor_cast(const mica_tensor *tensor, mica_dtype dtype,
                                      mica_tensor **out, mica_error *err);

/* Fills a float32 tensor from mica_tensor_create with normal deviates: Philox4x32-10 counters keyed
 * by (seed, stream), Box-Muller, so a value depends only on seed, stream and position. */
MICA_API mica_status mica_tensor_fill_normal(mica_tensor *tensor, double mean, double stddev,
                                             uint64_t seed, uint64_t stream, mica_error *err);

/* Fills a tensor from mica_tensor_create of any dtype but bool with uniform numbers from the same
 * generator: floats in [low, high) (high only where rounding gives it), whole numbers in [low,
 * high), which must both be whole and fit the dtype. Element 2i takes the first two words of
 * counter i, element 2i + 1 the other two: 53 bits of them make u in [0, 1), and the element is low
 * + (high - low) u, rounded down for whole numbers. */
MICA_API mica_status mica_tensor_fill_uniform(mica_tensor *tensor, double low, double high,
                                              uint64_t seed, uint64_t stream, mica_error *err);

/* NumPy's .npy files: one array. Versions 1 to 3, either byte order, C or Fortran order (which is
 * brought to C order); structured dtypes and objects are refused. bfloat16 cannot be saved so:
 * NumPy has none. A file is written whole or not at all. */
MICA_API mica_status mica_tensor_load_npy(const char *path, mica_tensor **out, mica_error *err);
MICA_API mica_status mica_tensor_save_npy(const char *path, const mica_tensor *tensor,
                                          mica_error *err);

/* Named tensors in a safetensors file (https://github.com/huggingface/safetensors). */
typedef struct mica_named_tensor {
    const char *name;
    mica_tensor *tensor;
} mica_named_tensor;

/* Writes the file whole or not at all. Metadata is {"format":"pt"}. Names must be unique. */
MICA_API mica_status mica_tensors_save(const char *path, const mica_named_tensor *tensors,
                                       size_t count, mica_error *err);

/* A safetensors file, memory-mapped: tensors are views into it where alignment allows. */
typedef struct mica_tensor_file mica_tensor_file;
MICA_API mica_status mica_tensor_file_open(const char *path, mica_tensor_file **out,
                                           mica_error *err);
MICA_API void mica_tensor_file_close(mica_tensor_file **file);
MICA_API size_t mica_tensor_file_count(const mica_tensor_file *file);
/* Names in the order of their data in the file. */
MICA_API const char *mica_tensor_file_name(const mica_tensor_file *file, size_t i);
/* A reference to the tensor, which may outlive the file handle. NOT_FOUND if it is not there. */
MICA_API mica_status mica_tensor_file_get(const mica_tensor_file *file, const char *name,
                                          mica_tensor **out, mica_error *err);

#ifdef __cplusplus
}
#endif
#endif
