#!/bin/sh
# SPDX-License-Identifier: MIT
# Who includes whom: a part of src/ may include itself, the public headers, and parts above it in the
# list below; the front doors (cli, examples, bench) include only the public headers, and cli the headers of bench. Two
# headers of base serve cli and bench, too: a file is written whole, and a text made safe to print, in one way.
#   tests/checks/includes.sh [SOURCE_DIR]
set -eu
cd "${1:-$(dirname "$0")/../..}"
parts="base tensor graph ops backends checkpoint tokenizer hub models tasks"
bad=0
complain() {
    echo "$1" >&2
    bad=$((bad + 1))
}

allowed=""
for part in $parts; do
    allowed="$allowed $part"
    case $part in
    # graph runs programs through the interface that backends implement, and looks operations up in
    # the table of ops; ops builds composites with graph. Both see the interface headers only.
    graph) extra="backends/backend.h ops/table.h" ;;
    ops) extra="backends/backend.h" ;;
    # The tokenizer and the Hub are libraries of their own: base only.
    *) extra="" ;;
    esac
    mine=$allowed
    [ "$part" = tokenizer ] && mine="base tokenizer"
    [ "$part" = hub ] && mine="base hub"
    files=$(find "src/$part" -name '*.[ch]' -o -name '*.def' | sort)
    [ -n "$files" ] || { complain "src/$part has no sources"; continue; }
    for file in $files; do
        for include in $(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file"); do
            case $include in
            mica/*) continue ;;
            */*) ;;
            *) complain "$file includes \"$include\": write the part's name in front"; continue ;;
            esac
            ok=no
            for name in $mine; do
                case $include in "$name"/*) ok=yes ;; esac
            done
            for name in $extra; do
                [ "$include" = "$name" ] && ok=yes
            done
            [ $ok = yes ] || complain "$file includes \"$include\", which is below it"
        done
    done
done
for folder in src/*/; do
    name=$(basename "$folder")
    case " $parts " in *" $name "*) ;; *) complain "src/$name is not in the list of parts" ;; esac
done
for folder in cli examples bench; do
    for file in $(find $folder -name '*.[ch]' | sort); do
        for include in $(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file"); do
            case $include in
            mica/*) ;;
            base/file.h | base/error.h) [ $folder != examples ] || complain "$file includes \"$include\": examples may not" ;;
            bench/*.h) [ $folder = cli ] || complain "$file includes \"$include\": only cli may" ;;
            */*) complain "$file includes \"$include\": only mica/ headers are allowed there" ;;
            *) [ -f "$(dirname "$file")/$include" ] || complain "$file includes \"$include\", which is not beside it" ;;
            esac
        done
    done
done
for file in include/mica/*.h; do
    for include in $(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file"); do
        case $include in
        mica/*) ;;
        *) complain "$file includes \"$include\": public headers include public headers only" ;;
        esac
    done
done
[ $bad -eq 0 ] || { echo "includes: $bad wrong" >&2; exit 1; }
echo "includes: every part includes only what stands above it"
