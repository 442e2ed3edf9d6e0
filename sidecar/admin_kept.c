#include "sidecar/admin_kept.h"

#include <stdlib.h>

#include "sidecar/core/log.h"
#include "sidecar/metrics.h"

enum {
    ANSWER_MS = 2000,
    SEEN_MS = 50, /* for a list that is watched to follow */
    FIRST_CHECK_MS = 1000,
    CHECK_MS = 10 * 1000,
    CHECK_TIMEOUT_MS = 2000,
};

const struct registration *kept_record(const struct kept *k)
{
    return lease_registration(k->lease);
}

static struct clock *clock_of(const struct kept *k)
{
    return &k->admin->control->loop.clock;
}

/* ---- answers ---- */

static void answer(struct kept *k, unsigned status)
{
    struct http_request *q = k->request;

    timer_stop(&k->late, clock_of(k));
    if (!q)
        return;
    k->request = NULL;
    q->gone = NULL;
    k->reply(k, q, status);
}

static void on_gone(struct http_request *q)
{
    struct kept *k = q->owner;

    k->request = NULL;
}

void kept_await(struct kept *k, struct http_request *q,
                void (*reply)(struct kept *k, struct http_request *q, unsigned status))
{
    answer(k, k->status ? k->status : 202);
    k->status = 0;
    k->request = q;
    k->reply = reply;
    q->owner = k;
    q->gone = on_gone;
    timer_start(&k->late, clock_of(k), ANSWER_MS);
}

/* ---- the end ---- */

static void kept_free(struct kept *k)
{
    struct admin *a = k->admin;

    timer_stop(&k->late, clock_of(k));
    timer_stop(&k->lapse, clock_of(k));
    list_remove(&k->node);
    if (k->lease)
        lease_free(k->lease);
    free(k);
    if (list_empty(&a->leases))
        admin_leases_gone(a);
}

static void end_if_done(struct kept *k)
{
    if (k->stopped && !k->probe && !k->request && !timer_active(&k->late))
        kept_free(k);
}

static void on_late(struct timer *t)
{
    struct kept *k = container_of(t, struct kept, late);

    answer(k, k->status ? k->status : 202);
    end_if_done(k);
}

/* Who is answered may look at once, and should then see what was done. */
static void answer_when_seen(struct kept *k, unsigned status)
{
    struct control *c = k->admin->control;
    bool watched = catalog_get(c->catalog, slice_of(kept_record(k)->service)) != NULL;

    k->status = status;
    if (k->request)
        timer_start(&k->late, clock_of(k), watched ? SEEN_MS : 0);
}

static void on_changed(struct lease *l, bool held)
{
    struct kept *k = lease_owner(l);

    k->held = held;
    if (held && !k->stopping)
        answer_when_seen(k, 201);
}

static void on_stopped(struct lease *l)
{
    struct kept *k = lease_owner(l);

    k->held = false;
    k->stopped = true;
    answer_when_seen(k, 200);
    if (k->admin->closing)
        answer(k, 200);
    end_if_done(k);
}

static const struct lease_events lease_events = {
    .changed = on_changed,
    .stopped = on_stopped,
};

static void stop_within(struct kept *k, uint64_t within_ms)
{
    if (k->stopping)
        return;
    k->stopping = true;
    timer_stop(&k->lapse, clock_of(k));
    if (k->probe)
        probe_close(k->probe);
    lease_stop(k->lease, within_ms);
}

void kept_stop(struct kept *k)
{
    stop_within(k, KEPT_REMOVE_MS);
}

void admin_leases_stop(struct admin *a, uint64_t within_ms)
{
    list_each(at, after, &a->leases)
        stop_within(container_of(at, struct kept, node), within_ms);
}

/* ---- who watches over it ---- */

static void on_lapse(struct timer *t)
{
    struct kept *k = container_of(t, struct kept, lapse);

    log_info("register.lapsed", "service=%s id=%s", kept_record(k)->service,
             kept_record(k)->id);
    kept_stop(k);
}

void kept_lapse_after(struct kept *k, uint64_t lapse_ms)
{
    if (lapse_ms)
        timer_start(&k->lapse, clock_of(k), lapse_ms);
    else
        timer_stop(&k->lapse, clock_of(k));
}

/* Who was registered before he listens has until then. */
static void on_probed(struct probe *p, enum probe_state s, const struct why *why)
{
    struct kept *k = probe_owner(p);
    struct probe_report report;

    probe_report(p, &report);
    if (s != PROBE_DOWN || k->stopping || report.history == 0)
        return;
    log_info("register.gone", "service=%s id=%s reason=\"%s\"", kept_record(k)->service,
             kept_record(k)->id, why->text);
    kept_stop(k);
}

static void on_probe_closed(struct probe *p)
{
    struct kept *k = probe_owner(p);

    k->probe = NULL;
    probe_free(p);
    end_if_done(k);
}

static const struct probe_events probe_events = {
    .changed = on_probed,
    .closed = on_probe_closed,
};

static const struct probe_settings checks = {
    .kind = PROBE_TCP,
    .first_interval_ms = FIRST_CHECK_MS,
    .interval_ms = CHECK_MS,
    .jitter = 10,
    .timeout_ms = CHECK_TIMEOUT_MS,
    .fall = 3,
    .rise = 1,
};

enum err kept_watch_address(struct kept *k)
{
    struct control *c = k->admin->control;

    if (k->probe)
        return ERR_OK;
    return probe_open(&k->probe, &c->loop, &c->random, &checks, &kept_record(k)->address,
                      1, &probe_events, k);
}

/* ---- one more ---- */

struct kept *kept_find(const struct admin *a, const char *service, const char *id)
{
    list_each(at, after, &a->leases)
    {
        struct kept *k = container_of(at, struct kept, node);

        if (!k->stopped && strcmp(kept_record(k)->id, id) == 0 &&
            (!service[0] || strcmp(kept_record(k)->service, service) == 0))
            return k;
    }
    return NULL;
}

static unsigned count(const struct admin *a)
{
    unsigned sum = 0;

    list_each(at, after, &a->leases) sum++;
    return sum;
}

static bool can_write(const struct admin *a)
{
    const struct catalog *c = a->control->catalog;

    for (unsigned i = 0; i < catalog_registry_count(c); i++) {
        struct registry_status s;

        catalog_registry_status(c, i, &s);
        if (s.abilities & REGISTRY_WRITES)
            return true;
    }
    return false;
}

enum err kept_check(const struct admin *a, struct why *w)
{
    if (!can_write(a))
        return why(w, ERR_UNSUPPORTED, "no registry of this sidecar can be written to");
    if (count(a) >= KEPT_LIMIT)
        return why(w, ERR_TOO_LARGE, "%d records are kept already", KEPT_LIMIT);
    return ERR_OK;
}

struct kept *kept_new(struct admin *a, const struct registration *r)
{
    struct kept *k = calloc(1, sizeof(*k));

    if (!k)
        return NULL;
    k->admin = a;
    list_init(&k->node);
    timer_init(&k->late, on_late);
    timer_init(&k->lapse, on_lapse);
    if (lease_open(&k->lease, a->control->catalog, r, &lease_events, k)) {
        free(k);
        return NULL;
    }
    list_push_back(&a->leases, &k->node);
    return k;
}

void kept_start(struct kept *k)
{
    lease_start(k->lease);
}

struct metrics_lease *admin_leases_metrics(const struct admin *a, unsigned *many)
{
    struct metrics_lease *rows = calloc(count(a) + 1, sizeof(*rows));

    *many = 0;
    list_each(at, after, &a->leases)
    {
        const struct kept *k = container_of(at, struct kept, node);

        if (rows)
            rows[(*many)++] = (struct metrics_lease){kept_record(k)->service,
                                                     kept_record(k)->id, k->held};
    }
    return rows;
}
