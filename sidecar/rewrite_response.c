/* Homeward: the head of an answer. */
#include "sidecar/rewrite_pen.h"

static const uint64_t response_dropped =
    BIT(CONNECTION) | BIT(KEEP_ALIVE) | BIT(PROXY_CONNECTION) | BIT(TE) |
    BIT(TRANSFER_ENCODING) | BIT(UPGRADE) | BIT(CSIDECAR_ATTEMPTS) |
    BIT(CSIDECAR_INSTANCE) | BIT(HTTP2_SETTINGS);

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

static const uint64_t response_rewritten =
    BIT(LOCATION) | BIT(CONTENT_LOCATION) | BIT(SET_COOKIE);

static bool is_rewritten(const struct http_field *f)
{
    return response_rewritten >> f->id & 1;
}

static void put_response_fields(struct pen *p, const struct http_head *h,
                                const struct response_rules *rules)
{
    bool has_no_length = h->status < 200 || h->status == 204; /* RFC 9110 §8.6 */
    uint64_t changed = response_dropped | (rules->prefix.size ? response_rewritten : 0) |
                       (has_no_length ? BIT(CONTENT_LENGTH) : 0);
    struct run run = {NULL, NULL};

    if (h->lines.base && !(h->present & changed)) {
        put(p, h->lines);
        return;
    }
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

    if (rules->prefix.size == 0 || !(h->present & response_rewritten))
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
