/* SPDX-License-Identifier: MIT
 *
 * HTTP: any number of requests under way in one thread, with libcurl behind them. What a server
 * sends is bounded here: headers, bodies that are kept, silence. Redirects are not followed:
 * whoever asks decides whether the next host may see the token.
 */
#ifndef MICA_HUB_TRANSPORT_H
#define MICA_HUB_TRANSPORT_H

#include "base/buf.h"
#include "hub/settings.h"

/* The headers that anybody looks at. */
#define MICA_HUB_HEADERS(X)                                                                        \
    X(COMMIT, "x-repo-commit")                                                                     \
    X(LINKED_ETAG, "x-linked-etag")                                                                \
    X(LINKED_SIZE, "x-linked-size")                                                                \
    X(ETAG, "etag")                                                                                \
    X(CONTENT_LENGTH, "content-length")                                                            \
    X(CONTENT_RANGE, "content-range")                                                              \
    X(CONTENT_ENCODING, "content-encoding")                                                        \
    X(CONTENT_TYPE, "content-type")                                                                \
    X(LOCATION, "location")                                                                        \
    X(LINK, "link")                                                                                \
    X(RETRY_AFTER, "retry-after")                                                                  \
    X(RATE_LIMIT, "ratelimit")                                                                     \
    X(ERROR_CODE, "x-error-code")                                                                  \
    X(ERROR_MESSAGE, "x-error-message")                                                            \
    X(REQUEST_ID, "x-request-id")                                                                  \
    X(TRACE_ID, "x-amzn-trace-id")                                                                 \
    X(WARNING, "x-hf-warning")

typedef enum mica_hub_header {
#define MICA_HUB_HEADER_ENUM(name, text) MICA_HUB_HEADER_##name,
    MICA_HUB_HEADERS(MICA_HUB_HEADER_ENUM)
#undef MICA_HUB_HEADER_ENUM
        MICA_HUB_HEADER_COUNT
} mica_hub_header;

typedef enum mica_hub_outcome {
    MICA_HUB_ANSWERED, /* the whole answer is here, whatever its status */
    MICA_HUB_BROKEN,   /* no connection, or it broke, or there was silence: worth another try */
    MICA_HUB_INSECURE, /* TLS failed */
    MICA_HUB_REFUSED,  /* by a proxy on the way */
    MICA_HUB_NONSENSE, /* no HTTP, headers without end, a body larger than it may be */
    MICA_HUB_STOPPED,  /* the sink wanted no more */
    MICA_HUB_NO_MEMORY
} mica_hub_outcome;

typedef struct mica_hub_answer {
    mica_hub_outcome outcome;
    char problem[512];                    /* what happened, if it is no answer */
    long status;                          /* of HTTP; 0 = none came */
    char *headers[MICA_HUB_HEADER_COUNT]; /* NULL = was not sent; of several the last */
    mica_buf body;                        /* unless a sink took it */
} mica_hub_answer;
void mica_hub_answer_free(mica_hub_answer *answer);
/* A header's value, or "". */
const char *mica_hub_answer_header(const mica_hub_answer *answer, mica_hub_header header);

typedef struct mica_hub_request {
    const char *url;
    bool head;          /* HEAD, else GET */
    bool token;         /* send the token */
    int64_t range_from; /* ask for the bytes from here on; 0 = all */
    long seconds;       /* to connect, and of silence */
    long total_seconds; /* for all of it; 0 = any */
    size_t body_max;    /* of a body that is kept */
    /* Gets the bytes of the body of a 200 or 206, when the headers are all there; false stops the
     * request. NULL: the body is kept. */
    bool (*sink)(void *user, const mica_hub_answer *answer, const void *data, size_t size);
    void *user;
} mica_hub_request;

typedef struct mica_hub_transport mica_hub_transport;
typedef struct mica_hub_transfer mica_hub_transfer;

mica_status mica_hub_transport_create(const mica_hub_settings *settings, mica_hub_transport **out,
                                      mica_error *err);
/* All transfers must have been ended. */
void mica_hub_transport_destroy(mica_hub_transport **transport);
/* `request` is copied, but for what `user` points to. */
mica_status mica_hub_transfer_start(mica_hub_transport *transport, const mica_hub_request *request,
                                    mica_hub_transfer **out, mica_error *err);
/* Works for at most `ms`; gives a transfer that is through, or NULL. */
mica_hub_transfer *mica_hub_transport_wait(mica_hub_transport *transport, int ms);
void *mica_hub_transfer_user(const mica_hub_transfer *transfer);
mica_hub_answer *mica_hub_transfer_answer(mica_hub_transfer *transfer);
/* Ends it, through or not. */
void mica_hub_transfer_end(mica_hub_transfer **transfer);

/* `location` as seen from `base`, freed with mica_free; NULL if it is no http(s) address, or leads
 * from https to http. *failed = out of memory. */
char *mica_hub_url_join(const char *base, const char *location, bool *failed);
/* Whether two addresses have the same scheme, host and port. */
bool mica_hub_url_same_origin(const char *a, const char *b);

#endif
