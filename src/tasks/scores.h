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
/* The same for a few of many: where the sum stands, and one of the scores. */
typedef struct mica_scores_scale {
    double largest, sum;
} mica_scores_scale;
mica_scores_scale mica_scores_scale_of(const float *logits, size_t n);
float mica_scores_one(mica_scores_scale scale, float logit);
void mica_scores_sigmoid(const float *logits, size_t n, float *out);
/* The indices of the k largest of n finite scores (k <= n), best first; of equal scores the first
 * one. O(n log k). */
void mica_scores_top(const float *scores, size_t n, size_t k, size_t *indices);

#endif
