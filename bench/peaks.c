/* SPDX-License-Identifier: MIT */
#include "peaks.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "system.h"
#include "util.h"

enum { CHAINS = 12, STEPS = 50000, MOST_THREADS = 256, LINE = 64, CHUNK = 1 << 18 };
enum { SIZE_LEAST = 1 << 16, SIZE_MOST = 1 << 28 };
/* Many short tries, of which the best counts: on a machine that has other work to do, few of them
 * have it for themselves. */
enum { TRIES = 40 };
static const double try_seconds = 0.0005;
static volatile float sink;
static volatile uint64_t sink_bits;

/* ---- multiply-adds ---- */

/* The chains must live in registers. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 12")
#endif

#if defined(__x86_64__)
/* A function that adds to sums in registers, and says how many multiplications and additions that
 * were. `begin` is the first value of chain i, `step` makes the next of x. A product whose operands
 * do not change would be taken out of the loop: where the sum is no operand of the multiplying
 * instruction, it is one of its factors. */
#define PROBE(name, features, vector, begin, step, lanes)                                          \
    __attribute__((target(features))) static double name(void)                                     \
    {                                                                                              \
        vector sum[CHAINS];                                                                        \
        UNROLL                                                                                     \
        for (int i = 0; i < CHAINS; i++)                                                           \
            sum[i] = begin;                                                                        \
        for (int s = 0; s < STEPS; s++) {                                                          \
            UNROLL                                                                                 \
            for (int i = 0; i < CHAINS; i++) {                                                     \
                vector x = sum[i];                                                                 \
                x = step;                                                                          \
                __asm__ volatile("" : "+x"(x)); /* computed here, and not left out */              \
                sum[i] = x;                                                                        \
            }                                                                                      \
        }                                                                                          \
        return 2.0 * (lanes)*CHAINS * STEPS;                                                       \
    }

PROBE(fma_avx512, "avx512f", __m512, _mm512_set1_ps((float)i),
      _mm512_fmadd_ps(x, _mm512_set1_ps(0.999f), _mm512_set1_ps(0.001f)), 16)
PROBE(dot_bf16, "avx512f,avx512bw,avx512bf16", __m512, _mm512_set1_ps((float)i),
      _mm512_dpbf16_ps(x, _mm512_cvtne2ps_pbh(_mm512_set1_ps(1), _mm512_set1_ps(1)),
                       _mm512_cvtne2ps_pbh(_mm512_set1_ps(1), _mm512_set1_ps(1))),
      32)
PROBE(dot_avx512vnni, "avx512f,avx512bw,avx512vnni", __m512i, _mm512_set1_epi32(i),
      _mm512_dpbusd_epi32(x, _mm512_set1_epi8(3), _mm512_set1_epi8(5)), 64)
PROBE(dot_avx512, "avx512f,avx512bw", __m512i, _mm512_set1_epi32(i),
      _mm512_add_epi32(x, _mm512_madd_epi16(_mm512_maddubs_epi16(x, _mm512_set1_epi8(3)),
                                            _mm512_set1_epi16(1))),
      64)
PROBE(fma_avx2, "avx2,fma", __m256, _mm256_set1_ps((float)i),
      _mm256_fmadd_ps(x, _mm256_set1_ps(0.999f), _mm256_set1_ps(0.001f)), 8)
PROBE(dot_avxvnni, "avx2,avxvnni", __m256i, _mm256_set1_epi32(i),
      _mm256_dpbusd_avx_epi32(x, _mm256_set1_epi8(3), _mm256_set1_epi8(5)), 32)
PROBE(dot_avx2, "avx2", __m256i, _mm256_set1_epi32(i),
      _mm256_add_epi32(x, _mm256_madd_epi16(_mm256_maddubs_epi16(x, _mm256_set1_epi8(3)),
                                            _mm256_set1_epi16(1))),
      32)

/* The same with tiles of 16 rows of 64 bytes, four of which hold sums. */
#define TILE_PROBE(name, features, dot, lanes)                                                     \
    __attribute__((target(features))) static double name(void)                                     \
    {                                                                                              \
        struct {                                                                                   \
            uint8_t palette, rest[15];                                                             \
            uint16_t row_bytes[16];                                                                \
            uint8_t rows[16];                                                                      \
        } shapes = {.palette = 1};                                                                 \
        for (int i = 0; i < 8; i++) {                                                              \
            shapes.row_bytes[i] = 64;                                                              \
            shapes.rows[i] = 16;                                                                   \
        }                                                                                          \
        __asm__ volatile("" ::: "memory"); /* the shapes are written before they are read */       \
        _tile_loadconfig(&shapes);         /* sums and factors are zeros */                        \
        for (int s = 0; s < STEPS / 16; s++) {                                                     \
            dot(0, 4, 6);                                                                          \
            dot(1, 4, 7);                                                                          \
            dot(2, 5, 6);                                                                          \
            dot(3, 5, 7);                                                                          \
        }                                                                                          \
        _tile_release();                                                                           \
        return 2.0 * 16 * (lanes)*4 * (STEPS / 16);                                                \
    }

TILE_PROBE(tiles_bf16, "amx-tile,amx-bf16", _tile_dpbf16ps, 16 * 32)
TILE_PROBE(tiles_int8, "amx-tile,amx-int8", _tile_dpbusd, 16 * 64)

static bool always(void)
{
    return true;
}

/* Bit `bit` of register 0, 2 or 3 (eax, ecx, edx) of leaf 7. That the system saves the registers is
 * what the level says. */
static bool leaf7(unsigned part, int which, int bit)
{
    unsigned r[4] = {0};
    return __get_cpuid_count(7, part, &r[0], &r[1], &r[2], &r[3]) && (r[which] >> bit & 1);
}

static bool has_avxvnni(void)
{
    return leaf7(1, 0, 4);
}

static bool has_avx512bf16(void)
{
    return leaf7(1, 0, 5);
}

static bool has_avx512vnni(void)
{
    return leaf7(0, 2, 11);
}
#endif

typedef float lanes8 __attribute__((vector_size(32)));

/* For machines that have none of these. */
static double multiply_add(void)
{
    lanes8 sum[CHAINS];
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = (lanes8){0} + (float)i; /* chains that differ: equal ones would be merged */
    for (int s = 0; s < STEPS; s++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++)
            sum[i] = sum[i] * 0.999f + 0.001f;
    }
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        sink = sum[i][0];
    return 2.0 * 8 * CHAINS * STEPS;
}

typedef double (*flops_fn)(void);

/* What may be the fastest of a level in a precision: the rate of a precision is the best of its
 * rows that the processor has. */
static const struct instruction {
    const char *level;
    mica_precision precision;
    const char *name;
    bool (*there)(void);
    flops_fn run;
} instructions[] = {
#if defined(__x86_64__)
    {"amx", MICA_PRECISION_F32, "vfmadd (512 bits)", always, fma_avx512},
    {"amx", MICA_PRECISION_BF16, "tdpbf16ps", always, tiles_bf16},
    {"amx", MICA_PRECISION_INT8, "tdpbusd", always, tiles_int8},
    {"avx512", MICA_PRECISION_F32, "vfmadd (512 bits)", always, fma_avx512},
    {"avx512", MICA_PRECISION_BF16, "vfmadd (512 bits)", always, fma_avx512},
    {"avx512", MICA_PRECISION_BF16, "vdpbf16ps (512 bits)", has_avx512bf16, dot_bf16},
    {"avx512", MICA_PRECISION_INT8, "vpmaddubsw, vpmaddwd (512 bits)", always, dot_avx512},
    {"avx512", MICA_PRECISION_INT8, "vpdpbusd (512 bits)", has_avx512vnni, dot_avx512vnni},
    {"avx2", MICA_PRECISION_F32, "vfmadd (256 bits)", always, fma_avx2},
    {"avx2", MICA_PRECISION_BF16, "vfmadd (256 bits)", always, fma_avx2},
    {"avx2", MICA_PRECISION_INT8, "vpmaddubsw, vpmaddwd (256 bits)", always, dot_avx2},
    {"avx2", MICA_PRECISION_INT8, "vpdpbusd (256 bits)", has_avxvnni, dot_avxvnni},
#endif
    {"", MICA_PRECISION_F32, "", NULL, NULL}, /* for machines that have no row */
};

/* ---- all threads at once ---- */

/* Ways through memory. Streaming stores go past the caches: faster where what is written does not
 * fit into them. */
typedef enum way { READ, WRITE, WRITE_STREAMING, COPY, COPY_STREAMING, WAYS } way;

/* Threads that begin every try together. */
typedef struct team {
    atomic_size_t size;    /* 0: not all that can be have been started yet */
    atomic_size_t arrived; /* at all tries so far, together */
    int tries;
} team;

/* What a thread does in a try, for at least so many seconds. For bytes: it goes on at `at` through
 * memory of its own, of which copies write the second half. */
typedef struct share {
    double seconds;
    flops_fn fn; /* or NULL: bytes */
    char *memory;
    size_t size, at;
    way way;
    char fill;           /* what is written */
    double rates[TRIES]; /* of the tries */
    team *team;
} share;

static double go_on(share *s);

static double run_try(share *s)
{
    double begin = bench_now(), done = 0, passed;
    do {
        done += s->fn ? s->fn() : go_on(s);
        passed = bench_now() - begin;
    } while (passed < s->seconds);
    return done / passed;
}

static void *run_share(void *arg)
{
    share *s = arg;
    team *all = s->team;
    size_t size, due = 0;
    while ((size = atomic_load(&all->size)) == 0)
        sched_yield();
    for (int t = 0; t < all->tries; t++) {
        due += size;
        atomic_fetch_add(&all->arrived, 1);
        while (atomic_load(&all->arrived) < due)
            sched_yield();
        s->rates[t] = run_try(s);
    }
    return NULL;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* The best rate of all shares together in so many tries, of TRIES at most. The threads live through
 * all of them: to start them for each takes longer than a try, and much longer with a sanitizer. */
static double run_shares(share *shares, size_t count, int tries)
{
    pthread_t others[MOST_THREADS];
    team all = {.tries = tries};
    size_t started = 0;
    double best = 0;
    for (size_t i = 0; i < count; i++)
        shares[i].team = &all;
    for (; started + 1 < count; started++)
        if (pthread_create(&others[started], NULL, run_share, &shares[started + 1]) != 0)
            break;
    atomic_store(&all.size, started + 1);
    run_share(&shares[0]);
    for (size_t i = 0; i < started; i++)
        pthread_join(others[i], NULL);
    for (int t = 0; t < tries; t++) {
        double rate = 0;
        for (size_t i = 0; i <= started; i++)
            rate += shares[i].rates[t];
        best = larger(best, rate);
    }
    return best;
}

/* Threads that take turns on a processor, each as fast as the processor while it has it, would add
 * up to more than there is: no more of them than processors. */
static size_t clamp_threads(size_t threads)
{
    size_t processors = bench_processors();
    size_t most = processors < MOST_THREADS ? processors : MOST_THREADS;
    return threads < 1 ? 1 : threads < most ? threads : most;
}

bench_rate bench_measure_flops(const char *level, mica_precision precision, size_t threads)
{
    bench_rate best = {0, "not known"};
    size_t count = clamp_threads(threads);
    for (size_t k = 0; k < sizeof instructions / sizeof instructions[0]; k++) {
        const struct instruction *row = &instructions[k];
        share shares[MOST_THREADS];
        if (strcmp(row->level, level) != 0 || row->precision != precision || !row->run ||
            !row->there())
            continue;
        for (size_t i = 0; i < count; i++)
            shares[i] = (share){.fn = row->run};
        double rate = run_shares(shares, count, TRIES);
        if (rate > best.flops)
            best = (bench_rate){rate, row->name};
    }
    return best;
}

double bench_probe(size_t threads, double seconds)
{
    share shares[MOST_THREADS];
    size_t count = clamp_threads(threads);
    flops_fn fn = multiply_add;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        fn = fma_avx2;
#endif
    for (size_t i = 0; i < count; i++)
        shares[i] = (share){.seconds = seconds, .fn = fn};
    return run_shares(shares, count, 1);
}

bool bench_has_matrix_units(void)
{
#if defined(__x86_64__)
    return leaf7(0, 3, 24); /* tiles */
#else
    return false;
#endif
}

/* ---- bytes ---- */

/* `size` is a multiple of 8 times 64 bytes. */
static uint64_t read_plain(const char *memory, size_t size)
{
    const uint64_t *x = (const uint64_t *)(const void *)memory;
    uint64_t sum[8] = {0};
    for (size_t i = 0; i < size / sizeof *x; i += 8)
        for (size_t k = 0; k < 8; k++)
            sum[k] += x[i + k];
    return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t read_avx2(const char *memory, size_t size)
{
    const __m256i *x = (const __m256i *)(const void *)memory;
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (size_t i = 0; i < size / sizeof *x; i += 4) {
        a = _mm256_add_epi64(a, _mm256_load_si256(x + i));
        b = _mm256_add_epi64(b, _mm256_load_si256(x + i + 1));
        c = _mm256_add_epi64(c, _mm256_load_si256(x + i + 2));
        d = _mm256_add_epi64(d, _mm256_load_si256(x + i + 3));
    }
    uint64_t sum[4];
    _mm256_storeu_si256((__m256i *)(void *)sum,
                        _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d)));
    return sum[0] + sum[1] + sum[2] + sum[3];
}

__attribute__((target("avx512f"))) static uint64_t read_avx512(const char *memory, size_t size)
{
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    for (size_t i = 0; i < size; i += 256) {
        a = _mm512_add_epi64(a, _mm512_load_si512(memory + i));
        b = _mm512_add_epi64(b, _mm512_load_si512(memory + i + 64));
        c = _mm512_add_epi64(c, _mm512_load_si512(memory + i + 128));
        d = _mm512_add_epi64(d, _mm512_load_si512(memory + i + 192));
    }
    return (uint64_t)_mm512_reduce_add_epi64(
        _mm512_add_epi64(_mm512_add_epi64(a, b), _mm512_add_epi64(c, d)));
}
#endif

static uint64_t read_all(const char *memory, size_t size)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return read_avx512(memory, size);
    if (__builtin_cpu_supports("avx2"))
        return read_avx2(memory, size);
#endif
    return read_plain(memory, size);
}

#if defined(__x86_64__)
/* `from` NULL: writes `fill` alone. */
__attribute__((target("avx2"))) static void stream_avx2(char *to, const char *from, size_t size,
                                                        char fill)
{
    __m256i *y = (__m256i *)(void *)to, same = _mm256_set1_epi8(fill);
    const __m256i *x = (const __m256i *)(const void *)from;
    for (size_t i = 0; i < size / sizeof *y; i += 2) {
        _mm256_stream_si256(y + i, x ? _mm256_load_si256(x + i) : same);
        _mm256_stream_si256(y + i + 1, x ? _mm256_load_si256(x + i + 1) : same);
    }
    _mm_sfence();
}
#endif

static bool can_stream(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2");
#else
    return false;
#endif
}

static void write_all(char *to, const char *from, size_t size, bool streaming, char fill)
{
#if defined(__x86_64__)
    if (streaming) {
        stream_avx2(to, from, size, fill);
        return;
    }
#else
    (void)streaming;
#endif
    if (from)
        memcpy(to, from, size);
    else
        memset(to, fill, size);
}

/* The next part; how many bytes that were. */
static double go_on(share *s)
{
    bool copy = s->way == COPY || s->way == COPY_STREAMING;
    bool streaming = s->way == WRITE_STREAMING || s->way == COPY_STREAMING;
    size_t room = copy ? s->size / 2 : s->size;
    size_t part = room - s->at < CHUNK ? room - s->at : CHUNK;
    char *at = s->memory + s->at;
    if (s->way == READ)
        sink_bits = read_all(at, part);
    else
        write_all(copy ? at + room : at, copy ? at : NULL, part, streaming, s->fill);
    sink = (float)s->memory[s->size - 1];
    s->at = s->at + part < room ? s->at + part : 0;
    return (double)(copy ? 2 * part : part);
}

/* In huge pages where the system gives them, as work may be: with small ones the processor waits
 * for its tables of pages, too. NULL: out of memory. */
static void *probe_memory(size_t size, char fill)
{
    enum { HUGE_PAGE = 2 << 20 };
    void *memory = NULL;
    size_t whole = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    if (posix_memalign(&memory, HUGE_PAGE, whole) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    madvise(memory, whole, MADV_HUGEPAGE);
#endif
    memset(memory, fill, size);
    return memory;
}

bool bench_bandwidth_measure(bench_bandwidth *b, size_t threads, bench_content content)
{
    char fill = content == BENCH_NUMBERS ? 0x5a : 0;
    share shares[MOST_THREADS];
    double *const best[WAYS] = {&b->read, &b->write, &b->write, &b->copy, &b->copy};
    size_t count = clamp_threads(threads), size = SIZE_LEAST;
    if (b->bytes > SIZE_LEAST)
        size = b->bytes < SIZE_MOST ? (size_t)b->bytes : SIZE_MOST;
    size_t part = size / count / (16 * LINE) * (16 * LINE);
    part = part > 16 * LINE ? part : 16 * LINE;
    void *memory = probe_memory(part * count, fill);
    if (!memory)
        return false;
    for (way w = 0; w < WAYS; w++) {
        if ((w == WRITE_STREAMING || w == COPY_STREAMING) && !can_stream())
            continue;
        for (size_t k = 0; k < count; k++)
            shares[k] = (share){.seconds = try_seconds,
                                .memory = (char *)memory + k * part,
                                .size = part,
                                .way = w,
                                .fill = fill};
        *best[w] = larger(*best[w], run_shares(shares, count, TRIES));
    }
    free(memory);
    return true;
}

bool bench_peaks_measure(bench_peaks *peaks, const char *level, size_t threads)
{
    static const size_t sizes[BENCH_SIZES] = {SIZE_LEAST, 1 << 20, 1 << 22,
                                              1 << 24,    1 << 26, SIZE_MOST};
    for (int i = 0; i < BENCH_SIZES; i++) {
        bench_bandwidth *b = &peaks->bandwidth[i];
        b->bytes = (double)sizes[i];
        if (!bench_bandwidth_measure(b, threads, BENCH_NUMBERS))
            return false;
    }
    peaks->flops =
        larger(peaks->flops, bench_measure_flops(level, MICA_PRECISION_F32, threads).flops);
    return true;
}

double bench_peaks_bandwidth(const bench_peaks *peaks, double bytes)
{
    const bench_bandwidth *b = peaks->bandwidth;
    int i = BENCH_SIZES - 1;
    while (i > 0 && b[i].bytes > bytes)
        i--;
    return larger(b[i].read, b[i].copy);
}

double bench_bandwidth_of(const bench_bandwidth *b, double read, double written)
{
    double both = read < written ? read : written;
    double seconds = 2 * both / b->copy + (read - both) / b->read + (written - both) / b->write;
    return (read + written) / seconds;
}
