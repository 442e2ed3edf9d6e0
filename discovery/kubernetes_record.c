/* What we publish: go-micro's record in the annotations of our own pod. One of ours is written at a time.
 *
 *   put, remove:  GET the pod > PATCH it, as of the version that was read --(409: somebody was quicker)--> once more
 *   renew:        GET the pod: is our record there as it should be? From the API server's memory, which costs it little
 *
 * There is no TTL: a record lives with its pod, and who resolves looks whether that is running and ready. */
#include <stdio.h>
#include <stdlib.h>

#include "discovery/kubernetes_parts.h"

enum {
    CONFLICT = 409,
    TRIES = 20, /* all of a pod may come at once */
    AGAIN_MS = 20,
    SLOWER_TRIES = 6, /* each waits longer than the one before */
    POD_LIMIT = 4 * 1024 * 1024,
};

enum operation { OP_NONE, OP_PUT, OP_RENEW, OP_REMOVE };

/* The `backend` of a registry_lease. */
struct kubernetes_record {
    struct list node;
    struct list turn; /* waits for its turn to write */
    struct kubernetes *kubernetes;
    struct registry_lease *handle; /* NULL: let go of */
    struct registry_call call;
    struct text target, fields, body, record;
    struct timer again;
    enum operation operation;
    unsigned tries;
    bool is_put;
};

static void read_pod(struct kubernetes_record *r);

/* The next one's. */
static void end_turn(struct kubernetes_record *r)
{
    struct kubernetes *k = r->kubernetes;
    struct list *next;

    list_remove(&r->turn);
    if (k->writing != r)
        return;
    next = list_pop_front(&k->writers);
    k->writing = next ? container_of(next, struct kubernetes_record, turn) : NULL;
    if (k->writing)
        read_pod(k->writing);
}

static void record_free(struct kubernetes_record *r)
{
    struct kubernetes *k = r->kubernetes;

    end_turn(r);
    list_remove(&r->node);
    timer_stop(&r->again, kubernetes_clock(k));
    registry_call_fini(&r->call);
    text_fini(&r->target);
    text_fini(&r->fields);
    text_fini(&r->body);
    text_fini(&r->record);
    free(r);
    kubernetes_end_if_done(k);
}

static void record_done(struct kubernetes_record *r, enum err e, const struct why *w)
{
    struct registry_lease *handle = r->handle;
    enum operation operation = r->operation;
    bool lets_go = operation == OP_REMOVE ? e == ERR_OK || e == ERR_NOT_FOUND
                                          : e && (e == ERR_NOT_FOUND || !r->is_put);
    struct why copy = *w;

    r->operation = OP_NONE;
    r->is_put |= operation == OP_PUT && !e;
    if (lets_go)
        handle->backend = NULL;
    registry_call_fini(&r->call);
    end_turn(r);
    if (lets_go)
        record_free(r);
    handle->registry->frame->lease_done(handle, e, e ? &copy : NULL);
}

static void say_permission(struct kubernetes_record *r, const char *verb, enum err e,
                           unsigned status)
{
    const struct kubernetes *k = r->kubernetes;

    if (status == 403)
        why_in(&r->call.http.why,
               "the account may not %s pods of namespace %s (RBAC; ?use=resolve "
               "registers nothing)",
               verb, k->namespace);
    else if (status == 404)
        why(&r->call.http.why, e,
            "there is no pod %s in namespace %s ($POD_NAME or ?pod= names ours; "
            "?use=resolve registers nothing)",
            k->pod, k->namespace);
}

/* --- calls --- */

static void start(struct kubernetes_record *r, const char *query,
                  void (*answered)(struct registry_call *c, enum err e))
{
    struct http_call *http = &r->call.http;
    enum err e = ERR_NO_MEMORY;

    registry_call_fini(&r->call);
    text_clear(&r->target);
    text_addf(&r->target, "/api/v1/namespaces/%s/pods/%s%s", r->kubernetes->namespace,
              r->kubernetes->pod, query);
    text_clear(&r->fields);
    kubernetes_account_fields(r->kubernetes, &r->fields);
    if (r->body.size > 0)
        text_addf(&r->fields, "Content-Type: application/merge-patch+json\r\n");
    r->call =
        (struct registry_call){.owner = r, .answered = answered, .may_repeat = true};
    http->method = r->body.size > 0 ? SLICE("PATCH") : SLICE("GET");
    http->target = text_slice(&r->target);
    http->fields = text_slice(&r->fields);
    http->body = text_slice(&r->body);
    http->timeout_ms = http->connect_timeout_ms = KUBERNETES_CALL_MS;
    http->limit = POD_LIMIT;
    if (!r->target.failed && !r->fields.failed && !r->body.failed)
        e = registry_call_start(&r->call, &r->kubernetes->http);
    if (e != ERR_LATER) /* no memory: answered by the timer */
        timer_start(&r->again, kubernetes_clock(r->kubernetes), AGAIN_MS);
}

static void on_again(struct timer *t)
{
    read_pod(container_of(t, struct kubernetes_record, again));
}

/* Is there still somebody to be told? */
static bool is_over(struct kubernetes_record *r)
{
    if (r->handle)
        return false;
    record_free(r);
    return true;
}

static uint64_t again_ms(const struct kubernetes_record *r)
{
    return AGAIN_MS * (r->tries < SLOWER_TRIES ? r->tries : SLOWER_TRIES);
}

static void on_patched(struct registry_call *c, enum err e)
{
    struct kubernetes_record *r = c->owner;

    if (is_over(r))
        return;
    if (c->http.status == CONFLICT && r->tries < TRIES) {
        timer_start(&r->again, kubernetes_clock(r->kubernetes),
                    random_jitter(r->kubernetes->base.random, again_ms(r), 90));
        return;
    }
    say_permission(r, "patch", e, c->http.status);
    if (e == ERR_NOT_FOUND && r->operation == OP_PUT)
        e = ERR_UNAVAILABLE;
    record_done(r, e, &c->http.why);
}

static struct kubernetes_ours ours_of(const struct kubernetes_record *r)
{
    const struct registration *ours = &r->handle->registration;

    return (struct kubernetes_ours){
        .id = ours->id, .address = ours->address, .record = text_slice(&r->record)};
}

/* ERR_LATER: the patch is on its way. */
static enum err patch(struct kubernetes_record *r, const json_t *pod)
{
    const char *service = r->handle->registration.service;
    struct kubernetes_ours ours = ours_of(r);
    const char *there = kubernetes_record_of(pod, service);
    struct text merged;
    enum err e;

    if (r->operation == OP_REMOVE) {
        ours.record = (struct slice){0};
        if (!there)
            return ERR_NOT_FOUND;
    }
    text_init(&merged, RECORD_LIMIT);
    e = kubernetes_merge(&merged, there, &ours, &r->call.http.why);
    text_clear(&r->body);
    kubernetes_write_patch(&r->body, kubernetes_meta(pod, "resourceVersion"), service,
                           text_slice(&merged));
    text_fini(&merged);
    if (e)
        return e;
    start(r, "", on_patched);
    return ERR_LATER;
}

static enum err take_pod(struct kubernetes_record *r, const json_t *pod)
{
    struct kubernetes_ours ours = ours_of(r);
    const char *there = kubernetes_record_of(pod, r->handle->registration.service);

    if (!json_is_object(pod))
        return why(&r->call.http.why, ERR_BAD_RESPONSE, "its answer is no pod");
    if (r->operation == OP_RENEW)
        return there && kubernetes_has_ours(there, &ours) ? ERR_OK : ERR_NOT_FOUND;
    return patch(r, pod);
}

static void on_pod(struct registry_call *c, enum err e)
{
    struct kubernetes_record *r = c->owner;
    struct slice body = text_slice(&c->http.body_in);
    json_t *pod = NULL;

    if (is_over(r))
        return;
    if (e) {
        say_permission(r, "get", e, c->http.status);
        if (e == ERR_NOT_FOUND && r->operation == OP_PUT)
            e = ERR_UNAVAILABLE; /* the pod may come */
    } else {
        pod = json_loadb(body.base ? body.base : "", body.size, 0, NULL);
        e = take_pod(r, pod);
        json_decref(pod);
    }
    if (e != ERR_LATER)
        record_done(r, e, &r->call.http.why);
}

/* A renewal may be answered from the server's memory: what it has missed, the next one sees. */
static void read_pod(struct kubernetes_record *r)
{
    r->tries++;
    text_clear(&r->body);
    start(r, r->operation == OP_RENEW ? "?resourceVersion=0" : "", on_pod);
}

/* --- the contract --- */

static enum err record_new(struct kubernetes *k, struct registry_lease *handle)
{
    struct kubernetes_record *r = calloc(1, sizeof(*r));

    if (!r)
        return ERR_NO_MEMORY;
    r->kubernetes = k;
    r->handle = handle;
    list_init(&r->turn);
    timer_init(&r->again, on_again);
    text_init(&r->target, 1024);
    text_init(&r->fields, KUBERNETES_TOKEN_LIMIT + 128);
    text_init(&r->body, 4 * RECORD_LIMIT);
    text_init(&r->record, RECORD_LIMIT);
    list_push_back(&k->records, &r->node);
    handle->backend = r;
    return ERR_OK;
}

static void take_turn(struct kubernetes_record *r)
{
    struct kubernetes *k = r->kubernetes;

    if (k->writing) {
        list_push_back(&k->writers, &r->turn);
        return;
    }
    k->writing = r;
    read_pod(r);
}

static enum err begin(struct kubernetes_record *r, enum operation operation)
{
    enum err e = ERR_OK;

    text_clear(&r->record);
    if (operation != OP_REMOVE)
        e = micro_service_write(&r->record, &r->handle->registration);
    if (e && !r->is_put) {
        r->handle->backend = NULL;
        record_free(r);
    }
    if (e)
        return e;
    r->operation = operation;
    r->tries = 0;
    if (operation == OP_RENEW)
        read_pod(r);
    else
        take_turn(r);
    return ERR_LATER;
}

enum err kubernetes_put(struct registry *registry, struct registry_lease *handle)
{
    struct kubernetes *k = kubernetes_of(registry);
    enum err e = handle->backend ? ERR_OK : record_new(k, handle);

    if (!e && (strlen(handle->registration.service) > KUBERNETES_SERVICE_LIMIT ||
               !kubernetes_has_pod(k))) {
        record_free(handle->backend);
        handle->backend = NULL;
        return ERR_UNSUPPORTED;
    }
    return e ? e : begin(handle->backend, OP_PUT);
}

enum err kubernetes_renew(struct registry *registry, struct registry_lease *handle)
{
    (void)registry;
    return handle->backend ? begin(handle->backend, OP_RENEW) : ERR_NOT_FOUND;
}

enum err kubernetes_remove(struct registry *registry, struct registry_lease *handle)
{
    struct kubernetes *k = kubernetes_of(registry);
    enum err e = handle->backend ? ERR_OK : record_new(k, handle);

    return e ? e : begin(handle->backend, OP_REMOVE);
}

/* --- the end --- */

void kubernetes_records_close(struct kubernetes *k)
{
    while (list_pop_front(&k->writers))
        ; /* nobody follows */
    list_each(at, after, &k->records)
    {
        struct kubernetes_record *r = container_of(at, struct kubernetes_record, node);

        r->handle = NULL; /* which may have gone: its owner gave up on a removal */
        if (registry_call_is_running(&r->call))
            registry_call_cancel(&r->call);
        else
            record_free(r);
    }
}
