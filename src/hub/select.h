/* SPDX-License-Identifier: MIT
 *
 * Which of a repository's files running the model needs. Decided from the listing and, where that
 * is not enough, from three small files: modules.json, config.json, and the index of sharded
 * weights.
 */
#ifndef MICA_HUB_SELECT_H
#define MICA_HUB_SELECT_H

#include "hub/listing.h"

/* Gives the text of a small file of the repository, freed with mica_free. */
typedef struct mica_hub_reader {
    mica_status (*read)(void *user, const mica_hub_entry *entry, char **text, size_t *size,
                        mica_error *err);
    void *user;
} mica_hub_reader;

/* First: configuration, tokenizer and index at the top of the repository get
 * MICA_HUB_NEED_SMALL. They are to be had before the second step. */
void mica_hub_select_small(mica_hub_listing *listing);

/* Second: what these small files lead to, and (with `weights`) the weights: model.safetensors, else
 * its shards, else pytorch_model.bin, else its shards; in the folder of every module of a
 * sentence-transformers model too. NO_WEIGHTS if there are none that mica reads (the text names
 * what is there), NO_ENTRY if a shard or config.json is not there. */
mica_status mica_hub_select_rest(mica_hub_listing *listing, const mica_hub_reader *reader,
                                 bool weights, mica_error *err);

/* Instead of both steps: the files that match one of the patterns. */
void mica_hub_select_matching(mica_hub_listing *listing, const char *const *patterns, size_t count);
/* After either: files that match one of the patterns are not needed after all. */
void mica_hub_select_exclude(mica_hub_listing *listing, const char *const *patterns, size_t count);

#endif
