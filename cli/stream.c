/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include <string.h>

/* A window of texts is what is read, computed and printed at a time: as many as take about half a
 * second, so that results, progress and Ctrl-C do not wait long, yet enough to fill batches. (No
 * result depends on its window.) */
enum { FIRST_TEXTS = 64, MOST_TEXTS = 1024, WINDOW_BYTES = 256 << 10 };

const char stream_cut[] = "cut texts to N tokens";

size_t stream_option_rows(stream_options *options, const char *lines, const char *length,
                          option *rows)
{
    enum { LENGTHS = 2 };
    const option all[] = {
        {"file", 'f', OPTION_TEXT, &options->file, "FILE",
         "take texts from FILE, one a line (- is standard input)", 0, 0},
        {"jsonl", 0, OPTION_FLAG, &options->jsonl, NULL, lines, 0, 0},
        {"format", 0, OPTION_TEXT, &options->format_name, "FORMAT", "text (default), json or jsonl",
         0, 0},
        {"batch-tokens", 0, OPTION_NUMBER, &options->batch_tokens, "N",
         "tokens computed at once (changes no result)", 1, 1 << 24},
        {"quiet", 'q', OPTION_FLAG, &options->quiet, NULL,
         "no progress, no warnings about cut texts", 0, 0},
        {"max-length", 0, OPTION_NUMBER, &options->max_length, "N", length, 1, 1 << 24},
        {"no-truncate", 0, OPTION_FLAG, &options->no_truncate, NULL,
         "a text that is too long is an error", 0, 0},
    };
    size_t count = sizeof all / sizeof *all - (length ? 0 : LENGTHS);
    memcpy(rows, all, count * sizeof *all);
    engine_option_rows(&options->engine, rows + count);
    return count + ENGINE_OPTIONS;
}

static mica_status begin_document(stream *s, mica_error *err)
{
    mica_status status = MICA_OK;
    s->begun = true;
    if (s->head) {
        status = s->head(s, err);
        if (!status)
            status = out_json(s->writer, err);
    }
    if (s->list)
        out_write("[", 1);
    return status;
}

static mica_status put_results(stream *s, size_t n, mica_error *err)
{
    mica_status status = MICA_OK;
    if (s->format == FORMAT_JSON && !s->begun)
        status = begin_document(s, err);
    for (size_t i = 0; i < n && !status && !out_failed(); i++) {
        if (s->format == FORMAT_JSON && s->written > 0)
            out_write(",\n", 2);
        status = s->put(s, i, err);
        if (!status && s->format != FORMAT_TEXT)
            status = out_json(s->writer, err);
        if (s->format == FORMAT_JSONL)
            out_write("\n", 1);
        s->written++;
    }
    return status;
}

/* Computes a window. If a text of it is at fault, those before it still get their results, and the
 * error says where the text stands. */
static mica_status run_window(stream *s, const mica_text *texts, size_t n, mica_error *err)
{
    mica_status fault = MICA_OK;
    size_t good = n;
    while (good > 0) {
        size_t at = 0;
        mica_error own = {MICA_OK, ""};
        mica_status status = s->compute(s, texts, good, &own);
        if (!status) {
            status = put_results(s, good, &own);
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

static mica_status run_windows(stream *s, const stream_options *options, mica_error *err)
{
    progress bar;
    mica_status status = MICA_OK;
    progress_start(&bar, "texts", options->quiet);
    size_t window = FIRST_TEXTS;
    while (!status && !out_failed() && !interrupted()) {
        const mica_text *texts;
        size_t n;
        uint64_t done, total;
        status = texts_next(s->reader, window, WINDOW_BYTES, &texts, &n, err);
        if (status || n == 0)
            break;
        if (s->written == 0) /* one text gives its result, several a list of them */
            s->list = s->head || n > 1 || texts_more(s->reader);
        double begun = seconds_now();
        status = run_window(s, texts, n, err);
        out_flush();
        window = seconds_now() - begun > 0.5 ? window / 2 : window * 2;
        window = window < FIRST_TEXTS ? FIRST_TEXTS : window > MOST_TEXTS ? MOST_TEXTS : window;
        texts_position(s->reader, &done, &total);
        progress_show(&bar, done, total, s->written);
    }
    progress_end(&bar);
    if (options->engine.verbose && s->written > 0) {
        double seconds = progress_seconds(&bar);
        fprintf(stderr, "mica: %llu texts, %llu tokens in %.3f s: %.0f texts/s, %.0f tokens/s\n",
                (unsigned long long)s->written, (unsigned long long)s->tokens, seconds,
                (double)s->written / seconds, (double)s->tokens / seconds);
    }
    return status;
}

static mica_status end_document(stream *s, mica_error *err)
{
    mica_status status = MICA_OK;
    if (!s->begun) { /* no texts at all */
        s->list = true;
        status = begin_document(s, err);
    }
    if (s->list)
        out_write("]", 1);
    if (s->tail)
        out_write(s->tail, strlen(s->tail));
    return status;
}

static int finish(stream *s, const stream_options *options, mica_status status, mica_error *err)
{
    int code;
    if (!status && s->format == FORMAT_JSON && !interrupted())
        status = end_document(s, err);
    if (s->begun) /* what was written ends as a line, even if the document is cut short */
        out_write("\n", 1);
    if (status && status != MICA_STATUS_CANCELLED)
        code = fail(s->command, err);
    else
        code = interrupted() ? EXIT_INTERRUPTED : EXIT_OK;
    if (s->truncated && !options->quiet && code == EXIT_OK)
        fprintf(stderr,
                "mica: %s: %llu of %llu texts were cut to the length that the model takes "
                "(--no-truncate refuses them)\n",
                s->command->name, (unsigned long long)s->truncated, (unsigned long long)s->written);
    mica_json_writer_destroy(&s->writer);
    texts_close(&s->reader);
    engine_close(&s->engine);
    return out_close(s->command, code);
}

bool stream_is_short(const stream_options *options, int argc, char **argv, size_t beside)
{
    /* A token is a byte at least, and a batch takes twice as many. */
    enum { SPECIAL_TOKENS = 4, MOST_BYTES = 2048 };
    const texts_source source = {argc, argv, options->file, options->jsonl, NULL};
    const char *file = texts_file(&source);
    uint64_t bytes = 0, texts = (uint64_t)argc;
    if (options->batch_tokens > 0 || (!file && argc > FIRST_TEXTS))
        return false;
    if (file)
        bytes = texts = texts_bytes(file); /* a line has one at least */
    else
        for (int i = 0; i < argc; i++)
            bytes += strlen(argv[i]);
    return bytes <= MOST_BYTES && bytes + texts * (beside + SPECIAL_TOKENS) <= MOST_BYTES;
}

int stream_run(stream *s, const stream_options *options, int argc, char **argv)
{
    mica_error err = {0};
    texts_source source = {argc, argv, options->file, options->jsonl, s->shape};
    if (options->file && argc > 0)
        return usage_error(s->command, "texts come from --file or from arguments, not both ('%s')",
                           argv[0]);
    if (!format_read(s->command, options->format_name, &s->format))
        return EXIT_USAGE;
    engine_options computing = options->engine;
    computing.once = stream_is_short(options, argc, argv, 0);
    s->engine.quiet = options->quiet;
    mica_status status = engine_open(&s->engine, s->model, &computing, &err);
    if (!status && s->prepare)
        status = s->prepare(s, &err);
    if (!status)
        status = texts_open(&source, &s->reader, &err);
    if (!status)
        status = mica_json_writer_create(&s->writer, &err);
    if (!status)
        status = run_windows(s, options, &err);
    return finish(s, options, status, &err);
}
