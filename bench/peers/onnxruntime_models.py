#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ONNX Runtime as a peer of `mica bench models`; README.md has the protocol.

`default` is transformers' model exported by torch.onnx, at the session's defaults (all graph optimisations). `best` is
that graph after ONNX Runtime's own optimiser for BERT (fused attention, layer norm and GELU), outputs in memory that is
used again. `int8` is dynamic quantisation: `default` of the exported graph at quantize_dynamic's defaults, `best` of the
fused one, a scale for each channel. Exports are made once, by a child process.
"""
import os

from models import TENSORS, Model, cached, config_of, has_dot_products, load_checkpoint, serve_models, timed, traceable
from peer import absent

try:
    import onnxruntime
except (ImportError, OSError) as error:
    absent(error)

VERSIONS = {"onnxruntime": onnxruntime.__version__}
BASES = {"onnx-fused": "onnx", "onnx-int8": "onnx-fused", "onnx-int8-plain": "onnx"}


# ---- conversion, in a child ----

def export(request, path):
    """The exporter that works by tracing, and attention in single steps: the graph that the optimiser knows."""
    import torch
    model, example = traceable(load_checkpoint(request, "eager"))
    with torch.no_grad():
        torch.onnx.export(model, example, path, dynamo=False, opset_version=17, input_names=list(TENSORS),
                          output_names=["output"],
                          dynamic_axes={name: {0: "batch", 1: "sequence"} for name in [*TENSORS, "output"]})


def fuse(request, path):
    from onnxruntime.transformers import optimizer
    config = config_of(request["model"])
    fused = optimizer.optimize_model(os.path.join(request["base"], "model.onnx"), model_type="bert", opt_level=0,
                                     num_heads=config.get("num_attention_heads") or config["n_heads"],
                                     hidden_size=config.get("hidden_size") or config["dim"])
    fused.save_model_to_file(path)


def quantize(request, path):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    quantize_dynamic(os.path.join(request["base"], "model.onnx"), path, per_channel=True,
                     reduce_range=not has_dot_products(), weight_type=QuantType.QInt8,
                     extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})  # of what fused operations give


def quantize_simply(request, path):
    from onnxruntime.quantization import quantize_dynamic
    quantize_dynamic(os.path.join(request["base"], "model.onnx"), path)


def convert(request):
    {"onnx": export, "onnx-fused": fuse, "onnx-int8": quantize, "onnx-int8-plain": quantize_simply}[request["kind"]](
        request, os.path.join(request["to"], "model.onnx"))


# ---- arms ----

class Onnx(Model):
    def __init__(self, request):
        _, precision, config = request["arm"].split()
        self.best = config == "best"
        kind = {"fp32": ("onnx", "onnx-fused"), "int8": ("onnx-int8-plain", "onnx-int8")}[precision][self.best]
        folder, self.compile_seconds = cached(request, kind, VERSIONS, BASES)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = request["threads"]
        options.log_severity_level = 3
        if self.best:
            options.inter_op_num_threads = 1
            options.add_session_config_entry("session.set_denormal_as_zero", "1")
        self.session, self.load_seconds = timed(lambda: onnxruntime.InferenceSession(
            os.path.join(folder, "model.onnx"), options, providers=["CPUExecutionProvider"]))
        self.names = [i.name for i in self.session.get_inputs()]
        self.way = {"onnx": "the graph that torch.onnx exports, all graph optimisations",
                    "onnx-fused": "fused by onnxruntime.transformers.optimizer, outputs in memory used again, "
                                  "denormals as zero",
                    "onnx-int8-plain": "the exported graph, quantize_dynamic's defaults: 8-bit weights" + (
                        "" if has_dot_products() else ", whose products saturate without VNNI"),
                    "onnx-int8": "fused, dynamic int8 quantisation a channel, " + (
                        "8-bit weights" if has_dot_products() else "7-bit weights (reduce_range: without VNNI 8 saturate)")
                    }[kind]
        self.kernels = f"MLAS, CPUExecutionProvider, {request['threads']} threads that spin"

    def convert(self, arrays):
        return {name: arrays[name] for name in self.names}

    def ways(self, inputs):
        if not self.best:
            return [("run", lambda: lambda: self.session.run(["output"], inputs)[0])]
        return [("run_with_iobinding", lambda: self.bound(inputs))]

    def bound(self, inputs):
        """Runs with its output in the memory of the first run's."""
        binding = self.session.io_binding()
        for name, array in inputs.items():
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
        binding.bind_output("output")
        self.session.run_with_iobinding(binding)
        output = binding.get_outputs()[0]
        binding.bind_ortvalue_output("output", output)

        def run():
            self.session.run_with_iobinding(binding)
            return output
        return run

    def array(self, output):
        return output.numpy() if self.best else output


serve_models("onnxruntime", VERSIONS, {"providers": ", ".join(onnxruntime.get_available_providers())},
             ["onnxruntime fp32 default", "onnxruntime fp32 best", "onnxruntime int8 default", "onnxruntime int8 best"], Onnx,
             convert)
