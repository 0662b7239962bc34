/* SPDX-License-Identifier: MIT */
#include "tokenizers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "util.h"

enum { GROW_BYTES = 10000000, RUN = 10000 };

static const char *const peer_arms[] = {"encode", "encode_batch", "encode_batch_fast"};

/* Texts one behind the other; text i is [bounds[i], bounds[i + 1]). */
typedef struct texts {
    const char *data;
    size_t *bounds;
    size_t count;
} texts;

/* What the arms of a tokenizer work with. */
typedef struct bench {
    const bench_tokenizers_options *options;
    const char *path;
    mica_tokenizer *tokenizer;
    mica_encode_options encode;
    mica_encoding *encoding;
    texts texts;
    bench_peer *peer;
} bench;

/* ---- texts ---- */

static bool cut(texts *out, mica_text text, size_t chunk)
{
    out->data = text.data;
    out->count = 0;
    out->bounds = malloc((text.size / (chunk > 3 ? chunk - 3 : 1) + 2) * sizeof *out->bounds);
    if (!out->bounds)
        return false;
    out->bounds[0] = 0;
    for (size_t at = 0; at < text.size;) {
        size_t end = text.size - at > chunk ? at + chunk : text.size;
        while (end > at + 1 && end < text.size && ((unsigned char)text.data[end] & 0xc0) == 0x80)
            end--;
        out->bounds[++out->count] = at = end;
    }
    return true;
}

static mica_status encode(bench *b, const texts *t, size_t i, mica_error *err)
{
    mica_text text = {t->data + t->bounds[i], t->bounds[i + 1] - t->bounds[i]};
    return mica_tokenizer_encode(b->tokenizer, text, NULL, &b->encode, &b->encoding, err);
}

/* ---- arms ---- */

static bool run_encode(bench_arm *arm, size_t runs, double *seconds)
{
    bench *b = arm->user;
    mica_error err;
    double begin = bench_now();
    for (size_t run = 0; run < runs; run++) {
        for (size_t i = 0; i < b->texts.count; i++) {
            if (encode(b, &b->texts, i, &err)) {
                bench_arm_fail(arm, BENCH_FAILED, err.message);
                return false;
            }
        }
    }
    *seconds = bench_now() - begin;
    return true;
}

static bool run_load(bench_arm *arm, size_t runs, double *seconds)
{
    bench *b = arm->user;
    *seconds = 0;
    for (size_t run = 0; run < runs; run++) {
        mica_tokenizer *tokenizer = NULL;
        mica_error err;
        double begin = bench_now();
        mica_status status = mica_tokenizer_open(b->path, &tokenizer, &err);
        *seconds += bench_now() - begin;
        mica_tokenizer_destroy(&tokenizer);
        if (status) {
            bench_arm_fail(arm, BENCH_FAILED, err.message);
            return false;
        }
    }
    return true;
}

static bool run_peer(bench_arm *arm, size_t runs, double *seconds)
{
    bench *b = arm->user;
    char request[128];
    snprintf(request, sizeof request, "{\"do\": \"time\", \"arm\": \"%s\", \"runs\": %zu}",
             arm->what, runs);
    double passed;
    if (!bench_peer_time(b->peer, request, arm, seconds, &passed))
        return false;
    bench_arm_note(arm, *seconds, passed);
    return true;
}

static void arm_init(bench_arm *arm, const char *prefix, const char *name,
                     bool (*run)(bench_arm *, size_t, double *), bench *b)
{
    snprintf(arm->name, sizeof arm->name, "%s%s", prefix, name);
    arm->run = run;
    arm->user = b;
    arm->what = name;
}

/* ---- the peer ---- */

/* "tokenizers 0.23.3, python 3.11.7 (TOKENIZERS_PARALLELISM=false)" */
static void describe(const mica_json_value *hello, char *out, size_t size)
{
    static const char *const keys[] = {"versions", "settings"}, *const between[] = {" ", "="};
    size_t used = 0;
    for (int k = 0; k < 2; k++) {
        const mica_json_value *object = mica_json_get(hello, keys[k]);
        for (const mica_json_value *v = mica_json_first(object); v; v = mica_json_next(v)) {
            const char *value = mica_json_string(v, NULL);
            int n = snprintf(out + used, size - used, "%s%s%s%s", used ? ", " : "",
                             mica_json_key(v, NULL), between[k], value ? value : "?");
            used += n > 0 ? (size_t)n : 0;
            if (used >= size)
                return;
        }
    }
}

static const mica_json_value *ask(bench *b, mica_json_writer *w, mica_error *err)
{
    const char *request;
    const mica_json_value *answer = NULL;
    if (!mica_json_writer_text(w, &request, NULL, err))
        answer = bench_peer_ask(b->peer, request, NULL);
    mica_json_writer_reset(w);
    return answer;
}

static bool prepare(bench *b, mica_json_writer *w, mica_error *err)
{
    mica_json_begin_object(w);
    mica_json_write_key(w, "do");
    mica_json_write_text(w, "prepare");
    mica_json_write_key(w, "tokenizer");
    mica_json_write_text(w, b->path);
    mica_json_write_key(w, "text");
    mica_json_write_text(w, b->options->text_path);
    mica_json_write_key(w, "bounds");
    mica_json_begin_array(w);
    for (size_t i = 0; i <= b->texts.count; i++)
        mica_json_write_int(w, (int64_t)b->texts.bounds[i]);
    mica_json_end_array(w);
    mica_json_end_object(w);
    return ask(b, w, err) != NULL;
}

/* Compares the ids of an answer with mica's; false after saying in `reason` where they differ
 * first. */
static bool same_ids(bench *b, const mica_json_value *answer, char *reason, size_t size)
{
    const mica_json_value *list = mica_json_get(answer, "ids");
    const mica_json_value *text = mica_json_first(list);
    snprintf(reason, size, "the peer gave ids of %zu texts, not %zu", mica_json_count(list),
             b->texts.count);
    if (mica_json_count(list) != b->texts.count)
        return false;
    for (size_t i = 0; i < b->texts.count; i++, text = mica_json_next(text)) {
        mica_error err;
        if (encode(b, &b->texts, i, &err)) {
            snprintf(reason, size, "text %zu: %.400s", i, err.message);
            return false;
        }
        size_t count = mica_encoding_count(b->encoding);
        const mica_json_value *v = mica_json_first(text);
        for (size_t k = 0; k < count || v; k++, v = mica_json_next(v)) {
            int64_t id = -1, mine = k < count ? mica_encoding_ids(b->encoding)[k] : -1;
            mica_json_int64(v, &id);
            if (id != mine) {
                snprintf(reason, size, "text %zu, token %zu: mica has %lld, the peer %lld", i, k,
                         (long long)mine, (long long)id);
                return false;
            }
        }
    }
    return true;
}

/* The peer's first arm is the reference: if mica differs from that, mica is wrong; another arm that
 * differs from both is wrong itself. */
static void check_arms(bench *b, bench_tokenizer *out)
{
    for (size_t i = 1; i < out->encode_arms; i++) {
        bench_arm *arm = &out->encode[i];
        char request[128], reason[512];
        bool refused;
        snprintf(request, sizeof request, "{\"do\": \"check\", \"arm\": \"%s\"}", arm->what);
        const mica_json_value *answer = bench_peer_ask(b->peer, request, &refused);
        if (!answer)
            bench_peer_fail_arm(b->peer, arm);
        else if (!same_ids(b, answer, reason, sizeof reason))
            bench_arm_fail(i == 1 ? &out->encode[0] : arm, BENCH_WRONG, reason);
    }
    if (out->encode[0].state == BENCH_WRONG)
        bench_arm_fail(&out->load[0], BENCH_WRONG, out->encode[0].reason);
}

static mica_status start_peer(bench *b, bench_tokenizer *out, mica_error *err)
{
    mica_json_writer *w = NULL;
    mica_status status = mica_json_writer_create(&w, err);
    if (status)
        return status;
    b->peer = bench_peer_start(b->options->python, b->options->script, b->options->limit,
                               b->options->plan.stop, b->options->show_errors);
    if (!b->peer) {
        mica_json_writer_destroy(&w);
        return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for a peer");
    }
    if (bench_peer_hello(b->peer))
        describe(bench_peer_hello(b->peer), out->peer, sizeof out->peer);
    for (size_t i = 0; i < sizeof peer_arms / sizeof *peer_arms; i++)
        arm_init(&out->encode[out->encode_arms++], "tokenizers ", peer_arms[i], run_peer, b);
    arm_init(&out->load[out->load_arms++], "tokenizers ", "load", run_peer, b);
    if (bench_peer_hello(b->peer) && prepare(b, w, err)) {
        check_arms(b, out);
    } else {
        for (size_t i = 1; i < out->encode_arms; i++)
            bench_peer_fail_arm(b->peer, &out->encode[i]);
        bench_peer_fail_arm(b->peer, &out->load[1]);
    }
    mica_json_writer_destroy(&w);
    return MICA_OK;
}

/* ---- growth ---- */

/* GROW_BYTES of text: the given one again and again; runs of equal letters; one word. */
static char *grown(const bench *b, int kind)
{
    mica_text text = b->options->text;
    char *data = malloc(GROW_BYTES);
    if (!data)
        return NULL;
    for (size_t at = 0; at < GROW_BYTES && kind == 0; at += text.size)
        memcpy(data + at, text.data, text.size < GROW_BYTES - at ? text.size : GROW_BYTES - at);
    for (size_t i = 0; i < GROW_BYTES && kind == 1; i++)
        data[i] = i % (RUN + 1) == RUN ? ' ' : (char)('a' + i / (RUN + 1) % 26);
    for (size_t i = 0, state = 1; i < GROW_BYTES && kind == 2; i++) {
        state = (state * 1103515245 + 12345) & 0x7fffffff;
        data[i] = (char)('a' + state / 65536 % 26);
    }
    for (size_t i = GROW_BYTES; i > 0 && i + 3 > GROW_BYTES; i--) /* no half character at the end */
        if ((unsigned char)data[i - 1] >= 0x80)
            data[i - 1] = ' ';
    return data;
}

static mica_status measure_growth(bench *b, bench_tokenizer *out, int kind, mica_error *err)
{
    static const char *const names[] = {"text", "runs", "word"};
    bench_growth *g = &out->growths[out->growth_count++];
    bench parts[2] = {*b, *b};
    bench_plan plan = b->options->plan;
    char *data = grown(b, kind);
    mica_text text = {data, GROW_BYTES};
    bool fine = data != NULL;
    g->name = names[kind];
    g->bytes = GROW_BYTES;
    for (int i = 0; i < 2 && fine; i++) {
        parts[i].encoding = NULL;
        fine = cut(&parts[i].texts, text, i == 0 ? b->options->chunk : GROW_BYTES);
        arm_init(&g->arms[i], "mica ", i == 0 ? "short texts" : "one text", run_encode, &parts[i]);
    }
    fine = fine && bench_measure(g->arms, 2, &plan);
    for (int i = 0; i < 2 && data; i++) {
        free(parts[i].texts.bounds != b->texts.bounds ? parts[i].texts.bounds : NULL);
        mica_encoding_destroy(&parts[i].encoding);
    }
    free(data);
    if (!fine)
        return plan.stop && plan.stop() ? mica_fail(err, MICA_STATUS_CANCELLED, "cancelled")
                                        : mica_fail(err, MICA_STATUS_OUT_OF_MEMORY,
                                                    "out of memory for %d bytes", GROW_BYTES);
    for (int i = 0; i < 2; i++)
        if (g->arms[i].state != BENCH_OK)
            return mica_fail(err, MICA_STATUS_FORMAT, "%s: %s", g->name, g->arms[i].reason);
    return MICA_OK;
}

/* ---- one tokenizer ---- */

/* The directory's name, or the file's if that is all there is. */
static void name_of(const char *path, char *out, size_t size)
{
    const char *end = path + strlen(path), *slash = strrchr(path, '/');
    if (slash && strcmp(slash, "/tokenizer.json") == 0)
        end = slash;
    const char *begin = end;
    while (begin > path && begin[-1] != '/')
        begin--;
    snprintf(out, size, "%.*s", (int)(end - begin), begin);
}

static size_t size_of(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    if (file)
        fclose(file);
    return size > 0 ? (size_t)size : 0;
}

static mica_status prepare_mica(bench *b, bench_tokenizer *out, mica_error *err)
{
    mica_status status = mica_tokenizer_open(b->path, &b->tokenizer, err);
    if (status)
        return status;
    if (!cut(&b->texts, b->options->text, b->options->chunk))
        return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for texts");
    /* Whole texts, whatever truncation and padding the file asks for. */
    mica_encode_options_defaults(&b->encode);
    out->texts = b->texts.count;
    out->bytes = b->options->text.size;
    out->file_bytes = size_of(b->path);
    for (size_t i = 0; i < b->texts.count && !status; i++) {
        status = encode(b, &b->texts, i, err);
        out->tokens += status ? 0 : mica_encoding_count(b->encoding);
    }
    return status;
}

mica_status bench_tokenizer_run(const char *path, const bench_tokenizers_options *options,
                                bench_tokenizer *out, mica_error *err)
{
    bench b = {.options = options, .path = path};
    memset(out, 0, sizeof *out);
    name_of(path, out->name, sizeof out->name);
    arm_init(&out->encode[out->encode_arms++], "", "mica", run_encode, &b);
    arm_init(&out->load[out->load_arms++], "", "mica", run_load, &b);
    mica_status status = prepare_mica(&b, out, err);
    if (!status && options->script)
        status = start_peer(&b, out, err);
    if (!status && !(bench_measure(out->encode, out->encode_arms, &options->plan) &&
                     bench_measure(out->load, out->load_arms, &options->plan)))
        status = options->plan.stop && options->plan.stop()
                     ? mica_fail(err, MICA_STATUS_CANCELLED, "cancelled")
                     : mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for samples");
    bench_peer_stop(&b.peer);
    for (int kind = 0; kind < BENCH_GROWTHS && options->grow && !status; kind++)
        status = measure_growth(&b, out, kind, err);
    free(b.texts.bounds);
    mica_encoding_destroy(&b.encoding);
    mica_tokenizer_destroy(&b.tokenizer);
    return status;
}

void bench_tokenizer_release(bench_tokenizer *tokenizer)
{
    for (size_t i = 0; i < tokenizer->encode_arms; i++)
        bench_arm_release(&tokenizer->encode[i]);
    for (size_t i = 0; i < tokenizer->load_arms; i++)
        bench_arm_release(&tokenizer->load[i]);
    for (size_t i = 0; i < tokenizer->growth_count; i++)
        for (int k = 0; k < 2; k++)
            bench_arm_release(&tokenizer->growths[i].arms[k]);
}
