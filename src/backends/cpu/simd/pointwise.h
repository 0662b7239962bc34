/* SPDX-License-Identifier: MIT
 *
 * Operations on elements, written once for every width of vector: an instruction set's pointwise.c
 * includes its vector.h, then this, and calls pointwise_fill.
 */
#ifndef MICA_BACKENDS_CPU_SIMD_POINTWISE_H
#define MICA_BACKENDS_CPU_SIMD_POINTWISE_H

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd/math.h"

/* f is a constant where this is called, so that it is inlined into the loops. */
V_INLINE void map(float *y, const float *x, size_t n, vec (*f)(vec))
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        v_store(y + i, f(v_load(x + i)));
    if (i < n)
        v_store_n(y + i, f(v_load_n(x + i, n - i, v_zero())), n - i);
}

V_INLINE void map_vv(float *y, const float *a, const float *b, size_t n, vec (*f)(vec, vec))
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        v_store(y + i, f(v_load(a + i), v_load(b + i)));
    if (i < n)
        v_store_n(y + i,
                  f(v_load_n(a + i, n - i, v_set(1.0f)), v_load_n(b + i, n - i, v_set(1.0f))),
                  n - i);
}

V_INLINE void map_vs(float *y, const float *a, const float *b, size_t n, vec (*f)(vec, vec))
{
    size_t i = 0;
    if (n == 0)
        return;
    vec s = v_set(*b);
    for (; i + LANES <= n; i += LANES)
        v_store(y + i, f(v_load(a + i), s));
    if (i < n)
        v_store_n(y + i, f(v_load_n(a + i, n - i, v_set(1.0f)), s), n - i);
}

V_INLINE void map_sv(float *y, const float *a, const float *b, size_t n, vec (*f)(vec, vec))
{
    size_t i = 0;
    if (n == 0)
        return;
    vec s = v_set(*a);
    for (; i + LANES <= n; i += LANES)
        v_store(y + i, f(s, v_load(b + i)));
    if (i < n)
        v_store_n(y + i, f(s, v_load_n(b + i, n - i, v_set(1.0f))), n - i);
}

static void k_neg(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, v_neg);
}

static void k_abs(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, v_abs);
}

static void k_exp(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, v_exp);
}

static void k_sqrt(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, v_sqrt);
}

V_INLINE vec of_square(vec x)
{
    return v_mul(x, x);
}

static void k_square(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, of_square);
}

static void k_tanh(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, v_tanh);
}

/* With e = exp(-|x|): 1 / (1 + e), or e / (1 + e) below 0. */
V_INLINE vec of_sigmoid(vec x)
{
    vec e = v_exp_below(v_neg(v_abs(x)));
    return v_div(v_where_greater(v_zero(), x, e, v_set(1.0f)), v_add(v_set(1.0f), e));
}

static void k_sigmoid(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, of_sigmoid);
}

V_INLINE vec of_relu(vec x)
{
    return v_max(v_zero(), x);
}

static void k_relu(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, of_relu);
}

V_INLINE vec of_relu6(vec x)
{
    return v_min(v_set(6.0f), v_max(v_zero(), x));
}

static void k_relu6(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, of_relu6);
}

V_INLINE vec of_relu2(vec x)
{
    return of_square(of_relu(x));
}

static void k_relu2(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, of_relu2);
}

static void k_gelu(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, v_gelu);
}

static void k_gelu_coarse(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, v_gelu_coarse);
}

static void k_gelu_tanh(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, v_gelu_tanh);
}

V_INLINE vec of_quick_gelu(vec x)
{
    return v_mul(x, v_sigmoid(v_mul(x, v_set(1.702f))));
}

static void k_quick_gelu(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, of_quick_gelu);
}

V_INLINE vec of_silu(vec x)
{
    return v_mul(x, v_sigmoid(x));
}

static void k_silu(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, of_silu);
}

static void k_mish(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, v_mish);
}

static void k_leaky_relu(float *y, const float *x, size_t n, const void *params)
{
    vec slope = v_set(((const mica_leaky_relu_params *)params)->negative_slope);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec v = v_load(x + i);
        v_store(y + i, v_where_greater(v, v_zero(), v, v_mul(v, slope)));
    }
    if (i < n) {
        vec v = v_load_n(x + i, n - i, v_zero());
        v_store_n(y + i, v_where_greater(v, v_zero(), v, v_mul(v, slope)), n - i);
    }
}

static void k_log(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, v_log);
}

/* x < 0 rather than x > 0, so that -0 and NaN pass through. */
V_INLINE vec of_selu(vec x)
{
    vec below = v_mul(v_expm1_below(x), v_set(1.75809934084737685994f));
    return v_where_greater(v_zero(), x, below, v_mul(x, v_set(1.05070098735548049342f)));
}

static void k_selu(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, of_selu);
}

V_INLINE vec of_softplus(vec x)
{
    return v_add(v_max(v_zero(), x), v_log1p_small(v_exp_below(v_neg(v_abs(x)))));
}

static void k_softplus(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, of_softplus);
}

V_INLINE vec of_rsqrt(vec x)
{
    return v_div(v_set(1.0f), v_sqrt(x));
}

static void k_rsqrt(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, of_rsqrt);
}

static void k_round(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, v_round);
}

/* The nearest whole number, or its neighbour where that is on the wrong side; zeros have the sign
 * of x. */
V_INLINE vec of_floor(vec x)
{
    vec near = v_round(x);
    return v_copy_sign(v_where_greater(near, x, v_sub(near, v_set(1.0f)), near), x);
}

static void k_floor(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, of_floor);
}

V_INLINE vec of_ceil(vec x)
{
    vec near = v_round(x);
    return v_copy_sign(v_where_greater(x, near, v_add(near, v_set(1.0f)), near), x);
}

static void k_ceil(float *y, const float *x, size_t n, const void *params)
{
    map(y, x, n, of_ceil);
}

V_INLINE vec of_prelu(vec x, vec weight)
{
    return v_where_greater(x, v_zero(), x, v_mul(weight, x));
}

V_INLINE vec of_maximum(vec a, vec b)
{
    return v_where_nan(a, a, v_max(a, b));
}

V_INLINE vec of_minimum(vec a, vec b)
{
    return v_where_nan(a, a, v_min(a, b));
}

static void add_vv(float *y, const float *a, const float *b, size_t n)
{
    map_vv(y, a, b, n, v_add);
}

static void add_vs(float *y, const float *a, const float *b, size_t n)
{
    map_vs(y, a, b, n, v_add);
}

static void add_sv(float *y, const float *a, const float *b, size_t n)
{
    map_sv(y, a, b, n, v_add);
}

static void sub_vv(float *y, const float *a, const float *b, size_t n)
{
    map_vv(y, a, b, n, v_sub);
}

static void sub_vs(float *y, const float *a, const float *b, size_t n)
{
    map_vs(y, a, b, n, v_sub);
}

static void sub_sv(float *y, const float *a, const float *b, size_t n)
{
    map_sv(y, a, b, n, v_sub);
}

static void mul_vv(float *y, const float *a, const float *b, size_t n)
{
    map_vv(y, a, b, n, v_mul);
}

static void mul_vs(float *y, const float *a, const float *b, size_t n)
{
    map_vs(y, a, b, n, v_mul);
}

static void mul_sv(float *y, const float *a, const float *b, size_t n)
{
    map_sv(y, a, b, n, v_mul);
}

static void div_vv(float *y, const float *a, const float *b, size_t n)
{
    map_vv(y, a, b, n, v_div);
}

static void div_vs(float *y, const float *a, const float *b, size_t n)
{
    map_vs(y, a, b, n, v_div);
}

static void div_sv(float *y, const float *a, const float *b, size_t n)
{
    map_sv(y, a, b, n, v_div);
}

static void maximum_vv(float *y, const float *a, const float *b, size_t n)
{
    map_vv(y, a, b, n, of_maximum);
}

static void maximum_vs(float *y, const float *a, const float *b, size_t n)
{
    map_vs(y, a, b, n, of_maximum);
}

static void maximum_sv(float *y, const float *a, const float *b, size_t n)
{
    map_sv(y, a, b, n, of_maximum);
}

static void minimum_vv(float *y, const float *a, const float *b, size_t n)
{
    map_vv(y, a, b, n, of_minimum);
}

static void minimum_vs(float *y, const float *a, const float *b, size_t n)
{
    map_vs(y, a, b, n, of_minimum);
}

static void minimum_sv(float *y, const float *a, const float *b, size_t n)
{
    map_sv(y, a, b, n, of_minimum);
}

static void prelu_vv(float *y, const float *a, const float *b, size_t n)
{
    map_vv(y, a, b, n, of_prelu);
}

static void prelu_vs(float *y, const float *a, const float *b, size_t n)
{
    map_vs(y, a, b, n, of_prelu);
}

static void prelu_sv(float *y, const float *a, const float *b, size_t n)
{
    map_sv(y, a, b, n, of_prelu);
}

/* Those that are missing stay plain C: no model of today spends time in them. */
static void pointwise_fill(mica_kernels *kernels)
{
    mica_k_pointwise *f = kernels->pointwise;
    f[MICA_OP_NEG] = k_neg;
    f[MICA_OP_ABS] = k_abs;
    f[MICA_OP_EXP] = k_exp;
    f[MICA_OP_SQRT] = k_sqrt;
    f[MICA_OP_SQUARE] = k_square;
    f[MICA_OP_TANH] = k_tanh;
    f[MICA_OP_SIGMOID] = k_sigmoid;
    f[MICA_OP_RELU] = k_relu;
    f[MICA_OP_RELU6] = k_relu6;
    f[MICA_OP_RELU2] = k_relu2;
    f[MICA_OP_GELU] = k_gelu;
    kernels->gelu_coarse = k_gelu_coarse;
    f[MICA_OP_GELU_TANH] = k_gelu_tanh;
    f[MICA_OP_QUICK_GELU] = k_quick_gelu;
    f[MICA_OP_SILU] = k_silu;
    f[MICA_OP_MISH] = k_mish;
    f[MICA_OP_LEAKY_RELU] = k_leaky_relu;
    f[MICA_OP_LOG] = k_log;
    f[MICA_OP_SELU] = k_selu;
    f[MICA_OP_SOFTPLUS] = k_softplus;
    f[MICA_OP_RSQRT] = k_rsqrt;
    f[MICA_OP_ROUND] = k_round;
    f[MICA_OP_FLOOR] = k_floor;
    f[MICA_OP_CEIL] = k_ceil;

    static const mica_k_binary binary[MICA_BINARY_OPS][MICA_FORMS] = {
        [MICA_OP_ADD - MICA_OP_ADD] = {add_vv, add_vs, add_sv},
        [MICA_OP_SUB - MICA_OP_ADD] = {sub_vv, sub_vs, sub_sv},
        [MICA_OP_MUL - MICA_OP_ADD] = {mul_vv, mul_vs, mul_sv},
        [MICA_OP_DIV - MICA_OP_ADD] = {div_vv, div_vs, div_sv},
        [MICA_OP_MAXIMUM - MICA_OP_ADD] = {maximum_vv, maximum_vs, maximum_sv},
        [MICA_OP_MINIMUM - MICA_OP_ADD] = {minimum_vv, minimum_vs, minimum_sv},
        [MICA_OP_PRELU - MICA_OP_ADD] = {prelu_vv, prelu_vs, prelu_sv},
    };
    for (int op = 0; op < MICA_BINARY_OPS; op++)
        for (int form = 0; form < MICA_FORMS; form++)
            if (binary[op][form]) /* others stay plain C */
                kernels->binary[op][form] = binary[op][form];
}

#endif
