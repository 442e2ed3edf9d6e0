/* AES-GCM of libcrypto, which is loaded when the first key is set. */
#include "discovery/gossip_crypt.h"
#include "transport/openssl.h"

enum { TAG = 16 };

static const EVP_CIPHER *cipher_of(const struct gossip_key *key)
{
    return key->size == 16   ? openssl.EVP_aes_128_gcm()
           : key->size == 24 ? openssl.EVP_aes_192_gcm()
                             : openssl.EVP_aes_256_gcm();
}

static const unsigned char *bytes_of(const char *s)
{
    return (const unsigned char *)s;
}

typedef int update_fn(EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *,
                      int);

/* `out` NULL: only authenticated. */
static bool update(update_fn *fn, EVP_CIPHER_CTX *ctx, struct slice in, char *out)
{
    int size = 0;

    return in.size == 0 ||
           fn(ctx, (unsigned char *)out, &size, bytes_of(in.base), (int)in.size) == 1;
}

static bool encrypt(EVP_CIPHER_CTX *ctx, const struct gossip_key *key, const char *nonce,
                    struct slice more, struct slice plain, char *out, char *tag)
{
    unsigned char none[TAG];
    int size = 0;

    return openssl.EVP_EncryptInit_ex(ctx, cipher_of(key), NULL, key->bytes,
                                      bytes_of(nonce)) == 1 &&
           update(openssl.EVP_EncryptUpdate, ctx, more, NULL) &&
           update(openssl.EVP_EncryptUpdate, ctx, plain, out) &&
           openssl.EVP_EncryptFinal_ex(ctx, none, &size) == 1 &&
           openssl.EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1;
}

static bool decrypt(EVP_CIPHER_CTX *ctx, const struct gossip_key *key, const char *nonce,
                    struct slice more, struct slice sealed, char *tag, char *out)
{
    unsigned char none[TAG];
    int size = 0;

    return openssl.EVP_DecryptInit_ex(ctx, cipher_of(key), NULL, key->bytes,
                                      bytes_of(nonce)) == 1 &&
           update(openssl.EVP_DecryptUpdate, ctx, more, NULL) &&
           update(openssl.EVP_DecryptUpdate, ctx, sealed, out) &&
           openssl.EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
           openssl.EVP_DecryptFinal_ex(ctx, none, &size) == 1;
}

static bool seal(const struct gossip_key *key, const char *nonce, struct slice more,
                 struct slice plain, char *out, char *tag)
{
    EVP_CIPHER_CTX *ctx = openssl.EVP_CIPHER_CTX_new();
    bool done = ctx && encrypt(ctx, key, nonce, more, plain, out, tag);

    openssl.EVP_CIPHER_CTX_free(ctx);
    return done;
}

static bool unseal(const struct gossip_key *key, const char *nonce, struct slice more,
                   struct slice sealed, const char *tag, char *out)
{
    EVP_CIPHER_CTX *ctx = openssl.EVP_CIPHER_CTX_new();
    char copy[TAG];
    bool done;

    memcpy(copy, tag, TAG);
    done = ctx && decrypt(ctx, key, nonce, more, sealed, copy, out);
    openssl.EVP_CIPHER_CTX_free(ctx);
    if (!done)
        openssl.ERR_clear_error();
    return done;
}

const struct gossip_cipher *gossip_cipher_load(struct why *w)
{
    static const struct gossip_cipher cipher = {.seal = seal, .unseal = unseal};

    if (!openssl_load(w))
        return &cipher;
    why_in(w, "a gossip key");
    return NULL;
}
