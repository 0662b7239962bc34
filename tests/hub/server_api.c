/* SPDX-License-Identifier: MIT
 *
 * What a Hub answers: files, redirects to the content store, the tree API, refusals.
 */
#include "hub/server_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

/* ---- repositories ---- */

static void hex_digest(const EVP_MD *kind, const char *head, size_t head_size, const void *data,
                       size_t size, char *out)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_DigestInit_ex(c, kind, NULL);
    EVP_DigestUpdate(c, head, head_size);
    EVP_DigestUpdate(c, data, size);
    EVP_DigestFinal_ex(c, bytes, &n);
    EVP_MD_CTX_free(c);
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void git_digest(const void *data, size_t size, char out[41])
{
    char head[32];
    int n = snprintf(head, sizeof head, "blob %zu", size);
    hex_digest(EVP_sha1(), head, (size_t)n + 1, data, size, out);
}

repo *server_repo(server *s, const char *id)
{
    repo *r = calloc(1, sizeof *r);
    r->id = strdup(id);
    r->server = s;
    pthread_rwlock_wrlock(&s->repos_lock);
    r->next = s->repos;
    s->repos = r;
    pthread_rwlock_unlock(&s->repos_lock);
    return r;
}

const char *repo_commit(repo *r, const char *seed)
{
    commit *c = calloc(1, sizeof *c);
    hex_digest(EVP_sha1(), r->id, strlen(r->id), seed, strlen(seed), c->name);
    pthread_rwlock_wrlock(&r->server->repos_lock);
    c->next = r->commits;
    r->commits = c;
    pthread_rwlock_unlock(&r->server->repos_lock);
    return c->name;
}

static commit *find_commit(const repo *r, const char *name)
{
    for (commit *c = r->commits; c; c = c->next)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

void repo_ref(repo *r, const char *name, const char *at)
{
    pthread_rwlock_wrlock(&r->server->repos_lock);
    ref *f = r->refs;
    while (f && strcmp(f->name, name) != 0)
        f = f->next;
    if (!f) {
        f = calloc(1, sizeof *f);
        f->name = strdup(name);
        f->next = r->refs;
        r->refs = f;
    }
    snprintf(f->at, sizeof f->at, "%s", at);
    pthread_rwlock_unlock(&r->server->repos_lock);
}

void repo_file(repo *r, const char *at, const char *path, const void *data, size_t size, bool lfs)
{
    file *f = calloc(1, sizeof *f);
    f->path = strdup(path);
    f->name = strdup(path);
    f->data = malloc(size + 1);
    memcpy(f->data, data, size);
    f->size = size;
    f->lfs = lfs;
    hex_digest(EVP_sha256(), "", 0, data, size, f->sha256);
    git_digest(data, size, f->sha1);
    if (lfs) {
        char pointer[256];
        int n = snprintf(pointer, sizeof pointer,
                         "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %zu\n",
                         f->sha256, size);
        git_digest(pointer, (size_t)n, f->sha1);
    }
    pthread_rwlock_wrlock(&r->server->repos_lock);
    file **link = &find_commit(r, at)->files;
    while (*link && strcmp((*link)->path, path) < 0)
        link = &(*link)->next;
    f->next = *link;
    *link = f;
    pthread_rwlock_unlock(&r->server->repos_lock);
}

void repo_text(repo *r, const char *at, const char *path, const char *text)
{
    repo_file(r, at, path, text, strlen(text), false);
}

static file *find_file(const commit *c, const char *path)
{
    for (file *f = c ? c->files : NULL; f; f = f->next)
        if (strcmp(f->path, path) == 0)
            return f;
    return NULL;
}

void repo_rename_in_tree(repo *r, const char *at, const char *path, const char *name)
{
    pthread_rwlock_wrlock(&r->server->repos_lock);
    file *f = find_file(find_commit(r, at), path);
    free(f->name);
    f->name = strdup(name);
    pthread_rwlock_unlock(&r->server->repos_lock);
}

void repo_gate(repo *r, bool gated)
{
    pthread_rwlock_wrlock(&r->server->repos_lock);
    r->gated = gated;
    pthread_rwlock_unlock(&r->server->repos_lock);
}

void repo_hide(repo *r, bool hidden)
{
    pthread_rwlock_wrlock(&r->server->repos_lock);
    r->hidden = hidden;
    pthread_rwlock_unlock(&r->server->repos_lock);
}

static void free_commit(commit *c)
{
    for (file *f = c->files, *next; f; f = next) {
        next = f->next;
        free(f->path);
        free(f->name);
        free(f->data);
        free(f);
    }
    free(c);
}

void server_free_repos(server *s)
{
    for (repo *r = s->repos, *next; r; r = next) {
        next = r->next;
        for (commit *c = r->commits, *n; c; c = n) {
            n = c->next;
            free_commit(c);
        }
        for (ref *f = r->refs, *n; f; f = n) {
            n = f->next;
            free(f->name);
            free(f);
        }
        free(r->id);
        free(r);
    }
    s->repos = NULL;
}

/* ---- answers ---- */

/* Percent-decodes text[size] into out. */
static void decode(const char *text, size_t size, char *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < size && n + 1 < room; i++) {
        char hex[3] = {0};
        if (text[i] == '%' && i + 2 < size) {
            memcpy(hex, text + i + 1, 2);
            out[n++] = (char)strtol(hex, NULL, 16);
            i += 2;
        } else {
            out[n++] = text[i];
        }
    }
    out[n] = 0;
}

/* The repository whose id stands at the start of a text, before an end, "/" or "?". */
static repo *find_repo(server *s, const char *text)
{
    for (repo *r = s->repos; r; r = r->next) {
        size_t size = strlen(r->id);
        if (strncmp(r->id, text, size) == 0 && (!text[size] || strchr("/?", text[size])))
            return r;
    }
    return NULL;
}

static commit *resolve(const repo *r, const char *revision)
{
    for (ref *f = r->refs; f; f = f->next)
        if (strcmp(f->name, revision) == 0)
            return find_commit(r, f->at);
    return find_commit(r, revision);
}

static bool refuse(connection *c, const request *q, int status, const char *code,
                   const char *message, const char *more)
{
    char headers[2048], body[512];
    snprintf(headers, sizeof headers,
             "X-Error-Code: %s\r\nX-Error-Message: %s\r\nX-Request-Id: test-1\r\n%s"
             "Content-Type: application/json\r\n",
             code, message, more);
    int n = snprintf(body, sizeof body, "{\"error\":\"%s\"}", message);
    return answer(c, q, status, headers, body, (size_t)n, false);
}

/* Whether the repository lets the request through; else it was refused. */
static bool admitted(connection *c, const request *q, const repo *r, bool of_file, bool *open)
{
    bool good = strcmp(q->token, "hf_good") == 0;
    if (q->token[0] && !good && strcmp(q->token, "hf_other") != 0) {
        *open = refuse(c, q, 401, "", "Invalid credentials in Authorization header", "");
        return false;
    }
    if (!r || (r->hidden && !good)) {
        *open = refuse(c, q, q->token[0] ? 404 : 401, "RepoNotFound", "Repository not found", "");
        return false;
    }
    if (r->gated && of_file && !good) {
        *open = refuse(c, q, q->token[0] ? 403 : 401, "GatedRepo",
                       "Access to this model is restricted", "");
        return false;
    }
    return true;
}

/* /{id}/resolve/{revision}/{path} */
static bool answer_file(connection *c, const request *q, const char *at)
{
    char revision[512], path[2048], headers[1024];
    server *s = c->server;
    bool open = false;
    const char *rest = at + strlen("/resolve/"), *slash = strchr(rest, '/');
    repo *r = find_repo(s, q->target + 1);
    if (!admitted(c, q, r, true, &open))
        return open;
    if (!slash)
        return refuse(c, q, 404, "EntryNotFound", "Entry not found", "");
    decode(rest, (size_t)(slash - rest), revision, sizeof revision);
    decode(slash + 1, strcspn(slash + 1, "?"), path, sizeof path);
    commit *k = resolve(r, revision);
    if (!k)
        return refuse(c, q, 404, "RevisionNotFound", "Invalid rev id", "");
    file *f = find_file(k, path);
    snprintf(headers, sizeof headers, "X-Repo-Commit: %s\r\n", k->name);
    if (!f)
        return refuse(c, q, 404, "EntryNotFound", "Entry not found", headers);
    if (!f->lfs) {
        snprintf(headers, sizeof headers,
                 "X-Repo-Commit: %s\r\nETag: \"%s\"\r\nAccept-Ranges: bytes\r\n", k->name, f->sha1);
        return answer(c, q, 200, headers, f->data, f->size, true);
    }
    snprintf(headers, sizeof headers,
             "X-Repo-Commit: %s\r\nX-Linked-Etag: \"%s\"\r\nX-Linked-Size: %zu\r\n"
             "Location: %s/store/%s?signature=1\r\n",
             k->name, f->sha256, f->size, s->store_url, f->sha256);
    return answer(c, q, 302, headers, "", 0, false);
}

typedef struct text {
    char *data;
    size_t size;
} text;

static void append(text *t, const char *format, ...)
{
    char part[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(part, sizeof part, format, args);
    va_end(args);
    t->data = realloc(t->data, t->size + (size_t)n + 1);
    memcpy(t->data + t->size, part, (size_t)n + 1);
    t->size += (size_t)n;
}

static void append_string(text *t, const char *string)
{
    append(t, "\"");
    for (; *string; string++)
        append(t, *string == '"' || *string == '\\' ? "\\%c" : "%c", *string);
    append(t, "\"");
}

static size_t page_size(server *s)
{
    pthread_mutex_lock(&s->mutex);
    size_t size = s->page_size;
    pthread_mutex_unlock(&s->mutex);
    return size;
}

/* /api/models/{id}/tree/{revision}?...&cursor=N */
static bool answer_tree(connection *c, const request *q, const repo *r, const char *rest)
{
    char revision[512], headers[512] = "Content-Type: application/json\r\n";
    const char *cursor = strstr(q->target, "cursor=");
    size_t skip = cursor ? (size_t)atol(cursor + 7) : 0, n = 0, limit = page_size(c->server);
    text body = {0};
    decode(rest, strcspn(rest, "?/"), revision, sizeof revision);
    commit *k = resolve(r, revision);
    if (!k)
        return refuse(c, q, 404, "RevisionNotFound", "Invalid rev id", "");
    file *f = k->files;
    append(&body, "[{\"type\":\"directory\",\"oid\":\"%s\",\"size\":0,\"path\":\"some folder\"}",
           k->name);
    for (; f && n < skip + limit; f = f->next, n++) {
        if (n < skip)
            continue;
        append(&body, ",{\"type\":\"file\",\"oid\":\"%s\",\"size\":%zu,\"path\":", f->sha1,
               f->size);
        append_string(&body, f->name);
        if (f->lfs)
            append(&body,
                   ",\"lfs\":{\"oid\":\"%s\",\"size\":%zu,\"pointerSize\":%zu},\"xetHash\":\"%s\"",
                   f->sha256, f->size, (size_t)130, f->sha256);
        append(&body, "}");
    }
    append(&body, "]");
    if (f)
        snprintf(headers, sizeof headers,
                 "Content-Type: application/json\r\nLink: <%s/api/models/%s/tree/%s?recursive=true"
                 "&cursor=%zu>; rel=\"next\"\r\n",
                 c->server->url, r->id, k->name, n);
    bool open = answer(c, q, 200, headers, body.data, body.size, false);
    free(body.data);
    return open;
}

/* /api/models/{id}[/revision/{revision}], as far as huggingface_hub needs it */
static bool answer_info(connection *c, const request *q, const repo *r, const char *rest)
{
    char revision[512] = "main", body[1024];
    if (strncmp(rest, "/revision/", 10) == 0)
        decode(rest + 10, strcspn(rest + 10, "?"), revision, sizeof revision);
    commit *k = resolve(r, revision);
    if (!k)
        return refuse(c, q, 404, "RevisionNotFound", "Invalid rev id", "");
    int n = snprintf(body, sizeof body,
                     "{\"id\":\"%s\",\"modelId\":\"%s\",\"sha\":\"%s\",\"private\":false,"
                     "\"gated\":false,\"disabled\":false,\"tags\":[],\"siblings\":[]}",
                     r->id, r->id, k->name);
    return answer(c, q, 200, "Content-Type: application/json\r\n", body, (size_t)n, false);
}

static bool answer_api(connection *c, const request *q)
{
    static const char prefix[] = "/api/models/";
    bool open = false;
    const char *id = q->target + sizeof prefix - 1;
    repo *r = find_repo(c->server, id);
    const char *rest = r ? id + strlen(r->id) : "";
    if (!admitted(c, q, r, false, &open))
        return open;
    if (strncmp(rest, "/tree/", 6) == 0)
        return answer_tree(c, q, r, rest + 6);
    return answer_info(c, q, r, rest);
}

bool answer_hub(connection *c, const request *q)
{
    const char *at = strstr(q->target, "/resolve/");
    pthread_rwlock_rdlock(&c->server->repos_lock);
    bool open = strncmp(q->target, "/api/models/", 12) == 0 ? answer_api(c, q)
                : at                                        ? answer_file(c, q, at)
                                                            : answer(c, q, 404, "", "", 0, false);
    pthread_rwlock_unlock(&c->server->repos_lock);
    return open;
}

/* /store/{sha256}?signature=1: like S3, it takes no token. */
bool answer_store(connection *c, const request *q)
{
    bool open = false, found = false;
    if (q->token[0])
        return answer(c, q, 400, "", "", 0, false);
    pthread_rwlock_rdlock(&c->server->repos_lock);
    for (repo *r = c->server->repos; r && !found; r = r->next)
        for (commit *k = r->commits; k && !found; k = k->next)
            for (file *f = k->files; f && !found; f = f->next) {
                found = f->lfs && strncmp(q->target, "/store/", 7) == 0 &&
                        strncmp(q->target + 7, f->sha256, 64) == 0;
                if (found)
                    open = answer(c, q, 200, "ETag: \"of-the-store\"\r\n", f->data, f->size, true);
            }
    pthread_rwlock_unlock(&c->server->repos_lock);
    return found ? open : answer(c, q, 403, "", "", 0, false);
}
