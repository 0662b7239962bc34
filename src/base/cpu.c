/* SPDX-License-Identifier: MIT
 *
 * Detection asks the chip (CPUID) and the operating system (XCR0: which registers it saves); on Arm
 * the operating system, which answers for both.
 */
#include "base/cpu.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__linux__) && defined(__aarch64__)
#include <sys/auxv.h>
#endif
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#endif

#include "base/cpu_internal.h"

#if defined(__aarch64__)
static const char *const level_names[MICA_CPU_LEVELS] = {"c", "neon", "dotprod", "i8mm", "bf16"};
#else
static const char *const level_names[MICA_CPU_LEVELS] = {"c", "avx2", "avx512", "amx"};
#endif

const char *mica_cpu_level_name(mica_cpu_level level)
{
    return (unsigned)level < MICA_CPU_LEVELS ? level_names[level] : "unknown";
}

#if defined(__x86_64__)
/* Whether AMX is here, beside AVX-512. Its registers are large: Linux saves them only for processes
 * that ask (from 5.16 on), once for all threads. */
static bool has_amx(unsigned xcr0)
{
    const unsigned saved = 3u << 17;                     /* shapes and contents of tiles */
    const unsigned amx = 1u << 22 | 1u << 24 | 1u << 25; /* BF16, TILE, INT8 */
    unsigned a, b, c, d;
    if ((xcr0 & saved) != saved || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & amx) != amx)
        return false;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & 1u << 5)) /* AVX-512 BF16 */
        return false;
#if defined(__linux__)
    enum { REQUEST = 0x1023, TILE_DATA = 18 }; /* of asm/prctl.h, which older headers do not name */
    return syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
#else
    return false;
#endif
}

mica_cpu_level mica_cpu_detect(void)
{
    enum { FMA = 1 << 12, XSAVE = 1 << 26, OSXSAVE = 1 << 27, AVX = 1 << 28, F16C = 1 << 29 };
    const unsigned avx2 = 1u << 5;
    const unsigned avx512 =
        1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31; /* F DQ CD BW VL */
    const unsigned need = FMA | XSAVE | OSXSAVE | AVX | F16C;
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & need) != need)
        return MICA_CPU_C;
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 0x6) != 0x6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & avx2))
        return MICA_CPU_C;
    if ((low & 0xe6) != 0xe6 || (b & avx512) != avx512)
        return MICA_CPU_AVX2;
    return has_amx(low) ? MICA_CPU_AMX : MICA_CPU_AVX512;
}

unsigned mica_cpu_features(void)
{
    mica_cpu_level level = mica_cpu_detect();
    unsigned a, b, c, d, features = 0;
    if (level >= MICA_CPU_AVX512 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & 1u << 11))
        features |= MICA_CPU_AVX512_VNNI;
    if (level < MICA_CPU_AVX2 || !__get_cpuid_count(7, 1, &a, &b, &c, &d))
        return features;
    if (a & 1u << 4)
        features |= MICA_CPU_AVX_VNNI;
    if (level >= MICA_CPU_AVX512 && (a & 1u << 5))
        features |= MICA_CPU_AVX512_BF16;
    return features;
}
#else
#if defined(__aarch64__)
#if defined(__APPLE__)
static bool has(const char *name)
{
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
}
#endif

mica_cpu_level mica_cpu_detect(void)
{
    bool dotprod = false, i8mm = false, bf16 = false;
#if defined(__APPLE__)
    dotprod = has("hw.optional.arm.FEAT_DotProd");
    i8mm = has("hw.optional.arm.FEAT_I8MM");
    bf16 = has("hw.optional.arm.FEAT_BF16");
#elif defined(__linux__)
    /* Bits of Linux's asm/hwcap.h, which older headers do not name. */
    dotprod = (getauxval(AT_HWCAP) & 1ul << 20) != 0;
    i8mm = (getauxval(AT_HWCAP2) & 1ul << 13) != 0;
    bf16 = (getauxval(AT_HWCAP2) & 1ul << 14) != 0;
#endif
    if (!dotprod)
        return MICA_CPU_NEON;
    return !i8mm ? MICA_CPU_DOTPROD : bf16 ? MICA_CPU_BF16 : MICA_CPU_I8MM;
}
#else
mica_cpu_level mica_cpu_detect(void)
{
    return MICA_CPU_C;
}
#endif

unsigned mica_cpu_features(void)
{
    return 0;
}
#endif

mica_status mica_cpu_choose(mica_cpu_level *out, mica_error *err)
{
    mica_cpu_level best = mica_cpu_detect();
    const char *wish = getenv("MICA_CPU");
    *out = best;
    if (!wish || !*wish)
        return MICA_OK;
    for (int i = 0; i < MICA_CPU_LEVELS; i++) {
        if (strcmp(wish, level_names[i]) == 0) {
            *out = (mica_cpu_level)i < best ? (mica_cpu_level)i : best;
            return MICA_OK;
        }
    }
    char names[64];
    int n = 0;
    for (int i = 0; i < MICA_CPU_LEVELS; i++)
        n += snprintf(names + n, sizeof names - (size_t)n, "%s%s", i ? ", " : "", level_names[i]);
    return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "MICA_CPU is '%s', which is none of %s",
                     wish, names);
}

static char model_name[128] = "unknown";
static pthread_once_t model_once = PTHREAD_ONCE_INIT;

static void find_model(void)
{
#if defined(__APPLE__)
    size_t size = sizeof model_name;
    sysctlbyname("machdep.cpu.brand_string", model_name, &size, NULL, 0);
#else
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[512];
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        const char *text = colon + 1 + strspn(colon + 1, " ");
        snprintf(model_name, sizeof model_name, "%.*s", (int)strcspn(text, "\n"), text);
        break;
    }
    if (file)
        fclose(file);
#endif
}

const char *mica_cpu_model(void)
{
    pthread_once(&model_once, find_model);
    return model_name;
}

/* The first line of root + path + name in `text`; false if there is no such file. */
static bool first_line(const char *root, const char *path, const char *name, char *text, int size)
{
    char full[4096];
    int n = snprintf(full, sizeof full, "%s%s/%s", root, path, name);
    FILE *file = n > 0 && (size_t)n < sizeof full ? fopen(full, "r") : NULL;
    if (!file)
        return false;
    bool ok = fgets(text, size, file) != NULL;
    fclose(file);
    return ok;
}

static double quota_v2(const char *root, const char *path)
{
    char text[128];
    long long quota, period;
    if (!first_line(root, path, "cpu.max", text, sizeof text) ||
        sscanf(text, "%lld %lld", &quota, &period) != 2 || quota <= 0 || period <= 0)
        return 0; /* "max 100000": no limit */
    return (double)quota / (double)period;
}

static double quota_v1(const char *root, const char *path)
{
    char text[128];
    if (!first_line(root, path, "cpu.cfs_quota_us", text, sizeof text))
        return 0;
    long long quota = strtoll(text, NULL, 10);
    if (!first_line(root, path, "cpu.cfs_period_us", text, sizeof text))
        return 0;
    long long period = strtoll(text, NULL, 10);
    return quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}

/* The smallest quota of the group `path` and all above it. Inside a container the path may not
 * exist below root; walking up ends at root, which then is the container's own group. */
static double smallest(const char *root, char *path, double (*read)(const char *, const char *))
{
    double best = 0;
    for (;;) {
        double quota = read(root, path);
        if (quota > 0 && (best == 0 || quota < best))
            best = quota;
        char *slash = strrchr(path, '/');
        if (!slash)
            return best;
        *slash = 0;
    }
}

/* Whether `list` ("cpu,cpuacct") names the controller "cpu". */
static bool has_cpu(const char *list, size_t size)
{
    while (size > 0) {
        const char *comma = memchr(list, ',', size);
        size_t n = comma ? (size_t)(comma - list) : size;
        if (n == 3 && memcmp(list, "cpu", 3) == 0)
            return true;
        if (!comma)
            return false;
        size -= n + 1;
        list = comma + 1;
    }
    return false;
}

double mica_cgroup_quota(const char *proc_cgroup, const char *root)
{
    FILE *file = fopen(proc_cgroup, "r");
    char line[4096], v1_root[4096];
    double best = 0;
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *list = strchr(line, ':'); /* "4:cpu,cpuacct:/path", or "0::/path" for v2 */
        char *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        size_t list_size = (size_t)(path - list - 1);
        list++;
        path++;
        if (strcmp(path, "/") == 0)
            *path = 0;
        double quota = 0;
        if (list_size == 0) {
            quota = smallest(root, path, quota_v2);
        } else if (has_cpu(list, list_size)) {
            char copy[4096];
            snprintf(copy, sizeof copy, "%s", path);
            snprintf(v1_root, sizeof v1_root, "%s/cpu", root);
            quota = smallest(v1_root, path, quota_v1);
            if (quota == 0) {
                int n = snprintf(v1_root, sizeof v1_root, "%s/%.*s", root, (int)list_size, list);
                if (n > 0 && (size_t)n < sizeof v1_root)
                    quota = smallest(v1_root, copy, quota_v1);
            }
        }
        if (quota > 0 && (best == 0 || quota < best))
            best = quota;
    }
    if (file)
        fclose(file);
    return best;
}

static size_t affinity_count(size_t online)
{
#if defined(__linux__)
    cpu_set_t sets[16]; /* the kernel refuses a mask smaller than its own: 16384 CPUs here */
    memset(sets, 0, sizeof sets);
    if (sched_getaffinity(0, sizeof sets, sets) == 0) {
        size_t count = (size_t)CPU_COUNT_S(sizeof sets, sets);
        return count ? count : 1;
    }
#endif
    return online;
}

mica_status mica_threads_choose(mica_thread_choice *out, mica_error *err)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    memset(out, 0, sizeof *out);
    out->online = online > 0 ? (size_t)online : 1;
    out->affinity = affinity_count(out->online);
    out->quota = mica_cgroup_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    out->threads = out->affinity;
    out->reason = "affinity";
    if (out->quota > 0 && out->quota < (double)out->threads) {
        out->threads = out->quota < 1 ? 1 : (size_t)out->quota;
        out->reason = "cgroup quota";
    }
    const char *wish = getenv("MICA_THREADS");
    if (wish && *wish) {
        char *end = NULL;
        errno = 0;
        long threads = strtol(wish, &end, 10);
        if (errno || *end || threads < 1 || threads > 1024)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "MICA_THREADS is '%s', which is no number from 1 to 1024", wish);
        out->threads = (size_t)threads;
        out->reason = "MICA_THREADS";
    }
    return MICA_OK;
}
