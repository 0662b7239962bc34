/* SPDX-License-Identifier: MIT
 *
 * tag and answer, held to the pipelines of transformers (tests/golden/spans.py).
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
    cases = open_cases("spans.json");
    return 0;
}

static int teardown(void **state)
{
    mica_json_destroy(&cases);
    mica_context_destroy(&context);
    return 0;
}

/* The bytes of a span are what its characters are. */
static void same_place(mica_text text, mica_span chars, mica_span bytes)
{
    size_t begin = 0, end = 0;

    assert_true(bytes.end <= text.size);
    for (size_t i = 0; i < bytes.begin; i++)
        begin += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    for (size_t i = 0; i < bytes.end; i++)
        end += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    assert_int_equal(chars.begin, begin);
    assert_int_equal(chars.end, end);
}

/* ---- tag ---- */

static void read_tag_options(const mica_json_value *options, mica_tag_options *o)
{
    static const char *const names[] = {"none", "simple", "first", "average", "max"};
    static const char *list[8];
    const char *name = mica_json_string(mica_json_get(options, "aggregation"), NULL);
    size_t n = 0;

    mica_tag_options_defaults(o);
    for (int i = 0; name && i < 5; i++)
        if (strcmp(name, names[i]) == 0)
            o->aggregation = (mica_aggregation)i;
    o->stride = integer_or(options, "stride", -1);
    o->max_length = (size_t)integer_or(options, "max_length", 0);
    o->truncate = flag_of(options, "truncate");
    for (const mica_json_value *v = mica_json_first(mica_json_get(options, "ignore_labels")); v;
         v = mica_json_next(v), n++)
        list[n] = mica_json_string(v, NULL);
    assert_true(n < 8);
    o->ignore_labels = n ? list : NULL;
    o->n_ignore_labels = n;
}

static void check_entity(const mica_entity *ours, const mica_json_value *expected, mica_text text)
{
    const mica_json_value *group = mica_json_get(expected, "entity_group");

    same_text(ours->label, strlen(ours->label), group ? group : mica_json_get(expected, "entity"));
    same_score(ours->score, number_of(mica_json_get(expected, "score")), 1);
    same_text(ours->word.data, ours->word.size, mica_json_get(expected, "word"));
    assert_int_equal(ours->chars.begin, integer_or(expected, "start", -1));
    assert_int_equal(ours->chars.end, integer_or(expected, "end", -1));
    assert_int_equal(ours->index, integer_or(expected, "index", 0));
    same_place(text, ours->chars, ours->bytes);
}

static void check_tag(mica_session *session, const mica_json_value *c)
{
    const mica_json_value *output = mica_json_first(mica_json_get(c, "output"));
    mica_tag_options o;
    mica_entities *entities = NULL, *alone = NULL;
    mica_text *texts;
    mica_error err = {0};
    size_t n = texts_of(mica_json_get(c, "inputs"), &texts);

    read_tag_options(mica_json_get(c, "options"), &o);
    must(mica_tag(session, texts, n, &o, &entities, &err), &err);
    assert_int_equal(mica_entities_count(entities), n);
    assert_int_equal(mica_json_count(mica_json_get(c, "output")), n);
    for (size_t i = 0; i < n; i++, output = mica_json_next(output)) {
        const mica_json_value *expected = mica_json_first(output);

        assert_int_equal(mica_entities_found(entities, i), mica_json_count(output));
        must(mica_tag(session, &texts[i], 1, &o, &alone, &err), &err);
        for (size_t k = 0; k < mica_entities_found(entities, i); k++) {
            check_entity(mica_entities_get(entities, i, k), expected, texts[i]);
            assert_true(mica_entities_get(entities, i, k)->score ==
                        mica_entities_get(alone, 0, k)->score);
            expected = mica_json_next(expected);
        }
    }
    assert_null(mica_entities_get(entities, n, 0));
    mica_entities_destroy(&entities);
    mica_entities_destroy(&alone);
    free(texts);
}

/* ---- answer ---- */

static size_t read_questions(const mica_json_value *inputs, mica_text **questions,
                             mica_text **contexts)
{
    size_t n = 0;

    *questions = calloc(mica_json_count(inputs), sizeof **questions);
    *contexts = calloc(mica_json_count(inputs), sizeof **contexts);
    assert_true(*questions && *contexts);
    for (const mica_json_value *v = mica_json_first(inputs); v; v = mica_json_next(v), n++) {
        (*questions)[n] = as_text(mica_json_get(v, "question"));
        (*contexts)[n] = as_text(mica_json_get(v, "context"));
    }
    return n;
}

static void read_answer_options(const mica_json_value *options, mica_answer_options *o)
{
    bool align = true;

    mica_answer_options_defaults(o);
    o->top_k = (size_t)integer_or(options, "top_k", 1);
    o->max_answer_len = (size_t)integer_or(options, "max_answer_len", 15);
    o->max_seq_len = (size_t)integer_or(options, "max_seq_len", 0);
    o->doc_stride = integer_or(options, "doc_stride", -1);
    o->handle_impossible_answer = flag_of(options, "handle_impossible_answer");
    mica_json_bool(mica_json_get(options, "align_to_words"), &align);
    o->no_align_to_words = !align;
}

static void check_extract(const mica_extract *ours, const mica_json_value *expected, mica_text text)
{
    same_score(ours->score, number_of(mica_json_get(expected, "score")), 1);
    same_text(ours->answer.data, ours->answer.size, mica_json_get(expected, "answer"));
    assert_int_equal(ours->chars.begin, integer_or(expected, "start", -1));
    assert_int_equal(ours->chars.end, integer_or(expected, "end", -1));
    same_place(text, ours->chars, ours->bytes);
}

static void check_answer(mica_session *session, const mica_json_value *c)
{
    const mica_json_value *output = mica_json_first(mica_json_get(c, "output"));
    mica_answer_options o;
    mica_extracts *extracts = NULL, *alone = NULL;
    mica_text *questions, *contexts;
    mica_error err = {0};
    size_t n = read_questions(mica_json_get(c, "inputs"), &questions, &contexts), count;

    read_answer_options(mica_json_get(c, "options"), &o);
    must(mica_answer(session, questions, contexts, n, &o, &extracts, &err), &err);
    assert_int_equal(mica_extracts_count(extracts), n);
    assert_int_equal(mica_json_count(mica_json_get(c, "output")), n);
    for (size_t i = 0; i < n; i++, output = mica_json_next(output)) {
        const mica_json_value *expected = mica_json_first(output);
        const mica_extract *list = mica_extracts_get(extracts, i, &count);

        assert_int_equal(count, mica_json_count(output));
        must(mica_answer(session, &questions[i], &contexts[i], 1, &o, &alone, &err), &err);
        for (size_t k = 0; k < count; k++, expected = mica_json_next(expected)) {
            check_extract(&list[k], expected, contexts[i]);
            assert_true(list[k].score == mica_extracts_get(alone, 0, NULL)[k].score);
        }
    }
    assert_null(mica_extracts_get(extracts, n, &count));
    mica_extracts_destroy(&extracts);
    mica_extracts_destroy(&alone);
    free(questions);
    free(contexts);
}

static void test_cases(void **state)
{
    const mica_json_value *root = mica_json_root(cases);
    const char *name = "";
    opened o = {NULL, NULL};
    size_t done = 0;

    for (const mica_json_value *c = mica_json_first(mica_json_get(root, "cases")); c;
         c = mica_json_next(c), done++) {
        if (strcmp(name, text_of(c, "model")) != 0) {
            name = text_of(c, "model");
            close_made(&o);
            o = open_made(context, cases, name);
        }
        print_message("%s: %zu\n", name, done);
        if (strcmp(text_of(c, "task"), "tag") == 0)
            check_tag(o.session, c);
        else
            check_answer(o.session, c);
    }
    close_made(&o);
    assert_true(done > 100);
}

/* ---- long texts ---- */

static char *repeat(const char *text, size_t times, mica_text *out)
{
    size_t size = strlen(text);
    char *data = malloc(size * times + 1);

    assert_non_null(data);
    for (size_t i = 0; i < times; i++)
        memcpy(data + i * size, text, size);
    *out = (mica_text){data, size * times};
    return data;
}

/* Tokens by themselves: of a long text each comes once, with the place that it has in the whole. */
static void test_windows_of_tokens(void **state)
{
    opened o = open_made(context, cases, "tag-bert");
    const mica_tokenizer *tokenizer = mica_model_tokenizer(o.model);
    static const char *const nothing[] = {""};
    mica_text text;
    char *data = repeat("unbelievable naïve foxes jump. ", 60, &text);
    mica_encode_options whole;
    mica_encoding *encoding = NULL;
    mica_entities *entities = NULL;
    mica_tag_options options;
    mica_error err = {0};

    mica_tokenizer_encode_options(tokenizer, &whole);
    whole.max_length = 0;
    must(mica_tokenizer_encode(tokenizer, text, NULL, &whole, &encoding, &err), &err);
    mica_tag_options_defaults(&options);
    options.max_length = 30;
    options.ignore_labels = nothing;
    for (options.stride = -1; options.stride < 28; options.stride++) {
        size_t n = mica_encoding_count(encoding) - 2;

        must(mica_tag(o.session, &text, 1, &options, &entities, &err), &err);
        assert_int_equal(mica_entities_found(entities, 0), n);
        assert_true(mica_entities_windows(entities, 0) > 10);
        assert_false(mica_entities_truncated(entities, 0));
        for (size_t k = 0; k < n; k++) {
            const mica_entity *e = mica_entities_get(entities, 0, k);
            mica_span bytes = mica_encoding_byte_spans(encoding)[k + 1];

            assert_int_equal(e->index, k + 1);
            assert_string_equal(e->word.data, mica_encoding_token(encoding, k + 1, NULL));
            assert_true(e->bytes.begin == bytes.begin && e->bytes.end == bytes.end);
        }
    }
    options.stride = 28;
    expect(mica_tag(o.session, &text, 1, &options, &entities, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "a window holds 28 tokens");
    options.stride = -1;
    options.truncate = true;
    must(mica_tag(o.session, &text, 1, &options, &entities, &err), &err);
    assert_int_equal(mica_entities_found(entities, 0), 28);
    assert_true(mica_entities_truncated(entities, 0));
    options.no_truncate = true;
    expect(mica_tag(o.session, &text, 1, &options, &entities, &err), &err, MICA_STATUS_TOO_LONG,
           "text 0");
    mica_entities_destroy(&entities);
    mica_encoding_destroy(&encoding);
    close_made(&o);
    free(data);
}

/* A long context with the same answer again and again: one answer, found in linear time. */
static void test_long_context(void **state)
{
    opened o = open_made(context, cases, "answer-bert");
    const mica_text question = {"who jumps?", 10};
    mica_text text;
    char *data = repeat("unbelievable naïve foxes jump. ", 400, &text);
    mica_answer_options options;
    mica_extracts *extracts = NULL;
    mica_error err = {0};
    size_t count;

    mica_answer_options_defaults(&options);
    options.top_k = 1000;
    options.max_seq_len = 40;
    options.doc_stride = 20;
    options.max_answer_len = 2;
    must(mica_answer(o.session, &question, &text, 1, &options, &extracts, &err), &err);
    assert_true(mica_extracts_windows(extracts, 0) > 100);
    mica_extracts_get(extracts, 0, &count);
    assert_int_equal(count, 10); /* five words, alone and with the next one */
    options.max_question_len = 2;
    must(mica_answer(o.session, &question, &text, 1, &options, &extracts, &err), &err);
    assert_true(mica_extracts_truncated(extracts, 0));
    mica_extracts_destroy(&extracts);
    close_made(&o);
    free(data);
}

/* ---- what is refused ---- */

static void test_bad_tags(void **state)
{
    opened o = open_made(context, cases, "tag-mpnet");
    const mica_text texts[2] = {{"A text.", 7}, {"a\xff", 2}};
    mica_tag_options options;
    mica_entities *e = NULL;
    mica_error err = {0};

    expect(mica_tag(NULL, texts, 1, NULL, &e, &err), &err, MICA_STATUS_INVALID_ARGUMENT, "session");
    expect(mica_tag(o.session, texts, 2, NULL, &e, &err), &err, MICA_STATUS_INVALID_UTF8,
           "text 1: ");
    mica_tag_options_defaults(&options);
    options.aggregation = (mica_aggregation)7;
    expect(mica_tag(o.session, texts, 1, &options, &e, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
           "7");
    options.aggregation = MICA_AGGREGATION_MAX;
    options.stride = -2;
    expect(mica_tag(o.session, texts, 1, &options, &e, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
           "-2");
    options.stride = -1;
    options.max_length = 1000;
    expect(mica_tag(o.session, texts, 1, &options, &e, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
           "1000");
    options.max_length = 1;
    expect(mica_tag(o.session, texts, 1, &options, &e, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
           "special");
    assert_null(e);
    must(mica_tag(o.session, NULL, 0, NULL, &e, &err), &err);
    assert_int_equal(mica_entities_count(e), 0);
    mica_entities_destroy(&e);
    close_made(&o);
}

static void test_bad_questions(void **state)
{
    opened o = open_made(context, cases, "answer-mpnet");
    const mica_text good = {"A text.", 7}, empty = {"", 0}, broken = {"a\xff", 2};
    const mica_text firsts[2] = {good, good}, seconds[2] = {good, broken};
    mica_text long_question;
    char *data = repeat("what is it ", 30, &long_question);
    mica_answer_options options;
    mica_extracts *x = NULL;
    mica_error err = {0};

    expect(mica_answer(o.session, &good, NULL, 1, NULL, &x, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "contexts");
    expect(mica_answer(o.session, &empty, &good, 1, NULL, &x, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "text 0: the question is empty");
    expect(mica_answer(o.session, &good, &empty, 1, NULL, &x, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "text 0: the context is empty");
    expect(mica_answer(o.session, firsts, seconds, 2, NULL, &x, &err), &err,
           MICA_STATUS_INVALID_UTF8, "text 1: the context is not valid UTF-8 at byte 1");
    expect(mica_answer(o.session, &long_question, &good, 1, NULL, &x, &err), &err,
           MICA_STATUS_TOO_LONG, "no room for the context in a window of 60");
    mica_answer_options_defaults(&options);
    options.top_k = 0;
    expect(mica_answer(o.session, &good, &good, 1, &options, &x, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "top_k 0");
    mica_answer_options_defaults(&options);
    options.max_answer_len = 0;
    expect(mica_answer(o.session, &good, &good, 1, &options, &x, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "max_answer_len 0");
    mica_answer_options_defaults(&options);
    options.doc_stride = 61;
    expect(mica_answer(o.session, &good, &good, 1, &options, &x, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "doc_stride 61");
    options.doc_stride = 58; /* fits into a window, but not beside the question */
    expect(mica_answer(o.session, &good, &long_question, 1, &options, &x, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "text 0: stride 58");
    mica_answer_options_defaults(&options);
    options.max_question_len = 5;
    assert_null(x);
    must(mica_answer(o.session, &long_question, &good, 1, &options, &x, &err), &err);
    assert_true(mica_extracts_truncated(x, 0));
    mica_extracts_destroy(&x);
    close_made(&o);
    free(data);
}

/* A context without a token holds no answer, except that there is none. */
static void test_no_answer(void **state)
{
    opened o = open_made(context, cases, "answer-bert");
    const mica_text question = {"who?", 4}, blank = {" \n ", 3};
    mica_answer_options options;
    mica_extracts *x = NULL;
    mica_error err = {0};
    const mica_extract *list;
    size_t count;

    must(mica_answer(o.session, &question, &blank, 1, NULL, &x, &err), &err);
    mica_extracts_get(x, 0, &count);
    assert_int_equal(count, 0);
    mica_answer_options_defaults(&options);
    options.handle_impossible_answer = true;
    must(mica_answer(o.session, &question, &blank, 1, &options, &x, &err), &err);
    list = mica_extracts_get(x, 0, &count);
    assert_int_equal(count, 1);
    assert_int_equal(list->answer.size, 0);
    assert_true(list->score == 1);
    mica_extracts_destroy(&x);
    close_made(&o);
}

/* ---- failing allocations ---- */

static mica_status both_tasks(void *arg, mica_error *err)
{
    opened *made = arg;
    const mica_text texts[2] = {{"Foxes jump over unbelievable dogs", 33}, {"A dog sleeps", 12}};
    const mica_text questions[2] = {texts[1], texts[1]};
    mica_entities *e = NULL;
    mica_extracts *x = NULL;
    mica_tag_options tag;
    mica_answer_options answer;
    mica_status status;

    mica_tag_options_defaults(&tag);
    tag.aggregation = MICA_AGGREGATION_AVERAGE;
    tag.max_length = 6;
    tag.batch_tokens = 10;
    mica_answer_options_defaults(&answer);
    answer.top_k = 3;
    answer.max_seq_len = 12;
    answer.batch_tokens = 20;
    answer.handle_impossible_answer = true;
    status = mica_tag(made[0].session, texts, 2, &tag, &e, err);
    if (status == MICA_OK)
        status = mica_answer(made[1].session, questions, texts, 2, &answer, &x, err);
    mica_entities_destroy(&e);
    mica_extracts_destroy(&x);
    return status;
}

static void test_allocations(void **state)
{
    opened made[2] = {open_made(context, cases, "tag-bert"),
                      open_made(context, cases, "answer-bert")};

    assert_true(torture_run(both_tasks, made) > 50);
    close_made(&made[0]);
    close_made(&made[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),         cmocka_unit_test(test_windows_of_tokens),
        cmocka_unit_test(test_long_context),  cmocka_unit_test(test_bad_tags),
        cmocka_unit_test(test_bad_questions), cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
