/* SPDX-License-Identifier: MIT
 *
 * The arms of `mica bench ops`: how mica and each peer do the work of a case, and what they give.
 * Only ops.c and ops_arms.c see this.
 */
#ifndef MICA_BENCH_OPS_ARMS_H
#define MICA_BENCH_OPS_ARMS_H

#include "mica/program.h"
#include "ops.h"
#include "ops_reference.h"
#include "peer.h"

struct bench_ops {
    const bench_ops_options *options;
    mica_context *context;
    mica_context_info info;
    bench_peaks peaks;
    bench_peer *peers[BENCH_OPS_PEERS];
    bench_ops_peer said[BENCH_OPS_PEERS];
    char inputs_path[4096], output_path[4096], positions_path[4096];
    mica_json_writer *writer;
};

/* What the arms of a case work with. */
typedef struct bench {
    bench_ops *ops;
    bench_ops_result *result;
    mica_tensor *inputs[BENCH_INPUTS];
    bench_reference *reference;
    mica_program *program[BENCH_OPS_ARMS]; /* of arms of mica */
    mica_executor *executor[BENCH_OPS_ARMS];
    bool in_turn; /* outputs are large: only the arm that is being run has one */
    bool sampled; /* the reference knows some elements only: peers write no others */
} bench;

/* Starts the peers that are not running: at first, and those that have failed since. False = out of
 * memory. */
bool bench_ops_start_peers(bench_ops *ops);
/* Makes every arm of the result ready to be timed, its output held to the reference. */
mica_status bench_ops_prepare_arms(bench *b, mica_error *err);
/* The peers drop what they keep for the case. */
void bench_ops_rest(bench *b);

#endif
