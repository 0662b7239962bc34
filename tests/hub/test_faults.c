/* SPDX-License-Identifier: MIT
 *
 * A Hub that fails, in every way at every stage: the pull says what is wrong, the cache stays
 * whole, and once the fault is gone the next pull gets through.
 */
#include "hub/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

static server *hub_server;
static repo *model;
static const char *commit;

static int start(void **state)
{
    clean_environment();
    setenv("HF_HUB_ETAG_TIMEOUT", "1", 1);
    setenv("HF_HUB_DOWNLOAD_TIMEOUT", "1", 1);
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

/* Where a fault strikes: the requests of a pull, in their order. */
static const char *const stages[] = {
    "HEAD /", "/tree/", "GET /" MODEL "/resolve/", "/modules.json", "model.safetensors", "/store/"};
enum { STAGES = sizeof stages / sizeof *stages };

typedef struct fault_case {
    const char *name;
    fault_kind kind;
    long value;
    const char *text;
    /* What a fault that stays may end in: a set of bits 1 << status; bit 0 = it gets through. */
    unsigned allowed;
} fault_case;

#define BIT(status) (1u << MICA_STATUS_##status)
#define PASSES 1u

static const fault_case cases[] = {
    {"404", FAULT_STATUS, 404, "", BIT(NO_ENTRY) | BIT(NETWORK)},
    {"404 of the entry", FAULT_STATUS, 404, "X-Error-Code: EntryNotFound\r\n",
     BIT(NO_ENTRY) | BIT(NETWORK)},
    {"404 of the revision", FAULT_STATUS, 404, "X-Error-Code: RevisionNotFound\r\n",
     BIT(NO_ENTRY) | BIT(NETWORK)},
    {"404 of the repository", FAULT_STATUS, 404, "X-Error-Code: RepoNotFound\r\n",
     BIT(NO_REPOSITORY) | BIT(NETWORK)},
    {"401", FAULT_STATUS, 401, "", BIT(NO_REPOSITORY) | BIT(NETWORK)},
    {"401 of the token", FAULT_STATUS, 401,
     "X-Error-Message: Invalid credentials in Authorization header\r\n",
     BIT(UNAUTHORIZED) | BIT(NETWORK)},
    {"403", FAULT_STATUS, 403, "", BIT(UNAUTHORIZED) | BIT(NETWORK)},
    {"403 gated", FAULT_STATUS, 403, "X-Error-Code: GatedRepo\r\n", BIT(GATED) | BIT(NETWORK)},
    {"disabled", FAULT_STATUS, 403, "X-Error-Message: Access to this resource is disabled.\r\n",
     BIT(NO_REPOSITORY) | BIT(NETWORK)},
    {"400", FAULT_STATUS, 400, "", BIT(HUB) | BIT(NETWORK)},
    {"416", FAULT_STATUS, 416, "", BIT(HUB) | BIT(NETWORK)},
    {"429", FAULT_STATUS, 429, "Retry-After: 0\r\n", BIT(HUB)},
    {"429 for long", FAULT_STATUS, 429, "Retry-After: 100000\r\n", BIT(HUB)},
    {"500", FAULT_STATUS, 500, "", BIT(HUB)},
    {"503", FAULT_STATUS, 503, "", BIT(HUB)},
    {"204", FAULT_STATUS, 204, "", BIT(HUB) | BIT(NO_ENTRY)},
    {"304", FAULT_STATUS, 304, "", BIT(HUB)},
    {"redirect to nowhere", FAULT_STATUS, 302, "Location: \r\n", BIT(HUB)},
    {"redirect to a file", FAULT_STATUS, 302, "Location: file:///etc/passwd\r\n", BIT(HUB)},
    {"redirect loop", FAULT_LOOP, 0, NULL, BIT(HUB)},
    {"no answer", FAULT_DROP, 0, NULL, BIT(NETWORK)},
    {"no HTTP", FAULT_RAW, 0, "SSH-2.0-OpenSSH\r\n\r\n", BIT(HUB) | BIT(NETWORK)},
    {"half a status line", FAULT_RAW, 0, "HTTP/1.1 2", BIT(HUB) | BIT(NETWORK)},
    {"headers without end", FAULT_HEADERS, 0, NULL, BIT(HUB)},
    {"a page for people", FAULT_RAW, 0,
     "HTTP/1.1 200 x\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
     BIT(HUB) | BIT(CHECKSUM)},
    {"cut at once", FAULT_CUT, 0, NULL, BIT(NETWORK) | PASSES},
    {"cut after a byte", FAULT_CUT, 1, NULL, BIT(NETWORK) | PASSES},
    {"a byte is another", FAULT_FLIP, 3, NULL, BIT(CHECKSUM) | BIT(HUB) | PASSES},
    {"too short", FAULT_LENGTH, 1, NULL, BIT(CHECKSUM) | BIT(HUB) | PASSES},
    {"too long", FAULT_LENGTH, -100, NULL, BIT(CHECKSUM) | BIT(HUB) | PASSES},
    {"without end", FAULT_ENDLESS, 0, NULL, BIT(CHECKSUM) | BIT(HUB) | PASSES},
};

static void try_case(const fault_case *c, const char *stage)
{
    mica_error err;
    const char *cache = fresh_folder("fault");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    server_fault(hub_server, stage, c->kind, c->value, c->text, 0, -1);
    mica_status status = pull(hub, MODEL, NULL, NULL, &err);
    if (!(c->allowed & (1u << status)))
        fail_msg("'%s' at '%s': %s: %s", c->name, stage, mica_status_name(status), err.message);
    assert_true(server_count(hub_server, "") < 400); /* tries are counted */
    if (exists(cache, "models--org--tiny-bert"))
        assert_cache_good(cache);
    assert_usable(cache, MODEL, status == MICA_OK);
    server_clear_faults(hub_server);
    if (pull(hub, MODEL, NULL, NULL, &err))
        fail_msg("after '%s' at '%s': %s", c->name, stage, err.message);
    assert_cache_good(cache);
    assert_usable(cache, MODEL, true);
    assert_int_equal(count_files(cache, ".incomplete"), 0);
    mica_hub_destroy(&hub);
    remove_tree(cache);
    server_forget(hub_server);
}

static void every_fault_at_every_stage(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < STAGES; k++)
            try_case(&cases[i], stages[k]);
}

/* A fault that goes away by itself is not told: the pull goes on. */
static void passing_faults_are_overcome(void **state)
{
    static const fault_case passing[] = {
        {"429", FAULT_STATUS, 429, "Retry-After: 0\r\n", 0},
        {"rate limit", FAULT_STATUS, 429, "RateLimit: \"api\";r=5;t=100\r\n", 0},
        {"500", FAULT_STATUS, 500, "", 0},
        {"503", FAULT_STATUS, 503, "", 0},
        {"408", FAULT_STATUS, 408, "", 0},
        {"no answer", FAULT_DROP, 0, NULL, 0},
        {"cut", FAULT_CUT, 2, NULL, 0},
    };
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        for (size_t k = 0; k < STAGES; k++) {
            const char *cache = fresh_folder("passing");
            mica_hub *hub = hub_for(server_url(hub_server), cache, "");
            server_fault(hub_server, stages[k], passing[i].kind, passing[i].value, passing[i].text,
                         0, 2);
            pull_well(hub, MODEL);
            assert_cache_good(cache);
            assert_usable(cache, MODEL, true);
            mica_hub_destroy(&hub);
            server_clear_faults(hub_server);
            remove_tree(cache);
        }
}

/* ---- resuming ---- */

static void cuts_are_resumed_where_they_were(void **state)
{
    static const long places[] = {0, 1, 1023, 65536, WEIGHTS_SIZE - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *cache = fresh_folder("resume");
        mica_hub *hub = hub_for(server_url(hub_server), cache, "");
        server_fault(hub_server, "/store/", FAULT_CUT, places[i], NULL, 0, 2);
        pull_well(hub, MODEL);
        assert_cache_good(cache);
        assert_true(server_count_range(hub_server, "/store/") >= (places[i] ? 1 : 0));
        mica_hub_destroy(&hub);
        server_clear_faults(hub_server);
        server_forget(hub_server);
        remove_tree(cache);
    }
}

/* Each run gets a part; the third begins where the second ended. */
static void runs_go_on_where_others_ended(void **state)
{
    mica_error err;
    const char *cache = fresh_folder("runs");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    server_fault(hub_server, "GET /" MODEL "/resolve/", FAULT_DROP, 0, NULL, 10, -1);
    server_fault(hub_server, "/store/", FAULT_CUT, 100000, NULL, 0, -1);
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_NETWORK);
    assert_non_null(strstr(err.message, "kept"));
    assert_cache_good(cache);
    assert_usable(cache, MODEL, false);
    server_clear_faults(hub_server);
    server_forget(hub_server);
    mica_hub_destroy(&hub);
    hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    assert_true(server_count_range(hub_server, "/store/") >= 1);
    assert_cache_good(cache);
    mica_hub_destroy(&hub);
}

/* Puts bytes where an earlier run would have left them. */
static void leave_partial(const char *cache, const char *bytes, size_t size)
{
    char path[1024], etag[80] = "";
    char command[1200];
    snprintf(command, sizeof command,
             "sed -n '/\"model.safetensors\"/,/}/s/.*lfs_sha256\": \"\\(.*\\)\".*/\\1/p' "
             "'%s/models--org--tiny-bert/trees/'*.json",
             cache);
    FILE *p = popen(command, "r");
    assert_non_null(fgets(etag, sizeof etag, p));
    pclose(p);
    etag[64] = 0;
    snprintf(path, sizeof path, "%s/models--org--tiny-bert/blobs/%s.incomplete", cache, etag);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fwrite(bytes, 1, size, f);
    fclose(f);
}

static mica_status refuse_weights(void *user, const char *directory, mica_error *err)
{
    snprintf(err->message, sizeof err->message, "stop");
    return err->status = MICA_STATUS_UNSUPPORTED;
}

/* A cache with everything but the weights. */
static void pull_small(mica_hub *hub)
{
    mica_error err;
    mica_hub_pull_options options;
    mica_hub_pull_options_defaults(&options);
    options.accept = refuse_weights;
    assert_int_equal(pull(hub, MODEL, &options, NULL, &err), MICA_STATUS_UNSUPPORTED);
}

static void damaged_leftovers_are_found_out(void **state)
{
    static char junk[WEIGHTS_SIZE + 10];
    static const size_t sizes[] = {1, 100000, WEIGHTS_SIZE, WEIGHTS_SIZE + 10};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *cache = fresh_folder("leftover");
        mica_hub *hub = hub_for(server_url(hub_server), cache, "");
        pull_small(hub);
        memset(junk, 'j', sizeof junk);
        leave_partial(cache, junk, sizes[i]);
        pull_well(hub, MODEL);
        assert_cache_good(cache);
        assert_usable(cache, MODEL, true);
        mica_hub_destroy(&hub);
        remove_tree(cache);
    }
}

static void servers_without_ranges_start_again(void **state)
{
    const char *cache = fresh_folder("no-range");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    server_fault(hub_server, "/store/", FAULT_NO_RANGE, 0, NULL, 0, -1);
    server_fault(hub_server, "/store/", FAULT_CUT, 1000, NULL, 0, 2);
    pull_well(hub, MODEL);
    assert_cache_good(cache);
    mica_hub_destroy(&hub);
}

static void wrong_ranges_are_not_glued_on(void **state)
{
    const char *cache = fresh_folder("wrong-range");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    server_fault(hub_server, "/store/", FAULT_WRONG_RANGE, 0, NULL, 0, -1);
    server_fault(hub_server, "/store/", FAULT_CUT, 1000, NULL, 0, 2);
    pull_well(hub, MODEL);
    assert_cache_good(cache);
    mica_hub_destroy(&hub);
}

static void a_range_out_of_bounds_starts_again(void **state)
{
    const char *cache = fresh_folder("416");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    server_fault(hub_server, "/store/", FAULT_STATUS, 416, "", 2, 1);
    server_fault(hub_server, "/store/", FAULT_CUT, 1000, NULL, 0, 2);
    pull_well(hub, MODEL);
    assert_cache_good(cache);
    mica_hub_destroy(&hub);
}

static void another_etag_names_another_blob(void **state)
{
    mica_error err;
    static const char other[] = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    const char *cache = fresh_folder("etag");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_small(hub);
    server_fault(hub_server, "GET /" MODEL "/resolve/", FAULT_ETAG, 0, other, 0, -1);
    mica_status status = pull(hub, MODEL, NULL, NULL, &err);
    assert_true(status == MICA_STATUS_CHECKSUM || status == MICA_STATUS_HUB);
    assert_cache_good(cache);
    assert_usable(cache, MODEL, false);
    mica_hub_destroy(&hub);
}

/* ---- time ---- */

static void silence_ends(void **state)
{
    for (size_t k = 0; k < STAGES; k += 2) {
        mica_error err;
        const char *cache = fresh_folder("silence");
        mica_hub *hub = hub_for(server_url(hub_server), cache, "");
        uint64_t begin = mica_clock_ns();
        server_fault(hub_server, stages[k], FAULT_STALL, 1, NULL, 0, 1);
        if (pull(hub, MODEL, NULL, NULL, &err))
            fail_msg("%s: %s", stages[k], err.message);
        assert_true(mica_clock_ns() - begin < 15000000000u);
        assert_cache_good(cache);
        mica_hub_destroy(&hub);
        server_clear_faults(hub_server);
    }
}

static void waits_are_as_long_as_asked(void **state)
{
    const char *cache = fresh_folder("wait");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    uint64_t begin = mica_clock_ns();
    server_fault(hub_server, "/tree/", FAULT_STATUS, 429, "Retry-After: 1\r\n", 0, 1);
    pull_well(hub, MODEL);
    assert_true(mica_clock_ns() - begin >= 1000000000u);
    assert_true(mica_clock_ns() - begin < 10000000000u);
    mica_hub_destroy(&hub);
}

static void cancel_now(void *user, const mica_hub_progress *p)
{
    if (p->done > 1000)
        mica_hub_cancel(*(mica_hub **)user);
}

static void cancelling_keeps_what_came(void **state)
{
    mica_hub *hub = NULL;
    mica_error err = {0};
    mica_hub_options options;
    const char *cache = fresh_folder("cancel");
    mica_hub_options_defaults(&options);
    options.endpoint = server_url(hub_server);
    options.cache_dir = cache;
    options.progress = cancel_now;
    options.progress_user = &hub;
    assert_int_equal(mica_hub_create(&options, &hub, &err), MICA_OK);
    server_fault(hub_server, "/store/", FAULT_SLOW, 20, NULL, 0, -1);
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_CANCELLED);
    assert_cache_good(cache);
    assert_usable(cache, MODEL, false);
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_CANCELLED);
    mica_hub_destroy(&hub);
    server_clear_faults(hub_server);
    server_forget(hub_server);
    hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    assert_true(server_count_range(hub_server, "/store/") >= 1);
    assert_cache_good(cache);
    mica_hub_destroy(&hub);
}

/* ---- falling back on the cache ---- */

static void a_cached_model_outlives_the_hub(void **state)
{
    const char *cache = fresh_folder("fallback");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    static const fault_case down[] = {
        {"500", FAULT_STATUS, 500, "", 0},
        {"429", FAULT_STATUS, 429, "", 0},
        {"401", FAULT_STATUS, 401, "", 0},
        {"gated", FAULT_STATUS, 403, "X-Error-Code: GatedRepo\r\n", 0},
        {"drop", FAULT_DROP, 0, NULL, 0},
        {"nonsense", FAULT_RAW, 0, "x\r\n\r\n", 0},
        {"silence", FAULT_STALL, 0, "", 0},
        {"headers", FAULT_HEADERS, 0, NULL, 0}};
    for (size_t i = 0; i < sizeof down / sizeof *down; i++) {
        server_forget(hub_server);
        server_fault(hub_server, "", down[i].kind, down[i].value, down[i].text, 0, -1);
        pull_well(hub, MODEL);
        /* We do not try again; libcurl does, on kept connections that turn out to be dead. */
        assert_true(server_count(hub_server, "") <= 10);
        server_clear_faults(hub_server);
    }
    mica_hub_destroy(&hub);
    hub = hub_for("http://127.0.0.1:1", cache, ""); /* nobody listens there */
    pull_well(hub, MODEL);
    mica_error err;
    assert_int_equal(pull(hub, "org/other", NULL, NULL, &err), MICA_STATUS_NETWORK);
    mica_hub_destroy(&hub);
    hub = hub_for(server_url(hub_server), cache, "");
    assert_int_equal(pull(hub, MODEL "@gone", NULL, NULL, &err), MICA_STATUS_NO_ENTRY);
    assert_non_null(strstr(err.message, "'gone' is no branch"));
    mica_hub_destroy(&hub);
}

/* An update that fails leaves the branch where it was: offline it still works. */
static void an_update_that_fails_changes_nothing(void **state)
{
    mica_error err;
    const char *cache = fresh_folder("update");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    const char *next = repo_commit(model, "next");
    repo_text(model, next, "config.json", "{\"model_type\":\"bert\",\"hidden_size\":16}\n");
    repo_file(model, next, "model.safetensors", "the next weights", 16, true);
    repo_ref(model, "main", next);
    server_fault(hub_server, "/store/", FAULT_DROP, 0, NULL, 0, -1);
    mica_status status = pull(hub, MODEL, NULL, NULL, &err);
    assert_int_equal(status, MICA_OK); /* with a warning: what is there is used */
    assert_usable(cache, MODEL, true);
    assert_cache_good(cache);
    server_clear_faults(hub_server);
    char directory[1024];
    assert_int_equal(pull(hub, MODEL, NULL, directory, &err), MICA_OK);
    assert_non_null(strstr(directory, next));
    repo_ref(model, "main", commit);
    mica_hub_destroy(&hub);
}

/* ---- who may ---- */

static void gates_are_named(void **state)
{
    mica_error err;
    const char *cache = fresh_folder("gate");
    repo_gate(model, true);
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_GATED);
    assert_non_null(strstr(err.message, "/" MODEL));
    assert_non_null(strstr(err.message, "HF_TOKEN"));
    mica_hub_destroy(&hub);
    hub = hub_for(server_url(hub_server), cache, "hf_other");
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_GATED);
    assert_null(strstr(err.message, "hf_other")); /* a token is never shown */
    mica_hub_destroy(&hub);
    hub = hub_for(server_url(hub_server), cache, "hf_bad");
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_UNAUTHORIZED);
    mica_hub_destroy(&hub);
    hub = hub_for(server_url(hub_server), cache, "hf_good");
    pull_well(hub, MODEL);
    mica_hub_destroy(&hub);
    hub = hub_for(server_url(hub_server), cache, ""); /* it is in the cache now */
    pull_well(hub, MODEL);
    mica_hub_destroy(&hub);
    repo_gate(model, false);
}

static void unknown_repositories_have_neighbours(void **state)
{
    mica_error err;
    const char *cache = fresh_folder("unknown");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    assert_int_equal(pull(hub, "org/tiny-bret", NULL, NULL, &err), MICA_STATUS_NO_REPOSITORY);
    assert_non_null(strstr(err.message, "'org/tiny-bert'"));
    repo_hide(model, true);
    const char *empty = fresh_folder("hidden");
    mica_hub *other = hub_for(server_url(hub_server), empty, "hf_other");
    assert_int_equal(pull(other, MODEL, NULL, NULL, &err), MICA_STATUS_NO_REPOSITORY);
    repo_hide(model, false);
    mica_hub_destroy(&other);
    mica_hub_destroy(&hub);
}

static void bad_tokens_go_nowhere(void **state)
{
    mica_error err;
    const char *cache = fresh_folder("bad-token");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "hf_a b\tc");
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_UNAUTHORIZED);
    assert_int_equal(server_count(hub_server, ""), 0);
    mica_hub_destroy(&hub);
}

/* ---- names ---- */

static void names_do_not_escape(void **state)
{
    static const char *const names[] = {"../../escaped", "/tmp/escaped", "a/../../../escaped",
                                        "C:\\escaped",   "..\\escaped",  "a//b",
                                        "./x",           "config.json"};
    const char *cache = fresh_folder("names/cache");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        mica_error err;
        char id[32];
        snprintf(id, sizeof id, "evil/repo%zu", i);
        repo *r = server_repo(hub_server, id);
        const char *c = repo_commit(r, "x");
        repo_ref(r, "main", c);
        repo_text(r, c, "config.json", "{}");
        repo_file(r, c, "model.safetensors", "w", 1, true);
        repo_text(r, c, "zz", "evil");
        repo_rename_in_tree(r, c, "zz", names[i]);
        mica_hub *hub = hub_for(server_url(hub_server), cache, "");
        mica_hub_pull_options options;
        mica_hub_pull_options_defaults(&options);
        options.include = (const char *const[]){"*"};
        options.include_count = 1;
        assert_int_equal(pull(hub, id, &options, NULL, &err), MICA_STATUS_HUB);
        assert_int_equal(server_count(hub_server, "/zz"), 0);
        mica_hub_destroy(&hub);
    }
    char folder[1024];
    snprintf(folder, sizeof folder, "%s/..", cache);
    assert_false(exists(folder, "escaped"));
    assert_false(exists("/tmp", "escaped"));
}

static void links_of_others_are_not_followed(void **state)
{
    char path[2400], target[1024];
    struct stat info;
    mica_error err;
    const char *cache = fresh_folder("planted"), *victim = fresh_folder("victim");
    assert_int_equal(mkdir(victim, 0700), 0);
    snprintf(target, sizeof target, "%s/file", victim);
    FILE *f = fopen(target, "w");
    fputs("precious", f);
    fclose(f);
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    pull_small(hub);
    /* The partial file is a link, the lock is one, a folder of the snapshot is one. */
    leave_partial(cache, "x", 1);
    snprintf(path, sizeof path,
             "cd '%s/models--org--tiny-bert/blobs' && for f in *.incomplete; do ln -sf '%s' $f; "
             "done",
             cache, target);
    assert_int_equal(system(path), 0);
    pull_well(hub, MODEL);
    assert_cache_good(cache);
    assert_int_equal(stat(target, &info), 0);
    assert_int_equal(info.st_size, 8);
    remove_tree(cache);
    snprintf(path, sizeof path, "%s/models--org--tiny-bert/snapshots/%s", cache, commit);
    char command[6000];
    snprintf(command, sizeof command, "mkdir -p '%s' && ln -s '%s' '%s/1_Pooling'", path, victim,
             path);
    assert_int_equal(system(command), 0);
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_IO);
    assert_non_null(strstr(err.message, "symbolic link"));
    assert_int_equal(count_files(victim, ""), 1);
    mica_hub_destroy(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_fault_at_every_stage, forget),
        cmocka_unit_test_setup(passing_faults_are_overcome, forget),
        cmocka_unit_test_setup(cuts_are_resumed_where_they_were, forget),
        cmocka_unit_test_setup(runs_go_on_where_others_ended, forget),
        cmocka_unit_test_setup(damaged_leftovers_are_found_out, forget),
        cmocka_unit_test_setup(servers_without_ranges_start_again, forget),
        cmocka_unit_test_setup(wrong_ranges_are_not_glued_on, forget),
        cmocka_unit_test_setup(a_range_out_of_bounds_starts_again, forget),
        cmocka_unit_test_setup(another_etag_names_another_blob, forget),
        cmocka_unit_test_setup(silence_ends, forget),
        cmocka_unit_test_setup(waits_are_as_long_as_asked, forget),
        cmocka_unit_test_setup(cancelling_keeps_what_came, forget),
        cmocka_unit_test_setup(a_cached_model_outlives_the_hub, forget),
        cmocka_unit_test_setup(an_update_that_fails_changes_nothing, forget),
        cmocka_unit_test_setup(gates_are_named, forget),
        cmocka_unit_test_setup(unknown_repositories_have_neighbours, forget),
        cmocka_unit_test_setup(bad_tokens_go_nowhere, forget),
        cmocka_unit_test_setup(names_do_not_escape, forget),
        cmocka_unit_test_setup(links_of_others_are_not_followed, forget),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
