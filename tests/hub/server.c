/* SPDX-License-Identifier: MIT
 *
 * The Hub for tests: sockets, connections, requests, faults. What a Hub answers is in server_api.c.
 */
#include "hub/server_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void nap(int ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

/* ---- a connection's bytes ---- */

static long receive(connection *c, char *data, size_t size)
{
    return c->ssl ? SSL_read(c->ssl, data, (int)size) : recv(c->fd, data, size, 0);
}

bool put(connection *c, const void *data, size_t size)
{
    const char *p = data;
    while (size) {
        size_t part = size < 65536 ? size : 65536;
        long n = c->ssl ? SSL_write(c->ssl, p, (int)part) : send(c->fd, p, part, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

bool put_text(connection *c, const char *text)
{
    return put(c, text, strlen(text));
}

static bool ended(server *s)
{
    pthread_mutex_lock(&s->mutex);
    bool end = s->stopping;
    pthread_mutex_unlock(&s->mutex);
    return end;
}

/* Keeps silent until the other side goes away, the server ends, or a minute is over. */
static void stall(connection *c)
{
    for (int i = 0; i < 1200 && !ended(c->server); i++) {
        struct pollfd p = {c->fd, POLLIN, 0};
        if (poll(&p, 1, 50) > 0)
            return;
    }
}

/* ---- bodies ---- */

static bool send_endless(connection *c)
{
    static const char chunk[] = "1000\r\n", end[] = "\r\n";
    char block[0x1000];
    memset(block, 'x', sizeof block);
    for (long i = 0; i < 1L << 20 && !ended(c->server); i++) /* 4 GiB are without end here */
        if (!put(c, chunk, sizeof chunk - 1) || !put(c, block, sizeof block) ||
            !put(c, end, sizeof end - 1))
            return false;
    return false;
}

/* Sends data[from..to) as the fault has it; false = the connection is to be closed. */
static bool send_body(connection *c, const fault *f, const char *data, size_t from, size_t to)
{
    size_t size = to - from;
    char *copy = malloc(size + 1);
    bool open = true;
    memcpy(copy, data + from, size);
    if (f && f->kind == FAULT_FLIP && (size_t)f->value >= from && (size_t)f->value < to)
        copy[(size_t)f->value - from] ^= 0x55;
    if (f && (f->kind == FAULT_CUT || f->kind == FAULT_STALL)) {
        size_t part = (size_t)f->value < size ? (size_t)f->value : size;
        put(c, copy, part);
        if (f->kind == FAULT_STALL)
            stall(c);
        open = false;
    } else if (f && f->kind == FAULT_SLOW) {
        for (size_t at = 0; open && at < size; at += 1024) {
            nap((int)f->value);
            open = put(c, copy + at, size - at < 1024 ? size - at : 1024) && !ended(c->server);
        }
    } else if (f && f->kind == FAULT_LENGTH && f->value < 0) {
        open = put(c, copy, size);
        for (long i = 0; open && i < -f->value; i++)
            open = put(c, "z", 1);
    } else {
        open = put(c, copy, size);
    }
    free(copy);
    return open;
}

bool answer(connection *c, const request *q, int status, const char *headers, const char *data,
            size_t size, bool ranges)
{
    const fault *f = q->faulty ? &q->fault : NULL;
    size_t from = 0, to = size;
    char head[4096], range[96] = "";
    bool knows = ranges && !(f && f->kind == FAULT_NO_RANGE);
    if (knows && q->range >= 0 && status == 200) {
        if ((size_t)q->range >= size) {
            snprintf(head, sizeof head,
                     "HTTP/1.1 416 no\r\nContent-Range: bytes */%zu\r\nContent-Length: 0\r\n\r\n",
                     size);
            return put_text(c, head);
        }
        from = f && f->kind == FAULT_WRONG_RANGE ? 0 : (size_t)q->range;
        status = 206;
        snprintf(range, sizeof range, "Content-Range: bytes %zu-%zu/%zu\r\n", from, to - 1, size);
    }
    if (f && f->kind == FAULT_LENGTH && f->value > 0)
        to = to - from > (size_t)f->value ? to - (size_t)f->value : from;
    bool endless = f && f->kind == FAULT_ENDLESS;
    int n = snprintf(head, sizeof head, "HTTP/1.1 %d x\r\n%s%s", status, headers, range);
    if (f && f->kind == FAULT_ETAG)
        n = snprintf(head, sizeof head, "HTTP/1.1 %d x\r\n%s%sX-Linked-Etag: \"%s\"\r\n", status,
                     headers, range, f->text);
    if (endless)
        snprintf(head + n, sizeof head - (size_t)n, "Transfer-Encoding: chunked\r\n\r\n");
    else
        snprintf(head + n, sizeof head - (size_t)n, "Content-Length: %zu\r\n\r\n",
                 to - from +
                     (f && f->kind == FAULT_LENGTH && f->value < 0 ? (size_t)-f->value : 0));
    if (!put_text(c, head))
        return false;
    if (q->head)
        return true;
    return endless ? send_endless(c) : send_body(c, f, data, from, to);
}

/* ---- faults that leave no answer ---- */

/* Whether the request is over with the fault; *open = the connection may go on. */
static bool fault_instead(connection *c, const request *q, bool *open)
{
    char head[4400];
    const fault *f = &q->fault;
    *open = false;
    if (!q->faulty)
        return false;
    switch (f->kind) {
    case FAULT_STATUS:
        snprintf(head, sizeof head, "HTTP/1.1 %ld x\r\n%sContent-Length: 0\r\n\r\n", f->value,
                 f->text);
        *open = put_text(c, head);
        return true;
    case FAULT_RAW:
        put_text(c, f->text);
        return true;
    case FAULT_DROP:
        return true;
    case FAULT_HEADERS:
        put_text(c, "HTTP/1.1 200 x\r\n");
        while (put_text(c, "X-More: and more and more and more\r\n") && !ended(c->server))
            ;
        return true;
    case FAULT_LOOP:
        snprintf(head, sizeof head, "HTTP/1.1 302 x\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
                 q->target);
        *open = put_text(c, head);
        return true;
    default:
        return false;
    }
}

/* ---- requests ---- */

static const char *header_value(const char *head, const char *name)
{
    size_t size = strlen(name);
    for (const char *line = head; (line = strstr(line, "\r\n"));) {
        line += 2;
        if (strncasecmp(line, name, size) == 0 && line[size] == ':')
            return line + size + 1 + strspn(line + size + 1, " ");
    }
    return NULL;
}

static bool parse(const char *head, request *q)
{
    memset(q, 0, sizeof *q);
    char method[16] = "", target[4096] = "";
    if (sscanf(head, "%15s %4095s", method, target) != 2)
        return false;
    q->head = strcmp(method, "HEAD") == 0;
    snprintf(q->line, sizeof q->line, "%s %s", method, target);
    snprintf(q->target, sizeof q->target, "%s", target);
    const char *range = header_value(head, "Range"), *token = header_value(head, "Authorization");
    q->range = -1;
    if (range && sscanf(range, "bytes=%ld-", &q->range) != 1)
        q->range = -1;
    if (token)
        sscanf(token, "Bearer %199s", q->token);
    return true;
}

/* Counts the request and finds its fault. */
static void enter(server *s, request *q)
{
    pthread_mutex_lock(&s->mutex);
    if (s->log_count < LOG_MAX) {
        logged *l = &s->log[s->log_count++];
        snprintf(l->line, sizeof l->line, "%.511s", q->line);
        l->token = q->token[0] != 0;
        l->range = q->range >= 0;
    }
    if (++s->at_once > s->most_at_once)
        s->most_at_once = s->at_once;
    for (size_t i = s->fault_count; i-- && !q->faulty;) {
        fault *f = &s->faults[i];
        if (!strstr(q->line, f->match))
            continue;
        if (f->skip > 0) {
            f->skip--;
            break;
        }
        if (f->times == 0)
            continue;
        f->times -= f->times > 0;
        q->faulty = true;
        q->fault = *f;
    }
    pthread_mutex_unlock(&s->mutex);
}

static void leave(server *s)
{
    pthread_mutex_lock(&s->mutex);
    s->at_once--;
    pthread_mutex_unlock(&s->mutex);
}

/* Reads to the end of the headers; false = the connection is over. */
static bool read_head(connection *c, char *head, size_t room)
{
    size_t size = 0;
    while (size + 1 < room) {
        long n = receive(c, head + size, 1);
        if (n <= 0)
            return false;
        head[++size] = 0;
        if (size >= 4 && memcmp(head + size - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

static void *serve(void *arg)
{
    connection *c = arg;
    server *s = c->server;
    bool open = !c->ssl || SSL_accept(c->ssl) == 1;
    char *head = malloc(65536);
    while (open && read_head(c, head, 65536)) {
        request q;
        if (!parse(head, &q))
            break;
        enter(s, &q);
        if (!fault_instead(c, &q, &open))
            open = c->store ? answer_store(c, &q) : answer_hub(c, &q);
        leave(s);
    }
    free(head);
    if (c->ssl) {
        if (open)
            SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
    }
    pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (s->connections[i] == c)
            s->connections[i] = NULL;
    close(c->fd);
    s->threads--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    free(c);
    return NULL;
}

/* ---- listening ---- */

static int listen_local(int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &size) != 0) {
        perror("the test server cannot listen");
        abort();
    }
    *port = ntohs(a.sin_port);
    return fd;
}

static void take(server *s, int fd, bool store)
{
    pthread_t thread;
    pthread_attr_t attributes;
    size_t slot = 0;
    int on = 1; /* head and body are two writes: the second must not wait */
    connection *c = calloc(1, sizeof *c);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->server = s;
    c->fd = fd;
    c->store = store;
    if (s->tls) {
        c->ssl = SSL_new(s->tls);
        SSL_set_fd(c->ssl, fd);
    }
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_mutex_lock(&s->mutex);
    while (slot < CONNECTIONS_MAX && s->connections[slot])
        slot++;
    bool started = slot < CONNECTIONS_MAX && !s->stopping &&
                   pthread_create(&thread, &attributes, serve, c) == 0;
    if (started) {
        s->connections[slot] = c;
        s->threads++;
    }
    pthread_mutex_unlock(&s->mutex);
    pthread_attr_destroy(&attributes);
    if (!started) {
        SSL_free(c->ssl);
        close(fd);
        free(c);
    }
}

static void *accept_loop(void *arg)
{
    server *s = arg;
    sigset_t
        pipe_signal; /* for this thread and those it starts: OpenSSL writes to closed sockets */
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
    while (!ended(s)) {
        struct pollfd p[2] = {{s->hub_fd, POLLIN, 0}, {s->store_fd, POLLIN, 0}};
        if (poll(p, 2, 50) <= 0)
            continue;
        for (int i = 0; i < 2; i++) {
            int fd = p[i].revents & POLLIN ? accept(p[i].fd, NULL, NULL) : -1;
            if (fd >= 0)
                take(s, fd, i == 1);
        }
    }
    return NULL;
}

server *server_start(const char *certificate)
{
    server *s = calloc(1, sizeof *s);
    int port, store_port;
    const char *scheme = certificate ? "https" : "http";
    pthread_mutex_init(&s->mutex, NULL);
    pthread_rwlock_init(&s->repos_lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->page_size = 1000;
    s->hub_fd = listen_local(&port);
    s->store_fd = listen_local(&store_port);
    if (certificate)
        s->tls = server_tls(certificate);
    snprintf(s->url, sizeof s->url, "%s://127.0.0.1:%d", scheme, port);
    snprintf(s->store_url, sizeof s->store_url, "%s://127.0.0.1:%d", scheme, store_port);
    if (pthread_create(&s->acceptor, NULL, accept_loop, s) != 0)
        abort();
    return s;
}

void server_stop(server *s)
{
    pthread_mutex_lock(&s->mutex);
    s->stopping = true;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (s->connections[i])
            shutdown(s->connections[i]->fd, SHUT_RDWR);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->acceptor, NULL);
    pthread_mutex_lock(&s->mutex);
    while (s->threads)
        pthread_cond_wait(&s->changed, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
    close(s->hub_fd);
    close(s->store_fd);
    SSL_CTX_free(s->tls);
    server_free_repos(s);
    server_clear_faults(s);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->mutex);
    pthread_rwlock_destroy(&s->repos_lock);
    free(s);
}

const char *server_url(const server *s)
{
    return s->url;
}

const char *server_store_url(const server *s)
{
    return s->store_url;
}

void server_page_size(server *s, size_t entries)
{
    pthread_mutex_lock(&s->mutex);
    s->page_size = entries;
    pthread_mutex_unlock(&s->mutex);
}

/* ---- faults and counts ---- */

void server_fault(server *s, const char *match, fault_kind kind, long value, const char *text,
                  int skip, int times)
{
    pthread_mutex_lock(&s->mutex);
    if (s->fault_count == FAULTS_MAX)
        abort();
    fault *f = &s->faults[s->fault_count++];
    *f = (fault){.kind = kind, .value = value, .skip = skip, .times = times};
    snprintf(f->match, sizeof f->match, "%s", match);
    snprintf(f->text, sizeof f->text, "%s", text ? text : "");
    pthread_mutex_unlock(&s->mutex);
}

void server_clear_faults(server *s)
{
    pthread_mutex_lock(&s->mutex);
    s->fault_count = 0;
    pthread_mutex_unlock(&s->mutex);
}

static int count(server *s, const char *match, bool token, bool range)
{
    int n = 0;
    pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < s->log_count; i++)
        n += strstr(s->log[i].line, match) && (!token || s->log[i].token) &&
             (!range || s->log[i].range);
    pthread_mutex_unlock(&s->mutex);
    return n;
}

int server_count(server *s, const char *match)
{
    return count(s, match, false, false);
}

int server_count_token(server *s, const char *match)
{
    return count(s, match, true, false);
}

int server_count_range(server *s, const char *match)
{
    return count(s, match, false, true);
}

int server_most_at_once(server *s)
{
    pthread_mutex_lock(&s->mutex);
    int n = s->most_at_once;
    pthread_mutex_unlock(&s->mutex);
    return n;
}

void server_forget(server *s)
{
    pthread_mutex_lock(&s->mutex);
    s->log_count = 0;
    s->most_at_once = 0;
    pthread_mutex_unlock(&s->mutex);
}
