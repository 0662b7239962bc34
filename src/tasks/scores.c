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

void mica_scores_softmax(const float *logits, size_t n, float *out)
{
    double largest = -INFINITY, sum = 0;

    for (size_t i = 0; i < n; i++)
        largest = logits[i] > largest ? logits[i] : largest;
    for (size_t i = 0; i < n; i++)
        sum += exp(logits[i] - largest);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(exp(logits[i] - largest) / sum);
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
