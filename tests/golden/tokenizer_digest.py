# SPDX-License-Identifier: MIT
"""The CRC-32 of what an encoding holds, as test_digest of tests/tokenizers/digest.c has it."""
import struct
import zlib


def digest(encoding, crc=0):
    """CRC-32 of: count; then for each token id, type, special, text (0 1, 2 = none), span in characters,
    all as 32-bit little endian; then the tokens' UTF-8, each with a closing NUL."""
    rows = [len(encoding.ids)]
    for i, t, m, s, (b, e) in zip(encoding.ids, encoding.type_ids, encoding.special_tokens_mask,
                                  encoding.sequence_ids, encoding.offsets):
        rows += (i, t, m, 2 if s is None else s, b, e)
    crc = zlib.crc32(struct.pack(f"<{len(rows)}I", *rows), crc)
    return zlib.crc32("".join(t + "\0" for t in encoding.tokens).encode(), crc)
