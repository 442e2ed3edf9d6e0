#include "transport/loop.h"

#include <signal.h>
#include <stdlib.h>

#include "sidecar/core/log.h"

enum { SPARE_CHUNKS = 32, CLOSING_TURNS = 64 };

static struct loop *loop_of_clock(struct clock *c)
{
    return container_of(c, struct loop, clock);
}

static void on_tick(uv_timer_t *ticker)
{
    struct loop *l = container_of(ticker, struct loop, ticker);

    clock_advance(&l->clock, uv_now(&l->uv));
}

static void loop_wake(struct clock *c, uint64_t due)
{
    struct loop *l = loop_of_clock(c);
    uint64_t now = uv_now(&l->uv);

    uv_timer_start(&l->ticker, on_tick, due > now ? due - now : 0, 0);
}

/* Stopped timers leave the ticker running for nothing, which would keep an empty loop
 * alive. */
static void on_turn(uv_prepare_t *turn)
{
    struct loop *l = container_of(turn, struct loop, turn);

    if (l->clock.wake_at && clock_next(&l->clock) == UINT64_MAX) {
        uv_timer_stop(&l->ticker);
        l->clock.wake_at = 0;
    }
}

static void open_handles(struct loop *l)
{
    clock_init(&l->clock, uv_now(&l->uv), loop_wake);
    queue_pool_init(&l->chunks, SPARE_CHUNKS);
    uv_timer_init(&l->uv, &l->ticker);
    uv_prepare_init(&l->uv, &l->turn);
    uv_prepare_start(&l->turn, on_turn);
    uv_unref((uv_handle_t *)&l->turn);
}

enum err loop_open(struct loop *l, size_t read_size)
{
    *l = (struct loop){.read_size = read_size ? read_size : LOOP_READ_BUFFER};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    l->read_buffer = malloc(l->read_size);
    if (!l->read_buffer)
        return ERR_NO_MEMORY;
    if (uv_loop_init(&l->uv) != 0) {
        free(l->read_buffer);
        return ERR_NO_MEMORY;
    }
    open_handles(l);
    return ERR_OK;
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

bool loop_can_watch(const struct loop *l, int fd)
{
    void *volatile room; /* or the compiler takes it for granted that there is some */
    bool is_there;

    if (fd < 0 || (unsigned)fd < l->uv.nwatchers)
        return true;
    room = malloc(2 * ((size_t)fd + 3) * sizeof(void *));
    is_there = room != NULL;
    free(room);
    return is_there;
}

static void tell_leak(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        log_error("loop.leak", "handle=%s", uv_handle_type_name(handle->type));
}

enum err loop_close(struct loop *l)
{
    int busy = UV_EBUSY;

    uv_close((uv_handle_t *)&l->ticker, NULL);
    uv_close((uv_handle_t *)&l->turn, NULL);
    for (int turn = 0; busy && turn < CLOSING_TURNS; turn++) {
        uv_run(&l->uv, UV_RUN_NOWAIT);
        busy = uv_loop_close(&l->uv);
    }
    if (busy)
        uv_walk(&l->uv, tell_leak, NULL);
    queue_pool_fini(&l->chunks);
    free(l->read_buffer);
    l->read_buffer = NULL;
    return busy ? ERR_IO : ERR_OK;
}
