/* The rows behind every setting. Names and defaults are a promise to users: see docs/. */
#include "discovery/instance.h"
#include "sidecar/settings.h"

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
    KIB = 1024,
    MIB = 1024 * KIB,
};

/* The order of enum balancer_kind, log_level and log_format. */
static const char *const balancers[] = {"p2c",    "ewma", "round_robin",
                                        "random", "hash", NULL};
static const char *const resolves[] = {"union", "first", NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", "off", NULL};
static const char *const formats[] = {"text", "json", NULL};
static const char *const secret_files[] = {"private", "any", NULL};
#ifndef SANDBOX_DEFAULT
#define SANDBOX_DEFAULT "auto"
#endif

static const char *const sandboxes[] = {"off", "auto", "strict", NULL};
static const char *const drop_ins[] = {"dapr", "micro", "prana", NULL};
/* The order of the numbers in settings_finish.c. */
static const char *const signals[] = {"TERM", "INT", "QUIT", "HUP", "USR1", "USR2", NULL};

static enum err name_check(struct slice name, struct why *w)
{
    if (service_name_is_valid(name))
        return ERR_OK;
    return why(
        w, ERR_BAD_VALUE,
        "not a service name: 1 to 128 of A-Z a-z 0-9 . _ - and neither _ nor . first");
}

static enum err path_check(struct slice path, struct why *w)
{
    if (path.size && path.base[0] == '/' && !memchr(path.base, ' ', path.size))
        return ERR_OK;
    return why(w, ERR_BAD_VALUE, "must be a path like /healthz");
}

/* scheme://host[:port], as a browser sends it (RFC 6454 §6.2), or "*". */
static enum err origin_check(struct slice origin, struct why *w)
{
    size_t scheme = slice_find(origin, ':');
    struct slice rest = slice_after(origin, scheme);

    if (slice_is(origin, "*") || slice_is(origin, "null"))
        return ERR_OK;
    if (scheme && slice_starts_with(rest, SLICE("://")) && rest.size > 3 &&
        slice_find(slice_after(rest, 3), '/') == rest.size - 3)
        return ERR_OK;
    return why(w, ERR_BAD_VALUE, "must be an origin like http://localhost:3000");
}

/* clang-format off */
static const struct field health[] = {
    TEXT    (struct health_settings, http, "http", NULL, "GET this path: 2xx and 3xx pass. Unless set: /healthz, and a TCP check where that is a 404", .check = path_check),
    BOOL    (struct health_settings, tcp, "tcp", "false", "connecting is enough"),
    TEXTS   (struct health_settings, exec, "exec", NULL, "a command and its arguments: exit code 0 passes"),
    BOOL    (struct health_settings, off, "off", "false", "no check: always well"),
    COUNT   (struct health_settings, port, "port", "0", 0, 65535, "asked instead of the app's; 0: the app's"),
    DURATION(struct health_settings, interval, "interval", "5s", 100, HOUR, "between checks"),
    PERCENT (struct health_settings, jitter, "jitter", "10%", "of the interval, both ways"),
    DURATION(struct health_settings, timeout, "timeout", "1s", 10, 5 * MINUTE, "of one check"),
    DURATION(struct health_settings, first_interval, "first_interval", "100ms", 10, HOUR, "until the first pass, doubling up to the interval"),
    COUNT   (struct health_settings, fall, "fall", "3", 1, 100, "failures in a row: down"),
    COUNT   (struct health_settings, rise, "rise", "1", 1, 100, "passes in a row: up; one more after a failure"),
    FIELDS_END,
};

static const struct field endpoint[] = {
    TEXT    (struct endpoint_settings, name, "name", NULL, "such as Users.Get", .flags = FIELD_SHORT),
    TEXT    (struct endpoint_settings, request, "request", NULL, "its message type's name, or go-micro's Value as JSON"),
    TEXT    (struct endpoint_settings, response, "response", NULL, "the same of the answer"),
    PAIRS   (struct endpoint_settings, metadata, "metadata", "such as method and path for a gateway"),
    FIELDS_END,
};

#define APP_FIELDS \
    TEXT    (struct app_settings, id, "id", NULL, "of this instance; unless set a new one each start", .flags = FIELD_START_ONLY), \
    TEXT    (struct app_settings, version, "version", NULL, "registered; unless set the top level's"), \
    TEXT    (struct app_settings, host, "host", NULL, "an IP or unix:/path; unless set 127.0.0.1, then ::1", .flags = FIELD_START_ONLY), \
    COUNT   (struct app_settings, port, "port", "0", 0, 65535, "the app listens here; 0: no app, or chosen by run", .flags = FIELD_START_ONLY), \
    COUNT   (struct app_settings, weight, "weight", "1", 1, 65535, "share of the calls among the instances"), \
    TEXT    (struct app_settings, advertise, "advertise", NULL, "registered address; unless set the top level's"), \
    TEXT    (struct app_settings, ingress, "ingress", NULL, "listen address of an ingress for this app", .flags = FIELD_START_ONLY), \
    PAIRS   (struct app_settings, metadata, "metadata", "registered; added to the top level's"), \
    LIST    (struct app_settings, endpoints, "endpoints", struct endpoint_settings, endpoint, "registered for go-micro's clients and gateways")

static const struct field app[] = {
    TEXT    (struct app_settings, name, "name", NULL, "of its service; unless set the top level's", .check = name_check, .flags = FIELD_START_ONLY),
    APP_FIELDS,
    GROUP   (struct app_settings, health, "health", health, "is the app well?"),
    FIELDS_END,
};

static const struct field apps[] = {
    TEXT    (struct app_settings, name, "name", NULL, "of its service", .check = name_check),
    APP_FIELDS,
    GROUP   (struct app_settings, health, "health", health, "is the app well?", .inherits = "app.health"),
    FIELDS_END,
};

static const struct field retries[] = {
    COUNT   (struct retry_settings, max, "max", "2", 0, 10, "further attempts after the first"),
    DURATION(struct retry_settings, backoff, "backoff", "25ms", 0, MINUTE, "before the first retry, then doubling, full jitter"),
    DURATION(struct retry_settings, backoff_max, "backoff_max", "250ms", 0, MINUTE, "at most"),
    PERCENT (struct retry_settings, budget, "budget", "20%", "of requests may be retries"),
    COUNT   (struct retry_settings, budget_min, "budget_min", "3", 0, 10000, "retries that need no budget"),
    SIZE    (struct retry_settings, replay, "replay", "64KiB", 0, 16 * MIB, "of a request body kept for another attempt"),
    FIELDS_END,
};

static const struct field pool[] = {
    COUNT   (struct pool_settings, idle, "idle", "64", 0, 10000, "connections kept for each instance; more stay for a second"),
    DURATION(struct pool_settings, idle_timeout, "idle_timeout", "4s", 0, HOUR, "until another limit is learned from the instance"),
    FIELDS_END,
};

static const struct field outlier[] = {
    COUNT   (struct ejection_settings, rule.failures, "failures", "5", 0, 1000, "in a row: the instance is ejected; 0: never"),
    DURATION(struct ejection_settings, rule.rest_ms, "rest", "30s", 100, HOUR, "of the first ejection, then times two, three ..."),
    DURATION(struct ejection_settings, rule.rest_max_ms, "max_rest", "5m", 100, DAY, "at most"),
    PERCENT (struct ejection_settings, max_ejected, "max_ejected", "50%", "of a service's instances, and never the last"),
    FIELDS_END,
};

static const struct field load[] = {
    COUNT   (struct load_settings, in_flight, "in_flight", "1024", 1, 1000000, "requests at once, per process; more wait"),
    COUNT   (struct load_settings, waiting, "waiting", "64", 0, 1000000, "requests that wait; more are a 503"),
    FIELDS_END,
};

static const struct field policy[] = {
    DURATION(struct service_settings, timeout, "timeout", "15s", 0, DAY, "to the head of the final answer, retries included; 0: none"),
    DURATION(struct service_settings, connect_timeout, "connect_timeout", "1s", 10, 5 * MINUTE, "of one connection"),
    DURATION(struct service_settings, try_timeout, "try_timeout", "5s", 0, DAY, "of one attempt while another is possible; 0: none"),
    DURATION(struct service_settings, idle_timeout, "idle_timeout", "5m", 0, 7 * (uint64_t)DAY, "nothing moves either way; 0: none"),
    DURATION(struct service_settings, tunnel_idle_timeout, "tunnel_idle_timeout", "1h", 0, 7 * (uint64_t)DAY, "the same in a tunnel (WebSocket)"),
    GROUP   (struct service_settings, retries, "retries", retries, "trying again"),
    CHOICE  (struct service_settings, balancer, "balancer", "p2c", balancers, "how an instance is picked"),
    TEXT    (struct service_settings, hash_header, "hash_header", NULL, "the balancer hash takes its key from this header; csidecar-hash wins"),
    GROUP   (struct service_settings, pool, "pool", pool, "idle connections"),
    GROUP   (struct service_settings, outlier, "outlier", outlier, "resting instances that fail"),
    PERCENT (struct service_settings, panic, "panic", "50%", "healthy instances below which all are used"),
    GROUP   (struct service_settings, limits, "limits", load, "requests at once"),
    TEXT    (struct service_settings, host, "host", "instance", "Host where the caller's named us: instance (its address:port), service (its name), or this text"),
    BOOL    (struct service_settings, rewrite, "rewrite", "on", "Location and cookie paths get the prefix of the path form back"),
    TEXTS   (struct service_settings, upgrades, "upgrades", "websocket", "protocols a tunnel is made for"),
    FIELDS_END,
};

static const struct field instance[] = {
    TEXT    (struct static_instance, address, "address", NULL, "IP:PORT", .flags = FIELD_SHORT),
    COUNT   (struct static_instance, weight, "weight", "1", 1, 65535, "share of the calls"),
    PAIRS   (struct static_instance, metadata, "metadata", "of the instance"),
    FIELDS_END,
};

static const struct field service[] = {
    INLINE  (struct service_entry, policy, policy),
    TEXTS   (struct service_entry, listen, "listen", NULL, "ports of its own: what comes there goes to this service", .flags = FIELD_START_ONLY),
    LIST    (struct service_entry, instances, "instances", struct static_instance, instance, "known without a registry"),
    FIELDS_END,
};

static const struct field registry_tls[] = {
    TEXT    (struct tls_settings, ca_file, "ca_file", NULL, "PEM: the authorities that are believed; unless set the system's"),
    TEXT    (struct tls_settings, cert_file, "cert_file", NULL, "PEM: shown to a registry that asks for one"),
    TEXT    (struct tls_settings, key_file, "key_file", NULL, "PEM: of cert_file"),
    TEXT    (struct tls_settings, server_name, "server_name", NULL, "in the registry's certificate; unless set the host in its URL"),
    FIELDS_END,
};

static const struct field registry[] = {
    TEXTS   (struct registry_settings, url, "url", "local", "where services are listed; several: in order of preference; options of one in its query, mdns://?sources=any", .flags = FIELD_URL),
    DURATION(struct registry_settings, ttl, "ttl", "30s", SECOND, DAY, "of the lease: a dead instance is not resolved any longer"),
    DURATION(struct registry_settings, heartbeat, "heartbeat", "10s", 100, DAY, "renews the lease"),
    BOOL    (struct registry_settings, publish, "publish", "true", "register the app; false: only resolve"),
    TEXT    (struct registry_settings, token, "token", NULL, "sent to the registry", .flags = FIELD_SECRET),
    TEXT    (struct registry_settings, token_file, "token_file", NULL, "the same, read from a file"),
    GROUP   (struct registry_settings, tls, "tls", registry_tls, "of registries whose URL says +tls or +https"),
    CHOICE  (struct registry_settings, resolve, "resolve", "union", resolves, "of several: instances of all (union), or of the first that has some (first)"),
    FIELDS_END,
};

static const struct field proxy[] = {
    TEXTS   (struct proxy_settings, listen, "listen", "127.0.0.1:8081, [::1]:8081", "the local endpoint; unix:/path too", .flags = FIELD_START_ONLY),
    COUNT   (struct proxy_settings, port, "port", "0", 0, 65535, "in place of the ports in listen; 0: as they are", .flags = FIELD_START_ONLY),
    COUNT   (struct proxy_settings, workers, "workers", "1", 1, 64, "threads that carry requests", .flags = FIELD_START_ONLY),
    TEXT    (struct proxy_settings, token, "token", NULL, "asked for in csidecar-token; needed where listen is not loopback", .flags = FIELD_SECRET),
    TEXT    (struct proxy_settings, token_file, "token_file", NULL, "the same, read from a file"),
    TEXTS   (struct proxy_settings, allowed_hosts, "allowed_hosts", NULL, "further values of Host; *.example.com takes subdomains"),
    TEXTS   (struct proxy_settings, allowed_origins, "allowed_origins", NULL, "origins of web pages that may call", .check = origin_check),
    FIELDS_END,
};

static const struct field ingress[] = {
    TEXTS   (struct ingress_settings, listen, "listen", NULL, "in front of the app, and registered in its place; empty: off", .flags = FIELD_START_ONLY),
    DURATION(struct ingress_settings, timeout, "timeout", "0", 0, DAY, "to the head of the app's answer; 0: as long as the caller waits"),
    GROUP   (struct ingress_settings, limits, "limits", load, "requests at once"),
    FIELDS_END,
};

static const struct field admin[] = {
    TEXTS   (struct admin_settings, listen, "listen", "127.0.0.1:8082", "admin, metrics, dashboard: loopback or unix:/path", .flags = FIELD_START_ONLY),
    TEXT    (struct admin_settings, token, "token", NULL, "asked for in csidecar-token or Authorization: Bearer; needed where listen is not loopback", .flags = FIELD_SECRET),
    TEXT    (struct admin_settings, token_file, "token_file", NULL, "the same, read from a file"),
    FIELDS_END,
};

static const struct field probes[] = {
    TEXTS   (struct probes_settings, listen, "listen", NULL, "live, ready and startup for a pod, 0.0.0.0:8084; empty: off", .flags = FIELD_START_ONLY),
    BOOL    (struct probes_settings, metrics, "metrics", "false", "/metrics there too"),
    FIELDS_END,
};

static const struct field limits[] = {
    SIZE    (struct limit_settings, head, "head", "64KiB", 1 * KIB, 64 * KIB, "of a request's head; more is a 431"),
    COUNT   (struct limit_settings, fields, "fields", "100", 10, 100, "in a head; more are a 431"),
    SIZE    (struct limit_settings, target, "target", "32KiB", 256, 32 * KIB, "of a request's target; more is a 414"),
    DURATION(struct limit_settings, head_timeout, "head_timeout", "10s", 100, HOUR, "from the first byte of a head to its last"),
    SIZE    (struct limit_settings, body_rate, "body_rate", "1KiB", 0, 1024 * (uint64_t)MIB, "least of a request body in each body_window; 0: off"),
    DURATION(struct limit_settings, body_window, "body_window", "30s", SECOND, HOUR, "for body_rate"),
    DURATION(struct limit_settings, keepalive, "keepalive", "75s", SECOND, DAY, "an idle connection is kept"),
    COUNT   (struct limit_settings, connections, "connections", "0", 0, 1000000, "per process; 0: what the descriptor limit allows"),
    FIELDS_END,
};

static const struct field drain[] = {
    DURATION(struct drain_settings, settle, "settle", "2s", 0, HOUR, "from deregistering until callers have noticed; 0 with only the local registry unless set"),
    DURATION(struct drain_settings, finish, "finish", "6s", 0, DAY, "requests get to finish"),
    FIELDS_END,
};

static const struct field state[] = {
    TEXT    (struct state_settings, dir, "dir", NULL, "last known instances are kept here; unless set $XDG_STATE_HOME/csidecar"),
    DURATION(struct state_settings, max_age, "max_age", "24h", 0, 30 * (uint64_t)DAY, "older ones are forgotten; 0: none are kept"),
    FIELDS_END,
};

static const struct field log_fields[] = {
    CHOICE  (struct log_settings, level, "level", "info", levels, "what is worth a line"),
    CHOICE  (struct log_settings, format, "format", "text", formats, "of a line"),
    BOOL    (struct log_settings, access, "access", "true", "a line for each request"),
    FIELDS_END,
};

static const struct field run[] = {
    TEXTS   (struct run_settings, command, "command", NULL, "the child and its arguments; the words after -- win", .flags = FIELD_START_ONLY),
    TEXT    (struct run_settings, directory, "directory", NULL, "where it runs", .flags = FIELD_START_ONLY),
    CHOICE  (struct run_settings, stop_signal, "stop_signal", "TERM", signals, "asks it to end"),
    FIELDS_END,
};

const struct field settings_fields[] = {
    TEXT    (struct settings, name, "name", NULL, "of the app's service; unless set the command's or directory's", .check = name_check, .flags = FIELD_START_ONLY),
    TEXT    (struct settings, version, "version", NULL, "of the app, registered"),
    TEXT    (struct settings, advertise, "advertise", "auto", "registered address: auto, IP or IP:PORT"),
    PAIRS   (struct settings, metadata, "metadata", "of the app, registered"),
    GROUP   (struct settings, app, "app", app, "the app beside us"),
    LIST    (struct settings, apps, "apps", struct app_settings, apps, "several apps beside us; app.health holds for all", .flags = FIELD_START_ONLY),
    GROUP   (struct settings, registry, "registry", registry, "where services are listed"),
    GROUP   (struct settings, proxy, "proxy", proxy, "the local endpoint"),
    GROUP   (struct settings, ingress, "ingress", ingress, "in front of the app"),
    GROUP   (struct settings, admin, "admin", admin, "admin endpoint"),
    GROUP   (struct settings, probes, "probes", probes, "for an orchestrator"),
    GROUP   (struct settings, limits, "limits", limits, "of connections that come in"),
    GROUP   (struct settings, defaults, "defaults", policy, "how services are called"),
    MAP     (struct settings, services, "services", struct service_entry, name, service, "what is different for one service", .inherits = "defaults", .check = name_check),
    BOOL    (struct settings, egress, "egress", "false", "hosts of the proxy form that are no services pass"),
    TEXTS   (struct settings, compat, "compat", NULL, "URLs of other sidecars that are answered too", .choices = drop_ins),
    GROUP   (struct settings, drain, "drain", drain, "leaving"),
    GROUP   (struct settings, state, "state", state, "over a restart"),
    GROUP   (struct settings, log, "log", log_fields, "on standard error"),
    GROUP   (struct settings, run, "run", run, "csidecar run"),
    BOOL    (struct settings, watch_config, "watch_config", "false", "load the file again when it changes"),
    CHOICE  (struct settings, sandbox, "sandbox", SANDBOX_DEFAULT, sandboxes, "what is given up once all ports are bound: off, auto (writes only its own folders, no new rights), strict (opens and calls only what it needs)", .flags = FIELD_START_ONLY),
    CHOICE  (struct settings, secret_files, "secret_files", "private", secret_files, "token and key files that every user of the host can read are refused (private) or taken (any)"),
    TEXT    (struct settings, config, "config", NULL, "this file; unless set csidecar.yaml where one is", .flags = FIELD_NOT_IN_FILE),
    FIELDS_END,
};

/* clang-format on */

const char *settings_sandbox_name(enum sandbox_mode mode)
{
    return sandboxes[mode];
}

/* clang-format off */
const struct alias settings_aliases[] = {
    {"-c",         "config"},
    {"--port",     "proxy.port"},
    {"--admin",    "admin.listen"},
    {"--registry", "registry.url"},
    {"--timeout",  "defaults.timeout"},
    {NULL,         NULL},
};
/* clang-format on */
