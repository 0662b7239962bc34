/* SPDX-License-Identifier: MIT
 *
 * A computation that is done once.
 */
#include <string.h>

#include "graph/program.h"

static mica_status take_result(const mica_executor *executor, const mica_program *program, size_t i,
                               mica_tensor **out, mica_error *err)
{
    int rank;
    int64_t dims[MICA_MAX_RANK];
    const void *data = mica_executor_output(executor, i, &rank, dims);
    mica_dtype dtype = program->values[program->outputs[i]].type.dtype;
    mica_status status = mica_tensor_create(dtype, rank, dims, out, err);
    if (status == MICA_OK && mica_tensor_bytes(*out) > 0)
        memcpy(mica_tensor_data_mut(*out), data, mica_tensor_bytes(*out));
    return status;
}

static mica_status check_fixed(const mica_program *program, mica_error *err)
{
    if (program->n_inputs > 0 || program->symbolic)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "mica_eval: the graph has %s; compile it and run the program instead",
                         program->n_inputs > 0 ? "inputs" : "symbolic dimensions");
    return MICA_OK;
}

mica_status mica_eval(mica_context *context, const mica_graph *graph, const mica_value *outputs,
                      size_t count, mica_tensor **results, mica_error *err)
{
    mica_program *program = NULL;
    mica_executor *executor = NULL;
    mica_compile_options options;
    mica_compile_options_defaults(&options);
    options.once = true;
    for (size_t i = 0; i < count; i++)
        results[i] = NULL;
    mica_status status =
        mica_program_compile(context, graph, outputs, count, &options, &program, err);
    if (status == MICA_OK)
        status = check_fixed(program, err);
    if (status == MICA_OK)
        status = mica_executor_create(program, &executor, err);
    if (status == MICA_OK)
        status = mica_executor_run(executor, NULL, NULL, 0, err);
    for (size_t i = 0; i < count && status == MICA_OK; i++)
        status = take_result(executor, program, i, &results[i], err);
    for (size_t i = 0; i < count && status != MICA_OK; i++)
        mica_tensor_release(&results[i]);
    mica_executor_destroy(&executor);
    mica_program_destroy(&program);
    return status;
}
