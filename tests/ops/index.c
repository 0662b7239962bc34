/* SPDX-License-Identifier: MIT
 *
 * Shape rules: embedding, gather, the scatters.
 */
#include "ops/cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const op_case cases[] = {
    {MICA_OP_EMBEDDING, "f32 100,8; i32 t", "float32 [tokens, 8]", OK},
    {MICA_OP_EMBEDDING, "bf16 100,8; i32 2,3", "float32 [2, 3, 8]", OK},
    {MICA_OP_EMBEDDING, "f16 100,8; i32", "float32 [8]", OK},
    {MICA_OP_EMBEDDING,
     "f32 100; i32 t",
     NULL,
     {"table [100]", "ids [tokens]", "2 axes"},
     BAD_SHAPE},
    {MICA_OP_EMBEDDING,
     "f32 9,8; i32 1,1,1,1,1,1,1,1",
     NULL,
     {"table [9, 8]", "ids [1, 1", "at most 7"},
     BAD_SHAPE},
    {MICA_OP_EMBEDDING, "f32 9,8; i64 t", NULL, {"ids [tokens] is int64", "int32"}, BAD_ARGUMENT},
    {MICA_OP_EMBEDDING, "i32 9,8; i32 t", NULL, {"table [9, 8] is int32"}, BAD_ARGUMENT},
    {MICA_OP_GATHER, "u8 4,5,6; i64 2,3", "uint8 [4, 2, 3, 6]", OK, .params.axis = {-2}},
    {MICA_OP_GATHER, "f32 t,8; i32", "float32 [8]", OK, .params.axis = {0}},
    {MICA_OP_GATHER, "f32 4; f32 2", NULL, {"indices [2] is float32"}, BAD_ARGUMENT},
    {MICA_OP_GATHER, "f32; i32 2", NULL, {"axis 0", "x []"}, BAD_ARGUMENT},
    {MICA_OP_GATHER, "f32 4; i32 2", NULL, {"axis 1", "x [4]"}, BAD_ARGUMENT, .params.axis = {1}},
    {MICA_OP_GATHER, "f32 2,2; i32 1,1,1,1,1,1,1,1", NULL, {"[2, 2]", "8 axes"}, BAD_SHAPE},
    {MICA_OP_SCATTER, "f32 4,3; i32 t; f32 t,3", "float32 [4, 3]", OK},
    {MICA_OP_SCATTER,
     "f32 4,3; i32 2; f32 3,2",
     NULL,
     {"updates [3, 2]", "x [4, 3]", "indices [2]", "[2, 3]"},
     BAD_SHAPE},
    {MICA_OP_SCATTER_SUM, "i32 3,4; i64 2; i32 3,2", "int32 [3, 4]", OK, .params.axis = {1}},
    {MICA_OP_SCATTER_SUM, "bool 3; i64 2; bool 2", NULL, {"x [3] is bool"}, BAD_ARGUMENT},
    {MICA_OP_SCATTER_MAX, "f16 3; i64 2; f32 2", NULL, {"float16", "float32"}, BAD_ARGUMENT},
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
