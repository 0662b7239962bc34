#!/bin/sh
# SPDX-License-Identifier: MIT
# tag and answer, and their examples, on models that init makes.
. "$(dirname "$0")/support.sh"
examples=$3

make_bert tags BertForTokenClassification ', "id2label": {"0": "O", "1": "B-PER", "2": "I-PER", "3": "LOC"}'
make_bert squad BertForQuestionAnswering ''
make_bert mask BertForMaskedLM ''
make_bert base BertModel ''
long=$(printf 'Wolfgang lives in Berlin. %.0s' $(seq 30))

# tag
run "$mica" tag "$work/tags" "Wolfgang lives in Berlin." --ignore-labels "" --format json
expect "tag tokens" 0
[ "$(grep -oE '"(entity|score|index|word|start|end)":' "$work/out" | sort | uniq -c | awk '{print $1}' | sort -u)" = 5 ] ||
    complain "not five tokens with all they have"
out_has '"word":"Wolfgang","start":0,"end":8}'
out_has '"index":4,"word":"Berlin","start":18,"end":24}'
run "$mica" tag "$work/tags" "naïve Wolfgang" "Berlin" "" --aggregation simple --ignore-labels "" --format json
expect "tag three texts" 0
out_has '"entity_group"'
cut -c1-2 "$work/out" | head -1 | grep -qF '[[' || complain "no list of lists"
grep -qF '[]' "$work/out" || complain "no empty list for the empty text"
for strategy in first average max; do
    run "$mica" tag "$work/tags" "unbelievable" -a $strategy --ignore-labels "" --format jsonl
    expect "tag words: $strategy" 0
    out_has '"word":"unbelievable","start":0,"end":12}'
done
run "$mica" tag "$work/tags" "Wolfgang lives" --ignore-labels O,PER,LOC --aggregation simple --format json
expect "labels that are ignored" 0
out_is "[]"
run "$mica" tag "$work/tags" "Wolfgang lives" "in Berlin" --ignore-labels ""
expect "tag as text" 0
lines_are 5
printf '{"text": "two\\nlines"}\n"one"\n' | "$mica" tag "$work/tags" --jsonl --file - --format jsonl --ignore-labels "" >"$work/out" 2>"$work/err"
code=$?
expect "tag JSON lines" 0
lines_are 2
out_has '"start":4,"end":9}'
run "$mica" tag "$work/tags" "$long" --ignore-labels "" --format json
expect "a long text" 0
[ "$(grep -oE '"entity"' "$work/out" | wc -l)" -eq 150 ] || complain "not all 150 tokens"
out_has '"index":150,"word":".",'
run "$mica" tag "$work/tags" "$long" --ignore-labels "" --aggregation simple --stride 10 --format json
expect "a long text in entities" 0
[ "$(grep -oE '"end":[0-9]+' "$work/out" | tail -1 | cut -d: -f2)" -gt 760 ] || complain "not to the end"
run "$mica" tag "$work/tags" "$long" --ignore-labels "" --truncate --format json
expect "only the first window" 0
[ "$(grep -oE '"entity"' "$work/out" | wc -l)" -eq 62 ] || complain "not 62 tokens"
err_has "cut"
run "$mica" tag "$work/tags" "$long" --no-truncate
expect "a long text is refused" 1
err_has "text 1: 152 tokens"
run "$mica" tag "$work/tags" "$long" --max-length 20 --stride 18
expect "a stride that leaves no step" 2
err_has "stride 18 is too large"
run "$mica" tag "$work/tags" x --aggregation best
expect "an unknown aggregation" 2
err_has "'best'"
printf 'good\nb\377d\n' >"$work/lines"
run "$mica" tag "$work/tags" --file "$work/lines" --format jsonl
expect "invalid UTF-8" 1
lines_are 1
err_has "line 2 of"
run "$mica" tag "$work/mask" x
expect "no head for tokens" 7
err_has "masked language model"
run "$mica" tag "$work/base" x
expect "no head at all" 7
err_has "BertModel"

# answer
run "$mica" answer "$work/squad" --question "Who lives?" --context "Wolfgang lives in Berlin." --format json
expect "answer" 0
grep -qE '^\{"score":[0-9.e-]+,"start":[0-9]+,"end":[0-9]+,"answer":"[^"]+"\}$' "$work/out" || complain "no answer"
cp "$work/out" "$work/answer"
run "$mica" answer "$work/squad" --question "Who lives?" "Wolfgang lives in Berlin." --format jsonl
expect "the context as an argument" 0
cmp -s "$work/out" "$work/answer" || complain "another answer"
printf '{"question": "Who lives?", "context": "Wolfgang lives in Berlin."}\n' >"$work/lines"
run "$mica" answer "$work/squad" --jsonl --file "$work/lines" --format jsonl
expect "a pair in JSON" 0
cmp -s "$work/out" "$work/answer" || complain "another answer"
printf '"Wolfgang lives in Berlin."\n{"context": "Nobody does."}\n' >"$work/contexts"
run "$mica" answer "$work/squad" --question "Who lives?" --jsonl --file "$work/contexts" --format jsonl
expect "contexts in JSON" 0
lines_are 2
head -1 "$work/out" | cmp -s - "$work/answer" || complain "another answer"
printf 'Who lives?\nWhere is it?\n' >"$work/questions"
run "$mica" answer "$work/squad" --context "Wolfgang lives in Berlin." --file "$work/questions" --format jsonl
expect "questions of a file" 0
lines_are 2
head -1 "$work/out" | cmp -s - "$work/answer" || complain "another answer"
run "$mica" answer "$work/squad" --question "Who?" "Ann did." "Bob does." --top-k 2 --format json
expect "several answers" 0
[ "$(grep -oE '"answer"' "$work/out" | wc -l)" -eq 4 ] || complain "not four answers"
cut -c1-2 "$work/out" | head -1 | grep -qF '[[' || complain "no list of lists"
run "$mica" answer "$work/squad" --question "Who?" "Ann did." "Bob does."
expect "answers as text" 0
lines_are 2
run "$mica" answer "$work/squad" --question "Who?" "Ann" --handle-impossible-answer --top-k 5 --format json
expect "no answer is an answer" 0
out_has '"start":0,"end":0,"answer":""}'
run "$mica" answer "$work/squad" --question "Who?" " " --format json
expect "nothing to answer with" 0
out_is "[]"
run "$mica" answer "$work/squad" --question "Who?" "$long" --max-seq-len 30 --doc-stride 9 --max-answer-len 3 --no-align-to-words --format json
expect "a long context" 0
out_has '"answer"'
run "$mica" answer "$work/squad" --question "$long" "Ann did."
expect "a question longer than the window" 1
err_has "no room for the context in a window of 64"
run "$mica" answer "$work/squad" --question "$long" "Ann did." --max-question-len 8
expect "a question that is cut" 0
run "$mica" answer "$work/squad" --question "" "Ann did."
expect "an empty question" 2
err_has "question is empty"
run "$mica" answer "$work/squad" "Ann did."
expect "no question" 2
err_has "--question"
run "$mica" answer "$work/squad" --question q --context c "one more"
expect "one context too many" 2
err_has "'one more'"
printf '{"question": "q"}\n' >"$work/lines"
run "$mica" answer "$work/squad" --jsonl --file "$work/lines"
expect "no context" 1
err_has "line 1 of"
err_has '"context"'
run "$mica" answer "$work/tags" --question q c
expect "no head for answers" 7
err_has "token classification"

run "$examples/tag" "$work/tags" "Wolfgang lives in Berlin."
expect "example tag" 0
run "$examples/tag" "$work/squad" "Wolfgang"
expect "example tag without a head" 7
run "$examples/answer" "$work/squad" "Who?" "Ann did." "Bob does."
expect "example answer" 0
lines_are 2
finish
