/* What goes on: a head that a client or an instance said, and that we took, is one head again as we write it. It says the
 * same of its body, has one Host, and nothing in it was for us alone. The first byte says who speaks, to which listener. */
#include <stdio.h>
#include <stdlib.h>

#include "sidecar/core/list.h"
#include "sidecar/rewrite.h"
#include "sidecar/settings.h"
#include "transport/http_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA = 1 << 20, ADDED = 12 };

#define VIA "csidecar-0123abcd"
#define INSTANCE "10.0.0.1:80"

struct hop {
    struct http_reader reader;
    struct http_scratch scratch;
    struct arena_pool pool;
    struct arena arena;
    unsigned flags;
};

struct next_hop {
    struct http_reader reader;
    struct http_scratch scratch;
    const struct http_head *said;
    struct slice host;
    bool rechunked, heard;
};

static void must(bool claim, const char *what)
{
    if (claim)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static struct hop *hop_of(struct http_reader *r)
{
    return container_of(r, struct hop, reader);
}

/* ---- as the next one reads it ---- */

static enum http_framing framing_meant(const struct next_hop *a)
{
    bool rechunked = a->rechunked && a->said->framing == BODY_TO_END;

    return rechunked ? BODY_CHUNKED : a->said->framing;
}

static void request_is_clean(const struct next_hop *a, const struct http_head *h)
{
    static const enum http_field_id ours[] = {
        FIELD_ID_CSIDECAR_HASH,
        FIELD_ID_CSIDECAR_INSTANCE,
        FIELD_ID_CSIDECAR_RETRIES,
        FIELD_ID_CSIDECAR_SERVICE,
        FIELD_ID_CSIDECAR_TIMEOUT,
        FIELD_ID_CSIDECAR_TOKEN,
        FIELD_ID_EXPECT,
        FIELD_ID_HTTP2_SETTINGS,
        FIELD_ID_KEEP_ALIVE,
        FIELD_ID_PROXY_CONNECTION,
        FIELD_ID_TE,
        FIELD_ID_PROXY_AUTHORIZATION,
    };

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        must(!head_has(h, ours[i]), "a field of this hop went on");
    must(slice_equals(h->method_text, a->said->method_text), "another method");
    must(slice_equals(head_value(h, FIELD_ID_HOST), a->host), "another Host");
    must(head_has(h, FIELD_ID_VIA) && head_has(h, FIELD_ID_TRACEPARENT),
         "no Via, no traceparent");
}

static enum err on_again(struct http_reader *r, const struct http_head *h)
{
    struct next_hop *a = container_of(r, struct next_hop, reader);

    must(!a->heard, "one head has become two");
    a->heard = true;
    must(h->minor == 1, "not HTTP/1.1");
    must(h->count <= a->said->count + ADDED, "fields nobody said");
    must(h->framing == framing_meant(a), "another framing");
    must(h->framing != BODY_LENGTH || h->length == a->said->length, "another length");
    if (r->side == HTTP_REQUESTS)
        request_is_clean(a, h);
    else
        must(h->status == a->said->status, "another status");
    return ERR_LATER;
}

static const struct http_reader_events again_events = {.head = on_again};

/* What we add may make one too large that was just small enough. */
static void read_again(enum http_side side, struct slice bytes,
                       const struct http_head *said, struct slice host, bool rechunked)
{
    static struct next_hop a;
    struct why w;
    size_t used;
    enum err e;

    memset(&a, 0, sizeof(a));
    a.said = said;
    a.host = host;
    a.rechunked = rechunked;
    why_init(&w);
    reader_init(&a.reader, side, &again_events, &a.scratch);
    e = reader_feed(&a.reader, bytes, &used, &w);
    if (e != ERR_HEAD_TOO_LARGE && e != ERR_BAD_RESPONSE)
        must(!e && a.heard, e ? w.text : "half a head went on");
    must(e || used == bytes.size, "bytes behind the head");
    must(e != ERR_BAD_RESPONSE || said->count + ADDED > HTTP_FIELD_LIMIT ||
             bytes.size > HTTP_HEAD_LIMIT,
         w.text);
    reader_fini(&a.reader);
}

/* ---- outward ---- */

static struct gateway gateway_of(unsigned flags)
{
    static const char *const hosts[] = {"*.example", "allowed"};

    return (struct gateway){
        .kind = (enum gateway_kind)(flags >> 1 & 3),
        .service = (flags >> 1 & 3) >= GATEWAY_PORT ? SLICE("svc") : SLICE(""),
        .allowed_hosts = hosts,
        .allowed_host_count = 2,
        .compat = flags & 8 ? COMPAT_DAPR | COMPAT_MICRO | COMPAT_PRANA : 0,
        .egress = flags & 16,
        .port = 8081,
    };
}

static enum err on_request(struct http_reader *r, const struct http_head *h)
{
    struct hop *hop = hop_of(r);
    struct gateway g = gateway_of(hop->flags);
    struct random numbers;
    struct request_rules rules = {
        .via = SLICE(VIA),
        .peer_ip = hop->flags & 32 ? SLICE("127.0.0.1") : SLICE(""),
        .forward_host = g.kind == GATEWAY_INGRESS,
        .tunnel = h->upgrade && h->framing == BODY_NONE,
        .random = &numbers,
    };
    struct request_text t;
    struct route route;
    struct text all;
    const char *hint;
    enum err e = route_request(&route, &g, h, &hint);

    random_init(&numbers, 1);
    if (e || route.form == ROUTE_OWN)
        return ERR_OK;
    if (rewrite_request(&t, &hop->arena, h, &route, &rules))
        return ERR_OK;
    if (!t.host.size)
        t.host = SLICE(INSTANCE);
    text_init(&all, ARENA);
    text_add(&all, t.line);
    text_add(&all, t.host);
    text_add(&all, t.fields);
    read_again(HTTP_REQUESTS, text_slice(&all), h, t.host, false);
    text_fini(&all);
    return ERR_OK;
}

/* ---- homeward ---- */

static enum err on_response(struct http_reader *r, const struct http_head *h)
{
    struct hop *hop = hop_of(r);
    struct response_rules rules = {
        .via = SLICE(VIA),
        .instance = SLICE("users-1"),
        .attempts = 1,
        .prefix = hop->flags & 2 ? SLICE("/users") : SLICE(""),
        .own_host = SLICE(INSTANCE),
        .client_host = SLICE("localhost:8081"),
        .client_minor = 1,
        .close = hop->flags & 4,
        .rechunk = h->framing == BODY_CHUNKED || h->framing == BODY_TO_END,
    };
    struct slice head;

    if (h->status == 101)
        return ERR_OK;
    head = rewrite_response(&hop->arena, h, &rules);
    if (head.base)
        read_again(HTTP_RESPONSES, head, h, SLICE(""), rules.rechunk);
    return ERR_OK;
}

static enum err on_body(struct http_reader *r, struct slice bytes)
{
    (void)r;
    (void)bytes;
    return ERR_OK;
}

static enum err on_trailers(struct http_reader *r, const struct http_field *fields,
                            unsigned count)
{
    (void)r;
    (void)fields;
    (void)count;
    return ERR_OK;
}

static enum err on_end(struct http_reader *r)
{
    arena_fini(&hop_of(r)->arena);
    return ERR_OK;
}

static const struct http_reader_events requests = {on_request, on_body, on_trailers,
                                                   on_end};
static const struct http_reader_events responses = {on_response, on_body, on_trailers,
                                                    on_end};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hop hop;
    struct slice bytes = slice_from((const char *)data, size);
    bool out = size > 0 && !(data[0] & 1);
    size_t used;

    if (size < 1)
        return 0;
    hop.flags = data[0];
    arena_pool_init(&hop.pool, 0);
    arena_init(&hop.arena, &hop.pool, ARENA);
    reader_init(&hop.reader, out ? HTTP_REQUESTS : HTTP_RESPONSES,
                out ? &requests : &responses, &hop.scratch);
    for (bytes = slice_after(bytes, 1); bytes.size > 0 && !hop.reader.tunnel;
         bytes = slice_after(bytes, used))
        if (reader_feed(&hop.reader, bytes, &used, NULL))
            break;
    reader_fini(&hop.reader);
    arena_fini(&hop.arena);
    arena_pool_fini(&hop.pool);
    return 0;
}
