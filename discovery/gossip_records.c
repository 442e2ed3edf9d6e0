#include "discovery/gossip_records.h"

#include <stdlib.h>

static const uint64_t CLOCK_STEP_NS = 3600ull * 1000 * 1000 * 1000;

static void on_timer(struct timer *t);

void gossip_records_init(struct gossip_records *r)
{
    list_init(&r->changes);
}

/* --- services --- */

struct gossip_service *gossip_service_get(struct gossip_records *r, const char *name)
{
    struct gossip_service *s = map_get(&r->services, slice_of(name));

    if (s)
        return s;
    s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->records = r;
    list_init(&s->all);
    list_init(&s->watches);
    s->name = slice_dup(slice_of(name));
    if (s->name && !map_put(&r->services, slice_of(s->name), s))
        return s;
    free(s->name);
    free(s);
    return NULL;
}

void gossip_service_release(struct gossip_service *s)
{
    if (!list_empty(&s->all) || !list_empty(&s->watches))
        return;
    map_remove(&s->records->services, slice_of(s->name));
    map_fini(&s->by_id);
    free(s->name);
    free(s);
}

/* --- records --- */

static struct gossip_record *find_in(struct gossip_service *s, const char *id)
{
    return map_get(&s->by_id, slice_of(id));
}

struct gossip_record *gossip_records_find(struct gossip_records *r, const char *service,
                                          const char *id)
{
    struct gossip_service *s = map_get(&r->services, slice_of(service));

    return s ? find_in(s, id) : NULL;
}

bool gossip_record_is_there(const struct gossip_record *record)
{
    struct gossip_records *r = record->service->records;

    return !record->is_gone &&
           (record->is_own || !record->member || !r->events->is_down(r, record->member));
}

static void drop_copy(struct gossip_record *record)
{
    if (!record->copy)
        return;
    record->service->records->bytes -= instance_text_size(gossip_record_instance(record));
    instance_list_unref(record->copy);
    record->copy = NULL;
}

static struct gossip_record *record_new(struct gossip_service *s)
{
    struct gossip_record *record = calloc(1, sizeof *record);

    if (!record)
        return NULL;
    record->service = s;
    list_init(&record->changed);
    timer_init(&record->timer, on_timer);
    list_push_back(&s->all, &record->node);
    s->records->count++;
    return record;
}

static void record_free(struct gossip_record *record)
{
    struct gossip_service *s = record->service;

    timer_stop(&record->timer, s->records->clock);
    list_remove(&record->node);
    list_remove(&record->changed);
    s->records->count--;
    if (record->copy) {
        map_remove(&s->by_id, slice_of(gossip_record_instance(record)->id));
        drop_copy(record);
    }
    free(record->member);
    free(record);
}

void gossip_records_fini(struct gossip_records *r)
{
    map_each(at, &r->services)
    {
        struct gossip_service *s = at->value;
        struct list *node;

        while ((node = s->all.next) != &s->all)
            record_free(gossip_record_of(node));
        map_fini(&s->by_id);
        free(s->name);
        free(s);
    }
    map_fini(&r->services);
}

static void note_change(struct gossip_record *record)
{
    struct gossip_records *r = record->service->records;

    if (!list_empty(&record->changed))
        return;
    list_push_back(&r->changes, &record->changed);
    r->events->due(r);
}

static void set_timer(struct gossip_record *record, uint64_t ms)
{
    struct clock *c = record->service->records->clock;

    timer_stop(&record->timer, c);
    record->ends_ms = clock_now(c) + ms;
    timer_start(&record->timer, c, ms);
}

static void end(struct gossip_record *record)
{
    if (record->is_gone)
        return;
    record->is_gone = true;
    record->is_own = record->is_asked = false;
    set_timer(record, GOSSIP_GONE_MS);
    note_change(record);
}

static void on_timer(struct timer *t)
{
    struct gossip_record *record = container_of(t, struct gossip_record, timer);
    struct gossip_service *s = record->service;

    if (record->is_gone) {
        record_free(record);
        gossip_service_release(s);
        return;
    }
    record->is_asked = !record->is_own && s->records->events->lapsed(s->records, record);
    if (!record->is_asked)
        end(record);
}

/* --- hearing --- */

/* The sender's clock was put back: what looks old is new. */
static bool is_of_another_time(const struct gossip_record *record, uint64_t lease_ns)
{
    return record->lease_ns > lease_ns + CLOCK_STEP_NS;
}

static bool is_host_back(const struct gossip_record *record)
{
    struct gossip_records *r = record->service->records;

    return record->went_with_host &&
           r->events->is_host_up(r, &gossip_record_instance(record)->address);
}

/* Without a lease it is news only of what nobody spoke of before, or of what went with its host. */
static bool is_newer(const struct gossip_record *record, const struct gossip_word *word)
{
    if (!record->copy || word->is_own)
        return true;
    if (record->is_own)
        return false;
    if (word->lease_ns == 0)
        return record->is_gone && is_host_back(record);
    if (!record->is_gone)
        return word->lease_ns != record->lease_ns;
    return word->lease_ns > record->lease_ns ||
           is_of_another_time(record, word->lease_ns);
}

static enum err take_content(struct gossip_record *record, const struct gossip_word *word)
{
    struct gossip_records *r = record->service->records;
    struct instance_list *copy;
    size_t size = instance_text_size(word->instance);

    if (record->copy && instance_equals(gossip_record_instance(record), word->instance))
        return ERR_OK;
    if (r->bytes + size > GOSSIP_RECORDS_BYTES && !word->is_own)
        return ERR_TOO_LARGE;
    copy = instance_list_new(word->service, word->instance, 1);
    if (copy && map_put(&record->service->by_id, slice_of(copy->instances->id), record)) {
        instance_list_unref(copy);
        copy = NULL;
    }
    if (!copy)
        return ERR_NO_MEMORY;
    drop_copy(record);
    record->copy = copy;
    r->bytes += size;
    note_change(record);
    return ERR_OK;
}

static enum err take_member(struct gossip_record *record, struct slice member)
{
    char *copy;

    if (member.size == 0 || (record->member && slice_is(member, record->member)))
        return ERR_OK;
    copy = slice_dup(member);
    if (!copy)
        return ERR_NO_MEMORY;
    free(record->member);
    record->member = copy;
    return ERR_OK;
}

static void take_lease(struct gossip_record *record, const struct gossip_word *word)
{
    uint64_t ms = word->lease_ns ? word->lease_ms : GOSSIP_UNLEASED_MS;

    record->lease_ns = word->lease_ns;
    record->lease_ms = ms < GOSSIP_LEASE_MAX_MS ? ms : GOSSIP_LEASE_MAX_MS;
    record->is_own = word->is_own;
    if (record->is_gone || gossip_record_is_there(record) != record->is_told)
        note_change(record);
    record->is_gone = record->is_asked = record->went_with_host = false;
    set_timer(record, record->lease_ms);
}

enum err gossip_records_hear(struct gossip_records *r, const struct gossip_word *word)
{
    struct gossip_service *s = gossip_service_get(r, word->service);
    struct gossip_record *record;
    enum err e = ERR_OK;

    if (!s)
        return ERR_NO_MEMORY;
    record = find_in(s, word->instance->id);
    if (!record && r->count >= GOSSIP_RECORDS_LIMIT)
        e = ERR_TOO_LARGE;
    else if (!record && !(record = record_new(s)))
        e = ERR_NO_MEMORY;
    if (!e && is_newer(record, word)) {
        e = take_content(record, word);
        if (!e)
            e = take_member(record, word->member);
        if (!e)
            take_lease(record, word);
    }
    if (record && !record->copy)
        record_free(record);
    gossip_service_release(s);
    return e;
}

bool gossip_records_delete(struct gossip_records *r, const char *service, const char *id)
{
    struct gossip_record *record = gossip_records_find(r, service, id);

    if (record && record->is_own)
        return false;
    if (record) {
        record->went_with_host = false;
        end(record);
    }
    return true;
}

void gossip_records_withdraw(struct gossip_records *r, const char *service,
                             const char *id)
{
    struct gossip_record *record = gossip_records_find(r, service, id);

    if (record)
        end(record);
}

static bool waits_for(const struct gossip_record *record, const char *member)
{
    return record->is_asked && record->member && strcmp(record->member, member) == 0;
}

void gossip_records_confirm(struct gossip_records *r, const char *service, const char *id,
                            const char *member)
{
    struct gossip_record *record = gossip_records_find(r, service, id);

    if (!record || !waits_for(record, member))
        return;
    record->is_asked = false;
    set_timer(record, record->lease_ms);
}

/* --- members --- */

static void each(struct gossip_records *r,
                 void (*visit)(struct gossip_record *, const void *), const void *what)
{
    map_each(at, &r->services)
    {
        struct gossip_service *s = at->value;

        list_each(node, after, &s->all)
        {
            visit(gossip_record_of(node), what);
        }
    }
}

static void on_confirmed(struct gossip_record *record, const void *member)
{
    if (waits_for(record, member))
        end(record);
}

void gossip_records_confirmed(struct gossip_records *r, const char *member)
{
    each(r, on_confirmed, member);
}

static void on_member_changed(struct gossip_record *record, const void *member)
{
    if (record->member && !record->is_own && strcmp(record->member, member) == 0)
        note_change(record);
}

static void on_member_left(struct gossip_record *record, const void *member)
{
    if (record->member && !record->is_own && strcmp(record->member, member) == 0)
        end(record);
}

void gossip_records_member(struct gossip_records *r, const char *member, bool left)
{
    each(r, left ? on_member_left : on_member_changed, member);
}

static void on_host_down(struct gossip_record *record, const void *host)
{
    struct address ip = gossip_record_instance(record)->address;

    address_set_port(&ip, 0);
    if (!record->is_own && !record->is_gone && !record->member && record->lease_ns == 0 &&
        address_equals(&ip, host)) {
        record->went_with_host = true;
        end(record);
    }
}

void gossip_records_host_down(struct gossip_records *r, const struct address *host)
{
    struct address ip = *host;

    address_set_port(&ip, 0);
    each(r, on_host_down, &ip);
}

/* --- telling --- */

static void tell(struct gossip_record *record)
{
    struct gossip_service *s = record->service;
    bool was = record->is_told, is = gossip_record_is_there(record);

    if (!was && !is)
        return;
    record->is_told = is;
    s->told += (unsigned)is - (unsigned)was;
    s->records->events->changed(s->records, record, is);
    if (is != was && s->told <= (is ? 1u : 0u))
        s->records->events->names_changed(s->records);
}

/* What comes meanwhile is told the next time. */
void gossip_records_flush(struct gossip_records *r)
{
    struct list now, *node;

    list_init(&now);
    list_insert_after(&r->changes, &now);
    list_remove(&r->changes);
    while ((node = list_pop_front(&now)))
        tell(container_of(node, struct gossip_record, changed));
}
