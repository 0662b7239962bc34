/* SPDX-License-Identifier: MIT
 *
 * Models in bfloat16 and in 8 bits: how near they come to float32, and the same bits in every
 * batch.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/support.h"
#include "torture.h"

static mica_model *open_in(mica_context *context, const char *path, mica_precision precision)
{
    mica_model_options options;
    mica_model *model = NULL;
    mica_error err = {0};

    mica_model_options_defaults(&options);
    options.precision = precision;
    must(mica_model_open_with(context, path, &options, &model, &err), &err);
    return model;
}

static mica_embeddings *embed_in(mica_context *context, const char *path, mica_precision precision,
                                 const mica_text *texts, size_t n, size_t batch_tokens)
{
    mica_embed_options options;
    mica_embeddings *e = NULL;
    mica_error err = {0};
    mica_model *model = open_in(context, path, precision);
    mica_session *session = new_session(model);

    mica_embed_options_defaults(&options);
    options.batch_tokens = batch_tokens;
    must(mica_embed(session, texts, n, &options, &e, &err), &err);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    return e;
}

static void test_names(void **state)
{
    mica_precision found;

    for (int p = 0; p < MICA_PRECISIONS; p++) {
        assert_true(mica_precision_find(mica_precision_name((mica_precision)p), &found));
        assert_int_equal(found, p);
    }
    assert_false(mica_precision_find("fp32", &found));
    assert_string_equal(mica_precision_name((mica_precision)-1), "unknown");
}

static void test_options(void **state)
{
    mica_context *context = new_context(1);
    mica_model_options options;
    mica_model *model = NULL;
    mica_error err = {0};
    mica_model_info info;

    mica_model_options_defaults(&options);
    options.precision = (mica_precision)7;
    expect(mica_model_open_with(context, fixture("bert-model"), &options, &model, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "7 is no precision");
    mica_model_options_defaults(&options);
    options.reserved[3] = 5;
    expect(mica_model_open_with(context, fixture("bert-model"), &options, &model, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "reserved option 3 is 5");
    assert_null(model);
    for (int p = 0; p < MICA_PRECISIONS; p++) {
        model = open_in(context, fixture("bert-model"), (mica_precision)p);
        mica_model_get_info(model, &info);
        if (p == MICA_PRECISION_AUTO)
            assert_true(info.precision == MICA_PRECISION_F32 ||
                        info.precision == MICA_PRECISION_BF16);
        else
            assert_int_equal(info.precision, p);
        mica_model_destroy(&model);
    }
    mica_context_destroy(&context);
}

/* Alone, in any batch, with any number of threads. */
static void test_identity(void **state)
{
    static const mica_text texts[] = {{"the cat", 7},
                                      {"", 0},
                                      {"hello world, the cat and more", 29},
                                      {"a", 1},
                                      {"cat cat cat cat cat cat cat", 27}};
    enum { TEXTS = sizeof texts / sizeof texts[0] };
    mica_context *one = new_context(1), *three = new_context(3);

    for (int p = 0; p < MICA_PRECISIONS; p++) {
        mica_precision precision = (mica_precision)p;
        const char *path = fixture("st-modern");
        mica_embeddings *all = embed_in(one, path, precision, texts, TEXTS, 0);
        mica_embeddings *small = embed_in(three, path, precision, texts, TEXTS, 8);
        size_t bytes = mica_embeddings_dimension(all) * sizeof(float);

        for (size_t i = 0; i < TEXTS; i++) {
            mica_embeddings *alone = embed_in(three, path, precision, texts + i, 1, 0);
            const float *vector = mica_embeddings_vector(all, i);

            assert_memory_equal(mica_embeddings_vector(alone, 0), vector, bytes);
            assert_memory_equal(mica_embeddings_vector(small, i), vector, bytes);
            mica_embeddings_destroy(&alone);
        }
        mica_embeddings_destroy(&all);
        mica_embeddings_destroy(&small);
    }
    mica_context_destroy(&one);
    mica_context_destroy(&three);
}

static mica_status open_and_close(void *arg, mica_error *err)
{
    mica_model_options options;
    mica_model *model = NULL;
    mica_status status;

    mica_model_options_defaults(&options);
    options.precision = MICA_PRECISION_INT8;
    status =
        mica_model_open_with(arg, fixture("bert-sequenceclassification"), &options, &model, err);
    mica_model_destroy(&model);
    return status;
}

static void test_torture(void **state)
{
    mica_context *context = new_context(1);

    assert_true(torture_run(open_and_close, context) > 50);
    mica_context_destroy(&context);
}

/* ---- accuracy ---- */

enum { NEAREST = 10, MOST_TEXTS = 2000 };

/* The lines of a text file, owned by *data. */
static size_t lines_of(const char *path, char **data, mica_text *lines)
{
    size_t size, n = 0;
    char *at = *data = read_whole(path, &size), *end = at + size;

    while (at < end && n < MOST_TEXTS) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop ? stop : end) - at);
        lines[n++] = (mica_text){at, length};
        at += length + 1;
    }
    return n;
}

/* The nearest others of text `query`, best first. */
static void nearest(const mica_embeddings *e, size_t query, size_t out[NEAREST])
{
    double best[NEAREST];
    size_t found = 0, n = mica_embeddings_count(e), dimension = mica_embeddings_dimension(e);

    for (size_t i = 0; i < n; i++) {
        double cosine = 0;
        size_t at = found;
        if (i == query)
            continue;
        for (size_t k = 0; k < dimension; k++)
            cosine += (double)mica_embeddings_vector(e, query)[k] *
                      (double)mica_embeddings_vector(e, i)[k];
        while (at > 0 && best[at - 1] < cosine)
            at--;
        if (at == NEAREST)
            continue;
        found += found < NEAREST;
        for (size_t j = found - 1; j > at; j--) {
            best[j] = best[j - 1];
            out[j] = out[j - 1];
        }
        best[at] = cosine;
        out[at] = i;
    }
}

static double recall(const mica_embeddings *a, const mica_embeddings *b)
{
    size_t kept = 0, n = mica_embeddings_count(a);

    for (size_t i = 0; i < n; i++) {
        size_t x[NEAREST], y[NEAREST];
        nearest(a, i, x);
        nearest(b, i, y);
        for (size_t j = 0; j < NEAREST; j++)
            for (size_t k = 0; k < NEAREST; k++)
                kept += x[j] == y[k];
    }
    return (double)kept / (double)(n * NEAREST);
}

static void check_accuracy(const mica_embeddings *exact, const mica_embeddings *e, const char *name,
                           double mean_at_least, double least, double recalled)
{
    size_t n = mica_embeddings_count(exact), dimension = mica_embeddings_dimension(exact);
    double sum = 0, smallest = 1;

    for (size_t i = 0; i < n; i++) {
        double cosine =
            mica_cosine(mica_embeddings_vector(exact, i), mica_embeddings_vector(e, i), dimension);
        sum += cosine;
        smallest = fmin(smallest, cosine);
    }
    double found = recall(exact, e);
    printf("%s: cosine to f32 %.5f in the mean, %.5f at least; recall@10 %.4f\n", name,
           sum / (double)n, smallest, found);
    assert_true(sum / (double)n >= mean_at_least && smallest >= least && found >= recalled);
}

static void test_accuracy(void **state)
{
    const char *dir = minilm_folder(), *path = MICA_TEST_DIR "/../../shared/data/text/pud/en.txt";
    static mica_text texts[MOST_TEXTS];
    FILE *file = fopen(path, "rb");
    char *data;

    if (file)
        fclose(file);
    else
        printf("skipped: no sentences in ../shared/data/text/pud\n");
    if (!dir || !file)
        skip();
    mica_context *context = new_context(0);
    size_t n = lines_of(path, &data, texts);
    mica_embeddings *f32 = embed_in(context, dir, MICA_PRECISION_F32, texts, n, 0);
    mica_embeddings *bf16 = embed_in(context, dir, MICA_PRECISION_BF16, texts, n, 0);
    mica_embeddings *int8 = embed_in(context, dir, MICA_PRECISION_INT8, texts, n, 0);

    assert_true(n >= 1000);
    check_accuracy(f32, bf16, "bf16", 0.9995, 0.999, 0.98);
    check_accuracy(f32, int8, "int8", 0.995, 0.98, 0.95);
    mica_embeddings_destroy(&f32);
    mica_embeddings_destroy(&bf16);
    mica_embeddings_destroy(&int8);
    free(data);
    mica_context_destroy(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_options),
        cmocka_unit_test(test_identity), cmocka_unit_test(test_torture),
        cmocka_unit_test(test_accuracy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
