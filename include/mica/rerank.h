/* SPDX-License-Identifier: MIT
 *
 * How well documents answer a query, read together with it by a cross-encoder, as the CrossEncoder
 * of sentence-transformers has it.
 *
 *     mica_ranking *ranking = NULL;
 *     if (mica_rerank(session, query, documents, n, NULL, &ranking, &err) == MICA_OK)
 *         printf("best: document %zu\n", mica_ranking_get(ranking, 0)->index);
 */
#ifndef MICA_RERANK_H
#define MICA_RERANK_H

#include "mica/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mica_rerank_options {
    bool raw_scores; /* logits; default false: the activation that the checkpoint asks for, or else
                        sigmoid for one label and none for several */
    const char *label; /* of a model with several labels: the one whose score ranks. NULL (default):
                          the documents keep their order */
    size_t top_k;      /* keep so many documents; 0 (default) = all */
    size_t max_length; /* in tokens, of query and document together, special ones counted; 0
                          (default) = the model's. The longer of the two is cut first */
    bool no_truncate; /* a longer pair is TOO_LONG, naming the document; default false: it is cut */
    size_t batch_tokens;  /* tokens computed at once; 0 = default. Does not change any result */
    unsigned reserved[8]; /* zero */
} mica_rerank_options;
MICA_API void mica_rerank_options_defaults(mica_rerank_options *options);

typedef struct mica_rank {
    size_t index; /* of the document in the call */
    float score;  /* of the label that ranks; of label 0 if none of several does */
    size_t tokens;
    bool truncated;
} mica_rank;

typedef struct mica_ranking mica_ranking;

/* Scores `n` documents and ranks them: best first, of equal scores the earlier document. A
 * document's score does not depend on the others, bit for bit. `options` NULL = defaults. *out may
 * be an earlier result, which is reused, or NULL. UNSUPPORTED if the checkpoint has no sequence
 * classification head, or asks for an activation that mica does not know; INVALID_UTF8 names the
 * query or the document ("text 3"), and the offset. On failure *out keeps an earlier result
 * (emptied), else is NULL. */
MICA_API mica_status mica_rerank(mica_session *session, mica_text query, const mica_text *documents,
                                 size_t n, const mica_rerank_options *options, mica_ranking **out,
                                 mica_error *err);
MICA_API void mica_ranking_destroy(mica_ranking **ranking);

MICA_API size_t mica_ranking_count(const mica_ranking *ranking);
/* Valid until the result is reused or destroyed; NULL if there is no entry i. */
MICA_API const mica_rank *mica_ranking_get(const mica_ranking *ranking, size_t i);
/* The scores of entry i for all labels, in the order of their ids. */
MICA_API const float *mica_ranking_scores(const mica_ranking *ranking, size_t i, size_t *labels);

#ifdef __cplusplus
}
#endif
#endif
