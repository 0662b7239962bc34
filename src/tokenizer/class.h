/* SPDX-License-Identifier: MIT
 *
 * The tokenizer classes of transformers that mica builds itself: one row each (classes.c). A class
 * takes the vocabulary out of whatever file there is, and the rest of its pipeline from its row.
 *
 * Texts of a row are written as in tokenizer.json, with the settings of tokenizer_config.json in
 * them: "@name" stands for the value of the setting `name`, else for its default in `settings`.
 * "@prepend" and "@strip" are how words begin, made of add_prefix_space and legacy; "@bytes" is
 * ByteFallback where the SentencePiece model has it.
 */
#ifndef MICA_TOKENIZER_CLASS_H
#define MICA_TOKENIZER_CLASS_H

#include "tokenizer/internal.h"
#include "tokenizer/load.h"
#include "tokenizer/spm.h"

/* The attributes of a tokenizer that name a special token, in the order in which they are added. */
enum {
    MICA_TOK_BOS,
    MICA_TOK_EOS,
    MICA_TOK_UNK,
    MICA_TOK_SEP,
    MICA_TOK_PAD,
    MICA_TOK_CLS,
    MICA_TOK_MASK,
    MICA_TOK_NAMED
};
extern const char *const mica_tok_attributes[MICA_TOK_NAMED];

typedef struct mica_tok_loader mica_tok_loader;

typedef struct mica_tok_class {
    const char *name;    /* in transformers; also with "Fast" at its end */
    const char *aliases; /* other names of it, with spaces between them */
    const char *types;   /* values of model_type whose class it is, with spaces between them */
    const char *forced;  /* those of them that have it whatever class the files name */
    bool generic;        /* takes a tokenizer.json as it is written */
    /* What it is made of where there is no tokenizer.json. */
    const char *vocab, *merges, *spm; /* file names, or NULL */
    mica_tok_model_kind model;
    const char *named[MICA_TOK_NAMED]; /* special tokens, or NULL */
    bool mask_takes_space;             /* the mask token takes the white space before it along */
    bool plain_special;                /* special tokens lose whatever flags the files give them */
    const char *settings;              /* "name=default", with spaces between them */
    const char *normalizer, *pre_tokenizer, *decoder;
    bool charsmap;           /* the file's character map comes first */
    bool only_with_charsmap; /* and without one there is no normalizer at all */
    const char *unknown;     /* BPE: "unk_token", or NULL: unknown characters are left out */
    bool fuse_unknown, byte_fallback; /* BPE */
    const char *unknown_id;           /* Unigram: the id, or NULL: that of unk_token */
    /* Unigram out of a SentencePiece model: `skip` pieces less at the start, and these instead, or
     * at the end: attributes or texts, "=score" at their end if it is not 0. */
    const char *head, *tail;
    size_t skip;
    /* Where texts and special tokens go, as transformers writes it: "cls_token:0 $A:0 sep_token:0".
     * NULL: as in tokenizer.json, else as add_bos_token and add_eos_token say. */
    const char *single, *pair;
    /* The settings (or "true", "false") that say whether offsets leave white space out, and whether
     * a space at the start of a text is an added one; NULL: they do not. */
    const char *trim, *trim_prefix;
    bool pad_left;
    /* Languages: their codes, with spaces between them, the one that src_lang is by default, and
     * what stands before and after a code in its token. */
    const char *languages, *language, *language_mark;
    /* What else the class does about its special tokens, once they are read. */
    mica_status (*prepare)(mica_tok_loader *l, mica_error *err);
} mica_tok_class;

/* A token to add; its strings belong to the files, or the arena. */
typedef struct mica_tok_new {
    const char *content;
    size_t size;
    mica_tok_added_flags flags;
    int64_t index; /* in added_tokens_decoder */
    size_t order;
    bool given; /* a special token that the files name, be it as null */
    bool plain; /* a special token that is not said to have flags of its own */
} mica_tok_new;

typedef struct mica_tok_news {
    mica_tok_new *items;
    size_t count, capacity;
} mica_tok_news;

/* A tokenizer on its way out of its files. */
struct mica_tok_loader {
    mica_tokenizer *t;
    const mica_tok_files *files;
    const mica_tok_class *class;
    bool known;  /* the files name a class, or a model type */
    bool legacy; /* no added_tokens_decoder: special_tokens_map.json and added_tokens.json count */
    mica_tok_spm spm; /* what is in the SentencePiece model, if there is one */
    mica_tok_new named[MICA_TOK_NAMED];
    mica_tok_news own;   /* special tokens of this model only: "image_token" */
    mica_tok_news extra; /* further special tokens */
    bool extra_fixed;    /* the files list them as extra_special_tokens: the class has no say */
    bool extra_given;    /* or else as additional_special_tokens */
    mica_tok_news add;   /* all that is added, in this order; `added` has their contents */
    mica_map *added;
};
void mica_tok_loader_release(mica_tok_loader *l);

/* ---- classes.c ---- */

/* The class of a tokenizer's files, as AutoTokenizer finds it; never NULL. *known = the files name
 * it, or a model type. */
const mica_tok_class *mica_tok_class_find(const mica_tok_files *files, bool *known);
/* What the files call it, or NULL. */
const char *mica_tok_class_name(const mica_tok_files *files);
/* Whether a class is one that transformers builds in its own way, which mica does not know. */
bool mica_tok_class_unsupported(const char *name);
/* Whether a word stands in a list with spaces between. */
bool mica_tok_listed(const char *list, const char *word, size_t size);

/* ---- special_tokens.c ---- */

/* Reads the special tokens that files and class name. */
mica_status mica_tok_read_special(mica_tok_loader *l, mica_error *err);
/* One more of the further special tokens. */
mica_status mica_tok_put_extra(mica_tok_loader *l, const char *content, size_t size, bool special,
                               mica_error *err);
/* Adds them all, and the other added tokens of the files, to the tokenizer. */
mica_status mica_tok_add_special(mica_tok_loader *l, mica_error *err);
/* The content of an attribute ("bos_token"), NULL if it is no such name. */
const mica_tok_new *mica_tok_attribute(const mica_tok_loader *l, const char *name, size_t size);
/* The id of a token, else that of the unknown token, else -1. */
int64_t mica_tok_id_or_unknown(const mica_tok_loader *l, const char *content, size_t size);

/* ---- load_class.c ---- */

/* A setting of tokenizer_config.json that is true or false, with the class's default. */
bool mica_tok_setting(const mica_tok_loader *l, const char *name);
/* Normalizer, pre-tokenizer, model and decoder of the loader's class. */
mica_status mica_tok_build_class(mica_tok_loader *l, mica_error *err);
/* Where its special tokens go, once they have ids. */
mica_status mica_tok_build_template(mica_tok_loader *l, mica_error *err);

/* What some classes do about their further special tokens (`prepare` of their rows). */
mica_status mica_tok_prepare_camembert(mica_tok_loader *l, mica_error *err);
mica_status mica_tok_prepare_t5(mica_tok_loader *l, mica_error *err);
mica_status mica_tok_prepare_nllb(mica_tok_loader *l, mica_error *err);

/* ---- load_spm.c ---- */

/* Reads the SentencePiece model. */
mica_status mica_tok_read_spm(mica_tok_loader *l, mica_error *err);
/* Takes its special pieces for special tokens, as transformers' conversion does. */
mica_status mica_tok_take_special_pieces(mica_tok_loader *l, mica_error *err);
/* Its pieces as the vocabulary of a Unigram model, with `count` scores (freed with mica_free, also
 * on failure). */
mica_status mica_tok_spm_scores(mica_tok_loader *l, double **scores, size_t *count,
                                mica_error *err);
/* Its pieces as the vocabulary of a BPE model, and the merges, once the model is there. */
mica_status mica_tok_spm_vocab(mica_tok_loader *l, mica_error *err);
mica_status mica_tok_spm_merges(mica_tok_loader *l, mica_error *err);
/* How many sentinels T5 has, and the i-th ("<extra_id_0>"), NULL = out of memory. */
int64_t mica_tok_extra_ids(const mica_tok_loader *l);
const char *mica_tok_extra_id(mica_tok_loader *l, int64_t i, size_t *size, mica_error *err);

/* ---- languages.c ---- */

/* The token of the text's language in a template. */
mica_status mica_tok_put_language(mica_tok_loader *l, mica_tok_template_piece *piece,
                                  mica_error *err);

/* ---- load_m2m100.c ---- */

mica_status mica_tok_build_m2m100(mica_tok_loader *l, mica_error *err);

#endif
