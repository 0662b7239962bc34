# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/models/st-*: tiny sentence-transformers models and the vectors they give.

    python tests/golden/sentence.py

Each folder holds a model, `cases.json` (calls of encode and their texts) and `vectors.safetensors`
(one float32 tensor [texts, dimension] for each case, under its name).
"""
import json
import os

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Dropout, LayerNorm, Pooling
from transformers import BertConfig, BertModel, BertTokenizer

import tiny

torch.set_num_threads(1)

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz",
         *("##" + c for c in "abcdefghijklmnopqrstuvwxyz"), *"0123456789", *".,:;!?'\"()-",
         "the", "a", "of", "cat", "dog", "sat", "on", "mat", "query", "passage", "what", "is", "this",
         "##s", "##ing", "##ed", "##er", "run", "jump", "hello", "world", "Hello", "##ello", "W", "H",
         "é", "ü", "ß", "你", "好", "п", "##р", "##и", "##в", "##е", "##т", "ا", "##ل"]
VOCAB = list(dict.fromkeys(VOCAB))

TEXTS = ["the cat sat on the mat", "", "Hello World", "hello", "what is this?", "  two  spaces\t",
         "running jumped dogs", "é ü ß 你好 привет ال", "the [MASK] sat", "İ STRAẞE ÉTÉ",
         "a, b. c; d: (e) - f! 'g' \"h\" 0 1 2 3 4 5 6 7 8 9 and so on and on and on and on",
         "query: what is this"]


def base(folder, seed, lower, hidden=24, **changes):
    """A BERT with a tokenizer in `folder`."""
    os.makedirs(folder, exist_ok=True)
    values = dict(vocab_size=len(VOCAB) + 3, hidden_size=hidden, num_hidden_layers=2,
                  num_attention_heads=3, intermediate_size=32, max_position_embeddings=32)
    values.update(changes)
    cfg = BertConfig(**values)
    tiny.randomise(BertModel(cfg), seed).save_pretrained(folder)
    vocab = os.path.join(folder, "vocab.txt")
    with open(vocab, "w", encoding="utf-8") as f:
        f.write("\n".join(VOCAB) + "\n")
    BertTokenizer.from_pretrained(folder, do_lower_case=lower).save_pretrained(folder)
    return folder


def write_cases(folder, cases, model=None):
    model = model or SentenceTransformer(folder, device="cpu")
    tensors, rows = {}, []
    for name, options in cases:
        with torch.no_grad():
            vectors = model.encode(TEXTS, convert_to_tensor=True, batch_size=5, **options)
        tensors[name] = vectors.to(torch.float32).contiguous().clone()
        rows.append({"name": name, **options})
    save_file(tensors, os.path.join(folder, "vectors.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(folder, "cases.json"), "w", encoding="utf-8") as f:
        json.dump({"texts": TEXTS, "cases": rows}, f, indent=1, ensure_ascii=False)


def drop(folder):
    """What is not needed of a saved model."""
    for name in ("README.md", "special_tokens_map.json", ".gitattributes"):
        if os.path.exists(os.path.join(folder, name)):
            os.remove(os.path.join(folder, name))


def work(name):
    return os.path.join("/tmp", "mica-golden-" + name)


def plain():
    """No modules.json: mean pooling, not normalized."""
    folder = tiny.fresh("models", "st-plain")
    base(folder, 200, True)
    os.remove(os.path.join(folder, "vocab.txt"))
    write_cases(folder, [("default", {}), ("normalized", {"normalize_embeddings": True}),
                         ("cut", {"truncate_dim": 7, "normalize_embeddings": True}),
                         ("prompt", {"prompt": "query: "})])


def modern():
    """As version 6 saves it: mean, Normalize, prompts, a default prompt, a length limit."""
    folder = tiny.fresh("models", "st-modern")
    transformer = Transformer(base(work("modern"), 210, True), max_seq_length=16)
    model = SentenceTransformer(modules=[transformer, Pooling(24), Normalize()], device="cpu",
                                prompts={"query": "query: ", "passage": "passage: ", "none": ""},
                                default_prompt_name="passage")
    model.eval()
    model.save(folder)
    drop(folder)
    write_cases(folder, [("default", {}), ("query", {"prompt_name": "query"}),
                         ("none", {"prompt_name": "none"}),
                         ("document", {"prompt_name": "document"}),
                         ("given", {"prompt": "what is "}),
                         ("cut", {"truncate_dim": 5, "normalize_embeddings": True})])


def write_json(folder, name, value):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w") as f:
        json.dump(value, f, indent=1)


def old_modules(folder, rest):
    names = ["Transformer", *rest]
    paths = ["0_Transformer", *(f"{i + 1}_{name}" for i, name in enumerate(rest))]
    write_json(folder, "modules.json", [
        {"idx": i, "name": str(i), "path": path, "type": "sentence_transformers.models." + name}
        for i, (name, path) in enumerate(zip(names, paths))])
    return paths


def old():
    """As early versions saved it: 0_Transformer, flags for all poolings, Dense in a .bin, lower-casing
    before a tokenizer that keeps case, no folder for Normalize."""
    folder = tiny.fresh("models", "st-old")
    paths = old_modules(folder, ["Pooling", "Dense", "Normalize"])
    base(os.path.join(folder, paths[0]), 220, False)
    write_json(os.path.join(folder, paths[0]), "sentence_bert_config.json",
               {"max_seq_length": 12, "do_lower_case": True})
    flags = {f"pooling_mode_{m}": True for m in
             ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens",
              "weightedmean_tokens", "lasttoken")}
    write_json(os.path.join(folder, paths[1]), "config.json",
               {"word_embedding_dimension": 24, **flags})
    write_json(os.path.join(folder, paths[2]), "config.json",
               {"in_features": 144, "out_features": 20, "bias": True,
                "activation_function": "torch.nn.modules.activation.Tanh"})
    generator = torch.Generator().manual_seed(221)
    torch.save({"linear.weight": torch.randn(20, 144, generator=generator) * 0.05,
                "linear.bias": torch.randn(20, generator=generator) * 0.1},
               os.path.join(folder, paths[2], "pytorch_model.bin"))
    drop(os.path.join(folder, paths[0]))
    write_cases(folder, [("default", {})])


def chain():
    """A list of poolings in its own order, then every other module, none of them last but one."""
    folder = tiny.fresh("models", "st-chain")
    transformer = Transformer(base(work("chain"), 230, True), max_seq_length=20)
    dense = Dense(48, 16, bias=False, activation_function=torch.nn.Identity())
    residual = Dense(16, 16, activation_function=torch.nn.GELU(), use_residual=True)
    projected = Dense(16, 10, activation_function=torch.nn.SiLU(), use_residual=True)
    norm = LayerNorm(10)
    for i, module in enumerate((dense, residual, projected, norm)):
        tiny.randomise(module, 231 + i)
    model = SentenceTransformer(
        modules=[transformer, Pooling(24, pooling_mode=("lasttoken", "cls")), dense, Dropout(0.1),
                 Normalize(), residual, projected, norm], device="cpu")
    model.eval()
    model.save(folder)
    drop(folder)
    write_cases(folder, [("default", {}), ("normalized", {"normalize_embeddings": True})])


def instruct():
    """include_prompt false, with every pooling."""
    folder = tiny.fresh("models", "st-instruct")
    transformer = Transformer(base(work("instruct"), 240, True))
    modes = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
    model = SentenceTransformer(modules=[transformer, Pooling(24, modes, include_prompt=False)],
                                device="cpu", prompts={"query": "what is the query: "})
    model.eval()
    model.save(folder)
    drop(folder)
    write_cases(folder, [("default", {}), ("query", {"prompt_name": "query"}),
                         ("given", {"prompt": "hello "})])


ACTIVATIONS = ["Identity", "Tanh", "ReLU", "ReLU6", "GELU", "SiLU", "Sigmoid", "Mish", "LeakyReLU", "ELU",
               "CELU", "SELU", "Softplus", "Softsign", "LogSigmoid", "Hardtanh", "Hardswish",
               "Hardsigmoid", "Tanhshrink"]


def activations():
    """A model with a wide Dense; vectors.safetensors holds what each activation makes of it."""
    folder = tiny.fresh("models", "st-activations")
    transformer = Transformer(base(work("activations"), 250, True, num_hidden_layers=1))
    dense = Dense(24, 24)
    tiny.randomise(dense, 251)
    with torch.no_grad():
        dense.linear.weight.mul_(8)
    model = SentenceTransformer(modules=[transformer, Pooling(24), dense], device="cpu").eval()
    model.save(folder)
    drop(folder)
    tensors, rows = {}, []
    for name in ACTIVATIONS:
        dense.activation_function = getattr(torch.nn, name)()
        tensors[name] = model.encode(TEXTS[:4], convert_to_tensor=True).clone()
        path = type(dense.activation_function)
        rows.append({"name": name, "activation_function": f"{path.__module__}.{path.__name__}"})
    save_file(tensors, os.path.join(folder, "vectors.safetensors"), metadata={"format": "pt"})
    write_json(folder, "cases.json", {"texts": TEXTS[:4], "cases": rows})


if __name__ == "__main__":
    plain()
    modern()
    old()
    chain()
    instruct()
    activations()
