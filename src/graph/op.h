/* SPDX-License-Identifier: MIT
 *
 * What the graph knows of each operation: one row of mica/ops.def as a struct, and the interface of
 * the functions that a row names (they live in src/ops/<family>.c):
 *
 *   mica_shape_<name>      checks inputs and parameters, gives the type of the result
 *   mica_composite_<name>  the same computation out of plain operations, for FUSED kinds
 */
#ifndef MICA_GRAPH_OP_H
#define MICA_GRAPH_OP_H

#include "base/error.h"
#include "graph/dims.h"
#include "mica/ops.h"

/* The KIND of a row; mica/ops.def says what each means. */
typedef enum mica_op_kind {
    MICA_KIND_LEAF, /* inputs and constants: no row */
    MICA_KIND_POINTWISE,
    MICA_KIND_BROADCAST,
    MICA_KIND_COMPARE,
    MICA_KIND_DENSE,
    MICA_KIND_STRIDED,
    MICA_KIND_VIEW,
    MICA_KIND_FUSED,
    MICA_KIND_FUSED_INPLACE
} mica_op_kind;

/* A call of a shape rule. in[i] is NULL for an input that is left out. `params` is the node's own
 * copy: the rule writes it in its canonical form (axes counted from the front), which is what the
 * backends see. */
typedef struct mica_shape_args {
    mica_op op;
    size_t n;
    const mica_type *const *in;
    const char *const *names; /* names of constants and inputs, or NULL */
    void *params;
} mica_shape_args;

typedef mica_status (*mica_shape_fn)(const mica_shape_args *args, mica_type *out, mica_error *err);
typedef mica_value (*mica_composite_fn)(mica_graph *graph, const mica_value *in, size_t n,
                                        const void *params);

typedef struct mica_op_info {
    const char *name, *text;
    size_t inputs; /* 0: any number from 1 */
    size_t params_size;
    mica_op_kind kind;
    mica_shape_fn shape;
    mica_composite_fn composite; /* NULL but for FUSED kinds */
} mica_op_info;

/* `op` may be any number; one that is no operation gives the row of MICA_OP_NONE. */
const mica_op_info *mica_op_get(mica_op op);
/* Whether the op may be an activation of fused_linear: pointwise and without parameters. */
bool mica_op_is_activation(mica_op op);
/* Whether input 0 is multiplied by weights, which are inputs from 1 on. */
bool mica_op_is_linear(mica_op op);
/* Whether it is attention over the sequences of a ragged batch. */
bool mica_op_is_attention(mica_op op);

/* What a shape rule says of its arguments, in order. A rule for more inputs than there are entries
 * repeats the last. */
enum {
    MICA_ARG_F32 = 1u << MICA_DTYPE_F32,
    MICA_ARG_I32 = 1u << MICA_DTYPE_I32,
    MICA_ARG_INDEX = 1u << MICA_DTYPE_I32 | 1u << MICA_DTYPE_I64,
    MICA_ARG_BOOL = 1u << MICA_DTYPE_BOOL,
    MICA_ARG_FLOAT = 1u << MICA_DTYPE_F32 | 1u << MICA_DTYPE_F16 | 1u << MICA_DTYPE_BF16,
    MICA_ARG_INTEGER = 1u << MICA_DTYPE_I8 | 1u << MICA_DTYPE_I16 | 1u << MICA_DTYPE_I32 |
                       1u << MICA_DTYPE_I64 | 1u << MICA_DTYPE_U8 | 1u << MICA_DTYPE_U16 |
                       1u << MICA_DTYPE_U32,
    MICA_ARG_NUMBER = MICA_ARG_FLOAT | MICA_ARG_INTEGER,
    MICA_ARG_WEIGHT = MICA_ARG_FLOAT,
    MICA_ARG_ANY = (1u << MICA_DTYPES) - 1
};
typedef struct mica_arg {
    const char *name;
    unsigned dtypes; /* MICA_ARG_* */
    bool optional;
} mica_arg;

/* Present where not optional, and of a dtype that is allowed. */
mica_status mica_args_check(const mica_shape_args *args, const mica_arg *rules, size_t n_rules,
                            mica_error *err);
/* Inputs i and j, which are there, are of one dtype. */
mica_status mica_args_same_dtype(const mica_shape_args *args, const mica_arg *rules, size_t i,
                                 size_t j, mica_error *err);
/* "weight 'encoder.weight' [384, 300]", for error texts. */
mica_text mica_arg_text(const mica_shape_args *args, size_t i, const char *name);
/* Turns a negative axis into one from the front; an error if x has no such axis. */
mica_status mica_axis_resolve(const mica_shape_args *args, int rank, int *axis, mica_error *err);
/* The dimensions [0, rank_a - skip) and [0, rank_b - skip) broadcast as NumPy does; *rank is the
 * number of dimensions written to `out`. False if they do not fit. */
bool mica_dims_broadcast(const mica_type *a, const mica_type *b, int skip, mica_dim *out,
                         int *rank);

/* The functions of the rows. */
mica_status mica_shape_pointwise(const mica_shape_args *args, mica_type *out, mica_error *err);
mica_status mica_shape_broadcast(const mica_shape_args *args, mica_type *out, mica_error *err);
mica_status mica_shape_compare(const mica_shape_args *args, mica_type *out, mica_error *err);

#define MICA_DECLARE_SHAPE(name)                                                                   \
    mica_status mica_shape_##name(const mica_shape_args *args, mica_type *out, mica_error *err);
#define MICA_DECLARE_COMPOSITE(name)                                                               \
    mica_value mica_composite_##name(mica_graph *graph, const mica_value *in, size_t n,            \
                                     const void *params);
#define MICA_DECLARE_POINTWISE(name)
#define MICA_DECLARE_BROADCAST(name)
#define MICA_DECLARE_COMPARE(name)
#define MICA_DECLARE_DENSE(name) MICA_DECLARE_SHAPE(name)
#define MICA_DECLARE_STRIDED(name) MICA_DECLARE_SHAPE(name)
#define MICA_DECLARE_VIEW(name) MICA_DECLARE_SHAPE(name)
#define MICA_DECLARE_FUSED(name) MICA_DECLARE_SHAPE(name) MICA_DECLARE_COMPOSITE(name)
#define MICA_DECLARE_FUSED_INPLACE(name) MICA_DECLARE_FUSED(name)
#define MICA_OP(NAME, name, inputs, KIND, text) MICA_DECLARE_##KIND(name)
#define MICA_OP_P(NAME, name, inputs, params, KIND, text) MICA_DECLARE_##KIND(name)
#include "mica/ops.def"
#undef MICA_OP
#undef MICA_OP_P

#endif
