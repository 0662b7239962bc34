/* SPDX-License-Identifier: MIT
 *
 * Damaged vocab.txt, vocab.json with merges.txt, and SentencePiece models. The first byte says
 * which class they are for; what loads also encodes and decodes.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tokenizer/class.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const classes[] = {
    "BertTokenizer",  "MPNetTokenizer", "GPT2Tokenizer",       "Qwen2Tokenizer",
    "LlamaTokenizer", "GemmaTokenizer", "XLMRobertaTokenizer", "CamembertTokenizer",
    "T5Tokenizer",    "NllbTokenizer",  "M2M100Tokenizer",     "TokenizersBackend"};
#define CLASSES (sizeof classes / sizeof *classes)

static const char vocabulary[] = "{\"<unk>\":0,\"a\":1,\"b\":2,\"c\":3,\"ab\":4,\"abc\":5,"
                                 "\"\\u2581\":6,\"</s>\":7,\"\\u0120a\":8}";
static const char text[] = "abc a b <unk> \xe4\xb8\xad\xe6\x96\x87 e\xcc\x81  \xef\xac\x81 <s>c";

static void use(const mica_tokenizer *tokenizer)
{
    const mica_text first = {text, sizeof text - 1}, second = {"ab c", 4};
    mica_encoding *encoding = NULL;
    mica_error err = {0};

    if (mica_tokenizer_encode(tokenizer, first, &second, NULL, &encoding, &err) == MICA_OK) {
        size_t count = mica_encoding_count(encoding), length;
        int64_t ids[64];
        char *out;

        count = count < 64 ? count : 64;
        for (size_t i = 0; i < count; i++)
            ids[i] = mica_encoding_ids(encoding)[i];
        mica_tokenizer_decode(tokenizer, ids, count, NULL, &out, &length, &err);
        mica_text_free(&out);
    }
    mica_encoding_destroy(&encoding);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *rest = (const char *)data + 1;
    mica_tok_files files = {.spm_name = "a model"};
    mica_json *config = NULL, *json = NULL;
    mica_tokenizer *tokenizer = NULL;
    mica_error err = {0};
    char text_of_config[64] = "{\"tokenizer_class\":\"";

    if (size == 0)
        return 0;
    strcat(text_of_config, classes[data[0] % CLASSES]);
    strcat(text_of_config, "\"}");
    size--;
    if (mica_json_parse(text_of_config, strlen(text_of_config), "config", &config, &err) ==
            MICA_OK &&
        mica_json_parse(vocabulary, sizeof vocabulary - 1, "vocab.json", &json, &err) == MICA_OK) {
        files.config = mica_json_root(config);
        files.vocab_json = mica_json_root(json);
        if (data[0] % CLASSES < 2) {
            files.vocab = rest;
            files.vocab_size = size;
        } else if (data[0] % CLASSES < 4) {
            files.merges = rest;
            files.merges_size = size;
        } else {
            files.spm = rest;
            files.spm_size = size;
        }
        if (mica_tok_create(&files, &tokenizer, &err) == MICA_OK)
            use(tokenizer);
    }
    mica_tokenizer_destroy(&tokenizer);
    mica_json_destroy(&config);
    mica_json_destroy(&json);
    return 0;
}
