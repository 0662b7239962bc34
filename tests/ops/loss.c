/* SPDX-License-Identifier: MIT
 *
 * Shape rules: binary_cross_entropy.
 */
#include "ops/cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const op_case cases[] = {
    {MICA_OP_BINARY_CROSS_ENTROPY, "f32 t,4; f32 t,4", "float32 []", OK},
    {MICA_OP_BINARY_CROSS_ENTROPY, "bf16 3; bf16 3", "bfloat16 [3]", OK,
     .params.bce = {.reduction = MICA_REDUCTION_NONE}},
    {MICA_OP_BINARY_CROSS_ENTROPY, "f32 0; f32 0", "float32 []", OK,
     .params.bce = {.reduction = MICA_REDUCTION_SUM}},
    {MICA_OP_BINARY_CROSS_ENTROPY, "f32 0; f32 0", "float32 []", OK},
    {MICA_OP_BINARY_CROSS_ENTROPY,
     "f32 3; f32 3,1",
     NULL,
     {"input [3]", "target [3, 1]"},
     BAD_SHAPE},
    {MICA_OP_BINARY_CROSS_ENTROPY, "f32 3; i32 3", NULL, {"target [3] is int32"}, BAD_ARGUMENT},
    {MICA_OP_BINARY_CROSS_ENTROPY,
     "f32 3; f32 3",
     NULL,
     {"7", "reduction"},
     BAD_ARGUMENT,
     .params.bce = {.reduction = (mica_reduction)7}},
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
