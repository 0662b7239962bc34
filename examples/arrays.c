/* SPDX-License-Identifier: MIT
 *
 * The array API: k-means on your own data. One step of the method is a graph, compiled once
 * and then run again and again, its result being the input of the next run.
 *
 *   cc arrays.c $(pkg-config --cflags --libs mica) && ./a.out
 */
#include <stdio.h>
#include <string.h>

#include "mica/context.h"
#include "mica/program.h"

/* Three clouds of points in the plane, around (0, 0), (6, 1) and (2, 7). */
static const float points[12][2] = {{0.4f, -0.3f}, {-0.5f, 0.2f}, {0.1f, 0.6f}, {0.0f, -0.5f},
                                    {6.3f, 1.2f},  {5.6f, 0.7f},  {6.2f, 0.5f}, {5.9f, 1.6f},
                                    {2.2f, 7.4f},  {1.7f, 6.6f},  {2.5f, 6.8f}, {1.6f, 7.2f}};

/* centers [3, 2] -> better centers: each point belongs to the nearest, and a center moves to the
 * mean of its points. */
static mica_value k_means_step(mica_graph *g, mica_tensor *data)
{
    const mica_shape_params apart = {3, {12, 1, 2}};
    mica_value x = mica_constant(g, data, "points");
    mica_value c = mica_input(g, "centers", MICA_DTYPE_F32, 2, (const int64_t[]){3, 2});
    mica_value difference = mica_sub(g, mica_reshape(g, x, apart), c); /* [12, 3, 2] */
    mica_value distance = mica_sum(g, mica_square(g, difference), (mica_reduce_params){.axis = -1});
    mica_value nearest = mica_argmin(g, distance, (mica_reduce_params){.axis = 1}); /* [12] */
    mica_value none = mica_mul(g, c, mica_scalar(g, 0));
    mica_value ones = mica_broadcast_to(g, mica_scalar(g, 1), (mica_shape_params){2, {12, 2}});
    mica_value sums = mica_scatter_sum(g, none, nearest, x, (mica_axis_params){0});
    mica_value counts = mica_scatter_sum(g, none, nearest, ones, (mica_axis_params){0});
    return mica_div(g, sums, mica_maximum(g, counts, mica_scalar(g, 1)));
}

int main(void)
{
    float centers[3][2] = {{1, 1}, {4, 2}, {3, 4}}; /* somewhere between */
    const void *inputs[] = {centers};
    mica_context *context = NULL;
    mica_tensor *data = NULL;
    mica_graph *g = NULL;
    mica_program *program = NULL;
    mica_executor *executor = NULL;
    mica_error err = {MICA_OK, ""};
    if (mica_context_create(NULL, &context, &err) != MICA_OK ||
        mica_tensor_wrap(MICA_DTYPE_F32, 2, (const int64_t[]){12, 2}, points, NULL, NULL, &data,
                         &err) != MICA_OK ||
        mica_graph_create(&g, &err) != MICA_OK)
        goto done;
    mica_value step = k_means_step(g, data); /* an error in it surfaces in the next call */
    if (mica_program_compile(context, g, &step, 1, NULL, &program, &err) != MICA_OK ||
        mica_executor_create(program, &executor, &err) != MICA_OK)
        goto done;
    for (int i = 0; i < 20; i++) {
        if (mica_executor_run(executor, NULL, inputs, 1, &err) != MICA_OK)
            goto done;
        memcpy(centers, mica_executor_output(executor, 0, NULL, NULL), sizeof centers);
    }
    for (int i = 0; i < 3; i++)
        printf("center %d: (%.2f, %.2f)\n", i, (double)centers[i][0], (double)centers[i][1]);
done:
    if (err.status != MICA_OK)
        fprintf(stderr, "%s\n", err.message);
    mica_executor_destroy(&executor);
    mica_program_destroy(&program);
    mica_graph_destroy(&g);
    mica_tensor_release(&data);
    mica_context_destroy(&context);
    return err.status != MICA_OK;
}
