# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/tasks/spans.json: what the token-classification pipeline of transformers gives, and the
question-answering one, which transformers 5 no longer has.

    python tests/golden/spans.py PROGRAM

PROGRAM is mica, as for pipelines.py, whose tokenizers and way to write models this shares. `answer` below says again what
transformers 4.57.1 does with a fast tokenizer in src/transformers/pipelines/question_answering.py (preprocess,
postprocess, select_starts_ends, decode_spans, get_indices), over the model and the tokenizer of transformers 5.
Spans of probability 0, of which that takes arbitrary ones to fill up its list, are left out.
"""
import json
import sys
import tempfile

import numpy as np
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer, pipeline

import pipelines

NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-MISC", "DATE", "B-x-y"]
STRATEGIES = ["none", "simple", "first", "average", "max"]


# ---- answers ----

def answer(model, tokenizer, question, context, top_k=1, doc_stride=None, max_answer_len=15, max_seq_len=None,
           handle_impossible_answer=False, align_to_words=True):
    max_seq_len = max_seq_len or min(tokenizer.model_max_length, 384)
    doc_stride = min(max_seq_len // 2, 128) if doc_stride is None else doc_stride
    windows = tokenizer(question, context, truncation="only_second", max_length=max_seq_len, stride=doc_stride,
                        return_overflowing_tokens=True)
    answers, no_answer = [], 1000000
    for w in range(len(windows["input_ids"])):
        encoding = windows.encodings[w]
        inputs = {k: torch.tensor([windows[k][w]]) for k in tokenizer.model_input_names}
        with torch.no_grad():
            output = model(**inputs)
        allowed = np.array([s == 1 or i == tokenizer.cls_token_id for s, i in zip(encoding.sequence_ids, encoding.ids)])
        begin, end = (softmax(np.where(allowed, x[0].numpy(), np.float32(-10000)))
                      for x in (output.start_logits, output.end_logits))
        if handle_impossible_answer:
            no_answer = min(no_answer, float(begin[0] * end[0]))
        begin[0] = end[0] = 0
        scores = np.tril(np.triu(np.outer(begin, end)), max_answer_len - 1)
        for flat in np.argsort(-scores, axis=None, kind="stable")[:top_k * 2 + 10 if align_to_words else top_k]:
            s, e = np.unravel_index(flat, scores.shape)
            if scores[s, e] == 0 or not (allowed[s] and allowed[e]):
                continue
            first, last = bounds(encoding, int(s), int(e), align_to_words)
            text = context[first:last]
            known = next((a for a in answers if a["answer"].lower() == text.lower()), None)
            if known:
                known["score"] += float(scores[s, e])
            else:
                answers.append({"score": float(scores[s, e]), "start": first, "end": last, "answer": text})
    if handle_impossible_answer:
        answers.append({"score": no_answer, "start": 0, "end": 0, "answer": ""})
    return sorted(answers, key=lambda a: a["score"], reverse=True)[:top_k]


def softmax(x):
    x = np.exp(x - x.max())
    return x / x.sum()


def bounds(encoding, s, e, align_to_words):
    if align_to_words:
        words = [encoding.token_to_word(t) for t in (s, e)]
        if None not in words:
            spans = [encoding.word_to_chars(word, 1) for word in words]
            if None not in spans:
                return spans[0][0], spans[1][1]
    return encoding.offsets[s][0], encoding.offsets[e][1]


# ---- models and cases ----

def declare():
    for i, family in enumerate(pipelines.CLASSES):
        pipelines.model(f"tag-{family}", family, "TokenClassification", 60 + i, **pipelines.labels(*NAMES))
        pipelines.model(f"answer-{family}", family, "QuestionAnswering", 70 + i)


WORDS = pipelines.TEXTS[0].split() + pipelines.TEXTS[2].split() + pipelines.TEXTS[3].split() + [
    "[CLS]", "<s>", "unbelievably", "Antananarivo", "don't", "e.g.", "🦊", "👩‍👩‍👧‍👦", "敏捷", "ΟΔΟΣ", "İstanbul", "é", "<unk>", "[UNK]",
    "1,234.5", "\n", "\t", "  ", "qwxz", "Paris", "paris", "PARIS", "\u0301", "ﬁ"]


def long_text(n, step):
    """Repeats itself, but never in the same surroundings."""
    return " ".join(WORDS[(i * step + i * i // 7) % len(WORDS)] for i in range(n))


TAGGED = [t for t in pipelines.TEXTS if len(t) < 1000] + [long_text(25, 3), long_text(30, 11) + ".", " lead and trail "]
LONG = [long_text(70, 5), long_text(100, 7), TAGGED[0], " ".join(["Paris"] * 60)]


def plain(entities):
    return [{k: (round(float(v), 8) if k == "score" else int(v) if k in ("start", "end", "index") else v)
             for k, v in e.items()} for e in entities]


def tag_cases(path):
    pipe = pipeline("token-classification", model=path, device="cpu")
    for strategy in STRATEGIES:
        options = {"aggregation": strategy, "truncate": True}
        yield {"inputs": TAGGED, "options": options}, [plain(pipe(t, aggregation_strategy=strategy)) for t in TAGGED]
    ignore = ["PER", "O", "I-MISC", "B-LOC"]
    for strategy in ("none", "simple"):
        output = [plain(pipe(t, aggregation_strategy=strategy, ignore_labels=ignore)) for t in TAGGED[:4]]
        yield {"inputs": TAGGED[:4], "options": {"aggregation": strategy, "ignore_labels": ignore, "truncate": True}}, output
    pipe.tokenizer.model_max_length = 40
    for strategy, stride in (("simple", 0), ("first", 1), ("max", 1), ("simple", 10), ("average", 10)):
        options = {"aggregation": strategy, "stride": stride, "max_length": 40, "ignore_labels": ["PER"]}
        output = [plain(pipe(t, aggregation_strategy=strategy, stride=stride, ignore_labels=["PER"])) for t in LONG]
        yield {"inputs": LONG, "options": options}, output
    output = [plain(pipe(t)) for t in LONG]
    yield {"inputs": LONG, "options": {"truncate": True, "max_length": 40}}, output


def answer_cases(path):
    model, tokenizer = AutoModelForQuestionAnswering.from_pretrained(path).eval(), AutoTokenizer.from_pretrained(path)
    # A window of the small tokenizers leaves less room than the usual stride, which the reference does not survive.
    stride = {"doc_stride": 5} if tokenizer.model_max_length < 100 else {}
    questions = ["Who eats food?", "What is ΟΔΟΣ, and is it [SEP] far?", "x", "où est le café 🦊"]
    inputs = [{"question": q, "context": c} for q in questions[:2] for c in TAGGED if c]
    for options in ({}, {"top_k": 4}, {"top_k": 3, "handle_impossible_answer": True},
                    {"top_k": 3, "align_to_words": False}, {"max_answer_len": 2, "top_k": 2}):
        options = {**stride, **options}
        yield {"inputs": inputs, "options": options}, [answer(model, tokenizer, **i, **options) for i in inputs]
    inputs = [{"question": q, "context": c} for q in questions for c in LONG]
    for options in ({}, {"max_seq_len": 48, "doc_stride": 0, "top_k": 5},
                    {"max_seq_len": 50, "doc_stride": 9, "top_k": 5, "handle_impossible_answer": True},
                    {"max_seq_len": 44, "doc_stride": 3, "top_k": 2, "align_to_words": False, "max_answer_len": 40}):
        options = {**stride, **options}
        yield {"inputs": inputs, "options": options}, [answer(model, tokenizer, **i, **options) for i in inputs]


def main():
    pipelines.MODELS.clear()
    declare()
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for name in pipelines.MODELS:
            path = pipelines.build(sys.argv[1], name, folder)
            task = name.split("-")[0]
            for case, output in (tag_cases if task == "tag" else answer_cases)(path):
                cases.append({"model": name, "task": task, **case, "output": output})
    pipelines.write("spans.json", cases)


if __name__ == "__main__":
    main()
