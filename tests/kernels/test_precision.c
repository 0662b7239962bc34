/* SPDX-License-Identifier: MIT
 *
 * Products in bfloat16 and in 8 bits: the kernels of every level, with what the processor has
 * beside it and without, and linears: close to the formula, and in 8 bits the same bits at every
 * level. (test_identity.c has the same bits for any rows and threads.)
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "kernels/common.h"
#include "tensor/convert.h"

/* Every table of this machine: each level with no feature, and with those that are there. */
enum { MOST_TABLES = 2 * MICA_CPU_LEVELS };
static mica_kernels tables[MOST_TABLES];
static size_t n_tables;

static int fill_tables(void **state)
{
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels_init_with(&tables[n_tables++], (mica_cpu_level)level, 0);
        mica_kernels_init_with(&tables[n_tables], (mica_cpu_level)level,
                               mica_cpu_features() | MICA_KERNELS_UNTIMED);
        n_tables += tables[n_tables].bf16.tile != tables[n_tables - 1].bf16.tile ||
                    tables[n_tables].int8.tile != tables[n_tables - 1].int8.tile;
    }
    list_skipped_levels();
#if defined(__x86_64__)
    static const struct {
        mica_cpu_feature feature;
        const char *name;
    } all[] = {{MICA_CPU_AVX_VNNI, "AVX-VNNI"},
               {MICA_CPU_AVX512_VNNI, "AVX-512 VNNI"},
               {MICA_CPU_AVX512_BF16, "AVX-512 BF16"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!(mica_cpu_features() & all[i].feature))
            printf("skipped: kernels for %s: not on this machine\n", all[i].name);
#endif
    return 0;
}

static void test_tables(void **state)
{
    for (size_t t = 0; t < n_tables; t++) {
        const mica_kernels *k = &tables[t];
        assert_true(k->bf16.a_words == 1 || k->bf16.a_words == 2);
        assert_true(k->gemm.mc <= MICA_GEMM_MAX_MC);
        assert_true(k->gemm.mc % k->bf16.mr == 0 && k->gemm.mc % k->int8.mr == 0);
        assert_true(!k->bf16.widen || k->bf16.mr == k->gemm.mr);
        assert_non_null(k->bf16.name);
        assert_non_null(k->int8.name);
    }
}

/* ---- bfloat16 ---- */

/* Words of a packed A: rows that are not there may be read. */
static size_t a_floats(const mica_kernels *k, size_t m, size_t words)
{
    size_t rows = (m + k->tiles.rows - 1) / k->tiles.rows * k->tiles.rows;
    return (rows - 1) * MICA_GEMM_A_STRIDE + words;
}

static void enter(const mica_kernels *k)
{
    if (k->tiles.enter)
        k->tiles.enter();
}

static void leave(const mica_kernels *k)
{
    if (k->tiles.leave)
        k->tiles.leave();
}

static float number_of(const mica_kernels *k, const void *packed, size_t i)
{
    return k->bf16.a_words == 2 ? ((const float *)packed)[i]
                                : mica_bf16_to_f32(((const uint16_t *)packed)[i]);
}

static void check_pack_bf16(const mica_kernels *k, const float *from, size_t n, edge at)
{
    size_t words = (n + 1) / 2 * k->bf16.a_words;
    float *x = guarded_floats(0, n, at);
    void *packed = guarded(1, words * 4, at);
    if (n)
        memcpy(x, from, n * sizeof *x);
    k->bf16.pack(packed, x, n);
    for (size_t i = 0; i < n; i++) {
        float rounded = number_of(k, packed, i);
        float expected = mica_bf16_to_f32(mica_f32_to_bf16(x[i]));
        if (fabsf(x[i]) < FLT_MIN && fabsf(rounded) <= fabsf(expected))
            continue; /* some processors flush these to zero */
        check_near(rounded, (double)expected, 0, 0, "rounded to bfloat16", i);
    }
    if (n % 2)
        assert_true(number_of(k, packed, n) == 0);
}

static void test_pack_bf16(void **state)
{
    static const float special[] = {0.0f,     -0.0f,     1.0f,          -1.0f,         NAN,
                                    INFINITY, -INFINITY, 1.00390625f,   1.01171875f,   -1.00390625f,
                                    FLT_MAX,  -FLT_MAX,  0x1.fefffep0f, 0x1.ff0002p0f, FLT_MIN,
                                    1e-42f,   3.3895e38f};
    float x[100];
    for (size_t t = 0; t < n_tables; t++)
        for (edge at = 0; at < EDGES; at++) {
            for (size_t n = 0; n <= 100; n++) {
                fill_random(x, n, n, -3, 3);
                check_pack_bf16(&tables[t], x, n, at);
            }
            check_pack_bf16(&tables[t], special, sizeof special / sizeof special[0], at);
        }
}

/* Fills n words of bfloat16 pairs. */
static void fill_pairs(uint16_t *b, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < 2 * n; i++)
        b[i] = mica_f32_to_bf16(random_float(&seed, -1, 1));
}

static void check_tile_bf16(const mica_kernels *k, size_t m, size_t n, size_t words, bool add,
                            bool bias)
{
    enum { GAP = 5 };
    size_t nr = k->gemm.nr, ldc = n + 3, cells = (m - 1) * ldc + n;
    size_t next_panel = words * nr + GAP, all_words = (n - 1) / nr * next_panel + words * nr;
    float *a = guarded_floats(0, a_floats(k, m, words * k->bf16.a_words), AT_END),
          x[2 * MICA_GEMM_KC];
    uint16_t *b = guarded(1, all_words * 4, AT_END);
    float *c = guarded_floats(2, cells, AT_END), *extra = guarded_floats(3, n, AT_END);
    float *before = guarded_floats(4, cells, AT_BEGIN);
    fill_pairs(b, all_words, 2);
    fill_random(before, cells, 3, -1, 1);
    fill_random(extra, n, 4, -1, 1);
    memcpy(c, before, cells * sizeof *c);
    for (size_t i = 0; i < m; i++) {
        fill_random(x, 2 * words, i + 5, -1, 1);
        k->bf16.pack(a + i * MICA_GEMM_A_STRIDE, x, 2 * words);
    }
    /* Goes past the end: nothing is read there. */
    mica_ahead ahead = {(const char *)b, (const char *)b, 128};
    enter(k);
    k->bf16.tile(m, n, words, a, b, next_panel, c, ldc, add, bias ? extra : NULL, ahead);
    leave(k);
    for (size_t at = 0; at < cells; at++) {
        size_t i = at / ldc, j = at % ldc;
        if (j >= n) {
            check_same_bits(c + at, before + at, 1, "between rows");
            continue;
        }
        double sum = (add ? (double)before[at] : 0) + (bias ? (double)extra[j] : 0);
        for (size_t p = 0; p < 2 * words; p++)
            sum += (double)number_of(k, a + i * MICA_GEMM_A_STRIDE, p) *
                   (double)mica_bf16_to_f32(
                       b[(j / nr * next_panel + p / 2 * nr + j % nr) * 2 + p % 2]);
        check_near(c[at], sum, 0, 1e-6 + 1.2e-7 * (double)words, "tile in bfloat16", at);
    }
}

static void test_widen_panel(void **state)
{
    for (size_t t = 0; t < n_tables; t++)
        for (size_t words = 0; words < 5 && tables[t].bf16.widen; words++) {
            size_t nr = tables[t].gemm.nr, n = words * nr;
            uint16_t *b = guarded(0, n * 4, AT_END);
            float *y = guarded_floats(1, 2 * n, AT_END);
            fill_pairs(b, n, words);
            tables[t].bf16.widen(y, b, words);
            for (size_t i = 0; i < 2 * n; i++) {
                size_t p = i / nr, j = i % nr;
                float expected = mica_bf16_to_f32(b[(p / 2 * nr + j) * 2 + p % 2]);
                check_same_bits(y + i, &expected, 1, "widened");
            }
        }
}

static void test_tile_bf16(void **state)
{
    for (size_t t = 0; t < n_tables; t++) {
        const mica_kernels *k = &tables[t];
        for (size_t m = 1; m <= k->bf16.mr; m++)
            for (size_t n = 1; n <= (m <= k->bf16.few ? 2 : 1) * k->gemm.nr; n++) {
                check_tile_bf16(k, m, n, (m + n) % 5, (m + n) & 1, (m + n) & 2);
                check_tile_bf16(k, m, n, 17, (m + n) & 2, (m + n) & 1);
            }
        for (int way = 0; way < 4; way++) /* whole tiles */
            check_tile_bf16(k, k->bf16.mr, k->gemm.nr, MICA_GEMM_KC / k->bf16.a_words, way & 1,
                            way & 2);
    }
}

/* ---- 8 bits ---- */

static int q_of(const mica_kernels *k, const void *packed, size_t i)
{
    return (uint8_t)(((const uint8_t *)packed)[i] + k->int8.a_bias);
}

/* Two neighbours, the second of which is any that the first allows. */
static void fill_int8_pairs(int8_t *b, size_t n, uint64_t seed)
{
    for (size_t i = 0; i + 1 < n; i += 2) {
        int first = (int)random_below(&seed, 255) - 127;
        int least = first < 0 ? -MICA_INT8_PAIR - first : -127;
        int most = first > 0 ? MICA_INT8_PAIR - first : 127;
        least = least < -127 ? -127 : least;
        most = most > 127 ? 127 : most;
        b[i] = (int8_t)first;
        b[i + 1] = (int8_t)(least + (int)random_below(&seed, (uint64_t)(most - least + 1)));
    }
}

static float largest_pair(const float *x, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++) {
        float other = (i ^ 1) < n ? x[i ^ 1] : 0;
        float sum = x[i] * other > 0 ? fabsf(x[i]) + fabsf(other) : fabsf(x[i]);
        most = sum > most ? sum : most;
    }
    return most;
}

static void test_quantize(void **state)
{
    for (size_t t = 0; t < n_tables; t++)
        for (edge at = 0; at < EDGES; at++)
            for (size_t n = 0; n <= 100; n++) {
                const mica_kernels *k = &tables[t];
                float *x = guarded_floats(0, n, at), low, high, expected_low, expected_high;
                void *packed = guarded(1, (n + 3) / 4 * 4, at);
                fill_random(x, n, n, n % 3 ? -5 : 1, n % 2 ? 3 : 20);
                if (n > 3)
                    x[n / 2] = 2.5f * 0.125f; /* a tie */
                if (n % 7 == 6) { /* what must be brought into the range, from far beyond 16 bits */
                    x[n / 3] = 1e5f;
                    x[n - 1] = -1e5f;
                }
                k->int8.range(x, n, &low, &high);
                tables[0].int8.range(x, n, &expected_low, &expected_high);
                assert_true(low == expected_low && high == expected_high);
                assert_true(k->int8.largest_pair(x, n) == largest_pair(x, n));
                k->int8.quantize(packed, x, n, 8, 40);
                for (size_t i = 0; i < n; i++) {
                    long q = lrintf(x[i] * 8) + 40;
                    assert_int_equal(q_of(k, packed, i), q < 0 ? 0 : q > 255 ? 255 : q);
                }
                for (size_t i = 0; i < n; i++) {
                    float kept = x[i];
                    x[i] = NAN;
                    k->int8.range(x, n, &low, &high);
                    assert_true(isnan(low) || isnan(high));
                    x[i] = -INFINITY;
                    k->int8.range(x, n, &low, &high);
                    assert_true(low == -INFINITY);
                    x[i] = kept;
                }
            }
}

/* Two calls, the second adding to the first: the same bits as plain C. */
static void check_tile_int8(const mica_kernels *k, size_t m, size_t n, size_t words, bool bias,
                            bool widest)
{
    size_t nr = k->gemm.nr, ldc = nr + 3, cells = (m - 1) * ldc + n, steps = 4 * words;
    float *a = guarded_floats(0, a_floats(k, m, words), AT_END);
    int8_t *b = guarded(1, words * nr * 4, AT_END);
    float *c = guarded_floats(2, cells, AT_END), *extra = guarded_floats(3, n, AT_END);
    float *before = guarded_floats(4, cells, AT_BEGIN), x[4 * MICA_GEMM_KC];
    float *row_scale = guarded_floats(5, m, AT_END), *scale = guarded_floats(6, nr, AT_END);
    int32_t *zero = guarded(7, m * sizeof *zero, AT_END), *sum = guarded(8, nr * 4, AT_END);
    mica_int8_tail tail = {row_scale, zero, scale, sum, bias ? extra : NULL};
    uint64_t seed = m * 100 + n;
    fill_random(before, cells, 3, -1, 1);
    memcpy(c, before, cells * sizeof *c);
    fill_random(extra, n, 4, -1, 1);
    fill_random(row_scale, m, 5, 0, 0.1f);
    fill_random(scale, nr, 6, 0, 0.1f);
    fill_int8_pairs(b, words * nr * 4, seed);
    for (size_t i = 0; widest && i < words * nr * 4; i++)
        b[i] = (int8_t)(i % 4 < 2 ? MICA_INT8_PAIR / 2 : -MICA_INT8_PAIR / 2);
    for (size_t j = 0; j < nr; j++)
        sum[j] = 0;
    for (size_t i = 0; i < words * nr * 4; i++)
        sum[i / 4 % nr] += 2 * b[i]; /* B is there twice */
    for (size_t i = 0; i < m; i++) {
        zero[i] = (int32_t)random_below(&seed, 256);
        for (size_t p = 0; p < steps; p++)
            x[p] = widest ? 255 : (float)random_below(&seed, 256);
        k->int8.quantize(a + i * MICA_GEMM_A_STRIDE, x, steps, 1, 0);
    }
    /* Goes past the end: nothing is read there. */
    mica_ahead ahead = {(const char *)b, (const char *)b, 128};
    enter(k);
    k->int8.tile(m, n, words, a, b, c, ldc, false, NULL, ahead);
    k->int8.tile(m, n, words, a, b, c, ldc, true, &tail, ahead);
    leave(k);
    for (size_t at = 0; at < cells; at++) {
        size_t i = at / ldc, j = at % ldc;
        int32_t total = 0;
        for (size_t p = 0; p < steps && j < n; p++)
            total += 2 * q_of(k, a + i * MICA_GEMM_A_STRIDE, p) * b[(p / 4 * nr + j) * 4 + p % 4];
        if (j < n)
            total -= zero[i] * sum[j];
        float y = j < n ? (float)total * (row_scale[i] * scale[j]) : before[at];
        if (j < n && bias)
            y = y + extra[j];
        check_same_bits(c + at, &y, 1, "tile in 8 bits");
    }
}

static void test_tile_int8(void **state)
{
    for (size_t t = 0; t < n_tables; t++) {
        const mica_kernels *k = &tables[t];
        for (size_t m = 1; m <= k->int8.mr; m++)
            for (size_t n = 1; n <= k->gemm.nr; n++) {
                check_tile_int8(k, m, n, (m + n) % 5, (m + n) & 1, false);
                check_tile_int8(k, m, n, 17, (m + n) & 2, true);
            }
        check_tile_int8(k, k->int8.mr, k->gemm.nr, MICA_GEMM_KC, true, true);
    }
}

/* ---- linears ---- */

static const mica_precision precisions[] = {MICA_PRECISION_BF16, MICA_PRECISION_INT8,
                                            MICA_PRECISION_AUTO};
enum { PRECISIONS = sizeof precisions / sizeof precisions[0] };

static float *numbers(size_t n, uint64_t seed)
{
    float *x = malloc((n + 1) * sizeof *x);
    assert_non_null(x);
    fill_random(x, n, seed, -1, 1);
    return x;
}

static mica_tensor *tensor_of(int rank, int64_t n, int64_t k, uint64_t seed)
{
    int64_t dims[2] = {n, k};
    mica_tensor *tensor = NULL;
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, rank, dims, &tensor, NULL), MICA_OK);
    fill_random(mica_tensor_data_mut(tensor), (size_t)mica_tensor_count(tensor), seed, -1, 1);
    return tensor;
}

static mica_status linear(rig *r, mica_precision precision, const float *x, size_t m,
                          mica_tensor *w, mica_tensor *b, mica_op activation, float *y)
{
    mica_fused_linear_params params = {activation};
    int64_t n = mica_tensor_dim(w, 0), k = mica_tensor_dim(w, 1);
    int64_t x_dims[2] = {(int64_t)m, k}, y_dims[2] = {(int64_t)m, n};
    rig_begin(r, MICA_OP_FUSED_LINEAR, &params);
    r->step.precision = precision;
    r->step.check_weights = true;
    rig_input(r, MICA_DTYPE_F32, x, 2, x_dims);
    rig_constant(r, w, "w");
    if (b)
        rig_constant(r, b, "b");
    else
        rig_no_input(r);
    rig_output(r, MICA_DTYPE_F32, y, 2, y_dims);
    return rig_run(r);
}

/* Errors of random numbers grow with the square root of k: eight times that is far outside. */
static void check_near_formula(int level, mica_precision precision, size_t k)
{
    enum { M = 9, N = 37 };
    mica_tensor *w = tensor_of(2, N, (int64_t)k, 1), *b = tensor_of(1, N, 0, 2);
    const float *weight = mica_tensor_data(w), *bias = mica_tensor_data(b);
    float *x = numbers(M * k, 3), y[M * N];
    double step = precision == MICA_PRECISION_BF16 ? 0x1p-8 : 2.0 / 255;
    rig r;
    rig_create(&r, level, 2);
    assert_int_equal(linear(&r, precision, x, M, w, b, MICA_OP_NONE, y), MICA_OK);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            double sum = (double)bias[j];
            for (size_t p = 0; p < k; p++)
                sum += (double)x[i * k + p] * (double)weight[j * k + p];
            check_near(y[i * N + j], sum, 0, 8 * 0.4 * step * sqrt((double)k), "linear", i * N + j);
        }
    rig_destroy(&r);
    mica_tensor_release(&w);
    mica_tensor_release(&b);
    free(x);
}

static void test_near_formula(void **state)
{
    for (int level = 0; level < levels_here(); level++)
        for (size_t p = 0; p < 2; p++) {
            if (same_products_below(level, precisions[p]))
                continue;
            check_near_formula(level, precisions[p], 1);
            check_near_formula(level, precisions[p], 63);
            check_near_formula(level, precisions[p], 768);
            check_near_formula(level, precisions[p], 3073);
        }
}

/* The sums are exact and what follows is written out: every level gives the same bits. */
static void test_int8_at_every_level(void **state)
{
    enum { M = 50, N = 70, K = 1700 };
    mica_tensor *w = tensor_of(2, N, K, 1), *b = tensor_of(1, N, 0, 2);
    float *x = numbers((size_t)M * K, 3), *first = numbers((size_t)M * N, 0);
    float *y = numbers((size_t)M * N, 0), *weights = mica_tensor_data_mut(w);
    for (size_t i = 0; i < K; i++) { /* pairs as large as they may be, and a row that meets them */
        weights[i] = 1;
        weights[K + i] = -1;
        x[i] = i % 4 < 2 ? 1 : 0;
    }
    for (int level = 0; level < levels_here(); level++) {
        rig r;
        rig_create(&r, level, 1);
        assert_int_equal(
            linear(&r, MICA_PRECISION_INT8, x, M, w, b, MICA_OP_NONE, level ? y : first), MICA_OK);
        if (level)
            check_same_bits(y, first, (size_t)M * N, mica_cpu_level_name((mica_cpu_level)level));
        rig_destroy(&r);
    }
    mica_tensor_release(&w);
    mica_tensor_release(&b);
    free(x);
    free(y);
    free(first);
}

/* Rows that are not finite become NaN, alone; rows of zeros or of tiny or huge numbers do not. */
static void test_odd_rows(void **state)
{
    enum { K = 70, N = 40, ROWS = 8 };
    float x[ROWS * K], y[ROWS * N];
    mica_tensor *w = tensor_of(2, N, K, 1), *b = tensor_of(1, N, 0, 2);
    const float *bias = mica_tensor_data(b);
    fill_random(x, ROWS * K, 5, -1, 1);
    x[0 * K + 69] = NAN;
    x[1 * K + 3] = INFINITY;
    x[2 * K + 64] = -INFINITY;
    memset(x + 3 * K, 0, K * sizeof *x);
    for (size_t i = 0; i < K; i++) {
        x[4 * K + i] *= 1e-40f;
        x[5 * K + i] = fabsf(x[5 * K + i]) + 7; /* no zero in its range */
        x[6 * K + i] *= 2e36f;
    }
    for (int level = 0; level < levels_here(); level++)
        for (size_t p = 0; p < 2; p++) {
            rig r;
            rig_create(&r, level, 1);
            assert_int_equal(linear(&r, precisions[p], x, ROWS, w, b, MICA_OP_NONE, y), MICA_OK);
            for (size_t j = 0; j < N; j++) {
                assert_true(isnan(y[j]) && !isfinite(y[N + j]) && !isfinite(y[2 * N + j]));
                assert_true(y[3 * N + j] == bias[j]);
                for (size_t i = 4; i < ROWS; i++)
                    assert_true(isfinite(y[i * N + j]));
            }
            rig_destroy(&r);
        }
    mica_tensor_release(&w);
    mica_tensor_release(&b);
}

static bool countdown(void *user)
{
    int *left = user;
    return (*left)-- == 0;
}

/* Packed once for each precision; given back when memory runs out; refused when not finite. */
static void test_packing(void **state)
{
    mica_tensor *w = tensor_of(2, 40, 20, 1), *b = tensor_of(1, 40, 0, 2);
    float x[2 * 20] = {0}, y[2 * 40];
    rig r;
    rig_create(&r, (int)mica_cpu_detect(), 1);
    const mica_backend_vtable *v = r.backend->vtable;
    assert_int_equal(linear(&r, MICA_PRECISION_INT8, x, 2, w, b, MICA_OP_NONE, y), MICA_OK);
    mica_step one = r.step, two = r.step, other = r.step;
    other.precision = MICA_PRECISION_BF16;
    assert_int_equal(v->prepare(r.backend, &one, NULL), MICA_OK);
    assert_int_equal(v->prepare(r.backend, &two, NULL), MICA_OK);
    assert_int_equal(v->prepare(r.backend, &other, NULL), MICA_OK);
    assert_true(one.prepared == two.prepared && one.prepared != other.prepared);
    v->unprepare(r.backend, &one);
    v->unprepare(r.backend, &two);
    v->unprepare(r.backend, &other);
    for (int n = 0, left = 0; n == 0 || left < 0; n++) {
        left = n;
        mica_set_fault_hook(countdown, &left);
        mica_status status = v->prepare(r.backend, &one, &r.err);
        mica_set_fault_hook(NULL, NULL);
        assert_int_equal(status, left < 0 ? MICA_STATUS_OUT_OF_MEMORY : MICA_OK);
        v->unprepare(r.backend, &one);
        assert_true(n < 100);
    }
    for (size_t p = 0; p < PRECISIONS; p++) {
        ((float *)mica_tensor_data_mut(w))[777] = NAN;
        assert_int_equal(linear(&r, precisions[p], x, 2, w, b, MICA_OP_NONE, y),
                         MICA_STATUS_NOT_FINITE);
        assert_non_null(strstr(r.err.message, "element 777 of 800"));
        ((float *)mica_tensor_data_mut(w))[777] = 0;
    }
    rig_destroy(&r);
    mica_tensor_release(&w);
    mica_tensor_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),       cmocka_unit_test(test_pack_bf16),
        cmocka_unit_test(test_widen_panel),  cmocka_unit_test(test_tile_bf16),
        cmocka_unit_test(test_quantize),     cmocka_unit_test(test_tile_int8),
        cmocka_unit_test(test_near_formula), cmocka_unit_test(test_int8_at_every_level),
        cmocka_unit_test(test_odd_rows),     cmocka_unit_test(test_packing),
    };
    return cmocka_run_group_tests(tests, fill_tables, NULL);
}
