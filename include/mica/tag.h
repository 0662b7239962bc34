/* SPDX-License-Identifier: MIT
 *
 * Labels of tokens, words and entities in texts, as the token-classification pipeline of
 * transformers gives them.
 *
 *     mica_entities *entities = NULL;
 *     mica_tag_options options;
 *     mica_tag_options_defaults(&options);
 *     options.aggregation = MICA_AGGREGATION_SIMPLE;
 *     if (mica_tag(session, &text, 1, &options, &entities, &err) == MICA_OK)
 *         for (size_t k = 0; k < mica_entities_found(entities, 0); k++)
 *             printf("%s\n", mica_entities_get(entities, 0, k)->label);
 *
 * A text of any length is tagged whole. One that is longer than a window (max_length) is computed
 * in windows that overlap, and what they say is put together as the pipeline does when it is given
 * a `stride`; without one the pipeline drops the rest of such a text, and so does this with
 * `truncate`.
 */
#ifndef MICA_TAG_H
#define MICA_TAG_H

#include "mica/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mica_aggregation {
    MICA_AGGREGATION_NONE,   /* every token by itself (special ones are left out) */
    MICA_AGGREGATION_SIMPLE, /* neighbouring tokens of the same kind are one entity; "B-" begins a
                                new one */
    /* The same for words, which have one label whatever their tokens have: */
    MICA_AGGREGATION_FIRST,   /* that of the first token */
    MICA_AGGREGATION_AVERAGE, /* the best one after averaging the tokens' scores */
    MICA_AGGREGATION_MAX      /* that of the token with the highest score */
} mica_aggregation;

typedef struct mica_tag_options {
    mica_aggregation aggregation; /* default MICA_AGGREGATION_NONE */
    /* Entities with these labels (as they are given out) are left out; NULL (default): "O". An
     * empty list that is not NULL leaves nothing out. */
    const char *const *ignore_labels;
    size_t n_ignore_labels;
    int64_t stride;    /* tokens of the text that neighbouring windows share; -1 (default): a
                          quarter of a window, at most 128 */
    bool truncate;     /* only the first window of a longer text; default false */
    size_t max_length; /* of a window in tokens, special ones counted; 0 (default) = what tokenizer
                          and model take */
    bool no_truncate;  /* a longer text is TOO_LONG, naming its index; default false */
    size_t batch_tokens;  /* tokens computed at once; 0 = default. Does not change any result */
    unsigned reserved[8]; /* zero */
} mica_tag_options;
MICA_API void mica_tag_options_defaults(mica_tag_options *options);

typedef struct mica_entity {
    const char *label; /* of id2label; aggregated, without what stands before its first '-' ("B-").
                          Lives as long as the model */
    float score;
    mica_text word;         /* the token ("##ing"), or the tokens' text, decoded; NUL-terminated */
    mica_span chars, bytes; /* where it stands in the text: code points, and bytes */
    size_t index; /* of the token in the whole text, special ones counted; 0 if aggregated */
} mica_entity;

typedef struct mica_entities mica_entities;

/* Tags `n` texts; results are in their order. A text's result does not depend on what else is in
 * the call, bit for bit. `options` NULL = defaults. *out may be an earlier result, which is reused,
 * or NULL. UNSUPPORTED if the checkpoint has no token classification head; INVALID_ARGUMENT if
 * `stride` leaves no step in a window; INVALID_UTF8 names the text and the offset. On failure *out
 * keeps an earlier result (emptied), else is NULL. */
MICA_API mica_status mica_tag(mica_session *session, const mica_text *texts, size_t n,
                              const mica_tag_options *options, mica_entities **out,
                              mica_error *err);
MICA_API void mica_entities_destroy(mica_entities **entities);

MICA_API size_t mica_entities_count(const mica_entities *entities); /* texts */
/* How many entities text i has; entity k of them, in the order of the text, valid until the result
 * is reused or destroyed, NULL if there is none. */
MICA_API size_t mica_entities_found(const mica_entities *entities, size_t i);
MICA_API const mica_entity *mica_entities_get(const mica_entities *entities, size_t i, size_t k);
/* How many tokens and windows of text i were computed, and whether `truncate` cut it. */
MICA_API size_t mica_entities_tokens(const mica_entities *entities, size_t i);
MICA_API size_t mica_entities_windows(const mica_entities *entities, size_t i);
MICA_API bool mica_entities_truncated(const mica_entities *entities, size_t i);

#ifdef __cplusplus
}
#endif
#endif
