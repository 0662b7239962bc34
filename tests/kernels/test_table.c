/* SPDX-License-Identifier: MIT
 *
 * Every slot of the table of kernels at every level: against the formula in double precision, at
 * the ends of memory, in place, with special values, and the same bits wherever an element falls.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/common.h"

static const size_t sizes[] = {0,  1,  2,  3,  7,  8,  9,  15,  16,  17,
                               31, 32, 33, 48, 63, 64, 65, 100, 768, 1025};
enum { SIZES = sizeof sizes / sizeof sizes[0], MOST = 1025 };

static const float specials[] = {
    0.0f,    -0.0f,    1.0f,    -1.0f,  0.5f,   -0.5f,    0.625f,    -0.625f, 1e-30f,
    -1e-30f, 1e-42f,   -1e-42f, 5.0f,   -5.0f,  6.0f,     -6.0f,     13.0f,   -13.0f,
    40.0f,   -40.0f,   88.0f,   -88.0f, 89.5f,  -89.5f,   103.0f,    -103.0f, 104.5f,
    -104.5f, 1e4f,     -1e4f,   1e10f,  -1e10f, 1e30f,    -1e30f,    FLT_MAX, -FLT_MAX,
    FLT_MIN, -FLT_MIN, NAN,     3.0f,   -3.0f,  INFINITY, -INFINITY, 2.0f};
enum { SPECIALS = sizeof specials / sizeof specials[0] };

static const mica_leaky_relu_params slope = {0.01f};

static double formula(mica_op op, double x)
{
    switch ((int)op) {
    case MICA_OP_NEG:
        return -x;
    case MICA_OP_ABS:
        return fabs(x);
    case MICA_OP_EXP:
        return exp(x);
    case MICA_OP_LOG:
        return log(x);
    case MICA_OP_SQRT:
        return sqrt(x);
    case MICA_OP_SQUARE:
        return x * x;
    case MICA_OP_TANH:
        return tanh(x);
    case MICA_OP_SIGMOID:
        return 1 / (1 + exp(-x));
    case MICA_OP_RELU:
        return x < 0 ? 0 : x;
    case MICA_OP_RELU6:
        return x < 0 ? 0 : x > 6 ? 6 : x;
    case MICA_OP_RELU2:
        return x < 0 ? 0 : x * x;
    case MICA_OP_GELU:
        return 0.5 * x * erfc(-x * sqrt(0.5));
    case MICA_OP_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
    case MICA_OP_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    case MICA_OP_SILU:
        return x / (1 + exp(-x));
    case MICA_OP_MISH:
        return x * tanh(x > 50 ? x : log1p(exp(x)));
    case MICA_OP_SELU:
        return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x));
    case MICA_OP_SOFTPLUS:
        return x > 50 ? x : log1p(exp(x));
    case MICA_OP_SIN:
        return sin(x);
    case MICA_OP_COS:
        return cos(x);
    case MICA_OP_RSQRT:
        return 1 / sqrt(x);
    case MICA_OP_LOG1P:
        return log1p(x);
    case MICA_OP_EXPM1:
        return expm1(x);
    case MICA_OP_ERF:
        return erf(x);
    case MICA_OP_FLOOR:
        return floor(x);
    case MICA_OP_CEIL:
        return ceil(x);
    case MICA_OP_ROUND:
        return nearbyint(x);
    case MICA_OP_SIGN:
        return x > 0 ? 1 : x < 0 ? -1 : x;
    case MICA_OP_LEAKY_RELU:
        return x > 0 ? x : (double)slope.negative_slope * x;
    default:
        return 0;
    }
}

/* -inf times 0: NaN or -0, as the formula is written; both are right. */
static bool is_open(mica_op op, float x)
{
    bool product = op == MICA_OP_GELU || op == MICA_OP_GELU_TANH || op == MICA_OP_QUICK_GELU ||
                   op == MICA_OP_SILU || op == MICA_OP_MISH;
    return product && isinf(x) && x < 0;
}

static void check_pointwise(mica_k_pointwise f, mica_op op, const float *x, size_t n, edge at)
{
    char what[64];
    float *in = guarded_floats(0, n, at), *out = guarded_floats(1, n, at);
    snprintf(what, sizeof what, "%s of %zu", mica_op_name(op), n);
    if (n) {
        memcpy(in, x, n * sizeof *x);
        memset(out, 0xff, n * sizeof *out);
    }
    f(out, in, n, &slope);
    for (size_t i = 0; i < n; i++)
        if (!is_open(op, x[i]))
            check_near(out[i], formula(op, (double)x[i]), 4, 4e-7, what, i);
    f(in, in, n, &slope); /* in place */
    for (size_t i = 0; i < n; i++)
        if (!isnan(out[i]) || !isnan(in[i]))
            check_same_bits(in + i, out + i, 1, what);
    for (size_t i = 0; i < n; i++) { /* alone: the same bits */
        float one;
        f(&one, x + i, 1, &slope);
        if (!isnan(out[i]) || !isnan(one))
            check_same_bits(&one, out + i, 1, what);
    }
}

static void test_pointwise(void **state)
{
    float x[MOST];
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels k;
        mica_kernels_init(&k, level);
        for (int op = 0; op < MICA_OP_COUNT; op++) {
            if (!k.pointwise[op])
                continue;
            for (size_t s = 0; s < SIZES; s++)
                for (edge at = 0; at < EDGES; at++) {
                    float wide = s % 2 ? 3.0f : 12.0f;
                    fill_random(x, sizes[s], s + 1, -wide, wide);
                    check_pointwise(k.pointwise[op], op, x, sizes[s], at);
                }
            check_pointwise(k.pointwise[op], op, specials, SPECIALS, AT_END);
        }
    }
}

/* Those without an absolute allowance, at every magnitude: what is near 0 comes near 0. */
static void test_relative(void **state)
{
    static const mica_op ops[] = {MICA_OP_EXP, MICA_OP_LOG, MICA_OP_TANH, MICA_OP_SELU};
    enum { COUNT = 64 };
    uint64_t seed = 5;
    float x[COUNT], y[COUNT];
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels k;
        mica_kernels_init(&k, level);
        for (size_t o = 0; o < sizeof ops / sizeof ops[0]; o++)
            for (int exponent = -149; exponent < 10; exponent++) {
                for (size_t i = 0; i < COUNT; i++) {
                    x[i] = ldexpf(random_float(&seed, 1, 2), exponent);
                    x[i] = i % 2 && ops[o] != MICA_OP_LOG ? -x[i] : x[i];
                }
                k.pointwise[ops[o]](y, x, COUNT, NULL);
                for (size_t i = 0; i < COUNT; i++)
                    check_near(y[i], formula(ops[o], (double)x[i]), 4, 0, mica_op_name(ops[o]), i);
            }
        float zero = -0.0f;
        k.pointwise[MICA_OP_SELU](y, &zero, 1, NULL);
        k.pointwise[MICA_OP_TANH](y + 1, &zero, 1, NULL);
        assert_true(y[0] == 0 && signbit(y[0]) && y[1] == 0 && signbit(y[1]));
    }
}

/* The error of a GELU over its whole interesting range, and beyond. */
static void check_gelu(mica_k_pointwise gelu, double bound, int level)
{
    enum { STEPS = 40000 };
    double worst = 0;
    for (int i = 0; i <= STEPS; i++) {
        float x = -10.0f + 16.0f * (float)i / STEPS, y;
        gelu(&y, &x, 1, NULL);
        worst = fmax(worst, fabs((double)y - formula(MICA_OP_GELU, (double)x)));
    }
    if (worst > bound)
        fail_msg("gelu at level %s is off by %g", mica_cpu_level_name(level), worst);
    float far[3] = {-1e30f, 1e30f, NAN}, y[3];
    gelu(y, far, 3, NULL);
    assert_true(fabs((double)y[0]) <= bound && fabs((double)y[1] / 1e30 - 1) <= bound &&
                isnan(y[2]));
}

static void test_gelu_error(void **state)
{
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels k;
        mica_kernels_init(&k, level);
        check_gelu(k.pointwise[MICA_OP_GELU], 4e-7, level);
        check_gelu(k.gelu_coarse, 6e-5, level);
    }
}

static double binary_formula(int op, double a, double b)
{
    switch (op + MICA_OP_ADD) {
    case MICA_OP_ADD:
        return a + b;
    case MICA_OP_SUB:
        return a - b;
    case MICA_OP_MUL:
        return a * b;
    case MICA_OP_DIV:
        return a / b;
    case MICA_OP_MAXIMUM:
        return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
    case MICA_OP_POW:
        return pow(a, b);
    case MICA_OP_REMAINDER: {
        float r = fmodf((float)a, (float)b);
        return r == 0 ? copysign(0, b) : (r < 0) != (b < 0) ? (double)(r + (float)b) : (double)r;
    }
    case MICA_OP_PRELU:
        return a > 0 ? a : b * a;
    default:
        return isnan(a) || isnan(b) ? NAN : a < b ? a : b;
    }
}

static void check_binary(const mica_kernels *k, int op, int form, size_t n, edge at, bool special)
{
    char what[64];
    size_t na = form == MICA_FORM_SV ? 1 : n, nb = form == MICA_FORM_VS ? 1 : n;
    float *a = guarded_floats(0, na, at), *b = guarded_floats(1, nb, at);
    float *y = guarded_floats(2, n, at);
    fill_random(a, na, n + 7, -4, 4);
    fill_random(b, nb, n + 9, -4, 4);
    for (size_t i = 0; special && i < n; i++) {
        if (na > 1)
            a[i] = specials[i % SPECIALS];
        if (nb > 1)
            b[i] = specials[(i * 7 + i / SPECIALS) % SPECIALS];
    }
    snprintf(what, sizeof what, "%s form %d of %zu", mica_op_name(op + MICA_OP_ADD), form, n);
    k->binary[op][form](y, a, b, n);
    for (size_t i = 0; i < n; i++)
        check_near(
            y[i],
            (double)(float)binary_formula(op, (double)a[na > 1 ? i : 0], (double)b[nb > 1 ? i : 0]),
            0, 0, what, i);
    float *place = form == MICA_FORM_SV ? b : a;
    k->binary[op][form](place, a, b, n);
    for (size_t i = 0; i < n; i++)
        if (!isnan(y[i]) || !isnan(place[i]))
            check_same_bits(place + i, y + i, 1, what);
}

static void test_binary(void **state)
{
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels k;
        mica_kernels_init(&k, level);
        for (int op = 0; op < MICA_BINARY_OPS; op++)
            for (int form = 0; form < MICA_FORMS; form++)
                for (size_t s = 0; s < SIZES; s++)
                    for (edge at = 0; at < EDGES; at++) {
                        check_binary(&k, op, form, sizes[s], at, false);
                        check_binary(&k, op, form, sizes[s], at, true);
                    }
    }
}

static void check_row_kernels(const mica_kernels *k, size_t n, edge at, float offset)
{
    float *x = guarded_floats(0, n, at), *y = guarded_floats(1, n, at);
    float *r = guarded_floats(2, n, at), *w = guarded_floats(3, n, at),
          *b = guarded_floats(4, n, at);
    double total = 0, best = -INFINITY, squares = 0, mean = 0, variance = 0;
    fill_random(x, n, n, offset - 3, offset + 3);
    fill_random(r, n, n + 1, -3, 3);
    fill_random(w, n, n + 2, 0.5f, 2);
    fill_random(b, n, n + 3, -1, 1);
    for (size_t i = 0; i < n; i++) {
        total += (double)x[i];
        squares += (double)x[i] * (double)x[i];
        best = fmax(best, (double)x[i]);
        mean += (double)(x[i] + r[i]) / (double)n;
    }
    check_near((float)k->sum(x, n), total, 2, 1e-6 * (double)n * (fabs((double)offset) + 3), "sum",
               n);
    check_near(k->max(x, n), n ? best : -INFINITY, 0, 0, "max", n);
    k->l2_normalize(y, x, n, 1e-12f);
    for (size_t i = 0; i < n; i++)
        check_near(y[i], (double)x[i] / sqrt(squares), 4, 0, "l2_normalize", i);
    for (size_t i = 0; i < n; i++) {
        double d = (double)(x[i] + r[i]) - mean;
        variance += d * d / (double)n;
    }
    k->layer_norm(y, x, r, w, b, n, 1e-5f);
    for (size_t i = 0; i < n; i++) {
        double z = ((double)(x[i] + r[i]) - mean) / sqrt(variance + (double)1e-5f);
        check_near(y[i], z * (double)w[i] + (double)b[i], 0, 2e-6 * (2 + fabs(z)), "layer_norm", i);
    }
    float *in_place[] = {x, r};
    for (int i = 0; i < 2; i++) { /* in place of x, then (x having changed) of the residual */
        float copy[MOST];
        if (n)
            memcpy(copy, i ? x : y, n * sizeof *copy);
        if (i)
            k->layer_norm(copy, x, r, w, b, n, 1e-5f);
        k->layer_norm(in_place[i], x, r, w, b, n, 1e-5f);
        check_same_bits(in_place[i], copy, n, "layer_norm in place");
    }
}

/* Of equal numbers, and of such that differ by their rounding alone: the mean must be so exact. */
static void check_norm_of_equals(const mica_kernels *k, size_t n, float number)
{
    float x[MOST], y[MOST], apart[MOST];
    double mean = 0, variance = 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = number;
        apart[i] = i % 3 == 0 ? nextafterf(number, INFINITY) : number;
        mean += (double)apart[i] / (double)n;
    }
    k->layer_norm(y, x, NULL, NULL, NULL, n, 1e-12f);
    for (size_t i = 0; i < n; i++)
        check_near(y[i], 0, 0, 1e-6, "layer_norm of equal numbers", i);
    for (size_t i = 0; i < n; i++)
        variance += pow((double)apart[i] - mean, 2) / (double)n;
    k->layer_norm(y, apart, NULL, NULL, NULL, n, 1e-12f);
    for (size_t i = 0; i < n; i++)
        check_near(y[i], ((double)apart[i] - mean) / sqrt(variance + (double)1e-12f), 0, 2e-6,
                   "layer_norm of nearly equal numbers", i);
}

static void test_rows(void **state)
{
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels k;
        mica_kernels_init(&k, level);
        for (size_t s = 1; s < SIZES; s++)
            for (edge at = 0; at < EDGES; at++) {
                check_row_kernels(&k, sizes[s], at, 0);
                check_row_kernels(&k, sizes[s], at, 100);
            }
        assert_true(k.sum(NULL, 0) == 0);
        for (size_t s = 1; s < SIZES; s++)
            for (size_t i = 0; i < 3; i++)
                check_norm_of_equals(&k, sizes[s], (const float[]){0.3f, -5.9f, 1000.1f}[i]);
        for (size_t n = 1; n < 40; n++)
            for (size_t i = 0; i < n; i++) {
                float *x = guarded_floats(0, n, AT_END);
                fill_random(x, n, n, -1, 1);
                x[i] = NAN;
                assert_true(isnan(k.max(x, n)));
                x[i] = 1e6f;
                assert_true(k.max(x, n) == 1e6f);
            }
    }
}

static void test_exp_rows(void **state)
{
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels k;
        mica_kernels_init(&k, level);
        for (size_t s = 1; s < SIZES; s++)
            for (edge at = 0; at < EDGES; at++) {
                size_t n = sizes[s];
                float *x = guarded_floats(0, n, at), *y = guarded_floats(1, n, at), sum;
                float scale = s % 2 ? 0.125f : -1.5f;
                double best = -INFINITY, total = 0;
                fill_random(x, n, n, -30, 30);
                for (size_t i = 0; i < n; i++)
                    best = fmax(best, (double)(x[i] * scale));
                memcpy(y, x, n * sizeof *y);
                k.exp_rows(y, 1, n, n, scale, &sum);
                for (size_t i = 0; i < n; i++) {
                    double d = (double)(x[i] * scale) - best, e = exp(d);
                    total += e;
                    check_near(y[i], e, 0, (1e-6 - 1.2e-7 * d) * e + 1e-44, "exp_rows", i);
                }
                check_near(sum, total, 0, 2e-6 * total, "exp_rows' sum", n);
                x[n / 2] = NAN;
                memcpy(y, x, n * sizeof *y);
                k.exp_rows(y, 1, n, n, scale, &sum);
                assert_true(isnan(sum));
                for (size_t i = 0; i < n; i++)
                    x[i] = -FLT_MAX;
                k.exp_rows(x, 1, n, n, 1, &sum);
                assert_true(sum == (float)n && x[0] == 1 && x[n - 1] == 1);
            }
    }
}

/* Rows are what they are alone, whatever the others hold; between them nothing is written. */
static void test_exp_rows_together(void **state)
{
    enum { MOST_ROWS = 11 };
    float sums[MOST_ROWS], sum;
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels k;
        mica_kernels_init(&k, level);
        for (size_t rows = 1; rows <= MOST_ROWS; rows++)
            for (size_t s = 1; s < SIZES && sizes[s] <= 200; s++) {
                size_t n = sizes[s], ld = n + 3, floats = (rows - 1) * ld + n;
                float *x = guarded_floats(0, floats, AT_END), *y = guarded_floats(1, n, AT_END);
                float *kept = guarded_floats(2, floats, AT_END);
                fill_random(x, floats, rows * 1000 + n, -30, 30);
                x[(rows / 2) * ld] = NAN;
                memcpy(kept, x, floats * sizeof *x);
                k.exp_rows(x, rows, n, ld, 0.5f, sums);
                for (size_t i = 0; i < rows; i++) {
                    memcpy(y, kept + i * ld, n * sizeof *y);
                    k.exp_rows(y, 1, n, n, 0.5f, &sum);
                    assert_true(i == rows / 2 ? isnan(sums[i]) : sums[i] == sum);
                    if (i != rows / 2)
                        check_same_bits(x + i * ld, y, n, "a row of exp_rows");
                    if (i + 1 < rows)
                        check_same_bits(x + i * ld + n, kept + i * ld + n, ld - n, "between rows");
                }
            }
    }
}

/* All 65536 patterns of both 16-bit formats, against plain C. */
static void test_widen(void **state)
{
    enum { ALL = 65536, AT_ONCE = 1000 };
    mica_kernels c;
    mica_kernels_init(&c, MICA_CPU_C);
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels k;
        mica_kernels_init(&k, level);
        for (size_t first = 0; first < ALL;) {
            size_t n = first % 37 + 1 + first % 900;
            n = n < ALL - first ? n : ALL - first;
            uint16_t *x = guarded(0, n * sizeof *x, AT_END);
            float *y = guarded_floats(1, n, AT_END), expected[AT_ONCE];
            for (size_t i = 0; i < n; i++)
                x[i] = (uint16_t)(first + i);
            c.widen_f16(expected, x, n);
            k.widen_f16(y, x, n);
            check_same_bits(y, expected, n, "float16");
            c.widen_bf16(expected, x, n);
            k.widen_bf16(y, x, n);
            check_same_bits(y, expected, n, "bfloat16");
            first += n;
        }
        float one[3];
        uint16_t known[3] = {0x3c00, 0x0001, 0xfbff};
        k.widen_f16(one, known, 3);
        assert_true(one[0] == 1 && one[1] == 0x1p-24f && one[2] == -65504);
    }
}

static void test_transpose(void **state)
{
    static const size_t shapes[][2] = {{1, 1},  {16, 16}, {8, 8},   {32, 64},
                                       {32, 5}, {5, 32},  {17, 33}, {31, 65}};
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels k;
        mica_kernels_init(&k, level);
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
            for (edge at = 0; at < EDGES; at++) {
                size_t rows = shapes[s][0], columns = shapes[s][1], ldx = columns + s,
                       ldy = rows + s;
                float *x = guarded_floats(0, (rows - 1) * ldx + columns, at);
                float *y = guarded_floats(1, (columns - 1) * ldy + rows, at);
                fill_random(x, (rows - 1) * ldx + columns, s, -1, 1);
                k.transpose(y, ldy, x, ldx, rows, columns);
                for (size_t r = 0; r < rows; r++)
                    for (size_t c = 0; c < columns; c++)
                        assert_true(y[c * ldy + r] == x[r * ldx + c]);
            }
    }
}

/* Every height and width of a tile; what lies between the rows of C is left alone. */
static void check_tile(const mica_kernels *k, size_t m, size_t n, size_t steps, bool add, bool bias)
{
    size_t nr = k->gemm.nr, ldc = nr + 3, cells = (m - 1) * ldc + n;
    float *a = guarded_floats(0, (m - 1) * MICA_GEMM_A_STRIDE + steps, AT_END);
    float *b = guarded_floats(1, steps * nr, AT_END);
    float *c = guarded_floats(2, cells, AT_END), *extra = guarded_floats(3, n, AT_END);
    float *before = guarded_floats(4, cells, AT_BEGIN);
    fill_random(a, (m - 1) * MICA_GEMM_A_STRIDE + steps, 1, -1, 1);
    fill_random(b, steps * nr, 2, -1, 1);
    fill_random(before, cells, 3, -1, 1);
    fill_random(extra, n, 4, -1, 1);
    memcpy(c, before, cells * sizeof *c);
    /* Goes past the end: nothing is read there. */
    mica_ahead ahead = {(const char *)b, (const char *)b, 64};
    k->gemm.tile(m, n, steps, a, b, c, ldc, add, bias ? extra : NULL, ahead);
    for (size_t at = 0; at < cells; at++) {
        size_t i = at / ldc, j = at % ldc;
        double sum = (add ? (double)before[at] : 0) + (bias && j < n ? (double)extra[j] : 0);
        if (j >= n) {
            check_same_bits(c + at, before + at, 1, "between rows");
            continue;
        }
        for (size_t p = 0; p < steps; p++)
            sum += (double)a[i * MICA_GEMM_A_STRIDE + p] * (double)b[p * nr + j];
        /* a rounding of up to half an ulp of a sum that may be near 16, at each step, mostly less
         */
        check_near(c[at], sum, 0, 1e-6 + 6e-8 * (double)steps, "tile", at);
    }
}

/* A strip has the bits of its tiles, whether its sides are packed or lie where they lie (rows of B
 * of n columns then, whole panels), and leaves alone what lies between rows of C. */
static void check_strip(const mica_kernels *k, size_t m, size_t n, size_t steps, size_t lda,
                        bool b_lies, bool add)
{
    enum { GAP = 3 };
    size_t nr = k->gemm.nr, ldc = n + GAP, cells = (m - 1) * ldc + n, panels = (n + nr - 1) / nr;
    size_t ldb = b_lies ? n : nr, next_panel = b_lies ? nr : steps * nr + 16;
    size_t b_floats = (panels - 1) * next_panel + (steps ? (steps - 1) * ldb + nr : 0);
    float *a = guarded_floats(0, (m - 1) * lda + steps, AT_END);
    float *b = guarded_floats(1, b_floats, AT_END), *c = guarded_floats(2, cells, AT_END);
    float *bias = guarded_floats(3, n, AT_END), *expected = guarded_floats(4, cells, AT_BEGIN);
    static float packed_a[32 * MICA_GEMM_A_STRIDE];
    static _Alignas(64) float packed_b[MICA_GEMM_MAX_NR * MICA_GEMM_KC];
    fill_random(a, (m - 1) * lda + steps, 1, -1, 1);
    fill_random(b, b_floats, 2, -1, 1);
    fill_random(expected, cells, 3, -1, 1);
    fill_random(bias, n, 4, -1, 1);
    memcpy(c, expected, cells * sizeof *c);
    const float *added = steps % 2 ? bias : NULL;
    /* Goes past the end, as next_a does. */
    mica_ahead ahead = {(const char *)b, (const char *)b, 64};
    for (size_t i = 0; i < m; i++)
        memcpy(packed_a + i * MICA_GEMM_A_STRIDE, a + i * lda, steps * sizeof *a);
    for (size_t j = 0; j < n; j += nr) {
        for (size_t p = 0; p < steps; p++)
            memcpy(packed_b + p * nr, b + j / nr * next_panel + p * ldb, nr * sizeof *b);
        k->gemm.tile(m, n - j < nr ? n - j : nr, steps, packed_a, packed_b, expected + j, ldc, add,
                     added ? added + j : NULL, ahead);
    }
    const mica_gemm_sides sides = {a, m % 2 ? a + steps : NULL, (int64_t)lda, b, ldb, next_panel};
    k->gemm.strip(m, n, steps, &sides, c, ldc, add, false, added, ahead, 4096);
    check_same_bits(c, expected, cells, "strip");
}

static void test_strip(void **state)
{
    static const size_t steps[] = {0, 1, 15, 16, 33, MICA_GEMM_KC};
    static const size_t lda[] = {0, 7, 500}; /* one row again and again, rows that overlap, apart */
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels k;
        mica_kernels_init(&k, level);
        if (!k.gemm.strip)
            continue;
        for (size_t m = 1; m <= k.gemm.mr; m++)
            for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++)
                for (size_t way = 0; way < 3; way++)
                    for (size_t panels = 1; panels <= 4; panels++) {
                        size_t n = panels * k.gemm.nr, add = (m + panels) & 1;
                        check_strip(&k, m, n, steps[s], lda[way], true, add);
                        check_strip(&k, m, n, steps[s], lda[way], false, add);
                        check_strip(&k, m, n - 1 - m % k.gemm.nr, steps[s], lda[way], false, add);
                    }
    }
}

static void test_tile(void **state)
{
    static const size_t steps[] = {0, 1, 2, 17, MICA_GEMM_KC};
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels k;
        mica_kernels_init(&k, level);
        for (size_t m = 1; m <= k.gemm.mr; m++)
            for (size_t n = 1; n <= k.gemm.nr; n++)
                for (size_t s = 0; s < 4; s++)
                    check_tile(&k, m, n, steps[s], (m + n) & 1, (m + n) & 2);
        check_tile(&k, k.gemm.mr, k.gemm.nr, MICA_GEMM_KC, true, true);
        check_tile(&k, 1, 1, MICA_GEMM_KC, false, false);
    }
}

static void test_levels(void **state)
{
    list_skipped_levels();
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels k;
        mica_kernels_init(&k, level);
        assert_int_equal(k.level, level);
        assert_true(k.gemm.nr <= MICA_GEMM_MAX_NR && k.gemm.mr <= k.gemm.mc && k.gemm.nc > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_pointwise),
        cmocka_unit_test(test_gelu_error),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_exp_rows),
        cmocka_unit_test(test_exp_rows_together),
        cmocka_unit_test(test_widen),
        cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_tile),
        cmocka_unit_test(test_strip),
        cmocka_unit_test(test_relative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
