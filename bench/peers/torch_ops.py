#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""PyTorch as a peer of `mica bench ops`; README.md has the protocol.

Arms: `default`, what its documentation shows, each result in new memory; `best`, the fastest of the right ways
here: results written into memory that is used again (out=) or that malloc keeps, other calls with the same meaning,
other layouts of the inputs, made before the clock runs. Both in inference mode, with as many threads as mica.
"""
import ctypes
import sys

from peer import absent, hello, seconds, serve, trial


def start():
    try:
        import safetensors.torch
        import torch
    except (ImportError, OSError) as error:
        absent(error)
    hello("pytorch", {"torch": torch.__version__}, {"inference_mode": "true"})
    return torch, safetensors.torch


class Memory:
    """What glibc's malloc does with large results: as it comes (those above 32 MB are mapped and unmapped each
    time), or kept for the next one, as better allocators do. Elsewhere it is left alone."""
    TRIM, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4

    def __init__(self):
        self.libc, self.kept = None, False
        if sys.platform == "linux":
            libc = ctypes.CDLL(None)
            self.libc = libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None

    def keep(self, kept):
        if not self.libc or kept == self.kept:
            return
        self.kept = kept
        # What is not kept: the values that glibc comes to by itself when it meets large results.
        for option, value in ((self.MMAP_MAX, 0 if kept else 65536), (self.TRIM, -1 if kept else 1 << 26),
                              (self.MMAP_THRESHOLD, 1 << 25)):
            self.libc.mallopt(option, value)
        self.libc.malloc_trim(0)


class Way:
    """A way to do the work. `make` gives the function that is timed: what it needs beside the inputs, such as memory
    for the result, is made then, and goes with the function. `finish` brings the result into the common layout."""

    def __init__(self, name, make, finish=None, new=False, kept=False):
        self.name, self.make, self.finish = name, make, finish
        self.new, self.kept = new, kept  # each result is in new memory; which malloc keeps


def ways(torch, request, t):
    """All right ways: the default first."""
    F, op, axis = torch.nn.functional, request["op"], request["axis"]
    a, b, c = (t + [None, None])[:3]
    def way(name, run, finish=None):
        return Way(name, lambda: run, finish, new=True)

    def out(name, run, like, finish=None):
        """The same call, with its result in memory that is there already."""
        def make():
            places = like()
            places = tuple(p.contiguous() for p in places) if isinstance(places, tuple) else places
            return lambda: run(places)
        return Way(name, make, finish)

    def values(result):
        return result[0]

    if op == "argmax":
        call = lambda: torch.argmax(a, axis)
        return [way("argmax", call), out("argmax out=", lambda o: torch.argmax(a, axis, out=o), call)]
    if op == "binary_cross_entropy":
        return [way("binary_cross_entropy", lambda: F.binary_cross_entropy(a, b))]
    if op == "concat":
        call = lambda: torch.cat([a, b], axis)
        return [way("cat", call), out("cat out=", lambda o: torch.cat([a, b], axis, out=o), call)]
    if op == "conv1d":
        x, w = a.transpose(1, 2).contiguous(), b.transpose(1, 2).contiguous()
        x2, w2 = x.unsqueeze(2).contiguous(memory_format=torch.channels_last), \
            w.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        return [way("conv1d", lambda: F.conv1d(x, w), lambda y: y.transpose(1, 2)),
                way("conv2d channels_last", lambda: F.conv2d(x2, w2), lambda y: y.squeeze(2).transpose(1, 2))]
    if op == "conv2d":
        x, w = a.permute(0, 3, 1, 2).contiguous(), b.permute(0, 3, 1, 2).contiguous()
        x2, w2 = x.contiguous(memory_format=torch.channels_last), w.contiguous(memory_format=torch.channels_last)
        last = lambda y: y.permute(0, 2, 3, 1)
        return [way("conv2d", lambda: F.conv2d(x, w), last),
                way("conv2d channels_last", lambda: F.conv2d(x2, w2), last)]
    if op == "gather":
        call = lambda: torch.index_select(a, 0, b)
        return [way("a[b]", lambda: a[b]),
                out("index_select out=", lambda o: torch.index_select(a, 0, b, out=o), call),
                way("embedding", lambda: F.embedding(b, a))]
    if op == "leaky_relu":
        call = lambda: F.leaky_relu(a, 0.01)
        return [way("leaky_relu", call),
                out("leaky_relu out=", lambda o: torch._C._nn.leaky_relu(a, 0.01, out=o), call)]
    if op == "linear":
        call, turned = lambda: F.linear(a, b, c), b.t()
        flat = a.reshape(-1, a.shape[-1])

        def into(o):
            torch.addmm(c, flat, turned, out=o.view(-1, o.shape[-1]))
            return o
        return [way("linear", call), out("addmm out=", into, call)]
    if op == "matmul":
        call = lambda: torch.matmul(a, b)
        return [way("matmul", call), out("matmul out=", lambda o: torch.matmul(a, b, out=o), call)]
    if op == "prelu":
        number = b.item()
        call = lambda: F.prelu(a, b)
        return [way("prelu", call),
                out("leaky_relu out=", lambda o: torch._C._nn.leaky_relu(a, number, out=o), call)]
    if op == "relu":
        call = lambda: torch.relu(a)
        return [way("relu", call), out("clamp out=", lambda o: torch.clamp(a, min=0, out=o), call)]
    if op == "scatter":
        call = lambda: torch.index_copy(a, 0, b, c)
        wide = b[:, None].expand(-1, a.shape[1])
        return [way("index_copy", call),
                out("index_copy out=", lambda o: torch.index_copy(a, 0, b, c, out=o), call),
                out("scatter out=", lambda o: torch.scatter(a, 0, wide, c, out=o), call)]
    if op == "scatter_sum":
        call = lambda: torch.index_add(a, 0, b, c)
        wide = b[:, None].expand(-1, a.shape[1])
        return [way("index_add", call),
                out("index_add out=", lambda o: torch.index_add(a, 0, b, c, out=o), call),
                out("scatter_add out=", lambda o: torch.scatter_add(a, 0, wide, c, out=o), call)]
    if op == "scatter_max":
        wide = b[:, None].expand(-1, a.shape[1])
        call = lambda: torch.scatter_reduce(a, 0, wide, c, "amax")
        return [way("scatter_reduce", call),
                out("scatter_reduce out=", lambda o: torch.scatter_reduce(a, 0, wide, c, "amax", out=o), call),
                out("index_reduce out=", lambda o: torch.index_reduce(a, 0, b, c, "amax", out=o), call)]
    if op == "selu":
        scale, alpha = 1.0507009873554805, 1.6732632423543772
        call = lambda: F.selu(a)
        return [way("selu", call),
                out("elu out=", lambda o: torch._C._nn.elu(a, alpha, scale, 1.0, out=o), call)]
    if op == "sigmoid":
        call = lambda: torch.sigmoid(a)
        return [way("sigmoid", call), out("sigmoid out=", lambda o: torch.sigmoid(a, out=o), call)]
    if op == "softmax":
        call = lambda: torch.softmax(a, axis)
        return [way("softmax", call), out("softmax out=", lambda o: torch.softmax(a, axis, out=o), call)]
    if op == "softplus":
        call = lambda: F.softplus(a)
        return [way("softplus", call), out("softplus out=", lambda o: torch._C._nn.softplus(a, out=o), call)]
    if op == "sort":
        call = lambda: torch.sort(a, axis)
        return [way("sort", call, values),
                out("sort out=", lambda o: torch.sort(a, dim=axis, out=o), lambda: tuple(call()), values)]
    if op == "sum":
        call = lambda: torch.sum(a, axis)
        return [way("sum", call), out("sum out=", lambda o: torch.sum(a, axis, out=o), call)]
    if op == "sum_all":
        return [way("sum", lambda: torch.sum(a))]
    if op == "layer_norm":
        return [way("layer_norm", lambda: F.layer_norm(a, (a.shape[-1],), b, c, 1e-5))]
    if op == "scaled_dot_product_attention":
        causal = request["causal"]
        return [way("scaled_dot_product_attention",
                    lambda: F.scaled_dot_product_attention(a, b, c, is_causal=causal))]
    raise ValueError(f"there is no operation '{op}'")


def flaws(torch, request, t):
    """{name: way}: what the published harness did instead, of this operation."""
    F, op, axis = torch.nn.functional, request["op"], request["axis"]
    a, b, c = (t + [None, None])[:3]

    def way(name, run, finish=None):
        return Way(name, lambda: run, finish)

    if op in ("scatter_sum", "scatter_max"):
        column = b.unsqueeze(1)
        how = "sum" if op == "scatter_sum" else "amax"
        return {"one_column": way("scatter_reduce, index (N, 1)", lambda: torch.scatter_reduce(a, 0, column, c, how))}
    if op == "binary_cross_entropy":
        targets = torch.randint(0, 2, b.shape).to(b.dtype)
        return {"different_function": way("binary_cross_entropy_with_logits",
                                          lambda: F.binary_cross_entropy_with_logits(a, targets))}
    if op == "scaled_dot_product_attention":
        mask = torch.ones(a.shape[-2], b.shape[-2], dtype=torch.bool).tril()
        ones = mask.masked_fill(~mask, float("-inf")).to(a.dtype)  # -inf is True in a mask of bool
        return {"mask_of_ones": way("attn_mask of ones",
                                    lambda: F.scaled_dot_product_attention(a, b, c, attn_mask=ones))}
    if op == "conv1d":
        x, w = a.transpose(1, 2), b.transpose(1, 2)
        return {"layout_in_the_loop": way("conv1d of strided views", lambda: F.conv1d(x, w),
                                          lambda y: y.transpose(1, 2))}
    if op == "relu":
        return {"new_memory": way("relu", lambda: torch.relu(a))}
    return {}


class Work:
    def __init__(self, torch, safetensors, request, memory):
        self.torch, self.safetensors, self.request, self.memory = torch, safetensors, request, memory
        torch.set_num_threads(request["threads"])
        tensors = safetensors.load_file(request["inputs"])
        self.tensors = [tensors[name].clone() for name in "abc" if name in tensors]  # the file is mapped
        every = ways(torch, request, self.tensors)
        kept = [Way(way.name + ", memory kept", way.make, way.finish, kept=True) for way in every if way.new]
        if not memory.libc or not request.get("keep", True):  # what malloc keeps may be twice what is needed
            kept = []
        self.arms = {"default": every[0], "best": self.fastest(every + kept)}
        self.ready = {}  # the functions of ways, with their memory

    def fastest(self, every):
        """The way with the shortest run; others are dropped with their memory."""
        best, shortest = every[0], float("inf")
        for way in every if len(every) > 1 else []:
            self.memory.keep(way.kept)
            least = trial(way.make(), enough=2)
            if least < shortest:
                best, shortest = way, least
        return best

    def function(self, way):
        """What runs the way: of before, or made now and run once."""
        self.memory.keep(way.kept)
        if way not in self.ready:
            run = way.make()
            run()
            self.ready[way] = run
        return self.ready[way]

    def drop(self):
        """Gives back all that is neither an input nor an arm."""
        self.ready.clear()
        self.memory.keep(False)

    def check(self, way, path, at, keep):
        result = self.function(way)()
        result = way.finish(result) if way.finish else result
        shape = list(result.shape)
        if at:
            at = self.safetensors.load_file(at)["at"]
            result = result.reshape(-1)[at] if result.is_contiguous() else \
                result[self.torch.unravel_index(at, result.shape)]
        self.safetensors.save_file({"output": result.contiguous()}, path)
        del result
        if not keep:
            self.drop()
        return {"way": way.name, "shape": shape}

    def time(self, way, runs, keep):
        took = seconds(self.function(way), runs)
        if not keep:
            self.drop()
        return {"seconds": took}

    def flaw(self, name):
        if name not in self.arms:
            self.arms.update(flaws(self.torch, self.request, self.tensors))
        if name not in self.arms:
            raise ValueError(f"{self.request['op']} has no flaw '{name}'")
        return self.arms[name]


def answer(work, request):
    way = work.flaw(request["name"]) if request["do"] == "flaw" else work.arms[request["arm"]]
    keep = request.get("keep", True)
    if "output" in request:
        return work.check(way, request["output"], request.get("at"), keep)
    return work.time(way, request["runs"], keep)


def main():
    torch, safetensors = start()
    work, memory = None, Memory()

    def rest(request):
        nonlocal work
        work = None
        memory.keep(False)

    def prepare(request):
        nonlocal work
        rest(request)  # its memory first
        work = Work(torch, safetensors, request, memory)

    with torch.inference_mode():
        work_on = lambda request: answer(work, request)
        serve(prepare=prepare, rest=rest, check=work_on, time=work_on, flaw=work_on)


main()
