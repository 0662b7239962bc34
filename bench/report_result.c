/* SPDX-License-Identifier: MIT
 *
 * Files: one JSON object or JSON lines, and what runs must have in common. The records are read in
 * report_records.c.
 */
#include "report_result.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "report_records.h"
#include "util.h"

const report_run *report_run_of(const report_results *results, const char *bench)
{
    const report_run *found = NULL;
    for (const report_run *run = results->runs; run < results->runs + results->run_count; run++)
        if (strcmp(run->bench, bench) == 0 && (!found || found->as_published || !run->as_published))
            found = run;
    return found;
}

/* Figures of two machines, or of other numbers of threads, are not to be put in one table. */
static mica_status check_machine(const report_results *r, const report_run *run, mica_error *err)
{
    if (r->run_count == 0)
        return MICA_OK;
    const report_run *first = &r->runs[0];
    const char *const what[] = {"cpu", "kernels", "system"};
    const char *const a[] = {first->cpu, first->kernels, first->system};
    const char *const b[] = {run->cpu, run->kernels, run->system};
    for (int i = 0; i < 3; i++)
        if (strcmp(a[i], b[i]) != 0)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "'%.200s' and '%.200s' are of different machines: the %s is "
                             "'%.100s' and '%.100s'; make a report of each",
                             first->path, run->path, what[i], a[i], b[i]);
    for (size_t i = 0; i < r->run_count; i++) {
        const report_run *other = &r->runs[i];
        if (other->threads != run->threads && other->threads > 0 && run->threads > 0)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "'%.300s' ran with %g threads and '%.300s' with %g; make a report of "
                             "each",
                             other->path, other->threads, run->path, run->threads);
    }
    return MICA_OK;
}

static mica_status begin_run(report_results *r, const mica_json_value *root, const char *path,
                             report_run **out, mica_error *err)
{
    report_run run;
    mica_status status = report_read_run(&r->pool, root, path, &run, err);
    if (!status)
        status = check_machine(r, &run, err);
    if (status)
        return status;
    report_run *runs = report_room(&r->pool, r->runs, r->run_count, &r->run_room, sizeof *runs);
    if (!runs)
        return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    r->runs = runs;
    *out = &runs[r->run_count++];
    **out = run;
    return MICA_OK;
}

/* A document with everything in it. */
static mica_status read_whole(report_results *r, const mica_json_value *root, const char *path,
                              mica_error *err)
{
    static const char *const lists[] = {"results", "flaws", "models", "cells", "accuracy"};
    report_run *run;
    mica_status status = begin_run(r, root, path, &run, err);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0] && !status; i++) {
        const mica_json_value *list = mica_json_get(root, lists[i]);
        if (mica_json_get_type(list) != MICA_JSON_ARRAY)
            continue;
        size_t n = 0;
        for (const mica_json_value *v = mica_json_first(list); v && !status;
             v = mica_json_next(v)) {
            const char *where = report_print(&r->pool, "'%.300s': %s[%zu]", path, lists[i], n++);
            status = report_read_record(r, run, v, where, err);
        }
    }
    return status;
}

static mica_status read_lines(report_results *r, const char *data, size_t size, const char *path,
                              mica_error *err)
{
    report_run *run = NULL;
    mica_status status = MICA_OK;
    size_t number = 1;
    for (size_t at = 0, length; at < size && !status; at += length + 1, number++) {
        const char *end = memchr(data + at, '\n', size - at);
        mica_json *json = NULL;
        length = end ? (size_t)(end - data) - at : size - at;
        if (length == 0 || (length == 1 && data[at] == '\r'))
            continue;
        const char *where = report_print(&r->pool, "'%.300s': line %zu", path, number);
        status = mica_json_parse(data + at, length, where, &json, err);
        if (status == MICA_STATUS_FORMAT && !end && run) {
            run->cut = report_print(&r->pool,
                                    "The file ends in the middle of line %zu, so the run was "
                                    "interrupted: the %zu lines before it were read.",
                                    number, number - 1);
            return MICA_OK;
        }
        if (!status)
            status = run ? report_read_record(r, run, mica_json_root(json), where, err)
                         : begin_run(r, mica_json_root(json), path, &run, err);
        mica_json_destroy(&json);
    }
    return status;
}

/* Only the lines of models say which arms have a flaw of the paper's. */
static void mark_as_published(report_results *r)
{
    for (size_t i = 0; i < r->cell_count; i++) {
        report_cell *cell = &r->models[i];
        const report_model *m = NULL;
        for (size_t k = 0; k < r->loaded_count && !m; k++)
            m = strcmp(r->loaded[k].name, cell->group) == 0 ? &r->loaded[k] : NULL;
        for (size_t a = 0; a < cell->arm_count && m; a++)
            for (size_t k = 0; k < m->arm_count; k++)
                if (m->arms[k].as_published && strcmp(m->arms[k].name, cell->arms[a].name) == 0)
                    cell->arms[a].as_published = true;
    }
}

mica_status report_read(report_results *r, const char *data, size_t size, const char *path,
                        mica_error *err)
{
    /* JSON lines begin with an object on a line of its own that has no results in it. */
    const char *end = size ? memchr(data, '\n', size) : NULL;
    size_t first = end ? (size_t)(end - data) : size;
    mica_json *json = NULL;
    mica_error first_error = {0};
    mica_status status = mica_json_parse(data, first, path, &json, &first_error);
    bool lines = !status && mica_json_get_type(mica_json_get(mica_json_root(json), "results")) !=
                                MICA_JSON_ARRAY;
    mica_json_destroy(&json);
    if (status == MICA_STATUS_OUT_OF_MEMORY) {
        *err = first_error;
    } else if (lines) {
        status = read_lines(r, data, size, path, err);
    } else {
        status = mica_json_parse(data, size, path, &json, err);
        if (!status)
            status = read_whole(r, mica_json_root(json), path, err);
        mica_json_destroy(&json);
    }
    mark_as_published(r);
    if (!status && r->pool.failed)
        status = mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    return status;
}

mica_status report_read_file(report_results *r, const char *path, mica_error *err)
{
    report_text text = {0};
    char part[1 << 16];
    size_t n;
    errno = 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return mica_fail(err, errno == ENOENT ? MICA_STATUS_NOT_FOUND : MICA_STATUS_IO,
                         "cannot open '%.700s': %s", path, strerror(errno));
    while (!text.failed && (n = fread(part, 1, sizeof part, file)) > 0)
        report_add(&text, part, n);
    bool broken = ferror(file) != 0;
    int error = errno;
    fclose(file);
    mica_status status = MICA_OK;
    if (broken)
        status = mica_fail(err, MICA_STATUS_IO, "cannot read '%.700s': %s", path, strerror(error));
    else if (text.failed)
        status = mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for '%.700s'", path);
    else
        status = report_read(r, text.data ? text.data : "", text.size, path, err);
    report_text_free(&text);
    return status;
}

void report_results_free(report_results *results)
{
    report_free(&results->pool);
    memset(results, 0, sizeof *results);
}
