# SPDX-License-Identifier: MIT
"""Operations on arrays, as PyTorch computes them: tests/fixtures/ops/reference.safetensors.

    python ops.py OUT                  the fixture: the grid of ops_grid.py and some random cases
    python ops.py OUT SEED TIMES       as many random cases as one likes, for comparing at leisure

ops_case.py says what a case is.
"""
import math
import sys

import torch
import torch.nn.functional as F

import ops_case
import ops_grid
from ops_case import BF16, BOOL, F16, F32, FLOATS, I32, I64, U8, case, g, tolerance, wide

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e-30, 88.0, -104.0, 1e4, math.inf, -math.inf, math.nan, 3.0]


def below(n):
    return int(torch.randint(n, (1,), generator=g))


def choose(items):
    return items[below(len(items))]


def shape_of(rank, most=6, least=0):
    return [least + below(most + 1 - least) for _ in range(rank)]


def random(shape, dtype=F32, special=False, low=-3.0, high=3.0):
    if dtype == BOOL:
        return torch.randint(2, shape, generator=g).bool()
    if dtype == U8:
        return torch.randint(256, shape, generator=g).to(U8)
    if not dtype.is_floating_point:
        return torch.randint(-9, 10, shape, generator=g).to(dtype)
    x = torch.rand(shape, generator=g, dtype=torch.float64) * (high - low) + low
    if special and x.numel():
        flat = x.view(-1)
        for _ in range(1 + flat.numel() // 4):
            flat[below(flat.numel())] = choose(SPECIAL)
    return x.to(dtype)


def maybe_view(x, i, views):
    """Notes x as a view of something else, one time in two."""
    kind = below(4)
    if kind == 0 and x.dim() > 1:
        axes = torch.randperm(x.dim(), generator=g).tolist()
        inverse = [axes.index(k) for k in range(x.dim())]
        views[i] = ("t", ".".join(map(str, axes)), x.permute(inverse))
    elif kind == 1 and x.dim() > 0:
        axis, step, begin = below(x.dim()), 1 + below(3), below(3)
        n = x.shape[axis]
        end = begin + ((n - 1) * step + 1 if n else 0)
        shape = list(x.shape)
        shape[axis] = end + below(3)
        whole = torch.zeros(shape, dtype=x.dtype) + (1 if x.dtype != BOOL else 0)
        whole = whole.to(x.dtype)
        index = torch.arange(begin, end, step)
        whole.index_copy_(axis, index, x)
        views[i] = ("s", f"{axis}.{begin}.{end}.{step}", whole)
    return views


# name: function, lowest and highest usual input, error in float32
POINTWISE = {
    "neg": (torch.neg, -3, 3, 0), "abs": (torch.abs, -3, 3, 0), "exp": (torch.exp, -9, 9, 1e-6),
    "log": (torch.log, 0, 9, 1e-6), "sqrt": (torch.sqrt, 0, 9, 2e-7), "square": (torch.square, -3, 3, 0),
    "tanh": (torch.tanh, -4, 4, 1e-6), "sigmoid": (torch.sigmoid, -9, 9, 1e-6),
    "relu": (torch.relu, -3, 3, 0), "gelu": (F.gelu, -4, 4, 2e-6), "silu": (F.silu, -9, 9, 2e-6),
    "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), -4, 4, 2e-6),
    "selu": (F.selu, -5, 3, 1e-6), "softplus": (lambda x: torch.logaddexp(x, torch.zeros_like(x)), -20, 9, 1e-6),
    "sin": (torch.sin, -9, 9, 2e-7), "cos": (torch.cos, -9, 9, 2e-7), "rsqrt": (torch.rsqrt, 0, 9, 2e-7),
    "log1p": (torch.log1p, -1, 9, 1e-6), "expm1": (torch.expm1, -3, 3, 1e-6), "erf": (torch.erf, -3, 3, 2e-7),
    "floor": (torch.floor, -9, 9, 0), "ceil": (torch.ceil, -9, 9, 0), "round": (torch.round, -9, 9, 0),
    "sign": (torch.sign, -3, 3, 0),
}
OPEN = {"gelu", "silu", "gelu_tanh"}  # -inf times 0


def pointwise(name):
    f, low, high, tol = POINTWISE[name]
    dtype = choose(FLOATS)
    if name in ("neg", "abs", "square", "relu", "sign") and below(2):
        dtype = choose([I32, I64, U8])
    x = random(shape_of(below(4), 40), dtype, special=name not in OPEN, low=low, high=high)
    views = maybe_view(x, 0, {})
    y = f(wide(x)).to(dtype)
    if name == "sign" and dtype.is_floating_point:
        y = torch.where(torch.isnan(x), x, y)
    case(name, [x], y, tolerance(dtype, tol) if dtype.is_floating_point and (tol or dtype != F32) else 0, views)


def leaky():
    x = random(shape_of(2, 20), choose(FLOATS), special=True)
    case("leaky_relu", [x], F.leaky_relu(wide(x), 0.125).to(x.dtype), tolerance(x.dtype, 1e-7), slope=0.125)


BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum,
    "minimum": torch.minimum, "pow": torch.pow, "remainder": ops_grid.remainder,
    "prelu": lambda a, b: torch.where(a > 0, a, a * b), "equal": torch.eq, "not_equal": torch.ne,
    "less": torch.lt, "less_equal": torch.le, "greater": torch.gt, "greater_equal": torch.ge,
    "logical_and": torch.logical_and, "logical_or": torch.logical_or,
}


def narrowed(shape):
    own = [1 if below(3) == 0 else n for n in shape]
    return own[below(len(own) + 1):] if below(3) == 0 else own


def binary(name):
    dtypes = FLOATS if name in ("div", "pow", "prelu") else FLOATS + [I32, I64, U8]
    if name in ("maximum", "minimum") or name.startswith(("equal", "not", "less", "greater")):
        dtypes = dtypes + [BOOL]
    dtype = BOOL if name.startswith("logical") else choose(dtypes)
    shape = shape_of(below(5), 7)
    a, b = (random(narrowed(shape), dtype, special=below(2) == 0) for _ in range(2))
    if name == "remainder":
        b = torch.where(b == 0, torch.ones_like(b), b)
        if dtype.is_floating_point:  # the quotient of huge numbers has no meaning that all agree on
            a, b = (torch.nan_to_num(v, 1.5, 2.5, -2.5).clamp(-50, 50) for v in (a, b))
            b = torch.where(b.abs() < 0.01, torch.ones_like(b), b)
    views = maybe_view(b, 1, maybe_view(a, 0, {}))
    compares = name not in ("add", "sub", "mul", "div", "maximum", "minimum", "pow", "remainder", "prelu")
    if compares:
        y = BINARY[name](a, b)
    else:
        y = BINARY[name](wide(a), wide(b)).to(dtype)
    if y.numel() > 4000:
        return
    tol = 0 if compares or not dtype.is_floating_point else tolerance(dtype, 2e-7)
    case(name, [a, b], y, tol, views)


def where():
    shape, dtype = shape_of(below(4), 7), choose(FLOATS + [I32, I64, U8, BOOL])
    c = random(narrowed(shape), BOOL)
    a, b = random(narrowed(shape), dtype), random(narrowed(shape), dtype)
    case("where", [c, a, b], torch.where(c, a, b), 0, maybe_view(b, 2, maybe_view(c, 0, {})))


def logical_not():
    x = random(shape_of(2), BOOL)
    case("logical_not", [x], ~x, 0, maybe_view(x, 0, {}))


def reduction(name):
    dtype = choose(FLOATS if name == "mean" else FLOATS + [I32, I64, U8, BOOL])
    arg = name.startswith("arg")
    rank, least = 1 + below(4), 1 if name in ("mean", "max", "min") or arg else 0
    shape = shape_of(rank, choose([4, 9, 40]) if rank < 4 else 5, least)
    if below(6) == 0:
        shape = [1, 3000][: rank] if below(2) else [70, 40][: rank]
    rank = len(shape)
    x = random(shape, dtype, special=below(3) == 0 and name not in ("sum", "mean", "prod"))
    if arg and dtype.is_floating_point and below(2):
        x = torch.round(x)  # ties
    views = maybe_view(x, 0, {})
    how, keep = below(3), below(2) == 1
    if name == "prod":
        x = x if not dtype.is_floating_point else x.clamp(-1.3, 1.3)
        views = {}
    if how == 0:
        axes, params = list(range(rank)), {"all": 1}
    elif how == 1 or arg:
        axis = below(2 * rank) - rank
        axes, params = [axis % rank], {"axis": axis}
    else:
        axes = sorted(set(below(rank) for _ in range(3)))
        params = {"axes": ".".join(str(a - rank if below(2) else a) for a in axes)}
    if keep:
        params["keep_dims"] = 1
    w = wide(x)
    if arg:
        flat = how == 0
        z = w.reshape(-1) if flat else w.movedim(axes[0], -1)
        z = z.to(torch.float64) if z.dtype != torch.float64 else z
        # the first of the largest, the first NaN before all
        best = -z if name == "argmin" else z
        best = torch.where(torch.isnan(z), torch.full_like(z, math.inf), best)
        isnan = torch.isnan(z)
        top = best.max(-1, keepdim=True).values
        hit = torch.where(isnan.any(-1, keepdim=True), isnan, best == top)
        y = hit.to(torch.int8).argmax(-1).to(I32)
        if keep:
            y = y.reshape([1] * rank) if flat else y.unsqueeze(axes[0])
    else:
        y = w if w.dtype != BOOL else w.long()
        if name in ("sum", "mean"):
            y = getattr(torch, name)(y, dim=axes, keepdim=keep)
        elif name == "prod":
            for a in sorted(axes, reverse=True):
                y = y.prod(dim=a, keepdim=keep)
        else:
            y = getattr(torch, "a" + name)(y, dim=axes, keepdim=keep)
        whole = not dtype.is_floating_point
        y = y.to(I64 if whole and name in ("sum", "prod") else dtype)
    tol = 0 if not dtype.is_floating_point or name not in ("sum", "mean", "prod") else tolerance(dtype, 1e-6)
    if name == "sum" and tol:
        tol *= 4
    case(name, [x], y, tol, views, **params)


def matmul():
    dtype = choose([F32, F32, F16, BF16])
    m, n, k = (choose([0, 1, 2, 5, 17, 33, 70]) for _ in range(3))
    if below(8) == 0:
        m, n, k = choose([(3, 2, 13000), (2, 1, 900), (1, 40, 500), (20, 40, 450)])
    lead = narrowed(shape_of(below(3), 3, 1))
    a, b = random(lead + [m, k], dtype, low=-1, high=1), random(narrowed(lead) + [k, n], dtype, low=-1, high=1)
    kind = below(6)
    if kind == 0:
        a = random([k], dtype, low=-1, high=1)
    elif kind == 1:
        b = random([k], dtype, low=-1, high=1)
    views = maybe_view(b, 1, maybe_view(a, 0, {}))
    y = torch.matmul(wide(a), wide(b)).to(dtype)
    case("matmul", [a, b], y, max(tolerance(dtype), 2e-7 * math.sqrt(k + 1) * 4), views)


def linear():
    dtype = choose([F32, F32, F16, BF16])
    n, k = choose([1, 2, 9, 40]), choose([1, 7, 64, 500])
    x, w = random(shape_of(below(3), 4) + [k], dtype, low=-1, high=1), random([n, k], dtype, low=-1, high=1)
    b = random([n], dtype) if below(2) else None
    y = F.linear(wide(x), wide(w), None if b is None else wide(b)).to(dtype)
    case("linear", [x, w, b], y, max(tolerance(dtype), 2e-7 * math.sqrt(k + 1) * 4), maybe_view(x, 0, {}))


def conv(d):
    dtype = choose([F32, F32, F32, F16, BF16])
    groups = choose([1, 1, 2, 3])
    c, o = groups * choose([1, 2, 5]), groups * choose([1, 3, 8, 9, 35])
    size = [choose([1, 5, 12, 30]) for _ in range(d)]
    kernel = [1 + below(3) for _ in range(d)]
    stride, dilation = [1 + below(2) for _ in range(d)], [1 + below(2) for _ in range(d)]
    padding = [below(3) for _ in range(d)]
    for i in range(d):
        while size[i] + 2 * padding[i] < (kernel[i] - 1) * dilation[i] + 1:
            size[i] += 1
    batch = choose([0, 1, 2])
    x = random([batch] + size + [c], dtype, low=-1, high=1)
    w = random([o] + kernel + [c // groups], dtype, low=-1, high=1)
    b = random([o], dtype) if below(2) else None
    f = F.conv1d if d == 1 else F.conv2d
    y = f(wide(x).movedim(-1, 1), wide(w).movedim(-1, 1), None if b is None else wide(b), stride, padding,
          dilation, groups).movedim(1, -1).to(dtype)
    if y.numel() > 9000:
        return
    text = [".".join(map(str, v)) for v in (stride, padding, dilation)]
    k = math.prod(kernel) * c // groups
    case(f"conv{d}d", [x, w, b], y, max(tolerance(dtype), 2e-6 * math.sqrt(k)), maybe_view(x, 0, {}), stride=text[0],
         padding=text[1], dilation=text[2], groups=groups)


def sdpa():
    dtype = choose([F32, F32, F16, BF16])
    kv = choose([1, 2])
    heads = kv * choose([1, 1, 3])
    lead = choose([[], [2]]) + [heads]
    q_len, k_len, d, e = choose([1, 3, 60]), choose([1, 4, 40, 61]), choose([1, 8, 33]), choose([1, 8, 40])
    q = random(lead + [q_len, d], dtype)
    k, v = random(lead[:-1] + [kv, k_len, d], dtype), random(lead[:-1] + [kv, k_len, e], dtype)
    causal, mask, kind = below(2) == 1, None, below(3)
    bias = torch.zeros(lead + [q_len, k_len], dtype=torch.float64)
    if kind == 0:
        mask = random(narrowed(lead + [q_len, k_len]), BOOL)
        bias = bias.masked_fill(~mask, -math.inf)
    elif kind == 1:
        mask = random(narrowed(lead + [q_len, k_len]), dtype)
        if below(2):
            mask = mask.masked_fill(random(list(mask.shape), BOOL), -math.inf)
        bias = bias + mask
    if causal:
        bias = bias.masked_fill(~torch.ones(q_len, k_len).tril().bool(), -math.inf)
    scale = choose([0, 0.3])
    s = wide(q) @ wide(k).repeat_interleave(heads // kv, -3).transpose(-1, -2)
    p = torch.softmax(s * (scale or d**-0.5) + bias, -1)
    p = torch.where(torch.isinf(bias).all(-1, keepdim=True), torch.zeros_like(p), p)
    y = (p @ wide(v).repeat_interleave(heads // kv, -3)).to(dtype)
    if y.numel() > 9000:
        return
    views = maybe_view(v, 2, maybe_view(k, 1, maybe_view(q, 0, {})))
    case("scaled_dot_product_attention", [q, k, v, mask], y, tolerance(dtype, 5e-6), views, scale=scale, causal=causal)


def softmax():
    dtype, rank = choose(FLOATS), 1 + below(4)
    shape = shape_of(rank, 9)
    if below(3) == 0:
        shape[-1] = choose([8, 4, 16, 17, 33, 64, 130])
    x = random(shape, dtype, low=-9, high=9)
    if below(4) == 0 and x.numel():
        x.view(-1)[below(x.numel())] = choose([math.inf, -math.inf, math.nan])
    axis = below(2 * rank) - rank
    case("softmax", [x], torch.softmax(wide(x), axis).to(dtype), tolerance(dtype, 1e-6), maybe_view(x, 0, {}),
         axis=axis)


def layer_norm():
    dtype, n = choose(FLOATS), 1 + below(40)
    x = random(shape_of(below(3), 5) + [n], dtype)
    w, b = (random([n], dtype) if below(2) else None for _ in range(2))
    y = F.layer_norm(wide(x), [n], None if w is None else wide(w), None if b is None else wide(b), 1e-5)
    case("layer_norm", [x, w, b], y.to(dtype), tolerance(dtype, 5e-6), maybe_view(x, 0, {}), eps=1e-5)


def bce():
    dtype, logits = choose(FLOATS), below(2) == 1
    shape = shape_of(1 + below(2), 50, 1)
    x = random(shape, dtype, low=-9 if logits else 0, high=9 if logits else 1)
    if not logits and below(2):
        x.view(-1)[below(x.numel())] = choose([0.0, 1.0, 1e-7])
    t = random(shape, dtype, low=0, high=1)
    t = torch.round(t) if below(2) else t
    reduction = choose(["mean", "sum", "none"])
    f = F.binary_cross_entropy_with_logits if logits else F.binary_cross_entropy
    y = f(wide(x), wide(t), reduction=reduction).to(dtype)
    case("binary_cross_entropy", [x, t], y, tolerance(dtype, 2e-6), maybe_view(x, 0, {}), logits=logits,
         reduction=["mean", "sum", "none"].index(reduction))


def same_order(x, axis, descending):
    """Stable, NaN the largest."""
    return torch.sort(x, dim=axis, descending=descending, stable=True)


def sort(name):
    dtype, rank = choose(FLOATS + [I32, I64, U8, BOOL]), 1 + below(3)
    shape = shape_of(rank, choose([5, 20]), 0)
    if below(4) == 0:
        shape[below(rank)] = choose([50, 128, 300])
    if below(12) == 0:
        shape = [5000]
        rank = 1
    x = random(shape, dtype, special=below(2) == 0)
    if dtype.is_floating_point and below(2):
        x = torch.round(x)
    axis, descending = below(2 * rank) - rank, below(2) == 1
    values, indices = same_order(x.double() if dtype.is_floating_point else x, axis, descending)
    params = {"axis": axis}
    if "top" in name:
        k = below(x.shape[axis] + 1)
        values, indices = values.narrow(axis, 0, k), indices.narrow(axis, 0, k)
        params.update(k=k, smallest=not descending)
    else:
        params["descending"] = descending
    y = indices.to(I32) if name.startswith("arg") else values.to(dtype)
    case(name, [x], y, 0, maybe_view(x, 0, {}), **params)


def index(name):
    dtype = choose(FLOATS + [I32, I64, U8] + ([BOOL] if name in ("gather", "scatter") else []))
    rank = 1 + below(3)
    shape = shape_of(rank, 7, 1)
    axis = below(rank)
    n, picked = shape[axis], shape_of(below(3), 9)
    if below(6) == 0:
        picked = [3000]
    i = torch.randint(-n, n, picked, generator=g)
    flat = (i % n).reshape(-1)
    x = random(shape, dtype, special=below(3) == 0 and name != "scatter_sum")
    whole = shape[:axis] + [flat.numel()] + shape[axis + 1:]
    if math.prod(whole) > 9000:
        return
    shown = shape[:axis] + picked + shape[axis + 1:]
    given = i.to(choose([I32, I64]))
    named = axis - rank if below(2) else axis
    if name == "gather":
        y = x.index_select(axis, flat).reshape(shown)
        case(name, [x, given], y, 0, maybe_view(x, 0, {}), axis=named)
        return
    u = random(whole, dtype, special=below(3) == 0 and name != "scatter_sum")
    y = ops_grid.scatter_rows(name, x, flat.tolist(), u, axis)
    tol = tolerance(dtype, 1e-5) * 4 if name == "scatter_sum" and dtype.is_floating_point else 0
    case(name, [x, given, u.reshape(shown)], y, tol, maybe_view(x, 0, {}), axis=named)


def concat():
    dtype, rank = choose(FLOATS + [I64, BOOL]), 1 + below(3)
    shape, axis = shape_of(rank, 6), below(rank)
    parts = []
    for _ in range(1 + below(4)):
        own = list(shape)
        own[axis] = below(6)
        parts.append(random(own, dtype))
    case("concat", parts, torch.cat(parts, axis), 0, maybe_view(parts[0], 0, {}),
         axis=axis - rank if below(2) else axis)


def pad():
    dtype, rank = choose(FLOATS + [I32, U8]), 1 + below(3)
    x = random(shape_of(rank, 5), dtype)
    before, after = ([below(3) for _ in range(rank)] for _ in range(2))
    flat = [v for i in reversed(range(rank)) for v in (before[i], after[i])]
    case("pad", [x], F.pad(x, flat, value=7), 0, maybe_view(x, 0, {}), before=".".join(map(str, before)),
         after=".".join(map(str, after)), value=7)


def cast():
    a, b = choose(FLOATS + [I32, U8, BOOL]), choose(FLOATS + [I32, I64, BOOL])
    x = random(shape_of(2, 30), a, special=a.is_floating_point and b.is_floating_point)
    case("cast", [x], x.to(b), 0, maybe_view(x, 0, {}), dtype=ops_case.DTYPES.index(b))


def broadcast_to():
    shape = shape_of(below(4), 5)
    x = random(narrowed(shape), choose(FLOATS + [I64]))
    case("broadcast_to", [x], x.expand(shape), 0, shape=".".join(map(str, shape)))


def run_all():
    for name in POINTWISE:
        pointwise(name)
    for name in BINARY:
        binary(name)
    for name in ("sum", "mean", "max", "min", "prod", "argmax", "argmin"):
        for _ in range(3):
            reduction(name)
    for name in ("sort", "argsort", "top_k", "arg_top_k"):
        sort(name)
    for name in ("gather", "scatter", "scatter_sum", "scatter_max"):
        index(name)
    for f in (leaky, where, logical_not, matmul, matmul, linear, softmax, layer_norm, bce, sdpa, concat, pad, cast,
              broadcast_to):
        f()
    for d in (1, 2, 2):
        conv(d)


if __name__ == "__main__":
    fixture = len(sys.argv) == 2
    g.manual_seed(1 if fixture else int(sys.argv[2]))
    if fixture:
        ops_grid.grid()
        ops_case.limit = 3000
    for _ in range(2 if fixture else int(sys.argv[3])):
        run_all()
    ops_case.save(sys.argv[1])
