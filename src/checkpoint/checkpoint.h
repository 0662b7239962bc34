/* SPDX-License-Identifier: MIT
 *
 * A checkpoint: all weights of a directory in Hugging Face layout as named tensors, whatever files
 * they lie in. Files are hostile: everything is checked before it is used.
 *
 *   model.safetensors > model.safetensors.index.json > pytorch_model.bin >
 * pytorch_model.bin.index.json
 *
 * Tensors are views into the mapped files where they are contiguous and aligned, else copies.
 */
#ifndef MICA_CHECKPOINT_CHECKPOINT_H
#define MICA_CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "mica/json.h"
#include "mica/tensor.h"

typedef struct mica_checkpoint mica_checkpoint;

/* Opens the best weight file of `dir` (or the one that `config`'s transformers_weights names;
 * config may be NULL). Names are made modern on the way in (LayerNorm.gamma -> .weight, .beta ->
 * .bias). Errors name the file: NOT_FOUND (no weights; says so if only TensorFlow/Flax ones are
 * there), FORMAT (damaged, git-lfs pointer, a pickle that wants more than tensors), UNSUPPORTED
 * (quantised, TorchScript, tar format, dtype that cannot be computed with). */
mica_status mica_checkpoint_open(const char *dir, const mica_json_value *config,
                                 const mica_log_sink *log, mica_checkpoint **out, mica_error *err);
/* One weight file by its own path (a Dense module's model.safetensors or pytorch_model.bin). */
mica_status mica_checkpoint_open_file(const char *path, mica_checkpoint **out, mica_error *err);
void mica_checkpoint_close(mica_checkpoint **checkpoint);

size_t mica_checkpoint_count(const mica_checkpoint *checkpoint);
const char *mica_checkpoint_name(const mica_checkpoint *checkpoint, size_t i);
bool mica_checkpoint_has(const mica_checkpoint *checkpoint, const char *name, const char *prefix);

/* The tensor of the model's name `name`, looked for as it is, then with and without `prefix`
 * ("bert", NULL or "" for none): "encoder.x" is found as "bert.encoder.x" and the other way round.
 * Marks it used. *out is a new reference. NOT_FOUND names the tensor and the file. */
mica_status mica_checkpoint_get(mica_checkpoint *checkpoint, const char *name, const char *prefix,
                                mica_tensor **out, mica_error *err);

/* Logs one warning with up to 5 names of tensors that nobody asked for and that are not known to be
 * harmless (position_ids, cls.seq_relationship.*, rotary inv_freq ...; `ignored` adds the family's
 * own patterns: exact names or "prefix*" or "*suffix", NULL-terminated, may be NULL). */
void mica_checkpoint_warn_unused(const mica_checkpoint *checkpoint, const char *const *ignored,
                                 const mica_log_sink *log);

/* What it was read from, for people: "model.safetensors", "pytorch_model.bin (zip)". */
const char *mica_checkpoint_source(const mica_checkpoint *checkpoint);

/* The files that the tensors lie in: the path of file i, and what it was when it was mapped. */
size_t mica_checkpoint_file_count(const mica_checkpoint *checkpoint);
const char *mica_checkpoint_file(const mica_checkpoint *checkpoint, size_t i,
                                 mica_file_stamp *stamp);

#endif
