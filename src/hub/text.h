/* SPDX-License-Identifier: MIT
 *
 * The small texts of the Hub, all of them hostile until they got through here: ids, file names,
 * revisions, ETags, patterns, headers. Pure functions.
 */
#ifndef MICA_HUB_TEXT_H
#define MICA_HUB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum {
    MICA_HUB_COMMIT_HEX = 40, /* a git object's SHA-1 */
    MICA_HUB_SHA256_HEX = 64,
    MICA_HUB_REPO_MAX = 96 + 1 + 96,
    MICA_HUB_REVISION_MAX = 200,
    MICA_HUB_PATH_MAX = 1024, /* of a file name in a repository; 255 for each part of it */
    MICA_HUB_ETAG_MAX = 128
};

/* "org/name@revision", taken apart. */
typedef struct mica_hub_id {
    char repo[MICA_HUB_REPO_MAX + 1];
    char revision[MICA_HUB_REVISION_MAX + 1]; /* "main" if none was given */
    bool revision_given;
    bool commit; /* the revision is a commit: 40 lowercase hex digits */
} mica_hub_id;
mica_status mica_hub_id_parse(const char *text, mica_hub_id *out, mica_error *err);

/* A path that stays below the folder it is joined to, on every system: no "..", no ".", no empty
 * part, not absolute, no drive letter, no control character, valid UTF-8. */
bool mica_hub_path_safe(const char *path, size_t size);

bool mica_hub_is_hex(const char *text, size_t digits); /* exactly so many lowercase hex digits */
/* A name for a blob: hex digits of a hash, or another name of at most MICA_HUB_ETAG_MAX characters
 * that holds no more than letters, digits, "_", "-" and "." (and does not start with "."). */
bool mica_hub_is_etag(const char *text);
/* The value of an ETag header without W/ and quotes, as huggingface_hub cuts it, into
 * out[MICA_HUB_ETAG_MAX + 1]; false if it cannot name a blob. */
bool mica_hub_etag(const char *header, char *out);

/* Percent-encodes as Python's urllib.parse.quote does; "/" is kept if `slash`. */
bool mica_hub_quote(mica_buf *out, const char *text, bool slash);

/* Python's fnmatchcase after huggingface_hub's changes to the pattern: a folder ("x/") means all
 * below it, and a backslash is a slash in both. Both are valid UTF-8. */
bool mica_hub_match(const char *pattern, const char *path);

/* The URL of rel="next" in a Link header: a slice of it, or NULL. */
const char *mica_hub_next_link(const char *header, size_t *size);

/* Seconds to wait that `RateLimit: "api";r=0;t=55` asks for; -1 = it asks for nothing. */
int64_t mica_hub_rate_limit(const char *header);
/* Seconds to wait that a Retry-After header of digits asks for; -1 = it has none. */
int64_t mica_hub_retry_after(const char *header);

/* How many single-character edits lead from a to b, letters' case aside; at most `limit` + 1. */
size_t mica_hub_distance(const char *a, const char *b, size_t limit);

#endif
