/* What a registry says goes to the log and the admin port. One that repeats what it was told would put our credentials
 * there. */
#define _GNU_SOURCE /* memmem */
#include "discovery/registry_options.h"
#include "sidecar/core/base64.h"

enum { SHORTEST = 4 }; /* less is found anywhere, and no secret */

#define STARS SLICE("***")

/* In place: what it is replaced by is shorter. */
static void hide(struct slice *words, char *base, struct slice secret)
{
    char *at;

    if (secret.size < SHORTEST)
        return;
    while ((at = memmem(base, words->size, secret.base, secret.size))) {
        char *behind = at + secret.size;

        memcpy(at, STARS.base, STARS.size);
        memmove(at + STARS.size, behind, (size_t)(base + words->size - behind));
        words->size -= secret.size - STARS.size;
    }
}

/* As it goes over the wire (RFC 7617). No memory: better nothing is shown. */
static void hide_basic(struct slice *words, char *base, const struct registry_url *u)
{
    struct text plain = {.limit = sizeof(u->storage)};
    struct text coded = {.limit = 2 * sizeof(u->storage)};

    text_add(&plain, u->user);
    text_add(&plain, SLICE(":"));
    text_add(&plain, u->password);
    base64_encode(&coded, text_slice(&plain));
    if (plain.failed || coded.failed)
        words->size = 0;
    else
        hide(words, base, text_slice(&coded));
    text_fini(&plain);
    text_fini(&coded);
}

struct slice registry_hide(const struct registry *r, struct slice words, char *out,
                           size_t size)
{
    static const char *const options[] = {"token", "password", "secret", "key"};
    char value[sizeof(r->url.storage)];

    words = slice_first(words, words.size < size ? words.size : size);
    if (!words.size)
        return SLICE("");
    memcpy(out, words.base, words.size);
    words.base = out;
    hide(&words, out, r->url.password);
    hide(&words, out, slice_of(r->environment->token));
    if (r->url.password.size)
        hide_basic(&words, out, &r->url);
    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (registry_option(&r->url, options[i], value))
            hide(&words, out, slice_of(value));
    return words;
}
