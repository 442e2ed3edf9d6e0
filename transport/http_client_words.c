/* What a call says, and what of it can be said at all. */
#include <stdio.h>

#include "transport/http_client_inside.h"

void http_call_server(const struct http_call *c, char out[HTTP_SERVER_TEXT])
{
    char text[ADDRESS_TEXT];

    if (c->server)
        snprintf(out, HTTP_SERVER_TEXT, "%.*s:%u", (int)c->server->host.size,
                 c->server->host.base, c->server->port);
    else
        snprintf(out, HTTP_SERVER_TEXT, "%s", address_format(&c->to, text));
}

/* --- the request --- */

static bool has_a_body(const struct http_call *c)
{
    enum http_method m = http_method(c->method);

    return c->body.size > 0 || m == METHOD_POST || m == METHOD_PUT || m == METHOD_PATCH;
}

static void add_host(const struct http_call *c, struct text *out)
{
    char text[ADDRESS_TEXT];

    if (c->host.size > 0)
        text_add(out, c->host);
    else if (c->server && slice_find(c->server->host, ':') < c->server->host.size &&
             c->server->host.base[0] != '[')
        text_addf(out, "[%.*s]:%u", (int)c->server->host.size, c->server->host.base,
                  c->server->port);
    else if (c->server)
        text_addf(out, "%.*s:%u", (int)c->server->host.size, c->server->host.base,
                  c->server->port);
    else if (address_is_path(&c->to))
        text_add(out, SLICE("localhost"));
    else
        text_add(out, slice_of(address_format(&c->to, text)));
}

void http_call_write(const struct http_call *c, struct text *out)
{
    text_init(out, HTTP_REQUEST_LIMIT);
    text_add(out, c->method);
    text_add(out, SLICE(" "));
    text_add(out, c->target);
    text_add(out, SLICE(" HTTP/1.1\r\nHost: "));
    add_host(c, out);
    text_add(out, SLICE("\r\nUser-Agent: csidecar/" CSIDECAR_VERSION "\r\n"));
    if (!c->connections)
        text_add(out, SLICE("Connection: close\r\n"));
    if (has_a_body(c))
        text_addf(out, "Content-Length: %zu\r\n", c->body.size);
    text_add(out, c->fields);
    text_add(out, SLICE("\r\n"));
}

/* Nothing that would end a line, or a word, early. */
static bool is_one_word(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        if ((unsigned char)s.base[i] <= ' ' || s.base[i] == 0x7f)
            return false;
    return true;
}

static bool is_whole_lines(struct slice s)
{
    return s.size == 0 || (s.size > 2 && memcmp(s.base + s.size - 2, "\r\n", 2) == 0);
}

enum err http_call_check(struct http_call *c)
{
    if (c->method.size == 0)
        c->method = SLICE("GET");
    if (c->target.size == 0)
        c->target = SLICE("/");
    if (is_one_word(c->method) && is_one_word(c->target) && is_one_word(c->host) &&
        is_whole_lines(c->fields))
        return ERR_OK;
    return why(&c->why, ERR_BAD_VALUE,
               "white space in the method, the target or the host");
}

/* --- the answer --- */

struct slice http_call_field(const struct http_call *c, struct slice name)
{
    struct slice rest = text_slice(&c->head_in);

    while (rest.size > 0) {
        struct slice line = slice_first(rest, slice_find(rest, '\n'));
        size_t colon = slice_find(line, ':');

        if (slice_equals_nocase(slice_first(line, colon), name))
            return slice_trim(slice_after(line, colon + 1));
        rest = slice_after(rest, line.size + 1);
    }
    return (struct slice){NULL, 0};
}
