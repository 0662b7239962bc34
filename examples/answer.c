/* SPDX-License-Identifier: MIT
 *
 * answer MODEL QUESTION CONTEXT...: what each context answers.
 *
 *     answer ./roberta-base-squad2 "Who lives there?" "Ann lives there." "Nobody does."
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
    mica_extracts *extracts = NULL;
    mica_answer_options options;
    mica_error err = {MICA_OK, ""};
    size_t n = argc > 3 ? (size_t)argc - 3 : 0;
    mica_text *questions = calloc(n + 1, sizeof *questions);
    mica_text *contexts = calloc(n + 1, sizeof *contexts);
    if (argc < 4 || !questions || !contexts) {
        fprintf(stderr, "usage: answer MODEL QUESTION CONTEXT...\n");
        free(questions);
        free(contexts);
        return 2;
    }
    for (size_t i = 0; i < n; i++) {
        questions[i] = (mica_text){argv[2], strlen(argv[2])};
        contexts[i] = (mica_text){argv[i + 3], strlen(argv[i + 3])};
    }
    mica_answer_options_defaults(&options);
    options.handle_impossible_answer = true;
    if (mica_context_create(NULL, &context, &err) ||
        mica_model_open(context, argv[1], &model, &err) ||
        mica_session_create(model, &session, &err) ||
        mica_answer(session, questions, contexts, n, &options, &extracts, &err)) {
        fprintf(stderr, "answer: %s\n", err.message);
    } else {
        for (size_t i = 0; i < n; i++) {
            const mica_extract *best = mica_extracts_get(extracts, i, NULL);
            printf("%8.4f  %s\n", best->score, best->answer.size ? best->answer.data : "(none)");
        }
    }
    mica_extracts_destroy(&extracts);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    mica_context_destroy(&context);
    free(questions);
    free(contexts);
    return mica_status_exit_code(err.status);
}
