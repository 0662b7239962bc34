/* SPDX-License-Identifier: MIT
 *
 * Elements of any dtype as the kernels want them: floats as float32, whole numbers and bool as
 * int64; and walking over inputs that are broadcast.
 */
#ifndef MICA_BACKENDS_CPU_ELEMENTS_H
#define MICA_BACKENDS_CPU_ELEMENTS_H

#include "backends/cpu/cpu.h"

/* Elements that are converted at once: buffers of this size stay in the first cache. */
enum { MICA_PIECE = 1024 };

bool mica_is_float(mica_dtype dtype); /* float32, float16, bfloat16 */
bool mica_is_half(mica_dtype dtype);
bool mica_is_signed(mica_dtype dtype); /* int8 to int64 */

/* Brings n elements of `size` bytes that are `stride` elements apart into a row. */
void mica_pick(unsigned char *to, const unsigned char *x, int64_t stride, size_t size, size_t n);
/* n elements from x on, `stride` elements apart. */
void mica_load_f32(const mica_kernels *kernels, float *to, mica_dtype dtype, const void *x,
                   int64_t stride, size_t n);
void mica_load_i64(int64_t *to, mica_dtype dtype, const void *x, int64_t stride, size_t n);
/* n elements in a row; whole numbers wrap around. */
void mica_store_f32(const mica_kernels *kernels, mica_dtype dtype, void *y, const float *from,
                    size_t n);
void mica_store_i64(mica_dtype dtype, void *y, const int64_t *from, size_t n);

/* Up to three inputs over the axes of a contiguous output: a stride of 0 repeats. Axes that lie
 * behind one another in all of them are merged, so that a row is as long as it can be. */
typedef struct mica_walk {
    int n, rank;
    size_t dim[MICA_MAX_RANK];
    int64_t stride[3][MICA_MAX_RANK]; /* in elements */
    const unsigned char *data[3];
    size_t size[3]; /* bytes of an element */
} mica_walk;

void mica_walk_init(mica_walk *walk, const mica_view *const *inputs, int n, const mica_view *y);
/* Where the inputs are for element `at` of the output, and how many elements from there on lie in
 * its row (at most `most`): those are stride[i][rank - 1] apart. */
size_t mica_walk_at(const mica_walk *walk, size_t at, size_t most, const unsigned char *data[3]);

/* Results so large that they are written past the caches. */
bool mica_cpu_streams(const mica_view *y);

#endif
