# SPDX-License-Identifier: MIT
"""Cases of operations on arrays, as ops.py makes them and tests/ops/reference.c reads them.

An input is a tensor "#NUMBER", which cases share. A case is the output alone, under the name
"NUMBER|OPERATION|PARAMETERS": those of the operation's struct in mica/ops.h, and

    in=3.4.-1     the inputs; -1 is none
    t0=1.0        input 0 is stored so that its transpose by these axes is what the operation takes
    s0=1.2.9.3    the same of a slice: axis, begin, end, step
    tol=1e-6      largest error relative to the expected number; 0 (default): exact
    least=1e-30   what is allowed beside that, however small the number is; default: as tol

Floats are computed in float64 from the stored inputs and rounded once.
"""
import math

import torch
from safetensors.torch import save_file

g = torch.Generator()
tensors = {}
numbers = {}  # of inputs, by what they are
count = 0
limit = math.inf  # bytes of a case
F32, F16, BF16, F64 = torch.float32, torch.float16, torch.bfloat16, torch.float64
I8, I16, I32, I64 = torch.int8, torch.int16, torch.int32, torch.int64
U8, U16, U32, U64, BOOL = torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool
FLOATS = [F32, F16, BF16]
# In the order of mica_dtype.
DTYPES = [F32, F16, BF16, F64, I8, I16, I32, I64, U8, U16, U32, U64, BOOL]


def input_number(tensor):
    if tensor is None:
        return -1
    tensor = tensor.detach().contiguous().clone()
    key = (tensor.dtype, tuple(tensor.shape), tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    if key not in numbers:
        numbers[key] = len(numbers)
        tensors[f"#{numbers[key]:05}"] = tensor
    return numbers[key]


def case(op, inputs, output, tol=0, views=None, least=None, **params):
    """views: per input the stored tensor and its parameter."""
    global count
    stored = list(inputs)
    for i, (key, text, tensor) in (views or {}).items():
        params[f"{key}{i}"] = text
        stored[i] = tensor
    if sum(t.numel() * t.element_size() for t in stored + [output] if t is not None) > limit:
        return
    if tol:
        params["tol"] = tol
        if least is not None:
            params["least"] = f"{least:.2g}"
    text = "".join(f";{k}={int(v) if isinstance(v, bool) else v}" for k, v in params.items())
    given = ".".join(str(input_number(t)) for t in stored)
    tensors[f"{count:05}|{op}|in={given}{text}"] = output.contiguous().clone()
    count += 1


def save(path):
    save_file(tensors, path)
    print(count, "cases of", len(numbers), "inputs")


def wide(x):
    return x.double() if x.is_floating_point() else x


def tolerance(dtype, single=1e-6):
    return {F32: single, F16: 1e-3, BF16: 8e-3}.get(dtype, 0)
