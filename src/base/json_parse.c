/* SPDX-License-Identifier: MIT
 *
 * A small automaton over the tokens of RFC 8259. It keeps a stack of open brackets and whether a
 * value or a separator is due; strings and numbers are checked to the letter and read at once.
 *
 * A string takes no more room than its text with the quotes, so room of the whole text's size holds
 * all of them; no page of it is touched that is not needed. Most texts have fewer values than one
 * in 16 bytes: room for these is in the same block.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/json_number.h"
#include "base/json_tree.h"
#include "base/map.h"
#include "base/utf8.h"

enum {
    MAX_DEPTH = 128,
    SMALL_OBJECT = 16, /* members compared pairwise when looking for duplicate keys */
    PROBES_MAX = 128,  /* so many keys at one place of the table say that something is wrong */
    WORD = 8           /* bytes of a string that are looked at together */
};

/* An open array or object, by index: nodes may move. */
typedef struct bracket {
    uint32_t node, last; /* itself; its last member so far */
} bracket;

typedef struct parser {
    const char *begin, *at, *end;
    const char *name;
    mica_error *err;
    mica_json *json;
    char *string, *strings; /* where the next string goes, and the first one went */
    bracket open[MAX_DEPTH];
    size_t depth;
    const char *key; /* of the value that is due, in an object */
    uint32_t key_size;
    size_t twice; /* the node whose key is to be complained about; 0 = none */
} parser;

static mica_status complain(const parser *p, const char *at, const char *what)
{
    size_t line = 1, column = 1;
    for (const char *c = p->begin; c < at; c++) {
        column = *c == '\n' ? 1 : column + (((unsigned char)*c & 0xc0) != 0x80);
        line += *c == '\n';
    }
    return mica_fail(p->err, MICA_STATUS_FORMAT, "%s:%zu:%zu: not valid JSON: %s", p->name, line,
                     column, what);
}

static mica_status no_memory(const parser *p)
{
    return mica_fail_memory(p->err, (size_t)(p->end - p->begin), p->name);
}

static void skip_space(parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
        p->at++;
}

/* ---- values ---- */

static bool more_nodes(mica_json *json)
{
    size_t capacity = json->capacity * 2;
    mica_json_value *more = mica_realloc_array(json->more, capacity, sizeof *more);
    if (!more)
        return false;
    if (!json->more)
        memcpy(more, json->nodes, json->count * sizeof *more);
    json->nodes = json->more = more;
    json->capacity = capacity;
    return true;
}

/* Adds the value that is due, as a member of the innermost bracket. *out is valid until the next
 * one. */
static mica_status add_node(parser *p, mica_json_type type, mica_json_value **out)
{
    mica_json *json = p->json;
    if (json->count == json->capacity && !more_nodes(json))
        return no_memory(p);
    uint32_t index = (uint32_t)json->count++;
    mica_json_value *node = &json->nodes[index];
    *node = (mica_json_value){.key = p->key, .key_size = p->key_size, .type = type};
    p->key = NULL;
    p->key_size = 0;
    if (p->depth > 0) {
        bracket *inner = &p->open[p->depth - 1];
        if (json->nodes[inner->node].size++ > 0)
            json->nodes[inner->last].next = index - inner->last;
        inner->last = index;
    }
    *out = node;
    return MICA_OK;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Most numbers are whole and short. False = not this one, and it has to be looked at again. */
static bool read_id(parser *p, double *number)
{
    const char *at = p->at;
    uint32_t value = 0;
    for (; at < p->end && is_digit(*at) && at - p->at < 9; at++)
        value = value * 10 + (uint32_t)(*at - '0');
    if (at == p->at || at == p->end || (*p->at == '0' && at - p->at > 1) || is_digit(*at) ||
        *at == '.' || *at == 'e' || *at == 'E')
        return false;
    p->at = at;
    *number = value;
    return true;
}

static bool digits(parser *p)
{
    const char *start = p->at;
    while (p->at < p->end && is_digit(*p->at))
        p->at++;
    return p->at > start;
}

static mica_status check_number(parser *p)
{
    const char *start = p->at;
    if (*p->at == '-')
        p->at++;
    const char *integer = p->at;
    if (!digits(p))
        return complain(p, start, "a number without digits");
    if (*integer == '0' && p->at - integer > 1)
        return complain(p, start, "a number that starts with 0");
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        if (!digits(p))
            return complain(p, start, "a number that ends in a point");
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
            p->at++;
        if (!digits(p))
            return complain(p, start, "an exponent without digits");
    }
    return MICA_OK;
}

/* How many doubles further from 0 the number is that serde_json reads. */
static int32_t serde_steps(const char *text, size_t size, double number)
{
    double other = mica_json_read_by_serde(text, size);
    int64_t bits, other_bits;
    memcpy(&bits, &number, sizeof bits);
    memcpy(&other_bits, &other, sizeof other_bits);
    bits = isfinite(other) ? other_bits - bits : 0;
    return bits >= INT32_MIN && bits <= INT32_MAX ? (int32_t)bits : 0;
}

static mica_status read_number(parser *p)
{
    const char *start = p->at;
    mica_json_value *node;
    double number;
    int32_t steps = 0;
    if (!read_id(p, &number)) {
        mica_status status = check_number(p);
        if (status)
            return status;
        number = mica_json_read_number(start, (size_t)(p->at - start));
        if (!isfinite(number))
            return complain(p, start, "a number too large for a double");
        steps = serde_steps(start, (size_t)(p->at - start), number);
    }
    mica_status status = add_node(p, MICA_JSON_NUMBER, &node);
    if (!status) {
        node->as.number = number;
        node->size = (uint32_t)steps;
    }
    return status;
}

/* Four hexadecimal digits at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Reads an escape into the string. */
static mica_status read_escape(parser *p)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *start = p->at++; /* the backslash */
    char c = p->at < p->end ? *p->at++ : 0;
    if (c != 'u') {
        const char *name = c ? strchr(names, c) : NULL;
        if (!name)
            return complain(p, start, "an unknown escape");
        *p->string++ = values[name - names];
        return MICA_OK;
    }
    int32_t unit = hex4(p->at, p->end);
    if (unit < 0)
        return complain(p, start, "\\u without four hexadecimal digits");
    p->at += 4;
    if (unit >= 0xdc00 && unit < 0xe000)
        return complain(p, start, "half of a surrogate pair");
    if (unit >= 0xd800 && unit < 0xdc00) {
        int32_t low = p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u'
                          ? hex4(p->at + 2, p->end)
                          : -1;
        if (low < 0xdc00 || low >= 0xe000)
            return complain(p, start, "half of a surrogate pair");
        p->at += 6;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    p->string += mica_utf8_encode((uint32_t)unit, p->string);
    return MICA_OK;
}

/* Copies what needs no look: up to a quote, a backslash, a control character, or the last bytes of
 * the text. */
static void copy_plain(parser *p)
{
    const char *at = p->at;
    char *to = p->string;
    uint64_t word, quote, slash, stop;
    for (; p->end - at >= WORD; at += WORD, to += WORD) {
        word = mica_load64(at);
        memcpy(to, at, WORD); /* what is too much is written over: there is room */
        quote = word ^ MICA_BYTES('"');
        slash = word ^ MICA_BYTES('\\');
        /* The highest bit of each byte: whether it is 0, or less than ' '. A borrow may set it in
         * the byte after one that is, too, never before. */
        stop = ((quote - MICA_BYTES(1)) & ~quote) | ((slash - MICA_BYTES(1)) & ~slash) |
               ((word - MICA_BYTES(' ')) & ~word);
        stop &= MICA_BYTES(0x80);
        if (stop) {
            at += mica_lowest_byte(stop);
            to += mica_lowest_byte(stop);
            break;
        }
    }
    while (at < p->end && *at != '"' && *at != '\\' && (unsigned char)*at >= ' ')
        *to++ = *at++;
    p->at = at;
    p->string = to;
}

static mica_status read_string(parser *p, const char **text, uint32_t *size)
{
    const char *start = p->at++, *string = p->string;
    for (;;) {
        copy_plain(p);
        if (p->at == p->end)
            return complain(p, start, "a string that does not end");
        if (*p->at == '"')
            break;
        if (*p->at != '\\')
            return complain(p, p->at, "a control character in a string (write it as an escape)");
        mica_status status = read_escape(p);
        if (status)
            return status;
    }
    p->at++;
    *text = string;
    *size = (uint32_t)(p->string - string);
    *p->string++ = 0;
    return MICA_OK;
}

static mica_status read_literal(parser *p)
{
    static const char *const words[] = {"null", "true", "false"};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(p->end - p->at) >= n && memcmp(p->at, words[i], n) == 0) {
            mica_json_value *node;
            mica_status status = add_node(p, i == 0 ? MICA_JSON_NULL : MICA_JSON_BOOL, &node);
            if (!status)
                node->as.flag = i == 1;
            p->at += n;
            return status;
        }
    }
    return complain(p, p->at, "a value was expected here");
}

static mica_status read_scalar(parser *p)
{
    if (*p->at == '-' || is_digit(*p->at))
        return read_number(p);
    if (*p->at != '"')
        return read_literal(p);
    const char *text;
    uint32_t size;
    mica_json_value *node;
    mica_status status = read_string(p, &text, &size);
    if (!status)
        status = add_node(p, MICA_JSON_STRING, &node);
    if (!status) {
        node->as.text = text;
        node->size = size;
    }
    return status;
}

/* A key and its colon. */
static mica_status read_key(parser *p)
{
    skip_space(p);
    if (p->at == p->end || *p->at != '"')
        return complain(p, p->at, "a key in double quotes was expected here");
    const char *start = p->at;
    mica_status status = read_string(p, &p->key, &p->key_size);
    if (status)
        return status;
    if (p->twice > 0 && p->json->count == p->twice) {
        char what[256];
        size_t length = (size_t)(p->at - start);
        snprintf(what, sizeof what, "the key %.*s%s stands twice in its object",
                 (int)(length < 200 ? length : 200), start, length < 200 ? "" : "...");
        return complain(p, start, what);
    }
    skip_space(p);
    if (p->at == p->end || *p->at != ':')
        return complain(p, p->at, "':' was expected here");
    p->at++;
    return MICA_OK;
}

/* ---- keys that stand twice ---- */

static bool same_key(const mica_json_value *a, const mica_json_value *b)
{
    return a->key_size == b->key_size && memcmp(a->key, b->key, a->key_size) == 0;
}

/* By a table of where keys stand, counted from `first` (from 1; 0 = free), with linear probing.
 * *crowded: keys collide, perhaps on purpose, and the answer must be found otherwise. */
static bool find_by_table(const mica_json_value *object, const mica_json_value *first,
                          const mica_json_value **twice, bool *crowded)
{
    size_t slots = 32, mask;
    while (slots < object->size + object->size / 2)
        slots *= 2;
    mask = slots - 1;
    uint32_t *table = mica_calloc(slots, sizeof *table);
    if (!table)
        return false;
    for (const mica_json_value *v = first; v && !*twice && !*crowded; v = mica_json_next(v)) {
        size_t at = (size_t)mica_hash(v->key, v->key_size, 0) & mask, probes = 0;
        for (; table[at] != 0 && !*twice && probes < PROBES_MAX; at = (at + 1) & mask, probes++)
            if (same_key(first + (table[at] - 1), v))
                *twice = v;
        *crowded = probes == PROBES_MAX;
        table[at] = (uint32_t)(v - first) + 1;
    }
    mica_free(table);
    return true;
}

/* By a map, which any keys may be put in. */
static bool find_by_map(const mica_json_value *first, const mica_json_value **twice)
{
    mica_map *map = mica_map_create();
    mica_map_result result = map ? MICA_MAP_ADDED : MICA_MAP_NO_MEMORY;
    for (const mica_json_value *v = first; v && result == MICA_MAP_ADDED; v = mica_json_next(v)) {
        result = mica_map_add(map, v->key, v->key_size, 0);
        if (result == MICA_MAP_EXISTS)
            *twice = v;
    }
    mica_map_destroy(&map);
    return result != MICA_MAP_NO_MEMORY;
}

/* *twice gets a member whose key stands before it too, or NULL. False = out of memory. */
static bool find_duplicate(const mica_json_value *object, const mica_json_value **twice)
{
    const mica_json_value *first = mica_json_first(object);
    *twice = NULL;
    if (object->size <= SMALL_OBJECT) {
        for (const mica_json_value *b = first; b && !*twice; b = mica_json_next(b))
            for (const mica_json_value *a = first; a != b && !*twice; a = mica_json_next(a))
                if (same_key(a, b))
                    *twice = b;
        return true;
    }
    bool crowded = false;
    return find_by_table(object, first, twice, &crowded) && (!crowded || find_by_map(first, twice));
}

/* ---- brackets ---- */

static mica_status open_bracket(parser *p)
{
    mica_json_value *node;
    if (p->depth == MAX_DEPTH)
        return complain(p, p->at, "nested more than 128 deep");
    mica_status status = add_node(p, *p->at == '{' ? MICA_JSON_OBJECT : MICA_JSON_ARRAY, &node);
    if (!status)
        p->open[p->depth++] = (bracket){(uint32_t)(p->json->count - 1), 0};
    p->at++;
    return status;
}

static const mica_json_value *innermost(const parser *p)
{
    return &p->json->nodes[p->open[p->depth - 1].node];
}

static bool in_object(const parser *p)
{
    return innermost(p)->type == MICA_JSON_OBJECT;
}

static mica_status read_document(parser *p);

/* Reads the text again, up to a key that stands twice, which tells where that is. */
static mica_status fail_twice(parser *p, size_t node)
{
    parser again = {.begin = p->begin,
                    .at = p->begin,
                    .end = p->end,
                    .name = p->name,
                    .err = p->err,
                    .json = p->json,
                    .string = p->strings,
                    .strings = p->strings,
                    .twice = node};
    p->json->count = 0;
    return read_document(&again);
}

static mica_status close_bracket(parser *p)
{
    const mica_json_value *object = innermost(p), *twice = NULL;
    p->at++;
    if (object->type == MICA_JSON_OBJECT && !find_duplicate(object, &twice))
        return no_memory(p);
    p->depth--;
    return twice ? fail_twice(p, (size_t)(twice - p->json->nodes)) : MICA_OK;
}

/* A value is complete: what closes after it, and the comma (and key) before the next one. *done:
 * the document has ended. */
static mica_status after_value(parser *p, bool *done)
{
    for (;;) {
        skip_space(p);
        *done = p->depth == 0;
        if (*done)
            return p->at == p->end ? MICA_OK : complain(p, p->at, "something after the document");
        if (p->at == p->end)
            return complain(p, p->at, "the text ends inside an array or object");
        bool object = in_object(p);
        if (*p->at == ',') {
            p->at++;
            return object ? read_key(p) : MICA_OK;
        }
        if (*p->at != (object ? '}' : ']'))
            return complain(
                p, p->at, object ? "',' or '}' was expected here" : "',' or ']' was expected here");
        mica_status status = close_bracket(p);
        if (status)
            return status;
    }
}

static mica_status read_document(parser *p)
{
    bool done = false;
    mica_status status = MICA_OK;
    while (!status && !done) {
        skip_space(p);
        if (p->at == p->end)
            return complain(p, p->at, "the text ends where a value was expected");
        if (*p->at != '{' && *p->at != '[') {
            status = read_scalar(p);
        } else {
            status = open_bracket(p);
            skip_space(p);
            bool empty = !status && p->at < p->end && *p->at == (in_object(p) ? '}' : ']');
            if (!status && !empty) {
                status = in_object(p) ? read_key(p) : MICA_OK;
                continue;
            }
        }
        if (!status)
            status = after_value(p, &done);
    }
    return status;
}

mica_status mica_json_read(mica_json *json, const char *text, size_t size, const char *name,
                           mica_error *err)
{
    parser p = {
        .begin = text, .at = text, .end = text + size, .name = name, .err = err, .json = json};
    size_t valid = mica_utf8_valid_prefix(text, size);
    if (size > UINT32_MAX / 4)
        return mica_fail(err, MICA_STATUS_FORMAT, "%s: %zu bytes are too many for a JSON text",
                         name, size);
    if (valid < size) {
        char what[32];
        snprintf(what, sizeof what, "byte 0x%02x is not UTF-8", (unsigned char)text[valid]);
        return complain(&p, text + valid, what);
    }
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return complain(&p, text, "it starts with a byte order mark; save it as UTF-8 without one");
    skip_space(&p);
    if (p.at == p.end)
        return complain(&p, text, "the document is empty");
    json->capacity = size / 16 + 16;
    json->block = mica_alloc(json->capacity * sizeof *json->nodes + size + WORD);
    if (!json->block)
        return no_memory(&p);
    json->nodes = json->block;
    p.string = p.strings = (char *)json->block + json->capacity * sizeof *json->nodes;
    return read_document(&p);
}
