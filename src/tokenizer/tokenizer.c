/* SPDX-License-Identifier: MIT
 *
 * Opening, questions about the vocabulary, closing.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "tokenizer/internal.h"
#include "tokenizer/load.h"

mica_status mica_tok_create(const mica_tok_files *files, mica_tokenizer **out, mica_error *err)
{
    mica_tokenizer *t = mica_calloc(1, sizeof *t);
    mica_status status;

    if (!t)
        return mica_fail_memory(err, sizeof *t, "a tokenizer");
    t->pad_id = t->mask_id = t->unknown_id = t->cls_id = -1;
    mica_encode_options_defaults(&t->defaults);
    if (!mica_unicode_build(&t->unicode))
        status = mica_fail_memory(err, 0, "character tables");
    else
        status = mica_tok_added_init(&t->added, err);
    if (status == MICA_OK)
        status = mica_tok_load(t, files, err);
    if (status != MICA_OK)
        mica_tokenizer_destroy(&t);
    *out = t;
    return status;
}

void mica_tokenizer_destroy(mica_tokenizer **tokenizer)
{
    mica_tokenizer *t = tokenizer ? *tokenizer : NULL;

    if (!t)
        return;
    mica_unicode_release(&t->unicode);
    mica_tok_added_release(&t->added);
    mica_tok_normalizer_release(&t->normalizer);
    mica_tok_pretokenizer_release(&t->pretokenizer);
    mica_tok_decoder_release(&t->decoder);
    mica_tok_vocab_release(&t->vocab);
    mica_tok_model_release(&t->model);
    mica_arena_free(&t->arena);
    mica_free(t);
    *tokenizer = NULL;
}

mica_status mica_tokenizer_parse(const char *json, size_t size, const char *config,
                                 size_t config_size, mica_tokenizer **out, mica_error *err)
{
    mica_json *documents[2] = {NULL, NULL};
    mica_tok_files files = {0};
    mica_status status = mica_json_parse(json, size, "tokenizer.json", &documents[0], err);

    *out = NULL;
    if (status == MICA_OK && config)
        status = mica_json_parse(config, config_size, "tokenizer_config.json", &documents[1], err);
    if (status == MICA_OK) {
        files.tokenizer = mica_json_root(documents[0]);
        files.config = documents[1] ? mica_json_root(documents[1]) : NULL;
        files.as_written = !config;
        status = mica_tok_create(&files, out, err);
    }
    mica_json_destroy(&documents[0]);
    mica_json_destroy(&documents[1]);
    return status;
}

mica_status mica_tokenizer_open(const char *path, mica_tokenizer **out, mica_error *err)
{
    mica_json *document = NULL;
    mica_tok_files files = {0};
    mica_status status;

    *out = NULL;
    if (mica_dir_exists(path))
        return mica_tok_open_dir(path, out, err);
    status = mica_json_parse_file(path, &document, err);
    if (status == MICA_OK) {
        files.tokenizer = mica_json_root(document);
        files.as_written = true;
        status = mica_tok_create(&files, out, err);
        if (status != MICA_OK)
            mica_error_prefix(err, "%s: ", path);
    }
    mica_json_destroy(&document);
    return status;
}

size_t mica_tokenizer_vocab_size(const mica_tokenizer *tokenizer)
{
    return tokenizer->id_limit;
}

const char *mica_tok_string(const mica_tokenizer *tokenizer, int64_t id, size_t *size)
{
    const mica_tok_added_token *added = mica_tok_added_by_id(&tokenizer->added, id);

    if (!added)
        return mica_tok_vocab_string(&tokenizer->vocab, id, size);
    *size = added->normalized ? added->normalized_size : added->size;
    return added->normalized ? added->normalized : added->content;
}

const char *mica_tokenizer_token(const mica_tokenizer *tokenizer, int64_t id, size_t *size)
{
    size_t length = 0;
    const char *string = mica_tok_string(tokenizer, id, &length);

    if (size)
        *size = length;
    return string;
}

int64_t mica_tokenizer_id(const mica_tokenizer *tokenizer, const char *token, size_t size)
{
    const mica_tok_added_token *added = mica_tok_added_find(&tokenizer->added, token, size);

    return added ? added->id : mica_tok_vocab_find(&tokenizer->vocab, token, size);
}

size_t mica_tokenizer_max_length(const mica_tokenizer *tokenizer)
{
    return tokenizer->max_length;
}

size_t mica_tokenizer_special_count(const mica_tokenizer *tokenizer, bool pair)
{
    return pair ? tokenizer->postprocessor.pair.special : tokenizer->postprocessor.single.special;
}

int64_t mica_tokenizer_pad_id(const mica_tokenizer *tokenizer)
{
    return tokenizer->pad_id;
}

int64_t mica_tokenizer_mask_id(const mica_tokenizer *tokenizer)
{
    return tokenizer->mask_id;
}

int64_t mica_tokenizer_unknown_id(const mica_tokenizer *tokenizer)
{
    return tokenizer->unknown_id;
}

int64_t mica_tokenizer_cls_id(const mica_tokenizer *tokenizer)
{
    return tokenizer->cls_id;
}
