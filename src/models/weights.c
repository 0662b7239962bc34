/* SPDX-License-Identifier: MIT */
#include "models/weights.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/program.h"
#include "tensor/convert.h"
#include "tensor/tensor.h"

/* "[30522, 768]" */
static void shape_text(char *text, size_t size, int rank, const int64_t *dims)
{
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; i < rank && used + 24 < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i ? ", " : "", dims[i]);
}

static mica_status check_shape(const mica_stored_weights *source, const mica_weight_spec *spec,
                               const mica_tensor *tensor, mica_error *err)
{
    char wanted[256], found[256];

    if (mica_tensor_rank(tensor) == spec->rank &&
        memcmp(mica_tensor_dims(tensor), spec->dims, (size_t)spec->rank * sizeof *spec->dims) == 0)
        return MICA_OK;
    shape_text(wanted, sizeof wanted, spec->rank, spec->dims);
    shape_text(found, sizeof found, mica_tensor_rank(tensor), mica_tensor_dims(tensor));
    return mica_fail(err, MICA_STATUS_SHAPE,
                     "%s: weight '%s' has shape [%s], but the configuration asks for [%s]",
                     source->file, spec->name, found, wanted);
}

/* Element i of a float tensor; 0 for other dtypes. */
static double number_at(const mica_tensor *tensor, int64_t i)
{
    const void *data = mica_tensor_data(tensor);

    switch (mica_tensor_dtype(tensor)) {
    case MICA_DTYPE_F32:
        return ((const float *)data)[i];
    case MICA_DTYPE_F64:
        return ((const double *)data)[i];
    case MICA_DTYPE_F16:
        return mica_f16_to_f32(((const uint16_t *)data)[i]);
    case MICA_DTYPE_BF16:
        return mica_bf16_to_f32(((const uint16_t *)data)[i]);
    default:
        return 0;
    }
}

mica_status mica_weight_check_finite(const mica_tensor *tensor, const char *name, mica_error *err)
{
    double number;
    size_t at;

    if (mica_all_finite(NULL, mica_tensor_dtype(tensor), mica_tensor_data(tensor),
                        (size_t)mica_tensor_count(tensor), &at))
        return MICA_OK;
    number = number_at(tensor, (int64_t)at);
    if (mica_tensor_rank(tensor) == 2) {
        int64_t width = mica_tensor_dim(tensor, 1);
        return mica_fail(err, MICA_STATUS_NOT_FINITE,
                         "weight '%s' holds %f at row %" PRId64 ", column %" PRId64, name, number,
                         (int64_t)at / width, (int64_t)at % width);
    }
    return mica_fail(err, MICA_STATUS_NOT_FINITE, "weight '%s' holds %f at index %" PRId64, name,
                     number, (int64_t)at);
}

static bool is_half(mica_dtype dtype)
{
    return dtype == MICA_DTYPE_F16 || dtype == MICA_DTYPE_BF16;
}

/* Brings *tensor into a dtype that its use takes. */
static mica_status convert(const mica_stored_weights *source, const mica_weight_spec *spec,
                           mica_tensor **tensor, mica_error *err)
{
    mica_dtype dtype = mica_tensor_dtype(*tensor);
    bool large = spec->kind == MICA_WEIGHT_LINEAR || spec->kind == MICA_WEIGHT_EMBEDDING;
    mica_tensor *converted = NULL;
    mica_status status;

    if (dtype != MICA_DTYPE_F32 && dtype != MICA_DTYPE_F64 && !is_half(dtype))
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "%s: weight '%s' is stored as %s; weights are floating-point numbers",
                         source->file, spec->name, mica_dtype_name(dtype));
    if (!large) { /* before narrowing, so that the text shows the number in the file */
        status = mica_weight_check_finite(*tensor, spec->name, err);
        if (status != MICA_OK) {
            mica_error_prefix(err, "%s: ", source->file);
            return status;
        }
    }
    if (dtype == MICA_DTYPE_F32 || (large && is_half(dtype)))
        return MICA_OK;
    status = mica_tensor_cast(*tensor, MICA_DTYPE_F32, &converted, err);
    if (status != MICA_OK) {
        mica_error_prefix(err, "%s: weight '%s': ", source->file, spec->name);
        return status;
    }
    mica_tensor_release(tensor);
    *tensor = converted;
    /* A double beyond the range of float32 is infinite now. */
    return large ? MICA_OK : mica_weight_check_finite(*tensor, spec->name, err);
}

static bool has_weight(const mica_weight_source *base, const char *name)
{
    const mica_stored_weights *source = (const mica_stored_weights *)base;

    return mica_checkpoint_has(source->checkpoint, name, source->prefix);
}

static mica_status get_weight(mica_weight_source *base, const mica_weight_spec *spec,
                              mica_tensor **out, mica_error *err)
{
    mica_stored_weights *source = (mica_stored_weights *)base;
    mica_tensor *tensor = NULL;
    mica_status status;
    int64_t count;

    *out = NULL;
    status = mica_checkpoint_get(source->checkpoint, spec->name, source->prefix, &tensor, err);
    if (status == MICA_OK)
        status = check_shape(source, spec, tensor, err);
    if (status == MICA_OK) {
        if (spec->kind != MICA_WEIGHT_EMBEDDING) /* of which some rows only are read */
            mica_tensor_expect(tensor);
        count = mica_tensor_count(tensor);
        source->numbers += count;
        source->by_dtype[mica_tensor_dtype(tensor)] += count;
        status = convert(source, spec, &tensor, err);
    }
    if (status != MICA_OK) {
        mica_tensor_release(&tensor);
        return status;
    }
    *out = tensor;
    return MICA_OK;
}

void mica_stored_weights_init(mica_stored_weights *source, mica_checkpoint *checkpoint,
                              const char *prefix)
{
    memset(source, 0, sizeof *source);
    source->base.has = has_weight;
    source->base.get = get_weight;
    source->checkpoint = checkpoint;
    source->prefix = prefix;
    source->file = mica_checkpoint_source(checkpoint);
}
