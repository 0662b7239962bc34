/* SPDX-License-Identifier: MIT
 *
 * Checkpoints as a whole: the choice of the file, sharded indices, names, quantised weights.
 */
#include "checkpoint/support.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "checkpoint/names.h"

/* A folder that a test fills and empties again. */
static const char *folder;

static const char *inside(const char *name)
{
    static char path[4][1200];
    static unsigned next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static int make_folder(void **state)
{
    static char kept[1024];
    snprintf(kept, sizeof kept, "%s", temporary_folder("folder"));
    folder = kept;
    return 0;
}

static int remove_folder(void **state)
{
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (e->d_name[0] != '.')
            remove(inside(e->d_name));
    if (dir)
        closedir(dir);
    return remove(folder);
}

static void copy_fixture(const char *name, const char *as)
{
    size_t size;
    unsigned char *data = read_whole(fixture(name), &size);
    write_file(inside(as), data, size);
    mica_free(data);
}

/* A safetensors file of one-element U8 tensors with these names; element i is i + 1. */
static void write_named(const char *path, const char *const *names, size_t count)
{
    mica_buf header, file;
    mica_buf_init(&header, 1 << 16);
    mica_buf_char(&header, '{');
    for (size_t i = 0; i < count; i++)
        mica_buf_printf(&header,
                        "%s\"%s\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%zu,%zu]}",
                        i ? "," : "", names[i], i, i + 1);
    mica_buf_char(&header, '}');
    build_safetensors(&file, mica_buf_cstr(&header), count);
    write_file(path, file.data, file.size);
    mica_buf_free(&file);
    mica_buf_free(&header);
}

static mica_status try_open(const char *config, const mica_log_sink *log, mica_checkpoint **out,
                            mica_error *err)
{
    mica_json *json = NULL;
    if (config)
        assert_int_equal(mica_json_parse(config, strlen(config), "config", &json, err), MICA_OK);
    mica_status status =
        mica_checkpoint_open(folder, json ? mica_json_root(json) : NULL, log, out, err);
    mica_json_destroy(&json);
    return status;
}

static mica_checkpoint *open_folder(const char *config)
{
    mica_checkpoint *c;
    mica_error err = {0};
    if (try_open(config, NULL, &c, &err))
        fail_msg("%s", err.message);
    return c;
}

static void expect_folder_refused(const char *config, mica_status expected, const char *part)
{
    mica_checkpoint *c = (mica_checkpoint *)&c;
    mica_error err = {0};
    mica_status status = try_open(config, NULL, &c, &err);
    assert_null(c);
    expect_error(status, &err, expected, part);
}

static unsigned first_byte(mica_checkpoint *c, const char *name, const char *prefix)
{
    mica_tensor *t;
    mica_error err = {0};
    if (mica_checkpoint_get(c, name, prefix, &t, &err))
        fail_msg("%s", err.message);
    unsigned value = *(const unsigned char *)mica_tensor_data(t);
    mica_tensor_release(&t);
    return value;
}

/* -- The choice of the file -- */

static void prefers_safetensors(void **state)
{
    static const char *const order[] = {"pytorch_model.bin.index.json", "pytorch_model.bin",
                                        "model.safetensors.index.json", "model.safetensors"};
    static const char *const sources[] = {
        "pytorch_model.bin.index.json (2 files)", "pytorch_model.bin (zip)",
        "model.safetensors.index.json (2 files)", "model.safetensors"};
    copy_fixture("sharded/model-00001-of-00002.safetensors", "model-00001-of-00002.safetensors");
    copy_fixture("sharded/model-00002-of-00002.safetensors", "model-00002-of-00002.safetensors");
    copy_fixture("sharded-bin/pytorch_model-00001-of-00002.bin",
                 "pytorch_model-00001-of-00002.bin");
    copy_fixture("sharded-bin/pytorch_model-00002-of-00002.bin",
                 "pytorch_model-00002-of-00002.bin");
    for (size_t i = 0; i < 4; i++) {
        copy_fixture(i == 0   ? "sharded-bin/pytorch_model.bin.index.json"
                     : i == 1 ? "state.bin"
                     : i == 2 ? "sharded/model.safetensors.index.json"
                              : "plain.safetensors",
                     order[i]);
        mica_checkpoint *c = open_folder(NULL);
        assert_string_equal(mica_checkpoint_source(c), sources[i]);
        mica_checkpoint_close(&c);
    }
}

static void config_may_name_the_file(void **state)
{
    const char *const good[] = {"good"};
    const char *const other[] = {"other"};
    write_named(inside("model.safetensors"), other, 1);
    write_named(inside("mine.safetensors"), good, 1);
    mica_checkpoint *c = open_folder("{\"transformers_weights\":\"mine.safetensors\"}");
    assert_true(mica_checkpoint_has(c, "good", NULL));
    assert_string_equal(mica_checkpoint_source(c), "mine.safetensors");
    mica_checkpoint_close(&c);
    c = open_folder("{\"transformers_weights\":null}");
    assert_true(mica_checkpoint_has(c, "other", NULL));
    mica_checkpoint_close(&c);
    expect_folder_refused("{\"transformers_weights\":\"no.safetensors\"}", MICA_STATUS_NOT_FOUND,
                          "names the weight file 'no.safetensors'");
    expect_folder_refused("{\"transformers_weights\":\"../mine.safetensors\"}", MICA_STATUS_FORMAT,
                          "not a path below");
    expect_folder_refused("{\"transformers_weights\":5}", MICA_STATUS_FORMAT, "a number");
}

static void says_what_it_looked_for(void **state)
{
    expect_folder_refused(NULL, MICA_STATUS_NOT_FOUND,
                          "looked for model.safetensors, model.safetensors.index.json, "
                          "pytorch_model.bin, pytorch_model.bin.index.json");
    write_text(inside("tf_model.h5"), "x");
    expect_folder_refused(NULL, MICA_STATUS_NOT_FOUND,
                          "only TensorFlow/Flax weights found (tf_model.h5)");
    expect_folder_refused(NULL, MICA_STATUS_NOT_FOUND, "safetensors");
    remove(inside("tf_model.h5"));
    write_text(inside("flax_model.msgpack"), "x");
    expect_folder_refused(NULL, MICA_STATUS_NOT_FOUND, "(flax_model.msgpack)");
    remove(inside("flax_model.msgpack"));
    write_text(inside("model.ckpt.index"), "x");
    expect_folder_refused(NULL, MICA_STATUS_NOT_FOUND, "(model.ckpt.index)");
    mica_checkpoint *c;
    mica_error err = {0};
    expect_error(mica_checkpoint_open(inside("nowhere"), NULL, NULL, &c, &err), &err,
                 MICA_STATUS_NOT_FOUND, "is not a folder");
    expect_error(mica_checkpoint_open_file(inside("nowhere"), &c, &err), &err,
                 MICA_STATUS_NOT_FOUND, "nowhere");
}

/* -- Sharded -- */

static void reads_shards(void **state)
{
    static const char *const files[] = {"sharded/model.safetensors.index.json",
                                        "sharded-bin/pytorch_model.bin.index.json"};
    for (size_t i = 0; i < 2; i++) {
        mica_checkpoint *c;
        mica_tensor *t;
        mica_error err = {0};
        if (mica_checkpoint_open_file(fixture(files[i]), &c, &err))
            fail_msg("%s", err.message);
        assert_int_equal(mica_checkpoint_count(c), 4);
        assert_int_equal(mica_checkpoint_get(c, "encoder.LayerNorm.weight", "bert", &t, &err),
                         MICA_OK);
        assert_true(((const float *)mica_tensor_data(t))[1] == 2.0f);
        mica_tensor_release(&t);
        assert_int_equal(mica_checkpoint_get(c, "encoder.LayerNorm.bias", "bert", &t, &err),
                         MICA_OK);
        assert_true(((const float *)mica_tensor_data(t))[1] == 4.0f);
        mica_checkpoint_close(&c);
        assert_true(((const float *)mica_tensor_data(t))[0] == 3.0f); /* outlives it */
        mica_tensor_release(&t);
    }
}

static void checks_the_index(void **state)
{
    static const struct {
        const char *index;
        mica_status status;
        const char *part;
    } cases[] = {
        {"{}", MICA_STATUS_FORMAT, "no object \"weight_map\""},
        {"[]", MICA_STATUS_FORMAT, "no object \"weight_map\""},
        {"{\"weight_map\":[]}", MICA_STATUS_FORMAT, "no object \"weight_map\""},
        {"{\"weight_map\":{\"a\":1}}", MICA_STATUS_FORMAT, "gives tensor 'a' a number"},
        {"{\"weight_map\":{\"a\":null}}", MICA_STATUS_FORMAT, "not a file name"},
        {"{\"weight_map\":{\"a\":\"\"}}", MICA_STATUS_FORMAT, "not a path below"},
        {"{\"weight_map\":{\"a\":\"../one.safetensors\"}}", MICA_STATUS_FORMAT, "not a path below"},
        {"{\"weight_map\":{\"a\":\"x/../one.safetensors\"}}", MICA_STATUS_FORMAT,
         "not a path below"},
        {"{\"weight_map\":{\"a\":\"x/..\"}}", MICA_STATUS_FORMAT, "not a path below"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", MICA_STATUS_FORMAT, "'/etc/passwd', which is"},
        {"{\"weight_map\":{\"a\":\"x\\\\one.safetensors\"}}", MICA_STATUS_FORMAT,
         "not a path below"},
        {"{\"weight_map\":{\"a\":\"one.safetensors\\u0000\"}}", MICA_STATUS_FORMAT,
         "not a path below"},
        {"{\"weight_map\":{\"a\":\"C:one.safetensors\"}}", MICA_STATUS_FORMAT, "not a path below"},
        {"{\"weight_map\":{\"a\":\"three.safetensors\"}}", MICA_STATUS_NOT_FOUND,
         "names the weight file 'three.safetensors'"},
        {"{\"weight_map\":{\"a\":\"two.safetensors\"}}", MICA_STATUS_FORMAT,
         "tensor 'a' should be in 'two.safetensors'"},
        {"{\"weight_map\":{\"a\":\"one.safetensors\",\"a\":\"one.safetensors\"}}",
         MICA_STATUS_FORMAT, "index.json"},
        {"{\"weight_map\":", MICA_STATUS_FORMAT, "index.json"},
        {"", MICA_STATUS_FORMAT, "index.json"},
        {"version https://git-lfs.github.com/spec/v1\n", MICA_STATUS_FORMAT, "git-lfs pointer"},
        {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}",
         MICA_STATUS_FORMAT, "tensor 'both' is both in"},
    };
    static const char *const one[] = {"a", "both"}, *const two[] = {"b", "both", "unlisted"};
    write_named(inside("one.safetensors"), one, 2);
    write_named(inside("two.safetensors"), two, 3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text(inside("model.safetensors.index.json"), cases[i].index);
        expect_folder_refused(NULL, cases[i].status, cases[i].part);
        expect_folder_refused(NULL, cases[i].status, "model.safetensors.index.json");
    }
}

static void the_index_decides(void **state)
{
    static const char *const one[] = {"a", "both"}, *const two[] = {"b", "c", "both", "unlisted"};
    write_named(inside("one.safetensors"), one, 2);
    write_named(inside("two.safetensors"), two, 4);
    write_text(inside("model.safetensors.index.json"),
               "{\"metadata\":{\"total_size\":\"lots\"},\"weight_map\":{\"a\":\"one.safetensors\","
               "\"both\":\"two.safetensors\"}}");
    mica_checkpoint *c = open_folder(NULL);
    assert_int_equal(mica_checkpoint_count(c), 5);
    assert_int_equal(first_byte(c, "both", NULL), 3); /* the one of two.safetensors */
    assert_int_equal(first_byte(c, "unlisted", NULL), 4);
    mica_checkpoint_close(&c);
    write_text(inside("model.safetensors.index.json"),
               "{\"weight_map\":{\"both\":\"one.safetensors\",\"b\":\"two.safetensors\"}}");
    c = open_folder(NULL);
    assert_int_equal(first_byte(c, "both", NULL), 2);
    mica_checkpoint_close(&c);
}

/* -- Names -- */

static void old_names_become_modern(void **state)
{
    static const char *const names[] = {
        "x.LayerNorm.gamma", "x.LayerNorm.beta",   "gamma", "x.gamma", "LayerNorm.gamma",
        "x.layernorm.beta",  "x.LayerNorm.gamma.y"};
    static const char *const modern[] = {
        "x.LayerNorm.weight", "x.LayerNorm.bias",   "gamma", "x.gamma", "LayerNorm.weight",
        "x.layernorm.beta",   "x.LayerNorm.gamma.y"};
    write_named(inside("model.safetensors"), names, 7);
    mica_checkpoint *c = open_folder(NULL);
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(mica_checkpoint_name(c, i), modern[i]);
        assert_int_equal(first_byte(c, modern[i], NULL), i + 1);
    }
    assert_false(mica_checkpoint_has(c, "x.LayerNorm.gamma", NULL));
    mica_checkpoint_close(&c);
}

static void the_modern_spelling_wins(void **state)
{
    static const char *const names[] = {"x.LayerNorm.gamma", "x.LayerNorm.weight"};
    captured lines;
    mica_log_sink log = capture(&lines);
    write_named(inside("model.safetensors"), names, 2);
    mica_checkpoint *c = open_folder(NULL);
    assert_int_equal(first_byte(c, "x.LayerNorm.weight", NULL), 2);
    assert_true(mica_checkpoint_has(c, "x.LayerNorm.gamma", NULL));
    mica_checkpoint_warn_unused(c, NULL, &log);
    assert_non_null(strstr(lines.text, "x.LayerNorm.gamma"));
    mica_checkpoint_close(&c);
}

static void prefixes_are_optional(void **state)
{
    char longest[600];
    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    char prefixed[700];
    snprintf(prefixed, sizeof prefixed, "bert.%s", longest);
    const char *const names[] = {"bert.a", "b", "bert.c", "c", "bertd", prefixed};
    mica_error err = {0};
    mica_tensor *t;
    write_named(inside("model.safetensors"), names, 6);
    mica_checkpoint *c = open_folder(NULL);
    assert_int_equal(first_byte(c, "a", "bert"), 1);
    assert_int_equal(first_byte(c, "bert.a", "bert"), 1);
    assert_int_equal(first_byte(c, "bert.b", "bert"), 2);
    assert_int_equal(first_byte(c, "b", "bert"), 2);
    assert_int_equal(first_byte(c, "bert.c", "bert"), 3); /* as it is comes first */
    assert_int_equal(first_byte(c, "c", "bert"), 4);
    assert_int_equal(first_byte(c, longest, "bert"), 6);
    assert_false(mica_checkpoint_has(c, "a", NULL));
    assert_false(mica_checkpoint_has(c, "a", ""));
    assert_false(mica_checkpoint_has(c, "d", "bert"));
    assert_false(mica_checkpoint_has(c, "bert.", "bert"));
    assert_false(mica_checkpoint_has(c, longest, "brrt"));
    expect_error(mica_checkpoint_get(c, "z", "bert", &t, &err), &err, MICA_STATUS_NOT_FOUND,
                 "no tensor 'z', with or without 'bert.' (it has 6 tensors)");
    expect_error(mica_checkpoint_get(c, "z", NULL, &t, &err), &err, MICA_STATUS_NOT_FOUND,
                 "model.safetensors' has no tensor 'z' (");
    assert_null(t);
    mica_checkpoint_close(&c);
}

static void patterns_match(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool match;
    } cases[] = {
        {"a", "a", true},       {"a", "b", false},         {"a", "ab", false},
        {"", "", true},         {"", "a", false},          {"*", "", true},
        {"*", "abc", true},     {"a*", "abc", true},       {"a*", "ba", false},
        {"*c", "abc", true},    {"*c", "abcd", false},     {"*b*", "abc", true},
        {"a*c", "abcbc", true}, {"a*b*c", "axxbyc", true}, {"a*b*c", "axxcyb", false},
        {"**", "x", true},      {"*ab", "aab", true},      {"a*a", "a", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (mica_names_match(cases[i].pattern, cases[i].name) != cases[i].match)
            fail_msg("'%s' on '%s'", cases[i].pattern, cases[i].name);
    static const char *const harmless[] = {
        "embeddings.position_ids",
        "bert.embeddings.position_ids",
        "embeddings.token_type_ids",
        "model.layers.3.self_attn.rotary_emb.inv_freq",
        "rotary_emb.inv_freq",
        "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
        "h.0.attn.bias",
        "h.0.attn.masked_bias",
        "cls.seq_relationship.weight",
        "pooler.dense.bias",
        "bert.pooler.dense.weight",
        "lm_head.weight",
        "bn.num_batches_tracked",
        "model.encoder.model.embed_positions.weights"};
    static const char *const harmful[] = {
        "encoder.weight",       "classifier.weight", "xpooler.weight", "position_ids2",
        "cls.predictions.bias", "xattn.bias",        "lm_headx.weight"};
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (!mica_names_harmless(harmless[i]))
            fail_msg("'%s' is harmless", harmless[i]);
    for (size_t i = 0; i < sizeof harmful / sizeof *harmful; i++)
        if (mica_names_harmless(harmful[i]))
            fail_msg("'%s' is not harmless", harmful[i]);
}

static void warns_once_of_unused_tensors(void **state)
{
    static const char *const names[] = {"u1",     "u2",     "used", "u3", "pooler.dense.bias",
                                        "mine.a", "x.mine", "exact"};
    static const char *const ignored[] = {"mine.*", "*.mine", "exact", NULL};
    captured lines;
    mica_log_sink log = capture(&lines);
    write_named(inside("model.safetensors"), names, 8);
    mica_checkpoint *c = open_folder(NULL);
    first_byte(c, "used", NULL);
    mica_checkpoint_warn_unused(c, ignored, &log);
    assert_int_equal(lines.lines, 1);
    assert_string_equal(lines.text, "model.safetensors: 3 tensors are not used: u1, u2, u3\n");
    log = capture(&lines);
    mica_checkpoint_warn_unused(c, NULL, &log);
    assert_string_equal(lines.text,
                        "model.safetensors: 6 tensors are not used: u1, u2, u3, mine.a, "
                        "x.mine, ...\n");
    mica_checkpoint_warn_unused(c, NULL, NULL);
    first_byte(c, "u1", NULL);
    first_byte(c, "u2", NULL);
    first_byte(c, "u3", NULL);
    log = capture(&lines);
    mica_checkpoint_warn_unused(c, ignored, &log);
    assert_int_equal(lines.lines, 0);
    mica_checkpoint_close(&c);
}

/* -- Quantised weights -- */

static void config_betrays_quantisation(void **state)
{
    static const struct {
        const char *config, *part;
    } cases[] = {
        {"{\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4}}", "quant_method gptq"},
        {"{\"quantization_config\":{\"quant_method\":\"fp8\"}}", "quant_method fp8"},
        {"{\"quantization_config\":{\"load_in_8bit\":true}}", "quant_method bitsandbytes"},
        {"{\"quantization_config\":{}}", "quant_method not named"},
        {"{\"quantization\":{\"group_size\":64,\"bits\":4}}", "quant_method mlx"},
    };
    static const char *const names[] = {"a"};
    write_named(inside("model.safetensors"), names, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_folder_refused(cases[i].config, MICA_STATUS_UNSUPPORTED, cases[i].part);
    mica_checkpoint *c = open_folder("{\"quantization_config\":null,\"quantization\":null}");
    mica_checkpoint_close(&c);
}

static void tensors_betray_quantisation(void **state)
{
    static const char *const signs[] = {
        "l.0.qweight",       "l.0.qzeros",
        "l.0.g_idx",         "l.0.weight_scale_inv",
        "l.0.SCB",           "l.0.absmax",
        "l.0.weight.absmax", "l.0.weight.quant_state.bitsandbytes__nf4",
        "l.0.weight_packed"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        const char *const names[] = {"l.0.weight", signs[i]};
        write_named(inside("model.safetensors"), names, 2);
        expect_folder_refused(NULL, MICA_STATUS_UNSUPPORTED, signs[i]);
    }
    static const char *const plain[] = {"l.0.weight", "l.0.scales", "l.0.biases", "absmax"};
    write_named(inside("model.safetensors"), plain, 4);
    mica_checkpoint *c = open_folder(NULL); /* the weight is not packed */
    mica_checkpoint_close(&c);
    mica_buf file;
    build_safetensors(&file,
                      "{\"l.weight\":{\"dtype\":\"U32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                      "\"l.scales\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[4,5]},"
                      "\"l.biases\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[5,6]}}",
                      6);
    write_file(inside("model.safetensors"), file.data, file.size);
    mica_buf_free(&file);
    expect_folder_refused(NULL, MICA_STATUS_UNSUPPORTED, "MLX");
}

/* -- Real files -- */

static void real_files_open(void **state)
{
    static const char *const names[] = {
        "retsim",           "model2vec-test/float16", "model2vec-test/float32", "stories260K-hf",
        "random-tiny_bert", "random-tiny_nomic",      "random-tiny_modernbert"};
    size_t seen = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[1024];
        mica_checkpoint *c;
        mica_error err = {0};
        snprintf(path, sizeof path, "%s/checkpoints/%s/model.safetensors", MICA_SHARED_DATA,
                 names[i]);
        if (!mica_file_exists(path))
            continue;
        seen++;
        if (mica_checkpoint_open_file(path, &c, &err))
            fail_msg("%s", err.message);
        assert_true(mica_checkpoint_count(c) > 0);
        for (size_t k = 0; k < mica_checkpoint_count(c); k++) {
            mica_tensor *t;
            if (mica_checkpoint_get(c, mica_checkpoint_name(c, k), NULL, &t, &err))
                fail_msg("%s", err.message);
            mica_tensor_release(&t);
        }
        mica_checkpoint_close(&c);
    }
    if (!seen) {
        print_message("skipped: no checkpoints at %s\n", MICA_SHARED_DATA);
        skip();
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(prefers_safetensors),
        IN_FOLDER(config_may_name_the_file),
        IN_FOLDER(says_what_it_looked_for),
        cmocka_unit_test(reads_shards),
        IN_FOLDER(checks_the_index),
        IN_FOLDER(the_index_decides),
        IN_FOLDER(old_names_become_modern),
        IN_FOLDER(the_modern_spelling_wins),
        IN_FOLDER(prefixes_are_optional),
        cmocka_unit_test(patterns_match),
        IN_FOLDER(warns_once_of_unused_tensors),
        IN_FOLDER(config_betrays_quantisation),
        IN_FOLDER(tensors_betray_quantisation),
        cmocka_unit_test(real_files_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
