#include "sidecar/handover.h"

#include <unistd.h>

#include "sidecar/downstream.h"
#include "sidecar/worker.h"

unsigned handover_ready(struct worker *w)
{
    unsigned number = w->ready;

    __atomic_store_n(&w->ready, number + 1, __ATOMIC_RELEASE);
    return number;
}

void handover_count(struct worker *w, int by)
{
    __atomic_fetch_add(&w->clients, (uint32_t)by, __ATOMIC_RELAXED);
}

static uint32_t clients_of(const struct worker *w)
{
    return __atomic_load_n(&w->clients, __ATOMIC_RELAXED);
}

static bool is_ready(const struct worker *w, unsigned number)
{
    return __atomic_load_n(&w->ready, __ATOMIC_ACQUIRE) > number;
}

static struct worker *with_fewest(const struct listening *l)
{
    struct worker *fewest = l->worker;

    for (unsigned i = 0; i < l->worker->workers; i++) {
        struct worker *w = &l->worker->all[i];

        if (is_ready(w, l->number) && clients_of(w) < clients_of(fewest))
            fewest = w;
    }
    return fewest;
}

/* Exact for a few, within a quarter for many: there the hash is even enough, and handing over isn't free. */
bool handover_wanted(const struct listening *l)
{
    uint32_t least;

    if (!l->worker->all)
        return false;
    least = clients_of(with_fewest(l));
    return clients_of(l->worker) > least + least / 4;
}

void handover_give(struct listening *l, int fd)
{
    struct worker *to = with_fewest(l);

    handover_count(to, 1);
    if (!worker_give(to, l->number, fd))
        return;
    handover_count(to, -1);
    close(fd);
}

static struct listening *find(struct worker *w, unsigned number)
{
    list_each(at, after, &w->listenings)
    {
        struct listening *l = container_of(at, struct listening, all);

        if (l->number == number && l->listening)
            return l;
    }
    return NULL;
}

void handover_take(struct worker *w, unsigned number, int fd)
{
    struct listening *l = find(w, number);
    struct socket *s = l ? downstream_offer(l) : NULL;

    if (!s) {
        handover_count(w, -1);
        close(fd);
        return;
    }
    if (socket_adopt(s, fd, l->gateway.kind == GATEWAY_UNIX)) {
        stream_close(&s->stream);
        return;
    }
    downstream_accepted(s);
    socket_read_now(s);
}
