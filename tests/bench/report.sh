#!/bin/sh
# SPDX-License-Identifier: MIT
# `mica bench report` of two small results, in each format, and of what is no result.
#   report.sh PROGRAM FOLDER
. "$(dirname "$0")/../cli/support.sh"

results=$(cd "$(dirname "$0")/report" && pwd)
report() { run "$mica" bench report "$@"; }

report "$results/ops.json" "$results/models.jsonl"
expect "markdown" 0
out_has "# mica beside other frameworks on Sample CPU"
out_has "| Sort / dim=64x128x1024 axis=0 | 9.03× (8.87–9.13) | 40.70 | 366.2 | pytorch default | 2.233 | 5 |"
out_has "**0.97× (0.95–0.98) slower**"
out_has "| ScatterSum / dim=64x16 dim=1000 |  | *failed* |"
out_has "openvino fp32 best"
out_has "| bert-large-uncased / inputs-char-no=500 | D | M2 Max GPU, MLX | 188.39 | 188.3967 | -0.0067 | yes |"
out_has "disturbed probe that were repeated: 2."
grep -q '!\[' "$work/out" && complain "there are pictures"
for table in "Table A: operations by case" "Table B: operations, averages" "Table C: bert-base-uncased, fp32" \
    "Table C: roberta-base, int8" "Table D: averages by input length" "Table E: averages by batch size" \
    "Table F: overall averages" "Cosine to the reference" "Loading and memory: roberta-base" "Ratios by peer: operations" "The files: what differs"; do
    out_has "**$table"
done

report "$results/ops.json" "$results/models.jsonl" --output "$work/report.md" --figures pictures --title "A title"
expect "markdown with pictures" 0
out_empty
grep -q '^# A title$' "$work/report.md" || complain "no title"
for picture in $(sed -n 's/.*](<\(.*\)>)$/\1/p' "$work/report.md"); do
    grep -q '</svg>' "$work/$picture" || complain "$picture is not there"
done
[ "$(find "$work/pictures" -name 'figure-[1-4]*.svg' | wc -l)" -eq 6 ] || complain "not six pictures of figures 1 to 4"
[ -z "$(find "$work" -name '*.tmp')" ] || complain "a part is left over"

report "$results/ops.json" "$results/models.jsonl" --format html -o "$work/report.html"
expect "a page" 0
for part in '<!DOCTYPE html>' 'prefers-color-scheme:dark' '@media print' '<th scope="row">' '<th scope="col"' 'id="figure-1"' \
    'id="figure-4"' 'id="figure-roofline"' 'role="img" aria-labelledby=' '<section id="flaws">'; do
    grep -qF -- "$part" "$work/report.html" || complain "the page lacks $part"
done
report "$results/ops.json" "$results/models.jsonl" -o "$work/named.html"
expect "a page by its name" 0
cmp -s "$work/report.html" "$work/named.html" || complain "the output's name does not choose the format"
report "$results/ops.json" -o "$work/named.csv"
expect "csv by its name" 0
grep -q '^table,part,row,column' "$work/named.csv" || complain "it is not CSV"
grep -qiE '<script|<link|<img|@import|url\(|src=|https?://' "$work/report.html" && complain "the page loads something"

report "$results/ops.json" --format csv
expect "csv" 0
grep -q '^table,part,row,column,unit,value,low,high,state,text,why' "$work/out" || complain "no header"
out_has 'A,,ReLU / dim=64x128x1024,peer / mica,×,'
[ "$(tr -d '\r' <"$work/out" | wc -c)" -eq "$(($(wc -c <"$work/out") - $(wc -l <"$work/out")))" ] ||
    complain "a line does not end as RFC 4180 has it"

sed 's/"state":"failed"/"state":"not run"/' "$results/ops.json" >"$work/not-run.json"
report "$work/not-run.json"
expect "a cell without room" 0
out_has "| ScatterSum / dim=64x16 dim=1000 | *not run* |"
report "$work/not-run.json" --format csv
expect "a cell without room, as CSV" 0
out_has "missing,not run,"

# What is there stays if the new one cannot be written.
echo old >"$work/kept"
report "$work/none.json" --output "$work/kept"
expect "no such file" 3
err_has "none.json"
[ "$(cat "$work/kept")" = old ] || complain "the old file is gone"
report "$results/ops.json" --output "$work/no/such/folder"
expect "no such folder" 3
err_has "no/such/folder"

# Pipes and devices are written to, and stay what they are. (The link would be replaced, not the device.)
mkfifo "$work/fifo"
cat "$work/fifo" >"$work/read" &
report "$results/ops.json" --format html --output "$work/fifo"
expect "a pipe" 0
wait $!
[ -p "$work/fifo" ] || complain "the pipe was replaced"
grep -q '</html>' "$work/read" || complain "the page did not come through the pipe"
run sh -c '"$@" | cat' - "$mica" bench report "$results/ops.json" --output /dev/stdout
expect "standard output by its name" 0
out_has "# mica beside other frameworks"
if [ -c /dev/full ]; then
    ln -s /dev/full "$work/full"
    report "$results/ops.json" --output "$work/full"
    expect "a full device" 16
    err_has "full': the disk is full; remove what is not needed"
    [ -c "$work/full" ] || complain "the device was replaced"
else
    echo "skipped: this system has no /dev/full"
fi
mkdir "$work/taken"
report "$results/ops.json" --output "$work/taken"
expect "a folder as output" 1
mkdir "$work/figures"
mkfifo "$work/figures/figure-1.svg"
cat "$work/figures/figure-1.svg" >"$work/read" &
report "$results/ops.json" --output "$work/pipe.md" --figures figures
expect "a picture into a pipe" 0
wait $!
[ -p "$work/figures/figure-1.svg" ] || complain "the pipe was replaced"
grep -q '</svg>' "$work/read" || complain "the picture did not come through the pipe"

head -c 20000 "$results/models.jsonl" >"$work/cut.jsonl"
report "$work/cut.jsonl"
expect "a run that was cut" 0
err_has "cut.jsonl"
err_has "interrupted"
out_has "The file ends in the middle of line"
sed 's/Sample CPU/Other CPU/' "$results/ops.json" >"$work/other.json"
report "$work/other.json" "$results/models.jsonl"
expect "two machines" 2
err_has "different machines"
sed 's/"schema":1/"schema":7/' "$results/ops.json" >"$work/later.json"
report "$work/later.json"
expect "another schema" 1
err_has "later.json' has schema 7"
echo "not JSON" >"$work/text"
report "$work/text"
expect "no JSON" 1
err_has "text"
head -n 1 "$results/models.jsonl" >"$work/begun.jsonl"
report "$work/begun.jsonl"
expect "a run that has just begun" 1
err_has "holds no results yet"
report
expect "nothing" 2
report "$results/ops.json" --format pdf
expect "no such format" 2
err_has "'pdf'"
report "$results/ops.json" --figures x
expect "pictures without a file" 2
cp "$results/models.jsonl" "$work/mine.jsonl"
report --output "$work/mine.jsonl" "$results/ops.json"
expect "a result as output" 2
err_has "is the name of a result"
cmp -s "$results/models.jsonl" "$work/mine.jsonl" || complain "the result is lost"
report "$results" --format csv
expect "a folder" 1
finish
