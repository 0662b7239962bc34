/* SPDX-License-Identifier: MIT */
#include "mica/precision.h"

#include <string.h>

static const char *const names[MICA_PRECISIONS] = {"f32", "bf16", "int8", "auto"};

const char *mica_precision_name(mica_precision precision)
{
    return (unsigned)precision < MICA_PRECISIONS ? names[precision] : "unknown";
}

bool mica_precision_find(const char *name, mica_precision *out)
{
    for (int i = 0; i < MICA_PRECISIONS; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (mica_precision)i;
            return true;
        }
    }
    return false;
}
