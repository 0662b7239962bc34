/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a result of a benchmark: refused with a text, or a report in three formats.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "bench/report.h"
#include "bench/report_writers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const report_paper no_paper; /* without its 824 figures it is faster */
    report_results results = {0};
    report_document document = {0};
    report_text out = {0};
    mica_error err = {0};
    mica_status status = report_read(&results, (const char *)data, size, "x", &err);
    if (!status)
        status = report_build(&results, &no_paper, NULL, &document, &err);
    if (status && (err.status != status || !err.message[0]))
        abort();
    if (!status) {
        report_write_markdown(&document, "pictures", &out);
        report_write_csv(&document, &out);
        report_write_html(&document, &out);
        if (out.failed)
            abort();
    }
    report_text_free(&out);
    report_document_free(&document);
    report_results_free(&results);
    return 0;
}
