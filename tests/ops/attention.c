/* SPDX-License-Identifier: MIT
 *
 * Shape rules: scaled_dot_product_attention.
 */
#include "ops/cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const op_case cases[] = {
    {MICA_OP_SCALED_DOT_PRODUCT_ATTENTION, "f32 2,6,5,8; f32 2,3,t,8; f32 2,3,t,4; -",
     "float32 [2, 6, 5, 4]", OK},
    {MICA_OP_SCALED_DOT_PRODUCT_ATTENTION, "f16 t,8; f16 s,8; f16 s,8; bool s",
     "float16 [tokens, 8]", OK},
    {MICA_OP_SCALED_DOT_PRODUCT_ATTENTION, "f32 2,4,5,8; f32 2,4,7,8; f32 2,4,7,8; f32 2,1,5,7",
     "float32 [2, 4, 5, 8]", OK},
    {MICA_OP_SCALED_DOT_PRODUCT_ATTENTION,
     "f32 4,5,8; f32 3,7,8; f32 3,7,8; -",
     NULL,
     {"k [3, 7, 8]", "q [4, 5, 8]", "heads"},
     BAD_SHAPE},
    {MICA_OP_SCALED_DOT_PRODUCT_ATTENTION,
     "f32 4,5,8; f32 2,7,8; f32 4,7,8; -",
     NULL,
     {"v [4, 7, 8]", "q [4, 5, 8]", "k [2, 7, 8]", "heads"},
     BAD_SHAPE},
    {MICA_OP_SCALED_DOT_PRODUCT_ATTENTION,
     "f32 2,4,5,8; f32 3,4,7,8; f32 3,4,7,8; -",
     NULL,
     {"leading"},
     BAD_SHAPE},
    {MICA_OP_SCALED_DOT_PRODUCT_ATTENTION,
     "f32 5,8; f32 7,9; f32 7,9; -",
     NULL,
     {"k [7, 9]", "q [5, 8]"},
     BAD_SHAPE},
    {MICA_OP_SCALED_DOT_PRODUCT_ATTENTION,
     "f32 5,8; f32 7,8; f32 6,8; -",
     NULL,
     {"v [6, 8]", "k [7, 8]"},
     BAD_SHAPE},
    {MICA_OP_SCALED_DOT_PRODUCT_ATTENTION,
     "f32 5,8; f32 7,8; f32 7,8; f32 7,5",
     NULL,
     {"mask [7, 5]", "q [5, 8]", "k [7, 8]", "broadcast"},
     BAD_SHAPE},
    {MICA_OP_SCALED_DOT_PRODUCT_ATTENTION,
     "f32 5,8; f32 7,8; f32 7,8; i32 5,7",
     NULL,
     {"mask [5, 7] is int32"},
     BAD_ARGUMENT},
    {MICA_OP_SCALED_DOT_PRODUCT_ATTENTION, "f32 8; f32 8; f32 8; -", NULL, {"2 axes"}, BAD_SHAPE},
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
