/* All objects of one kind in our namespace: a list, then a watch from the list's version on, for as long as somebody
 * listens. A watch ends now and then by itself and goes on silently; what it missed is told by the next one, or, when
 * that was too long ago, by a new list. */
#include <stdio.h>

#include "discovery/kubernetes_parts.h"
#include "sidecar/core/log.h"

enum {
    AGAIN_MS = 100,
    AGAIN_MOST_MS = 5000,
    JITTER = 20,
    OPEN_MS = 4000,  /* until the head of the watch's answer */
    GRACE_MS = 5000, /* after the time a watch was asked for */
};

static struct kubernetes_feed *feed_of(struct registry_call *c)
{
    return container_of(c, struct kubernetes_feed, call);
}

static void open_feed(struct kubernetes_feed *f);

static bool is_wanted(const struct kubernetes_feed *f)
{
    return f->is_used && kubernetes_is_wanted(f->kubernetes);
}

/* --- its ends --- */

static void wait_to_open(struct kubernetes_feed *f, bool at_once)
{
    struct kubernetes *k = f->kubernetes;
    uint64_t wait = (uint64_t)AGAIN_MS << (f->failures < 6 ? f->failures : 6);

    if (wait > AGAIN_MOST_MS)
        wait = AGAIN_MOST_MS;
    f->failures += !at_once;
    timer_stop(&f->again, kubernetes_clock(k));
    timer_start(&f->again, kubernetes_clock(k),
                at_once ? 0 : random_jitter(k->base.random, wait, JITTER));
}

static void on_again(struct timer *t)
{
    open_feed(container_of(t, struct kubernetes_feed, again));
}

void kubernetes_feed_break_off(struct kubernetes_feed *f, enum err e, const char *reason)
{
    if (f->is_broken)
        return;
    f->is_broken = true;
    f->error = e;
    why(&f->why, e, "%s", reason);
    registry_call_cancel(&f->call);
}

static void on_patience(struct timer *t)
{
    struct kubernetes_feed *f = container_of(t, struct kubernetes_feed, patience);

    kubernetes_services_fail(f->kubernetes, f->error, &f->why);
}

static void say_permission(struct kubernetes_feed *f)
{
    why_in(&f->why,
           "the account may not list and watch %s of namespace %s (RBAC; or ?read= says "
           "that they are not needed)",
           f->kind->name, f->kubernetes->namespace);
}

/* Who listens is told when there is no list yet, when it will not get better by itself, or when patience ends. */
static void lost(struct kubernetes_feed *f, enum err e)
{
    struct kubernetes *k = f->kubernetes;

    f->state = KUBERNETES_OFF;
    f->is_live = false;
    timer_stop(&f->opening, kubernetes_clock(k));
    if (!is_wanted(f)) {
        kubernetes_end_if_done(k);
        return;
    }
    if (f->call.http.status == 403 && e == ERR_DENIED)
        say_permission(f);
    f->is_doubtful = f->version[0] != '\0';
    wait_to_open(f, false);
    if (e == ERR_DENIED || !f->version[0])
        kubernetes_services_fail(k, e, &f->why);
    else if (!timer_active(&f->patience))
        timer_start(&f->patience, kubernetes_clock(k), KUBERNETES_PATIENCE_MS);
}

void kubernetes_feed_anew(struct kubernetes_feed *f)
{
    f->version[0] = '\0';
    f->is_doubtful = false;
    text_clear(&f->next);
}

/* A call's own reason, or ours if it was us who ended it. */
static enum err reason_of(struct kubernetes_feed *f, enum err e)
{
    if (f->is_broken)
        return f->error;
    f->why = f->call.http.why;
    return f->error = e;
}

/* --- what it says --- */

void kubernetes_feed_take_version(struct kubernetes_feed *f, const json_t *object)
{
    const char *version = kubernetes_meta(object, "resourceVersion");

    if (*version && strlen(version) < sizeof(f->version))
        memcpy(f->version, version, strlen(version) + 1);
}

static void is_live(struct kubernetes_feed *f)
{
    struct kubernetes *k = f->kubernetes;

    f->failures = 0;
    timer_stop(&f->patience, kubernetes_clock(k));
    if (f->is_live)
        return;
    f->is_live = true;
    kubernetes_services_live(k);
}

/* --- calls --- */

static void write_target(struct kubernetes_feed *f)
{
    text_clear(&f->target);
    text_addf(&f->target, "%s/namespaces/%s/%s?%s%s", f->kind->path,
              f->kubernetes->namespace, f->kind->name, f->kind->selector,
              f->kind->selector[0] ? "&" : "");
}

static void start_call(struct kubernetes_feed *f,
                       void (*answered)(struct registry_call *c, enum err e))
{
    struct http_call *http = &f->call.http;
    enum err e = ERR_NO_MEMORY;

    text_clear(&f->fields);
    kubernetes_account_fields(f->kubernetes, &f->fields);
    f->call.answered = answered;
    http->target = text_slice(&f->target);
    http->fields = text_slice(&f->fields);
    http->connect_timeout_ms = KUBERNETES_CALL_MS;
    f->is_broken = false;
    f->error = ERR_OK;
    if (!f->target.failed && !f->fields.failed)
        e = registry_call_start(&f->call, &f->kubernetes->http);
    if (e == ERR_LATER)
        return;
    why(&f->why, e, "%s", err_text(e));
    lost(f, e);
}

static void on_opening(struct timer *t)
{
    kubernetes_feed_break_off(container_of(t, struct kubernetes_feed, opening),
                              ERR_TIMEOUT, "no answer to the watch");
}

static void on_begun(struct http_call *http)
{
    struct kubernetes_feed *f = feed_of(container_of(http, struct registry_call, http));

    timer_stop(&f->opening, kubernetes_clock(f->kubernetes));
    if (http->status != 200)
        return;
    f->state = KUBERNETES_WATCHING;
    is_live(f);
}

/* A watch that has had its time is followed by the next. */
static void on_watch_ended(struct registry_call *c, enum err e)
{
    struct kubernetes_feed *f = feed_of(c);
    bool was_watching = f->state == KUBERNETES_WATCHING;
    unsigned status = c->http.status;

    timer_stop(&f->opening, kubernetes_clock(f->kubernetes));
    e = reason_of(f, e);
    if (status == KUBERNETES_GONE)
        kubernetes_feed_anew(f);
    if (was_watching && is_wanted(f) &&
        (e == ERR_OK || e == ERR_TIMEOUT || !f->version[0])) {
        f->state = KUBERNETES_OFF;
        f->is_doubtful = e == ERR_TIMEOUT && f->version[0];
        wait_to_open(f, e == ERR_OK && f->failures == 0);
        f->failures++; /* until the next one is open */
        return;
    }
    if (!f->why.text[0])
        why(&f->why, ERR_UNAVAILABLE, "the watch has ended");
    lost(f, e ? e : ERR_UNAVAILABLE);
}

static void start_watch(struct kubernetes_feed *f)
{
    struct kubernetes *k = f->kubernetes;
    uint64_t ms = random_jitter(k->base.random, k->watch_ms, JITTER);

    write_target(f);
    text_addf(&f->target,
              "watch=1&allowWatchBookmarks=true&resourceVersion=%s&timeoutSeconds=%llu",
              f->version, (unsigned long long)((ms + 999) / 1000));
    text_clear(&f->line);
    f->state = KUBERNETES_OPENING;
    registry_call_fini(&f->call);
    f->call = (struct registry_call){
        .http = {.piece = kubernetes_feed_piece,
                 .begun = on_begun,
                 .timeout_ms = ms + GRACE_MS}
    };
    timer_start(&f->opening, kubernetes_clock(k), OPEN_MS);
    start_call(f, on_watch_ended);
}

static void start_page(struct kubernetes_feed *f);

/* The list's own version is told on each page, and is the same. ERR_LATER: there is another page. */
static enum err take_page(struct kubernetes_feed *f, const json_t *root)
{
    const json_t *items = json_object_get(root, "items");
    const char *next = kubernetes_meta(root, "continue");

    if (!*kubernetes_meta(root, "resourceVersion") ||
        !(json_is_array(items) || json_is_null(items)))
        return why(&f->why, ERR_BAD_RESPONSE, "its answer is no list of %s",
                   f->kind->name);
    for (size_t i = 0; i < json_array_size(items); i++)
        kubernetes_object_take(f, json_array_get(items, i));
    text_clear(&f->next);
    text_addf(&f->next, "%s", next);
    if (*next)
        return f->next.failed ? ERR_NO_MEMORY : ERR_LATER;
    kubernetes_objects_sweep(f);
    kubernetes_feed_take_version(f, root);
    return ERR_OK;
}

/* Has the server, that was away, gone on from where we were? Data that was lost, or is an older backup's, has lower
 * versions, and a watch from ours would be silent until it has reached them. */
static enum err take_glance(struct kubernetes_feed *f, const json_t *root)
{
    const char *version = kubernetes_meta(root, "resourceVersion");

    if (!*version)
        return why(&f->why, ERR_BAD_RESPONSE, "its answer is no list of %s",
                   f->kind->name);
    f->is_doubtful = false;
    if (kubernetes_version_is_before(version, f->version))
        kubernetes_feed_anew(f);
    return ERR_OK;
}

static enum err read_page(struct kubernetes_feed *f)
{
    struct slice body = text_slice(&f->call.http.body_in);
    json_t *root = json_loadb(body.base ? body.base : "", body.size, 0, NULL);
    enum err e = f->is_doubtful ? take_glance(f, root) : take_page(f, root);

    json_decref(root);
    registry_call_fini(&f->call);
    return e;
}

static void on_page(struct registry_call *c, enum err e)
{
    struct kubernetes_feed *f = feed_of(c);
    bool is_glance = f->is_doubtful;

    if (c->http.status == KUBERNETES_GONE)
        text_clear(&f->next); /* the pages were too slow */
    if (!e && is_wanted(f))
        e = read_page(f);
    else
        e = reason_of(f, e);
    if (e == ERR_LATER)
        start_page(f);
    else if (e || !is_wanted(f))
        lost(f, e);
    else {
        if (!is_glance)
            is_live(f);
        open_feed(f);
    }
}

static void start_page(struct kubernetes_feed *f)
{
    write_target(f);
    text_addf(&f->target, "limit=%d", f->is_doubtful ? 1 : KUBERNETES_PAGE);
    if (f->next.size > 0)
        text_addf(&f->target, "&continue=%s", f->next.base);
    else
        f->listing++;
    f->state = KUBERNETES_LISTING;
    registry_call_fini(&f->call);
    f->call = (struct registry_call){
        .may_repeat = true,
        .http = {.timeout_ms = KUBERNETES_LIST_MS, .limit = KUBERNETES_ANSWER_LIMIT}
    };
    start_call(f, on_page);
}

static void open_feed(struct kubernetes_feed *f)
{
    if (registry_call_is_running(&f->call) || !is_wanted(f))
        return;
    if (f->version[0] && !f->is_doubtful)
        start_watch(f);
    else
        start_page(f);
}

/* --- life --- */

void kubernetes_feed_want(struct kubernetes_feed *f)
{
    if (f->is_used && f->state == KUBERNETES_OFF && !timer_active(&f->again))
        wait_to_open(f, true);
}

void kubernetes_feed_stop(struct kubernetes_feed *f)
{
    struct clock *clock = kubernetes_clock(f->kubernetes);

    timer_stop(&f->again, clock);
    timer_stop(&f->patience, clock);
    timer_stop(&f->opening, clock);
    if (registry_call_is_running(&f->call))
        kubernetes_feed_break_off(f, ERR_CANCELLED, "nobody listens");
    f->is_live = false;
}

void kubernetes_feed_init(struct kubernetes_feed *f, struct kubernetes *k,
                          const struct kubernetes_kind *kind)
{
    f->kubernetes = k;
    f->kind = kind;
    text_init(&f->target, 4096);
    text_init(&f->fields, KUBERNETES_TOKEN_LIMIT + 64);
    text_init(&f->line, KUBERNETES_LINE_LIMIT);
    text_init(&f->next, 2048);
    timer_init(&f->again, on_again);
    timer_init(&f->patience, on_patience);
    timer_init(&f->opening, on_opening);
}

bool kubernetes_feed_is_over(const struct kubernetes_feed *f)
{
    return !registry_call_is_running(&f->call);
}

void kubernetes_feed_fini(struct kubernetes_feed *f)
{
    registry_call_fini(&f->call);
    text_fini(&f->target);
    text_fini(&f->fields);
    text_fini(&f->line);
    text_fini(&f->next);
}
