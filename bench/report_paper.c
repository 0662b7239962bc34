/* SPDX-License-Identifier: MIT */
#include "report_paper.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

const report_device report_devices[REPORT_DEVICES] = {
    [REPORT_M1] = {"apple-m1", "mlx-gpu", "M1 GPU, MLX"},
    [REPORT_M2] = {"apple-m2-max", "mlx-gpu", "M2 Max GPU, MLX"},
    [REPORT_M1_CPU] = {"apple-m1", "mlx-cpu", "M1 CPU, MLX"},
    [REPORT_A10] = {"nvidia-a10", "torch-cuda", "A10, PyTorch"},
    [REPORT_HOST] = {"aws-30vcpu-host-of-a10", "torch-cpu", "A10's host CPU, PyTorch"},
};

enum { FIELDS = 5, LINE = 2048 };

/* Cuts a line of CSV into fields, in place: RFC 4180 without line breaks in quotes. */
static size_t split(char *line, char *fields[FIELDS])
{
    size_t n = 0;
    char *from = line, *to;
    for (bool more = true; more; n++) {
        bool quoted = *from == '"';
        if (n < FIELDS)
            fields[n] = from;
        to = from;
        from += quoted;
        for (; *from && (quoted || *from != ','); from++) {
            if (quoted && *from == '"' && from[1] != '"')
                break;
            from += quoted && *from == '"';
            *to++ = *from;
        }
        from += quoted && *from == '"';
        more = *from == ',';
        from += more;
        *to = 0;
    }
    return n;
}

static mica_status bad_line(const char *path, size_t line, const char *what, mica_error *err)
{
    return mica_fail(err, MICA_STATUS_FORMAT, "'%.500s', line %zu: %s", path, line, what);
}

static mica_status add_figure(report_paper *p, char *fields[FIELDS], const char *path, size_t line,
                              mica_error *err)
{
    int device = 0;
    char *end = NULL;
    double ms = strtod(fields[4], &end);
    while (device < REPORT_DEVICES && (strcmp(report_devices[device].device, fields[1]) != 0 ||
                                       strcmp(report_devices[device].backend, fields[2]) != 0))
        device++;
    if (device == REPORT_DEVICES)
        return bad_line(path, line, "device and backend are not of the paper", err);
    if (end == fields[4] || *end || !(ms >= 0) || !(ms < 1e9))
        return bad_line(path, line, "the time is no number of milliseconds", err);
    if (fields[0][0] < 'A' || fields[0][0] > 'F')
        return bad_line(path, line, "the table is none of A to F", err);
    report_published *larger =
        report_room(&p->pool, p->figures, p->count, &p->room, sizeof *larger);
    if (!larger)
        return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    p->figures = larger;
    larger[p->count++] = (report_published){.table = fields[0][0],
                                            .device = device,
                                            .name = report_print(&p->pool, "%s", fields[3]),
                                            .printed = report_print(&p->pool, "%s", fields[4]),
                                            .ms = ms,
                                            .flaw = "",
                                            .suspect = ""};
    return MICA_OK;
}

/* "Sum" names itself and "Sum / dim=...", not "SumAll". */
static bool names(const char *prefix, const char *name)
{
    size_t size = strlen(prefix);
    return size == 0 || (strncmp(prefix, name, size) == 0 &&
                         (name[size] == 0 || strncmp(name + size, " / ", 3) == 0));
}

static mica_status add_suspect(report_paper *p, char *fields[FIELDS], const char *path, size_t line,
                               mica_error *err)
{
    const char *flaw = report_print(&p->pool, "%s", fields[3]);
    const char *why = report_print(&p->pool, "%s", fields[4]);
    size_t met = 0;
    for (size_t i = 0; i < p->count; i++) {
        report_published *f = &p->figures[i];
        if (strchr(fields[0], f->table) && names(fields[2], f->name) &&
            (!fields[1][0] || strcmp(fields[1], report_devices[f->device].backend) == 0) &&
            !f->suspect[0]) {
            f->flaw = flaw;
            f->suspect = why;
            met++;
        }
    }
    return met ? MICA_OK : bad_line(path, line, "no figure is meant", err);
}

static mica_status read_csv(report_paper *p, const char *folder, const char *name,
                            mica_status (*add)(report_paper *, char *[FIELDS], const char *, size_t,
                                               mica_error *),
                            mica_error *err)
{
    char path[4096], line[LINE], *fields[FIELDS];
    mica_status status = MICA_OK;
    size_t number = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    errno = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        return mica_fail(err, errno == ENOENT ? MICA_STATUS_NOT_FOUND : MICA_STATUS_IO,
                         "cannot open '%.700s': %s", path, strerror(errno));
    while (!status && fgets(line, sizeof line, file)) {
        number++;
        line[strcspn(line, "\r\n")] = 0;
        if (number == 1 || !line[0])
            continue;
        status = split(line, fields) == FIELDS ? add(p, fields, path, number, err)
                                               : bad_line(path, number, "not five fields", err);
    }
    if (!status && ferror(file))
        status = mica_fail(err, MICA_STATUS_IO, "cannot read '%.700s'", path);
    fclose(file);
    return status;
}

/* Whether a figure of A or C goes into an average: "bert-base-uncased / batch-size=16" is made of
 * "bert-base-uncased / inputs-char-no=50 / batch-size=16" and others. */
static bool goes_into(const report_published *f, const report_published *average)
{
    if (f->device != average->device || f->table != (average->table == 'B' ? 'A' : 'C'))
        return false;
    const char *batch = strstr(average->name, " / batch-size=");
    if (!batch)
        return names(average->name, f->name);
    size_t model = (size_t)(batch - average->name), end = strlen(f->name), tail = strlen(batch);
    return strncmp(f->name, average->name, model) == 0 && f->name[model] == ' ' && end > tail &&
           strcmp(f->name + end - tail, batch) == 0;
}

static mica_status recompute(report_paper *p, mica_error *err)
{
    p->disagreements = report_alloc(&p->pool, p->count + 1, sizeof *p->disagreements);
    if (!p->disagreements)
        return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    for (size_t i = 0; i < p->count; i++) {
        const report_published *average = &p->figures[i];
        double sum = 0;
        size_t n = 0;
        if (average->table == 'A' || average->table == 'C')
            continue;
        p->averages++;
        for (size_t k = 0; k < p->count; k++)
            if (goes_into(&p->figures[k], average)) {
                sum += p->figures[k].ms;
                n++;
            }
        if (n == 0)
            return mica_fail(err, MICA_STATUS_FORMAT, "the paper's average '%.200s' is of nothing",
                             average->name);
        /* Each figure and the average are rounded to 0.01. */
        double off = fabs(sum / (double)n - average->ms);
        if (off > 0.005 + 1e-9)
            p->disagreements[p->disagreement_count++] =
                (report_disagreement){average, sum / (double)n, off <= 0.01 + 1e-9};
    }
    return MICA_OK;
}

mica_status report_paper_read(report_paper *p, const char *folder, mica_error *err)
{
    static const char *const files[] = {"ops.csv",
                                        "ops-average.csv",
                                        "models.csv",
                                        "models-by-length.csv",
                                        "models-by-batch.csv",
                                        "models-overall.csv"};
    mica_status status = MICA_OK;
    for (size_t i = 0; i < sizeof files / sizeof files[0] && !status; i++)
        status = read_csv(p, folder, files[i], add_figure, err);
    if (!status)
        status = read_csv(p, folder, "suspect.csv", add_suspect, err);
    if (!status)
        status = recompute(p, err);
    if (!status && p->pool.failed)
        status = mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    return status;
}

void report_paper_free(report_paper *p)
{
    report_free(&p->pool);
    memset(p, 0, sizeof *p);
}

const report_published *report_paper_find(const report_paper *p, char table, int device,
                                          const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->figures[i].table == table && p->figures[i].device == device &&
            strcmp(p->figures[i].name, name) == 0)
            return &p->figures[i];
    return NULL;
}
