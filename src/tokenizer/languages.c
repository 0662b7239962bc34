/* SPDX-License-Identifier: MIT
 *
 * Tokenizers of translation models: the language of a text is a token in front of it (or behind).
 */
#include <stdio.h>
#include <string.h>

#include "tokenizer/class.h"

/* The id of a language's token, and its text if there is one; -1 = none. */
static int64_t find(const mica_tokenizer *t, const char *code, const char **text, size_t *size)
{
    char token[64];
    int length = snprintf(token, sizeof token, "%s%s%s", t->language_mark, code, t->language_mark);
    int64_t id;

    if (length < 0 || (size_t)length >= sizeof token)
        return -1;
    id = mica_tokenizer_id(t, token, (size_t)length);
    if (id >= 0)
        *text = mica_tok_string(t, id, size);
    return id;
}

int64_t mica_tokenizer_language_id(const mica_tokenizer *tokenizer, const char *code)
{
    const char *text;
    size_t size;

    return tokenizer->language_mark ? find(tokenizer, code, &text, &size) : -1;
}

mica_status mica_tok_find_language(const mica_tokenizer *t, const char *code, mica_tok_special *out,
                                   mica_error *err)
{
    int64_t id;

    if (!t->language_mark)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "language '%s': the tokenizer knows no languages", code);
    id = find(t, code, &out->token, &out->size);
    out->id = (int32_t)id;
    return id >= 0 ? MICA_OK
                   : mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                               "language '%s': the tokenizer does not know it", code);
}

mica_status mica_tok_put_language(mica_tok_loader *l, mica_tok_template_piece *piece,
                                  mica_error *err)
{
    const char *code = mica_tok_json_text(mica_json_get(l->files->config, "src_lang"));
    mica_tok_special *special = mica_arena_array(&l->t->arena, 1, sizeof *special);
    int64_t id;

    if (!special)
        return mica_fail_memory(err, sizeof *special, "a template");
    l->t->language_mark = l->class->language_mark;
    if (!code)
        code = l->class->language;
    id = find(l->t, code, &special->token, &special->size);
    if (id < 0) {
        /* NLLB without its languages: what transformers puts there too. */
        const mica_tok_new *unknown = &l->named[MICA_TOK_UNK];

        if (l->class->language_mark[0] || !unknown->content)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "tokenizer_config.json: src_lang '%s' is no language of the model",
                             code);
        id = mica_tokenizer_id(l->t, unknown->content, unknown->size);
        if (id < 0)
            return mica_fail(err, MICA_STATUS_FORMAT, "unk_token '%s' is not in the vocabulary",
                             unknown->content);
        special->token = mica_arena_text(&l->t->arena, code, strlen(code));
        special->size = strlen(code);
        if (!special->token)
            return mica_fail_memory(err, special->size, "a template");
    }
    special->id = (int32_t)id;
    piece->tokens = special;
    piece->count = 1;
    piece->language = true;
    return MICA_OK;
}
