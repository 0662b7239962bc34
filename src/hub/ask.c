/* SPDX-License-Identifier: MIT
 *
 * Single questions: which commit a revision is at, which files it has.
 */
#include "hub/ask.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "hub/digest.h"

enum {
    PAGE_MAX = 16 << 20, /* bytes of a page of the tree API */
    PAGES_MAX = 1000,
    TEXT_MAX = 64 << 20 /* of a small file that is read without being kept */
};

bool mica_hub_trusts(const mica_hub *hub, const char *url)
{
    static const char *const others[] = {"https://huggingface.co", "https://hf.co",
                                         "https://hub-ci.huggingface.co"};
    if (mica_hub_url_same_origin(hub->settings.endpoint, url))
        return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (mica_hub_url_same_origin(others[i], url))
            return true;
    return false;
}

bool mica_hub_is_later(long status)
{
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504;
}

double mica_hub_backoff(const mica_hub *hub, int failures, const mica_hub_answer *answer)
{
    int64_t asked = -1;
    if (answer && answer->status == 429) {
        asked = mica_hub_rate_limit(mica_hub_answer_header(answer, MICA_HUB_HEADER_RATE_LIMIT));
        asked += asked >= 0; /* its seconds are rounded down */
    }
    if (answer && asked < 0)
        asked = mica_hub_retry_after(mica_hub_answer_header(answer, MICA_HUB_HEADER_RETRY_AFTER));
    if (asked > MICA_HUB_WAIT_MAX)
        return -1;
    double own = hub->retry_seconds * (failures < 3 ? 1 << failures : 8);
    return asked >= 0 && (double)asked > own ? (double)asked : own;
}

mica_status mica_hub_pause(mica_hub *hub, double seconds, mica_error *err)
{
    uint64_t end = mica_clock_ns() + (uint64_t)(seconds * 1e9);
    mica_status status = mica_hub_check_cancel(hub, err);
    while (!status && mica_clock_ns() < end) {
        uint64_t left = end - mica_clock_ns();
        struct timespec slice = {0, left < 50000000 ? (long)left : 50000000};
        nanosleep(&slice, NULL);
        status = mica_hub_check_cancel(hub, err);
    }
    return status;
}

void mica_hub_pass_warning(mica_hub *hub, const mica_hub_answer *answer)
{
    const char *text = mica_hub_answer_header(answer, MICA_HUB_HEADER_WARNING);
    const char *semicolon = strchr(text, ';');
    size_t topic = semicolon ? (size_t)(semicolon - text) : 0;
    const char *message = semicolon ? semicolon + 1 : text;
    message += strspn(message, " ");
    if (!*message || topic >= sizeof hub->warned[0])
        return;
    for (size_t i = 0; i < hub->warned_count; i++)
        if (strlen(hub->warned[i]) == topic && memcmp(hub->warned[i], text, topic) == 0)
            return;
    if (hub->warned_count == sizeof hub->warned / sizeof *hub->warned)
        return;
    memcpy(hub->warned[hub->warned_count], text, topic);
    hub->warned[hub->warned_count++][topic] = 0;
    mica_log_write(&hub->log, MICA_LOG_WARNING, "the Hub says: %s", message);
}

mica_status mica_hub_need_transport(mica_hub *hub, mica_error *err)
{
    if (hub->settings.offline)
        return mica_fail(err, MICA_STATUS_NOT_CACHED,
                         "offline mode is on (HF_HUB_OFFLINE): no request is made");
    if (hub->settings.token_bad)
        return mica_fail(err, MICA_STATUS_UNAUTHORIZED,
                         "the token (from %s) holds characters that no token has",
                         hub->settings.token_source);
    return hub->transport ? MICA_OK
                          : mica_hub_transport_create(&hub->settings, &hub->transport, err);
}

/* ---- one question ---- */

typedef struct question {
    const char *url;
    bool head;
    long seconds, total_seconds;
    size_t body_max;
    bool patient;
    bool anywhere; /* redirects may leave the Hub (without the token) */
} question;

/* One request; the answer is the caller's. */
static mica_status request_once(mica_hub *hub, const question *q, const char *url,
                                mica_hub_answer *out, mica_error *err)
{
    mica_hub_transfer *transfer = NULL, *done = NULL;
    mica_hub_request request = {.url = url,
                                .head = q->head,
                                .token = mica_hub_trusts(hub, url),
                                .seconds = q->seconds,
                                .total_seconds = q->total_seconds,
                                .body_max = q->body_max};
    mica_status status = mica_hub_transfer_start(hub->transport, &request, &transfer, err);
    while (!status && !done) {
        done = mica_hub_transport_wait(hub->transport, 50);
        status = done ? MICA_OK : mica_hub_check_cancel(hub, err);
    }
    if (!status) {
        *out = *mica_hub_transfer_answer(done);
        memset(mica_hub_transfer_answer(done), 0, sizeof *out);
        mica_hub_pass_warning(hub, out);
    }
    mica_hub_transfer_end(&transfer);
    return status;
}

/* The request and its retries. MICA_OK with any HTTP answer, also one that says "later". */
static mica_status request_patiently(mica_hub *hub, const question *q, const char *url,
                                     mica_hub_answer *out, mica_error *err)
{
    for (int failures = 0;; failures++) {
        mica_status status = request_once(hub, q, url, out, err);
        if (status)
            return status;
        bool broken = out->outcome == MICA_HUB_BROKEN;
        bool again = q->patient &&
                     (broken ? failures < MICA_HUB_BROKEN_RETRIES
                             : out->outcome == MICA_HUB_ANSWERED &&
                                   mica_hub_is_later(out->status) && failures < MICA_HUB_RETRIES);
        double wait = again ? mica_hub_backoff(hub, failures, broken ? NULL : out) : -1;
        if (wait < 0)
            return out->outcome == MICA_HUB_ANSWERED ? MICA_OK
                                                     : mica_hub_fail_transfer(hub, out, err);
        if (broken)
            mica_log_write(&hub->log, MICA_LOG_WARNING, "%s: %s; trying again in %.0f s", url,
                           out->problem, wait);
        else
            mica_log_write(&hub->log, MICA_LOG_WARNING,
                           "%s: the answer is %ld; trying again in %.0f s", url, out->status, wait);
        mica_hub_answer_free(out);
        status = mica_hub_pause(hub, wait, err);
        if (status)
            return status;
    }
}

static bool is_redirect(const mica_hub_answer *answer)
{
    return answer->status >= 300 && answer->status < 400 &&
           answer->headers[MICA_HUB_HEADER_LOCATION];
}

/* Follows redirects that stay on the Hub. One that leaves it ends a HEAD, whose headers have all
 * that is wanted; a list of files does not lie elsewhere. */
static mica_status ask(mica_hub *hub, const question *q, mica_hub_answer *out, mica_error *err)
{
    mica_status status = mica_hub_need_transport(hub, err);
    char *url = status ? NULL : mica_strdup(q->url);
    if (!status && !url)
        status = mica_fail_memory(err, strlen(q->url), "an address");
    for (int hops = 0; !status; hops++) {
        bool failed = false;
        status = request_patiently(hub, q, url, out, err);
        if (status || !is_redirect(out))
            break;
        const char *location = mica_hub_answer_header(out, MICA_HUB_HEADER_LOCATION);
        char *next = mica_hub_url_join(url, location, &failed);
        bool stays = next && mica_hub_trusts(hub, next);
        if (failed)
            status = mica_fail_memory(err, 0, "an address");
        else if (!stays && q->head) {
            mica_free(next);
            break;
        } else if (!next || (!stays && !q->anywhere))
            status =
                mica_fail(err, MICA_STATUS_HUB,
                          "%s did not answer like a Hub: it sends us to '%.200s'", url, location);
        else if (hops >= MICA_HUB_REDIRECTS_MAX)
            status = mica_fail(err, MICA_STATUS_HUB,
                               "%s did not answer like a Hub: more than %d redirects", q->url,
                               MICA_HUB_REDIRECTS_MAX);
        mica_free(url);
        url = next;
        if (!status)
            mica_hub_answer_free(out);
    }
    mica_free(url);
    return status;
}

char *mica_hub_file_url(const mica_hub *hub, const mica_hub_id *id, const char *revision,
                        const char *file)
{
    mica_buf url;
    mica_buf_init(&url, 1 << 16);
    mica_buf_printf(&url, "%s/%s/resolve/", hub->settings.endpoint, id->repo);
    mica_hub_quote(&url, revision, false);
    mica_buf_char(&url, '/');
    mica_hub_quote(&url, file, true);
    return mica_buf_take(&url, NULL);
}

/* ---- HEAD ---- */

mica_status mica_hub_ask_file(mica_hub *hub, const mica_hub_id *id, const char *file, bool patient,
                              mica_hub_metadata *out, mica_error *err)
{
    mica_hub_answer answer = {0};
    memset(out, 0, sizeof *out);
    char *url = mica_hub_file_url(hub, id, id->revision, file);
    if (!url)
        return mica_fail_memory(err, 0, "an address");
    question q = {.url = url,
                  .head = true,
                  .seconds = hub->settings.head_seconds,
                  .total_seconds = 2 * hub->settings.head_seconds,
                  .patient = patient};
    mica_status status = ask(hub, &q, &answer, err);
    const char *commit = mica_hub_answer_header(&answer, MICA_HUB_HEADER_COMMIT);
    bool known = mica_hub_is_hex(commit, MICA_HUB_COMMIT_HEX);
    const char *code = mica_hub_answer_header(&answer, MICA_HUB_HEADER_ERROR_CODE);
    out->refused = answer.outcome == MICA_HUB_REFUSED;
    out->exists = !status && answer.status < 400;
    bool absent = answer.status == 404 && strcmp(code, "EntryNotFound") == 0 && known;
    if (!status && !out->exists && !absent)
        status = mica_hub_fail_answer(hub, id, file, &answer, err);
    else if (!status && !known)
        status = mica_fail(err, MICA_STATUS_HUB,
                           "%s did not answer like a Hub: its answer has no X-Repo-Commit. Is "
                           "there a proxy or a login page in the way? Is HF_ENDPOINT right?",
                           hub->settings.endpoint);
    if (!status)
        memcpy(out->commit, commit, MICA_HUB_COMMIT_HEX + 1);
    mica_hub_answer_free(&answer);
    mica_free(url);
    return status;
}

/* ---- the tree API ---- */

static char *tree_url(const mica_hub *hub, const mica_hub_id *id, const char *commit)
{
    mica_buf url;
    mica_buf_init(&url, 1 << 16);
    mica_buf_printf(&url, "%s/api/models/%s/tree/%s?recursive=true&expand=false",
                    hub->settings.endpoint, id->repo, commit);
    return mica_buf_take(&url, NULL);
}

/* The next page's address, or NULL. Mirrors pass links to the public Hub on: they are turned back
 * to the endpoint. */
static char *next_page(const mica_hub *hub, const char *url, const mica_hub_answer *answer,
                       bool *failed)
{
    static const char public_hub[] = "https://huggingface.co/";
    const char *endpoint = hub->settings.endpoint;
    size_t size = 0, prefix = sizeof public_hub - 1;
    const char *link =
        mica_hub_next_link(mica_hub_answer_header(answer, MICA_HUB_HEADER_LINK), &size);
    mica_buf target;
    mica_buf_init(&target, 1 << 16);
    if (!link)
        return NULL;
    bool elsewhere = size > prefix && strncmp(link, public_hub, prefix) == 0 &&
                     strncmp(endpoint, public_hub, prefix - 1) != 0;
    if (elsewhere) {
        mica_buf_text(&target, endpoint);
        mica_buf_append(&target, link + prefix - 1, size - prefix + 1);
    } else {
        mica_buf_append(&target, link, size);
    }
    char *out = target.failed ? NULL : mica_hub_url_join(url, target.data, failed);
    *failed |= target.failed;
    mica_buf_free(&target);
    return out;
}

static mica_status ask_page(mica_hub *hub, const mica_hub_id *id, const char *url,
                            mica_hub_listing *listing, char **next, mica_error *err)
{
    bool failed = false;
    mica_hub_answer answer = {0};
    question q = {.url = url,
                  .seconds = hub->settings.get_seconds,
                  .total_seconds = 60 + hub->settings.get_seconds,
                  .body_max = PAGE_MAX,
                  .patient = true};
    *next = NULL;
    mica_status status = ask(hub, &q, &answer, err);
    if (!status && answer.status != 200)
        status = mica_hub_fail_answer(hub, id, NULL, &answer, err);
    if (!status) {
        status = mica_hub_listing_page(listing, mica_buf_cstr(&answer.body), answer.body.size,
                                       "the list of files", err);
    }
    if (!status)
        *next = next_page(hub, url, &answer, &failed);
    if (failed)
        status = mica_fail_memory(err, 0, "an address");
    mica_hub_answer_free(&answer);
    return status;
}

mica_status mica_hub_ask_tree(mica_hub *hub, const mica_hub_id *id, const char *commit,
                              mica_hub_listing *listing, mica_error *err)
{
    mica_status status = MICA_OK;
    char *url = tree_url(hub, id, commit);
    if (!url)
        return mica_fail_memory(err, 0, "an address");
    for (int pages = 0; !status && url; pages++) {
        char *next = NULL;
        status = ask_page(hub, id, url, listing, &next, err);
        if (!status && next && pages >= PAGES_MAX)
            status = mica_fail(err, MICA_STATUS_HUB,
                               "%s did not answer like a Hub: the list of files has no end",
                               hub->settings.endpoint);
        if (!status && next && !mica_hub_trusts(hub, next))
            status =
                mica_fail(err, MICA_STATUS_HUB,
                          "%s did not answer like a Hub: the list of files goes on at '%.200s'",
                          hub->settings.endpoint, next);
        mica_free(url);
        url = next;
    }
    mica_free(url);
    if (!status)
        status = mica_hub_listing_finish(listing, err);
    if (status == MICA_STATUS_FORMAT) { /* no file of ours is damaged: the server talks nonsense */
        status = MICA_STATUS_HUB;
        if (err)
            err->status = status;
    }
    listing->complete = !status;
    return status;
}

/* ---- small files that are not kept ---- */

static mica_status check_text(const mica_hub_entry *entry, const mica_buf *body, mica_error *err)
{
    char actual[MICA_HUB_SHA256_HEX + 1];
    mica_hub_digest *digest = NULL;
    const char *expected = mica_hub_entry_etag(entry);
    mica_hub_hash kind = mica_hub_hash_of(expected);
    mica_status status = kind == MICA_HUB_HASH_NONE
                             ? MICA_OK
                             : mica_hub_digest_create(kind, (int64_t)body->size, &digest, err);
    if (digest && (!mica_hub_digest_add(digest, mica_buf_cstr(body), body->size) ||
                   !mica_hub_digest_finish(digest, actual)))
        status = mica_fail_memory(err, body->size, "a checksum");
    else if (digest && strcmp(actual, expected) != 0)
        status = mica_fail(err, MICA_STATUS_CHECKSUM,
                           "%s: the checksum of what was sent is %s, and should be %s", entry->path,
                           actual, expected);
    mica_hub_digest_destroy(&digest);
    return status;
}

mica_status mica_hub_ask_text(mica_hub *hub, const mica_hub_id *id, const char *commit,
                              const mica_hub_entry *entry, char **text, size_t *size,
                              mica_error *err)
{
    mica_hub_answer answer = {0};
    *text = NULL;
    char *url = mica_hub_file_url(hub, id, commit, entry->path);
    if (!url)
        return mica_fail_memory(err, 0, "an address");
    question q = {.url = url,
                  .seconds = hub->settings.get_seconds,
                  .body_max =
                      entry->size >= 0 && entry->size < TEXT_MAX ? (size_t)entry->size : TEXT_MAX,
                  .patient = true,
                  .anywhere = true};
    mica_status status = ask(hub, &q, &answer, err);
    if (!status && answer.status != 200)
        status = mica_hub_fail_answer(hub, id, entry->path, &answer, err);
    if (!status)
        status = check_text(entry, &answer.body, err);
    if (!status && !answer.body.data)
        mica_buf_text(&answer.body, "");
    if (!status && !(*text = mica_buf_take(&answer.body, size)))
        status = mica_fail_memory(err, 0, "a small file");
    mica_hub_answer_free(&answer);
    mica_free(url);
    return status;
}
