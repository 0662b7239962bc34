/* SPDX-License-Identifier: MIT */
#include "tokenizer/regex.h"

#include <limits.h>
#include <oniguruma.h>
#include <pthread.h>

#include "base/alloc.h"
#include "tokenizer/text.h"

/* Steps back in one search, and more for each byte of a text: only a pattern that explodes needs
 * them. */
#define RETRIES 10000000ul
#define RETRIES_PER_BYTE 64ul

struct mica_tok_regex {
    regex_t *compiled;
};

typedef struct engine {
    OnigRegion *region;
    OnigMatchParam *param;
} engine;

/* The engine's tables are global, and its compiler is not said to be safe in threads. */
static pthread_mutex_t compiler = PTHREAD_MUTEX_INITIALIZER;
static bool initialized;

static int compile(regex_t **out, const char *pattern, size_t size, OnigErrorInfo *info)
{
    const OnigUChar *begin = (const OnigUChar *)pattern;
    int code = ONIG_NORMAL;

    pthread_mutex_lock(&compiler);
    if (!initialized) {
        OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
        code = onig_initialize(encodings, 1);
        initialized = code == ONIG_NORMAL;
    }
    if (code == ONIG_NORMAL)
        code = onig_new(out, begin, begin + size, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                        OnigDefaultSyntax, info);
    pthread_mutex_unlock(&compiler);
    return code;
}

mica_status mica_tok_regex_create(const char *pattern, size_t size, mica_tok_regex **out,
                                  mica_error *err)
{
    mica_tok_regex *regex = mica_calloc(1, sizeof *regex);
    OnigUChar reason[ONIG_MAX_ERROR_MESSAGE_LEN];
    OnigErrorInfo info = {0};
    int code;

    *out = NULL;
    if (!regex)
        return mica_fail_memory(err, sizeof *regex, "a pattern");
    code = compile(&regex->compiled, pattern, size, &info);
    if (code == ONIG_NORMAL) {
        *out = regex;
        return MICA_OK;
    }
    mica_free(regex);
    if (code == ONIGERR_MEMORY)
        return mica_fail_memory(err, size, "a pattern");
    reason[onig_error_code_to_str(reason, code, &info)] = '\0';
    return mica_fail(err, MICA_STATUS_FORMAT, "the pattern '%.*s' is not valid: %s",
                     (int)(size < 200 ? size : 200), pattern, (const char *)reason);
}

void mica_tok_regex_destroy(mica_tok_regex **regex)
{
    if (!*regex)
        return;
    onig_free((*regex)->compiled);
    mica_free(*regex);
    *regex = NULL;
}

void mica_tok_regex_search_release(mica_tok_regex_search *search)
{
    engine *e = search->engine;

    if (e && e->region)
        onig_region_free(e->region, 1);
    if (e && e->param)
        onig_free_match_param(e->param);
    mica_free(e);
    *search = (mica_tok_regex_search){0};
}

static bool prepare(mica_tok_regex_search *search)
{
    engine *e = search->engine;

    if (e)
        return true;
    e = mica_calloc(1, sizeof *e);
    if (!e)
        return false;
    search->engine = e;
    e->region = onig_region_new();
    e->param = onig_new_match_param();
    if (e->region && e->param)
        return true;
    mica_tok_regex_search_release(search);
    return false;
}

mica_status mica_tok_regex_next(const mica_tok_regex *regex, mica_tok_regex_search *search,
                                const char *data, size_t size, size_t *begin, size_t *end,
                                bool *found, mica_error *err)
{
    const OnigUChar *text = (const OnigUChar *)data;
    OnigUChar reason[ONIG_MAX_ERROR_MESSAGE_LEN];
    engine *e;

    *found = false;
    if (size > INT_MAX)
        return mica_fail(err, MICA_STATUS_TOO_LONG, "%zu bytes are too long for a pattern", size);
    if (!prepare(search))
        return mica_fail_memory(err, sizeof(engine), "a search");
    e = search->engine;
    onig_set_retry_limit_in_search_of_match_param(e->param,
                                                  RETRIES + RETRIES_PER_BYTE * (unsigned long)size);
    while (search->at <= size) {
        uint32_t c;
        int at = onig_search_with_param(regex->compiled, text, text + size, text + search->at,
                                        text + size, e->region, ONIG_OPTION_NONE, e->param);

        if (at == ONIG_MISMATCH)
            break;
        if (at == ONIGERR_MEMORY)
            return mica_fail_memory(err, size, "a search");
        if (at < 0) {
            reason[onig_error_code_to_str(reason, at)] = '\0';
            return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                             "a pattern of the tokenizer fails on this text after byte %zu: %s",
                             search->at, (const char *)reason);
        }
        *begin = (size_t)e->region->beg[0];
        *end = (size_t)e->region->end[0];
        search->at = *end;
        if (*begin == *end && search->last == *end + 1) {
            search->at += *end < size ? mica_tok_char(data + *end, &c) : 1;
            continue;
        }
        search->last = *end + 1;
        *found = true;
        return MICA_OK;
    }
    search->at = size + 1;
    return MICA_OK;
}
