/* SPDX-License-Identifier: MIT */
#include "torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cpu.h"
#include "base/cpu_internal.h"

static void the_level_can_only_be_lowered(void **state)
{
    mica_error err = {0};
    mica_cpu_level level, best = mica_cpu_detect();
    unsetenv("MICA_CPU");
    assert_int_equal(mica_cpu_choose(&level, &err), MICA_OK);
    assert_int_equal(level, best);
    for (int i = 0; i < MICA_CPU_LEVELS; i++) {
        setenv("MICA_CPU", mica_cpu_level_name((mica_cpu_level)i), 1);
        assert_int_equal(mica_cpu_choose(&level, &err), MICA_OK);
        assert_int_equal(level, i < (int)best ? i : (int)best);
    }
    setenv("MICA_CPU", "sse9", 1);
    assert_int_equal(mica_cpu_choose(&level, &err), MICA_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "sse9"));
    unsetenv("MICA_CPU");
    assert_true(strlen(mica_cpu_model()) > 0);
}

static void threads_from_the_environment(void **state)
{
    mica_error err = {0};
    mica_thread_choice choice;
    static const char *const bad[] = {"0", "-1", "x", "2x", "1025", "99999999999999999999"};
    unsetenv("MICA_THREADS");
    assert_int_equal(mica_threads_choose(&choice, &err), MICA_OK);
    assert_true(choice.threads >= 1 && choice.threads <= choice.affinity);
    setenv("MICA_THREADS", "3", 1);
    assert_int_equal(mica_threads_choose(&choice, &err), MICA_OK);
    assert_int_equal(choice.threads, 3);
    assert_string_equal(choice.reason, "MICA_THREADS");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        setenv("MICA_THREADS", bad[i], 1);
        assert_int_equal(mica_threads_choose(&choice, &err), MICA_STATUS_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, bad[i]));
    }
    unsetenv("MICA_THREADS");
}

static char root[] = MICA_TEST_TMP "/cgroup-XXXXXX";

/* Writes root/path, making its folders. */
static void put(const char *path, const char *text)
{
    char full[4096];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = 0;
        mkdir(full, 0700);
        *p = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static double quota(const char *proc)
{
    char full[4096];
    put("proc", proc);
    snprintf(full, sizeof full, "%s/proc", root);
    return mica_cgroup_quota(full, root);
}

static void cgroup_quota(void **state)
{
    assert_non_null(mkdtemp(root));
    assert_true(quota("0::/a/b\n") == 0);
    put("cpu.max", "max 100000\n");
    put("a/cpu.max", "250000 100000\n");
    put("a/b/cpu.max", "max 100000\n");
    assert_true(quota("0::/a/b\n") == 2.5); /* a group above sets the limit */
    put("a/b/cpu.max", "50000 100000\n");
    assert_true(quota("0::/a/b\n") == 0.5); /* the smallest counts */
    assert_true(quota("0::/\n") == 0);
    assert_true(quota("0::/elsewhere/deep\n") == 0);
    put("cpu.max", "150000 100000\n");
    assert_true(quota("0::/\n") == 1.5); /* inside a container the own group is the root */
    assert_true(quota("0::/elsewhere/deep\n") == 1.5);
    put("cpu.max", "garbage\n");
    assert_true(quota("0::/\n") == 0);
    put("cpu,cpuacct/x/cpu.cfs_quota_us", "300000\n");
    put("cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
    assert_true(quota("5:cpuset:/x\n4:cpu,cpuacct:/x\n") == 3);
    put("cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n");
    assert_true(quota("4:cpu,cpuacct:/x\n") == 0);
    assert_true(mica_cgroup_quota("/none", root) == 0);
    char command[4200];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_level_can_only_be_lowered),
        cmocka_unit_test(threads_from_the_environment),
        cmocka_unit_test(cgroup_quota),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
