/* SPDX-License-Identifier: MIT
 *
 * Shape rules: attention, segment_pool.
 */
#include "ops/cases.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const op_case cases[] = {
    {MICA_OP_ATTENTION, "f32 t,8; f32 t,8; f32 t,8", "float32 [tokens, 8]", OK,
     .params.attention = {2, 0.5f}},
    {MICA_OP_ATTENTION,
     "f32 t,8; f32 t,8; f32 t,8",
     NULL,
     {"q [tokens, 8]", "3 heads"},
     BAD_ARGUMENT,
     .params.attention = {3, 0.5f}},
    {MICA_OP_ATTENTION,
     "f32 t,8; f32 t,8; f32 t,8",
     NULL,
     {"0 heads"},
     BAD_ARGUMENT,
     .params.attention = {0, 0.5f}},
    {MICA_OP_ATTENTION,
     "f32 t,8; f32 t,8; f32 t,8",
     NULL,
     {"scale"},
     BAD_ARGUMENT,
     .params.attention = {2, INFINITY}},
    {MICA_OP_ATTENTION,
     "f32 t,0; f32 t,0; f32 t,0",
     NULL,
     {"[tokens, 0]"},
     BAD_ARGUMENT,
     .params.attention = {2, 0.5f}},
    {MICA_OP_ATTENTION,
     "f32 t,8; f32 t,4; f32 t,8",
     NULL,
     {"k [tokens, 4]", "q [tokens, 8]"},
     BAD_SHAPE,
     .params.attention = {2, 0.5f}},
    {MICA_OP_ATTENTION,
     "f32 s,8; f32 s,8; f32 s,8",
     NULL,
     {"q [sequences, 8]"},
     BAD_SHAPE,
     .params.attention = {2, 0.5f}},
    {MICA_OP_ATTENTION,
     "f32 t,8; f32 t,8; i32 t,8",
     NULL,
     {"v [tokens, 8] is int32"},
     BAD_ARGUMENT,
     .params.attention = {2, 0.5f}},
    {MICA_OP_RELATIVE_ATTENTION, "f32 t,8; f32 t,8; f32 t,8; f32 2,5", "float32 [tokens, 8]", OK,
     .params.attention = {2, 0.5f}},
    {MICA_OP_RELATIVE_ATTENTION,
     "f32 t,8; f32 t,8; f32 t,8; f32 2,4",
     NULL,
     {"bias [2, 4]", "odd"},
     BAD_SHAPE,
     .params.attention = {2, 0.5f}},
    {MICA_OP_RELATIVE_ATTENTION,
     "f32 t,8; f32 t,8; f32 t,8; f32 3,5",
     NULL,
     {"bias [3, 5]", "2 heads"},
     BAD_SHAPE,
     .params.attention = {2, 0.5f}},
    {MICA_OP_SEGMENT_POOL, "f32 t,8", "float32 [sequences, 8]", OK},
    {MICA_OP_SEGMENT_POOL, "f32 s,8", NULL, {"[sequences, 8]"}, BAD_SHAPE},
    {MICA_OP_SEGMENT_POOL, "f32 t", NULL, {"[tokens]"}, BAD_SHAPE},
    {MICA_OP_SEGMENT_POOL,
     "f32 t,8",
     NULL,
     {"17"},
     BAD_ARGUMENT,
     .params.segment_pool = {(mica_pool_mode)17}},
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
