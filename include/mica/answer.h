/* SPDX-License-Identifier: MIT
 *
 * Where a text answers a question, as the question-answering pipeline of transformers (4.57:
 * version 5 has none) finds it.
 *
 *     mica_extracts *extracts = NULL;
 *     if (mica_answer(session, &question, &context, 1, NULL, &extracts, &err) == MICA_OK)
 *         printf("%s\n", mica_extracts_get(extracts, 0, NULL)->answer.data);
 *
 * A context of any length is read whole: what does not fit beside the question into a window of
 * max_seq_len tokens is read in windows that overlap by doc_stride tokens. An answer that comes up
 * several times (letters' case apart) is one, where it came up first, and its scores are added; a
 * score may so exceed 1.
 */
#ifndef MICA_ANSWER_H
#define MICA_ANSWER_H

#include "mica/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mica_answer_options {
    size_t top_k;            /* answers to a question, best first; default 1, at most 1 << 24 */
    size_t max_answer_len;   /* in tokens; default 15 */
    size_t max_seq_len;      /* of a window: question, part of the context, special tokens; 0
                                (default) = what tokenizer and model take, at most 384 */
    int64_t doc_stride;      /* tokens of the context that neighbouring windows share; -1 (default):
                                half of max_seq_len, at most 128; or less, if the question leaves less
                                room */
    size_t max_question_len; /* a longer question is cut behind so many tokens; 0 (default) = never,
                                as the pipeline has it for fast tokenizers */
    bool handle_impossible_answer; /* that there is no answer is an answer: an empty one; default
                                      false */
    bool no_align_to_words;        /* answers may begin and end inside words; default false */
    size_t batch_tokens;  /* tokens computed at once; 0 = default. Does not change any result */
    unsigned reserved[8]; /* zero */
} mica_answer_options;
MICA_API void mica_answer_options_defaults(mica_answer_options *options);

typedef struct mica_extract {
    float score;
    mica_text answer;       /* NUL-terminated; empty if there is none */
    mica_span chars, bytes; /* where it stands in the context: code points, and bytes */
} mica_extract;

typedef struct mica_extracts mica_extracts;

/* Answers `n` questions, each from the context with its index; results are in their order. A
 * result does not depend on what else is in the call, bit for bit. `options` NULL = defaults. *out
 * may be an earlier result, which is reused, or NULL. UNSUPPORTED if the checkpoint has no question
 * answering head; "text 3" in error texts is question 3 with its context: INVALID_ARGUMENT if one
 * of them is empty, TOO_LONG if the question leaves no room for the context, INVALID_UTF8 names the
 * offset. On failure *out keeps an earlier result (emptied), else is NULL. */
MICA_API mica_status mica_answer(mica_session *session, const mica_text *questions,
                                 const mica_text *contexts, size_t n,
                                 const mica_answer_options *options, mica_extracts **out,
                                 mica_error *err);
MICA_API void mica_extracts_destroy(mica_extracts **extracts);

MICA_API size_t mica_extracts_count(const mica_extracts *extracts); /* questions */
/* The answers to question i, best first, valid until the result is reused or destroyed; `count`
 * (may be NULL) gets how many: fewer than top_k, even none, where the context has fewer. NULL if
 * there is no question i. */
MICA_API const mica_extract *mica_extracts_get(const mica_extracts *extracts, size_t i,
                                               size_t *count);
/* How many tokens and windows were computed for question i, and whether it was cut to
 * max_question_len. */
MICA_API size_t mica_extracts_tokens(const mica_extracts *extracts, size_t i);
MICA_API size_t mica_extracts_windows(const mica_extracts *extracts, size_t i);
MICA_API bool mica_extracts_truncated(const mica_extracts *extracts, size_t i);

#ifdef __cplusplus
}
#endif
#endif
