# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/tokenizers/normalizers.jsonl: every normalizer and random sequences of them, as Hugging
Face's tokenizers runs them. Most texts are cut into single characters, each of which is one unknown token with
its text and its offsets.

    python3 tests/golden/tokenizer_normalizers.py [COUNT [SEED [FILE]]]

The format is that of tokenizer_models.py. The first lines are each normalizer alone.
"""
import base64
import json
import os
import random
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer

import charsmap
from tokenizer_models import digest

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 150
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[3] if len(sys.argv) > 3 else os.path.join(HERE, "..", "fixtures", "tokenizers", "normalizers.jsonl")

r = random.Random(SEED)
RANGES = [(0x20, 0x7E), (0x20, 0x7E), (0, 0x20), (0x7F, 0xBF), (0xC0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF),
          (0x591, 0x5C7), (0x600, 0x670), (0x900, 0x97F), (0x980, 0xDFF), (0xF40, 0xFBF), (0x1100, 0x11FF),
          (0x1D00, 0x1FFF), (0x2000, 0x206F), (0x20D0, 0x218F), (0x2460, 0x24FF), (0x2E80, 0x30FF), (0x3200, 0x33FF),
          (0x4E00, 0x4E80), (0xAC00, 0xD7A3), (0xF900, 0xFB4F), (0xFB50, 0xFDFF), (0xFE00, 0xFEFF), (0xFF00, 0xFFEF),
          (0x11080, 0x110C2), (0x16D60, 0x16D6F), (0x1D15E, 0x1D1AD), (0x1D400, 0x1D7FF), (0x1F1E6, 0x1F1FF),
          (0x1F300, 0x1F64F), (0x2F800, 0x2FA1F), (0xE0001, 0xE007F), (0, 0x10FFFF)]
PARTS = [
    "e\u0301", "\u00e9", "a\u0300\u0301", "a\u0323\u0302", "\u1ead", "q\u0307\u0323", "\u01d5", "\u0344", "\u0f73\u0f71", "\u0f71\u0f72\u0f74",
    "\u212b", "\u2126", "\ufb01", "\u00bd", "\u2075", "\u33a5", "\ufdfa", "\uff76\uff9e", "\uff8a\uff9f", "\u30ab\u3099", "\u304b\u309a", "\uff9e",
    "\u1100\u1161\u11a8", "\uac00\u11a8", "\ud55c\uae00", "\u1100\uac00", "\uffa1\uffc2", "\u3131", "\u0915\u094d\u0937", "\u0915\u093c", "\u0958\u0301", "\u0958",
    "\u0915\u094d\u0958\u0301", "\u09c7\u09be", "\u0dd9\u0dcf\u0dca", "\u0b47\u0b57", "\u0e33", "\u0bca", "\u1b06\u1b35", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "\u00a9\u200d\u2764", "\u00a9\u200d", "\U0001f1e9\U0001f1ea\U0001f1eb", "#\ufe0f\u20e3", "\u03a3", "\u03c2", "\u0130", "i\u0307",
    "\u00df", "\u1e9e", "\r\n", "\n", "\r", "\t", " ", "  ", "   ", "\u00a0", "\u3000", "\u2009", "\u200b", "\ufeff", "\ufffd", "\u2581", "\0", "\x01", "\x7f", "\x8f", "\u00ad",
    "\u0600a", "\u0600\u00e9", "\u06dd\u0661", "\u0600\u1100\u1161", "\u0600\uac00\u11a8", "\u0378", "\U000e0100", "\U0001d15e", "\U00011099\U000110ba", "\U0002f800", "\ufa10",
    "\u4e2d\u6587", "hello", "World", "a b", "ab", "aa", "aaa", ".", "``", "''", "don't", "x_y", "<m>", "X_Y"]


def char():
    low, high = r.choice(RANGES)
    c = r.randint(low, high)
    return chr(c) if not 0xD800 <= c < 0xE000 else " "


def text():
    kind = r.random()
    if kind < 0.03:
        return ""
    if kind < 0.35:
        return "".join(char() for _ in range(r.randint(1, 30)))
    if kind < 0.45:  # marks on marks
        marks = [chr(c) for low, high in ((0x300, 0x362), (0x591, 0x5BD), (0x3099, 0x309A), (0x0F71, 0x0F74)) for c in range(low, high + 1)]
        return "".join(r.choice(["a", "\u1e69", "\u30cf", ""]) + "".join(r.choice(marks) for _ in range(r.randint(0, 12))) for _ in range(3))
    return "".join(r.choice(PARTS) if r.random() < 0.8 else char() for _ in range(r.randint(1, 14)))


def nfkc_map():
    """Part of what NFKC does, for a map of moderate size, and what SentencePiece's own maps do to controls."""
    import unicodedata
    mapping = {}
    for part in PARTS + [chr(c) for low, high in RANGES[:-1] for c in range(low, min(high, low + 8) + 1) if not 0xD800 <= c < 0xE000]:
        for key in {part, *part}:
            other = unicodedata.normalize("NFKC", key)
            if other != key and "\0" not in key:
                mapping[key.encode()] = other
    for c in [*range(1, 9), 0xB, *range(0xE, 0x20), 0x7F, 0x8F]:
        mapping[chr(c).encode()] = ""
    for c in ["\t", "\n", "\r", "\u200b", "\u200d", "\u2581", "\ufeff"]:
        mapping[c.encode()] = " "
    return mapping


def random_map():
    mapping = {}
    for _ in range(r.randint(1, 80)):
        key = r.choice([char(), r.choice(PARTS), char() + char(), r.choice(["e", "a", " ", "\r", "\u00a9", "\u0600", "\u0915"])])
        key = key.replace("\0", "")
        if r.random() < 0.1:
            key = key[:1]
        if key:
            mapping[key.encode()] = r.choice(["", "", "x", "xy", "\u00e9", "\u4e2d\u6587!", char(), char() + char() + char()]).replace("\0", "")
    return mapping or {b"a": "b"}


NFKC_MAP = nfkc_map()


def precompiled():
    if r.random() < 0.4:
        mapping = NFKC_MAP
    else:
        mapping = random_map()
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap.build(mapping)).decode()}


def bert():
    return {"type": "BertNormalizer", "clean_text": r.random() < 0.5, "handle_chinese_chars": r.random() < 0.5,
            "strip_accents": r.choice([None, True, False]), "lowercase": r.random() < 0.5}


def replace():
    patterns = [{"String": s} for s in (" ", "``", "a", "aa", "\u2581", "\u0301", "\r\n", "x_y", "\u00e9")]
    patterns += [{"Regex": s} for s in (" {2,}", r"\s+", r"[aeiou]", "[\u0300-\u036f]", r"a|ab", r".\u0301", r"(?<=a)b", r"^.", r".$",
                                        "[A-Z\u00c0-\u00de]", "[^\x20-\x7e]+", r"(?=b)b|\n")]
    return {"type": "Replace", "pattern": r.choice(patterns),
            "content": r.choice(["", "", "\u2581", " ", "x", "xy", "\u00e9\u0301", "A", "\u4e2d", "\u0301"])}


MAKERS = {"BertNormalizer": bert, "Replace": replace, "Precompiled": precompiled,
          "Strip": lambda: {"type": "Strip", "strip_left": r.random() < 0.6, "strip_right": r.random() < 0.6},
          "Prepend": lambda: {"type": "Prepend", "prepend": r.choice(["\u2581", "x", " ", "ab", "\u0301", "\u00e9\u4e2d"])}}
for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel"):
    MAKERS[name] = lambda name=name: {"type": name}
ALONE = sorted(MAKERS)
# What inserts at the start of a text comes last: in the reference nothing that maps characters may follow.
LAST = [{"type": "Replace", "pattern": {"Regex": s}, "content": "\u2581"} for s in ("^", "", r"a*", r"(?<![a-z])(?=[a-z])", "$", r"(?=a)")]
LAST += [{"type": "Replace", "pattern": {"String": ""}, "content": "-"}, {"type": "Prepend", "prepend": ""}]


def normalizer():
    steps = [MAKERS[r.choice(ALONE)]() for _ in range(r.randint(0, 4))]
    if r.random() < 0.15:
        steps.append(r.choice(LAST))
    if len(steps) > 2 and r.random() < 0.3:
        steps = [steps[0], {"type": "Sequence", "normalizers": steps[1:]}]
    return {"type": "Sequence", "normalizers": steps}


def added():
    out = []
    for content in ("<m>", "x_y", "\u00e9", " "):
        if r.random() < 0.2:
            out.append({"id": len(out) + 1, "content": content, "single_word": r.random() < 0.2, "lstrip": r.random() < 0.2,
                        "rstrip": r.random() < 0.2, "normalized": r.random() < 0.6, "special": False})
    return out


def encode(tokenizer, a):
    try:
        return [digest(tokenizer.encode(a), True)]
    except BaseException as e:  # the reference panics
        if "Panic" not in type(e).__name__:
            raise
        return None


def make(made, steps):
    doc = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added() if made >= len(ALONE) else [],
           "normalizer": steps,
           "pre_tokenizer": r.choice([{"type": "FixedLength", "length": 1}] * 5 + [None, {"type": "WhitespaceSplit"}]),
           "post_processor": None, "decoder": None,
           "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": False, "vocab": [["[U]", 0.0]]}}
    tokenizer = Tokenizer.from_str(json.dumps(doc))
    # A token of which the normalizer leaves nothing breaks the reference's search (mica refuses it); of two that
    # become equal it takes either, by the order of a hash table.
    forms = [tokenizer.normalizer.normalize_str(a["content"]) for a in doc["added_tokens"] if a["normalized"]]
    if "" in forms or len(forms) != len(set(forms)):
        return None, None
    return doc, tokenizer


def main():
    with open(OUT, "w", encoding="utf-8") as out:
        made = 0
        while made < COUNT:
            doc, tokenizer = make(made, MAKERS[ALONE[made]]() if made < len(ALONE) else normalizer())
            if not doc:
                continue
            cases = []
            for _ in range(24 if made < len(ALONE) else 8):
                case = {"a": text()}
                windows = encode(tokenizer, case["a"])
                if windows is not None:
                    case["windows"], case["all"] = windows, True
                cases.append(case)
            out.write(json.dumps({"tokenizer": doc, "cases": cases}, ensure_ascii=False) + "\n")
            made += 1


if __name__ == "__main__":
    main()
