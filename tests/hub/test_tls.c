/* SPDX-License-Identifier: MIT
 *
 * The same Hub over TLS, with a certificate made for the test; and proxies.
 */
#include "hub/support.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static server *hub_server;
static repo *model;
static const char *commit;
static char certificate[512];

static int start(void **state)
{
    clean_environment();
    const char *folder = fresh_folder("tls");
    char command[1024];
    snprintf(command, sizeof command, "mkdir -p '%s'", folder);
    assert_int_equal(system(command), 0);
    snprintf(certificate, sizeof certificate, "%s/certificate.pem", folder);
    hub_server = server_start(certificate);
    model = standard_repo(hub_server, &commit);
    return 0;
}

static int stop(void **state)
{
    server_stop(hub_server);
    return 0;
}

static int forget(void **state)
{
    server_clear_faults(hub_server);
    server_forget(hub_server);
    setenv("SSL_CERT_FILE", certificate, 1);
    return 0;
}

static void certificates_are_checked(void **state)
{
    mica_error err;
    const char *cache = fresh_folder("tls-cache");
    unsetenv("SSL_CERT_FILE");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_TLS);
    assert_int_equal(server_count(hub_server, ""), 0);
    mica_hub_destroy(&hub);
    setenv("SSL_CERT_FILE", "/nowhere/at/all.pem", 1);
    hub = hub_for(server_url(hub_server), cache, "");
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_TLS);
    assert_non_null(strstr(err.message, "/nowhere/at/all.pem"));
    mica_hub_destroy(&hub);
    setenv("SSL_CERT_FILE", certificate, 1);
    hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    assert_cache_good(cache);
    mica_hub_destroy(&hub);
    unsetenv("SSL_CERT_FILE"); /* what is cached is used, with a warning */
    hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    mica_hub_destroy(&hub);
    char localhost[64]; /* a name that the certificate does not have */
    snprintf(localhost, sizeof localhost, "https://localhost%s",
             strrchr(server_url(hub_server), ':'));
    setenv("SSL_CERT_FILE", certificate, 1);
    hub = hub_for(localhost, fresh_folder("tls-name"), "");
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_TLS);
    mica_hub_destroy(&hub);
}

static void faults_are_survived_over_tls(void **state)
{
    static const struct {
        fault_kind kind;
        long value;
        const char *text;
    } faults[] = {{FAULT_CUT, 0, NULL},     {FAULT_CUT, 1, NULL},    {FAULT_CUT, 100000, NULL},
                  {FAULT_DROP, 0, NULL},    {FAULT_STATUS, 503, ""}, {FAULT_STATUS, 429, ""},
                  {FAULT_NO_RANGE, 0, NULL}};
    static const char *const stages[] = {"HEAD /", "/tree/", "GET /" MODEL "/resolve/", "/store/"};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        for (size_t k = 0; k < 4; k++) {
            const char *cache = fresh_folder("tls-faults");
            mica_hub *hub = hub_for(server_url(hub_server), cache, "hf_good");
            server_fault(hub_server, stages[k], faults[i].kind, faults[i].value, faults[i].text, 0,
                         2);
            pull_well(hub, MODEL);
            assert_cache_good(cache);
            assert_usable(cache, MODEL, true);
            mica_hub_destroy(&hub);
            server_clear_faults(hub_server);
            remove_tree(cache);
        }
    assert_int_equal(server_count_token(hub_server, "/store/"), 0);
}

/* Takes `count` connections and closes each in the middle of its handshake. */
static void close_connections(int listener, int count)
{
    alarm(20); /* should nobody come */
    for (int i = 0; i < count; i++) {
        char hello[5];
        struct linger at_once = {1, 0};
        int fd = accept(listener, NULL, NULL);
        if (fd < 0 || read(fd, hello, sizeof hello) < 0)
            _exit(1);
        if (i % 2 == 0) /* a reset, else an end */
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
    }
    _exit(0);
}

/* That is a bad network, and no refusal: it is tried again, and no certificate is blamed. */
static void handshakes_that_break_are_tried_again(void **state)
{
    mica_error err;
    char url[64];
    int listener = socket(AF_INET, SOCK_STREAM, 0), result = -1;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    snprintf(url, sizeof url, "https://127.0.0.1:%d", ntohs(address.sin_port));
    pid_t pid = fork();
    if (pid == 0)
        close_connections(listener, 3);
    mica_hub *hub = hub_for(url, fresh_folder("tls-broken"), "");
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_NETWORK);
    mica_hub_destroy(&hub);
    close(listener);
    assert_int_equal(waitpid(pid, &result, 0), pid); /* it had its three */
    assert_int_equal(result, 0);
}

static void redirects_do_not_leave_tls(void **state)
{
    mica_error err;
    char header[128];
    server *plain = server_start(NULL);
    snprintf(header, sizeof header, "Location: %s/store/x\r\n", server_url(plain));
    mica_hub *hub = hub_for(server_url(hub_server), fresh_folder("tls-down"), "hf_good");
    server_fault(hub_server, "GET /" MODEL "/resolve/", FAULT_STATUS, 302, header, 0, -1);
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_HUB);
    assert_int_equal(server_count(plain, ""), 0);
    mica_hub_destroy(&hub);
    server_stop(plain);
}

/* A token does not go to another host that the Hub names, nor to another port. */
static void tokens_do_not_travel(void **state)
{
    mica_error err;
    char header[128];
    server *other = server_start(NULL), *plain = server_start(NULL);
    const char *c;
    standard_repo(plain, &c);
    standard_repo(other, &c);
    snprintf(header, sizeof header, "Location: %s/" MODEL "/resolve/x/config.json\r\n",
             server_url(other));
    server_fault(plain, "GET /" MODEL "/resolve/", FAULT_STATUS, 307, header, 0, -1);
    mica_hub *hub = hub_for(server_url(plain), fresh_folder("travel"), "hf_good");
    pull(hub, MODEL, NULL, NULL, &err);
    assert_true(server_count_token(plain, "") > 0);
    assert_true(server_count(other, "") > 0);
    assert_int_equal(server_count_token(other, ""), 0);
    mica_hub_destroy(&hub);
    server_stop(other);
    server_stop(plain);
}

/* The test server takes whole addresses as targets, so it can be the proxy of itself. */
static void proxies_are_used(void **state)
{
    static const char *const names[] = {"http_proxy", "HTTP_PROXY"};
    mica_error err;
    server *plain = server_start(NULL);
    for (size_t i = 0; i < 2; i++) {
        setenv(names[i], server_url(plain), 1);
        mica_hub *hub = hub_for("http://hub.invalid", fresh_folder("proxy"), "");
        mica_status status = pull(hub, MODEL, NULL, NULL, &err);
        assert_true(status != MICA_OK);
        assert_true(server_count(plain, "HEAD http://hub.invalid/" MODEL) > 0);
        mica_hub_destroy(&hub);
        server_forget(plain);
        setenv("NO_PROXY", "127.0.0.1", 1);
        hub = hub_for(server_url(hub_server), fresh_folder("no-proxy"), "");
        pull_well(hub, MODEL);
        assert_int_equal(server_count(plain, ""), 0);
        mica_hub_destroy(&hub);
        unsetenv("NO_PROXY");
        unsetenv(names[i]);
    }
    setenv("https_proxy", server_url(plain), 1); /* it knows no CONNECT: it refuses */
    const char *cache = fresh_folder("refused");
    mica_hub *hub = hub_for(server_url(hub_server), cache, "");
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_NETWORK);
    assert_non_null(strstr(err.message, "proxy"));
    unsetenv("https_proxy");
    mica_hub_destroy(&hub);
    hub = hub_for(server_url(hub_server), cache, "");
    pull_well(hub, MODEL);
    mica_hub_destroy(&hub);
    setenv("https_proxy", server_url(plain), 1); /* and must not pass for "offline" */
    hub = hub_for(server_url(hub_server), cache, "");
    assert_int_equal(pull(hub, MODEL, NULL, NULL, &err), MICA_STATUS_NETWORK);
    mica_hub_destroy(&hub);
    unsetenv("https_proxy");
    server_stop(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(certificates_are_checked, forget),
        cmocka_unit_test_setup(faults_are_survived_over_tls, forget),
        cmocka_unit_test_setup(handshakes_that_break_are_tried_again, forget),
        cmocka_unit_test_setup(redirects_do_not_leave_tls, forget),
        cmocka_unit_test_setup(tokens_do_not_travel, forget),
        cmocka_unit_test_setup(proxies_are_used, forget),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
