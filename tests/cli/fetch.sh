#!/bin/sh
# SPDX-License-Identifier: MIT
# Models that are fetched from a Hub of the tests' own, on this machine: what is asked for and when, each
# error with its exit code, interruptions, and that what is cached opens no socket.
. "$(dirname "$0")/support.sh"
. "$(dirname "$0")/hub_support.sh"
server=$4
no_sockets=$5
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY SSL_CERT_FILE SSL_CERT_DIR HF_HUB_OFFLINE
export HF_HUB_ETAG_TIMEOUT=2 HF_HUB_DOWNLOAD_TIMEOUT=2 HF_TOKEN_PATH="$work/token"

mkfifo "$work/orders" "$work/answers"
"$server" <"$work/orders" >"$work/answers" &
exec 8>"$work/orders" 7<"$work/answers"
read -r HF_ENDPOINT <&7
export HF_ENDPOINT
say() { # say WORD...: an order to the server; its answer in $answer
    (IFS='	'; printf '%s\n' "$*") >&8
    read -r answer <&7
}
requests_are() { # requests_are MATCH N
    say count "$1"
    [ "$answer" = "$2" ] || complain "$answer requests of '$1', not $2"
}
fresh() {
    rm -rf "$HF_HOME"
    say clear
    say forget
}

say folder org/tiny main "$model"
first=$answer
folder=$cache/models--org--tiny/snapshots/$first

# The first use fetches, the second one asks for nothing.
run "$mica" embed "$model" hello --format jsonl
cp "$work/out" "$work/expected"
run "$mica" embed org/tiny hello --format jsonl
expect "embed a model that is on the Hub" 0
cmp -s "$work/out" "$work/expected" || complain "other numbers"
[ ! -s "$work/err" ] || complain "it is not quiet"
requests_are model.safetensors 1
say forget
for command in "embed org/tiny hello" "similarity org/tiny a b" "tokenize org/tiny a" "detokenize org/tiny 5" "show org/tiny@main -q" \
    "list" "verify-cache" "embed org/tiny@$first a"; do
    # shellcheck disable=SC2086
    run "$mica" $command
    expect "$command, cached" 0
done
requests_are "HEAD " 0
requests_are "GET " 0
requests_are model.safetensors 0

# A program that opens a socket is killed.
run "$no_sockets" "$mica" version
if [ $code -ne 77 ]; then
    run "$no_sockets" "$mica" pull org/tiny
    what="a pull opens a socket"
    cases=$((cases + 1))
    [ $code -gt 128 ] || complain "exit code $code"
    for command in "embed org/tiny hello" "embed org/tiny@main hello" "tokenize org/tiny a" "detokenize org/tiny 5" \
        "similarity org/tiny a b" "forward org/tiny --input $here/ids.json -o $work/out.safetensors" \
        "init org/tiny -o $work/made" list verify-cache "rm org/tiny --dry-run" doctor "embed $model hello"; do
        # shellcheck disable=SC2086
        run "$no_sockets" "$mica" $command
        expect "$command without sockets" 0
    done
    run env HF_HUB_OFFLINE=1 "$no_sockets" "$mica" show org/tiny
    expect "show without sockets" 0
    run env HF_HUB_OFFLINE=1 "$no_sockets" "$mica" embed org/none hello
    expect "what is not cached, without sockets" 5
else
    echo "skipped: sockets cannot be forbidden here"
fi

# A branch moves when it is pulled, and only then.
cp -r "$model" "$work/second"
chmod -R u+w "$work/second"
printf -- '---\nlicense: mit\n---\n' >"$work/second/README.md"
printf '{"model_max_length": 16}' >"$work/second/tokenizer_config.json"
say folder org/tiny main "$work/second"
second=$answer
run "$mica" embed org/tiny hello --format jsonl
expect "a branch that has moved" 0
run "$mica" show org/tiny
expect "show does not follow it" 0
out_has "$first"
out_has "README.md would say"
run env HF_HUB_OFFLINE=1 "$mica" embed org/tiny hello
expect "nor does it move the branch" 0
run "$mica" pull org/tiny --dry-run
expect "pull --dry-run" 0
out_has "1 file to be fetched"
[ ! -e "$cache/models--org--tiny/snapshots/$second" ] || complain "something was written"
run "$mica" pull org/tiny --format json
expect "pull the branch" 0
out_has '"commit":"'"$second"'"'
out_has '"fetched":1,"fetched_size":24,'
run "$mica" show org/tiny
expect "show the new commit" 0
out_has "16 tokens"
out_has "mit"
run "$mica" list --format jsonl
expect "list both" 0
lines_are 2
run "$mica" pull "org/tiny@$first" --quiet
expect "the commit before" 0
run "$mica" pull org/tiny --force --format json
expect "pull --force" 0
out_has '"fetched":4,'
run env HF_HUB_OFFLINE=1 "$mica" pull org/tiny --force
expect "--force without a network" 2
err_has "HF_HUB_OFFLINE"
run "$mica" pull org/tiny --include "*.md" --format json
expect "--include" 0
out_has '"path":"README.md","size":21,"needed":true'
rm "$cache/models--org--tiny/snapshots/$second/README.md"
run "$mica" pull org/tiny --include "*.md" --format json
expect "a file whose bytes are there" 0
out_has '"path":"README.md","size":21,"needed":true,"cached":true,"fetched":false'
run "$mica" pull org/tiny --local-dir "$work/local" --exclude "*.json" --exclude "*.md"
expect "--local-dir and --exclude" 0
[ -s "$work/local/model.safetensors" ] || complain "no weights"
[ ! -e "$work/local/config.json" ] || complain "a file that was left out"
run "$mica" pull org/tiny --revision "$second" --local-dir "$work/local2"
expect "--revision and --local-dir" 0
run "$mica" embed "$work/local2" hello
expect "embed what --local-dir made" 0

# The weights come last.
fresh
run "$mica" tokenize org/tiny hello
expect "tokenize what is on the Hub" 0
requests_are model.safetensors 0
run "$mica" list --format jsonl
out_has '"whole":false'
run "$mica" show org/tiny --format json
expect "show what is on the Hub" 0
out_has '"supported":true'
out_has '"parameters":null'
out_has '"license":"mit"'
out_has '"missing":"model.safetensors"'
out_has '{"path":"model.safetensors","size":53752,"needed":true,"cached":false}'
requests_are "GET /org/tiny/resolve/$second/model.safetensors" 0
cp -r "$model" "$work/zebra"
chmod -R u+w "$work/zebra"
sed 's/"model_type": "bert"/"model_type": "zebra"/' "$model/config.json" >"$work/zebra/config.json"
say folder org/zebra main "$work/zebra"
for command in "embed org/zebra hello" "pull org/zebra" "forward org/zebra --input $here/ids.json -o $work/x"; do
    # shellcheck disable=SC2086
    run "$mica" $command
    expect "$command: an architecture that mica does not run" 7
    err_has "zebra"
done
requests_are "GET /org/zebra/resolve/" 3
run "$mica" tokenize org/zebra hello
expect "its tokenizer" 0
run "$mica" show org/zebra
expect "show it" 0
out_has "none: mica cannot run it"

# What goes wrong.
say folder org/gated main "$model"
say gate org/gated
say folder org/hidden main "$model"
say hide org/hidden
mkdir "$work/tf"
cp "$model"/*.json "$work/tf"
: >"$work/tf/tf_model.h5"
say folder org/tf main "$work/tf"
fresh
run "$mica" embed org/gated hello
expect "a gated repository without a token" 12
err_has "$HF_ENDPOINT/org/gated"
err_has "HF_TOKEN"
run env HF_TOKEN=hf_poor "$mica" embed org/gated hello
expect "a gated repository with a token that is none" 4
err_has "HF_TOKEN"
run env HF_TOKEN=hf_good "$mica" pull org/gated --quiet
expect "a gated repository with its token" 0
run "$mica" embed org/gated hello
expect "a gated repository in the cache" 0
run env HF_TOKEN=hf_good "$mica" embed org/hidden hello
expect "a private repository with its token" 0
rm -rf "$HF_HOME"
run "$mica" embed org/hidden hello
expect "a private repository without a token" 11
err_has "private"
run "$mica" pull org/tiny --quiet
run "$mica" embed org/tinu hello
expect "no such repository" 11
err_has "'org/tiny'"
err_has "nor is there a directory"
say fault /org/tiny/ status 401 0 -1 "X-Error-Message: Invalid credentials in Authorization header"
run env HF_TOKEN=hf_old "$mica" embed org/tiny@new hello
expect "a token that is refused" 4
err_has "HF_TOKEN"
say clear
run "$mica" embed org/tiny@v9 hello
expect "no such revision" 13
err_has "v9"
run "$mica" pull org/tiny --include nothing.txt
expect "a pattern that nothing matches" 13
err_has "nothing.txt"
run "$mica" embed org/tf hello
expect "only TensorFlow weights" 17
err_has "tf_model.h5"
rm -rf "$HF_HOME"
run env HF_HUB_OFFLINE=1 "$mica" embed org/tiny hello
expect "offline" 5
err_has "HF_HUB_OFFLINE"
say fault store flip 1000 0 -1
run "$mica" pull org/tiny
expect "a checksum that is wrong" 6
err_has "model.safetensors"
[ ! -e "$cache/models--org--tiny/snapshots/$second/model.safetensors" ] || complain "the file is there"
say clear
run "$mica" pull org/tiny --quiet
expect "the same, once the fault is gone" 0
run "$mica" verify-cache
expect "and the cache is whole" 0

# A server that needs time: Ctrl-C keeps what is there, and the next pull goes on.
for signal in INT TERM; do
    fresh
    say fault store slow 40 0 -1
    "$mica" embed org/tiny hello >"$work/out" 2>"$work/err" &
    child=$!
    i=0
    while [ $i -lt 200 ] && ! ls "$cache"/models--org--tiny/blobs/*.incomplete >/dev/null 2>&1; do
        sleep 0.05
        i=$((i + 1))
    done
    sleep 0.4
    kill -$signal $child
    code=0
    wait $child || code=$?
    expect "$signal while a model is fetched" 130
    err_has "the same command goes on"
    out_empty
    run env HF_HUB_OFFLINE=1 "$mica" list
    expect "list after $signal" 0
    say clear
    run "$mica" embed org/tiny hello --format jsonl
    expect "the same command after $signal" 0
    cmp -s "$work/out" "$work/expected" || complain "other numbers"
    run "$mica" verify-cache
    expect "verify-cache after $signal" 0
done

# On a terminal: what is shown while a model is fetched, and when it is not.
on_terminal() { # on_terminal ANSWER COMMAND...: what a terminal of 70 columns gets, in $work/out
    reply=$1
    shift
    code=0
    printf '%s\n' "$reply" | script -qec "stty cols 70 rows 20; $*" /dev/null >"$work/out" 2>"$work/err" || code=$?
}
if command -v script >/dev/null && script -qec "test -t 2" /dev/null </dev/null >/dev/null 2>&1; then
    for how in "" "--quiet" "HF_HUB_DISABLE_PROGRESS_BARS=1" "TERM=dumb"; do
        fresh
        say fault store slow 12 0 -1
        case $how in
        --*) on_terminal "" TERM=xterm "$mica" embed org/tiny hello --dimensions 1 "$how" ;;
        *) on_terminal "" env TERM=xterm $how "$mica" embed org/tiny hello --dimensions 1 ;;
        esac
        expect "embed on a terminal, $how" 0
        shown=$(tr '\r' '\n' <"$work/out" | grep -c 'of 4 files' || true)
        if [ -z "$how" ]; then
            [ "$shown" -ge 2 ] || complain "nothing is shown"
            grep -q 'model.safetensors  *\[#*\.*\]  *[0-9]* %' "$work/out" || complain "no bar for a file"
            tr '\r\033' '\n\n' <"$work/out" | awk 'length($0) > 72 { exit 1 }' || complain "a line is too long"
        else
            [ "$shown" -eq 0 ] || complain "something is shown"
        fi
    done
    on_terminal n "$mica" rm org/tiny
    expect "rm, and no" 1
    out_has "[y/N]"
    out_has "still there"
    on_terminal y "$mica" rm org/tiny
    expect "rm, and yes" 0
    out_has "removed org/tiny"
    [ ! -e "$cache/models--org--tiny" ] || complain "it is still there"
else
    echo "skipped: no terminal can be made here"
fi

# A Hub that is not there.
fresh
run env HF_ENDPOINT=http://127.0.0.1:1 "$mica" embed org/tiny hello
expect "no Hub at this address" 14
err_has "127.0.0.1:1"
run "$mica" pull org/tiny --quiet
run env HF_ENDPOINT=http://127.0.0.1:1 "$mica" embed org/tiny hello
expect "no Hub, and the model is cached" 0
[ ! -s "$work/err" ] || complain "it is not quiet"
rm -f "$cache"/models--org--tiny/snapshots/*/README.md
run env HF_ENDPOINT=http://127.0.0.1:1 "$mica" show org/tiny
expect "no Hub, and show" 0
[ ! -s "$work/err" ] || complain "it is not quiet"
run env HF_ENDPOINT=http://127.0.0.1:1 "$mica" pull org/tiny
expect "no Hub, and pull" 0
err_has "warning"
run env HF_ENDPOINT=http://127.0.0.1:1 "$mica" pull org/tiny --dry-run
expect "no Hub, and pull --dry-run" 14
grep -q "not in the cache" "$work/err" && complain "the model is in the cache"

# A disk that is full, where a small one can be made.
fresh
mkdir -p "$work/disk"
cat >"$work/full.sh" <<'SCRIPT'
mount -t tmpfs -o size=24k none "$1" || exit 77
HF_HOME=$1 "$2" pull org/tiny || exit $?
SCRIPT
code=77
command -v unshare >/dev/null && run unshare -rm sh "$work/full.sh" "$work/disk" "$mica"
case $code in
77 | 1) echo "skipped: no small disk can be made here" ;;
*)
    expect "a disk that is full" 16
    err_has "$work/disk"
    ;;
esac
exec 8>&- 7<&-
wait

# A secure connection, with a certificate that nobody knows, and with one that is known.
mkfifo "$work/orders2" "$work/answers2"
"$server" "$work/certificate.pem" <"$work/orders2" >"$work/answers2" &
exec 8>"$work/orders2" 7<"$work/answers2"
read -r HF_ENDPOINT <&7
say folder org/tiny main "$model"
rm -rf "$HF_HOME"
run "$mica" embed org/tiny hello
expect "a certificate that nobody knows" 15
err_has "SSL_CERT_FILE"
run env SSL_CERT_FILE="$work/certificate.pem" "$mica" embed org/tiny hello
expect "a certificate that is known" 0
exec 8>&- 7<&-
wait
finish
