/* SPDX-License-Identifier: MIT
 *
 * Options: --name VALUE, --name=VALUE, -x VALUE, flags, and "--" after which nothing is an option.
 * Options and other arguments may stand in any order.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

int usage_error(const cli_command *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "mica: %s: ", command->name);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\nTry 'mica %s --help'.\n", command->name);
    va_end(args);
    return EXIT_USAGE;
}

static int help(const cli_command *command, const option *options, size_t count)
{
    out_text("mica %s: %s\n\nusage: mica %s %s%s\n", command->name, command->summary, command->name,
             command->usage, count ? " [OPTION...]" : "");
    if (count)
        out_text("\n");
    for (size_t i = 0; i < count; i++) {
        const option *o = &options[i];
        char left[64];
        int n = o->letter ? snprintf(left, sizeof left, "-%c, ", o->letter)
                          : snprintf(left, sizeof left, "    ");
        snprintf(left + n, sizeof left - (size_t)n, "--%s%s%s", o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        out_text("  %-30s %s\n", left, o->help);
    }
    out_text("  -h, %-26s %s\n", "--help", "this text");
    out_text("\n%s", command->details);
    return out_close(command, EXIT_OK);
}

static size_t common_prefix(const char *a, const char *b, size_t n)
{
    size_t i = 0;
    while (i < n && a[i] == b[i] && b[i])
        i++;
    return i;
}

static int unknown_option(const cli_command *command, const option *options, size_t count,
                          const char *name, size_t size)
{
    const option *nearest = NULL;
    size_t best = 2;
    for (size_t i = 0; i < count; i++) {
        size_t common = common_prefix(name, options[i].name, size);
        if (common > best) {
            best = common;
            nearest = &options[i];
        }
    }
    if (nearest)
        return usage_error(command, "unknown option --%.*s; did you mean --%s?", (int)size, name,
                           nearest->name);
    return usage_error(command, "unknown option --%.*s", (int)size, name);
}

static int set_number(const cli_command *command, const option *o, const char *value)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (errno || end == value || *end || number < o->min || number > o->max)
        return usage_error(command, "--%s takes a whole number from %lld to %lld, not '%s'",
                           o->name, (long long)o->min, (long long)o->max, value);
    *(int64_t *)o->target = number;
    return -1;
}

static int set_real(const cli_command *command, const option *o, const char *value)
{
    char *end = NULL;
    double number = strtod(value, &end);
    if (end == value || *end || !isfinite(number) || number < (double)o->min)
        return usage_error(command, "--%s takes a number of at least %lld, not '%s'", o->name,
                           (long long)o->min, value);
    *(double *)o->target = number;
    return -1;
}

static int add_text(const cli_command *command, const option *o, const char *value)
{
    option_texts *texts = o->target;
    if (texts->count == OPTION_TEXTS_MAX)
        return usage_error(command, "--%s is given more than %d times", o->name, OPTION_TEXTS_MAX);
    texts->items[texts->count++] = value;
    return -1;
}

static int set_dtype(const cli_command *command, const option *o, const char *value)
{
    if (!mica_precision_find(value, o->target))
        return usage_error(command, "--%s is f32, bf16, int8 or auto, not '%s'", o->name, value);
    return -1;
}

static int set(const cli_command *command, const option *o, const char *value)
{
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)o->target = true;
        return -1;
    case OPTION_TEXT:
        *(const char **)o->target = value;
        return -1;
    case OPTION_TEXTS:
        return add_text(command, o, value);
    case OPTION_NUMBER:
        return set_number(command, o, value);
    case OPTION_REAL:
        return set_real(command, o, value);
    case OPTION_DTYPE:
        return set_dtype(command, o, value);
    }
    return -1;
}

/* The option that `word` ("--name=value" or "-x") names; *value gets what follows '='. */
static const option *match(const option *options, size_t count, const char *word, size_t *size,
                           const char **value)
{
    *value = NULL;
    *size = strlen(word + 1);
    if (word[1] != '-') {
        for (size_t i = 0; i < count; i++)
            if (options[i].letter && options[i].letter == word[1] && !word[2])
                return &options[i];
        return NULL;
    }
    const char *name = word + 2, *equals = strchr(name, '=');
    *size = equals ? (size_t)(equals - name) : strlen(name);
    *value = equals ? equals + 1 : NULL;
    for (size_t i = 0; i < count; i++)
        if (strlen(options[i].name) == *size && memcmp(options[i].name, name, *size) == 0)
            return &options[i];
    return NULL;
}

int options_read(const cli_command *command, const option *options, size_t count, int argc,
                 char **argv, int *positional)
{
    int kept = 1;
    bool only_texts = false;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (only_texts || word[0] != '-' || !word[1]) {
            argv[kept++] = word;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_texts = true;
            continue;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
            return help(command, options, count);
        if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
            out_text("mica %s\n", mica_version());
            return out_close(command, EXIT_OK);
        }
        const char *value;
        size_t size;
        const option *o = match(options, count, word, &size, &value);
        if (!o && word[1] != '-')
            return usage_error(command,
                               "unknown option %s (a text that starts with '-' goes after "
                               "'--')",
                               word);
        if (!o)
            return unknown_option(command, options, count, word + 2, size);
        if (o->kind == OPTION_FLAG && value)
            return usage_error(command, "--%s takes no value", o->name);
        if (o->kind != OPTION_FLAG && !value) {
            if (i + 1 == argc)
                return usage_error(command, "--%s needs a value (%s)", o->name, o->value);
            value = argv[++i];
        }
        int code = set(command, o, value);
        if (code >= 0)
            return code;
    }
    *positional = kept - 1;
    return -1;
}
