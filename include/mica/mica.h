/* SPDX-License-Identifier: MIT
 *
 * mica: Hugging Face transformer models on the machine in front of you. Everything in one include.
 */
#ifndef MICA_MICA_H
#define MICA_MICA_H

#include "mica/answer.h"
#include "mica/classify.h"
#include "mica/context.h"
#include "mica/embed.h"
#include "mica/fill_mask.h"
#include "mica/forward.h"
#include "mica/graph.h"
#include "mica/hub.h"
#include "mica/json.h"
#include "mica/model.h"
#include "mica/ops.h"
#include "mica/precision.h"
#include "mica/profile.h"
#include "mica/program.h"
#include "mica/rerank.h"
#include "mica/status.h"
#include "mica/tag.h"
#include "mica/tensor.h"
#include "mica/tokenizer.h"

#endif
