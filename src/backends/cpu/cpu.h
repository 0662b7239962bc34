/* SPDX-License-Identifier: MIT
 *
 * The CPU backend's own: what an instance holds, and the functions that run steps. A step's
 * functions look at views and constants only; inner loops are kernels.
 */
#ifndef MICA_BACKENDS_CPU_CPU_H
#define MICA_BACKENDS_CPU_CPU_H

#include <pthread.h>
#include <stdatomic.h>

#include "backends/backend.h"
#include "backends/cpu/kernels.h"
#include "graph/dims.h"

typedef struct mica_packed mica_packed;

typedef struct mica_cpu {
    mica_backend base; /* first */
    mica_pool *pool;
    mica_kernels kernels;
    pthread_mutex_t lock; /* over `packed` and what its entries count */
    mica_packed *packed;
} mica_cpu;

/* What is packed for a linear: shared by all steps with the same tensors, counted. */
struct mica_packed {
    mica_precision precision;
    bool checked; /* its numbers are finite */
    size_t n, k;
    void *block;         /* all of the following, or NULL: it lies in the sidecar */
    void *panels;        /* as gemm.h says */
    float *bias;         /* n floats, or NULL: no linear of the step has one */
    float *column_scale; /* INT8, of all columns of the panels; else NULL */
    int32_t *column_sum;
    mica_sidecar *sidecar; /* a reference, or NULL */
    uint64_t *sums;        /* with a sidecar: of each panel, then of what follows the panels */
    atomic_bool unchecked; /* the panels lie in the sidecar, and were not all read yet */
    size_t references, n_tensors;
    mica_tensor **tensors; /* weight 0, bias 0, weight 1, ...; a bias may be NULL */
    mica_packed *next;
};

/* One run of a step. */
typedef struct mica_call {
    mica_cpu *cpu;
    const mica_run *run;
    const mica_step *step;
    mica_error *err;
} mica_call;

/* Input i, or NULL where it is left out. */
const mica_view *mica_call_input(const mica_call *call, uint32_t i);
const mica_view *mica_call_output(const mica_call *call);
int64_t mica_view_count(const mica_view *view);
bool mica_view_contiguous(const mica_view *view);
mica_text mica_view_text(const mica_view *view); /* "[64, 256]" */

/* Runs fn on [0, count) in ranges of at most `grain` items, over the pool. Ranges depend on count
 * and grain alone. */
typedef void (*mica_range)(void *arg, size_t begin, size_t end, size_t worker);
void mica_cpu_ranges(const mica_cpu *cpu, size_t count, size_t grain, mica_range fn, void *arg);

/* Items per range so that a range touches some 16 thousand elements. */
size_t mica_cpu_grain(size_t elements_per_item);

/* Per operation: how much scratch it needs (in bytes), and running it. */
size_t mica_cpu_scratch_linear(const mica_call *call);
size_t mica_cpu_scratch_matmul(const mica_call *call);
size_t mica_cpu_scratch_conv(const mica_call *call);
size_t mica_cpu_scratch_attention(const mica_call *call);
size_t mica_cpu_scratch_sdpa(const mica_call *call);
size_t mica_cpu_scratch_softmax(const mica_call *call);
size_t mica_cpu_scratch_reduce(const mica_call *call);
size_t mica_cpu_scratch_sort(const mica_call *call);
size_t mica_cpu_scratch_loss(const mica_call *call);
size_t mica_cpu_scratch_index(const mica_call *call);

mica_status mica_cpu_run_pointwise(const mica_call *call);
mica_status mica_cpu_run_logical_not(const mica_call *call);
mica_status mica_cpu_run_binary(const mica_call *call); /* and comparisons */
mica_status mica_cpu_run_where(const mica_call *call);
mica_status mica_cpu_run_matmul(const mica_call *call);
mica_status mica_cpu_run_linear(const mica_call *call); /* fused_linear, linear_add_layer_norm */
mica_status mica_cpu_run_conv(const mica_call *call);   /* conv1d, conv2d */
mica_status mica_cpu_run_softmax(const mica_call *call);
mica_status mica_cpu_run_reduce(const mica_call *call); /* sum, mean, max, min, prod */
mica_status mica_cpu_run_arg(const mica_call *call);    /* argmax, argmin */
mica_status mica_cpu_run_sort(const mica_call *call);   /* and argsort, top_k, arg_top_k */
mica_status mica_cpu_run_loss(const mica_call *call);
mica_status mica_cpu_run_l2_normalize(const mica_call *call);
mica_status mica_cpu_run_layer_norm(const mica_call *call); /* and add_layer_norm */
mica_status mica_cpu_run_cast(const mica_call *call);
mica_status mica_cpu_run_copy(const mica_call *call);
mica_status mica_cpu_run_concat(const mica_call *call);
mica_status mica_cpu_run_pad(const mica_call *call);
mica_status mica_cpu_run_embedding(const mica_call *call);
mica_status mica_cpu_run_gather(const mica_call *call);
mica_status mica_cpu_run_scatter(const mica_call *call);
mica_status mica_cpu_run_scatter_join(const mica_call *call); /* scatter_sum, scatter_max */
mica_status mica_cpu_run_attention(const mica_call *call);
mica_status mica_cpu_run_sdpa(const mica_call *call);
mica_status mica_cpu_run_segment_pool(const mica_call *call);

/* Layer norm of rows of n; in place. */
typedef struct mica_norm {
    mica_k_layer_norm kernel;
    const float *x, *residual, *weight, *bias; /* the last three may be NULL */
    float *y;
    size_t n;
    float eps;
} mica_norm;
void mica_cpu_norm_rows(const mica_norm *norm, size_t begin, size_t end);

/* Chooses the precision of attention's products: never AUTO or INT8. */
void mica_cpu_prepare_attention(const mica_cpu *cpu, mica_step *step);
/* Whether a step is attention in bfloat16 whose query, key and value are columns of one value of
 * rows of n numbers, which nobody else sees and which may hold rows of bfloat16 instead, as
 * mica_gemm_narrow leaves them. */
bool mica_cpu_attention_takes_bf16(const mica_run *run, const mica_step *step, size_t n);

/* Weights of linears. prepare_linear leaves step->prepared NULL where a weight is not constant, or
 * the step runs once: then it packs when it runs. It sets the step's precision: never AUTO. */
bool mica_cpu_weights_constant(const mica_step *step);
uint32_t mica_cpu_linear_inputs(const mica_step *step); /* x, weights and biases */
mica_status mica_cpu_prepare_linear(mica_cpu *cpu, mica_step *step, mica_error *err);
void mica_cpu_unprepare_linear(mica_cpu *cpu, mica_step *step);
/* What the call's inputs from 0 on come in, where a linear gives them and nobody else sees them:
 * rows as mica_gemm_narrow leaves them in this precision, or float32. */
mica_precision mica_cpu_comes_in(const mica_call *call);
/* Whether weights of the step that are not finite are an error: where it asks for that, and always
 * in smaller numbers, in which they would not stay what they are. */
bool mica_cpu_checks_weights(const mica_step *step);
/* NOT_FINITE if a constant float input of the step, from input `first` on, is not finite. */
mica_status mica_cpu_check_constants(mica_cpu *cpu, const mica_step *step, uint32_t first,
                                     mica_error *err);

/* One linear of a step: weight [n, k] and bias, contiguous, float32, float16 or bfloat16. */
typedef struct mica_side {
    const void *weight, *bias; /* bias may be NULL */
    mica_dtype weight_dtype, bias_dtype;
    size_t n;
} mica_side;
/* Packs `count` linears side by side into the entry's panels, scales and bias, in its precision.
 * With `check`, false if a weight or bias is not finite. */
bool mica_cpu_pack(const mica_cpu *cpu, const mica_side *linears, size_t count,
                   const mica_packed *to, bool check);

/* The same of panels [first, end) alone, on the calling thread: the entry's panels, scales and sums
 * begin with those of panel `first`. And of the bias, zeros for a linear without one. */
bool mica_cpu_pack_panels(const mica_cpu *cpu, const mica_side *linears, const mica_packed *to,
                          size_t first, size_t end, bool check);
bool mica_cpu_pack_bias(const mica_cpu *cpu, const mica_side *linears, size_t count, float *bias,
                        bool check);

const void *mica_cpu_panel(const mica_cpu *cpu, const mica_packed *entry, size_t panel);
/* Whether panels [first, end) of an entry in a sidecar are what was written there. */
bool mica_cpu_packed_intact(const mica_cpu *cpu, const mica_packed *entry, size_t first,
                            size_t end);

/* Bytes that panels and scales take of a shape's precision, n and k; and where they lie in a block
 * of as many, for an entry. */
size_t mica_cpu_packed_bytes(const mica_cpu *cpu, const mica_packed *shape);
void mica_cpu_packed_use(const mica_cpu *cpu, const mica_packed *shape, mica_packed *entry,
                         char *block);

/* Converts n elements of a float dtype (f32, f16, bf16) to float32. */
void mica_cpu_widen(const mica_kernels *kernels, float *y, const void *x, mica_dtype dtype,
                    size_t n);

#endif
