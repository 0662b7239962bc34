/* SPDX-License-Identifier: MIT */
#include "ops_arms.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

/* Which of the case's arms it is. */
static size_t number_of(const bench *b, const bench_arm *arm)
{
    return (size_t)(arm - b->result->arms);
}

/* What the reference says of an output. A flaw that shows is no failure of its arm. */
static void judge(bench *b, size_t i, const bench_output *output)
{
    char reason[256];
    bench_ops_result *r = b->result;
    if (bench_reference_check(b->reference, output, &r->worst[i], reason, sizeof reason))
        return;
    if (r->choices[i].flawed)
        snprintf(r->caught[i], sizeof r->caught[i], "wrong: %.240s", reason);
    else
        bench_arm_fail(&r->arms[i], BENCH_WRONG, reason);
}

/* ---- mica ---- */

static mica_status run_once(const bench *b, size_t i, mica_error *err)
{
    const void *data[BENCH_INPUTS];
    size_t count = (size_t)b->result->work.inputs;
    for (size_t k = 0; k < count; k++)
        data[k] = mica_tensor_data(b->inputs[k]);
    return mica_executor_run(b->executor[i], NULL, data, count, err);
}

/* Warm. */
static mica_status make_executor(bench *b, size_t i, mica_error *err)
{
    if (b->executor[i])
        return MICA_OK;
    mica_status status = mica_executor_create(b->program[i], &b->executor[i], err);
    return status ? status : run_once(b, i, err);
}

static bool run_mica(bench_arm *arm, size_t runs, double *seconds)
{
    bench *b = arm->user;
    size_t i = number_of(b, arm);
    mica_error err = {0};
    mica_status status = make_executor(b, i, &err);
    double begin = bench_now();
    for (size_t k = 0; k < runs && !status; k++)
        status = run_once(b, i, &err);
    *seconds = bench_now() - begin;
    if (b->in_turn)
        mica_executor_destroy(&b->executor[i]);
    if (status)
        bench_arm_fail(arm, BENCH_FAILED, err.message);
    return !status;
}

static mica_status compile(bench *b, size_t i, mica_error *err)
{
    mica_graph *graph = NULL;
    bench_case work = b->result->work;
    mica_status status = mica_graph_create(&graph, err);
    work.indices = b->result->choices[i].flawed;
    if (!status) {
        mica_value y = bench_case_build(&work, graph);
        status = mica_program_compile(b->ops->context, graph, &y, 1, NULL, &b->program[i], err);
    }
    mica_graph_destroy(&graph);
    return status ? status : make_executor(b, i, err);
}

/* Whatever goes wrong in mica is a result. */
static void prepare_mica(bench *b, size_t i)
{
    bench_arm *arm = &b->result->arms[i];
    mica_error err = {0};
    int64_t dims[MICA_MAX_RANK];
    bool indices = b->result->work.op == BENCH_ARGMAX;
    bench_output output = {.dims = dims, .dtype = indices ? MICA_DTYPE_I32 : MICA_DTYPE_F32};
    arm->run = run_mica;
    if (compile(b, i, &err)) {
        bench_arm_fail(arm, BENCH_FAILED, err.message);
        return;
    }
    output.data = mica_executor_output(b->executor[i], 0, &output.rank, dims);
    if (!b->result->choices[i].flawed)
        judge(b, i, &output);
    if (b->in_turn)
        mica_executor_destroy(&b->executor[i]);
}

/* ---- what is said to a peer ---- */

static mica_json_writer *begin_request(bench *b, const char *what)
{
    mica_json_writer *w = b->ops->writer;
    mica_json_writer_reset(w);
    mica_json_begin_object(w);
    mica_json_write_member(w, "do", what);
    return w;
}

/* A request about an arm, honest or flawed. */
static mica_json_writer *begin_arm(bench *b, const char *what, size_t i)
{
    const bench_ops_choice *choice = &b->result->choices[i];
    mica_json_writer *w = begin_request(b, choice->flawed ? "flaw" : what);
    mica_json_write_member(w, choice->flawed ? "name" : "arm", choice->what);
    bench_write_bool(w, "keep", !b->in_turn);
    return w;
}

/* The request that is open, finished; NULL = out of memory. */
static const char *end_request(bench *b)
{
    const char *request;
    mica_json_end_object(b->ops->writer);
    return mica_json_writer_text(b->ops->writer, &request, NULL, NULL) ? NULL : request;
}

static const mica_json_value *ask(bench *b, bench_peer *peer)
{
    const char *request = end_request(b);
    return request ? bench_peer_ask(peer, request, NULL) : NULL;
}

static bool ask_prepare(bench *b, bench_peer *peer)
{
    const bench_case *c = &b->result->work;
    mica_json_writer *w = begin_request(b, "prepare");
    mica_json_write_member(w, "op", bench_op_word(c->op));
    mica_json_write_member(w, "inputs", b->ops->inputs_path);
    bench_write_int(w, "axis", c->axis);
    bench_write_bool(w, "causal", c->causal);
    bench_write_int(w, "threads", (int64_t)b->ops->info.threads);
    bench_write_bool(w, "keep", !b->in_turn);
    return ask(b, peer) != NULL;
}

void bench_ops_rest(bench *b)
{
    for (size_t i = 0; i < b->ops->options->peer_count; i++) {
        bench_peer *peer = b->ops->peers[i];
        if (peer && bench_peer_state_of(peer) == BENCH_OK) {
            begin_request(b, "rest");
            ask(b, peer);
        }
    }
}

/* ---- a peer's arms ---- */

static bool run_peer(bench_arm *arm, size_t runs, double *seconds)
{
    bench *b = arm->user;
    size_t i = number_of(b, arm);
    bench_write_int(begin_arm(b, "time", i), "runs", (int64_t)runs);
    const char *request = end_request(b);
    if (!request) {
        bench_arm_fail(arm, BENCH_FAILED, "out of memory for a request");
        return false;
    }
    bench_peer *peer = b->ops->peers[b->result->choices[i].backend];
    double passed;
    if (!bench_peer_time(peer, request, arm, seconds, &passed))
        return false;
    if (!b->in_turn) /* memory that is made anew for each request can take a hundred times as long
                      */
        bench_arm_note(arm, *seconds, passed);
    return true;
}

/* Of sampled elements the peer says which shape they are from. */
static bool read_shape(const mica_json_value *answer, bench_output *output, int64_t *dims)
{
    const mica_json_value *shape = mica_json_get(answer, "shape");
    output->rank = 0;
    output->dims = dims;
    if (mica_json_get_type(shape) != MICA_JSON_ARRAY)
        return false;
    for (const mica_json_value *v = mica_json_first(shape); v; v = mica_json_next(v))
        if (output->rank == MICA_MAX_RANK || !mica_json_int64(v, &dims[output->rank++]))
            return false;
    return true;
}

/* Opens what the peer wrote and holds it to the reference. */
static void check_output(bench *b, size_t i, const mica_json_value *answer)
{
    bench_arm *arm = &b->result->arms[i];
    mica_tensor_file *file = NULL;
    mica_tensor *tensor = NULL;
    mica_error err = {0};
    int64_t dims[MICA_MAX_RANK];
    mica_status status = mica_tensor_file_open(b->ops->output_path, &file, &err);
    if (!status)
        status = mica_tensor_file_get(file, "output", &tensor, &err);
    if (status) {
        bench_arm_fail(arm, BENCH_FAILED, err.message);
    } else {
        bench_output output = {.dtype = mica_tensor_dtype(tensor),
                               .rank = mica_tensor_rank(tensor),
                               .dims = mica_tensor_dims(tensor),
                               .data = mica_tensor_data(tensor),
                               .sampled = b->sampled};
        if (b->sampled && ((size_t)mica_tensor_count(tensor) != b->result->checked ||
                           !read_shape(answer, &output, dims)))
            bench_arm_fail(arm, BENCH_FAILED, "its output is not the elements that were asked for");
        else
            judge(b, i, &output);
    }
    mica_tensor_release(&tensor);
    mica_tensor_file_close(&file);
}

static void prepare_peer_arm(bench *b, size_t i, bool ready)
{
    bench_arm *arm = &b->result->arms[i];
    bench_peer *peer = b->ops->peers[b->result->choices[i].backend];
    arm->run = run_peer;
    if (!ready) {
        bench_peer_fail_arm(peer, arm);
        return;
    }
    unlink(b->ops->output_path); /* an output of before must not pass for this one */
    mica_json_writer *w = begin_arm(b, "check", i);
    mica_json_write_member(w, "output", b->ops->output_path);
    if (b->sampled)
        mica_json_write_member(w, "at", b->ops->positions_path);
    const mica_json_value *answer = ask(b, peer);
    if (!answer) {
        bench_peer_fail_arm(peer, arm);
        return;
    }
    const char *way = mica_json_string(mica_json_get(answer, "way"), NULL);
    snprintf(b->result->how[i], sizeof b->result->how[i], "%s", way ? way : "");
    check_output(b, i, answer);
    unlink(b->ops->output_path);
}

/* ---- all arms ---- */

/* The file of the elements that the reference knows. */
static mica_status save_positions(const bench *b, mica_error *err)
{
    const int64_t count = (int64_t)b->result->checked;
    mica_named_tensor named = {"at", NULL};
    mica_status status = mica_tensor_create(MICA_DTYPE_I64, 1, &count, &named.tensor, err);
    if (!status) {
        bench_reference_positions(b->reference, mica_tensor_data_mut(named.tensor));
        status = mica_tensors_save(b->ops->positions_path, &named, 1, err);
    }
    mica_tensor_release(&named.tensor);
    return status;
}

mica_status bench_ops_prepare_arms(bench *b, mica_error *err)
{
    bool asked[BENCH_OPS_PEERS] = {false}, ready[BENCH_OPS_PEERS] = {false};
    bench_ops_result *r = b->result;
    if (b->sampled && b->ops->options->peer_count > 0) {
        mica_status status = save_positions(b, err);
        if (status)
            return status;
    }
    for (size_t i = 0; i < r->arm_count; i++) {
        int k = r->choices[i].backend;
        r->arms[i].user = b;
        if (k == BENCH_OPS_MICA) {
            prepare_mica(b, i);
            continue;
        }
        if (!asked[k])
            ready[k] = bench_peer_hello(b->ops->peers[k]) && ask_prepare(b, b->ops->peers[k]);
        asked[k] = true;
        prepare_peer_arm(b, i, ready[k]);
    }
    return MICA_OK;
}

/* ---- peers ---- */

static void note_facts(bench_ops_peer *said, const mica_json_value *hello)
{
    static const char *const keys[] = {"versions", "settings"};
    for (int k = 0; k < 2; k++) {
        const mica_json_value *object = mica_json_get(hello, keys[k]);
        for (const mica_json_value *v = mica_json_first(object); v; v = mica_json_next(v)) {
            const char *key = mica_json_key(v, NULL), *value = mica_json_string(v, NULL);
            if (!key || !value || said->fact_count == BENCH_OPS_FACTS)
                continue;
            size_t i = said->fact_count++;
            snprintf(said->facts[i].key, sizeof said->facts[i].key, "%s", key);
            snprintf(said->facts[i].value, sizeof said->facts[i].value, "%s", value);
            said->facts[i].setting = k == 1;
        }
    }
}

bool bench_ops_start_peers(bench_ops *ops)
{
    const bench_ops_options *o = ops->options;
    for (size_t i = 0; i < o->peer_count; i++) {
        bench_peer **peer = &ops->peers[i];
        bool first = *peer == NULL;
        if (*peer && bench_peer_state_of(*peer) == BENCH_FAILED)
            bench_peer_stop(peer);
        if (!*peer)
            *peer = bench_peer_start(o->python, o->peers[i].script, o->limit, o->plan.stop,
                                     o->show_errors);
        if (!*peer)
            return false;
        if (!first)
            continue;
        ops->said[i].state = bench_peer_state_of(*peer);
        if (ops->said[i].state == BENCH_OK)
            note_facts(&ops->said[i], bench_peer_hello(*peer));
        else
            snprintf(ops->said[i].reason, sizeof ops->said[i].reason, "%s",
                     bench_peer_reason(*peer));
    }
    return true;
}
