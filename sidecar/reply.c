#include "sidecar/reply.h"

#include "sidecar/downstream.h"
#include "sidecar/worker.h"

static void add_instances(struct service *s, struct text *out)
{
    uint32_t known = service_count(s), ejected = service_ejected(s);

    text_addf(out, ",\"instances\":{\"known\":%u,\"healthy\":%u,\"ejected\":%u}", known,
              known - ejected, ejected);
}

static const char *hint_of(const struct call *c)
{
    if (c->x.error == ERR_NO_SERVICE && c->form == ROUTE_PROXY)
        return route_hint_egress;
    return c->hint;
}

void reply_problem_body(const struct call *c, struct text *out)
{
    enum err e = c->x.error;
    const char *hint = hint_of(c);

    text_addf(out, "{\"type\":\"about:blank\",\"title\":");
    text_add_json(out, slice_of(http_reason((unsigned)err_status(e))));
    text_addf(out, ",\"status\":%d,\"detail\":", err_status(e));
    text_add_json(out, slice_of(err_text(e)));
    if (hint && *hint) {
        text_addf(out, ",\"hint\":");
        text_add_json(out, slice_of(hint));
    }
    text_addf(out, ",\"code\":\"%s\"", err_code(e));
    if (c->service_name.size) {
        text_addf(out, ",\"service\":");
        text_add_json(out, c->service_name);
    }
    text_addf(out, ",\"attempts\":%u", c->x.attempts);
    if (c->x.service)
        add_instances(c->x.service, out);
    text_addf(out, "}\n");
}

void reply_message(struct text *out, unsigned status, struct slice content_type,
                   struct slice fields, struct slice body, bool close, bool head_only)
{
    text_addf(out, "HTTP/1.1 %u %s\r\n", status, http_reason(status));
    if (content_type.size)
        text_addf(out, "Content-Type: %.*s\r\n", (int)content_type.size,
                  content_type.base);
    text_add(out, fields);
    text_addf(out, "Content-Length: %zu\r\n%s\r\n", body.size,
              close ? "Connection: close\r\n" : "");
    if (!head_only)
        text_add(out, body);
}

/* RFC 9110 §15.5.6 and §10.2.3: what may be done instead. */
static void add_fields(const struct call *c, struct text *fields)
{
    enum err e = c->x.error;

    text_addf(fields, "csidecar-error: %s\r\ncsidecar-attempts: %u\r\n", err_code(e),
              c->x.attempts);
    if (e == ERR_METHOD)
        text_addf(fields, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
    if (e == ERR_UNAUTHORIZED)
        text_addf(fields, "WWW-Authenticate: csidecar-token\r\n");
    if (e == ERR_OVERLOADED || e == ERR_REGISTRY_PENDING || e == ERR_DRAINING)
        text_addf(fields, "Retry-After: 1\r\n");
}

void reply_problem(const struct call *c, struct text *out)
{
    struct text body, fields;

    text_init(&body, 8192);
    text_init(&fields, 1024);
    reply_problem_body(c, &body);
    add_fields(c, &fields);
    out->failed |= body.failed || fields.failed;
    reply_message(out, (unsigned)err_status(c->x.error),
                  SLICE("application/problem+json"), text_slice(&fields),
                  text_slice(&body), c->close_down, c->method == METHOD_HEAD);
    text_fini(&body);
    text_fini(&fields);
}

struct slice reply_without_memory(void)
{
    return SLICE("HTTP/1.1 503 Service Unavailable\r\ncsidecar-error: out_of_memory\r\n"
                 "Content-Length: 0\r\nConnection: close\r\n\r\n");
}

static void add_service(const struct service *s, struct text *out)
{
    char address[ADDRESS_TEXT];

    text_addf(out, "{\"name\":");
    text_add_json(out, slice_of(s->name));
    text_addf(out, ",\"instances\":[");
    for (uint32_t i = 0; i < service_count(s); i++) {
        const struct instance *at = &s->list->instances[i];

        text_addf(out, "%s{\"id\":", i ? "," : "");
        text_add_json(out, slice_of(at->id));
        text_addf(out, ",\"address\":");
        text_add_json(out, slice_of(address_format(&at->address, address)));
        text_addf(out, ",\"weight\":%u}", at->weight);
    }
    text_addf(out, "]}\n");
}

unsigned reply_own(const struct call *c, struct slice path, struct text *body)
{
    struct slice services = SLICE("/services/");

    path = slice_first(path, slice_find(path, '?'));
    if (slice_is(path, "/health")) {
        text_addf(body, "{\"status\":\"ok\",\"version\":\"" CSIDECAR_VERSION "\"}\n");
        return 200;
    }
    if (slice_starts_with(path, services)) {
        struct service *s =
            map_get(&c->worker->services, slice_after(path, services.size));

        if (s && s->list && s->list->known) {
            add_service(s, body);
            return 200;
        }
    }
    text_addf(
        body,
        "{\"title\":\"Not Found\",\"status\":404,\"detail\":\"/_csidecar has health and "
        "services/NAME; more is on the admin port\"}\n");
    return 404;
}
