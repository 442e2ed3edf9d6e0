/* Eureka, as Spring Cloud and Netflix serve it, by its REST operations in JSON. eureka_parts.h names the files. */
#include <ctype.h>

#include "discovery/eureka_parts.h"
#include "sidecar/core/base64.h"
#include "sidecar/core/log.h"

enum { DEFAULT_PORT = 8761, FIELDS_LIMIT = 4096 };

static const char *const flavors[] = {"spring", "micro", "both", NULL};
static const char *const modes[] = {"auto", "apps", "delta", NULL};

/* clang-format off */
static const struct field options[] = {
    CHOICE  (struct eureka, flavor, "flavor", "spring", flavors,
             "whose records are written: Spring's, those of go-micro v2's plugin, or one of each"),
    DURATION(struct eureka, poll_ms, "poll", "5s", 100, 300 * 1000, "between two looks at the server, +-10 %"),
    CHOICE  (struct eureka, mode, "fetch", "auto", modes,
             "apps: each service by itself; delta: all of them once, then what changed; auto: apps while they are few"),
    DURATION(struct eureka, timeout_ms, "timeout", "6s", 100, 300 * 1000, "of one request to one server"),
    FIELDS_END,
};
/* clang-format on */

/* --- requests --- */

static bool is_plain(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("-._~:@!$'()*,=", c));
}

void eureka_target_add(struct text *target, const char *segment)
{
    text_add(target, SLICE("/"));
    for (; *segment; segment++)
        text_addf(target, is_plain(*segment) ? "%c" : "%%%02X", (unsigned char)*segment);
}

void eureka_call_prepare(struct eureka *e, struct registry_call *c, struct slice method,
                         const struct text *target)
{
    *c = (struct registry_call){
        .http = {.method = method,
                 .target = text_slice(target),
                 .fields = text_slice(&e->fields),
                 .timeout_ms = e->timeout_ms}
    };
}

/* JSON must be asked for and named, or it is XML. */
static enum err write_fields(struct eureka *e)
{
    const struct registry_url *u = &e->base.url;
    const char *token = e->base.environment->token;
    struct text user;

    text_init(&e->fields, FIELDS_LIMIT);
    text_init(&user, FIELDS_LIMIT);
    text_add(&e->fields, SLICE("Accept: application/json\r\n"
                               "Content-Type: application/json\r\n"));
    if (u->user.size) {
        text_addf(&user, "%.*s:%.*s", (int)u->user.size, u->user.base,
                  (int)u->password.size, u->password.base ? u->password.base : "");
        text_add(&e->fields, SLICE("Authorization: Basic "));
        base64_encode(&e->fields, text_slice(&user));
        text_add(&e->fields, SLICE("\r\n"));
    } else if (token) {
        text_addf(&e->fields, "Authorization: Bearer %s\r\n", token);
    }
    text_fini(&user);
    return e->fields.failed ? ERR_NO_MEMORY : ERR_OK;
}

static enum err choose_path(struct eureka *e, struct why *w)
{
    struct slice path = e->base.url.path;

    while (path.size > 0 && path.base[path.size - 1] == '/')
        path.size--;
    e->path = path.size ? path : SLICE("/eureka");
    for (size_t i = 0; i < path.size; i++)
        if (!is_plain(path.base[i]) && !strchr("/%", path.base[i]))
            return why(w, ERR_BAD_VALUE, "\"%.*s\" is no path of a URL", (int)path.size,
                       path.base);
    return ERR_OK;
}

/* --- complaints --- */

static bool was_said(const struct eureka *e, uint32_t hash)
{
    for (unsigned i = 0; i < EUREKA_COMPLAINTS_KEPT; i++)
        if (e->complaints[i] == hash)
            return true;
    return false;
}

void eureka_complain(struct eureka *e, const char *app, const char *id,
                     const struct why *why)
{
    uint32_t hash = hash_bytes(slice_of(app)) * 31 + hash_bytes(slice_of(id));
    char names[2][160], reason[200];

    hash ^= hash_bytes(slice_of(why->text));
    if (was_said(e, hash))
        return;
    if (loop_now(e->base.loop) < e->quiet_until) {
        e->held_back++;
        return;
    }
    log_warn("registry.bad_record",
             "registry=%s app=\"%s\" id=\"%s\" reason=\"%s\" held_back=%u",
             e->base.url.text, log_quote(names[0], sizeof names[0], slice_of(app)),
             log_quote(names[1], sizeof names[1], slice_of(id)),
             log_quote(reason, sizeof reason, slice_of(why->text)), e->held_back);
    e->complaints[e->complained++ % EUREKA_COMPLAINTS_KEPT] = hash;
    e->held_back = 0;
    e->quiet_until = loop_now(e->base.loop) + EUREKA_COMPLAIN_MS;
}

/* --- watches --- */

void eureka_turn_soon(struct eureka *e)
{
    if (!timer_active(&e->turn))
        timer_start(&e->turn, eureka_clock(e), 0);
}

static enum err eureka_watch(struct registry *r, struct registry_watch *w)
{
    struct eureka *e = eureka_of(r);
    struct eureka_service *s = eureka_service_use(e, w->service);

    if (!s)
        return ERR_NO_MEMORY;
    list_push_back(&s->fresh, &w->node);
    eureka_service_ask(e, s);
    eureka_turn_soon(e);
    return ERR_OK;
}

static void eureka_unwatch(struct registry *r, struct registry_watch *w)
{
    struct eureka *e = eureka_of(r);
    struct eureka_service *s = eureka_service_named(e, w->service);

    list_remove(&w->node);
    if (s)
        eureka_service_unuse(e, s);
}

static enum err eureka_watch_names(struct registry *r)
{
    struct eureka *e = eureka_of(r);

    e->watches_names = true;
    e->names_digest = 0;
    eureka_turn_soon(e);
    return ERR_OK;
}

static void eureka_unwatch_names(struct registry *r)
{
    eureka_of(r)->watches_names = false;
}

/* --- life --- */

static void on_http_closed(struct registry_http *h)
{
    struct eureka *e = container_of(h, struct eureka, http);

    e->http_is_open = false;
    eureka_turn_soon(e);
}

static void finish(struct eureka *e)
{
    map_fini(&e->services);
    eureka_fetch_fini(e);
    text_fini(&e->fields);
    e->base.closed(&e->base);
}

/* Calls end, then connections, then we. */
static void close_on(struct eureka *e)
{
    if (registry_call_is_running(&e->fetch.call) || !list_empty(&e->leases))
        return;
    if (!e->http_is_open)
        finish(e);
    else if (!e->http.closed)
        registry_http_close(&e->http, on_http_closed);
}

static void on_turn(struct timer *t)
{
    struct eureka *e = container_of(t, struct eureka, turn);

    if (e->is_closing)
        close_on(e);
    else
        eureka_fetch_next(e);
}

static enum err eureka_open(struct registry *r, struct why *w)
{
    struct eureka *e = eureka_of(r);
    enum err error = choose_path(e, w);

    list_init(&e->leases);
    timer_init(&e->turn, on_turn);
    eureka_fetch_init(e);
    if (!error)
        error = write_fields(e);
    if (!error)
        error = registry_http_open(&e->http, r, DEFAULT_PORT, w);
    e->http_is_open = !error;
    if (error)
        text_fini(&e->fields);
    return error;
}

static void eureka_close(struct registry *r)
{
    struct eureka *e = eureka_of(r);

    e->is_closing = true;
    timer_stop(&e->poll, eureka_clock(e));
    eureka_leases_cancel(e);
    registry_call_cancel(&e->fetch.call);
    eureka_turn_soon(e);
}

const struct registry_ops registry_eureka = {
    .scheme = "eureka",
    .size = sizeof(struct eureka),
    .abilities = REGISTRY_WRITES | REGISTRY_LISTS_NAMES | REGISTRY_EXPIRES | REGISTRY_TLS,
    .options = options,
    .open = eureka_open,
    .watch = eureka_watch,
    .unwatch = eureka_unwatch,
    .watch_names = eureka_watch_names,
    .unwatch_names = eureka_unwatch_names,
    .put = eureka_put,
    .renew = eureka_renew,
    .remove = eureka_remove,
    .close = eureka_close,
};
