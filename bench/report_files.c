/* SPDX-License-Identifier: MIT
 *
 * The files that a report is made of: what they have in common once, of each only what differs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* ---- facts: a pair of a file's environment or settings ---- */

typedef struct fact {
    const char *key, *value;
    size_t run, place; /* of the file; in the order of the files */
    bool setting;
    bool shared;  /* all files that have it say the same */
    size_t files; /* how many those are, at the first of them; else 0 */
} fact;

static int by_key(const void *one, const void *other)
{
    const fact *a = one, *b = other;
    int order = a->setting != b->setting ? (a->setting ? 1 : -1) : strcmp(a->key, b->key);
    return order ? order : a->place < b->place ? -1 : 1;
}

static int by_place(const void *one, const void *other)
{
    const fact *a = one, *b = other;
    return a->place < b->place ? -1 : 1;
}

static size_t add_facts(fact *facts, size_t n, size_t run, const report_pair *pairs, size_t count,
                        bool setting)
{
    for (size_t i = 0; i < count; i++, n++)
        facts[n] = (fact){pairs[i].key, pairs[i].value, run, n, setting, false, 0};
    return n;
}

/* Begin and name of the run have columns of their own. */
static bool has_column(const fact *f)
{
    return !f->setting && (strcmp(f->key, "started") == 0 || strcmp(f->key, "commit") == 0);
}

/* All facts in the order of the files, marked. */
static fact *collect_facts(report *r, size_t *count)
{
    size_t all = 0, n = 0;
    for (size_t i = 0; i < r->results->run_count; i++)
        all += r->results->runs[i].environment_count + r->results->runs[i].settings_count;
    fact *facts = report_alloc(r->pool, all + 1, sizeof *facts);
    *count = 0;
    if (!facts)
        return NULL;
    for (size_t i = 0; i < r->results->run_count; i++) {
        const report_run *run = &r->results->runs[i];
        n = add_facts(facts, n, i, run->environment, run->environment_count, false);
        n = add_facts(facts, n, i, run->settings, run->settings_count, true);
    }
    qsort(facts, n, sizeof *facts, by_key);
    for (size_t begin = 0, end; begin < n; begin = end) {
        bool same = true;
        for (end = begin; end < n && facts[end].setting == facts[begin].setting &&
                          strcmp(facts[end].key, facts[begin].key) == 0;
             end++)
            same &= strcmp(facts[end].value, facts[begin].value) == 0;
        for (size_t i = begin; i < end; i++)
            facts[i].shared = same;
        facts[begin].files = end - begin;
    }
    qsort(facts, n, sizeof *facts, by_place);
    *count = n;
    return facts;
}

static const char *count_text(report *r, size_t files)
{
    size_t all = r->results->run_count;
    return files >= all ? "all" : report_print(r->pool, "%zu of %zu", files, all);
}

static void put_shared(report *r, const fact *facts, size_t count)
{
    report_document *d = r->document;
    report_table *t =
        report_table_begin(d, "environment", "", "Environment and settings that files share");
    report_column_add(t, "what", "", false);
    report_column_add(t, "value", "", false);
    report_column_add(t, "of", "", false);
    report_column_add(t, "files that say it", "", false);
    for (size_t i = 0; i < count; i++) {
        const fact *f = &facts[i];
        if (!f->shared || f->files == 0 || has_column(f))
            continue;
        report_field_text(d, t, f->key);
        report_field_text(d, t, f->value);
        report_field_text(d, t, f->setting ? "settings" : "environment");
        report_field_text(d, t, count_text(r, f->files));
    }
}

/* ---- a row a file ---- */

static const char *fact_of(const report_run *run, const char *key)
{
    for (size_t i = 0; i < run->environment_count; i++)
        if (strcmp(run->environment[i].key, key) == 0)
            return run->environment[i].value;
    return "";
}

/* The facts of a file that are not shared: they stand together from `*at` on. */
static const char *differences(report *r, const fact *facts, size_t count, size_t run, size_t *at)
{
    report_text text = {0};
    for (; *at < count && facts[*at].run == run; ++*at) {
        const fact *f = &facts[*at];
        if (!f->shared && !has_column(f))
            report_addf(&text, "%s%s: %s", text.size ? "; " : "", f->key, f->value);
    }
    const char *copy = report_print(r->pool, "%s", text.data ? text.data : "");
    r->pool->failed |= text.failed;
    report_text_free(&text);
    return copy;
}

static void put_peak(report *r, report_table *t, double value)
{
    report_field_number(r->document, t, report_print(r->pool, "%.1f", value / 1e9), value / 1e9);
}

static void put_files(report *r, const fact *facts, size_t count)
{
    report_document *d = r->document;
    const char *const peaks[] = {"fp32", "bf16", "int8", "read", "copied"};
    size_t at = 0, again = 0, texts = 0, models = 0;
    report_table *t = report_table_begin(
        d, "files", "", "The files: what differs, and the peaks measured in each run");
    report_column_add(t, "file", "", false);
    report_column_add(t, "started", "", false);
    report_column_add(t, "commit", "", false);
    for (int k = 0; k < 5; k++)
        report_column_add(t, peaks[k], k == 2 ? "Gop/s" : k < 3 ? "GFLOP/s" : "GB/s", true);
    report_column_add(t, "settings that differ", "", false);
    for (size_t i = 0; i < r->results->run_count; i++) {
        const report_run *run = &r->results->runs[i];
        size_t last = run->bandwidth_count;
        report_field_text(d, t, run->path);
        report_field_text(d, t, fact_of(run, "started"));
        report_field_text(d, t, report_print(r->pool, "%.12s", fact_of(run, "commit")));
        put_peak(r, t, run->flops);
        put_peak(r, t, run->bf16_flops);
        put_peak(r, t, run->int8_ops);
        put_peak(r, t, last ? run->bandwidth[last - 1].read : NAN);
        put_peak(r, t, last ? run->bandwidth[last - 1].copy : NAN);
        report_field_text(d, t, differences(r, facts, count, i, &at));
        again += run->replaced;
        texts += run->other_texts;
        models += run->other_models;
    }
    if (texts)
        report_paragraph(d,
                         "%zu cell%s other texts, or another tokenizer, at other precisions: their "
                         "tables have other tokens, and are not to be compared with each other.",
                         texts, texts == 1 ? " has" : "s have");
    if (models)
        report_paragraph(d,
                         "%zu cell%s given again of another model of the same name (multiply-adds "
                         "differ): the later one counts alone.",
                         models, models == 1 ? " was" : "s were");
    report_paragraph(d, "Read and copied are through the largest memory that was tried.%s",
                     again ? report_print(r->pool,
                                          " %zu cells were given more than once; the last one "
                                          "counts, or of one with and one without a head the "
                                          "latter.",
                                          again)
                           : "");
}

/* ---- bandwidth by size ---- */

static double size_after(const report_results *results, double size)
{
    double next = INFINITY;
    for (size_t i = 0; i < results->run_count; i++)
        for (size_t k = 0; k < results->runs[i].bandwidth_count; k++)
            if (results->runs[i].bandwidth[k].bytes > size)
                next = fmin(next, results->runs[i].bandwidth[k].bytes);
    return next;
}

static void put_range(report *r, report_table *t, double low, double high)
{
    report_field f = {.text = "", .value = high, .low = low, .high = high};
    if (!isnan(high))
        f.text = low < high ? report_print(r->pool, "%.1f\u2013%.1f", low, high)
                            : report_print(r->pool, "%.1f", high);
    report_field_add(r->document, t, f);
}

static void put_bandwidth(report *r)
{
    enum { SIZES = 64 };
    report_table *t = NULL;
    int sizes = 0;
    for (double size = size_after(r->results, 0); size < INFINITY && sizes < SIZES; sizes++) {
        double read[2] = {NAN, NAN}, copy[2] = {NAN, NAN};
        for (size_t i = 0; i < r->results->run_count; i++) {
            const report_run *run = &r->results->runs[i];
            for (size_t k = 0; k < run->bandwidth_count; k++) {
                if (run->bandwidth[k].bytes != size)
                    continue;
                read[0] = fmin(read[0], run->bandwidth[k].read / 1e9);
                read[1] = fmax(read[1], run->bandwidth[k].read / 1e9);
                copy[0] = fmin(copy[0], run->bandwidth[k].copy / 1e9);
                copy[1] = fmax(copy[1], run->bandwidth[k].copy / 1e9);
            }
        }
        if (!t) {
            t = report_table_begin(r->document, "bandwidth", "",
                                   "Measured bandwidth by size of memory (least and most of the "
                                   "runs)");
            report_column_add(t, "memory", "", false);
            report_column_add(t, "read", "GB/s", true);
            report_column_add(t, "copied", "GB/s", true);
        }
        report_field_text(r->document, t,
                          report_print(r->pool, "%.4g %s", size >= 1e6 ? size / 1e6 : size / 1e3,
                                       size >= 1e6 ? "MB" : "kB"));
        put_range(r, t, read[0], read[1]);
        put_range(r, t, copy[0], copy[1]);
        size = size_after(r->results, size);
    }
}

/* ---- peers ---- */

typedef struct named_peer {
    const report_peer *peer;
    const char *path;
    size_t place;
} named_peer;

static int peer_order(const named_peer *a, const named_peer *b)
{
    int order = strcmp(a->peer->name, b->peer->name);
    order = order ? order : strcmp(a->peer->versions, b->peer->versions);
    order = order ? order : strcmp(a->peer->settings, b->peer->settings);
    return order ? order : strcmp(a->peer->reason, b->peer->reason);
}

static int by_peer(const void *one, const void *other)
{
    const named_peer *a = one, *b = other;
    int order = peer_order(a, b);
    return order ? order : a->place < b->place ? -1 : 1;
}

/* The same words of a peer in many files are one row. */
static void put_peers(report *r)
{
    report_document *d = r->document;
    size_t all = 0, n = 0;
    for (size_t i = 0; i < r->results->run_count; i++)
        all += r->results->runs[i].peer_count;
    named_peer *peers = report_alloc(r->pool, all + 1, sizeof *peers);
    for (size_t i = 0; i < r->results->run_count && peers; i++)
        for (size_t k = 0; k < r->results->runs[i].peer_count; k++, n++)
            peers[n] = (named_peer){&r->results->runs[i].peers[k], r->results->runs[i].path, n};
    if (n == 0)
        return;
    qsort(peers, n, sizeof *peers, by_peer);
    report_table *t = report_table_begin(d, "frameworks", "", "Peers, as they name themselves");
    report_column_add(t, "peer", "", false);
    report_column_add(t, "versions", "", false);
    report_column_add(t, "settings", "", false);
    report_column_add(t, "files", "", false);
    report_column_add(t, "absent because", "", false);
    for (size_t begin = 0, end; begin < n; begin = end) {
        for (end = begin + 1; end < n && peer_order(&peers[begin], &peers[end]) == 0; end++)
            ;
        report_field_text(d, t, peers[begin].peer->name);
        report_field_text(d, t, peers[begin].peer->versions);
        report_field_text(d, t, peers[begin].peer->settings);
        report_field_text(d, t, end - begin == 1 ? peers[begin].path : count_text(r, end - begin));
        report_field_text(d, t, peers[begin].peer->reason);
    }
}

void report_write_files(report *r)
{
    size_t count;
    const fact *facts = collect_facts(r, &count);
    put_peers(r);
    put_shared(r, facts, count);
    put_files(r, facts, count);
    put_bandwidth(r);
}
