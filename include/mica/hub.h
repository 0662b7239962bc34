/* SPDX-License-Identifier: MIT
 *
 * The Hugging Face Hub: models by their id, fetched once into the cache that the user's Python
 * tools share, and from then on used without a socket. A library of its own (libmica-hub): no
 * engine.
 *
 * A model argument is a local directory, or a Hub id: "name", "org/name", either followed by
 * "@revision" (a branch, a tag, "refs/pr/N", or a commit of 40 hex digits; default "main").
 *
 * The cache is laid out as huggingface_hub has it, and the environment is read as huggingface_hub
 * reads it (docs/hub.md): a model fetched by either is found by the other.
 *
 * A mica_hub is used by one thread at a time; only mica_hub_cancel may be called from another, or
 * from a signal handler. Any number of hubs and processes may work on one cache at once.
 */
#ifndef MICA_HUB_H
#define MICA_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mica/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the client ---- */

typedef struct mica_hub mica_hub;

/* A file that is being fetched. Texts are valid during the call that gives them. */
typedef struct mica_hub_file_progress {
    const char *path;    /* in the repository: "1_Pooling/config.json" */
    int64_t done, total; /* bytes; what an earlier run left counts as done */
    bool waiting;        /* for another process that fetches the same file */
} mica_hub_file_progress;

typedef struct mica_hub_progress {
    int64_t done, total;      /* bytes of all files known so far that are fetched in this run */
    size_t files_done, files; /* of these files */
    double bytes_per_second;  /* of the last seconds; 0 = not known yet */
    double seconds_left;      /* -1 = not known */
    const mica_hub_file_progress *active; /* the files under way */
    size_t active_count;
} mica_hub_progress;

typedef struct mica_hub_options {
    const char
        *cache_dir;       /* NULL (default): HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub ... */
    const char *endpoint; /* NULL (default): HF_ENDPOINT, or the public Hub */
    const char *token;    /* NULL (default): HF_TOKEN ... or the token file; "" sends none */
    int offline;          /* 1: no request is made; 0: requests may be made; -1 (default): as
                             HF_HUB_OFFLINE says */
    size_t parallel;      /* files fetched at once; 0 (default) = 8 */
    double retry_seconds; /* the first wait between tries, doubled up to 8 times as long; default 1.
                             What a server asks for with Retry-After is kept to */
    /* Gets one line of text without newline. NULL (default): nobody listens. `severity` is a
     * mica_log_severity of mica/context.h: 0 debug, 1 information, 2 warning. */
    void (*log)(void *user, int severity, const char *line);
    void *log_user;
    /* Called by the thread that pulls, some ten times a second while files are fetched and once at
     * their end. NULL (default): nobody looks. */
    void (*progress)(void *user, const mica_hub_progress *progress);
    void *progress_user;
    unsigned reserved[8]; /* zero */
} mica_hub_options;
MICA_API void mica_hub_options_defaults(mica_hub_options *options);

/* Reads settings; opens no socket and touches no file but the token's. `options` NULL = defaults.
 * INVALID_ARGUMENT names the variable or option that has no meaning. */
MICA_API mica_status mica_hub_create(const mica_hub_options *options, mica_hub **out,
                                     mica_error *err);
MICA_API void mica_hub_destroy(mica_hub **hub);

/* Asks what runs now or is called later to stop soon with CANCELLED. What was fetched of a file is
 * kept, and the next pull goes on from there. */
MICA_API void mica_hub_cancel(mica_hub *hub);

/* What is in force. Texts live as long as the hub. */
typedef struct mica_hub_info {
    const char *cache_dir, *endpoint;
    const char *token_source; /* "HF_TOKEN", the token file's path, ...; NULL = there is no token */
    bool offline;
    int progress_bars; /* HF_HUB_DISABLE_PROGRESS_BARS: 0 = never, 1 = always, -1 = as you like */
} mica_hub_info;
MICA_API void mica_hub_get_info(const mica_hub *hub, mica_hub_info *info);

/* Whether `model` is a Hub id by its form, "name" or "org/name", either with "@revision". If not,
 * INVALID_ARGUMENT says why. A local directory of the same name goes before a Hub id wherever a
 * model argument is taken. */
MICA_API mica_status mica_hub_check_id(const char *model, mica_error *err);

/* ---- a revision of a model in the cache (or in a folder of the user's) ---- */

typedef struct mica_hub_snapshot mica_hub_snapshot;

typedef struct mica_hub_file {
    const char *path; /* in the repository */
    int64_t size;     /* in bytes; -1 = not known */
    bool needed;      /* for running the model, or asked for by a pattern */
    bool cached;      /* it was there already */
    bool fetched;     /* this pull fetched it (with dry_run: would fetch it) */
} mica_hub_file;

MICA_API void mica_hub_snapshot_destroy(mica_hub_snapshot **snapshot);
MICA_API const char *mica_hub_snapshot_id(const mica_hub_snapshot *snapshot);       /* "org/name" */
MICA_API const char *mica_hub_snapshot_revision(const mica_hub_snapshot *snapshot); /* "main" */
MICA_API const char *
mica_hub_snapshot_commit(const mica_hub_snapshot *snapshot); /* 40 hex digits */
/* The directory with the files, in Hugging Face layout. */
MICA_API const char *mica_hub_snapshot_directory(const mica_hub_snapshot *snapshot);
/* The files that the repository is known to have at this commit, sorted by path; if its listing was
 * never fetched, those that are there. */
MICA_API size_t mica_hub_snapshot_count(const mica_hub_snapshot *snapshot);
MICA_API const mica_hub_file *mica_hub_snapshot_file(const mica_hub_snapshot *snapshot, size_t i);
/* The first file that running the model needs and that is not there, or NULL if it is whole. */
MICA_API const char *mica_hub_snapshot_missing(const mica_hub_snapshot *snapshot);

/* ---- fetching ---- */

typedef struct mica_hub_pull_options {
    /* Patterns of file names as Python's fnmatch has them ("*" also matches "/"; "folder/" is all
     * below it). With `include` the files that match are fetched instead of those that running the
     * model needs; `exclude` leaves files out of either. */
    const char *const *include;
    size_t include_count;
    const char *const *exclude;
    size_t exclude_count;
    const char *local_dir; /* NULL (default): the cache. Else plain files in this folder, with
                              huggingface_hub's notes on them in local_dir/.cache/huggingface */
    bool no_weights;       /* configuration and tokenizer only */
    bool force;            /* fetch again what is there */
    bool as_cached; /* a branch or tag that is whole in the cache is used as it is there, with
                       no request; mica_hub_resolve always does so */
    bool dry_run;   /* only say what would be fetched; nothing is written */
    /* Called when everything but the weights is there, before any weights are fetched: the place to
     * refuse an architecture. `directory` holds config.json. A status other than MICA_OK ends the
     * pull with it. NULL (default): all are taken. Not called if weights are not fetched. */
    mica_status (*accept)(void *user, const char *directory, mica_error *err);
    void *accept_user;
    unsigned reserved[8]; /* zero */
} mica_hub_pull_options;
MICA_API void mica_hub_pull_options_defaults(mica_hub_pull_options *options);

/* Makes a Hub id's files be there and says what was done. `options` NULL = defaults: what running
 * the model needs (configuration, tokenizer, the best one format of weights, the modules of a
 * sentence-transformers model).
 *
 * A commit whose files are in the cache needs no request; a branch or tag is asked for with one
 * (but see as_cached), and is used as it is in the cache when offline or when the Hub cannot be
 * reached. A file gets its name when it is whole and its checksum is right, so that nothing that
 * fails leaves a broken cache.
 *
 * Errors: NO_REPOSITORY, GATED, UNAUTHORIZED, NO_ENTRY (revision or file), NOT_CACHED (offline;
 * names the file), NETWORK, TLS, HUB (what the server answers makes no sense, or it is down),
 * DISK_FULL, CHECKSUM, NO_WEIGHTS, CANCELLED. */
MICA_API mica_status mica_hub_pull(mica_hub *hub, const char *id,
                                   const mica_hub_pull_options *options, mica_hub_snapshot **out,
                                   mica_error *err);

/* A model argument to a directory: a local directory (or file) is itself; else a Hub id, which is
 * used as the cache has it, or pulled if anything that is needed is not there (options as above;
 * local_dir and dry_run do not go with it). So a model that is cached needs no network; a pull
 * brings its branch up to date. What looks like a path ("./x", "/x", "~/x", "a/b/c") and is not
 * there is NOT_FOUND. *out is freed with mica_hub_text_free. */
MICA_API mica_status mica_hub_resolve(mica_hub *hub, const char *model,
                                      const mica_hub_pull_options *options, char **out,
                                      mica_error *err);
MICA_API void mica_hub_text_free(char **text);

/* One file of a repository, whatever it is ("README.md"): its path in the cache, fetched if need
 * be. *out is freed with mica_hub_text_free. NO_ENTRY if the repository has none. */
MICA_API mica_status mica_hub_fetch(mica_hub *hub, const char *id, const char *file, char **out,
                                    mica_error *err);

/* ---- the cache; no request is made by any of these ---- */

/* A Hub id as it is in the cache, whole or not. NOT_CACHED if nothing is there of this revision;
 * the text names what is there of the model, or models of like names. */
MICA_API mica_status mica_hub_inspect(mica_hub *hub, const char *id, mica_hub_snapshot **out,
                                      mica_error *err);

/* Everything in the cache: a row for each revision of each model, sorted by id. */
typedef struct mica_hub_cache mica_hub_cache;
typedef struct mica_hub_cached {
    const char *id;        /* "org/name" */
    const char *commit;    /* 40 hex digits; "" = the model has only leftovers */
    const char *revisions; /* the branches and tags that point here: "main, v1.0"; "" = none */
    const char *directory;
    size_t files;
    int64_t size;                     /* bytes of this revision's files */
    int64_t leftovers;                /* bytes of interrupted downloads of the model */
    int64_t last_used, last_modified; /* seconds since 1970 */
    bool whole;                       /* all that running the model needs is there */
} mica_hub_cached;
/* A cache that does not exist yet is an empty one. */
MICA_API mica_status mica_hub_list(mica_hub *hub, mica_hub_cache **out, mica_error *err);
MICA_API void mica_hub_cache_destroy(mica_hub_cache **cache);
MICA_API size_t mica_hub_cache_count(const mica_hub_cache *cache);
MICA_API const mica_hub_cached *mica_hub_cache_row(const mica_hub_cache *cache, size_t i);
/* Bytes on disk of all models; files that revisions share count once. */
MICA_API int64_t mica_hub_cache_size(const mica_hub_cache *cache);

typedef struct mica_hub_removal {
    int64_t bytes; /* freed, or to be freed */
    size_t files, revisions;
} mica_hub_removal;
/* Removes a model ("org/name": all of it) or one revision of it ("org/name@revision"; files that
 * other revisions use stay) from the cache. With `dry_run` only counts. NOT_CACHED if it is not
 * there. */
MICA_API mica_status mica_hub_remove(mica_hub *hub, const char *id, bool dry_run,
                                     mica_hub_removal *out, mica_error *err);

typedef enum mica_hub_verdict {
    MICA_HUB_GOOD,      /* the checksum is right */
    MICA_HUB_BAD,       /* it is not */
    MICA_HUB_MISSING,   /* a name without content: a link that leads nowhere */
    MICA_HUB_UNCHECKED, /* there is no checksum for it */
    MICA_HUB_UNREADABLE /* `actual` says why */
} mica_hub_verdict;
typedef struct mica_hub_check {
    const char *id, *commit, *path; /* which file; valid during the call */
    const char *location;           /* on disk */
    int64_t size;
    mica_hub_verdict verdict;
    const char *expected, *actual; /* hex digits, "" if there is none */
} mica_hub_check;
/* Reads every file of the cache (`id` NULL), of a model, or of one revision of it, and compares
 * checksums. `report` gets each; it may be NULL. CHECKSUM (after all were read) if any is BAD or
 * MISSING. */
MICA_API mica_status mica_hub_verify(mica_hub *hub, const char *id,
                                     void (*report)(void *user, const mica_hub_check *check),
                                     void *user, mica_error *err);

#ifdef __cplusplus
}
#endif
#endif
