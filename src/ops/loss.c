/* SPDX-License-Identifier: MIT
 *
 * Losses: binary_cross_entropy.
 */
#include "graph/op.h"

mica_status mica_shape_binary_cross_entropy(const mica_shape_args *args, mica_type *out,
                                            mica_error *err)
{
    static const mica_arg rules[] = {{"input", MICA_ARG_FLOAT, false},
                                     {"target", MICA_ARG_FLOAT, false}};
    const mica_bce_params *params = args->params;
    mica_status status = mica_args_check(args, rules, 2, err);
    if (status == MICA_OK)
        status = mica_args_same_dtype(args, rules, 0, 1, err);
    if (status != MICA_OK)
        return status;
    const mica_type *x = args->in[0];
    if (!mica_type_equal(x, args->in[1]))
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "binary_cross_entropy: %s and %s must be of one shape",
                         mica_arg_text(args, 0, "input").s, mica_arg_text(args, 1, "target").s);
    if ((unsigned)params->reduction > MICA_REDUCTION_NONE)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "binary_cross_entropy: %d is not a reduction", (int)params->reduction);
    *out = *x;
    if (params->reduction != MICA_REDUCTION_NONE)
        out->rank = 0;
    return MICA_OK;
}
