/* Records kept alive for others, in our own words: /register. */
#include <stdio.h>

#include "discovery/instance_json.h"
#include "sidecar/admin_kept.h"

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
    const struct registration *r = kept_record(k);
    char address[ADDRESS_TEXT];

    return json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", r->service, "id", r->id,
                     "address", address_format(&r->address, address), "held", k->held,
                     "registries", registries_json(k));
}

static void reply(struct kept *k, struct http_request *q, unsigned status)
{
    admin_reply_json(q, status, kept_json(k));
}

/* ---- one more ---- */

static void start(struct admin *a, struct http_request *q, const struct registration *r)
{
    struct kept *k = kept_new(a, r);

    if (!k) {
        admin_reply_problem(q, 0, ERR_NO_MEMORY, NULL);
        return;
    }
    kept_await(k, q, reply);
    kept_start(k);
}

/* Unless it has one, the id is new: "orders-1f3a5b7c". */
static void fill(struct registration *r, const struct settings *s, const json_t *body,
                 const struct instance *read, char *id, size_t id_size)
{
    char random[9];

    *r = (struct registration){
        .service = json_string_value(json_object_get(body, "name")),
        .version = read->version,
        .id = read->id,
        .address = read->address,
        .metadata = read->metadata,
        .endpoints = read->endpoints,
        .weight = read->weight,
        .ttl_ms = s->registry.ttl,
        .heartbeat_ms = s->registry.heartbeat,
    };
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
    return kept_check(a, w);
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
        fill(&r, a->control->settings, body, &read.instance, id, sizeof(id));
        if (kept_find(a, r.service, r.id))
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
    k = kept_find(a, service, id);
    if (!k) {
        admin_reply_problem(
            q, 404, ERR_NOT_FOUND,
            "no record of this id is kept here; GET /register lists them");
        return;
    }
    kept_await(k, q, reply);
    kept_stop(k);
}
