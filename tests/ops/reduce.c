/* SPDX-License-Identifier: MIT
 *
 * Shape rules: sum, mean, max, min, prod, argmax, argmin, softmax.
 */
#include "ops/cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const op_case cases[] = {
    {MICA_OP_SUM, "f32 t,384", "float32 [tokens]", OK, .params.reduce = {.axis = -1}},
    {MICA_OP_SUM, "f32 t,384", "float32 [1, 384]", OK,
     .params.reduce = {.axis = 0, .keep_dims = true}},
    {MICA_OP_MEAN, "f32 2,3,4", "float32 [2, 4]", OK, .params.reduce = {.axis = 1}},
    {MICA_OP_MAX, "f32 2,3", "float32 []", OK, .params.reduce = {.all = true, .axis = 77}},
    {MICA_OP_MAX, "f32 2,3", "float32 [1, 1]", OK,
     .params.reduce = {.all = true, .keep_dims = true}},
    {MICA_OP_SUM, "f32", "float32 []", OK, .params.reduce = {.all = true}},
    {MICA_OP_SUM, "f32 0,3", "float32 [3]", OK, .params.reduce = {.axis = 0}},
    {MICA_OP_MEAN, "f32 0,3", "float32 [3]", OK, .params.reduce = {.axis = 0}},
    {MICA_OP_MAX,
     "f32 0,3",
     NULL,
     {"axis 0", "[0, 3]", "no elements"},
     BAD_SHAPE,
     .params.reduce = {.all = true}},
    {MICA_OP_MAX, "f32 0,3", "float32 [0]", OK, .params.reduce = {.axis = 1}},
    {MICA_OP_SUM,
     "f32 2,3",
     NULL,
     {"axis 2", "[2, 3]", "2 axes"},
     BAD_ARGUMENT,
     .params.reduce = {.axis = 2}},
    {MICA_OP_SUM, "f32 2,3", NULL, {"axis -3"}, BAD_ARGUMENT, .params.reduce = {.axis = -3}},
    {MICA_OP_SUM, "f32", NULL, {"axis 0"}, BAD_ARGUMENT, .params.reduce = {.axis = 0}},
    {MICA_OP_SUM, "f32 2,3,4", "float32 [3]", OK, .params.reduce = {.n_axes = 2, .axes = {-1, 0}}},
    {MICA_OP_SUM,
     "f32 2,3,4",
     NULL,
     {"axis 2", "[2, 3, 4]", "twice"},
     BAD_ARGUMENT,
     .params.reduce = {.n_axes = 2, .axes = {-1, 2}}},
    {MICA_OP_SUM, "f32 2", NULL, {"9 axes"}, BAD_ARGUMENT, .params.reduce = {.n_axes = 9}},
    {MICA_OP_SUM, "u8 2,3", "int64 [3]", OK, .params.reduce = {.axis = 0}},
    {MICA_OP_PROD, "bool t,3", "int64 [tokens, 1]", OK,
     .params.reduce = {.axis = 1, .keep_dims = true}},
    {MICA_OP_MIN, "bf16 2,3", "bfloat16 [3]", OK, .params.reduce = {.axis = 0}},
    {MICA_OP_MIN, "f32 0", NULL, {"no elements"}, BAD_SHAPE, .params.reduce = {.axis = 0}},
    {MICA_OP_ARGMAX, "f16 t,3", "int32 [tokens]", OK, .params.reduce = {.axis = -1}},
    {MICA_OP_ARGMIN, "i64 4,3", "int32 []", OK, .params.reduce = {.all = true}},
    {MICA_OP_ARGMAX,
     "f32 3,0",
     NULL,
     {"axis 1", "[3, 0]"},
     BAD_SHAPE,
     .params.reduce = {.axis = 1}},
    {MICA_OP_ARGMAX,
     "f32 2,3",
     NULL,
     {"2 axes"},
     BAD_ARGUMENT,
     .params.reduce = {.n_axes = 2, .axes = {0, 1}}},
    {MICA_OP_ARGMAX, "bool 3000000000", NULL, {"int32"}, BAD_SHAPE, .params.reduce = {.axis = 0}},
    {MICA_OP_MEAN, "i32 2", NULL, {"int32"}, BAD_ARGUMENT, .params.reduce = {.axis = 0}},
    {MICA_OP_SOFTMAX, "f32 t,3", "float32 [tokens, 3]", OK, .params.axis = {-2}},
    {MICA_OP_SOFTMAX, "f32 t,3", NULL, {"axis 2"}, BAD_ARGUMENT, .params.axis = {2}},
    {MICA_OP_SOFTMAX, "bool t,3", NULL, {"bool"}, BAD_ARGUMENT, .params.axis = {0}},
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
