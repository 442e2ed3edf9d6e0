/* What we publish: a key for each record, all under one lease (one for each TTL, of which a process has one).
 *
 * A renewal keeps the lease alive, once for all records that renew at about the same time, and then looks whether the
 * record is still there. A lease that is lost takes all its records with it: they are put again. */
#include <stdlib.h>

#include "discovery/etcd_parts.h"
#include "discovery/micro_service.h"

struct etcd_lease {
    struct list node;
    struct etcd *etcd;
    uint64_t ttl_s, id; /* id 0: not granted */
    struct etcd_call call;
    enum { LEASE_IDLE, LEASE_GRANT, LEASE_KEEP } doing;
    struct list waiting; /* struct etcd_record */
};

enum operation { OP_NONE, OP_PUT, OP_RENEW, OP_REMOVE };

/* The `backend` of a registry_lease. */
struct etcd_record {
    struct list all;
    struct list node; /* waits for the lease */
    struct etcd *etcd;
    struct registry_lease *handle; /* NULL: let go of */
    struct etcd_lease *lease;
    struct etcd_call call;
    struct text value;
    enum operation operation;
    bool is_put, retried;
    char key[ETCD_KEY_LIMIT];
};

/* --- leases --- */

static void lease_free(struct etcd_lease *l)
{
    struct etcd *e = l->etcd;

    list_remove(&l->node);
    etcd_call_fini(&l->call);
    free(l);
    if (e->closing)
        etcd_end_if_done(e);
}

static void record_go_on(struct etcd_record *r);
static void record_done(struct etcd_record *r, enum err e, const struct why *why);

static void tell_waiting(struct etcd_lease *l, enum err e, const struct why *why)
{
    struct list now, *node;

    list_init(&now);
    while ((node = list_pop_front(&l->waiting)))
        list_push_back(&now, node);
    while ((node = list_pop_front(&now))) {
        struct etcd_record *r = container_of(node, struct etcd_record, node);

        if (e)
            record_done(r, e, why);
        else
            record_go_on(r);
    }
}

/* Gone with all that hung on it. */
static void lease_lost(struct etcd_lease *l)
{
    l->id = 0;
}

static void on_lease_answered(struct etcd_call *c, enum err error, json_t *root)
{
    struct etcd_lease *l = c->owner;
    const json_t *kept = json_object_get(root, "result");
    int doing = l->doing;

    l->doing = LEASE_IDLE;
    if (doing == LEASE_GRANT && !error)
        l->id = etcd_number(root, "ID");
    if (doing == LEASE_KEEP && !error && etcd_number(kept, "TTL") == 0)
        error = ERR_NOT_FOUND; /* how it says that it does not know it */
    if (doing == LEASE_KEEP && error == ERR_NOT_FOUND) {
        lease_lost(l);
        etcd_session_doubt(l->etcd); /* did all go? Of a lease it tells without a token */
    }
    if (!error && !l->id) /* a record without a lease would stay for ever */
        error = doing == LEASE_GRANT ? ERR_BAD_RESPONSE : ERR_NOT_FOUND;
    if (l->etcd->closing)
        lease_free(l);
    else
        tell_waiting(l, error, error ? &c->why : NULL);
}

static void lease_call(struct etcd_lease *l, int doing, const char *path)
{
    l->doing = doing;
    l->call.path = path;
    text_clear(&l->call.body);
    if (doing == LEASE_GRANT)
        etcd_write_grant(&l->call.body, l->ttl_s);
    else
        etcd_write_lease(&l->call.body, l->id);
    etcd_call_start(&l->call);
}

static struct etcd_lease *lease_of(struct etcd *e, uint64_t ttl_ms)
{
    uint64_t ttl_s = (ttl_ms + 999) / 1000;
    struct etcd_lease *l;

    list_each(at, after, &e->leases)
    {
        l = container_of(at, struct etcd_lease, node);
        if (l->ttl_s == ttl_s)
            return l;
    }
    l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->etcd = e;
    l->ttl_s = ttl_s;
    list_init(&l->waiting);
    etcd_call_init(&l->call, e, "", l, on_lease_answered);
    list_push_back(&e->leases, &l->node);
    return l;
}

/* --- records --- */

static void record_free(struct etcd_record *r)
{
    struct etcd *e = r->etcd;

    list_remove(&r->all);
    list_remove(&r->node);
    etcd_call_fini(&r->call);
    text_fini(&r->value);
    free(r);
    if (e->closing)
        etcd_end_if_done(e);
}

static void record_done(struct etcd_record *r, enum err e, const struct why *why)
{
    struct registry_lease *handle = r->handle;
    enum operation operation = r->operation;
    bool lets_go = operation == OP_REMOVE ? e == ERR_OK || e == ERR_NOT_FOUND
                                          : e && (e == ERR_NOT_FOUND || !r->is_put);

    r->operation = OP_NONE;
    if (operation == OP_PUT && !e)
        r->is_put = true;
    if (lets_go && handle)
        handle->backend = NULL;
    if (lets_go)
        r->handle = NULL;
    if (handle)
        r->etcd->base.frame->lease_done(handle, e, why);
    if (lets_go || !handle)
        record_free(r);
}

/* The lease went while we were about to use it: a new one, once. */
static bool again_with_lease(struct etcd_record *r)
{
    if (r->retried || !r->handle)
        return false;
    r->retried = true;
    lease_lost(r->lease);
    list_push_back(&r->lease->waiting, &r->node);
    if (r->lease->doing == LEASE_IDLE)
        lease_call(r->lease, LEASE_GRANT, "/lease/grant");
    return true;
}

static void on_record_answered(struct etcd_call *c, enum err error, json_t *root)
{
    struct etcd_record *r = c->owner;

    if (!r->handle) {
        record_free(r);
        return;
    }
    if (r->operation == OP_REMOVE && !error && etcd_number(root, "deleted") == 0)
        error = ERR_NOT_FOUND;
    if (r->operation != OP_REMOVE && error == ERR_NOT_FOUND && again_with_lease(r))
        return;
    record_done(r, error, &c->why);
}

/* The lease is there. */
static void record_go_on(struct etcd_record *r)
{
    struct slice key = slice_of(r->key), value = text_slice(&r->value);

    text_clear(&r->call.body);
    if (r->operation == OP_PUT) {
        r->call.path = "/kv/put";
        etcd_write_put(&r->call.body, key, value, r->lease->id);
    } else {
        r->call.path = "/kv/txn";
        etcd_write_put_if_absent(&r->call.body, key, value, r->lease->id);
    }
    etcd_call_start(&r->call);
}

static enum err record_new(struct etcd *e, struct registry_lease *handle)
{
    struct etcd_record *r = calloc(1, sizeof(*r));

    if (!r)
        return ERR_NO_MEMORY;
    r->etcd = e;
    r->handle = handle;
    list_init(&r->node);
    list_push_back(&e->records, &r->all);
    text_init(&r->value, RECORD_LIMIT);
    etcd_call_init(&r->call, e, "", r, on_record_answered);
    if (etcd_key(e, r->key, handle->registration.service, handle->registration.id)) {
        record_free(r);
        return ERR_BAD_VALUE;
    }
    handle->backend = r;
    return ERR_OK;
}

static enum err begin(struct etcd_record *r, enum operation operation)
{
    r->operation = operation;
    r->retried = false;
    return ERR_LATER;
}

static enum err wait_for_lease(struct etcd_record *r, int doing, const char *path)
{
    list_push_back(&r->lease->waiting, &r->node);
    if (r->lease->doing == LEASE_IDLE)
        lease_call(r->lease, doing, path);
    return ERR_LATER;
}

static enum err write_value(struct etcd_record *r)
{
    text_clear(&r->value);
    return micro_service_write(&r->value, &r->handle->registration);
}

enum err etcd_put(struct registry *registry, struct registry_lease *handle)
{
    struct etcd *e = etcd_of(registry);
    enum err error = handle->backend ? ERR_OK : record_new(e, handle);
    struct etcd_record *r = handle->backend;

    if (error)
        return error;
    r->lease = lease_of(e, handle->registration.ttl_ms);
    error = r->lease ? write_value(r) : ERR_NO_MEMORY;
    if (error && !r->is_put) {
        handle->backend = NULL;
        record_free(r);
    }
    if (error)
        return error;
    begin(r, OP_PUT);
    if (!r->lease->id)
        return wait_for_lease(r, LEASE_GRANT, "/lease/grant");
    record_go_on(r);
    return ERR_LATER;
}

enum err etcd_renew(struct registry *registry, struct registry_lease *handle)
{
    struct etcd_record *r = handle->backend;

    (void)registry;
    if (!r || !r->lease->id) {
        if (r) {
            handle->backend = NULL;
            record_free(r);
        }
        return ERR_NOT_FOUND;
    }
    begin(r, OP_RENEW);
    return wait_for_lease(r, LEASE_KEEP, "/lease/keepalive");
}

enum err etcd_remove(struct registry *registry, struct registry_lease *handle)
{
    enum err error = handle->backend ? ERR_OK : record_new(etcd_of(registry), handle);
    struct etcd_record *r = handle->backend;

    if (error)
        return error;
    begin(r, OP_REMOVE);
    r->call.path = "/kv/deleterange";
    text_clear(&r->call.body);
    etcd_write_delete(&r->call.body, slice_of(r->key));
    etcd_call_start(&r->call);
    return ERR_LATER;
}

/* --- the end --- */

void etcd_records_close(struct etcd *e)
{
    list_each(at, after, &e->records)
    {
        struct etcd_record *r = container_of(at, struct etcd_record, all);

        r->handle = NULL; /* which may have gone: its owner gave up on a removal */
        if (r->call.running)
            etcd_call_cancel(&r->call);
        else
            record_free(r);
    }
    list_each(at_lease, after_lease, &e->leases)
    {
        struct etcd_lease *l = container_of(at_lease, struct etcd_lease, node);

        if (l->call.running)
            etcd_call_cancel(&l->call);
        else
            lease_free(l);
    }
}
