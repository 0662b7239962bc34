#!/bin/sh
# SPDX-License-Identifier: MIT
# README's table of families is what models.def says, and each family has a fixture for each head and a page.
#
#   sh tests/checks/families.sh [--write]
set -eu
cd "$(dirname "$0")/../.."
heads="maskedlm sequenceclassification tokenclassification questionanswering"
failed=0

table() {
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
}

families=$(sed -n 's/^MICA_FAMILY(\(.*\))$/\1/p' src/models/models.def | tr _ -)
[ -n "$families" ] || { echo "models.def has no families"; exit 1; }
for family in $families; do
    [ -f "docs/models/$family.md" ] || { echo "$family has no page docs/models/$family.md"; failed=1; }
    [ -f "tests/fixtures/models/$family-model/reference.safetensors" ] ||
        { echo "$family has no fixture tests/fixtures/models/$family-model"; failed=1; }
done
wanted=$(table)
found=$(sed -n '/<!-- families: /,/<!-- \/families -->/p' README.md | grep '^|' || true)
if [ "$wanted" != "$found" ] && [ "${1:-}" = --write ]; then
    table >build-families.tmp
    sed -e '/<!-- families: /,/<!-- \/families -->/{/^|/d;}' -e '/<!-- families: /r build-families.tmp' README.md >README.tmp
    mv README.tmp README.md
    rm -f build-families.tmp
elif [ "$wanted" != "$found" ]; then
    echo "README's table of families is not that of models.def: run tests/checks/families.sh --write"
    failed=1
fi
[ $failed -eq 0 ] && echo "families: README, pages and fixtures agree with models.def"
exit $failed
