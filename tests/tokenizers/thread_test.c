/* SPDX-License-Identifier: MIT
 *
 * Threads share one tokenizer and get the same results as one alone. Worth most under the thread
 * sanitizer.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "digest.h"

#define FIXTURES MICA_TEST_DIR "/fixtures/tokenizers"

typedef struct job {
    pthread_t thread;
    const mica_tokenizer *tokenizer;
    const char *text;
    size_t size;
    uint32_t digest;
    bool failed;
} job;

/* The lines of a text, encoded and decoded. */
static void *work(void *user)
{
    job *j = user;
    mica_encoding *encoding = NULL;

    for (const char *line = j->text, *end; line < j->text + j->size && !j->failed; line = end + 1) {
        int64_t ids[64];
        size_t count, size;
        char *text;

        end = memchr(line, '\n', (size_t)(j->text + j->size - line));
        if (mica_tokenizer_encode(j->tokenizer, (mica_text){line, (size_t)(end - line)}, NULL, NULL,
                                  &encoding, NULL) != MICA_OK) {
            j->failed = true;
            break;
        }
        j->digest = test_digest(encoding, j->digest);
        count = mica_encoding_count(encoding) < 64 ? mica_encoding_count(encoding) : 64;
        for (size_t i = 0; i < count; i++)
            ids[i] = mica_encoding_ids(encoding)[i];
        j->failed =
            mica_tokenizer_decode(j->tokenizer, ids, count, NULL, &text, &size, NULL) != MICA_OK;
        if (!j->failed)
            j->digest = test_crc(text, size, j->digest);
        mica_text_free(&text);
    }
    mica_encoding_destroy(&encoding);
    return NULL;
}

static void test_threads(void **state)
{
    mica_tokenizer *tokenizer;
    mica_error err = {0};
    job jobs[8] = {{0}};
    char *text;
    size_t size;

    if (mica_tokenizer_open(FIXTURES "/dirs/added", &tokenizer, &err) != MICA_OK)
        fail_msg("%s", err.message);
    assert_int_equal(mica_file_read(FIXTURES "/texts.jsonl", 1 << 20, &text, &size, &err), MICA_OK);
    for (int i = 0; i < 8; i++) {
        jobs[i] = (job){.tokenizer = tokenizer, .text = text, .size = size};
        if (i > 0)
            assert_int_equal(pthread_create(&jobs[i].thread, NULL, work, &jobs[i]), 0);
    }
    work(&jobs[0]);
    for (int i = 0; i < 8; i++) {
        if (i > 0)
            pthread_join(jobs[i].thread, NULL);
        assert_false(jobs[i].failed);
        assert_int_equal(jobs[i].digest, jobs[0].digest);
    }
    mica_free(text);
    mica_tokenizer_destroy(&tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
