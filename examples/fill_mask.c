/* SPDX-License-Identifier: MIT
 *
 * fill_mask MODEL TEXT: what may stand where TEXT has the model's mask token.
 *
 *     fill_mask ./bert-base-uncased "Paris is the [MASK] of France."
 */
#include <stdio.h>
#include <string.h>

#include "mica/mica.h"

int main(int argc, char **argv)
{
    mica_context *context = NULL;
    mica_model *model = NULL;
    mica_session *session = NULL;
    mica_fills *fills = NULL;
    mica_error err = {MICA_OK, ""};
    mica_text text;
    if (argc != 3) {
        fprintf(stderr, "usage: fill_mask MODEL TEXT\n");
        return 2;
    }
    text = (mica_text){argv[2], strlen(argv[2])};
    if (mica_context_create(NULL, &context, &err) ||
        mica_model_open(context, argv[1], &model, &err) ||
        mica_session_create(model, &session, &err) ||
        mica_fill_mask(session, &text, 1, NULL, &fills, &err)) {
        fprintf(stderr, "fill_mask: %s\n", err.message);
    } else {
        for (size_t m = 0; m < mica_fills_masks(fills, 0); m++) {
            size_t count;
            const mica_fill *list = mica_fills_get(fills, 0, m, &count);
            for (size_t k = 0; k < count; k++)
                printf("mask %zu: %.4f %s\n", m + 1, list[k].score, list[k].token_str.data);
        }
    }
    mica_fills_destroy(&fills);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    mica_context_destroy(&context);
    return mica_status_exit_code(err.status);
}
