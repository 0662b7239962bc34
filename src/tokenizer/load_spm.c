/* SPDX-License-Identifier: MIT
 *
 * From a SentencePiece model to the models of a class, as transformers converts it
 * (convert_slow_tokenizer.py): a Unigram model takes the pieces and their scores, a BPE model takes
 * the pieces, and for merges all ways to make one piece of two.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "tokenizer/class.h"
#include "tokenizer/sentencepiece.h"

#define EXTRA_IDS_MAX 10000

/* ---- special pieces ---- */

mica_status mica_tok_read_spm(mica_tok_loader *l, mica_error *err)
{
    mica_tok_spm *spm = &l->spm;
    mica_status status = mica_tok_spm_read(spm, l->files->spm, l->files->spm_size, err);

    if (status != MICA_OK)
        mica_error_prefix(err, "%s: ", l->files->spm_name);
    return status;
}

static void name_special(mica_tok_loader *l, int which, int32_t id, mica_text piece)
{
    mica_tok_new *named = &l->named[which];

    if (named->given || id < 0)
        return;
    named->content = piece.data;
    named->size = piece.size;
}

mica_status mica_tok_take_special_pieces(mica_tok_loader *l, mica_error *err)
{
    const mica_tok_spm *spm = &l->spm;
    mica_status status = MICA_OK;

    if (l->class->generic) {
        name_special(l, MICA_TOK_BOS, spm->bos_id, spm->bos_piece);
        name_special(l, MICA_TOK_EOS, spm->eos_id, spm->eos_piece);
        name_special(l, MICA_TOK_UNK, spm->unk_id, spm->unk_piece);
    }
    if (l->extra_fixed)
        return MICA_OK;
    l->extra_given = true;
    l->extra.count = 0;
    for (size_t i = 0; i < spm->count && status == MICA_OK; i++) {
        const mica_tok_spm_piece *piece = &spm->pieces[i];

        if (piece->type == MICA_TOK_SPM_CONTROL || piece->type == MICA_TOK_SPM_USER_DEFINED)
            status = mica_tok_put_extra(l, piece->data, piece->size,
                                        piece->type == MICA_TOK_SPM_CONTROL, err);
    }
    return status;
}

/* ---- T5's sentinels ---- */

int64_t mica_tok_extra_ids(const mica_tok_loader *l)
{
    int64_t n = 100;

    mica_json_int64(mica_json_get(l->files->config, "extra_ids"), &n);
    return n < 0 ? 0 : n > EXTRA_IDS_MAX ? EXTRA_IDS_MAX : n;
}

const char *mica_tok_extra_id(mica_tok_loader *l, int64_t i, size_t *size, mica_error *err)
{
    char text[40];
    const char *kept;

    *size = (size_t)snprintf(text, sizeof text, "<extra_id_%lld>", (long long)i);
    kept = mica_arena_text(&l->t->arena, text, *size);
    if (!kept)
        mica_fail_memory(err, *size, "special tokens");
    return kept;
}

/* ---- Unigram ---- */

typedef struct scored {
    mica_tok_vocab *vocab;
    double *scores;
    size_t count;
} scored;

static mica_status put_scored(scored *list, const char *data, size_t size, double score,
                              mica_error *err)
{
    list->scores[list->count] = score;
    return mica_tok_vocab_put(list->vocab, data, size, (int64_t)list->count++, err);
}

/* Pieces that the class's row puts before or after those of the model. */
static mica_status put_words(mica_tok_loader *l, const char *text, scored *list, mica_error *err)
{
    mica_status status = MICA_OK;

    while (text && *text && status == MICA_OK) {
        size_t length = strcspn(text, " "), size = strcspn(text, "= ");
        const mica_tok_new *named = mica_tok_attribute(l, text, size);
        double score = text[size] == '=' ? -100 : 0;

        if (text[0] == '@') {
            for (int64_t i = mica_tok_extra_ids(l) - 1; i >= 0 && status == MICA_OK; i--) {
                size_t token_size;
                const char *token = mica_tok_extra_id(l, i, &token_size, err);
                status =
                    token ? put_scored(list, token, token_size, 0, err) : MICA_STATUS_OUT_OF_MEMORY;
            }
        } else if (!named) {
            status = put_scored(list, text, size, score, err);
        } else if (!named->content) {
            status = mica_fail(err, MICA_STATUS_FORMAT, "tokenizer_config.json: there is no %.*s",
                               (int)size, text);
        } else {
            status = put_scored(list, named->content, named->size, score, err);
        }
        text += length + (text[length] == ' ');
    }
    return status;
}

mica_status mica_tok_spm_scores(mica_tok_loader *l, double **scores, size_t *count, mica_error *err)
{
    const mica_tok_spm *spm = &l->spm;
    size_t room = spm->count + 16 + EXTRA_IDS_MAX;
    scored list = {.vocab = &l->t->vocab};
    mica_status status = mica_tok_vocab_reserve(list.vocab, spm->count + 128, err);

    list.vocab->keeps_repeated = true;
    if (status != MICA_OK)
        return status;
    *scores = list.scores = mica_alloc_array(room, sizeof **scores);
    if (!list.scores)
        return mica_fail_memory(err, room * sizeof **scores, "a vocabulary");
    status = put_words(l, l->class->head, &list, err);
    for (size_t i = l->class->skip; i < spm->count && status == MICA_OK; i++)
        status = put_scored(&list, spm->pieces[i].data, spm->pieces[i].size,
                            (double)spm->pieces[i].score, err);
    if (status == MICA_OK)
        status = put_words(l, l->class->tail, &list, err);
    *count = list.count;
    return status == MICA_OK ? mica_tok_vocab_finish(list.vocab, err) : status;
}

/* ---- BPE ---- */

/* Puts a string into the vocabulary with the next id, unless it has been put there. */
static mica_status put_once(mica_tok_vocab *vocab, mica_map *seen, const char *data, size_t size,
                            mica_error *err)
{
    switch (mica_map_add(seen, data, size, 0)) {
    case MICA_MAP_ADDED:
        return mica_tok_vocab_put(vocab, data, size, (int64_t)vocab->count, err);
    case MICA_MAP_EXISTS:
        break;
    case MICA_MAP_NO_MEMORY:
        return mica_fail_memory(err, size, "a vocabulary");
    }
    return MICA_OK;
}

/* The pieces behind those of the class's row. */
static mica_status put_behind(mica_tok_loader *l, mica_error *err)
{
    const mica_tok_spm *spm = &l->spm;
    const char *text = l->class->head;
    mica_map *seen = mica_map_create();
    mica_status status = seen ? MICA_OK : mica_fail_memory(err, 0, "a vocabulary");

    while (*text && status == MICA_OK) {
        size_t size = strcspn(text, " ");
        const mica_tok_new *named = mica_tok_attribute(l, text, size);

        status = named && named->content
                     ? put_once(&l->t->vocab, seen, named->content, named->size, err)
                     : mica_fail(err, MICA_STATUS_FORMAT, "tokenizer_config.json: there is no %.*s",
                                 (int)size, text);
        text += size + (text[size] == ' ');
    }
    for (size_t i = 0; i < spm->count && status == MICA_OK; i++)
        status = put_once(&l->t->vocab, seen, spm->pieces[i].data, spm->pieces[i].size, err);
    mica_map_destroy(&seen);
    return status;
}

/* Where no class says otherwise, tokens of added_tokens_decoder take the places of the pieces with
 * their ids (of placeholders, as a rule), unless they are pieces themselves. */
static mica_status put_renamed(mica_tok_loader *l, mica_error *err)
{
    const mica_tok_spm *spm = &l->spm;
    const mica_json_value *v =
        mica_json_first(mica_json_get(l->files->config, "added_tokens_decoder"));
    const mica_json_value **names = mica_calloc(spm->count, sizeof *names);
    mica_map *all = mica_map_create();
    mica_status status = MICA_OK;

    if (!names || !all)
        status = mica_fail_memory(err, spm->count * sizeof *names, "a vocabulary");
    for (size_t i = 0; i < spm->count && status == MICA_OK; i++)
        if (mica_map_set(all, spm->pieces[i].data, spm->pieces[i].size, i) == MICA_MAP_NO_MEMORY)
            status = mica_fail_memory(err, spm->pieces[i].size, "a vocabulary");
    for (; v && status == MICA_OK; v = mica_json_next(v)) {
        const mica_json_value *content = mica_json_get(v, "content");
        size_t size = 0, id = 0, key_size;
        const char *key = mica_json_key(v, &key_size), *name = mica_json_string(content, &size);

        while (*key >= '0' && *key <= '9' && id < spm->count)
            id = id * 10 + (size_t)(*key++ - '0');
        if (*key || id >= spm->count || !name)
            continue;
        switch (mica_map_add(all, name, size, id)) {
        case MICA_MAP_ADDED:
            names[id] = content;
            break;
        case MICA_MAP_EXISTS:
            break;
        case MICA_MAP_NO_MEMORY:
            status = mica_fail_memory(err, size, "a vocabulary");
            break;
        }
    }
    for (size_t i = 0; i < spm->count && status == MICA_OK; i++) {
        size_t size = spm->pieces[i].size;
        const char *data = names[i] ? mica_json_string(names[i], &size) : spm->pieces[i].data;
        status = mica_tok_vocab_put(&l->t->vocab, data, size, (int64_t)i, err);
    }
    mica_free(names);
    mica_map_destroy(&all);
    return status;
}

mica_status mica_tok_spm_vocab(mica_tok_loader *l, mica_error *err)
{
    mica_tok_vocab *vocab = &l->t->vocab;
    const mica_tok_spm *spm = &l->spm;
    mica_status status = mica_tok_vocab_reserve(vocab, spm->count + 8, err);

    if (status != MICA_OK)
        return status;
    if (l->class->head)
        status = put_behind(l, err);
    else if (l->class->generic)
        status = put_renamed(l, err);
    else
        for (size_t i = 0; i < spm->count && status == MICA_OK; i++)
            status = mica_tok_vocab_put(vocab, spm->pieces[i].data, spm->pieces[i].size, (int64_t)i,
                                        err);
    return status == MICA_OK ? mica_tok_vocab_finish(vocab, err) : status;
}

typedef struct merger {
    mica_tok_loader *l;
    uint32_t rank;
} merger;

/* The id of a piece. */
static int32_t id_of(const mica_tok_loader *l, size_t i)
{
    const mica_tok_spm_piece *piece = &l->spm.pieces[i];

    return l->class->head ? mica_tok_vocab_find(&l->t->vocab, piece->data, piece->size)
                          : (int32_t)i;
}

static mica_status put_merge(void *user, size_t whole, size_t left, size_t right, mica_error *err)
{
    merger *m = user;

    return mica_tok_bpe_add_merge(&m->l->t->model.bpe, id_of(m->l, left), id_of(m->l, right),
                                  id_of(m->l, whole), m->rank++, err);
}

mica_status mica_tok_spm_merges(mica_tok_loader *l, mica_error *err)
{
    merger m = {l, 0};

    return mica_tok_spm_each_merge(l->spm.pieces, l->spm.count, put_merge, &m, err);
}
