/* SPDX-License-Identifier: MIT
 *
 * A peer of `mica bench models` that passes everything on to MICA (the program), under names of its
 * own: so it is right. What it does beside follows PEER; without that it is the name of its script,
 * which its arms then have as well:
 *
 *   right      nothing
 *   wrong      one number of an output is off; nan: it is no number
 *   shape      the output has a row too few; unasked: it is not written
 *   no         it says no to every check
 *   slow       a run takes a second more
 *   device     it says that it has used a device's memory
 *   modest     a run takes a second that it does not count
 *   liar       a run is said to take a thousand seconds; boaster: a nanosecond
 *   twice      answers twice from the fourth run on
 *   crash      ends in the fourth run; between: after the answer to it; load: while it loads;
 *              orphan: so, and a process that it has started lives on
 *   hang, garbage   from the fourth run on
 *   absent     says so at once
 *   kill       ends the benchmark itself, without warning, in run KILL_AT
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "bench/peer.h"
#include "bench/util.h"
#include "mica/tensor.h"

enum { FAILS_AT = 4 };

static const char *mode = "right", *called = "script";
static bench_peer *mica;
static mica_json_writer *writer;
static char output[4096];

static void stop(const char *what)
{
    fprintf(stderr, "models_peer: %s\n", what);
    exit(1);
}

static void put_text(void)
{
    const char *text;
    if (mica_json_writer_text(writer, &text, NULL, NULL))
        stop("no memory");
    printf("%s\n", text);
    fflush(stdout);
    mica_json_writer_reset(writer);
}

static void hello(void)
{
    static const char *const arms[][2] = {{"fp32", "default"}, {"fp32", "best"}, {"int8", "best"}};
    mica_json_begin_object(writer);
    bench_write_bool(writer, "ok", true);
    mica_json_write_member(writer, "name", called);
    mica_json_write_key(writer, "versions");
    mica_json_begin_object(writer);
    mica_json_write_member(writer, "script", "1.0");
    mica_json_end_object(writer);
    mica_json_write_key(writer, "arms");
    mica_json_begin_array(writer);
    for (int i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "%.40s %s %s", called, arms[i][0], arms[i][1]);
        mica_json_begin_object(writer);
        mica_json_write_member(writer, "arm", name);
        mica_json_write_member(writer, "precision", arms[i][0]);
        mica_json_write_member(writer, "config", arms[i][1]);
        mica_json_write_member(writer, "device", "cpu");
        mica_json_end_object(writer);
    }
    mica_json_end_array(writer);
    mica_json_end_object(writer);
    put_text();
}

/* The same request, of mica's arm of that precision. */
static const char *translate(const mica_json_value *request)
{
    const char *text;
    mica_json_begin_object(writer);
    for (const mica_json_value *v = mica_json_first(request); v; v = mica_json_next(v)) {
        mica_json_write_key(writer, mica_json_key(v, NULL));
        if (strcmp(mica_json_key(v, NULL), "arm") == 0)
            mica_json_write_text(writer, strstr(mica_json_string(v, NULL), "int8") ? "mica int8"
                                                                                   : "mica fp32");
        else
            bench_write_value(writer, v);
    }
    mica_json_end_object(writer);
    if (mica_json_writer_text(writer, &text, NULL, NULL))
        stop("no memory");
    return text;
}

/* Writes the output again, with the mistake that the mode has. */
static void spoil(void)
{
    mica_tensor_file *file = NULL;
    mica_named_tensor whole = {"output", NULL}, part = {"output", NULL};
    if (mica_tensor_file_open(output, &file, NULL) ||
        mica_tensor_file_get(file, "output", &whole.tensor, NULL))
        stop("no output");
    int64_t dims[2] = {mica_tensor_dim(whole.tensor, 0), mica_tensor_dim(whole.tensor, 1)};
    dims[0] -= strcmp(mode, "shape") == 0;
    if (mica_tensor_create(MICA_DTYPE_F32, 2, dims, &part.tensor, NULL))
        stop("no memory");
    float *to = mica_tensor_data_mut(part.tensor);
    memcpy(to, mica_tensor_data(whole.tensor), mica_tensor_bytes(part.tensor));
    to[mica_tensor_count(part.tensor) - 1] += strcmp(mode, "wrong") == 0 ? 0.001f : 0;
    to[0] = strcmp(mode, "nan") == 0 ? NAN : to[0];
    mica_tensor_release(&whole.tensor);
    mica_tensor_file_close(&file);
    if (mica_tensors_save(output, &part, 1, NULL))
        stop("cannot write");
    mica_tensor_release(&part.tensor);
}

static void answer_time(double seconds, int runs)
{
    const char *kill_at = getenv("KILL_AT");
    bool late = runs >= FAILS_AT;
    if (strcmp(mode, "kill") == 0 && kill_at && runs == atoi(kill_at))
        kill(getppid(), SIGKILL);
    if (strcmp(mode, "slow") == 0) {
        sleep(1);
        seconds += 1;
    }
    if (strcmp(mode, "modest") == 0)
        sleep(1);
    if (strcmp(mode, "crash") == 0 && late)
        exit(3);
    if (strcmp(mode, "hang") == 0 && late)
        sleep(1000);
    if (strcmp(mode, "garbage") == 0 && late)
        printf("half an answ\n");
    else
        printf("{\"ok\": true, \"seconds\": %.12f}\n%s",
               strcmp(mode, "liar") == 0      ? 1000.0
               : strcmp(mode, "boaster") == 0 ? 1e-9
                                              : seconds,
               strcmp(mode, "twice") == 0 && late ? "{\"ok\": true, \"seconds\": 1e-9}\n" : "");
    fflush(stdout);
    if (strcmp(mode, "between") == 0 && late)
        exit(0);
}

static bool answer(const mica_json_value *request, int *runs)
{
    const char *what = bench_text(request, "do");
    if (strcmp(what, "quit") == 0)
        return false;
    if (strcmp(what, "load") == 0 && strcmp(mode, "load") == 0) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would make an exit code of it */
        raise(SIGSEGV);
    }
    if (strcmp(what, "load") == 0 && strcmp(mode, "orphan") == 0) {
        if (fork() == 0)
            sleep(1000);
        _exit(3);
    }
    if (strcmp(what, "check") == 0 && strcmp(mode, "no") == 0) {
        printf("{\"ok\": false, \"error\": \"this text is too long for it\"}\n");
        fflush(stdout);
        return true;
    }
    if (strcmp(what, "flaw") == 0) { /* it has one */
        bool has = strcmp(bench_text(request, "name"), "unevaluated") == 0;
        printf("{\"ok\": %s, \"seconds\": 0.0000001}\n", has ? "true" : "false");
        fflush(stdout);
        return true;
    }
    snprintf(output, sizeof output, "%s", bench_text(request, "output"));
    const char *translated = translate(request);
    const mica_json_value *said = bench_peer_ask(mica, translated, NULL);
    mica_json_writer_reset(writer);
    if (!said)
        stop(bench_peer_reason(mica));
    if (strcmp(what, "check") == 0) {
        if (strcmp(mode, "unasked") == 0)
            unlink(output);
        else
            spoil();
    }
    if (strcmp(what, "time") == 0) {
        answer_time(bench_number(said, "seconds", 0), ++*runs);
        return true;
    }
    if (strcmp(what, "check") == 0 && strcmp(mode, "device") == 0) {
        printf("{\"ok\": true, \"first_seconds\": %.12f, \"device_bytes\": 123456789}\n",
               bench_number(said, "first_seconds", 0));
        fflush(stdout);
        return true;
    }
    bench_write_value(writer, said);
    put_text();
    return true;
}

int main(int argc, char **argv)
{
    const char *program = getenv("MICA");
    const char *const arguments[] = {program, "bench", "worker", NULL};
    char *line = NULL;
    size_t room = 0;
    bool more = true;
    int runs = 0;
    if (getenv("PEER"))
        mode = getenv("PEER");
    else if (argc > 1 && strrchr(argv[argc - 1], '/'))
        mode = called = strrchr(argv[argc - 1], '/') + 1;
    if (!program || strcmp(mode, "absent") == 0) {
        printf("{\"ok\": false, \"absent\": true, \"error\": \"no module of that name\"}\n");
        return 0;
    }
    mica = bench_peer_launch(program, arguments, 60, NULL, true);
    if (!mica || mica_json_writer_create(&writer, NULL))
        stop("no memory");
    hello();
    for (ssize_t n; more && (n = getline(&line, &room, stdin)) > 0;) {
        mica_json *json = NULL;
        if (mica_json_parse(line, (size_t)n, "request", &json, NULL))
            stop("no JSON");
        more = answer(mica_json_root(json), &runs);
        mica_json_destroy(&json);
    }
    bench_peer_stop(&mica);
    mica_json_writer_destroy(&writer);
    free(line);
    return 0;
}
