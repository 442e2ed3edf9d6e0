/* ZooKeeper, in go-micro's words: see zookeeper_parts.h. */
#include <stdio.h>

#include "discovery/zookeeper_parts.h"
#include "sidecar/core/log.h"

/* The order of enum zookeeper_acl. */
static const char *const acls[] = {"open", "creator", NULL};

/* clang-format off */
static const struct field options[] = {
    TEXT  (struct zookeeper, root, "root", "/micro-registry", "the node above all; go-micro's"),
    CHOICE(struct zookeeper, acl, "acl", "open", acls, "open: as go-micro's; creator: only the URL's user may change our nodes, and all may read them"),
    FIELDS_END,
};
/* clang-format on */

void zookeeper_complain(struct zookeeper *z, struct slice path, const char *reason)
{
    char name[300], words[256];
    unsigned held_back = 0;

    if (!complaints_may_log(&z->complaints, loop_now(z->base.loop), path,
                            slice_of(reason), &held_back))
        return;
    log_warn("registry.bad_record",
             "registry=zookeeper path=\"%s\" reason=\"%s\" held_back=%u",
             log_quote(name, sizeof(name), path),
             log_quote(words, sizeof(words), slice_of(reason)), held_back);
}

/* --- paths --- */

static void add_name(struct text *out, const char *name)
{
    text_addf(out, "/");
    for (; *name; name++)
        text_add(out, *name == '/' ? SLICE("-") : slice_from(name, 1));
}

enum err zookeeper_path(const struct zookeeper *z, char out[ZOOKEEPER_PATH_LIMIT],
                        const char *service, const char *id)
{
    struct text t;
    enum err e;

    text_init(&t, ZOOKEEPER_PATH_LIMIT - 1);
    text_addf(&t, "%s", z->base_path);
    if (service)
        add_name(&t, service);
    if (id)
        add_name(&t, id);
    e = t.failed ? ERR_TOO_LARGE : ERR_OK;
    if (!e)
        memcpy(out, t.base, t.size + 1);
    text_fini(&t);
    return e;
}

bool zookeeper_path_split(const struct zookeeper *z, struct slice path,
                          struct slice *service, struct slice *id)
{
    struct slice base = slice_of(z->base_path), rest = slice_after(path, base.size);
    size_t at;

    if (!slice_starts_with(path, base) || rest.size < 2 || rest.base[0] != '/')
        return false;
    rest = slice_after(rest, 1);
    at = slice_find(rest, '/');
    *service = slice_first(rest, at);
    *id = slice_after(rest, at + 1);
    return true;
}

/* "/a/b": no empty names, no end in '/'. */
static bool is_path(struct slice path)
{
    if (path.size < 2 || path.base[0] != '/' || path.base[path.size - 1] == '/')
        return false;
    for (size_t i = 1; i < path.size; i++)
        if (path.base[i] == '/' && path.base[i - 1] == '/')
            return false;
    return true;
}

static enum err make_base(struct zookeeper *z, struct why *w)
{
    struct slice chroot = z->base.url.path, root = slice_of(z->root);

    if (chroot.size == 1)
        chroot.size = 0;
    if (chroot.size && !is_path(chroot))
        return why(w, ERR_BAD_VALUE, "\"%.*s\" is no path to start from",
                   (int)chroot.size, chroot.base);
    if (!is_path(root))
        return why(w, ERR_BAD_VALUE, "root: \"%s\" is no path", z->root);
    if (chroot.size + root.size >= sizeof(z->base_path))
        return why(w, ERR_BAD_VALUE, "root: the path is too long");
    snprintf(z->base_path, sizeof(z->base_path), "%.*s%s", (int)chroot.size,
             chroot.base ? chroot.base : "", z->root);
    z->chroot_size = chroot.size;
    return ERR_OK;
}

/* --- why not --- */

enum err zookeeper_refusal(struct zookeeper *z, enum err e, const char *path,
                           struct why *w)
{
    struct slice server = zookeeper_client_server(z->client);

    if (e == ERR_UNAVAILABLE)
        return zookeeper_away(z, w);
    if (e == ERR_DENIED)
        return why(w, e, "%.*s: no authority over %s (the URL's user and password)",
                   (int)server.size, server.base, path);
    return why(w, e, "%.*s: %s: %s", (int)server.size, server.base, path, err_text(e));
}

enum err zookeeper_away(const struct zookeeper *z, struct why *w)
{
    *w = z->why;
    return z->error;
}

/* --- the session --- */

static void fail_all(struct zookeeper *z)
{
    timer_stop(&z->patience, zookeeper_clock(z));
    zookeeper_services_fail(z, z->error, &z->why);
    zookeeper_names_fail(z, z->error, &z->why);
}

static void on_patience(struct timer *t)
{
    fail_all(container_of(t, struct zookeeper, patience));
}

static void on_connected(void *owner, bool is_new)
{
    struct zookeeper *z = owner;
    struct slice server = zookeeper_client_server(z->client);

    log_line(z->was_live ? LOG_INFO : LOG_DEBUG, "zookeeper.connected",
             "server=%.*s session=%s", (int)server.size, server.base,
             is_new ? "new" : "same");
    timer_stop(&z->patience, zookeeper_clock(z));
    z->was_live = true;
    zookeeper_records_put(z);
    zookeeper_services_read(z);
    zookeeper_names_read(z);
}

static void on_lost(void *owner, const struct why *w)
{
    struct zookeeper *z = owner;
    char words[256];

    log_warn("zookeeper.lost", "reason=\"%s\"",
             log_quote(words, sizeof(words), slice_of(w->text)));
    z->error = ERR_UNAVAILABLE;
    z->why = *w;
    if (!timer_active(&z->patience))
        timer_start(&z->patience, zookeeper_clock(z), ZOOKEEPER_PATIENCE_MS);
}

/* What will not get better by itself is said at once. */
static void on_unreachable(void *owner, enum err e, const struct why *w)
{
    struct zookeeper *z = owner;

    z->error = e;
    z->why = *w;
    if (e == ERR_DENIED || !timer_active(&z->patience))
        fail_all(z);
}

static void on_changed(void *owner, enum zookeeper_event event, struct slice path)
{
    struct zookeeper *z = owner;

    (void)event;
    zookeeper_services_changed(z, path);
    zookeeper_names_changed(z, path);
}

static void on_closed(void *owner)
{
    struct zookeeper *z = owner;

    z->base.closed(&z->base);
}

static const struct zookeeper_client_events client_events = {
    .connected = on_connected,
    .lost = on_lost,
    .unreachable = on_unreachable,
    .changed = on_changed,
    .closed = on_closed,
};

/* --- life --- */

static enum err start_client(struct zookeeper *z, struct why *w)
{
    const struct registry_url *u = &z->base.url;
    struct zookeeper_client_settings s = {.loop = z->base.loop,
                                          .random = z->base.random,
                                          .servers = u->hosts,
                                          .is_tls = u->is_tls,
                                          .tls = &z->base.tls,
                                          .user = u->user,
                                          .password = u->password,
                                          .events = &client_events,
                                          .owner = z};

    return zookeeper_client_open(&z->client, &s, w);
}

static enum err zookeeper_open(struct registry *r, struct why *w)
{
    struct zookeeper *z = zookeeper_of(r);
    enum err e = make_base(z, w);

    if (!e && z->acl == ZOOKEEPER_CREATOR && !r->url.user.size)
        e = why(w, ERR_BAD_VALUE,
                "acl: creator needs a user (zookeeper://USER:PASSWORD@...)");
    if (e)
        return e;
    list_init(&z->services);
    list_init(&z->names);
    list_init(&z->records);
    timer_init(&z->patience, on_patience);
    z->error = ERR_UNAVAILABLE;
    why(&z->why, ERR_UNAVAILABLE, "no answer yet");
    return start_client(z, w);
}

static void zookeeper_close(struct registry *r)
{
    struct zookeeper *z = zookeeper_of(r);

    z->closing = true;
    timer_stop(&z->patience, zookeeper_clock(z));
    zookeeper_names_close(z);
    zookeeper_services_close(z);
    zookeeper_records_close(z);
    zookeeper_client_close(z->client);
}

const struct registry_ops registry_zookeeper = {
    .scheme = "zookeeper",
    .size = sizeof(struct zookeeper),
    .abilities = REGISTRY_WRITES | REGISTRY_LISTS_NAMES | REGISTRY_EXPIRES | REGISTRY_TLS,
    .options = options,
    .open = zookeeper_open,
    .watch = zookeeper_watch,
    .unwatch = zookeeper_unwatch,
    .watch_names = zookeeper_watch_names,
    .unwatch_names = zookeeper_unwatch_names,
    .put = zookeeper_put,
    .renew = zookeeper_renew,
    .remove = zookeeper_remove,
    .close = zookeeper_close,
};
