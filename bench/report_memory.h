/* SPDX-License-Identifier: MIT
 *
 * The memory of a report: one pool that is freed at once, and texts that grow. Running out of
 * memory sticks, so that code which writes a report need not check each line: whoever began asks at
 * the end.
 */
#ifndef MICA_BENCH_REPORT_MEMORY_H
#define MICA_BENCH_REPORT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__GNUC__)
#define REPORT_FORMAT(text, values) __attribute__((format(printf, text, values)))
#else
#define REPORT_FORMAT(text, values)
#endif

typedef struct report_block report_block;
typedef struct report_pool {
    report_block *blocks;
    bool failed;
} report_pool;

/* Zeroed; NULL if there is no memory. */
void *report_alloc(report_pool *pool, size_t count, size_t size);
/* Room for one more item after `count`: `items` or a larger copy of it. NULL if there is no memory.
 */
void *report_room(report_pool *pool, void *items, size_t count, size_t *room, size_t size);
/* Never NULL: "" if there is no memory. */
const char *report_print(report_pool *pool, const char *format, ...) REPORT_FORMAT(2, 3);
/* A text of at most 600 bytes that can be shown: cut at the end of a character, control characters
 * and those that turn the direction of writing are spaces. NULL is "". */
const char *report_clean(report_pool *pool, const char *text);
void report_free(report_pool *pool);

typedef struct report_text {
    char *data; /* ends with a NUL once something was added */
    size_t size, room;
    bool failed;
} report_text;

void report_add(report_text *text, const char *data, size_t size);
void report_put(report_text *text, const char *data); /* up to its NUL */
void report_addf(report_text *text, const char *format, ...) REPORT_FORMAT(2, 3);
/* With &, <, >, " and ' as HTML and XML write them. */
void report_put_escaped(report_text *text, const char *data);
void report_text_free(report_text *text);

/* "12.35": milliseconds with four or five digits that count. */
const char *report_ms(report_pool *pool, double seconds);

#endif
