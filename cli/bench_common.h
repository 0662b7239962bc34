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
/* The path of a peer's program, which is in bench/peers or installed. False = it is not there:
 * `path` is where the source tree would have it. */
bool bench_find_peer(const char *file, char *path, size_t size);
/* The path of the text that is used unless another is named. */
bool bench_find_text(char *path, size_t size);
/* Makes a folder for the files of a run, in TMPDIR, and removes those of runs that were killed. A
 * code after telling what is wrong, or -1. */
int bench_make_folder(const cli_command *command, char *path, size_t size);

/* --filter: a regular expression that is found anywhere in a name. */
typedef struct re_pattern_buffer bench_filter;
/* *out is NULL without a text. A code after telling what is wrong with it, or -1. */
int bench_filter_read(const cli_command *command, const char *text, bench_filter **out);
bool bench_filter_takes(bench_filter *filter, const char *name); /* NULL takes every name */
void bench_filter_free(bench_filter **filter);

/* "CPU, system, mica 1.2.3 commit": how a table begins. */
void bench_show_machine(const bench_environment *environment);
/* "   1.23x  1.20-1.26": the column of a ratio, with the interval's level if it is not 95 %. */
void bench_show_ratio(bench_interval ratio);

/* Members of the document: "bench", "schema" and "environment". */
void bench_write_head(mica_json_writer *w, const char *bench, const bench_environment *environment);
/* Members of its "settings": "rounds", "min_time", "seed". */
void bench_write_plan(mica_json_writer *w, const bench_plan *plan);
/* The member "ratio": of the fastest other arm to the first. */
void bench_write_ratio(mica_json_writer *w, const bench_arm *arms, size_t count);

/* --output, before anything is measured: a code after telling that it cannot be written, or -1. */
int bench_check_output(const cli_command *command, const char *output);
/* The writer's document as a line on standard output; the writer is reset. */
mica_status bench_put_line(mica_json_writer *w, mica_error *err);
/* The writer's document into the file `output` (NULL: none), and as a line on standard output if
 * the format is JSON; the writer is reset then. An error of one does not keep it from the other. */
mica_status bench_put_document(mica_json_writer *w, cli_format format, const char *output,
                               mica_error *err);

#endif
