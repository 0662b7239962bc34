/* SPDX-License-Identifier: MIT
 *
 * Packed weights that are kept: the same bits with them and without; what is stale, damaged or of
 * another machine or precision is packed anew; what cannot be kept is a warning.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "models/support.h"
#include "torture.h"

static char said[1 << 14]; /* what was logged since `open_kept` was called */

static void note(void *user, mica_log_severity severity, const char *line)
{
    size_t used = strlen(said);

    snprintf(said + used, sizeof said - used, "%s%s\n",
             severity == MICA_LOG_SEVERITY_WARNING ? "warning: " : "", line);
}

static mica_context *noting_context(void)
{
    mica_context_options options;
    mica_context *context = NULL;
    mica_error err = {0};

    mica_context_options_defaults(&options);
    options.threads = 2;
    options.log = note;
    must(mica_context_create(&options, &context, &err), &err);
    return context;
}

/* The folder of the cache, new and empty. */
static const char *new_cache(const char *name)
{
    const char *folder = new_folder(name);
    char real[1024];

    assert_non_null(realpath(folder, real)); /* XDG_CACHE_HOME has to be a full path */
    assert_int_equal(setenv("XDG_CACHE_HOME", real, 1), 0);
    return path_in(real, "mica/packed");
}

/* The names of the files in a folder, NULL-terminated. */
static size_t list(const char *folder, const char **first)
{
    size_t count = 0;
    DIR *dir = opendir(folder);

    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && ++count == 1 && first)
            *first = path_in(folder, entry->d_name);
    if (dir)
        closedir(dir);
    return count;
}

static mica_model *open_kept(mica_context *context, const char *path, mica_precision precision,
                             bool kept)
{
    mica_model_options options;
    mica_model *model = NULL;
    mica_error err = {0};

    mica_model_options_defaults(&options);
    options.precision = precision;
    options.packed_cache = kept;
    said[0] = '\0';
    must(mica_model_open_with(context, path, &options, &model, &err), &err);
    return model;
}

/* Opens the model and compares all of its outputs with those of a model that keeps nothing. `part`
 * has to be in the log. */
static void check(mica_context *context, const char *path, mica_precision precision,
                  const char *part)
{
    mica_model *plain = open_kept(context, path, precision, false);
    mica_model *kept = open_kept(context, path, precision, true);
    mica_session *a = new_session(plain), *b = new_session(kept);

    if (!strstr(said, part))
        fail_msg("expected '%s' in:\n%s", part, said);
    expect_same_outputs(a, b);
    mica_session_destroy(&a);
    mica_session_destroy(&b);
    mica_model_destroy(&plain);
    mica_model_destroy(&kept);
}

/* Each precision and each level of kernels has a file of its own; after the first time it is
 * there. */
static void test_kept(void **state)
{
    static const char *const names[] = {"st-modern", "bert-sharded", "bert-bin", "bert-f16",
                                        "roberta-maskedlm"};
    const char *folder = new_cache("packed-kept"), *mask = getenv("MICA_CPU");
    char first[32] = "", before[32] = "";
    size_t files = 0;

    snprintf(before, sizeof before, "%s", mask ? mask : "");
    for (int level = 0; level < 2; level++) {
        if (level)
            setenv("MICA_CPU", "c", 1);
        mica_context *context = noting_context();
        mica_context_info info;
        mica_context_get_info(context, &info);
        bool same = level && strcmp(info.kernels, first) == 0;
        snprintf(first, sizeof first, "%s", info.kernels);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            for (int p = 0; p < MICA_PRECISIONS; p++) {
                mica_precision precision = (mica_precision)p;
                if (precision == MICA_PRECISION_AUTO)
                    continue;
                check(context, fixture(names[i]), precision,
                      same ? "packed weights from" : "no packed weights");
                files += !same;
                assert_int_equal(list(folder, NULL), files);
                check(context, fixture(names[i]), precision, "packed weights from");
            }
        }
        mica_context_destroy(&context);
    }
    if (before[0])
        setenv("MICA_CPU", before, 1);
    else
        unsetenv("MICA_CPU");
}

static void test_variable(void **state)
{
    const char *folder = new_cache("packed-variable");
    mica_context *context = noting_context();
    mica_model *model = open_kept(context, fixture("st-modern"), MICA_PRECISION_F32, false);
    mica_error err = {0};

    assert_int_equal(list(folder, NULL), 0);
    mica_model_destroy(&model);
    setenv("MICA_PACKED_CACHE", "1", 1);
    model = open_kept(context, fixture("st-modern"), MICA_PRECISION_F32, false);
    assert_int_equal(list(folder, NULL), 1);
    mica_model_destroy(&model);
    setenv("MICA_PACKED_CACHE", "yes", 1);
    expect(mica_model_open(context, fixture("st-modern"), &model, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "MICA_PACKED_CACHE is 'yes'");
    unsetenv("MICA_PACKED_CACHE");
    mica_context_destroy(&context);
}

/* A file that was just written is not trusted to show its next change; one that was touched or
 * changed is packed anew, in the same file. */
static void test_stale(void **state)
{
    const char *folder = new_cache("packed-stale"), *file = NULL;
    const char *path = copy_of("st-modern", "packed-stale-model");
    const char *weights = path_in(path, "model.safetensors");
    mica_context *context = noting_context();
    struct utimbuf past = {1000000000, 1000000000};
    size_t size;
    char *bytes;

    check(context, path, MICA_PRECISION_F32, "less than 2 seconds ago");
    assert_int_equal(list(folder, NULL), 0);
    sleep(3);
    check(context, path, MICA_PRECISION_F32, "no packed weights");
    check(context, path, MICA_PRECISION_F32, "packed weights from");
    assert_int_equal(list(folder, &file), 1);
    assert_int_equal(utime(weights, NULL), 0);
    check(context, path, MICA_PRECISION_F32, "made from another file");
    /* Other numbers of the same size, and the time of the last change hidden as far as it can be.
     */
    bytes = read_whole(weights, &size);
    for (size_t i = size - 40; i < size; i += 4)
        bytes[i] ^= 1;
    write_bytes(weights, bytes, size);
    free(bytes);
    assert_int_equal(utime(weights, &past), 0);
    check(context, path, MICA_PRECISION_F32, "made from another file");
    sleep(3);
    check(context, path, MICA_PRECISION_F32, "made from another file");
    check(context, path, MICA_PRECISION_F32, "packed weights from");
    assert_int_equal(list(folder, NULL), 1);
    mica_context_destroy(&context);
}

/* Cut short or damaged anywhere, of another's making: packed anew and replaced. */
static void test_damaged(void **state)
{
    const char *folder = new_cache("packed-damaged"), *file = NULL, *path = fixture("st-modern");
    mica_context *context = noting_context();
    size_t size;
    char *bytes;

    check(context, path, MICA_PRECISION_INT8, "no packed weights");
    assert_int_equal(list(folder, &file), 1);
    bytes = read_whole(file, &size);
    const size_t places[] = {0, 8, 40, 60, 64, 100, size / 2, size - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        write_bytes(file, bytes, places[i]);
        chmod(file, 0600);
        check(context, path, MICA_PRECISION_INT8, "it has");
        check(context, path, MICA_PRECISION_INT8, "packed weights from");
        bytes[places[i]] ^= 4;
        write_bytes(file, bytes, size);
        chmod(file, 0600);
        bytes[places[i]] ^= 4;
        check(context, path, MICA_PRECISION_INT8, "packed weights");
    }
    write_bytes(file, bytes, size);
    chmod(file, 0666);
    check(context, path, MICA_PRECISION_INT8, "others may write to it");
    check(context, path, MICA_PRECISION_INT8, "packed weights from");
    assert_int_equal(list(folder, NULL), 1);
    free(bytes);
    mica_context_destroy(&context);
}

/* What is damaged beneath the table shows when it is first used: the same numbers, from the
 * checkpoint, and the file goes. Every thousandth byte, and some of each block's end. */
static void test_damaged_blocks(void **state)
{
    const char *folder = new_cache("packed-blocks"), *file = NULL, *path = fixture("st-modern");
    mica_context *context = noting_context();
    uint64_t table;
    size_t size, found = 0;
    char *bytes;

    for (int p = 0; p < MICA_PRECISIONS; p++) {
        if ((mica_precision)p == MICA_PRECISION_AUTO)
            continue;
        check(context, path, (mica_precision)p, "no packed weights");
        list(folder, &file);
        bytes = read_whole(file, &size);
        memcpy(&table, bytes + 24, sizeof table);
        for (size_t at = 64 + (size_t)table + 64; at < size; at += size / 40 + 7) {
            bytes[at] ^= 0x10;
            write_bytes(file, bytes, size);
            chmod(file, 0600);
            bytes[at] ^= 0x10;
            check(context, path, (mica_precision)p, "packed weights from");
            bool seen = strstr(said, "is damaged: it is removed") != NULL;
            assert_int_equal(list(folder, NULL), !seen); /* between two blocks it does not count */
            found += seen;
        }
        write_bytes(file, bytes, size);
        chmod(file, 0600);
        check(context, path, (mica_precision)p, "packed weights from");
        assert_null(strstr(said, "damaged"));
        assert_int_equal(list(folder, NULL), 1);
        unlink(file);
        free(bytes);
    }
    assert_true(found > 100);
    mica_context_destroy(&context);
}

/* No place: a warning, and the model runs. */
static void test_no_place(void **state)
{
    const char *folder = new_folder("packed-none");
    mica_context *context = noting_context();

    write_text(path_in(folder, "mica"), "a file where a folder should be");
    setenv("XDG_CACHE_HOME", path_in(folder, ""), 1);
    if (path_in(folder, "")[0] == '/')
        check(context, fixture("st-modern"), MICA_PRECISION_F32,
              "warning: packed weights are not kept: ");
    if (geteuid() != 0) { /* who may do anything may write here, too */
        const char *closed = new_cache("packed-closed");
        assert_int_equal(chmod(getenv("XDG_CACHE_HOME"), 0500), 0);
        check(context, fixture("st-modern"), MICA_PRECISION_F32,
              "warning: packed weights are not kept: ");
        assert_int_equal(chmod(getenv("XDG_CACHE_HOME"), 0700), 0);
        assert_int_equal(list(closed, NULL), 0);
    }
    setenv("XDG_CACHE_HOME", "not/a/full/path", 1);
    setenv("HOME", "", 1);
    check(context, fixture("st-modern"), MICA_PRECISION_F32, "warning: packed weights are not");
    mica_context_destroy(&context);
}

typedef struct work {
    mica_context *context;
    const char *file; /* removed first, unless NULL */
} work;

static mica_status open_and_close(void *arg, mica_error *err)
{
    work *w = arg;
    mica_model_options options;
    mica_model *model = NULL;
    mica_status status;

    if (w->file)
        unlink(w->file);
    mica_model_options_defaults(&options);
    options.packed_cache = true;
    status = mica_model_open_with(w->context, fixture("st-modern"), &options, &model, err);
    mica_model_destroy(&model);
    return status;
}

/* With every allocation failing, when the file is made and when it is read. */
static void test_torture(void **state)
{
    const char *folder = new_cache("packed-torture");
    work w = {new_context(1), NULL};
    mica_error err = {0};

    must(open_and_close(&w, &err), &err);
    assert_int_equal(list(folder, &w.file), 1);
    assert_true(torture_run(open_and_close, &w) > 50);
    w.file = NULL;
    assert_true(torture_run(open_and_close, &w) > 50);
    assert_int_equal(list(folder, NULL), 1);
    mica_context_destroy(&w.context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),           cmocka_unit_test(test_variable),
        cmocka_unit_test(test_stale),          cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_damaged_blocks), cmocka_unit_test(test_no_place),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
