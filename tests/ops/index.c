/* SPDX-License-Identifier: MIT
 *
 * Shape rules: embedding.
 */
#include "ops/cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const op_case cases[] = {
    {MICA_OP_EMBEDDING, "f32 100,8; i32 t", "float32 [tokens, 8]", OK},
    {MICA_OP_EMBEDDING, "bf16 100,8; i32 2,3", "float32 [2, 3, 8]", OK},
    {MICA_OP_EMBEDDING, "f16 100,8; i32", "float32 [8]", OK},
    {MICA_OP_EMBEDDING, "f32 100; i32 t", NULL, {"table [100]", "2 axes"}, BAD_SHAPE},
    {MICA_OP_EMBEDDING, "f32 9,8; i32 1,1,1,1,1,1,1,1", NULL, {"ids", "at most 7"}, BAD_SHAPE},
    {MICA_OP_EMBEDDING, "f32 9,8; i64 t", NULL, {"ids [tokens] is int64", "int32"}, BAD_ARGUMENT},
    {MICA_OP_EMBEDDING, "i32 9,8; i32 t", NULL, {"table [9, 8] is int32"}, BAD_ARGUMENT},
};

static void shapes(void **state)
{
    run_op_cases(cases, sizeof cases / sizeof cases[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
