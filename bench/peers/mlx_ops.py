#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""MLX as a peer of `mica bench ops`; README.md has the protocol.

Arms: `default`, what its documentation shows; `best`, the fastest of the right ways here: other calls of the same
meaning, and each of them under mx.compile. Every result is evaluated before the clock stops. On the GPU of a Mac, else on
the CPU.
"""
import math

from peer import absent, fastest, hello, save_output, seconds, serve

try:
    import mlx.core as mx
    import mlx.nn as nn
    import numpy
    from safetensors.numpy import load_file
except (ImportError, OSError) as error:
    absent(error)


def ways(op, axis, causal):
    """[(name, function of the inputs)]: the default first."""
    if op == "argmax":
        return [("argmax", lambda a: mx.argmax(a, axis=axis))]
    if op == "binary_cross_entropy":
        return [("binary_cross_entropy", lambda a, b: nn.losses.binary_cross_entropy(a, b, with_logits=False))]
    if op == "concat":
        return [("concatenate", lambda a, b: mx.concatenate([a, b], axis=axis))]
    if op == "conv1d":
        return [("conv1d", mx.conv1d),
                ("conv2d", lambda a, b: mx.conv2d(a[:, None], b[:, None])[:, 0])]
    if op == "conv2d":
        return [("conv2d", mx.conv2d)]
    if op == "gather":
        return [("a[b]", lambda a, b: a[b]), ("take", lambda a, b: mx.take(a, b, axis=0))]
    if op == "leaky_relu":
        return [("leaky_relu", lambda a: nn.leaky_relu(a, 0.01)),
                ("where", lambda a: mx.where(a > 0, a, 0.01 * a))]
    if op == "linear":
        return [("a @ b.T + c", lambda a, b, c: a @ b.T + c), ("addmm", lambda a, b, c: mx.addmm(c, a, b.T))]
    if op == "matmul":
        return [("matmul", mx.matmul)]
    if op == "prelu":
        return [("prelu", nn.prelu), ("where", lambda a, b: mx.where(a > 0, a, b * a))]
    if op == "relu":
        return [("relu", nn.relu), ("maximum", lambda a: mx.maximum(a, 0))]
    if op == "scatter":
        def assign(a, b, c):
            y = mx.array(a)
            y[b] = c
            return y
        wide = lambda a, b, c: mx.put_along_axis(a, mx.broadcast_to(b[:, None], c.shape), c, axis=0)
        return [("y[b] = c", assign), ("put_along_axis", wide)]
    if op == "scatter_sum":
        return [("at[].add", lambda a, b, c: a.at[b].add(c))]
    if op == "scatter_max":
        return [("at[].maximum", lambda a, b, c: a.at[b].maximum(c))]
    if op == "selu":
        return [("selu", nn.selu)]
    if op == "sigmoid":
        return [("sigmoid", mx.sigmoid)]
    if op == "softmax":
        return [("softmax", lambda a: mx.softmax(a, axis=axis))]
    if op == "softplus":
        return [("softplus", nn.softplus)]
    if op == "sort":
        return [("sort", lambda a: mx.sort(a, axis=axis))]
    if op == "sum":
        return [("sum", lambda a: mx.sum(a, axis=axis))]
    if op == "sum_all":
        return [("sum", mx.sum)]
    if op == "layer_norm":
        return [("fast.layer_norm", lambda a, b, c: mx.fast.layer_norm(a, b, c, 1e-5))]
    if op == "scaled_dot_product_attention":
        def attention(a, b, c):
            return mx.fast.scaled_dot_product_attention(a, b, c, scale=1 / math.sqrt(a.shape[-1]),
                                                        mask="causal" if causal else None)
        return [("fast.scaled_dot_product_attention", attention)]
    raise ValueError(f"there is no operation '{op}'")


def flawed(op, name):
    """What the published benchmark did: (name, function of the inputs, whether its result is evaluated)."""
    over_all = {"argmax": mx.argmax, "softmax": mx.softmax, "sum": mx.sum, "sort": mx.sort}
    if name == "axis_ignored" and op in over_all:
        return f"{op}(a), without the axis", over_all[op], True
    if name == "work_discarded" and op in ("scatter_sum", "scatter_max"):
        def discard(a, b, c):
            a.at[b].add(c) if op == "scatter_sum" else a.at[b].maximum(c)
            return a
        return "the result is thrown away, a is returned", discard, True
    if name == "different_function" and op == "binary_cross_entropy":
        return "binary_cross_entropy from logits", nn.losses.binary_cross_entropy, True
    return None


class Work:
    def __init__(self, request):
        tensors = load_file(request["inputs"])
        self.inputs = [mx.array(tensors[name]) for name in "abc" if name in tensors]
        mx.eval(self.inputs)
        self.op = request["op"]
        every = ways(self.op, request["axis"], request["causal"])
        self.default = every[0]
        every += [(f"{name}, mx.compile", mx.compile(call)) for name, call in every]
        self.arms = {"default": (self.default[0], self.runs(self.default[1]))}
        self.every = [(name, self.runs(call)) for name, call in every]

    def runs(self, call, evaluated=True):
        def run():
            y = call(*self.inputs)
            if evaluated:
                mx.eval(y)
            return y
        return run

    def arm(self, name):
        if name == "best" and name not in self.arms:
            self.arms[name] = fastest(self.every, enough=2)
            self.every = None
        if name not in self.arms:
            raise ValueError(f"there is no arm '{name}'")
        return self.arms[name]

    def flaw(self, name):
        if name == "unevaluated":
            return f"{self.default[0]}, never evaluated", self.runs(self.default[1], False)
        found = flawed(self.op, name)
        if not found:
            raise ValueError(f"{self.op} does not have the flaw '{name}' here")
        return found[0], self.runs(found[1], found[2])


def answer(request, way):
    """To a request with `output` the result, to one with `runs` the time."""
    name, run = way
    fields = {"way": name}
    if "output" in request:
        y = run()
        y = y.astype(mx.int32) if y.dtype == mx.uint32 else y
        fields["shape"] = save_output(request, numpy.asarray(y))
        del y
    if "runs" in request:
        fields["seconds"] = seconds(run, request["runs"])
    if not request.get("keep", True):
        mx.clear_cache()
    return fields


def main():
    gpu = mx.metal.is_available()
    mx.set_default_device(mx.gpu if gpu else mx.cpu)
    hello("mlx", {"mlx": mx.__version__}, {"device": "gpu" if gpu else "cpu"})
    work = None

    def rest(request):
        nonlocal work
        work = None
        mx.clear_cache()

    def prepare(request):
        nonlocal work
        rest(request)  # its memory first
        work = Work(request)

    serve(prepare=prepare, check=lambda request: answer(request, work.arm(request["arm"])),
          time=lambda request: answer(request, work.arm(request["arm"])),
          flaw=lambda request: answer(request, work.flaw(request["name"])), rest=rest)


main()
