/* The workers, seen from the control loop: what they say, what they are asked, their start and their end. */
#include <stdlib.h>

#include "sidecar/admin_micro.h"
#include "sidecar/control_parts.h"
#include "sidecar/core/log.h"

/* ---- what workers say ---- */

/* Not in any registry: it is ourselves. */
static void tell_micro(struct control *c)
{
    struct instance_list *list = c->admin ? admin_micro_list(c->admin) : NULL;

    for (unsigned i = 0; list && i < c->worker_count; i++)
        (void)worker_update(&c->workers[i], list);
    instance_list_unref(list);
}

/* A list that is there already goes out again: this worker may be the second to ask. */
static void on_want(void *owner, struct slice service)
{
    struct control *c = owner;
    struct instance_list *list;
    enum err e;

    if (!c->catalog || c->ending)
        return;
    if (slice_is(service, MICRO_SERVICE)) {
        tell_micro(c);
        return;
    }
    e = catalog_want(c->catalog, service);
    list = catalog_get(c->catalog, service);
    if (e)
        log_warn("service.unwatched", "service=%.*s reason=\"%s\"", (int)service.size,
                 service.base, err_text(e));
    for (unsigned i = 0; list && i < c->worker_count; i++)
        worker_update(&c->workers[i], list);
}

static void on_ejected(void *owner, struct worker *by, struct slice service,
                       struct slice instance)
{
    struct control *c = owner;

    for (unsigned i = 0; i < c->worker_count; i++)
        if (&c->workers[i] != by)
            worker_eject(&c->workers[i], service, instance);
}

static void answer(struct control *c, struct report_question *q)
{
    (void)c;
    list_remove(&q->node);
    if (q->answered)
        q->answered(q, q->failed ? NULL : q->sum);
    else
        free(q); /* cancelled: it was ours to keep until the last answer */
}

/* Each worker answers in the order in which it was asked, so the first question that still misses this worker's
 * answer is meant. */
static void on_reported(void *owner, struct worker *by, struct report *r)
{
    struct control *c = owner;

    list_each(at, after, &c->questions)
    {
        struct report_question *q = container_of(at, struct report_question, node);

        if (!(q->missing >> by->number & 1))
            continue;
        q->missing &= ~(1ULL << by->number);
        q->failed = q->failed || !r || (q->sum && report_merge(q->sum, r));
        if (q->sum)
            report_free(r);
        else
            q->sum = r;
        if (!q->missing) {
            struct report *sum = q->sum;

            answer(c, q);
            report_free(sum);
        }
        return;
    }
    report_free(r);
}

/* Without its endpoint a sidecar is of no use. */
static void on_failed(void *owner, struct worker *by, const char *reason)
{
    (void)by;
    control_give_up(owner, reason, 125);
}

static const struct worker_events worker_events = {
    .failed = on_failed,
    .want = on_want,
    .ejected = on_ejected,
    .reported = on_reported,
};

enum err control_ask(struct control *c, struct report_question *q)
{
    q->missing = 0;
    q->sum = NULL;
    q->failed = false;
    list_init(&q->node);
    for (unsigned i = 0; i < c->worker_count; i++)
        if (!worker_ask_report(&c->workers[i], (struct slice){NULL, 0}))
            q->missing |= 1ULL << i;
    if (!q->missing)
        return ERR_NO_MEMORY;
    list_push_back(&c->questions, &q->node);
    return ERR_OK;
}

void control_ask_cancel(struct control *c, struct report_question *q)
{
    (void)c;
    q->answered = NULL;
}

/* ---- the app behind an ingress ---- */

/* As a list with the one instance. */
static struct instance_list *app_list(const struct app_settings *app,
                                      const struct address *address)
{
    struct instance self = {
        .id = app->name, .version = "", .weight = 1, .address = *address};
    struct instance_list *list = instance_list_new(app->name, &self, 1);

    if (list)
        list->known = list->answered = true;
    return list;
}

void control_app_moved(void *owner, unsigned app, const struct address *address)
{
    struct control *c = owner;
    struct instance_list *list = app_list(&c->settings->all_apps[app], address);

    for (unsigned i = 0; list && i < c->worker_count; i++)
        (void)worker_update_app(&c->workers[i], list);
    instance_list_unref(list);
}

/* ---- start and end ---- */

static enum gateway_kind kind_of(const struct port *p)
{
    if (p->use == PORT_INGRESS)
        return GATEWAY_INGRESS;
    if (address_is_path(&p->address))
        return GATEWAY_UNIX;
    return p->use == PORT_SERVICE ? GATEWAY_PORT : GATEWAY_LOCAL;
}

static enum err listen_on(struct control *c, struct worker *w, struct port *p, int fd)
{
    const struct app_settings *behind = &c->settings->all_apps[p->app];
    struct instance_list *app =
        p->use == PORT_INGRESS ? app_list(behind, &behind->addresses[0]) : NULL;

    return worker_listen(w, fd, kind_of(p), p->name, app);
}

static enum err listen_port(struct control *c, struct port *p, struct why *w)
{
    enum err e = listen_on(c, &c->workers[0], p, p->fd);

    p->fd = -1;
    for (unsigned i = 1; i < c->worker_count && !e; i++) {
        int fd = -1; /* a path has one listener */

        if (!address_is_path(&p->address))
            e = listener_bind_shared(&p->address, &fd, w);
        if (!e)
            e = listen_on(c, &c->workers[i], p, fd);
    }
    return e;
}

static bool is_workers_port(const struct port *p)
{
    return p->use != PORT_ADMIN && p->use != PORT_PROBES;
}

static enum err listen_all(struct control *c, struct why *w)
{
    enum err e = ERR_OK;

    for (unsigned i = 0; i < c->ports.count && !e; i++)
        if (is_workers_port(&c->ports.items[i]))
            e = listen_port(c, &c->ports.items[i], w);
    return e;
}

enum err control_start_workers(struct control *c, struct why *w)
{
    unsigned count = c->settings->proxy.workers;
    enum err e = ERR_OK;

    c->workers = calloc(count, sizeof(*c->workers));
    if (!c->workers)
        return why(w, ERR_NO_MEMORY, "out of memory");
    while (c->worker_count < count && !e) {
        e = worker_start(&c->workers[c->worker_count], c->worker_count, count,
                         c->settings, c->via, &worker_events, &c->mailbox, c, w);
        c->workers[c->worker_count].ports = &c->ports;
        c->workers[c->worker_count].all = c->workers;
        c->worker_count += !e;
    }
    return e ? e : listen_all(c, w);
}

void control_stop_workers(struct control *c)
{
    workers_stop(c->workers, c->worker_count);
}
