/* SPDX-License-Identifier: MIT
 *
 * The table of kernels: the inner loops that every instruction set may bring its own version of. It
 * is filled with plain C first and then with better ones, in ascending order, up to the level that
 * was asked for; each backend has its own table, there is no global one.
 *
 * What holds for every slot:
 *   - all data is float32, contiguous and aligned as float32 is (4 bytes), unless the slot says
 * more;
 *   - n may be 0; nothing outside the n elements is read or written, not even to be thrown away:
 *     weights lie in memory-mapped files, and what comes after may not be mapped;
 *   - an output may be exactly an input (the same address) where the slot says "in place"; other
 * overlaps are not allowed;
 *   - the value of an output does not depend on where in a vector it falls: the tail of a row is
 *     computed by the same operations as its body, so a row's bits depend on the row alone, and a
 *     reduction's order on the row's length alone;
 *   - NaN gives NaN; infinities give what the formula in double precision gives.
 * Accuracy is stated per slot as the largest error against the formula in double precision; ulp is
 * that of the float32 result.
 */
#ifndef MICA_BACKENDS_CPU_KERNELS_H
#define MICA_BACKENDS_CPU_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "mica/ops.h"

/* y[i] = f(x[i]); in place. Accuracy: 4 ulp or 4e-7 absolute, whichever is larger; 4 ulp for exp,
 * log, tanh and selu; exact for neg, abs, square, relu and the like. `params` is the operation's
 * own, or NULL. */
typedef void (*mica_k_pointwise)(float *y, const float *x, size_t n, const void *params);

/* y[i] = a[i] op b[i], correctly rounded (pow: 1 ulp; remainder: as fmod, then the sign of b); in
 * place of a or b. In the form VS b, in the form SV a, is a single number. */
enum { MICA_FORM_VV, MICA_FORM_VS, MICA_FORM_SV, MICA_FORMS };
enum { MICA_BINARY_OPS = MICA_OP_PRELU - MICA_OP_ADD + 1 };
typedef void (*mica_k_binary)(float *y, const float *a, const float *b, size_t n);

/* x = exp(d), d = scale * x - max, in place along each row of n >= 1, and the sum of the row in its
 * place of `sums`; max is that of the row's scale * x. Rows begin ld floats apart. A row with NaN
 * or +inf, or of -inf alone, has the sum NaN. Relative error 1e-6 + 1.2e-7 |d|: d is rounded to
 * float32. */
typedef void (*mica_k_exp_rows)(float *x, size_t rows, size_t n, size_t ld, float scale,
                                float *sums);

/* Sums of a row in double: blocks of at most 1024 elements are summed in float32 lanes at most. */
typedef double (*mica_k_sum)(const float *x, size_t n);
/* Largest element, NaN if any is; -inf for n = 0. And the smallest, inf for n = 0. */
typedef float (*mica_k_max)(const float *x, size_t n);

/* Down columns, some rows at a time: row i is x[i * stride ..], n columns of it. sum_rows adds to
 * total[j], at most 128 rows in float32 before they are added in double, counted from row 0 of the
 * call. max_rows and min_rows take in rows one by one; a NaN stays. So does arg_down rows `row`,
 * `row` + 1, ...: where one is larger (least: smaller) than best[j], or the first NaN, it becomes
 * best[j] and its number at[j]. */
typedef void (*mica_k_sum_rows)(double *total, const float *x, size_t stride, size_t rows,
                                size_t n);
typedef void (*mica_k_best_rows)(float *best, const float *x, size_t stride, size_t rows, size_t n);
typedef void (*mica_k_arg_down)(float *best, int32_t *at, const float *x, size_t stride,
                                size_t rows, size_t n, int32_t row, bool least);

/* Of each of `rows` rows of n elements, one after another: the sum divided by `by` (in double;
 * blocks of at most 1024 in float32 lanes); the index of the first extreme or, if there is one, of
 * the first NaN (n >= 1). */
typedef void (*mica_k_row_sums)(float *y, const float *x, size_t rows, size_t n, double by);
typedef void (*mica_k_arg_rows)(int32_t *at, const float *x, size_t rows, size_t n);

/* Row at[i] of y joined with row i of x, one i < count after another: its sum, or as maximum has
 * it. Rows of n elements. */
typedef void (*mica_k_join_rows)(float *y, const int32_t *at, const float *x, size_t count,
                                 size_t n);

/* Softmax of `rows` rows of n elements, one after another; in place. Accuracy: 4 ulp or 4e-7
 * absolute beside exp_rows' rounding of differences. */
typedef void (*mica_k_softmax)(float *y, const float *x, size_t rows, size_t n);
/* The same with the same bits, past the caches: n is a multiple of softmax_lanes, y is aligned to
 * 64 bytes, and kept has room for mica_softmax_kept(n) floats. Not in place. NULL in plain C. */
enum { MICA_SOFTMAX_BLOCK = 1024, MICA_SOFTMAX_LONG = 1 << 17 };
static inline size_t mica_softmax_kept(size_t n)
{
    if (n >= MICA_SOFTMAX_LONG)
        return n;
    return 2 * (n > MICA_SOFTMAX_BLOCK ? n : MICA_SOFTMAX_BLOCK);
}
typedef void (*mica_k_softmax_past)(float *y, const float *x, size_t rows, size_t n, float *kept);
/* Softmax down `columns` columns of n elements, `stride` apart in x and y; in place. */
typedef void (*mica_k_softmax_columns)(float *y, const float *x, size_t n, size_t stride,
                                       size_t columns);

/* Binary cross entropy of probabilities or logits x and targets t: the sum in double, blocks of at
 * most 1024 in float32 lanes; and each in y unless that is NULL. In place. Accuracy: 4 ulp or 4e-7
 * of the larger of its two terms; of logits with targets from 0 to 1 8 ulp. */
typedef double (*mica_k_bce)(float *y, const float *x, const float *t, size_t n);

/* One row: y = (s - mean) / sqrt(variance + eps) * weight + bias, where s = x + residual (residual
 * may be NULL); weight and bias may be NULL: 1 and 0. Two passes: the variance is that of the
 * differences, whose own mean is taken from them. In place of x or residual. Relative to the
 * largest |y| of the row: 1e-6, however little its elements differ; of equal ones 1e-6. */
typedef void (*mica_k_layer_norm)(float *y, const float *x, const float *residual,
                                  const float *weight, const float *bias, size_t n, float eps);

/* y = x / max(sqrt(sum of x * x), eps); in place. 4 ulp. */
typedef void (*mica_k_l2_normalize)(float *y, const float *x, size_t n, float eps);

/* float16 and bfloat16 to float32, exactly. Not in place; x is aligned to 2 bytes. */
typedef void (*mica_k_widen)(float *y, const uint16_t *x, size_t n);

/* The reverse, to nearest, ties to even; NaN stays NaN. Not in place; y is aligned to 2 bytes. */
typedef void (*mica_k_narrow)(uint16_t *y, const float *x, size_t n);

/* Copies bytes that will not be read soon: past the caches where the processor can. */
typedef void (*mica_k_stream)(void *y, const void *x, size_t bytes);
/* The same of rows at[i] of x, i < count, one after another: `bytes` each, a multiple of 64, as is
 * y's address. */
typedef void (*mica_k_stream_rows)(void *y, const void *x, const int32_t *at, size_t count,
                                   size_t bytes);

/* Sums that tell whether bytes are what they were: of each word of 32 bits in rows of 16, the sum
 * down the rows and then the sum of those sums so far (Fletcher's), modulo 2^32. */
enum { MICA_DIGEST_LANES = 16 };
typedef void (*mica_k_digest)(uint32_t sums[2 * MICA_DIGEST_LANES], const void *x, size_t rows);

/* Sorts each column of `rows` rows (a power of two) of `lanes` keys, ascending: by compare and
 * exchange, in place. keys is aligned to 64 bytes. NULL in plain C. */
typedef void (*mica_k_sort_keys)(int32_t *keys, size_t rows);
typedef void (*mica_k_sort_pairs)(int64_t *keys, size_t rows);

/* y[c * ldy + r] = x[r * ldx + c] for r < rows, c < columns: how panels are packed. */
typedef void (*mica_k_transpose)(float *y, size_t ldy, const float *x, size_t ldx, size_t rows,
                                 size_t columns);

/* ---- products ----
 *
 * A right side comes in panels of nr columns, made of words of 4 bytes that hold `group` steps of
 * k: [k / group][nr] words. The last word of a column is filled with zeros.
 *
 *   float32  group 1   bfloat16  group 2   int8  group 4
 *
 * A block of the left side is packed row by row, rows MICA_GEMM_A_STRIDE words apart, in the form
 * that the tile takes: a word for each word of B (bfloat16: a_words), and at most MICA_GEMM_KC
 * words.
 *
 * m and n (1 <= m <= mr, 1 <= n <= nr) do not change a number of a result: neither does the place
 * of a row or a column in a tile. b is aligned to 64 bytes; rows of c are ldc floats apart. Tiles
 * of bfloat16 and int8 may read more rows of the packed A, up to the next multiple of tiles.rows,
 * and run between calls of tiles.enter and tiles.leave on their thread. */

/* What will be wanted next. While a tile computes it asks for the cache line at `at`, then for that
 * `step` bytes on, and so on, one for each step of k, so that what comes from far away comes evenly
 * over the time of the sums. It is not read: any address will do. With few rows memory is the
 * limit, and then processors drop some of what they are asked for: so what is wanted sooner, from
 * `again` on, is asked for a second time. */
typedef struct mica_ahead {
    const char *at, *again;
    size_t step;
} mica_ahead;
/* For a panel that lies `bytes` further on. */
static inline mica_ahead mica_ahead_by(mica_ahead ahead, size_t bytes)
{
    return (mica_ahead){ahead.at + bytes, ahead.again + bytes, ahead.step};
}

/* c[i][j] for i < m, j < n is set to (add: increased by) the sum over p < k, in this order, by
 * fused multiply-add from zero, of a[i][p] * b[p][j]; then bias[j] is added if bias is not NULL.
 * (Plain C rounds the product first.) k counts words. */
typedef void (*mica_k_gemm_tile)(size_t m, size_t n, size_t k, const float *a, const float *b,
                                 float *c, size_t ldc, bool add, const float *bias,
                                 mica_ahead ahead);

/* Both sides of a strip: rows of A lie lda floats apart, rows of a panel of B ldb, and panels
 * next_panel. Rows like A's that will be wanted next are asked for, unless next_a is NULL. */
typedef struct mica_gemm_sides {
    const float *a, *next_a;
    int64_t lda;
    const float *b;
    size_t ldb, next_panel;
} mica_gemm_sides;
/* As gemm_tile, with the same bits, of n columns, n >= 1: those of panels side by side, of which
 * the last may have fewer than nr. past: c is written past the caches where panels are whole; not
 * with add, c is aligned to 64 bytes and ldc a multiple of 16. For each panel what `ahead` asks for
 * begins ahead_panel bytes on. NULL in plain C. */
typedef void (*mica_k_gemm_strip)(size_t m, size_t n, size_t k, const mica_gemm_sides *sides,
                                  float *c, size_t ldc, bool add, bool past, const float *bias,
                                  mica_ahead ahead, size_t ahead_panel);

/* The same of numbers in bfloat16. Their products are exact in float32; in which order the two of a
 * word are added, and whether the sum is rounded between them, is the processor's, and so is
 * whether the bias and what c holds are added before the products or after them. With at most
 * bf16.few rows n may be up to 2 nr: the second panel lies next_panel words from the first. */
typedef void (*mica_k_gemm_tile_bf16)(size_t m, size_t n, size_t k, const void *a, const void *b,
                                      size_t next_panel, float *c, size_t ldc, bool add,
                                      const float *bias, mica_ahead ahead);
/* Rounds n numbers to the nearest bfloat16 (to even on a tie; NaN stays NaN, and numbers below the
 * normal range may become zero) and packs them as the tile takes them; zeros fill the last word. */
typedef void (*mica_k_pack_bf16)(void *to, const float *x, size_t n);
/* n words of a panel, from two rows of B: rounds as packing does. And from rows of bfloat16. */
typedef void (*mica_k_join_bf16)(void *to, const float *even, const float *odd, size_t n);
typedef void (*mica_k_zip_bf16)(void *to, const uint16_t *even, const uint16_t *odd, size_t n);
/* Brings k words of a panel to float32: y is [2 k][nr]. */
typedef void (*mica_k_widen_panel)(float *y, const void *panel, size_t k);

/* A panel of 8-bit numbers holds pairs: of two neighbours in k, the first of which is even, those
 * above 0 add to at most 128, and those below to at least -128. So a pair's products with two
 * numbers of [0, 255] fit 16 bits, in which processors without a dot product of bytes add them. */
enum { MICA_INT8_PAIR = 128 };

/* What turns the sums of 8-bit numbers into results, after the last block of k. For row i, x is
 * row_scale[i] (q - row_zero[i]); weights are column_scale[j] w, and column_sum[j] is the sum of
 * the column's w. */
typedef struct mica_int8_tail {
    const float *row_scale;
    const int32_t *row_zero;
    const float *column_scale; /* nr floats, even where n is less */
    const int32_t *column_sum; /* likewise */
    const float *bias;         /* n floats, or NULL */
} mica_int8_tail;
/* Sums of (q - a_bias) w, exactly, in int32: they start from what c holds as int32 if `add`.
 * Without a tail they are stored as int32 in c's place, else c becomes
 *   (float)(sum - (row_zero - a_bias) * column_sum) * (row_scale * column_scale) [+ bias]
 * each operation rounded: every instruction set gives the same bits. */
typedef void (*mica_k_gemm_tile_int8)(size_t m, size_t n, size_t k, const void *a, const void *b,
                                      float *c, size_t ldc, bool add, const mica_int8_tail *tail,
                                      mica_ahead ahead);
/* The least and the largest of x and 0; one of them NaN if any of x is. */
typedef void (*mica_k_range)(const float *x, size_t n, float *low, float *high);
/* The largest sum of two neighbours (x[0] and x[1], x[2] and x[3] ...) of one sign, or number
 * alone, by its magnitude. Of numbers that are not finite anything. */
typedef float (*mica_k_largest_pair)(const float *x, size_t n);
/* q = round(x * inverse) + zero, a tie to even, brought into [0, 255]; q - a_bias is packed as the
 * tile takes it; fills the last word. |x * inverse| < 2^20. */
typedef void (*mica_k_quantize)(void *to, const float *x, size_t n, float inverse, int32_t zero);

/* A product with at most MICA_NARROW_N columns, of rows that lie where they lie: for i < m, j < n,
 * c[i][j] = bias[j] + the sum over s < segments, p < length of a[s][i * lda + p] *
 * b[mica_narrow_at(length, s, p, j)]: steps with even p and those with odd p are summed apart, in
 * order, by fused multiply-add from zero (plain C: all in order, rounding the product first). b has
 * zeros in the place of step `length` where that is odd, and is aligned to 32 bytes; bias may be
 * NULL. past: c is written past the caches, n is MICA_NARROW_N and rows of c are aligned to 32
 * bytes.
 */
enum { MICA_NARROW_N = 8 };
/* Two steps of a segment lie beside one another, for each column in turn. */
static inline size_t mica_narrow_floats(size_t segments, size_t length)
{
    return segments * ((length + 1) / 2) * 2 * MICA_NARROW_N;
}
static inline size_t mica_narrow_at(size_t length, size_t s, size_t p, size_t j)
{
    return ((s * ((length + 1) / 2) + p / 2) * MICA_NARROW_N + j) * 2 + p % 2;
}
typedef void (*mica_k_gemm_narrow)(size_t m, size_t n, size_t segments, size_t length,
                                   const float *const *a, size_t lda, const float *b, float *c,
                                   size_t ldc, bool past, const float *bias);

/* y[j] = sum over p < k, in blocks and order as the driver has them, of a[p * a_step] *
 * b[p * b_row + j], j < n: one row of a product, of a B that is not packed. */
typedef void (*mica_k_gemm_row)(size_t n, size_t k, const float *a, int64_t a_step, const float *b,
                                int64_t b_row, float *y);
/* The sum of a[i] * b[i]. Blocks of at most 4096 are summed in float32 lanes, then in double. */
typedef double (*mica_k_dot)(const float *a, const float *b, size_t n);
/* y[i] = bias + the sum of x[i * n + p] * w[p] over p < n, for i < rows; sums as those of dot. */
typedef void (*mica_k_dots)(float *y, const float *x, size_t rows, size_t n, const float *w,
                            float bias);

/* Words of A that a tile is called with at most, and the distance of A's packed rows. The distance
 * is a constant so that a tile addresses its rows by displacement, and an odd number of cache lines
 * so that rows do not fall on the same sets. */
enum { MICA_GEMM_KC = 384, MICA_GEMM_A_STRIDE = MICA_GEMM_KC + 16 };
enum { MICA_GEMM_MAX_NR = 32, MICA_GEMM_MAX_MC = 256 };

typedef struct mica_kernels {
    mica_cpu_level level;
    mica_k_pointwise pointwise[MICA_OP_COUNT]; /* NULL: not a pointwise operation */
    mica_k_pointwise gelu_coarse;              /* within 6e-5, to be rounded to fewer bits */
    mica_k_binary binary[MICA_BINARY_OPS][MICA_FORMS];
    mica_k_exp_rows exp_rows;
    mica_k_sum sum;
    mica_k_max max, min;
    mica_k_sum_rows sum_rows;
    mica_k_row_sums row_sums;
    mica_k_arg_rows argmax_rows, argmin_rows;
    mica_k_best_rows max_rows, min_rows;
    mica_k_arg_down arg_down;
    mica_k_join_rows add_rows, raise_rows;
    mica_k_softmax softmax;
    mica_k_softmax_past softmax_past;
    size_t softmax_lanes;
    mica_k_softmax_columns softmax_columns;
    mica_k_bce bce, bce_logits;
    mica_k_layer_norm layer_norm;
    mica_k_l2_normalize l2_normalize;
    mica_k_widen widen_f16, widen_bf16;
    mica_k_narrow narrow_f16, narrow_bf16;
    mica_k_stream stream;
    mica_k_stream_rows stream_rows;
    mica_k_digest digest;
    mica_k_dot dot;
    mica_k_dots dots;
    struct {
        mica_k_sort_keys keys;
        mica_k_sort_pairs pairs;
        size_t key_lanes, pair_lanes; /* columns of a call */
    } sort;
    mica_k_transpose transpose;
    struct {
        mica_k_gemm_tile tile;
        mica_k_gemm_strip strip;
        mica_k_gemm_narrow narrow;
        mica_k_gemm_row row;
        size_t mr, nr; /* rows and columns of a tile */
        size_t mc;     /* rows of A packed at once: a multiple of every mr */
        size_t nc;     /* panels that are taken together: twice MICA_GEMM_KC nr nc floats in L2 */
    } gemm;
    /* Of processors with registers for matrices, which a thread has to set up. */
    struct {
        void (*enter)(void), (*leave)(void); /* both or neither */
        size_t rows;                         /* and words of such a register; else 1 */
    } tiles;
    struct {
        mica_k_gemm_tile_bf16 tile;
        mica_k_pack_bf16 pack;
        mica_k_join_bf16 join;    /* where it is fast, else NULL */
        mica_k_zip_bf16 zip;      /* likewise */
        mica_k_widen_panel widen; /* where A is packed as float32, else NULL: mr is gemm's */
        size_t mr;                /* rows of a tile; columns are gemm's */
        size_t few;               /* rows at most with which a tile takes two panels, or 0 */
        size_t a_words;           /* 1 or 2 */
        bool fast;                /* faster than float32, not only smaller */
        const char *name;         /* of what multiplies, for people */
    } bf16;
    struct {
        mica_k_gemm_tile_int8 tile;
        mica_k_range range;
        mica_k_largest_pair largest_pair;
        mica_k_quantize quantize;
        size_t mr;
        size_t a_floats; /* of A that are looked through for their range and then packed, at most */
        int a_bias;      /* A holds q less this: where its bytes have a sign, 128 */
        const char *name;
    } int8;
} mica_kernels;

/* Fills the table for a level with what the processor has beside it; a level that this build does
 * not have gives the best below it. */
void mica_kernels_init(mica_kernels *kernels, mica_cpu_level level);
/* The same with `features` only, a set of mica_cpu_feature: those that a level does not build on
 * are left out. With MICA_KERNELS_UNTIMED among them, what is there is taken without asking whether
 * it is faster than what is below it. */
enum { MICA_KERNELS_UNTIMED = 1 << 16 };
void mica_kernels_init_with(mica_kernels *kernels, mica_cpu_level level, unsigned features);

/* The families: each fills its slots. Called by mica_kernels_init. */
void mica_k_pointwise_init_c(mica_kernels *kernels);
void mica_k_rows_init_c(mica_kernels *kernels);
void mica_k_columns_init_c(mica_kernels *kernels);
void mica_k_gemm_init_c(mica_kernels *kernels);
void mica_k_gemm_bf16_init_c(mica_kernels *kernels);
void mica_k_gemm_int8_init_c(mica_kernels *kernels);
#if defined(__x86_64__)
void mica_k_pointwise_init_avx2(mica_kernels *kernels);
void mica_k_rows_init_avx2(mica_kernels *kernels);
void mica_k_gemm_init_avx2(mica_kernels *kernels);
void mica_k_columns_init_avx2(mica_kernels *kernels);
void mica_k_sort_init_avx2(mica_kernels *kernels);
void mica_k_pointwise_init_avx512(mica_kernels *kernels);
void mica_k_rows_init_avx512(mica_kernels *kernels);
void mica_k_gemm_init_avx512(mica_kernels *kernels);
void mica_k_columns_init_avx512(mica_kernels *kernels);
void mica_k_sort_init_avx512(mica_kernels *kernels);
void mica_k_gemm_bf16_init_avx2(mica_kernels *kernels);
void mica_k_gemm_int8_init_avx2(mica_kernels *kernels);
void mica_k_gemm_bf16_init_avx512(mica_kernels *kernels);
void mica_k_gemm_int8_init_avx512(mica_kernels *kernels);
/* Of features beside a level. */
void mica_k_gemm_int8_init_avxvnni(mica_kernels *kernels);
void mica_k_gemm_int8_init_avx512vnni(mica_kernels *kernels);
/* `timed`: leaves the table as it is where its instruction is slower than fused multiply-adds. */
void mica_k_gemm_bf16_init_avx512bf16(mica_kernels *kernels, bool timed);
/* Of a level above AVX-512. */
void mica_k_gemm_bf16_init_amx(mica_kernels *kernels);
void mica_k_gemm_int8_init_amx(mica_kernels *kernels);
#endif
#if defined(__aarch64__)
void mica_k_pointwise_init_neon(mica_kernels *kernels);
void mica_k_rows_init_neon(mica_kernels *kernels);
void mica_k_gemm_init_neon(mica_kernels *kernels);
void mica_k_columns_init_neon(mica_kernels *kernels);
void mica_k_sort_init_neon(mica_kernels *kernels);
void mica_k_gemm_bf16_init_neon(mica_kernels *kernels);
void mica_k_gemm_int8_init_neon(mica_kernels *kernels);
void mica_k_gemm_int8_init_dotprod(mica_kernels *kernels);
void mica_k_gemm_int8_init_i8mm(mica_kernels *kernels);
void mica_k_gemm_bf16_init_bf16(mica_kernels *kernels, bool timed); /* as above */
#endif

#endif
