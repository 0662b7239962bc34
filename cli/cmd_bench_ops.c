/* SPDX-License-Identifier: MIT
 *
 * mica bench ops: what is measured (bench/ops.c), and how it is shown.
 */
#include <errno.h>
#include <math.h>
#include <oniguruma.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/ops.h"
#include "bench_common.h"

const char bench_ops_details[] =
    "The 85 cases of the paper on MLX-Transformers, by its names, and what encoders need beside:\n"
    "products, layer norm, attention. Arms are mica and PyTorch, as its documentation has it\n"
    "(default) and at its best here (results into memory that is used again, faster calls and\n"
    "layouts). All get the same inputs from one file, and run with equally many threads, in\n"
    "rounds that are interleaved in random order. An output that differs from the float64\n"
    "reference is `wrong` and has no time; so has a figure above what the machine can do, which\n"
    "is measured too. PyTorch is a Python with it (`make peers` makes one in build/peers;\n"
    "MICA_PEER_PYTHON or --peer-python names another).\n\n"
    "--filter takes a regular expression that is found anywhere in the name.\n"
    "Large cases need about 10 GB of memory, and room for their inputs and outputs in TMPDIR.\n\n"
    "examples:\n"
    "  mica bench ops --list\n"
    "  mica bench ops --filter '^Softmax' --output softmax.json\n"
    "  mica bench ops --backends mica --rounds 21\n";

typedef struct ops_run {
    const cli_command *command;
    cli_format format;
    bench_ops_options options;
    bench_ops *ops;
    bench_environment environment;
    mica_json_writer *writer;
    bench_case *cases;
    bench_ops_result *results;
    size_t case_count, count;
} ops_run;

/* ---- which cases ---- */

static bool has(regex_t *expression, const char *name)
{
    const OnigUChar *text = (const OnigUChar *)name, *end = text + strlen(name);
    return !expression ||
           onig_search(expression, text, end, text, end, NULL, ONIG_OPTION_NONE) >= 0;
}

/* Not <regex.h>: the tokenizers' regular expressions bring functions of the same names along. */
static int choose(ops_run *run, const char *filter)
{
    regex_t *expression = NULL;
    if (filter) {
        OnigErrorInfo info;
        OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
        const OnigUChar *begin = (const OnigUChar *)filter;
        int code = onig_new(&expression, begin, begin + strlen(filter), ONIG_OPTION_NONE,
                            ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &info);
        if (code != ONIG_NORMAL) {
            onig_error_code_to_str(text, code, &info);
            return usage_error(run->command, "--filter '%.100s': %s", filter, (char *)text);
        }
    }
    run->cases = calloc(bench_case_count, sizeof *run->cases);
    for (size_t i = 0; i < bench_case_count && run->cases; i++) {
        bench_case *c = &run->cases[run->case_count];
        if (bench_case_read(i, c) && has(expression, c->name))
            run->case_count++;
    }
    if (expression)
        onig_free(expression);
    if (!run->cases)
        return fail_text(run->command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    if (run->case_count == 0)
        return fail_text(run->command, MICA_STATUS_NOT_FOUND, "no case has '%.200s' in its name",
                         filter);
    return -1;
}

/* "mica,pytorch" */
static int read_backends(ops_run *run, const char *text, bool *pytorch)
{
    run->options.mica = *pytorch = text == NULL;
    while (text) {
        size_t size = strcspn(text, ",");
        if (size == 4 && memcmp(text, "mica", 4) == 0)
            run->options.mica = true;
        else if (size == 7 && memcmp(text, "pytorch", 7) == 0)
            *pytorch = true;
        else
            return usage_error(run->command, "--backends takes mica and pytorch, not '%.*s'",
                               (int)size, text);
        text = text[size] ? text + size + 1 : NULL;
    }
    return -1;
}

static int list(const ops_run *run)
{
    for (size_t i = 0; i < run->case_count; i++)
        out_text("%-5s  %s\n", run->cases[i].paper ? "paper" : "more", run->cases[i].name);
    return EXIT_OK;
}

/* What would be run, without running it. */
static int show_plan(const ops_run *run)
{
    const bench_plan *plan = &run->options.plan;
    out_text("%zu cases, %s%s%s, %zu rounds, samples of %g s or more\n", run->case_count,
             run->options.mica ? "mica" : "", run->options.mica && run->options.script ? ", " : "",
             run->options.script ? "pytorch (default, best)" : "", plan->rounds, plan->min_time);
    for (size_t i = 0; i < run->case_count; i++) {
        const bench_case *c = &run->cases[i];
        char bytes[32];
        size_text((int64_t)c->bytes, bytes, sizeof bytes);
        out_text("  %-56s %12.4f GFLOP %10s\n", c->name, c->flops * 1e-9, bytes);
    }
    return EXIT_OK;
}

/* ---- as a table ---- */

static bool is_mica(const bench_ops_result *r)
{
    return strcmp(r->arms[0].name, "mica") == 0;
}

static void show_arm(const ops_run *run, const bench_ops_result *r, size_t i)
{
    const bench_arm *arm = &r->arms[i];
    const bench_summary *s = &arm->summary;
    out_text("    %-16s", arm->name);
    if (arm->state != BENCH_OK) {
        out_text(" %s: %s\n", bench_state_name(arm->state), arm->reason);
        return;
    }
    bench_rates rates = bench_ops_rates(r, i, bench_ops_peaks(run->ops));
    out_text(" %10.4f %8.4f %10.4f %10.4f %4zu", s->median * 1e3, s->mad * 1e3, s->p5 * 1e3,
             s->p95 * 1e3, s->n);
    if (rates.flops > 0)
        out_text(" %8.1f", rates.flops * 1e-9);
    else
        out_text(" %8s", "-");
    out_text(" %8.2f %5.0f %%", rates.bytes * 1e-9, rates.share * 100);
    if (i > 0 && is_mica(r) && r->arms[0].state == BENCH_OK) {
        bench_interval ratio = bench_arm_ratio(&r->arms[0], arm);
        out_text(" %7.2fx  %.2f-%.2f", ratio.median, ratio.low, ratio.high);
        if (ratio.level < 0.95)
            out_text(" (%.0f %%)", ratio.level * 100);
    }
    out_text("%s%s%s\n", r->how[i][0] ? "  [" : "", r->how[i], r->how[i][0] ? "]" : "");
}

static void show(const ops_run *run, const bench_ops_result *r)
{
    out_text("%s\n", r->work.name);
    for (size_t i = 0; i < r->arm_count; i++)
        show_arm(run, r, i);
    out_flush();
}

static void show_head(const ops_run *run)
{
    const bench_environment *e = &run->environment;
    const bench_peaks *peaks = bench_ops_peaks(run->ops);
    out_text("%s, %s, mica %s%s%s, %zu threads\n", e->cpu, e->system, mica_version(),
             e->commit[0] ? " " : "", e->commit, bench_ops_threads(run->ops));
    out_text("peak: %.0f GFLOP/s; GB/s read (copied):", peaks->flops * 1e-9);
    for (int i = 0; i < BENCH_SIZES; i++) {
        char size[32];
        size_text((int64_t)peaks->bandwidth[i].bytes, size, sizeof size);
        out_text("%s %.0f (%.0f) of %s", i ? "," : "", peaks->bandwidth[i].read * 1e-9,
                 peaks->bandwidth[i].copy * 1e-9, size);
    }
    out_text("\n    %-16s %10s %8s %10s %10s %4s %8s %8s %7s %8s\n", "", "median ms", "MAD", "p5",
             "p95", "n", "GFLOP/s", "GB/s", "of peak", "ratio");
}

/* The geometric mean of the ratios to the peer's fastest arm, where both are right. */
static void show_sum(const ops_run *run)
{
    double *ratios = calloc(run->count + 1, sizeof *ratios);
    size_t n = 0, slower = 0;
    for (size_t i = 0; i < run->count && ratios; i++) {
        const bench_ops_result *r = &run->results[i];
        const bench_arm *fastest = bench_fastest(r->arms + 1, r->arm_count - 1);
        if (!is_mica(r) || r->arms[0].state != BENCH_OK || !fastest)
            continue;
        ratios[n] = bench_arm_ratio(&r->arms[0], fastest).median;
        slower += ratios[n++] < 1;
    }
    if (n > 0)
        out_text("%zu cases: %.2f times as fast as the peer's fastest (geometric mean); slower in "
                 "%zu\n",
                 n, bench_geometric_mean(ratios, n), slower);
    free(ratios);
}

/* ---- as JSON ---- */

static void write_number(mica_json_writer *w, const char *key, double number)
{
    mica_json_write_key(w, key);
    mica_json_write_double(w, number);
}

static void write_peaks(mica_json_writer *w, const bench_peaks *peaks)
{
    mica_json_write_key(w, "peaks");
    mica_json_begin_object(w);
    write_number(w, "flops", peaks->flops);
    mica_json_write_key(w, "bandwidth");
    mica_json_begin_array(w);
    for (int i = 0; i < BENCH_SIZES; i++) {
        mica_json_begin_object(w);
        write_number(w, "bytes", peaks->bandwidth[i].bytes);
        write_number(w, "read", peaks->bandwidth[i].read);
        write_number(w, "copy", peaks->bandwidth[i].copy);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
    mica_json_end_object(w);
}

static void write_result(const ops_run *run, const bench_ops_result *r)
{
    mica_json_writer *w = run->writer;
    mica_json_begin_object(w);
    write_member(w, "case", r->work.name);
    write_member(w, "op", bench_op_title(r->work.op));
    mica_json_write_key(w, "paper");
    mica_json_write_bool(w, r->work.paper);
    write_number(w, "flops", r->work.flops);
    write_number(w, "bytes", r->work.bytes);
    write_number(w, "bandwidth", r->bandwidth);
    mica_json_write_key(w, "elements");
    mica_json_write_int(w, (int64_t)r->elements);
    mica_json_write_key(w, "checked");
    mica_json_write_int(w, (int64_t)r->checked);
    mica_json_write_key(w, "arms");
    mica_json_begin_array(w);
    for (size_t i = 0; i < r->arm_count; i++) {
        mica_json_begin_object(w);
        bench_write_arm(w, &r->arms[i]);
        write_member(w, "way", r->how[i][0] ? r->how[i] : NULL);
        write_number(w, "difference", r->worst[i]);
        if (r->arms[i].state == BENCH_OK) {
            bench_rates rates = bench_ops_rates(r, i, bench_ops_peaks(run->ops));
            write_number(w, "flops_per_second", rates.flops);
            write_number(w, "bytes_per_second", rates.bytes);
            write_number(w, "share_of_peak", rates.share);
        }
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
    bench_write_ratio(w, r->arms, is_mica(r) ? r->arm_count : 1);
    mica_json_end_object(w);
}

static void write_settings(const ops_run *run)
{
    mica_json_writer *w = run->writer;
    const char *peer = bench_ops_peer(run->ops);
    bench_write_head(w, "ops", &run->environment);
    mica_json_write_key(w, "settings");
    mica_json_begin_object(w);
    bench_write_plan(w, &run->options.plan);
    mica_json_write_key(w, "min_runs");
    mica_json_write_int(w, (int64_t)run->options.plan.min_runs);
    mica_json_write_key(w, "threads");
    mica_json_write_int(w, (int64_t)bench_ops_threads(run->ops));
    mica_json_end_object(w);
    write_member(w, "peer", peer[0] ? peer : NULL);
    write_peaks(w, bench_ops_peaks(run->ops));
}

static void write_document(const ops_run *run)
{
    mica_json_writer *w = run->writer;
    mica_json_writer_reset(w);
    mica_json_begin_object(w);
    write_settings(run);
    mica_json_write_key(w, "results");
    mica_json_begin_array(w);
    for (size_t i = 0; i < run->count; i++)
        write_result(run, &run->results[i]);
    mica_json_end_array(w);
    mica_json_end_object(w);
}

/* ---- the command ---- */

static mica_status run_all(ops_run *run, mica_error *err)
{
    mica_json_writer *w = run->writer;
    mica_status status = MICA_OK;
    if (run->format == FORMAT_TEXT)
        show_head(run);
    if (run->format == FORMAT_JSONL) {
        mica_json_begin_object(w);
        write_settings(run);
        mica_json_end_object(w);
        status = bench_put_line(w, err);
    }
    for (size_t i = 0; i < run->case_count && !status && !out_failed(); i++) {
        bench_ops_result *result = &run->results[run->count];
        status = bench_ops_run(run->ops, &run->cases[i], result, err);
        if (status)
            break;
        run->count++;
        if (i == 0 && run->format == FORMAT_TEXT && bench_ops_peer(run->ops)[0])
            out_text("peer: %s\n", bench_ops_peer(run->ops));
        if (run->format == FORMAT_TEXT)
            show(run, result);
        if (run->format == FORMAT_JSONL) {
            write_result(run, result);
            status = bench_put_line(w, err);
        }
    }
    if (run->format == FORMAT_TEXT)
        show_sum(run);
    return status;
}

/* 0 if every arm of mica is right; a peer that is not is no failure of this program. */
static int exit_code(const ops_run *run)
{
    for (size_t i = 0; i < run->count; i++)
        if (is_mica(&run->results[i]) && run->results[i].arms[0].state != BENCH_OK)
            return EXIT_FAILURE_CODE;
    return EXIT_OK;
}

/* Measures, with a folder of its own for files; what was measured before an error is kept. */
static int measure(ops_run *run, const char *output)
{
    const char *place = getenv("TMPDIR");
    char directory[4096 - 64];
    mica_error err = {0};
    mica_status status = MICA_OK;
    if ((size_t)snprintf(directory, sizeof directory, "%s/mica-bench-XXXXXX",
                         place && place[0] ? place : "/tmp") >= sizeof directory ||
        !mkdtemp(directory))
        return fail_text(run->command, MICA_STATUS_IO, "cannot make a folder in '%.200s': %s",
                         place && place[0] ? place : "/tmp", strerror(errno));
    run->options.directory = directory;
    run->results = calloc(run->case_count, sizeof *run->results);
    if (!run->results) {
        rmdir(directory);
        return fail_text(run->command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    }
    bench_environment_read(&run->environment);
    interrupt_watch(NULL);
    status = mica_json_writer_create(&run->writer, &err);
    if (!status)
        status = bench_ops_open(&run->options, &run->ops, &err);
    if (!status)
        status = run_all(run, &err);
    if (run->ops && run->format == FORMAT_JSON) {
        mica_error second = {0};
        write_document(run);
        if (bench_put_line(run->writer, &second) && !status)
            err = second, status = second.status;
    }
    if (run->ops && output && !(status && run->count == 0)) {
        mica_error second = {0};
        write_document(run);
        if (bench_write_file(run->writer, output, &second) && !status)
            err = second, status = second.status;
    }
    bench_ops_close(&run->ops);
    rmdir(directory);
    return status ? fail(run->command, &err) : exit_code(run);
}

static int find_script(ops_run *run, const char *named, char *path, size_t size)
{
    run->options.script = named;
    if (!named &&
        bench_find("bench/peers/torch_ops.py", "share/mica/bench/peers/torch_ops.py", path, size))
        run->options.script = path;
    return run->options.script
               ? -1
               : usage_error(run->command,
                             "bench/peers is not there: give --peer-script or --backends mica");
}

int cmd_bench_ops(const cli_command *command, int argc, char **argv)
{
    const char *filter = NULL, *backends = NULL, *format = NULL, *output = NULL, *python = NULL,
               *script = NULL;
    bool only_list = false, dry = false, pytorch = false;
    int64_t rounds = 9, seed = 1, min_runs = 0, threads = 0;
    double min_time = 0.05, limit = 300;
    ops_run run = {.command = command};
    const option options[] = {
        {"filter", 0, OPTION_TEXT, &filter, "REGEX", "only cases with this in their name", 0, 0},
        {"list", 0, OPTION_FLAG, &only_list, NULL, "name the cases and end", 0, 0},
        {"dry-run", 0, OPTION_FLAG, &dry, NULL, "show what would be run, and what it costs", 0, 0},
        {"backends", 0, OPTION_TEXT, &backends, "LIST", "of mica and pytorch (both)", 0, 0},
        {"rounds", 0, OPTION_NUMBER, &rounds, "N", "samples of each arm (9)", 1, 10000},
        {"min-time", 0, OPTION_REAL, &min_time, "SECONDS", "that a sample takes at least (0.05)", 0,
         0},
        {"min-runs", 0, OPTION_NUMBER, &min_runs, "N", "runs of each arm at least, in all", 0,
         1000000},
        {"threads", 't', OPTION_NUMBER, &threads, "N", "of everyone (0: as mica chooses)", 0, 1024},
        {"seed", 0, OPTION_NUMBER, &seed, "N", "of inputs and of the order of the arms (1)", 0,
         INT64_MAX},
        {"peer-python", 0, OPTION_TEXT, &python, "PYTHON", "the Python that has PyTorch", 0, 0},
        {"peer-script", 0, OPTION_TEXT, &script, "FILE", "another peer of the same protocol", 0, 0},
        {"limit", 0, OPTION_REAL, &limit, "SECONDS", "that a peer may take for an answer (300)", 0,
         0},
        {"format", 0, OPTION_TEXT, &format, "FORMAT", "text (default), json or jsonl", 0, 0},
        {"output", 'o', OPTION_TEXT, &output, "FILE", "write the results as JSON, too", 0, 0},
        {"verbose", 'v', OPTION_FLAG, &run.options.show_errors, NULL,
         "let the peer print its errors", 0, 0},
    };
    char script_path[4096], python_path[4096];
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (n > 0)
        return usage_error(command, "'%.100s' is not expected; cases are chosen with --filter",
                           argv[1]);
    if (!format_read(command, format, &run.format))
        return EXIT_USAGE;
    code = read_backends(&run, backends, &pytorch);
    if (code < 0 && pytorch && !only_list)
        code = find_script(&run, script, script_path, sizeof script_path);
    if (code < 0)
        code = choose(&run, filter);
    run.options.plan = (bench_plan){.rounds = (size_t)rounds,
                                    .min_time = min_time,
                                    .min_runs = (size_t)min_runs,
                                    .seed = (uint64_t)seed,
                                    .stop = interrupted};
    run.options.python = bench_python(python, python_path, sizeof python_path);
    run.options.limit = limit;
    run.options.threads = (size_t)threads;
    if (code < 0)
        code = only_list ? list(&run) : dry ? show_plan(&run) : measure(&run, output);
    for (size_t i = 0; i < run.count; i++)
        bench_ops_release(&run.results[i]);
    free(run.results);
    free(run.cases);
    mica_json_writer_destroy(&run.writer);
    return out_close(command, code);
}
