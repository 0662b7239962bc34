/* SPDX-License-Identifier: MIT */
#include "torture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char folder[] = MICA_TEST_TMP "/file-XXXXXX";

static int enter(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static char *in_folder(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static size_t files_in_folder(void)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static int leave(void **state)
{
    char command[4200];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void put(const char *path, const char *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void mapping_shows_the_file(void **state)
{
    mica_error err = {0};
    mica_mapping *mapping = NULL, *again;
    put(in_folder("a"), "hello", 5);
    assert_int_equal(mica_mapping_open(in_folder("a"), &mapping, &err), MICA_OK);
    again = mica_mapping_retain(mapping);
    mica_mapping_release(&mapping);
    assert_null(mapping);
    assert_int_equal(mica_mapping_size(again), 5);
    assert_memory_equal(mica_mapping_data(again), "hello", 5);
    mica_mapping_drop(again, mica_mapping_data(again), 5);
    assert_memory_equal(mica_mapping_data(again), "hello", 5);
    mica_mapping_release(&again);
    put(in_folder("empty"), "", 0);
    assert_int_equal(mica_mapping_open(in_folder("empty"), &mapping, &err), MICA_OK);
    assert_int_equal(mica_mapping_size(mapping), 0);
    mica_mapping_release(&mapping);
}

static void what_is_no_file_is_named(void **state)
{
    mica_error err = {0};
    mica_mapping *mapping = NULL;
    char *text = NULL;
    size_t size;
    assert_int_equal(mica_mapping_open(in_folder("none"), &mapping, &err), MICA_STATUS_NOT_FOUND);
    assert_non_null(strstr(err.message, "none"));
    assert_int_equal(mica_mapping_open(folder, &mapping, &err), MICA_STATUS_IO);
    assert_non_null(strstr(err.message, "a directory"));
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    assert_int_equal(mica_file_read(in_folder("fifo"), 100, &text, &size, &err), MICA_STATUS_IO);
    assert_null(text);
    unlink(in_folder("fifo"));
    put(in_folder("long"), "0123456789", 10);
    assert_int_equal(mica_file_read(in_folder("long"), 9, &text, &size, &err), MICA_STATUS_FORMAT);
    assert_non_null(strstr(err.message, "10 bytes"));
    assert_int_equal(mica_file_read(in_folder("long"), 10, &text, &size, &err), MICA_OK);
    assert_int_equal(size, 10);
    assert_string_equal(text, "0123456789");
    mica_free(text);
    assert_true(mica_file_exists(in_folder("long")));
    assert_false(mica_file_exists(folder));
    assert_true(mica_dir_exists(folder));
}

static void paths_are_joined(void **state)
{
    static const char *cases[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}};
    for (size_t i = 0; i < 3; i++) {
        char *path = mica_path_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        mica_free(path);
    }
}

static void a_file_appears_whole_or_not_at_all(void **state)
{
    mica_error err = {0};
    mica_writer *writer = NULL;
    char *text;
    size_t size, before = files_in_folder();
    assert_int_equal(mica_writer_open(in_folder("w"), &writer, &err), MICA_OK);
    assert_int_equal(mica_writer_write(writer, "new", 3, &err), MICA_OK);
    assert_false(mica_file_exists(in_folder("w")));
    mica_writer_abort(&writer);
    assert_int_equal(files_in_folder(), before);
    put(in_folder("w"), "old", 3);
    assert_int_equal(mica_writer_open(in_folder("w"), &writer, &err), MICA_OK);
    assert_int_equal(mica_writer_write(writer, "newer", 5, &err), MICA_OK);
    assert_int_equal(mica_file_read(in_folder("w"), 100, &text, &size, &err), MICA_OK);
    assert_string_equal(text, "old");
    mica_free(text);
    assert_int_equal(mica_writer_commit(&writer, &err), MICA_OK);
    assert_null(writer);
    assert_int_equal(mica_file_read(in_folder("w"), 100, &text, &size, &err), MICA_OK);
    assert_string_equal(text, "newer");
    mica_free(text);
    assert_int_equal(files_in_folder(), before + 1);
    assert_int_equal(mica_writer_open(in_folder("none/x"), &writer, &err), MICA_STATUS_NOT_FOUND);
    assert_null(writer);
    assert_int_equal(mica_writer_open(folder, &writer, &err), MICA_STATUS_IO);
}

static void a_full_disk_is_an_error(void **state)
{
    mica_error err = {0};
    mica_writer *writer = NULL;
    if (access("/dev/full", W_OK) != 0) {
        print_message("skipped: this system has no /dev/full\n");
        skip();
    }
    assert_int_equal(mica_writer_open("/dev/full", &writer, &err), MICA_OK);
    mica_writer_write(writer, "x", 1, &err);
    assert_int_equal(mica_writer_commit(&writer, &err), MICA_STATUS_IO);
    assert_non_null(strstr(err.message, "/dev/full"));
}

static mica_status write_and_read(void *arg, mica_error *err)
{
    mica_writer *writer = NULL;
    mica_mapping *mapping = NULL;
    char *text = NULL;
    size_t size = 0;
    mica_status status = mica_writer_open(in_folder("t"), &writer, err);
    if (!status)
        status = mica_writer_write(writer, "abc", 3, err);
    if (!status)
        status = mica_writer_commit(&writer, err);
    mica_writer_abort(&writer);
    if (!status)
        status = mica_mapping_open(in_folder("t"), &mapping, err);
    mica_mapping_release(&mapping);
    if (!status)
        status = mica_file_read(in_folder("t"), 10, &text, &size, err);
    mica_free(text);
    unlink(in_folder("t"));
    return status;
}

static void failing_allocations_leave_nothing_behind(void **state)
{
    size_t before = files_in_folder();
    assert_true(torture_run(write_and_read, NULL) >= 5);
    assert_int_equal(files_in_folder(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapping_shows_the_file),
        cmocka_unit_test(what_is_no_file_is_named),
        cmocka_unit_test(paths_are_joined),
        cmocka_unit_test(a_file_appears_whole_or_not_at_all),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(failing_allocations_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
