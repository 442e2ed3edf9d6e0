/* What the workers know: they are asked, and the answer waits for all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sidecar/admin_parts.h"
#include "sidecar/explain.h"
#include "sidecar/metrics.h"
#include "sidecar/report_json.h"

enum { METRICS_LIMIT = 32 * 1024 * 1024 };

/* Begins with what control_ask() knows: cancelled, control.c frees it. */
struct question {
    struct report_question asked;
    struct admin *admin;
    struct http_request *request;
    void (*answer)(struct admin *a, struct http_request *q, const struct report *r);
};

static void on_gone(struct http_request *q)
{
    struct question *question = q->owner;

    control_ask_cancel(question->admin->control, &question->asked);
}

static void on_answered(struct report_question *asked, struct report *r)
{
    struct question *question = container_of(asked, struct question, asked);
    struct http_request *q = question->request;

    q->gone = NULL;
    if (r)
        question->answer(question->admin, q, r);
    else
        admin_reply_problem(q, 0, ERR_NO_MEMORY, NULL);
    free(question);
}

static void ask(struct admin *a, struct http_request *q,
                void (*answer)(struct admin *, struct http_request *,
                               const struct report *))
{
    struct question *question = calloc(1, sizeof(*question));

    if (question) {
        *question = (struct question){
            .asked.answered = on_answered, .admin = a, .request = q, .answer = answer};
        if (!control_ask(a->control, &question->asked)) {
            q->owner = question;
            q->gone = on_gone;
            return;
        }
    }
    free(question);
    admin_reply_problem(q, 0, ERR_NO_MEMORY, NULL);
}

/* ---- stats and pools ---- */

static void add_process(json_t *out, const struct admin *a, const struct report *r)
{
    const struct control *c = a->control;
    char endpoint[ADDRESS_TEXT + 8], admin_url[ADDRESS_TEXT + 8];
    struct metrics_process p;
    json_t *process;

    metrics_process_read(&p);
    process = json_pack(
        "{s:s, s:s, s:i, s:s, s:s, s:I, s:i, s:I, s:I, s:I, s:I, s:i, s:i}", "name",
        c->settings->name, "version", CSIDECAR_VERSION, "pid", (int)getpid(), "endpoint",
        ports_url(&c->ports, PORT_LOCAL, endpoint), "admin",
        ports_url(&c->ports, PORT_ADMIN, admin_url), "uptime_ms",
        (json_int_t)(clock_wall_ms() - c->started_wall_ms), "workers",
        (int)c->worker_count, "rss_bytes", (json_int_t)p.resident_bytes, "reloads",
        (json_int_t)c->reloads, "reloads_failed", (json_int_t)c->reloads_failed,
        "log_dropped", (json_int_t)(log_dropped() + r->log_dropped), "client_connections",
        (int)r->client_connections, "upstream_connections", (int)r->upstream_connections);
    if (process)
        json_object_update(out, process);
    json_decref(process);
}

static void answer_stats(struct admin *a, struct http_request *q, const struct report *r)
{
    json_t *out = json_object();

    if (out) {
        add_process(out, a, r);
        json_object_set_new(out, "services", report_stats_json(r));
    }
    admin_reply_json(q, 200, out);
}

static void answer_pools(struct admin *a, struct http_request *q, const struct report *r)
{
    (void)a;
    admin_reply_json(q, 200, json_pack("{s:o}", "services", report_pools_json(r, NULL)));
}

void admin_get_stats(struct admin *a, struct http_request *q)
{
    ask(a, q, answer_stats);
}

void admin_get_pools(struct admin *a, struct http_request *q)
{
    ask(a, q, answer_pools);
}

/* ---- metrics ---- */

static bool is_known(const void *owner, const char *service)
{
    const struct admin *a = owner;
    const struct instance_list *l = catalog_get(a->control->catalog, slice_of(service));

    return l && l->known;
}

/* What a list of rows is made in; NULL when there is none, or no memory: then they are left out. */
static void fill_registries(struct metrics *m, struct registry_status *statuses,
                            struct metrics_registry *rows, const struct catalog *c)
{
    for (unsigned i = 0; i < m->registry_count; i++) {
        catalog_registry_status(c, i, &statuses[i]);
        rows[i] = (struct metrics_registry){statuses[i].url, statuses[i].reachable,
                                            statuses[i].failures};
    }
    m->registries = rows;
}

static void fill_apps(struct metrics *m, struct metrics_app *rows,
                      const struct apps *apps)
{
    for (unsigned i = 0; i < m->app_count; i++) {
        struct app_status s;

        apps_status(apps, i, &s);
        rows[i] =
            (struct metrics_app){s.name, s.id ? s.id : "", s.probe.state == PROBE_UP,
                                 strcmp(s.state, "registered") == 0};
    }
    m->apps = rows;
}

static void print_metrics(struct admin *a, struct metrics *m, struct text *out)
{
    const struct control *c = a->control;
    unsigned registries = catalog_registry_count(c->catalog);
    unsigned apps = c->apps ? apps_count(c->apps) : 0;
    struct registry_status *statuses = calloc(registries + 1, sizeof(*statuses));
    struct metrics_registry *registry_rows =
        calloc(registries + 1, sizeof(*registry_rows));
    struct metrics_app *app_rows = calloc(apps + 1, sizeof(*app_rows));
    struct metrics_lease *lease_rows = admin_leases_metrics(a, &m->lease_count);

    m->registry_count = statuses && registry_rows ? registries : 0;
    m->app_count = app_rows ? apps : 0;
    m->leases = lease_rows;
    fill_registries(m, statuses, registry_rows, c->catalog);
    fill_apps(m, app_rows, c->apps);
    metrics_print(m, out);
    free(statuses);
    free(registry_rows);
    free(app_rows);
    free(lease_rows);
}

static void answer_metrics(struct admin *a, struct http_request *q,
                           const struct report *r)
{
    const struct control *c = a->control;
    char reason[512];
    struct text text;
    struct metrics m = {
        .report = r,
        .is_known = is_known,
        .owner = a,
        .version = CSIDECAR_VERSION,
        .reloads = c->reloads,
        .reloads_failed = c->reloads_failed,
        .log_dropped = log_dropped(),
        .ready = !admin_is_unready(a, reason, sizeof(reason)),
        .draining = drain_is_on(&c->drain),
    };

    text_init(&text, METRICS_LIMIT);
    metrics_process_read(&m.process);
    print_metrics(a, &m, &text);
    admin_reply_text(q, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
}

void admin_get_metrics(struct admin *a, struct http_request *q)
{
    ask(a, q, answer_metrics);
}

/* ---- explain ---- */

/* The name was checked when it was asked for. */
static void answer_explain(struct admin *a, struct http_request *q,
                           const struct report *r)
{
    const struct control *c = a->control;
    char name[SERVICE_NAME_LIMIT + 1], endpoint[ADDRESS_TEXT + 8];
    struct explain e = {
        .settings = c->settings,
        .catalog = c->catalog,
        .endpoint = ports_url(&c->ports, PORT_LOCAL, endpoint),
        .workers = c->worker_count,
        .draining = drain_is_on(&c->drain),
        .now = loop_now(&c->loop),
    };

    query_value(q->query, "service", name, sizeof(name));
    e.service = name;
    e.pool = report_find(r, name);
    admin_reply_json(q, 200, explain_json(&e));
}

/* Here the list may not have been asked for yet: it comes while the workers think. */
void admin_get_explain(struct admin *a, struct http_request *q)
{
    char name[SERVICE_NAME_LIMIT + 1];

    if (!query_value(q->query, "service", name, sizeof(name)) ||
        !service_name_is_valid(slice_of(name))) {
        admin_reply_problem(q, 400, ERR_BAD_REQUEST, "say which: /explain?service=NAME");
        return;
    }
    admin_await_list(a, q, name, admin_explain_known);
}

void admin_explain_known(struct admin *a, struct http_request *q)
{
    ask(a, q, answer_explain);
}
