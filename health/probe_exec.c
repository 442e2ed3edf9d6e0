/* A command of the user's: exit status 0 passes. In a group of its own, so that what it started goes with it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "health/probe_check.h"

static struct check *of_process(uv_process_t *p)
{
    return p->data;
}

static void on_closed(uv_handle_t *handle)
{
    struct check *c = handle->data;

    loop_touch(c->loop);
    check_end(c, c->result);
}

static void over(struct check *c, enum probe_result r)
{
    if (c->result == CHECK_NONE)
        c->result = r;
    c->running = false;
    timer_stop(&c->timer, &c->loop->clock);
    uv_close((uv_handle_t *)&c->process, on_closed);
}

static enum probe_result judge(struct check *c, int64_t status, int signal_number)
{
    const char *name = c->command->items[0];

    if (signal_number)
        return check_says(c, CHECK_EXIT, "%s was killed by signal %d", name,
                          signal_number);
    c->status = (unsigned)status;
    return status ? check_says(c, CHECK_EXIT, "%s: exit status %u", name, c->status)
                  : CHECK_PASSED;
}

static void on_ended(uv_process_t *process, int64_t status, int signal_number)
{
    struct check *c = of_process(process);

    loop_touch(c->loop);
    over(c, c->result ? c->result : judge(c, status, signal_number));
}

/* It may have left its group. */
static void kill_group(struct check *c)
{
    if (!c->running)
        return;
    kill(-c->process.pid, SIGKILL);
    kill(c->process.pid, SIGKILL);
}

static void on_timeout(struct timer *t)
{
    struct check *c = container_of(t, struct check, timer);

    c->result = check_says(c, CHECK_TIMED_OUT, "%s took longer than %llu ms",
                           c->command->items[0], (unsigned long long)c->timeout_ms);
    kill_group(c);
}

/* NULL-terminated, as exec wants it; the words stay the settings'. */
static char **arguments_new(const struct texts *command)
{
    char **arguments = calloc(command->count + 1, sizeof(*arguments));

    for (unsigned i = 0; arguments && i < command->count; i++)
        memcpy(&arguments[i], &command->items[i], sizeof(arguments[i]));
    return arguments;
}

static int spawn(struct check *c, char **arguments)
{
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
    uv_process_options_t options = {
        .file = arguments[0],
        .args = arguments,
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3,
        .stdio = stdio,
        .exit_cb = on_ended,
    };

    return uv_spawn(&c->loop->uv, &c->process, &options);
}

static enum probe_result exec_start(struct check *c)
{
    char **arguments = arguments_new(c->command);
    int status;

    if (!arguments)
        return check_says(c, CHECK_FAILED, "out of memory");
    timer_init(&c->timer, on_timeout);
    status = spawn(c, arguments);
    free(arguments);
    c->process.data = c;
    c->running = status == 0;
    if (status)
        over(c, check_says(c, CHECK_FAILED, "%s: %s", c->command->items[0],
                           uv_strerror(status)));
    else
        timer_start(&c->timer, &c->loop->clock, c->timeout_ms);
    return CHECK_NONE;
}

const struct check_ops check_exec = {.start = exec_start, .cancel = kill_group};
