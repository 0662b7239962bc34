/* SPDX-License-Identifier: MIT
 *
 * Texts to vectors, exactly as sentence-transformers computes them: prompt, tokenizer, model, the
 * modules of modules.json (Pooling, Dense, Normalize ...). Without modules.json: mean pooling, not
 * normalized.
 *
 *     mica_context *ctx; mica_model *model; mica_session *session; mica_embeddings *e = NULL;
 *     mica_error err = {0};
 *     mica_text text = {"hello", 5};
 *     if (mica_context_create(NULL, &ctx, &err) || mica_model_open(ctx, "dir", &model, &err) ||
 *         mica_session_create(model, &session, &err) ||
 *         mica_embed(session, &text, 1, NULL, &e, &err))
 *         fprintf(stderr, "%s\n", err.message);
 *     else
 *         printf("%f\n", mica_embeddings_vector(e, 0)[0]);
 */
#ifndef MICA_EMBED_H
#define MICA_EMBED_H

#include "mica/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mica_embed_options {
    /* "cls", "mean", "max", "mean_sqrt_len", "weightedmean", "lasttoken", or several joined by '+';
     * NULL (default): as the model says. */
    const char *pooling;
    int normalize;           /* 1 yes, 0 no, -1 (default) as the model says */
    const char *prompt_name; /* a prompt of config_sentence_transformers.json; NULL (default): the
                                model's default prompt. An unknown name is INVALID_ARGUMENT */
    const char *prompt;      /* a text put in front of each input; wins over prompt_name */
    size_t dimensions;       /* keep the first so many numbers, before normalizing; 0 = all */
    size_t max_length;       /* in tokens, special ones counted; 0 (default) = the model's */
    bool no_truncate;    /* a longer text is TOO_LONG, naming its index; default false: it is cut */
    size_t batch_tokens; /* tokens computed at once; 0 = default. Does not change any result */
    unsigned reserved[8]; /* zero */
} mica_embed_options;
MICA_API void mica_embed_options_defaults(mica_embed_options *options);

typedef struct mica_embeddings mica_embeddings;

/* Embeds `n` texts; results are in the order of the texts. A text's vector does not depend on what
 * else is in the call, bit for bit. An empty text is a text. `options` NULL = defaults. *out may be
 * an earlier result, which is reused, or NULL. INVALID_UTF8 names the text and the offset. On
 * failure *out keeps an earlier result (emptied), else is NULL. */
MICA_API mica_status mica_embed(mica_session *session, const mica_text *texts, size_t n,
                                const mica_embed_options *options, mica_embeddings **out,
                                mica_error *err);
MICA_API void mica_embeddings_destroy(mica_embeddings **embeddings);

MICA_API size_t mica_embeddings_count(const mica_embeddings *embeddings);
MICA_API size_t mica_embeddings_dimension(const mica_embeddings *embeddings);
/* `dimension` floats, valid until the result is reused or destroyed. */
MICA_API const float *mica_embeddings_vector(const mica_embeddings *embeddings, size_t i);
MICA_API size_t mica_embeddings_tokens(const mica_embeddings *embeddings, size_t i);
MICA_API bool mica_embeddings_truncated(const mica_embeddings *embeddings, size_t i);
/* What was applied: "mean", and whether vectors have length 1. */
MICA_API const char *mica_embeddings_pooling(const mica_embeddings *embeddings);
MICA_API bool mica_embeddings_normalized(const mica_embeddings *embeddings);

/* Cosine of the angle between two vectors, computed in double; 0 if one has no length, or an
 * infinite one, or holds a NaN. */
MICA_API double mica_cosine(const float *a, const float *b, size_t n);

#ifdef __cplusplus
}
#endif
#endif
