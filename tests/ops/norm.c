/* SPDX-License-Identifier: MIT
 *
 * Shape rules: layer_norm, add_layer_norm, linear_add_layer_norm, l2_normalize.
 */
#include "ops/cases.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const op_case cases[] = {
    {MICA_OP_LAYER_NORM, "f32 t,8; f32 8; f32 8", "float32 [tokens, 8]", OK,
     .params.eps = {1e-12f}},
    {MICA_OP_LAYER_NORM, "f32 8; f32 8; f32 8", "float32 [8]", OK},
    {MICA_OP_LAYER_NORM, "f32 t,8; f32 7; f32 8", NULL, {"weight [7]", "x [tokens, 8]"}, BAD_SHAPE},
    {MICA_OP_LAYER_NORM, "f32 t,8; f32 8; f32 1,8", NULL, {"bias [1, 8]"}, BAD_SHAPE},
    {MICA_OP_LAYER_NORM, "f32; f32 8; f32 8", NULL, {"x []", "1 axis"}, BAD_SHAPE},
    {MICA_OP_LAYER_NORM, "f16 t,8; -; f16 8", "float16 [tokens, 8]", OK},
    {MICA_OP_LAYER_NORM, "f32 t,8; f16 8; f32 8", NULL, {"weight [8] is float16"}, BAD_ARGUMENT},
    {MICA_OP_LAYER_NORM,
     "f32 t,8; f32 8; f32 8",
     NULL,
     {"eps is -1"},
     BAD_ARGUMENT,
     .params.eps = {-1.0f}},
    {MICA_OP_LAYER_NORM,
     "f32 t,8; f32 8; f32 8",
     NULL,
     {"eps is"},
     BAD_ARGUMENT,
     .params.eps = {NAN}},
    {MICA_OP_ADD_LAYER_NORM, "f32 t,8; f32 t,8; f32 8; f32 8", "float32 [tokens, 8]", OK},
    {MICA_OP_ADD_LAYER_NORM,
     "f32 t,8; f32 8; f32 8; f32 8",
     NULL,
     {"x [tokens, 8]", "residual [8]"},
     BAD_SHAPE},
    {MICA_OP_ADD_LAYER_NORM, "f32 t,8; f32 t,8; f32 8; f32 9", NULL, {"bias [9]"}, BAD_SHAPE},
    {MICA_OP_LINEAR_ADD_LAYER_NORM, "f32 t,4; f32 8,4; f32 8; f32 t,8; f32 8; f32 8",
     "float32 [tokens, 8]", OK},
    {MICA_OP_LINEAR_ADD_LAYER_NORM, "f32 t,4; f16 8,4; -; f32 t,8; f32 8; f32 8",
     "float32 [tokens, 8]", OK},
    {MICA_OP_LINEAR_ADD_LAYER_NORM, "f32 t,4; f32 8,4; f32 8", NULL, {"3 inputs"}, BAD_ARGUMENT},
    {MICA_OP_LINEAR_ADD_LAYER_NORM,
     "f32 t,4; f32 8,5; -; f32 t,8; f32 8; f32 8",
     NULL,
     {"linear_add_layer_norm: weight [8, 5]", "x [tokens, 4]"},
     BAD_SHAPE},
    {MICA_OP_LINEAR_ADD_LAYER_NORM,
     "f32 t,4; f32 8,4; -; f32 t,4; f32 8; f32 8",
     NULL,
     {"linear_add_layer_norm: x [tokens, 8]", "residual [tokens, 4]"},
     BAD_SHAPE},
    {MICA_OP_LINEAR_ADD_LAYER_NORM,
     "f32 t,4; f32 8,4; -; f32 t,8; f32 8; f32 7",
     NULL,
     {"bias [7]"},
     BAD_SHAPE},
    {MICA_OP_LINEAR_ADD_LAYER_NORM,
     "f16 t,4; f16 8,4; -; f16 t,8; f16 8; f16 8",
     NULL,
     {"float16"},
     BAD_ARGUMENT},
    {MICA_OP_L2_NORMALIZE, "f32 s,8", "float32 [sequences, 8]", OK, .params.eps = {1e-12f}},
    {MICA_OP_L2_NORMALIZE, "f32", NULL, {"x []"}, BAD_SHAPE},
    {MICA_OP_L2_NORMALIZE, "f32 8", NULL, {"eps"}, BAD_ARGUMENT, .params.eps = {INFINITY}},
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
