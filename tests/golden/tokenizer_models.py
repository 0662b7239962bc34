# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/tokenizers/models.jsonl: random small models of every kind (BPE with all its options,
Unigram, WordLevel, WordPiece), with random post-processors, truncation and padding, and every window that
Hugging Face's tokenizers makes of texts and pairs with them.

    python3 tests/golden/tokenizer_models.py [COUNT [SEED [FILE]]]

A line is {"tokenizer": tokenizer.json, "cases": [{"a", "b"?, "windows"?, "all"}]}; without windows the reference refuses;
with "all" false only the first window is there.
A window is the CRC-32 of everything an encoding holds; see digest().
"""
import json
import os
import random
import struct
import sys
import zlib

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 120
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[3] if len(sys.argv) > 3 else os.path.join(HERE, "..", "fixtures", "tokenizers", "models.jsonl")

r = random.Random(SEED)
CHARS = ["a", "b", "c", "d", "é", "中", "😀", "\u0301"]


def word(low=1, high=6):
    return "".join(r.choice(CHARS) for _ in range(r.randint(low, high)))


def text():
    kind = r.random()
    if kind < 0.05:
        return ""
    if kind < 0.1:
        return r.choice(CHARS) * r.randint(40, 130)
    if kind < 0.2:
        return "".join(r.choice(CHARS + [" "]) for _ in range(r.randint(60, 200)))
    extra = ["x", "[U]", "zz", "<m>", "<m> ", " <m>"]
    return r.choice(["", " ", "  "]).join(word() if r.random() < 0.85 else r.choice(extra)
                                          for _ in range(r.randint(1, 9)))


def bytes_tokens(vocab):
    if r.random() < 0.5:
        names = [f"<0x{b:02X}>" for b in range(256)]
        if r.random() < 0.3:
            names = [n for n in names if r.random() < 0.9]
        for n in names:
            vocab.setdefault(n, len(vocab))


def bpe():
    prefix = r.choice([None, None, None, "##", "", "@"])
    suffix = r.choice([None, None, None, "</w>", "."])
    p, s = prefix or "", suffix or ""
    vocab = {}
    def add(t):
        return vocab.setdefault(t, len(vocab))
    for t in ("[U]", "[P]", "[C]", "[S]"):
        add(t)
    symbols = []
    for c in CHARS + [" "]:
        if r.random() < 0.9:
            for t in {c, p + c, c + s, p + c + s}:
                if r.random() < 0.95:
                    add(t)
                    symbols.append(t)
    symbols.sort()
    merges = []
    for _ in range(r.randint(0, 60)):
        a, b = r.choice(symbols), r.choice(symbols)
        if len(b.encode()) < len(p.encode()) or not b.startswith(p) or (s and a.endswith(s)):
            continue
        new = a + b[len(p):]
        add(new)
        symbols.append(new)
        merges.append((a, b))
        if r.random() < 0.1 and merges:
            merges.append(r.choice(merges))
    bytes_tokens(vocab)
    unk = r.choice([None, "[U]", "[U]"])
    model = {"type": "BPE", "dropout": None, "unk_token": unk, "continuing_subword_prefix": prefix,
             "end_of_word_suffix": suffix, "fuse_unk": r.random() < 0.5, "byte_fallback": not p + s and r.random() < 0.4,
             "ignore_merges": r.random() < 0.2, "vocab": vocab,
             "merges": [list(m) for m in merges] if r.random() < 0.5 or any(" " in a + b for a, b in merges)
             else [f"{a} {b}" for a, b in merges]}
    return model


def unigram():
    pieces = ["[U]", "[P]", "[C]", "[S]"]
    for c in CHARS + [" "]:
        if r.random() < 0.9:
            pieces.append(c)
    for _ in range(r.randint(0, 60)):
        pieces.append(word(2, 4))
    pieces = list(dict.fromkeys(pieces))
    vocab = {t: i for i, t in enumerate(pieces)}
    bytes_tokens(vocab)
    scores = r.choice([lambda: -r.random() * 10, lambda: -float(r.randint(1, 4)), lambda: 0.0])
    return {"type": "Unigram", "unk_id": 0, "byte_fallback": r.random() < 0.5,
            "vocab": [[t, scores()] for t in vocab]}


def wordlevel():
    vocab = {"[U]": 0, "[P]": 1, "[C]": 2, "[S]": 3}
    for _ in range(40):
        vocab.setdefault(word(1, 3), len(vocab))
    return {"type": "WordLevel", "vocab": vocab, "unk_token": "[U]"}


def wordpiece():
    vocab = {"[U]": 0, "[P]": 1, "[C]": 2, "[S]": 3}
    for _ in range(60):
        vocab.setdefault(r.choice(["", "##"]) + word(1, 3), len(vocab))
    return {"type": "WordPiece", "unk_token": "[U]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": r.choice([4, 100]), "vocab": vocab}


def template(ids):
    def special(name, type_id):
        return {"SpecialToken": {"id": name, "type_id": type_id}}

    def sequence(name, type_id):
        return {"Sequence": {"id": name, "type_id": type_id}}
    single = [special("C", 0)] * r.randint(0, 2) + [sequence("A", r.randint(0, 2))] + [special("S", 1)] * r.randint(0, 2)
    pair = [special("C", 3)] * r.randint(0, 1) + [sequence("A", 0)] + [special("S", 0)] * r.randint(0, 2)
    pair += [sequence("B", r.randint(0, 2))] + [special("S", 1)] * r.randint(0, 1)
    two = r.random() < 0.2
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": {
        "C": {"id": "C", "ids": [ids["[C]"]] * (1 + two), "tokens": ["[C]"] + ["[x]"] * two},
        "S": {"id": "S", "ids": [ids["[S]"]], "tokens": ["[S]"]}}}


def post(ids):
    kind = r.randint(0, 4)
    if kind == 0:
        return None
    if kind == 1:
        return {"type": "BertProcessing", "sep": ["[S]", ids["[S]"]], "cls": ["[C]", ids["[C]"]]}
    if kind == 2:
        return {"type": "RobertaProcessing", "sep": ["[S]", ids["[S]"]], "cls": ["[C]", ids["[C]"]],
                "trim_offsets": r.random() < 0.5, "add_prefix_space": r.random() < 0.5}
    if kind == 3:
        return {"type": "Sequence", "processors": [
            {"type": "ByteLevel", "add_prefix_space": r.random() < 0.5, "trim_offsets": r.random() < 0.7,
             "use_regex": True}, template(ids)]}
    return template(ids)


def truncation(special):
    if r.random() < 0.3:
        return None
    length = max(1, special + r.choice([0, 1, 2, 3, 5, 8, 13]))
    return {"direction": r.choice(["Left", "Right"]), "max_length": length,
            "strategy": r.choice(["LongestFirst", "LongestFirst", "OnlyFirst", "OnlySecond"]),
            "stride": 0}


def padding(ids):
    if r.random() < 0.5:
        return None
    return {"strategy": r.choice(["BatchLongest", {"Fixed": r.randint(0, 30)}]),
            "direction": r.choice(["Left", "Right"]), "pad_to_multiple_of": r.choice([None, 1, 4, 8]),
            "pad_id": ids["[P]"], "pad_type_id": r.randint(0, 2), "pad_token": r.choice(["[P]", "pad"])}


def added(content, id_, **flags):
    return {"id": id_, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": True, "special": False, **flags}


def digest(e, first):
    """CRC-32 of: count; then for each token id, type, special, text (0 1, 2 = none), span in characters, all as
    32-bit little endian; the words of all; then the tokens' UTF-8, each with a closing NUL; then a byte of attention each. Of later
    windows types and texts count as 0: the reference does not apply the template's to them. Padding has no text (the
    reference says 0 for it if a text was cut and there is no post-processor)."""
    rows = [len(e.ids)]
    for i, t, m, s, (b, end), a in zip(e.ids, e.type_ids, e.special_tokens_mask, e.sequence_ids, e.offsets,
                                       e.attention_mask):
        rows += (i, t if first else 0, m, (2 if s is None or a == 0 else s) if first else 0, b, end)
    rows += [0xFFFFFFFF if w is None else w for w in e.word_ids]
    crc = zlib.crc32(struct.pack(f"<{len(rows)}I", *rows))
    crc = zlib.crc32("".join(t + "\0" for t in e.tokens).encode(), crc)
    return zlib.crc32(bytes(e.attention_mask), crc)


def encode(tokenizer, a, b):
    try:
        encoding = tokenizer.encode(a, b)
    except BaseException:
        return None
    # A text of which nothing fits is one more window, however long: not in mica, which keeps to max_length.
    limit = tokenizer.truncation["max_length"] if tokenizer.truncation else 1 << 30
    if any(sum(e.attention_mask) > limit for e in encoding.overflowing):
        return [digest(encoding, True)], False
    return [digest(encoding, True)] + [digest(e, False) for e in encoding.overflowing], True


def main():
    with open(OUT, "w", encoding="utf-8") as out:
        made = 0
        while made < COUNT:
            model = r.choice([bpe, bpe, bpe, unigram, unigram, wordlevel, wordpiece])()
            if model["type"] == "Unigram":
                ids = {t: i for i, (t, _) in enumerate(model["vocab"])}
            else:
                ids = model["vocab"]
            doc = {"version": "1.0", "truncation": None, "padding": padding(ids),
                   "added_tokens": [added("[C]", ids["[C]"], special=True, normalized=False)] +
                   ([added("<m>", len(ids), lstrip=r.random() < 0.5, rstrip=r.random() < 0.5,
                           normalized=r.random() < 0.5)] if r.random() < 0.5 else []),
                   "normalizer": None,
                   "pre_tokenizer": r.choice([None, {"type": "WhitespaceSplit"}]),
                   "post_processor": post(ids), "decoder": None, "model": model}
            tokenizer = Tokenizer.from_str(json.dumps(doc))
            special = max(tokenizer.num_special_tokens_to_add(pair) for pair in (False, True))
            doc["truncation"] = truncation(special)
            if doc["truncation"]:
                doc["truncation"]["stride"] = r.randint(0, max(0, doc["truncation"]["max_length"] - special - 1))
            tokenizer = Tokenizer.from_str(json.dumps(doc))
            cases = []
            for _ in range(6):
                case = {"a": text()}
                if r.random() < 0.5:
                    case["b"] = text()
                windows = encode(tokenizer, case["a"], case.get("b"))
                if windows is not None:
                    case["windows"], case["all"] = windows
                cases.append(case)
            out.write(json.dumps({"tokenizer": doc, "cases": cases}, ensure_ascii=False) + "\n")
            made += 1


if __name__ == "__main__":
    main()
