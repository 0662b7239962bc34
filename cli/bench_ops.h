/* SPDX-License-Identifier: MIT
 *
 * `mica bench ops`: a run, and how it is shown as a table (bench_ops_text.c) and as JSON
 * (bench_ops_json.c).
 */
#ifndef MICA_CLI_BENCH_OPS_H
#define MICA_CLI_BENCH_OPS_H

#include "bench/ops_flaws.h"
#include "bench_common.h"

typedef struct ops_run {
    const cli_command *command;
    cli_format format;
    bench_ops_options options;
    bench_ops *ops;
    bench_environment environment;
    mica_json_writer *writer;
    bench_case *cases;
    bench_ops_result *results;
    size_t case_count, count;
    bool as_published;
    bench_flaw *flaws;
    size_t flaw_count;
    bench_ops_choice arms[BENCH_OPS_ARMS];
    size_t arm_count;
    char scripts[BENCH_OPS_PEERS][4096];
} ops_run;

/* Whether there is an arm of mica; it is the first. */
bool ops_has_mica(const bench_ops_result *result);
/* The fastest arm of a peer, or of all (BENCH_OPS_MICA); NULL = none is OK. */
const bench_arm *ops_fastest(const bench_ops_result *result, int peer);

void ops_show_head(const ops_run *run);
void ops_show(const ops_run *run, const bench_ops_result *result);
void ops_show_sum(const ops_run *run);
void ops_show_flaw(const bench_flaw *flaw);

/* Members of the object that is open. */
void ops_write_settings(const ops_run *run);
/* Objects. */
void ops_write_result(const ops_run *run, const bench_ops_result *result);
void ops_write_flaw(const ops_run *run, const bench_flaw *flaw);
/* The whole document, into the writer. */
void ops_write_document(const ops_run *run);

#endif
