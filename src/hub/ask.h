/* SPDX-License-Identifier: MIT
 *
 * Questions to the Hub: one request with its redirects and its retries, and what its answers mean.
 */
#ifndef MICA_HUB_ASK_H
#define MICA_HUB_ASK_H

#include "hub/client.h"
#include "hub/listing.h"
#include "hub/transport.h"

enum {
    MICA_HUB_RETRIES = 5,        /* after a status that says "later" */
    MICA_HUB_BROKEN_RETRIES = 2, /* of a question, after a connection that broke */
    MICA_HUB_REDIRECTS_MAX = 20,
    MICA_HUB_WAIT_MAX = 330 /* seconds: what a server may ask for; the Hub counts in 300 */
};

/* Whether the token may be sent to an address: to the endpoint, or another name of the Hub. */
bool mica_hub_trusts(const mica_hub *hub, const char *url);
/* Whether a status says "try again later". */
bool mica_hub_is_later(long status);
/* Seconds until the next try, after `failures` in a row; `answer` (may be NULL) can ask for more.
 * -1 = it asks for more than anybody should wait. */
double mica_hub_backoff(const mica_hub *hub, int failures, const mica_hub_answer *answer);
/* Sleeps, unless it is cancelled. */
mica_status mica_hub_pause(mica_hub *hub, double seconds, mica_error *err);
/* Passes a warning of the Hub on to the log, each topic once. */
void mica_hub_pass_warning(mica_hub *hub, const mica_hub_answer *answer);
/* The transport, made when it is first needed. NOT_CACHED in offline mode: this is the one door to
 * the network. UNAUTHORIZED if the token cannot be sent. */
mica_status mica_hub_need_transport(mica_hub *hub, mica_error *err);

/* NETWORK, TLS, HUB ...: what a transfer without an answer means. */
mica_status mica_hub_fail_transfer(const mica_hub *hub, const mica_hub_answer *answer,
                                   mica_error *err);
/* What an answer of 400 or more means. `file` may be NULL. */
mica_status mica_hub_fail_answer(const mica_hub *hub, const mica_hub_id *id, const char *file,
                                 const mica_hub_answer *answer, mica_error *err);

/* What HEAD of a file tells. */
typedef struct mica_hub_metadata {
    char commit[MICA_HUB_COMMIT_HEX + 1];
    bool exists;  /* false: the repository has no such file at this commit */
    bool refused; /* of a failure: by a proxy, which must not pass for "offline" */
} mica_hub_metadata;
/* Asks for a file at a revision; with `patient` tries again where that may help. */
mica_status mica_hub_ask_file(mica_hub *hub, const mica_hub_id *id, const char *file, bool patient,
                              mica_hub_metadata *out, mica_error *err);
/* The files of a commit: all pages of the tree API, sorted. */
mica_status mica_hub_ask_tree(mica_hub *hub, const mica_hub_id *id, const char *commit,
                              mica_hub_listing *listing, mica_error *err);
/* The bytes of a small file of a commit, checked against its checksum; freed with mica_free. */
mica_status mica_hub_ask_text(mica_hub *hub, const mica_hub_id *id, const char *commit,
                              const mica_hub_entry *entry, char **text, size_t *size,
                              mica_error *err);

/* {endpoint}/{repo}/resolve/{revision}/{file}; freed with mica_free, NULL = out of memory. */
char *mica_hub_file_url(const mica_hub *hub, const mica_hub_id *id, const char *revision,
                        const char *file);

#endif
