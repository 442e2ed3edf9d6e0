/* etcd v3, in go-micro's words: see etcd_parts.h. */
#include <stdio.h>

#include "discovery/etcd_parts.h"
#include "sidecar/core/log.h"

/* clang-format off */
static const struct field options[] = {
    TEXT(struct etcd, prefix, "prefix", "/micro/registry/", "of all keys; go-micro's"),
    FIELDS_END,
};
/* clang-format on */

void etcd_complain(struct etcd *e, struct slice key, const char *reason)
{
    char name[300], words[256];
    unsigned held_back = 0;

    if (!complaints_may_log(&e->complaints, loop_now(e->base.loop), key, slice_of(reason),
                            &held_back))
        return;
    log_warn("registry.bad_record", "registry=etcd key=\"%s\" reason=\"%s\" held_back=%u",
             log_quote(name, sizeof(name), key),
             log_quote(words, sizeof(words), slice_of(reason)), held_back);
}

/* --- keys --- */

static void add_name(struct text *out, const char *name)
{
    for (; *name; name++)
        text_add(out, *name == '/' ? SLICE("-") : slice_from(name, 1));
}

enum err etcd_key(const struct etcd *e, char out[ETCD_KEY_LIMIT], const char *service,
                  const char *id)
{
    struct text t;
    enum err error;

    text_init(&t, ETCD_KEY_LIMIT - 1);
    text_addf(&t, "%s", e->prefix);
    add_name(&t, service);
    text_addf(&t, "/");
    if (id)
        add_name(&t, id);
    error = t.failed ? ERR_TOO_LARGE : ERR_OK;
    if (!error)
        memcpy(out, t.base, t.size + 1);
    text_fini(&t);
    return error;
}

bool etcd_key_split(const struct etcd *e, struct slice key, struct slice *service,
                    struct slice *id)
{
    struct slice prefix = slice_of(e->prefix), rest = slice_after(key, prefix.size);
    size_t at = slice_find(rest, '/');

    if (!slice_starts_with(key, prefix) || at == 0 || at + 1 >= rest.size)
        return false;
    *service = slice_first(rest, at);
    *id = slice_after(rest, at + 1);
    return slice_find(*id, '/') == id->size && id->size <= INSTANCE_ID_LIMIT;
}

/* --- life --- */

static enum err check_prefix(struct etcd *e, struct why *w)
{
    size_t size = strlen(e->prefix);
    char *whole;

    if (size == 0 || size > ETCD_KEY_LIMIT / 4)
        return why(w, ERR_BAD_VALUE, "prefix: must be from 1 to %d bytes",
                   ETCD_KEY_LIMIT / 4);
    if (e->prefix[size - 1] == '/')
        return ERR_OK;
    whole = memory_take(&e->base.memory, size + 2);
    if (!whole)
        return why(w, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
    snprintf(whole, size + 2, "%s/", e->prefix);
    e->prefix = whole;
    return ERR_OK;
}

static enum err copy_credentials(struct etcd *e, struct why *w)
{
    const struct registry_url *u = &e->base.url;

    if (u->user.size >= sizeof(e->user) || u->password.size >= sizeof(e->password))
        return why(w, ERR_BAD_VALUE, "user or password is too long");
    memcpy(e->user, u->user.base ? u->user.base : "", u->user.size);
    memcpy(e->password, u->password.base ? u->password.base : "", u->password.size);
    return ERR_OK;
}

static enum err etcd_open(struct registry *r, struct why *w)
{
    struct etcd *e = etcd_of(r);
    enum err error = check_prefix(e, w);

    if (!error)
        error = copy_credentials(e, w);
    if (!error && r->url.path.size > 1)
        error = why(w, ERR_BAD_VALUE,
                    "a path means nothing here; the keys' place is ?prefix=");
    if (!error)
        error = registry_http_open(&e->http, r, ETCD_PORT, w);
    if (error)
        return error;
    list_init(&e->watched);
    list_init(&e->leases);
    list_init(&e->records);
    etcd_session_init(e);
    etcd_stream_init(e);
    return ERR_OK;
}

static void on_http_closed(struct registry_http *h)
{
    struct etcd *e = container_of(h, struct etcd, http);

    etcd_stream_fini(e);
    if (e->names_call.etcd)
        etcd_call_fini(&e->names_call);
    registry_call_fini(&e->session.call);
    text_fini(&e->session.body);
    e->base.closed(&e->base);
}

void etcd_end_if_done(struct etcd *e)
{
    if (!e->closing || e->ended || !list_empty(&e->watched) || !list_empty(&e->records) ||
        !list_empty(&e->leases) || !etcd_stream_is_over(e) || !etcd_session_is_over(e) ||
        e->names_call.running)
        return;
    e->ended = true;
    registry_http_close(&e->http, on_http_closed);
}

static void etcd_close(struct registry *r)
{
    struct etcd *e = etcd_of(r);

    e->closing = true;
    etcd_names_close(e);
    etcd_records_close(e);
    etcd_stream_stop(e);
    etcd_session_close(e);
    etcd_end_if_done(e);
}

const struct registry_ops registry_etcd = {
    .scheme = "etcd",
    .size = sizeof(struct etcd),
    .abilities = REGISTRY_WRITES | REGISTRY_LISTS_NAMES | REGISTRY_EXPIRES | REGISTRY_TLS,
    .options = options,
    .open = etcd_open,
    .watch = etcd_watch,
    .unwatch = etcd_unwatch,
    .watch_names = etcd_watch_names,
    .unwatch_names = etcd_unwatch_names,
    .put = etcd_put,
    .renew = etcd_renew,
    .remove = etcd_remove,
    .close = etcd_close,
};
