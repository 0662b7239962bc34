# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/tokenizers/corpora.json: what transformers' AutoTokenizer makes of every line of every text,
with real tokenizers built from each kind of file.

    python3 tests/golden/tokenizer_corpora.py SHARED_DATA

SHARED_DATA has tokenizers/ and text/, which are not part of this repository. A tokenizer is {"links": {name: path in
tokenizers/}, "files": {name: text}, "ids_only", "digests": {file: CRC-32 of all its lines}}; the digest is that of
tokenizer.py, or (ids_only) of the number of ids and the ids.
"""
import json
import os
import shutil
import struct
import sys
import tempfile
import zlib

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "fixtures", "tokenizers", "corpora.json")
SHARED = sys.argv[1]
transformers.logging.set_verbosity_error()


def model_type(name):
    return {"config.json": json.dumps({"model_type": name})}


def tokenizer_class(name):
    return {"tokenizer_config.json": json.dumps({"tokenizer_class": name})}


BYTES = ["vocab.json", "merges.txt"]
TOKENIZERS = {
    "bert": ("bert-base-multilingual-cased", ["vocab.txt", "tokenizer_config.json", "special_tokens_map.json"], {}),
    "mpnet": ("bert-base-uncased", ["vocab.txt"], model_type("mpnet")),
    "roberta": ("roberta-base", BYTES, model_type("roberta")),
    "gpt2": ("gpt2", BYTES, model_type("gpt2")),
    "qwen3": ("qwen3", BYTES + ["tokenizer_config.json"], {}),
    "llama-2": ("llama-2", ["tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"], {}),
    "llama-2-generic": ("llama-2", ["tokenizer.model"], model_type("phi3")),
    "gemma": ("llama-2", ["tokenizer.model"], model_type("gemma")),
    "phi-2": ("phi-2", ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"], {}),
    "phi-3": ("phi-3-mini", ["tokenizer.json", "tokenizer_config.json"], {}),
    "llama-3": ("llama-3", ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"], {}),
    "t5": ("t5-small", ["spiece.model", "tokenizer_config.json"], {}),
    "xlm-roberta": ("xlm-roberta-base-rebuilt", ["tokenizer.json"], model_type("xlm-roberta")),
    "nllb": ("barthez", ["sentencepiece.bpe.model"], tokenizer_class("NllbTokenizer")),
    "m2m100": ("m2m100_418M", ["vocab.json", "sentencepiece.bpe.model", "tokenizer_config.json",
                               "special_tokens_map.json"], {}),
}


def digest(e, crc):
    rows = [len(e.ids)]
    for i, t, m, s, (b, end) in zip(e.ids, e.type_ids, e.special_tokens_mask, e.sequence_ids, e.offsets):
        rows += (i, t, m, 2 if s is None else s, b, end)
    crc = zlib.crc32(struct.pack(f"<{len(rows)}I", *rows), crc)
    return zlib.crc32("".join(t + "\0" for t in e.tokens).encode(), crc)


def text_files():
    root = os.path.join(SHARED, "text")
    for folder in sorted(os.listdir(root)):
        for name in sorted(os.listdir(os.path.join(root, folder))):
            path = os.path.join(root, folder, name)
            yield f"{folder}/{name}", open(path, encoding="utf-8", newline="").read().split("\n")


def main():
    texts = list(text_files())
    result = {"made_with": transformers.__version__, "tokenizers": {}}
    for name, (source, links, files) in TOKENIZERS.items():
        folder = tempfile.mkdtemp()
        for file in links:
            shutil.copyfile(os.path.join(SHARED, "tokenizers", source, file), os.path.join(folder, file))
        for file, content in files.items():
            open(os.path.join(folder, file), "w").write(content)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        digests = {}
        for file, lines in texts:
            crc = 0
            if tokenizer.is_fast:
                for e in tokenizer._tokenizer.encode_batch(lines):
                    crc = digest(e, crc)
            else:
                for line in lines:
                    ids = tokenizer(line).input_ids
                    crc = zlib.crc32(struct.pack(f"<{len(ids) + 1}I", len(ids), *ids), crc)
            digests[file] = crc
        result["tokenizers"][name] = {"links": {file: f"{source}/{file}" for file in links}, "files": files,
                                      "ids_only": not tokenizer.is_fast, "digests": digests}
        shutil.rmtree(folder)
    with open(OUT, "w") as f:
        f.write(json.dumps(result, separators=(",", ":")).replace('},"', '},\n"') + "\n")


main()
