/* SPDX-License-Identifier: MIT
 *
 * The files that a repository has at a commit: from the Hub's tree API, from the note of it that
 * huggingface_hub keeps in the cache (trees/<commit>.json), or, where neither is at hand, those
 * that are found in a folder.
 */
#ifndef MICA_HUB_LISTING_H
#define MICA_HUB_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "hub/text.h"

typedef enum mica_hub_need {
    MICA_HUB_NEED_NOTHING = 0,
    MICA_HUB_NEED_SMALL = 1,  /* configuration, tokenizer, index */
    MICA_HUB_NEED_WEIGHTS = 2 /* fetched last */
} mica_hub_need;

typedef struct mica_hub_entry {
    const char *path;
    int64_t size;                           /* -1 = not known */
    char blob_id[MICA_HUB_COMMIT_HEX + 1];  /* git's SHA-1 of the file, or of its LFS pointer; "" */
    char sha256[MICA_HUB_SHA256_HEX + 1];   /* of a file that LFS keeps; "" = git keeps it */
    char xet_hash[MICA_HUB_SHA256_HEX + 1]; /* "" = none; only kept for huggingface_hub */
    mica_hub_need need;
} mica_hub_entry;

typedef struct mica_hub_listing {
    mica_arena arena;
    mica_hub_entry *items; /* sorted by path once mica_hub_listing_finish was called */
    size_t count, capacity;
    bool complete;     /* all that the repository has, not only what a folder holds */
    const char *lacks; /* set by the selection: what it looked for and did not find, or NULL */
} mica_hub_listing;

void mica_hub_listing_init(mica_hub_listing *listing);
void mica_hub_listing_free(mica_hub_listing *listing);
/* Adds a file; the path is checked and copied. The other texts stay empty. */
mica_status mica_hub_listing_add(mica_hub_listing *listing, const char *path, size_t size,
                                 mica_hub_entry **out, mica_error *err);
/* Adds the files of one page of the tree API; `name` is for error texts. */
mica_status mica_hub_listing_page(mica_hub_listing *listing, const char *json, size_t size,
                                  const char *name, mica_error *err);
/* Adds the files of a trees/<commit>.json; *known is false, and that is no error, if it is of a
 * version that we do not know. */
mica_status mica_hub_listing_note(mica_hub_listing *listing, const char *json, size_t size,
                                  const char *name, bool *known, mica_error *err);
/* Adds the regular files below a folder (after symbolic links, which may not lead to folders); with
 * `dangling` also the links that lead nowhere, their size -1. */
mica_status mica_hub_listing_scan(mica_hub_listing *listing, const char *folder, bool dangling,
                                  mica_error *err);
/* Sorts. FORMAT if a name stands there twice. */
mica_status mica_hub_listing_finish(mica_hub_listing *listing, mica_error *err);
mica_hub_entry *mica_hub_listing_find(const mica_hub_listing *listing, const char *path);

/* The text of trees/<commit>.json, byte for byte as huggingface_hub writes it. */
bool mica_hub_listing_write(const mica_hub_listing *listing, mica_buf *out);

/* What the blob of a file is called: the SHA-256 of LFS, else git's SHA-1; "" if not known. */
const char *mica_hub_entry_etag(const mica_hub_entry *entry);

#endif
