#include "tests/lib/transport/loops.h"

#include "tests/lib/test.h"

enum { LIMIT_MS = 5000, TICK_MS = 2, SETTLE_TURNS = 8 };

static void on_guard(uv_timer_t *guard)
{
    (void)guard; /* only wakes the loop */
}

static void on_guard_closed(uv_handle_t *guard)
{
    *(bool *)guard->data = true;
}

void loop_until_true(struct loop *l, bool (*happened)(void *context), void *context)
{
    loop_until_within(l, happened, context, LIMIT_MS);
}

void loop_until_within(struct loop *l, bool (*happened)(void *context), void *context,
                       uint64_t limit_ms)
{
    uv_timer_t guard;
    bool closed = false;
    uint64_t end = uv_hrtime() / 1000000 + limit_ms;
    bool late = false;

    uv_timer_init(&l->uv, &guard);
    guard.data = &closed;
    uv_timer_start(&guard, on_guard, TICK_MS, TICK_MS);
    while (!happened(context) && !late) {
        uv_run(&l->uv, UV_RUN_ONCE);
        late = uv_hrtime() / 1000000 > end;
    }
    uv_close((uv_handle_t *)&guard, on_guard_closed);
    while (!closed)
        uv_run(&l->uv, UV_RUN_NOWAIT);
    if (late)
        fail_msg("what the test waits for did not happen in %d ms", (int)limit_ms);
}

static bool is_set(void *flag)
{
    return *(const bool *)flag;
}

void loop_until(struct loop *l, const bool *happened)
{
    loop_until_true(l, is_set, (void *)(uintptr_t)happened);
}

void loop_settle(struct loop *l)
{
    for (int turn = 0; turn < SETTLE_TURNS; turn++)
        uv_run(&l->uv, UV_RUN_NOWAIT);
}
