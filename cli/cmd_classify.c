/* SPDX-License-Identifier: MIT
 *
 * mica classify.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "stream.h"

const char classify_details[] =
    "The labels of each text with their scores, best first, as the text-classification pipeline of "
    "transformers\n"
    "gives them. Texts are arguments, the lines of FILE, or the lines of standard input (\"-\", or "
    "no text at\n"
    "all); results keep their order.\n"
    "\n"
    "Output: text is a line for each text; json is [{\"label\",\"score\"}], for several texts a "
    "list of these;\n"
    "jsonl is one of these a line.\n"
    "\n"
    "examples:\n"
    "  mica classify ./sentiment \"What a lovely day.\" --all\n"
    "  mica classify ./nli \"A man sleeps.\" --text-pair \"Nobody is awake.\" --format json\n"
    "  echo '{\"text\": \"A man sleeps.\", \"text_pair\": \"Nobody is awake.\"}' | mica classify "
    "./nli --jsonl\n";

static const char lines_help[] =
    "lines are JSON: a string, or an object with \"text\" and perhaps \"text_pair\"";
static const texts_shape shape = {"text", "text_pair", false, false};

typedef struct classifying {
    stream_options common;
    const char *function, *pair;
    bool all;
    int64_t top_k;
    mica_classify_options options;
    mica_classes *classes;
    mica_text *seconds; /* of a window */
    size_t room;
} classifying;

static bool read_function(const cli_command *command, classifying *c)
{
    static const char *const names[] = {"default", "softmax", "sigmoid", "none"};
    for (int i = 0; i < 4; i++) {
        if (!c->function || strcmp(c->function, names[i]) == 0) {
            c->options.function = (mica_score_function)i;
            return true;
        }
    }
    usage_error(command, "--function is default, softmax, sigmoid or none, not '%s'", c->function);
    return false;
}

static int read_settings(const cli_command *command, classifying *c, int argc, char **argv, int *n)
{
    enum { OWN = 4 };
    memset(c, 0, sizeof *c);
    c->top_k = 1;
    mica_classify_options_defaults(&c->options);
    option options[OWN + STREAM_OPTIONS] = {
        {"top-k", 'k', OPTION_NUMBER, &c->top_k, "N", "print the N best labels (default 1)", 1,
         1 << 24},
        {"all", 'a', OPTION_FLAG, &c->all, NULL, "print all labels", 0, 0},
        {"function", 0, OPTION_TEXT, &c->function, "NAME",
         "softmax, sigmoid or none (the logits); default: as the checkpoint asks", 0, 0},
        {"text-pair", 0, OPTION_TEXT, &c->pair, "TEXT", "read every text together with TEXT", 0, 0},
    };
    size_t count = OWN + stream_option_rows(&c->common, lines_help, stream_cut, options + OWN);
    int code = options_read(command, options, count, argc, argv, n);
    if (code >= 0)
        return code;
    if (*n < 1)
        return usage_error(command, WHICH_MODEL);
    if (!read_function(command, c))
        return EXIT_USAGE;
    c->options.top_k = c->all ? 0 : (size_t)c->top_k;
    c->options.no_truncate = c->common.no_truncate;
    c->options.max_length = (size_t)c->common.max_length;
    c->options.batch_tokens = (size_t)c->common.batch_tokens;
    return -1;
}

static mica_status classify(stream *s, const mica_text *texts, size_t n, mica_error *err)
{
    classifying *c = s->user;
    if (n > c->room) {
        mica_text *grown = realloc(c->seconds, n * sizeof *grown);
        if (!grown) {
            err->status = MICA_STATUS_OUT_OF_MEMORY;
            snprintf(err->message, sizeof err->message, "out of memory for %zu texts", n);
            return err->status;
        }
        c->seconds = grown;
        c->room = n;
    }
    for (size_t i = 0; i < n; i++) {
        size_t count;
        const mica_text *beside = texts_beside(s->reader, i, &count);
        c->seconds[i] = (mica_text){c->pair, c->pair ? strlen(c->pair) : 0};
        if (beside)
            c->seconds[i] = beside[0];
    }
    return mica_classify(s->engine.session, texts, c->seconds, n, &c->options, &c->classes, err);
}

static mica_status put_classes(stream *s, size_t i, mica_error *err)
{
    const mica_classes *classes = ((classifying *)s->user)->classes;
    mica_json_writer *w = s->writer;
    size_t count;
    const mica_class *list = mica_classes_get(classes, i, &count);
    s->truncated += mica_classes_truncated(classes, i);
    s->tokens += mica_classes_tokens(classes, i);
    if (s->format == FORMAT_TEXT) {
        for (size_t k = 0; k < count; k++)
            out_text("%s%s %.4f", k ? "\t" : "", list[k].label, list[k].score);
        out_write("\n", 1);
        return MICA_OK;
    }
    mica_json_begin_array(w);
    for (size_t k = 0; k < count; k++) {
        mica_json_begin_object(w);
        mica_json_write_key(w, "label");
        mica_json_write_text(w, list[k].label);
        mica_json_write_key(w, "score");
        mica_json_write_float(w, list[k].score);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
    return MICA_OK;
}

int cmd_classify(const cli_command *command, int argc, char **argv)
{
    classifying c;
    int n, code = read_settings(command, &c, argc, argv, &n);
    if (code >= 0)
        return code;
    stream s = {.command = command,
                .model = argv[1],
                .shape = &shape,
                .user = &c,
                .compute = classify,
                .put = put_classes};
    code = stream_run(&s, &c.common, n - 1, argv + 2);
    mica_classes_destroy(&c.classes);
    free(c.seconds);
    return code;
}
