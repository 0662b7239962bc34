/* SPDX-License-Identifier: MIT
 *
 * Shape rules: matmul, linear, fused_linear.
 */
#include "ops/cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const op_case cases[] = {
    {MICA_OP_MATMUL, "f32 2,3; f32 3,4", "float32 [2, 4]", OK},
    {MICA_OP_MATMUL, "f32 12,t,32; f32 12,32,t", "float32 [12, tokens, tokens]", OK},
    {MICA_OP_MATMUL, "f32 5,1,2,3; f32 7,3,4", "float32 [5, 7, 2, 4]", OK},
    {MICA_OP_MATMUL, "f32 2,0; f32 0,4", "float32 [2, 4]", OK},
    {MICA_OP_MATMUL, "f32 2,3; f32 4,5", NULL, {"[2, 3]", "[4, 5]", "last dimension"}, BAD_SHAPE},
    {MICA_OP_MATMUL, "f32 3; f32 3,4", "float32 [4]", OK},
    {MICA_OP_MATMUL, "f32 5,t,3; f32 3", "float32 [5, tokens]", OK},
    {MICA_OP_MATMUL, "f32 3; f32 3", "float32 []", OK},
    {MICA_OP_MATMUL, "f32; f32 3,4", NULL, {"a []", "b [3, 4]", "1 axis"}, BAD_SHAPE},
    {MICA_OP_MATMUL, "bf16 2,3; bf16 3,4", "bfloat16 [2, 4]", OK},
    {MICA_OP_MATMUL, "bf16 2,3; f32 3,4", NULL, {"bfloat16", "float32"}, BAD_ARGUMENT},
    {MICA_OP_MATMUL, "f32 2,2,3; f32 3,3,4", NULL, {"leading"}, BAD_SHAPE},
    {MICA_OP_LINEAR, "f32 t,384; f32 300,384; f32 300", "float32 [tokens, 300]", OK},
    {MICA_OP_LINEAR, "f32 s,t,4; bf16 2,4; -", "float32 [sequences, tokens, 2]", OK},
    {MICA_OP_LINEAR, "f32 4; f16 2,4; f16 2", "float32 [2]", OK},
    {MICA_OP_LINEAR,
     "f32 t,384; f32 384,300; -",
     NULL,
     {"weight [384, 300] does not take x [tokens, 384]", "last dimension"},
     BAD_SHAPE},
    {MICA_OP_LINEAR,
     "f32 t,4; w:f32 2,4; b:f32 3",
     NULL,
     {"bias 'b' [3]", "weight 'w' [2, 4]"},
     BAD_SHAPE},
    {MICA_OP_LINEAR, "f32 t,4; f32 2,4,1; -", NULL, {"2 axes"}, BAD_SHAPE},
    {MICA_OP_LINEAR, "f32 t,4; f32 t,4; -", NULL, {"fixed size"}, BAD_SHAPE},
    {MICA_OP_LINEAR, "f32; f32 2,4; -", NULL, {"x []"}, BAD_SHAPE},
    {MICA_OP_LINEAR,
     "f32 t,4; i32 2,4; -",
     NULL,
     {"weight [2, 4] is int32", "float32, float16 or bfloat16"},
     BAD_ARGUMENT},
    {MICA_OP_LINEAR, "-; f32 2,4; -", NULL, {"x is missing"}, BAD_ARGUMENT},
    {MICA_OP_LINEAR, "f32 2,4; -; -", NULL, {"weight is missing"}, BAD_ARGUMENT},
    {MICA_OP_LINEAR, "f32 2,4; f32 2,4", NULL, {"2 inputs"}, BAD_ARGUMENT},
    {MICA_OP_FUSED_LINEAR, "f32 t,4; f32 2,4; f32 2; f32 3,4; -; f32 1,4; f32 1",
     "float32 [tokens, 6]", OK, .params.fused_linear = {MICA_OP_GELU}},
    {MICA_OP_FUSED_LINEAR, "f32 t,4; f32 2,4", NULL, {"2 inputs"}, BAD_ARGUMENT},
    {MICA_OP_FUSED_LINEAR, "-; f32 2,4; -", NULL, {"x"}, BAD_ARGUMENT},
    {MICA_OP_FUSED_LINEAR, "f32 t,4; -; -", NULL, {"weight is missing"}, BAD_ARGUMENT},
    {MICA_OP_FUSED_LINEAR,
     "f32 t,4; f32 2,4; -; f32 3,5; -",
     NULL,
     {"weight [3, 5] does not take x [tokens, 4]"},
     BAD_SHAPE},
    {MICA_OP_FUSED_LINEAR,
     "f32 t,4; f32 2,4; -",
     NULL,
     {"add"},
     BAD_ARGUMENT,
     .params.fused_linear = {MICA_OP_ADD}},
    {MICA_OP_FUSED_LINEAR,
     "f32 t,4; f32 2,4; -",
     NULL,
     {"leaky_relu"},
     BAD_ARGUMENT,
     .params.fused_linear = {MICA_OP_LEAKY_RELU}},
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
