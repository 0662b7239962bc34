/* SPDX-License-Identifier: MIT */
#include "models/packed.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/backend.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/map.h"

enum { KEY_MAX = 1 << 20, PATH_BYTES = 4096, SETTLED_SECONDS = 2 };

mica_status mica_packed_wanted(const mica_model_options *options, bool *out, mica_error *err)
{
    const char *value = getenv("MICA_PACKED_CACHE");

    *out = options->packed_cache;
    if (!value || !*value || strcmp(value, "0") == 0)
        return MICA_OK;
    if (strcmp(value, "1") != 0)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "MICA_PACKED_CACHE is '%s', which is none of 0, 1", value);
    *out = true;
    return MICA_OK;
}

/* The key, and the weight files by their real paths, which the file's name is made of. */
static mica_status write_key(mica_context *context, const mica_checkpoint *checkpoint,
                             mica_precision precision, mica_buf *key, mica_buf *name, bool *settled)
{
    mica_context_info info;
    mica_file_stamp stamp;
    time_t now = time(NULL);

    mica_context_get_info(context, &info);
    mica_buf_printf(key, "mica %s; %s; %s; %s; %s; %s", MICA_VERSION, info.backend, info.kernels,
                    info.bf16, info.int8, mica_precision_name(precision));
    mica_buf_printf(name, "%s; %s; %s", info.backend, info.kernels, mica_precision_name(precision));
    *settled = true;
    for (size_t i = 0; i < mica_checkpoint_file_count(checkpoint); i++) {
        char real[PATH_MAX];
        const char *path = mica_checkpoint_file(checkpoint, i, &stamp);
        mica_buf_printf(name, "; %s", realpath(path, real) ? real : path);
        mica_buf_printf(key,
                        "; file %" PRIu64 ":%" PRIu64 " of %" PRIu64 " bytes, %lld.%09ld, "
                        "%lld.%09ld",
                        stamp.device, stamp.inode, stamp.size, (long long)stamp.modified.tv_sec,
                        (long)stamp.modified.tv_nsec, (long long)stamp.changed.tv_sec,
                        (long)stamp.changed.tv_nsec);
        *settled = *settled && stamp.modified.tv_sec + SETTLED_SECONDS <= now &&
                   stamp.changed.tv_sec + SETTLED_SECONDS <= now;
    }
    return key->failed || name->failed ? MICA_STATUS_OUT_OF_MEMORY : MICA_OK;
}

/* The cache's folder; false if the environment names none. */
static bool find_folder(char *folder, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n = -1;

    if (cache && cache[0] == '/')
        n = snprintf(folder, size, "%s/mica/packed", cache);
    else if (home && home[0] == '/')
        n = snprintf(folder, size, "%s/.cache/mica/packed", home);
    return n > 0 && (size_t)n < size;
}

mica_status mica_packed_open(mica_context *context, const mica_checkpoint *checkpoint,
                             mica_precision precision, mica_sidecar **out, mica_error *err)
{
    const mica_log_sink *log = mica_context_log(context);
    char folder[PATH_BYTES], path[PATH_BYTES + 32];
    mica_buf key, name;
    mica_error why = {MICA_OK, ""};
    bool settled = true;
    mica_status status;

    *out = NULL;
    if (!find_folder(folder, sizeof folder)) {
        mica_log_write(log, MICA_LOG_WARNING,
                       "packed weights are not kept: neither XDG_CACHE_HOME nor HOME is a path");
        return MICA_OK;
    }
    mica_buf_init(&key, KEY_MAX);
    mica_buf_init(&name, KEY_MAX);
    status = write_key(context, checkpoint, precision, &key, &name, &settled);
    if (status != MICA_OK) {
        status = mica_fail_memory(err, 0, "the key of packed weights");
        goto done;
    }
    snprintf(path, sizeof path, "%s/%016" PRIx64 ".micapack", folder,
             mica_hash(name.data, name.size, 0));
    status = mica_sidecar_open(path, mica_buf_cstr(&key), log, out, &why);
    if (status == MICA_OK) {
        mica_log_write(log, MICA_LOG_INFO, "packed weights from '%s'", path);
        goto done;
    }
    if (status == MICA_STATUS_OUT_OF_MEMORY) {
        status = mica_fail(err, status, "%s", why.message);
        goto done;
    }
    mica_log_write(log, MICA_LOG_INFO, "no packed weights: %s", why.message);
    status = MICA_OK;
    if (!settled) {
        mica_log_write(log, MICA_LOG_INFO,
                       "packed weights are not kept: the checkpoint was written to less than %d "
                       "seconds ago",
                       SETTLED_SECONDS);
        goto done;
    }
    mica_make_folders(folder, 0700); /* what cannot be made shows when the file is written */
    status = mica_sidecar_create(path, mica_buf_cstr(&key), out, err);
done:
    mica_buf_free(&key);
    mica_buf_free(&name);
    return status;
}

void mica_packed_keep(mica_context *context, const mica_sidecar *sidecar)
{
    mica_error err = {MICA_OK, ""};

    if (!mica_sidecar_is_new(sidecar))
        return;
    if (mica_sidecar_write(sidecar, &err) != MICA_OK)
        mica_log_write(mica_context_log(context), MICA_LOG_WARNING,
                       "packed weights are not kept: %s", err.message);
}
