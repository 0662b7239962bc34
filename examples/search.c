/* SPDX-License-Identifier: MIT
 *
 * search MODEL QUERY: ranks the lines of standard input by how close their meaning is to QUERY.
 *
 *     printf 'A cat sleeps.\nStocks fell.\n' | search ./all-MiniLM-L6-v2 "a resting animal"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mica/mica.h"

enum { MOST = 1000, WIDTH = 30 };

typedef struct hit {
    const char *text;
    double score;
} hit;

static int best_first(const void *a, const void *b)
{
    double x = ((const hit *)a)->score, y = ((const hit *)b)->score;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void print(const hit *hits, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int bar = (int)(hits[i].score * WIDTH + 0.5);
        printf("  %6.3f  ", hits[i].score);
        for (int k = 0; k < WIDTH; k++)
            putchar(k < bar ? '#' : '.');
        printf("  %s\n", hits[i].text);
    }
}

int main(int argc, char **argv)
{
    static char lines[MOST][1024];
    static mica_text texts[MOST + 1]; /* the query, then the lines */
    static hit hits[MOST];
    mica_context *context = NULL;
    mica_model *model = NULL;
    mica_session *session = NULL;
    mica_embeddings *vectors = NULL;
    mica_error err = {MICA_OK, ""};
    size_t n = 0;
    if (argc != 3) {
        fprintf(stderr, "usage: search MODEL QUERY < LINES\n");
        return 2;
    }
    texts[0].data = argv[2];
    texts[0].size = strlen(argv[2]);
    for (; n < MOST && fgets(lines[n], sizeof lines[n], stdin); n++) {
        lines[n][strcspn(lines[n], "\n")] = 0;
        texts[n + 1].data = lines[n];
        texts[n + 1].size = strlen(lines[n]);
    }
    if (mica_context_create(NULL, &context, &err) ||
        mica_model_open(context, argv[1], &model, &err) ||
        mica_session_create(model, &session, &err) ||
        mica_embed(session, texts, n + 1, NULL, &vectors, &err)) {
        fprintf(stderr, "search: %s\n", err.message);
    } else {
        size_t dimension = mica_embeddings_dimension(vectors);
        const float *query = mica_embeddings_vector(vectors, 0);
        for (size_t i = 0; i < n; i++) {
            hits[i].text = lines[i];
            hits[i].score = mica_cosine(query, mica_embeddings_vector(vectors, i + 1), dimension);
        }
        qsort(hits, n, sizeof hits[0], best_first);
        print(hits, n);
    }
    mica_embeddings_destroy(&vectors);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    mica_context_destroy(&context);
    return mica_status_exit_code(err.status);
}
