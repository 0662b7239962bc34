/* SPDX-License-Identifier: MIT */
#include "bench_common.h"

#include <errno.h>
#include <oniguruma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "bench/folder.h"
#include "bench/util.h"

const char *bench_python(const char *named, char *path, size_t size)
{
    if (!named || !named[0])
        named = getenv("MICA_PEER_PYTHON");
    if (named && named[0])
        return named;
    return bench_find("build/peers/bin/python", NULL, path, size) ? path : "python3";
}

bool bench_find_peer(const char *file, char *path, size_t size)
{
    char in_tree[128], installed[128];
    snprintf(in_tree, sizeof in_tree, "bench/peers/%s", file);
    snprintf(installed, sizeof installed, "share/mica/bench/peers/%s", file);
    bool found = bench_find(in_tree, installed, path, size);
    if (!found)
        snprintf(path, size, "%s", in_tree);
    return found;
}

bool bench_find_text(char *path, size_t size)
{
    return bench_find("bench/texts/frankenstein.txt", "share/mica/bench/texts/frankenstein.txt",
                      path, size);
}

static const char folder_name[] = "mica-bench-";

/* The lock is held until the process ends. */
int bench_make_folder(const cli_command *command, char *path, size_t size)
{
    const char *place = getenv("TMPDIR");
    struct stat info;
    if (!place || !place[0])
        place = "/tmp";
    bench_folders_sweep(place, folder_name, "");
    for (int i = 0; i < 100; i++) {
        if ((size_t)snprintf(path, size, "%s/%sXXXXXX", place, folder_name) >= size ||
            !mkdtemp(path))
            return fail_text(command, MICA_STATUS_IO, "cannot make a folder in '%.200s': %s", place,
                             strerror(errno));
        bench_folder_lock(path);
        if (stat(path, &info) == 0) /* else another one took it for a left-over before the lock */
            return -1;
    }
    return fail_text(command, MICA_STATUS_IO, "folders made in '%.200s' vanish", place);
}

/* Not <regex.h>: the tokenizers' regular expressions bring functions of the same names along. */
int bench_filter_read(const cli_command *command, const char *text, bench_filter **out)
{
    OnigErrorInfo info;
    OnigUChar reason[ONIG_MAX_ERROR_MESSAGE_LEN];
    const OnigUChar *begin = (const OnigUChar *)text;
    *out = NULL;
    if (!text)
        return -1;
    int code = onig_new(out, begin, begin + strlen(text), ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                        ONIG_SYNTAX_DEFAULT, &info);
    if (code == ONIG_NORMAL)
        return -1;
    onig_error_code_to_str(reason, code, &info);
    return usage_error(command, "--filter '%.100s': %s", text, (char *)reason);
}

bool bench_filter_takes(bench_filter *filter, const char *name)
{
    const OnigUChar *text = (const OnigUChar *)name, *end = text + strlen(name);
    return !filter || onig_search(filter, text, end, text, end, NULL, ONIG_OPTION_NONE) >= 0;
}

void bench_filter_free(bench_filter **filter)
{
    if (*filter)
        onig_free(*filter);
    *filter = NULL;
}

void bench_show_machine(const bench_environment *e)
{
    out_text("%s, %s, mica %s%s%s", e->cpu, e->system, mica_version(), e->commit[0] ? " " : "",
             e->commit);
}

void bench_show_ratio(bench_interval ratio)
{
    out_text(" %7.2fx  %.2f-%.2f", ratio.median, ratio.low, ratio.high);
    if (ratio.level < 0.95)
        out_text(" (%.0f %%)", ratio.level * 100);
}

void bench_write_head(mica_json_writer *w, const char *bench, const bench_environment *environment)
{
    mica_json_write_member(w, "bench", bench);
    bench_write_int(w, "schema", 1);
    mica_json_write_key(w, "environment");
    mica_json_begin_object(w);
    bench_environment_write(w, environment);
    mica_json_end_object(w);
}

void bench_write_plan(mica_json_writer *w, const bench_plan *plan)
{
    bench_write_int(w, "rounds", (int64_t)plan->rounds);
    bench_write_number(w, "min_time", plan->min_time);
    bench_write_int(w, "seed", (int64_t)plan->seed);
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

int bench_check_output(const cli_command *command, const char *output)
{
    mica_error err = {0};
    return output && mica_writer_check(output, &err) ? fail(command, &err) : -1;
}

static mica_status write_file(mica_json_writer *w, const char *path, mica_error *err)
{
    const char *json;
    size_t size;
    mica_status status = mica_json_writer_text(w, &json, &size, err);
    return status ? status : bench_write_file(path, json, size, "\n", err);
}

mica_status bench_put_document(mica_json_writer *w, cli_format format, const char *output,
                               mica_error *err)
{
    mica_error second = {0};
    mica_status status = output ? write_file(w, output, err) : MICA_OK;
    if (format == FORMAT_JSON && bench_put_line(w, &second) && !status) {
        *err = second;
        status = second.status;
    }
    return status;
}
