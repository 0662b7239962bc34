/* SPDX-License-Identifier: MIT
 *
 * From logits to scores, and the best of them.
 */
#ifndef MICA_TASKS_SCORES_H
#define MICA_TASKS_SCORES_H

#include <stdbool.h>
#include <stddef.h>

bool mica_scores_finite(const float *logits, size_t n);
/* Summed in double; `out` may be `logits`. */
void mica_scores_softmax(const float *logits, size_t n, float *out);
void mica_scores_sigmoid(const float *logits, size_t n, float *out);
/* The indices of the k largest of n finite scores (k <= n), best first; of equal scores the first
 * one. O(n log k). */
void mica_scores_top(const float *scores, size_t n, size_t k, size_t *indices);

#endif
