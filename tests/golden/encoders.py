# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/models/<family>-<head>: a tiny random checkpoint of each encoder family with each
head, and what transformers computes with it.

    python tests/golden/encoders.py [FOLDER SEED]

With FOLDER and SEED: checkpoints of random sizes there, for a wider comparison.
"""
import json
import os
import random
import sys

import torch
import transformers
from safetensors.torch import save_file

import tiny
from bert import batch

torch.set_num_threads(1)

HEADS = ["Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering"]
FAMILIES = {"bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta", "distilbert": "DistilBert",
            "mpnet": "MPNet"}


def config(family, r, labels):
    h = r.choice([2, 3, 4])
    hidden = h * r.choice([4, 6, 8])
    positions = 24 if family in ("bert", "distilbert") else 26
    names = {str(i): f"{family} {i}" for i in range(labels)}
    shared = dict(vocab_size=61, max_position_embeddings=positions, attn_implementation="eager",
                  id2label=names, label2id={v: int(k) for k, v in names.items()})
    act = r.choice(["gelu", "relu", "gelu_new"])
    if family == "distilbert":
        return transformers.DistilBertConfig(dim=hidden, n_layers=2, n_heads=h, hidden_dim=hidden + 5, activation=act,
                                             **shared)
    shared.update(hidden_size=hidden, num_hidden_layers=2, num_attention_heads=h, intermediate_size=hidden + 5,
                  hidden_act=act, layer_norm_eps=r.choice([1e-12, 1e-5]))
    if family == "mpnet":
        return transformers.MPNetConfig(**shared)
    if family == "bert":
        return transformers.BertConfig(type_vocab_size=2, **shared)
    kind = transformers.RobertaConfig if family == "roberta" else transformers.XLMRobertaConfig
    return kind(type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2, **shared)


def write(folder, family, head, seed):
    r = random.Random(seed)
    cfg = config(family, r, 2 if head == "ForQuestionAnswering" else r.randint(1, 7))
    cls = getattr(transformers, FAMILIES[family] + head)
    if head == "ForMaskedLM" and r.random() < 0.4:
        cfg.tie_word_embeddings = False
    model = tiny.randomise(cls(cfg), seed)
    with torch.no_grad():  # also what tiny.randomise keeps small
        for name, p in model.named_parameters():
            if name.endswith("relative_attention_bias.weight"):
                p.mul_(2)
    model.save_pretrained(folder)
    values = json.load(open(os.path.join(folder, "config.json")))
    values["architectures"] = [FAMILIES[family] + head]
    ids = list(values.get("id2label", {}).items())
    r.shuffle(ids)
    if ids:
        values["id2label"] = dict(ids)
    for key in ("dtype", "transformers_version"):
        values.pop(key, None)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(values, f, indent=1)
    inputs = batch(cfg, seed + 1, types=family == "bert")
    inputs["input_ids"][0, 3] = inputs["input_ids"][2, 0] = 1  # padding ids inside texts
    with torch.no_grad():
        out = model(**inputs)
    names = ["last_hidden_state", "pooler_output", "logits", "start_logits", "end_logits"]
    tensors = {n: out[n] for n in names if n in out and out[n] is not None}
    save_file({k: v.contiguous().clone() for k, v in {**inputs, **tensors}.items()},
              os.path.join(folder, "reference.safetensors"), metadata={"format": "pt"})


def main():
    for i, family in enumerate(FAMILIES):
        for j, head in enumerate(HEADS):
            name = f"{family}-{head[3:].lower() or 'base'}" if head != "Model" else f"{family}-model"
            if len(sys.argv) > 2:
                folder = os.path.join(sys.argv[1], name)
                os.makedirs(folder, exist_ok=True)
                write(folder, family, head, int(sys.argv[2]) + 10 * i + j)
            else:
                write(tiny.fresh("models", name), family, head, 500 + 10 * i + j)


if __name__ == "__main__":
    main()
