# SPDX-License-Identifier: MIT
"""What huggingface_hub itself leaves on disk after fetching the test server's standard repository.

    python tests/golden/hub_layout.py build/release

Starts tests/hub/hub_server of that build, fetches with huggingface_hub into a cache and into a local folder,
and writes tests/fixtures/hub/{cache,local}.txt: a line a file, sorted, in the form of list_layout in
tests/hub/support.c. test_layout.c pulls the same repository and compares.
"""
import os
import subprocess
import sys
import tempfile

# What mica fetches by itself of the standard repository.
FILES = ["config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "modules.json",
         "sentence_bert_config.json", "1_Pooling/config.json", "2_Dense/config.json",
         "2_Dense/model.safetensors", "model.safetensors"]


def fnv(data):
    total = 14695981039346656037
    for byte in data:
        total = ((total ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return total


def layout(root):
    lines = []
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            below = os.path.relpath(path, root)
            if os.path.islink(path):
                lines.append(f"link {below} {os.readlink(path)}\n")
            elif os.path.isdir(path):
                lines.append(f"folder {below}\n")
            else:
                data = open(path, "rb").read()
                if below.endswith(".metadata"):  # its third line is the time
                    data = b"\n".join(data.split(b"\n")[:2])
                lines.append(f"file {below} {len(data)} {fnv(data):016x}\n")
    return "".join(sorted(lines, key=lambda line: line.encode()))


def main():
    build = sys.argv[1]
    fixtures = os.path.join(os.path.dirname(__file__), "..", "fixtures", "hub")
    os.makedirs(fixtures, exist_ok=True)
    server = subprocess.Popen([os.path.join(build, "tests", "hub", "hub_server")], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().strip()
        server.stdin.write("standard\n")
        server.stdin.flush()
        server.stdout.readline()
        os.environ.update(HF_ENDPOINT=address, HF_HUB_DISABLE_XET="1",
                          HF_HUB_OFFLINE="0", HF_HUB_DISABLE_PROGRESS_BARS="1")
        with tempfile.TemporaryDirectory() as home:
            os.environ["HF_HOME"] = home
            from huggingface_hub import snapshot_download
            cache, local = os.path.join(home, "hub"), os.path.join(home, "local")
            snapshot_download("org/tiny-bert", allow_patterns=FILES, cache_dir=cache)
            open(os.path.join(fixtures, "cache.txt"), "w").write(layout(cache))
            snapshot_download("org/tiny-bert", allow_patterns=FILES, cache_dir=os.path.join(home, "other"),
                              local_dir=local)
            open(os.path.join(fixtures, "local.txt"), "w").write(layout(local))
    finally:
        server.stdin.close()
        server.wait()


if __name__ == "__main__":
    main()
