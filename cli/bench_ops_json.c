/* SPDX-License-Identifier: MIT
 *
 * The result file of `mica bench ops`: docs/bench.md says what it holds.
 */
#include "bench/util.h"
#include "bench_ops.h"

static void write_peaks(mica_json_writer *w, const bench_peaks *peaks)
{
    mica_json_write_key(w, "peaks");
    mica_json_begin_object(w);
    bench_write_number(w, "flops", peaks->flops);
    mica_json_write_key(w, "bandwidth");
    mica_json_begin_array(w);
    for (int i = 0; i < BENCH_SIZES; i++) {
        mica_json_begin_object(w);
        bench_write_number(w, "bytes", peaks->bandwidth[i].bytes);
        bench_write_number(w, "read", peaks->bandwidth[i].read);
        bench_write_number(w, "write", peaks->bandwidth[i].write);
        bench_write_number(w, "copy", peaks->bandwidth[i].copy);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
    mica_json_end_object(w);
}

void ops_write_result(const ops_run *run, const bench_ops_result *r)
{
    mica_json_writer *w = run->writer;
    mica_json_begin_object(w);
    mica_json_write_member(w, "case", r->work.name);
    mica_json_write_member(w, "op", bench_op_title(r->work.op));
    mica_json_write_member(w, "group", bench_group_name(r->work.group));
    bench_write_bool(w, "paper", r->work.group == BENCH_GROUP_PAPER);
    bench_write_number(w, "flops", r->work.flops);
    bench_write_number(w, "bytes", r->work.bytes);
    bench_write_number(w, "bandwidth", r->bandwidth);
    bench_write_int(w, "elements", (int64_t)r->elements);
    bench_write_int(w, "checked", (int64_t)r->checked);
    mica_json_write_key(w, "arms");
    mica_json_begin_array(w);
    for (size_t i = 0; i < r->arm_count; i++) {
        mica_json_begin_object(w);
        bench_write_arm(w, &r->arms[i]);
        mica_json_write_member(w, "way", r->how[i][0] ? r->how[i] : NULL);
        bench_write_number(w, "difference", r->worst[i]);
        if (r->arms[i].state == BENCH_OK) {
            bench_rates rates = bench_ops_rates(r, i, bench_ops_peaks(run->ops));
            bench_write_number(w, "flops_per_second", rates.flops);
            bench_write_number(w, "bytes_per_second", rates.bytes);
            bench_write_number(w, "share_of_peak", rates.share);
        }
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
    const bench_arm *mica = ops_has_mica(r) ? &r->arms[0] : NULL;
    mica_json_write_key(w, "ratio");
    bench_write_ratio_of(w, mica, ops_fastest(r, BENCH_OPS_MICA));
    mica_json_write_key(w, "ratios");
    mica_json_begin_object(w);
    for (size_t i = 0; i < run->options.peer_count; i++) {
        mica_json_write_key(w, run->options.peers[i].name);
        bench_write_ratio_of(w, mica, ops_fastest(r, (int)i));
    }
    mica_json_end_object(w);
    mica_json_end_object(w);
}

static void write_facts(mica_json_writer *w, const bench_ops_peer *peer, bool settings)
{
    mica_json_write_key(w, settings ? "settings" : "versions");
    mica_json_begin_object(w);
    for (size_t i = 0; i < peer->fact_count; i++)
        if (peer->facts[i].setting == settings)
            mica_json_write_member(w, peer->facts[i].key, peer->facts[i].value);
    mica_json_end_object(w);
}

static void write_peers(const ops_run *run)
{
    mica_json_writer *w = run->writer;
    mica_json_write_key(w, "peers");
    mica_json_begin_array(w);
    for (size_t i = 0; i < run->options.peer_count; i++) {
        const bench_ops_peer *peer = bench_ops_peer_of(run->ops, i);
        mica_json_begin_object(w);
        mica_json_write_member(w, "name", run->options.peers[i].name);
        write_facts(w, peer, false);
        write_facts(w, peer, true);
        mica_json_write_member(w, "state", bench_state_name(peer->state));
        mica_json_write_member(w, "reason", peer->reason[0] ? peer->reason : NULL);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
}

void ops_write_settings(const ops_run *run)
{
    mica_json_writer *w = run->writer;
    bench_write_head(w, "ops", &run->environment);
    mica_json_write_key(w, "settings");
    mica_json_begin_object(w);
    bench_write_plan(w, &run->options.plan);
    bench_write_int(w, "min_runs", (int64_t)run->options.plan.min_runs);
    bench_write_number(w, "max_time", run->options.plan.max_time);
    bench_write_int(w, "threads", (int64_t)bench_ops_threads(run->ops));
    mica_json_end_object(w);
    write_peers(run);
    write_peaks(w, bench_ops_peaks(run->ops));
}

static void write_figure(mica_json_writer *w, const char *key, const bench_flaw *flaw, int i)
{
    mica_json_write_key(w, key);
    mica_json_begin_object(w);
    if (flaw->is_ratio)
        bench_write_number(w, "ratio", flaw->values[i]);
    else
        bench_write_arm(w, i ? &flaw->flawed : &flaw->honest);
    mica_json_end_object(w);
}

void ops_write_flaw(const ops_run *run, const bench_flaw *flaw)
{
    mica_json_writer *w = run->writer;
    mica_json_begin_object(w);
    mica_json_write_member(w, "kind", "flaw");
    mica_json_write_member(w, "flaw", flaw->name);
    mica_json_write_member(w, "case", flaw->what);
    mica_json_write_member(w, "arm", flaw->arm);
    write_figure(w, "honest", flaw, 0);
    write_figure(w, "flawed", flaw, 1);
    mica_json_write_member(w, "caught", flaw->caught[0] ? flaw->caught : NULL);
    mica_json_write_member(w, "says", flaw->says);
    mica_json_end_object(w);
}

void ops_write_document(const ops_run *run)
{
    mica_json_writer *w = run->writer;
    mica_json_writer_reset(w);
    mica_json_begin_object(w);
    ops_write_settings(run);
    mica_json_write_key(w, "results");
    mica_json_begin_array(w);
    for (size_t i = 0; i < run->count; i++)
        ops_write_result(run, &run->results[i]);
    mica_json_end_array(w);
    if (run->as_published) {
        mica_json_write_key(w, "flaws");
        mica_json_begin_array(w);
        for (size_t i = 0; i < run->flaw_count; i++)
            ops_write_flaw(run, &run->flaws[i]);
        mica_json_end_array(w);
    }
    mica_json_end_object(w);
}
