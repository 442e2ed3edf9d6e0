/* Calls to Consul, with our token. One that is refused is made again when the token file has a newer one. */
#include <stdlib.h>

#include "discovery/consul_parts.h"

static void answer(struct consul_call *c, enum err e)
{
    struct why *w = consul_call_why(c);

    c->running = false;
    if (e && w && !w->text[0])
        why(w, e, "%s", err_text(e));
    c->answered(c, e);
}

static void on_turn(struct timer *t)
{
    struct consul_call *c = container_of(t, struct consul_call, turn);

    answer(c, c->result);
}

static void answer_soon(struct consul_call *c, enum err e)
{
    if (c->http)
        why_init(consul_call_why(c));
    c->result = e;
    timer_start(&c->turn, consul_clock(c->consul), 0);
}

static void send_call(struct consul_call *c);

static void on_answered(struct registry_call *http, enum err e)
{
    struct consul_call *c = http->owner;

    if (e == ERR_DENIED && !c->retried && !c->cancelled &&
        consul_token_again(c->consul)) {
        c->retried = true;
        send_call(c);
        return;
    }
    if (e == ERR_DENIED) /* Consul's own words may be "ACL not found" */
        why_in(consul_call_why(c), "%s", err_text(e));
    answer(c, e);
}

static void write_fields(struct consul_call *c)
{
    text_clear(&c->fields);
    if (c->consul->token[0])
        text_addf(&c->fields, "X-Consul-Token: %s\r\n", c->consul->token);
    if (c->body.size > 0)
        text_addf(&c->fields, "Content-Type: application/json\r\n");
}

static void write_request(struct consul_call *c)
{
    struct http_call *http = &c->http->http;

    *c->http = (struct registry_call){
        .may_repeat = c->server < 0, .owner = c, .answered = on_answered};
    http->method = slice_of(c->method ? c->method : "GET");
    http->target = text_slice(&c->target);
    http->fields = text_slice(&c->fields);
    http->body = text_slice(&c->body);
    http->timeout_ms = c->timeout_ms ? c->timeout_ms : CONSUL_CALL_MS;
    http->connect_timeout_ms = CONSUL_CALL_MS;
    http->limit = CONSUL_ANSWER_LIMIT;
    http->once = c->once;
}

static enum err start_http(struct consul_call *c)
{
    write_fields(c);
    c->http = calloc(1, sizeof(*c->http));
    if (!c->http || c->target.failed || c->body.failed || c->fields.failed)
        return ERR_NO_MEMORY;
    write_request(c);
    if (c->server >= 0)
        return registry_call_start_at(c->http, &c->consul->http, (unsigned)c->server);
    return registry_call_start(c->http, &c->consul->http);
}

static void send_call(struct consul_call *c)
{
    enum err e;

    consul_call_empty(c);
    e = start_http(c);
    if (e != ERR_LATER)
        answer_soon(c, e);
}

void consul_call_init(struct consul_call *c, struct consul *consul, void *owner,
                      void (*answered)(struct consul_call *c, enum err e))
{
    *c = (struct consul_call){
        .consul = consul, .owner = owner, .answered = answered, .server = -1};
    text_init(&c->target, CONSUL_TARGET_LIMIT);
    text_init(&c->body, 2 * RECORD_LIMIT);
    text_init(&c->fields, CONSUL_TOKEN_LIMIT + 128);
    timer_init(&c->turn, on_turn);
}

void consul_call_start(struct consul_call *c)
{
    c->running = true;
    c->retried = c->cancelled = false;
    send_call(c);
}

void consul_call_cancel(struct consul_call *c)
{
    if (!c->running || c->cancelled)
        return;
    c->cancelled = true;
    if (c->http)
        registry_call_cancel(c->http);
}

void consul_call_empty(struct consul_call *c)
{
    if (c->http)
        registry_call_fini(c->http);
    free(c->http);
    c->http = NULL;
}

void consul_call_fini(struct consul_call *c)
{
    consul_call_empty(c);
    timer_stop(&c->turn, consul_clock(c->consul));
    text_fini(&c->target);
    text_fini(&c->body);
    text_fini(&c->fields);
}

/* --- options --- */

static void add_option(struct text *target, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    text_addf(target, "%s%s=", target->base[target->size - 1] == '?' ? "" : "&", name);
    consul_add_escaped(target, value);
}

void consul_add_options(struct text *target, const struct consul *c)
{
    text_addf(target, "?");
    if (target->failed)
        return;
    add_option(target, "ns", c->ns ? c->ns : c->namespace);
    add_option(target, "partition", c->partition);
}
