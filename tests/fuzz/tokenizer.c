/* SPDX-License-Identifier: MIT
 *
 * Damaged tokenizer.json: the input up to a line "----" is tokenizer.json, then
 * tokenizer_config.json up to another, then a text; what loads also encodes and decodes.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "mica/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cuts the part before the next "\n----\n" off. */
static mica_text part(const char **data, size_t *size)
{
    mica_text out = {*data, *size};

    for (size_t i = 0; i + 6 <= *size; i++)
        if (memcmp(*data + i, "\n----\n", 6) == 0) {
            out.size = i;
            *data += i + 6;
            *size -= i + 6;
            return out;
        }
    *data += *size;
    *size = 0;
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *rest = (const char *)data;
    mica_text json = part(&rest, &size), config = part(&rest, &size), text = part(&rest, &size);
    mica_tokenizer *tokenizer;
    mica_encoding *encoding = NULL;
    mica_error err = {0};

    if (mica_tokenizer_parse(json.data, json.size, config.size ? config.data : NULL, config.size,
                             &tokenizer, &err) != MICA_OK)
        return 0;
    if (mica_tokenizer_encode(tokenizer, text, &config, NULL, &encoding, &err) == MICA_OK) {
        int64_t ids[256];
        size_t count = mica_encoding_count(encoding), length;
        char *out;

        count = count < 256 ? count : 256;
        for (size_t i = 0; i < count; i++)
            ids[i] = mica_encoding_ids(encoding)[i];
        mica_tokenizer_decode(tokenizer, ids, count, NULL, &out, &length, &err);
        mica_text_free(&out);
    }
    mica_encoding_destroy(&encoding);
    mica_tokenizer_destroy(&tokenizer);
    return 0;
}
