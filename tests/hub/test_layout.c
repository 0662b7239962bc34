/* SPDX-License-Identifier: MIT
 *
 * What lies on disk after a pull is what huggingface_hub leaves there, file by file and byte by
 * byte (tests/golden/hub_layout.py made the fixtures with huggingface_hub itself).
 */
#include "hub/support.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"

static server *hub_server;

static int start(void **state)
{
    const char *commit;
    clean_environment();
    hub_server = server_start(NULL);
    standard_repo(hub_server, &commit);
    return 0;
}

static int stop(void **state)
{
    server_stop(hub_server);
    return 0;
}

/* Compares line by line, so that a failure says which. */
static void compare(const char *fixture, const char *folder)
{
    char *wanted = NULL, *found = list_layout(folder), *a, *b;
    size_t size;
    mica_error err = {0};
    if (mica_file_read(fixture, 1 << 20, &wanted, &size, &err))
        fail_msg("%s", err.message);
    assert_true(size > 500);
    char *p = wanted, *q = found;
    while (*p || *q) {
        a = p + strcspn(p, "\n");
        b = q + strcspn(q, "\n");
        if (a - p != b - q || memcmp(p, q, (size_t)(a - p)) != 0)
            fail_msg("huggingface_hub leaves '%.*s', mica '%.*s'", (int)(a - p), p, (int)(b - q),
                     q);
        p = a + (*a == '\n');
        q = b + (*b == '\n');
    }
    mica_free(wanted);
    free(found);
}

static void the_cache_is_the_same(void **state)
{
    const char *cache = fresh_folder("layout");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    compare(MICA_TEST_DIR "/fixtures/hub/cache.txt", cache);
    mica_hub_destroy(&hub);
}

static void local_folders_are_the_same(void **state)
{
    mica_error err;
    mica_hub_pull_options options;
    const char *folder = fresh_folder("layout-local");
    mica_hub *hub = hub_for(server_url(hub_server), fresh_folder("layout-cache"), "");
    mica_hub_pull_options_defaults(&options);
    options.local_dir = folder;
    assert_int_equal(pull(hub, MODEL, &options, NULL, &err), MICA_OK);
    compare(MICA_TEST_DIR "/fixtures/hub/local.txt", folder);
    mica_hub_destroy(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cache_is_the_same),
        cmocka_unit_test(local_folders_are_the_same),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
