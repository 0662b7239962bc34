#!/bin/sh
# SPDX-License-Identifier: MIT
# Hub ids and the cache, without a network: every command on a model that is in the cache, and what is
# said when it is not.
. "$(dirname "$0")/support.sh"
. "$(dirname "$0")/hub_support.sh"

run "$mica" list
expect "a cache that does not exist" 0
out_has "no models in $cache"
run "$mica" list --format json
expect "the same as JSON" 0
out_is "{\"cache\":\"$cache\",\"size\":0,\"models\":[]}"
run "$mica" list --format jsonl
expect "the same as JSON lines" 0
out_empty
run "$mica" verify-cache --format json
expect "nothing to verify" 0
out_is '{"problems":[],"ok":true,"files":0,"size":0,"unchecked":0}'

cache_model org/tiny $commit main "$model"
cache_model org/tiny $other v1.0 "$model"
cache_model org/instruct $commit main "$models/st-instruct"
cache_model bert-tiny $commit main "$models/bert-base"
folder=$cache/models--org--tiny/snapshots/$commit

# Every command that takes a model takes its id.
run "$mica" embed "$model" hello --format jsonl
expect "embed from a directory" 0
cp "$work/out" "$work/expected"
for id in org/tiny org/tiny@main org/tiny@v1.0 org/tiny@$commit; do
    run "$mica" embed $id hello --format jsonl
    expect "embed $id" 0
    cmp -s "$work/out" "$work/expected" || complain "other numbers"
    [ ! -s "$work/err" ] || complain "it is not quiet"
done
run "$mica" embed org/tiny hello --format json
expect "embed names the model as it was given" 0
out_has '{"model":"org/tiny",'
run "$mica" similarity org/tiny hello world
expect "similarity" 0
run "$mica" tokenize org/tiny "hello world" --format json
expect "tokenize" 0
out_has '"tokens":["[CLS]","hello","world","[SEP]"]'
run "$mica" detokenize org/tiny 2 95 3
expect "detokenize" 0
out_is "[CLS] hello [SEP]"
run "$mica" forward org/tiny --input "$here/ids.json" -o "$work/out.safetensors"
expect "forward" 0
run "$mica" verify bert-tiny --reference "$models/bert-base/reference.safetensors"
expect "verify, and a name without owner" 0
run "$mica" init org/tiny -o "$work/random" --seed 3
expect "init" 0
[ -s "$work/random/model.safetensors" ] || complain "no weights"
for command in "classify org/tiny x" "fill-mask org/tiny x" "rerank org/tiny --query q x" "tag org/tiny x" \
    "answer org/tiny --question q --context c"; do
    # shellcheck disable=SC2086
    run "$mica" $command
    expect "$command: found, and refused for its head" 7
    err_has "head"
done
mkdir -p "$work/here/org"
cp -r "$models/st-instruct" "$work/here/org/tiny"
code=0
(cd "$work/here" && exec "$mica" embed org/tiny hello --format json) >"$work/out" 2>"$work/err" || code=$?
expect "a directory goes before a model of its name" 0
out_has '"pooling":"cls+max+'
run env HF_ENDPOINT=nonsense "$mica" embed "$model" hello
expect "a directory needs no settings of the Hub" 0

# What is not there.
run "$mica" embed org/tinu hello
expect "a model that is not in the cache" 5
err_has "org/tinu"
err_has "'org/tiny'"
err_has "HF_HUB_OFFLINE"
run "$mica" embed org/tiny@v2 hello
expect "a revision that is not in the cache" 5
err_has "v2"
rm "$cache/models--org--tiny/snapshots/$other/model.safetensors"
run "$mica" embed org/tiny@v1.0 hello
expect "a file that is not in the cache" 5
err_has "model.safetensors"
run "$mica" tokenize org/tiny@v1.0 hello --format json
expect "no weights are needed to tokenize" 0
out_has '"hello"'
run "$mica" detokenize org/tiny@v1.0 95
expect "nor to detokenize" 0
run "$mica" init org/tiny@v1.0 -o "$work/random" --seed 3 --force
expect "nor to make other ones" 0
for id in "a/b/c" a//b ../x ./x /x "~/x"; do
    run "$mica" embed "$id" hello
    expect "embed $id" 3
    err_has "$id"
done
for id in "" a/ "a b" a/b@ "a/b@..x" "a--b" "org/x.git" "org/né"; do
    run "$mica" embed "$id" hello
    expect "embed '$id', no id" 2
    for command in pull rm verify-cache; do
        run "$mica" $command "$id"
        expect "$command '$id', no id" 2
        out_empty
    done
done
run env HF_HUB_OFFLINE=0 HF_ENDPOINT=nonsense "$mica" embed org/other hello
expect "an endpoint that is none" 2
err_has "nonsense"

# list
run "$mica" list
expect "list" 0
lines_are 6
out_has "org/tiny"
out_has "$(echo $commit | cut -c1-12)"
out_has "v1.0"
out_has "partly there"
out_has "$cache"
run "$mica" list --format json
expect "list as JSON" 0
lines_are 1
out_has '{"model":"org/tiny","revisions":["main"],"commit":"'$commit'","size":'
out_has '"revisions":["v1.0"],"commit":"'$other'"'
out_has '"whole":false'
grep -qE '"last_used":"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z"' "$work/out" || complain "no time"
run "$mica" list --format jsonl
expect "list as JSON lines" 0
lines_are 4
run "$mica" list x
expect "list with an argument" 2

# show
run "$mica" show org/tiny
expect "show" 0
for text in "org/tiny" "main ($commit)" "$folder" "BertModel (bert)" "12,448, float32 in model.safetensors" \
    "2 layers" "32 tokens" "24 numbers, pooling mean, not normalized" "embed, similarity" tokenizer.json; do
    out_has "$text"
done
run "$mica" show org/tiny --format json
expect "show as JSON" 0
lines_are 1
out_has '"model":"org/tiny","revision":"main","commit":"'$commit'","directory":"'"$folder"'"'
out_has '"supported":true,"reason":null,"commands":["embed","similarity","tokenize","detokenize","forward","verify"]'
out_has '"parameters":12448,"dtype":"float32","weights":"model.safetensors"'
out_has '"license":null,"missing":null'
out_has '{"path":"config.json","size":662,"needed":true,"cached":true}'
run "$mica" show org/tiny@v1.0 --format json
expect "show without weights" 0
out_has '"supported":true'
out_has '"parameters":null,"dtype":null,"weights":null'
out_has '"missing":"model.safetensors"'
run "$mica" show org/instruct
expect "show prompts" 0
out_has "query: what is the query: "
run "$mica" show org/instruct --format json
expect "show prompts as JSON" 0
out_has '"prompts":{"document":"","query":"what is the query: "}'
run "$mica" show org/none
expect "show what is not there" 5
run "$mica" show
expect "show nothing" 2
run "$mica" show "$work"
expect "show a directory that is no model" 3
err_has "config.json"
run "$mica" show "$model/config.json"
expect "show a file" 3

# The licence stands at the head of the model card.
copy=$work/card
cp -r "$model" "$copy"
chmod -R u+w "$copy"
license() { # license CARD LICENCE
    printf '%b' "$1" >"$copy/README.md"
    run "$mica" show "$copy" --format json
    expect "a card '$1'" 0
    out_has "\"license\":$2"
}
license '---\nlanguage: en\nlicense: mit\n---\n# Model\n' '"mit"'
license '---\r\nlicense:   "apache-2.0"  # as it is\r\n---\r\n' '"apache-2.0"'
license "---\nlicense:\n- cc-by-4.0\n- mit\n---\n" '"cc-by-4.0"'
license "---\nlicense: [mit, x]\n---\n" '"mit"'
license '---\ntags: [x]\n---\nlicense: mit\n' null
license 'license: mit\n' null
license '---\nlicense:\n---\n' null
license '' null
license "---\nlicense: mit\033[31m\n---\n" '"mit\u001b[31m"'
run "$mica" show "$copy"
expect "a licence with control characters" 0
grep -q "$(printf '\033')" "$work/out" && complain "one is printed"

# show, for every model of the fixtures: what it says of labels and heads is what the checkpoint has.
for dir in "$models"/*/; do
    [ -f "$dir/config.json" ] || continue
    name=$(basename "$dir")
    run "$mica" show "$dir"
    expect "show $name" 0
    out_has "architecture"
    run "$mica" show "$dir" --format jsonl
    expect "show $name as JSON" 0
    out_has '"supported":true'
    case $name in
    *-maskedlm) out_has 'ForMaskedLM"' ;;
    *-sequenceclassification | *-tokenclassification)
        grep -qE '"labels":\["[^]]+"\]' "$work/out" || complain "no labels" ;;
    esac
done
sed 's/"model_type": "bert"/"model_type": "zebra"/' "$copy/config.json" >"$work/config"
cp "$work/config" "$copy/config.json"
run "$mica" show "$copy"
expect "show what mica cannot run" 0
out_has "none: mica cannot run it"
out_has "zebra"
run "$mica" show "$copy" --format json
expect "the same as JSON" 0
out_has '"model_type":"zebra"'
out_has '"supported":false,"reason":"'
out_has '"commands":[]'

# pull, of what is there
run "$mica" pull org/tiny
expect "pull what is there" 0
out_has "4 there already"
out_has "$folder"
run "$mica" pull org/tiny --revision main --format json
expect "pull as JSON" 0
out_has '{"model":"org/tiny","revision":"main","commit":"'$commit'","directory":"'"$folder"'","dry_run":false,"fetched":0,"fetched_size":0,'
out_has '{"path":"config.json","size":662,"needed":true,"cached":true,"fetched":false}'
run "$mica" pull org/tiny --quiet
expect "pull --quiet" 0
out_empty
run "$mica" pull org/tiny@main --revision v1
expect "two revisions" 2
err_has "--revision"
run "$mica" pull
expect "pull nothing" 2
run "$mica" pull org/tiny org/instruct
expect "pull two" 2
run "$mica" pull org/none
expect "pull what is not there" 5
run "$mica" pull org/tiny@v1.0
expect "pull the rest" 5
err_has "model.safetensors"

# verify-cache
run "$mica" verify-cache
expect "verify-cache" 0
out_has "all right"
run "$mica" verify-cache org/tiny@main --format jsonl
expect "verify-cache of a revision" 0
lines_are 4
out_has '"path":"model.safetensors"'
out_has '"verdict":"good"'
blob=$(readlink "$folder/tokenizer.json")
printf 'x' | dd of="$folder/tokenizer.json" bs=1 seek=9 conv=notrunc 2>/dev/null
run "$mica" verify-cache org/tiny@main
expect "a file that is damaged" 6
out_has "bad"
out_has "tokenizer.json"
out_has "1 not right"
err_has "pull"
run "$mica" verify-cache --format json
expect "the same as JSON" 6
out_has '"verdict":"bad","expected":"'"$(basename "$blob")"'"'
out_has '"ok":false'
run "$mica" verify-cache org/instruct
expect "another model" 0
rm "$folder/$blob"
run "$mica" verify-cache org/tiny
expect "a link that leads nowhere" 6
out_has "missing"
run "$mica" verify-cache org/none
expect "verify-cache of what is not there" 5
run "$mica" verify-cache a b
expect "verify-cache of two" 2

# rm
run "$mica" rm org/tiny
expect "rm asks, and there is nobody to ask" 2
err_has "--yes"
[ -d "$folder" ] || complain "it is gone"
run "$mica" rm org/tiny --dry-run --format json
expect "rm --dry-run" 0
out_has '{"model":"org/tiny","removed":false,"size":'
[ -d "$folder" ] || complain "it is gone"
run "$mica" rm org/tiny@v1.0 --yes
expect "rm of a revision" 0
out_has "removed org/tiny@v1.0"
[ -d "$folder" ] || complain "another one is gone"
[ ! -e "$cache/models--org--tiny/snapshots/$other" ] || complain "it is still there"
run "$mica" rm org/tiny -y --format jsonl
expect "rm of a model" 0
out_has '"removed":true'
[ ! -e "$cache/models--org--tiny" ] || complain "it is still there"
run "$mica" rm org/tiny --yes
expect "rm of what is not there" 5
run "$mica" rm --yes
expect "rm of nothing" 2
run "$mica" embed org/tiny hello
expect "embed what was removed" 5

# doctor
run "$mica" doctor
expect "doctor" 0
out_has "cache       $cache"
out_has "https://huggingface.co"
out_has "none (HF_TOKEN is not set)"
out_has "HF_HUB_OFFLINE"
run env HF_TOKEN=hf_secret HF_ENDPOINT=http://localhost:1/ HF_HUB_OFFLINE=0 "$mica" doctor --format json
expect "doctor with settings" 0
out_has '"hub":{"cache":"'"$cache"'","endpoint":"http://localhost:1","token_source":"HF_TOKEN","offline":false,"error":null}'
grep -q hf_secret "$work/out" && complain "it tells the token"
run env HF_TOKEN=hf_secret "$mica" doctor
expect "doctor with a token" 0
out_has "token       HF_TOKEN"
grep -q hf_secret "$work/out" && complain "it tells the token"
run env HF_ENDPOINT=nonsense "$mica" doctor
expect "doctor with settings that are wrong" 0
out_has "nonsense"

for command in "list" "show $model" "pull bert-tiny" "verify-cache" "rm bert-tiny --dry-run"; do
    [ -c /dev/full ] || break
    code=0
    # shellcheck disable=SC2086
    "$mica" $command 2>"$work/err" >/dev/full || code=$?
    expect "a full disk for $command" 1
    err_has "standard output"
done
finish
