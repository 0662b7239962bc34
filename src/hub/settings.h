/* SPDX-License-Identifier: MIT
 *
 * What the environment says, read as huggingface_hub reads it (its constants.py, utils/_auth.py).
 */
#ifndef MICA_HUB_SETTINGS_H
#define MICA_HUB_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct mica_hub_settings {
    char *cache_dir, *endpoint; /* the endpoint without a slash at its end */
    char *token;                /* NULL = none */
    char *token_source;     /* where it comes from, for error texts; never NULL if there is one */
    bool token_bad;         /* it holds a character that no header may have */
    char *ca_file, *ca_dir; /* SSL_CERT_FILE, SSL_CERT_DIR; NULL = the system's */
    bool offline, symlinks;
    int progress_bars;              /* -1, 0, 1: see mica_hub_info */
    long head_seconds, get_seconds; /* time-outs */
} mica_hub_settings;

/* `cache_dir`, `endpoint`, `token` and `offline` as in mica_hub_options: they go before the
 * environment. On failure nothing is left to be freed. */
mica_status mica_hub_settings_read(const char *cache_dir, const char *endpoint, const char *token,
                                   int offline, mica_hub_settings *out, mica_error *err);
void mica_hub_settings_free(mica_hub_settings *settings);

/* A token as it stands in a file or variable, cut to what is sent: line ends are removed, and white
 * space at both ends. NULL if nothing is left, freed with mica_free; *failed = out of memory. */
char *mica_hub_clean_token(const char *text, size_t size, bool *failed);
/* Python's expandvars(expanduser(path)); freed with mica_free, NULL = out of memory. */
char *mica_hub_expand(const char *path);

#endif
