/* SPDX-License-Identifier: MIT
 *
 * rerank MODEL QUERY DOCUMENT...: the documents, best answer first, by a cross-encoder.
 *
 *     rerank ./ms-marco-MiniLM "capital of France" "Berlin is large." "Paris it is."
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mica/mica.h"

int main(int argc, char **argv)
{
    mica_context *context = NULL;
    mica_model *model = NULL;
    mica_session *session = NULL;
    mica_ranking *ranking = NULL;
    mica_error err = {MICA_OK, ""};
    size_t n = argc > 3 ? (size_t)argc - 3 : 0;
    mica_text query, *documents = calloc(n + 1, sizeof *documents);
    if (argc < 4 || !documents) {
        fprintf(stderr, "usage: rerank MODEL QUERY DOCUMENT...\n");
        free(documents);
        return 2;
    }
    query = (mica_text){argv[2], strlen(argv[2])};
    for (size_t i = 0; i < n; i++)
        documents[i] = (mica_text){argv[i + 3], strlen(argv[i + 3])};
    if (mica_context_create(NULL, &context, &err) ||
        mica_model_open(context, argv[1], &model, &err) ||
        mica_session_create(model, &session, &err) ||
        mica_rerank(session, query, documents, n, NULL, &ranking, &err)) {
        fprintf(stderr, "rerank: %s\n", err.message);
    } else {
        for (size_t i = 0; i < mica_ranking_count(ranking); i++) {
            const mica_rank *rank = mica_ranking_get(ranking, i);
            printf("%8.4f  %s\n", rank->score, documents[rank->index].data);
        }
    }
    mica_ranking_destroy(&ranking);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    mica_context_destroy(&context);
    free(documents);
    return mica_status_exit_code(err.status);
}
