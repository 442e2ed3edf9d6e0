/* The ends: of an attempt, of an answer that cannot be whole, of the exchange. */
#include "sidecar/connection.h"
#include "sidecar/downstream.h"
#include "sidecar/pool.h"
#include "sidecar/port_internal.h"
#include "sidecar/worker.h"

/* The connection is fit for another request only when both messages ended, cleanly. */
static bool is_reusable(const struct call *c)
{
    return c->response_ended && c->reusable && c->out_ended && !c->out_broken &&
           !c->tunnel;
}

void port_drop(struct exchange *x)
{
    struct call *c = call_of(x);
    struct connection *up = c->up;

    if (!up)
        return;
    c->up = NULL;
    if (c->up_paused)
        stream_read(&up->socket.stream, true);
    c->up_paused = false;
    timer_stop(&c->idle, &c->worker->loop.clock);
    if (is_reusable(c))
        pool_return(up, loop_now(&c->worker->loop));
    else if (c->tunnel_up_ended && c->tunnel_down_ended)
        connection_finish(up);
    else
        connection_close(up);
    c->out_started = false;
    c->response_ended = false;
}

/* Framed by its end, a cut body looks whole: only a reset shows. Else what came may still arrive. */
void port_break_off(struct exchange *x)
{
    struct call *c = call_of(x);

    c->close_down = true;
    c->abort_down = !x->answered || c->in.framing == BODY_TO_END;
}

static void count(struct call *c)
{
    struct service_stats *s = c->x.service ? &c->x.service->stats : &c->worker->unrouted;
    enum err e = c->x.error;

    s->requests++;
    s->by_class[c->status / 100 < 6 ? c->status / 100 : 0]++;
    s->by_error[e]++;
    s->bytes_in += c->bytes_in;
    s->bytes_out += c->bytes_out;
    stats_latency(s, loop_now(&c->worker->loop) - c->x.started_ms);
}

void port_finished(struct exchange *x)
{
    struct call *c = call_of(x);

    port_stop_watching(c);
    if (c->status == 0)
        c->status = (unsigned)err_status(x->error);
    c->outcome = x->error;
    c->abort_down |= x->error == ERR_CLIENT_GONE;
    count(c);
    access_log_write(&c->worker->access_log, c);
    worker_count_busy(c, -1);
    if (x->service) {
        x->service->in_flight--;
        x->service = NULL;
    }
    queue_clear(&c->replay, &c->worker->loop.chunks);
    port_resume_down(c);
    c->finished = true;
    downstream_finished(c->down, c->close_down || x->error == ERR_CLIENT_GONE);
}
