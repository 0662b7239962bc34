/* SPDX-License-Identifier: MIT
 *
 * Packing the weights of linears, once for all programs: a list of what is packed, by the identity
 * of the tensors. An entry holds references to its tensors, so that an address cannot come to mean
 * another tensor while the entry lives.
 */
#include <float.h>
#include <stdatomic.h>
#include <string.h>

#include "backends/cpu/cpu.h"
#include "backends/cpu/gemm.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/map.h"
#include "tensor/convert.h"
#include "tensor/tensor.h"

/* Columns of a weight that are converted at once: an even number. */
enum { CHUNK = 128 };

void mica_cpu_widen(const mica_kernels *kernels, float *y, const void *x, mica_dtype dtype,
                    size_t n)
{
    if (dtype == MICA_DTYPE_F16)
        kernels->widen_f16(y, x, n);
    else if (dtype == MICA_DTYPE_BF16)
        kernels->widen_bf16(y, x, n);
    else if (n)
        memcpy(y, x, n * sizeof *y);
}

/* A number times zero is zero unless it is not finite. Some thousands at once, so that ends do not
 * count. */
static bool all_finite(const mica_kernels *kernels, const float *x, size_t n)
{
    enum { AT_ONCE = 1024 };
    static const float zeros[AT_ONCE];
    for (size_t at = 0; at < n; at += AT_ONCE)
        if (kernels->dot(x + at, zeros, n - at < AT_ONCE ? n - at : AT_ONCE) != 0)
            return false;
    return true;
}

typedef struct packing {
    const mica_cpu *cpu;
    const mica_side *linears;
    const mica_packed *to; /* its panels, scales and sums begin with those of panel `first` */
    size_t first;
    bool check;
    atomic_bool bad;
} packing;

/* Columns [k0, k0 + kc) of rows [row, row + rows) of the linears side by side, as float32, CHUNK
 * apart. */
static void read_chunk(const packing *p, size_t row, size_t rows, size_t k0, size_t kc,
                       float *chunk)
{
    size_t l = 0, first = 0;
    for (size_t j = 0; j < rows; j++) {
        while (row + j - first >= p->linears[l].n)
            first += p->linears[l++].n;
        const mica_side *linear = &p->linears[l];
        const char *weight = linear->weight;
        size_t at = (row + j - first) * p->to->k + k0;
        mica_cpu_widen(&p->cpu->kernels, chunk + j * CHUNK,
                       weight + at * mica_dtype_size(linear->weight_dtype), linear->weight_dtype,
                       kc);
    }
}

/* Rows [row, row + rows) where they lie, k apart, if they are float32 rows of one linear. */
static const float *in_place(const packing *p, size_t row, size_t rows)
{
    const mica_side *linear = p->linears;
    for (; row >= linear->n; linear++)
        row -= linear->n;
    bool fits = row + rows <= linear->n && linear->weight_dtype == MICA_DTYPE_F32;
    return fits ? (const float *)linear->weight + row * p->to->k : NULL;
}

static void to_bf16(const mica_kernels *kernels, float *words, const float *x, size_t k)
{
    uint16_t halves[CHUNK];
    kernels->narrow_bf16(halves, x, k);
    if (k % 2)
        halves[k] = 0;
    memcpy(words, halves, (k + 1) / 2 * sizeof *words);
}

/* Bytes with sign are what quantize gives for a zero of 128, less 128 in all (modulo 256). */
static void to_int8(const mica_kernels *kernels, float *words, const float *x, size_t k,
                    float inverse, int32_t *sum)
{
    int8_t bytes[CHUNK], less = (int8_t)(128 - kernels->int8.a_bias);
    kernels->int8.quantize(bytes, x, k, inverse, 128);
    for (size_t i = k; i % 4 != 0; i++)
        bytes[i] = less; /* becomes 0 */
    int32_t total = 0;
    for (size_t i = 0; i < (k + 3) / 4 * 4; i++) {
        bytes[i] = (int8_t)(bytes[i] - less);
        total += bytes[i];
    }
    memcpy(words, bytes, (k + 3) / 4 * 4);
    *sum += total;
}

/* The scale of each of the panel's columns: its largest pair becomes one less than what may be,
 * since rounding adds up to a half to either number. Rows of `lies` are k apart; NULL: read. */
static void choose_scales(const packing *p, size_t row, size_t columns, const float *lies,
                          float *chunk)
{
    const mica_kernels *kernels = &p->cpu->kernels;
    float largest[MICA_GEMM_MAX_NR] = {0};
    size_t k = p->to->k, own = row - p->first * kernels->gemm.nr;
    for (size_t j = 0; lies && j < columns; j++)
        largest[j] = kernels->int8.largest_pair(lies + j * k, k);
    for (size_t k0 = 0; !lies && k0 < k; k0 += CHUNK) {
        size_t kc = k - k0 < CHUNK ? k - k0 : CHUNK;
        read_chunk(p, row, columns, k0, kc, chunk);
        for (size_t j = 0; j < columns; j++) {
            float pair = kernels->int8.largest_pair(chunk + j * CHUNK, kc);
            largest[j] = pair > largest[j] ? pair : largest[j];
        }
    }
    for (size_t j = 0; j < kernels->gemm.nr; j++) {
        float scale = largest[j] / (MICA_INT8_PAIR - 1);
        p->to->column_scale[own + j] = scale >= FLT_MIN && scale <= FLT_MAX ? scale : 0;
        p->to->column_sum[own + j] = 0;
    }
}

/* Rows [row, row + nr) of the linears side by side are the panel's columns. Where they lie as
 * float32 they are read there, after the check has gone through them from end to end, as memory is
 * read fastest; else they are brought to float32 in chunks of columns. A chunk becomes words, which
 * are transposed. */
static void pack_panel(packing *p, size_t panel)
{
    const mica_kernels *kernels = &p->cpu->kernels;
    const mica_packed *to = p->to;
    size_t nr = kernels->gemm.nr, row = panel * nr, own = row - p->first * nr;
    size_t columns = to->n - row < nr ? to->n - row : nr, group = mica_gemm_group(to->precision);
    float chunk[MICA_GEMM_MAX_NR * CHUNK];
    const float *lies = in_place(p, row, columns);
    bool there = lies && to->precision == MICA_PRECISION_F32; /* no words are made */
    float *words = (float *)to->panels + own * ((to->k + group - 1) / group);
    if (lies && p->check && !all_finite(kernels, lies, columns * to->k)) {
        atomic_store(&p->bad, true);
        return;
    }
    if (to->precision == MICA_PRECISION_INT8)
        choose_scales(p, row, columns, lies, chunk);
    for (size_t k0 = 0; k0 < to->k; k0 += CHUNK) {
        size_t kc = to->k - k0 < CHUNK ? to->k - k0 : CHUNK;
        if (!lies)
            read_chunk(p, row, columns, k0, kc, chunk);
        for (size_t j = 0; j < columns; j++) {
            const float *x = lies ? lies + j * to->k + k0 : chunk + j * CHUNK;
            float scale = to->precision == MICA_PRECISION_INT8 ? to->column_scale[own + j] : 0;
            if (!lies && p->check && !all_finite(kernels, x, kc))
                atomic_store(&p->bad, true);
            else if (to->precision == MICA_PRECISION_BF16)
                to_bf16(kernels, chunk + j * CHUNK, x, kc);
            else if (to->precision == MICA_PRECISION_INT8)
                to_int8(kernels, chunk + j * CHUNK, x, kc, scale > 0 ? 1 / scale : 0,
                        &to->column_sum[own + j]);
        }
        mica_gemm_pack_panel(kernels, words + k0 / group * nr, there ? lies + k0 : chunk, 1,
                             there ? (int64_t)to->k : CHUNK, columns, (kc + group - 1) / group);
    }
}

static void pack_panels(void *arg, size_t begin, size_t end, size_t worker)
{
    for (size_t panel = begin; panel < end; panel++)
        pack_panel(arg, panel);
}

bool mica_cpu_pack_panels(const mica_cpu *cpu, const mica_side *linears, const mica_packed *to,
                          size_t first, size_t end, bool check)
{
    packing p = {cpu, linears, to, first, check, false};
    pack_panels(&p, first, end, 0);
    return !atomic_load(&p.bad);
}

bool mica_cpu_pack_bias(const mica_cpu *cpu, const mica_side *linears, size_t count, float *bias,
                        bool check)
{
    size_t n = 0;
    for (size_t i = 0; i < count; n += linears[i++].n) {
        if (linears[i].bias)
            mica_cpu_widen(&cpu->kernels, bias + n, linears[i].bias, linears[i].bias_dtype,
                           linears[i].n);
        else
            memset(bias + n, 0, linears[i].n * sizeof *bias);
    }
    return !check || all_finite(&cpu->kernels, bias, n);
}

bool mica_cpu_pack(const mica_cpu *cpu, const mica_side *linears, size_t count,
                   const mica_packed *to, bool check)
{
    packing p = {cpu, linears, to, 0, check, false};
    mica_cpu_ranges(cpu, mica_gemm_panels(&cpu->kernels, to->n), 1, pack_panels, &p);
    bool finite = !to->bias || mica_cpu_pack_bias(cpu, linears, count, to->bias, check);
    return finite && !atomic_load(&p.bad);
}

/* ---- the list ---- */

static mica_packed *find(const mica_cpu *cpu, mica_precision precision, bool checked,
                         mica_tensor *const *tensors, size_t n_tensors)
{
    for (mica_packed *entry = cpu->packed; entry; entry = entry->next)
        if (entry->precision == precision && entry->checked == checked &&
            entry->n_tensors == n_tensors &&
            memcmp(entry->tensors, tensors, n_tensors * sizeof(mica_tensor *)) == 0)
            return entry;
    return NULL;
}

static void packed_destroy(mica_packed *entry)
{
    if (!entry)
        return;
    for (size_t i = 0; entry->tensors && i < entry->n_tensors; i++)
        if (entry->tensors[i])
            mica_tensor_release(&entry->tensors[i]);
    mica_free(entry->tensors);
    mica_free_data(entry->block);
    mica_sidecar_release(&entry->sidecar);
    mica_free(entry);
}

/* The text of an error wants the first element that is not finite. */
static mica_status check_tensor(const mica_cpu *cpu, const mica_tensor *tensor, const char *name,
                                mica_error *err)
{
    mica_dtype dtype = mica_tensor_dtype(tensor);
    if (dtype != MICA_DTYPE_F32 && dtype != MICA_DTYPE_F16 && dtype != MICA_DTYPE_BF16)
        return MICA_OK;
    const char *data = mica_tensor_data(tensor);
    int64_t count = mica_tensor_count(tensor);
    for (int64_t at = 0; at < count; at += CHUNK) {
        float chunk[CHUNK];
        size_t n = count - at < CHUNK ? (size_t)(count - at) : CHUNK;
        mica_cpu_widen(&cpu->kernels, chunk, data + (size_t)at * mica_dtype_size(dtype), dtype, n);
        for (size_t i = 0; i < n && !all_finite(&cpu->kernels, chunk, n); i++)
            if (!all_finite(&cpu->kernels, chunk + i, 1))
                return mica_fail(err, MICA_STATUS_NOT_FINITE,
                                 "weight '%s': element %lld of %lld is %g",
                                 name ? name : "(unnamed)", (long long)at + (long long)i,
                                 (long long)count, (double)chunk[i]);
    }
    return MICA_OK;
}

mica_status mica_cpu_check_constants(mica_cpu *cpu, const mica_step *step, uint32_t first,
                                     mica_error *err)
{
    for (uint32_t i = first; i < step->n_inputs; i++) {
        if (!step->constants || !step->constants[i])
            continue;
        mica_status status =
            check_tensor(cpu, step->constants[i], step->names ? step->names[i] : NULL, err);
        if (status)
            return status;
    }
    return MICA_OK;
}

static size_t panel_bytes(const mica_cpu *cpu, const mica_packed *entry)
{
    size_t group = mica_gemm_group(entry->precision);
    return (entry->k + group - 1) / group * cpu->kernels.gemm.nr * sizeof(float);
}

/* Room for `bytes` at the end of a block of *total, aligned; *at gets where. */
static bool add_room(size_t bytes, size_t *at, size_t *total)
{
    *at = *total;
    return mica_add_size(bytes, MICA_DATA_ALIGNMENT - 1, &bytes) &&
           mica_add_size(*total, bytes / MICA_DATA_ALIGNMENT * MICA_DATA_ALIGNMENT, total);
}

/* Where the parts of an entry's block lie. */
typedef struct parts {
    size_t panels, bias, column_scale, column_sum, sums, bytes;
    bool has_bias, int8, has_sums;
} parts;

static bool lay_out(const mica_cpu *cpu, const mica_packed *entry, parts *p)
{
    p->int8 = entry->precision == MICA_PRECISION_INT8;
    size_t panels = mica_gemm_panels(&cpu->kernels, entry->n);
    size_t bytes, row = panels * cpu->kernels.gemm.nr * sizeof(float);
    return mica_mul_size(panels, panel_bytes(cpu, entry), &bytes) &&
           add_room(bytes, &p->panels, &p->bytes) &&
           (!p->has_bias || add_room(row, &p->bias, &p->bytes)) &&
           (!p->int8 || (add_room(row, &p->column_scale, &p->bytes) &&
                         add_room(row, &p->column_sum, &p->bytes))) &&
           (!p->has_sums || add_room((panels + 1) * sizeof(uint64_t), &p->sums, &p->bytes));
}

static void use_block(mica_packed *entry, const parts *p, char *block)
{
    entry->panels = block + p->panels;
    entry->bias = p->has_bias ? (float *)(void *)(block + p->bias) : NULL;
    entry->column_scale = p->int8 ? (float *)(void *)(block + p->column_scale) : NULL;
    entry->column_sum = p->int8 ? (int32_t *)(void *)(block + p->column_sum) : NULL;
    entry->sums = p->has_sums ? (uint64_t *)(void *)(block + p->sums) : NULL;
}

size_t mica_cpu_packed_bytes(const mica_cpu *cpu, const mica_packed *entry)
{
    parts p = {.has_bias = false};
    return lay_out(cpu, entry, &p) ? p.bytes : SIZE_MAX;
}

void mica_cpu_packed_use(const mica_cpu *cpu, const mica_packed *shape, mica_packed *entry,
                         char *block)
{
    parts p = {.has_bias = false};
    if (lay_out(cpu, shape, &p))
        use_block(entry, &p, block);
}

const void *mica_cpu_panel(const mica_cpu *cpu, const mica_packed *entry, size_t panel)
{
    return (const char *)entry->panels + panel * panel_bytes(cpu, entry);
}

/* No change of a single word, no exchange of two and no block of zeros in place of something else
 * goes unnoticed. */
static uint64_t sum_of(const mica_cpu *cpu, const void *data, size_t size)
{
    enum { ROW = MICA_DIGEST_LANES * sizeof(uint32_t) };
    uint32_t sums[2 * MICA_DIGEST_LANES];
    cpu->kernels.digest(sums, data, size / ROW);
    return mica_hash((const char *)data + size / ROW * ROW, size % ROW,
                     mica_hash(sums, sizeof sums, size));
}

static uint64_t sum_of_panel(const mica_cpu *cpu, const mica_packed *entry, size_t panel)
{
    return sum_of(cpu, mica_cpu_panel(cpu, entry, panel), panel_bytes(cpu, entry));
}

/* Of bias, scales and sums of columns. */
static uint64_t sum_of_rest(const mica_cpu *cpu, const mica_packed *entry)
{
    size_t panels = mica_gemm_panels(&cpu->kernels, entry->n);
    const char *rest = mica_cpu_panel(cpu, entry, panels);
    return sum_of(cpu, rest, (size_t)((const char *)entry->sums - rest));
}

bool mica_cpu_packed_intact(const mica_cpu *cpu, const mica_packed *entry, size_t first, size_t end)
{
    for (size_t panel = first; panel < end; panel++)
        if (sum_of_panel(cpu, entry, panel) != entry->sums[panel])
            return false;
    return true;
}

typedef struct summing {
    const mica_cpu *cpu;
    const mica_packed *entry;
} summing;

static void sum_panels(void *arg, size_t begin, size_t end, size_t worker)
{
    const summing *s = arg;
    for (size_t panel = begin; panel < end; panel++)
        s->entry->sums[panel] = sum_of_panel(s->cpu, s->entry, panel);
}

static mica_status add_to_sidecar(const mica_cpu *cpu, const mica_packed *entry,
                                  mica_sidecar *sidecar, const char *name, size_t bytes,
                                  mica_error *err)
{
    size_t panels = mica_gemm_panels(&cpu->kernels, entry->n);
    summing s = {cpu, entry};
    mica_cpu_ranges(cpu, panels, 1, sum_panels, &s);
    entry->sums[panels] = sum_of_rest(cpu, entry);
    return mica_sidecar_add(sidecar, name, entry->block, bytes, err);
}

/* What an entry is called in a sidecar: PACKING_VERSION goes up when the bytes of panels change for
 * the same weights. NULL: no sidecar, a weight without a name, or no memory; then it is packed. */
static char *name_in_sidecar(const mica_cpu *cpu, const mica_packed *entry, const mica_step *step)
{
    enum { PACKING_VERSION = 2, NAME_MAX_BYTES = 1 << 16 };
    mica_buf name;
    bool named = step->sidecar && step->names;
    mica_buf_init(&name, NAME_MAX_BYTES);
    if (named)
        mica_buf_printf(&name, "packing %d, %s, [%zu, %zu] in panels of %zu", PACKING_VERSION,
                        mica_precision_name(entry->precision), entry->n, entry->k,
                        cpu->kernels.gemm.nr);
    for (uint32_t i = 1; named && i < mica_cpu_linear_inputs(step); i++) {
        const mica_tensor *tensor = step->constants[i];
        named = !tensor || step->names[i];
        if (tensor && named)
            mica_buf_printf(&name, ", %u: %s %s", i, step->names[i],
                            mica_dtype_name(mica_tensor_dtype(tensor)));
    }
    char *text = named ? mica_buf_take(&name, NULL) : NULL;
    mica_buf_free(&name);
    return text;
}

/* The entry's numbers from a sidecar that was opened: its panels are checked when they are first
 * multiplied, since reading them twice would take as long as that. */
static bool find_in_sidecar(const mica_cpu *cpu, mica_packed *entry, const parts *p,
                            mica_sidecar *sidecar, const char *name)
{
    char *block = mica_sidecar_find(sidecar, name, p->bytes);
    if (!block)
        return false;
    use_block(entry, p, block);
    if (sum_of_rest(cpu, entry) != entry->sums[mica_gemm_panels(&cpu->kernels, entry->n)]) {
        mica_sidecar_reject(sidecar);
        return false;
    }
    entry->sidecar = mica_sidecar_retain(sidecar);
    atomic_init(&entry->unchecked, true);
    return true;
}

/* An entry without its numbers, or with them if the sidecar has them under `name`. */
static mica_status packed_create(const mica_cpu *cpu, const mica_step *step,
                                 mica_precision precision, mica_packed **out, char **name,
                                 size_t *bytes, mica_error *err)
{
    mica_packed *entry = mica_calloc(1, sizeof *entry);
    parts p = {0};
    *out = NULL;
    *name = NULL;
    if (!entry)
        return mica_fail_memory(err, sizeof *entry, "a packed weight");
    atomic_init(&entry->unchecked, false);
    mica_tensor *const *tensors = step->constants + 1;
    size_t n_tensors = mica_cpu_linear_inputs(step) - 1;
    for (size_t i = 0; i < n_tensors; i += 2) {
        entry->n += (size_t)mica_tensor_dim(tensors[i], 0);
        p.has_bias = p.has_bias || (i + 1 < n_tensors && tensors[i + 1]);
    }
    entry->k = (size_t)mica_tensor_dim(tensors[0], 1);
    entry->precision = precision;
    entry->checked = mica_cpu_checks_weights(step);
    *name = name_in_sidecar(cpu, entry, step);
    p.has_sums = *name != NULL;
    if (!lay_out(cpu, entry, &p))
        p.bytes = SIZE_MAX;
    *bytes = p.bytes;
    if (!*name || !find_in_sidecar(cpu, entry, &p, step->sidecar, *name))
        entry->block = mica_alloc_data(p.bytes);
    entry->tensors = mica_alloc_array(n_tensors, sizeof *entry->tensors);
    if (!entry->tensors || (!entry->block && !entry->sidecar)) {
        packed_destroy(entry);
        mica_free(*name);
        *name = NULL;
        return mica_fail_memory(err, p.bytes, "a packed weight");
    }
    if (entry->block)
        use_block(entry, &p, entry->block);
    entry->n_tensors = n_tensors;
    for (size_t i = 0; i < n_tensors; i++)
        entry->tensors[i] = tensors[i] ? mica_tensor_retain(tensors[i]) : NULL;
    *out = entry;
    return MICA_OK;
}

static mica_status pack_entry(mica_cpu *cpu, mica_packed *entry, const mica_step *step,
                              mica_error *err)
{
    size_t count = (entry->n_tensors + 1) / 2;
    mica_side *linears = mica_calloc(count, sizeof *linears);
    if (!linears)
        return mica_fail_memory(err, count * sizeof *linears, "packing weights");
    for (size_t i = 0; i < count; i++) {
        const mica_tensor *weight = entry->tensors[2 * i];
        const mica_tensor *bias = 2 * i + 1 < entry->n_tensors ? entry->tensors[2 * i + 1] : NULL;
        linears[i].weight = mica_tensor_data(weight);
        linears[i].weight_dtype = mica_tensor_dtype(weight);
        linears[i].n = (size_t)mica_tensor_dim(weight, 0);
        linears[i].bias = bias ? mica_tensor_data(bias) : NULL;
        linears[i].bias_dtype = bias ? mica_tensor_dtype(bias) : MICA_DTYPE_F32;
    }
    bool finite = mica_cpu_pack(cpu, linears, count, entry, entry->checked);
    mica_free(linears);
    if (!finite)
        return mica_cpu_check_constants(cpu, step, 0, err);
    for (size_t i = 0; i < count; i++) /* the packed copy is what runs read */
        mica_tensor_drop_rows(entry->tensors[2 * i], 0, mica_tensor_dim(entry->tensors[2 * i], 0));
    return MICA_OK;
}

/* What a step asks for, or what stands in for it. */
static mica_precision precision_of(const mica_cpu *cpu, const mica_step *step)
{
    if (step->precision == MICA_PRECISION_AUTO)
        return cpu->kernels.bf16.fast ? MICA_PRECISION_BF16 : MICA_PRECISION_F32;
    if (step->precision == MICA_PRECISION_INT8 &&
        mica_tensor_dim(step->constants[1], 1) > MICA_GEMM_INT8_MOST_K)
        return MICA_PRECISION_BF16;
    return step->precision;
}

bool mica_cpu_checks_weights(const mica_step *step)
{
    return step->check_weights || step->precision != MICA_PRECISION_F32;
}

uint32_t mica_cpu_linear_inputs(const mica_step *step)
{
    return step->op == MICA_OP_LINEAR_ADD_LAYER_NORM ? 3 : step->n_inputs;
}

bool mica_cpu_weights_constant(const mica_step *step)
{
    for (uint32_t i = 1; i < mica_cpu_linear_inputs(step); i++)
        if (step->inputs[i] != MICA_NO_VALUE && !(step->constants && step->constants[i]))
            return false;
    return true;
}

mica_status mica_cpu_prepare_linear(mica_cpu *cpu, mica_step *step, mica_error *err)
{
    step->prepared = NULL;
    if (!mica_cpu_weights_constant(step)) {
        step->precision = MICA_PRECISION_F32;
        return MICA_OK; /* packed in each run */
    }
    bool one_row = step->op == MICA_OP_LINEAR && mica_tensor_dim(step->constants[1], 0) == 1;
    mica_status status = MICA_OK;
    if (step->check_weights)
        status =
            mica_cpu_check_constants(cpu, step, one_row ? 0 : mica_cpu_linear_inputs(step), err);
    if (status || one_row) /* which is used as it lies */
        return status;
    mica_precision precision = step->precision = precision_of(cpu, step);
    if (step->once && !step->sidecar)
        return MICA_OK; /* the same */
    pthread_mutex_lock(&cpu->lock);
    mica_packed *entry = find(cpu, precision, mica_cpu_checks_weights(step), step->constants + 1,
                              mica_cpu_linear_inputs(step) - 1);
    if (!entry) {
        char *name = NULL;
        size_t bytes = 0;
        status = packed_create(cpu, step, precision, &entry, &name, &bytes, err);
        if (!status && !entry->sidecar)
            status = pack_entry(cpu, entry, step, err);
        if (!status && name && mica_sidecar_is_new(step->sidecar))
            status = add_to_sidecar(cpu, entry, step->sidecar, name, bytes, err);
        mica_free(name);
        if (status) {
            packed_destroy(entry);
            entry = NULL;
        } else {
            entry->next = cpu->packed;
            cpu->packed = entry;
        }
    }
    if (entry)
        entry->references++;
    pthread_mutex_unlock(&cpu->lock);
    step->prepared = entry;
    return status;
}

void mica_cpu_unprepare_linear(mica_cpu *cpu, mica_step *step)
{
    mica_packed *entry = step->prepared;
    step->prepared = NULL;
    if (!entry)
        return;
    pthread_mutex_lock(&cpu->lock);
    bool last = --entry->references == 0;
    if (last) {
        mica_packed **at = &cpu->packed;
        while (*at != entry)
            at = &(*at)->next;
        *at = entry->next;
    }
    pthread_mutex_unlock(&cpu->lock);
    if (last)
        packed_destroy(entry);
}
