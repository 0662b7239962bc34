/* SPDX-License-Identifier: MIT
 *
 * The Hub for tests as a program: `hub_server [CERTIFICATE.pem]`. Its first line of output is its
 * address. Then it reads orders, a line each of words that are parted by tabs, and answers each
 * with a line, until its input ends. The orders:
 *
 * - `standard`: the standard repository is there; the answer is its commit.
 * - `folder REPO REVISION FOLDER`: a commit with a folder's files, and the branch on it; the answer
 *   is the commit. Weights are kept in the content store.
 * - `fault MATCH KIND VALUE SKIP TIMES [HEADERS]`: see server_fault; a line end is added to the
 *   headers. `clear`: no faults any more.
 * - `gate REPO`, `hide REPO`: it is gated, private.
 * - `count MATCH`: how many requests there were. `tokens MATCH`: how many of them had a token.
 *   `forget`: counts start again.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hub/server.h"

enum { WORDS = 8, LINE = 8192, DEPTH = 3 };

static server *hub;

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    char *data = NULL;
    *size = 0;
    if (file && fstat(fileno(file), &info) == 0 && (data = malloc((size_t)info.st_size + 1)))
        *size = fread(data, 1, (size_t)info.st_size, file);
    if (file)
        fclose(file);
    return data;
}

static bool is_weight(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".safetensors") == 0 || strcmp(dot, ".bin") == 0 ||
                   strcmp(dot, ".h5") == 0);
}

/* The files below folder/below ("" or "1_Pooling/"). */
static void add_folder(repo *r, const char *commit, const char *folder, const char *below,
                       int depth)
{
    char path[LINE], name[LINE / 2];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", folder, below);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        int n = snprintf(name, sizeof name, "%s%s", below, e->d_name);
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (n < 0 || (size_t)n + 2 > sizeof name || stat(path, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode) && depth < DEPTH) {
            memcpy(name + n, "/", 2);
            add_folder(r, commit, folder, name, depth + 1);
        } else if (S_ISREG(info.st_mode)) {
            size_t size;
            char *data = read_file(path, &size);
            if (data)
                repo_file(r, commit, name, data, size, is_weight(name));
            free(data);
        }
    }
    if (dir)
        closedir(dir);
}

/* The repository of this name, made the first time. */
static repo *named(const char *id)
{
    static struct {
        char id[128];
        repo *repo;
    } known[64];
    size_t i = 0;
    while (i < 63 && known[i].repo && strcmp(known[i].id, id) != 0)
        i++;
    if (!known[i].repo) {
        snprintf(known[i].id, sizeof known[i].id, "%s", id);
        known[i].repo = server_repo(hub, id);
    }
    return known[i].repo;
}

static const char *serve_folder(char **word)
{
    static int commits;
    char seed[64];
    repo *r = named(word[1]);
    snprintf(seed, sizeof seed, "commit %d", ++commits);
    const char *commit = repo_commit(r, seed);
    add_folder(r, commit, word[3], "", 0);
    repo_ref(r, word[2], commit);
    return commit;
}

static const char *set_fault(char **word, size_t count)
{
    static const struct {
        const char *name;
        fault_kind kind;
    } kinds[] = {{"status", FAULT_STATUS},    {"raw", FAULT_RAW},   {"cut", FAULT_CUT},
                 {"stall", FAULT_STALL},      {"slow", FAULT_SLOW}, {"flip", FAULT_FLIP},
                 {"length", FAULT_LENGTH},    {"drop", FAULT_DROP}, {"loop", FAULT_LOOP},
                 {"no-range", FAULT_NO_RANGE}};
    char text[LINE + 2] = "";
    if (count > 6)
        snprintf(text, sizeof text, "%s\r\n", word[6]);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, word[2]) == 0) {
            server_fault(hub, word[1], kinds[i].kind, atol(word[3]), text, atoi(word[4]),
                         atoi(word[5]));
            return "ok";
        }
    return "no such fault";
}

static const char *obey(char **word, size_t count)
{
    static char number[32];
    const char *order = word[0], *commit;
    int n = -1;
    if (strcmp(order, "standard") == 0) {
        standard_repo(hub, &commit);
        return commit;
    }
    if (strcmp(order, "folder") == 0 && count == 4)
        return serve_folder(word);
    if (strcmp(order, "fault") == 0 && count >= 6)
        return set_fault(word, count);
    if (strcmp(order, "count") == 0 && count == 2)
        n = server_count(hub, word[1]);
    else if (strcmp(order, "tokens") == 0 && count == 2)
        n = server_count_token(hub, word[1]);
    else if (strcmp(order, "gate") == 0 && count == 2)
        repo_gate(named(word[1]), true);
    else if (strcmp(order, "hide") == 0 && count == 2)
        repo_hide(named(word[1]), true);
    else if (strcmp(order, "clear") == 0)
        server_clear_faults(hub);
    else if (strcmp(order, "forget") == 0)
        server_forget(hub);
    else
        return "what?";
    if (n < 0)
        return "ok";
    snprintf(number, sizeof number, "%d", n);
    return number;
}

int main(int argc, char **argv)
{
    char line[LINE], *word[WORDS];
    hub = server_start(argc > 1 ? argv[1] : NULL);
    printf("%s\n", server_url(hub));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        size_t count = 0;
        line[strcspn(line, "\n")] = 0;
        for (char *at = line; at && count < WORDS; count++) {
            word[count] = at;
            at = strchr(at, '\t');
            if (at)
                *at++ = 0;
        }
        printf("%s\n", obey(word, count));
        fflush(stdout);
    }
    server_stop(hub);
    return 0;
}
