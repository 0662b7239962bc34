/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static _Atomic(mica_fault_hook) fault_hook;
static _Atomic(void *) fault_user;
static atomic_uint_fast64_t allocations;

enum { HUGE_PAGE = 2 << 20, HUGE_FROM = 1 << 20 };

void mica_set_fault_hook(mica_fault_hook hook, void *user)
{
    atomic_store(&fault_user, user);
    atomic_store(&fault_hook, hook);
}

bool mica_fault(void)
{
    mica_fault_hook hook = atomic_load_explicit(&fault_hook, memory_order_acquire);
    return hook && hook(atomic_load(&fault_user));
}

uint64_t mica_alloc_count(void)
{
    return atomic_load_explicit(&allocations, memory_order_relaxed);
}

/* Counts an allocation; true = let it fail. */
static bool refuse(void)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return mica_fault();
}

/* A large block is aligned so that huge pages fit, and asks for them: they take a fraction of the
 * time to come. */
static void *alloc_large(size_t size)
{
    size_t bytes;
    void *ptr = NULL;
    if (!mica_add_size(size, HUGE_PAGE - 1, &bytes))
        return NULL;
    bytes -= bytes % HUGE_PAGE; /* whole pages, to the end */
    if (posix_memalign(&ptr, HUGE_PAGE, bytes) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    madvise(ptr, bytes, MADV_HUGEPAGE); /* a wish: failing changes nothing */
#endif
    return ptr;
}

void *mica_alloc(size_t size)
{
    if (refuse())
        return NULL;
    return size >= HUGE_FROM ? alloc_large(size) : malloc(size ? size : 1);
}

void *mica_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (!mica_mul_size(count, size, &bytes) || refuse())
        return NULL;
    return calloc(1, bytes ? bytes : 1);
}

void *mica_realloc(void *ptr, size_t size)
{
    if (!ptr)
        return mica_alloc(size);
    return refuse() ? NULL : realloc(ptr, size ? size : 1);
}

void mica_free(void *ptr)
{
    free(ptr);
}

char *mica_memdup_text(const char *data, size_t size)
{
    size_t bytes;
    char *copy = mica_add_size(size, 1, &bytes) ? mica_alloc(bytes) : NULL;
    if (copy) {
        if (size)
            memcpy(copy, data, size);
        copy[size] = 0;
    }
    return copy;
}

char *mica_strdup(const char *text)
{
    return mica_memdup_text(text, strlen(text));
}

void *mica_alloc_array(size_t count, size_t size)
{
    size_t bytes;
    return mica_mul_size(count, size, &bytes) ? mica_alloc(bytes) : NULL;
}

void *mica_realloc_array(void *ptr, size_t count, size_t size)
{
    size_t bytes;
    return mica_mul_size(count, size, &bytes) ? mica_realloc(ptr, bytes) : NULL;
}

void *mica_alloc_data(size_t size)
{
    void *ptr = NULL;
    if (refuse())
        return NULL;
    if (size >= HUGE_FROM)
        return alloc_large(size);
    size += (MICA_DATA_ALIGNMENT - size % MICA_DATA_ALIGNMENT) % MICA_DATA_ALIGNMENT;
    return posix_memalign(&ptr, MICA_DATA_ALIGNMENT, size ? size : MICA_DATA_ALIGNMENT) == 0 ? ptr
                                                                                             : NULL;
}

void mica_free_data(void *ptr)
{
    free(ptr);
}

bool mica_add_size(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b)
        return false;
    *out = a + b;
    return true;
}

bool mica_mul_size(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

bool mica_mul_i64(int64_t a, int64_t b, int64_t *out)
{
    if (a < 0 || b < 0 || (b != 0 && a > INT64_MAX / b))
        return false;
    *out = a * b;
    return true;
}

bool mica_add_i64(int64_t a, int64_t b, int64_t *out)
{
    if (a < 0 || b < 0 || a > INT64_MAX - b)
        return false;
    *out = a + b;
    return true;
}
