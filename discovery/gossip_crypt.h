/* gossip_crypt.h - the ring's encryption: AES in GCM, one secret for all (memberlist v0.1.5, security.go).
 *
 *   version 1: 01 nonce(12) ciphertext tag(16)       version 0, read only: the text is padded to 16 (PKCS 7)
 *
 * A datagram is one such; over TCP it stands behind 0a and its size as 4 bytes, which are authenticated, too. Several
 * keys: all are tried on what comes, the first is used for what goes out, so that a key can be exchanged in three
 * steps without a moment of deafness. libcrypto is loaded when a key is set: who sets none pays nothing for it.
 */
#ifndef DISCOVERY_GOSSIP_CRYPT_H
#define DISCOVERY_GOSSIP_CRYPT_H

#include "sidecar/core/text.h"
#include "sidecar/core/why.h"

enum {
    GOSSIP_KEYS = 4,
    GOSSIP_SEAL = 1 + 12 + 16,
    GOSSIP_SEALED_HEAD = 5, /* over TCP */
};

struct gossip_key {
    unsigned char bytes[32];
    unsigned size; /* 16, 24 or 32 */
};

struct gossip_crypt {
    struct gossip_key keys[GOSSIP_KEYS];
    unsigned count; /* 0: nothing is encrypted */
    const struct gossip_cipher *cipher;
};

/* libcrypto's part. */
struct gossip_cipher {
    /* `out` takes plain.size bytes, `tag` 16. */
    bool (*seal)(const struct gossip_key *key, const char *nonce, struct slice more,
                 struct slice plain, char *out, char *tag);
    /* false: another key, or somebody changed it. */
    bool (*unseal)(const struct gossip_key *key, const char *nonce, struct slice more,
                   struct slice sealed, const char *tag, char *out);
};

/* NULL, and why: there is no libcrypto. */
const struct gossip_cipher *gossip_cipher_load(struct why *w);

/* "key" or "key,older key": each 16, 24 or 32 characters, or base64 of as many bytes ("base64:..." where that could be
 * taken for 32 characters). Empty: no encryption. ERR_BAD_VALUE; ERR_UNSUPPORTED: no libcrypto. */
enum err gossip_crypt_init(struct gossip_crypt *c, struct slice keys, struct why *w);
void gossip_crypt_fini(struct gossip_crypt *c);

/* Appends `plain` sealed; `more` is authenticated with it. ERR_NO_MEMORY, ERR_TOO_LARGE (the limit of `out`). */
enum err gossip_seal(const struct gossip_crypt *c, struct text *out, struct slice plain,
                     struct slice more);
/* Appends what was sealed. ERR_DENIED: none of our keys. */
enum err gossip_unseal(const struct gossip_crypt *c, struct text *out,
                       struct slice sealed, struct slice more);
/* The size of a sealed message over TCP by its head. */
size_t gossip_sealed_size(struct slice head);
/* The same as a stream has it: head and sealed bytes. */
enum err gossip_seal_stream(const struct gossip_crypt *c, struct text *out,
                            struct slice plain);

#endif
