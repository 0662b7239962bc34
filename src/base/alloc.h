/* SPDX-License-Identifier: MIT
 *
 * The only way to get memory in mica. Tests make the n-th allocation fail and count allocations.
 *
 * Sizes that come from files or callers go through the checked helpers before they get here.
 */
#ifndef MICA_BASE_ALLOC_H
#define MICA_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL on failure. A size of 0 gives a pointer that may be freed. */
void *mica_alloc(size_t size);
void *mica_calloc(size_t count, size_t size); /* zeroed; count * size is checked */
void *mica_realloc(void *ptr, size_t size);   /* ptr may be NULL; on failure ptr is still valid */
void mica_free(void *ptr);                    /* NULL is allowed */
char *mica_strdup(const char *text);
char *mica_memdup_text(const char *data, size_t size); /* copy with a closing NUL */

/* `count` elements of `size` bytes, product checked. */
void *mica_alloc_array(size_t count, size_t size);
void *mica_realloc_array(void *ptr, size_t count, size_t size);

/* Memory for data: aligned to 64 bytes, and large blocks to 2 MiB with huge pages asked for.
 * Not zeroed. Released by mica_free_data only. */
#define MICA_DATA_ALIGNMENT 64
void *mica_alloc_data(size_t size);
void mica_free_data(void *ptr);

/* Called before each allocation (and before other things that can fail for want of resources, such
 * as a thread); returning true makes it fail. For tests: one hook for the process. NULL removes it.
 */
typedef bool (*mica_fault_hook)(void *user);
void mica_set_fault_hook(mica_fault_hook hook, void *user);
bool mica_fault(void); /* asks the hook; true = fail here */

/* Allocations made so far by this process (monotonic). */
uint64_t mica_alloc_count(void);

/* Checked arithmetic: true and *out on success, false on overflow. */
bool mica_add_size(size_t a, size_t b, size_t *out);
bool mica_mul_size(size_t a, size_t b, size_t *out);
bool mica_mul_i64(int64_t a, int64_t b, int64_t *out); /* a, b >= 0 */
bool mica_add_i64(int64_t a, int64_t b, int64_t *out); /* a, b >= 0 */

#endif
