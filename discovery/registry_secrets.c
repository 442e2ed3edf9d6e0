/* What a registry says goes to the log and the admin port. One that repeats what it was told would put our credentials
 * there. */
#define _GNU_SOURCE /* memmem */
#include "discovery/registry_options.h"
#include "sidecar/core/base64.h"

enum { SHORTEST = 4 }; /* less is found anywhere, and no secret */

static bool has(struct slice words, struct slice secret)
{
    return secret.size >= SHORTEST && words.size &&
           memmem(words.base, words.size, secret.base, secret.size);
}

/* As it goes over the wire (RFC 7617). No memory: it may be there. */
static bool has_basic(struct slice words, const struct registry_url *u)
{
    struct text plain = {.limit = sizeof(u->storage)};
    struct text coded = {.limit = 2 * sizeof(u->storage)};
    bool found;

    text_add(&plain, u->user);
    text_add(&plain, SLICE(":"));
    text_add(&plain, u->password);
    base64_encode(&coded, text_slice(&plain));
    found = plain.failed || coded.failed || has(words, text_slice(&coded));
    text_fini(&plain);
    text_fini(&coded);
    return found;
}

bool registry_gives_away(const struct registry *r, struct slice words)
{
    static const char *const options[] = {"token", "password", "secret", "key"};
    char value[sizeof(r->url.storage)];

    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (registry_option(&r->url, options[i], value) && has(words, slice_of(value)))
            return true;
    return has(words, slice_of(r->environment->token)) || has(words, r->url.password) ||
           (r->url.password.size && has_basic(words, &r->url));
}
