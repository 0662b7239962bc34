/* SPDX-License-Identifier: MIT
 *
 * Functions on vectors, written once for every width: include an instruction set's vector.h first.
 * NaN passes through every one: where a maximum or minimum could lose it, x is the second operand.
 */
#ifndef MICA_BACKENDS_CPU_SIMD_MATH_H
#define MICA_BACKENDS_CPU_SIMD_MATH_H

#include <math.h>

#include "backends/cpu/simd/inline.h"

/* exp(x) = 2^n exp(r) with r = x - n ln 2 in [-ln 2 / 2, ln 2 / 2], where exp(r) - 1 - r is r^2
 * times a minimax polynomial (relative error 4e-9). ln 2 is subtracted in two parts: n times the
 * first is exact. Below -104 the result rounds to 0, above 89 it is infinite. Error: 1 ulp. */
V_INLINE vec v_exp(vec x)
{
    x = v_max(v_set(-104.0f), v_min(v_set(89.0f), x));
    vec n = v_round(v_mul(x, v_set(1.44269504088896341f)));
    vec r = v_fnma(n, v_set(0x1.62e4p-1f), x);
    r = v_fnma(n, v_set(0x1.7f7d1cp-20f), r);
    vec q = v_fma(v_set(0.001375138177536428f), r, v_set(0.00836892332881689f));
    q = v_fma(q, r, v_set(0.04166953265666962f));
    q = v_fma(q, r, v_set(0.166665181517601f));
    q = v_fma(q, r, v_set(0.49999988079071045f));
    return v_scale(v_add(v_fma(v_mul(r, r), q, r), v_set(1.0f)), n);
}

/* exp(x) for x <= 0, in fewer steps. */
#if defined(V_POWERS_OF_EIGHTHS)
/* x = n ln 2 / 8 + r: 2^(n / 8) is looked up, and exp(r) - 1 - r is r^2 times a minimax polynomial
 * of two terms (relative error 3e-8). Adding 1.5 * 2^23 leaves n in the lowest bits. ln 2 is one
 * number: n times its error is at most 3e-7. So the error is 1.5 ulp above -10, and 5 ulp at -87;
 * below -87.3 the result is a number from 2^-126 down, and below -87.97 it is 0. */
V_INLINE vec v_exp_below(vec x)
{
    const vec magic = v_set(0x1.8p23f);
    vec c = v_max(v_set(-88.0f), x);
    vec t = v_fma(c, v_set(11.5415603271117f), magic); /* 8 / ln 2 */
    vec r = v_fnma(v_sub(t, magic), v_set(0.0866433975699932f), c), s = v_mul(r, r);
    vec q = v_fma(v_set(0.166673688f), r, v_set(0.500064670f));
    vec power = v_power_of_eighths(t);
    return v_fma(v_fma(q, s, r), power, power);
}
#else
/* Adding 1.5 * 2^23 + 127 leaves the exponent of 2^n in the lowest bits, where n = -127 makes 0.
 * ln 2 is one number: n times its error is at most 3e-7. So the error is 1.1 ulp above -10, and 4.5
 * ulp at -87; below -87.7 the result is 0. */
V_INLINE vec v_exp_below(vec x)
{
    const vec magic = v_set(12583039.0f);
    vec c = v_max(v_set(-88.0f), x);
    vec t = v_fma(c, v_set(1.44269504088896341f), magic);
    vec r = v_fnma(v_sub(t, magic), v_set(0.693147180559945f), c), s = v_mul(r, r);
    vec high = v_fma(v_set(0.001381459878757596f), r, v_set(0.008368716575205326f));
    high = v_fma(high, r, v_set(0.04166838899254799f));
    vec low = v_fma(v_set(0.1666652113199234f), r, v_set(0.4999999403953552f));
    vec power = v_exponent_bits(t);
    return v_fma(v_fma(v_fma(high, s, low), s, r), power, power);
}
#endif

/* exp(x) - 1 for x <= 0 (above it, any number): with exp(r) - 1 = p it is 2^n p + (2^n - 1), of
 * which only p is rounded near 0. n is had as in v_exp_below, p as in v_exp. Error: 2 ulp. */
V_INLINE vec v_expm1_below(vec x)
{
    const vec magic = v_set(12583039.0f);
    vec c = v_max(v_set(-88.0f), x);
    vec t = v_fma(c, v_set(1.44269504088896341f), magic);
    vec r = v_fnma(v_sub(t, magic), v_set(0.693147180559945f), c), s = v_mul(r, r);
    vec high = v_fma(v_set(0.001375138177536428f), r, v_set(0.00836892332881689f));
    high = v_fma(high, r, v_set(0.04166953265666962f));
    vec low = v_fma(v_set(0.166665181517601f), r, v_set(0.49999988079071045f));
    vec p = v_fma(v_fma(high, s, low), s, r), power = v_exponent_bits(t);
    return v_fma(p, power, v_sub(power, v_set(1.0f)));
}

/* log x = e ln 2 + log m, and log(1 + t) for t = m - 1 is t - t^2 / 2 + t^3 times a polynomial (of
 * the Cephes library's logf). ln 2 is added in two parts. Below the normal numbers x is scaled up
 * first. log 0 is -inf, below it NaN. Error: 2 ulp. */
V_INLINE vec v_log(vec x)
{
    const vec least = v_set(0x1p-126f), zero = v_zero();
    vec m, big = v_where_greater(least, x, v_mul(x, v_set(0x1p24f)), x);
    vec e = v_sub(v_split(big, &m), v_where_greater(least, x, v_set(24.0f), zero));
    vec t = v_sub(m, v_set(1.0f)), z = v_mul(t, t);
    vec p = v_fma(v_set(7.0376836292e-2f), t, v_set(-1.1514610310e-1f));
    p = v_fma(p, t, v_set(1.1676998740e-1f));
    p = v_fma(p, t, v_set(-1.2420140846e-1f));
    p = v_fma(p, t, v_set(1.4249322787e-1f));
    p = v_fma(p, t, v_set(-1.6668057665e-1f));
    p = v_fma(p, t, v_set(2.0000714765e-1f));
    p = v_fma(p, t, v_set(-2.4999993993e-1f));
    p = v_fma(p, t, v_set(3.3333331174e-1f));
    vec y = v_fma(e, v_set(-2.12194440e-4f), v_mul(v_mul(t, z), p));
    y = v_add(t, v_fnma(v_set(0.5f), z, y));
    y = v_fma(e, v_set(0.693359375f), y);
    y = v_where_greater(x, v_set(0x1.fffffep127f), x, y);
    vec other = v_where_greater(zero, x, v_set(NAN), v_set(-INFINITY));
    return v_where_nan(x, x, v_where_greater(x, zero, y, other));
}

/* log(1 + u) for u in [0, 1] is u + u^2 times a minimax polynomial (relative error 5e-9). */
V_INLINE vec v_log1p_small(vec u)
{
    vec s = v_mul(u, u), q = v_mul(s, s);
    vec a = v_fma(v_set(0.33330512046813965f), u, v_set(-0.4999993145465851f));
    vec b = v_fma(v_set(0.19695401191711426f), u, v_set(-0.24958588182926178f));
    vec c = v_fma(v_set(0.10680556297302246f), u, v_set(-0.15355397760868073f));
    vec d = v_fma(v_set(0.020204590633511543f), u, v_set(-0.057664453983306885f));
    d = v_fma(v_set(-0.003318473696708679f), s, d);
    vec p = v_fma(v_fma(d, s, c), q, v_fma(b, s, a));
    return v_fma(s, p, u);
}

V_INLINE vec v_sigmoid(vec x)
{
    return v_div(v_set(1.0f), v_add(v_set(1.0f), v_exp(v_neg(x))));
}

/* Below 0.625 an odd minimax polynomial (1.4e-8), above it 1 - 2 / (1 + exp(2 |x|)); of |x|, so
 * that -0 stays what it is. */
V_INLINE vec v_tanh(vec x)
{
    vec t = v_abs(x), s = v_mul(x, x);
    vec p = v_fma(v_set(-0.0058100055903196335f), s, v_set(0.02073115110397339f));
    p = v_fma(p, s, v_set(-0.05376720800995827f));
    p = v_fma(p, s, v_set(0.13331760466098785f));
    p = v_fma(p, s, v_set(-0.33333292603492737f));
    vec small = v_fma(v_mul(s, t), p, t);
    vec e = v_exp(v_add(t, t));
    vec large = v_sub(v_set(1.0f), v_div(v_set(2.0f), v_add(v_set(1.0f), e)));
    return v_copy_sign(v_where_greater(t, v_set(0.625f), large, small), x);
}

/* x Phi(x), Phi the normal distribution. For t = |x|, Phi(-t) = exp(-t^2 / 2) g(t), and g(t) / u is
 * a minimax polynomial in u = 1 / (1 + t / 3) (relative error 5e-8 for every t up to 14, after
 * which exp is 0). The lower tail keeps its relative precision: nothing cancels. */
V_INLINE vec v_gelu(vec x)
{
    vec t = v_abs(x);
    vec u = v_div(v_set(1.0f), v_fma(t, v_set(1.0f / 3.0f), v_set(1.0f)));
    vec p = v_fma(v_set(-2.276419152e-02f), u, v_set(1.295955894e-01f));
    p = v_fma(p, u, v_set(-2.712797354e-01f));
    p = v_fma(p, u, v_set(2.189565227e-01f));
    p = v_fma(p, u, v_set(-5.337265648e-02f));
    p = v_fma(p, u, v_set(1.199165975e-01f));
    p = v_fma(p, u, v_set(1.124178812e-01f));
    p = v_fma(p, u, v_set(1.335751371e-01f));
    p = v_fma(p, u, v_set(1.329548789e-01f));
    vec tail = v_mul(v_mul(p, u), v_exp_below(v_mul(v_mul(x, x), v_set(-0.5f))));
    return v_mul(x, v_where_greater(x, v_zero(), v_sub(v_set(1.0f), tail), tail));
}

/* x Phi(x) within 6e-5 (from 4.25 on 2e-6 of x), in half the steps: Phi(x) - 1/2 is x times a
 * minimax polynomial in x^2 up to 4.25, where Phi is taken to be 1. */
V_INLINE vec v_gelu_coarse(vec x)
{
    vec a = v_max(v_set(-4.25f), x), t = v_min(v_set(4.25f), a), s = v_mul(t, t);
    vec p = v_fma(v_set(5.0832879572304535e-11f), s, v_set(-4.9286392744818386e-09f));
    p = v_fma(p, s, v_set(2.1180601095238671e-07f));
    p = v_fma(p, s, v_set(-5.372691248339834e-06f));
    p = v_fma(p, s, v_set(9.070693340618163e-05f));
    p = v_fma(p, s, v_set(-0.001091737998649478f));
    p = v_fma(p, s, v_set(0.009758609347045422f));
    p = v_fma(p, s, v_set(-0.06625108420848846f));
    p = v_fma(p, s, v_set(0.3988519310951233f));
    return v_mul(a, v_fma(p, t, v_set(0.5f)));
}

/* x (1 + tanh(u)) / 2 is x sigmoid(2 u). */
V_INLINE vec v_gelu_tanh(vec x)
{
    vec cubic = v_fma(v_mul(v_mul(x, x), v_set(0.044715f)), x, x);
    return v_mul(x, v_sigmoid(v_mul(cubic, v_set(1.59576912160573071f))));
}

/* tanh(log(1 + e)) is (e^2 + 2 e) / (e^2 + 2 e + 2); above 40 it is 1, and e^2 would overflow. */
V_INLINE vec v_mish(vec x)
{
    vec e = v_exp(v_min(v_set(40.0f), x));
    vec n = v_mul(e, v_add(e, v_set(2.0f)));
    return v_mul(x, v_div(n, v_add(n, v_set(2.0f))));
}

#endif
