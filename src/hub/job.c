/* SPDX-License-Identifier: MIT
 *
 * From a name in a listing to a file that is whole:
 *
 *     lock -> is it there by now? -> partial file, hashed as far as it goes -> GET from there on
 *          -> redirects by hand -> bytes to disk and into the checksum -> compare -> name
 *
 * The partial file is written at explicit offsets: where locks do not work, two writers of one file
 * write the same bytes to the same places.
 */
#include "hub/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "hub/files.h"

enum {
    BROKEN_MAX = 5,           /* tries in a row that bring nothing */
    PROGRESS_BYTES = 1 << 20, /* what is something: so much, or a hundredth of the file */
    TRIES_MAX = 1000          /* of one file in all */
};
#define LOCK_POLL_NS 100000000u   /* 0.1 s */
#define LOCK_TELL_NS 10000000000u /* 10 s, as huggingface_hub does */

void mica_hub_job_init(mica_hub_job *job, mica_hub *hub, const mica_hub_place *place,
                       const mica_hub_id *id, const mica_hub_entry *entry, mica_hub_file *row,
                       bool force)
{
    memset(job, 0, sizeof *job);
    job->hub = hub;
    job->place = place;
    job->id = id;
    job->row = row;
    job->force = force;
    job->size = entry->size;
    job->lock = job->folder = job->file = -1;
    snprintf(job->etag, sizeof job->etag, "%s", mica_hub_entry_etag(entry));
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static const char *partial_name(const mica_hub_job *job)
{
    const char *slash = strrchr(job->partial, '/');
    return slash ? slash + 1 : job->partial;
}

/* Closes what belongs to the blob: an empty partial file is nothing to keep. */
static void leave(mica_hub_job *job)
{
    struct stat info;
    mica_hub_transfer_end(&job->transfer);
    if (job->file >= 0 && job->have == 0 && fstat(job->file, &info) == 0 && info.st_size == 0)
        unlinkat(job->folder, partial_name(job), 0);
    close_fd(&job->file);
    close_fd(&job->folder);
    close_fd(&job->lock);
    mica_hub_digest_destroy(&job->digest);
    mica_free(job->partial);
    mica_free(job->url);
    job->partial = job->url = NULL;
}

void mica_hub_job_free(mica_hub_job *job)
{
    leave(job);
}

static mica_status finish(mica_hub_job *job)
{
    leave(job);
    job->state = MICA_HUB_JOB_DONE;
    return MICA_OK;
}

/* ---- the partial file ---- */

/* Opens it: a regular file with one name. Anything else in its place is taken away first. */
static int open_partial(int folder, const char *name)
{
    struct stat info;
    int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    for (int i = 0; i < 3; i++) {
        int fd = openat(folder, name, flags, 0666);
        if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1)
            return fd;
        int error = fd >= 0 ? EEXIST : errno;
        if (fd >= 0)
            close(fd);
        if ((error != EEXIST && error != ELOOP && error != ENXIO && error != EMLINK) ||
            unlinkat(folder, name, 0) != 0) {
            errno = error;
            return -1;
        }
    }
    errno = EEXIST;
    return -1;
}

/* Throws away what is there of the file. */
static mica_status rewind_partial(mica_hub_job *job, mica_error *err)
{
    job->have = 0;
    job->resumed = false;
    if (ftruncate(job->file, 0) != 0)
        return mica_fail_errno(err, errno, "cannot write", job->partial);
    if (job->digest && !mica_hub_digest_reset(job->digest, job->size))
        return mica_fail_memory(err, 0, "a checksum");
    return MICA_OK;
}

static mica_status take_partial(mica_hub_job *job, mica_error *err)
{
    struct stat info;
    mica_hub_hash kind = mica_hub_hash_of(job->etag);
    job->file = open_partial(job->folder, partial_name(job));
    if (job->file < 0 || fstat(job->file, &info) != 0)
        return mica_fail_errno(err, errno, "cannot write", job->partial);
    mica_status status = kind == MICA_HUB_HASH_NONE
                             ? MICA_OK
                             : mica_hub_digest_create(kind, job->size, &job->digest, err);
    /* Without a checksum nobody could tell whether what is there is of the same file. */
    bool keep = job->digest && !job->force && (int64_t)info.st_size <= job->size;
    if (status || !keep)
        return status ? status : rewind_partial(job, err);
    job->have = (int64_t)info.st_size;
    job->resumed = job->have > 0;
    return mica_hub_digest_file(job->digest, job->file, job->have, job->partial,
                                &job->hub->cancelled, err);
}

/* ---- asking ---- */

static mica_status check_etag(mica_hub_job *job, const mica_hub_answer *answer, mica_error *err);
static bool take_bytes(void *user, const mica_hub_answer *answer, const void *data, size_t size);

static mica_status request(mica_hub_job *job, mica_error *err)
{
    mica_hub_request r = {.url = job->url,
                          .token = mica_hub_trusts(job->hub, job->url),
                          .range_from = job->have,
                          .seconds = job->hub->settings.get_seconds,
                          .sink = take_bytes,
                          .user = job};
    job->accepted = job->rewind = false;
    job->status = MICA_OK;
    job->state = MICA_HUB_JOB_RUNNING;
    return mica_hub_transfer_start(job->hub->transport, &r, &job->transfer, err);
}

/* From the file's own address: what it redirects to may have changed since the last try. */
static mica_status ask(mica_hub_job *job, mica_error *err)
{
    mica_status status = mica_hub_need_transport(job->hub, err);
    if (status)
        return status;
    if (++job->tries > TRIES_MAX)
        return mica_fail(err, MICA_STATUS_NETWORK, "%s: gave up after %d tries", job->row->path,
                         TRIES_MAX);
    mica_free(job->url);
    job->url = mica_hub_file_url(job->hub, job->id, job->place->commit, job->row->path);
    job->hops = 0;
    return job->url ? request(job, err) : mica_fail_memory(err, 0, "an address");
}

static mica_status pause_job(mica_hub_job *job, double seconds)
{
    job->at = mica_clock_ns() + (uint64_t)(seconds * 1e9);
    job->state = MICA_HUB_JOB_PAUSING;
    return MICA_OK;
}

/* ---- the end ---- */

static mica_status give_name(mica_hub_job *job, mica_error *err)
{
    mica_hub_default_mode(job->folder, job->file);
    if (fsync(job->file) != 0 && errno != EINVAL)
        return mica_fail_errno(err, errno, "cannot write", job->partial);
    mica_status status = mica_hub_place_publish(job->place, job->row->path, job->etag, job->folder,
                                                partial_name(job), err);
    if (status)
        return status;
    job->row->fetched = true;
    return finish(job);
}

/* All bytes are there: are they the right ones? */
static mica_status verify(mica_hub_job *job, mica_error *err)
{
    char actual[MICA_HUB_SHA256_HEX + 1];
    if (!job->digest)
        return give_name(job, err);
    if (!mica_hub_digest_finish(job->digest, actual))
        return mica_fail_memory(err, 0, "a checksum");
    if (strcmp(actual, job->etag) == 0)
        return give_name(job, err);
    bool again = job->resumed && !job->restarted;
    mica_status status = rewind_partial(job, err);
    if (!status && again) {
        mica_log_write(&job->hub->log, MICA_LOG_WARNING,
                       "%s: what an earlier run left was damaged; fetching it from the start",
                       job->row->path);
        job->restarted = true;
        return ask(job, err);
    }
    if (status)
        return status;
    return mica_fail(err, MICA_STATUS_CHECKSUM,
                     "%s: the checksum of what was sent is %s, and should be %s; nothing of it was "
                     "kept: try again, and if it stays so, something on the way changes files",
                     job->row->path, actual, job->etag);
}

/* ---- the lock ---- */

static void tell_waiting(mica_hub_job *job, uint64_t now)
{
    if (!job->waiting_since)
        job->waiting_since = job->told = now;
    if (now - job->told < LOCK_TELL_NS)
        return;
    job->told = now;
    mica_log_write(&job->hub->log, MICA_LOG_INFO,
                   "%s: another process fetches it; waiting for it since %.0f s", job->row->path,
                   (double)(now - job->waiting_since) / 1e9);
}

/* Under the lock: it may be there by now. Else the partial file, and the request. */
static mica_status begin(mica_hub_job *job, const char *unique, mica_error *err)
{
    bool reused = false;
    const char *name;
    mica_status status = MICA_OK;
    if (!job->force)
        status =
            mica_hub_place_reuse(job->place, job->row->path, job->etag, job->size, &reused, err);
    job->row->cached |= reused;
    if (status || reused)
        return status ? status : finish(job);
    job->partial = mica_hub_place_partial(job->place, job->row->path, job->etag, unique);
    if (!job->partial)
        return mica_fail_memory(err, 0, "a path");
    status = mica_hub_folder_of(mica_hub_place_root(job->place), job->partial, true, &job->folder,
                                &name, err);
    if (!status)
        status = take_partial(job, err);
    if (status)
        return status;
    return job->have == job->size ? verify(job, err) : ask(job, err);
}

static mica_status try_lock(mica_hub_job *job, mica_error *err)
{
    mica_hub_lock_state state;
    char unique[9];
    uint64_t now = mica_clock_ns();
    if (job->state == MICA_HUB_JOB_LOCKING && now < job->at)
        return MICA_OK;
    char *path = mica_hub_place_lock(job->place, job->row->path, job->etag);
    if (!path)
        return mica_fail_memory(err, 0, "a path");
    mica_status status =
        mica_hub_lock_try(mica_hub_place_lock_root(job->place), path, &job->lock, &state, err);
    mica_free(path);
    if (status)
        return status;
    if (state == MICA_HUB_LOCK_BUSY) {
        job->state = MICA_HUB_JOB_LOCKING;
        job->at = now + LOCK_POLL_NS;
        tell_waiting(job, now);
        return MICA_OK;
    }
    mica_hub_unique(unique);
    return begin(job, state == MICA_HUB_LOCK_NONE ? unique : NULL, err);
}

mica_status mica_hub_job_step(mica_hub_job *job, mica_error *err)
{
    switch (job->state) {
    case MICA_HUB_JOB_NEW:
    case MICA_HUB_JOB_LOCKING:
        return try_lock(job, err);
    case MICA_HUB_JOB_PAUSING:
        return mica_clock_ns() < job->at ? MICA_OK : ask(job, err);
    default:
        return MICA_OK;
    }
}

/* ---- what comes in ---- */

/* "bytes 10-19/20": whether it goes on where we stopped. */
static bool range_fits(const char *header, int64_t have, int64_t size)
{
    char *end;
    if (strncmp(header, "bytes ", 6) != 0 || header[6] < '0' || header[6] > '9')
        return false;
    long long from = strtoll(header + 6, &end, 10);
    const char *slash = strchr(end, '/');
    if (from != have || *end != '-' || !slash)
        return false;
    return slash[1] == '*' || (strtoll(slash + 1, &end, 10) == size && !*end);
}

/* Looks at the headers before the first byte is written. */
static mica_status accept_answer(mica_hub_job *job, const mica_hub_answer *answer, mica_error *err)
{
    const char *encoding = mica_hub_answer_header(answer, MICA_HUB_HEADER_CONTENT_ENCODING);
    const char *length = mica_hub_answer_header(answer, MICA_HUB_HEADER_CONTENT_LENGTH);
    mica_status status = check_etag(job, answer, err);
    if (status || job->adopt)
        return status;
    if (*encoding && strcmp(encoding, "identity") != 0)
        return mica_fail(err, MICA_STATUS_HUB, "%s: sent as '%.40s', which was not asked for",
                         job->row->path, encoding);
    if (answer->status == 206 &&
        !range_fits(mica_hub_answer_header(answer, MICA_HUB_HEADER_CONTENT_RANGE), job->have,
                    job->size)) {
        job->rewind = true;
        return MICA_OK;
    }
    if (answer->status == 200 && job->have)
        status = rewind_partial(job, err); /* the server knows no ranges */
    if (!status && *length && strtoll(length, NULL, 10) != job->size - job->have)
        status = mica_fail(err, MICA_STATUS_CHECKSUM,
                           "%s: the server announces %.20s bytes, where %lld are missing",
                           job->row->path, length, (long long)(job->size - job->have));
    return status;
}

static bool take_bytes(void *user, const mica_hub_answer *answer, const void *data, size_t size)
{
    mica_hub_job *job = user;
    mica_status status = MICA_OK;
    if (!job->accepted) {
        job->accepted = true;
        status = accept_answer(job, answer, &job->problem);
        if (!status && (job->rewind || job->adopt))
            return false;
    }
    if (!status && (int64_t)size > job->size - job->have)
        status = mica_fail(&job->problem, MICA_STATUS_CHECKSUM,
                           "%s: the server sends more than its %lld bytes", job->row->path,
                           (long long)job->size);
    if (!status)
        status = mica_hub_write_at(job->file, data, size, job->have, job->partial, &job->problem);
    if (!status && job->digest && !mica_hub_digest_add(job->digest, data, size))
        status = mica_fail_memory(&job->problem, size, "a checksum");
    job->status = status;
    if (status)
        return false;
    job->have += (int64_t)size;
    job->received += size;
    job->progress += (int64_t)size;
    if (job->progress >= PROGRESS_BYTES || job->progress >= job->size / 100) {
        job->failures = job->laters = 0;
        job->progress = 0;
    }
    return true;
}

/* ---- answers ---- */

/* The connection broke, or the answer was none: again, from where we are. */
static mica_status broken(mica_hub_job *job, const char *why, mica_error *err)
{
    if (job->have == job->size)
        return verify(job, err);
    if (job->failures >= BROKEN_MAX)
        return mica_fail(err, MICA_STATUS_NETWORK,
                         "%s: %s; gave up after %d tries (what was fetched is kept, and the next "
                         "pull goes on from there)",
                         job->row->path, why, BROKEN_MAX + 1);
    double wait = mica_hub_backoff(job->hub, job->failures++, NULL);
    mica_log_write(&job->hub->log, MICA_LOG_WARNING, "%s: %s; going on at byte %lld in %.0f s",
                   job->row->path, why, (long long)job->have, wait);
    return pause_job(job, wait);
}

static mica_status redirected(mica_hub_job *job, const mica_hub_answer *answer, mica_error *err)
{
    bool failed = false;
    const char *location = mica_hub_answer_header(answer, MICA_HUB_HEADER_LOCATION);
    char *next = mica_hub_url_join(job->url, location, &failed);
    if (failed)
        return mica_fail_memory(err, 0, "an address");
    if (!next || job->hops >= MICA_HUB_REDIRECTS_MAX) {
        mica_free(next);
        return mica_fail(err, MICA_STATUS_HUB, "%s: %s '%.200s'", job->row->path,
                         next ? "more than 20 redirects; the last leads to"
                              : "the server sends us to",
                         location);
    }
    job->hops++;
    mica_free(job->url);
    job->url = next;
    return request(job, err);
}

/* Forgets the blob that was thought of, and begins with another. */
static mica_status begin_again(mica_hub_job *job, mica_error *err)
{
    leave(job);
    job->state = MICA_HUB_JOB_NEW;
    job->adopt = false;
    job->have = 0;
    return try_lock(job, err);
}

/* The server's own word of what it sends goes before the listing's, once: a blob has the name that
 * huggingface_hub would give it. Only the Hub is asked; the content store has ETags of its own. */
static mica_status check_etag(mica_hub_job *job, const mica_hub_answer *answer, mica_error *err)
{
    char etag[MICA_HUB_ETAG_MAX + 1], *end;
    const char *header = mica_hub_answer_header(answer, MICA_HUB_HEADER_LINKED_ETAG);
    const char *size = mica_hub_answer_header(answer, MICA_HUB_HEADER_LINKED_SIZE);
    const char *commit = mica_hub_answer_header(answer, MICA_HUB_HEADER_COMMIT);
    if (!mica_hub_trusts(job->hub, job->url))
        return MICA_OK;
    if (*commit && strcmp(commit, job->place->commit) != 0)
        return mica_fail(err, MICA_STATUS_HUB, "%s: asked for at commit %s, sent at %.60s",
                         job->row->path, job->place->commit, commit);
    if (!*header && answer->status < 300) /* a redirect's own ETag is of the redirect */
        header = mica_hub_answer_header(answer, MICA_HUB_HEADER_ETAG);
    if (!mica_hub_etag(header, etag) || mica_hub_hash_of(etag) == MICA_HUB_HASH_NONE ||
        strcmp(etag, job->etag) == 0)
        return MICA_OK;
    if (!*size && answer->status == 200)
        size = mica_hub_answer_header(answer, MICA_HUB_HEADER_CONTENT_LENGTH);
    long long bytes = *size >= '0' && *size <= '9' ? strtoll(size, &end, 10) : -1;
    if (job->adopted || bytes < 0)
        return mica_fail(err, MICA_STATUS_HUB,
                         "%s: the server's checksum is %s, and the one in its list of files %s",
                         job->row->path, etag, job->etag);
    mica_log_write(&job->hub->log, MICA_LOG_WARNING,
                   "%s: the server's checksum is not the one in its list of files", job->row->path);
    memcpy(job->etag, etag, strlen(etag) + 1);
    job->size = job->row->size = bytes;
    job->adopted = job->adopt = true;
    return MICA_OK;
}

/* An answer of 400 or more. */
static mica_status refused(mica_hub_job *job, const mica_hub_answer *answer, mica_error *err)
{
    if (answer->status == 416 && job->have > 0 && !job->restarted) {
        mica_status status = rewind_partial(job, err);
        job->restarted = true;
        return status ? status : ask(job, err);
    }
    if (mica_hub_is_later(answer->status)) {
        double wait =
            job->laters < MICA_HUB_RETRIES ? mica_hub_backoff(job->hub, job->laters++, answer) : -1;
        if (wait >= 0) {
            mica_log_write(&job->hub->log, MICA_LOG_WARNING,
                           "%s: the answer is %ld; trying again in %.0f s", job->row->path,
                           answer->status, wait);
            return pause_job(job, wait);
        }
    } else if (!mica_hub_trusts(job->hub, job->url)) {
        char why[80]; /* a signed address that has run out: the Hub gives another */
        snprintf(why, sizeof why, "the content store answers %ld", answer->status);
        return broken(job, why, err);
    }
    return mica_hub_fail_answer(job->hub, job->id, job->row->path, answer, err);
}

static mica_status judge(mica_hub_job *job, mica_hub_answer *answer, mica_error *err)
{
    mica_hub_pass_warning(job->hub, answer);
    if (answer->outcome == MICA_HUB_BROKEN)
        return broken(job, answer->problem, err);
    if (answer->outcome != MICA_HUB_ANSWERED)
        return mica_hub_fail_transfer(job->hub, answer, err);
    if (answer->status >= 400)
        return refused(job, answer, err);
    if (answer->status >= 300 && answer->headers[MICA_HUB_HEADER_LOCATION]) {
        mica_status status = check_etag(job, answer, err);
        return status ? status : job->adopt ? begin_again(job, err) : redirected(job, answer, err);
    }
    if (answer->status != 200 && answer->status != 206)
        return mica_fail(err, MICA_STATUS_HUB, "%s: the answer %ld makes no sense", job->row->path,
                         answer->status);
    return job->have == job->size ? verify(job, err)
                                  : broken(job, "the connection ended early", err);
}

mica_status mica_hub_job_answered(mica_hub_job *job, mica_error *err)
{
    mica_hub_transfer *transfer = job->transfer; /* kept while its answer is read */
    mica_hub_answer *answer = mica_hub_transfer_answer(transfer);
    mica_status status = job->status;
    if (status) {
        if (err)
            *err = job->problem;
        return status;
    }
    job->transfer = NULL;
    if (job->adopt) {
        status = begin_again(job, err);
    } else if (answer->outcome == MICA_HUB_STOPPED && job->rewind) {
        status = job->restarted ? mica_fail(err, MICA_STATUS_HUB,
                                            "%s: the server sends another part of the file than "
                                            "it was asked for",
                                            job->row->path)
                                : rewind_partial(job, err);
        job->restarted = true;
        if (!status)
            status = ask(job, err);
    } else {
        status = judge(job, answer, err);
    }
    mica_hub_transfer_end(&transfer);
    return status;
}
