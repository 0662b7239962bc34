# SPDX-License-Identifier: MIT
# A peer that follows a script: PEER is right, slow, modest (it does not count what it takes), wrong, wrong-fast, absent, crash, crash-late, hang, hang-late,
# garbage, garbage-late, liar, no or mute; PEER_IDS the ids that are right, PEER_SLEEP how long it hangs. Run as sh -u peer.sh.
number=0
timed=0
case $PEER in
absent) echo '{"ok": false, "absent": true, "error": "no module of that name"}'; exit 0 ;;
crash) kill -SEGV $$ ;;
hang) sleep "$PEER_SLEEP" ;;
garbage) echo 'Warning: this is no JSON' ;;
mute) exit 0 ;;
no) echo '{"ok": false, "error": "not today"}' ;;
*) echo '{"ok": true, "name": "script", "versions": {"script": "1.0"}, "settings": {"mode": "test"}}' ;;
esac
while read -r line; do
    case $line in
    *'"quit"'*) exit 0 ;;
    *'"prepare"'*) echo '{"ok": true}' ;;
    *'"check"'*)
        number=$((number + 1))
        ids=$PEER_IDS
        [ "$PEER" = wrong ] && ids='[[1, 2, 3]]'
        [ "$PEER" = wrong-fast ] && [ $number -eq 3 ] && ids='[[1, 2, 3]]'
        echo "{\"ok\": true, \"ids\": $ids}" ;;
    *'"time"'*)
        timed=$((timed + 1))
        if [ $timed -gt 4 ]; then
            case $PEER in
            crash-late) exit 3 ;;
            hang-late) sleep "$PEER_SLEEP" ;;
            garbage-late) printf 'half an answ\n' ;;
            esac
        fi
        case $PEER in slow | modest) sleep 0.3 ;; esac
        seconds=0.000001
        [ "$PEER" = slow ] && seconds=0.3
        [ "$PEER" = liar ] && seconds=1000
        echo "{\"ok\": true, \"seconds\": $seconds}" ;;
    esac
done
