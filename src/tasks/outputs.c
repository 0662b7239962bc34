/* SPDX-License-Identifier: MIT */
#include "tasks/outputs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

typedef struct output {
    char name[64];
    mica_tensor *tensor;
} output;

struct mica_outputs {
    output *list;
    size_t count;
};

mica_status mica_outputs_create(mica_outputs **out, mica_error *err)
{
    *out = mica_calloc(1, sizeof **out);
    return *out ? MICA_OK : mica_fail_memory(err, sizeof **out, "outputs");
}

void mica_outputs_destroy(mica_outputs **outputs)
{
    if (!*outputs)
        return;
    for (size_t i = 0; i < (*outputs)->count; i++)
        mica_tensor_release(&(*outputs)->list[i].tensor);
    mica_free((*outputs)->list);
    mica_free(*outputs);
    *outputs = NULL;
}

mica_status mica_outputs_add(mica_outputs *outputs, int rank, const int64_t *dims, float **data,
                             mica_error *err, const char *format, ...)
{
    output *list = mica_realloc_array(outputs->list, outputs->count + 1, sizeof *list);
    output *added;
    va_list args;
    mica_status status;

    if (!list)
        return mica_fail_memory(err, (outputs->count + 1) * sizeof *list, "outputs");
    outputs->list = list;
    added = &list[outputs->count];
    memset(added, 0, sizeof *added);
    va_start(args, format);
    vsnprintf(added->name, sizeof added->name, format, args);
    va_end(args);
    status = mica_tensor_create(MICA_DTYPE_F32, rank, dims, &added->tensor, err);
    if (status != MICA_OK)
        return status;
    *data = mica_tensor_data_mut(added->tensor);
    outputs->count++;
    return MICA_OK;
}

size_t mica_outputs_count(const mica_outputs *outputs)
{
    return outputs->count;
}

const char *mica_outputs_name(const mica_outputs *outputs, size_t i)
{
    return i < outputs->count ? outputs->list[i].name : NULL;
}

mica_tensor *mica_outputs_tensor(const mica_outputs *outputs, size_t i)
{
    return i < outputs->count ? outputs->list[i].tensor : NULL;
}

mica_tensor *mica_outputs_find(const mica_outputs *outputs, const char *name)
{
    for (size_t i = 0; i < outputs->count; i++)
        if (strcmp(outputs->list[i].name, name) == 0)
            return outputs->list[i].tensor;
    return NULL;
}
