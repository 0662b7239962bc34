/* SPDX-License-Identifier: MIT */
#include "models_source.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "environment.h"
#include "folder.h"
#include "mica/hub.h"
#include "mica/model.h"
#include "models_encoder.h"
#include "util.h"

enum { PATH_ROOM = BENCH_PATH_ROOM };

const char *const bench_models_of_paper[BENCH_MODELS_OF_PAPER] = {
    "bert-base-uncased", "bert-large-uncased", "roberta-base", "xlm-roberta-base"};

/* Models with a configuration in bench/shapes: their ids on the Hub, and whose tokenizer they
 * share. */
static const struct known {
    const char *name, *ids[2], *tokenizer;
} known[] = {
    {"bert-base-uncased",
     {"google-bert/bert-base-uncased", "bert-base-uncased"},
     "bert-base-uncased"},
    {"bert-large-uncased",
     {"google-bert/bert-large-uncased", "bert-large-uncased"},
     "bert-base-uncased"},
    {"roberta-base", {"FacebookAI/roberta-base", "roberta-base"}, "roberta-base"},
    {"xlm-roberta-base", {"FacebookAI/xlm-roberta-base", "xlm-roberta-base"}, "xlm-roberta-base"},
};

/* The end of the name of a directory until its model is whole. */
static const char being_made[] = ".tmp";

/* What stands in for a tokenizer that is not there: it is part of this project. */
static const char fallback[] = "bert-base-uncased";

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static mica_status join(char *out, const char *directory, const char *name, mica_error *err)
{
    if ((size_t)snprintf(out, PATH_ROOM, "%s/%s", directory, name) >= PATH_ROOM)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the path '%.200s/%.100s' is too long",
                         directory, name);
    return MICA_OK;
}

/* ---- the Hub's cache ---- */

/* Never asks the Hub. NOT_CACHED and the like: it is not there. */
static mica_status find_in_hub(const char *id, bench_source *out, mica_error *err)
{
    mica_hub_options options;
    mica_hub *hub = NULL;
    char *path = NULL;
    mica_hub_options_defaults(&options);
    options.offline = 1;
    mica_status status = mica_hub_create(&options, &hub, err);
    if (!status)
        status = mica_hub_resolve(hub, id, NULL, &path, err);
    if (status == MICA_STATUS_NOT_CACHED)
        status = mica_fail(err, status,
                           "'%.200s' is no directory, no config.json, and not whole in the Hub's "
                           "cache (mica pull %.200s fetches it)",
                           id, id);
    if (!status && (size_t)snprintf(out->directory, sizeof out->directory, "%s", path) >=
                       sizeof out->directory)
        status = mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the cache's path is too long");
    snprintf(out->from, sizeof out->from, "hub");
    mica_hub_text_free(&path);
    mica_hub_destroy(&hub);
    return status;
}

/* ---- making one ---- */

static mica_status make_directories(const char *path, mica_error *err)
{
    char part[PATH_ROOM];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = part + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(part, 0777);
        *slash = '/';
    }
    if (mkdir(part, 0777) == 0 || is_directory(path))
        return MICA_OK;
    return mica_fail(err, MICA_STATUS_IO, "cannot make the directory '%.300s': %s", path,
                     strerror(errno));
}

mica_status bench_source_cache(const bench_source_options *o, char *out, mica_error *err)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (o->cache)
        snprintf(out, PATH_ROOM - 256, "%s", o->cache);
    else if (cache && cache[0] == '/')
        snprintf(out, PATH_ROOM - 256, "%s/mica/bench", cache);
    else if (home && home[0])
        snprintf(out, PATH_ROOM - 256, "%s/.cache/mica/bench", home);
    else
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "no place for models: HOME is not set; give --directory");
    return make_directories(out, err);
}

static mica_status copy_file(const char *from, const char *to, mica_error *err)
{
    FILE *in = fopen(from, "rb"), *out = in ? fopen(to, "wb") : NULL;
    char buffer[1 << 16];
    bool fine = in && out;
    for (size_t n; fine && (n = fread(buffer, 1, sizeof buffer, in)) > 0;)
        fine = fwrite(buffer, 1, n, out) == n;
    fine = fine && !ferror(in);
    if (in)
        fclose(in);
    if (out && fclose(out) != 0)
        fine = false;
    return fine ? MICA_OK
                : mica_fail(err, MICA_STATUS_IO, "cannot copy '%.300s' to '%.300s': %s", from, to,
                            strerror(errno));
}

/* The files of a directory but its config.json, and not those of directories in it. */
static mica_status copy_files(const char *from, const char *to, mica_error *err)
{
    char a[PATH_ROOM], b[PATH_ROOM];
    DIR *directory = opendir(from);
    mica_status status = MICA_OK;
    if (!directory)
        return mica_fail(err, MICA_STATUS_IO, "cannot read '%.300s': %s", from, strerror(errno));
    for (struct dirent *entry; !status && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "config.json") == 0)
            continue;
        status = join(a, from, entry->d_name, err);
        if (!status)
            status = join(b, to, entry->d_name, err);
        if (!status && is_file(a))
            status = copy_file(a, b, err);
    }
    closedir(directory);
    return status;
}

/* A directory in `place` called `name`, or else beginning with it ("roberta-base-rebuilt"). */
static bool find_folder(const char *place, const char *name, char *out)
{
    mica_error ignored;
    if (join(out, place, name, &ignored) == MICA_OK && is_directory(out))
        return true;
    DIR *directory = opendir(place);
    bool found = false;
    for (struct dirent *entry; directory && !found && (entry = readdir(directory));)
        found = strncmp(entry->d_name, name, strlen(name)) == 0 &&
                join(out, place, entry->d_name, &ignored) == MICA_OK && is_directory(out);
    if (directory)
        closedir(directory);
    return found;
}

/* The directory of `name`'s tokenizer; if there is none, of the one that stands in. */
static mica_status find_tokenizer(const char *name, const bench_source_options *o, char *out,
                                  bool *own, mica_error *err)
{
    char in_tree[256], installed[256];
    *own = true;
    if (o->tokenizers && find_folder(o->tokenizers, name, out))
        return MICA_OK;
    for (int i = 0; i < 2; i++) {
        const char *which = i ? fallback : name;
        *own = i == 0;
        snprintf(in_tree, sizeof in_tree, "tests/fixtures/tokenizers/%.128s", which);
        snprintf(installed, sizeof installed, "share/mica/bench/tokenizers/%.128s", which);
        if (bench_find(in_tree, installed, out, PATH_ROOM))
            return MICA_OK;
    }
    return mica_fail(err, MICA_STATUS_NOT_FOUND,
                     "no tokenizer for '%.100s': give --tokenizers DIR, with %.100s in it", name,
                     name);
}

static bool same_file(const char *a, const char *b)
{
    FILE *f = fopen(a, "rb"), *g = fopen(b, "rb");
    bool same = f && g;
    for (int x = 0; same && x != EOF;)
        same = (x = getc(f)) == getc(g);
    if (f)
        fclose(f);
    if (g)
        fclose(g);
    return same;
}

/* A model that was made before, of the same configuration? */
static mica_status check_made(const char *config, const char *directory, mica_error *err)
{
    char file[PATH_ROOM];
    mica_status status = join(file, directory, "config.json", err);
    if (!status && !same_file(config, file))
        status = mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                           "'%.300s' was made from another configuration than '%.300s': remove it "
                           "or give another --directory",
                           directory, config);
    return status;
}

/* Makes the model in a directory of another name beside the one that it gets. */
static mica_status make(const char *config, const char *tokenizer, uint64_t seed, const char *path,
                        mica_error *err)
{
    char work[PATH_ROOM], file[PATH_ROOM];
    int lock = -1;
    if ((size_t)snprintf(work, sizeof work, "%s.%ld%s", path, (long)getpid(), being_made) >=
        sizeof work)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the cache's path is too long");
    mica_status status = make_directories(work, err);
    if (!status)
        lock = bench_folder_lock(work);
    if (!status)
        status = join(file, work, "config.json", err);
    if (!status && tokenizer)
        status = copy_files(tokenizer, work, err);
    if (!status)
        status = copy_file(config, file, err);
    if (!status)
        status = mica_model_init(file, work, seed, true, err);
    if (!status && rename(work, path) != 0 && !is_directory(path))
        status =
            mica_fail(err, MICA_STATUS_IO, "cannot rename '%.300s': %s", work, strerror(errno));
    if (is_directory(work)) /* it failed, or another process was faster */
        bench_folder_remove(lock, work);
    else if (lock >= 0)
        close(lock);
    return status;
}

static mica_status find_made(const char *config, const char *tokenizer_name,
                             const bench_source_options *o, bench_source *out, mica_error *err)
{
    char cache[PATH_ROOM], tokenizer[PATH_ROOM], line[256], begin[512];
    bool own = true;
    bench_encoder ignored;
    mica_status status = bench_encoder_read_config(config, &ignored, err);
    if (!status)
        status = bench_source_cache(o, cache, err);
    if (!status)
        status = find_tokenizer(tokenizer_name, o, tokenizer, &own, err);
    if (status)
        return status;
    snprintf(out->from, sizeof out->from, "init");
    snprintf(out->tokenizer, sizeof out->tokenizer, "%s", own ? tokenizer_name : fallback);
    if ((size_t)snprintf(out->directory, sizeof out->directory, "%s/%s.%llu%s%s", cache, out->name,
                         (unsigned long long)o->seed, own ? "" : ".",
                         own ? "" : fallback) >= sizeof out->directory)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the cache's path is too long");
    if (is_directory(out->directory))
        return check_made(config, out->directory, err);
    if (o->look)
        return MICA_OK;
    snprintf(line, sizeof line, "making %.100s with random weights (seed %llu)", out->name,
             (unsigned long long)o->seed);
    if (o->say)
        o->say(o->user, line);
    snprintf(begin, sizeof begin, "%s.", out->directory + strlen(cache) + 1);
    bench_folders_sweep(cache, begin, being_made);
    return make(config, tokenizer, o->seed, out->directory, err);
}

/* ---- finding one ---- */

/* The last part of a path, without ".json". */
static void name_of(const char *path, char *out, size_t size)
{
    size_t n = strlen(path), begin;
    while (n > 1 && path[n - 1] == '/')
        n--;
    for (begin = n; begin > 0 && path[begin - 1] != '/';)
        begin--;
    if (n - begin > 5 && strncmp(path + n - 5, ".json", 5) == 0)
        n -= 5;
    snprintf(out, size, "%.*s", (int)(n - begin), path + begin);
}

static mica_status find_known(const struct known *k, const bench_source_options *o,
                              bench_source *out, mica_error *err)
{
    char in_tree[256], installed[256], config[PATH_ROOM];
    mica_error ignored = {0};
    for (int i = 0; i < 2; i++)
        if (find_in_hub(k->ids[i], out, &ignored) == MICA_OK)
            return MICA_OK;
    snprintf(in_tree, sizeof in_tree, "bench/shapes/%s.json", k->name);
    snprintf(installed, sizeof installed, "share/mica/bench/shapes/%s.json", k->name);
    if (!bench_find(in_tree, installed, config, sizeof config))
        return mica_fail(err, MICA_STATUS_NOT_FOUND, "there is no '%s' to make a model from",
                         in_tree);
    return find_made(config, k->tokenizer, o, out, err);
}

mica_status bench_source_find(const char *model, const bench_source_options *options,
                              bench_source *out, mica_error *err)
{
    memset(out, 0, sizeof *out);
    name_of(model, out->name, sizeof out->name);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(model, known[i].name) == 0 && access(model, F_OK) != 0)
            return find_known(&known[i], options, out, err);
    if (is_file(model))
        return find_made(model, out->name, options, out, err);
    if (!is_directory(model)) {
        snprintf(out->name, sizeof out->name, "%.*s", (int)sizeof out->name - 1, model);
        return find_in_hub(model, out, err);
    }
    snprintf(out->from, sizeof out->from, "directory");
    if ((size_t)snprintf(out->directory, sizeof out->directory, "%s", model) >=
        sizeof out->directory)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the path is too long");
    return MICA_OK;
}

/* ---- names ---- */

/* The last `parts` parts of a directory's whole path. False: it has no more, or no room. */
static bool name_longer(bench_source *s, size_t parts)
{
    char whole[PATH_ROOM];
    if (strcmp(s->from, "directory") != 0 || !realpath(s->directory, whole))
        return false;
    size_t begin = strlen(whole);
    for (; begin > 0 && parts > 0; parts--)
        for (begin--; begin > 0 && whole[begin] != '/';)
            begin--;
    begin += whole[begin] == '/';
    if (parts > 0 || strlen(whole + begin) >= sizeof s->name || strcmp(whole + begin, s->name) == 0)
        return false;
    snprintf(s->name, sizeof s->name, "%s", whole + begin);
    return true;
}

static bool same_directory(const bench_source *a, const bench_source *b)
{
    char x[PATH_ROOM], y[PATH_ROOM];
    if (realpath(a->directory, x) && realpath(b->directory, y))
        return strcmp(x, y) == 0;
    return strcmp(a->directory, b->directory) == 0;
}

static mica_status tell_apart(bench_source *a, bench_source *b, mica_error *err)
{
    if (same_directory(a, b))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the model '%.600s' is named twice",
                         a->directory);
    for (size_t parts = 2; strcmp(a->name, b->name) == 0; parts++) {
        bool longer = name_longer(a, parts);
        if (!name_longer(b, parts) && !longer)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "two models are called '%.128s': '%.300s' and '%.300s'", a->name,
                             a->directory, b->directory);
    }
    return MICA_OK;
}

mica_status bench_sources_name(bench_source *sources, size_t count, mica_error *err)
{
    mica_status status = MICA_OK;
    /* A name that has become longer may meet another's: the second time says whether. */
    for (int again = 0; again < 2; again++)
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < i && !status; k++)
                status = tell_apart(&sources[k], &sources[i], err);
    return status;
}
