#include "sidecar/service.h"

#include <assert.h>
#include <stdlib.h>

#include "sidecar/balancer.h"
#include "sidecar/pool.h"

void upstream_unref(struct upstream *u)
{
    assert(u->references > 0);
    if (--u->references > 0)
        return;
    assert(list_empty(&u->idle));
    free(u->id);
    free(u);
}

static struct upstream *upstream_new(struct service *s, const struct instance *i)
{
    struct upstream *u = calloc(1, sizeof(*u));
    char text[ADDRESS_TEXT];
    struct slice host;

    if (!u)
        return NULL;
    u->id = slice_dup(slice_of(i->id));
    u->id_size = (uint32_t)strlen(i->id);
    if (!u->id) {
        free(u);
        return NULL;
    }
    u->references = 1;
    u->service = s;
    u->address = i->address;
    u->index = i->index;
    u->idle_limit_ms = s->policy->pool.idle_timeout;
    address_format(&u->address, text);
    host =
        slice_of(address_is_path(&u->address) ? "localhost" : text); /* RFC 9110 §7.2 */
    host = slice_first(host, sizeof(u->host));
    memcpy(u->host, host.base, host.size);
    u->host_size = (uint8_t)host.size;
    list_init(&u->idle);
    return u;
}

/* It left the list: no new request, and its idle connections go. */
static void upstream_remove(struct upstream *u)
{
    u->removed = true;
    u->service = NULL;
    pool_clear(u);
    upstream_unref(u);
}

struct upstream *service_peek(const struct service *s, uint32_t position)
{
    uint32_t index = s->list->instances[position].index;

    return index < s->place_count ? s->places[index] : NULL;
}

struct upstream *service_upstream(struct service *s, uint32_t position)
{
    const struct instance *i = &s->list->instances[position];
    struct upstream **place;

    if (i->index >= s->place_count)
        return NULL;
    place = &s->places[i->index];
    if (!*place)
        *place = upstream_new(s, i);
    return *place;
}

static void resume_pending(struct service *s)
{
    struct list waiting;

    list_init(&waiting);
    while (!list_empty(&s->pending))
        list_push_back(&waiting, list_pop_front(&s->pending));
    while (!list_empty(&waiting))
        exchange_on(container_of(list_pop_front(&waiting), struct exchange, waiting),
                    EV_RESUMED);
}

static bool is_same(const struct upstream *u, const struct instance *i)
{
    return address_equals(&u->address, &i->address) && strcmp(u->id, i->id) == 0;
}

/* Keeps what is known of instances that stay; drops those that left or whose place was taken over. */
static void keep_known(struct service *s, struct upstream **places,
                       const struct instance_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t index = list->instances[i].index;
        struct upstream *u = index < s->place_count ? s->places[index] : NULL;

        if (u && is_same(u, &list->instances[i])) {
            places[index] = u;
            s->places[index] = NULL;
        }
    }
    for (uint32_t i = 0; i < s->place_count; i++)
        if (s->places[i])
            upstream_remove(s->places[i]);
}

/* Running sums, only where weights differ: equal weights need no look-up. */
static uint64_t *running_weights(const struct instance_list *list)
{
    uint64_t *sums, sum = 0;
    bool differ = false;

    for (uint32_t i = 1; i < list->count; i++)
        differ |= list->instances[i].weight != list->instances[0].weight;
    sums = differ ? malloc(list->count * sizeof(*sums)) : NULL;
    for (uint32_t i = 0; sums && i < list->count; i++)
        sums[i] = sum += list->instances[i].weight;
    return sums;
}

void service_unlearn(struct service *s)
{
    for (uint32_t i = 0; i < s->place_count; i++)
        if (s->places[i])
            upstream_remove(s->places[i]);
    free(s->places);
    free(s->weights);
    instance_list_unref(s->list);
    s->places = NULL;
    s->weights = NULL;
    s->list = NULL;
    s->place_count = 0;
    s->ejected = 0;
    s->asked_ms = 0;
}

static enum err use_list(struct service *s, struct instance_list *list)
{
    struct upstream **places = calloc(list->places ? list->places : 1, sizeof(*places));

    if (!places)
        return ERR_NO_MEMORY; /* the old list goes on serving */
    keep_known(s, places, list);
    free(s->places);
    free(s->weights);
    if (s->list)
        instance_list_unref(s->list);
    s->list = instance_list_ref(list);
    s->places = places;
    s->place_count = list->places;
    s->weights = running_weights(list);
    service_count_ejected(s);
    return ERR_OK;
}

/* The one that is here already comes again when another worker asked for it. */
void service_update(struct service *s, struct instance_list *list)
{
    if (list != s->list && use_list(s, list))
        return;
    if (list->known || list->answered)
        resume_pending(s);
}

void service_configure(struct service *s, struct settings *settings,
                       const struct service_settings *policy, unsigned workers)
{
    struct settings *old = s->settings;

    s->settings = settings_ref(settings);
    s->policy = policy;
    s->balancer = balancer_of(policy->balancer);
    policies_configure(&s->policies, policy, workers);
    settings_unref(old);
}

struct service *service_make(struct slice name, struct settings *settings,
                             const struct service_settings *policy, unsigned workers,
                             struct clock *clock, struct random *random)
{
    struct service *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->name = slice_dup(name);
    if (!s->name) {
        free(s);
        return NULL;
    }
    s->clock = clock;
    s->random = random;
    list_init(&s->node);
    list_init(&s->unlisted);
    list_init(&s->egress);
    list_init(&s->pending);
    policies_init(&s->policies, s);
    service_configure(s, settings, policy, workers);
    return s;
}

void service_drop(struct service *s)
{
    assert(list_empty(&s->pending));
    service_unlearn(s);
    settings_unref(s->settings);
    list_remove(&s->node);
    list_remove(&s->unlisted);
    list_remove(&s->egress);
    free(s->name);
    free(s);
}

void service_count_ejected(struct service *s)
{
    s->ejected = 0;
    s->ejected_until_ms = UINT64_MAX;
    for (uint32_t i = 0; i < s->place_count; i++) {
        const struct outlier *o = s->places[i] ? &s->places[i]->outlier : NULL;

        if (!o || o->state != OUTLIER_OPEN || clock_now(s->clock) >= o->until_ms)
            continue;
        s->ejected++;
        if (o->until_ms < s->ejected_until_ms)
            s->ejected_until_ms = o->until_ms;
    }
}

uint32_t service_ejected(struct service *s)
{
    if (s->ejected && clock_now(s->clock) >= s->ejected_until_ms)
        service_count_ejected(s);
    return s->ejected;
}

bool service_may_eject(struct service *s)
{
    uint32_t more = service_ejected(s) + 1, count = service_count(s);

    return more < count &&
           more * 100ULL <= (uint64_t)count * s->policy->outlier.max_ejected;
}

void service_eject(struct service *s, struct slice id)
{
    uint32_t position = s->list ? balancer_find(s, id) : NO_POSITION;
    struct upstream *u = position == NO_POSITION ? NULL : service_upstream(s, position);

    if (!u || u->outlier.state != OUTLIER_CLOSED || !service_may_eject(s))
        return;
    outlier_eject(&u->outlier, &s->policy->outlier.rule, clock_now(s->clock));
    service_count_ejected(s);
}
