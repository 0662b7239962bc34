#!/bin/sh
# SPDX-License-Identifier: MIT
# The example of the C API that ranks lines by meaning: a line equal to the query comes first.
models=$(cd "$(dirname "$0")/../fixtures/models" && pwd)
first=$(printf 'world\nhello world\nhello\n' | "$1" "$models/st-plain" "hello" | head -1)
echo "$first"
case $first in
*"1.000"*"  hello") ;;
*) exit 1 ;;
esac
