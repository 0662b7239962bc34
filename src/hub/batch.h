/* SPDX-License-Identifier: MIT
 *
 * Fetching many files, several at once, and telling how far it is.
 */
#ifndef MICA_HUB_BATCH_H
#define MICA_HUB_BATCH_H

#include "hub/client.h"

typedef struct mica_hub_batch mica_hub_batch;

mica_status mica_hub_batch_create(mica_hub *hub, mica_hub_snapshot *snapshot,
                                  const mica_hub_pull_options *options, mica_hub_batch **out,
                                  mica_error *err);
void mica_hub_batch_destroy(mica_hub_batch **fetch);
/* Marks the needed files that are there (cached), and the others as to be fetched. */
mica_status mica_hub_batch_look(mica_hub_batch *batch, mica_error *err);
/* Fetches all files of a kind that were not fetched yet. The first that fails ends it; of the
 * others what came in is kept. */
mica_status mica_hub_batch_run(mica_hub_batch *batch, mica_hub_need need, mica_error *err);

#endif
