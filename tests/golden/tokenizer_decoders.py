# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/tokenizers/decoders.jsonl: random decoders and sequences of them, and what Hugging Face's
tokenizers makes of random ids.

    python3 tests/golden/tokenizer_decoders.py [COUNT [SEED [FILE]]]

A line is {"tokenizer": tokenizer.json, "cases": [{"ids", "skip", "text"}]}. Where the reference crashes (Strip on a
string that is shorter than what it may cut) there is no case.
"""
import json
import os
import random
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 150
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[3] if len(sys.argv) > 3 else os.path.join(HERE, "..", "fixtures", "tokenizers", "decoders.jsonl")

r = random.Random(SEED)
PARTS = ["a", "b", "\u2581", "##", "</w>", " ", " .", " ?", " ' ", " n't", " 'm", " do not", " 's", "|", "<pad>", "\u00e9", "\u4e2d",
         "\U0001f600", "\u0120", "\u010a", "\u00c3", "\u00a9", "\u00e4", "\u00b8", "\u0143", "\u0142", "_", "-", "\ufffd", "e\u0301", "\n", "1"]
WORDS = ["\u2581Hello", "Hello", "##ing", "ing</w>", "\u0120the", "\u00c3\u00a9", "\u00e4\u00b8\u0143", "\u00f0\u0141\u013a\u0122", "\u00f0\u0141",
         "don't", " don", "'t", ".", ",", "!", "?", "'", "n't", "'s", "'ve", "do", "not", "<0x41>", "<0xE4>", "<0xB8>",
         "<0xAD>", "<0xe4>", "<0xFF>", "<0x+A>", "<0x-0>", "<0x\u00e9>", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "<0xC3>",
         "<0x0G>", "<0x20>", "<pad>", "|", "<unk>", "", " ", "  ", "\u2581", "\u2581\u2581", "\u2581\u2581a", "a\u2581b"]


def byte_strings():
    """Random bytes, mostly broken UTF-8, in GPT-2's alphabet."""
    kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    alphabet = {b: chr(b) for b in kept}
    for b in range(256):
        if b not in alphabet:
            alphabet[b] = chr(256 + len(alphabet) - len(kept))
    starts = [0x41, 0x80, 0xBF, 0xC0, 0xC2, 0xC3, 0xE0, 0xE4, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF, 0x9F, 0xA0, 0x90, 0x8F]
    return ["".join(alphabet[r.choice(starts)] for _ in range(r.randint(1, 3))) for _ in range(12)]


def vocabulary():
    tokens = dict.fromkeys(WORDS + byte_strings() + ["".join(r.choice(PARTS) for _ in range(r.randint(1, 4))) for _ in range(24)])
    return list(tokens)


def pattern():
    if r.random() < 0.5:
        return {"String": r.choice(["\u2581", "a", "", "##", " ", "</w>", "aa", "\u4e2d"])}
    return {"Regex": r.choice(["\u2581", r"\s+", "a*", "", r"\p{L}+", r"(?<=a)b", "^.", ".$", r"\b", "[^a-z]", r"<0x..>"])}


def step(depth=0):
    kind = r.randint(0, 11 if depth < 2 else 9)
    if kind == 0:
        return {"type": "WordPiece", "prefix": r.choice(["##", "##", "", "\u2581"]), "cleanup": r.random() < 0.5}
    if kind == 1:
        return {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    if kind in (2, 3):
        out = {"type": "Metaspace", "replacement": r.choice(["\u2581", "\u2581", "a"]),
               "prepend_scheme": r.choice(["always", "first", "never"]), "split": True}
        if r.random() < 0.2:
            del out["prepend_scheme"]
        return out
    if kind == 4:
        return {"type": "BPEDecoder", "suffix": r.choice(["</w>", "</w>", "", "a"])}
    if kind == 5:
        return {"type": "CTC", "pad_token": r.choice(["<pad>", "<pad>", "", "a"]),
                "word_delimiter_token": r.choice(["|", "|", ""]), "cleanup": r.random() < 0.6}
    if kind == 6:
        return {"type": "ByteFallback"}
    if kind == 7:
        return {"type": "Fuse"}
    if kind == 8:
        return {"type": "Strip", "content": r.choice([" ", " ", "\u2581", "a", "\u4e2d"]), "start": r.randint(0, 2),
                "stop": r.choice([0, 0, 0, 1, 2])}
    if kind == 9:
        return {"type": "Replace", "pattern": pattern(), "content": r.choice(["", " ", "-", "\u2581a", "<0x41>"])}
    return {"type": "Sequence", "decoders": [step(depth + 1) for _ in range(r.randint(0, 4))]}


LLAMA = {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}


def main():
    with open(OUT, "w", encoding="utf-8") as out:
        for i in range(COUNT):
            tokens = vocabulary()
            special = r.sample(range(len(tokens)), 3)
            added = [{"id": t, "content": tokens[t], "single_word": False, "lstrip": False, "rstrip": False,
                      "normalized": False, "special": True} for t in special if tokens[t]]
            doc = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
                   "pre_tokenizer": None, "post_processor": None,
                   "decoder": None if i == 0 else LLAMA if i == 1 else step(),
                   "model": {"type": "WordLevel", "unk_token": "<unk>", "vocab": {t: n for n, t in enumerate(tokens)}}}
            tokenizer = Tokenizer.from_str(json.dumps(doc))
            cases = []
            for _ in range(10):
                ids = [r.randrange(len(tokens)) for _ in range(r.choice([0, 1, 2, 5, 12]))]
                if r.random() < 0.3:
                    ids = [x for x in ids for _ in range(r.randint(1, 3))]
                skip = r.random() < 0.5
                try:
                    cases.append({"ids": ids, "skip": skip, "text": tokenizer.decode(ids, skip_special_tokens=skip)})
                except BaseException as e:  # PanicException is no Exception
                    if "PanicException" not in type(e).__name__:
                        raise
            out.write(json.dumps({"tokenizer": doc, "cases": cases}, ensure_ascii=False) + "\n")


main()
