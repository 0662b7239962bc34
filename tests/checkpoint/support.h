/* SPDX-License-Identifier: MIT
 *
 * What the tests of checkpoints share: fixtures, temporary files, files built byte by byte.
 */
#ifndef MICA_TESTS_CHECKPOINT_SUPPORT_H
#define MICA_TESTS_CHECKPOINT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"

/* Paths, in one of several static buffers (the last eight stay valid). */
const char *fixture(const char *name);
const char *temporary(const char *name); /* unique to this process */

void write_file(const char *path, const void *data, size_t size);
void write_text(const char *path, const char *text);
/* A new empty folder. */
const char *temporary_folder(const char *name);

/* The file's bytes, freed with mica_free. */
unsigned char *read_whole(const char *path, size_t *size);

/* All that `fixture`.json lists is there, with exactly its dtype, shape and bytes. */
void expect_contents(mica_checkpoint *checkpoint, const char *json_path);
void expect_tensor(const mica_tensor *tensor, const mica_json_value *expected);

/* The error has this status, and its text holds `part`. */
void expect_error(mica_status status, const mica_error *err, mica_status expected,
                  const char *part);
/* Opening `path` fails so. */
void expect_refused(const char *path, mica_status expected, const char *part);

/* The first `size` bytes are no weight file: FORMAT, and `path` is named. They are copied first, so
 * that the sanitizers see a read beyond them. */
void expect_memory_refused(const unsigned char *data, size_t size, const char *path);

/* Files built by hand. The buffer is initialised by the first call. */
void put_le(mica_buf *buf, uint64_t value, size_t size);
/* u64 length + header + data_size bytes of data. */
void build_safetensors(mica_buf *out, const char *header, size_t data_size);

typedef struct zip_entry {
    const char *name;
    const void *data;
    size_t size;
} zip_entry;
typedef struct zip_options {
    bool zip64; /* end record, locator and fields in 64 bits */
    unsigned method, flags;
} zip_options;
void build_zip(mica_buf *out, const zip_entry *entries, size_t count, const zip_options *options);
/* A PyTorch archive: version, the pickle and one storage "0". */
void build_torch(mica_buf *out, const void *pickle, size_t pickle_size, const void *storage,
                 size_t storage_size);

/* A sink that keeps the lines. */
typedef struct captured {
    char text[4096];
    size_t lines;
} captured;
mica_log_sink capture(captured *into);

#endif
