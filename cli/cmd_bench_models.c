/* SPDX-License-Identifier: MIT
 *
 * mica bench models: what is measured (bench/models.c), and how it is shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/folder.h"
#include "bench/models.h"
#include "bench/models_worker.h"
#include "bench/util.h"
#include "bench_common.h"

const char bench_models_details[] =
    "The encoders of the paper on MLX-Transformers (--models names others: a directory, a\n"
    "config.json, a Hub id that is in the cache) over texts of 50, 100, 200 and 500 characters in\n"
    "batches of 1, 16 and 32, and batches that mix the lengths. A model that is not in the Hub's\n"
    "cache is made with random weights from its published configuration, once. Arms are mica in\n"
    "three precisions and those of every peer that is installed, each in a process of its own.\n"
    "All get the same ids from one file. An output that differs from the float64 reference is\n"
    "`wrong` and has no time. Arms of a precision take turns, in rounds of random order; rounds\n"
    "before or after which the machine was slower than it has been are measured again. Peers are\n"
    "run by a Python that has them (`make peers` makes one in build/peers; MICA_PEER_PYTHON or\n"
    "--peer-python names another).\n\n"
    "--filter takes a regular expression that is found anywhere in a cell's name\n"
    "(\"bert-base-uncased / 16 x 500\"). The lines of --output are written as they come: an\n"
    "interrupted run goes on with --resume.\n\n"
    "examples:\n"
    "  mica bench models --dry-run\n"
    "  mica bench models --models bert-base-uncased --peers mica,pytorch --precisions fp32\n"
    "  mica bench models --output results.jsonl        # interrupted? the same with --resume\n";

enum { PROGRAMS_MAX = 8, PATH_ROOM = 4096 };

typedef struct models_run {
    const cli_command *command;
    cli_format format;
    bench_models_options options;
    bench_program programs[PROGRAMS_MAX];
    char script_paths[PROGRAMS_MAX][PATH_ROOM], self[PATH_ROOM], text[PATH_ROOM];
    option_texts models, arms, scripts;
    bench_filter *filter;
    bench_models *models_at_work;
    mica_json_writer *writer;
    mica_error write_error;
    progress progress;
    bool mica_failed;
} models_run;

/* ---- options ---- */

/* "a,b,c" into names, which stay in `text`. */
static int read_names(const cli_command *command, const char *name, char *text, option_texts *out)
{
    for (char *part = text; part && *part;) {
        char *comma = strchr(part, ',');
        if (comma)
            *comma = 0;
        if (out->count == OPTION_TEXTS_MAX)
            return usage_error(command, "--%s names more than %d", name, OPTION_TEXTS_MAX);
        if (part[0])
            out->items[out->count++] = part;
        part = comma ? comma + 1 : NULL;
    }
    return -1;
}

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* "1,16,32" */
static int read_sizes(const cli_command *command, const char *name, const char *text, size_t most,
                      size_t *out, size_t *count)
{
    const char *at = text;
    *count = 0;
    for (;;) {
        char *end;
        errno = 0;
        unsigned long long size = at[0] >= '0' && at[0] <= '9' ? strtoull(at, &end, 10) : 0;
        if (size < 1 || size > most || errno || *count == BENCH_SIZES_MAX)
            return usage_error(command,
                               "--%s takes at most %d numbers from 1 to %zu with commas between, "
                               "not '%.100s'",
                               name, BENCH_SIZES_MAX, most, text);
        out[(*count)++] = (size_t)size;
        if (*end == 0)
            break;
        at = *end == ',' ? end + 1 : "";
    }
    qsort(out, *count, sizeof *out, by_size);
    for (size_t i = 1; i < *count; i++)
        if (out[i] == out[i - 1])
            return usage_error(command, "--%s has %zu twice", name, out[i]);
    return -1;
}

static int read_precisions(models_run *run, const char *text)
{
    for (int i = 0; i < BENCH_PRECISIONS; i++)
        run->options.precisions[i] = text == NULL;
    while (text) {
        size_t size = strcspn(text, ",");
        int found = -1;
        for (int i = 0; i < BENCH_PRECISIONS; i++)
            if (strlen(bench_precisions[i]) == size && memcmp(text, bench_precisions[i], size) == 0)
                found = i;
        if (found < 0)
            return usage_error(run->command, "--precisions takes fp32, bf16 and int8, not '%.*s'",
                               (int)size, text);
        run->options.precisions[found] = true;
        text = text[size] ? text + size + 1 : NULL;
    }
    return -1;
}

static bool wants(void *user, const char *name)
{
    const models_run *run = user;
    return bench_filter_takes(run->filter, name);
}

/* ---- programs ---- */

/* Whether an arm that is asked for may be one of this framework's. */
static bool wants_program(const models_run *run, const char *name)
{
    for (size_t i = 0; i < run->arms.count; i++) {
        size_t size =
            strlen(name) < strlen(run->arms.items[i]) ? strlen(name) : strlen(run->arms.items[i]);
        if (memcmp(name, run->arms.items[i], size) == 0)
            return true;
    }
    return run->arms.count == 0;
}

static int find_programs(models_run *run, const char *python, double limit, bool verbose)
{
    static const char *const peers[][2] = {{"pytorch", "torch_models.py"},
                                           {"onnxruntime", "onnxruntime_models.py"},
                                           {"openvino", "openvino_models.py"},
                                           {"mlx", "mlx_models.py"}};
    bench_models_options *o = &run->options;
    o->programs = run->programs;
    if (wants_program(run, "mica")) {
        if (!bench_find_self(run->self, sizeof run->self))
            return fail_text(run->command, MICA_STATUS_IO, "this program does not find itself");
        run->programs[o->program_count++] =
            (bench_program){.arguments = {run->self, "bench", "worker", NULL}, .name = "mica"};
    }
    if (o->program_count + run->scripts.count > PROGRAMS_MAX)
        return usage_error(run->command, "--peer-script is given more than %d times",
                           PROGRAMS_MAX - (int)o->program_count);
    for (size_t i = 0; i < run->scripts.count; i++)
        run->programs[o->program_count++] =
            (bench_program){.arguments = {python}, .script = run->scripts.items[i], .name = "peer"};
    for (size_t i = 0; i < 4 && run->scripts.count == 0; i++) {
        char *path = run->script_paths[i];
        if (!wants_program(run, peers[i][0]))
            continue;
        bench_find_peer(peers[i][1], path, PATH_ROOM);
        bench_program *p = &run->programs[o->program_count++];
        *p = (bench_program){.arguments = {python}, .script = path};
        snprintf(p->name, sizeof p->name, "%s", peers[i][0]);
    }
    for (size_t i = 0; i < o->program_count; i++) {
        run->programs[i].limit = limit;
        run->programs[i].show_errors = verbose;
        run->programs[i].stop = interrupted;
    }
    return o->program_count ? -1
                            : usage_error(run->command, "no arm begins so: --peers '%.100s'",
                                          run->arms.items[0]);
}

/* ---- as a table ---- */

static void say(void *user, const char *line)
{
    models_run *run = user;
    if (!run->progress.on)
        return;
    progress_erase(&run->progress);
    fprintf(stderr, "\r%.70s \033[K", line);
    fflush(stderr);
}

static void show_share(void *user, double share)
{
    models_run *run = user;
    progress_show(&run->progress, (uint64_t)(share * 1e6), 1000000, 0);
}

static printable_text member(const mica_json_value *object, const char *key)
{
    return printable(bench_text(object, key));
}

static void show_arm(const mica_json_value *arm, double tokens, double mica)
{
    const char *state = bench_text(arm, "state");
    bool slow = false;
    out_text("    %-28s", member(arm, "name").text);
    if (strcmp(state, "ok") != 0) {
        out_text(" %s: %s\n", printable(state).text, member(arm, "reason").text);
        return;
    }
    double median = bench_number(arm, "median", NAN);
    out_text(" %10.3f %8.3f %10.3f %10.3f %4zu %9.0f", median * 1e3,
             bench_number(arm, "mad", NAN) * 1e3, bench_number(arm, "p5", NAN) * 1e3,
             bench_number(arm, "p95", NAN) * 1e3, mica_json_count(mica_json_get(arm, "seconds")),
             tokens / median);
    if (mica > 0 && strncmp(bench_text(arm, "name"), "mica", 4) != 0)
        out_text(" %7.2fx", median / mica);
    mica_json_bool(mica_json_get(arm, "slow"), &slow);
    if (bench_text(arm, "way")[0])
        out_text("  [%.60s]", member(arm, "way").text);
    if (bench_text(arm, "suspect")[0])
        out_text("  suspect: %s", member(arm, "suspect").text);
    out_text("%s\n", slow ? "  one run: too slow for more" : "");
}

static void show_ratio(const mica_json_value *ratio)
{
    if (mica_json_get_type(ratio) != MICA_JSON_OBJECT)
        return;
    out_text("    %s takes %.3f times as long as mica, %.3f to %.3f", member(ratio, "to").text,
             bench_number(ratio, "median", NAN), bench_number(ratio, "low", NAN),
             bench_number(ratio, "high", NAN));
    double level = bench_number(ratio, "level", 0);
    if (level < 0.95)
        out_text(" (%.0f %%)", level * 100);
    out_text("\n");
}

static void show_texts(const mica_json_value *part)
{
    double texts = bench_number(part, "sequences", 0),
           cut = bench_number(part, "truncated_texts", 0);
    double different = bench_number(part, "different_texts", texts);
    if (cut > 0)
        out_text(", %.0f of %.0f texts cut to what the model takes", cut, texts);
    if (different < texts)
        out_text(", only %.0f different texts", different);
}

static void show_part(const mica_json_value *part)
{
    double mica = NAN, tokens = bench_number(part, "tokens", NAN);
    int64_t length = 0;
    const mica_json_value *arms = mica_json_get(part, "arms");
    char text[32] = "mixed";
    if (mica_json_int64(mica_json_get(part, "length"), &length))
        snprintf(text, sizeof text, "%lld", (long long)length);
    out_text("%s / %.0f x %s, %s: %.0f tokens", member(part, "model").text,
             bench_number(part, "batch", 0), text, member(part, "precision").text, tokens);
    show_texts(part);
    double disturbed = bench_number(part, "disturbed", 0);
    if (disturbed > 0)
        out_text(", %.0f rounds again", disturbed);
    out_text("\n");
    for (const mica_json_value *a = mica_json_first(arms); a; a = mica_json_next(a))
        if (strncmp(bench_text(a, "name"), "mica", 4) == 0)
            mica = bench_number(a, "median", NAN);
    for (const mica_json_value *a = mica_json_first(arms); a; a = mica_json_next(a))
        show_arm(a, tokens, mica);
    show_ratio(mica_json_get(part, "ratio"));
}

static void show_header(const mica_json_value *header)
{
    const mica_json_value *e = mica_json_get(header, "environment");
    const mica_json_value *peaks = mica_json_get(header, "peaks");
    out_text("%s, %s, mica %s %s, %.0f threads\n", member(e, "cpu").text, member(e, "system").text,
             member(e, "mica").text, member(e, "commit").text,
             bench_number(mica_json_get(header, "settings"), "threads", 0));
    out_text("peak: %.0f GFLOP/s, %.0f in bfloat16, %.0f Gop/s in 8 bits\n",
             bench_number(peaks, "flops", 0) * 1e-9, bench_number(peaks, "bf16_flops", 0) * 1e-9,
             bench_number(peaks, "int8_ops", 0) * 1e-9);
    const mica_json_value *peer = mica_json_first(mica_json_get(header, "peers"));
    for (; peer; peer = mica_json_next(peer)) {
        const mica_json_value *versions = mica_json_get(peer, "versions");
        out_text("%s: %s", member(peer, "name").text, member(peer, "state").text);
        if (bench_text(peer, "reason")[0])
            out_text(", %s", member(peer, "reason").text);
        for (const mica_json_value *v = mica_json_first(versions); v; v = mica_json_next(v))
            out_text(", %s %s", printable(mica_json_key(v, NULL)).text,
                     printable(mica_json_string(v, NULL) ? mica_json_string(v, NULL) : "?").text);
        out_text("\n");
    }
    out_text("    %-28s %10s %8s %10s %10s %4s %9s %8s\n", "", "median ms", "MAD", "p5", "p95", "n",
             "tokens/s", "to mica");
}

static void show_model(const mica_json_value *model)
{
    const mica_json_value *arm = mica_json_first(mica_json_get(model, "arms"));
    out_text("%s (%s), tokenizer: %s\n", member(model, "model").text, member(model, "source").text,
             member(model, "tokenizer").text);
    for (; arm; arm = mica_json_next(arm)) {
        double device = bench_number(arm, "peak_device_bytes", 0);
        char on_device[64] = "";
        if (device > 0)
            snprintf(on_device, sizeof on_device, ", %.2f GB of the device", device * 1e-9);
        out_text("    %-28s", member(arm, "arm").text);
        if (strcmp(bench_text(arm, "state"), "ok") != 0)
            out_text(" %s: %s\n", member(arm, "state").text, member(arm, "reason").text);
        else
            out_text(" load %.2f s, compile %.2f s, %.2f GB resident%s; %s\n",
                     bench_number(arm, "load_seconds", NAN),
                     bench_number(arm, "compile_seconds", NAN),
                     bench_number(arm, "peak_resident_bytes", NAN) * 1e-9, on_device,
                     member(arm, "way").text);
    }
}

static void show_flaw(const mica_json_value *line)
{
    const mica_json_value *flawed = mica_json_get(line, "flawed");
    double honest = bench_number(mica_json_get(line, "honest"), "median", NAN);
    double value = bench_number(flawed, "value", bench_number(flawed, "median", NAN));
    out_text("%s, %s, %s: %.3f ms, flawed %.3f ms\n    %s\n", member(line, "flaw").text,
             member(line, "arm").text, member(line, "cell").text, honest * 1e3, value * 1e3,
             member(line, "says").text);
}

static void show_accuracy(const mica_json_value *line)
{
    out_text("%s, %-28s", member(line, "model").text, member(line, "arm").text);
    if (strcmp(bench_text(line, "state"), "ok") != 0)
        out_text(" %s: %s\n", member(line, "state").text, member(line, "reason").text);
    else
        out_text(" cosine to float64 of %.0f texts: mean %.6f, least %.6f\n",
                 bench_number(line, "texts", 0), bench_number(line, "cosine_mean", NAN),
                 bench_number(line, "cosine_least", NAN));
}

/* ---- lines ---- */

static void put(models_run *run)
{
    if (!run->write_error.status)
        bench_put_line(run->writer, &run->write_error);
}

static void put_line(models_run *run, const mica_json_value *line)
{
    mica_json_writer_reset(run->writer);
    bench_write_value(run->writer, line);
    put(run);
}

/* mica itself wrong or failed in a cell? */
static bool has_failed(const mica_json_value *part)
{
    const mica_json_value *a = mica_json_first(mica_json_get(part, "arms"));
    for (; a; a = mica_json_next(a))
        if (strncmp(bench_text(a, "name"), "mica", 4) == 0 &&
            strcmp(bench_text(a, "state"), "ok") != 0)
            return true;
    return false;
}

static void show(void *user, const mica_json_value *line, bool kept)
{
    models_run *run = user;
    const char *kind = bench_text(line, "kind");
    progress_erase(&run->progress);
    run->mica_failed = run->mica_failed || has_failed(line) || strcmp(kind, "failed") == 0;
    if (run->format == FORMAT_JSONL && !bench_results_is_part(line))
        put_line(run, line);
    if (run->format != FORMAT_TEXT)
        return;
    if (!kind[0])
        show_header(line);
    else if (strcmp(kind, "failed") == 0)
        out_text("%s: not measured: %s\n", member(line, "model").text, member(line, "reason").text);
    else if (kept)
        out_text("there already: %s of %s\n", kind, member(line, "model").text);
    else if (strcmp(kind, "part") == 0)
        show_part(line);
    else if (strcmp(kind, "model") == 0)
        show_model(line);
    else if (strcmp(kind, "flaw") == 0)
        show_flaw(line);
    else if (strcmp(kind, "accuracy") == 0)
        show_accuracy(line);
    out_flush();
}

/* All lines as one object. */
static void put_document(models_run *run)
{
    mica_json_writer_reset(run->writer);
    bench_results_write(bench_models_results(run->models_at_work), run->writer);
    put(run);
}

/* ---- the command ---- */

static void list(models_run *run, bool with_arms)
{
    bench_models_plan plan;
    char name[192];
    bench_models_get_plan(run->models_at_work, &plan);
    for (size_t i = 0; i < plan.model_count; i++) {
        if (plan.sources[i].reason[0]) {
            run->mica_failed = true;
            fprintf(stderr, "mica: %s cannot be measured: %s\n", plan.sources[i].name,
                    plan.sources[i].reason);
        }
        for (size_t k = 0; bench_models_cell(run->models_at_work, i, k, name, sizeof name); k++)
            out_text("%s\n", name);
    }
    if (!with_arms)
        return;
    for (size_t i = 0; i < plan.model_count; i++)
        out_text("%s: %s (%s)\n", plan.sources[i].name, plan.sources[i].directory,
                 plan.sources[i].from);
    for (size_t i = 0; i < plan.arm_count; i++)
        out_text("%-28s %s, %s\n", printable(plan.arms[i].name).text, plan.arms[i].precision,
                 printable(plan.arms[i].device).text);
    for (size_t i = 0; i < run->options.program_count; i++)
        if (run->programs[i].state != BENCH_OK)
            out_text("%s: %s: %s\n", printable(run->programs[i].name).text,
                     bench_state_name(run->programs[i].state), run->programs[i].reason);
    out_text("%zu cells, %zu arms, %zu rounds, samples of %g s or more\n", plan.cell_count,
             plan.arm_count, run->options.plan.rounds, run->options.plan.min_time);
}

/* A batch is meant to have different texts. */
static void warn_of_texts(const models_run *run)
{
    const bench_models_options *o = &run->options;
    bench_models_plan plan;
    bench_models_get_plan(run->models_at_work, &plan);
    if (plan.text_count < o->batches[o->batch_count - 1])
        fprintf(stderr,
                "mica: '%s' has only %zu texts of %zu characters: they repeat in batches of %zu\n",
                o->text, plan.text_count, o->lengths[o->length_count - 1],
                o->batches[o->batch_count - 1]);
}

/* Speed that is bought with accuracy should be seen. */
static void say_accuracy(const models_run *run)
{
    bool short_numbers = run->options.precisions[1] || run->options.precisions[2];
    if (run->format == FORMAT_TEXT && short_numbers && !run->options.accuracy)
        out_text("what bf16 and int8 cost in accuracy: --accuracy MODEL, a sentence-embedding "
                 "model such as "
                 "sentence-transformers/all-MiniLM-L6-v2\n");
}

static mica_status run_all(models_run *run, mica_error *err)
{
    progress_start(&run->progress, NULL, run->format != FORMAT_TEXT);
    mica_status status = bench_models_run(run->models_at_work, err);
    progress_end(&run->progress);
    if (!status)
        say_accuracy(run);
    if (run->format == FORMAT_JSON &&
        bench_results_line(bench_models_results(run->models_at_work), 0))
        put_document(run);
    if (!status && run->write_error.status)
        *err = run->write_error;
    return status ? status : run->write_error.status;
}

/* Removes a folder with the files that peers may have left in it; what they have started, and has
 * been killed with them, may need a moment to end. */
static void remove_folder(const char *path)
{
    for (int i = 0; i < 50 && access(path, F_OK) == 0; i++) {
        if (i > 0)
            poll(NULL, 0, 20);
        bench_folder_remove(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), path);
    }
}

/* With a folder of its own for files. */
static int measure(models_run *run, bool only_list, bool dry)
{
    char directory[PATH_ROOM - 64];
    mica_error err = {0};
    int code = only_list || dry ? -1 : bench_check_output(run->command, run->options.output);
    if (code < 0)
        code = bench_make_folder(run->command, directory, sizeof directory);
    if (code >= 0)
        return code;
    run->options.directory = directory;
    interrupt_watch(NULL);
    progress_start(&run->progress, NULL, run->format != FORMAT_TEXT);
    mica_status status = mica_json_writer_create(&run->writer, &err);
    if (!status)
        status = bench_models_open(&run->options, &run->models_at_work, &err);
    progress_end(&run->progress);
    if (!status)
        warn_of_texts(run);
    if (!status && (only_list || dry))
        list(run, dry);
    else if (!status)
        status = run_all(run, &err);
    bench_models_close(&run->models_at_work);
    remove_folder(directory);
    if (status == MICA_STATUS_CANCELLED) {
        if (run->options.output)
            fprintf(stderr, "mica: interrupted; the same command with --resume goes on\n");
        return EXIT_INTERRUPTED;
    }
    return status ? fail(run->command, &err) : run->mica_failed ? EXIT_FAILURE_CODE : EXIT_OK;
}

int cmd_bench_worker(const cli_command *command, int argc, char **argv)
{
    (void)command, (void)argc, (void)argv;
    return bench_worker_run();
}

/* A list of an option, copied so that it can be cut. */
static int split(const cli_command *command, const char *name, const char *value, char **copy,
                 option_texts *out)
{
    if (!value)
        return -1;
    *copy = strdup(value);
    return *copy ? read_names(command, name, *copy, out)
                 : fail_text(command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
}

typedef struct arguments {
    const char *models, *lengths, *batches, *peers, *precisions, *filter, *format, *python, *text;
    char *copies[2];
    bool only_list, dry, verbose;
    int64_t rounds, seed, threads;
    double limit, memory;
} arguments;

/* What the options say, but what has to be found. */
static int take(models_run *run, arguments *a)
{
    bench_models_options *o = &run->options;
    const cli_command *command = run->command;
    int code = format_read(command, a->format, &run->format) ? -1 : EXIT_USAGE;
    if (code < 0)
        code = split(command, "models", a->models, &a->copies[0], &run->models);
    if (code < 0)
        code = split(command, "peers", a->peers, &a->copies[1], &run->arms);
    if (code < 0)
        code = read_sizes(command, "lengths", a->lengths, 100000, o->lengths, &o->length_count);
    if (code < 0)
        code = read_sizes(command, "batches", a->batches, 4096, o->batches, &o->batch_count);
    if (code < 0)
        code = read_precisions(run, a->precisions);
    if (code < 0)
        code = bench_filter_read(run->command, a->filter, &run->filter);
    for (size_t i = 0; i < BENCH_MODELS_OF_PAPER && !a->models; i++)
        run->models.items[run->models.count++] = bench_models_of_paper[i];
    o->models = run->models.items;
    o->model_count = run->models.count;
    o->arms = run->arms.items;
    o->arm_count = run->arms.count;
    o->plan.rounds = (size_t)a->rounds;
    o->plan.seed = o->source.seed = (uint64_t)a->seed;
    o->plan.stop = interrupted;
    o->source.look = a->only_list || a->dry;
    o->threads = (size_t)a->threads;
    o->memory = a->memory * 1e9;
    o->text = a->text;
    o->wants = wants;
    o->filter = a->filter;
    o->show = show;
    o->source.say = say;
    o->source.user = run;
    o->progress = show_share;
    o->user = run;
    return code;
}

static int find_text(models_run *run)
{
    if (run->options.text)
        return -1;
    run->options.text = run->text;
    return bench_find_text(run->text, sizeof run->text)
               ? -1
               : usage_error(run->command, "bench/texts is not there: give --text");
}

static int run_with(models_run *run, arguments *a)
{
    char python_path[PATH_ROOM];
    const char *python = bench_python(a->python, python_path, sizeof python_path);
    int code = take(run, a);
    if (code < 0 && run->options.resume && !run->options.output)
        code = usage_error(run->command, "--resume goes on with what --output names");
    if (code < 0)
        code = find_text(run);
    if (code < 0)
        code = find_programs(run, python, a->limit, a->verbose);
    if (code < 0)
        code = measure(run, a->only_list, a->dry);
    for (size_t i = 0; i < run->options.program_count; i++)
        bench_program_free(&run->programs[i]);
    bench_filter_free(&run->filter);
    mica_json_writer_destroy(&run->writer);
    free(a->copies[0]);
    free(a->copies[1]);
    return code;
}

int cmd_bench_models(const cli_command *command, int argc, char **argv)
{
    arguments a = {
        .lengths = "50,100,200,500", .batches = "1,16,32", .rounds = 9, .seed = 1, .limit = 900};
    models_run *run = calloc(1, sizeof *run);
    if (!run)
        return fail_text(command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    run->command = command;
    bench_models_options *o = &run->options;
    o->plan.min_time = 0.05;
    o->calm = 0.9;
    o->slow = 10;
    o->slow_times = 20;
    const option options[] = {
        {"models", 0, OPTION_TEXT, &a.models, "LIST", "instead of the paper's four", 0, 0},
        {"lengths", 0, OPTION_TEXT, &a.lengths, "LIST", "characters of a text (50,100,200,500)", 0,
         0},
        {"batches", 0, OPTION_TEXT, &a.batches, "LIST", "texts in a batch (1,16,32)", 0, 0},
        {"peers", 0, OPTION_TEXT, &a.peers, "LIST",
         "arms by name or by what it begins with: \"mica,openvino int8\" (all)", 0, 0},
        {"backends", 0, OPTION_TEXT, &a.peers, "LIST", "the same", 0, 0},
        {"precisions", 0, OPTION_TEXT, &a.precisions, "LIST", "of fp32, bf16 and int8 (all)", 0, 0},
        {"filter", 0, OPTION_TEXT, &a.filter, "REGEX", "only cells with this in their name", 0, 0},
        {"list", 0, OPTION_FLAG, &a.only_list, NULL, "name the cells and end", 0, 0},
        {"dry-run", 0, OPTION_FLAG, &a.dry, NULL, "show what would be run", 0, 0},
        {"as-published", 0, OPTION_FLAG, &o->as_published, NULL,
         "BERT with its masked-LM head, as the paper has it", 0, 0},
        {"rounds", 0, OPTION_NUMBER, &a.rounds, "N", "samples of each arm (9)", 1, 10000},
        {"min-time", 0, OPTION_REAL, &o->plan.min_time, "SECONDS",
         "that a sample takes at least (0.05)", 0, 0},
        {"calm", 0, OPTION_REAL, &o->calm, "SHARE",
         "of the best probe, below which a round is measured again (0.9; 0: never)", 0, 0},
        {"slow", 0, OPTION_REAL, &o->slow, "SECONDS", "of a run that is not repeated (10)", 0, 0},
        {"slow-times", 0, OPTION_REAL, &o->slow_times, "N", "or so many times mica's (20)", 0, 0},
        {"memory", 0, OPTION_REAL, &a.memory, "GB", "that an arm may need (what is available)", 0,
         0},
        {"limit", 0, OPTION_REAL, &a.limit, "SECONDS", "that an arm may take for an answer (900)",
         0, 0},
        {"threads", 't', OPTION_NUMBER, &a.threads, "N", "of everyone (0: as mica chooses)", 0,
         1024},
        {"seed", 0, OPTION_NUMBER, &a.seed, "N", "of made models and of the order (1)", 0,
         INT64_MAX},
        {"text", 0, OPTION_TEXT, &a.text, "FILE", "texts, a line each (Frankenstein)", 0, 0},
        {"directory", 0, OPTION_TEXT, &o->source.cache, "DIR",
         "where made models are kept (~/.cache/mica/bench)", 0, 0},
        {"tokenizers", 0, OPTION_TEXT, &o->source.tokenizers, "DIR",
         "with a folder of tokenizer files a model, for made ones", 0, 0},
        {"peaks", 0, OPTION_TEXT, &o->peaks, "FILE",
         "a result of this machine whose peaks hold here, too (they are measured)", 0, 0},
        {"accuracy", 0, OPTION_TEXT, &o->accuracy, "MODEL",
         "cosines of bf16 and int8 embeddings by this sentence-embedding model", 0, 0},
        {"accuracy-text", 0, OPTION_TEXT, &o->accuracy_texts, "FILE",
         "sentences for it, a line each (those of --text)", 0, 0},
        {"peer-python", 0, OPTION_TEXT, &a.python, "PYTHON", "the Python that has the peers", 0, 0},
        {"peer-script", 0, OPTION_TEXTS, &run->scripts, "FILE",
         "another peer of the same protocol, instead of those of bench/peers", 0, 0},
        {"output", 'o', OPTION_TEXT, &o->output, "FILE", "write the results as they come", 0, 0},
        {"resume", 0, OPTION_FLAG, &o->resume, NULL, "go on with what --output has", 0, 0},
        {"format", 0, OPTION_TEXT, &a.format, "FORMAT", "text (default), json or jsonl", 0, 0},
        {"verbose", 'v', OPTION_FLAG, &a.verbose, NULL, "let peers print their errors", 0, 0},
    };
    int n, code;
    code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code < 0 && n > 0)
        code =
            usage_error(command, "'%.100s' is not expected; models are named by --models", argv[1]);
    if (code < 0)
        code = run_with(run, &a);
    free(run);
    return out_close(command, code);
}
