/* SPDX-License-Identifier: MIT */
#include "hub/support.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"

void remove_tree(const char *folder)
{
    char command[2048]; /* paths of the build folder */
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", folder);
}

static char paths[64][512];

static void remove_folders(void)
{
    for (size_t i = 0; i < 64; i++)
        if (paths[i][0])
            remove_tree(paths[i]);
}

const char *fresh_folder(const char *name)
{
    static int next;
    char *path = paths[next++ % 64];
    bool memory = access("/dev/shm", W_OK) == 0; /* where to sync a file takes no time */
    snprintf(path, 512, "%s/mica-hub-%ld-%s", memory ? "/dev/shm" : MICA_TEST_TMP, (long)getpid(),
             name);
    if (next == 1)
        atexit(remove_folders);
    remove_tree(path);
    return path;
}

void clean_environment(void)
{
    static const char *const names[] = {"HF_HOME",
                                        "HF_HUB_CACHE",
                                        "HUGGINGFACE_HUB_CACHE",
                                        "HF_TOKEN",
                                        "HUGGING_FACE_HUB_TOKEN",
                                        "HF_TOKEN_PATH",
                                        "HF_ENDPOINT",
                                        "HF_HUB_OFFLINE",
                                        "TRANSFORMERS_OFFLINE",
                                        "XDG_CACHE_HOME",
                                        "HF_HUB_ETAG_TIMEOUT",
                                        "HF_HUB_DOWNLOAD_TIMEOUT",
                                        "HF_HUB_DISABLE_SYMLINKS",
                                        "HF_HUB_DISABLE_IMPLICIT_TOKEN",
                                        "HF_HUB_DISABLE_PROGRESS_BARS",
                                        "SSL_CERT_FILE",
                                        "SSL_CERT_DIR",
                                        "http_proxy",
                                        "https_proxy",
                                        "HTTP_PROXY",
                                        "HTTPS_PROXY",
                                        "all_proxy",
                                        "ALL_PROXY",
                                        "no_proxy",
                                        "NO_PROXY"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    setenv("HF_TOKEN_PATH", "/nowhere/at/all", 1);
}

mica_hub *hub_for(const char *endpoint, const char *cache, const char *token)
{
    mica_hub *hub = NULL;
    mica_hub_options options;
    mica_error err = {0};
    mica_hub_options_defaults(&options);
    options.endpoint = endpoint;
    options.cache_dir = cache;
    options.token = token;
    options.retry_seconds = 0.001;
    if (mica_hub_create(&options, &hub, &err))
        fail_msg("%s", err.message);
    return hub;
}

mica_hub *offline_hub(const char *cache)
{
    mica_hub *hub = NULL;
    mica_hub_options options;
    mica_error err = {0};
    mica_hub_options_defaults(&options);
    options.cache_dir = cache;
    options.offline = 1;
    if (mica_hub_create(&options, &hub, &err))
        fail_msg("%s", err.message);
    return hub;
}

mica_status pull(mica_hub *hub, const char *id, const mica_hub_pull_options *options,
                 char *directory, mica_error *err)
{
    mica_hub_snapshot *snapshot = NULL;
    *err = (mica_error){0};
    mica_status status = mica_hub_pull(hub, id, options, &snapshot, err);
    assert_true((status == MICA_OK) == (snapshot != NULL));
    assert_int_equal(err->status, status);
    assert_true(!status || err->message[0]);
    if (!status && directory)
        snprintf(directory, 1024, "%s", mica_hub_snapshot_directory(snapshot));
    mica_hub_snapshot_destroy(&snapshot);
    return status;
}

void pull_well(mica_hub *hub, const char *id)
{
    mica_error err;
    if (pull(hub, id, NULL, NULL, &err))
        fail_msg("%s: %s", id, err.message);
}

/* ---- looking at a cache ---- */

static void look_at(void *user, const mica_hub_check *check)
{
    if (check->verdict != MICA_HUB_GOOD)
        fail_msg("%s: %s is %d: expected %s, got %s", check->id, check->path, (int)check->verdict,
                 check->expected, check->actual);
}

static const char *wanted_end;
static int matched;

static int count_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    size_t n = strlen(path), m = strlen(wanted_end);
    if (kind != FTW_D && kind != FTW_DNR && n >= m && strcmp(path + n - m, wanted_end) == 0)
        matched++;
    return 0;
}

int count_files(const char *folder, const char *end)
{
    wanted_end = end;
    matched = 0;
    nftw(folder, count_one, 16, FTW_PHYS);
    return matched;
}

void assert_cache_good(const char *cache)
{
    mica_error err = {0};
    mica_hub *hub = offline_hub(cache);
    if (mica_hub_verify(hub, NULL, look_at, NULL, &err))
        fail_msg("%s", err.message);
    /* Where every name has a meaning there is none that has not. */
    const char *storages[] = {"models--org--tiny-bert/refs", "models--org--tiny-bert/snapshots"};
    for (size_t i = 0; i < 2; i++) {
        char folder[1024];
        snprintf(folder, sizeof folder, "%s/%s", cache, storages[i]);
        assert_int_equal(count_files(folder, ".tmp"), 0);
    }
    mica_hub_destroy(&hub);
}

void assert_usable(const char *cache, const char *id, bool usable)
{
    mica_error err;
    mica_hub *hub = offline_hub(cache);
    mica_status status = pull(hub, id, NULL, NULL, &err);
    if (usable && status)
        fail_msg("%s", err.message);
    if (!usable && status != MICA_STATUS_NOT_CACHED)
        fail_msg("it is usable, or %s", err.message);
    mica_hub_destroy(&hub);
}

bool exists(const char *folder, const char *path)
{
    char full[2048];
    struct stat info;
    snprintf(full, sizeof full, "%s/%s", folder, path);
    return lstat(full, &info) == 0;
}

/* ---- layouts ---- */

static char **lines;
static size_t line_count;
static const char *layout_root;

static void add_line(const char *kind, const char *path, const char *what)
{
    char line[4096];
    snprintf(line, sizeof line, "%s %s%s%s\n", kind, path + strlen(layout_root) + 1,
             *what ? " " : "", what);
    lines = realloc(lines, (line_count + 1) * sizeof *lines);
    lines[line_count++] = strdup(line);
}

static int list_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    char text[1100] = "";
    if (where->level == 0)
        return 0;
    if (kind == FTW_SL || kind == FTW_SLN) {
        ssize_t n = readlink(path, text, sizeof text - 1);
        text[n > 0 ? n : 0] = 0;
        add_line("link", path, text);
    } else if (kind == FTW_D || kind == FTW_DP) {
        add_line("folder", path, "");
    } else {
        static char data[1 << 20];
        FILE *f = fopen(path, "rb");
        size_t n = f ? fread(data, 1, sizeof data, f) : 0;
        if (f)
            fclose(f);
        size_t length = strlen(path);
        if (length > 9 && strcmp(path + length - 9, ".metadata") == 0) { /* without its time */
            char *first = memchr(data, '\n', n);
            char *second = first ? memchr(first + 1, '\n', n - (size_t)(first + 1 - data)) : NULL;
            n = second ? (size_t)(second - data) : n;
        }
        uint64_t sum = 14695981039346656037u; /* FNV-1a: the script that makes the fixture has it */
        for (size_t i = 0; i < n; i++)
            sum = (sum ^ (unsigned char)data[i]) * 1099511628211u;
        snprintf(text, sizeof text, "%zu %016llx", n, (unsigned long long)sum);
        add_line("file", path, text);
    }
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *list_layout(const char *folder)
{
    size_t size = 0;
    lines = NULL;
    line_count = 0;
    layout_root = folder;
    nftw(folder, list_one, 16, FTW_PHYS);
    if (line_count)
        qsort(lines, line_count, sizeof *lines, by_text);
    char *out = calloc(1, 1);
    for (size_t i = 0; i < line_count; i++) {
        size_t n = strlen(lines[i]);
        out = realloc(out, size + n + 1);
        memcpy(out + size, lines[i], n + 1);
        size += n;
        free(lines[i]);
    }
    free(lines);
    return out;
}
