/* SPDX-License-Identifier: MIT
 *
 * mica forward: a request in JSON, outputs in safetensors.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

const char forward_details[] = "IN.json holds \"input_ids\", a list of lists of any lengths, and "
                               "optionally \"attention_mask\" and\n"
                               "\"token_type_ids\" of the same shape; - reads it from standard "
                               "input. OUT gets last_hidden_state,\n"
                               "pooler_output (if the model has a pooler) and, with "
                               "--hidden-states, hidden_states.0 to .N, in float32,\n"
                               "shorter sequences right-padded with zeros.\n"
                               "\n"
                               "example:\n"
                               "  echo '{\"input_ids\": [[101, 7592, 102]]}' | mica forward "
                               "./all-MiniLM-L6-v2 --input - -o out.safetensors\n";

typedef struct request {
    mica_json *json;
    mica_sequence *sequences;
    size_t count;
    int32_t *ids, *types; /* all tokens of all sequences */
    uint8_t *mask;
    size_t tokens;
} request;

static void request_free(request *r)
{
    mica_json_destroy(&r->json);
    free(r->sequences);
    free(r->ids);
    free(r->types);
    free(r->mask);
}

static mica_status bad(mica_error *err, mica_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->status = status;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

static mica_status read_json(const char *path, mica_json **out, mica_error *err)
{
    if (strcmp(path, "-") != 0)
        return mica_json_parse_file(path, out, err);
    char *text = NULL;
    size_t size = 0, room = 0, got;
    do {
        if (size == room) {
            room = room ? room * 2 : 65536;
            char *more = room <= (size_t)1 << 30 ? realloc(text, room) : NULL;
            if (!more) {
                free(text);
                return bad(err, MICA_STATUS_OUT_OF_MEMORY, "standard input is too large");
            }
            text = more;
        }
        got = fread(text + size, 1, room - size, stdin);
        size += got;
    } while (got > 0);
    mica_status status = mica_json_parse(text, size, "standard input", out, err);
    free(text);
    return status;
}

/* Numbers low..high of row i of `name` into out[0..n). */
static mica_status read_row(const mica_json_value *row, const char *name, size_t i, size_t n,
                            int64_t low, int64_t high, int32_t *out, mica_error *err)
{
    if (mica_json_get_type(row) != MICA_JSON_ARRAY)
        return bad(err, MICA_STATUS_FORMAT, "%s[%zu] is %s, not a list", name, i,
                   mica_json_type_name(mica_json_get_type(row)));
    size_t k = 0;
    for (const mica_json_value *v = mica_json_first(row); v; v = mica_json_next(v), k++) {
        int64_t number = 0;
        if (k == n)
            break;
        if (!mica_json_int64(v, &number)) {
            double real = 0;
            if (mica_json_double(v, &real))
                return bad(err, MICA_STATUS_FORMAT, "%s[%zu][%zu] is %g, not a whole number", name,
                           i, k, real);
            return bad(err, MICA_STATUS_FORMAT, "%s[%zu][%zu] is %s, not a whole number", name, i,
                       k, mica_json_type_name(mica_json_get_type(v)));
        }
        if (number < low || number > high)
            return bad(err, MICA_STATUS_FORMAT, "%s[%zu][%zu] is %lld, outside %lld to %lld", name,
                       i, k, (long long)number, (long long)low, (long long)high);
        out[k] = (int32_t)number;
    }
    if (k != n || mica_json_count(row) != n)
        return bad(err, MICA_STATUS_FORMAT, "%s[%zu] has %zu entries, input_ids[%zu] has %zu", name,
                   i, mica_json_count(row), i, n);
    return MICA_OK;
}

/* The list of lists `name` into out, laid out as input_ids. *given: whether it is there. */
static mica_status read_lists(const request *r, const char *name, int64_t low, int64_t high,
                              int32_t *out, bool *given, mica_error *err)
{
    const mica_json_value *list = mica_json_get(mica_json_root(r->json), name);
    *given = mica_json_get_type(list) != MICA_JSON_NULL;
    if (!*given)
        return MICA_OK;
    if (mica_json_get_type(list) != MICA_JSON_ARRAY)
        return bad(err, MICA_STATUS_FORMAT, "\"%s\" is %s, not a list of lists", name,
                   mica_json_type_name(mica_json_get_type(list)));
    if (mica_json_count(list) != r->count)
        return bad(err, MICA_STATUS_FORMAT, "\"%s\" has %zu lists, \"input_ids\" has %zu", name,
                   mica_json_count(list), r->count);
    size_t i = 0, at = 0;
    for (const mica_json_value *row = mica_json_first(list); row; row = mica_json_next(row), i++) {
        mica_status status =
            read_row(row, name, i, r->sequences[i].count, low, high, out + at, err);
        if (status)
            return status;
        at += r->sequences[i].count;
    }
    return MICA_OK;
}

static mica_status count_sequences(request *r, mica_error *err)
{
    const mica_json_value *root = mica_json_root(r->json);
    if (mica_json_get_type(root) != MICA_JSON_OBJECT)
        return bad(err, MICA_STATUS_FORMAT, "the input is %s, not an object with \"input_ids\"",
                   mica_json_type_name(mica_json_get_type(root)));
    for (const mica_json_value *v = mica_json_first(root); v; v = mica_json_next(v)) {
        const char *key = mica_json_key(v, NULL);
        if (strcmp(key, "input_ids") && strcmp(key, "attention_mask") &&
            strcmp(key, "token_type_ids"))
            return bad(err, MICA_STATUS_FORMAT,
                       "unknown member \"%s\"; known are input_ids, "
                       "attention_mask, token_type_ids",
                       key);
    }
    const mica_json_value *lists = mica_json_get(root, "input_ids");
    if (mica_json_get_type(lists) != MICA_JSON_ARRAY || mica_json_count(lists) == 0)
        return bad(err, MICA_STATUS_FORMAT, "\"input_ids\" must be a list of lists of ids");
    r->count = mica_json_count(lists);
    r->sequences = calloc(r->count, sizeof *r->sequences);
    if (!r->sequences)
        return bad(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for %zu sequences", r->count);
    size_t i = 0;
    for (const mica_json_value *row = mica_json_first(lists); row; row = mica_json_next(row), i++) {
        if (mica_json_get_type(row) != MICA_JSON_ARRAY)
            return bad(err, MICA_STATUS_FORMAT, "input_ids[%zu] is %s, not a list", i,
                       mica_json_type_name(mica_json_get_type(row)));
        r->sequences[i].count = mica_json_count(row);
        if (r->sequences[i].count == 0)
            return bad(err, MICA_STATUS_FORMAT, "input_ids[%zu] is empty", i);
        r->tokens += r->sequences[i].count;
    }
    return MICA_OK;
}

static mica_status request_read(const char *path, request *r, mica_error *err)
{
    bool given = false, has_mask = false, has_types = false;
    int32_t *mask = NULL;
    mica_status status = read_json(path, &r->json, err);
    if (!status)
        status = count_sequences(r, err);
    if (status)
        return status;
    r->ids = malloc(r->tokens * sizeof *r->ids);
    r->types = malloc(r->tokens * sizeof *r->types);
    r->mask = malloc(r->tokens);
    mask = malloc(r->tokens * sizeof *mask);
    if (!r->ids || !r->types || !r->mask || !mask)
        status = bad(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for %zu tokens", r->tokens);
    if (!status)
        status = read_lists(r, "input_ids", 0, INT32_MAX, r->ids, &given, err);
    if (!status)
        status = read_lists(r, "token_type_ids", 0, INT32_MAX, r->types, &has_types, err);
    if (!status)
        status = read_lists(r, "attention_mask", 0, 1, mask, &has_mask, err);
    size_t at = 0;
    for (size_t i = 0; i < r->tokens && !status && has_mask; i++)
        r->mask[i] = (uint8_t)mask[i];
    for (size_t i = 0; i < r->count && !status; i++) {
        r->sequences[i].ids = r->ids + at;
        r->sequences[i].type_ids = has_types ? r->types + at : NULL;
        r->sequences[i].attention_mask = has_mask ? r->mask + at : NULL;
        at += r->sequences[i].count;
    }
    free(mask);
    return status;
}

/* The library says "sequence 1, position 2: ..." of an id that the model does not have; in the
 * request that is input_ids[1][2]. What is wrong is the file, not the command line. */
static void explain(mica_error *err, size_t count)
{
    char rest[sizeof err->message];
    unsigned long long i, k;
    int used = 0, used2 = 0;
    if (sscanf(err->message, "sequence %llu%n, position %llu%n", &i, &used, &k, &used2) < 1 ||
        i >= count)
        return;
    memcpy(rest, err->message, sizeof rest);
    const char *list = used2 && strstr(rest, "token type") ? "token_type_ids" : "input_ids";
    if (used2)
        snprintf(err->message, sizeof err->message, "%s[%llu][%llu]%.900s", list, i, k,
                 rest + used2);
    else
        snprintf(err->message, sizeof err->message, "%s[%llu]%.900s", list, i, rest + used);
    if (err->status == MICA_STATUS_INVALID_ARGUMENT)
        err->status = MICA_STATUS_FORMAT;
}

static mica_status save(const mica_outputs *outputs, const char *path, mica_error *err)
{
    size_t n = mica_outputs_count(outputs);
    mica_named_tensor *named = calloc(n, sizeof *named);
    if (!named)
        return bad(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for %zu names", n);
    for (size_t i = 0; i < n; i++) {
        named[i].name = mica_outputs_name(outputs, i);
        named[i].tensor = mica_outputs_tensor(outputs, i);
    }
    mica_status status = mica_tensors_save(path, named, n, err);
    free(named);
    return status;
}

/* What was written, with shapes. */
static mica_status report(const mica_outputs *outputs, cli_format format, const char *path,
                          mica_error *err)
{
    mica_json_writer *w = NULL;
    mica_status status = MICA_OK;
    if (format != FORMAT_TEXT) {
        status = mica_json_writer_create(&w, err);
        if (status)
            return status;
        mica_json_begin_object(w);
    }
    for (size_t i = 0; i < mica_outputs_count(outputs); i++) {
        const mica_tensor *t = mica_outputs_tensor(outputs, i);
        if (w) {
            mica_json_write_key(w, mica_outputs_name(outputs, i));
            mica_json_begin_array(w);
        } else {
            out_text("%-24s [", mica_outputs_name(outputs, i));
        }
        for (int axis = 0; axis < mica_tensor_rank(t); axis++) {
            if (w)
                mica_json_write_int(w, mica_tensor_dim(t, axis));
            else
                out_text("%s%lld", axis ? ", " : "", (long long)mica_tensor_dim(t, axis));
        }
        if (w)
            mica_json_end_array(w);
        else
            out_text("]\n");
    }
    if (w) {
        mica_json_end_object(w);
        status = out_json(w, err);
        out_write("\n", 1);
    } else {
        out_text("written to %s\n", path);
    }
    mica_json_writer_destroy(&w);
    return status;
}

int cmd_forward(const cli_command *command, int argc, char **argv)
{
    const char *input = NULL, *output = NULL, *format_name = NULL;
    bool hidden = false;
    int64_t batch_tokens = 0;
    engine_options computing = {0};
    cli_format format;
    enum { OWN = 5 };
    option options[OWN + ENGINE_OPTIONS] = {
        {"input", 'i', OPTION_TEXT, &input, "IN.json", "the ids (- is standard input)", 0, 0},
        {"output", 'o', OPTION_TEXT, &output, "OUT", "the safetensors file to write", 0, 0},
        {"hidden-states", 0, OPTION_FLAG, &hidden, NULL, "also the states between layers", 0, 0},
        {"batch-tokens", 0, OPTION_NUMBER, &batch_tokens, "N",
         "tokens computed at once (changes no result)", 1, 1 << 24},
        {"format", 0, OPTION_TEXT, &format_name, "FORMAT",
         "of the report: text (default), json or jsonl", 0, 0},
    };
    engine_option_rows(&computing, options + OWN);
    int n, code = options_read(command, options, OWN + ENGINE_OPTIONS, argc, argv, &n);
    if (code >= 0)
        return code;
    if (n != 1)
        return usage_error(command, n < 1 ? WHICH_MODEL : "one model only; ids come from --input");
    if (!input || !output)
        return usage_error(command, "%s is needed",
                           input ? "-o OUT.safetensors" : "--input IN.json");
    if (!format_read(command, format_name, &format))
        return EXIT_USAGE;
    request r = {0};
    engine e = {0};
    mica_error err = {0};
    mica_outputs *outputs = NULL;
    mica_forward_options forward;
    mica_forward_options_defaults(&forward);
    forward.hidden_states = hidden;
    forward.batch_tokens = (size_t)batch_tokens;
    mica_status status = request_read(input, &r, &err);
    computing.once = r.count == 1; /* more may be more than a batch */
    if (!status)
        status = engine_open(&e, argv[1], &computing, &err);
    if (!status) {
        status = mica_forward(e.session, r.sequences, r.count, &forward, &outputs, &err);
        explain(&err, r.count);
    }
    if (!status)
        status = save(outputs, output, &err);
    if (!status)
        status = report(outputs, format, output, &err);
    code = status == MICA_STATUS_CANCELLED ? EXIT_INTERRUPTED
           : status                        ? fail(command, &err)
                                           : EXIT_OK;
    mica_outputs_destroy(&outputs);
    engine_close(&e);
    request_free(&r);
    return out_close(command, code);
}
