/* SPDX-License-Identifier: MIT
 *
 * For every task: another order of the texts, in batches of another size, gives the same results in
 * that order, bit for bit.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tasks/fixture.h"

enum { TEXTS = 23 };

static mica_context *context;
static const mica_text query = {"Where do the foxes jump?", 24};

static int setup(void **state)
{
    context = new_context(0);
    return 0;
}

static int teardown(void **state)
{
    mica_context_destroy(&context);
    return 0;
}

/* A task on all texts: what it says of each, as text. Floats are written exactly. */
typedef void (*describe)(mica_session *session, const mica_text *texts, size_t batch_tokens,
                         mica_buf *out);

static void describe_embed(mica_session *session, const mica_text *texts, size_t batch_tokens,
                           mica_buf *out)
{
    mica_embed_options o;
    mica_embeddings *e = NULL;
    mica_error err = {0};

    mica_embed_options_defaults(&o);
    o.batch_tokens = batch_tokens;
    must(mica_embed(session, texts, TEXTS, &o, &e, &err), &err);
    for (size_t i = 0; i < TEXTS; i++)
        for (size_t k = 0; k < mica_embeddings_dimension(e); k++)
            mica_buf_printf(&out[i], "%a ", mica_embeddings_vector(e, i)[k]);
    mica_embeddings_destroy(&e);
}

static void describe_classify(mica_session *session, const mica_text *texts, size_t batch_tokens,
                              mica_buf *out)
{
    mica_classify_options o;
    mica_classes *c = NULL;
    mica_error err = {0};

    mica_classify_options_defaults(&o);
    o.top_k = 0;
    o.batch_tokens = batch_tokens;
    must(mica_classify(session, texts, NULL, TEXTS, &o, &c, &err), &err);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t count;
        const mica_class *list = mica_classes_get(c, i, &count);

        for (size_t k = 0; k < count; k++)
            mica_buf_printf(&out[i], "%s %a ", list[k].label, list[k].score);
    }
    mica_classes_destroy(&c);
}

static void describe_rerank(mica_session *session, const mica_text *texts, size_t batch_tokens,
                            mica_buf *out)
{
    mica_rerank_options o;
    mica_ranking *r = NULL;
    mica_error err = {0};

    mica_rerank_options_defaults(&o);
    o.batch_tokens = batch_tokens;
    must(mica_rerank(session, query, texts, TEXTS, &o, &r, &err), &err);
    for (size_t i = 0; i < TEXTS; i++) {
        const mica_rank *rank = mica_ranking_get(r, i);

        mica_buf_printf(&out[rank->index], "%a %zu", rank->score, rank->tokens);
    }
    mica_ranking_destroy(&r);
}

static void describe_fill_mask(mica_session *session, const mica_text *texts, size_t batch_tokens,
                               mica_buf *out)
{
    mica_fill_mask_options o;
    mica_fills *f = NULL;
    mica_error err = {0};

    mica_fill_mask_options_defaults(&o);
    o.batch_tokens = batch_tokens;
    must(mica_fill_mask(session, texts, TEXTS, &o, &f, &err), &err);
    for (size_t i = 0; i < TEXTS; i++)
        for (size_t m = 0; m < mica_fills_masks(f, i); m++) {
            size_t count;
            const mica_fill *list = mica_fills_get(f, i, m, &count);

            for (size_t k = 0; k < count; k++)
                mica_buf_printf(&out[i], "%s %a ", list[k].sequence.data, list[k].score);
        }
    mica_fills_destroy(&f);
}

static void describe_tag(mica_session *session, const mica_text *texts, size_t batch_tokens,
                         mica_buf *out)
{
    mica_tag_options o;
    mica_entities *e = NULL;
    mica_error err = {0};

    mica_tag_options_defaults(&o);
    o.aggregation = MICA_AGGREGATION_AVERAGE;
    o.max_length = 20;
    o.batch_tokens = batch_tokens;
    must(mica_tag(session, texts, TEXTS, &o, &e, &err), &err);
    for (size_t i = 0; i < TEXTS; i++)
        for (size_t k = 0; k < mica_entities_found(e, i); k++) {
            const mica_entity *entity = mica_entities_get(e, i, k);

            mica_buf_printf(&out[i], "%s %s %a ", entity->label, entity->word.data, entity->score);
        }
    mica_entities_destroy(&e);
}

static void describe_answer(mica_session *session, const mica_text *texts, size_t batch_tokens,
                            mica_buf *out)
{
    mica_text questions[TEXTS];
    mica_answer_options o;
    mica_extracts *x = NULL;
    mica_error err = {0};

    for (size_t i = 0; i < TEXTS; i++)
        questions[i] = query;
    mica_answer_options_defaults(&o);
    o.top_k = 3;
    o.max_seq_len = 30;
    o.batch_tokens = batch_tokens;
    must(mica_answer(session, questions, texts, TEXTS, &o, &x, &err), &err);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t count;
        const mica_extract *list = mica_extracts_get(x, i, &count);

        for (size_t k = 0; k < count; k++)
            mica_buf_printf(&out[i], "%s %zu %a ", list[k].answer.data, list[k].chars.begin,
                            list[k].score);
    }
    mica_extracts_destroy(&x);
}

static const struct {
    const char *file, *model;
    describe run;
} tasks[] = {
    {"vectors.json", "plain-distilbert", describe_embed},
    {"vectors.json", "modules-mpnet", describe_embed},
    {"texts.json", "classes-roberta", describe_classify},
    {"texts.json", "rank-bert", describe_rerank},
    {"texts.json", "mask-bert", describe_fill_mask},
    {"spans.json", "tag-bert", describe_tag},
    {"spans.json", "tag-xlm-roberta", describe_tag},
    {"spans.json", "answer-bert", describe_answer},
    {"spans.json", "answer-roberta", describe_answer},
};

/* Texts of 1 to 23 repetitions, with a mask in each. */
static void make_texts(char data[TEXTS][1024], mica_text *texts)
{
    for (size_t i = 0; i < TEXTS; i++) {
        size_t size = (size_t)snprintf(data[i], 64, "Text %zu is a [MASK] one.", i * i);

        for (size_t k = 0; k < i; k++)
            size += (size_t)snprintf(data[i] + size, 64, " The %s fox jumps over %zu.",
                                     k % 3 ? "naïve" : "unbelievable", i * 31 % 17 + k);
        texts[i] = (mica_text){data[i], size};
    }
}

static void test_permutations(void **state)
{
    static char data[TEXTS][1024];
    mica_text texts[TEXTS], turned[TEXTS];

    make_texts(data, texts);
    for (size_t t = 0; t < sizeof tasks / sizeof *tasks; t++) {
        mica_json *cases = open_cases(tasks[t].file);
        opened o = open_made(context, cases, tasks[t].model);
        mica_buf first[TEXTS], second[TEXTS];

        for (size_t i = 0; i < TEXTS; i++) {
            mica_buf_init(&first[i], 1 << 20);
            mica_buf_init(&second[i], 1 << 20);
            turned[i] = texts[i * 7 % TEXTS]; /* 7 and 23 have no common divisor */
        }
        tasks[t].run(o.session, texts, 0, first);
        tasks[t].run(o.session, turned, 70, second);
        for (size_t i = 0; i < TEXTS; i++) {
            assert_true(first[i].size > 0 && !first[i].failed);
            assert_string_equal(first[i * 7 % TEXTS].data, second[i].data);
        }
        for (size_t i = 0; i < TEXTS; i++) {
            mica_buf_free(&first[i]);
            mica_buf_free(&second[i]);
        }
        close_made(&o);
        mica_json_destroy(&cases);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_permutations)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
