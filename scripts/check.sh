#!/bin/sh
# SPDX-License-Identifier: MIT
# Everything that must hold, on a fresh machine too: `make check`.
#
#   1. release build (gcc), all tests, at every instruction-set level that this machine has
#   2. address and undefined-behaviour sanitizers (clang), all tests; every fuzz target for some seconds
#   3. thread sanitizer, the tests that use threads
#   4. static checks: who includes whom, exported symbols, headers alone, README's programs, format
#   5. kernels and a model on an emulated 64-bit Arm, with all instructions and with the fewest
#
# MICA_FUZZ_SECONDS (default 8) is the time of each fuzz target. The last line counts.
set -u
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}
logs=build/check
passed=0
failed=0
skipped=0
failures=""
rm -rf "$logs"
mkdir -p "$logs"

say() { printf '\n== %s\n' "$*"; }

# step NAME COMMAND...: one check; its output is shown if it fails.
step() {
    name=$1
    shift
    log="$logs/$(printf %s "$name" | tr -c 'A-Za-z0-9' '-').log"
    start=$(date +%s)
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        printf '   ok    %-44s %4d s\n' "$name" $(($(date +%s) - start))
    else
        failed=$((failed + 1))
        failures="$failures
   $name ($log)"
        printf '   FAIL  %-44s %4d s\n' "$name" $(($(date +%s) - start))
        tail -60 "$log"
    fi
}

# tests NAME BUILD [ctest arguments]: runs ctest and counts its tests and what they skipped.
tests() {
    name=$1
    build=$2
    shift 2
    log="$logs/$(printf %s "$name" | tr -c 'A-Za-z0-9' '-').log"
    start=$(date +%s)
    ctest --test-dir "$build" -V -j "$jobs" "$@" >"$log" 2>&1
    code=$?
    total=$(sed -n 's/^.* tests failed out of \([0-9]*\)$/\1/p' "$log" | tail -1)
    bad=$(sed -n 's/^.*, \([0-9]*\) tests failed out of [0-9]*$/\1/p' "$log" | tail -1)
    total=${total:-0}
    bad=${bad:-0}
    cases=$(grep -c '\[       OK \]' "$log")
    passed=$((passed + total - bad))
    failed=$((failed + bad))
    if [ $code -ne 0 ] || [ "$total" -eq 0 ]; then
        [ "$bad" -gt 0 ] || failed=$((failed + 1))
        failures="$failures
   $name ($log)"
        printf '   FAIL  %-44s %4d s\n' "$name" $(($(date +%s) - start))
        sed -n '/The following tests FAILED/,$p' "$log"
        for number in $(sed -n '/The following tests FAILED/,$s/^\t *\([0-9]*\) - .*/\1/p' "$log"); do
            grep "^$number: " "$log" | tail -15
        done
        grep -E '\[  (FAILED|ERROR)|ERROR|SUMMARY:|runtime error|!=' "$log" | head -60
    else
        printf '   ok    %-44s %4d s  (%d programs, %d cases)\n' "$name" \
            $(($(date +%s) - start)) "$total" "$cases"
    fi
    sed -n 's/^[0-9]*: *\(skipped: .*\)$/\1/p; s/^[0-9]*: *\[  SKIPPED \] \(.*[^:]\)$/case \1/p' "$log" |
        sort -u | sed "s|^|$name: |" >>"$logs/skipped"
}

configure() { # configure PRESET [cmake arguments]
    preset=$1
    shift
    cmake --preset "$preset" "$@"
}

sh scripts/install-deps.sh --with-tests || exit 1

say "release (gcc, warnings are errors)"
step "configure release" configure release -DMICA_BUILD_TESTS=ON -DMICA_WERROR=ON
step "build release" cmake --build build/release -j "$jobs"
if [ $failed -ne 0 ]; then
    printf '\n%d passed, %d failed\n' $passed $failed
    exit 1
fi
[ -n "${MICA_MINILM_DIR:-}" ] || [ -d build/models/all-MiniLM-L6-v2 ] ||
    sh scripts/fetch-minilm.sh >"$logs/fetch-minilm.log" 2>&1 ||
    echo "all-MiniLM-L6-v2: could not be fetched, its test is skipped" >>"$logs/skipped"
tests "tests" build/release
case $(uname -m) in
aarch64 | arm64) levels="c neon" ;;
*) levels="c avx2" ;;
esac
for level in $levels; do
    MICA_CPU=$level tests "tests with MICA_CPU=$level" build/release -L 'kernels|models|cli'
done

say "static checks"
step "who includes whom" sh tests/checks/includes.sh
step "README tables" sh tests/checks/tables.sh
step "exported symbols" sh tests/checks/exports.sh build/release
step "public headers compile alone" sh tests/checks/headers.sh
step "README programs, installed library" sh tests/checks/examples.sh build/release
if command -v clang-format >/dev/null 2>&1; then
    step "format" sh -c "git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror"
fi

say "address and undefined-behaviour sanitizers (clang)"
step "configure asan" configure asan
step "build asan" cmake --build build/asan -j "$jobs"
tests "tests under ASan and UBSan" build/asan -LE slow
step "fuzz targets" sh tests/fuzz/run.sh build/asan "${MICA_FUZZ_SECONDS:-8}"

say "thread sanitizer (clang)"
step "configure tsan" configure tsan
step "build tsan" cmake --build build/tsan -j "$jobs"
tests "tests under TSan" build/tsan -L threads

# The tests that run in seconds there.
arm64_tests="test_kernels_table test_kernels_columns test_kernels_precision test_kernels_steps"
if [ "$(uname -m)" != x86_64 ]; then
    : # an Arm runs all tests itself
elif ! command -v aarch64-linux-gnu-gcc >/dev/null 2>&1 || ! command -v qemu-aarch64 >/dev/null 2>&1; then
    echo "emulated Arm: aarch64-linux-gnu-gcc or qemu-aarch64 is not here" >>"$logs/skipped"
elif ! sh scripts/arm64-root.sh >"$logs/arm64-root.log" 2>&1; then
    echo "emulated Arm: its libraries could not be fetched ($logs/arm64-root.log)" >>"$logs/skipped"
else
    say "64-bit Arm (cross gcc, qemu)"
    step "configure arm64" configure arm64 -DMICA_BUILD_TESTS=ON
    # shellcheck disable=SC2086
    step "build arm64" cmake --build build/arm64 -j "$jobs" --target $arm64_tests test_models_bert
    tests "tests on an emulated Arm" build/arm64 \
        -R "^($(echo $arm64_tests | tr ' ' '|')|test_models_bert)\$"
    QEMU_CPU=cortex-a53 tests "kernels on a Cortex-A53" build/arm64 \
        -R "^($(echo $arm64_tests | tr ' ' '|'))\$"
fi

if [ -s "$logs/skipped" ]; then
    skipped=$(sort -u "$logs/skipped" | wc -l | tr -d ' ')
    say "skipped, and why"
    sort -u "$logs/skipped" | sed 's/^/   /'
fi
[ -z "$failures" ] || printf '\nfailed:%s\n' "$failures"
printf '\n%d passed, %d failed, %d skipped\n' $passed $failed "$skipped"
[ $failed -eq 0 ]
