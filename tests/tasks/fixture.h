/* SPDX-License-Identifier: MIT
 *
 * The fixtures of tests/fixtures/tasks: models that mica_model_init makes, and cases on them.
 */
#ifndef MICA_TESTS_TASKS_FIXTURE_H
#define MICA_TESTS_TASKS_FIXTURE_H

#include "models/support.h"

/* tests/fixtures/tasks/<name>, parsed; to be destroyed. */
mica_json *open_cases(const char *name);
/* The model `name` of `cases`, written into a folder of this process's own. */
const char *make_model(const mica_json_value *cases, const char *name);

/* The same, opened. */
typedef struct opened {
    mica_model *model;
    mica_session *session;
} opened;
opened open_made(mica_context *context, const mica_json *cases, const char *name);
void close_made(opened *o);

/* What must be there: a text (NUL-terminated), a number. */
const char *text_of(const mica_json_value *object, const char *key);
double number_of(const mica_json_value *value);
int64_t integer_or(const mica_json_value *object, const char *key, int64_t absent);
bool flag_of(const mica_json_value *object, const char *key);
/* Strings of a list; the list is freed with free(). */
size_t texts_of(const mica_json_value *array, mica_text **out);
mica_text as_text(const mica_json_value *value);

/* A score: within 1e-5 of the largest that there can be, 1 for probabilities. */
void same_score(double ours, double expected, double largest);
void same_text(const char *data, size_t size, const mica_json_value *expected);

#endif
