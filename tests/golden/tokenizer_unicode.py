# SPDX-License-Identifier: MIT
"""Writes src/tokenizer/unicode_tables.c: which characters Hugging Face `tokenizers` treats how.

Nothing here comes from a copy of the Unicode database: every code point is given to the library itself
(its parts follow Unicode versions from 9 to 17), and what it does is written down as ranges.

    python3 tests/golden/tokenizer_unicode.py > src/tokenizer/unicode_tables.c
"""
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordPiece

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def through(normalizer):
    """What a normalizer makes of each code point (between two letters)."""
    return {c: normalizer.normalize_str("q" + chr(c) + "q")[1:-1] for c in CODE_POINTS}


def bert(**flags):
    settings = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    settings.update(flags)
    return normalizers.BertNormalizer(**settings)


def split_by(pre_tokenizer):
    """Code points that vanish between two letters, and those that stand alone."""
    removed, isolated = set(), set()
    for c in CODE_POINTS:
        pieces = len(pre_tokenizer.pre_tokenize_str("q" + chr(c) + "q"))
        if pieces == 2:
            removed.add(c)
        elif pieces == 3:
            isolated.add(c)
    return removed, isolated


def matched_by(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    return {c for c in CODE_POINTS if not split.pre_tokenize_str(chr(c))}


def added_token(**flags):
    t = Tokenizer(WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    t.add_tokens([AddedToken("qq", normalized=False, **flags)])
    return t


def ranges(members):
    out = []
    for c in sorted(members):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def emit_ranges(name, comment, members):
    rows = ranges(members)
    print(f"\n/* {comment} */\nconst mica_unicode_range mica_unicode_{name}[] = {{")
    line = "   "
    for first, last in rows:
        item = f" {{0x{first:X}, 0x{last:X}}},"
        if len(line) + len(item) > 99:
            print(line)
            line = "   "
        line += item
    print(line)
    print(f"}};\nconst size_t mica_unicode_{name}_count = {len(rows)};")


def emit_lower(lower):
    singles = {c: ord(s) for c, s in lower.items() if len(s) == 1}
    assert {c: s for c, s in lower.items() if len(s) > 1} == {0x130: "i\u0307"}
    rows = []  # first, last, step, difference
    for c in sorted(singles):
        d = singles[c] - c
        if rows and rows[-1][3] == d:
            step = c - rows[-1][1]
            if step in (1, 2) and rows[-1][2] in (0, step):
                rows[-1][1], rows[-1][2] = c, step
                continue
        rows.append([c, c, 0, d])
    print("\n/* Lower case, one character to one; U+0130 alone gives two (i, U+0307). */")
    print("const mica_unicode_lower_range mica_unicode_lower[] = {")
    line = "   "
    for first, last, step, d in rows:
        item = f" {{0x{first:X}, 0x{last:X}, {max(step, 1)}, {d}}},"
        if len(line) + len(item) > 99:
            print(line)
            line = "   "
        line += item
    print(line)
    print(f"}};\nconst size_t mica_unicode_lower_count = {len(rows)};")


def emit_scripts():
    """Ranges of one script each, numbered as they come; UnicodeScripts alone says which are the same."""
    pieces = pre_tokenizers.UnicodeScripts().pre_tokenize_str
    rows, examples = [], []
    for c in CODE_POINTS:
        if not pieces(chr(c)):  # any script
            continue
        if rows and rows[-1][1] == c - 1 and len(pieces(chr(c - 1) + chr(c))) == 1:
            rows[-1][1] = c
            continue
        script = next((i for i, e in enumerate(examples) if len(pieces(e + chr(c))) == 1), len(examples))
        if script == len(examples):
            examples.append(chr(c))
        rows.append([c, c, script + 2])
    print("\n/* Scripts as UnicodeScripts has them, each with a number; other characters are of any script. */")
    print("const mica_unicode_script_range mica_unicode_scripts[] = {")
    line = "   "
    for row in rows:
        item = f" {{0x{row[0]:X}, 0x{row[1]:X}, {row[2]}}},"
        if len(line) + len(item) > 99:
            print(line)
            line = "   "
        line += item
    print(line)
    print(f"}};\nconst size_t mica_unicode_scripts_count = {len(rows)};")


def main():
    clean = through(bert(clean_text=True))
    nfd = through(normalizers.NFD())
    strip = through(bert(strip_accents=True))
    lower = {c: s for c, s in through(normalizers.Lowercase()).items() if s != chr(c)}
    spaces, punctuation = split_by(pre_tokenizers.BertPreTokenizer())
    assert split_by(pre_tokenizers.WhitespaceSplit())[0] == spaces

    dropped = {c for c in CODE_POINTS if clean[c] == ""}
    assert all(clean[c] == (" " if c in spaces else chr(c)) for c in CODE_POINTS if c not in dropped)
    marks = {c for c in CODE_POINTS if nfd[c] == chr(c) and strip[c] == ""}
    for c in CODE_POINTS:  # stripping is: decompose, then drop the marks
        assert strip[c] == "".join(d for d in nfd[c] if ord(d) not in marks)
    chinese = through(bert(handle_chinese_chars=True))
    assert through(bert(lowercase=True)) == {c: lower.get(c, chr(c)) for c in CODE_POINTS}

    word = added_token(single_word=True)
    words = {c for c in CODE_POINTS if word.encode("qq" + chr(c)).ids[0] != 1}
    rstrip = added_token(rstrip=True)
    assert {c for c in CODE_POINTS if rstrip.encode("qq" + chr(c)).offsets[0][1] == 3} == spaces

    whitespace = pre_tokenizers.Whitespace()
    assert {c for c in CODE_POINTS if len(whitespace.pre_tokenize_str("a" + chr(c) + "a")) == 1} == words
    assert split_by(pre_tokenizers.Punctuation())[1] == punctuation
    assert matched_by(r"\s") == spaces

    order = normalizers.NFD().normalize_str
    # A class below 240 moves a mark in front of U+0345, which alone has class 240.
    combining = {c for c in CODE_POINTS if order("q\u0345" + chr(c)) == "q" + chr(c) + "\u0345"}

    print(f"""/* SPDX-License-Identifier: MIT
 *
 * Generated by tests/golden/tokenizer_unicode.py from `tokenizers` {tokenizers.__version__}: do not edit.
 */
#include "tokenizer/unicode.h"

/* clang-format off */""")
    emit_ranges("dropped", "Removed by BertNormalizer's clean_text", dropped)
    emit_ranges("space", "White space", spaces)
    emit_ranges("punctuation", "Isolated by BertPreTokenizer", punctuation)
    emit_ranges("chinese", "Set apart by BertNormalizer's handle_chinese_chars",
                {c for c in CODE_POINTS if chinese[c] != chr(c)})
    emit_ranges("mark", "Removed by strip_accents after decomposition", marks)
    emit_ranges("word", "\\w where an added token must be a single word", words)
    emit_ranges("decomposed", "Have a canonical decomposition in NFD",
                {c for c in CODE_POINTS if nfd[c] != chr(c)})
    emit_ranges("combining", "Have a canonical combining class other than 0 in NFD", combining)
    emit_ranges("letter", "\\p{L} in a pattern", matched_by(r"\p{L}"))
    emit_ranges("number", "\\p{N} in a pattern", matched_by(r"\p{N}"))
    emit_ranges("numeric", "Digits", split_by(pre_tokenizers.Digits(False))[1])
    emit_lower(lower)
    emit_scripts()


main()
