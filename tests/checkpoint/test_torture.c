/* SPDX-License-Identifier: MIT
 *
 * Every allocation under every public call fails once: the call says so, and nothing leaks.
 */
#include "checkpoint/support.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "torture.h"

/* Opens a file and gets every tensor of it. */
static mica_status open_and_get(void *arg, mica_error *err)
{
    mica_checkpoint *c;
    mica_status status = mica_checkpoint_open_file(arg, &c, err);
    for (size_t i = 0; !status && i < mica_checkpoint_count(c); i++) {
        mica_tensor *t;
        status = mica_checkpoint_get(c, mica_checkpoint_name(c, i), "bert", &t, err);
        if (status)
            assert_null(t);
        mica_tensor_release(&t);
    }
    mica_checkpoint_close(&c);
    assert_null(c);
    return status;
}

static void opening_survives(void **state)
{
    static const char *const names[] = {"plain.safetensors",
                                        "unaligned.safetensors",
                                        "sharded/model.safetensors.index.json",
                                        "sharded-bin/pytorch_model.bin.index.json",
                                        "state.bin",
                                        "state-legacy.bin",
                                        "python2.bin",
                                        "views-legacy.bin"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s", fixture(names[i]));
        assert_true(torture_run(open_and_get, path) > 5);
    }
}

/* A refusal needs memory too (the list of keys); it must stay a refusal, or be out of memory. */
static mica_status open_nested(void *arg, mica_error *err)
{
    mica_checkpoint *c;
    mica_status status = mica_checkpoint_open_file(arg, &c, err);
    assert_null(c);
    return status == MICA_STATUS_FORMAT ? MICA_OK : status;
}

static void refusing_survives(void **state)
{
    char path[1024];
    snprintf(path, sizeof path, "%s", fixture("nested.bin"));
    assert_true(torture_run(open_nested, path) > 5);
}

static mica_status open_folder(void *arg, mica_error *err)
{
    mica_checkpoint *c;
    const mica_json_value *config = NULL;
    captured lines;
    mica_log_sink log = capture(&lines);
    mica_status status = mica_checkpoint_open(arg, config, &log, &c, err);
    if (!status) {
        assert_true(mica_checkpoint_has(c, "encoder.weight", "bert"));
        mica_checkpoint_warn_unused(c, NULL, &log);
    }
    mica_checkpoint_close(&c);
    return status;
}

static void folders_survive(void **state)
{
    char path[1024];
    snprintf(path, sizeof path, "%s", fixture("sharded"));
    assert_true(torture_run(open_folder, path) > 5);
}

/* A folder without weights, and one whose config.json names them. */
static mica_status open_empty(void *arg, mica_error *err)
{
    mica_checkpoint *c;
    mica_status status = mica_checkpoint_open(arg, NULL, NULL, &c, err);
    assert_null(c);
    return status == MICA_STATUS_NOT_FOUND ? MICA_OK : status;
}

static mica_status open_named(void *arg, mica_error *err)
{
    static const char text[] = "{\"transformers_weights\":\"plain.safetensors\"}";
    mica_json *json = NULL;
    mica_checkpoint *c = NULL;
    mica_status status = mica_json_parse(text, strlen(text), "config.json", &json, err);
    if (!status)
        status = mica_checkpoint_open(arg, mica_json_root(json), NULL, &c, err);
    mica_checkpoint_close(&c);
    mica_json_destroy(&json);
    return status;
}

static void choosing_survives(void **state)
{
    char path[1024];
    snprintf(path, sizeof path, "%s", temporary_folder("empty"));
    assert_true(torture_run(open_empty, path) > 5);
    remove(path);
    snprintf(path, sizeof path, "%s", fixture("."));
    assert_true(torture_run(open_named, path) > 5);
}

static mica_status use_file(void *arg, mica_error *err)
{
    mica_tensor_file *file;
    mica_tensor *t = NULL;
    mica_status status = mica_tensor_file_open(arg, &file, err);
    if (!status)
        status = mica_tensor_file_get(file, "f32.matrix", &t, err);
    mica_tensor_file_close(&file);
    assert_null(file);
    mica_tensor_release(&t);
    return status;
}

static mica_status use_model(void *arg, mica_error *err)
{
    mica_tensor_file *file;
    mica_tensor *t = NULL;
    mica_status status = mica_tensor_file_open_model(arg, &file, err);
    if (!status)
        status = mica_tensor_file_get(file, mica_tensor_file_name(file, 0), &t, err);
    mica_tensor_file_close(&file);
    assert_null(file);
    mica_tensor_release(&t);
    return status;
}

static void tensor_files_survive(void **state)
{
    char path[1024];
    snprintf(path, sizeof path, "%s", fixture("plain.safetensors"));
    assert_true(torture_run(use_file, path) > 5);
    snprintf(path, sizeof path, "%s", fixture("sharded-bin"));
    assert_true(torture_run(use_model, path) > 5);
}

typedef struct to_save {
    const char *path;
    mica_named_tensor tensors[2];
} to_save;

static mica_status save(void *arg, mica_error *err)
{
    const to_save *s = arg;
    remove(s->path);
    mica_status status = mica_tensors_save(s->path, s->tensors, 2, err);
    assert_true(mica_file_exists(s->path) == (status == MICA_OK)); /* whole or not at all */
    return status;
}

static void saving_survives(void **state)
{
    char path[1024];
    const int64_t dims[] = {3};
    mica_tensor *t;
    mica_error err = {0};
    snprintf(path, sizeof path, "%s", temporary("saved.safetensors"));
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 1, dims, &t, &err), MICA_OK);
    to_save s = {path, {{"a", t}, {"b", t}}};
    assert_true(torture_run(save, &s) > 3);
    mica_tensor_release(&t);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_survives), cmocka_unit_test(refusing_survives),
        cmocka_unit_test(folders_survive),  cmocka_unit_test(tensor_files_survive),
        cmocka_unit_test(saving_survives),  cmocka_unit_test(choosing_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
