/* SPDX-License-Identifier: MIT
 *
 * BertPreTokenizer removes white space, then isolates punctuation. As both look at single
 * characters, one walk does it.
 */
#include "tokenizer/pretokenize.h"

/* Splits one piece into `out`. */
static bool split_piece(const mica_tok_split *split, const mica_unicode *unicode, const char *data,
                        size_t begin, size_t end, mica_tok_pieces *out)
{
    const uint16_t *ascii = unicode->flags + (size_t)unicode->block[0] * 256;
    unsigned edges = split->removed | split->isolated;
    size_t start = begin, i = begin;

    while (i < end) {
        uint32_t c = (unsigned char)data[i];
        size_t length = 1;
        unsigned flags;

        if (c < 128) {
            flags = ascii[c] & edges;
        } else {
            length = mica_tok_char(data + i, &c);
            flags = mica_unicode_flags(unicode, c) & edges;
        }
        if (flags) {
            if (i > start && !mica_tok_pieces_add(out, start, i))
                return false;
            if (!(flags & split->removed) && !mica_tok_pieces_add(out, i, i + length))
                return false;
            start = i + length;
        }
        i += length;
    }
    return end <= start || mica_tok_pieces_add(out, start, end);
}

mica_status mica_tok_pretokenize(const mica_tok_pretokenizer *pretokenizer,
                                 const mica_unicode *unicode, const char *data, size_t begin,
                                 size_t end, mica_tok_pieces pieces[2], mica_error *err)
{
    pieces[0].count = 0;
    if (begin == end)
        return MICA_OK;
    if (pretokenizer->count == 0) {
        if (!mica_tok_pieces_add(&pieces[0], begin, end))
            goto fail;
        return MICA_OK;
    }
    if (!split_piece(&pretokenizer->splits[0], unicode, data, begin, end, &pieces[0]))
        goto fail;
    for (size_t s = 1; s < pretokenizer->count; s++) {
        mica_tok_pieces swap = pieces[0];
        pieces[0] = pieces[1];
        pieces[1] = swap;
        pieces[0].count = 0;
        for (size_t i = 0; i < pieces[1].count; i++)
            if (!split_piece(&pretokenizer->splits[s], unicode, data, pieces[1].items[i].begin,
                             pieces[1].items[i].end, &pieces[0]))
                goto fail;
    }
    return MICA_OK;

fail:
    return mica_fail_memory(err, (end - begin) * sizeof(mica_tok_piece), "the pieces of a text");
}
