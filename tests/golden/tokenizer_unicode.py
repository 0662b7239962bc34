# SPDX-License-Identifier: MIT
"""Writes src/tokenizer/unicode_tables.c: which characters Hugging Face `tokenizers` treats how.

Nothing here comes from a copy of the Unicode database: every code point is given to the library itself
(its parts follow Unicode versions from 9 to 17), and what it does is written down as ranges.

    python3 tests/golden/tokenizer_unicode.py > src/tokenizer/unicode_tables.c
"""
import base64
import json

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordPiece

import charsmap

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


def precompiled(mapping):
    """A Precompiled normalizer of a map; its class takes none, so it comes out of a tokenizer.json."""
    return Tokenizer.from_str(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "pre_tokenizer": None,
        "post_processor": None, "decoder": None,
        "normalizer": {"type": "Precompiled",
                       "precompiled_charsmap": base64.b64encode(charsmap.build(mapping)).decode()},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0}}})).normalizer


def grapheme_classes():
    """Classes of grapheme clusters (UAX #29), as Precompiled shows them: it looks a cluster up as a whole only if
    that is shorter than 6 bytes. Every character other than ASCII is mapped to "!" by its first byte, so that such
    a cluster is one "!", and a longer one a "!" for each character. U+0301 has 2 bytes and belongs to what is
    before it: it makes a cluster of most that would show nothing alone. Pairs of regional indicators cannot be seen:
    each has 4 bytes."""
    mapped = precompiled({bytes([lead]): "!" for lead in range(0xC2, 0xF5)}).normalize_str
    after_q = precompiled({b"q": "!"}).normalize_str
    classes, conjunct = {}, {}
    acute, zwj, heart, face, prepend, jamos = "\u0301", "\u200D", "\u2764", "\U0001F600", "\u0600", "\u1100\u1161\u11A8"
    ka, virama, ssa = "\u0915", "\u094D", "\u0937"

    def joined(text):
        return mapped(text) == "!" * len(text)

    assert mapped(prepend + "a") == "!"
    for c in CODE_POINTS[128:]:
        s = chr(c)
        if after_q("q" + s) == "!":
            classes[c] = "EXTEND" if joined(face + s + zwj + heart + acute) else "SPACING"
            if joined(ka + s + ssa + acute):
                conjunct[c] = "LINKER"
            elif joined(ka + virama + s + ssa + acute):
                conjunct[c] = "EXTEND"
        elif mapped(s + "a") == "!":
            classes[c] = "PREPEND"
        elif mapped(s + acute + acute) == "!!":
            classes[c] = "CONTROL"
        elif joined("\u00A9" + zwj + s):
            classes[c] = "PICTURE"
            assert joined(s + zwj + heart + acute)
        elif joined(s + virama + ssa + acute):
            conjunct[c] = "CONSONANT"
            assert c >= 0x10000 or joined(ka + virama + s + acute)
        else:
            after = tuple(joined(prepend + jamo + s) for jamo in jamos)
            before = tuple(joined(s + jamo + acute) for jamo in jamos)
            if any(after) or any(before):
                syllable = 0xAC00 <= c <= 0xD7A3
                classes[c] = {((True, False, False), (True, True, False)): "L",
                              ((True, True, False), (False, True, True)): "V",
                              ((False, True, True), (False, False, True)): "T",
                              ((True, False, False), (False, True, True)): "LV",
                              ((True, False, False), (False, False, True)): "LVT"}[after, before]
                assert (classes[c] in ("LV", "LVT")) == syllable
                assert not syllable or (classes[c] == "LV") == ((c - 0xAC00) % 28 == 0)
            else:
                assert not joined(s + zwj + heart + acute)
    assert classes.pop(0x200D) == "SPACING" and conjunct.pop(0x200D) == "EXTEND"  # ZWJ, a class of its own
    assert all(classes[c] == "EXTEND" for c, kind in conjunct.items() if kind != "CONSONANT")
    # ASCII: control characters stand alone, except CR LF.
    for c in range(128):
        assert mapped(prepend + chr(c)) == ("!" + chr(c) if c < 32 or c == 127 else "!")
    assert precompiled({b"\r": "!"}).normalize_str("\r\n\n\r\r\n") == "!\n!!"
    return classes, conjunct


def compositions(nfd):
    """(first, second, both in one), as NFC puts them together; Hangul is left out."""
    nfc = normalizers.NFC().normalize_str
    rows = []
    for c, parts in nfd.items():
        if parts == chr(c) or 0xAC00 <= c <= 0xD7A3 or nfc(parts) != chr(c):
            continue
        first = nfc(parts[:-1])
        assert len(first) == 1 and nfc(first + parts[-1]) == chr(c)
        rows.append((ord(first), ord(parts[-1]), c))
    rows.sort()
    return rows


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


def emit_rows(comment, kind, name, rows):
    """A table of rows of numbers or names."""
    print(f"\n/* {comment} */\nconst {kind} {name}[] = {{")
    line = "   "
    for row in rows:
        item = " {" + ", ".join(f"0x{x:X}" if isinstance(x, int) else x for x in row) + "},"
        if len(line) + len(item) > 99:
            print(line)
            line = "   "
        line += item
    print(line)
    print(f"}};\nconst size_t {name}_count = {len(rows)};")


def emit_graphemes():
    classes, conjunct = grapheme_classes()
    comments = {"EXTEND": "belong to what is before them", "SPACING": "do so too, but not between pictures",
                "CONTROL": "stand alone", "PREPEND": "belong to what follows", "PICTURE": "are joined by ZWJ",
                "L": "Hangul jamo, leading", "V": "Hangul jamo, vowels", "T": "Hangul jamo, trailing"}
    assert set(classes.values()) == {"LV", "LVT", *comments}
    for kind, comment in comments.items():
        emit_ranges("grapheme_" + kind.lower(), "Grapheme clusters, ASCII and ZWJ left out: " + comment,
                    {c for c, k in classes.items() if k == kind})
    for kind in ("CONSONANT", "LINKER"):
        emit_ranges("conjunct_" + kind.lower(), f"Conjuncts: InCB={kind.title()}",
                    {c for c, k in conjunct.items() if k == kind})
    emit_ranges("conjunct_none", "Extend a cluster, but end a conjunct",
                {c for c, k in classes.items() if k == "EXTEND" and c not in conjunct})


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

    forms = {name: through(getattr(normalizers, name)()) for name in ("NFC", "NFKC", "NFKD")}
    decomposed = {c for c in CODE_POINTS if nfd[c] != chr(c)}
    no_nfc, no_nfkc = ({c for c in CODE_POINTS if forms[name][c] != chr(c)} for name in ("NFC", "NFKC"))
    assert {c for c in CODE_POINTS if forms["NFKD"][c] != chr(c)} == decomposed | no_nfkc
    assert no_nfc <= no_nfkc
    pairs = compositions(nfd)
    accents = through(normalizers.StripAccents())
    assert set(accents.values()) <= {"", *map(chr, CODE_POINTS)}

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
    emit_ranges("accent", "Removed by StripAccents", {c for c in CODE_POINTS if accents[c] == ""})
    emit_ranges("decomposed", "Have a canonical decomposition in NFD", decomposed)
    emit_ranges("no_nfc", "Are something else in NFC", no_nfc)
    emit_ranges("no_nfkc", "Are something else in NFKC", no_nfkc)
    emit_ranges("second", "Can be put together with a character before them",
                {second for _, second, _ in pairs} | {*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)})
    emit_ranges("combining", "Have a canonical combining class other than 0 in NFD", combining)
    emit_ranges("letter", "\\p{L} in a pattern", matched_by(r"\p{L}"))
    emit_ranges("number", "\\p{N} in a pattern", matched_by(r"\p{N}"))
    emit_ranges("numeric", "Digits", split_by(pre_tokenizers.Digits(False))[1])
    emit_lower(lower)
    emit_rows("What NFC puts together: first, second, both in one; sorted. Hangul is arithmetic.",
              "mica_unicode_composition", "mica_unicode_compositions", pairs)
    emit_graphemes()
    emit_scripts()


main()
