# SPDX-License-Identifier: MIT
# What the scripts of this folder share. Sourced as: . support.sh PROGRAM FOLDER

mica=$1
work=$2
here=$(cd "$(dirname "$0")" && pwd)
models=$(cd "$here/../fixtures/models" && pwd)
model=$models/st-plain # tiny, with a tokenizer
rm -rf "$work"
mkdir -p "$work"
cases=0
wrong=0

# run COMMAND...: its output in $work/out and $work/err, its exit code in $code.
run() {
    code=0
    "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
}

complain() {
    wrong=$((wrong + 1))
    echo "FAILED: $what: $*" >&2
    head -c 4000 "$work/out" | sed 's/^/    out: /' >&2
    head -c 600 "$work/err" | sed 's/^/    err: /' >&2
}

# expect NAME CODE: the last run ended with CODE. A log that ends before the others shows where one hangs.
expect() {
    what=$1
    cases=$((cases + 1))
    echo "$what" >&2
    [ "$code" -eq "$2" ] || complain "exit code $code, not $2"
}
out_has() { grep -qF -- "$1" "$work/out" || complain "output lacks: $1"; }
err_has() { grep -qF -- "$1" "$work/err" || complain "error lacks: $1"; }
out_is() { [ "$(cat "$work/out")" = "$1" ] || complain "output is not: $1"; }
out_empty() { [ ! -s "$work/out" ] || complain "there is output"; }
lines_are() { [ "$(wc -l <"$work/out")" -eq "$1" ] || complain "not $1 lines"; }

# make_bert NAME ARCHITECTURE SETTINGS: a tiny BERT in $work/NAME.
make_bert() {
    mkdir -p "$work/config"
    cp "$here/../fixtures/tokenizers/bert-base-cased"/* "$work/config"
    printf '{"model_type": "bert", "architectures": ["%s"], "vocab_size": 28996, "hidden_size": 16,
        "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "max_position_embeddings": 64, "initializer_range": 0.4%s}' "$2" "$3" >"$work/config/config.json"
    run "$mica" init "$work/config" -o "$work/$1" --seed 7
    expect "init $1" 0
}

finish() {
    echo "$cases cases, $wrong wrong"
    [ "$wrong" -eq 0 ] && [ "$cases" -gt 0 ]
}
