/* SPDX-License-Identifier: MIT
 *
 * mica embed and mica similarity.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"

const char embed_details[] =
    "Texts are arguments, the lines of FILE, or the lines of standard input (\"-\", or no text at "
    "all).\n"
    "A corpus of any length streams through in bounded memory; results keep the order of the "
    "texts.\n"
    "\n"
    "Output: text is a line of numbers for each text; json is one document\n"
    "{\"model\",\"pooling\",\"normalized\",\"data\":[{\"index\",\"tokens\",\"truncated\","
    "\"embedding\"}]};\n"
    "jsonl is one entry of data a line.\n"
    "\n"
    "examples:\n"
    "  mica embed ./all-MiniLM-L6-v2 \"A first text.\" \"A second one.\" --format json\n"
    "  mica embed ./all-MiniLM-L6-v2 --file corpus.txt --format jsonl > vectors.jsonl\n"
    "  printf '\"one\\\\nwith a newline\"\\n' | mica embed ./all-MiniLM-L6-v2 --jsonl -\n";

const char similarity_details[] =
    "The matrix of cosines between the embeddings of all texts. Output: text is a table; json and "
    "jsonl are\n"
    "the matrix, a list of rows.\n"
    "\n"
    "example:\n"
    "  mica similarity ./all-MiniLM-L6-v2 \"A cat sleeps.\" \"A kitten naps.\" \"Stocks fell.\"\n";

/* A window of texts is what is read, embedded and printed at a time: as many as take about half a
 * second, so that results, progress and Ctrl-C do not wait long, yet enough to fill batches. (No
 * vector depends on its window.) */
enum { FIRST_TEXTS = 64, MOST_TEXTS = 1024, WINDOW_BYTES = 256 << 10 };

typedef struct settings {
    const char *file, *format_name;
    bool jsonl, normalize, no_normalize, quiet, verbose;
    int64_t threads, dimensions, max_length, batch_tokens;
    mica_embed_options embed;
} settings;

static int read_settings(const cli_command *command, settings *s, int argc, char **argv, int *n)
{
    memset(s, 0, sizeof *s);
    mica_embed_options_defaults(&s->embed);
    const option options[] = {
        {"file", 'f', OPTION_TEXT, &s->file, "FILE",
         "take texts from FILE, one a line (- is standard input)", 0, 0},
        {"jsonl", 0, OPTION_FLAG, &s->jsonl, NULL,
         "lines are JSON: a string, or an object with \"text\"", 0, 0},
        {"format", 0, OPTION_TEXT, &s->format_name, "FORMAT", "text (default), json or jsonl", 0,
         0},
        {"pooling", 0, OPTION_TEXT, &s->embed.pooling, "MODE",
         "cls, mean, max, mean_sqrt_len, weightedmean, lasttoken, or several joined by +", 0, 0},
        {"normalize", 0, OPTION_FLAG, &s->normalize, NULL, "scale vectors to length 1", 0, 0},
        {"no-normalize", 0, OPTION_FLAG, &s->no_normalize, NULL,
         "leave out the model's normalizing", 0, 0},
        {"prompt-name", 0, OPTION_TEXT, &s->embed.prompt_name, "NAME",
         "use this prompt of the model", 0, 0},
        {"prompt", 0, OPTION_TEXT, &s->embed.prompt, "TEXT", "put TEXT in front of every text", 0,
         0},
        {"dimensions", 0, OPTION_NUMBER, &s->dimensions, "N",
         "keep the first N numbers of a vector", 1, 1 << 24},
        {"max-length", 0, OPTION_NUMBER, &s->max_length, "N", "cut texts to N tokens", 1, 1 << 24},
        {"no-truncate", 0, OPTION_FLAG, &s->embed.no_truncate, NULL,
         "a text that is too long is an error", 0, 0},
        {"batch-tokens", 0, OPTION_NUMBER, &s->batch_tokens, "N",
         "tokens computed at once (changes no result)", 1, 1 << 24},
        {"threads", 't', OPTION_NUMBER, &s->threads, "N",
         "threads to use (default: all that are allowed)", 1, 1024},
        {"quiet", 'q', OPTION_FLAG, &s->quiet, NULL, "no progress, no warnings about cut texts", 0,
         0},
        {"verbose", 'v', OPTION_FLAG, &s->verbose, NULL, "say what is used", 0, 0},
    };
    int code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, n);
    if (code >= 0)
        return code;
    if (s->normalize && s->no_normalize)
        return usage_error(command, "--normalize and --no-normalize exclude each other");
    if (*n < 1)
        return usage_error(command, "which model? Give a directory");
    if (s->file && *n > 1)
        return usage_error(command, "texts come from --file or from arguments, not both ('%s')",
                           argv[2]);
    s->embed.normalize = s->normalize ? 1 : s->no_normalize ? 0 : -1;
    s->embed.dimensions = (size_t)s->dimensions;
    s->embed.max_length = (size_t)s->max_length;
    s->embed.batch_tokens = (size_t)s->batch_tokens;
    return -1;
}

/* The state of an embedding run over a stream of texts. */
typedef struct stream {
    const cli_command *command;
    const char *model;
    cli_format format;
    engine engine;
    texts_reader *reader;
    mica_json_writer *writer;
    mica_embeddings *embeddings;
    uint64_t written, truncated, tokens;
    bool begun;
} stream;

static void write_entry(stream *s, size_t i)
{
    mica_json_writer *w = s->writer;
    const float *vector = mica_embeddings_vector(s->embeddings, i);
    size_t dimension = mica_embeddings_dimension(s->embeddings);
    mica_json_begin_object(w);
    mica_json_write_key(w, "index");
    mica_json_write_int(w, (int64_t)s->written);
    mica_json_write_key(w, "tokens");
    mica_json_write_int(w, (int64_t)mica_embeddings_tokens(s->embeddings, i));
    mica_json_write_key(w, "truncated");
    mica_json_write_bool(w, mica_embeddings_truncated(s->embeddings, i));
    mica_json_write_key(w, "embedding");
    mica_json_begin_array(w);
    for (size_t k = 0; k < dimension; k++)
        mica_json_write_float(w, vector[k]);
    mica_json_end_array(w);
    mica_json_end_object(w);
}

static mica_status write_vector_line(stream *s, size_t i, mica_error *err)
{
    const float *vector = mica_embeddings_vector(s->embeddings, i);
    mica_status status = MICA_OK;
    for (size_t k = 0; k < mica_embeddings_dimension(s->embeddings) && !status; k++) {
        if (k)
            out_write(" ", 1);
        mica_json_write_float(s->writer, vector[k]);
        status = out_json(s->writer, err);
    }
    out_write("\n", 1);
    return status;
}

/* {"model":..., "pooling":..., "normalized":..., "data":[ */
static mica_status begin_document(stream *s, const char *pooling, bool normalized, mica_error *err)
{
    mica_json_writer *w = s->writer;
    s->begun = true;
    mica_json_begin_object(w);
    mica_json_write_key(w, "model");
    mica_json_write_text(w, s->model);
    mica_json_write_key(w, "pooling");
    mica_json_write_text(w, pooling);
    mica_json_write_key(w, "normalized");
    mica_json_write_bool(w, normalized);
    mica_json_write_key(w, "data");
    mica_status status = out_json(w, err);
    out_write("[", 1);
    return status;
}

static mica_status write_results(stream *s, mica_error *err)
{
    size_t n = mica_embeddings_count(s->embeddings);
    mica_status status = MICA_OK;
    if (s->format == FORMAT_JSON && !s->begun)
        status = begin_document(s, mica_embeddings_pooling(s->embeddings),
                                mica_embeddings_normalized(s->embeddings), err);
    for (size_t i = 0; i < n && !status && !out_failed(); i++) {
        if (s->format == FORMAT_TEXT) {
            status = write_vector_line(s, i, err);
        } else {
            if (s->format == FORMAT_JSON && s->written > 0)
                out_write(",\n", 2);
            write_entry(s, i);
            status = out_json(s->writer, err);
            if (s->format == FORMAT_JSONL)
                out_write("\n", 1);
        }
        s->truncated += mica_embeddings_truncated(s->embeddings, i);
        s->tokens += mica_embeddings_tokens(s->embeddings, i);
        s->written++;
    }
    return status;
}

/* Embeds a window. If a text of it is at fault, those before it still get their results, and the
 * error says where the text stands. */
static mica_status embed_window(stream *s, const mica_text *texts, size_t n,
                                const mica_embed_options *options, mica_error *err)
{
    mica_status fault = MICA_OK;
    size_t good = n;
    while (good > 0) {
        size_t at = 0;
        mica_error own = {MICA_OK, ""};
        mica_status status =
            mica_embed(s->engine.session, texts, good, options, &s->embeddings, &own);
        if (!status) {
            status = write_results(s, &own);
            if (status)
                *err = own;
            return status ? status : fault;
        }
        *err = own;
        fault = status;
        if (!texts_explain(s->reader, good, err, &at))
            return fault;
        good = at;
    }
    return fault;
}

static mica_status run_stream(stream *s, const settings *set, mica_error *err)
{
    progress bar;
    mica_status status = MICA_OK;
    progress_start(&bar, "texts", set->quiet);
    size_t window = FIRST_TEXTS;
    while (!status && !out_failed() && !interrupted()) {
        const mica_text *texts;
        size_t n;
        uint64_t done, total;
        status = texts_next(s->reader, window, WINDOW_BYTES, &texts, &n, err);
        if (status || n == 0)
            break;
        double begun = seconds_now();
        status = embed_window(s, texts, n, &set->embed, err);
        out_flush();
        window = seconds_now() - begun > 0.5 ? window / 2 : window * 2;
        window = window < FIRST_TEXTS ? FIRST_TEXTS : window > MOST_TEXTS ? MOST_TEXTS : window;
        texts_position(s->reader, &done, &total);
        progress_show(&bar, done, total, s->written);
    }
    progress_end(&bar);
    if (set->verbose && s->written > 0) {
        double seconds = progress_seconds(&bar);
        fprintf(stderr, "mica: %llu texts, %llu tokens in %.3f s: %.0f texts/s, %.0f tokens/s\n",
                (unsigned long long)s->written, (unsigned long long)s->tokens, seconds,
                (double)s->written / seconds, (double)s->tokens / seconds);
    }
    return status;
}

static void stream_close(stream *s)
{
    mica_json_writer_destroy(&s->writer);
    mica_embeddings_destroy(&s->embeddings);
    texts_close(&s->reader);
    engine_close(&s->engine);
}

int cmd_embed(const cli_command *command, int argc, char **argv)
{
    settings set;
    stream s = {.command = command};
    mica_error err = {0};
    int n, code = read_settings(command, &set, argc, argv, &n);
    if (code >= 0)
        return code;
    if (!format_read(command, set.format_name, &s.format))
        return EXIT_USAGE;
    s.model = argv[1];
    texts_source source = {n - 1, argv + 2, set.file, set.jsonl};
    mica_status status = engine_open(&s.engine, argv[1], set.threads, set.verbose, &err);
    if (!status)
        status = texts_open(&source, &s.reader, &err);
    if (!status)
        status = mica_json_writer_create(&s.writer, &err);
    if (!status)
        status = run_stream(&s, &set, &err);
    if (!status && s.format == FORMAT_JSON && !interrupted()) {
        if (!s.begun) { /* no texts at all: an empty list, described as the model would have it */
            mica_model_info info;
            mica_model_get_info(s.engine.model, &info);
            status = begin_document(
                &s, info.pooling ? info.pooling : "none",
                set.embed.normalize < 0 ? info.normalize : set.embed.normalize > 0, &err);
        }
        out_write("]}", 2);
    }
    if (s.begun) /* what was written ends as a line, even if the document is cut short */
        out_write("\n", 1);
    if (status && status != MICA_STATUS_CANCELLED)
        code = fail(command, &err);
    else
        code = interrupted() ? EXIT_INTERRUPTED : EXIT_OK;
    if (s.truncated && !set.quiet && code == EXIT_OK)
        fprintf(stderr,
                "mica: %s: %llu of %llu texts were cut to the length that the model takes "
                "(--no-truncate refuses them)\n",
                command->name, (unsigned long long)s.truncated, (unsigned long long)s.written);
    stream_close(&s);
    return out_close(command, code);
}

/* ---- similarity ---- */

/* Columns that a terminal gives a character: nearly all East Asian wide and combining ones. */
static size_t columns_of(uint32_t c)
{
    static const uint32_t wide[][2] = {{0x1100, 0x115f}, {0x2e80, 0xa4cf},   {0xac00, 0xd7a3},
                                       {0xf900, 0xfaff}, {0xfe30, 0xfe6f},   {0xff00, 0xff60},
                                       {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd}};
    if ((c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) || (c >= 0xfe00 && c <= 0xfe0f))
        return 0;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        if (c >= wide[i][0] && c <= wide[i][1])
            return 2;
    return 1;
}

/* The start of a text on one line, `width` columns wide. */
static void put_label(const mica_text *text, size_t width)
{
    size_t used = 0, length;
    for (size_t i = 0; i < text->size; i += length) {
        const unsigned char *s = (const unsigned char *)text->data + i;
        length = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
        if (i + length > text->size)
            break;
        uint32_t c = length == 1 ? s[0] : s[0] & (0xffu >> (length + 1));
        for (size_t k = 1; k < length; k++)
            c = c << 6 | (s[k] & 0x3f);
        size_t columns = columns_of(c);
        if (used + columns > width)
            break;
        if (c < 0x20 || (c >= 0x7f && c < 0xa0)) /* a control character would act on the terminal */
            out_write(" ", 1);
        else
            out_write(s, length);
        used += columns;
    }
    for (; used < width; used++)
        out_write(" ", 1);
}

static mica_status put_matrix(stream *s, const mica_text *texts, size_t n, mica_error *err)
{
    size_t dimension = mica_embeddings_dimension(s->embeddings);
    mica_json_writer *w = s->writer;
    if (s->format == FORMAT_TEXT) {
        out_text("%30s", n ? "" : "no texts");
        for (size_t j = 0; j < n; j++)
            out_text(" %7zu", j + 1);
        out_text("\n");
    } else {
        mica_json_begin_array(w);
    }
    for (size_t i = 0; i < n; i++) {
        const float *a = mica_embeddings_vector(s->embeddings, i);
        if (s->format == FORMAT_TEXT) {
            out_text("%3zu ", i + 1);
            put_label(&texts[i], 26);
        } else {
            mica_json_begin_array(w);
        }
        for (size_t j = 0; j < n; j++) {
            double cosine = mica_cosine(a, mica_embeddings_vector(s->embeddings, j), dimension);
            if (s->format == FORMAT_TEXT)
                out_text(" %7.4f", cosine);
            else
                mica_json_write_double(w, cosine);
        }
        if (s->format == FORMAT_TEXT)
            out_text("\n");
        else
            mica_json_end_array(w);
    }
    if (s->format == FORMAT_TEXT)
        return MICA_OK;
    mica_json_end_array(w);
    mica_status status = out_json(w, err);
    out_write("\n", 1);
    return status;
}

int cmd_similarity(const cli_command *command, int argc, char **argv)
{
    settings set;
    stream s = {.command = command};
    mica_error err = {0};
    const mica_text *texts = NULL;
    size_t count = 0;
    int n, code = read_settings(command, &set, argc, argv, &n);
    if (code >= 0)
        return code;
    if (!format_read(command, set.format_name, &s.format))
        return EXIT_USAGE;
    texts_source source = {n - 1, argv + 2, set.file, set.jsonl};
    mica_status status = engine_open(&s.engine, argv[1], set.threads, set.verbose, &err);
    if (!status)
        status = texts_open(&source, &s.reader, &err);
    if (!status)
        status = texts_all(s.reader, &texts, &count, &err);
    if (!status)
        status = mica_json_writer_create(&s.writer, &err);
    if (!status) {
        size_t at;
        status = mica_embed(s.engine.session, texts, count, &set.embed, &s.embeddings, &err);
        if (status)
            texts_explain(s.reader, count, &err, &at);
    }
    if (!status)
        status = put_matrix(&s, texts, count, &err);
    code = status && status != MICA_STATUS_CANCELLED ? fail(command, &err)
           : interrupted()                           ? EXIT_INTERRUPTED
                                                     : EXIT_OK;
    stream_close(&s);
    return out_close(command, code);
}
