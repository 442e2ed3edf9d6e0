#include "health/probe.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "health/probe_check.h"

enum { ADDRESSES_LIMIT = 4, NOT_FOUND = 404 };

struct probe {
    struct loop *loop;
    struct random *random;
    const struct probe_settings *settings;
    const struct probe_events *events;
    void *owner;
    struct address addresses[ADDRESSES_LIMIT];
    unsigned count;
    unsigned at;    /* the address that answered last */
    unsigned tried; /* in this check */
    unsigned told_at;
    struct check check;
    char refused[sizeof(((struct check *)0)->reason)]; /* by the first in this check */
    struct timer next;                                 /* check */
    struct timer
        tell; /* of a new state, or that we are closed: never from inside a call */
    uint64_t pause_ms; /* before the first time up */
    uint64_t started_ms;
    enum probe_state told;
    bool checking;
    bool was_up;
    bool closing;
    struct probe_report report;
};

static struct clock *clock_of(struct probe *p)
{
    return &p->loop->clock;
}

static void tell_soon(struct probe *p)
{
    if (!timer_active(&p->tell))
        timer_start(&p->tell, clock_of(p), 0);
}

static void tell_move(struct probe *p)
{
    if (p->told_at == p->at || p->report.state != PROBE_UP)
        return;
    p->told_at = p->at;
    if (p->events->moved)
        p->events->moved(p);
}

static void on_tell(struct timer *t)
{
    struct probe *p = container_of(t, struct probe, tell);
    struct why why_text;

    if (p->closing) {
        p->events->closed(p);
        return;
    }
    tell_move(p);
    if (p->told == p->report.state)
        return;
    p->told = p->report.state;
    why_init(&why_text);
    why(&why_text, ERR_OK, "%s", p->report.reason);
    p->events->changed(p, p->told, &why_text);
}

/* ---- the state ---- */

static void enter(struct probe *p, enum probe_state s)
{
    if (p->report.state == s)
        return;
    p->report.state = s;
    p->report.changed_ms = loop_now(p->loop);
    p->was_up = p->was_up || s == PROBE_UP;
    if (s == PROBE_DOWN)
        p->report.fell_back_to_tcp = false; /* what comes back may be another version */
    tell_soon(p);
}

/* One more after a failure, so that an app in trouble is not believed too soon. */
static unsigned passes_needed(const struct probe *p)
{
    return p->settings->rise + (p->report.state == PROBE_DOWN && p->was_up);
}

static void passed(struct probe *p)
{
    p->report.passes++;
    p->report.failures = 0;
    p->report.reason[0] = '\0';
    if (p->report.state != PROBE_UP && p->report.passes >= passes_needed(p))
        enter(p, PROBE_UP);
    if (p->told_at != p->at)
        tell_soon(p);
}

static void failed(struct probe *p, const char *reason)
{
    p->report.failures++;
    p->report.passes = 0;
    snprintf(p->report.reason, sizeof(p->report.reason), "%s", reason);
    if (p->report.failures >= p->settings->fall)
        enter(p, PROBE_DOWN);
}

static void note(struct probe *p, enum probe_result r)
{
    struct probe_report *report = &p->report;

    report->result = r;
    report->status = p->check.status;
    report->checked_ms = loop_now(p->loop);
    report->took_ms = report->checked_ms - p->started_ms;
    report->checks++;
    report->history = report->history << 1 | (r == CHECK_PASSED);
    if (r == CHECK_PASSED)
        passed(p);
    else
        failed(p, r == CHECK_REFUSED ? p->refused : p->check.reason);
}

/* ---- checks ---- */

static uint64_t pause_of(struct probe *p)
{
    uint64_t now = p->pause_ms;

    if (p->was_up)
        return random_jitter(p->random, p->settings->interval_ms, p->settings->jitter);
    if (p->report.passes == 0)
        p->pause_ms *= 2;
    if (p->pause_ms > p->settings->interval_ms)
        p->pause_ms = p->settings->interval_ms;
    return now;
}

static enum probe_kind kind_of(const struct probe *p)
{
    return p->report.fell_back_to_tcp ? PROBE_TCP : p->settings->kind;
}

static void start_check(struct probe *p)
{
    p->checking = true;
    p->check.to = p->addresses[p->at];
    check_start(&p->check, kind_of(p));
}

/* Nobody configured a path and there is none: that it answers must do. */
static bool falls_back(struct probe *p, enum probe_result r)
{
    return r == CHECK_STATUS && p->check.status == NOT_FOUND &&
           p->settings->path_is_default;
}

/* Another address is for those that refuse; what connects is the app. */
static bool tries_another(struct probe *p, enum probe_result r)
{
    if (r != CHECK_REFUSED)
        return false;
    if (p->tried == 0)
        memcpy(p->refused, p->check.reason, sizeof(p->refused));
    p->at = (p->at + 1) % p->count;
    if (++p->tried >= p->count) /* none: the next check begins where this one did */
        return false;
    start_check(p);
    return true;
}

static void on_ended(struct check *c, enum probe_result r)
{
    struct probe *p = c->owner;

    p->checking = false;
    if (p->closing) {
        tell_soon(p);
        return;
    }
    if (r == CHECK_NONE || tries_another(p, r))
        return;
    if (falls_back(p, r)) {
        p->report.fell_back_to_tcp = true;
        r = CHECK_PASSED;
    }
    note(p, r);
    timer_start(&p->next, clock_of(p), pause_of(p));
}

static void on_next(struct timer *t)
{
    struct probe *p = container_of(t, struct probe, next);

    if (p->checking) { /* cancelled, but its process has not gone yet */
        timer_start(&p->next, clock_of(p), p->settings->interval_ms);
        return;
    }
    p->started_ms = loop_now(p->loop);
    p->tried = 0;
    start_check(p);
}

/* ---- life ---- */

enum err probe_open(struct probe **out, struct loop *l, struct random *random,
                    const struct probe_settings *s, const struct address *addresses,
                    unsigned count, const struct probe_events *events, void *owner)
{
    struct probe *p = calloc(1, sizeof(*p));

    assert(count >= 1 && count <= ADDRESSES_LIMIT);
    if (!p)
        return ERR_NO_MEMORY;
    p->loop = l;
    p->random = random;
    p->settings = s;
    p->events = events;
    p->owner = owner;
    memcpy(p->addresses, addresses, count * sizeof(*addresses));
    p->count = count;
    p->pause_ms = s->first_interval_ms;
    p->check = (struct check){.loop = l,
                              .timeout_ms = s->timeout_ms,
                              .path = s->path,
                              .command = &s->command,
                              .owner = p,
                              .ended = on_ended};
    timer_init(&p->next, on_next);
    timer_init(&p->tell, on_tell);
    timer_start(&p->next, clock_of(p), 0);
    *out = p;
    return ERR_OK;
}

void *probe_owner(const struct probe *p)
{
    return p->owner;
}

void probe_report(const struct probe *p, struct probe_report *out)
{
    *out = p->report;
}

const struct address *probe_address(const struct probe *p)
{
    return &p->addresses[p->at];
}

int probe_process(const struct probe *p)
{
    return p->checking ? check_process(&p->check) : 0;
}

void probe_check_now(struct probe *p)
{
    if (!p->checking && !p->closing)
        timer_start(&p->next, clock_of(p), 0);
}

/* A check under way knows less than the caller: it is cancelled, and the next one comes in its time. */
void probe_fail_now(struct probe *p, const char *reason)
{
    if (p->closing)
        return;
    if (p->checking)
        check_cancel(&p->check);
    p->report.failures = p->settings->fall;
    p->report.passes = 0;
    p->report.checks++;
    p->report.history <<= 1;
    snprintf(p->report.reason, sizeof(p->report.reason), "%s", reason);
    enter(p, PROBE_DOWN);
    timer_start(&p->next, clock_of(p), p->settings->interval_ms);
}

void probe_close(struct probe *p)
{
    if (p->closing)
        return;
    p->closing = true;
    timer_stop(&p->next, clock_of(p));
    if (p->checking)
        check_cancel(&p->check);
    else
        tell_soon(p);
}

void probe_free(struct probe *p)
{
    free(p);
}

const char *probe_result_name(enum probe_result r)
{
    static const char *const names[] = {
        [CHECK_NONE] = "none",       [CHECK_PASSED] = "passed",
        [CHECK_REFUSED] = "refused", [CHECK_TIMED_OUT] = "timed_out",
        [CHECK_STATUS] = "status",   [CHECK_MALFORMED] = "malformed",
        [CHECK_EXIT] = "exit",       [CHECK_FAILED] = "failed",
    };

    return names[r];
}

const char *probe_state_name(enum probe_state s)
{
    static const char *const names[] = {
        [PROBE_UNKNOWN] = "unknown",
        [PROBE_UP] = "up",
        [PROBE_DOWN] = "down",
    };

    return names[s];
}
