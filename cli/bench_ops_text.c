/* SPDX-License-Identifier: MIT
 *
 * The table of `mica bench ops`.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench_ops.h"

bool ops_has_mica(const bench_ops_result *r)
{
    return strcmp(r->arms[0].name, "mica") == 0;
}

const bench_arm *ops_fastest(const bench_ops_result *r, int peer)
{
    const bench_arm *best = NULL;
    for (size_t i = 0; i < r->arm_count; i++) {
        int backend = r->choices[i].backend;
        const bench_arm *arm = bench_fastest(&r->arms[i], 1);
        if (arm && backend != BENCH_OPS_MICA && (peer == BENCH_OPS_MICA || backend == peer) &&
            (!best || arm->summary.median < best->summary.median))
            best = arm;
    }
    return best;
}

static void show_arm(const ops_run *run, const bench_ops_result *r, size_t i)
{
    const bench_arm *arm = &r->arms[i];
    const bench_summary *s = &arm->summary;
    char why[128];
    if (arm->state == BENCH_ABSENT) /* said once, above */
        return;
    out_text("    %-16s", arm->name);
    if (arm->state != BENCH_OK) {
        out_text(" %s: %s\n", bench_state_name(arm->state), printable(arm->reason).text);
        return;
    }
    bench_rates rates = bench_ops_rates(r, i, bench_ops_peaks(run->ops));
    int digits = s->median < 1e-5 ? 6 : 4;
    out_text(" %10.*f %8.*f %10.*f %10.*f %4zu", digits, s->median * 1e3, digits, s->mad * 1e3,
             digits, s->p5 * 1e3, digits, s->p95 * 1e3, s->n);
    if (rates.flops > 0)
        out_text(" %8.1f", rates.flops * 1e-9);
    else
        out_text(" %8s", "-");
    out_text(" %8.2f %5.0f %%", rates.bytes * 1e-9, rates.share * 100);
    if (i > 0 && ops_has_mica(r) && r->arms[0].state == BENCH_OK)
        bench_show_ratio(bench_arm_ratio(&r->arms[0], arm));
    if (r->how[i][0])
        out_text("  [%s]", printable(r->how[i]).text);
    if (arm->rounds < run->options.plan.rounds)
        out_text("  slow: %zu of %zu rounds", arm->rounds, run->options.plan.rounds);
    if (bench_arm_is_suspect(arm, why, sizeof why))
        out_text("  suspect: %s", why);
    out_text("\n");
}

void ops_show(const ops_run *run, const bench_ops_result *r)
{
    out_text("%s\n", r->work.name);
    for (size_t i = 0; i < r->arm_count; i++)
        show_arm(run, r, i);
    out_flush();
}

/* "pytorch: torch 2.15.0, python 3.11.7, inference_mode=true" */
static void show_peer(const ops_run *run, size_t i)
{
    const bench_ops_peer *peer = bench_ops_peer_of(run->ops, i);
    out_text("%s: ", run->options.peers[i].name);
    if (peer->state != BENCH_OK)
        out_text("%s: %s", bench_state_name(peer->state), printable(peer->reason).text);
    for (size_t k = 0; k < peer->fact_count; k++)
        out_text("%s%s%s%s", k ? ", " : "", printable(peer->facts[k].key).text,
                 peer->facts[k].setting ? "=" : " ", printable(peer->facts[k].value).text);
    out_text("\n");
}

void ops_show_head(const ops_run *run)
{
    const bench_peaks *peaks = bench_ops_peaks(run->ops);
    bench_show_machine(&run->environment);
    out_text(", %zu threads\n", bench_ops_threads(run->ops));
    out_text("peak: %.0f GFLOP/s; GB/s read, written, copied:", peaks->flops * 1e-9);
    for (int i = 0; i < BENCH_SIZES; i++) {
        const bench_bandwidth *b = &peaks->bandwidth[i];
        char size[32];
        size_text((int64_t)b->bytes, size, sizeof size);
        out_text("%s %.0f, %.0f, %.0f of %s", i ? ";" : "", b->read * 1e-9, b->write * 1e-9,
                 b->copy * 1e-9, size);
    }
    out_text("\n");
    for (size_t i = 0; i < run->options.peer_count; i++)
        show_peer(run, i);
    if (run->case_count > 0)
        out_text("    %-16s %10s %8s %10s %10s %4s %8s %8s %7s %8s\n", "", "median ms", "MAD", "p5",
                 "p95", "n", "GFLOP/s", "GB/s", "of peak", "ratio");
    out_flush();
}

/* The geometric mean of the ratios to the fastest of some arms, where both are right. `peer`: of
 * one, or BENCH_OPS_MICA = of all. */
static void show_mean(const ops_run *run, int peer, const char *whom)
{
    double *ratios = calloc(run->count + 1, sizeof *ratios);
    size_t n = 0, slower = 0;
    for (size_t i = 0; i < run->count && ratios; i++) {
        const bench_ops_result *r = &run->results[i];
        const bench_arm *fastest = ops_fastest(r, peer);
        if (r->work.group == BENCH_GROUP_TINY || !ops_has_mica(r) || r->arms[0].state != BENCH_OK ||
            !fastest)
            continue;
        ratios[n] = bench_arm_ratio(&r->arms[0], fastest).median;
        slower += ratios[n++] < 1;
    }
    if (n > 0)
        out_text("%zu cases: %.2f times as fast as %s (geometric mean); slower in %zu\n", n,
                 bench_geometric_mean(ratios, n), whom, slower);
    free(ratios);
}

/* What a run costs beside its work. */
static void show_tiny(const ops_run *run)
{
    for (size_t k = 0; k < run->arm_count; k++) {
        double most = 0;
        const char *name = NULL;
        for (size_t i = 0; i < run->count; i++) {
            const bench_ops_result *r = &run->results[i];
            if (r->work.group != BENCH_GROUP_TINY || r->arms[k].state != BENCH_OK)
                continue;
            name = r->arms[k].name;
            most = fmax(most, r->arms[k].summary.median);
        }
        if (name)
            out_text("tiny data: a run of %s takes %.2f us at most\n", name, most * 1e6);
    }
}

void ops_show_sum(const ops_run *run)
{
    show_mean(run, BENCH_OPS_MICA, "the fastest peer");
    for (size_t i = 0; i < run->options.peer_count && run->options.peer_count > 1; i++)
        show_mean(run, (int)i, run->options.peers[i].name);
    show_tiny(run);
}

/* ---- what the published harness made of it ---- */

static void show_flawed(const char *name, const bench_arm *arm, const bench_arm *honest)
{
    const bench_summary *s = &arm->summary;
    out_text("    %-16s", name);
    if (arm->state != BENCH_OK) {
        out_text(" %s: %s\n", bench_state_name(arm->state), printable(arm->reason).text);
        return;
    }
    out_text(" %10.4f ms (%.4f-%.4f, n = %zu)", s->median * 1e3, s->min * 1e3, s->max * 1e3, s->n);
    if (honest->state == BENCH_OK && arm != honest)
        out_text(", %.3g times the honest one", s->median / honest->summary.median);
    out_text("\n");
}

void ops_show_flaw(const bench_flaw *flaw)
{
    out_text("%s: %s, %s\n    %s\n", flaw->name, flaw->what, flaw->arm, flaw->says);
    if (flaw->is_ratio) {
        out_text("    %-16s %10.2fx\n    %-16s %10.2fx\n", "honest", flaw->values[0], "flawed",
                 flaw->values[1]);
    } else {
        show_flawed("honest", &flaw->honest, &flaw->honest);
        show_flawed("flawed", &flaw->flawed, &flaw->honest);
    }
    if (flaw->caught[0])
        out_text("    caught here:     %s\n", printable(flaw->caught).text);
    out_flush();
}
