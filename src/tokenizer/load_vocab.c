/* SPDX-License-Identifier: MIT
 *
 * Vocabularies in files of their own.
 *
 * vocab.txt: a token a line, its id the number of the line from 0. As Hugging Face reads it: lines
 * end with "\n" or "\r\n", white space at their end does not count, an empty line is the empty
 * token, and of equal lines the last one gives the id.
 *
 * merges.txt: a merge a line, the two tokens with one space between them; lines that begin with
 * "#version" do not count.
 */
#include <string.h>

#include "base/utf8.h"
#include "tokenizer/internal.h"
#include "tokenizer/load.h"

static size_t trim_end(const mica_unicode *unicode, const char *line, size_t size)
{
    while (size > 0) {
        size_t at = size - 1;
        uint32_t c;

        while (((unsigned char)line[at] & 0xC0) == 0x80)
            at--;
        mica_tok_char(line + at, &c);
        if (!(mica_unicode_flags(unicode, c) & MICA_CHAR_SPACE))
            break;
        size = at;
    }
    return size;
}

mica_status mica_tok_load_vocab(mica_tokenizer *tokenizer, const char *text, size_t size,
                                mica_error *err)
{
    size_t valid = size ? mica_utf8_valid_prefix(text, size) : 0;
    int64_t id = 0;

    if (valid < size)
        return mica_fail(err, MICA_STATUS_FORMAT, "vocab.txt is not valid UTF-8 at byte %zu",
                         valid);
    for (size_t begin = 0; begin < size; id++) {
        const char *line = text + begin, *newline = memchr(line, '\n', size - begin);
        size_t length = newline ? (size_t)(newline - line) : size - begin;
        mica_status status = mica_tok_vocab_put(
            &tokenizer->vocab, line, trim_end(&tokenizer->unicode, line, length), id, err);
        if (status != MICA_OK) {
            mica_error_prefix(err, "vocab.txt: ");
            return status;
        }
        begin += length + (newline != NULL);
    }
    return mica_tok_vocab_finish(&tokenizer->vocab, err);
}

static mica_status load_merge(mica_tok_bpe *bpe, const char *line, size_t size, size_t number,
                              uint32_t rank, mica_error *err)
{
    const char *space = size ? memchr(line, ' ', size) : NULL;
    size_t left = space ? (size_t)(space - line) : 0, right = size - left - 1;

    if (!space || memchr(space + 1, ' ', right))
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "line %zu ('%.*s') is not two tokens with a space between them", number,
                         (int)(size < 100 ? size : 100), line);
    return mica_tok_bpe_add_merge_text(bpe, line, left, space + 1, right, rank, err);
}

mica_status mica_tok_load_merges(mica_tok_bpe *bpe, const char *text, size_t size, mica_error *err)
{
    static const char version[] = "#version";
    size_t valid = size ? mica_utf8_valid_prefix(text, size) : 0, lines = 0, number = 1;
    uint32_t rank = 0;
    mica_status status;

    if (valid < size)
        return mica_fail(err, MICA_STATUS_FORMAT, "merges.txt is not valid UTF-8 at byte %zu",
                         valid);
    for (const char *at = text; (at = memchr(at, '\n', size - (size_t)(at - text))); at++)
        lines++;
    status = mica_tok_bpe_reserve(bpe, lines + 1, err);
    for (size_t begin = 0; begin < size && status == MICA_OK; number++) {
        const char *line = text + begin, *newline = memchr(line, '\n', size - begin);
        size_t length = newline ? (size_t)(newline - line) : size - begin;

        begin += length + (newline != NULL);
        if (newline && length > 0 && line[length - 1] == '\r')
            length--;
        if (length >= sizeof version - 1 && memcmp(line, version, sizeof version - 1) == 0)
            continue;
        status = load_merge(bpe, line, length, number, rank++, err);
    }
    if (status != MICA_OK)
        mica_error_prefix(err, "merges.txt: ");
    return status;
}
