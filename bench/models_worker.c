/* SPDX-License-Identifier: MIT */
#include "models_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "mica/forward.h"
#include "mica/mica.h"
#include "util.h"

static const char *const arms[][2] = {
    {"mica fp32", "fp32"}, {"mica bf16", "bf16"}, {"mica int8", "int8"}};

/* A batch: padding is dropped by the mask. */
typedef struct batch {
    char path[4096];
    int32_t *ids;
    mica_sequence *sequences;
    size_t count, longest;
    int64_t *rows;
    size_t row_count;
} batch;

typedef struct worker {
    mica_context *context;
    mica_model *model;
    mica_session *session;
    bool head;
    batch batch;
    mica_json_writer *writer;
} worker;

/* ---- answers ---- */

static bool put(worker *w)
{
    const char *text;
    mica_error err;
    mica_json_end_object(w->writer);
    bool fine = mica_json_writer_text(w->writer, &text, NULL, &err) == MICA_OK &&
                printf("%s\n", text) > 0 && fflush(stdout) == 0;
    mica_json_writer_reset(w->writer);
    return fine;
}

static void begin(worker *w, bool ok)
{
    mica_json_begin_object(w->writer);
    bench_write_bool(w->writer, "ok", ok);
}

static bool refuse(worker *w, const char *why)
{
    begin(w, false);
    mica_json_write_member(w->writer, "error", why);
    return put(w);
}

static bool hello(worker *w)
{
    mica_context *context = NULL;
    mica_context_info info = {0};
    if (!mica_context_create(NULL, &context, NULL))
        mica_context_get_info(context, &info);
    begin(w, true);
    mica_json_write_member(w->writer, "name", "mica");
    mica_json_write_key(w->writer, "versions");
    mica_json_begin_object(w->writer);
    mica_json_write_member(w->writer, "mica", mica_version());
    mica_json_end_object(w->writer);
    mica_json_write_key(w->writer, "settings");
    mica_json_begin_object(w->writer);
    mica_json_write_member(w->writer, "kernels", info.kernels);
    mica_json_write_member(w->writer, "bf16", info.bf16);
    mica_json_write_member(w->writer, "int8", info.int8);
    mica_json_end_object(w->writer);
    mica_json_write_key(w->writer, "arms");
    mica_json_begin_array(w->writer);
    for (size_t i = 0; i < sizeof arms / sizeof *arms; i++) {
        mica_json_begin_object(w->writer);
        mica_json_write_member(w->writer, "arm", arms[i][0]);
        mica_json_write_member(w->writer, "precision", arms[i][1]);
        mica_json_write_member(w->writer, "config", "default");
        mica_json_write_member(w->writer, "device", "cpu");
        bench_write_bool(w->writer, "as_published", false);
        mica_json_end_object(w->writer);
    }
    mica_json_end_array(w->writer);
    mica_context_destroy(&context);
    return put(w);
}

/* ---- loading ---- */

static void forget(batch *b)
{
    free(b->ids);
    free(b->sequences);
    free(b->rows);
    memset(b, 0, sizeof *b);
}

static void unload(worker *w)
{
    forget(&w->batch);
    mica_session_destroy(&w->session);
    mica_model_destroy(&w->model);
    mica_context_destroy(&w->context);
}

static mica_status load_model(worker *w, const mica_json_value *request, mica_error *err)
{
    static const mica_precision precisions[] = {MICA_PRECISION_F32, MICA_PRECISION_BF16,
                                                MICA_PRECISION_INT8};
    const char *arm = bench_text(request, "arm");
    mica_context_options context;
    mica_model_options model;
    size_t which = 0, count = sizeof arms / sizeof *arms;
    while (which < count && strcmp(arm, arms[which][0]) != 0)
        which++;
    if (which == count)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "there is no arm '%.60s'", arm);
    mica_context_options_defaults(&context);
    context.threads = (size_t)bench_number(request, "threads", 0);
    mica_model_options_defaults(&model);
    model.precision = precisions[which];
    model.packed_cache = false; /* what an earlier run kept is no time of loading */
    w->head = strcmp(bench_text(request, "head"), "masked-lm") == 0;
    mica_status status = mica_context_create(&context, &w->context, err);
    if (!status)
        status =
            mica_model_open_with(w->context, bench_text(request, "model"), &model, &w->model, err);
    if (!status && w->head && mica_model_head(w->model) != MICA_HEAD_MASKED_LM)
        status = mica_fail(err, MICA_STATUS_UNSUPPORTED, "the checkpoint has no masked-LM head");
    return status ? status : mica_session_create(w->model, &w->session, err);
}

static bool load(worker *w, const mica_json_value *request)
{
    mica_error err = {0};
    double start = bench_now();
    unload(w);
    if (load_model(w, request, &err)) {
        unload(w);
        return refuse(w, err.message);
    }
    char way[160];
    mica_context_info info;
    mica_context_get_info(w->context, &info);
    const char *precision = bench_text(request, "arm") + strlen("mica ");
    const char *kernels = strcmp(precision, "bf16") == 0   ? info.bf16
                          : strcmp(precision, "int8") == 0 ? info.int8
                                                           : info.kernels;
    snprintf(way, sizeof way, "mica_forward, %s, padding dropped, %zu threads", precision,
             info.threads);
    begin(w, true);
    bench_write_number(w->writer, "load_seconds", bench_now() - start);
    bench_write_number(w->writer, "compile_seconds", 0);
    mica_json_write_member(w->writer, "way", way);
    mica_json_write_member(w->writer, "kernels", kernels);
    return put(w);
}

/* ---- inputs ---- */

static mica_status get_ints(const mica_tensor_file *file, const char *name, int rank,
                            mica_tensor **out, mica_error *err)
{
    mica_status status = mica_tensor_file_get(file, name, out, err);
    if (!status && (mica_tensor_dtype(*out) != MICA_DTYPE_I64 || mica_tensor_rank(*out) != rank)) {
        mica_tensor_release(out);
        status =
            mica_fail(err, MICA_STATUS_SHAPE, "'%s' is no int64 tensor of rank %d", name, rank);
    }
    return status;
}

static mica_status take(batch *b, const mica_tensor *ids, const mica_tensor *mask,
                        const mica_tensor *rows, mica_error *err)
{
    const int64_t *id = mica_tensor_data(ids), *seen = mica_tensor_data(mask);
    b->count = (size_t)mica_tensor_dim(ids, 0);
    b->longest = (size_t)mica_tensor_dim(ids, 1);
    b->row_count = (size_t)mica_tensor_count(rows);
    if (b->longest == 0)
        return mica_fail(err, MICA_STATUS_SHAPE, "the batch is empty");
    if (mica_tensor_count(mask) != mica_tensor_count(ids))
        return mica_fail(err, MICA_STATUS_SHAPE, "the mask has not the shape of the ids");
    b->ids = malloc((b->count * b->longest + 1) * sizeof *b->ids);
    b->sequences = calloc(b->count + 1, sizeof *b->sequences);
    b->rows = malloc((b->row_count + 1) * sizeof *b->rows);
    if (!b->ids || !b->sequences || !b->rows)
        return bench_fail_memory(err, "a batch");
    memcpy(b->rows, mica_tensor_data(rows), b->row_count * sizeof *b->rows);
    for (size_t i = 0; i < b->count; i++) {
        mica_sequence *s = &b->sequences[i];
        s->ids = b->ids + i * b->longest;
        for (; s->count < b->longest && seen[i * b->longest + s->count]; s->count++)
            b->ids[i * b->longest + s->count] = (int32_t)id[i * b->longest + s->count];
    }
    return MICA_OK;
}

/* The batch that the request names, for the model that has been loaded. */
static mica_status read_batch(worker *w, const mica_json_value *request, mica_error *err)
{
    batch *b = &w->batch;
    const char *path = bench_text(request, "inputs");
    mica_tensor_file *file = NULL;
    mica_tensor *ids = NULL, *mask = NULL, *rows = NULL;
    if (!w->session)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "no model");
    if (b->ids && strcmp(b->path, path) == 0)
        return MICA_OK;
    forget(b);
    mica_status status = mica_tensor_file_open(path, &file, err);
    if (!status)
        status = get_ints(file, "input_ids", 2, &ids, err);
    if (!status)
        status = get_ints(file, "attention_mask", 2, &mask, err);
    if (!status)
        status = get_ints(file, "rows", 1, &rows, err);
    if (!status)
        status = take(b, ids, mask, rows, err);
    if (!status)
        snprintf(b->path, sizeof b->path, "%s", path);
    mica_tensor_release(&ids);
    mica_tensor_release(&mask);
    mica_tensor_release(&rows);
    mica_tensor_file_close(&file);
    return status;
}

/* ---- running ---- */

static mica_status forward(worker *w, mica_outputs **out, mica_error *err)
{
    mica_forward_options options;
    mica_forward_options_defaults(&options);
    options.no_logits = !w->head;
    return mica_forward(w->session, w->batch.sequences, w->batch.count, &options, out, err);
}

/* The rows that are asked for, of the flattened output of the batch as it is padded in the file;
 * mica's own is as long as the longest text. */
static mica_status save_rows(const worker *w, const mica_outputs *outputs, const char *path,
                             mica_error *err)
{
    const mica_tensor *all = mica_outputs_find(outputs, w->head ? "logits" : "last_hidden_state");
    const batch *b = &w->batch;
    if (!all || mica_tensor_rank(all) != 3)
        return mica_fail(err, MICA_STATUS_SHAPE, "there is no such output");
    size_t width = (size_t)mica_tensor_dim(all, 2), longest = (size_t)mica_tensor_dim(all, 1);
    mica_named_tensor named = {"output", NULL};
    const float *from = mica_tensor_data(all);
    mica_status status = mica_tensor_create(
        MICA_DTYPE_F32, 2, (const int64_t[]){(int64_t)b->row_count, (int64_t)width}, &named.tensor,
        err);
    for (size_t i = 0; i < b->row_count && !status; i++) {
        size_t row = b->rows[i] < 0 ? SIZE_MAX : (size_t)b->rows[i];
        size_t text = row / b->longest, token = row % b->longest;
        if (text >= b->count || token >= longest)
            status = mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "row %lld is not there",
                               (long long)b->rows[i]);
        else
            memcpy((float *)mica_tensor_data_mut(named.tensor) + i * width,
                   from + (text * longest + token) * width, width * sizeof *from);
    }
    if (!status)
        status = mica_tensors_save(path, &named, 1, err);
    mica_tensor_release(&named.tensor);
    return status;
}

static bool check(worker *w, const mica_json_value *request)
{
    mica_error err = {0};
    mica_outputs *outputs = NULL;
    mica_status status = read_batch(w, request, &err);
    double start = bench_now();
    if (!status)
        status = forward(w, &outputs, &err);
    double seconds = bench_now() - start;
    if (!status)
        status = save_rows(w, outputs, bench_text(request, "output"), &err);
    mica_outputs_destroy(&outputs);
    if (status)
        return refuse(w, err.message);
    begin(w, true);
    bench_write_number(w->writer, "first_seconds", seconds);
    return put(w);
}

static bool time_runs(worker *w, const mica_json_value *request)
{
    mica_error err = {0};
    double runs = bench_number(request, "runs", 1);
    mica_status status = read_batch(w, request, &err);
    double start = bench_now();
    for (double i = 0; i < runs && !status; i++) {
        mica_outputs *outputs = NULL;
        status = forward(w, &outputs, &err);
        mica_outputs_destroy(&outputs);
    }
    double seconds = bench_now() - start;
    if (status)
        return refuse(w, err.message);
    begin(w, true);
    bench_write_number(w->writer, "seconds", seconds);
    return put(w);
}

static bool answer(worker *w, const mica_json_value *request, bool *quit)
{
    const char *what = bench_text(request, "do");
    *quit = strcmp(what, "quit") == 0;
    if (*quit)
        return true;
    if (strcmp(what, "load") == 0)
        return load(w, request);
    if (strcmp(what, "check") == 0)
        return check(w, request);
    if (strcmp(what, "time") == 0)
        return time_runs(w, request);
    return refuse(w, "mica has nothing of that kind");
}

int bench_worker_run(void)
{
    worker w = {0};
    mica_error err = {0};
    char *line = NULL;
    size_t room = 0;
    bool quit = false, fine = mica_json_writer_create(&w.writer, &err) == MICA_OK && hello(&w);
    for (ssize_t n; fine && !quit && (n = getline(&line, &room, stdin)) > 0;) {
        mica_json *json = NULL;
        if (mica_json_parse(line, (size_t)n, "the request", &json, &err))
            fine = refuse(&w, err.message);
        else
            fine = answer(&w, mica_json_root(json), &quit);
        mica_json_destroy(&json);
    }
    unload(&w);
    mica_json_writer_destroy(&w.writer);
    free(line);
    return fine ? 0 : 1;
}
