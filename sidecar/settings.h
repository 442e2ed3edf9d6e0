/* settings.h - all that can be set, as one struct.
 *
 *   settings_load: defaults < file < environment < flags -> settings_finish: checks
 * across settings, derived values -> immutable, shared by all threads until the last
 * settings_unref().
 *
 * Durations are milliseconds, sizes bytes, percents 0..100. A text is NULL when unset.
 * Members under "derived" come from settings_finish() and are no settings. All memory is
 * the settings' own: whoever keeps a pointer into them keeps a reference.
 *
 * The rows behind it are settings_fields (settings_table.c).
 */
#ifndef SIDECAR_SETTINGS_H
#define SIDECAR_SETTINGS_H

#include "config/settings.h"
#include "discovery/instance.h"
#include "health/outlier.h"
#include "sidecar/core/log.h"
#include "transport/address.h"
#include "transport/tls.h"

/* Where we listen. Written "127.0.0.1:8081", "[::1]:8081", "localhost:8081" (both
 * loopbacks), "unix:/run/csidecar.sock". */
struct listen_addresses {
    struct address *items;
    unsigned count;
    bool by_default; /* nobody asked for them: the next free ports will do */
};

enum health_kind {
    HEALTH_AUTO, /* GET /healthz; a TCP check where that is a 404 */
    HEALTH_HTTP,
    HEALTH_TCP,
    HEALTH_EXEC,
    HEALTH_NONE, /* always well */
};

struct health_settings {
    const char *http;  /* path and query of a GET */
    bool tcp;          /* connecting is enough */
    struct texts exec; /* a command: exit code 0 passes */
    bool off;
    uint32_t port;           /* 0: the app's */
    uint64_t interval;       /* between checks */
    uint32_t jitter;         /* percent of it, both ways */
    uint64_t timeout;        /* of one check */
    uint64_t first_interval; /* until the first pass, doubling up to `interval` */
    uint32_t fall;           /* failures in a row: down */
    uint32_t rise;           /* passes in a row: up again after a failure */
    /* derived */
    enum health_kind kind;
    const char *path; /* of AUTO and HTTP */
};

/* An app beside us: what is checked, registered and, behind the ingress, called. */
/* What the app can do, in go-micro's words; registered with it. */
struct endpoint_settings {
    const char *name; /* "Users.Get" */
    const char
        *request; /* a message type's name, or go-micro's Value as JSON; NULL: none */
    const char *response; /* the same */
    struct pairs metadata;
};

struct app_settings {
    const char *name;    /* of its service; derived: never NULL */
    const char *id;      /* of this instance; NULL: made by the registrar */
    const char *version; /* derived: the top level's unless set here */
    const char *host;    /* an IP or unix:/path; NULL: 127.0.0.1, then ::1 */
    uint32_t port;       /* 0: none, or chosen by `run` */
    uint32_t weight;
    const char *advertise;  /* derived: the top level's unless set */
    const char *ingress;    /* listen address of an ingress of its own */
    struct pairs metadata;  /* derived: with what only the top level has */
    struct items endpoints; /* struct endpoint_settings */
    struct health_settings health;
    /* derived */
    struct address addresses[2]; /* to try in order; port 0 where `run` chooses it */
    unsigned address_count;
    struct listen_addresses ingress_listen; /* count 0: no ingress in front of it */
    bool advertise_auto;                    /* find out what to register */
    const char
        *endpoints_json; /* of `endpoints`, as micro_service.h has them; NULL: none */
    struct address advertised; /* else; port 0: the ingress's or the app's */
};

struct retry_settings {
    uint32_t max;         /* further attempts after the first */
    uint64_t backoff;     /* before the first retry, then doubling, full jitter */
    uint64_t backoff_max; /* at most */
    uint32_t budget;      /* percent of requests */
    uint32_t budget_min;  /* retries a second that need no budget */
    uint64_t replay;      /* bytes of a request body kept for another attempt */
};

/* The order is that of the names in the balancer table. */
enum balancer_kind {
    BALANCER_P2C,
    BALANCER_EWMA,
    BALANCER_ROUND_ROBIN,
    BALANCER_RANDOM,
    BALANCER_HASH,
};

struct pool_settings {
    uint32_t idle;         /* connections per instance; 0: none is kept */
    uint64_t idle_timeout; /* until another limit is learned */
};

struct ejection_settings {
    struct outlier_settings rule;
    uint32_t max_ejected; /* percent of a service's instances */
};

struct load_settings {
    uint32_t in_flight; /* requests at once, per process */
    uint32_t waiting;   /* behind them */
};

enum host_kind {
    HOST_INSTANCE, /* address:port of the instance */
    HOST_SERVICE,  /* the service's name */
    HOST_TEXT,     /* what the setting says */
};

/* How calls to a service are made. `defaults`, and what services.NAME changes of it. */
struct service_settings {
    uint64_t timeout;             /* to the final response head; 0: none */
    uint64_t connect_timeout;     /* of one connection */
    uint64_t try_timeout;         /* of one attempt while another is possible */
    uint64_t idle_timeout;        /* nothing moves either way */
    uint64_t tunnel_idle_timeout; /* the same in a tunnel */
    struct retry_settings retries;
    int balancer; /* enum balancer_kind */
    const char
        *hash_header; /* what HASH takes its key from besides csidecar-hash; or NULL */
    struct pool_settings pool;
    struct ejection_settings outlier;
    uint32_t panic; /* percent healthy below which all are balanced over */
    struct load_settings limits;
    const char *host; /* "instance", "service" or a text */
    bool rewrite;     /* prefix put back into Location and cookies of the path form */
    struct texts upgrades; /* protocols a tunnel is made for */
    /* derived */
    enum host_kind host_kind;
};

/* services.NAME */
struct service_entry {
    const char *name;
    struct service_settings policy;
    struct texts listen;    /* ports of its own */
    struct items instances; /* struct static_instance */
    /* derived */
    struct listen_addresses listen_addresses;
};

/* The order is that of the names in settings_table.c. */
enum registry_resolve { RESOLVE_UNION, RESOLVE_FIRST };

struct registry_settings {
    struct texts url; /* options of a kind of registry stand in its query */
    uint64_t ttl;
    uint64_t heartbeat;
    bool publish; /* false: resolve only */
    const char *token;
    const char *token_file;
    struct tls_settings tls; /* of those whose URL says +tls or +https */
    int resolve;             /* enum registry_resolve */
    /* derived */
    const char *secret; /* of token or token_file; or NULL */
    bool only_local;    /* no registry that others on the network can read */
};

struct proxy_settings {
    struct texts listen;
    uint32_t port; /* in place of the ports in `listen`; 0: as they are */
    uint32_t workers;
    const char *token;
    const char *token_file;
    struct texts
        allowed_hosts; /* further values of Host; "*.example.com" takes subdomains */
    struct texts allowed_origins; /* web pages that may call: "http://localhost:3000" */
    /* derived */
    struct listen_addresses addresses;
    const char *secret;
};

struct ingress_settings {
    struct texts listen;
    uint64_t timeout; /* to the response head; 0: the caller's is enough */
    struct load_settings limits;
    /* derived: the way to the app as a service: `defaults`, but no retries and no
     * ejection */
    struct service_settings policy;
};

struct admin_settings {
    struct texts listen;
    const char *token;
    const char *token_file;
    /* derived */
    struct listen_addresses addresses;
    const char *secret;
};

struct probes_settings {
    struct texts listen; /* empty: off */
    bool metrics;        /* /metrics here too */
    /* derived */
    struct listen_addresses addresses;
};

/* Of each connection that comes in, on all listeners. */
struct limit_settings {
    uint64_t head;   /* bytes of a request's head, else 431 */
    uint32_t fields; /* of a head, else 431 */
    uint64_t target; /* bytes, else 414 */
    uint64_t head_timeout;
    uint64_t body_rate;   /* least bytes of a request body in each body_window; 0: off */
    uint64_t body_window; /* ms */
    uint64_t keepalive;   /* between requests */
    uint32_t connections; /* per process; 0: what the descriptor limit allows */
};

struct drain_settings {
    uint64_t settle; /* derived: 0 with only `local`, unless set */
    uint64_t finish;
};

struct state_settings {
    const char *dir;  /* NULL: $XDG_STATE_HOME/csidecar */
    uint64_t max_age; /* 0: nothing is kept */
};

struct log_settings {
    int level;  /* enum log_level */
    int format; /* enum log_format */
    bool access;
};

struct run_settings {
    struct texts command; /* the words after "--" win; empty: no child */
    const char *directory;
    int stop_signal; /* index into the choices */
    /* derived */
    int signal_number;
};

/* The order of the names in settings_table.c. */
enum secret_files { SECRET_FILES_PRIVATE, SECRET_FILES_ANY };

/* Each gives up what the one before does, and more: sandbox.h. */
enum sandbox_mode { SANDBOX_OFF, SANDBOX_AUTO, SANDBOX_STRICT };

enum compat { COMPAT_DAPR = 1, COMPAT_MICRO = 2, COMPAT_PRANA = 4 };

struct settings {
    const char *name; /* derived: the command's or directory's name unless set */
    const char *version;
    const char *advertise; /* "auto", IP or IP:PORT */
    struct pairs metadata;
    struct app_settings app; /* as written: read `all_apps` */
    struct items apps;       /* as written: read `all_apps` */
    struct registry_settings registry;
    struct proxy_settings proxy;
    struct ingress_settings ingress;
    struct admin_settings admin;
    struct probes_settings probes;
    struct limit_settings limits;
    struct service_settings defaults;
    struct items services; /* struct service_entry */
    bool egress;           /* unknown hosts of the proxy form pass */
    struct texts compat;
    struct drain_settings drain;
    struct state_settings state;
    struct log_settings log;
    struct run_settings run;
    bool watch_config;
    int secret_files;   /* enum secret_files */
    int sandbox;        /* enum sandbox_mode */
    const char *config; /* the file; NULL: none. Not settable in the file itself */

    /* derived */
    struct app_settings *all_apps; /* of `app` or `apps`; none: this sidecar only calls */
    unsigned app_count;
    unsigned compat_flags; /* enum compat */
    bool is_open_config;   /* secrets stand in the file, and every user can read it */

    /* ours */
    unsigned references;
    struct memory memory;
    const struct service_entry **by_name; /* sorted */
};

extern const struct field settings_fields[];
/* Short forms of flags: --port, --registry, --timeout, -c ... */
extern const struct alias settings_aliases[];

struct settings_input {
    int argc;
    char *const *argv;
    int at; /* where flags begin; after a load: the first argument that is no flag */
    char *const *environment; /* NULL: none */
    const char
        *file; /* read when no --config says otherwise; may not exist; NULL: none */
    /* The child's command (after "--"), NULL-terminated, or NULL: names the service. */
    char *const *command;
};

/* On failure *out is NULL and w says which setting, where and why. The caller has a
 * reference. */
enum err settings_load(struct settings **out, struct settings_input *in, struct why *w);
/* Loads again. A changed START_ONLY setting is refused; `old` is only read. */
enum err settings_reload(struct settings **out, const struct settings *old,
                         struct settings_input *in, struct why *w);
/* From a text alone, as if it were the file `origin`. For tests and the fuzzer. */
enum err settings_parse(struct settings **out, struct slice yaml, const char *origin,
                        struct why *w);

/* From any thread. settings_unref(NULL) does nothing. */
struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings *s);

/* The policy for a service: its own or `defaults`, never NULL. Lent with the settings. */
const struct service_settings *service_settings_of(const struct settings *s,
                                                   struct slice name);
/* services.NAME, or NULL. */
const struct service_entry *service_entry_of(const struct settings *s, struct slice name);

/* The nearest valid service name (discovery/instance.h), in 129 bytes with the
 * terminator: "My App" -> "My-App"; else "app". */
void service_name_make(char out[129], struct slice from);

/* "auto" */
const char *settings_sandbox_name(enum sandbox_mode mode);

/* What `csidecar check` prints: the effective settings, and what would be registered. */
void settings_check_print(const struct settings *s, struct text *out);

#endif
