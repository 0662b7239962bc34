/* SPDX-License-Identifier: MIT
 *
 * mica fill-mask.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "stream.h"

const char fill_mask_details[] =
    "The tokens that best fit where a text has the model's mask token ([MASK], <mask>), as the "
    "fill-mask\n"
    "pipeline of transformers gives them. A text may have several masks. Texts are arguments, the "
    "lines of FILE,\n"
    "or the lines of standard input (\"-\", or no text at all); results keep their order.\n"
    "\n"
    "Output: text is a line for each filling; json is "
    "[{\"score\",\"token\",\"token_str\",\"sequence\"}], a list of\n"
    "these if the text has several masks, and for several texts a list of what each gives; jsonl "
    "is a text a line.\n"
    "\n"
    "examples:\n"
    "  mica fill-mask ./bert-base-uncased \"Paris is the [MASK] of France.\"\n"
    "  mica fill-mask ./roberta-base \"I <mask> <mask> you.\" --top-k 2 --format json\n"
    "  mica fill-mask ./bert-base-uncased \"He is a [MASK].\" --targets nurse,doctor\n";

typedef struct filling {
    stream_options common;
    int64_t top_k;
    const char *targets; /* as given */
    int64_t *ids;
    mica_fill_mask_options options;
    mica_fills *fills;
} filling;

static int read_settings(const cli_command *command, filling *f, int argc, char **argv, int *n)
{
    enum { OWN = 2 };
    memset(f, 0, sizeof *f);
    f->top_k = 5;
    mica_fill_mask_options_defaults(&f->options);
    option options[OWN + STREAM_OPTIONS] = {
        {"top-k", 'k', OPTION_NUMBER, &f->top_k, "N", "print the N best tokens (default 5)", 1,
         1 << 24},
        {"targets", 0, OPTION_TEXT, &f->targets, "TOKENS",
         "look at these tokens only, parted by commas", 0, 0},
    };
    size_t count =
        OWN + stream_option_rows(&f->common, "lines are JSON: a string, or an object with \"text\"",
                                 stream_cut, options + OWN);
    int code = options_read(command, options, count, argc, argv, n);
    if (code >= 0)
        return code;
    if (*n < 1)
        return usage_error(command, WHICH_MODEL);
    f->options.top_k = (size_t)f->top_k;
    f->options.no_truncate = f->common.no_truncate;
    f->options.max_length = (size_t)f->common.max_length;
    f->options.batch_tokens = (size_t)f->common.batch_tokens;
    return -1;
}

/* The targets' ids, before any text is read. */
static mica_status find_targets(stream *s, mica_error *err)
{
    filling *f = s->user;
    size_t n = 1, i = 0;
    mica_text *texts;
    mica_status status;
    if (!f->targets)
        return MICA_OK;
    for (const char *p = f->targets; *p; p++)
        n += *p == ',';
    texts = calloc(n, sizeof *texts);
    f->ids = calloc(n, sizeof *f->ids);
    if (!texts || !f->ids) {
        free(texts);
        err->status = MICA_STATUS_OUT_OF_MEMORY;
        snprintf(err->message, sizeof err->message, "out of memory for %zu targets", n);
        return err->status;
    }
    for (const char *p = f->targets;; i++) {
        size_t size = strcspn(p, ",");
        texts[i] = (mica_text){p, size};
        if (!p[size])
            break;
        p += size + 1;
    }
    f->options.targets = f->ids;
    status = mica_fill_mask_targets(s->engine.model, texts, n, f->ids, &f->options.n_targets, err);
    free(texts);
    return status;
}

static mica_status fill_masks(stream *s, const mica_text *texts, size_t n, mica_error *err)
{
    filling *f = s->user;
    return mica_fill_mask(s->engine.session, texts, n, &f->options, &f->fills, err);
}

static void write_fillings(mica_json_writer *w, const mica_fill *list, size_t count)
{
    mica_json_begin_array(w);
    for (size_t k = 0; k < count; k++) {
        mica_json_begin_object(w);
        mica_json_write_key(w, "score");
        mica_json_write_float(w, list[k].score);
        mica_json_write_key(w, "token");
        mica_json_write_int(w, list[k].token);
        mica_json_write_key(w, "token_str");
        mica_json_write_string(w, list[k].token_str.data, list[k].token_str.size);
        mica_json_write_key(w, "sequence");
        mica_json_write_string(w, list[k].sequence.data, list[k].sequence.size);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
}

static mica_status put_fillings(stream *s, size_t i, mica_error *err)
{
    const mica_fills *fills = ((filling *)s->user)->fills;
    size_t masks = mica_fills_masks(fills, i), count;
    s->truncated += mica_fills_truncated(fills, i);
    s->tokens += mica_fills_tokens(fills, i);
    if (s->format == FORMAT_TEXT && s->written > 0)
        out_write("\n", 1);
    if (s->format != FORMAT_TEXT && masks > 1)
        mica_json_begin_array(s->writer);
    for (size_t m = 0; m < masks; m++) {
        const mica_fill *list = mica_fills_get(fills, i, m, &count);
        if (s->format != FORMAT_TEXT) {
            write_fillings(s->writer, list, count);
            continue;
        }
        if (m > 0)
            out_write("\n", 1);
        for (size_t k = 0; k < count; k++) {
            out_text("%.4f  ", list[k].score);
            out_label(&list[k].token_str, 16);
            out_text("  ");
            out_label(&list[k].sequence, 80);
            out_write("\n", 1);
        }
    }
    if (s->format != FORMAT_TEXT && masks > 1)
        mica_json_end_array(s->writer);
    return MICA_OK;
}

int cmd_fill_mask(const cli_command *command, int argc, char **argv)
{
    filling f;
    int n, code = read_settings(command, &f, argc, argv, &n);
    if (code >= 0)
        return code;
    stream s = {.command = command,
                .model = argv[1],
                .user = &f,
                .prepare = find_targets,
                .compute = fill_masks,
                .put = put_fillings};
    code = stream_run(&s, &f.common, n - 1, argv + 2);
    mica_fills_destroy(&f.fills);
    free(f.ids);
    return code;
}
