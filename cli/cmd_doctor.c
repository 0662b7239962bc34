/* SPDX-License-Identifier: MIT
 *
 * mica doctor and mica version.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "commands.h"

const char doctor_details[] = "example:\n"
                              "  mica doctor --format json\n";

const char version_details[] = "example:\n"
                               "  mica version --format json\n";

/* Never the token itself. */
static const char *const variables[] = {"MICA_CPU",    "MICA_THREADS",  "MICA_PACKED_CACHE",
                                        "NO_COLOR",    "HF_HOME",       "HF_HUB_CACHE",
                                        "HF_ENDPOINT", "HF_HUB_OFFLINE"};
enum { VARIABLES = sizeof variables / sizeof variables[0] };

static const char *compiler(void)
{
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}

/* One line of a file without its newline, "" if there is none. */
static void read_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "r");
    line[0] = 0;
    if (file && fgets(line, (int)size, file))
        line[strcspn(line, "\n")] = 0;
    if (file)
        fclose(file);
}

/* What is in force for the Hub; or why nothing is. */
typedef struct hub_report {
    mica_hub *hub;
    mica_hub_info info;
    mica_error err;
} hub_report;

static void hub_look(hub_report *h)
{
    if (!mica_hub_create(NULL, &h->hub, &h->err))
        mica_hub_get_info(h->hub, &h->info);
}

static void hub_text(const hub_report *h)
{
    if (!h->hub) {
        out_text("hub         ");
        out_line(h->err.message);
        return;
    }
    out_text("cache       ");
    out_line(h->info.cache_dir);
    out_text("endpoint    ");
    out_line(h->info.endpoint);
    out_text("token       ");
    out_line(h->info.token_source ? h->info.token_source : "none (HF_TOKEN is not set)");
    out_text("offline     %s\n",
             h->info.offline ? "yes: nothing is fetched (HF_HUB_OFFLINE)" : "no");
}

static void hub_json(mica_json_writer *w, const hub_report *h)
{
    mica_json_begin_object(w);
    mica_json_write_member(w, "cache", h->info.cache_dir);
    mica_json_write_member(w, "endpoint", h->info.endpoint);
    mica_json_write_member(w, "token_source", h->info.token_source);
    mica_json_write_key(w, "offline");
    mica_json_write_bool(w, h->info.offline);
    mica_json_write_member(w, "error", h->hub ? NULL : h->err.message);
    mica_json_end_object(w);
}

static void report_text(const mica_context_info *i, double memory, const char *huge,
                        const struct utsname *system, const hub_report *hub)
{
    out_text("mica        %s (%s)\n", mica_version(), compiler());
    out_text("system      %s %s, %s\n", system->sysname, system->release, system->machine);
    out_text("processor   %s\n", i->cpu);
    out_text("kernels     %s", i->kernels);
    if (strcmp(i->kernels, i->kernels_best) != 0)
        out_text(" (MICA_CPU lowers it; this machine has %s)", i->kernels_best);
    else
        out_text(" (the best that this processor and system offer)");
    out_text("\nbf16        %s%s\n", i->bf16,
             i->bf16_is_fast ? "" : " (smaller than float32, not faster to multiply)");
    out_text("int8        %s", i->int8);
    out_text("\nthreads     %zu (from %s: %zu processors online, %zu allowed, ", i->threads,
             i->threads_reason, i->processors_online, i->processors_affinity);
    if (i->cgroup_quota > 0)
        out_text("cgroup quota %.2f)\n", i->cgroup_quota);
    else
        out_text("no cgroup quota)\n");
    if (memory > 0)
        out_text("memory      %.1f GiB\n", memory);
    out_text("huge pages  %s\n", huge[0] ? huge : "not known");
    out_text("backends    %s\n", i->backend);
    hub_text(hub);
    for (int v = 0; v < VARIABLES; v++)
        if (getenv(variables[v]))
            out_text("%-11s %s\n", variables[v], getenv(variables[v]));
}

static void report_json(mica_json_writer *w, const mica_context_info *i, double memory,
                        const char *huge, const struct utsname *system, const hub_report *hub)
{
    const struct {
        const char *key, *value;
    } texts[] = {
        {"version", mica_version()},
        {"compiler", compiler()},
        {"system", system->sysname},
        {"release", system->release},
        {"machine", system->machine},
        {"processor", i->cpu},
        {"bf16", i->bf16},
        {"int8", i->int8},
        {"backend", i->backend},
        {"kernels", i->kernels},
        {"kernels_best", i->kernels_best},
        {"threads_reason", i->threads_reason},
        {"huge_pages", huge},
    };
    mica_json_begin_object(w);
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        mica_json_write_key(w, texts[k].key);
        mica_json_write_text(w, texts[k].value);
    }
    mica_json_write_key(w, "threads");
    mica_json_write_int(w, (int64_t)i->threads);
    mica_json_write_key(w, "processors_online");
    mica_json_write_int(w, (int64_t)i->processors_online);
    mica_json_write_key(w, "processors_allowed");
    mica_json_write_int(w, (int64_t)i->processors_affinity);
    mica_json_write_key(w, "cgroup_quota");
    if (i->cgroup_quota > 0)
        mica_json_write_double(w, i->cgroup_quota);
    else
        mica_json_write_null(w);
    mica_json_write_key(w, "memory_gib");
    mica_json_write_double(w, memory);
    mica_json_write_key(w, "hub");
    hub_json(w, hub);
    mica_json_write_key(w, "environment");
    mica_json_begin_object(w);
    for (int v = 0; v < VARIABLES; v++) {
        if (!getenv(variables[v]))
            continue;
        mica_json_write_key(w, variables[v]);
        mica_json_write_text(w, getenv(variables[v]));
    }
    mica_json_end_object(w);
    mica_json_end_object(w);
}

static mica_status list_operations(cli_format format, mica_error *err)
{
    mica_json_writer *w = NULL;
    mica_status status = mica_json_writer_create(&w, err);
    for (int op = MICA_OP_NONE + 1; op < MICA_OP_COUNT && !status; op++) {
        const char *name = mica_op_name((mica_op)op), *text = mica_op_text((mica_op)op);
        if (format == FORMAT_TEXT) {
            out_text("%-16s %s\n", name, text);
            continue;
        }
        if (format == FORMAT_JSON)
            out_text(op == MICA_OP_NONE + 1 ? "[" : ",\n");
        mica_json_begin_object(w);
        mica_json_write_key(w, "name");
        mica_json_write_text(w, name);
        mica_json_write_key(w, "text");
        mica_json_write_text(w, text);
        mica_json_end_object(w);
        status = out_json(w, err);
        if (format == FORMAT_JSONL)
            out_text("\n");
    }
    if (format == FORMAT_JSON)
        out_text("]\n");
    mica_json_writer_destroy(&w);
    return status;
}

int cmd_doctor(const cli_command *command, int argc, char **argv)
{
    const char *format_name = NULL;
    bool ops = false;
    cli_format format;
    const option options[] = {
        {"format", 0, OPTION_TEXT, &format_name, "FORMAT", "text (default), json or jsonl", 0, 0},
        {"ops", 0, OPTION_FLAG, &ops, NULL, "list the operations of the array engine", 0, 0},
    };
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (n > 0)
        return usage_error(command, "it takes no argument ('%s')", argv[1]);
    if (!format_read(command, format_name, &format))
        return EXIT_USAGE;
    mica_error err = {0};
    if (ops)
        return out_close(command, list_operations(format, &err) ? fail(command, &err) : EXIT_OK);
    mica_context *context = NULL;
    mica_json_writer *writer = NULL;
    mica_context_info info;
    struct utsname system;
    hub_report hub = {0};
    char huge[128];
    mica_status status = mica_context_create(NULL, &context, &err);
    if (status)
        return out_close(command, fail(command, &err));
    mica_context_get_info(context, &info);
    uname(&system);
    hub_look(&hub);
    read_line("/sys/kernel/mm/transparent_hugepage/enabled", huge, sizeof huge);
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (1 << 30);
    if (format == FORMAT_TEXT) {
        report_text(&info, memory, huge, &system, &hub);
    } else {
        status = mica_json_writer_create(&writer, &err);
        if (!status) {
            report_json(writer, &info, memory, huge, &system, &hub);
            status = out_json(writer, &err);
            out_write("\n", 1);
        }
    }
    code = status ? fail(command, &err) : EXIT_OK;
    mica_json_writer_destroy(&writer);
    mica_hub_destroy(&hub.hub);
    mica_context_destroy(&context);
    return out_close(command, code);
}

int cmd_version(const cli_command *command, int argc, char **argv)
{
    const char *format_name = NULL;
    cli_format format;
    const option options[] = {
        {"format", 0, OPTION_TEXT, &format_name, "FORMAT", "text (default), json or jsonl", 0, 0},
    };
    int n, code = options_read(command, options, 1, argc, argv, &n);
    if (code >= 0)
        return code;
    if (n > 0)
        return usage_error(command, "it takes no argument ('%s')", argv[1]);
    if (!format_read(command, format_name, &format))
        return EXIT_USAGE;
    out_text(format == FORMAT_TEXT ? "mica %s\n" : "{\"version\":\"%s\"}\n", mica_version());
    return out_close(command, EXIT_OK);
}
