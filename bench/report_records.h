/* SPDX-License-Identifier: MIT
 *
 * The records of a result: docs/bench.md has their fields.
 */
#ifndef MICA_BENCH_REPORT_RECORDS_H
#define MICA_BENCH_REPORT_RECORDS_H

#include "report_result.h"

/* What a document or the first of JSON lines says of the run. */
mica_status report_read_run(report_pool *pool, const mica_json_value *root, const char *path,
                            report_run *out, mica_error *err);
/* A case, or by its "kind" a cell, model, failure, accuracy or flaw; other kinds are left out, so
 * that later programs may add some. `where` is for errors. */
mica_status report_read_record(report_results *results, report_run *run,
                               const mica_json_value *value, const char *where, mica_error *err);

#endif
