/* SPDX-License-Identifier: MIT
 *
 * Where a fetched file goes: into the cache (a blob, and a link to it in the snapshot), or into a
 * folder of the user's (a plain file, and a note beside it in .cache/huggingface), both as
 * huggingface_hub has them.
 */
#ifndef MICA_HUB_PLACE_H
#define MICA_HUB_PLACE_H

#include "hub/client.h"

typedef struct mica_hub_place {
    const mica_hub *hub;
    const char *commit, *repo;
    char *storage;         /* of the model, in the cache */
    const char *local_dir; /* NULL = the cache */
} mica_hub_place;

mica_status mica_hub_place_init(const mica_hub *hub, const mica_hub_snapshot *snapshot,
                                const char *local_dir, mica_hub_place *out, mica_error *err);
void mica_hub_place_free(mica_hub_place *place);

/* The folder that the paths below start from, and of the lock's. */
const char *mica_hub_place_root(const mica_hub_place *place);
const char *mica_hub_place_lock_root(const mica_hub_place *place);
/* The lock and the partial file of a blob, below their roots. `unique` (NULL = none) is put into
 * the name of the partial file where there are no locks. Freed with mica_free. */
char *mica_hub_place_lock(const mica_hub_place *place, const char *path, const char *etag);
char *mica_hub_place_partial(const mica_hub_place *place, const char *path, const char *etag,
                             const char *unique);

/* Whether the file is there under its name, as it should be. In the cache its size has to be right;
 * in a local folder its checksum, unless a note says that it was checked since it changed. */
mica_status mica_hub_place_ready(const mica_hub_place *place, const char *path, const char *etag,
                                 int64_t size, bool *ready, mica_error *err);
/* Whether the bytes are in the cache already. */
mica_status mica_hub_place_cached(const mica_hub_place *place, const char *etag, int64_t size,
                                  bool *there, mica_error *err);
/* If they are, the file gets its name without being fetched. */
mica_status mica_hub_place_reuse(const mica_hub_place *place, const char *path, const char *etag,
                                 int64_t size, bool *reused, mica_error *err);
/* The partial file is whole and right: it gets its names. `folder` and `name` are where it is. */
mica_status mica_hub_place_publish(const mica_hub_place *place, const char *path, const char *etag,
                                   int folder, const char *name, mica_error *err);

#endif
