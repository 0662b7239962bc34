/* SPDX-License-Identifier: MIT */
#include "hub/libcurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#ifdef __APPLE__
#define LIBRARY "libcurl.4.dylib"
#else
#define LIBRARY "libcurl.so.4"
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool loaded;
static char why[256];

mica_curl_functions mica_curl;

static bool find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    if (!found)
        snprintf(why, sizeof why, LIBRARY " has no %s", name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *message = dlerror();
        snprintf(why, sizeof why, "%s", message ? message : "unknown");
        return;
    }
#define FIND(name) find(library, "curl_" #name, &mica_curl.name) &&
    loaded = MICA_LIBCURL_FUNCTIONS(FIND) true;
#undef FIND
    if (loaded && mica_curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        snprintf(why, sizeof why, LIBRARY " cannot be set up");
        loaded = false;
    }
}

mica_status mica_curl_load(mica_error *err)
{
    pthread_once(&once, load);
    if (loaded)
        return MICA_OK;
    return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                     "the Hub is asked through libcurl, which cannot be loaded: %s", why);
}
