#!/bin/sh
# SPDX-License-Identifier: MIT
# What bench/peers/*.py say is one line of printable ASCII, whatever frameworks put into their words.
#   peers_words.sh FOLDER_OF_PEERS
python=$(command -v python3) || {
    echo "skipped: there is no python3"
    exit 0
}
said=$("$python" -c '
import sys
sys.path.insert(0, sys.argv[1])
import peer
peer.say(ok=True, way="a\tb\n\u2028 c\u00ae \u0007\u202e", versions={"x\r\ny": "1\u2122"}, seconds=0.5, ids=[[1, 2]])
peer.say(error=peer.in_words(ValueError("no\n  \u2603")))
print("a framework talks")
' "$1" 2>/dev/null) || {
    echo "peer.py failed"
    exit 1
}
expected='{"ok": true, "way": "a b c? ??", "versions": {"x y": "1?"}, "seconds": 0.5, "ids": [[1, 2]]}
{"error": "ValueError: no ?"}'
[ "$said" = "$expected" ] || {
    echo "a peer says: $said"
    exit 1
}
