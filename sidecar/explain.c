#include "sidecar/explain.h"

#include <stdarg.h>
#include <stdio.h>

#include "sidecar/balancer.h"
#include "sidecar/catalog_json.h"

/* What is found out on the way. */
struct finding {
    const struct explain *e;
    const struct instance_list *list;
    const struct service_settings *policy;
    uint32_t count, draining, ejected;
    bool panic;
    json_t *because;
};

__attribute__((format(printf, 2, 3))) static void because(struct finding *f,
                                                          const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (f->because)
        json_array_append_new(f->because, json_any_text(line));
}

/* ---- instances: what the catalog says, and what the workers know ---- */

static const struct report_instance *known_of(const struct explain *e, const char *id)
{
    for (uint32_t i = 0; e->pool && i < e->pool->instance_count; i++)
        if (strcmp(e->pool->instances[i].id, id) == 0)
            return &e->pool->instances[i];
    return NULL;
}

static bool is_ejected(const struct explain *e, const char *id)
{
    const struct report_instance *known = known_of(e, id);

    return known && known->state == OUTLIER_OPEN;
}

static const char *state_of(const struct explain *e, const struct instance *i)
{
    const struct report_instance *known = known_of(e, i->id);

    if (i->draining)
        return "draining";
    if (known && known->state == OUTLIER_OPEN)
        return "ejected";
    return known && known->state == OUTLIER_HALF_OPEN ? "half_open" : "up";
}

static json_t *instance_json(const struct finding *f, const struct instance *i)
{
    static const struct report_instance nothing;
    const struct report_instance *known = known_of(f->e, i->id);
    char address[ADDRESS_TEXT];
    bool takes = !i->draining && (f->panic || !is_ejected(f->e, i->id));

    known = known ? known : &nothing;
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:i, s:i, s:i, s:I, s:f, s:I, s:I}", "id",
                     i->id, "address", address_format(&i->address, address), "registry",
                     i->source ? i->source : "", "state", state_of(f->e, i),
                     "takes_calls", takes, "weight", (int)i->weight, "in_flight",
                     (int)known->in_flight, "idle", (int)known->idle, "rest_left_ms",
                     (json_int_t)known->rest_left_ms, "ewma_ms", known->ewma_us / 1000,
                     "requests", (json_int_t)known->requests, "failures",
                     (json_int_t)known->failures);
}

static json_t *instances_json(const struct finding *f)
{
    json_t *out = json_array();

    for (uint32_t i = 0; out && i < f->count; i++)
        json_array_append_new(out, instance_json(f, &f->list->instances[i]));
    return out;
}

static void count(struct finding *f)
{
    f->count = f->list ? f->list->count : 0;
    for (uint32_t i = 0; i < f->count; i++) {
        const struct instance *at = &f->list->instances[i];

        f->draining += at->draining;
        f->ejected += !at->draining && is_ejected(f->e, at->id);
    }
    f->panic = f->ejected && (uint64_t)(f->count - f->ejected) * 100 <
                                 (uint64_t)f->count * f->policy->panic;
}

/* ---- registries ---- */

static uint32_t count_from(const struct finding *f, const char *url)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < f->count; i++) {
        const char *source = f->list->instances[i].source;

        sum += source && strcmp(source, url) == 0;
    }
    return sum;
}

static json_t *registries_json(const struct finding *f)
{
    json_t *out = catalog_registries_json(f->e->catalog, f->e->now), *each;
    size_t at;

    json_array_foreach(out, at, each)
    {
        const char *url = json_string_value(json_object_get(each, "url"));

        json_object_set_new(each, "instances", json_integer(count_from(f, url)));
    }
    return out;
}

static void explain_registries(struct finding *f)
{
    for (unsigned i = 0; i < catalog_registry_count(f->e->catalog); i++) {
        struct registry_status s;

        catalog_registry_status(f->e->catalog, i, &s);
        if (s.reachable)
            because(f, "%s lists %u of its instances", s.url, count_from(f, s.url));
        else
            because(f, "%s does not answer%s%s: what it last said holds", s.url,
                    s.error[0] ? ": " : "", s.error);
    }
}

/* ---- policy ---- */

static const struct field *policy_fields(void)
{
    const struct field *f = settings_fields;

    while (strcmp(f->key, "defaults") != 0)
        f++;
    return f->fields;
}

static json_t *policy_json(const struct finding *f)
{
    struct text text;
    json_t *out;

    text_init(&text, 64 * 1024);
    settings_print_json(policy_fields(), f->policy, &text);
    out = text.failed ? NULL : json_loadb(text.base, text.size, 0, NULL);
    text_fini(&text);
    return out;
}

static const char *rule_of(int balancer)
{
    static const char *const rules[] = {
        [BALANCER_P2C] = "two at random, the one with fewer requests in flight for its "
                         "weight",
        [BALANCER_EWMA] = "two at random, the one with the lower average latency times "
                          "requests in flight",
        [BALANCER_ROUND_ROBIN] = "one after another, by weight",
        [BALANCER_RANDOM] = "at random, by weight",
        [BALANCER_HASH] =
            "the same key always to the same instance; without a key as p2c",
    };

    return rules[balancer];
}

static void explain_policy(struct finding *f)
{
    const struct service_settings *p = f->policy;
    char timeout[24], try_timeout[24];

    because(f, "%s: %s",
            service_entry_of(f->e->settings, slice_of(f->e->service))
                ? "its own settings stand under services"
                : "the settings of defaults hold",
            p->timeout ? duration_format(timeout, p->timeout) : "no time limit");
    if (p->retries.max)
        because(
            f,
            "up to %u retries on another instance, where a repetition can do no harm; "
            "%.3g retries are in the budget now; each try has %s while another is "
            "possible",
            p->retries.max, f->e->pool ? f->e->pool->retry_tokens : 10.0,
            p->try_timeout ? duration_format(try_timeout, p->try_timeout)
                           : "no limit of its own");
    else
        because(f, "no retries");
}

/* ---- verdict ---- */

static void explain_ejected(struct finding *f)
{
    if (f->draining)
        because(f, "%u draining: for nobody new", f->draining);
    if (!f->ejected)
        return;
    because(f, "%u ejected after %u failures in a row", f->ejected,
            f->policy->outlier.rule.failures);
    if (f->panic)
        because(f, "less than %u %% are healthy: calls go to the ejected ones, too",
                f->policy->panic);
}

static void explain_list(struct finding *f)
{
    if (f->list && f->list->count && f->list->authority == LIST_SUSPECT)
        because(f,
                "the list is the last known good one; no registry has confirmed it yet");
    if (f->list && f->list->stale_since_wall_ms)
        because(f, "the list is from before: no registry has answered since");
}

static enum err error_of(const struct finding *f)
{
    if (f->e->draining)
        return ERR_OK; /* outbound stays open until the app has gone */
    if (!f->list || (!f->list->known && !f->list->answered))
        return ERR_REGISTRY_PENDING;
    if (!f->list->known)
        return ERR_NO_SERVICE;
    return f->count - f->draining ? ERR_OK : ERR_NO_INSTANCE;
}

static uint32_t candidates(const struct finding *f)
{
    return f->count - f->draining - (f->panic ? 0 : f->ejected);
}

static json_t *verdict(struct finding *f)
{
    enum err e = error_of(f);
    char line[512];

    if (e)
        snprintf(line, sizeof(line), "a call would be answered %d %s: %s", err_status(e),
                 err_code(e), err_text(e));
    else if (candidates(f) == 0)
        snprintf(line, sizeof(line),
                 "a call would go to an ejected instance: there is no other");
    else
        snprintf(line, sizeof(line), "a call would go to one of %u instance%s: %s",
                 candidates(f), candidates(f) == 1 ? "" : "s",
                 rule_of(f->policy->balancer));
    return json_string(line);
}

static json_t *urls_json(const struct explain *e)
{
    const char *port = strrchr(e->endpoint, ':');
    json_t *out = json_object();

    if (!out || !port)
        return out;
    json_object_set_new(out, "path", json_sprintf("%s/%s/", e->endpoint, e->service));
    json_object_set_new(out, "host",
                        json_sprintf("http://%s.localhost%s/", e->service, port));
    json_object_set_new(
        out, "proxy", json_sprintf("http_proxy=%s http://%s/", e->endpoint, e->service));
    json_object_set_new(
        out, "header",
        json_sprintf("%s/ with csidecar-service: %s", e->endpoint, e->service));
    return out;
}

static json_t *limits_json(const struct finding *f)
{
    const struct report_service *s = f->e->pool;

    return json_pack("{s:i, s:i, s:i, s:i}", "in_flight", (int)(s ? s->in_flight : 0),
                     "in_flight_max", (int)f->policy->limits.in_flight, "waiting",
                     (int)(s ? s->waiting : 0), "waiting_max",
                     (int)f->policy->limits.waiting);
}

json_t *explain_json(const struct explain *e)
{
    struct slice name = slice_of(e->service);
    struct finding f = {
        .e = e,
        .list = catalog_get(e->catalog, name),
        .policy = service_settings_of(e->settings, name),
        .because = json_array(),
    };
    int kind;

    count(&f);
    kind = f.policy->balancer;
    explain_registries(&f);
    explain_list(&f);
    explain_ejected(&f);
    explain_policy(&f);
    return json_pack("{s:s, s:o, s:o, s:{s:s, s:s}, s:b, s:f, s:o, s:o, s:o, s:o, s:o}",
                     "service", e->service, "verdict", verdict(&f), "because", f.because,
                     "balancer", "kind", balancer_of(kind)->name, "rule", rule_of(kind),
                     "panic", f.panic, "retry_tokens",
                     e->pool ? e->pool->retry_tokens : 10.0, "limits", limits_json(&f),
                     "instances", instances_json(&f), "registries", registries_json(&f),
                     "urls", urls_json(e), "policy", policy_json(&f));
}
