/* SPDX-License-Identifier: MIT
 *
 * Steps that are losses: binary_cross_entropy. Blocks of a fixed number of elements, whose sums are
 * added in order: the same bits for any number of threads.
 */
#include "backends/cpu/cpu.h"

enum { BLOCK = 1 << 14 };

typedef struct loss {
    mica_k_bce kernel;
    const float *x, *t;
    float *y; /* NULL: only the sums are wanted */
    size_t n;
    double *partial;
} loss;

static size_t blocks_of(const mica_call *call)
{
    return ((size_t)mica_view_count(mica_call_input(call, 0)) + BLOCK - 1) / BLOCK;
}

size_t mica_cpu_scratch_loss(const mica_call *call)
{
    return blocks_of(call) * sizeof(double);
}

static void loss_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const loss *l = arg;
    for (size_t block = begin; block < end; block++) {
        size_t at = block * BLOCK, n = l->n - at < BLOCK ? l->n - at : BLOCK;
        l->partial[block] = l->kernel(l->y ? l->y + at : NULL, l->x + at, l->t + at, n);
    }
}

mica_status mica_cpu_run_loss(const mica_call *call)
{
    const mica_bce_params *params = call->step->params;
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    const mica_kernels *kernels = &call->cpu->kernels;
    loss l = {.kernel = params->logits ? kernels->bce_logits : kernels->bce, .x = x->data};
    l.t = mica_call_input(call, 1)->data;
    l.y = params->reduction == MICA_REDUCTION_NONE ? y->data : NULL;
    l.n = (size_t)mica_view_count(x);
    l.partial = (double *)(void *)call->run->scratch;
    size_t blocks = blocks_of(call);
    mica_cpu_ranges(call->cpu, blocks, 1, loss_range, &l);
    if (l.y)
        return MICA_OK;
    double total = 0;
    for (size_t i = 0; i < blocks; i++)
        total += l.partial[i];
    if (params->reduction == MICA_REDUCTION_MEAN)
        total /= (double)l.n;
    *(float *)y->data = (float)total;
    return MICA_OK;
}
