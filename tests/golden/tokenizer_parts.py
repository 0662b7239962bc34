# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/tokenizers/parts.jsonl: random pre-tokenizers and sequences of them, as Hugging Face's
tokenizers runs them. The model knows no token, so that each piece is one unknown token with its text.

    python3 tests/golden/tokenizer_parts.py [COUNT [SEED [FILE]]]

The format is that of tokenizer_models.py.
"""
import json
import os
import random
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer

from tokenizer_models import digest

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 150
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[3] if len(sys.argv) > 3 else os.path.join(HERE, "..", "fixtures", "tokenizers", "parts.jsonl")

r = random.Random(SEED)
RANGES = [(0x20, 0x7E), (0x20, 0x7E), (0x30, 0x3A), (0x9, 0xD), (0x80, 0x24F), (0x300, 0x36F), (0x370, 0x52F),
          (0x600, 0x6FF), (0x900, 0xDFF), (0x1100, 0x11FF), (0x2000, 0x206F), (0x2150, 0x218F), (0x3000, 0x30FF),
          (0x4E00, 0x4E80), (0xAC00, 0xAD00), (0xFF00, 0xFFEF), (0x1D400, 0x1D7FF), (0x1F300, 0x1F64F), (0, 0x10FFFF)]
WORDS = ["I'm", "don't", "WE'LL", "'s", "'S", "'\u017f", "it's", "3.14", "12345", "\u00bd\u2167", "hello", "na\u00efve",
         "\u4e2d\u6587", "\u0437\u0434\u0440", "\u3053\u3093", "\u30ab\u30fc", "\n", "\r\n", "\n\n ", "\t", "  ", "   ", "\u00a0", "\u2581",
         "\u2581a", "a-b", "--", "...", "!?", "\U0001f600", "e\u0301", "\u0661\u0662", "_", "x_y", "\u3000", "'", "''", " 're"]


def char():
    low, high = r.choice(RANGES)
    c = r.randint(low, high)
    return chr(c) if not 0xD800 <= c < 0xE000 else " "


def text():
    if r.random() < 0.4:
        return "".join(char() for _ in range(r.randint(0, 40)))
    return r.choice([" ", "", "  ", " "]).join(r.choice(WORDS) for _ in range(r.randint(0, 14)))


GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN = LLAMA3.replace("{1,3}", "")
REGEXES = [GPT2, LLAMA3, QWEN, "(" + GPT2 + ")", "(" + LLAMA3 + ")", "(" + QWEN + ")", r"\s+", r"\w+", r"[0-9]", r"\d+",
           r"(?<=a)b|\s", r"a*", r"", r"(?=[A-Z])", r"\p{Han}|\p{Hiragana}+", r"[^\S\n]+|\n", r"\b", r" {2,}", r".", r"e\X?"]
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]


def step():
    kind = r.randint(0, 12)
    if kind <= 2:
        pattern = {"Regex": r.choice(REGEXES)} if r.random() < 0.8 else {"String": r.choice([" ", "a", "\u2581", "..", "ll"])}
        return {"type": "Split", "pattern": pattern, "behavior": r.choice(BEHAVIORS), "invert": r.random() < 0.3}
    if kind <= 4:
        return {"type": "ByteLevel", "add_prefix_space": r.random() < 0.5, "trim_offsets": True,
                "use_regex": r.random() < 0.6}
    if kind <= 6:
        step = {"type": "Metaspace", "replacement": r.choice(["\u2581", "\u2581", "_", " "]),
                "prepend_scheme": r.choice(["always", "first", "never"]), "split": r.random() < 0.7}
        if r.random() < 0.2:
            del step["prepend_scheme"], step["split"]
            step["add_prefix_space"] = True
        return step
    return r.choice([{"type": "BertPreTokenizer"}, {"type": "Whitespace"}, {"type": "WhitespaceSplit"},
                     {"type": "UnicodeScripts"}, {"type": "Digits", "individual_digits": r.random() < 0.5},
                     {"type": "Punctuation", "behavior": r.choice(BEHAVIORS)},
                     {"type": "CharDelimiterSplit", "delimiter": r.choice([" ", "-", "\u4e2d"])},
                     {"type": "FixedLength", "length": r.randint(1, 7)}])


def pre_tokenizer():
    if r.random() < 0.6:
        return step()
    return {"type": "Sequence", "pretokenizers": [step() for _ in range(r.randint(0, 3))]}


def main():
    with open(OUT, "w", encoding="utf-8") as out:
        made = 0
        while made < COUNT:
            doc = {"version": "1.0", "truncation": None, "padding": None,
                   "added_tokens": [{"id": 1, "content": "x_y", "single_word": False, "lstrip": False, "rstrip": False,
                                     "normalized": r.random() < 0.5, "special": False}] if r.random() < 0.3 else [],
                   "normalizer": None, "pre_tokenizer": pre_tokenizer(), "post_processor": None, "decoder": None,
                   "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": False, "vocab": [["[U]", 0.0]]}}
            tokenizer = Tokenizer.from_str(json.dumps(doc))
            cases = []
            for _ in range(8):
                a = text()
                cases.append({"a": a, "windows": [digest(tokenizer.encode(a), True)], "all": True})
            out.write(json.dumps({"tokenizer": doc, "cases": cases}, ensure_ascii=False) + "\n")
            made += 1


if __name__ == "__main__":
    main()
