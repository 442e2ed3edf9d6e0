/* What is asked of a server for a record of ours.
 *
 * POST does not change the status of a record that is there (LeaseExistsRule of eureka-core): who is to be set aside
 * is so by /status, and comes back by its end. */
#include <stdlib.h>

#include "discovery/eureka_lease.h"

static const struct registration *registration_of(const struct eureka_lease *l)
{
    return &l->lease->registration;
}

/* --- requests --- */

static bool writes(const struct eureka_lease *l, unsigned shape)
{
    int flavor = l->owner->flavor;

    return flavor == FLAVOR_BOTH || flavor == (int)shape;
}

static void write_id(const struct eureka_lease *l, unsigned shape,
                     char out[RECORD_ID_LIMIT])
{
    struct text id;

    text_init(&id, RECORD_ID_LIMIT - 1);
    eureka_record_id(&id, registration_of(l), shape);
    memcpy(out, id.base ? id.base : "", id.size + (id.base != NULL));
    text_fini(&id);
}

/* /eureka/apps/<APP>[/<id>] */
static void prepare(struct eureka_lease *l, struct slice method, const char *id)
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

static bool prepare_moved(struct eureka_lease *l, unsigned shape)
{
    char id[RECORD_ID_LIMIT] = "";

    write_id(l, shape, id);
    if (!l->published[shape][0] || strcmp(l->published[shape], id) == 0)
        return false;
    prepare(l, SLICE("DELETE"), l->published[shape]);
    return true;
}

static enum err judge_moved(struct eureka_lease *l, unsigned shape, enum err e)
{
    l->published[shape][0] = 0;
    l->set_aside[shape] = false;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static bool prepare_post(struct eureka_lease *l, unsigned shape)
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

static enum err judge_post(struct eureka_lease *l, unsigned shape, enum err e)
{
    if (!e)
        write_id(l, shape, l->published[shape]);
    return e;
}

static bool prepare_beat(struct eureka_lease *l, unsigned shape)
{
    char id[RECORD_ID_LIMIT] = "";

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

static enum err judge_beat(struct eureka_lease *l, unsigned shape, enum err e)
{
    (void)l;
    (void)shape;
    return e;
}

static bool prepare_status(struct eureka_lease *l, unsigned shape)
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

static enum err judge_status(struct eureka_lease *l, unsigned shape, enum err e)
{
    if (!e)
        l->set_aside[shape] = registration_of(l)->draining;
    return e;
}

static bool prepare_gone(struct eureka_lease *l, unsigned shape)
{
    if (!l->published[shape][0])
        return false;
    prepare(l, SLICE("DELETE"), l->published[shape]);
    return true;
}

static bool prepare_gone_unseen(struct eureka_lease *l, unsigned shape)
{
    char id[RECORD_ID_LIMIT] = "";

    write_id(l, shape, id);
    prepare(l, SLICE("DELETE"), id);
    return true;
}

static enum err judge_gone(struct eureka_lease *l, unsigned at, enum err e)
{
    (void)at;
    l->removed = l->removed || !e;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* --- what somebody else has put may be called anything --- */

static void on_record(struct eureka_answer *a, struct slice json)
{
    struct eureka_lease *l = a->owner;
    struct eureka_record r = {0};
    unsigned at = 0;

    if (json.base && !eureka_record_load(&r, json, NULL) &&
        strcmp(eureka_record_node_id(&r), registration_of(l)->id) == 0) {
        while (at < FOUND_LIMIT && l->found[at][0])
            at++;
        if (at < FOUND_LIMIT && strlen(r.id) < RECORD_ID_LIMIT)
            memcpy(l->found[at], r.id, strlen(r.id) + 1);
    }
    eureka_record_fini(&r);
}

static void on_piece(struct http_call *http, struct slice bytes)
{
    struct registry_call *c = container_of(http, struct registry_call, http);
    struct eureka_lease *l = c->owner;

    if (http->status == 200)
        (void)eureka_answer_feed(&l->answer, bytes); /* what is found by then is found */
}

static bool prepare_look_up(struct eureka_lease *l, unsigned unused)
{
    (void)unused;
    eureka_answer_fini(&l->answer);
    eureka_answer_init(&l->answer, l, on_record);
    prepare(l, SLICE("GET"), NULL);
    l->call.http.piece = on_piece;
    l->call.may_repeat = false;
    return true;
}

static enum err judge_look_up(struct eureka_lease *l, unsigned unused, enum err e)
{
    (void)l;
    (void)unused;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static bool prepare_found(struct eureka_lease *l, unsigned at)
{
    if (!l->found[at][0])
        return false;
    prepare(l, SLICE("DELETE"), l->found[at]);
    return true;
}

/* --- operations --- */

/* clang-format off */
#define MOVED(shape)  {prepare_moved, judge_moved, shape, .removes = false}
#define POST(shape)   {prepare_post, judge_post, shape, .creates = true}
#define BEAT(shape)   {prepare_beat, judge_beat, shape, .removes = false}
#define STATUS(shape) {prepare_status, judge_status, shape, .removes = false}
#define GONE(shape)   {prepare_gone, judge_gone, shape, .removes = true}
#define FOUND(at)     {prepare_found, judge_gone, at, .removes = true}
#define STEPS_END     {NULL, NULL, 0, .removes = false}

const struct eureka_step eureka_put_steps[] = {
    MOVED(EUREKA_SPRING), POST(EUREKA_SPRING), STATUS(EUREKA_SPRING), BEAT(EUREKA_SPRING),
    MOVED(EUREKA_MICRO), POST(EUREKA_MICRO), STATUS(EUREKA_MICRO), BEAT(EUREKA_MICRO),
    STEPS_END,
};
const struct eureka_step eureka_renew_steps[] = {BEAT(EUREKA_SPRING), BEAT(EUREKA_MICRO), STEPS_END};
const struct eureka_step eureka_remove_steps[] = {GONE(EUREKA_SPRING), GONE(EUREKA_MICRO), STEPS_END};
/* Whoever has put it, and whatever the server calls it. */
const struct eureka_step eureka_remove_any_steps[] = {
    {prepare_gone_unseen, judge_gone, EUREKA_SPRING, .removes = true},
    {prepare_look_up, judge_look_up, 0, .removes = true},
    FOUND(0), FOUND(1), FOUND(2), FOUND(3),
    STEPS_END,
};
/* clang-format on */
