/* SPDX-License-Identifier: MIT
 *
 * Shape rules: reshape, transpose, slice, copy, concat.
 */
#include "ops/cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const op_case cases[] = {
    {MICA_OP_RESHAPE, "f32 t,384", "float32 [tokens, 12, 32]", OK,
     .params.shape = {3, {MICA_DIM_TOKENS, 12, 32}}},
    {MICA_OP_RESHAPE, "f32 t,384", "float32 [384 tokens]", OK,
     .params.shape = {1, {MICA_DIM_INFER}}},
    {MICA_OP_RESHAPE, "f32 t,384", "float32 [tokens, 384]", OK,
     .params.shape = {2, {MICA_DIM_INFER, 384}}},
    {MICA_OP_RESHAPE, "f32 t,s,6", "float32 [3, sequences, 2, tokens]", OK,
     .params.shape = {4, {3, MICA_DIM_SEQUENCES, MICA_DIM_INFER, MICA_DIM_TOKENS}}},
    {MICA_OP_RESHAPE, "i32 6", "int32 [2, 3]", OK, .params.shape = {2, {2, MICA_DIM_INFER}}},
    {MICA_OP_RESHAPE, "f32 1", "float32 []", OK, .params.shape = {0, {0}}},
    {MICA_OP_RESHAPE, "f32", "float32 [1, 1]", OK, .params.shape = {2, {1, 1}}},
    {MICA_OP_RESHAPE, "f32 0,3", "float32 [7, 0]", OK, .params.shape = {2, {7, 0}}},
    {MICA_OP_RESHAPE, "f32 0,3", "float32 [0, 5]", OK, .params.shape = {2, {MICA_DIM_INFER, 5}}},
    {MICA_OP_RESHAPE,
     "f32 0,3",
     NULL,
     {"[0, 3]", "inferred"},
     BAD_SHAPE,
     .params.shape = {2, {MICA_DIM_INFER, 0}}},
    {MICA_OP_RESHAPE,
     "f32 t,384",
     NULL,
     {"x [tokens, 384]", "[tokens, 383]"},
     BAD_SHAPE,
     .params.shape = {2, {MICA_DIM_TOKENS, 383}}},
    {MICA_OP_RESHAPE,
     "f32 t,4",
     NULL,
     {"[sequences, 4]"},
     BAD_SHAPE,
     .params.shape = {2, {MICA_DIM_SEQUENCES, 4}}},
    {MICA_OP_RESHAPE,
     "f32 6",
     NULL,
     {"dimension 0", "inferred"},
     BAD_SHAPE,
     .params.shape = {2, {MICA_DIM_INFER, 4}}},
    {MICA_OP_RESHAPE,
     "f32 t,s",
     NULL,
     {"inferred"},
     BAD_SHAPE,
     .params.shape = {1, {MICA_DIM_INFER}}},
    {MICA_OP_RESHAPE,
     "f32 6",
     NULL,
     {"only one"},
     BAD_ARGUMENT,
     .params.shape = {2, {MICA_DIM_INFER, MICA_DIM_INFER}}},
    {MICA_OP_RESHAPE, "f32 6", NULL, {"-9"}, BAD_ARGUMENT, .params.shape = {2, {1, -9}}},
    {MICA_OP_RESHAPE, "f32 6", NULL, {"rank 9"}, BAD_ARGUMENT, .params.shape = {9, {1}}},
    {MICA_OP_TRANSPOSE, "f32 t,12,32", "float32 [12, tokens, 32]", OK,
     .params.permutation = {{1, 0, 2}}},
    {MICA_OP_TRANSPOSE, "i64 2,3", "int64 [3, 2]", OK, .params.permutation = {{-1, -2}}},
    {MICA_OP_TRANSPOSE, "f32", "float32 []", OK},
    {MICA_OP_TRANSPOSE,
     "f32 2,3",
     NULL,
     {"axis 0", "twice", "[2, 3]"},
     BAD_ARGUMENT,
     .params.permutation = {{0, -2}}},
    {MICA_OP_TRANSPOSE, "f32 2,3", NULL, {"axis 2"}, BAD_ARGUMENT, .params.permutation = {{0, 2}}},
    {MICA_OP_SLICE, "f32 t,1152", "float32 [tokens, 384]", OK, .params.slice = {-1, 384, 768}},
    {MICA_OP_SLICE, "i32 5", "int32 [0]", OK, .params.slice = {0, 5, 5}},
    {MICA_OP_SLICE, "f32 5", NULL, {"[2, 6)", "[5]"}, BAD_ARGUMENT, .params.slice = {0, 2, 6}},
    {MICA_OP_SLICE, "f32 5", NULL, {"[3, 2)"}, BAD_ARGUMENT, .params.slice = {0, 3, 2}},
    {MICA_OP_SLICE, "f32 5", NULL, {"[-1, 2)"}, BAD_ARGUMENT, .params.slice = {0, -1, 2}},
    {MICA_OP_SLICE,
     "f32 t,5",
     NULL,
     {"axis 0", "[tokens, 5]"},
     BAD_SHAPE,
     .params.slice = {0, 0, 1}},
    {MICA_OP_SLICE, "f32", NULL, {"axis 0"}, BAD_ARGUMENT, .params.slice = {0, 0, 0}},
    {MICA_OP_COPY, "bool t", "bool [tokens]", OK},
    {MICA_OP_CONCAT, "f32 t,2; f32 t,3; f32 t,0", "float32 [tokens, 5]", OK, .params.axis = {-1}},
    {MICA_OP_CONCAT, "f32 t,2; f32 s,2; f32 1,2; f32 t,2", "float32 [2 tokens + sequences + 1, 2]",
     OK, .params.axis = {0}},
    {MICA_OP_CONCAT, "i32 2", "int32 [2]", OK, .params.axis = {0}},
    {MICA_OP_CONCAT,
     "f32 2,3; f32 2,4",
     NULL,
     {"[2, 4]", "[2, 3]", "axis 0"},
     BAD_SHAPE,
     .params.axis = {0}},
    {MICA_OP_CONCAT, "f32 2; i32 2", NULL, {"int32", "float32"}, BAD_SHAPE, .params.axis = {0}},
    {MICA_OP_CONCAT, "f32 2; f32 2,1", NULL, {"[2, 1]"}, BAD_SHAPE, .params.axis = {0}},
    {MICA_OP_CONCAT, "f32; f32", NULL, {"axis 0"}, BAD_ARGUMENT, .params.axis = {0}},
    {MICA_OP_CONCAT, "f32 2; -", NULL, {"missing"}, BAD_ARGUMENT, .params.axis = {0}},
    {MICA_OP_CONCAT, "f32 1; f32 1; f32 1; f32 1; f32 1; f32 1; f32 1; f32 1; f32 1; f32 t",
     "float32 [tokens + 9]", OK, .params.axis = {0}},
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
