/* SPDX-License-Identifier: MIT
 *
 * Sizes that may depend on the batch, and shapes made of them.
 *
 *   mica_dim     one dimension: c + t * tokens + s * sequences, with c, t, s >= 0
 *   mica_extent  a product of dimensions (an element count, a stride): k * f[0] * f[1] * ...
 *
 * An extent is kept in normal form (factors primitive and sorted, all common divisors in k, no
 * factors when k is 0), so two extents are the same polynomial exactly when they are equal field by
 * field.
 */
#ifndef MICA_GRAPH_DIMS_H
#define MICA_GRAPH_DIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mica/tensor.h"

typedef struct mica_dim {
    int64_t c, t, s;
} mica_dim;

typedef struct mica_extent {
    int64_t k;
    int n;
    mica_dim f[MICA_MAX_RANK];
} mica_extent;

typedef struct mica_type {
    mica_dtype dtype;
    int rank;
    mica_dim dim[MICA_MAX_RANK];
} mica_type;

/* What tokens and sequences stand for in a run. */
typedef struct mica_sizes {
    int64_t tokens, sequences;
} mica_sizes;

/* A piece of an error text, returned by value. */
typedef struct mica_text {
    char s[400];
} mica_text;

/* From the numbers of the public API: >= 0 or MICA_DIM_TOKENS, MICA_DIM_SEQUENCES. False otherwise.
 */
bool mica_dim_from(int64_t number, mica_dim *out);
/* The reverse; MICA_DIM_INFER where no such number says it. */
int64_t mica_dim_number(mica_dim dim);
mica_dim mica_dim_fixed(int64_t size);
bool mica_dim_is_fixed(mica_dim dim);
bool mica_dim_equal(mica_dim a, mica_dim b);
bool mica_dim_is(mica_dim dim, int64_t number);           /* against a number of the public API */
bool mica_dim_add(mica_dim a, mica_dim b, mica_dim *out); /* false on overflow */
bool mica_dim_eval(mica_dim dim, const mica_sizes *sizes, int64_t *out); /* false on overflow */

/* The product of `n` dimensions; false on overflow. */
bool mica_extent_of(const mica_dim *dims, int n, mica_extent *out);
bool mica_extent_multiply(mica_extent *extent, mica_dim by);
bool mica_extent_equal(const mica_extent *a, const mica_extent *b);
bool mica_extent_eval(const mica_extent *extent, const mica_sizes *sizes, int64_t *out);
/* The dimension d with part * d = whole, if there is exactly one. */
bool mica_extent_divide(const mica_extent *whole, const mica_extent *part, mica_dim *out);

bool mica_type_equal(const mica_type *a, const mica_type *b);
bool mica_type_is_symbolic(const mica_type *type);
/* Whether the fixed part of the byte count fits in memory. */
bool mica_type_fits(const mica_type *type);
/* "[tokens, 384]", and with the dtype in front: "int32 [tokens]". */
mica_text mica_dims_text(const mica_dim *dims, int rank);
mica_text mica_type_text(const mica_type *type);

#endif
