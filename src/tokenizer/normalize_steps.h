/* SPDX-License-Identifier: MIT
 *
 * The steps of normalizers (normalize.h), between their files. Each makes a new text of one; what
 * changes nothing gives the old one back.
 */
#ifndef MICA_TOKENIZER_NORMALIZE_STEPS_H
#define MICA_TOKENIZER_NORMALIZE_STEPS_H

#include "tokenizer/edit.h"
#include "tokenizer/normalize.h"

typedef struct mica_tok_step_run {
    const mica_tok_normalize_step *step;
    const mica_unicode *unicode;
    mica_tok_normalize_work *work;
    const mica_tok_text *in; /* not empty */
    mica_tok_text *out;      /* another one */
    size_t start;            /* of the text in the original */
} mica_tok_step_run;

/* False = out of memory. */
bool mica_tok_step_bert(const mica_tok_step_run *run, const mica_tok_text **result);
bool mica_tok_step_form(const mica_tok_step_run *run, const mica_tok_text **result);
bool mica_tok_step_strip_accents(const mica_tok_step_run *run, const mica_tok_text **result);
bool mica_tok_step_nmt(const mica_tok_step_run *run, const mica_tok_text **result);
bool mica_tok_step_strip(const mica_tok_step_run *run, const mica_tok_text **result);
bool mica_tok_step_prepend(const mica_tok_step_run *run, const mica_tok_text **result);
bool mica_tok_step_byte_level(const mica_tok_step_run *run, const mica_tok_text **result);
bool mica_tok_step_precompiled(const mica_tok_step_run *run, const mica_tok_text **result);
bool mica_tok_step_sentencepiece(const mica_tok_step_run *run, const mica_tok_text **result);
/* May also fail for its pattern. */
mica_status mica_tok_step_replace(const mica_tok_step_run *run, const mica_tok_text **result,
                                  mica_error *err);

/* False = out of memory. */
bool mica_tok_precompiled_build(mica_tok_precompiled *precompiled);

#endif
