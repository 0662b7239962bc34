/* SPDX-License-Identifier: MIT
 *
 * Where a model comes from: a directory, the Hub's cache, or made from its published configuration
 * with random weights, which take as long as trained ones.
 */
#ifndef MICA_BENCH_MODELS_SOURCE_H
#define MICA_BENCH_MODELS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mica/status.h"

typedef struct bench_source {
    char name[128];       /* "bert-base-uncased" */
    char directory[4096]; /* in Hugging Face layout */
    char from[16];        /* "hub", "init", "directory" */
    char tokenizer[128];  /* whose: "bert-base-uncased"; "" = the model's own */
    uint64_t digest;      /* of its files, for whoever fills it in */
    char reason[512];     /* why it cannot be measured, for whoever finds out; "" = it can */
} bench_source;

typedef struct bench_source_options {
    const char *cache;      /* where made models are kept; NULL = in the user's cache */
    const char *tokenizers; /* a directory with one of tokenizer files a model; may be NULL */
    uint64_t seed;
    bool look; /* make nothing: the directory of a model that is not there yet is where it would be
                */
    void (*say)(void *user, const char *line); /* told what takes time; may be NULL */
    void *user;
} bench_source_options;

enum { BENCH_PATH_ROOM = 4096 };
/* The directory of `options`, made if need be; `out` has room for BENCH_PATH_ROOM. */
mica_status bench_source_cache(const bench_source_options *options, char *out, mica_error *err);

/* The models of the paper. */
enum { BENCH_MODELS_OF_PAPER = 4 };
extern const char *const bench_models_of_paper[BENCH_MODELS_OF_PAPER];

/* Finds `model`: one of the paper's (the Hub's cache, else made), a directory, a config.json (a
 * model is made from it), or another Hub id that is in the cache. Nothing is ever fetched. A model
 * that is made appears in the cache when it is whole. */
mica_status bench_source_find(const char *model, const bench_source_options *options,
                              bench_source *out, mica_error *err);

/* Gives models of the same name as much of their paths as tells them apart ("m2/bert").
 * INVALID_ARGUMENT: two are the same directory, or cannot be told apart. */
mica_status bench_sources_name(bench_source *sources, size_t count, mica_error *err);

#endif
