#!/bin/sh
# SPDX-License-Identifier: MIT
# `mica bench models` with tiny models and a peer that follows a script: each guard holds, what fails takes nothing
# else along, and a run that is killed goes on.
#   models.sh PROGRAM FOLDER PEER
. "$(dirname "$0")/../cli/support.sh"

peer=$work/peer.$$ # no other process is called so
cp "$3" "$peer"
here=$(cd "$(dirname "$0")" && pwd)
TMPDIR=$work
PEER=right
MICA=$mica
export TMPDIR PEER MICA
make_bert tiny BertForMaskedLM ""
cp "$work/config/config.json" "$work/made.json"
printf '{"model_type": "roberta", "architectures": ["RobertaForMaskedLM"], "vocab_size": 30522, "hidden_size": 16,
    "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 66,
    "type_vocab_size": 1, "initializer_range": 0.4}' >"$work/bare.json"

# What the machine can do is measured once, in the first run.
peaks=$work/peaks.jsonl
run "$mica" bench models --models "$work/tiny" --lengths 20 --batches 1 --rounds 1 --min-time 0 --peers "mica fp32" --output "$peaks"
expect "a run that measures the peaks" 0
grep -q '"peaks":{"flops":[0-9.e+]*,.*,"of":null}' "$peaks" || complain "the peaks are not there"
grep -q '"memory_bytes":[0-9.e+]*,"load":[0-9n][0-9.ul]*,"governor":' "$peaks" || complain "the state of the machine is not there"
run "$mica" bench models --models "$work/tiny" --peers mica --peaks "$work/tiny/config.json"
expect "peaks of what is no result" 1
sed 's/"kernels":"/&x/' "$peaks" >"$work/other-peaks.jsonl"
run "$mica" bench models --models "$work/tiny" --peers mica --peaks "$work/other-peaks.jsonl"
expect "peaks of another machine" 2
err_has "is of another machine"

# bench MODE [OPTION...]: three cells of the tiny model, with the peer in that mode.
bench() {
    PEER=$1
    shift
    run "$mica" bench models --models "$work/tiny" --lengths 20,60 --batches 1,3 --filter 'x (60|mixed)$' --rounds 2 \
        --min-time 0.001 --calm 0 --slow-times 1000000 --limit 60 --directory "$work/cache" --peer-python "$peer" \
        --peer-script "$here/models.sh" --peaks "$peaks" "$@"
}
# timed ARM: how often it has a time.
timed() { grep -c "^    $1  *[0-9]" "$work/out"; }
# mica_is_there: whatever the peer does, mica is measured in all three cells and precisions.
mica_is_there() {
    [ "$(timed 'mica [a-z0-9]*')" -eq 9 ] || complain "mica has not nine times"
}

run "$mica" bench models --list --models "$work/tiny" --peers mica
expect "the list" 0
lines_are 14
out_has "tiny / 16 x 500"
out_has "tiny / 32 x mixed"
[ "$(sort -u "$work/out" | wc -l)" -eq 14 ] || complain "a cell is there twice"
run "$mica" bench models --dry-run --models bert-base-uncased,xlm-roberta-base --peers mica --filter 'x 50$' --directory "$work/none"
expect "a dry run" 0
out_has "xlm-roberta-base / 1 x 50"
out_has "6 cells, 3 arms"
[ ! -e "$work/none/xlm-roberta-base.1" ] || complain "a dry run has made a model"
for bad in "--lengths 0" "--lengths 5,5" "--batches x" "--precisions fp16" "--filter (" "something" \
    "$(printf -- '--peer-script x%.0s ' 1 2 3 4 5 6 7 8)" "--models $work/tiny --peers nobody --peer-python $peer"; do
    # shellcheck disable=SC2086
    run "$mica" bench models $bad
    case $bad in
    *nobody*) expect "no such arm" 2 ;;
    *) expect "usage: $bad" 2 ;;
    esac
done
bench right --memory 0.00001
expect "no room" 1
out_has "not run: may need 0.00 GB of memory, and 0.00 GB are there"
[ "$(timed '[a-z]* [a-z0-9]*[a-z ]*')" -eq 0 ] || complain "an arm without room has a time"
run "$mica" bench models --models "$work/nowhere" --peers mica
expect "no such model" 3
bench right --peers 'mica,scirpt fp32'
expect "a name that no arm has" 2
err_has "no arm here begins with 'scirpt fp32'"
bench right --peers 'mica fp32,script bf16'
expect "a precision that the peer does not have" 2
bench right --peer-script "$here/ops.sh"
expect "two arms of one name" 2
err_has "two arms are called 'script fp32 default'"
bench right --filter 'x 70$'
expect "no such cell" 2
err_has "no cell of these has 'x 70$' in its name"
out_empty
for bad in "--models bert-base-uncased --filter nothing" "--models bert-base-uncased,$work/nowhere"; do
    # shellcheck disable=SC2086
    run "$mica" bench models $bad --peers mica --directory "$work/none"
    [ "$code" -ne 0 ] || complain "$bad is no mistake"
    [ ! -e "$work/none/bert-base-uncased.1" ] || complain "a model was made for a mistake: $bad"
done
bench right --resume
expect "nothing to go on with" 2

# family NAME CONFIG: a tiny model of that family, with BERT's tokenizer.
family() {
    cp "$here/../fixtures/tokenizers/bert-base-cased"/* "$work/config"
    printf '{"model_type": "%s", "vocab_size": 29010, "initializer_range": 0.4, %s}' "$1" "$2" >"$work/config/config.json"
    run "$mica" init "$work/config" -o "$work/$1" --seed 7
    expect "init $1" 0
}
family distilbert '"dim": 16, "hidden_dim": 32, "n_layers": 2, "n_heads": 2, "max_position_embeddings": 200, "activation": "relu"'
family mpnet '"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "max_position_embeddings": 200'
mkdir -p "$work/elsewhere" "$work/unknown"
cp -r "$work/tiny" "$work/elsewhere/tiny"
cp "$work/tiny/"* "$work/unknown"
sed 's/"model_type": "bert"/"model_type": "deberta"/' "$work/tiny/config.json" >"$work/unknown/config.json"
# Weights in several files, and in PyTorch's own: models of 61 words, with a tokenizer of their size.
for name in bert-sharded bert-bin; do
    cp -r "$here/../fixtures/models/$name" "$work/$name"
    for word in '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' . , ';' '!' a b c d e f g h i j k l m n o p q r s t u v w x y z; do
        echo "$word"
    done | sed 'p; /^[a-z]$/!d; s/^/##/' >"$work/$name/vocab.txt"
    [ "$(wc -l <"$work/$name/vocab.txt")" -eq 61 ] || complain "the vocabulary has not 61 words"
done
run "$mica" bench models --models "$work/unknown,$work/distilbert,$work/mpnet,$work/bert-sharded,$work/bert-bin,$work/tiny,$work/elsewhere/tiny" \
    --peers mica --lengths 500 --batches 2 --rounds 1 --min-time 0 --calm 0 --peaks "$peaks" --output "$work/families.jsonl"
expect "models that can be measured and one that cannot" 1
out_has "unknown: not measured: "
out_has "no reference for model_type 'deberta'"
out_has "2 of 2 texts cut to what the model takes"
grep -q '"truncated_texts":2' "$work/families.jsonl" || complain "the file does not say what was cut"
[ "$(timed 'mica [a-z0-9]*')" -eq 18 ] || complain "six models have not eighteen times"
for name in distilbert mpnet bert-sharded bert-bin "${work##*/}/tiny" elsewhere/tiny; do
    grep -qF "\"kind\":\"cell\",\"model\":\"$name\"" "$work/families.jsonl" || complain "there is no $name"
done
grep -qF '"kind":"failed","model":"unknown","reason":"' "$work/families.jsonl" || complain "the file does not say what failed"
run "$mica" bench report "$work/families.jsonl"
expect "a report of them" 0
out_has "- unknown: not measured: "
grep -q "Texts were cut to what the model takes in [1-6] of 6 cells" "$work/out" || complain "the report does not say what was cut"
bench right --models "$work/bert-sharded,$work/bert-bin" --filter 'x 20$' --batches 3
expect "a peer, with weights in several files and in PyTorch's" 0
[ "$(timed 'script [a-z0-9]* [a-z]*')" -eq 6 ] || complain "the peer has not six times"
run "$mica" bench models --models "$work/unknown,$work/tiny" --peers mica --dry-run
expect "a dry run with a model that cannot be measured" 1
out_has "14 cells"
err_has "unknown cannot be measured"
printf '{"model_type": "t5"}' >"$work/t5.json"
run "$mica" bench models --models "$work/t5.json" --peers mica --list
expect "a configuration of another family" 1
err_has "t5 cannot be measured: '$work/t5.json': no reference for model_type 't5'"
run env HF_HOME="$work/none" "$mica" bench models --models nobody/nothing --peers mica --list
expect "a model that is not in the cache" 5
err_has "mica pull nobody/nothing fetches it"
# What a text of 20 characters is does not depend on the other lengths.
for lengths in 20 20,60,500; do
    bench right --lengths "$lengths" --filter 'x 20$' --precisions fp32 --peers "mica fp32" --format jsonl
    expect "texts of 20 characters beside $lengths" 0
    grep -o '"tokens_per_text":[^]]*' "$work/out" >"$work/texts-$lengths"
done
[ -s "$work/texts-20" ] && cmp -s "$work/texts-20" "$work/texts-20,60,500" || complain "they are others"
run "$mica" bench models --models "$work/tiny,$work/tiny/" --peers mica --list
expect "a model that is named twice" 2

bench right --output "$work/right.jsonl"
expect "a peer that is right" 0
mica_is_there
out_has "script: ok, script 1.0"
[ "$(timed 'script [a-z0-9]* [a-z]*')" -eq 9 ] || complain "the peer has not nine times"
out_has "times as long as mica"
[ "$(wc -l <"$work/right.jsonl")" -eq 5 ] || complain "not a header, a model and three cells"
for part in '"bench":"models","schema":1' '"of":"20' '"kind":"model","model":"tiny","source":"directory","seed":null' \
    '"weight_bytes":{"fp32":' '"kind":"cell","model":"tiny","length":60,"batch":3,"sequences":3,"tokens":' \
    '"length":"mixed","batch":3' '"floor":{"fp32":' '"probes":[{"precision":"fp32","before":' '"disturbed":0' \
    '"ratios":{"fp32":{"to":"script fp32' '"bf16":null' '"first_seconds":' '"joules_per_text":' '"peak_resident_bytes":'; do
    grep -qF "$part" "$work/right.jsonl" || complain "the file lacks $part"
done
grep -q '"kind":"\(part\|group\)"' "$work/right.jsonl" && complain "the file has lines that only serve to go on"
bench right --output "$work/right.jsonl"
expect "a file that is there" 2
err_has "--resume goes on with it"
bench right --output "$work/right.jsonl" --resume
expect "a run that is done" 0
out_has "there already: cell of tiny"
[ "$(timed 'mica [a-z0-9]*')" -eq 0 ] || complain "something was measured again"
bench right --output "$work/right.jsonl" --resume --rounds 3
expect "other settings" 2
err_has "its settings.rounds was 2, and is 3 now"
run "$mica" bench models --models "$work/tiny" --peers mica --output "$work/nowhere/x.jsonl"
expect "no such folder" 3
err_has "cannot write"
out_empty
mkfifo "$work/fifo"
cat "$work/fifo" >"$work/read" &
bench right --peers "mica fp32" --output "$work/fifo"
expect "a pipe as output" 0
wait $!
[ -p "$work/fifo" ] || complain "the pipe was replaced"
[ "$(wc -l <"$work/read")" -eq 5 ] || complain "not a header, a model and three cells"
bench right --peers "mica fp32" --output "$work/fifo" --resume
expect "a pipe to go on with" 2
err_has "no file that --resume can read"
cp "$work/right.jsonl" "$work/before.jsonl"
sed 's/"layer_norm_eps": [^,}]*/"layer_norm_eps": 1e-6/; s/^{/{"layer_norm_eps": 1e-6, /' "$work/tiny/config.json" \
    >"$work/elsewhere/tiny/config.json"
sed 's/^./X/' "$here/../../bench/texts/frankenstein.txt" >"$work/other.txt"
# others OPTION VALUE SETTING: another choice than that of the file is an error that names it, and changes nothing.
others() {
    bench right --output "$work/right.jsonl" --resume "$1" "$2"
    expect "gone on with another $1" 2
    err_has "its settings.$3"
    cmp -s "$work/right.jsonl" "$work/before.jsonl" || complain "the file has changed"
}
others --models "$work/elsewhere/tiny" models.tiny
others --models "$work/tiny,$work/made.json" models.made
others --text "$work/other.txt" text
others --precisions fp32 'precisions was ["fp32","bf16","int8"], and is ["fp32"] now'
others --peers mica 'arms was [], and is ["mica"] now'
others --lengths 20,61 lengths
others --filter 'x (20|60|mixed)' filter
others --accuracy "$work/tiny" accuracy
for content in 'my thesis' '{"bench":"models"}' '{"bench":"mo' 'one
two
'; do
    printf '%s' "$content" >"$work/mine"
    bench right --output "$work/mine" --resume
    [ "$code" -ne 0 ] || complain "a file that is no result was gone on with"
    [ "$(cat "$work/mine")" = "$(printf '%s' "$content")" ] || complain "a file that is no result was written"
done
run "$mica" bench compare "$work/right.jsonl" "$work/families.jsonl"
expect "compared with other models" 2
err_has "have no arm of a case in common (18 and 18 arms)"
sed 's/"tokens":[0-9]*,/"tokens":7,/' "$work/right.jsonl" >"$work/otherwise.jsonl"
run "$mica" bench compare "$work/right.jsonl" "$work/otherwise.jsonl" --format json
expect "compared with other texts" 0
err_has "18 arms had other work in the two files"
out_has '"other_work":18'
sed 's/"threads":[0-9]*/"threads":77/g' "$work/right.jsonl" >"$work/otherwise.jsonl"
run "$mica" bench compare "$work/right.jsonl" "$work/otherwise.jsonl"
expect "compared with another number of threads" 0
err_has "the number of threads differs: "
bench right --format json --precisions fp32 --peers "mica,script fp32 best"
expect "as JSON" 0
lines_are 1
out_has '"results":[{"kind":"model"'
grep -q 'fp32 default' "$work/out" && complain "an arm was not asked for"
bench right --format jsonl --peers mica
expect "as JSON lines" 0
lines_are 5
grep -q '"name":"script ' "$work/out" && complain "there is an arm of a peer"
bench right --as-published --precisions fp32 --format json
expect "with BERT's head" 0
out_has '"head":"masked-lm"'
out_has '"head":"as-published"'

[ "$(grep -o '"kind":"flaw"' "$work/out" | wc -l)" -eq 9 ] || complain "not four flaws of mica and five of the peer"
for flaw in unevaluated best_ten no_warm_up space_padded unlike_heads; do
    out_has "\"flaw\":\"$flaw\""
done
bench wrong --as-published --precisions fp32 --filter 'x 20$' --batches 1 --format json
expect "flaws of a peer that is wrong" 0
[ "$(grep -o '"kind":"flaw"' "$work/out" | wc -l)" -eq 4 ] || complain "who is wrong has the times of flaws"
bench right --accuracy "$work/tiny" --filter 'x 20' --batches 1
expect "accuracy" 0
[ "$(grep -c 'tiny, .* cosine to float64 of [0-9]* texts: mean [01]\.' "$work/out")" -eq 3 ] ||
    complain "not the cosines of three arms"
bench nan --accuracy "$work/tiny" --filter 'x 20' --batches 1 --precisions int8
expect "accuracy of a peer whose output is no number" 0
out_has "vectors are not finite"
bench right --accuracy "$work/tiny" --filter 'x 20' --batches 1 --precisions int8 --format jsonl --peers mica
expect "accuracy as JSON" 0
out_has '"calibration_texts":40,"not_finite":0'
printf 'The first of two lines that are there.\nAnd this is the other of the two lines.\n' >"$work/few.txt"
bench right --text "$work/few.txt" --lengths 20 --batches 4 --filter 'x 20' --precisions int8 --peers mica
expect "two texts for four places" 0
err_has "has only 2 texts of 20 characters: they repeat in batches of 4"
out_has "only 2 different texts"
out_has "--accuracy MODEL"

# together MODE...: a run with peers of these modes, as many as fit into one, and one that is right: what any of them does
# takes nothing from the others. The words after "MODE:" are what its arms are said to be, in a cell at least.
together() {
    scripts=right
    for mode in "$@"; do
        scripts="$scripts ${mode%%:*}"
    done
    mkdir -p "$work/modes"
    for script in $scripts; do
        : >"$work/modes/$script"
    done
    # shellcheck disable=SC2046,SC2086
    run env -u PEER "$mica" bench models --models "$work/tiny" --lengths 20,60 --batches 1,3 --filter 'x (60|mixed)$' \
        --rounds 2 --min-time 0.001 --calm 0 --slow-times 1000000 --limit 60 --directory "$work/cache" --precisions fp32 \
        --peaks "$peaks" --peer-python "$peer" $(printf -- "--peer-script $work/modes/%s " $scripts)
    expect "peers: $scripts" 0
    [ "$(timed 'mica fp32')" -eq 3 ] || complain "mica has not three times"
    [ "$(timed 'right fp32 [a-z]*')" -eq 6 ] || complain "the peer that is right has not six times"
    for mode in "$@"; do
        name=${mode%%:*}
        grep "^    $name fp32" "$work/out" | grep -qF "${mode#*:}" || complain "it lacks of $name: ${mode#*:}"
        case $name in
        crash | between | garbage | twice) ;; # it had times before
        *) [ "$(timed "$name fp32 [a-z]*")" -eq 0 ] || complain "$name has a time" ;;
        esac
    done
}
together wrong:"wrong: a value is" nan:"wrong: a value is inf" shape:"wrong: its output is no float32 tensor" \
    unasked:"failed: " no:"failed: this text is too long for it" liar:"failed: its time is no time that can have passed"
together crash:"failed: crashed (exit code 3)" between:"failed: crashed (exit code 0)" \
    load:"failed: crashed (Segmentation fault" garbage:"failed: printed garbage: 'half an answ'" \
    orphan:"failed: crashed (exit code 3)" twice:"failed: printed more than it was asked for"
together boaster:"wrong: 1e-09 s would be"
bench hang --precisions fp32 --limit 1
expect "a peer that hangs" 0
out_has "failed: hung: no answer within 1 seconds"
[ "$(timed 'mica fp32')" -eq 3 ] || complain "mica has not three times"
bench absent
expect "a peer that is absent" 0
mica_is_there
out_has "peer: absent, no module of that name"
bench slow --precisions int8 --slow 0.5
expect "a slow peer" 0
out_has "one run: too slow for more"
[ "$(timed 'mica int8')" -eq 3 ] || complain "mica has not three times"
bench modest --filter 'x 20$' --batches 1 --precisions fp32 --peers "mica,script fp32 default" --output "$work/modest.jsonl"
expect "a peer that does not count all of its time" 0
out_has "suspect: its requests took"
grep '"kind":"cell"' "$work/modest.jsonl" | grep -q '"suspect":"its requests took' || complain "the file does not say so"
[ "$(timed 'script fp32 default')" -eq 1 ] || complain "who is suspect has no time"
bench right --filter 'x 20$' --batches 1 --precisions fp32 --peers "mica,script fp32 default" --output "$work/honest.jsonl"
expect "the same peer, honest" 0
run "$mica" bench compare "$work/honest.jsonl" "$work/modest.jsonl" --threshold 100000
expect "compared with one that does not count all of its time" 0
grep -q 'script fp32 .* suspect after: its requests took' "$work/out" || complain "the peer is not said to be suspect"
grep -q 'mica fp32 .* suspect' "$work/out" && complain "mica is said to be suspect"
out_has ", 1 with a suspect time"
run "$mica" bench compare "$work/modest.jsonl" "$work/honest.jsonl" --threshold 100000 --format json
expect "the other way round, as JSON" 0
out_has '"suspect":1'
out_has '"suspect_before":"its requests took'
run "$mica" bench report "$work/modest.jsonl"
expect "a report of it" 0
out_has "| script fp32 default | *suspect* | 1 |"
bench device --filter 'x 20$' --batches 1 --precisions fp32 --peers "mica,script fp32 default" --output "$work/device.jsonl"
expect "a peer with a device" 0
out_has ", 0.12 GB of the device;"
grep '"kind":"cell"' "$work/device.jsonl" | grep -q '"peak_device_bytes":null.*"peak_device_bytes":123456789' ||
    complain "the cell does not say what of the device's memory was used"
grep '"kind":"model"' "$work/device.jsonl" | grep -q '"peak_device_bytes":123456789' || complain "nor does the model"
run "$mica" bench report "$work/device.jsonl"
expect "a report of it" 0
out_has "| peak memory, MB | memory of the GPU, MB | what it runs |"
grep -q '^| script fp32 default |.* | 123 |' "$work/out" || complain "the report does not say it"
run "$mica" bench report "$work/right.jsonl"
expect "a report without a device" 0
grep -q 'memory of the GPU, MB' "$work/out" && complain "a column is empty"
bench right --precisions fp32 --calm 100 --format json
expect "a machine that is never calm" 0
out_has '"disturbed":2'
[ -z "$(find "$work" -name 'mica-bench-*')" ] || complain "files are left over"

PEER=hang
for signal in TERM HUP; do
    rm -f "$work/stopped.jsonl"
    "$mica" bench models --models "$work/tiny" --lengths 60 --batches 1 --min-time 0 --calm 0 --slow-times 1000000 \
        --limit 60 --precisions fp32 --peaks "$peaks" --peer-python "$peer" --peer-script "$here/models.sh" \
        --output "$work/stopped.jsonl" \
        >"$work/stopped.out" 2>"$work/stopped.err" </dev/null &
    waits=$!
    i=0
    while [ ! -s "$work/stopped.jsonl" ] && [ $i -lt 600 ]; do
        i=$((i + 1))
        sleep 0.1
    done
    bench right --output "$work/stopped.jsonl" --resume
    expect "a file that another run writes" 2
    err_has "stopped.jsonl' is being written by another run"
    PEER=hang
    kill -$signal $waits
    if [ $signal = HUP ]; then # which whoever runs this may have had ignored
        sleep 2
        kill -TERM $waits 2>/dev/null || :
    fi
    code=0
    wait $waits || code=$?
    cp "$work/stopped.out" "$work/out"
    cp "$work/stopped.err" "$work/err"
    expect "a run that is asked to stop by $signal" 130
    err_has "the same command with --resume goes on"
    [ -z "$(find "$work" -name 'mica-bench-*')" ] || complain "files are left over"
done

for at in 1 9; do
    KILL_AT=$at
    export KILL_AT
    rm -f "$work/killed.jsonl"
    bench kill --output "$work/killed.jsonl"
    expect "killed in run $at" 137
    printf '{"kind":"part","model":"ti' >>"$work/killed.jsonl"
    before=$(grep -c '"kind":"part"' "$work/killed.jsonl")
    bench right --output "$work/killed.jsonl" --resume
    expect "gone on after run $at" 0
    [ $((before - 1 + $(timed 'mica [a-z0-9]*'))) -eq 9 ] || complain "a cell was measured again, or never"
    [ "$(wc -l <"$work/killed.jsonl")" -eq 5 ] || complain "not a header, a model and three cells"
    run "$mica" bench compare "$work/right.jsonl" "$work/killed.jsonl" --threshold 100000
    expect "the same arms" 0
    out_has "18 compared"
    grep -q -e gone -e new "$work/out" && complain "an arm is there in one only"
done
[ -z "$(find "$work" -name 'mica-bench-*')" ] || complain "what was killed has left files"

# A file that cannot be written any further is no model's fault: the run ends, and goes on with --resume.
rm -f "$work/full.jsonl"
run sh -c 'ulimit -f 64 && "$@"' - "$mica" bench models --models "$work/tiny,$work/elsewhere/tiny" --lengths 20 --batches 1 \
    --rounds 300 --min-time 0 --calm 0 --peers "mica fp32" --directory "$work/cache" --peaks "$peaks" --output "$work/full.jsonl"
expect "a file that becomes too large" 1
err_has "cannot write '$work/full.jsonl'"
grep -q '"kind":"failed"' "$work/full.jsonl" && complain "a model is said to have failed"
i=0
while ps -A -o args | grep -v grep | grep -qF "$peer"; do
    i=$((i + 1))
    [ $i -lt 50 ] || { complain "a peer is left over" && break; }
    sleep 0.1
done

run "$mica" bench models --models "$work/bare.json" --lengths 20 --batches 2 --rounds 1 --min-time 0 --peers "mica fp32" --peaks "$peaks" \
    --directory "$work/cache" --format json
expect "a model that is made" 0
out_has '"source":"init","seed":1,"tokenizer":"bert-base-uncased"'
[ -f "$work/cache/bare.1.bert-base-uncased/model.safetensors" ] || complain "it is not in its place"
mkdir "$work/cache/bare.9.bert-base-uncased.123456.tmp" "$work/cache/mine.tmp"
: >"$work/cache/bare.9.bert-base-uncased.123456.tmp/model.safetensors"
run "$mica" bench models --models "$work/bare.json" --lengths 20 --batches 2 --rounds 1 --min-time 0 --peers "mica fp32" --peaks "$peaks" \
    --directory "$work/cache" --seed 9 --format json
expect "a model that a killed run has half made" 0
[ ! -e "$work/cache/bare.9.bert-base-uncased.123456.tmp" ] || complain "its files are left over"
[ -d "$work/cache/mine.tmp" ] || complain "what is not ours was removed"
sed 's/"hidden_size": 16/"hidden_size": 32/' "$work/bare.json" >"$work/other.json"
mv "$work/other.json" "$work/bare.json"
run "$mica" bench models --models "$work/bare.json" --lengths 20 --batches 2 --peers "mica fp32" --directory "$work/cache"
expect "another configuration of the same name" 2
err_has "was made from another configuration"
mkdir -p "$work/tokenizers/bare-own"
cp "$here/../fixtures/tokenizers/bert-base-uncased/"* "$work/tokenizers/bare-own"
run "$mica" bench models --models "$work/bare.json" --lengths 20 --batches 2 --rounds 1 --min-time 0 --peers "mica fp32" --peaks "$peaks" \
    --directory "$work/cache" --tokenizers "$work/tokenizers" --format json
expect "its own tokenizer" 0
out_has '"source":"init","seed":1,"tokenizer":"bare"'
finish
