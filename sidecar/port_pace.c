/* Does it move? The client's body, what the instance takes of it, the answer. */
#include "sidecar/connection.h"
#include "sidecar/downstream.h"
#include "sidecar/port_internal.h"
#include "sidecar/worker.h"

enum {
    LOOK_LEAST_MS = 10,
    LOOK_MOST_MS = 1000,
    SMALL_BODY = 64 * 1024, /* the kernel of the instance has it at once */
    NO_LIMIT_MS = 60 * 1000,
};

static struct clock *clock_of(const struct call *c)
{
    return &c->worker->loop.clock;
}

/* The client sends too little, though nobody keeps it from sending. */
static void on_rate(struct timer *t)
{
    struct call *c = container_of(t, struct call, rate);
    const struct limit_settings *limits = &c->worker->settings->limits;

    if (!c->rate_paused && !c->expects &&
        c->bytes_in - c->rate_mark < limits->body_rate) {
        c->hint = "the body came too slowly";
        port_refuse(c, ERR_REQUEST_TIMEOUT);
        return;
    }
    c->rate_mark = c->bytes_in;
    c->rate_paused = c->down_paused;
    timer_start(t, clock_of(c), limits->body_window);
}

void port_watch_rate(struct call *c)
{
    const struct limit_settings *limits = &c->worker->settings->limits;

    if (c->request_read || c->framing == BODY_NONE || limits->body_rate == 0 ||
        timer_active(&c->rate))
        return;
    timer_init(&c->rate, on_rate);
    c->rate_mark = c->bytes_in;
    timer_start(&c->rate, clock_of(c), limits->body_window);
}

/* Often enough to be seen before the shorter of the limits ends. */
static uint64_t look_after_ms(const struct call *c)
{
    uint64_t limit = c->x.timeout_ms, tried = c->x.service->policy->try_timeout;

    if (tried && (!limit || tried < limit))
        limit = tried;
    limit /= 4;
    return !limit || limit > LOOK_MOST_MS ? LOOK_MOST_MS
           : limit < LOOK_LEAST_MS        ? LOOK_LEAST_MS
                                          : limit;
}

/* What our kernel holds is not sent yet: while an instance takes of it, however slowly, the deadline waits. */
static void on_sending(struct timer *t)
{
    struct call *c = container_of(t, struct call, sending);
    size_t unsent;

    if (!c->out_started || c->x.answered)
        return;
    unsent = socket_unsent(&c->up->socket);
    if (unsent < c->unsent)
        exchange_progress(&c->x);
    c->unsent = unsent;
    if (unsent > 0 || !c->request_read)
        timer_start(t, clock_of(c), look_after_ms(c));
}

void port_watch_sending(struct call *c)
{
    if (c->framing == BODY_NONE || c->x.answered || timer_active(&c->sending) ||
        (c->request_read && c->bytes_in <= SMALL_BODY))
        return;
    timer_init(&c->sending, on_sending);
    c->unsent = socket_unsent(&c->up->socket);
    timer_start(&c->sending, clock_of(c), look_after_ms(c));
}

static uint64_t idle_limit(const struct call *c)
{
    const struct service_settings *policy = c->x.service->policy;

    return c->tunnel ? policy->tunnel_idle_timeout : policy->idle_timeout;
}

/* A slow reader moves, too, though it is long until it is given more. */
static void note_reading(struct call *c)
{
    size_t unsent = socket_unsent(&c->down->socket);

    if (c->tunnel && c->up)
        unsent += socket_unsent(&c->up->socket);
    if (unsent != c->unsent)
        c->moved_ms = clock_now(clock_of(c));
    c->unsent = unsent;
}

static void on_idle(struct timer *t)
{
    struct call *c = container_of(t, struct call, idle);
    uint64_t limit = idle_limit(c), idle;

    note_reading(c);
    idle = clock_now(clock_of(c)) - c->moved_ms;
    if (limit && idle >= limit)
        exchange_fail(&c->x, ERR_IDLE);
    else
        timer_start(t, clock_of(c), limit ? limit - idle : NO_LIMIT_MS);
}

/* Long answers only: it is started when one feeding was not enough. */
void port_watch_idle(struct call *c)
{
    uint64_t limit = idle_limit(c);

    if (timer_active(&c->idle) || limit == 0)
        return;
    timer_init(&c->idle, on_idle);
    timer_start(&c->idle, clock_of(c), limit);
}

void port_stop_watching(struct call *c)
{
    timer_stop(&c->rate, clock_of(c));
    timer_stop(&c->sending, clock_of(c));
    timer_stop(&c->idle, clock_of(c));
}
