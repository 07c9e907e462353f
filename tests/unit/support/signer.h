/* SPDX-License-Identifier: MIT */
/* Keys made afresh for each run, and tokens of any text signed with them, right or wrong. Nothing of lib/auth
 * signs here: the other side of the agreement is OpenSSL by itself. */
#ifndef TEST_SUPPORT_SIGNER_H
#define TEST_SUPPORT_SIGNER_H

#include "base/bytes.h"

#include <openssl/evp.h>

/* Ends the program with a sentence unless it held. */
void signer_need(bool held, const char *what);
EVP_PKEY *signer_rsa(unsigned bits);
EVP_PKEY *signer_ec(const char *curve);
EVP_PKEY *signer_ed(const char *kind);

/* The PEM text of the public (or private) half, appended. */
void signer_pem(EVP_PKEY *pkey, bool private_half, struct bytes *out);
void signer_hmac(struct span secret, const EVP_MD *digest, struct span text, struct bytes *out);

/* As OpenSSL gives it: DER for ECDSA. */
void signer_sign(EVP_PKEY *pkey, const EVP_MD *digest, struct span text, struct bytes *out);

/* r and s side by side, as tokens want them. */
void signer_sign_raw(EVP_PKEY *pkey, struct span text, struct bytes *out);

/* A JWK of the public half; `more` is appended as it is (`,"kid":"a"`). */
void signer_jwk(EVP_PKEY *pkey, const char *more, struct bytes *out);

/* base64url(header).base64url(payload), appended. */
void signer_text(struct span header, struct span payload, struct bytes *out);

/* Writes a new file; `path` gets its name. The caller unlinks it. */
void signer_file(struct span text, char path[64]);

#endif
