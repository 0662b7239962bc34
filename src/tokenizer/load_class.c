/* SPDX-License-Identifier: MIT
 *
 * A tokenizer of a class: the pipeline that stands in the class's row (classes.c), with the
 * settings of tokenizer_config.json in it, around the vocabulary of whatever file there is.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "tokenizer/class.h"

/* ---- settings ---- */

/* Where the default of a setting stands in the class's row, NULL if it has no such setting. */
static const char *default_of(const mica_tok_class *class, const char *name, size_t size)
{
    for (const char *at = class->settings; at && *at;) {
        size_t length = strcspn(at, " ");

        if (length > size && memcmp(at, name, size) == 0 && at[size] == '=')
            return at + size + 1;
        at += length + (at[length] == ' ');
    }
    return NULL;
}

/* The value of a setting, as it is written in JSON. */
static const char *setting_text(const mica_tok_loader *l, const char *name, size_t size)
{
    const char *otherwise = default_of(l->class, name, size);
    char key[40];
    bool flag;

    if (!otherwise || size >= sizeof key)
        return "false";
    memcpy(key, name, size);
    key[size] = '\0';
    if (mica_json_bool(mica_json_get(l->files->config, key), &flag))
        return flag ? "true" : "false";
    return otherwise[0] == 't' ? "true" : otherwise[0] == 'n' ? "null" : "false";
}

bool mica_tok_setting(const mica_tok_loader *l, const char *name)
{
    return strcmp(name, "true") == 0 || setting_text(l, name, strlen(name))[0] == 't';
}

/* How words begin: Metaspace's prepend_scheme. */
static const char *prepend_scheme(const mica_tok_loader *l)
{
    if (!mica_tok_setting(l, "add_prefix_space"))
        return "never";
    return !default_of(l->class, "legacy", 6) || mica_tok_setting(l, "legacy") ? "always" : "first";
}

/* A part of the row, with its settings filled in. *out stays NULL if there is none. */
static mica_status expand(const mica_tok_loader *l, const char *text, mica_json **out,
                          mica_error *err)
{
    mica_buf buf;
    mica_status status;

    *out = NULL;
    if (!text)
        return MICA_OK;
    mica_buf_init(&buf, 1 << 16);
    while (*text) {
        size_t plain = strcspn(text, "@"), size;

        mica_buf_append(&buf, text, plain);
        text += plain;
        if (!*text)
            break;
        text++;
        size = strspn(text, "abcdefghijklmnopqrstuvwxyz_");
        if (size == 7 && memcmp(text, "prepend", 7) == 0)
            mica_buf_text(&buf, prepend_scheme(l));
        else if (size == 5 && memcmp(text, "strip", 5) == 0)
            mica_buf_char(&buf, mica_tok_setting(l, "add_prefix_space") ? '1' : '0');
        else if (size == 5 && memcmp(text, "bytes", 5) == 0)
            mica_buf_text(&buf, l->spm.byte_fallback
                                    ? ",{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}"
                                    : "");
        else
            mica_buf_text(&buf, setting_text(l, text, size));
        text += size;
    }
    status = buf.failed ? mica_fail_memory(err, buf.size, "a tokenizer class")
                        : mica_json_parse(buf.data, buf.size, l->class->name, out, err);
    mica_buf_free(&buf);
    return status;
}

/* ---- the parts ---- */

/* The character map of a tokenizer.json: its first normalizer of type Precompiled. */
static const mica_json_value *json_charsmap(const mica_json_value *json)
{
    const mica_json_value *normalizer = mica_json_get(json, "normalizer");
    const mica_json_value *list = mica_json_get(normalizer, "normalizers");
    const mica_json_value *v = list ? mica_json_first(list) : normalizer;

    for (; v; v = list ? mica_json_next(v) : NULL) {
        const char *type = mica_tok_json_text(mica_json_get(v, "type"));
        if (type && strcmp(type, "Precompiled") == 0 && mica_json_get(v, "precompiled_charsmap"))
            return v;
    }
    return NULL;
}

/* That of a SentencePiece model. */
static mica_status add_charsmap(mica_tok_loader *l, mica_error *err)
{
    mica_text map = l->spm.charsmap;
    const void *copy = mica_arena_copy(&l->t->arena, map.data, map.size);

    return copy ? mica_tok_normalizer_add_precompiled(&l->t->normalizer, copy, map.size, err)
                : mica_fail_memory(err, map.size, "a character map");
}

static mica_status build_normalizer(mica_tok_loader *l, mica_error *err)
{
    mica_tokenizer *t = l->t;
    const mica_json_value *charsmap = json_charsmap(l->files->tokenizer);
    mica_json *json = NULL;
    mica_status status = MICA_OK;

    if (l->class->charsmap) {
        if (charsmap)
            status = mica_tok_normalizer_load(&t->normalizer, &t->arena, charsmap, err);
        else if (l->spm.charsmap.size > 0)
            status = add_charsmap(l, err);
        else if (l->class->only_with_charsmap)
            return MICA_OK;
    }
    if (status == MICA_OK)
        status = expand(l, l->class->normalizer, &json, err);
    if (status == MICA_OK && json)
        status = mica_tok_normalizer_load(&t->normalizer, &t->arena, mica_json_root(json), err);
    mica_json_destroy(&json);
    return status;
}

static mica_status build_words(mica_tok_loader *l, mica_error *err)
{
    mica_tokenizer *t = l->t;
    mica_json *words, *decoder = NULL;
    mica_status status = expand(l, l->class->pre_tokenizer, &words, err);

    if (status == MICA_OK)
        status = expand(l, l->class->decoder, &decoder, err);
    if (status == MICA_OK && words)
        status =
            mica_tok_pretokenizer_load(&t->pretokenizer, &t->arena, mica_json_root(words), err);
    if (status == MICA_OK && decoder)
        status = mica_tok_decoder_load(&t->decoder, &t->arena, mica_json_root(decoder), err);
    mica_json_destroy(&words);
    mica_json_destroy(&decoder);
    return status;
}

static mica_status build_wordpiece(mica_tok_loader *l, mica_error *err)
{
    const mica_tok_files *f = l->files;
    const mica_tok_new *unknown = &l->named[MICA_TOK_UNK];
    mica_tokenizer *t = l->t;
    mica_status status = f->tokenizer ? mica_tok_load_json_vocab(t, f->tokenizer, err)
                                      : mica_tok_load_vocab(t, f->vocab, f->vocab_size, err);

    if (status == MICA_OK && !unknown->content)
        status = mica_fail(err, MICA_STATUS_FORMAT, "tokenizer_config.json: there is no unk_token");
    return status == MICA_OK ? mica_tok_model_wordpiece(&t->model, &t->vocab, unknown->content,
                                                        unknown->size, "##", 2, 100, err)
                             : status;
}

static mica_status build_bpe(mica_tok_loader *l, mica_error *err)
{
    const mica_tok_files *f = l->files;
    const mica_tok_new *unknown =
        l->class->unknown ? mica_tok_attribute(l, l->class->unknown, strlen(l->class->unknown))
                          : NULL;
    mica_tok_bpe_options options = {.fuse_unknown = l->class->fuse_unknown,
                                    .byte_fallback = l->class->byte_fallback};
    mica_tokenizer *t = l->t;
    mica_status status;

    if (unknown) {
        options.unknown = unknown->content;
        options.unknown_size = unknown->size;
    }
    if (l->class->generic) {
        options.unknown = l->spm.unk_piece.data;
        options.unknown_size = l->spm.unk_piece.size;
        options.byte_fallback = l->spm.byte_fallback;
    }
    if (f->tokenizer)
        status = mica_tok_load_json_vocab(t, f->tokenizer, err);
    else if (f->spm)
        status = mica_tok_spm_vocab(l, err);
    else
        status = mica_tok_load_vocab_json(&t->vocab, f->vocab_json, err);
    if (status == MICA_OK)
        status = mica_tok_model_bpe(&t->model, &t->vocab, &options, err);
    if (status != MICA_OK)
        return status;
    if (f->tokenizer)
        status = mica_tok_load_json_merges(t, f->tokenizer, err);
    else if (f->spm)
        status = mica_tok_spm_merges(l, err);
    else
        status = mica_tok_load_merges(&t->model.bpe, f->merges, f->merges_size, err);
    return status == MICA_OK ? mica_tok_finish_bpe(t, err) : status;
}

/* The first id of a string; 0 if it has none. */
static int64_t first_id(const mica_tok_vocab *vocab, const char *data, size_t size)
{
    for (size_t id = 0; id < vocab->id_limit; id++) {
        size_t length;
        const char *string = mica_tok_vocab_string(vocab, (int64_t)id, &length);

        if (string && length == size && memcmp(string, data, size) == 0)
            return (int64_t)id;
    }
    return 0;
}

static mica_status build_unigram(mica_tok_loader *l, mica_error *err)
{
    const char *fixed = l->class->unknown_id;
    const mica_tok_new *unknown = &l->named[MICA_TOK_UNK];
    mica_tokenizer *t = l->t;
    double *scores = NULL;
    size_t count = 0;
    int64_t id = fixed ? fixed[0] - '0' : 0;
    bool generic = l->class->generic;
    mica_status status = l->files->tokenizer ? mica_tok_load_json_scores(t, l->files->tokenizer,
                                                                         &scores, &count, err)
                                             : mica_tok_spm_scores(l, &scores, &count, err);

    if (generic)
        id = l->spm.unk_id;
    else if (status == MICA_OK && !fixed && unknown->content)
        id = first_id(&t->vocab, unknown->content, unknown->size);
    if (status == MICA_OK)
        status = mica_tok_model_unigram(&t->model, &t->vocab, scores, count, id,
                                        generic && l->spm.byte_fallback, err);
    mica_free(scores);
    return status;
}

mica_status mica_tok_build_class(mica_tok_loader *l, mica_error *err)
{
    mica_tok_model_kind kind = l->class->model;
    mica_status status = build_normalizer(l, err);

    if (l->class->generic)
        kind = l->spm.model == MICA_TOK_SPM_UNIGRAM ? MICA_TOK_UNIGRAM : MICA_TOK_BPE;
    if (status == MICA_OK)
        status = build_words(l, err);
    if (status != MICA_OK)
        return status;
    if (kind == MICA_TOK_WORDPIECE)
        return build_wordpiece(l, err);
    if (kind == MICA_TOK_BPE)
        return build_bpe(l, err);
    return build_unigram(l, err);
}

/* ---- further special tokens ---- */

static bool has_sentinel(const mica_tok_news *list)
{
    static const char sentinel[] = "<extra_id_";

    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].size >= sizeof sentinel - 1 && strstr(list->items[i].content, sentinel))
            return true;
    return false;
}

mica_status mica_tok_prepare_t5(mica_tok_loader *l, mica_error *err)
{
    int64_t n = mica_tok_extra_ids(l);
    mica_status status = MICA_OK;

    if (l->extra_fixed || has_sentinel(&l->extra))
        return MICA_OK;
    for (int64_t i = 0; i < n && status == MICA_OK; i++) {
        size_t size;
        const char *token = mica_tok_extra_id(l, i, &size, err);
        status = token ? mica_tok_put_extra(l, token, size, true, err) : MICA_STATUS_OUT_OF_MEMORY;
    }
    return status;
}

/* Words of a list with spaces between. */
static mica_status put_words(mica_tok_loader *l, const char *list, mica_error *err)
{
    mica_status status = MICA_OK;

    if (l->extra_fixed || l->extra_given)
        return MICA_OK;
    while (*list && status == MICA_OK) {
        size_t size = strcspn(list, " ");
        const char *word = mica_arena_text(&l->t->arena, list, size);

        status = word ? mica_tok_put_extra(l, word, size, true, err)
                      : mica_fail_memory(err, size, "special tokens");
        list += size + (list[size] == ' ');
    }
    return status;
}

mica_status mica_tok_prepare_camembert(mica_tok_loader *l, mica_error *err)
{
    return put_words(l, "<s>NOTUSED </s>NOTUSED <unk>NOTUSED", err);
}

mica_status mica_tok_prepare_nllb(mica_tok_loader *l, mica_error *err)
{
    mica_tok_new *mask = &l->named[MICA_TOK_MASK];

    mask->flags.normalized |= mask->plain;
    return put_words(l, l->class->languages, err);
}

/* ---- the template ---- */

/* A token of a template by its attribute. */
static mica_status put_token(mica_tok_loader *l, const char *name, size_t size,
                             mica_tok_template_piece *piece, mica_error *err)
{
    const mica_tok_new *token = mica_tok_attribute(l, name, size);
    mica_tok_special *special;
    int64_t id;

    if (!token || !token->content)
        return mica_fail(err, MICA_STATUS_FORMAT, "tokenizer_config.json: there is no %.*s",
                         (int)size, name);
    id = mica_tok_id_or_unknown(l, token->content, token->size);
    if (id < 0)
        return mica_fail(err, MICA_STATUS_FORMAT, "%.*s '%.100s' is not in the vocabulary",
                         (int)size, name, token->content);
    special = mica_arena_array(&l->t->arena, 1, sizeof *special);
    if (!special)
        return mica_fail_memory(err, sizeof *special, "a template");
    special->id = (int32_t)id;
    special->size = token->size;
    special->token = mica_arena_text(&l->t->arena, token->content, token->size);
    if (!special->token)
        return mica_fail_memory(err, token->size + 1, "a template");
    piece->tokens = special;
    piece->count = 1;
    return MICA_OK;
}

/* A template from its text: words "$A", "$B", "language" or an attribute, each with ":type" or of
 * type 0. */
static mica_status read_template(mica_tok_loader *l, const char *text, mica_tok_template *out,
                                 mica_error *err)
{
    mica_tok_template_piece *piece;

    out->pieces = mica_arena_array(&l->t->arena, strlen(text) / 2 + 1, sizeof *out->pieces);
    if (!out->pieces)
        return mica_fail_memory(err, strlen(text), "a template");
    out->count = out->special = 0;
    while (*text) {
        size_t length = strcspn(text, " "), size = strcspn(text, ": ");
        mica_status status = MICA_OK;

        piece = &out->pieces[out->count++];
        piece->type_id = text[size] == ':' ? text[size + 1] - '0' : 0;
        piece->sequence = text[0] != '$' ? -1 : text[1] == 'B';
        if (size == 8 && memcmp(text, "language", 8) == 0)
            status = mica_tok_put_language(l, piece, err);
        else if (piece->sequence < 0)
            status = put_token(l, text, size, piece, err);
        if (status != MICA_OK)
            return status;
        out->special += piece->count;
        text += length + (text[length] == ' ');
    }
    return MICA_OK;
}

/* Texts with bos_token and eos_token around each, where tokenizer_config.json asks for them. */
static mica_status bos_and_eos(mica_tok_loader *l, mica_error *err)
{
    mica_tok_postprocessor *post = &l->t->postprocessor;
    bool bos = l->named[MICA_TOK_BOS].content &&
               mica_tok_json_flag(l->files->config, "add_bos_token", false);
    bool eos = l->named[MICA_TOK_EOS].content &&
               mica_tok_json_flag(l->files->config, "add_eos_token", false);
    char single[64], pair[128];
    mica_status status;

    snprintf(single, sizeof single, "%s$A%s", bos ? "bos_token " : "", eos ? " eos_token" : "");
    snprintf(pair, sizeof pair, "%s %s$B:1%s", single, bos ? "bos_token:1 " : "",
             eos ? " eos_token:1" : "");
    post->has_template = true;
    status = read_template(l, single, &post->single, err);
    return status == MICA_OK ? read_template(l, pair, &post->pair, err) : status;
}

mica_status mica_tok_build_template(mica_tok_loader *l, mica_error *err)
{
    const mica_tok_class *class = l->class;
    const char *single = class->single, *pair = class->pair;
    mica_tok_postprocessor *post = &l->t->postprocessor;
    mica_status status;

    if (!single)
        return l->files->tokenizer ? mica_tok_postprocessor_load(
                                         post, &l->t->arena,
                                         mica_json_get(l->files->tokenizer, "post_processor"), err)
                                   : bos_and_eos(l, err);
    post->has_template = true;
    if (class->trim && mica_tok_setting(l, class->trim))
        post->trim_prefix_space[post->trims++] = mica_tok_setting(l, class->trim_prefix);
    if (mica_tok_setting(l, "legacy_behaviour")) { /* NLLB's first templates */
        single = "$A eos_token language";
        pair = "$A $B eos_token language";
    }
    status = read_template(l, single, &post->single, err);
    return status == MICA_OK ? read_template(l, pair, &post->pair, err) : status;
}
