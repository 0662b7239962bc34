/* SPDX-License-Identifier: MIT
 *
 * Whether files are still the same: a digest for accidents, not for adversaries.
 */
#ifndef MICA_BENCH_DIGEST_H
#define MICA_BENCH_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "mica/status.h"

uint64_t bench_digest(const char *data, size_t size);
/* Of a file's bytes. */
mica_status bench_digest_file(const char *path, uint64_t *out, mica_error *err);
/* Of a model's files in a directory, their names counted: configurations, vocabularies and weights
 * (.json, .txt, .model, .safetensors, .bin), none in directories below. */
mica_status bench_digest_model(const char *directory, uint64_t *out, mica_error *err);

#endif
