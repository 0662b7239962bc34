/* SPDX-License-Identifier: MIT
 *
 * Every allocation under every public call fails once: the call says so, nothing leaks, the cache
 * stays whole.
 */
#include "hub/support.h"

#include <stdio.h>
#include <string.h>

#include "torture.h"

#define SMALL "small/model"

static server *hub_server;
static const char *cache;

static int start(void **state)
{
    clean_environment();
    hub_server = server_start(NULL);
    repo *r = server_repo(hub_server, SMALL);
    const char *c = repo_commit(r, "x");
    repo_ref(r, "main", c);
    repo_text(r, c, "config.json", "{\"model_type\":\"bert\"}");
    repo_text(r, c, "modules.json", "[{\"path\":\"1_Pooling\"}]");
    repo_text(r, c, "1_Pooling/config.json", "{}");
    repo_text(r, c, "model.safetensors.index.json", "{\"weight_map\":{\"a\":\"a.safetensors\"}}");
    repo_file(r, c, "a.safetensors", "weights", 7, true);
    cache = fresh_folder("torture");
    return 0;
}

static int stop(void **state)
{
    server_stop(hub_server);
    return 0;
}

static mica_status create(bool offline, mica_hub **out, mica_error *err)
{
    mica_hub_options options;
    mica_hub_options_defaults(&options);
    options.endpoint = server_url(hub_server);
    options.cache_dir = cache;
    options.offline = offline;
    options.token = "hf_good";
    options.retry_seconds = 0;
    return mica_hub_create(&options, out, err);
}

static mica_status pull_anew(void *arg, mica_error *err)
{
    mica_hub *hub = NULL;
    mica_hub_snapshot *snapshot = NULL;
    const mica_hub_pull_options *options = arg;
    mica_status status = create(false, &hub, err);
    if (!status)
        status = mica_hub_pull(hub, SMALL, options, &snapshot, err);
    assert_true((status == MICA_OK) == (snapshot != NULL));
    mica_hub_snapshot_destroy(&snapshot);
    mica_hub_destroy(&hub);
    if (!status && !(options && options->dry_run))
        remove_tree(cache);
    return status;
}

static void pulling_survives(void **state)
{
    mica_hub_pull_options options;
    mica_hub_pull_options_defaults(&options);
    assert_true(torture_run(pull_anew, &options) > 100);
    options.dry_run = true;
    assert_true(torture_run(pull_anew, &options) > 50);
    options.dry_run = false;
    options.local_dir = cache;
    assert_true(torture_run(pull_anew, &options) > 100);
}

/* What is there from an earlier try is used or done again, in whatever state it was left. */
static mica_status pull_on(void *arg, mica_error *err)
{
    mica_hub *hub = NULL;
    mica_hub_snapshot *snapshot = NULL;
    mica_status status = create(false, &hub, err);
    if (!status)
        status = mica_hub_pull(hub, SMALL, NULL, &snapshot, err);
    mica_hub_snapshot_destroy(&snapshot);
    mica_hub_destroy(&hub);
    return status;
}

static mica_status look_around(void *arg, mica_error *err)
{
    mica_hub *hub = NULL;
    mica_hub_snapshot *snapshot = NULL;
    mica_hub_cache *list = NULL;
    mica_hub_removal removal;
    char *path = NULL;
    mica_status status = create(true, &hub, err);
    if (!status)
        status = mica_hub_inspect(hub, SMALL, &snapshot, err);
    if (!status)
        status = mica_hub_resolve(hub, SMALL, NULL, &path, err);
    if (!status)
        status = mica_hub_list(hub, &list, err);
    if (!status)
        assert_int_equal(mica_hub_cache_count(list), 1);
    if (!status)
        status = mica_hub_verify(hub, NULL, NULL, NULL, err);
    if (!status)
        status = mica_hub_remove(hub, SMALL "@main", true, &removal, err);
    mica_hub_text_free(&path);
    mica_hub_cache_destroy(&list);
    mica_hub_snapshot_destroy(&snapshot);
    mica_hub_destroy(&hub);
    return status;
}

static mica_status not_there(void *arg, mica_error *err)
{
    mica_hub *hub = NULL;
    mica_hub_snapshot *snapshot = NULL;
    mica_status status = create(true, &hub, err);
    if (!status)
        status = mica_hub_inspect(hub, "small/modle", &snapshot, err);
    assert_null(snapshot);
    mica_hub_destroy(&hub);
    return status == MICA_STATUS_NOT_CACHED ? MICA_OK : status;
}

static void looking_survives(void **state)
{
    remove_tree(cache);
    torture_run(pull_on, NULL);
    assert_cache_good(cache);
    assert_usable(cache, SMALL, true);
    assert_true(torture_run(look_around, NULL) > 50);
    assert_true(torture_run(not_there, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pulling_survives),
        cmocka_unit_test(looking_survives),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
