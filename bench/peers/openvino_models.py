#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""OpenVINO as a peer of `mica bench models`; README.md has the protocol.

`default` is transformers' model converted by openvino.convert_model and compiled for the CPU as the documentation shows.
`best` is, for each shape of inputs, the fastest of: compiled once for all shapes, compiled for this shape (both for low
latency), and the batch shared among streams (for throughput). `int8` is quantised by NNCF: `default` the weights, `best`
activations too, with scales from the calibration file. `bf16 default` leaves the precision to the device, which takes
bfloat16 where the CPU has it. Conversions are made once, by a child process.
"""
import importlib.metadata
import os

from models import TENSORS, Model, cached, has_dot_products, load_checkpoint, serve_models, timed, traceable
from peer import absent

try:
    import numpy
    import openvino
    from openvino import properties
except (ImportError, OSError) as error:
    absent(error)

VERSIONS = {"openvino": openvino.__version__.split("-")[0]}
BASES = {"ir-weights-int8": "ir", "ir-int8": "ir"}
try:
    VERSIONS["nncf"] = importlib.metadata.version("nncf")
except importlib.metadata.PackageNotFoundError:
    pass


# ---- conversion, in a child ----

def from_torch(request, path):
    import torch
    model, example = traceable(load_checkpoint(request, "sdpa"))
    with torch.no_grad():
        converted = openvino.convert_model(model, example_input=example, input=[openvino.PartialShape([-1, -1])] * 3)
    for place, name in zip(converted.inputs, TENSORS):
        place.get_tensor().set_names({name})
    openvino.save_model(converted, path, compress_to_fp16=False)


def read_base(request):
    return openvino.Core().read_model(os.path.join(request["base"], "model.xml"))


def compress(request, path):
    import nncf
    openvino.save_model(nncf.compress_weights(read_base(request), mode=nncf.CompressWeightsMode.INT8_ASYM), path)


def quantize(request, path):
    import nncf
    from safetensors.numpy import load_file
    tensors = load_file(request["calibration"])
    model = read_base(request)
    names = [name for place in model.inputs for name in place.get_names()]
    samples = []
    for i in range(min(300, len(tensors["input_ids"]))):
        count = max(int(tensors["attention_mask"][i].sum()), 1)  # a text alone, without its padding
        samples.append({name: tensors[name][i:i + 1, :count] for name in names})
    halved = nncf.OverflowFix.DISABLE if has_dot_products() else nncf.OverflowFix.ENABLE
    quantized = nncf.quantize(model, nncf.Dataset(samples), subset_size=len(samples), model_type=nncf.ModelType.TRANSFORMER,
                              advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=halved))
    openvino.save_model(quantized, path, compress_to_fp16=False)


def convert(request):
    {"ir": from_torch, "ir-weights-int8": compress, "ir-int8": quantize}[request["kind"]](
        request, os.path.join(request["to"], "model.xml"))


# ---- arms ----

class OpenVino(Model):
    def __init__(self, request):
        _, self.precision, config = request["arm"].split()
        self.best = config == "best"
        self.core = openvino.Core()
        kind = "ir" if self.precision != "int8" else "ir-int8" if self.best else "ir-weights-int8"
        if self.precision == "bf16" and "BF16" not in self.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise ValueError("this CPU has no bfloat16 instructions: OpenVINO would compute in float32")
        if kind == "ir-int8" and not request.get("calibration"):
            raise ValueError("static quantisation needs a calibration file, and there is none")
        folder, converting = cached(request, kind, VERSIONS, BASES, request["calibration"] if kind == "ir-int8" else None)
        self.path = os.path.join(folder, "model.xml")
        self.settings = {properties.inference_num_threads: request["threads"]}
        if self.precision != "bf16" or self.best:
            self.settings[properties.hint.inference_precision] = "bf16" if self.precision == "bf16" else "f32"
        if self.best:
            self.settings |= {properties.hint.enable_cpu_pinning: True, "CPU_DENORMALS_OPTIMIZATION": True}
        model, self.load_seconds = timed(lambda: self.core.read_model(self.path))
        self.names = [place.get_any_name() for place in model.inputs]
        self.compiled, compiling = timed(lambda: self.compile(model, "LATENCY" if self.best else None))
        compiling += timed(lambda: self.compiled({name: numpy.ones((1, 8), numpy.int64) for name in self.names}))[1]
        self.compile_seconds = converting + compiling
        self.streams = None
        self.kernels = f"{self.core.get_property('CPU', 'FULL_DEVICE_NAME')}, {self.products()}"
        self.way = {"ir": "openvino.convert_model", "ir-weights-int8": "nncf.compress_weights (int8), activations float32",
                    "ir-int8": "nncf.quantize, static int8 for transformers" + (
                        "" if has_dot_products() else ", 7-bit weights (without VNNI 8 saturate)")}[kind] + (
            "; the fastest for each shape of: dynamic shapes, this shape alone, batch shared among streams; "
            "pinned, denormals as zero" if self.best else "; compile_model's defaults" + (
                ", precision as the device has it" if self.precision == "bf16" else ""))

    def compile(self, model, hint):
        settings = dict(self.settings)
        if hint:
            settings[properties.hint.performance_mode] = hint
        return self.core.compile_model(model, "CPU", settings)

    def products(self):
        """How many matrix products are computed by which kernel; that is known after a run."""
        kinds = {}
        for node in self.compiled.get_runtime_model().get_ops():
            info = node.get_rt_info()
            if "layerType" in info and info["layerType"].astype(str) in ("FullyConnected", "MatMul"):
                word = f"{info['layerType'].astype(str)} {info['primitiveType'].astype(str)} " \
                    f"{info['runtimePrecision'].astype(str)}"
                kinds[word] = kinds.get(word, 0) + 1
        if self.precision == "bf16" and not any("bf16" in word.lower() for word in kinds):
            raise ValueError(f"it would not compute in bfloat16: {kinds}")
        return ", ".join(f"{count} {word}" for word, count in kinds.items())

    def convert(self, arrays):
        return {name: arrays[name] for name in self.names}

    def ways(self, inputs):
        if not self.best:
            return [("compiled model", lambda: lambda: self.compiled(inputs)[0])]
        batch = len(inputs[self.names[0]])
        ways = [("LATENCY, dynamic shapes", lambda: self.one(self.compiled, inputs)),
                ("LATENCY, this shape", lambda: self.one(self.shaped(inputs), inputs))]
        if batch > 1 and self.settings[properties.inference_num_threads] > 1:
            ways.append(("THROUGHPUT, shared among streams", lambda: self.shared(inputs)))
        return ways

    def shaped(self, inputs):
        model = self.core.read_model(self.path)
        model.reshape({name: inputs[name].shape for name in self.names})
        return self.compile(model, "LATENCY")

    @staticmethod
    def one(compiled, inputs):
        request = compiled.create_infer_request()
        return lambda: request.infer(inputs, share_inputs=True, share_outputs=True)[0]

    def shared(self, inputs):
        if not self.streams:
            self.streams = self.compile(self.core.read_model(self.path), "THROUGHPUT")
        batch = len(inputs[self.names[0]])
        parts = min(batch, self.streams.get_property(properties.optimal_number_of_infer_requests))
        bounds = [batch * i // parts for i in range(parts + 1)]
        requests = [self.streams.create_infer_request() for _ in range(parts)]
        pieces = [{name: numpy.ascontiguousarray(inputs[name][a:b]) for name in self.names}
                  for a, b in zip(bounds, bounds[1:])]
        output = None

        def run():
            nonlocal output
            for request, piece in zip(requests, pieces):
                request.start_async(piece, share_inputs=True)
            for request, a, b in zip(requests, bounds, bounds[1:]):
                request.wait()
                part = request.get_output_tensor(0).data
                if output is None:
                    output = numpy.empty((batch, *part.shape[1:]), numpy.float32)
                output[a:b] = part
            return output
        return run


serve_models("openvino", VERSIONS, {"device": "CPU"},
             ["openvino fp32 default", "openvino fp32 best", "openvino bf16 default", "openvino bf16 best",
              "openvino int8 default", "openvino int8 best"], OpenVino, convert)
