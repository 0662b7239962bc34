/* SPDX-License-Identifier: MIT
 *
 * Listing, inspecting, removing and verifying what is in the cache.
 */
#include "hub/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static server *hub_server;
static repo *model;
static const char *commit, *other;

static int start(void **state)
{
    clean_environment();
    hub_server = server_start(NULL);
    model = standard_repo(hub_server, &commit);
    other = repo_commit(model, "other");
    repo_ref(model, "v2", other);
    repo_text(model, other, "config.json", "{\"model_type\":\"bert\",\"hidden_size\":5}\n");
    repo_text(model, other, "tokenizer.json", "{\"version\":\"1.0\"}\n"); /* in both */
    repo_file(model, other, "model.safetensors", "others", 6, true);
    return 0;
}

static int stop(void **state)
{
    server_stop(hub_server);
    return 0;
}

/* A cache with both commits. */
static mica_hub *filled(const char *cache)
{
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    pull_well(hub, MODEL "@v2");
    return hub;
}

static void rows_say_what_is_there(void **state)
{
    mica_hub_cache *list = NULL;
    mica_error err = {0};
    mica_hub *hub = hub_for(server_url(hub_server), fresh_folder("rows"), "");
    assert_int_equal(mica_hub_list(hub, &list, &err), MICA_OK); /* no cache is an empty one */
    assert_int_equal(mica_hub_cache_count(list), 0);
    mica_hub_cache_destroy(&list);
    mica_hub_destroy(&hub);
    const char *cache = fresh_folder("rows-filled");
    hub = filled(cache);
    assert_int_equal(mica_hub_list(hub, &list, &err), MICA_OK);
    assert_int_equal(mica_hub_cache_count(list), 2);
    int64_t sizes = 0;
    for (size_t i = 0; i < 2; i++) {
        const mica_hub_cached *row = mica_hub_cache_row(list, i);
        bool first = strcmp(row->commit, commit) == 0;
        assert_string_equal(row->id, MODEL);
        assert_string_equal(row->revisions, first ? "main" : "v2");
        assert_int_equal(row->files, first ? 10 : 3);
        assert_true(row->whole && row->last_used > 0 && row->last_modified > 0);
        sizes += row->size;
    }
    assert_int_equal(mica_hub_cache_size(list), sizes - 18); /* tokenizer.json counts once */
    mica_hub_cache_destroy(&list);
    mica_hub_destroy(&hub);
}

/* What cannot be listed is told, and the rest listed. */
static void rows_go_on_after_what_cannot_be_read(void **state)
{
    mica_hub_cache *list = NULL;
    mica_error err = {0};
    char path[1200];
    const char *cache = fresh_folder("rows-broken");
    mica_hub *hub = filled(cache);
    const char *models[] = {"models--a", "models--z"};
    for (size_t i = 0; i < 2; i++) { /* a file where a commit's folder should be */
        snprintf(path, sizeof path, "%s/%s", cache, models[i]);
        assert_int_equal(mkdir(path, 0777), 0);
        snprintf(path, sizeof path, "%s/%s/snapshots", cache, models[i]);
        assert_int_equal(mkdir(path, 0777), 0);
        snprintf(path, sizeof path, "%s/%s/snapshots/%040d", cache, models[i], 1);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fclose(file);
    }
    assert_int_equal(mica_hub_list(hub, &list, &err), MICA_OK);
    assert_int_equal(mica_hub_cache_count(list), 2);
    mica_hub_cache_destroy(&list);
    mica_hub_destroy(&hub);
}

static void inspecting_names_what_is_missing(void **state)
{
    mica_hub_snapshot *s = NULL;
    mica_error err = {0};
    char path[1024];
    const char *cache = fresh_folder("inspect");
    mica_hub *hub = filled(cache);
    assert_int_equal(mica_hub_inspect(hub, MODEL, &s, &err), MICA_OK);
    assert_null(mica_hub_snapshot_missing(s));
    assert_int_equal(mica_hub_snapshot_count(s), 15);
    mica_hub_snapshot_destroy(&s);
    snprintf(path, sizeof path, "%s/models--org--tiny-bert/snapshots/%s/2_Dense/config.json", cache,
             commit);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mica_hub_inspect(hub, MODEL, &s, &err), MICA_OK);
    assert_string_equal(mica_hub_snapshot_missing(s), "2_Dense/config.json");
    mica_hub_snapshot_destroy(&s);
    assert_int_equal(mica_hub_inspect(hub, MODEL "@none", &s, &err), MICA_STATUS_NOT_CACHED);
    assert_null(s);
    mica_hub_destroy(&hub);
}

static void removing_keeps_what_others_use(void **state)
{
    mica_hub_removal dry, done;
    mica_error err = {0};
    const char *cache = fresh_folder("remove");
    mica_hub *hub = filled(cache);
    assert_int_equal(mica_hub_remove(hub, MODEL "@main", true, &dry, &err), MICA_OK);
    assert_usable(cache, MODEL, true);
    assert_int_equal(mica_hub_remove(hub, MODEL "@main", false, &done, &err), MICA_OK);
    assert_int_equal(done.bytes, dry.bytes);
    assert_int_equal(done.files, dry.files);
    assert_true(done.bytes > WEIGHTS_SIZE && done.revisions == 1);
    assert_usable(cache, MODEL, false);
    assert_usable(cache, MODEL "@v2", true);
    assert_cache_good(cache);
    assert_int_equal(count_files(cache, commit), 0);
    assert_int_equal(mica_hub_remove(hub, MODEL "@main", false, &done, &err),
                     MICA_STATUS_NOT_CACHED);
    assert_int_equal(mica_hub_remove(hub, MODEL, false, &done, &err), MICA_OK);
    assert_false(exists(cache, "models--org--tiny-bert"));
    assert_int_equal(mica_hub_remove(hub, MODEL, false, &done, &err), MICA_STATUS_NOT_CACHED);
    pull_well(hub, MODEL);
    assert_int_equal(mica_hub_remove(hub, MODEL "@main", false, &done, &err), MICA_OK);
    assert_false(exists(cache, "models--org--tiny-bert")); /* the last revision takes the model */
    mica_hub_destroy(&hub);
}

static void removing_follows_no_links(void **state)
{
    char command[2400];
    mica_hub_removal done;
    mica_error err = {0};
    const char *cache = fresh_folder("remove-links"), *victim = fresh_folder("remove-victim");
    mica_hub *hub = filled(cache);
    snprintf(command, sizeof command,
             "mkdir '%s' && touch '%s/kept' && ln -s '%s' '%s/models--org--tiny-bert/blobs/x' && "
             "ln -s '%s' '%s/models--org--tiny-bert/snapshots/%s/y'",
             victim, victim, victim, cache, victim, cache, commit);
    assert_int_equal(system(command), 0);
    assert_int_equal(mica_hub_remove(hub, MODEL, false, &done, &err), MICA_OK);
    assert_true(exists(victim, "kept"));
    mica_hub_destroy(&hub);
}

/* A model that the user has put on another disk, with a link in its place. */
static void removing_takes_the_model_s_own_link(void **state)
{
    char command[2400];
    mica_hub_removal done;
    mica_error err = {0};
    const char *cache = fresh_folder("remove-own-link"), *disk = fresh_folder("remove-disk");
    mica_hub *hub = filled(cache);
    snprintf(command, sizeof command,
             "mv '%s/models--org--tiny-bert' '%s' && ln -s '%s' '%s/models--org--tiny-bert'", cache,
             disk, disk, cache);
    assert_int_equal(system(command), 0);
    assert_int_equal(mica_hub_remove(hub, MODEL, false, &done, &err), MICA_OK);
    assert_false(exists(cache, "models--org--tiny-bert"));
    assert_int_equal(count_files(disk, ""), 0);
    assert_int_equal(mica_hub_remove(hub, MODEL, false, &done, &err), MICA_STATUS_NOT_CACHED);
    mica_hub_destroy(&hub);
}

typedef struct tally {
    int of[5];
    char bad[256];
} tally;

static void count_verdict(void *user, const mica_hub_check *check)
{
    tally *t = user;
    t->of[check->verdict]++;
    if (check->verdict == MICA_HUB_BAD)
        snprintf(t->bad, sizeof t->bad, "%s", check->path);
}

static void damage_is_found(void **state)
{
    tally t = {{0}, ""};
    mica_error err = {0};
    char path[1024];
    const char *cache = fresh_folder("damage");
    mica_hub *hub = filled(cache);
    assert_int_equal(mica_hub_verify(hub, NULL, count_verdict, &t, &err), MICA_OK);
    assert_int_equal(t.of[MICA_HUB_GOOD], 13);
    snprintf(path, sizeof path, "%s/models--org--tiny-bert/snapshots/%s/model.safetensors", cache,
             commit);
    FILE *f = fopen(path, "r+b");
    fseek(f, WEIGHTS_SIZE / 2, SEEK_SET);
    fputc('!', f);
    fclose(f);
    memset(&t, 0, sizeof t);
    assert_int_equal(mica_hub_verify(hub, MODEL "@main", count_verdict, &t, &err),
                     MICA_STATUS_CHECKSUM);
    assert_int_equal(t.of[MICA_HUB_BAD], 1);
    assert_string_equal(t.bad, "model.safetensors");
    assert_int_equal(mica_hub_verify(hub, MODEL "@v2", NULL, NULL, &err), MICA_OK);
    char command[1200];
    snprintf(command, sizeof command, "rm '%s'/models--org--tiny-bert/blobs/*", cache);
    assert_int_equal(system(command), 0);
    memset(&t, 0, sizeof t);
    assert_int_equal(mica_hub_verify(hub, NULL, count_verdict, &t, &err), MICA_STATUS_CHECKSUM);
    assert_int_equal(t.of[MICA_HUB_MISSING], 13);
    pull_well(hub, MODEL); /* and mended */
    assert_int_equal(mica_hub_verify(hub, MODEL "@main", NULL, NULL, &err), MICA_OK);
    mica_hub_destroy(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_say_what_is_there),
        cmocka_unit_test(rows_go_on_after_what_cannot_be_read),
        cmocka_unit_test(inspecting_names_what_is_missing),
        cmocka_unit_test(removing_keeps_what_others_use),
        cmocka_unit_test(removing_follows_no_links),
        cmocka_unit_test(removing_takes_the_model_s_own_link),
        cmocka_unit_test(damage_is_found),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
