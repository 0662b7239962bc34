/* SPDX-License-Identifier: MIT
 *
 * Building a tokenizer from files: which ones a directory has (load_dir.c), what a class makes of
 * them (class.h), tokenizer.json as it is written (load_json.c), vocab.txt, vocab.json and
 * merges.txt (load_vocab.c).
 */
#ifndef MICA_TOKENIZER_LOAD_H
#define MICA_TOKENIZER_LOAD_H

#include "mica/json.h"
#include "mica/tokenizer.h"
#include "tokenizer/bpe.h"

/* The files of a directory; any may be missing (NULL). */
typedef struct mica_tok_files {
    const mica_json_value *tokenizer;                         /* tokenizer.json */
    const mica_json_value *config;                            /* tokenizer_config.json */
    const mica_json_value *special_tokens_map, *added_tokens; /* the legacy ones */
    const mica_json_value
        *model;         /* config.json: names the class if tokenizer_config.json does not */
    bool as_written;    /* a tokenizer.json alone: its truncation and padding count */
    bool has_vocab_txt; /* there is a vocab.txt, read or not */
    /* Where there is no tokenizer.json, or the class wants them all the same: */
    const char *vocab; /* vocab.txt */
    size_t vocab_size;
    const mica_json_value *vocab_json;
    const char *merges; /* merges.txt */
    size_t merges_size;
    const char *spm; /* a SentencePiece model */
    size_t spm_size;
    const char *spm_name;
} mica_tok_files;

/* Opens a directory. */
mica_status mica_tok_open_dir(const char *dir, mica_tokenizer **out, mica_error *err);
/* Makes a tokenizer of files. */
mica_status mica_tok_create(const mica_tok_files *files, mica_tokenizer **out, mica_error *err);
/* Fills an empty tokenizer, with arena and unicode tables ready. */
mica_status mica_tok_load(mica_tokenizer *tokenizer, const mica_tok_files *files, mica_error *err);

/* The parts of tokenizer.json as they are written. */
mica_status mica_tok_load_json(mica_tokenizer *tokenizer, const mica_json_value *json,
                               mica_error *err);
/* Its truncation and padding sections. */
mica_status mica_tok_load_sections(mica_tokenizer *tokenizer, const mica_json_value *json,
                                   mica_error *err);
/* Its vocabulary alone, of a model whose vocabulary is an object; that of a Unigram model with the
 * `count` scores (freed with mica_free, also on failure); the merges, once there is a BPE model. */
mica_status mica_tok_load_json_vocab(mica_tokenizer *tokenizer, const mica_json_value *json,
                                     mica_error *err);
mica_status mica_tok_load_json_scores(mica_tokenizer *tokenizer, const mica_json_value *json,
                                      double **scores, size_t *count, mica_error *err);
mica_status mica_tok_load_json_merges(mica_tokenizer *tokenizer, const mica_json_value *json,
                                      mica_error *err);
/* After the last merge. */
mica_status mica_tok_finish_bpe(mica_tokenizer *tokenizer, mica_error *err);

/* The lines of vocab.txt, the members of vocab.json, the lines of merges.txt (which must stay until
 * mica_tok_bpe_finish). */
mica_status mica_tok_load_vocab(mica_tokenizer *tokenizer, const char *text, size_t size,
                                mica_error *err);
mica_status mica_tok_load_vocab_json(mica_tok_vocab *out, const mica_json_value *json,
                                     mica_error *err);
/* The same, and more may follow. */
mica_status mica_tok_put_vocab_json(mica_tok_vocab *out, const mica_json_value *json,
                                    mica_error *err);
mica_status mica_tok_load_merges(mica_tok_bpe *bpe, const char *text, size_t size, mica_error *err);

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
