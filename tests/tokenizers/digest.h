/* SPDX-License-Identifier: MIT
 *
 * The CRC-32 of everything that an encoding holds, as tests/golden/tokenizer.py computes it from
 * Hugging Face's: a fixture of four bytes for a text of any length.
 */
#ifndef MICA_TEST_DIGEST_H
#define MICA_TEST_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "mica/tokenizer.h"

uint32_t test_crc(const void *data, size_t size, uint32_t crc);
uint32_t test_digest(const mica_encoding *encoding, uint32_t crc);

/* Of a window, as tests/golden/tokenizer_models.py has it. */
uint32_t test_window_digest(const mica_encoding *encoding, bool first);

#endif
