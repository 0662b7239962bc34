/* SPDX-License-Identifier: MIT
 *
 * What may stand where a text has the mask token, as the fill-mask pipeline of transformers has it.
 *
 *     mica_fills *fills = NULL;
 *     mica_text text = {"Paris is the [MASK] of France.", 30};
 *     if (mica_fill_mask(session, &text, 1, NULL, &fills, &err) == MICA_OK)
 *         printf("%s\n", mica_fills_get(fills, 0, 0, NULL)->sequence.data);
 */
#ifndef MICA_FILL_MASK_H
#define MICA_FILL_MASK_H

#include "mica/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mica_fill_mask_options {
    size_t top_k; /* fillings for each mask, best first; default 5 */
    /* Only these tokens are looked at (mica_fill_mask_targets finds them), none twice; 0 (default):
     * the whole vocabulary. Scores are those among the whole vocabulary all the same. */
    const int64_t *targets;
    size_t n_targets;
    size_t max_length;   /* in tokens, special ones counted; 0 (default) = what tokenizer and model
                            take */
    bool no_truncate;    /* a longer text is TOO_LONG, naming its index; default false: it is cut */
    size_t batch_tokens; /* tokens computed at once; 0 = default. Does not change any result */
    unsigned reserved[8]; /* zero */
} mica_fill_mask_options;
MICA_API void mica_fill_mask_options_defaults(mica_fill_mask_options *options);

typedef struct mica_fill {
    float score; /* probability among the whole vocabulary */
    int64_t token;
    mica_text token_str; /* the token, decoded; NUL-terminated */
    mica_text sequence;  /* the text with this token in the mask's place, decoded; NUL-terminated.
                            Special tokens are left out, but not if there are several masks */
} mica_fill;

typedef struct mica_fills mica_fills;

/* The tokens of texts, as targets: a token of the vocabulary itself, or else the first that the
 * tokenizer makes of the text (with a warning to the context's log); a text that gives none is
 * ignored (with a warning). `ids` has room for n; *count gets how many different ones there are.
 * INVALID_ARGUMENT if there are none. */
MICA_API mica_status mica_fill_mask_targets(const mica_model *model, const mica_text *texts,
                                            size_t n, int64_t *ids, size_t *count, mica_error *err);

/* Fills the masks of `n` texts; results are in their order. A text's result does not depend on what
 * else is in the call, bit for bit. `options` NULL = defaults. *out may be an earlier result, which
 * is reused, or NULL. UNSUPPORTED if the checkpoint has no head for masked language modelling or
 * its tokenizer no mask token; INVALID_ARGUMENT names a text without a mask; INVALID_UTF8 the text
 * and the offset. On failure *out keeps an earlier result (emptied), else is NULL. */
MICA_API mica_status mica_fill_mask(mica_session *session, const mica_text *texts, size_t n,
                                    const mica_fill_mask_options *options, mica_fills **out,
                                    mica_error *err);
MICA_API void mica_fills_destroy(mica_fills **fills);

MICA_API size_t mica_fills_count(const mica_fills *fills);
/* How many masks text i has. */
MICA_API size_t mica_fills_masks(const mica_fills *fills, size_t i);
/* The fillings of a mask of text i, best first, valid until the result is reused or destroyed;
 * `count` (may be NULL) gets how many. NULL if there is no such text or mask. */
MICA_API const mica_fill *mica_fills_get(const mica_fills *fills, size_t i, size_t mask,
                                         size_t *count);
MICA_API size_t mica_fills_tokens(const mica_fills *fills, size_t i);
MICA_API bool mica_fills_truncated(const mica_fills *fills, size_t i);

#ifdef __cplusplus
}
#endif
#endif
