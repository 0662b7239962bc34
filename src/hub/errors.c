/* SPDX-License-Identifier: MIT
 *
 * What the Hub's refusals mean, in the order in which huggingface_hub looks at them
 * (utils/_http.py, hf_raise_for_status), and what to do about each.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "hub/ask.h"
#include "hub/cache.h"
#include "mica/json.h"

mica_status mica_hub_fail_transfer(const mica_hub *hub, const mica_hub_answer *answer,
                                   mica_error *err)
{
    const char *endpoint = hub->settings.endpoint;
    switch (answer->outcome) {
    case MICA_HUB_NO_MEMORY:
        return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory: a request to %s",
                         endpoint);
    case MICA_HUB_INSECURE:
        return mica_fail(err, MICA_STATUS_TLS,
                         "no secure connection to %s: %s%s%s (SSL_CERT_FILE names another file of "
                         "certificates to trust)",
                         endpoint, answer->problem,
                         hub->settings.ca_file ? "; certificates are those of " : "",
                         hub->settings.ca_file ? hub->settings.ca_file : "");
    case MICA_HUB_REFUSED:
        return mica_fail(err, MICA_STATUS_NETWORK,
                         "the proxy on the way to %s refuses: %s (HTTPS_PROXY, HTTP_PROXY, "
                         "NO_PROXY)",
                         endpoint, answer->problem);
    case MICA_HUB_NONSENSE:
        return mica_fail(err, MICA_STATUS_HUB, "%s did not answer like a Hub: %s", endpoint,
                         answer->problem);
    default:
        return mica_fail(err, MICA_STATUS_NETWORK,
                         "cannot reach %s: %s; is there a network, and does it need a proxy "
                         "(HTTPS_PROXY)?",
                         endpoint, answer->problem);
    }
}

/* Appends what the server says itself: its header, or the JSON of its body. */
static void append_message(mica_buf *out, const mica_hub_answer *answer)
{
    const char *said = mica_hub_answer_header(answer, MICA_HUB_HEADER_ERROR_MESSAGE);
    mica_json *json = NULL;
    if (!*said && answer->body.size &&
        mica_json_parse(answer->body.data, answer->body.size, "", &json, NULL) == MICA_OK) {
        const mica_json_value *v = mica_json_get(mica_json_root(json), "error");
        if (mica_json_get_type(v) == MICA_JSON_ARRAY)
            v = mica_json_first(v);
        said = mica_json_string(v, NULL) ? mica_json_string(v, NULL) : "";
    }
    if (*said)
        mica_buf_printf(out, "; it says: %.300s", said);
    mica_json_destroy(&json);
}

/* " (request 1234)", which whoever runs the server can look up. */
static void append_request(mica_buf *out, const mica_hub_answer *answer)
{
    const char *id = mica_hub_answer_header(answer, MICA_HUB_HEADER_REQUEST_ID);
    if (!*id)
        id = mica_hub_answer_header(answer, MICA_HUB_HEADER_TRACE_ID);
    if (*id)
        mica_buf_printf(out, " (request %.100s)", id);
}

static bool says(const mica_hub_answer *answer, mica_hub_header header, const char *text)
{
    return strcmp(mica_hub_answer_header(answer, header), text) == 0;
}

static mica_status gated(const mica_hub *hub, const mica_hub_id *id, mica_error *err)
{
    const mica_hub_settings *s = &hub->settings;
    if (!s->token)
        return mica_fail(err, MICA_STATUS_GATED,
                         "%s is gated, and there is no token: accept its terms at %s/%s, then set "
                         "HF_TOKEN to a token of yours",
                         id->repo, s->endpoint, id->repo);
    return mica_fail(err, MICA_STATUS_GATED,
                     "%s is gated, and the token (from %s) gives no access: accept its terms at "
                     "%s/%s, with the account that the token belongs to",
                     id->repo, s->token_source, s->endpoint, id->repo);
}

static mica_status no_repository(const mica_hub *hub, const mica_hub_id *id, mica_error *err)
{
    mica_buf near;
    mica_buf_init(&near, 4096);
    mica_hub_nearest(hub, id->repo, &near);
    mica_status status = mica_fail(
        err, MICA_STATUS_NO_REPOSITORY, "%s does not exist at %s, or is private and %s%s%s%s",
        id->repo, hub->settings.endpoint,
        hub->settings.token ? "the token (from " : "there is no token (HF_TOKEN)",
        hub->settings.token ? hub->settings.token_source : "",
        hub->settings.token ? ") gives no access" : "", mica_buf_cstr(&near));
    mica_buf_free(&near);
    return status;
}

static mica_status unauthorized(const mica_hub *hub, const mica_hub_answer *answer, const char *why,
                                mica_error *err)
{
    mica_buf more;
    mica_buf_init(&more, 2048);
    append_message(&more, answer);
    mica_status status = hub->settings.token
                             ? mica_fail(err, MICA_STATUS_UNAUTHORIZED,
                                         "the token (from %s) %s; %s/settings/tokens makes another "
                                         "one%s",
                                         hub->settings.token_source, why, hub->settings.endpoint,
                                         mica_buf_cstr(&more))
                             : mica_fail(err, MICA_STATUS_UNAUTHORIZED,
                                         "%s wants a token, and there is none: set HF_TOKEN%s",
                                         hub->settings.endpoint, mica_buf_cstr(&more));
    mica_buf_free(&more);
    return status;
}

static mica_status no_entry(const mica_hub_id *id, const char *file, const mica_hub_answer *answer,
                            mica_error *err)
{
    if (says(answer, MICA_HUB_HEADER_ERROR_CODE, "RevisionNotFound"))
        return mica_fail(err, MICA_STATUS_NO_ENTRY, "'%s' is no branch, tag or commit of %s",
                         id->revision, id->repo);
    return mica_fail(err, MICA_STATUS_NO_ENTRY, "%s@%s has no file %s", id->repo, id->revision,
                     file ? file : "of that name");
}

static mica_status later(const mica_hub *hub, const mica_hub_answer *answer, mica_error *err)
{
    mica_buf more;
    mica_buf_init(&more, 2048);
    double seconds = mica_hub_backoff(hub, 0, answer);
    bool limited = answer->status == 429;
    const char *after = mica_hub_answer_header(answer, MICA_HUB_HEADER_RETRY_AFTER);
    if (limited && (*after || seconds < 0))
        mica_buf_printf(&more, "; try again in %.40s seconds", *after ? after : "some hundred");
    append_message(&more, answer);
    append_request(&more, answer);
    mica_status status = mica_fail(err, MICA_STATUS_HUB,
                                   limited ? "%s says that there were too many requests (%ld)%s"
                                           : "%s is out of order: it answers %ld%s",
                                   hub->settings.endpoint, answer->status, mica_buf_cstr(&more));
    mica_buf_free(&more);
    return status;
}

mica_status mica_hub_fail_answer(const mica_hub *hub, const mica_hub_id *id, const char *file,
                                 const mica_hub_answer *answer, mica_error *err)
{
    bool invalid =
        says(answer, MICA_HUB_HEADER_ERROR_MESSAGE, "Invalid credentials in Authorization header");
    if (says(answer, MICA_HUB_HEADER_ERROR_CODE, "RevisionNotFound") ||
        says(answer, MICA_HUB_HEADER_ERROR_CODE, "EntryNotFound"))
        return no_entry(id, file, answer, err);
    if (says(answer, MICA_HUB_HEADER_ERROR_CODE, "GatedRepo"))
        return gated(hub, id, err);
    if (says(answer, MICA_HUB_HEADER_ERROR_MESSAGE, "Access to this resource is disabled."))
        return mica_fail(err, MICA_STATUS_NO_REPOSITORY, "%s was disabled by the Hub", id->repo);
    if (says(answer, MICA_HUB_HEADER_ERROR_CODE, "RepoNotFound") ||
        (answer->status == 401 && !invalid))
        return no_repository(hub, id, err);
    if (answer->status == 401)
        return unauthorized(hub, answer, "is invalid or has expired", err);
    if (answer->status == 403)
        return unauthorized(hub, answer, "has no permission for this", err);
    if (answer->status == 404)
        return no_entry(id, file, answer, err);
    if (mica_hub_is_later(answer->status) || answer->status >= 500)
        return later(hub, answer, err);
    mica_buf more;
    mica_buf_init(&more, 2048);
    append_message(&more, answer);
    append_request(&more, answer);
    mica_status status = mica_fail(err, MICA_STATUS_HUB, "%s answers %ld for %s%s%s%s",
                                   hub->settings.endpoint, answer->status, file ? file : "",
                                   file ? " of " : "", id->repo, mica_buf_cstr(&more));
    mica_buf_free(&more);
    return status;
}
