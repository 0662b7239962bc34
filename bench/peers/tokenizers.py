#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hugging Face `tokenizers` as a peer of `mica bench tokenizers`; README.md has the protocol.

One thread, as the library says (TOKENIZERS_PARALLELISM=false, RAYON_NUM_THREADS=1); truncation and padding of
the file switched off, special tokens added. Arms: `encode` (a call a text), `encode_batch`, `encode_batch_fast`
(no offsets) and `load` (Tokenizer.from_file).
"""
import os
import time

from peer import absent, hello, serve

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"


def start():
    try:
        import tokenizers
    except ImportError as error:
        absent(error)
    hello("tokenizers", {"tokenizers": tokenizers.__version__},
          {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"})
    return tokenizers.Tokenizer


class Work:
    def __init__(self, make, request):
        self.make, self.path = make, request["tokenizer"]
        with open(request["text"], "rb") as file:
            text = file.read()
        bounds = request["bounds"]
        self.texts = [text[a:b].decode("utf-8") for a, b in zip(bounds, bounds[1:])]
        self.tokenizer = make.from_file(self.path)
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()

    def run(self, arm):
        t = self.tokenizer
        if arm == "encode":
            return [t.encode(text) for text in self.texts]
        if arm == "encode_batch":
            return t.encode_batch(self.texts)
        if arm == "encode_batch_fast":
            return t.encode_batch_fast(self.texts)
        if arm == "load":
            return self.make.from_file(self.path)
        raise ValueError(f"there is no arm '{arm}'")

    def time(self, arm, runs):
        seconds = 0.0
        for _ in range(runs):
            begin = time.perf_counter()
            result = self.run(arm)
            seconds += time.perf_counter() - begin
            del result
        return seconds


def main():
    make = start()
    work = None

    def prepare(request):
        nonlocal work
        work = Work(make, request)

    serve(prepare=prepare,
          check=lambda request: {"ids": [e.ids for e in work.run(request["arm"])]},
          time=lambda request: {"seconds": work.time(request["arm"], request["runs"])})


main()
