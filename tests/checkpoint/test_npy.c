/* SPDX-License-Identifier: MIT
 *
 * .npy files: what NumPy wrote (the fuzz target's seeds), what is saved and read again, what is
 * refused, and failing allocations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "checkpoint/npy.h"
#include "torture.h"

#define SEEDS MICA_TEST_DIR "/fuzz/corpus/npy/"

static mica_tensor *load(const char *path, mica_dtype dtype, int rank, const int64_t *dims)
{
    mica_tensor *t = NULL;
    mica_error err = {0};
    if (mica_tensor_load_npy(path, &t, &err) != MICA_OK)
        fail_msg("%s", err.message);
    assert_int_equal(mica_tensor_dtype(t), dtype);
    assert_int_equal(mica_tensor_rank(t), rank);
    for (int i = 0; i < rank; i++)
        assert_int_equal(mica_tensor_dim(t, i), dims[i]);
    return t;
}

static void reads_what_numpy_writes(void **state)
{
    const int64_t two[] = {2, 3}, three[] = {2, 3, 4}, none[] = {3, 0}, pair[] = {2}, few[] = {3};
    mica_tensor *t = load(SEEDS "f4.npy", MICA_DTYPE_F32, 2, two);
    for (int i = 0; i < 6; i++)
        assert_true(((const float *)mica_tensor_data(t))[i] == (float)i);
    mica_tensor_release(&t);
    t = load(SEEDS "big.npy", MICA_DTYPE_I16, 2, two);
    for (int i = 0; i < 6; i++)
        assert_int_equal(((const int16_t *)mica_tensor_data(t))[i], i);
    mica_tensor_release(&t);
    t = load(SEEDS "fortran.npy", MICA_DTYPE_I64, 3, three);
    for (int i = 0; i < 24; i++)
        assert_int_equal(((const int64_t *)mica_tensor_data(t))[i], i);
    mica_tensor_release(&t);
    t = load(SEEDS "scalar.npy", MICA_DTYPE_F64, 0, NULL);
    assert_true(*(const double *)mica_tensor_data(t) == 2.5);
    mica_tensor_release(&t);
    t = load(SEEDS "empty.npy", MICA_DTYPE_U32, 2, none);
    mica_tensor_release(&t);
    t = load(SEEDS "bool.npy", MICA_DTYPE_BOOL, 1, pair);
    assert_memory_equal(mica_tensor_data(t), "\1\0", 2);
    mica_tensor_release(&t);
    t = load(SEEDS "v2.npy", MICA_DTYPE_U16, 1, few);
    assert_int_equal(((const uint16_t *)mica_tensor_data(t))[2], 2);
    mica_tensor_release(&t);
}

static void saves_and_reads_again(void **state)
{
    static const int64_t dims[] = {2, 3, 1, 2, 1, 1, 2, 1};
    mkdir(MICA_TEST_TMP, 0777);
    for (int dtype = 0; dtype < MICA_DTYPES; dtype++)
        for (int rank = 0; rank <= MICA_MAX_RANK; rank++) {
            mica_tensor *a = NULL;
            mica_error err = {0};
            assert_int_equal(mica_tensor_create((mica_dtype)dtype, rank, dims, &a, &err), MICA_OK);
            if (dtype != MICA_DTYPE_BOOL)
                assert_int_equal(mica_tensor_fill_uniform(a, 0, 100, 7, 1, &err), MICA_OK);
            mica_status status = mica_tensor_save_npy(MICA_TEST_TMP "/a.npy", a, &err);
            if (dtype == MICA_DTYPE_BF16) {
                assert_int_equal(status, MICA_STATUS_UNSUPPORTED);
                assert_non_null(strstr(err.message, "bfloat16"));
            } else {
                assert_int_equal(status, MICA_OK);
                mica_tensor *b = load(MICA_TEST_TMP "/a.npy", (mica_dtype)dtype, rank, dims);
                assert_memory_equal(mica_tensor_data(a), mica_tensor_data(b), mica_tensor_bytes(a));
                mica_tensor_release(&b);
            }
            mica_tensor_release(&a);
        }
}

typedef struct bad_file {
    const char *header, *says;
    size_t data;
} bad_file;

static void refuses(void **state)
{
    static const bad_file bad[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "bytes of data", 11},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "bytes of data", 13},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "descr", 8},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "descr", 8},
        {"{'descr': '<f4', 'shape': (3,), }", "fortran_order", 12},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", "-3", 12},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", "8 axes", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,4294967296), }",
         "more than", 4},
        {"{'descr': '<f4', 'fortran_order': False, "
         "'shape': (9223372036854775807,9223372036854775807,0), }",
         "too many elements", 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "shape",
         4},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (), }", "descr", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (), } x", "x", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()", "shape", 4},
        {"[]", "dictionary", 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        unsigned char file[256] = "\x93NUMPY\1\0";
        mica_tensor *t = NULL;
        mica_error err = {0};
        size_t n = strlen(bad[i].header);
        file[8] = (unsigned char)n;
        memcpy(file + 10, bad[i].header, n);
        assert_int_equal(mica_npy_parse(file, 10 + n + bad[i].data, "x.npy", &t, &err),
                         MICA_STATUS_FORMAT);
        assert_null(t);
        if (strstr(err.message, bad[i].says) == NULL || strstr(err.message, "x.npy") == NULL)
            fail_msg("'%s' does not say '%s'", err.message, bad[i].says);
        for (size_t size = 0; size < 10 + n; size++) /* cut short anywhere */
            assert_int_not_equal(mica_npy_parse(file, size, "x.npy", &t, &err), MICA_OK);
    }
    mica_tensor *t = NULL;
    mica_error err = {0};
    assert_int_equal(
        mica_npy_parse((const unsigned char *)"\x93NUMPY\4\0\0\0\0\0", 12, "x", &t, &err),
        MICA_STATUS_UNSUPPORTED);
    assert_int_equal(mica_tensor_load_npy(MICA_TEST_TMP "/none.npy", &t, &err),
                     MICA_STATUS_NOT_FOUND);
}

static mica_status save_and_load(void *arg, mica_error *err)
{
    mica_tensor *a = NULL, *b = NULL;
    const int64_t dims[] = {4, 5};
    mica_status status = mica_tensor_create(MICA_DTYPE_F32, 2, dims, &a, err);
    if (!status)
        status = mica_tensor_save_npy(MICA_TEST_TMP "/t.npy", a, err);
    if (!status)
        status = mica_tensor_load_npy(MICA_TEST_TMP "/t.npy", &b, err);
    mica_tensor_release(&a);
    mica_tensor_release(&b);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    mkdir(MICA_TEST_TMP, 0777);
    assert_true(torture_run(save_and_load, NULL) > 3);
}

static void uniform_numbers(void **state)
{
    mica_tensor *t = NULL;
    mica_error err = {0};
    const int64_t dims[] = {20000};
    double sum = 0;
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 1, dims, &t, &err), MICA_OK);
    assert_int_equal(mica_tensor_fill_uniform(t, -1, 3, 5, 0, &err), MICA_OK);
    const float *x = mica_tensor_data(t);
    for (int i = 0; i < 20000; i++) {
        assert_true(x[i] >= -1 && x[i] <= 3);
        sum += (double)x[i];
    }
    assert_true(sum / 20000 > 0.97 && sum / 20000 < 1.03);
    assert_int_equal(mica_tensor_fill_uniform(t, 3, 3, 5, 0, &err), MICA_STATUS_INVALID_ARGUMENT);
    mica_tensor_release(&t);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_U8, 1, dims, &t, &err), MICA_OK);
    assert_int_equal(mica_tensor_fill_uniform(t, 0, 257, 5, 0, &err), MICA_STATUS_INVALID_ARGUMENT);
    assert_int_equal(mica_tensor_fill_uniform(t, 0.5, 9, 5, 0, &err), MICA_STATUS_INVALID_ARGUMENT);
    assert_int_equal(mica_tensor_fill_uniform(t, 254, 256, 5, 0, &err), MICA_OK);
    bool seen[256] = {false};
    for (int i = 0; i < 20000; i++)
        seen[((const uint8_t *)mica_tensor_data(t))[i]] = true;
    assert_true(seen[254] && seen[255] && !seen[0] && !seen[253]);
    mica_tensor_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_numpy_writes),
        cmocka_unit_test(saves_and_reads_again),
        cmocka_unit_test(refuses),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(uniform_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
