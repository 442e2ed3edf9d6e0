/* Answers, announcements and goodbyes: whose they are, and whether they are believed. */
#include <stdio.h>

#include "discovery/mdns_parts.h"

enum {
    AFTER_NEWS_MS = 1000, /* the names, when somebody announced himself */
    AFTER_GOODBYE_MS = 100,
    AFTER_RUMOUR_MS = 100, /* when somebody without an address announced himself */
    SIGHTINGS_LIMIT = 64,  /* instances believed of one packet */
};

static void complain(struct asking *a, const struct mdns_sighting *s, const char *reason)
{
    mdns_complain(a->mdns, s->from, mdns_name_slice(&s->srv->name), reason);
}

static void remember(struct asking *a, const struct mdns_sighting *s,
                     const struct mdns_record *record)
{
    char id[MDNS_NAME_TEXT + 1];
    struct instance i = record->instance;
    struct mdns_known *k;
    struct why reason;
    enum err e;

    why_init(&reason);
    if (a->mdns->flavor == MDNS_MICRO || mdns_label(id, s->id))
        snprintf(id, sizeof(id), "%.*s", (int)s->id.size, s->id.base);
    i.id = id;
    i.address = s->address;
    i.source = a->mdns->base.url.text;
    e = instance_check(&i, &reason);
    if (!e && (e = mdns_browse_put(&a->browse, s->id, s->fingerprint, &k)))
        why(&reason, e, "%s", err_text(e));
    if (e) {
        complain(a, s, reason.text);
        return;
    }
    mdns_heard_first(a, k, s->srv->ttl);
    a->mdns->base.frame->add(a->watch, &i);
}

/* Not by a name that go-micro gave: nothing is checked but whose it is. */
static void take_in_foreign(struct asking *a, const struct mdns_sighting *s)
{
    struct mdns_record record = {0};
    enum err e = mdns_txt_pairs(&record.instance, s->data, &record.memory);

    if (!e)
        remember(a, s, &record);
    mdns_record_fini(&record);
}

static void take_in(struct asking *a, const struct mdns_sighting *s)
{
    struct mdns_record record;
    struct why reason;

    if (a->mdns->flavor != MDNS_MICRO) {
        take_in_foreign(a, s);
        return;
    }
    why_init(&reason);
    if (mdns_record_decode(&record, s->txt, &reason)) {
        complain(a, s, reason.text);
        return;
    }
    /* "a.b" of "c" looks like "a" of "b.c": the record says which it is. */
    if (strcmp(record.service, a->watch->service) == 0)
        remember(a, s, &record);
    mdns_record_fini(&record);
}

/* DNS-SD asks for a type, and everybody of it answers. */
static bool is_of_service(const struct asking *a, const struct mdns_sighting *s)
{
    char label[MDNS_LABEL_LIMIT + 1], service[MDNS_LABEL_LIMIT + 1];

    if (a->mdns->flavor != MDNS_DNS_SD)
        return true;
    return !mdns_label(label, s->id) && mdns_service_of_label(service, label) &&
           strcmp(service, a->watch->service) == 0;
}

static void see_instance(struct asking *a, struct mdns_sighting *s)
{
    struct mdns_known *k = mdns_browse_find(&a->browse, s->id);
    struct why reason;

    if (!is_of_service(a, s))
        return;
    why_init(&reason);
    if (mdns_sighting_read(s, a->mdns, &reason))
        complain(a, s, reason.text);
    else if (k && k->fingerprint == s->fingerprint)
        mdns_heard(a, k, s->srv->ttl);
    else
        take_in(a, s);
}

static void see_name(struct asking *a, const struct mdns_sighting *s)
{
    struct mdns_known *k = mdns_browse_find(&a->browse, s->id);

    if (k) {
        mdns_heard(a, k, s->srv->ttl);
    } else if (a->mdns->flavor == MDNS_MICRO && !service_name_is_valid(s->id)) {
        complain(a, s, "it lists a service whose name is none");
    } else if (mdns_browse_put(&a->browse, s->id, 0, &k) == ERR_OK) {
        a->changed = true;
        mdns_heard_first(a, k, s->srv->ttl);
    }
}

static void see_goodbye(struct asking *a, const struct mdns_sighting *s)
{
    struct mdns_known *k = mdns_browse_find(&a->browse, s->id);
    char id[MDNS_NAME_TEXT + 1];

    if (!k)
        return;
    memcpy(id, k->id, strlen(k->id) + 1);
    mdns_browse_remove(&a->browse, s->id);
    mdns_gone(a, id);
}

/* What comes from no address (see mdns_sources_believe()) may be anybody's: the answer to a question will have
 * one. */
static void see(struct asking *a, struct mdns_sighting *s)
{
    if (s->srv->ttl == 0)
        see_goodbye(a, s);
    else if (address_is_any(&s->from->address))
        mdns_ask_within(a, AFTER_RUMOUR_MS);
    else if (a->watch)
        see_instance(a, s);
    else
        see_name(a, s);
}

/* Whose is "<id>.<question>"? An id may have dots, so each is tried. */
static void sort_in(struct mdns *m, struct mdns_sighting *s)
{
    struct slice name = mdns_name_slice(&s->srv->name);

    for (size_t at = 1; at + 1 < name.size; at++) {
        struct asking *a = name.base[at - 1] == '.'
                               ? map_get(&m->questions, slice_after(name, at))
                               : NULL;

        s->id = slice_first(name, at - 1);
        for (; a; a = a->twin)
            see(a, s);
    }
}

/* Somebody said goodbye, perhaps the last of his service: it has one more round to be listed in. */
static void doubt_name(struct mdns *m, const struct mdns_entry *srv)
{
    struct slice name = mdns_name_slice(&srv->name);
    size_t domain = strlen(m->domain) + 2;

    for (size_t at = 1; at + domain < name.size; at++) {
        struct slice service = slice_from(name.base + at, name.size - domain - at);
        struct mdns_known *k = name.base[at - 1] == '.'
                                   ? mdns_browse_find(&m->names->browse, service)
                                   : NULL;

        if (k)
            mdns_browse_doubt(k);
    }
}

/* A list entry has neither announcement nor goodbye: others' news are a reason to ask for the names again. */
static void hear_news(struct mdns *m, const struct mdns_entry *srv)
{
    if (!m->names || m->flavor != MDNS_MICRO)
        return;
    if (srv->ttl == 0)
        doubt_name(m, srv);
    mdns_ask_within(m->names, srv->ttl == 0 ? AFTER_GOODBYE_MS : AFTER_NEWS_MS);
}

/* "_services._dns-sd._udp.local." leads to "orders.local.": an app of Dapr's, if it is no type ("_http._tcp"). */
static void see_type(struct mdns *m, const struct mdns_entry *ptr,
                     const struct mdns_origin *from)
{
    struct slice target = mdns_name_slice(&ptr->target);
    struct mdns_sighting s = {.srv = ptr, .from = from};

    if (m->flavor != MDNS_DAPR || !m->names || ptr->type != MDNS_PTR ||
        !slice_equals(mdns_name_slice(&ptr->name), m->names->question) ||
        target.size <= strlen(m->domain) + 2)
        return;
    s.id = slice_first(target, target.size - strlen(m->domain) - 2);
    if (service_name_is_valid(s.id) && ptr->ttl > 0)
        see_name(m->names, &s);
}

static bool is_of_interest(const struct mdns_entry *e)
{
    return e->type == MDNS_SRV && e->class == MDNS_CLASS_IN &&
           (e->section == MDNS_ANSWERS || e->section == MDNS_ADDITIONALS);
}

void mdns_hear(struct mdns *m, struct slice response, const struct mdns_origin *from)
{
    struct mdns_entry srv;
    struct mdns_sighting s = {.packet = response, .srv = &srv, .from = from};
    struct mdns_reader r;
    struct mdns_header h;
    unsigned seen = 0;
    enum err e = mdns_read_header(&r, response, &h);

    while (!e && seen < SIGHTINGS_LIMIT) {
        e = mdns_read(&r, &srv);
        if (!e)
            see_type(m, &srv, from);
        if (e || !is_of_interest(&srv))
            continue;
        seen++;
        sort_in(m, &s);
        if (h.counts[MDNS_QUESTIONS] == 0)
            hear_news(m, &srv);
    }
}
