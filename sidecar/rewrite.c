/* Outward: the head of a request. */
#include "sidecar/rewrite_pen.h"

/* Never sent on as they came: hop-by-hop, ours, or written anew. */
static const uint64_t request_dropped =
    BIT(CONNECTION) | BIT(CSIDECAR_HASH) | BIT(CSIDECAR_INSTANCE) |
    BIT(CSIDECAR_RETRIES) | BIT(CSIDECAR_SERVICE) | BIT(CSIDECAR_TIMEOUT) |
    BIT(CSIDECAR_TOKEN) | BIT(EXPECT) | BIT(HOST) | BIT(HTTP2_SETTINGS) |
    BIT(KEEP_ALIVE) | BIT(MAX_FORWARDS) | BIT(PROXY_AUTHORIZATION) |
    BIT(PROXY_AUTHENTICATE) | BIT(PROXY_CONNECTION) | BIT(TE) | BIT(TRANSFER_ENCODING) |
    BIT(UPGRADE) | BIT(X_FORWARDED_FOR);

/* "1.1 csidecar-1a2b3c4d, 1.0 other": is one of them us? */
static bool passed_here_before(const struct http_head *h, struct slice via)
{
    for (unsigned i = 0; i < h->count; i++) {
        struct slice rest = h->fields[i].value;

        if (h->fields[i].id != FIELD_ID_VIA)
            continue;
        while (rest.base) {
            struct slice hop = slice_next(&rest, ',');
            struct slice by = slice_trim(slice_after(hop, slice_find(hop, ' ')));

            if (slice_equals(slice_first(by, slice_find(by, ' ')), via))
                return true;
        }
    }
    return false;
}

static void put_forwarded_for(struct pen *p, const struct http_head *h,
                              struct slice peer_ip)
{
    bool any = false;

    if (!head_has(h, FIELD_ID_X_FORWARDED_FOR) && peer_ip.size == 0)
        return;
    put(p, SLICE("X-Forwarded-For: "));
    for (unsigned i = 0; head_has(h, FIELD_ID_X_FORWARDED_FOR) && i < h->count; i++) {
        if (h->fields[i].id != FIELD_ID_X_FORWARDED_FOR)
            continue;
        put(p, any ? SLICE(", ") : SLICE(""));
        put(p, h->fields[i].value);
        any = true;
    }
    put(p, any && peer_ip.size ? SLICE(", ") : SLICE(""));
    put(p, peer_ip);
    put(p, SLICE("\r\n"));
}

/* The digits of eight bytes, all at once: each byte's halves side by side, then '0' or, from 10 on, 'a' - 10 more. */
static void put_hex(struct pen *p, uint64_t value)
{
    text_lanes x = {0}, half;

    memcpy(&x, &value, sizeof(value));
    half = __builtin_shufflevector(x >> 4, x, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6,
                                   22, 7, 23) &
           15;
    half += '0' + ((half > 9) & ('a' - '0' - 10));
    put(p, (struct slice){(const char *)&half, sizeof(half)});
}

/* W3C Trace Context §3.2: ids must not be all zero. */
static void put_traceparent(struct pen *p, struct random *r)
{
    put(p, SLICE("traceparent: 00-"));
    put_hex(p, random_next(r) | 1);
    put_hex(p, random_next(r));
    put(p, SLICE("-"));
    put_hex(p, random_next(r) | 1);
    put(p, SLICE("-00\r\n"));
}

static void put_max_forwards(struct pen *p, struct slice value)
{
    uint64_t hops;

    if (!slice_to_u64(value, &hops) || hops == 0)
        return;
    put(p, SLICE("Max-Forwards: "));
    put_number(p, hops - 1);
    put(p, SLICE("\r\n"));
}

static void put_request_additions(struct pen *p, const struct http_head *h,
                                  const struct route *route,
                                  const struct request_rules *rules)
{
    put_forwarded_for(p, h, rules->peer_ip);
    if (!head_has(h, FIELD_ID_X_FORWARDED_HOST) && route->authority.size)
        put_line(p, SLICE("X-Forwarded-Host"), route->authority);
    if (!head_has(h, FIELD_ID_X_FORWARDED_PROTO))
        put(p, SLICE("X-Forwarded-Proto: http\r\n"));
    if (route->prefix.size)
        put_line(p, SLICE("X-Forwarded-Prefix"), route->prefix);
    if (h->framing == BODY_CHUNKED)
        put(p, SLICE("Transfer-Encoding: chunked\r\n"));
    if (head_has(h, FIELD_ID_MAX_FORWARDS))
        put_max_forwards(p, head_value(h, FIELD_ID_MAX_FORWARDS));
    put_via(p, h->minor, rules->via);
    if (!head_has(h, FIELD_ID_TRACEPARENT))
        put_traceparent(p, rules->random);
    if (rules->tunnel)
        put_upgrade(p, h);
}

/* As a number: "007" means something else to somebody. */
static void put_length(struct pen *p, uint64_t length)
{
    put(p, SLICE("Content-Length: "));
    put_number(p, length);
    put(p, SLICE("\r\n"));
}

/* All but the Host that stands in front; false: it takes a look at each. */
static bool put_lines(struct pen *p, const struct http_head *h, const struct route *route)
{
    uint64_t changed = (request_dropped & ~BIT(HOST)) | BIT(CONTENT_LENGTH) |
                       (route->prefix.size ? BIT(X_FORWARDED_PREFIX) : 0) |
                       (route->form == ROUTE_HEADER ? BIT(DAPR_APP_ID) : 0);
    struct slice host;

    if (!h->lines.base || (h->present & changed) || h->count == 0 ||
        h->fields[0].id != FIELD_ID_HOST)
        return false;
    host = h->fields[0].value;
    put(p, slice_after(h->lines, (size_t)(host.base + host.size - h->lines.base) + 2));
    return true;
}

static void put_fields(struct pen *p, const struct http_head *h,
                       const struct route *route)
{
    struct run run = {NULL, NULL};

    for (unsigned i = 0; i < h->count; i++) {
        const struct http_field *f = &h->fields[i];

        if (f->id == FIELD_ID_X_FORWARDED_PREFIX && route->prefix.size)
            continue;
        if (f->id == FIELD_ID_DAPR_APP_ID && route->form == ROUTE_HEADER)
            continue;
        if (f->id == FIELD_ID_CONTENT_LENGTH) {
            run_end(&run, p);
            put_length(p, h->length);
        } else if (!is_dropped(h, f, request_dropped)) {
            run_add(&run, p, f);
        }
    }
    run_end(&run, p);
}

/* What the upstream sees as Host: what the client said where it addressed the service. */
static struct slice host_of(const struct route *route, const struct request_rules *rules)
{
    if (rules->host.size)
        return rules->host;
    if (rules->forward_host || route->form == ROUTE_PROXY || route->form == ROUTE_HOST ||
        route->form == ROUTE_EGRESS)
        return route->authority;
    return (struct slice){NULL, 0};
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of "%XX" where it may stand in a target (RFC 9112 §3.2), else 0: it stays encoded. */
static char decoded(struct slice s)
{
    int high = s.size < 3 ? -1 : hex_digit(s.base[1]);
    int low = s.size < 3 ? -1 : hex_digit(s.base[2]);
    int byte = high < 0 || low < 0 ? 0 : high << 4 | low;

    return byte > ' ' && byte < 0x7f && byte != '#' ? (char)byte : 0;
}

static void put_decoded(struct pen *p, struct slice s)
{
    while (s.size > 0) {
        char c = s.base[0] == '%' ? decoded(s) : 0;

        *p->at++ = c ? c : s.base[0];
        s = slice_after(s, c ? 3 : 1);
    }
}

enum err rewrite_request(struct request_text *t, struct arena *a,
                         const struct http_head *h, const struct route *route,
                         const struct request_rules *rules)
{
    size_t room = 512 + REQUEST_HOST_ROOM + fields_size(h) + h->target.size +
                  h->method_text.size + 2 * route->authority.size +
                  2 * route->prefix.size + rules->via.size + rules->peer_ip.size +
                  rules->host.size;
    struct slice host = host_of(route, rules);
    struct pen p;

    if (head_has(h, FIELD_ID_VIA) && passed_here_before(h, rules->via))
        return ERR_LOOP;
    if (!pen_open(&p, a, room))
        return ERR_NO_MEMORY;
    put(&p, h->method_text);
    put(&p, route->slash ? SLICE(" /") : SLICE(" "));
    if (route->encoded)
        put_decoded(&p, route->target);
    else
        put(&p, route->target);
    put(&p, SLICE(" HTTP/1.1\r\nHost: "));
    t->line = slice_from(p.start, (size_t)(p.at - p.start));
    t->host = (struct slice){p.at, host.size};
    put(&p, host);
    if (host.size == 0)
        p.at += REQUEST_HOST_ROOM;
    t->fields.base = p.at;
    put(&p, SLICE("\r\n"));
    if (!put_lines(&p, h, route))
        put_fields(&p, h, route);
    put_request_additions(&p, h, route, rules);
    put(&p, SLICE("\r\n"));
    t->fields.size = (size_t)(p.at - t->fields.base);
    t->expects = h->expect_continue;
    pen_close(&p, a);
    return ERR_OK;
}

struct slice request_text_with(struct request_text *t, struct slice host)
{
    size_t own = t->host.size ? 0 : host.size;
    char *end = (char *)t->fields.base, *line = end - own - t->line.size;

    if (t->host.size == 0) {
        memmove(line, t->line.base, t->line.size);
        memcpy(end - own, host.base, own);
        t->line.base = line;
    }
    return slice_from(t->line.base,
                      (size_t)(t->fields.base + t->fields.size - t->line.base));
}
