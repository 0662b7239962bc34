/* SPDX-License-Identifier: MIT */
#ifndef MICA_TESTS_HUB_SERVER_INTERNAL_H
#define MICA_TESTS_HUB_SERVER_INTERNAL_H

#include <pthread.h>

#include <openssl/ssl.h>

#include "hub/server.h"

enum { FAULTS_MAX = 32, LOG_MAX = 4096, CONNECTIONS_MAX = 256 };

typedef struct fault {
    char match[256];
    fault_kind kind;
    long value;
    char text[512];
    int skip, times;
} fault;

typedef struct logged {
    char line[512];
    bool token, range;
} logged;

typedef struct file {
    char *path, *name; /* in the repository; in the tree API */
    char *data;
    size_t size;
    bool lfs;
    char sha1[41], sha256[65]; /* git's of the blob (of an LFS file: of its pointer) */
    struct file *next;
} file;

typedef struct commit {
    char name[41];
    file *files; /* sorted by path */
    struct commit *next;
} commit;

typedef struct ref {
    char *name;
    char at[41];
    struct ref *next;
} ref;

struct repo {
    char *id;
    server *server;
    bool gated, hidden;
    commit *commits;
    ref *refs;
    struct repo *next;
};

typedef struct connection {
    server *server;
    int fd;
    bool store;
    SSL *ssl;
} connection;

struct server {
    char url[64], store_url[64];
    int hub_fd, store_fd;
    SSL_CTX *tls;
    pthread_t acceptor;
    pthread_rwlock_t repos_lock; /* of the repositories */
    repo *repos;
    pthread_mutex_t mutex; /* of everything below */
    pthread_cond_t changed;
    bool stopping;
    size_t threads;
    connection *connections[CONNECTIONS_MAX];
    size_t page_size;
    fault faults[FAULTS_MAX];
    size_t fault_count;
    logged log[LOG_MAX];
    size_t log_count;
    int at_once, most_at_once;
};

typedef struct request {
    bool head;
    char line[4200], target[4096], token[200];
    long range; /* the first byte asked for; -1 = all */
    bool faulty;
    fault fault;
} request;

void nap(int ms);
bool put(connection *c, const void *data, size_t size);
bool put_text(connection *c, const char *text);
/* Sends an answer with the request's fault; false = the connection is to be closed. */
bool answer(connection *c, const request *q, int status, const char *headers, const char *data,
            size_t size, bool ranges);
bool answer_hub(connection *c, const request *q);
bool answer_store(connection *c, const request *q);
void server_free_repos(server *s);
SSL_CTX *server_tls(const char *certificate);

#endif
