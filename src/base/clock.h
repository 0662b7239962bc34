/* SPDX-License-Identifier: MIT */
#ifndef MICA_BASE_CLOCK_H
#define MICA_BASE_CLOCK_H

#include <stdint.h>

uint64_t mica_clock_ns(void); /* monotonic */

#endif
