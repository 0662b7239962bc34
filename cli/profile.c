/* SPDX-License-Identifier: MIT */
#include "profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/stats.h"
#include "bench/util.h"

mica_status profile_create(size_t runs, profile **out, mica_error *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return bench_fail_memory(err, "a profile");
    (*out)->runs = runs;
    (*out)->program_seconds = calloc(runs, sizeof *(*out)->program_seconds);
    if ((*out)->program_seconds)
        return MICA_OK;
    profile_destroy(out);
    return bench_fail_memory(err, "a profile");
}

void profile_destroy(profile **out)
{
    profile *p = *out;
    *out = NULL;
    for (size_t i = 0; p && i < p->count; i++)
        free(p->steps[i].seconds);
    if (p) {
        free(p->steps);
        free(p->program_seconds);
    }
    free(p);
}

/* ---- names ---- */

/* The bytes of a name that are its layer: up to the end of the first part that is a number, else
 * the first part. */
static size_t layer_size(const char *name, bool *numbered)
{
    size_t first = strcspn(name, ".");
    *numbered = false;
    for (size_t at = 0; name[at];) {
        size_t size = strcspn(name + at, "."), digits = strspn(name + at, "0123456789");
        if (size > 0 && digits == size) {
            *numbered = true;
            return at + size;
        }
        at += size + (name[at + size] == '.');
    }
    return first;
}

static void append(char *text, size_t size, const char *more, size_t count)
{
    size_t used = strlen(text), room = size - used - 1;
    if (count > room)
        count = room;
    memcpy(text + used, more, count);
    text[used + count] = 0;
}

/* The module of a weight: without ".weight" or ".bias". */
static size_t module_size(const char *name)
{
    const char *dot = strrchr(name, '.');
    bool last = dot && (strcmp(dot, ".weight") == 0 || strcmp(dot, ".bias") == 0);
    return last ? (size_t)(dot - name) : strlen(name);
}

/* Adds the module of a weight to the step's name: the first one whole, of others what is not said
 * already: "attention.self.query", then "+key" and "+value". */
static void add_module(profile_step *step, const char *name)
{
    bool numbered;
    size_t layer = layer_size(name, &numbered), size = module_size(name), shared = 0;
    size_t begin = numbered && layer < size ? layer + 1 : 0; /* the same for all layers */
    char module[160] = "";
    if (step->own_layer < 1u + numbered) {
        step->layer[0] = 0;
        append(step->layer, sizeof step->layer, name, layer);
        step->own_layer = 1u + numbered;
    }
    append(module, sizeof module, name + begin, size - begin);
    for (size_t i = 0; step->name[0] && module[i] && module[i] == step->name[i]; i++)
        shared = module[i] == '.' ? i + 1 : shared;
    if (step->name[0])
        append(step->name, sizeof step->name, "+", 1);
    append(step->name, sizeof step->name, module + shared, strlen(module + shared));
}

static void name_step(profile_step *step, const mica_executor *executor, size_t i)
{
    const char *before = NULL;
    for (size_t k = 0; k < step->work.inputs; k++) {
        const char *name = mica_executor_weight_name(executor, i, k);
        if (!name || (before && module_size(before) == module_size(name) &&
                      strncmp(before, name, module_size(name)) == 0))
            continue;
        add_module(step, name);
        before = name;
    }
}

/* The nearest step on one side that has a layer of its own: of at least this kind. */
static const profile_step *neighbour(const profile *p, size_t i, int direction, size_t kind)
{
    while ((direction > 0 || i > 0) && (direction < 0 || i + 1 < p->count)) {
        i = direction > 0 ? i + 1 : i - 1;
        if (p->steps[i].own_layer >= kind)
            return &p->steps[i];
    }
    return NULL;
}

/* Gives steps that have no numbered layer the one around them. */
static void find_layers(profile *p)
{
    for (size_t i = 0; i < p->count; i++) {
        profile_step *step = &p->steps[i];
        for (size_t kind = 2; kind > step->own_layer; kind--) {
            const profile_step *a = neighbour(p, i, -1, kind), *b = neighbour(p, i, 1, kind);
            if (!a || !b || strcmp(a->layer, b->layer) != 0)
                continue;
            snprintf(step->layer, sizeof step->layer, "%s", a->layer);
            break;
        }
        if (!step->layer[0])
            snprintf(step->layer, sizeof step->layer, "%s", mica_op_name(step->work.op));
    }
}

/* ---- collecting ---- */

static void learn(profile *p, const mica_executor *executor, size_t i)
{
    if (p->count == p->room) {
        size_t room = p->room ? p->room * 2 : 256;
        profile_step *steps = realloc(p->steps, room * sizeof *steps);
        if (!steps) {
            p->failed = true;
            return;
        }
        p->steps = steps;
        p->room = room;
    }
    profile_step *step = &p->steps[p->count];
    memset(step, 0, sizeof *step);
    step->seconds = calloc(p->runs, sizeof *step->seconds);
    if (!step->seconds || !mica_executor_get_step(executor, i, &step->work)) {
        free(step->seconds);
        p->failed = true;
        return;
    }
    name_step(step, executor, i);
    p->count++;
}

void profile_look(void *user, const mica_executor *executor)
{
    profile *p = user;
    mica_run_profile run;
    mica_step_profile work;
    if (!mica_executor_get_run(executor, &run)) {
        p->failed = true;
        return;
    }
    for (size_t i = 0; i < run.steps && !p->failed && !p->known; i++)
        learn(p, executor, i);
    if (!p->known) {
        p->programs++;
        if (run.value_bytes + run.scratch_bytes > p->value_bytes + p->scratch_bytes) {
            p->value_bytes = run.value_bytes;
            p->scratch_bytes = run.scratch_bytes;
        }
        return;
    }
    for (size_t i = 0; i < run.steps && p->run < p->runs && !p->failed; i++) {
        p->failed = p->at >= p->count || !mica_executor_get_step(executor, i, &work) ||
                    work.op != p->steps[p->at].work.op;
        if (!p->failed)
            p->steps[p->at++].seconds[p->run] = (double)work.ns * 1e-9;
    }
    if (p->run < p->runs)
        p->program_seconds[p->run] += (double)run.ns * 1e-9;
}

bool profile_end_call(profile *p)
{
    if (!p->known)
        find_layers(p);
    else
        p->failed = p->failed || p->at != p->count;
    p->run += p->known;
    p->known = true;
    p->at = 0;
    return !p->failed && p->count > 0;
}

/* ---- sums ---- */

double profile_median(double *seconds, size_t n)
{
    return bench_summarize(seconds, n).median;
}

double profile_floor(const mica_step_profile *work, const profile_peaks *peaks)
{
    double rate = peaks->flops[work->precision];
    if (work->flops > 0 && !(rate > 0))
        return 0;
    double arithmetic = rate > 0 ? work->flops / rate : 0;
    double weights = peaks->read > 0 ? work->weight_bytes / peaks->read : 0;
    return arithmetic > weights ? arithmetic : weights;
}

const char *profile_part(mica_op op)
{
    switch ((int)op) {
    case MICA_OP_LINEAR:
    case MICA_OP_FUSED_LINEAR:
    case MICA_OP_LINEAR_ADD_LAYER_NORM:
    case MICA_OP_MATMUL:
    case MICA_OP_CONV1D:
    case MICA_OP_CONV2D:
        return "products";
    case MICA_OP_ATTENTION:
    case MICA_OP_RELATIVE_ATTENTION:
    case MICA_OP_SCALED_DOT_PRODUCT_ATTENTION:
        return "attention";
    default:
        return "rest";
    }
}

bool profile_same_layer(const profile_step *a, const profile_step *b)
{
    return strcmp(a->layer, b->layer) == 0;
}

bool profile_same_kernel(const profile_step *a, const profile_step *b)
{
    return a->work.op == b->work.op && a->work.activation == b->work.activation &&
           strcmp(a->name, b->name) == 0;
}

bool profile_same_part(const profile_step *a, const profile_step *b)
{
    return strcmp(profile_part(a->work.op), profile_part(b->work.op)) == 0;
}

static bool same_shape(const mica_step_profile *a, const mica_step_profile *b)
{
    return a->rows == b->rows && a->columns == b->columns && a->depth == b->depth;
}

/* `sums` has room for a number of each call. */
static void add_up(const profile *p, profile_group *g, profile_same same,
                   const profile_peaks *peaks, double *sums)
{
    g->one_shape = true;
    for (size_t r = 0; r < p->runs; r++)
        sums[r] = 0;
    for (const profile_step *s = g->first; s < p->steps + p->count; s++) {
        if (!same(g->first, s))
            continue;
        g->steps++;
        g->flops += s->work.flops;
        g->bytes += s->work.bytes;
        g->weight_bytes += s->work.weight_bytes;
        g->regions += s->work.regions;
        g->floor += profile_floor(&s->work, peaks);
        g->one_shape = g->one_shape && same_shape(&g->first->work, &s->work);
        for (size_t r = 0; r < p->runs; r++)
            sums[r] += s->seconds[r];
    }
    g->seconds = profile_median(sums, p->runs);
}

profile_group *profile_groups(const profile *p, profile_same same, const profile_peaks *peaks,
                              size_t *count)
{
    profile_group *groups = calloc(p->count + 1, sizeof *groups);
    double *sums = calloc(p->runs, sizeof *sums);
    *count = 0;
    for (size_t i = 0; groups && sums && i < p->count; i++) {
        size_t k = 0;
        while (k < *count && !same(groups[k].first, &p->steps[i]))
            k++;
        if (k < *count)
            continue;
        groups[k].first = &p->steps[i];
        add_up(p, &groups[(*count)++], same, peaks, sums);
    }
    if (!sums) {
        free(groups);
        groups = NULL;
    }
    free(sums);
    return groups;
}
