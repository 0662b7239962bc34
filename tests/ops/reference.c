/* SPDX-License-Identifier: MIT
 *
 * Operations against PyTorch: the cases of tests/fixtures/ops/reference.safetensors, which
 * tests/golden/ops.py makes and ops_case.py explains, or of a file named on the command line. At
 * every level of the processor; with one thread, and with two, which must give the same bits.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "graph/graph.h"
#include "mica/program.h"
#include "tensor/convert.h"

typedef struct reference_case {
    const char *name; /* NUMBER|OPERATION|PARAMETERS */
    const char *params;
    char op[64];
    mica_tensor *in[MICA_MAX_RANK], *out;
    size_t n;
} reference_case;

static const char *file_path = MICA_TEST_DIR "/fixtures/ops/reference.safetensors";
static size_t fewest = 3000; /* cases of it */

/* The text of a parameter, or NULL. */
static const char *find(const reference_case *c, const char *key)
{
    size_t n = strlen(key);
    for (const char *p = c->params; p != NULL && *p != '\0'; p = strchr(p, ';')) {
        p += *p == ';';
        if (strncmp(p, key, n) == 0 && p[n] == '=')
            return p + n + 1;
    }
    return NULL;
}

static double number(const reference_case *c, const char *key)
{
    const char *text = find(c, key);
    return text != NULL ? strtod(text, NULL) : 0;
}

/* Numbers with dots between; returns how many. */
static int numbers(const reference_case *c, const char *key, int64_t *out)
{
    int n = 0;
    const char *text = find(c, key);
    while (text != NULL && *text != '\0' && *text != ';') {
        char *end;
        assert_true(n < MICA_MAX_RANK);
        out[n++] = strtoll(text, &end, 10);
        assert_true(end != text);
        text = *end == '.' ? end + 1 : end;
    }
    return n;
}

typedef union any_params {
    mica_leaky_relu_params leaky_relu;
    mica_axis_params axis;
    mica_reduce_params reduce;
    mica_sort_params sort;
    mica_top_k_params top_k;
    mica_bce_params bce;
    mica_conv1d_params conv1d;
    mica_conv2d_params conv2d;
    mica_sdpa_params sdpa;
    mica_pad_params pad;
    mica_eps_params eps;
    mica_cast_params cast;
    mica_shape_params shape;
    mica_permutation_params permutation;
    mica_slice_params slice;
} any_params;

static void set_reduce(const reference_case *c, mica_reduce_params *p)
{
    int64_t list[MICA_MAX_RANK];
    p->axis = (int)number(c, "axis");
    p->all = number(c, "all") != 0;
    p->keep_dims = number(c, "keep_dims") != 0;
    p->n_axes = numbers(c, "axes", list);
    for (int i = 0; i < p->n_axes; i++)
        p->axes[i] = (int)list[i];
}

static void set_conv(const reference_case *c, any_params *p, bool flat)
{
    int64_t stride[MICA_MAX_RANK], padding[MICA_MAX_RANK], dilation[MICA_MAX_RANK];
    int n = numbers(c, "stride", stride);
    assert_int_equal(n, flat ? 1 : 2);
    assert_int_equal(numbers(c, "padding", padding), n);
    assert_int_equal(numbers(c, "dilation", dilation), n);
    if (flat) {
        p->conv1d = (mica_conv1d_params){stride[0], padding[0], dilation[0], 0};
        p->conv1d.groups = (int64_t)number(c, "groups");
        return;
    }
    for (int i = 0; i < 2; i++) {
        p->conv2d.stride[i] = stride[i];
        p->conv2d.padding[i] = padding[i];
        p->conv2d.dilation[i] = dilation[i];
    }
    p->conv2d.groups = (int64_t)number(c, "groups");
}

/* Whether there are such. */
static bool set_permutation(const reference_case *c, const char *key, mica_permutation_params *p)
{
    int64_t list[MICA_MAX_RANK];
    int n = numbers(c, key, list);
    *p = (mica_permutation_params){{0}};
    for (int i = 0; i < n; i++)
        p->axes[i] = (int)list[i];
    return n > 0;
}

static bool set_slice(const reference_case *c, const char *key, mica_slice_params *p)
{
    int64_t list[MICA_MAX_RANK];
    if (numbers(c, key, list) != 4)
        return false;
    *p = (mica_slice_params){(int)list[0], list[1], list[2], list[3]};
    return true;
}

static void set_params(const reference_case *c, mica_op op, any_params *p)
{
    memset(p, 0, sizeof *p);
    switch ((int)op) {
    case MICA_OP_LEAKY_RELU:
        p->leaky_relu.negative_slope = (float)number(c, "slope");
        break;
    case MICA_OP_SUM:
    case MICA_OP_MEAN:
    case MICA_OP_MAX:
    case MICA_OP_MIN:
    case MICA_OP_PROD:
    case MICA_OP_ARGMAX:
    case MICA_OP_ARGMIN:
        set_reduce(c, &p->reduce);
        break;
    case MICA_OP_SORT:
    case MICA_OP_ARGSORT:
        p->sort = (mica_sort_params){(int)number(c, "axis"), number(c, "descending") != 0};
        break;
    case MICA_OP_TOP_K:
    case MICA_OP_ARG_TOP_K:
        p->top_k = (mica_top_k_params){(int64_t)number(c, "k"), (int)number(c, "axis"),
                                       number(c, "smallest") != 0};
        break;
    case MICA_OP_BINARY_CROSS_ENTROPY:
        p->bce =
            (mica_bce_params){number(c, "logits") != 0, (mica_reduction)number(c, "reduction")};
        break;
    case MICA_OP_CONV1D:
        set_conv(c, p, true);
        break;
    case MICA_OP_CONV2D:
        set_conv(c, p, false);
        break;
    case MICA_OP_SCALED_DOT_PRODUCT_ATTENTION:
        p->sdpa = (mica_sdpa_params){(float)number(c, "scale"), number(c, "causal") != 0};
        break;
    case MICA_OP_PAD:
        numbers(c, "before", p->pad.before);
        numbers(c, "after", p->pad.after);
        p->pad.value = number(c, "value");
        break;
    case MICA_OP_LAYER_NORM:
    case MICA_OP_L2_NORMALIZE:
        p->eps.eps = (float)number(c, "eps");
        break;
    case MICA_OP_CAST:
        p->cast.dtype = (mica_dtype)number(c, "dtype");
        break;
    case MICA_OP_TRANSPOSE:
        set_permutation(c, "axes", &p->permutation);
        break;
    case MICA_OP_SLICE:
        set_slice(c, "slice", &p->slice);
        break;
    case MICA_OP_RESHAPE:
    case MICA_OP_BROADCAST_TO:
        p->shape.rank = numbers(c, "shape", p->shape.dims);
        break;
    default: /* those with an axis, and those with nothing */
        p->axis.axis = (int)number(c, "axis");
        break;
    }
}

static mica_op op_named(const char *name)
{
    for (int op = 0; op < MICA_OP_COUNT; op++) {
        if (strcmp(mica_op_name((mica_op)op), name) == 0)
            return (mica_op)op;
    }
    fail_msg("there is no operation %s", name);
    return MICA_OP_NONE;
}

/* Input i as the operation takes it: what is stored, or a view of it. */
static mica_value input_of(const reference_case *c, mica_graph *g, size_t i)
{
    char key[8];
    mica_permutation_params axes;
    mica_slice_params slice;
    if (c->in[i] == NULL)
        return mica_none();
    mica_value value = mica_constant(g, c->in[i], NULL);
    snprintf(key, sizeof key, "t%zu", i);
    if (set_permutation(c, key, &axes))
        return mica_transpose(g, value, axes);
    snprintf(key, sizeof key, "s%zu", i);
    return set_slice(c, key, &slice) ? mica_slice(g, value, slice) : value;
}

static mica_tensor *run_case(const reference_case *c, mica_context *context)
{
    mica_graph *g = NULL;
    mica_value in[MICA_MAX_RANK];
    mica_error err = {0};
    mica_tensor *result = NULL;
    any_params params;
    mica_op op = op_named(c->op);
    const mica_op_info *info = mica_op_get(op);
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    size_t n = info->inputs != 0 ? info->inputs : c->n;
    for (size_t i = 0; i < n; i++)
        in[i] = input_of(c, g, i);
    set_params(c, op, &params);
    mica_value value =
        mica_graph_apply(g, op, in, n, info->params_size ? &params : NULL, info->params_size);
    if (mica_eval(context, g, &value, 1, &result, &err) != MICA_OK)
        fail_msg("%s: %s", c->name, err.message);
    mica_graph_destroy(&g);
    return result;
}

static double element(const mica_tensor *t, size_t i)
{
    mica_dtype dtype = mica_tensor_dtype(t);
    float value;
    if (dtype == MICA_DTYPE_F64)
        return ((const double *)mica_tensor_data(t))[i];
    if (dtype == MICA_DTYPE_I64)
        return (double)((const int64_t *)mica_tensor_data(t))[i];
    if (dtype == MICA_DTYPE_I32)
        return (double)((const int32_t *)mica_tensor_data(t))[i];
    mica_convert_to_f32(
        dtype, (const unsigned char *)mica_tensor_data(t) + i * mica_dtype_size(dtype), &value, 1);
    return (double)value;
}

/* Pointwise operations keep the sign of zero, but for a maximum of zeros; the others promise
 * nothing of it. */
static bool same(const reference_case *c, double a, double b)
{
    mica_op op = op_named(c->op);
    bool keeps =
        op >= MICA_OP_NEG && op <= MICA_OP_SIGN && op != MICA_OP_RELU && op != MICA_OP_RELU6;
    if (a == 0 && b == 0 && keeps)
        return signbit(a) == signbit(b);
    return a == b || (isnan(a) && isnan(b));
}

static void check_result(const reference_case *c, const mica_tensor *got)
{
    double tolerance = number(c, "tol");
    double least = find(c, "least") != NULL ? number(c, "least") : tolerance;
    size_t count = (size_t)mica_tensor_count(c->out);
    if (mica_tensor_dtype(got) != mica_tensor_dtype(c->out) ||
        mica_tensor_rank(got) != mica_tensor_rank(c->out))
        fail_msg("%s: %s of rank %d", c->name, mica_dtype_name(mica_tensor_dtype(got)),
                 mica_tensor_rank(got));
    for (int i = 0; i < mica_tensor_rank(got); i++)
        assert_int_equal(mica_tensor_dim(got, i), mica_tensor_dim(c->out, i));
    for (size_t i = 0; i < count; i++) {
        double a = element(got, i), b = element(c->out, i);
        if (same(c, a, b))
            continue;
        if ((a == 0 && b == 0) || !(fabs(a - b) <= tolerance * fabs(b) + least) || isinf(b))
            fail_msg("%s: element %zu is %.9g, of the reference %.9g", c->name, i, a, b);
    }
}

/* At one level, with one thread and two. */
static void check_case(const reference_case *c, mica_context *const context[2])
{
    mica_tensor *one = run_case(c, context[0]), *two = run_case(c, context[1]);
    check_result(c, one);
    if (memcmp(mica_tensor_data(one), mica_tensor_data(two), mica_tensor_bytes(one)) != 0)
        fail_msg("%s: two threads give other bits than one", c->name);
    mica_tensor_release(&one);
    mica_tensor_release(&two);
}

/* Case `name` of the file. */
static void check_named(mica_tensor_file *file, const char *name, mica_context *const context[2])
{
    const char *op = strchr(name, '|') + 1;
    reference_case c = {.name = name, .params = strchr(op, '|') + 1};
    int64_t inputs[MICA_MAX_RANK];
    c.n = (size_t)numbers(&c, "in", inputs);
    snprintf(c.op, sizeof c.op, "%.*s", (int)(c.params - 1 - op), op);
    assert_int_equal(mica_tensor_file_get(file, name, &c.out, NULL), MICA_OK);
    for (size_t i = 0; i < c.n; i++) {
        char input[32];
        snprintf(input, sizeof input, "#%05d", (int)inputs[i]);
        if (inputs[i] >= 0)
            assert_int_equal(mica_tensor_file_get(file, input, &c.in[i], NULL), MICA_OK);
    }
    check_case(&c, context);
    for (size_t i = 0; i < c.n; i++)
        mica_tensor_release(&c.in[i]);
    mica_tensor_release(&c.out);
}

static size_t check_file(mica_tensor_file *file, mica_context *const context[2])
{
    size_t cases = 0;
    for (size_t i = 0; i < mica_tensor_file_count(file); i++) {
        const char *name = mica_tensor_file_name(file, i);
        if (name[0] == '#')
            continue;
        check_named(file, name, context);
        cases++;
    }
    return cases;
}

static void equal_to_pytorch(void **state)
{
    mica_tensor_file *file = NULL;
    mica_error err = {0};
    if (mica_tensor_file_open(file_path, &file, &err) != MICA_OK)
        fail_msg("%s", err.message);
    for (int level = 0; level < MICA_CPU_LEVELS; level++) {
        const char *name = mica_cpu_level_name((mica_cpu_level)level);
        mica_context *context[2] = {NULL, NULL};
        if (level > (int)mica_cpu_detect()) {
            printf("skipped: level %s: not on this machine\n", name);
            continue;
        }
        setenv("MICA_CPU", name, 1);
        for (size_t i = 0; i < 2; i++) {
            mica_context_options options;
            mica_context_options_defaults(&options);
            options.threads = i + 1;
            assert_int_equal(mica_context_create(&options, &context[i], &err), MICA_OK);
        }
        size_t cases = check_file(file, context);
        assert_true(cases >= fewest);
        mica_context_destroy(&context[0]);
        mica_context_destroy(&context[1]);
    }
    unsetenv("MICA_CPU");
    mica_tensor_file_close(&file);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal_to_pytorch)};
    if (argc > 1) {
        file_path = argv[1];
        fewest = 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
