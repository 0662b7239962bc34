/* SPDX-License-Identifier: MIT
 *
 * Waiting for a peer that does not answer: a run that is asked to stop ends it, also when the
 * signal came a moment before the wait began, and so ends no call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/peer.h"

static const char *const mute[] = {"sh", "-c", "exec sleep 1000", NULL};
static const char *const says_hello[] = {"sh", "-c", "echo '{\"ok\": true}'; exec sleep 1000",
                                         NULL};
static int looks; /* before it is asked to stop */

static bool stop(void)
{
    return looks-- <= 0;
}

static bool never(void)
{
    return false;
}

static void stops_at_look(int look)
{
    looks = 1000;
    bench_peer *peer = bench_peer_launch("sh", says_hello, 600, stop, false);
    assert_non_null(peer);
    assert_int_equal(bench_peer_state_of(peer), BENCH_OK);
    looks = look;
    assert_null(bench_peer_ask(peer, "{\"do\": \"time\"}", NULL));
    assert_int_equal(bench_peer_state_of(peer), BENCH_FAILED);
    assert_string_equal(bench_peer_reason(peer), "interrupted");
    assert_int_equal(bench_peer_process(peer), 0);
    bench_peer_stop(&peer);
}

static void a_stop_before_the_wait(void **state)
{
    stops_at_look(0);
}

static void a_stop_that_ends_no_call(void **state)
{
    stops_at_look(1);
    stops_at_look(2);
}

static void a_stop_while_it_starts(void **state)
{
    looks = 1;
    bench_peer *peer = bench_peer_launch("sh", mute, 600, stop, false);
    assert_non_null(peer);
    assert_int_equal(bench_peer_state_of(peer), BENCH_FAILED);
    assert_string_equal(bench_peer_reason(peer), "interrupted");
    bench_peer_stop(&peer);
}

static void nobody_asks_it_to_stop(void **state)
{
    for (int i = 0; i < 2; i++) {
        bench_peer *peer = bench_peer_launch("sh", mute, 0.05, i ? never : NULL, false);
        assert_non_null(peer);
        assert_int_equal(bench_peer_state_of(peer), BENCH_FAILED);
        assert_string_equal(bench_peer_reason(peer), "hung: no answer within 0.05 seconds");
        bench_peer_stop(&peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_before_the_wait),
        cmocka_unit_test(a_stop_that_ends_no_call),
        cmocka_unit_test(a_stop_while_it_starts),
        cmocka_unit_test(nobody_asks_it_to_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
