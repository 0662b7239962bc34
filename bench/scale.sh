#!/bin/sh
# SPDX-License-Identifier: MIT
# How the cost of a model grows with tokens and threads, as a table in Markdown: one sequence of random ids, times of calls
# whose steps are not measured, and what the floor is exceeded by: in processor time with one thread, which a busy machine
# does not change, by the clock with more. docs/scale.md says what to expect.
#   bench/scale.sh PROGRAM MODEL [TOKENS] [THREADS] [RUNS]
set -eu
program=$1
model=$2
tokens=${3:-1 2 4 8 13 16 24 32 46 64 112 128 256 384 512}
threads=${4:-1 2}
runs=${5:-15}

# number KEY: of the object "total".
number() {
    printf '%s\n' "$total" | tr ',{' '\n\n' | sed -n "s/^\"$1\":\\([0-9.e+-]*\\).*/\\1/p" | head -1
}

echo "| tokens | threads | fastest ms | median ms | processor ms | floor ms | times the floor | alone | outside products |"
echo "|---|---|---|---|---|---|---|---|---|"
for n in $tokens; do
    for t in $threads; do
        total=$("$program" profile "$model" --tokens "$n" --threads "$t" --runs "$runs" --format json)
        total=$(printf '%s\n' "$total" | sed 's/.*"total":{//; s/}.*//')
        awk -v n="$n" -v t="$t" -v best="$(number plain_fastest)" -v median="$(number plain_seconds)" -v cpu="$(number processor_seconds)" \
            -v floor="$(number floor)" -v alone="$(number alone)" -v call="$(number seconds)" \
            -v outside="$(number outside_products)" 'BEGIN {
                share = t > 1 ? sprintf("%.1f %%", alone / call * 100) : "-"
                times = floor > 0 ? (t > 1 ? best : cpu) / floor : 0
                printf "| %d | %d | %.2f | %.2f | %.2f | %.2f | %.2f | %s | %.1f %% |\n", n, t, best * 1e3, median * 1e3, cpu * 1e3,
                    floor * 1e3, times, share, outside * 100 }'
    done
done
