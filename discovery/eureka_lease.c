/* Records of our own: each operation is a row of requests, one after the other.
 *
 * POST does not change the status of a record that is there (LeaseExistsRule of eureka-core): who is to be set aside
 * is so by /status, and comes back by its end. */
#include <stdlib.h>

#include "discovery/eureka_parts.h"

enum { SHAPES = 2, FOUND_LIMIT = 4, ID_LIMIT = 1024, TARGET_LIMIT = 8 * 1024 };

struct lease {
    struct list node; /* in eureka.leases */
    struct eureka *owner;
    struct registry_lease *lease;
    struct registry_call call;
    struct text target, body;
    const struct step *step;
    enum err result;

    char published[SHAPES][ID_LIMIT]; /* the server's ids; "": none */
    bool set_aside[SHAPES];
    uint64_t dirty_ms;

    /* While a record that somebody else has put is removed. */
    struct eureka_answer answer;
    char found[FOUND_LIMIT][ID_LIMIT];
    bool removed;
};

/* Prepares a request and says so, or there is none to make; then makes of its outcome what the operation's is. */
struct step {
    bool (*prepare)(struct lease *l, unsigned at);
    enum err (*judge)(struct lease *l, unsigned at, enum err e);
    unsigned at; /* a shape, or one of those found */
};

static const struct registration *registration_of(const struct lease *l)
{
    return &l->lease->registration;
}

/* --- life --- */

static struct lease *lease_new(struct eureka *e, struct registry_lease *handle)
{
    struct lease *l = calloc(1, sizeof *l);

    if (!l)
        return NULL;
    l->owner = e;
    l->lease = handle;
    text_init(&l->target, TARGET_LIMIT);
    text_init(&l->body, RECORD_LIMIT);
    list_push_back(&e->leases, &l->node);
    handle->backend = l;
    return l;
}

static void lease_free(struct lease *l)
{
    list_remove(&l->node);
    text_fini(&l->target);
    text_fini(&l->body);
    eureka_answer_fini(&l->answer);
    free(l);
}

/* --- requests --- */

static bool writes(const struct lease *l, unsigned shape)
{
    int flavor = l->owner->flavor;

    return flavor == FLAVOR_BOTH || flavor == (int)shape;
}

static void write_id(const struct lease *l, unsigned shape, char out[ID_LIMIT])
{
    struct text id;

    text_init(&id, ID_LIMIT - 1);
    eureka_record_id(&id, registration_of(l), shape);
    memcpy(out, id.base ? id.base : "", id.size + (id.base != NULL));
    text_fini(&id);
}

/* /eureka/apps/<APP>[/<id>] */
static void prepare(struct lease *l, struct slice method, const char *id)
{
    text_clear(&l->target);
    text_add(&l->target, l->owner->path);
    text_add(&l->target, SLICE("/apps"));
    eureka_target_add(&l->target, registration_of(l)->service);
    if (id)
        eureka_target_add(&l->target, id);
    eureka_call_prepare(l->owner, &l->call, method, &l->target);
    l->call.owner = l;
    l->call.may_repeat = true; /* all of it says how things are, however often */
}

static bool prepare_moved(struct lease *l, unsigned shape)
{
    char id[ID_LIMIT] = "";

    write_id(l, shape, id);
    if (!l->published[shape][0] || strcmp(l->published[shape], id) == 0)
        return false;
    prepare(l, SLICE("DELETE"), l->published[shape]);
    return true;
}

static enum err judge_moved(struct lease *l, unsigned shape, enum err e)
{
    l->published[shape][0] = 0;
    l->set_aside[shape] = false;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Time may have been set back; a server takes the later one for the truth, and does not know a record that is said to be
 * newer than what it has. */
static void touch(struct lease *l)
{
    uint64_t now = clock_wall_ms();

    l->dirty_ms = now > l->dirty_ms ? now : l->dirty_ms + 1;
}

static bool prepare_post(struct lease *l, unsigned shape)
{
    bool is_twin = l->owner->flavor == FLAVOR_BOTH && shape == EUREKA_MICRO;

    if (!writes(l, shape))
        return false;
    text_clear(&l->body);
    if (eureka_record_write(&l->body, registration_of(l), shape, is_twin, l->dirty_ms))
        l->result = ERR_TOO_LARGE;
    prepare(l, SLICE("POST"), NULL);
    l->call.http.body = text_slice(&l->body);
    return !l->result;
}

static enum err judge_post(struct lease *l, unsigned shape, enum err e)
{
    if (!e)
        write_id(l, shape, l->published[shape]);
    return e;
}

static bool prepare_beat(struct lease *l, unsigned shape)
{
    char id[ID_LIMIT] = "";

    if (!writes(l, shape))
        return false;
    write_id(l, shape, id);
    prepare(l, SLICE("PUT"), id);
    text_addf(&l->target, "?status=%s",
              registration_of(l)->draining ? "OUT_OF_SERVICE" : "UP");
    if (l->dirty_ms)
        text_addf(&l->target, "&lastDirtyTimestamp=%llu",
                  (unsigned long long)l->dirty_ms);
    l->call.http.target = text_slice(&l->target);
    return true;
}

static enum err judge_beat(struct lease *l, unsigned shape, enum err e)
{
    (void)l;
    (void)shape;
    return e;
}

static bool prepare_status(struct lease *l, unsigned shape)
{
    bool aside = registration_of(l)->draining;

    if (!writes(l, shape) || l->set_aside[shape] == aside)
        return false;
    prepare(l, aside ? SLICE("PUT") : SLICE("DELETE"), l->published[shape]);
    text_addf(&l->target, "/status?value=%s&lastDirtyTimestamp=%llu",
              aside ? "OUT_OF_SERVICE" : "UP", (unsigned long long)l->dirty_ms);
    l->call.http.target = text_slice(&l->target);
    return true;
}

static enum err judge_status(struct lease *l, unsigned shape, enum err e)
{
    if (!e)
        l->set_aside[shape] = registration_of(l)->draining;
    return e;
}

static bool prepare_gone(struct lease *l, unsigned shape)
{
    char id[ID_LIMIT] = "";

    write_id(l, shape, id);
    prepare(l, SLICE("DELETE"), id);
    return true;
}

static enum err judge_gone(struct lease *l, unsigned at, enum err e)
{
    (void)at;
    l->removed = l->removed || !e;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* --- what somebody else has put may be called anything --- */

static void on_record(struct eureka_answer *a, struct slice json)
{
    struct lease *l = a->owner;
    struct eureka_record r = {0};
    unsigned at = 0;

    if (json.base && !eureka_record_load(&r, json, NULL) &&
        strcmp(eureka_record_node_id(&r), registration_of(l)->id) == 0) {
        while (at < FOUND_LIMIT && l->found[at][0])
            at++;
        if (at < FOUND_LIMIT && strlen(r.id) < ID_LIMIT)
            memcpy(l->found[at], r.id, strlen(r.id) + 1);
    }
    eureka_record_fini(&r);
}

static void on_piece(struct http_call *http, struct slice bytes)
{
    struct registry_call *c = container_of(http, struct registry_call, http);
    struct lease *l = c->owner;

    if (http->status == 200)
        (void)eureka_answer_feed(&l->answer, bytes); /* what is found by then is found */
}

static bool prepare_look_up(struct lease *l, unsigned unused)
{
    (void)unused;
    eureka_answer_fini(&l->answer);
    eureka_answer_init(&l->answer, l, on_record);
    prepare(l, SLICE("GET"), NULL);
    l->call.http.piece = on_piece;
    l->call.may_repeat = false;
    return true;
}

static enum err judge_look_up(struct lease *l, unsigned unused, enum err e)
{
    (void)l;
    (void)unused;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static bool prepare_found(struct lease *l, unsigned at)
{
    if (!l->found[at][0])
        return false;
    prepare(l, SLICE("DELETE"), l->found[at]);
    return true;
}

/* --- operations --- */

#define MOVED(shape)                                                                     \
    {                                                                                    \
        prepare_moved, judge_moved, shape                                                \
    }
#define POST(shape)                                                                      \
    {                                                                                    \
        prepare_post, judge_post, shape                                                  \
    }
#define BEAT(shape)                                                                      \
    {                                                                                    \
        prepare_beat, judge_beat, shape                                                  \
    }
#define STATUS(shape)                                                                    \
    {                                                                                    \
        prepare_status, judge_status, shape                                              \
    }
#define GONE(shape)                                                                      \
    {                                                                                    \
        prepare_gone, judge_gone, shape                                                  \
    }
#define FOUND(at)                                                                        \
    {                                                                                    \
        prepare_found, judge_gone, at                                                    \
    }
#define STEPS_END                                                                        \
    {                                                                                    \
        NULL, NULL, 0                                                                    \
    }

/* clang-format off */
static const struct step put_steps[] = {
    MOVED(EUREKA_SPRING), POST(EUREKA_SPRING), STATUS(EUREKA_SPRING), BEAT(EUREKA_SPRING),
    MOVED(EUREKA_MICRO), POST(EUREKA_MICRO), STATUS(EUREKA_MICRO), BEAT(EUREKA_MICRO),
    STEPS_END,
};
static const struct step renew_steps[] = {BEAT(EUREKA_SPRING), BEAT(EUREKA_MICRO), STEPS_END};
static const struct step remove_steps[] = {GONE(EUREKA_SPRING), GONE(EUREKA_MICRO), STEPS_END};
static const struct step remove_any_steps[] = {
    GONE(EUREKA_SPRING), {prepare_look_up, judge_look_up, 0}, FOUND(0), FOUND(1), FOUND(2), FOUND(3),
    STEPS_END,
};
/* clang-format on */

static bool is_removal(const struct step *s)
{
    return s->judge == judge_gone;
}

/* The memory of it goes first: the frame may begin anew from inside. */
static void done(struct lease *l, enum err e, const struct why *why)
{
    struct registry_lease *handle = l->lease;
    const struct registry_frame *frame = l->owner->base.frame;
    bool published = l->published[EUREKA_SPRING][0] || l->published[EUREKA_MICRO][0];
    struct why copy = *why;

    if (l->removed || e == ERR_NOT_FOUND || (e && !published)) {
        handle->backend = NULL;
        lease_free(l);
    }
    frame->lease_done(handle, e, &copy);
}

static void finish(struct lease *l, enum err e, const struct why *why, bool removal)
{
    if (!e && removal && !l->removed)
        e = ERR_NOT_FOUND;
    done(l, e, why);
}

static void on_answered(struct registry_call *c, enum err e);

/* ERR_LATER: a request is under way; ERR_OK: there is none left. */
static enum err go_on(struct lease *l)
{
    enum err e;

    for (; l->step->prepare; l->step++) {
        if (!l->step->prepare(l, l->step->at)) {
            if (l->result)
                return l->result;
            continue;
        }
        if (l->target.failed)
            return ERR_TOO_LARGE;
        l->call.answered = on_answered;
        e = registry_call_start(&l->call, &l->owner->http);
        return e;
    }
    return ERR_OK;
}

static void on_answered(struct registry_call *c, enum err e)
{
    struct lease *l = c->owner;
    struct why why = c->http.why;
    bool removal = is_removal(l->step) || l->step->judge == judge_look_up;

    registry_call_fini(c);
    if (l->owner->is_closing) {
        eureka_turn_soon(l->owner);
        lease_free(l);
        return;
    }
    e = l->step->judge(l, l->step->at, e);
    l->step++;
    if (!e)
        e = go_on(l);
    if (e != ERR_LATER)
        finish(l, e, &why, removal);
}

static enum err begin(struct eureka *e, struct registry_lease *handle,
                      const struct step *steps)
{
    struct lease *l = handle->backend;
    enum err error;

    if (address_is_path(&handle->registration.address))
        return ERR_UNSUPPORTED;
    if (!l)
        l = lease_new(e, handle);
    if (!l)
        return ERR_NO_MEMORY;
    if (steps == put_steps)
        touch(l);
    l->step = steps;
    l->result = ERR_OK;
    l->removed = false;
    error = go_on(l);
    if (error != ERR_LATER) {
        handle->backend = NULL;
        lease_free(l);
    }
    return error;
}

enum err eureka_put(struct registry *r, struct registry_lease *l)
{
    return begin(eureka_of(r), l, put_steps);
}

enum err eureka_renew(struct registry *r, struct registry_lease *l)
{
    return begin(eureka_of(r), l, renew_steps);
}

enum err eureka_remove(struct registry *r, struct registry_lease *l)
{
    return begin(eureka_of(r), l, l->backend ? remove_steps : remove_any_steps);
}

/* Each is freed when its call has ended; those without one at once. */
void eureka_leases_cancel(struct eureka *e)
{
    list_each(at, after, &e->leases)
    {
        struct lease *l = container_of(at, struct lease, node);

        if (registry_call_is_running(&l->call))
            registry_call_cancel(&l->call);
        else
            lease_free(l);
    }
}
