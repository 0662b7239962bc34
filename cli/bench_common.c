/* SPDX-License-Identifier: MIT */
#include "bench_common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *bench_python(const char *named, char *path, size_t size)
{
    if (!named || !named[0])
        named = getenv("MICA_PEER_PYTHON");
    if (named && named[0])
        return named;
    return bench_find("build/peers/bin/python", NULL, path, size) ? path : "python3";
}

void bench_write_head(mica_json_writer *w, const char *bench, const bench_environment *environment)
{
    write_member(w, "bench", bench);
    mica_json_write_key(w, "schema");
    mica_json_write_int(w, 1);
    mica_json_write_key(w, "environment");
    mica_json_begin_object(w);
    bench_environment_write(w, environment);
    mica_json_end_object(w);
}

void bench_write_plan(mica_json_writer *w, const bench_plan *plan)
{
    mica_json_write_key(w, "rounds");
    mica_json_write_int(w, (int64_t)plan->rounds);
    mica_json_write_key(w, "min_time");
    mica_json_write_double(w, plan->min_time);
    mica_json_write_key(w, "seed");
    mica_json_write_int(w, (int64_t)plan->seed);
}

void bench_write_ratio(mica_json_writer *w, const bench_arm *arms, size_t count)
{
    const bench_arm *fastest = count > 1 ? bench_fastest(arms + 1, count - 1) : NULL;
    mica_json_write_key(w, "ratio");
    bench_write_ratio_of(w, &arms[0], fastest);
}

mica_status bench_put_line(mica_json_writer *w, mica_error *err)
{
    mica_status status = out_json(w, err);
    out_text("\n");
    out_flush();
    return status;
}

mica_status bench_write_file(mica_json_writer *w, const char *path, mica_error *err)
{
    const char *json;
    size_t size;
    mica_status status = mica_json_writer_text(w, &json, &size, err);
    FILE *file = status ? NULL : fopen(path, "wb");
    if (status)
        return status;
    bool written = file && fwrite(json, 1, size, file) == size && fputc('\n', file) != EOF;
    if ((file && fclose(file) != 0) || !written) {
        err->status = MICA_STATUS_IO;
        snprintf(err->message, sizeof err->message, "cannot write '%.700s': %s", path,
                 strerror(errno));
        return err->status;
    }
    return MICA_OK;
}
