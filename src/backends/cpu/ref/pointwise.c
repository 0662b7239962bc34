/* SPDX-License-Identifier: MIT
 *
 * Operations on elements in plain C: each formula as mica/ops.def states it, in double precision,
 * rounded once. The truth that the other instruction sets are tested against.
 */
#include <math.h>

#include "backends/cpu/kernels.h"

static void neg(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = -x[i];
}

static void absolute(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fabsf(x[i]);
}

static void exponential(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)exp((double)x[i]);
}

static void logarithm(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)log((double)x[i]);
}

static void square_root(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = sqrtf(x[i]);
}

static void square(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * x[i];
}

static void tangent(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)tanh((double)x[i]);
}

static double sigmoid_of(double x)
{
    return 1 / (1 + exp(-x));
}

static void sigmoid(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)sigmoid_of(x[i]);
}

/* x < 0 rather than x > 0, so that NaN passes through. */
static void relu(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

static void relu6(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] < 0 ? 0 : x[i] > 6 ? 6 : x[i];
}

static void relu2(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] < 0 ? 0 : x[i] * x[i];
}

/* erfc keeps its precision where 1 + erf would cancel. */
static void gelu(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++) {
        double v = x[i];
        y[i] = (float)(0.5 * v * erfc(-v * 0.70710678118654752440));
    }
}

/* 0.5 (1 + tanh(u)) is sigmoid(2 u). */
static void gelu_tanh(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++) {
        double v = x[i];
        y[i] = (float)(v * sigmoid_of(2 * 0.79788456080286535588 * (v + 0.044715 * v * v * v)));
    }
}

static void quick_gelu(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)(x[i] * sigmoid_of(1.702 * x[i]));
}

static void silu(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)(x[i] * sigmoid_of(x[i]));
}

static void mish(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++) {
        double v = x[i];
        /* For large v, log(1 + exp(v)) is v and its tanh 1. */
        y[i] = (float)(v > 40 ? v : v * tanh(log1p(exp(v))));
    }
}

static void leaky_relu(float *y, const float *x, size_t n, const void *params)
{
    float slope = ((const mica_leaky_relu_params *)params)->negative_slope;
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > 0 ? x[i] : slope * x[i];
}

static void selu(float *y, const float *x, size_t n, const void *params)
{
    const double scale = 1.0507009873554804934193349852946;
    const double alpha = 1.6732632423543772848170429916717;
    for (size_t i = 0; i < n; i++) {
        double v = x[i];
        y[i] = (float)(scale * (v > 0 ? v : alpha * expm1(v)));
    }
}

static void softplus(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++) {
        double v = x[i];
        y[i] = (float)((v < 0 ? 0 : v) + log1p(exp(-fabs(v))));
    }
}

static void sine(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)sin((double)x[i]);
}

static void cosine(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)cos((double)x[i]);
}

static void inverse_root(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)(1 / sqrt((double)x[i]));
}

static void log_of_one_more(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)log1p((double)x[i]);
}

static void exponential_less_one(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)expm1((double)x[i]);
}

static void error_function(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)erf((double)x[i]);
}

static void round_down(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = floorf(x[i]);
}

static void round_up(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = ceilf(x[i]);
}

static void round_near(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = nearbyintf(x[i]);
}

static void sign(float *y, const float *x, size_t n, const void *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > 0 ? 1 : x[i] < 0 ? -1 : x[i] == 0 ? 0 : x[i];
}

/* Two inputs: a step of 0 repeats the first element of its side. */
static void add(float *y, const float *a, size_t step_a, const float *b, size_t step_b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i * step_a] + b[i * step_b];
}

static void sub(float *y, const float *a, size_t step_a, const float *b, size_t step_b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i * step_a] - b[i * step_b];
}

static void mul(float *y, const float *a, size_t step_a, const float *b, size_t step_b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i * step_a] * b[i * step_b];
}

static void divide(float *y, const float *a, size_t step_a, const float *b, size_t step_b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i * step_a] / b[i * step_b];
}

static void maximum(float *y, const float *a, size_t step_a, const float *b, size_t step_b,
                    size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float u = a[i * step_a], v = b[i * step_b];
        y[i] = u != u || u > v ? u : v; /* v if it is NaN */
    }
}

static void minimum(float *y, const float *a, size_t step_a, const float *b, size_t step_b,
                    size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float u = a[i * step_a], v = b[i * step_b];
        y[i] = u != u || u < v ? u : v;
    }
}

static void power(float *y, const float *a, size_t step_a, const float *b, size_t step_b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)pow((double)a[i * step_a], (double)b[i * step_b]);
}

/* As Python has it: fmod is exact, and brought to the sign of b by one addition. */
static float remainder_of(float a, float b)
{
    float r = fmodf(a, b);
    if (r == 0)
        return copysignf(0, b);
    return (r < 0) != (b < 0) ? r + b : r;
}

static void remainder_all(float *y, const float *a, size_t step_a, const float *b, size_t step_b,
                          size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = remainder_of(a[i * step_a], b[i * step_b]);
}

static void prelu(float *y, const float *a, size_t step_a, const float *b, size_t step_b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x = a[i * step_a], weight = b[i * step_b];
        y[i] = x > 0 ? x : weight * x;
    }
}

static void add_vv(float *y, const float *a, const float *b, size_t n)
{
    add(y, a, 1, b, 1, n);
}

static void add_vs(float *y, const float *a, const float *b, size_t n)
{
    add(y, a, 1, b, 0, n);
}

static void add_sv(float *y, const float *a, const float *b, size_t n)
{
    add(y, a, 0, b, 1, n);
}

static void sub_vv(float *y, const float *a, const float *b, size_t n)
{
    sub(y, a, 1, b, 1, n);
}

static void sub_vs(float *y, const float *a, const float *b, size_t n)
{
    sub(y, a, 1, b, 0, n);
}

static void sub_sv(float *y, const float *a, const float *b, size_t n)
{
    sub(y, a, 0, b, 1, n);
}

static void mul_vv(float *y, const float *a, const float *b, size_t n)
{
    mul(y, a, 1, b, 1, n);
}

static void mul_vs(float *y, const float *a, const float *b, size_t n)
{
    mul(y, a, 1, b, 0, n);
}

static void mul_sv(float *y, const float *a, const float *b, size_t n)
{
    mul(y, a, 0, b, 1, n);
}

static void div_vv(float *y, const float *a, const float *b, size_t n)
{
    divide(y, a, 1, b, 1, n);
}

static void div_vs(float *y, const float *a, const float *b, size_t n)
{
    divide(y, a, 1, b, 0, n);
}

static void div_sv(float *y, const float *a, const float *b, size_t n)
{
    divide(y, a, 0, b, 1, n);
}

static void maximum_vv(float *y, const float *a, const float *b, size_t n)
{
    maximum(y, a, 1, b, 1, n);
}

static void maximum_vs(float *y, const float *a, const float *b, size_t n)
{
    maximum(y, a, 1, b, 0, n);
}

static void maximum_sv(float *y, const float *a, const float *b, size_t n)
{
    maximum(y, a, 0, b, 1, n);
}

static void minimum_vv(float *y, const float *a, const float *b, size_t n)
{
    minimum(y, a, 1, b, 1, n);
}

static void minimum_vs(float *y, const float *a, const float *b, size_t n)
{
    minimum(y, a, 1, b, 0, n);
}

static void minimum_sv(float *y, const float *a, const float *b, size_t n)
{
    minimum(y, a, 0, b, 1, n);
}

static void pow_vv(float *y, const float *a, const float *b, size_t n)
{
    power(y, a, 1, b, 1, n);
}

static void pow_vs(float *y, const float *a, const float *b, size_t n)
{
    power(y, a, 1, b, 0, n);
}

static void pow_sv(float *y, const float *a, const float *b, size_t n)
{
    power(y, a, 0, b, 1, n);
}

static void remainder_vv(float *y, const float *a, const float *b, size_t n)
{
    remainder_all(y, a, 1, b, 1, n);
}

static void remainder_vs(float *y, const float *a, const float *b, size_t n)
{
    remainder_all(y, a, 1, b, 0, n);
}

static void remainder_sv(float *y, const float *a, const float *b, size_t n)
{
    remainder_all(y, a, 0, b, 1, n);
}

static void prelu_vv(float *y, const float *a, const float *b, size_t n)
{
    prelu(y, a, 1, b, 1, n);
}

static void prelu_vs(float *y, const float *a, const float *b, size_t n)
{
    prelu(y, a, 1, b, 0, n);
}

static void prelu_sv(float *y, const float *a, const float *b, size_t n)
{
    prelu(y, a, 0, b, 1, n);
}

void mica_k_pointwise_init_c(mica_kernels *kernels)
{
    mica_k_pointwise *f = kernels->pointwise;
    f[MICA_OP_NEG] = neg;
    f[MICA_OP_ABS] = absolute;
    f[MICA_OP_EXP] = exponential;
    f[MICA_OP_LOG] = logarithm;
    f[MICA_OP_SQRT] = square_root;
    f[MICA_OP_SQUARE] = square;
    f[MICA_OP_TANH] = tangent;
    f[MICA_OP_SIGMOID] = sigmoid;
    f[MICA_OP_RELU] = relu;
    f[MICA_OP_RELU6] = relu6;
    f[MICA_OP_RELU2] = relu2;
    f[MICA_OP_GELU] = gelu;
    kernels->gelu_coarse = gelu;
    f[MICA_OP_GELU_TANH] = gelu_tanh;
    f[MICA_OP_QUICK_GELU] = quick_gelu;
    f[MICA_OP_SILU] = silu;
    f[MICA_OP_MISH] = mish;
    f[MICA_OP_LEAKY_RELU] = leaky_relu;
    f[MICA_OP_SELU] = selu;
    f[MICA_OP_SOFTPLUS] = softplus;
    f[MICA_OP_SIN] = sine;
    f[MICA_OP_COS] = cosine;
    f[MICA_OP_RSQRT] = inverse_root;
    f[MICA_OP_LOG1P] = log_of_one_more;
    f[MICA_OP_EXPM1] = exponential_less_one;
    f[MICA_OP_ERF] = error_function;
    f[MICA_OP_FLOOR] = round_down;
    f[MICA_OP_CEIL] = round_up;
    f[MICA_OP_ROUND] = round_near;
    f[MICA_OP_SIGN] = sign;

    static const mica_k_binary binary[MICA_BINARY_OPS][MICA_FORMS] = {
        [MICA_OP_ADD - MICA_OP_ADD] = {add_vv, add_vs, add_sv},
        [MICA_OP_SUB - MICA_OP_ADD] = {sub_vv, sub_vs, sub_sv},
        [MICA_OP_MUL - MICA_OP_ADD] = {mul_vv, mul_vs, mul_sv},
        [MICA_OP_DIV - MICA_OP_ADD] = {div_vv, div_vs, div_sv},
        [MICA_OP_MAXIMUM - MICA_OP_ADD] = {maximum_vv, maximum_vs, maximum_sv},
        [MICA_OP_MINIMUM - MICA_OP_ADD] = {minimum_vv, minimum_vs, minimum_sv},
        [MICA_OP_POW - MICA_OP_ADD] = {pow_vv, pow_vs, pow_sv},
        [MICA_OP_REMAINDER - MICA_OP_ADD] = {remainder_vv, remainder_vs, remainder_sv},
        [MICA_OP_PRELU - MICA_OP_ADD] = {prelu_vv, prelu_vs, prelu_sv},
    };
    for (int op = 0; op < MICA_BINARY_OPS; op++)
        for (int form = 0; form < MICA_FORMS; form++)
            kernels->binary[op][form] = binary[op][form];
}
