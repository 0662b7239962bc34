/* SPDX-License-Identifier: MIT
 *
 * Failing allocations: runs a piece of work once for each n with the n-th allocation failing, until
 * it gets through without one. The work returns a status; while an allocation fails it must be
 * OUT_OF_MEMORY (or success, where the work can do without), and nothing may leak (the sanitizers
 * see).
 */
#ifndef MICA_TESTS_TORTURE_H
#define MICA_TESTS_TORTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "mica/status.h"

typedef struct torture {
    atomic_long left; /* allocations to go before the one that fails */
} torture;

static inline bool torture_hook(void *user)
{
    torture *t = (torture *)user;
    return atomic_fetch_sub(&t->left, 1) == 1;
}

/* `work(arg, err)` must clean up after itself, whatever it returns. Returns how many allocations
 * were made to fail. */
static inline long torture_run(mica_status (*work)(void *arg, mica_error *err), void *arg)
{
    for (long n = 1;; n++) {
        torture t;
        mica_error err = {0};
        atomic_init(&t.left, n);
        mica_set_fault_hook(torture_hook, &t);
        mica_status status = work(arg, &err);
        mica_set_fault_hook(NULL, NULL);
        if (atomic_load(&t.left) > 0) { /* fewer than n allocations: none failed */
            if (status)
                fail_msg("without a failing allocation: %s", err.message);
            return n - 1;
        }
        if (status && status != MICA_STATUS_OUT_OF_MEMORY)
            fail_msg("allocation %ld failed and the status is %s: %s", n, mica_status_name(status),
                     err.message);
        if (status && !err.message[0])
            fail_msg("allocation %ld failed and there is no text", n);
        assert_true(n < 1000000);
    }
}

#endif
