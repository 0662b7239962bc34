/* SPDX-License-Identifier: MIT
 *
 * A key and a certificate for 127.0.0.1, made for one run.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "hub/server_internal.h"

static void check(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "the test server cannot make %s\n", what);
        abort();
    }
}

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"mica test", -1, -1,
                               0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, key);
    static const struct {
        int nid;
        const char *value;
    } extensions[] = {{NID_subject_alt_name, "IP:127.0.0.1"},
                      {NID_basic_constraints, "critical,CA:TRUE"}};
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        X509_EXTENSION *e =
            X509V3_EXT_conf_nid(NULL, NULL, extensions[i].nid, (char *)extensions[i].value);
        check(e && X509_add_ext(x, e, -1) == 1, "an extension");
        X509_EXTENSION_free(e);
    }
    check(X509_sign(x, key, EVP_sha256()) > 0, "a signature");
    return x;
}

SSL_CTX *server_tls(const char *certificate)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    check(key != NULL, "a key");
    X509 *x = make_certificate(key);
    FILE *out = fopen(certificate, "w");
    check(out && PEM_write_X509(out, x) == 1 && fclose(out) == 0, "its certificate's file");
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    check(context && SSL_CTX_use_certificate(context, x) == 1 &&
              SSL_CTX_use_PrivateKey(context, key) == 1,
          "a TLS context");
    X509_free(x);
    EVP_PKEY_free(key);
    return context;
}
