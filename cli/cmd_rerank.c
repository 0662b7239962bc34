/* SPDX-License-Identifier: MIT
 *
 * mica rerank.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "stream.h"

const char rerank_details[] =
    "Documents in the order in which they answer the query, best first, by a cross-encoder, as the "
    "CrossEncoder\n"
    "of sentence-transformers scores them. Documents are arguments, the lines of FILE, or the "
    "lines "
    "of standard\n"
    "input (\"-\", or no document at all). Without --query, --jsonl takes queries with their "
    "documents, one a line.\n"
    "A model with several labels gives a list of scores for each document, in the order of the "
    "documents;\n"
    "--label names the one that ranks.\n"
    "\n"
    "Output: text is a line for each document; json is [{\"index\",\"score\",\"text\"}], for "
    "several queries a list\n"
    "of these; jsonl is a document a line, or a query a line.\n"
    "\n"
    "examples:\n"
    "  mica rerank ./ms-marco-MiniLM --query \"capital of France\" \"Paris is.\" \"Berlin is "
    "not.\"\n"
    "  mica rerank ./ms-marco-MiniLM --query \"how do plants eat?\" --file passages.txt --top-k "
    "10\n"
    "  echo '{\"query\": \"q\", \"documents\": [\"a\", \"b\"]}' | mica rerank ./ms-marco-MiniLM "
    "--jsonl\n";

static const char lines_help[] =
    "lines are JSON: documents (a string, or an object with \"text\"); without --query objects "
    "with \"query\" and \"documents\"";
static const texts_shape queries = {"query", "documents", true, true};

typedef struct reranking {
    stream_options common;
    const char *query;
    int64_t top_k;
    mica_rerank_options options;
    mica_ranking **rankings; /* of the queries of a window */
    size_t room;
} reranking;

static int read_settings(const cli_command *command, reranking *r, int argc, char **argv, int *n)
{
    enum { OWN = 4 };
    memset(r, 0, sizeof *r);
    mica_rerank_options_defaults(&r->options);
    option options[OWN + STREAM_OPTIONS] = {
        {"query", 0, OPTION_TEXT, &r->query, "TEXT", "what the documents are to answer", 0, 0},
        {"top-k", 'k', OPTION_NUMBER, &r->top_k, "N", "print the N best documents", 1, INT32_MAX},
        {"raw-scores", 0, OPTION_FLAG, &r->options.raw_scores, NULL, "scores are logits", 0, 0},
        {"label", 0, OPTION_TEXT, &r->options.label, "LABEL",
         "of a model with several labels: the one that ranks", 0, 0},
    };
    size_t count = OWN + stream_option_rows(&r->common, lines_help, stream_cut, options + OWN);
    int code = options_read(command, options, count, argc, argv, n);
    if (code >= 0)
        return code;
    if (*n < 1)
        return usage_error(command, WHICH_MODEL);
    if (!r->query && !r->common.jsonl)
        return usage_error(command, "which query? Give --query, or queries with --jsonl");
    if (r->common.file && *n > 1)
        return usage_error(command, "documents come from --file or from arguments, not both ('%s')",
                           argv[2]);
    r->options.top_k = (size_t)r->top_k;
    r->options.no_truncate = r->common.no_truncate;
    r->options.max_length = (size_t)r->common.max_length;
    r->options.batch_tokens = (size_t)r->common.batch_tokens;
    return -1;
}

/* A number, or one for each label where none of several ranks. */
static void write_score(mica_json_writer *w, const reranking *r, const mica_ranking *ranking,
                        size_t i)
{
    size_t labels;
    const float *scores = mica_ranking_scores(ranking, i, &labels);
    mica_json_write_key(w, "score");
    if (labels == 1 || r->options.label) {
        mica_json_write_float(w, mica_ranking_get(ranking, i)->score);
        return;
    }
    mica_json_begin_array(w);
    for (size_t k = 0; k < labels; k++)
        mica_json_write_float(w, scores[k]);
    mica_json_end_array(w);
}

static void write_document(mica_json_writer *w, const reranking *r, const mica_ranking *ranking,
                           const mica_text *documents, size_t i)
{
    size_t index = mica_ranking_get(ranking, i)->index;
    mica_json_begin_object(w);
    mica_json_write_key(w, "index");
    mica_json_write_int(w, (int64_t)index);
    write_score(w, r, ranking, i);
    mica_json_write_key(w, "text");
    mica_json_write_string(w, documents[index].data, documents[index].size);
    mica_json_end_object(w);
}

static void print_document(const reranking *r, const mica_ranking *ranking,
                           const mica_text *documents, size_t i)
{
    size_t labels, index = mica_ranking_get(ranking, i)->index;
    const float *scores = mica_ranking_scores(ranking, i, &labels);
    if (labels == 1 || r->options.label) {
        out_text("%8.4f ", mica_ranking_get(ranking, i)->score);
    } else {
        for (size_t k = 0; k < labels; k++)
            out_text("%8.4f ", scores[k]);
    }
    out_text("%5zu  ", index);
    out_label(&documents[index], 80);
    out_text("\n");
}

/* Counts what was computed. */
static void count_documents(stream *s, const mica_ranking *ranking)
{
    for (size_t i = 0; i < mica_ranking_count(ranking); i++) {
        const mica_rank *rank = mica_ranking_get(ranking, i);
        s->tokens += rank->tokens;
        s->truncated += rank->truncated;
    }
}

/* ---- one query, its documents the texts ---- */

static mica_status put_ranking(stream *s, const reranking *r, const mica_ranking *ranking,
                               const mica_text *documents, mica_error *err)
{
    size_t n = mica_ranking_count(ranking);
    mica_status status = MICA_OK;
    if (s->format == FORMAT_JSON)
        out_write("[", 1);
    for (size_t i = 0; i < n && !status && !out_failed(); i++) {
        if (s->format == FORMAT_TEXT) {
            print_document(r, ranking, documents, i);
            continue;
        }
        if (s->format == FORMAT_JSON && i > 0)
            out_write(",\n", 2);
        write_document(s->writer, r, ranking, documents, i);
        status = out_json(s->writer, err);
        if (s->format == FORMAT_JSONL)
            out_write("\n", 1);
    }
    if (s->format == FORMAT_JSON)
        out_write("]\n", 2);
    return status;
}

static int rank_one(stream *s, reranking *r, int argc, char **argv)
{
    const texts_source source = {argc, argv, r->common.file, r->common.jsonl, NULL};
    const mica_text query = {r->query, strlen(r->query)}, *documents = NULL;
    mica_error err = {MICA_OK, ""};
    mica_ranking *ranking = NULL;
    size_t n = 0, at;
    int code;
    s->engine.quiet = r->common.quiet;
    r->common.engine.once = stream_is_short(&r->common, argc, argv, strlen(r->query));
    mica_status status = engine_open(&s->engine, s->model, &r->common.engine, &err);
    if (!status)
        status = texts_open(&source, &s->reader, &err);
    if (!status)
        status = texts_all(s->reader, &documents, &n, &err);
    if (!status)
        status = mica_json_writer_create(&s->writer, &err);
    if (!status) {
        status = mica_rerank(s->engine.session, query, documents, n, &r->options, &ranking, &err);
        if (status)
            texts_explain(s->reader, n, &err, &at);
    }
    if (!status) {
        count_documents(s, ranking);
        status = put_ranking(s, r, ranking, documents, &err);
    }
    code = status && status != MICA_STATUS_CANCELLED ? fail(s->command, &err)
           : interrupted()                           ? EXIT_INTERRUPTED
                                                     : EXIT_OK;
    if (s->truncated && !r->common.quiet && code == EXIT_OK)
        fprintf(stderr,
                "mica: rerank: %llu documents were cut to the length that the model takes "
                "(--no-truncate refuses them)\n",
                (unsigned long long)s->truncated);
    mica_ranking_destroy(&ranking);
    mica_json_writer_destroy(&s->writer);
    texts_close(&s->reader);
    engine_close(&s->engine);
    return out_close(s->command, code);
}

/* ---- queries with their documents ---- */

static mica_status reserve(reranking *r, size_t n, mica_error *err)
{
    mica_ranking **grown = n > r->room ? realloc(r->rankings, n * sizeof(mica_ranking *)) : NULL;
    if (n <= r->room)
        return MICA_OK;
    if (!grown) {
        err->status = MICA_STATUS_OUT_OF_MEMORY;
        snprintf(err->message, sizeof err->message, "out of memory for %zu queries", n);
        return err->status;
    }
    r->rankings = grown;
    while (r->room < n)
        grown[r->room++] = NULL;
    return MICA_OK;
}

static mica_status rank_queries(stream *s, const mica_text *texts, size_t n, mica_error *err)
{
    reranking *r = s->user;
    mica_status status = reserve(r, n, err);
    for (size_t i = 0; i < n && !status; i++) {
        mica_error own = {MICA_OK, ""};
        size_t count;
        const mica_text *documents = texts_beside(s->reader, i, &count);
        status = mica_rerank(s->engine.session, texts[i], documents, count, &r->options,
                             &r->rankings[i], &own);
        if (status) { /* whatever text of the query it speaks of, the line is the query's */
            err->status = status;
            snprintf(err->message, sizeof err->message, "text %zu: %.900s", i, own.message);
        }
    }
    return status;
}

static mica_status put_query(stream *s, size_t i, mica_error *err)
{
    const reranking *r = s->user;
    const mica_ranking *ranking = r->rankings[i];
    size_t count;
    const mica_text *documents = texts_beside(s->reader, i, &count);
    count_documents(s, ranking);
    if (s->format == FORMAT_TEXT) {
        if (s->written > 0)
            out_write("\n", 1);
        return put_ranking(s, r, ranking, documents, err);
    }
    mica_json_begin_array(s->writer);
    for (size_t k = 0; k < mica_ranking_count(ranking); k++)
        write_document(s->writer, r, ranking, documents, k);
    mica_json_end_array(s->writer);
    return MICA_OK;
}

int cmd_rerank(const cli_command *command, int argc, char **argv)
{
    reranking r;
    int n, code = read_settings(command, &r, argc, argv, &n);
    if (code >= 0)
        return code;
    stream s = {.command = command,
                .model = argv[1],
                .shape = &queries,
                .user = &r,
                .compute = rank_queries,
                .put = put_query};
    if (r.query) {
        if (!format_read(command, r.common.format_name, &s.format))
            return EXIT_USAGE;
        return rank_one(&s, &r, n - 1, argv + 2);
    }
    code = stream_run(&s, &r.common, n - 1, argv + 2);
    for (size_t i = 0; i < r.room; i++)
        mica_ranking_destroy(&r.rankings[i]);
    free(r.rankings);
    return code;
}
