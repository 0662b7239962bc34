/* SPDX-License-Identifier: MIT
 *
 * The driver of products; gemm.h says what it promises.
 *
 * Loops, outermost first: blocks of at most mc rows; blocks of k; groups of nc panels; strips of at
 * most mr rows; panels. A block of A is packed once for all panels and stays in the second-level
 * cache beside a group of panels, while the next group comes from far away: each strip asks for an
 * equal part of it, so that memory and arithmetic are busy at the same time, however few strips
 * there are.
 *
 *      A block [mc, kc]        B group, block of k          C
 *      +-----------+     +------+------+-- ... --+     +----+----+-
 *      | strip, L1 |  x  | kc x nr panels, in L2 |  =  |tile|tile|
 *      +-----------+     +------+------+-- ... --+     +----+----+-
 *      | strip     |
 */
#include "backends/cpu/gemm.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>
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

/* A packed block of A, a group of panels brought to float32, and a counter with room about it. */
enum { COUNTER_FLOATS = 16 };
size_t mica_gemm_scratch_floats(const mica_kernels *kernels)
{
    return kernels->gemm.mc * MICA_GEMM_A_STRIDE +
           kernels->gemm.nc * kernels->gemm.nr * MICA_GEMM_KC + COUNTER_FLOATS;
}

void mica_gemm_pack_panel(const mica_kernels *kernels, float *panel, const float *b, int64_t row,
                          int64_t column, size_t columns, size_t k)
{
    size_t nr = kernels->gemm.nr;
    if (column == 1) {
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

size_t mica_gemm_group(mica_precision precision)
{
    return precision == MICA_PRECISION_INT8 ? 4 : precision == MICA_PRECISION_BF16 ? 2 : 1;
}

/* Rows of a tile. */
static size_t tile_rows(const mica_gemm *g)
{
    const mica_kernels *kernels = g->kernels;
    return g->precision == MICA_PRECISION_INT8   ? kernels->int8.mr
           : g->precision == MICA_PRECISION_BF16 ? kernels->bf16.mr
                                                 : kernels->gemm.mr;
}

enum { FEW_PANELS = 4 };

/* A block of at most mc rows on its way through the blocks of k. */
typedef struct block {
    const mica_gemm *gemm;
    float *packed;
    float *wide; /* BF16: a group of panels brought to float32 */
    bool a_lies; /* A is not packed, and row 0 is at a */
    const float *a;
    size_t next_rows; /* from the block to the next one on the thread; 0: there is none */
    size_t row0, rows;
    float *c; /* where row c_row of the block is computed from c_column on; rows are ldc apart */
    size_t c_row, c_column, ldc;
    float *rounded; /* NULL, or where each strip that is complete is left in bfloat16: row 0 */
    size_t word0, words, all_words; /* of a row of B's panels: this block of k, and all */
    /* INT8: how each row is brought to 8 bits. */
    float scale[MICA_GEMM_MAX_MC], inverse[MICA_GEMM_MAX_MC];
    int32_t zero[MICA_GEMM_MAX_MC];
} block;

static size_t a_words(const mica_kernels *kernels, mica_precision precision)
{
    return precision == MICA_PRECISION_BF16 ? kernels->bf16.a_words : 1;
}

/* How the numbers of a row were brought to 8 bits. */
typedef struct row_scale {
    float scale, inverse;
    int32_t zero;
} row_scale;

/* 8 bits for a row: its range, widened to hold 0, is cut into 255 steps, and 0 is one of the ends
 * of a step. A row that is not finite gives NaN. */
static row_scale choose_scale(const mica_kernels *kernels, const float *x, size_t k)
{
    float low, high;
    kernels->int8.range(x, k, &low, &high);
    float scale = high / 255 - low / 255; /* the difference itself may overflow */
    bool finite = scale <= FLT_MAX;
    if (finite && scale < FLT_MIN)
        scale = 0; /* all zeros, or so small that its inverse is not finite */
    row_scale s = {finite ? scale : NAN, finite && scale > 0 ? 1 / scale : 0, 0};
    s.zero = (int32_t)lrintf(-low * s.inverse);
    return s;
}

/* n numbers of a row, as a tile of a precision other than F32 takes them. */
static void pack_narrow(const mica_kernels *kernels, mica_precision precision, void *to,
                        const float *from, size_t n, const row_scale *s)
{
    if (precision == MICA_PRECISION_BF16)
        kernels->bf16.pack(to, from, n);
    else if (s->inverse > 0)
        kernels->int8.quantize(to, from, n, s->inverse, s->zero);
    else
        memset(to, -kernels->int8.a_bias, ceil_div(n, 4) * 4);
}

/* A row's words come first, and of 8 bits what they were brought there by. */
void mica_gemm_narrow(const mica_kernels *kernels, mica_precision precision, float *to, size_t ld,
                      const float *x, size_t x_ld, size_t rows, size_t k)
{
    enum { AT_ONCE = 512 };
    float room[AT_ONCE];
    size_t group = mica_gemm_group(precision);
    for (size_t i = 0; i < rows; i++, x += x_ld, to += ld) {
        float *at = to;
        row_scale s = {0};
        if (precision == MICA_PRECISION_INT8)
            s = choose_scale(kernels, x, k);
        for (size_t p = 0; p < k; p += AT_ONCE) { /* words end before the numbers to come */
            size_t n = smaller(k - p, AT_ONCE), words = n / group * a_words(kernels, precision);
            pack_narrow(kernels, precision, to == x ? room : at, x + p, n, &s);
            if (to == x)
                memcpy(at, room, words * sizeof *at);
            at += words;
        }
        if (precision == MICA_PRECISION_INT8)
            memcpy(at, &s, sizeof s);
    }
}

static void choose_scales(block *t)
{
    const mica_gemm *g = t->gemm;
    for (size_t i = 0; i < t->rows; i++) {
        const float *row = g->a + (int64_t)(t->row0 + i) * g->a_row;
        row_scale s;
        if (g->a_narrow)
            memcpy(&s, row + g->k / 4, sizeof s);
        else
            s = choose_scale(g->kernels, row, g->k);
        t->scale[i] = s.scale;
        t->inverse[i] = s.inverse;
        t->zero[i] = s.zero;
    }
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

static void pack_row_f32(const mica_gemm *g, float *to, const float *from, size_t count)
{
    if (g->a_column == 1)
        memcpy(to, from, count * sizeof *to);
    else
        for (size_t p = 0; p < count; p++)
            to[p] = from[(int64_t)p * g->a_column];
}

static void pack_a(const block *t)
{
    const mica_gemm *g = t->gemm;
    size_t group = mica_gemm_group(g->precision), k0 = t->word0 * group;
    size_t count = smaller(t->words * group, g->k - k0), wide = a_words(g->kernels, g->precision);
    for (size_t i = 0; i < t->rows; i++) {
        const float *row = g->segments ? NULL : g->a + (int64_t)(t->row0 + i) * g->a_row;
        float *to = t->packed + i * MICA_GEMM_A_STRIDE;
        const row_scale s = {t->scale[i], t->inverse[i], t->zero[i]};
        if (g->segments)
            pack_segments(g, to, t->row0 + i, k0, count);
        else if (g->precision == MICA_PRECISION_F32)
            pack_row_f32(g, to, row + (int64_t)k0 * g->a_column, count);
        else if (g->a_narrow)
            memcpy(to, row + t->word0 * wide, t->words * wide * sizeof *to);
        else
            pack_narrow(g->kernels, g->precision, to, row + k0, count, &s);
    }
}

static float *c_at(const block *t, size_t row, size_t column)
{
    return t->c + (row - t->c_row) * t->ldc + (column - t->c_column);
}

/* Where a panel begins in this block of k; of a B that lies, where its first row does. */
static const float *panel_at(const block *t, size_t panel)
{
    const mica_gemm *g = t->gemm;
    size_t nr = g->kernels->gemm.nr;
    return (const float *)g->b +
           (g->b_lies ? t->word0 * g->n + panel * nr : (panel * t->all_words + t->word0) * nr);
}

/* Sides of a strip from row `first` on, from panel `panel` on. Of an A that lies where it lies,
 * these rows' next block of k is fetched; after the last the rows in their place in the next block,
 * or next_a's. */
static mica_gemm_sides sides_of(const block *t, size_t first, size_t panel, size_t panels)
{
    const mica_gemm *g = t->gemm;
    size_t nr = g->kernels->gemm.nr, next = t->all_words * nr;
    mica_gemm_sides sides = {t->packed + first * MICA_GEMM_A_STRIDE,
                             NULL,
                             MICA_GEMM_A_STRIDE,
                             panel_at(t, panel),
                             nr,
                             next};
    if (g->b_lies) {
        sides.ldb = g->n;
        sides.next_panel = nr;
    }
    if (!t->a_lies)
        return sides;
    int64_t row = (int64_t)(t->row0 + first) * g->a_row;
    sides.lda = g->a_row;
    sides.a = t->a + row + t->word0;
    if (panels > FEW_PANELS)
        return sides;
    sides.next_a = sides.a;
    if (t->word0 + t->words < t->all_words)
        sides.next_a = sides.a + t->words;
    else if (t->next_rows > 0)
        sides.next_a = t->a + row + (int64_t)t->next_rows * g->a_row;
    else if (g->next_a)
        sides.next_a = g->next_a + (int64_t)first * g->a_row;
    return sides;
}

/* Whether whole tiles of a row of C from c on may be written past the caches. */
static bool writes_past(const block *t, const float *c)
{
    const mica_gemm *g = t->gemm;
    return g->stream && t->word0 == 0 && t->words == t->all_words && !g->activation &&
           (uintptr_t)c % 64 == 0 && t->ldc % 16 == 0;
}

/* Rows [first, first + rows) of the block in a panel, or in as many as one call takes; `wide` is
 * its part in float32, or NULL. */
static void run_tile(const block *t, size_t first, size_t rows, size_t panel, size_t panels,
                     const float *wide, mica_ahead ahead)
{
    const mica_gemm *g = t->gemm;
    size_t nr = g->kernels->gemm.nr, column = panel * nr, n = smaller(panels * nr, g->n - column);
    bool add = t->word0 > 0, last = t->word0 + t->words == t->all_words;
    const float *a = t->packed + first * MICA_GEMM_A_STRIDE;
    const float *b = panel_at(t, panel);
    bool now = g->precision == MICA_PRECISION_BF16 ? !add : last; /* that the bias is added */
    const float *bias = now && g->bias ? g->bias + column : NULL;
    float *c = c_at(t, first, column);
    if (g->precision == MICA_PRECISION_F32) {
        g->kernels->gemm.tile(rows, n, t->words, a, b, c, t->ldc, add, bias, ahead);
    } else if (wide) {
        g->kernels->gemm.tile(rows, n, 2 * t->words, a, wide, c, t->ldc, add, bias, ahead);
    } else if (g->precision == MICA_PRECISION_BF16) {
        g->kernels->bf16.tile(rows, n, t->words, a, b, t->all_words * nr, c, t->ldc, add, bias,
                              ahead);
    } else {
        mica_int8_tail tail = {t->scale + first, t->zero + first, g->column_scale + column,
                               g->column_sum + column, bias};
        g->kernels->int8.tile(rows, n, t->words, a, b, c, t->ldc, add, last ? &tail : NULL, ahead);
    }
}

/* Rows [first, first + rows) of the block in panels [panel, end) by one call, which takes less time
 * from one to the next. */
static void run_strip(const block *t, size_t first, size_t rows, size_t panel, size_t end,
                      mica_ahead ahead, size_t ahead_panel)
{
    const mica_gemm *g = t->gemm;
    size_t column = panel * g->kernels->gemm.nr;
    size_t n = smaller(end * g->kernels->gemm.nr, g->n) - column;
    bool last = t->word0 + t->words == t->all_words;
    float *c = c_at(t, first, column);
    mica_gemm_sides sides = sides_of(t, first, panel, end - panel);
    g->kernels->gemm.strip(rows, n, t->words, &sides, c, t->ldc, t->word0 > 0, writes_past(t, c),
                           last && g->bias ? g->bias + column : NULL, ahead, ahead_panel);
}

/* What follows the products of rows [first, first + rows) of the block in the panels [panel0,
 * panel1): the activation, and rounding. */
static void finish_strip(const block *t, size_t first, size_t rows, size_t panel0, size_t panel1)
{
    const mica_gemm *g = t->gemm;
    size_t column = panel0 * g->kernels->gemm.nr;
    size_t n = smaller(panel1 * g->kernels->gemm.nr, g->n) - column;
    size_t word = column / 2 * a_words(g->kernels, MICA_PRECISION_BF16);
    for (size_t i = 0; i < rows; i++) {
        float *c = c_at(t, first + i, column);
        if (g->activation)
            g->activation(c, c, n, g->params);
        if (t->rounded)
            g->kernels->bf16.pack(t->rounded + (first + i) * g->ldc + word, c, n);
    }
}

/* Brings a group of panels to float32: worth it for several strips, which then run at the rate of
 * float32. The numbers and the order of their sums are those of the tile for bfloat16. */
static void widen_group(const block *t, size_t panel0, size_t panel1)
{
    const mica_gemm *g = t->gemm;
    size_t nr = g->kernels->gemm.nr;
    for (size_t panel = panel0; panel < panel1; panel++)
        g->kernels->bf16.widen(t->wide + (panel - panel0) * 2 * t->words * nr, panel_at(t, panel),
                               t->words);
}

/* Where the panels begin that follow the group [group, end): those of the next group, or of the
 * first group in the next block of k. (After the last block of k most often come the next rows,
 * which begin with the first.) */
static const char *next_group(const block *t, size_t group, size_t end, size_t panel0,
                              size_t panel1)
{
    const mica_gemm *g = t->gemm;
    size_t next = end, word = t->word0;
    if (g->b_lies) { /* all columns of the next block of k */
        bool last = word + t->words == t->all_words;
        const float *b = last && g->next_b ? g->next_b : g->b;
        return (const char *)(b + (last ? 0 : word + t->words) * g->n +
                              group * t->words * g->kernels->gemm.nr);
    }
    if (next >= panel1) {
        bool last = word + t->words == t->all_words;
        if (last && t->next_rows == 0 && g->next_b)
            return (const char *)g->next_b;
        next = panel0;
        word = last ? 0 : word + t->words;
    }
    return (const char *)((const float *)g->b + (next * t->all_words + word) * g->kernels->gemm.nr);
}

/* Rows of a strip and words of a block of k are multiples of it, but the last ones: whole registers
 * where these hold several. */
static size_t register_side(const mica_gemm *g)
{
    return g->precision == MICA_PRECISION_F32 ? 1 : g->kernels->tiles.rows;
}

/* Where strip s of the block ends. Strips are of equal height, as near as can be to mr. */
static size_t strip_end(const block *t, size_t s, size_t strips)
{
    size_t unit = register_side(t->gemm);
    return smaller(ceil_div(t->rows * (s + 1) / strips, unit) * unit, t->rows);
}

/* From a row of C in its room to the next: an odd number of cache lines, so that rows do not fall
 * on the same sets. */
static size_t room_row(size_t columns)
{
    enum { LINE = 16 };
    return (ceil_div(columns, LINE) | 1) * LINE;
}

/* A packed block of rows over the panels [panel0, panel1), in one block of k. */
static void run_block(block *t, size_t panel0, size_t panel1)
{
    enum { FEW_STRIPS = 7, PANELS_THERE = 8, AGAIN_BYTES = 24 << 10 };
    const mica_gemm *g = t->gemm;
    const mica_kernels *kernels = g->kernels;
    size_t nc = t->a_lies ? PANELS_THERE : kernels->gemm.nc;
    size_t strips = ceil_div(t->rows, tile_rows(g));
    size_t panel_bytes = t->words * kernels->gemm.nr * sizeof(float);
    size_t all_bytes = t->all_words * kernels->gemm.nr * sizeof(float);
    if (g->b_lies) /* the block lies in one piece, of which each tile asks for a part */
        all_bytes = panel_bytes;
    bool bf16 = g->precision == MICA_PRECISION_BF16;
    bool may_widen = bf16 && kernels->bf16.widen != NULL;
    bool widens = may_widen && strips > FEW_STRIPS;
    if (may_widen && !widens) /* whose tile needs registers to widen in: a row less */
        strips = ceil_div(t->rows, tile_rows(g) - 1);
    bool strip = g->precision == MICA_PRECISION_F32 && kernels->gemm.strip;
    size_t wide_floats = 2 * t->words * kernels->gemm.nr, steps = widens ? 2 * t->words : t->words;
    size_t share = panel_bytes / strips;
    mica_ahead ahead = {NULL, NULL, steps ? ceil_div(share, steps) : 0};
    /* A strip that is alone asks again, so much ahead, and first four times as much. */
    size_t again = strips == 1 && !g->b_lies && steps ? ceil_div(AGAIN_BYTES, panel_bytes) : 0;
    nc = nc < 4 * again ? 4 * again : nc;
    /* A group's strip that is complete leaves its room to the next: the nearest cache holds it. */
    bool in_turn = t->rounded && t->words == t->all_words;
    if (in_turn)
        t->ldc = room_row(smaller(nc * kernels->gemm.nr, g->n));
    for (size_t group = panel0; group < panel1; group += nc) {
        size_t end = smaller(group + nc, panel1);
        const char *next = next_group(t, group, end, panel0, panel1);
        if (widens)
            widen_group(t, group, end);
        t->c_column = in_turn ? group * kernels->gemm.nr : 0;
        for (size_t s = 0, first = 0, rows; s < strips; s++, first += rows) {
            rows = strip_end(t, s, strips) - first;
            t->c_row = in_turn ? first : 0;
            size_t once = bf16 && !widens && rows <= kernels->bf16.few ? 2 : 1;
            ahead.at = next + s * share;
            ahead.again = again ? (const char *)panel_at(t, group + again) : ahead.at;
            if (strip)
                run_strip(t, first, rows, group, end, ahead, all_bytes);
            for (size_t panel = group; panel < end && !strip; panel += once) {
                run_tile(t, first, rows, panel, smaller(once, end - panel),
                         widens ? t->wide + (panel - group) * wide_floats : NULL, ahead);
                ahead = mica_ahead_by(ahead, once * all_bytes);
            }
            if ((g->activation || t->rounded) && t->word0 + t->words == t->all_words)
                finish_strip(t, first, rows, group, end);
        }
    }
}

/* Whole tiles that together have `floats` in rows of so many, but at least one. */
static size_t rows_within(const mica_gemm *g, size_t floats, size_t row)
{
    size_t mr = tile_rows(g), rows = floats / row / mr * mr;
    return rows < mr ? mr : rows;
}

static bool narrows_c(const mica_gemm *g)
{
    return g->c_precision != MICA_PRECISION_F32;
}

/* Blocks of k. */
static size_t k_blocks(const mica_gemm *g)
{
    size_t words = ceil_div(g->k, mica_gemm_group(g->precision));
    size_t most = MICA_GEMM_KC / a_words(g->kernels, g->precision);
    return words ? ceil_div(words, most) : 1;
}

/* Whether a strip of C is complete before the next begins, and leaves its room to that. */
static bool room_is_of_strip(const mica_gemm *g)
{
    return g->c_precision == MICA_PRECISION_BF16 && k_blocks(g) == 1;
}

/* Rows of a block: mc, but of 8 bits no more than leave A in a cache from where its range is looked
 * for to where it is packed, and likewise C where it is narrowed. */
static size_t rows_at_once(const mica_gemm *g)
{
    enum { ROOM_FLOATS = 1 << 17 };
    size_t rows = g->kernels->gemm.mc;
    if (g->precision == MICA_PRECISION_INT8)
        rows = smaller(rows, rows_within(g, g->kernels->int8.a_floats, g->k + 1));
    if (narrows_c(g) && !room_is_of_strip(g))
        rows = smaller(rows, rows_within(g, ROOM_FLOATS, room_row(g->n)));
    return rows;
}

size_t mica_gemm_room_floats(const mica_gemm *g)
{
    return (room_is_of_strip(g) ? tile_rows(g) : rows_at_once(g)) * room_row(g->n);
}

void mica_gemm_complete(const mica_gemm *g, size_t row0, size_t row1)
{
    float *c = g->c + row0 * g->ldc;
    if (narrows_c(g))
        mica_gemm_narrow(g->kernels, g->c_precision, c, g->ldc, c, g->ldc, row1 - row0, g->n);
    else if (g->finish)
        g->finish(g->finish_arg, row0, row1);
}

/* Whether strips read A where it lies: when few panels meet a strip of it, which then costs as much
 * to pack as to multiply; a window whose rows overlap, since it takes so little room that the
 * nearest caches hold it; or rows of more than one block, where copying them takes longer than it
 * saves. But for many panels rows whole pages apart would meet in a few lines of a cache, if a
 * strip has many.
 */
static bool a_lies(const mica_gemm *g, size_t rows, size_t panels)
{
    enum { PAGE = 1024, WAYS = 8 };
    if (g->precision != MICA_PRECISION_F32 || !g->kernels->gemm.strip || g->a_column != 1 ||
        (g->segments && g->segment < g->k))
        return false;
    if (panels <= FEW_PANELS)
        return true;
    if (g->b_lies || (g->a_row % PAGE == 0 && g->kernels->gemm.mr >= WAYS))
        return false;
    return g->segments ? g->a_row < (int64_t)g->k : rows > g->kernels->gemm.mc;
}

/* mica_gemm_part; `whole`: of all panels, and rows are completed while a cache holds them. What is
 * left in bfloat16 needs no whole rows. */
static void run_part(const mica_gemm *g, size_t row0, size_t row1, size_t panel0, size_t panel1,
                     float *scratch, bool whole, float *room)
{
    block t = {.gemm = g, .packed = scratch};
    t.wide = scratch + g->kernels->gemm.mc * MICA_GEMM_A_STRIDE;
    t.all_words = ceil_div(g->k, mica_gemm_group(g->precision));
    t.a = g->segments ? g->segments[0] : g->a;
    t.a_lies = a_lies(g, row1 - row0, panel1 - panel0);
    size_t blocks = k_blocks(g), unit = register_side(g);
    size_t words_max = ceil_div(ceil_div(t.all_words, blocks), unit) * unit;
    size_t mr = tile_rows(g), parts = ceil_div(row1 - row0, rows_at_once(g));
    size_t part_rows = parts ? ceil_div(ceil_div(row1 - row0, parts), mr) * mr : 0;
    bool tiles = g->precision != MICA_PRECISION_F32 && g->kernels->tiles.enter;
    bool rounds = room && g->c_precision == MICA_PRECISION_BF16;
    bool apart = rounds || (whole && narrows_c(g));
    if (tiles)
        g->kernels->tiles.enter();
    for (size_t part = 0; part < parts; part++) {
        t.row0 = row0 + part * part_rows;
        t.rows = smaller(part_rows, row1 - t.row0);
        t.next_rows = part + 1 < parts ? part_rows : 0;
        float *c = g->c + t.row0 * g->ldc;
        t.c = apart ? room : c;
        t.ldc = apart ? room_row(g->n) : g->ldc;
        t.rounded = rounds ? c : NULL;
        if (g->precision == MICA_PRECISION_INT8)
            choose_scales(&t);
        for (size_t at = 0; at < blocks; at++) {
            t.word0 = smaller(at * words_max, t.all_words);
            t.words = smaller(words_max, t.all_words - t.word0);
            if (!t.a_lies)
                pack_a(&t);
            run_block(&t, panel0, panel1);
        }
        if (apart && !rounds)
            mica_gemm_narrow(g->kernels, g->c_precision, c, g->ldc, t.c, t.ldc, t.rows, g->n);
        else if (whole && !rounds)
            mica_gemm_complete(g, t.row0, t.row0 + t.rows);
    }
    if (tiles)
        g->kernels->tiles.leave();
}

void mica_gemm_part(const mica_gemm *g, size_t row0, size_t row1, size_t panel0, size_t panel1,
                    float *scratch)
{
    run_part(g, row0, row1, panel0, panel1, scratch, false, NULL);
}

typedef struct grid {
    const mica_gemm *gemm;
    float *scratch;
    size_t across_rows, across_panels, panels;
} grid;

static float *scratch_of(const grid *t, size_t worker)
{
    return t->scratch + worker * mica_gemm_scratch_floats(t->gemm->kernels);
}

/* How many rectangles of a range of rows are done. */
static atomic_size_t *counter_of(const grid *t, size_t range)
{
    return (atomic_size_t *)(void *)(scratch_of(t, range + 1) - COUNTER_FLOATS);
}

static void grid_task(void *arg, size_t task, size_t worker)
{
    const grid *t = arg;
    const mica_gemm *g = t->gemm;
    size_t r = task / t->across_panels, p = task % t->across_panels;
    size_t row0 = g->m * r / t->across_rows, row1 = g->m * (r + 1) / t->across_rows;
    bool whole = t->across_panels == 1;
    float *room = narrows_c(g) ? g->room + worker * mica_gemm_room_floats(g) : NULL;
    mica_gemm mine = *g;
    if (g->then)
        mine.next_b = g->then + g->then_panels * p / t->across_panels * g->then_floats;
    run_part(&mine, row0, row1, t->panels * p / t->across_panels,
             t->panels * (p + 1) / t->across_panels, scratch_of(t, worker), whole, room);
    if (whole || g->c_precision == MICA_PRECISION_BF16)
        return;
    if (atomic_fetch_add(counter_of(t, r), 1) + 1 == t->across_panels)
        mica_gemm_complete(g, row0, row1);
}

/* Cuts C into at most `threads` rectangles: the cut whose largest rectangle costs least, counting a
 * tile's rows as its multiply-adds and the packing of A beside it. */
static void choose_grid(grid *t, size_t threads)
{
    const mica_gemm *g = t->gemm;
    size_t best = SIZE_MAX, mr = tile_rows(g);
    for (size_t rows = 1; rows <= threads && rows <= g->m; rows++) {
        size_t across = smaller(threads / rows, t->panels);
        size_t m = ceil_div(g->m, rows);
        size_t pack = g->precision == MICA_PRECISION_INT8 ? m : m / 2;
        size_t cost = m * ceil_div(t->panels, across) + pack;
        /* Few rows in a tile do not use all of the processor. */
        cost += m < mr ? (mr - m) * t->panels / across / 2 : 0;
        /* Rows are completed whole, by one thread: norms, and numbers of 8 bits. */
        cost += g->c_precision == MICA_PRECISION_INT8 ? m * g->n / (g->k + 1) : 0;
        cost += g->finish ? m : 0;
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
    for (size_t r = 0; r < t.across_rows && t.across_panels > 1; r++)
        atomic_init(counter_of(&t, r), 0);
    if (t.across_rows * t.across_panels == 1)
        grid_task(&t, 0, 0);
    else
        mica_pool_run(pool, t.across_rows * t.across_panels, grid_task, &t);
}
