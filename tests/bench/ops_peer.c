/* SPDX-License-Identifier: MIT
 *
 * A peer of `mica bench ops` that knows ReLU and Sum over all, by plain loops. What it does beside
 * follows PEER: right, wrong (one element), unasked (no output), fast (more than can be), crash,
 * no.
 */
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

static void check(const char *path, const char *mode)
{
    mica_named_tensor named = {"output", NULL};
    if (strcmp(mode, "unasked") != 0) {
        named.tensor = compute(strcmp(mode, "wrong") == 0);
        if (mica_tensors_save(path, &named, 1, NULL))
            stop("cannot write");
        mica_tensor_release(&named.tensor);
    }
    printf("{\"ok\": true, \"way\": \"loops\"}\n");
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

static void prepare(const mica_json_value *request)
{
    mica_tensor_file *file = NULL;
    const char *path = mica_json_string(mica_json_get(request, "inputs"), NULL);
    const char *name = mica_json_string(mica_json_get(request, "op"), NULL);
    snprintf(op, sizeof op, "%s", name ? name : "");
    mica_tensor_release(&input);
    if (!path || mica_tensor_file_open(path, &file, NULL) ||
        mica_tensor_file_get(file, "a", &input, NULL))
        stop("no inputs");
    mica_tensor_file_close(&file);
    printf("{\"ok\": true}\n");
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
    printf("{\"ok\": true, \"name\": \"loops\", \"versions\": {\"loops\": \"1.0\"}}\n");
    while (fflush(stdout) == 0 && fgets(line, sizeof line, stdin)) {
        mica_json *json = NULL;
        if (mica_json_parse(line, strlen(line), "request", &json, NULL))
            stop("no JSON");
        const mica_json_value *request = mica_json_root(json);
        const char *what = mica_json_string(mica_json_get(request, "do"), NULL);
        if (what && strcmp(what, "prepare") == 0) {
            prepare(request);
        } else if (what && strcmp(what, "check") == 0) {
            check(mica_json_string(mica_json_get(request, "output"), NULL), mode);
        } else if (what && strcmp(what, "time") == 0) {
            if (strcmp(mode, "crash") == 0 && ++timed > 2)
                exit(3);
            int64_t runs = 1;
            mica_json_int64(mica_json_get(request, "runs"), &runs);
            printf("{\"ok\": true, \"seconds\": %.12f}\n",
                   strcmp(mode, "fast") == 0 ? 1e-9 : time_runs(runs));
        } else {
            mica_json_destroy(&json);
            break;
        }
        mica_json_destroy(&json);
    }
    mica_tensor_release(&input);
    return 0;
}
