/* SPDX-License-Identifier: MIT */
#include "models_arm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "environment.h"
#include "system.h"
#include "util.h"

enum { REASON_ROOM = 512 };

/* ---- programs ---- */

static bench_peer *start(const bench_program *p)
{
    if (p->script)
        return bench_peer_start(p->arguments[0], p->script, p->limit, p->stop, p->show_errors);
    return bench_peer_launch(p->arguments[0], p->arguments, p->limit, p->stop, p->show_errors);
}

static mica_status keep_hello(bench_program *p, const mica_json_value *hello, mica_error *err)
{
    mica_json_writer *w = NULL;
    const char *text;
    size_t size;
    mica_status status = mica_json_writer_create(&w, err);
    if (!status) {
        bench_write_value(w, hello);
        status = mica_json_writer_text(w, &text, &size, err);
    }
    if (!status)
        status = mica_json_parse(text, size, "hello", &p->hello, err);
    mica_json_writer_destroy(&w);
    return status;
}

mica_status bench_program_ask(bench_program *p, mica_error *err)
{
    bench_peer *peer = start(p);
    mica_status status = MICA_OK;
    if (!peer)
        return bench_fail_memory(err, "a peer");
    p->state = bench_peer_state_of(peer);
    snprintf(p->reason, sizeof p->reason, "%s", bench_peer_reason(peer));
    if (p->state == BENCH_OK) {
        const mica_json_value *hello = bench_peer_hello(peer);
        if (bench_text(hello, "name")[0])
            snprintf(p->name, sizeof p->name, "%.60s", bench_text(hello, "name"));
        status = keep_hello(p, hello, err);
    }
    bench_peer_stop(&peer);
    return status;
}

void bench_program_free(bench_program *p)
{
    mica_json_destroy(&p->hello);
}

/* ---- arms ---- */

bool bench_model_arm_read(bench_program *program, const mica_json_value *value,
                          bench_model_arm *out)
{
    const char *name = bench_text(value, "arm"), *precision = bench_text(value, "precision");
    const char *device = bench_text(value, "device"), *config = bench_text(value, "config");
    memset(out, 0, sizeof *out);
    out->program = program;
    snprintf(out->name, sizeof out->name, "%s", name);
    snprintf(out->framework, sizeof out->framework, "%.*s", (int)strcspn(name, " "), name);
    snprintf(out->precision, sizeof out->precision, "%s", precision);
    snprintf(out->config, sizeof out->config, "%s", config[0] ? config : "default");
    snprintf(out->device, sizeof out->device, "%s", device[0] ? device : "cpu");
    mica_json_bool(mica_json_get(value, "as_published"), &out->as_published);
    return name[0] && strlen(name) < sizeof out->name &&
           (strcmp(precision, "fp32") == 0 || strcmp(precision, "bf16") == 0 ||
            strcmp(precision, "int8") == 0);
}

bool bench_model_arm_is_mica(const bench_model_arm *arm)
{
    return strcmp(arm->framework, "mica") == 0;
}

/* What the process says to the writer's text, whose object is open. NULL: `state` and `reason` say
 * why; the arm's own, too, if it cannot be asked again. */
static const mica_json_value *ask(bench_model_arm *arm, mica_json_writer *w, bench_state *state,
                                  char *reason)
{
    const char *request;
    mica_error err = {0};
    const mica_json_value *answer = NULL;
    *state = BENCH_FAILED;
    mica_json_end_object(w);
    if (mica_json_writer_text(w, &request, NULL, &err)) {
        snprintf(reason, REASON_ROOM, "%.500s", err.message);
        return NULL;
    }
    answer = bench_peer_ask(arm->process, request, NULL);
    if (answer) {
        *state = BENCH_OK;
        return answer;
    }
    snprintf(reason, REASON_ROOM, "%s", bench_peer_reason(arm->process));
    if (bench_peer_state_of(arm->process) == BENCH_OK)
        return NULL;
    *state = arm->state = bench_peer_state_of(arm->process);
    snprintf(arm->reason, sizeof arm->reason, "%s", reason);
    return NULL;
}

static void write_load(mica_json_writer *w, const bench_model_arm *arm,
                       const bench_model_load *load)
{
    mica_json_begin_object(w);
    mica_json_write_member(w, "do", "load");
    mica_json_write_member(w, "arm", arm->name);
    mica_json_write_member(w, "model", load->model);
    mica_json_write_member(w, "head", load->head ? "masked-lm" : "none");
    bench_write_int(w, "threads", (int64_t)load->threads);
    mica_json_write_key(w, "cpus");
    mica_json_begin_array(w);
    for (size_t i = 0; i < load->processor_count; i++)
        mica_json_write_int(w, load->processors[i]);
    mica_json_end_array(w);
    mica_json_write_member(w, "cache", load->cache);
    mica_json_write_member(w, "calibration", load->calibration);
}

/* An arm without room would end others, or what else runs on the machine. Peers have been seen to
 * keep up to four copies of the weights. */
static bool has_room(bench_model_arm *arm, const bench_model_load *load)
{
    double memory = load->memory > 0 ? load->memory : bench_memory_available();
    double need = load->weights * (bench_model_arm_is_mica(arm) ? 2 : 4);
    if (memory <= 0 || need <= memory)
        return true;
    arm->state = BENCH_NOT_RUN;
    snprintf(arm->reason, sizeof arm->reason, "may need %.2f GB of memory, and %.2f GB are there",
             need * 1e-9, memory * 1e-9);
    return false;
}

mica_status bench_model_arm_load(bench_model_arm *arm, const bench_model_load *load,
                                 mica_error *err)
{
    mica_json_writer *w = NULL;
    char reason[REASON_ROOM];
    bench_state state = BENCH_FAILED;
    arm->state = BENCH_OK;
    arm->way[0] = arm->kernels[0] = 0;
    arm->load_seconds = arm->compile_seconds = 0;
    arm->peak_resident = -1;
    arm->device_bytes = arm->peak_device = 0;
    if (!has_room(arm, load))
        return MICA_OK;
    mica_status status = mica_json_writer_create(&w, err);
    if (status)
        return status;
    arm->process = start(arm->program);
    if (!arm->process) {
        mica_json_writer_destroy(&w);
        return bench_fail_memory(err, "a peer");
    }
    write_load(w, arm, load);
    const mica_json_value *answer = ask(arm, w, &state, reason);
    arm->state = state;
    snprintf(arm->reason, sizeof arm->reason, "%s", answer ? "" : reason);
    if (answer) {
        snprintf(arm->way, sizeof arm->way, "%s", bench_text(answer, "way"));
        snprintf(arm->kernels, sizeof arm->kernels, "%s", bench_text(answer, "kernels"));
        arm->load_seconds = bench_number(answer, "load_seconds", NAN);
        arm->compile_seconds = bench_number(answer, "compile_seconds", NAN);
    } else {
        bench_model_arm_end(arm);
    }
    mica_json_writer_destroy(&w);
    return MICA_OK;
}

void bench_model_arm_end(bench_model_arm *arm)
{
    if (!arm->process)
        return;
    int64_t peak = bench_group_resident(bench_peer_process(arm->process));
    if (peak > 0)
        arm->peak_resident = peak;
    bench_peer_stop(&arm->process);
}

/* The "seconds" or "first_seconds" of an answer: time that has passed. */
static bench_state take_seconds(const mica_json_value *answer, const char *key, double passed,
                                double *seconds, char *reason)
{
    *seconds = bench_number(answer, key, -1);
    if (*seconds > 0 && *seconds <= passed)
        return BENCH_OK;
    snprintf(reason, REASON_ROOM, "its time is no time that can have passed");
    return BENCH_FAILED;
}

/* One of the questions that are answered with seconds. */
static bench_state ask_seconds(bench_model_arm *arm, const char *const members[][2], size_t count,
                               size_t runs, const char *key, double *seconds, double *joules,
                               char *reason)
{
    mica_json_writer *w = NULL;
    mica_error err = {0};
    bench_state state = arm->state;
    if (arm->state != BENCH_OK) {
        snprintf(reason, REASON_ROOM, "%s", arm->reason);
        return state;
    }
    if (mica_json_writer_create(&w, &err)) {
        snprintf(reason, REASON_ROOM, "%.500s", err.message);
        return BENCH_FAILED;
    }
    mica_json_begin_object(w);
    for (size_t i = 0; i < count; i++)
        mica_json_write_member(w, members[i][0], members[i][1]);
    if (runs > 0)
        bench_write_int(w, "runs", (int64_t)runs);
    double begin = bench_now(), energy = joules ? bench_joules() : NAN;
    const mica_json_value *answer = ask(arm, w, &state, reason);
    arm->passed = bench_now() - begin;
    if (joules)
        *joules = bench_joules() - energy;
    if (answer && mica_json_get(answer, "way"))
        snprintf(arm->way_here, sizeof arm->way_here, "%s", bench_text(answer, "way"));
    if (answer && mica_json_get(answer, "device_bytes"))
        arm->device_bytes = bench_number(answer, "device_bytes", 0);
    arm->peak_device = fmax(arm->peak_device, arm->device_bytes);
    if (answer)
        state = take_seconds(answer, key, arm->passed, seconds, reason);
    mica_json_writer_destroy(&w);
    return state;
}

bench_state bench_model_arm_check(bench_model_arm *arm, const char *inputs, const char *output,
                                  double *first_seconds, char *reason)
{
    const char *const members[][2] = {{"do", "check"}, {"inputs", inputs}, {"output", output}};
    arm->way_here[0] = 0;
    arm->device_bytes = 0;
    unlink(output); /* an output of before must not pass for this one */
    return ask_seconds(arm, members, 3, 0, "first_seconds", first_seconds, NULL, reason);
}

bench_state bench_model_arm_time(bench_model_arm *arm, const char *inputs, size_t runs,
                                 double *seconds, double *joules, char *reason)
{
    const char *const members[][2] = {{"do", "time"}, {"inputs", inputs}};
    return ask_seconds(arm, members, 2, runs, "seconds", seconds, joules, reason);
}

bench_state bench_model_arm_flaw(bench_model_arm *arm, const char *flaw, const char *inputs,
                                 size_t runs, double *seconds, char *reason)
{
    const char *const members[][2] = {{"do", "flaw"}, {"name", flaw}, {"inputs", inputs}};
    return ask_seconds(arm, members, 3, runs, "seconds", seconds, NULL, reason);
}
