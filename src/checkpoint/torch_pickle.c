/* SPDX-License-Identifier: MIT
 *
 * The pickle machine: a stack, marks, a memo, and the opcodes that torch.save writes for weights.
 *
 * Opcodes are those of torch/_weights_only_unpickler.py, and of protocol 4 the few that say the
 * same in other words. Depths need no limits of their own: each push costs at least a byte of the
 * pickle, whose size is limited.
 */
#include "checkpoint/torch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum {
    OP_MARK = '(',
    OP_STOP = '.',
    OP_BINFLOAT = 'G',
    OP_BININT = 'J',
    OP_BININT1 = 'K',
    OP_BININT2 = 'M',
    OP_NONE = 'N',
    OP_BINPERSID = 'Q',
    OP_REDUCE = 'R',
    OP_SHORT_BINSTRING = 'U',
    OP_BINUNICODE = 'X',
    OP_EMPTY_LIST = ']',
    OP_APPEND = 'a',
    OP_BUILD = 'b',
    OP_GLOBAL = 'c',
    OP_APPENDS = 'e',
    OP_BINGET = 'h',
    OP_LONG_BINGET = 'j',
    OP_BINPUT = 'q',
    OP_LONG_BINPUT = 'r',
    OP_SETITEM = 's',
    OP_TUPLE = 't',
    OP_SETITEMS = 'u',
    OP_EMPTY_DICT = '}',
    OP_EMPTY_TUPLE = ')',
    OP_PROTO = 0x80,
    OP_NEWOBJ = 0x81,
    OP_TUPLE1 = 0x85,
    OP_TUPLE2 = 0x86,
    OP_TUPLE3 = 0x87,
    OP_NEWTRUE = 0x88,
    OP_NEWFALSE = 0x89,
    OP_LONG1 = 0x8a,
    OP_SHORT_BINUNICODE = 0x8c,
    OP_EMPTY_SET = 0x8f,
    OP_STACK_GLOBAL = 0x93,
    OP_MEMOIZE = 0x94,
    OP_FRAME = 0x95
};

const char *mica_pickle_kind_name(mica_pickle_kind kind)
{
    static const char *const names[] = {"None",   "bool",    "int",   "another object",
                                        "str",    "tuple",   "list",  "dict",
                                        "global", "storage", "tensor"};
    return names[kind];
}

mica_status mica_pickle_fail(const mica_pickle *pickle, mica_error *err, mica_status status,
                             const char *format, ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return mica_fail(err, status,
                     "'%s': %s (at byte %zu of the pickle). If you trust the file, convert it to "
                     "safetensors",
                     pickle->weights->path, what, pickle->at);
}

static mica_status out_of_memory(mica_error *err)
{
    return mica_fail_memory(err, 0, "the values of a pickle");
}

mica_pickle_value *mica_pickle_new(mica_pickle *pickle, mica_pickle_kind kind)
{
    mica_pickle_value *value = mica_arena_alloc(&pickle->weights->arena, sizeof *value);
    if (value)
        value->kind = kind;
    return value;
}

bool mica_pickle_append(mica_pickle *pickle, mica_pickle_value *list, mica_pickle_value *item)
{
    if (list->u.list.count == list->u.list.capacity) {
        size_t capacity = list->u.list.capacity ? list->u.list.capacity * 2 : 4;
        mica_pickle_value **items =
            mica_arena_array(&pickle->weights->arena, capacity, sizeof(mica_pickle_value *));
        if (!items)
            return false;
        if (list->u.list.count)
            memcpy(items, list->u.list.items, list->u.list.count * sizeof(mica_pickle_value *));
        list->u.list.items = items;
        list->u.list.capacity = capacity;
    }
    list->u.list.items[list->u.list.count++] = item;
    return true;
}

void mica_pickle_free(mica_pickle *pickle)
{
    mica_free(pickle->stack);
    mica_free(pickle->marks);
    mica_free(pickle->memo);
    pickle->stack = pickle->memo = NULL;
    pickle->marks = NULL;
    pickle->stack_capacity = pickle->mark_capacity = pickle->memo_count = 0;
}

/* The stack: values since the last mark are free to be popped, those before it are not. */

static size_t floor_of(const mica_pickle *p)
{
    return p->mark_count ? p->marks[p->mark_count - 1] : 0;
}

static mica_status push(mica_pickle *p, mica_pickle_value *value, mica_error *err)
{
    if (!value)
        return out_of_memory(err);
    if (p->depth == p->stack_capacity) {
        size_t capacity = p->stack_capacity ? p->stack_capacity * 2 : 64;
        mica_pickle_value **stack = mica_realloc_array(p->stack, capacity, sizeof *stack);
        if (!stack)
            return out_of_memory(err);
        p->stack = stack;
        p->stack_capacity = capacity;
    }
    p->stack[p->depth++] = value;
    return MICA_OK;
}

static mica_status need(const mica_pickle *p, size_t count, mica_error *err)
{
    if (p->depth - floor_of(p) < count)
        return mica_pickle_fail(p, err, MICA_STATUS_FORMAT,
                                "the pickle is damaged: its stack holds %zu values, %zu are needed",
                                p->depth - floor_of(p), count);
    return MICA_OK;
}

static mica_status push_mark(mica_pickle *p, mica_error *err)
{
    if (p->mark_count == p->mark_capacity) {
        size_t capacity = p->mark_capacity ? p->mark_capacity * 2 : 64;
        size_t *marks = mica_realloc_array(p->marks, capacity, sizeof *marks);
        if (!marks)
            return out_of_memory(err);
        p->marks = marks;
        p->mark_capacity = capacity;
    }
    p->marks[p->mark_count++] = p->depth;
    return MICA_OK;
}

/* Takes the last mark off; the values above it are stack[*first .. depth). */
static mica_status pop_mark(mica_pickle *p, size_t *first, mica_error *err)
{
    *first = 0;
    if (p->mark_count == 0)
        return mica_pickle_fail(p, err, MICA_STATUS_FORMAT,
                                "the pickle is damaged: a mark is missing");
    *first = p->marks[--p->mark_count];
    return MICA_OK;
}

/* The memo. Picklers number memo entries from 0 upwards, so an index beyond the bytes read so far
 * is an attack on our memory. */

static mica_status memo_put(mica_pickle *p, size_t index, mica_error *err)
{
    mica_status status = need(p, 1, err);
    if (status)
        return status;
    if (index >= p->at)
        return mica_pickle_fail(p, err, MICA_STATUS_FORMAT,
                                "the pickle is damaged: memo entry %zu comes out of order", index);
    if (index >= p->memo_count) {
        size_t count = p->memo_count ? p->memo_count * 2 : 64;
        if (count <= index)
            count = index + 1;
        mica_pickle_value **memo = mica_realloc_array(p->memo, count, sizeof *memo);
        if (!memo)
            return out_of_memory(err);
        memset(memo + p->memo_count, 0, (count - p->memo_count) * sizeof *memo);
        p->memo = memo;
        p->memo_count = count;
    }
    p->memo[index] = p->stack[p->depth - 1];
    return MICA_OK;
}

static mica_status memo_get(mica_pickle *p, size_t index, mica_error *err)
{
    if (index >= p->memo_count || !p->memo[index])
        return mica_pickle_fail(
            p, err, MICA_STATUS_FORMAT,
            "the pickle is damaged: it gets memo entry %zu, which was never put", index);
    return push(p, p->memo[index], err);
}

/* Reading. `take` gives the next `size` bytes. */

static mica_status take(mica_pickle *p, size_t size, const unsigned char **out, mica_error *err)
{
    *out = NULL;
    if (p->size - p->at < size)
        return mica_pickle_fail(p, err, MICA_STATUS_FORMAT,
                                "the pickle is truncated: %zu bytes are wanted, %zu are left", size,
                                p->size - p->at);
    *out = p->data + p->at;
    p->at += size;
    return MICA_OK;
}

static mica_status take_number(mica_pickle *p, size_t size, uint64_t *out, mica_error *err)
{
    const unsigned char *bytes;
    *out = 0;
    mica_status status = take(p, size, &bytes, err);
    if (status)
        return status;
    for (size_t i = size; i > 0; i--)
        *out = *out << 8 | bytes[i - 1];
    return MICA_OK;
}

static mica_status push_int(mica_pickle *p, mica_pickle_kind kind, int64_t integer, mica_error *err)
{
    mica_pickle_value *value = mica_pickle_new(p, kind);
    if (value)
        value->u.integer = integer;
    return push(p, value, err);
}

static mica_status push_long(mica_pickle *p, mica_error *err)
{
    uint64_t size, bits = 0;
    const unsigned char *bytes = NULL;
    mica_status status = take_number(p, 1, &size, err);
    if (!status)
        status = take(p, (size_t)size, &bytes, err);
    if (status)
        return status;
    if (size > 8) /* no size or offset: legal, but of no use */
        return push(p, mica_pickle_new(p, MICA_PICKLE_OTHER), err);
    for (size_t i = 0; i < size; i++)
        bits |= (uint64_t)bytes[i] << (8 * i);
    if (size > 0 && size < 8 && bytes[size - 1] & 0x80)
        bits |= ~(uint64_t)0 << (8 * size);
    return push_int(p, MICA_PICKLE_INT, (int64_t)bits, err);
}

static mica_status push_text(mica_pickle *p, size_t length_size, mica_error *err)
{
    uint64_t size;
    const unsigned char *bytes;
    mica_status status = take_number(p, length_size, &size, err);
    if (!status)
        status = take(p, (size_t)size, &bytes, err);
    if (status)
        return status;
    mica_pickle_value *value = mica_pickle_new(p, MICA_PICKLE_TEXT);
    if (value) {
        value->u.text.data = (const char *)bytes;
        value->u.text.size = (size_t)size;
    }
    return push(p, value, err);
}

static mica_status take_line(mica_pickle *p, const char **text, size_t *size, mica_error *err)
{
    *text = NULL;
    *size = 0;
    const unsigned char *from = p->data + p->at;
    const unsigned char *end = p->at < p->size ? memchr(from, '\n', p->size - p->at) : NULL;
    if (!end)
        return mica_pickle_fail(p, err, MICA_STATUS_FORMAT,
                                "the pickle is truncated in the name of a global");
    *text = (const char *)from;
    *size = (size_t)(end - from);
    p->at += *size + 1;
    return MICA_OK;
}

static mica_status op_global(mica_pickle *p, mica_error *err)
{
    const char *module, *name;
    size_t module_size, name_size;
    mica_pickle_value *value;
    mica_status status = take_line(p, &module, &module_size, err);
    if (!status)
        status = take_line(p, &name, &name_size, err);
    if (!status)
        status = mica_torch_find_global(p, module, module_size, name, name_size, &value, err);
    return status ? status : push(p, value, err);
}

static mica_status op_stack_global(mica_pickle *p, mica_error *err)
{
    mica_pickle_value *value;
    mica_status status = need(p, 2, err);
    if (status)
        return status;
    const mica_pickle_value *module = p->stack[p->depth - 2], *name = p->stack[p->depth - 1];
    if (module->kind != MICA_PICKLE_TEXT || name->kind != MICA_PICKLE_TEXT)
        return mica_pickle_fail(
            p, err, MICA_STATUS_FORMAT, "the pickle is damaged: a global is named by %s and %s",
            mica_pickle_kind_name(module->kind), mica_pickle_kind_name(name->kind));
    status = mica_torch_find_global(p, module->u.text.data, module->u.text.size, name->u.text.data,
                                    name->u.text.size, &value, err);
    if (status)
        return status;
    p->depth -= 2;
    return push(p, value, err);
}

/* The values stack[first .. depth) become one tuple. */
static mica_status make_tuple(mica_pickle *p, size_t first, mica_error *err)
{
    mica_pickle_value *tuple = mica_pickle_new(p, MICA_PICKLE_TUPLE);
    size_t count = p->depth - first;
    if (tuple && count) {
        tuple->u.list.items = mica_arena_copy(&p->weights->arena, p->stack + first,
                                              count * sizeof(mica_pickle_value *));
        tuple->u.list.count = count;
        if (!tuple->u.list.items)
            return out_of_memory(err);
    }
    p->depth = first;
    return push(p, tuple, err);
}

/* APPEND(S) and SETITEM(S): the values stack[first .. depth) go into the container below them. */
static mica_status fill(mica_pickle *p, mica_pickle_kind kind, size_t first, mica_error *err)
{
    if (first <= floor_of(p))
        return mica_pickle_fail(p, err, MICA_STATUS_FORMAT,
                                "the pickle is damaged: no container to put values into");
    mica_pickle_value *container = p->stack[first - 1];
    if (container->kind != kind)
        return mica_pickle_fail(
            p, err, MICA_STATUS_FORMAT, "the pickle puts values into %s instead of %s",
            mica_pickle_kind_name(container->kind), mica_pickle_kind_name(kind));
    if (kind == MICA_PICKLE_DICT && (p->depth - first) % 2 != 0)
        return mica_pickle_fail(p, err, MICA_STATUS_FORMAT,
                                "the pickle is damaged: a key without a value");
    for (size_t i = first; i < p->depth; i++)
        if (!mica_pickle_append(p, container, p->stack[i]))
            return out_of_memory(err);
    p->depth = first;
    return MICA_OK;
}

static mica_status fill_many(mica_pickle *p, mica_pickle_kind kind, mica_error *err)
{
    size_t first;
    mica_status status = pop_mark(p, &first, err);
    return status ? status : fill(p, kind, first, err);
}

static mica_status fill_one(mica_pickle *p, mica_pickle_kind kind, mica_error *err)
{
    size_t count = kind == MICA_PICKLE_DICT ? 2 : 1;
    mica_status status = need(p, count + 1, err);
    return status ? status : fill(p, kind, p->depth - count, err);
}

static mica_status op_call(mica_pickle *p, mica_error *err)
{
    mica_pickle_value *value;
    mica_status status = need(p, 2, err);
    if (!status)
        status = mica_torch_call(p, p->stack[p->depth - 2], p->stack[p->depth - 1], &value, err);
    if (status)
        return status;
    p->depth -= 2;
    return push(p, value, err);
}

/* Attributes of an ordered dict (a state dict's `_metadata`) say nothing about its tensors. */
static mica_status op_build(mica_pickle *p, mica_error *err)
{
    mica_status status = need(p, 2, err);
    if (status)
        return status;
    const mica_pickle_value *object = p->stack[p->depth - 2];
    if (object->kind != MICA_PICKLE_DICT)
        return mica_pickle_fail(
            p, err, MICA_STATUS_FORMAT,
            "the pickle sets the state of %s, which only an OrderedDict may have",
            mica_pickle_kind_name(object->kind));
    p->depth--;
    return MICA_OK;
}

static mica_status op_persistent(mica_pickle *p, mica_error *err)
{
    mica_pickle_value *value;
    mica_status status = need(p, 1, err);
    if (!status)
        status = mica_torch_persistent(p, p->stack[p->depth - 1], &value, err);
    if (status)
        return status;
    p->depth--;
    return push(p, value, err);
}

static mica_status run_memo(mica_pickle *p, unsigned op, mica_error *err)
{
    bool wide = op == OP_LONG_BINPUT || op == OP_LONG_BINGET;
    uint64_t index;
    mica_status status = take_number(p, wide ? 4 : 1, &index, err);
    if (status)
        return status;
    if (op == OP_BINPUT || op == OP_LONG_BINPUT)
        return memo_put(p, (size_t)index, err);
    return memo_get(p, (size_t)index, err);
}

static mica_status run_number(mica_pickle *p, unsigned op, mica_error *err)
{
    uint64_t bits;
    size_t size = op == OP_BININT ? 4 : op == OP_BININT2 ? 2 : op == OP_BININT1 ? 1 : 8;
    mica_status status = take_number(p, size, &bits, err);
    if (status)
        return status;
    if (op == OP_BINFLOAT)
        return push(p, mica_pickle_new(p, MICA_PICKLE_OTHER), err);
    return push_int(p, MICA_PICKLE_INT, op == OP_BININT ? (int32_t)(uint32_t)bits : (int64_t)bits,
                    err);
}

static mica_status run_tuple(mica_pickle *p, unsigned op, mica_error *err)
{
    size_t first;
    size_t count = op == OP_EMPTY_TUPLE ? 0 : op - OP_TUPLE1 + 1;
    mica_status status;
    if (op == OP_TUPLE) {
        status = pop_mark(p, &first, err);
    } else {
        status = need(p, count, err);
        first = p->depth - count;
    }
    return status ? status : make_tuple(p, first, err);
}

static mica_status refuse(const mica_pickle *p, unsigned op, mica_error *err)
{
    return mica_pickle_fail(p, err, MICA_STATUS_FORMAT,
                            "the pickle has the opcode 0x%02x ('%c'), which weights do not need",
                            op, op >= 0x20 && op < 0x7f ? (int)op : '?');
}

static mica_status step(mica_pickle *p, unsigned op, mica_error *err)
{
    uint64_t ignored;
    switch (op) {
    case OP_PROTO:
        return take_number(p, 1, &ignored, err);
    case OP_FRAME:
        return take_number(p, 8, &ignored, err);
    case OP_MARK:
        return push_mark(p, err);
    case OP_NONE:
        return push(p, mica_pickle_new(p, MICA_PICKLE_NONE), err);
    case OP_NEWTRUE:
    case OP_NEWFALSE:
        return push_int(p, MICA_PICKLE_BOOL, op == OP_NEWTRUE, err);
    case OP_BININT:
    case OP_BININT1:
    case OP_BININT2:
    case OP_BINFLOAT:
        return run_number(p, op, err);
    case OP_LONG1:
        return push_long(p, err);
    case OP_BINUNICODE:
        return push_text(p, 4, err);
    case OP_SHORT_BINUNICODE:
    case OP_SHORT_BINSTRING:
        return push_text(p, 1, err);
    case OP_EMPTY_TUPLE:
    case OP_TUPLE:
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        return run_tuple(p, op, err);
    case OP_EMPTY_LIST:
        return push(p, mica_pickle_new(p, MICA_PICKLE_LIST), err);
    case OP_EMPTY_DICT:
        return push(p, mica_pickle_new(p, MICA_PICKLE_DICT), err);
    case OP_EMPTY_SET:
        return push(p, mica_pickle_new(p, MICA_PICKLE_OTHER), err);
    case OP_APPEND:
        return fill_one(p, MICA_PICKLE_LIST, err);
    case OP_APPENDS:
        return fill_many(p, MICA_PICKLE_LIST, err);
    case OP_SETITEM:
        return fill_one(p, MICA_PICKLE_DICT, err);
    case OP_SETITEMS:
        return fill_many(p, MICA_PICKLE_DICT, err);
    case OP_BINPUT:
    case OP_LONG_BINPUT:
    case OP_BINGET:
    case OP_LONG_BINGET:
        return run_memo(p, op, err);
    case OP_MEMOIZE:
        return memo_put(p, p->memoized++, err);
    case OP_GLOBAL:
        return op_global(p, err);
    case OP_STACK_GLOBAL:
        return op_stack_global(p, err);
    case OP_REDUCE:
    case OP_NEWOBJ:
        return op_call(p, err);
    case OP_BUILD:
        return op_build(p, err);
    case OP_BINPERSID:
        return op_persistent(p, err);
    default:
        return refuse(p, op, err);
    }
}

mica_status mica_pickle_run(mica_pickle *pickle, mica_pickle_value **out, mica_error *err)
{
    size_t begin = pickle->at;
    pickle->depth = pickle->mark_count = pickle->memoized = 0;
    if (pickle->memo)
        memset(pickle->memo, 0, pickle->memo_count * sizeof *pickle->memo);
    for (;;) {
        const unsigned char *op;
        if (pickle->at - begin > MICA_PICKLE_MAX)
            return mica_pickle_fail(pickle, err, MICA_STATUS_UNSUPPORTED,
                                    "the pickle is longer than %zu bytes", MICA_PICKLE_MAX);
        mica_status status = take(pickle, 1, &op, err);
        if (status)
            return status;
        if (*op == OP_STOP)
            break;
        status = step(pickle, *op, err);
        if (status)
            return status;
    }
    if (pickle->depth != 1 || pickle->mark_count != 0)
        return mica_pickle_fail(pickle, err, MICA_STATUS_FORMAT,
                                "the pickle is damaged: it ends with %zu values instead of 1",
                                pickle->depth);
    *out = pickle->stack[0];
    return MICA_OK;
}
