/* SPDX-License-Identifier: MIT
 *
 * bench_gemm [ROUNDS] [MxNxK...]: how fast linears run, per instruction-set level, beside the fused
 * multiply-add rate that the same number of threads reaches in registers. The shapes are
 * BERT-base's. Each figure is the best of the rounds; the rate is measured before each of them, and
 * the percentage is of the best rate seen.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mica/mica.h"
#include "peaks.h"

enum { MOST_SHAPES = 32, DEFAULT_ROUNDS = 15 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- the products ---- */

typedef struct shape {
    int64_t m, n, k;
} shape;

typedef struct product {
    mica_program *program;
    mica_executor *executor;
    float *x;
    double best;
} product;

static void stop(const char *what, const mica_error *err)
{
    fprintf(stderr, "bench_gemm: %s: %s\n", what, err ? err->message : "out of memory");
    exit(1);
}

static void product_create(mica_context *context, const shape *s, product *p)
{
    mica_error err = {0};
    mica_graph *graph = NULL;
    mica_tensor *weight = NULL, *bias = NULL;
    int64_t dims[2] = {s->m, s->k}, weight_dims[2] = {s->n, s->k};
    mica_value y;
    p->best = 1e30;
    p->x = malloc((size_t)(s->m * s->k) * sizeof(float));
    if (!p->x)
        stop("input", NULL);
    for (int64_t i = 0; i < s->m * s->k; i++)
        p->x[i] = (float)(i % 17) * 0.1f - 0.8f;
    if (mica_graph_create(&graph, &err) ||
        mica_tensor_create(MICA_DTYPE_F32, 2, weight_dims, &weight, &err) ||
        mica_tensor_create(MICA_DTYPE_F32, 1, weight_dims, &bias, &err) ||
        mica_tensor_fill_normal(weight, 0, 0.02, 1, 0, &err))
        stop("weights", &err);
    y = mica_linear(graph, mica_input(graph, "x", MICA_DTYPE_F32, 2, dims),
                    mica_constant(graph, weight, "weight"), mica_constant(graph, bias, "bias"));
    if (mica_program_compile(context, graph, &y, 1, NULL, &p->program, &err) ||
        mica_executor_create(p->program, &p->executor, &err))
        stop("program", &err);
    mica_tensor_release(&weight);
    mica_tensor_release(&bias);
    mica_graph_destroy(&graph);
}

static void product_run(product *p)
{
    mica_error err = {0};
    const void *inputs[1] = {p->x};
    double begin = now();
    if (mica_executor_run(p->executor, NULL, inputs, 1, &err))
        stop("run", &err);
    begin = now() - begin;
    p->best = begin < p->best ? begin : p->best;
}

static void product_destroy(product *p)
{
    mica_executor_destroy(&p->executor);
    mica_program_destroy(&p->program);
    free(p->x);
}

static void run_level(const char *level, const shape *shapes, size_t count, int rounds)
{
    mica_context *context = NULL;
    mica_context_info info;
    mica_error err = {0};
    product products[MOST_SHAPES];
    double peak = 0;
    setenv("MICA_CPU", level, 1);
    if (mica_context_create(NULL, &context, &err))
        stop("context", &err);
    mica_context_get_info(context, &info);
    if (strcmp(info.kernels, level) != 0) {
        printf("%s: not on this machine\n", level);
        mica_context_destroy(&context);
        return;
    }
    for (size_t i = 0; i < count; i++)
        product_create(context, &shapes[i], &products[i]);
    for (int round = 0; round < rounds; round++) {
        double rate = bench_measure_flops(level, MICA_PRECISION_F32, info.threads).flops * 1e-9;
        peak = rate > peak ? rate : peak;
        for (size_t i = 0; i < count; i++)
            product_run(&products[i]);
    }
    printf("%s, %zu threads", level, info.threads);
    printf(peak > 0 ? ", %.0f GFLOP/s of fused multiply-adds in registers\n" : "\n", peak);
    for (size_t i = 0; i < count; i++) {
        const shape *s = &shapes[i];
        double rate = 2e-9 * (double)s->m * (double)s->n * (double)s->k / products[i].best;
        printf("  %5lld x %5lld x %5lld  %9.3f ms  %7.1f GFLOP/s", (long long)s->m, (long long)s->n,
               (long long)s->k, products[i].best * 1e3, rate);
        if (peak > 0)
            printf("  %5.1f %%", 100 * rate / peak);
        printf("\n");
        product_destroy(&products[i]);
    }
    mica_context_destroy(&context);
}

int main(int argc, char **argv)
{
    static const shape usual[] = {{1792, 768, 768}, {1792, 3072, 768}, {1792, 768, 3072},
                                  {13, 3072, 768},  {112, 3072, 768},  {1, 3072, 768}};
    shape shapes[MOST_SHAPES];
    size_t count = 0;
    int rounds = argc > 1 ? atoi(argv[1]) : DEFAULT_ROUNDS;
    for (int i = 2; i < argc && count < MOST_SHAPES; i++) {
        long long m, n, k;
        if (sscanf(argv[i], "%lldx%lldx%lld", &m, &n, &k) != 3 || m < 1 || n < 1 || k < 1) {
            fprintf(stderr, "usage: bench_gemm [ROUNDS] [MxNxK...]\n");
            return 2;
        }
        shapes[count++] = (shape){m, n, k};
    }
    if (count == 0) {
        count = sizeof usual / sizeof usual[0];
        memcpy(shapes, usual, sizeof usual);
    }
    /* Ascending would leave the name of a lower level in force: each level sets its own. */
    static const char *const levels[] = {"avx512", "avx2", "c"};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        run_level(levels[i], shapes, count, strcmp(levels[i], "c") == 0 ? 1 : rounds);
    return 0;
}
