# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/models/bert-*: tiny random BERTs and what transformers computes with them.

    python tests/golden/bert.py

Each folder holds a checkpoint in one of the published forms and `reference.safetensors`, which
`mica verify` reads: input_ids, attention_mask, token_type_ids and every output in float32. The
masks have no holes, holes, left padding, and one row that hides everything.
"""
import json
import os

import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification, BertModel

import tiny

torch.set_num_threads(1)


def config(**changes):
    values = dict(vocab_size=61, hidden_size=32, num_hidden_layers=3, num_attention_heads=4,
                  intermediate_size=40, max_position_embeddings=24, type_vocab_size=2,
                  attn_implementation="eager")
    values.update(changes)
    return BertConfig(**values)


def batch(cfg, seed, lengths=(24, 1, 7, 16, 12, 9, 5), types=True):
    """Ids, masks and types: lengths from 1 to the longest; rows 3 to 6 have holes, left padding,
    both, and nothing visible."""
    generator = torch.Generator().manual_seed(seed)
    n, s = len(lengths), max(lengths)
    ids = torch.randint(0, cfg.vocab_size, (n, s), generator=generator)
    mask = torch.zeros(n, s, dtype=torch.int64)
    for row, length in enumerate(lengths):
        mask[row, :length] = 1
    mask[3, 4:9] = 0
    mask[4] = mask[4].flip(0)
    mask[5] = mask[5].flip(0)
    mask[5, s - 3] = 0
    mask[6] = 0
    ids[mask == 0] = torch.randint(0, cfg.vocab_size, (int((mask == 0).sum()),), generator=generator)
    result = dict(input_ids=ids, attention_mask=mask)
    if types:
        result["token_type_ids"] = torch.randint(0, cfg.type_vocab_size, (n, s), generator=generator)
    return result


def outputs(model, inputs):
    with torch.no_grad():
        out = model(**inputs, output_hidden_states=True)
    result = dict(last_hidden_state=out.last_hidden_state)
    if getattr(out, "pooler_output", None) is not None:
        result["pooler_output"] = out.pooler_output
    for i, state in enumerate(out.hidden_states):
        result[f"hidden_states.{i}"] = state
    return result


def write_reference(folder, model, inputs):
    tensors = {**inputs, **outputs(model, inputs)}
    save_file({k: v.contiguous().clone() for k, v in tensors.items()},
              os.path.join(folder, "reference.safetensors"), metadata={"format": "pt"})


def write_config(folder, cfg, architecture, drop=()):
    values = cfg.to_dict()
    values["architectures"] = [architecture]
    for key in ("attn_implementation", "_attn_implementation", "dtype", *drop):
        values.pop(key, None)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(values, f, indent=1, sort_keys=True)


def plain(name, seed, dtype=torch.float32, drop=(), **changes):
    """A bare BertModel in one safetensors file; computed with in float32 whatever the file holds."""
    folder = tiny.fresh("models", name)
    cfg = config(**changes)
    model = tiny.randomise(BertModel(cfg), seed)
    state = {k: v.to(dtype) for k, v in model.state_dict().items()}
    save_file(state, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    model.load_state_dict({k: v.to(torch.float32) for k, v in state.items()})
    write_config(folder, cfg, "BertModel", drop)
    write_reference(folder, model, batch(cfg, seed + 1))
    return folder, model, cfg


def sharded():
    folder = tiny.fresh("models", "bert-sharded")
    cfg = config(hidden_act="gelu_pytorch_tanh", num_hidden_layers=2)
    model = tiny.randomise(BertModel(cfg), 60)
    model.save_pretrained(folder, max_shard_size="20KB")
    write_config(folder, cfg, "BertModel")
    write_reference(folder, model, batch(cfg, 61))


def torch_bin(name, seed, zipped, act):
    """pytorch_model.bin as early repositories have it: a head, LayerNorm.gamma and .beta, position_ids."""
    folder = tiny.fresh("models", name)
    cfg = config(hidden_act=act, num_hidden_layers=2, hidden_size=24, num_attention_heads=3)
    model = tiny.randomise(BertForSequenceClassification(cfg), seed)
    state = {}
    for key, value in model.state_dict().items():
        if not zipped:
            key = key.replace("LayerNorm.weight", "LayerNorm.gamma")
            key = key.replace("LayerNorm.bias", "LayerNorm.beta")
        if zipped and key.endswith("query.weight"):
            value = value.t().contiguous().t()  # saved with strides
        state[key] = value
    state["bert.embeddings.position_ids"] = torch.arange(24).unsqueeze(0)
    state["cls.seq_relationship.weight"] = torch.zeros(2, 24)
    torch.save(state, os.path.join(folder, "pytorch_model.bin"),
               _use_new_zipfile_serialization=zipped)
    write_config(folder, cfg, "BertForSequenceClassification")
    write_reference(folder, model.bert, batch(cfg, seed + 1))


def masked_lm():
    """Saved from a masked language model: prefix `bert.`, a head that is not needed, no pooler."""
    folder = tiny.fresh("models", "bert-mlm")
    cfg = config(hidden_size=24, num_attention_heads=2, num_hidden_layers=2)
    model = tiny.randomise(BertForMaskedLM(cfg), 90)
    model.save_pretrained(folder)
    write_config(folder, cfg, "BertForMaskedLM")
    write_reference(folder, model.bert, batch(cfg, 91))


ACTIVATIONS = ["gelu", "gelu_python", "gelu_new", "gelu_accurate", "gelu_pytorch_tanh",
               "gelu_python_tanh", "gelu_fast", "quick_gelu", "silu", "swish", "relu", "relu6", "tanh",
               "sigmoid", "linear", "mish", "leaky_relu", "relu2", "gelu_10"]


def activations():
    """One checkpoint; reference.safetensors holds last_hidden_state.<activation> for each."""
    folder = tiny.fresh("models", "bert-activations")
    cfg = config(hidden_size=16, num_attention_heads=2, num_hidden_layers=1, intermediate_size=64)
    model = tiny.randomise(BertModel(cfg, add_pooling_layer=False), 100)
    with torch.no_grad():  # wide enough that relu6 and gelu_10 clip
        model.encoder.layer[0].intermediate.dense.weight.mul_(6)
    model.save_pretrained(folder)
    write_config(folder, cfg, "BertModel")
    inputs = batch(cfg, 101, lengths=(12, 1, 7, 9, 8, 6, 5))
    tensors = dict(inputs)
    state = model.state_dict()
    for name in ACTIVATIONS:
        cfg.hidden_act = name
        other = BertModel(cfg, add_pooling_layer=False).eval()
        other.load_state_dict(state)
        tensors["last_hidden_state." + name] = outputs(other, inputs)["last_hidden_state"].clone()
    save_file(tensors, os.path.join(folder, "reference.safetensors"), metadata={"format": "pt"})


def main():
    plain("bert-base", 10)
    # Keys that are left out mean the defaults of the class.
    plain("bert-heads5", 20, hidden_size=60, num_attention_heads=5, intermediate_size=37,
          hidden_act="gelu_new", layer_norm_eps=1e-5, type_vocab_size=3, num_hidden_layers=2)
    plain("bert-eps", 30, hidden_size=24, num_attention_heads=3, hidden_act="relu",
          layer_norm_eps=0.05, num_hidden_layers=2,
          drop=("type_vocab_size", "position_embedding_type", "use_cache"))
    plain("bert-f16", 40, dtype=torch.float16, hidden_act="silu", hidden_size=28,
          num_attention_heads=2, num_hidden_layers=2, drop=("hidden_dropout_prob", "layer_norm_eps"))
    plain("bert-bf16", 50, dtype=torch.bfloat16, hidden_act="quick_gelu", hidden_size=20,
          num_attention_heads=1, num_hidden_layers=2)
    sharded()
    torch_bin("bert-bin", 70, True, "tanh")
    torch_bin("bert-bin-legacy", 80, False, "gelu")
    masked_lm()
    activations()


if __name__ == "__main__":
    main()
