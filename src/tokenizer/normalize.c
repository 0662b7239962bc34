/* SPDX-License-Identifier: MIT */
#include "tokenizer/normalize.h"

#include "base/alloc.h"
#include "tokenizer/grapheme.h"
#include "tokenizer/normalize_steps.h"

void mica_tok_normalizer_release(mica_tok_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->count; i++) {
        mica_tok_regex_destroy(&normalizer->steps[i].regex);
        mica_free(normalizer->steps[i].precompiled.classes);
    }
    mica_free(normalizer->steps);
    *normalizer = (mica_tok_normalizer){0};
}

mica_status mica_tok_normalizer_add(mica_tok_normalizer *normalizer, mica_tok_normalize_kind kind,
                                    mica_tok_normalize_step **step, mica_error *err)
{
    if (!mica_tok_grow((void **)&normalizer->steps, &normalizer->capacity, normalizer->count + 1,
                       sizeof *normalizer->steps))
        return mica_fail_memory(err, sizeof *normalizer->steps, "a normalizer");
    *step = &normalizer->steps[normalizer->count++];
    **step = (mica_tok_normalize_step){.kind = kind, .text = "", .to = ""};
    return MICA_OK;
}

mica_status mica_tok_normalizer_add_precompiled(mica_tok_normalizer *normalizer, const void *data,
                                                size_t size, mica_error *err)
{
    mica_tok_normalize_step *step;
    mica_status status =
        mica_tok_normalizer_add(normalizer, MICA_TOK_NORMALIZE_PRECOMPILED, &step, err);

    if (status != MICA_OK)
        return status;
    status = mica_tok_charsmap_open(&step->precompiled.map, data, size, err);
    if (status == MICA_OK && !mica_tok_precompiled_build(&step->precompiled))
        status = mica_fail_memory(err, 0, "a charsmap");
    return status;
}

mica_status mica_tok_normalizer_add_sentencepiece(mica_tok_normalizer *normalizer,
                                                  const mica_tok_spm_rules *rules, mica_error *err)
{
    mica_tok_normalize_step *step = NULL;
    mica_status status =
        mica_tok_normalizer_add(normalizer, MICA_TOK_NORMALIZE_SENTENCEPIECE, &step, err);

    if (status == MICA_OK)
        step->rules = rules;
    return status;
}

/* Whether a map leaves the space and the letters of ASCII as they are. */
static bool keeps_letters(const mica_tok_precompiled *precompiled)
{
    for (int c = 0; c < 26; c++)
        if ((precompiled->classes['a' + c] | precompiled->classes['A' + c]) & MICA_GRAPHEME_FREE)
            return false;
    return !(precompiled->classes[' '] & MICA_GRAPHEME_FREE);
}

bool mica_tok_normalizer_is_local(const mica_tok_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->count; i++) {
        const mica_tok_normalize_step *step = &normalizer->steps[i];

        switch (step->kind) {
        case MICA_TOK_NORMALIZE_BERT:
        case MICA_TOK_NORMALIZE_FORM:
        case MICA_TOK_NORMALIZE_STRIP_ACCENTS:
        case MICA_TOK_NORMALIZE_NMT:
            break;
        case MICA_TOK_NORMALIZE_PRECOMPILED:
            if (!keeps_letters(&step->precompiled))
                return false;
            break;
        case MICA_TOK_NORMALIZE_STRIP:
        case MICA_TOK_NORMALIZE_PREPEND:
        case MICA_TOK_NORMALIZE_REPLACE:
        case MICA_TOK_NORMALIZE_BYTE_LEVEL:
        case MICA_TOK_NORMALIZE_SENTENCEPIECE:
            return false;
        }
    }
    return true;
}

void mica_tok_normalize_release(mica_tok_normalize_work *work)
{
    mica_tok_text_release(&work->texts[0]);
    mica_tok_text_release(&work->texts[1]);
    mica_tok_text_release(&work->view);
    mica_tok_marks_release(&work->marks);
    mica_free(work->held);
    mica_tok_regex_search_release(&work->search);
    *work = (mica_tok_normalize_work){0};
}

static mica_status run_step(const mica_tok_step_run *run, const mica_tok_text **result,
                            mica_error *err)
{
    bool fine = true;

    switch (run->step->kind) {
    case MICA_TOK_NORMALIZE_BERT:
        fine = mica_tok_step_bert(run, result);
        break;
    case MICA_TOK_NORMALIZE_FORM:
        fine = mica_tok_step_form(run, result);
        break;
    case MICA_TOK_NORMALIZE_STRIP_ACCENTS:
        fine = mica_tok_step_strip_accents(run, result);
        break;
    case MICA_TOK_NORMALIZE_NMT:
        fine = mica_tok_step_nmt(run, result);
        break;
    case MICA_TOK_NORMALIZE_STRIP:
        fine = mica_tok_step_strip(run, result);
        break;
    case MICA_TOK_NORMALIZE_PREPEND:
        fine = mica_tok_step_prepend(run, result);
        break;
    case MICA_TOK_NORMALIZE_BYTE_LEVEL:
        fine = mica_tok_step_byte_level(run, result);
        break;
    case MICA_TOK_NORMALIZE_PRECOMPILED:
        fine = mica_tok_step_precompiled(run, result);
        break;
    case MICA_TOK_NORMALIZE_SENTENCEPIECE:
        fine = mica_tok_step_sentencepiece(run, result);
        break;
    case MICA_TOK_NORMALIZE_REPLACE:
        return mica_tok_step_replace(run, result, err);
    }
    return fine ? MICA_OK : mica_fail_memory(err, run->in->size, "a normalized text");
}

/* In the reference, a text whose first character comes from nothing (inserted at the very start by
 * Replace, or by an empty Prepend) cannot go through a normalizer that maps characters: it fails
 * there, or repeats what was inserted. */
static bool starts_nowhere(const mica_tok_text *text)
{
    return text->run_count > 0 && text->runs[0].span == 0;
}

mica_status mica_tok_normalize(const mica_tok_normalizer *normalizer, const mica_unicode *unicode,
                               const char *data, size_t size, size_t from,
                               mica_tok_normalize_work *work, const mica_tok_text **out,
                               mica_error *err)
{
    const mica_tok_text *in = &work->view;

    if (!mica_tok_text_view(&work->view, data, size, from))
        return mica_fail_memory(err, sizeof(mica_tok_run), "a text");
    for (size_t i = 0; i < normalizer->count && in->size > 0; i++) {
        const mica_tok_normalize_step *step = &normalizer->steps[i];
        bool inserts =
            step->kind == MICA_TOK_NORMALIZE_REPLACE || step->kind == MICA_TOK_NORMALIZE_PREPEND;
        mica_tok_step_run run = {.step = step,
                                 .unicode = unicode,
                                 .work = work,
                                 .in = in,
                                 .out = &work->texts[in == &work->texts[0]],
                                 .start = from};
        mica_status status = run_step(&run, &in, err);

        if (status != MICA_OK)
            return status;
        if (!inserts && in != run.in && starts_nowhere(run.in))
            return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                             "normalizer %zu: it comes after one that inserts text at the start, "
                             "which the reference cannot map",
                             i);
    }
    *out = in;
    return MICA_OK;
}
