/* SPDX-License-Identifier: MIT
 *
 * A machine without libcurl: only what asks the Hub fails, and says why.
 */
#include "hub/support.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "hub/transport.h"

static int loads;

/* In place of the system's. */
void *dlopen(const char *path, int flags)
{
    loads += strstr(path, "libcurl") != NULL;
    return NULL;
}

char *dlerror(void)
{
    static char text[] = "no such library here";
    return text;
}

static void only_fetching_fails(void **state)
{
    mica_hub *hub = NULL;
    mica_error err = {0};
    char *path = NULL;
    bool failed = false;
    clean_environment();
    setenv("HF_HUB_CACHE", fresh_folder("libcurl"), 1);
    assert_int_equal(mica_hub_create(NULL, &hub, &err), MICA_OK);
    assert_int_equal(loads, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mica_hub_resolve(hub, "a/b", NULL, &path, &err), MICA_STATUS_UNSUPPORTED);
        assert_null(path);
        assert_non_null(strstr(err.message, "libcurl, which cannot be loaded: no such library"));
        assert_int_equal(loads, 1);
    }
    assert_null(mica_hub_url_join("https://a.b/c", "d", &failed));
    assert_true(failed);
    assert_false(mica_hub_url_same_origin("https://a.b/c", "https://a.b/d"));
    mica_hub_destroy(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_fetching_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
