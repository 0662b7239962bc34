/* SPDX-License-Identifier: MIT
 *
 * A context with a backend that computes nothing of use, for tests of the graph part alone. Each
 * step fills its output with numbers drawn from a hash of the operation and of all elements of its
 * inputs, so a value that was overwritten too early, or read through wrong strides, changes every
 * result behind it. COPY copies. The backend also checks what the planner promises: outputs are
 * contiguous, inputs too where the kind says so, and nothing is shared but what may run in place.
 */
#ifndef MICA_TESTS_GRAPH_FAKE_H
#define MICA_TESTS_GRAPH_FAKE_H

#include "backends/backend.h"

mica_context *fake_context_create(void);
void fake_context_destroy(mica_context **context);

/* The operation is not supported from now on. */
void fake_decline(mica_context *context, mica_op op);
/* Bytes of scratch that runs ask for; they fill it with 0xEE. */
void fake_set_scratch(mica_context *context, size_t bytes);
/* A run's last step writes this number to its first element (0: it does not). */
void fake_set_poison(mica_context *context, float number);
/* Steps prepared and not yet unprepared. */
size_t fake_prepared(const mica_context *context);
/* What a run found wrong with the plan, or NULL. */
const char *fake_complaint(const mica_context *context);

#endif
