/* SPDX-License-Identifier: MIT
 *
 * What pulling and looking share: which commit the cache has, and how to say that it has none.
 */
#ifndef MICA_HUB_PULL_H
#define MICA_HUB_PULL_H

#include "hub/client.h"

/* The commit that an id means in the cache: itself, or what refs/ says. */
mica_status mica_hub_cached_commit(const mica_hub *hub, const mica_hub_id *id,
                                   char commit[MICA_HUB_COMMIT_HEX + 1], bool *found,
                                   mica_error *err);

/* NOT_CACHED with the names of models like this one; `file` (may be NULL) is what is missing. */
mica_status mica_hub_fail_not_cached(const mica_hub *hub, const mica_hub_id *id, const char *file,
                                     mica_error *err);

#endif
