/* SPDX-License-Identifier: MIT */
#include "torture.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "mica/tensor.h"
#include "tensor/convert.h"
#include "tensor/tensor.h"

static void shapes(void **state)
{
    mica_error err = {0};
    mica_tensor *t = NULL;
    int64_t dims[] = {2, 0, 3}, negative[] = {2, -1}, huge[] = {INT64_MAX / 4, 2};
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 3, dims, &t, &err), MICA_OK);
    assert_int_equal(mica_tensor_count(t), 0);
    assert_int_equal(mica_tensor_bytes(t), 0);
    assert_int_equal(mica_tensor_dim(t, -1), 3);
    assert_int_equal(mica_tensor_dim(t, 5), 0);
    mica_tensor_release(&t);
    assert_null(t);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_I64, 0, NULL, &t, &err), MICA_OK);
    assert_int_equal(mica_tensor_count(t), 1);
    assert_int_equal(*(const int64_t *)mica_tensor_data(t), 0);
    mica_tensor_release(&t);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 2, negative, &t, &err), MICA_STATUS_SHAPE);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 2, huge, &t, &err), MICA_STATUS_SHAPE);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 9, huge, &t, &err), MICA_STATUS_SHAPE);
    assert_int_equal(mica_tensor_create(MICA_DTYPES, 0, NULL, &t, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_null(t);
}

static void count_release(void *user)
{
    ++*(int *)user;
}

static void wrapped_memory_is_released_once(void **state)
{
    mica_error err = {0};
    mica_tensor *t = NULL, *u;
    float data[6] = {1, 2, 3, 4, 5, 6};
    int64_t dims[] = {2, 3};
    int released = 0;
    assert_int_equal(
        mica_tensor_wrap(MICA_DTYPE_F32, 2, dims, data, count_release, &released, &t, &err),
        MICA_OK);
    assert_ptr_equal(mica_tensor_data(t), data);
    assert_null(mica_tensor_data_mut(t));
    u = mica_tensor_retain(t);
    mica_tensor_release(&t);
    assert_int_equal(released, 0);
    mica_tensor_release(&u);
    assert_int_equal(released, 1);
    assert_int_equal(
        mica_tensor_wrap(MICA_DTYPE_F32, 2, dims, (char *)data + 1, NULL, NULL, &t, &err),
        MICA_STATUS_INVALID_ARGUMENT);
    assert_int_equal(
        mica_tensor_wrap(MICA_DTYPE_F32, 2, dims, NULL, count_release, &released, &t, &err),
        MICA_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "without data"));
    assert_int_equal(released, 1); /* a wrap that failed releases nothing */
}

typedef struct pages_told {
    int expected, dropped;
    const void *data;
    size_t size;
} pages_told;

static void note_pages(void *user, const void *data, size_t size, mica_pages what)
{
    pages_told *t = (pages_told *)user;
    *(what == MICA_PAGES_DROP ? &t->dropped : &t->expected) += 1;
    t->data = data;
    t->size = size;
}

static void who_has_the_pages_is_told_what_becomes_of_them(void **state)
{
    mica_error err = {0};
    mica_tensor *t = NULL;
    float data[6] = {1, 2, 3, 4, 5, 6};
    int64_t dims[] = {6};
    pages_told told = {0};
    assert_int_equal(mica_tensor_wrap(MICA_DTYPE_F32, 1, dims, data, NULL, &told, &t, &err),
                     MICA_OK);
    mica_tensor_drop_rows(t, 0, 6); /* nobody has said whom to tell */
    mica_tensor_expect(t);
    assert_int_equal(told.dropped + told.expected, 0);
    mica_tensor_set_pages(t, note_pages);
    mica_tensor_drop_rows(t, 3, 3); /* none */
    assert_int_equal(told.dropped, 0);
    mica_tensor_drop_rows(t, 2, 6);
    assert_int_equal(told.dropped, 1);
    assert_ptr_equal(told.data, data + 2);
    assert_int_equal(told.size, 16);
    mica_tensor_expect(t);
    assert_int_equal(told.expected, 1);
    assert_int_equal(told.dropped, 1);
    assert_ptr_equal(told.data, data);
    assert_int_equal(told.size, 24);
    mica_tensor_release(&t);
}

static void half_precision_is_exact(void **state)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = mica_f16_to_f32((uint16_t)h), b = mica_bf16_to_f32((uint16_t)h);
        int exponent = h >> 10 & 31;
        double fraction = h & 1023;
        double value = exponent == 0    ? ldexp(fraction, -24)
                       : exponent == 31 ? (fraction != 0 ? NAN : INFINITY)
                                        : ldexp(1024 + fraction, exponent - 25);
        if (h & 0x8000)
            value = -value;
        if (isnan(value)) {
            assert_true(isnan(f));
        } else {
            assert_true((double)f == value && !signbit(f) == !signbit(value));
            assert_int_equal(mica_f32_to_f16(f), h);
        }
        if (isnan(b))
            assert_true((mica_f32_to_bf16(b) & 0x7fff) > 0x7f80);
        else
            assert_int_equal(mica_f32_to_bf16(b), h);
    }
    /* Ties go to even, just above a tie goes up; the largest values overflow to infinity. */
    assert_int_equal(mica_f32_to_f16(1 + 0x1p-11f), 0x3c00);
    assert_int_equal(mica_f32_to_f16(1 + 3 * 0x1p-11f), 0x3c02);
    assert_int_equal(mica_f32_to_f16(1 + 0x1p-11f + 0x1p-20f), 0x3c01);
    assert_int_equal(mica_f32_to_f16(65519.0f), 0x7bff);
    assert_int_equal(mica_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(mica_f32_to_f16(0x1p-25f), 0);
    assert_int_equal(mica_f32_to_f16(0x1.8p-25f), 1);
    assert_int_equal(mica_f32_to_bf16(1 + 0x1p-8f), 0x3f80);
    assert_int_equal(mica_f32_to_bf16(1 + 3 * 0x1p-8f), 0x3f82);
}

static mica_status cast(const void *data, mica_dtype from, size_t count, mica_dtype to,
                        mica_tensor **out, mica_error *err)
{
    mica_tensor *t = NULL;
    int64_t dims[] = {(int64_t)count};
    mica_status status = mica_tensor_wrap(from, 1, dims, data, NULL, NULL, &t, err);
    if (!status)
        status = mica_tensor_cast(t, to, out, err);
    mica_tensor_release(&t);
    return status;
}

static void casts(void **state)
{
    mica_error err = {0};
    mica_tensor *t = NULL;
    float f[] = {1.9f, -1.9f, 127.9f, -128.9f};
    assert_int_equal(cast(f, MICA_DTYPE_F32, 4, MICA_DTYPE_I8, &t, &err), MICA_OK);
    const int8_t *i8 = mica_tensor_data(t);
    assert_true(i8[0] == 1 && i8[1] == -1 && i8[2] == 127 && i8[3] == -128);
    mica_tensor_release(&t);
    float bad[] = {128, -129, 256, -1, 9.3e18f, 1.9e19f};
    static const mica_dtype to[] = {MICA_DTYPE_I8, MICA_DTYPE_I8,  MICA_DTYPE_U8,
                                    MICA_DTYPE_U8, MICA_DTYPE_I64, MICA_DTYPE_U64};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(cast(bad + i, MICA_DTYPE_F32, 1, to[i], &t, &err),
                         MICA_STATUS_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, mica_dtype_name(to[i])));
        assert_null(t);
    }
    float nan = NAN, infinity = INFINITY;
    assert_int_equal(cast(&nan, MICA_DTYPE_F32, 1, MICA_DTYPE_I32, &t, &err),
                     MICA_STATUS_NOT_FINITE);
    assert_int_equal(cast(&infinity, MICA_DTYPE_F32, 1, MICA_DTYPE_I64, &t, &err),
                     MICA_STATUS_NOT_FINITE);
    int64_t large[] = {INT64_MAX, INT64_MIN, (INT64_C(1) << 53) + 1};
    assert_int_equal(cast(large, MICA_DTYPE_I64, 3, MICA_DTYPE_I64, &t, &err), MICA_OK);
    assert_memory_equal(mica_tensor_data(t), large, sizeof large);
    mica_tensor_release(&t);
    assert_int_equal(cast(large, MICA_DTYPE_I64, 1, MICA_DTYPE_U64, &t, &err), MICA_OK);
    assert_true(*(const uint64_t *)mica_tensor_data(t) == INT64_MAX);
    mica_tensor_release(&t);
    double d[] = {1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-24 + 0x1p-50, 1e300};
    assert_int_equal(cast(d, MICA_DTYPE_F64, 3, MICA_DTYPE_F16, &t, &err), MICA_OK);
    const uint16_t *h = mica_tensor_data(t);
    assert_true(h[0] == 0x3c01 && h[1] == 0x3c00 && h[2] == 0x7c00); /* rounded once */
    mica_tensor_release(&t);
    assert_int_equal(cast(d, MICA_DTYPE_F64, 3, MICA_DTYPE_F32, &t, &err), MICA_OK);
    const float *s = mica_tensor_data(t);
    assert_true(s[1] == 1 + 0x1p-23f && isinf(s[2]));
    mica_tensor_release(&t);
    uint8_t flags[] = {0, 2};
    assert_int_equal(cast(flags, MICA_DTYPE_BOOL, 2, MICA_DTYPE_F32, &t, &err), MICA_OK);
    assert_true(((const float *)mica_tensor_data(t))[1] == 1);
    mica_tensor_release(&t);
}

static void every_pair_of_dtypes_converts(void **state)
{
    static const float values[] = {0, 1, 1, 0, 1}; /* what every dtype holds */
    for (int from = 0; from < MICA_DTYPES; from++) {
        mica_error err = {0};
        mica_tensor *a = NULL;
        assert_int_equal(cast(values, MICA_DTYPE_F32, 5, (mica_dtype)from, &a, &err), MICA_OK);
        unsigned char shifted[5 * 8 + 1];
        float back[5];
        memcpy(shifted + 1, mica_tensor_data(a), mica_tensor_bytes(a));
        mica_convert_to_f32((mica_dtype)from, shifted + 1, back, 5);
        assert_memory_equal(back, values, sizeof values);
        for (int to = 0; to < MICA_DTYPES; to++) {
            mica_tensor *b = NULL, *c = NULL;
            assert_int_equal(mica_tensor_cast(a, (mica_dtype)to, &b, &err), MICA_OK);
            assert_int_equal(mica_tensor_dtype(b), to);
            assert_int_equal(mica_tensor_cast(b, MICA_DTYPE_F32, &c, &err), MICA_OK);
            assert_memory_equal(mica_tensor_data(c), values, sizeof values);
            mica_tensor_release(&b);
            mica_tensor_release(&c);
        }
        mica_tensor_release(&a);
    }
}

static void wide_integers_are_rounded_once(void **state)
{
    mica_error err = {0};
    mica_tensor *t = NULL;
    const int64_t tie = (INT64_C(1) << 60) + (INT64_C(1) << 52); /* between two bfloat16 */
    const int64_t whole[] = {tie, tie + 1, -tie, -tie - 1, tie + (INT64_C(1) << 53) - 1};
    assert_int_equal(cast(whole, MICA_DTYPE_I64, 5, MICA_DTYPE_BF16, &t, &err), MICA_OK);
    const uint16_t expected[] = {0x5d80, 0x5d81, 0xdd80, 0xdd81, 0x5d81};
    assert_memory_equal(mica_tensor_data(t), expected, sizeof expected);
    mica_tensor_release(&t);
    const uint64_t natural[] = {UINT64_MAX, (UINT64_C(1) << 63) + (UINT64_C(1) << 55) + 1, 2049,
                                65520};
    assert_int_equal(cast(natural, MICA_DTYPE_U64, 4, MICA_DTYPE_BF16, &t, &err), MICA_OK);
    const uint16_t large[] = {0x5f80, 0x5f01, 0x4500, 0x4780};
    assert_memory_equal(mica_tensor_data(t), large, sizeof large);
    mica_tensor_release(&t);
    assert_int_equal(cast(natural, MICA_DTYPE_U64, 4, MICA_DTYPE_F16, &t, &err), MICA_OK);
    const uint16_t small[] = {0x7c00, 0x7c00, 0x6800, 0x7c00};
    assert_memory_equal(mica_tensor_data(t), small, sizeof small);
    mica_tensor_release(&t);
}

/* Counter 0 under key 0 gives 6627e8d5 e169c58d bc57ac4c 9b00dbd8 (known answer of Random123). */
static void deviates_come_from_philox(void **state)
{
    mica_error err = {0};
    mica_tensor *t = NULL;
    int64_t dims[] = {2};
    float data[2] = {0};
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 1, dims, &t, &err), MICA_OK);
    assert_int_equal(mica_tensor_fill_normal(t, 0, 1, 0, 0, &err), MICA_OK);
    const float *x = mica_tensor_data(t);
    assert_true(fabs((double)x[0] - (-0.121517976)) < 1e-6);
    assert_true(fabs((double)x[1] - (-1.350032660)) < 1e-6);
    mica_tensor_release(&t);
    assert_int_equal(mica_tensor_wrap(MICA_DTYPE_F32, 1, dims, data, NULL, NULL, &t, &err),
                     MICA_OK);
    assert_int_equal(mica_tensor_fill_normal(t, 0, 1, 0, 0, &err), MICA_STATUS_INVALID_ARGUMENT);
    mica_tensor_release(&t);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F64, 1, dims, &t, &err), MICA_OK);
    assert_int_equal(mica_tensor_fill_normal(t, 0, 1, 0, 0, &err), MICA_STATUS_INVALID_ARGUMENT);
    mica_tensor_release(&t);
}

static void normal_deviates(void **state)
{
    mica_error err = {0};
    mica_tensor *a = NULL, *b = NULL, *c = NULL;
    int64_t dims[] = {100001}, fewer[] = {7};
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 1, dims, &a, &err), MICA_OK);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 1, fewer, &b, &err), MICA_OK);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 1, fewer, &c, &err), MICA_OK);
    assert_int_equal(mica_tensor_fill_normal(a, 3, 2, 42, 5, &err), MICA_OK);
    assert_int_equal(mica_tensor_fill_normal(b, 3, 2, 42, 5, &err), MICA_OK);
    assert_int_equal(mica_tensor_fill_normal(c, 3, 2, 42, 6, &err), MICA_OK);
    const float *x = mica_tensor_data(a);
    double sum = 0, squares = 0, beyond = 0;
    for (int64_t i = 0; i < dims[0]; i++) {
        sum += (double)x[i];
        squares += ((double)x[i] - 3) * ((double)x[i] - 3);
        beyond += fabs((double)x[i] - 3) > 4; /* two standard deviations: 4.55 % */
    }
    assert_true(fabs(sum / 100001 - 3) < 0.03);
    assert_true(fabs(sqrt(squares / 100001) - 2) < 0.03);
    assert_true(fabs(beyond / 100001 - 0.0455) < 0.003);
    assert_memory_equal(x, mica_tensor_data(b), 7 * sizeof *x); /* depends on position only */
    assert_memory_not_equal(x, mica_tensor_data(c), 7 * sizeof *x);
    mica_tensor_release(&a);
    mica_tensor_release(&b);
    mica_tensor_release(&c);
}

/* Fills a vector of 4; returns the status. */
static mica_status fill(mica_dtype dtype, double low, double high, mica_tensor **out,
                        mica_error *err)
{
    int64_t dims[] = {4};
    mica_tensor_release(out);
    assert_int_equal(mica_tensor_create(dtype, 1, dims, out, err), MICA_OK);
    return mica_tensor_fill_uniform(*out, low, high, UINT64_C(0x123456789abcdef0),
                                    UINT64_C(0xfedcba9876543210), err);
}

static void uniform_numbers(void **state)
{
    mica_error err = {0};
    mica_tensor *t = NULL;
    static const struct {
        mica_dtype dtype;
        double low, high;
    } bad[] = {
        {MICA_DTYPE_F32, 0, 1e39},     {MICA_DTYPE_F16, 0, 65505},
        {MICA_DTYPE_BF16, -3.4e38, 0}, {MICA_DTYPE_F64, -1e308, DBL_MAX},
        {MICA_DTYPE_F64, 0, INFINITY}, {MICA_DTYPE_F32, 0, NAN},
        {MICA_DTYPE_I64, 0, 0x1p64},   {MICA_DTYPE_U64, -1, 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(fill(bad[i].dtype, bad[i].low, bad[i].high, &t, &err),
                         MICA_STATUS_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, mica_dtype_name(bad[i].dtype)));
    }
    /* What other programs make of the header's words: */
    static const float large[] = {0x1.c87dd4p+98f, 0x1.f81ff4p+95f, 0x1.6fc7dcp+96f,
                                  0x1.ca2102p+98f};
    assert_int_equal(fill(MICA_DTYPE_F32, 0, 1e30, &t, &err), MICA_OK);
    assert_memory_equal(mica_tensor_data(t), large, sizeof large);
    static const int64_t whole[] = {INT64_C(1201051269662902272), INT64_C(-7784350062176049152),
                                    INT64_C(-7123715356133298176), INT64_C(1238443607894016000)};
    assert_int_equal(fill(MICA_DTYPE_I64, -0x1p63, 0x1p63, &t, &err), MICA_OK);
    assert_memory_equal(mica_tensor_data(t), whole, sizeof whole);
    static const uint64_t natural[] = {UINT64_C(10424423306517678080),
                                       UINT64_C(1439021974678726656), UINT64_C(2099656680721477632),
                                       UINT64_C(10461815644748791808)};
    assert_int_equal(fill(MICA_DTYPE_U64, 0, 0x1p64, &t, &err), MICA_OK);
    assert_memory_equal(mica_tensor_data(t), natural, sizeof natural);
    static const double normal[] = {2.885214915257351, 2.0059106303046055, -2.8040283846214558,
                                    -0.7071263387915931};
    assert_int_equal(fill(MICA_DTYPE_F32, 0, 1, &t, &err), MICA_OK);
    assert_int_equal(mica_tensor_fill_normal(t, 1, 2, UINT64_C(0x123456789abcdef0),
                                             UINT64_C(0xfedcba9876543210), &err),
                     MICA_OK);
    for (size_t i = 0; i < 4; i++)
        assert_true(fabs((double)((const float *)mica_tensor_data(t))[i] - normal[i]) < 1e-6);
    assert_int_equal(mica_tensor_fill_normal(t, 1e38, 1e38, 0, 0, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_int_equal(mica_tensor_fill_normal(t, 0, INFINITY, 0, 0, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    for (int i = 0; i < 2; i++) { /* sums that are rounded up to the end */
        double end = i ? 0x1p64 : 0x1p63;
        assert_int_equal(fill(i ? MICA_DTYPE_U64 : MICA_DTYPE_I64, end - 0x1p12, end, &t, &err),
                         MICA_OK);
        const uint64_t *x = mica_tensor_data(t);
        for (size_t k = 0; k < 4; k++)
            assert_true(x[k] >= (uint64_t)(end - 0x1p12) && (i || x[k] <= INT64_MAX));
    }
    mica_tensor_release(&t);
}

static void *hold_and_let_go(void *arg)
{
    mica_tensor *t = (mica_tensor *)arg;
    for (int i = 0; i < 1000; i++) {
        mica_tensor *mine = mica_tensor_retain(t);
        mica_tensor_release(&mine);
    }
    mica_tensor_release(&t);
    return NULL;
}

static void references_are_counted_across_threads(void **state)
{
    mica_error err = {0};
    float data[1] = {0};
    int released = 0;
    mica_tensor *t = NULL;
    pthread_t threads[3];
    assert_int_equal(
        mica_tensor_wrap(MICA_DTYPE_F32, 0, NULL, data, count_release, &released, &t, &err),
        MICA_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_let_go, mica_tensor_retain(t)),
                         0);
    mica_tensor_release(&t);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(released, 1);
}

static mica_status make_and_cast(void *arg, mica_error *err)
{
    mica_tensor *t = NULL, *u = NULL;
    int64_t dims[] = {4};
    mica_status status = mica_tensor_create(MICA_DTYPE_F32, 1, dims, &t, err);
    if (!status)
        status = mica_tensor_cast(t, MICA_DTYPE_F64, &u, err);
    mica_tensor_release(&t);
    mica_tensor_release(&u);
    return status;
}

static void failing_allocations(void **state)
{
    assert_int_equal(torture_run(make_and_cast, NULL), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(wrapped_memory_is_released_once),
        cmocka_unit_test(who_has_the_pages_is_told_what_becomes_of_them),
        cmocka_unit_test(half_precision_is_exact),
        cmocka_unit_test(casts),
        cmocka_unit_test(uniform_numbers),
        cmocka_unit_test(every_pair_of_dtypes_converts),
        cmocka_unit_test(wide_integers_are_rounded_once),
        cmocka_unit_test(deviates_come_from_philox),
        cmocka_unit_test(normal_deviates),
        cmocka_unit_test(references_are_counted_across_threads),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
