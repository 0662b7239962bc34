/* SPDX-License-Identifier: MIT
 *
 * mica embed and mica similarity.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "stream.h"

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
    "  mica embed BAAI/bge-small-en-v1.5 \"A first text.\" \"A second one.\" --format json\n"
    "  mica embed ./all-MiniLM-L6-v2 --file corpus.txt --format jsonl > vectors.jsonl\n"
    "  printf '\"one\\\\nwith a newline\"\\n' | mica embed ./all-MiniLM-L6-v2 --jsonl -\n";

const char similarity_details[] =
    "The matrix of cosines between the embeddings of all texts. Output: text is a table; json and "
    "jsonl are\n"
    "the matrix, a list of rows.\n"
    "\n"
    "example:\n"
    "  mica similarity ./all-MiniLM-L6-v2 \"A cat sleeps.\" \"A kitten naps.\" \"Stocks fell.\"\n";

static const char texts_lines[] = "lines are JSON: a string, or an object with \"text\"";

typedef struct embedding {
    stream_options common;
    bool normalize, no_normalize;
    int64_t dimensions;
    mica_embed_options options;
    mica_embeddings *vectors;
} embedding;

static int read_settings(const cli_command *command, embedding *e, int argc, char **argv, int *n)
{
    enum { OWN = 6 };
    memset(e, 0, sizeof *e);
    mica_embed_options_defaults(&e->options);
    option options[OWN + STREAM_OPTIONS] = {
        {"pooling", 0, OPTION_TEXT, &e->options.pooling, "MODE",
         "cls, mean, max, mean_sqrt_len, weightedmean, lasttoken, or several joined by +", 0, 0},
        {"normalize", 0, OPTION_FLAG, &e->normalize, NULL, "scale vectors to length 1", 0, 0},
        {"no-normalize", 0, OPTION_FLAG, &e->no_normalize, NULL,
         "leave out the model's normalizing", 0, 0},
        {"prompt-name", 0, OPTION_TEXT, &e->options.prompt_name, "NAME",
         "use this prompt of the model", 0, 0},
        {"prompt", 0, OPTION_TEXT, &e->options.prompt, "TEXT", "put TEXT in front of every text", 0,
         0},
        {"dimensions", 0, OPTION_NUMBER, &e->dimensions, "N",
         "keep the first N numbers of a vector", 1, 1 << 24},
    };
    size_t count = OWN + stream_option_rows(&e->common, texts_lines, stream_cut, options + OWN);
    int code = options_read(command, options, count, argc, argv, n);
    if (code >= 0)
        return code;
    if (e->normalize && e->no_normalize)
        return usage_error(command, "--normalize and --no-normalize exclude each other");
    if (*n < 1)
        return usage_error(command, WHICH_MODEL);
    e->options.normalize = e->normalize ? 1 : e->no_normalize ? 0 : -1;
    e->options.dimensions = (size_t)e->dimensions;
    e->options.no_truncate = e->common.no_truncate;
    e->options.max_length = (size_t)e->common.max_length;
    e->options.batch_tokens = (size_t)e->common.batch_tokens;
    return -1;
}

static void write_entry(stream *s, const mica_embeddings *vectors, size_t i)
{
    mica_json_writer *w = s->writer;
    const float *vector = mica_embeddings_vector(vectors, i);
    size_t dimension = mica_embeddings_dimension(vectors);
    mica_json_begin_object(w);
    mica_json_write_key(w, "index");
    mica_json_write_int(w, (int64_t)s->written);
    mica_json_write_key(w, "tokens");
    mica_json_write_int(w, (int64_t)mica_embeddings_tokens(vectors, i));
    mica_json_write_key(w, "truncated");
    mica_json_write_bool(w, mica_embeddings_truncated(vectors, i));
    mica_json_write_key(w, "embedding");
    mica_json_begin_array(w);
    for (size_t k = 0; k < dimension; k++)
        mica_json_write_float(w, vector[k]);
    mica_json_end_array(w);
    mica_json_end_object(w);
}

static mica_status write_vector_line(stream *s, const mica_embeddings *vectors, size_t i,
                                     mica_error *err)
{
    const float *vector = mica_embeddings_vector(vectors, i);
    mica_status status = MICA_OK;
    for (size_t k = 0; k < mica_embeddings_dimension(vectors) && !status; k++) {
        if (k)
            out_write(" ", 1);
        mica_json_write_float(s->writer, vector[k]);
        status = out_json(s->writer, err);
    }
    out_write("\n", 1);
    return status;
}

static mica_status put_vector(stream *s, size_t i, mica_error *err)
{
    const mica_embeddings *vectors = ((embedding *)s->user)->vectors;
    s->truncated += mica_embeddings_truncated(vectors, i);
    s->tokens += mica_embeddings_tokens(vectors, i);
    if (s->format == FORMAT_TEXT)
        return write_vector_line(s, vectors, i, err);
    write_entry(s, vectors, i);
    return MICA_OK;
}

static mica_status embed(stream *s, const mica_text *texts, size_t n, mica_error *err)
{
    embedding *e = s->user;
    return mica_embed(s->engine.session, texts, n, &e->options, &e->vectors, err);
}

/* {"model":..., "pooling":..., "normalized":..., "data":
 * If there are no texts at all, described as the model would have it. */
static mica_status begin_document(stream *s, mica_error *err)
{
    const embedding *e = s->user;
    mica_json_writer *w = s->writer;
    mica_model_info info;
    mica_model_get_info(s->engine.model, &info);
    const char *pooling = e->vectors     ? mica_embeddings_pooling(e->vectors)
                          : info.pooling ? info.pooling
                                         : "none";
    bool normalized = e->options.normalize < 0 ? info.normalize : e->options.normalize > 0;
    mica_json_begin_object(w);
    mica_json_write_key(w, "model");
    mica_json_write_text(w, s->model);
    mica_json_write_key(w, "pooling");
    mica_json_write_text(w, pooling);
    mica_json_write_key(w, "normalized");
    mica_json_write_bool(w, e->vectors ? mica_embeddings_normalized(e->vectors) : normalized);
    mica_json_write_key(w, "data");
    return MICA_OK;
}

int cmd_embed(const cli_command *command, int argc, char **argv)
{
    embedding e;
    int n, code = read_settings(command, &e, argc, argv, &n);
    if (code >= 0)
        return code;
    stream s = {.command = command,
                .model = argv[1],
                .user = &e,
                .compute = embed,
                .put = put_vector,
                .head = begin_document,
                .tail = "}"};
    code = stream_run(&s, &e.common, n - 1, argv + 2);
    mica_embeddings_destroy(&e.vectors);
    return code;
}

/* ---- similarity ---- */

static mica_status put_matrix(stream *s, const mica_embeddings *vectors, const mica_text *texts,
                              size_t n, mica_error *err)
{
    size_t dimension = mica_embeddings_dimension(vectors);
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
        const float *a = mica_embeddings_vector(vectors, i);
        if (s->format == FORMAT_TEXT) {
            out_text("%3zu ", i + 1);
            out_label(&texts[i], 26);
        } else {
            mica_json_begin_array(w);
        }
        for (size_t j = 0; j < n; j++) {
            double cosine = mica_cosine(a, mica_embeddings_vector(vectors, j), dimension);
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
    embedding e;
    stream s = {.command = command};
    mica_error err = {0};
    const mica_text *texts = NULL;
    size_t count = 0;
    int n, code = read_settings(command, &e, argc, argv, &n);
    if (code >= 0)
        return code;
    if (e.common.file && n > 1)
        return usage_error(command, "texts come from --file or from arguments, not both ('%s')",
                           argv[2]);
    if (!format_read(command, e.common.format_name, &s.format))
        return EXIT_USAGE;
    texts_source source = {n - 1, argv + 2, e.common.file, e.common.jsonl, NULL};
    s.engine.quiet = e.common.quiet;
    e.common.engine.once = stream_is_short(&e.common, n - 1, argv + 2, 0);
    mica_status status = engine_open(&s.engine, argv[1], &e.common.engine, &err);
    if (!status)
        status = texts_open(&source, &s.reader, &err);
    if (!status)
        status = texts_all(s.reader, &texts, &count, &err);
    if (!status)
        status = mica_json_writer_create(&s.writer, &err);
    if (!status) {
        size_t at;
        status = mica_embed(s.engine.session, texts, count, &e.options, &e.vectors, &err);
        if (status)
            texts_explain(s.reader, count, &err, &at);
    }
    if (!status)
        status = put_matrix(&s, e.vectors, texts, count, &err);
    code = status && status != MICA_STATUS_CANCELLED ? fail(command, &err)
           : interrupted()                           ? EXIT_INTERRUPTED
                                                     : EXIT_OK;
    mica_json_writer_destroy(&s.writer);
    mica_embeddings_destroy(&e.vectors);
    texts_close(&s.reader);
    engine_close(&s.engine);
    return out_close(command, code);
}
