# SPDX-License-Identifier: MIT
"""The grid of ops.py: every operation that PyTorch has, over dtypes, ranks 0 to 5, axes and special numbers.

Where a result comes near 0, so must mica's: tolerances here are relative, with an allowance beside them only
where a format's own step or the range of float32 asks for it.
"""
import itertools
import math

import torch
import torch.nn.functional as F

from ops_case import (BF16, BOOL, DTYPES, F16, F32, F64, FLOATS, I8, I16, I32, I64, U8, U16, U32, U64, case, g,
                      tolerance, wide)

INTEGERS = [I8, I16, I32, I64, U8]
INF, NAN = math.inf, math.nan
TINY = [1e-8, 1e-7, 1e-4, 3e-3, 0.02, 0.3, 1e-30, 2e-38, 1e-42]
EDGES = [0.5, 1, 1.5, 2.5, 5.5, 6, 9.25, 12, 20, 33, 60, 88, 105, 300, 1e4, 3e38, INF]
SPECIAL = [0.0, -0.0, NAN] + [s * v for v in TINY + EDGES for s in (1, -1)]
# Of products -inf times 0 is NaN or 0, as the formula is written.
OPEN = {"gelu", "gelu_tanh", "silu", "quick_gelu", "mish"}
STEP = {F16: 2.0**-24, BF16: 2.0**-133, F32: 2.0**-149}  # between the smallest numbers


made = {}


def numbers(shape, dtype=F32, low=-3, high=3, which=0):
    """Random ones; whole numbers from all of the dtype's range. The same again for the same arguments."""
    key = (tuple(shape), dtype, low, high, which)
    if key in made:
        return made[key]
    if dtype == BOOL:
        x = torch.randint(2, shape, generator=g).bool()
    elif dtype.is_floating_point:
        x = (torch.rand(shape, generator=g, dtype=F64) * (high - low) + low).to(dtype)
    elif dtype in (U16, U32, U64):  # PyTorch computes nothing with these
        x = torch.randint(0, 60000, shape, generator=g).to(dtype)
    else:
        info = torch.iinfo(dtype)
        x = torch.randint(max(info.min, -2**62), min(info.max, 2**62), shape, generator=g).to(dtype)
    made[key] = x
    return x


def special(dtype):
    if dtype == BOOL:
        return torch.tensor([False, True])
    if dtype.is_floating_point:
        return torch.tensor(SPECIAL, dtype=F64).to(dtype)
    info = torch.iinfo(dtype)
    return torch.tensor([0, 1, 2, 3, 7, 100, info.max, info.max - 1, info.min, info.min + 1], dtype=dtype)


# name: function, relative error in float32, what is allowed beside it: 0 where the formula is exact, or the sum in
# the exponent would be; 1e-36 where e to the x leaves the range of float32 before the result does
POINTWISE = {
    "neg": (torch.neg, 0, 0), "abs": (torch.abs, 0, 0), "square": (torch.square, 0, 0), "relu": (torch.relu, 0, 0),
    "relu6": (F.relu6, 0, 0), "relu2": (lambda x: torch.relu(x).square(), 0, 0), "sign": (torch.sign, 0, 0),
    "floor": (torch.floor, 0, 0), "ceil": (torch.ceil, 0, 0), "round": (torch.round, 0, 0),
    "sqrt": (torch.sqrt, 2e-7, 0), "rsqrt": (torch.rsqrt, 2e-7, 0), "exp": (torch.exp, 5e-7, 0),
    "log": (torch.log, 5e-7, 0), "log1p": (torch.log1p, 2e-7, 0), "expm1": (torch.expm1, 2e-7, 0),
    "erf": (torch.erf, 2e-7, 0), "sin": (torch.sin, 2e-7, 0), "cos": (torch.cos, 2e-7, 0),
    "tanh": (torch.tanh, 5e-7, 0), "selu": (F.selu, 5e-7, 0), "leaky_relu": (lambda x: F.leaky_relu(x, 0.125), 0, 0),
    "sigmoid": (torch.sigmoid, 1e-6, 1e-36), "silu": (F.silu, 1e-6, 2e-36), "mish": (F.mish, 1e-6, 2e-36),
    "softplus": (lambda x: torch.logaddexp(x, torch.zeros_like(x)), 1e-6, 1e-36),
    "gelu": (lambda x: 0.5 * x * torch.erfc(-x * math.sqrt(0.5)), 1e-5, 2e-36),
    # 1 + tanh: e to the 2 u is of the argument's own rounding
    "gelu_tanh": (lambda x: x * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)), 2e-5, 2e-36),
    "quick_gelu": (lambda x: x * torch.sigmoid(1.702 * x), 1e-5, 1e-35),
}


def floating(name, inputs, y, dtype, tol, least=0.0, **params):
    """A case whose result is a float: exact, or nearly."""
    if dtype != F32:
        tol, least = (tolerance(dtype) if tol else 0), max(least, STEP[dtype])
    elif tol:
        least = max(least, STEP[F32])
    case(name, inputs, y.to(dtype), tol, least=least, **params)


def pointwise():
    for name, (f, tol, least) in POINTWISE.items():
        params = {"slope": 0.125} if name == "leaky_relu" else {}
        for dtype in FLOATS:
            x = special(dtype)
            if name in ("sin", "cos"):  # of huge numbers the remainder is another matter
                x = x.clamp(-1e4, 1e4)
            if name in OPEN:
                x = x[x != -INF]
            for one in (x, torch.tensor(-0.75, dtype=dtype), numbers([2, 1, 3], dtype), numbers([1, 2, 1, 3, 2], dtype),
                        numbers([2, 0, 3], dtype)):
                y = f(wide(one))
                if name == "sign":
                    y = torch.where(torch.isnan(one), wide(one), y)
                floating(name, [one], y, dtype, tol, least, **params)
        if name in ("neg", "abs", "square", "relu", "sign"):
            for dtype in INTEGERS:
                for one in (special(dtype), numbers([], dtype), numbers([2, 0], dtype)):
                    case(name, [one], f(one), **params)


def remainder(a, b):
    """As fmod, then the sign of b, which zeros have too as in NumPy (in PyTorch that of a); of integers by 0: 0."""
    if not a.is_floating_point():
        safe = torch.where(b == 0, torch.ones_like(b), b)
        return torch.where(b == 0, torch.zeros_like(b), torch.remainder(a, safe))
    a, b = a.double(), b.double()
    r = torch.fmod(a, b)
    r = torch.where((r != 0) & ((r < 0) != (b < 0)), r + b, r)
    return torch.where(r == 0, torch.copysign(r, b), r)


ARITHMETIC = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum,
    "minimum": torch.minimum, "pow": torch.pow, "remainder": remainder,
    "prelu": lambda a, b: torch.where(a > 0, a, a * b),
}
COMPARE = {
    "equal": torch.eq, "not_equal": torch.ne, "less": torch.lt, "less_equal": torch.le, "greater": torch.gt,
    "greater_equal": torch.ge,
}
PAIRS = [([], [3]), ([2, 3], [3]), ([4, 1], [1, 3]), ([0, 3], [3]), ([2, 1, 2, 1, 2], [2, 1, 3, 1])]


def binary():
    for name, f in {**ARITHMETIC, **COMPARE}.items():
        dtypes = FLOATS if name in ("div", "pow", "prelu") else FLOATS + INTEGERS
        if name in COMPARE or name in ("maximum", "minimum"):
            dtypes = dtypes + [BOOL]
        for dtype in dtypes:
            x = special(dtype)[::2] if dtype.is_floating_point else special(dtype)
            pairs = [(x.reshape(-1, 1), x)] + [(numbers(a, dtype), numbers(b, dtype, which=1)) for a, b in PAIRS]
            if not dtype.is_floating_point:
                pairs = pairs[:3]
            for a, b in pairs:
                if name in COMPARE:
                    case(name, [a, b], f(a, b))
                elif not dtype.is_floating_point:
                    case(name, [a, b], f(a, b))
                else:
                    y = f(wide(a), wide(b)) if name != "remainder" else remainder(a, b)
                    floating(name, [a, b], y, dtype, 2e-7 if name in ("pow", "remainder") else 0)
    for name, f in (("logical_and", torch.logical_and), ("logical_or", torch.logical_or)):
        for a, b in PAIRS:
            x, y = numbers(a, BOOL), numbers(b, BOOL, which=1)
            case(name, [x, y], f(x, y))
    for shape in ([], [3], [2, 1, 3], [0, 2]):
        x = numbers(shape, BOOL)
        case("logical_not", [x], ~x)
    for dtype in DTYPES:
        for c, a, b in (([], [3], [3]), ([2, 1], [3], [2, 3]), ([3], [0, 1], [1]), ([2, 1, 2, 1], [], [1, 3])):
            c, a, b = numbers(c, BOOL), numbers(a, dtype), numbers(b, dtype, which=1)
            shape = torch.broadcast_shapes(c.shape, a.shape, b.shape)
            bytes_of = I64 if dtype == U64 else I32 if dtype == U32 else I16 if dtype == U16 else dtype
            y = torch.where(c, a.view(bytes_of), b.view(bytes_of)).view(dtype)
            case("where", [c, a, b], y.reshape(shape))


def first(isbest):
    return isbest.to(torch.int8).argmax(-1)


def arg(name, x, axis):
    """The first NaN, else the first of the largest (smallest)."""
    z = (x.reshape(-1) if axis is None else x.movedim(axis, -1)).double()
    z = -z if name == "argmin" else z
    isnan = torch.isnan(z)
    top = torch.where(isnan, torch.full_like(z, -INF), z).max(-1, keepdim=True).values
    return first(torch.where(isnan.any(-1, keepdim=True), isnan, z == top)).to(I32)


def reduce_one(name, x, axes, keep, params):
    dtype, least = x.dtype, 0.0
    if name.startswith("arg"):
        y = arg(name, x, None if axes is None else axes[0])
        if keep:
            y = y.reshape([1] * x.dim()) if axes is None else y.unsqueeze(axes[0])
        case(name, [x], y, **params)
        return
    w = x.double() if dtype.is_floating_point else x.long() if name in ("sum", "prod") or dtype == BOOL else x
    axes = list(range(x.dim())) if axes is None else axes
    if name in ("sum", "mean"):
        y = getattr(torch, name)(w, dim=axes, keepdim=keep) if axes else w
        if dtype == F32 and x.numel():
            usual = torch.where(x.abs() < 100, x, torch.zeros_like(x))
            least = 1e-7 * float(usual.abs().sum())
    elif name == "prod":
        y = w
        for axis in sorted((a % x.dim() for a in axes), reverse=True):
            y = y.prod(dim=axis, keepdim=keep)
    else:
        y = getattr(torch, "a" + name)(w, dim=axes, keepdim=keep) if axes else w
    if dtype.is_floating_point:
        floating(name, [x], y, dtype, 0 if name in ("max", "min") else 1e-6, least, **params)
    else:
        case(name, [x], y.to(I64 if name in ("sum", "prod") else dtype), **params)


def reductions():
    grid = [([], None, {"all": 1}), ([5], [0], {"axis": 0}), ([3, 4], [-1], {"axis": -1}), ([3, 4], [0], {"axis": -2}),
            ([2, 3, 4], [0, 2], {"axes": "0.-1"}), ([2, 1, 3, 2], [1], {"axis": 1, "keep_dims": 1}),
            ([1, 2, 1, 3, 2], None, {"all": 1, "keep_dims": 1}), ([0, 3], [1], {"axis": 1}), ([0, 3], [0], {"axis": 0}),
            ([2, 0], [1], {"axis": -1, "keep_dims": 1}), ([0], None, {"all": 1})]
    for name in ("sum", "mean", "max", "min", "prod", "argmax", "argmin"):
        for dtype in FLOATS if name == "mean" else FLOATS + INTEGERS + [BOOL]:
            for shape, axes, params in grid[:7] if not dtype.is_floating_point else grid:
                if math.prod(shape) == 0 and name in ("max", "min", "argmax", "argmin") and params.get("axis") != 1:
                    continue
                if name.startswith("arg") and "axes" in params:
                    continue
                reduce_one(name, numbers(shape, dtype), axes, "keep_dims" in params, params)
            if dtype.is_floating_point:  # rows with one special number each
                x = numbers([8, 9], dtype).clone()
                for row, number in enumerate([NAN, INF, -INF, -0.0, 0.0, 1e-8, 1e-42, 1e38]):
                    x[row, row] = number
                    x[row, 8] = number
                reduce_one(name, x, [1], False, {"axis": 1})
                reduce_one(name, x, [0], False, {"axis": 0})


def along_axes():
    for dtype in FLOATS:
        for shape, axis in (([1], 0), ([5], -1), ([3, 4], 0), ([3, 4], -1), ([2, 3, 4], 1), ([2, 1, 3, 2], -2),
                            ([2, 1, 2, 2, 3], 1), ([0, 3], 1), ([0, 3], 0), ([2, 0], -1), ([2, 33], 1)):
            x = numbers(shape, dtype, -9, 9)
            floating("softmax", [x], torch.softmax(wide(x), axis), dtype, 3e-6, 1e-36, axis=axis)
        x = numbers([9, 6], dtype).clone()
        for row, number in enumerate([NAN, INF, -INF, 1e4, -1e4, 88, -104, 1e-8]):
            x[row, row % 6] = number
        x[8] = -INF
        for axis in (0, 1):
            floating("softmax", [x], torch.softmax(wide(x), axis), dtype, 3e-6, 1e-36, axis=axis)
        for shape in ([4], [1], [2, 5], [3, 1], [2, 3, 7], [1, 2, 1, 2, 9], [0, 5]):
            for given in ("", "w", "b", "wb"):
                x, n = numbers(shape, dtype), shape[-1]
                w, b = (numbers([n], dtype, which=k) if k in given else None for k in "wb")
                y = F.layer_norm(wide(x), [n], w if w is None else wide(w), b if b is None else wide(b), 1e-5)
                case("layer_norm", [x, w, b], y.to(dtype), tolerance(dtype, 5e-6), eps=1e-5)
        for eps in (1e-12, 0.5):
            for shape in ([4], [1], [2, 5], [2, 3, 7], [1, 2, 1, 2, 9], [0, 5], [2, 0]):
                x = numbers(shape, dtype)
                floating("l2_normalize", [x], F.normalize(wide(x), dim=-1, eps=float(torch.tensor(eps))), dtype, 1e-6,
                         eps=eps)
        x = torch.tensor([[0.0, 0.0], [1e-8, -1e-8], [3e4, 1.0], [INF, 1.0], [NAN, 1.0], [1e-3, -0.0]], dtype=dtype)
        floating("l2_normalize", [x], F.normalize(wide(x), dim=-1), dtype, 1e-6, eps=1e-12)


def losses():
    odd = [torch.tensor([0, 1, 1e-7, 0.5, 1 - 1e-3]), torch.tensor([0, -0.0, 100, -100, 1e-8, 1e4, -1e4])]
    for dtype, logits in itertools.product(FLOATS, (False, True)):
        f = F.binary_cross_entropy_with_logits if logits else F.binary_cross_entropy
        ends = (-9, 9) if logits else (0, 1)
        for x in [numbers(shape, dtype, *ends) for shape in ([], [4], [2, 1, 3], [2, 0, 3])] + [odd[logits].to(dtype)]:
            soft = numbers(list(x.shape), dtype, 0, 1, "t")
            for t in (soft, torch.round(soft)) if x.dim() == 1 else (soft,):
                for number, reduction in enumerate(("mean", "sum", "none")):
                    y = f(wide(x), wide(t), reduction=reduction)
                    case("binary_cross_entropy", [x, t], y.to(dtype), tolerance(dtype, 2e-6), logits=logits,
                         reduction=number)


def products():
    for dtype in FLOATS:
        for a, b in (([3], [3]), ([3], [3, 2]), ([2, 3], [3]), ([2, 3], [3, 4]), ([1, 1], [1, 1]), ([2, 0], [0, 3]),
                     ([0, 3], [3, 2]), ([2, 1, 2, 3], [4, 3, 2]), ([2, 5, 17], [2, 17, 9]), ([0, 2, 3], [3, 2])):
            x, y = numbers(a, dtype, -1, 1), numbers(b, dtype, -1, 1, "b")
            case("matmul", [x, y], torch.matmul(wide(x), wide(y)).to(dtype), tolerance(dtype, 2e-6))
        for shape, n in (([3], 2), ([1], 1), ([2, 5], 3), ([2, 1, 2, 7], 9), ([0, 5], 3)):
            for bias in (False, True):
                x, w = numbers(shape, dtype, -1, 1), numbers([n, shape[-1]], dtype, -1, 1, "w")
                b = numbers([n], dtype) if bias else None
                y = F.linear(wide(x), wide(w), b if b is None else wide(b))
                case("linear", [x, w, b], y.to(dtype), tolerance(dtype, 2e-6))
        for d, size, kernel, stride, padding, dilation, groups in (
                (1, [5], [1], [1], [0], [1], 1), (1, [9], [3], [2], [2], [1], 2), (1, [8], [2], [1], [1], [3], 3),
                (2, [3, 4], [2, 2], [1, 1], [0, 0], [1, 1], 1), (2, [5, 6], [3, 2], [2, 1], [1, 2], [1, 2], 2),
                (2, [1, 1], [1, 1], [3, 3], [0, 0], [1, 1], 1), (2, [4, 3], [3, 3], [1, 2], [1, 1], [1, 1], 3)):
            for batch, bias, each in itertools.product((0, 1, 2), (False, True), (1, 3)):
                if batch != 2 and (bias or each == 1):
                    continue
                x = numbers([batch] + size + [groups * 2], dtype, -1, 1)
                w = numbers([groups * each] + kernel + [2], dtype, -1, 1, "w")
                b = numbers([groups * each], dtype) if bias else None
                f = F.conv1d if d == 1 else F.conv2d
                y = f(wide(x).movedim(-1, 1), wide(w).movedim(-1, 1), b if b is None else wide(b), stride, padding,
                      dilation, groups).movedim(1, -1)
                text = [".".join(map(str, v)) for v in (stride, padding, dilation)]
                case(f"conv{d}d", [x, w, b], y.to(dtype), tolerance(dtype, 4e-6), stride=text[0], padding=text[1],
                     dilation=text[2], groups=groups)


def attention():
    for dtype in FLOATS:
        for lead, kv, rows, keys in (([], None, 2, 3), ([1], 1, 3, 3), ([2], 1, 1, 4), ([2, 4], 2, 3, 5),
                                     ([0, 2], 2, 2, 2)):
            for kind, causal in itertools.product(("none", "bool", "float"), (False, True)):
                q = numbers(lead + [rows, 4], dtype)
                both = lead[:-1] + [kv] if lead else []
                k, v = numbers(both + [keys, 4], dtype, which="k"), numbers(both + [keys, 3], dtype, which="v")
                mask = {"bool": numbers([rows, keys], BOOL), "float": numbers([1, keys], dtype, which="mask")}.get(kind)
                bias = torch.zeros(rows, keys, dtype=F64)
                if kind == "bool":
                    bias = bias.masked_fill(~mask, -INF)
                elif kind == "float":
                    bias = bias + mask
                if causal:
                    bias = bias.masked_fill(~torch.ones(rows, keys).tril().bool(), -INF)
                repeat = lead[-1] // kv if lead else 1
                k2, v2 = (wide(t).repeat_interleave(repeat, -3) if lead else wide(t) for t in (k, v))
                p = torch.softmax(wide(q) @ k2.transpose(-1, -2) * 0.5 + bias, -1)
                p = torch.where(torch.isinf(bias).all(-1, keepdim=True), torch.zeros_like(p), p)
                case("scaled_dot_product_attention", [q, k, v, mask], (p @ v2).to(dtype), tolerance(dtype, 5e-6),
                     scale=0, causal=causal)


def orders():
    for name, dtype in itertools.product(("sort", "argsort", "top_k", "arg_top_k"), FLOATS + INTEGERS + [BOOL]):
        odd = torch.cat([special(dtype)[:12], numbers([6], dtype)])
        odd = torch.stack([odd, odd.roll(5)])
        shapes = (([7], 0), ([3, 4], 0), ([2, 1, 5], -1), ([2, 3, 1, 2], 1), ([0, 3], 0), ([0, 3], -1))
        for x, axis in [(odd, -1)] + [(numbers(shape, dtype), axis) for shape, axis in shapes]:
            if dtype.is_floating_point and x.numel() > 12:
                x = torch.where(x.abs() < 3, torch.round(x), x) if name.startswith("arg") else x
            for descending in (False, True):
                values, indices = torch.sort(wide(x), dim=axis, descending=descending, stable=True)
                n, params = x.shape[axis], {"axis": axis}
                if "top" in name:
                    k = (n + 1) // 2
                    values, indices = values.narrow(axis, 0, k), indices.narrow(axis, 0, k)
                    params.update(k=k, smallest=not descending)
                else:
                    params["descending"] = descending
                case(name, [x], indices.to(I32) if name.startswith("arg") else values.to(dtype), **params)


def scatter_rows(name, x, rows, u, axis):
    y = wide(x).clone() if x.dtype != BOOL else x.to(U8)
    moved, updates = y.movedim(axis, 0), wide(u).to(y.dtype).movedim(axis, 0)
    for at, row in enumerate(rows):
        if name == "scatter":
            moved[row] = updates[at]
        elif name == "scatter_sum":
            moved[row] += updates[at]
        else:
            moved[row] = torch.maximum(moved[row], updates[at])
    return y.to(x.dtype)


def by_index():
    grid = [([3], 0, [2]), ([3], -1, []), ([4, 2], 0, [2, 2]), ([2, 5], 1, [7]), ([2, 3, 2], -2, [4]), ([2, 3], 0, [0]),
            ([1, 2, 3, 1, 2], 2, [1, 3]), ([0, 3], 1, [2])]
    indices = [torch.randint(-shape[axis], shape[axis], picked, generator=g) for shape, axis, picked in grid]
    names = ("gather", "scatter", "scatter_sum", "scatter_max")
    for name, dtype in itertools.product(names, FLOATS + INTEGERS + [BOOL]):
        if name == "scatter_sum" and dtype == BOOL:
            continue
        for number, (shape, axis, picked) in enumerate(grid):
            at, n = indices[number], shape[axis]
            rows, given = (at % n).reshape(-1), at.to(I32 if number % 2 else I64)
            before, after = shape[:axis % len(shape)], shape[axis % len(shape) + 1:]
            x = numbers(shape, dtype)
            if name == "gather":
                case(name, [x, given], x.index_select(axis, rows).reshape(before + picked + after), axis=axis)
                continue
            u = numbers(before + [rows.numel()] + after, dtype, which="u").clone()
            if dtype.is_floating_point and u.numel() and name != "scatter_sum":
                u.view(-1)[0] = NAN
            y = scatter_rows(name, x, rows.tolist(), u, axis)
            tol = tolerance(dtype, 1e-6) * 2 if name == "scatter_sum" else 0
            case(name, [x, given, u.reshape(before + picked + after)], y, tol, axis=axis)
    for dtype, shape, width in itertools.product(FLOATS, ([], [3], [2, 3], [0], [1, 2, 1, 2]), (1, 5)):
        table, ids = numbers([4, width], dtype), torch.randint(4, shape, generator=g).to(I32)
        case("embedding", [table, ids], F.embedding(ids, table).float())


def moves():
    def dots(values):
        return ".".join(map(str, values))

    for dtype in DTYPES:
        x = numbers([2, 3, 1, 2], dtype)
        case("copy", [x], x)
        case("reshape", [x], x.reshape(3, 4), shape="3.4")
        case("transpose", [x], x.permute(3, 1, 0, 2), axes="3.1.0.2")
        case("slice", [x], x[:, 1:3:2], slice="1.1.3.2")
        case("slice", [x], x[:, :, :, 1:1], slice="-1.1.1.1")
        one = numbers([], dtype)
        case("copy", [one], one)
        case("reshape", [one], one.reshape(1, 1), shape="1.1")
        for shape, to in (([], [2, 3]), ([3], [2, 3]), ([2, 1, 3], [2, 4, 3]), ([1], [0]), ([0, 1], [2, 0, 3])):
            small = numbers(shape, dtype)
            case("broadcast_to", [small], small.expand(to), shape=dots(to))
        for axis in (0, -1, 1):
            shapes = [[2, 2, 3] for _ in range(3)]
            for shape, n in zip(shapes, (1, 0, 4)):
                shape[axis] = n
            parts = [numbers(shape, dtype, which=i) for i, shape in enumerate(shapes)]
            wider = {U16: I16, U32: I32, U64: I64}.get(dtype, dtype)
            case("concat", parts, torch.cat([p.view(wider) for p in parts], axis).view(dtype), axis=axis)
        if dtype in (U16, U32, U64):
            continue
        for shape, before, after in (([3], [1], [2]), ([2, 3], [0, 2], [1, 0]), ([2, 1, 2], [1, 0, 1], [0, 2, 1]),
                                     ([0, 2], [1, 1], [1, 0])):
            small, value = numbers(shape, dtype), 0 if dtype == BOOL else 1
            flat = [v for pair in reversed(list(zip(before, after))) for v in pair]
            case("pad", [small], F.pad(small, flat, value=value), before=dots(before), after=dots(after), value=value)
    for a, b in itertools.product(DTYPES, DTYPES):
        x = special(a) if a not in (U16, U32, U64) else torch.tensor([0, 1, 255, 256, 32768, 65535]).to(a)
        if a in FLOATS + [F64] and b not in FLOATS + [F64, BOOL]:  # out of range is an error
            x = torch.tensor([0.0, -0.0, 0.75, 1.25, 2.5, 99.9, 127.0], dtype=a)
            x = x if b in (U8, U16, U32, U64) else torch.cat([x, -x])
        case("cast", [x], x.to(b), dtype=DTYPES.index(b))
        if b == I32:
            case("cast", [x[1]], x[1].to(b), dtype=DTYPES.index(b))


def grid():
    g.manual_seed(7)
    for family in (pointwise, binary, reductions, along_axes, losses, products, attention, orders, by_index, moves):
        family()
