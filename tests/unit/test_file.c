/* SPDX-License-Identifier: MIT */
#include "folder.h"
#include "torture.h"

#include <fcntl.h>
#include <pthread.h>
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

static int leave(void **state)
{
    return remove_folder(folder);
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
    mica_mapping_expect(again, mica_mapping_data(again) + 1, 3);
    mica_mapping_drop(again, mica_mapping_data(again), 5);
    assert_memory_equal(mica_mapping_data(again), "hello", 5);
    mica_mapping_release(&again);
    put(in_folder("empty"), "", 0);
    assert_int_equal(mica_mapping_open(in_folder("empty"), &mapping, &err), MICA_OK);
    assert_int_equal(mica_mapping_size(mapping), 0);
    mica_mapping_expect(mapping, mica_mapping_data(mapping), 0);
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
    size_t size, before = files_in(folder);
    assert_int_equal(mica_writer_open(in_folder("w"), &writer, &err), MICA_OK);
    assert_int_equal(mica_writer_write(writer, "new", 3, &err), MICA_OK);
    assert_false(mica_file_exists(in_folder("w")));
    mica_writer_abort(&writer);
    assert_int_equal(files_in(folder), before);
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
    assert_int_equal(files_in(folder), before + 1);
    struct stat info; /* a private file stays private */
    assert_int_equal(chmod(in_folder("w"), 0600), 0);
    assert_int_equal(mica_writer_open(in_folder("w"), &writer, &err), MICA_OK);
    assert_int_equal(mica_writer_commit(&writer, &err), MICA_OK);
    assert_int_equal(stat(in_folder("w"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(mica_writer_open(in_folder("none/x"), &writer, &err), MICA_STATUS_NOT_FOUND);
    assert_null(writer);
    assert_int_equal(mica_writer_open(folder, &writer, &err), MICA_STATUS_IO);
}

static void whether_a_file_can_be_written_is_asked_before(void **state)
{
    mica_error err = {0};
    size_t before = files_in(folder);
    assert_int_equal(mica_writer_check(in_folder("asked"), &err), MICA_OK);
    assert_int_equal(files_in(folder), before);
    assert_int_equal(mica_writer_check(in_folder("none/x"), &err), MICA_STATUS_NOT_FOUND);
    assert_non_null(strstr(err.message, "none/x"));
    assert_int_equal(mica_writer_check(folder, &err), MICA_STATUS_IO);
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    assert_int_equal(mica_writer_check(in_folder("pipe"), &err), MICA_OK); /* waits for nobody */
    assert_int_equal(unlink(in_folder("pipe")), 0);
    assert_int_equal(files_in(folder), before);
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
    assert_int_equal(mica_writer_commit(&writer, &err), MICA_STATUS_DISK_FULL);
    assert_non_null(strstr(err.message, "/dev/full"));
}

static mica_status write_text(const char *path, const char *text, mica_error *err)
{
    mica_writer *writer = NULL;
    mica_status status = mica_writer_open(path, &writer, err);
    if (!status)
        status = mica_writer_write(writer, text, strlen(text), err);
    if (status)
        mica_writer_abort(&writer);
    else
        status = mica_writer_commit(&writer, err);
    return status;
}

static void an_open_file_below_proc_is_written_in_place(void **state)
{
    mica_error err = {0};
    struct stat before, after;
    char path[64], text[8] = {0};
    int fd = open(in_folder("redirected"), O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd); /* as /dev/stdout is on Linux */
    if (access(path, W_OK) != 0) {
        close(fd);
        print_message("skipped: this system has no /proc/self/fd\n");
        skip();
    }
    assert_int_equal(fstat(fd, &before), 0);
    size_t files = files_in(folder);
    assert_int_equal(write_text(path, "abc", &err), MICA_OK);
    assert_int_equal(stat(in_folder("redirected"), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(pread(fd, text, sizeof text, 0), 3);
    assert_string_equal(text, "abc");
    assert_int_equal(files_in(folder), files);
    close(fd);
}

static void *read_fifo(void *arg)
{
    FILE *file = fopen((const char *)arg, "r");
    static char text[16];
    if (!file)
        return NULL;
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static void a_pipe_is_written_directly(void **state)
{
    mica_error err = {0};
    pthread_t reader;
    void *text = NULL;
    char path[4096];
    snprintf(path, sizeof path, "%s", in_folder("pipe"));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_fifo, path), 0);
    assert_int_equal(write_text(path, "through", &err), MICA_OK);
    pthread_join(reader, &text);
    assert_non_null(text);
    assert_string_equal((const char *)text, "through");
    unlink(path);
}

/* What stands in /dev/shm may be mapped by another process, and must not shrink under it. */
static void a_cache_replaces_pipes_and_shared_files(void **state)
{
    mica_error err = {0};
    mica_writer *writer = NULL;
    struct stat info;
    char shared[64];
    assert_int_equal(mkfifo(in_folder("cached"), 0600), 0);
    assert_int_equal(mica_writer_open_cache(in_folder("cached"), &writer, &err), MICA_OK);
    assert_int_equal(mica_writer_commit(&writer, &err), MICA_OK); /* waits for no reader */
    assert_int_equal(stat(in_folder("cached"), &info), 0);
    assert_true(S_ISREG(info.st_mode));
    unlink(in_folder("cached"));
    assert_int_equal(mica_writer_open_cache(folder, &writer, &err), MICA_STATUS_IO);
    snprintf(shared, sizeof shared, "/dev/shm/mica-test-%ld", (long)getpid());
    if (access("/dev/shm", W_OK) != 0) {
        print_message("skipped: this system has no /dev/shm\n");
        skip();
    }
    put(shared, "mapped", 6);
    int fd = open(shared, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(mica_writer_open_cache(shared, &writer, &err), MICA_OK);
    assert_int_equal(mica_writer_commit(&writer, &err), MICA_OK);
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(info.st_size, 6);
    close(fd);
    unlink(shared);
}

static void a_link_is_replaced_and_its_target_left(void **state)
{
    mica_error err = {0};
    char target[4096], *text;
    size_t size;
    snprintf(target, sizeof target, "%s", in_folder("target"));
    put(target, "blob", 4);
    assert_int_equal(symlink(target, in_folder("link")), 0);
    assert_int_equal(write_text(in_folder("link"), "mine", &err), MICA_OK);
    assert_int_equal(mica_file_read(target, 10, &text, &size, &err), MICA_OK);
    assert_string_equal(text, "blob");
    mica_free(text);
    assert_int_equal(mica_file_read(in_folder("link"), 10, &text, &size, &err), MICA_OK);
    assert_string_equal(text, "mine");
    mica_free(text);
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
    size_t before = files_in(folder);
    assert_true(torture_run(write_and_read, NULL) >= 5);
    assert_int_equal(files_in(folder), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapping_shows_the_file),
        cmocka_unit_test(what_is_no_file_is_named),
        cmocka_unit_test(paths_are_joined),
        cmocka_unit_test(a_file_appears_whole_or_not_at_all),
        cmocka_unit_test(whether_a_file_can_be_written_is_asked_before),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(an_open_file_below_proc_is_written_in_place),
        cmocka_unit_test(a_pipe_is_written_directly),
        cmocka_unit_test(a_cache_replaces_pipes_and_shared_files),
        cmocka_unit_test(a_link_is_replaced_and_its_target_left),
        cmocka_unit_test(failing_allocations_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
