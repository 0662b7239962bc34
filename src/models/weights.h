/* SPDX-License-Identifier: MIT
 *
 * Where the weights of a model come from. Model code asks for each weight by the name and the shape
 * that its equations give it; a source answers from a checkpoint, or makes a random one up.
 */
#ifndef MICA_MODELS_WEIGHTS_H
#define MICA_MODELS_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "mica/tensor.h"

typedef enum mica_weight_kind {
    MICA_WEIGHT_LINEAR,    /* [out, in]: float32, float16 or bfloat16, as stored */
    MICA_WEIGHT_EMBEDDING, /* [rows, size]: likewise */
    MICA_WEIGHT_BIAS,      /* [size]: float32 always, finite */
    MICA_WEIGHT_NORM,      /* [size]: scale of a norm; float32 always, finite */
    MICA_WEIGHT_NORM_BIAS  /* [size]: shift of a norm; float32 always, finite */
} mica_weight_kind;

typedef struct mica_weight_spec {
    const char *name;
    mica_weight_kind kind;
    int rank;
    int64_t dims[2];
    int64_t padding_row; /* of an embedding: the row that is initialised to zero; -1 = none */
    bool in_head;        /* its name does not have the base model's prefix */
} mica_weight_spec;

typedef struct mica_weight_source mica_weight_source;
struct mica_weight_source {
    bool invents; /* has everything: it makes up what it is asked for */
    /* Whether there is a weight of this name. */
    bool (*has)(const mica_weight_source *source, const char *name);
    /* *out is a new reference to a tensor of the spec's shape. */
    mica_status (*get)(mica_weight_source *source, const mica_weight_spec *spec, mica_tensor **out,
                       mica_error *err);
};

/* A source over a checkpoint. NOT_FOUND names the tensor and the file, SHAPE both shapes,
 * NOT_FINITE the tensor and the place of the first bad number (small weights; large ones are
 * checked when they are packed, tables when an output is not finite). */
typedef struct mica_stored_weights {
    mica_weight_source base;
    mica_checkpoint *checkpoint;   /* borrowed */
    const char *prefix;            /* of the family's base model: "bert" */
    const char *file;              /* for error texts */
    int64_t numbers;               /* in the weights asked for so far */
    int64_t by_dtype[MICA_DTYPES]; /* the same by the dtype in the file */
} mica_stored_weights;
void mica_stored_weights_init(mica_stored_weights *source, mica_checkpoint *checkpoint,
                              const char *prefix);

/* NOT_FINITE, naming `name` and the place, if a float tensor holds NaN or infinity. */
mica_status mica_weight_check_finite(const mica_tensor *tensor, const char *name, mica_error *err);

#endif
