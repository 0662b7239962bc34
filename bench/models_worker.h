/* SPDX-License-Identifier: MIT
 *
 * mica as an arm of its own benchmark: a process that speaks the protocol of the peers
 * (bench/peers/README.md) on standard input and output, so that mica is started, loaded, asked and
 * weighed as they are.
 */
#ifndef MICA_BENCH_MODELS_WORKER_H
#define MICA_BENCH_MODELS_WORKER_H

/* Answers until it is told to quit or nobody asks any more; returns the exit code. */
int bench_worker_run(void);

#endif
