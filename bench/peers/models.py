# SPDX-License-Identifier: MIT
"""What the peers of `mica bench models` share: arms, inputs from files, checks, clocks, converted models.

A peer gives a function that makes a `Model` of a `load` request; one process serves one arm. A file that the framework
needs and that is long in the making is made by a child process, so that its memory is not counted to the arm, and kept.
"""
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time

from peer import fastest, hello, in_words, seconds, serve

os.environ["HF_HUB_OFFLINE"] = "1"  # models are what lies in their directories
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

FAMILIES = ("bert", "roberta", "xlm-roberta", "distilbert", "mpnet")
TENSORS = ("input_ids", "attention_mask", "token_type_ids")


class Model:
    """What an arm runs."""
    way = ""  # in words
    kernels = ""  # what the framework says that it has found or uses
    load_seconds = 0.0
    compile_seconds = 0.0  # conversion, also one that was kept from before, and compilation while loading

    def convert(self, arrays):
        """The framework's own form of the inputs, NumPy int64 [B, S]."""
        raise NotImplementedError

    def ways(self, inputs):
        """[(name, function that makes the function that runs once and gives the output, computed)]: the fastest counts."""
        raise NotImplementedError

    def array(self, output):
        """The output as NumPy float32 [B, S, H]."""
        return output

    def flaws(self, inputs):
        """{name: function that runs once as the published harness did}"""
        return {}

    def wait(self):
        """Until nothing is queued: before a clock starts, and after a flaw that does not wait."""

    def device_memory(self):
        """Bytes of a device's own memory at the most, None without one."""
        return None


def config_of(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        return json.load(file)


def weights_of(folder):
    """The files of the weights: those that transformers takes of what is there."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return [path]
        if os.path.isfile(f"{path}.index.json"):
            with open(f"{path}.index.json", encoding="utf-8") as file:
                return [os.path.join(folder, part) for part in sorted(set(json.load(file)["weight_map"].values()))]
    raise ValueError(f"there are no weights in '{folder}'")


def first_position(config):
    """The position of a text's first token: RoBERTa counts from the padding id on, MPNet from its own, which is 1."""
    if config["model_type"] in ("bert", "distilbert"):
        return 0
    return (1 if config["model_type"] == "mpnet" else config.get("pad_token_id", 1)) + 1


def has_types(config):
    return config["model_type"] not in ("distilbert", "mpnet")


def pin(cpus):
    """All threads that there are, and with them those that they start, to these processors (Linux)."""
    if cpus and hasattr(os, "sched_setaffinity"):
        for thread in os.listdir("/proc/self/task"):
            try:
                os.sched_setaffinity(int(thread), cpus)
            except ProcessLookupError:
                pass  # it has ended meanwhile


def timed(run):
    """(result, seconds)"""
    begin = time.perf_counter()
    result = run()
    return result, time.perf_counter() - begin


def cpu_flags():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return set(next(line for line in file if line.startswith(("flags", "Features"))).split(":")[1].split())
    except (OSError, StopIteration):
        return set()


def isa():
    """The highest of what matters here that this processor has, in words."""
    flags = cpu_flags()
    known = ("amx_int8", "amx_bf16", "avx512_bf16", "avx512_vnni", "avx512f", "avx_vnni", "avx2")
    return " ".join(name for name in known if name in flags) or "unknown"


def has_dot_products():
    """Without instructions for products of bytes, pairs of them saturate at 16 bits: weights are kept to 7 bits."""
    return bool(cpu_flags() & {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"})


# ---- transformers' models ----

def load_checkpoint(request, attention):
    """The model in PyTorch, all of whose weights are in the checkpoint."""
    import torch
    import transformers
    family = config_of(request["model"])["model_type"]
    if family == "mpnet":
        attention = "eager"  # transformers has no other
    if request["head"] == "none":
        kind, more = transformers.AutoModel, {} if family == "distilbert" else {"add_pooling_layer": False}
    else:
        kind, more = transformers.AutoModelForMaskedLM, {}
    model, info = kind.from_pretrained(request["model"], dtype=torch.float32, attn_implementation=attention,
                                       local_files_only=True, output_loading_info=True, **more)
    if info["missing_keys"]:
        raise ValueError(f"the checkpoint has no {sorted(info['missing_keys'])[0]}")
    return model.eval()


def traceable(model):
    """The model with inputs in the order of TENSORS and one output, and an example of inputs."""
    import torch

    class Outer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model
            self.has_types = has_types(model.config.to_dict())

        def forward(self, input_ids, attention_mask, token_type_ids):
            types = {"token_type_ids": token_type_ids} if self.has_types else {}
            return self.inner(input_ids=input_ids, attention_mask=attention_mask, **types)[0]

    ids = torch.full((2, 9), 5)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    return Outer().eval(), (ids, mask, torch.zeros_like(ids))


# ---- converted models ----

def cached(request, kind, versions, bases, data=None):
    """(folder, seconds it took) of a converted model: made by `script --convert` in a child, unless it is there, of
    that of another kind if `bases` names one, and of the contents of the file `data`."""
    base, before = cached(request, bases[kind], versions, bases) if kind in bases else (None, 0.0)
    files = [*weights_of(request["model"]), os.path.join(request["model"], "config.json")]
    facts = [kind, request["head"], versions]
    if data:
        with open(data, "rb") as file:
            facts.append(hashlib.sha256(file.read()).hexdigest())
    for path in files:
        stat = os.stat(path)
        facts.append([os.path.realpath(path), stat.st_mtime_ns, stat.st_size])
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    folder = os.path.join(request["cache"], f"{kind}-{key}")
    made = os.path.join(folder, "made.json")
    if not os.path.exists(made):
        remove_left_overs(folder)
        making = f"{folder}.{os.getpid()}"
        os.makedirs(making, exist_ok=True)
        held = lock(making)
        try:
            took = timed(lambda: in_child({**request, "kind": kind, "base": base, "to": making}))[1]
            with open(os.path.join(making, "made.json"), "w", encoding="utf-8") as file:
                json.dump({"seconds": took, "made_of": facts}, file)
            try:
                os.rename(making, folder)
            except OSError:
                if not os.path.exists(made):  # else another process was faster
                    raise
        finally:
            shutil.rmtree(making, ignore_errors=True)
            if held is not None:
                os.close(held)
    with open(made, encoding="utf-8") as file:
        return folder, before + json.load(file)["seconds"]


def lock(folder):
    """Held until it is closed or this process ends; None if another one holds it."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return held
    except OSError:
        os.close(held)
        return None


def remove_left_overs(folder):
    """What processes that were killed have left of it: nobody holds that."""
    place, name = os.path.split(folder)
    for entry in os.listdir(place) if os.path.isdir(place) else []:
        path = os.path.join(place, entry)
        held = lock(path) if entry.startswith(f"{name}.") and os.path.isdir(path) else None
        if held is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(held)


def in_child(request):
    """It ends with this process, however that ends: the pipe of its input closes."""
    child = subprocess.Popen([sys.executable, sys.argv[0], "--convert", json.dumps(request)], stdin=subprocess.PIPE,
                             stdout=2, stderr=subprocess.PIPE, text=True, errors="replace")
    with child.stdin:
        errors = child.stderr.read()
        child.wait()
    sys.stderr.write(errors)
    if child.returncode:
        last = (errors.strip().splitlines() or [f"exit code {child.returncode}"])[-1]
        raise RuntimeError(f"converting failed: {last}")


def end_with_parent():
    """Ends this process when its input does."""
    def wait():
        os.read(0, 1)
        os._exit(1)
    threading.Thread(target=wait, daemon=True).start()


# ---- the protocol ----

def describe(arm):
    """FRAMEWORK [DEVICE] PRECISION CONFIG"""
    words = arm.split()
    return {"arm": arm, "precision": words[-2], "config": words[-1], "device": "gpu" if len(words) > 3 else "cpu",
            "as_published": False}


class Batch:
    """Inputs of one file, and, once they are to be run, the way in which this arm runs them fastest."""

    def __init__(self, model, config, path):
        from safetensors.numpy import load_file
        tensors = load_file(path)
        self.arrays = {name: tensors[name] for name in TENSORS}
        self.rows = tensors.get("rows")
        self.examine(config)
        self.model, self.inputs = model, model.convert(self.arrays)
        self.model.wait()
        self.run, self.failed = None, []

    def choose(self):
        """Whether there was something to choose."""
        if self.run:
            return False
        ways = []
        for name, make in self.model.ways(self.inputs):
            try:
                run, making = timed(make)
                ways.append((name, run, making + timed(run)[1]))
            except Exception as error:
                self.failed.append(f"{name} failed: {in_words(error)}")
        if not ways:
            raise RuntimeError("; ".join(self.failed))
        self.way, self.run, self.first_seconds = fastest(ways)
        return True

    def words(self):
        """What it takes, and why it does not take what it would rather."""
        return "; ".join([self.way, *self.failed])

    def examine(self, config):
        """Frameworks do not all notice what is out of range."""
        ids, types = self.arrays["input_ids"], self.arrays["token_type_ids"]
        if ids.ndim != 2 or ids.size == 0:
            raise ValueError(f"input_ids has the shape {list(ids.shape)}, which is no batch")
        for name, array in self.arrays.items():
            if array.shape != ids.shape or array.dtype.name != "int64":
                raise ValueError(f"{name} is {array.dtype} {list(array.shape)}, not int64 {list(ids.shape)}")
        longest = config["max_position_embeddings"] - first_position(config)
        if ids.shape[1] > longest:
            raise ValueError(f"texts have {ids.shape[1]} tokens, and the model takes {longest}")
        if ids.min() < 0 or ids.max() >= config["vocab_size"]:
            raise ValueError(f"token ids go up to {ids.max()}, and there are {config['vocab_size']}")
        if types.min() < 0 or types.max() >= config.get("type_vocab_size", 2):
            raise ValueError(f"token types go up to {types.max()}")
        if self.rows is not None and self.rows.size and not 0 <= self.rows.min() <= self.rows.max() < ids.size:
            raise ValueError(f"rows go up to {self.rows.max()}, and there are {ids.size}")


class Server:
    def __init__(self, arms, load):
        self.arms, self.open = arms, load
        self.model, self.config, self.batch, self.batch_file = None, None, None, None

    def load(self, request):
        if request["arm"] not in self.arms:
            raise ValueError(f"there is no arm '{request['arm']}'")
        if request.setdefault("head", "none") not in ("none", "masked-lm"):
            raise ValueError(f"there is no head '{request['head']}'")
        self.model, self.batch, self.batch_file = None, None, None
        self.config = config_of(request["model"])
        family = self.config.get("model_type")
        if family not in FAMILIES:
            raise ValueError(f"models of the type '{family}' are not known here")
        if request["head"] != "none" and family != "bert":
            raise ValueError(f"there is no head for {family}")
        weights_of(request["model"])
        if not request.get("cache"):
            home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
            request["cache"] = os.path.join(home, "mica", "bench", "converted")
        pin(request.get("cpus"))
        self.model = self.open(request)
        return {name: getattr(self.model, name) for name in ("load_seconds", "compile_seconds", "way", "kernels")}

    def batch_of(self, path):
        """The batch of that file; the one before goes, and with it what was compiled for its shape."""
        if not self.model:
            raise ValueError("no model has been loaded")
        stat = os.stat(path)
        file = path, stat.st_mtime_ns, stat.st_size
        if self.batch_file != file:
            self.batch, self.batch_file = None, None
            self.batch = Batch(self.model, self.config, path)
            self.batch_file = file
        return self.batch

    def check(self, request):
        from safetensors.numpy import save_file
        batch = self.batch_of(request["inputs"])
        new = batch.choose()
        output, took = timed(batch.run)
        output = self.model.array(output)
        output = output.reshape(-1, output.shape[-1])
        save_file({"output": output if batch.rows is None else output[batch.rows]}, request["output"])
        memory = self.model.device_memory()
        return {"first_seconds": batch.first_seconds if new else took, "way": batch.words(),
                **({} if memory is None else {"device_bytes": memory})}

    def time(self, request):
        batch = self.batch_of(request["inputs"])
        batch.choose()
        return {"seconds": seconds(batch.run, request["runs"])}

    def flaw(self, request):
        batch = self.batch_of(request["inputs"])
        flaws = self.model.flaws(batch.inputs)
        if request["name"] not in flaws:
            raise ValueError(f"this arm does not have the flaw '{request['name']}'")
        self.model.wait()
        took = seconds(flaws[request["name"]], request["runs"])
        self.model.wait()
        return {"seconds": took}


def serve_models(name, versions, settings, arms, load, convert=None):
    if sys.argv[1:2] == ["--convert"]:
        end_with_parent()
        convert(json.loads(sys.argv[2]))
        return
    server = Server(arms, load)
    hello(name, versions, {"isa": isa(), **settings}, arms=[describe(arm) for arm in arms])
    serve(load=server.load, check=server.check, time=server.time, flaw=server.flaw)
