/* SPDX-License-Identifier: MIT */
#include "tasks/embed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "tasks/lower.h"
#include "tasks/pool.h"

struct mica_embeddings {
    float *data;
    size_t *tokens;
    bool *truncated;
    size_t count, dimension;
    size_t data_room, token_room, truncated_room; /* in elements */
    char pooling[256];
    bool normalized;
};

void mica_embed_options_defaults(mica_embed_options *options)
{
    memset(options, 0, sizeof *options);
    options->normalize = -1;
}

/* ---- what to do ---- */

static mica_status choose_prompt(const mica_session *session, const mica_embed_options *options,
                                 mica_embed_plan *plan, mica_error *err)
{
    const mica_sentence *sentence = mica_model_sentence(session->model);
    const char *name = options->prompt_name ? options->prompt_name : sentence->default_prompt;
    char known[512];
    size_t used = 0;

    plan->prompt = options->prompt ? options->prompt : "";
    if (options->prompt || !name)
        return MICA_OK;
    plan->prompt = mica_sentence_prompt(sentence, name);
    if (plan->prompt)
        return MICA_OK;
    known[0] = '\0';
    for (size_t i = 0; i < sentence->n_prompts && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s'%s'", i ? ", " : "",
                                 sentence->prompts[i].name);
    return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                     "no prompt is called '%s'; the model has: %s", name,
                     known[0] ? known : "none");
}

static mica_status choose_lengths(const mica_session *session, const mica_embed_options *options,
                                  mica_embed_plan *plan, mica_error *err)
{
    mica_model_info info;

    mica_model_get_info(session->model, &info);
    if (options->max_length > info.max_positions)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "max_length %zu is more than the model takes: %zu", options->max_length,
                         info.max_positions);
    plan->max_length = options->max_length ? options->max_length : info.max_length;
    if (options->dimensions > plan->full_dimension)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "dimensions %zu is more than an embedding has: %zu", options->dimensions,
                         plan->full_dimension);
    plan->dimension = options->dimensions ? options->dimensions : plan->full_dimension;
    return MICA_OK;
}

/* How many tokens the prompt takes at the start of a text: its own encoding without the special
 * token that closes it. */
static mica_status count_prompt(mica_session *session, mica_embed_plan *plan, mica_error *err)
{
    const mica_text text = {plan->prompt, strlen(plan->prompt)};
    const mica_tokenizer *tokenizer;
    mica_encode_options options;
    mica_status status = mica_model_need_tokenizer(session->model, &tokenizer, err);
    size_t n;

    if (status != MICA_OK)
        return status;
    mica_tokenizer_encode_options(tokenizer, &options);
    options.max_length = plan->max_length;
    status = mica_tokenizer_encode(tokenizer, text, NULL, &options, &session->encoding, err);
    if (status != MICA_OK) {
        mica_error_prefix(err, "prompt: ");
        return status;
    }
    n = mica_encoding_count(session->encoding);
    if (n > 0 && mica_encoding_special_mask(session->encoding)[n - 1])
        n--;
    plan->prompt_tokens = n;
    plan->masked = true;
    return MICA_OK;
}

mica_status mica_embed_plan_make(mica_session *session, const mica_embed_options *options,
                                 mica_embed_plan *plan, mica_error *err)
{
    const mica_sentence *sentence = mica_model_sentence(session->model);
    mica_embed_options defaults;
    int64_t dimension = 0;
    mica_status status = MICA_OK;

    memset(plan, 0, sizeof *plan);
    if (!options) {
        mica_embed_options_defaults(&defaults);
        options = &defaults;
    }
    plan->pooling = sentence->pooling;
    if (options->pooling)
        status = mica_pooling_parse(options->pooling, &plan->pooling, err);
    if (status == MICA_OK)
        status = mica_sentence_dimension(sentence, &plan->pooling,
                                         mica_model_configuration(session->model)->hidden_size,
                                         &dimension, err);
    if (status != MICA_OK)
        return status;
    plan->full_dimension = (size_t)dimension;
    for (size_t i = 0; i < plan->pooling.count; i++)
        plan->set |= 1u << plan->pooling.modes[i];
    plan->normalize = options->normalize < 0 ? sentence->normalize : options->normalize != 0;
    plan->batch_tokens = options->batch_tokens;
    plan->no_truncate = options->no_truncate;
    status = choose_lengths(session, options, plan, err);
    if (status == MICA_OK)
        status = choose_prompt(session, options, plan, err);
    if (status == MICA_OK && plan->prompt[0] && !sentence->include_prompt)
        status = count_prompt(session, plan, err);
    return status;
}

/* ---- a batch ---- */

/* Hidden tokens do not count, nor does the prompt; x is [tokens, hidden]. */
static mica_status pool_masked(mica_session *session, const mica_embed_plan *plan, size_t hidden,
                               size_t width, mica_error *err)
{
    const mica_session_batch *b = &session->batch;
    const mica_executor *executor = NULL;
    const float *x;
    mica_status status = mica_session_run(session, MICA_PROGRAM_TOKENS, 0, &executor, err);

    if (status != MICA_OK)
        return status;
    x = mica_executor_output(executor, 0, NULL, NULL);
    for (size_t s = 0; s < b->sequences; s++) {
        size_t begin = (size_t)b->starts[s], count = (size_t)b->starts[s + 1] - begin, first = 0;
        uint8_t *mask = b->mask + begin;

        while (first < count && !mask[first])
            first++;
        first = first < count ? first : 0;
        memset(mask, 0, first + plan->prompt_tokens < count ? first + plan->prompt_tokens : count);
        for (size_t i = 0; i < plan->pooling.count; i++)
            mica_pool_masked(plan->pooling.modes[i], x + begin * hidden, mask, count, hidden, first,
                             session->rows + s * width + i * hidden);
    }
    return MICA_OK;
}

/* The program pools each mode of the set; here they go side by side. */
static mica_status pool(mica_session *session, const mica_embed_plan *plan, size_t hidden,
                        size_t width, mica_error *err)
{
    const mica_executor *executor = NULL;
    mica_status status = mica_session_run(session, MICA_PROGRAM_POOLED, plan->set, &executor, err);

    if (status != MICA_OK)
        return status;
    for (size_t i = 0; i < plan->pooling.count; i++) {
        size_t output = 0;
        const float *x;

        for (unsigned mode = 0; mode < (unsigned)plan->pooling.modes[i]; mode++)
            output += plan->set >> mode & 1;
        x = mica_executor_output(executor, output, NULL, NULL);
        for (size_t s = 0; s < session->batch.sequences; s++)
            memcpy(session->rows + s * width + i * hidden, x + s * hidden, hidden * sizeof *x);
    }
    return MICA_OK;
}

/* One row to its place: cut, checked, and brought to length 1. */
static bool finish_row(const mica_embed_plan *plan, const float *row, float *out)
{
    double squares = 0, scale;

    for (size_t i = 0; i < plan->full_dimension; i++)
        if (!isfinite(row[i]))
            return false;
    memcpy(out, row, plan->dimension * sizeof *out);
    if (!plan->normalize)
        return true;
    for (size_t i = 0; i < plan->dimension; i++)
        squares += (double)out[i] * out[i];
    scale = 1.0 / (squares > 1e-24 ? sqrt(squares) : 1e-12);
    for (size_t i = 0; i < plan->dimension; i++)
        out[i] = (float)(out[i] * scale);
    return true;
}

mica_status mica_embed_batch(mica_session *session, const mica_embed_plan *plan,
                             mica_sequence_label first, float *out, mica_error *err)
{
    const mica_sentence *sentence = mica_model_sentence(session->model);
    size_t hidden = (size_t)mica_model_configuration(session->model)->hidden_size;
    size_t width = plan->pooling.count * hidden, n = session->batch.sequences;
    const float *rows;
    mica_error text = {0};
    mica_status status;

    if (n == 0)
        return MICA_OK;
    status = mica_session_grow((void **)&session->rows, &session->row_room, n * width,
                               sizeof *session->rows, err);
    if (status == MICA_OK)
        status = plan->masked ? pool_masked(session, plan, hidden, width, err)
                              : pool(session, plan, hidden, width, err);
    rows = session->rows;
    if (status == MICA_OK && sentence->n_steps > 0)
        status = mica_session_run_steps(session, session->rows, n, &rows, err);
    for (size_t s = 0; s < n && status == MICA_OK; s++) {
        if (finish_row(plan, rows + s * plan->full_dimension, out + s * plan->dimension))
            continue;
        mica_fail(&text, MICA_STATUS_NOT_FINITE,
                  "%s %zu: the embedding is not finite: the computation overflows float32, or "
                  "nothing is left to pool",
                  first.kind, first.index + s);
        status = mica_model_explain_not_finite(session->model, text.message, err);
    }
    mica_session_clear(session);
    return status;
}

/* ---- texts ---- */

/* The prompt and the text, put together and lower-cased as the model wants it. *out may be `text`.
 */
static mica_status prepare_text(mica_session *session, const mica_embed_plan *plan,
                                const mica_tokenizer *tokenizer, mica_text text, mica_text *out,
                                mica_error *err)
{
    const mica_sentence *sentence = mica_model_sentence(session->model);
    size_t prompt = strlen(plan->prompt), size = 0, valid;
    mica_status status;

    *out = text;
    if ((prompt == 0 && !sentence->lower_case) || (!text.data && text.size > 0))
        return MICA_OK; /* the tokenizer refuses the latter */
    valid = text.size ? mica_utf8_valid_prefix(text.data, text.size) : 0;
    if (valid != text.size) /* here, so that the offset is that in the text */
        return mica_fail(err, MICA_STATUS_INVALID_UTF8, "invalid UTF-8 at byte offset %zu", valid);
    if (!mica_add_size(prompt, text.size, &size) || size > SIZE_MAX / 4)
        return mica_fail_memory(err, SIZE_MAX, "a text");
    /* Lower case takes at most half as much room again (U+0130 becomes three bytes of two). */
    status = mica_session_grow((void **)&session->text, &session->text_room, 2 * size + 1, 1, err);
    if (status != MICA_OK)
        return status;
    out->data = session->text;
    memcpy(session->text, plan->prompt, prompt);
    if (text.size)
        memcpy(session->text + prompt, text.data, text.size);
    out->size = size;
    if (sentence->lower_case) {
        memmove(session->text + size + 1, session->text, size);
        out->size = mica_text_lower(tokenizer, session->text + size + 1, size, session->text);
    }
    return MICA_OK;
}

static mica_status encode_text(mica_session *session, const mica_embed_plan *plan,
                               const mica_tokenizer *tokenizer, mica_text text, mica_error *err)
{
    mica_encode_options options;
    mica_text whole = {NULL, 0};
    mica_status status = prepare_text(session, plan, tokenizer, text, &whole, err);

    if (status != MICA_OK)
        return status;
    mica_tokenizer_encode_options(tokenizer, &options);
    options.max_length = plan->max_length;
    status = mica_tokenizer_encode(tokenizer, whole, NULL, &options, &session->encoding, err);
    if (status == MICA_OK && plan->no_truncate && mica_encoding_truncated(session->encoding))
        return mica_fail(err, MICA_STATUS_TOO_LONG, "%zu tokens; at most %zu are taken",
                         mica_encoding_full_count(session->encoding), plan->max_length);
    return status;
}

static mica_status embed_texts(mica_session *session, const mica_embed_plan *plan,
                               const mica_text *texts, size_t n, mica_embeddings *e,
                               mica_error *err)
{
    const mica_tokenizer *tokenizer;
    size_t first = 0;
    mica_status status = mica_model_need_tokenizer(session->model, &tokenizer, err);

    mica_session_clear(session);
    for (size_t i = 0; i < n && status == MICA_OK; i++) {
        mica_sequence sequence = {0};

        status = encode_text(session, plan, tokenizer, texts[i], err);
        if (status != MICA_OK) {
            if (status != MICA_STATUS_OUT_OF_MEMORY)
                mica_error_prefix(err, "text %zu: ", i);
            break;
        }
        sequence.ids = mica_encoding_ids(session->encoding);
        if (mica_model_configuration(session->model)->type_vocab_size > 1)
            sequence.type_ids = mica_encoding_type_ids(session->encoding);
        sequence.count = mica_encoding_count(session->encoding);
        if (mica_session_is_full(session, sequence.count, plan->batch_tokens)) {
            status = mica_embed_batch(session, plan, (mica_sequence_label){"text", first},
                                      e->data + first * plan->dimension, err);
            first = i;
        }
        if (status == MICA_OK)
            status = mica_session_add(session, &sequence, (mica_sequence_label){"text", i}, err);
        e->tokens[i] = sequence.count;
        e->truncated[i] = mica_encoding_truncated(session->encoding);
    }
    if (status == MICA_OK)
        status = mica_embed_batch(session, plan, (mica_sequence_label){"text", first},
                                  e->data + first * plan->dimension, err);
    return status;
}

/* ---- results ---- */

static mica_status reserve(mica_embeddings *e, const mica_embed_plan *plan, size_t n,
                           mica_error *err)
{
    size_t numbers = 0;
    mica_status status;

    if (!mica_mul_size(n, plan->dimension, &numbers))
        return mica_fail_memory(err, SIZE_MAX, "embeddings");
    status = mica_session_grow((void **)&e->data, &e->data_room, numbers, sizeof *e->data, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&e->tokens, &e->token_room, n, sizeof *e->tokens, err);
    if (status == MICA_OK)
        status = mica_session_grow((void **)&e->truncated, &e->truncated_room, n,
                                   sizeof *e->truncated, err);
    return status;
}

mica_status mica_embed(mica_session *session, const mica_text *texts, size_t n,
                       const mica_embed_options *options, mica_embeddings **out, mica_error *err)
{
    mica_embeddings *e = *out;
    mica_embed_plan plan;
    mica_status status;

    if (e)
        e->count = 0;
    if (!session || (!texts && n > 0))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "mica_embed: no session or texts");
    if (!e) {
        e = mica_calloc(1, sizeof *e);
        if (!e)
            return mica_fail_memory(err, sizeof *e, "embeddings");
    }
    status = mica_embed_plan_make(session, options, &plan, err);
    if (status == MICA_OK)
        status = reserve(e, &plan, n, err);
    if (status == MICA_OK)
        status = embed_texts(session, &plan, texts, n, e, err);
    if (status != MICA_OK) {
        if (!*out)
            mica_embeddings_destroy(&e);
        return status;
    }
    e->count = n;
    e->dimension = plan.dimension;
    e->normalized = plan.normalize;
    mica_pooling_text(&plan.pooling, e->pooling, sizeof e->pooling);
    *out = e;
    return MICA_OK;
}

void mica_embeddings_destroy(mica_embeddings **embeddings)
{
    mica_embeddings *e = *embeddings;

    if (!e)
        return;
    mica_free(e->data);
    mica_free(e->tokens);
    mica_free(e->truncated);
    mica_free(e);
    *embeddings = NULL;
}

size_t mica_embeddings_count(const mica_embeddings *embeddings)
{
    return embeddings->count;
}

size_t mica_embeddings_dimension(const mica_embeddings *embeddings)
{
    return embeddings->dimension;
}

const float *mica_embeddings_vector(const mica_embeddings *embeddings, size_t i)
{
    return i < embeddings->count ? embeddings->data + i * embeddings->dimension : NULL;
}

size_t mica_embeddings_tokens(const mica_embeddings *embeddings, size_t i)
{
    return i < embeddings->count ? embeddings->tokens[i] : 0;
}

bool mica_embeddings_truncated(const mica_embeddings *embeddings, size_t i)
{
    return i < embeddings->count && embeddings->truncated[i];
}

const char *mica_embeddings_pooling(const mica_embeddings *embeddings)
{
    return embeddings->pooling;
}

bool mica_embeddings_normalized(const mica_embeddings *embeddings)
{
    return embeddings->normalized;
}

double mica_cosine(const float *a, const float *b, size_t n)
{
    double dot = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < n; i++) {
        dot += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    if (!(aa > 0 && bb > 0 && isfinite(aa) && isfinite(bb)))
        return 0;
    /* Rounding may leave a vector's cosine with itself an ulp above 1. */
    return fmax(-1, fmin(1, dot / (sqrt(aa) * sqrt(bb))));
}
