/* SPDX-License-Identifier: MIT
 *
 * What the commands of the program share: options, texts in, results out, progress, errors.
 *
 * Results go to standard output through out_*, which see a full disk or a closed pipe; everything
 * else goes to standard error.
 */
#ifndef MICA_CLI_H
#define MICA_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mica/mica.h"

/* Exit codes beside those of mica_status_exit_code (include/mica/status.def). */
enum {
    EXIT_OK = 0,
    EXIT_FAILURE_CODE = 1,
    EXIT_USAGE = 2,
    EXIT_REGRESSION = 10, /* bench compare: something became slower, or wrong */
    EXIT_INTERRUPTED = 130
};

/* ---- options ----------------------------------------------------------------------------------
 */

typedef enum option_kind {
    OPTION_FLAG,   /* bool *: set to true */
    OPTION_TEXT,   /* const char ** */
    OPTION_TEXTS,  /* option_texts *: it may be given several times */
    OPTION_NUMBER, /* int64_t *: min..max */
    OPTION_REAL,   /* double *: at least min */
    OPTION_DTYPE   /* mica_precision * */
} option_kind;

enum { OPTION_TEXTS_MAX = 64 };
typedef struct option_texts {
    const char *items[OPTION_TEXTS_MAX];
    size_t count;
} option_texts;

typedef struct option {
    const char *name; /* "file": --file */
    char letter;      /* 'f': -f; 0 = none */
    option_kind kind;
    void *target;
    const char *value; /* the value's name in help: "FILE" */
    const char *help;
    int64_t min, max;
} option;

typedef struct cli_command {
    const char *name;
    const char *summary; /* one line */
    const char *usage;   /* "MODEL [TEXT...]" */
    const char *details; /* paragraphs after the options, with an example */
    int (*run)(const struct cli_command *command, int argc, char **argv);
} cli_command;

extern const cli_command commands[];
extern const size_t command_count;

/* Reads the options of `argv` (from argv[1]); what is no option is moved to the front of argv[1..]
 * and counted in *positional. Returns -1 to go on, or an exit code (help shown, or a usage error
 * told). */
int options_read(const cli_command *command, const option *options, size_t count, int argc,
                 char **argv, int *positional);
/* Tells a usage error and where help is; returns EXIT_USAGE. */
int usage_error(const cli_command *command, const char *format, ...);

/* ---- errors -----------------------------------------------------------------------------------
 */

/* "mica: embed: text"; returns the exit code of the error's status. */
int fail(const cli_command *command, const mica_error *err);
/* The same for a mistake that is not the library's. */
int fail_text(const cli_command *command, mica_status status, const char *format, ...);

/* ---- output -----------------------------------------------------------------------------------
 */

typedef enum cli_format { FORMAT_TEXT, FORMAT_JSON, FORMAT_JSONL } cli_format;
/* Reads --format; false after telling what is wrong. NULL is text. */
bool format_read(const cli_command *command, const char *name, cli_format *out);

void out_write(const void *data, size_t size);
void out_text(const char *format, ...);
/* The start of a text on one line, `width` columns wide; control characters become spaces. */
void out_label(const mica_text *text, size_t width);
/* The writer's text, then the writer is reset. */
mica_status out_json(mica_json_writer *writer, mica_error *err);
bool out_failed(void); /* nobody can read any more, or the disk is full: stop */
/* A text and a newline; control characters become spaces. */
void out_line(const char *text);
void out_flush(void);
/* Flushes. Tells an error (but not a closed pipe: the reader wanted no more) and returns the exit
 * code: `code` if all is well. `command` may be NULL. */
int out_close(const cli_command *command, int code);

/* ---- texts for people, and members of JSON objects ----------------------------------------------
 */

/* A text from a file or another program, safe to print, what cannot be as \xNN:
 * out_text("%s", printable(text).text). The end of a long one is cut off. */
typedef struct printable_text {
    char text[1024];
} printable_text;
printable_text printable(const char *text);
/* Columns that a terminal gives a text. */
size_t text_columns(const char *text);
/* A text in exactly `width` columns: filled with spaces, or its end with ".." in place of what goes
 * before; control characters become spaces. Returns the bytes in `out`, which ends with a NUL. */
size_t fit_text(const char *text, size_t width, char *out, size_t room);
/* "743 B", "127.3 MB": as the Hub's pages give sizes; "?" if it is negative. */
void size_text(int64_t bytes, char *text, size_t size);

void write_count(mica_json_writer *w, int64_t number); /* negative: null */

/* ---- texts in ---------------------------------------------------------------------------------
 */

/* What the lines hold with --jsonl: a string, or an object with these keys. */
typedef struct texts_shape {
    const char *first;  /* the key of the text: "text" */
    const char *second; /* of what goes with it ("text_pair"); NULL = nothing does */
    bool list;          /* that is a list of texts ("documents") */
    bool both;          /* no string: an object with both keys */
} texts_shape;

typedef struct texts_source {
    int argc; /* texts given as arguments */
    char **argv;
    const char *file;         /* --file, "-" = standard input, NULL = none */
    bool jsonl;               /* lines are JSON */
    const texts_shape *shape; /* NULL: "text" and nothing else */
} texts_source;

typedef struct texts_reader texts_reader;
/* Arguments are texts, "-" alone is standard input; no argument and no file: standard input, but
 * a terminal there is INVALID_ARGUMENT: nobody was told to type. */
mica_status texts_open(const texts_source *source, texts_reader **out, mica_error *err);
/* The file of a source, "-" for standard input; NULL: its texts are arguments. */
const char *texts_file(const texts_source *source);
/* The bytes of such a file where it is known that no more will come: of a file on a disk, or of a
 * pipe that nobody holds open to write; else UINT64_MAX. */
uint64_t texts_bytes(const char *file);
void texts_close(texts_reader **reader);
/* The next window of texts: at most `count` and about `bytes` bytes. *n is 0 at the end. They are
 * valid until the next call. */
mica_status texts_next(texts_reader *reader, size_t count, size_t bytes, const mica_text **out,
                       size_t *n, mica_error *err);
/* What goes with text i of the last window under the second key of its shape: *n texts, valid until
 * the next call. */
const mica_text *texts_beside(const texts_reader *reader, size_t i, size_t *n);
/* Where text i of the last window stands: "line 3 of corpus.txt", or "text 3". */
const char *texts_place(const texts_reader *reader, size_t i, char *buffer, size_t size);
/* The library counts the texts of one call from 0. If `err` speaks of one of the n texts of the
 * last window, its place is put there instead, *at gets its index and true is returned. */
bool texts_explain(const texts_reader *reader, size_t n, mica_error *err, size_t *at);
/* Whether anything comes after the last window. */
bool texts_more(texts_reader *reader);
/* Bytes read so far, and in all (0 = not known). */
void texts_position(const texts_reader *reader, uint64_t *done, uint64_t *total);
/* All texts of a source, for commands that need them together. Freed by texts_close. */
mica_status texts_all(texts_reader *reader, const mica_text **out, size_t *n, mica_error *err);

/* ---- progress and interrupts --------------------------------------------------------------------
 */

typedef struct progress {
    bool on;
    double started, shown;
    const char *what;
    double first_share, first_shown; /* the share that was shown first, or -1, and when */
} progress;
/* Whether a display makes sense: standard error is a terminal that can move its cursor. */
bool progress_wanted(bool quiet);
/* Counts items, which are called `what`; NULL: shows the share alone. */
void progress_start(progress *p, const char *what, bool quiet);
void progress_show(progress *p, uint64_t done, uint64_t total, uint64_t items);
void progress_erase(const progress *p); /* until the next show: to write something else */
void progress_end(progress *p);
double progress_seconds(const progress *p); /* since the start, more than 0 */
double seconds_now(void);                   /* of a clock that only goes forward */

/* From here on Ctrl-C is seen by interrupted(), and makes the context (if not NULL) cancel what it
 * does; a second one ends the program. interrupt_forget: before the context goes. */
void interrupt_watch(mica_context *context);
/* The same for the Hub's client; NULL: before it goes. */
void interrupt_watch_hub(mica_hub *hub);
void interrupt_forget(void);
bool interrupted(void);

/* ---- models -------------------------------------------------------------------------------------
 */

#define WHICH_MODEL "which model? Give a Hub id (org/name) or a directory"

/* A model argument to a directory (or file), freed with free(): what is there under this name, else
 * a Hub id, which is fetched if the cache does not have it. Without a context the weights are not
 * needed; with one, what mica cannot run is refused before they are fetched. CANCELLED has told how
 * to go on. */
mica_status model_directory(const char *model, mica_context *context, bool quiet, char **out,
                            mica_error *err);

/* Log lines on standard error: information only if a context was opened `verbose`. */
void log_line(void *user, mica_log_severity severity, const char *line);
mica_status context_open(mica_context **out, int64_t threads, bool verbose, mica_error *err);

typedef struct engine {
    bool quiet;      /* set before it is opened: do not show how far fetching is */
    char *directory; /* where the model is */
    mica_context *context;
    mica_model *model;
    mica_session *session;
} engine;
/* What every command that computes lets the user choose; zeros are the defaults. */
typedef struct engine_options {
    int64_t threads;
    bool verbose, packed_cache;
    bool once; /* no row: the command knows that the model is run once */
    mica_precision dtype;
} engine_options;
/* Their rows of options. */
enum { ENGINE_OPTIONS = 4 };
void engine_option_rows(engine_options *options, option *rows);
/* Context, model (as model_directory takes it) and session. */
mica_status engine_open(engine *e, const char *model, const engine_options *options,
                        mica_error *err);
void engine_close(engine *e);

#endif
