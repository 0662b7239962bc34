#!/bin/sh
# SPDX-License-Identifier: MIT
# `make bench`: linear layers against the machine's limit, BERT-base beside the frameworks that are installed (`make peers`)
# and where its time goes, tokenizers beside Hugging Face's.
#   bench/run.sh BUILD_DIR
set -eu
mica=$1/mica
models=$1/../models
"$mica" bench gemm
"$mica" bench models --models bert-base-uncased --precisions fp32 --directory "$models"
if [ -d "$models/bert-base-uncased.1" ]; then # made, with seed 1: it is not in the Hub's cache
    "$mica" profile "$models/bert-base-uncased.1"
fi
"$mica" bench tokenizers
