/* SPDX-License-Identifier: MIT */
#include "graph/random_graph.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { HEADS = 3, HEAD_DIM = RANDOM_HIDDEN / HEADS };

uint32_t random_graph_next(random_graph *r, uint32_t below)
{
    r->state = r->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(r->state >> 33) % below;
}

static mica_value pick(random_graph *r)
{
    return r->values[random_graph_next(r, (uint32_t)r->count)];
}

static mica_value weight(random_graph *r, int rank, int64_t rows, int64_t columns)
{
    mica_tensor *tensor = NULL;
    const int64_t dims[] = {rows, columns};
    uint64_t seed = random_graph_next(r, 1u << 30);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, rank, dims, &tensor, NULL), MICA_OK);
    assert_int_equal(mica_tensor_fill_normal(tensor, 0.1, 0.3, seed, 0, NULL), MICA_OK);
    mica_value value = mica_constant(r->graph, tensor, "weight");
    mica_tensor_release(&tensor);
    return value;
}

/* Everything below takes values [tokens, RANDOM_HIDDEN] and gives one. */
typedef mica_value (*maker)(random_graph *r, mica_value x);

static mica_value make_linear(random_graph *r, mica_value x)
{
    mica_value bias = random_graph_next(r, 3) == 0 ? mica_none() : weight(r, 1, RANDOM_HIDDEN, 0);
    return mica_linear(r->graph, x, weight(r, 2, RANDOM_HIDDEN, RANDOM_HIDDEN), bias);
}

static mica_value make_pointwise(random_graph *r, mica_value x)
{
    switch (random_graph_next(r, 5)) {
    case 0:
        return mica_tanh(r->graph, x);
    case 1:
        return mica_gelu(r->graph, x);
    case 2:
        return mica_leaky_relu(r->graph, x, (mica_leaky_relu_params){0.3f});
    case 3:
        return mica_sigmoid(r->graph, x);
    default:
        return mica_relu(r->graph, x);
    }
}

static mica_value make_binary(random_graph *r, mica_value x)
{
    switch (random_graph_next(r, 4)) {
    case 0:
        return mica_mul(r->graph, x, weight(r, 1, RANDOM_HIDDEN, 0));
    case 1:
        return mica_maximum(r->graph, pick(r), x);
    case 2:
        return mica_sub(r->graph, mica_scalar(r->graph, 0.5f), x);
    default:
        return mica_add(r->graph, x, pick(r));
    }
}

static mica_value make_norm(random_graph *r, mica_value x)
{
    mica_value in = random_graph_next(r, 2) ? mica_add(r->graph, x, pick(r)) : x;
    return mica_layer_norm(r->graph, in, weight(r, 1, RANDOM_HIDDEN, 0),
                           weight(r, 1, RANDOM_HIDDEN, 0), (mica_eps_params){1e-3f});
}

static mica_value make_attention(random_graph *r, mica_value x)
{
    mica_value q = make_linear(r, x), k = make_linear(r, x);
    mica_value v = random_graph_next(r, 2) ? make_linear(r, x) : pick(r);
    return mica_attention(r->graph, q, k, v, (mica_attention_params){HEADS, 0.5f});
}

static mica_value make_activation(random_graph *r, mica_value x)
{
    return make_pointwise(r, make_linear(r, x));
}

/* Cut in two and put together the other way round. */
static mica_value make_swapped(random_graph *r, mica_value x)
{
    int64_t at = 1 + (int64_t)random_graph_next(r, RANDOM_HIDDEN - 1);
    mica_value left =
        mica_slice(r->graph, x, (mica_slice_params){.axis = 1, .begin = 0, .end = at});
    mica_value right =
        mica_slice(r->graph, x, (mica_slice_params){.axis = -1, .begin = at, .end = RANDOM_HIDDEN});
    if (random_graph_next(r, 2))
        left = mica_tanh(r->graph, left);
    return mica_concat(r->graph, (mica_value[]){right, left}, 2, (mica_axis_params){1});
}

/* To [heads, tokens, head_dim] and back, with a softmax or nothing between. */
static mica_value make_transposed(random_graph *r, mica_value x)
{
    const mica_permutation_params swap = {{1, 0, 2}};
    const mica_shape_params split = {3, {MICA_DIM_TOKENS, HEADS, HEAD_DIM}};
    const mica_shape_params joined = {2, {MICA_DIM_INFER, RANDOM_HIDDEN}};
    mica_value t = mica_transpose(r->graph, mica_reshape(r->graph, x, split), swap);
    if (random_graph_next(r, 2))
        t = mica_softmax(r->graph, t, (mica_axis_params){2});
    return mica_reshape(r->graph, mica_transpose(r->graph, t, swap), joined);
}

static mica_value make_reduced(random_graph *r, mica_value x)
{
    mica_value mean = mica_mean(r->graph, x, (mica_reduce_params){.axis = -1, .keep_dims = true});
    return mica_sub(r->graph, x, mean);
}

static mica_value make_matmul(random_graph *r, mica_value x)
{
    mica_value square = weight(r, 2, RANDOM_HIDDEN, RANDOM_HIDDEN);
    return mica_matmul(r->graph, x,
                       mica_transpose(r->graph, square, (mica_permutation_params){{1, 0}}));
}

static const maker makers[] = {make_linear,  make_pointwise,  make_pointwise, make_binary,
                               make_binary,  make_norm,       make_attention, make_activation,
                               make_swapped, make_transposed, make_reduced,   make_matmul};

void random_graph_make(random_graph *r, uint64_t seed, size_t operations)
{
    *r = (random_graph){.state = seed * 77 + 5};
    assert_true(operations < RANDOM_VALUES);
    assert_int_equal(mica_graph_create(&r->graph, NULL), MICA_OK);
    r->values[r->count++] =
        mica_input(r->graph, "x", MICA_DTYPE_F32, 2, (int64_t[]){MICA_DIM_TOKENS, RANDOM_HIDDEN});
    for (size_t i = 0; i < operations; i++) {
        maker make = makers[random_graph_next(r, sizeof makers / sizeof makers[0])];
        /* Mostly the newest value: depth; now and then an old one, or one squashed back to [-1, 1].
         */
        mica_value x = random_graph_next(r, 3) ? r->values[r->count - 1] : pick(r);
        mica_value y = make(r, x);
        r->values[r->count++] = random_graph_next(r, 4) ? y : mica_tanh(r->graph, y);
    }
    mica_error err = {0};
    if (mica_graph_check(r->graph, &err) != MICA_OK)
        fail_msg("%s", err.message);
}

void random_graph_free(random_graph *r)
{
    mica_graph_destroy(&r->graph);
}
