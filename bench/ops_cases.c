/* SPDX-License-Identifier: MIT */
#include "ops_cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mica/ops.h"

typedef struct row {
    const char *name;
    bench_group group;
} row;

static const row rows[] = {
#define BENCH_PAPER(name) {name, BENCH_GROUP_PAPER},
#define BENCH_ENCODERS(name) {name, BENCH_GROUP_ENCODERS},
#define BENCH_TINY(name) {name, BENCH_GROUP_TINY},
#include "ops_cases.def"
#undef BENCH_PAPER
#undef BENCH_ENCODERS
#undef BENCH_TINY
};
const size_t bench_case_count = sizeof rows / sizeof rows[0];

static const struct {
    const char *title, *word;
    int inputs;
} ops[BENCH_OPS] = {
    [BENCH_ARGMAX] = {"Argmax", "argmax", 1},
    [BENCH_BCE] = {"BCE", "binary_cross_entropy", 2},
    [BENCH_CONCAT] = {"Concat", "concat", 2},
    [BENCH_CONV1D] = {"Conv1d", "conv1d", 2},
    [BENCH_CONV2D] = {"Conv2d", "conv2d", 2},
    [BENCH_GATHER] = {"Gather", "gather", 2},
    [BENCH_LEAKY_RELU] = {"LeakyReLU", "leaky_relu", 1},
    [BENCH_LINEAR] = {"Linear", "linear", 3},
    [BENCH_MATMUL] = {"MatMul", "matmul", 2},
    [BENCH_PRELU] = {"PReLU", "prelu", 2},
    [BENCH_RELU] = {"ReLU", "relu", 1},
    [BENCH_SCATTER] = {"Scatter", "scatter", 2},
    [BENCH_SCATTER_SUM] = {"ScatterSum", "scatter_sum", 2},
    [BENCH_SCATTER_MAX] = {"ScatterMax", "scatter_max", 2},
    [BENCH_SELU] = {"SeLU", "selu", 1},
    [BENCH_SIGMOID] = {"Sigmoid", "sigmoid", 1},
    [BENCH_SOFTMAX] = {"Softmax", "softmax", 1},
    [BENCH_SOFTPLUS] = {"Softplus", "softplus", 1},
    [BENCH_SORT] = {"Sort", "sort", 1},
    [BENCH_SUM] = {"Sum", "sum", 1},
    [BENCH_SUM_ALL] = {"SumAll", "sum_all", 1},
    [BENCH_LAYER_NORM] = {"LayerNorm", "layer_norm", 3},
    [BENCH_ATTENTION] = {"Attention", "scaled_dot_product_attention", 3},
};

const char *bench_group_name(bench_group group)
{
    static const char *const names[BENCH_GROUPS] = {"paper", "encoders", "tiny"};
    return names[group];
}

const char *bench_op_title(bench_op op)
{
    return ops[op].title;
}

const char *bench_op_word(bench_op op)
{
    return ops[op].word;
}

int64_t bench_shape_count(const bench_shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        count *= shape->dims[i];
    return count;
}

/* ---- names ---- */

/* "64x1024x128" up to a space or the end. */
static const char *read_shape(const char *at, bench_shape *out)
{
    out->rank = 0;
    for (;; at++) {
        char *end;
        long long dim = strtoll(at, &end, 10);
        if (end == at || dim < 1 || dim > INT32_MAX || out->rank == BENCH_RANK)
            return NULL;
        out->dims[out->rank++] = dim;
        at = end;
        if (*at != 'x')
            return *at == ' ' || !*at ? at : NULL;
    }
}

/* " dim=AxB ... axis=N causal" */
static bool read_words(const char *at, bench_case *c)
{
    while (at && *at) {
        at++;
        if (strncmp(at, "dim=", 4) == 0 && c->inputs < BENCH_INPUTS) {
            at = read_shape(at + 4, &c->shapes[c->inputs++]);
        } else if (strncmp(at, "axis=", 5) == 0) {
            char *end;
            c->axis = (int)strtol(at + 5, &end, 10);
            at = end;
        } else if (strcmp(at, "causal") == 0) {
            c->causal = true;
            at += strlen(at);
        } else {
            return false;
        }
        if (at && *at && *at != ' ')
            return false;
    }
    return at != NULL;
}

/* ---- shapes ---- */

/* The inputs that the name leaves out, and the order in which they are kept. */
static void complete(bench_case *c)
{
    bench_shape *s = c->shapes;
    if (c->op == BENCH_GATHER)
        c->index[1] = true;
    if (c->op == BENCH_SCATTER || c->op == BENCH_SCATTER_SUM || c->op == BENCH_SCATTER_MAX) {
        c->index[1] = true;
        s[c->inputs++] = (bench_shape){2, {s[1].dims[0], s[0].dims[1]}};
    }
    if (c->op == BENCH_LINEAR)
        s[1] = (bench_shape){2, {s[1].dims[1], s[1].dims[0]}};
}

static void output_of(bench_case *c)
{
    const bench_shape *s = c->shapes;
    bench_shape *out = &c->output;
    *out = s[0];
    switch (c->op) {
    case BENCH_ARGMAX:
    case BENCH_SUM:
        for (int i = c->axis + 1; i < s[0].rank; i++)
            out->dims[i - 1] = s[0].dims[i];
        out->rank--;
        break;
    case BENCH_BCE:
    case BENCH_SUM_ALL:
        out->rank = 0;
        break;
    case BENCH_CONCAT:
        out->dims[c->axis] += s[1].dims[c->axis];
        break;
    case BENCH_CONV1D:
    case BENCH_CONV2D:
        for (int i = 1; i < s[0].rank - 1; i++)
            out->dims[i] -= s[1].dims[i] - 1;
        out->dims[out->rank - 1] = s[1].dims[0];
        break;
    case BENCH_GATHER:
        out->dims[0] = s[1].dims[0];
        break;
    case BENCH_LINEAR:
        out->dims[out->rank - 1] = s[1].dims[0];
        break;
    case BENCH_MATMUL:
        out->dims[out->rank - 1] = s[1].dims[s[1].rank - 1];
        break;
    case BENCH_ATTENTION:
        out->dims[out->rank - 1] = s[2].dims[s[2].rank - 1];
        break;
    default:
        break;
    }
}

static void costs_of(bench_case *c)
{
    const bench_shape *s = c->shapes;
    double in[BENCH_INPUTS] = {0}, out = (double)bench_shape_count(&c->output);
    for (int i = 0; i < c->inputs; i++)
        in[i] = (double)bench_shape_count(&s[i]);
    c->written = 4 * out;
    c->bytes = 4 * (in[0] + in[1] + in[2]) + c->written;
    switch (c->op) {
    case BENCH_GATHER: /* of the table what the indices can name */
        c->bytes = 8 * in[1] + 4 * (fmin(in[0], out) + out);
        break;
    case BENCH_SCATTER: /* updates that another one overwrites need not be read */
        c->bytes = 8 * in[1] + 4 * (in[0] + fmin(in[2], in[0]) + out);
        break;
    case BENCH_SCATTER_SUM:
    case BENCH_SCATTER_MAX:
        c->bytes += 4 * in[1];
        break;
    case BENCH_MATMUL:
        c->flops = 2 * out * (double)s[0].dims[s[0].rank - 1];
        break;
    case BENCH_LINEAR:
    case BENCH_CONV1D:
    case BENCH_CONV2D: /* output o takes all that weight o holds */
        c->flops = 2 * out * in[1] / (double)s[1].dims[0];
        break;
    case BENCH_ATTENTION:
        c->flops = 4 * out * (double)s[1].dims[s[1].rank - 2] * (c->causal ? 0.5 : 1);
        break;
    default:
        break;
    }
}

/* Whether the shapes are as their operation has them, so that nothing below goes past an end. */
static bool fits(const bench_case *c)
{
    const bench_shape *s = c->shapes;
    int r = s[0].rank, last = r - 1;
    if (c->inputs != ops[c->op].inputs || c->axis < 0 || c->axis >= r)
        return false;
    switch (c->op) {
    case BENCH_BCE:
        return bench_shape_count(&s[0]) == bench_shape_count(&s[1]);
    case BENCH_CONCAT:
        return s[1].rank == r;
    case BENCH_CONV1D:
    case BENCH_CONV2D:
        return r == (c->op == BENCH_CONV1D ? 3 : 4) && s[1].rank == r &&
               s[1].dims[last] == s[0].dims[last];
    case BENCH_GATHER:
    case BENCH_SCATTER:
    case BENCH_SCATTER_SUM:
    case BENCH_SCATTER_MAX:
        return r == 2 && s[1].rank == 1;
    case BENCH_LINEAR:
        return s[1].rank == 2 && s[1].dims[0] == s[0].dims[last] && s[2].rank == 1 &&
               s[2].dims[0] == s[1].dims[1];
    case BENCH_MATMUL:
        return r >= 2 && s[1].rank >= 2 && s[1].dims[s[1].rank - 2] == s[0].dims[last] &&
               (s[1].rank == 2 || (s[1].rank == r && s[1].dims[0] == s[0].dims[0]));
    case BENCH_PRELU:
        return bench_shape_count(&s[1]) == 1;
    case BENCH_LAYER_NORM:
        return bench_shape_count(&s[1]) == s[0].dims[last] &&
               bench_shape_count(&s[2]) == s[0].dims[last];
    case BENCH_ATTENTION:
        return r == 4 && s[1].rank == 4 && s[2].rank == 4 && s[1].dims[3] == s[0].dims[3] &&
               s[1].dims[2] == s[2].dims[2];
    default:
        return true;
    }
}

bool bench_case_read(size_t i, bench_case *c)
{
    const char *slash = strstr(rows[i].name, " /");
    memset(c, 0, sizeof *c);
    c->name = rows[i].name;
    c->group = rows[i].group;
    for (c->op = 0; slash && c->op < BENCH_OPS; c->op++)
        if (strlen(ops[c->op].title) == (size_t)(slash - c->name) &&
            memcmp(ops[c->op].title, c->name, (size_t)(slash - c->name)) == 0)
            break;
    if (!slash || c->op == BENCH_OPS || !read_words(slash + 2, c))
        return false;
    if (c->axis < 0)
        c->axis += c->shapes[0].rank;
    if (!fits(c))
        return false;
    complete(c);
    output_of(c);
    costs_of(c);
    return true;
}

/* ---- with mica ---- */

mica_value bench_case_build(const bench_case *c, mica_graph *g)
{
    static const char *const names[] = {"a", "b", "c"};
    const mica_axis_params axis = {c->axis}, rows_axis = {0};
    const mica_reduce_params reduce = {.axis = c->axis, .all = c->op == BENCH_SUM_ALL};
    mica_conv2d_params conv2d;
    mica_value x[BENCH_INPUTS] = {{0}};
    memset(&conv2d, 0, sizeof conv2d);
    for (int i = 0; i < c->inputs; i++)
        x[i] = mica_input(g, names[i], c->index[i] ? MICA_DTYPE_I64 : MICA_DTYPE_F32,
                          c->shapes[i].rank, c->shapes[i].dims);
    switch (c->op) {
    case BENCH_ARGMAX:
        return mica_argmax(g, x[0], reduce);
    case BENCH_BCE:
        return mica_binary_cross_entropy(g, x[0], x[1],
                                         (mica_bce_params){false, MICA_REDUCTION_MEAN});
    case BENCH_CONCAT:
        return mica_concat(g, x, 2, axis);
    case BENCH_CONV1D:
        return mica_conv1d(g, x[0], x[1], mica_none(), (mica_conv1d_params){0});
    case BENCH_CONV2D:
        return mica_conv2d(g, x[0], x[1], mica_none(), conv2d);
    case BENCH_GATHER:
        return mica_gather(g, x[0], x[1], rows_axis);
    case BENCH_LEAKY_RELU:
        return mica_leaky_relu(g, x[0], (mica_leaky_relu_params){0.01f});
    case BENCH_LINEAR:
        return mica_linear(g, x[0], x[1], x[2]);
    case BENCH_MATMUL:
        return mica_matmul(g, x[0], x[1]);
    case BENCH_PRELU:
        return mica_prelu(g, x[0], x[1]);
    case BENCH_RELU:
        return mica_relu(g, x[0]);
    case BENCH_SCATTER:
        return mica_scatter(g, x[0], x[1], x[2], rows_axis);
    case BENCH_SCATTER_SUM:
        return mica_scatter_sum(g, x[0], x[1], x[2], rows_axis);
    case BENCH_SCATTER_MAX:
        return mica_scatter_max(g, x[0], x[1], x[2], rows_axis);
    case BENCH_SELU:
        return mica_selu(g, x[0]);
    case BENCH_SIGMOID:
        return mica_sigmoid(g, x[0]);
    case BENCH_SOFTMAX:
        return mica_softmax(g, x[0], axis);
    case BENCH_SOFTPLUS:
        return mica_softplus(g, x[0]);
    case BENCH_SORT:
        return c->indices ? mica_argsort(g, x[0], (mica_sort_params){c->axis, false})
                          : mica_sort(g, x[0], (mica_sort_params){c->axis, false});
    case BENCH_SUM:
    case BENCH_SUM_ALL:
        return mica_sum(g, x[0], reduce);
    case BENCH_LAYER_NORM:
        return mica_layer_norm(g, x[0], x[1], x[2], (mica_eps_params){1e-5f});
    case BENCH_ATTENTION:
        return mica_scaled_dot_product_attention(g, x[0], x[1], x[2], mica_none(),
                                                 (mica_sdpa_params){0, c->causal});
    case BENCH_OPS:
        break;
    }
    return mica_none();
}
