/* dns: services that have names in DNS, asked for as their TTL says. Nothing can be registered, nor listed.
 *
 * What a service's name is in DNS is written as a template: srv=_{service}._tcp.example.com, or host={service}.example.com
 * with a port. An answer counts whole; "no such name" is an answer, a server that can't say is a failure, and then the
 * last list stays (catalog.h). */
#include <stdio.h>
#include <stdlib.h>

#include "discovery/dns_lookup.h"
#include "discovery/registry.h"

enum { ABSENT_TTL_MS = 5 * 1000, DOMAIN_ROOM = DNS_NAME_LIMIT + SERVICE_NAME_LIMIT };

struct registry_dns {
    struct registry registry;
    const char *srv, *host;
    uint32_t port;
    uint64_t min_ttl, max_ttl;
    struct dns *dns;
    struct list watches; /* struct watched */
};

/* The `backend` of a watch. */
struct watched {
    struct list node;
    struct registry_dns *dns;
    struct registry_watch *watch;
    struct dns_lookup lookup;
    struct timer again;
    bool told;
    struct dns_target *last; /* what was told, sorted */
    unsigned last_count;
    char name[DOMAIN_ROOM];
};

/* clang-format off */
static const struct field options[] = {
    TEXT    (struct registry_dns, srv, "srv", NULL, "the SRV name of a service: _{service}._tcp.example.com"),
    TEXT    (struct registry_dns, host, "host", NULL, "its host name, in place of srv: {service}.example.com"),
    COUNT   (struct registry_dns, port, "port", "0", 0, 65535, "of host"),
    DURATION(struct registry_dns, min_ttl, "min_ttl", "1s", 100, 3600 * 1000, "asked again at the earliest, whatever the TTL"),
    DURATION(struct registry_dns, max_ttl, "max_ttl", "30s", 100, 3600 * 1000, "asked again at the latest"),
    FIELDS_END,
};
/* clang-format on */

static struct registry_dns *self(struct registry *r)
{
    return (struct registry_dns *)r;
}

static struct clock *clock_of(struct registry_dns *d)
{
    return &d->registry.loop->clock;
}

/* --- telling --- */

static int by_address(const void *a, const void *b)
{
    const struct dns_target *x = a, *y = b;
    char one[ADDRESS_TEXT], two[ADDRESS_TEXT];

    return strcmp(address_format(&x->address, one), address_format(&y->address, two));
}

/* Two SRV records may lead to one place. */
static unsigned without_repeats(struct dns_target *t, unsigned count)
{
    unsigned kept = 0;

    if (count > 1)
        qsort(t, count, sizeof(*t), by_address);
    for (unsigned i = 0; i < count; i++)
        if (kept == 0 || !address_equals(&t[kept - 1].address, &t[i].address))
            t[kept++] = t[i];
    return kept;
}

static bool is_told(const struct watched *w, const struct dns_target *t, unsigned count)
{
    if (!w->told || w->last_count != count)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (w->last[i].weight != t[i].weight ||
            !address_equals(&w->last[i].address, &t[i].address))
            return false;
    return true;
}

static void deliver(struct watched *w, const struct dns_target *t, unsigned count)
{
    struct instance *instances = calloc(count + 1, sizeof(*instances));
    char(*ids)[ADDRESS_TEXT] = calloc(count + 1, sizeof(*ids));
    uint32_t good = 0;

    for (unsigned i = 0; instances && ids && i < count; i++) {
        instances[good] = (struct instance){.id = address_format(&t[i].address, ids[i]),
                                            .version = "",
                                            .address = t[i].address,
                                            .weight = t[i].weight};
        good += instance_check(&instances[good], NULL) == ERR_OK;
    }
    if (instances && ids)
        w->dns->registry.frame->deliver(w->watch, instances, good, LIST_CONFIRMED);
    else
        w->dns->registry.frame->failed(w->watch, ERR_NO_MEMORY, NULL);
    free(instances);
    free(ids);
}

static void remember(struct watched *w, unsigned count)
{
    free(w->last);
    w->last = w->lookup.targets;
    w->last_count = count;
    w->lookup.targets = NULL;
    w->lookup.count = 0;
    w->told = true;
}

static uint64_t wait_of(const struct watched *w, unsigned count)
{
    uint64_t ttl = count ? w->lookup.ttl_ms : ABSENT_TTL_MS;

    if (ttl < w->dns->min_ttl)
        return w->dns->min_ttl;
    return ttl > w->dns->max_ttl ? w->dns->max_ttl : ttl;
}

static void on_answered(struct dns_lookup *l, enum err e)
{
    struct watched *w = l->owner;
    struct why reason;
    unsigned count;

    if (e && e != ERR_NOT_FOUND) {
        reason = l->why;
        why_in(&reason, "%s", w->name);
        w->dns->registry.frame->failed(w->watch, e, &reason); /* and it is gone */
        return;
    }
    count = without_repeats(l->targets, l->count);
    timer_start(&w->again, clock_of(w->dns), wait_of(w, count));
    if (is_told(w, l->targets, count))
        return;
    remember(w, count);
    deliver(w, w->last, count);
}

/* --- watches --- */

static void ask(struct watched *w)
{
    if (w->dns->srv)
        dns_lookup_srv(&w->lookup, w->dns->dns, w->name);
    else
        dns_lookup_host(&w->lookup, w->dns->dns, w->name, w->dns->port);
}

static void on_again(struct timer *t)
{
    ask(container_of(t, struct watched, again));
}

/* The template with the service in it. */
static enum err fill_name(char out[DOMAIN_ROOM], const char *template,
                          const char *service)
{
    static const char place[] = "{service}";
    const char *at = strstr(template, place);
    int before = at ? (int)(at - template) : (int)strlen(template);
    int size = snprintf(out, DOMAIN_ROOM, "%.*s%s%s", before, template, at ? service : "",
                        at ? at + strlen(place) : "");

    return size < DNS_NAME_LIMIT ? ERR_OK : ERR_UNSUPPORTED;
}

static enum err dns_watch(struct registry *r, struct registry_watch *watch)
{
    struct registry_dns *d = self(r);
    struct watched *w = calloc(1, sizeof(*w));
    enum err e = ERR_NO_MEMORY;

    if (w)
        e = fill_name(w->name, d->srv ? d->srv : d->host, watch->service);
    if (e) {
        free(w);
        return e;
    }
    w->dns = d;
    w->watch = watch;
    w->lookup.owner = w;
    w->lookup.answered = on_answered;
    timer_init(&w->again, on_again);
    list_push_back(&d->watches, &w->node);
    watch->backend = w;
    ask(w);
    return ERR_OK;
}

static void dns_unwatch(struct registry *r, struct registry_watch *watch)
{
    struct watched *w = watch->backend;

    if (!w)
        return;
    watch->backend = NULL;
    timer_stop(&w->again, clock_of(self(r)));
    dns_lookup_cancel(&w->lookup);
    dns_lookup_fini(&w->lookup);
    list_remove(&w->node);
    free(w->last);
    free(w);
}

/* --- life --- */

static enum err check_template(const char *key, const char *template, struct why *w)
{
    if (strstr(template, "{service}"))
        return ERR_OK;
    return why(w, ERR_BAD_VALUE, "%s: \"%s\" must have {service} in it", key, template);
}

static enum err check(const struct registry_dns *d, struct why *w)
{
    if (!d->srv == !d->host)
        return why(w, ERR_BAD_VALUE,
                   "it needs srv=_{service}._tcp.example.com, or "
                   "host={service}.example.com and port=8080");
    if (d->host && !d->port)
        return why(w, ERR_BAD_VALUE, "port: must be given with host");
    if (d->min_ttl > d->max_ttl)
        return why(w, ERR_BAD_VALUE, "min_ttl is more than max_ttl");
    return d->srv ? check_template("srv", d->srv, w) : check_template("host", d->host, w);
}

static enum err dns_registry_open(struct registry *r, struct why *w)
{
    struct registry_dns *d = self(r);
    enum err e = check(d, w);

    list_init(&d->watches);
    return e ? e : dns_open(&d->dns, r->loop, r->url.hosts, w);
}

static void on_closed(void *owner)
{
    struct registry *r = owner;

    r->closed(r);
}

static void dns_registry_close(struct registry *r)
{
    struct registry_dns *d = self(r);

    list_each(at, after, &d->watches)
        dns_unwatch(r, container_of(at, struct watched, node)->watch);
    dns_close(d->dns, on_closed, r);
}

const struct registry_ops registry_dns = {
    .scheme = "dns",
    .size = sizeof(struct registry_dns),
    .abilities = 0,
    .options = options,
    .open = dns_registry_open,
    .watch = dns_watch,
    .unwatch = dns_unwatch,
    .close = dns_registry_close,
};
