/* SPDX-License-Identifier: MIT
 *
 * mica pull.
 */
#include <string.h>

#include "commands.h"
#include "hub.h"

const char pull_details[] =
    "Fetches what running MODEL needs (configuration, tokenizer, the best one format of weights) "
    "into the\n"
    "cache that Hugging Face's Python tools share. MODEL is a Hub id: org/name, or "
    "org/name@revision with a\n"
    "branch, a tag, refs/pr/N or a commit. What is there is not fetched again; what an "
    "interruption left is\n"
    "gone on with. A model that mica cannot run is refused before its weights are fetched. Every "
    "command\n"
    "fetches a model that is not in the cache; pull also brings a branch up to date.\n"
    "\n"
    "A pattern is a file name in which * stands for anything (also /), ? for one character; "
    "\"folder/\" is all\n"
    "below it. Both options may be given several times.\n"
    "\n"
    "Output: text is a line a file and what was done; json and jsonl are\n"
    "{\"model\",\"revision\",\"commit\",\"directory\",\"dry_run\",\"fetched\",\"fetched_size\","
    "\"files\":[{\"path\",\n"
    "\"size\",\"needed\",\"cached\",\"fetched\"}]}.\n"
    "\n"
    "examples:\n"
    "  mica pull BAAI/bge-small-en-v1.5\n"
    "  mica pull BAAI/bge-small-en-v1.5@main --dry-run\n"
    "  mica pull BAAI/bge-small-en-v1.5 --include \"*.md\" --local-dir ./bge\n";

typedef struct pulling {
    const char *revision, *local_dir, *format_name;
    option_texts include, exclude;
    bool dry_run, force, quiet;
    cli_format format;
} pulling;

static int read_settings(const cli_command *command, pulling *p, int argc, char **argv)
{
    const option options[] = {
        {"revision", 0, OPTION_TEXT, &p->revision, "REV",
         "a branch, tag or commit (the same as MODEL@REV)", 0, 0},
        {"include", 0, OPTION_TEXTS, &p->include, "PATTERN",
         "fetch the files that match instead of those that running needs", 0, 0},
        {"exclude", 0, OPTION_TEXTS, &p->exclude, "PATTERN", "leave out the files that match", 0,
         0},
        {"local-dir", 0, OPTION_TEXT, &p->local_dir, "DIR",
         "plain files in this folder instead of the cache", 0, 0},
        {"dry-run", 'n', OPTION_FLAG, &p->dry_run, NULL, "only say what would be fetched", 0, 0},
        {"force", 0, OPTION_FLAG, &p->force, NULL, "fetch again what is there", 0, 0},
        {"format", 0, OPTION_TEXT, &p->format_name, "FORMAT", "text (default), json or jsonl", 0,
         0},
        {"quiet", 'q', OPTION_FLAG, &p->quiet, NULL, "no progress, and no report as text", 0, 0},
    };
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (n != 1)
        return usage_error(command,
                           n < 1 ? "which model? Give a Hub id: org/name" : "one model only");
    if (!format_read(command, p->format_name, &p->format))
        return EXIT_USAGE;
    if (p->revision && strchr(argv[1], '@'))
        return usage_error(command, "'%s' names a revision, and --revision another one", argv[1]);
    return -1;
}

static const char *state_of(const mica_hub_file *file, bool dry_run)
{
    return file->fetched  ? dry_run ? "would be fetched" : "fetched"
           : file->cached ? "there already"
                          : "left out";
}

static void put_text(const mica_hub_snapshot *s, bool dry_run)
{
    size_t count = mica_hub_snapshot_count(s), fetched = 0, there = 0;
    int64_t bytes = 0;
    char size[16];
    for (size_t i = 0; i < count; i++) {
        const mica_hub_file *file = mica_hub_snapshot_file(s, i);
        if (!file->needed && !file->fetched)
            continue;
        size_text(file->size, size, sizeof size);
        out_text("%10s  %-17s ", size, state_of(file, dry_run));
        out_line(file->path);
        fetched += file->fetched;
        there += !file->fetched && file->cached;
        bytes += file->fetched && file->size > 0 ? file->size : 0;
    }
    size_text(bytes, size, sizeof size);
    out_text("%s@%s (%.12s): %zu %s %s (%s), %zu there already\n", mica_hub_snapshot_id(s),
             mica_hub_snapshot_revision(s), mica_hub_snapshot_commit(s), fetched,
             fetched == 1 ? "file" : "files", dry_run ? "to be fetched" : "fetched", size, there);
    out_line(mica_hub_snapshot_directory(s));
}

static void put_json(mica_json_writer *w, const mica_hub_snapshot *s, bool dry_run)
{
    size_t count = mica_hub_snapshot_count(s), fetched = 0;
    int64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const mica_hub_file *file = mica_hub_snapshot_file(s, i);
        fetched += file->fetched;
        bytes += file->fetched && file->size > 0 ? file->size : 0;
    }
    mica_json_begin_object(w);
    mica_json_write_member(w, "model", mica_hub_snapshot_id(s));
    mica_json_write_member(w, "revision", mica_hub_snapshot_revision(s));
    mica_json_write_member(w, "commit", mica_hub_snapshot_commit(s));
    mica_json_write_member(w, "directory", mica_hub_snapshot_directory(s));
    mica_json_write_key(w, "dry_run");
    mica_json_write_bool(w, dry_run);
    mica_json_write_key(w, "fetched");
    mica_json_write_int(w, (int64_t)fetched);
    mica_json_write_key(w, "fetched_size");
    mica_json_write_int(w, bytes);
    mica_json_write_key(w, "files");
    mica_json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        const mica_hub_file *file = mica_hub_snapshot_file(s, i);
        mica_json_begin_object(w);
        mica_json_write_member(w, "path", file->path);
        mica_json_write_key(w, "size");
        write_count(w, file->size);
        mica_json_write_key(w, "needed");
        mica_json_write_bool(w, file->needed);
        mica_json_write_key(w, "cached");
        mica_json_write_bool(w, file->cached);
        mica_json_write_key(w, "fetched");
        mica_json_write_bool(w, file->fetched);
        mica_json_end_object(w);
    }
    mica_json_end_array(w);
    mica_json_end_object(w);
}

static mica_status report(const mica_hub_snapshot *s, const pulling *p, mica_error *err)
{
    mica_json_writer *w = NULL;
    if (p->format == FORMAT_TEXT) {
        if (!p->quiet)
            put_text(s, p->dry_run);
        return MICA_OK;
    }
    mica_status status = mica_json_writer_create(&w, err);
    if (status)
        return status;
    put_json(w, s, p->dry_run);
    status = out_json(w, err);
    out_write("\n", 1);
    mica_json_writer_destroy(&w);
    return status;
}

/* Patterns that match nothing are a mistake: of a name, or of its case. */
static mica_status check_patterns(const mica_hub_snapshot *s, const pulling *p, mica_error *err)
{
    for (size_t i = 0; i < mica_hub_snapshot_count(s); i++)
        if (mica_hub_snapshot_file(s, i)->needed)
            return MICA_OK;
    if (p->include.count == 0)
        return MICA_OK;
    err->status = MICA_STATUS_NO_ENTRY;
    snprintf(err->message, sizeof err->message, "%s@%s has no file that matches '%.200s'%s",
             mica_hub_snapshot_id(s), mica_hub_snapshot_revision(s), p->include.items[0],
             p->include.count > 1 ? " or another of the patterns" : "");
    return err->status;
}

/* "model@revision", into a buffer that ids of any length that is allowed fit into. */
static mica_status whole_id(const pulling *p, const char *model, char *id, size_t size,
                            mica_error *err)
{
    int n =
        snprintf(id, size, "%s%s%s", model, p->revision ? "@" : "", p->revision ? p->revision : "");
    if (n >= 0 && (size_t)n < size)
        return MICA_OK;
    err->status = MICA_STATUS_INVALID_ARGUMENT;
    snprintf(err->message, sizeof err->message, "the model's id is too long");
    return err->status;
}

int cmd_pull(const cli_command *command, int argc, char **argv)
{
    pulling p = {0};
    hub_client h = {0};
    mica_context *context = NULL;
    mica_hub_snapshot *snapshot = NULL;
    mica_hub_pull_options options;
    mica_error err = {0};
    char id[1024];
    int code = read_settings(command, &p, argc, argv);
    if (code >= 0)
        return code;
    mica_status status = whole_id(&p, argv[1], id, sizeof id, &err);
    if (!status)
        status = context_open(&context, 1, false, &err);
    if (!status)
        status = hub_open(&h, p.quiet, &err);
    hub_pull_options(&options, context);
    options.include = p.include.items;
    options.include_count = p.include.count;
    options.exclude = p.exclude.items;
    options.exclude_count = p.exclude.count;
    options.local_dir = p.local_dir;
    options.force = p.force;
    options.dry_run = p.dry_run;
    if (!status)
        status = mica_hub_pull(h.hub, id, &options, &snapshot, &err);
    transfer_end(&h.display);
    if (!status)
        status = check_patterns(snapshot, &p, &err);
    if (!status)
        status = report(snapshot, &p, &err);
    if (status == MICA_STATUS_CANCELLED)
        hub_say_interrupted(&h, argv[1]);
    code = status == MICA_STATUS_CANCELLED ? EXIT_INTERRUPTED
           : status                        ? fail(command, &err)
                                           : EXIT_OK;
    mica_hub_snapshot_destroy(&snapshot);
    hub_close(&h);
    mica_context_destroy(&context);
    return out_close(command, code);
}
