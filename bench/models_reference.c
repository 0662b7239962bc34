/* SPDX-License-Identifier: MIT
 *
 *   x = LN(word[id] + type[t] + position[p])
 *   each layer:  a = softmax(Q K' / sqrt(d) + bias) V
 *                x = LN(x + Wo a + b)
 *                x = LN(x + W2 act(W1 x + b1) + b2)
 *   masked LM:   LN(act(W x + b)) E' + bias
 *
 * DistilBERT and MPNet have no types, and only MPNet has a bias, by the distance of the tokens.
 *
 * A matrix is [out, in] in the checkpoint. Eight outputs at a time are turned into a panel of
 * float64, [in][8], against which four tokens are summed in registers.
 */
#include "models_reference.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mica/tensor.h"
#include "util.h"

enum { WIDE = 8, TALL = 4, MOST_THREADS = 64, NAME_ROOM = 160, FAR = 128 };

typedef double lanes __attribute__((vector_size(32)));
enum { LANES = sizeof(lanes) / sizeof(double) };

#if defined(__x86_64__)
#define FASTER __attribute__((target("avx2,fma")))
#endif
#define INLINE static inline __attribute__((always_inline))

/* What was computed for a text. */
typedef struct remembered {
    int64_t *ids, *types;
    size_t *positions;
    double *rows;
    size_t count, row_count;
    struct remembered *next;
} remembered;

/* How a family calls its parts. */
typedef struct names {
    const char *family, *prefix, *layer;
    const char *query, *key, *value, *output, *attention_norm, *up, *down, *norm;
} names;

#define BERT_NAMES                                                                                 \
    "encoder.layer", "attention.self.query", "attention.self.key", "attention.self.value",         \
        "attention.output.dense", "attention.output.LayerNorm", "intermediate.dense",              \
        "output.dense", "output.LayerNorm"
static const names families[] = {
    {"bert", "bert.", BERT_NAMES},
    {"roberta", "roberta.", BERT_NAMES},
    {"xlm-roberta", "roberta.", BERT_NAMES},
    {"distilbert", "distilbert.", "transformer.layer", "attention.q_lin", "attention.k_lin",
     "attention.v_lin", "attention.out_lin", "sa_layer_norm", "ffn.lin1", "ffn.lin2",
     "output_layer_norm"},
    {"mpnet", "mpnet.", "encoder.layer", "attention.attn.q", "attention.attn.k", "attention.attn.v",
     "attention.attn.o", "attention.LayerNorm", "intermediate.dense", "output.dense",
     "output.LayerNorm"},
};

struct bench_model_reference {
    bench_encoder encoder;
    const names *names;
    mica_tensor_file *weights;
    const char *prefix;
    bool head;
    size_t threads;
    remembered *memories;
};

/* ---- loops ---- */

/* y[t][o] = bias[o] + sum of x[t][k] w[o][k], outputs `begin` to `end`. */
typedef struct product {
    const double *x;
    const float *w, *bias;
    double *y;
    size_t rows, in, out, begin, end;
    double *panel; /* [in][WIDE] */
} product;

INLINE void multiply_panel(const product *p, size_t o, size_t width)
{
    for (size_t t = 0; t < p->rows; t += TALL) {
        size_t tall = p->rows - t < TALL ? p->rows - t : TALL;
        const double *x[TALL];
        lanes sum[TALL][WIDE / LANES] = {{{0}}};
        for (size_t i = 0; i < TALL; i++) /* rows that are not there are computed and thrown away */
            x[i] = p->x + (t + (i < tall ? i : 0)) * p->in;
        for (size_t k = 0; k < p->in; k++) {
            const lanes *panel = (const lanes *)(const void *)(p->panel + k * WIDE);
            for (size_t i = 0; i < TALL; i++)
                for (size_t l = 0; l < WIDE / LANES; l++)
                    sum[i][l] += x[i][k] * panel[l];
        }
        for (size_t i = 0; i < tall; i++)
            for (size_t j = 0; j < width; j++)
                p->y[(t + i) * p->out + o + j] =
                    sum[i][j / LANES][j % LANES] + (p->bias ? (double)p->bias[o + j] : 0);
    }
}

INLINE void multiply_all(const product *p)
{
    for (size_t o = p->begin; o < p->end; o += WIDE) {
        size_t width = p->end - o < WIDE ? p->end - o : WIDE;
        for (size_t j = 0; j < WIDE; j++)
            for (size_t k = 0; k < p->in; k++)
                p->panel[k * WIDE + j] = j < width ? (double)p->w[(o + j) * p->in + k] : 0;
        multiply_panel(p, o, width);
    }
}

/* Heads `begin` to `end` of softmax(Q K' / sqrt(d) + bias) V; q, k, v, y are [rows, hidden], bias
 * is [heads, 2 rows - 1] by the place of the key minus that of the query, from 1 - rows on, or
 * NULL. */
typedef struct attention {
    const double *q, *k, *v, *bias;
    double *y;
    size_t rows, hidden, size, begin, end;
    double *turned, *scores; /* [size][rows], [rows] */
} attention;

INLINE void attend_one(const attention *a, size_t head, size_t row)
{
    size_t at = head * a->size;
    double largest = -HUGE_VAL, sum = 0, scale = 1 / sqrt((double)a->size);
    double *y = a->y + row * a->hidden + at;
    for (size_t j = 0; j < a->rows; j++)
        a->scores[j] = a->bias ? a->bias[head * (2 * a->rows - 1) + a->rows - 1 + j - row] : 0;
    for (size_t d = 0; d < a->size; d++) {
        double q = a->q[row * a->hidden + at + d] * scale;
        const double *k = a->turned + d * a->rows;
        for (size_t j = 0; j < a->rows; j++)
            a->scores[j] += q * k[j];
    }
    for (size_t j = 0; j < a->rows; j++)
        largest = fmax(largest, a->scores[j]);
    for (size_t j = 0; j < a->rows; j++)
        sum += a->scores[j] = exp(a->scores[j] - largest);
    for (size_t d = 0; d < a->size; d++)
        y[d] = 0;
    for (size_t j = 0; j < a->rows; j++) {
        double share = a->scores[j] / sum;
        const double *v = a->v + j * a->hidden + at;
        for (size_t d = 0; d < a->size; d++)
            y[d] += share * v[d];
    }
}

INLINE void attend_all(const attention *a)
{
    for (size_t h = a->begin; h < a->end; h++) {
        size_t at = h * a->size;
        for (size_t j = 0; j < a->rows; j++)
            for (size_t d = 0; d < a->size; d++)
                a->turned[d * a->rows + j] = a->k[j * a->hidden + at + d];
        for (size_t row = 0; row < a->rows; row++)
            attend_one(a, h, row);
    }
}

static void *multiply_plain(void *user)
{
    multiply_all(user);
    return NULL;
}

static void *attend_plain(void *user)
{
    attend_all(user);
    return NULL;
}

typedef void *(*thread_fn)(void *user);

#ifdef FASTER
FASTER static void *multiply_faster(void *user)
{
    multiply_all(user);
    return NULL;
}

FASTER static void *attend_faster(void *user)
{
    attend_all(user);
    return NULL;
}

static bool is_faster(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static thread_fn multiplier(void)
{
    return is_faster() ? multiply_faster : multiply_plain;
}

static thread_fn attender(void)
{
    return is_faster() ? attend_faster : attend_plain;
}
#else
static thread_fn multiplier(void)
{
    return multiply_plain;
}

static thread_fn attender(void)
{
    return attend_plain;
}
#endif

/* Runs the parts at once; those for which there is no thread, here. */
static void run_parts(thread_fn fn, char *parts, size_t size, size_t count)
{
    pthread_t threads[MOST_THREADS];
    size_t started = 1;
    for (; started < count; started++)
        if (pthread_create(&threads[started], NULL, fn, parts + started * size) != 0)
            break;
    fn(parts);
    for (size_t i = started; i < count; i++)
        fn(parts + i * size);
    for (size_t i = 1; i < started; i++)
        pthread_join(threads[i], NULL);
}

static size_t part_count(const bench_model_reference *r, size_t work)
{
    return r->threads < work ? r->threads : work > 0 ? work : 1;
}

static mica_status multiply(const bench_model_reference *r, const double *x, size_t rows, size_t in,
                            const float *w, const float *bias, size_t out, double *y,
                            mica_error *err)
{
    product parts[MOST_THREADS];
    size_t panels = (out + WIDE - 1) / WIDE, count = part_count(r, panels);
    size_t room = in * WIDE;
    void *memory = NULL;
    if (posix_memalign(&memory, sizeof(lanes), count * room * sizeof(double)) != 0)
        return bench_fail_memory(err, "the reference");
    for (size_t i = 0; i < count; i++) {
        size_t end = (i + 1) * panels / count * WIDE;
        parts[i] = (product){x,
                             w,
                             bias,
                             y,
                             rows,
                             in,
                             out,
                             i * panels / count * WIDE,
                             end < out ? end : out,
                             (double *)memory + i * room};
    }
    run_parts(multiplier(), (char *)parts, sizeof *parts, count);
    free(memory);
    return MICA_OK;
}

static mica_status attend(const bench_model_reference *r, const double *q, const double *k,
                          const double *v, const double *bias, size_t rows, double *y,
                          mica_error *err)
{
    attention parts[MOST_THREADS];
    size_t heads = (size_t)r->encoder.heads, hidden = (size_t)r->encoder.hidden;
    size_t size = hidden / heads, count = part_count(r, heads), room = (size + 1) * rows;
    double *memory = malloc(count * room * sizeof *memory);
    if (!memory)
        return bench_fail_memory(err, "the reference");
    for (size_t i = 0; i < count; i++)
        parts[i] = (attention){q,
                               k,
                               v,
                               bias,
                               y,
                               rows,
                               hidden,
                               size,
                               i * heads / count,
                               (i + 1) * heads / count,
                               memory + i * room,
                               memory + i * room + size * rows};
    run_parts(attender(), (char *)parts, sizeof *parts, count);
    free(memory);
    return MICA_OK;
}

/* ---- the checkpoint ---- */

/* A tensor as float32; `dims` is what its shape must be, with 0 at its end. */
static mica_status get(const bench_model_reference *r, const char *name, const int64_t *dims,
                       mica_tensor **out, mica_error *err)
{
    mica_tensor *found = NULL;
    mica_status status = mica_tensor_file_get(r->weights, name, &found, err);
    int rank = dims[1] ? 2 : 1;
    *out = NULL;
    if (status)
        return status;
    if (mica_tensor_rank(found) != rank || mica_tensor_dim(found, 0) != dims[0] ||
        (rank == 2 && mica_tensor_dim(found, 1) != dims[1]))
        status = mica_fail(err, MICA_STATUS_SHAPE, "'%s' has not the shape [%lld, %lld]", name,
                           (long long)dims[0], (long long)dims[1]);
    else if (mica_tensor_dtype(found) == MICA_DTYPE_F32)
        *out = mica_tensor_retain(found);
    else
        status = mica_tensor_cast(found, MICA_DTYPE_F32, out, err);
    mica_tensor_release(&found);
    return status;
}

static bool is_there(const bench_model_reference *r, const char *name)
{
    mica_tensor *found = NULL;
    mica_error ignored = {0};
    bool there = mica_tensor_file_get(r->weights, name, &found, &ignored) == MICA_OK;
    mica_tensor_release(&found);
    return there;
}

static const float *floats(const mica_tensor *tensor)
{
    return mica_tensor_data(tensor);
}

/* y = W x + b of "NAME.weight" and "NAME.bias". */
static mica_status linear(const bench_model_reference *r, const char *name, const double *x,
                          size_t rows, int64_t in, int64_t out, double *y, mica_error *err)
{
    char part[NAME_ROOM + 16];
    mica_tensor *w = NULL, *bias = NULL;
    snprintf(part, sizeof part, "%s.weight", name);
    mica_status status = get(r, part, (const int64_t[]){out, in}, &w, err);
    snprintf(part, sizeof part, "%s.bias", name);
    if (!status)
        status = get(r, part, (const int64_t[]){out, 0}, &bias, err);
    if (!status)
        status = multiply(r, x, rows, (size_t)in, floats(w), floats(bias), (size_t)out, y, err);
    mica_tensor_release(&w);
    mica_tensor_release(&bias);
    return status;
}

/* In place. */
static mica_status norm(const bench_model_reference *r, const char *name, double *x, size_t rows,
                        mica_error *err)
{
    char gain[NAME_ROOM + 16], shift[NAME_ROOM + 16];
    mica_tensor *g = NULL, *b = NULL;
    size_t n = (size_t)r->encoder.hidden;
    snprintf(gain, sizeof gain, "%s.weight", name);
    snprintf(shift, sizeof shift, "%s.bias", name);
    mica_status status = get(r, gain, (const int64_t[]){(int64_t)n, 0}, &g, err);
    if (!status)
        status = get(r, shift, (const int64_t[]){(int64_t)n, 0}, &b, err);
    for (size_t i = 0; i < rows && !status; i++) {
        double *row = x + i * n, mean = 0, variance = 0;
        for (size_t k = 0; k < n; k++)
            mean += row[k];
        mean /= (double)n;
        for (size_t k = 0; k < n; k++)
            variance += (row[k] - mean) * (row[k] - mean);
        double scale = 1 / sqrt(variance / (double)n + r->encoder.eps);
        for (size_t k = 0; k < n; k++)
            row[k] = (row[k] - mean) * scale * (double)floats(g)[k] + (double)floats(b)[k];
    }
    mica_tensor_release(&g);
    mica_tensor_release(&b);
    return status;
}

/* ---- the model ---- */

/* What a text is computed in: [count, hidden] but `up`. */
typedef struct states {
    double *x, *q, *k, *v, *a, *up; /* up: [count, intermediate] */
    double *bias;                   /* of scores, or NULL */
    size_t count;
} states;

static void name_of(const bench_model_reference *r, int64_t layer, const char *part,
                    char name[NAME_ROOM])
{
    if (layer < 0)
        snprintf(name, NAME_ROOM, "%s%s", r->prefix, part);
    else
        snprintf(name, NAME_ROOM, "%s%s.%lld.%s", r->prefix, r->names->layer, (long long)layer,
                 part);
}

/* Adds row numbers[i] of the table to x[i]; numbers NULL = row 0. */
static mica_status add_embedding(const bench_model_reference *r, const char *part, int64_t rows,
                                 const int64_t *numbers, states *s, mica_error *err)
{
    char name[NAME_ROOM];
    mica_tensor *table = NULL;
    size_t h = (size_t)r->encoder.hidden;
    name_of(r, -1, part, name);
    mica_status status = get(r, name, (const int64_t[]){rows, (int64_t)h}, &table, err);
    for (size_t i = 0; i < s->count && !status; i++) {
        int64_t row = numbers ? numbers[i] : 0;
        if (row < 0 || row >= rows)
            status = mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "'%s' has no row %lld", name,
                               (long long)row);
        for (size_t k = 0; k < h && !status; k++)
            s->x[i * h + k] += (double)floats(table)[(size_t)row * h + k];
    }
    mica_tensor_release(&table);
    return status;
}

/* RoBERTa's positions begin after the padding id, which padding itself has. */
static int64_t *positions_of(const bench_encoder *e, const int64_t *ids, size_t count)
{
    int64_t *out = malloc(count * sizeof *out + 1), next = e->first_position;
    for (size_t i = 0; i < count && out; i++)
        out[i] = e->first_position > 0 && ids[i] == e->pad ? e->pad : next++;
    return out;
}

static mica_status embed(const bench_model_reference *r, const int64_t *ids, const int64_t *types,
                         states *s, mica_error *err)
{
    const bench_encoder *e = &r->encoder;
    char name[NAME_ROOM];
    int64_t *positions = positions_of(e, ids, s->count);
    if (!positions)
        return bench_fail_memory(err, "the reference");
    memset(s->x, 0, s->count * (size_t)e->hidden * sizeof *s->x);
    mica_status status =
        add_embedding(r, "embeddings.word_embeddings.weight", e->vocabulary, ids, s, err);
    if (!status && e->types > 0)
        status =
            add_embedding(r, "embeddings.token_type_embeddings.weight", e->types, types, s, err);
    if (!status)
        status = add_embedding(r, "embeddings.position_embeddings.weight", e->positions, positions,
                               s, err);
    free(positions);
    name_of(r, -1, "embeddings.LayerNorm", name);
    return status ? status : norm(r, name, s->x, s->count, err);
}

static mica_status add_and_norm(const bench_model_reference *r, int64_t layer, const char *part,
                                states *s, mica_error *err)
{
    char name[NAME_ROOM];
    for (size_t i = 0; i < s->count * (size_t)r->encoder.hidden; i++)
        s->x[i] += s->q[i];
    name_of(r, layer, part, name);
    return norm(r, name, s->x, s->count, err);
}

/* MPNet's bucket of a key that stands `distance` after the query: half of them for each direction,
 * of these half for one distance each, the others up to FAR by their logarithm (in float32, as in
 * transformers, whose bucket it must be). */
static int64_t bucket_of(int64_t distance, int64_t buckets)
{
    int64_t half = buckets / 2, each = half / 2, n = distance < 0 ? -distance : distance;
    int64_t first = distance > 0 ? half : 0;
    if (n < each)
        return first + n;
    float share = logf((float)n / (float)each) / (float)log((double)FAR / (double)each);
    int64_t far = each + (int64_t)(share * (float)(half - each));
    return first + (far < half - 1 ? far : half - 1);
}

/* Fills [heads, 2 count - 1] from a table [buckets, heads]. */
static mica_status fill_bias(const bench_model_reference *r, states *s, mica_error *err)
{
    const bench_encoder *e = &r->encoder;
    int64_t reach = (int64_t)s->count - 1;
    char name[NAME_ROOM];
    mica_tensor *table = NULL;
    name_of(r, -1, "encoder.relative_attention_bias.weight", name);
    mica_status status = get(r, name, (const int64_t[]){e->buckets, e->heads}, &table, err);
    for (int64_t h = 0, i = 0; h < e->heads && !status; h++)
        for (int64_t distance = -reach; distance <= reach; distance++)
            s->bias[i++] = (double)floats(table)[bucket_of(distance, e->buckets) * e->heads + h];
    mica_tensor_release(&table);
    return status;
}

static mica_status run_layer(const bench_model_reference *r, int64_t layer, states *s,
                             mica_error *err)
{
    const names *n = r->names;
    const char *const parts[] = {n->query, n->key, n->value};
    double *const into[] = {s->q, s->k, s->v};
    const bench_encoder *e = &r->encoder;
    char name[NAME_ROOM];
    mica_status status = MICA_OK;
    for (int i = 0; i < 3 && !status; i++) {
        name_of(r, layer, parts[i], name);
        status = linear(r, name, s->x, s->count, e->hidden, e->hidden, into[i], err);
    }
    if (!status)
        status = attend(r, s->q, s->k, s->v, s->bias, s->count, s->a, err);
    name_of(r, layer, n->output, name);
    if (!status)
        status = linear(r, name, s->a, s->count, e->hidden, e->hidden, s->q, err);
    if (!status)
        status = add_and_norm(r, layer, n->attention_norm, s, err);
    name_of(r, layer, n->up, name);
    if (!status)
        status = linear(r, name, s->x, s->count, e->hidden, e->intermediate, s->up, err);
    for (size_t i = 0; i < s->count * (size_t)e->intermediate && !status; i++)
        s->up[i] = e->activation(s->up[i]);
    name_of(r, layer, n->down, name);
    if (!status)
        status = linear(r, name, s->up, s->count, e->intermediate, e->hidden, s->q, err);
    return status ? status : add_and_norm(r, layer, n->norm, s, err);
}

/* Rows of s->x, which the head changes, to logits. */
static mica_status run_head(const bench_model_reference *r, double *x, size_t rows, double *scratch,
                            double *logits, mica_error *err)
{
    const bench_encoder *e = &r->encoder;
    char name[NAME_ROOM];
    mica_tensor *table = NULL, *bias = NULL;
    mica_status status =
        linear(r, "cls.predictions.transform.dense", x, rows, e->hidden, e->hidden, scratch, err);
    for (size_t i = 0; i < rows * (size_t)e->hidden && !status; i++)
        scratch[i] = e->activation(scratch[i]);
    if (!status)
        status = norm(r, "cls.predictions.transform.LayerNorm", scratch, rows, err);
    snprintf(name, sizeof name, "cls.predictions.decoder.weight");
    if (!is_there(r, name))
        name_of(r, -1, "embeddings.word_embeddings.weight", name);
    if (!status)
        status = get(r, name, (const int64_t[]){e->vocabulary, e->hidden}, &table, err);
    if (!status)
        status = get(r, "cls.predictions.bias", (const int64_t[]){e->vocabulary, 0}, &bias, err);
    if (!status)
        status = multiply(r, scratch, rows, (size_t)e->hidden, floats(table), floats(bias),
                          (size_t)e->vocabulary, logits, err);
    mica_tensor_release(&table);
    mica_tensor_release(&bias);
    return status;
}

static mica_status compute(const bench_model_reference *r, const int64_t *ids, const int64_t *types,
                           size_t count, const size_t *rows, size_t row_count, double *out,
                           mica_error *err)
{
    const bench_encoder *e = &r->encoder;
    size_t h = (size_t)e->hidden, n = (count > row_count ? count : row_count) * h;
    size_t biases = e->buckets ? (size_t)e->heads * 2 * count : 0;
    double *room = malloc((5 * n + count * (size_t)e->intermediate + biases) * sizeof *room);
    if (!room)
        return bench_fail_memory(err, "the reference");
    states s = {room,         room + n,     room + 2 * n, room + 3 * n,
                room + 4 * n, room + 5 * n, NULL,         count};
    s.bias = biases ? s.up + count * (size_t)e->intermediate : NULL;
    mica_status status = embed(r, ids, types, &s, err);
    if (!status && s.bias)
        status = fill_bias(r, &s, err);
    for (int64_t layer = 0; layer < e->layers && !status; layer++)
        status = run_layer(r, layer, &s, err);
    double *picked = r->head ? s.a : out;
    for (size_t i = 0; i < row_count && !status; i++)
        memcpy(picked + i * h, s.x + rows[i] * h, h * sizeof *picked);
    if (r->head && !status)
        status = run_head(r, picked, row_count, s.q, out, err);
    free(room);
    return status;
}

/* ---- for callers ---- */

mica_status bench_model_reference_open(const char *directory, const bench_encoder *encoder,
                                       bool head, size_t threads, bench_model_reference **out,
                                       mica_error *err)
{
    char name[NAME_ROOM];
    bench_model_reference *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r)
        return bench_fail_memory(err, "the reference");
    r->encoder = *encoder;
    r->head = head;
    r->threads = threads < 1 ? 1 : threads < MOST_THREADS ? threads : MOST_THREADS;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(encoder->family, families[i].family) == 0)
            r->names = &families[i];
    mica_status status = MICA_OK;
    if (!r->names || (head && strcmp(encoder->family, "bert") != 0))
        status = mica_fail(err, MICA_STATUS_UNSUPPORTED, "no reference for %s%s",
                           head ? "the head of " : "", encoder->family);
    else
        status = mica_tensor_file_open_model(directory, &r->weights, err);
    for (int i = 0; i < 2 && !status && !r->prefix; i++) {
        const char *prefix = i ? r->names->prefix : "";
        snprintf(name, sizeof name, "%sembeddings.word_embeddings.weight", prefix);
        if (is_there(r, name))
            r->prefix = prefix;
    }
    if (!status && !r->prefix)
        status =
            mica_fail(err, MICA_STATUS_NOT_FOUND, "'%.600s' has no word embeddings", directory);
    if (status)
        bench_model_reference_close(&r);
    *out = r;
    return status;
}

void bench_model_reference_close(bench_model_reference **reference)
{
    bench_model_reference *r = *reference;
    *reference = NULL;
    if (!r)
        return;
    for (remembered *m = r->memories, *next; m; m = next) {
        next = m->next;
        free(m->ids);
        free(m->types);
        free(m->positions);
        free(m->rows);
        free(m);
    }
    mica_tensor_file_close(&r->weights);
    free(r);
}

size_t bench_model_reference_width(const bench_model_reference *r)
{
    return (size_t)(r->head ? r->encoder.vocabulary : r->encoder.hidden);
}

/* NULL types are all 0. */
static bool same_types(const remembered *m, const int64_t *types)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->types[i] != (types ? types[i] : 0))
            return false;
    return true;
}

static void remember(remembered *m, const int64_t *ids, const int64_t *types, size_t count,
                     const size_t *rows, size_t row_count)
{
    memcpy(m->ids, ids, count * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        m->types[i] = types ? types[i] : 0;
    memcpy(m->positions, rows, row_count * sizeof *rows);
    m->count = count;
    m->row_count = row_count;
}

mica_status bench_model_reference_rows(bench_model_reference *r, const int64_t *ids,
                                       const int64_t *types, size_t count, const size_t *rows,
                                       size_t row_count, const double **out, mica_error *err)
{
    *out = NULL;
    for (remembered *m = r->memories; m; m = m->next)
        if (m->count == count && m->row_count == row_count && count > 0 &&
            memcmp(m->ids, ids, count * sizeof *ids) == 0 && same_types(m, types) &&
            memcmp(m->positions, rows, row_count * sizeof *rows) == 0) {
            *out = m->rows;
            return MICA_OK;
        }
    remembered *m = calloc(1, sizeof *m);
    if (!m)
        return bench_fail_memory(err, "the reference");
    m->next = r->memories;
    r->memories = m;
    m->ids = malloc(count * sizeof *ids + 1);
    m->types = malloc(count * sizeof *m->types + 1);
    m->positions = malloc(row_count * sizeof *rows + 1);
    m->rows = malloc(row_count * bench_model_reference_width(r) * sizeof *m->rows + 1);
    if (!m->ids || !m->types || !m->positions || !m->rows)
        return bench_fail_memory(err, "the reference");
    mica_status status = compute(r, ids, types, count, rows, row_count, m->rows, err);
    if (status)
        return status; /* it stays without tokens: nobody asks for that */
    remember(m, ids, types, count, rows, row_count);
    *out = m->rows;
    return MICA_OK;
}
