/* SPDX-License-Identifier: MIT
 *
 * The array API: k-means on your own data. Twenty steps of the method are one graph, in which the
 * centers that a step gives are what the next one begins with.
 *
 *   cc arrays.c $(pkg-config --cflags --libs mica) && ./a.out
 */
#include <stdio.h>

#include "mica/context.h"
#include "mica/program.h"

/* Three clouds of points in the plane, around (0, 0), (6, 1) and (2, 7): one of each a line. */
static const float points[12][2] = {{0.4f, -0.3f}, {6.3f, 1.2f},  {2.2f, 7.4f}, {-0.5f, 0.2f},
                                    {5.6f, 0.7f},  {1.7f, 6.6f},  {0.1f, 0.6f}, {6.2f, 0.5f},
                                    {2.5f, 6.8f},  {0.0f, -0.5f}, {5.9f, 1.6f}, {1.6f, 7.2f}};

/* Points x [12, 2] and centers c [3, 2] -> better centers: each point belongs to the nearest, and a
 * center moves to the mean of its points. */
static mica_value k_means_step(mica_graph *g, mica_value x, mica_value c)
{
    mica_value apart = mica_sub(g, mica_reshape(g, x, (mica_shape_params){3, {12, 1, 2}}), c);
    mica_value distance = mica_sum(g, mica_square(g, apart), (mica_reduce_params){.axis = -1});
    mica_value nearest = mica_argmin(g, distance, (mica_reduce_params){.axis = 1}); /* [12] */
    mica_value none = mica_mul(g, c, mica_scalar(g, 0));
    mica_value ones = mica_broadcast_to(g, mica_scalar(g, 1), (mica_shape_params){2, {12, 2}});
    mica_value sums = mica_scatter_sum(g, none, nearest, x, (mica_axis_params){0});
    mica_value counts = mica_scatter_sum(g, none, nearest, ones, (mica_axis_params){0});
    return mica_div(g, sums, mica_maximum(g, counts, mica_scalar(g, 1)));
}

int main(void)
{
    mica_context *context = NULL;
    mica_graph *g = NULL;
    mica_tensor *data = NULL, *result = NULL;
    mica_error err = {MICA_OK, ""};
    if (mica_context_create(NULL, &context, &err) || mica_graph_create(&g, &err) ||
        mica_tensor_wrap(MICA_DTYPE_F32, 2, (const int64_t[]){12, 2}, points, NULL, NULL, &data,
                         &err))
        goto done;
    mica_value x = mica_constant(g, data, "points");
    mica_value c = mica_slice(g, x, (mica_slice_params){.end = 3});
    for (int i = 0; i < 20; i++)
        c = k_means_step(g, x, c); /* an error in it surfaces in the next call */
    if (mica_eval(context, g, &c, 1, &result, &err))
        goto done;
    const float *centers = mica_tensor_data(result);
    for (int i = 0; i < 3; i++)
        printf("center %d: (%.2f, %.2f)\n", i, (double)centers[2 * i], (double)centers[2 * i + 1]);
done:
    if (err.status)
        fprintf(stderr, "%s\n", err.message);
    mica_tensor_release(&result);
    mica_tensor_release(&data);
    mica_graph_destroy(&g);
    mica_context_destroy(&context);
    return err.status != MICA_OK;
}
