/* SPDX-License-Identifier: MIT
 *
 * modules.json and the modules that it lists: the part of sentence.h that reads them.
 */
#ifndef MICA_MODELS_MODULES_H
#define MICA_MODELS_MODULES_H

#include "models/sentence.h"

/* Reads `path`/modules.json, if it is there, into directory, pooling, include_prompt, steps and
 * normalize of `s`, which keeps what was read also on failure. */
mica_status mica_modules_read(const char *path, mica_sentence *s, bool *found, mica_error *err);

mica_value mica_sentence_step_build(const mica_sentence_step *step, mica_graph *graph,
                                    mica_value x);
void mica_sentence_step_free(mica_sentence_step *step);

#endif
