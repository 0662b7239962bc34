/* SPDX-License-Identifier: MIT
 *
 * PyTorch's files: what torch wrote reads back exactly; whatever is damaged, or wants more than
 * tensors, is refused and says why.
 */
#include "checkpoint/support.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"

static mica_checkpoint *open_path(const char *path)
{
    mica_checkpoint *checkpoint;
    mica_error err = {0};
    if (mica_checkpoint_open_file(path, &checkpoint, &err))
        fail_msg("%s", err.message);
    return checkpoint;
}

static void reads_what_torch_wrote(void **state)
{
    static const struct {
        const char *name, *source;
    } files[] = {
        {"state.bin", "state.bin (zip)"},
        {"state-legacy.bin", "state-legacy.bin (legacy)"},
        {"state-protocol4.bin", "state-protocol4.bin (zip)"},
        {"state-legacy3.bin", "state-legacy3.bin (legacy)"},
        {"state-legacy5.bin", "state-legacy5.bin (legacy)"},
        {"views-legacy.bin", "views-legacy.bin (legacy)"},
        {"python2.bin", "python2.bin (zip)"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char json[64];
        snprintf(json, sizeof json, "%s.json", files[i].name);
        mica_checkpoint *c = open_path(fixture(files[i].name));
        expect_contents(c, fixture(json));
        assert_string_equal(mica_checkpoint_source(c), files[i].source);
        mica_checkpoint_close(&c);
    }
}

static void tied_tensors_share_their_bytes(void **state)
{
    mica_checkpoint *c = open_path(fixture("state.bin"));
    mica_tensor *a, *b;
    mica_error err = {0};
    assert_int_equal(mica_checkpoint_get(c, "tied.a", NULL, &a, &err), MICA_OK);
    assert_int_equal(mica_checkpoint_get(c, "tied.b", NULL, &b, &err), MICA_OK);
    mica_checkpoint_close(&c);
    assert_ptr_equal(mica_tensor_data(a), mica_tensor_data(b));
    mica_tensor_release(&a);
    assert_true(((const float *)mica_tensor_data(b))[0] != 0); /* still mapped */
    mica_tensor_release(&b);
}

static void exotic_tensors_are_refused_when_asked_for(void **state)
{
    static const struct {
        const char *name;
        mica_status status;
        const char *part;
    } cases[] = {{"f8", MICA_STATUS_UNSUPPORTED, "float8_e4m3fn"},
                 {"c64", MICA_STATUS_UNSUPPORTED, "complex64"},
                 {"huge", MICA_STATUS_FORMAT, "it would take 34359738368 bytes"}};
    mica_checkpoint *c = open_path(fixture("exotic.bin"));
    mica_tensor *t;
    mica_error err = {0};
    for (size_t i = 0; i < 3; i++) {
        expect_error(mica_checkpoint_get(c, cases[i].name, NULL, &t, &err), &err, cases[i].status,
                     cases[i].part);
        assert_null(t);
    }
    assert_int_equal(mica_checkpoint_get(c, "fine", NULL, &t, &err), MICA_OK);
    mica_tensor_release(&t);
    mica_checkpoint_close(&c);
}

static void refuses_what_is_no_mapping_of_tensors(void **state)
{
    static const struct {
        const char *name;
        mica_status status;
        const char *part;
    } files[] = {
        {"hostile-system.bin", MICA_STATUS_FORMAT, "wants 'posix.system', which is not allowed"},
        {"hostile-system.bin", MICA_STATUS_FORMAT, "convert it to safetensors"},
        {"hostile-legacy.bin", MICA_STATUS_FORMAT, "wants 'posix.system'"},
        {"hostile-eval.bin", MICA_STATUS_FORMAT, "wants '__builtin__.eval'"},
        {"hostile-getattr.bin", MICA_STATUS_FORMAT, "wants '__builtin__.getattr'"},
        {"hostile-popen.bin", MICA_STATUS_FORMAT, "wants 'commands.Popen'"},
        {"script.bin", MICA_STATUS_UNSUPPORTED, "TorchScript"},
        {"compressed.bin", MICA_STATUS_UNSUPPORTED, "'a/data.pkl': it is compressed (method 8)"},
        {"sparse.bin", MICA_STATUS_UNSUPPORTED, "torch._utils._rebuild_sparse_tensor"},
        {"conj.bin", MICA_STATUS_UNSUPPORTED, "'conj' bit"},
        {"nested.bin", MICA_STATUS_FORMAT, "under 'state_dict'"},
        {"nested.bin", MICA_STATUS_FORMAT, "keys are: state_dict, epoch"},
        {"tensor.bin", MICA_STATUS_FORMAT, "holds tensor instead of a mapping"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        expect_refused(fixture(files[i].name), files[i].status, files[i].part);
}

static void refuses_other_formats_by_name(void **state)
{
    const char *path = temporary("other.bin");
    unsigned char tar[600] = "pickle";
    write_file(path, "PYTORCH1........", 16);
    expect_refused(path, MICA_STATUS_UNSUPPORTED, "PYTORCH1");
    memcpy(tar + 257, "ustar", 5);
    write_file(path, tar, sizeof tar);
    expect_refused(path, MICA_STATUS_UNSUPPORTED, "(tar)");
    write_text(path, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
    expect_refused(path, MICA_STATUS_FORMAT, "git-lfs pointer");
    write_text(path, "hello");
    expect_refused(path, MICA_STATUS_FORMAT, "not a weight file");
    write_text(path, "");
    expect_refused(path, MICA_STATUS_FORMAT, "not a weight file");
    /* a pickle under the name of safetensors is not looked at */
    size_t size;
    unsigned char *data = read_whole(fixture("state.bin"), &size);
    const char *named = temporary("pickle.safetensors");
    write_file(named, data, size);
    mica_free(data);
    expect_refused(named, MICA_STATUS_FORMAT, "safetensors");
    remove(named);
    remove(path);
}

/* -- The container -- */

#define EMPTY_DICT "\x80\x02}."

static void expect_zip_refused(const zip_entry *entries, size_t count, const zip_options *options,
                               mica_status status, const char *part)
{
    const char *path = temporary("zip.bin");
    mica_buf file;
    build_zip(&file, entries, count, options);
    write_file(path, file.data, file.size);
    mica_buf_free(&file);
    expect_refused(path, status, part);
    expect_refused(path, status, path);
    remove(path);
}

static void checks_the_records(void **state)
{
    static const zip_entry version = {"r/version", "3\n", 2},
                           pickle = {"r/data.pkl", EMPTY_DICT, 4};
    const zip_entry none[] = {version};
    const zip_entry no_version[] = {pickle};
    const zip_entry old[] = {pickle, {"r/version", "0\n", 2}};
    const zip_entry newer[] = {pickle, {"r/version", "11\n", 3}};
    const zip_entry words[] = {pickle, {"r/version", "three", 5}};
    const zip_entry big[] = {pickle, version, {"r/byteorder", "big", 3}};
    const zip_entry middle[] = {pickle, version, {"r/byteorder", "middle", 6}};
    const zip_entry twice[] = {pickle, version, pickle};
    const zip_entry script[] = {pickle, version, {"r/constants.pkl", "", 0}};
    expect_zip_refused(none, 1, NULL, MICA_STATUS_FORMAT, "it has no r/data.pkl");
    expect_zip_refused(no_version, 1, NULL, MICA_STATUS_FORMAT, "it has no r/version");
    expect_zip_refused(old, 2, NULL, MICA_STATUS_UNSUPPORTED, "version is '0");
    expect_zip_refused(newer, 2, NULL, MICA_STATUS_UNSUPPORTED, "version is '11");
    expect_zip_refused(words, 2, NULL, MICA_STATUS_UNSUPPORTED, "version is 'three");
    expect_zip_refused(big, 3, NULL, MICA_STATUS_UNSUPPORTED, "big-endian");
    expect_zip_refused(middle, 3, NULL, MICA_STATUS_FORMAT, "byteorder is 'middle'");
    expect_zip_refused(twice, 3, NULL, MICA_STATUS_FORMAT, "'r/data.pkl': there are two");
    expect_zip_refused(script, 3, NULL, MICA_STATUS_UNSUPPORTED, "TorchScript");
    expect_zip_refused(big, 2, &(zip_options){.method = 8}, MICA_STATUS_UNSUPPORTED, "method 8");
    expect_zip_refused(big, 2, &(zip_options){.flags = 1}, MICA_STATUS_UNSUPPORTED, "encrypted");
    expect_zip_refused(NULL, 0, NULL, MICA_STATUS_FORMAT, "not a weight file");
}

static void reads_zip64(void **state)
{
    const char *path = temporary("zip64.bin");
    const zip_entry entries[] = {{"r/version", "10", 2}, {"r/data.pkl", EMPTY_DICT, 4}};
    mica_buf file;
    build_zip(&file, entries, 2, &(zip_options){.zip64 = true});
    write_file(path, file.data, file.size);
    mica_checkpoint *c = open_path(path);
    assert_int_equal(mica_checkpoint_count(c), 0);
    mica_checkpoint_close(&c);
    /* a comment may follow */
    file.data[file.size - 2] = 3;
    mica_buf_text(&file, "abc");
    write_file(path, file.data, file.size);
    c = open_path(path);
    mica_checkpoint_close(&c);
    mica_buf_free(&file);
    remove(path);
}

/* Sets a field at `back` bytes before the end of a small archive and expects a refusal. */
static void expect_patch_refused(bool zip64, size_t back, uint64_t value, size_t size,
                                 const char *part)
{
    const char *path = temporary("patched.bin");
    const zip_entry entries[] = {{"r/version", "3", 1}, {"r/data.pkl", EMPTY_DICT, 4}};
    mica_buf file;
    build_zip(&file, entries, 2, &(zip_options){.zip64 = zip64});
    for (size_t i = 0; i < size; i++)
        file.data[file.size - back + i] = (char)(unsigned char)(value >> (8 * i));
    write_file(path, file.data, file.size);
    mica_buf_free(&file);
    expect_refused(path, MICA_STATUS_FORMAT, part);
    remove(path);
}

static void checks_the_directory(void **state)
{
    /* end record: count at 22-10, size at 22-12, offset at 22-16 */
    expect_patch_refused(false, 22, 0, 4, "has no end record");
    expect_patch_refused(false, 6, 0xffff, 4, "does not lie inside");
    expect_patch_refused(false, 10, 0xffff, 4, "does not lie inside");
    expect_patch_refused(false, 12, 60, 2, "cannot hold 60 entries");
    expect_patch_refused(false, 12, 0, 2, "it has no version");
    expect_patch_refused(false, 6, 1, 4, "directory");
    /* locator: offset of the zip64 record at 42-8; the record at 98: count 32, size 40, offset 48
     */
    expect_patch_refused(true, 34, UINT64_MAX, 8, "zip64 end record");
    expect_patch_refused(true, 34, 3, 8, "zip64 end record");
    expect_patch_refused(true, 98 - 48, UINT64_MAX, 8, "does not lie inside");
    expect_patch_refused(true, 98 - 40, UINT64_MAX, 8, "does not lie inside");
    expect_patch_refused(true, 98 - 32, UINT64_MAX, 8, "cannot hold");
    /* the last central entry, of data.pkl: 46 + 10 bytes before the end record */
    expect_patch_refused(false, 22 + 56, 0, 4, "directory is damaged");
    expect_patch_refused(false, 22 + 56 - 20, 3, 4, "two sizes differ");
    expect_patch_refused(false, 22 + 56 - 28, 900, 2, "directory is damaged");
    expect_patch_refused(false, 22 + 56 - 42, 900, 4, "local header");
    expect_patch_refused(false, 22 + 56 - 42, 1, 4, "local header");
    expect_patch_refused(false, 22 + 56 - 42, 0, 4, "another name");
    expect_patch_refused(false, 22 + 56 - 20, UINT64_C(0x0100000001000000), 8, "inside the file");
    /* its zip64 field: 10 + 33 bytes from the entry's name on */
    expect_patch_refused(true, 98 + 28, 2, 2, "zip64 field is missing");
    expect_patch_refused(true, 98 + 26, 8, 2, "zip64 field is missing");
    expect_patch_refused(true, 98 + 26, 800, 2, "zip64 field is missing");
    expect_patch_refused(true, 98 + 8, UINT64_MAX, 8, "local header");
}

static void every_truncation_is_refused(void **state)
{
    static const char *const names[] = {"python2.bin", "views-legacy.bin", "state.bin",
                                        "state-legacy.bin"};
    for (size_t k = 0; k < 4; k++) {
        size_t size;
        unsigned char *data = read_whole(fixture(names[k]), &size);
        for (size_t i = 0; i < size; i++)
            expect_memory_refused(data, i, "cut.bin");
        mica_free(data);
    }
}

/* -- The pickle. STORAGE pushes storage "0" of 4 floats, TENSOR(...) rebuilds over it. -- */

#define STORAGE_OF(type, key, count)                                                               \
    "(U\x07storagectorch\n" type "\nU\x01" key "U\x03"                                             \
    "cpuK" count "tQ"
#define STORAGE STORAGE_OF("FloatStorage", "0", "\x04")
#define TENSOR(args) "ctorch._utils\n_rebuild_tensor\n(" args "tR"
#define FINE TENSOR(STORAGE "K\x00K\x04\x85K\x01\x85")
#define IN_DICT(value) "\x80\x02}U\x01w" value "s."
#define P(text) text, sizeof text - 1

static const struct {
    const char *pickle;
    size_t size;
    mica_status status;
    const char *part; /* NULL: it is fine */
} pickles[] = {
    {P("\x80\x02}."), MICA_OK, NULL},
    {P(IN_DICT(FINE)), MICA_OK, NULL},
    {P("\x80\x05}U\x01w" FINE "s."), MICA_OK, NULL}, /* any protocol of known opcodes */
    {P(IN_DICT("N")), MICA_OK, NULL},
    {P("\x80\x02}(U\x01"
       "aK\x01U\x01"
       "bJ\xff\xff\xff\xffU\x01"
       "cG\x00\x00\x00\x00\x00\x00\x00\x00u."),
     MICA_OK, NULL},
    {P("\x80\x02}q\x00U\x01wh\x00s."), MICA_OK, NULL}, /* a dict in itself */
    {P("\x80\x02}r\x07\x00\x00\x00U\x01wj\x07\x00\x00\x00s."), MICA_OK, NULL},
    {P("\x80\x02}r\x40\x00\x00\x00U\x01wj\x40\x00\x00\x00s."), MICA_STATUS_FORMAT,
     "memo entry 64 comes out of order"},
    {P("\x80\x02]q\x00h\x00"
       "ah\x00\x85R."),
     MICA_STATUS_FORMAT, "calls list with tuple"},
    {P(IN_DICT("\x8f")), MICA_OK, NULL},
    {P("\x80\x02\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01w" FINE "s."), MICA_OK, NULL},
    {P("\x80\x02"
       "ccollections\nOrderedDict\n)RU\x01w" FINE "s}U\x01xNsb."),
     MICA_OK, NULL},
    {P("\x80\x02"
       "ccollections\nOrderedDict\n)\x81U\x01w" FINE "s."),
     MICA_OK, NULL},
    {P("\x80\x04\x8c\x0b"
       "collections\x8c\x0bOrderedDict\x93)R."),
     MICA_OK, NULL},
    {P("\x80\x04\x8c\x02os\x8c\x06system\x93)R."), MICA_STATUS_FORMAT, "wants 'os.system'"},
    {P("\x80\x04K\x01K\x02\x93."), MICA_STATUS_FORMAT, "named by int and int"},
    {P(IN_DICT("ctorch._utils\n_rebuild_parameter\n(" FINE "\x88NtR")), MICA_OK, NULL},
    {P(IN_DICT("ctorch._utils\n_rebuild_parameter_with_state\n(" FINE "\x88N}tR")), MICA_OK, NULL},
    {P(IN_DICT("ctorch._utils\n_rebuild_parameter\n(K\x01\x88NtR")), MICA_STATUS_FORMAT,
     "Parameter of something else"},
    {P(IN_DICT("ctorch\nSize\n(K\x01K\x02ttR")), MICA_STATUS_FORMAT, "a mark is missing"},
    {P(IN_DICT("ctorch\nSize\nK\x01\x85R")), MICA_STATUS_FORMAT, "torch.Size"},
    {P(IN_DICT("ctorch\nSize\nK\x01\x85\x85R")), MICA_OK, NULL},
    {P(IN_DICT("ctorch\nfloat16\n")), MICA_OK, NULL},
    {P(IN_DICT("ctorch\nfloat16\n)R")), MICA_STATUS_FORMAT, "calls torch.float16"},
    {P(IN_DICT("ctorch\ndevice\nU\x03"
               "cpu\x85R")),
     MICA_OK, NULL},
    {P(IN_DICT("ctorch\nload\n")), MICA_STATUS_FORMAT, "wants 'torch.load'"},
    {P(IN_DICT("ctorch._utils\n_rebuild_qtensor\n")), MICA_STATUS_UNSUPPORTED, "_rebuild_qtensor"},
    {P(IN_DICT("ctorch._utils\n_rebuild_meta_tensor_no_storage\n")), MICA_STATUS_UNSUPPORTED,
     "_rebuild_meta_tensor_no_storage"},
    {P(IN_DICT("ctorch._utils\n_rebuild_wrapper_subclass\n")), MICA_STATUS_UNSUPPORTED,
     "_rebuild_wrapper_subclass"},
    {P("\x80\x02"
       "ccollections\nOrderedDict\nK\x01\x85R."),
     MICA_STATUS_FORMAT, "something else than pairs"},
    {P("\x80\x02"
       "ccollections\nOrderedDict\n](K\x01]e\x85R."),
     MICA_STATUS_FORMAT, "something else than pairs"},
    /* opcodes that weights do not need */
    {P("\x80\x02I1\n."), MICA_STATUS_FORMAT, "opcode 0x49 ('I')"},
    {P("\x80\x02S'a'\n."), MICA_STATUS_FORMAT, "opcode 0x53 ('S')"},
    {P("\x80\x02(ios\nsystem\n."), MICA_STATUS_FORMAT, "opcode 0x69 ('i')"},
    {P("\x80\x02(o."), MICA_STATUS_FORMAT, "opcode 0x6f ('o')"},
    {P("\x80\x02\x82\x01."), MICA_STATUS_FORMAT, "opcode 0x82"},
    {P("\x80\x02"
       "2."),
     MICA_STATUS_FORMAT, "opcode 0x32 ('2')"},
    {P("\x80\x02"
       "0."),
     MICA_STATUS_FORMAT, "opcode 0x30 ('0')"},
    {P("\x80\x02P1\n."), MICA_STATUS_FORMAT, "opcode 0x50 ('P')"},
    {P("\x80\x02\x8b\x01\x00\x00\x00\x01."), MICA_STATUS_FORMAT, "opcode 0x8b"},
    {P("\x80\x02\x92."), MICA_STATUS_FORMAT, "opcode 0x92"},
    /* a damaged stack */
    {P("\x80\x02."), MICA_STATUS_FORMAT, "ends with 0 values"},
    {P("\x80\x02}}."), MICA_STATUS_FORMAT, "ends with 2 values"},
    {P("\x80\x02(."), MICA_STATUS_FORMAT, "ends with 0 values"},
    {P("\x80\x02R."), MICA_STATUS_FORMAT, "stack holds 0 values, 2 are needed"},
    {P("\x80\x02}(NR."), MICA_STATUS_FORMAT, "stack holds 1 values, 2 are needed"},
    {P("\x80\x02\x85."), MICA_STATUS_FORMAT, "1 are needed"},
    {P("\x80\x02N\x86."), MICA_STATUS_FORMAT, "2 are needed"},
    {P("\x80\x02NN\x87."), MICA_STATUS_FORMAT, "3 are needed"},
    {P("\x80\x02t."), MICA_STATUS_FORMAT, "a mark is missing"},
    {P("\x80\x02"
       "e."),
     MICA_STATUS_FORMAT, "a mark is missing"},
    {P("\x80\x02(e."), MICA_STATUS_FORMAT, "no container"},
    {P("\x80\x02}((u."), MICA_STATUS_FORMAT, "no container"},
    {P("\x80\x02}(Nu."), MICA_STATUS_FORMAT, "a key without a value"},
    {P("\x80\x02](NNu."), MICA_STATUS_FORMAT, "puts values into list instead of dict"},
    {P("\x80\x02}Na."), MICA_STATUS_FORMAT, "puts values into dict instead of list"},
    {P("\x80\x02)(NNu."), MICA_STATUS_FORMAT, "into tuple"},
    {P("\x80\x02h\x00."), MICA_STATUS_FORMAT, "gets memo entry 0, which was never put"},
    {P("\x80\x02j\xff\xff\xff\xff."), MICA_STATUS_FORMAT, "gets memo entry 4294967295"},
    {P("\x80\x02}r\xff\xff\xff\xff."), MICA_STATUS_FORMAT, "memo entry 4294967295"},
    {P("\x80\x02q\x00."), MICA_STATUS_FORMAT, "1 are needed"},
    {P("\x80\x02]Nb."), MICA_STATUS_FORMAT, "sets the state of list"},
    {P(IN_DICT(FINE "Nb")), MICA_STATUS_FORMAT, "sets the state of tensor"},
    {P("\x80\x02K\x01)R."), MICA_STATUS_FORMAT, "calls int with tuple"},
    {P("\x80\x02"
       "ccollections\nOrderedDict\nNR."),
     MICA_STATUS_FORMAT, "with None"},
    /* truncated */
    {P(""), MICA_STATUS_FORMAT, "1 bytes are wanted, 0 are left"},
    {P("\x80"), MICA_STATUS_FORMAT, "truncated"},
    {P("\x80\x02}"), MICA_STATUS_FORMAT, "truncated"},
    {P("\x80\x02J\x01\x02"), MICA_STATUS_FORMAT, "4 bytes are wanted, 2 are left"},
    {P("\x80\x02G\x01"), MICA_STATUS_FORMAT, "8 bytes are wanted"},
    {P("\x80\x02X\xff\xff\xff\xff"
       "ab"),
     MICA_STATUS_FORMAT, "4294967295 bytes are wanted, 2"},
    {P("\x80\x02U\x05"
       "ab"),
     MICA_STATUS_FORMAT, "5 bytes are wanted"},
    {P("\x80\x02\x8a\x05"
       "ab"),
     MICA_STATUS_FORMAT, "5 bytes are wanted"},
    {P("\x80\x02"
       "ccollections\nOrdered"),
     MICA_STATUS_FORMAT, "the name of a global"},
    {P("\x80\x02"
       "ccollections"),
     MICA_STATUS_FORMAT, "the name of a global"},
    /* storages */
    {P("\x80\x02NQ."), MICA_STATUS_FORMAT, "None as a persistent id"},
    {P("\x80\x02)Q."), MICA_STATUS_FORMAT, "tuple as a persistent id"},
    {P("\x80\x02U\x06moduleNN\x87Q."), MICA_STATUS_FORMAT, "persistent id of 'module'"},
    {P("\x80\x02U\x07storage\x85Q."), MICA_STATUS_FORMAT, "a storage of 1 values instead of 5"},
    {P(IN_DICT(STORAGE_OF("float32", "0", "\x04"))), MICA_STATUS_FORMAT, "whose type is float32"},
    {P("\x80\x02(U\x07storageNU\x01"
       "0NK\x04tQ."),
     MICA_STATUS_FORMAT, "whose type is None"},
    {P("\x80\x02(U\x07storagectorch\nFloatStorage\nK\x00NK\x04tQ."), MICA_STATUS_FORMAT,
     "whose key is int"},
    {P("\x80\x02(U\x07storagectorch\nFloatStorage\nU\x01"
       "0NNtQ."),
     MICA_STATUS_FORMAT, "whose count is None"},
    {P("\x80\x02(U\x07storagectorch\nFloatStorage\nU\x01"
       "0NJ\xff\xff\xff\xfftQ."),
     MICA_STATUS_FORMAT, "whose count is negative"},
    {P("\x80\x02(U\x07storagectorch\nFloatStorage\nU\x01"
       "0N\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7ftQ."),
     MICA_STATUS_FORMAT, "should hold 9223372036854775807 elements"},
    {P(IN_DICT(STORAGE_OF("FloatStorage", "1", "\x04"))), MICA_STATUS_FORMAT,
     "storage '1' is not in the archive"},
    {P(IN_DICT(STORAGE_OF("FloatStorage", "0", "\x05"))), MICA_STATUS_FORMAT,
     "should hold 5 elements of 4 bytes, but has 16"},
    {P(IN_DICT(STORAGE_OF("DoubleStorage", "0", "\x03"))), MICA_STATUS_FORMAT,
     "should hold 3 elements of 8 bytes"},
    {P(IN_DICT(STORAGE_OF("QInt8Storage", "0", "\x04"))), MICA_STATUS_FORMAT, "torch.QInt8Storage"},
    {P(IN_DICT(TENSOR("(U\x07storagectorch.cuda\nHalfStorage\nU\x01"
                      "0U\x06"
                      "cuda:0K\x08tQ"
                      "K\x00K\x02\x85K\x01\x85"))),
     MICA_OK, NULL},
    /* tensors */
    {P(IN_DICT(TENSOR("NK\x00K\x04\x85K\x01\x85"))), MICA_STATUS_FORMAT, "of None and int"},
    {P(IN_DICT(TENSOR(STORAGE "NK\x04\x85K\x01\x85"))), MICA_STATUS_FORMAT, "of storage and None"},
    {P(IN_DICT(TENSOR(STORAGE "J\xff\xff\xff\xffK\x04\x85K\x01\x85"))), MICA_STATUS_FORMAT,
     "the negative offset -1"},
    {P(IN_DICT(TENSOR(STORAGE "K\x00K\x04\x85"))), MICA_STATUS_FORMAT, "a tensor of 3 values"},
    {P(IN_DICT(TENSOR(STORAGE "K\x00K\x04K\x01\x85"))), MICA_STATUS_FORMAT, "not two tuples"},
    {P(IN_DICT(TENSOR(STORAGE "K\x00K\x04\x85)"))), MICA_STATUS_FORMAT, "not two tuples"},
    {P(IN_DICT(TENSOR(STORAGE "K\x00J\xff\xff\xff\xff\x85K\x01\x85"))), MICA_STATUS_FORMAT,
     "size holds -1"},
    {P(IN_DICT(TENSOR(STORAGE "K\x00K\x01\x85J\xff\xff\xff\xff\x85"))), MICA_STATUS_FORMAT,
     "stride holds -1"},
    {P(IN_DICT(TENSOR(STORAGE "K\x00N\x85K\x01\x85"))), MICA_STATUS_FORMAT, "size holds None"},
    {P(IN_DICT(TENSOR(STORAGE "K\x00K\x05\x85K\x01\x85"))), MICA_STATUS_FORMAT,
     "reaches element 4 of storage '0', which holds 4"},
    {P(IN_DICT(TENSOR(STORAGE "K\x01K\x04\x85K\x01\x85"))), MICA_STATUS_FORMAT,
     "reaches element 4"},
    {P(IN_DICT(TENSOR(STORAGE "K\x00K\x02\x85K\x04\x85"))), MICA_STATUS_FORMAT,
     "reaches element 4"},
    {P(IN_DICT(TENSOR(STORAGE "K\x04))"))), MICA_STATUS_FORMAT, "reaches element 4"},
    {P(IN_DICT(TENSOR(STORAGE "K\x03))"))), MICA_OK, NULL},
    {P(IN_DICT(TENSOR(STORAGE "K\x09K\x00\x85K\x07\x85"))), MICA_OK, NULL}, /* empty */
    {P(IN_DICT(TENSOR(STORAGE "K\x00\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"
                              "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x86K\x00K\x00\x86"))),
     MICA_STATUS_FORMAT, "size overflows"},
    {P(IN_DICT(TENSOR(STORAGE "K\x00\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40\x85"
                              "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40\x85"))),
     MICA_STATUS_FORMAT, "size overflows"},
    {P(IN_DICT(TENSOR(STORAGE "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\x02\x85K\x01\x85"))),
     MICA_STATUS_FORMAT, "size overflows"},
    {P(IN_DICT(TENSOR(STORAGE "K\x00\x8a\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00\x85K\x01\x85"))),
     MICA_STATUS_FORMAT, "size holds another object"},
    {P(IN_DICT(TENSOR(STORAGE_OF("UntypedStorage", "0", "\x10") "K\x00K\x04\x85K\x01\x85"))),
     MICA_STATUS_FORMAT, "untyped storage and no dtype"},
    {P(IN_DICT("ctorch._utils\n_rebuild_tensor_v3\n(" STORAGE_OF(
         "UntypedStorage", "0", "\x10") "K\x00K\x08\x85K\x01\x85\x89}ctorch\nuint16\ntR")),
     MICA_OK, NULL},
    {P(IN_DICT("ctorch._utils\n_rebuild_tensor_v3\n(" STORAGE_OF(
         "UntypedStorage", "0", "\x10") "K\x00K\x09\x85K\x01\x85\x89}ctorch\nuint16\ntR")),
     MICA_STATUS_FORMAT, "reaches element 8 of storage '0', which holds 8"},
    {P(IN_DICT("ctorch._utils\n_rebuild_tensor_v3\n(" STORAGE_OF(
         "UntypedStorage", "0", "\x10") "K\x00K\x08\x85K\x01\x85\x89}NtR")),
     MICA_STATUS_FORMAT, "whose dtype is None"},
    {P(IN_DICT("ctorch._utils\n_rebuild_tensor_v3\n(" STORAGE
               "K\x00K\x04\x85K\x01\x85\x89}ctorch\nuint16\ntR")),
     MICA_STATUS_FORMAT, "a tensor of uint16 over a storage of float32"},
    {P(IN_DICT("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K\x00K\x04\x85K\x01\x85\x89}}"
               "U\x03negU\x01xstR")),
     MICA_STATUS_UNSUPPORTED, "'neg' bit"},
    {P(IN_DICT("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K\x00K\x04\x85K\x01\x85\x89}}"
               "U\x03neg\x89stR")),
     MICA_OK, NULL},
    {P(IN_DICT("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE
               "K\x00K\x04\x85K\x01\x85\x89}K\x01tR")),
     MICA_STATUS_FORMAT, "int as its metadata"},
    /* names */
    {P("\x80\x02}(K\x01" FINE "u."), MICA_STATUS_FORMAT, "a tensor's name is int"},
    {P("\x80\x02}(U\x03"
       "a\x00"
       "b" FINE "u."),
     MICA_STATUS_FORMAT, "is not valid text"},
    {P("\x80\x02}(U\x01\xff" FINE "u."), MICA_STATUS_FORMAT, "is not valid text"},
    {P("\x80\x02}(U\x01w" FINE "U\x01w" FINE "u."), MICA_STATUS_FORMAT, "tensor 'w' twice"},
    {P("\x80\x02]."), MICA_STATUS_FORMAT, "holds list instead of a mapping"},
    {P("\x80\x02}U\x05modelq\x00}U\x01w" FINE "ss."), MICA_STATUS_FORMAT, "under 'model'"},
};

static void checks_the_pickle(void **state)
{
    static const float values[4] = {1, 2, 3, 4};
    const char *path = temporary("pickle.bin");
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        mica_buf file;
        mica_checkpoint *c;
        mica_error err = {0};
        build_torch(&file, pickles[i].pickle, pickles[i].size, values, sizeof values);
        write_file(path, file.data, file.size);
        mica_buf_free(&file);
        mica_status status = mica_checkpoint_open_file(path, &c, &err);
        if (status != pickles[i].status ||
            (pickles[i].part &&
             (!strstr(err.message, pickles[i].part) || !strstr(err.message, path))))
            fail_msg("pickle %zu: expected %s, '%s'; got %s: %s", i,
                     mica_status_name(pickles[i].status), pickles[i].part ? pickles[i].part : "",
                     mica_status_name(status), err.message);
        mica_checkpoint_close(&c);
    }
    remove(path);
}

/* Memory and time stay linear in the pickle, whatever refers to what. */
static void bombs_do_not_go_off(void **state)
{
    const char *path = temporary("bomb.bin");
    mica_buf pickle, file;
    mica_buf_init(&pickle, (size_t)1 << 20);
    mica_buf_append(&pickle, P("\x80\x02](K\x01K\x01\x86q\x00"));
    for (int i = 0; i < 20000; i++)
        mica_buf_append(&pickle, P("h\x00"));
    mica_buf_append(&pickle, P("e\x85q\x01"
                               "0")); /* 20000 pairs, then a dict of them again and again */
    pickle.size--;
    mica_buf_append(&pickle, P("ccollections\nOrderedDict\nq\x02"));
    for (int i = 0; i < 20000; i++)
        mica_buf_append(&pickle, P("h\x02h\x01R"));
    mica_buf_char(&pickle, '.');
    build_torch(&file, pickle.data, pickle.size, "", 0);
    write_file(path, file.data, file.size);
    expect_refused(path, MICA_STATUS_FORMAT, "builds far more than it holds");
    mica_buf_free(&file);
    mica_buf_clear(&pickle);
    /* each tuple holds the one before it twice: 2^400 leaves, 400 values */
    mica_buf_append(&pickle, P("\x80\x02}U\x01wNq\x00"));
    for (int i = 0; i < 400; i++)
        mica_buf_append(&pickle, P("h\x00h\x00\x86q\x00"));
    mica_buf_append(&pickle, P("\x85t."));
    build_torch(&file, pickle.data, pickle.size, "", 0);
    write_file(path, file.data, file.size);
    expect_refused(path, MICA_STATUS_FORMAT, "mark");
    mica_buf_free(&file);
    mica_buf_clear(&pickle);
    /* as deep as it is long */
    mica_buf_append(&pickle, P("\x80\x02}U\x01wN"));
    for (int i = 0; i < 200000; i++)
        mica_buf_char(&pickle, '\x85');
    mica_buf_append(&pickle, P("s."));
    build_torch(&file, pickle.data, pickle.size, "", 0);
    write_file(path, file.data, file.size);
    mica_checkpoint *c = open_path(path);
    assert_int_equal(mica_checkpoint_count(c), 0);
    mica_checkpoint_close(&c);
    mica_buf_free(&file);
    mica_buf_free(&pickle);
    remove(path);
}

/* -- The legacy stream -- */

#define MAGIC "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define PRELUDE                                                                                    \
    MAGIC "\x80\x02M\xe9\x03."                                                                     \
          "\x80\x02}U\x0dlittle_endian\x88s."
#define OLD_STORAGE(key, count, view)                                                              \
    "(U\x07storagectorch\nByteStorage\nU\x01" key "U\x03"                                          \
    "cpuK" count view "tQ"
#define OLD(view) TENSOR(OLD_STORAGE("k", "\x04", view) "K\x00K\x01\x85K\x01\x85")
#define KEYS "\x80\x02]U\x01ka."
#define FOUR                                                                                       \
    "\x04\x00\x00\x00\x00\x00\x00\x00"                                                             \
    "abcd"

static const struct {
    const char *file;
    size_t size;
    mica_status status;
    const char *part;
} streams[] = {
    {P(PRELUDE IN_DICT(OLD("N")) KEYS FOUR), MICA_OK, NULL},
    {P(PRELUDE IN_DICT(OLD("U\x01vK\x01K\x03\x87")) KEYS FOUR), MICA_OK, NULL},
    {P(PRELUDE IN_DICT(OLD("U\x01vK\x02K\x03\x87")) KEYS FOUR), MICA_STATUS_FORMAT,
     "a view of 3 elements at 2 into storage 'k', which holds 4"},
    {P(PRELUDE IN_DICT(OLD("U\x01vJ\xff\xff\xff\xffK\x03\x87")) KEYS FOUR), MICA_STATUS_FORMAT,
     "at -1"},
    {P(PRELUDE IN_DICT(OLD("K\x01")) KEYS FOUR), MICA_STATUS_FORMAT, "whose view is not"},
    {P(PRELUDE IN_DICT(OLD("U\x01vK\x01K\x00\x87")) KEYS FOUR), MICA_STATUS_FORMAT,
     "reaches element 0"},
    {P(PRELUDE IN_DICT(OLD("")) KEYS FOUR), MICA_STATUS_FORMAT, "5 values instead of 6"},
    {P(PRELUDE "\x80\x02}."
               "\x80\x02]."),
     MICA_OK, NULL},
    {P(MAGIC "\x80\x02K\x01."), MICA_STATUS_UNSUPPORTED, "protocol version is 1,"},
    {P(MAGIC "\x80\x02N."), MICA_STATUS_UNSUPPORTED, "protocol version"},
    {P(MAGIC "\x80\x02M\xe9\x03."
             "\x80\x02]."),
     MICA_STATUS_FORMAT, "system info is list"},
    {P(MAGIC "\x80\x02M\xe9\x03."
             "\x80\x02}U\x0dlittle_endian\x89s."),
     MICA_STATUS_UNSUPPORTED, "big-endian"},
    {P(MAGIC "\x80\x02M\xe9\x03."
             "\x80\x02}U\x0dlittle_endianNs."),
     MICA_STATUS_UNSUPPORTED, "big-endian"},
    {P(PRELUDE IN_DICT(OLD("N")) "\x80\x02}." FOUR), MICA_STATUS_FORMAT,
     "list of storages is dict"},
    {P(PRELUDE IN_DICT(OLD("N")) "\x80\x02]." FOUR), MICA_STATUS_FORMAT, "'k' is missing"},
    {P(PRELUDE IN_DICT(OLD("N")) "\x80\x02]K\x01"
                                 "a." FOUR),
     MICA_STATUS_FORMAT, "key of storage 0 is int"},
    {P(PRELUDE IN_DICT(OLD("N")) "\x80\x02](U\x01kU\x01ke." FOUR FOUR), MICA_STATUS_FORMAT,
     "'k' is listed twice"},
    {P(PRELUDE IN_DICT(OLD("N")) "\x80\x02](U\x01kU\x01xe." FOUR FOUR), MICA_STATUS_FORMAT,
     "'x' is listed, but belongs to no tensor"},
    {P(PRELUDE IN_DICT(OLD("N")) KEYS "\x05\x00\x00\x00\x00\x00\x00\x00"
                                      "abcde"),
     MICA_STATUS_FORMAT, "holds 5 elements, its description says 4"},
    {P(PRELUDE IN_DICT(OLD("N")) KEYS "\xff\xff\xff\xff\xff\xff\xff\xff"
                                      "abcde"),
     MICA_STATUS_FORMAT, "elements, its description says 4"},
    {P(PRELUDE IN_DICT(OLD("N")) KEYS "\x04\x00\x00\x00\x00\x00\x00\x00"
                                      "abc"),
     MICA_STATUS_FORMAT, "truncated: storage 'k' should hold 4 elements"},
    {P(PRELUDE IN_DICT(OLD("N")) KEYS "\x04\x00\x00"), MICA_STATUS_FORMAT, "has no count"},
    {P(PRELUDE "\x80\x02}(U\x01"
               "a" OLD("N") "U\x01"
                            "b" TENSOR(OLD_STORAGE("k", "\x03",
                                                   "N") "K\x00K\x01\x85K\x01\x85") "u." KEYS FOUR),
     MICA_STATUS_FORMAT, "described as 3 and as 4"},
    {P(PRELUDE "\x80\x02]."
               "\x80\x02]."),
     MICA_STATUS_FORMAT, "holds list instead of a mapping"},
    {P(PRELUDE "\x80\x02U\x06moduleNN\x87Q."), MICA_STATUS_FORMAT, "persistent id of 'module'"},
};

static void checks_the_legacy_stream(void **state)
{
    const char *path = temporary("stream.bin");
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        mica_checkpoint *c;
        mica_error err = {0};
        write_file(path, streams[i].file, streams[i].size);
        mica_status status = mica_checkpoint_open_file(path, &c, &err);
        if (status != streams[i].status ||
            (streams[i].part &&
             (!strstr(err.message, streams[i].part) || !strstr(err.message, path))))
            fail_msg("stream %zu: expected %s, '%s'; got %s: %s", i,
                     mica_status_name(streams[i].status), streams[i].part ? streams[i].part : "",
                     mica_status_name(status), err.message);
        mica_checkpoint_close(&c);
    }
    remove(path);
}

static void warns_of_bytes_that_follow(void **state)
{
    const char *folder = temporary_folder("trailing");
    char path[1200];
    captured lines;
    mica_log_sink log = capture(&lines);
    mica_checkpoint *c;
    mica_error err = {0};
    snprintf(path, sizeof path, "%s/pytorch_model.bin", folder);
    write_file(path, P(PRELUDE IN_DICT(OLD("N")) KEYS FOUR "xyz"));
    if (mica_checkpoint_open(folder, NULL, &log, &c, &err))
        fail_msg("%s", err.message);
    assert_int_equal(lines.lines, 1);
    assert_non_null(strstr(lines.text, "bytes follow the last storage"));
    mica_checkpoint_close(&c);
    remove(path);
    remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_torch_wrote),
        cmocka_unit_test(tied_tensors_share_their_bytes),
        cmocka_unit_test(exotic_tensors_are_refused_when_asked_for),
        cmocka_unit_test(refuses_what_is_no_mapping_of_tensors),
        cmocka_unit_test(refuses_other_formats_by_name),
        cmocka_unit_test(checks_the_records),
        cmocka_unit_test(reads_zip64),
        cmocka_unit_test(checks_the_directory),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(checks_the_pickle),
        cmocka_unit_test(bombs_do_not_go_off),
        cmocka_unit_test(checks_the_legacy_stream),
        cmocka_unit_test(warns_of_bytes_that_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
