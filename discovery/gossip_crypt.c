#include "discovery/gossip_crypt.h"

#include <sys/random.h>

#include "sidecar/core/base64.h"

enum {
    NONCE = 12,
    TAG = 16,
    BLOCK = 16,
    VERSION = 1,
    ENCRYPTED = 10, /* GOSSIP_ENCRYPTED */
};

/* --- keys --- */

static bool is_key_size(size_t size)
{
    return size == 16 || size == 24 || size == 32;
}

static enum err take_bytes(struct gossip_key *k, struct slice bytes, struct why *w)
{
    if (!is_key_size(bytes.size))
        return why(w, ERR_BAD_VALUE,
                   "a gossip key must have 16, 24 or 32 bytes, this one has %zu",
                   bytes.size);
    memcpy(k->bytes, bytes.base, bytes.size);
    k->size = (unsigned)bytes.size;
    return ERR_OK;
}

static enum err take_base64(struct gossip_key *k, struct slice text, struct why *w)
{
    struct text bytes;
    enum err e;

    text_init(&bytes, 64);
    e = base64_decode(&bytes, text);
    if (e)
        e = why(
            w, ERR_BAD_VALUE,
            "a gossip key must be 16, 24 or 32 characters, or as many bytes in base64");
    else
        e = take_bytes(k, text_slice(&bytes), w);
    if (bytes.base)
        explicit_bzero(bytes.base, bytes.capacity);
    text_fini(&bytes);
    return e;
}

static bool looks_padded(struct slice text)
{
    return text.size > 2 && text.base[text.size - 1] == '=';
}

static enum err take_key(struct gossip_key *k, struct slice text, struct why *w)
{
    struct slice prefix = SLICE("base64:");

    if (slice_starts_with(text, prefix))
        return take_base64(k, slice_after(text, prefix.size), w);
    if (is_key_size(text.size) && !looks_padded(text))
        return take_bytes(k, text, w);
    return take_base64(k, text, w);
}

enum err gossip_crypt_init(struct gossip_crypt *c, struct slice keys, struct why *w)
{
    enum err e = ERR_OK;

    *c = (struct gossip_crypt){0};
    while (!e && keys.size) {
        struct slice key = slice_next(&keys, ',');

        if (c->count == GOSSIP_KEYS)
            e = why(w, ERR_BAD_VALUE, "more than %d gossip keys", GOSSIP_KEYS);
        else
            e = take_key(&c->keys[c->count++], key, w);
    }
    if (!e && c->count && !(c->cipher = gossip_cipher_load(w)))
        e = ERR_UNSUPPORTED;
    if (e)
        gossip_crypt_fini(c);
    return e;
}

void gossip_crypt_fini(struct gossip_crypt *c)
{
    explicit_bzero(c, sizeof *c);
}

/* --- messages --- */

/* Room for so many bytes more, or NULL: what is in them is written by others. */
static char *extend(struct text *out, size_t size)
{
    static const char zeros[4096];
    size_t before = out->size;

    for (size_t left = size; left > 0 && !out->failed;) {
        size_t piece = left < sizeof zeros ? left : sizeof zeros;

        text_add(out, slice_from(zeros, piece));
        left -= piece;
    }
    return out->failed || !out->base ? NULL : out->base + before;
}

enum err gossip_seal(const struct gossip_crypt *c, struct text *out, struct slice plain,
                     struct slice more)
{
    char *at = extend(out, GOSSIP_SEAL + plain.size), *body;

    if (!at)
        return ERR_TOO_LARGE;
    body = at + 1 + NONCE;
    at[0] = VERSION;
    if (getrandom(at + 1, NONCE, 0) != NONCE)
        return ERR_IO;
    return c->cipher->seal(&c->keys[0], at + 1, more, plain, body, body + plain.size)
               ? ERR_OK
               : ERR_NO_MEMORY;
}

/* Version 0 fills up to a block, each byte saying how many. */
static enum err cut_padding(struct text *out, size_t from)
{
    size_t size = out->size - from;
    unsigned count = size ? (unsigned char)out->base[out->size - 1] : 0;

    if (count == 0 || count > BLOCK || count > size)
        return ERR_DENIED;
    out->size -= count;
    return ERR_OK;
}

static bool unseal_by_any(const struct gossip_crypt *c, struct slice sealed,
                          struct slice more, char *at)
{
    struct slice body = slice_after(sealed, 1 + NONCE);
    const char *tag = sealed.base + sealed.size - TAG;

    body.size -= TAG;
    for (unsigned i = 0; i < c->count; i++)
        if (c->cipher->unseal(&c->keys[i], sealed.base + 1, more, body, tag, at))
            return true;
    return false;
}

enum err gossip_unseal(const struct gossip_crypt *c, struct text *out,
                       struct slice sealed, struct slice more)
{
    size_t before = out->size;
    char *at;

    if (sealed.size < GOSSIP_SEAL || (unsigned char)sealed.base[0] > VERSION)
        return ERR_DENIED;
    at = extend(out, sealed.size - GOSSIP_SEAL);
    if (!at && out->failed)
        return ERR_TOO_LARGE;
    if (!unseal_by_any(c, sealed, more, at ? at : (char[1]){0}))
        return ERR_DENIED;
    return sealed.base[0] == 0 ? cut_padding(out, before) : ERR_OK;
}

size_t gossip_sealed_size(struct slice head)
{
    size_t size = 0;

    for (unsigned i = 1; i < GOSSIP_SEALED_HEAD; i++)
        size = size << 8 | (unsigned char)head.base[i];
    return size;
}

enum err gossip_seal_stream(const struct gossip_crypt *c, struct text *out,
                            struct slice plain)
{
    size_t size = plain.size + GOSSIP_SEAL;
    char head[GOSSIP_SEALED_HEAD] = {ENCRYPTED, (char)(size >> 24), (char)(size >> 16),
                                     (char)(size >> 8), (char)size};

    text_add(out, slice_from(head, sizeof head));
    return gossip_seal(c, out, plain, slice_from(head, sizeof head));
}
