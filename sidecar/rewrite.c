#include "sidecar/rewrite.h"

#include <assert.h>
#include <endian.h>

/* Room is taken once, for all that may be written, so that writing needs no checks. */
struct pen {
    char *start;
    char *at;
    size_t room;
};

static bool pen_open(struct pen *p, struct arena *a, size_t room)
{
    p->start = p->at = arena_take(a, room);
    p->room = room;
    return p->start != NULL;
}

static struct slice pen_close(struct pen *p, struct arena *a)
{
    struct slice text = {p->start, (size_t)(p->at - p->start)};

    assert(text.size <= p->room);
    arena_trim(a, p->start, p->room, text.size);
    return text;
}

static inline void put(struct pen *p, struct slice s)
{
    if (s.size > 0)
        memcpy(p->at, s.base, s.size);
    p->at += s.size;
}

static void put_line(struct pen *p, struct slice name, struct slice value)
{
    put(p, name);
    put(p, SLICE(": "));
    put(p, value);
    put(p, SLICE("\r\n"));
}

/* Lines that stand in the source one behind the other, as we write them, leave in one copy. */
struct run {
    const char *from, *to; /* without the last CRLF; NULL: none */
};

static void run_end(struct run *r, struct pen *p)
{
    if (!r->from)
        return;
    put(p, (struct slice){r->from, (size_t)(r->to - r->from)});
    put(p, SLICE("\r\n"));
    r->from = NULL;
}

/* A line ends in CRLF, whoever sent it: two bytes between this one and the last are that. */
static void run_add(struct run *r, struct pen *p, const struct http_field *f)
{
    const char *colon = f->name.base + f->name.size;

    if (!r->from || r->to + 2 != f->name.base)
        run_end(r, p);
    if (f->value.base != colon + 2 || colon[1] != ' ') {
        run_end(r, p);
        put_line(p, f->name, f->value);
        return;
    }
    if (!r->from)
        r->from = f->name.base;
    r->to = f->value.base + f->value.size;
}

static void put_number(struct pen *p, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    put(p, (struct slice){digits + at, sizeof(digits) - at});
}

static size_t fields_size(const struct http_head *h)
{
    size_t size = 0;

    for (unsigned i = 0; i < h->count; i++)
        size += h->fields[i].name.size + h->fields[i].value.size + 4;
    return size;
}

/* ---- outward ---- */

#define BIT(id) (1ULL << FIELD_ID_##id)

/* Never sent on as they came: hop-by-hop, ours, or written anew. */
static const uint64_t request_dropped =
    BIT(CONNECTION) | BIT(CSIDECAR_HASH) | BIT(CSIDECAR_INSTANCE) |
    BIT(CSIDECAR_RETRIES) | BIT(CSIDECAR_SERVICE) | BIT(CSIDECAR_TIMEOUT) |
    BIT(CSIDECAR_TOKEN) | BIT(EXPECT) | BIT(HOST) | BIT(HTTP2_SETTINGS) |
    BIT(KEEP_ALIVE) | BIT(MAX_FORWARDS) | BIT(PROXY_AUTHORIZATION) |
    BIT(PROXY_AUTHENTICATE) | BIT(PROXY_CONNECTION) | BIT(TE) | BIT(TRANSFER_ENCODING) |
    BIT(UPGRADE) | BIT(X_FORWARDED_FOR);

static const uint64_t response_dropped =
    BIT(CONNECTION) | BIT(KEEP_ALIVE) | BIT(PROXY_CONNECTION) | BIT(TE) |
    BIT(TRANSFER_ENCODING) | BIT(UPGRADE) | BIT(CSIDECAR_ATTEMPTS) |
    BIT(CSIDECAR_INSTANCE) | BIT(HTTP2_SETTINGS);

static bool is_dropped(const struct http_head *h, const struct http_field *f,
                       uint64_t dropped)
{
    if (dropped >> f->id & 1)
        return true;
    return head_has(h, FIELD_ID_CONNECTION) && head_field_is_hop_by_hop(h, f);
}

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
    for (unsigned i = 0; i < h->count; i++) {
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

/* The digits of each byte's halves, high one first, all eight at once: each half in a byte of its own, then
 * '0' or, from 10 on, 'a' - 10 more. */
static uint64_t hex_digits(uint32_t value)
{
    const uint64_t ones = UINT64_MAX / 255;
    uint64_t x = __builtin_bswap32(value), letters;

    x = (x << 16 | x) & 0x0000ffff0000ffff;
    x = (x << 8 | x) & 0x00ff00ff00ff00ff;
    x = (x >> 4 | x << 8) & 0x0f0f0f0f0f0f0f0f;
    letters = (x + ones * 6) >> 4 & ones;
    return x + ones * '0' + letters * ('a' - '0' - 10);
}

static void put_hex(struct pen *p, uint64_t value)
{
    uint64_t digits[] = {htole64(hex_digits((uint32_t)(value >> 32))),
                         htole64(hex_digits((uint32_t)value))};

    put(p, (struct slice){(const char *)digits, sizeof(digits)});
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

static void put_via(struct pen *p, unsigned minor, struct slice via)
{
    put(p, minor ? SLICE("Via: 1.1 ") : SLICE("Via: 1.0 "));
    put(p, via);
    put(p, SLICE("\r\n"));
}

static void put_upgrade(struct pen *p, const struct http_head *h)
{
    put(p, SLICE("Connection: Upgrade\r\nUpgrade: "));
    put(p, head_value(h, FIELD_ID_UPGRADE));
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

static void put_request_fields(struct pen *p, const struct http_head *h,
                               const struct route *route,
                               const struct request_rules *rules)
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
    put_request_additions(p, h, route, rules);
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
    size_t room = 512 + fields_size(h) + h->target.size + h->method_text.size +
                  2 * route->authority.size + 2 * route->prefix.size + rules->via.size +
                  rules->peer_ip.size + rules->host.size;
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
    t->line = (struct slice){p.start, (size_t)(p.at - p.start)};
    put(&p, host);
    t->host = (struct slice){p.at - host.size, host.size};
    t->fields.base = p.at;
    put(&p, SLICE("\r\n"));
    put_request_fields(&p, h, route, rules);
    put(&p, SLICE("\r\n"));
    t->fields.size = (size_t)(p.at - t->fields.base);
    t->expects = h->expect_continue;
    pen_close(&p, a);
    return ERR_OK;
}

/* ---- homeward ---- */

/* http://OWN/rest: the rest, if the authority is the one the upstream or the client calls ours. */
static bool own_authority(struct slice url, struct slice host, struct slice *rest)
{
    struct slice scheme = SLICE("http://");
    struct slice after = slice_after(url, scheme.size);

    if (host.size == 0 || !slice_equals_nocase(slice_first(url, scheme.size), scheme) ||
        !slice_equals_nocase(slice_first(after, host.size), host))
        return false;
    *rest = slice_after(after, host.size);
    return rest->size == 0 || rest->base[0] == '/' || rest->base[0] == '?';
}

static bool has_prefix(struct slice path, struct slice prefix)
{
    return slice_starts_with(path, prefix) &&
           (path.size == prefix.size || path.base[prefix.size] == '/' ||
            path.base[prefix.size] == '?');
}

static void put_location(struct pen *p, struct slice value,
                         const struct response_rules *rules)
{
    struct slice rest;

    if (value.size > 0 && value.base[0] == '/' &&
        !slice_starts_with(value, SLICE("//"))) {
        put(p, rules->prefix);
        put(p, value);
    } else if (own_authority(value, rules->own_host, &rest)) {
        put(p, SLICE("http://"));
        put(p, rules->client_host.size ? rules->client_host : rules->own_host);
        put(p, rules->prefix);
        put(p, rest);
    } else if (own_authority(value, rules->client_host, &rest) &&
               !has_prefix(rest, rules->prefix)) {
        put(p, SLICE("http://"));
        put(p, rules->client_host);
        put(p, rules->prefix);
        put(p, rest);
    } else {
        put(p, value);
    }
}

/* RFC 6265 §5.2.4: "; Path=/x", in any case, the last one counts; each gets the prefix. */
static void put_cookie(struct pen *p, struct slice value, struct slice prefix)
{
    bool first = true;

    while (value.base) {
        size_t end = slice_find(value, ';');
        struct slice part = slice_first(value, end);
        struct slice name = slice_trim(slice_first(part, slice_find(part, '=')));
        struct slice path = slice_trim(slice_after(part, slice_find(part, '=') + 1));

        put(p, first ? SLICE("") : SLICE(";"));
        if (!first && slice_equals_nocase(name, SLICE("path")) && path.size &&
            path.base[0] == '/') {
            put(p, SLICE(" Path="));
            put(p, prefix);
            put(p, path);
        } else {
            put(p, part);
        }
        first = false;
        value = end < value.size ? slice_after(value, end + 1) : (struct slice){NULL, 0};
    }
}

static void put_rewritten(struct pen *p, const struct http_field *f,
                          const struct response_rules *rules)
{
    put(p, f->name);
    put(p, SLICE(": "));
    if (f->id == FIELD_ID_SET_COOKIE)
        put_cookie(p, f->value, rules->prefix);
    else
        put_location(p, f->value, rules);
    put(p, SLICE("\r\n"));
}

static bool is_rewritten(const struct http_field *f)
{
    const uint64_t rewritten = BIT(LOCATION) | BIT(CONTENT_LOCATION) | BIT(SET_COOKIE);

    return rewritten >> f->id & 1;
}

static void put_response_fields(struct pen *p, const struct http_head *h,
                                const struct response_rules *rules)
{
    bool has_no_length = h->status < 200 || h->status == 204; /* RFC 9110 §8.6 */
    struct run run = {NULL, NULL};

    for (unsigned i = 0; i < h->count; i++) {
        const struct http_field *f = &h->fields[i];

        if (is_dropped(h, f, response_dropped) ||
            (has_no_length && f->id == FIELD_ID_CONTENT_LENGTH))
            continue;
        if (rules->prefix.size && is_rewritten(f)) {
            run_end(&run, p);
            put_rewritten(p, f, rules);
        } else {
            run_add(&run, p, f);
        }
    }
    run_end(&run, p);
}

static void put_connection(struct pen *p, const struct http_head *h,
                           const struct response_rules *rules)
{
    if (rules->tunnel)
        put_upgrade(p, h);
    else if (rules->close)
        put(p, SLICE("Connection: close\r\n"));
    else if (rules->client_minor == 0)
        put(p, SLICE("Connection: keep-alive\r\n"));
}

static void put_response_additions(struct pen *p, const struct http_head *h,
                                   const struct response_rules *rules)
{
    if (rules->rechunk)
        put(p, SLICE("Transfer-Encoding: chunked\r\n"));
    put_connection(p, h, rules);
    put_via(p, h->minor, rules->via);
    if (rules->instance.size)
        put_line(p, SLICE("csidecar-instance"), rules->instance);
    put(p, SLICE("csidecar-attempts: "));
    put_number(p, rules->attempts);
    put(p, SLICE("\r\n"));
}

/* How often the prefix may be put in, at most. */
static size_t prefix_room(const struct http_head *h, const struct response_rules *rules)
{
    size_t each = rules->prefix.size + rules->client_host.size + 16, room = 0;

    if (rules->prefix.size == 0)
        return 0;
    for (unsigned i = 0; i < h->count; i++)
        if (is_rewritten(&h->fields[i]))
            room += each * (1 + h->fields[i].value.size / strlen(";path=/"));
    return room;
}

struct slice rewrite_response(struct arena *a, const struct http_head *h,
                              const struct response_rules *rules)
{
    size_t room = 256 + fields_size(h) + h->reason.size + rules->via.size +
                  rules->instance.size + prefix_room(h, rules);
    struct pen p;

    if (!pen_open(&p, a, room))
        return (struct slice){NULL, 0};
    put(&p, SLICE("HTTP/1.1 "));
    put_number(&p, h->status);
    put(&p, SLICE(" "));
    put(&p, h->reason);
    put(&p, SLICE("\r\n"));
    put_response_fields(&p, h, rules);
    if (h->status >= 200 || h->status == 101)
        put_response_additions(&p, h, rules);
    put(&p, SLICE("\r\n"));
    return pen_close(&p, a);
}
