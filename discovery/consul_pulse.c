/* Blocking queries say nothing while nothing happens, and nothing when Consul is dead. So when it has been silent, it is
 * asked who leads it: cheap, needs no token, and a cluster without a leader tells no change. */
#include "discovery/consul_parts.h"

enum { CROWDED_MS = 60 * 1000 };

static void beat_later(struct consul *c)
{
    if (!c->closing && !list_empty(&c->queries))
        timer_start(&c->pulse.timer, consul_clock(c), CONSUL_PULSE_MS);
}

static bool has_leader(struct slice body)
{
    return !slice_is(body, "\"\"");
}

/* Without a leader the servers still answer, and say that it is so: their lists are in doubt. */
static void look_at_answer(struct consul *c, const struct consul_call *call)
{
    struct slice body = slice_trim(text_slice(&consul_call_answer(call)->body_in));
    struct why w;

    why_init(&w);
    if (body.size < 2 || body.base[0] != '"')
        consul_queries_fail(c, why(&w, ERR_BAD_RESPONSE, "this is not Consul"), &w);
    else if (!has_leader(body))
        consul_queries_look(c, -1);
    else if (call->http->tried > 1)
        consul_queries_look(c, (int)call->http->server);
}

static void on_answered(struct consul_call *call, enum err e)
{
    struct consul *c = call->consul;

    if (c->closing) {
        consul_end_if_done(c);
        return;
    }
    if (e)
        consul_queries_fail(c, e, consul_call_why(call));
    else
        look_at_answer(c, call);
    consul_call_empty(call);
    beat_later(c);
}

/* There may be connections again for one query more. */
static void grow_back(struct consul *c)
{
    if (c->blocking_limit < CONSUL_BLOCKING_LIMIT &&
        loop_now(c->base.loop) - c->crowded > CROWDED_MS)
        c->blocking_limit++;
}

static void on_timer(struct timer *t)
{
    struct consul *c = container_of(t, struct consul, pulse.timer);

    grow_back(c);
    if (loop_now(c->base.loop) - c->heard < CONSUL_PULSE_MS) {
        beat_later(c);
        return;
    }
    text_clear(&c->pulse.call.target);
    text_addf(&c->pulse.call.target, "/v1/status/leader");
    consul_call_start(&c->pulse.call);
}

void consul_pulse_init(struct consul *c)
{
    timer_init(&c->pulse.timer, on_timer);
    consul_call_init(&c->pulse.call, c, c, on_answered);
    c->pulse.call.timeout_ms = CONSUL_PULSE_MS;
}

void consul_pulse_go(struct consul *c)
{
    if (!timer_active(&c->pulse.timer) && !c->pulse.call.running)
        beat_later(c);
}

bool consul_pulse_is_over(const struct consul *c)
{
    return !c->pulse.call.running;
}

void consul_pulse_close(struct consul *c)
{
    timer_stop(&c->pulse.timer, consul_clock(c));
    consul_call_cancel(&c->pulse.call);
}
