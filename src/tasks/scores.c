/* SPDX-License-Identifier: MIT */
#include "tasks/scores.h"

#include <math.h>

bool mica_scores_finite(const float *logits, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(logits[i]))
            return false;
    return true;
}

mica_scores_scale mica_scores_scale_of(const float *logits, size_t n)
{
    mica_scores_scale scale = {-INFINITY, 0};

    for (size_t i = 0; i < n; i++)
        scale.largest = logits[i] > scale.largest ? logits[i] : scale.largest;
    for (size_t i = 0; i < n; i++)
        scale.sum += exp(logits[i] - scale.largest);
    return scale;
}

float mica_scores_one(mica_scores_scale scale, float logit)
{
    return (float)(exp(logit - scale.largest) / scale.sum);
}

void mica_scores_softmax(const float *logits, size_t n, float *out)
{
    mica_scores_scale scale = mica_scores_scale_of(logits, n);

    for (size_t i = 0; i < n; i++)
        out[i] = mica_scores_one(scale, logits[i]);
}

void mica_scores_sigmoid(const float *logits, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(1 / (1 + exp(-(double)logits[i])));
}

/* Whether score a ranks below score b. */
static bool below(const float *scores, size_t a, size_t b)
{
    return scores[a] < scores[b] || (scores[a] == scores[b] && a > b);
}

/* A heap of indices whose root ranks lowest: lets heap[i] sink to its place. */
static void sink(const float *scores, size_t *heap, size_t count, size_t i)
{
    size_t index = heap[i], child;

    for (; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && below(scores, heap[child + 1], heap[child]))
            child++;
        if (!below(scores, heap[child], index))
            break;
        heap[i] = heap[child];
    }
    heap[i] = index;
}

void mica_scores_top(const float *scores, size_t n, size_t k, size_t *indices)
{
    if (k == 0)
        return;
    for (size_t i = 0; i < k; i++)
        indices[i] = i;
    for (size_t i = k / 2; i-- > 0;)
        sink(scores, indices, k, i);
    for (size_t i = k; i < n; i++) {
        if (below(scores, i, indices[0]))
            continue;
        indices[0] = i;
        sink(scores, indices, k, 0);
    }
    /* The lowest goes to the end, again and again. */
    for (size_t left = k; --left > 0;) {
        size_t lowest = indices[0];
        indices[0] = indices[left];
        indices[left] = lowest;
        sink(scores, indices, left, 0);
    }
}
