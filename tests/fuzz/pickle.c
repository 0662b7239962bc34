/* SPDX-License-Identifier: MIT
 *
 * Any bytes as the pickle of a checkpoint, with a storage of 256 bytes under every key. The first
 * byte says whether persistent ids are those of the legacy format.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "checkpoint/torch.h"

#define MOST_BYTES ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mica_status find_storage(void *user, mica_torch_storage *storage, mica_error *err)
{
    static unsigned char bytes[256];
    size_t element = storage->type ? storage->type->size : 1;
    if ((uint64_t)storage->root_count > sizeof bytes / element)
        return mica_fail(err, MICA_STATUS_FORMAT, "too large");
    storage->data = bytes + (size_t)storage->skip * element;
    return MICA_OK;
}

static void read_all(mica_weights *weights)
{
    for (size_t i = 0; i < weights->count; i++) {
        mica_tensor *tensor;
        if (weights->items[i].bytes > MOST_BYTES ||
            mica_weights_tensor(weights, &weights->items[i], &tensor, NULL))
            continue;
        mica_tensor_release(&tensor);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mica_weights weights = {.path = "x.bin", .data = data, .size = size};
    mica_pickle pickle = {.weights = &weights, .find = find_storage};
    mica_pickle_value *root;
    mica_error err = {0};
    if (size == 0)
        return 0;
    pickle.legacy = data[0] & 1;
    pickle.data = data + 1;
    pickle.size = size - 1;
    mica_status status = mica_pickle_run(&pickle, &root, &err);
    if (!status)
        status = mica_torch_collect(&pickle, root, &err);
    if (status != err.status || (status && !err.message[0]))
        abort();
    if (!status)
        read_all(&weights);
    mica_pickle_free(&pickle);
    mica_arena_free(&weights.arena);
    return 0;
}
