/* SPDX-License-Identifier: MIT
 *
 * The cache's layout, which is huggingface_hub's:
 *
 *     <cache>/CACHEDIR.TAG
 *     <cache>/.locks/models--org--name/<etag>.lock
 *     <cache>/models--org--name/                        "the storage" of a model
 *         refs/<revision>                               the commit that a branch or tag is at
 *         blobs/<etag>                                  a file's bytes, named by their hash
 *         blobs/<etag>.incomplete                       the first part of them
 *         snapshots/<commit>/<path>                     a link ../../blobs/<etag>
 *         .no_exist/<commit>/<path>                     known not to exist at this commit
 *         trees/<commit>.json                           the repository's listing
 */
#ifndef MICA_HUB_CACHE_H
#define MICA_HUB_CACHE_H

#include "hub/client.h"

/* "models--org--name" for a repository that passed mica_hub_id_parse. */
enum { MICA_HUB_FOLDER_MAX = 8 + MICA_HUB_REPO_MAX + 2 };
void mica_hub_folder_name(const char *repo, char out[MICA_HUB_FOLDER_MAX]);
/* And back, into repo[MICA_HUB_REPO_MAX + 1]; false if it is the folder of no model. */
bool mica_hub_folder_repo(const char *folder, char *repo);
/* <cache>/models--org--name, and a path below it; freed with mica_free, NULL = out of memory. */
char *mica_hub_storage(const mica_hub *hub, const char *repo);
char *mica_hub_storage_path(const char *storage, const char *folder, const char *name);

/* The commit that the cache has for a revision; *found is false, and that is no error, if none. */
mica_status mica_hub_ref_read(const char *storage, const char *revision,
                              char commit[MICA_HUB_COMMIT_HEX + 1], bool *found, mica_error *err);
/* Nothing is written if it stands there already, or if the revision is the commit. */
mica_status mica_hub_ref_write(const char *storage, const char *revision, const char *commit,
                               mica_error *err);

bool mica_hub_known_missing(const char *storage, const char *commit, const char *path);
/* Best effort: what cannot be noted is asked for again. */
void mica_hub_note_missing(const char *storage, const char *commit, const char *path);

/* trees/<commit>.json of the storage (or of a local folder's .cache/huggingface). A note that is
 * damaged counts as none. */
mica_status mica_hub_note_read(const mica_hub *hub, const char *storage, const char *commit,
                               mica_hub_listing *listing, bool *found, mica_error *err);
mica_status mica_hub_note_write(const char *storage, const char *commit,
                                const mica_hub_listing *listing, mica_error *err);

/* The tag that lets programs that make backups skip a folder. Best effort. */
void mica_hub_tag_folder(const char *folder);

/* Appends "; in the cache there are 'a/b', 'a/c'": models whose names are like `repo`. */
void mica_hub_nearest(const mica_hub *hub, const char *repo, mica_buf *out);

/* A commit as it is in the cache, with what `options` asks for marked as needed; out of it comes
 * what is missing. NOT_CACHED if there is no folder of this commit. */
mica_status mica_hub_snapshot_load(const mica_hub *hub, const mica_hub_id *id, const char *commit,
                                   const mica_hub_pull_options *options, mica_hub_snapshot **out,
                                   mica_error *err);
/* An empty snapshot of a commit, for the one who fills it. */
mica_status mica_hub_snapshot_create(const mica_hub_id *id, const char *commit,
                                     const char *directory, mica_hub_snapshot **out,
                                     mica_error *err);
/* Makes the rows for the listing's entries (path, size, needed). */
mica_status mica_hub_snapshot_rows(mica_hub_snapshot *snapshot, mica_error *err);

#endif
