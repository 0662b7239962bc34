/* SPDX-License-Identifier: MIT
 *
 * What every task says to a checkpoint that has not the head it needs, or one whose head does not
 * fit its labels.
 */
#include <stdio.h>
#include <string.h>

#include "tasks/fixture.h"

static mica_context *context;

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

enum { CLASSIFY, RERANK, FILL_MASK, TAG, ANSWER, TASKS };

/* Each task needs a tokenizer only once it has its head. */
static const struct {
    const char *file, *model, *task, *head, *class_name, *weight;
} tasks[TASKS] = {
    [CLASSIFY] = {"texts.json", "three", "classify", "sequence classification",
                  "BertForSequenceClassification", "'classifier.weight'"},
    [RERANK] = {"texts.json", "rank-bert", "rerank", "sequence classification",
                "BertForSequenceClassification", "'classifier.weight'"},
    [FILL_MASK] = {"texts.json", "mask-bert", "fill-mask", "masked language model",
                   "BertForMaskedLM", "'cls.predictions."},
    [TAG] = {"spans.json", "tag-bert", "tag", "token classification", "BertForTokenClassification",
             "'classifier.weight'"},
    [ANSWER] = {"spans.json", "answer-bert", "answer", "question answering",
                "BertForQuestionAnswering", "'qa_outputs.weight'"},
};

static mica_status run(int task, mica_session *session, mica_error *err)
{
    const mica_text text = {"A [MASK] text.", 14};
    mica_classes *classes = NULL;
    mica_ranking *ranking = NULL;
    mica_fills *fills = NULL;
    mica_entities *entities = NULL;
    mica_extracts *extracts = NULL;
    mica_status status = MICA_OK;

    if (task == CLASSIFY)
        status = mica_classify(session, &text, NULL, 1, NULL, &classes, err);
    else if (task == RERANK)
        status = mica_rerank(session, text, &text, 1, NULL, &ranking, err);
    else if (task == FILL_MASK)
        status = mica_fill_mask(session, &text, 1, NULL, &fills, err);
    else if (task == TAG)
        status = mica_tag(session, &text, 1, NULL, &entities, err);
    else
        status = mica_answer(session, &text, &text, 1, NULL, &extracts, err);
    assert_true(status == MICA_OK || (!classes && !ranking && !fills && !entities && !extracts));
    mica_classes_destroy(&classes);
    mica_ranking_destroy(&ranking);
    mica_fills_destroy(&fills);
    mica_entities_destroy(&entities);
    mica_extracts_destroy(&extracts);
    return status;
}

static void expect_task(const char *dir, int task, mica_status status, const char *part)
{
    mica_model *model = open_model(context, dir);
    mica_session *session = new_session(model);
    mica_error err = {0};

    expect(run(task, session, &err), &err, status, part);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
}

/* Every task on the checkpoint of every other one. */
static void test_other_heads(void **state)
{
    for (int of = 0; of < TASKS; of++) {
        mica_json *cases = open_cases(tasks[of].file);
        opened o = open_made(context, cases, tasks[of].model);

        for (int task = 0; task < TASKS; task++) {
            mica_error err = {0};
            char part[200];

            snprintf(part, sizeof part, "%s needs a %s head; this checkpoint (%s) has: %s",
                     tasks[task].task, tasks[task].head, tasks[of].class_name, tasks[of].head);
            if (strcmp(tasks[of].head, tasks[task].head) == 0)
                must(run(task, o.session, &err), &err);
            else
                expect(run(task, o.session, &err), &err, MICA_STATUS_UNSUPPORTED, part);
        }
        close_made(&o);
        mica_json_destroy(&cases);
    }
}

/* A base model, as itself and as what it claims to be: there are no random weights. */
static void test_base_models(void **state)
{
    for (int task = 0; task < TASKS; task++) {
        const char *dir = copy_of("bert-model", "lacks");
        char name[64], part[120];

        snprintf(part, sizeof part,
                 "needs a %s head; this checkpoint (BertModel) has: ", tasks[task].head);
        expect_task(dir, task, MICA_STATUS_UNSUPPORTED, part);
        snprintf(name, sizeof name, "\"%s\"", tasks[task].class_name);
        edit(path_in(dir, "config.json"), "\"BertModel\"", name);
        expect_task(dir, task, MICA_STATUS_NOT_FOUND, tasks[task].weight);
        expect_task(dir, task, MICA_STATUS_NOT_FOUND, "base model");
    }
}

/* Labels that are not those of the head's rows. */
static void test_labels(void **state)
{
    static const int classifiers[] = {CLASSIFY, RERANK, TAG};

    for (size_t i = 0; i < 3; i++) {
        bool tag = classifiers[i] == TAG;
        const char *from = tag ? "bert-tokenclassification" : "bert-sequenceclassification";
        const char *dir = copy_of(from, "labels");

        edit(path_in(dir, "config.json"), "\"0\": ", "\"77\": \"one more\", \"0\": ");
        expect_task(dir, classifiers[i], MICA_STATUS_SHAPE, "classifier.weight");
        dir = copy_of(from, "labels");
        edit(path_in(dir, "config.json"), "\"0\": ", "\"zero\": ");
        expect_task(dir, classifiers[i], MICA_STATUS_FORMAT, "none for id 0");
        dir = copy_of(from, "labels");
        edit(path_in(dir, "config.json"), "\"bert 0\"", "[]");
        expect_task(dir, classifiers[i], MICA_STATUS_FORMAT, "label of id 0 is an array");
    }
}

/* Trainers write labels of data sets that have numbers for classes as such. */
static void test_numbers_as_labels(void **state)
{
    const char *dir = copy_of("bert-sequenceclassification", "labels");
    mica_model *model;

    edit(path_in(dir, "config.json"), "\"bert 0\"", "-1");
    edit(path_in(dir, "config.json"), "\"bert 4\"", "120");
    model = open_model(context, dir);
    assert_int_equal(mica_model_label_count(model), 5);
    assert_string_equal(mica_model_label(model, 0), "-1");
    assert_string_equal(mica_model_label(model, 1), "bert 1");
    assert_string_equal(mica_model_label(model, 4), "120");
    mica_model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_heads),
        cmocka_unit_test(test_base_models),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_numbers_as_labels),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
