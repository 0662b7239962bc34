/* SPDX-License-Identifier: MIT
 *
 * What a pickle of weights may name and build: ordered dicts, storages, tensors. The list is
 * closed; it is a part of the one in torch/_weights_only_unpickler.py.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "checkpoint/torch.h"

typedef enum global_kind {
    GLOBAL_ORDERED_DICT,
    GLOBAL_REBUILD_TENSOR,
    GLOBAL_REBUILD_TENSOR_V2,
    GLOBAL_REBUILD_TENSOR_V3,
    GLOBAL_REBUILD_PARAMETER,
    GLOBAL_SIZE,
    GLOBAL_PLAIN, /* makes a value that no tensor needs: nothing is made of it */
    GLOBAL_DTYPE,
    GLOBAL_STORAGE,
    GLOBAL_REFUSED /* a kind of tensor that is known and not supported */
} global_kind;

struct mica_torch_global {
    global_kind kind;
    const char *module, *name;
    mica_torch_type type; /* of dtypes and storages; size 0: untyped */
};

#define KNOWN(name, size, dtype)                                                                   \
    {                                                                                              \
        name, size, true, dtype                                                                    \
    }
#define UNKNOWN(name, size)                                                                        \
    {                                                                                              \
        name, size, false, 0                                                                       \
    }
#define NO_TYPE                                                                                    \
    {                                                                                              \
        NULL, 0, false, 0                                                                          \
    }

/* torch.<name> as a value and, where there is one, the class of storages. */
static const mica_torch_global globals[] = {
    {GLOBAL_ORDERED_DICT, "collections", "OrderedDict", NO_TYPE},
    {GLOBAL_REBUILD_TENSOR_V2, "torch._utils", "_rebuild_tensor_v2", NO_TYPE},
    {GLOBAL_REBUILD_TENSOR, "torch._utils", "_rebuild_tensor", NO_TYPE},
    {GLOBAL_REBUILD_TENSOR_V3, "torch._utils", "_rebuild_tensor_v3", NO_TYPE},
    {GLOBAL_REBUILD_PARAMETER, "torch._utils", "_rebuild_parameter", NO_TYPE},
    {GLOBAL_REBUILD_PARAMETER, "torch._utils", "_rebuild_parameter_with_state", NO_TYPE},
    {GLOBAL_SIZE, "torch", "Size", NO_TYPE},
    {GLOBAL_PLAIN, "torch", "device", NO_TYPE},
    {GLOBAL_PLAIN, "torch.serialization", "_get_layout", NO_TYPE},
    {GLOBAL_PLAIN, "builtins", "set", NO_TYPE},
    {GLOBAL_PLAIN, "builtins", "bytearray", NO_TYPE},
    {GLOBAL_PLAIN, "builtins", "complex", NO_TYPE},
    {GLOBAL_PLAIN, "__builtin__", "set", NO_TYPE}, /* as Python 2 names it */
    {GLOBAL_PLAIN, "__builtin__", "bytearray", NO_TYPE},
    {GLOBAL_PLAIN, "__builtin__", "complex", NO_TYPE},
    {GLOBAL_PLAIN, "collections", "Counter", NO_TYPE},
    {GLOBAL_PLAIN, "_codecs", "encode", NO_TYPE},
    {GLOBAL_REFUSED, "torch._utils", "_rebuild_sparse_tensor", NO_TYPE},
    {GLOBAL_REFUSED, "torch._utils", "_rebuild_sparse_csr_tensor", NO_TYPE},
    {GLOBAL_REFUSED, "torch._utils", "_rebuild_qtensor", NO_TYPE},
    {GLOBAL_REFUSED, "torch._utils", "_rebuild_meta_tensor_no_storage", NO_TYPE},
    {GLOBAL_REFUSED, "torch._utils", "_rebuild_wrapper_subclass", NO_TYPE},
    {GLOBAL_REFUSED, "torch._utils", "_rebuild_nested_tensor", NO_TYPE},
    {GLOBAL_REFUSED, "torch._tensor", "_rebuild_from_type_v2", NO_TYPE},
    {GLOBAL_REFUSED, "torch.nn.parameter", "Parameter", NO_TYPE},
    {GLOBAL_REFUSED, "torch", "Tensor", NO_TYPE},
    {GLOBAL_STORAGE, "torch", "FloatStorage", KNOWN("float32", 4, MICA_DTYPE_F32)},
    {GLOBAL_STORAGE, "torch", "DoubleStorage", KNOWN("float64", 8, MICA_DTYPE_F64)},
    {GLOBAL_STORAGE, "torch", "HalfStorage", KNOWN("float16", 2, MICA_DTYPE_F16)},
    {GLOBAL_STORAGE, "torch", "BFloat16Storage", KNOWN("bfloat16", 2, MICA_DTYPE_BF16)},
    {GLOBAL_STORAGE, "torch", "LongStorage", KNOWN("int64", 8, MICA_DTYPE_I64)},
    {GLOBAL_STORAGE, "torch", "IntStorage", KNOWN("int32", 4, MICA_DTYPE_I32)},
    {GLOBAL_STORAGE, "torch", "ShortStorage", KNOWN("int16", 2, MICA_DTYPE_I16)},
    {GLOBAL_STORAGE, "torch", "CharStorage", KNOWN("int8", 1, MICA_DTYPE_I8)},
    {GLOBAL_STORAGE, "torch", "ByteStorage", KNOWN("uint8", 1, MICA_DTYPE_U8)},
    {GLOBAL_STORAGE, "torch", "BoolStorage", KNOWN("bool", 1, MICA_DTYPE_BOOL)},
    {GLOBAL_STORAGE, "torch", "ComplexFloatStorage", UNKNOWN("complex64", 8)},
    {GLOBAL_STORAGE, "torch", "ComplexDoubleStorage", UNKNOWN("complex128", 16)},
    {GLOBAL_STORAGE, "torch", "UntypedStorage", NO_TYPE},
    {GLOBAL_DTYPE, "torch", "float32", KNOWN("float32", 4, MICA_DTYPE_F32)},
    {GLOBAL_DTYPE, "torch", "float", KNOWN("float32", 4, MICA_DTYPE_F32)},
    {GLOBAL_DTYPE, "torch", "float64", KNOWN("float64", 8, MICA_DTYPE_F64)},
    {GLOBAL_DTYPE, "torch", "double", KNOWN("float64", 8, MICA_DTYPE_F64)},
    {GLOBAL_DTYPE, "torch", "float16", KNOWN("float16", 2, MICA_DTYPE_F16)},
    {GLOBAL_DTYPE, "torch", "half", KNOWN("float16", 2, MICA_DTYPE_F16)},
    {GLOBAL_DTYPE, "torch", "bfloat16", KNOWN("bfloat16", 2, MICA_DTYPE_BF16)},
    {GLOBAL_DTYPE, "torch", "int64", KNOWN("int64", 8, MICA_DTYPE_I64)},
    {GLOBAL_DTYPE, "torch", "long", KNOWN("int64", 8, MICA_DTYPE_I64)},
    {GLOBAL_DTYPE, "torch", "int32", KNOWN("int32", 4, MICA_DTYPE_I32)},
    {GLOBAL_DTYPE, "torch", "int", KNOWN("int32", 4, MICA_DTYPE_I32)},
    {GLOBAL_DTYPE, "torch", "int16", KNOWN("int16", 2, MICA_DTYPE_I16)},
    {GLOBAL_DTYPE, "torch", "short", KNOWN("int16", 2, MICA_DTYPE_I16)},
    {GLOBAL_DTYPE, "torch", "int8", KNOWN("int8", 1, MICA_DTYPE_I8)},
    {GLOBAL_DTYPE, "torch", "uint8", KNOWN("uint8", 1, MICA_DTYPE_U8)},
    {GLOBAL_DTYPE, "torch", "uint16", KNOWN("uint16", 2, MICA_DTYPE_U16)},
    {GLOBAL_DTYPE, "torch", "uint32", KNOWN("uint32", 4, MICA_DTYPE_U32)},
    {GLOBAL_DTYPE, "torch", "uint64", KNOWN("uint64", 8, MICA_DTYPE_U64)},
    {GLOBAL_DTYPE, "torch", "bool", KNOWN("bool", 1, MICA_DTYPE_BOOL)},
    {GLOBAL_DTYPE, "torch", "complex32", UNKNOWN("complex32", 4)},
    {GLOBAL_DTYPE, "torch", "complex64", UNKNOWN("complex64", 8)},
    {GLOBAL_DTYPE, "torch", "complex128", UNKNOWN("complex128", 16)},
    {GLOBAL_DTYPE, "torch", "float8_e4m3fn", UNKNOWN("float8_e4m3fn", 1)},
    {GLOBAL_DTYPE, "torch", "float8_e4m3fnuz", UNKNOWN("float8_e4m3fnuz", 1)},
    {GLOBAL_DTYPE, "torch", "float8_e5m2", UNKNOWN("float8_e5m2", 1)},
    {GLOBAL_DTYPE, "torch", "float8_e5m2fnuz", UNKNOWN("float8_e5m2fnuz", 1)},
    {GLOBAL_DTYPE, "torch", "float8_e8m0fnu", UNKNOWN("float8_e8m0fnu", 1)},
};

#define RANK_LIMIT 64 /* PyTorch's own */

static bool same(const char *data, size_t size, const char *text)
{
    return strlen(text) == size && memcmp(data, text, size) == 0;
}

static bool is_text(const mica_pickle_value *value, const char *text)
{
    return value->kind == MICA_PICKLE_TEXT && same(value->u.text.data, value->u.text.size, text);
}

static bool in_module(const mica_torch_global *g, const char *module, size_t size)
{
    if (g->kind == GLOBAL_STORAGE &&
        (same(module, size, "torch.cuda") || same(module, size, "torch.storage")))
        return true;
    return same(module, size, g->module);
}

static mica_status out_of_memory(mica_error *err)
{
    return mica_fail_memory(err, 0, "the values of a pickle");
}

mica_status mica_torch_find_global(mica_pickle *pickle, const char *module, size_t module_size,
                                   const char *name, size_t name_size, mica_pickle_value **out,
                                   mica_error *err)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        const mica_torch_global *g = &globals[i];
        if (!same(name, name_size, g->name) || !in_module(g, module, module_size))
            continue;
        if (g->kind == GLOBAL_REFUSED)
            return mica_pickle_fail(pickle, err, MICA_STATUS_UNSUPPORTED,
                                    "the pickle has %s.%s, a kind of tensor that is not supported",
                                    g->module, g->name);
        *out = mica_pickle_new(pickle, MICA_PICKLE_GLOBAL);
        if (!*out)
            return out_of_memory(err);
        (*out)->u.global = g;
        return MICA_OK;
    }
    return mica_pickle_fail(
        pickle, err, MICA_STATUS_FORMAT,
        "the pickle wants '%.*s.%.*s', which is not allowed: weights do not need it",
        mica_torch_shown(module_size), module, mica_torch_shown(name_size), name);
}

/* Constructors copy what they are given, and may be given one long list again and again: all that
 * is copied must stay below the bytes that the pickle took. */
static mica_status spend(mica_pickle *pickle, size_t elements, mica_error *err)
{
    pickle->copied += elements;
    if (pickle->copied > pickle->at)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle builds far more than it holds");
    return MICA_OK;
}

/* OrderedDict() or, from Python 2, OrderedDict([[key, value], ...]). */
static mica_status build_dict(mica_pickle *pickle, const mica_pickle_value *arguments,
                              mica_pickle_value **out, mica_error *err)
{
    const mica_pickle_value *pairs = arguments->u.list.count ? arguments->u.list.items[0] : NULL;
    if (arguments->u.list.count > 1 || (pairs && pairs->kind != MICA_PICKLE_LIST))
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle makes an OrderedDict of something else than pairs");
    *out = mica_pickle_new(pickle, MICA_PICKLE_DICT);
    if (!*out)
        return out_of_memory(err);
    if (!pairs)
        return MICA_OK;
    mica_status status = spend(pickle, pairs->u.list.count, err);
    if (status)
        return status;
    for (size_t i = 0; i < pairs->u.list.count; i++) {
        const mica_pickle_value *pair = pairs->u.list.items[i];
        if ((pair->kind != MICA_PICKLE_LIST && pair->kind != MICA_PICKLE_TUPLE) ||
            pair->u.list.count != 2)
            return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                    "the pickle makes an OrderedDict of something else than pairs");
        if (!mica_pickle_append(pickle, *out, pair->u.list.items[0]) ||
            !mica_pickle_append(pickle, *out, pair->u.list.items[1]))
            return out_of_memory(err);
    }
    return MICA_OK;
}

static mica_status build_size(mica_pickle *pickle, const mica_pickle_value *arguments,
                              mica_pickle_value **out, mica_error *err)
{
    if (arguments->u.list.count != 1 || arguments->u.list.items[0]->kind != MICA_PICKLE_TUPLE)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle makes a torch.Size of something else than a tuple");
    *out = arguments->u.list.items[0];
    return MICA_OK;
}

/* Bits that change what the stored numbers mean. */
static mica_status check_metadata(const mica_pickle *pickle, const mica_pickle_value *metadata,
                                  mica_error *err)
{
    if (metadata->kind == MICA_PICKLE_NONE)
        return MICA_OK;
    if (metadata->kind != MICA_PICKLE_DICT)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle gives a tensor %s as its metadata",
                                mica_pickle_kind_name(metadata->kind));
    for (size_t i = 0; i + 1 < metadata->u.list.count; i += 2) {
        const mica_pickle_value *key = metadata->u.list.items[i];
        const mica_pickle_value *value = metadata->u.list.items[i + 1];
        if (!is_text(key, "conj") && !is_text(key, "neg"))
            continue;
        if (value->kind != MICA_PICKLE_BOOL || value->u.integer)
            return mica_pickle_fail(pickle, err, MICA_STATUS_UNSUPPORTED,
                                    "the pickle has a tensor with its '%.*s' bit set",
                                    mica_torch_shown(key->u.text.size), key->u.text.data);
    }
    return MICA_OK;
}

static mica_status read_sizes(mica_pickle *pickle, const mica_pickle_value *tuple, const char *what,
                              size_t rank, int64_t *out, mica_error *err)
{
    for (size_t i = 0; i < rank; i++) {
        const mica_pickle_value *item = tuple->u.list.items[i];
        if (item->kind != MICA_PICKLE_INT)
            return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                    "the pickle has a tensor whose %s holds %s", what,
                                    mica_pickle_kind_name(item->kind));
        if (item->u.integer < 0)
            return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                    "the pickle has a tensor whose %s holds %" PRId64, what,
                                    item->u.integer);
        out[i] = item->u.integer;
    }
    return MICA_OK;
}

/* Counts the elements and proves that all of them lie inside the storage. */
static mica_status check_extent(mica_pickle *pickle, mica_torch_tensor *t, mica_error *err)
{
    const mica_torch_storage *storage = t->storage;
    int64_t elements = 1, last = t->offset, limit = storage->count;
    size_t bytes;
    bool fits = true, empty = false;
    for (size_t i = 0; i < t->rank; i++)
        empty = empty || t->dims[i] == 0;
    for (size_t i = 0; i < t->rank && !empty; i++) {
        int64_t reach;
        fits = fits && mica_mul_i64(elements, t->dims[i], &elements) &&
               mica_mul_i64(t->dims[i] - 1, t->strides[i], &reach) &&
               mica_add_i64(last, reach, &last);
    }
    if (empty)
        return MICA_OK;
    if (!storage->type) /* counted in bytes */
        limit /= (int64_t)t->type->size;
    if (!fits || !mica_mul_size((size_t)elements, t->type->size, &bytes))
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle has a tensor whose size overflows");
    if (last >= limit)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle has a tensor that reaches element %" PRId64
                                " of storage '%.*s', which holds %" PRId64,
                                last, mica_torch_shown(storage->key_size), storage->key, limit);
    t->bytes = bytes;
    return MICA_OK;
}

static mica_status new_tensor(mica_pickle *pickle, const mica_pickle_value *sizes,
                              const mica_pickle_value *strides, mica_torch_tensor **out,
                              mica_error *err)
{
    mica_arena *arena = &pickle->weights->arena;
    if (sizes->kind != MICA_PICKLE_TUPLE || strides->kind != MICA_PICKLE_TUPLE ||
        sizes->u.list.count != strides->u.list.count || sizes->u.list.count > RANK_LIMIT)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle has a tensor whose size and stride are not two tuples "
                                "of the same length up to %d",
                                RANK_LIMIT);
    size_t rank = sizes->u.list.count;
    mica_status status = spend(pickle, 2 * rank + 1, err);
    if (status)
        return status;
    mica_torch_tensor *t = mica_arena_alloc(arena, sizeof *t);
    if (!t)
        return out_of_memory(err);
    t->rank = rank;
    t->dims = mica_arena_array(arena, rank + 1, sizeof *t->dims);
    t->strides = mica_arena_array(arena, rank + 1, sizeof *t->strides);
    if (!t->dims || !t->strides)
        return out_of_memory(err);
    *out = t;
    status = read_sizes(pickle, sizes, "size", rank, t->dims, err);
    return status ? status : read_sizes(pickle, strides, "stride", rank, t->strides, err);
}

/* The type of a tensor's elements: its storage's, or (v3) the one named beside untyped bytes. */
static mica_status find_type(const mica_pickle *pickle, const mica_torch_storage *storage,
                             const mica_pickle_value *dtype, const mica_torch_type **out,
                             mica_error *err)
{
    *out = storage->type;
    if (dtype) {
        if (dtype->kind != MICA_PICKLE_GLOBAL || dtype->u.global->kind != GLOBAL_DTYPE)
            return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                    "the pickle has a tensor whose dtype is %s",
                                    mica_pickle_kind_name(dtype->kind));
        *out = &dtype->u.global->type;
        if (storage->type && storage->type->size != (*out)->size)
            return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                    "the pickle has a tensor of %s over a storage of %s",
                                    (*out)->name, storage->type->name);
    }
    if (!*out)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle has a tensor over an untyped storage and no dtype");
    return MICA_OK;
}

/* (storage, offset, size, stride [, requires_grad, hooks [, dtype] [, metadata]]) */
static mica_status build_tensor(mica_pickle *pickle, global_kind kind,
                                const mica_pickle_value *arguments, mica_pickle_value **out,
                                mica_error *err)
{
    mica_pickle_value *const *a = arguments->u.list.items;
    size_t count = arguments->u.list.count;
    size_t least = kind == GLOBAL_REBUILD_TENSOR ? 4 : kind == GLOBAL_REBUILD_TENSOR_V2 ? 6 : 7;
    size_t most = kind == GLOBAL_REBUILD_TENSOR ? 4 : least + 1;
    if (count < least || count > most)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle makes a tensor of %zu values", count);
    if (a[0]->kind != MICA_PICKLE_STORAGE || a[1]->kind != MICA_PICKLE_INT)
        return mica_pickle_fail(
            pickle, err, MICA_STATUS_FORMAT,
            "the pickle makes a tensor of %s and %s instead of a storage and an offset",
            mica_pickle_kind_name(a[0]->kind), mica_pickle_kind_name(a[1]->kind));
    if (a[1]->u.integer < 0)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle makes a tensor with the negative offset %" PRId64,
                                a[1]->u.integer);
    mica_status status = count > least ? check_metadata(pickle, a[least], err) : MICA_OK;
    mica_torch_tensor *t = NULL;
    if (!status)
        status = new_tensor(pickle, a[2], a[3], &t, err);
    if (status)
        return status;
    t->storage = a[0]->u.storage;
    t->offset = a[1]->u.integer;
    status = find_type(pickle, t->storage, kind == GLOBAL_REBUILD_TENSOR_V3 ? a[6] : NULL, &t->type,
                       err);
    if (!status)
        status = check_extent(pickle, t, err);
    if (status)
        return status;
    *out = mica_pickle_new(pickle, MICA_PICKLE_TENSOR);
    if (!*out)
        return out_of_memory(err);
    (*out)->u.tensor = t;
    return MICA_OK;
}

mica_status mica_torch_call(mica_pickle *pickle, const mica_pickle_value *function,
                            mica_pickle_value *arguments, mica_pickle_value **out, mica_error *err)
{
    if (function->kind != MICA_PICKLE_GLOBAL || arguments->kind != MICA_PICKLE_TUPLE)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT, "the pickle calls %s with %s",
                                mica_pickle_kind_name(function->kind),
                                mica_pickle_kind_name(arguments->kind));
    const mica_torch_global *g = function->u.global;
    switch (g->kind) {
    case GLOBAL_ORDERED_DICT:
        return build_dict(pickle, arguments, out, err);
    case GLOBAL_SIZE:
        return build_size(pickle, arguments, out, err);
    case GLOBAL_REBUILD_TENSOR:
    case GLOBAL_REBUILD_TENSOR_V2:
    case GLOBAL_REBUILD_TENSOR_V3:
        return build_tensor(pickle, g->kind, arguments, out, err);
    case GLOBAL_REBUILD_PARAMETER:
        if (arguments->u.list.count < 1 || arguments->u.list.items[0]->kind != MICA_PICKLE_TENSOR)
            return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                    "the pickle makes a Parameter of something else than a tensor");
        *out = arguments->u.list.items[0];
        return MICA_OK;
    case GLOBAL_PLAIN:
        *out = mica_pickle_new(pickle, MICA_PICKLE_OTHER);
        return *out ? MICA_OK : out_of_memory(err);
    default:
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT, "the pickle calls %s.%s",
                                g->module, g->name);
    }
}

/* view_metadata of the legacy format: (view key, offset, count) within the root storage. */
static mica_status apply_view(mica_pickle *pickle, const mica_pickle_value *view,
                              mica_torch_storage *storage, mica_error *err)
{
    int64_t end;
    if (view->kind == MICA_PICKLE_NONE)
        return MICA_OK;
    if (view->kind != MICA_PICKLE_TUPLE || view->u.list.count != 3 ||
        view->u.list.items[1]->kind != MICA_PICKLE_INT ||
        view->u.list.items[2]->kind != MICA_PICKLE_INT)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle has a storage whose view is not (key, offset, count)");
    int64_t skip = view->u.list.items[1]->u.integer, count = view->u.list.items[2]->u.integer;
    if (skip < 0 || count < 0 || !mica_add_i64(skip, count, &end) || end > storage->count)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle has a view of %" PRId64 " elements at %" PRId64
                                " into storage '%.*s', which holds %" PRId64,
                                count, skip, mica_torch_shown(storage->key_size), storage->key,
                                storage->count);
    storage->skip = skip;
    storage->count = count;
    return MICA_OK;
}

/* ('storage', type, key, location, count [, view]) */
static mica_status read_persistent(mica_pickle *pickle, const mica_pickle_value *id,
                                   mica_torch_storage *storage, mica_error *err)
{
    mica_pickle_value *const *a = id->u.list.items;
    const mica_pickle_value *type = a[1], *key = a[2], *count = a[4];
    if (type->kind != MICA_PICKLE_GLOBAL || type->u.global->kind != GLOBAL_STORAGE)
        return mica_pickle_fail(
            pickle, err, MICA_STATUS_FORMAT, "the pickle has a storage whose type is %s",
            type->kind == MICA_PICKLE_GLOBAL ? type->u.global->name
                                             : mica_pickle_kind_name(type->kind));
    if (key->kind != MICA_PICKLE_TEXT)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle has a storage whose key is %s",
                                mica_pickle_kind_name(key->kind));
    if (count->kind != MICA_PICKLE_INT || count->u.integer < 0)
        return mica_pickle_fail(
            pickle, err, MICA_STATUS_FORMAT, "the pickle has a storage '%.*s' whose count is %s",
            mica_torch_shown(key->u.text.size), key->u.text.data,
            count->kind == MICA_PICKLE_INT ? "negative" : mica_pickle_kind_name(count->kind));
    storage->type = type->u.global->type.size ? &type->u.global->type : NULL;
    storage->key = key->u.text.data;
    storage->key_size = key->u.text.size;
    storage->count = storage->root_count = count->u.integer;
    return pickle->legacy ? apply_view(pickle, a[5], storage, err) : MICA_OK;
}

mica_status mica_torch_persistent(mica_pickle *pickle, const mica_pickle_value *id,
                                  mica_pickle_value **out, mica_error *err)
{
    size_t count = pickle->legacy ? 6 : 5;
    if (id->kind != MICA_PICKLE_TUPLE || id->u.list.count == 0 ||
        id->u.list.items[0]->kind != MICA_PICKLE_TEXT)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle has %s as a persistent id",
                                mica_pickle_kind_name(id->kind));
    const mica_pickle_value *what = id->u.list.items[0];
    if (!is_text(what, "storage"))
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle has a persistent id of '%.*s', not of a storage",
                                mica_torch_shown(what->u.text.size), what->u.text.data);
    if (id->u.list.count != count)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle has a storage of %zu values instead of %zu",
                                id->u.list.count, count);
    mica_torch_storage *storage = mica_arena_alloc(&pickle->weights->arena, sizeof *storage);
    *out = mica_pickle_new(pickle, MICA_PICKLE_STORAGE);
    if (!storage || !*out)
        return out_of_memory(err);
    mica_status status = read_persistent(pickle, id, storage, err);
    if (!status && pickle->find)
        status = pickle->find(pickle->user, storage, err);
    if (status)
        return status;
    storage->next = pickle->storages;
    pickle->storages = storage;
    (*out)->u.storage = storage;
    return MICA_OK;
}

/* Do the elements lie one after another? Strides of dimensions of one element do not matter. */
static bool in_order(const mica_torch_tensor *t)
{
    int64_t expected = 1;
    for (size_t i = t->rank; i > 0; i--) {
        if (t->dims[i - 1] == 1)
            continue;
        if (t->strides[i - 1] != expected)
            return false;
        expected *= t->dims[i - 1];
    }
    return true;
}

static mica_status add_tensor(mica_pickle *pickle, const mica_pickle_value *key,
                              const mica_torch_tensor *t, mica_error *err)
{
    mica_weights *w = pickle->weights;
    mica_weight *weight = &w->items[w->count];
    const char *name = key->u.text.data;
    size_t size = key->u.text.size;
    if (key->kind != MICA_PICKLE_TEXT)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s': a tensor's name is %s", w->path,
                         mica_pickle_kind_name(key->kind));
    if (memchr(name, 0, size) || mica_utf8_valid_prefix(name, size) != size)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s': a tensor's name '%.*s' is not valid text",
                         w->path, mica_torch_shown(size), name);
    weight->name = mica_arena_text(&w->arena, name, size);
    if (!weight->name)
        return out_of_memory(err);
    weight->dtype = t->type->dtype;
    weight->refused = t->type->known ? NULL : t->type->name;
    weight->rank = t->rank;
    weight->dims = t->dims;
    weight->bytes = t->bytes;
    weight->strides = t->bytes == 0 || in_order(t) ? NULL : t->strides;
    weight->data = t->bytes ? t->storage->data + (size_t)t->offset * t->type->size : NULL;
    w->count++;
    return MICA_OK;
}

/* Training checkpoints keep the weights one level down; which of several is meant is not for us to
 * guess. */
static mica_status refuse_nested(const mica_pickle *pickle, const mica_pickle_value *root,
                                 const mica_pickle_value *key, mica_error *err)
{
    mica_buf keys;
    mica_buf_init(&keys, 400);
    for (size_t i = 0; i + 1 < root->u.list.count; i += 2) {
        const mica_pickle_value *k = root->u.list.items[i];
        if (k->kind != MICA_PICKLE_TEXT)
            continue;
        if (!mica_buf_printf(&keys, "%s%.*s", keys.size ? ", " : "",
                             mica_torch_shown(k->u.text.size), k->u.text.data))
            break;
    }
    mica_status status =
        mica_fail(err, MICA_STATUS_FORMAT,
                  "'%s': the weights are not at the top level but under '%.*s'; save that mapping "
                  "alone. Its keys are: %s",
                  pickle->weights->path, mica_torch_shown(key->u.text.size), key->u.text.data,
                  mica_buf_cstr(&keys));
    mica_buf_free(&keys);
    return status;
}

mica_status mica_torch_collect(mica_pickle *pickle, const mica_pickle_value *root, mica_error *err)
{
    mica_weights *w = pickle->weights;
    if (root->kind != MICA_PICKLE_DICT)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s' holds %s instead of a mapping from names to tensors", w->path,
                         mica_pickle_kind_name(root->kind));
    size_t entries = root->u.list.count / 2;
    w->items = mica_arena_array(&w->arena, entries + 1, sizeof *w->items);
    if (!w->items)
        return out_of_memory(err);
    for (size_t i = 0; i < entries; i++) {
        const mica_pickle_value *key = root->u.list.items[2 * i];
        const mica_pickle_value *value = root->u.list.items[2 * i + 1];
        mica_status status = MICA_OK;
        if (value->kind == MICA_PICKLE_TENSOR)
            status = add_tensor(pickle, key, value->u.tensor, err);
        else if (value->kind == MICA_PICKLE_DICT && value->u.list.count > 0 &&
                 (is_text(key, "state_dict") || is_text(key, "model")))
            status = refuse_nested(pickle, root, key, err);
        if (status)
            return status;
    }
    return MICA_OK;
}
