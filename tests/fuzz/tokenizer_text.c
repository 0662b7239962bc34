/* SPDX-License-Identifier: MIT
 *
 * Any text through a fixed tokenizer with added tokens of every kind: the first byte chooses the
 * options. Spans must lie inside the text, at characters' bounds.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "mica/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ADDED(id, content, single, left, right, normalized, special)                               \
    "{\"id\":" id ",\"content\":\"" content "\",\"single_word\":" single ",\"lstrip\":" left       \
    ",\"rstrip\":" right ",\"normalized\":" normalized ",\"special\":" special "}"

/* Long literals are laid out by hand. */
/* clang-format off */
static const char json[] =
    "{\"version\":\"1.0\",\"added_tokens\":["
    ADDED("1", "[CLS]", "false", "false", "false", "false", "true") ","
    ADDED("2", "[MASK]", "false", "true", "true", "false", "true") ","
    ADDED("9", "Ab", "true", "false", "false", "true", "false") ","
    ADDED("10", "  ", "false", "true", "true", "true", "false") ","
    ADDED("11", "\xC3\x89", "false", "false", "true", "true", "false") "],"
    "\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,"
    "\"handle_chinese_chars\":true,\"strip_accents\":null,\"lowercase\":true},"
    "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
    "\"post_processor\":{\"type\":\"TemplateProcessing\","
    "\"single\":[{\"SpecialToken\":{\"id\":\"[CLS]\",\"type_id\":0}},"
    "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],"
    "\"pair\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
    "{\"SpecialToken\":{\"id\":\"[CLS]\",\"type_id\":0}},"
    "{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}],"
    "\"special_tokens\":{\"[CLS]\":{\"id\":\"[CLS]\",\"ids\":[1],\"tokens\":[\"[CLS]\"]}}},"
    "\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true},"
    "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\","
    "\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":20,"
    "\"vocab\":{\"[UNK]\":0,\"[CLS]\":1,\"[MASK]\":2,\"a\":3,\"##a\":4,\"##b\":5,"
    "\"ab\":6,\"e\":7,\"\xE4\xB8\xAD\":8}}}";
/* clang-format on */

static void check(const mica_encoding *encoding, mica_text first, mica_text second)
{
    for (size_t i = 0; i < mica_encoding_count(encoding); i++) {
        mica_span span = mica_encoding_byte_spans(encoding)[i];
        mica_text text = mica_encoding_sequence_ids(encoding)[i] == 1 ? second : first;
        size_t length;

        if (!mica_encoding_token(encoding, i, &length))
            __builtin_trap();
        if (mica_encoding_special_mask(encoding)[i])
            continue;
        if (span.begin >= span.end || span.end > text.size)
            __builtin_trap();
        if ((text.data[span.begin] & 0xC0) == 0x80 ||
            (span.end < text.size && (text.data[span.end] & 0xC0) == 0x80))
            __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mica_tokenizer *tokenizer;
    static mica_encoding *encoding;
    mica_encode_options options;
    mica_text first, second;

    if (!tokenizer &&
        mica_tokenizer_parse(json, sizeof json - 1, NULL, 0, &tokenizer, NULL) != MICA_OK)
        __builtin_trap();
    if (size == 0)
        return 0;
    mica_encode_options_defaults(&options);
    options.split_special_tokens = data[0] & 1;
    options.max_length = data[0] & 2 ? 1 + (data[0] >> 4) : 0;
    options.truncate_left = (data[0] & 4) != 0;
    first = (mica_text){(const char *)data + 1, (size - 1) / 2};
    second = (mica_text){first.data + first.size, size - 1 - first.size};
    if (mica_tokenizer_encode(tokenizer, first, data[0] & 8 ? &second : NULL, &options, &encoding,
                              NULL) == MICA_OK)
        check(encoding, first, second);
    return 0;
}
