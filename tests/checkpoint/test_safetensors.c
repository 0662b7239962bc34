/* SPDX-License-Identifier: MIT
 *
 * Reading and writing safetensors: the reference's files, and every row of its list of rejections.
 */
#include "checkpoint/support.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"

static mica_checkpoint *open_fixture(const char *name)
{
    mica_checkpoint *checkpoint;
    mica_error err = {0};
    if (mica_checkpoint_open_file(fixture(name), &checkpoint, &err))
        fail_msg("%s", err.message);
    return checkpoint;
}

static void reads_every_dtype(void **state)
{
    mica_checkpoint *c = open_fixture("plain.safetensors");
    expect_contents(c, fixture("plain.safetensors.json"));
    assert_string_equal(mica_checkpoint_source(c), "plain.safetensors");
    mica_checkpoint_close(&c);
    assert_null(c);
}

static void reads_any_order_and_alignment(void **state)
{
    static const char *const order[] = {"u8",   "f32.matrix",  "empty", "i64",
                                        "bool", "f16.special", "f64",   "scalar"};
    mica_checkpoint *c = open_fixture("unaligned.safetensors");
    expect_contents(c, fixture("unaligned.safetensors.json"));
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(mica_checkpoint_name(c, i), order[i]);
    mica_checkpoint_close(&c);
}

static void tensors_outlive_the_file(void **state)
{
    mica_tensor_file *file;
    mica_tensor *view, *copy;
    mica_error err = {0};
    assert_int_equal(mica_tensor_file_open(fixture("plain.safetensors"), &file, &err), MICA_OK);
    assert_int_equal(mica_tensor_file_count(file), 18);
    assert_int_equal(mica_tensor_file_get(file, "f32.matrix", &view, &err), MICA_OK);
    assert_int_equal(mica_tensor_file_get(file, "f32.matrix", &copy, &err), MICA_OK);
    assert_ptr_equal(mica_tensor_data(view), mica_tensor_data(copy)); /* both map the file */
    mica_tensor_release(&copy);
    copy = view;
    expect_error(mica_tensor_file_get(file, "nobody", &view, &err), &err, MICA_STATUS_NOT_FOUND,
                 "no tensor 'nobody'");
    assert_null(view);
    mica_tensor_file_close(&file);
    assert_null(file);
    float sum = 0;
    for (int i = 0; i < 15; i++)
        sum += ((const float *)mica_tensor_data(copy))[i];
    assert_true(sum == sum);
    mica_tensor_release(&copy);
}

static void exotic_types_open_and_are_refused_when_asked_for(void **state)
{
    mica_checkpoint *c = open_fixture("exotic.safetensors");
    mica_tensor *t;
    mica_error err = {0};
    assert_int_equal(mica_checkpoint_count(c), 3);
    assert_int_equal(mica_checkpoint_get(c, "fine", NULL, &t, &err), MICA_OK);
    mica_tensor_release(&t);
    expect_error(mica_checkpoint_get(c, "f8", NULL, &t, &err), &err, MICA_STATUS_UNSUPPORTED,
                 "tensor 'f8': its type F8_E4M3");
    expect_error(mica_checkpoint_get(c, "c64", NULL, &t, &err), &err, MICA_STATUS_UNSUPPORTED,
                 "C64");
    assert_null(t);
    mica_checkpoint_close(&c);
}

/* A header over some bytes of data, and what must be said about it. NULL: it is fine. */
static const struct {
    const char *header;
    size_t data;
    mica_status status;
    const char *part;
} headers[] = {
    {"{}", 0, MICA_OK, NULL},
    {"{\"__metadata__\":null}", 0, MICA_OK, NULL},
    {"{\"__metadata__\":{\"a\":\"b\"}}", 0, MICA_OK, NULL},
    {"{\"__metadata__\":{\"format\":\"pt\"}}", 0, MICA_OK, NULL},
    {"{\"__metadata__\":{\"format\":\"mlx\"}}", 0, MICA_OK, NULL},
    {"{\"__metadata__\":{\"format\":\"tf\"}}", 0, MICA_STATUS_UNSUPPORTED, "layout of TensorFlow"},
    {"{\"__metadata__\":{\"format\":\"flax\"}}", 0, MICA_STATUS_UNSUPPORTED, "layout of Flax"},
    {"{\"__metadata__\":{\"format\":\"np\"}}", 0, MICA_STATUS_UNSUPPORTED, "format is \"np\""},
    {"{\"__metadata__\":{\"a\":1}}", 0, MICA_STATUS_FORMAT, "__metadata__.a is not a string"},
    {"{\"__metadata__\":[]}", 0, MICA_STATUS_FORMAT, "__metadata__ is not an object"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, MICA_STATUS_FORMAT, "header is not valid"},
    {" \t\r\n{} \t\r\n", 0, MICA_OK, NULL},
    {"[]", 0, MICA_STATUS_FORMAT, "not an object"},
    {"{}x", 0, MICA_STATUS_FORMAT, "header is not valid"},
    {"{", 0, MICA_STATUS_FORMAT, "header is not valid"},
    {"", 0, MICA_STATUS_FORMAT, "header is not valid"},
    {"{\"\xff\":1}", 0, MICA_STATUS_FORMAT, "header is not valid"},
    {"{}", 1, MICA_STATUS_FORMAT, "tensors end at byte 0 of 1"},
    {"{\"a\":7}", 0, MICA_STATUS_FORMAT, "tensor 'a': its entry is not an object"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, MICA_STATUS_FORMAT, "\"dtype\""},
    {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, MICA_STATUS_FORMAT, "\"shape\""},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, MICA_STATUS_FORMAT, "\"data_offsets\""},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, MICA_STATUS_FORMAT,
     "\"data_offsets\" of two"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 1, MICA_STATUS_FORMAT,
     "\"data_offsets\" of two"},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, MICA_STATUS_FORMAT,
     "dtype \"F31\""},
    {"{\"a\":{\"dtype\":\"u8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, MICA_STATUS_FORMAT,
     "dtype \"u8\""},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1, MICA_STATUS_FORMAT,
     "shape holds -1"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1.5],\"data_offsets\":[0,1]}}", 1, MICA_STATUS_FORMAT,
     "shape holds 1.5"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[\"1\"],\"data_offsets\":[0,1]}}", 1, MICA_STATUS_FORMAT,
     "shape holds a string"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1e300],\"data_offsets\":[0,1]}}", 1, MICA_STATUS_FORMAT,
     "shape holds 1"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,0]}}", 1, MICA_STATUS_FORMAT,
     "data_offsets holds -1"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1.25]}}", 1, MICA_STATUS_FORMAT,
     "data_offsets holds 1.25"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, MICA_STATUS_FORMAT,
     "tensor 'a': data_offsets [1, 2] leave a hole"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
     3, MICA_STATUS_FORMAT, "tensor 'b': data_offsets [2, 3] leave a hole"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
     3, MICA_STATUS_FORMAT, "tensor 'b': data_offsets [1, 3] overlap"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
     2, MICA_STATUS_FORMAT, "overlap"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}",
     1, MICA_STATUS_FORMAT, "run backwards"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9007199254740992,9007199254740992],"
     "\"data_offsets\":[0,4]}}",
     4, MICA_STATUS_FORMAT, "overflows"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[4503599627370496,1024],\"data_offsets\":[0,8]}}", 8,
     MICA_STATUS_FORMAT, "overflows"},
    {"{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2, MICA_STATUS_FORMAT,
     "3 elements of F4 do not fill whole bytes"},
    {"{\"a\":{\"dtype\":\"F6_E2M3\",\"shape\":[4],\"data_offsets\":[0,3]}}", 3, MICA_OK, NULL},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, MICA_STATUS_FORMAT,
     "hold 4 bytes, but its shape and dtype F32 take 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,4]}}", 4, MICA_STATUS_FORMAT,
     "take 0"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, MICA_STATUS_FORMAT,
     "ends at byte 4 of 3"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, MICA_STATUS_FORMAT,
     "tensors end at byte 4 of 5"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, MICA_OK, NULL},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
     2, MICA_STATUS_FORMAT, "header is not valid"},
    {"{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
     "\"c\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[1,1]}}",
     1, MICA_OK, NULL},
};

static void checks_the_header(void **state)
{
    const char *path = temporary("header.safetensors");
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        mica_buf file;
        build_safetensors(&file, headers[i].header, headers[i].data);
        write_file(path, file.data, file.size);
        mica_buf_free(&file);
        if (headers[i].part) {
            expect_refused(path, headers[i].status, headers[i].part);
            expect_refused(path, headers[i].status, path); /* the file is named */
            continue;
        }
        mica_checkpoint *c;
        mica_error err = {0};
        if (mica_checkpoint_open_file(path, &c, &err))
            fail_msg("%s: %s", headers[i].header, err.message);
        mica_checkpoint_close(&c);
    }
    remove(path);
}

static void checks_the_length(void **state)
{
    const char *path = temporary("length.safetensors");
    mica_buf file;
    write_file(path, "", 0);
    expect_refused(path, MICA_STATUS_FORMAT, "0 bytes long");
    write_file(path, "1234567", 7);
    expect_refused(path, MICA_STATUS_FORMAT, "7 bytes long");
    static const struct {
        uint64_t size;
        const char *part;
    } lengths[] = {{3, "header is 3 bytes long"},
                   {100000000, "header is 100000000 bytes long"},
                   {100000001, "would be 100000001 bytes"},
                   {UINT64_MAX, "would be 18446744073709551615 bytes"}};
    for (size_t i = 0; i < 4; i++) {
        mica_buf_init(&file, 64);
        put_le(&file, lengths[i].size, 8);
        mica_buf_text(&file, "{}");
        write_file(path, file.data, file.size);
        mica_buf_free(&file);
        expect_refused(path, MICA_STATUS_FORMAT, lengths[i].part);
    }
    write_text(path, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
    expect_refused(path, MICA_STATUS_FORMAT, "git-lfs pointer, not the weights; run git lfs pull");
    remove(path);
}

static void every_truncation_is_refused(void **state)
{
    size_t size;
    unsigned char *data = read_whole(fixture("plain.safetensors"), &size);
    for (size_t i = 0; i < size; i++)
        expect_memory_refused(data, i, "cut.safetensors");
    mica_free(data);
}

static void bools_are_0_or_1(void **state)
{
    const char *path = temporary("bools.safetensors");
    mica_buf file;
    mica_checkpoint *c;
    mica_tensor *t;
    mica_error err = {0};
    build_safetensors(&file, "{\"a\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[0,2]}}",
                      2);
    write_file(path, file.data, file.size);
    mica_buf_free(&file);
    assert_int_equal(mica_checkpoint_open_file(path, &c, &err), MICA_OK);
    expect_error(mica_checkpoint_get(c, "a", NULL, &t, &err), &err, MICA_STATUS_FORMAT,
                 "element 1 is 2");
    mica_checkpoint_close(&c);
    remove(path);
}

static void too_many_dimensions_are_refused_when_asked_for(void **state)
{
    const char *path = temporary("rank.safetensors");
    mica_buf file;
    mica_checkpoint *c;
    mica_tensor *t;
    mica_error err = {0};
    build_safetensors(&file,
                      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],"
                      "\"data_offsets\":[0,1]}}",
                      1);
    write_file(path, file.data, file.size);
    mica_buf_free(&file);
    assert_int_equal(mica_checkpoint_open_file(path, &c, &err), MICA_OK);
    expect_error(mica_checkpoint_get(c, "a", NULL, &t, &err), &err, MICA_STATUS_UNSUPPORTED,
                 "9 dimensions");
    mica_checkpoint_close(&c);
    remove(path);
}

/* -- Writing -- */

static size_t load_all(const char *path, mica_named_tensor *tensors, mica_tensor_file **file)
{
    mica_error err = {0};
    assert_int_equal(mica_tensor_file_open(path, file, &err), MICA_OK);
    size_t count = mica_tensor_file_count(*file);
    for (size_t i = 0; i < count; i++) {
        /* turned round: the writer must bring them into order */
        tensors[i].name = mica_tensor_file_name(*file, count - 1 - i);
        assert_int_equal(mica_tensor_file_get(*file, tensors[i].name, &tensors[i].tensor, &err),
                         MICA_OK);
    }
    return count;
}

static void writes_what_the_reference_writes(void **state)
{
    const char *path = temporary("written.safetensors");
    mica_named_tensor tensors[32];
    mica_tensor_file *file;
    mica_error err = {0};
    size_t wanted_size, size;
    size_t count = load_all(fixture("plain.safetensors"), tensors, &file);
    mica_tensor_file_close(&file);
    /* names belonged to the handle */
    assert_int_equal(mica_tensor_file_open(fixture("plain.safetensors"), &file, &err), MICA_OK);
    for (size_t i = 0; i < count; i++)
        tensors[i].name = mica_tensor_file_name(file, count - 1 - i);
    if (mica_tensors_save(path, tensors, count, &err))
        fail_msg("%s", err.message);
    unsigned char *wanted = read_whole(fixture("plain.safetensors"), &wanted_size);
    unsigned char *written = read_whole(path, &size);
    assert_int_equal(size, wanted_size);
    assert_memory_equal(written, wanted, size);
    mica_free(wanted);
    mica_free(written);
    for (size_t i = 0; i < count; i++)
        mica_tensor_release(&tensors[i].tensor);
    mica_tensor_file_close(&file);
    remove(path);
}

static void writes_only_what_can_be_read(void **state)
{
    const char *path = temporary("bad.safetensors");
    const int64_t dims[] = {2};
    mica_tensor *f, *i;
    mica_error err = {0};
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 1, dims, &f, &err), MICA_OK);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_I8, 1, dims, &i, &err), MICA_OK);
    const mica_named_tensor twice[] = {{"a", f}, {"b", f}, {"a", i}};
    const mica_named_tensor reserved[] = {{"__metadata__", f}};
    const mica_named_tensor bytes[] = {{"\xff", f}};
    const mica_named_tensor nameless[] = {{NULL, f}};
    expect_error(mica_tensors_save(path, twice, 3, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
                 "two tensors are named 'a'");
    expect_error(mica_tensors_save(path, reserved, 1, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
                 "__metadata__");
    expect_error(mica_tensors_save(path, bytes, 1, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
                 "cannot be named");
    expect_error(mica_tensors_save(path, nameless, 1, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
                 "no name");
    assert_false(mica_file_exists(path));
    /* none at all is a file too */
    assert_int_equal(mica_tensors_save(path, NULL, 0, &err), MICA_OK);
    mica_tensor_file *file;
    assert_int_equal(mica_tensor_file_open(path, &file, &err), MICA_OK);
    assert_int_equal(mica_tensor_file_count(file), 0);
    mica_tensor_file_close(&file);
    /* a name that JSON must escape */
    const mica_named_tensor odd[] = {{"a\"\\\n\xc3\xa9", f}};
    assert_int_equal(mica_tensors_save(path, odd, 1, &err), MICA_OK);
    assert_int_equal(mica_tensor_file_open(path, &file, &err), MICA_OK);
    assert_string_equal(mica_tensor_file_name(file, 0), odd[0].name);
    mica_tensor_file_close(&file);
    remove(path);
    mica_tensor_release(&f);
    mica_tensor_release(&i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_dtype),
        cmocka_unit_test(reads_any_order_and_alignment),
        cmocka_unit_test(tensors_outlive_the_file),
        cmocka_unit_test(exotic_types_open_and_are_refused_when_asked_for),
        cmocka_unit_test(checks_the_header),
        cmocka_unit_test(checks_the_length),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(bools_are_0_or_1),
        cmocka_unit_test(too_many_dimensions_are_refused_when_asked_for),
        cmocka_unit_test(writes_what_the_reference_writes),
        cmocka_unit_test(writes_only_what_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
