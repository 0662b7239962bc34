/* SPDX-License-Identifier: MIT
 *
 * Names of pooling modes: one list for options, configurations old and new, and texts.
 */
#include "models/sentence.h"

#include <stdio.h>
#include <string.h>

#include "models/pooling.h"

const mica_pooling_name mica_pooling_names[] = {
    /* In the order in which the older configuration's modes are put side by side. */
    {"cls", "cls", "pooling_mode_cls_token", MICA_POOL_FIRST},
    {"max", "max", "pooling_mode_max_tokens", MICA_POOL_MAX},
    {"mean", "mean", "pooling_mode_mean_tokens", MICA_POOL_MEAN},
    {"mean_sqrt_len", "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens",
     MICA_POOL_MEAN_SQRT_LEN},
    {"weightedmean", "weightedmean", "pooling_mode_weightedmean_tokens", MICA_POOL_WEIGHTED_MEAN},
    {"lasttoken", "lasttoken", "pooling_mode_lasttoken", MICA_POOL_LAST},
    {NULL, NULL, NULL, MICA_POOL_FIRST},
};

bool mica_pooling_mode(const char *name, size_t size, mica_pool_mode *out)
{
    for (const mica_pooling_name *row = mica_pooling_names; row->name; row++) {
        if ((strlen(row->name) == size && memcmp(row->name, name, size) == 0) ||
            (strlen(row->config) == size && memcmp(row->config, name, size) == 0)) {
            *out = row->mode;
            return true;
        }
    }
    return false;
}

mica_status mica_pooling_parse(const char *text, mica_pooling *out, mica_error *err)
{
    memset(out, 0, sizeof *out);
    for (;;) {
        size_t size = strcspn(text, "+");
        mica_pool_mode mode;

        if (!mica_pooling_mode(text, size, &mode))
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "pooling '%.*s' is not known; known: cls, max, mean, mean_sqrt_len, "
                             "weightedmean, lasttoken, or several joined by '+'",
                             (int)(size < 100 ? size : 100), text);
        if (out->count == MICA_POOLINGS_MAX)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "more than %d poolings",
                             MICA_POOLINGS_MAX);
        out->modes[out->count++] = mode;
        if (text[size] == '\0')
            return MICA_OK;
        text += size + 1;
    }
}

void mica_pooling_text(const mica_pooling *pooling, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < pooling->count; i++) {
        const mica_pooling_name *row = mica_pooling_names;

        while (row->name && row->mode != pooling->modes[i])
            row++;
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "+" : "",
                                     row->name ? row->name : "?");
    }
}

bool mica_pooling_equal(const mica_pooling *a, const mica_pooling *b)
{
    return a->count == b->count && memcmp(a->modes, b->modes, a->count * sizeof *a->modes) == 0;
}
