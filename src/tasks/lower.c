/* SPDX-License-Identifier: MIT */
#include "tasks/lower.h"

#include <string.h>

#include "base/utf8.h"
#include "tokenizer/internal.h"

/* The size of the added token at the start of the text; 0 if there is none. */
static size_t added_token(const mica_tok_added *added, const char *text, size_t size)
{
    size_t longest = 0;

    if (!added->raw.first[(unsigned char)text[0]])
        return 0;
    for (size_t i = 0; i < added->count; i++) {
        const mica_tok_added_token *token = &added->tokens[i];

        if (!token->flags.normalized && token->size > longest && token->size <= size &&
            memcmp(token->content, text, token->size) == 0)
            longest = token->size;
    }
    return longest;
}

size_t mica_text_lower(const mica_tokenizer *tokenizer, const char *text, size_t size, char *out)
{
    const char *end = text + size;
    size_t used = 0;

    while (text < end) {
        uint32_t c = 0, lower[2];
        size_t token = added_token(&tokenizer->added, text, (size_t)(end - text));
        size_t length = token ? token : mica_tok_char(text, &c);

        if (!token && (mica_unicode_flags(&tokenizer->unicode, c) & MICA_CHAR_LOWER)) {
            size_t n = mica_unicode_to_lower(c, lower);
            for (size_t i = 0; i < n; i++)
                used += mica_utf8_encode(lower[i], out + used);
        } else {
            memcpy(out + used, text, length);
            used += length;
        }
        text += length;
    }
    return used;
}
