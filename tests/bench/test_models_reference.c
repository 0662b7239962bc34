/* SPDX-License-Identifier: MIT
 *
 *   test_models_reference MODELS
 *
 * The float64 reference of `mica bench models` against stored outputs of transformers.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/models_reference.h"
#include "mica/tensor.h"

static const char *models;

static const int64_t *ints(const mica_tensor_file *file, const char *name, mica_tensor **keep)
{
    mica_tensor *found = NULL;
    *keep = NULL;
    if (mica_tensor_file_get(file, name, &found, NULL))
        return NULL;
    assert_int_equal(mica_tensor_cast(found, MICA_DTYPE_I64, keep, NULL), MICA_OK);
    mica_tensor_release(&found);
    return mica_tensor_data(*keep);
}

/* How many tokens of a row are seen; 0 if the mask has holes. */
static size_t seen(const int64_t *mask, size_t room)
{
    size_t n = 0, all = 0;
    while (mask && n < room && mask[n])
        n++;
    for (size_t i = 0; mask && i < room; i++)
        all += mask[i] != 0;
    return !mask ? room : all == n ? n : 0;
}

/* Compares the texts of a fixture whose masks have no holes; returns how many those are. */
static size_t compare(const char *name, bool head)
{
    char path[1024];
    mica_error err = {0};
    bench_encoder encoder;
    bench_model_reference *reference = NULL;
    mica_tensor_file *file = NULL;
    mica_tensor *a = NULL, *b = NULL, *c = NULL, *stored = NULL;
    size_t compared = 0;
    snprintf(path, sizeof path, "%s/%s", models, name);
    if (bench_encoder_read(path, &encoder, &err) ||
        bench_model_reference_open(path, &encoder, head, 2, &reference, &err))
        fail_msg("%s: %s", name, err.message);
    snprintf(path, sizeof path, "%s/%s/reference.safetensors", models, name);
    assert_int_equal(mica_tensor_file_open(path, &file, NULL), MICA_OK);
    const int64_t *ids = ints(file, "input_ids", &a), *mask = ints(file, "attention_mask", &b),
                  *types = ints(file, "token_type_ids", &c);
    assert_int_equal(
        mica_tensor_file_get(file, head ? "logits" : "last_hidden_state", &stored, NULL), MICA_OK);
    size_t count = (size_t)mica_tensor_dim(a, 0), room = (size_t)mica_tensor_dim(a, 1);
    size_t width = bench_model_reference_width(reference);
    assert_int_equal(mica_tensor_dim(stored, 2), width);
    for (size_t i = 0; i < count; i++) {
        size_t rows[64], n = seen(mask ? mask + i * room : NULL, room);
        const double *out = NULL, *again = NULL;
        bench_distance distance = {0, 1, 0};
        char reason[256];
        for (size_t k = 0; k < n; k++)
            rows[k] = k;
        if (n == 0)
            continue;
        if (bench_model_reference_rows(reference, ids + i * room, types ? types + i * room : NULL,
                                       n, rows, n, &out, &err))
            fail_msg("%s, text %zu: %s", name, i, err.message);
        bench_distance_add(&distance, (const float *)mica_tensor_data(stored) + i * room * width,
                           out, n, width);
        if (!(distance.largest <= 2e-6))
            fail_msg("%s, text %zu: %g from the stored output", name, i, distance.largest);
        assert_true(bench_distance_allowed(&distance, "fp32", reason, sizeof reason));
        bench_model_reference_rows(reference, ids + i * room, types ? types + i * room : NULL, n,
                                   rows, n, &again, &err);
        assert_ptr_equal(out, again);
        compared++;
    }
    mica_tensor_release(&a);
    mica_tensor_release(&b);
    mica_tensor_release(&c);
    mica_tensor_release(&stored);
    mica_tensor_file_close(&file);
    bench_model_reference_close(&reference);
    return compared;
}

static void as_transformers_has_it(void **state)
{
    static const char *const names[] = {"bert-base",        "bert-eps",      "bert-f16",
                                        "bert-heads5",      "bert-mlm",      "bert-model",
                                        "bert-sharded",     "roberta-model", "xlm-roberta-model",
                                        "distilbert-model", "mpnet-model",   "bert-bin"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(compare(names[i], false), 3);
    assert_int_equal(compare("bert-maskedlm", true), 3);
}

static void refused(void **state)
{
    char path[1024];
    mica_error err = {0};
    bench_encoder encoder;
    bench_model_reference *reference = NULL;
    const double *out;
    snprintf(path, sizeof path, "%s/roberta-maskedlm", models);
    assert_int_equal(bench_encoder_read(path, &encoder, &err), MICA_OK);
    assert_int_equal(bench_model_reference_open("/nowhere", &encoder, false, 1, &reference, &err),
                     MICA_STATUS_NOT_FOUND);
    assert_int_equal(bench_model_reference_open(path, &encoder, true, 1, &reference, &err),
                     MICA_STATUS_UNSUPPORTED);
    assert_null(reference);
    snprintf(path, sizeof path, "%s/bert-model", models);
    assert_int_equal(bench_encoder_read(path, &encoder, &err), MICA_OK);
    encoder.intermediate++;
    assert_int_equal(bench_model_reference_open(path, &encoder, false, 1, &reference, &err),
                     MICA_OK);
    assert_int_equal(bench_model_reference_rows(reference, (const int64_t[]){1, 2}, NULL, 2,
                                                (const size_t[]){0}, 1, &out, &err),
                     MICA_STATUS_SHAPE);
    assert_int_equal(bench_model_reference_rows(reference, (const int64_t[]){1 << 30}, NULL, 1,
                                                (const size_t[]){0}, 1, &out, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    bench_model_reference_close(&reference);
}

static void distances(void **state)
{
    const double reference[] = {3, 4, 0, -2};
    const float same[] = {3, 4, 0, -2}, off[] = {3, 4.001f, 0, -2}, turned[] = {4, 3, 0, -2},
                bad[] = {3, NAN, 0, -2};
    char reason[256];
    bench_distance d = {0, 1, 0};
    bench_distance_add(&d, same, reference, 2, 2);
    assert_true(bench_distance_allowed(&d, "fp32", reason, sizeof reason));
    assert_true(fabs(d.largest) < 1e-15 && fabs(d.row) < 1e-15 && fabs(d.cosine - 1) < 1e-15);
    bench_distance_add(&d, off, reference, 2, 2);
    assert_false(bench_distance_allowed(&d, "fp32", reason, sizeof reason));
    assert_true(fabs(d.largest - 0.00025) < 1e-6 && fabs(d.row - 0.0002) < 1e-6);
    assert_true(bench_distance_allowed(&d, "bf16", reason, sizeof reason));
    bench_distance_add(&d, turned, reference, 2, 2);
    assert_true(fabs(d.cosine - 0.96) < 1e-9);
    assert_false(bench_distance_allowed(&d, "bf16", reason, sizeof reason));
    bench_distance_add(&d, bad, reference, 2, 2);
    assert_false(bench_distance_allowed(&d, "int8", reason, sizeof reason));
}

static void costs(void **state)
{
    bench_encoder base = {.family = "bert",
                          .vocabulary = 30522,
                          .hidden = 768,
                          .layers = 12,
                          .heads = 12,
                          .intermediate = 3072,
                          .positions = 512,
                          .types = 2};
    assert_int_equal(bench_encoder_weights(&base, false), 84934656);
    assert_int_equal(bench_encoder_parameters(&base, false), 108891648); /* without the pooler */
    assert_int_equal(bench_encoder_weights(&base, true), 84934656 + 768 * (768 + 30522));
    /* 170 million a token, and 4 times hidden times layers for each pair of tokens */
    assert_true(fabs(bench_encoder_flops(&base, false, 10) -
                     (10 * 169869312.0 + 100 * 4.0 * 768 * 12)) < 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_transformers_has_it),
        cmocka_unit_test(refused),
        cmocka_unit_test(distances),
        cmocka_unit_test(costs),
    };
    if (argc < 2)
        return 2;
    models = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
