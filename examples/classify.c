/* SPDX-License-Identifier: MIT
 *
 * classify MODEL TEXT...: the label of each text, and how sure the model is.
 *
 *     classify ./sentiment "What a lovely day." "It rains."
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
    mica_classes *classes = NULL;
    mica_error err = {MICA_OK, ""};
    size_t n = argc > 2 ? (size_t)argc - 2 : 0;
    mica_text *texts = calloc(n + 1, sizeof *texts);
    if (argc < 3 || !texts) {
        fprintf(stderr, "usage: classify MODEL TEXT...\n");
        free(texts);
        return 2;
    }
    for (size_t i = 0; i < n; i++)
        texts[i] = (mica_text){argv[i + 2], strlen(argv[i + 2])};
    if (mica_context_create(NULL, &context, &err) ||
        mica_model_open(context, argv[1], &model, &err) ||
        mica_session_create(model, &session, &err) ||
        mica_classify(session, texts, NULL, n, NULL, &classes, &err)) {
        fprintf(stderr, "classify: %s\n", err.message);
    } else {
        for (size_t i = 0; i < n; i++) {
            const mica_class *best = mica_classes_get(classes, i, NULL);
            printf("%-12s %5.1f %%  %s\n", best->label, 100 * best->score, argv[i + 2]);
        }
    }
    mica_classes_destroy(&classes);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    mica_context_destroy(&context);
    free(texts);
    return mica_status_exit_code(err.status);
}
