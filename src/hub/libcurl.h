/* SPDX-License-Identifier: MIT
 *
 * libcurl, loaded when something is first asked of the Hub: it brings some thirty libraries, and
 * loading them takes longer than everything else that a program does which fetches nothing.
 */
#ifndef MICA_HUB_LIBCURL_H
#define MICA_HUB_LIBCURL_H

/* What checks arguments of options at compile time are macros of the functions' own names. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/error.h"

#define MICA_LIBCURL_FUNCTIONS(F)                                                                  \
    F(global_init)                                                                                 \
    F(easy_init)                                                                                   \
    F(easy_cleanup)                                                                                \
    F(easy_setopt)                                                                                 \
    F(easy_getinfo)                                                                                \
    F(easy_strerror)                                                                               \
    F(multi_init)                                                                                  \
    F(multi_cleanup)                                                                               \
    F(multi_add_handle)                                                                            \
    F(multi_remove_handle)                                                                         \
    F(multi_perform)                                                                               \
    F(multi_poll)                                                                                  \
    F(multi_info_read)                                                                             \
    F(slist_append)                                                                                \
    F(slist_free_all)                                                                              \
    F(free)                                                                                        \
    F(url)                                                                                         \
    F(url_cleanup)                                                                                 \
    F(url_get)                                                                                     \
    F(url_set)

/* curl_easy_init is easy_init, and so on. */
typedef struct mica_curl_functions {
#define MICA_LIBCURL_MEMBER(name) __typeof__(curl_##name) *name;
    MICA_LIBCURL_FUNCTIONS(MICA_LIBCURL_MEMBER)
#undef MICA_LIBCURL_MEMBER
} mica_curl_functions;

/* Filled in by mica_curl_load, the first time and for good; not to be changed. */
extern mica_curl_functions mica_curl;

/* Loads libcurl and sets it up, on any thread. UNSUPPORTED if that cannot be done. */
mica_status mica_curl_load(mica_error *err);

#endif
