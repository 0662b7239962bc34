/* SPDX-License-Identifier: MIT
 *
 * Tokenizers beside Hugging Face's: encoding and loading, one thread, the same texts, ids compared
 * before anything is timed.
 */
#ifndef MICA_BENCH_TOKENIZERS_H
#define MICA_BENCH_TOKENIZERS_H

#include "arms.h"
#include "mica/tokenizer.h"

typedef struct bench_tokenizers_options {
    mica_text text;
    const char *text_path; /* where the peer reads it */
    size_t chunk;          /* bytes of a text, or a few less: up to the end of a character */
    bench_plan plan;
    const char *python, *script; /* NULL script = no peer */
    double limit;                /* seconds that the peer may take for an answer */
    bool show_errors;            /* of the peer */
    bool grow;                   /* also see how time grows with the length of a text */
} bench_tokenizers_options;

/* mica first; then the peer's arms, if there is a peer. */
enum { BENCH_ENCODE_ARMS = 4, BENCH_LOAD_ARMS = 2 };

/* The same bytes as texts of `chunk` bytes and as one long text. */
enum { BENCH_GROWTHS = 3 };
typedef struct bench_growth {
    const char *name; /* "text", "runs", "word" */
    size_t bytes;
    bench_arm arms[2];
} bench_growth;

typedef struct bench_tokenizer {
    char name[128];
    size_t texts, bytes, tokens, file_bytes;
    bench_arm encode[BENCH_ENCODE_ARMS], load[BENCH_LOAD_ARMS];
    size_t encode_arms, load_arms;
    bench_growth growths[BENCH_GROWTHS];
    size_t growth_count;
    char peer[256]; /* name, versions and settings; "" = there is none */
} bench_tokenizer;

/* Measures the tokenizer.json at `path`. Failures of the peer are in its arms; those of mica are an
 * error. CANCELLED if the plan's stop said so. */
mica_status bench_tokenizer_run(const char *path, const bench_tokenizers_options *options,
                                bench_tokenizer *out, mica_error *err);
void bench_tokenizer_release(bench_tokenizer *tokenizer);

#endif
