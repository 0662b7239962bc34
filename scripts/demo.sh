#!/bin/sh
# SPDX-License-Identifier: MIT
# `make demo`: a published sentence-embedding model, end to end.
#   scripts/demo.sh [MODEL_DIRECTORY]     (or MICA_MINILM_DIR)
set -eu
cd "$(dirname "$0")/.."
build=build/release
mica=$build/mica
model=${1:-${MICA_MINILM_DIR:-}}
if [ -z "$model" ]; then
    model=build/models/all-MiniLM-L6-v2
    [ -f "$model/model.safetensors" ] || sh scripts/fetch-minilm.sh >/dev/null
fi
[ -d "$model" ] || { echo "there is no directory '$model'" >&2; exit 3; }

bold="" plain=""
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m')
    plain=$(printf '\033[0m')
fi
title() { printf '\n%s%s%s\n\n' "$bold" "$1" "$plain"; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

title "1. The machine"
$mica doctor | sed 's/^/  /'

title "2. A text becomes a vector"
echo "  $ mica embed $model \"Mica is a mineral made of thin layers.\""
$mica embed "$model" "Mica is a mineral made of thin layers." |
    awk '{ printf "  %d numbers: %s %s %s %s ... %s\n", NF, $1, $2, $3, $4, $NF }'

title "3. Sentences ranked by meaning: \"How do I get my money back?\""
cat >"$scratch/answers" <<'LINES'
Refunds are paid to your original payment method within five days.
You can return an item for a full reimbursement within 30 days.
Our shop opens at nine in the morning.
The parcel left the warehouse this morning.
Bananas are rich in potassium.
Pour récupérer votre argent, écrivez au service client.
To reset your password, follow the link in the e-mail.
The bank raised its interest rates again.
A cat sleeps on the warm windowsill.
If you were charged twice, we will give the second payment back.
LINES
$build/examples/search "$model" "How do I get my money back?" <"$scratch/answers"

title "4. Every pair of sentences"
$mica similarity "$model" "A man is eating food." "Someone is having a meal." \
    "A woman plays the violin." "Music is played on a stringed instrument." "The stock market fell." |
    sed 's/^/  /'

title "5. Does it agree with the reference?"
# The stored vectors are of all-MiniLM-L6-v2: another model of yours is not held to them.
agrees=0
if ! grep -q '"hidden_size": 384' "$model/config.json" || ! grep -q '"num_hidden_layers": 6' "$model/config.json"; then
    echo "  (stored reference vectors are of all-MiniLM-L6-v2; this is another model)"
else
    $mica verify "$model" --reference tests/fixtures/minilm/reference.safetensors \
        >"$scratch/verify" 2>"$scratch/why" || agrees=$?
    sed 's/^/  /' "$scratch/verify" "$scratch/why"
    echo "  reference: sentence-transformers in float32; allowed: 1e-5 of the largest value"
    [ $agrees -eq 0 ] || echo "  It does NOT agree: is $model all-MiniLM-L6-v2 as published?"
fi

title "6. How fast?"
i=0
while [ $i -lt 40 ]; do
    cat "$scratch/answers"
    i=$((i + 1))
done >"$scratch/corpus"
$mica embed "$model" --file "$scratch/corpus" --verbose --format jsonl 2>&1 >/dev/null |
    sed -n 's/^mica: \([0-9]* texts, .*\)/  \1/p'

title "Next"
cat <<NEXT
  $mica embed $model --file YOUR_TEXTS.txt --format jsonl > vectors.jsonl
  $mica tokenize $model "What does the model see?"
  $mica --help
NEXT
exit $agrees
