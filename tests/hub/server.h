/* SPDX-License-Identifier: MIT
 *
 * A Hub for tests: on 127.0.0.1 and nowhere else, with repositories in memory, its content store on
 * a second port (so that redirects lead to another host), over plain HTTP or TLS, and with faults
 * at any place of any answer. Threads of its own; ends with server_stop.
 */
#ifndef MICA_TESTS_HUB_SERVER_H
#define MICA_TESTS_HUB_SERVER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct server server;
typedef struct repo repo;

/* `certificate` (NULL = plain HTTP): where to write the PEM file of the certificate it makes for
 * itself. */
server *server_start(const char *certificate);
void server_stop(server *s);
const char *server_url(const server *s);       /* "http://127.0.0.1:1234" */
const char *server_store_url(const server *s); /* of the content store */

/* ---- repositories ---- */

repo *server_repo(server *s, const char *id);
/* A commit: `parent` files are not taken over. Returns its 40 hex digits (valid as long as the
 * server). The name is made from `seed`. */
const char *repo_commit(repo *r, const char *seed);
/* A branch, tag or refs/pr/N points to a commit; moving it is fine. */
void repo_ref(repo *r, const char *name, const char *commit);
/* A file of a commit; bytes are copied. `lfs`: kept in the content store, named by its SHA-256. */
void repo_file(repo *r, const char *commit, const char *path, const void *data, size_t size,
               bool lfs);
void repo_text(repo *r, const char *commit, const char *path, const char *text);
/* What the tree API calls a file, while its bytes stay as they are (hostile names, wrong hashes).
 */
void repo_rename_in_tree(repo *r, const char *commit, const char *path, const char *name);
void repo_gate(repo *r, bool gated);              /* no token but "hf_good" gets through */
void repo_hide(repo *r, bool hidden);             /* private: the same */
void server_page_size(server *s, size_t entries); /* of the tree API */

/* The repository MODEL: every kind of file that a Hub has, on the branch "main" at *commit. */
#define MODEL "org/tiny-bert"
enum { WEIGHTS_SIZE = 300000 };
repo *standard_repo(server *s, const char **commit);

/* ---- faults ---- */

typedef enum fault_kind {
    FAULT_STATUS,      /* answer `value` with the header lines `text` ("A: b\r\n") */
    FAULT_RAW,         /* send `text` instead of an answer, and close */
    FAULT_CUT,         /* close after `value` bytes of the body */
    FAULT_STALL,       /* the same, but keep silent */
    FAULT_SLOW,        /* wait `value` milliseconds before each 1024 bytes */
    FAULT_FLIP,        /* the byte at `value` (of the file) is another */
    FAULT_LENGTH,      /* announce and send `value` bytes fewer (below 0: more) */
    FAULT_NO_RANGE,    /* know no ranges */
    FAULT_WRONG_RANGE, /* a 206 with the bytes from 0 on, said to be so */
    FAULT_ENDLESS,     /* a body without end, chunked */
    FAULT_HEADERS,     /* headers without end */
    FAULT_LOOP,        /* redirect to itself */
    FAULT_DROP,        /* close without a word */
    FAULT_ETAG         /* say that the ETag is `text` */
} fault_kind;

/* For requests whose "METHOD target" holds `match`: the first `skip` go well, then `times` fail
 * (-1 = all). Later faults go before earlier ones. */
void server_fault(server *s, const char *match, fault_kind kind, long value, const char *text,
                  int skip, int times);
void server_clear_faults(server *s);

/* ---- what was asked ---- */

/* How many requests held `match` in their "METHOD target". */
int server_count(server *s, const char *match);
/* How many of them had a token; a Range. */
int server_count_token(server *s, const char *match);
int server_count_range(server *s, const char *match);
int server_most_at_once(server *s); /* requests being answered */
void server_forget(server *s);      /* counts start again */

#endif
