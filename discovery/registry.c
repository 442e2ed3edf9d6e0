#include "discovery/registry.h"

#include <stdlib.h>
#include <string.h>

#include "config/nearest.h"
#include "discovery/registry_options.h"

/* The only place to touch when a backend is added: registry_<scheme> is in registry_<scheme>.c. */
/* clang-format off */
#define BACKENDS(X) \
    X(consul) \
    X(dns) \
    X(etcd) \
    X(eureka) \
    X(file) \
    X(gossip) \
    X(kubernetes) \
    X(local) \
    X(mdns) \
    X(nats) \
    X(static) \
    X(zookeeper)
/* clang-format on */

#define DECLARE(name) extern const struct registry_ops registry_##name;
BACKENDS(DECLARE)
#undef DECLARE

static const struct registry_ops *const backends[] = {
#define ENTRY(name) &registry_##name,
    BACKENDS(ENTRY)
#undef ENTRY
};

enum { BACKEND_COUNT = sizeof backends / sizeof *backends };

const char *const *registry_schemes(void)
{
    static const char *const schemes[] = {
#define SCHEME(name) #name,
        BACKENDS(SCHEME)
#undef SCHEME
            NULL,
    };

    return schemes;
}

static const struct registry_ops *find_more(const struct registry_ops *const *more,
                                            struct slice scheme)
{
    for (; more && *more; more++)
        if (slice_is(scheme, (*more)->scheme))
            return *more;
    return NULL;
}

static const struct registry_ops *find(const struct registry_environment *environment,
                                       struct slice scheme)
{
    for (unsigned i = 0; i < BACKEND_COUNT; i++)
        if (slice_is(scheme, backends[i]->scheme))
            return backends[i];
    return find_more(environment->backends, scheme);
}

static enum err unknown_scheme(struct slice scheme, struct why *w)
{
    const char *near = nearest(scheme, registry_schemes(), BACKEND_COUNT);

    if (near)
        return why(w, ERR_BAD_VALUE, "unknown registry \"%.*s\" (did you mean \"%s\"?)",
                   (int)scheme.size, scheme.base, near);
    return why(w, ERR_BAD_VALUE, "unknown registry \"%.*s\"", (int)scheme.size,
               scheme.base);
}

static enum err make(struct registry **r, const struct registry_url *url,
                     const struct registry_environment *environment, struct why *w)
{
    const struct registry_ops *ops = find(environment, url->scheme);

    if (!ops)
        return unknown_scheme(url->scheme, w);
    *r = calloc(1, ops->size);
    if (!*r)
        return why(w, ERR_NO_MEMORY, "out of memory");
    (*r)->ops = ops;
    return ERR_OK;
}

/* A parsed URL points into itself: it is parsed again where it stays. */
static enum err start(struct registry *r, struct slice url, struct why *w)
{
    enum err e = registry_url_parse(&r->url, url, w);

    if (!e && r->url.is_tls && !(r->ops->abilities & REGISTRY_TLS))
        e = why(w, ERR_BAD_VALUE, "it can't be reached by TLS");
    if (!e)
        e = registry_options(r, w);
    if (!e)
        e = r->ops->open(r, w);
    if (e && w && !w->text[0])
        why(w, e, "%s", err_text(e));
    if (e)
        why_in(w, "registry %s", r->url.text);
    return e;
}

enum err registry_open(struct registry **out, struct slice text, struct loop *l,
                       struct random *random,
                       const struct registry_environment *environment,
                       const struct registry_frame *frame, void *frame_owner,
                       struct why *w)
{
    struct registry_url url;
    struct registry *r;
    enum err e = registry_url_parse(&url, text, w);

    if (!e)
        e = make(&r, &url, environment, w);
    if (e)
        return e;
    r->loop = l;
    r->random = random;
    r->environment = environment;
    r->frame = frame;
    r->frame_owner = frame_owner;
    e = start(r, text, w);
    if (e)
        registry_free(r);
    else
        *out = r;
    return e;
}

void registry_close(struct registry *r, void (*closed)(struct registry *r))
{
    r->closed = closed;
    r->ops->close(r);
}

void registry_free(struct registry *r)
{
    memory_free(&r->memory);
    free(r);
}

struct instance registration_instance(const struct registration *r)
{
    return (struct instance){.id = r->id,
                             .version = r->version,
                             .address = r->address,
                             .weight = r->weight ? r->weight : 1,
                             .draining = r->draining,
                             .metadata = r->metadata,
                             .endpoints = r->endpoints};
}

bool registration_equals(const struct registration *a, const struct registration *b)
{
    struct instance x = registration_instance(a), y = registration_instance(b);

    return strcmp(a->service, b->service) == 0 && a->ttl_ms == b->ttl_ms &&
           a->heartbeat_ms == b->heartbeat_ms && instance_equals(&x, &y);
}
