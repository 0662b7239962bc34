/* SPDX-License-Identifier: MIT
 *
 * Results read, compared and written three ways; the paper's averages.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"
#include "bench/report_charts.h"
#include "bench/report_writers.h"
#include "torture.h"

#define HEAD(bench, more)                                                                          \
    "{\"bench\":\"" bench "\",\"schema\":1,\"environment\":{\"cpu\":\"c\",\"kernels\":\"k\"},"     \
    "\"settings\":{\"threads\":2},\"peaks\":{\"flops\":1e9}" more "}\n"
#define NINE(a) "[" a "," a "," a "," a "," a "," a "," a "," a "," a "]"
#define ARM(name, seconds) "{\"name\":\"" name "\",\"state\":\"ok\",\"seconds\":" NINE(seconds) "}"
#define ARM_3(name, seconds)                                                                       \
    "{\"name\":\"" name "\",\"state\":\"ok\",\"seconds\":[" seconds "," seconds "," seconds "]}"
#define CELL(model, length, batch, arms)                                                           \
    "{\"kind\":\"cell\",\"model\":\"" model "\",\"length\":" length ",\"batch\":" batch            \
    ",\"tokens\":10,\"padded_tokens\":12,\"floor\":{\"fp32\":0.0005},\"arms\":[" arms "]}\n"

static report_paper paper;

static int read_paper(void **state)
{
    mica_error err = {0};
    if (report_paper_read(&paper, MICA_PAPER_DIR, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    return 0;
}

static int free_paper(void **state)
{
    report_paper_free(&paper);
    return 0;
}

/* The whole report of a text, in one format. */
static mica_status write_text(const char *json, size_t size, int format, report_text *out,
                              mica_error *err)
{
    report_results results = {0};
    report_document document = {0};
    mica_status status = report_read(&results, json, size, "x", err);
    if (!status)
        status = report_build(&results, &paper, NULL, &document, err);
    if (!status && format == 0)
        report_write_markdown(&document, "pictures", out);
    if (!status && format == 1)
        report_write_csv(&document, out);
    if (!status && format == 2)
        report_write_html(&document, out);
    report_document_free(&document);
    report_results_free(&results);
    return status;
}

static char *whole(const char *json, int format)
{
    report_text out = {0};
    mica_error err = {0};
    if (write_text(json, strlen(json), format, &out, &err))
        fail_msg("%s", err.message);
    assert_false(out.failed);
    return out.data;
}

/* Of several files that have been read. */
static report_text markdown_of(const report_results *results)
{
    report_document document = {0};
    report_text out = {0};
    mica_error err = {0};
    assert_int_equal(report_build(results, &paper, NULL, &document, &err), MICA_OK);
    report_write_markdown(&document, NULL, &out);
    report_document_free(&document);
    return out;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("the report lacks: %s", part);
}

static void has_not(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("the report has: %s", part);
}

/* ---- the paper ---- */

static void test_paper(void **state)
{
    size_t tables[6] = {0};
    assert_int_equal(paper.count, 824);
    for (size_t i = 0; i < paper.count; i++)
        tables[paper.figures[i].table - 'A']++;
    const size_t expected[] = {340, 84, 240, 80, 60, 20};
    for (int i = 0; i < 6; i++)
        assert_int_equal(tables[i], expected[i]);
    assert_int_equal(paper.averages, 244);
    const report_published *p = report_paper_find(&paper, 'F', REPORT_M2, "bert-base-uncased");
    assert_non_null(p);
    assert_string_equal(p->printed, "38.23");
    assert_null(report_paper_find(&paper, 'A', REPORT_M2, "Argmax / dim=64x1024x128 axis=0"));
    assert_null(report_paper_find(&paper, 'F', REPORT_M2, "bert"));
    assert_true(report_paper_find(&paper, 'B', REPORT_M1, "ScatterSum")->suspect[0] != 0);
    assert_string_equal(report_paper_find(&paper, 'B', REPORT_M1, "Sum")->flaw, "axis_ignored");
    assert_string_equal(report_paper_find(&paper, 'B', REPORT_M1, "SumAll")->suspect, "");
    assert_string_equal(
        report_paper_find(&paper, 'E', REPORT_HOST, "bert-base-uncased / batch-size=16")->suspect,
        "");
}

/* The averages B, D, E and F from A and C: where the printed ones are others. */
static void test_averages(void **state)
{
    static const struct {
        char table;
        int device;
        const char *name;
        double recomputed;
    } known[] = {
        {'B', REPORT_M1_CPU, "ScatterMax", 0.08 / 6},
        {'D', REPORT_A10, "roberta-base / inputs-char-no=50", 8.646666667},
        {'D', REPORT_A10, "xlm-roberta-base / inputs-char-no=200", 14.983333333},
        {'D', REPORT_M1, "bert-base-uncased / inputs-char-no=200", 173.786666667},
        {'D', REPORT_M1_CPU, "bert-base-uncased / inputs-char-no=200", 535.703333333},
        {'D', REPORT_M1, "xlm-roberta-base / inputs-char-no=200", 134.823333333},
        {'D', REPORT_M2, "bert-large-uncased / inputs-char-no=50", 41.393333333},
        {'D', REPORT_M2, "bert-large-uncased / inputs-char-no=500", 188.396666667},
        {'E', REPORT_A10, "bert-large-uncased / batch-size=16", 59.4975},
        {'E', REPORT_M1, "bert-large-uncased / batch-size=1", 58.2025},
        {'E', REPORT_M2, "xlm-roberta-base / batch-size=1", 5.7225},
    };
    assert_int_equal(paper.disagreement_count, sizeof known / sizeof known[0]);
    for (size_t i = 0; i < paper.disagreement_count; i++) {
        const report_disagreement *d = &paper.disagreements[i];
        assert_int_equal(d->figure->table, known[i].table);
        assert_int_equal(d->figure->device, known[i].device);
        assert_string_equal(d->figure->name, known[i].name);
        assert_true(fabs(d->recomputed - known[i].recomputed) < 1e-6);
        assert_true(d->rounding);
    }
}

/* ---- numbers ---- */

static void test_numbers(void **state)
{
    char *csv = whole(
        HEAD("models", "")
            CELL("m", "50", "1",
                 ARM("mica fp32", "0.001") "," ARM("a fp32", "0.004") "," ARM("b fp32", "0.003"))
                CELL("m", "100", "1", ARM("mica fp32", "0.003") "," ARM("a fp32", "0.004"))
                    CELL("m", "\"mixed\"", "4",
                         ARM("mica fp32", "0.002") "," ARM("a fp32", "0.001") "," ARM("mica int8",
                                                                                      "0.001")),
        1);
    /* Means of 1 and 3 ms and of 3 and 4; the geometric mean of 3 and 4/3 is 2. */
    has(csv, "F-fp32,,m,mica,ms,2,,,ok,2.000,");
    has(csv, "F-fp32,,m,fastest peer,ms,3.5,,,ok,3.500,");
    has(csv, "F-fp32,,m,floor,ms,0.5,,,ok,0.5000,");
    has(csv, "F-fp32,,m,floor / mica,%,25,,,ok,25,");
    has(csv, "F-fp32,,m,\"peer / mica, geometric mean\",\u00d7,2,2,2,faster,"
             "2.00\u00d7 (2.00\u20132.00),");
    has(csv, "F-fp32,,\"m, mixed\",mica,ms,2,");
    has(csv, "0.5,0.5,0.5,slower,0.50\u00d7 (0.50\u20130.50) slower,");
    has(csv, "D-fp32,,\"m, 100 characters\",mica,ms,3,");
    has(csv, "E-fp32,,\"m, batch of 1\",mica,ms,2,");
    has(csv, "C-fp32,m,50 \u00d7 1,which peer,,,,,ok,b fp32,");
    has(csv, "C-fp32,m,50 \u00d7 1,tokens,,10,,,ok,10,");
    has(csv, "C-int8,m,mixed \u00d7 4,mica,ms,1,1,1,ok,1.000,");
    has(csv, "C-int8,m,mixed \u00d7 4,fastest peer,ms,,,,missing,none,");
    has_not(csv, "C-int8,m,50 \u00d7 1,");
    has(csv, "peers,models,a fp32,cells with a time,,2,,,ok,2,");
    has(csv, "peers,mixed,a fp32,mica slower,,1,,,ok,1,");
    free(csv);
    /* Nine rounds of one cell and three of another are three of their mean. */
    csv = whole(HEAD("models", "") CELL("m", "50", "1",
                                        ARM("mica fp32", "0.001") "," ARM("a fp32", "0.002"))
                    CELL("m", "100", "1", ARM_3("mica fp32", "0.001") "," ARM_3("a fp32", "0.008")),
                1);
    has(csv, "2.00\u00d7 (2.00\u20132.00),");
    has(csv, "8.00\u00d7 (8.00\u20138.00, 75 %)");
    has(csv, "F-fp32,,m,\"peer / mica, geometric mean\",\u00d7,4,4,4,faster,"
             "\"4.00\u00d7 (4.00\u20134.00, 75 %)\",");
    free(csv);
    char *page =
        whole(HEAD("models", "")
                  CELL("m", "50", "1", ARM("mica fp32", "0.002") "," ARM("a fp32", "0.001")),
              0);
    has(page, "mica is 0.50\u00d7 (0.50\u20130.50) as fast (geometric mean of 1 cell)");
    has(page, "- m, 1 text of 50 characters: slower than a fp32");
    has(page, "**0.50\u00d7 (0.50\u20130.50) slower**");
    has(page, "Not run: no result of mica bench ops was given.");
    free(page);
}

/* One sample has no interval: a small difference is neither "faster" nor "no difference". */
static void test_once(void **state)
{
#define ONCE(name, seconds) "{\"name\":\"" name "\",\"state\":\"ok\",\"seconds\":[" seconds "]}"
    const char *json = HEAD("models", "")
        CELL("m", "50", "1", ONCE("mica fp32", "0.010") "," ONCE("a fp32", "0.012"))
            CELL("m", "100", "1", ONCE("mica fp32", "0.010") "," ONCE("a fp32", "0.020"));
    char *page = whole(json, 0);
    has(page, "faster than every peer in 1, slower than one in none; in 1 there is one sample "
              "only, which shows no interval.");
    has(page, "- m, 1 text of 50 characters: one sample beside a fp32, 1.20\u00d7 (one "
              "sample): mica");
    has(page, "| 50 \u00d7 1 | 1.20\u00d7 (one sample) | 10.00 | 12.00 |");
    free(page);
    char *csv = whole(json, 1);
    has(csv, "peers,models,a fp32,mica faster,,1,,,ok,1,");
    has(csv, "peers,models,a fp32,no difference shown,,0,,,ok,0,");
    has(csv, "peers,models,a fp32,one sample,,1,,,ok,1,");
    free(csv);
}

/* What files share is said once; a row a file has what differs. */
static void test_files(void **state)
{
    static const char *const files[] = {
        "{\"bench\":\"models\",\"schema\":1,\"environment\":{\"started\":\"monday\",\"commit\":"
        "\"c1\","
        "\"cpu\":\"c\"},\"settings\":{\"threads\":2,\"rounds\":5},\"peaks\":{\"flops\":1e9,"
        "\"bandwidth\":["
        "{\"bytes\":64000,\"read\":3e9,\"copy\":2e9}]},\"peers\":[{\"name\":\"p\",\"versions\":{"
        "\"p\":1}}]}\n" CELL("m", "50", "1", ARM("mica fp32", "0.001")),
        "{\"bench\":\"ops\",\"schema\":1,\"environment\":{\"started\":\"tuesday\",\"commit\":"
        "\"c2\","
        "\"cpu\":\"c\"},\"settings\":{\"threads\":2,\"rounds\":9,\"min_runs\":3},\"peaks\":{"
        "\"flops\":2e9,"
        "\"bandwidth\":[{\"bytes\":64000,\"read\":5e9,\"copy\":2e9}]},\"peers\":[{\"name\":\"p\","
        "\"versions\":"
        "{\"p\":1}}],\"results\":[]}",
    };
    report_results results = {0};
    mica_error err = {0};
    for (int i = 0; i < 2; i++)
        assert_int_equal(report_read(&results, files[i], strlen(files[i]), i ? "two" : "one", &err),
                         MICA_OK);
    report_text out = markdown_of(&results);
    has(out.data, "| cpu | c | environment | all |");
    has(out.data, "| threads | 2 | settings | all |");
    has(out.data, "| min_runs | 3 | settings | 1 of 2 |");
    has_not(out.data, "| rounds |");
    has(out.data, "| one | monday | c1 | 1.0 |  |  | 3.0 | 2.0 | rounds: 5 |");
    has(out.data, "| two | tuesday | c2 | 2.0 |  |  | 5.0 | 2.0 | rounds: 9 |");
    has(out.data, "| 64 kB | 3.0\u20135.0 | 2.0 |");
    has(out.data, "| p | p=1 |  | all |  |");
    report_text_free(&out);
    report_results_free(&results);
}

static void test_states(void **state)
{
    char *page = whole(
        HEAD("ops",
             ",\"results\":[{\"case\":\"ReLU / dim=128x16x1024\",\"op\":\"ReLU\",\"paper\":true,"
             "\"bytes\":1e6,\"bandwidth\":1e9,\"arms\":[{\"name\":\"mica\",\"state\":\"wrong\","
             "\"reason\":\"off by 3\"}," ARM(
                 "p default",
                 "0.1") ",{\"name\":\"q\",\"state\":\"absent\",\"reason\":\"not installed\"}]}]"),
        0);
    has(page, "| ReLU / dim=128x16x1024 |  | *wrong* |");
    has(page, "| q | *absent* | 1 | not installed | ReLU / dim=128x16x1024 |");
    has(page, "mica has no time: wrong: off by 3");
    has(page, "| Argmax / dim=64x1024x128 axis=0 |  | *not run* |");
    has(page, "in which both mica and a peer have a time");
    free(page);
}

static void test_flaws(void **state)
{
    char *page = whole(
        HEAD("models", "") CELL(
            "m", "50", "1",
            ARM("mica fp32",
                "0.002")) "{\"kind\":\"flaw\",\"flaw\":\"best_ten\",\"model\":\"m\",\"cell\":"
                          "\"here\",\"arm\":\"a\","
                          "\"honest\":" ARM(
                              "a",
                              "0.004") ",\"flawed\":{\"value\":0.001},\"says\":\"It said so.\"}\n"
                                       "{\"kind\":\"flaw\",\"flaw\":\"brand_new\",\"model\":\"m\","
                                       "\"cell\":\"there\",\"arm\":\"a\","
                                       "\"honest\":" ARM(
                                           "a", "0.004") ",\"flawed\":{\"name\":\"a\",\"state\":"
                                                         "\"failed\","
                                                         "\"reason\":\"no\"},\"caught\":\"by "
                                                         "looking\"}\n{\"kind\":\"flaw\",\"flaw\":"
                                                         "\"mean_of_ms\",\"case\":\"Gather\","
                                                         "\"arm\":\"b\",\"honest\":{\"ratio\":2},"
                                                         "\"flawed\":{\"ratio\":"
                                                         "5}}\n{\"kind\":\"later\"}\n",
        0);
    has(page, "| The ten best of N | 0.25 | 4.000 | 1.000 | a | m, here | It said so. | not by a "
              "check: ");
    has(page, "| brand_new |  | 4.000 | *failed* | a | m, there |  | by looking |");
    has(page, "| Averages of milliseconds | 2.50 | 2.00 | 5.00 | b | Gather |  | not by a check: ");
    has(page, "It shows on a GPU only; it was not run here.");
    has(page, "- The work was thrown away (work_discarded, operations): ");
    free(page);
}

/* ---- texts from outside ---- */

#define HOSTILE "</td><script>x</script>\\\"&'|*_`[l](u)=\\u0007\\u202e,@a"

static void test_hostile(void **state)
{
    const char *json =
        "{\"bench\":\"models\",\"schema\":1,\"environment\":{\"cpu\":\"" HOSTILE "\",\"" HOSTILE
        "\":\"" HOSTILE "\"},\"settings\":{\"" HOSTILE "\":[\"" HOSTILE
        "\"]},\"peers\":[{\"name\":\"" HOSTILE "\"}]}\n" CELL(
            "=1+1|" HOSTILE, "50", "1", ARM("mica fp32", "0.001") "," ARM("=cmd|" HOSTILE, "0.002"))
            CELL("=1+1|" HOSTILE, "100", "1",
                 ARM("mica fp32",
                     "0.001") ","
                              "{\"name\":\"b\",\"state\":\"wrong\",\"reason\":\"" HOSTILE "\"}");
    char *page = whole(json, 2);
    has_not(page, "<script");
    has_not(page, "</td></td>");
    has(page, "&lt;script&gt;x&lt;/script&gt;&quot;&amp;&#39;|");
    has_not(page, "\u202e");
    has_not(page, "\a");
    free(page);
    page = whole(json, 0);
    has_not(page, "<script");
    has_not(page, "[l](u)");
    has(page, "\\|\\*\\_\\`\\[l\\](u)");
    for (const char *line = page; line; line = strchr(line + 1, '\n'))
        if (strncmp(line, "\n| wrong", 8) == 0)
            fail_msg("a row was broken");
    free(page);
    page = whole(json, 1);
    has(page, ",\"'=cmd|</td><script>x</script>\"\"&'|*_`[l](u)=  ");
    has_not(page, "\n=");
    has_not(page, ",=");
    free(page);
    report_svg svg = {10, 10, "<a>", "\"b\"", ""};
    report_text out = {0};
    report_write_svg(&svg, &out);
    has(out.data, "&lt;a&gt;");
    has(out.data, "&quot;b&quot;");
    report_text_free(&out);
}

static mica_status read_error(const char *json, mica_error *err)
{
    report_text out = {0};
    mica_status status = write_text(json, strlen(json), 0, &out, err);
    report_text_free(&out);
    return status;
}

static void test_errors(void **state)
{
    static const struct {
        const char *json, *says;
    } bad[] = {
        {"", "x"},
        {"[1]", "is no result of a benchmark"},
        {"{\"bench\":\"ops\"}", "is no result of a benchmark"},
        {"{\"bench\":\"ops\",\"schema\":2,\"results\":[]}", "has schema 2"},
        {"{\"bench\":\"ops\",\"schema\":\"1\",\"results\":[]}", "has schema 1"},
        {"{\"bench\":\"tokenizers\",\"schema\":1,\"results\":[]}", "bench tokenizers"},
        {HEAD("models", ""), "holds no results yet"},
        {HEAD("models", "") "{\"kind\":\"cell\"}\n", "line 2"},
        {HEAD("models", "") "{\"kind\":\"cell\"\n" HEAD("models", ""), "line 2"},
        {HEAD("models", "") "{}\n", "\"kind\""},
        {HEAD("models", "") "3\n", "line 2 is a number"},
        {HEAD("models", "") CELL("m", "50", "0", ""), "batch"},
        {HEAD("models", "") CELL("m", "50", "1", "{\"name\":\"a\",\"state\":\"fine\"}"), "'a'"},
        {HEAD("models", "") CELL("m", "50", "1", "{\"name\":\"a\",\"state\":\"ok\"}"),
         "\"seconds\""},
        {HEAD("models", "") CELL("m", "50", "1", ARM("a", "0")), "a sample is 0"},
        {HEAD("models", "") CELL("m", "50", "1", ARM("a", "null")), "a sample is -"},
        {HEAD("models", "") CELL("m", "50", "1", ARM("a", "-1")), "a sample is -1"},
        {HEAD("ops", ",\"results\":[{\"case\":\"x\"}]"), "results[0] has no \"arms\""},
        {HEAD("ops", ",\"results\":[{\"arms\":[]}]"), "results[0] has no \"case\""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mica_error err = {0};
        if (read_error(bad[i].json, &err) == MICA_OK)
            fail_msg("taken: %s", bad[i].json);
        if (!strstr(err.message, bad[i].says) || !strchr(err.message, 'x'))
            fail_msg("'%s' is the error of %s", err.message, bad[i].json);
    }
}

/* A run that was cut anywhere: what is whole is read, or it is an error with a text. */
static void test_cut(void **state)
{
    const char *json = HEAD("models", "") CELL("m", "50", "1", ARM("mica fp32", "0.001"))
        CELL("m", "100", "1", ARM("mica fp32", "0.001"));
    size_t size = strlen(json), first = (size_t)(strchr(json, '\n') - json), fine = 0;
    for (size_t n = 0; n <= size; n++) {
        report_results results = {0};
        mica_error err = {0};
        char *copy = malloc(n + 1); /* the sanitizer sees a read behind its end */
        memcpy(copy, json, n);
        mica_status status = report_read(&results, copy, n, "x", &err);
        assert_true(status ? err.message[0] != 0 : n >= first);
        if (!status) {
            bool at_end = n == first || n == size || json[n] == '\n' || json[n - 1] == '\n';
            assert_int_equal(results.runs[0].cut[0] != 0, !at_end);
            fine++;
        }
        report_results_free(&results);
        free(copy);
    }
    assert_int_equal(fine, size - first + 1);
}

static void test_machines(void **state)
{
    report_results results = {0};
    mica_error err = {0};
    const char
        *a = HEAD("models", ""),
        *b = "{\"bench\":\"ops\",\"schema\":1,\"environment\":{\"cpu\":\"d\",\"kernels\":\"k\"}}",
        *c = "{\"bench\":\"models\",\"schema\":1,\"environment\":{\"cpu\":\"c\",\"kernels\":\"k\"},"
             "\"settings\":{\"threads\":4}}",
        *d = "{\"bench\":\"ops\",\"schema\":1,\"environment\":{\"cpu\":\"c\",\"kernels\":\"k\"},"
             "\"settings\":{\"threads\":3}}";
    assert_int_equal(report_read(&results, a, strlen(a), "a.json", &err), MICA_OK);
    assert_int_equal(report_read(&results, b, strlen(b), "b.json", &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    has(err.message, "'a.json' and 'b.json' are of different machines: the cpu is 'c' and 'd'");
    assert_int_equal(report_read(&results, c, strlen(c), "c.json", &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    has(err.message, "2 threads");
    assert_int_equal(report_read(&results, d, strlen(d), "d.json", &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    has(err.message, "'a.json' ran with 2 threads and 'd.json' with 3");
    report_results_free(&results);
}

/* The later of two cells of one name counts. */
static void test_again(void **state)
{
    char *csv = whole(HEAD("models", "") CELL("m", "50", "1", ARM("mica fp32", "0.001"))
                          CELL("m", "50", "1", ARM("mica fp32", "0.005")),
                      1);
    has(csv, "C-fp32,m,50 \u00d7 1,mica,ms,5,");
    has_not(csv, "C-fp32,m,50 \u00d7 1,mica,ms,1,");
    free(csv);
}

/* A run that goes on has parts of cells, a precision each; what is whole takes their place. */
static void test_parts(void **state)
{
#define PART(arms)                                                                                 \
    "{\"kind\":\"part\",\"model\":\"m\",\"length\":50,\"batch\":1,\"disturbed\":1,\"arms\":[" arms \
    "]}\n"
    const char *json = HEAD("models", "") "{\"kind\":\"group\",\"model\":\"m\",\"arms\":[]}\n" PART(
        ARM("mica fp32", "0.001")) PART(ARM("mica int8", "0.002"));
    report_results results = {0};
    mica_error err = {0};
    assert_int_equal(report_read(&results, json, strlen(json), "x", &err), MICA_OK);
    assert_int_equal(results.cell_count, 1);
    assert_int_equal(results.models[0].arm_count, 2);
    assert_true(results.models[0].disturbed == 2);
    assert_string_equal(results.models[0].arms[1].name, "mica int8");
    report_results_free(&results);
    char *csv =
        whole(HEAD("models", "") PART(ARM("mica fp32", "0.001"))
                  CELL("m", "50", "1", ARM("mica fp32", "0.003")) PART(ARM("mica fp32", "0.002")),
              1);
    has(csv, "C-fp32,m,50 \u00d7 1,mica,ms,3,");
    free(csv);
}

/* Results of other precisions add to a cell, whichever file is first and whichever was cut. */
static void test_precisions(void **state)
{
#define LOADED(kind, arm, precision)                                                               \
    "{\"kind\":\"" kind "\",\"model\":\"m\",\"arms\":[{\"arm\":\"" arm                             \
    "\",\"precision\":\"" precision "\",\"state\":\"ok\",\"load_seconds\":2}]}\n"
    const char *const files[] = {
        HEAD("models", "") LOADED("model", "mica fp32", "fp32")
            CELL("m", "50", "1", ARM("mica fp32", "0.001") "," ARM("a fp32", "0.002")),
        HEAD("models", "") LOADED(
            "model", "mica int8",
            "int8") "{\"kind\":\"cell\",\"model\":\"m\",\"length\":50,\"batch\":1,\"tokens\":10,"
                    "\"floor\":{\"int8\":0.0001},\"arms\":[" ARM("mica int8", "0.0005") "]}\n",
        HEAD("models", "") LOADED("group", "mica bf16", "bf16") PART(ARM("mica bf16", "0.0007")),
        HEAD("models", "") CELL("m", "50", "1", ARM("mica fp32", "0.003")),
    };
    static const int orders[][3] = {{0, 1, 2}, {1, 0, 2}, {2, 0, 1}, {2, 1, 0}, {0, 2, 1}};
    mica_error err = {0};
    for (size_t o = 0; o < sizeof orders / sizeof orders[0]; o++) {
        report_results results = {0};
        for (int i = 0; i < 3; i++) {
            const char *file = files[orders[o][i]];
            assert_int_equal(report_read(&results, file, strlen(file), "x", &err), MICA_OK);
            assert_int_equal(results.runs[i].replaced, 0);
        }
        assert_int_equal(results.cell_count, 1);
        const report_cell *cell = &results.models[0];
        assert_int_equal(cell->arm_count, 4);
        assert_non_null(report_find_arm(cell, "a fp32"));
        assert_true(report_find_arm(cell, "mica fp32")->samples[0] == 0.001);
        assert_true(report_find_arm(cell, "mica int8")->samples[0] == 0.0005);
        assert_true(report_find_arm(cell, "mica bf16")->samples[0] == 0.0007);
        assert_true(cell->tokens[REPORT_FP32] == 10 && cell->floor[REPORT_FP32] == 0.0005);
        assert_true(cell->floor[REPORT_INT8] == 0.0001);
        assert_int_equal(results.loaded_count, 1);
        assert_int_equal(results.loaded[0].arm_count, 3);
        /* Of one precision all arms are the later file's: their rounds belong together. */
        assert_int_equal(report_read(&results, files[3], strlen(files[3]), "x", &err), MICA_OK);
        assert_int_equal(results.runs[3].replaced, 1);
        assert_int_equal(cell->arm_count, 3);
        assert_null(report_find_arm(cell, "a fp32"));
        assert_true(report_find_arm(cell, "mica fp32")->samples[0] == 0.003);
        report_results_free(&results);
    }
}

/* A model with its head is no longer the same: its times never stand beside those without. */
static void test_heads(void **state)
{
    const char *const files[] = {
        HEAD("models", "") CELL("m", "50", "1", ARM("mica fp32", "0.001")),
        "{\"bench\":\"models\",\"schema\":1,\"environment\":{\"cpu\":\"c\",\"kernels\":\"k\"},"
        "\"settings\":{\"threads\":2,\"head\":\"as-published\"},\"peaks\":{\"flops\":1e9}}\n" CELL(
            "m", "50", "1", ARM("a int8", "0.002")) CELL("m", "50", "2", ARM("a int8", "0.004")),
    };
    mica_error err = {0};
    for (int first = 0; first < 2; first++) {
        report_results results = {0};
        for (int i = 0; i < 2; i++) {
            const char *file = files[i ? !first : first];
            assert_int_equal(report_read(&results, file, strlen(file), "x", &err), MICA_OK);
        }
        assert_int_equal(results.runs[1].replaced, 1);
        assert_int_equal(results.cell_count, 2);
        for (int c = 0; c < 2; c++) {
            const report_cell *cell = &results.models[c];
            assert_int_equal(cell->arm_count, 1);
            assert_true(cell->arms[0].samples[0] == (cell->batch == 1 ? 0.001 : 0.004));
        }
        assert_false(report_run_of(&results, "models")->as_published);
        report_results_free(&results);
    }
}

/* A cell of the same name with other tokens is of other texts: each precision keeps its own. With
 * other work for a token it is of another model, and nothing of the two is put together. */
static void test_unlike(void **state)
{
#define WORK(batch, tokens, flops, floor, arms)                                                    \
    "{\"kind\":\"cell\",\"model\":\"m\",\"length\":50,\"batch\":" batch ",\"tokens\":" tokens      \
    ",\"padded_tokens\":" tokens ",\"flops\":" flops ",\"floor\":{\"fp32\":" floor                 \
    ",\"int8\":" floor "},\"arms\":[" arms "]}\n"
    const char *const files[] = {
        HEAD("models", "") WORK("1", "10", "1000", "0.0001", ARM("mica fp32", "0.001"))
            WORK("2", "20", "2000", "0.0002", ARM("mica fp32", "0.002")),
        HEAD("models", "") WORK("1", "11", "1101", "0.0003", ARM("mica int8", "0.004"))
            WORK("2", "20", "2600", "0.0004", ARM("mica int8", "0.008")),
    };
    report_results results = {0};
    mica_error err = {0};
    for (int i = 0; i < 2; i++)
        assert_int_equal(report_read(&results, files[i], strlen(files[i]), "x", &err), MICA_OK);
    assert_int_equal(results.runs[1].other_texts, 1);
    assert_int_equal(results.runs[1].other_models, 1);
    const report_cell *cell = results.models;
    assert_int_equal(cell[0].arm_count, 2);
    assert_true(cell[0].tokens[REPORT_FP32] == 10 && cell[0].tokens[REPORT_INT8] == 11);
    assert_true(cell[0].floor[REPORT_FP32] == 0.0001 && cell[0].floor[REPORT_INT8] == 0.0003);
    assert_int_equal(cell[1].arm_count, 1);
    assert_string_equal(cell[1].arms[0].name, "mica int8");
    report_text out = markdown_of(&results);
    has(out.data, "1 cell has other texts, or another tokenizer, at other precisions");
    has(out.data, "1 cell was given again of another model of the same name");
    has(out.data, "| m, 1 text of 50 characters, fp32 |  | 10 | 10 |  |");
    has(out.data, "| m, 1 text of 50 characters, int8 |  | 11 | 11 |  |");
    has(out.data, "| 50 \u00d7 1, 10 tokens | 1.000 | *not run* |");
    has(out.data, "| 50 \u00d7 1, 11 tokens | *not run* | 4.000 |");
    report_text_free(&out);
    report_results_free(&results);
}

/* Cells stand in the order of lengths and batches, whichever file had them first. */
static void test_order(void **state)
{
    const char *files[] = {
        HEAD("models", "") CELL("m", "500", "1", ARM("mica fp32", "0.1"))
            CELL("n", "50", "1", ARM("mica fp32", "0.1"))
                CELL("m", "\"mixed\"", "16", ARM("mica fp32", "0.1")),
        HEAD("models", "") CELL("m", "50", "16", ARM("mica fp32", "0.1"))
            CELL("m", "50", "1", ARM("mica fp32", "0.1"))
                CELL("m", "100", "1", ARM("mica fp32", "0.1")),
    };
    static const char *const expected[] = {"m 50 1",  "m 50 16",    "m 100 1",
                                           "m 500 1", "m mixed 16", "n 50 1"};
    report_results results = {0};
    mica_error err = {0};
    for (int i = 0; i < 2; i++)
        assert_int_equal(report_read(&results, files[i], strlen(files[i]), "x", &err), MICA_OK);
    assert_int_equal(results.cell_count, 6);
    for (size_t i = 0; i < results.cell_count; i++) {
        const report_cell *c = &results.models[i];
        char name[64];
        snprintf(name, sizeof name, "%s %s %d", c->group, c->length, (int)c->batch);
        assert_string_equal(name, expected[i]);
    }
    report_results_free(&results);
}

/* One run has no interval; an arm with a flaw of the paper's is no peer. */
static void test_peers(void **state)
{
#define ONCE(name, seconds) "{\"name\":\"" name "\",\"state\":\"ok\",\"seconds\":[" seconds "]}"
    char *csv = whole(
        HEAD("models",
             "") "{\"kind\":\"model\",\"model\":\"m\",\"arms\":[{\"arm\":\"f fp32\",\"state\":"
                 "\"ok\",\"as_published\":true}]}\n" CELL(
                     "m", "50", "1",
                     ARM("mica fp32", "0.001") "," ONCE("a fp32", "0.08") "," ARM(
                         "f fp32", "0.0001") "," ARM("cuda fp32", "0.0001")),
        1);
    has(csv, "C-fp32,m,50 \u00d7 1,which peer,,,,,ok,a fp32,");
    has(csv, "C-fp32,m,50 \u00d7 1,peer / mica,\u00d7,80,,,faster,80.0\u00d7 (one sample),");
    has(csv, "peers,models,a fp32,mica faster,,1,,,ok,1,");
    free(csv);
    csv = whole(HEAD("models", "")
                    CELL("m", "50", "1", ARM("mica fp32", "0.001") "," ONCE("a fp32", "0.0012")),
                1);
    has(csv, "1.20\u00d7 (one sample)");
    free(csv);
}

/* ---- what must not pass unseen ---- */

#define SUSPECT(name, seconds, why)                                                                \
    "{\"name\":\"" name "\",\"state\":\"ok\",\"seconds\":" NINE(seconds) ",\"suspect\":\"" why "\"}"

/* A time that is suspect has its sign wherever it stands, alone or in an average, and its reason.
 */
static void test_suspects(void **state)
{
    const char *json = HEAD("models", "")
        CELL("m", "50", "1",
             ARM("mica fp32", "0.002") "," SUSPECT(
                 "a fp32", "0.001", "it took 9 s, of which 1 s") "," ARM("b fp32", "0.004"))
            CELL("m", "100", "1", ARM("mica fp32", "0.002") "," ARM("a fp32", "0.004"))
                CELL("n", "50", "1",
                     SUSPECT("mica fp32", "0.001", "it took 7 s") "," ARM("a fp32", "0.004"))
                    CELL("o", "50", "1", ARM("mica fp32", "0.001") "," ARM("a fp32", "0.004"));
    char *csv = whole(json, 1);
    has(csv, "C-fp32,m,50 \u00d7 1,peer / mica,\u00d7,0.5,0.5,0.5,suspect,0.50\u00d7 "
             "(0.50\u20130.50) slower,\"a fp32: it took 9 s, of which 1 s\"");
    has(csv, "C-fp32,m,50 \u00d7 1,mica,ms,2,2,2,ok,");
    has(csv, "C-fp32,m,50 \u00d7 1,fastest peer,ms,1,,,suspect,");
    has(csv, "C-fp32,m,100 \u00d7 1,peer / mica,\u00d7,2,2,2,faster,");
    has(csv, "C-arms,m,50 \u00d7 1,a fp32,ms,1,1,1,suspect,");
    has(csv, "C-arms,m,50 \u00d7 1,b fp32,ms,4,4,4,ok,");
    has(csv, "F-fp32,,m,\"peer / mica, geometric mean\",\u00d7,1,1,1,suspect,1.00\u00d7 "
             "(1.00\u20131.00) no difference shown,a time is suspect in 1 of 2");
    has(csv, "F-fp32,,m,mica,ms,2,,,ok,");
    has(csv, "F-fp32,,m,fastest peer,ms,2.5,,,suspect,");
    has(csv, "F-fp32,,n,mica,ms,1,,,suspect,");
    has(csv, "F-fp32,,o,\"peer / mica, geometric mean\",\u00d7,4,4,4,faster,");
    has(csv, "peers,models,a fp32,\"peer / mica, geometric mean\",\u00d7,2,2,2,suspect,");
    has(csv, "peers,models,b fp32,\"peer / mica, geometric mean\",\u00d7,2,2,2,faster,");
    has(csv, "peers,models,a fp32,least ratio,\u00d7,0.5,,,suspect,");
    has(csv, "suspect-times,,a fp32,reason,,,,,ok,\"it took 9 s, of which 1 s\",");
    free(csv);
    char *page = whole(json, 0);
    has(page, "In 2 cells a time is suspect (\u2021)");
    has(page, "slower than a fp32, 0.50\u00d7 (0.50\u20130.50): mica 2.000 ms, a fp32 1.000 ms "
              "\u2021 (suspect: a fp32: it took 9 s, of which 1 s)");
    has(page, "- n, 1 text of 50 characters: by what it says itself faster than a fp32");
    has(page,
        "| 50 \u00d7 1 | **0.50\u00d7 (0.50\u20130.50) slower** \u2021 | 2.000 | 1.000 \u2021 |");
    has(page, "\u2021 Of a time that is suspect: its requests took far longer");
    has(page,
        "| a fp32 | *suspect* | 1 | it took 9 s, of which 1 s | m, 1 text of 50 characters |");
    free(page);
    page = whole(json, 2);
    has(page, "class=\"lost suspect i\" title=\"a fp32: it took 9 s, of which 1 s\">");
    has(page, ">n \u2021</text>"); /* in the figures */
    free(page);
    page = whole(HEAD("models", "") CELL("m", "50", "1", ARM("mica fp32", "0.002")), 0);
    has_not(page, "\u2021 Of a time");
    has(page, "None: every arm that was run has a time, and none is suspect.");
    free(page);
}

/* A model that could not be measured is named, with the reason; alone it makes no report. */
static void test_failures(void **state)
{
#define FAILED(model, reason)                                                                      \
    "{\"kind\":\"failed\",\"model\":\"" model "\",\"reason\":\"" reason "\"}\n"
    char *page = whole(HEAD("models", "") FAILED("bad", "first") FAILED("bad", "no reference")
                           FAILED("m", "no room") CELL("m", "50", "1", ARM("mica fp32", "0.002")),
                       0);
    has(page, "2 models could not be measured: see \u201cWhat could not be measured");
    has(page, "- bad: not measured: no reference\n");
    has(page, "- m: not measured in one run (its figures here are of another): no room\n");
    has_not(page, "first\n");
    has_not(page, "None: every arm");
    free(page);
    page = whole(HEAD("models", "")
                     CELL("m", "50", "1",
                          ARM("mica int8", "0.002")) "{\"kind\":\"accuracy\",\"model\":\"s\","
                                                     "\"arm\":\"a int8\",\"state\":\"wrong\","
                                                     "\"reason\":\"3 vectors are not finite\"}\n",
                 0);
    has(page, "| a int8 | *wrong* | 1 | 3 vectors are not finite | s, accuracy |");
    free(page);
    mica_error err = {0};
    assert_int_equal(read_error(HEAD("models", "") FAILED("bad", "no reference"), &err),
                     MICA_STATUS_FORMAT);
    has(err.message, "'x' holds no results yet: 'bad' could not be measured: no reference");
    assert_int_equal(read_error(HEAD("models", "") "{\"kind\":\"failed\"}\n", &err),
                     MICA_STATUS_FORMAT);
    has(err.message, "line 2");
}

static void test_texts(void **state)
{
#define TEXTS(batch, cut, different)                                                               \
    "{\"kind\":\"cell\",\"model\":\"m\",\"length\":50,\"batch\":" batch ",\"sequences\":" batch    \
    ",\"truncated_texts\":" cut ",\"different_texts\":" different                                  \
    ",\"arms\":[" ARM("mica fp32", "0.001") "]}\n"
    const char *old = CELL("m", "100", "1", ARM("mica fp32", "0.001"));
    char json[4096];
    char *page =
        whole(HEAD("models", "") TEXTS("1", "0", "1") TEXTS("4", "3", "4") TEXTS("8", "0", "2"), 0);
    has(page, "cut to what the model takes in 1 of 3 cells");
    has(page, "in 1 the batch holds fewer different texts than places (\u201cdifferent\u201d).\n");
    has(page, "m, 4 texts of 50 characters | 4 | 4 | 3 |");
    has(page, "m, 8 texts of 50 characters | 8 | 2 | 0 |");
    free(page);
    snprintf(json, sizeof json, "%s%s%s", HEAD("models", ""), old, TEXTS("1", "0", "1"));
    page = whole(json, 0);
    has(page, "in 0 of 1 cell (");
    has(page, "Of the others the results do not say.");
    free(page);
    snprintf(json, sizeof json, "%s%s", HEAD("models", ""), old);
    page = whole(json, 0);
    has(page, "The results do not say whether texts were cut");
    free(page);
}

/* ---- charts ---- */

static void test_charts(void **state)
{
    report_pool pool = {0};
    chart_group group = {.label = "a very long name that no column has room for", .values = {0}};
    chart_bars bars = {.title = "t",
                       .description = "d",
                       .series = {{"mica", 0}},
                       .series_count = 1,
                       .groups = &group,
                       .count = 1};
    assert_null(chart_draw_bars(&pool, &bars)); /* nothing above zero */
    group.values[0] = 1e300;                    /* no axis can show it */
    assert_null(chart_draw_bars(&pool, &bars));
    group.values[0] = 12.5;
    const report_svg *svg = chart_draw_bars(&pool, &bars);
    assert_non_null(svg);
    has(svg->body, "\u2026</text>");
    has(svg->body, ">12.5</text>");
    chart_ratio ratio = {"<x>", "y", 0.5, 0.4, 0.6};
    svg = chart_draw_ratios(&pool, "t", "d", "", &ratio, 1);
    has(svg->body, "&lt;x&gt;");
    assert_null(chart_draw_ratios(&pool, "t", "d", "", NULL, 0));
    double x[] = {1, 16};
    chart_line line = {{"mica", 0}, {1, NAN}};
    chart_lines lines = {"t", "d", "x", x, 2, &line, 1};
    svg = chart_draw_lines(&pool, &lines);
    has(svg->body, "mica");
    line.values[0] = NAN;
    assert_null(chart_draw_lines(&pool, &lines));
    chart_dot dot = {"d", 2, 1e9, 0, false};
    chart_roof roof = {.title = "t",
                       .description = "d",
                       .peak = 2e9,
                       .roof_count = 1,
                       .roofs = {{"memory", 1e9}},
                       .series = {{"a", 0}, {"b", 1}},
                       .dots = &dot,
                       .count = 1};
    has(chart_draw_roof(&pool, &roof)->body, "memory");
    roof.peak = NAN;
    assert_null(chart_draw_roof(&pool, &roof));
    assert_false(pool.failed);
    report_free(&pool);
}

static mica_status read_once(void *arg, mica_error *err)
{
    report_results results = {0};
    mica_status status = report_read(&results, arg, strlen(arg), "x", err);
    report_results_free(&results);
    return status;
}

static void test_no_memory(void **state)
{
    char lines[] = HEAD("models", "") CELL("m", "50", "1", ARM("mica fp32", "0.001"));
    char one[] = "{\"bench\":\"ops\",\"schema\":1,\n\"results\":[{\"case\":\"x\",\"arms\":[" ARM(
        "mica", "0.1") "]}]}";
    assert_true(torture_run(read_once, lines) > 3);
    assert_true(torture_run(read_once, one) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paper),     cmocka_unit_test(test_averages),
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_once),
        cmocka_unit_test(test_files),     cmocka_unit_test(test_states),
        cmocka_unit_test(test_flaws),     cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_errors),    cmocka_unit_test(test_cut),
        cmocka_unit_test(test_machines),  cmocka_unit_test(test_again),
        cmocka_unit_test(test_parts),     cmocka_unit_test(test_precisions),
        cmocka_unit_test(test_heads),     cmocka_unit_test(test_unlike),
        cmocka_unit_test(test_order),     cmocka_unit_test(test_peers),
        cmocka_unit_test(test_suspects),  cmocka_unit_test(test_failures),
        cmocka_unit_test(test_texts),     cmocka_unit_test(test_charts),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, read_paper, free_paper);
}
