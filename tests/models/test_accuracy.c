/* SPDX-License-Identifier: MIT
 *
 * How near bfloat16 and 8 bits come to float32, on a real encoder and real sentences.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/support.h"

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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_accuracy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
