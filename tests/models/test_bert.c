/* SPDX-License-Identifier: MIT
 *
 * BERT held to the outputs of transformers; forward and verify.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/support.h"

static mica_context *context;

static int setup(void **state)
{
    context = new_context(0);
    return 0;
}

static int teardown(void **state)
{
    mica_context_destroy(&context);
    return 0;
}

/* Every output that the reference has; returns how many. */
static size_t verify(const char *dir, const char *reference)
{
    mica_model *model = open_model(context, dir);
    mica_session *session = new_session(model);
    mica_difference *rows = NULL;
    size_t count = 0;
    mica_error err = {0};

    must(mica_verify(session, reference, 0, &rows, &count, &err), &err);
    for (size_t i = 0; i < count; i++) {
        assert_true(rows[i].ok);
        assert_true(rows[i].scale > 0.5);
        assert_float_equal(rows[i].tolerance, 1e-5, 1e-12);
    }
    mica_differences_free(&rows);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    return count;
}

static void test_outputs(void **state)
{
    static const struct {
        const char *name;
        size_t outputs; /* last_hidden_state, pooler_output, hidden_states.0 to .N */
    } models[] = {
        {"bert-base", 6}, {"bert-heads5", 5},     {"bert-eps", 5},
        {"bert-f16", 5},  {"bert-bf16", 5},       {"bert-sharded", 5},
        {"bert-bin", 5},  {"bert-bin-legacy", 5}, {"bert-mlm", 4},
    };

    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        const char *dir = fixture(models[i].name);
        assert_int_equal(verify(dir, path_in(dir, "reference.safetensors")), models[i].outputs);
    }
}

/* The same weights with and without `bert.`, in doubles, and with keys of config.json missing. */
static void test_double_weights(void **state)
{
    const char *dir = copy_of("bert-base", "double");

    rewrite_weights(path_in(dir, "model.safetensors"), NULL, NULL, MICA_DTYPE_F64);
    assert_int_equal(verify(dir, path_in(dir, "reference.safetensors")), 6);
}

static void test_activations(void **state)
{
    static const char *const names[] = {
        "gelu",
        "gelu_python",
        "gelu_new",
        "gelu_accurate",
        "gelu_pytorch_tanh",
        "gelu_python_tanh",
        "gelu_fast",
        "quick_gelu",
        "silu",
        "swish",
        "relu",
        "relu6",
        "tanh",
        "sigmoid",
        "linear",
        "mish",
        "leaky_relu",
        "relu2",
        "gelu_10",
    };
    mica_tensor_file *file =
        open_tensors(path_in(fixture("bert-activations"), "reference.safetensors"));
    mica_tensor *ids = get_tensor(file, "input_ids"), *mask = get_tensor(file, "attention_mask");
    mica_tensor *types = get_tensor(file, "token_type_ids");
    size_t compared = 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *dir = copy_of("bert-activations", "activation");
        char key[100];
        mica_error err = {0};

        snprintf(key, sizeof key, "\"hidden_act\": \"%s\"", names[i]);
        edit(path_in(dir, "config.json"), "\"hidden_act\": \"gelu\"", key);
        snprintf(key, sizeof key, "last_hidden_state.%s", names[i]);
        mica_tensor *expected = get_tensor(file, key);
        mica_named_tensor list[] = {{"input_ids", ids},
                                    {"attention_mask", mask},
                                    {"token_type_ids", types},
                                    {"last_hidden_state", expected}};
        must(mica_tensors_save(path_in(dir, "one.safetensors"), list, 4, &err), &err);
        compared += verify(dir, path_in(dir, "one.safetensors"));
        mica_tensor_release(&expected);
    }
    assert_int_equal(compared, sizeof names / sizeof *names);
    mica_tensor_release(&ids);
    mica_tensor_release(&mask);
    mica_tensor_release(&types);
    mica_tensor_file_close(&file);
}

/* verify must be able to fail: one number harmed by little more than is allowed. */
static void test_verify_sees_harm(void **state)
{
    const char *dir = copy_of("bert-base", "harm"), *path = path_in(dir, "reference.safetensors");
    mica_tensor_file *file = open_tensors(path);
    mica_tensor *stored = get_tensor(file, "last_hidden_state"), *harmed = NULL;
    mica_model *model = open_model(context, dir);
    mica_session *session = new_session(model);
    mica_difference *rows = NULL;
    size_t count = 0, bad = 0;
    mica_error err = {0};

    must(mica_tensor_cast(stored, MICA_DTYPE_F32, &harmed, &err), &err);
    ((float *)mica_tensor_data_mut(harmed))[0] += 2e-4f;
    mica_tensor_release(&stored);
    mica_tensor_file_close(&file);
    mica_tensor_file *again = open_tensors(path);
    mica_named_tensor list[2] = {{"input_ids", get_tensor(again, "input_ids")},
                                 {"last_hidden_state", harmed}};
    must(mica_tensors_save(path_in(dir, "harmed.safetensors"), list, 1, &err), &err);
    expect(mica_verify(session, path_in(dir, "harmed.safetensors"), 0, &rows, &count, &err), &err,
           MICA_STATUS_NOT_FOUND, "nothing to compare");
    assert_null(rows);
    mica_tensor *mask = get_tensor(again, "attention_mask");
    mica_tensor *types = get_tensor(again, "token_type_ids");
    mica_named_tensor all[] = {
        list[0], list[1], {"attention_mask", mask}, {"token_type_ids", types}};
    must(mica_tensors_save(path_in(dir, "harmed.safetensors"), all, 4, &err), &err);
    expect(mica_verify(session, path_in(dir, "harmed.safetensors"), 0, &rows, &count, &err), &err,
           MICA_STATUS_MISMATCH, "last_hidden_state");
    for (size_t i = 0; i < count; i++)
        bad += !rows[i].ok;
    assert_int_equal(bad, 1);
    mica_differences_free(&rows);
    must(mica_verify(session, path_in(dir, "harmed.safetensors"), 1e-3, &rows, &count, &err), &err);
    mica_differences_free(&rows);
    mica_tensor_release(&list[0].tensor);
    mica_tensor_release(&harmed);
    mica_tensor_release(&mask);
    mica_tensor_release(&types);
    mica_tensor_file_close(&again);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
}

#define SEQUENCES 9
static int32_t ids[SEQUENCES][24], types[SEQUENCES][24];
static uint8_t masks[SEQUENCES][24];
static mica_sequence sequences[SEQUENCES];

static void make_sequences(void)
{
    uint32_t seed = 7;

    for (size_t s = 0; s < SEQUENCES; s++) {
        for (size_t i = 0; i < 24; i++) {
            seed = seed * 1664525u + 1013904223u;
            ids[s][i] = (int32_t)(seed >> 8) % 61;
            types[s][i] = (int32_t)(seed >> 20) & 1;
            masks[s][i] = (seed >> 16 & 3) != 0;
        }
        sequences[s] = (mica_sequence){ids[s], s & 1 ? masks[s] : NULL, s & 2 ? types[s] : NULL,
                                       1 + s * 23 / (SEQUENCES - 1)};
    }
}

static mica_outputs *forward(mica_session *session, const mica_sequence *list, size_t n,
                             size_t batch_tokens)
{
    mica_forward_options options;
    mica_outputs *outputs = NULL;
    mica_error err = {0};

    mica_forward_options_defaults(&options);
    options.hidden_states = true;
    options.batch_tokens = batch_tokens;
    must(mica_forward(session, list, n, &options, &outputs, &err), &err);
    return outputs;
}

/* Row s of each output of `all`, whose rows are as long as the longest, against `one`. */
static void expect_same_row(const mica_outputs *all, size_t s, const mica_outputs *one)
{
    assert_int_equal(mica_outputs_count(all), mica_outputs_count(one));
    for (size_t i = 0; i < mica_outputs_count(all); i++) {
        mica_tensor *a = mica_outputs_tensor(all, i), *b = mica_outputs_tensor(one, i);
        size_t row = (size_t)(mica_tensor_count(a) / mica_tensor_dim(a, 0));

        assert_string_equal(mica_outputs_name(all, i), mica_outputs_name(one, i));
        assert_memory_equal((const float *)mica_tensor_data(a) + s * row, mica_tensor_data(b),
                            mica_tensor_bytes(b));
    }
}

/* Alone or with others, in large or small batches, with one thread or two: the same bits. */
static void test_bit_identity(void **state)
{
    mica_context *contexts[2] = {new_context(1), new_context(2)};
    mica_outputs *first = NULL;

    make_sequences();
    for (size_t c = 0; c < 2; c++) {
        static const size_t limits[] = {0, 1, 10, 30, 1000};
        mica_model *model = open_model(contexts[c], fixture("bert-base"));
        mica_session *session = new_session(model);

        for (size_t l = 0; l < 5; l++) {
            mica_outputs *outputs = forward(session, sequences, SEQUENCES, limits[l]);
            if (!first) {
                first = outputs;
                continue;
            }
            for (size_t i = 0; i < mica_outputs_count(first); i++)
                assert_memory_equal(mica_tensor_data(mica_outputs_tensor(first, i)),
                                    mica_tensor_data(mica_outputs_tensor(outputs, i)),
                                    mica_tensor_bytes(mica_outputs_tensor(first, i)));
            mica_outputs_destroy(&outputs);
        }
        for (size_t s = 0; s < SEQUENCES; s++) {
            mica_outputs *one = forward(session, &sequences[s], 1, 0);
            expect_same_row(first, s, one);
            mica_outputs_destroy(&one);
        }
        mica_session_destroy(&session);
        mica_model_destroy(&model);
    }
    mica_outputs_destroy(&first);
    mica_context_destroy(&contexts[0]);
    mica_context_destroy(&contexts[1]);
}

/* The same where products are cut into blocks and attention into tasks. */
static void test_bit_identity_of_large_layers(void **state)
{
    static const char config[] =
        "{\"model_type\": \"bert\", \"vocab_size\": 50, \"hidden_size\": 192,"
        " \"num_hidden_layers\": 1, \"num_attention_heads\": 3, \"intermediate_size\": 1000,"
        " \"max_position_embeddings\": 600, \"initializer_range\": 0.1}";
    static const size_t lengths[] = {1, 600, 7, 300, 64, 257};
    const char *dir = new_folder("large");
    static int32_t many[600];
    mica_sequence list[6];
    mica_outputs *first = NULL;
    mica_error err = {0};

    write_text(path_in(dir, "config.json"), config);
    must(mica_model_init(path_in(dir, "config.json"), dir, 3, false, &err), &err);
    for (size_t i = 0; i < 600; i++)
        many[i] = (int32_t)(i * i + i / 7) % 50;
    for (size_t s = 0; s < 6; s++)
        list[s] = (mica_sequence){many + 600 - lengths[s], NULL, NULL, lengths[s]};
    for (size_t threads = 1; threads <= 3; threads++) {
        mica_context *own = new_context(threads);
        mica_model *model = open_model(own, dir);
        mica_session *session = new_session(model);
        mica_outputs *all = forward(session, list, 6, 0);

        first = first ? first : all;
        for (size_t s = 0; s < 6; s++) {
            mica_outputs *one = forward(session, &list[s], 1, 0);
            expect_same_row(first, s, one);
            expect_same_row(all, s, one);
            mica_outputs_destroy(&one);
        }
        if (all != first)
            mica_outputs_destroy(&all);
        mica_session_destroy(&session);
        mica_model_destroy(&model);
        mica_context_destroy(&own);
    }
    mica_outputs_destroy(&first);
}

static void test_shapes_and_padding(void **state)
{
    mica_model *model = open_model(context, fixture("bert-base"));
    mica_session *session = new_session(model);
    mica_outputs *outputs = NULL;
    mica_error err = {0};
    const float *data;

    make_sequences();
    must(mica_forward(session, sequences, 3, NULL, &outputs, &err), &err);
    assert_int_equal(mica_outputs_count(outputs), 2);
    assert_null(mica_outputs_find(outputs, "hidden_states.0"));
    mica_tensor *last = mica_outputs_find(outputs, "last_hidden_state");
    mica_tensor *pooled = mica_outputs_find(outputs, "pooler_output");
    assert_int_equal(mica_tensor_rank(last), 3);
    assert_int_equal(mica_tensor_dim(last, 1), sequences[2].count);
    assert_int_equal(mica_tensor_dim(last, 2), 32);
    assert_int_equal(mica_tensor_rank(pooled), 2);
    data = mica_tensor_data(last);
    for (size_t i = sequences[0].count * 32; i < sequences[2].count * 32; i++)
        assert_true(data[i] == 0.0f);
    mica_outputs_destroy(&outputs);
    must(mica_forward(session, NULL, 0, NULL, &outputs, &err), &err);
    assert_int_equal(mica_tensor_dim(mica_outputs_tensor(outputs, 0), 0), 0);
    mica_outputs_destroy(&outputs);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
}

static void test_refused_inputs(void **state)
{
    mica_model *model = open_model(context, fixture("bert-base"));
    mica_session *session = new_session(model);
    mica_outputs *outputs = NULL;
    mica_error err = {0};
    int32_t long_ids[25] = {0}, good[2] = {1, 2}, low[2] = {1, -1}, high[2] = {1, 61},
            type[2] = {0, 2};
    const struct {
        mica_sequence sequence;
        mica_status status;
        const char *part;
    } cases[] = {
        {{long_ids, NULL, NULL, 25}, MICA_STATUS_TOO_LONG, "sequence 1 has 25 tokens"},
        {{good, NULL, NULL, 0}, MICA_STATUS_INVALID_ARGUMENT, "sequence 1 has no tokens"},
        {{NULL, NULL, NULL, 2}, MICA_STATUS_INVALID_ARGUMENT, "sequence 1 has no tokens"},
        {{low, NULL, NULL, 2}, MICA_STATUS_INVALID_ARGUMENT, "sequence 1, position 1: id -1"},
        {{high, NULL, NULL, 2}, MICA_STATUS_INVALID_ARGUMENT, "id 61 is not in [0, vocab_size 61)"},
        {{good, NULL, type, 2}, MICA_STATUS_INVALID_ARGUMENT, "position 1: token type 2"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mica_sequence list[2] = {{good, NULL, NULL, 2}, cases[i].sequence};
        expect(mica_forward(session, list, 2, NULL, &outputs, &err), &err, cases[i].status,
               cases[i].part);
        assert_null(outputs);
    }
    /* The session is as good as new. */
    mica_sequence fine = {good, NULL, NULL, 2};
    must(mica_forward(session, &fine, 1, NULL, &outputs, &err), &err);
    mica_outputs_destroy(&outputs);
    mica_context_cancel(context);
    expect(mica_forward(session, &fine, 1, NULL, &outputs, &err), &err, MICA_STATUS_CANCELLED, "");
    mica_context_clear_cancel(context);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
}

static void test_info(void **state)
{
    mica_model *model = open_model(context, fixture("bert-f16"));
    mica_model_info info;

    mica_model_get_info(model, &info);
    assert_string_equal(info.model_type, "bert");
    assert_string_equal(info.architecture, "BertModel");
    assert_string_equal(info.weights, "model.safetensors");
    assert_string_equal(info.dtype, "float16");
    assert_int_equal(info.hidden_size, 28);
    assert_int_equal(info.layers, 2);
    assert_int_equal(info.vocab_size, 61);
    assert_int_equal(info.max_positions, 24);
    assert_int_equal(info.max_length, 24);
    assert_true(info.has_pooler);
    assert_false(info.has_tokenizer);
    assert_string_equal(info.pooling, "mean");
    assert_false(info.normalize);
    assert_int_equal(info.dimension, 28);
    /* embeddings, two layers of 4 h*h + 2 h*i and their biases and norms, pooler */
    assert_int_equal(info.parameters,
                     (61 + 24 + 2) * 28 + 2 * 28 +
                         2 * (4 * 28 * 28 + 2 * 28 * 40 + 4 * 28 + 40 + 28 + 4 * 28) + 28 * 28 +
                         28);
    assert_null(mica_model_tokenizer(model));
    mica_model_destroy(&model);
    assert_null(model);
    mica_model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_double_weights),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_verify_sees_harm),
        cmocka_unit_test(test_bit_identity),
        cmocka_unit_test(test_bit_identity_of_large_layers),
        cmocka_unit_test(test_shapes_and_padding),
        cmocka_unit_test(test_refused_inputs),
        cmocka_unit_test(test_info),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
