/* Consul, with go-micro's records: see consul_parts.h. */
#include <stdio.h>

#include "discovery/consul_parts.h"
#include "sidecar/core/log.h"

enum { SECOND_MS = 1000, MINUTE_MS = 60 * 1000 };
#define MONTH_MS (UINT64_C(30) * 24 * 60 * MINUTE_MS)

/* clang-format off */
static const struct field options[] = {
    TEXT    (struct consul, dc, "dc", NULL, "the datacenter services are looked up in; the agent's own"),
    TEXT    (struct consul, ns, "ns", NULL, "Enterprise: the namespace"),
    TEXT    (struct consul, namespace, "namespace", NULL, "the same"),
    TEXT    (struct consul, partition, "partition", NULL, "Enterprise: the partition"),
    TEXT    (struct consul, tag, "tag", NULL, "only instances with this tag"),
    TEXT    (struct consul, token_option, "token", NULL, "in place of registry.token", .flags = FIELD_SECRET),
    BOOL    (struct consul, stale, "stale", "true", "any server may answer, not only the leader"),
    BOOL    (struct consul, passing_only, "passing_only", "false", "not those whose checks warn"),
    DURATION(struct consul, wait_ms, "wait", "20s", SECOND_MS, 10 * MINUTE_MS, "how long a blocking query is held back"),
    DURATION(struct consul, deregister_ms, "deregister_after", "1m", MINUTE_MS, MONTH_MS, "critical for so long: Consul takes the record out"),
    FIELDS_END,
};
/* clang-format on */

void consul_complain(struct consul *c, const char *service, struct slice record,
                     const char *reason)
{
    char name[300], words[256];
    unsigned held_back = 0;

    if (!complaints_may_log(&c->complaints, loop_now(c->base.loop), record,
                            slice_of(reason), &held_back))
        return;
    log_warn("registry.bad_record",
             "registry=consul service=%s id=\"%s\" reason=\"%s\" held_back=%u", service,
             log_quote(name, sizeof(name), record),
             log_quote(words, sizeof(words), slice_of(reason)), held_back);
}

/* --- the token --- */

static enum err set_token(struct consul *c, struct slice token, struct why *w)
{
    token = slice_trim(token);
    if (token.size >= sizeof(c->token))
        return why(w, ERR_BAD_VALUE, "the token is longer than %zu bytes",
                   sizeof(c->token) - 1);
    for (size_t i = 0; i < token.size; i++)
        if ((unsigned char)token.base[i] <= ' ' || token.base[i] == 0x7f)
            return why(w, ERR_BAD_VALUE, "the token has blanks or control characters");
    memcpy(c->token, token.base ? token.base : "", token.size);
    c->token[token.size] = 0;
    return ERR_OK;
}

bool consul_token_again(struct consul *c)
{
    const char *name = c->token_option ? NULL : c->base.environment->token_file;
    char before[CONSUL_TOKEN_LIMIT], now[CONSUL_TOKEN_LIMIT];
    FILE *file = name ? fopen(name, "r") : NULL;
    size_t size;

    if (!file)
        return false;
    size = fread(now, 1, sizeof(now) - 1, file);
    fclose(file);
    now[size] = 0;
    memcpy(before, c->token, sizeof(before));
    return !set_token(c, slice_first(slice_of(now), strcspn(now, "\r\n")), NULL) &&
           strcmp(before, c->token) != 0;
}

/* --- life --- */

static enum err consul_open_registry(struct registry *r, struct why *w)
{
    struct consul *c = consul_of(r);
    const char *token = c->token_option ? c->token_option : r->environment->token;
    enum err e = set_token(c, slice_of(token), w);

    if (!e && r->url.path.size > 1)
        e = why(w, ERR_BAD_VALUE, "a path means nothing here");
    if (!e && r->url.user.size > 0)
        e = why(
            w, ERR_BAD_VALUE,
            "Consul has no users: its token is registry.token, token_file or ?token=");
    if (!e)
        e = registry_http_open(&c->http, r, CONSUL_PORT, w);
    if (e)
        return e;
    list_init(&c->queries);
    list_init(&c->waiting);
    list_init(&c->records);
    c->blocking_limit = CONSUL_BLOCKING_LIMIT;
    consul_pulse_init(c);
    return ERR_OK;
}

static void on_http_closed(struct registry_http *h)
{
    struct consul *c = container_of(h, struct consul, http);

    consul_call_fini(&c->pulse.call);
    c->base.closed(&c->base);
}

void consul_end_if_done(struct consul *c)
{
    if (!c->closing || c->ended || !list_empty(&c->queries) || !list_empty(&c->records) ||
        !consul_pulse_is_over(c))
        return;
    c->ended = true;
    registry_http_close(&c->http, on_http_closed);
}

static void consul_close(struct registry *r)
{
    struct consul *c = consul_of(r);

    c->closing = true;
    c->names = NULL;
    consul_pulse_close(c);
    consul_records_close(c);
    list_each(at, after, &c->queries)
        consul_query_end(container_of(at, struct consul_query, all));
    consul_end_if_done(c);
}

const struct registry_ops registry_consul = {
    .scheme = "consul",
    .size = sizeof(struct consul),
    .abilities = REGISTRY_WRITES | REGISTRY_LISTS_NAMES | REGISTRY_EXPIRES | REGISTRY_TLS,
    .options = options,
    .open = consul_open_registry,
    .watch = consul_watch,
    .unwatch = consul_unwatch,
    .watch_names = consul_watch_names,
    .unwatch_names = consul_unwatch_names,
    .put = consul_put,
    .renew = consul_renew,
    .remove = consul_remove,
    .close = consul_close,
};
