#include "sidecar/call.h"

#include <assert.h>
#include <stdlib.h>

#include "sidecar/downstream.h"
#include "sidecar/port.h"
#include "sidecar/worker.h"

enum { SPARE_CALLS = 64 };

struct call *call_take(struct worker *w, struct downstream *d)
{
    struct list *spare = list_pop_front(&w->spare_calls);
    struct call *c;

    if (spare) {
        c = container_of(spare, struct call, spare);
        w->spare_count--;
    } else {
        c = malloc(sizeof(*c));
        if (!c)
            return NULL;
    }
    memset(c, 0, offsetof(struct call, arena));
    c->instance_id[0] = '\0';
    writer_init(&c->out, &w->to_instances);
    writer_init(&c->in, &w->to_clients);
    list_init(&c->spare);
    list_init(&c->x.waiting);
    c->worker = w;
    c->down = d;
    c->x.port = &port_ops;
    c->x.clock = &w->loop.clock;
    arena_init(&c->arena, &w->blocks, ARENA_LIMIT);
    reader_init(&c->reader, HTTP_REQUESTS, &downstream_request_events, &w->scratch);
    return c;
}

void call_recycle(struct call *c)
{
    struct worker *w = c->worker;

    assert(!c->up);
    reader_fini(&c->reader);
    arena_fini(&c->arena);
    queue_clear(&c->replay, &w->loop.chunks);
    if (w->spare_count >= SPARE_CALLS) {
        free(c);
        return;
    }
    w->spare_count++;
    list_push_front(&w->spare_calls, &c->spare);
}
