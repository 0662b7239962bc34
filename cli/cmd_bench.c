/* SPDX-License-Identifier: MIT
 *
 * mica bench: which measurement.
 */
#include <string.h>

#include "bench_common.h"
#include "commands.h"

const char bench_details[] =
    "  models       encoders, beside every framework that is there\n"
    "  ops          the array operations, beside PyTorch's and MLX's\n"
    "  gemm         the linear layers of encoders, beside what the machine can do at most\n"
    "  tokenizers   encoding and loading, beside Hugging Face's library `tokenizers`\n"
    "  report       results as tables and figures, with the paper's published ones\n"
    "  compare      two results: what became slower\n\n"
    "Every sub-command has --help.\n\n"
    "example:\n  mica bench ops --filter '^(Softmax|Sort)' --output today.json\n";

static const cli_command parts[] = {
    {"bench models", "encoders beside other frameworks", "", bench_models_details,
     cmd_bench_models},
    {"bench ops", "array operations beside PyTorch's and MLX's", "", bench_ops_details,
     cmd_bench_ops},
    {"bench gemm", "the linear layers of encoders, beside the machine's peaks", "",
     bench_gemm_details, cmd_bench_gemm},
    {"bench tokenizers", "tokenizers beside Hugging Face's", "[TOKENIZER.json|DIR...]",
     bench_tokenizers_details, cmd_bench_tokenizers},
    {"bench report", "results as tables and figures", "RESULT...", bench_report_details,
     cmd_bench_report},
    {"bench compare", "what changed between two results", "BEFORE.json AFTER.json",
     bench_compare_details, cmd_bench_compare},
    {"bench worker", "mica as an arm of `bench models`", "", "", cmd_bench_worker}, /* not listed */
};

int cmd_bench(const cli_command *command, int argc, char **argv)
{
    int n;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && argc > 1; i++)
        if (strcmp(argv[1], parts[i].name + strlen("bench ")) == 0)
            return parts[i].run(&parts[i], argc - 1, argv + 1);
    int code = options_read(command, NULL, 0, argc, argv, &n);
    if (code >= 0)
        return code;
    return n < 1 ? usage_error(command, "which benchmark?")
                 : usage_error(command, "'%.100s' is no benchmark", argv[1]);
}
