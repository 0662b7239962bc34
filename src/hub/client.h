/* SPDX-License-Identifier: MIT
 *
 * What a mica_hub and a mica_hub_snapshot hold, for the files of this part.
 */
#ifndef MICA_HUB_CLIENT_H
#define MICA_HUB_CLIENT_H

#include <stdatomic.h>

#include "base/log.h"
#include "hub/listing.h"
#include "hub/settings.h"
#include "hub/text.h"
#include "mica/hub.h"

struct mica_hub {
    mica_hub_settings settings;
    size_t parallel;
    double retry_seconds;
    mica_log_sink log;
    void (*progress)(void *user, const mica_hub_progress *progress);
    void *progress_user;
    atomic_int cancelled;
    struct mica_hub_transport *transport; /* NULL until a request is made */
    char warned[8][64];                   /* topics of X-HF-Warning that were passed on */
    size_t warned_count;
};

struct mica_hub_snapshot {
    mica_hub_id id;
    char commit[MICA_HUB_COMMIT_HEX + 1];
    char *directory;
    mica_hub_listing listing;
    mica_hub_file *files; /* a row for each entry of the listing */
    const char *missing;  /* the first file that is needed and not there; NULL = whole */
    /* Without a listing of the repository: a file that it may have and that would change what the
     * model does (modules.json, a tokenizer); NULL = none. */
    const char *doubt;
};

/* CANCELLED if somebody asked for it. */
mica_status mica_hub_check_cancel(mica_hub *hub, mica_error *err);

#endif
