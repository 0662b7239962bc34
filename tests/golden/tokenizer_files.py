# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/tokenizers/files.json: what Hugging Face's tokenizers make of whole files of text, with
published tokenizers that are not part of this repository.

    python3 tests/golden/tokenizer_files.py SHARED_DATA [NAME...]

For each tokenizer.json below SHARED_DATA/tokenizers: "texts", digests of the lines of texts.jsonl, 50 a number,
and "files", digests of every line of every file in SHARED_DATA/text, 500 lines a number; with names, only of
these, and the others stay as they are. digest() of tokenizer_digest.py says what counts.
"""
import json
import os
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "true"
from tokenizers import Tokenizer

from tokenizer_digest import digest

SHARED = sys.argv[1]
NAMES = ["barthez", "gpt2", "llama-2", "llama-3", "phi-2", "phi-3-mini", "qwen3", "roberta-base", "t5-small",
         "xlm-roberta-base-rebuilt"]
FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "tokenizers")
OUT = os.path.join(FIXTURES, "files.json")


def digests(tokenizer, lines, count):
    rows = []
    for i in range(0, len(lines), count):
        crc = 0
        for encoding in tokenizer.encode_batch(lines[i:i + count]):
            crc = digest(encoding, crc)
        rows.append(crc)
    return rows


def main():
    texts = [json.loads(line) for line in open(os.path.join(FIXTURES, "texts.jsonl"), encoding="utf-8")]
    result = json.load(open(OUT)) if os.path.exists(OUT) else {}
    for name in sys.argv[2:] or NAMES:
        tokenizer = Tokenizer.from_file(os.path.join(SHARED, "tokenizers", name, "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        item = result[name] = {"texts": digests(tokenizer, texts, 50), "files": {}}
        root = os.path.join(SHARED, "text")
        for folder in sorted(os.listdir(root)):
            for file in sorted(os.listdir(os.path.join(root, folder))):
                path = os.path.join(root, folder, file)
                lines = open(path, encoding="utf-8", newline="").read().split("\n")
                item["files"][f"{folder}/{file}"] = digests(tokenizer, lines, 500)
        print(name, flush=True)
    with open(OUT, "w", encoding="utf-8") as f:
        f.write(json.dumps(dict(sorted(result.items())), separators=(",", ":")).replace('],"', '],\n"') + "\n")


main()
