#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hugging Face `tokenizers` as a peer of `mica bench tokenizers`; README.md has the protocol.

One thread, as the library says (TOKENIZERS_PARALLELISM=false, RAYON_NUM_THREADS=1); truncation and padding of
the file switched off, special tokens added. Arms: `encode` (a call a text), `encode_batch`, `encode_batch_fast`
(no offsets) and `load` (Tokenizer.from_file).
"""
import json
import os
import sys
import time

sys.path.pop(0)  # this folder, whose `tokenizers` is not the library
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"


def say(**fields):
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def hello():
    try:
        import tokenizers
    except ImportError as error:
        say(ok=False, absent=True, error=str(error))
        sys.exit(0)
    say(ok=True, name="tokenizers",
        versions={"tokenizers": tokenizers.__version__, "python": sys.version.split()[0]},
        settings={"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"})
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
    make = hello()
    work = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            what = request["do"]
            if what == "quit":
                break
            if what == "prepare":
                work = Work(make, request)
                say(ok=True)
            elif what == "check":
                say(ok=True, ids=[e.ids for e in work.run(request["arm"])])
            elif what == "time":
                say(ok=True, seconds=work.time(request["arm"], request["runs"]))
            else:
                say(ok=False, error=f"'{what}' is not known")
        except Exception as error:  # the program shows it
            say(ok=False, error=f"{type(error).__name__}: {error}")


main()
