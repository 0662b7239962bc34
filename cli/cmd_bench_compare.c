/* SPDX-License-Identifier: MIT
 *
 * mica bench compare: two results of the same benchmark, arm by arm.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/models_results.h"
#include "bench/stats.h"
#include "bench/util.h"
#include "bench_common.h"

const char bench_compare_details[] =
    "Reads two files that `mica bench ... --output` wrote. A change is the ratio of the medians,\n"
    "with an interval that holds the true one with 95 %: above 1 it takes longer. An arm is "
    "slower\n"
    "(or faster) if the whole interval is more than --threshold percent off 1; with three samples\n"
    "or fewer, which are apart by chance too often, from 1.5 times on: a smaller difference is\n"
    "open. What became slower, or wrong, in mica itself is a regression: then the exit code is\n"
    "10. Other arms are shown because they say whether the machine changed.\n\n"
    "example:\n  mica bench compare before.json after.json --threshold 3\n";

typedef enum verdict { SAME, OPEN, SLOWER, FASTER, BROKEN, MENDED, NEVER, GONE, NEW } verdict;
static const char *const verdict_names[] = {"same",   "open",  "slower", "faster", "broken",
                                            "mended", "never", "gone",   "new"};

/* An arm of a result. */
typedef struct entry {
    char *name; /* of the case, and what is timed if it is several things */
    const char *arm;
    const char *state;
    const mica_json_value *seconds;
    const char *suspect;  /* why its times are not to be trusted, or NULL */
    double tokens, flops; /* of its work; NAN = the file does not say */
    size_t order;
} entry;

typedef struct entries {
    entry *items;
    size_t count, room;
} entries;

typedef struct change {
    const entry *before, *after; /* one may be NULL */
    verdict verdict;
    bench_interval ratio;
    double seconds[2]; /* medians */
} change;

typedef struct compare {
    const cli_command *command;
    double threshold;
    mica_json *files[2];
    entries entries[2];
    change *changes;
    size_t count, regressions;
} compare;

/* ---- reading ---- */

static bool add_entry(entries *list, const char *name, const mica_json_value *result,
                      const mica_json_value *arm)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 64;
        entry *items = realloc(list->items, room * sizeof *items);
        if (!items)
            return false;
        list->items = items;
        list->room = room;
    }
    entry e = {NULL,
               mica_json_string(mica_json_get(arm, "name"), NULL),
               mica_json_string(mica_json_get(arm, "state"), NULL),
               mica_json_get(arm, "seconds"),
               mica_json_string(mica_json_get(arm, "suspect"), NULL),
               bench_number(result, "tokens", NAN),
               bench_number(result, "flops", NAN),
               list->count};
    if (!e.arm || !e.state || strcmp(e.state, "not run") == 0)
        return true; /* no arm of ours, or as if it were not there */
    e.name = strdup(name);
    if (!e.name)
        return false;
    list->items[list->count++] = e;
    return true;
}

/* The arms of a result, and of the objects in it: "encode" and "load" of a tokenizer. */
static bool add_arms(entries *list, const char *name, const mica_json_value *value, bool inside)
{
    char part[512];
    const mica_json_value *arms = mica_json_get(value, "arms");
    bool fine = true;
    if (mica_json_get_type(arms) == MICA_JSON_ARRAY)
        for (const mica_json_value *a = mica_json_first(arms); a && fine; a = mica_json_next(a))
            fine = add_entry(list, name, value, a);
    if (inside)
        return fine;
    for (const mica_json_value *v = mica_json_first(value); v && fine; v = mica_json_next(v)) {
        if (mica_json_get_type(v) != MICA_JSON_OBJECT)
            continue;
        snprintf(part, sizeof part, "%.300s: %.200s", name, mica_json_key(v, NULL));
        fine = add_arms(list, part, v, true);
    }
    return fine;
}

static int by_key(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->arm, y->arm);
}

static int by_order(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

/* JSON lines, as `mica bench models` writes them, as one object. */
static mica_status read_lines(const char *path, mica_json **out, mica_error *err)
{
    bench_results results = {0};
    mica_json_writer *w = NULL;
    const char *text;
    size_t size;
    mica_status status = bench_results_read(&results, path, err);
    if (!status)
        status = mica_json_writer_create(&w, err);
    if (!status) {
        bench_results_write(&results, w);
        status = mica_json_writer_text(w, &text, &size, err);
    }
    if (!status)
        status = mica_json_parse(text, size, path, out, err);
    mica_json_writer_destroy(&w);
    bench_results_close(&results);
    return status;
}

/* What a result is of: a case, a tokenizer, or "MODEL / BATCH x LENGTH"; NULL = no such thing. */
static const char *name_of(const mica_json_value *result, char *room, size_t size)
{
    const char *name = mica_json_string(mica_json_get(result, "case"), NULL);
    const char *kind = mica_json_string(mica_json_get(result, "kind"), NULL);
    const char *model = mica_json_string(mica_json_get(result, "model"), NULL);
    int64_t batch = 0, length = 0;
    if (!name)
        name = mica_json_string(mica_json_get(result, "tokenizer"), NULL);
    if (!kind)
        return name;
    if (strcmp(kind, "cell") != 0 || !model ||
        !mica_json_int64(mica_json_get(result, "batch"), &batch))
        return NULL;
    if (mica_json_int64(mica_json_get(result, "length"), &length))
        snprintf(room, size, "%.200s / %lld x %lld", model, (long long)batch, (long long)length);
    else
        snprintf(room, size, "%.200s / %lld x mixed", model, (long long)batch);
    return room;
}

static int read_file(compare *c, int i, const char *path)
{
    mica_error err = {0}, second = {0};
    int64_t schema = 0;
    char room[256];
    mica_status status = mica_json_parse_file(path, &c->files[i], &err);
    if (status == MICA_STATUS_FORMAT && read_lines(path, &c->files[i], &second) == MICA_OK)
        status = MICA_OK;
    if (status)
        return fail(c->command, &err);
    const mica_json_value *root = mica_json_root(c->files[i]);
    const mica_json_value *results = mica_json_get(root, "results");
    if (!mica_json_int64(mica_json_get(root, "schema"), &schema) || schema != 1 ||
        !mica_json_string(mica_json_get(root, "bench"), NULL) ||
        mica_json_get_type(results) != MICA_JSON_ARRAY)
        return fail_text(c->command, MICA_STATUS_FORMAT,
                         "'%s' is no result of a benchmark (bench, schema 1, results)", path);
    for (const mica_json_value *r = mica_json_first(results); r; r = mica_json_next(r)) {
        const char *name = name_of(r, room, sizeof room);
        if (name && !add_arms(&c->entries[i], name, r, false))
            return fail_text(c->command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    }
    return -1;
}

static const char *text_at(const compare *c, int file, const char *group, const char *key)
{
    const mica_json_value *root = mica_json_root(c->files[file]);
    const char *text =
        mica_json_string(mica_json_get(group ? mica_json_get(root, group) : root, key), NULL);
    return text ? text : "?";
}

/* ---- comparing ---- */

/* The samples of an OK arm, freed by the caller; *n is 0 if it has none. */
static double *samples_of(const entry *e, size_t *n)
{
    size_t count = mica_json_count(e->seconds);
    double *samples = malloc((count ? count : 1) * sizeof *samples);
    *n = 0;
    if (!samples || strcmp(e->state, "ok") != 0)
        return samples;
    for (const mica_json_value *v = mica_json_first(e->seconds); v; v = mica_json_next(v))
        if (mica_json_double(v, &samples[*n]) && samples[*n] > 0)
            ++*n;
    return samples;
}

/* Of two results that are alike, the later one's samples lie wholly above the other's once in two
 * cases with one of them each, once in six with two, and in twenty with three: so few are believed
 * only where much has changed. */
static verdict judge_ratio(const bench_interval *ratio, double limit)
{
    static const double little = 0.5, sure = 1.5; /* a level; times as long */
    bool slower = ratio->low > limit, faster = ratio->high < 1 / limit;
    if ((slower || faster) && ratio->level <= little && ratio->median < sure &&
        ratio->median > 1 / sure)
        return OPEN;
    return slower ? SLOWER : faster ? FASTER : SAME;
}

static bool judge(const compare *c, change *x)
{
    size_t n = 0, m = 0;
    double *a = samples_of(x->before, &n), *b = samples_of(x->after, &m);
    double limit = 1 + c->threshold / 100;
    if (n && m) {
        x->ratio = bench_ratio_apart(a, n, b, m, 0.95); /* sorts them */
        x->verdict = judge_ratio(&x->ratio, limit);
    } else {
        x->verdict = n ? BROKEN : m ? MENDED : NEVER;
    }
    x->seconds[0] = n ? bench_median_interval(a, n, 0.95).median : 0;
    x->seconds[1] = m ? bench_median_interval(b, m, 0.95).median : 0;
    bool fine = a && b;
    free(a);
    free(b);
    return fine;
}

static bool is_of_mica(const change *x)
{
    return strncmp((x->before ? x->before : x->after)->arm, "mica", 4) == 0;
}

static bool is_regression(const change *x)
{
    return (x->verdict == SLOWER || x->verdict == BROKEN) && is_of_mica(x);
}

/* In the order of the first file; then what only the second one has. */
static int find_changes(compare *c)
{
    entries *before = &c->entries[0], *after = &c->entries[1];
    bool fine = true;
    bool *met = calloc(after->count + 1, sizeof *met);
    c->changes = calloc(before->count + after->count + 1, sizeof *c->changes);
    if (after->count)
        qsort(after->items, after->count, sizeof *after->items, by_key);
    if (before->count)
        qsort(before->items, before->count, sizeof *before->items, by_order);
    for (size_t i = 0; i < before->count && met && c->changes && fine; i++) {
        change *x = &c->changes[c->count++];
        x->before = &before->items[i];
        x->after = after->count ? bsearch(x->before, after->items, after->count,
                                          sizeof *after->items, by_key)
                                : NULL;
        x->verdict = GONE;
        if (x->after) {
            met[x->after - after->items] = true;
            fine = judge(c, x);
        }
        c->regressions += is_regression(x);
    }
    for (size_t i = 0; i < after->count && met && c->changes && fine; i++)
        if (!met[i])
            c->changes[c->count++] = (change){.after = &after->items[i], .verdict = NEW};
    fine = fine && met && c->changes;
    free(met);
    return fine ? -1 : fail_text(c->command, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
}

/* ---- showing ---- */

/* "82.00 ns", "1.234 ms" */
static void time_text(double seconds, char *text, size_t size)
{
    static const char *const units[] = {"s", "ms", "us", "ns"};
    int unit = 0;
    while (unit < 3 && seconds < 0.9999) {
        seconds *= 1000;
        unit++;
    }
    snprintf(text, size, "%.*f %s",
             seconds < 10     ? 3
             : seconds < 100  ? 2
             : seconds < 1000 ? 1
                              : 0,
             seconds, units[unit]);
}

static const char *const sides[] = {"before", "after"};

/* Why the times of a side (0: before) are not to be trusted; NULL: they are. */
static const char *suspect_of(const change *x, int side)
{
    const entry *e = side ? x->after : x->before;
    return e ? e->suspect : NULL;
}

static void show_change(const change *x)
{
    const entry *e = x->before ? x->before : x->after;
    const mica_text name = {e->name, strlen(e->name)}, arm = {e->arm, strlen(e->arm)};
    char times[2][32];
    out_label(&name, 56);
    out_text(" ");
    out_label(&arm, 16);
    if (x->verdict <= FASTER) {
        for (int i = 0; i < 2; i++)
            time_text(x->seconds[i], times[i], sizeof times[i]);
        out_text(" %10s %10s %6.3fx %6.3f-%.3f", times[0], times[1], x->ratio.median, x->ratio.low,
                 x->ratio.high);
    } else {
        out_text(" %10s %10s", x->before ? printable(x->before->state).text : "-",
                 x->after ? printable(x->after->state).text : "-");
    }
    if (x->verdict <= FASTER && x->ratio.level < 0.95)
        out_text(" (%.0f %%)", x->ratio.level * 100);
    out_text("  %s", verdict_names[x->verdict]);
    for (int i = 0; i < 2; i++)
        if (suspect_of(x, i))
            out_text("  suspect %s: %s", sides[i], printable(suspect_of(x, i)).text);
    out_text("\n");
}

static size_t count_of(const compare *c, verdict which, bool of_mica)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        count += c->changes[i].verdict == which && (!of_mica || is_of_mica(&c->changes[i]));
    return count;
}

static size_t count_suspect(const compare *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        count += suspect_of(&c->changes[i], 0) || suspect_of(&c->changes[i], 1);
    return count;
}

static void show(const compare *c)
{
    size_t suspect = count_suspect(c);
    size_t gone = count_of(c, GONE, false), fresh = count_of(c, NEW, false);
    out_text("%-56s %-16s %10s %10s %7s %13s\n", "", "", "before", "after", "ratio", "interval");
    for (size_t i = 0; i < c->count; i++)
        show_change(&c->changes[i]);
    out_text("%zu compared, %zu became slower or wrong in mica (threshold %g %%)",
             c->count - gone - fresh, c->regressions, c->threshold);
    if (gone)
        out_text(", %zu gone (%zu of mica)", gone, count_of(c, GONE, true));
    if (fresh)
        out_text(", %zu new", fresh);
    if (suspect)
        out_text(", %zu with a suspect time", suspect);
    out_text("\n");
}

/* Arms that had other work under the same name: another model, tokenizer, head or text. */
static size_t count_unlike(const compare *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        const entry *a = c->changes[i].before, *b = c->changes[i].after;
        count += a && b && (bench_differ(a->tokens, b->tokens) || bench_differ(a->flops, b->flops));
    }
    return count;
}

/* Nothing is known of what is gone: that must not pass for good news. */
static void warn_of_gone(const compare *c)
{
    size_t gone = count_of(c, GONE, true), unlike = count_unlike(c);
    if (gone)
        fprintf(stderr, "mica: %s: %zu of mica's arms are in the first file only: not compared\n",
                c->command->name, gone);
    if (unlike)
        fprintf(stderr,
                "mica: %s: %zu arms had other work in the two files (tokens or multiply-adds), so "
                "that their times say nothing of a change\n",
                c->command->name, unlike);
}

/* Files of other cells, or none that is whole: nothing became slower, but nothing was compared. */
static int check_common(const compare *c, const char *before, const char *after)
{
    if (c->count > count_of(c, GONE, false) + count_of(c, NEW, false))
        return -1;
    return fail_text(c->command, MICA_STATUS_INVALID_ARGUMENT,
                     "'%.400s' and '%.400s' have no arm of a case in common (%zu and %zu arms)",
                     before, after, c->entries[0].count, c->entries[1].count);
}

static mica_status write_json(const compare *c, cli_format format, mica_error *err)
{
    mica_json_writer *w = NULL;
    mica_status status = mica_json_writer_create(&w, err);
    if (status)
        return status;
    mica_json_begin_object(w);
    mica_json_write_member(w, "bench", "compare");
    bench_write_int(w, "schema", 1);
    mica_json_write_member(w, "of", text_at(c, 0, NULL, "bench"));
    bench_write_number(w, "threshold", c->threshold);
    bench_write_int(w, "regressions", (int64_t)c->regressions);
    bench_write_int(w, "gone", (int64_t)count_of(c, GONE, false));
    bench_write_int(w, "new", (int64_t)count_of(c, NEW, false));
    bench_write_int(w, "suspect", (int64_t)count_suspect(c));
    bench_write_int(w, "other_work", (int64_t)count_unlike(c));
    if (format == FORMAT_JSONL) {
        mica_json_end_object(w);
        status = bench_put_line(w, err);
    } else {
        mica_json_write_key(w, "results");
        mica_json_begin_array(w);
    }
    for (size_t i = 0; i < c->count && !status; i++) {
        const change *x = &c->changes[i];
        const entry *e = x->before ? x->before : x->after;
        const char *const keys[] = {"before", "after", "ratio", "low", "high", "level"};
        const double values[] = {x->seconds[0], x->seconds[1], x->ratio.median,
                                 x->ratio.low,  x->ratio.high, x->ratio.level};
        mica_json_begin_object(w);
        mica_json_write_member(w, "name", e->name);
        mica_json_write_member(w, "arm", e->arm);
        mica_json_write_member(w, "verdict", verdict_names[x->verdict]);
        for (int k = 0; k < 6 && x->verdict <= FASTER; k++)
            bench_write_number(w, keys[k], values[k]);
        for (int k = 0; k < 2; k++)
            if (suspect_of(x, k))
                mica_json_write_member(w, k ? "suspect_after" : "suspect_before", suspect_of(x, k));
        mica_json_end_object(w);
        if (format == FORMAT_JSONL)
            status = bench_put_line(w, err);
    }
    if (format == FORMAT_JSON) {
        mica_json_end_array(w);
        mica_json_end_object(w);
        status = bench_put_line(w, err);
    }
    mica_json_writer_destroy(&w);
    return status;
}

static void warn_of_machines(const compare *c)
{
    static const char *const keys[] = {"cpu", "kernels", "system"};
    for (int i = 0; i < 3; i++)
        if (strcmp(text_at(c, 0, "environment", keys[i]), text_at(c, 1, "environment", keys[i])) !=
            0)
            fprintf(stderr, "mica: %s: the %s differs: '%.100s' and '%.100s'\n", c->command->name,
                    keys[i], printable(text_at(c, 0, "environment", keys[i])).text,
                    printable(text_at(c, 1, "environment", keys[i])).text);
    double threads[2];
    for (int i = 0; i < 2; i++)
        threads[i] =
            bench_number(mica_json_get(mica_json_root(c->files[i]), "settings"), "threads", NAN);
    if (bench_differ(threads[0], threads[1]))
        fprintf(stderr, "mica: %s: the number of threads differs: %g and %g\n", c->command->name,
                threads[0], threads[1]);
}

int cmd_bench_compare(const cli_command *command, int argc, char **argv)
{
    const char *format = NULL;
    cli_format as;
    compare c = {.command = command, .threshold = 5};
    const option options[] = {
        {"threshold", 0, OPTION_REAL, &c.threshold, "PERCENT", "changes up to this are none (5)", 0,
         0},
        {"format", 0, OPTION_TEXT, &format, "FORMAT", "text (default), json or jsonl", 0, 0},
    };
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (!format_read(command, format, &as))
        return EXIT_USAGE;
    if (n != 2)
        return usage_error(command, "two files are compared, not %d", n);
    for (int i = 0; i < 2 && code < 0; i++)
        code = read_file(&c, i, argv[i + 1]);
    if (code < 0 && strcmp(text_at(&c, 0, NULL, "bench"), text_at(&c, 1, NULL, "bench")) != 0)
        code = fail_text(command, MICA_STATUS_INVALID_ARGUMENT,
                         "'%.40s' and '%.40s' are not the same benchmark",
                         text_at(&c, 0, NULL, "bench"), text_at(&c, 1, NULL, "bench"));
    if (code < 0)
        code = find_changes(&c);
    if (code < 0)
        code = check_common(&c, argv[1], argv[2]);
    if (code < 0) {
        mica_error err = {0};
        warn_of_machines(&c);
        warn_of_gone(&c);
        if (as == FORMAT_TEXT)
            show(&c);
        else if (write_json(&c, as, &err))
            code = fail(command, &err);
    }
    if (code < 0)
        code = c.regressions ? EXIT_REGRESSION : EXIT_OK;
    for (int i = 0; i < 2; i++) {
        for (size_t k = 0; k < c.entries[i].count; k++)
            free(c.entries[i].items[k].name);
        free(c.entries[i].items);
        mica_json_destroy(&c.files[i]);
    }
    free(c.changes);
    return out_close(command, code);
}
