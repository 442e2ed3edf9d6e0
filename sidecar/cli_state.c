/* health, stats, explain, wait, drain: how the sidecar does. */
#include <time.h>

#include "sidecar/cli_ask.h"
#include "sidecar/cli_show.h"

enum { WAIT_MS = 30000, LOOK_MS = 50, EXPLAIN_TARGET = 256 };

/* ---- health ---- */

static void show_app(struct show *s, const json_t *app)
{
    const json_t *check = json_object_get(app, "check");
    const char *reason = show_text(app, "reason");

    show_cell(s, "%s", show_text(app, "name"));
    show_cell(s, "%s", show_text(app, "state"));
    show_cell(s, "%s", show_text(app, "address"));
    show_cell(s, "%s", show_text(app, "advertised"));
    show_cell(s, "%s, %s", show_text(check, "state"), show_text(check, "result"));
    show_cell(s, "%s", *reason ? reason : show_text(check, "reason"));
}

static int show_apps(const json_t *apps)
{
    struct show s;
    json_t *each;
    size_t at;

    if (!json_array_size(apps)) {
        printf("no app beside it: it only makes calls\n");
        return CLI_DONE;
    }
    show_init(&s, "APP", "STATE", "ADDRESS", "ADVERTISED", "CHECK", "REASON", NULL);
    json_array_foreach(apps, at, each) show_app(&s, each);
    return show_print(&s, stdout);
}

static const char *registry_state(const json_t *registry)
{
    if (!json_is_true(json_object_get(registry, "heard")))
        return "not asked yet";
    return json_is_true(json_object_get(registry, "reachable")) ? "up" : "down";
}

static int show_registries(const json_t *registries)
{
    struct show s;
    json_t *each;
    size_t at;

    show_init(&s, "REGISTRY", "STATE", "SINCE", "FAILURES", "ERROR", NULL);
    json_array_foreach(registries, at, each)
    {
        char since[48];

        show_cell(&s, "%s", show_text(each, "url"));
        show_cell(&s, "%s", registry_state(each));
        show_cell(&s, "%s", show_ago(since, show_number(each, "since_ms")));
        show_cell(&s, "%lld", (long long)show_number(each, "failures"));
        show_cell(&s, "%s", show_text(each, "error"));
    }
    return show_print(&s, stdout);
}

static int show_health(const json_t *health)
{
    bool ready = json_is_true(json_object_get(health, "ready"));
    int code;

    printf("%s: %s%s%s\n\n", show_text(health, "name"), ready ? "ready" : "not ready",
           ready ? "" : ": ", show_text(health, "reason"));
    code = show_apps(json_object_get(health, "apps"));
    printf("\n");
    return code ? code : show_registries(json_object_get(health, "registries"));
}

int cli_health(struct cli *c)
{
    json_t *health;
    int code = cli_ask(c, "GET", "/health", SLICE(""), 0, &health);
    bool ready = json_is_true(json_object_get(health, "ready"));

    if (code)
        return code;
    if (cli_has(c, OPTION_JSON)) {
        code = show_json(health);
    } else {
        code = show_health(health);
        json_decref(health);
    }
    return code ? code : ready ? CLI_DONE : CLI_NO;
}

/* ---- stats ---- */

static json_int_t sum_of(json_t *object)
{
    const char *key;
    json_t *value;
    json_int_t sum = 0;

    json_object_foreach(object, key, value) sum += json_integer_value(value);
    return sum;
}

static void show_stat(struct show *s, const json_t *service)
{
    const json_t *classes = json_object_get(service, "classes");
    const json_t *latency = json_object_get(service, "latency_ms");
    const char *name = show_text(service, "name");

    show_cell(s, "%s%s", *name ? name : "(named no service)",
              json_is_true(json_object_get(service, "inbound")) ? " (inbound)" : "");
    show_cell(s, "%lld", (long long)show_number(service, "requests"));
    show_cell(s, "%lld", (long long)show_number(classes, "2xx"));
    show_cell(s, "%lld", (long long)show_number(classes, "3xx"));
    show_cell(s, "%lld", (long long)show_number(classes, "4xx"));
    show_cell(s, "%lld", (long long)show_number(classes, "5xx"));
    show_cell(s, "%lld", (long long)sum_of(json_object_get(service, "errors")));
    show_cell(s, "%lld", (long long)show_number(service, "retries"));
    show_cell(s, "%lld", (long long)show_number(service, "in_flight"));
    show_cell(s, "%.3g", json_number_value(json_object_get(latency, "p50")));
    show_cell(s, "%.3g", json_number_value(json_object_get(latency, "p99")));
}

static int show_stats(const json_t *stats)
{
    struct show s;
    json_t *each;
    size_t at;
    char uptime[48], memory[48];

    printf("%s, csidecar %s, pid %lld, up %s, %s, %lld clients\n\n",
           show_text(stats, "name"), show_text(stats, "version"),
           (long long)show_number(stats, "pid"),
           show_ago(uptime, show_number(stats, "uptime_ms")),
           show_bytes(memory, show_number(stats, "rss_bytes")),
           (long long)show_number(stats, "client_connections"));
    show_init(&s, "SERVICE", "REQUESTS", "2XX", "3XX", "4XX", "5XX", "ERRORS", "RETRIES",
              "IN FLIGHT", "P50 MS", "P99 MS", NULL);
    json_array_foreach(json_object_get(stats, "services"), at, each) show_stat(&s, each);
    return show_print(&s, stdout);
}

int cli_stats(struct cli *c)
{
    json_t *stats;
    int code = cli_ask(c, "GET", "/stats", SLICE(""), 0, &stats);

    if (code)
        return code;
    if (cli_has(c, OPTION_JSON))
        return show_json(stats);
    code = show_stats(stats);
    json_decref(stats);
    return code;
}

/* ---- explain ---- */

/* Measured for the balancer ewma only. */
static void show_ewma(struct show *s, double ms)
{
    if (ms > 0)
        show_cell(s, "%.3g", ms);
    else
        show_cell(s, "-");
}

static void show_explained(struct show *s, const json_t *i)
{
    char left[48];
    json_int_t rest = show_number(i, "rest_left_ms");

    show_cell(s, "%s", show_text(i, "address"));
    show_cell(s, "%s", show_text(i, "id"));
    show_cell(s, "%s%s%s", show_text(i, "state"), rest ? ", for " : "",
              rest ? show_ago(left, rest) : "");
    show_cell(s, "%lld", (long long)show_number(i, "weight"));
    show_cell(s, "%lld", (long long)show_number(i, "in_flight"));
    show_cell(s, "%lld", (long long)show_number(i, "idle"));
    show_ewma(s, json_number_value(json_object_get(i, "ewma_ms")));
    show_cell(s, "%lld", (long long)show_number(i, "requests"));
    show_cell(s, "%lld", (long long)show_number(i, "failures"));
    show_cell(s, "%s", show_text(i, "registry"));
}

static int show_explained_all(const json_t *instances)
{
    struct show s;
    json_t *each;
    size_t at;

    if (!json_array_size(instances))
        return CLI_DONE;
    printf("\n");
    show_init(&s, "ADDRESS", "ID", "STATE", "WEIGHT", "IN FLIGHT", "IDLE", "EWMA MS",
              "REQUESTS", "FAILURES", "REGISTRY", NULL);
    json_array_foreach(instances, at, each) show_explained(&s, each);
    return show_print(&s, stdout);
}

static int show_explanation(const json_t *e)
{
    const json_t *urls = json_object_get(e, "urls");
    json_t *each;
    size_t at;

    printf("%s: %s\n", show_text(e, "service"), show_text(e, "verdict"));
    json_array_foreach(json_object_get(e, "because"), at, each)
        printf("  - %s\n", json_string_value(each));
    if (json_object_size(urls))
        printf("  - call it by %s or %s\n", show_text(urls, "path"),
               show_text(urls, "host"));
    return show_explained_all(json_object_get(e, "instances"));
}

int cli_explain(struct cli *c)
{
    char target[EXPLAIN_TARGET];
    json_t *e;
    int code;

    if (!service_name_is_valid(slice_of(c->words[0])))
        return cli_fail(CLI_USAGE, "\"%s\" can't be a service's name", c->words[0]);
    snprintf(target, sizeof(target), "/explain?service=%s", c->words[0]);
    code = cli_ask(c, "GET", target, SLICE(""), 0, &e);
    if (code)
        return code;
    if (cli_has(c, OPTION_JSON))
        return show_json(e);
    code = show_explanation(e);
    json_decref(e);
    return code;
}

/* ---- wait ---- */

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Is it ready? Else `reason` says why. */
static bool is_ready(struct cli *c, char *reason, size_t size)
{
    struct http_call call;
    struct text fields;
    bool ready;

    if (!cli_see_admin(c)) {
        snprintf(reason, size, "no sidecar answers");
        return false;
    }
    cli_admin_call(c, &call, "GET", "/ready", &fields);
    if (cli_do(c, &call))
        snprintf(reason, size, "%.400s", call.why.text);
    else
        snprintf(reason, size, "%.*s",
                 (int)strcspn(call.body_in.base ? call.body_in.base : "", "\n"),
                 call.body_in.base ? call.body_in.base : "");
    ready = call.status == 200;
    http_call_fini(&call);
    text_fini(&fields);
    return ready;
}

int cli_wait(struct cli *c)
{
    char reason[512] = "";
    uint64_t limit, until;
    int code = cli_duration(c, OPTION_TIMEOUT, WAIT_MS, &limit);

    until = now_ms() + limit;
    while (!code && !is_ready(c, reason, sizeof(reason))) {
        if (now_ms() >= until)
            return cli_fail(CLI_NO, "not ready: %s", reason);
        pause_ms(LOOK_MS);
    }
    return code;
}

/* ---- drain ---- */

static bool is_there(struct cli *c)
{
    struct http_call call;
    struct text fields;
    bool there;

    cli_admin_call(c, &call, "GET", "/live", &fields);
    there = cli_do(c, &call) == ERR_OK;
    http_call_fini(&call);
    text_fini(&fields);
    return there;
}

int cli_drain(struct cli *c)
{
    uint64_t limit, until;
    json_t *answer;
    int code = cli_duration(c, OPTION_TIMEOUT, WAIT_MS, &limit);

    if (!code)
        code = cli_ask(c, "POST", "/drain", SLICE(""), 0, &answer);
    if (code)
        return code;
    json_decref(answer);
    until = now_ms() + limit;
    while (cli_has(c, OPTION_WAIT) && is_there(c)) {
        if (now_ms() >= until)
            return cli_fail(CLI_NO, "it has not ended yet");
        pause_ms(LOOK_MS);
    }
    return CLI_DONE;
}
