/* SPDX-License-Identifier: MIT
 *
 * Checkpoints of random weights.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/support.h"

static void test_same_seed_same_bytes(void **state)
{
    const char *config = path_in(fixture("bert-base"), "config.json");
    const char *dirs[3] = {new_folder("a"), new_folder("b"), new_folder("c")};
    static const uint64_t seeds[3] = {5, 5, 6};
    char *data[3];
    size_t size[3];
    mica_error err = {0};

    for (size_t i = 0; i < 3; i++) {
        must(mica_model_init(config, dirs[i], seeds[i], false, &err), &err);
        data[i] = read_whole(path_in(dirs[i], "model.safetensors"), &size[i]);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(data[0], data[1], size[0]);
    assert_int_equal(size[0], size[2]);
    assert_memory_not_equal(data[0], data[2], size[0]);
    for (size_t i = 0; i < 3; i++)
        free(data[i]);
}

/* As transformers initialises: what a weight is says its distribution. */
static void check_weight(const char *name, const mica_tensor *tensor)
{
    const float *data = mica_tensor_data(tensor);
    int64_t n = mica_tensor_count(tensor), from = 0;
    double sum = 0, squares = 0, wanted = 0, size = 0;

    if (strcmp(name, "embeddings.word_embeddings.weight") == 0) {
        from = mica_tensor_dim(tensor, 1); /* row pad_token_id = 0 */
        for (int64_t i = 0; i < from; i++)
            assert_true(data[i] == 0.0f);
    }
    for (int64_t i = from; i < n; i++) {
        sum += data[i];
        squares += (double)data[i] * data[i];
    }
    size = (double)(n - from);
    if (strstr(name, ".bias"))
        assert_true(squares == 0);
    else if (strstr(name, "LayerNorm.weight"))
        assert_true(sum == size && squares == size);
    else
        wanted = 0.02;
    if (wanted > 0) {
        assert_true(fabs(sum / size) < 5 * wanted / sqrt(size));
        assert_true(fabs(sqrt(squares / size) / wanted - 1) < 5 / sqrt(2 * size));
    }
}

static void test_distribution_and_names(void **state)
{
    const char *dir = new_folder("names");
    mica_error err = {0};
    mica_tensor_file *ours, *theirs;

    must(mica_model_init(fixture("bert-base"), dir, 1, false, &err), &err);
    ours = open_tensors(path_in(dir, "model.safetensors"));
    theirs = open_tensors(path_in(fixture("bert-base"), "model.safetensors"));
    assert_int_equal(mica_tensor_file_count(ours), mica_tensor_file_count(theirs));
    for (size_t i = 0; i < mica_tensor_file_count(theirs); i++) {
        const char *name = mica_tensor_file_name(theirs, i);
        mica_tensor *a = get_tensor(ours, name), *b = get_tensor(theirs, name);

        assert_int_equal(mica_tensor_dtype(a), MICA_DTYPE_F32);
        assert_int_equal(mica_tensor_rank(a), mica_tensor_rank(b));
        assert_int_equal(mica_tensor_bytes(a), mica_tensor_bytes(b));
        check_weight(name, a);
        mica_tensor_release(&a);
        mica_tensor_release(&b);
    }
    mica_tensor_file_close(&ours);
    mica_tensor_file_close(&theirs);
}

/* What was written opens, with its tokenizer, and embeds. */
static void test_opens(void **state)
{
    const char *dir = new_folder("opens");
    mica_context *context = new_context(1);
    mica_error err = {0};
    mica_text text = {"the cat", 7};
    mica_embeddings *e = NULL;

    must(mica_model_init(fixture("st-plain"), dir, 1, false, &err), &err);
    mica_model *model = open_model(context, dir);
    mica_session *session = new_session(model);
    must(mica_embed(session, &text, 1, NULL, &e, &err), &err);
    mica_embeddings_destroy(&e);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    mica_context_destroy(&context);
}

static void test_refusals(void **state)
{
    const char *dir = new_folder("refusals"), *config = path_in(dir, "broken.json");
    mica_error err = {0};

    expect(mica_model_init(path_in(dir, "none.json"), dir, 1, false, &err), &err,
           MICA_STATUS_NOT_FOUND, "none.json");
    write_text(config, "{\"model_type\": \"bert\", \"hidden_size\": \"big\"}");
    expect(mica_model_init(config, dir, 1, false, &err), &err, MICA_STATUS_FORMAT,
           "hidden_size is the string \"big\"");
    expect(mica_model_init(config, path_in(dir, "a/b/c"), 1, false, &err), &err, MICA_STATUS_FORMAT,
           "hidden_size");
    must(mica_model_init(fixture("bert-base"), dir, 1, false, &err), &err);
    expect(mica_model_init(fixture("bert-base"), dir, 2, false, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "is there already");
    must(mica_model_init(fixture("bert-base"), dir, 2, true, &err), &err);
    must(mica_model_init(dir, dir, 3, true, &err), &err); /* onto itself */
    write_text(path_in(dir, "pytorch_model.bin"), "");
    expect(mica_model_init(fixture("bert-base"), dir, 2, true, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "pytorch_model.bin");
    expect(mica_model_init(fixture("bert-base"), path_in(dir, "a/b/c"), 1, false, &err), &err,
           MICA_STATUS_NOT_FOUND, "a/b/c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_bytes),
        cmocka_unit_test(test_distribution_and_names),
        cmocka_unit_test(test_opens),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
