/* SPDX-License-Identifier: MIT
 *
 * libcurl's multi interface.
 */
#include "hub/transport.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "hub/libcurl.h"

enum {
    HEADER_MAX = 16 * 1024,     /* of one that is kept */
    HEADERS_MAX = 256 * 1024,   /* of one answer */
    HEADER_LINES_MAX = 1000,    /* the same */
    ERROR_BODY_MAX = 64 * 1024, /* of an answer that tells of a failure */
    URL_MAX_SIZE = 16 * 1024
};

static const char *const header_names[] = {
#define MICA_HUB_HEADER_NAME(name, text) text,
    MICA_HUB_HEADERS(MICA_HUB_HEADER_NAME)
#undef MICA_HUB_HEADER_NAME
};

struct mica_hub_transport {
    const mica_hub_settings *settings;
    CURLM *multi;
    char *http_proxy; /* HTTP_PROXY, which libcurl itself does not read in capitals */
    char *authorization;
};

struct mica_hub_transfer {
    mica_hub_transport *transport;
    CURL *easy;
    struct curl_slist *list;
    mica_hub_request request;
    mica_hub_answer answer;
    size_t header_bytes, header_lines;
    mica_hub_outcome refusal; /* why a callback ended the transfer; ANSWERED = none did */
    char message[CURL_ERROR_SIZE];
    bool through;
};

void mica_hub_answer_free(mica_hub_answer *answer)
{
    for (int i = 0; i < MICA_HUB_HEADER_COUNT; i++) {
        mica_free(answer->headers[i]);
        answer->headers[i] = NULL;
    }
    mica_buf_free(&answer->body);
}

const char *mica_hub_answer_header(const mica_hub_answer *answer, mica_hub_header header)
{
    return answer->headers[header] ? answer->headers[header] : "";
}

/* ---- signals ---- */

/* OpenSSL writes to sockets in a way that raises SIGPIPE when the other side has gone. It must not
 * reach a program that knows nothing of it: it is blocked in this thread meanwhile, and taken away
 * if it came. */
typedef struct quiet {
    sigset_t pipe, before;
    bool pending;
} quiet;

static quiet quiet_begin(void)
{
    quiet q;
    sigset_t waiting;
    sigemptyset(&q.pipe);
    sigaddset(&q.pipe, SIGPIPE);
    sigpending(&waiting);
    q.pending = sigismember(&waiting, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &q.pipe, &q.before);
    return q;
}

static void quiet_end(quiet *q)
{
    sigset_t waiting;
    int number;
    sigpending(&waiting);
    if (!q->pending && sigismember(&waiting, SIGPIPE) == 1)
        sigwait(&q->pipe, &number);
    pthread_sigmask(SIG_SETMASK, &q->before, NULL);
}

/* ---- set-up ---- */

mica_status mica_hub_transport_create(const mica_hub_settings *settings, mica_hub_transport **out,
                                      mica_error *err)
{
    *out = NULL;
    mica_status status = mica_curl_load(err);
    if (status)
        return status;
    mica_hub_transport *t = mica_calloc(1, sizeof *t);
    if (!t)
        return mica_fail_memory(err, sizeof *t, "the Hub's client");
    t->settings = settings;
    bool failed = mica_fault() || !(t->multi = mica_curl.multi_init());
    /* httpx reads HTTP_PROXY, but not where it could be a header of a CGI program's client. */
    const char *proxy = getenv("HTTP_PROXY");
    if (!failed && proxy && *proxy && !getenv("http_proxy") && !getenv("REQUEST_METHOD"))
        failed = !(t->http_proxy = mica_strdup(proxy));
    if (!failed && settings->token && !settings->token_bad) {
        size_t room = strlen(settings->token) + sizeof "Authorization: Bearer ";
        t->authorization = mica_alloc(room);
        if (t->authorization)
            snprintf(t->authorization, room, "Authorization: Bearer %s", settings->token);
        failed = !t->authorization;
    }
    if (failed) {
        mica_hub_transport_destroy(&t);
        return mica_fail_memory(err, sizeof *t, "the Hub's client");
    }
    *out = t;
    return MICA_OK;
}

void mica_hub_transport_destroy(mica_hub_transport **pointer)
{
    mica_hub_transport *t = *pointer;
    *pointer = NULL;
    if (!t)
        return;
    quiet q = quiet_begin();
    mica_curl.multi_cleanup(t->multi);
    quiet_end(&q);
    mica_free(t->http_proxy);
    mica_free(t->authorization);
    mica_free(t);
}

/* ---- what comes in ---- */

/* Ends the transfer from inside a callback. */
static size_t refuse(mica_hub_transfer *t, mica_hub_outcome why, const char *text)
{
    t->refusal = why;
    snprintf(t->answer.problem, sizeof t->answer.problem, "%s", text);
    return 0;
}

/* A status line: what an earlier answer of the same transfer (100, a proxy's) said is forgotten. */
static void new_answer(mica_hub_transfer *t)
{
    mica_hub_answer_free(&t->answer);
    mica_buf_init(&t->answer.body,
                  t->request.body_max > ERROR_BODY_MAX ? t->request.body_max : ERROR_BODY_MAX);
}

static bool keep_header(mica_hub_transfer *t, const char *line, size_t size)
{
    const char *colon = memchr(line, ':', size);
    size_t name = colon ? (size_t)(colon - line) : 0;
    for (int i = 0; colon && i < MICA_HUB_HEADER_COUNT; i++) {
        if (strlen(header_names[i]) != name || strncasecmp(header_names[i], line, name) != 0)
            continue;
        const char *value = colon + 1, *end = line + size;
        while (value < end && (*value == ' ' || *value == '\t'))
            value++;
        while (end > value && strchr(" \t\r\n", end[-1]))
            end--;
        if (end - value > HEADER_MAX) {
            refuse(t, MICA_HUB_NONSENSE, "a header of the answer is too long");
            return false;
        }
        char *copy = mica_memdup_text(value, (size_t)(end - value));
        if (!copy) {
            refuse(t, MICA_HUB_NO_MEMORY, "out of memory");
            return false;
        }
        mica_free(t->answer.headers[i]);
        t->answer.headers[i] = copy;
    }
    return true;
}

static size_t on_header(char *line, size_t one, size_t size, void *user)
{
    mica_hub_transfer *t = user;
    t->header_bytes += size;
    if (t->header_bytes > HEADERS_MAX || ++t->header_lines > HEADER_LINES_MAX)
        return refuse(t, MICA_HUB_NONSENSE, "the headers of the answer have no end");
    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0)
        new_answer(t);
    return keep_header(t, line, size) ? size : 0;
}

static size_t on_body(char *data, size_t one, size_t size, void *user)
{
    mica_hub_transfer *t = user;
    mica_curl.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->answer.status);
    bool good = t->answer.status == 200 || t->answer.status == 206;
    if (good && t->request.sink)
        return t->request.sink(t->request.user, &t->answer, data, size)
                   ? size
                   : refuse(t, MICA_HUB_STOPPED, "stopped");
    size_t max = good ? t->request.body_max : ERROR_BODY_MAX;
    if (size > max || t->answer.body.size > max - size) {
        if (good)
            return refuse(t, MICA_HUB_NONSENSE, "the answer is larger than it may be");
        return refuse(t, MICA_HUB_ANSWERED, ""); /* enough of it to tell what is wrong */
    }
    if (!mica_buf_append(&t->answer.body, data, size))
        return refuse(t, MICA_HUB_NO_MEMORY, "out of memory");
    return size;
}

/* ---- transfers ---- */

static bool add_line(mica_hub_transfer *t, const char *line)
{
    struct curl_slist *list = mica_fault() ? NULL : mica_curl.slist_append(t->list, line);
    if (list)
        t->list = list;
    return list != NULL;
}

static bool set_request(mica_hub_transfer *t)
{
    const mica_hub_request *r = &t->request;
    const mica_hub_transport *from = t->transport;
    char range[32];
    bool ok = add_line(t, "Accept-Encoding: identity"); /* sizes and ranges are of the file */
    if (ok && r->token && from->authorization)
        ok = add_line(t, from->authorization);
    snprintf(range, sizeof range, "%lld-", (long long)r->range_from);
    CURL *e = t->easy;
    ok = ok && mica_curl.easy_setopt(e, CURLOPT_URL, r->url) == CURLE_OK;
    ok = ok && mica_curl.easy_setopt(e, CURLOPT_HTTPHEADER, t->list) == CURLE_OK;
    ok = ok && mica_curl.easy_setopt(e, CURLOPT_USERAGENT, "mica/" MICA_VERSION) == CURLE_OK;
    if (ok && r->range_from > 0)
        ok = mica_curl.easy_setopt(e, CURLOPT_RANGE, range) == CURLE_OK;
    if (ok && from->http_proxy && strncasecmp(r->url, "http://", 7) == 0)
        ok = mica_curl.easy_setopt(e, CURLOPT_PROXY, from->http_proxy) == CURLE_OK;
    const mica_hub_settings *s = from->settings;
    if (ok && s->ca_file)
        ok = mica_curl.easy_setopt(e, CURLOPT_CAINFO, s->ca_file) == CURLE_OK;
    if (ok && (s->ca_file || s->ca_dir)) /* these and no others */
        ok = mica_curl.easy_setopt(e, CURLOPT_CAPATH, s->ca_dir) == CURLE_OK;
    if (ok && s->ca_dir && !s->ca_file)
        ok = mica_curl.easy_setopt(e, CURLOPT_CAINFO, NULL) == CURLE_OK;
    return ok;
}

static void set_manners(mica_hub_transfer *t)
{
    CURL *e = t->easy;
    const mica_hub_request *r = &t->request;
#if LIBCURL_VERSION_NUM >= 0x075500
    mica_curl.easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    mica_curl.easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    mica_curl.easy_setopt(e, CURLOPT_PRIVATE, t);
    mica_curl.easy_setopt(e, CURLOPT_ERRORBUFFER, t->message);
    mica_curl.easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    mica_curl.easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    mica_curl.easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    mica_curl.easy_setopt(e, CURLOPT_NOBODY, r->head ? 1L : 0L);
    mica_curl.easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    mica_curl.easy_setopt(e, CURLOPT_HEADERDATA, t);
    mica_curl.easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    mica_curl.easy_setopt(e, CURLOPT_WRITEDATA, t);
    mica_curl.easy_setopt(e, CURLOPT_BUFFERSIZE, 256L * 1024);
    mica_curl.easy_setopt(e, CURLOPT_CONNECTTIMEOUT, r->seconds);
    mica_curl.easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    mica_curl.easy_setopt(e, CURLOPT_LOW_SPEED_TIME, r->seconds);
    mica_curl.easy_setopt(e, CURLOPT_TIMEOUT, r->total_seconds);
    mica_curl.easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
}

mica_status mica_hub_transfer_start(mica_hub_transport *transport, const mica_hub_request *request,
                                    mica_hub_transfer **out, mica_error *err)
{
    *out = NULL;
    mica_hub_transfer *t = mica_calloc(1, sizeof *t);
    if (!t)
        return mica_fail_memory(err, sizeof *t, "a request");
    t->transport = transport;
    t->request = *request;
    mica_buf_init(&t->answer.body, ERROR_BODY_MAX);
    t->easy = mica_fault() ? NULL : mica_curl.easy_init();
    bool ok = t->easy && set_request(t);
    if (ok) {
        set_manners(t);
        ok = mica_curl.multi_add_handle(transport->multi, t->easy) == CURLM_OK;
    }
    if (!ok) {
        mica_hub_transfer_end(&t);
        return mica_fail_memory(err, sizeof *t, "a request");
    }
    *out = t;
    return MICA_OK;
}

void mica_hub_transfer_end(mica_hub_transfer **pointer)
{
    mica_hub_transfer *t = *pointer;
    *pointer = NULL;
    if (!t)
        return;
    if (t->easy) {
        quiet q = quiet_begin();
        mica_curl.multi_remove_handle(t->transport->multi, t->easy);
        mica_curl.easy_cleanup(t->easy);
        quiet_end(&q);
    }
    mica_curl.slist_free_all(t->list);
    mica_hub_answer_free(&t->answer);
    mica_free(t);
}

void *mica_hub_transfer_user(const mica_hub_transfer *transfer)
{
    return transfer->request.user;
}

mica_hub_answer *mica_hub_transfer_answer(mica_hub_transfer *transfer)
{
    return &transfer->answer;
}

/* Whether a handshake was ended by the network or by a server that closed, rather than refused for
 * a reason of TLS: libcurl has one code for both, but another time the first may work. */
static bool handshake_broke(const mica_hub_transfer *t)
{
    static const char *const texts[] = {"SSL_ERROR_SYSCALL", "unexpected eof", "reset by peer"};
    long error = 0;
    mica_curl.easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &error);
    bool broke = error == ECONNRESET || error == EPIPE || error == ETIMEDOUT;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        broke |= strstr(t->message, texts[i]) != NULL;
    return broke;
}

static mica_hub_outcome judge(CURLcode code, long proxy_status)
{
    switch (code) {
    case CURLE_OK:
        return MICA_HUB_ANSWERED;
    case CURLE_OUT_OF_MEMORY:
        return MICA_HUB_NO_MEMORY;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
        return MICA_HUB_INSECURE;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return MICA_HUB_REFUSED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_AGAIN:
    case CURLE_INTERFACE_FAILED:
        return proxy_status >= 400 ? MICA_HUB_REFUSED : MICA_HUB_BROKEN;
    default:
        return MICA_HUB_NONSENSE;
    }
}

/* What became of a transfer that libcurl is through with. */
static void conclude(mica_hub_transfer *t, CURLcode code)
{
    mica_hub_answer *a = &t->answer;
    long proxy_status = 0;
    t->through = true;
    mica_curl.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &a->status);
    mica_curl.easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    bool ours = code == CURLE_WRITE_ERROR; /* a callback said no, and set the rest */
    if (ours && a->problem[0]) {
        a->outcome = t->refusal;
        return;
    }
    if (code == CURLE_SSL_CONNECT_ERROR && handshake_broke(t))
        code = CURLE_RECV_ERROR;
    a->outcome = ours ? MICA_HUB_ANSWERED : judge(code, proxy_status);
    if (a->outcome != MICA_HUB_ANSWERED)
        snprintf(a->problem, sizeof a->problem, "%s",
                 t->message[0] ? t->message : mica_curl.easy_strerror(code));
}

mica_hub_transfer *mica_hub_transport_wait(mica_hub_transport *transport, int ms)
{
    for (int round = 0; round < 2; round++) {
        int running = 0, left = 0;
        quiet q = quiet_begin();
        mica_curl.multi_perform(transport->multi, &running);
        quiet_end(&q);
        CURLMsg *message;
        while ((message = mica_curl.multi_info_read(transport->multi, &left))) {
            mica_hub_transfer *t = NULL;
            CURLcode code = message->data.result;
            if (message->msg != CURLMSG_DONE ||
                mica_curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t) != CURLE_OK ||
                !t)
                continue;
            conclude(t, code);
            return t;
        }
        if (round == 0)
            mica_curl.multi_poll(transport->multi, NULL, 0, ms, NULL);
    }
    return NULL;
}

/* ---- addresses ---- */

static char *copy_part(CURLU *url, CURLUPart part, bool *failed)
{
    char *text = NULL, *copy = NULL;
    if (mica_curl.url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        copy = mica_strdup(text);
        *failed |= !copy;
    }
    mica_curl.free(text);
    return copy;
}

char *mica_hub_url_join(const char *base, const char *location, bool *failed)
{
    char *out = NULL, *before = NULL, *after = NULL;
    CURLU *url = mica_fault() || mica_curl_load(NULL) ? NULL : mica_curl.url();
    *failed = !url;
    if (!url)
        return NULL;
    bool good = strlen(location) <= URL_MAX_SIZE &&
                mica_curl.url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK;
    if (good)
        before = copy_part(url, CURLUPART_SCHEME, failed);
    good = good && before && *location &&
           mica_curl.url_set(url, CURLUPART_URL, location, 0) == CURLUE_OK;
    if (good)
        after = copy_part(url, CURLUPART_SCHEME, failed);
    good = good && after && (strcmp(after, "https") == 0 || strcmp(after, "http") == 0) &&
           (strcmp(before, "https") != 0 || strcmp(after, "https") == 0);
    if (good) {
        char *text = NULL;
        mica_curl.url_set(url, CURLUPART_FRAGMENT, NULL, 0);
        if (mica_curl.url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK) {
            out = mica_strdup(text);
            *failed |= !out;
        }
        mica_curl.free(text);
    }
    mica_free(before);
    mica_free(after);
    mica_curl.url_cleanup(url);
    return out;
}

bool mica_hub_url_same_origin(const char *a, const char *b)
{
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    if (mica_curl_load(NULL))
        return false;
    CURLU *x = mica_curl.url(), *y = mica_curl.url();
    bool same = x && y && mica_curl.url_set(x, CURLUPART_URL, a, 0) == CURLUE_OK &&
                mica_curl.url_set(y, CURLUPART_URL, b, 0) == CURLUE_OK;
    for (size_t i = 0; same && i < sizeof parts / sizeof *parts; i++) {
        char *p = NULL, *q = NULL;
        same = mica_curl.url_get(x, parts[i], &p, CURLU_DEFAULT_PORT) == CURLUE_OK &&
               mica_curl.url_get(y, parts[i], &q, CURLU_DEFAULT_PORT) == CURLUE_OK &&
               strcasecmp(p, q) == 0;
        mica_curl.free(p);
        mica_curl.free(q);
    }
    mica_curl.url_cleanup(x);
    mica_curl.url_cleanup(y);
    return same;
}
