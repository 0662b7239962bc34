/* SPDX-License-Identifier: MIT
 *
 * The driver of products; gemm.h says what it promises.
 *
 * Loops, outermost first: blocks of at most mc rows; blocks of k; groups of nc panels; strips of at
 * most mr rows; panels. A block of A is packed once for all panels and stays in the second-level
 * cache beside a group of panels; a strip of it stays in the first while the group's panels stream
 * past:
 *
 *      A block [mc, kc]        B group, block of k          C
 *      +-----------+     +------+------+-- ... --+     +----+----+-
 *      | strip, L1 |  x  | kc x nr panels, in L2 |  =  |tile|tile|
 *      +-----------+     +------+------+-- ... --+     +----+----+-
 *      | strip     |
 */
#include "backends/cpu/gemm.h"

#include <string.h>

static size_t ceil_div(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t mica_gemm_panels(const mica_kernels *kernels, size_t n)
{
    return ceil_div(n, kernels->gemm.nr);
}

size_t mica_gemm_panel_floats(const mica_kernels *kernels, size_t n, size_t k)
{
    return mica_gemm_panels(kernels, n) * kernels->gemm.nr * k;
}

size_t mica_gemm_scratch_floats(const mica_kernels *kernels)
{
    return kernels->gemm.mc * MICA_GEMM_A_STRIDE;
}

void mica_gemm_pack_panel(const mica_kernels *kernels, float *panel, const float *b, int64_t row,
                          int64_t column, size_t columns, size_t k)
{
    size_t nr = kernels->gemm.nr;
    if (column == 1 && columns == 16) { /* whole panels: a constant size becomes plain moves */
        for (size_t p = 0; p < k; p++)
            memcpy(panel + p * nr, b + (int64_t)p * row, 16 * sizeof *panel);
    } else if (column == 1 && columns == 32) {
        for (size_t p = 0; p < k; p++)
            memcpy(panel + p * nr, b + (int64_t)p * row, 32 * sizeof *panel);
    } else if (column == 1) {
        for (size_t p = 0; p < k; p++)
            memcpy(panel + p * nr, b + (int64_t)p * row, columns * sizeof *panel);
    } else if (row == 1 && column > 0) {
        kernels->transpose(panel, nr, b, (size_t)column, columns, k);
    } else {
        for (size_t p = 0; p < k; p++)
            for (size_t j = 0; j < columns; j++)
                panel[p * nr + j] = b[(int64_t)p * row + (int64_t)j * column];
    }
    if (columns < nr)
        for (size_t p = 0; p < k; p++)
            memset(panel + p * nr + columns, 0, (nr - columns) * sizeof *panel);
}

/* Columns [k0, k0 + kc) of row `row`, which is made of segments. */
static void pack_segments(const mica_gemm *g, float *to, size_t row, size_t k0, size_t kc)
{
    for (size_t p = k0; p < k0 + kc;) {
        size_t within = p % g->segment, n = smaller(g->segment - within, k0 + kc - p);
        memcpy(to, g->segments[p / g->segment] + within + row * (size_t)g->a_row, n * sizeof *to);
        to += n;
        p += n;
    }
}

static void pack_a(const mica_gemm *g, float *packed, size_t row0, size_t rows, size_t k0,
                   size_t kc)
{
    for (size_t i = 0; g->segments && i < rows; i++)
        pack_segments(g, packed + i * MICA_GEMM_A_STRIDE, row0 + i, k0, kc);
    for (size_t i = 0; !g->segments && i < rows; i++) {
        const float *from = g->a + (int64_t)(row0 + i) * g->a_row + (int64_t)k0 * g->a_column;
        float *to = packed + i * MICA_GEMM_A_STRIDE;
        if (g->a_column == 1)
            memcpy(to, from, kc * sizeof *to);
        else
            for (size_t p = 0; p < kc; p++)
                to[p] = from[(int64_t)p * g->a_column];
    }
}

/* A strip over the panels of a group. */
static void run_strip(const mica_gemm *g, const float *packed, size_t row0, size_t rows,
                      size_t panel0, size_t panel1, size_t k0, size_t kc)
{
    size_t nr = g->kernels->gemm.nr;
    bool last = k0 + kc == g->k;
    for (size_t panel = panel0; panel < panel1; panel++) {
        size_t column = panel * nr, n = smaller(nr, g->n - column);
        const float *b = g->b + (panel * g->k + k0) * nr;
        const float *bias = last && g->bias ? g->bias + column : NULL;
        float *c = g->c + row0 * g->ldc + column;
        bool past = g->stream && last && k0 == 0 && !g->activation && n == nr &&
                    (uintptr_t)c % 64 == 0 && g->ldc % 16 == 0;
        g->kernels->gemm.tile(rows, n, kc, packed, b, c, g->ldc, k0 > 0, past, bias);
        for (size_t i = 0; last && g->activation && i < rows; i++)
            g->activation(c + i * g->ldc, c + i * g->ldc, n, g->params);
    }
}

/* A packed block of rows over the panels [panel0, panel1), in one block of k. */
static void run_block(const mica_gemm *g, const float *packed, size_t row0, size_t rows,
                      size_t panel0, size_t panel1, size_t k0, size_t kc)
{
    size_t nc = g->kernels->gemm.nc, strips = ceil_div(rows, g->kernels->gemm.mr);
    for (size_t group = panel0; group < panel1; group += nc)
        for (size_t s = 0; s < strips; s++) { /* of equal height, as near as can be to mr */
            size_t begin = rows * s / strips, end = rows * (s + 1) / strips;
            run_strip(g, packed + begin * MICA_GEMM_A_STRIDE, row0 + begin, end - begin, group,
                      smaller(group + nc, panel1), k0, kc);
        }
}

void mica_gemm_part(const mica_gemm *g, size_t row0, size_t row1, size_t panel0, size_t panel1,
                    float *scratch)
{
    size_t blocks = g->k ? ceil_div(g->k, MICA_GEMM_KC) : 1, kc_max = ceil_div(g->k, blocks);
    size_t parts = ceil_div(row1 - row0, g->kernels->gemm.mc);
    for (size_t part = 0; part < parts; part++) {
        size_t begin = row0 + (row1 - row0) * part / parts;
        size_t end = row0 + (row1 - row0) * (part + 1) / parts;
        for (size_t block = 0; block < blocks; block++) {
            size_t k0 = smaller(block * kc_max, g->k), kc = smaller(kc_max, g->k - k0);
            pack_a(g, scratch, begin, end - begin, k0, kc);
            run_block(g, scratch, begin, end - begin, panel0, panel1, k0, kc);
        }
    }
}

typedef struct grid {
    const mica_gemm *gemm;
    float *scratch;
    size_t across_rows, across_panels, panels;
} grid;

static void grid_task(void *arg, size_t task, size_t worker)
{
    const grid *t = arg;
    const mica_gemm *g = t->gemm;
    size_t r = task / t->across_panels, p = task % t->across_panels;
    mica_gemm_part(g, g->m * r / t->across_rows, g->m * (r + 1) / t->across_rows,
                   t->panels * p / t->across_panels, t->panels * (p + 1) / t->across_panels,
                   t->scratch + worker * mica_gemm_scratch_floats(g->kernels));
}

/* Cuts C into at most `threads` rectangles: the cut whose largest rectangle costs least, counting a
 * tile's rows as its multiply-adds and the packing of A beside it. */
static void choose_grid(grid *t, size_t threads)
{
    const mica_gemm *g = t->gemm;
    size_t best = SIZE_MAX;
    for (size_t rows = 1; rows <= threads && rows <= g->m; rows++) {
        size_t across = smaller(threads / rows, t->panels);
        size_t m = ceil_div(g->m, rows);
        size_t cost = m * ceil_div(t->panels, across) + m / 2;
        /* Few rows in a tile do not use all of the processor. */
        cost += m < g->kernels->gemm.mr ? (g->kernels->gemm.mr - m) * t->panels / across / 2 : 0;
        if (cost < best) {
            best = cost;
            t->across_rows = rows;
            t->across_panels = across;
        }
    }
}

void mica_gemm_run(const mica_gemm *gemm, mica_pool *pool, float *scratch)
{
    if (gemm->m == 0 || gemm->n == 0)
        return;
    grid t = {gemm, scratch, 1, 1, mica_gemm_panels(gemm->kernels, gemm->n)};
    /* Below some tens of thousands of multiply-adds waking the others costs more than it gives. */
    bool small = gemm->m * gemm->n < (1 << 15) / (gemm->k + 1);
    choose_grid(&t, small ? 1 : mica_pool_threads(pool));
    if (t.across_rows * t.across_panels == 1)
        grid_task(&t, 0, 0);
    else
        mica_pool_run(pool, t.across_rows * t.across_panels, grid_task, &t);
}
