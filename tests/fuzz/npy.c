/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a .npy file: refused with a text, or an array of which every byte can be read.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "checkpoint/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mica_tensor *tensor;
    mica_error err = {0};
    uint64_t sum = 0;
    if (mica_npy_parse(data, size, "x.npy", &tensor, &err)) {
        if (err.status == MICA_OK || !err.message[0] || tensor)
            abort();
        return 0;
    }
    const unsigned char *bytes = mica_tensor_data(tensor);
    for (size_t i = 0; i < mica_tensor_bytes(tensor); i++)
        sum += bytes[i];
    if (sum > UINT64_MAX / 2)
        abort();
    mica_tensor_release(&tensor);
    return 0;
}
