/* SPDX-License-Identifier: MIT
 *
 * Directories that are no good: each gives an error that says what is wrong, and where.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/support.h"

static void test_no_model(void **state)
{
    const char *dir = new_folder("nothing");

    expect_refused("no/such/directory/here", MICA_STATUS_NOT_FOUND, "no directory");
    expect_refused("/no/such/directory", MICA_STATUS_NOT_FOUND, "'/no/such/directory'");
    expect_refused("sentence-transformers/all-MiniLM-L6-v2", MICA_STATUS_NOT_FOUND, "Hub");
    expect_refused("bert-base-uncased", MICA_STATUS_NOT_FOUND, "Hub");
    expect_refused("", MICA_STATUS_NOT_FOUND, "no directory");
    expect_refused(path_in(fixture("bert-base"), "config.json"), MICA_STATUS_NOT_FOUND,
                   "is a file");
    expect_refused(dir, MICA_STATUS_NOT_FOUND, "no config.json");
    write_text(path_in(dir, "config.json"), "{\"model_type\": \"bert\"}");
    expect_refused(dir, MICA_STATUS_NOT_FOUND, dir);
    write_text(path_in(dir, "tf_model.h5"), "");
    expect_refused(dir, MICA_STATUS_NOT_FOUND, "TensorFlow");
}

/* A change of config.json, and what is said of it. */
static void test_configurations(void **state)
{
    static const struct {
        const char *from, *to;
        mica_status status;
        const char *part;
    } cases[] = {
        {"\"bert\"", "\"bart\"", MICA_STATUS_UNSUPPORTED, "model_type 'bart'"},
        {"\"bert\"", "\"bart\"", MICA_STATUS_UNSUPPORTED, "supported model types: bert"},
        {"\"bert\"", "17", MICA_STATUS_FORMAT, "model_type is 17"},
        {"\"model_type\"", "\"model_typo\"", MICA_OK, ""}, /* known by its architecture */
        {"\"BertModel\"", "\"JinaBertModel\"", MICA_STATUS_UNSUPPORTED, "'JinaBertModel'"},
        {"\"hidden_size\": 32", "\"hidden_size\": 0", MICA_STATUS_FORMAT, "hidden_size is 0"},
        {"\"hidden_size\": 32", "\"hidden_size\": -32", MICA_STATUS_FORMAT, "hidden_size is -32"},
        {"\"hidden_size\": 32", "\"hidden_size\": 9000000000", MICA_STATUS_FORMAT,
         "hidden_size is 9000000000"},
        {"\"hidden_size\": 32", "\"hidden_size\": 33", MICA_STATUS_FORMAT,
         "hidden_size 33 is not a multiple of num_attention_heads 4"},
        {"\"hidden_size\": 32", "\"hidden_size\": \"32\"", MICA_STATUS_FORMAT,
         "hidden_size is the string \"32\""},
        {"\"hidden_size\": 32", "\"hidden_size\": 32.5", MICA_STATUS_FORMAT, "hidden_size is 32.5"},
        {"\"hidden_size\": 32", "\"hidden_size\": 1e300", MICA_STATUS_FORMAT, "hidden_size"},
        {"\"hidden_size\": 32", "\"hidden_size\": [32]", MICA_STATUS_FORMAT,
         "hidden_size is an array"},
        {"\"hidden_size\": 32", "\"hidden_size\": 36", MICA_STATUS_SHAPE,
         "'embeddings.word_embeddings.weight' has shape [61, 32], but the configuration asks for "
         "[61, 36]"},
        {"\"num_attention_heads\": 4", "\"num_attention_heads\": 0", MICA_STATUS_FORMAT,
         "num_attention_heads is 0"},
        {"\"num_attention_heads\": 4", "\"num_attention_heads\": 7", MICA_STATUS_FORMAT,
         "multiple"},
        {"\"num_hidden_layers\": 3", "\"num_hidden_layers\": -1", MICA_STATUS_FORMAT,
         "num_hidden_layers is -1"},
        {"\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4", MICA_STATUS_NOT_FOUND,
         "encoder.layer.3."},
        {"\"num_hidden_layers\": 3", "\"num_hidden_layers\": 1000000000", MICA_STATUS_FORMAT,
         "num_hidden_layers"},
        {"\"vocab_size\": 61", "\"vocab_size\": 62", MICA_STATUS_SHAPE, "[62, 32]"},
        {"\"type_vocab_size\": 2", "\"type_vocab_size\": 1", MICA_STATUS_SHAPE,
         "token_type_embeddings"},
        {"\"max_position_embeddings\": 24", "\"max_position_embeddings\": 512", MICA_STATUS_SHAPE,
         "position_embeddings"},
        {"\"intermediate_size\": 40", "\"intermediate_size\": 41", MICA_STATUS_SHAPE,
         "intermediate.dense.weight"},
        {"\"hidden_act\": \"gelu\"", "\"hidden_act\": \"golu\"", MICA_STATUS_UNSUPPORTED,
         "hidden_act 'golu'"},
        {"\"hidden_act\": \"gelu\"", "\"hidden_act\": 4", MICA_STATUS_FORMAT, "hidden_act is 4"},
        {"\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": -1", MICA_STATUS_FORMAT,
         "layer_norm_eps is -1"},
        {"\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": \"small\"", MICA_STATUS_FORMAT,
         "layer_norm_eps"},
        {"\"is_decoder\": false", "\"is_decoder\": true", MICA_STATUS_UNSUPPORTED, "is_decoder"},
        {"\"is_decoder\": false", "\"is_decoder\": \"no\"", MICA_STATUS_FORMAT, "is_decoder"},
        {"\"add_cross_attention\": false", "\"add_cross_attention\": true", MICA_STATUS_UNSUPPORTED,
         "add_cross_attention"},
        {"\"is_decoder\": false", "\"position_embedding_type\": \"relative_key\"",
         MICA_STATUS_UNSUPPORTED, "'relative_key'"},
        {"\"is_decoder\": false", "\"quantization_config\": {\"quant_method\": \"gptq\"}",
         MICA_STATUS_UNSUPPORTED, "gptq"},
        {"\"is_decoder\": false", "\"vocab_size\": 61", MICA_STATUS_FORMAT, "vocab_size"},
        {"{", "[", MICA_STATUS_FORMAT, "config.json"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *dir = copy_of("bert-base", "config");

        edit(path_in(dir, "config.json"), cases[i].from, cases[i].to);
        if (cases[i].status == MICA_OK) {
            mica_context *context = new_context(1);
            mica_model *model = open_model(context, dir);
            mica_model_destroy(&model);
            mica_context_destroy(&context);
            continue;
        }
        expect_refused(dir, cases[i].status, cases[i].part);
    }
}

static void test_config_is_no_object(void **state)
{
    const char *dir = copy_of("bert-base", "noobject");

    write_text(path_in(dir, "config.json"), "[1, 2]");
    expect_refused(dir, MICA_STATUS_FORMAT, "not an object");
    write_text(path_in(dir, "config.json"), "{}");
    expect_refused(dir, MICA_STATUS_FORMAT, "no model_type");
    write_text(path_in(dir, "config.json"), "{\"architectures\": [\"LlamaForCausalLM\"]}");
    expect_refused(dir, MICA_STATUS_UNSUPPORTED, "'LlamaForCausalLM'");
}

static mica_tensor *new_tensor(mica_dtype dtype, int rank, int64_t a, int64_t b)
{
    mica_tensor *tensor = NULL;
    mica_error err = {0};
    int64_t dims[2] = {a, b};

    must(mica_tensor_create(dtype, rank, dims, &tensor, &err), &err);
    return tensor;
}

/* bert-base with one weight replaced (or left out). */
static const char *with_weight(const char *name, mica_tensor *tensor)
{
    const char *dir = copy_of("bert-base", "weight");

    rewrite_weights(path_in(dir, "model.safetensors"), name, tensor, MICA_DTYPE_F32);
    return dir;
}

static void test_weights(void **state)
{
    mica_tensor *tensor;

    expect_refused(with_weight("encoder.layer.1.output.dense.bias", NULL), MICA_STATUS_NOT_FOUND,
                   "encoder.layer.1.output.dense.bias");
    expect_refused(with_weight("pooler.dense.bias", NULL), MICA_STATUS_NOT_FOUND,
                   "pooler.dense.bias");
    tensor = new_tensor(MICA_DTYPE_F32, 1, 33, 0);
    expect_refused(with_weight("encoder.layer.1.output.dense.bias", tensor), MICA_STATUS_SHAPE,
                   "has shape [33], but the configuration asks for [32]");
    mica_tensor_release(&tensor);
    tensor = new_tensor(MICA_DTYPE_F32, 1, 32 * 32, 0);
    expect_refused(with_weight("encoder.layer.0.attention.self.key.weight", tensor),
                   MICA_STATUS_SHAPE, "[1024]");
    mica_tensor_release(&tensor);
    tensor = new_tensor(MICA_DTYPE_I64, 2, 32, 32);
    expect_refused(with_weight("encoder.layer.0.attention.self.key.weight", tensor),
                   MICA_STATUS_UNSUPPORTED, "stored as int64");
    mica_tensor_release(&tensor);
}

/* A model that is opened to be run once looks at its weights when it is run. */
static void expect_refused_once(const char *path, const char *part)
{
    static const int32_t ids[2] = {1, 2};
    const mica_sequence sequence = {.ids = ids, .count = 2};
    mica_context *context = new_context(2);
    mica_model_options options;
    mica_model *model = NULL;
    mica_outputs *outputs = NULL;
    mica_error err = {0};

    mica_model_options_defaults(&options);
    options.once = true;
    must(mica_model_open_with(context, path, &options, &model, &err), &err);
    mica_session *session = new_session(model);
    expect(mica_forward(session, &sequence, 1, NULL, &outputs, &err), &err, MICA_STATUS_NOT_FINITE,
           part);
    assert_null(outputs);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    mica_context_destroy(&context);
}

static void test_weights_not_finite(void **state)
{
    mica_tensor *tensor = new_tensor(MICA_DTYPE_F32, 1, 32, 0);

    ((float *)mica_tensor_data_mut(tensor))[5] = NAN;
    expect_refused(with_weight("encoder.layer.2.output.LayerNorm.weight", tensor),
                   MICA_STATUS_NOT_FINITE, "'encoder.layer.2.output.LayerNorm.weight' holds nan");
    mica_tensor_release(&tensor);
    tensor = new_tensor(MICA_DTYPE_F32, 2, 32, 32);
    ((float *)mica_tensor_data_mut(tensor))[500] = INFINITY;
    expect_refused(with_weight("encoder.layer.2.attention.self.value.weight", tensor),
                   MICA_STATUS_NOT_FINITE, "encoder.layer.2.attention.self.value.weight");
    expect_refused_once(with_weight("encoder.layer.2.attention.self.value.weight", tensor),
                        "'encoder.layer.2.attention.self.value.weight': element 500 of 1024");
    mica_tensor_release(&tensor);
}

/* Tables are too large to look through: their bad rows are found when they reach an output. */
static void test_table_not_finite(void **state)
{
    mica_tensor *tensor = new_tensor(MICA_DTYPE_F32, 2, 61, 32);
    mica_context *context = new_context(1);
    int32_t good[2] = {1, 2}, bad[2] = {1, 7};
    mica_sequence sequences[2] = {{good, NULL, NULL, 2}, {bad, NULL, NULL, 2}};
    mica_outputs *outputs = NULL;
    mica_error err = {0};

    ((float *)mica_tensor_data_mut(tensor))[7 * 32 + 3] = NAN;
    mica_model *model =
        open_model(context, with_weight("embeddings.word_embeddings.weight", tensor));
    mica_session *session = new_session(model);
    must(mica_forward(session, sequences, 1, NULL, &outputs, &err), &err);
    mica_outputs_destroy(&outputs);
    expect(mica_forward(session, sequences, 2, NULL, &outputs, &err), &err, MICA_STATUS_NOT_FINITE,
           "'embeddings.word_embeddings.weight' holds nan at row 7, column 3");
    assert_null(outputs);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    mica_tensor_release(&tensor);

    /* Finite weights whose product is not. */
    tensor = new_tensor(MICA_DTYPE_F32, 1, 32, 0);
    for (int i = 0; i < 32; i++)
        ((float *)mica_tensor_data_mut(tensor))[i] = 3e38f;
    model = open_model(context, with_weight("encoder.layer.2.output.LayerNorm.weight", tensor));
    session = new_session(model);
    expect(mica_forward(session, sequences, 1, NULL, &outputs, &err), &err, MICA_STATUS_NOT_FINITE,
           "sequence 0: last_hidden_state is not finite");
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    mica_tensor_release(&tensor);
    mica_context_destroy(&context);
}

static void test_damaged_files(void **state)
{
    const char *dir = copy_of("bert-base", "damaged"), *path = path_in(dir, "model.safetensors");
    size_t size;
    char *data = read_whole(path, &size);

    write_bytes(path, data, size - 100);
    expect_refused(dir, MICA_STATUS_FORMAT, "model.safetensors");
    write_text(path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n");
    expect_refused(dir, MICA_STATUS_FORMAT, "git-lfs");
    write_text(path, "");
    expect_refused(dir, MICA_STATUS_FORMAT, "model.safetensors");
    free(data);
    dir = copy_of("st-plain", "tokenizer");
    edit(path_in(dir, "tokenizer.json"), "\"vocab\"", "\"vacab\"");
    expect_refused(dir, MICA_STATUS_FORMAT, "'vocab'");
}

static void test_modules(void **state)
{
    static const struct {
        const char *file, *from, *to;
        mica_status status;
        const char *part;
    } cases[] = {
        {"modules.json", "transformer.Transformer", "WordEmbeddings", MICA_STATUS_UNSUPPORTED,
         "'WordEmbeddings'"},
        {"modules.json", "layer_norm.LayerNorm", "router.Router", MICA_STATUS_UNSUPPORTED,
         "'Router'"},
        {"modules.json", "1_Pooling", "../1_Pooling", MICA_STATUS_FORMAT, "leads out"},
        {"modules.json", "1_Pooling", "/etc", MICA_STATUS_FORMAT, "'/etc' leads out"},
        {"modules.json", "1_Pooling", "a/../../1_Pooling", MICA_STATUS_FORMAT, "leads out"},
        {"modules.json", "pooling.Pooling", "dropout.Dropout", MICA_STATUS_UNSUPPORTED,
         "before Pooling"},
        {"modules.json", "[", "{\"a\": [", MICA_STATUS_FORMAT, "modules.json"},
        {"1_Pooling/config.json", "\"lasttoken\"", "\"middle\"", MICA_STATUS_UNSUPPORTED,
         "'middle'"},
        {"1_Pooling/config.json", "\"lasttoken\"", "5", MICA_STATUS_FORMAT, "not a string"},
        {"2_Dense/config.json", "\"in_features\": 48", "\"in_features\": 49", MICA_STATUS_SHAPE,
         "linear.weight"},
        {"2_Dense/config.json", "\"bias\": false", "\"bias\": true", MICA_STATUS_NOT_FOUND,
         "linear.bias"},
        {"2_Dense/config.json", "torch.nn.modules.linear.Identity", "torch.nn.Wobble",
         MICA_STATUS_UNSUPPORTED, "'torch.nn.Wobble'"},
        {"2_Dense/config.json", "torch.nn.modules.linear.Identity", "mine.Tanh",
         MICA_STATUS_UNSUPPORTED, "'mine.Tanh'"},
        {"2_Dense/config.json", "\"module_input_name\": \"sentence_embedding\"",
         "\"module_input_name\": \"token_embeddings\"", MICA_STATUS_UNSUPPORTED,
         "token_embeddings"},
        {"5_Dense/config.json", "\"in_features\": 16", "\"in_features\": true", MICA_STATUS_FORMAT,
         "5_Dense/config.json: in_features"},
        {"7_LayerNorm/config.json", "10", "11", MICA_STATUS_SHAPE, "norm.weight"},
        {"sentence_bert_config.json", "feature-extraction", "sequence-classification",
         MICA_STATUS_UNSUPPORTED, "sequence-classification"},
        {"config_sentence_transformers.json", "\"default_prompt_name\": null",
         "\"default_prompt_name\": \"who\"", MICA_STATUS_FORMAT, "'who'"},
        {"config_sentence_transformers.json", "\"query\": \"\"", "\"query\": 7", MICA_STATUS_FORMAT,
         "query is 7"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *dir = copy_of("st-chain", "modules");

        edit(path_in(dir, cases[i].file), cases[i].from, cases[i].to);
        expect_refused(dir, cases[i].status, cases[i].part);
    }
}

static void test_module_weights(void **state)
{
    mica_tensor *tensor = new_tensor(MICA_DTYPE_F32, 2, 16, 48);
    const char *bad = copy_of("st-chain", "badweights");

    ((float *)mica_tensor_data_mut(tensor))[100] = NAN;
    rewrite_weights(path_in(bad, "2_Dense/model.safetensors"), "linear.weight", tensor,
                    MICA_DTYPE_F32);
    expect_refused(bad, MICA_STATUS_NOT_FINITE, "2_Dense/linear.weight");
    mica_tensor_release(&tensor);
    const char *dir = copy_of("st-chain", "noweights");

    remove(path_in(dir, "2_Dense/model.safetensors"));
    expect_refused(dir, MICA_STATUS_NOT_FOUND, "2_Dense");
}

static void test_bad_references(void **state)
{
    mica_context *context = new_context(1);
    mica_model *model = open_model(context, fixture("bert-base"));
    mica_session *session = new_session(model);
    mica_difference *rows = NULL;
    size_t count = 1;
    mica_error err = {0};
    const char *dir = new_folder("references"), *path = path_in(dir, "r.safetensors");
    mica_tensor *ids = new_tensor(MICA_DTYPE_I64, 2, 2, 3),
                *flat = new_tensor(MICA_DTYPE_I64, 1, 3, 0);
    mica_tensor *real = new_tensor(MICA_DTYPE_F32, 2, 2, 3);
    const struct {
        mica_named_tensor list[2];
        size_t count;
        mica_status status;
        const char *part;
    } cases[] = {
        {{{"attention_mask", ids}}, 1, MICA_STATUS_NOT_FOUND, "no input_ids"},
        {{{"input_ids", flat}}, 1, MICA_STATUS_SHAPE, "input_ids"},
        {{{"input_ids", real}}, 1, MICA_STATUS_FORMAT, "float32"},
        {{{"input_ids", ids}}, 1, MICA_STATUS_NOT_FOUND, "nothing to compare"},
        {{{"input_ids", ids}, {"attention_mask", flat}}, 2, MICA_STATUS_SHAPE, "attention_mask"},
        {{{"input_ids", ids}, {"last_hidden_state", real}},
         2,
         MICA_STATUS_SHAPE,
         "last_hidden_state"},
    };

    expect(mica_verify(session, path_in(dir, "none"), 0, &rows, &count, &err), &err,
           MICA_STATUS_NOT_FOUND, "none");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        must(mica_tensors_save(path, cases[i].list, cases[i].count, &err), &err);
        expect(mica_verify(session, path, 0, &rows, &count, &err), &err, cases[i].status,
               cases[i].part);
        assert_null(rows);
        assert_int_equal(count, 0);
    }
    expect(mica_verify(session, path, -1, &rows, &count, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
           "tolerance");
    mica_tensor_release(&ids);
    mica_tensor_release(&flat);
    mica_tensor_release(&real);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    mica_context_destroy(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_model),
        cmocka_unit_test(test_configurations),
        cmocka_unit_test(test_config_is_no_object),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_weights_not_finite),
        cmocka_unit_test(test_table_not_finite),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_module_weights),
        cmocka_unit_test(test_bad_references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
