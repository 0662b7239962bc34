#!/bin/sh
# SPDX-License-Identifier: MIT
# `make bench`: kernels against the machine's limit, BERT-base beside PyTorch, tokenizers beside Hugging Face's.
#   bench/run.sh BUILD_DIR
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
"$build/mica" bench gemm
model=$build/../models/bert-base-random
mkdir -p "$build/../models"
if [ ! -f "$model/model.safetensors" ]; then
    "$build/mica" init "$here/shapes/bert-base.json" -o "$model" --seed 1
fi
python=${MICA_PEER_PYTHON:-$build/../peers/bin/python}
if [ -x "$python" ]; then
    "$build/bench/bench_encoder" "$model" --peer "$python $here/peers/pytorch.py"
else
    echo "PyTorch: absent (make peers installs it in build/peers; MICA_PEER_PYTHON names another)"
    "$build/bench/bench_encoder" "$model"
fi
"$build/mica" bench tokenizers
