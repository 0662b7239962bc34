/* SPDX-License-Identifier: MIT
 *
 * Compiling: the passes of graph/program.h one after another, then the backend prepares the steps.
 */
#include "graph/program.h"

#include "base/alloc.h"

void mica_compile_options_defaults(mica_compile_options *options)
{
    *options = (mica_compile_options){0};
}

static mica_status check_arguments(mica_context *context, const mica_graph *graph,
                                   const mica_value *outputs, size_t count,
                                   const mica_compile_options *options, mica_error *err)
{
    mica_status status = mica_graph_check(graph, err);
    if (status != MICA_OK)
        return status;
    if (context == NULL || outputs == NULL || count == 0)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "compiling a graph: context %s, %zu outputs",
                         context == NULL ? "is NULL" : "given", outputs == NULL ? 0 : count);
    if ((unsigned)options->precision >= MICA_PRECISIONS)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "compiling a graph: %d is no precision",
                         (int)options->precision);
    for (size_t i = 0; i < sizeof options->reserved / sizeof options->reserved[0]; i++) {
        if (options->reserved[i] != 0)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "compiling a graph: reserved option %zu is %u, it must be 0", i,
                             options->reserved[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (mica_graph_node(graph, outputs[i]) == NULL)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "compiling a graph: output %zu (value %u) is not of this graph", i,
                             outputs[i].id);
    }
    return MICA_OK;
}

static mica_status prepare(mica_program *program, mica_sidecar *sidecar, mica_error *err)
{
    mica_backend *backend = program->backend;
    while (program->n_prepared < program->n_steps) {
        mica_step *step = &program->steps[program->n_prepared];
        step->precision = program->options.precision;
        step->once = program->options.once;
        step->check_weights = program->options.check_weights;
        step->sidecar = sidecar;
        mica_status status = backend->vtable->prepare(backend, step, err);
        step->sidecar = NULL;
        if (status != MICA_OK)
            return status;
        program->n_prepared++;
    }
    return MICA_OK;
}

mica_status mica_program_compile(mica_context *context, const mica_graph *graph,
                                 const mica_value *outputs, size_t count,
                                 const mica_compile_options *options, mica_program **out,
                                 mica_error *err)
{
    mica_compile_options defaults;
    mica_compile_options_defaults(&defaults);
    if (options == NULL)
        options = &defaults;
    *out = NULL;
    mica_status status = check_arguments(context, graph, outputs, count, options, err);
    if (status != MICA_OK)
        return status;
    mica_graph *rewritten = NULL;
    mica_value *new_outputs = NULL;
    mica_program *program = mica_calloc(1, sizeof *program);
    if (program == NULL)
        return mica_fail_memory(err, sizeof *program, "a program");
    program->context = context;
    program->backend = mica_context_backend(context);
    program->options = *options;
    program->n_outputs = count;
    new_outputs = mica_arena_array(&program->arena, count, sizeof *new_outputs);
    if (new_outputs == NULL)
        status = mica_fail_memory(err, count * sizeof *new_outputs, "a program");
    if (status == MICA_OK)
        status = mica_graph_create(&rewritten, err);
    if (status == MICA_OK)
        status = mica_plan_rewrite(graph, outputs, count, program->backend, options->no_rewrites,
                                   rewritten, new_outputs, err);
    if (status == MICA_OK)
        status = mica_plan_layout(program, rewritten, new_outputs, err);
    if (status == MICA_OK)
        status = mica_plan_memory(program, err);
    if (status == MICA_OK)
        status = prepare(program, graph->sidecar, err);
    mica_graph_destroy(&rewritten);
    if (status != MICA_OK)
        mica_program_destroy(&program);
    *out = program;
    return status;
}

void mica_program_destroy(mica_program **program)
{
    if (program == NULL || *program == NULL)
        return;
    mica_program *p = *program;
    while (p->n_prepared > 0)
        p->backend->vtable->unprepare(p->backend, &p->steps[--p->n_prepared]);
    for (size_t i = 0; i < p->n_values; i++)
        mica_tensor_release(&p->values[i].constant);
    mica_arena_free(&p->arena);
    mica_free(p);
    *program = NULL;
}

size_t mica_program_step_count(const mica_program *program)
{
    return program->n_steps;
}

mica_op mica_program_step_op(const mica_program *program, size_t step)
{
    return step < program->n_steps ? program->steps[step].op : MICA_OP_NONE;
}
