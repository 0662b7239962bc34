#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/fixtures/checkpoint/: small weight files by torch and safetensors, and what they hold.

Beside each file F stands F.json: name -> {"dtype", "shape", "hex"}, the elements in C order and little
endian as the reference reads them. Files that must be refused have no such companion; the tests say
why each is refused. Legacy files differ from run to run in the keys of their storages, which are
addresses; scripts in their time stamps. Run it anywhere: python3 tests/golden/checkpoint.py
"""
import collections
import io
import json
import pathlib
import pickle
import struct
import zipfile

import torch
from safetensors.torch import load_file, save_file

OUT = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "checkpoint"
NAMES = {torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16",
         torch.float64: "float64", torch.int8: "int8", torch.int16: "int16", torch.int32: "int32",
         torch.int64: "int64", torch.uint8: "uint8", torch.uint16: "uint16", torch.uint32: "uint32",
         torch.uint64: "uint64", torch.bool: "bool"}


def raw(t):
    t = t.detach().contiguous().reshape(-1)
    return t.view(torch.uint8).numpy().tobytes() if t.numel() else b""


def describe(tensors, path):
    entries = {name: {"dtype": NAMES[t.dtype], "shape": list(t.shape), "hex": raw(t).hex()}
               for name, t in tensors.items()}
    pathlib.Path(str(path) + ".json").write_text(json.dumps(entries, indent=1) + "\n")


def bits(values, dtype, view):
    return torch.tensor(values, dtype=dtype).view(view)


def plain():
    """A tensor of every dtype, with the values that are easy to get wrong."""
    g = torch.Generator().manual_seed(1)
    f16 = [0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x3c00, 0xbc01]
    bf16 = [0x0000, 0x8000, 0x0001, 0x007f, 0x0080, 0x7f7f, 0x7f80, 0xff80, 0x7fc0, 0x3f80, 0xbf81]
    return {
        "f32.matrix": torch.randn(3, 5, generator=g),
        "f32.special": torch.tensor([0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1e-45]),
        "f16.special": bits(f16, torch.uint16, torch.float16),
        "bf16.special": bits(bf16, torch.uint16, torch.bfloat16),
        "f64": torch.randn(2, 3, generator=g, dtype=torch.float64),
        "i8": torch.tensor([-128, -1, 0, 127], dtype=torch.int8),
        "i16": torch.tensor([[-32768], [32767], [5]], dtype=torch.int16),
        "i32": torch.tensor([-2**31, 2**31 - 1, 7], dtype=torch.int32),
        "i64": torch.tensor([[-2**63, 2**63 - 1]], dtype=torch.int64),
        "u8": torch.arange(7, dtype=torch.uint8),
        "u16": torch.tensor([0, 65535], dtype=torch.int32).to(torch.uint16),
        "u32": torch.tensor([0, 2**32 - 1], dtype=torch.int64).to(torch.uint32),
        "u64": bits([1, -1], torch.int64, torch.uint64),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 4),
        "empty.inside": torch.zeros(2, 0, 3, dtype=torch.int64),
        "eight.dims": torch.arange(6, dtype=torch.float32).reshape(1, 2, 1, 1, 3, 1, 1, 1),
    }


def write_safetensors():
    tensors = plain()
    save_file(tensors, OUT / "plain.safetensors", metadata={"format": "pt"})
    describe(tensors, OUT / "plain.safetensors")
    # By hand: no order, nothing aligned, spaces around the header, an unknown field, no metadata.
    order = ["u8", "f32.matrix", "empty", "i64", "bool", "f16.special", "f64", "scalar"]
    entries, data = {}, b""
    st = {"u8": "U8", "f32.matrix": "F32", "empty": "F32", "i64": "I64", "bool": "BOOL",
          "f16.special": "F16", "f64": "F64", "scalar": "F32"}
    for name in order:
        body = raw(tensors[name])
        entries[name] = {"shape": list(tensors[name].shape), "note": {"x": [1.5, None]},
                         "data_offsets": [len(data), len(data) + len(body)], "dtype": st[name]}
        data += body
    shuffled = {name: entries[name] for name in sorted(entries, reverse=True)}
    header = b" \n\t" + json.dumps(shuffled).encode() + b"\r\n  "
    header += b" " * ((1 - len(header)) % 8)  # the data begins at an odd place
    path = OUT / "unaligned.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    describe({name: tensors[name] for name in order}, path)
    loaded = load_file(path)
    assert all(raw(loaded[n]) == raw(tensors[n]) for n in order)
    exotic = {"f8": torch.zeros(4, dtype=torch.float8_e4m3fn), "c64": torch.zeros(2, dtype=torch.complex64),
              "fine": torch.ones(2)}
    save_file(exotic, OUT / "exotic.safetensors")


def write_sharded():
    for folder, ext, save in (("sharded", "safetensors", save_file), ("sharded-bin", "bin", torch.save)):
        base = OUT / folder
        base.mkdir(exist_ok=True)
        stem = "model" if ext == "safetensors" else "pytorch_model"
        tensors = {"bert.encoder.LayerNorm.gamma": torch.tensor([1.0, 2.0]),
                   "bert.encoder.LayerNorm.beta": torch.tensor([3.0, 4.0]),
                   "bert.encoder.weight": torch.arange(6.0).reshape(2, 3),
                   "cls.gamma": torch.tensor([5.0])}
        names = [f"{stem}-0000{i}-of-00002.{ext}" for i in (1, 2)]
        parts = [dict(list(tensors.items())[:2]), dict(list(tensors.items())[2:])]
        for name, part in zip(names, parts):
            save(part, base / name)
        weight_map = {key: name for name, part in zip(names, parts) for key in part}
        # total_size is wrong on purpose: nobody may rely on it
        index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
        (base / f"{stem}.{ext}.index.json").write_text(json.dumps(index, indent=1) + "\n")
        describe(tensors, base / "all")


def torch_object():
    g = torch.Generator().manual_seed(2)
    tensors = plain()
    base = torch.randn(4, 6, generator=g)
    state = collections.OrderedDict(tensors)
    state["tied.a"] = tensors["f32.matrix"]
    state["tied.b"] = tensors["f32.matrix"]
    state["transposed"] = base.t()
    state["rows"] = base[1:3]
    state["columns"] = base[:, 2:5]
    state["every.other"] = base[::2, ::3]
    state["permuted"] = torch.arange(24, dtype=torch.int16).reshape(2, 3, 4).permute(2, 0, 1)
    state["expanded"] = torch.tensor([[1.0], [2.0]]).expand(2, 3)
    state["parameter"] = torch.nn.Parameter(torch.randn(2, 2, generator=g))
    state["one.by.one"] = torch.randn(1, 1, generator=g).t()
    return state


def write_torch():
    state = torch_object()
    module = torch.nn.Linear(2, 3)
    mixed = collections.OrderedDict(state)
    mixed._metadata = module.state_dict()._metadata
    mixed["step"] = 7
    mixed["nothing"] = None
    mixed["rate"] = 0.5
    mixed["flags"] = [True, False, (1, 2, "x"), {"k": 2**40}, set()]
    mixed["shape"] = torch.Size([2, 3])
    mixed["dtype"] = torch.float16
    mixed["device"] = torch.device("cpu")
    mixed["other"] = {"inner": torch.ones(1)}
    torch.save(mixed, OUT / "state.bin")
    describe(state, OUT / "state.bin")
    torch.save(mixed, OUT / "state-legacy.bin", _use_new_zipfile_serialization=False)
    describe(state, OUT / "state-legacy.bin")
    torch.save(dict(state), OUT / "state-protocol4.bin", pickle_protocol=4)
    describe(state, OUT / "state-protocol4.bin")
    few = {"a": torch.arange(3.0), "b": torch.ones(2, 2, dtype=torch.int16).t()}
    for protocol in (3, 5):
        path = OUT / f"state-legacy{protocol}.bin"
        torch.save(few, path, _use_new_zipfile_serialization=False, pickle_protocol=protocol)
        describe(few, path)
    exotic = {"f8": torch.zeros(4, dtype=torch.float8_e4m3fn), "c64": torch.zeros(2, dtype=torch.complex64),
              "huge": torch.ones(1).expand(2**33), "fine": torch.ones(2)}
    torch.save(exotic, OUT / "exotic.bin")
    torch.save({"state_dict": {"w": torch.ones(2)}, "epoch": 3}, OUT / "nested.bin")
    torch.save(torch.ones(2), OUT / "tensor.bin")
    torch.save({"w": torch.ones(2).to_sparse()}, OUT / "sparse.bin")
    torch.save({"w": torch.ones(2, dtype=torch.complex64).conj()}, OUT / "conj.bin")


class Storage:
    def __init__(self, kind, key, count, view=None, legacy=True):
        self.id = ("storage", kind, key, "cpu", count) + ((view,) if legacy else ())


class Rebuild:
    """Pickles as torch._utils._rebuild_tensor(storage, offset, size, stride): very old files."""

    def __init__(self, *args):
        self.args = args

    def __reduce__(self):
        return (torch._utils._rebuild_tensor, self.args)


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        return obj.id if isinstance(obj, Storage) else None


def dump(obj, protocol=2):
    out = io.BytesIO()
    Pickler(out, protocol=protocol).dump(obj)
    return out.getvalue()


def write_zip(path, pkl, storages):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as z:
        def put(name, body):
            z.writestr(zipfile.ZipInfo("any/" + name), body)
        put("data.pkl", pkl)
        for key, body in storages.items():
            put(f"data/{key}", body)
        put("version", b"3\n")


def write_old():
    """Forms that only old versions wrote: legacy views, _rebuild_tensor, Python 2's OrderedDict."""
    values = torch.arange(10, dtype=torch.float32)
    root = ("root", 10)
    obj = {"view": Rebuild(Storage(torch.FloatStorage, "root", 10, ("v", 4, 6)), 1, (2, 2), (2, 1)),
           "whole": Rebuild(Storage(torch.FloatStorage, "root", 10), 0, (10,), (1,))}
    body = pickle.dumps(0x1950a86a20f9469cfc6c, protocol=2) + pickle.dumps(1001, protocol=2)
    body += pickle.dumps({"protocol_version": 1001, "little_endian": True,
                          "type_sizes": {"short": 2, "int": 4, "long": 4}}, protocol=2)
    body += dump(obj) + pickle.dumps(["root"], protocol=2)
    body += struct.pack("<q", root[1]) + raw(values)
    (OUT / "views-legacy.bin").write_bytes(body)
    describe({"view": values[5:9].reshape(2, 2), "whole": values}, OUT / "views-legacy.bin")
    # OrderedDict([[key, tensor]]) with byte strings, as Python 2 wrote it
    one = (b"ctorch._utils\n_rebuild_tensor\n((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x04tQ"
           b"K\x00K\x02K\x02\x86K\x02K\x01\x86tR")
    pkl = b"\x80\x02ccollections\nOrderedDict\n(](](U\x06weight" + one + b"eetR."
    write_zip(OUT / "python2.bin", pkl, {"0": raw(values[:4])})
    describe({"weight": values[:4].reshape(2, 2)}, OUT / "python2.bin")


class Call:
    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def write_hostile():
    import builtins
    import os
    import subprocess
    for name, call in (("system", Call(os.system, "touch /tmp/mica-was-here")),
                       ("eval", Call(builtins.eval, "1")),
                       ("getattr", Call(builtins.getattr, 1, "real")),
                       ("popen", Call(subprocess.Popen, ["true"]))):
        write_zip(OUT / f"hostile-{name}.bin", pickle.dumps({"w": call}, protocol=2), {})
    torch.save({"w": Call(os.system, "true")}, OUT / "hostile-legacy.bin",
               _use_new_zipfile_serialization=False)
    script = torch.jit.script(torch.nn.Linear(2, 2))
    torch.jit.save(script, str(OUT / "script.bin"))
    with zipfile.ZipFile(OUT / "compressed.bin", "w") as z:
        for name, body in (("a/data.pkl", b"\x80\x02}." + b" " * 100), ("a/version", b"3\n")):
            z.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    write_safetensors()
    write_sharded()
    write_torch()
    write_old()
    write_hostile()


if __name__ == "__main__":
    main()
