/* SPDX-License-Identifier: MIT
 *
 * M2M-100: SentencePiece cuts texts into pieces by its own rules, and vocab.json says their ids.
 * Behind those stand the tokens of the languages, then some ids that were made up to round their
 * number. transformers has this tokenizer in Python alone (models/m2m_100/tokenization_m2m_100.py).
 */
#include <string.h>

#include "tokenizer/class.h"

static const char wmt21_languages[] = "en ha is ja cs ru zh de";

static mica_status languages_of(const mica_tok_loader *l, const char **out, mica_error *err)
{
    const char *codes = mica_tok_json_text(mica_json_get(l->files->config, "language_codes"));

    *out = l->class->languages;
    if (!codes || strcmp(codes, "m2m100") == 0)
        return MICA_OK;
    *out = wmt21_languages;
    return strcmp(codes, "wmt21") == 0
               ? MICA_OK
               : mica_fail(err, MICA_STATUS_UNSUPPORTED,
                           "tokenizer_config.json: language_codes '%s' is not supported", codes);
}

#define LANGUAGES_MAX 128

/* A language's token; returns its size. */
static size_t token_of(const char *code, size_t size, char token[16])
{
    memcpy(token, "__", 2);
    memcpy(token + 2, code, size);
    memcpy(token + 2 + size, "__", 3);
    return size + 4;
}

/* Marks the languages whose tokens vocab.json has already. */
static void find_languages(const mica_json_value *json, const char *codes,
                           bool there[LANGUAGES_MAX])
{
    for (const mica_json_value *v = mica_json_first(json); v; v = mica_json_next(v)) {
        const char *at = codes;
        size_t size;
        const char *key = mica_json_key(v, &size);

        if (size < 5 || memcmp(key, "__", 2) != 0)
            continue;
        for (size_t i = 0; *at; i++) {
            size_t length = strcspn(at, " ");
            char token[16];

            if (token_of(at, length, token) == size && memcmp(token, key, size) == 0)
                there[i] = true;
            at += length + (at[length] == ' ');
        }
    }
}

/* vocab.json, and the languages behind it. */
static mica_status put_vocabulary(mica_tok_loader *l, mica_error *err)
{
    const mica_json_value *json = l->files->vocab_json;
    mica_tok_vocab *vocab = &l->t->vocab;
    int64_t id = (int64_t)mica_json_count(json);
    bool there[LANGUAGES_MAX] = {false};
    const char *codes = NULL;
    mica_status status = languages_of(l, &codes, err);

    if (status != MICA_OK)
        return status;
    status = mica_tok_put_vocab_json(vocab, json, err);
    if (status != MICA_OK) {
        mica_error_prefix(err, "vocab.json: ");
        return status;
    }
    find_languages(json, codes, there);
    for (size_t i = 0; *codes && status == MICA_OK; i++, id++) {
        size_t length = strcspn(codes, " ");
        char token[16];
        size_t size = token_of(codes, length, token);

        if (!there[i])
            status = mica_tok_vocab_put(vocab, token, size, id, err);
        codes += length + (codes[length] == ' ');
    }
    return status == MICA_OK ? mica_tok_vocab_finish(vocab, err) : status;
}

mica_status mica_tok_build_m2m100(mica_tok_loader *l, mica_error *err)
{
    const mica_tok_new *unknown = &l->named[MICA_TOK_UNK];
    mica_tokenizer *t = l->t;
    int64_t made_up = 8;
    int32_t id = -1;
    mica_status status;

    if (!l->files->vocab_json || !l->files->spm)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "%s is built from vocab.json and %s, not from tokenizer.json",
                         l->class->name, l->class->spm);
    status = put_vocabulary(l, err);
    if (status != MICA_OK)
        return status;
    if (unknown->content)
        id = mica_tok_vocab_find(&t->vocab, unknown->content, unknown->size);
    if (id < 0)
        return mica_fail(err, MICA_STATUS_FORMAT, "vocab.json lacks the unknown token");
    mica_json_int64(mica_json_get(l->files->config, "num_madeup_words"), &made_up);
    if (made_up > 0 && made_up < MICA_TOK_ID_LIMIT)
        t->id_limit = t->vocab.id_limit + (size_t)made_up;
    status = mica_tok_model_sentencepiece(&t->model, &t->vocab, &l->spm, id, &t->arena, err);
    if (status != MICA_OK) {
        mica_error_prefix(err, "%s: ", l->files->spm_name);
        return status;
    }
    return mica_tok_normalizer_add_sentencepiece(&t->normalizer, &t->model.sentencepiece.rules,
                                                 err);
}
