/* SPDX-License-Identifier: MIT
 *
 * A sidecar: named blocks of bytes that were computed from other files and can be computed again,
 * in one file that is mapped and used as it lies.
 *
 *   header   64 bytes: magic, byte order, sizes, the sum of header and table
 *   table    a row for each block: offset, size, where its name stands in the text
 *   text     the key, then the names, each with a closing NUL
 *   blocks   in the order of the table, each aligned to 64 bytes, none over another
 *
 * The key says what the blocks were computed from and for: a file with another key is stale. What
 * is trusted: nothing until it is checked. The file must belong to the user who runs this, and
 * others may not write to it; every offset and size is checked, and the sum. The blocks are not
 * read here: one that was damaged or never reached the disk is found by whoever uses it, from sums
 * that the block itself brings, and is told by mica_sidecar_reject. The sums are no signature:
 * whoever may write as the user can make a file that passes, as he could change the program itself.
 */
#ifndef MICA_BASE_SIDECAR_H
#define MICA_BASE_SIDECAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/log.h"

typedef struct mica_sidecar mica_sidecar;

/* The file at `path`, if it has its full size and this key. `log` (may be NULL) outlives it.
 * Errors: NOT_FOUND (there is none), FORMAT (damaged, or of another key), IO, OUT_OF_MEMORY. */
mica_status mica_sidecar_open(const char *path, const char *key, const mica_log_sink *log,
                              mica_sidecar **out, mica_error *err);
/* The same from memory, which must be aligned to 64 bytes and outlive the result. */
mica_status mica_sidecar_parse(const void *data, size_t size, const char *key, mica_sidecar **out,
                               mica_error *err);
/* One with no blocks yet, to be written. */
mica_status mica_sidecar_create(const char *path, const char *key, mica_sidecar **out,
                                mica_error *err);
mica_sidecar *mica_sidecar_retain(mica_sidecar *sidecar);
void mica_sidecar_release(mica_sidecar **sidecar);

/* Whether it is to be written; else it was read. */
bool mica_sidecar_is_new(const mica_sidecar *sidecar);
/* The block of this name and size, aligned to 64 bytes, for as long as the sidecar lives; NULL if
 * there is none, or the sidecar is new. Must not be written to. */
void *mica_sidecar_find(const mica_sidecar *sidecar, const char *name, size_t size);
/* A block of one that was opened is damaged: warns, the first time, and removes the file, so that
 * it is not opened again. Its blocks stay readable. */
void mica_sidecar_reject(mica_sidecar *sidecar);
/* Notes a block of a new one; `data` is read by mica_sidecar_write. */
mica_status mica_sidecar_add(mica_sidecar *sidecar, const char *name, const void *data, size_t size,
                             mica_error *err);
/* Writes a new one, whole or not at all, readable by its owner alone. Temporary files that a
 * process which was killed left in the folder an hour ago are removed. */
mica_status mica_sidecar_write(const mica_sidecar *sidecar, mica_error *err);

#endif
