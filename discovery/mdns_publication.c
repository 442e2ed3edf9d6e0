#include "discovery/mdns_publication.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "discovery/mdns_network.h"
#include "discovery/mdns_record.h"

enum { LIST_PORT = 9999 }; /* go-micro's, for it asks that there be one */

static enum err name_make(char **name, struct why *w, const char *first, const char *rest)
{
    struct text t;

    text_init(&t, MDNS_NAME_LIMIT);
    if (strlen(first) + strlen(rest) < MDNS_NAME_LIMIT) {
        text_addf(&t, "%s%s", first, rest);
        *name = text_take(&t);
        if (!*name)
            return ERR_NO_MEMORY;
    }
    if (*name && mdns_name_is_valid(slice_of(*name)))
        return ERR_OK;
    return why(w, ERR_BAD_VALUE, "\"%s%s\" cannot be a name in mDNS", first, rest);
}

/* go-micro's target: the bare host name, as one label or more. */
static enum err host_make(struct mdns_publication *p)
{
    char host[MDNS_NAME_LIMIT] = {0};
    enum err e = ERR_BAD_VALUE;

    if (gethostname(host, sizeof(host) - 2) == 0)
        e = name_make(&p->host, NULL, host, ".");
    if (e != ERR_BAD_VALUE)
        return e;
    free(p->host);
    p->host = NULL;
    return name_make(&p->host, NULL, "localhost", ".");
}

static enum err names_make(struct mdns_publication *p, const struct registration *r,
                           const char *domain, struct why *w)
{
    char suffix[MDNS_NAME_LIMIT], list[MDNS_NAME_LIMIT + 16], types[MDNS_NAME_LIMIT + 32],
        dotted[MDNS_NAME_LIMIT + 1];
    enum err e;

    snprintf(suffix, sizeof(suffix), ".%s.", domain);
    snprintf(list, sizeof(list), "._services%s", suffix);
    snprintf(types, sizeof(types), "_services._dns-sd._udp%s", suffix);
    e = name_make(&p->service, w, r->service, suffix);
    if (e)
        return e;
    snprintf(dotted, sizeof(dotted), ".%s", p->service);
    e = name_make(&p->instance, w, r->id, dotted);
    if (!e)
        e = name_make(&p->entry, w, r->service, list);
    if (!e)
        e = name_make(&p->list, w, list + 1, "");
    if (!e)
        e = name_make(&p->types, w, types, "");
    return e ? e : host_make(p);
}

static enum err txt_make(struct mdns_publication *p, const struct registration *r,
                         struct why *w)
{
    struct text hex;
    enum err e;

    text_init(&hex, MDNS_TXT_LIMIT);
    e = mdns_record_encode(r, &hex);
    p->txt = text_take(&hex);
    if (e == ERR_TOO_LARGE)
        return why(w, e, "the metadata is more than a datagram of mDNS can carry");
    return e;
}

static uint32_t ttl_of(const struct registration *r)
{
    uint64_t seconds = (r->ttl_ms + 999) / 1000;

    if (seconds == 0 || seconds > MDNS_TTL_LIMIT)
        return MDNS_TTL_LIMIT;
    return (uint32_t)seconds;
}

static enum err publication_make(struct mdns_publication *p, const struct registration *r,
                                 const char *domain, struct why *w)
{
    enum err e;

    p->ip_size = mdns_ip(&r->address, p->ip);
    p->port = address_port(&r->address);
    p->ttl = ttl_of(r);
    if (p->ip_size == 0 || p->port == 0 || address_is_any(&r->address))
        return why(w, ERR_BAD_VALUE, "mDNS publishes only an IP address with a port");
    e = names_make(p, r, domain, w);
    return e ? e : txt_make(p, r, w);
}

enum err mdns_publication_init(struct mdns_publication *p, const struct registration *r,
                               const char *domain, struct why *w)
{
    enum err e;

    *p = (struct mdns_publication){.service = NULL};
    e = publication_make(p, r, domain, w);
    if (e)
        mdns_publication_fini(p);
    return e;
}

void mdns_publication_fini(struct mdns_publication *p)
{
    char *owned[] = {p->service, p->instance, p->entry, p->list,
                     p->types,   p->host,     p->txt};

    for (size_t i = 0; i < sizeof(owned) / sizeof(*owned); i++)
        free(owned[i]);
    *p = (struct mdns_publication){.service = NULL};
}

static void write_instance(const struct mdns_publication *p, struct mdns_writer *w,
                           uint32_t ttl)
{
    struct slice instance = slice_of(p->instance), host = slice_of(p->host);

    mdns_write_srv(w, instance, ttl, p->port, host);
    mdns_write_ip(w, host, ttl, slice_from((const char *)p->ip, p->ip_size));
    mdns_write_txt(w, instance, ttl, slice_of(p->txt));
}

static void write_entry(const struct mdns_publication *p, struct mdns_writer *w)
{
    mdns_write_srv(w, slice_of(p->entry), p->ttl, LIST_PORT, slice_of(p->host));
    mdns_write_ip(w, slice_of(p->host), p->ttl, slice_from("\0\0\0\0", 4));
    mdns_write_txt(w, slice_of(p->entry), p->ttl, SLICE(""));
}

static void write_probe(const struct mdns_publication *p, struct mdns_writer *w)
{
    mdns_write_question(w, slice_of(p->instance), MDNS_PTR, false);
    mdns_write_section(w, MDNS_AUTHORITIES);
    mdns_write_srv(w, slice_of(p->instance), p->ttl, p->port, slice_of(p->host));
    mdns_write_txt(w, slice_of(p->instance), p->ttl, slice_of(p->txt));
}

enum err mdns_publication_write(const struct mdns_publication *p,
                                enum mdns_message message, uint16_t id, void *buffer,
                                size_t size, struct slice *packet)
{
    struct mdns_writer w;

    mdns_write_header(&w, buffer, size, id, message == MDNS_PROBE ? 0 : MDNS_RESPONSE);
    if (message == MDNS_PROBE)
        write_probe(p, &w);
    else
        write_instance(p, &w, message == MDNS_GOODBYE ? 0 : p->ttl);
    return mdns_written(&w, packet);
}

/* What a question asks of us. */
enum wish {
    WISH_NOTHING,
    WISH_SERVICE,
    WISH_INSTANCE,
    WISH_LIST,
    WISH_ENTRY,
    WISH_TYPES
};

static enum wish wish_of(const struct mdns_publication *p,
                         const struct mdns_entry *question)
{
    const struct {
        const char *name;
        enum wish wish;
        bool by_pointer;
    } wishes[] = {
        {p->service,  WISH_SERVICE,  true },
        {p->instance, WISH_INSTANCE, false},
        {p->list,     WISH_LIST,     true },
        {p->entry,    WISH_ENTRY,    false},
        {p->types,    WISH_TYPES,    true },
    };
    bool asks_pointer = question->type == MDNS_PTR || question->type == MDNS_ANY;

    for (size_t i = 0; i < sizeof(wishes) / sizeof(*wishes); i++)
        if (slice_is(mdns_name_slice(&question->name), wishes[i].name))
            return asks_pointer || !wishes[i].by_pointer ? wishes[i].wish : WISH_NOTHING;
    return WISH_NOTHING;
}

static void write_wish(const struct mdns_publication *p, struct mdns_writer *w,
                       enum wish wish)
{
    switch (wish) {
    case WISH_NOTHING:
        break;
    case WISH_SERVICE:
        mdns_write_ptr(w, slice_of(p->service), p->ttl, slice_of(p->instance));
        write_instance(p, w, p->ttl);
        break;
    case WISH_INSTANCE:
        write_instance(p, w, p->ttl);
        break;
    case WISH_LIST:
        mdns_write_ptr(w, slice_of(p->list), p->ttl, slice_of(p->entry));
        write_entry(p, w);
        break;
    case WISH_ENTRY:
        write_entry(p, w);
        break;
    case WISH_TYPES:
        mdns_write_ptr(w, slice_of(p->types), p->ttl, slice_of(p->service));
        break;
    }
}

enum err mdns_publication_answer(const struct mdns_publication *p,
                                 const struct mdns_entry *question, uint16_t id,
                                 void *buffer, size_t size, struct slice *packet)
{
    enum wish wish = wish_of(p, question);
    struct mdns_writer w;

    if (wish == WISH_NOTHING)
        return ERR_NOT_FOUND;
    mdns_write_header(&w, buffer, size, id, MDNS_RESPONSE | MDNS_AUTHORITATIVE);
    mdns_write_question(&w, mdns_name_slice(&question->name), question->type,
                        question->top_bit);
    write_wish(p, &w, wish);
    return mdns_written(&w, packet);
}

bool mdns_publication_is_known(const struct mdns_publication *p,
                               const struct mdns_entry *answer)
{
    return answer->section == MDNS_ANSWERS && answer->type == MDNS_PTR &&
           answer->ttl >= p->ttl / 2 &&
           slice_is(mdns_name_slice(&answer->name), p->service) &&
           slice_is(mdns_name_slice(&answer->target), p->instance);
}
