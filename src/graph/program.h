/* SPDX-License-Identifier: MIT
 *
 * The plan of a program. Compiling goes through these passes:
 *
 *   rewrite.c   graph -> graph of what is needed, with runs of plain operations fused
 *   layout.c    graph -> values and steps; views are found, copies put where views do not do
 *   memory.c    values -> slots, by lifetime
 *
 * A value is a place that steps read and write, by number. Its memory is a constant's, an input's,
 * a slot of the executor's block, or that of another value which it is a view of:
 *
 *   value 4   SLOT 1             [tokens, 1152]          step: fused_linear
 *   value 5   VIEW of 4          [tokens, 384]  strides [1152, 1]  from column 384
 *
 * Once compiled nothing of this changes, so any number of executors may read it at once.
 */
#ifndef MICA_GRAPH_PROGRAM_H
#define MICA_GRAPH_PROGRAM_H

#include "backends/backend.h"
#include "base/arena.h"
#include "graph/graph.h"
#include "mica/profile.h"

typedef enum mica_source {
    MICA_SOURCE_CONSTANT,
    MICA_SOURCE_INPUT,
    MICA_SOURCE_SLOT,
    MICA_SOURCE_VIEW
} mica_source;

typedef struct mica_plan_value {
    mica_type type;
    mica_source source;
    uint32_t index; /* INPUT: its number; SLOT: its slot; VIEW: the value that it is a view of */
    uint32_t root;  /* the value whose memory this is: itself, or through views */
    const mica_extent *strides; /* NULL: C order */
    int slice_axis; /* VIEW: it begins at element slice_begin of this axis of its base */
    int64_t slice_begin;
    mica_tensor *constant; /* CONSTANT: a reference */
    const char *name;      /* of inputs and constants, or NULL */
} mica_plan_value;

/* A size that a slot must have at least. */
typedef struct mica_slot_size mica_slot_size;
struct mica_slot_size {
    mica_extent extent;
    size_t element;
    mica_slot_size *next;
};

struct mica_program {
    mica_context *context;
    mica_backend *backend;
    mica_compile_options options;
    mica_arena arena; /* everything below */
    mica_plan_value *values;
    size_t n_values;
    mica_step *steps;
    size_t n_steps, n_prepared;
    mica_slot_size **slots;
    size_t n_slots;
    uint32_t *inputs; /* values of the graph's inputs, MICA_NO_VALUE where not needed */
    size_t n_inputs;
    uint32_t *outputs;
    size_t n_outputs;
    bool symbolic; /* some size depends on the batch */
};

/* Builds into `to` what `outputs` need of `from`; new_outputs[i] is the value of outputs[i] there.
 */
mica_status mica_plan_rewrite(const mica_graph *from, const mica_value *outputs, size_t count,
                              const mica_backend *backend, bool no_rewrites, mica_graph *to,
                              mica_value *new_outputs, mica_error *err);
/* Fills the program's values, steps, inputs and outputs. */
mica_status mica_plan_layout(mica_program *program, const mica_graph *graph,
                             const mica_value *outputs, mica_error *err);
/* Fills the program's slots. */
mica_status mica_plan_memory(mica_program *program, mica_error *err);

/* What the work of a step amounts to: all of the profile but `ns` and `regions`. `pairs` is the
 * number of pairs of tokens of one sequence: the sum of the squares of their lengths. */
void mica_step_work(const mica_step *step, const mica_view *views, double pairs,
                    mica_step_profile *out);

/* Whether the `count` numbers at `data` are all finite (dtypes that hold no infinity are); else *at
 * is the index of the first that is not. A long run is shared out over the pool, if there is one.
 */
bool mica_all_finite(mica_pool *pool, mica_dtype dtype, const void *data, size_t count, size_t *at);

#endif
