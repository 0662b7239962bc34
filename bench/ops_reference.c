/* SPDX-License-Identifier: MIT */
#include "ops_reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a reference: elements kept, and multiplications or the like. */
enum { ELEMENTS_MAX = 1 << 22, COST_MAX = 200000000 };

/* The output falls into lanes that are computed together: element k of lane l stands at
 * (l / stride) * stride * length + l % stride + k * stride. */
struct bench_reference {
    const bench_case *c;
    const float *x[BENCH_INPUTS];
    const int64_t *index;
    size_t length, stride;
    size_t n, *lane; /* those that are checked */
    double *want;    /* [n][length] */
    float *allowed;  /* the difference */
};

static size_t dim(const bench_shape *s, int axis)
{
    return (size_t)s->dims[axis];
}

/* Elements behind an axis, for each step along it. */
static size_t inner_of(const bench_shape *s, int axis)
{
    size_t inner = 1;
    for (int i = axis + 1; i < s->rank; i++)
        inner *= dim(s, i);
    return inner;
}

/* ---- one lane each ---- */

/* Differences are allowed in parts of the value, of the sum of what was added up, and a little. */
static void set(double *want, float *allowed, double value, double relative, double terms,
                double floor)
{
    *want = value;
    *allowed = (float)(relative * fabs(value) + 1e-6 * terms + floor);
}

static double pointwise(const bench_case *c, double x, double weight)
{
    switch (c->op) {
    case BENCH_LEAKY_RELU:
        return x > 0 ? x : (double)0.01f * x;
    case BENCH_PRELU:
        return x > 0 ? x : weight * x;
    case BENCH_RELU:
        return x > 0 ? x : 0;
    case BENCH_SELU:
        return x > 0 ? 1.0507009873554805 * x : 1.7580993408473766 * expm1(x);
    case BENCH_SIGMOID:
        return 1 / (1 + exp(-x));
    default: /* softplus */
        return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* argmax, sum, softmax and sort along an axis of x[0]. */
static void along_axis(const bench_reference *r, size_t lane, double *want, float *allowed)
{
    const bench_case *c = r->c;
    size_t n = dim(&c->shapes[0], c->axis), inner = inner_of(&c->shapes[0], c->axis), best = 0;
    const float *x = r->x[0] + lane / inner * inner * n + lane % inner;
    double sum = 0, terms = 0;
    for (size_t k = 0; k < n; k++) {
        if (x[k * inner] > x[best * inner])
            best = k;
        sum += (double)x[k * inner];
        terms += fabs((double)x[k * inner]);
    }
    if (c->op == BENCH_ARGMAX) {
        set(want, allowed, (double)best, 0, 0, 0);
    } else if (c->op == BENCH_SUM) {
        set(want, allowed, sum, 0, terms, 0);
    } else if (c->op == BENCH_SORT) {
        for (size_t k = 0; k < n; k++)
            set(&want[k], &allowed[k], (double)x[k * inner], 0, 0, 0);
        qsort(want, n, sizeof *want, by_value);
    } else {
        double all = 0, largest = (double)x[best * inner];
        for (size_t k = 0; k < n; k++)
            all += exp((double)x[k * inner] - largest);
        for (size_t k = 0; k < n; k++)
            set(&want[k], &allowed[k], exp((double)x[k * inner] - largest) / all, 1e-5, 0, 1e-12);
    }
}

static void over_all(const bench_reference *r, double *want, float *allowed)
{
    size_t n = (size_t)bench_shape_count(&r->c->shapes[0]);
    double sum = 0, terms = 0;
    for (size_t i = 0; i < n; i++) {
        double x = (double)r->x[0][i];
        if (r->c->op == BENCH_BCE) {
            double t = (double)r->x[1][i];
            x = -(t * fmax(log(x), -100) + (1 - t) * fmax(log1p(-x), -100)) / (double)n;
        }
        sum += x;
        terms += fabs(x);
    }
    set(want, allowed, sum, 0, r->c->op == BENCH_BCE ? 5 * terms : terms, 0);
}

static double dot(const float *a, size_t a_step, const float *b, size_t b_step, size_t n,
                  double *terms)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++) {
        double term = (double)a[k * a_step] * (double)b[k * b_step];
        sum += term;
        *terms += fabs(term);
    }
    return sum;
}

static void product(const bench_reference *r, size_t at, double *want, float *allowed)
{
    const bench_shape *a = &r->c->shapes[0], *b = &r->c->shapes[1];
    size_t k = dim(a, a->rank - 1), cols = dim(&r->c->output, r->c->output.rank - 1);
    size_t row = at / cols, col = at % cols;
    double terms = 0, sum;
    if (r->c->op == BENCH_LINEAR) {
        sum = dot(r->x[0] + row * k, 1, r->x[1] + col * k, 1, k, &terms) + (double)r->x[2][col];
        terms += fabs((double)r->x[2][col]);
    } else {
        size_t matrix = b->rank == 2 ? 0 : row / dim(a, a->rank - 2);
        sum = dot(r->x[0] + row * k, 1, r->x[1] + matrix * k * cols + col, cols, k, &terms);
    }
    set(want, allowed, sum, 0, terms, 0);
}

/* Of [N, L, C] one row high is [N, 1, L, C]. */
static void convolution(const bench_reference *r, size_t at, double *want, float *allowed)
{
    const bench_case *c = r->c;
    bool flat = c->op == BENCH_CONV1D;
    const bench_shape *x = &c->shapes[0], *w = &c->shapes[1], *y = &c->output;
    size_t out_w = dim(y, y->rank - 2), out_h = flat ? 1 : dim(y, 1), out = dim(w, 0);
    size_t in_w = dim(x, x->rank - 2), in_h = flat ? 1 : dim(x, 1), in = dim(x, x->rank - 1);
    size_t kernel_w = dim(w, w->rank - 2), kernel_h = flat ? 1 : dim(w, 1);
    size_t o = at % out, column = at / out % out_w, line = at / out / out_w % out_h;
    size_t image = at / out / out_w / out_h;
    double sum = 0, terms = 0;
    for (size_t i = 0; i < kernel_h; i++) /* a line of the kernel lies over neighbours in x */
        sum += dot(r->x[0] + ((image * in_h + line + i) * in_w + column) * in, 1,
                   r->x[1] + (o * kernel_h + i) * kernel_w * in, 1, kernel_w * in, &terms);
    set(want, allowed, sum, 0, terms, 0);
}

static void concat(const bench_reference *r, size_t at, double *want, float *allowed)
{
    const bench_case *c = r->c;
    size_t inner = inner_of(&c->output, c->axis), all = dim(&c->output, c->axis) * inner;
    size_t first = dim(&c->shapes[0], c->axis) * inner, outer = at / all, within = at % all;
    const float *x = within < first ? r->x[0] + outer * first + within
                                    : r->x[1] + outer * (all - first) + within - first;
    set(want, allowed, (double)*x, 0, 0, 0);
}

/* A row of scatter, scatter_sum or scatter_max. */
static void scatter(const bench_reference *r, size_t row, double *want, float *allowed)
{
    size_t cols = r->length, n = dim(&r->c->shapes[1], 0);
    float *terms = allowed;
    for (size_t k = 0; k < cols; k++) {
        want[k] = (double)r->x[0][row * cols + k];
        terms[k] = (float)fabs(want[k]);
    }
    for (size_t i = 0; i < n; i++) {
        if ((size_t)r->index[i] != row)
            continue;
        for (size_t k = 0; k < cols; k++) {
            double z = (double)r->x[2][i * cols + k];
            terms[k] += (float)fabs(z);
            want[k] = r->c->op == BENCH_SCATTER_SUM ? want[k] + z
                      : r->c->op == BENCH_SCATTER   ? z
                                                    : fmax(want[k], z);
        }
    }
    for (size_t k = 0; k < cols; k++)
        set(&want[k], &allowed[k], want[k], 0, r->c->op == BENCH_SCATTER_SUM ? (double)terms[k] : 0,
            0);
}

static void layer_norm(const bench_reference *r, size_t row, double *want, float *allowed)
{
    size_t n = r->length;
    const float *x = r->x[0] + row * n;
    double mean = 0, variance = 0;
    for (size_t k = 0; k < n; k++)
        mean += (double)x[k] / (double)n;
    for (size_t k = 0; k < n; k++)
        variance += ((double)x[k] - mean) * ((double)x[k] - mean) / (double)n;
    for (size_t k = 0; k < n; k++) {
        double normal = ((double)x[k] - mean) / sqrt(variance + (double)1e-5f);
        double scaled = normal * (double)r->x[1][k];
        set(&want[k], &allowed[k], scaled + (double)r->x[2][k], 1e-5, 0,
            1e-6 + 1e-6 * fabs(scaled));
    }
}

static void attention(const bench_reference *r, size_t row, double *want, float *allowed)
{
    const bench_case *c = r->c;
    size_t queries = dim(&c->shapes[0], 2), keys = dim(&c->shapes[1], 2);
    size_t d = dim(&c->shapes[0], 3), e = r->length, head = row / queries;
    size_t seen = c->causal && row % queries + 1 < keys ? row % queries + 1 : keys;
    const float *k = r->x[1] + head * keys * d, *v = r->x[2] + head * keys * e;
    double all = 0, ignored = 0;
    memset(want, 0, e * sizeof *want);
    for (size_t i = 0; i < seen; i++) { /* scores are small: no largest one to take off */
        double score = dot(r->x[0] + row * d, 1, k + i * d, 1, d, &ignored) / sqrt((double)d);
        double weight = exp(score);
        all += weight;
        for (size_t j = 0; j < e; j++)
            want[j] += weight * (double)v[i * e + j];
    }
    for (size_t j = 0; j < e; j++)
        set(&want[j], &allowed[j], want[j] / all, 1e-5, 0, 2e-6);
}

static void compute(const bench_reference *r, size_t lane, double *want, float *allowed)
{
    const bench_case *c = r->c;
    size_t cols = c->shapes[0].rank > 1 ? dim(&c->shapes[0], 1) : 1;
    switch (c->op) {
    case BENCH_ARGMAX:
    case BENCH_SUM:
    case BENCH_SOFTMAX:
    case BENCH_SORT:
        along_axis(r, lane, want, allowed);
        return;
    case BENCH_BCE:
    case BENCH_SUM_ALL:
        over_all(r, want, allowed);
        return;
    case BENCH_CONCAT:
        concat(r, lane, want, allowed);
        return;
    case BENCH_CONV1D:
    case BENCH_CONV2D:
        convolution(r, lane, want, allowed);
        return;
    case BENCH_GATHER:
        set(want, allowed, (double)r->x[0][(size_t)r->index[lane / cols] * cols + lane % cols], 0,
            0, 0);
        return;
    case BENCH_LINEAR:
    case BENCH_MATMUL:
        product(r, lane, want, allowed);
        return;
    case BENCH_SCATTER:
    case BENCH_SCATTER_SUM:
    case BENCH_SCATTER_MAX:
        scatter(r, lane, want, allowed);
        return;
    case BENCH_LAYER_NORM:
        layer_norm(r, lane, want, allowed);
        return;
    case BENCH_ATTENTION:
        attention(r, lane, want, allowed);
        return;
    default:
        set(want, allowed, pointwise(c, (double)r->x[0][lane], r->x[1] ? (double)r->x[1][0] : 0),
            1e-5, 0, 1e-7);
        return;
    }
}

/* ---- which lanes ---- */

/* Sets length and stride, and returns about how much work a lane is. */
static double shape_lanes(bench_reference *r)
{
    const bench_case *c = r->c;
    const bench_shape *s = c->shapes;
    size_t last = dim(&s[0], s[0].rank - 1);
    r->length = r->stride = 1;
    switch (c->op) {
    case BENCH_SOFTMAX:
    case BENCH_SORT:
        r->length = dim(&s[0], c->axis);
        r->stride = inner_of(&s[0], c->axis);
        return 20 * (double)r->length;
    case BENCH_ARGMAX:
    case BENCH_SUM:
        return (double)dim(&s[0], c->axis);
    case BENCH_SCATTER:
    case BENCH_SCATTER_SUM:
    case BENCH_SCATTER_MAX:
        r->length = last;
        return (double)dim(&s[1], 0);
    case BENCH_LAYER_NORM:
        r->length = last;
        return 3 * (double)last;
    case BENCH_ATTENTION:
        r->length = dim(&s[2], 3);
        return (double)(dim(&s[1], 2) * (last + r->length));
    default:
        return c->flops > 0 ? c->flops / 2 / (double)bench_shape_count(&c->output) : 10;
    }
}

static bool choose_lanes(bench_reference *r, uint64_t seed)
{
    double cost = shape_lanes(r);
    size_t lanes = (size_t)bench_shape_count(&r->c->output) / r->length;
    r->n = lanes;
    if (r->n > ELEMENTS_MAX / r->length)
        r->n = ELEMENTS_MAX / r->length;
    if ((double)r->n > COST_MAX / cost)
        r->n = (size_t)(COST_MAX / cost);
    if (r->n < 1)
        r->n = 1;
    r->lane = malloc(r->n * sizeof *r->lane);
    r->want = malloc(r->n * r->length * sizeof *r->want);
    r->allowed = malloc(r->n * r->length * sizeof *r->allowed);
    if (!r->lane || !r->want || !r->allowed)
        return false;
    for (size_t i = 0; i < r->n; i++) { /* one of each of n parts */
        double step = (double)lanes / (double)r->n, begin = step * (double)i;
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        r->lane[i] = r->n == lanes ? i : (size_t)(begin + step * (double)(seed >> 40) / 0x1p24);
    }
    return true;
}

bench_reference *bench_reference_create(const bench_case *c, mica_tensor *const *inputs,
                                        uint64_t seed)
{
    bench_reference *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->c = c;
    for (int i = 0; i < c->inputs; i++) {
        if (c->index[i])
            r->index = mica_tensor_data(inputs[i]);
        else
            r->x[i] = mica_tensor_data(inputs[i]);
    }
    if (!choose_lanes(r, seed)) {
        bench_reference_destroy(&r);
        return NULL;
    }
    for (size_t i = 0; i < r->n; i++)
        compute(r, r->lane[i], r->want + i * r->length, r->allowed + i * r->length);
    return r;
}

void bench_reference_destroy(bench_reference **reference)
{
    bench_reference *r = *reference;
    *reference = NULL;
    if (!r)
        return;
    free(r->lane);
    free(r->want);
    free(r->allowed);
    free(r);
}

size_t bench_reference_count(const bench_reference *r)
{
    return r->n * r->length;
}

/* ---- comparing ---- */

static bool same_shape(const bench_shape *want, int rank, const int64_t *dims)
{
    bool same = rank == want->rank;
    for (int i = 0; same && i < rank; i++)
        same = dims[i] == want->dims[i];
    return same;
}

static double element(mica_dtype dtype, const void *data, size_t at)
{
    return dtype == MICA_DTYPE_F32   ? (double)((const float *)data)[at]
           : dtype == MICA_DTYPE_I32 ? (double)((const int32_t *)data)[at]
                                     : (double)((const int64_t *)data)[at];
}

/* Where element k of the i-th lane that is checked stands in the output. */
static size_t position(const bench_reference *r, size_t i, size_t k)
{
    size_t lane = r->lane[i];
    return lane / r->stride * r->stride * r->length + lane % r->stride + k * r->stride;
}

void bench_reference_positions(const bench_reference *r, int64_t *positions)
{
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->length; k++)
            positions[i * r->length + k] = (int64_t)position(r, i, k);
}

/* PyTorch does not say which of repeated indices a scatter keeps: any whole row of them is right.
 */
static bool is_an_update(const bench_reference *r, size_t row, const float *got)
{
    size_t n = dim(&r->c->shapes[1], 0), bytes = r->length * sizeof *got;
    for (size_t i = 0; i < n; i++)
        if ((size_t)r->index[i] == row && memcmp(r->x[2] + i * r->length, got, bytes) == 0)
            return true;
    return false;
}

bool bench_reference_check(const bench_reference *r, const bench_output *output, double *worst,
                           char *reason, size_t size)
{
    bool indices = r->c->op == BENCH_ARGMAX;
    mica_dtype dtype = output->dtype;
    size_t bad = 0, first = 0;
    double got = 0, want = 0;
    *worst = 0;
    if (indices ? dtype != MICA_DTYPE_I32 && dtype != MICA_DTYPE_I64 : dtype != MICA_DTYPE_F32) {
        snprintf(reason, size, "the output is of %s", mica_dtype_name(dtype));
        return false;
    }
    if (!same_shape(&r->c->output, output->rank, output->dims)) {
        snprintf(reason, size, "the output is of another shape");
        return false;
    }
    for (size_t i = 0; i < r->n; i++) {
        for (size_t k = 0; k < r->length; k++) {
            size_t at = position(r, i, k);
            size_t row_at = output->sampled ? i * r->length : position(r, i, 0);
            double x = r->want[i * r->length + k];
            double y = element(dtype, output->data, output->sampled ? i * r->length + k : at);
            double distance = fabs(y - x);
            if (distance <= (double)r->allowed[i * r->length + k]) {
                *worst = fmax(*worst, distance);
                continue;
            }
            if (r->c->op == BENCH_SCATTER &&
                is_an_update(r, r->lane[i], (const float *)output->data + row_at))
                break;
            if (bad++ == 0) {
                first = at;
                got = y;
                want = x;
            }
            *worst = isnan(distance) ? INFINITY : fmax(*worst, distance);
        }
    }
    if (bad > 0)
        snprintf(reason, size,
                 "element %zu is %.9g, the reference %.9g; %zu of %zu differ, by up to %.3g", first,
                 got, want, bad, bench_reference_count(r), *worst);
    return bad == 0;
}
