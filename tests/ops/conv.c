/* SPDX-License-Identifier: MIT
 *
 * Shape rules: conv1d, conv2d.
 */
#include "ops/cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const op_case cases[] = {
    {MICA_OP_CONV1D, "f32 s,10,3; f32 8,3,3; f32 8", "float32 [sequences, 8, 8]", OK},
    {MICA_OP_CONV1D, "f16 2,10,4; f16 6,3,2; -", "float16 [2, 4, 6]", OK,
     .params.conv1d = {.stride = 3, .padding = 1, .dilation = 1, .groups = 2}},
    {MICA_OP_CONV1D, "f32 2,5,1; f32 1,3,1; -", "float32 [2, 1, 1]", OK,
     .params.conv1d = {.dilation = 2}},
    {MICA_OP_CONV1D,
     "f32 2,4,1; f32 1,3,1; -",
     NULL,
     {"weight [1, 3, 1]", "axis 1", "x [2, 4, 1]"},
     BAD_SHAPE,
     .params.conv1d = {.dilation = 2}},
    {MICA_OP_CONV1D,
     "f32 2,4,3; f32 1,3,2; -",
     NULL,
     {"weight [1, 3, 2]", "x [2, 4, 3]"},
     BAD_SHAPE},
    {MICA_OP_CONV1D,
     "f32 2,4,3; f32 2,3,3; -",
     NULL,
     {"2 groups"},
     BAD_SHAPE,
     .params.conv1d = {.groups = 2}},
    {MICA_OP_CONV1D,
     "f32 2,4,3; f32 2,3,3; f32 3",
     NULL,
     {"bias [3]", "weight [2, 3, 3]"},
     BAD_SHAPE},
    {MICA_OP_CONV1D, "f32 2,4; f32 2,3,3; -", NULL, {"x [2, 4]", "[N, L, C]"}, BAD_SHAPE},
    {MICA_OP_CONV1D, "f32 2,t,3; f32 2,3,3; -", NULL, {"fixed"}, BAD_SHAPE},
    {MICA_OP_CONV1D, "f32 2,4,3; f16 2,3,3; -", NULL, {"float32", "float16"}, BAD_ARGUMENT},
    {MICA_OP_CONV1D,
     "f32 2,4,3; f32 2,3,3; -",
     NULL,
     {"stride is -1"},
     BAD_ARGUMENT,
     .params.conv1d = {.stride = -1}},
    {MICA_OP_CONV1D,
     "f32 2,4,3; f32 2,3,3; -",
     NULL,
     {"padding is -2"},
     BAD_ARGUMENT,
     .params.conv1d = {.padding = -2}},
    {MICA_OP_CONV2D, "f32 1,7,9,3; f32 8,3,2,3; -", "float32 [1, 3, 8, 8]", OK,
     .params.conv2d = {.stride = {2, 1}}},
    {MICA_OP_CONV2D, "f32 1,2,9,3; f32 8,3,2,3; -", NULL, {"axis 1"}, BAD_SHAPE},
    {MICA_OP_CONV2D, "f32 1,2,9,3; f32 8,3,2,3; -", "float32 [1, 2, 10, 8]", OK,
     .params.conv2d = {.padding = {1, 1}}},
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
