/* SPDX-License-Identifier: MIT
 *
 * The names of pooling modes, for the files that read them.
 */
#ifndef MICA_MODELS_POOLING_H
#define MICA_MODELS_POOLING_H

#include "models/sentence.h"

typedef struct mica_pooling_name {
    const char *name;   /* in options and texts */
    const char *config; /* in pooling_mode of version 6 */
    const char *flag;   /* the older configuration's true or false */
    mica_pool_mode mode;
} mica_pooling_name;

/* Ends with a row of NULL. */
extern const mica_pooling_name mica_pooling_names[];

bool mica_pooling_mode(const char *name, size_t size, mica_pool_mode *out);

#endif
