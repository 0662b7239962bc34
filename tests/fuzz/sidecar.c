/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a sidecar, as they are and with a size and a sum of the header that fit: refused
 * with a text, or blocks of which every byte can be read.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/sidecar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 64, FILE_SIZE = 16, TABLE_SIZE = 24, SUM = 56 };

static void parse(const unsigned char *data, size_t size)
{
    mica_sidecar *sidecar = NULL;
    mica_error err = {0};
    if (mica_sidecar_parse(data, size, "key", &sidecar, &err)) {
        if (err.status == MICA_OK || !err.message[0] || sidecar)
            abort();
        return;
    }
    for (size_t n = 0; n <= size; n++) {
        const unsigned char *block = mica_sidecar_find(sidecar, "a", n);
        if (block && (block < data || n > size || (size_t)(block - data) > size - n ||
                      (size_t)(block - data) % 64 != 0))
            abort();
    }
    mica_sidecar_release(&sidecar);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *copy = NULL;
    if (posix_memalign((void **)&copy, 64, size + 1) != 0)
        return 0;
    memcpy(copy, data, size);
    parse(copy, size);
    uint64_t file_size = size, table_size, sum;
    if (size >= HEADER) {
        memcpy(copy + FILE_SIZE, &file_size, sizeof file_size);
        memcpy(&table_size, copy + TABLE_SIZE, sizeof table_size);
        if (table_size > size - HEADER)
            table_size = size - HEADER;
        memcpy(copy + TABLE_SIZE, &table_size, sizeof table_size);
        sum = mica_hash(copy, SUM, mica_hash(copy + HEADER, (size_t)table_size, 0));
        memcpy(copy + SUM, &sum, sizeof sum);
        parse(copy, size);
    }
    free(copy);
    return 0;
}
