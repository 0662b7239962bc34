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
 * Data is aligned to 64 bytes. SHAPE if the product of the dimensions or the bytes overflow. */
MICA_API mica_status mica_tensor_create(mica_dtype dtype, int rank, const int64_t *dims,
                                        mica_tensor **out, mica_error *err);
/* A tensor over memory of the caller, which must stay as it is until `release` is called with
 * `user` (release may be NULL: the memory then outlives every reference). `data` must be aligned
 * for dtype. On failure release is not called. */
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

/* ---- random numbers ----
 *
 * They come from Philox4x32-10 (Salmon et al., 2011). Elements 2 p and 2 p + 1, counted in C order,
 * come from the four words w[0] to w[3] that it gives for
 *
 *   the key      seed mod 2^32, seed / 2^32
 *   the counter  p mod 2^32, p / 2^32, stream mod 2^32, stream / 2^32
 *
 * so that a number depends on seed, stream and its position alone. Two words make a number of 53
 * bits: u = (w[0] * 2^21 + w[1] / 2^11) / 2^53 in [0, 1), / 2^11 without fraction; v is that of
 * w[2] and w[3]. What follows is computed in double (float64) and rounded to the dtype at the end,
 * to float16 and bfloat16 by way of float32. */

/* Fills a float32 tensor from mica_tensor_create with normal deviates (Box-Muller): with
 * r = sqrt(-2 log(u + 2^-53)) and angle = 2 pi (v + 2^-53), element 2 p is
 * mean + stddev r cos(angle) and element 2 p + 1 has the sine. INVALID_ARGUMENT unless
 * |mean| + 9 |stddev| is a float32. */
MICA_API mica_status mica_tensor_fill_normal(mica_tensor *tensor, double mean, double stddev,
                                             uint64_t seed, uint64_t stream, mica_error *err);

/* Fills a tensor from mica_tensor_create of any dtype but bool with uniform numbers: floats in
 * [low, high) (high only where rounding gives it), whole numbers in [low, high). Element 2 p is
 * low + (high - low) u, element 2 p + 1 has v; whole numbers are rounded down (to the last one
 * below high where the sum was rounded up to it). INVALID_ARGUMENT unless low < high lie in what
 * the dtype holds (high one beyond for whole numbers, for which both must be whole). */
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
/* The weights of a model's directory in Hugging Face layout, whatever files they lie in:
 * model.safetensors, pytorch_model.bin, or those that the index of either names; of these the first
 * that is there. Norms' old names, gamma and beta, are weight and bias here. NOT_FOUND if there are
 * no weights, UNSUPPORTED if they are quantised, FORMAT if a file is damaged or its pickle wants
 * more than tensors. */
MICA_API mica_status mica_tensor_file_open_model(const char *directory, mica_tensor_file **out,
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
