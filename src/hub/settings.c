/* SPDX-License-Identifier: MIT
 *
 * Environment variables, in the order and with the quirks of huggingface_hub: both sides must find
 * the same cache and the same token.
 */
#include "hub/settings.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"

#define PUBLIC_ENDPOINT "https://huggingface.co"

static bool is_true(const char *value)
{
    return value && (strcmp(value, "1") == 0 || strcasecmp(value, "on") == 0 ||
                     strcasecmp(value, "yes") == 0 || strcasecmp(value, "true") == 0);
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* "~" or "~user" at the start. What has no home stays as it is. */
static const char *expand_user(mica_buf *out, const char *path)
{
    if (path[0] != '~')
        return path;
    const char *end = path + strcspn(path, "/");
    const char *home = NULL;
    char user[256];
    size_t size = (size_t)(end - path) - 1;
    if (size == 0) {
        home = getenv("HOME");
        struct passwd *self = home ? NULL : getpwuid(getuid());
        if (self)
            home = self->pw_dir;
    } else if (size < sizeof user) {
        memcpy(user, path + 1, size);
        user[size] = 0;
        struct passwd *other = getpwnam(user);
        if (other)
            home = other->pw_dir;
    }
    if (!home)
        return path;
    size_t length = strlen(home);
    while (length && home[length - 1] == '/')
        length--;
    mica_buf_append(out, home, length);
    if (!length && !*end)
        mica_buf_char(out, '/');
    return end;
}

/* $NAME and ${NAME}; a variable that is not set stays as it is written. */
static void expand_variables(mica_buf *out, const char *text)
{
    while (*text) {
        const char *name = text + 1, *end = name;
        bool braces = text[0] == '$' && text[1] == '{';
        if (*text != '$') {
            mica_buf_char(out, *text++);
            continue;
        }
        if (braces) {
            name++;
            end = strchr(name, '}');
        } else {
            while (name_char(*end))
                end++;
        }
        char variable[256];
        const char *value = NULL;
        size_t size = end ? (size_t)(end - name) : 0;
        if (size && size < sizeof variable) {
            memcpy(variable, name, size);
            variable[size] = 0;
            value = getenv(variable);
        }
        if (value) {
            mica_buf_text(out, value);
            text = end + braces;
        } else {
            mica_buf_char(out, *text++);
        }
    }
}

char *mica_hub_expand(const char *path)
{
    mica_buf user, all;
    mica_buf_init(&user, SIZE_MAX / 2);
    mica_buf_init(&all, SIZE_MAX / 2);
    mica_buf_text(&user, expand_user(&user, path));
    mica_buf_text(&all, "");
    expand_variables(&all, mica_buf_cstr(&user));
    char *out = user.failed ? NULL : mica_buf_take(&all, &(size_t){0});
    mica_buf_free(&user);
    mica_buf_free(&all);
    return out;
}

/* os.path.join(a, b) for a relative b. */
static char *join(const char *a, const char *b)
{
    return *a ? mica_path_join(a, b) : mica_strdup(b);
}

/* HF_HOME as it stands, before it is expanded. */
static char *home_written(void)
{
    const char *home = getenv("HF_HOME"), *xdg = getenv("XDG_CACHE_HOME");
    if (home)
        return mica_strdup(home);
    return xdg ? join(xdg, "huggingface") : mica_strdup("~/.cache/huggingface");
}

static char *expanded_home(void)
{
    char *written = home_written(), *out = written ? mica_hub_expand(written) : NULL;
    mica_free(written);
    return out;
}

/* The path that the first of two variables gives, or HF_HOME/last. */
static char *path_setting(const char *first, const char *second, const char *last)
{
    const char *value = getenv(first);
    if (!value && second)
        value = getenv(second);
    if (value)
        return mica_hub_expand(value);
    char *home = expanded_home(), *out = home ? join(home, last) : NULL;
    mica_free(home);
    return out;
}

/* Python's str.strip for ASCII. */
static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

char *mica_hub_clean_token(const char *text, size_t size, bool *failed)
{
    *failed = false;
    char *out = mica_alloc(size + 1);
    if (!out) {
        *failed = true;
        return NULL;
    }
    size_t n = 0, begin = 0;
    for (size_t i = 0; i < size; i++)
        if (text[i] != '\r' && text[i] != '\n')
            out[n++] = text[i];
    while (n && is_space(out[n - 1]))
        n--;
    while (begin < n && is_space(out[begin]))
        begin++;
    memmove(out, out + begin, n - begin);
    out[n - begin] = 0;
    if (n == begin) {
        mica_free(out);
        return NULL;
    }
    return out;
}

static bool printable(const char *token)
{
    for (; *token; token++)
        if (*token <= ' ' || *token > '~')
            return false;
    return true;
}

static mica_status take_token(mica_hub_settings *s, const char *text, size_t size,
                              const char *source, mica_error *err)
{
    bool failed;
    s->token = mica_hub_clean_token(text, size, &failed);
    if (s->token && !(s->token_source = mica_strdup(source)))
        failed = true;
    if (failed)
        return mica_fail_memory(err, size, "the token");
    s->token_bad = s->token && (strlen(s->token) > 4096 || !printable(s->token));
    return MICA_OK;
}

static mica_status token_from_file(mica_hub_settings *s, mica_error *err)
{
    mica_error problem = {0};
    char *text = NULL, *path = path_setting("HF_TOKEN_PATH", NULL, "token");
    size_t size = 0;
    if (!path)
        return mica_fail_memory(err, 0, "a path");
    mica_status status = mica_file_read(path, 65536, &text, &size, &problem);
    if (!status)
        status = take_token(s, text, size, path, &problem);
    mica_free(text);
    mica_free(path);
    if (status == MICA_STATUS_OUT_OF_MEMORY)
        return mica_fail(err, status, "%s", problem.message);
    return MICA_OK; /* a token that cannot be read is none */
}

static mica_status read_token(mica_hub_settings *s, const char *token, mica_error *err)
{
    if (token)
        return take_token(s, token, strlen(token), "the options", err);
    if (is_true(getenv("HF_HUB_DISABLE_IMPLICIT_TOKEN")))
        return MICA_OK;
    static const char *const names[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};
    for (size_t i = 0; i < 2; i++) {
        const char *value = getenv(names[i]);
        if (!value || !*value)
            continue;
        mica_status status = take_token(s, value, strlen(value), names[i], err);
        if (status || s->token)
            return status;
        break; /* huggingface_hub looks at the second only if the first is empty */
    }
    return token_from_file(s, err);
}

/* `value` as Python's int reads it; 0 and an unset variable are the default, 10 seconds. */
static mica_status read_seconds(const char *name, long *out, mica_error *err)
{
    const char *value = getenv(name);
    *out = 10;
    if (!value)
        return MICA_OK;
    char *end = NULL;
    errno = 0;
    long number = strtol(value, &end, 10);
    while (*end && is_space(*end))
        end++;
    if (errno || end == value || *end || number < 0 || number > 1000000)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "%s is '%s', which is no number of seconds", name, value);
    if (number)
        *out = number;
    return MICA_OK;
}

static mica_status read_endpoint(mica_hub_settings *s, const char *endpoint, mica_error *err)
{
    if (!endpoint)
        endpoint = getenv("HF_ENDPOINT");
    if (!endpoint || !*endpoint)
        endpoint = PUBLIC_ENDPOINT;
    s->endpoint = mica_strdup(endpoint);
    if (!s->endpoint)
        return mica_fail_memory(err, strlen(endpoint), "the endpoint");
    for (size_t n = strlen(s->endpoint); n && s->endpoint[n - 1] == '/'; n--)
        s->endpoint[n - 1] = 0;
    if (strncmp(s->endpoint, "https://", 8) != 0 && strncmp(s->endpoint, "http://", 7) != 0)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "the endpoint '%s' (HF_ENDPOINT) is no http:// or https:// address",
                         s->endpoint);
    return MICA_OK;
}

/* A copy of a variable that is set to something; false = out of memory. */
static bool copy_variable(const char *name, char **out)
{
    const char *value = getenv(name);
    return !value || !*value || (*out = mica_strdup(value)) != NULL;
}

mica_status mica_hub_settings_read(const char *cache_dir, const char *endpoint, const char *token,
                                   int offline, mica_hub_settings *out, mica_error *err)
{
    mica_hub_settings s = {0};
    const char *bars = getenv("HF_HUB_DISABLE_PROGRESS_BARS");
    const char *flag = getenv("HF_HUB_OFFLINE");
    if (!flag || !*flag)
        flag = getenv("TRANSFORMERS_OFFLINE");
    s.offline = offline < 0 ? is_true(flag) : offline > 0;
    s.symlinks = !is_true(getenv("HF_HUB_DISABLE_SYMLINKS"));
    s.progress_bars = bars ? !is_true(bars) : -1;
    mica_status status = read_seconds("HF_HUB_ETAG_TIMEOUT", &s.head_seconds, err);
    if (!status)
        status = read_seconds("HF_HUB_DOWNLOAD_TIMEOUT", &s.get_seconds, err);
    if (!status)
        status = read_endpoint(&s, endpoint, err);
    if (!status) {
        s.cache_dir = cache_dir ? mica_strdup(cache_dir)
                                : path_setting("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "hub");
        if (!s.cache_dir || !copy_variable("SSL_CERT_FILE", &s.ca_file) ||
            !copy_variable("SSL_CERT_DIR", &s.ca_dir))
            status = mica_fail_memory(err, 0, "the settings of the Hub");
    }
    if (!status && !*s.cache_dir)
        status = mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the cache's folder has no name");
    if (!status)
        status = read_token(&s, token, err);
    if (status)
        mica_hub_settings_free(&s);
    *out = s;
    return status;
}

void mica_hub_settings_free(mica_hub_settings *s)
{
    mica_free(s->cache_dir);
    mica_free(s->endpoint);
    if (s->token)
        memset(s->token, 0, strlen(s->token));
    mica_free(s->token);
    mica_free(s->token_source);
    mica_free(s->ca_file);
    mica_free(s->ca_dir);
    memset(s, 0, sizeof *s);
}
