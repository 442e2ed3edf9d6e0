/* Which names there are: asked for in rounds, heard of between them. A name goes when nobody answered for it in
 * NATS_MISSES rounds, or in one after somebody had left. */
#include <stdlib.h>

#include "discovery/nats_parts.h"

enum { TELL_MS = 20, DOUBTED_AT_ONCE = 64 };

struct nats_name {
    char *name;
    uint64_t heard;
    unsigned misses;
    bool is_doubted;
};

static struct nats *nats_of_names(struct nats_names *names)
{
    return container_of(names, struct nats, names);
}

static struct nats_names *names_of(struct nats_round *r)
{
    return container_of(r, struct nats_names, round);
}

static struct nats_name *find(struct nats_names *names, const char *name)
{
    return map_get(&names->by_name, slice_of(name));
}

/* --- telling --- */

static void tell(struct nats *n)
{
    const char **all = calloc(n->names.by_name.count + 1, sizeof *all);
    uint32_t count = 0;

    if (!all)
        return; /* the next round tells them */
    n->names.is_changed = false;
    map_each(at, &n->names.by_name)
    {
        all[count++] = ((struct nats_name *)at->value)->name;
    }
    n->base.frame->names(&n->base, all, count);
    free(all);
}

static void on_tell(struct timer *t)
{
    tell(container_of(t, struct nats, names.tell));
}

static void changed(struct nats_names *names)
{
    names->is_changed = true;
    if (names->is_known && !timer_active(&names->tell))
        timer_start(&names->tell, nats_registry_clock(nats_of_names(names)), TELL_MS);
}

/* --- names --- */

static struct nats_name *name_new(struct nats_names *names, const char *text)
{
    struct nats_name *x = calloc(1, sizeof *x);

    if (!x)
        return NULL;
    x->name = slice_dup(slice_of(text));
    if (!x->name || map_put(&names->by_name, slice_of(x->name), x)) {
        free(x->name);
        free(x);
        return NULL;
    }
    return x;
}

static void name_free(struct nats_names *names, struct nats_name *x)
{
    map_remove(&names->by_name, slice_of(x->name));
    free(x->name);
    free(x);
}

void nats_names_hear(struct nats *n, const char *name)
{
    struct nats_names *names = &n->names;
    struct nats_name *x;

    if (!names->is_watched)
        return;
    x = find(names, name);
    if (!x && names->by_name.count >= NATS_NAMES_LIMIT) {
        nats_complain(n, n->watch_subject, slice_of(name), "there are too many names");
        return;
    }
    if (!x) {
        x = name_new(names, name);
        changed(names);
    }
    if (!x)
        return; /* it will be heard again */
    x->heard = ++n->sequence;
    x->misses = 0;
}

void nats_names_doubt(struct nats *n, const char *name)
{
    struct nats_name *x = n->names.is_watched ? find(&n->names, name) : NULL;

    if (!x)
        return;
    x->is_doubted = true;
    nats_round_soon(&n->names.round);
}

/* --- rounds --- */

static uint64_t now_of(struct nats *n)
{
    return loop_now(n->base.loop);
}

static enum err ask_for_all(struct nats *n)
{
    n->names.is_whole = true;
    n->names.whole_due = now_of(n) + NATS_NAMES_INTERVALS * n->query_interval_ms;
    return nats_query(n, NULL);
}

static bool is_doubted(const struct nats_name *x)
{
    return x->is_doubted || x->misses > 0;
}

static enum err ask_for_doubted(struct nats *n)
{
    unsigned asked = 0;
    enum err e = ERR_OK;

    n->names.is_whole = false;
    map_each(at, &n->names.by_name)
    {
        if (!e && is_doubted(at->value) && asked++ < DOUBTED_AT_ONCE)
            e = nats_query(n, at->key.base);
    }
    return e || asked <= DOUBTED_AT_ONCE ? e : ask_for_all(n);
}

static enum err ask(struct nats_round *r)
{
    struct nats_names *names = names_of(r);
    struct nats *n = nats_of_names(names);

    return names->is_known && now_of(n) < names->whole_due ? ask_for_doubted(n)
                                                           : ask_for_all(n);
}

/* Whether it is gone. */
static bool judge(struct nats_names *names, struct nats_name *x)
{
    bool was_doubted = x->is_doubted;

    if (!was_doubted && !names->is_whole && x->misses == 0)
        return false; /* was not asked for */
    x->is_doubted = false;
    if (x->heard > names->round.asked)
        return false;
    return was_doubted || ++x->misses >= NATS_MISSES;
}

/* A map may not change while it is walked. */
static void drop_the_gone(struct nats_names *names)
{
    struct nats_name **gone = calloc(names->by_name.count + 1, sizeof *gone);
    uint32_t count = 0;

    if (!gone)
        return; /* the next round does it */
    map_each(at, &names->by_name)
    {
        if (judge(names, at->value))
            gone[count++] = at->value;
    }
    for (uint32_t i = 0; i < count; i++)
        name_free(names, gone[i]);
    names->is_changed = names->is_changed || count > 0;
    free(gone);
}

static bool any_is_doubted(const struct nats_names *names)
{
    map_each(at, &names->by_name)
    {
        if (is_doubted(at->value))
            return true;
    }
    return false;
}

static void plan(struct nats *n)
{
    uint64_t now = now_of(n);

    if (any_is_doubted(&n->names))
        nats_round_after(&n->names.round, NATS_RECHECK_MS);
    else
        nats_round_after(&n->names.round,
                         n->names.whole_due > now ? n->names.whole_due - now : 0);
}

static void collected(struct nats_round *r)
{
    struct nats_names *names = names_of(r);
    struct nats *n = nats_of_names(names);
    bool is_news = names->is_whole && !names->is_known;

    drop_the_gone(names);
    names->is_known = names->is_known || names->is_whole;
    plan(n);
    if (is_news || names->is_changed)
        tell(n);
}

static void refused(struct nats_round *r, const struct why *why)
{
    nats_names_fail(nats_of_names(names_of(r)), ERR_DENIED, why);
}

static const struct nats_round_events round_events = {
    .ask = ask, .collected = collected, .refused = refused};

/* --- the connection --- */

void nats_names_connected(struct nats *n)
{
    if (n->names.is_watched)
        nats_round_after(&n->names.round, 0);
}

void nats_names_lost(struct nats *n)
{
    if (n->names.is_watched)
        nats_round_stop(&n->names.round);
}

void nats_names_fail(struct nats *n, enum err e, const struct why *why)
{
    if (n->names.is_watched)
        n->base.frame->names_failed(&n->base, e, why);
}

/* --- life --- */

enum err nats_watch_names(struct registry *r)
{
    struct nats *n = nats_of(r);

    if (!n->names.is_watched) {
        n->names = (struct nats_names){.is_watched = true};
        nats_round_init(&n->names.round, n, &round_events);
        timer_init(&n->names.tell, on_tell);
    }
    nats_listen(n);
    if (nats_client_is_connected(n->client))
        nats_round_after(&n->names.round, 0);
    else
        nats_wait(n);
    return ERR_OK;
}

void nats_unwatch_names(struct registry *r)
{
    nats_names_close(nats_of(r));
}

static struct nats_name *any(struct nats_names *names)
{
    map_each(at, &names->by_name)
    {
        return at->value;
    }
    return NULL;
}

void nats_names_close(struct nats *n)
{
    struct nats_name *x;

    if (!n->names.is_watched)
        return;
    n->names.is_watched = n->names.is_known = false;
    nats_round_stop(&n->names.round);
    timer_stop(&n->names.tell, nats_registry_clock(n));
    while ((x = any(&n->names)))
        name_free(&n->names, x);
    map_fini(&n->names.by_name);
}
