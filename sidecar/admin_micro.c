/* /registry, as the micro toolchain's sidecar answered it (micro v1.18, handler/registry.go), so that apps written for
 * it and go-micro's `proxy` registry work unchanged.
 *
 *   GET    /registry[?service=NAME]   [Service, ...]; 404 for a service that is not there
 *   GET    with a WebSocket upgrade   Results as they come (admin_micro_watch.c)
 *   POST   /registry[?ttl=60s]        a Service with its nodes: kept alive here
 *   DELETE /registry                  the same body: taken out
 *
 * Failures are a line of text. A node without a ttl stays for as long as connections are taken at its address.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "discovery/local_folder.h"
#include "discovery/micro_service.h"
#include "sidecar/admin_kept.h"
#include "sidecar/admin_micro.h"

enum { ANSWER_LIMIT = 64 * 1024 * 1024 };

static void fail(struct http_request *q, unsigned status, const char *text)
{
    admin_reply_line(q, status, "%s", text);
}

/* ---- GET ---- */

static void reply_array(struct http_request *q, struct text *json)
{
    text_addf(json, "]");
    if (json->failed) {
        text_fini(json);
        fail(q, 500, err_text(ERR_NO_MEMORY));
        return;
    }
    admin_reply_text(q, 200, "application/json", json);
}

static void begin_array(struct text *json)
{
    text_init(json, ANSWER_LIMIT);
    text_addf(json, "[");
}

static void reply_service(struct admin *a, struct http_request *q)
{
    char name[SERVICE_NAME_LIMIT + 1] = "";
    const struct instance_list *l;
    struct text json;

    query_value(q->query, "service", name, sizeof(name));
    l = catalog_get(a->control->catalog, slice_of(name));
    if (!l || l->count == 0) {
        fail(q, 404, "Service not found");
        return;
    }
    begin_array(&json);
    micro_service_write_versions(&json, name, l->instances, l->count);
    reply_array(q, &json);
}

static void reply_all(struct admin *a, struct http_request *q)
{
    struct catalog *c = a->control->catalog;
    const char *const *names;
    unsigned count = catalog_names(c, &names);
    struct text json;
    const char *comma = "";

    begin_array(&json);
    for (unsigned i = 0; i < count && i < ADMIN_NAMES_LIMIT; i++) {
        const struct instance_list *l = catalog_get(c, slice_of(names[i]));

        if (!l || l->count == 0)
            continue;
        text_addf(&json, "%s", comma);
        micro_service_write_versions(&json, names[i], l->instances, l->count);
        comma = ",";
    }
    reply_array(q, &json);
}

static void get(struct admin *a, struct http_request *q)
{
    char name[512] = "";

    query_value(q->query, "service", name, sizeof(name));
    if (name[0] && !service_name_is_valid(slice_of(name)))
        fail(q, 404, "Service not found");
    else if (q->head.upgrade && q->head.method == METHOD_GET)
        admin_micro_watch(a, q, name);
    else if (name[0])
        admin_await_list(a, q, name, reply_service);
    else
        admin_await_list(a, q, "", reply_all);
}

/* ---- POST and DELETE ---- */

static const char *why_not_held(const struct kept *k)
{
    struct catalog *c = k->admin->control->catalog;
    const char *reason;

    for (unsigned i = 0; i < catalog_registry_count(c); i++)
        if (lease_state(k->lease, i, &reason) != LEASE_HELD && reason[0])
            return reason;
    return "the registry has not taken it yet";
}

static void reply_kept(struct kept *k, struct http_request *q, unsigned status)
{
    if (status == 202 && !k->stopping)
        fail(q, 500, why_not_held(k));
    else
        server_respond(q, 200, SLICE(""), admin_fields(), SLICE(""));
}

static struct registration record_of(const struct admin *a, const struct micro_service *s,
                                     const struct instance *i)
{
    const struct registry_settings *r = &a->control->settings->registry;

    return (struct registration){
        .service = s->name,
        .version = i->version,
        .id = i->id,
        .address = i->address,
        .metadata = i->metadata,
        .endpoints = i->endpoints,
        .weight = i->weight,
        .ttl_ms = r->ttl,
        .heartbeat_ms = r->heartbeat,
    };
}

/* The record of this node; `fresh` says that it has to be started. */
static enum err find_or_make(struct admin *a, const struct registration *r,
                             struct kept **out, bool *fresh, struct why *w)
{
    enum err e = ERR_OK;

    *out = kept_find(a, r->service, r->id);
    *fresh = !*out;
    if (*out && (*out)->stopping)
        return why(w, ERR_UNAVAILABLE, "it is just being taken out");
    if (*out)
        return registration_equals(kept_record(*out), r) ? ERR_OK
                                                         : lease_update((*out)->lease, r);
    e = kept_check(a, w);
    if (!e && !(*out = kept_new(a, r)))
        e = why(w, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
    return e;
}

static enum err keep(struct admin *a, const struct registration *r, uint64_t ttl_ms,
                     struct kept **out, struct why *w)
{
    bool fresh;
    enum err e = find_or_make(a, r, out, &fresh, w);

    if (e)
        return e;
    kept_lapse_after(*out, ttl_ms);
    if (ttl_ms == 0)
        (void)kept_watch_address(*out); /* without memory: unwatched */
    if (fresh)
        kept_start(*out);
    return ERR_OK;
}

/* "1m30s", as Go writes durations: ours, one after the other. */
static bool go_duration(const char *text, uint64_t *ms)
{
    *ms = 0;
    while (*text) {
        size_t number = strspn(text, "0123456789.");
        size_t size = number + strcspn(text + number, "0123456789.");
        uint64_t part;

        if (duration_parse(slice_from(text, size), &part))
            return false;
        *ms += part;
        text += size;
    }
    return true;
}

/* A bad one is as none, as it was with micro. */
static uint64_t ttl_of(const struct http_request *q)
{
    char text[32];
    uint64_t ms;

    return query_value(q->query, "ttl", text, sizeof(text)) && go_duration(text, &ms) ? ms
                                                                                      : 0;
}

/* The answer waits for the last node. */
static void post(struct admin *a, struct http_request *q, const struct micro_service *s)
{
    struct kept *k = NULL;
    struct why w;
    enum err e = ERR_OK;

    why_init(&w);
    if (s->count == 0)
        e = why(&w, ERR_BAD_REQUEST, "Require nodes");
    for (uint32_t i = 0; i < s->count && !e; i++) {
        struct registration r = record_of(a, s, &s->instances[i]);

        e = keep(a, &r, ttl_of(q), &k, &w);
    }
    if (e)
        fail(q, 500, w.text[0] ? w.text : err_text(e));
    else if (k->held)
        reply_kept(k, q, 200);
    else
        kept_await(k, q, reply_kept);
}

/* What was registered elsewhere goes as well, where the registry lets us. */
static enum err take_out(struct admin *a, const struct registration *r, struct kept **out,
                         struct why *w)
{
    struct kept *k = kept_find(a, r->service, r->id);
    enum err e = k ? ERR_OK : kept_check(a, w);

    if (e)
        return e;
    if (!k) {
        k = kept_new(a, r);
        if (!k)
            return why(w, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
        lease_claim(k->lease);
    }
    kept_stop(k);
    *out = k;
    return ERR_OK;
}

static void delete (struct admin *a, struct http_request *q,
                    const struct micro_service *s)
{
    struct kept *last = NULL;
    struct why w;
    enum err e = ERR_OK;

    why_init(&w);
    if (s->count == 0)
        e = why(&w, ERR_BAD_REQUEST, "Require nodes");
    for (uint32_t i = 0; i < s->count && !e; i++) {
        struct registration r = record_of(a, s, &s->instances[i]);

        e = take_out(a, &r, &last, &w);
    }
    if (e)
        fail(q, 500, w.text);
    else
        kept_await(last, q, reply_kept);
}

static void change(struct admin *a, struct http_request *q,
                   void (*act)(struct admin *a, struct http_request *q,
                               const struct micro_service *s))
{
    struct micro_service s;
    struct why w;

    why_init(&w);
    if (micro_service_read(&s, q->body, &w)) {
        fail(q, 500, w.text);
        return;
    }
    if (!service_name_is_valid(slice_of(s.name)))
        fail(q, 500, "its name can't be a service's");
    else if (s.refused)
        fail(q, 500, w.text);
    else
        act(a, q, &s);
    micro_service_fini(&s);
}

/* ---- which? ---- */

static void on_request(struct http_server *server, struct http_request *q)
{
    struct admin *a = server->owner;

    if (a->closing || a->control->ending)
        fail(q, 503, err_text(ERR_DRAINING));
    else if (!slice_is(q->path, "/registry"))
        fail(q, 404, "404 page not found");
    else if (q->head.method == METHOD_GET || q->head.method == METHOD_HEAD)
        get(a, q);
    else if (drain_is_on(&a->control->drain) && q->head.method == METHOD_POST)
        fail(q, 503, err_text(ERR_DRAINING));
    else if (q->head.method == METHOD_POST)
        change(a, q, post);
    else if (q->head.method == METHOD_DELETE)
        change(a, q, delete);
    else
        fail(q, 405, "Method not allowed");
}

/* ---- life: a socket that only the workers of this process know ---- */

/* The folder must be ours alone: who can write there could take our place. */
static enum err listen_on(struct admin *a, struct why *w)
{
    const char *dir = a->control->sources.catalog.environment.runtime_dir;
    char path[PATH_MAX];
    int folder, fd;
    enum err e = local_folder_open(&folder, dir, w);

    if (e)
        return e;
    close(folder);
    snprintf(path, sizeof(path), "unix:%s/micro-%d.sock", dir, (int)getpid());
    e = address_parse(&a->micro_address, slice_of(path), 0, w);
    if (!e)
        e = listener_bind(&a->micro_address, false, &fd, w);
    if (!e)
        e = server_listen(&a->micro, fd, w);
    return e;
}

static enum err open_server(struct admin *a, struct why *w)
{
    a->micro.owner = a;
    a->micro.handle = on_request;
    a->micro.body_limit = RECORD_LIMIT;
    server_open(&a->micro, &a->control->loop);
    a->micro_open = true;
    return listen_on(a, w);
}

struct instance_list *admin_micro_list(struct admin *a)
{
    struct instance self = {.id = MICRO_SERVICE, .version = "", .weight = 1};
    struct instance_list *list;
    struct why w;

    why_init(&w);
    if (!a->micro_open && !a->closing && open_server(a, &w))
        log_error("micro.unavailable", "reason=\"%s\"", w.text);
    self.address = a->micro_address;
    list =
        instance_list_new(MICRO_SERVICE, &self, list_empty(&a->micro.listeners) ? 0 : 1);
    if (list)
        list->known = list->answered = true;
    return list;
}
