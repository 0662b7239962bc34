/* SPDX-License-Identifier: MIT
 *
 * Pulling from a Hub that works: what is fetched, what is asked, what lies in the cache afterwards.
 */
#include "hub/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

static server *hub_server;
static repo *model;
static const char *commit;

static int start(void **state)
{
    clean_environment();
    hub_server = server_start(NULL);
    model = standard_repo(hub_server, &commit);
    return 0;
}

static int stop(void **state)
{
    server_stop(hub_server);
    return 0;
}

static int forget(void **state)
{
    server_clear_faults(hub_server);
    server_forget(hub_server);
    return 0;
}

/* What the standard repository's model needs, and no more. */
static void needed_files_are_fetched(void **state)
{
    static const char *const there[] = {"config.json",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "vocab.txt",
                                        "modules.json",
                                        "sentence_bert_config.json",
                                        "1_Pooling/config.json",
                                        "2_Dense/config.json",
                                        "2_Dense/model.safetensors",
                                        "model.safetensors"};
    static const char *const absent[] = {"README.md", ".gitattributes", "pytorch_model.bin",
                                         "onnx/model.onnx", "empty.txt"};
    char directory[1024];
    mica_error err;
    const char *cache = fresh_folder("needed");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    assert_int_equal(pull(hub, MODEL, NULL, directory, &err), MICA_OK);
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        if (!exists(directory, there[i]))
            fail_msg("%s is not there", there[i]);
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (exists(directory, absent[i]))
            fail_msg("%s was fetched", absent[i]);
    assert_int_equal(count_files(directory, ""), 10);
    assert_cache_good(cache);
    assert_usable(cache, MODEL, true);
    assert_int_equal(server_count(hub_server, "HEAD "), 1);
    assert_int_equal(server_count(hub_server, "/tree/"), 1);
    assert_int_equal(server_count(hub_server, "GET /" MODEL "/resolve/"), 10);
    mica_hub_destroy(&hub);
}

static void several_files_come_at_once(void **state)
{
    const char *cache = fresh_folder("at-once");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    server_fault(hub_server, ".json", FAULT_SLOW, 50, NULL, 0, -1);
    pull_well(hub, MODEL);
    assert_true(server_most_at_once(hub_server) > 2);
    assert_true(server_most_at_once(hub_server) <= 8);
    mica_hub_destroy(&hub);
}

static void a_cached_branch_takes_one_request(void **state)
{
    const char *cache = fresh_folder("branch");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    server_forget(hub_server);
    pull_well(hub, MODEL);
    assert_int_equal(server_count(hub_server, ""), 1);
    assert_int_equal(server_count(hub_server, "HEAD /" MODEL "/resolve/main/config.json"), 1);
    mica_hub_destroy(&hub);
}

static void a_cached_commit_takes_no_request(void **state)
{
    char id[128];
    const char *cache = fresh_folder("commit");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    server_forget(hub_server);
    snprintf(id, sizeof id, MODEL "@%s", commit);
    pull_well(hub, id);
    assert_int_equal(server_count(hub_server, ""), 0);
    mica_hub_destroy(&hub);
}

/* A model argument is used as the cache has it, until somebody pulls. */
static void a_cached_model_takes_no_request(void **state)
{
    mica_error err = {0};
    mica_hub_pull_options no_weights;
    char *first = NULL, *again = NULL;
    const char *cache = fresh_folder("as-cached");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    mica_hub_pull_options_defaults(&no_weights);
    no_weights.no_weights = true;
    assert_int_equal(mica_hub_resolve(hub, MODEL, &no_weights, &first, &err), MICA_OK);
    mica_hub_text_free(&first);
    server_forget(hub_server);
    assert_int_equal(mica_hub_resolve(hub, MODEL "@main", &no_weights, &first, &err), MICA_OK);
    assert_int_equal(server_count(hub_server, ""), 0);
    assert_int_equal(mica_hub_resolve(hub, MODEL, NULL, &again, &err), MICA_OK); /* the weights */
    assert_true(server_count(hub_server, "model.safetensors") > 0);
    mica_hub_text_free(&again);
    server_forget(hub_server);
    const char *next = repo_commit(model, "newer");
    repo_text(model, next, "config.json", "{\"model_type\":\"newer\"}\n");
    repo_ref(model, "main", next);
    assert_int_equal(mica_hub_resolve(hub, MODEL, NULL, &again, &err), MICA_OK);
    assert_int_equal(server_count(hub_server, ""), 0);
    assert_string_equal(first, again);
    repo_ref(model, "main", commit);
    mica_hub_text_free(&first);
    mica_hub_text_free(&again);
    mica_hub_destroy(&hub);
}

/* config.json may be left out; what is to be fetched still depends on it. */
static void what_is_excluded_is_read_all_the_same(void **state)
{
    static const char *const exclude[] = {"*.json"};
    char directory[1024];
    mica_error err;
    mica_hub_pull_options options;
    const char *folder = fresh_folder("excluded");
    mica_hub *hub = hub_for(server_url(hub_server), fresh_folder("excluded-cache"), "");
    mica_hub_pull_options_defaults(&options);
    options.exclude = exclude;
    options.exclude_count = 1;
    options.local_dir = folder;
    assert_int_equal(pull(hub, MODEL, &options, directory, &err), MICA_OK);
    assert_true(exists(directory, "model.safetensors"));
    assert_true(exists(directory, "2_Dense/model.safetensors"));
    assert_false(exists(directory, "config.json"));
    mica_hub_destroy(&hub);
}

static void revisions_are_found(void **state)
{
    char path[512], id[128];
    const char *cache = fresh_folder("revisions");
    const char *other = repo_commit(model, "two");
    repo_text(model, other, "config.json", "{\"model_type\":\"other\"}\n");
    repo_file(model, other, "model.safetensors", "weights", 7, true);
    repo_ref(model, "v1.0", other);
    repo_ref(model, "refs/pr/3", other);
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL "@v1.0");
    pull_well(hub, MODEL "@refs/pr/3");
    assert_int_equal(server_count(hub_server, "/resolve/refs%2Fpr%2F3/"), 1);
    snprintf(path, sizeof path, "models--org--tiny-bert/snapshots/%s/model.safetensors", other);
    assert_true(exists(cache, path));
    assert_true(exists(cache, "models--org--tiny-bert/refs/v1.0"));
    assert_true(exists(cache, "models--org--tiny-bert/refs/refs/pr/3"));
    assert_false(exists(cache, "models--org--tiny-bert/refs/main"));
    snprintf(id, sizeof id, MODEL "@%s", commit);
    pull_well(hub, id);
    snprintf(path, sizeof path, "models--org--tiny-bert/refs/%s", commit);
    assert_false(exists(cache, path)); /* a commit needs no reference */
    assert_cache_good(cache);
    mica_hub_destroy(&hub);
}

static void a_branch_that_moves_is_followed(void **state)
{
    char directory[1024], before[1024];
    mica_error err;
    const char *cache = fresh_folder("moves");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    assert_int_equal(pull(hub, MODEL, NULL, before, &err), MICA_OK);
    const char *next = repo_commit(model, "three");
    repo_text(model, next, "config.json", "{\"model_type\":\"bert\",\"hidden_size\":8}\n");
    repo_text(model, next, "tokenizer.json", "{\"version\":\"1.0\"}\n"); /* the same blob */
    repo_file(model, next, "model.safetensors", "other weights", 13, true);
    repo_ref(model, "main", next);
    assert_int_equal(pull(hub, MODEL, NULL, directory, &err), MICA_OK);
    assert_non_null(strstr(directory, next));
    assert_true(exists(before, "model.safetensors")); /* the old one stays */
    assert_cache_good(cache);
    repo_ref(model, "main", commit);
    assert_int_equal(pull(hub, MODEL, NULL, directory, &err), MICA_OK);
    assert_non_null(strstr(directory, commit));
    mica_hub_destroy(&hub);
}

static void tokens_stay_on_the_hub(void **state)
{
    const char *cache = fresh_folder("token");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "hf_good");
    pull_well(hub, MODEL);
    assert_int_equal(server_count_token(hub_server, "/resolve/"),
                     server_count(hub_server, "/resolve/"));
    assert_int_equal(server_count_token(hub_server, "/api/"), 1);
    assert_int_equal(server_count(hub_server, "/store/"), 2);
    assert_int_equal(server_count_token(hub_server, "/store/"), 0);
    mica_hub_destroy(&hub);
}

static void patterns_choose_files(void **state)
{
    static const char *const include[] = {"*.json", "onnx/"}, *const exclude[] = {"2_Dense/*"};
    char directory[1024];
    mica_error err;
    mica_hub_pull_options options;
    const char *cache = fresh_folder("patterns");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    mica_hub_pull_options_defaults(&options);
    options.include = include;
    options.include_count = 2;
    options.exclude = exclude;
    options.exclude_count = 1;
    assert_int_equal(pull(hub, MODEL, &options, directory, &err), MICA_OK);
    assert_true(exists(directory, "onnx/model.onnx"));
    assert_true(exists(directory, "1_Pooling/config.json"));
    assert_false(exists(directory, "2_Dense/config.json"));
    assert_false(exists(directory, "model.safetensors"));
    assert_usable(cache, MODEL, false); /* that was not all that the model needs */
    pull_well(hub, MODEL);
    assert_usable(cache, MODEL, true);
    mica_hub_destroy(&hub);
}

static void a_dry_run_writes_nothing(void **state)
{
    mica_error err = {0};
    mica_hub_pull_options options;
    mica_hub_snapshot *s = NULL;
    size_t fetched = 0;
    const char *cache = fresh_folder("dry");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    mica_hub_pull_options_defaults(&options);
    options.dry_run = true;
    assert_int_equal(mica_hub_pull(hub, MODEL, &options, &s, &err), MICA_OK);
    for (size_t i = 0; i < mica_hub_snapshot_count(s); i++) {
        const mica_hub_file *f = mica_hub_snapshot_file(s, i);
        fetched += f->fetched;
        assert_int_equal(f->fetched, f->needed);
        if (strcmp(f->path, "model.safetensors") == 0)
            assert_int_equal(f->size, WEIGHTS_SIZE);
    }
    assert_int_equal(fetched, 10);
    assert_int_equal(mica_hub_snapshot_count(s), 15);
    assert_string_equal(mica_hub_snapshot_commit(s), commit);
    mica_hub_snapshot_destroy(&s);
    assert_false(exists(cache, ""));
    pull_well(hub, MODEL);
    assert_int_equal(mica_hub_pull(hub, MODEL, &options, &s, &err), MICA_OK);
    for (size_t i = 0; i < mica_hub_snapshot_count(s); i++)
        assert_false(mica_hub_snapshot_file(s, i)->fetched);
    mica_hub_snapshot_destroy(&s);
    mica_hub_destroy(&hub);
}

static void force_fetches_again(void **state)
{
    char path[1024];
    mica_error err;
    mica_hub_pull_options options;
    const char *cache = fresh_folder("force");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    snprintf(path, sizeof path, "%s/models--org--tiny-bert/snapshots/%s/model.safetensors", cache,
             commit);
    FILE *f = fopen(path, "r+b"); /* damage the blob behind the link */
    assert_non_null(f);
    fputc('?', f);
    fclose(f);
    mica_hub_pull_options_defaults(&options);
    options.force = true;
    server_forget(hub_server);
    assert_int_equal(pull(hub, MODEL, &options, NULL, &err), MICA_OK);
    assert_int_equal(server_count(hub_server, "GET /" MODEL "/resolve/"), 10);
    assert_cache_good(cache);
    mica_hub_destroy(&hub);
}

static mica_status refuse_model(void *user, const char *directory, mica_error *err)
{
    assert_true(exists(directory, "config.json"));
    assert_true(exists(directory, "1_Pooling/config.json"));
    ++*(int *)user;
    snprintf(err->message, sizeof err->message, "no such architecture");
    return err->status = MICA_STATUS_UNSUPPORTED;
}

static void weights_wait_for_consent(void **state)
{
    int calls = 0;
    mica_error err;
    mica_hub_pull_options options;
    const char *cache = fresh_folder("consent");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    mica_hub_pull_options_defaults(&options);
    options.accept = refuse_model;
    options.accept_user = &calls;
    assert_int_equal(pull(hub, MODEL, &options, NULL, &err), MICA_STATUS_UNSUPPORTED);
    assert_string_equal(err.message, "no such architecture");
    assert_int_equal(calls, 1);
    assert_int_equal(server_count(hub_server, ".safetensors"), 0);
    options.no_weights = true; /* nobody needs to be asked */
    assert_int_equal(pull(hub, MODEL, &options, NULL, &err), MICA_OK);
    assert_int_equal(calls, 1);
    assert_int_equal(server_count(hub_server, ".safetensors"), 0);
    assert_cache_good(cache);
    mica_hub_destroy(&hub);
}

static void sharded_weights_come_by_their_index(void **state)
{
    char directory[1024];
    mica_error err;
    const char *cache = fresh_folder("sharded");
    repo *r = server_repo(hub_server, "sharded");
    const char *c = repo_commit(r, "x");
    repo_ref(r, "main", c);
    repo_text(r, c, "config.json", "{}");
    repo_text(r, c, "model.safetensors.index.json",
              "{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\","
              "\"b\":\"model-00002-of-00002.safetensors\",\"c\":\"model-00001-of-00002."
              "safetensors\"}}");
    repo_file(r, c, "model-00001-of-00002.safetensors", "one", 3, true);
    repo_file(r, c, "model-00002-of-00002.safetensors", "two", 3, true);
    repo_file(r, c, "model-00009-of-00009.safetensors", "stray", 5, true);
    repo_text(r, c, "pytorch_model.bin.index.json", "{\"weight_map\":{\"a\":\"p.bin\"}}");
    repo_file(r, c, "p.bin", "three", 5, true);
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    assert_int_equal(pull(hub, "sharded", NULL, directory, &err), MICA_OK);
    assert_int_equal(count_files(directory, ""), 4);
    assert_true(exists(directory, "model-00002-of-00002.safetensors"));
    assert_usable(cache, "sharded", true);
    mica_hub_destroy(&hub);
}

static void other_weights_are_named(void **state)
{
    mica_error err;
    const char *cache = fresh_folder("tensorflow");
    repo *r = server_repo(hub_server, "org/tensorflow");
    const char *c = repo_commit(r, "x");
    repo_ref(r, "main", c);
    repo_text(r, c, "config.json", "{}");
    repo_file(r, c, "tf_model.h5", "tensors", 7, true);
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    assert_int_equal(pull(hub, "org/tensorflow", NULL, NULL, &err), MICA_STATUS_NO_WEIGHTS);
    assert_non_null(strstr(err.message, "tf_model.h5"));
    assert_int_equal(server_count(hub_server, "tf_model.h5"), 0);
    mica_hub_destroy(&hub);
}

static void one_file_is_fetched(void **state)
{
    char *path = NULL, *text = NULL;
    size_t size;
    mica_error err = {0};
    const char *cache = fresh_folder("one");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    assert_int_equal(mica_hub_fetch(hub, MODEL, "README.md", &path, &err), MICA_OK);
    assert_int_equal(mica_file_read(path, 100, &text, &size, &err), MICA_OK);
    assert_string_equal(text, "# a model\n");
    mica_free(text);
    mica_hub_text_free(&path);
    assert_int_equal(mica_hub_fetch(hub, MODEL, "empty.txt", &path, &err), MICA_OK);
    assert_int_equal(mica_file_exists(path), true);
    mica_hub_text_free(&path);
    assert_int_equal(mica_hub_fetch(hub, MODEL, "none.txt", &path, &err), MICA_STATUS_NO_ENTRY);
    assert_null(path);
    assert_int_equal(mica_hub_fetch(hub, MODEL, "../x", &path, &err), MICA_STATUS_INVALID_ARGUMENT);
    mica_hub_destroy(&hub);
}

/* A repository that was renamed: the Hub sends us on, by addresses without a host. */
static void renamed_repositories_are_followed(void **state)
{
    static const char *const include[] = {"config.json"};
    char head[256], tree[256], directory[1024];
    mica_error err;
    mica_hub_pull_options options;
    const char *cache = fresh_folder("renamed");
    snprintf(head, sizeof head, "Location: /" MODEL "/resolve/%s/config.json\r\n", commit);
    snprintf(tree, sizeof tree, "Location: /api/models/" MODEL "/tree/%s?recursive=true\r\n",
             commit);
    server_fault(hub_server, "/old/name/resolve/", FAULT_STATUS, 307, head, 0, -1);
    server_fault(hub_server, "/api/models/old/name/tree/", FAULT_STATUS, 307, tree, 0, -1);
    mica_hub *hub = hub_for(server_url(hub_server), cache, "hf_good");
    mica_hub_pull_options_defaults(&options);
    options.include = include;
    options.include_count = 1;
    assert_int_equal(pull(hub, "old/name", &options, directory, &err), MICA_OK);
    assert_true(exists(directory, "config.json"));
    assert_non_null(strstr(directory, "models--old--name"));
    assert_int_equal(server_count_token(hub_server, ""), server_count(hub_server, ""));
    assert_cache_good(cache);
    mica_hub_destroy(&hub);
}

/* What other programs fetch file by file has no listing with it. */
static void caches_without_a_listing_are_used(void **state)
{
    char command[1200], id[128];
    mica_error err;
    char *path = NULL;
    const char *cache = fresh_folder("unlisted");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    snprintf(command, sizeof command, "rm -r '%s/models--org--tiny-bert/trees'", cache);
    assert_int_equal(system(command), 0);
    server_forget(hub_server);
    snprintf(id, sizeof id, MODEL "@%s", commit);
    pull_well(hub, id); /* a commit, and all is there */
    assert_int_equal(server_count(hub_server, ""), 0);
    pull_well(hub, MODEL); /* a branch: one HEAD, as ever */
    assert_int_equal(server_count(hub_server, ""), 1);
    snprintf(command, sizeof command, "rm '%s/models--org--tiny-bert/snapshots/%s/modules.json'",
             cache, commit);
    assert_int_equal(system(command), 0);
    server_forget(hub_server);
    pull_well(hub, MODEL); /* the HEAD asks for what is in doubt, and finds it */
    assert_int_equal(server_count(hub_server, "HEAD /" MODEL "/resolve/main/modules.json"), 1);
    snprintf(command, sizeof command, "models--org--tiny-bert/snapshots/%s/modules.json", commit);
    assert_true(exists(cache, command));
    mica_hub_destroy(&hub);
    snprintf(command, sizeof command, "rm -r '%s/models--org--tiny-bert/trees'", cache);
    assert_int_equal(system(command), 0);
    hub = offline_hub(cache);
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_OK);
    assert_int_equal(mica_hub_fetch(hub, MODEL, "README.md", &path, &err), MICA_STATUS_NOT_CACHED);
    mica_hub_destroy(&hub);
}

static void pages_of_the_listing_are_joined(void **state)
{
    const char *cache = fresh_folder("pages");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    server_page_size(hub_server, 4);
    pull_well(hub, MODEL);
    server_page_size(hub_server, 1000);
    assert_int_equal(server_count(hub_server, "/tree/"), 4);
    assert_usable(cache, MODEL, true);
    mica_hub_destroy(&hub);
}

static void local_folders_get_plain_files(void **state)
{
    char path[1024];
    struct stat info;
    mica_error err;
    mica_hub_pull_options options;
    const char *cache = fresh_folder("local-cache"), *folder = fresh_folder("local");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    mica_hub_pull_options_defaults(&options);
    options.local_dir = folder;
    assert_int_equal(pull(hub, MODEL, &options, path, &err), MICA_OK);
    assert_string_equal(path, folder);
    snprintf(path, sizeof path, "%s/2_Dense/model.safetensors", folder);
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISREG(info.st_mode) && info.st_size == 5000);
    assert_true(exists(folder, ".cache/huggingface/download/2_Dense/model.safetensors.metadata"));
    assert_false(exists(cache, "models--org--tiny-bert/blobs"));
    server_forget(hub_server);
    assert_int_equal(pull(hub, MODEL, &options, NULL, &err), MICA_OK);
    assert_int_equal(server_count(hub_server, "GET "), 0); /* all is there */
    unlink(path);
    assert_int_equal(pull(hub, MODEL, &options, NULL, &err), MICA_OK);
    assert_int_equal(server_count(hub_server, "GET /store/"), 1);
    /* What the cache has is copied; offline too. */
    pull_well(hub, MODEL);
    mica_hub_destroy(&hub);
    hub = offline_hub(cache);
    options.local_dir = fresh_folder("local-offline");
    assert_int_equal(pull(hub, MODEL, &options, NULL, &err), MICA_OK);
    assert_true(exists(options.local_dir, "2_Dense/model.safetensors"));
    mica_hub_destroy(&hub);
}

static void where_there_are_no_links_files_are_moved(void **state)
{
    char path[1024];
    struct stat info;
    const char *cache = fresh_folder("no-links");
    setenv("HF_HUB_DISABLE_SYMLINKS", "1", 1);
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    unsetenv("HF_HUB_DISABLE_SYMLINKS");
    pull_well(hub, MODEL);
    snprintf(path, sizeof path, "%s/models--org--tiny-bert/snapshots/%s/model.safetensors", cache,
             commit);
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISREG(info.st_mode));
    assert_cache_good(cache);
    assert_usable(cache, MODEL, true);
    server_forget(hub_server);
    pull_well(hub, MODEL);
    assert_int_equal(server_count(hub_server, ""), 1);
    mica_hub_destroy(&hub);
}

static void progress_is_told(void *user, const mica_hub_progress *p)
{
    mica_hub_progress *last = user;
    assert_true(p->done >= 0 && p->done <= p->total);
    assert_true(p->files_done <= p->files && p->files_done >= last->files_done);
    for (size_t i = 0; i < p->active_count; i++)
        assert_true(p->active[i].done <= p->active[i].total);
    *last = *p;
}

static void progress_adds_up(void **state)
{
    mica_hub_progress last = {0};
    mica_hub *hub = NULL;
    mica_error err = {0};
    mica_hub_options options;
    mica_hub_options_defaults(&options);
    options.endpoint = server_url(hub_server);
    options.cache_dir = fresh_folder("progress");
    options.progress = progress_is_told;
    options.progress_user = &last;
    assert_int_equal(mica_hub_create(&options, &hub, &err), MICA_OK);
    pull_well(hub, MODEL);
    assert_int_equal(last.done, last.total);
    assert_int_equal(last.files_done, 10);
    assert_int_equal(last.files, 10);
    assert_true(last.total > WEIGHTS_SIZE);
    mica_hub_destroy(&hub);
}

/* Each module is looked for among all files: their number is bounded. */
static void modules_are_not_without_end(void **state)
{
    mica_error err;
    char modules[70 * 16] = "[{\"path\":\"m\"}";
    for (int i = 1; i < 65; i++)
        strcat(modules, ",{\"path\":\"m\"}");
    strcat(modules, "]");
    repo *r = server_repo(hub_server, "org/modules");
    const char *c = repo_commit(r, "modules");
    repo_ref(r, "main", c);
    repo_text(r, c, "config.json", "{}");
    repo_text(r, c, "modules.json", modules);
    repo_file(r, c, "model.safetensors", "weights", 7, true);
    mica_hub *hub = hub_for(server_url(hub_server), fresh_folder("modules"), "");
    assert_int_equal(pull(hub, "org/modules", NULL, NULL, &err), MICA_STATUS_FORMAT);
    assert_non_null(strstr(err.message, "64 modules"));
    mica_hub_destroy(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(needed_files_are_fetched, forget),
        cmocka_unit_test_setup(several_files_come_at_once, forget),
        cmocka_unit_test_setup(a_cached_branch_takes_one_request, forget),
        cmocka_unit_test_setup(a_cached_commit_takes_no_request, forget),
        cmocka_unit_test_setup(a_cached_model_takes_no_request, forget),
        cmocka_unit_test_setup(what_is_excluded_is_read_all_the_same, forget),
        cmocka_unit_test_setup(revisions_are_found, forget),
        cmocka_unit_test_setup(a_branch_that_moves_is_followed, forget),
        cmocka_unit_test_setup(tokens_stay_on_the_hub, forget),
        cmocka_unit_test_setup(patterns_choose_files, forget),
        cmocka_unit_test_setup(a_dry_run_writes_nothing, forget),
        cmocka_unit_test_setup(force_fetches_again, forget),
        cmocka_unit_test_setup(weights_wait_for_consent, forget),
        cmocka_unit_test_setup(sharded_weights_come_by_their_index, forget),
        cmocka_unit_test_setup(other_weights_are_named, forget),
        cmocka_unit_test_setup(one_file_is_fetched, forget),
        cmocka_unit_test_setup(renamed_repositories_are_followed, forget),
        cmocka_unit_test_setup(caches_without_a_listing_are_used, forget),
        cmocka_unit_test_setup(pages_of_the_listing_are_joined, forget),
        cmocka_unit_test_setup(local_folders_get_plain_files, forget),
        cmocka_unit_test_setup(where_there_are_no_links_files_are_moved, forget),
        cmocka_unit_test_setup(progress_adds_up, forget),
        cmocka_unit_test_setup(modules_are_not_without_end, forget),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
