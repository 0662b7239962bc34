/* SPDX-License-Identifier: MIT
 *
 * One file on its way: waiting for its lock, being fetched, pausing between tries, done. A job
 * never waits itself; whoever has many of them (batch.c) steps them in turn.
 */
#ifndef MICA_HUB_JOB_H
#define MICA_HUB_JOB_H

#include "hub/ask.h"
#include "hub/digest.h"
#include "hub/place.h"

typedef enum mica_hub_job_state {
    MICA_HUB_JOB_NEW,
    MICA_HUB_JOB_LOCKING, /* another process fetches it: `at` is when to look again */
    MICA_HUB_JOB_PAUSING, /* until `at`, then it is asked for again */
    MICA_HUB_JOB_RUNNING, /* `transfer` is under way */
    MICA_HUB_JOB_DONE
} mica_hub_job_state;

typedef struct mica_hub_job {
    mica_hub *hub;
    const mica_hub_place *place;
    const mica_hub_id *id;
    mica_hub_file *row;
    mica_hub_job_state state;
    bool force;

    char etag[MICA_HUB_ETAG_MAX + 1]; /* the blob's name and, if it is a hash, its checksum */
    int64_t size, have;               /* bytes of the file, and of it on disk */
    uint64_t at;                      /* monotonic nanoseconds */
    uint64_t waiting_since, told;     /* for the lock, and when that was last logged */
    uint64_t received;                /* bytes that came in during this run, for the speed */

    int lock, folder, file; /* -1 = none; `folder` is that of the partial file */
    char *partial;          /* its path below the place's root */
    mica_hub_digest *digest;

    mica_hub_transfer *transfer;
    char *url;
    int hops;
    int failures, laters, tries; /* without progress in between; of "later"; in all */
    int64_t progress;            /* bytes since the last failure that was forgotten */
    bool resumed;                /* the partial file is an earlier run's */
    bool restarted, adopted;     /* each is done once */
    bool adopt;                  /* the server names another blob: begin again with that */
    bool accepted;               /* the headers of this answer were looked at */
    bool rewind;                 /* the answer does not go on where we stopped: start again */
    mica_status status;          /* what the sink found, with its text */
    mica_error problem;
} mica_hub_job;

void mica_hub_job_init(mica_hub_job *job, mica_hub *hub, const mica_hub_place *place,
                       const mica_hub_id *id, const mica_hub_entry *entry, mica_hub_file *row,
                       bool force);
/* Lets go of everything. What was fetched of the file stays for another time. */
void mica_hub_job_free(mica_hub_job *job);

/* Goes on: begins, looks at the lock again, or asks again, if it is time. */
mica_status mica_hub_job_step(mica_hub_job *job, mica_error *err);
/* Its transfer is through. */
mica_status mica_hub_job_answered(mica_hub_job *job, mica_error *err);

#endif
