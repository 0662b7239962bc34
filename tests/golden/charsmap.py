# SPDX-License-Identifier: MIT
"""Makes precompiled character maps as SentencePiece writes them: a double array (Darts-clone's units) and a
pool of replacements. src/tokenizer/charsmap.h has the layout."""
import struct


def build(mapping):
    """`mapping`: {key as bytes without NUL: replacement as str}."""
    pool, places = b"", {}
    for text in mapping.values():
        if text not in places:
            places[text] = len(pool)
            pool += text.encode() + b"\0"
    root = {}
    for key, text in mapping.items():
        node = root
        for byte in key:
            node = node.setdefault(byte, {})
        node[0] = places[text]  # no key has a NUL: the value stands where its unit would
    units, used, bases = {0: 0}, {0}, set()
    low = 1

    def place(node, at):
        nonlocal low
        base = low
        # Far bases are multiples of 256.
        while base in bases or any(base ^ c in used for c in node) or ((at ^ base) >= 1 << 21):
            base += 1
        while low in used:
            low += 1
        bases.add(base)
        used.update(base ^ c for c in node)
        units[at] |= (at ^ base) << 10
        for c, child in node.items():
            if c == 0:
                units[base] = child | 1 << 31
                units[at] |= 1 << 8
            else:
                units[base ^ c] = c
        for c, child in node.items():
            if c != 0:
                place(child, base ^ c)

    place(root, 0)
    count = (max(units) // 256 + 2) * 256  # every look-up stays inside
    trie = b"".join(struct.pack("<I", units.get(i, 0)) for i in range(count))
    return struct.pack("<I", len(trie)) + trie + pool
