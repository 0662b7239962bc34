/* SPDX-License-Identifier: MIT */
#include "graph/dims.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "mica/graph.h"

bool mica_dim_from(int64_t number, mica_dim *out)
{
    *out = (mica_dim){0, 0, 0};
    if (number == MICA_DIM_TOKENS)
        out->t = 1;
    else if (number == MICA_DIM_SEQUENCES)
        out->s = 1;
    else if (number >= 0)
        out->c = number;
    else
        return false;
    return true;
}

int64_t mica_dim_number(mica_dim dim)
{
    if (mica_dim_is_fixed(dim))
        return dim.c;
    if (mica_dim_is(dim, MICA_DIM_TOKENS))
        return MICA_DIM_TOKENS;
    if (mica_dim_is(dim, MICA_DIM_SEQUENCES))
        return MICA_DIM_SEQUENCES;
    return MICA_DIM_INFER;
}

mica_dim mica_dim_fixed(int64_t size)
{
    return (mica_dim){size, 0, 0};
}

bool mica_dim_is_fixed(mica_dim dim)
{
    return dim.t == 0 && dim.s == 0;
}

bool mica_dim_equal(mica_dim a, mica_dim b)
{
    return a.c == b.c && a.t == b.t && a.s == b.s;
}

bool mica_dim_is(mica_dim dim, int64_t number)
{
    mica_dim other;
    return mica_dim_from(number, &other) && mica_dim_equal(dim, other);
}

bool mica_dim_add(mica_dim a, mica_dim b, mica_dim *out)
{
    return mica_add_i64(a.c, b.c, &out->c) && mica_add_i64(a.t, b.t, &out->t) &&
           mica_add_i64(a.s, b.s, &out->s);
}

bool mica_dim_eval(mica_dim dim, const mica_sizes *sizes, int64_t *out)
{
    int64_t t, s;
    return mica_mul_i64(dim.t, sizes->tokens, &t) && mica_mul_i64(dim.s, sizes->sequences, &s) &&
           mica_add_i64(dim.c, t, out) && mica_add_i64(*out, s, out);
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int dim_order(mica_dim a, mica_dim b)
{
    if (a.t != b.t)
        return a.t < b.t ? -1 : 1;
    if (a.s != b.s)
        return a.s < b.s ? -1 : 1;
    return a.c < b.c ? -1 : a.c > b.c;
}

bool mica_extent_multiply(mica_extent *extent, mica_dim by)
{
    int64_t divisor = gcd(by.c, gcd(by.t, by.s));
    if (divisor == 0 || extent->k == 0) {
        *extent = (mica_extent){0};
        return true;
    }
    if (!mica_mul_i64(extent->k, divisor, &extent->k))
        return false;
    mica_dim factor = {by.c / divisor, by.t / divisor, by.s / divisor};
    if (mica_dim_is_fixed(factor))
        return true;
    if (extent->n == MICA_MAX_RANK)
        return false;
    int at = extent->n++;
    for (; at > 0 && dim_order(factor, extent->f[at - 1]) < 0; at--)
        extent->f[at] = extent->f[at - 1];
    extent->f[at] = factor;
    return true;
}

bool mica_extent_of(const mica_dim *dims, int n, mica_extent *out)
{
    *out = (mica_extent){.k = 1};
    /* A zero makes the product zero, whatever the others would overflow to. */
    for (int i = 0; i < n; i++) {
        if (mica_dim_is(dims[i], 0))
            out->k = 0;
    }
    for (int i = 0; i < n; i++) {
        if (!mica_extent_multiply(out, dims[i]))
            return false;
    }
    return true;
}

bool mica_extent_equal(const mica_extent *a, const mica_extent *b)
{
    if (a->k != b->k || a->n != b->n)
        return false;
    for (int i = 0; i < a->n; i++) {
        if (!mica_dim_equal(a->f[i], b->f[i]))
            return false;
    }
    return true;
}

bool mica_extent_eval(const mica_extent *extent, const mica_sizes *sizes, int64_t *out)
{
    int64_t product = extent->k;
    for (int i = 0; i < extent->n; i++) {
        int64_t factor;
        if (!mica_dim_eval(extent->f[i], sizes, &factor))
            return false;
        if (factor == 0) {
            *out = 0;
            return true;
        }
        if (!mica_mul_i64(product, factor, &product))
            return false;
    }
    *out = product;
    return true;
}

bool mica_extent_divide(const mica_extent *whole, const mica_extent *part, mica_dim *out)
{
    if (part->k == 0 || whole->k % part->k != 0)
        return false;
    if (whole->k == 0) {
        *out = mica_dim_fixed(0);
        return true;
    }
    mica_dim left = mica_dim_fixed(1);
    int n_left = 0, j = 0;
    for (int i = 0; i < whole->n; i++) {
        if (j < part->n && mica_dim_equal(whole->f[i], part->f[j])) {
            j++;
        } else {
            left = whole->f[i];
            n_left++;
        }
    }
    if (j != part->n || n_left > 1)
        return false;
    int64_t k = whole->k / part->k;
    return mica_mul_i64(left.c, k, &out->c) && mica_mul_i64(left.t, k, &out->t) &&
           mica_mul_i64(left.s, k, &out->s);
}

bool mica_type_equal(const mica_type *a, const mica_type *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++) {
        if (!mica_dim_equal(a->dim[i], b->dim[i]))
            return false;
    }
    return true;
}

bool mica_type_is_symbolic(const mica_type *type)
{
    for (int i = 0; i < type->rank; i++) {
        if (!mica_dim_is_fixed(type->dim[i]))
            return true;
    }
    return false;
}

bool mica_type_fits(const mica_type *type)
{
    mica_extent extent;
    int64_t bytes;
    return mica_extent_of(type->dim, type->rank, &extent) &&
           mica_mul_i64(extent.k, (int64_t)mica_dtype_size(type->dtype), &bytes) &&
           (uint64_t)bytes <= PTRDIFF_MAX;
}

static void put(mica_text *text, size_t *at, const char *piece)
{
    size_t room = sizeof(text->s) - 1 - *at, size = strlen(piece);
    size = size < room ? size : room;
    memcpy(text->s + *at, piece, size);
    *at += size;
    text->s[*at] = '\0';
}

static void put_term(mica_text *text, size_t *at, int64_t factor, const char *symbol, bool *first)
{
    char piece[48];
    if (factor == 0)
        return;
    if (factor == 1)
        snprintf(piece, sizeof piece, "%s%s", *first ? "" : " + ", symbol);
    else
        snprintf(piece, sizeof piece, "%s%lld %s", *first ? "" : " + ", (long long)factor, symbol);
    put(text, at, piece);
    *first = false;
}

mica_text mica_dims_text(const mica_dim *dims, int rank)
{
    mica_text text = {""};
    size_t at = 0;
    put(&text, &at, "[");
    for (int i = 0; i < rank; i++) {
        bool first = true;
        if (i > 0)
            put(&text, &at, ", ");
        put_term(&text, &at, dims[i].t, "tokens", &first);
        put_term(&text, &at, dims[i].s, "sequences", &first);
        if (first || dims[i].c != 0) {
            char piece[32];
            snprintf(piece, sizeof piece, "%s%lld", first ? "" : " + ", (long long)dims[i].c);
            put(&text, &at, piece);
        }
    }
    put(&text, &at, "]");
    return text;
}

mica_text mica_type_text(const mica_type *type)
{
    mica_text text = {""};
    size_t at = 0;
    put(&text, &at, mica_dtype_name(type->dtype));
    put(&text, &at, " ");
    put(&text, &at, mica_dims_text(type->dim, type->rank).s);
    return text;
}
