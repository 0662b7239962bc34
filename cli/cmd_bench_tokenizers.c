/* SPDX-License-Identifier: MIT
 *
 * mica bench tokenizers: what is measured (bench/tokenizers.c), and how it is shown.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/tokenizers.h"
#include "bench/util.h"
#include "bench_common.h"

const char bench_tokenizers_details[] =
    "Each tokenizer.json is run on the same texts by mica and by Hugging Face's `tokenizers`, one\n"
    "thread each, in rounds that are interleaved in random order. Ids are compared first: who is\n"
    "wrong gets no time. Ratios are medians over the rounds, with a 95 % interval; the peer's\n"
    "fastest call counts. The peer is a Python with the library (`make peers` makes one in\n"
    "build/peers; MICA_PEER_PYTHON or --peer-python names another).\n\n"
    "A directory stands for the tokenizer.json in it, or in each directory in it. Without an\n"
    "argument the fixtures of the source tree are run. Without --text it is a part of Mary\n"
    "Shelley's Frankenstein (200 kB), cut into texts of --chunk bytes.\n\n"
    "example:\n"
    "  mica bench tokenizers ./tokenizers --text corpus.txt --output result.json\n";

typedef struct names {
    char **items;
    size_t count, room;
} names;

typedef struct tokenizers_run {
    const cli_command *command;
    cli_format format;
    bench_tokenizers_options options;
    bench_environment environment;
    mica_json_writer *writer;
    bench_tokenizer *results;
    size_t count;
} tokenizers_run;

/* ---- which files ---- */

static bool add_name(names *list, const char *path)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        char **items = realloc(list->items, room * sizeof *items);
        if (!items)
            return false;
        list->items = items;
        list->room = room;
    }
    list->items[list->count] = strdup(path);
    return list->items[list->count++] != NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* Adds DIR/tokenizer.json, or those of the directories in DIR; a code, or -1. */
static int add_directory(const cli_command *command, names *list, const char *path)
{
    char file[4096];
    size_t first = list->count;
    if ((size_t)snprintf(file, sizeof file, "%s/tokenizer.json", path) < sizeof file &&
        is_file(file))
        return add_name(list, file)
                   ? -1
                   : fail_text(command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    DIR *directory = opendir(path);
    if (!directory)
        return fail_text(command, errno == ENOENT ? MICA_STATUS_NOT_FOUND : MICA_STATUS_IO,
                         "cannot read '%s': %s", path, strerror(errno));
    bool fine = true;
    for (struct dirent *entry; fine && (entry = readdir(directory));)
        if (entry->d_name[0] != '.' &&
            (size_t)snprintf(file, sizeof file, "%s/%s/tokenizer.json", path, entry->d_name) <
                sizeof file &&
            is_file(file))
            fine = add_name(list, file);
    closedir(directory);
    if (!fine)
        return fail_text(command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    if (list->count == first)
        return fail_text(command, MICA_STATUS_NOT_FOUND, "no tokenizer.json in '%s'", path);
    qsort(list->items + first, list->count - first, sizeof *list->items, by_name);
    return -1;
}

static int find_files(const cli_command *command, names *list, int argc, char **argv)
{
    char fixtures[4096];
    int code = -1;
    if (argc == 0) {
        if (!bench_find("tests/fixtures/tokenizers", NULL, fixtures, sizeof fixtures))
            return usage_error(command, "which tokenizers? Give a tokenizer.json or a directory");
        return add_directory(command, list, fixtures);
    }
    for (int i = 0; i < argc && code < 0; i++) {
        if (!is_file(argv[i]))
            code = add_directory(command, list, argv[i]);
        else if (!add_name(list, argv[i]))
            code = fail_text(command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    }
    return code;
}

static int read_text(const cli_command *command, const char *path, mica_text *out)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    size_t size = 0;
    if (!file || fstat(fileno(file), &info) != 0 || !S_ISREG(info.st_mode)) {
        int error = file ? EISDIR : errno;
        if (file)
            fclose(file);
        return fail_text(command, error == ENOENT ? MICA_STATUS_NOT_FOUND : MICA_STATUS_IO,
                         "cannot read '%s': %s", path, strerror(error));
    }
    size = (size_t)info.st_size;
    data = malloc(size + 1);
    bool whole = data && fread(data, 1, size, file) == size;
    fclose(file);
    if (!whole || size == 0) {
        free(data);
        return fail_text(command, data ? MICA_STATUS_IO : MICA_STATUS_OUT_OF_MEMORY, "'%s' %s",
                         path, size == 0 ? "is empty" : "cannot be read whole");
    }
    *out = (mica_text){data, size};
    return -1;
}

/* ---- as a table ---- */

static void show_arm(const bench_arm *arm, size_t bytes, const bench_arm *mica)
{
    const bench_summary *s = &arm->summary;
    char why[128];
    out_text("    %-28s", arm->name);
    if (arm->state != BENCH_OK) {
        out_text(" %s: %s\n", bench_state_name(arm->state), printable(arm->reason).text);
        return;
    }
    out_text(" %9.2f %9.3f %8.3f %9.3f %9.3f %4zu", (double)bytes / s->median / 1e6,
             s->median * 1e3, s->mad * 1e3, s->p5 * 1e3, s->p95 * 1e3, s->n);
    if (arm != mica && mica->state == BENCH_OK)
        bench_show_ratio(bench_arm_ratio(mica, arm));
    if (bench_arm_is_suspect(arm, why, sizeof why))
        out_text("  suspect: %s", why);
    out_text("\n");
}

static void show_arms(const char *title, const bench_arm *arms, size_t count, size_t bytes)
{
    const bench_arm *fastest = bench_fastest(arms + 1, count - 1);
    out_text("  %s\n", title);
    for (size_t i = 0; i < count; i++)
        show_arm(&arms[i], bytes, &arms[0]);
    if (fastest && arms[0].state == BENCH_OK && count > 2)
        out_text("    mica is %.1f times as fast as '%s', the peer's fastest\n",
                 bench_arm_ratio(&arms[0], fastest).median, fastest->name);
}

static void show(const bench_tokenizer *t)
{
    char title[128];
    out_text("%s\n", printable(t->name).text);
    snprintf(title, sizeof title, "encode: %zu texts, %zu bytes, %zu tokens", t->texts, t->bytes,
             t->tokens);
    show_arms(title, t->encode, t->encode_arms, t->bytes);
    snprintf(title, sizeof title, "load: %zu bytes", t->file_bytes);
    show_arms(title, t->load, t->load_arms, t->file_bytes);
    for (size_t i = 0; i < t->growth_count; i++) {
        const bench_growth *g = &t->growths[i];
        bench_interval ratio = bench_arm_ratio(&g->arms[0], &g->arms[1]);
        out_text("  time grows: %-5s %8.2f MB/s in short texts, %8.2f in one of %zu MB: %.2f times "
                 "the time a byte (%.2f-%.2f)\n",
                 g->name, (double)g->bytes / g->arms[0].summary.median / 1e6,
                 (double)g->bytes / g->arms[1].summary.median / 1e6, g->bytes / 1000000,
                 ratio.median, ratio.low, ratio.high);
    }
    out_flush();
}

static void show_head(const tokenizers_run *run, const char *text)
{
    bench_show_machine(&run->environment);
    out_text("\ntext: %s, %zu bytes, in texts of %zu bytes\n", printable(text).text,
             run->options.text.size, run->options.chunk);
    out_text("    %-28s %9s %9s %8s %9s %9s %4s %8s\n", "", "MB/s", "median ms", "MAD", "p5", "p95",
             "n", "ratio");
}

/* ---- as JSON ---- */

static void write_arms(mica_json_writer *w, const char *key, const bench_arm *arms, size_t count)
{
    mica_json_write_key(w, key);
    mica_json_begin_object(w);
    mica_json_write_key(w, "arms");
    mica_json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        mica_json_begin_object(w);
        bench_write_arm(w, &arms[i]);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
    bench_write_ratio(w, arms, count);
    mica_json_end_object(w);
}

static void write_result(mica_json_writer *w, const bench_tokenizer *t)
{
    mica_json_begin_object(w);
    mica_json_write_member(w, "tokenizer", t->name);
    bench_write_int(w, "texts", (int64_t)t->texts);
    bench_write_int(w, "bytes", (int64_t)t->bytes);
    bench_write_int(w, "tokens", (int64_t)t->tokens);
    bench_write_int(w, "file_bytes", (int64_t)t->file_bytes);
    mica_json_write_member(w, "peer", t->peer);
    write_arms(w, "encode", t->encode, t->encode_arms);
    write_arms(w, "load", t->load, t->load_arms);
    mica_json_write_key(w, "growth");
    mica_json_begin_array(w);
    for (size_t i = 0; i < t->growth_count; i++) {
        mica_json_begin_object(w);
        mica_json_write_member(w, "text", t->growths[i].name);
        bench_write_int(w, "bytes", (int64_t)t->growths[i].bytes);
        write_arms(w, "time", t->growths[i].arms, 2);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
    mica_json_end_object(w);
}

static void write_settings(const tokenizers_run *run, const char *text)
{
    mica_json_writer *w = run->writer;
    bench_write_head(w, "tokenizers", &run->environment);
    mica_json_write_key(w, "settings");
    mica_json_begin_object(w);
    mica_json_write_member(w, "text", text);
    bench_write_int(w, "chunk", (int64_t)run->options.chunk);
    bench_write_plan(w, &run->options.plan);
    mica_json_end_object(w);
}

/* The whole document, in the writer. */
static void write_document(const tokenizers_run *run, const char *text)
{
    mica_json_writer *w = run->writer;
    mica_json_writer_reset(w);
    mica_json_begin_object(w);
    write_settings(run, text);
    mica_json_write_key(w, "results");
    mica_json_begin_array(w);
    for (size_t i = 0; i < run->count; i++)
        write_result(w, &run->results[i]);
    mica_json_end_array(w);
    mica_json_end_object(w);
}

/* ---- the command ---- */

static mica_status run_all(tokenizers_run *run, const names *files, const char *text,
                           mica_error *err)
{
    mica_json_writer *w = run->writer;
    mica_status status = MICA_OK;
    if (run->format == FORMAT_TEXT)
        show_head(run, text);
    if (run->format == FORMAT_JSONL) {
        mica_json_begin_object(w);
        write_settings(run, text);
        mica_json_end_object(w);
        status = bench_put_line(w, err);
    }
    for (size_t i = 0; i < files->count && !status && !out_failed(); i++) {
        bench_tokenizer *result = &run->results[run->count];
        mica_error why = {0};
        mica_status one = bench_tokenizer_run(files->items[i], &run->options, result, &why);
        if (one) {
            bench_tokenizer_release(result);
            status = one == MICA_STATUS_CANCELLED ? one : MICA_OK;
            *err = why;
            if (!status) /* the others go on */
                fprintf(stderr, "mica: %s: left out: %s\n", run->command->name, why.message);
            continue;
        }
        run->count++;
        if (i == 0 && run->format == FORMAT_TEXT && result->peer[0])
            out_text("peer: %s\n", printable(result->peer).text);
        if (run->format == FORMAT_TEXT)
            show(result);
        if (run->format == FORMAT_JSONL) {
            write_result(w, result);
            status = bench_put_line(w, err);
        }
    }
    return status;
}

int cmd_bench_tokenizers(const cli_command *command, int argc, char **argv)
{
    const char *text = NULL, *format = NULL, *output = NULL, *python = NULL, *script = NULL;
    bool alone = false;
    int64_t chunk = 10000, rounds = 9, seed = 1;
    double min_time = 0.1, limit = 120;
    tokenizers_run run = {.command = command};
    const option options[] = {
        {"text", 0, OPTION_TEXT, &text, "FILE", "the text to encode", 0, 0},
        {"chunk", 0, OPTION_NUMBER, &chunk, "BYTES", "cut it into texts of so many (10000)", 16,
         1 << 30},
        {"rounds", 0, OPTION_NUMBER, &rounds, "N", "samples of each arm (9)", 1, 10000},
        {"min-time", 0, OPTION_REAL, &min_time, "SECONDS", "that a sample takes at least (0.1)", 0,
         0},
        {"seed", 0, OPTION_NUMBER, &seed, "N", "of the order of the arms (1)", 0, INT64_MAX},
        {"grow", 0, OPTION_FLAG, &run.options.grow, NULL,
         "also compare texts of 10 MB with the same bytes in short texts", 0, 0},
        {"no-peer", 0, OPTION_FLAG, &alone, NULL, "mica alone", 0, 0},
        {"peer-python", 0, OPTION_TEXT, &python, "PYTHON", "the Python that has the peer", 0, 0},
        {"peer-script", 0, OPTION_TEXT, &script, "FILE", "another peer of the same protocol", 0, 0},
        {"limit", 0, OPTION_REAL, &limit, "SECONDS", "that a peer may take for an answer (120)", 0,
         0},
        {"format", 0, OPTION_TEXT, &format, "FORMAT", "text (default), json or jsonl", 0, 0},
        {"output", 'o', OPTION_TEXT, &output, "FILE", "write the results as JSON, too", 0, 0},
        {"verbose", 'v', OPTION_FLAG, &run.options.show_errors, NULL,
         "let the peer print its errors", 0, 0},
    };
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (!format_read(command, format, &run.format))
        return EXIT_USAGE;
    char text_path[4096], script_path[4096], python_path[4096];
    names files = {0};
    mica_error err = {0}, second = {0};
    mica_status status = MICA_OK;
    if (!text && bench_find_text(text_path, sizeof text_path))
        text = text_path;
    if (!alone && !script && bench_find_peer("tokenizers.py", script_path, sizeof script_path))
        script = script_path;
    if (!text)
        code = usage_error(command, "which text? Give --text FILE");
    else if (!alone && !script)
        code = usage_error(command, "bench/peers is not there: give --peer-script or --no-peer");
    if (code < 0)
        code = bench_check_output(command, output);
    if (code < 0)
        code = read_text(command, text, &run.options.text);
    if (code < 0)
        code = find_files(command, &files, n, argv + 1);
    run.options.text_path = text;
    run.options.chunk = (size_t)chunk;
    run.options.plan = (bench_plan){.rounds = (size_t)rounds,
                                    .min_time = min_time,
                                    .seed = (uint64_t)seed,
                                    .stop = interrupted};
    run.options.python = bench_python(python, python_path, sizeof python_path);
    run.options.script = alone ? NULL : script;
    run.options.limit = limit;
    if (code < 0) {
        bench_environment_read(&run.environment);
        run.results = calloc(files.count, sizeof *run.results);
        if (!run.results)
            code = fail_text(command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    }
    if (code < 0) {
        interrupt_watch(NULL);
        status = mica_json_writer_create(&run.writer, &err);
        if (!status)
            status = run_all(&run, &files, text, &err);
        if ((!status || run.count > 0) && (run.format == FORMAT_JSON || output)) {
            write_document(&run, text);
            if (bench_put_document(run.writer, run.format, output, &second) && !status)
                err = second, status = second.status;
        }
        code = status                     ? fail(command, &err)
               : run.count == files.count ? EXIT_OK
                                          : EXIT_FAILURE_CODE;
    }
    for (size_t i = 0; i < run.count; i++)
        bench_tokenizer_release(&run.results[i]);
    for (size_t i = 0; i < files.count; i++)
        free(files.items[i]);
    free(files.items);
    free(run.results);
    free((char *)run.options.text.data);
    mica_json_writer_destroy(&run.writer);
    return out_close(command, code);
}
