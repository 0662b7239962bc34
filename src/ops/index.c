/* SPDX-License-Identifier: MIT
 *
 * Picking elements by number: embedding.
 */
#include "graph/op.h"

mica_status mica_shape_embedding(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"table", MICA_ARG_WEIGHT, false},
                                     {"ids", MICA_ARG_I32, false}};
    mica_status status = mica_args_check(args, rules, 2, err);
    if (status != MICA_OK)
        return status;
    const mica_type *table = args->in[0], *ids = args->in[1];
    if (table->rank != 2 || ids->rank >= MICA_MAX_RANK)
        return mica_fail(
            err, MICA_STATUS_SHAPE, "embedding: %s must have 2 axes, and %s at most %d",
            mica_arg_text(args, 0, "table").s, mica_arg_text(args, 1, "ids").s, MICA_MAX_RANK - 1);
    *out = *ids;
    out->dtype = MICA_DTYPE_F32;
    out->dim[out->rank++] = table->dim[1];
    return MICA_OK;
}
