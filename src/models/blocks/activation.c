/* SPDX-License-Identifier: MIT */
#include "models/blocks/activation.h"

#include <stddef.h>
#include <string.h>

static mica_value identity(mica_graph *graph, mica_value x)
{
    return x;
}

static mica_value clip(mica_graph *graph, mica_value x, float low, float high)
{
    return mica_minimum(graph, mica_maximum(graph, x, mica_scalar(graph, low)),
                        mica_scalar(graph, high));
}

static mica_value gelu_10(mica_graph *graph, mica_value x)
{
    return clip(graph, mica_gelu(graph, x), -10.0f, 10.0f);
}

static mica_value leaky_relu(mica_graph *graph, mica_value x)
{
    mica_leaky_relu_params params = {0.01f}; /* the default of torch.nn.LeakyReLU */

    return mica_leaky_relu(graph, x, params);
}

/* relu6(x + 3) / 6 */
static mica_value hardsigmoid(mica_graph *graph, mica_value x)
{
    return mica_div(graph, mica_relu6(graph, mica_add(graph, x, mica_scalar(graph, 3.0f))),
                    mica_scalar(graph, 6.0f));
}

static mica_value hardswish(mica_graph *graph, mica_value x)
{
    return mica_mul(graph, x, hardsigmoid(graph, x));
}

static mica_value hardtanh(mica_graph *graph, mica_value x)
{
    return clip(graph, x, -1.0f, 1.0f);
}

/* scale * (max(x, 0) + alpha * (exp(min(x, 0)) - 1)) */
static mica_value exponential(mica_graph *graph, mica_value x, float scale, float alpha)
{
    mica_value below = mica_exp(graph, mica_minimum(graph, x, mica_scalar(graph, 0.0f)));

    below = mica_mul(graph, mica_sub(graph, below, mica_scalar(graph, 1.0f)),
                     mica_scalar(graph, alpha));
    return mica_mul(graph, mica_add(graph, mica_relu(graph, x), below), mica_scalar(graph, scale));
}

static mica_value elu(mica_graph *graph, mica_value x)
{
    return exponential(graph, x, 1.0f, 1.0f);
}

static mica_value selu(mica_graph *graph, mica_value x)
{
    return exponential(graph, x, 1.0507009873554805f, 1.6732632423543772f);
}

/* log(1 + exp(x)), written so that exp cannot overflow: max(x, 0) + log(1 + exp(-|x|)) */
static mica_value softplus(mica_graph *graph, mica_value x)
{
    mica_value tail = mica_exp(graph, mica_neg(graph, mica_abs(graph, x)));

    tail = mica_log(graph, mica_add(graph, tail, mica_scalar(graph, 1.0f)));
    return mica_add(graph, mica_relu(graph, x), tail);
}

static mica_value log_sigmoid(mica_graph *graph, mica_value x)
{
    return mica_neg(graph, softplus(graph, mica_neg(graph, x)));
}

static mica_value softsign(mica_graph *graph, mica_value x)
{
    return mica_div(graph, x, mica_add(graph, mica_abs(graph, x), mica_scalar(graph, 1.0f)));
}

static mica_value tanhshrink(mica_graph *graph, mica_value x)
{
    return mica_sub(graph, x, mica_tanh(graph, x));
}

typedef struct activation_row {
    const char *name;
    mica_activation function;
} activation_row;

/* transformers: ACT2CLS of activations.py */
static const activation_row transformers_names[] = {
    {"gelu", mica_gelu},
    {"gelu_python", mica_gelu},
    {"gelu_new", mica_gelu_tanh},
    {"gelu_accurate", mica_gelu_tanh},
    {"gelu_fast", mica_gelu_tanh},
    {"gelu_pytorch_tanh", mica_gelu_tanh},
    {"gelu_python_tanh", mica_gelu_tanh},
    {"gelu_10", gelu_10},
    {"quick_gelu", mica_quick_gelu},
    {"silu", mica_silu},
    {"swish", mica_silu},
    {"relu", mica_relu},
    {"relu2", mica_relu2},
    {"relu6", mica_relu6},
    {"leaky_relu", leaky_relu},
    {"tanh", mica_tanh},
    {"sigmoid", mica_sigmoid},
    {"mish", mica_mish},
    {"hardswish", hardswish},
    {"linear", identity},
};

/* torch.nn modules with their default arguments */
static const activation_row torch_names[] = {
    {"Identity", identity},
    {"Tanh", mica_tanh},
    {"ReLU", mica_relu},
    {"ReLU6", mica_relu6},
    {"GELU", mica_gelu},
    {"SiLU", mica_silu},
    {"Sigmoid", mica_sigmoid},
    {"Mish", mica_mish},
    {"LeakyReLU", leaky_relu},
    {"ELU", elu},
    {"CELU", elu},
    {"SELU", selu},
    {"Softplus", softplus},
    {"Softsign", softsign},
    {"LogSigmoid", log_sigmoid},
    {"Hardtanh", hardtanh},
    {"Hardswish", hardswish},
    {"Hardsigmoid", hardsigmoid},
    {"Tanhshrink", tanhshrink},
};

static mica_activation look_up(const activation_row *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].function;
    return NULL;
}

mica_activation mica_activation_find(const char *name)
{
    return look_up(transformers_names, sizeof transformers_names / sizeof *transformers_names,
                   name);
}

mica_activation mica_activation_find_torch(const char *name)
{
    return look_up(torch_names, sizeof torch_names / sizeof *torch_names, name);
}
