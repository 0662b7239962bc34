/* SPDX-License-Identifier: MIT
 *
 * The checksums that the Hub names files by: SHA-256 of the bytes, or git's SHA-1 of a blob.
 */
#ifndef MICA_HUB_DIGEST_H
#define MICA_HUB_DIGEST_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"
#include "hub/text.h"

typedef struct mica_hub_digest mica_hub_digest;

/* What a blob's name says of its checksum. */
typedef enum mica_hub_hash {
    MICA_HUB_HASH_NONE,
    MICA_HUB_HASH_GIT,   /* 40 hex digits: SHA-1 of "blob SIZE\0" and the bytes */
    MICA_HUB_HASH_SHA256 /* 64 hex digits */
} mica_hub_hash;
mica_hub_hash mica_hub_hash_of(const char *etag);

/* `size` is that of the whole file, which git's hash starts with. */
mica_status mica_hub_digest_create(mica_hub_hash kind, int64_t size, mica_hub_digest **out,
                                   mica_error *err);
void mica_hub_digest_destroy(mica_hub_digest **digest);
/* Starts again; `size` as in create. */
bool mica_hub_digest_reset(mica_hub_digest *digest, int64_t size);
bool mica_hub_digest_add(mica_hub_digest *digest, const void *data, size_t size);
/* Hex digits and a NUL; then only reset and destroy. */
bool mica_hub_digest_finish(mica_hub_digest *digest, char out[MICA_HUB_SHA256_HEX + 1]);

/* Adds the first `size` bytes of an open file; CANCELLED once *stop is not 0. */
mica_status mica_hub_digest_file(mica_hub_digest *digest, int fd, int64_t size, const char *path,
                                 const atomic_int *stop, mica_error *err);

/* SHA-1 of a text as URL-safe base64 (28 characters): how huggingface_hub names the first part of
 * a file in a local folder. */
bool mica_hub_short_hash(const char *text, char out[29]);

#endif
