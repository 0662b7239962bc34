/* SPDX-License-Identifier: MIT */
#include "torture.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"

static void every_row_is_whole(void **state)
{
    static const struct {
        const char *name;
        int value, exit_code;
    } rows[] = {
#define MICA_STATUS(name, value, exit_code, text) {#name, value, exit_code},
#include "mica/status.def"
#undef MICA_STATUS
    };
    size_t n = sizeof rows / sizeof rows[0];
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(rows[i].value, i); /* append only, no gaps */
        assert_string_equal(mica_status_name((mica_status)i), rows[i].name);
        assert_int_equal(mica_status_exit_code((mica_status)i), rows[i].exit_code);
        assert_true(strlen(mica_status_text((mica_status)i)) > 3);
    }
    assert_string_equal(mica_status_name((mica_status)n), "UNKNOWN");
    assert_int_equal(mica_status_exit_code((mica_status)n), 1);
    assert_int_equal(mica_status_exit_code(MICA_OK), 0);
}

static void texts_are_safe_to_print(void **state)
{
    mica_error err = {0};
    assert_int_equal(mica_fail(&err, MICA_STATUS_IO, "a%s", "\x1b[31m\n\xff\xc3\xa9"),
                     MICA_STATUS_IO);
    assert_string_equal(err.message, "a\\x1b[31m\\x0a\\xff\xc3\xa9");
    assert_int_equal(err.status, MICA_STATUS_IO);
    assert_int_equal(mica_fail(NULL, MICA_STATUS_IO, "nobody reads this"), MICA_STATUS_IO);
}

static void long_texts_are_cut_at_a_character(void **state)
{
    mica_error err = {0};
    char text[3000];
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[2998] = 0;
    for (int lead = 0; lead < 2; lead++) {
        mica_fail(&err, MICA_STATUS_IO, "%s%s", lead ? "x" : "", text);
        size_t n = strlen(err.message);
        assert_true(n < sizeof err.message && n > sizeof err.message - 8);
        assert_string_equal(err.message + n - 3, "...");
        assert_int_equal(mica_utf8_valid_prefix(err.message, n), n);
    }
}

static void errno_and_prefix(void **state)
{
    mica_error err = {0};
    assert_int_equal(mica_fail_errno(&err, ENOENT, "cannot open", "x"), MICA_STATUS_NOT_FOUND);
    assert_non_null(strstr(err.message, "cannot open 'x': "));
    assert_int_equal(mica_fail_errno(&err, EACCES, "cannot open", "x"), MICA_STATUS_IO);
    assert_int_equal(mica_fail_errno(&err, ENOMEM, "cannot open", "x"), MICA_STATUS_OUT_OF_MEMORY);
    assert_int_equal(mica_fail_errno(&err, ENOSPC, "cannot write", "x"), MICA_STATUS_DISK_FULL);
    assert_string_equal(err.message,
                        "cannot write 'x': the disk is full; remove what is not needed, "
                        "or choose a place on another disk");
    assert_int_equal(mica_fail_errno(&err, EDQUOT, "cannot write", "x"), MICA_STATUS_DISK_FULL);
    assert_non_null(strstr(err.message, "'x': the disk quota is used up; "));
    mica_fail(&err, MICA_STATUS_SHAPE, "what");
    mica_error_prefix(&err, "where %d: ", 3);
    assert_string_equal(err.message, "where 3: what");
    assert_int_equal(err.status, MICA_STATUS_SHAPE);
    mica_error_prefix(NULL, "x");
}

static void keep_line(void *user, int level, const char *line)
{
    char *text = (char *)user;
    text[0] = (char)('0' + level);
    strncpy(text + 1, line, 90);
}

static void log_lines_reach_the_sink(void **state)
{
    char text[100] = {0};
    mica_log_sink sink = {keep_line, text};
    mica_log_write(&sink, MICA_LOG_WARNING, "x %d\t", 5);
    assert_string_equal(text, "2x 5\\x09");
    mica_log_write(NULL, MICA_LOG_WARNING, "nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(texts_are_safe_to_print),
        cmocka_unit_test(long_texts_are_cut_at_a_character),
        cmocka_unit_test(errno_and_prefix),
        cmocka_unit_test(log_lines_reach_the_sink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
