/* SPDX-License-Identifier: MIT
 *
 * mica list, mica rm, mica verify-cache: the cache of models. None of them makes a request.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "hub.h"

const char list_details[] =
    "The models in the cache, a line for each revision. A revision that is only partly there is "
    "marked: what\n"
    "it lacks is fetched when it is used.\n"
    "\n"
    "Output: text is a table; json is "
    "{\"cache\",\"size\",\"models\":[{\"model\",\"revisions\",\"commit\",\"size\",\"files\",\n"
    "\"whole\",\"last_used\",\"last_modified\",\"leftovers\",\"directory\"}]}; jsonl is one entry "
    "of models a line.\n"
    "Sizes are in bytes, times are UTC.\n"
    "\n"
    "example:\n"
    "  mica list --format json\n";

const char rm_details[] = "Removes MODEL (org/name: all its revisions; org/name@revision: this "
                          "one, and what no other one uses) from\n"
                          "the cache. On a terminal it asks first; elsewhere --yes is needed.\n"
                          "\n"
                          "Output: text is a line; json and jsonl are "
                          "{\"model\",\"removed\",\"size\",\"files\",\"revisions\"}.\n"
                          "\n"
                          "examples:\n"
                          "  mica rm BAAI/bge-small-en-v1.5\n"
                          "  mica rm BAAI/bge-small-en-v1.5@main --yes\n";

const char verify_cache_details[] =
    "Reads every file of MODEL (default: of the whole cache) and compares its checksum with the "
    "one that the\n"
    "Hub gave it. Exit code 6 if one is not right.\n"
    "\n"
    "Output: text is a line for each file that is not right, and a summary; json is "
    "{\"problems\":[{\"model\",\n"
    "\"commit\",\"path\",\"location\",\"size\",\"verdict\",\"expected\",\"actual\"}],\"ok\","
    "\"files\",\"size\",\"unchecked\"};\n"
    "jsonl is every file a line, good ones too. A verdict is good, bad, missing, unchecked or "
    "unreadable.\n"
    "\n"
    "example:\n"
    "  mica verify-cache BAAI/bge-small-en-v1.5\n";

static const char format_help[] = "text (default), json or jsonl";

/* ---- list ---- */

/* "2026-11-25T19:40:02Z", or null if it is not known. */
static void write_time(mica_json_writer *w, int64_t seconds)
{
    char text[32];
    struct tm parts;
    time_t when = (time_t)seconds;
    if (seconds > 0 && gmtime_r(&when, &parts) &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts))
        mica_json_write_text(w, text);
    else
        mica_json_write_null(w);
}

/* "3 hours ago" */
static void ago_text(int64_t seconds, char *text, size_t size)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{31536000, "year"}, {2592000, "month"}, {604800, "week"},
                 {86400, "day"},     {3600, "hour"},     {60, "minute"}};
    int64_t passed = (int64_t)time(NULL) - seconds;
    if (seconds <= 0) {
        snprintf(text, size, "never");
        return;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        int64_t n = passed / units[i].seconds;
        if (n > 0) {
            snprintf(text, size, "%" PRId64 " %s%s ago", n, units[i].unit, n == 1 ? "" : "s");
            return;
        }
    }
    snprintf(text, size, "just now");
}

static void write_row(mica_json_writer *w, const mica_hub_cached *row)
{
    mica_json_begin_object(w);
    mica_json_write_member(w, "model", row->id);
    mica_json_write_key(w, "revisions");
    mica_json_begin_array(w);
    for (const char *name = row->revisions; *name;) { /* "main, v1.0" */
        size_t size = strcspn(name, ",");
        mica_json_write_string(w, name, size);
        name += size;
        name += strspn(name, ", ");
    }
    mica_json_end_array(w);
    mica_json_write_member(w, "commit", row->commit[0] ? row->commit : NULL);
    mica_json_write_key(w, "size");
    mica_json_write_int(w, row->size);
    mica_json_write_key(w, "files");
    mica_json_write_int(w, (int64_t)row->files);
    mica_json_write_key(w, "whole");
    mica_json_write_bool(w, row->whole);
    mica_json_write_key(w, "last_used");
    write_time(w, row->last_used);
    mica_json_write_key(w, "last_modified");
    write_time(w, row->last_modified);
    mica_json_write_key(w, "leftovers");
    mica_json_write_int(w, row->leftovers);
    mica_json_write_member(w, "directory", row->directory);
    mica_json_end_object(w);
}

static void put_row(const mica_hub_cached *row, size_t id_width, size_t revisions_width)
{
    char size[16], used[32];
    const mica_text id = {row->id, strlen(row->id)},
                    revisions = {row->revisions[0] ? row->revisions : "-",
                                 strlen(row->revisions[0] ? row->revisions : "-")};
    size_text(row->commit[0] ? row->size : row->leftovers, size, sizeof size);
    ago_text(row->last_used, used, sizeof used);
    out_label(&id, id_width);
    out_text("  ");
    out_label(&revisions, revisions_width);
    out_text("  %-12.12s %9s %6zu  %-14s", row->commit[0] ? row->commit : "-", size, row->files,
             used);
    out_text("%s\n", !row->commit[0] ? "  leftovers of a download"
                     : row->whole    ? ""
                                     : "  partly there");
}

static void put_table(const mica_hub_cache *cache, const char *folder)
{
    size_t count = mica_hub_cache_count(cache), id_width = 5, revisions_width = 8;
    char size[16];
    for (size_t i = 0; i < count; i++) {
        const mica_hub_cached *row = mica_hub_cache_row(cache, i);
        size_t a = text_columns(row->id), b = text_columns(row->revisions);
        id_width = a > id_width ? a : id_width;
        revisions_width = b > revisions_width ? b : revisions_width;
    }
    revisions_width = revisions_width < 24 ? revisions_width : 24;
    if (count)
        out_text("%-*s  %-*s  %-12s %9s %6s  %s\n", (int)id_width, "model", (int)revisions_width,
                 "revision", "commit", "size", "files", "last used");
    for (size_t i = 0; i < count; i++)
        put_row(mica_hub_cache_row(cache, i), id_width, revisions_width);
    size_text(mica_hub_cache_size(cache), size, sizeof size);
    if (count)
        out_text("%s in ", size);
    else
        out_text("no models in ");
    out_line(folder);
}

static mica_status put_list(const mica_hub_cache *cache, const char *folder, cli_format format,
                            mica_error *err)
{
    mica_json_writer *w = NULL;
    if (format == FORMAT_TEXT) {
        put_table(cache, folder);
        return MICA_OK;
    }
    mica_status status = mica_json_writer_create(&w, err);
    if (!status && format == FORMAT_JSON) {
        mica_json_begin_object(w);
        mica_json_write_member(w, "cache", folder);
        mica_json_write_key(w, "size");
        mica_json_write_int(w, mica_hub_cache_size(cache));
        mica_json_write_key(w, "models");
        mica_json_begin_array(w);
    }
    for (size_t i = 0; !status && i < mica_hub_cache_count(cache); i++) {
        write_row(w, mica_hub_cache_row(cache, i));
        if (format == FORMAT_JSONL) {
            status = out_json(w, err);
            out_write("\n", 1);
        }
    }
    if (!status && format == FORMAT_JSON) {
        mica_json_end_array(w);
        mica_json_end_object(w);
        status = out_json(w, err);
        out_write("\n", 1);
    }
    mica_json_writer_destroy(&w);
    return status;
}

int cmd_list(const cli_command *command, int argc, char **argv)
{
    const char *format_name = NULL;
    cli_format format;
    const option options[] = {
        {"format", 0, OPTION_TEXT, &format_name, "FORMAT", format_help, 0, 0},
    };
    hub_client h = {0};
    mica_hub_cache *cache = NULL;
    mica_hub_info info;
    mica_error err = {0};
    int n, code = options_read(command, options, 1, argc, argv, &n);
    if (code >= 0)
        return code;
    if (n > 0)
        return usage_error(command, "it takes no argument ('%s')", argv[1]);
    if (!format_read(command, format_name, &format))
        return EXIT_USAGE;
    mica_status status = hub_open(&h, true, &err);
    if (!status)
        status = mica_hub_list(h.hub, &cache, &err);
    if (!status) {
        mica_hub_get_info(h.hub, &info);
        status = put_list(cache, info.cache_dir, format, &err);
    }
    code = status ? fail(command, &err) : EXIT_OK;
    mica_hub_cache_destroy(&cache);
    hub_close(&h);
    return out_close(command, code);
}

/* ---- rm ---- */

static void removal_text(const char *id, const mica_hub_removal *r, char *text, size_t size)
{
    char bytes[16];
    size_text(r->bytes, bytes, sizeof bytes);
    snprintf(text, size, "%.300s (%s, %zu file%s of %zu revision%s)", id, bytes, r->files,
             r->files == 1 ? "" : "s", r->revisions, r->revisions == 1 ? "" : "s");
}

/* Whether the user says yes. */
static bool asked(const char *what)
{
    char answer[16] = "";
    fprintf(stderr, "remove %s? [y/N] ", what);
    fflush(stderr);
    if (!fgets(answer, sizeof answer, stdin)) {
        fprintf(stderr, "\n");
        return false;
    }
    return answer[0] == 'y' || answer[0] == 'Y';
}

static mica_status put_removal(const char *id, const mica_hub_removal *r, bool removed,
                               const char *what, cli_format format, mica_error *err)
{
    mica_json_writer *w = NULL;
    if (format == FORMAT_TEXT) {
        out_text("%s ", removed ? "removed" : "still there:");
        out_line(what);
        return MICA_OK;
    }
    mica_status status = mica_json_writer_create(&w, err);
    if (status)
        return status;
    mica_json_begin_object(w);
    mica_json_write_member(w, "model", id);
    mica_json_write_key(w, "removed");
    mica_json_write_bool(w, removed);
    mica_json_write_key(w, "size");
    mica_json_write_int(w, r->bytes);
    mica_json_write_key(w, "files");
    mica_json_write_int(w, (int64_t)r->files);
    mica_json_write_key(w, "revisions");
    mica_json_write_int(w, (int64_t)r->revisions);
    mica_json_end_object(w);
    status = out_json(w, err);
    out_write("\n", 1);
    mica_json_writer_destroy(&w);
    return status;
}

int cmd_rm(const cli_command *command, int argc, char **argv)
{
    const char *format_name = NULL;
    bool yes = false, dry_run = false, removed = false, terminal = isatty(STDIN_FILENO) == 1;
    cli_format format;
    const option options[] = {
        {"yes", 'y', OPTION_FLAG, &yes, NULL, "do not ask", 0, 0},
        {"dry-run", 'n', OPTION_FLAG, &dry_run, NULL, "only say what would be removed", 0, 0},
        {"format", 0, OPTION_TEXT, &format_name, "FORMAT", format_help, 0, 0},
    };
    hub_client h = {0};
    mica_hub_removal removal;
    mica_error err = {0};
    char what[512];
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (n != 1)
        return usage_error(command, n < 1 ? "which model? 'mica list' shows what there is"
                                          : "one model only");
    if (!format_read(command, format_name, &format))
        return EXIT_USAGE;
    mica_status status = hub_open(&h, true, &err);
    if (!status)
        status = mica_hub_remove(h.hub, argv[1], true, &removal, &err);
    if (!status) {
        removal_text(argv[1], &removal, what, sizeof what);
        if (!yes && !dry_run && !terminal) {
            hub_close(&h);
            return usage_error(command, "this is no terminal to ask on; --yes removes %s", what);
        }
        removed = !dry_run && (yes || asked(what));
    }
    if (!status && removed)
        status = mica_hub_remove(h.hub, argv[1], false, &removal, &err);
    if (!status)
        status = put_removal(argv[1], &removal, removed, what, format, &err);
    code = interrupted()        ? EXIT_INTERRUPTED
           : status             ? fail(command, &err)
           : removed || dry_run ? EXIT_OK
                                : EXIT_FAILURE_CODE;
    hub_close(&h);
    return out_close(command, code);
}

/* ---- verify-cache ---- */

typedef struct checking {
    cli_format format;
    mica_json_writer *writer;
    mica_status status; /* of the writer */
    mica_error err;
    progress bar;
    size_t files, bad, unchecked;
    int64_t bytes, total;
} checking;

static const char *const verdicts[] = {"good", "bad", "missing", "unchecked", "unreadable"};

static void write_check(mica_json_writer *w, const mica_hub_check *check)
{
    mica_json_begin_object(w);
    mica_json_write_member(w, "model", check->id);
    mica_json_write_member(w, "commit", check->commit);
    mica_json_write_member(w, "path", check->path);
    mica_json_write_member(w, "location", check->location);
    mica_json_write_key(w, "size");
    write_count(w, check->size);
    mica_json_write_member(w, "verdict", verdicts[check->verdict]);
    mica_json_write_member(w, "expected", check->expected[0] ? check->expected : NULL);
    mica_json_write_member(w, "actual", check->actual[0] ? check->actual : NULL);
    mica_json_end_object(w);
}

static void put_problem(const mica_hub_check *check)
{
    out_text("%-10s  %s@%.12s ", verdicts[check->verdict], check->id, check->commit);
    out_line(check->path);
    if (check->verdict == MICA_HUB_BAD)
        out_text("%12sexpected %s\n%12sfound    %s\n", "", check->expected, "", check->actual);
    else if (check->verdict == MICA_HUB_UNREADABLE)
        out_text("%12s%s\n", "", check->actual);
}

static void take_check(void *user, const mica_hub_check *check)
{
    checking *c = user;
    bool problem = check->verdict == MICA_HUB_BAD || check->verdict == MICA_HUB_MISSING ||
                   check->verdict == MICA_HUB_UNREADABLE;
    c->files++;
    c->bytes += check->size > 0 ? check->size : 0;
    c->bad += problem;
    c->unchecked += check->verdict == MICA_HUB_UNCHECKED;
    if (c->format == FORMAT_JSONL || (problem && c->format == FORMAT_JSON)) {
        write_check(c->writer, check);
        if (c->format == FORMAT_JSONL && !c->status) {
            c->status = out_json(c->writer, &c->err);
            out_write("\n", 1);
        }
    } else if (problem) {
        progress_erase(&c->bar);
        put_problem(check);
        out_flush();
    }
    progress_show(&c->bar, (uint64_t)c->bytes, (uint64_t)c->total, c->files);
}

static mica_status end_checks(checking *c, mica_error *err)
{
    mica_json_writer *w = c->writer;
    char size[16];
    if (c->format == FORMAT_TEXT) {
        size_text(c->bytes, size, sizeof size);
        out_text("%zu file%s (%s) read: ", c->files, c->files == 1 ? "" : "s", size);
        if (c->bad)
            out_text("%zu not right", c->bad);
        else
            out_text("all right");
        if (c->unchecked)
            out_text(", %zu without a checksum", c->unchecked);
        out_text("\n");
        return MICA_OK;
    }
    if (c->format == FORMAT_JSONL)
        return MICA_OK;
    mica_json_end_array(w);
    mica_json_write_key(w, "ok");
    mica_json_write_bool(w, c->bad == 0);
    mica_json_write_key(w, "files");
    mica_json_write_int(w, (int64_t)c->files);
    mica_json_write_key(w, "size");
    mica_json_write_int(w, c->bytes);
    mica_json_write_key(w, "unchecked");
    mica_json_write_int(w, (int64_t)c->unchecked);
    mica_json_end_object(w);
    mica_status status = out_json(w, err);
    out_write("\n", 1);
    return status;
}

/* Bytes to be read, for the progress; 0 = not known. */
static int64_t bytes_to_read(mica_hub *hub, const char *id)
{
    mica_hub_cache *cache = NULL;
    int64_t size = 0;
    if (!id && mica_hub_list(hub, &cache, NULL) == MICA_OK)
        size = mica_hub_cache_size(cache);
    mica_hub_cache_destroy(&cache);
    return size;
}

int cmd_verify_cache(const cli_command *command, int argc, char **argv)
{
    const char *format_name = NULL;
    bool quiet = false;
    const option options[] = {
        {"format", 0, OPTION_TEXT, &format_name, "FORMAT", format_help, 0, 0},
        {"quiet", 'q', OPTION_FLAG, &quiet, NULL, "no progress", 0, 0},
    };
    checking c = {0};
    hub_client h = {0};
    mica_error err = {0};
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (n > 1)
        return usage_error(command, "one model only; without a model it checks all");
    if (!format_read(command, format_name, &c.format))
        return EXIT_USAGE;
    const char *id = n ? argv[1] : NULL;
    mica_status status = hub_open(&h, quiet, &err);
    if (!status)
        status = mica_json_writer_create(&c.writer, &err);
    if (!status) {
        c.total = bytes_to_read(h.hub, id);
        if (c.format == FORMAT_JSON) {
            mica_json_begin_object(c.writer);
            mica_json_write_key(c.writer, "problems");
            mica_json_begin_array(c.writer);
        }
        progress_start(&c.bar, "files", quiet);
        status = mica_hub_verify(h.hub, id, take_check, &c, &err);
        progress_end(&c.bar);
    }
    if (!status || status == MICA_STATUS_CHECKSUM) {
        mica_error own = {0};
        mica_status ended = c.status ? c.status : end_checks(&c, &own);
        if (ended) {
            err = c.status ? c.err : own;
            status = ended;
        }
    }
    code = status == MICA_STATUS_CANCELLED ? EXIT_INTERRUPTED
           : status                        ? fail(command, &err)
           : c.bad ? fail_text(command, MICA_STATUS_IO, "%zu files cannot be read", c.bad)
                   : EXIT_OK;
    mica_json_writer_destroy(&c.writer);
    hub_close(&h);
    return out_close(command, code);
}
