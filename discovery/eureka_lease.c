/* Records of our own: their life, and how an operation goes from step to step. */
#include <stdlib.h>

#include "discovery/eureka_lease.h"

enum { TARGET_LIMIT = 8 * 1024 };

/* --- life --- */

static struct eureka_lease *lease_new(struct eureka *e, struct registry_lease *handle)
{
    struct eureka_lease *l = calloc(1, sizeof *l);

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

static void lease_free(struct eureka_lease *l)
{
    list_remove(&l->node);
    text_fini(&l->target);
    text_fini(&l->body);
    eureka_answer_fini(&l->answer);
    free(l);
}

/* Time may have been set back; a server takes the later one for the truth, and does not know a record that is said to be
 * newer than what it has. */
static void touch(struct eureka_lease *l)
{
    uint64_t now = clock_wall_ms();

    l->dirty_ms = now > l->dirty_ms ? now : l->dirty_ms + 1;
}

/* --- operations --- */

/* The memory of it goes first: the frame may begin anew from inside. */
static void done(struct eureka_lease *l, enum err e, const struct why *why)
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

static void finish(struct eureka_lease *l, enum err e, const struct why *why,
                   bool removal)
{
    if (!e && removal && !l->removed)
        e = ERR_NOT_FOUND;
    done(l, e, why);
}

static void on_answered(struct registry_call *c, enum err e);

/* ERR_LATER: a request is under way; ERR_OK: there is none left. */
static enum err go_on(struct eureka_lease *l)
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
    struct eureka_lease *l = c->owner;
    struct why why = c->http.why;
    bool removal = l->step->removes;

    registry_call_fini(c);
    if (l->owner->is_closing) {
        eureka_turn_soon(l->owner);
        lease_free(l);
        return;
    }
    if (e == ERR_NOT_FOUND && l->step->creates)
        why_in(&why, "no Eureka at %.*s (try /eureka or /eureka/v2)",
               (int)l->owner->path.size, l->owner->path.base);
    e = l->step->judge(l, l->step->at, e);
    l->step++;
    if (!e)
        e = go_on(l);
    if (e != ERR_LATER)
        finish(l, e, &why, removal);
}

static enum err begin(struct eureka *e, struct registry_lease *handle,
                      const struct eureka_step *steps)
{
    struct eureka_lease *l = handle->backend;
    enum err error;

    if (address_is_path(&handle->registration.address))
        return ERR_UNSUPPORTED;
    if (!l)
        l = lease_new(e, handle);
    if (!l)
        return ERR_NO_MEMORY;
    if (steps == eureka_put_steps)
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
    return begin(eureka_of(r), l, eureka_put_steps);
}

enum err eureka_renew(struct registry *r, struct registry_lease *l)
{
    return begin(eureka_of(r), l, eureka_renew_steps);
}

static bool is_ours(const struct registry_lease *handle)
{
    const struct eureka_lease *l = handle->backend;

    return l && (l->published[EUREKA_SPRING][0] || l->published[EUREKA_MICRO][0]);
}

enum err eureka_remove(struct registry *r, struct registry_lease *l)
{
    return begin(eureka_of(r), l,
                 is_ours(l) ? eureka_remove_steps : eureka_remove_any_steps);
}

/* Each is freed when its call has ended; those without one at once. */
void eureka_leases_cancel(struct eureka *e)
{
    list_each(at, after, &e->leases)
    {
        struct eureka_lease *l = container_of(at, struct eureka_lease, node);

        if (registry_call_is_running(&l->call))
            registry_call_cancel(&l->call);
        else
            lease_free(l);
    }
}
