/* SPDX-License-Identifier: MIT */
#include "tokenizer/added_tokens.h"

#include "base/alloc.h"

/* A search may look at this many bytes for each byte of text. */
#define CONTENT_MAX 4096

mica_status mica_tok_added_init(mica_tok_added *added, mica_error *err)
{
    added->by_content = mica_map_create();
    added->by_id = mica_map_create();
    if (!added->by_content || !added->by_id)
        return mica_fail_memory(err, 0, "added tokens");
    return MICA_OK;
}

void mica_tok_added_release(mica_tok_added *added)
{
    for (size_t i = 0; i < added->count; i++) {
        mica_free(added->tokens[i].content);
        mica_free(added->tokens[i].normalized);
    }
    mica_free(added->tokens);
    mica_map_destroy(&added->by_content);
    mica_map_destroy(&added->by_id);
    mica_tok_trie_release(&added->raw.trie);
    mica_tok_trie_release(&added->normalized.trie);
    memset(added, 0, sizeof *added);
}

void mica_tok_added_begin(mica_tok_added *added, size_t first)
{
    added->next_id = (int64_t)first;
    for (size_t i = 0; i < added->count; i++)
        if (added->tokens[i].live && added->tokens[i].id >= added->next_id)
            added->next_id = (int64_t)added->tokens[i].id + 1;
}

static mica_tok_added_token *by_content(const mica_tok_added *added, const char *content,
                                        size_t size)
{
    const mica_map_entry *entry = mica_map_find(added->by_content, content, size);
    return entry ? &added->tokens[entry->value] : NULL;
}

const mica_tok_added_token *mica_tok_added_find(const mica_tok_added *added, const char *content,
                                                size_t size)
{
    return by_content(added, content, size);
}

const mica_tok_added_token *mica_tok_added_by_id(const mica_tok_added *added, int64_t id)
{
    int32_t key = (int32_t)id;
    const mica_map_entry *entry;

    if (added->count == 0 || id < 0 || id >= MICA_TOK_ID_LIMIT)
        return NULL;
    entry = mica_map_find(added->by_id, (const char *)&key, sizeof key);
    return entry ? &added->tokens[entry->value] : NULL;
}

/* Keeps what the normalizer makes of a token, if that is something else. */
static mica_status keep_normalized(mica_tok_added_token *token,
                                   const mica_tok_normalizer *normalizer,
                                   const mica_unicode *unicode, mica_error *err)
{
    mica_tok_normalize_work work = {0};
    const mica_tok_text *text;
    char *copy;
    mica_status status =
        mica_tok_normalize(normalizer, unicode, token->content, token->size, 0, &work, &text, err);

    if (status != MICA_OK)
        goto done;
    if (text->size == token->size && memcmp(text->data, token->content, token->size) == 0)
        goto done;
    copy = mica_memdup_text(text->size ? text->data : "", text->size);
    if (!copy) {
        status = mica_fail_memory(err, text->size + 1, "added tokens");
        goto done;
    }
    mica_free(token->normalized);
    token->normalized = copy;
    token->normalized_size = text->size;
done:
    mica_tok_normalize_release(&work);
    return status;
}

/* A new token without flags. NULL = out of memory. */
static mica_tok_added_token *append(mica_tok_added *added, const char *content, size_t size,
                                    int64_t id)
{
    mica_tok_added_token token = {.size = size, .id = (int32_t)id};

    if (!mica_tok_grow((void **)&added->tokens, &added->capacity, added->count + 1,
                       sizeof *added->tokens))
        return NULL;
    token.content = mica_memdup_text(content, size);
    if (!token.content)
        return NULL;
    if (mica_map_add(added->by_content, content, size, added->count) != MICA_MAP_ADDED) {
        mica_free(token.content);
        return NULL;
    }
    added->tokens[added->count] = token;
    return &added->tokens[added->count++];
}

/* The token becomes the one of its id. */
static bool make_live(mica_tok_added *added, mica_tok_added_token *token)
{
    size_t index = (size_t)(token - added->tokens);
    const mica_map_entry *old =
        mica_map_find(added->by_id, (const char *)&token->id, sizeof token->id);

    if (old)
        added->tokens[old->value].live = false;
    token->live = true;
    return mica_map_set(added->by_id, (const char *)&token->id, sizeof token->id, index) !=
           MICA_MAP_NO_MEMORY;
}

static bool same_flags(const mica_tok_added_flags *a, const mica_tok_added_flags *b)
{
    return a->single_word == b->single_word && a->lstrip == b->lstrip && a->rstrip == b->rstrip &&
           a->normalized == b->normalized && a->special == b->special;
}

mica_status mica_tok_added_add(mica_tok_added *added, const mica_tok_vocab *vocab,
                               const mica_tok_normalizer *normalizer, const mica_unicode *unicode,
                               const char *content, size_t size, mica_tok_added_flags flags,
                               mica_error *err)
{
    mica_tok_added_token *token;

    if (size == 0)
        return MICA_OK;
    if (size > CONTENT_MAX)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "added token '%.40s...' is %zu bytes long (mica takes %d)", content, size,
                         CONTENT_MAX);
    token = by_content(added, content, size);
    if (token && token->live && same_flags(&token->flags, &flags))
        return MICA_OK;
    if (!token) {
        int64_t id = mica_tok_vocab_find(vocab, content, size);
        if (id < 0)
            id = added->next_id++;
        if (id >= MICA_TOK_ID_LIMIT)
            return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                             "id %lld of added token '%s' is too large", (long long)id, content);
        token = append(added, content, size, id);
        if (!token)
            return mica_fail_memory(err, size, "added tokens");
    }
    token->flags = flags;
    if (flags.special)
        token->ever_special = true;
    if (!make_live(added, token))
        return mica_fail_memory(err, size, "added tokens");
    return flags.normalized ? keep_normalized(token, normalizer, unicode, err) : MICA_OK;
}

/* The matcher of the raw or the normalized ones; `strings` has room for all tokens. */
static mica_status make_matcher(const mica_tok_added *added, bool normalized, mica_tok_key *strings,
                                mica_tok_matcher *matcher, mica_error *err)
{
    size_t n = 0;
    int firsts = 0;

    for (size_t i = 0; i < added->count; i++) {
        const mica_tok_added_token *token = &added->tokens[i];
        bool other = normalized && token->normalized;
        const char *data = other ? token->normalized : token->content;
        size_t size = other ? token->normalized_size : token->size;

        if (!token->live || token->flags.normalized != normalized)
            continue;
        if (size == 0)
            return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                             "the normalizer leaves nothing of added token '%s'", token->content);
        strings[n++] = (mica_tok_key){data, (uint32_t)size, (int32_t)i};
        if (!matcher->first[(unsigned char)data[0]])
            matcher->only = firsts++ ? -1 : (unsigned char)data[0];
        matcher->first[(unsigned char)data[0]] = true;
    }
    return mica_tok_trie_build(&matcher->trie, strings, n)
               ? MICA_OK
               : mica_fail_memory(err, n * sizeof *strings, "added tokens");
}

mica_status mica_tok_added_finish(mica_tok_added *added, mica_error *err)
{
    mica_tok_key *strings = mica_alloc_array(added->count ? added->count : 1, sizeof *strings);
    mica_status status;

    if (!strings)
        return mica_fail_memory(err, added->count * sizeof *strings, "added tokens");
    status = make_matcher(added, false, strings, &added->raw, err);
    if (status == MICA_OK)
        status = make_matcher(added, true, strings, &added->normalized, err);
    mica_free(strings);
    return status;
}

/* Start of the character before `at`. */
static size_t char_before(const char *data, size_t at)
{
    do
        at--;
    while (((unsigned char)data[at] & 0xC0) == 0x80);
    return at;
}

static bool char_is(const mica_unicode *unicode, const char *data, size_t at, unsigned flag,
                    size_t *length)
{
    uint32_t c;
    *length = mica_tok_char(data + at, &c);
    return (mica_unicode_flags(unicode, c) & flag) != 0;
}

static bool stands_alone(const mica_unicode *unicode, const char *data, size_t size, size_t begin,
                         size_t end)
{
    size_t length;

    if (begin > 0 && char_is(unicode, data, char_before(data, begin), MICA_CHAR_WORD, &length))
        return false;
    return end == size || !char_is(unicode, data, end, MICA_CHAR_WORD, &length);
}

static size_t strip_left(const mica_unicode *unicode, const char *data, size_t begin, size_t floor)
{
    size_t length;

    while (begin > floor) {
        size_t before = char_before(data, begin);
        if (!char_is(unicode, data, before, MICA_CHAR_SPACE, &length))
            break;
        begin = before;
    }
    return begin;
}

/* Matches inside one stretch of white space share the walk to its end, so that it stays linear. */
static size_t strip_right(const mica_unicode *unicode, const char *data, size_t size, size_t end,
                          mica_tok_search *search)
{
    size_t length;

    if (end >= search->space_begin && end < search->space_end)
        return search->space_end;
    search->space_begin = end;
    while (end < size && char_is(unicode, data, end, MICA_CHAR_SPACE, &length))
        end += length;
    search->space_end = end;
    return end;
}

/* The next byte that may start a match, or `size`. */
static size_t next_first(const mica_tok_matcher *matcher, const char *data, size_t size, size_t at)
{
    const char *found;

    if (matcher->only < 0) {
        while (at < size && !matcher->first[(unsigned char)data[at]])
            at++;
        return at;
    }
    found = memchr(data + at, matcher->only, size - at);
    return found ? (size_t)(found - data) : size;
}

bool mica_tok_added_next(const mica_tok_added *added, const mica_tok_matcher *matcher,
                         const mica_unicode *unicode, const char *data, size_t size,
                         bool split_special, mica_tok_search *search, mica_tok_match *match)
{
    match->begin = size;
    if (!matcher->trie.nodes)
        return false;
    while (search->scan < size) {
        const mica_tok_added_token *token;
        size_t begin = search->scan, length;
        int32_t index = -1;

        begin = next_first(matcher, data, size, begin);
        if (begin == size)
            break;
        search->scan = begin;
        length = mica_tok_trie_longest(&matcher->trie, data + begin, size - begin, &index);
        if (length == 0) {
            search->scan++;
            continue;
        }
        search->scan = begin + length;
        token = &added->tokens[index];
        if (split_special && token->ever_special)
            continue;
        if (token->flags.single_word && !stands_alone(unicode, data, size, begin, begin + length))
            continue;
        *match = (mica_tok_match){token, begin, begin + length};
        if (token->flags.lstrip) /* an earlier rstrip may have gone further */
            match->begin = begin > search->done ? strip_left(unicode, data, begin, search->done)
                                                : search->done;
        if (token->flags.rstrip)
            match->end = strip_right(unicode, data, size, match->end, search);
        if (match->end <= match->begin)
            continue;
        search->done = match->end;
        return true;
    }
    match->begin = size;
    return false;
}
