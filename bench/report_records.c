/* SPDX-License-Identifier: MIT */
#include "report_records.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

const char *const report_precisions[REPORT_PRECISIONS] = {"fp32", "bf16", "int8"};

/* A real run has some hundred records of few arms each. */
enum { RECORDS_MAX = 4096, ARMS_MAX = 64 };

/* ---- values ---- */

static const char *text_of(report_pool *pool, const mica_json_value *object, const char *key)
{
    return report_clean(pool, mica_json_string(mica_json_get(object, key), NULL));
}

/* NAN if it is no number above zero. */
static double positive_of(const mica_json_value *object, const char *key)
{
    double number = bench_number(object, key, NAN);
    return number > 0 ? number : NAN;
}

static bool flag_of(const mica_json_value *object, const char *key)
{
    bool flag = false;
    mica_json_bool(mica_json_get(object, key), &flag);
    return flag;
}

/* Any value as a text for people: "1, 16, 32", "isa=avx2, threads=2". */
static void put_value(report_text *out, const mica_json_value *value, int depth)
{
    double number;
    bool flag = false, first = true;
    switch (mica_json_get_type(value)) {
    case MICA_JSON_NULL:
        report_put(out, "-");
        break;
    case MICA_JSON_BOOL:
        mica_json_bool(value, &flag);
        report_put(out, flag ? "yes" : "no");
        break;
    case MICA_JSON_NUMBER:
        if (mica_json_double(value, &number))
            report_addf(out, "%.10g", number);
        break;
    case MICA_JSON_STRING:
        report_put(out, mica_json_string(value, NULL));
        break;
    case MICA_JSON_ARRAY:
    case MICA_JSON_OBJECT:
        for (const mica_json_value *v = mica_json_first(value); v && depth < 4 && out->size < 4096;
             v = mica_json_next(v), first = false) {
            const char *key = mica_json_key(v, NULL);
            report_put(out, first ? "" : ", ");
            if (key)
                report_addf(out, "%.100s=", key);
            put_value(out, v, depth + 1);
        }
        break;
    }
}

static const char *value_text(report_pool *pool, const mica_json_value *value)
{
    report_text text = {0};
    if (value)
        put_value(&text, value, 0);
    const char *clean = report_clean(pool, text.data);
    pool->failed |= text.failed;
    report_text_free(&text);
    return clean;
}

static report_pair *pairs_of(report_pool *pool, const mica_json_value *object, size_t *count)
{
    size_t n = 0;
    report_pair *pairs = report_alloc(pool, mica_json_count(object) + 1, sizeof *pairs);
    for (const mica_json_value *v = mica_json_first(object); v && pairs; v = mica_json_next(v)) {
        pairs[n].key = report_clean(pool, mica_json_key(v, NULL));
        pairs[n++].value = value_text(pool, v);
    }
    *count = n;
    return pairs;
}

static bool state_of(const mica_json_value *object, bench_state *state)
{
    const char *name = mica_json_string(mica_json_get(object, "state"), NULL);
    for (int i = BENCH_OK; i <= BENCH_NOT_RUN && name; i++)
        if (strcmp(name, bench_state_name((bench_state)i)) == 0) {
            *state = (bench_state)i;
            return true;
        }
    return false;
}

/* ---- the run ---- */

static void read_peaks(const mica_json_value *peaks, report_run *run)
{
    run->flops = positive_of(peaks, "flops");
    run->bf16_flops = positive_of(peaks, "bf16_flops");
    run->int8_ops = positive_of(peaks, "int8_ops");
    for (const mica_json_value *v = mica_json_first(mica_json_get(peaks, "bandwidth"));
         v && run->bandwidth_count < REPORT_BANDWIDTHS; v = mica_json_next(v)) {
        double bytes = positive_of(v, "bytes"), read = positive_of(v, "read"),
               copy = positive_of(v, "copy");
        if (bytes > 0 && read > 0) {
            run->bandwidth[run->bandwidth_count].bytes = bytes;
            run->bandwidth[run->bandwidth_count].read = read;
            run->bandwidth[run->bandwidth_count++].copy = copy;
        }
    }
}

static void read_peers(report_pool *pool, const mica_json_value *root, report_run *run)
{
    const mica_json_value *peers = mica_json_get(root, "peers"), *one = mica_json_get(root, "peer");
    bool list = mica_json_get_type(peers) == MICA_JSON_ARRAY;
    run->peers = report_alloc(pool, (list ? mica_json_count(peers) : 0) + 1, sizeof *run->peers);
    if (!run->peers)
        return;
    for (const mica_json_value *v = list ? mica_json_first(peers) : NULL; v;
         v = mica_json_next(v)) {
        report_peer *p = &run->peers[run->peer_count++];
        bool text = mica_json_get_type(v) == MICA_JSON_STRING;
        p->name = text ? value_text(pool, v) : text_of(pool, v, "name");
        p->versions = value_text(pool, mica_json_get(v, "versions"));
        p->settings = value_text(pool, mica_json_get(v, "settings"));
        p->reason = text_of(pool, v, "reason");
    }
    if (!list && mica_json_string(one, NULL))
        run->peers[run->peer_count++] = (report_peer){value_text(pool, one), "", "", ""};
}

mica_status report_read_run(report_pool *pool, const mica_json_value *root, const char *path,
                            report_run *run, mica_error *err)
{
    const char *bench = mica_json_string(mica_json_get(root, "bench"), NULL);
    const mica_json_value *schema = mica_json_get(root, "schema");
    const mica_json_value *environment = mica_json_get(root, "environment");
    const mica_json_value *settings = mica_json_get(root, "settings");
    int64_t number = 0;
    memset(run, 0, sizeof *run);
    if (!bench || !schema)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%.600s' is no result of a benchmark: it has no \"bench\" and "
                         "\"schema\"",
                         path);
    if (!mica_json_int64(schema, &number) || number != 1)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%.500s' has schema %.20s; this program reads schema 1", path,
                         value_text(pool, schema));
    bool ops = strcmp(bench, "ops") == 0;
    if (!ops && strcmp(bench, "models") != 0)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "'%.500s' is a result of bench %.40s; a report is made of results of "
                         "bench ops and bench models",
                         path, report_clean(pool, bench));
    run->path = report_clean(pool, path);
    run->bench = ops ? "ops" : "models";
    run->cpu = text_of(pool, environment, "cpu");
    run->kernels = text_of(pool, environment, "kernels");
    run->system = text_of(pool, environment, "system");
    run->environment = pairs_of(pool, environment, &run->environment_count);
    run->settings = pairs_of(pool, settings, &run->settings_count);
    run->threads = positive_of(settings, "threads");
    run->rounds = positive_of(settings, "rounds");
    run->as_published = strcmp(text_of(pool, settings, "head"), "as-published") == 0;
    run->cut = "";
    read_peaks(mica_json_get(root, "peaks"), run);
    read_peers(pool, root, run);
    return MICA_OK;
}

/* ---- arms ---- */

/* `name` has `word` among its words. */
static bool has_word(const char *name, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = name; (at = strstr(at, word)); at += size)
        if ((at == name || at[-1] == ' ') && (at[size] == 0 || at[size] == ' '))
            return true;
    return false;
}

/* What the file does not say itself stands in the name: "pytorch cuda bf16 best". */
static void complete(report_pool *pool, report_arm *arm)
{
    if (!arm->framework[0])
        arm->framework = report_print(pool, "%.*s", (int)strcspn(arm->name, " "), arm->name);
    for (int i = 0; i < REPORT_PRECISIONS && !arm->precision[0]; i++)
        if (has_word(arm->name, report_precisions[i]))
            arm->precision = report_precisions[i];
    if (!arm->precision[0])
        arm->precision = report_precisions[REPORT_FP32];
    arm->gpu = arm->gpu || has_word(arm->name, "gpu") || has_word(arm->name, "cuda");
}

static mica_status read_arm(report_pool *pool, const mica_json_value *v, const char *where,
                            report_arm *arm, mica_error *err)
{
    const mica_json_value *seconds = mica_json_get(v, "seconds");
    const char *device = text_of(pool, v, "device");
    memset(arm, 0, sizeof *arm);
    arm->name = text_of(pool, v, "name");
    if (!arm->name[0])
        arm->name = text_of(pool, v, "arm");
    if (!arm->name[0] || !state_of(v, &arm->state))
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "%.300s: arm '%.100s' has no name, or its state is none of ok, wrong, "
                         "absent and failed",
                         where, arm->name);
    arm->framework = text_of(pool, v, "framework");
    arm->precision = text_of(pool, v, "precision");
    arm->gpu = device[0] && strcmp(device, "cpu") != 0;
    arm->reason = text_of(pool, v, "reason");
    arm->suspect = text_of(pool, v, "suspect");
    arm->first = positive_of(v, "first_seconds");
    arm->joules = positive_of(v, "joules_per_text");
    complete(pool, arm);
    if (arm->state != BENCH_OK)
        return MICA_OK;
    size_t count = mica_json_count(seconds);
    double *sorted = report_alloc(pool, count + 1, sizeof *sorted);
    arm->samples = report_alloc(pool, count + 1, sizeof *arm->samples);
    if (!sorted || !arm->samples)
        return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    for (const mica_json_value *s = mica_json_first(seconds); s; s = mica_json_next(s)) {
        double sample = NAN;
        if (!mica_json_double(s, &sample) || !(sample > 1e-12) || !(sample < 1e9))
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "%.300s: arm '%.100s': a sample is %.40s, no time that can have "
                             "passed",
                             where, arm->name, value_text(pool, s));
        arm->samples[arm->n++] = sample;
    }
    if (arm->n == 0)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "%.300s: arm '%.100s' is ok and has no \"seconds\"", where, arm->name);
    memcpy(sorted, arm->samples, arm->n * sizeof *sorted);
    arm->time = bench_median_interval(sorted, arm->n, 0.95);
    return MICA_OK;
}

static mica_status read_arms(report_pool *pool, const mica_json_value *v, const char *where,
                             report_cell *cell, mica_error *err)
{
    const mica_json_value *arms = mica_json_get(v, "arms");
    mica_status status = MICA_OK;
    if (mica_json_get_type(arms) != MICA_JSON_ARRAY)
        return mica_fail(err, MICA_STATUS_FORMAT, "%.300s has no \"arms\"", where);
    if (mica_json_count(arms) > ARMS_MAX)
        return mica_fail(err, MICA_STATUS_FORMAT, "%.300s has more than %d arms", where, ARMS_MAX);
    cell->arms = report_alloc(pool, mica_json_count(arms) + 1, sizeof *cell->arms);
    if (!cell->arms)
        return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    for (const mica_json_value *a = mica_json_first(arms); a && !status; a = mica_json_next(a))
        status = read_arm(pool, a, where, &cell->arms[cell->arm_count++], err);
    return status;
}

/* ---- records ---- */

/* Room for one more record, in `items` of the results: NULL after an error. */
static void *one_more(report_results *r, void *items, size_t count, size_t *room, size_t size,
                      mica_error *err)
{
    void *larger = count < RECORDS_MAX ? report_room(&r->pool, items, count, room, size) : NULL;
    if (!larger && count == RECORDS_MAX)
        mica_fail(err, MICA_STATUS_FORMAT, "more than %d records of one kind", RECORDS_MAX);
    else if (!larger)
        mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    return larger;
}

/* The arms of a cell, or those of a model as they were loaded. */
typedef struct arm_list {
    void *arms;
    size_t count;
    size_t size, precision; /* bytes of an arm, and where in it its precision is */
} arm_list;

static const char *precision_of(const arm_list *list, size_t i)
{
    const char *precision;
    memcpy(&precision, (const char *)list->arms + i * list->size + list->precision,
           sizeof precision);
    return precision;
}

static bool has_precision(const arm_list *list, const char *precision)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(precision_of(list, i), precision) == 0)
            return true;
    return false;
}

/* Puts those arms of `others` in front of the list that are of precisions it has none of, so that
 * arms of one precision are always of the same rounds; says how many they were. */
static mica_status join(report_pool *pool, arm_list *list, const arm_list *others, const char *what,
                        size_t *joined, mica_error *err)
{
    size_t more = 0;
    for (size_t i = 0; i < others->count; i++)
        more += !has_precision(list, precision_of(others, i));
    *joined = more;
    if (more == 0)
        return MICA_OK;
    if (list->count + more > ARMS_MAX)
        return mica_fail(err, MICA_STATUS_FORMAT, "%.300s has more than %d arms", what, ARMS_MAX);
    char *both = report_alloc(pool, list->count + more, list->size), *to = both;
    if (!both)
        return bench_fail_memory(err, what);
    for (size_t i = 0; i < others->count; i++)
        if (!has_precision(list, precision_of(others, i))) {
            memcpy(to, (const char *)others->arms + i * list->size, list->size);
            to += list->size;
        }
    if (list->count)
        memcpy(to, list->arms, list->count * list->size);
    list->arms = both;
    list->count += more;
    return MICA_OK;
}

static arm_list arms_of(const report_cell *cell)
{
    return (arm_list){cell->arms, cell->arm_count, sizeof *cell->arms,
                      offsetof(report_arm, precision)};
}

/* Multiply-adds grow with the tokens, and little beside: another number for each is another model.
 */
static bool is_other_model(const report_cell *a, const report_cell *b)
{
    double x = a->flops / a->tokens[0], y = b->flops / b->tokens[0];
    return fabs(x - y) > 0.25 * x ||
           (!bench_differ(a->tokens[0], b->tokens[0]) && bench_differ(x, y));
}

/* Tokens and floors of the precisions that `cell` gets from `other`, and floors that it does not
 * know. Whether those tokens are others. */
static bool take_work(report_cell *cell, const arm_list *arms, const report_cell *other,
                      const arm_list *others)
{
    bool unlike = false;
    for (int i = 0; i < REPORT_PRECISIONS; i++) {
        const char *name = report_precisions[i];
        bool joins = has_precision(others, name) && !has_precision(arms, name);
        if (isnan(cell->floor[i]) || (joins && !isnan(other->floor[i])))
            cell->floor[i] = other->floor[i];
        if (!joins)
            continue;
        unlike |= bench_differ(other->tokens[i], cell->tokens[i]) ||
                  bench_differ(other->padded[i], cell->padded[i]);
        cell->tokens[i] = isnan(other->tokens[i]) ? cell->tokens[i] : other->tokens[i];
        cell->padded[i] = isnan(other->padded[i]) ? cell->padded[i] : other->padded[i];
    }
    return unlike;
}

/* Of two records of a cell the later one counts, but one that is whole before a part; arms of
 * precisions that only the other one has are kept. With a head a model is another one: if both are
 * there, what ran without counts alone; and so does the later one of two models. */
static mica_status join_cells(report_results *r, report_run *run, report_cell *before,
                              const report_cell *later, mica_error *err)
{
    if (before->heads != later->heads) {
        run->replaced += !before->part && !later->part;
        *before = later->heads ? *before : *later;
        return MICA_OK;
    }
    if (is_other_model(before, later)) {
        run->other_models++;
        *before = *later;
        return MICA_OK;
    }
    bool stays = later->part && !before->part;
    report_cell cell = stays ? *before : *later;
    const report_cell *other = stays ? later : before;
    arm_list arms = arms_of(&cell), others = arms_of(other);
    size_t joined;
    bool unlike = take_work(&cell, &arms, other, &others);
    mica_status status = join(&r->pool, &arms, &others, cell.name, &joined, err);
    if (status)
        return status;
    run->other_texts += unlike;
    run->replaced += !before->part && !later->part && joined < before->arm_count;
    cell.arms = arms.arms;
    cell.arm_count = arms.count;
    if (joined) {
        cell.probe_low = fmin(cell.probe_low, other->probe_low);
        cell.probe_high = fmax(cell.probe_high, other->probe_high);
        cell.disturbed += other->disturbed > 0 ? other->disturbed : 0;
    }
    *before = cell;
    return MICA_OK;
}

/* By length, those of mixed lengths last, then by batch: whichever file has them. */
static bool goes_after(const report_cell *a, const report_cell *b)
{
    double x = strcmp(a->length, "mixed") == 0 ? INFINITY : strtod(a->length, NULL);
    double y = strcmp(b->length, "mixed") == 0 ? INFINITY : strtod(b->length, NULL);
    return x > y || (x == y && a->batch > b->batch);
}

/* Where a cell that is not there yet goes: cells of a model stand together and in order. */
static size_t place_of(const report_cell *cells, size_t count, const report_cell *cell)
{
    size_t at = count;
    while (at > 0 && strcmp(cells[at - 1].group, cell->group) != 0)
        at--;
    if (cell->batch == 0 || at == 0) /* operations have the order of their file */
        return count;
    while (at > 0 && strcmp(cells[at - 1].group, cell->group) == 0 &&
           goes_after(&cells[at - 1], cell))
        at--;
    return at;
}

static mica_status put_cell(report_results *r, report_run *run, const report_cell *cell,
                            report_cell **cells, size_t *count, size_t *room, mica_error *err)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*cells)[i].name, cell->name) == 0)
            return join_cells(r, run, &(*cells)[i], cell, err);
    report_cell *larger = one_more(r, *cells, *count, room, sizeof *larger, err);
    if (!larger)
        return err->status;
    size_t at = place_of(larger, *count, cell);
    memmove(larger + at + 1, larger + at, (*count - at) * sizeof *larger);
    larger[at] = *cell;
    *cells = larger;
    ++*count;
    return MICA_OK;
}

static mica_status read_case(report_results *r, report_run *run, const mica_json_value *v,
                             const char *where, mica_error *err)
{
    report_cell cell = {.name = text_of(&r->pool, v, "case"),
                        .group = text_of(&r->pool, v, "op"),
                        .set = text_of(&r->pool, v, "group"),
                        .length = "",
                        .paper = flag_of(v, "paper"),
                        .flops = positive_of(v, "flops"),
                        .bytes = positive_of(v, "bytes"),
                        .probe_low = NAN,
                        .probe_high = NAN};
    if (!cell.name[0])
        return mica_fail(err, MICA_STATUS_FORMAT, "%.300s has no \"case\"", where);
    cell.label = cell.name;
    if (!cell.set[0] || cell.paper)
        cell.set = cell.paper ? "paper" : "encoders";
    if (!cell.group[0])
        cell.group = report_print(&r->pool, "%.*s", (int)strcspn(cell.name, " "), cell.name);
    double compute = cell.flops / run->flops, memory = cell.bytes / positive_of(v, "bandwidth");
    cell.floor[REPORT_FP32] = compute > memory || isnan(memory) ? compute : memory;
    cell.floor[REPORT_BF16] = cell.floor[REPORT_INT8] = NAN;
    mica_status status = read_arms(&r->pool, v, where, &cell, err);
    return status ? status : put_cell(r, run, &cell, &r->ops, &r->op_count, &r->op_room, err);
}

static mica_status read_cell(report_results *r, report_run *run, const mica_json_value *v,
                             bool part, const char *where, mica_error *err)
{
    const mica_json_value *length = mica_json_get(v, "length"), *floors = mica_json_get(v, "floor");
    const mica_json_value *disturbed = mica_json_get(v, "disturbed");
    report_cell cell = {.group = text_of(&r->pool, v, "model"),
                        .length = value_text(&r->pool, length),
                        .set = "",
                        .paper = true,
                        .part = part,
                        .heads = run->as_published,
                        .flops = positive_of(v, "flops"),
                        .sequences = positive_of(v, "sequences"),
                        .tokenize = positive_of(v, "tokenize_seconds"),
                        .truncated = bench_number(v, "truncated_texts", NAN),
                        .different = bench_number(v, "different_texts", NAN),
                        .disturbed = bench_number(v, "disturbed", NAN),
                        .probe_low = NAN,
                        .probe_high = NAN};
    if (!cell.group[0] || !length || !mica_json_int64(mica_json_get(v, "batch"), &cell.batch) ||
        cell.batch < 1)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "%.300s: a cell has a \"model\", a \"length\" and a \"batch\" of 1 or "
                         "more",
                         where);
    cell.name = report_print(&r->pool, "%s / inputs-char-no=%s / batch-size=%lld", cell.group,
                             cell.length, (long long)cell.batch);
    cell.label = report_print(&r->pool, "%s, %lld text%s of %s %s", cell.group,
                              (long long)cell.batch, cell.batch == 1 ? "" : "s", cell.length,
                              strcmp(cell.length, "mixed") == 0 ? "lengths" : "characters");
    for (int i = 0; i < REPORT_PRECISIONS; i++) {
        cell.floor[i] = positive_of(floors, report_precisions[i]);
        cell.tokens[i] = positive_of(v, "tokens");
        cell.padded[i] = positive_of(v, "padded_tokens");
    }
    if (mica_json_get_type(disturbed) == MICA_JSON_ARRAY)
        cell.disturbed = (double)mica_json_count(disturbed);
    for (const mica_json_value *p = mica_json_first(mica_json_get(v, "probes")); p;
         p = mica_json_next(p)) {
        const double both[] = {positive_of(p, "before"), positive_of(p, "after")};
        for (int i = 0; i < 2; i++) {
            cell.probe_low = fmin(cell.probe_low, both[i]);
            cell.probe_high = fmax(cell.probe_high, both[i]);
        }
    }
    mica_status status = read_arms(&r->pool, v, where, &cell, err);
    return status ? status
                  : put_cell(r, run, &cell, &r->models, &r->cell_count, &r->cell_room, err);
}

static arm_list loading_of(const report_model *m)
{
    return (arm_list){m->arms, m->arm_count, sizeof *m->arms, offsetof(report_loading, precision)};
}

/* As cells are joined. */
static mica_status join_models(report_results *r, report_model *before, const report_model *later,
                               mica_error *err)
{
    if (before->heads != later->heads || bench_differ(before->parameters, later->parameters)) {
        *before = later->heads && !before->heads ? *before : *later;
        return MICA_OK;
    }
    bool stays = later->part && !before->part;
    report_model m = stays ? *before : *later;
    arm_list arms = loading_of(&m), others = loading_of(stays ? later : before);
    size_t joined;
    mica_status status = join(&r->pool, &arms, &others, m.name, &joined, err);
    m.arms = arms.arms;
    m.arm_count = arms.count;
    if (!status)
        *before = m;
    return status;
}

static mica_status put_model(report_results *r, const report_model *m, mica_error *err)
{
    for (size_t i = 0; i < r->loaded_count; i++)
        if (strcmp(r->loaded[i].name, m->name) == 0)
            return join_models(r, &r->loaded[i], m, err);
    report_model *larger =
        one_more(r, r->loaded, r->loaded_count, &r->loaded_room, sizeof *larger, err);
    if (!larger)
        return err->status;
    r->loaded = larger;
    larger[r->loaded_count++] = *m;
    return MICA_OK;
}

static mica_status read_model(report_results *r, const report_run *run, const mica_json_value *v,
                              bool part, const char *where, mica_error *err)
{
    report_pool *pool = &r->pool;
    const mica_json_value *arms = mica_json_get(v, "arms"),
                          *bytes = mica_json_get(v, "weight_bytes");
    report_model m = {.name = text_of(pool, v, "model"),
                      .source = text_of(pool, v, "source"),
                      .family = text_of(pool, v, "family"),
                      .tokenizer = text_of(pool, v, "tokenizer"),
                      .head = text_of(pool, v, "head"),
                      .part = part,
                      .heads = run->as_published,
                      .seed = bench_number(v, "seed", NAN),
                      .layers = positive_of(v, "layers"),
                      .hidden = positive_of(v, "hidden"),
                      .parameters = positive_of(v, "parameters")};
    if (!m.name[0])
        return mica_fail(err, MICA_STATUS_FORMAT, "%.300s has no \"model\"", where);
    for (int i = 0; i < REPORT_PRECISIONS; i++)
        m.weights[i] = positive_of(bytes, report_precisions[i]);
    if (mica_json_count(arms) > ARMS_MAX)
        return mica_fail(err, MICA_STATUS_FORMAT, "%.300s has more than %d arms", where, ARMS_MAX);
    m.arms = report_alloc(pool, mica_json_count(arms) + 1, sizeof *m.arms);
    for (const mica_json_value *a = mica_json_first(arms); a && m.arms; a = mica_json_next(a)) {
        report_loading *l = &m.arms[m.arm_count++];
        *l = (report_loading){.name = text_of(pool, a, "arm"),
                              .precision = text_of(pool, a, "precision"),
                              .way = text_of(pool, a, "way"),
                              .kernels = value_text(pool, mica_json_get(a, "kernels")),
                              .reason = text_of(pool, a, "reason"),
                              .load = positive_of(a, "load_seconds"),
                              .compile = positive_of(a, "compile_seconds"),
                              .resident = positive_of(a, "peak_resident_bytes"),
                              .device = positive_of(a, "peak_device_bytes"),
                              .as_published = flag_of(a, "as_published")};
        if (!l->name[0] || !state_of(a, &l->state))
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "%.300s: arm '%.100s' has no name, or its state is none of ok, "
                             "wrong, absent, failed and not run",
                             where, l->name);
    }
    return put_model(r, &m, err);
}

/* The last reason counts. */
static mica_status read_failure(report_results *r, const mica_json_value *v, const char *where,
                                mica_error *err)
{
    report_failure f = {text_of(&r->pool, v, "model"), text_of(&r->pool, v, "reason")};
    if (!f.model[0])
        return mica_fail(err, MICA_STATUS_FORMAT, "%.300s has no \"model\"", where);
    for (size_t i = 0; i < r->failure_count; i++)
        if (strcmp(r->failures[i].model, f.model) == 0) {
            r->failures[i] = f;
            return MICA_OK;
        }
    report_failure *larger =
        one_more(r, r->failures, r->failure_count, &r->failure_room, sizeof *larger, err);
    if (!larger)
        return err->status;
    r->failures = larger;
    larger[r->failure_count++] = f;
    return MICA_OK;
}

static mica_status read_accuracy(report_results *r, const mica_json_value *v, const char *where,
                                 mica_error *err)
{
    report_pool *pool = &r->pool;
    report_accuracy a = {.model = text_of(pool, v, "model"),
                         .arm = text_of(pool, v, "arm"),
                         .precision = text_of(pool, v, "precision"),
                         .reason = text_of(pool, v, "reason"),
                         .state = BENCH_OK,
                         .texts = positive_of(v, "texts"),
                         .mean = bench_number(v, "cosine_mean", NAN),
                         .least = bench_number(v, "cosine_least", NAN)};
    state_of(v, &a.state); /* without one it is OK */
    if (!a.model[0] || !a.arm[0])
        return mica_fail(err, MICA_STATUS_FORMAT, "%.300s has no \"model\" and \"arm\"", where);
    for (size_t i = 0; i < r->accuracy_count; i++)
        if (strcmp(r->accuracy[i].model, a.model) == 0 && strcmp(r->accuracy[i].arm, a.arm) == 0) {
            r->accuracy[i] = a;
            return MICA_OK;
        }
    report_accuracy *larger =
        one_more(r, r->accuracy, r->accuracy_count, &r->accuracy_room, sizeof *larger, err);
    if (!larger)
        return err->status;
    r->accuracy = larger;
    larger[r->accuracy_count++] = a;
    return MICA_OK;
}

/* An arm, {"value": seconds}, or {"ratio": times}. */
static mica_status read_figure(report_pool *pool, const mica_json_value *v, const char *where,
                               report_arm *arm, mica_error *err)
{
    double value = positive_of(v, mica_json_get(v, "ratio") ? "ratio" : "value");
    if (mica_json_string(mica_json_get(v, "state"), NULL))
        return read_arm(pool, v, where, arm, err);
    memset(arm, 0, sizeof *arm);
    arm->name = arm->framework = arm->precision = arm->reason = arm->suspect = "";
    arm->state = value > 1e-12 && value < 1e9 ? BENCH_OK : BENCH_FAILED;
    arm->samples = report_alloc(pool, 1, sizeof *arm->samples);
    if (!arm->samples)
        return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    arm->samples[0] = value;
    arm->n = 1;
    arm->time = (bench_interval){value, value, value, 0};
    return MICA_OK;
}

static mica_status read_flaw(report_results *r, const mica_json_value *v, const char *where,
                             mica_error *err)
{
    report_pool *pool = &r->pool;
    report_flaw f = {.name = text_of(pool, v, "flaw"),
                     .where = text_of(pool, v, "case"),
                     .arm = text_of(pool, v, "arm"),
                     .says = text_of(pool, v, "says"),
                     .caught = text_of(pool, v, "caught"),
                     .ratio = mica_json_get(mica_json_get(v, "flawed"), "ratio") != NULL};
    const char *model = text_of(pool, v, "model"), *cell = text_of(pool, v, "cell");
    if (!f.name[0])
        return mica_fail(err, MICA_STATUS_FORMAT, "%.300s has no \"flaw\"", where);
    if (!f.where[0])
        f.where = strncmp(cell, model, strlen(model)) == 0
                      ? cell
                      : report_print(pool, "%s%s%s", model, cell[0] ? ", " : "", cell);
    mica_status status = read_figure(pool, mica_json_get(v, "honest"), where, &f.honest, err);
    if (!status)
        status = read_figure(pool, mica_json_get(v, "flawed"), where, &f.flawed, err);
    if (status)
        return status;
    report_flaw *larger = one_more(r, r->flaws, r->flaw_count, &r->flaw_room, sizeof *larger, err);
    if (!larger)
        return err->status;
    r->flaws = larger;
    larger[r->flaw_count++] = f;
    return MICA_OK;
}

mica_status report_read_record(report_results *r, report_run *run, const mica_json_value *v,
                               const char *where, mica_error *err)
{
    const char *kind = mica_json_string(mica_json_get(v, "kind"), NULL);
    if (mica_json_get_type(v) != MICA_JSON_OBJECT)
        return mica_fail(err, MICA_STATUS_FORMAT, "%.300s is %s, not an object", where,
                         mica_json_type_name(mica_json_get_type(v)));
    if (mica_json_get(v, "flaw"))
        return read_flaw(r, v, where, err);
    if (strcmp(run->bench, "ops") == 0)
        return read_case(r, run, v, where, err);
    /* "part" and "group" are what a run that goes on has of a cell and of a model. */
    if (kind && (strcmp(kind, "cell") == 0 || strcmp(kind, "part") == 0))
        return read_cell(r, run, v, kind[0] == 'p', where, err);
    if (kind && (strcmp(kind, "model") == 0 || strcmp(kind, "group") == 0))
        return read_model(r, run, v, kind[0] == 'g', where, err);
    if (kind && strcmp(kind, "failed") == 0)
        return read_failure(r, v, where, err);
    if (kind && strcmp(kind, "accuracy") == 0)
        return read_accuracy(r, v, where, err);
    if (!kind)
        return mica_fail(err, MICA_STATUS_FORMAT, "%.300s has no \"kind\"", where);
    return MICA_OK;
}
