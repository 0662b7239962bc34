#!/bin/sh
# SPDX-License-Identifier: MIT
# Models and requests that are wrong: each gets an error that names what, an exit code of its own, and
# leaves nothing behind.
. "$(dirname "$0")/support.sh"

# copy: a fresh copy of the tiny model in $work/m.
copy() {
    rm -rf "$work/m"
    cp -r "$model" "$work/m"
    chmod -R u+w "$work/m"
}
# refused NAME CODE TEXT: embedding with $work/m ends so.
refused() {
    run "$mica" embed "$work/m" hello
    expect "$1" "$2"
    err_has "$3"
    out_empty
}
set_config() { # set_config KEY VALUE: replaces a number or word in config.json
    sed "s/\"$1\": [^,]*\(,\{0,1\}\)\$/\"$1\": $2\1/" "$work/m/config.json" >"$work/config" &&
        mv "$work/config" "$work/m/config.json"
    grep -qF "\"$1\": $2" "$work/m/config.json" || complain "no $1 in config.json"
}

run "$mica" embed "$work/none" hello
expect "no such directory" 3
err_has "none"
run "$mica" detokenize "$work/none" 1
expect "detokenize without a directory" 3
err_has "none"
run "$mica" embed "$model/config.json" hello
expect "a file instead of a directory" 3
err_has "config.json"
mkdir "$work/m"
refused "an empty directory" 3 "config.json"
copy
rm "$work/m/model.safetensors"
refused "no weights" 3 "model.safetensors"
: >"$work/m/tf_model.h5"
refused "only TensorFlow weights" 3 "TensorFlow"
copy
rm "$work/m/tokenizer.json"
rm -f "$work/m/vocab.txt"
refused "no tokenizer" 3 "tokenizer.json"

copy
set_config model_type '"zebra"'
refused "unknown architecture" 7 "zebra"
copy
set_config hidden_act '"swoosh"'
refused "unknown activation" 7 "swoosh"
copy
set_config hidden_size 36
refused "a weight of another shape" 1 "36"
copy
set_config num_hidden_layers 3
refused "a weight that is missing" 3 "layer.2"
copy
set_config num_attention_heads 7
refused "heads that do not divide" 1 "7"
for value in 0 -1 '"x"' 1e99 2.5 '[]'; do
    copy
    set_config hidden_size "$value"
    run "$mica" embed "$work/m" hello
    expect "hidden_size $value" 1
    err_has "hidden_size"
done
copy
set_config vocab_size 5
run "$mica" embed "$work/m" hello
expect "a vocabulary that is not the model's" 1
err_has "["
copy
printf '{"model_type": ' >"$work/m/config.json"
refused "a config.json that ends early" 1 "config.json"
printf '[]' >"$work/m/config.json"
refused "a config.json that is no object" 1 "config.json"
copy
printf '{}' >"$work/m/tokenizer.json"
refused "a tokenizer.json without a model" 1 "tokenizer.json"

size=$(wc -c <"$model/model.safetensors")
for bytes in 0 7 8 100 $((size - 1)); do
    copy
    head -c "$bytes" "$model/model.safetensors" >"$work/m/model.safetensors"
    refused "weights cut to $bytes bytes" 1 "model.safetensors"
done
copy
printf 'x' >>"$work/m/model.safetensors"
refused "a byte too many" 1 "model.safetensors"
copy
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n' >"$work/m/model.safetensors"
refused "a git-lfs pointer" 1 "git-lfs"
copy
rm "$work/m/model.safetensors"
for kind in system popen eval getattr legacy; do
    cp "$here/../fixtures/checkpoint/hostile-$kind.bin" "$work/m/pytorch_model.bin"
    refused "a pickle that wants to run something ($kind)" 1 "not allowed"
    err_has "pytorch_model.bin"
done
copy
printf '{"weight_map": {"a": "../x.safetensors"}}' >"$work/m/model.safetensors.index.json"
rm "$work/m/model.safetensors"
refused "a shard outside the directory" 1 "../x.safetensors"

# NaN in the first number of the data, which belongs to a norm of the embeddings.
copy
header=$(od -An -tu8 -N8 "$model/model.safetensors" | tr -d ' ')
printf '\000\000\300\177' |
    dd of="$work/m/model.safetensors" bs=1 seek=$((header + 8)) conv=notrunc 2>/dev/null
run "$mica" embed "$work/m" hello
expect "a weight that is not a number" 1
err_has "holds nan"
out_empty

printf '[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},' >"$work/modules"
for module in "Zap 7 Zap" "Pooling 1 ../"; do
    set -- $module
    copy
    path=1_X
    [ "$2" = 1 ] && path=../..
    {
        cat "$work/modules"
        printf '{"idx": 1, "name": "1", "path": "%s", "type": "sentence_transformers.models.%s"}]' "$path" "$1"
    } >"$work/m/modules.json"
    run "$mica" embed "$work/m" hello
    expect "module $1 at $path" "$2"
    err_has "$3"
done

cat >"$work/requests" <<'LINES'
"input_ids" {}
"input_ids" {"input_ids": []}
input_ids[0] {"input_ids": [[]]}
input_ids[0] {"input_ids": [5]}
input_ids[1][0] {"input_ids": [[1], ["x"]]}
input_ids[0][1] {"input_ids": [[1, 2.5]]}
input_ids[0][0] {"input_ids": [[-1]]}
input_ids[1][2] {"input_ids": [[1], [2, 3, 9999999]]}
input_ids[0][1] {"input_ids": [[1, 99999999999]]}
attention_mask[0] {"input_ids": [[1, 2]], "attention_mask": [[1]]}
attention_mask {"input_ids": [[1, 2]], "attention_mask": [[1, 1], [1, 1]]}
attention_mask[0][1] {"input_ids": [[1, 2]], "attention_mask": [[1, 2]]}
token_type_ids {"input_ids": [[1, 2]], "token_type_ids": 5}
token_type_ids[0][1] {"input_ids": [[1, 2]], "token_type_ids": [[0, 77]]}
in.json {"input_ids": [[1, 2]
ids {"ids": [[1, 2]], "input_ids": [[1]]}
object [1]
LINES
while read -r part json; do
    printf '%s' "$json" >"$work/in.json"
    run "$mica" forward "$model" --input "$work/in.json" -o "$work/out.safetensors"
    expect "forward $json" 1
    err_has "$part"
    [ ! -e "$work/out.safetensors" ] || complain "a file was written"
done <"$work/requests"
awk 'BEGIN { printf "{\"input_ids\": [[1"; for (i = 0; i < 40; i++) printf ", 1"; print "]]}" }' >"$work/in.json"
run "$mica" forward "$model" --input "$work/in.json" -o "$work/out.safetensors"
expect "more tokens than positions" 1
err_has "41"
[ ! -e "$work/out.safetensors" ] || complain "a file was written"
run "$mica" forward "$model" --input "$work/none.json" -o "$work/out.safetensors"
expect "no request" 3
run "$mica" forward "$model" --input "$work/in.json"
expect "no output named" 2
run "$mica" verify "$model" --reference "$work/none"
expect "no reference" 3
run "$mica" init "$work/none" -o "$work/x"
expect "init without a config" 3
[ ! -e "$work/x" ] || complain "something was made"
printf '{"model_type": "bert", "hidden_size": 1000000000, "vocab_size": 1000000000}' >"$work/huge.json"
run "$mica" init "$work/huge.json" -o "$work/x"
what="init of a model that no machine holds"
cases=$((cases + 1))
[ $code -ne 0 ] || complain "exit code 0"
[ ! -e "$work/x/model.safetensors" ] || complain "something was written"

# Out of memory, where the shell can limit it (not under sanitizers, which map terabytes).
if (ulimit -v 4000000 && "$mica" version) >/dev/null 2>&1; then
    awk 'BEGIN { for (i = 0; i < 3000000; i++) printf "hello "; }' >"$work/long"
    code=0
    (ulimit -v 60000 && exec "$mica" embed "$model" --file "$work/long") >"$work/out" 2>"$work/err" || code=$?
    expect "out of memory" 8
    err_has "memory"
else
    echo "skipped: memory cannot be limited here"
fi
finish
