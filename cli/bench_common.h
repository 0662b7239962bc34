/* SPDX-License-Identifier: MIT
 *
 * What the sub-commands of `mica bench` share.
 */
#ifndef MICA_CLI_BENCH_COMMON_H
#define MICA_CLI_BENCH_COMMON_H

#include "bench/arms.h"
#include "bench/environment.h"
#include "cli.h"

extern const char bench_tokenizers_details[], bench_ops_details[], bench_models_details[],
    bench_compare_details[], bench_gemm_details[], bench_report_details[];
int cmd_bench_tokenizers(const cli_command *command, int argc, char **argv);
int cmd_bench_ops(const cli_command *command, int argc, char **argv);
int cmd_bench_gemm(const cli_command *command, int argc, char **argv);
int cmd_bench_models(const cli_command *command, int argc, char **argv);
int cmd_bench_worker(const cli_command *command, int argc, char **argv);
int cmd_bench_compare(const cli_command *command, int argc, char **argv);
int cmd_bench_report(const cli_command *command, int argc, char **argv);

/* The Python of the peers: the one that is named, else MICA_PEER_PYTHON, that of `make peers`, or
 * what the system has. `path` may hold the result. */
const char *bench_python(const char *named, char *path, size_t size);

/* Members of the document: "bench", "schema" and "environment". */
void bench_write_head(mica_json_writer *w, const char *bench, const bench_environment *environment);
/* Members of its "settings": "rounds", "min_time", "seed". */
void bench_write_plan(mica_json_writer *w, const bench_plan *plan);
/* The member "ratio": of the fastest other arm to the first. */
void bench_write_ratio(mica_json_writer *w, const bench_arm *arms, size_t count);

/* The writer's document as a line on standard output; the writer is reset. */
mica_status bench_put_line(mica_json_writer *w, mica_error *err);
mica_status bench_write_file(mica_json_writer *w, const char *path, mica_error *err);

#endif
