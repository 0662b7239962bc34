/* SPDX-License-Identifier: MIT */
#include "folder.h"
#include "torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "base/file.h"
#include "base/map.h"
#include "base/sidecar.h"

#define KEY "of a test"

enum { LONG = 3 << 20, ALIGNMENT = 64 };

static char folder[] = MICA_TEST_TMP "/sidecar-XXXXXX";
static char path[4096];
static unsigned char large[LONG + 5];

static int enter(void **state)
{
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/a.sidecar", folder);
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (unsigned char)(i * 2654435761u >> 13);
    return 0;
}

static int leave(void **state)
{
    return remove_folder(folder);
}

/* Writes three blocks, of `size` bytes the largest. */
static mica_status write_three(size_t size, mica_error *err)
{
    mica_sidecar *s = NULL;
    mica_status status = mica_sidecar_create(path, KEY, &s, err);
    if (!status)
        status = mica_sidecar_add(s, "small", "abc", 3, err);
    if (!status)
        status = mica_sidecar_add(s, "large", large, size, err);
    if (!status)
        status = mica_sidecar_add(s, "none", large, 0, err);
    if (!status)
        status = mica_sidecar_write(s, err);
    mica_sidecar_release(&s);
    return status;
}

static void must(mica_status status, const mica_error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

static void blocks_come_back(void **state)
{
    mica_error err = {0};
    mica_sidecar *s = NULL;
    struct stat info;
    must(write_three(sizeof large, &err), &err);
    assert_int_equal(files_in(folder), 1);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    must(mica_sidecar_open(path, KEY, NULL, &s, &err), &err);
    assert_false(mica_sidecar_is_new(s));
    const unsigned char *found = mica_sidecar_find(s, "large", sizeof large);
    assert_memory_equal(found, large, sizeof large);
    assert_int_equal((uintptr_t)found % ALIGNMENT, 0);
    assert_memory_equal(mica_sidecar_find(s, "small", 3), "abc", 3);
    assert_non_null(mica_sidecar_find(s, "none", 0));
    assert_null(mica_sidecar_find(s, "small", 4));
    assert_null(mica_sidecar_find(s, "smal", 3));
    mica_sidecar *again = mica_sidecar_retain(s);
    mica_sidecar_release(&again);
    mica_sidecar_release(&s);
}

static void a_new_one_has_no_blocks(void **state)
{
    mica_error err = {0};
    mica_sidecar *s = NULL;
    must(mica_sidecar_create(path, KEY, &s, &err), &err);
    must(mica_sidecar_add(s, "small", "abc", 3, &err), &err);
    assert_true(mica_sidecar_is_new(s));
    assert_null(mica_sidecar_find(s, "small", 3));
    mica_sidecar_release(&s);
}

/* A file's bytes in memory as parse wants it. */
static unsigned char *read_aligned(size_t *size)
{
    mica_error err = {0};
    char *data = NULL;
    must(mica_file_read(path, SIZE_MAX / 2, &data, size, &err), &err);
    unsigned char *copy = aligned_alloc(ALIGNMENT, (*size / ALIGNMENT + 1) * ALIGNMENT);
    memcpy(copy, data, *size);
    mica_free(data);
    return copy;
}

static void refused(const unsigned char *data, size_t size, const char *key, const char *part)
{
    mica_error err = {0};
    mica_sidecar *s = NULL;
    if (mica_sidecar_parse(data, size, key, &s, &err) != MICA_STATUS_FORMAT)
        fail_msg("not refused: %s", part);
    assert_null(s);
    if (!strstr(err.message, part))
        fail_msg("'%s' is not in '%s'", part, err.message);
}

static void cut_anywhere_it_is_refused(void **state)
{
    mica_error err = {0};
    size_t size = 0;
    must(write_three(1000, &err), &err);
    unsigned char *data = read_aligned(&size);
    for (size_t n = 0; n < size; n++) {
        unsigned char *part = malloc(n ? n : 1); /* sanitizers see what is read past the end */
        memcpy(part, data, n);
        refused(part, n, KEY, "it has");
        free(part);
    }
    refused(data, 0, KEY, "it has 0 bytes");
    free(data);
}

/* A bit that is wrong in header, table or text is refused. */
static void each_bit_counts(void **state)
{
    mica_error err = {0};
    size_t size = 0;
    uint64_t table;
    must(write_three(1000, &err), &err);
    unsigned char *data = read_aligned(&size);
    memcpy(&table, data + 24, sizeof table);
    assert_true(table > 3 * 24 && table < 1000);
    for (size_t bit = 0; bit < 8 * (64 + table); bit++) {
        mica_sidecar *s = NULL;
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_int_equal(mica_sidecar_parse(data, size, KEY, &s, &err), MICA_STATUS_FORMAT);
        assert_null(s);
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    refused(data, size, "of another", "made from another file");
    refused(data, size, "", "made from another file");
    free(data);
}

/* Sums that fit, as an attacker would make them: offsets are checked all the same. */
static void sign(unsigned char *data, size_t size)
{
    uint64_t table_size, sum;
    memcpy(&table_size, data + 24, 8);
    sum = mica_hash(data + 64, table_size, 0);
    sum = mica_hash(data, 56, sum);
    memcpy(data + 56, &sum, 8);
}

static void hostile_tables_are_refused(void **state)
{
    static const uint64_t numbers[] = {
        0, 1, 64, 63, UINT64_MAX, 1u << 20, UINT64_MAX / 2, UINT64_MAX - 63, UINT64_MAX / 24};
    mica_error err = {0};
    size_t size = 0;
    must(write_three(1000, &err), &err);
    unsigned char *data = read_aligned(&size);
    sign(data, size);
    mica_sidecar *s = NULL;
    must(mica_sidecar_parse(data, size, KEY, &s, &err), &err); /* sign signs as write does */
    mica_sidecar_release(&s);
    for (size_t at = 16; at < 64 + 3 * 24; at += 8) {
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            uint64_t before;
            memcpy(&before, data + at, 8);
            memcpy(data + at, &numbers[i], 8);
            if (at != 24) /* table_size: a sum over it could not be made */
                sign(data, size);
            if (mica_sidecar_parse(data, size, KEY, &s, &err) == MICA_OK) {
                for (size_t n = 0; n < 1001; n += 1000) /* what is there can be read */
                    if (mica_sidecar_find(s, "large", n))
                        assert_true(n == 0 || mica_hash(mica_sidecar_find(s, "large", n), n, 0));
                mica_sidecar_release(&s);
            }
            assert_null(s);
            memcpy(data + at, &before, 8);
        }
    }
    free(data);
}

static size_t warnings;

static void count_warning(void *user, int level, const char *line)
{
    assert_ptr_equal(user, path);
    assert_int_equal(level, MICA_LOG_WARNING);
    assert_non_null(strstr(line, path));
    warnings++;
}

static void a_rejected_file_goes(void **state)
{
    mica_error err = {0};
    mica_sidecar *s = NULL;
    mica_log_sink log = {count_warning, path};
    must(write_three(1000, &err), &err);
    must(mica_sidecar_open(path, KEY, &log, &s, &err), &err);
    mica_sidecar_reject(s);
    assert_false(mica_file_exists(path));
    must(write_three(1000, &err), &err); /* another's, of now */
    mica_sidecar_reject(s);
    assert_true(mica_file_exists(path));
    assert_int_equal(warnings, 1);
    assert_memory_equal(mica_sidecar_find(s, "large", 1000), large, 1000);
    mica_sidecar_release(&s);
}

static void files_of_others_are_not_used(void **state)
{
    mica_error err = {0};
    mica_sidecar *s = NULL;
    must(write_three(1000, &err), &err);
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(mica_sidecar_open(path, KEY, NULL, &s, &err), MICA_STATUS_FORMAT);
    assert_non_null(strstr(err.message, "others may write"));
    assert_int_equal(chmod(path, 0600), 0);
    if (geteuid() == 0 && chown(path, 12345, (gid_t)-1) == 0) {
        assert_int_equal(mica_sidecar_open(path, KEY, NULL, &s, &err), MICA_STATUS_FORMAT);
        assert_non_null(strstr(err.message, "user 12345"));
    }
    assert_null(s);
    unlink(path);
    assert_int_equal(mica_sidecar_open(path, KEY, NULL, &s, &err), MICA_STATUS_NOT_FOUND);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(mica_sidecar_open(path, KEY, NULL, &s, &err), MICA_STATUS_IO);
    assert_int_equal(rmdir(path), 0);
}

static void left_overs_go(void **state)
{
    mica_error err = {0};
    char old[4200], young[4200];
    struct utimbuf long_ago = {1000000000, 1000000000};
    snprintf(old, sizeof old, "%s/b.1.0.tmp", folder);
    snprintf(young, sizeof young, "%s/b.2.0.tmp", folder);
    fclose(fopen(old, "w"));
    fclose(fopen(young, "w"));
    assert_int_equal(utime(old, &long_ago), 0);
    must(write_three(1000, &err), &err);
    assert_false(mica_file_exists(old));
    assert_true(mica_file_exists(young));
    unlink(young);
}

static void what_cannot_be_written_leaves_nothing(void **state)
{
    mica_error err = {0};
    mica_sidecar *s = NULL;
    char nowhere[4200];
    snprintf(nowhere, sizeof nowhere, "%s/no/folder", folder);
    size_t before = files_in(folder);
    must(mica_sidecar_create(nowhere, KEY, &s, &err), &err);
    assert_int_equal(mica_sidecar_write(s, &err), MICA_STATUS_NOT_FOUND);
    assert_non_null(strstr(err.message, nowhere));
    mica_sidecar_release(&s);
    assert_int_equal(files_in(folder), before);
    must(mica_sidecar_create("/dev/full", KEY, &s, &err), &err); /* a disk without room */
    must(mica_sidecar_add(s, "large", large, sizeof large, &err), &err);
    if (access("/dev/full", W_OK) == 0)
        assert_int_equal(mica_sidecar_write(s, &err), MICA_STATUS_DISK_FULL);
    mica_sidecar_release(&s);
}

static mica_status write_and_read(void *arg, mica_error *err)
{
    mica_sidecar *s = NULL;
    mica_status status = write_three(1000, err);
    if (!status)
        status = mica_sidecar_open(path, KEY, NULL, &s, err);
    mica_sidecar_release(&s);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    assert_true(torture_run(write_and_read, NULL) > 10);
    assert_int_equal(files_in(folder), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_come_back),
        cmocka_unit_test(a_new_one_has_no_blocks),
        cmocka_unit_test(cut_anywhere_it_is_refused),
        cmocka_unit_test(each_bit_counts),
        cmocka_unit_test(hostile_tables_are_refused),
        cmocka_unit_test(a_rejected_file_goes),
        cmocka_unit_test(files_of_others_are_not_used),
        cmocka_unit_test(left_overs_go),
        cmocka_unit_test(what_cannot_be_written_leaves_nothing),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
