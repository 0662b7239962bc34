/* SPDX-License-Identifier: MIT */
#include "tokenizer/fields.h"

mica_status mica_tok_fields_lack(const mica_tok_fields *f, const char *field)
{
    return mica_fail(f->err, MICA_STATUS_FORMAT, "%s %s: '%s' is missing or has the wrong type",
                     f->part, f->type, field);
}

mica_status mica_tok_fields_flag(const mica_tok_fields *f, const char *key, bool *out)
{
    return mica_json_bool(mica_json_get(f->json, key), out) ? MICA_OK
                                                            : mica_tok_fields_lack(f, key);
}

mica_status mica_tok_fields_keep(const mica_tok_fields *f, const char *text, size_t size,
                                 const char **out, size_t *out_size)
{
    *out = mica_arena_text(f->arena, text, size);
    *out_size = size;
    return *out ? MICA_OK : mica_fail_memory(f->err, size + 1, f->part);
}

mica_status mica_tok_fields_text(const mica_tok_fields *f, const char *key, const char **out,
                                 size_t *size)
{
    const char *text = mica_json_string(mica_json_get(f->json, key), size);

    return text ? mica_tok_fields_keep(f, text, *size, out, size) : mica_tok_fields_lack(f, key);
}
