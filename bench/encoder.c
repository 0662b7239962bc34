/* SPDX-License-Identifier: MIT
 *
 * bench_encoder DIR [--peer COMMAND] [--rounds N] [--threads N]: latency of the base model in DIR
 * over batches and lengths, beside a peer that speaks the protocol of bench/peers/pytorch.py.
 *
 * Both get the same ids. Rounds are interleaved (mica, peer, mica, peer ...); before anything is
 * timed the first output value of both is compared. Reported: median and minimum of the rounds in
 * milliseconds, and the ratio of the medians.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mica/forward.h"
#include "mica/mica.h"

enum { MAX_ROUNDS = 1000 };

typedef struct peer {
    pid_t pid;
    FILE *to, *from;
} peer;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool peer_start(peer *p, const char *command)
{
    int to[2], from[2];
    if (pipe(to) || pipe(from))
        return false;
    p->pid = fork();
    if (p->pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[0]);
        close(to[1]);
        close(from[0]);
        close(from[1]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    p->to = fdopen(to[1], "w");
    p->from = fdopen(from[0], "r");
    return p->pid > 0 && p->to && p->from;
}

/* Sends a request; the answer without its "ok " is in `line`. */
static bool peer_ask(peer *p, const char *request, char *line, size_t size)
{
    fprintf(p->to, "%s\n", request);
    fflush(p->to);
    if (!fgets(line, (int)size, p->from)) {
        fprintf(stderr, "the peer ended\n");
        return false;
    }
    line[strcspn(line, "\n")] = 0;
    if (strncmp(line, "ok ", 3) != 0) {
        fprintf(stderr, "peer: %s\n", line);
        return false;
    }
    memmove(line, line + 3, strlen(line + 3) + 1);
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *samples, int n)
{
    qsort(samples, (size_t)n, sizeof *samples, by_value);
    return n % 2 ? samples[n / 2] : (samples[n / 2 - 1] + samples[n / 2]) / 2;
}

static bool forward_once(mica_session *session, const mica_sequence *sequences, size_t batch,
                         double *ms, float *first)
{
    mica_error err = {0};
    mica_outputs *outputs = NULL;
    double begin = now_ms();
    if (mica_forward(session, sequences, batch, NULL, &outputs, &err)) {
        fprintf(stderr, "bench_encoder: %s\n", err.message);
        return false;
    }
    *ms = now_ms() - begin;
    mica_tensor *hidden = mica_outputs_find(outputs, "last_hidden_state");
    *first = ((const float *)mica_tensor_data(hidden))[0];
    mica_outputs_destroy(&outputs);
    return true;
}

/* One cell of the table. */
static bool measure(mica_session *session, peer *other, int vocab, size_t batch, size_t tokens,
                    int rounds)
{
    int32_t *ids = malloc(batch * tokens * sizeof *ids);
    mica_sequence *sequences = calloc(batch, sizeof *sequences);
    double ours[MAX_ROUNDS], theirs[MAX_ROUNDS];
    bool ok = ids && sequences;
    uint32_t state = 7;
    for (size_t i = 0; ok && i < batch * tokens; i++) {
        state = (state * 1103515245u + 12345u) & 0x7fffffffu;
        ids[i] = (int32_t)(state / 65536 % (uint32_t)vocab);
    }
    for (size_t i = 0; ok && i < batch; i++) {
        sequences[i].ids = ids + i * tokens;
        sequences[i].count = tokens;
    }
    char request[64], line[512];
    snprintf(request, sizeof request, "run %zu %zu 7", batch, tokens);
    for (int round = -1; ok && round < rounds; round++) { /* round -1 warms up and compares */
        double ms = 0, peer_ms = 0;
        float mine = 0, reference = 0;
        ok = forward_once(session, sequences, batch, &ms, &mine);
        if (ok && other)
            ok = peer_ask(other, request, line, sizeof line) &&
                 sscanf(line, "%lf %f", &peer_ms, &reference) == 2;
        if (ok && other && fabsf(mine - reference) > 1e-4f) {
            printf("%3zu x %-4zu  wrong: first value %g, the peer has %g\n", batch, tokens,
                   (double)mine, (double)reference);
            ok = false;
        }
        if (ok && round >= 0) {
            ours[round] = ms;
            theirs[round] = peer_ms;
        }
    }
    if (ok) {
        double mid = median(ours, rounds);
        printf("%3zu x %-4zu %10.2f %10.2f", batch, tokens, mid, ours[0]);
        if (other) {
            double peer_mid = median(theirs, rounds);
            printf(" %10.2f %10.2f %8.2fx", peer_mid, theirs[0], peer_mid / mid);
        }
        printf("\n");
        fflush(stdout);
    }
    free(ids);
    free(sequences);
    return ok;
}

int main(int argc, char **argv)
{
    static const size_t shapes[][2] = {{1, 13},  {1, 24},   {1, 46},  {1, 112}, {16, 13},
                                       {16, 46}, {16, 112}, {32, 46}, {32, 112}};
    const char *directory = NULL, *command = NULL;
    int rounds = 7;
    size_t threads = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--peer") && i + 1 < argc)
            command = argv[++i];
        else if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
            rounds = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--threads") && i + 1 < argc)
            threads = (size_t)atoi(argv[++i]);
        else
            directory = argv[i];
    }
    if (!directory || rounds < 1 || rounds > MAX_ROUNDS) {
        fprintf(stderr,
                "usage: bench_encoder DIR [--peer COMMAND] [--rounds 1..%d] [--threads N]\n",
                MAX_ROUNDS);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    mica_context_options options;
    mica_context_options_defaults(&options);
    options.threads = threads;
    mica_context *context = NULL;
    mica_model *model = NULL;
    mica_session *session = NULL;
    mica_error err = {0};
    peer other = {0};
    bool ok = !mica_context_create(&options, &context, &err) &&
              !mica_model_open(context, directory, &model, &err) &&
              !mica_session_create(model, &session, &err);
    if (!ok)
        fprintf(stderr, "bench_encoder: %s\n", err.message);
    if (ok) {
        mica_context_info info;
        mica_model_info about;
        mica_context_get_info(context, &info);
        mica_model_get_info(model, &about);
        printf("%s, %zu threads, kernels %s, mica %s\n", info.cpu, info.threads, info.kernels,
               mica_version());
        char request[4096], line[512];
        if (command) {
            snprintf(request, sizeof request, "load %s %zu", directory, info.threads);
            ok = peer_start(&other, command) && peer_ask(&other, request, line, sizeof line);
            if (ok)
                printf("peer: %s\n", line);
        }
        printf("batch x tokens  median ms    min ms%s\n",
               command ? "  peer median   peer min    ratio" : "");
        for (size_t i = 0; ok && i < sizeof shapes / sizeof shapes[0]; i++)
            ok = measure(session, command ? &other : NULL, (int)about.vocab_size, shapes[i][0],
                         shapes[i][1], rounds);
    }
    if (other.pid > 0) {
        fprintf(other.to, "quit\n");
        fclose(other.to);
        fclose(other.from);
        waitpid(other.pid, NULL, 0);
    }
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    mica_context_destroy(&context);
    return ok ? 0 : 1;
}
