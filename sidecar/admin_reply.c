#include <stdio.h>
#include <stdlib.h>

#include "sidecar/admin_parts.h"
#include "sidecar/catalog_json.h"

#define PROBLEM "application/problem+json"

/* What runs here may be shown, but to nobody's frame or cache. */
struct slice admin_fields(void)
{
    return SLICE("Server: csidecar/" CSIDECAR_VERSION "\r\n"
                 "Cache-Control: no-store\r\n"
                 "X-Content-Type-Options: nosniff\r\n"
                 "X-Frame-Options: DENY\r\n");
}

static void reply(struct http_request *q, unsigned status, const char *type,
                  struct slice body)
{
    server_respond(q, status, slice_of(type), admin_fields(), body);
}

static void reply_no_memory(struct http_request *q)
{
    reply(q, 503, PROBLEM,
          SLICE("{\"title\":\"Service Unavailable\",\"status\":503,\"code\":\"out_of_"
                "memory\",\"detail\":\"out of memory\"}\n"));
}

void admin_reply_json(struct http_request *q, unsigned status, json_t *value)
{
    const char *type = status < 400 ? "application/json" : PROBLEM;
    char *text = value ? json_dumps(value, JSON_INDENT(2)) : NULL;

    json_decref(value);
    if (text)
        reply(q, status, type, slice_of(text));
    else
        reply_no_memory(q);
    free(text);
}

void admin_reply_text(struct http_request *q, unsigned status, const char *type,
                      struct text *text)
{
    if (text->failed)
        reply_no_memory(q);
    else
        reply(q, status, type, text_slice(text));
    text_fini(text);
}

void admin_reply_line(struct http_request *q, unsigned status, const char *format, ...)
{
    char line[1024];
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(line, sizeof(line) - 1, format, args);
    va_end(args);
    size = size < (int)sizeof(line) - 1 ? size : (int)sizeof(line) - 2;
    line[size] = '\n';
    reply(q, status, "text/plain; charset=utf-8", slice_from(line, (size_t)size + 1));
}

static json_t *problem(unsigned status, enum err e, const char *detail)
{
    return json_pack("{s:s, s:s, s:i, s:o, s:s}", "type", "about:blank", "title",
                     http_reason(status), "status", (int)status, "detail",
                     json_any_text(detail ? detail : err_text(e)), "code", err_code(e));
}

void admin_reply_problem(struct http_request *q, unsigned status, enum err e,
                         const char *detail)
{
    status = status ? status : (unsigned)err_status(e);
    admin_reply_json(q, status, problem(status, e, detail));
}

void admin_reply_refusal(struct http_request *q, enum err e, struct slice fields)
{
    unsigned status = (unsigned)err_status(e);
    json_t *value = problem(status, e, NULL);
    char *body = value ? json_dumps(value, JSON_INDENT(2)) : NULL;
    struct text all;

    text_init(&all, 1024);
    text_add(&all, admin_fields());
    text_add(&all, fields);
    server_respond(q, status, SLICE(PROBLEM), text_slice(&all), slice_of(body));
    text_fini(&all);
    json_decref(value);
    free(body);
}

bool admin_name_of(struct http_request *q, const char *prefix, char *name, size_t size)
{
    if (percent_decode(slice_after(q->path, strlen(prefix)), name, size) && name[0])
        return true;
    admin_reply_problem(q, 400, ERR_BAD_REQUEST, "the name in the path is malformed");
    return false;
}
