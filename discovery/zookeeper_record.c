/* What we publish: an ephemeral leaf for each record. The session is its lease: it goes with us, and a heartbeat only
 * looks whether it is still there, and still ours. A record that nobody renews is taken out by its own timer. */
#include <stdlib.h>

#include "discovery/micro_service.h"
#include "discovery/zookeeper_parts.h"

enum { FLAGS_PERSISTENT = 0, FLAGS_EPHEMERAL = 1, ANSWER_MS = 4000 };

enum operation { OP_NONE, OP_PUT, OP_RENEW, OP_REMOVE, OP_LAPSE };

struct zookeeper_record {
    struct list node;
    struct zookeeper *z;
    struct registry_lease *handle; /* NULL: let go of */
    struct zookeeper_request request;
    struct text value;
    enum operation operation;
    bool busy;  /* its request is out */
    bool waits; /* for a session, to be put */
    bool is_put, replaced;
    struct timer lapse, patience;
    char path[ZOOKEEPER_PATH_LIMIT];
};

static void record_free(struct zookeeper_record *r)
{
    timer_stop(&r->lapse, zookeeper_clock(r->z));
    timer_stop(&r->patience, zookeeper_clock(r->z));
    list_remove(&r->node);
    text_fini(&r->value);
    free(r);
}

static void let_go(struct zookeeper_record *r)
{
    if (r->handle)
        r->handle->backend = NULL;
    r->handle = NULL;
    if (!r->busy)
        record_free(r);
}

static bool lets_go(const struct zookeeper_record *r, enum operation operation,
                    enum err e)
{
    if (operation == OP_REMOVE)
        return e == ERR_OK || e == ERR_NOT_FOUND;
    return e && (e == ERR_NOT_FOUND || !r->is_put);
}

static void done(struct zookeeper_record *r, enum err e)
{
    struct registry_lease *handle = r->handle;
    enum operation operation = r->operation;
    struct zookeeper *z = r->z;
    struct why w;

    why_init(&w);
    timer_stop(&r->patience, zookeeper_clock(z));
    r->operation = OP_NONE;
    r->is_put = r->is_put || (operation == OP_PUT && !e);
    if (!e && (operation == OP_PUT || operation == OP_RENEW))
        timer_start(&r->lapse, zookeeper_clock(z), handle->registration.ttl_ms);
    if (e && e != ERR_NOT_FOUND)
        e = zookeeper_refusal(z, e, r->path, &w);
    if (lets_go(r, operation, e))
        let_go(r);
    z->base.frame->lease_done(handle, e, &w);
}

/* --- requests --- */

static void on_answered(struct zookeeper_request *q, enum err e, int32_t code,
                        struct zookeeper_reader *reader);

static void begin_request(struct zookeeper_record *r, enum zookeeper_operation op)
{
    zookeeper_request_init(&r->request, op, r, on_answered);
    zookeeper_write_buffer(&r->request.payload, slice_of(r->path));
}

/* A cut while it is out answers it; so does the lack of a session. */
static enum err send_request(struct zookeeper_record *r)
{
    enum err e = zookeeper_send(r->z->client, &r->request);

    r->busy = e == ERR_OK;
    return e;
}

static enum err create_leaf(struct zookeeper_record *r)
{
    struct text *out;

    begin_request(r, ZOOKEEPER_CREATE);
    out = &r->request.payload;
    zookeeper_write_buffer(out, text_slice(&r->value));
    zookeeper_write_acl(out, (enum zookeeper_acl)r->z->acl);
    zookeeper_write_int(out, FLAGS_EPHEMERAL);
    return send_request(r);
}

static enum err set_leaf(struct zookeeper_record *r)
{
    begin_request(r, ZOOKEEPER_SET_DATA);
    zookeeper_write_buffer(&r->request.payload, text_slice(&r->value));
    zookeeper_write_int(&r->request.payload, -1);
    return send_request(r);
}

static enum err delete_leaf(struct zookeeper_record *r)
{
    begin_request(r, ZOOKEEPER_DELETE);
    zookeeper_write_int(&r->request.payload, -1);
    return send_request(r);
}

static enum err look_at_leaf(struct zookeeper_record *r)
{
    begin_request(r, ZOOKEEPER_EXISTS);
    zookeeper_write_bool(&r->request.payload, false);
    return send_request(r);
}

/* --- parents --- */

struct parent {
    struct zookeeper_request request;
};

/* That it is there already is as good. At the leaf, whose answer comes next, a refusal is no more than a lack of it. */
static void on_parent(struct zookeeper_request *q, enum err e, int32_t code,
                      struct zookeeper_reader *r)
{
    struct zookeeper *z = q->owner;

    z->parent_refused = z->parent_refused || e == ERR_DENIED;
    (void)code;
    (void)r;
    free(container_of(q, struct parent, request));
}

static enum err create_parent(struct zookeeper *z, struct slice path)
{
    struct parent *p = malloc(sizeof(*p));
    enum err e;

    if (!p)
        return ERR_NO_MEMORY;
    zookeeper_request_init(&p->request, ZOOKEEPER_CREATE, z, on_parent);
    zookeeper_write_buffer(&p->request.payload, path);
    zookeeper_write_buffer(&p->request.payload, SLICE(""));
    zookeeper_write_acl(&p->request.payload, ZOOKEEPER_OPEN);
    zookeeper_write_int(&p->request.payload, FLAGS_PERSISTENT);
    e = zookeeper_send(z->client, &p->request);
    if (e)
        free(p);
    return e;
}

/* From the top, in the order in which they are answered; below a chroot that is not there nothing can be. */
static enum err create_parents(struct zookeeper_record *r)
{
    struct slice path = slice_of(r->path);
    enum err e = ERR_OK;

    for (size_t at = 1; at < path.size && !e; at++)
        if (path.base[at] == '/')
            e = create_parent(r->z, slice_first(path, at));
    return e;
}

static enum err create_all(struct zookeeper_record *r)
{
    enum err e = create_parents(r);

    return e ? e : create_leaf(r);
}

/* --- answers --- */

/* Ours since before a cut: its data is set. A dead predecessor's: it makes room, once. */
static enum err take_place(struct zookeeper_record *r, struct zookeeper_reader *reader)
{
    int64_t owner = zookeeper_read_owner(reader);

    if (!reader->failed && owner == zookeeper_client_session(r->z->client))
        return set_leaf(r);
    if (r->replaced)
        return ERR_IO;
    r->replaced = true;
    return delete_leaf(r);
}

static enum err why_no_parent(struct zookeeper_record *r)
{
    bool refused = r->z->parent_refused;

    r->z->parent_refused = false;
    return refused ? ERR_DENIED : ERR_IO;
}

/* The next request of a put, or how it ends. ERR_LATER: a request is out. */
static enum err go_on_putting(struct zookeeper_record *r, enum zookeeper_operation op,
                              enum err e, int32_t code, struct zookeeper_reader *reader)
{
    enum err next = e;

    if (op == ZOOKEEPER_CREATE && code == ZOOKEEPER_NODE_EXISTS)
        next = look_at_leaf(r);
    else if (op == ZOOKEEPER_EXISTS && e == ERR_OK)
        next = take_place(r, reader);
    else if ((op == ZOOKEEPER_DELETE && (e == ERR_OK || e == ERR_NOT_FOUND)) ||
             (op != ZOOKEEPER_CREATE && e == ERR_NOT_FOUND))
        next = create_all(r);
    else
        return e == ERR_NOT_FOUND ? why_no_parent(r) : e;
    return next ? next : ERR_LATER;
}

static enum err end_of_renewal(struct zookeeper_record *r, enum err e,
                               struct zookeeper_reader *reader)
{
    if (!e && zookeeper_read_owner(reader) != zookeeper_client_session(r->z->client))
        return ERR_NOT_FOUND; /* of our former session, or another's: it is put again */
    return e;
}

static void on_answered(struct zookeeper_request *q, enum err e, int32_t code,
                        struct zookeeper_reader *reader)
{
    struct zookeeper_record *r = q->owner;

    r->busy = false;
    if (!r->handle) {
        record_free(r);
        return;
    }
    if (r->operation == OP_PUT)
        e = go_on_putting(r, q->operation, e, code, reader);
    else if (r->operation == OP_RENEW)
        e = end_of_renewal(r, e, reader);
    if (r->operation == OP_LAPSE)
        r->operation = OP_NONE;
    else if (e != ERR_LATER && r->operation != OP_NONE)
        done(r, e);
}

/* It is not certain whether it has been done: the next heartbeat will tell. */
static void on_patience(struct timer *t)
{
    struct zookeeper_record *r = container_of(t, struct zookeeper_record, patience);
    enum err e = r->waits ? ERR_UNAVAILABLE : ERR_TIMEOUT;

    r->waits = false;
    done(r, e);
}

static void on_lapse(struct timer *t)
{
    struct zookeeper_record *r = container_of(t, struct zookeeper_record, lapse);

    r->is_put = false;
    if (r->operation != OP_NONE || r->busy)
        return;
    r->operation = OP_LAPSE;
    if (delete_leaf(r))
        r->operation = OP_NONE;
}

void zookeeper_records_put(struct zookeeper *z)
{
    list_each(at, after, &z->records)
    {
        struct zookeeper_record *r = container_of(at, struct zookeeper_record, node);
        enum err e;

        if (!r->waits)
            continue;
        r->waits = false;
        e = create_all(r);
        if (e)
            done(r, e);
    }
}

/* --- operations --- */

static enum err record_new(struct zookeeper *z, struct registry_lease *handle)
{
    struct zookeeper_record *r = calloc(1, sizeof(*r));

    if (!r)
        return ERR_NO_MEMORY;
    r->z = z;
    r->handle = handle;
    text_init(&r->value, RECORD_LIMIT);
    timer_init(&r->lapse, on_lapse);
    timer_init(&r->patience, on_patience);
    list_init(&r->node);
    if (zookeeper_path(z, r->path, handle->registration.service,
                       handle->registration.id)) {
        record_free(r);
        return ERR_BAD_VALUE;
    }
    list_push_back(&z->records, &r->node);
    handle->backend = r;
    return ERR_OK;
}

/* What could not even be sent is said at once. */
static enum err begun(struct zookeeper_record *r, enum operation operation, enum err e)
{
    r->operation = e ? OP_NONE : operation;
    if (e && lets_go(r, operation, e))
        let_go(r);
    if (e)
        return e;
    timer_start(&r->patience, zookeeper_clock(r->z), ANSWER_MS);
    return ERR_LATER;
}

enum err zookeeper_put(struct registry *registry, struct registry_lease *handle)
{
    struct zookeeper *z = zookeeper_of(registry);
    enum err e = handle->backend ? ERR_OK : record_new(z, handle);
    struct zookeeper_record *r = handle->backend;

    if (e)
        return e;
    if (r->busy)
        return begun(r, OP_PUT, ERR_UNAVAILABLE);
    zookeeper_client_set_timeout(z->client, handle->registration.ttl_ms);
    text_clear(&r->value);
    r->replaced = false;
    e = micro_service_write(&r->value, &handle->registration);
    if (!e && zookeeper_client_is_about_to_be(z->client))
        r->waits = true;
    else if (!e)
        e = create_all(r);
    return begun(r, OP_PUT, e);
}

enum err zookeeper_renew(struct registry *registry, struct registry_lease *handle)
{
    struct zookeeper_record *r = handle->backend;

    (void)registry;
    if (!r)
        return ERR_NOT_FOUND;
    if (!r->is_put) {
        let_go(r);
        return ERR_NOT_FOUND;
    }
    return begun(r, OP_RENEW, r->busy ? ERR_UNAVAILABLE : look_at_leaf(r));
}

enum err zookeeper_remove(struct registry *registry, struct registry_lease *handle)
{
    enum err e = handle->backend ? ERR_OK : record_new(zookeeper_of(registry), handle);
    struct zookeeper_record *r = handle->backend;

    if (e)
        return e;
    timer_stop(&r->lapse, zookeeper_clock(r->z));
    return begun(r, OP_REMOVE, r->busy ? ERR_UNAVAILABLE : delete_leaf(r));
}

void zookeeper_records_close(struct zookeeper *z)
{
    list_each(at, after, &z->records)
    {
        struct zookeeper_record *r = container_of(at, struct zookeeper_record, node);

        r->handle = NULL; /* which may have gone: its owner gave up on a removal */
        let_go(r);
    }
}
