# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/tasks: what the pipelines of transformers and the CrossEncoder of sentence-transformers give.

    python tests/golden/pipelines.py PROGRAM

PROGRAM is mica, which makes the weights of every model by `mica init` (the tests make them again), so that the
fixtures hold configurations and tokenizers only. tokenizers/ gets three small tokenizers; texts.json holds models
{name: {config, seed, tokenizer, files}} (texts of files; the tokenizer is a folder of the fixtures) and cases [{model, task, inputs, options, output}].
"""
import json
import logging
import os
import random
import shutil
import subprocess
import sys
import tempfile

import torch
from sentence_transformers import CrossEncoder
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import pipeline

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "fixtures")
OUT = os.path.join(FIXTURES, "tasks")
logging.disable(logging.WARNING)
torch.set_num_threads(1)


# ---- tokenizers ----

def corpus():
    with open(os.path.join(FIXTURES, "tokenizers", "texts.jsonl"), encoding="utf-8") as f:
        return [t for t in (json.loads(line) for line in f) if isinstance(t, str) and len(t) < 2000 and max(t, default="x") < "\u0250"]


def save(name, tokenizer, settings):
    folder = os.path.join(OUT, "tokenizers", name)
    os.makedirs(folder, exist_ok=True)
    tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
    with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as f:
        json.dump({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 60, **settings}, f, indent=1)
        f.write("\n")


def roberta_like():
    return {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>",
            "unk_token": "<unk>", "mask_token": "<mask>"}


def make_tokenizers(texts):
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=700, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    bpe.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    save("bpe", bpe, roberta_like())

    unigram = Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.decoder = decoders.Metaspace()
    unigram.train_from_iterator(texts, trainers.UnigramTrainer(
        vocab_size=900, special_tokens=special, unk_token="<unk>", show_progress=False))
    template = dict(special_tokens=[("<s>", 0), ("</s>", 2)])
    unigram.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", **template)
    save("unigram", unigram, roberta_like())

    words = Tokenizer(models.WordPiece(unk_token="<unk>"))
    words.normalizer = normalizers.BertNormalizer()
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.decoder = decoders.WordPiece()
    words.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=900, special_tokens=special, limit_alphabet=150, show_progress=False))
    words.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", **template)
    save("wordpiece", words, roberta_like())


# ---- models ----

TOKENIZERS = {
    "bert": "tokenizers/bert-base-uncased",
    "distilbert": "tokenizers/bert-base-cased",
    "roberta": "tasks/tokenizers/bpe",
    "xlm-roberta": "tasks/tokenizers/unigram",
    "mpnet": "tasks/tokenizers/wordpiece",
}
CLASSES = {"bert": "Bert", "distilbert": "DistilBert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta", "mpnet": "MPNet"}
MODELS = {}


def model(name, family, head, seed, files=None, **settings):
    """A configuration; wide weights, so that scores differ from one another."""
    vocab = {"bert": 30522, "distilbert": 28996, "roberta": 700, "xlm-roberta": 900, "mpnet": 900}[family]
    config = {"model_type": family, "architectures": [CLASSES[family] + "For" + head], "vocab_size": vocab,
              "initializer_range": 0.4}
    if family == "distilbert":
        config.update(dim=24, hidden_dim=48, n_layers=2, n_heads=4, max_position_embeddings=512)
    else:
        config.update(hidden_size=24, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                      max_position_embeddings=512)
    if family in ("roberta", "xlm-roberta"):
        config.update(max_position_embeddings=66, pad_token_id=1, type_vocab_size=1)
    if family == "mpnet":
        config.update(max_position_embeddings=66, pad_token_id=1)
    config.update(settings)
    texts = {file: json.dumps(content) for file, content in (files or {}).items()}
    MODELS[name] = {"config": json.dumps(config), "seed": seed, "tokenizer": TOKENIZERS[family], "files": texts}


def build(program, name, folder):
    m = MODELS[name]
    source = os.path.join(folder, name + "-config")
    shutil.copytree(os.path.join(FIXTURES, m["tokenizer"]), source)
    with open(os.path.join(source, "config.json"), "w", encoding="utf-8") as f:
        f.write(m["config"])
    path = os.path.join(folder, name)
    subprocess.run([program, "init", source, "-o", path, "--seed", str(m["seed"])], check=True, stdout=subprocess.DEVNULL)
    for file, content in m["files"].items():
        os.makedirs(os.path.dirname(os.path.join(path, file)), exist_ok=True)
        with open(os.path.join(path, file), "w", encoding="utf-8") as f:
            f.write(content)
    return path


def labels(*names):
    return {"id2label": {str(i): n for i, n in enumerate(names)}, "label2id": {n: i for i, n in enumerate(names)}}


def declare():
    classes = "SequenceClassification"
    for i, family in enumerate(CLASSES):
        model(f"classes-{family}", family, classes, 10 + i, **labels("sad", "so so", "glad", "B-x"))
        model(f"mask-{family}", family, "MaskedLM", 20 + i)
        model(f"rank-{family}", family, classes, 30 + i, **labels("LABEL_0"))
    model("one", "bert", classes, 40, **labels("good"))
    model("multi", "roberta", classes, 41, problem_type="multi_label_classification", **labels("a", "b", "c"))
    model("regression", "bert", classes, 42, problem_type="regression", **labels("x", "y"))
    model("odd", "bert", classes, 43, id2label={"2": "two", "10": "ten", "0": "zero", "1": "one", "3": "3", "4": "4",
                                                 "5": "5", "6": "6", "7": "7", "8": "8", "9": "9"})
    model("untied", "bert", "MaskedLM", 44, tie_word_embeddings=False)
    model("three", "bert", classes, 45, **labels("no", "perhaps", "yes"))
    identity = "torch.nn.modules.linear.Identity"
    model("rank-new", "bert", classes, 46, sentence_transformers={"activation_fn": identity, "version": "4.0.1"},
          **labels("LABEL_0"))
    model("rank-old", "roberta", classes, 47, sbert_ce_default_activation_function=identity, **labels("LABEL_0"))
    model("rank-tanh", "bert", classes, 48, files={
        "modules.json": [{"idx": 0, "name": "0", "path": "",
                          "type": "sentence_transformers.base.modules.transformer.Transformer"}],
        "sentence_bert_config.json": {"transformer_task": "sequence-classification", "max_seq_length": 24,
                                      "modality_config": {"text": {"method": "forward", "method_output_name": "logits"}},
                                      "module_output_name": "scores"},
        "config_sentence_transformers.json": {
            "__version__": {"sentence_transformers": "6.2.0"}, "model_type": "CrossEncoder",
            "prompts": {"query": "query: "}, "default_prompt_name": "query",
            "activation_fn": "torch.nn.modules.activation.Tanh"},
    }, **labels("LABEL_0"))


# ---- cases ----

TEXTS = [
    "A man is eating food.", "", "The quick brown fox jumps over the lazy dog!", "naïve café – “quotes” €3.20",
    "x", "Il pleut sur Nantes; donne-moi la main.", "敏捷的棕色狐狸跳过懒狗。", "I ❤️ 🦊 and 👩‍👩‍👧‍👦",
    "two\nlines\tand a tab", "long " * 600, "Is it true? It is [SEP] not </s> so [MASK] <mask> <pad> [PAD] here.",
]


def classify_cases(path, name):
    pipe = pipeline("text-classification", model=path, device="cpu")
    pairs = [{"text": a, "text_pair": b} for a, b in zip(TEXTS, TEXTS[1:] + TEXTS[:1])]
    limits = {"truncation": True}
    yield {"inputs": TEXTS, "options": {}}, [[x] for x in pipe(TEXTS, **limits)]
    yield {"inputs": TEXTS, "options": {"top_k": 0}}, pipe(TEXTS, top_k=None, **limits)
    yield {"inputs": pairs, "options": {"top_k": 2}}, [pipe(p, top_k=2, **limits) for p in pairs]
    for function in ("none", "sigmoid", "softmax"):
        options = {"function": function, "top_k": 0}
        yield {"inputs": TEXTS[:4], "options": options}, pipe(TEXTS[:4], top_k=None, function_to_apply=function, **limits)


def mask_cases(path, name):
    pipe = pipeline("fill-mask", model=path, device="cpu", tokenizer_kwargs={"truncation": True})
    mask = pipe.tokenizer.mask_token
    texts = [f"Paris is the {mask} of France.", mask, f"a{mask}b", f"One {mask} two {mask}{mask} three.",
             f"{pipe.tokenizer.pad_token} a {mask} {pipe.tokenizer.sep_token} b", f"🦊 {mask} 敏捷 naïve",
             f"{mask} " + "word " * (600 if pipe.tokenizer.model_max_length < 100 else 20)]
    answers = lambda **o: [pipe(t, **o) for t in texts]
    nested = lambda rows: [r if isinstance(r[0], list) else [r] for r in rows]
    yield {"inputs": texts, "options": {}}, nested(answers())
    yield {"inputs": texts, "options": {"top_k": 2}}, nested(answers(top_k=2))
    known = sorted(pipe.tokenizer.get_vocab(), key=pipe.tokenizer.get_vocab().get)
    targets = [known[300], known[450], known[450], "the", "unbelievable"]
    yield {"inputs": texts, "options": {"targets": targets, "top_k": 3}}, nested(answers(targets=targets, top_k=3))
    yield {"inputs": texts[:2], "options": {"targets": targets[:1]}}, nested(answers(targets=targets[:1])[:2])


def rank_cases(path, name):
    encoder = CrossEncoder(path, device="cpu")
    for query in ("what do foxes do?", "", "q " * 50):
        for raw in (False, True):
            options = {"activation_fn": torch.nn.Identity()} if raw else {}
            scores = encoder.predict([(query, d) for d in TEXTS], **options)
            output = scores.tolist()
            if encoder.num_labels == 1:
                ranks = encoder.rank(query, TEXTS, **options)
                output = [[r["corpus_id"], float(r["score"])] for r in ranks]
            yield {"inputs": {"query": query, "documents": TEXTS}, "options": {"raw_scores": raw}}, output


def write(name, cases):
    with open(os.path.join(OUT, name), "w", encoding="utf-8") as f:
        f.write('{"models":' + json.dumps(MODELS, separators=(",", ":")) + ',\n"cases":[\n')
        f.write(",\n".join(json.dumps(c, separators=(",", ":"), ensure_ascii=False) for c in cases))
        f.write("\n]}\n")
    print(f"{name}: {len(MODELS)} models, {len(cases)} cases")


def main():
    program = sys.argv[1]
    random.seed(5)
    if not os.path.exists(os.path.join(OUT, "tokenizers")):  # training depends on the order of hash tables
        make_tokenizers(corpus())
    declare()
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            path = build(program, name, folder)
            task, make = ("classify", classify_cases)
            if name.startswith(("mask", "untied")):
                task, make = "fill-mask", mask_cases
            if name.startswith(("rank", "three")):
                task, make = "rerank", rank_cases
            for case, output in make(path, name):
                cases.append({"model": name, "task": task, **case, "output": output})
    write("texts.json", cases)


if __name__ == "__main__":
    main()
