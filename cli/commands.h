/* SPDX-License-Identifier: MIT
 *
 * The commands, each in cmd_<name>.c, and the text of its --help.
 */
#ifndef MICA_CLI_COMMANDS_H
#define MICA_CLI_COMMANDS_H

#include "cli.h"

int cmd_embed(const cli_command *command, int argc, char **argv);
int cmd_similarity(const cli_command *command, int argc, char **argv);
int cmd_classify(const cli_command *command, int argc, char **argv);
int cmd_rerank(const cli_command *command, int argc, char **argv);
int cmd_fill_mask(const cli_command *command, int argc, char **argv);
int cmd_tag(const cli_command *command, int argc, char **argv);
int cmd_answer(const cli_command *command, int argc, char **argv);
int cmd_tokenize(const cli_command *command, int argc, char **argv);
int cmd_detokenize(const cli_command *command, int argc, char **argv);
int cmd_forward(const cli_command *command, int argc, char **argv);
int cmd_verify(const cli_command *command, int argc, char **argv);
int cmd_init(const cli_command *command, int argc, char **argv);
int cmd_bench(const cli_command *command, int argc, char **argv);
int cmd_profile(const cli_command *command, int argc, char **argv);
int cmd_pull(const cli_command *command, int argc, char **argv);
int cmd_list(const cli_command *command, int argc, char **argv);
int cmd_show(const cli_command *command, int argc, char **argv);
int cmd_rm(const cli_command *command, int argc, char **argv);
int cmd_verify_cache(const cli_command *command, int argc, char **argv);
int cmd_doctor(const cli_command *command, int argc, char **argv);
int cmd_version(const cli_command *command, int argc, char **argv);

extern const char embed_details[], similarity_details[], classify_details[], rerank_details[],
    fill_mask_details[], tag_details[], answer_details[], tokenize_details[], detokenize_details[],
    forward_details[], verify_details[], init_details[], bench_details[], profile_details[],
    pull_details[], list_details[], show_details[], rm_details[], verify_cache_details[],
    doctor_details[], version_details[];

#endif
