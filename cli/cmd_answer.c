/* SPDX-License-Identifier: MIT
 *
 * mica answer.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "stream.h"

const char answer_details[] =
    "Where a context answers a question, as the question-answering pipeline of transformers finds "
    "it. "
    "With\n"
    "--question the contexts are --context, or else arguments, the lines of FILE, or the lines of "
    "standard input\n"
    "(\"-\", or nothing at all); with --context alone these are the questions; without both, "
    "--jsonl "
    "takes questions\n"
    "with their contexts, one a line. Results keep the order. A context that is longer than the "
    "model "
    "takes is read\n"
    "in windows that overlap.\n"
    "\n"
    "Output: text is a line for each answer; json is {\"score\",\"start\",\"end\",\"answer\"}, a "
    "list "
    "of these if there\n"
    "are several answers or none, and for several texts a list of what each gives; jsonl is a text "
    "a "
    "line. Offsets\n"
    "count characters of the context.\n"
    "\n"
    "examples:\n"
    "  mica answer ./roberta-base-squad2 --question \"Who lives there?\" --context \"Ann lives "
    "there.\"\n"
    "  mica answer ./roberta-base-squad2 --question \"Who?\" --file articles.txt --top-k 3 "
    "--format "
    "jsonl\n"
    "  echo '{\"question\": \"Who?\", \"context\": \"Ann did it.\"}' | mica answer "
    "./roberta-base-squad2 --jsonl\n";

static const char lines_help[] =
    "lines are JSON: objects with \"question\" and \"context\"; with --question or --context "
    "strings, or objects with the other one";
static const texts_shape pairs = {"question", "context", false, true};
static const texts_shape contexts = {"context", NULL, false, false};
static const texts_shape questions = {"question", NULL, false, false};

typedef struct answering {
    stream_options common;
    const char *question, *context; /* as given */
    int64_t top_k, longest, window, question_length;
    mica_answer_options options;
    mica_extracts *extracts;
    mica_text *others; /* of a window: what goes with its texts */
    size_t room;
} answering;

static int read_settings(const cli_command *command, answering *a, int argc, char **argv, int *n)
{
    enum { OWN = 9 };
    memset(a, 0, sizeof *a);
    mica_answer_options_defaults(&a->options);
    a->top_k = 1;
    a->longest = (int64_t)a->options.max_answer_len;
    option options[OWN + STREAM_OPTIONS] = {
        {"question", 0, OPTION_TEXT, &a->question, "TEXT", "what is asked", 0, 0},
        {"context", 0, OPTION_TEXT, &a->context, "TEXT", "where the answer may be", 0, 0},
        {"top-k", 'k', OPTION_NUMBER, &a->top_k, "N", "print the N best answers (default 1)", 1,
         1 << 24},
        {"max-answer-len", 0, OPTION_NUMBER, &a->longest, "N",
         "tokens that an answer may have (default 15)", 1, 1 << 24},
        {"max-seq-len", 0, OPTION_NUMBER, &a->window, "N",
         "tokens of a window: question and context (default: what the model takes, at most 384)", 1,
         1 << 24},
        {"doc-stride", 0, OPTION_NUMBER, &a->options.doc_stride, "N",
         "tokens of the context that neighbouring windows share (default: half a window, at most "
         "128)",
         0, 1 << 24},
        {"max-question-len", 0, OPTION_NUMBER, &a->question_length, "N",
         "cut questions to N tokens (default: never)", 1, 1 << 24},
        {"handle-impossible-answer", 0, OPTION_FLAG, &a->options.handle_impossible_answer, NULL,
         "an empty answer says that there is none", 0, 0},
        {"no-align-to-words", 0, OPTION_FLAG, &a->options.no_align_to_words, NULL,
         "answers may begin and end inside words", 0, 0},
    };
    size_t count = OWN + stream_option_rows(&a->common, lines_help, NULL, options + OWN);
    int code = options_read(command, options, count, argc, argv, n);
    if (code >= 0)
        return code;
    if (*n < 1)
        return usage_error(command, WHICH_MODEL);
    if (a->question && a->context && (*n > 1 || a->common.file))
        return usage_error(command, "--question and --context leave no place for '%s'",
                           *n > 1 ? argv[2] : a->common.file);
    if (!a->question && !a->context && !a->common.jsonl)
        return usage_error(
            command, "which question? Give --question, or questions and contexts with --jsonl");
    a->options.top_k = (size_t)a->top_k;
    a->options.max_answer_len = (size_t)a->longest;
    a->options.max_seq_len = (size_t)a->window;
    a->options.max_question_len = (size_t)a->question_length;
    a->options.batch_tokens = (size_t)a->common.batch_tokens;
    return -1;
}

static mica_status answer(stream *s, const mica_text *texts, size_t n, mica_error *err)
{
    answering *a = s->user;
    const char *given = a->question ? a->question : a->context;
    if (n > a->room) {
        mica_text *grown = realloc(a->others, n * sizeof *grown);
        if (!grown) {
            err->status = MICA_STATUS_OUT_OF_MEMORY;
            snprintf(err->message, sizeof err->message, "out of memory for %zu texts", n);
            return err->status;
        }
        a->others = grown;
        a->room = n;
    }
    for (size_t i = 0; i < n; i++) {
        size_t count;
        const mica_text *beside = given ? NULL : texts_beside(s->reader, i, &count);
        a->others[i] = beside ? beside[0] : (mica_text){given, strlen(given)};
    }
    return mica_answer(s->engine.session, a->question ? a->others : texts,
                       a->question ? texts : a->others, n, &a->options, &a->extracts, err);
}

static void write_extract(mica_json_writer *w, const mica_extract *extract)
{
    mica_json_begin_object(w);
    mica_json_write_key(w, "score");
    mica_json_write_float(w, extract->score);
    mica_json_write_key(w, "start");
    mica_json_write_int(w, (int64_t)extract->chars.begin);
    mica_json_write_key(w, "end");
    mica_json_write_int(w, (int64_t)extract->chars.end);
    mica_json_write_key(w, "answer");
    mica_json_write_string(w, extract->answer.data, extract->answer.size);
    mica_json_end_object(w);
}

static mica_status put_answers(stream *s, size_t i, mica_error *err)
{
    const answering *a = s->user;
    const mica_extracts *extracts = a->extracts;
    size_t count;
    const mica_extract *list = mica_extracts_get(extracts, i, &count);
    s->tokens += mica_extracts_tokens(extracts, i);
    if (s->format == FORMAT_TEXT) {
        if (s->written > 0 && a->top_k > 1)
            out_write("\n", 1);
        for (size_t k = 0; k < count; k++) {
            out_text("%.4f  %6zu %6zu  ", list[k].score, list[k].chars.begin, list[k].chars.end);
            out_label(&list[k].answer, 80);
            out_write("\n", 1);
        }
        return MICA_OK;
    }
    if (count != 1)
        mica_json_begin_array(s->writer);
    for (size_t k = 0; k < count; k++)
        write_extract(s->writer, &list[k]);
    if (count != 1)
        mica_json_end_array(s->writer);
    return MICA_OK;
}

int cmd_answer(const cli_command *command, int argc, char **argv)
{
    answering a;
    int n, code = read_settings(command, &a, argc, argv, &n);
    if (code >= 0)
        return code;
    stream s = {.command = command,
                .model = argv[1],
                .shape = a.question  ? &contexts
                         : a.context ? &questions
                                     : &pairs,
                .user = &a,
                .compute = answer,
                .put = put_answers};
    if (a.question && a.context)
        code = stream_run(&s, &a.common, 1, &(char *){(char *)a.context});
    else
        code = stream_run(&s, &a.common, n - 1, argv + 2);
    mica_extracts_destroy(&a.extracts);
    free(a.others);
    return code;
}
