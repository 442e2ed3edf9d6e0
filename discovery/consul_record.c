/* What we publish: a service of the agent, with a TTL check that each heartbeat passes.
 *
 *   put     register, then maintenance where it drains, then pass: a check that Consul has already keeps its status
 *           whatever the registration says, and that may be critical
 *   renew   pass; an agent that does not know the check has lost the record
 *   remove  deregister
 *
 * A record belongs to the agent it was registered with, and only that one can renew it and take it out. When it can't be
 * reached and there is another, it is registered there; all who may have it are asked to take it out at the end. */
#include <stdlib.h>

#include "discovery/consul_parts.h"

enum step { STEP_NONE, STEP_REGISTER, STEP_MAINTENANCE, STEP_PASS, STEP_DEREGISTER };
enum operation { OP_NONE, OP_PUT, OP_RENEW, OP_REMOVE };

/* The `backend` of a registry_lease. */
struct consul_record {
    struct list all;
    struct consul *consul;
    struct registry_lease *handle; /* NULL: let go of */
    struct consul_call call;
    enum operation operation;
    enum step step;
    bool is_put;
    unsigned server; /* that has it */
    unsigned tried;  /* servers, in this operation */
    uint32_t where;  /* bits of all that may have it */
    bool found;      /* one has taken it out */
};

static void record_free(struct consul_record *r)
{
    struct consul *c = r->consul;

    list_remove(&r->all);
    consul_call_fini(&r->call);
    free(r);
    if (c->closing)
        consul_end_if_done(c);
}

static void record_done(struct consul_record *r, enum err e, const struct why *w)
{
    struct registry_lease *handle = r->handle;
    enum operation operation = r->operation;
    bool lets_go = operation == OP_REMOVE ? !e || e == ERR_NOT_FOUND
                                          : e && (e == ERR_NOT_FOUND || !r->is_put);

    r->operation = OP_NONE;
    if (operation == OP_PUT && !e)
        r->is_put = true;
    if (lets_go && handle) {
        handle->backend = NULL;
        r->handle = NULL;
    }
    if (handle)
        r->consul->base.frame->lease_done(handle, e, e ? w : NULL);
    if (lets_go || !handle)
        record_free(r);
}

/* --- calls --- */

static void begin_call(struct consul_record *r, enum step step, const char *path)
{
    r->step = step;
    r->call.method = "PUT";
    r->call.server = (int)r->server;
    text_clear(&r->call.body);
    text_clear(&r->call.target);
    text_addf(&r->call.target, "/v1/agent/%s", path);
}

static void add_id(struct consul_record *r)
{
    consul_add_escaped(&r->call.target, r->handle->registration.id);
    consul_add_options(&r->call.target, r->consul);
}

static uint64_t deregister_after(const struct consul_record *r)
{
    uint64_t ttl = r->handle->registration.ttl_ms, least = r->consul->deregister_ms;

    return ttl > least ? ttl : least;
}

/* Checks that are not in the registration go, and with them an end to maintenance; while it drains it must not be
 * interrupted. */
static enum err start_register(struct consul_record *r)
{
    const struct registration *registration = &r->handle->registration;
    enum err e;

    begin_call(r, STEP_REGISTER, "service/register");
    consul_add_options(&r->call.target, r->consul);
    if (!registration->draining)
        text_addf(&r->call.target, "&replace-existing-checks=true");
    e = consul_registration_write(&r->call.body, registration, deregister_after(r));
    if (!e)
        consul_call_start(&r->call);
    return e;
}

static void start_maintenance(struct consul_record *r)
{
    begin_call(r, STEP_MAINTENANCE, "service/maintenance/");
    add_id(r);
    text_addf(&r->call.target, "&enable=true&reason=draining");
    consul_call_start(&r->call);
}

/* No note: what differs from last time would be written to the servers each time. */
static void start_pass(struct consul_record *r)
{
    char check[CONSUL_CHECK_LIMIT];

    consul_check_id(check, r->handle->registration.id);
    begin_call(r, STEP_PASS, "check/pass/");
    consul_add_escaped(&r->call.target, check);
    consul_add_options(&r->call.target, r->consul);
    consul_call_start(&r->call);
}

static void start_deregister(struct consul_record *r)
{
    begin_call(r, STEP_DEREGISTER, "service/deregister/");
    add_id(r);
    consul_call_start(&r->call);
}

/* --- answers --- */

/* Consul before 1.14 says so by 500, and that is no fault of the server's. */
static enum err judge(const struct consul_record *r, enum err e)
{
    static const char *const unknown[] = {"Unknown check", "Unknown service",
                                          "does not have associated TTL"};
    const struct http_call *http = consul_call_answer(&r->call);
    struct slice body = http ? slice_trim(text_slice(&http->body_in)) : SLICE("");

    if (!e && body.size > 0)
        return ERR_BAD_RESPONSE; /* these have an empty answer: it is somebody else */
    for (unsigned i = 0; i < 3 && e && body.size > 0 && http->status == 500; i++)
        if (strstr(body.base, unknown[i]))
            return ERR_NOT_FOUND;
    return e;
}

static bool is_unreachable(enum err e)
{
    return e == ERR_UNAVAILABLE || e == ERR_TIMEOUT || e == ERR_BAD_RESPONSE;
}

/* The next agent that was not tried in this operation; false: none. */
static bool next_server(struct consul_record *r)
{
    if (++r->tried >= r->consul->http.servers.count)
        return false;
    r->server = (r->server + 1) % r->consul->http.servers.count;
    return true;
}

static void put_here(struct consul_record *r)
{
    enum err e = start_register(r);

    if (e)
        record_done(r, e, NULL);
    else
        r->where |= 1u << r->server;
}

static void put_elsewhere(struct consul_record *r, enum err e)
{
    if (is_unreachable(e) && next_server(r))
        put_here(r);
    else
        record_done(r, e, consul_call_why(&r->call));
}

/* The next of all that may have it. */
static void remove_next(struct consul_record *r)
{
    unsigned count = r->consul->http.servers.count;

    for (unsigned i = 0; i < count && r->where; i++) {
        unsigned server = (r->server + i) % count;

        if (!(r->where & 1u << server))
            continue;
        r->where &= ~(1u << server);
        r->server = server;
        start_deregister(r);
        return;
    }
    record_done(r, r->found ? ERR_OK : ERR_NOT_FOUND, NULL);
}

/* One that can't be reached has a record that expires; unless nobody else had it, that is good enough. */
static void on_deregistered(struct consul_record *r, enum err e)
{
    r->found |= !e;
    if (e && e != ERR_NOT_FOUND && !r->found && !r->where) {
        r->where |= 1u << r->server;
        record_done(r, e, consul_call_why(&r->call));
        return;
    }
    remove_next(r);
}

static void on_step(struct consul_record *r, enum err e)
{
    switch (r->step) {
    case STEP_REGISTER:
        if (e)
            put_elsewhere(r, e);
        else if (r->handle->registration.draining)
            start_maintenance(r);
        else
            start_pass(r);
        return;
    case STEP_MAINTENANCE:
        if (e)
            record_done(r, e, consul_call_why(&r->call));
        else
            start_pass(r);
        return;
    case STEP_PASS:
        if (e && r->operation == OP_RENEW && is_unreachable(e))
            put_elsewhere(r, e);
        else
            record_done(r, e, consul_call_why(&r->call));
        return;
    case STEP_DEREGISTER:
        on_deregistered(r, e);
        return;
    case STEP_NONE:
        return;
    }
}

static void on_answered(struct consul_call *call, enum err e)
{
    struct consul_record *r = call->owner;

    if (!r->handle)
        record_free(r);
    else
        on_step(r, judge(r, e));
}

/* --- the contract --- */

static enum err record_new(struct consul *c, struct registry_lease *handle)
{
    struct consul_record *r = calloc(1, sizeof(*r));

    if (!r)
        return ERR_NO_MEMORY;
    r->consul = c;
    r->handle = handle;
    r->server = c->http.servers.current;
    consul_call_init(&r->call, c, r, on_answered);
    list_push_back(&c->records, &r->all);
    handle->backend = r;
    return ERR_OK;
}

static void begin(struct consul_record *r, enum operation operation)
{
    r->operation = operation;
    r->tried = 0;
    r->found = false;
}

enum err consul_put(struct registry *registry, struct registry_lease *handle)
{
    struct consul *c = consul_of(registry);
    enum err e = handle->backend ? ERR_OK : record_new(c, handle);
    struct consul_record *r = handle->backend;

    if (e)
        return e;
    begin(r, OP_PUT);
    e = start_register(r);
    if (!e) {
        r->where |= 1u << r->server;
        return ERR_LATER;
    }
    r->operation = OP_NONE;
    if (!r->is_put) {
        handle->backend = NULL;
        record_free(r);
    }
    return e;
}

enum err consul_renew(struct registry *registry, struct registry_lease *handle)
{
    struct consul_record *r = handle->backend;

    (void)registry;
    if (!r)
        return ERR_NOT_FOUND;
    begin(r, OP_RENEW);
    start_pass(r);
    return ERR_LATER;
}

/* Of a record that another put: whichever agent has it. */
enum err consul_remove(struct registry *registry, struct registry_lease *handle)
{
    struct consul *c = consul_of(registry);
    enum err e = handle->backend ? ERR_OK : record_new(c, handle);
    struct consul_record *r = handle->backend;

    if (e)
        return e;
    begin(r, OP_REMOVE);
    if (!r->where)
        r->where = (1u << c->http.servers.count) - 1;
    remove_next(r);
    return ERR_LATER;
}

void consul_records_close(struct consul *c)
{
    list_each(at, after, &c->records)
    {
        struct consul_record *r = container_of(at, struct consul_record, all);

        r->handle = NULL; /* which may have gone: its owner gave up on a removal */
        if (r->call.running)
            consul_call_cancel(&r->call);
        else
            record_free(r);
    }
}
