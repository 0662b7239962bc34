/* SPDX-License-Identifier: MIT
 *
 * `mica bench ops --as-published`: each known flaw of the harness behind the paper's table A turned
 * on, beside the honest way.
 */
#ifndef MICA_BENCH_OPS_FLAWS_H
#define MICA_BENCH_OPS_FLAWS_H

#include "ops.h"

typedef struct bench_flaw {
    const char *name, *says;
    const char *what; /* the case, or the operation whose cases it is about */
    char arm[64];     /* whose figures they are */
    bool is_ratio;    /* values[] are how many times as fast mica is; else the arms have times */
    bench_arm honest, flawed;
    double values[2]; /* honest, flawed */
    char caught[256]; /* how the checks of this benchmark find it; "" = they do not */
} bench_flaw;

extern const size_t bench_flaw_count;

/* Whether flaw i would be shown with these options: its name, the case or operation, and with whom.
 */
bool bench_flaw_describe(const bench_ops_options *options, size_t i, const char **name,
                         const char **what, const char **whom);
/* Shows flaw i. False in *shown: its backend is not among the wanted ones. */
mica_status bench_flaw_run(bench_ops *ops, size_t i, bool *shown, bench_flaw *out, mica_error *err);
void bench_flaw_release(bench_flaw *flaw);

#endif
