/* SPDX-License-Identifier: MIT
 *
 * The files of a directory that make its tokenizer.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "tokenizer/class.h"

#define FILE_MAX ((size_t)1 << 30)

enum { TOKENIZER, CONFIG, SPECIAL_TOKENS_MAP, ADDED_TOKENS, MODEL, VOCAB_JSON, DOCUMENTS };
static const char *const names[DOCUMENTS] = {
    "tokenizer.json",    "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "config.json",           "vocab.json"};

typedef struct directory {
    const char *path;
    mica_json *documents[DOCUMENTS];
    char *vocab, *merges, *spm;
    mica_tok_files files;
} directory;

/* Whether there is such a file. */
static mica_status has(const directory *d, const char *name, bool *there, mica_error *err)
{
    char *path = mica_path_join(d->path, name);

    if (!path)
        return mica_fail_memory(err, strlen(d->path), "a path");
    *there = mica_file_exists(path);
    mica_free(path);
    return MICA_OK;
}

/* Parses a document if it is there. */
static mica_status parse(directory *d, int which, mica_error *err)
{
    char *path = mica_path_join(d->path, names[which]);
    mica_status status = MICA_OK;

    if (!path)
        return mica_fail_memory(err, strlen(d->path), "a path");
    if (mica_file_exists(path))
        status = mica_json_parse_file(path, &d->documents[which], err);
    mica_free(path);
    return status;
}

static const mica_json_value *root(const directory *d, int which)
{
    return d->documents[which] ? mica_json_root(d->documents[which]) : NULL;
}

/* Reads a file if it is there. */
static mica_status read(directory *d, const char *name, char **out, size_t *size, mica_error *err)
{
    char *path = mica_path_join(d->path, name);
    mica_status status = MICA_OK;

    if (!path)
        return mica_fail_memory(err, strlen(d->path), "a path");
    if (mica_file_exists(path))
        status = mica_file_read(path, FILE_MAX, out, size, err);
    mica_free(path);
    return status;
}

static mica_status lacks(const directory *d, const char *what, mica_error *err)
{
    const char *name = mica_tok_class_name(&d->files);

    return mica_fail(err, MICA_STATUS_NOT_FOUND, "'%s' has neither tokenizer.json nor %s%s%s",
                     d->path, what, name ? ", from which to build a " : "", name ? name : "");
}

static mica_status read_spm(directory *d, const mica_tok_class *class, mica_error *err)
{
    mica_tok_files *f = &d->files;
    bool own = false;
    mica_status status = has(d, class->spm, &own, err);

    f->spm_name = own ? class->spm : "tokenizer.model";
    if (status == MICA_OK)
        status = read(d, f->spm_name, &d->spm, &f->spm_size, err);
    f->spm = d->spm;
    if (status == MICA_OK && !f->spm)
        status = class->generic ? lacks(d,
                                        "vocab.txt nor tokenizer.model (other vocabularies need a "
                                        "tokenizer_class or a model_type)",
                                        err)
                                : lacks(d, class->spm, err);
    return status;
}

/* What the class needs if there is no tokenizer.json. */
static mica_status read_vocabulary(directory *d, const mica_tok_class *class, mica_error *err)
{
    mica_tok_files *f = &d->files;
    const char *name = mica_tok_class_name(f);
    mica_status status = MICA_OK;

    if (class->generic && name && mica_tok_class_unsupported(name))
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "tokenizer class '%s' is not supported without a tokenizer.json", name);
    if (class->vocab && strcmp(class->vocab, "vocab.txt") == 0) {
        status = read(d, class->vocab, &d->vocab, &f->vocab_size, err);
        f->vocab = d->vocab;
        if (status == MICA_OK && !f->vocab)
            status = lacks(d, class->vocab, err);
    } else if (class->vocab) {
        status = parse(d, VOCAB_JSON, err);
        f->vocab_json = root(d, VOCAB_JSON);
        if (status == MICA_OK && !f->vocab_json)
            status = lacks(d, class->vocab, err);
    }
    if (class->merges && status == MICA_OK) {
        status = read(d, class->merges, &d->merges, &f->merges_size, err);
        f->merges = d->merges;
        if (status == MICA_OK && !f->merges)
            status = lacks(d, class->merges, err);
    }
    return class->spm && status == MICA_OK ? read_spm(d, class, err) : status;
}

mica_status mica_tok_open_dir(const char *path, mica_tokenizer **out, mica_error *err)
{
    directory d = {.path = path};
    mica_tok_files *f = &d.files;
    mica_status status = MICA_OK;

    for (int i = 0; i < VOCAB_JSON && status == MICA_OK; i++)
        status = parse(&d, i, err);
    f->tokenizer = root(&d, TOKENIZER);
    f->config = root(&d, CONFIG);
    f->special_tokens_map = root(&d, SPECIAL_TOKENS_MAP);
    f->added_tokens = root(&d, ADDED_TOKENS);
    f->model = root(&d, MODEL);
    if (status == MICA_OK)
        status = has(&d, "vocab.txt", &f->has_vocab_txt, err);
    if (status == MICA_OK) {
        bool known;
        const mica_tok_class *class = mica_tok_class_find(f, &known);

        if (!f->tokenizer || class->model == MICA_TOK_SENTENCEPIECE)
            status = read_vocabulary(&d, class, err);
    }
    if (status == MICA_OK) {
        status = mica_tok_create(f, out, err);
        if (status != MICA_OK)
            mica_error_prefix(err, "%s: ", path);
    }
    mica_free(d.vocab);
    mica_free(d.merges);
    mica_free(d.spm);
    for (int i = 0; i < DOCUMENTS; i++)
        mica_json_destroy(&d.documents[i]);
    return status;
}
