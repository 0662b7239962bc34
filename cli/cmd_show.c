/* SPDX-License-Identifier: MIT
 *
 * mica show: what a model is, and what mica would do with it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "folder.h"
#include "hub.h"

const char show_details[] =
    "What MODEL is, and what mica would do with it. Of a Hub id what the cache holds is shown; "
    "where that does\n"
    "not tell, the configuration, the tokenizer and the model card are fetched, but no weights.\n"
    "\n"
    "Output: text is a report; json and jsonl are an object: \"model\", \"revision\" and "
    "\"commit\" (null for a\n"
    "directory), \"directory\", \"model_type\", \"architecture\", \"supported\" and \"reason\" "
    "(why not), \"commands\"\n"
    "(that take it), \"parameters\", \"dtype\" and \"weights\" (null until the weights are there), "
    "\"layers\",\n"
    "\"hidden_size\", \"vocab_size\", \"max_length\", \"tokenizer\", \"pooling\", \"normalized\", "
    "\"dimension\", \"prompts\"\n"
    "(by name), \"default_prompt_name\", \"labels\", \"license\" (null: not known), \"missing\" "
    "(the first file that\n"
    "is still to be fetched), \"size\" (of the files that are needed), \"files\": "
    "[{\"path\",\"size\",\"needed\",\"cached\"}].\n"
    "\n"
    "examples:\n"
    "  mica show BAAI/bge-small-en-v1.5\n"
    "  mica show ./all-MiniLM-L6-v2 --format json\n";

typedef struct showing {
    const char *model; /* as it was given */
    hub_client h;
    mica_hub_snapshot *snapshot; /* of a Hub id */
    folder files;                /* of a directory */
    const char *directory;
    mica_context *context;
    mica_model *described; /* NULL: it cannot be run, because of `reason` */
    mica_error reason;
    mica_json *config; /* config.json, for what is not supported; may be NULL */
    char license[128]; /* "" = not known */
} showing;

/* ---- what there is to show ---- */

static mica_status find_on_hub(showing *s, bool quiet, mica_error *err)
{
    mica_error problem = {0};
    mica_hub_pull_options options;
    mica_hub_snapshot *pulled = NULL;
    mica_hub_info info;
    mica_status status = hub_open(&s->h, quiet, err);
    if (!status)
        status = mica_hub_inspect(s->h.hub, s->model, &s->snapshot, err);
    if (status && status != MICA_STATUS_NOT_CACHED)
        return status;
    mica_hub_get_info(s->h.hub, &info);
    if ((!s->snapshot || mica_hub_snapshot_missing(s->snapshot)) && !info.offline) {
        hub_pull_options(&options, NULL);
        options.no_weights = true;
        status = mica_hub_pull(s->h.hub, s->model, &options, &pulled, &problem);
        mica_hub_snapshot_destroy(&pulled);
        if (status == MICA_STATUS_CANCELLED || (status && !s->snapshot)) {
            *err = problem;
            return status;
        }
        mica_hub_snapshot_destroy(&s->snapshot);
        status = mica_hub_inspect(s->h.hub, s->model, &s->snapshot, err);
    }
    if (s->snapshot)
        s->directory = mica_hub_snapshot_directory(s->snapshot);
    return s->snapshot ? MICA_OK : status;
}

/* The value of `license:` between the two lines of --- that a model card begins with. */
static void read_license(FILE *card, char *license, size_t size)
{
    char line[1024];
    bool wanted = false;
    if (!fgets(line, sizeof line, card) || strncmp(line, "---", 3) != 0)
        return;
    for (int i = 0; i < 4096 && fgets(line, sizeof line, card); i++) {
        if (strncmp(line, "---", 3) == 0)
            return;
        const char *value = NULL;
        if (strncmp(line, "license:", 8) == 0)
            value = line + 8;
        else if (wanted && (strncmp(line, "- ", 2) == 0 || strncmp(line, "  - ", 4) == 0))
            value = line + (line[0] == '-' ? 2 : 4); /* the first of a list */
        else if (wanted)
            return;
        else
            continue;
        value += strspn(value, " \t\"'[");
        size_t n = strcspn(value, "\"'],#\r\n");
        while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
            n--;
        snprintf(license, size, "%.*s", (int)n, value);
        if (n)
            return;
        wanted = true;
    }
}

static void find_license(showing *s)
{
    char path[4400];
    mica_hub_info info;
    snprintf(path, sizeof path, "%s/README.md", s->directory);
    FILE *card = fopen(path, "r");
    if (!card && s->snapshot) { /* of this commit: its branch stays where it is */
        char id[512];
        mica_hub_get_info(s->h.hub, &info);
        snprintf(id, sizeof id, "%s@%s", mica_hub_snapshot_id(s->snapshot),
                 mica_hub_snapshot_commit(s->snapshot));
        if (!info.offline)
            card = hub_open_extra(id, "README.md");
    }
    if (!card)
        return;
    read_license(card, s->license, sizeof s->license);
    fclose(card);
}

static mica_status look(showing *s, bool quiet, mica_error *err)
{
    char path[4400];
    mica_status status;
    if (access(s->model, F_OK) == 0) {
        s->directory = s->model;
        status = folder_read(s->model, &s->files, err);
    } else {
        status = find_on_hub(s, quiet, err);
    }
    if (!status)
        status = context_open(&s->context, 1, false, err);
    if (status)
        return status;
    snprintf(path, sizeof path, "%s/config.json", s->directory);
    status = mica_model_describe(s->context, s->directory, &s->described, &s->reason);
    if (status == MICA_STATUS_OUT_OF_MEMORY ||
        (status == MICA_STATUS_NOT_FOUND && !s->snapshot && access(path, F_OK) != 0)) {
        *err = s->reason; /* it is no model at all */
        return status;
    }
    if (status)
        mica_json_parse_file(path, &s->config, NULL);
    find_license(s);
    return MICA_OK;
}

/* ---- what mica does with it ---- */

/* Names of commands, into `names`; returns how many. */
enum { COMMANDS_MAX = 12 };
static size_t commands_for(const mica_model *model, const char **names)
{
    static const struct {
        mica_head head;
        const char *name;
    } rows[] = {
        {MICA_HEAD_NONE, "embed"},
        {MICA_HEAD_NONE, "similarity"},
        {MICA_HEAD_MASKED_LM, "fill-mask"},
        {MICA_HEAD_MASKED_LM, "embed"},
        {MICA_HEAD_MASKED_LM, "similarity"},
        {MICA_HEAD_SEQUENCE_CLASSIFICATION, "classify"},
        {MICA_HEAD_SEQUENCE_CLASSIFICATION, "rerank"},
        {MICA_HEAD_TOKEN_CLASSIFICATION, "tag"},
        {MICA_HEAD_QUESTION_ANSWERING, "answer"},
    };
    mica_model_info info;
    size_t count = 0;
    mica_model_get_info(model, &info);
    for (size_t i = 0; i < sizeof rows / sizeof *rows && info.has_tokenizer; i++)
        if (rows[i].head == mica_model_head(model))
            names[count++] = rows[i].name;
    if (info.has_tokenizer) {
        names[count++] = "tokenize";
        names[count++] = "detokenize";
    }
    names[count++] = "forward";
    names[count++] = "verify";
    return count;
}

static const char *config_text(const showing *s, const char *key)
{
    const mica_json_value *value = mica_json_get(mica_json_root(s->config), key);
    if (mica_json_get_type(value) == MICA_JSON_ARRAY)
        value = mica_json_first(value);
    return mica_json_string(value, NULL);
}

static size_t file_count(const showing *s)
{
    return s->snapshot ? mica_hub_snapshot_count(s->snapshot) : s->files.count;
}

static const mica_hub_file *file_at(const showing *s, size_t i)
{
    return s->snapshot ? mica_hub_snapshot_file(s->snapshot, i) : &s->files.items[i];
}

static int64_t needed_size(const showing *s)
{
    int64_t size = 0;
    for (size_t i = 0; i < file_count(s); i++)
        if (file_at(s, i)->needed && file_at(s, i)->size > 0)
            size += file_at(s, i)->size;
    return size;
}

/* ---- as text ---- */

static void row(const char *name, const char *value)
{
    out_text("%-13s ", name);
    out_line(value);
}

/* 33360000 as "33,360,000" */
static void grouped(int64_t number, char *text, size_t size)
{
    char digits[32];
    size_t used = 0;
    int n = snprintf(digits, sizeof digits, "%" PRId64, number);
    for (int i = 0; i < n && used + 2 < size; i++) {
        if (i && (n - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = 0;
}

static void put_labels(const mica_model *model)
{
    size_t count = mica_model_label_count(model);
    if (count == 0)
        return;
    out_text("%-13s %zu: ", "labels", count);
    for (size_t i = 0; i < count && i < 12; i++) {
        const char *label = mica_model_label(model, i);
        const mica_text text = {label, strlen(label)};
        size_t columns = text_columns(label);
        out_text("%s", i ? ", " : "");
        out_label(&text, columns < 40 ? columns : 40);
    }
    out_text("%s\n", count > 12 ? " ..." : "");
}

static void put_prompts(const mica_model *model, const char *standard)
{
    for (size_t i = 0; i < mica_model_prompt_count(model); i++) {
        const char *name, *text = mica_model_prompt(model, i, &name);
        const mica_text label = {name, strlen(name)};
        size_t columns = text_columns(name);
        out_text("%-13s ", i ? "" : "prompts");
        out_label(&label, columns < 40 ? columns : 40);
        out_text("%s: ", standard && strcmp(name, standard) == 0 ? " (used by default)" : "");
        out_line(text);
    }
}

static void put_model(const mica_model *model)
{
    mica_model_info i;
    const char *names[COMMANDS_MAX];
    char number[40];
    mica_model_get_info(model, &i);
    out_text("%-13s %s (%s), %s\n", "architecture", i.architecture ? i.architecture : "not named",
             i.model_type, mica_head_name(mica_model_head(model)));
    grouped(i.parameters, number, sizeof number);
    if (i.weights)
        out_text("%-13s %s, %s in %s\n", "parameters", number, i.dtype, i.weights);
    else
        row("parameters", "not known until the weights are there");
    out_text("%-13s %" PRId64 " layers, hidden size %" PRId64 ", %" PRId64
             " tokens in the vocabulary\n",
             "size", i.layers, i.hidden_size, i.vocab_size);
    out_text("%-13s %zu tokens\n", "longest text", i.max_length);
    if (mica_model_head(model) == MICA_HEAD_NONE || mica_model_head(model) == MICA_HEAD_MASKED_LM)
        out_text("%-13s %" PRId64 " numbers, pooling %s, %s\n", "embedding", i.dimension, i.pooling,
                 i.normalize ? "normalized" : "not normalized");
    put_labels(model);
    put_prompts(model, i.default_prompt_name);
    if (!i.has_tokenizer)
        row("tokenizer", "none that mica reads: it can be run on ids only");
    out_text("%-13s ", "commands");
    for (size_t k = 0, n = commands_for(model, names); k < n; k++)
        out_text("%s%s", k ? ", " : "", names[k]);
    out_text("\n");
}

static void put_files(const showing *s)
{
    char size[16];
    size_text(needed_size(s), size, sizeof size);
    out_text("%-13s %s in those that are needed%s\n", "files", size,
             s->snapshot ? " (* = not in the cache)" : "");
    for (size_t i = 0; i < file_count(s); i++) {
        const mica_hub_file *file = file_at(s, i);
        if (!file->needed && !file->cached)
            continue;
        size_text(file->size, size, sizeof size);
        out_text("%13s%s", size, file->cached ? "  " : "* ");
        out_line(file->path);
    }
}

static void put_text(const showing *s)
{
    row("model", s->snapshot ? mica_hub_snapshot_id(s->snapshot) : s->model);
    if (s->snapshot)
        out_text("%-13s %s (%s)\n", "revision", mica_hub_snapshot_revision(s->snapshot),
                 mica_hub_snapshot_commit(s->snapshot));
    row("directory", s->directory);
    if (s->described) {
        put_model(s->described);
    } else {
        const char *name = config_text(s, "architectures"), *type = config_text(s, "model_type");
        out_text("%-13s ", "architecture");
        out_line(name ? name : type ? type : "not known");
        row("commands", "none: mica cannot run it");
        row("because", s->reason.message);
    }
    row("licence", s->license[0] ? s->license : "not known (README.md would say)");
    if (s->snapshot && mica_hub_snapshot_missing(s->snapshot))
        row("to be fetched", mica_hub_snapshot_missing(s->snapshot));
    put_files(s);
}

/* ---- as JSON ---- */

static void write_number(mica_json_writer *w, const char *key, int64_t number)
{
    mica_json_write_key(w, key);
    mica_json_write_int(w, number);
}

static void write_flag(mica_json_writer *w, const char *key, bool flag)
{
    mica_json_write_key(w, key);
    mica_json_write_bool(w, flag);
}

static void write_model(mica_json_writer *w, const mica_model *model)
{
    mica_model_info i;
    const char *names[COMMANDS_MAX];
    mica_model_get_info(model, &i);
    mica_json_write_member(w, "model_type", i.model_type);
    mica_json_write_member(w, "architecture", i.architecture);
    write_flag(w, "supported", true);
    mica_json_write_member(w, "reason", NULL);
    mica_json_write_key(w, "commands");
    mica_json_begin_array(w);
    for (size_t k = 0, n = commands_for(model, names); k < n; k++)
        mica_json_write_text(w, names[k]);
    mica_json_end_array(w);
    mica_json_write_key(w, "parameters");
    write_count(w, i.weights ? i.parameters : -1);
    mica_json_write_member(w, "dtype", i.dtype);
    mica_json_write_member(w, "weights", i.weights);
    write_number(w, "layers", i.layers);
    write_number(w, "hidden_size", i.hidden_size);
    write_number(w, "vocab_size", i.vocab_size);
    write_number(w, "max_length", (int64_t)i.max_length);
    write_flag(w, "tokenizer", i.has_tokenizer);
    mica_json_write_member(w, "pooling", i.pooling);
    write_flag(w, "normalized", i.normalize);
    write_number(w, "dimension", i.dimension);
    mica_json_write_key(w, "prompts");
    mica_json_begin_object(w);
    for (size_t k = 0; k < mica_model_prompt_count(model); k++) {
        const char *name, *text = mica_model_prompt(model, k, &name);
        mica_json_write_member(w, name, text);
    }
    mica_json_end_object(w);
    mica_json_write_member(w, "default_prompt_name", i.default_prompt_name);
    mica_json_write_key(w, "labels");
    mica_json_begin_array(w);
    for (size_t k = 0; k < mica_model_label_count(model); k++)
        mica_json_write_text(w, mica_model_label(model, k));
    mica_json_end_array(w);
}

static void write_unsupported(mica_json_writer *w, const showing *s)
{
    mica_json_write_member(w, "model_type", config_text(s, "model_type"));
    mica_json_write_member(w, "architecture", config_text(s, "architectures"));
    write_flag(w, "supported", false);
    mica_json_write_member(w, "reason", s->reason.message);
    mica_json_write_key(w, "commands");
    mica_json_begin_array(w);
    mica_json_end_array(w);
}

static void write_show(mica_json_writer *w, const showing *s)
{
    const mica_hub_snapshot *hub = s->snapshot;
    mica_json_begin_object(w);
    mica_json_write_member(w, "model", hub ? mica_hub_snapshot_id(hub) : s->model);
    mica_json_write_member(w, "revision", hub ? mica_hub_snapshot_revision(hub) : NULL);
    mica_json_write_member(w, "commit", hub ? mica_hub_snapshot_commit(hub) : NULL);
    mica_json_write_member(w, "directory", s->directory);
    if (s->described)
        write_model(w, s->described);
    else
        write_unsupported(w, s);
    mica_json_write_member(w, "license", s->license[0] ? s->license : NULL);
    mica_json_write_member(w, "missing", hub ? mica_hub_snapshot_missing(hub) : NULL);
    write_number(w, "size", needed_size(s));
    mica_json_write_key(w, "files");
    mica_json_begin_array(w);
    for (size_t i = 0; i < file_count(s); i++) {
        const mica_hub_file *file = file_at(s, i);
        mica_json_begin_object(w);
        mica_json_write_member(w, "path", file->path);
        mica_json_write_key(w, "size");
        write_count(w, file->size);
        write_flag(w, "needed", file->needed);
        write_flag(w, "cached", file->cached);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
    mica_json_end_object(w);
}

static mica_status put(const showing *s, cli_format format, mica_error *err)
{
    mica_json_writer *w = NULL;
    if (format == FORMAT_TEXT) {
        put_text(s);
        return MICA_OK;
    }
    mica_status status = mica_json_writer_create(&w, err);
    if (status)
        return status;
    write_show(w, s);
    status = out_json(w, err);
    out_write("\n", 1);
    mica_json_writer_destroy(&w);
    return status;
}

int cmd_show(const cli_command *command, int argc, char **argv)
{
    const char *format_name = NULL;
    bool quiet = false;
    cli_format format;
    const option options[] = {
        {"format", 0, OPTION_TEXT, &format_name, "FORMAT", "text (default), json or jsonl", 0, 0},
        {"quiet", 'q', OPTION_FLAG, &quiet, NULL, "no progress", 0, 0},
    };
    showing s = {0};
    mica_error err = {0};
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (n != 1)
        return usage_error(command, n < 1 ? WHICH_MODEL : "one model only");
    if (!format_read(command, format_name, &format))
        return EXIT_USAGE;
    s.model = argv[1];
    mica_status status = look(&s, quiet, &err);
    transfer_end(&s.h.display);
    if (!status)
        status = put(&s, format, &err);
    code = status == MICA_STATUS_CANCELLED ? EXIT_INTERRUPTED
           : status                        ? fail(command, &err)
                                           : EXIT_OK;
    mica_json_destroy(&s.config);
    mica_model_destroy(&s.described);
    mica_context_destroy(&s.context);
    mica_hub_snapshot_destroy(&s.snapshot);
    folder_free(&s.files);
    hub_close(&s.h);
    return out_close(command, code);
}
