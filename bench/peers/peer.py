# SPDX-License-Identifier: MIT
"""What all peers share: the protocol of README.md, and the choice of the fastest way.

Importing this makes standard output the protocol's alone: whatever a framework prints goes to standard error.
"""
import itertools
import json
import os
import sys
import time

sys.path.pop(0)  # this folder, whose `tokenizers` is not the library
_answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
sys.stdin.reconfigure(encoding="utf-8", errors="replace")


def plain(value):
    """Words of frameworks and systems may hold anything: here they are one line of printable ASCII."""
    if isinstance(value, dict):
        return {plain(key): plain(one) for key, one in value.items()}
    if not isinstance(value, str):
        return value
    return "".join(c if " " <= c <= "~" else "?" for c in " ".join(value.split()))


def say(**fields):
    _answers.write(json.dumps(plain(fields)) + "\n")
    _answers.flush()


def hello(name, versions, settings, **more):
    """The first line, unless this process has said it already (start_again)."""
    if "MICA_PEER_REQUEST" not in os.environ:
        say(ok=True, name=name, versions={**versions, "python": sys.version.split()[0]}, settings=settings, **more)


def absent(error):
    """The first and last answer of a peer whose framework is not here."""
    say(ok=False, absent=True, error=in_words(error))
    sys.exit(0)


def in_words(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"


def serve(**does):
    """Answers requests, each by the function of its name, whose result are the fields of the answer."""
    again = [os.environ.pop("MICA_PEER_REQUEST")] if "MICA_PEER_REQUEST" in os.environ else []
    for line in itertools.chain(again, sys.stdin):
        try:
            request = json.loads(line)
            if request["do"] == "quit":
                break
            if request["do"] not in does:
                raise ValueError(f"'{request['do']}' is not known")
            say(ok=True, **(does[request["do"]](request) or {}))
        except (Exception, SystemExit) as error:  # the program shows it
            say(ok=False, error=in_words(error))


def start_again(request, **environment):
    """Becomes a new process with these variables, as some settings are read once; it answers `request` first."""
    os.dup2(_answers.fileno(), 1)
    os.environ.update(environment, MICA_PEER_REQUEST=json.dumps(request))
    os.execv(sys.executable, [sys.executable, "-u", *sys.argv])


def save_output(request, array):
    """Writes what an operation gave (NumPy) where `check` wants it: all, or the elements `at`. Its shape."""
    from safetensors.numpy import load_file, save_file
    shape = list(array.shape)
    if "at" in request:
        array = array.reshape(-1)[load_file(request["at"])["at"]]
    save_file({"output": array.copy(order="C")}, request["output"])
    return shape


def seconds(run, runs):
    begin = time.perf_counter()
    for _ in range(runs):
        run()  # and its result, if new, given back
    return time.perf_counter() - begin


def trial(run, enough=float("inf")):
    """The shortest of several runs, after one to warm up; that one alone if it takes more than `enough` seconds."""
    first = seconds(run, 1)
    if first > enough:
        return first
    spent, least, runs = 0.0, float("inf"), 0
    while runs < 1 or (runs < 3 and spent < 1) or (runs < 50 and spent < 0.05):
        took = seconds(run, 1)
        spent, least, runs = spent + took, min(least, took), runs + 1
    return least


def fastest(ways, enough=float("inf")):
    """The way (name, function, ...) with the shortest run (see trial)."""
    best, shortest = ways[0], float("inf")
    for way in ways if len(ways) > 1 else []:
        least = trial(way[1], enough)
        if least < shortest:
            best, shortest = way, least
    return best
