/* Watches: each service watched is asked for at once, after 1 and 3 s, and then again and
 * again: mDNS has no other way to notice that somebody died without a goodbye. */
#include <stdio.h>
#include <stdlib.h>

#include "discovery/mdns_parts.h"
#include "sidecar/core/log.h"

enum {
    COLLECT_MS = 250,    /* go-micro waits 100 */
    IDLE_MS = 30 * 1000, /* between questions for what nobody offers */
    BUSY_MS = 10 * 1000, /* for what somebody does, at most */
    BRISK_MS = 500,      /* at least, however short a TTL */
    BY_NAME_LIMIT = 64,  /* single questions after one round */
    JITTER = 10,
};

static struct asking *asking_of(struct mdns_browse *b)
{
    return container_of(b, struct asking, browse);
}

static struct clock *clock_of(struct asking *a)
{
    return mdns_clock(a->mdns);
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Asking */

static unsigned send_question(struct mdns *m, struct slice name, enum mdns_type type)
{
    struct mdns_writer w;
    struct slice packet;

    mdns_write_header(&w, m->packet, sizeof(m->packet),
                      (uint16_t)random_next(m->base.random), 0);
    mdns_write_question(&w, name, type, false);
    return mdns_written(&w, &packet) ? 0 : mdns_link_ask(m->link, packet);
}

/* Until the next question, when the shortest promise is `ttl_ms`. */
static uint64_t interval(struct asking *a, uint64_t ttl_ms)
{
    uint64_t ms = at_most(at_most(ttl_ms / 3, BUSY_MS), mdns_heartbeat(a->mdns));

    if (ttl_ms == UINT64_MAX)
        ms = IDLE_MS;
    return random_jitter(a->mdns->base.random, ms > BRISK_MS ? ms : BRISK_MS, JITTER);
}

static uint64_t pause(struct asking *a)
{
    static const uint64_t early[BROWSE_EARLY_ROUNDS] = {1000, 2000};
    uint64_t ms = interval(a, mdns_browse_ttl(&a->browse));

    if (a->browse.rounds < BROWSE_EARLY_ROUNDS)
        return at_most(early[a->browse.rounds - 1], ms);
    return ms;
}

static void fail(struct asking *a)
{
    struct registry *r = &a->mdns->base;
    struct why reason;
    enum err e;

    why_init(&reason);
    e = why(&reason, ERR_UNAVAILABLE, "no network interface to ask on");
    if (a->watch)
        r->frame->failed(a->watch, e, &reason);
    else
        r->frame->names_failed(r, e, &reason);
}

static void on_ask(struct timer *t)
{
    struct asking *a = container_of(t, struct asking, ask);

    mdns_browse_begin(&a->browse);
    if (send_question(a->mdns, a->question, MDNS_PTR) == 0) {
        fail(a);
        return;
    }
    timer_start(&a->collect, clock_of(a), COLLECT_MS);
    timer_start(&a->ask, clock_of(a), pause(a));
}

void mdns_ask_within(struct asking *a, uint64_t ms)
{
    uint64_t due = loop_now(a->mdns->base.loop) + ms;

    if (!timer_active(&a->ask) || a->ask.due > due)
        timer_start(&a->ask, clock_of(a), ms);
}

/* Telling */

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of DNS-SD instances are known, and several may be of one service. */
static const char *name_of(const struct mdns *m, const struct mdns_known *k,
                           struct memory *memory)
{
    char label[MDNS_LABEL_LIMIT + 1], service[MDNS_LABEL_LIMIT + 1];

    if (m->flavor != MDNS_DNS_SD)
        return k->id;
    if (mdns_label(label, slice_of(k->id)) || !mdns_service_of_label(service, label))
        return NULL;
    return memory_copy(memory, slice_of(service));
}

static uint32_t without_repeats(const char **names, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
            names[kept++] = names[i];
    return kept;
}

static void deliver_names(struct asking *a)
{
    struct registry *r = &a->mdns->base;
    const char **names = malloc((a->browse.known.count + 1) * sizeof(*names));
    struct memory memory = {0};
    uint32_t count = 0;

    if (!names)
        return;
    map_each(at, &a->browse.known)
    {
        names[count] = name_of(a->mdns, at->value, &memory);
        count += names[count] != NULL;
    }
    qsort(names, count, sizeof(*names), compare);
    count = without_repeats(names, count);
    a->delivered = true;
    a->changed = false;
    r->frame->names(r, names, count);
    memory_free(&memory);
    free(names);
}

void mdns_gone(struct asking *a, const char *id)
{
    a->changed = true;
    if (a->watch)
        a->mdns->base.frame->remove(a->watch, id);
}

static void on_gone(struct mdns_browse *b, const char *id, const char *reason)
{
    struct asking *a = asking_of(b);

    if (a->watch)
        log_info("mdns.gone", "service=%s instance=%s reason=\"%s\"", a->watch->service,
                 id, reason);
    mdns_gone(a, id);
}

static void on_missed(struct mdns_browse *b, const char *id)
{
    struct asking *a = asking_of(b);
    char name[MDNS_NAME_TEXT + MDNS_NAME_LIMIT + 2];

    if (a->by_name == 0)
        return;
    a->by_name--;
    snprintf(name, sizeof(name), "%s.%s", id, a->name);
    send_question(a->mdns, slice_of(name), MDNS_ANY);
}

static const struct mdns_browse_events events = {.gone = on_gone, .missed = on_missed};

/* "Nothing" is doubtful until three rounds brought nothing: a packet may be lost. */
static void deliver_nothing(struct asking *a)
{
    enum authority authority =
        a->browse.rounds < BROWSE_EARLY_ROUNDS ? LIST_SUSPECT : LIST_CONFIRMED;

    if (a->browse.known.count == 0 && a->browse.rounds <= BROWSE_EARLY_ROUNDS)
        a->mdns->base.frame->deliver(a->watch, NULL, 0, authority);
}

static void on_collect(struct timer *t)
{
    struct asking *a = container_of(t, struct asking, collect);

    a->by_name = BY_NAME_LIMIT;
    mdns_browse_end(&a->browse, loop_now(a->mdns->base.loop), &events);
    if (a->watch)
        deliver_nothing(a);
    else if (a->changed || !a->delivered)
        deliver_names(a);
}

static void on_expire(struct timer *t)
{
    struct asking *a = container_of(t, struct asking, expire);
    uint64_t now = loop_now(a->mdns->base.loop);
    uint64_t next = mdns_browse_expire(&a->browse, now, &events);

    if (next != UINT64_MAX)
        timer_start(&a->expire, clock_of(a), next - now);
    if (!a->watch && a->changed)
        deliver_names(a);
}

/* The timer is never later than the first TTL's end; it looks again when it comes too early. */
void mdns_heard(struct asking *a, struct mdns_known *k, uint32_t ttl)
{
    mdns_browse_heard(k, loop_now(a->mdns->base.loop), ttl);
    if (!timer_active(&a->expire) || a->expire.due > k->expires)
        timer_start(&a->expire, clock_of(a), k->ttl_ms);
}

/* The next question may be half a minute off, from when there was nothing. */
void mdns_heard_first(struct asking *a, struct mdns_known *k, uint32_t ttl)
{
    mdns_heard(a, k, ttl);
    mdns_ask_within(a, interval(a, k->ttl_ms));
}

/* Life */

static enum err asking_list(struct asking *a)
{
    a->twin = map_get(&a->mdns->questions, a->question);
    return map_put(&a->mdns->questions, a->question, a);
}

static void asking_unlist(struct asking *a)
{
    struct map *questions = &a->mdns->questions;
    struct asking *at = map_get(questions, a->question);

    if (at != a) {
        while (at->twin != a)
            at = at->twin;
        at->twin = a->twin;
    } else if (a->twin) {
        map_put(questions, a->twin->question, a->twin); /* replaces: needs no memory */
    } else {
        map_remove(questions, a->question);
    }
}

void mdns_question_name(const struct mdns *m, char out[MDNS_NAME_LIMIT + 1],
                        const char *service)
{
    if (m->flavor == MDNS_DNS_SD)
        snprintf(out, MDNS_NAME_LIMIT + 1, "%s.%s.", m->type, m->domain);
    else if (service)
        snprintf(out, MDNS_NAME_LIMIT + 1, "%s.%s.", service, m->domain);
    else
        snprintf(out, MDNS_NAME_LIMIT + 1, "%s.%s.",
                 m->flavor == MDNS_DAPR ? "_services._dns-sd._udp" : "_services",
                 m->domain);
}

static enum err asking_new(struct asking **out, struct mdns *m, const char *service,
                           struct registry_watch *w)
{
    struct asking *a = calloc(1, sizeof(*a));

    if (!a)
        return ERR_NO_MEMORY;
    a->mdns = m;
    a->watch = w;
    mdns_question_name(m, a->name, service);
    a->question = slice_of(a->name);
    timer_init(&a->ask, on_ask);
    timer_init(&a->collect, on_collect);
    timer_init(&a->expire, on_expire);
    if (asking_list(a)) {
        free(a);
        return ERR_NO_MEMORY;
    }
    timer_start(&a->ask, mdns_clock(m), 0);
    *out = a;
    return ERR_OK;
}

static void asking_free(struct asking *a)
{
    asking_unlist(a);
    timer_stop(&a->ask, clock_of(a));
    timer_stop(&a->collect, clock_of(a));
    timer_stop(&a->expire, clock_of(a));
    mdns_browse_fini(&a->browse);
    free(a);
}

enum err mdns_watch(struct registry *r, struct registry_watch *w)
{
    struct asking *a = NULL;
    enum err e = asking_new(&a, mdns_of(r), w->service, w);

    w->backend = a;
    return e;
}

void mdns_unwatch(struct registry *r, struct registry_watch *w)
{
    (void)r;
    if (w->backend)
        asking_free(w->backend);
    w->backend = NULL;
}

enum err mdns_watch_names(struct registry *r)
{
    return asking_new(&mdns_of(r)->names, mdns_of(r), NULL, NULL);
}

void mdns_unwatch_names(struct registry *r)
{
    struct mdns *m = mdns_of(r);

    if (m->names)
        asking_free(m->names);
    m->names = NULL;
}

void mdns_ask_again(struct mdns *m)
{
    map_each(at, &m->questions) for (struct asking *a = at->value; a; a = a->twin)
        mdns_ask_within(a, 0);
}

static struct asking *any_asking(const struct mdns *m)
{
    map_each(at, &m->questions) return at->value;
    return NULL;
}

void mdns_querier_close(struct mdns *m)
{
    struct asking *a;

    while ((a = any_asking(m))) {
        if (a->watch)
            a->watch->backend = NULL;
        asking_free(a);
    }
    map_fini(&m->questions);
    m->names = NULL;
}
