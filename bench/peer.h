/* SPDX-License-Identifier: MIT
 *
 * A peer: another framework, run by a Python program of bench/peers/ in a process of its own, which
 * speaks JSON over pipes, one object a line. bench/peers/README.md has the protocol.
 *
 * A peer that is not asked is stopped where it is, with all that it started: threads that spin for
 * a while after their work would take the processors from others.
 *
 * A peer may be absent, wrong, crash, hang or print anything: each is an answer too. One that does
 * not answer in time, or not as agreed, is killed with all that it started, and is not asked again.
 */
#ifndef MICA_BENCH_PEER_H
#define MICA_BENCH_PEER_H

#include <stdbool.h>

#include "arms.h"
#include "mica/json.h"

typedef struct bench_peer bench_peer;

/* Starts `python script` and waits for its first line. It answers within `limit` seconds each time.
 * While it is waited for, `stop` (or NULL) is asked at least once a second, and when a signal
 * comes: true ends it as FAILED. NULL = out of memory. A peer that could not be started is there
 * too, ABSENT or FAILED. */
bench_peer *bench_peer_start(const char *python, const char *script, double limit,
                             bool (*stop)(void), bool show_errors);
/* The same for any program; `arguments` begin with its name and end with NULL. */
bench_peer *bench_peer_launch(const char *program, const char *const *arguments, double limit,
                              bool (*stop)(void), bool show_errors);
/* Lets it end, or kills it after a second. */
void bench_peer_stop(bench_peer **peer);

/* OK; ABSENT: its Python or its framework is not there; FAILED: it crashed, hung or printed
 * garbage.
 */
bench_state bench_peer_state_of(const bench_peer *peer);
/* Why it is not OK. */
const char *bench_peer_reason(const bench_peer *peer);
/* The process, which leads a group of its own; 0 = it has ended. */
long bench_peer_process(const bench_peer *peer);
/* Its first line: "name", "versions", "settings". NULL if it is not OK. */
const mica_json_value *bench_peer_hello(const bench_peer *peer);

/* Sends one line of JSON (without its newline) and returns the answer, an object with "ok": true,
 * valid until the next call. NULL: it has failed, and says why. A peer that says "ok": false can be
 * asked again: only *refused is set (if not NULL), and the reason. */
const mica_json_value *bench_peer_ask(bench_peer *peer, const char *request, bool *refused);

/* Sets that an arm has no time, for what the peer said last. */
void bench_peer_fail_arm(const bench_peer *peer, bench_arm *arm);
/* Asks for a time: the answer's "seconds", of those that have passed. False: the arm says why. */
bool bench_peer_time(bench_peer *peer, const char *request, bench_arm *arm, double *seconds,
                     double *passed);

#endif
