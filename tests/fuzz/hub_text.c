/* SPDX-License-Identifier: MIT
 *
 * Any text as an id, a file name, a header, a token, a path with variables, an address; cut in two
 * at the first newline where two are needed.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "hub/settings.h"
#include "hub/text.h"
#include "hub/transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const char *text, const char *other)
{
    mica_hub_id id;
    mica_error err = {0};
    char etag[MICA_HUB_ETAG_MAX + 1];
    size_t length = 0;
    bool failed = false;
    if (mica_hub_id_parse(text, &id, &err) == MICA_OK) {
        if (strstr(id.repo, "..") || strstr(id.revision, "..") || id.revision[0] == '/')
            abort();
    } else if (!err.message[0]) {
        abort();
    }
    if (mica_hub_path_safe(text, strlen(text)) &&
        (text[0] == '/' || strstr(text, "/../") || strncmp(text, "../", 3) == 0))
        abort();
    if (mica_hub_etag(text, etag) && (strchr(etag, '/') || etag[0] == '.' || !etag[0]))
        abort();
    const char *next = mica_hub_next_link(text, &length);
    if (next && (next < text || next + length > text + strlen(text)))
        abort();
    mica_hub_rate_limit(text);
    mica_hub_retry_after(text);
    mica_hub_match(text, other);
    mica_hub_distance(text, other, 5);
    mica_buf quoted;
    mica_buf_init(&quoted, 1 << 20);
    mica_hub_quote(&quoted, text, true);
    mica_buf_free(&quoted);
    char *url = mica_hub_url_join("https://h/a/b", text, &failed);
    if (url && strncmp(url, "https://", 8) != 0)
        abort();
    mica_free(url);
    url = mica_hub_url_join(other, text, &failed);
    mica_free(url);
    mica_hub_url_same_origin(text, other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool failed = false;
    char *text = mica_memdup_text((const char *)data, size);
    char *other = strchr(text, '\n');
    if (other)
        *other++ = 0;
    use(text, other ? other : "models/bert");
    char *token = mica_hub_clean_token((const char *)data, size, &failed);
    if (token && strpbrk(token, "\r\n"))
        abort();
    mica_free(token);
    char *path = mica_hub_expand(text);
    mica_free(path);
    mica_free(text);
    return 0;
}
