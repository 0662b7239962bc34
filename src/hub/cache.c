/* SPDX-License-Identifier: MIT
 *
 * Paths, references and notes of the cache.
 */
#include "hub/cache.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "hub/files.h"

enum { REF_MAX = 4096, NOTE_MAX = 64 << 20 };

void mica_hub_folder_name(const char *repo, char out[MICA_HUB_FOLDER_MAX])
{
    char *p = out + snprintf(out, MICA_HUB_FOLDER_MAX, "models--");
    for (; *repo; repo++) {
        *p++ = *repo == '/' ? '-' : *repo;
        if (*repo == '/')
            *p++ = '-';
    }
    *p = 0;
}

bool mica_hub_folder_repo(const char *folder, char *repo)
{
    mica_hub_id id;
    if (strncmp(folder, "models--", 8) != 0 || strlen(folder) >= MICA_HUB_FOLDER_MAX)
        return false;
    char *p = repo;
    for (folder += 8; *folder && p < repo + MICA_HUB_REPO_MAX; p++) {
        bool slash = folder[0] == '-' && folder[1] == '-';
        *p = slash ? '/' : *folder;
        folder += 1 + slash;
    }
    *p = 0;
    return !*folder && mica_hub_id_parse(repo, &id, NULL) == MICA_OK && !id.revision_given;
}

char *mica_hub_storage(const mica_hub *hub, const char *repo)
{
    char folder[MICA_HUB_FOLDER_MAX];
    mica_hub_folder_name(repo, folder);
    return mica_path_join(hub->settings.cache_dir, folder);
}

char *mica_hub_storage_path(const char *storage, const char *folder, const char *name)
{
    char *part = mica_path_join(storage, folder), *out = part ? mica_path_join(part, name) : NULL;
    mica_free(part);
    return out;
}

mica_status mica_hub_ref_read(const char *storage, const char *revision,
                              char commit[MICA_HUB_COMMIT_HEX + 1], bool *found, mica_error *err)
{
    mica_error problem = {0};
    char *text = NULL, *path = mica_hub_storage_path(storage, "refs", revision);
    size_t size = 0;
    *found = false;
    if (!path)
        return mica_fail_memory(err, 0, "a path");
    mica_status status = mica_file_read(path, REF_MAX, &text, &size, &problem);
    mica_free(path);
    if (!status) {
        char *begin = text + strspn(text, " \t\r\n");
        begin[strcspn(begin, " \t\r\n")] = 0;
        *found = mica_hub_is_hex(begin, MICA_HUB_COMMIT_HEX);
        if (*found)
            memcpy(commit, begin, MICA_HUB_COMMIT_HEX + 1);
    } else if (status == MICA_STATUS_OUT_OF_MEMORY) {
        return mica_fail(err, status, "%s", problem.message);
    }
    mica_free(text);
    return MICA_OK;
}

mica_status mica_hub_ref_write(const char *storage, const char *revision, const char *commit,
                               mica_error *err)
{
    char before[MICA_HUB_COMMIT_HEX + 1];
    bool found = false;
    if (strcmp(revision, commit) == 0)
        return MICA_OK;
    mica_status status = mica_hub_ref_read(storage, revision, before, &found, err);
    if (status || (found && strcmp(before, commit) == 0))
        return status;
    char path[MICA_HUB_REVISION_MAX + 8];
    const char *name;
    int folder = -1, root = -1;
    snprintf(path, sizeof path, "refs/%s", revision);
    status = mica_hub_folder_of(storage, path, true, &folder, &name, err);
    if (!status)
        status = mica_hub_folder_open(storage, "", false, &root, err);
    if (!status)
        status = mica_hub_put(root, folder, name, commit, strlen(commit), err);
    if (root >= 0)
        close(root);
    if (folder >= 0)
        close(folder);
    return status;
}

/* ".no_exist/<commit>/<path>" */
static char *missing_path(const char *commit, const char *path)
{
    char folder[sizeof ".no_exist/" + MICA_HUB_COMMIT_HEX];
    snprintf(folder, sizeof folder, ".no_exist/%s", commit);
    return mica_path_join(folder, path);
}

bool mica_hub_known_missing(const char *storage, const char *commit, const char *path)
{
    char *below = missing_path(commit, path), *full = below ? mica_path_join(storage, below) : NULL;
    bool known = full && mica_file_exists(full);
    mica_free(below);
    mica_free(full);
    return known;
}

void mica_hub_note_missing(const char *storage, const char *commit, const char *path)
{
    const char *name;
    int folder = -1;
    char *below = missing_path(commit, path);
    if (below && !mica_hub_known_missing(storage, commit, path) &&
        mica_hub_folder_of(storage, below, true, &folder, &name, NULL) == MICA_OK)
        mica_hub_put(folder, folder, name, "", 0, NULL);
    if (folder >= 0)
        close(folder);
    mica_free(below);
}

mica_status mica_hub_note_read(const mica_hub *hub, const char *storage, const char *commit,
                               mica_hub_listing *listing, bool *found, mica_error *err)
{
    char name[MICA_HUB_COMMIT_HEX + 8], *text = NULL;
    mica_error problem = {0};
    size_t size = 0;
    *found = false;
    snprintf(name, sizeof name, "%s.json", commit);
    char *path = mica_hub_storage_path(storage, "trees", name);
    if (!path)
        return mica_fail_memory(err, 0, "a path");
    mica_status status = mica_file_read(path, NOTE_MAX, &text, &size, &problem);
    if (!status)
        status = mica_hub_listing_note(listing, text, size, path, found, &problem);
    if (!status && *found)
        status = mica_hub_listing_finish(listing, &problem);
    if (status == MICA_STATUS_OUT_OF_MEMORY) {
        mica_fail(err, status, "%s", problem.message);
    } else if (status) {
        if (status != MICA_STATUS_NOT_FOUND)
            mica_log_write(&hub->log, MICA_LOG_WARNING, "passed over: %s", problem.message);
        status = MICA_OK;
        *found = false;
    }
    if (!*found)
        mica_hub_listing_free(listing);
    listing->complete = *found;
    mica_free(text);
    mica_free(path);
    return status;
}

mica_status mica_hub_note_write(const char *storage, const char *commit,
                                const mica_hub_listing *listing, mica_error *err)
{
    char name[MICA_HUB_COMMIT_HEX + 8];
    mica_buf text;
    int folder = -1;
    mica_buf_init(&text, SIZE_MAX / 2);
    mica_status status = mica_hub_listing_write(listing, &text)
                             ? mica_hub_folder_open(storage, "trees", true, &folder, err)
                             : mica_fail_memory(err, text.size, "the list of files");
    snprintf(name, sizeof name, "%s.json", commit);
    if (!status)
        status = mica_hub_put(folder, folder, name, text.data, text.size, err);
    if (folder >= 0)
        close(folder);
    mica_buf_free(&text);
    return status;
}

void mica_hub_tag_folder(const char *path)
{
    static const char text[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                               "# This file is a cache directory tag created by huggingface_hub.\n"
                               "# For information about cache directory tags, see:\n"
                               "#\thttps://bford.info/cachedir/\n";
    char *tag = mica_path_join(path, "CACHEDIR.TAG");
    int folder = -1;
    if (tag && !mica_file_exists(tag) &&
        mica_hub_folder_open(path, "", true, &folder, NULL) == MICA_OK)
        mica_hub_put(folder, folder, "CACHEDIR.TAG", text, sizeof text - 1, NULL);
    if (folder >= 0)
        close(folder);
    mica_free(tag);
}

/* How unlike a cached repository is: of its whole name, or of the part behind the slash where the
 * owner was forgotten or is another. */
static size_t unlikeness(const char *wanted, const char *repo, size_t limit)
{
    const char *name = strchr(repo, '/'), *wanted_name = strchr(wanted, '/');
    size_t best = mica_hub_distance(wanted, repo, limit);
    if (name) {
        size_t other = mica_hub_distance(wanted_name ? wanted_name + 1 : wanted, name + 1, 1);
        if (other <= 1 && other + 1 < best)
            best = other + 1;
    }
    return best;
}

void mica_hub_nearest(const mica_hub *hub, const char *repo, mica_buf *out)
{
    enum { SHOWN = 3 };
    char names[SHOWN][MICA_HUB_REPO_MAX + 1], found[MICA_HUB_REPO_MAX + 1];
    size_t scores[SHOWN], count = 0, limit = strlen(repo) / 4 + 1;
    DIR *dir = opendir(hub->settings.cache_dir);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (!mica_hub_folder_repo(e->d_name, found))
            continue;
        size_t score = unlikeness(repo, found, limit), at = count;
        if (score > limit || strcmp(found, repo) == 0)
            continue;
        while (at && (scores[at - 1] > score ||
                      (scores[at - 1] == score && strcmp(names[at - 1], found) > 0)))
            at--;
        if (at == SHOWN)
            continue;
        if (count < SHOWN)
            count++;
        for (size_t i = count - 1; i > at; i--) {
            scores[i] = scores[i - 1];
            memcpy(names[i], names[i - 1], sizeof names[i]);
        }
        scores[at] = score;
        memcpy(names[at], found, sizeof names[at]);
    }
    if (dir)
        closedir(dir);
    for (size_t i = 0; i < count; i++)
        mica_buf_printf(out, "%s'%s'", i ? ", " : "; in the cache there is ", names[i]);
}
