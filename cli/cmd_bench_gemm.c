/* SPDX-License-Identifier: MIT
 *
 * mica bench gemm: which shapes (bench/gemm.c measures them), and how they are shown.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/gemm.h"
#include "bench/util.h"
#include "bench_common.h"

const char bench_gemm_details[] =
    "The linear layers of encoders by themselves: x [M, K] times W [N, K], and a bias, with "
    "weights\n"
    "that are constant and packed. Without --shapes: the products of BERT-base and BERT-large "
    "over\n"
    "13 to 3584 rows (tokens). Shapes of up to 256 rows run with as many equal weights in turn as\n"
    "exceed the caches, as in a model; --cached: with one, which stays where it fits.\n\n"
    "The floor is the longer of the arithmetic at the rate of multiply-adds in registers (of the\n"
    "precision, with the kernels' instructions) and the weights at the bandwidth of memory; both\n"
    "are measured in the same run. MICA_CPU lowers the kernels' level. Outputs are held to a\n"
    "float64 reference within what rounding allows before anything is timed.\n\n"
    "--smooth runs every number of rows from 1 to 128, and names those that take longer than a\n"
    "larger one.\n\n"
    "examples:\n"
    "  mica bench gemm --dtype int8\n"
    "  mica bench gemm --shapes 112x3072x768,768x768 --threads 1 --output today.json\n"
    "  mica bench gemm --smooth --shapes 768x768\n";

enum { MOST_SHAPES = 4096, SMOOTH_ROWS = 128 };

typedef struct gemm_run {
    const cli_command *command;
    cli_format format;
    bool smooth;
    bench_gemm_options options;
    bench_gemm *gemm;
    bench_environment environment;
    mica_json_writer *writer;
    bench_gemm_shape *shapes; /* of one n and k together, rows rising */
    bench_gemm_result *results;
    size_t shape_count, count;
} gemm_run;

/* ---- which shapes ---- */

static const int64_t usual_rows[] = {13, 24, 46, 112, 384, 1792, 3584};
/* Of BERT-base and BERT-large: q, k and v in one; the output of attention; up; down. */
static const int64_t usual_weights[][2] = {{2304, 768},  {768, 768},   {3072, 768},  {768, 3072},
                                           {3072, 1024}, {1024, 1024}, {4096, 1024}, {1024, 4096}};
enum {
    USUAL_ROWS = sizeof usual_rows / sizeof usual_rows[0],
    USUAL_WEIGHTS = sizeof usual_weights / sizeof usual_weights[0],
    BASE_WEIGHTS = 4
};

static bool add_shape(gemm_run *run, int64_t m, int64_t n, int64_t k)
{
    if (run->shape_count == MOST_SHAPES)
        return false;
    run->shapes[run->shape_count++] = (bench_gemm_shape){m, n, k};
    return true;
}

/* All the usual rows, or with --smooth every number of them. */
static bool add_weight(gemm_run *run, int64_t n, int64_t k)
{
    bool fine = true;
    for (int64_t m = 1; run->smooth && m <= SMOOTH_ROWS; m++)
        fine = fine && add_shape(run, m, n, k);
    for (size_t i = 0; !run->smooth && i < USUAL_ROWS; i++)
        fine = fine && add_shape(run, usual_rows[i], n, k);
    return fine;
}

/* "112x3072x768" or "3072x768"; returns how many numbers there are, 0 if it is neither. */
static size_t read_shape(const char *text, size_t size, int64_t numbers[3])
{
    const char *end = text + size;
    size_t count = 0;
    while (count < 3) {
        int64_t number = 0;
        const char *begin = text;
        for (; text < end && *text >= '0' && *text <= '9' && number <= BENCH_GEMM_MOST; text++)
            number = number * 10 + (*text - '0');
        if (text == begin || number < 1 || number > BENCH_GEMM_MOST)
            return 0;
        numbers[count++] = number;
        if (text == end)
            return count > 1 ? count : 0;
        if (*text++ != 'x')
            return 0;
    }
    return 0;
}

static int by_weight_and_rows(const void *a, const void *b)
{
    const bench_gemm_shape *x = a, *y = b;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    if (x->k != y->k)
        return x->k < y->k ? -1 : 1;
    return (x->m > y->m) - (x->m < y->m);
}

static bool same_weight(const bench_gemm_shape *a, const bench_gemm_shape *b)
{
    return a->n == b->n && a->k == b->k;
}

/* --shapes; what is there twice goes. */
static int read_shapes(gemm_run *run, const char *text)
{
    size_t kept = 0;
    for (;;) {
        int64_t v[3];
        size_t size = strcspn(text, ","), numbers = read_shape(text, size, v);
        if (numbers == 0)
            return usage_error(run->command,
                               "--shapes takes MxNxK or NxK, each from 1 to %d, not '%.*s'",
                               BENCH_GEMM_MOST, size < 100 ? (int)size : 100, text);
        if (numbers == 3 && run->smooth)
            return usage_error(run->command, "--smooth runs all rows: give NxK, not '%.*s'",
                               size < 100 ? (int)size : 100, text);
        if (!(numbers == 3 ? add_shape(run, v[0], v[1], v[2]) : add_weight(run, v[0], v[1])))
            return usage_error(run->command, "--shapes: at most %d", MOST_SHAPES);
        if (!text[size])
            break;
        text += size + 1;
    }
    qsort(run->shapes, run->shape_count, sizeof *run->shapes, by_weight_and_rows);
    for (size_t i = 0; i < run->shape_count; i++)
        if (i == 0 || by_weight_and_rows(&run->shapes[i], &run->shapes[kept - 1]) != 0)
            run->shapes[kept++] = run->shapes[i];
    run->shape_count = kept;
    return -1;
}

static int choose_shapes(gemm_run *run, const char *text)
{
    run->shapes = calloc(MOST_SHAPES, sizeof *run->shapes);
    if (!run->shapes)
        return fail_text(run->command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    if (text)
        return read_shapes(run, text);
    for (size_t i = 0; i < (run->smooth ? BASE_WEIGHTS : USUAL_WEIGHTS); i++)
        add_weight(run, usual_weights[i][0], usual_weights[i][1]);
    return -1;
}

/* Shapes from `first` on that have n and k in common. */
static size_t group_size(const gemm_run *run, size_t first)
{
    size_t end = first + 1;
    while (end < run->shape_count && same_weight(&run->shapes[first], &run->shapes[end]))
        end++;
    return end - first;
}

/* ---- smooth? ---- */

/* A number of rows that takes longer than a larger one: the fastest of those. */
typedef struct bump {
    size_t at, than; /* results */
    bench_interval ratio;
} bump;

/* Whether result `at`, of the `end` that go on from it, takes longer than a later one: the whole
 * interval of the ratio is more than 2 % off. */
static bool find_bump(const gemm_run *run, size_t at, size_t end, bump *out)
{
    const bench_arm *arm = &run->results[at].arm, *fastest = NULL;
    for (size_t i = at + 1; i < end; i++) {
        const bench_arm *other = &run->results[i].arm;
        if (other->state == BENCH_OK &&
            (!fastest || other->summary.median < fastest->summary.median)) {
            fastest = other;
            out->than = i;
        }
    }
    if (!fastest || arm->state != BENCH_OK)
        return false;
    out->at = at;
    out->ratio = bench_arm_ratio(fastest, arm);
    return out->ratio.low > 1.02;
}

/* Names them, in rows of their own. */
static void show_smooth(const gemm_run *run, size_t first, size_t end)
{
    size_t count = 0;
    for (size_t i = first; i < end; i++) {
        bump b = {0};
        if (!find_bump(run, i, end, &b))
            continue;
        count++;
        out_text("  %lld rows take %.2f times as long as %lld (%.2f-%.2f)\n",
                 (long long)run->results[b.at].shape.m, b.ratio.median,
                 (long long)run->results[b.than].shape.m, b.ratio.low, b.ratio.high);
    }
    out_text("  %zu of %zu numbers of rows take longer than a larger one\n", count, end - first);
}

/* ---- as a table ---- */

static void show_head(const gemm_run *run)
{
    const mica_context_info *info = bench_gemm_info(run->gemm);
    const bench_rate *rate = bench_gemm_rate(run->gemm);
    bench_show_machine(&run->environment);
    out_text(", %s, %s kernels, %zu thread%s\n",
             mica_precision_name(bench_gemm_precision(run->gemm)), info->kernels, info->threads,
             info->threads == 1 ? "" : "s");
    if (rate->flops > 0)
        out_text("peak: %.0f GFLOP/s (%s), %.1f GB/s read from memory\n", rate->flops * 1e-9,
                 rate->with, bench_gemm_read(run->gemm) * 1e-9);
    else
        out_text("peak: arithmetic not known, %.1f GB/s read from memory\n",
                 bench_gemm_read(run->gemm) * 1e-9);
    out_text("%6s %10s %8s %9s %8s %13s %8s %10s %9s\n", "rows", "median ms", "MAD", "GFLOP/s",
             "of peak", "weights GB/s", "of read", "floor ms", "of floor");
}

static void show(const gemm_run *run, const bench_gemm_result *r)
{
    const bench_summary *s = &r->arm.summary;
    if (r->arm.state != BENCH_OK) {
        out_text("%6lld  %s: %s\n", (long long)r->shape.m, bench_state_name(r->arm.state),
                 r->arm.reason);
        return;
    }
    bench_gemm_figures f = bench_gemm_figures_of(run->gemm, r);
    out_text("%6lld %10.4f %8.4f %9.1f", (long long)r->shape.m, s->median * 1e3, s->mad * 1e3,
             f.flops * 1e-9);
    if (f.of_peak > 0)
        out_text(" %6.0f %%", f.of_peak * 100);
    else
        out_text(" %8s", "-");
    out_text(" %13.2f %6.0f %%", f.bytes * 1e-9, f.of_read * 100);
    if (f.floor > 0)
        out_text(" %10.4f %7.0f %%\n", f.floor * 1e3, f.floor / s->median * 100);
    else
        out_text(" %10s %9s\n", "-", "-");
}

static void show_group(const gemm_run *run, size_t first, size_t end)
{
    const bench_gemm_result *r = &run->results[first];
    char size[32];
    size_text((int64_t)r->weight_bytes, size, sizeof size);
    out_text("[%lld x %lld] weights of %s", (long long)r->shape.n, (long long)r->shape.k, size);
    if (r->weights > 1)
        out_text(", %zu in turn", r->weights);
    out_text("\n");
    for (size_t i = first; i < end; i++)
        show(run, &run->results[i]);
    if (run->smooth)
        show_smooth(run, first, end);
    out_flush();
}

/* The geometric mean of floor over time of results with from `low` to `high` rows; 0 = none. */
static double mean_of_floor(const gemm_run *run, int64_t low, int64_t high)
{
    double *shares = calloc(run->count + 1, sizeof *shares), mean = 0;
    size_t n = 0;
    for (size_t i = 0; i < run->count && shares; i++) {
        const bench_gemm_result *r = &run->results[i];
        if (r->arm.state != BENCH_OK || r->shape.m < low || r->shape.m > high)
            continue;
        shares[n] = bench_gemm_figures_of(run->gemm, r).floor / r->arm.summary.median;
        n += shares[n] > 0;
    }
    if (n > 0)
        mean = bench_geometric_mean(shares, n);
    free(shares);
    return mean;
}

static void show_sum(const gemm_run *run)
{
    static const int64_t bounds[] = {1, 32, 128, 384, BENCH_GEMM_MOST + 1};
    if (!(bench_gemm_rate(run->gemm)->flops > 0))
        return;
    out_text("of the floor, geometric mean:");
    for (size_t i = 0; i + 1 < sizeof bounds / sizeof bounds[0]; i++) {
        double mean = mean_of_floor(run, bounds[i], bounds[i + 1] - 1);
        if (mean > 0 && bounds[i + 1] <= BENCH_GEMM_MOST)
            out_text("  %.0f %% for %lld to %lld rows", mean * 100, (long long)bounds[i],
                     (long long)bounds[i + 1] - 1);
        else if (mean > 0)
            out_text("  %.0f %% from %lld rows on", mean * 100, (long long)bounds[i]);
    }
    out_text("\n");
}

/* ---- as JSON ---- */

static void write_result(const gemm_run *run, const bench_gemm_result *r)
{
    mica_json_writer *w = run->writer;
    mica_json_begin_object(w);
    mica_json_write_member(w, "case", r->name);
    bench_write_int(w, "m", r->shape.m);
    bench_write_int(w, "n", r->shape.n);
    bench_write_int(w, "k", r->shape.k);
    bench_write_number(w, "flops", r->flops);
    bench_write_number(w, "weight_bytes", r->weight_bytes);
    bench_write_int(w, "weights", (int64_t)r->weights);
    bench_write_int(w, "checked", (int64_t)r->checked);
    mica_json_write_key(w, "arms");
    mica_json_begin_array(w);
    mica_json_begin_object(w);
    bench_write_arm(w, &r->arm);
    bench_write_number(w, "error", r->worst);
    if (r->arm.state == BENCH_OK) {
        bench_gemm_figures f = bench_gemm_figures_of(run->gemm, r);
        bench_write_number(w, "flops_per_second", f.flops);
        bench_write_number(w, "weight_bytes_per_second", f.bytes);
        bench_write_number(w, "share_of_peak", f.of_peak);
        bench_write_number(w, "share_of_read", f.of_read);
        bench_write_number(w, "floor", f.floor);
    }
    mica_json_end_object(w);
    mica_json_end_array(w);
    mica_json_end_object(w);
}

static void write_settings(const gemm_run *run)
{
    mica_json_writer *w = run->writer;
    const bench_rate *rate = bench_gemm_rate(run->gemm);
    bench_write_head(w, "gemm", &run->environment);
    mica_json_write_key(w, "settings");
    mica_json_begin_object(w);
    bench_write_plan(w, &run->options.plan);
    mica_json_write_member(w, "dtype", mica_precision_name(bench_gemm_precision(run->gemm)));
    bench_write_int(w, "threads", (int64_t)bench_gemm_info(run->gemm)->threads);
    bench_write_bool(w, "cached", run->options.cached);
    mica_json_end_object(w);
    mica_json_write_key(w, "peaks");
    mica_json_begin_object(w);
    bench_write_number(w, "flops", rate->flops);
    mica_json_write_member(w, "with", rate->with);
    bench_write_number(w, "read", bench_gemm_read(run->gemm));
    mica_json_end_object(w);
}

static void write_bumps(const gemm_run *run)
{
    mica_json_writer *w = run->writer;
    mica_json_write_key(w, "bumps");
    mica_json_begin_array(w);
    for (size_t first = 0, end; first < run->count; first = end) {
        bump b;
        end = first + group_size(run, first);
        for (size_t i = first; i < end; i++) {
            if (!find_bump(run, i, end, &b))
                continue;
            mica_json_begin_object(w);
            mica_json_write_member(w, "case", run->results[b.at].name);
            mica_json_write_member(w, "than", run->results[b.than].name);
            bench_write_number(w, "ratio", b.ratio.median);
            bench_write_number(w, "low", b.ratio.low);
            bench_write_number(w, "high", b.ratio.high);
            mica_json_end_object(w);
        }
    }
    mica_json_end_array(w);
}

static void write_document(const gemm_run *run)
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
    if (run->smooth)
        write_bumps(run);
    mica_json_end_object(w);
}

/* ---- the command ---- */

static mica_status run_all(gemm_run *run, mica_error *err)
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
    while (run->count < run->shape_count && !status && !out_failed()) {
        size_t first = run->count, size = group_size(run, first);
        status = bench_gemm_run(run->gemm, run->shapes + first, size, run->results + first, err);
        if (status)
            break;
        run->count += size;
        if (run->format == FORMAT_TEXT)
            show_group(run, first, run->count);
        for (size_t i = first; i < run->count && run->format == FORMAT_JSONL && !status; i++) {
            write_result(run, &run->results[i]);
            status = bench_put_line(w, err);
        }
    }
    if (run->format == FORMAT_TEXT && run->count > 0)
        show_sum(run);
    return status;
}

static int exit_code(const gemm_run *run)
{
    for (size_t i = 0; i < run->count; i++)
        if (run->results[i].arm.state != BENCH_OK)
            return EXIT_FAILURE_CODE;
    return EXIT_OK;
}

/* What was measured before an error is kept. */
static int measure(gemm_run *run, const char *output)
{
    mica_error err = {0}, second = {0};
    int code = bench_check_output(run->command, output);
    if (code >= 0)
        return code;
    run->results = calloc(run->shape_count, sizeof *run->results);
    if (!run->results)
        return fail_text(run->command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    bench_environment_read(&run->environment);
    interrupt_watch(NULL);
    mica_status status = mica_json_writer_create(&run->writer, &err);
    if (!status)
        status = bench_gemm_open(&run->options, &run->gemm, &err);
    if (!status)
        status = run_all(run, &err);
    if (run->gemm && (run->format == FORMAT_JSON || (output && run->count > 0))) {
        write_document(run);
        if (bench_put_document(run->writer, run->format, output, &second) && !status)
            err = second, status = second.status;
    }
    return status ? fail(run->command, &err) : exit_code(run);
}

int cmd_bench_gemm(const cli_command *command, int argc, char **argv)
{
    const char *shapes = NULL, *format = NULL, *output = NULL;
    int64_t rounds = 9, seed = 1, threads = 0;
    gemm_run run = {.command = command, .options = {.plan = {.min_time = 0.02}}};
    const option options[] = {
        {"shapes", 0, OPTION_TEXT, &shapes, "LIST", "MxNxK or NxK (all the usual rows), ...", 0, 0},
        {"dtype", 0, OPTION_DTYPE, &run.options.precision, "TYPE",
         "compute in f32 (default), bf16, int8, or auto", 0, 0},
        {"smooth", 0, OPTION_FLAG, &run.smooth, NULL, "every number of rows from 1 to 128", 0, 0},
        {"cached", 0, OPTION_FLAG, &run.options.cached, NULL,
         "one weight, which stays in the caches", 0, 0},
        {"rounds", 0, OPTION_NUMBER, &rounds, "N", "samples of each shape (9)", 1, 10000},
        {"min-time", 0, OPTION_REAL, &run.options.plan.min_time, "SECONDS",
         "that a sample takes at least (0.02)", 0, 0},
        {"threads", 't', OPTION_NUMBER, &threads, "N", "(0: as mica chooses)", 0, 1024},
        {"seed", 0, OPTION_NUMBER, &seed, "N", "of inputs and of the order of shapes (1)", 0,
         INT64_MAX},
        {"format", 0, OPTION_TEXT, &format, "FORMAT", "text (default), json or jsonl", 0, 0},
        {"output", 'o', OPTION_TEXT, &output, "FILE", "write the results as JSON, too", 0, 0},
    };
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (n > 0)
        return usage_error(command, "'%.100s' is not expected; shapes are chosen with --shapes",
                           argv[1]);
    if (!format_read(command, format, &run.format))
        return EXIT_USAGE;
    run.options.threads = (size_t)threads;
    run.options.plan.rounds = (size_t)rounds;
    run.options.plan.seed = (uint64_t)seed;
    run.options.plan.stop = interrupted;
    code = choose_shapes(&run, shapes);
    if (code < 0)
        code = measure(&run, output);
    for (size_t i = 0; i < run.count; i++)
        bench_gemm_release(&run.results[i]);
    bench_gemm_close(&run.gemm);
    mica_json_writer_destroy(&run.writer);
    free(run.results);
    free(run.shapes);
    return out_close(command, code);
}
