/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "util.h"

/* In which classes mica has an arm in some cell of a model, fp32 on the CPU first. */
static void find_classes(report *r)
{
    r->classes = report_alloc(r->pool, (size_t)REPORT_PRECISIONS * 2, sizeof *r->classes);
    for (int k = 0; k < REPORT_PRECISIONS * 2 && r->classes; k++) {
        report_class class = {k % REPORT_PRECISIONS, k >= REPORT_PRECISIONS};
        bool found = false;
        for (size_t i = 0; i < r->results->cell_count && !found; i++)
            for (size_t a = 0; a < r->results->models[i].arm_count && !found; a++) {
                const report_arm *arm = &r->results->models[i].arms[a];
                found = report_is_mica(arm) && report_in_class(arm, class);
            }
        if (found)
            r->classes[r->class_count++] = class;
    }
}

mica_status report_build(const report_results *results, const report_paper *paper,
                         const char *title, report_document *out, mica_error *err)
{
    report r = {.results = results, .paper = paper, .document = out, .pool = &out->pool};
    const report_failure *failed = results->failure_count ? results->failures : NULL;
    if (results->run_count == 0 ||
        results->op_count + results->cell_count + results->flaw_count == 0)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%.500s' holds no results yet%s%.100s%s%.300s",
                         results->run_count ? results->runs[0].path : "", failed ? ": '" : "",
                         failed ? failed->model : "", failed ? "' could not be measured: " : "",
                         failed ? failed->reason : "");
    const char *cpu = results->runs[0].cpu;
    out->title =
        title ? report_clean(r.pool, title)
              : report_print(r.pool, "mica beside other frameworks%s%s", cpu[0] ? " on " : "", cpu);
    find_classes(&r);
    report_write_summary(&r);
    report_write_peers(&r);
    report_write_ops(&r);
    report_write_models(&r);
    report_write_accuracy(&r);
    report_write_loading(&r);
    report_write_missing(&r);
    report_write_flaws(&r);
    report_write_paper(&r);
    report_write_method(&r);
    if (out->pool.failed)
        return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    return MICA_OK;
}
