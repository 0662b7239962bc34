/* SPDX-License-Identifier: MIT
 *
 * The loop over jobs. Everything happens in the caller's thread.
 */
#include "hub/batch.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "hub/cache.h"
#include "hub/files.h"
#include "hub/job.h"

enum { TICK_MS = 50, SAMPLES = 16 };
#define TELL_NS 100000000u   /* progress: ten times a second */
#define SAMPLE_NS 500000000u /* speed: of the last eight seconds */

struct mica_hub_batch {
    mica_hub *hub;
    mica_hub_snapshot *snapshot;
    mica_hub_place place;
    bool force;
    bool *handled; /* an entry that was looked after */
    mica_hub_job *jobs;
    size_t count, started;
    mica_hub_job **busy; /* the jobs under way, in the order in which they began */
    size_t running;      /* how many these are; at most hub->parallel */

    mica_hub_file_progress *active; /* for the caller's function */
    int64_t done, total;            /* bytes of files that are through, and of all */
    size_t files_done, files;
    uint64_t received; /* bytes of jobs that are through */
    uint64_t told;
    struct {
        uint64_t at, received;
    } samples[SAMPLES];
    size_t sample_count;
};

mica_status mica_hub_batch_create(mica_hub *hub, mica_hub_snapshot *snapshot,
                                  const mica_hub_pull_options *options, mica_hub_batch **out,
                                  mica_error *err)
{
    *out = NULL;
    mica_hub_batch *f = mica_calloc(1, sizeof *f);
    if (!f)
        return mica_fail_memory(err, sizeof *f, "a download");
    f->hub = hub;
    f->snapshot = snapshot;
    f->force = options->force;
    mica_status status = mica_hub_place_init(hub, snapshot, options->local_dir, &f->place, err);
    if (!status) {
        f->handled = mica_calloc(snapshot->listing.count + 1, sizeof *f->handled);
        f->active = mica_calloc(hub->parallel, sizeof *f->active);
        f->busy = mica_calloc(hub->parallel, sizeof *f->busy);
        if (!f->handled || !f->active || !f->busy)
            status = mica_fail_memory(err, snapshot->listing.count, "a download");
    }
    if (status)
        mica_hub_batch_destroy(&f);
    *out = f;
    return status;
}

static void end_jobs(mica_hub_batch *f)
{
    for (size_t i = 0; i < f->count; i++)
        mica_hub_job_free(&f->jobs[i]);
    mica_free(f->jobs);
    f->jobs = NULL;
    f->count = f->started = f->running = 0;
}

void mica_hub_batch_destroy(mica_hub_batch **pointer)
{
    mica_hub_batch *f = *pointer;
    *pointer = NULL;
    if (!f)
        return;
    end_jobs(f);
    mica_hub_place_free(&f->place);
    mica_free(f->handled);
    mica_free(f->active);
    mica_free(f->busy);
    mica_free(f);
}

mica_status mica_hub_batch_look(mica_hub_batch *f, mica_error *err)
{
    mica_status status = mica_hub_snapshot_rows(f->snapshot, err);
    for (size_t i = 0; !status && i < f->snapshot->listing.count; i++) {
        const mica_hub_entry *e = &f->snapshot->listing.items[i];
        mica_hub_file *row = &f->snapshot->files[i];
        bool ready = false;
        if (row->needed)
            status = mica_hub_place_ready(&f->place, e->path, mica_hub_entry_etag(e), e->size,
                                          &ready, err);
        if (row->needed && !status && !ready)
            status = mica_hub_place_cached(&f->place, mica_hub_entry_etag(e), e->size, &ready, err);
        row->cached = ready;
        row->fetched = row->needed && (!ready || f->force);
    }
    return status;
}

/* ---- progress ---- */

static double speed(mica_hub_batch *f, uint64_t now, uint64_t received)
{
    size_t n = f->sample_count;
    if (n == 0 || now - f->samples[n - 1].at >= SAMPLE_NS) {
        if (n == SAMPLES) {
            memmove(f->samples, f->samples + 1, (SAMPLES - 1) * sizeof f->samples[0]);
            n--;
        }
        f->samples[n].at = now;
        f->samples[n].received = received;
        f->sample_count = n + 1;
    }
    double seconds = (double)(now - f->samples[0].at) / 1e9;
    return seconds > 0.2 ? (double)(received - f->samples[0].received) / seconds : 0;
}

static void tell(mica_hub_batch *f, bool last)
{
    uint64_t now = mica_clock_ns(), received = f->received;
    if (!f->hub->progress || (!last && now - f->told < TELL_NS))
        return;
    f->told = now;
    mica_hub_progress p = {f->done, f->total, f->files_done, f->files, 0, -1, f->active, 0};
    for (size_t i = 0; i < f->running; i++) {
        const mica_hub_job *job = f->busy[i];
        received += job->received;
        p.done += job->have;
        f->active[p.active_count++] = (mica_hub_file_progress){job->row->path, job->have, job->size,
                                                               job->state == MICA_HUB_JOB_LOCKING};
    }
    p.bytes_per_second = speed(f, now, received);
    if (p.bytes_per_second > 0)
        p.seconds_left = (double)(p.total - p.done) / p.bytes_per_second;
    f->hub->progress(f->hub->progress_user, &p);
}

/* ---- the loop ---- */

/* Makes a job for each file that is needed and not there. */
static mica_status make_jobs(mica_hub_batch *f, mica_hub_need need, mica_error *err)
{
    const mica_hub_listing *l = &f->snapshot->listing;
    f->jobs = mica_calloc(l->count + 1, sizeof *f->jobs);
    if (!f->jobs)
        return mica_fail_memory(err, l->count * sizeof *f->jobs, "a download");
    for (size_t i = 0; i < l->count; i++) {
        mica_hub_entry *e = &l->items[i];
        mica_hub_file *row = &f->snapshot->files[i];
        bool ready = false;
        if (e->need != need || f->handled[i])
            continue;
        if (!mica_hub_entry_etag(e)[0] || e->size < 0)
            return mica_fail(err, MICA_STATUS_HUB, "%s: its checksum is not known", e->path);
        f->handled[i] = true;
        if (!f->force) {
            mica_status status = mica_hub_place_ready(&f->place, e->path, mica_hub_entry_etag(e),
                                                      e->size, &ready, err);
            if (status)
                return status;
        }
        row->cached |= ready;
        row->fetched = false;
        if (ready)
            continue;
        mica_hub_job_init(&f->jobs[f->count++], f->hub, &f->place, &f->snapshot->id, e, row,
                          f->force);
        f->total += e->size;
        f->files++;
    }
    return MICA_OK;
}

/* Bytes of a file that an earlier run left on disk already. */
static int64_t left_over(const mica_hub_batch *f, const mica_hub_job *job)
{
    char *below = mica_hub_place_partial(&f->place, job->row->path, job->etag, NULL);
    char *path = below ? mica_path_join(mica_hub_place_root(&f->place), below) : NULL;
    int64_t size = path ? mica_hub_file_size(path) : 0;
    mica_free(below);
    mica_free(path);
    return size < 0 ? 0 : size < job->size ? size : job->size;
}

/* Better to say so now than to fill the disk first. */
static mica_status check_room(mica_hub_batch *f, mica_error *err)
{
    int64_t needed = 0;
    const char *root = mica_hub_place_root(&f->place);
    int64_t room = f->count ? mica_hub_disk_free(root) : -1;
    for (size_t i = 0; i < f->count; i++)
        needed += f->jobs[i].size - left_over(f, &f->jobs[i]);
    if (room < 0 || needed <= room)
        return MICA_OK;
    return mica_fail(err, MICA_STATUS_DISK_FULL,
                     "%s takes %.1f MB more, and there are %.1f MB free at '%s'",
                     f->snapshot->id.repo, (double)needed / 1e6, (double)room / 1e6, root);
}

static void note_end(mica_hub_batch *f, mica_hub_job *job)
{
    size_t i = 0;
    while (f->busy[i] != job)
        i++;
    f->running--;
    memmove(f->busy + i, f->busy + i + 1, (f->running - i) * sizeof *f->busy);
    f->files_done++;
    f->done += job->size;
    f->received += job->received;
}

/* Steps a job under way and counts it off when it is through. */
static mica_status step(mica_hub_batch *f, mica_hub_job *job, bool answered, mica_error *err)
{
    mica_status status = answered ? mica_hub_job_answered(job, err) : mica_hub_job_step(job, err);
    if (!status && job->state == MICA_HUB_JOB_DONE)
        note_end(f, job);
    return status;
}

/* Milliseconds until a job that waits has something to do, at most TICK_MS. */
static int tick(const mica_hub_batch *f)
{
    uint64_t now = mica_clock_ns(), left = TICK_MS * 1000000u;
    for (size_t i = 0; i < f->running; i++) {
        const mica_hub_job *job = f->busy[i];
        if (job->state != MICA_HUB_JOB_LOCKING && job->state != MICA_HUB_JOB_PAUSING)
            continue;
        if (job->at <= now)
            return 0;
        if (job->at - now < left)
            left = job->at - now;
    }
    return (int)(left / 1000000u) + 1;
}

static mica_status turn(mica_hub_batch *f, mica_error *err)
{
    mica_status status = mica_hub_check_cancel(f->hub, err);
    while (!status && f->started < f->count && f->running < f->hub->parallel) {
        mica_hub_job *job = &f->jobs[f->started++];
        f->busy[f->running++] = job;
        status = step(f, job, false, err);
    }
    for (size_t i = 0; !status && i < f->running;) {
        mica_hub_job *job = f->busy[i];
        status = step(f, job, false, err);
        i += i < f->running && f->busy[i] == job; /* one that is through has left its place */
    }
    if (status || !f->running)
        return status;
    int ms = tick(f);
    if (!f->hub->transport) { /* all wait for locks */
        status = mica_hub_pause(f->hub, ms / 1e3, err);
    } else {
        mica_hub_transfer *through = mica_hub_transport_wait(f->hub->transport, ms);
        if (through)
            status = step(f, mica_hub_transfer_user(through), true, err);
    }
    tell(f, false);
    return status;
}

mica_status mica_hub_batch_run(mica_hub_batch *f, mica_hub_need need, mica_error *err)
{
    mica_status status = mica_hub_snapshot_rows(f->snapshot, err);
    if (!status)
        status = make_jobs(f, need, err);
    if (!status)
        status = check_room(f, err);
    while (!status && (f->running || f->started < f->count))
        status = turn(f, err);
    if (f->count)
        tell(f, true);
    end_jobs(f);
    return status;
}
