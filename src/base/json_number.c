/* SPDX-License-Identifier: MIT
 *
 * strtod and printf use the locale's decimal point. Reading therefore gives strtod an integer with
 * an exponent ("1.25" as "125e-2"); printing replaces whatever stands between the digits.
 */
#include "base/json_number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A double is decided by its first 767 significant digits and whether anything but 0 follows. */
enum { DIGITS = 800, LARGEST_EXPONENT = 100000000 };

/* The number behind 'e', held within what keeps the sums below from overflowing. */
static long long read_exponent(const char *p, const char *end)
{
    long long value = 0;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    for (; p < end; p++)
        value = value < LARGEST_EXPONENT ? value * 10 + (*p - '0') : value;
    return negative ? -value : value;
}

#if defined(__SIZEOF_INT128__)
/* Numbers as files mostly have them: up to 19 digits, of which up to 27 follow the point, and no
 * exponent. The quotient of digits and a power of ten, from its first 64 bits or more and whether
 * anything is left, is rounded to 53. False = it takes the long way. */
static bool read_short(const char *p, const char *end, bool negative, double *out)
{
    static const uint64_t fives[] = {
        UINT64_C(1), UINT64_C(5), UINT64_C(25), UINT64_C(125), UINT64_C(625), UINT64_C(3125),
    };
    enum { DIGITS_MAX = 19, FRACTION_MAX = 27 };
    uint64_t digits = 0, divisor = 1, whole;
    size_t count = 0, fraction = 0;
    bool point = false;

    for (; p < end; p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        if (*p < '0' || *p > '9' || count == DIGITS_MAX || fraction == FRACTION_MAX)
            return false;
        digits = digits * 10 + (uint64_t)(*p - '0');
        count += digits > 0;
        fraction += point;
    }
    for (size_t left = fraction, n; left > 0; left -= n) {
        n = left < 5 ? left : 5;
        divisor *= fives[n];
    }
    if (digits < (UINT64_C(1) << 53) && divisor == 1) {
        *out = negative ? -(double)digits : (double)digits;
        return true;
    }
    /* digits / 5^fraction / 2^fraction: the quotient gets 64 to 128 bits. */
    int up = 64 + __builtin_clzll(digits | 1), bits;
    unsigned __int128 numerator = (unsigned __int128)digits << up, quotient = numerator / divisor;
    bool rest = quotient * divisor != numerator;
    whole = (uint64_t)(quotient >> 64);
    bits = whole ? 128 - __builtin_clzll(whole) : 64;
    bits -= 54; /* what is cut off: 53 bits stay, and one to round by */
    rest = rest || (quotient & ((((unsigned __int128)1) << bits) - 1)) != 0;
    whole = (uint64_t)(quotient >> bits);
    whole = (whole >> 1) + ((whole & 1) && (rest || (whole & 2)));
    *out = ldexp((double)whole, bits + 1 - up - (int)fraction);
    if (negative)
        *out = -*out;
    return true;
}
#endif

double mica_json_read_number(const char *text, size_t size)
{
    char plain[DIGITS + 32];
    const char *p = text, *end = text + size;
    size_t used = 0;
    long long exponent = 0;
    bool fraction = false, more = false;
    bool negative = p < end && *p == '-';
#if defined(__SIZEOF_INT128__)
    double number;
    if (read_short(p + negative, end, negative, &number))
        return number;
#endif
    for (p += negative; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        bool kept = used < DIGITS && (used > 0 || *p != '0');
        if (kept)
            plain[used++] = *p;
        else
            more = more || *p != '0';
        /* Leading zeros weigh nothing before the point; a digit left out shifts the rest. */
        if (fraction && (kept || used == 0))
            exponent--;
        else if (!fraction && !kept && used > 0)
            exponent++;
    }
    if (p < end)
        exponent += read_exponent(p + 1, end);
    if (more) { /* makes a tie no tie */
        plain[used++] = '1';
        exponent--;
    }
    if (used == 0)
        plain[used++] = '0';
    snprintf(plain + used, sizeof plain - used, "e%lld", exponent);
    double value = strtod(plain, NULL);
    return negative ? -value : value;
}

/* 10^n, n >= 0, as the nearest double. */
static double power_of_ten(long long n)
{
    double power = 1;
    char text[16];
    if (n > 22) { /* up to there they are exact */
        int size = snprintf(text, sizeof text, "1e%d", (int)n);
        return mica_json_read_number(text, (size_t)size);
    }
    while (n-- > 0)
        power *= 10;
    return power;
}

double mica_json_read_by_serde(const char *text, size_t size)
{
    const char *p = text, *end = text + size;
    bool negative = p < end && *p == '-', point = false, full = false;
    uint64_t digits = 0;
    long long exponent = 0;
    for (p += negative; p < end && *p != 'e' && *p != 'E'; p++) {
        unsigned digit = (unsigned)(*p - '0');
        if (*p == '.') {
            point = true;
            continue;
        }
        full = full || digits > (UINT64_MAX - digit) / 10;
        if (!full)
            digits = digits * 10 + digit;
        exponent += full && !point; /* a digit that is left out */
        exponent -= !full && point;
    }
    if (p < end)
        exponent += read_exponent(p + 1, end);
    double value = (double)digits;
    for (; exponent < -308 && value != 0; exponent += 308)
        value /= 1e308;
    if (exponent >= 0 && value != 0)
        value *= power_of_ten(exponent > 308 ? 308 : exponent);
    else if (value != 0)
        value /= power_of_ten(-exponent);
    return negative ? -value : value;
}

/* Puts a point where printf put the locale's decimal point (which may have several bytes). */
static void set_point(char *text)
{
    char *p = text + strspn(text, "+-0123456789e");
    if (!*p)
        return;
    *p++ = '.';
    char *tail = p + strcspn(p, "0123456789");
    memmove(p, tail, strlen(tail) + 1);
}

/* A decimal of D digits or less (6 for float, 15 for double) survives the way to binary and back,
 * so there is no shorter form than what %g makes of D digits, except for subnormal numbers. */
void mica_json_print_float(float value, char out[MICA_JSON_NUMBER_ROOM])
{
    int digits = fabsf(value) < FLT_MIN ? 0 : FLT_DIG - 1;
    do
        snprintf(out, MICA_JSON_NUMBER_ROOM, "%.*g", ++digits, (double)value);
    while (digits < FLT_DECIMAL_DIG && strtof(out, NULL) != value);
    set_point(out);
}

void mica_json_print_double(double value, char out[MICA_JSON_NUMBER_ROOM])
{
    int digits = fabs(value) < DBL_MIN ? 0 : DBL_DIG - 1;
    do
        snprintf(out, MICA_JSON_NUMBER_ROOM, "%.*g", ++digits, value);
    while (digits < DBL_DECIMAL_DIG && strtod(out, NULL) != value);
    set_point(out);
}
