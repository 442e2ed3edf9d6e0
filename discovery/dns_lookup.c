#include "discovery/dns_lookup.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <stdlib.h>

#include "discovery/dns_channel.h"

/* One that c-ares has; whoever asked may be gone before it answers. */
struct dns_question {
    struct dns_lookup *lookup; /* NULL: cancelled */
    struct dns_question *next;
    unsigned port;
    uint32_t weight;
};

static void on_turn(struct timer *t)
{
    struct dns_lookup *l = container_of(t, struct dns_lookup, turn);

    l->answered(l, l->result);
}

static void finish_if_done(struct dns_lookup *l)
{
    if (l->pending > 0)
        return;
    if (!l->result && l->count == 0)
        l->result = ERR_NOT_FOUND;
    timer_start(&l->turn, &l->dns->loop->clock, 0);
}

/* Of several reasons the first counts; a name that is not there is none yet. */
static void note(struct dns_lookup *l, enum err e, const char *what, const char *text)
{
    if (l->result || e == ERR_OK || e == ERR_NOT_FOUND)
        return;
    l->result = e;
    why(&l->why, e, "%s: %s", what, text);
}

static enum err error_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return ERR_OK;
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_ENONAME:
        return ERR_NOT_FOUND;
    case ARES_ENOMEM:
        return ERR_NO_MEMORY;
    case ARES_ETIMEOUT:
        return ERR_TIMEOUT;
    default:
        return ERR_UNAVAILABLE;
    }
}

/* --- questions --- */

static struct dns_question *question_new(struct dns_lookup *l, unsigned port,
                                         uint32_t weight)
{
    struct dns_question *q = calloc(1, sizeof(*q));

    if (!q) {
        note(l, ERR_NO_MEMORY, "DNS", err_text(ERR_NO_MEMORY));
        return NULL;
    }
    *q = (struct dns_question){l, l->questions, port, weight};
    l->questions = q;
    l->pending++;
    return q;
}

/* The lookup that waits for it, or NULL. */
static struct dns_lookup *question_done(struct dns_question *q)
{
    struct dns_lookup *l = q->lookup;
    struct dns_question **at;

    if (!l)
        return NULL;
    for (at = &l->questions; *at != q; at = &(*at)->next)
        ;
    *at = q->next;
    l->pending--;
    return l;
}

static void keep_ttl(struct dns_lookup *l, uint64_t seconds)
{
    if (seconds * 1000 < l->ttl_ms)
        l->ttl_ms = seconds * 1000;
}

/* --- hosts --- */

static void add_target(struct dns_lookup *l, const struct sockaddr *a, unsigned port,
                       uint32_t weight)
{
    struct dns_target *targets, *t;

    if (l->count == DNS_TARGETS_LIMIT ||
        (a->sa_family != AF_INET && a->sa_family != AF_INET6))
        return;
    if ((l->count & (l->count - 1)) == 0) {
        targets = realloc(l->targets, (l->count ? l->count * 2 : 1) * sizeof(*targets));
        if (!targets) {
            note(l, ERR_NO_MEMORY, "DNS", err_text(ERR_NO_MEMORY));
            return;
        }
        l->targets = targets;
    }
    t = &l->targets[l->count++];
    *t = (struct dns_target){.weight = weight};
    if (a->sa_family == AF_INET)
        memcpy(&t->address.v4, a, sizeof(t->address.v4));
    else
        memcpy(&t->address.v6, a, sizeof(t->address.v6));
    address_set_port(&t->address, port);
}

static void on_host(void *owner, int status, int timeouts, struct ares_addrinfo *found)
{
    struct dns_question *q = owner;
    struct dns_lookup *l = question_done(q);

    (void)timeouts;
    if (l) {
        note(l, error_of(status), "DNS", ares_strerror(status));
        for (struct ares_addrinfo_node *n = found ? found->nodes : NULL; n;
             n = n->ai_next) {
            keep_ttl(l, (uint64_t)(n->ai_ttl > 0 ? n->ai_ttl : 0));
            add_target(l, n->ai_addr, q->port, q->weight);
        }
        finish_if_done(l);
    }
    free(q);
    if (found)
        ares_freeaddrinfo(found);
}

static void ask_host(struct dns_lookup *l, const char *name, unsigned port,
                     uint32_t weight)
{
    struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_NOSORT};
    struct dns_question *q = question_new(l, port, weight);

    if (q)
        ares_getaddrinfo(l->dns->channel, name, NULL, &hints, on_host, q);
}

/* --- SRV --- */

struct srv {
    unsigned priority;
    uint32_t weight;
};

/* The first four bytes of its data (RFC 2782); the reader has checked that they are there. */
static struct srv srv_of(const struct mdns_entry *entry)
{
    const uint8_t *in = (const uint8_t *)entry->data.base;
    unsigned weight = (unsigned)in[2] << 8 | in[3];

    return (struct srv){(unsigned)in[0] << 8 | in[1], weight ? weight : 1};
}

static enum err next_srv(struct mdns_reader *r, struct mdns_entry *entry)
{
    enum err e;

    do {
        e = mdns_read(r, entry);
    } while (!e && (entry->section != MDNS_ANSWERS || entry->type != MDNS_SRV));
    return e;
}

static enum err lowest_priority(struct slice packet, unsigned *lowest)
{
    struct mdns_reader r;
    struct mdns_header h;
    struct mdns_entry entry;
    enum err e = mdns_read_header(&r, packet, &h);

    *lowest = UINT16_MAX + 1;
    while (!e && !(e = next_srv(&r, &entry)))
        if (srv_of(&entry).priority < *lowest)
            *lowest = srv_of(&entry).priority;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* A target of "." says that there is no such service (RFC 2782). */
static void follow_targets(struct dns_lookup *l, struct slice packet, unsigned priority)
{
    struct mdns_reader r;
    struct mdns_header h;
    struct mdns_entry entry;

    mdns_read_header(&r, packet, &h);
    while (!next_srv(&r, &entry) && l->pending < DNS_TARGETS_LIMIT) {
        keep_ttl(l, entry.ttl);
        if (srv_of(&entry).priority == priority && entry.target.size > 1)
            ask_host(l, entry.target.text, entry.port, srv_of(&entry).weight);
    }
}

/* The QR bit (RFC 1035 4.1.1): c-ares 1.18 takes an echo of the question for an answer without records. */
static bool is_question(struct slice packet)
{
    return packet.size > 2 && !(packet.base[2] & 0x80);
}

static void on_srv(void *owner, int status, int timeouts, unsigned char *bytes, int size)
{
    struct dns_question *q = owner;
    struct dns_lookup *l = question_done(q);
    struct slice packet = slice_from((const char *)bytes, size > 0 ? (size_t)size : 0);
    unsigned priority;

    (void)timeouts;
    free(q);
    if (!l)
        return;
    if (is_question(packet))
        status = ARES_EBADRESP;
    note(l, error_of(status), "DNS", ares_strerror(status));
    l->pending++; /* until all that follows from it has been asked */
    if (status == ARES_SUCCESS && lowest_priority(packet, &priority))
        note(l, ERR_UNAVAILABLE, "DNS", "the answer is malformed");
    else if (status == ARES_SUCCESS)
        follow_targets(l, packet, priority);
    l->pending--;
    finish_if_done(l);
}

/* --- lookups --- */

static void begin(struct dns_lookup *l, struct dns *d)
{
    dns_lookup_fini(l);
    l->dns = d;
    l->result = ERR_OK;
    l->ttl_ms = UINT64_MAX;
    why_init(&l->why);
    timer_init(&l->turn, on_turn);
}

void dns_lookup_host(struct dns_lookup *l, struct dns *d, const char *name, unsigned port)
{
    begin(l, d);
    ask_host(l, name, port, 1);
    if (l->result)
        finish_if_done(l);
    dns_wait(d);
}

void dns_lookup_srv(struct dns_lookup *l, struct dns *d, const char *name)
{
    struct dns_question *q;

    begin(l, d);
    q = question_new(l, 0, 1);
    if (q)
        ares_query(d->channel, name, ns_c_in, ns_t_srv, on_srv, q);
    else
        finish_if_done(l);
    dns_wait(d);
}

void dns_lookup_cancel(struct dns_lookup *l)
{
    for (struct dns_question *q = l->questions; q; q = q->next)
        q->lookup = NULL;
    l->questions = NULL;
    l->pending = 0;
    if (l->dns)
        timer_stop(&l->turn, &l->dns->loop->clock);
}

void dns_lookup_fini(struct dns_lookup *l)
{
    free(l->targets);
    l->targets = NULL;
    l->count = 0;
}
