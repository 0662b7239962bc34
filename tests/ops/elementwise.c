/* SPDX-License-Identifier: MIT
 *
 * Shape rules: pointwise, broadcast, cast.
 */
#include "ops/cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const op_case cases[] = {
    {MICA_OP_GELU, "f32 t,384", "float32 [tokens, 384]", OK},
    {MICA_OP_NEG, "f32", "float32 []", OK},
    {MICA_OP_EXP, "f32 0,3", "float32 [0, 3]", OK},
    {MICA_OP_LEAKY_RELU, "f32 2", "float32 [2]", OK, .params.leaky_relu = {0.1f}},
    {MICA_OP_TANH, "i32 t", NULL, {"int32", "float32", "[tokens]"}, BAD_ARGUMENT},
    {MICA_OP_RELU, "f16 2", "float16 [2]", OK},
    {MICA_OP_RELU, "i32 2", "int32 [2]", OK},
    {MICA_OP_SIGN, "bool 2", NULL, {"x [2] is bool"}, BAD_ARGUMENT},
    {MICA_OP_LOGICAL_NOT, "bool 2", "bool [2]", OK},
    {MICA_OP_LOGICAL_NOT, "f32 2", NULL, {"float32", "bool"}, BAD_ARGUMENT},
    {MICA_OP_RELU, "-", NULL, {"x is missing"}, BAD_ARGUMENT},
    {MICA_OP_ADD, "f32 t,384; f32 384", "float32 [tokens, 384]", OK},
    {MICA_OP_ADD, "f32 384; f32 t,384", "float32 [tokens, 384]", OK},
    {MICA_OP_SUB, "f32 t,384; f32 t,1", "float32 [tokens, 384]", OK},
    {MICA_OP_MUL, "f32 t,1,4; f32 s,1", "float32 [tokens, sequences, 4]", OK},
    {MICA_OP_DIV, "f32 3,4; f32", "float32 [3, 4]", OK},
    {MICA_OP_MAXIMUM, "f32 0; f32 1", "float32 [0]", OK},
    {MICA_OP_MINIMUM, "f32 1; f32 t", "float32 [tokens]", OK},
    {MICA_OP_ADD, "f32 3,4; f32 3", NULL, {"[3, 4]", "[3]", "broadcast"}, BAD_SHAPE},
    {MICA_OP_ADD, "f32 t; f32 s", NULL, {"[tokens]", "[sequences]"}, BAD_SHAPE},
    {MICA_OP_ADD, "f32 t; f32 5", NULL, {"[tokens]", "[5]"}, BAD_SHAPE},
    {MICA_OP_ADD, "f32 0; f32 2", NULL, {"[0]", "[2]"}, BAD_SHAPE},
    {MICA_OP_ADD, "left:f32 2; right:f32 3", NULL, {"a 'left' [2]", "b 'right' [3]"}, BAD_SHAPE},
    {MICA_OP_ADD, "f32 3; i32 3", NULL, {"a [3] is float32", "b [3] is int32"}, BAD_ARGUMENT},
    {MICA_OP_ADD, "i64 3; i64 2,1", "int64 [2, 3]", OK},
    {MICA_OP_DIV, "i64 3; i64 3", NULL, {"int64", "float"}, BAD_ARGUMENT},
    {MICA_OP_MAXIMUM, "bool 3; bool", "bool [3]", OK},
    {MICA_OP_PRELU, "f32 t,4; f32 1", "float32 [tokens, 4]", OK},
    {MICA_OP_LESS, "bf16 t,4; bf16 4", "bool [tokens, 4]", OK},
    {MICA_OP_EQUAL, "u8 3; u8 4", NULL, {"a [3]", "b [4]", "broadcast"}, BAD_SHAPE},
    {MICA_OP_LOGICAL_AND, "f32 3; f32 3", NULL, {"float32", "bool"}, BAD_ARGUMENT},
    {MICA_OP_WHERE, "bool 3,1; i32 4; i32", "int32 [3, 4]", OK},
    {MICA_OP_WHERE, "f32 3; i32 3; i32 3", NULL, {"condition [3] is float32"}, BAD_ARGUMENT},
    {MICA_OP_WHERE, "bool 3; i32 3; f32 3", NULL, {"int32", "float32"}, BAD_ARGUMENT},
    {MICA_OP_WHERE, "bool 3; i32 3; i32 2", NULL, {"[3]", "[2]", "broadcast"}, BAD_SHAPE},
    {MICA_OP_ADD, "f32 3; -", NULL, {"b is missing"}, BAD_ARGUMENT},
    {MICA_OP_MUL, "f32 3037000500,1; f32 1,3037000500", NULL, {"too many elements"}, BAD_SHAPE},
    {MICA_OP_CAST, "i64 t,2", "float32 [tokens, 2]", OK, .params.cast = {MICA_DTYPE_F32}},
    {MICA_OP_CAST, "f32", "bool []", OK, .params.cast = {MICA_DTYPE_BOOL}},
    {MICA_OP_CAST, "f32 2", NULL, {"99", "dtype"}, BAD_ARGUMENT, .params.cast = {(mica_dtype)99}},
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
