/* SPDX-License-Identifier: MIT
 *
 * What AutoTokenizer makes of a directory's files together: the class builds its pipeline, or
 * tokenizer.json counts as written, then tokens are added and the settings of
 * tokenizer_config.json read. The rules are those of transformers 5 (tokenization_utils_base.py,
 * tokenization_utils_tokenizers.py).
 */
#include <string.h>

#include "tokenizer/class.h"

/* The padding token: as configured, as tokenizer.json pads, or (where no class says that there is
 * none) "[PAD]". */
static int64_t find_pad(const mica_tok_loader *l)
{
    const mica_json_value *padding = mica_json_get(l->files->tokenizer, "padding");
    const mica_tok_new *pad = &l->named[MICA_TOK_PAD];
    int64_t id;

    if (pad->content)
        return mica_tokenizer_id(l->t, pad->content, pad->size);
    if (mica_json_int64(mica_json_get(padding, "pad_id"), &id) && id >= 0 &&
        (uint64_t)id < l->t->id_limit)
        return id;
    return l->known ? -1 : mica_tokenizer_id(l->t, "[PAD]", 5);
}

/* The mask token: as configured, or (where no class says that there is none) by its usual names. */
static int64_t find_mask(const mica_tok_loader *l)
{
    const mica_tok_new *mask = &l->named[MICA_TOK_MASK];
    int64_t id;

    if (mask->content)
        return mica_tokenizer_id(l->t, mask->content, mask->size);
    id = l->known ? -1 : mica_tokenizer_id(l->t, "[MASK]", 6);
    return id >= 0 || l->known ? id : mica_tokenizer_id(l->t, "<mask>", 6);
}

/* A special token as configured, whose name nobody guesses. */
static int64_t find_named(const mica_tok_loader *l, int which)
{
    const mica_tok_new *named = &l->named[which];

    return named->content ? mica_tokenizer_id(l->t, named->content, named->size) : -1;
}

/* Whether a side ("left" or "right") is left: as configured, as a section of tokenizer.json has it,
 * or as the class does. */
static bool is_left(const mica_tok_loader *l, const char *key, const char *section, bool otherwise)
{
    const mica_json_value *json = mica_json_get(l->files->tokenizer, section);
    const char *side = mica_tok_json_text(mica_json_get(l->files->config, key));
    const char *direction = mica_tok_json_text(mica_json_get(json, "direction"));

    if (side)
        return strcmp(side, "left") == 0;
    return direction ? strcmp(direction, "Left") == 0 : otherwise;
}

static void read_settings(mica_tok_loader *l)
{
    const mica_json_value *config = l->files->config;
    const mica_json_value *max_length = mica_json_get(config, "model_max_length");
    mica_tokenizer *t = l->t;
    int64_t length = 0;

    /* "No limit" is written as 1e30, which is no exact integer. */
    mica_json_int64(max_length ? max_length : mica_json_get(config, "max_len"), &length);
    t->max_length = length > 0 ? (size_t)length : 0;
    t->clean_up = mica_tok_json_flag(config, "clean_up_tokenization_spaces", false);
    t->clean_up_bpe = mica_tok_json_flag(
        config, "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", false);
    if (l->files->as_written)
        return;
    t->defaults.split_special_tokens = mica_tok_json_flag(config, "split_special_tokens", false);
    t->defaults.truncate_left = is_left(l, "truncation_side", "truncation", false);
    t->defaults.pad_left = is_left(l, "padding_side", "padding", l->class->pad_left);
}

/* The pipeline, without the special tokens. */
static mica_status build(mica_tok_loader *l, mica_error *err)
{
    const mica_tok_files *f = l->files;
    mica_status status = MICA_OK;

    if (l->class->generic && f->tokenizer)
        return mica_tok_load_json(l->t, f->tokenizer, err);
    if (f->spm)
        status = mica_tok_read_spm(l, err);
    if (status == MICA_OK && l->class->model == MICA_TOK_SENTENCEPIECE)
        return mica_tok_build_m2m100(l, err);
    if (status == MICA_OK && f->spm)
        status = mica_tok_take_special_pieces(l, err);
    if (status == MICA_OK && l->class->prepare)
        status = l->class->prepare(l, err);
    return status == MICA_OK ? mica_tok_build_class(l, err) : status;
}

/* What can be said once all tokens have their ids. */
static mica_status finish(mica_tok_loader *l, mica_error *err)
{
    mica_tokenizer *t = l->t;
    bool written = l->class->generic && l->files->tokenizer;
    mica_status status = mica_tok_added_finish(&t->added, err);

    if (status != MICA_OK)
        return status;
    if (t->id_limit < t->vocab.id_limit)
        t->id_limit = t->vocab.id_limit;
    for (size_t i = 0; i < t->added.count; i++)
        if ((size_t)t->added.tokens[i].id >= t->id_limit)
            t->id_limit = (size_t)t->added.tokens[i].id + 1;
    if (!written)
        status = mica_tok_build_template(l, err);
    read_settings(l);
    t->pad_id = find_pad(l);
    t->mask_id = find_mask(l);
    t->unknown_id = find_named(l, MICA_TOK_UNK);
    t->cls_id = find_named(l, MICA_TOK_CLS);
    if (status == MICA_OK)
        status = mica_tok_postprocessor_finish(&t->postprocessor, &t->arena, &t->vocab, &t->unicode,
                                               t->id_limit, err);
    if (status == MICA_OK && l->files->as_written)
        status = mica_tok_load_sections(t, l->files->tokenizer, err);
    return status;
}

mica_status mica_tok_load(mica_tokenizer *t, const mica_tok_files *files, mica_error *err)
{
    mica_tok_loader l = {.t = t, .files = files};
    mica_status status;

    l.class = mica_tok_class_find(files, &l.known);
    status = mica_tok_read_special(&l, err);
    if (status == MICA_OK)
        status = build(&l, err);
    if (status == MICA_OK && !files->as_written)
        status = mica_tok_add_special(&l, err);
    if (status == MICA_OK)
        status = finish(&l, err);
    mica_tok_loader_release(&l);
    return status;
}
