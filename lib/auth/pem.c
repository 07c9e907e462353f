/* SPDX-License-Identifier: MIT */
#include "auth/pem.h"

#include "auth/certificate.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

struct pem_block {
    char *name;   /* "PUBLIC KEY" */
    char *header; /* encryption parameters */
    unsigned char *der;
    long len;
};

static void block_finish(struct pem_block *block)
{
    OPENSSL_free(block->name);
    OPENSSL_free(block->header);
    if (block->der)
        OPENSSL_clear_free(block->der, (size_t)block->len);
}

static EVP_PKEY *block_decode(const struct pem_block *block)
{
    const unsigned char *at = block->der;
    EVP_PKEY *pkey = strcmp(block->name, "PUBLIC KEY") == 0
                         ? d2i_PUBKEY(NULL, &at, block->len)
                         : d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, block->len);
    if (pkey && at != block->der + block->len) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    return pkey;
}

static int block_add(const struct pem_block *block, struct span kid, struct public_keys *keys,
                     const char **ret_problem)
{
    if (strstr(block->name, "PRIVATE KEY")) {
        *ret_problem = "holds a private key; give the public one";
        return -1;
    }
    if (strcmp(block->name, PEM_STRING_X509) == 0 || strcmp(block->name, PEM_STRING_X509_OLD) == 0)
        return certificate_add(keys, (struct span){(const char *)block->der, (size_t)block->len}, kid,
                               ret_problem);
    if (strcmp(block->name, "PUBLIC KEY") != 0 && strcmp(block->name, "RSA PUBLIC KEY") != 0) {
        *ret_problem = "has a PEM block that is no PUBLIC KEY and no CERTIFICATE";
        return -1;
    }
    EVP_PKEY *pkey = block_decode(block);
    if (!pkey) {
        *ret_problem = "has a PEM block that can't be read as a key";
        return -1;
    }
    return public_keys_add(keys, pkey, kid, ret_problem);
}

/* 1: there was one and it was taken; 0: none is left. */
static int block_next(BIO *bio, struct span kid, struct public_keys *keys, const char **ret_problem)
{
    struct pem_block block = {0};
    if (PEM_read_bio(bio, &block.name, &block.header, &block.der, &block.len) != 1) {
        if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
            return 0;
        *ret_problem = "has a damaged PEM block";
        return -1;
    }
    int added = block_add(&block, kid, keys, ret_problem);
    block_finish(&block);
    return added < 0 ? -1 : 1;
}

int pem_named_keys_read(struct span text, struct span kid, struct public_keys *keys, const char **ret_problem)
{
    BIO *bio = text.len <= INT_MAX ? BIO_new_mem_buf(text.data, (int)text.len) : NULL;
    if (!bio) {
        *ret_problem = "can't be read";
        return -1;
    }
    int taken;
    do
        taken = block_next(bio, kid, keys, ret_problem);
    while (taken > 0);
    BIO_free(bio);
    ERR_clear_error();
    return taken;
}

int pem_keys_read(struct span text, struct public_keys *keys, const char **ret_problem)
{
    return pem_named_keys_read(text, SPAN_NONE, keys, ret_problem);
}
