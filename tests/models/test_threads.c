/* SPDX-License-Identifier: MIT
 *
 * Threads of the caller, each with a session of its own, on one model.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "models/support.h"

#define THREADS 4
#define ROUNDS 4

typedef struct worker {
    mica_model *model;
    size_t number;
    const mica_embeddings *expected[3];
    char failure[200];
} worker;

static const char *const poolings[3] = {NULL, "cls+max", "lasttoken"};
static const mica_text texts[4] = {
    {"the cat", 7}, {"", 0}, {"hello world", 11}, {"a dog sat on", 12}};

static mica_status embed(mica_session *session, size_t pooling, mica_embeddings **e,
                         mica_error *err)
{
    mica_embed_options options;

    mica_embed_options_defaults(&options);
    options.pooling = poolings[pooling];
    options.batch_tokens = 10;
    return mica_embed(session, texts, 4, &options, e, err);
}

static void *run(void *arg)
{
    worker *w = arg;
    mica_session *session = NULL;
    mica_embeddings *e = NULL;
    mica_error err = {0};

    if (mica_session_create(w->model, &session, &err))
        snprintf(w->failure, sizeof w->failure, "%.150s", err.message);
    for (size_t i = 0; i < ROUNDS * 3 && !w->failure[0]; i++) {
        size_t p = (i + w->number) % 3;

        if (embed(session, p, &e, &err))
            snprintf(w->failure, sizeof w->failure, "%.150s", err.message);
        else if (memcmp(mica_embeddings_vector(e, 0), mica_embeddings_vector(w->expected[p], 0),
                        4 * mica_embeddings_dimension(e) * sizeof(float)) != 0)
            snprintf(w->failure, sizeof w->failure, "round %zu differs", i);
    }
    mica_embeddings_destroy(&e);
    mica_session_destroy(&session);
    return NULL;
}

/* The first calls meet in a model that has compiled only its default. */
static void test_sessions(void **state)
{
    mica_context *context = new_context(2);
    mica_model *reference = open_model(context, fixture("st-modern"));
    mica_session *session = new_session(reference);
    mica_embeddings *expected[3] = {NULL};
    worker workers[THREADS];
    pthread_t threads[THREADS];
    mica_error err = {0};

    for (size_t p = 0; p < 3; p++)
        must(embed(session, p, &expected[p], &err), &err);
    mica_model *model = open_model(context, fixture("st-modern"));
    memset(workers, 0, sizeof workers);
    for (size_t t = 0; t < THREADS; t++) {
        workers[t].model = model;
        workers[t].number = t;
        for (size_t p = 0; p < 3; p++)
            workers[t].expected[p] = expected[p];
        assert_int_equal(pthread_create(&threads[t], NULL, run, &workers[t]), 0);
    }
    for (size_t t = 0; t < THREADS; t++)
        assert_int_equal(pthread_join(threads[t], NULL), 0);
    for (size_t t = 0; t < THREADS; t++)
        assert_string_equal(workers[t].failure, "");
    for (size_t p = 0; p < 3; p++)
        mica_embeddings_destroy(&expected[p]);
    mica_session_destroy(&session);
    mica_model_destroy(&reference);
    mica_model_destroy(&model);
    mica_context_destroy(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sessions)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
