/* SPDX-License-Identifier: MIT
 *
 * Any bytes as what a Hub or a cache says: the first byte chooses between a page of the tree API, a
 * trees/<commit>.json, an index of shards with a listing of its own. What is taken is selected
 * from, written, and read back.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "hub/listing.h"
#include "hub/select.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct input {
    const char *text;
    size_t size;
} input;

/* Every small file of the repository is the input itself. */
static mica_status give(void *user, const mica_hub_entry *entry, char **text, size_t *size,
                        mica_error *err)
{
    const input *in = user;
    *text = mica_memdup_text(in->text, in->size);
    *size = in->size;
    return *text ? MICA_OK : mica_fail_memory(err, in->size, "a file");
}

static void check_names(const mica_hub_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        const char *path = listing->items[i].path;
        if (!mica_hub_path_safe(path, strlen(path)) || path[0] == '/' || strstr(path, "/../"))
            abort();
        if (mica_hub_listing_find(listing, path) != &listing->items[i])
            abort();
    }
}

/* What is written is read back as the same. */
static void check_note(const mica_hub_listing *listing)
{
    mica_hub_listing again;
    mica_buf text;
    mica_error err = {0};
    bool known = false;
    mica_buf_init(&text, SIZE_MAX / 2);
    mica_hub_listing_init(&again);
    if (!mica_hub_listing_write(listing, &text) ||
        mica_hub_listing_note(&again, text.data, text.size, "note", &known, &err) || !known ||
        mica_hub_listing_finish(&again, &err) || again.count != listing->count)
        abort();
    for (size_t i = 0; i < again.count; i++)
        if (strcmp(again.items[i].path, listing->items[i].path) != 0 ||
            again.items[i].size != listing->items[i].size)
            abort();
    mica_hub_listing_free(&again);
    mica_buf_free(&text);
}

static void select_from(mica_hub_listing *listing, input *in)
{
    static const char *const patterns[] = {"*.json", "a[!b]?*"};
    mica_hub_reader reader = {give, in};
    mica_error err = {0};
    mica_hub_select_small(listing);
    if (mica_hub_select_rest(listing, &reader, true, &err) && !err.message[0])
        abort();
    mica_hub_select_matching(listing, patterns, 2);
    mica_hub_select_exclude(listing, patterns + 1, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const own[] = {
        "config.json",   "modules.json",        "model.safetensors.index.json",
        "a.safetensors", "x/model.safetensors", "x/config.json"};
    if (size == 0)
        return 0;
    input in = {(const char *)data + 1, size - 1};
    mica_hub_listing listing;
    mica_hub_entry *entry;
    mica_error err = {0};
    bool known = true;
    mica_status status = MICA_OK;
    mica_hub_listing_init(&listing);
    if (data[0] % 3 == 0)
        status = mica_hub_listing_page(&listing, in.text, in.size, "page", &err);
    else if (data[0] % 3 == 1)
        status = mica_hub_listing_note(&listing, in.text, in.size, "note", &known, &err);
    for (size_t i = 0; data[0] % 3 == 2 && i < sizeof own / sizeof *own; i++)
        if (mica_hub_listing_add(&listing, own[i], strlen(own[i]), &entry, &err))
            abort();
    if (status && !err.message[0])
        abort();
    if (!status && !mica_hub_listing_finish(&listing, &err)) {
        check_names(&listing);
        if (data[0] % 3 != 2)
            check_note(&listing);
        select_from(&listing, &in);
    }
    mica_hub_listing_free(&listing);
    return 0;
}
