#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""PyTorch as a peer of `mica bench models`; README.md has the protocol.

`default` is what its documentation shows: transformers' model, eager, inference mode, scaled-dot-product attention.
`best` is, for each shape of inputs, the fastest of eager and torch.compile with frozen weights (Inductor and oneDNN's or
MKL's packed weights), with memory that malloc keeps (or tcmalloc or jemalloc, where they are installed) and denormal
numbers as zero. On CUDA `best` is the fastest of eager and of torch.compile for this shape, in the modes that use CUDA
graphs and, where those fail, without. `bf16` is the whole model in bfloat16; `int8` is dynamic quantisation of the linear
layers: `default` as the documentation has it, `best` a scale a channel and the fastest of PyTorch's engines. On a GPU
inputs are there before the clock starts, outputs stay there, and the clock stops when it has finished.
"""
import ctypes
import ctypes.util
import os
import re
import sys

from models import Model, cpu_flags, has_types, load_checkpoint, serve_models, timed
from peer import absent, fastest, start_again

os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # no processes of its own beside this one
try:
    import torch
    import transformers
    from transformers import BertModel, RobertaModel, XLMRobertaModel  # noqa: F401: now, not while the clock runs
except (ImportError, OSError) as error:
    absent(error)


def output_of(result):
    return result[0] if isinstance(result, tuple) else result.get("logits", result.get("last_hidden_state"))


# ---- memory ----

def better_allocator():
    """The library of an allocator to load before all others, if one is installed."""
    if sys.platform == "linux" and not os.environ.get("LD_PRELOAD"):
        for name in ("tcmalloc_minimal", "tcmalloc", "jemalloc"):
            library = ctypes.util.find_library(name)
            if library:
                return library
    return None


def keep_memory():
    """What malloc has got it keeps: results are new memory at each call, which else the kernel clears each time."""
    if os.environ.get("LD_PRELOAD"):
        return os.environ["LD_PRELOAD"]
    libc = ctypes.CDLL(None)
    if sys.platform == "linux" and hasattr(libc, "mallopt"):
        trim_threshold, mmap_max = -1, -4
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, -1)
        return "malloc that keeps its memory"
    return "malloc"


# ---- CUDA ----

WITH_GRAPHS = ("max-autotune", "reduce-overhead")
MODES = (*WITH_GRAPHS, "max-autotune-no-cudagraphs")  # of torch.compile


def driver():
    try:
        with open("/proc/driver/nvidia/version", encoding="utf-8", errors="replace") as file:
            return re.search(r"\d+\.\d+(\.\d+)?", file.readline()).group()
    except (OSError, AttributeError):
        return "unknown"


def on_cuda():
    """Device, driver, libraries, and whether float32 is rounded to TF32."""
    major, minor = torch.cuda.get_device_capability()
    tf32 = torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32
    return f"{torch.cuda.get_device_name()}, capability {major}.{minor}, driver {driver()}, CUDA {torch.version.cuda}, " \
        f"cuDNN {torch.backends.cudnn.version()}, TF32 {'on' if tf32 else 'off'}"


def skipped_graphs():
    """How often Inductor has not used CUDA graphs, though it was asked to."""
    from torch._dynamo.utils import counters
    return counters["inductor"]["cudagraph_skips"]


# ---- arms ----

class Torch(Model):
    def __init__(self, request):
        words = request["arm"].split()
        self.precision, self.best = words[-2], words[-1] == "best"
        self.device = words[1] if len(words) > 3 else "cpu"
        memory = ""
        torch.set_num_threads(request["threads"])
        if self.device == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        if self.best and self.device == "cpu":
            memory = f", {keep_memory()}, denormals as zero"
            torch.set_flush_denormal(True)
        self.eager, self.load_seconds = timed(lambda: self.prepare(request))
        freezes = self.best and self.precision != "int8" and self.device == "cpu"
        self.compiled = self.compile() if freezes else None
        self.way = self.words() + memory
        self.kernels = self.found()

    def prepare(self, request):
        model = load_checkpoint(request, "sdpa")
        self.attention = "sdpa" if model.config._attn_implementation == "sdpa" else "attention in single steps"
        self.types = has_types(model.config.to_dict())
        if self.precision == "bf16":
            model = model.to(torch.bfloat16)
        if self.precision == "int8":
            return self.quantize(model) if self.best else self.quantize_simply(model)
        model = model.to(self.device)
        self.wait()
        return model

    def quantize_simply(self, model):
        self.engine = torch.backends.quantized.engine
        return torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)

    def quantize(self, model):
        """Dynamic quantisation by the engine that is the fastest on the first layer's widest product and 64 tokens."""
        from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

        def by(engine, module):
            torch.backends.quantized.engine = engine
            return quantize_dynamic(module, {torch.nn.Linear: per_channel_dynamic_qconfig})

        linear = [module for module in model.base_model.modules() if isinstance(module, torch.nn.Linear)]
        widest = max(linear, key=lambda module: module.out_features)

        def way(engine):
            layer = by(engine, torch.nn.Sequential(widest))
            x = torch.randn(64, widest.in_features)
            return engine, torch.inference_mode()(lambda: layer(x))

        engines = [e for e in ("x86", "onednn", "fbgemm") if e in torch.backends.quantized.supported_engines]
        self.engine = fastest([way(engine) for engine in engines])[0]
        return by(self.engine, model)

    def compile(self):
        import torch._inductor.config as inductor
        inductor.freezing = True
        inductor.force_disable_caches = True  # the time of compilation is that of compilation, in every run
        return torch.compile(self.eager, dynamic=True)

    def words(self):
        if self.precision == "int8":
            scales = "a scale a channel" if self.best else "a scale a tensor"
            return f"dynamic int8 quantisation of linear layers, {scales}, engine {self.engine}, eager, {self.attention}, " \
                "inference_mode"
        kind = "float32" if self.precision == "fp32" else "bfloat16"
        where = self.device if self.device == "cpu" else f"{self.device}; inputs there before the clock starts, outputs stay"
        how = "eager"
        if self.best:
            how = "the faster of eager and torch.compile (Inductor, frozen weights, dynamic shapes) for each shape" \
                if self.device == "cpu" else "the fastest of eager and torch.compile with CUDA graphs for each shape"
        return f"{kind}, {how}, {self.attention}, inference_mode, {where}"

    def found(self):
        if self.device == "mps":
            return "Metal Performance Shaders"
        if self.device == "cuda":
            return on_cuda()
        built = [line.strip(" -").split(" (")[0] for line in torch.__config__.show().splitlines()]
        libraries = [line.split("-Product")[0] for line in built if "Math Kernel Library" in line or "MKL-DNN" in line]
        kernels = "; ".join([torch.backends.cpu.get_cpu_capability(), f"{torch.get_num_threads()} threads", *libraries])
        if self.precision == "bf16" and not cpu_flags() & {"avx512_bf16", "amx_bf16", "bf16"}:
            kernels += "; bfloat16 is emulated: this CPU has no instructions for it"
        return kernels

    def wait(self):
        if self.device != "cpu":
            getattr(torch, self.device).synchronize()

    def device_memory(self):
        return torch.cuda.max_memory_allocated() if self.device == "cuda" else None

    def run(self, model, inputs):
        with torch.inference_mode():
            output = output_of(model(**inputs))
            self.wait()
            return output

    def convert(self, arrays):
        return {name: torch.from_numpy(array.copy()).to(self.device) for name, array in arrays.items()
                if self.types or name != "token_type_ids"}

    def ways(self, inputs):
        ways = [("eager", lambda: lambda: self.run(self.eager, inputs))]
        if self.compiled is not None:
            ways.append(("torch.compile", lambda: lambda: self.run(self.compiled, inputs)))
        if self.device == "cuda":
            self.forget()
        if self.device == "cuda" and self.best:
            ways += [(f"torch.compile {mode}", self.compiled_for(inputs, mode)) for mode in MODES]
        return ways

    @staticmethod
    def forget():
        """What was compiled and recorded for the batch before: shapes are fixed, and their number is limited. Its memory
        goes, and the most of it is counted anew."""
        torch.compiler.reset()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()

    def compiled_for(self, inputs, mode):
        """Makes a way that is compiled for these inputs; with CUDA graphs, whose first runs record them."""
        def make():
            compiled, before = torch.compile(self.eager, mode=mode, dynamic=False), skipped_graphs()
            for _ in range(3):
                self.run(compiled, inputs)
            if mode in WITH_GRAPHS and skipped_graphs() > before:
                raise RuntimeError("Inductor used no CUDA graphs")
            return lambda: self.run(compiled, inputs)
        return make

    def array(self, output):
        return output.float().cpu().numpy()

    def flaws(self, inputs):
        if self.precision == "int8":
            return {}
        bare = lambda: output_of(self.eager(**inputs))
        flaws = {"no_inference_mode": bare}
        if self.device != "cpu":
            flaws["not_synchronized"] = torch.inference_mode()(bare)
        return flaws


def load(request):
    words = request["arm"].split()
    allocator = better_allocator() if words[-1] == "best" and len(words) == 3 else None
    if allocator:
        start_again(request, LD_PRELOAD=allocator)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(request["cache"], "inductor")
    return Torch(request)


def arms():
    every = [f"pytorch {precision} {config}" for precision in ("fp32", "bf16", "int8") for config in ("default", "best")]
    if torch.cuda.is_available():
        every += [f"pytorch cuda {precision} {config}" for precision in ("fp32", "bf16") for config in ("default", "best")]
    if torch.backends.mps.is_available():
        every.append("pytorch mps fp32 default")
    return every


serve_models("pytorch", {"torch": torch.__version__, "transformers": transformers.__version__},
             {"attention": "sdpa", "inference_mode": "true"}, arms(), load)
