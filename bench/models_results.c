/* SPDX-License-Identifier: MIT */
#include "models_results.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "models_inputs.h"
#include "util.h"

/* ---- lines ---- */

static mica_status keep(bench_results *r, const char *text, size_t size, const char *name,
                        mica_error *err)
{
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 64;
        mica_json **lines = realloc(r->lines, room * sizeof *lines);
        if (!lines)
            return bench_fail_memory(err, "results");
        r->lines = lines;
        r->room = room;
    }
    mica_status status = mica_json_parse(text, size, name, &r->lines[r->count], err);
    r->count += status == MICA_OK;
    return status;
}

const mica_json_value *bench_results_line(const bench_results *r, size_t i)
{
    return i < r->count ? mica_json_root(r->lines[i]) : NULL;
}

bool bench_results_is_part(const mica_json_value *line)
{
    const char *kind = bench_text(line, "kind");
    return strcmp(kind, "part") == 0 || strcmp(kind, "group") == 0;
}

static bool is_cell(const mica_json_value *line, size_t length, size_t batch)
{
    int64_t number = 0;
    const mica_json_value *value = mica_json_get(line, "length");
    if (!mica_json_int64(mica_json_get(line, "batch"), &number) || number != (int64_t)batch)
        return false;
    if (length == 0)
        return mica_json_string(value, NULL) != NULL;
    return mica_json_int64(value, &number) && number == (int64_t)length;
}

const mica_json_value *bench_results_find(const bench_results *r, const char *kind,
                                          const char *model, const char *precision, size_t length,
                                          size_t batch)
{
    for (size_t i = r->count; i-- > 1;) {
        const mica_json_value *line = mica_json_root(r->lines[i]);
        if (strcmp(bench_text(line, "kind"), kind) == 0 &&
            strcmp(bench_text(line, "model"), model) == 0 &&
            (!precision || strcmp(bench_text(line, "precision"), precision) == 0) &&
            (batch == 0 || is_cell(line, length, batch)))
            return line;
    }
    return NULL;
}

/* ---- the file ---- */

static mica_status fail_file(const bench_results *r, const char *what, mica_error *err)
{
    return mica_fail_errno(err, errno, what, r->path);
}

static bool put(FILE *file, const char *text, size_t size)
{
    return fwrite(text, 1, size, file) == size && fputc('\n', file) != EOF;
}

static bool reach_disk(FILE *file)
{
    return fflush(file) == 0 && fsync(fileno(file)) == 0;
}

/* The text of a value, as much of it as there is room for; "nothing" if it is not there. */
static void show_value(const mica_json_value *value, char *out, size_t size)
{
    mica_json_writer *w = NULL;
    mica_error ignored = {0};
    const char *text = NULL;
    if (value && mica_json_writer_create(&w, &ignored) == MICA_OK) {
        bench_write_value(w, value);
        if (mica_json_writer_text(w, &text, NULL, &ignored))
            text = NULL;
    }
    snprintf(out, size, "%s", text ? text : value ? "?" : "nothing");
    mica_json_writer_destroy(&w);
}

/* Where two values differ: the innermost pair, and the path that leads there. */
typedef struct difference {
    char path[200];
    const mica_json_value *was, *now;
} difference;

static void add_key(difference *d, const char *key)
{
    size_t n = strlen(d->path);
    snprintf(d->path + n, sizeof d->path - n, "%s%s", n ? "." : "", key);
}

/* The first member that differs, of an object in either. */
static bool find_member(difference *d)
{
    const mica_json_value *const both[] = {d->now, d->was};
    for (int i = 0; i < 2; i++)
        for (const mica_json_value *v = mica_json_first(both[i]); v; v = mica_json_next(v)) {
            const char *key = mica_json_key(v, NULL);
            const mica_json_value *was = mica_json_get(d->was, key);
            const mica_json_value *now = mica_json_get(d->now, key);
            if (was && now && bench_same_value(was, now))
                continue;
            add_key(d, key);
            d->was = was;
            d->now = now;
            return true;
        }
    return false;
}

static bool find_difference(difference *d)
{
    if (bench_same_value(d->was, d->now))
        return false;
    while (mica_json_get_type(d->was) == MICA_JSON_OBJECT &&
           mica_json_get_type(d->now) == MICA_JSON_OBJECT && find_member(d)) {
    }
    return true;
}

/* Whether `key` of two objects differs; `name` is what the path begins with. */
static bool differs(const mica_json_value *was, const mica_json_value *now, const char *name,
                    const char *key, difference *d)
{
    *d = (difference){.was = mica_json_get(was, key), .now = mica_json_get(now, key)};
    snprintf(d->path, sizeof d->path, "%s", name);
    if (strcmp(name, key) != 0)
        add_key(d, key);
    return find_difference(d);
}

/* What must not have changed since the run began. */
static bool find_changed(const mica_json_value *was, const mica_json_value *now, difference *d)
{
    static const char *const machine[] = {"cpu", "kernels", "system", "mica", "commit"};
    static const char *const peer[] = {"name", "versions", "state"};
    if (differs(was, now, "settings", "settings", d))
        return true;
    for (size_t i = 0; i < sizeof machine / sizeof *machine; i++)
        if (differs(mica_json_get(was, "environment"), mica_json_get(now, "environment"),
                    "environment", machine[i], d))
            return true;
    const mica_json_value *a = mica_json_first(mica_json_get(was, "peers"));
    const mica_json_value *b = mica_json_first(mica_json_get(now, "peers"));
    for (; a || b; a = a ? mica_json_next(a) : NULL, b = b ? mica_json_next(b) : NULL)
        for (size_t i = 0; i < sizeof peer / sizeof *peer; i++)
            if (differs(a, b, "peers", peer[i], d))
                return true;
    return false;
}

static mica_status check_header(const bench_results *r, const mica_json_value *now, mica_error *err)
{
    const mica_json_value *was = bench_results_line(r, 0);
    difference d;
    char before[160], after[160];
    if (strcmp(bench_text(was, "bench"), "models") != 0 || mica_json_get(was, "results"))
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%.600s' is no result of this benchmark that can be gone on with",
                         r->path);
    if (!find_changed(was, now, &d))
        return MICA_OK;
    show_value(d.was, before, sizeof before);
    show_value(d.now, after, sizeof after);
    return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                     "'%.400s' was begun otherwise: its %s was %s, and is %s now", r->path, d.path,
                     before, after);
}

/* The lines of the file that is open; *whole is where the last one ends. */
static mica_status read_lines(bench_results *r, size_t *whole, mica_error *err)
{
    size_t size = 0;
    char name[64];
    char *data = NULL;
    mica_status status = bench_read_all(r->file, r->path, SIZE_MAX / 2, &data, &size, err);
    *whole = 0;
    while (!status && *whole < size) {
        const char *end = memchr(data + *whole, '\n', size - *whole);
        if (!end)
            break;
        snprintf(name, sizeof name, "line %zu of the results", r->count + 1);
        status = keep(r, data + *whole, (size_t)(end - data) - *whole, name, err);
        *whole = (size_t)(end - data) + 1;
    }
    free(data);
    return status;
}

/* Reads what an earlier run left, and cuts off a line without its end. */
static mica_status read_earlier(bench_results *r, const mica_json_value *header, mica_error *err)
{
    size_t whole;
    mica_status status = read_lines(r, &whole, err);
    bool empty = fseek(r->file, 0, SEEK_END) == 0 && ftell(r->file) == 0;
    if (!status && !empty)
        status = check_header(r, header, err);
    r->kept = r->count;
    if (!status && (ftruncate(fileno(r->file), (off_t)whole) != 0 ||
                    fseek(r->file, (long)whole, SEEK_SET) != 0))
        status = fail_file(r, "cannot write", err);
    return status;
}

mica_status bench_results_read(bench_results *r, const char *path, mica_error *err)
{
    size_t whole;
    snprintf(r->path, sizeof r->path, "%s", path);
    r->file = fopen(path, "rb");
    if (!r->file)
        return errno == ENOENT ? mica_fail(err, MICA_STATUS_NOT_FOUND, "there is no '%.700s'", path)
                               : fail_file(r, "cannot read", err);
    mica_status status = read_lines(r, &whole, err);
    if (!status && !bench_text(bench_results_line(r, 0), "bench")[0])
        status = mica_fail(err, MICA_STATUS_FORMAT, "'%.700s' is no result of a benchmark", path);
    return status;
}

/* A regular file, made if it is not there, for this process alone: two that write would mix their
 * lines. Processes that it starts do not get it, and so cannot keep it locked. */
static mica_status open_alone(bench_results *r, mica_error *err)
{
    int fd = open(r->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    r->file = fd >= 0 ? fdopen(fd, "rb+") : NULL;
    if (!r->file) {
        mica_status status = fail_file(r, "cannot write", err);
        if (fd >= 0)
            close(fd);
        return status;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "'%.700s' is being written by another run", r->path);
    return MICA_OK; /* also where the file system has no locks */
}

static mica_status open_file(bench_results *r, bool resume, const mica_json_value *header,
                             mica_error *err)
{
    struct stat info;
    r->stream = stat(r->path, &info) == 0 && !S_ISREG(info.st_mode);
    if (r->stream && resume)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "'%.700s' is no file that --resume can read", r->path);
    if (r->stream) {
        r->file = fopen(r->path, "wb");
        return r->file ? MICA_OK : fail_file(r, "cannot write", err);
    }
    mica_status status = open_alone(r, err);
    if (status)
        return status;
    if (resume)
        return read_earlier(r, header, err);
    if (fgetc(r->file) != EOF)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "'%.700s' is there already: --resume goes on with it", r->path);
    rewind(r->file);
    return MICA_OK;
}

mica_status bench_results_open(bench_results *r, const char *path, bool resume,
                               mica_json_writer *header, mica_error *err)
{
    const char *text;
    size_t size;
    mica_json *json = NULL;
    mica_status status = mica_json_writer_text(header, &text, &size, err);
    if (!status)
        status = mica_json_parse(text, size, "the header", &json, err);
    if (!status && path && (size_t)snprintf(r->path, sizeof r->path, "%s", path) >= sizeof r->path)
        status = mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the path is too long");
    if (!status && path)
        status = open_file(r, resume, mica_json_root(json), err);
    mica_json_destroy(&json);
    mica_json_writer_reset(header);
    return status;
}

mica_status bench_results_begin(bench_results *r, mica_json_writer *header, mica_error *err)
{
    for (size_t i = 0; i < r->kept; i++)
        if (r->show)
            r->show(r->user, mica_json_root(r->lines[i]), true);
    if (r->count == 0)
        return bench_results_add(r, header, err);
    mica_json_writer_reset(header);
    return MICA_OK;
}

/* A stream gets the lines that stay: nobody goes on from it. */
static bool write_line(const bench_results *r, const char *text, size_t size)
{
    const mica_json_value *line = bench_results_line(r, r->count - 1);
    if (!r->file || (r->stream && bench_results_is_part(line)))
        return true;
    return put(r->file, text, size) && (r->stream ? fflush(r->file) == 0 : reach_disk(r->file));
}

mica_status bench_results_add(bench_results *r, mica_json_writer *line, mica_error *err)
{
    const char *text;
    size_t size;
    mica_status status = mica_json_writer_text(line, &text, &size, err);
    if (!status)
        status = keep(r, text, size, "a result", err);
    if (!status && !write_line(r, text, size))
        status = fail_file(r, "cannot write", err);
    mica_json_writer_reset(line);
    if (!status && r->show)
        r->show(r->user, mica_json_root(r->lines[r->count - 1]), false);
    return status;
}

mica_status bench_results_finish(bench_results *r, mica_error *err)
{
    mica_writer *file = NULL;
    mica_json_writer *w = NULL;
    if (!r->file || r->stream)
        return MICA_OK;
    mica_status status = mica_writer_open(r->path, &file, err);
    if (!status)
        status = mica_json_writer_create(&w, err);
    for (size_t i = 0; i < r->count && !status; i++) {
        const char *text;
        size_t size;
        if (bench_results_is_part(mica_json_root(r->lines[i])))
            continue;
        bench_write_value(w, mica_json_root(r->lines[i]));
        status = mica_json_writer_text(w, &text, &size, err);
        if (!status)
            status = mica_writer_write(file, text, size, err);
        if (!status)
            status = mica_writer_write(file, "\n", 1, err);
        mica_json_writer_reset(w);
    }
    if (!status)
        status = mica_writer_commit(&file, err);
    mica_writer_abort(&file);
    mica_json_writer_destroy(&w);
    return status;
}

void bench_results_write(const bench_results *r, mica_json_writer *w)
{
    const mica_json_value *header = bench_results_line(r, 0);
    mica_json_begin_object(w);
    for (const mica_json_value *v = mica_json_first(header); v; v = mica_json_next(v)) {
        mica_json_write_key(w, mica_json_key(v, NULL));
        bench_write_value(w, v);
    }
    mica_json_write_key(w, "results");
    mica_json_begin_array(w);
    for (size_t i = 1; i < r->count; i++)
        if (!bench_results_is_part(bench_results_line(r, i)))
            bench_write_value(w, bench_results_line(r, i));
    mica_json_end_array(w);
    mica_json_end_object(w);
}

void bench_results_close(bench_results *r)
{
    if (r->file)
        fclose(r->file);
    for (size_t i = 0; i < r->count; i++)
        mica_json_destroy(&r->lines[i]);
    free(r->lines);
    memset(r, 0, sizeof *r);
}
