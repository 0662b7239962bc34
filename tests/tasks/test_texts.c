/* SPDX-License-Identifier: MIT
 *
 * classify, fill-mask and rerank, held to the pipelines of transformers and the CrossEncoder of
 * sentence-transformers.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/fixture.h"
#include "torture.h"

static mica_context *context;
static mica_json *cases;

static int setup(void **state)
{
    context = new_context(0);
    cases = open_cases("texts.json");
    return 0;
}

static int teardown(void **state)
{
    mica_json_destroy(&cases);
    mica_context_destroy(&context);
    return 0;
}

/* ---- classify ---- */

static size_t read_pairs(const mica_json_value *inputs, mica_text **texts, mica_text **seconds)
{
    size_t n = 0, count = mica_json_count(inputs);

    *texts = calloc(count, sizeof **texts);
    *seconds = calloc(count, sizeof **seconds);
    assert_true(*texts && *seconds);
    for (const mica_json_value *v = mica_json_first(inputs); v; v = mica_json_next(v), n++) {
        bool pair = mica_json_get_type(v) == MICA_JSON_OBJECT;

        (*texts)[n] = as_text(pair ? mica_json_get(v, "text") : v);
        if (pair)
            (*seconds)[n] = as_text(mica_json_get(v, "text_pair"));
    }
    return n;
}

/* Labels of equal scores may change places. */
static void same_class(const mica_class *ours, const mica_json_value *expected, double largest)
{
    double score = number_of(mica_json_get(expected, "score"));

    same_score(ours->score, score, largest);
    if (strcmp(ours->label, text_of(expected, "label")) != 0)
        fail_msg("label %s (%g), expected %s (%g)", ours->label, ours->score,
                 text_of(expected, "label"), score);
}

static mica_score_function function_named(const mica_json_value *options)
{
    const char *name = mica_json_string(mica_json_get(options, "function"), NULL);

    return !name                          ? MICA_SCORE_DEFAULT
           : strcmp(name, "none") == 0    ? MICA_SCORE_NONE
           : strcmp(name, "sigmoid") == 0 ? MICA_SCORE_SIGMOID
                                          : MICA_SCORE_SOFTMAX;
}

static void check_classify(mica_session *session, const mica_json_value *c)
{
    const mica_json_value *options = mica_json_get(c, "options"),
                          *output = mica_json_first(mica_json_get(c, "output"));
    mica_classify_options o;
    mica_classes *classes = NULL, *alone = NULL;
    mica_text *texts, *seconds;
    mica_error err = {0};
    size_t n = read_pairs(mica_json_get(c, "inputs"), &texts, &seconds);

    mica_classify_options_defaults(&o);
    o.top_k = (size_t)integer_or(options, "top_k", 1);
    o.function = function_named(options);
    must(mica_classify(session, texts, seconds, n, &o, &classes, &err), &err);
    assert_int_equal(mica_classes_count(classes), n);
    assert_int_equal(mica_json_count(mica_json_get(c, "output")), n);
    for (size_t i = 0; i < n; i++, output = mica_json_next(output)) {
        const mica_json_value *expected = mica_json_first(output);
        size_t count, again;
        const mica_class *list = mica_classes_get(classes, i, &count), *other;
        double largest = 1;

        assert_int_equal(count, mica_json_count(output));
        for (const mica_json_value *v = expected; v; v = mica_json_next(v))
            largest = fmax(largest, fabs(number_of(mica_json_get(v, "score"))));
        for (size_t k = 0; k < count; k++, expected = mica_json_next(expected))
            same_class(&list[k], expected, largest);
        /* Alone, the very same. */
        must(mica_classify(session, &texts[i], &seconds[i], 1, &o, &alone, &err), &err);
        other = mica_classes_get(alone, 0, &again);
        assert_int_equal(again, count);
        for (size_t k = 0; k < count; k++)
            assert_true(other[k].id == list[k].id && other[k].score == list[k].score);
    }
    assert_null(mica_classes_get(classes, n, NULL));
    mica_classes_destroy(&classes);
    mica_classes_destroy(&alone);
    free(texts);
    free(seconds);
}

/* ---- fill-mask ---- */

static void check_fill_mask(mica_session *session, mica_model *model, const mica_json_value *c)
{
    const mica_json_value *options = mica_json_get(c, "options");
    const mica_json_value *output = mica_json_first(mica_json_get(c, "output"));
    mica_fill_mask_options o;
    mica_fills *fills = NULL;
    mica_text *texts, *targets;
    int64_t ids[16];
    mica_error err = {0};
    size_t n = texts_of(mica_json_get(c, "inputs"), &texts);
    size_t n_targets = texts_of(mica_json_get(options, "targets"), &targets);

    mica_fill_mask_options_defaults(&o);
    o.top_k = (size_t)integer_or(options, "top_k", 5);
    if (n_targets > 0) {
        assert_true(n_targets <= 16);
        must(mica_fill_mask_targets(model, targets, n_targets, ids, &o.n_targets, &err), &err);
        o.targets = ids;
    }
    must(mica_fill_mask(session, texts, n, &o, &fills, &err), &err);
    assert_int_equal(mica_fills_count(fills), n);
    for (size_t i = 0; i < n; i++, output = mica_json_next(output)) {
        const mica_json_value *mask = mica_json_first(output);

        assert_int_equal(mica_fills_masks(fills, i), mica_json_count(output));
        for (size_t m = 0; m < mica_fills_masks(fills, i); m++, mask = mica_json_next(mask)) {
            const mica_json_value *expected = mica_json_first(mask);
            size_t count;
            const mica_fill *list = mica_fills_get(fills, i, m, &count);

            assert_int_equal(count, mica_json_count(mask));
            for (size_t k = 0; k < count; k++, expected = mica_json_next(expected)) {
                same_score(list[k].score, number_of(mica_json_get(expected, "score")), 1);
                assert_int_equal(list[k].token, integer_or(expected, "token", -1));
                same_text(list[k].token_str.data, list[k].token_str.size,
                          mica_json_get(expected, "token_str"));
                same_text(list[k].sequence.data, list[k].sequence.size,
                          mica_json_get(expected, "sequence"));
            }
        }
    }
    mica_fills_destroy(&fills);
    free(texts);
    free(targets);
}

/* ---- rerank ---- */

static void check_rerank(mica_session *session, const mica_json_value *c)
{
    const mica_json_value *inputs = mica_json_get(c, "inputs");
    const mica_json_value *output = mica_json_get(c, "output"), *row = mica_json_first(output);
    mica_rerank_options o;
    mica_ranking *ranking = NULL;
    mica_text *documents;
    mica_error err = {0};
    size_t n = texts_of(mica_json_get(inputs, "documents"), &documents);

    mica_rerank_options_defaults(&o);
    o.raw_scores = flag_of(mica_json_get(c, "options"), "raw_scores");
    must(mica_rerank(session, as_text(mica_json_get(inputs, "query")), documents, n, &o, &ranking,
                     &err),
         &err);
    assert_int_equal(mica_ranking_count(ranking), n);
    assert_int_equal(mica_json_count(output), n);
    for (size_t i = 0; i < n; i++, row = mica_json_next(row)) {
        const mica_json_value *v = mica_json_first(row);
        const mica_rank *rank = mica_ranking_get(ranking, i);
        size_t labels;
        const float *scores = mica_ranking_scores(ranking, i, &labels);
        double largest = 1;

        if (labels == 1) { /* [index, score] */
            assert_int_equal(rank->index, (size_t)number_of(v));
            largest = fmax(largest, fabs(number_of(mica_json_next(v))));
            same_score(rank->score, number_of(mica_json_next(v)), largest);
            continue;
        }
        assert_int_equal(rank->index, i);
        assert_int_equal(labels, mica_json_count(row));
        for (const mica_json_value *k = v; k; k = mica_json_next(k))
            largest = fmax(largest, fabs(number_of(k)));
        for (size_t k = 0; k < labels; k++, v = mica_json_next(v))
            same_score(scores[k], number_of(v), largest);
    }
    mica_ranking_destroy(&ranking);
    free(documents);
}

static void test_cases(void **state)
{
    const mica_json_value *root = mica_json_root(cases);
    const char *name = "";
    opened o = {NULL, NULL};
    size_t done = 0;

    for (const mica_json_value *c = mica_json_first(mica_json_get(root, "cases")); c;
         c = mica_json_next(c), done++) {
        const char *task = text_of(c, "task");

        if (strcmp(name, text_of(c, "model")) != 0) {
            name = text_of(c, "model");
            close_made(&o);
            o = open_made(context, cases, name);
        }
        print_message("%s: %s %zu\n", name, task, done);
        if (strcmp(task, "classify") == 0)
            check_classify(o.session, c);
        else if (strcmp(task, "rerank") == 0)
            check_rerank(o.session, c);
        else
            check_fill_mask(o.session, o.model, c);
    }
    close_made(&o);
    assert_true(done > 100);
}

/* ---- what is refused ---- */

static const mica_text one_text = {"A text.", 7};

static void test_wrong_head(void **state)
{
    opened masks = open_made(context, cases, "mask-bert"),
           classes = open_made(context, cases, "classes-bert");
    mica_classes *c = NULL;
    mica_fills *f = NULL;
    mica_ranking *r = NULL;
    mica_error err = {0};

    expect(mica_classify(masks.session, &one_text, NULL, 1, NULL, &c, &err), &err,
           MICA_STATUS_UNSUPPORTED, "masked language model");
    expect(mica_rerank(masks.session, one_text, &one_text, 1, NULL, &r, &err), &err,
           MICA_STATUS_UNSUPPORTED, "masked language model");
    expect(mica_fill_mask(classes.session, &one_text, 1, NULL, &f, &err), &err,
           MICA_STATUS_UNSUPPORTED, "sequence classification");
    assert_true(!c && !f && !r);
    close_made(&masks);
    close_made(&classes);
}

static void test_bad_texts(void **state)
{
    opened masks = open_made(context, cases, "mask-bert"),
           ranks = open_made(context, cases, "rank-bert"),
           three = open_made(context, cases, "three");
    const mica_text broken[2] = {one_text, {"a\xff", 2}};
    const mica_text masked[2] = {{"a [MASK]", 8}, one_text};
    mica_fill_mask_options o;
    mica_rerank_options options;
    mica_classes *c = NULL;
    mica_fills *f = NULL;
    mica_ranking *r = NULL;
    int64_t id = 40000;
    size_t count;
    mica_error err = {0};

    expect(mica_classify(ranks.session, broken, NULL, 2, NULL, &c, &err), &err,
           MICA_STATUS_INVALID_UTF8, "text 1: ");
    expect(mica_rerank(ranks.session, broken[1], broken, 1, NULL, &r, &err), &err,
           MICA_STATUS_INVALID_UTF8, "query: ");
    expect(mica_rerank(ranks.session, one_text, broken, 2, NULL, &r, &err), &err,
           MICA_STATUS_INVALID_UTF8, "text 1: ");
    expect(mica_fill_mask(masks.session, masked, 2, NULL, &f, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "text 1: no mask token ([MASK])");
    mica_fill_mask_options_defaults(&o);
    o.targets = &id;
    o.n_targets = 1;
    expect(mica_fill_mask(masks.session, masked, 1, &o, &f, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "40000");
    expect(mica_fill_mask_targets(masks.model, NULL, 0, &id, &count, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "no target");
    o.n_targets = 0;
    o.max_length = 513;
    expect(mica_fill_mask(masks.session, masked, 1, &o, &f, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "513");
    o.max_length = 3;
    expect(mica_fill_mask(masks.session, masked, 1, &o, &f, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "of 4");
    o.no_truncate = true;
    expect(mica_fill_mask(masks.session, masked, 1, &o, &f, &err), &err, MICA_STATUS_TOO_LONG,
           "text 0: 4 tokens");
    mica_rerank_options_defaults(&options);
    options.label = "good";
    expect(mica_rerank(three.session, one_text, &one_text, 1, &options, &r, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "'no', 'perhaps', 'yes'");
    options.label = NULL;
    options.top_k = 1;
    expect(mica_rerank(three.session, one_text, &one_text, 1, &options, &r, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "label");
    assert_true(!c && !f && !r);
    close_made(&masks);
    close_made(&ranks);
    close_made(&three);
}

static void test_ranked_label(void **state)
{
    opened three = open_made(context, cases, "three");
    const mica_text documents[3] = {{"one", 3}, {"two two", 7}, {"three", 5}};
    mica_rerank_options options;
    mica_ranking *r = NULL;
    mica_error err = {0};
    size_t labels;

    mica_rerank_options_defaults(&options);
    options.label = "yes";
    must(mica_rerank(three.session, one_text, documents, 3, &options, &r, &err), &err);
    for (size_t i = 0; i < 3; i++) {
        const mica_rank *rank = mica_ranking_get(r, i);

        assert_true(rank->score == mica_ranking_scores(r, i, &labels)[2]);
        assert_int_equal(labels, 3);
        assert_true(i == 0 || rank->score <= mica_ranking_get(r, i - 1)->score);
    }
    options.top_k = 2;
    must(mica_rerank(three.session, one_text, documents, 3, &options, &r, &err), &err);
    assert_int_equal(mica_ranking_count(r), 2);
    assert_null(mica_ranking_get(r, 2));
    must(mica_rerank(three.session, one_text, NULL, 0, &options, &r, &err), &err);
    assert_int_equal(mica_ranking_count(r), 0);
    mica_ranking_destroy(&r);
    close_made(&three);
}

/* ---- failing allocations ---- */

static mica_status all_tasks(void *arg, mica_error *err)
{
    opened *made = arg;
    const mica_text texts[2] = {{"a [MASK] and [MASK]", 19}, {"[MASK]", 6}};
    mica_classes *c = NULL;
    mica_fills *f = NULL;
    mica_ranking *r = NULL;
    int64_t ids[2];
    mica_fill_mask_options o;
    mica_classify_options options;
    mica_status status;

    mica_fill_mask_options_defaults(&o);
    o.targets = ids;
    o.batch_tokens = 4;
    mica_classify_options_defaults(&options);
    options.top_k = 0;
    status = mica_fill_mask_targets(made[0].model, texts, 2, ids, &o.n_targets, err);
    if (status == MICA_OK)
        status = mica_fill_mask(made[0].session, texts, 2, &o, &f, err);
    if (status == MICA_OK)
        status = mica_classify(made[1].session, texts, NULL, 2, &options, &c, err);
    if (status == MICA_OK)
        status = mica_rerank(made[1].session, texts[0], texts, 2, NULL, &r, err);
    mica_classes_destroy(&c);
    mica_fills_destroy(&f);
    mica_ranking_destroy(&r);
    return status;
}

static void test_allocations(void **state)
{
    opened made[2] = {open_made(context, cases, "mask-bert"),
                      open_made(context, cases, "rank-tanh")};

    assert_true(torture_run(all_tasks, made) > 10);
    close_made(&made[0]);
    close_made(&made[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),       cmocka_unit_test(test_wrong_head),
        cmocka_unit_test(test_bad_texts),   cmocka_unit_test(test_ranked_label),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
