/* SPDX-License-Identifier: MIT
 *
 * Checksums, by OpenSSL's libcrypto, which has the processor's instructions for them.
 */
#include "hub/digest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/alloc.h"

struct mica_hub_digest {
    EVP_MD_CTX *context;
    mica_hub_hash kind;
};

mica_hub_hash mica_hub_hash_of(const char *etag)
{
    return mica_hub_is_hex(etag, MICA_HUB_SHA256_HEX)   ? MICA_HUB_HASH_SHA256
           : mica_hub_is_hex(etag, MICA_HUB_COMMIT_HEX) ? MICA_HUB_HASH_GIT
                                                        : MICA_HUB_HASH_NONE;
}

mica_status mica_hub_digest_create(mica_hub_hash kind, int64_t size, mica_hub_digest **out,
                                   mica_error *err)
{
    mica_hub_digest *d = mica_calloc(1, sizeof *d);
    *out = NULL;
    if (d) {
        d->kind = kind;
        d->context = mica_fault() ? NULL : EVP_MD_CTX_new();
    }
    if (!d || !d->context || !mica_hub_digest_reset(d, size)) {
        mica_hub_digest_destroy(&d);
        return mica_fail_memory(err, sizeof *d, "a checksum");
    }
    *out = d;
    return MICA_OK;
}

void mica_hub_digest_destroy(mica_hub_digest **digest)
{
    mica_hub_digest *d = *digest;
    *digest = NULL;
    if (d)
        EVP_MD_CTX_free(d->context);
    mica_free(d);
}

bool mica_hub_digest_reset(mica_hub_digest *d, int64_t size)
{
    char head[32];
    const EVP_MD *kind = d->kind == MICA_HUB_HASH_SHA256 ? EVP_sha256() : EVP_sha1();
    if (EVP_DigestInit_ex(d->context, kind, NULL) != 1)
        return false;
    if (d->kind != MICA_HUB_HASH_GIT)
        return true;
    int n = snprintf(head, sizeof head, "blob %lld", (long long)size);
    return mica_hub_digest_add(d, head, (size_t)n + 1);
}

bool mica_hub_digest_add(mica_hub_digest *d, const void *data, size_t size)
{
    return EVP_DigestUpdate(d->context, data, size) == 1;
}

bool mica_hub_digest_finish(mica_hub_digest *d, char out[MICA_HUB_SHA256_HEX + 1])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_DigestFinal_ex(d->context, bytes, &n) != 1 || n * 2 > MICA_HUB_SHA256_HEX)
        return false;
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

mica_status mica_hub_digest_file(mica_hub_digest *d, int fd, int64_t size, const char *path,
                                 const atomic_int *stop, mica_error *err)
{
    enum { BLOCK = 256 * 1024 };
    char *block = mica_alloc(BLOCK);
    mica_status status = block ? MICA_OK : mica_fail_memory(err, BLOCK, "a checksum");
    for (int64_t at = 0; !status && at < size;) {
        size_t want = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
        ssize_t n = pread(fd, block, want, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (atomic_load(stop))
            status = mica_fail(err, MICA_STATUS_CANCELLED, "cancelled");
        else if (n <= 0)
            status = n < 0 ? mica_fail_errno(err, errno, "cannot read", path)
                           : mica_fail(err, MICA_STATUS_IO, "'%s' became shorter", path);
        else if (!mica_hub_digest_add(d, block, (size_t)n))
            status = mica_fail_memory(err, 0, "a checksum");
        else
            at += n;
    }
    mica_free(block);
    return status;
}

bool mica_hub_short_hash(const char *text, char out[29])
{
    unsigned char bytes[EVP_MAX_MD_SIZE], encoded[64];
    unsigned n = 0;
    if (EVP_Digest(text, strlen(text), bytes, &n, EVP_sha1(), NULL) != 1)
        return false;
    EVP_EncodeBlock(encoded, bytes, (int)n);
    for (int i = 0; i < 28; i++)
        out[i] = encoded[i] == '+' ? '-' : encoded[i] == '/' ? '_' : (char)encoded[i];
    out[28] = 0;
    return true;
}
