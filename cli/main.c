/* SPDX-License-Identifier: MIT
 *
 * mica: the program. One row a command; each command is a file of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "commands.h"

const cli_command commands[] = {
    {"embed", "turn texts into vectors", "MODEL [TEXT...]", embed_details, cmd_embed},
    {"similarity", "cosines between texts", "MODEL TEXT TEXT...", similarity_details,
     cmd_similarity},
    {"classify", "labels of texts", "MODEL [TEXT...]", classify_details, cmd_classify},
    {"rerank", "documents by how well they answer a query", "MODEL --query QUERY [DOCUMENT...]",
     rerank_details, cmd_rerank},
    {"fill-mask", "tokens for the masks of texts", "MODEL [TEXT...]", fill_mask_details,
     cmd_fill_mask},
    {"tag", "labels of tokens and entities in texts", "MODEL [TEXT...]", tag_details, cmd_tag},
    {"answer", "answers to questions, found in texts",
     "MODEL --question QUESTION [--context CONTEXT | CONTEXT...]", answer_details, cmd_answer},
    {"tokenize", "texts to ids, tokens and offsets", "MODEL [TEXT...]", tokenize_details,
     cmd_tokenize},
    {"detokenize", "ids to text", "MODEL [ID...]", detokenize_details, cmd_detokenize},
    {"forward", "run the bare model on ids", "MODEL --input IN.json -o OUT.safetensors",
     forward_details, cmd_forward},
    {"verify", "compare with stored outputs of the reference", "MODEL --reference REF.safetensors",
     verify_details, cmd_verify},
    {"init", "a checkpoint of random weights from a config.json", "CONFIG -o DIR", init_details,
     cmd_init},
    {"bench", "measurements beside other libraries",
     "models|ops|gemm|tokenizers|report|compare ...", bench_details, cmd_bench},
    {"profile", "where the time of a model goes, by layer and by kernel", "MODEL [TEXT...]",
     profile_details, cmd_profile},
    {"pull", "fetch a model from the Hugging Face Hub", "MODEL", pull_details, cmd_pull},
    {"list", "the models in the cache", "", list_details, cmd_list},
    {"show", "what a model is, and what mica would do with it", "MODEL", show_details, cmd_show},
    {"rm", "remove a model from the cache", "MODEL", rm_details, cmd_rm},
    {"verify-cache", "compare the checksums of what is in the cache", "[MODEL]",
     verify_cache_details, cmd_verify_cache},
    {"doctor", "what this machine has and what mica would use", "", doctor_details, cmd_doctor},
    {"version", "the version", "", version_details, cmd_version},
};
const size_t command_count = sizeof commands / sizeof commands[0];

/* `put` is out_text or its like for standard error. */
static void overview(void (*put)(const char *format, ...))
{
    put("mica %s: Hugging Face transformer models on the machine in front of you.\n\n"
        "usage: mica COMMAND ...\n\n",
        mica_version());
    for (size_t i = 0; i < command_count; i++)
        put("  %-12s %s\n", commands[i].name, commands[i].summary);
    put("\nA MODEL is the id of one on the Hugging Face Hub (org/name, org/name@revision), which "
        "is "
        "fetched once,\nor a directory in Hugging Face layout. Every command has --help, with an "
        "example:\n\n  mica embed --help\n  mica embed BAAI/bge-small-en-v1.5 \"A text.\"\n");
}

/* How many single-character edits lead from a to b (both short). */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(b), row[64];
    if (n >= 64)
        return 64;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= n; j++) {
            size_t replace = corner + (a[i] != b[j - 1]);
            corner = row[j];
            size_t insert = row[j - 1] + 1, remove = row[j] + 1;
            row[j] = replace < insert ? replace : insert;
            row[j] = row[j] < remove ? row[j] : remove;
        }
    }
    return row[n];
}

static const cli_command *find(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *nearest = NULL;
    size_t best = 4;
    for (size_t i = 0; i < command_count; i++) {
        size_t d = distance(name, commands[i].name);
        if (d < best) {
            best = d;
            nearest = commands[i].name;
        }
    }
    fprintf(stderr, "mica: '%.100s' is no command", name);
    if (nearest)
        fprintf(stderr, "; did you mean '%s'?", nearest);
    fprintf(stderr, "\nTry 'mica --help'.\n");
    return EXIT_USAGE;
}

static void error_text(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
}

/* A stream that the caller closed must not become the number of a file that is opened later: it
 * gets a descriptor on which its use fails. */
static void keep_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    keep_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of the write that meets it */
    signal(SIGXFSZ, SIG_IGN); /* so is a file at its limit */
    if (argc < 2) {
        overview(error_text);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0)
        name = "version";
    if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        bool named = argc > 2 && argv[2][0] != '-' && strcmp(argv[2], "help") != 0;
        const cli_command *about = named ? find(argv[2]) : NULL;
        if (named && !about)
            return unknown(argv[2]);
        if (about) {
            char *help[] = {argv[2], (char *)"--help", NULL};
            return about->run(about, 2, help);
        }
        overview(out_text);
        return out_close(NULL, EXIT_OK);
    }
    const cli_command *command = find(name);
    if (!command)
        return unknown(name);
    return command->run(command, argc - 1, argv + 1);
}
