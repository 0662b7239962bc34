#!/bin/sh
# SPDX-License-Identifier: MIT
# Texts from files and pipes, long corpora, interrupts, outputs that break.
. "$(dirname "$0")/support.sh"

# from STDIN_FILE COMMAND...: like run, with standard input.
from() {
    input=$1
    shift
    code=0
    "$@" <"$input" >"$work/out" 2>"$work/err" || code=$?
}

printf 'hello\nworld\r\n\nhello world' >"$work/lines"
run "$mica" embed "$model" --file "$work/lines" --format jsonl
expect "lines of a file" 0
lines_are 4
cp "$work/out" "$work/expected"
run "$mica" embed "$model" hello world "" "hello world" --format jsonl
expect "the same as arguments" 0
cmp -s "$work/out" "$work/expected" || complain "other vectors"
from "$work/lines" "$mica" embed "$model" --format jsonl
expect "standard input without being asked" 0
cmp -s "$work/out" "$work/expected" || complain "other vectors"
from "$work/lines" "$mica" embed "$model" - --format jsonl
expect "standard input as -" 0
cmp -s "$work/out" "$work/expected" || complain "other vectors"
cat "$work/lines" | (sleep 0.2 && exec "$mica" embed "$model" --format jsonl) >"$work/out"
what="a pipe that has ended"
cases=$((cases + 1))
cmp -s "$work/out" "$work/expected" || complain "other vectors"
{ head -n 1 "$work/lines" && sleep 0.3 && tail -n +2 "$work/lines"; } | "$mica" embed "$model" - --format jsonl >"$work/out"
what="a pipe whose lines come later"
cases=$((cases + 1))
cmp -s "$work/out" "$work/expected" || complain "other vectors"
printf '"hello"\n{"text": "world", "id": 5}\n""\n"hello world"\n' >"$work/jsonl"
run "$mica" embed "$model" --file "$work/jsonl" --jsonl --format jsonl
expect "JSON lines" 0
cmp -s "$work/out" "$work/expected" || complain "other vectors"
printf '"hello\\nworld"\n"hello\\u0000world"\n' >"$work/jsonl"
run "$mica" tokenize "$model" --file "$work/jsonl" --jsonl --format jsonl
expect "a newline and a NUL in JSON lines" 0
lines_are 2
out_has '"offsets":[[0,0],[0,5],[6,11],[0,0]]'
printf 'hello\000world\n' >"$work/nul"
run "$mica" tokenize "$model" --file "$work/nul" --format json
expect "a NUL byte in a file" 0
out_has '"offsets"'
: >"$work/empty"
run "$mica" embed "$model" --file "$work/empty" --format json
expect "an empty file" 0
out_has '"data":[]'
printf '\n' >"$work/newline"
run "$mica" embed "$model" --file "$work/newline" --format jsonl
expect "one empty line" 0
lines_are 1
out_has '"tokens":2'

# A fault in a stream: what stands before it is printed, and the place is named.
printf 'hello\nwor\377ld\nworld\n' >"$work/bad"
run "$mica" embed "$model" --file "$work/bad" --format jsonl
expect "invalid UTF-8 in line 2" 1
lines_are 1
err_has "line 2 of"
err_has "byte 3"
run "$mica" tokenize "$model" --file "$work/bad" --format jsonl
expect "invalid UTF-8 for tokenize" 1
err_has "line 2 of"
printf '"hello"\nhello\n' >"$work/bad"
run "$mica" embed "$model" --file "$work/bad" --jsonl --format jsonl
expect "a line that is no JSON" 1
lines_are 1
err_has "line 2 of"
printf '"hello"\n{"body": "x"}\n' >"$work/bad"
run "$mica" embed "$model" --file "$work/bad" --jsonl --format jsonl
expect "an object without text" 1
err_has "line 2 of"
err_has '"text"'
run "$mica" embed "$model" --file "$work/none"
expect "no such file" 3
err_has "none"
run "$mica" embed "$model" --file "$work"
expect "a directory as file" 1

printf 'hello\nwor\377ld\n' >"$work/bad"
run "$mica" similarity "$model" --file "$work/bad"
expect "invalid UTF-8 for similarity" 1
err_has "line 2 of"
out_empty
run "$mica" embed "$model" hello "$(printf 'wor\377ld')" --format jsonl
expect "invalid UTF-8 in an argument" 1
err_has "text 2"
lines_are 1
run "$mica" embed "$model" --file "$work/bad" --format json
expect "invalid UTF-8 with a JSON document" 1
[ "$(tail -c 1 "$work/out" | od -An -c | tr -d ' ')" = '\n' ] || complain "the last line does not end"
run "$mica" embed "$model" --jsonl '"hello"'
expect "--jsonl with texts as arguments" 2
err_has "--jsonl"

# More than one window: a list is a list even if its first text fills a window.
awk 'BEGIN { for (i = 0; i < 200000; i++) printf "hello "; print ""; print "world" }' >"$work/wide"
run "$mica" tokenize "$model" --file "$work/wide" --format json
expect "a long line, then a short one" 0
[ "$(head -c 8 "$work/out")" = '[{"ids":' ] || complain "no list"
[ "$(tail -c 3 "$work/out")" = '}]' ] || complain "the list does not end"

# Too long: cut and reported, or refused.
long=$(awk 'BEGIN { for (i = 0; i < 100; i++) printf "hello "; }')
run "$mica" embed "$model" "$long" hello --format jsonl
expect "a text that is too long" 0
out_has '"index":0,"tokens":32,"truncated":true'
out_has '"index":1,"tokens":3,"truncated":false'
err_has "1 of 2 texts were cut"
run "$mica" embed "$model" hello "$long" --no-truncate --format jsonl
expect "--no-truncate" 1
lines_are 1
err_has "text 2"

# A long corpus keeps its order, whatever the batches.
awk 'BEGIN { for (i = 0; i < 3000; i++) { for (k = 0; k <= i % 11; k++) printf "hello "; print i % 7 } }' >"$work/corpus"
run "$mica" embed "$model" --file "$work/corpus" --format jsonl
expect "3,000 lines" 0
lines_are 3000
what="indices in order"
sed 's/{"index":\([0-9]*\),.*/\1/' "$work/out" | awk '$1 != NR - 1 { exit 1 }' || complain "not so"
cp "$work/out" "$work/expected"
run "$mica" embed "$model" --file "$work/corpus" --format jsonl --batch-tokens 50 --threads 1
expect "3,000 lines, other batches, one thread" 0
cmp -s "$work/out" "$work/expected" || complain "other vectors"

# Outputs that break.
if [ -c /dev/full ]; then
    code=0
    "$mica" embed "$model" hello 2>"$work/err" >/dev/full || code=$?
    : >"$work/out"
    expect "a full disk" 1
    err_has "standard output"
    run "$mica" forward "$model" --input "$here/ids.json" -o /dev/full
    expect "a full disk for forward" 16
    err_has "the disk is full; remove what is not needed"
    for command in --help "embed --help" version doctor "tokenize $model hello" "similarity $model hello"; do
        code=0
        # shellcheck disable=SC2086
        "$mica" $command 2>"$work/err" >/dev/full || code=$?
        expect "a full disk for $command" 1
        err_has "standard output"
    done
    code=0
    "$mica" embed "$model" --file "$work/corpus" 2>"$work/err" >/dev/full || code=$?
    expect "a full disk in the middle of a corpus" 1
    run "$mica" init "$model" -o /dev/full
    expect "a device as directory" 1
else
    echo "skipped: this system has no /dev/full"
fi
{
    code=0
    "$mica" embed "$model" --file "$work/corpus" --format jsonl 2>"$work/err" || code=$?
    echo $code >"$work/code"
} | head -1 >"$work/out"
code=$(cat "$work/code")
expect "a reader that goes away" 1
lines_are 1
[ ! -s "$work/err" ] || complain "it is not quiet"
code=0
"$mica" forward "$model" --input "$here/ids.json" -o "$work/closed.safetensors" 2>"$work/err" >&- || code=$?
expect "standard output is closed" 1
err_has "standard output"
run "$mica" forward "$model" --input "$here/ids.json" -o "$work/open.safetensors"
expect "standard output is open" 0
cmp -s "$work/open.safetensors" "$work/closed.safetensors" || complain "the report went into the file"
run "$mica" forward "$model" --input "$here/ids.json" -o "$work/none/out.safetensors"
expect "an output folder that is not there" 3
[ ! -e "$work/none" ] || complain "something was made"

# Ctrl-C in the middle of a corpus: whole lines, exit code 130.
mkfifo "$work/pipe"
for signal in INT TERM; do
    "$mica" embed "$model" --file "$work/pipe" --format jsonl >"$work/out" 2>"$work/err" &
    child=$!
    exec 9>"$work/pipe"
    cat "$work/corpus" >&9
    i=0
    while [ ! -s "$work/out" ] && [ $i -lt 600 ]; do
        sleep 0.1
        i=$((i + 1))
    done
    # A child of a script in the background ignores INT until it handles it itself; mica does.
    kill -$signal $child
    exec 9>&-
    code=0
    wait $child || code=$?
    expect "interrupted by $signal" 130
    what="whole lines after $signal"
    [ "$(grep -c '^{"index":.*\]}$' "$work/out")" -eq "$(wc -l <"$work/out")" ] || complain "not so"
done
finish
