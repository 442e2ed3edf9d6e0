/* What others say of services: Updates, and whole states at a join. All of it is strangers' words. */
#include "discovery/gossip_parts.h"
#include "discovery/gossip_user_state.h"
#include "discovery/micro_update.h"

enum {
    UPDATE_MEMORY = 4 * 1024 * 1024, /* that taking one apart may cost */
    NS_PER_MS = 1000 * 1000,
};

/* What is the same for all instances of a Service that was heard. */
struct hearing {
    struct gossip *gossip;
    const struct address *from;
    struct slice member;
    uint64_t lease_ms, lease_ns;
    bool is_delete;
    const char *asked; /* the member whose own state this is */
};

static void hear_instance(struct hearing *h, const char *service,
                          const struct instance *i)
{
    struct gossip_records *records = &h->gossip->records;
    struct gossip_word word = {.service = service,
                               .instance = i,
                               .member = h->member,
                               .lease_ms = h->lease_ms,
                               .lease_ns = h->lease_ns};
    enum err e = ERR_OK;

    if (h->is_delete && !gossip_records_delete(records, service, i->id))
        gossip_publish_again(h->gossip, service, i->id);
    if (!h->is_delete)
        e = gossip_records_hear(records, &word);
    if (!e && h->asked)
        gossip_records_confirm(records, service, i->id, h->asked);
    if (e)
        gossip_complain(h->gossip, h->from, slice_of(service), err_text(e));
}

static void hear_service(struct hearing *h, const struct micro_service *s)
{
    if (!service_name_is_valid(slice_of(s->name))) {
        gossip_complain(h->gossip, h->from, slice_of(s->name), "it is no service's name");
        return;
    }
    for (uint32_t i = 0; i < s->count; i++)
        hear_instance(h, s->name, &s->instances[i]);
}

/* The Service, and what it says of its lease where `h` does not know better. */
static void hear_json(struct hearing *h, struct slice json, bool with_lease)
{
    struct micro_service s;
    struct gossip_lease_said lease;
    struct why w;
    json_t *root;

    why_init(&w);
    root = micro_json_load(json, &w);
    if (root && with_lease) {
        lease = gossip_lease_read(root);
        h->member = lease.member;
        h->lease_ms = lease.ms;
        h->lease_ns = lease.ms ? lease.ns : 0;
    }
    if (!root || micro_service_read_json(&s, root, &w)) {
        gossip_complain(h->gossip, h->from, SLICE("(service)"), w.text);
    } else {
        if (s.refused)
            gossip_complain(h->gossip, h->from, slice_of(s.name), w.text);
        hear_service(h, &s);
        micro_service_fini(&s);
    }
    json_decref(root);
}

/* --- Updates --- */

/* A datagram comes from the member's own port; a connection only from its host. */
static struct slice sender(struct gossip *g, const struct address *from, bool by_udp)
{
    struct address at = *from;
    struct gossip_member *who;

    if (!by_udp)
        address_set_port(&at, 0);
    who = gossip_members_at(&g->members, &at);
    return slice_of(who ? who->name : NULL);
}

/* csidecar says how long; go-micro says until when, by its own clock. */
static bool take_lease(struct hearing *h, const struct micro_update *u)
{
    uint64_t now_ns = clock_wall_ms() * NS_PER_MS;

    h->lease_ns = u->expires_ns;
    h->lease_ms = u->ttl_ms;
    if (u->expires_ns == 0 || u->ttl_ms || h->is_delete)
        return true;
    if (u->expires_ns <= now_ns) {
        gossip_complain(
            h->gossip, h->from, SLICE("(update)"),
            "its lease has ended already: is the clock wrong, here or there?");
        return false;
    }
    h->lease_ms = (u->expires_ns - now_ns) / NS_PER_MS + 1;
    return true;
}

static void hear(struct hearing *h, const struct micro_update *u, bool by_udp)
{
    h->is_delete = u->action == MICRO_DELETE;
    h->member = u->member.size && u->member.size <= GOSSIP_NAME_LIMIT
                    ? u->member
                    : sender(h->gossip, h->from, by_udp);
    if (take_lease(h, u))
        hear_json(h, u->service, false);
}

void gossip_hear_update(struct gossip *g, const struct address *from, bool by_udp,
                        struct slice bytes)
{
    struct hearing h = {.gossip = g, .from = from};
    struct memory memory = {.limit = UPDATE_MEMORY};
    struct micro_update u;
    struct why w;
    enum err e;

    why_init(&w);
    e = micro_update_read(&u, bytes, &memory, &w);
    if (!e)
        hear(&h, &u, by_udp);
    else if (e != ERR_UNSUPPORTED) /* another application's messages are no mistake */
        gossip_complain(g, from, SLICE("(update)"), w.text);
    memory_free(&memory);
}

/* --- states --- */

void gossip_hear_state(struct gossip *g, const struct address *from, struct slice state,
                       const char *asked)
{
    struct hearing h = {.gossip = g, .from = from, .asked = asked};
    struct slice service;
    enum err e;

    if (state.size == 0 || state.base[0] != '{')
        return; /* of another application */
    while ((e = gossip_user_state_next(&state, &service)) == ERR_OK)
        hear_json(&h, service, true);
    if (e != ERR_NOT_FOUND)
        gossip_complain(g, from, SLICE("(state)"), "it is cut short");
}
