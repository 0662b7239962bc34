/* SPDX-License-Identifier: MIT
 *
 * What runs spend their time on, step by step. Nothing is measured unless it is asked for; then a
 * step costs two looks at the clock more.
 *
 *     static void look(void *user, const mica_executor *executor)
 *     {
 *         mica_run_profile run;
 *         mica_step_profile step;
 *         mica_executor_get_run(executor, &run);
 *         for (size_t i = 0; i < run.steps; i++)
 *             if (mica_executor_get_step(executor, i, &step))
 *                 printf("%s: %.0f ns\n", mica_op_name(step.op), (double)step.ns);
 *     }
 *     ...
 *     mica_session_set_profile(session, look, NULL); (mica/model.h)
 */
#ifndef MICA_PROFILE_H
#define MICA_PROFILE_H

#include "mica/program.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether runs of this executor are measured from now on. */
MICA_API void mica_executor_set_profile(mica_executor *executor, bool on);

/* The last run of a program. */
typedef struct mica_run_profile {
    size_t steps;
    size_t tokens, sequences; /* of the batch; 0 if no dimension is symbolic */
    uint64_t ns;              /* of all of it: checks, shapes and addresses too */
    size_t value_bytes;       /* memory of the values between the steps */
    size_t scratch_bytes;     /* memory that steps work in */
} mica_run_profile;
/* False, and zeros, if it was not measured or has failed. */
MICA_API bool mica_executor_get_run(const mica_executor *executor, mica_run_profile *run);

/* A step of it: an operation after rewriting. */
typedef struct mica_step_profile {
    mica_op op;
    mica_op activation;           /* within a fused_linear; else NONE */
    size_t inputs;                /* how many it has */
    int64_t rows, columns, depth; /* of linear layers: [rows, depth] by [columns, depth]; else 0 */
    mica_precision precision;     /* that it multiplies in */
    double flops;        /* multiplications and additions of products, those of attention too; of
                            other operations 0 */
    double bytes;        /* that have to be read and written at least */
    double weight_bytes; /* of these: constants, in the precision that they are kept in */
    uint64_t ns;
    uint64_t regions; /* times that its work was shared out over the threads */
} mica_step_profile;
/* Step i of it, 0 to steps - 1; false, and zeros, as above. */
MICA_API bool mica_executor_get_step(const mica_executor *executor, size_t i,
                                     mica_step_profile *step);
/* The name of input `input` of step i if it is a constant that has one (a weight's in the
 * checkpoint), else NULL. Lives as long as the program. */
MICA_API const char *mica_executor_weight_name(const mica_executor *executor, size_t i,
                                               size_t input);

#ifdef __cplusplus
}
#endif
#endif
