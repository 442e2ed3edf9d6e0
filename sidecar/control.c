#include "sidecar/control.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sidecar/control_parts.h"
#include "sidecar/core/log.h"
#include "sidecar/welcome.h"

static struct control *of_catalog(struct catalog *c)
{
    return catalog_owner(c);
}

/* ---- what the registries say goes to all workers ---- */

static void on_changed(struct catalog *catalog, struct instance_list *list)
{
    struct control *c = of_catalog(catalog);

    for (unsigned i = 0; i < c->worker_count; i++)
        if (worker_update(&c->workers[i], list))
            log_error("list.lost", "service=%s reason=\"out of memory\"", list->service);
    if (c->admin)
        admin_notify(c->admin, list->service);
}

static void on_names_changed(struct catalog *catalog)
{
    struct control *c = of_catalog(catalog);

    if (c->admin)
        admin_notify(c->admin, NULL);
}

static void on_forgotten(struct catalog *catalog, const char *service)
{
    struct control *c = of_catalog(catalog);

    for (unsigned i = 0; i < c->worker_count; i++)
        worker_forget(&c->workers[i], service);
}

static const struct catalog_events catalog_events = {
    .changed = on_changed,
    .names_changed = on_names_changed,
    .forgotten = on_forgotten,
    .closed = control_catalog_closed,
};

/* ---- what workers say ---- */

/* A list that is there already goes out again: this worker may be the second to ask. */
static void on_want(void *owner, struct slice service)
{
    struct control *c = owner;
    struct instance_list *list;
    enum err e;

    if (!c->catalog || c->ending)
        return;
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

/* ---- apps ---- */

static void on_ready_changed(void *owner, bool ready)
{
    struct control *c = owner;

    c->ready = ready;
    log_info(ready ? "ready" : "not_ready", "name=%s", c->settings->name);
    if (c->admin)
        admin_notify(c->admin, NULL);
}

static void on_deregistered(void *owner)
{
    drain_deregistered(&((struct control *)owner)->drain);
}

/* The app behind an ingress, as a list with the one instance. */
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

static void on_moved(void *owner, unsigned app, const struct address *address)
{
    struct control *c = owner;
    struct instance_list *list = app_list(&c->settings->all_apps[app], address);

    for (unsigned i = 0; list && i < c->worker_count; i++)
        (void)worker_update_app(&c->workers[i], list);
    instance_list_unref(list);
}

static const struct apps_events apps_events = {
    .ready_changed = on_ready_changed,
    .moved = on_moved,
    .deregistered = on_deregistered,
    .closed = control_apps_closed,
};

bool control_is_ready(const struct control *c)
{
    return c->ready && !drain_is_on(&c->drain) && !c->ending;
}

/* ---- assembling ---- */

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
    for (unsigned i = 1; i < c->worker_count && !e && !address_is_path(&p->address);
         i++) {
        int fd;

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

static enum err start_workers(struct control *c, struct why *w)
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
        c->worker_count += !e;
    }
    return e ? e : listen_all(c, w);
}

static enum err open_catalog(struct control *c, struct why *w)
{
    enum err e = sources_make(&c->sources, c->settings, w);

    if (!e)
        e = catalog_open(&c->catalog, &c->sources.catalog, &c->loop, &c->random,
                         &catalog_events, c, w);
    return e;
}

static enum err open_apps(struct control *c, struct why *w)
{
    struct apps_context context = {
        .loop = &c->loop,
        .random = &c->random,
        .catalog = c->catalog,
        .settings = c->settings,
        .ports = &c->ports,
        .port_is_chosen = c->app_port != 0,
    };
    return apps_open(&c->apps, &context, &apps_events, c, w);
}

static void say_where(const struct control *c)
{
    char url[ADDRESS_TEXT + 8], admin[ADDRESS_TEXT + 8];

    log_info("listening", "endpoint=%s admin=%s%s",
             ports_where(&c->ports, PORT_LOCAL, url),
             ports_where(&c->ports, PORT_ADMIN, admin),
             c->ports.moved ? " note=\"the default ports were taken\"" : "");
}

/* Signals first: one that comes meanwhile waits for the loop, instead of ending us with a child that is left alone
 * (or, as PID 1, being lost). */
static enum err assemble(struct control *c, struct why *w)
{
    enum err e = control_watch_signals(c, w);

    if (!e)
        e = apps_choose_port(c->settings, &c->app_port, w);
    if (!e)
        e = ports_bind(&c->ports, c->settings, w);
    if (!e)
        e = open_catalog(c, w);
    if (!e)
        e = start_workers(c, w);
    if (!e)
        e = admin_open(&c->admin, c, &c->ports, w);
    if (!e)
        e = control_start_child(c, w);
    if (!e)
        e = open_apps(c, w);
    return e;
}

static enum err init(struct control *c, struct settings *settings,
                     struct settings_input *input)
{
    char id[9];
    enum err e;

    *c = (struct control){
        .settings = settings, .input = input, .started_wall_ms = clock_wall_ms()};
    list_init(&c->questions);
    log_setup((enum log_level)settings->log.level, (enum log_format)settings->log.format,
              STDERR_FILENO);
    random_init(&c->random, 0);
    random_hex(id, 8);
    snprintf(c->via, sizeof(c->via), "csidecar-%s", id);
    e = loop_open(&c->loop, 64 * 1024);
    if (e)
        return e;
    control_init_drain(c);
    e = mailbox_open(&c->mailbox, &c->loop, c);
    if (e)
        (void)loop_close(&c->loop);
    return e;
}

/* ---- taking apart ---- */

static void stop_workers(struct control *c)
{
    for (unsigned i = 0; i < c->worker_count; i++)
        worker_stop(&c->workers[i]);
}

/* Letters that were under way are delivered by mailbox_close(); nobody is left to answer. */
static void close_mailbox(struct control *c)
{
    mailbox_close(&c->mailbox, NULL);
    loop_run(&c->loop);
}

static void free_all(struct control *c)
{
    if (c->admin)
        admin_free(c->admin);
    if (c->apps)
        apps_free(c->apps);
    if (c->child)
        child_free(c->child);
    if (c->catalog)
        catalog_free(c->catalog);
    sources_fini(&c->sources);
    ports_fini(&c->ports);
    free(c->workers);
    if (loop_close(&c->loop))
        log_error("control.leak", "reason=\"a handle was left open\"");
    settings_unref(c->settings);
}

int control_run(struct settings *settings, struct settings_input *input)
{
    struct control c;
    struct why why_text;

    why_init(&why_text);
    signal(SIGPIPE, SIG_IGN);
    if (init(&c, settings, input)) {
        fprintf(stderr, "csidecar: could not make an event loop\n");
        settings_unref(settings);
        return 125;
    }
    if (assemble(&c, &why_text)) {
        control_give_up(&c, why_text.text, c.exit_code ? c.exit_code : 125);
    } else {
        say_where(&c);
        welcome_print(&c);
    }
    loop_run(&c.loop);
    stop_workers(&c);
    close_mailbox(&c);
    free_all(&c);
    return c.exit_code;
}
