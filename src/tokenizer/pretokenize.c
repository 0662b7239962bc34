/* SPDX-License-Identifier: MIT
 *
 * Each step takes the pieces of the one before, one by one. A step that rewrites makes a new text
 * of all pieces, one after the other.
 */
#include "tokenizer/pretokenize.h"

#include "base/alloc.h"
#include "tokenizer/ascii.h"
#include "tokenizer/byte_level.h"

void mica_tok_pretokenize_work_release(mica_tok_pretokenize_work *work)
{
    for (int i = 0; i < 2; i++) {
        mica_tok_text_release(&work->texts[i]);
        mica_free(work->pieces[i].items);
    }
    mica_tok_regex_search_release(&work->search);
    *work = (mica_tok_pretokenize_work){0};
}

bool mica_tok_pretokenizer_splits(const mica_tok_pretokenizer *pretokenizer)
{
    for (size_t i = 0; i < pretokenizer->count; i++) {
        const mica_tok_pretokenize_step *step = &pretokenizer->steps[i];

        if (step->split ||
            (step->kind != MICA_TOK_STEP_BYTE_LEVEL && step->kind != MICA_TOK_STEP_METASPACE))
            return true;
    }
    return false;
}

/* The first step makes such pieces, and later ones take each of them alone. */
bool mica_tok_pretokenizer_splits_spaces(const mica_tok_pretokenizer *pretokenizer)
{
    const mica_tok_pretokenize_step *step = pretokenizer->steps;

    if (pretokenizer->count == 0)
        return false;
    switch (step->kind) {
    case MICA_TOK_STEP_WORDS:
        return ((step->removed | step->isolated) & MICA_CHAR_SPACE) != 0;
    case MICA_TOK_STEP_SPLIT:
        return step->pattern.kind == MICA_TOK_PATTERN_SCAN && step->behavior == MICA_TOK_ISOLATED;
    case MICA_TOK_STEP_BYTE_LEVEL:
    case MICA_TOK_STEP_METASPACE:
        return step->split;
    case MICA_TOK_STEP_FIXED_LENGTH:
    case MICA_TOK_STEP_SCRIPTS:
        break;
    }
    return false;
}

/* One step at work. */
typedef struct run {
    const mica_tok_pretokenize_step *step;
    const mica_unicode *unicode;
    const mica_tok_text *in;
    mica_tok_pieces *pieces; /* out */
    mica_tok_text *out;      /* of steps that rewrite */
    mica_tok_cursor cursor;  /* in `in` */
    mica_tok_regex_search *search;
    bool raw; /* ByteLevel leaves bytes as they are */
} run;

static mica_status no_memory(mica_error *err)
{
    return mica_fail_memory(err, sizeof(mica_tok_piece), "the pieces of a text");
}

static inline bool add_piece(run *r, size_t begin, size_t end)
{
    return begin >= end || mica_tok_pieces_add(r->pieces, begin, end);
}

/* ---- words ---- */

/* White space removed and punctuation isolated, or any other two sets, in one walk. */
static bool split_words(run *r, const char *data, size_t begin, size_t end)
{
    const mica_tok_pretokenize_step *step = r->step;
    const uint16_t *ascii = r->unicode->flags + (size_t)r->unicode->block[0] * 256;
    unsigned edges = step->removed | step->isolated;
    bool only_words = !(edges & ~(MICA_CHAR_SPACE | MICA_CHAR_PUNCTUATION | MICA_CHAR_CHINESE));
    size_t start = begin, i = begin;

    while (i < end) {
        if (only_words) {
            i = mica_tok_skip_alphanumeric(data, i, end);
            if (i == end)
                break;
        }
        uint32_t c = (unsigned char)data[i];
        size_t length = 1;
        unsigned flags;

        if (c < 128) {
            flags = ascii[c] & edges;
        } else {
            length = mica_tok_char(data + i, &c);
            flags = mica_unicode_flags(r->unicode, c) & edges;
        }
        if (flags) {
            if (!add_piece(r, start, i) ||
                (!(flags & step->removed) && !add_piece(r, i, i + length)))
                return false;
            start = i + length;
        }
        i += length;
    }
    return add_piece(r, start, end);
}

/* ---- splits at matches ---- */

/* The next match of a pattern at or after `at`. */
static mica_status next_match(run *r, const char *data, size_t at, size_t size, size_t *begin,
                              size_t *end, bool *found, mica_error *err)
{
    const mica_tok_pattern *p = &r->step->pattern;
    size_t length;
    uint32_t c;

    *found = false;
    switch (p->kind) {
    case MICA_TOK_PATTERN_FLAGS:
        for (; at < size && !*found; at += length) {
            length = mica_tok_char(data + at, &c);
            *found = (mica_unicode_flags(r->unicode, c) & p->flags) != 0;
            *begin = at;
            *end = at + length;
        }
        return MICA_OK;
    case MICA_TOK_PATTERN_STRING:
        *found = mica_tok_find(data, size, at, p->string, p->size, begin);
        if (*found)
            *end = *begin + p->size;
        return MICA_OK;
    case MICA_TOK_PATTERN_WORDS:
        for (bool word = false; at < size; at += length) {
            unsigned flags;
            bool is_word;

            length = mica_tok_char(data + at, &c);
            flags = mica_unicode_flags(r->unicode, c);
            is_word = (flags & MICA_CHAR_WORD) != 0;
            if (*found && ((flags & MICA_CHAR_SPACE) || is_word != word))
                return MICA_OK;
            if (flags & MICA_CHAR_SPACE && !is_word)
                continue;
            if (!*found)
                *begin = at;
            *found = true;
            word = is_word;
            *end = at + length;
        }
        return MICA_OK;
    case MICA_TOK_PATTERN_SCAN:
        *found = at < size;
        *begin = at;
        if (*found)
            *end = mica_tok_scan_next(p->scan, r->unicode, data, at, size);
        return MICA_OK;
    case MICA_TOK_PATTERN_REGEX:
        break;
    }
    return mica_tok_regex_next(p->regex, r->search, data, size, begin, end, found, err);
}

/* Puts segments together as a behaviour asks. Offsets are those in the piece. */
typedef struct joiner {
    run *r;
    size_t base;       /* of the piece in the text */
    size_t begin, end; /* what waits for the next segment */
    bool waits, was_match;
} joiner;

static bool flush(joiner *j)
{
    bool fine = !j->waits || add_piece(j->r, j->base + j->begin, j->base + j->end);

    j->waits = false;
    return fine;
}

/* Segments come in order and without gaps; empty ones count. */
static bool join(joiner *j, size_t begin, size_t end, bool match)
{
    bool together = false;

    switch (j->r->step->behavior) {
    case MICA_TOK_REMOVED:
        return match || add_piece(j->r, j->base + begin, j->base + end);
    case MICA_TOK_ISOLATED:
        return add_piece(j->r, j->base + begin, j->base + end);
    case MICA_TOK_CONTIGUOUS:
        together = match == j->was_match;
        break;
    case MICA_TOK_MERGED_WITH_PREVIOUS:
        together = match && !j->was_match;
        break;
    case MICA_TOK_MERGED_WITH_NEXT:
        together = !match && j->was_match;
        break;
    }
    if (!(together && j->waits)) {
        if (!flush(j))
            return false;
        j->begin = begin;
    }
    j->end = end;
    j->waits = true;
    j->was_match = match;
    return true;
}

static mica_status split_matches(run *r, const char *data, size_t base, size_t size,
                                 mica_error *err)
{
    const mica_tok_pattern *pattern = &r->step->pattern;
    joiner j = {.r = r, .base = base};
    bool invert = r->step->invert, fine = true, found = true;
    size_t last = 0;

    if (pattern->kind == MICA_TOK_PATTERN_SCAN && r->step->behavior == MICA_TOK_ISOLATED)
        return mica_tok_scan_pieces(pattern->scan, r->unicode, data, base, base + size, r->pieces)
                   ? MICA_OK
                   : no_memory(err);
    r->search->at = r->search->last = 0;
    while (fine) {
        size_t begin, end;
        mica_status status = next_match(r, data + base, last, size, &begin, &end, &found, err);

        if (status != MICA_OK)
            return status;
        if (!found)
            break;
        fine = (last >= begin || join(&j, last, begin, invert)) && join(&j, begin, end, !invert);
        last = end;
    }
    if (fine && last < size)
        fine = join(&j, last, size, invert);
    return fine && flush(&j) ? MICA_OK : no_memory(err);
}

/* ---- steps that rewrite ---- */

/* Appends `size` bytes that come from where [begin, end) of the input comes from. */
static bool put(run *r, const char *data, size_t size, size_t begin, size_t end)
{
    size_t from, to;

    mica_tok_text_origin(r->in, &r->cursor, begin, end, &from, &to);
    return mica_tok_text_put(r->out, data, size, from, to);
}

/* Appends [begin, end) of the input as it is. */
static bool copy(run *r, size_t begin, size_t end)
{
    return mica_tok_text_copy(r->out, r->in, &r->cursor, begin, end);
}

static size_t char_size(const char *data)
{
    uint32_t c;
    return mica_tok_char(data, &c);
}

static bool starts_with(const char *data, size_t size, const char *what, size_t what_size)
{
    return size >= what_size && memcmp(data, what, what_size) == 0;
}

/* Whether any byte of [begin, end) is `a` or `b`. */
static bool has_byte(const char *data, size_t begin, size_t end, char a, char b)
{
    for (; end - begin >= 8; begin += 8) {
        uint64_t word = mica_load64(data + begin), x = word ^ MICA_BYTES((unsigned char)a);
        uint64_t y = word ^ MICA_BYTES((unsigned char)b);

        if ((((x - MICA_BYTES(1)) & ~x) | ((y - MICA_BYTES(1)) & ~y)) & MICA_BYTES(0x80))
            return true;
    }
    for (; begin < end; begin++)
        if (data[begin] == a || data[begin] == b)
            return true;
    return false;
}

/* A word without spaces whose bytes stand for themselves, with the replacement in front, which
 * comes from its first character. */
static bool put_word(run *r, size_t begin, size_t end, const mica_tok_run *in)
{
    const mica_tok_pretokenize_step *step = r->step;
    size_t start = r->out->size, size = end - begin, from = in->from + (begin - in->at);
    char *to;

    if (!mica_tok_text_reserve(r->out, sizeof step->replacement + size) ||
        !mica_tok_text_run(r->out, from, char_size(r->in->data + begin)))
        return false;
    to = r->out->buffer + start;
    memcpy(to, step->replacement, sizeof step->replacement);
    r->out->size += step->replacement_size;
    if (!mica_tok_text_run(r->out, from, MICA_TOK_SAME))
        return false;
    memcpy(to + step->replacement_size, r->in->data + begin, size);
    r->out->size += size;
    return add_piece(r, start, r->out->size);
}

/* The run of the input in which [begin, end) lies, if its bytes stand for themselves; else NULL. */
static const mica_tok_run *plain_run(run *r, size_t begin, size_t end)
{
    const mica_tok_text *in = r->in;
    size_t at = r->cursor.run;
    const mica_tok_run *found;

    while (at + 1 < in->run_count && in->runs[at + 1].at <= begin)
        at++;
    r->cursor.run = at;
    found = &in->runs[at];
    return found->span == MICA_TOK_SAME && (at + 1 == in->run_count || found[1].at >= end) ? found
                                                                                           : NULL;
}

/* Spaces become the replacement, which may be put in front too; each one begins a piece. */
static bool metaspace(run *r, size_t begin, size_t end)
{
    const mica_tok_pretokenize_step *step = r->step;
    const char *data = r->in->data, *mark = step->replacement;
    size_t mark_size = step->replacement_size, start = r->out->size;
    bool prepend = step->prepend != MICA_TOK_NEVER && data[begin] != ' ' &&
                   !starts_with(data + begin, end - begin, mark, mark_size);

    if (prepend && step->prepend == MICA_TOK_ALWAYS && !has_byte(data, begin, end, ' ', mark[0])) {
        const mica_tok_run *plain = plain_run(r, begin, end);
        if (plain)
            return put_word(r, begin, end, plain);
    }
    if (prepend && step->prepend == MICA_TOK_FIRST) {
        size_t from, to;
        mica_tok_text_origin(r->in, &r->cursor, begin, begin + 1, &from, &to);
        prepend = from == 0;
    }
    if (prepend && !put(r, mark, mark_size, begin, begin + char_size(data + begin)))
        return false;
    for (size_t at = begin, next; at < end; at = next) {
        for (next = at; next < end && data[next] != ' '; next++)
            if (data[next] == mark[0] && starts_with(data + next, end - next, mark, mark_size))
                break;
        if (!copy(r, at, next))
            return false;
        if (next == end)
            break;
        if (step->split) {
            if (!add_piece(r, start, r->out->size))
                return false;
            start = r->out->size;
        }
        if (data[next] == ' ') {
            if (!put(r, mark, mark_size, next, next + 1))
                return false;
            next++;
        } else {
            if (!copy(r, next, next + mark_size))
                return false;
            next += mark_size;
        }
    }
    return add_piece(r, start, r->out->size);
}

/* Spells [begin, end) of the input in the byte alphabet; every character of a character's bytes
 * comes from all of it. */
static bool spell(run *r, size_t begin, size_t end)
{
    size_t start = r->out->size;

    while (begin < end) {
        char spelled[8];
        size_t length = char_size(r->in->data + begin);
        size_t size = mica_tok_spell_bytes(r->in->data + begin, length, spelled);

        if (!(size == 1 ? copy(r, begin, begin + 1) : put(r, spelled, size, begin, begin + length)))
            return false;
        if (size == 1)
            r->out->buffer[r->out->size - 1] = spelled[0];
        begin += length;
    }
    return add_piece(r, start, r->out->size);
}

static bool needs_space(const mica_tok_pretokenize_step *step, const char *data)
{
    return step->prepend == MICA_TOK_ALWAYS && data[0] != ' ';
}

/* A piece with a space in front. */
static bool prefix_space(run *r, size_t begin, size_t end)
{
    size_t start = r->out->size;

    if (needs_space(r->step, r->in->data + begin) &&
        !put(r, " ", 1, begin, begin + char_size(r->in->data + begin)))
        return false;
    return copy(r, begin, end) && add_piece(r, start, r->out->size);
}

/* ---- other splits ---- */

static bool fixed_length(run *r, const char *data, size_t begin, size_t end)
{
    while (begin < end) {
        size_t at = begin;
        for (size_t n = 0; n < r->step->length && at < end; n++)
            at += char_size(data + at);
        if (!add_piece(r, begin, at))
            return false;
        begin = at;
    }
    return true;
}

/* Where the script changes; characters of any script belong to the one before. What stands before
 * the first script is left out, as in the reference. */
static bool split_scripts(run *r, const char *data, size_t begin, size_t end)
{
    unsigned last = MICA_SCRIPT_NONE;
    size_t start = end;

    for (size_t at = begin; at < end;) {
        uint32_t c;
        size_t length = mica_tok_char(data + at, &c);
        unsigned script = mica_unicode_script(c);

        if (script != MICA_SCRIPT_ANY && script != last) {
            if (start < at && !add_piece(r, start, at))
                return false;
            start = at;
            last = script;
        }
        at += length;
    }
    return add_piece(r, start, end);
}

/* ---- the steps ---- */

static mica_status split_piece(run *r, size_t begin, size_t end, mica_error *err)
{
    const char *data = r->in->data;

    switch (r->step->kind) {
    case MICA_TOK_STEP_WORDS:
        return split_words(r, data, begin, end) ? MICA_OK : no_memory(err);
    case MICA_TOK_STEP_SPLIT:
        return split_matches(r, data, begin, end - begin, err);
    case MICA_TOK_STEP_METASPACE:
        return metaspace(r, begin, end) ? MICA_OK : no_memory(err);
    case MICA_TOK_STEP_FIXED_LENGTH:
        return fixed_length(r, data, begin, end) ? MICA_OK : no_memory(err);
    case MICA_TOK_STEP_SCRIPTS:
        return split_scripts(r, data, begin, end) ? MICA_OK : no_memory(err);
    case MICA_TOK_STEP_BYTE_LEVEL:
        break;
    }
    if (r->raw && r->step->split)
        return mica_tok_scan_pieces(MICA_TOK_SCAN_GPT2, r->unicode, data, begin, end, r->pieces)
                   ? MICA_OK
                   : no_memory(err);
    for (size_t at = begin; at < end;) {
        size_t stop = r->step->split
                          ? mica_tok_scan_next(MICA_TOK_SCAN_GPT2, r->unicode, data, at, end)
                          : end;
        if (!(r->raw ? add_piece(r, at, stop) : spell(r, at, stop)))
            return no_memory(err);
        at = stop;
    }
    return MICA_OK;
}

/* The state of a text on its way through the steps. */
typedef struct passage {
    mica_tok_pretokenize_work *work;
    const mica_tok_text *text;
    const mica_tok_pieces *pieces;
    int pieces_in; /* which of the work's the pieces are */
} passage;

/* Runs `each` over all pieces; `rewrites` = into a new text. */
static mica_status pass(passage *p, const mica_tok_pretokenize_step *step,
                        const mica_unicode *unicode, bool rewrites, bool raw, bool prefix,
                        mica_error *err)
{
    mica_tok_pretokenize_work *work = p->work;
    mica_tok_text *out = &work->texts[p->text == &work->texts[0]];
    run r = {.step = step,
             .unicode = unicode,
             .in = p->text,
             .pieces = &work->pieces[!p->pieces_in],
             .out = out,
             .search = &work->search,
             .raw = raw};
    mica_status status = MICA_OK;

    r.pieces->count = 0;
    if (rewrites)
        mica_tok_text_clear(out);
    if (p->pieces->count > 0)
        r.cursor = mica_tok_text_seek(p->text, p->pieces->items[0].begin);
    for (size_t i = 0; i < p->pieces->count && status == MICA_OK; i++) {
        size_t begin = p->pieces->items[i].begin, end = p->pieces->items[i].end;

        if (prefix)
            status = prefix_space(&r, begin, end) ? MICA_OK : no_memory(err);
        else
            status = split_piece(&r, begin, end, err);
    }
    if (rewrites) {
        out->data = out->buffer;
        p->text = out;
    }
    p->pieces = r.pieces;
    p->pieces_in = !p->pieces_in;
    return status;
}

static bool any_needs_space(const mica_tok_pretokenize_step *step, const passage *p)
{
    for (size_t i = 0; i < p->pieces->count; i++)
        if (needs_space(step, p->text->data + p->pieces->items[i].begin))
            return true;
    return false;
}

mica_status mica_tok_pretokenize(const mica_tok_pretokenizer *pretokenizer,
                                 const mica_unicode *unicode, const mica_tok_text *text,
                                 size_t begin, size_t end, mica_tok_pretokenize_work *work,
                                 const mica_tok_text **out, const mica_tok_pieces **pieces,
                                 mica_error *err)
{
    passage p = {work, text, &work->pieces[0], 0};
    mica_status status = MICA_OK;

    work->pieces[0].count = 0;
    if (begin < end && !mica_tok_pieces_add(&work->pieces[0], begin, end))
        return no_memory(err);
    for (size_t i = 0; i < pretokenizer->count && status == MICA_OK; i++) {
        const mica_tok_pretokenize_step *step = &pretokenizer->steps[i];
        bool bytes = step->kind == MICA_TOK_STEP_BYTE_LEVEL;
        bool raw = bytes && pretokenizer->raw_bytes && i + 1 == pretokenizer->count;

        if (bytes && any_needs_space(step, &p))
            status = pass(&p, step, unicode, true, false, true, err);
        if (status == MICA_OK && !(raw && !step->split))
            status =
                pass(&p, step, unicode, (bytes && !raw) || step->kind == MICA_TOK_STEP_METASPACE,
                     raw, false, err);
    }
    *out = p.text;
    *pieces = p.pieces;
    return status;
}
