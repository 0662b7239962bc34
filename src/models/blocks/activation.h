/* SPDX-License-Identifier: MIT
 *
 * Activation functions by the names that configurations use.
 */
#ifndef MICA_MODELS_BLOCKS_ACTIVATION_H
#define MICA_MODELS_BLOCKS_ACTIVATION_H

#include "mica/ops.h"

typedef mica_value (*mica_activation)(mica_graph *graph, mica_value x);

/* By a name of transformers ("gelu_new": hidden_act of config.json), or of torch.nn ("GELU": the
 * last word of a Dense module's activation_function). NULL if it is not known. */
mica_activation mica_activation_find(const char *name);
mica_activation mica_activation_find_torch(const char *name);

#endif
