/* SPDX-License-Identifier: MIT */
#include "environment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#include "mica/context.h"
#include "util.h"

enum { PATH_ROOM = 4096 };

bool bench_find_self(char *path, size_t size)
{
#ifdef __APPLE__
    char raw[PATH_ROOM];
    uint32_t raw_size = sizeof raw;
    if (_NSGetExecutablePath(raw, &raw_size) != 0 || size < PATH_ROOM || !realpath(raw, path))
        return false;
#else
    ssize_t n = readlink("/proc/self/exe", path, size - 1);
    if (n <= 0)
        return false;
    path[n] = 0;
#endif
    return true;
}

/* The directory of the program, without a slash at its end. */
static bool program_directory(char *path, size_t size)
{
    if (!bench_find_self(path, size))
        return false;
    char *slash = strrchr(path, '/');
    if (!slash)
        return false;
    *slash = 0;
    return true;
}

bool bench_find(const char *in_tree, const char *installed, char *path, size_t size)
{
    const char *const relative[] = {installed, in_tree};
    char here[PATH_ROOM];
    if (!program_directory(here, sizeof here))
        return false;
    for (int i = 0; i < 2; i++) { /* one directory up, two up */
        char *slash = strrchr(here, '/');
        if (!slash)
            return false;
        *slash = 0;
        if (relative[i] && (size_t)snprintf(path, size, "%s/%s", here, relative[i]) < size &&
            access(path, F_OK) == 0)
            return true;
    }
    return false;
}

/* A line that git prints. The tree's path goes through the environment: no shell reads it. */
static void read_commit(char *commit, size_t size)
{
    char tree[PATH_ROOM];
    if (!bench_find(".git", NULL, tree, sizeof tree))
        return;
    tree[strlen(tree) - strlen("/.git")] = 0;
    setenv("MICA_BENCH_TREE", tree, 1);
    FILE *git = popen("git -C \"$MICA_BENCH_TREE\" describe --always --dirty 2>/dev/null", "r");
    if (git && fgets(commit, (int)size, git))
        commit[strcspn(commit, "\n")] = 0;
    if (git)
        pclose(git);
    unsetenv("MICA_BENCH_TREE");
}

/* The number behind a key ("MemAvailable:") of a file of lines, or alone in the file (key ""). -1 =
 * it is not there. */
static double read_number(const char *path, const char *key)
{
    FILE *file = fopen(path, "r");
    char line[256];
    double number = -1;
    size_t size = strlen(key);
    while (file && number < 0 && fgets(line, sizeof line, file)) {
        char *end = line;
        if (strncmp(line, key, size) == 0)
            number = strtod(line + size, &end);
        if (end == line + size)
            number = -1;
    }
    if (file)
        fclose(file);
    return number;
}

double bench_memory_available(void)
{
    double available = 1024 * read_number("/proc/meminfo", "MemAvailable:");
    if (available < 0) {
        long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
        return pages > 0 && page > 0 ? (double)pages * (double)page / 2 : 0;
    }
    /* Of what the cgroup has taken, files in the cache can be given back. */
    double most = read_number("/sys/fs/cgroup/memory.max", "");
    double taken = read_number("/sys/fs/cgroup/memory.current", "");
    double files = read_number("/sys/fs/cgroup/memory.stat", "inactive_file ") +
                   read_number("/sys/fs/cgroup/memory.stat", "active_file ");
    double left = most - taken + (files > 0 ? files : 0);
    return most < 0 || taken < 0 || left > available ? available : left > 0 ? left : 1;
}

/* What else there is that makes times what they are. */
static void read_state(bench_environment *e)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    double load = read_number("/proc/loadavg", "");
    FILE *file = fopen("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "r");
    e->memory = pages > 0 && page > 0 ? (double)pages * (double)page : NAN;
    e->load = load < 0 ? NAN : load;
    if (file && fgets(e->governor, sizeof e->governor, file))
        e->governor[strcspn(e->governor, "\n")] = 0;
    if (file)
        fclose(file);
}

void bench_environment_read(bench_environment *e)
{
    struct utsname system;
    mica_context *context = NULL;
    time_t now = time(NULL);
    struct tm utc;
    memset(e, 0, sizeof *e);
    if (!mica_context_create(NULL, &context, NULL)) {
        mica_context_info info;
        mica_context_get_info(context, &info);
        snprintf(e->cpu, sizeof e->cpu, "%s", info.cpu);
        snprintf(e->kernels, sizeof e->kernels, "%s", info.kernels);
        e->threads = info.threads;
        e->processors = info.processors_online;
        mica_context_destroy(&context);
    }
    if (uname(&system) == 0)
        snprintf(e->system, sizeof e->system, "%.60s %.120s %.60s", system.sysname, system.release,
                 system.machine);
#if defined(__clang__)
    snprintf(e->compiler, sizeof e->compiler, "clang %s", __clang_version__);
#elif defined(__GNUC__)
    snprintf(e->compiler, sizeof e->compiler, "gcc %s", __VERSION__);
#endif
    if (gmtime_r(&now, &utc))
        strftime(e->started, sizeof e->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    read_state(e);
    read_commit(e->commit, sizeof e->commit);
}

static void write_known(mica_json_writer *w, const char *key, const char *text)
{
    mica_json_write_member(w, key, text[0] ? text : NULL);
}

void bench_environment_write(mica_json_writer *w, const bench_environment *e)
{
    write_known(w, "started", e->started);
    write_known(w, "mica", mica_version());
    write_known(w, "commit", e->commit);
    write_known(w, "compiler", e->compiler);
    write_known(w, "system", e->system);
    write_known(w, "cpu", e->cpu);
    write_known(w, "kernels", e->kernels);
    bench_write_int(w, "processors", (int64_t)e->processors);
    bench_write_int(w, "threads", (int64_t)e->threads);
    bench_write_number(w, "memory_bytes", e->memory);
    bench_write_number(w, "load", e->load);
    write_known(w, "governor", e->governor);
}
