/* SPDX-License-Identifier: MIT
 *
 * Texts from arguments, a file or standard input, in windows, so that a corpus of any length passes
 * through bounded memory. A line ends at \n; a \r before it is dropped; a last line without \n
 * counts; an empty line is an empty text. With JSON lines a line is a string or an object, whose
 * keys the command names (texts_shape).
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

struct texts_reader {
    texts_source source;
    int next_argument;
    FILE *file; /* NULL: texts are arguments */
    const char *name;
    bool ended;
    uint64_t done, total, line; /* line: number of the last one read */
    uint64_t first;             /* number of the first text of the window */
    char *data;                 /* the window's bytes, texts one after another */
    size_t size, capacity;
    size_t *starts; /* of the texts in data; one more entry than texts */
    mica_text *texts;
    mica_json **documents; /* of JSON lines */
    size_t count, room;
    mica_text *beside;   /* what goes with the texts, one after another */
    size_t *beside_ends; /* of each text */
    size_t beside_room;
    mica_status pending; /* an error that is told after the texts before it */
    mica_error error;
};

static const size_t longest_line = (size_t)1 << 30;
static const texts_shape default_shape = {"text", NULL, false, false};

static mica_status said(mica_error *err, mica_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->status = status;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

static mica_status no_memory(mica_error *err)
{
    return said(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for the texts");
}

static mica_status cannot_read(mica_error *err, const char *name, int error)
{
    err->status = error == ENOENT ? MICA_STATUS_NOT_FOUND : MICA_STATUS_IO;
    snprintf(err->message, sizeof err->message, "cannot read '%.700s': %s", name, strerror(error));
    return err->status;
}

const char *texts_file(const texts_source *source)
{
    if (source->file)
        return source->file;
    bool standard = source->argc == 0 || (source->argc == 1 && strcmp(source->argv[0], "-") == 0);
    return standard ? "-" : NULL;
}

uint64_t texts_bytes(const char *file)
{
    struct stat info;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    int waiting = 0;
    bool standard = strcmp(file, "-") == 0;
    if ((standard ? fstat(STDIN_FILENO, &info) : stat(file, &info)) != 0)
        return UINT64_MAX;
    if (S_ISREG(info.st_mode))
        return info.st_size > 0 ? (uint64_t)info.st_size : 0;
    bool ended = standard && S_ISFIFO(info.st_mode) && poll(&input, 1, 0) >= 0 &&
                 (input.revents & POLLHUP) && ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0;
    return ended && waiting >= 0 ? (uint64_t)waiting : UINT64_MAX;
}

/* Opens `name`, or takes standard input if it is "-". */
static mica_status open_file(texts_reader *reader, const char *name, mica_error *err)
{
    struct stat info;
    bool standard = strcmp(name, "-") == 0;
    reader->name = standard ? "standard input" : name;
    reader->file = standard ? stdin : fopen(name, "rb");
    if (!reader->file || fstat(fileno(reader->file), &info) != 0)
        return cannot_read(err, reader->name, errno);
    if (S_ISDIR(info.st_mode))
        return cannot_read(err, reader->name, EISDIR);
    if (S_ISREG(info.st_mode)) {
        off_t at = standard ? lseek(fileno(stdin), 0, SEEK_CUR) : 0;
        reader->total = info.st_size > at && at >= 0 ? (uint64_t)(info.st_size - at) : 0;
    }
    return MICA_OK;
}

mica_status texts_open(const texts_source *source, texts_reader **out, mica_error *err)
{
    const char *file = texts_file(source);
    *out = NULL;
    if (!file && source->jsonl)
        return said(err, MICA_STATUS_INVALID_ARGUMENT,
                    "--jsonl is about the lines of a file or of standard input; texts as arguments "
                    "are taken as they are");
    if (!source->file && source->argc == 0 && isatty(STDIN_FILENO))
        return said(err, MICA_STATUS_INVALID_ARGUMENT,
                    "no text: give texts as arguments, --file FILE, or - for standard input");
    texts_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return no_memory(err);
    reader->source = *source;
    if (!source->shape)
        reader->source.shape = &default_shape;
    mica_status status = file ? open_file(reader, file, err) : MICA_OK;
    if (status)
        texts_close(&reader);
    *out = reader;
    return status;
}

static void empty_window(texts_reader *reader)
{
    for (size_t i = 0; i < reader->count; i++)
        mica_json_destroy(&reader->documents[i]);
    reader->first += reader->count;
    reader->count = 0;
    reader->size = 0;
}

void texts_close(texts_reader **pointer)
{
    texts_reader *reader = *pointer;
    *pointer = NULL;
    if (!reader)
        return;
    empty_window(reader);
    if (reader->file && reader->file != stdin)
        fclose(reader->file);
    free(reader->data);
    free(reader->starts);
    free(reader->texts);
    free(reader->documents);
    free(reader->beside);
    free(reader->beside_ends);
    free(reader);
}

static bool room_for_text(texts_reader *reader)
{
    if (reader->count < reader->room)
        return true;
    size_t room = reader->room ? reader->room * 2 : 256;
    size_t *starts = realloc(reader->starts, (room + 1) * sizeof *starts);
    if (starts)
        reader->starts = starts;
    mica_text *texts = realloc(reader->texts, room * sizeof *texts);
    if (texts)
        reader->texts = texts;
    mica_json **documents = realloc(reader->documents, room * sizeof *documents);
    if (documents)
        reader->documents = documents;
    size_t *ends = realloc(reader->beside_ends, room * sizeof *ends);
    if (ends)
        reader->beside_ends = ends;
    if (!starts || !texts || !documents || !ends)
        return false;
    reader->room = room;
    return true;
}

static bool add_byte(texts_reader *reader, char c)
{
    if (reader->size == reader->capacity) {
        size_t capacity = reader->capacity ? reader->capacity * 2 : 65536;
        char *data = realloc(reader->data, capacity);
        if (!data)
            return false;
        reader->data = data;
        reader->capacity = capacity;
    }
    reader->data[reader->size++] = c;
    return true;
}

/* One line onto the window; sets `ended` if there is none. */
static mica_status read_line(texts_reader *reader, mica_error *err)
{
    size_t begin = reader->size;
    int c;
    bool any = false;
    errno = 0;
    flockfile(reader->file);
    while ((c = getc_unlocked(reader->file)) != EOF) {
        any = true;
        reader->done++;
        if (c == '\n')
            break;
        if (reader->size - begin >= longest_line || !add_byte(reader, (char)c)) {
            funlockfile(reader->file);
            return reader->size - begin >= longest_line
                       ? said(err, MICA_STATUS_TOO_LONG, "line %llu of %s is longer than 1 GiB",
                              (unsigned long long)reader->line + 1, reader->name)
                       : no_memory(err);
        }
    }
    funlockfile(reader->file);
    if (c == EOF && ferror(reader->file) && !interrupted())
        return said(err, MICA_STATUS_IO, "cannot read line %llu of %s: %s",
                    (unsigned long long)reader->line + 1, reader->name, strerror(errno));
    if (!any || (c == EOF && interrupted())) {
        reader->ended = true;
        reader->size = begin;
        return MICA_OK;
    }
    reader->line++;
    if (c == '\n' && reader->size > begin && reader->data[reader->size - 1] == '\r')
        reader->size--;
    return MICA_OK;
}

static size_t beside_count(const texts_reader *reader, size_t i)
{
    return i ? reader->beside_ends[i - 1] : 0;
}

/* A string, or an object with a string under `key`. */
static bool read_text(const mica_json_value *value, const char *key, mica_text *out)
{
    if (mica_json_get_type(value) == MICA_JSON_OBJECT)
        value = mica_json_get(value, key);
    out->data = mica_json_string(value, &out->size);
    return out->data != NULL;
}

/* One more text beside text i. */
static mica_status add_beside(texts_reader *reader, size_t i, const mica_json_value *value,
                              const char *what, const char *place, mica_error *err)
{
    size_t at = reader->beside_ends[i];
    if (at == reader->beside_room) {
        size_t room = at ? at * 2 : 256;
        mica_text *beside = realloc(reader->beside, room * sizeof *beside);
        if (!beside)
            return no_memory(err);
        reader->beside = beside;
        reader->beside_room = room;
    }
    if (!read_text(value, default_shape.first, &reader->beside[at]))
        return said(err, MICA_STATUS_FORMAT, "%s: %s is %s, not a string", place, what,
                    mica_json_type_name(mica_json_get_type(value)));
    reader->beside_ends[i] = at + 1;
    return MICA_OK;
}

/* What the object of text i holds under the second key. */
static mica_status read_beside(texts_reader *reader, size_t i, const mica_json_value *value,
                               const char *place, mica_error *err)
{
    const texts_shape *shape = reader->source.shape;
    char what[80];
    mica_status status = MICA_OK;
    size_t k = 0;
    snprintf(what, sizeof what, "\"%s\"", shape->second);
    if (!shape->list) /* an object would be read as a text too; only a string is meant here */
        return mica_json_get_type(value) == MICA_JSON_OBJECT
                   ? said(err, MICA_STATUS_FORMAT, "%s: %s is an object, not a string", place, what)
                   : add_beside(reader, i, value, what, place, err);
    if (mica_json_get_type(value) != MICA_JSON_ARRAY)
        return said(err, MICA_STATUS_FORMAT, "%s: %s is %s, not a list", place, what,
                    mica_json_type_name(mica_json_get_type(value)));
    for (const mica_json_value *v = mica_json_first(value); v && !status; v = mica_json_next(v)) {
        snprintf(what, sizeof what, "%s[%zu]", shape->second, k++);
        status = add_beside(reader, i, v, what, place, err);
    }
    return status;
}

/* The texts in JSON line i of the window. */
static mica_status read_json(texts_reader *reader, size_t i, mica_error *err)
{
    const texts_shape *shape = reader->source.shape;
    char place[4200];
    texts_place(reader, i, place, sizeof place);
    size_t begin = reader->starts[i], size = reader->starts[i + 1] - begin;
    mica_status status =
        mica_json_parse(reader->data + begin, size, place, &reader->documents[i], err);
    if (status)
        return status;
    const mica_json_value *root = mica_json_root(reader->documents[i]), *second = NULL;
    bool object = mica_json_get_type(root) == MICA_JSON_OBJECT;
    if ((shape->both && !object) || !read_text(root, shape->first, &reader->texts[i]))
        return said(err, MICA_STATUS_FORMAT,
                    shape->both ? "%s is no object with a string \"%s\""
                                : "%s is neither a JSON string nor an object with a string \"%s\"",
                    place, shape->first);
    if (shape->second && object)
        second = mica_json_get(root, shape->second);
    if (mica_json_get_type(second) != MICA_JSON_NULL)
        return read_beside(reader, i, second, place, err);
    if (shape->both)
        return said(err, MICA_STATUS_FORMAT, "%s has no \"%s\"", place, shape->second);
    return MICA_OK;
}

static mica_status next_from_file(texts_reader *reader, size_t count, size_t bytes, mica_error *err)
{
    while (!reader->ended && reader->count < count && reader->size < bytes) {
        if (!room_for_text(reader))
            return no_memory(err);
        size_t begin = reader->size;
        mica_status status = read_line(reader, err);
        if (status)
            return status;
        if (reader->ended)
            break;
        reader->documents[reader->count] = NULL;
        reader->starts[reader->count] = begin;
        reader->starts[++reader->count] = reader->size;
    }
    /* The bytes stay where they are from here on. */
    for (size_t i = 0; i < reader->count; i++) {
        reader->texts[i].data = reader->data ? reader->data + reader->starts[i] : "";
        reader->texts[i].size = reader->starts[i + 1] - reader->starts[i];
    }
    for (size_t i = 0; i < reader->count; i++)
        reader->beside_ends[i] = 0;
    for (size_t i = 0; i < reader->count && reader->source.jsonl; i++) {
        reader->beside_ends[i] = beside_count(reader, i);
        reader->pending = read_json(reader, i, &reader->error);
        if (reader->pending) {
            mica_json_destroy(&reader->documents[i]);
            reader->count = i;
        }
    }
    return MICA_OK;
}

mica_status texts_next(texts_reader *reader, size_t count, size_t bytes, const mica_text **out,
                       size_t *n, mica_error *err)
{
    mica_status status = MICA_OK;
    empty_window(reader);
    *n = 0;
    if (reader->pending) {
        *err = reader->error;
        return reader->pending;
    }
    if (reader->file) {
        status = next_from_file(reader, count, bytes, err);
    } else {
        size_t taken = 0;
        while (reader->next_argument < reader->source.argc && reader->count < count &&
               taken < bytes) {
            if (!room_for_text(reader))
                return no_memory(err);
            const char *text = reader->source.argv[reader->next_argument++];
            reader->documents[reader->count] = NULL;
            reader->beside_ends[reader->count] = 0;
            reader->texts[reader->count].data = text;
            reader->texts[reader->count++].size = strlen(text);
            taken += strlen(text);
        }
    }
    if (!status && reader->count == 0 && reader->pending) {
        *err = reader->error;
        status = reader->pending;
    }
    *out = reader->texts;
    if (!status)
        *n = reader->count;
    return status;
}

mica_status texts_all(texts_reader *reader, const mica_text **out, size_t *n, mica_error *err)
{
    mica_status status = texts_next(reader, SIZE_MAX, SIZE_MAX, out, n, err);
    if (!status && reader->pending) {
        *err = reader->error;
        status = reader->pending;
    }
    return status;
}

const mica_text *texts_beside(const texts_reader *reader, size_t i, size_t *n)
{
    size_t begin = beside_count(reader, i);
    *n = reader->beside_ends[i] - begin;
    return *n ? reader->beside + begin : NULL;
}

const char *texts_place(const texts_reader *reader, size_t i, char *buffer, size_t size)
{
    unsigned long long number = reader->first + i + 1;
    if (reader->file)
        snprintf(buffer, size, "line %llu of %s", number, reader->name);
    else
        snprintf(buffer, size, "text %llu", number);
    return buffer;
}

bool texts_explain(const texts_reader *reader, size_t n, mica_error *err, size_t *at)
{
    char place[4200], rest[sizeof err->message];
    unsigned long long index;
    int used = 0;
    if (sscanf(err->message, "text %llu%n", &index, &used) != 1 || index >= n)
        return false;
    memcpy(rest, err->message, sizeof rest);
    *at = (size_t)index;
    snprintf(err->message, sizeof err->message, "%.400s%.600s",
             texts_place(reader, *at, place, sizeof place), rest + used);
    return true;
}

bool texts_more(texts_reader *reader)
{
    if (!reader->file)
        return reader->next_argument < reader->source.argc;
    if (reader->ended || reader->pending)
        return reader->pending != MICA_OK;
    int c = getc(reader->file);
    if (c != EOF)
        ungetc(c, reader->file);
    return c != EOF;
}

void texts_position(const texts_reader *reader, uint64_t *done, uint64_t *total)
{
    *done = reader->file ? reader->done : (uint64_t)reader->next_argument;
    *total = reader->file ? reader->total : (uint64_t)reader->source.argc;
}
