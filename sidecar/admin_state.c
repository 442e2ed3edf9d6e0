/* How it does: of the process, its apps and its registries. */
#include <stdio.h>

#include "sidecar/admin_parts.h"
#include "sidecar/catalog_json.h"
#include "sidecar/dashboard.h"

enum { CONFIG_LIMIT = 64 * 1024 * 1024 };

/* ---- ready? ---- */

static bool is_unsettled(const struct control *c, char *reason, size_t size)
{
    if (!c->catalog || catalog_is_settled(c->catalog))
        return false;
    snprintf(reason, size, "no answer yet from a registry");
    return true;
}

static bool is_in(const struct app_status *s)
{
    return strcmp(s->state, "registered") == 0 || strcmp(s->state, "unpublished") == 0;
}

static bool is_app_out(const struct control *c, char *reason, size_t size)
{
    for (unsigned i = 0; i < apps_count(c->apps); i++) {
        struct app_status s;

        apps_status(c->apps, i, &s);
        if (is_in(&s))
            continue;
        snprintf(reason, size, "app %s is %s: %s", s.name, s.state,
                 s.reason[0] ? s.reason : "no check has passed yet");
        return true;
    }
    return false;
}

bool admin_is_unready(const struct admin *a, char *reason, size_t size)
{
    const struct control *c = a->control;

    if (drain_is_on(&c->drain) || c->ending || a->closing) {
        snprintf(reason, size, "shutting down: %s", drain_state_name(c->drain.state));
        return true;
    }
    if (!c->apps) {
        snprintf(reason, size, "starting");
        return true;
    }
    if (is_unsettled(c, reason, size))
        return true;
    if (apps_are_ready(c->apps))
        return false;
    if (!is_app_out(c, reason, size))
        snprintf(reason, size, "an app is not registered yet");
    return true;
}

void admin_get_live(struct admin *a, struct http_request *q)
{
    (void)a;
    admin_reply_line(q, 200, "ok");
}

void admin_get_ready(struct admin *a, struct http_request *q)
{
    char reason[512];

    if (admin_is_unready(a, reason, sizeof(reason)))
        admin_reply_line(q, 503, "%s", reason);
    else
        admin_reply_line(q, 200, "ready");
}

/* An app that waits for us to have started must not be waited for. */
void admin_get_startup(struct admin *a, struct http_request *q)
{
    char reason[64];

    if (is_unsettled(a->control, reason, sizeof(reason)))
        admin_reply_line(q, 503, "%s", reason);
    else
        admin_reply_line(q, 200, "started");
}

/* ---- health ---- */

/* "..x.": the last checks, newest last. */
static void write_history(char *out, const struct probe_report *p, unsigned size)
{
    unsigned known = p->checks < size ? (unsigned)p->checks : size;

    for (unsigned i = 0; i < known; i++)
        out[i] = p->history >> (known - 1 - i) & 1 ? '.' : 'x';
    out[known] = '\0';
}

static json_t *probe_json(const struct probe_report *p, uint64_t now)
{
    char history[33];

    write_history(history, p, 32);
    return json_pack("{s:s, s:s, s:i, s:I, s:I, s:I, s:i, s:i, s:b, s:s, s:o}", "state",
                     probe_state_name(p->state), "result", probe_result_name(p->result),
                     "status", (int)p->status, "checked_ms_ago",
                     (json_int_t)(p->checked_ms ? now - p->checked_ms : 0), "took_ms",
                     (json_int_t)p->took_ms, "checks", (json_int_t)p->checks, "passes",
                     (int)p->passes, "failures", (int)p->failures, "fell_back_to_tcp",
                     p->fell_back_to_tcp, "history", history, "reason",
                     json_any_text(p->reason));
}

static json_t *app_json(const struct app_status *s, uint64_t now)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "name", s->name, "id",
                     s->id ? s->id : "", "state", s->state, "address", s->address,
                     "advertised", s->advertised, "reason", json_any_text(s->reason),
                     "check", probe_json(&s->probe, now));
}

static json_t *apps_json(const struct control *c)
{
    json_t *out = json_array();

    for (unsigned i = 0; out && c->apps && i < apps_count(c->apps); i++) {
        struct app_status s;

        apps_status(c->apps, i, &s);
        json_array_append_new(out, app_json(&s, loop_now(&c->loop)));
    }
    return out;
}

void admin_get_health(struct admin *a, struct http_request *q)
{
    const struct control *c = a->control;
    char reason[512] = "";
    bool unready = admin_is_unready(a, reason, sizeof(reason));

    admin_reply_json(q, 200,
                     json_pack("{s:s, s:s, s:b, s:o, s:s, s:o, s:o, s:o}", "name",
                               c->settings->name, "version", CSIDECAR_VERSION, "ready",
                               !unready, "reason", json_any_text(reason), "state",
                               drain_state_name(c->drain.state), "apps", apps_json(c),
                               "registries",
                               catalog_registries_json(c->catalog, loop_now(&c->loop)),
                               "sandbox", sandbox_json(&c->sandbox)));
}

/* ---- settings ---- */

void admin_get_config(struct admin *a, struct http_request *q)
{
    struct text text;

    text_init(&text, CONFIG_LIMIT);
    settings_print_json(settings_fields, a->control->settings, &text);
    admin_reply_text(q, 200, "application/json", &text);
}

void admin_post_reload(struct admin *a, struct http_request *q)
{
    struct why w;

    why_init(&w);
    if (control_reload(a->control, &w))
        admin_reply_problem(q, 409, ERR_BAD_CONFIG, w.text);
    else
        admin_reply_json(q, 200,
                         json_pack("{s:b, s:I}", "reloaded", 1, "reloads",
                                   (json_int_t)a->control->reloads));
}

/* ---- leaving ---- */

void admin_post_drain(struct admin *a, struct http_request *q)
{
    struct control *c = a->control;

    control_drain(c);
    admin_reply_json(q, 202,
                     json_pack("{s:s, s:I, s:I}", "state",
                               drain_state_name(c->drain.state), "settle_ms",
                               (json_int_t)c->settings->drain.settle, "finish_ms",
                               (json_int_t)c->settings->drain.finish));
}

/* ---- the page ---- */

void admin_get_page(struct admin *a, struct http_request *q)
{
    (void)a;
    server_respond(q, 200, SLICE("text/html; charset=utf-8"), dashboard_fields(),
                   dashboard_page());
}
