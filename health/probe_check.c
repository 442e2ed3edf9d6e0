#include "health/probe_check.h"

#include <stdarg.h>
#include <stdio.h>

static void on_soon(struct timer *t)
{
    struct check *c = container_of(t, struct check, timer);

    check_end(c, c->result);
}

/* What ended before it began is told later, like all else. */
static enum probe_result none_start(struct check *c)
{
    (void)c;
    return CHECK_PASSED;
}

static void none_cancel(struct check *c)
{
    (void)c;
}

static const struct check_ops check_none = {.start = none_start, .cancel = none_cancel};

void check_start(struct check *c, enum probe_kind kind)
{
    static const struct check_ops *const kinds[] = {
        [PROBE_HTTP] = &check_http,
        [PROBE_TCP] = &check_tcp,
        [PROBE_EXEC] = &check_exec,
        [PROBE_NONE] = &check_none,
    };
    enum probe_result r;

    c->ops = kinds[kind];
    c->status = 0;
    c->reason[0] = '\0';
    c->cancelled = false;
    timer_init(&c->timer, NULL);
    c->running = false;
    c->result = CHECK_NONE;
    r = c->ops->start(c);
    if (r == CHECK_NONE)
        return;
    c->result = r;
    timer_init(&c->timer, on_soon);
    timer_start(&c->timer, &c->loop->clock, 0);
}

void check_cancel(struct check *c)
{
    if (c->cancelled)
        return;
    c->cancelled = true;
    if (c->result == CHECK_NONE)
        c->ops->cancel(c);
}

void check_end(struct check *c, enum probe_result r)
{
    timer_stop(&c->timer, &c->loop->clock);
    c->ended(c, c->cancelled ? CHECK_NONE : r);
}

enum probe_result check_says(struct check *c, enum probe_result r, const char *format,
                             ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(c->reason, sizeof(c->reason), format, arguments);
    va_end(arguments);
    return r;
}

int check_process(const struct check *c)
{
    return c->running ? c->process.pid : 0;
}
