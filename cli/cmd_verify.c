/* SPDX-License-Identifier: MIT
 *
 * mica verify and mica init.
 */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

const char verify_details[] =
    "REF.safetensors holds input_ids (and optionally attention_mask, token_type_ids) with outputs "
    "of the\n"
    "reference: last_hidden_state, pooler_output, hidden_states.N, sentence_embedding. Each is "
    "compared; a\n"
    "tensor passes if its largest difference is at most TOLERANCE times its largest value (default "
    "1e-5).\n"
    "Exit code 9 if one does not. Positions that the mask hides are not compared.\n"
    "\n"
    "example:\n"
    "  mica verify ./all-MiniLM-L6-v2 --reference tests/fixtures/minilm/reference.safetensors\n";

const char init_details[] =
    "CONFIG is a config.json, a directory with one, or a Hub id. Weights are drawn as transformers "
    "does: "
    "normal with\n"
    "initializer_range, biases 0, norm weights 1. The same seed gives the same weights.\n"
    "\n"
    "example:\n"
    "  mica init ./all-MiniLM-L6-v2/config.json -o ./random-minilm --seed 42\n";

static void put_rows_json(mica_json_writer *w, const mica_difference *rows, size_t count, bool ok)
{
    mica_json_begin_object(w);
    mica_json_write_key(w, "ok");
    mica_json_write_bool(w, ok);
    mica_json_write_key(w, "tensors");
    mica_json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        mica_json_begin_object(w);
        mica_json_write_key(w, "name");
        mica_json_write_text(w, rows[i].name);
        mica_json_write_key(w, "largest_difference");
        mica_json_write_double(w, rows[i].largest);
        mica_json_write_key(w, "largest_value");
        mica_json_write_double(w, rows[i].scale);
        mica_json_write_key(w, "tolerance");
        mica_json_write_double(w, rows[i].tolerance);
        mica_json_write_key(w, "ok");
        mica_json_write_bool(w, rows[i].ok);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
    mica_json_end_object(w);
}

static void put_rows_text(const mica_difference *rows, size_t count)
{
    out_text("%-24s %14s %14s %10s\n", "tensor", "largest diff", "largest value", "relative");
    for (size_t i = 0; i < count; i++)
        out_text("%-24s %14.3e %14.6g %10.2e  %s\n", rows[i].name, rows[i].largest, rows[i].scale,
                 rows[i].scale > 0 ? rows[i].largest / rows[i].scale : rows[i].largest,
                 rows[i].ok ? "ok" : "DIFFERS");
}

int cmd_verify(const cli_command *command, int argc, char **argv)
{
    const char *reference = NULL, *format_name = NULL;
    double tolerance = -1; /* not given */
    engine_options computing = {0};
    cli_format format;
    enum { OWN = 3 };
    option options[OWN + ENGINE_OPTIONS] = {
        {"reference", 'r', OPTION_TEXT, &reference, "REF",
         "safetensors file with inputs and outputs", 0, 0},
        {"tolerance", 0, OPTION_REAL, &tolerance, "X",
         "allowed difference, relative to the largest value", 0, 0},
        {"format", 0, OPTION_TEXT, &format_name, "FORMAT", "text (default), json or jsonl", 0, 0},
    };
    engine_option_rows(&computing, options + OWN);
    int n, code = options_read(command, options, OWN + ENGINE_OPTIONS, argc, argv, &n);
    if (code >= 0)
        return code;
    if (n != 1)
        return usage_error(command, n < 1 ? WHICH_MODEL : "one model only");
    if (!reference)
        return usage_error(command, "--reference REF.safetensors is needed");
    if (!format_read(command, format_name, &format))
        return EXIT_USAGE;
    engine e = {0};
    mica_error err = {0};
    mica_difference *rows = NULL;
    mica_json_writer *writer = NULL;
    size_t count = 0;
    mica_status status = engine_open(&e, argv[1], &computing, &err);
    if (!status)
        status = mica_verify(e.session, reference,
                             tolerance < 0    ? 0       /* the library's default */
                             : tolerance == 0 ? DBL_MIN /* asked for: not the least difference */
                                              : tolerance,
                             &rows, &count, &err);
    if (rows && format == FORMAT_TEXT) {
        put_rows_text(rows, count);
    } else if (rows && !mica_json_writer_create(&writer, &err)) {
        put_rows_json(writer, rows, count, status == MICA_OK);
        out_json(writer, &err);
        out_write("\n", 1);
    }
    code = status == MICA_STATUS_CANCELLED ? EXIT_INTERRUPTED
           : status                        ? fail(command, &err)
                                           : EXIT_OK;
    mica_json_writer_destroy(&writer);
    mica_differences_free(&rows);
    engine_close(&e);
    return out_close(command, code);
}

int cmd_init(const cli_command *command, int argc, char **argv)
{
    const char *output = NULL;
    int64_t seed = 0;
    bool force = false;
    const char *format_name = NULL;
    cli_format format;
    const option options[] = {
        {"output", 'o', OPTION_TEXT, &output, "DIR", "the directory to write (made if need be)", 0,
         0},
        {"seed", 0, OPTION_NUMBER, &seed, "N", "the seed (default 0)", 0, INT64_MAX},
        {"force", 0, OPTION_FLAG, &force, NULL, "overwrite weights that are there", 0, 0},
        {"format", 0, OPTION_TEXT, &format_name, "FORMAT",
         "of the report: text (default), json or jsonl", 0, 0},
    };
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (n != 1)
        return usage_error(command, n < 1 ? "which config.json?" : "one config.json only");
    if (!output)
        return usage_error(command, "-o DIR is needed");
    if (!format_read(command, format_name, &format))
        return EXIT_USAGE;
    mica_error err = {0};
    mica_json_writer *w = NULL;
    char *config = NULL;
    mica_status status = model_directory(argv[1], NULL, false, &config, &err);
    if (!status)
        status = mica_model_init(config, output, (uint64_t)seed, force, &err);
    if (!status && format == FORMAT_TEXT) {
        out_text("random weights (seed %lld) written to %s\n", (long long)seed, output);
    } else if (!status) {
        status = mica_json_writer_create(&w, &err);
        if (!status) {
            mica_json_begin_object(w);
            mica_json_write_key(w, "directory");
            mica_json_write_text(w, output);
            mica_json_write_key(w, "seed");
            mica_json_write_int(w, seed);
            mica_json_end_object(w);
            status = out_json(w, &err);
            out_write("\n", 1);
        }
    }
    mica_json_writer_destroy(&w);
    free(config);
    code = status == MICA_STATUS_CANCELLED ? EXIT_INTERRUPTED
           : status                        ? fail(command, &err)
                                           : EXIT_OK;
    return out_close(command, code);
}
