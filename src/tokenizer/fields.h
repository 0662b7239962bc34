/* SPDX-License-Identifier: MIT
 *
 * The fields of one component of tokenizer.json (a normalizer, a pre-tokenizer, a decoder): what is
 * missing or has the wrong type is FORMAT, by name.
 */
#ifndef MICA_TOKENIZER_FIELDS_H
#define MICA_TOKENIZER_FIELDS_H

#include "base/arena.h"
#include "base/error.h"
#include "mica/json.h"

typedef struct mica_tok_fields {
    const char *part; /* for errors: "normalizer" */
    const mica_json_value *json;
    const char *type;
    mica_arena *arena; /* texts are kept here */
    mica_error *err;
} mica_tok_fields;

mica_status mica_tok_fields_lack(const mica_tok_fields *f, const char *field);
mica_status mica_tok_fields_flag(const mica_tok_fields *f, const char *key, bool *out);
mica_status mica_tok_fields_text(const mica_tok_fields *f, const char *key, const char **out,
                                 size_t *size);
mica_status mica_tok_fields_keep(const mica_tok_fields *f, const char *text, size_t size,
                                 const char **out, size_t *out_size);

#endif
