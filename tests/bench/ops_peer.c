/* SPDX-License-Identifier: MIT
 *
 * A peer of `mica bench ops` that knows ReLU and Sum over all, by plain loops, and of Concat what
 * is asked for: single elements. What it does beside follows PEER: right, wrong (one element),
 * unasked (no output), short (an element too few), fast (more than can be), slow (it says that it
 * takes half a second), modest
 * (it takes half a second more than it says), rude (its words have control characters), crash, no.
 * Its flaw new_memory computes one element; it has no other.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mica/json.h"
#include "mica/tensor.h"

static mica_tensor *input;
static char op[64];

static void stop(const char *what)
{
    fprintf(stderr, "ops_peer: %s\n", what);
    exit(1);
}

static mica_tensor *compute(bool wrong)
{
    mica_tensor *out = NULL;
    bool all = strcmp(op, "sum_all") == 0;
    if (mica_tensor_create(MICA_DTYPE_F32, all ? 0 : mica_tensor_rank(input),
                           mica_tensor_dims(input), &out, NULL))
        stop("no memory");
    const float *x = mica_tensor_data(input);
    float *y = mica_tensor_data_mut(out);
    size_t n = (size_t)mica_tensor_count(input);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i];
        if (!all)
            y[i] = x[i] > 0 ? x[i] : 0;
    }
    if (all)
        y[0] = (float)sum;
    y[0] += wrong ? 0.5f + y[0] : 0;
    return out;
}

static mica_tensor *open_tensor(const char *path, const char *name)
{
    mica_tensor_file *file = NULL;
    mica_tensor *tensor = NULL;
    if (path && !mica_tensor_file_open(path, &file, NULL))
        mica_tensor_file_get(file, name, &tensor, NULL);
    mica_tensor_file_close(&file);
    return tensor;
}

/* Elements of ReLU. */
static mica_tensor *pick(const char *path, const char *mode)
{
    mica_tensor *at = open_tensor(path, "at"), *out = NULL;
    if (!at)
        stop("no positions");
    int64_t count = mica_tensor_count(at) - (strcmp(mode, "short") == 0);
    const int64_t *positions = mica_tensor_data(at);
    const float *x = mica_tensor_data(input);
    if (mica_tensor_create(MICA_DTYPE_F32, 1, &count, &out, NULL))
        stop("no memory");
    float *y = mica_tensor_data_mut(out);
    for (int64_t i = 0; i < count; i++)
        y[i] = x[positions[i]] > 0 ? x[positions[i]] : 0;
    y[0] += strcmp(mode, "wrong") == 0;
    mica_tensor_release(&at);
    return out;
}

static void check(const mica_json_value *request, const char *mode)
{
    mica_named_tensor named = {"output", NULL};
    const char *path = mica_json_string(mica_json_get(request, "output"), NULL);
    const char *at = mica_json_string(mica_json_get(request, "at"), NULL);
    if (strcmp(mode, "unasked") != 0) {
        named.tensor = at ? pick(at, mode) : compute(strcmp(mode, "wrong") == 0);
        if (mica_tensors_save(path, &named, 1, NULL))
            stop("cannot write");
        mica_tensor_release(&named.tensor);
    }
    printf("{\"ok\": true, \"way\": \"loops%s\", \"shape\": [",
           strcmp(mode, "rude") == 0 ? "\\u001b[2J\\n" : "");
    for (int i = 0; i < mica_tensor_rank(input); i++)
        printf("%s%lld", i ? ", " : "", (long long)mica_tensor_dim(input, i));
    printf("]}\n");
}

static double time_runs(int64_t runs)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int64_t i = 0; i < runs; i++) {
        mica_tensor *result = compute(false);
        mica_tensor_release(&result);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

static void answer_time(const mica_json_value *request, const char *mode)
{
    int64_t runs = 1;
    mica_json_int64(mica_json_get(request, "runs"), &runs);
    double seconds = 1e-9;
    if (strcmp(mode, "fast") != 0)
        seconds = time_runs(runs);
    if (strcmp(mode, "slow") == 0) {
        nanosleep(&(struct timespec){0, 500000000}, NULL);
        seconds = 0.5;
    }
    if (strcmp(mode, "modest") == 0)
        nanosleep(&(struct timespec){0, 500000000}, NULL);
    printf("{\"ok\": true, \"seconds\": %.12f}\n", seconds);
}

static void prepare(const mica_json_value *request)
{
    const char *path = mica_json_string(mica_json_get(request, "inputs"), NULL);
    const char *name = mica_json_string(mica_json_get(request, "op"), NULL);
    snprintf(op, sizeof op, "%s", name ? name : "");
    mica_tensor_release(&input);
    input = open_tensor(path, "a");
    if (!input)
        stop("no inputs");
    printf("{\"ok\": true}\n");
}

/* A flaw: timed as everything is, and its output is wrong. */
static void answer_flaw(const mica_json_value *request, const char *mode)
{
    const char *name = mica_json_string(mica_json_get(request, "name"), NULL);
    if (!name || strcmp(name, "new_memory") != 0)
        printf("{\"ok\": false, \"error\": \"no such\\nflaw here\"}\n");
    else if (mica_json_get(request, "output"))
        check(request, "wrong");
    else
        answer_time(request, mode);
}

int main(void)
{
    const char *mode = getenv("PEER");
    char line[8192];
    int timed = 0;
    if (!mode || strcmp(mode, "no") == 0) {
        printf("{\"ok\": false, \"absent\": true, \"error\": \"no module of that name\"}\n");
        return 0;
    }
    printf("{\"ok\": true, \"name\": \"loops\", \"versions\": {\"loops\": \"1.0%s\"}, "
           "\"settings\": {\"mode\": \"test\"}}\n",
           strcmp(mode, "rude") == 0 ? "\\u009b31m" : "");
    while (fflush(stdout) == 0 && fgets(line, sizeof line, stdin)) {
        mica_json *json = NULL;
        if (mica_json_parse(line, strlen(line), "request", &json, NULL))
            stop("no JSON");
        const mica_json_value *request = mica_json_root(json);
        const char *what = mica_json_string(mica_json_get(request, "do"), NULL);
        if (what && strcmp(what, "prepare") == 0) {
            prepare(request);
        } else if (what && strcmp(what, "rest") == 0) {
            printf("{\"ok\": true}\n");
        } else if (what && strcmp(what, "check") == 0) {
            check(request, mode);
        } else if (what && strcmp(what, "flaw") == 0) {
            answer_flaw(request, mode);
        } else if (what && strcmp(what, "time") == 0) {
            if (strcmp(mode, "crash") == 0 && ++timed > 2)
                exit(3);
            answer_time(request, mode);
        } else {
            mica_json_destroy(&json);
            break;
        }
        mica_json_destroy(&json);
    }
    mica_tensor_release(&input);
    return 0;
}
