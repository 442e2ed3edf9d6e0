/* Changes of services as go-micro's Results, by WebSocket:
 *
 *   {"Action":"create","Service":{"name":"orders","version":"1.0",...,"nodes":[{...}]}}
 *
 * One Result for each instance that came, changed or went since the watch began. Pings every 54 s, as micro's did; who
 * answers none for a minute is cut off. What a watcher is told is bounded by the server's limit for streams.
 */
#include <stdlib.h>

#include "discovery/micro_service.h"
#include "sidecar/admin_micro.h"
#include "sidecar/catalog_json.h"
#include "transport/websocket.h"

enum {
    PING_MS = 54 * 1000,
    SILENT_MS = 60 * 1000,
    RESULT_LIMIT = 2 * RECORD_LIMIT,
    KEY_SIZE = 24,
};

struct micro_watcher {
    struct list node;
    struct admin *admin;
    struct http_request *request;
    struct websocket_reader reader;
    struct timer ping;
    uint64_t heard_ms;
    char name[SERVICE_NAME_LIMIT + 1]; /* "": all */
};

static struct clock *clock_of(const struct admin *a)
{
    return &a->control->loop.clock;
}

/* ---- life of a watcher ---- */

static void drop(struct micro_watcher *w)
{
    timer_stop(&w->ping, clock_of(w->admin));
    websocket_reader_fini(&w->reader);
    list_remove(&w->node);
    free(w);
}

static void on_gone(struct http_request *q)
{
    drop(q->owner);
}

static void end(struct micro_watcher *w)
{
    struct http_request *q = w->request;

    q->gone = NULL;
    drop(w);
    server_respond_end(q);
}

static void send_frame(struct micro_watcher *w, enum websocket_opcode opcode,
                       struct slice payload)
{
    struct text frame;

    text_init(&frame, RESULT_LIMIT + 16);
    websocket_write(&frame, opcode, payload);
    if (!frame.failed)
        server_respond_piece(w->request, text_slice(&frame));
    text_fini(&frame);
}

/* Asks for its list again, too: it would be forgotten. */
static void want(struct micro_watcher *w)
{
    struct catalog *c = w->admin->control->catalog;

    if (w->name[0])
        (void)catalog_list_is_here(c, slice_of(w->name));
    else
        (void)catalog_lists_are_here(c, ADMIN_NAMES_LIMIT);
}

static void on_ping(struct timer *t)
{
    struct micro_watcher *w = container_of(t, struct micro_watcher, ping);

    if (loop_now(&w->admin->control->loop) - w->heard_ms > SILENT_MS + PING_MS) {
        end(w);
        return;
    }
    want(w);
    timer_start(&w->ping, clock_of(w->admin), PING_MS);
    send_frame(w, WEBSOCKET_PING, SLICE(""));
}

static enum err on_frame(struct websocket_reader *r, enum websocket_opcode opcode,
                         struct slice payload)
{
    struct micro_watcher *w = r->owner;

    w->heard_ms = loop_now(&w->admin->control->loop);
    if (opcode == WEBSOCKET_PING)
        send_frame(w, WEBSOCKET_PONG, payload);
    if (opcode != WEBSOCKET_CLOSE)
        return ERR_OK;
    send_frame(w, WEBSOCKET_CLOSE, slice_first(payload, 2));
    return ERR_CLOSED;
}

static void on_bytes(struct http_request *q, struct slice bytes)
{
    struct micro_watcher *w = q->owner;

    if (websocket_feed(&w->reader, bytes))
        end(w);
}

static struct slice field(const struct http_request *q, const char *name)
{
    for (unsigned i = 0; i < q->head.count; i++)
        if (slice_equals_nocase(q->head.fields[i].name, slice_of(name)))
            return q->head.fields[i].value;
    return SLICE("");
}

/* RFC 6455 §4.2.1, §4.4: a key of 16 bytes in base64, and the one version there is. False: it was refused. */
static bool check_handshake(struct http_request *q)
{
    const struct slice fields = SLICE("Sec-WebSocket-Version: 13\r\n");

    if (!slice_is(field(q, "Sec-WebSocket-Version"), "13")) {
        server_respond(q, 426, SLICE("text/plain; charset=utf-8"), fields,
                       SLICE("WebSocket of version 13 only\n"));
        return false;
    }
    if (field(q, "Sec-WebSocket-Key").size == KEY_SIZE)
        return true;
    admin_reply_line(q, 400, "Sec-WebSocket-Key must be 16 bytes in base64");
    return false;
}

static void accept_upgrade(struct http_request *q)
{
    struct slice key = field(q, "Sec-WebSocket-Key");
    char accept[WEBSOCKET_ACCEPT], fields[128];

    snprintf(fields, sizeof(fields), "Upgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n",
             websocket_accept(accept, key));
    server_upgrade(q, slice_of(fields));
}

/* ---- what they are told ---- */

static void tell(struct micro_watcher *w, const char *action, const char *service,
                 const struct instance *i)
{
    struct text json;

    text_init(&json, RESULT_LIMIT);
    text_addf(&json, "{\"Action\":\"%s\",\"Service\":", action);
    micro_service_write_instance(&json, service, i);
    text_addf(&json, "}");
    if (!json.failed)
        send_frame(w, WEBSOCKET_TEXT, text_slice(&json));
    text_fini(&json);
}

static void tell_all(struct admin *a, const char *action, const char *service,
                     const struct instance *i)
{
    list_each(at, after, &a->micro_watchers)
    {
        struct micro_watcher *w = container_of(at, struct micro_watcher, node);

        if (!w->name[0] || strcmp(w->name, service) == 0)
            tell(w, action, service, i);
    }
}

static enum err index_list(struct map *by_id, const struct instance_list *l)
{
    enum err e = ERR_OK;

    for (uint32_t i = 0; l && i < l->count && !e; i++)
        e = map_put(by_id, slice_of(l->instances[i].id), &l->instances[i]);
    return e;
}

static void tell_changes(struct admin *a, const char *service,
                         const struct instance_list *before,
                         const struct instance_list *now)
{
    struct map old = {0}, new = {0};
    enum err e = index_list(&old, before);

    if (!e)
        e = index_list(&new, now);
    for (uint32_t i = 0; !e && now && i < now->count; i++) {
        const struct instance *was = map_get(&old, slice_of(now->instances[i].id));

        if (!was || !instance_equals(was, &now->instances[i]))
            tell_all(a, was ? "update" : "create", service, &now->instances[i]);
    }
    for (uint32_t i = 0; !e && before && i < before->count; i++)
        if (!map_get(&new, slice_of(before->instances[i].id)))
            tell_all(a, "delete", service, &before->instances[i]);
    map_fini(&old);
    map_fini(&new);
}

/* ---- what was there before ---- */

static void remember(struct admin *a, const char *service)
{
    struct instance_list *now = catalog_get(a->control->catalog, slice_of(service));
    struct instance_list *before = map_get(&a->micro_seen, slice_of(service));

    if (now == before)
        return;
    map_remove(&a->micro_seen, slice_of(service));
    if (now && !map_put(&a->micro_seen, slice_of(now->service), now))
        instance_list_ref(now);
    instance_list_unref(before);
}

static void remember_all(struct admin *a)
{
    const char *const *names;
    unsigned count = catalog_names(a->control->catalog, &names);

    for (unsigned i = 0; i < count && i < ADMIN_NAMES_LIMIT; i++)
        remember(a, names[i]);
}

static void forget_all(struct admin *a)
{
    map_each(at, &a->micro_seen) instance_list_unref(at->value);
    map_fini(&a->micro_seen);
    a->micro_seen = (struct map){0};
}

void admin_micro_changed(struct admin *a, const char *service)
{
    if (list_empty(&a->micro_watchers)) {
        forget_all(a);
        return;
    }
    if (!service) {
        list_each(at, after, &a->micro_watchers)
            want(container_of(at, struct micro_watcher, node));
        return;
    }
    tell_changes(a, service, map_get(&a->micro_seen, slice_of(service)),
                 catalog_get(a->control->catalog, slice_of(service)));
    remember(a, service);
}

/* ---- begin and end ---- */

void admin_micro_watch(struct admin *a, struct http_request *q, const char *name)
{
    struct micro_watcher *w;

    if (!check_handshake(q))
        return;
    w = calloc(1, sizeof(*w));
    if (!w) {
        admin_reply_line(q, 500, "%s", err_text(ERR_NO_MEMORY));
        return;
    }
    w->admin = a;
    w->request = q;
    w->reader = (struct websocket_reader){.frame = on_frame, .owner = w};
    w->heard_ms = loop_now(&a->control->loop);
    memcpy(w->name, name, strlen(name) + 1);
    timer_init(&w->ping, on_ping);
    timer_start(&w->ping, clock_of(a), PING_MS);
    q->owner = w;
    q->gone = on_gone;
    q->bytes = on_bytes;
    if (list_empty(&a->micro_watchers))
        remember_all(a);
    if (name[0])
        remember(a, name);
    list_push_back(&a->micro_watchers, &w->node);
    accept_upgrade(q);
    want(w);
}

void admin_micro_close(struct admin *a)
{
    while (!list_empty(&a->micro_watchers))
        end(container_of(a->micro_watchers.next, struct micro_watcher, node));
    forget_all(a);
}
