/* SPDX-License-Identifier: MIT
 *
 * mica bench ops: what is measured (bench/ops.c), and how it is shown.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_ops.h"

const char bench_ops_details[] =
    "The 85 cases of the paper on MLX-Transformers, by its names, and what encoders need beside:\n"
    "products, layer norm, attention. Arms are mica and each peer, PyTorch and MLX, as its\n"
    "documentation has it (default) and at its best here (results into memory that is used\n"
    "again, faster calls and layouts). All get the same inputs from one file, and run with\n"
    "equally many threads, in rounds that are interleaved in random order. An output that differs\n"
    "from the float64 reference is `wrong` and has no time; so has a figure above what the\n"
    "machine can do, which is measured too. Peers run in a Python that has them (`make peers`\n"
    "makes one in build/peers; MICA_PEER_PYTHON or --peer-python names another).\n\n"
    "--filter takes a regular expression that is found anywhere in the name. --group is paper\n"
    "(the 85), encoders, or tiny: what a run of one operation costs beside its work.\n"
    "Large cases need up to 6 GB of memory, and room for their inputs in TMPDIR; what does not\n"
    "fit is not run.\n\n"
    "--as-published turns on each known flaw of the paper's harness beside the honest way; with\n"
    "--filter or --group those cases are measured before.\n\n"
    "examples:\n"
    "  mica bench ops --list\n"
    "  mica bench ops --filter '^Softmax' --output softmax.json\n"
    "  mica bench ops --backends mica --rounds 21\n"
    "  mica bench ops --as-published\n";

static const struct {
    const char *name, *file; /* in bench/peers */
} peers[BENCH_OPS_PEERS] = {{"pytorch", "torch_ops.py"}, {"mlx", "mlx_ops.py"}};

/* ---- which cases ---- */

static int choose(ops_run *run, const char *filter, bench_group group)
{
    bench_filter *expression;
    int code = bench_filter_read(run->command, filter, &expression);
    if (code >= 0)
        return code;
    run->cases = calloc(bench_case_count, sizeof *run->cases);
    for (size_t i = 0; i < bench_case_count && run->cases; i++) {
        bench_case *c = &run->cases[run->case_count];
        if (bench_case_read(i, c) && (group == BENCH_GROUPS || c->group == group) &&
            bench_filter_takes(expression, c->name))
            run->case_count++;
    }
    bench_filter_free(&expression);
    if (!run->cases)
        return fail_text(run->command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    if (run->case_count == 0)
        return fail_text(run->command, MICA_STATUS_NOT_FOUND,
                         "no case of these has '%.200s' in its name", filter ? filter : "");
    return -1;
}

static void add_peer(ops_run *run, size_t k, const char *folder)
{
    bench_ops_options *o = &run->options;
    size_t i = o->peer_count++;
    char *path = run->scripts[i];
    o->peers[i].name = peers[k].name;
    o->peers[i].script = path;
    if (folder) /* one that is not there is absent, which it says then */
        snprintf(path, sizeof run->scripts[i], "%s/%s", folder, peers[k].file);
    else
        bench_find_peer(peers[k].file, path, sizeof run->scripts[i]);
}

/* "mica,pytorch"; NULL = everyone */
static int read_backends(ops_run *run, const char *text, const char *folder)
{
    bool wanted[BENCH_OPS_PEERS] = {false};
    run->options.mica = text == NULL;
    for (size_t k = 0; k < BENCH_OPS_PEERS; k++)
        wanted[k] = text == NULL;
    while (text) {
        size_t size = strcspn(text, ","), k = 0;
        while (k < BENCH_OPS_PEERS &&
               !(strlen(peers[k].name) == size && memcmp(text, peers[k].name, size) == 0))
            k++;
        if (size == 4 && memcmp(text, "mica", 4) == 0)
            run->options.mica = true;
        else if (k < BENCH_OPS_PEERS)
            wanted[k] = true;
        else
            return usage_error(run->command, "--backends takes mica, pytorch and mlx, not '%.*s'",
                               (int)size, text);
        text = text[size] ? text + size + 1 : NULL;
    }
    for (size_t k = 0; k < BENCH_OPS_PEERS; k++)
        if (wanted[k])
            add_peer(run, k, folder);
    run->arm_count = bench_ops_arms(&run->options, run->arms);
    return -1;
}

/* The number of a group; BENCH_GROUPS = all of them. */
static int read_group(ops_run *run, const char *text, bench_group *group)
{
    *group = BENCH_GROUPS;
    for (bench_group g = 0; text && g < BENCH_GROUPS; g++)
        if (strcmp(text, bench_group_name(g)) == 0)
            *group = g;
    return text && *group == BENCH_GROUPS
               ? usage_error(run->command, "--group takes paper, encoders or tiny, not '%.100s'",
                             text)
               : -1;
}

/* The flaws that --as-published would show, a line each if there is what these begin with; returns
 * how many. */
static size_t list_flaws(const ops_run *run, const char *begin)
{
    const char *name, *what, *whom;
    size_t count = 0;
    for (size_t i = 0; i < bench_flaw_count && run->as_published; i++) {
        if (!bench_flaw_describe(&run->options, i, &name, &what, &whom))
            continue;
        if (begin)
            out_text("%s%-18s  %s, %s\n", begin, name, what, whom);
        count++;
    }
    return count;
}

static int list(const ops_run *run)
{
    for (size_t i = 0; i < run->case_count; i++)
        out_text("%-8s  %s\n", bench_group_name(run->cases[i].group), run->cases[i].name);
    list_flaws(run, "flaw      ");
    return EXIT_OK;
}

/* What would be run, without running it. */
static int show_plan(const ops_run *run)
{
    const bench_ops_options *o = &run->options;
    if (run->case_count > 0)
        out_text("%zu cases%s", run->case_count, run->as_published ? ", " : "");
    if (run->as_published)
        out_text("%zu flaws of the published harness", list_flaws(run, NULL));
    if (o->mica)
        out_text(", mica");
    for (size_t i = 0; i < o->peer_count; i++)
        out_text(", %s (default, best)", o->peers[i].name);
    out_text(", %zu rounds, samples of %g s or more\n", o->plan.rounds, o->plan.min_time);
    for (size_t i = 0; i < run->case_count; i++) {
        const bench_case *c = &run->cases[i];
        char bytes[32];
        size_text((int64_t)c->bytes, bytes, sizeof bytes);
        out_text("  %-56s %12.4f GFLOP %10s\n", c->name, c->flops * 1e-9, bytes);
    }
    list_flaws(run, "  ");
    return EXIT_OK;
}

/* ---- the command ---- */

static mica_status run_flaw(ops_run *run, size_t i, mica_error *err)
{
    bench_flaw *flaw = &run->flaws[run->flaw_count];
    bool shown;
    mica_status status = bench_flaw_run(run->ops, i, &shown, flaw, err);
    if (status || !shown) {
        bench_flaw_release(flaw);
        return status;
    }
    run->flaw_count++;
    if (run->format == FORMAT_TEXT)
        ops_show_flaw(flaw);
    if (run->format == FORMAT_JSONL) {
        ops_write_flaw(run, flaw);
        status = bench_put_line(run->writer, err);
    }
    return status;
}

static mica_status run_all(ops_run *run, mica_error *err)
{
    mica_json_writer *w = run->writer;
    mica_status status = MICA_OK;
    if (run->format == FORMAT_TEXT)
        ops_show_head(run);
    if (run->format == FORMAT_JSONL) {
        mica_json_begin_object(w);
        ops_write_settings(run);
        mica_json_end_object(w);
        status = bench_put_line(w, err);
    }
    for (size_t i = 0; i < run->case_count && !status && !out_failed(); i++) {
        bench_ops_result *result = &run->results[run->count];
        status = bench_ops_run(run->ops, &run->cases[i], run->arms, run->arm_count,
                               &run->options.plan, result, err);
        if (status)
            break;
        run->count++;
        if (run->format == FORMAT_TEXT)
            ops_show(run, result);
        if (run->format == FORMAT_JSONL) {
            ops_write_result(run, result);
            status = bench_put_line(w, err);
        }
    }
    if (run->format == FORMAT_TEXT)
        ops_show_sum(run);
    for (size_t i = 0; i < bench_flaw_count && run->as_published && !status && !out_failed(); i++)
        status = run_flaw(run, i, err);
    return status;
}

/* 0 if every arm of mica is right; a peer that is not is no failure of this program. */
static int exit_code(const ops_run *run)
{
    for (size_t i = 0; i < run->count; i++)
        if (ops_has_mica(&run->results[i]) && run->results[i].arms[0].state != BENCH_OK &&
            run->results[i].arms[0].state != BENCH_NOT_RUN)
            return EXIT_FAILURE_CODE;
    return EXIT_OK;
}

/* Measures, with a folder of its own for files; what was measured before an error is kept. */
static int measure(ops_run *run, const char *output)
{
    char directory[4096 - 64];
    mica_error err = {0}, second = {0};
    int code = bench_check_output(run->command, output);
    if (code < 0)
        code = bench_make_folder(run->command, directory, sizeof directory);
    if (code >= 0)
        return code;
    run->options.directory = directory;
    run->results = calloc(run->case_count + 1, sizeof *run->results);
    run->flaws = calloc(bench_flaw_count, sizeof *run->flaws);
    if (!run->results || !run->flaws) {
        rmdir(directory);
        return fail_text(run->command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    }
    bench_environment_read(&run->environment);
    interrupt_watch(NULL);
    mica_status status = mica_json_writer_create(&run->writer, &err);
    if (!status)
        status = bench_ops_open(&run->options, &run->ops, &err);
    if (!status)
        status = run_all(run, &err);
    if (status && run->count + run->flaw_count == 0)
        output = NULL;
    if (run->ops && (run->format == FORMAT_JSON || output)) {
        ops_write_document(run);
        if (bench_put_document(run->writer, run->format, output, &second) && !status)
            err = second, status = second.status;
    }
    bench_ops_close(&run->ops);
    rmdir(directory);
    return status ? fail(run->command, &err) : exit_code(run);
}

int cmd_bench_ops(const cli_command *command, int argc, char **argv)
{
    const char *filter = NULL, *group_name = NULL, *backends = NULL, *format = NULL, *output = NULL,
               *python = NULL, *folder = NULL;
    bool only_list = false, dry = false;
    bench_group group;
    int64_t rounds = 9, seed = 1, min_runs = 0, threads = 0;
    double min_time = 0.05, max_time = 10, memory = 0, limit = 300;
    ops_run run = {.command = command};
    const option options[] = {
        {"filter", 0, OPTION_TEXT, &filter, "REGEX", "only cases with this in their name", 0, 0},
        {"list", 0, OPTION_FLAG, &only_list, NULL, "name the cases and end", 0, 0},
        {"dry-run", 0, OPTION_FLAG, &dry, NULL, "show what would be run, and what it costs", 0, 0},
        {"group", 0, OPTION_TEXT, &group_name, "NAME", "only paper, encoders or tiny", 0, 0},
        {"backends", 0, OPTION_TEXT, &backends, "LIST", "of mica, pytorch and mlx (all)", 0, 0},
        {"as-published", 0, OPTION_FLAG, &run.as_published, NULL,
         "show what each flaw of the published harness does", 0, 0},
        {"rounds", 0, OPTION_NUMBER, &rounds, "N", "samples of each arm (9)", 1, 10000},
        {"min-time", 0, OPTION_REAL, &min_time, "SECONDS", "that a sample takes at least (0.05)", 0,
         0},
        {"min-runs", 0, OPTION_NUMBER, &min_runs, "N", "runs of each arm at least, in all", 0,
         1000000},
        {"max-time", 0, OPTION_REAL, &max_time, "SECONDS",
         "of an arm's samples: a slow one has fewer (10; 0: none)", 0, 0},
        {"memory", 0, OPTION_REAL, &memory, "GB", "that a case may need (what is available)", 0, 0},
        {"threads", 't', OPTION_NUMBER, &threads, "N", "of everyone (0: as mica chooses)", 0, 1024},
        {"seed", 0, OPTION_NUMBER, &seed, "N", "of inputs and of the order of the arms (1)", 0,
         INT64_MAX},
        {"peer-python", 0, OPTION_TEXT, &python, "PYTHON", "the Python that has the peers", 0, 0},
        {"peer-folder", 0, OPTION_TEXT, &folder, "DIR", "with other torch_ops.py and mlx_ops.py", 0,
         0},
        {"limit", 0, OPTION_REAL, &limit, "SECONDS", "that a peer may take for an answer (300)", 0,
         0},
        {"format", 0, OPTION_TEXT, &format, "FORMAT", "text (default), json or jsonl", 0, 0},
        {"output", 'o', OPTION_TEXT, &output, "FILE", "write the results as JSON, too", 0, 0},
        {"verbose", 'v', OPTION_FLAG, &run.options.show_errors, NULL,
         "let the peer print its errors", 0, 0},
    };
    char python_path[4096];
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (n > 0)
        return usage_error(command, "'%.100s' is not expected; cases are chosen with --filter",
                           argv[1]);
    if (!format_read(command, format, &run.format))
        return EXIT_USAGE;
    code = read_backends(&run, backends, folder);
    if (code < 0)
        code = read_group(&run, group_name, &group);
    if (code < 0)
        code = choose(&run, filter, group);
    if (run.as_published && !filter && !group_name)
        run.case_count = 0; /* the flaws alone */
    run.options.plan = (bench_plan){.rounds = (size_t)rounds,
                                    .min_time = min_time,
                                    .min_runs = (size_t)min_runs,
                                    .max_time = max_time,
                                    .seed = (uint64_t)seed,
                                    .stop = interrupted};
    run.options.python = bench_python(python, python_path, sizeof python_path);
    run.options.limit = limit;
    run.options.memory = memory * 1e9;
    run.options.threads = (size_t)threads;
    if (code < 0)
        code = only_list ? list(&run) : dry ? show_plan(&run) : measure(&run, output);
    for (size_t i = 0; i < run.count; i++)
        bench_ops_release(&run.results[i]);
    for (size_t i = 0; i < run.flaw_count; i++)
        bench_flaw_release(&run.flaws[i]);
    free(run.results);
    free(run.flaws);
    free(run.cases);
    mica_json_writer_destroy(&run.writer);
    return out_close(command, code);
}
