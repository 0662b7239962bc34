/* SPDX-License-Identifier: MIT
 *
 * Which special and added tokens a tokenizer has, out of tokenizer_config.json, its older
 * companions and what the class says, in the order in which transformers 5 adds them
 * (tokenization_utils_base.py, tokenization_utils_tokenizers.py).
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tokenizer/class.h"

const char *const mica_tok_attributes[MICA_TOK_NAMED] = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

void mica_tok_loader_release(mica_tok_loader *l)
{
    mica_free(l->own.items);
    mica_free(l->extra.items);
    mica_free(l->add.items);
    mica_map_destroy(&l->added);
    mica_tok_spm_release(&l->spm);
}

/* A token from a string or an object with `content`; false if it is neither. */
static bool read_token(const mica_json_value *json, mica_tok_new *out)
{
    bool object = mica_json_get_type(json) == MICA_JSON_OBJECT;

    *out = (mica_tok_new){.flags = {.special = true}, .given = json != NULL, .plain = !object};
    out->content = mica_json_string(object ? mica_json_get(json, "content") : json, &out->size);
    if (object)
        mica_tok_load_added_flags(json, false, &out->flags, NULL);
    return out->content != NULL;
}

static mica_status append(mica_tok_news *list, const mica_tok_new *item, mica_error *err)
{
    if (!mica_tok_grow((void **)&list->items, &list->capacity, list->count + 1, sizeof *item))
        return mica_fail_memory(err, sizeof *item, "added tokens");
    list->items[list->count] = *item;
    list->items[list->count].order = list->count;
    list->count++;
    return MICA_OK;
}

mica_status mica_tok_put_extra(mica_tok_loader *l, const char *content, size_t size, bool special,
                               mica_error *err)
{
    mica_tok_new item = {.content = content, .size = size, .flags = {.special = special}};

    return append(&l->extra, &item, err);
}

static bool same_content(const mica_tok_new *a, const mica_tok_new *b)
{
    return a->content && b->content && a->size == b->size &&
           memcmp(a->content, b->content, a->size) == 0;
}

/* Whether it is the token of one of the seven attributes; `given`: by the files' own words. */
static bool is_named(const mica_tok_loader *l, const mica_tok_new *item, bool given)
{
    for (size_t i = 0; i < MICA_TOK_NAMED; i++)
        if (same_content(&l->named[i], item) && (l->named[i].given || !given))
            return true;
    return false;
}

const mica_tok_new *mica_tok_attribute(const mica_tok_loader *l, const char *name, size_t size)
{
    for (size_t i = 0; i < MICA_TOK_NAMED; i++)
        if (strlen(mica_tok_attributes[i]) == size &&
            memcmp(mica_tok_attributes[i], name, size) == 0)
            return &l->named[i];
    return NULL;
}

int64_t mica_tok_id_or_unknown(const mica_tok_loader *l, const char *content, size_t size)
{
    const mica_tok_new *unknown = &l->named[MICA_TOK_UNK];
    int64_t id = mica_tokenizer_id(l->t, content, size);

    return id >= 0 || !unknown->content ? id
                                        : mica_tokenizer_id(l->t, unknown->content, unknown->size);
}

/* ---- what the files and the class name ---- */

static void read_named(mica_tok_loader *l)
{
    for (size_t i = 0; i < MICA_TOK_NAMED; i++) {
        const mica_json_value *value = mica_json_get(l->files->config, mica_tok_attributes[i]);
        const mica_json_value *other =
            mica_json_get(l->files->special_tokens_map, mica_tok_attributes[i]);
        mica_tok_new *item = &l->named[i];

        if (l->legacy && other)
            value = other;
        if (!read_token(value, item) && !item->given && l->class->named[i]) {
            item->content = l->class->named[i];
            item->size = strlen(item->content);
        }
        if (i == MICA_TOK_MASK && item->plain)
            item->flags.lstrip = l->class->mask_takes_space;
    }
}

/* Special tokens of this model only: other settings that end with "_token". */
static mica_status read_own(mica_tok_loader *l, mica_error *err)
{
    const mica_json_value *v = mica_json_first(l->files->config);
    mica_status status = MICA_OK;
    mica_tok_new item;

    for (; v && status == MICA_OK; v = mica_json_next(v)) {
        size_t size;
        const char *key = mica_json_key(v, &size);

        if (size > 6 && strcmp(key + size - 6, "_token") == 0 &&
            !mica_tok_attribute(l, key, size) && mica_json_get_type(v) == MICA_JSON_STRING &&
            read_token(v, &item))
            status = append(&l->own, &item, err);
    }
    return status;
}

/* The tokens of a list or an object. */
static mica_status read_list(const mica_json_value *list, mica_tok_news *out, mica_error *err)
{
    mica_status status = MICA_OK;
    mica_tok_new item;

    for (const mica_json_value *v = mica_json_first(list); v && status == MICA_OK;
         v = mica_json_next(v))
        if (read_token(v, &item))
            status = append(out, &item, err);
    return status;
}

/* extra_special_tokens, of which old files say additional_special_tokens. */
static mica_status read_extra(mica_tok_loader *l, mica_error *err)
{
    const mica_json_value *list = mica_json_get(l->files->config, "extra_special_tokens");
    const mica_json_value *old = mica_json_get(l->files->config, "additional_special_tokens");
    const mica_json_value *map = l->files->special_tokens_map;
    mica_status status;

    if (mica_json_count(list) == 0 && old)
        list = old;
    if (mica_json_get_type(list) == MICA_JSON_OBJECT)
        return read_list(list, &l->own, err);
    l->extra_fixed = mica_json_get_type(list) == MICA_JSON_ARRAY;
    status = read_list(list, &l->extra, err);
    if (!l->legacy || status != MICA_OK)
        return status;
    list = mica_json_get(map, "extra_special_tokens");
    l->extra_fixed |= mica_json_get_type(list) == MICA_JSON_ARRAY;
    status = read_list(list, &l->extra, err);
    list = mica_json_get(map, "additional_special_tokens");
    if (status != MICA_OK || l->extra_fixed || mica_json_get_type(list) != MICA_JSON_ARRAY)
        return status;
    l->extra_given = true;
    return read_list(list, &l->extra, err);
}

mica_status mica_tok_read_special(mica_tok_loader *l, mica_error *err)
{
    mica_status status;

    l->legacy = !mica_json_get(l->files->config, "added_tokens_decoder");
    l->added = mica_map_create();
    if (!l->added)
        return mica_fail_memory(err, 0, "added tokens");
    read_named(l);
    status = read_own(l, err);
    return status == MICA_OK ? read_extra(l, err) : status;
}

/* ---- in the order of being added ---- */

/* added_tokens_decoder: {"103": {"content": "[MASK]", ...}}. */
static mica_status read_decoder(mica_tok_loader *l, mica_error *err)
{
    const mica_json_value *v =
        mica_json_first(mica_json_get(l->files->config, "added_tokens_decoder"));

    for (; v; v = mica_json_next(v)) {
        size_t size;
        const char *key = mica_json_key(v, &size);
        char *end;
        mica_tok_new item;
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
        status = append(&l->add, &item, err);
        if (status != MICA_OK)
            return status;
    }
    return MICA_OK;
}

/* added_tokens.json: {"token": id}. */
static mica_status read_added(mica_tok_loader *l, mica_error *err)
{
    const mica_json_value *v = mica_json_first(l->files->added_tokens);
    mica_map *extra = mica_map_create();
    mica_status status = extra ? MICA_OK : mica_fail_memory(err, 0, "added tokens");

    for (size_t i = 0; l->extra_fixed && i < l->extra.count && status == MICA_OK; i++)
        if (mica_map_add(extra, l->extra.items[i].content, l->extra.items[i].size, i) ==
            MICA_MAP_NO_MEMORY)
            status = mica_fail_memory(err, 0, "added tokens");
    for (; v && status == MICA_OK; v = mica_json_next(v)) {
        mica_tok_new item = {0};

        item.content = mica_json_key(v, &item.size);
        if (!mica_json_int64(v, &item.index)) {
            status = mica_fail(err, MICA_STATUS_FORMAT,
                               "added_tokens.json: the id of '%s' is no integer", item.content);
            break;
        }
        item.flags.special =
            is_named(l, &item, true) || mica_map_find(extra, item.content, item.size) != NULL;
        item.flags.normalized = !item.flags.special;
        status = append(&l->add, &item, err);
    }
    mica_map_destroy(&extra);
    return status;
}

/* The added_tokens of tokenizer.json. */
static mica_status read_json_added(mica_tok_loader *l, mica_error *err)
{
    const mica_json_value *v = mica_json_first(mica_json_get(l->files->tokenizer, "added_tokens"));
    mica_status status = MICA_OK;

    for (; v && status == MICA_OK; v = mica_json_next(v)) {
        mica_tok_new item;

        if (mica_json_get_type(v) != MICA_JSON_OBJECT || !read_token(v, &item) ||
            !mica_json_int64(mica_json_get(v, "id"), &item.index))
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "tokenizer.json: an added token lacks id or content");
        status = append(&l->add, &item, err);
    }
    return status;
}

static int by_index(const void *a, const void *b)
{
    const mica_tok_new *x = a, *y = b;

    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* In the order of their ids; of those with the same id the last one counts. */
static void sort(mica_tok_news *list)
{
    size_t kept = 0;

    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, by_index);
    for (size_t i = 0; i < list->count; i++)
        if (i + 1 == list->count || list->items[i + 1].index != list->items[i].index)
            list->items[kept++] = list->items[i];
    list->count = kept;
}

/* Notes that a token is in l->add. */
static mica_status note(mica_tok_loader *l, const mica_tok_new *item, mica_error *err)
{
    return mica_map_set(l->added, item->content, item->size, 0) == MICA_MAP_NO_MEMORY
               ? mica_fail_memory(err, item->size, "added tokens")
               : MICA_OK;
}

/* Appends a special token unless it is there already, added by tokenizer.json or in the list. */
static mica_status append_new(mica_tok_loader *l, const mica_tok_new *item, mica_error *err)
{
    mica_status status;

    if (!item->content || mica_tok_added_find(&l->t->added, item->content, item->size) ||
        mica_map_find(l->added, item->content, item->size))
        return MICA_OK;
    status = append(&l->add, item, err);
    return status == MICA_OK ? note(l, item, err) : status;
}

static mica_status append_all(mica_tok_loader *l, const mica_tok_news *list, mica_error *err)
{
    mica_status status = MICA_OK;

    for (size_t i = 0; i < list->count && status == MICA_OK; i++)
        status = append_new(l, &list->items[i], err);
    return status;
}

static mica_status add(mica_tok_loader *l, const mica_tok_new *item, mica_tok_added_flags flags,
                       mica_error *err)
{
    mica_tokenizer *t = l->t;

    /* Where SentencePiece encodes, what is added is looked for before anything else. */
    if (l->class->model == MICA_TOK_SENTENCEPIECE)
        flags.normalized = false;
    return mica_tok_added_add(&t->added, &t->vocab, &t->normalizer, &t->unicode, item->content,
                              item->size, flags, err);
}

/* Takes the flags of special tokens away. */
static mica_status make_plain(mica_tok_loader *l, mica_error *err)
{
    const mica_tok_news named = {l->named, MICA_TOK_NAMED, 0};
    const mica_tok_news *const lists[] = {&named, &l->own, &l->extra};
    const mica_tok_added_flags plain = {.special = true};
    mica_status status = MICA_OK;

    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < lists[k]->count && status == MICA_OK; i++)
            if (lists[k]->items[i].content)
                status = add(l, &lists[k]->items[i], plain, err);
    return status;
}

mica_status mica_tok_add_special(mica_tok_loader *l, mica_error *err)
{
    mica_status status;

    if (l->legacy) {
        status = read_added(l, err);
        if (status == MICA_OK)
            status = read_json_added(l, err);
    } else {
        status = read_decoder(l, err);
    }
    sort(&l->add);
    for (size_t i = 0; i < l->add.count && status == MICA_OK; i++)
        status = note(l, &l->add.items[i], err);
    for (size_t i = 0; i < MICA_TOK_NAMED && status == MICA_OK; i++)
        status = append_new(l, &l->named[i], err);
    if (status == MICA_OK)
        status = append_all(l, &l->own, err);
    if (status == MICA_OK)
        status = append_all(l, &l->extra, err);
    mica_tok_added_begin(&l->t->added, mica_tok_model_size(&l->t->model));
    for (size_t i = 0; i < l->add.count && status == MICA_OK; i++) {
        mica_tok_new *item = &l->add.items[i];
        if (is_named(l, item, false))
            item->flags.special = true;
        status = add(l, item, item->flags, err);
    }
    return status == MICA_OK && l->class->plain_special ? make_plain(l, err) : status;
}
