/* One watch of all that is under the prefix, for as long as somebody wants to hear.
 *
 * It breaks off silently: from the last revision on nothing is missed. When it can't be had again in time, or what was
 * missed has been compacted away, who listens is told. */
#include "discovery/etcd_parts.h"
#include "sidecar/core/log.h"

enum { AGAIN_MS = 50, AGAIN_MOST_MS = 2000, OPEN_MS = 3000, LINE_KEPT = 64 * 1024 };

static struct etcd *etcd_of_stream(struct registry_call *c)
{
    return container_of(c, struct etcd, stream.call);
}

static void open_stream(struct etcd *e);

static bool is_wanted(const struct etcd *e)
{
    return !e->closing && (!list_empty(&e->watched) || e->names_wanted);
}

/* --- its ends --- */

static void fail_all(struct etcd *e)
{
    struct etcd_stream *s = &e->stream;

    timer_stop(&s->patience, etcd_clock(e));
    s->revision = 0;
    etcd_services_fail(e, s->error, &s->why);
    etcd_names_fail(e, s->error, &s->why);
}

static void on_patience(struct timer *t)
{
    struct etcd *e = container_of(t, struct etcd, stream.patience);

    fail_all(e);
    if (registry_call_is_running(&e->stream.call)) {
        e->stream.is_broken = true;
        registry_call_cancel(&e->stream.call);
    }
}

static void wait_to_open(struct etcd *e)
{
    struct etcd_stream *s = &e->stream;
    uint64_t wait = (uint64_t)AGAIN_MS << (s->failures < 6 ? s->failures : 6);

    s->failures++;
    timer_start(&s->again, etcd_clock(e), wait < AGAIN_MOST_MS ? wait : AGAIN_MOST_MS);
}

static void on_again(struct timer *t)
{
    open_stream(container_of(t, struct etcd, stream.again));
}

/* Broken off: again, as long as there is patience. What will not get better by itself is said at once. */
static void lost(struct etcd *e, enum err error, const struct why *w)
{
    struct etcd_stream *s = &e->stream;

    s->state = ETCD_OFF;
    timer_stop(&s->probe_timer, etcd_clock(e));
    s->error = error;
    s->why = *w;
    if (!is_wanted(e)) {
        timer_stop(&s->patience, etcd_clock(e));
        etcd_end_if_done(e);
        return;
    }
    if (error == ERR_CANCELLED) { /* nobody listened, and now somebody does */
        s->failures = 0;
        wait_to_open(e);
        return;
    }
    if (error == ERR_DENIED || s->revision == 0)
        fail_all(e);
    if (!timer_active(&s->patience) && s->revision)
        timer_start(&s->patience, etcd_clock(e), ETCD_PATIENCE_MS);
    if (is_wanted(e))
        wait_to_open(e);
}

static void on_stream_ended(struct registry_call *c, enum err error)
{
    struct etcd *e = etcd_of_stream(c);
    struct etcd_stream *s = &e->stream;
    enum err kind = c->http.status >= 400 ? etcd_error_of(text_slice(&s->line)) : ERR_OK;

    s->is_broken = false;
    if (kind == ERR_UNAUTHORIZED) {
        etcd_session_forget(e);
        kind = e->user[0] ? ERR_UNAVAILABLE : ERR_DENIED;
    }
    if (s->error == ERR_TIMEOUT)
        etcd_session_doubt(e);
    if (s->error == ERR_OK || error != ERR_CANCELLED) {
        s->error = kind ? kind : error ? error : ERR_UNAVAILABLE;
        s->why = c->http.why;
        if (!s->why.text[0])
            why(&s->why, s->error, "the watch has ended");
    }
    lost(e, s->error, &s->why);
}

/* From our side: the reason is kept for those who are told. */
static void break_off(struct etcd *e, enum err error, const char *reason)
{
    struct etcd_stream *s = &e->stream;

    if (s->is_broken)
        return;
    s->is_broken = true;
    s->error = error;
    why(&s->why, error, "%s", reason);
    registry_call_cancel(&s->call);
}

/* --- what it says --- */

static void tell_event(struct etcd *e, const json_t *event, struct text *bytes)
{
    struct etcd_entry entry;
    struct slice service, id;

    if (etcd_event_read(&entry, event, bytes)) {
        etcd_complain(e, SLICE("?"), "an event is malformed");
        return;
    }
    if (!etcd_key_split(e, entry.key, &service, &id))
        return;
    etcd_services_tell(e, &entry, service, id);
    etcd_names_tell(e, &entry);
}

static void tell_events(struct etcd *e, const json_t *events)
{
    struct text bytes;

    text_init(&bytes, ETCD_MESSAGE_LIMIT);
    for (size_t i = 0; i < json_array_size(events) && !e->stream.is_broken; i++)
        tell_event(e, json_array_get(events, i), &bytes);
    text_fini(&bytes);
}

static void is_live(struct etcd *e, bool anew)
{
    struct etcd_stream *s = &e->stream;

    s->state = ETCD_LIVE;
    s->failures = 0;
    timer_stop(&s->patience, etcd_clock(e));
    timer_stop(&s->again, etcd_clock(e));
    timer_start(&s->probe_timer, etcd_clock(e), ETCD_PROBE_MS);
    etcd_services_read(e, anew);
    etcd_names_read(e, anew);
}

/* Compacted: what happened meanwhile will never be told. */
static void cancelled(struct etcd *e, const json_t *result)
{
    const char *reason = json_string_value(json_object_get(result, "cancel_reason"));

    if (etcd_number(result, "compact_revision")) {
        log_info("etcd.compacted", "at=%llu",
                 (unsigned long long)etcd_number(result, "compact_revision"));
        e->stream.revision = 0;
        break_off(e, ERR_UNAVAILABLE, "changes were compacted away");
    } else if (reason && strstr(reason, "permission denied")) {
        break_off(e, ERR_DENIED, reason);
    } else {
        if (reason && strstr(reason, "auth"))
            etcd_session_forget(e);
        break_off(e, ERR_UNAVAILABLE, reason ? reason : "the watch was cancelled");
    }
}

static void take_result(struct etcd *e, const json_t *result)
{
    struct etcd_stream *s = &e->stream;
    uint64_t revision = etcd_number(json_object_get(result, "header"), "revision");
    bool created = json_is_true(json_object_get(result, "created"));

    if (json_is_true(json_object_get(result, "canceled"))) {
        cancelled(e, result);
        return;
    }
    if (revision < s->revision) { /* it would wait for changes that are told already */
        s->revision = 0;
        etcd_session_doubt(e);
        break_off(e, ERR_UNAVAILABLE, "etcd has lost what it knew");
        return;
    }
    if (created) {
        bool anew = s->revision == 0;

        if (anew)
            s->revision = revision;
        is_live(e, anew);
        return;
    }
    tell_events(e, json_object_get(result, "events"));
    if (revision > s->revision)
        s->revision = revision;
}

static void take_line(struct etcd *e, struct slice line)
{
    json_t *root = json_loadb(line.base, line.size, 0, NULL);
    const json_t *result = json_object_get(root, "result");
    const char *error =
        json_string_value(json_object_get(json_object_get(root, "error"), "message"));

    if (result)
        take_result(e, result);
    else
        break_off(e, ERR_UNAVAILABLE, error ? error : "a line of the watch is malformed");
    json_decref(root);
}

/* A line is whole at its end; of a refusal the body is kept as it is. */
static void on_piece(struct http_call *http, struct slice bytes)
{
    struct etcd *e = etcd_of_stream(container_of(http, struct registry_call, http));
    struct etcd_stream *s = &e->stream;

    while (bytes.size > 0 && !s->is_broken) {
        size_t size = slice_find(bytes, '\n');

        text_add(&s->line, slice_first(bytes, size));
        if (s->line.failed) {
            break_off(e, ERR_TOO_LARGE, "a line of the watch is too long");
            return;
        }
        if (size == bytes.size || http->status >= 400)
            return;
        bytes = slice_after(bytes, size + 1);
        take_line(e, text_slice(&s->line));
        text_clear_to(&s->line, LINE_KEPT);
    }
}

/* --- opening --- */

static void begin_call(struct etcd *e)
{
    struct etcd_stream *s = &e->stream;
    enum err error;

    text_clear(&s->line);
    text_clear(&s->body);
    text_clear(&s->target);
    etcd_write_watch(&s->body, slice_of(e->prefix), s->revision ? s->revision + 1 : 0);
    text_addf(&s->target, "%s/watch", e->session.version);
    etcd_session_fields(e, &s->fields);
    registry_call_fini(&s->call);
    s->call = (struct registry_call){.answered = on_stream_ended};
    s->call.http.method = SLICE("POST");
    s->call.http.target = text_slice(&s->target);
    s->call.http.fields = text_slice(&s->fields);
    s->call.http.body = text_slice(&s->body);
    s->call.http.connect_timeout_ms = OPEN_MS;
    s->call.http.piece = on_piece;
    s->error = ERR_OK;
    s->is_broken = false;
    s->state = ETCD_OPENING;
    error = registry_call_start(&s->call, &e->http);
    if (error != ERR_LATER) {
        why(&s->why, error, "%s", err_text(error));
        lost(e, error, &s->why);
        return;
    }
    timer_start(&s->probe_timer, etcd_clock(e), OPEN_MS);
}

/* The cluster has answered something else: so it can be asked for a watch. */
static void on_probe(struct etcd_call *c, enum err error, json_t *root)
{
    struct etcd *e = c->owner;
    struct etcd_stream *s = &e->stream;

    (void)root;
    if (e->closing || !is_wanted(e)) {
        etcd_end_if_done(e);
    } else if (s->state == ETCD_LIVE && !error) {
        timer_start(&s->probe_timer, etcd_clock(e), ETCD_PROBE_MS);
    } else if (s->state == ETCD_LIVE) {
        break_off(e, error, c->why.text);
    } else if (error && s->state == ETCD_OFF) {
        lost(e, error, &c->why);
    } else if (s->state == ETCD_OFF) {
        begin_call(e);
    }
}

/* A cheap question that needs the cluster's leader: a member cut off from it would hear of no change. */
static void start_probe(struct etcd *e)
{
    struct etcd_call *probe = &e->stream.probe;

    if (probe->running)
        return;
    text_clear(&probe->body);
    etcd_write_range(&probe->body, slice_of(e->prefix), false, true);
    etcd_call_start(probe);
}

static void on_probe_timer(struct timer *t)
{
    struct etcd *e = container_of(t, struct etcd, stream.probe_timer);

    if (e->stream.state == ETCD_OPENING)
        break_off(e, ERR_TIMEOUT, "no answer to the watch");
    else
        start_probe(e);
}

static void open_stream(struct etcd *e)
{
    if (e->stream.state != ETCD_OFF || !is_wanted(e))
        return;
    if (etcd_session_is_ready(e))
        begin_call(e);
    else
        start_probe(e);
}

void etcd_stream_want(struct etcd *e)
{
    struct etcd_stream *s = &e->stream;

    if (s->state == ETCD_LIVE && !s->is_broken) {
        etcd_services_read(e, false);
        etcd_names_read(e, false);
    } else if (s->state == ETCD_OFF && !s->probe.running && !timer_active(&s->again)) {
        timer_start(&s->again, etcd_clock(e), 0);
    }
}

void etcd_stream_stop(struct etcd *e)
{
    struct etcd_stream *s = &e->stream;

    if (is_wanted(e))
        return;
    timer_stop(&s->again, etcd_clock(e));
    timer_stop(&s->patience, etcd_clock(e));
    timer_stop(&s->probe_timer, etcd_clock(e));
    s->revision = 0;
    s->failures = 0;
    etcd_call_cancel(&s->probe);
    if (registry_call_is_running(&s->call))
        break_off(e, ERR_CANCELLED, "nobody listens");
}

void etcd_stream_init(struct etcd *e)
{
    struct etcd_stream *s = &e->stream;

    text_init(&s->body, 4096);
    text_init(&s->target, 128);
    text_init(&s->fields, ETCD_TOKEN_LIMIT + 64);
    text_init(&s->line, ETCD_MESSAGE_LIMIT);
    timer_init(&s->again, on_again);
    timer_init(&s->patience, on_patience);
    timer_init(&s->probe_timer, on_probe_timer);
    etcd_call_init(&s->probe, e, "/kv/range", e, on_probe);
}

bool etcd_stream_is_over(const struct etcd *e)
{
    return !registry_call_is_running(&e->stream.call) && !e->stream.probe.running;
}

void etcd_stream_fini(struct etcd *e)
{
    struct etcd_stream *s = &e->stream;

    registry_call_fini(&s->call);
    etcd_call_fini(&s->probe);
    text_fini(&s->body);
    text_fini(&s->target);
    text_fini(&s->fields);
    text_fini(&s->line);
}
