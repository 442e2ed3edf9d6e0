/* registry.h - the contract of a registry backend: few duties.
 *
 *   1. While watched, say what instances a service has: whole lists, or single adds and removes.
 *   2. Say which names there are.
 *   3. Keep one record under a lease: put, renew, remove.
 *
 * Diffing, last known good, back-off, re-registration, coalescing and order are written once, above
 * (catalog.h, lease.h). A new backend is one file with one `struct registry_ops` and one line in
 * registry.c, and must pass tests/discovery/conformance.h.
 *
 *   open > [ watch > deliver|add|remove ... (failed > watch again) > unwatch ] > close > closed
 *        > [ put > done > (renew > done)* > remove > done ]
 *
 * Rules for a backend, all on the control loop:
 *   - No callback from inside a call to it (use timer 0 or the loop's next turn).
 *   - put, renew and remove return ERR_LATER and answer with lease_done() exactly once each, unless close
 *     came first or they returned an error at once. One operation per lease at a time; the frame waits.
 *   - After a remove, after ERR_NOT_FOUND, and after a put that failed with nothing published before, the backend
 *     has let go of the lease: its memory goes then. After a remove that failed the frame may let go without another
 *     word: close() does not touch leases.
 *   - remove of a lease that was never put here takes out the record of that service and id, whoever put it, where the
 *     registry lets us; ERR_NOT_FOUND when there is none, ERR_UNSUPPORTED when only its owner can.
 *   - failed() ends that watch: the frame calls unwatch() from inside it, backs off and watches again. It
 *     keeps the last list meanwhile. The backend itself never retries in a tight loop; long-lived
 *     connections of the backend may heal themselves silently when nothing was missed.
 *   - A watch of a service that does not exist delivers an empty list: that is the answer "nothing".
 *   - Records from outside are checked (instance_check) and bounded; a bad one is skipped and logged, once.
 *   - After unwatch() no callback for that watch; after close() none but closed().
 *   - Never block: files are small and local; everything else goes through the loop.
 */
#ifndef DISCOVERY_REGISTRY_H
#define DISCOVERY_REGISTRY_H

#include "config/memory.h"
#include "discovery/instance.h"
#include "sidecar/core/list.h"
#include "sidecar/core/why.h"
#include "transport/loop.h"
#include "transport/tls.h"

struct registry;
struct registry_watch;
struct registry_lease;

/* What this process publishes about one app. */
struct registration {
    const char *service;
    const char *version;
    const char *id; /* node id: unique, stable for this process */
    struct address address;
    struct pairs metadata;
    uint32_t weight;
    const char *endpoints; /* go-micro's, as a JSON array (micro_service.h); NULL: none */
    bool
        draining; /* still there, but for nobody new: said where the registry has a word for it */
    uint64_t ttl_ms;
    uint64_t heartbeat_ms;
};

enum registry_ability {
    REGISTRY_WRITES = 1,      /* leases work */
    REGISTRY_LISTS_NAMES = 2, /* watch_names works */
    REGISTRY_IS_LOCAL = 4,    /* loopback addresses are right for it; settle time 0 */
    REGISTRY_EXPIRES = 8,     /* tells when a dead instance's TTL has passed */
    REGISTRY_REMEMBERS =
        16, /* has lost nothing after a failure: a shrink then is no cause for doubt */
    REGISTRY_TLS = 32, /* can be reached by TLS; for others such a URL is a mistake */
    REGISTRY_RESOLVES = 64, /* the frame's: unless its URL says use=register */
};

struct registry_ops {
    const char *scheme; /* "consul": the part of the URL before ':' */
    size_t size;        /* of the backend's struct, which begins with a struct registry */
    unsigned abilities;
    /* Options of the URL's query ("?domain=micro"), into the backend's struct before open(). NULL: none. */
    const struct field *options;

    /* The URL was parsed into r->url. Checks it; starts connecting, if that is its way. An error here is a
     * configuration error (a server that is away is not). */
    enum err (*open)(struct registry *r, struct why *w);

    enum err (*watch)(struct registry *r, struct registry_watch *w);
    void (*unwatch)(struct registry *r, struct registry_watch *w);
    /* Like a watch, but of the names; delivers with names_deliver(). */
    enum err (*watch_names)(struct registry *r);
    void (*unwatch_names)(struct registry *r);

    enum err (*put)(struct registry *r, struct registry_lease *l);
    enum err (*renew)(struct registry *r,
                      struct registry_lease *l); /* ERR_NOT_FOUND: put again */
    enum err (*remove)(struct registry *r, struct registry_lease *l);

    /* Leases were removed before. `closed` once, when the memory may go. */
    void (*close)(struct registry *r);
};

struct registry_url {
    char text[512];              /* whole, for messages: without password */
    struct slice scheme;         /* all within `storage`; "consul" of "consul+https" */
    bool is_tls;                 /* "+tls" or "+https" stood behind the scheme */
    struct slice user, password; /* percent-decoded */
    struct slice hosts;          /* "a:1,b:2" as it stood, or empty */
    struct slice path;           /* from the first '/', or what follows "file:" */
    struct slice query;
    char storage[1024];
};

/* First member of every backend. The frame fills it. */
struct registry {
    const struct registry_ops *ops;
    struct loop *loop;
    struct registry_url url;
    struct random *random;
    const struct registry_environment *environment;
    struct memory memory;    /* of the options' texts; goes with the registry */
    struct tls_settings tls; /* registry.tls, and over it the URL's own ?ca_file=, ... */
    unsigned abilities;      /* of the backend, less what the URL's ?use= takes away */
    /* The frame's. */
    const struct registry_frame *frame;
    void *frame_owner;
    void (*closed)(struct registry *r);
};

/* What backends may need to know of the process; lent for its life. */
struct registry_environment {
    const char
        *runtime_dir;  /* of `local`: $XDG_RUNTIME_DIR/csidecar or /tmp/csidecar-UID */
    const char *token; /* registry.token, or what was in token_file; NULL: none */
    const char
        *token_file; /* registry.token_file, for backends that read it again; or NULL */
    struct tls_settings tls; /* registry.tls */
    /* services.<name>.instances of the YAML, for `static`: count services. */
    const struct static_service {
        const char *name;
        const struct static_instance *instances;
        uint32_t count;
    } * static_services;
    unsigned static_count;
    /* Backends besides the built-in ones, for tests; NULL or ended by NULL. */
    const struct registry_ops *const *backends;
};

struct registry_watch {
    struct list node; /* the backend's, while watched */
    const char *service;
    struct registry *registry;
    void *backend; /* the backend's own */
    void *owner;   /* the frame's */
};

struct registry_lease {
    struct list node;                 /* the backend's */
    struct registration registration; /* lent for the life of the lease */
    struct registry *registry;
    void *backend; /* the backend's own; it frees it when remove is done, or at close */
    void *owner;   /* the frame's */
};

/* How the frame is told; set once in registry_open(). Instances are lent for the call. */
struct registry_frame {
    void (*deliver)(struct registry_watch *w, const struct instance *instances,
                    uint32_t count, enum authority authority);
    void (*add)(struct registry_watch *w, const struct instance *i); /* or change */
    void (*remove)(struct registry_watch *w, const char *id);
    void (*failed)(struct registry_watch *w, enum err e, const struct why *why);
    void (*names)(struct registry *r, const char *const *names, uint32_t count);
    void (*names_failed)(struct registry *r, enum err e, const struct why *why);
    void (*lease_done)(struct registry_lease *l, enum err e, const struct why *why);
};

/* "consul://host:8500?dc=eu", "etcd+https://a:2379,b:2379" into *u. A bare "local" or "mdns" is taken too. */
enum err registry_url_parse(struct registry_url *u, struct slice text, struct why *w);
/* Makes and opens the backend the URL's scheme names; unknown schemes name the nearest. */
enum err registry_open(struct registry **r, struct slice url, struct loop *l,
                       struct random *random,
                       const struct registry_environment *environment,
                       const struct registry_frame *frame, void *frame_owner,
                       struct why *w);
/* closed() comes later, then the frame calls registry_free(). */
void registry_close(struct registry *r, void (*closed)(struct registry *r));
void registry_free(struct registry *r);
/* The instance a registration makes: its texts are lent. */
struct instance registration_instance(const struct registration *r);
/* Would the record be the same, and kept the same way? */
bool registration_equals(const struct registration *a, const struct registration *b);
/* All schemes, for help and completion; NULL-terminated. */
const char *const *registry_schemes(void);

#endif
