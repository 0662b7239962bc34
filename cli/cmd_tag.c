/* SPDX-License-Identifier: MIT
 *
 * mica tag.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "stream.h"

const char tag_details[] =
    "Labels of tokens, or of entities that are made of them, as the token-classification pipeline "
    "of "
    "transformers\n"
    "gives them. Texts are arguments, the lines of FILE, or the lines of standard input (\"-\", or "
    "no "
    "text at all);\n"
    "results keep their order. A text that is longer than the model takes is read in windows that "
    "overlap.\n"
    "\n"
    "Aggregation: none labels tokens, simple joins neighbouring tokens of the same kind; first, "
    "average and max do\n"
    "the same with words, which have the label of their first token, of the average of their "
    "scores, "
    "or of the best\n"
    "of them.\n"
    "\n"
    "Output: text is a line for each entity; json is "
    "[{\"entity_group\",\"score\",\"word\",\"start\",\"end\"}] (for tokens\n"
    "\"entity\", and their \"index\"), for several texts a list of these; jsonl is one of these a "
    "line. Offsets count\n"
    "characters.\n"
    "\n"
    "examples:\n"
    "  mica tag ./bert-base-NER \"Wolfgang lives in Berlin.\" --aggregation simple\n"
    "  mica tag ./bert-base-NER --file articles.txt --aggregation first --format jsonl\n";

typedef struct tagging {
    stream_options common;
    const char *aggregation, *ignore;
    char *ignored;     /* a copy of `ignore`, cut at its commas */
    const char **list; /* of what is in it */
    mica_tag_options options;
    mica_entities *entities;
} tagging;

static bool read_aggregation(const cli_command *command, tagging *t)
{
    static const char *const names[] = {"none", "simple", "first", "average", "max"};
    for (int i = 0; i < 5; i++) {
        if (!t->aggregation || strcmp(t->aggregation, names[i]) == 0) {
            t->options.aggregation = (mica_aggregation)i;
            return true;
        }
    }
    usage_error(command, "--aggregation is none, simple, first, average or max, not '%s'",
                t->aggregation);
    return false;
}

/* Labels parted by commas; nothing at all is an empty list. */
static bool read_ignored(tagging *t)
{
    size_t n = 1, size = t->ignore ? strlen(t->ignore) : 0;
    if (!t->ignore)
        return true;
    for (size_t i = 0; i < size; i++)
        n += t->ignore[i] == ',';
    t->ignored = malloc(size + 1);
    t->list = malloc(n * sizeof *t->list);
    if (!t->ignored || !t->list)
        return false;
    memcpy(t->ignored, t->ignore, size + 1);
    for (char *p = t->ignored; size > 0 && p;) {
        char *comma = strchr(p, ',');
        t->list[t->options.n_ignore_labels++] = p;
        if (comma)
            *comma++ = '\0';
        p = comma;
    }
    t->options.ignore_labels = t->list;
    return true;
}

static int read_settings(const cli_command *command, tagging *t, int argc, char **argv, int *n)
{
    enum { OWN = 4 };
    memset(t, 0, sizeof *t);
    mica_tag_options_defaults(&t->options);
    option options[OWN + STREAM_OPTIONS] = {
        {"aggregation", 'a', OPTION_TEXT, &t->aggregation, "NAME",
         "none (default), simple, first, average or max", 0, 0},
        {"ignore-labels", 0, OPTION_TEXT, &t->ignore, "LABELS",
         "leave these out, parted by commas (default O; \"\" = none)", 0, 0},
        {"stride", 0, OPTION_NUMBER, &t->options.stride, "N",
         "tokens that neighbouring windows of a long text share (default: a quarter of a window, "
         "at "
         "most 128)",
         0, 1 << 24},
        {"truncate", 0, OPTION_FLAG, &t->options.truncate, NULL,
         "only the first window of a long text", 0, 0},
    };
    size_t count =
        OWN + stream_option_rows(&t->common, "lines are JSON: a string, or an object with \"text\"",
                                 "tokens of a window", options + OWN);
    int code = options_read(command, options, count, argc, argv, n);
    if (code >= 0)
        return code;
    if (*n < 1)
        return usage_error(command, WHICH_MODEL);
    if (!read_aggregation(command, t))
        return EXIT_USAGE;
    if (!read_ignored(t))
        return fail_text(command, MICA_STATUS_OUT_OF_MEMORY, "out of memory for the labels");
    t->options.no_truncate = t->common.no_truncate;
    t->options.max_length = (size_t)t->common.max_length;
    t->options.batch_tokens = (size_t)t->common.batch_tokens;
    return -1;
}

static mica_status tag(stream *s, const mica_text *texts, size_t n, mica_error *err)
{
    tagging *t = s->user;
    return mica_tag(s->engine.session, texts, n, &t->options, &t->entities, err);
}

static void print_entity(const mica_entity *entity)
{
    mica_text label = {entity->label, strlen(entity->label)};
    out_label(&label, 12);
    out_text(" %.4f  %6zu %6zu  ", entity->score, entity->chars.begin, entity->chars.end);
    out_label(&entity->word, 60);
    out_write("\n", 1);
}

static void write_entity(mica_json_writer *w, const mica_entity *entity, bool token)
{
    mica_json_begin_object(w);
    mica_json_write_key(w, token ? "entity" : "entity_group");
    mica_json_write_text(w, entity->label);
    mica_json_write_key(w, "score");
    mica_json_write_float(w, entity->score);
    if (token) {
        mica_json_write_key(w, "index");
        mica_json_write_int(w, (int64_t)entity->index);
    }
    mica_json_write_key(w, "word");
    mica_json_write_string(w, entity->word.data, entity->word.size);
    mica_json_write_key(w, "start");
    mica_json_write_int(w, (int64_t)entity->chars.begin);
    mica_json_write_key(w, "end");
    mica_json_write_int(w, (int64_t)entity->chars.end);
    mica_json_end_object(w);
}

static mica_status put_entities(stream *s, size_t i, mica_error *err)
{
    const tagging *t = s->user;
    size_t n = mica_entities_found(t->entities, i);
    s->truncated += mica_entities_truncated(t->entities, i);
    s->tokens += mica_entities_tokens(t->entities, i);
    if (s->format == FORMAT_TEXT && s->written > 0)
        out_write("\n", 1);
    if (s->format != FORMAT_TEXT)
        mica_json_begin_array(s->writer);
    for (size_t k = 0; k < n; k++) {
        const mica_entity *entity = mica_entities_get(t->entities, i, k);
        if (s->format == FORMAT_TEXT)
            print_entity(entity);
        else
            write_entity(s->writer, entity, t->options.aggregation == MICA_AGGREGATION_NONE);
    }
    if (s->format != FORMAT_TEXT)
        mica_json_end_array(s->writer);
    return MICA_OK;
}

int cmd_tag(const cli_command *command, int argc, char **argv)
{
    tagging t;
    int n, code = read_settings(command, &t, argc, argv, &n);
    if (code < 0) {
        stream s = {
            .command = command, .model = argv[1], .user = &t, .compute = tag, .put = put_entities};
        code = stream_run(&s, &t.common, n - 1, argv + 2);
    }
    mica_entities_destroy(&t.entities);
    free(t.ignored);
    free(t.list);
    return code;
}
