#include "sidecar/access_log.h"

#include "sidecar/call.h"
#include "sidecar/core/log.h"
#include "sidecar/downstream.h"
#include "sidecar/worker.h"

enum {
    FLUSH_MS = 50,
    FLUSH_BYTES = 32 * 1024,
    LIMIT = 256 * 1024,
    TRACE_ID = 32,
};

static void on_flush(struct timer *t)
{
    access_log_flush(container_of(t, struct access_log, flush));
}

void access_log_init(struct access_log *a, struct clock *clock)
{
    *a = (struct access_log){.clock = clock};
    text_init(&a->lines, LIMIT);
    timer_init(&a->flush, on_flush);
}

void access_log_configure(struct access_log *a, bool on, bool json)
{
    a->on = on;
    a->json = json;
}

void access_log_flush(struct access_log *a)
{
    timer_stop(&a->flush, a->clock);
    if (a->lines.size > 0)
        log_write(text_slice(&a->lines));
    text_clear(&a->lines);
    a->lines.failed = false;
}

void access_log_fini(struct access_log *a)
{
    access_log_flush(a);
    text_fini(&a->lines);
}

/* What a line says, gathered once for both forms. */
struct entry {
    char time[25];
    const char *gateway;
    struct slice method, target, trace;
    uint64_t took_ms;
};

static const char *const gateways[] = {
    [GATEWAY_LOCAL] = "local",
    [GATEWAY_UNIX] = "unix",
    [GATEWAY_PORT] = "port",
    [GATEWAY_INGRESS] = "ingress",
};

/* W3C Trace Context §3.2.2.3. A client may have said anything. */
static bool is_trace_id(struct slice s)
{
    size_t digits = 0;

    while (digits < s.size && memchr("0123456789abcdef", s.base[digits], 16))
        digits++;
    return digits == TRACE_ID;
}

static struct slice trace_of(struct slice fields)
{
    struct slice name = SLICE("traceparent: 00-");

    while (fields.size > name.size + TRACE_ID) {
        size_t end = slice_find(fields, '\n');
        struct slice id = slice_first(slice_after(fields, name.size), TRACE_ID);

        if (slice_equals_nocase(slice_first(fields, name.size), name))
            return is_trace_id(id) ? id : SLICE("-");
        fields = slice_after(fields, end + 1);
    }
    return SLICE("-");
}

static struct slice word(struct slice line, unsigned which)
{
    for (; which > 0; which--)
        line = slice_after(line, slice_find(line, ' ') + 1);
    return slice_first(line, slice_find(line, ' '));
}

static void fill(struct entry *e, const struct call *c)
{
    struct slice line = c->text.line;

    log_timestamp(e->time, clock_wall_ms());
    e->gateway = gateways[c->down->listening->gateway.kind];
    e->method = c->log_method.size ? c->log_method : word(line, 0);
    e->target = c->log_target.size ? c->log_target : word(line, 1);
    e->trace = c->text.fields.size ? trace_of(c->text.fields) : SLICE("-");
    e->took_ms = c->started ? clock_now(c->x.clock) - c->x.started_ms : 0;
}

static void add_text(struct text *t, const struct entry *e, const struct call *c)
{
    char target[600], method[40];

    text_addf(t,
              "%s ACCESS %s %s %s %u service=%.*s instance=%s attempts=%u in=%llu "
              "out=%llu ms=%llu trace=%.*s",
              e->time, e->gateway, log_quote(method, sizeof(method), e->method),
              log_quote(target, sizeof(target), e->target), c->status,
              c->service_name.size ? (int)c->service_name.size : 1,
              c->service_name.size ? c->service_name.base : "-",
              *c->instance_id ? c->instance_id : "-", c->x.attempts,
              (unsigned long long)c->bytes_in, (unsigned long long)c->bytes_out,
              (unsigned long long)e->took_ms, (int)e->trace.size, e->trace.base);
    if (c->outcome)
        text_addf(t, " error=%s", err_code(c->outcome));
    if (c->x.retry_reason)
        text_addf(t, " retry=%s", c->x.retry_reason);
    text_addf(t, "\n");
}

static void add_json_text(struct text *t, const char *key, struct slice value)
{
    text_addf(t, ",\"%s\":", key);
    text_add_json(t, value);
}

static void add_json(struct text *t, const struct entry *e, const struct call *c)
{
    text_addf(
        t, "{\"time\":\"%s\",\"level\":\"info\",\"event\":\"access\",\"listener\":\"%s\"",
        e->time, e->gateway);
    add_json_text(t, "method", e->method);
    add_json_text(t, "target", e->target);
    text_addf(t, ",\"status\":%u", c->status);
    add_json_text(t, "service", c->service_name);
    add_json_text(t, "instance", slice_of(c->instance_id));
    text_addf(t, ",\"attempts\":%u,\"bytes_in\":%llu,\"bytes_out\":%llu,\"ms\":%llu",
              c->x.attempts, (unsigned long long)c->bytes_in,
              (unsigned long long)c->bytes_out, (unsigned long long)e->took_ms);
    add_json_text(t, "trace", e->trace);
    if (c->outcome)
        add_json_text(t, "error", slice_of(err_code(c->outcome)));
    if (c->x.retry_reason)
        add_json_text(t, "retry", slice_of(c->x.retry_reason));
    text_addf(t, "}\n");
}

void access_log_write(struct access_log *a, const struct call *c)
{
    struct entry e;
    size_t before = a->lines.size;

    if (!a->on)
        return;
    fill(&e, c);
    if (a->json)
        add_json(&a->lines, &e, c);
    else
        add_text(&a->lines, &e, c);
    if (a->lines.failed) {
        a->lines.size = before; /* no half lines */
        a->dropped++;
    }
    if (a->lines.failed || a->lines.size >= FLUSH_BYTES)
        access_log_flush(a);
    else if (before == 0)
        timer_start(&a->flush, a->clock, FLUSH_MS);
}
