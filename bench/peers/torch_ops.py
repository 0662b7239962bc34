#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""PyTorch as a peer of `mica bench ops`; README.md has the protocol.

Arms: `default`, what its documentation shows, each result in new memory; `best`, the fastest of the right ways
here: results written into memory that is used again (out=), other calls with the same meaning, other layouts of
the inputs, made before the clock runs. Both in inference mode, with as many threads as mica.
"""
from peer import absent, fastest, hello, seconds, serve


def start():
    try:
        import safetensors.torch
        import torch
    except (ImportError, OSError) as error:
        absent(error)
    hello("pytorch", {"torch": torch.__version__}, {"inference_mode": "true"})
    return torch, safetensors.torch


def ways(torch, request, t):
    """[(name, function, function that brings the result into the common layout)]: the default first."""
    F, op, axis = torch.nn.functional, request["op"], request["axis"]
    a, b, c = (t + [None, None])[:3]
    same = None

    def out(name, run, like):
        """The same call, with its result in memory that is there already."""
        places = like()
        places = tuple(p.contiguous().clone() for p in places) if isinstance(places, tuple) else places.clone()
        return name, lambda: run(places), same

    def values(result):
        return result[0]

    if op == "argmax":
        call = lambda: torch.argmax(a, axis)
        return [("argmax", call, same), out("argmax out=", lambda o: torch.argmax(a, axis, out=o), call)]
    if op == "binary_cross_entropy":
        return [("binary_cross_entropy", lambda: F.binary_cross_entropy(a, b), same)]
    if op == "concat":
        call = lambda: torch.cat([a, b], axis)
        return [("cat", call, same), out("cat out=", lambda o: torch.cat([a, b], axis, out=o), call)]
    if op == "conv1d":
        x, w = a.transpose(1, 2).contiguous(), b.transpose(1, 2).contiguous()
        x2, w2 = x.unsqueeze(2).contiguous(memory_format=torch.channels_last), \
            w.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        return [("conv1d", lambda: F.conv1d(x, w), lambda y: y.transpose(1, 2)),
                ("conv2d channels_last", lambda: F.conv2d(x2, w2), lambda y: y.squeeze(2).transpose(1, 2))]
    if op == "conv2d":
        x, w = a.permute(0, 3, 1, 2).contiguous(), b.permute(0, 3, 1, 2).contiguous()
        x2, w2 = x.contiguous(memory_format=torch.channels_last), w.contiguous(memory_format=torch.channels_last)
        last = lambda y: y.permute(0, 2, 3, 1)
        return [("conv2d", lambda: F.conv2d(x, w), last), ("conv2d channels_last", lambda: F.conv2d(x2, w2), last)]
    if op == "gather":
        call = lambda: torch.index_select(a, 0, b)
        return [("a[b]", lambda: a[b], same),
                out("index_select out=", lambda o: torch.index_select(a, 0, b, out=o), call),
                ("embedding", lambda: F.embedding(b, a), same)]
    if op == "leaky_relu":
        call = lambda: F.leaky_relu(a, 0.01)
        return [("leaky_relu", call, same),
                out("leaky_relu out=", lambda o: torch._C._nn.leaky_relu(a, 0.01, out=o), call)]
    if op == "linear":
        call, turned = lambda: F.linear(a, b, c), b.t()
        flat = a.reshape(-1, a.shape[-1])

        def into(o):
            torch.addmm(c, flat, turned, out=o.view(-1, o.shape[-1]))
            return o
        return [("linear", call, same), out("addmm out=", into, call)]
    if op == "matmul":
        call = lambda: torch.matmul(a, b)
        return [("matmul", call, same), out("matmul out=", lambda o: torch.matmul(a, b, out=o), call)]
    if op == "prelu":
        number = b.item()
        call = lambda: F.prelu(a, b)
        return [("prelu", call, same),
                out("leaky_relu out=", lambda o: torch._C._nn.leaky_relu(a, number, out=o), call)]
    if op == "relu":
        call = lambda: torch.relu(a)
        return [("relu", call, same), out("clamp out=", lambda o: torch.clamp(a, min=0, out=o), call)]
    if op == "scatter":
        call = lambda: torch.index_copy(a, 0, b, c)
        wide = b[:, None].expand(-1, a.shape[1])
        return [("index_copy", call, same),
                out("index_copy out=", lambda o: torch.index_copy(a, 0, b, c, out=o), call),
                out("scatter out=", lambda o: torch.scatter(a, 0, wide, c, out=o), call)]
    if op == "scatter_sum":
        call = lambda: torch.index_add(a, 0, b, c)
        wide = b[:, None].expand(-1, a.shape[1])
        return [("index_add", call, same), out("index_add out=", lambda o: torch.index_add(a, 0, b, c, out=o), call),
                out("scatter_add out=", lambda o: torch.scatter_add(a, 0, wide, c, out=o), call)]
    if op == "scatter_max":
        wide = b[:, None].expand(-1, a.shape[1])
        call = lambda: torch.scatter_reduce(a, 0, wide, c, "amax")
        return [("scatter_reduce", call, same),
                out("scatter_reduce out=", lambda o: torch.scatter_reduce(a, 0, wide, c, "amax", out=o), call),
                out("index_reduce out=", lambda o: torch.index_reduce(a, 0, b, c, "amax", out=o), call)]
    if op == "selu":
        scale, alpha = 1.0507009873554805, 1.6732632423543772
        call = lambda: F.selu(a)
        return [("selu", call, same),
                out("elu out=", lambda o: torch._C._nn.elu(a, alpha, scale, 1.0, out=o), call)]
    if op == "sigmoid":
        call = lambda: torch.sigmoid(a)
        return [("sigmoid", call, same), out("sigmoid out=", lambda o: torch.sigmoid(a, out=o), call)]
    if op == "softmax":
        call = lambda: torch.softmax(a, axis)
        return [("softmax", call, same), out("softmax out=", lambda o: torch.softmax(a, axis, out=o), call)]
    if op == "softplus":
        call = lambda: F.softplus(a)
        return [("softplus", call, same), out("softplus out=", lambda o: torch._C._nn.softplus(a, out=o), call)]
    if op == "sort":
        call = lambda: torch.sort(a, axis)
        name, run, _ = out("sort out=", lambda o: torch.sort(a, dim=axis, out=o), lambda: tuple(call()))
        return [("sort", call, values), (name, run, values)]
    if op == "sum":
        call = lambda: torch.sum(a, axis)
        return [("sum", call, same), out("sum out=", lambda o: torch.sum(a, axis, out=o), call)]
    if op == "sum_all":
        return [("sum", lambda: torch.sum(a), same)]
    if op == "layer_norm":
        return [("layer_norm", lambda: F.layer_norm(a, (a.shape[-1],), b, c, 1e-5), same)]
    if op == "scaled_dot_product_attention":
        causal = request["causal"]
        return [("scaled_dot_product_attention",
                 lambda: F.scaled_dot_product_attention(a, b, c, is_causal=causal), same)]
    raise ValueError(f"there is no operation '{op}'")


class Work:
    def __init__(self, torch, safetensors, request):
        self.safetensors = safetensors
        torch.set_num_threads(request["threads"])
        tensors = safetensors.load_file(request["inputs"])
        self.tensors = [tensors[name].clone() for name in "abc" if name in tensors]  # the file is mapped
        every = ways(torch, request, self.tensors)
        self.arms = {"default": every[0], "best": fastest(every)}

    def check(self, arm, path):
        name, run, finish = self.arms[arm]
        result = run()
        result = finish(result) if finish else result
        self.safetensors.save_file({"output": result.contiguous()}, path)
        return name


def main():
    torch, safetensors = start()
    work = None

    def prepare(request):
        nonlocal work
        work = None  # its memory first
        work = Work(torch, safetensors, request)

    with torch.inference_mode():
        serve(prepare=prepare,
              check=lambda request: {"way": work.check(request["arm"], request["output"])},
              time=lambda request: {"seconds": seconds(work.arms[request["arm"]][1], request["runs"])})


main()
