#include "sidecar/control.h"

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
    control_memory_note_list(c);
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

/* ---- apps ---- */

static void on_ready_changed(void *owner, bool ready)
{
    struct control *c = owner;

    log_info(ready ? "ready" : "not_ready", "name=%s", c->settings->name);
    if (c->admin)
        admin_notify(c->admin, NULL);
}

static void on_deregistered(void *owner)
{
    drain_deregistered(&((struct control *)owner)->drain);
}

static const struct apps_events apps_events = {
    .ready_changed = on_ready_changed,
    .moved = control_app_moved,
    .deregistered = on_deregistered,
    .closed = control_apps_closed,
};

/* ---- assembling ---- */

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
    sandbox_say(&c->sandbox);
    control_warn(c->settings);
}

/* Signals first: one that comes meanwhile waits for the loop, instead of ending us with a child that is left alone
 * (or, as PID 1, being lost). The child before the sandbox, which is not for it (what it sends us waits at the ports,
 * which are bound), and that before any other thread. */
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
        e = control_start_child(c, w);
    if (!e)
        e = sandbox_close(&c->sandbox, c->settings, &c->ports, c->child != NULL, w);
    if (!e)
        e = control_start_workers(c, w);
    if (!e)
        e = admin_open(&c->admin, c, &c->ports, w);
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
    control_memory_init(c);
    e = mailbox_open(&c->mailbox, &c->loop, c);
    if (e)
        (void)loop_close(&c->loop);
    return e;
}

/* ---- taking apart ---- */

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
    sandbox_fini(&c->sandbox);
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
    enum err e;

    why_init(&why_text);
    signal(SIGPIPE, SIG_IGN);
    e = init(&c, settings, input);
    if (e) {
        fprintf(stderr, "csidecar: could not make an event loop: %s\n", err_text(e));
        settings_unref(settings);
        return 125;
    }
    e = assemble(&c, &why_text);
    if (e) {
        control_give_up(&c, why_text.text[0] ? why_text.text : err_text(e),
                        c.exit_code ? c.exit_code : 125);
    } else {
        say_where(&c);
        welcome_print(&c);
    }
    loop_run(&c.loop);
    control_stop_workers(&c);
    close_mailbox(&c);
    free_all(&c);
    return c.exit_code;
}
