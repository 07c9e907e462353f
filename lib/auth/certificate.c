/* SPDX-License-Identifier: MIT */
#include "auth/certificate.h"

#include <limits.h>
#include <openssl/x509.h>

static bool is_valid_now(const X509 *certificate)
{
    return X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
           X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

int certificate_add(struct public_keys *keys, struct span der, struct span kid, const char **ret_problem)
{
    const unsigned char *at = (const unsigned char *)der.data;
    X509 *certificate = der.len > 0 && der.len <= LONG_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    bool whole = certificate && (const char *)at == der.data + der.len;
    bool valid = whole && is_valid_now(certificate);
    EVP_PKEY *pkey = whole ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    if (!pkey) {
        *ret_problem = "has a certificate that can't be read";
        return -1;
    }
    if (public_keys_add(keys, pkey, kid, ret_problem) < 0)
        return -1;
    keys->outdated += !valid;
    return 0;
}
