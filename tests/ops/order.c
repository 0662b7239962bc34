/* SPDX-License-Identifier: MIT
 *
 * Shape rules: sort, argsort, top_k, arg_top_k.
 */
#include "ops/cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const op_case cases[] = {
    {MICA_OP_SORT, "f16 t,9", "float16 [tokens, 9]", OK, .params.sort = {.axis = -1}},
    {MICA_OP_SORT, "bool 4", "bool [4]", OK},
    {MICA_OP_SORT, "f32", NULL, {"axis 0", "x []"}, BAD_ARGUMENT},
    {MICA_OP_ARGSORT, "i64 4,0", "int32 [4, 0]", OK, .params.sort = {.axis = 1}},
    {MICA_OP_ARGSORT, "f32 4", NULL, {"axis -2", "[4]"}, BAD_ARGUMENT, .params.sort = {.axis = -2}},
    {MICA_OP_ARGSORT, "bool 3000000000", NULL, {"int32"}, BAD_SHAPE},
    {MICA_OP_TOP_K, "u8 t,9", "uint8 [tokens, 4]", OK, .params.top_k = {.k = 4, .axis = 1}},
    {MICA_OP_TOP_K,
     "u8 t,9",
     NULL,
     {"k is 10", "axis 1", "[tokens, 9]"},
     BAD_ARGUMENT,
     .params.top_k = {.k = 10, .axis = 1}},
    {MICA_OP_TOP_K, "u8 t,9", NULL, {"k is 1", "axis 0"}, BAD_ARGUMENT, .params.top_k = {.k = 1}},
    {MICA_OP_ARG_TOP_K, "f32 9", "int32 [0]", OK, .params.top_k = {.k = 0}},
    {MICA_OP_ARG_TOP_K, "f32 9", NULL, {"k is -1"}, BAD_ARGUMENT, .params.top_k = {.k = -1}},
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
