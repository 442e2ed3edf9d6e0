#include "discovery/local_entry.h"

#include <stdlib.h>
#include <unistd.h>

#include "discovery/local_folder.h"
#include "discovery/local_watch.h"
#include "sidecar/core/log.h"

enum {
    STALE_AGAIN_MS = 1000, /* a stopped writer may go on */
    FILES_LIMIT = 20 * 1000,
};

/* The kernel tells of the close before it lets go of the lock (__fput): look again. */
static const unsigned rechecks_ms[LOCAL_RECHECKS] = {250, 50, 10};

struct local_entry *local_entry_find(const struct local_watch *w, const char *name)
{
    return map_get(&w->by_name, slice_of(name));
}

static void tell(struct local_watch *w, const struct local_entry *e)
{
    if (e->copy)
        w->changed(w, e->copy->service);
}

void local_entry_free(struct local_watch *w, struct local_entry *e)
{
    map_remove(&w->by_name, slice_of(e->name));
    list_remove(&e->node);
    instance_list_unref(e->copy);
    free(e);
}

static void drop(struct local_watch *w, const char *name)
{
    struct local_entry *e = local_entry_find(w, name);

    if (!e)
        return;
    tell(w, e);
    local_entry_free(w, e);
}

static struct local_entry *add(struct local_watch *w, const char *name)
{
    struct local_entry *e = local_entry_find(w, name);

    if (e || w->by_name.count >= FILES_LIMIT)
        return e;
    e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    memcpy(e->name, name, strlen(name) + 1);
    if (map_put(&w->by_name, slice_of(e->name), e)) {
        free(e);
        return NULL;
    }
    list_push_back(&w->entries, &e->node);
    return e;
}

/* Reading one file. */

static void complain(const char *name, const struct why *y)
{
    char quoted[300], reason[300];

    log_warn("registry.bad_record", "registry=local file=\"%s\" reason=\"%s\"",
             log_quote(quoted, sizeof quoted, slice_of(name)),
             log_quote(reason, sizeof reason, slice_of(y->text)));
}

static void take_record(struct local_watch *w, struct local_entry *e, const char *service,
                        const struct local_record *r)
{
    tell(w, e);
    instance_list_unref(e->copy);
    e->copy = instance_list_new(service, &r->parsed.instance, 1);
    e->ttl_ms = r->ttl_ms;
    tell(w, e);
}

static void forget_record(struct local_watch *w, struct local_entry *e)
{
    tell(w, e);
    instance_list_unref(e->copy);
    e->copy = NULL;
}

static void read_entry(struct local_watch *w, struct local_entry *e, int fd,
                       const struct stat *s)
{
    struct slice service = local_file_service(e->name);
    struct local_record r;
    struct why y;
    char name[SERVICE_NAME_LIMIT + 1] = "";

    memcpy(name, service.base, service.size);
    e->inode = s->st_ino;
    e->size = (uint64_t)s->st_size;
    e->touched_ns = 0;
    if (!local_record_read(&r, fd, e->size, &y)) {
        take_record(w, e, name, &r);
        local_record_fini(&r);
        return;
    }
    complain(e->name, &y);
    forget_record(w, e);
    e->ttl_ms = LOCAL_RESCAN_MS;
}

static uint64_t touched_ns(const struct stat *s)
{
    return (uint64_t)s->st_mtim.tv_sec * 1000000000 + (uint64_t)s->st_mtim.tv_nsec;
}

/* How long ago by the wall clock, which matters at the first sight only: it may jump. */
static uint64_t age_ms(const struct local_entry *e, uint64_t ns)
{
    uint64_t now = clock_wall_ms(), then = ns / 1000000;
    uint64_t age = now > then ? now - then : 0;

    return age < e->ttl_ms ? age : e->ttl_ms;
}

static void note_touch(struct local_entry *e, uint64_t ns, uint64_t now)
{
    uint64_t age = e->touched_ns ? 0 : age_ms(e, ns);

    if (e->touched_ns == ns)
        return;
    e->touched_ns = ns;
    e->fresh_ms = now > age ? now - age : 0;
}

static void judge(struct local_watch *w, struct local_entry *e, const struct stat *s)
{
    uint64_t now = loop_now(w->loop);
    bool was_stale = e->is_stale;

    note_touch(e, touched_ns(s), now);
    e->is_stale = now - e->fresh_ms >= e->ttl_ms;
    e->check_ms = e->is_stale ? now + STALE_AGAIN_MS : e->fresh_ms + e->ttl_ms;
    if (e->rechecks)
        e->check_ms = now + rechecks_ms[--e->rechecks];
    if (was_stale != e->is_stale)
        tell(w, e);
}

static void look_open(struct local_watch *w, const char *name, int fd,
                      const struct stat *s, bool anew)
{
    struct local_entry *e;

    if (!local_file_is_locked(fd)) {
        local_file_bury(w->folder, name);
        drop(w, name);
        return;
    }
    e = add(w, name);
    if (!e)
        return;
    e->scan = w->scan;
    if (anew || e->inode != s->st_ino || e->size != (uint64_t)s->st_size)
        read_entry(w, e, fd, s);
    judge(w, e, s);
}

/* What is no record at all stays known, so that it is told of once. */
static void look_odd(struct local_watch *w, const char *name, const struct why *y)
{
    struct local_entry *e = local_entry_find(w, name);
    bool is_known = e && !e->copy;

    if (!is_known)
        complain(name, y);
    if (!e)
        e = add(w, name);
    if (!e)
        return;
    forget_record(w, e);
    e->inode = 0; /* what comes in its place is read */
    e->scan = w->scan;
    e->check_ms = loop_now(w->loop) + LOCAL_RESCAN_MS;
}

void local_look(struct local_watch *w, const char *name, bool anew)
{
    struct stat s;
    struct why y;
    int fd;

    if (local_file_service(name).size == 0)
        return;
    why_init(&y);
    fd = local_file_open(w->folder, name, &s, &y);
    if (fd < 0 && y.text[0]) {
        look_odd(w, name, &y);
        return;
    }
    if (fd < 0) {
        drop(w, name);
        return;
    }
    look_open(w, name, fd, &s, anew);
    close(fd);
}
