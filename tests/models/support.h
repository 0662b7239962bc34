/* SPDX-License-Identifier: MIT
 *
 * What the tests of models share: fixtures, temporary model directories, calls that must succeed.
 */
#ifndef MICA_TESTS_MODELS_SUPPORT_H
#define MICA_TESTS_MODELS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mica/mica.h"

/* Paths, valid until the program ends. */
const char *fixture(const char *name); /* tests/fixtures/models/<name> */
const char *path_in(const char *dir, const char *name);
/* A folder of this process's own: empty, or a copy of the files of a fixture, one level deep. */
const char *new_folder(const char *name);
const char *copy_of(const char *fixture_name, const char *name);

/* all-MiniLM-L6-v2 in $MICA_MINILM_DIR or build/models; NULL, after saying so, if it is in neither.
 */
const char *minilm_folder(void);

void write_text(const char *path, const char *text);
void write_bytes(const char *path, const void *data, size_t size);
/* The file's bytes, freed with free(). */
char *read_whole(const char *path, size_t *size);
/* Replaces `from`, which must be there, by `to` in a text file. */
void edit(const char *path, const char *from, const char *to);
/* Rewrites the safetensors file `path`: tensor `name` (NULL: none) replaced by `tensor`, or left
 * out if that is NULL; all others converted to `dtype`. */
void rewrite_weights(const char *path, const char *name, mica_tensor *tensor, mica_dtype dtype);

mica_context *new_context(size_t threads);
mica_model *open_model(mica_context *context, const char *path);
/* A model opened to compute in `precision`, and the embeddings of texts by it. */
mica_model *open_in(mica_context *context, const char *path, mica_precision precision);
mica_embeddings *embed_in(mica_context *context, const char *path, mica_precision precision,
                          const mica_text *texts, size_t n, size_t batch_tokens);
mica_session *new_session(mica_model *model);
/* All outputs of a forward pass are the same bits in both. */
void expect_same_outputs(mica_session *a, mica_session *b);
mica_tensor_file *open_tensors(const char *path);
mica_tensor *get_tensor(const mica_tensor_file *file, const char *name);

void must(mica_status status, const mica_error *err);
/* The status is `expected` and the text holds `part`. */
void expect(mica_status status, const mica_error *err, mica_status expected, const char *part);
/* Opening the model at `path` fails so. */
void expect_refused(const char *path, mica_status expected, const char *part);
/* The largest difference is at most `tolerance` times the largest expected number. */
void expect_close(const float *ours, const float *expected, size_t count, double tolerance,
                  const char *what);

#endif
