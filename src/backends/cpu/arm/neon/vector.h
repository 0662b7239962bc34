/* SPDX-License-Identifier: MIT
 *
 * Vectors of 8 floats in pairs of NEON's registers: the words in which the kernels of simd/ are
 * written. A pair is as wide as the narrow product's rows, and two of them by six rows hold sums in
 * 24 of the 32 registers. What ARMv8-A has: every 64-bit Arm.
 */
#ifndef MICA_BACKENDS_CPU_ARM_NEON_VECTOR_H
#define MICA_BACKENDS_CPU_ARM_NEON_VECTOR_H

#include <arm_neon.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/cpu/simd/inline.h"

enum { LANES = 8 };
typedef struct vec {
    float32x4_t lo, hi;
} vec;

/* The same bits as integers: halves of a vec. */
static inline int32x4_t to_bits(float32x4_t x)
{
    return vreinterpretq_s32_f32(x);
}

static inline float32x4_t of_bits(int32x4_t x)
{
    return vreinterpretq_f32_s32(x);
}

static inline vec v_load(const float *p)
{
    return (vec){vld1q_f32(p), vld1q_f32(p + 4)};
}

static inline void v_store(float *p, vec x)
{
    vst1q_f32(p, x.lo);
    vst1q_f32(p + 4, x.hi);
}

/* The first n < 4 lanes. */
static inline float32x4_t load_few(const float *p, size_t n, float32x4_t other)
{
    if (n == 0)
        return other;
    if (n == 1)
        return vld1q_lane_f32(p, other, 0);
    other = vcombine_f32(vld1_f32(p), vget_high_f32(other));
    return n == 2 ? other : vld1q_lane_f32(p + 2, other, 2);
}

static inline void store_few(float *p, float32x4_t x, size_t n)
{
    if (n == 1)
        vst1q_lane_f32(p, x, 0);
    if (n >= 2)
        vst1_f32(p, vget_low_f32(x));
    if (n == 3)
        vst1q_lane_f32(p + 2, x, 2);
}

/* The first n < LANES lanes only; the others load as `other` and are not stored. */
static inline vec v_load_n(const float *p, size_t n, vec other)
{
    if (n < 4)
        return (vec){load_few(p, n, other.lo), other.hi};
    return (vec){vld1q_f32(p), load_few(p + 4, n - 4, other.hi)};
}

static inline void v_store_n(float *p, vec x, size_t n)
{
    if (n < 4) {
        store_few(p, x.lo, n);
        return;
    }
    vst1q_f32(p, x.lo);
    store_few(p + 4, x.hi, n - 4);
}

/* The first n lanes of x, the others 0. */
static inline vec v_keep_n(vec x, size_t n)
{
    static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    const int32_t *mask = ones + 8 - n;
    return (vec){of_bits(vandq_s32(to_bits(x.lo), vld1q_s32(mask))),
                 of_bits(vandq_s32(to_bits(x.hi), vld1q_s32(mask + 4)))};
}

static inline vec v_set(float x)
{
    return (vec){vdupq_n_f32(x), vdupq_n_f32(x)};
}

static inline vec v_zero(void)
{
    return v_set(0);
}

static inline vec v_add(vec a, vec b)
{
    return (vec){vaddq_f32(a.lo, b.lo), vaddq_f32(a.hi, b.hi)};
}

static inline vec v_sub(vec a, vec b)
{
    return (vec){vsubq_f32(a.lo, b.lo), vsubq_f32(a.hi, b.hi)};
}

static inline vec v_mul(vec a, vec b)
{
    return (vec){vmulq_f32(a.lo, b.lo), vmulq_f32(a.hi, b.hi)};
}

static inline vec v_div(vec a, vec b)
{
    return (vec){vdivq_f32(a.lo, b.lo), vdivq_f32(a.hi, b.hi)};
}

static inline vec v_sqrt(vec a)
{
    return (vec){vsqrtq_f32(a.lo), vsqrtq_f32(a.hi)};
}

/* a * b + c and c - a * b, rounded once. */
static inline vec v_fma(vec a, vec b, vec c)
{
    return (vec){vfmaq_f32(c.lo, a.lo, b.lo), vfmaq_f32(c.hi, a.hi, b.hi)};
}

static inline vec v_fnma(vec a, vec b, vec c)
{
    return (vec){vfmsq_f32(c.lo, a.lo, b.lo), vfmsq_f32(c.hi, a.hi, b.hi)};
}

/* *p as the first operand of v_fma_by, in its first lane: multiply-adds take a single lane, and a
 * load of one number needs no arithmetic unit, which one that fills all lanes does on many cores.
 * Compilers make the latter of every other way to say it. */
static inline vec v_factor(const float *p)
{
    float32x4_t x;
    __asm__("ldr %s0, %1" : "=w"(x) : "m"(*p));
    return (vec){x, x};
}

static inline vec v_fma_by(vec factor, vec b, vec c)
{
    return (vec){vfmaq_laneq_f32(c.lo, b.lo, factor.lo, 0),
                 vfmaq_laneq_f32(c.hi, b.hi, factor.lo, 0)};
}

/* NaN if either is. */
static inline vec v_max(vec a, vec b)
{
    return (vec){vmaxq_f32(a.lo, b.lo), vmaxq_f32(a.hi, b.hi)};
}

static inline vec v_min(vec a, vec b)
{
    return (vec){vminq_f32(a.lo, b.lo), vminq_f32(a.hi, b.hi)};
}

static inline vec v_abs(vec a)
{
    return (vec){vabsq_f32(a.lo), vabsq_f32(a.hi)};
}

static inline vec v_neg(vec a)
{
    return (vec){vnegq_f32(a.lo), vnegq_f32(a.hi)};
}

/* |a| with the sign of s. */
static inline vec v_copy_sign(vec a, vec s)
{
    uint32x4_t sign = vdupq_n_u32(0x80000000u);
    return (vec){vbslq_f32(sign, s.lo, a.lo), vbslq_f32(sign, s.hi, a.hi)};
}

static inline vec v_round(vec a)
{
    return (vec){vrndnq_f32(a.lo), vrndnq_f32(a.hi)};
}

static inline float32x4_t scale_half(float32x4_t a, float32x4_t n)
{
    int32x4_t whole = vcvtnq_s32_f32(n), half = vshrq_n_s32(whole, 1), bias = vdupq_n_s32(127);
    int32x4_t rest = vsubq_s32(whole, half);
    float32x4_t x = of_bits(vshlq_n_s32(vaddq_s32(half, bias), 23));
    float32x4_t y = of_bits(vshlq_n_s32(vaddq_s32(rest, bias), 23));
    return vmulq_f32(vmulq_f32(a, x), y);
}

/* a * 2^n for whole n, |n| < 250: in two steps, as 2^n itself may not be a float. The first is
 * exact for a near 1. */
static inline vec v_scale(vec a, vec n)
{
    return (vec){scale_half(a.lo, n.lo), scale_half(a.hi, n.hi)};
}

/* Where x > limit (false for NaN): yes, else no. */
static inline vec v_where_greater(vec x, vec limit, vec yes, vec no)
{
    return (vec){vbslq_f32(vcgtq_f32(x.lo, limit.lo), yes.lo, no.lo),
                 vbslq_f32(vcgtq_f32(x.hi, limit.hi), yes.hi, no.hi)};
}

/* Where x is NaN: yes, else no. */
static inline vec v_where_nan(vec x, vec yes, vec no)
{
    return (vec){vbslq_f32(vceqq_f32(x.lo, x.lo), no.lo, yes.lo),
                 vbslq_f32(vceqq_f32(x.hi, x.hi), no.hi, yes.hi)};
}

static inline void take_half(bool least, float32x4_t x, float32x4_t here, float32x4_t *best,
                             float32x4_t *place)
{
    uint32x4_t keeps = least ? vcgeq_f32(x, *best) : vcleq_f32(x, *best);
    keeps = vornq_u32(keeps, vceqq_f32(*best, *best));
    *best = vbslq_f32(keeps, *best, x);
    *place = vbslq_f32(keeps, *place, here);
}

/* Where x is larger than *best (least: smaller), or is the first NaN, *best and *place become x and
 * here. */
static inline void v_take(bool least, vec x, vec here, vec *best, vec *place)
{
    take_half(least, x.lo, here.lo, &best->lo, &place->lo);
    take_half(least, x.hi, here.hi, &best->hi, &place->hi);
}

static inline bool v_any_nan(vec x)
{
    return vminvq_u32(vandq_u32(vceqq_f32(x.lo, x.lo), vceqq_f32(x.hi, x.hi))) == 0;
}

static inline float v_sum(vec x)
{
    return vaddvq_f32(vaddq_f32(x.lo, x.hi));
}

static inline float v_largest(vec x) /* NaN if any is */
{
    return vmaxvq_f32(vmaxq_f32(x.lo, x.hi));
}

static inline float v_smallest(vec x)
{
    return vminvq_f32(vminq_f32(x.lo, x.hi));
}

static inline vec v_from_f16(const uint16_t *p)
{
    uint16x8_t x = vld1q_u16(p);
    return (vec){vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(x))),
                 vcvt_f32_f16(vreinterpret_f16_u16(vget_high_u16(x)))};
}

static inline vec v_from_bf16(const uint16_t *p)
{
    uint16x8_t x = vld1q_u16(p);
    return (vec){vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(x), 16)),
                 vreinterpretq_f32_u32(vshll_high_n_u16(x, 16))};
}

/* The numbers in the lower and the upper halves of words of two bfloat16. */
static inline vec v_even_bf16(vec words)
{
    return (vec){of_bits(vshlq_n_s32(to_bits(words.lo), 16)),
                 of_bits(vshlq_n_s32(to_bits(words.hi), 16))};
}

static inline vec v_odd_bf16(vec words)
{
    int32x4_t mask = vdupq_n_s32(-65536);
    return (vec){of_bits(vandq_s32(to_bits(words.lo), mask)),
                 of_bits(vandq_s32(to_bits(words.hi), mask))};
}

/* The words that have these in their halves. */
static inline vec v_join_bf16(vec even, vec odd)
{
    int32x4_t lo = vsriq_n_s32(to_bits(odd.lo), to_bits(even.lo), 16);
    int32x4_t hi = vsriq_n_s32(to_bits(odd.hi), to_bits(even.hi), 16);
    return (vec){of_bits(lo), of_bits(hi)};
}

/* The nearest bfloat16 in the upper halves, to even on a tie; a NaN stays one. */
static inline uint32x4_t bf16_half(float32x4_t x)
{
    uint32x4_t bits = vreinterpretq_u32_f32(x);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t up = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    uint32x4_t nan = vorrq_u32(bits, vdupq_n_u32(0x400000));
    return vbslq_u32(vceqq_f32(x, x), up, nan);
}

static inline vec v_round_bf16(vec x)
{
    vec words = {vreinterpretq_f32_u32(bf16_half(x.lo)), vreinterpretq_f32_u32(bf16_half(x.hi))};
    return v_odd_bf16(words);
}

/* y[c * ldy + r] = x[r * ldx + c] for a square of 4. */
static inline void transpose_quarter(float *y, size_t ldy, const float *x, size_t ldx)
{
    float32x4_t a = vld1q_f32(x), b = vld1q_f32(x + ldx);
    float32x4_t c = vld1q_f32(x + 2 * ldx), d = vld1q_f32(x + 3 * ldx);
    float64x2_t ab_even = vreinterpretq_f64_f32(vtrn1q_f32(a, b));
    float64x2_t ab_odd = vreinterpretq_f64_f32(vtrn2q_f32(a, b));
    float64x2_t cd_even = vreinterpretq_f64_f32(vtrn1q_f32(c, d));
    float64x2_t cd_odd = vreinterpretq_f64_f32(vtrn2q_f32(c, d));
    vst1q_f32(y, vreinterpretq_f32_f64(vtrn1q_f64(ab_even, cd_even)));
    vst1q_f32(y + ldy, vreinterpretq_f32_f64(vtrn1q_f64(ab_odd, cd_odd)));
    vst1q_f32(y + 2 * ldy, vreinterpretq_f32_f64(vtrn2q_f64(ab_even, cd_even)));
    vst1q_f32(y + 3 * ldy, vreinterpretq_f32_f64(vtrn2q_f64(ab_odd, cd_odd)));
}

/* y[c * ldy + r] = x[r * ldx + c] for a square of LANES. */
static inline void v_transpose(float *y, size_t ldy, const float *x, size_t ldx)
{
    transpose_quarter(y, ldy, x, ldx);
    transpose_quarter(y + 4, ldy, x + 4 * ldx, ldx);
    transpose_quarter(y + 4 * ldy, ldy, x + 4, ldx);
    transpose_quarter(y + 4 * ldy + 4, ldy, x + 4 * ldx + 4, ldx);
}

/* Lane r of the result is made of the lanes of x[r * LANES], joined by f in v_sum's order. */
V_INLINE vec v_across(const float *x, vec (*f)(vec, vec))
{
    vec a[8];
    V_UNROLL
    for (size_t i = 0; i < 4; i++) { /* of two rows */
        vec p = v_load(x + 2 * i * LANES), q = v_load(x + (2 * i + 1) * LANES);
        a[i] = f((vec){p.lo, q.lo}, (vec){p.hi, q.hi});
    }
    V_UNROLL
    for (int i = 0; i < 3; i++) { /* of four, of four and of eight */
        vec p = a[2 * i], q = a[2 * i + 1];
        a[4 + i] = f((vec){vuzp1q_f32(p.lo, p.hi), vuzp1q_f32(q.lo, q.hi)},
                     (vec){vuzp2q_f32(p.lo, p.hi), vuzp2q_f32(q.lo, q.hi)});
    }
    return a[6];
}

static inline float32x4_t split_half(float32x4_t x, float32x4_t *m)
{
    int32x4_t bits = to_bits(x);
    int32x4_t e = vshrq_n_s32(vsubq_s32(bits, vdupq_n_s32(0x3f3504f3)), 23);
    *m = of_bits(vsubq_s32(bits, vshlq_n_s32(e, 23)));
    return vcvtq_f32_s32(e);
}

/* x = m * 2^e with m in [sqrt(1/2), sqrt(2)), for normal x > 0; the result is e. */
static inline vec v_split(vec x, vec *m)
{
    return (vec){split_half(x.lo, &m->lo), split_half(x.hi, &m->hi)};
}

/* The bits of an integer in every lane: a vec may carry integers, as long as nothing computes with
 * them. */
static inline vec v_set_integer(int32_t x)
{
    return (vec){of_bits(vdupq_n_s32(x)), of_bits(vdupq_n_s32(x))};
}

/* 2^n as a float, where the lowest bits of t are n + 127, the exponent as floats have it. */
static inline vec v_exponent_bits(vec t)
{
    return (vec){of_bits(vshlq_n_s32(to_bits(t.lo), 23)), of_bits(vshlq_n_s32(to_bits(t.hi), 23))};
}

static inline void add_double_half(double *total, float32x4_t x)
{
    vst1q_f64(total, vaddq_f64(vld1q_f64(total), vcvt_f64_f32(vget_low_f32(x))));
    vst1q_f64(total + 2, vaddq_f64(vld1q_f64(total + 2), vcvt_high_f64_f32(x)));
}

/* total[j] += x[j], in double. */
static inline void v_add_double(double *total, vec x)
{
    add_double_half(total, x.lo);
    add_double_half(total + 4, x.hi);
}

/* To nearest, ties to even; NaN stays NaN. */
static inline void v_to_f16(uint16_t *p, vec x)
{
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x.lo)));
    vst1_u16(p + 4, vreinterpret_u16_f16(vcvt_f16_f32(x.hi)));
}

static inline void v_to_bf16(uint16_t *p, vec x)
{
    vst1_u16(p, vshrn_n_u32(bf16_half(x.lo), 16));
    vst1_u16(p + 4, vshrn_n_u32(bf16_half(x.hi), 16));
}

/* Past the caches; p is aligned to a vector. */
static inline void v_store_past(float *p, vec x)
{
    __asm__("stnp %q1, %q2, %0" : "=Q"(*(vec *)(void *)p) : "w"(x.lo), "w"(x.hi));
}

/* Keys of sorting: vectors of LANES int32 and of LANES / 2 int64. */
typedef struct keys {
    int32x4_t lo, hi;
} keys;

static inline keys k_load(const void *p)
{
    return (keys){vld1q_s32(p), vld1q_s32((const int32_t *)p + 4)};
}

static inline void k_store(void *p, keys x)
{
    vst1q_s32(p, x.lo);
    vst1q_s32((int32_t *)p + 4, x.hi);
}

static inline void k_order32(keys *a, keys *b)
{
    keys low = {vminq_s32(a->lo, b->lo), vminq_s32(a->hi, b->hi)};
    *b = (keys){vmaxq_s32(a->lo, b->lo), vmaxq_s32(a->hi, b->hi)};
    *a = low;
}

static inline void order64_half(int32x4_t *a, int32x4_t *b)
{
    int64x2_t x = vreinterpretq_s64_s32(*a), y = vreinterpretq_s64_s32(*b);
    uint64x2_t greater = vcgtq_s64(x, y);
    *a = vreinterpretq_s32_s64(vbslq_s64(greater, y, x));
    *b = vreinterpretq_s32_s64(vbslq_s64(greater, x, y));
}

static inline void k_order64(keys *a, keys *b)
{
    order64_half(&a->lo, &b->lo);
    order64_half(&a->hi, &b->hi);
}

#endif
