/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a PyTorch file (zip, legacy): opened or refused, and every tensor of it read.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "checkpoint/weights.h"

#define MOST_BYTES ((size_t)1 << 20) /* expanded tensors: large ones only cost time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mica_weights *weights;
    mica_error err = {0};
    if (mica_weights_open_memory(data, size, "x.bin", &weights, &err)) {
        if (err.status == MICA_OK || !err.message[0] || weights)
            abort();
        return 0;
    }
    for (size_t i = 0; i < weights->count; i++) {
        mica_tensor *tensor;
        uint64_t sum = 0;
        if (weights->items[i].bytes > MOST_BYTES ||
            mica_weights_tensor(weights, &weights->items[i], &tensor, &err))
            continue;
        const unsigned char *bytes = mica_tensor_data(tensor);
        for (size_t k = 0; k < mica_tensor_bytes(tensor); k++)
            sum += bytes[k];
        if (sum > UINT64_MAX / 2)
            abort();
        mica_tensor_release(&tensor);
    }
    mica_weights_close(&weights);
    return 0;
}
