/* SPDX-License-Identifier: MIT
 *
 * Status codes and error texts: the one error convention of mica.
 *
 * A function that can fail returns a mica_status (MICA_OK is 0) and takes, as its last argument, a
 * pointer to a mica_error that the caller owns; NULL is allowed where the text is not wanted. On
 * failure the text says what went wrong, where, and with which value; output pointers are set to
 * NULL and nothing is leaked. On success the mica_error is left as it was.
 */
#ifndef MICA_STATUS_H
#define MICA_STATUS_H

#if defined(__GNUC__)
#define MICA_API __attribute__((visibility("default")))
#else
#define MICA_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mica_status {
#define MICA_STATUS(name, value, exit_code, text) MICA_STATUS_##name = value,
#include "mica/status.def"
#undef MICA_STATUS
    MICA_OK = 0
} mica_status;

/* What failed, for people. Owned by the caller, no allocation: start with `mica_error err = {0}`
 * (C) or `mica_error err{}` (C++). `message` is valid UTF-8 on one line, with control characters
 * from files and texts escaped. */
typedef struct mica_error {
    mica_status status;
    char message[1020];
} mica_error;

/* The name of a status ("NOT_FOUND"), its general text, and the exit code that the program gives
 * it. An unknown value gives "UNKNOWN", a text that says so, and 1. Never NULL. */
MICA_API const char *mica_status_name(mica_status status);
MICA_API const char *mica_status_text(mica_status status);
MICA_API int mica_status_exit_code(mica_status status);

/* The version of the library, "major.minor.patch". */
MICA_API const char *mica_version(void);

#ifdef __cplusplus
}
#endif
#endif
