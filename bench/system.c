/* SPDX-License-Identifier: MIT */
#include "system.h"

#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

size_t bench_processors(void)
{
#ifdef __linux__
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        return (size_t)CPU_COUNT(&allowed);
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (size_t)online : 1;
}

#ifdef __linux__
/* The lowest-numbered thread of the core that a processor is a thread of. */
static int first_of_core(int processor)
{
    char path[128];
    int first = processor;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
             processor);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%d", &first) != 1)
        first = processor;
    if (file)
        fclose(file);
    return first;
}

size_t bench_pin(size_t threads, int *processors, size_t room)
{
    cpu_set_t allowed, chosen, cores;
    size_t count = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 0;
    CPU_ZERO(&chosen);
    CPU_ZERO(&cores);
    threads = threads < room ? threads : room;
    for (int pass = 0; pass < 2; pass++) /* one of each core, then the others */
        for (int i = 0; i < CPU_SETSIZE && count < threads; i++) {
            if (!CPU_ISSET(i, &allowed) || CPU_ISSET(i, &chosen))
                continue;
            int core = first_of_core(i);
            if (pass == 0 && core >= 0 && core < CPU_SETSIZE && CPU_ISSET(core, &cores))
                continue;
            if (core >= 0 && core < CPU_SETSIZE)
                CPU_SET(core, &cores);
            CPU_SET(i, &chosen);
            processors[count++] = i;
        }
    return sched_setaffinity(0, sizeof chosen, &chosen) == 0 ? count : 0;
}

/* The group of a process, and its most resident memory. */
static bool read_process(const char *id, long *group, int64_t *bytes)
{
    char path[64], line[512];
    long long kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%.20s/stat", id);
    FILE *file = fopen(path, "r");
    char *after = file && fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    bool fine = after && sscanf(after, ") %*c %*d %ld", group) == 1;
    if (file)
        fclose(file);
    snprintf(path, sizeof path, "/proc/%.20s/status", id);
    file = fine ? fopen(path, "r") : NULL;
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "VmHWM: %lld", &kilobytes);
    if (file)
        fclose(file);
    *bytes = (int64_t)kilobytes * 1024;
    return fine;
}

int64_t bench_group_resident(long leader)
{
    DIR *directory = leader > 0 ? opendir("/proc") : NULL;
    int64_t sum = 0, bytes;
    long group;
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            read_process(entry->d_name, &group, &bytes) && group == leader)
            sum += bytes;
    if (directory)
        closedir(directory);
    return sum > 0 ? sum : -1;
}

double bench_joules(void)
{
    double sum = NAN;
    for (int i = 0; i < 16; i++) { /* packages; their parts have names with two numbers */
        char path[96];
        double microjoules;
        snprintf(path, sizeof path, "/sys/class/powercap/intel-rapl:%d/energy_uj", i);
        FILE *file = fopen(path, "r");
        if (file && fscanf(file, "%lf", &microjoules) == 1)
            sum = (isnan(sum) ? 0 : sum) + microjoules * 1e-6;
        if (file)
            fclose(file);
    }
    return sum;
}
#else
size_t bench_pin(size_t threads, int *processors, size_t room)
{
    (void)threads, (void)processors, (void)room;
    return 0;
}

int64_t bench_group_resident(long leader)
{
    (void)leader;
    return -1;
}

double bench_joules(void)
{
    return NAN;
}
#endif
