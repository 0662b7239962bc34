/* SPDX-License-Identifier: MIT
 *
 * The Hub's client as the commands use it: with a display of what is fetched, and Ctrl-C.
 */
#ifndef MICA_CLI_HUB_H
#define MICA_CLI_HUB_H

#include "cli.h"

/* ---- the display ----------------------------------------------------------------------------- */

/* Lines on standard error, on a terminal only: one for all files, below it one for each that is
 * under way. They are drawn over and over, and erased at the end. */
enum { TRANSFER_LINES = 9 };
typedef struct transfer {
    bool on;
    double started, shown;
    size_t lines;                   /* drawn now */
    size_t columns[TRANSFER_LINES]; /* that each of them takes */
} transfer;
void transfer_start(transfer *t, bool quiet);
void transfer_show(transfer *t, const mica_hub_progress *state);
void transfer_erase(transfer *t); /* until the next show: to write something else */
void transfer_end(transfer *t);

/* ---- the client --------------------------------------------------------------------------------
 */

typedef struct hub_client {
    mica_hub *hub;
    transfer display;
} hub_client;
mica_status hub_open(hub_client *h, bool quiet, mica_error *err);
void hub_close(hub_client *h);
/* Defaults, and that what mica cannot run is refused before its weights are fetched. */
void hub_pull_options(mica_hub_pull_options *options, mica_context *context);
/* A file that is nice to have ("README.md"), opened, fetched if need be: without waiting and
 * without a word if it cannot be had. NULL = none. */
FILE *hub_open_extra(const char *model, const char *file);
/* After CANCELLED: what is kept, and how to go on. */
void hub_say_interrupted(hub_client *h, const char *model);

#endif
