/* SPDX-License-Identifier: MIT
 *
 * What the readers of PyTorch's files share: a pickle machine that can make tensors and nothing
 * else.
 *
 * The pickle is hostile input. The machine (torch_pickle.c) knows a fixed list of opcodes, objects
 * (torch_objects.c) a fixed list of globals; whatever else a pickle wants is an error that names
 * it. Nothing is ever called by name, imported or executed.
 *
 * Values live in an arena and are shared by reference, never copied, so memory is linear in the
 * size of the pickle. Nothing here recurses over a value: a list may well hold itself.
 */
#ifndef MICA_CHECKPOINT_TORCH_H
#define MICA_CHECKPOINT_TORCH_H

#include "checkpoint/weights.h"

/* What a pickle may take: some hundred thousand tensors are described in less. Its values take up
 * to about 50 times as much memory. */
#define MICA_PICKLE_MAX ((size_t)64 << 20)

typedef enum mica_pickle_kind {
    MICA_PICKLE_NONE,
    MICA_PICKLE_BOOL, /* integer: 0 or 1 */
    MICA_PICKLE_INT,
    MICA_PICKLE_OTHER, /* a value nobody asks for: float, huge integer, set, torch.device ... */
    MICA_PICKLE_TEXT,
    MICA_PICKLE_TUPLE,
    MICA_PICKLE_LIST,
    MICA_PICKLE_DICT, /* items: key, value, key, value ... */
    MICA_PICKLE_GLOBAL,
    MICA_PICKLE_STORAGE,
    MICA_PICKLE_TENSOR
} mica_pickle_kind;

/* A type of elements, by its storage class (FloatStorage) or dtype (float32). */
typedef struct mica_torch_type {
    const char *name;
    size_t size; /* bytes of an element */
    bool known;  /* mica has it as `dtype` */
    mica_dtype dtype;
} mica_torch_type;

typedef struct mica_torch_global mica_torch_global;

/* A run of elements in the file. `count` is what the pickle says; the container checks that it is
 * there and sets `data`, at once (zip) or when the pickle is over (legacy). */
typedef struct mica_torch_storage {
    const mica_torch_type *type; /* NULL: untyped, elements are bytes */
    const char *key;
    size_t key_size;
    int64_t count;
    int64_t skip, root_count;        /* legacy: a view begins `skip` elements into a root storage */
    const unsigned char *data;       /* the first of the `count` elements */
    struct mica_torch_storage *next; /* all storages of a pickle, newest first */
} mica_torch_storage;

typedef struct mica_torch_tensor {
    const mica_torch_storage *storage;
    const mica_torch_type *type;
    int64_t offset; /* in elements */
    size_t rank;
    int64_t *dims, *strides;
    size_t bytes; /* of all elements */
} mica_torch_tensor;

typedef struct mica_pickle_value mica_pickle_value;
struct mica_pickle_value {
    mica_pickle_kind kind;
    union {
        int64_t integer;
        struct {
            const char *data; /* in the file: no closing NUL */
            size_t size;
        } text;
        struct {
            mica_pickle_value **items;
            size_t count, capacity;
        } list; /* tuple, list, dict */
        const mica_torch_global *global;
        mica_torch_storage *storage;
        mica_torch_tensor *tensor;
    } u;
};

/* A machine: run it once for each pickle of a stream. */
typedef struct mica_pickle {
    mica_weights *weights;     /* path and arena */
    const unsigned char *data; /* where the pickles are */
    size_t size, at;           /* `at` is behind the last pickle's STOP */
    bool legacy;               /* persistent ids carry view_metadata */
    /* Finds a storage's data; NULL when that is done later. */
    mica_status (*find)(void *user, mica_torch_storage *storage, mica_error *err);
    void *user;
    mica_torch_storage *storages;
    size_t copied; /* elements that constructors copied; at most as many as bytes were read */
    mica_pickle_value **stack, **memo;
    size_t *marks;
    size_t depth, stack_capacity, mark_count, mark_capacity, memo_count;
    size_t memoized; /* entries that MEMOIZE made, which numbers them itself */
} mica_pickle;

mica_status mica_pickle_run(mica_pickle *pickle, mica_pickle_value **out, mica_error *err);
void mica_pickle_free(mica_pickle *pickle); /* what the machine holds beside the arena */
mica_pickle_value *mica_pickle_new(mica_pickle *pickle, mica_pickle_kind kind); /* NULL: memory */
/* Appends to a list or dict. */
bool mica_pickle_append(mica_pickle *pickle, mica_pickle_value *list, mica_pickle_value *item);
/* A FORMAT or UNSUPPORTED error that says where in the pickle and advises to convert. */
mica_status mica_pickle_fail(const mica_pickle *pickle, mica_error *err, mica_status status,
                             const char *format, ...) MICA_PRINTF(4, 5);
const char *mica_pickle_kind_name(mica_pickle_kind kind);

/* A name for "%.*s" in an error text: in the file it may be of any length. */
static inline int mica_torch_shown(size_t size)
{
    return size > 100 ? 100 : (int)size;
}

/* The globals. find: *out is the value of GLOBAL module.name. call: what REDUCE makes of it. */
mica_status mica_torch_find_global(mica_pickle *pickle, const char *module, size_t module_size,
                                   const char *name, size_t name_size, mica_pickle_value **out,
                                   mica_error *err);
mica_status mica_torch_call(mica_pickle *pickle, const mica_pickle_value *function,
                            mica_pickle_value *arguments, mica_pickle_value **out, mica_error *err);
/* BINPERSID: the storage that a persistent id names. */
mica_status mica_torch_persistent(mica_pickle *pickle, const mica_pickle_value *id,
                                  mica_pickle_value **out, mica_error *err);
/* The tensors of the mapping that a pickle holds, as the weights of the file. Storages have data.
 */
mica_status mica_torch_collect(mica_pickle *pickle, const mica_pickle_value *root, mica_error *err);

#endif
