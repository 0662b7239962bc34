/* SPDX-License-Identifier: MIT
 *
 * tag MODEL TEXT...: the entities in each text.
 *
 *     tag ./bert-base-NER "Wolfgang lives in Berlin."
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
    mica_entities *entities = NULL;
    mica_tag_options options;
    mica_error err = {MICA_OK, ""};
    size_t n = argc > 2 ? (size_t)argc - 2 : 0;
    mica_text *texts = calloc(n + 1, sizeof *texts);
    if (argc < 3 || !texts) {
        fprintf(stderr, "usage: tag MODEL TEXT...\n");
        free(texts);
        return 2;
    }
    for (size_t i = 0; i < n; i++)
        texts[i] = (mica_text){argv[i + 2], strlen(argv[i + 2])};
    mica_tag_options_defaults(&options);
    options.aggregation = MICA_AGGREGATION_SIMPLE;
    if (mica_context_create(NULL, &context, &err) ||
        mica_model_open(context, argv[1], &model, &err) ||
        mica_session_create(model, &session, &err) ||
        mica_tag(session, texts, n, &options, &entities, &err)) {
        fprintf(stderr, "tag: %s\n", err.message);
    } else {
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < mica_entities_found(entities, i); k++) {
                const mica_entity *e = mica_entities_get(entities, i, k);
                printf("text %zu: %-8s %5.1f %%  '%.*s'\n", i, e->label, 100 * e->score,
                       (int)(e->bytes.end - e->bytes.begin), texts[i].data + e->bytes.begin);
            }
    }
    mica_entities_destroy(&entities);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    mica_context_destroy(&context);
    free(texts);
    return mica_status_exit_code(err.status);
}
