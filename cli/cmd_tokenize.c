/* SPDX-License-Identifier: MIT
 *
 * mica tokenize and mica detokenize.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

const char tokenize_details[] =
    "MODEL is a Hub id (no weights are fetched), a directory with a tokenizer, or a "
    "tokenizer.json. Texts are arguments, lines of "
    "FILE, or lines of\n"
    "standard input. Offsets count code points of the text. Output: text is a token a line; json "
    "is\n"
    "{\"ids\",\"tokens\",\"offsets\"} for one text and a list of these for several; jsonl is one "
    "of these a line.\n"
    "\n"
    "example:\n"
    "  mica tokenize ./all-MiniLM-L6-v2 \"Tokenization, exactly.\" --format json\n";

const char detokenize_details[] =
    "Ids are arguments, or numbers on standard input (spaces, commas and brackets part them). "
    "Output: text is the text; json and jsonl a "
    "JSON string.\n"
    "\n"
    "example:\n"
    "  mica detokenize ./all-MiniLM-L6-v2 101 7592 2088 102 --skip-special-tokens\n";

#define WHICH_TOKENIZER "which model? Give a Hub id (org/name), a directory or a tokenizer.json"

enum { WINDOW_TEXTS = 4096, WINDOW_BYTES = 1 << 20 };

static const char quiet_help[] = "do not show how far fetching is";

/* Of a Hub id no weights are fetched. */
static mica_status tokenizer_open(const char *model, bool quiet, mica_tokenizer **out,
                                  mica_error *err)
{
    char *path = NULL;
    *out = NULL;
    mica_status status = model_directory(model, NULL, quiet, &path, err);
    if (!status)
        status = mica_tokenizer_open(path, out, err);
    free(path);
    return status;
}

typedef struct tokenize {
    const mica_tokenizer *tokenizer;
    mica_encoding *encoding;
    mica_json_writer *writer;
    cli_format format;
    bool all;
    uint64_t written;
} tokenize;

static void put_span(mica_json_writer *w, mica_span span)
{
    mica_json_begin_array(w);
    mica_json_write_int(w, (int64_t)span.begin);
    mica_json_write_int(w, (int64_t)span.end);
    mica_json_end_array(w);
}

static void put_object(const tokenize *t)
{
    mica_json_writer *w = t->writer;
    const mica_encoding *e = t->encoding;
    size_t n = mica_encoding_count(e);
    mica_json_begin_object(w);
    mica_json_write_key(w, "ids");
    mica_json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        mica_json_write_int(w, mica_encoding_ids(e)[i]);
    mica_json_end_array(w);
    mica_json_write_key(w, "tokens");
    mica_json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        size_t size;
        const char *token = mica_encoding_token(e, i, &size);
        mica_json_write_string(w, token, size);
    }
    mica_json_end_array(w);
    mica_json_write_key(w, "offsets");
    mica_json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        put_span(w, mica_encoding_char_spans(e)[i]);
    mica_json_end_array(w);
    if (t->all) {
        mica_json_write_key(w, "byte_offsets");
        mica_json_begin_array(w);
        for (size_t i = 0; i < n; i++)
            put_span(w, mica_encoding_byte_spans(e)[i]);
        mica_json_end_array(w);
        mica_json_write_key(w, "type_ids");
        mica_json_begin_array(w);
        for (size_t i = 0; i < n; i++)
            mica_json_write_int(w, mica_encoding_type_ids(e)[i]);
        mica_json_end_array(w);
        mica_json_write_key(w, "special_tokens_mask");
        mica_json_begin_array(w);
        for (size_t i = 0; i < n; i++)
            mica_json_write_int(w, mica_encoding_special_mask(e)[i]);
        mica_json_end_array(w);
        mica_json_write_key(w, "truncated");
        mica_json_write_bool(w, mica_encoding_truncated(e));
    }
    mica_json_end_object(w);
}

/* A token a line; a blank line between texts. */
static void put_table(const tokenize *t)
{
    const mica_encoding *e = t->encoding;
    if (t->written)
        out_text("\n");
    for (size_t i = 0; i < mica_encoding_count(e); i++) {
        size_t size;
        const char *token = mica_encoding_token(e, i, &size);
        mica_span span = mica_encoding_char_spans(e)[i];
        out_text("%8d  %5zu-%-5zu  ", (int)mica_encoding_ids(e)[i], span.begin, span.end);
        out_write(token, size);
        out_write("\n", 1);
    }
}

static mica_status put_encoding(tokenize *t, bool list, mica_error *err)
{
    mica_status status = MICA_OK;
    if (t->format == FORMAT_TEXT) {
        put_table(t);
    } else {
        if (list)
            out_text(t->written ? ",\n" : "[");
        put_object(t);
        status = out_json(t->writer, err);
        if (t->format == FORMAT_JSONL)
            out_write("\n", 1);
    }
    t->written++;
    return status;
}

static mica_status encode_all(tokenize *t, texts_reader *reader, const mica_text *pair,
                              const mica_encode_options *options, bool *list, mica_error *err)
{
    mica_status status = MICA_OK;
    while (!status && !out_failed() && !interrupted()) {
        const mica_text *texts;
        size_t n;
        status = texts_next(reader, WINDOW_TEXTS, WINDOW_BYTES, &texts, &n, err);
        if (status || n == 0)
            return status;
        if (t->written == 0) /* one text is an object, several are a list of them */
            *list = t->format == FORMAT_JSON && (n > 1 || texts_more(reader));
        for (size_t i = 0; i < n && !status && !out_failed(); i++) {
            status =
                mica_tokenizer_encode(t->tokenizer, texts[i], pair, options, &t->encoding, err);
            if (status) {
                char place[4200], message[sizeof err->message];
                memcpy(message, err->message, sizeof message);
                snprintf(err->message, sizeof err->message, "%.400s: %.600s",
                         texts_place(reader, i, place, sizeof place), message);
                return status;
            }
            status = put_encoding(t, *list, err);
        }
    }
    return status;
}

static bool truncation_read(const cli_command *command, const char *name, mica_truncation *out)
{
    static const char *const names[] = {"longest_first", "only_first", "only_second"};
    for (int i = 0; i < 3; i++) {
        if (!name || strcmp(name, names[i]) == 0) {
            *out = (mica_truncation)i;
            return true;
        }
    }
    usage_error(command, "--truncation is longest_first, only_first or only_second, not '%s'",
                name);
    return false;
}

int cmd_tokenize(const cli_command *command, int argc, char **argv)
{
    const char *file = NULL, *format_name = NULL, *pair = NULL, *truncation = NULL;
    const char *side = NULL;
    bool jsonl = false, no_special = false, split = false, quiet = false;
    int64_t max_length = 0;
    tokenize t = {0};
    const option options[] = {
        {"file", 'f', OPTION_TEXT, &file, "FILE",
         "take texts from FILE, one a line (- is standard input)", 0, 0},
        {"jsonl", 0, OPTION_FLAG, &jsonl, NULL,
         "lines are JSON: a string, or an object with \"text\"", 0, 0},
        {"format", 0, OPTION_TEXT, &format_name, "FORMAT", "text (default), json or jsonl", 0, 0},
        {"pair", 0, OPTION_TEXT, &pair, "TEXT", "second text of a pair", 0, 0},
        {"no-special-tokens", 0, OPTION_FLAG, &no_special, NULL, "add no [CLS], [SEP] and the like",
         0, 0},
        {"split-special-tokens", 0, OPTION_FLAG, &split, NULL,
         "special tokens written in a text are text", 0, 0},
        {"max-length", 0, OPTION_NUMBER, &max_length, "N", "cut to N tokens, special ones counted",
         1, 1 << 30},
        {"truncation", 0, OPTION_TEXT, &truncation, "HOW",
         "longest_first (default), only_first, only_second", 0, 0},
        {"truncation-side", 0, OPTION_TEXT, &side, "SIDE",
         "right (the end of a text is cut) or left (default: as the tokenizer says)", 0, 0},
        {"all", 0, OPTION_FLAG, &t.all, NULL,
         "also byte_offsets, type_ids, special_tokens_mask, truncated", 0, 0},
        {"quiet", 'q', OPTION_FLAG, &quiet, NULL, quiet_help, 0, 0},
    };
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (n < 1)
        return usage_error(command, WHICH_TOKENIZER);
    if (file && n > 1)
        return usage_error(command, "texts come from --file or from arguments, not both ('%s')",
                           argv[2]);
    mica_encode_options encode;
    mica_truncation cut;
    if (!format_read(command, format_name, &t.format) ||
        !truncation_read(command, truncation, &cut))
        return EXIT_USAGE;
    if (side && strcmp(side, "left") != 0 && strcmp(side, "right") != 0)
        return usage_error(command, "--truncation-side is left or right, not '%s'", side);
    mica_error err = {0};
    mica_tokenizer *tokenizer = NULL;
    texts_reader *reader = NULL;
    texts_source source = {n - 1, argv + 2, file, jsonl, NULL};
    mica_text second = {pair, pair ? strlen(pair) : 0};
    bool list = false;
    mica_status status = tokenizer_open(argv[1], quiet, &tokenizer, &err);
    t.tokenizer = tokenizer;
    if (!status) {
        mica_tokenizer_encode_options(tokenizer, &encode);
        encode.add_special_tokens = !no_special;
        encode.max_length = (size_t)max_length;
        encode.truncation = cut;
        encode.truncate_left = side ? strcmp(side, "left") == 0 : encode.truncate_left;
        encode.split_special_tokens |= split;
        interrupt_watch(NULL);
    }
    if (!status)
        status = texts_open(&source, &reader, &err);
    if (!status)
        status = mica_json_writer_create(&t.writer, &err);
    if (!status)
        status = encode_all(&t, reader, pair ? &second : NULL, &encode, &list, &err);
    if (!status && !interrupted() && t.format == FORMAT_JSON)
        out_text(list ? "]" : t.written ? "" : "[]");
    if (t.format == FORMAT_JSON && (!status || t.written))
        out_text("\n");
    code = status && status != MICA_STATUS_CANCELLED ? fail(command, &err)
           : interrupted()                           ? EXIT_INTERRUPTED
                                                     : EXIT_OK;
    mica_encoding_destroy(&t.encoding);
    mica_json_writer_destroy(&t.writer);
    texts_close(&reader);
    mica_tokenizer_destroy(&tokenizer);
    return out_close(command, code);
}

/* ---- detokenize ---- */

typedef struct ids {
    int64_t *data;
    size_t count, room;
} ids;

/* Adds the number in `word`; an exit code, or -1. */
static int add_id(const cli_command *command, ids *list, const char *word)
{
    char *end = NULL;
    errno = 0;
    long long id = strtoll(word, &end, 10);
    if (errno || end == word || *end || id < 0)
        return fail_text(command, MICA_STATUS_INVALID_ARGUMENT, "'%s' is no token id", word);
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 256;
        int64_t *data = realloc(list->data, room * sizeof *data);
        if (!data)
            return fail_text(command, MICA_STATUS_OUT_OF_MEMORY, "out of memory for %zu ids", room);
        list->data = data;
        list->room = room;
    }
    list->data[list->count++] = id;
    return -1;
}

static int read_ids(const cli_command *command, ids *list, int argc, char **argv)
{
    int code = -1;
    if (argc > 0 && !(argc == 1 && strcmp(argv[0], "-") == 0)) {
        for (int i = 0; i < argc && code < 0; i++)
            code = add_id(command, list, argv[i]);
        return code;
    }
    if (argc == 0 && isatty(STDIN_FILENO))
        return usage_error(command, "no ids: give them as arguments, or - for standard input");
    char word[64];
    size_t size = 0;
    int c;
    do { /* words between spaces, commas and brackets: lists of JSON are taken as they are */
        c = getchar();
        bool between = c == EOF || strchr(" \t\r\n,[]", c);
        if (!between && c && size + 1 < sizeof word) {
            word[size++] = (char)c;
            continue;
        }
        word[size] = 0;
        if (!between || size > 0)
            code = between ? add_id(command, list, word)
                           : fail_text(command, MICA_STATUS_INVALID_ARGUMENT,
                                       "'%s...' is no token id", word);
        size = 0;
    } while (code < 0 && c != EOF);
    return code;
}

int cmd_detokenize(const cli_command *command, int argc, char **argv)
{
    const char *format_name = NULL;
    bool skip = false, clean = false, no_clean = false, quiet = false;
    cli_format format;
    const option options[] = {
        {"skip-special-tokens", 's', OPTION_FLAG, &skip, NULL,
         "leave out [CLS], [SEP] and the like", 0, 0},
        {"clean-up", 0, OPTION_FLAG, &clean, NULL, "no spaces before punctuation", 0, 0},
        {"no-clean-up", 0, OPTION_FLAG, &no_clean, NULL,
         "keep spaces (default: as the tokenizer says)", 0, 0},
        {"format", 0, OPTION_TEXT, &format_name, "FORMAT", "text (default), json or jsonl", 0, 0},
        {"quiet", 'q', OPTION_FLAG, &quiet, NULL, quiet_help, 0, 0},
    };
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (n < 1)
        return usage_error(command, WHICH_TOKENIZER);
    if (clean && no_clean)
        return usage_error(command, "--clean-up and --no-clean-up exclude each other");
    if (!format_read(command, format_name, &format))
        return EXIT_USAGE;
    ids list = {0};
    mica_error err = {0};
    mica_tokenizer *tokenizer = NULL;
    mica_json_writer *writer = NULL;
    char *text = NULL;
    size_t size = 0;
    mica_decode_options decode;
    mica_decode_options_defaults(&decode);
    decode.skip_special_tokens = skip;
    decode.clean_up_tokenization_spaces = clean ? 1 : no_clean ? 0 : -1;
    mica_status status = tokenizer_open(argv[1], quiet, &tokenizer, &err);
    code = status ? -1 : read_ids(command, &list, n - 1, argv + 2);
    if (!status && code < 0)
        status =
            mica_tokenizer_decode(tokenizer, list.data, list.count, &decode, &text, &size, &err);
    if (!status && code < 0 && format != FORMAT_TEXT) {
        status = mica_json_writer_create(&writer, &err);
        if (!status) {
            mica_json_write_string(writer, text, size);
            status = out_json(writer, &err);
        }
    } else if (!status && code < 0) {
        out_write(text, size);
    }
    if (!status && code < 0)
        out_write("\n", 1);
    if (code < 0)
        code = status == MICA_STATUS_CANCELLED ? EXIT_INTERRUPTED
               : status                        ? fail(command, &err)
                                               : EXIT_OK;
    free(list.data);
    mica_text_free(&text);
    mica_json_writer_destroy(&writer);
    mica_tokenizer_destroy(&tokenizer);
    return out_close(command, code);
}
