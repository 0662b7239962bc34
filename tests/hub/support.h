/* SPDX-License-Identifier: MIT
 *
 * What the tests of the Hub share: folders of their own, a repository like those of the Hub, and a
 * look at whether a cache is whole.
 */
#ifndef MICA_TESTS_HUB_SUPPORT_H
#define MICA_TESTS_HUB_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/server.h"
#include "mica/hub.h"

/* A new folder below the build's; its path is valid until the process ends. */
const char *fresh_folder(const char *name);
/* Removes what the environment says of the Hub and of proxies. */
void clean_environment(void);

/* A hub for a server and a cache folder, tries a thousandth of a second apart. */
mica_hub *hub_for(const char *endpoint, const char *cache, const char *token);
mica_hub *offline_hub(const char *cache);

/* Pulls and says what came of it; the directory's path goes to `directory` (1024 bytes, may be
 * NULL). */
mica_status pull(mica_hub *hub, const char *id, const mica_hub_pull_options *options,
                 char *directory, mica_error *err);
/* Pulls; fails the test if it does not work. */
void pull_well(mica_hub *hub, const char *id);

/* Everything in the cache is what it should be: checksums, no link that leads nowhere, no temporary
 * file. A partial download may lie there. */
void assert_cache_good(const char *cache);
/* The model can be used offline from the cache, or cannot. */
void assert_usable(const char *cache, const char *id, bool usable);
bool exists(const char *folder, const char *path);
int count_files(const char *folder, const char *end); /* whose names end so, links too */
void remove_tree(const char *folder);

/* One line a file, sorted: kind, path, and what is in it or where it leads. Freed with free. */
char *list_layout(const char *folder);

#endif
