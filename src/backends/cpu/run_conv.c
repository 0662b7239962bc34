/* SPDX-License-Identifier: MIT
 *
 * Steps that are convolutions, channels last. A convolution is a product whose left side is not
 * written out: the row of an output pixel is made of segments of x, which lie in a row already.
 *
 *   x [H, W, C]   o o o o o o      pixel (0, 0), a 2 x 3 kernel: two segments of 3 C floats,
 *                 [= = =] o o      one from each row of x; the next pixel's begin `stride` C
 *                 [= = =] o o      further on
 *
 * With a dilation or groups a segment is the channels of one place. A task is a piece of one row of
 * output pixels; where the piece looks over the edge of x, the rows that it needs are copied to
 * scratch, with zeros around. conv1d is the case H = 1.
 *
 * Up to MICA_NARROW_N outputs (of a group) take the narrow tile, which reads x where it lies; more
 * of them the blocked product of gemm.h.
 */
#include <string.h>

#include "backends/cpu/elements.h"
#include "backends/cpu/gemm.h"

enum { PIXELS = 168 }; /* of a task: a multiple of the tiles' rows, 4, 6 and 14 */

typedef struct conv {
    const mica_kernels *kernels;
    const float *x, *bias;
    float *y;
    size_t height, width, channels;             /* of x */
    size_t out_height, out_width, out_channels; /* of y */
    size_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
    size_t groups, group_in, group_out;
    size_t segments, length; /* of a pixel's row */
    size_t pieces, pixels;   /* of a row of y */
    size_t reach;            /* columns of x that a piece may need */
    const float *weights;    /* packed, group by group */
    size_t group_floats;     /* packed weights of a group */
    bool stream;             /* the narrow product is written past the caches */
    unsigned char *scratch;
    size_t worker_bytes;
} conv;

static size_t round_up(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

static void set_shapes(conv *c, const mica_call *call)
{
    const mica_view *x = mica_call_input(call, 0), *w = mica_call_input(call, 1);
    const mica_view *y = mica_call_output(call);
    bool flat = call->step->op == MICA_OP_CONV1D;
    int at = flat ? 1 : 2; /* the axis of width */
    c->height = flat ? 1 : (size_t)x->dim[1];
    c->width = (size_t)x->dim[at];
    c->channels = (size_t)x->dim[at + 1];
    c->out_height = flat ? 1 : (size_t)y->dim[1];
    c->out_width = (size_t)y->dim[at];
    c->out_channels = (size_t)y->dim[at + 1];
    c->kernel_h = flat ? 1 : (size_t)w->dim[1];
    c->kernel_w = (size_t)w->dim[at];
    c->stride_h = c->dilation_h = 1;
    if (flat) {
        const mica_conv1d_params *p = call->step->params;
        c->stride_w = (size_t)p->stride;
        c->pad_w = (size_t)p->padding;
        c->dilation_w = (size_t)p->dilation;
        c->groups = (size_t)p->groups;
    } else {
        const mica_conv2d_params *p = call->step->params;
        c->stride_h = (size_t)p->stride[0];
        c->stride_w = (size_t)p->stride[1];
        c->pad_h = (size_t)p->padding[0];
        c->pad_w = (size_t)p->padding[1];
        c->dilation_h = (size_t)p->dilation[0];
        c->dilation_w = (size_t)p->dilation[1];
        c->groups = (size_t)p->groups;
    }
}

static bool is_narrow(const conv *c)
{
    return c->group_out <= MICA_NARROW_N;
}

static conv conv_of(const mica_call *call)
{
    conv c = {.kernels = &call->cpu->kernels};
    size_t mr = c.kernels->gemm.mr;
    set_shapes(&c, call);
    c.group_in = c.channels / c.groups;
    c.group_out = c.out_channels / c.groups;
    bool joined = c.groups == 1 && c.dilation_w == 1;
    c.segments = joined ? c.kernel_h : c.kernel_h * c.kernel_w;
    c.length = joined ? c.kernel_w * c.channels : c.group_in;
    c.pieces = (c.out_width + PIXELS - 1) / PIXELS;
    c.pixels = c.pieces ? (c.out_width + c.pieces - 1) / c.pieces : 0;
    c.pixels = (c.pixels + mr - 1) / mr * mr; /* whole tiles, but in the last piece of a row */
    size_t most = c.pixels < c.out_width ? c.pixels : c.out_width;
    c.reach = most ? (most - 1) * c.stride_w + (c.kernel_w - 1) * c.dilation_w + 1 : 0;
    size_t k = c.segments * c.length;
    c.group_floats = is_narrow(&c) ? mica_narrow_floats(c.segments, c.length)
                                   : mica_gemm_panel_floats(c.kernels, c.group_out, k);
    c.group_floats = round_up(c.group_floats * sizeof(float)) / sizeof(float);
    c.worker_bytes = round_up(c.segments * sizeof(float *)) +
                     round_up(c.kernel_h * c.reach * c.channels * sizeof(float)) +
                     (is_narrow(&c) ? 0 : mica_gemm_scratch_floats(c.kernels) * sizeof(float));
    return c;
}

size_t mica_cpu_scratch_conv(const mica_call *call)
{
    conv c = conv_of(call);
    return c.groups * c.group_floats * sizeof(float) +
           c.worker_bytes * mica_pool_threads(call->cpu->pool);
}

/* weight [group_out, segments, length]. */
static void pack_narrow(const conv *c, float *packed, const float *weight)
{
    memset(packed, 0, mica_narrow_floats(c->segments, c->length) * sizeof *packed);
    for (size_t j = 0; j < c->group_out; j++)
        for (size_t s = 0; s < c->segments; s++)
            for (size_t p = 0; p < c->length; p++)
                packed[mica_narrow_at(c->length, s, p, j)] = *weight++;
}

/* weight [outputs, k], of each group. */
static void pack_weights(const conv *c, float *packed, const float *weight)
{
    size_t k = c->segments * c->length, nr = c->kernels->gemm.nr;
    for (size_t g = 0; g < c->groups; g++) {
        const float *from = weight + g * c->group_out * k;
        float *to = packed + g * c->group_floats;
        if (is_narrow(c)) {
            pack_narrow(c, to, from);
            continue;
        }
        for (size_t j = 0; j < c->group_out; j += nr)
            mica_gemm_pack_panel(c->kernels, to + j * k, from + j * k, 1, (int64_t)k,
                                 c->group_out - j < nr ? c->group_out - j : nr, k);
    }
}

/* Column `column` of x that stands at the beginning of a piece, and may lie before x. */
typedef struct place {
    size_t image, row, first, count; /* of y: pixels [first, first + count) of a row */
    int64_t column;
} place;

/* Row `kh` of x as the piece sees it: where it lies, or a copy with zeros around. */
static const float *row_of(const conv *c, const place *p, size_t kh, float *copy)
{
    int64_t row = (int64_t)(p->row * c->stride_h + kh * c->dilation_h) - (int64_t)c->pad_h;
    size_t columns = (p->count - 1) * c->stride_w + (c->kernel_w - 1) * c->dilation_w + 1;
    bool inside = row >= 0 && row < (int64_t)c->height;
    int64_t end = p->column + (int64_t)columns, width = (int64_t)c->width;
    const float *from =
        c->x + ((int64_t)p->image * (int64_t)c->height + row) * width * (int64_t)c->channels;
    if (inside && p->column >= 0 && end <= width)
        return from + p->column * (int64_t)c->channels;
    memset(copy, 0, columns * c->channels * sizeof *copy);
    int64_t low = p->column > 0 ? p->column : 0, high = end < width ? end : width;
    if (inside && low < high)
        memcpy(copy + (low - p->column) * (int64_t)c->channels, from + low * (int64_t)c->channels,
               (size_t)(high - low) * c->channels * sizeof *copy);
    return copy;
}

/* Group g of a piece: from its segments to its pixels. */
static void run_group(const conv *c, const place *p, size_t g, const float *const *segments,
                      float *packed_a)
{
    size_t lda = c->stride_w * c->channels, pixel = p->image * c->out_height + p->row;
    float *y = c->y + (pixel * c->out_width + p->first) * c->out_channels + g * c->group_out;
    const float *bias = c->bias ? c->bias + g * c->group_out : NULL;
    const float *weights = c->weights + g * c->group_floats;
    if (!is_narrow(c)) {
        mica_gemm product = {.kernels = c->kernels, .m = p->count, .n = c->group_out};
        product.k = c->segments * c->length;
        product.segments = segments;
        product.segment = c->length;
        product.a_row = (int64_t)lda;
        product.a_column = 1;
        product.b = weights;
        product.bias = bias;
        product.c = y;
        product.ldc = c->out_channels;
        mica_gemm_part(&product, 0, p->count, 0, mica_gemm_panels(c->kernels, c->group_out),
                       packed_a);
        return;
    }
    /* The tile adds its offset to each segment: a whole piece goes through one call. */
    c->kernels->gemm.narrow(p->count, c->group_out, c->segments, c->length, segments, lda, weights,
                            y, c->out_channels, c->stream, bias);
}

static void conv_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const conv *c = arg;
    unsigned char *own = c->scratch + worker * c->worker_bytes;
    const float **segments = (const float **)(void *)own;
    float *copies = (float *)(void *)(own + round_up(c->segments * sizeof *segments));
    size_t per_row = c->segments / c->kernel_h, row_floats = c->reach * c->channels;
    float *packed_a = (float *)(void *)((unsigned char *)copies +
                                        round_up(c->kernel_h * row_floats * sizeof(float)));
    for (size_t task = begin; task < end; task++) {
        size_t line = task / c->pieces, piece = task % c->pieces;
        place p = {.image = line / c->out_height, .row = line % c->out_height};
        p.first = piece * c->pixels;
        p.count = c->out_width - p.first < c->pixels ? c->out_width - p.first : c->pixels;
        p.column = (int64_t)(p.first * c->stride_w) - (int64_t)c->pad_w;
        for (size_t kh = 0; kh < c->kernel_h; kh++) {
            const float *row = row_of(c, &p, kh, copies + kh * row_floats);
            for (size_t kw = 0; kw < per_row; kw++)
                segments[kh * per_row + kw] = row + kw * c->dilation_w * c->channels;
        }
        for (size_t g = 0; g < c->groups; g++) {
            for (size_t s = 0; g > 0 && s < c->segments; s++)
                segments[s] += c->group_in;
            run_group(c, &p, g, segments, packed_a);
        }
    }
}

mica_status mica_cpu_run_conv(const mica_call *call)
{
    conv c = conv_of(call);
    const mica_view *x = mica_call_input(call, 0), *bias = mica_call_input(call, 2);
    size_t images = (size_t)x->dim[0];
    float *packed = (float *)(void *)call->run->scratch;
    if (mica_view_count(mica_call_output(call)) == 0)
        return MICA_OK;
    c.x = x->data;
    c.bias = bias ? bias->data : NULL;
    c.y = mica_call_output(call)->data;
    c.stream = mica_cpu_streams(mica_call_output(call)) && c.out_channels == MICA_NARROW_N &&
               c.groups == 1;
    pack_weights(&c, packed, mica_call_input(call, 1)->data);
    c.weights = packed;
    c.scratch = call->run->scratch + c.groups * c.group_floats * sizeof(float);
    size_t work = c.pixels * c.out_channels * c.segments * c.length / 16;
    mica_cpu_ranges(call->cpu, images * c.out_height * c.pieces, mica_cpu_grain(work), conv_range,
                    &c);
    return MICA_OK;
}
