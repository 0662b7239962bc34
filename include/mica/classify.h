/* SPDX-License-Identifier: MIT
 *
 * Texts, or pairs of texts, to labels with scores, as the text-classification pipeline of
 * transformers gives them.
 *
 *     mica_classes *classes = NULL;
 *     if (mica_classify(session, &text, NULL, 1, NULL, &classes, &err) == MICA_OK)
 *         printf("%s %f\n", mica_classes_get(classes, 0, NULL)->label,
 *                mica_classes_get(classes, 0, NULL)->score);
 */
#ifndef MICA_CLASSIFY_H
#define MICA_CLASSIFY_H

#include "mica/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mica_score_function {
    MICA_SCORE_DEFAULT, /* as the checkpoint asks: nothing for problem_type "regression"; sigmoid
                           for "multi_label_classification" or one label; softmax otherwise */
    MICA_SCORE_SOFTMAX,
    MICA_SCORE_SIGMOID,
    MICA_SCORE_NONE /* the logits */
} mica_score_function;

typedef struct mica_classify_options {
    mica_score_function function; /* default MICA_SCORE_DEFAULT */
    size_t top_k;                 /* labels for each text, best first; default 1; 0 = all */
    size_t max_length;            /* in tokens, special ones counted; 0 (default) = what tokenizer
                                     and model take. The longer text of a pair is cut first */
    bool no_truncate;    /* a longer text is TOO_LONG, naming its index; default false: it is cut */
    size_t batch_tokens; /* tokens computed at once; 0 = default. Does not change any result */
    unsigned reserved[8]; /* zero */
} mica_classify_options;
MICA_API void mica_classify_options_defaults(mica_classify_options *options);

typedef struct mica_class {
    const char *label; /* of id2label; lives as long as the model */
    int64_t id;
    float score;
} mica_class;

typedef struct mica_classes mica_classes;

/* Classifies `n` texts; results are in their order. `seconds` are the second texts of pairs, n of
 * them, or NULL; where one is empty, that text stands alone (as in the pipeline). A text's scores
 * do not depend on what else is in the call, bit for bit. `options` NULL = defaults. *out may be an
 * earlier result, which is reused, or NULL. UNSUPPORTED if the checkpoint has no sequence
 * classification head; INVALID_UTF8 names the text and the offset. On failure *out keeps an earlier
 * result (emptied), else is NULL. */
MICA_API mica_status mica_classify(mica_session *session, const mica_text *texts,
                                   const mica_text *seconds, size_t n,
                                   const mica_classify_options *options, mica_classes **out,
                                   mica_error *err);
MICA_API void mica_classes_destroy(mica_classes **classes);

MICA_API size_t mica_classes_count(const mica_classes *classes);
/* The labels of text i, best first, valid until the result is reused or destroyed; `count` (may be
 * NULL) gets how many. NULL if there is no text i. */
MICA_API const mica_class *mica_classes_get(const mica_classes *classes, size_t i, size_t *count);
MICA_API size_t mica_classes_tokens(const mica_classes *classes, size_t i);
MICA_API bool mica_classes_truncated(const mica_classes *classes, size_t i);

#ifdef __cplusplus
}
#endif
#endif
