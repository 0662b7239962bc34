#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""MLX as a peer of `mica bench models`; README.md has the protocol.

The encoders of BERT, RoBERTa and XLM-R from mlx.nn layers, with the weights of the checkpoint, as the paper's library
builds them: `default` runs them as they stand, with attention in single steps; `best` is the faster of that and of
mx.fast's attention under mx.compile. Every output is evaluated before the clock stops. On the CPU, and on the GPU of a Mac.
"""
import math
import sys

from models import Model, config_of, first_position, has_types, serve_models, timed, weights_of
from peer import absent

try:
    import mlx.core as mx
    import mlx.nn as nn
    import numpy
except (ImportError, OSError) as error:
    absent(error)

# The names of a checkpoint's layers, and those here.
NAMES = (("attention.self.", ""), ("attention.output.dense.", "attended."), ("attention.output.LayerNorm.", "norm1."),
         ("intermediate.dense.", "wide."), ("output.dense.", "narrow."), ("output.LayerNorm.", "norm2."))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        size, eps = config["hidden_size"], config.get("layer_norm_eps", 1e-12)
        self.heads = config["num_attention_heads"]
        self.query, self.key, self.value = (nn.Linear(size, size) for _ in range(3))
        self.attended = nn.Linear(size, size)
        self.norm1, self.norm2 = nn.LayerNorm(size, eps), nn.LayerNorm(size, eps)
        self.wide = nn.Linear(size, config["intermediate_size"])
        self.narrow = nn.Linear(config["intermediate_size"], size)

    def attention(self, x, mask, fast):
        batch, length, size = x.shape
        q, k, v = (layer(x).reshape(batch, length, self.heads, -1).transpose(0, 2, 1, 3)
                   for layer in (self.query, self.key, self.value))
        scale = 1 / math.sqrt(q.shape[-1])
        if fast:
            y = mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=mask)
        else:
            y = mx.softmax(q @ k.swapaxes(-1, -2) * scale + mask, axis=-1) @ v
        return y.transpose(0, 2, 1, 3).reshape(batch, length, size)

    def __call__(self, x, mask, fast):
        x = self.norm1(self.attended(self.attention(x, mask, fast)) + x)
        return self.norm2(self.narrow(nn.gelu(self.wide(x))) + x)


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        size = config["hidden_size"]
        self.word_embeddings = nn.Embedding(config["vocab_size"], size)
        self.position_embeddings = nn.Embedding(config["max_position_embeddings"], size)
        self.token_type_embeddings = nn.Embedding(config.get("type_vocab_size", 2), size)
        self.LayerNorm = nn.LayerNorm(size, config.get("layer_norm_eps", 1e-12))

    def __call__(self, ids, positions, types):
        return self.LayerNorm(self.word_embeddings(ids) + self.token_type_embeddings(types)
                              + self.position_embeddings(positions))


class Head(nn.Module):
    def __init__(self, config):
        super().__init__()
        size = config["hidden_size"]
        self.dense, self.LayerNorm = nn.Linear(size, size), nn.LayerNorm(size, config.get("layer_norm_eps", 1e-12))
        self.bias = mx.zeros(config["vocab_size"])

    def __call__(self, x, table):
        return self.LayerNorm(nn.gelu(self.dense(x))) @ table.T + self.bias


class Encoder(nn.Module):
    def __init__(self, config, head):
        super().__init__()
        self.embeddings = Embeddings(config)
        self.layer = [Layer(config) for _ in range(config["num_hidden_layers"])]
        self.first = first_position(config)
        self.padding = config.get("pad_token_id", 1)
        if head != "none":
            self.head = Head(config)

    def positions(self, ids):
        """RoBERTa counts tokens that are no padding, and padding stands at the padding id."""
        if not self.first:
            return mx.arange(ids.shape[1])[None]
        tokens = (ids != self.padding).astype(mx.int32)
        return mx.cumsum(tokens, axis=1) * tokens + self.padding

    def __call__(self, ids, mask, types, fast):
        x = self.embeddings(ids, self.positions(ids), types)
        mask = mx.where(mask[:, None, None, :] != 0, 0.0, -1e9).astype(x.dtype)
        for layer in self.layer:
            x = layer(x, mask, fast)
        return self.head(x, self.embeddings.word_embeddings.weight) if "head" in self else x


def names_here(weights, head):
    """The checkpoint's weights by the names of the modules above; without those that are not used."""
    for name, weight in weights.items():
        name = name.removeprefix("bert.").removeprefix("roberta.")
        name = name.replace(".gamma", ".weight").replace(".beta", ".bias")
        if name.startswith("encoder.layer."):
            name = name.removeprefix("encoder.")
            for theirs, ours in NAMES:
                if theirs in name:
                    name = name.replace(theirs, ours)
                    break
        elif name.startswith("cls.predictions."):
            name = "head." + name.removeprefix("cls.predictions.").removeprefix("transform.")
            if head == "none" or name.startswith("head.decoder."):
                continue
        elif not name.startswith("embeddings.") or name.endswith("position_ids"):
            continue
        yield name, weight


class Mlx(Model):
    def __init__(self, request):
        words = request["arm"].split()
        self.best, self.gpu = words[-1] == "best", "gpu" in words
        mx.set_default_device(mx.gpu if self.gpu else mx.cpu)
        config = config_of(request["model"])
        if not has_types(config):
            raise ValueError(f"the paper's library has no {config['model_type']}")
        if config.get("hidden_act", "gelu") != "gelu":
            raise ValueError(f"the activation '{config['hidden_act']}' is not known here")
        self.encoder, self.load_seconds = timed(lambda: self.read(request, config))
        self.compiled = mx.compile(lambda ids, mask, types: self.encoder(ids, mask, types, True))
        self.way = "mlx.nn, " + ("the faster of eager and mx.compile with mx.fast's attention" if self.best else "eager")
        if not self.gpu and sys.platform != "darwin":
            self.way += f"; one thread, not {request['threads']}: MLX's CPU device takes no number of threads"
        self.kernels = f"{mx.default_device()}; " + (
            "Metal" if self.gpu else "Accelerate" if sys.platform == "darwin" else "the BLAS of its package, one thread")

    @staticmethod
    def read(request, config):
        encoder, weights = Encoder(config, request["head"]), {}
        for path in weights_of(request["model"]):
            if not path.endswith(".safetensors"):
                raise ValueError(f"MLX reads weights in safetensors only, not '{path}'")
            weights |= mx.load(path)
        encoder.load_weights(list(names_here(weights, request["head"])))
        mx.eval(encoder.parameters())
        return encoder

    def convert(self, arrays):
        inputs = [mx.array(array.astype(numpy.int32)) for array in arrays.values()]
        mx.eval(inputs)
        return inputs

    def eager(self, inputs):
        return self.encoder(*inputs, False)

    def ways(self, inputs):
        def evaluated(call):
            y = call()
            mx.eval(y)
            return y
        ways = [("eager", lambda: lambda: evaluated(lambda: self.eager(inputs)))]
        if self.best:
            ways.append(("mx.compile", lambda: lambda: evaluated(lambda: self.compiled(*inputs))))
        return ways

    def array(self, output):
        return numpy.array(output)

    def flaws(self, inputs):
        return {"unevaluated": lambda: self.eager(inputs), "copy_to_numpy": lambda: numpy.array(self.eager(inputs))}


def arms():
    every = ["mlx fp32 default", "mlx fp32 best"]
    return every + ["mlx gpu fp32 default", "mlx gpu fp32 best"] if mx.metal.is_available() else every


serve_models("mlx", {"mlx": mx.__version__}, {"device": "CPU and GPU" if mx.metal.is_available() else "CPU"}, arms(), Mlx)
