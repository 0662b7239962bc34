/* SPDX-License-Identifier: MIT
 *
 * Building a tokenizer from files: tokenizer.json (load_json.c), vocab.txt (load_vocab.c), and what
 * tokenizer_config.json and its companions change (load_config.c).
 */
#ifndef MICA_TOKENIZER_LOAD_H
#define MICA_TOKENIZER_LOAD_H

#include "mica/json.h"
#include "mica/tokenizer.h"

/* The documents of a directory; any may be NULL. */
typedef struct mica_tok_files {
    const mica_json_value *tokenizer;                         /* tokenizer.json */
    const mica_json_value *config;                            /* tokenizer_config.json */
    const mica_json_value *special_tokens_map, *added_tokens; /* the legacy ones */
    const mica_json_value
        *model;        /* config.json: names the class if tokenizer_config.json does not */
    const char *vocab; /* vocab.txt */
    size_t vocab_size;
    bool as_written; /* a tokenizer.json alone: its truncation and padding count */
} mica_tok_files;

/* Fills an empty tokenizer, with arena and unicode tables ready. */
mica_status mica_tok_load(mica_tokenizer *tokenizer, const mica_tok_files *files, mica_error *err);

/* The parts of tokenizer.json as they are written. */
mica_status mica_tok_load_json(mica_tokenizer *tokenizer, const mica_json_value *json,
                               mica_error *err);
/* Its truncation and padding sections. */
mica_status mica_tok_load_sections(mica_tokenizer *tokenizer, const mica_json_value *json,
                                   mica_error *err);
/* Its vocabulary alone. */
mica_status mica_tok_load_json_vocab(mica_tokenizer *tokenizer, const mica_json_value *json,
                                     mica_error *err);
/* The lines of vocab.txt. */
mica_status mica_tok_load_vocab(mica_tokenizer *tokenizer, const char *text, size_t size,
                                mica_error *err);

/* The tokens of an "added_tokens" list of tokenizer.json, or another object with the same fields;
 * `required` = a missing field is an error, else it is as Python's AddedToken has it. */
struct mica_tok_added_flags;
mica_status mica_tok_load_added_flags(const mica_json_value *json, bool required,
                                      struct mica_tok_added_flags *out, mica_error *err);

/* The string of a value (NULL if it is none), up to its first NUL. */
static inline const char *mica_tok_json_text(const mica_json_value *value)
{
    size_t size;
    return mica_json_string(value, &size);
}

/* A member that may be true, false, or absent (null, another type): then `otherwise`. */
static inline bool mica_tok_json_flag(const mica_json_value *object, const char *key,
                                      bool otherwise)
{
    bool flag = otherwise;
    mica_json_bool(mica_json_get(object, key), &flag);
    return flag;
}

#endif
