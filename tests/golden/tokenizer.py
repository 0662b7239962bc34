# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/tokenizers/: what Hugging Face's tokenizers make of texts.

    python3 tests/golden/tokenizer.py SHARED_DATA

SHARED_DATA has tokenizers/ (bert-base-uncased, bert-base-cased, ...) and text/ (udhr, blns, ...). Results
are kept as CRC-32 of everything an encoding holds, so that they stay small; see tokenizer_digest.py.
"""
import json
import os
import random
import shutil
import sys
import zlib

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import tokenizers
import transformers
from tokenizers import Tokenizer, normalizers
from transformers import AutoTokenizer

from tokenizer_digest import digest

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "fixtures", "tokenizers")
SHARED = sys.argv[1]
MASK = (1 << 64) - 1


class Random:
    """The same numbers as in reference_test.c."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.state >> 33) % n


RANGES = [(0x20, 0x7E), (0xC0, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x591, 0x5C7), (0x900, 0xDFF),
          (0xF70, 0xFBF), (0x1100, 0x11FF), (0x1AB0, 0x1AFF), (0x1DC0, 0x1FFF), (0x2000, 0x206F),
          (0x2100, 0x214F), (0x3000, 0x30FF), (0xAC00, 0xAFFF), (0xF900, 0xFB4F), (0x11100, 0x1113F),
          (0x16FF0, 0x16FF1), (0x1D15E, 0x1D1AD), (0x2F800, 0x2FA1F), (0, 0x10FFFF)]


def random_string(r):
    chars = []
    for _ in range(1 + r.below(30)):
        first, last = RANGES[r.below(len(RANGES))]
        c = first + r.below(last - first + 1)
        chars.append(chr(c) if not 0xD800 <= c < 0xE000 else " ")
    return "".join(chars)


def texts():
    """The committed texts: UDHR (free to use), the Big List of Naughty Strings (MIT), and made ones."""
    out = json.load(open(os.path.join(SHARED, "text/adversarial/blns.json"), encoding="utf-8"))
    folder = os.path.join(SHARED, "text/udhr")
    for name in sorted(os.listdir(folder)):
        lines = open(os.path.join(folder, name), encoding="utf-8").read().split("\n")
        out += [line for line in lines if len(line) > 40][3:7]
    r = Random(1)
    out += [random_string(r) for _ in range(400)]
    out += ["", " ", "\0", "a\0b", "\ufffd", "[MASK]", "x[MASK]y [SEP][SEP] [CLS", "[mask]", "[UNK] ##s",
            "\u200d", "a" * 100, "a" * 101, "\u00e9" * 100 + " " + "\u00e9" * 101, "the" * 40,
            "e\u0301" * 101, "\u4e2d\uf900\U0002f800", "\U0002b820 \U0002b81f", "\u302e\u0301\u0323a\u0323",
            "don't do not can't , . ! ?", "\r\n\t\x0b\x0c\x85\u2028", "\u0130\u1e9e\u03a3\u00df",
            "a " * 600, "\U0001d15e\U0001d165\U0001d166", "\u0344\u0f73\u0f75", "\U0010ffff\ue000"]
    return out


def copy(name, files, into=None):
    target = os.path.join(OUT, into or name)
    os.makedirs(target, exist_ok=True)
    for f in files:
        shutil.copyfile(os.path.join(SHARED, "tokenizers", name, f), os.path.join(target, f))
    return target


def write(path, data):
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(data if isinstance(data, str) else json.dumps(data, indent=1) + "\n")


SPECIAL = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"
WORDS = ["the", "cat", "##s", "un", "##aff", "##able", "a", "##b", "b", "c", ",", ".", "!", "\u00e9", "e",
         "\u4e2d", "Cat", "The", "\u00c9", "##'", "'", "do", "not", "n", "t", "x", "<", ">", "e\u0301", "["]
PROBES = ["The Cats, unaffable!", "\u00c9\u00e9 e\u0301 \u4e2d\u4e2dab", "[MASK] x[SEP]y", "a <x> b <X>",
          " [X] zed Qux [FOO] cat", "do not, n't . !", "", "abab zzz", "[mask]  [MASK]  cat"]


def directories():
    """Small directories with every file that AutoTokenizer looks at: name -> files."""
    vocab = SPECIAL + "\n".join(WORDS) + "\n"
    bert = {"tokenizer_class": "BertTokenizer"}
    token = dict(lstrip=False, rstrip=False, normalized=False, single_word=False, special=True)
    as_json = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [dict(token, id=i, content=c)
                         for i, c in enumerate(SPECIAL.split())],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": False},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                     {"Sequence": {"id": "A", "type_id": 0}},
                     {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
                     {"Sequence": {"id": "B", "type_id": 1}},
                     {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
            "special_tokens": {c: {"id": c, "ids": [i], "tokens": [c]}
                               for i, c in ((2, "[CLS]"), (3, "[SEP]"))}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 5,
                  "vocab": {w: i for i, w in enumerate(SPECIAL.split() + WORDS)}}}
    plain = dict(as_json, normalizer={"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}]},
                 pre_tokenizer={"type": "Sequence", "pretokenizers": [
                     {"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Isolated"}]},
                 post_processor=None, decoder=None)
    fast = {"tokenizer_class": "PreTrainedTokenizerFast"}
    return {
        "vocab": {"vocab.txt": vocab, "tokenizer_config.json": bert},
        "crlf": {"vocab.txt": vocab.replace("\n", "\r\n") + "zzz", "tokenizer_config.json": bert},
        "odd-lines": {"vocab.txt": vocab + "\n\u3000\nzed \t\ncat\nab\rc\n", "tokenizer_config.json": bert},
        "cased": {"vocab.txt": vocab, "tokenizer_config.json": dict(bert, do_lower_case=False)},
        "keep-accents": {"vocab.txt": vocab, "tokenizer_config.json": dict(bert, strip_accents=False)},
        "no-chinese": {"vocab.txt": vocab, "tokenizer_config.json":
                       dict(bert, tokenize_chinese_chars=False, strip_accents=True, do_lower_case=False)},
        "by-model-type": {"vocab.txt": vocab, "config.json": {"model_type": "bert"}},
        "distilbert": {"vocab.txt": vocab, "config.json": {"model_type": "distilbert"},
                       "tokenizer_config.json": {"tokenizer_class": "DistilBertTokenizerFast",
                                                 "clean_up_tokenization_spaces": True}},
        "added": {"vocab.txt": vocab, "tokenizer_config.json": dict(
            bert, mask_token="[MASK]", added_tokens_decoder={
                "4": dict(token, content="[MASK]", lstrip=True),
                "35": dict(token, content="<x>", normalized=True, special=False),
                "36": dict(token, content="zed", single_word=True, special=False)},
            foo_token="[FOO]", additional_special_tokens=["[X]"])},
        "legacy": {"vocab.txt": vocab, "tokenizer_config.json": dict(bert, do_lower_case=False),
                   "special_tokens_map.json": {"cls_token": "[CLS]", "mask_token": dict(
                       content="[MASK]", lstrip=True, rstrip=False, normalized=False, single_word=False),
                       "additional_special_tokens": ["[X]"]},
                   "added_tokens.json": {"zed": 36, "[X]": 35, "Qux": 37}},
        "other-names": {"vocab.txt": vocab.replace("[CLS]", "<s>").replace("[SEP]", "</s>").replace(
            "[UNK]", "<unk>"), "tokenizer_config.json": dict(
                bert, cls_token="<s>", sep_token="</s>", unk_token="<unk>", model_max_length=77,
                pad_token="[PAD]")},
        "json": {"tokenizer.json": as_json, "tokenizer_config.json": fast},
        "json-bert": {"tokenizer.json": as_json, "tokenizer_config.json": bert},
        "json-bert-cased": {"tokenizer.json": as_json, "tokenizer_config.json": dict(
            bert, do_lower_case=False, truncation_side="left", model_max_length=int(1e30))},
        "json-model-type": {"tokenizer.json": as_json, "config.json": {"model_type": "bert"}},
        "json-plain": {"tokenizer.json": plain, "tokenizer_config.json": dict(
            fast, unk_token="[UNK]", pad_token="[PAD]", additional_special_tokens=["[X]"])},
    }


def directory_cases():
    out = {}
    for name, files in directories().items():
        folder = os.path.join(OUT, "dirs", name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for f, data in files.items():
            write(os.path.join(folder, f), data)
        t = AutoTokenizer.from_pretrained(folder)
        t._tokenizer.no_truncation()
        cases = []
        for text in PROBES:
            e = t._tokenizer.encode(text)
            pair = t._tokenizer.encode(text, PROBES[0])
            cases.append({"text": text, "ids": e.ids, "digest": digest(e), "pair": digest(pair),
                          "decoded": t.decode(e.ids), "skipped": t.decode(e.ids, skip_special_tokens=True)})
        big = t.model_max_length > 10**9
        out[name] = {"pad_id": -1 if t.pad_token_id is None else t.pad_token_id,
                     "max_length": 0 if big else t.model_max_length,
                     "size": 1 + max(t.get_vocab().values()), "cases": cases}
    return out


def pairs(t):
    """Truncation of every kind: a digest, or null where Hugging Face refuses."""
    r = Random(7)
    words = ["the", "unaffable", "na\u00efve", "\u4e2d", "[MASK]", ",", "\u00dcbergr\u00f6\u00dfen", "zzqq", "\u00e9"]
    out = []
    while len(out) < 1500:
        a, b = (" ".join(words[r.below(len(words))] for _ in range(r.below(12))) for _ in range(2))
        pair, add, left = r.below(4) > 0, r.below(4) > 0, r.below(2)
        strategy = ["longest_first", "only_first", "only_second"][r.below(3)]
        limit = 1 + r.below(24)
        special = (3 if pair else 2) if add else 0
        if limit < special:
            continue
        t.enable_truncation(limit, strategy=strategy, direction="left" if left else "right")
        try:
            e = t.encode(a, b if pair else None, add_special_tokens=add)
            out.append(digest(e))
        except Exception:
            out.append(None)
    t.no_truncation()
    return out


def normalized():
    """CRC-32 of normalized texts: every code point by blocks of 0x1000, then random strings by 1000."""
    bert = normalizers.BertNormalizer
    kinds = {"uncased": bert(), "cased": bert(lowercase=False),
             "accents": bert(strip_accents=False, clean_text=False, handle_chinese_chars=False),
             "nfd": normalizers.NFD(), "lowercase": normalizers.Lowercase()}
    out = {}
    for name, n in kinds.items():
        rows = []
        for first in range(0, 0x110000, 0x1000):
            crc = 0
            for block in range(first, first + 0x1000, 0x100):
                text = "".join("q" + chr(c) for c in range(block, block + 0x100) if not 0xD800 <= c < 0xE000)
                crc = zlib.crc32(n.normalize_str(text).encode() + b"\0", crc)
            rows.append(crc)
        r = Random(99)
        for _ in range(20):
            crc = 0
            for _ in range(1000):
                crc = zlib.crc32(n.normalize_str(random_string(r)).encode() + b"\0", crc)
            rows.append(crc)
        out[name] = rows
    return out


def sweep(t):
    """Digests of texts with every code point between letters, by blocks of 0x1000."""
    out = []
    for first in range(0, 0x110000, 0x1000):
        crc = 0
        for block in range(first, first + 0x1000, 0x100):
            text = "".join("a" + chr(c) + "B " for c in range(block, block + 0x100) if not 0xD800 <= c < 0xE000)
            crc = digest(t.encode(text), crc)
        out.append(crc)
    return out


def text_files(t):
    """Digests of every line of every text file, 500 lines a number."""
    out = {}
    root = os.path.join(SHARED, "text")
    for folder in sorted(os.listdir(root)):
        for name in sorted(os.listdir(os.path.join(root, folder))):
            lines = open(os.path.join(root, folder, name), encoding="utf-8", newline="").read().split("\n")
            rows = []
            for i in range(0, len(lines), 500):
                crc = 0
                for e in t.encode_batch(lines[i:i + 500]):
                    crc = digest(e, crc)
                rows.append(crc)
            out[f"{folder}/{name}"] = rows
    return out


def main():
    os.makedirs(OUT, exist_ok=True)
    transformers.logging.set_verbosity_error()
    all_texts = texts()
    write(os.path.join(OUT, "texts.jsonl"), "".join(json.dumps(s) + "\n" for s in all_texts))
    copy("bert-base-uncased", ["tokenizer.json", "vocab.txt", "tokenizer_config.json"])
    cased = copy("bert-base-cased", ["vocab.txt", "tokenizer_config.json"])

    result = {"made_with": {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__},
              "texts": {}, "files": {}, "sweep": {}}
    known = {}
    for name in ["bert-base-uncased", "bert-base-cased", "bert-base-multilingual-cased", "all-minilm-l6-v2"]:
        t = Tokenizer.from_file(os.path.join(SHARED, "tokenizers", name, "tokenizer.json"))
        t.no_truncation()
        t.no_padding()
        known[name] = t
        result["texts"][name] = [digest(t.encode(s)) for s in all_texts]
        result["files"][name] = text_files(t)
    hf = AutoTokenizer.from_pretrained(os.path.join(OUT, "bert-base-uncased"))
    result["decoded"] = [zlib.crc32("\0".join(
        hf.decode(hf(s).input_ids, skip_special_tokens=skip, clean_up_tokenization_spaces=clean)
        for skip in (False, True) for clean in (False, True)).encode()) for s in all_texts]
    for name in ["bert-base-uncased", "bert-base-cased"]:
        result["sweep"][name] = sweep(known[name])
    result["pairs"] = pairs(known["bert-base-uncased"])
    result["normalized"] = normalized()
    result["dirs"] = directory_cases()
    write(os.path.join(OUT, "expected.json"), json.dumps(result, separators=(",", ":")).replace('],"', '],\n"') + "\n")


main()
