/* SPDX-License-Identifier: MIT
 *
 * A command that reads texts, computes something for each, and prints the results in order: what
 * embed, classify, fill-mask and their like share. Texts are read, computed and printed a window at
 * a time, so that a corpus of any length passes through bounded memory.
 */
#ifndef MICA_CLI_STREAM_H
#define MICA_CLI_STREAM_H

#include "cli.h"

/* The options that these commands share. */
typedef struct stream_options {
    const char *file, *format_name;
    bool jsonl, no_truncate, quiet;
    int64_t max_length, batch_tokens;
    engine_options engine;
} stream_options;
enum { STREAM_OPTIONS = 7 + ENGINE_OPTIONS };
/* Writes their rows to `rows`; returns how many. `lines` says what lines are with --jsonl, `length`
 * what --max-length does; NULL: there is neither it nor --no-truncate. */
size_t stream_option_rows(stream_options *options, const char *lines, const char *length,
                          option *rows);
extern const char stream_cut[]; /* "cut texts to N tokens" */

typedef struct stream stream;
struct stream {
    /* Of the command. */
    const cli_command *command;
    const char *model;        /* as model_directory takes it */
    const texts_shape *shape; /* of JSON lines; NULL: texts only */
    void *user;
    /* Once the model is open, before any text; may be NULL. */
    mica_status (*prepare)(stream *s, mica_error *err);
    /* Computes the first n texts of the window. Errors begin with "text K". */
    mica_status (*compute)(stream *s, const mica_text *texts, size_t n, mica_error *err);
    /* Writes the result of text i of the window: one JSON value into the writer, or text to
     * standard output. Counts truncated texts and tokens. */
    mica_status (*put)(stream *s, size_t i, mica_error *err);
    /* The head of a JSON document around the list of results, NULL: the document is the list, or
     * the result itself if there is one text. What the document then ends with. */
    mica_status (*head)(stream *s, mica_error *err);
    const char *tail;
    /* Of the stream. */
    cli_format format;
    engine engine;
    texts_reader *reader;
    mica_json_writer *writer;
    uint64_t written, truncated, tokens;
    bool begun; /* something of a JSON document is written */
    bool list;
};

/* Whether the texts, each with `beside` bytes more, are so few that one batch takes them all: the
 * model is then run once. */
bool stream_is_short(const stream_options *options, int argc, char **argv, size_t beside);

/* Runs the command on `argc` texts (or the file, or standard input), closes everything; returns the
 * exit code. */
int stream_run(stream *s, const stream_options *options, int argc, char **argv);

#endif
