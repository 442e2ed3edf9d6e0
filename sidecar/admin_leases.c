/* Records kept alive for others, as long as this process lives or until they are deleted. */
#include <stdio.h>
#include <stdlib.h>

#include "discovery/instance_json.h"
#include "discovery/lease.h"
#include "sidecar/admin_parts.h"
#include "sidecar/metrics.h"

enum {
    REMOVE_MS = 2000,
    ANSWER_MS = 2000,
    SEEN_MS = 50, /* for a list that is watched to follow */
    LEASES_LIMIT = 1000
};

struct kept {
    struct list node;
    struct admin *admin;
    struct lease *lease;
    struct http_request *request; /* waits until it is held, or gone; or NULL */
    struct timer late;
    unsigned status; /* of the answer; 0: nothing is certain yet */
    bool held, stopping, stopped;
};

static const struct registration *record(const struct kept *k)
{
    return lease_registration(k->lease);
}

static json_t *registries_json(const struct kept *k)
{
    struct catalog *c = k->admin->control->catalog;
    json_t *out = json_object();

    for (unsigned i = 0; out && i < catalog_registry_count(c); i++) {
        struct registry_status s;

        catalog_registry_status(c, i, &s);
        if (s.abilities & REGISTRY_WRITES)
            json_object_set_new(
                out, s.url,
                json_string(lease_state_name(lease_state(k->lease, i, NULL))));
    }
    return out;
}

static json_t *kept_json(const struct kept *k)
{
    const struct registration *r = record(k);
    char address[ADDRESS_TEXT];

    return json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", r->service, "id", r->id,
                     "address", address_format(&r->address, address), "held", k->held,
                     "registries", registries_json(k));
}

/* ---- life ---- */

static void answer(struct kept *k, unsigned status)
{
    struct http_request *q = k->request;

    timer_stop(&k->late, &k->admin->control->loop.clock);
    if (!q)
        return;
    k->request = NULL;
    q->gone = NULL;
    admin_reply_json(q, status, kept_json(k));
}

static void on_gone(struct http_request *q)
{
    struct kept *k = q->owner;

    k->request = NULL;
}

static void wait_for(struct kept *k, struct http_request *q)
{
    k->request = q;
    q->owner = k;
    q->gone = on_gone;
}

static void kept_free(struct kept *k)
{
    struct admin *a = k->admin;

    timer_stop(&k->late, &a->control->loop.clock);
    list_remove(&k->node);
    if (k->lease)
        lease_free(k->lease);
    free(k);
    if (list_empty(&a->leases))
        admin_leases_gone(a);
}

static void on_late(struct timer *t)
{
    struct kept *k = container_of(t, struct kept, late);

    answer(k, k->status ? k->status : 202);
    if (k->stopped)
        kept_free(k);
}

/* Who is answered may look at once, and should then see what was done. */
static void answer_when_seen(struct kept *k, unsigned status)
{
    struct control *c = k->admin->control;
    bool watched = catalog_get(c->catalog, slice_of(record(k)->service)) != NULL;

    k->status = status;
    if (k->request)
        timer_start(&k->late, &c->loop.clock, watched ? SEEN_MS : 0);
}

static void on_changed(struct lease *l, bool held)
{
    struct kept *k = lease_owner(l);

    k->held = held;
    if (held && !k->stopping)
        answer_when_seen(k, 201);
}

static void on_stopped(struct lease *l)
{
    struct kept *k = lease_owner(l);

    k->held = false;
    k->stopped = true;
    answer_when_seen(k, 200);
    if (!k->request || k->admin->closing)
        on_late(&k->late);
}

static const struct lease_events lease_events = {
    .changed = on_changed,
    .stopped = on_stopped,
};

static void stop(struct kept *k, uint64_t within_ms)
{
    k->stopping = true;
    lease_stop(k->lease, within_ms);
}

void admin_leases_stop(struct admin *a, uint64_t within_ms)
{
    list_each(at, after, &a->leases)
    {
        struct kept *k = container_of(at, struct kept, node);

        if (!k->stopping)
            stop(k, within_ms);
    }
}

/* ---- one more ---- */

static struct kept *find(const struct admin *a, const char *service, const char *id)
{
    list_each(at, after, &a->leases)
    {
        struct kept *k = container_of(at, struct kept, node);

        if (!k->stopped && strcmp(record(k)->id, id) == 0 &&
            (!service[0] || strcmp(record(k)->service, service) == 0))
            return k;
    }
    return NULL;
}

static unsigned count(const struct admin *a)
{
    unsigned sum = 0;

    list_each(at, after, &a->leases) sum++;
    return sum;
}

static bool can_write(const struct admin *a)
{
    const struct catalog *c = a->control->catalog;

    for (unsigned i = 0; i < catalog_registry_count(c); i++) {
        struct registry_status s;

        catalog_registry_status(c, i, &s);
        if (s.abilities & REGISTRY_WRITES)
            return true;
    }
    return false;
}

static struct kept *keep(struct admin *a, const struct registration *r)
{
    struct kept *k = calloc(1, sizeof(*k));

    if (!k)
        return NULL;
    k->admin = a;
    list_init(&k->node);
    timer_init(&k->late, on_late);
    if (lease_open(&k->lease, a->control->catalog, r, &lease_events, k)) {
        free(k);
        return NULL;
    }
    list_push_back(&a->leases, &k->node);
    return k;
}

static void start(struct admin *a, struct http_request *q, const struct registration *r)
{
    struct kept *k = keep(a, r);

    if (!k) {
        admin_reply_problem(q, 0, ERR_NO_MEMORY, NULL);
        return;
    }
    wait_for(k, q);
    timer_start(&k->late, &a->control->loop.clock, ANSWER_MS);
    lease_start(k->lease);
}

/* Unless it has one, the id is new: "orders-1f3a5b7c". */
static void fill(struct registration *r, const struct settings *s, const json_t *body,
                 const struct instance_json *read, char *id, size_t id_size)
{
    char random[9];

    r->service = json_string_value(json_object_get(body, "name"));
    r->version = read->instance.version;
    r->address = read->instance.address;
    r->weight = read->instance.weight;
    r->metadata = read->instance.metadata;
    r->ttl_ms = s->registry.ttl;
    r->heartbeat_ms = s->registry.heartbeat;
    r->id = read->instance.id;
    if (json_object_get(body, "id"))
        return;
    random_hex(random, 8);
    snprintf(id, id_size, "%s-%s", r->service, random);
    r->id = id;
}

static enum err check(const struct admin *a, const json_t *body, struct why *w)
{
    const char *name = json_string_value(json_object_get(body, "name"));

    if (!name || !service_name_is_valid(slice_of(name)))
        return why(w, ERR_BAD_REQUEST, "name must be a service's name");
    if (!can_write(a))
        return why(w, ERR_UNSUPPORTED, "no registry of this sidecar can be written to");
    if (count(a) >= LEASES_LIMIT)
        return why(w, ERR_TOO_LARGE, "%d records are kept already", LEASES_LIMIT);
    return ERR_OK;
}

static void register_body(struct admin *a, struct http_request *q, const json_t *body)
{
    struct instance_json read;
    struct registration r;
    char id[INSTANCE_ID_LIMIT + 1];
    struct why w;

    why_init(&w);
    if (instance_json_read(&read, body, &w)) {
        admin_reply_problem(q, 400, ERR_BAD_REQUEST, w.text);
        return;
    }
    if (check(a, body, &w)) {
        admin_reply_problem(q, 400, ERR_BAD_REQUEST, w.text);
    } else {
        fill(&r, a->control->settings, body, &read, id, sizeof(id));
        if (find(a, r.service, r.id))
            admin_reply_problem(q, 409, ERR_BAD_REQUEST, "this id is registered already");
        else
            start(a, q, &r);
    }
    instance_json_fini(&read);
}

void admin_post_lease(struct admin *a, struct http_request *q)
{
    json_error_t error;
    json_t *body = json_loadb(q->body.base, q->body.size, JSON_REJECT_DUPLICATES, &error);

    if (drain_is_on(&a->control->drain))
        admin_reply_problem(q, 0, ERR_DRAINING, NULL);
    else if (!body)
        admin_reply_problem(q, 400, ERR_BAD_REQUEST, error.text);
    else
        register_body(a, q, body);
    json_decref(body);
}

/* ---- the others ---- */

void admin_get_leases(struct admin *a, struct http_request *q)
{
    json_t *out = json_array();

    list_each(at, after, &a->leases) if (out)
        json_array_append_new(out, kept_json(container_of(at, struct kept, node)));
    admin_reply_json(q, 200, json_pack("{s:o}", "registrations", out));
}

void admin_delete_lease(struct admin *a, struct http_request *q)
{
    char id[INSTANCE_ID_LIMIT + 1], service[SERVICE_NAME_LIMIT + 1] = "";
    struct kept *k;

    if (!admin_name_of(q, "/register/", id, sizeof(id)))
        return;
    query_value(q->query, "service", service, sizeof(service));
    k = find(a, service, id);
    if (!k) {
        admin_reply_problem(
            q, 404, ERR_NOT_FOUND,
            "no record of this id is kept here; GET /register lists them");
        return;
    }
    answer(k, 202); /* whoever still waits for it to be held */
    k->status = 0;
    wait_for(k, q);
    stop(k, REMOVE_MS);
}

struct metrics_lease *admin_leases_metrics(const struct admin *a, unsigned *many)
{
    struct metrics_lease *rows = calloc(count(a) + 1, sizeof(*rows));

    *many = 0;
    list_each(at, after, &a->leases)
    {
        const struct kept *k = container_of(at, struct kept, node);

        if (rows)
            rows[(*many)++] =
                (struct metrics_lease){record(k)->service, record(k)->id, k->held};
    }
    return rows;
}
