/* SPDX-License-Identifier: MIT
 *
 * Models looked at without being loaded: the same is said of them as when they are loaded, with and
 * without their weights, and nothing can be run.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "models/support.h"
#include "torture.h"

static mica_context *context;

static int setup(void **state)
{
    context = new_context(1);
    return 0;
}

static int teardown(void **state)
{
    mica_context_destroy(&context);
    return 0;
}

static mica_model *describe(const char *path)
{
    mica_error err = {MICA_OK, ""};
    mica_model *model = NULL;

    must(mica_model_describe(context, path, &model, &err), &err);
    return model;
}

static void expect_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a)
        assert_string_equal(a, b);
}

static void expect_same(const mica_model *a, const mica_model *b, bool weights)
{
    mica_model_info x, y;

    mica_model_get_info(a, &x);
    mica_model_get_info(b, &y);
    expect_text(x.model_type, y.model_type);
    expect_text(x.architecture, y.architecture);
    assert_int_equal(x.hidden_size, y.hidden_size);
    assert_int_equal(x.layers, y.layers);
    assert_int_equal(x.vocab_size, y.vocab_size);
    assert_int_equal(x.max_positions, y.max_positions);
    assert_int_equal(x.has_tokenizer, y.has_tokenizer);
    expect_text(x.pooling, y.pooling);
    assert_int_equal(x.normalize, y.normalize);
    assert_int_equal(x.max_length, y.max_length);
    assert_int_equal(x.dimension, y.dimension);
    expect_text(x.default_prompt_name, y.default_prompt_name);
    if (weights) {
        expect_text(x.weights, y.weights);
        expect_text(x.dtype, y.dtype);
        assert_int_equal(x.parameters, y.parameters);
        assert_int_equal(x.has_pooler, y.has_pooler);
    } else {
        assert_null(y.weights);
        assert_null(y.dtype);
        assert_int_equal(y.parameters, 0);
    }
    assert_int_equal(mica_model_head(a), mica_model_head(b));
    assert_int_equal(mica_model_label_count(a), mica_model_label_count(b));
    for (size_t i = 0; i < mica_model_label_count(a); i++)
        expect_text(mica_model_label(a, i), mica_model_label(b, i));
    assert_int_equal(mica_model_prompt_count(a), mica_model_prompt_count(b));
    for (size_t i = 0; i < mica_model_prompt_count(a); i++) {
        const char *p, *q;
        expect_text(mica_model_prompt(a, i, &p), mica_model_prompt(b, i, &q));
        expect_text(p, q);
    }
}

static void remove_weights(const char *dir)
{
    DIR *folder = opendir(dir);
    struct dirent *entry;

    assert_non_null(folder);
    while ((entry = readdir(folder)))
        if (strncmp(entry->d_name, "model", 5) == 0 || strncmp(entry->d_name, "pytorch", 7) == 0)
            unlink(path_in(dir, entry->d_name));
    closedir(folder);
}

static void test_fixtures(void **state)
{
    DIR *folder = opendir(fixture("."));
    struct dirent *entry;
    int count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        char copy[64];
        if (entry->d_name[0] == '.' || access(path_in(fixture(entry->d_name), "config.json"), F_OK))
            continue;
        mica_model *model = open_model(context, fixture(entry->d_name));
        mica_model *described = describe(fixture(entry->d_name));
        expect_same(model, described, true);
        mica_model_destroy(&described);
        snprintf(copy, sizeof copy, "describe-%d", count);
        const char *dir = copy_of(entry->d_name, copy);
        remove_weights(dir);
        described = describe(dir);
        expect_same(model, described, false);
        mica_model_destroy(&described);
        mica_model_destroy(&model);
        count++;
    }
    closedir(folder);
    assert_true(count > 30);
}

/* Weights of modules are not needed either. */
static void test_modules_without_weights(void **state)
{
    const char *dir = copy_of("st-chain", "describe-modules");
    mica_model *model = open_model(context, fixture("st-chain")), *described;

    remove_weights(dir);
    assert_int_equal(unlink(path_in(dir, "2_Dense/model.safetensors")), 0);
    described = describe(dir);
    expect_same(model, described, false);
    mica_model_destroy(&described);
    mica_model_destroy(&model);
}

static void test_prompts(void **state)
{
    mica_model *model = describe(fixture("st-instruct"));
    const char *name = "";

    assert_int_equal(mica_model_prompt_count(model), 2);
    assert_string_equal(mica_model_prompt(model, 1, &name), "what is the query: ");
    assert_string_equal(name, "query");
    assert_null(mica_model_prompt(model, 2, &name));
    assert_null(name);
    assert_null(mica_model_prompt(model, 2, NULL));
    mica_model_destroy(&model);
}

static void test_nothing_runs(void **state)
{
    mica_error err = {MICA_OK, ""};
    mica_model *model = describe(fixture("st-plain"));
    mica_session *session = NULL;

    expect(mica_session_create(model, &session, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
           "mica_model_describe");
    assert_null(session);
    mica_model_destroy(&model);
}

static void refused(const char *path, mica_status status, const char *part)
{
    mica_error err = {MICA_OK, ""};
    mica_model *model = NULL;

    expect(mica_model_describe(context, path, &model, &err), &err, status, part);
    assert_null(model);
}

static void test_refused(void **state)
{
    const char *dir = copy_of("bert-base", "describe-bad");

    refused("/no/such/directory", MICA_STATUS_NOT_FOUND, "'/no/such/directory'");
    write_text(path_in(dir, "model.safetensors"), "short");
    refused(dir, MICA_STATUS_FORMAT, "model.safetensors");
    remove_weights(dir);
    edit(path_in(dir, "config.json"), "\"bert\"", "\"zebra\"");
    refused(dir, MICA_STATUS_UNSUPPORTED, "zebra");
    write_text(path_in(dir, "config.json"), "[]");
    refused(dir, MICA_STATUS_FORMAT, "config.json");
    unlink(path_in(dir, "config.json"));
    refused(dir, MICA_STATUS_NOT_FOUND, "config.json");
    dir = copy_of("bert-base", "describe-quantised");
    remove_weights(dir);
    edit(path_in(dir, "config.json"), "\"is_decoder\": false",
         "\"quantization_config\": {\"quant_method\": \"gptq\"}");
    refused(dir, MICA_STATUS_UNSUPPORTED, "gptq");
    dir = copy_of("st-chain", "describe-module");
    edit(path_in(dir, "modules.json"), ".Dense\"", ".Zap\"");
    refused(dir, MICA_STATUS_UNSUPPORTED, "Zap");
}

static mica_status describe_work(void *path, mica_error *err)
{
    mica_model *model = NULL;
    mica_status status = mica_model_describe(context, path, &model, err);

    mica_model_destroy(&model);
    return status;
}

static void test_torture(void **state)
{
    const char *dir = copy_of("roberta-sequenceclassification", "describe-torture");

    assert_true(torture_run(describe_work, (void *)fixture("st-chain")) > 50);
    remove_weights(dir);
    assert_true(torture_run(describe_work, (void *)dir) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures), cmocka_unit_test(test_modules_without_weights),
        cmocka_unit_test(test_prompts),  cmocka_unit_test(test_nothing_runs),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_torture),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
