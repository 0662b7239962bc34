/* SPDX-License-Identifier: MIT
 *
 * What the environment says, as huggingface_hub's constants.py and get_token read it.
 */
#include "hub/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A hub made with variables ("NAME=value", NULL at the end). */
static mica_status with(const char *const *variables, mica_hub **out, mica_error *err)
{
    clean_environment();
    unsetenv("HF_TOKEN_PATH");
    setenv("HOME", "/home/me", 1);
    for (; *variables; variables++) {
        char name[64];
        const char *value = strchr(*variables, '=') + 1;
        snprintf(name, sizeof name, "%.*s", (int)(value - *variables) - 1, *variables);
        setenv(name, value, 1);
    }
    *err = (mica_error){0};
    return mica_hub_create(NULL, out, err);
}

static void the_cache_is_where_python_has_it(void **state)
{
    static const struct {
        const char *variables[4], *cache;
    } cases[] = {
        {{NULL}, "/home/me/.cache/huggingface/hub"},
        {{"XDG_CACHE_HOME=/x", NULL}, "/x/huggingface/hub"},
        {{"HF_HOME=/h", "XDG_CACHE_HOME=/x", NULL}, "/h/hub"},
        {{"HF_HOME=~/h", NULL}, "/home/me/h/hub"},
        {{"HF_HOME=$HOME/h", NULL}, "/home/me/h/hub"},
        {{"HUGGINGFACE_HUB_CACHE=/old", "HF_HOME=/h", NULL}, "/old"},
        {{"HF_HUB_CACHE=/c", "HUGGINGFACE_HUB_CACHE=/old", "HF_HOME=/h", NULL}, "/c"},
        {{"HF_HUB_CACHE=${HOME}/c", NULL}, "/home/me/c"},
        {{"HF_HOME=", NULL}, "hub"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mica_hub *hub = NULL;
        mica_hub_info info;
        mica_error err;
        assert_int_equal(with(cases[i].variables, &hub, &err), MICA_OK);
        mica_hub_get_info(hub, &info);
        assert_string_equal(info.cache_dir, cases[i].cache);
        assert_null(info.token_source);
        mica_hub_destroy(&hub);
    }
}

static void tokens_come_from_where_python_has_them(void **state)
{
    char path[600], variable[700];
    const char *folder = fresh_folder("tokens");
    snprintf(path, sizeof path, "mkdir -p '%s' && printf ' hf_file\\n' > '%s/token'", folder,
             folder);
    assert_int_equal(system(path), 0);
    snprintf(path, sizeof path, "%s/token", folder);
    snprintf(variable, sizeof variable, "HF_HOME=%s", folder);
    const struct {
        const char *variables[4], *source;
    } cases[] = {
        {{variable, NULL}, path},
        {{variable, "HF_TOKEN=hf_a", NULL}, "HF_TOKEN"},
        {{variable, "HUGGING_FACE_HUB_TOKEN=hf_a", NULL}, "HUGGING_FACE_HUB_TOKEN"},
        {{variable, "HF_TOKEN=", "HUGGING_FACE_HUB_TOKEN=hf_a", NULL}, "HUGGING_FACE_HUB_TOKEN"},
        {{variable, "HF_TOKEN= \n", "HUGGING_FACE_HUB_TOKEN=hf_a", NULL}, path},
        {{variable, "HF_HUB_DISABLE_IMPLICIT_TOKEN=1", "HF_TOKEN=hf_a", NULL}, NULL},
        {{variable, "HF_TOKEN_PATH=/nowhere", NULL}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mica_hub *hub = NULL;
        mica_hub_info info;
        mica_error err;
        assert_int_equal(with(cases[i].variables, &hub, &err), MICA_OK);
        mica_hub_get_info(hub, &info);
        if (cases[i].source)
            assert_string_equal(info.token_source, cases[i].source);
        else
            assert_null(info.token_source);
        mica_hub_destroy(&hub);
    }
}

static void flags_are_read(void **state)
{
    static const struct {
        const char *variables[3];
        bool offline;
        int bars;
    } cases[] = {
        {{NULL}, false, -1},
        {{"HF_HUB_OFFLINE=1", NULL}, true, -1},
        {{"HF_HUB_OFFLINE=yes", NULL}, true, -1},
        {{"HF_HUB_OFFLINE=True", NULL}, true, -1},
        {{"HF_HUB_OFFLINE=on", NULL}, true, -1},
        {{"HF_HUB_OFFLINE=2", NULL}, false, -1},
        {{"TRANSFORMERS_OFFLINE=1", NULL}, true, -1},
        {{"HF_HUB_OFFLINE=", "TRANSFORMERS_OFFLINE=1", NULL}, true, -1},
        {{"HF_HUB_OFFLINE=0", "TRANSFORMERS_OFFLINE=1", NULL}, false, -1},
        {{"HF_HUB_DISABLE_PROGRESS_BARS=1", NULL}, false, 0},
        {{"HF_HUB_DISABLE_PROGRESS_BARS=0", NULL}, false, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mica_hub *hub = NULL;
        mica_hub_info info;
        mica_error err;
        assert_int_equal(with(cases[i].variables, &hub, &err), MICA_OK);
        mica_hub_get_info(hub, &info);
        assert_int_equal(info.offline, cases[i].offline);
        assert_int_equal(info.progress_bars, cases[i].bars);
        mica_hub_destroy(&hub);
    }
}

static void what_means_nothing_is_refused(void **state)
{
    static const char *const cases[][2] = {{"HF_HUB_ETAG_TIMEOUT=soon", NULL},
                                           {"HF_HUB_DOWNLOAD_TIMEOUT=-1", NULL},
                                           {"HF_HUB_DOWNLOAD_TIMEOUT=1x", NULL},
                                           {"HF_ENDPOINT=ftp://h", NULL},
                                           {"HF_ENDPOINT=h", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mica_hub *hub = NULL;
        mica_error err;
        assert_int_equal(with(cases[i], &hub, &err), MICA_STATUS_INVALID_ARGUMENT);
        assert_null(hub);
        assert_true(err.message[0] != 0);
    }
    static const char *const good[] = {"HF_ENDPOINT=http://mirror/hub//", "HF_HUB_ETAG_TIMEOUT= 5 ",
                                       "HF_HUB_DOWNLOAD_TIMEOUT=0", NULL};
    mica_hub *hub = NULL;
    mica_hub_info info;
    mica_error err;
    assert_int_equal(with(good, &hub, &err), MICA_OK);
    mica_hub_get_info(hub, &info);
    assert_string_equal(info.endpoint, "http://mirror/hub");
    mica_hub_destroy(&hub);
}

static void paths_are_no_ids(void **state)
{
    char *out = NULL;
    mica_error err = {0};
    mica_hub *hub = offline_hub(fresh_folder("paths"));
    static const char *const paths[] = {"./x", "../x", "/x/y", "~/x", "a/b/c", ".", "./a/b"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        mica_status status = mica_hub_resolve(hub, paths[i], NULL, &out, &err);
        if (strcmp(paths[i], ".") == 0) {
            assert_int_equal(status, MICA_OK); /* it is there */
            assert_string_equal(out, ".");
            mica_hub_text_free(&out);
        } else {
            assert_int_equal(status, MICA_STATUS_NOT_FOUND);
        }
        assert_null(out);
    }
    assert_int_equal(mica_hub_resolve(hub, "", NULL, &out, &err), MICA_STATUS_INVALID_ARGUMENT);
    assert_int_equal(mica_hub_resolve(hub, "a/b", NULL, &out, &err), MICA_STATUS_NOT_CACHED);
    mica_hub_destroy(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cache_is_where_python_has_it),
        cmocka_unit_test(tokens_come_from_where_python_has_them),
        cmocka_unit_test(flags_are_read),
        cmocka_unit_test(what_means_nothing_is_refused),
        cmocka_unit_test(paths_are_no_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
