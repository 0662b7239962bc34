/* SPDX-License-Identifier: MIT
 *
 * How far an output is from the reference, and how far it may be.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models_reference.h"

void bench_distance_add(bench_distance *distance, const float *output, const double *reference,
                        size_t rows, size_t width)
{
    double largest = 0, scale = 0;
    for (size_t i = 0; i < rows; i++) {
        const float *x = output + i * width;
        const double *y = reference + i * width;
        double xx = 0, yy = 0, xy = 0, apart = 0;
        for (size_t k = 0; k < width; k++) {
            double value = (double)x[k], difference = fabs(value - y[k]);
            if (!(difference <= 1e300)) {
                *distance = (bench_distance){HUGE_VAL, -1, HUGE_VAL};
                return;
            }
            xx += value * value;
            yy += y[k] * y[k];
            xy += value * y[k];
            apart += difference * difference;
            largest = fmax(largest, difference);
            scale = fmax(scale, fabs(y[k]));
        }
        distance->cosine = fmin(distance->cosine, xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0);
        distance->row = fmax(distance->row, yy > 0 ? sqrt(apart / yy) : HUGE_VAL);
    }
    distance->largest = fmax(distance->largest, scale > 0 ? largest / scale : HUGE_VAL);
}

bool bench_distance_allowed(const bench_distance *d, const char *precision, char *reason,
                            size_t size)
{
    bool bf16 = strcmp(precision, "bf16") == 0;
    double least = bf16 ? 0.998 : 0.95, most = bf16 ? 0.065 : 0.35;
    reason[0] = 0;
    if (strcmp(precision, "fp32") == 0) {
        if (d->largest <= 5e-5)
            return true;
        snprintf(reason, size, "a value is %.3g of the largest away from the reference (5e-05)",
                 d->largest);
        return false;
    }
    if (d->cosine >= least && d->row <= most)
        return true;
    snprintf(reason, size,
             "a row's cosine to the reference is %.6f (%g at least), its distance %.3g of its "
             "length (%g at most)",
             d->cosine, least, d->row, most);
    return false;
}
