#!/bin/sh
# SPDX-License-Identifier: MIT
# classify, fill-mask and rerank, and their examples, on models that init makes.
. "$(dirname "$0")/support.sh"
examples=$3

make_bert classes BertForSequenceClassification ', "id2label": {"0": "sad", "1": "so so", "2": "glad"}'
make_bert rank BertForSequenceClassification ', "id2label": {"0": "LABEL_0"}'
make_bert mask BertForMaskedLM ''
make_bert base BertModel ''

# --dtype
for type in f32 bf16 int8 auto; do
    run "$mica" classify "$work/classes" "one text" --dtype $type --verbose --format json
    expect "classify in $type" 0
    [ $type = auto ] || err_has "computing in $type"
done
run "$mica" embed "$work/base" "one text" --dtype fp32
expect "a type that there is not" 2
err_has "--dtype is f32, bf16, int8 or auto, not 'fp32'"

# --packed-cache: the same output, the second time from a file
sleep 3 # a checkpoint that has just been written is not kept
run "$mica" embed "$work/base" "one text"
cp "$work/out" "$work/expected"
for said in "no packed weights" "packed weights from"; do
    run env XDG_CACHE_HOME="$work/cache" "$mica" embed "$work/base" "one text" --packed-cache --verbose
    expect "embed with a packed cache" 0
    err_has "$said"
    cmp -s "$work/out" "$work/expected" || complain "other numbers with packed weights that were kept"
done
run env XDG_CACHE_HOME=/dev/null "$mica" embed "$work/base" "one text" --packed-cache
expect "embed without a place for the cache" 0
err_has "warning: packed weights are not kept"
run env MICA_PACKED_CACHE=yes "$mica" embed "$work/base" "one text"
expect "embed with a wrong MICA_PACKED_CACHE" 2
err_has "MICA_PACKED_CACHE is 'yes'"

# classify
run "$mica" classify "$work/classes" "one text" --format json
expect "classify one text" 0
[ "$(grep -oE '"(label|score)"' "$work/out" | wc -l)" -eq 2 ] || complain "not one label"
run "$mica" classify "$work/classes" "one text" "another one" --all --format json
expect "classify two texts" 0
[ "$(grep -oE '"label"' "$work/out" | wc -l)" -eq 6 ] || complain "not six labels"
out_has '"so so"'
cut -c1-2 "$work/out" | head -1 | grep -qF '[[' || complain "no list of lists"
run "$mica" classify "$work/classes" "one text" "another one" ""
expect "classify as text" 0
lines_are 3
run "$mica" classify "$work/classes" "a premise" --text-pair "its hypothesis" --function none --all --format jsonl
expect "a pair" 0
cp "$work/out" "$work/pair"
printf '{"text": "a premise", "text_pair": "its hypothesis"}\n' >"$work/lines"
run "$mica" classify "$work/classes" --jsonl --file "$work/lines" --function none --all --format jsonl
expect "a pair in JSON" 0
cmp -s "$work/out" "$work/pair" || complain "other scores"
run "$mica" classify "$work/classes" "a premise" --function none --all --format jsonl
expect "the text alone" 0
cmp -s "$work/out" "$work/pair" && complain "the second text does not count"
printf '{"text": "a", "text_pair": 5}\n' >"$work/lines"
run "$mica" classify "$work/classes" --jsonl --file "$work/lines"
expect "a second text that is none" 1
err_has "line 1 of"
err_has "text_pair"
run "$mica" classify "$work/classes" x --function tanh
expect "an unknown function" 2
err_has "'tanh'"
run "$mica" classify "$work/mask" x
expect "no classifier" 7
err_has "masked language model"
run "$mica" classify "$work/base" x
expect "no head at all" 7
err_has "BertModel"
printf 'good\nb\377d\n' >"$work/lines"
run "$mica" classify "$work/classes" --file "$work/lines" --format jsonl
expect "invalid UTF-8" 1
lines_are 1
err_has "line 2 of"
long=$(printf 'word %.0s' $(seq 100))
run "$mica" classify "$work/classes" "$long"
expect "a long text is cut" 0
err_has "cut"
run "$mica" classify "$work/classes" "$long" --no-truncate
expect "a long text is refused" 1
err_has "102 tokens"

# fill-mask
run "$mica" fill-mask "$work/mask" "Paris is the [MASK] of France." --format json
expect "fill-mask" 0
[ "$(grep -oE '"sequence":"Paris is the ' "$work/out" | wc -l)" -eq 5 ] || complain "not five fillings"
out_has '"token_str"'
run "$mica" fill-mask "$work/mask" "[MASK] [MASK]" --top-k 2 --format json
expect "two masks" 0
[ "$(grep -oE '"score"' "$work/out" | wc -l)" -eq 4 ] || complain "not four fillings"
out_has '[[{"score"'
run "$mica" fill-mask "$work/mask" "a [MASK] b" --targets man,woman,man --format jsonl
expect "targets" 0
[ "$(grep -oE '"score"' "$work/out" | wc -l)" -eq 2 ] || complain "not two fillings"
out_has '"token_str":"woman"'
run "$mica" fill-mask "$work/mask" "a [MASK] b" "[MASK] c"
expect "as text" 0
lines_are 11
run "$mica" fill-mask "$work/mask" "no mask" --format json
expect "no mask in the text" 2
err_has "[MASK]"
out_empty
run "$mica" fill-mask "$work/mask" "a [MASK]" --targets ,
expect "no targets" 2
err_has "target"
run "$mica" fill-mask "$work/classes" "a [MASK]"
expect "no language model" 7
err_has "sequence classification"

# rerank
run "$mica" rerank "$work/rank" --query "what is it?" "a cat" "a dog" "" --format json
expect "rerank" 0
[ "$(grep -oE '"index":[0-9]' "$work/out" | sort | uniq | wc -l)" -eq 3 ] || complain "not three documents"
cp "$work/out" "$work/ranked"
printf '{"query": "what is it?", "documents": ["a cat", "a dog", ""]}\n' >"$work/lines"
run "$mica" rerank "$work/rank" --jsonl --file "$work/lines" --format json
expect "a query in JSON" 0
[ "$(tr -d '\n' <"$work/out")" = "$(tr -d '\n' <"$work/ranked")" ] || complain "another ranking"
printf 'a cat\na dog\n\n' >"$work/documents"
run "$mica" rerank "$work/rank" --query "what is it?" --file "$work/documents" --format json
expect "documents of a file" 0
cmp -s "$work/out" "$work/ranked" || complain "another ranking"
run "$mica" rerank "$work/rank" --query "what is it?" "a cat" "a dog" "" --top-k 1 --format jsonl
expect "--top-k" 0
lines_are 1
run "$mica" rerank "$work/rank" --query "what is it?" "a cat" "a dog" --raw-scores
expect "as text" 0
lines_are 2
run "$mica" rerank "$work/classes" --query "q" "a" "b" --format json
expect "several labels" 0
out_has '{"index":0,"score":['
run "$mica" rerank "$work/classes" --query "q" "a" "b" --label glad --format json
expect "a label that ranks" 0
grep -qE '"score":-?[0-9]' "$work/out" || complain "no number"
run "$mica" rerank "$work/classes" --query "q" "a" --label happy
expect "no such label" 2
err_has "'glad'"
run "$mica" rerank "$work/rank" "a document"
expect "no query" 2
err_has "--query"
printf '{"query": "q"}\n' >"$work/lines"
run "$mica" rerank "$work/rank" --jsonl --file "$work/lines"
expect "no documents" 1
err_has "line 1 of"
err_has "documents"
run "$mica" rerank "$work/mask" --query q a
expect "no cross-encoder" 7

run "$examples/classify" "$work/classes" "one text" "another one"
expect "example classify" 0
lines_are 2
run "$examples/classify" "$work/mask" "one text"
expect "example classify without a head" 7
run "$examples/fill_mask" "$work/mask" "a [MASK]"
expect "example fill_mask" 0
lines_are 5
out_has "mask 1: "
run "$examples/rerank" "$work/rank" q "a document" "another"
expect "example rerank" 0
lines_are 2
finish
