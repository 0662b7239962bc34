/* SPDX-License-Identifier: MIT
 *
 * tokenizer.json: each part by its type. What mica does not know is UNSUPPORTED, by name; a part
 * that lacks a field that Hugging Face requires is FORMAT.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/json_tree.h"
#include "tokenizer/internal.h"
#include "tokenizer/load.h"

static mica_status unsupported(mica_error *err, const char *part, const char *type)
{
    return mica_fail(err, MICA_STATUS_UNSUPPORTED, "%s '%s' is not supported", part, type);
}

static mica_status lacks(mica_error *err, const char *part, const char *field)
{
    return mica_fail(err, MICA_STATUS_FORMAT, "%s: '%s' is missing or has the wrong type", part,
                     field);
}

/* Of the model, whose errors get their prefix in one place. */
static mica_status no_field(mica_error *err, const char *field)
{
    return mica_fail(err, MICA_STATUS_FORMAT, "'%s' is missing or has the wrong type", field);
}

/* The model's type; old files do not say it, but each type has a field that the others lack. */
static const char *model_type(const mica_json_value *model)
{
    const mica_json_value *type = mica_json_get(model, "type");

    if (type)
        return mica_tok_json_text(type);
    if (mica_json_get(model, "merges"))
        return "BPE";
    if (mica_json_get(model, "max_input_chars_per_word"))
        return "WordPiece";
    if (mica_json_get_type(mica_json_get(model, "vocab")) == MICA_JSON_ARRAY)
        return "Unigram";
    return "WordLevel";
}

/* {"token": id, ...} */
mica_status mica_tok_put_vocab_json(mica_tok_vocab *out, const mica_json_value *vocab,
                                    mica_error *err)
{
    mica_status status = MICA_OK;

    if (mica_json_get_type(vocab) != MICA_JSON_OBJECT)
        return no_field(err, "vocab");
    status = mica_tok_vocab_reserve(out, mica_json_count(vocab), err);
    for (const mica_json_value *item = mica_json_first(vocab); item && status == MICA_OK;
         item = mica_json_next(item)) {
        size_t size;
        const char *token = mica_json_key(item, &size);
        int64_t id;

        if (!mica_json_int64(item, &id))
            return mica_fail(err, MICA_STATUS_FORMAT, "the id of token '%.100s' is no integer",
                             token);
        status = mica_tok_vocab_put(out, token, size, id, err);
    }
    return status;
}

mica_status mica_tok_load_vocab_json(mica_tok_vocab *out, const mica_json_value *vocab,
                                     mica_error *err)
{
    mica_status status = mica_tok_put_vocab_json(out, vocab, err);

    return status == MICA_OK ? mica_tok_vocab_finish(out, err) : status;
}

mica_status mica_tok_load_json_vocab(mica_tokenizer *tokenizer, const mica_json_value *json,
                                     mica_error *err)
{
    const mica_json_value *model = mica_json_get(json, "model");
    mica_status status;

    if (mica_json_get_type(model) != MICA_JSON_OBJECT)
        return lacks(err, "tokenizer.json", "model");
    status = mica_tok_load_vocab_json(&tokenizer->vocab, mica_json_get(model, "vocab"), err);
    if (status != MICA_OK)
        mica_error_prefix(err, "model: ");
    return status;
}

static mica_status load_wordpiece(mica_tokenizer *t, const mica_json_value *model, mica_error *err)
{
    size_t unknown_size, prefix_size;
    const char *unknown = mica_json_string(mica_json_get(model, "unk_token"), &unknown_size);
    const char *prefix =
        mica_json_string(mica_json_get(model, "continuing_subword_prefix"), &prefix_size);
    int64_t max_chars;

    if (!unknown)
        return no_field(err, "unk_token");
    if (!prefix)
        return no_field(err, "continuing_subword_prefix");
    if (!mica_json_int64(mica_json_get(model, "max_input_chars_per_word"), &max_chars) ||
        max_chars < 0)
        return no_field(err, "max_input_chars_per_word");
    return mica_tok_model_wordpiece(&t->model, &t->vocab, unknown, unknown_size, prefix,
                                    prefix_size, (size_t)max_chars, err);
}

static mica_status load_wordlevel(mica_tokenizer *t, const mica_json_value *model, mica_error *err)
{
    size_t size;
    const char *unknown = mica_json_string(mica_json_get(model, "unk_token"), &size);

    return unknown ? mica_tok_model_wordlevel(&t->model, &t->vocab, unknown, size, err)
                   : no_field(err, "unk_token");
}

/* ["a", "b"], or "a b". */
static bool split_merge(const mica_json_value *item, const char *parts[2], size_t sizes[2])
{
    const mica_json_value *first = mica_json_first(item);
    const char *space;
    size_t size;

    if (mica_json_get_type(item) == MICA_JSON_ARRAY) {
        parts[0] = mica_json_string(first, &sizes[0]);
        parts[1] = mica_json_string(first ? mica_json_next(first) : NULL, &sizes[1]);
        return parts[0] && parts[1] && mica_json_count(item) == 2;
    }
    parts[0] = mica_json_string(item, &size);
    space = parts[0] ? memchr(parts[0], ' ', size) : NULL;
    if (!space)
        return false;
    sizes[0] = (size_t)(space - parts[0]);
    parts[1] = space + 1;
    sizes[1] = size - sizes[0] - 1;
    return !memchr(parts[1], ' ', sizes[1]);
}

static mica_status load_merges(mica_tok_bpe *bpe, const mica_json_value *merges, mica_error *err)
{
    static const char version[] = "#version";
    uint32_t rank = 0;
    mica_status status;

    if (mica_json_get_type(merges) != MICA_JSON_ARRAY)
        return no_field(err, "merges");
    status = mica_tok_bpe_reserve(bpe, mica_json_count(merges), err);
    for (const mica_json_value *item = mica_json_first(merges); item && status == MICA_OK;
         item = mica_json_next(item)) {
        const char *parts[2], *text = mica_tok_json_text(item);
        size_t sizes[2];

        if (text && strncmp(text, version, sizeof version - 1) == 0)
            continue;
        if (!split_merge(item, parts, sizes))
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "merge %lu ('%.100s') is not two tokens with a space between them",
                             (unsigned long)rank, text ? text : "...");
        status =
            mica_tok_bpe_add_merge_text(bpe, parts[0], sizes[0], parts[1], sizes[1], rank++, err);
    }
    return status;
}

mica_status mica_tok_load_json_merges(mica_tokenizer *t, const mica_json_value *json,
                                      mica_error *err)
{
    mica_status status =
        load_merges(&t->model.bpe, mica_json_get(mica_json_get(json, "model"), "merges"), err);

    if (status != MICA_OK)
        mica_error_prefix(err, "model: ");
    return status;
}

mica_status mica_tok_finish_bpe(mica_tokenizer *t, mica_error *err)
{
    mica_status status =
        mica_tok_bpe_finish(&t->model.bpe, !mica_tok_pretokenizer_splits(&t->pretokenizer), err);

    t->model.bpe.raw_bytes = t->pretokenizer.raw_bytes && mica_tok_bpe_takes_bytes(&t->model.bpe);
    t->pretokenizer.raw_bytes = t->model.bpe.raw_bytes;
    return status;
}

static mica_status load_bpe(mica_tokenizer *t, const mica_json_value *model, mica_error *err)
{
    mica_tok_bpe_options o = {0};
    double dropout = 0;
    mica_status status;

    o.unknown = mica_json_string(mica_json_get(model, "unk_token"), &o.unknown_size);
    o.prefix = mica_json_string(mica_json_get(model, "continuing_subword_prefix"), &o.prefix_size);
    o.suffix = mica_json_string(mica_json_get(model, "end_of_word_suffix"), &o.suffix_size);
    o.fuse_unknown = mica_tok_json_flag(model, "fuse_unk", false);
    o.byte_fallback = mica_tok_json_flag(model, "byte_fallback", false);
    o.ignore_merges = mica_tok_json_flag(model, "ignore_merges", false);
    if (mica_json_double(mica_json_get(model, "dropout"), &dropout) && dropout != 0)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "BPE with dropout %g, which makes ids random, is not supported", dropout);
    status = mica_tok_model_bpe(&t->model, &t->vocab, &o, err);
    if (status == MICA_OK)
        status = load_merges(&t->model.bpe, mica_json_get(model, "merges"), err);
    return status == MICA_OK ? mica_tok_finish_bpe(t, err) : status;
}

/* [["piece", score], ...], with scores as tokenizers reads them, or as transformers does. */
static mica_status load_scores(mica_tok_vocab *out, const mica_json_value *list,
                               bool (*read)(const mica_json_value *, double *), double **kept,
                               mica_error *err)
{
    size_t count = mica_json_count(list), id = 0;
    double *scores;
    mica_status status;

    if (mica_json_get_type(list) != MICA_JSON_ARRAY)
        return no_field(err, "vocab");
    out->keeps_repeated = true;
    status = mica_tok_vocab_reserve(out, count, err);
    if (status != MICA_OK)
        return status;
    *kept = scores = mica_alloc_array(count ? count : 1, sizeof *scores);
    if (!scores)
        return mica_fail_memory(err, count * sizeof *scores, "a vocabulary");
    for (const mica_json_value *item = mica_json_first(list); item && status == MICA_OK;
         item = mica_json_next(item), id++) {
        const mica_json_value *first = mica_json_first(item);
        size_t size;
        const char *piece = mica_json_string(first, &size);

        if (!piece || !read(mica_json_next(first), &scores[id]))
            status =
                mica_fail(err, MICA_STATUS_FORMAT, "entry %zu of vocab is no [piece, score]", id);
        else
            status = mica_tok_vocab_put(out, piece, size, (int64_t)id, err);
    }
    return status == MICA_OK ? mica_tok_vocab_finish(out, err) : status;
}

mica_status mica_tok_load_json_scores(mica_tokenizer *t, const mica_json_value *json,
                                      double **scores, size_t *count, mica_error *err)
{
    const mica_json_value *list = mica_json_get(mica_json_get(json, "model"), "vocab");
    mica_status status = load_scores(&t->vocab, list, mica_json_double, scores, err);

    *count = mica_json_count(list);
    if (status != MICA_OK)
        mica_error_prefix(err, "model: ");
    return status;
}

static mica_status load_unigram(mica_tokenizer *t, const mica_json_value *model, mica_error *err)
{
    const mica_json_value *list = mica_json_get(model, "vocab"),
                          *unk = mica_json_get(model, "unk_id");
    int64_t unknown = -1;
    double *scores = NULL;
    mica_status status;

    if (mica_json_get_type(unk) != MICA_JSON_NULL &&
        (!mica_json_int64(unk, &unknown) || unknown < 0))
        return no_field(err, "unk_id");
    status = load_scores(&t->vocab, list, mica_json_double_by_serde, &scores, err);
    if (status == MICA_OK)
        status =
            mica_tok_model_unigram(&t->model, &t->vocab, scores, mica_json_count(list), unknown,
                                   mica_tok_json_flag(model, "byte_fallback", false), err);
    mica_free(scores);
    return status;
}

static mica_status load_model_of(mica_tokenizer *t, const mica_json_value *model, const char *type,
                                 mica_error *err)
{
    mica_status status;

    if (strcmp(type, "Unigram") == 0)
        return load_unigram(t, model, err);
    status = mica_tok_load_vocab_json(&t->vocab, mica_json_get(model, "vocab"), err);
    if (status != MICA_OK)
        return status;
    if (type[0] == 'B')
        return load_bpe(t, model, err);
    return strcmp(type, "WordPiece") == 0 ? load_wordpiece(t, model, err)
                                          : load_wordlevel(t, model, err);
}

static mica_status load_model(mica_tokenizer *t, const mica_json_value *json, mica_error *err)
{
    const mica_json_value *model = mica_json_get(json, "model");
    const char *type = mica_json_get_type(model) == MICA_JSON_OBJECT ? model_type(model) : NULL;
    mica_status status;

    if (!type)
        return lacks(err, "tokenizer.json", "model");
    if (strcmp(type, "Unigram") != 0 && strcmp(type, "WordPiece") != 0 &&
        strcmp(type, "BPE") != 0 && strcmp(type, "WordLevel") != 0)
        return unsupported(err, "model", type);
    status = load_model_of(t, model, type, err);
    t->pretokenizer.raw_bytes = t->model.bpe.raw_bytes; /* also where the model is no BPE */
    if (status != MICA_OK)
        mica_error_prefix(err, "model: ");
    return status;
}

mica_status mica_tok_load_added_flags(const mica_json_value *json, bool required,
                                      mica_tok_added_flags *out, mica_error *err)
{
    static const char *const names[] = {"single_word", "lstrip", "rstrip", "special", "normalized"};
    bool *const flags[] = {&out->single_word, &out->lstrip, &out->rstrip, &out->special,
                           &out->normalized};

    *out = (mica_tok_added_flags){0};
    for (size_t i = 0; i < 5; i++) {
        if (i == 4)
            out->normalized = !out->special; /* Python's default */
        if (!mica_json_bool(mica_json_get(json, names[i]), flags[i]) && required)
            return lacks(err, "added_tokens", names[i]);
    }
    return MICA_OK;
}

static mica_status load_added(mica_tokenizer *t, const mica_json_value *json, mica_error *err)
{
    const mica_json_value *list = mica_json_get(json, "added_tokens"), *item;

    if (list && mica_json_get_type(list) != MICA_JSON_ARRAY)
        return lacks(err, "tokenizer.json", "added_tokens");
    mica_tok_added_begin(&t->added, mica_tok_model_size(&t->model));
    for (item = mica_json_first(list); item; item = mica_json_next(item)) {
        mica_tok_added_flags flags;
        size_t size;
        const char *content = mica_json_string(mica_json_get(item, "content"), &size);
        int64_t id;
        mica_status status;

        if (!content)
            return lacks(err, "added_tokens", "content");
        if (!mica_json_int64(mica_json_get(item, "id"), &id) || id < 0)
            return lacks(err, "added_tokens", "id");
        status = mica_tok_load_added_flags(item, true, &flags, err);
        if (status == MICA_OK)
            status = mica_tok_added_add(&t->added, &t->vocab, &t->normalizer, &t->unicode, content,
                                        size, flags, err);
        if (status != MICA_OK)
            return status;
    }
    return MICA_OK;
}

mica_status mica_tok_load_json(mica_tokenizer *t, const mica_json_value *json, mica_error *err)
{
    const mica_json_value *version = mica_json_get(json, "version");
    const char *text = mica_tok_json_text(version);
    mica_status status;

    if (mica_json_get_type(json) != MICA_JSON_OBJECT)
        return mica_fail(err, MICA_STATUS_FORMAT, "tokenizer.json is no JSON object");
    if (version && (!text || strcmp(text, "1.0") != 0))
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "tokenizer.json has version '%s' (mica knows 1.0)", text ? text : "?");
    status =
        mica_tok_normalizer_load(&t->normalizer, &t->arena, mica_json_get(json, "normalizer"), err);
    if (status == MICA_OK)
        status = mica_tok_pretokenizer_load(&t->pretokenizer, &t->arena,
                                            mica_json_get(json, "pre_tokenizer"), err);
    if (status == MICA_OK)
        status = mica_tok_postprocessor_load(&t->postprocessor, &t->arena,
                                             mica_json_get(json, "post_processor"), err);
    if (status == MICA_OK)
        status = mica_tok_decoder_load(&t->decoder, &t->arena, mica_json_get(json, "decoder"), err);
    if (status == MICA_OK)
        status = load_model(t, json, err);
    return status == MICA_OK ? load_added(t, json, err) : status;
}

/* ---- truncation and padding ---- */

static bool read_size(const mica_json_value *json, size_t *out)
{
    int64_t number;

    if (!mica_json_int64(json, &number) || number < 0 || number > INT32_MAX)
        return false;
    *out = (size_t)number;
    return true;
}

static mica_status load_truncation(mica_encode_options *o, const mica_json_value *json,
                                   mica_error *err)
{
    static const char *const names[] = {"LongestFirst", "OnlyFirst", "OnlySecond"};
    const char *strategy = mica_tok_json_text(mica_json_get(json, "strategy"));
    const char *direction = mica_tok_json_text(mica_json_get(json, "direction"));
    int found = -1;

    if (mica_json_get_type(json) == MICA_JSON_NULL)
        return MICA_OK;
    for (int i = 0; strategy && i < 3; i++)
        if (strcmp(strategy, names[i]) == 0)
            found = i;
    if (found < 0)
        return lacks(err, "truncation", "strategy");
    if (!read_size(mica_json_get(json, "max_length"), &o->max_length))
        return lacks(err, "truncation", "max_length");
    if (o->max_length == 0)
        return mica_fail(err, MICA_STATUS_FORMAT, "truncation: max_length 0 leaves no token");
    if (!read_size(mica_json_get(json, "stride"), &o->stride))
        return lacks(err, "truncation", "stride");
    if (direction && strcmp(direction, "Left") != 0 && strcmp(direction, "Right") != 0)
        return lacks(err, "truncation", "direction");
    o->truncation = (mica_truncation)found;
    o->truncate_left = direction && direction[0] == 'L';
    return MICA_OK;
}

static mica_status load_padding(mica_tokenizer *t, const mica_json_value *json, mica_error *err)
{
    mica_encode_options *o = &t->defaults;
    const mica_json_value *strategy = mica_json_get(json, "strategy");
    const char *direction = mica_tok_json_text(mica_json_get(json, "direction"));
    const char *token = mica_json_string(mica_json_get(json, "pad_token"), &t->padding.size);
    const char *name = mica_tok_json_text(strategy);
    size_t id, type_id;

    if (mica_json_get_type(json) == MICA_JSON_NULL)
        return MICA_OK;
    o->pad = name && strcmp(name, "BatchLongest") == 0;
    if (!o->pad && !read_size(mica_json_get(strategy, "Fixed"), &o->pad_length))
        return lacks(err, "padding", "strategy");
    if (!direction || (strcmp(direction, "Left") != 0 && strcmp(direction, "Right") != 0))
        return lacks(err, "padding", "direction");
    if (!read_size(mica_json_get(json, "pad_id"), &id) || (int64_t)id >= MICA_TOK_ID_LIMIT)
        return lacks(err, "padding", "pad_id");
    if (!read_size(mica_json_get(json, "pad_type_id"), &type_id))
        return lacks(err, "padding", "pad_type_id");
    if (!token)
        return lacks(err, "padding", "pad_token");
    if (mica_json_get_type(mica_json_get(json, "pad_to_multiple_of")) != MICA_JSON_NULL &&
        !read_size(mica_json_get(json, "pad_to_multiple_of"), &o->pad_to_multiple_of))
        return lacks(err, "padding", "pad_to_multiple_of");
    t->padding.token = mica_arena_text(&t->arena, token, t->padding.size);
    if (!t->padding.token)
        return mica_fail_memory(err, t->padding.size + 1, "the padding token");
    t->padding.type_id = (int32_t)type_id;
    t->pad_id = (int64_t)id;
    o->pad |= o->pad_length > 0;
    o->pad_left = direction[0] == 'L';
    return MICA_OK;
}

mica_status mica_tok_load_sections(mica_tokenizer *t, const mica_json_value *json, mica_error *err)
{
    mica_status status = load_truncation(&t->defaults, mica_json_get(json, "truncation"), err);

    return status == MICA_OK ? load_padding(t, mica_json_get(json, "padding"), err) : status;
}
