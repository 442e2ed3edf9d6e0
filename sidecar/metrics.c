#include "sidecar/metrics.h"

#include <stdlib.h>

/* What stands under one label: one service, or many. */
struct series {
    const char *label;
    bool inbound;
    struct service_stats stats;
    uint32_t in_flight, waiting, instances, ejected, draining;
    double retry_tokens;
};

struct printer {
    struct text *out;
    struct series *series;
    unsigned count;
};

/* ---- series ---- */

static const char *label_of(const struct metrics *m, const struct report_service *s,
                            unsigned named)
{
    if (!s->name[0])
        return "_none";
    if (!s->inbound && m->is_known && !m->is_known(m->owner, s->name))
        return "_unknown";
    return named < METRICS_SERVICES ? s->name : "_other";
}

static struct series *series_find(struct printer *p, const char *label, bool inbound)
{
    for (unsigned i = p->count; label[0] == '_' && i-- > 0;)
        if (p->series[i].inbound == inbound && strcmp(p->series[i].label, label) == 0)
            return &p->series[i];
    p->series[p->count] = (struct series){.label = label, .inbound = inbound};
    return &p->series[p->count++];
}

static void series_add(struct series *to, const struct report_service *s)
{
    stats_add(&to->stats, &s->stats);
    to->in_flight += s->in_flight;
    to->waiting += s->waiting;
    to->retry_tokens += s->retry_tokens;
    to->instances += s->instance_count;
    for (uint32_t i = 0; i < s->instance_count; i++) {
        to->ejected += s->instances[i].state == OUTLIER_OPEN;
        to->draining += s->instances[i].draining;
    }
}

static void series_make(struct printer *p, const struct metrics *m)
{
    unsigned named = 0;

    if (!m->report)
        return;
    p->series = calloc(m->report->service_count + 1, sizeof(*p->series));
    if (!p->series) {
        p->out->failed = true;
        return;
    }
    for (uint32_t i = 0; i < m->report->service_count; i++) {
        const struct report_service *s = &m->report->services[i];
        const char *label = label_of(m, s, named);

        named += label == s->name;
        series_add(series_find(p, label, s->inbound), s);
    }
}

/* ---- lines ---- */

static void head(struct text *out, const char *name, const char *type, const char *help)
{
    text_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line end escaped. */
static void add_value(struct text *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\n')
            text_addf(out, "\\n");
        else
            text_addf(out, *s == '\\' || *s == '"' ? "\\%c" : "%c", *s);
    }
}

static void add_label(struct text *out, const char *name, const char *value)
{
    text_addf(out, "%s=\"", name);
    add_value(out, value);
    text_addf(out, "\"");
}

/* `name{service="orders",direction="outbound"`: more labels, or the brace, follow. */
static void open_series(struct printer *p, const char *name, const struct series *s)
{
    text_addf(p->out, "%s{", name);
    add_label(p->out, "service", s->label);
    text_addf(p->out, ",direction=\"%s\"", s->inbound ? "inbound" : "outbound");
}

static void print_value(struct text *out, const char *name, const char *type,
                        const char *help, double value)
{
    head(out, name, type, help);
    text_addf(out, "%s %.15g\n", name, value);
}

/* ---- one number of each service ---- */

struct column {
    const char *name, *type, *help;
    size_t offset; /* of a uint64_t in service_stats */
};

/* clang-format off */
#define COLUMN(member, name, help) {"csidecar_" name "_total", "counter", help, offsetof(struct service_stats, member)}
static const struct column columns[] = {
    COLUMN(attempts,              "attempts",                "Attempts, the first of each request too."),
    COLUMN(retries,               "retries",                 "Further attempts."),
    COLUMN(retries_denied_budget, "retries_denied",          "Retries that the budget did not allow."),
    COLUMN(ejections,             "ejections",               "Instances ejected for failing."),
    COLUMN(connects,              "upstream_connects",       "Connections made to instances."),
    COLUMN(reuses,                "upstream_reuses",         "Attempts on a connection that was there."),
    COLUMN(bytes_in,              "request_body_bytes",      "Bytes of request bodies."),
    COLUMN(bytes_out,             "response_body_bytes",     "Bytes of response bodies."),
};
/* clang-format on */

static void print_columns(struct printer *p)
{
    for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++) {
        const struct column *column = &columns[c];

        head(p->out, column->name, column->type, column->help);
        for (unsigned i = 0; i < p->count; i++) {
            const char *stats = (const char *)&p->series[i].stats;

            open_series(p, column->name, &p->series[i]);
            text_addf(p->out, "} %llu\n",
                      (unsigned long long)*(const uint64_t *)(stats + column->offset));
        }
    }
}

static void print_gauge(struct printer *p, const char *name, const char *help,
                        double (*value)(const struct series *s))
{
    head(p->out, name, "gauge", help);
    for (unsigned i = 0; i < p->count; i++) {
        open_series(p, name, &p->series[i]);
        text_addf(p->out, "} %.15g\n", value(&p->series[i]));
    }
}

static double in_flight_of(const struct series *s)
{
    return s->in_flight;
}

static double waiting_of(const struct series *s)
{
    return s->waiting;
}

static double tokens_of(const struct series *s)
{
    return s->retry_tokens;
}

static void print_gauges(struct printer *p)
{
    print_gauge(p, "csidecar_requests_in_flight", "Requests under way.", in_flight_of);
    print_gauge(p, "csidecar_requests_waiting", "Requests that wait for their turn.",
                waiting_of);
    print_gauge(p, "csidecar_retry_tokens", "Retries the budget allows now.", tokens_of);
}

/* ---- requests ---- */

static void print_requests(struct printer *p)
{
    static const char *const classes[6] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    const char *name = "csidecar_requests_total";

    head(p->out, name, "counter",
         "Requests answered, by class of status (none: the client left).");
    for (unsigned i = 0; i < p->count; i++)
        for (unsigned class = 0; class < 6; class ++) {
            open_series(p, name, &p->series[i]);
            text_addf(p->out, ",class=\"%s\"} %llu\n", classes[class],
                      (unsigned long long)p->series[i].stats.by_class[class]);
        }
}

/* Only what has happened: the table is long. */
static void print_errors(struct printer *p)
{
    const char *name = "csidecar_errors_total";

    head(p->out, name, "counter", "Answers of our own making, and broken-off ones.");
    for (unsigned i = 0; i < p->count; i++)
        for (enum err e = ERR_OK + 1; e < ERR_COUNT; e++) {
            if (!p->series[i].stats.by_error[e])
                continue;
            open_series(p, name, &p->series[i]);
            text_addf(p->out, ",code=\"%s\"} %llu\n", err_code(e),
                      (unsigned long long)p->series[i].stats.by_error[e]);
        }
}

static void print_buckets(struct printer *p, const struct series *s)
{
    uint64_t sum = 0;

    for (unsigned b = 0; b < LATENCY_BUCKETS; b++) {
        sum += s->stats.latency[b];
        open_series(p, "csidecar_request_duration_seconds_bucket", s);
        if (b + 1 < LATENCY_BUCKETS)
            text_addf(p->out, ",le=\"%g\"} ", latency_bounds_ms[b] / 1000.0);
        else
            text_addf(p->out, ",le=\"+Inf\"} ");
        text_addf(p->out, "%llu\n", (unsigned long long)sum);
    }
    open_series(p, "csidecar_request_duration_seconds_sum", s);
    text_addf(p->out, "} %.15g\n", (double)s->stats.latency_sum_ms / 1000);
    open_series(p, "csidecar_request_duration_seconds_count", s);
    text_addf(p->out, "} %llu\n", (unsigned long long)sum);
}

static void print_durations(struct printer *p)
{
    head(p->out, "csidecar_request_duration_seconds", "histogram",
         "From a request's head to the end of its answer.");
    for (unsigned i = 0; i < p->count; i++)
        print_buckets(p, &p->series[i]);
}

static void print_instances(struct printer *p)
{
    const char *name = "csidecar_instances";

    head(p->out, name, "gauge", "Instances known, by state.");
    for (unsigned i = 0; i < p->count; i++) {
        const struct series *s = &p->series[i];
        uint32_t out = s->ejected + s->draining;

        open_series(p, name, s);
        text_addf(p->out, ",state=\"up\"} %u\n",
                  s->instances > out ? s->instances - out : 0);
        open_series(p, name, s);
        text_addf(p->out, ",state=\"ejected\"} %u\n", s->ejected);
        open_series(p, name, s);
        text_addf(p->out, ",state=\"draining\"} %u\n", s->draining);
    }
}

/* ---- what is not of a service ---- */

static void print_registries(const struct metrics *m, struct text *out)
{
    head(out, "csidecar_registry_up", "gauge",
         "0: the registry failed when it was last asked.");
    for (unsigned i = 0; i < m->registry_count; i++) {
        text_addf(out, "csidecar_registry_up{");
        add_label(out, "registry", m->registries[i].url);
        text_addf(out, "} %d\n", m->registries[i].reachable);
    }
    head(out, "csidecar_registry_failures_total", "counter", "Failures of the registry.");
    for (unsigned i = 0; i < m->registry_count; i++) {
        text_addf(out, "csidecar_registry_failures_total{");
        add_label(out, "registry", m->registries[i].url);
        text_addf(out, "} %llu\n", (unsigned long long)m->registries[i].failures);
    }
}

static void print_app(struct text *out, const char *metric, const struct metrics_app *a,
                      bool value)
{
    text_addf(out, "%s{", metric);
    add_label(out, "app", a->name);
    text_addf(out, ",");
    add_label(out, "instance_id", a->id);
    text_addf(out, "} %d\n", value);
}

static void print_apps(const struct metrics *m, struct text *out)
{
    head(out, "csidecar_app_up", "gauge", "Does the app pass its checks?");
    for (unsigned i = 0; i < m->app_count; i++)
        print_app(out, "csidecar_app_up", &m->apps[i], m->apps[i].up);
    head(out, "csidecar_app_registered", "gauge", "Is its lease held?");
    for (unsigned i = 0; i < m->app_count; i++)
        print_app(out, "csidecar_app_registered", &m->apps[i], m->apps[i].registered);
}

static void print_leases(const struct metrics *m, struct text *out)
{
    head(out, "csidecar_lease_held", "gauge",
         "Records kept for others: are they in every registry?");
    for (unsigned i = 0; i < m->lease_count; i++) {
        text_addf(out, "csidecar_lease_held{");
        add_label(out, "service", m->leases[i].service);
        text_addf(out, ",");
        add_label(out, "instance_id", m->leases[i].id);
        text_addf(out, "} %d\n", m->leases[i].held);
    }
}

static void print_process(const struct metrics_process *p, struct text *out)
{
    print_value(out, "process_cpu_seconds_total", "counter", "User and system time.",
                p->cpu_seconds);
    print_value(out, "process_start_time_seconds", "gauge", "Since 1970.",
                p->started_seconds);
    print_value(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
                (double)p->resident_bytes);
    print_value(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.",
                (double)p->virtual_bytes);
    print_value(out, "process_open_fds", "gauge", "Open descriptors.",
                (double)p->open_fds);
    print_value(out, "process_max_fds", "gauge", "Descriptors there may be.",
                (double)p->max_fds);
}

static void print_self(const struct metrics *m, struct text *out)
{
    const struct report *r = m->report;

    head(out, "csidecar_build_info", "gauge", "The version.");
    text_addf(out, "csidecar_build_info{version=\"%s\"} 1\n", m->version);
    print_value(out, "csidecar_ready", "gauge", "Are the apps registered?", m->ready);
    print_value(out, "csidecar_draining", "gauge", "Is it leaving?", m->draining);
    print_value(out, "csidecar_client_connections", "gauge", "Connections of clients.",
                r ? r->client_connections : 0);
    print_value(out, "csidecar_upstream_connections", "gauge",
                "Connections to instances.", r ? r->upstream_connections : 0);
    head(out, "csidecar_reloads_total", "counter", "Settings read again.");
    text_addf(out, "csidecar_reloads_total{result=\"done\"} %llu\n",
              (unsigned long long)m->reloads);
    text_addf(out, "csidecar_reloads_total{result=\"failed\"} %llu\n",
              (unsigned long long)m->reloads_failed);
    print_value(out, "csidecar_log_lines_dropped_total", "counter",
                "Lines that the log's reader was too slow for.",
                (double)(m->log_dropped + (r ? r->log_dropped : 0)));
}

void metrics_print(const struct metrics *m, struct text *out)
{
    struct printer p = {.out = out};

    series_make(&p, m);
    print_self(m, out);
    print_requests(&p);
    print_errors(&p);
    print_durations(&p);
    print_columns(&p);
    print_gauges(&p);
    print_instances(&p);
    print_registries(m, out);
    print_apps(m, out);
    print_leases(m, out);
    print_process(&m->process, out);
    free(p.series);
}
