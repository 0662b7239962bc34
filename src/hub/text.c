/* SPDX-License-Identifier: MIT
 *
 * Ids, names and headers. The rules are those of huggingface_hub (utils/_validators.py,
 * _local_folder.py, utils/_paths.py, utils/_http.py).
 */
#include "hub/text.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
    return is_letter(c) || is_digit(c) || c == '_';
}

/* One part of "org/name". */
static bool repo_part(const char *text, size_t size)
{
    if (size < 1 || size > 96 || !is_word(text[0]) || !is_word(text[size - 1]))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!is_word(text[i]) && text[i] != '-' && text[i] != '.')
            return false;
    return true;
}

static mica_status parse_repo(const char *text, size_t size, mica_hub_id *out, mica_error *err)
{
    const char *slash = memchr(text, '/', size);
    const char *name = slash ? slash + 1 : text;
    size_t name_size = size - (size_t)(name - text);
    int shown = size < 200 ? (int)size : 200;
    if (size > MICA_HUB_REPO_MAX || memchr(name, '/', name_size))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "'%.*s' is no Hub id: it has to be 'name' or 'org/name'", shown, text);
    if ((slash && !repo_part(text, (size_t)(slash - text))) || !repo_part(name, name_size))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "'%.*s' is no Hub id: the parts of 'org/name' have 1 to 96 letters, "
                         "digits, '_', '-' and '.', and start and end with none of '-' and '.'",
                         shown, text);
    memcpy(out->repo, text, size);
    out->repo[size] = 0;
    bool git = size >= 4 && strcmp(out->repo + size - 4, ".git") == 0;
    if (git || strstr(out->repo, "--") || strstr(out->repo, ".."))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "'%s' is no Hub id: it %s", out->repo,
                         git ? "ends in '.git'" : "contains '--' or '..'");
    return MICA_OK;
}

/* What git allows in the name of a reference, and no more than a path may have. */
static bool revision_good(const char *text, size_t size)
{
    if (size < 1 || size > MICA_HUB_REVISION_MAX || !mica_hub_path_safe(text, size))
        return false;
    for (size_t i = 0; i < size; i++)
        if (strchr(" ~^:?*[\\", text[i]) || (text[i] == '.' && i + 1 < size && text[i + 1] == '.'))
            return false;
    return text[size - 1] != '.';
}

mica_status mica_hub_id_parse(const char *text, mica_hub_id *out, mica_error *err)
{
    memset(out, 0, sizeof *out);
    const char *at = strchr(text, '@');
    size_t size = at ? (size_t)(at - text) : strlen(text);
    mica_status status = parse_repo(text, size, out, err);
    if (status)
        return status;
    const char *revision = at ? at + 1 : "main";
    size_t length = strlen(revision);
    if (!revision_good(revision, length))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "'%.200s' is no revision of %s: a branch, a tag, refs/pr/N or a commit",
                         revision, out->repo);
    memcpy(out->revision, revision, length + 1);
    out->revision_given = at != NULL;
    out->commit = mica_hub_is_hex(revision, MICA_HUB_COMMIT_HEX);
    return MICA_OK;
}

/* One part of a path. Rules of Windows hold everywhere: what is fetched here may be read there. */
static bool path_part(const char *part, size_t size)
{
    if (size < 1 || size > 255 || part[0] == '\\')
        return false;
    if (size >= 2 && is_letter(part[0]) && part[1] == ':')
        return false;
    if (size == 1 && part[0] == '.')
        return false;
    for (size_t begin = 0, i = 0; i <= size; i++) { /* ".." between backslashes too */
        if (i < size && part[i] != '\\')
            continue;
        if (i - begin == 2 && part[begin] == '.' && part[begin + 1] == '.')
            return false;
        begin = i + 1;
    }
    return true;
}

bool mica_hub_path_safe(const char *path, size_t size)
{
    if (size < 1 || size > MICA_HUB_PATH_MAX || mica_utf8_valid_prefix(path, size) != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f)
            return false;
    for (size_t begin = 0, i = 0; i <= size; i++) {
        if (i < size && path[i] != '/')
            continue;
        if (!path_part(path + begin, i - begin))
            return false;
        begin = i + 1;
    }
    return true;
}

bool mica_hub_is_hex(const char *text, size_t digits)
{
    size_t i = 0;
    while (i < digits && (is_digit(text[i]) || (text[i] >= 'a' && text[i] <= 'f')))
        i++;
    return i == digits && !text[i];
}

bool mica_hub_is_etag(const char *text)
{
    size_t size = strlen(text);
    if (size < 1 || size > MICA_HUB_ETAG_MAX || text[0] == '.')
        return false;
    for (size_t i = 0; i < size; i++)
        if (!is_word(text[i]) && text[i] != '-' && text[i] != '.')
            return false;
    return true;
}

bool mica_hub_etag(const char *header, char *out)
{
    while (*header == 'W' || *header == '/') /* Python's lstrip("W/") */
        header++;
    size_t size = strlen(header);
    while (size && *header == '"') {
        header++;
        size--;
    }
    while (size && header[size - 1] == '"')
        size--;
    if (size > MICA_HUB_ETAG_MAX)
        return false;
    memcpy(out, header, size);
    out[size] = 0;
    return mica_hub_is_etag(out);
}

bool mica_hub_quote(mica_buf *out, const char *text, bool slash)
{
    for (; *text; text++) {
        if (is_word(*text) || *text == '-' || *text == '.' || *text == '~' ||
            (slash && *text == '/'))
            mica_buf_char(out, *text);
        else
            mica_buf_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
    return !out->failed;
}

/* ---- patterns ---- */

/* The next code point, a backslash as a slash; moves *p. */
static uint32_t next_char(const char **p)
{
    uint32_t cp = 0;
    size_t n = mica_utf8_decode(*p, *p + strnlen(*p, 4), &cp);
    if (n == 0) { /* no valid UTF-8: a byte is a character */
        cp = (unsigned char)**p;
        n = 1;
    }
    *p += n;
    return cp == '\\' ? '/' : cp;
}

/* `p` is behind "["; the place behind the closing "]", or NULL if there is none. */
static const char *set_end(const char *p)
{
    if (*p == '!')
        p++;
    if (*p == ']')
        p++;
    p = strchr(p, ']');
    return p ? p + 1 : NULL;
}

/* Whether the set between `p` and its "]" at `end` - 1 holds a character. */
static bool in_set(const char *p, const char *end, uint32_t c)
{
    bool negated = *p == '!', found = false;
    p += negated;
    end--;
    while (p < end) {
        uint32_t low = next_char(&p), high = low;
        if (*p == '-' && p + 1 < end) {
            p++;
            high = next_char(&p);
        }
        found |= low <= c && c <= high;
    }
    return found != negated;
}

bool mica_hub_match(const char *pattern, const char *path)
{
    /* The last star seen, and how much of the path it has taken: on a mismatch it takes one more.
     * Earlier stars never need to be looked at again. */
    const char *star = NULL, *taken = NULL;
    const char *p = pattern, *t = path;
    size_t length = strlen(pattern);
    bool folder = length && (pattern[length - 1] == '/' || pattern[length - 1] == '\\');
    while (*t) {
        const char *rest = p, *here = t;
        uint32_t c = next_char(&t);
        if (!*p) {
            if (folder)
                return true; /* "folder/" has an unwritten star at its end */
        } else if (*p == '*') {
            star = ++p;
            taken = t = here;
            continue;
        } else if (*p == '[' && set_end(p + 1)) {
            const char *end = set_end(p + 1);
            p = end;
            if (in_set(rest + 1, end, c))
                continue;
        } else {
            uint32_t want = next_char(&p);
            if (want == '?' || want == c)
                continue;
        }
        if (!star)
            return false;
        p = star;
        next_char(&taken);
        t = taken;
    }
    while (*p == '*')
        p++;
    return !*p;
}

/* ---- headers ---- */

/* Whether a parameter `text` of a link is rel=next; a rel may hold several words. */
static bool is_next(const char *text, size_t size)
{
    while (size && (*text == ' ' || *text == '\t')) {
        text++;
        size--;
    }
    if (size < 4 || (text[0] | 32) != 'r' || (text[1] | 32) != 'e' || (text[2] | 32) != 'l')
        return false;
    const char *end = text + size;
    text += 3;
    while (text < end && *text == ' ')
        text++;
    if (text == end || *text++ != '=')
        return false;
    while (text < end) {
        const char *word = text;
        while (text < end && is_word(*text))
            text++;
        if (text - word == 4 && memcmp(word, "next", 4) == 0)
            return true;
        text += text < end;
    }
    return false;
}

const char *mica_hub_next_link(const char *header, size_t *size)
{
    const char *p = header;
    while ((p = strchr(p, '<'))) {
        const char *url = p + 1, *close = strchr(url, '>');
        if (!close)
            return NULL;
        p = close + 1;
        bool found = false;
        while (*p && *p != ',') {
            if (*p == ';')
                p++;
            const char *parameter = p;
            bool quoted = false;
            while (*p && (quoted || (*p != ';' && *p != ','))) {
                quoted ^= *p == '"';
                p++;
            }
            found |= is_next(parameter, (size_t)(p - parameter));
        }
        if (found && close > url) {
            *size = (size_t)(close - url);
            return url;
        }
    }
    return NULL;
}

static const char *skip_space(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

/* "; KEY = DIGITS": the number (at most 10^9), and *p moved behind it; -1 = it is not there. */
static int64_t number_of(const char **p, char key)
{
    const char *q = skip_space(*p);
    if (*q++ != ';')
        return -1;
    q = skip_space(q);
    if (*q++ != key)
        return -1;
    q = skip_space(q);
    if (*q++ != '=')
        return -1;
    q = skip_space(q);
    if (!is_digit(*q))
        return -1;
    int64_t value = 0;
    for (; is_digit(*q); q++)
        value = value < 100000000 ? value * 10 + (*q - '0') : 1000000000;
    *p = q;
    return value;
}

int64_t mica_hub_rate_limit(const char *header)
{
    for (const char *p = header; (p = strchr(p, '"')); p++) {
        const char *q = p + 1;
        while (is_word(*q))
            q++;
        if (q == p + 1 || *q++ != '"')
            continue;
        int64_t remaining = number_of(&q, 'r');
        int64_t seconds = remaining < 0 ? -1 : number_of(&q, 't');
        if (seconds >= 0)
            return remaining == 0 ? seconds : -1;
    }
    return -1;
}

int64_t mica_hub_retry_after(const char *header)
{
    const char *p = skip_space(header);
    int64_t value = 0;
    if (!is_digit(*p))
        return -1;
    for (; is_digit(*p); p++)
        value = value < 100000000 ? value * 10 + (*p - '0') : 1000000000;
    return *skip_space(p) ? -1 : value;
}

/* ---- likeness ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

size_t mica_hub_distance(const char *a, const char *b, size_t limit)
{
    size_t row[MICA_HUB_REPO_MAX + 1], n = strlen(b), m = strlen(a);
    if (n > MICA_HUB_REPO_MAX || (m > n ? m - n : n - m) > limit)
        return limit + 1;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; i < m; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= n; j++) {
            size_t best = corner + (lower(a[i]) != lower(b[j - 1]));
            corner = row[j];
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (row[j] + 1 < best)
                best = row[j] + 1;
            row[j] = best;
        }
    }
    return row[n] > limit ? limit + 1 : row[n];
}
