#!/bin/sh
# SPDX-License-Identifier: MIT
# README's tables are what the code says: families, heads and their tasks (models.def, fixtures, the program's
# commands), and the tokenizer classes (classes.c). Each family has a fixture for each head and a page; each class is
# in docs/tokenizers.md and held to the reference by a fixture that names it.
#
#   sh tests/checks/tables.sh [--write]
set -eu
cd "$(dirname "$0")/../.."
heads="maskedlm sequenceclassification tokenclassification questionanswering"
failed=0

complain() {
    echo "$1"
    failed=1
}

# The commands that the program has, out of "a, b".
commands() {
    found=""
    for verb in $(printf %s "$1" | tr -d ,); do
        if grep -q "^    {\"$verb\"," cli/main.c; then
            found="${found:+$found, }\`$verb\`"
        fi
    done
    printf '| %s ' "${found:-none}"
}

families_table() {
    echo "| model_type | base model | MaskedLM | SequenceClassification | TokenClassification | QuestionAnswering |"
    echo "|---|---|---|---|---|---|"
    for family in $families; do
        row="| [$family](docs/models/$family.md) "
        for head in model $heads; do
            if [ -f "tests/fixtures/models/$family-$head/reference.safetensors" ]; then
                row="$row| yes "
            else
                row="$row| no "
            fi
        done
        echo "$row|"
    done
    echo "| tasks $(commands "embed, similarity")$(commands "fill-mask")$(commands "classify, rerank")$(
        commands "tag")$(commands "answer")|"
}

# Class, model and files of each row of classes.c.
tokenizers_table() {
    echo "| tokenizer class | model | files |"
    echo "|---|---|---|"
    echo "| any, or none | WordPiece, BPE, Unigram, WordLevel | tokenizer.json |"
    awk '
        function flush() {
            if (name != "")
                printf "| %s | %s | %s |\n", name, model, files
            files = ""
            model = "BPE or Unigram"
        }
        function text(line) { sub(/^[^"]*"/, "", line); sub(/".*$/, "", line); return line }
        function add(file) { files = files == "" ? file : files ", " file }
        /^    \{\.name = / { flush(); name = text($0); if (name == "TokenizersBackend") name = "any other" }
        /^     \.(vocab|merges|spm) = "/ { add(text($0)) }
        /^     \.model = MICA_TOK_BPE/ { model = "BPE" }
        /^     \.model = MICA_TOK_WORDPIECE/ { model = "WordPiece" }
        /^     \.model = MICA_TOK_UNIGRAM/ { model = "Unigram" }
        /^     \.model = MICA_TOK_SENTENCEPIECE/ { model = "SentencePiece" }
        END { flush() }' src/tokenizer/classes.c
}

# Compares (or writes) the table between the marks "<!-- NAME:" and "<!-- /NAME -->" of README.md.
check() {
    wanted=$("$1_table")
    found=$(sed -n "/<!-- $1: /,/<!-- \/$1 -->/p" README.md | grep '^|' || true)
    [ "$wanted" != "$found" ] || return 0
    if [ "${write:-}" = yes ]; then
        printf '%s\n' "$wanted" >README.table
        sed -e "/<!-- $1: /,/<!-- \/$1 -->/{/^|/d;}" -e "/<!-- $1: /r README.table" README.md >README.tmp
        mv README.tmp README.md
        rm -f README.table
    else
        complain "README's table of $1 is not what the code says: run tests/checks/tables.sh --write"
    fi
}

[ "${1:-}" != --write ] || write=yes
families=$(sed -n 's/^MICA_FAMILY(\(.*\))$/\1/p' src/models/models.def | tr _ -)
[ -n "$families" ] || complain "models.def has no families"
for family in $families; do
    [ -f "docs/models/$family.md" ] || complain "$family has no page docs/models/$family.md"
    [ -f "tests/fixtures/models/$family-model/reference.safetensors" ] ||
        complain "$family has no fixture tests/fixtures/models/$family-model"
done
classes=$(sed -n 's/^    {\.name = "\(.*\)",$/\1/p' src/tokenizer/classes.c)
[ -n "$classes" ] || complain "classes.c has no classes"
for class in $classes; do
    [ "$class" = TokenizersBackend ] || grep -q "^| $class |" docs/tokenizers.md ||
        complain "docs/tokenizers.md has no row of $class"
    # "XLMRobertaTokenizer" is fixture "xlm-roberta", "xlm-roberta-json" ...
    short=$(printf %s "${class%Tokenizer}" | tr A-Z a-z)
    [ "$class" = TokenizersBackend ] && short=generic
    sed -n 's/^{"name": "\([^"]*\)".*/\1/p' tests/fixtures/tokenizers/classes.jsonl | tr -d - | grep -q "^$short" ||
        complain "tests/fixtures/tokenizers/classes.jsonl has no fixture of $class"
done
check families
check tokenizers
[ $failed -eq 0 ] && echo "README's tables, pages and fixtures agree with models.def and classes.c"
exit $failed
