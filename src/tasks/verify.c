/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "tasks/embed.h"

/* The inputs of a reference file. */
typedef struct reference {
    mica_tensor_file *file;
    const char *path;
    mica_tensor *ids, *mask, *types; /* int32 [n, s]; mask and types may be NULL */
    size_t n, s;
    uint8_t *visible; /* [n, s] */
    mica_sequence *sequences;
} reference;

static void close_reference(reference *r)
{
    mica_tensor_release(&r->ids);
    mica_tensor_release(&r->mask);
    mica_tensor_release(&r->types);
    mica_tensor_file_close(&r->file);
    mica_free(r->visible);
    mica_free(r->sequences);
}

static bool has_tensor(const mica_tensor_file *file, const char *name)
{
    for (size_t i = 0; i < mica_tensor_file_count(file); i++)
        if (strcmp(mica_tensor_file_name(file, i), name) == 0)
            return true;
    return false;
}

/* An input as int32 [n, s]; its numbers must fit. */
static mica_status get_input(reference *r, const char *name, mica_tensor **out, mica_error *err)
{
    mica_tensor *stored = NULL;
    mica_status status = mica_tensor_file_get(r->file, name, &stored, err);

    if (status != MICA_OK)
        return status;
    switch (mica_tensor_dtype(stored)) {
    case MICA_DTYPE_F32:
    case MICA_DTYPE_F16:
    case MICA_DTYPE_BF16:
    case MICA_DTYPE_F64:
        status = mica_fail(err, MICA_STATUS_FORMAT, "'%s': %s is %s, not an integer dtype", r->path,
                           name, mica_dtype_name(mica_tensor_dtype(stored)));
        break;
    default:
        status = mica_tensor_cast(stored, MICA_DTYPE_I32, out, err);
        if (status != MICA_OK)
            mica_error_prefix(err, "'%s': %s: ", r->path, name);
    }
    mica_tensor_release(&stored);
    if (status != MICA_OK)
        return status;
    if (mica_tensor_rank(*out) != 2 || (r->n && (mica_tensor_dim(*out, 0) != (int64_t)r->n ||
                                                 mica_tensor_dim(*out, 1) != (int64_t)r->s)))
        return mica_fail(err, MICA_STATUS_SHAPE, "'%s': %s has not the shape [sequences, length]",
                         r->path, name);
    return MICA_OK;
}

static mica_status read_inputs(reference *r, mica_error *err)
{
    mica_status status;

    if (!has_tensor(r->file, "input_ids"))
        return mica_fail(err, MICA_STATUS_NOT_FOUND, "'%s' has no input_ids", r->path);
    status = get_input(r, "input_ids", &r->ids, err);
    if (status != MICA_OK)
        return status;
    r->n = (size_t)mica_tensor_dim(r->ids, 0);
    r->s = (size_t)mica_tensor_dim(r->ids, 1);
    if (r->n == 0 || r->s == 0)
        return mica_fail(err, MICA_STATUS_SHAPE, "'%s': input_ids is empty", r->path);
    if (has_tensor(r->file, "attention_mask"))
        status = get_input(r, "attention_mask", &r->mask, err);
    if (status == MICA_OK && has_tensor(r->file, "token_type_ids"))
        status = get_input(r, "token_type_ids", &r->types, err);
    if (status != MICA_OK)
        return status;
    r->visible = mica_alloc_array(r->n * r->s, 1);
    r->sequences = mica_alloc_array(r->n, sizeof *r->sequences);
    if (!r->visible || !r->sequences)
        return mica_fail_memory(err, r->n * r->s, "a reference");
    for (size_t i = 0; i < r->n * r->s; i++)
        r->visible[i] = !r->mask || ((const int32_t *)mica_tensor_data(r->mask))[i] != 0;
    for (size_t i = 0; i < r->n; i++) {
        const int32_t *types = r->types ? mica_tensor_data(r->types) : NULL;

        r->sequences[i].ids = (const int32_t *)mica_tensor_data(r->ids) + i * r->s;
        r->sequences[i].attention_mask = r->visible + i * r->s;
        r->sequences[i].type_ids = types ? types + i * r->s : NULL;
        r->sequences[i].count = r->s;
    }
    return MICA_OK;
}

/* ---- comparing ---- */

/* Ours against the tensor `name` of the file: [n, s, width] or [n, s], where hidden positions do
 * not count, or [n, width]. */
static mica_status compare(const reference *r, const char *name, const float *ours, int rank,
                           bool per_token, size_t width, double tolerance, mica_difference *d,
                           mica_error *err)
{
    size_t rows = per_token ? r->n * r->s : r->n;
    mica_tensor *stored = NULL, *theirs = NULL;
    const float *expected;
    mica_status status = mica_tensor_file_get(r->file, name, &stored, err);

    memset(d, 0, sizeof *d);
    snprintf(d->name, sizeof d->name, "%s", name);
    d->tolerance = tolerance;
    if (status == MICA_OK)
        status = mica_tensor_cast(stored, MICA_DTYPE_F32, &theirs, err);
    mica_tensor_release(&stored);
    if (status != MICA_OK)
        return status;
    if (mica_tensor_rank(theirs) != rank || mica_tensor_count(theirs) != (int64_t)(rows * width) ||
        mica_tensor_dim(theirs, 0) != (int64_t)r->n) {
        mica_tensor_release(&theirs);
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "'%s': %s has another shape than the model's: %zu rows of %zu numbers",
                         r->path, name, rows, width);
    }
    expected = mica_tensor_data(theirs);
    d->ok = true;
    for (size_t i = 0; i < rows * width; i++) {
        double difference = fabs((double)ours[i] - expected[i]);

        if (per_token && !r->visible[i / width])
            continue;
        if (!(difference <= d->largest)) /* NaN too */
            d->largest = difference;
        if (fabs((double)expected[i]) > d->scale)
            d->scale = fabs((double)expected[i]);
        if (isnan(difference))
            break;
    }
    d->ok = d->largest <= tolerance * d->scale;
    mica_tensor_release(&theirs);
    return MICA_OK;
}

/* ---- outputs of the model ---- */

static bool wants_states(const mica_tensor_file *file)
{
    for (size_t i = 0; i < mica_tensor_file_count(file); i++)
        if (strncmp(mica_tensor_file_name(file, i), "hidden_states.", 14) == 0)
            return true;
    return false;
}

static mica_status compare_forward(mica_session *session, const reference *r, double tolerance,
                                   mica_difference *rows, size_t *count, mica_error *err)
{
    mica_forward_options options;
    mica_outputs *outputs = NULL;
    mica_status status;

    mica_forward_options_defaults(&options);
    options.hidden_states = wants_states(r->file);
    options.no_logits = !has_tensor(r->file, "logits") && !has_tensor(r->file, "start_logits") &&
                        !has_tensor(r->file, "end_logits");
    status = mica_forward(session, r->sequences, r->n, &options, &outputs, err);
    for (size_t i = 0; status == MICA_OK && i < mica_outputs_count(outputs); i++) {
        const char *name = mica_outputs_name(outputs, i);
        mica_tensor *tensor = mica_outputs_tensor(outputs, i);
        int rank = mica_tensor_rank(tensor);
        bool per_token;

        if (!has_tensor(r->file, name))
            continue;
        per_token =
            rank == 3 || strcmp(name, "start_logits") == 0 || strcmp(name, "end_logits") == 0;
        status = compare(r, name, mica_tensor_data(tensor), rank, per_token,
                         rank == 2 && per_token ? 1 : (size_t)mica_tensor_dim(tensor, rank - 1),
                         tolerance, &rows[*count], err);
        *count += status == MICA_OK;
    }
    mica_outputs_destroy(&outputs);
    return status;
}

/* Whether the mask only cuts the end of each row: padding as the tokenizer's. */
static bool pads_right(const reference *r)
{
    for (size_t i = 0; i < r->n; i++)
        for (size_t p = 0; p < r->s; p++)
            if (r->visible[i * r->s + p] !=
                (p == 0 || (r->visible[i * r->s + p] && r->visible[i * r->s + p - 1])))
                return false;
    return true;
}

/* sentence_embedding: of the ids, pooled as mica_embed does it. */
static mica_status compare_embedding(mica_session *session, const reference *r, double tolerance,
                                     mica_difference *rows, size_t *count, mica_error *err)
{
    mica_embed_plan plan;
    float *ours = NULL;
    size_t first = 0;
    mica_status status = mica_embed_plan_make(session, NULL, &plan, err);

    if (status != MICA_OK)
        return status;
    plan.masked = !pads_right(r);
    plan.prompt_tokens = 0;
    ours = mica_alloc_array(r->n * plan.dimension, sizeof *ours);
    if (!ours)
        return mica_fail_memory(err, r->n * plan.dimension * sizeof *ours, "embeddings");
    mica_session_clear(session);
    for (size_t i = 0; i < r->n && status == MICA_OK; i++) {
        mica_sequence sequence = r->sequences[i];

        while (!plan.masked && sequence.count > 1 && !sequence.attention_mask[sequence.count - 1])
            sequence.count--;
        if (mica_session_is_full(session, sequence.count, 0)) {
            status = mica_embed_batch(session, &plan, (mica_sequence_label){"sequence", first},
                                      ours + first * plan.dimension, err);
            first = i;
        }
        if (status == MICA_OK)
            status =
                mica_session_add(session, &sequence, (mica_sequence_label){"sequence", i}, err);
    }
    if (status == MICA_OK)
        status = mica_embed_batch(session, &plan, (mica_sequence_label){"sequence", first},
                                  ours + first * plan.dimension, err);
    if (status == MICA_OK) {
        status = compare(r, "sentence_embedding", ours, 2, false, plan.dimension, tolerance,
                         &rows[*count], err);
        *count += status == MICA_OK;
    }
    mica_free(ours);
    return status;
}

static mica_status judge(const reference *r, const mica_difference *rows, size_t count,
                         mica_error *err)
{
    if (count == 0)
        return mica_fail(err, MICA_STATUS_NOT_FOUND,
                         "'%s' has nothing to compare: no last_hidden_state, pooler_output, "
                         "logits, hidden_states.N or sentence_embedding that the model gives",
                         r->path);
    for (size_t i = 0; i < count; i++)
        if (!rows[i].ok)
            return mica_fail(err, MICA_STATUS_MISMATCH,
                             "%s differs from the reference by %.3g; %.3g of %.3g is allowed",
                             rows[i].name, rows[i].largest, rows[i].tolerance, rows[i].scale);
    return MICA_OK;
}

mica_status mica_verify(mica_session *session, const char *path, double tolerance,
                        mica_difference **out, size_t *count, mica_error *err)
{
    reference r = {0};
    mica_difference *rows = NULL;
    size_t room, compared = 0;
    mica_status status;

    *out = NULL;
    *count = 0;
    if (!session || !path || !(tolerance >= 0))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "mica_verify: no session, no reference, or a negative tolerance");
    tolerance = tolerance > 0 ? tolerance : 1e-5;
    r.path = path;
    room = (size_t)mica_model_configuration(session->model)->layers + 6;
    rows = mica_calloc(room, sizeof *rows);
    if (!rows)
        return mica_fail_memory(err, room * sizeof *rows, "differences");
    status = mica_tensor_file_open(path, &r.file, err);
    if (status == MICA_OK)
        status = read_inputs(&r, err);
    if (status == MICA_OK)
        status = compare_forward(session, &r, tolerance, rows, &compared, err);
    if (status == MICA_OK && has_tensor(r.file, "sentence_embedding"))
        status = compare_embedding(session, &r, tolerance, rows, &compared, err);
    if (status == MICA_OK)
        status = judge(&r, rows, compared, err);
    close_reference(&r);
    if ((status != MICA_OK && status != MICA_STATUS_MISMATCH) || compared == 0) {
        mica_free(rows);
        return status;
    }
    *out = rows;
    *count = compared;
    return status;
}

void mica_differences_free(mica_difference **differences)
{
    mica_free(*differences);
    *differences = NULL;
}
