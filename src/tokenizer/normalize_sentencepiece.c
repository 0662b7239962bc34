/* SPDX-License-Identifier: MIT
 *
 * SentencePiece's normalizer (normalizer.cc): at each place the longest string of the character map
 * is replaced, then spaces are thinned out and made visible.
 */
#include "tokenizer/normalize_steps.h"

static const char visible[] = "\u2581";

typedef struct writer {
    const mica_tok_spm_rules *rules;
    const mica_tok_text *in;
    mica_tok_text *out;
    mica_tok_cursor cursor;
    size_t begin, end; /* where what is being written comes from */
} writer;

static bool put(writer *w, const char *data, size_t size)
{
    return mica_tok_text_put(w->out, data, size, w->begin, w->end);
}

static bool put_space(writer *w)
{
    return w->rules->escape_whitespaces ? put(w, visible, sizeof visible - 1) : put(w, " ", 1);
}

/* What the text at `at` becomes, and how much of it. */
static mica_tok_mapping map(const writer *w, size_t at)
{
    const mica_tok_spm_rules *rules = w->rules;
    const char *data = w->in->data + at;
    size_t size = w->in->size - at;
    mica_tok_mapping m = {.data = data};
    int32_t piece;
    uint32_t c;

    m.matched = m.size = mica_tok_trie_longest(&rules->user_defined, data, size, &piece);
    if (m.matched > 0 || (rules->has_map && mica_tok_charsmap_longest(&rules->map, data, size, &m)))
        return m;
    return (mica_tok_mapping){mica_tok_char(data, &c), data, mica_tok_char(data, &c)};
}

/* Writes what [at, at + matched) became, less spaces at its start after a space. */
static bool put_mapped(writer *w, size_t at, const mica_tok_mapping *m, bool *after_space)
{
    const char *data = m->data, *end = m->data + m->size;

    if (data == w->in->data + at && *data != ' ') { /* a character that stays */
        *after_space = false;
        return mica_tok_text_copy(w->out, w->in, &w->cursor, at, at + m->matched);
    }
    mica_tok_text_origin(w->in, &w->cursor, at, at + m->matched, &w->begin, &w->end);
    while (*after_space && data < end && *data == ' ')
        data++;
    if (data == end)
        return true;
    *after_space = end[-1] == ' ' && w->rules->remove_extra_whitespaces;
    while (data < end) {
        const char *space = memchr(data, ' ', (size_t)(end - data));
        size_t size = (size_t)((space ? space : end) - data);

        if ((size > 0 && !put(w, data, size)) || (space && !put_space(w)))
            return false;
        data += size + (space != NULL);
    }
    return true;
}

/* Takes spaces from the end, those that were visible from the start too. */
static void trim_end(writer *w)
{
    const char *space = w->rules->escape_whitespaces ? visible : " ";
    size_t size = strlen(space);
    mica_tok_text *out = w->out;

    while (out->size >= size && memcmp(out->data + out->size - size, space, size) == 0)
        out->size -= size;
    while (out->run_count > 0 && out->runs[out->run_count - 1].at >= out->size)
        out->run_count--;
}

bool mica_tok_step_sentencepiece(const mica_tok_step_run *run, const mica_tok_text **result)
{
    const mica_tok_spm_rules *rules = run->step->rules;
    writer w = {.rules = rules, .in = run->in, .out = run->out};
    bool remove = rules->remove_extra_whitespaces, after_space = remove;
    size_t at = 0, size = run->in->size;

    mica_tok_text_clear(w.out);
    *result = w.out;
    while (remove && at < size) {
        mica_tok_mapping m = map(&w, at);
        if (m.size != 1 || m.data[0] != ' ')
            break;
        at += m.matched;
    }
    if (at == size)
        return true;
    if (rules->add_dummy_prefix && !rules->whitespace_as_suffix) {
        mica_tok_mapping m = map(&w, at);
        mica_tok_text_origin(w.in, &w.cursor, at, at + m.matched, &w.begin, &w.end);
        if (!put_space(&w))
            return false;
    }
    while (at < size) {
        mica_tok_mapping m = map(&w, at);
        if (!put_mapped(&w, at, &m, &after_space))
            return false;
        at += m.matched;
    }
    if (remove)
        trim_end(&w);
    return !rules->add_dummy_prefix || !rules->whitespace_as_suffix || put_space(&w);
}
