/* SPDX-License-Identifier: MIT
 *
 * mica bench report: results as the paper's tables and figures (bench/report.h).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "bench/report.h"
#include "bench/report_writers.h"
#include "bench/util.h"
#include "bench_common.h"

const char bench_report_details[] =
    "Reads what `mica bench ops` and `mica bench models` wrote with --output (or --format jsonl)\n"
    "on one machine, and shows the tables and figures of the paper on MLX-Transformers with its\n"
    "published figures beside them. The HTML page is one file with pictures and no script.\n"
    "Markdown has pictures only with --figures, which names a folder beside the output.\n\n"
    "examples:\n"
    "  mica bench report ops.json models.jsonl --output report.html\n"
    "  mica bench report ops.json models.jsonl --output report.md --figures report-figures\n"
    "  mica bench report ops.json --format csv\n";

typedef enum report_format { MARKDOWN, CSV, HTML } report_format;

typedef struct report_command {
    const cli_command *command;
    report_format format;
    const char *title, *output, *figures;
    report_results results;
    report_paper paper;
    report_document document;
} report_command;

/* The folder of the pictures: beside the output, unless it is an absolute path. */
static bool figures_folder(const report_command *c, char *path, size_t size)
{
    const char *slash = c->figures[0] == '/' ? NULL : strrchr(c->output, '/');
    int before = slash ? (int)(slash - c->output) + 1 : 0;
    return (size_t)snprintf(path, size, "%.*s%s", before, c->output, c->figures) < size;
}

static mica_status write_figures(const report_command *c, mica_error *err)
{
    char folder[3072], path[4000];
    mica_status status = MICA_OK;
    errno = ENAMETOOLONG;
    if (!figures_folder(c, folder, sizeof folder) || (mkdir(folder, 0777) != 0 && errno != EEXIST))
        return mica_fail_errno(err, errno, "cannot make the folder", c->figures);
    for (size_t i = 0; i < c->document.count; i++) {
        const report_figure *f = c->document.parts[i].figure;
        for (size_t k = 0; f && k < f->panel_count && !status; k++) {
            char name[64];
            report_text text = {0};
            report_svg_name(f, k, name, sizeof name);
            report_write_svg(f->panels[k], &text);
            snprintf(path, sizeof path, "%s/%s", folder, name);
            status = text.failed ? mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory")
                                 : bench_write_file(path, text.data, text.size, "", err);
            report_text_free(&text);
        }
    }
    return status;
}

static mica_status write_report(const report_command *c, mica_error *err)
{
    report_text text = {0};
    mica_status status = MICA_OK;
    if (c->format == MARKDOWN)
        report_write_markdown(&c->document, c->figures, &text);
    else if (c->format == CSV)
        report_write_csv(&c->document, &text);
    else
        report_write_html(&c->document, &text);
    if (text.failed)
        status = mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    if (!status && c->figures)
        status = write_figures(c, err);
    if (!status && c->output)
        status = bench_write_file(c->output, text.data, text.size, "", err);
    else if (!status)
        out_write(text.data, text.size);
    report_text_free(&text);
    return status;
}

static mica_status make(report_command *c, int count, char **paths, mica_error *err)
{
    char folder[4096];
    mica_status status = MICA_OK;
    if (!bench_find("bench/paper", "share/mica/bench/paper", folder, sizeof folder))
        return mica_fail(err, MICA_STATUS_NOT_FOUND,
                         "the paper's figures (bench/paper) are not beside the program");
    status = report_paper_read(&c->paper, folder, err);
    for (int i = 0; i < count && !status; i++)
        status = report_read_file(&c->results, paths[i], err);
    if (!status)
        status = report_build(&c->results, &c->paper, c->title, &c->document, err);
    for (size_t i = 0; i < c->results.run_count; i++)
        if (c->results.runs[i].cut[0])
            fprintf(stderr, "mica: %s: %s: %s\n", c->command->name, c->results.runs[i].path,
                    c->results.runs[i].cut);
    return status ? status : write_report(c, err);
}

/* Without a name it is what the output ends with, or Markdown. A report is never JSON: with such a
 * name ("--output *.jsonl") a result would be lost. */
static bool read_format(report_command *c, const char *name)
{
    static const char *const names[] = {"markdown", "csv", "html"};
    const char *dot = c->output ? strrchr(c->output, '.') : NULL;
    if (dot && (strcmp(dot, ".json") == 0 || strcmp(dot, ".jsonl") == 0)) {
        usage_error(c->command, "--output '%.200s' is the name of a result, not of a report",
                    c->output);
        return false;
    }
    if (!name) {
        bool known = dot && (strcmp(dot, ".csv") == 0 || strcmp(dot, ".html") == 0);
        name = known ? dot + 1 : names[MARKDOWN];
    }
    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0) {
            c->format = (report_format)i;
            return true;
        }
    usage_error(c->command, "--format is markdown, csv or html, not '%.100s'", name);
    return false;
}

int cmd_bench_report(const cli_command *command, int argc, char **argv)
{
    const char *format = NULL;
    report_command c = {.command = command};
    const option options[] = {
        {"format", 0, OPTION_TEXT, &format, "FORMAT",
         "markdown, csv or html (default: as the output ends, or markdown)", 0, 0},
        {"output", 'o', OPTION_TEXT, &c.output, "FILE", "write it there", 0, 0},
        {"figures", 0, OPTION_TEXT, &c.figures, "FOLDER",
         "of the pictures, beside the output (markdown)", 0, 0},
        {"title", 0, OPTION_TEXT, &c.title, "TEXT", "instead of one with the processor's name", 0,
         0},
    };
    mica_error err = {0};
    int n,
        code = options_read(command, options, sizeof options / sizeof options[0], argc, argv, &n);
    if (code >= 0)
        return code;
    if (!read_format(&c, format))
        return EXIT_USAGE;
    if (n < 1)
        return usage_error(command, "of which results?");
    if (c.figures && (c.format != MARKDOWN || !c.output))
        return usage_error(command, "--figures goes with --format markdown and --output");
    code = make(&c, n, argv + 1, &err) ? fail(command, &err) : EXIT_OK;
    report_results_free(&c.results);
    report_paper_free(&c.paper);
    report_document_free(&c.document);
    return out_close(command, code);
}
