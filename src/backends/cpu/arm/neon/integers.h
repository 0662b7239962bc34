/* SPDX-License-Identifier: MIT
 *
 * Vectors of 8 numbers of 32 bits: the words of simd/gemm_int8.h and of digests. After vector.h.
 */
#ifndef MICA_BACKENDS_CPU_ARM_NEON_INTEGERS_H
#define MICA_BACKENDS_CPU_ARM_NEON_INTEGERS_H

typedef struct ivec {
    int32x4_t lo, hi;
} ivec;

static inline ivec i_set(int32_t x)
{
    return (ivec){vdupq_n_s32(x), vdupq_n_s32(x)};
}

static inline ivec i_zero(void)
{
    return i_set(0);
}

static inline ivec i_load(const int32_t *p)
{
    return (ivec){vld1q_s32(p), vld1q_s32(p + 4)};
}

static inline ivec i_add(ivec a, ivec b)
{
    return (ivec){vaddq_s32(a.lo, b.lo), vaddq_s32(a.hi, b.hi)};
}

static inline ivec i_sub(ivec a, ivec b)
{
    return (ivec){vsubq_s32(a.lo, b.lo), vsubq_s32(a.hi, b.hi)};
}

static inline ivec i_mul(ivec a, ivec b)
{
    return (ivec){vmulq_s32(a.lo, b.lo), vmulq_s32(a.hi, b.hi)};
}

static inline ivec i_min(ivec a, ivec b)
{
    return (ivec){vminq_s32(a.lo, b.lo), vminq_s32(a.hi, b.hi)};
}

static inline ivec i_max(ivec a, ivec b)
{
    return (ivec){vmaxq_s32(a.lo, b.lo), vmaxq_s32(a.hi, b.hi)};
}

/* To the nearest, a tie to even. */
static inline ivec i_round(vec x)
{
    return (ivec){vcvtnq_s32_f32(x.lo), vcvtnq_s32_f32(x.hi)};
}

static inline vec v_from_int(ivec x)
{
    return (vec){vcvtq_f32_s32(x.lo), vcvtq_f32_s32(x.hi)};
}

/* The same bits. */
static inline vec i_bits(ivec x)
{
    return (vec){of_bits(x.lo), of_bits(x.hi)};
}

static inline ivec v_bits(vec x)
{
    return (ivec){to_bits(x.lo), to_bits(x.hi)};
}

/* A word of A as the first operand of i_dot, in its first lane alone, as v_factor has it. */
static inline ivec i_factor(const uint32_t *p)
{
    int32x4_t x;
    __asm__("ldr %s0, %1" : "=w"(x) : "m"(*p));
    return (ivec){x, x};
}

/* Numbers in [0, 255] less I_BIAS as bytes: products of bytes take both with a sign. */
enum { I_BIAS = 128 };
static inline void i_store_bytes(char *y, ivec q)
{
    uint16x4_t lo = vmovn_u32(vreinterpretq_u32_s32(q.lo));
    uint16x4_t hi = vmovn_u32(vreinterpretq_u32_s32(q.hi));
    vst1_u8((uint8_t *)y, veor_u8(vmovn_u16(vcombine_u16(lo, hi)), vdup_n_u8(I_BIAS)));
}

/* Four times as many, each brought into [0, 255] first. */
static inline void i_store_four(char *y, const ivec q[4])
{
    for (int i = 0; i < 4; i++) {
        int16x8_t words = vcombine_s16(vqmovn_s32(q[i].lo), vqmovn_s32(q[i].hi));
        vst1_u8((uint8_t *)y + 8 * i, veor_u8(vqmovun_s16(words), vdup_n_u8(I_BIAS)));
    }
}

#endif
