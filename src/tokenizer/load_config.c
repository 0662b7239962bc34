/* SPDX-License-Identifier: MIT
 *
 * What AutoTokenizer makes of a directory's files together: which class it is, what the class
 * builds itself instead of taking it from tokenizer.json, and which special tokens are added. The
 * rules are those of transformers 5 (tokenization_utils_base.py, tokenization_utils_tokenizers.py,
 * models/bert/tokenization_bert.py).
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tokenizer/internal.h"
#include "tokenizer/load.h"

/* The attributes of a tokenizer that name a special token, in the order in which they are added. */
enum { BOS, EOS, UNK, SEP, PAD, CLS, MASK, NAMED };
static const char *const attribute[NAMED] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                             "pad_token", "cls_token", "mask_token"};
static const char *const bert_default[NAMED] = {NULL,    NULL,    "[UNK]", "[SEP]",
                                                "[PAD]", "[CLS]", "[MASK]"};

/* A token to add; its strings belong to the documents. */
typedef struct token {
    const char *content;
    size_t size;
    mica_tok_added_flags flags;
    int64_t index; /* in added_tokens_decoder */
    size_t order;
} token;

typedef struct tokens {
    token *items;
    size_t count, capacity;
} tokens;

typedef struct loader {
    mica_tokenizer *t;
    const mica_tok_files *files;
    bool known;  /* the files name a class, or a model type */
    bool bert;   /* it is one of BERT's classes */
    bool legacy; /* no added_tokens_decoder: special_tokens_map.json and added_tokens.json count */
    token named[NAMED];
    tokens add;
} loader;

static bool in_list(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

/* Classes that are BertTokenizer under another name, each also with "Fast". */
static bool is_bert_class(const char *name)
{
    static const char *const classes[] = {"BertTokenizer",
                                          "DistilBertTokenizer",
                                          "MobileBertTokenizer",
                                          "ConvBertTokenizer",
                                          "ElectraTokenizer",
                                          "SqueezeBertTokenizer",
                                          "LayoutLMTokenizer",
                                          "LxmertTokenizer",
                                          "DPRReaderTokenizer",
                                          "DPRContextEncoderTokenizer",
                                          "DPRQuestionEncoderTokenizer",
                                          NULL};
    char plain[64];
    size_t size = strlen(name);

    if (size >= sizeof plain)
        return false;
    if (size > 4 && strcmp(name + size - 4, "Fast") == 0)
        size -= 4;
    memcpy(plain, name, size);
    plain[size] = '\0';
    return in_list(plain, classes);
}

/* Values of model_type in config.json whose tokenizer is BertTokenizer. */
static bool is_bert_model(const char *type)
{
    static const char *const types[] = {"bert",     "distilbert",  "electra",       "mobilebert",
                                        "convbert", "squeezebert", "megatron-bert", "nomic_bert",
                                        "layoutlm", "ernie",       "visual_bert",   NULL};
    return in_list(type, types);
}

/* Decides loader->bert; UNSUPPORTED if vocab.txt is of another class. */
static mica_status find_class(loader *l, mica_error *err)
{
    const mica_tok_files *f = l->files;
    const char *name = mica_tok_json_text(mica_json_get(f->config, "tokenizer_class"));
    const char *type = mica_tok_json_text(mica_json_get(f->model, "model_type"));

    if (!name)
        name = mica_tok_json_text(mica_json_get(f->model, "tokenizer_class"));
    l->known = name || type;
    if (name)
        l->bert = is_bert_class(name);
    else if (type)
        l->bert = is_bert_model(type);
    else
        l->bert = !f->tokenizer;
    if (!f->tokenizer && !l->bert)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "a vocab.txt of tokenizer %s '%s' is not supported",
                         name ? "class" : "model type", name ? name : type);
    return MICA_OK;
}

/* A token from a string or an object with `content`; false if it is neither. */
static bool read_token(const mica_json_value *json, token *out)
{
    bool object = mica_json_get_type(json) == MICA_JSON_OBJECT;

    *out = (token){.flags = {.special = true}};
    out->content = mica_json_string(object ? mica_json_get(json, "content") : json, &out->size);
    if (object)
        mica_tok_load_added_flags(json, false, &out->flags, NULL);
    return out->content != NULL;
}

static mica_status append(loader *l, const token *item, mica_error *err)
{
    if (!mica_tok_grow((void **)&l->add.items, &l->add.capacity, l->add.count + 1, sizeof *item))
        return mica_fail_memory(err, sizeof *item, "added tokens");
    l->add.items[l->add.count] = *item;
    l->add.items[l->add.count].order = l->add.count;
    l->add.count++;
    return MICA_OK;
}

static bool same_content(const token *a, const token *b)
{
    return a->content && b->content && a->size == b->size &&
           memcmp(a->content, b->content, a->size) == 0;
}

static bool is_named(const loader *l, const token *item)
{
    for (size_t i = 0; i < NAMED; i++)
        if (same_content(&l->named[i], item))
            return true;
    return false;
}

/* A list of further special tokens, of which old files say additional_special_tokens. */
static const mica_json_value *extra_list(const loader *l)
{
    const mica_json_value *extra = mica_json_get(l->files->config, "extra_special_tokens");

    if (mica_json_count(extra) == 0)
        extra = mica_json_get(l->files->config, "additional_special_tokens");
    return extra;
}

static void read_named(loader *l)
{
    for (size_t i = 0; i < NAMED; i++) {
        const mica_json_value *value = mica_json_get(l->files->config, attribute[i]);
        const mica_json_value *other = mica_json_get(l->files->special_tokens_map, attribute[i]);

        if (l->legacy && other)
            value = other;
        if (!read_token(value, &l->named[i]) && l->bert && bert_default[i]) {
            l->named[i].content = bert_default[i];
            l->named[i].size = strlen(bert_default[i]);
        }
    }
}

/* added_tokens_decoder: {"103": {"content": "[MASK]", ...}}. */
static mica_status read_decoder(loader *l, const mica_json_value *decoder, mica_error *err)
{
    for (const mica_json_value *v = mica_json_first(decoder); v; v = mica_json_next(v)) {
        size_t size;
        const char *key = mica_json_key(v, &size);
        char *end;
        token item;
        mica_status status;

        if (mica_json_get_type(v) != MICA_JSON_OBJECT || !read_token(v, &item))
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "tokenizer_config.json: added_tokens_decoder[\"%s\"] has no content",
                             key);
        item.index = strtoll(key, &end, 10);
        if (end == key || *end != '\0')
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "tokenizer_config.json: added_tokens_decoder has key \"%s\", no id",
                             key);
        status = append(l, &item, err);
        if (status != MICA_OK)
            return status;
    }
    return MICA_OK;
}

static bool in_extra(const loader *l, const token *item)
{
    for (const mica_json_value *v = mica_json_first(extra_list(l)); v; v = mica_json_next(v)) {
        token other;
        if (read_token(v, &other) && same_content(&other, item))
            return true;
    }
    return false;
}

/* added_tokens.json ({"token": id}) and the added_tokens of tokenizer.json. */
static mica_status read_legacy(loader *l, mica_error *err)
{
    const mica_json_value *v;
    mica_status status = MICA_OK;

    for (v = mica_json_first(l->files->added_tokens); v && status == MICA_OK;
         v = mica_json_next(v)) {
        token item = {0};

        item.content = mica_json_key(v, &item.size);
        if (!mica_json_int64(v, &item.index))
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "added_tokens.json: the id of '%s' is no integer", item.content);
        item.flags.special = is_named(l, &item) || in_extra(l, &item);
        item.flags.normalized = !item.flags.special;
        status = append(l, &item, err);
    }
    v = mica_json_first(mica_json_get(l->files->tokenizer, "added_tokens"));
    for (; v && status == MICA_OK; v = mica_json_next(v)) {
        token item;

        if (mica_json_get_type(v) != MICA_JSON_OBJECT || !read_token(v, &item) ||
            !mica_json_int64(mica_json_get(v, "id"), &item.index))
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "tokenizer.json: an added token lacks id or content");
        status = append(l, &item, err);
    }
    return status;
}

static int by_index(const void *a, const void *b)
{
    const token *x = a, *y = b;

    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* In the order of their ids; of those with the same id the last one counts. */
static void sort_decoder(tokens *list)
{
    size_t kept = 0;

    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, by_index);
    for (size_t i = 0; i < list->count; i++)
        if (i + 1 == list->count || list->items[i + 1].index != list->items[i].index)
            list->items[kept++] = list->items[i];
    list->count = kept;
}

/* Appends a special token unless it is there already, added by tokenizer.json or in the list. */
static mica_status append_new(loader *l, const token *item, mica_error *err)
{
    if (!item->content || mica_tok_added_find(&l->t->added, item->content, item->size))
        return MICA_OK;
    for (size_t i = 0; i < l->add.count; i++)
        if (same_content(&l->add.items[i], item))
            return MICA_OK;
    return append(l, item, err);
}

/* Attributes of this model only ("image_token": "<image>"), and the list of extra tokens. */
static mica_status append_extra(loader *l, mica_error *err)
{
    const mica_json_value *v, *extra = extra_list(l);
    mica_status status = MICA_OK;
    token item;

    for (v = mica_json_first(l->files->config); v && status == MICA_OK; v = mica_json_next(v)) {
        size_t size;
        const char *key = mica_json_key(v, &size);
        bool known = false;

        for (size_t i = 0; i < NAMED; i++)
            known = known || strcmp(key, attribute[i]) == 0;
        if (!known && size > 6 && strcmp(key + size - 6, "_token") == 0 &&
            mica_json_get_type(v) == MICA_JSON_STRING && read_token(v, &item))
            status = append_new(l, &item, err);
    }
    if (mica_json_count(extra) == 0 && l->legacy)
        extra = mica_json_get(l->files->special_tokens_map, "additional_special_tokens");
    for (v = mica_json_first(extra); v && status == MICA_OK; v = mica_json_next(v))
        if (read_token(v, &item))
            status = append_new(l, &item, err);
    return status;
}

static mica_status add_tokens(loader *l, mica_error *err)
{
    const mica_json_value *decoder = mica_json_get(l->files->config, "added_tokens_decoder");
    mica_tokenizer *t = l->t;
    mica_status status = l->legacy ? read_legacy(l, err) : read_decoder(l, decoder, err);

    sort_decoder(&l->add);
    for (size_t i = 0; i < NAMED && status == MICA_OK; i++)
        status = append_new(l, &l->named[i], err);
    if (status == MICA_OK)
        status = append_extra(l, err);
    mica_tok_added_begin(&t->added, &t->vocab);
    for (size_t i = 0; i < l->add.count && status == MICA_OK; i++) {
        token *item = &l->add.items[i];
        if (is_named(l, item))
            item->flags.special = true;
        status = mica_tok_added_add(&t->added, &t->vocab, &t->normalizer, &t->unicode,
                                    item->content, item->size, item->flags, err);
    }
    return status;
}

/* BertTokenizer takes nothing but the vocabulary from a file. */
static mica_status build_bert(loader *l, mica_error *err)
{
    const mica_tok_files *f = l->files;
    const mica_json_value *strip = mica_json_get(f->config, "strip_accents");
    mica_tokenizer *t = l->t;
    mica_tok_bert bert = {.clean = true};
    mica_status status = f->tokenizer ? mica_tok_load_json_vocab(t, f->tokenizer, err)
                                      : mica_tok_load_vocab(t, f->vocab, f->vocab_size, err);

    if (status != MICA_OK)
        return status;
    bert.lower = mica_tok_json_flag(f->config, "do_lower_case", true);
    bert.chinese = mica_tok_json_flag(f->config, "tokenize_chinese_chars", true);
    bert.strip = bert.lower;
    mica_json_bool(strip, &bert.strip);
    status = mica_tok_normalizer_bert(&t->normalizer, bert, err);
    if (status == MICA_OK)
        status = mica_tok_pretokenizer_bert(&t->pretokenizer, err);
    if (status != MICA_OK)
        return status;
    status = mica_tok_decoder_wordpiece(&t->decoder, &t->arena, "##", 2, true, err);
    if (status == MICA_OK)
        status = mica_tok_model_wordpiece(&t->model, &t->vocab, l->named[UNK].content,
                                          l->named[UNK].size, "##", 2, 100, err);
    return status;
}

/* After its tokens are added: [CLS] and [SEP] have ids. */
static mica_status finish_bert(loader *l, mica_error *err)
{
    mica_tok_special special[2];
    const token *named[2] = {&l->named[CLS], &l->named[SEP]};

    for (int i = 0; i < 2; i++) {
        const mica_tok_added_token *added =
            mica_tok_added_find(&l->t->added, named[i]->content, named[i]->size);
        if (!added)
            return mica_fail(err, MICA_STATUS_FORMAT, "tokenizer_config.json: %s is empty",
                             attribute[i ? SEP : CLS]);
        special[i].id = added->id;
        special[i].size = named[i]->size;
        special[i].token = mica_arena_text(&l->t->arena, named[i]->content, named[i]->size);
        if (!special[i].token)
            return mica_fail_memory(err, named[i]->size + 1, "special tokens");
    }
    return mica_tok_postprocessor_bert(&l->t->postprocessor, &l->t->arena, &special[0], &special[1],
                                       err);
}

/* Without a class, tokenizer.json counts as written, except for what tokenizer_config.json says
 * expressly about a BertNormalizer. */
static void override_normalizer(loader *l)
{
    const mica_json_value *config = l->files->config;
    const mica_json_value *json = mica_json_get(l->files->tokenizer, "normalizer");
    const char *type = mica_tok_json_text(mica_json_get(json, "type"));
    const mica_json_value *own_strip = mica_json_get(json, "strip_accents");
    mica_tok_bert *bert;

    if (!type || strcmp(type, "BertNormalizer") != 0)
        return;
    bert = &l->t->normalizer.steps[0].bert;
    mica_json_bool(mica_json_get(config, "do_lower_case"), &bert->lower);
    mica_json_bool(mica_json_get(config, "tokenize_chinese_chars"), &bert->chinese);
    bert->strip = bert->lower;
    mica_json_bool(own_strip, &bert->strip);
    mica_json_bool(mica_json_get(config, "strip_accents"), &bert->strip);
}

/* The padding token: as configured, as tokenizer.json pads, or (where no class says that there is
 * none)
 * "[PAD]". */
static int64_t find_pad(const loader *l)
{
    const mica_json_value *padding = mica_json_get(l->files->tokenizer, "padding");
    const token *pad = &l->named[PAD];
    int64_t id;

    if (pad->content)
        return mica_tokenizer_id(l->t, pad->content, pad->size);
    if (mica_json_int64(mica_json_get(padding, "pad_id"), &id) && id >= 0 &&
        (uint64_t)id < l->t->id_limit)
        return id;
    return l->known ? -1 : mica_tokenizer_id(l->t, "[PAD]", 5);
}

/* The mask token: as configured, or (where no class says that there is none) by its usual names. */
static int64_t find_mask(const loader *l)
{
    const token *mask = &l->named[MASK];
    int64_t id;

    if (mask->content)
        return mica_tokenizer_id(l->t, mask->content, mask->size);
    id = l->known ? -1 : mica_tokenizer_id(l->t, "[MASK]", 6);
    return id >= 0 || l->known ? id : mica_tokenizer_id(l->t, "<mask>", 6);
}

/* A special token as configured, whose name nobody guesses. */
static int64_t find_named(const loader *l, int which)
{
    const token *named = &l->named[which];

    return named->content ? mica_tokenizer_id(l->t, named->content, named->size) : -1;
}

static void read_settings(loader *l)
{
    const mica_json_value *config = l->files->config;
    const mica_json_value *max_length = mica_json_get(config, "model_max_length");
    const char *side = mica_tok_json_text(mica_json_get(config, "truncation_side"));
    int64_t length = 0;

    /* "No limit" is written as 1e30, which is no exact integer. */
    mica_json_int64(max_length ? max_length : mica_json_get(config, "max_len"), &length);
    l->t->max_length = length > 0 ? (size_t)length : 0;
    l->t->clean_up = mica_tok_json_flag(config, "clean_up_tokenization_spaces", false);
    l->t->defaults.split_special_tokens = mica_tok_json_flag(config, "split_special_tokens", false);
    l->t->defaults.truncate_left = side && strcmp(side, "left") == 0;
}

mica_status mica_tok_load(mica_tokenizer *t, const mica_tok_files *files, mica_error *err)
{
    loader l = {.t = t, .files = files};
    mica_status status = find_class(&l, err);

    if (status != MICA_OK)
        return status;
    l.legacy = !mica_json_get(files->config, "added_tokens_decoder");
    read_named(&l);
    if (l.bert) {
        status = build_bert(&l, err);
    } else {
        status = mica_tok_load_json(t, files->tokenizer, err);
        if (status == MICA_OK)
            override_normalizer(&l);
    }
    if (status == MICA_OK && (l.bert || files->config))
        status = add_tokens(&l, err);
    if (status == MICA_OK && l.bert)
        status = finish_bert(&l, err);
    if (status == MICA_OK)
        status = mica_tok_added_finish(&t->added, err);
    if (status == MICA_OK) {
        t->id_limit = t->vocab.id_limit;
        for (size_t i = 0; i < t->added.count; i++)
            if ((size_t)t->added.tokens[i].id >= t->id_limit)
                t->id_limit = (size_t)t->added.tokens[i].id + 1;
        read_settings(&l);
        t->pad_id = find_pad(&l);
        t->mask_id = find_mask(&l);
        t->unknown_id = find_named(&l, UNK);
        t->cls_id = find_named(&l, CLS);
        status = mica_tok_postprocessor_finish(&t->postprocessor, &t->arena, &t->vocab, &t->unicode,
                                               t->id_limit, err);
    }
    if (status == MICA_OK && files->as_written)
        status = mica_tok_load_sections(t, files->tokenizer, err);
    mica_free(l.add.items);
    return status;
}
