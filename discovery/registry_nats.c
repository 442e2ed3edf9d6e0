/* The NATS registry of go-micro v2: see nats_parts.h for what is said, nats_client.h for the connection. */
#include <stdio.h>

#include "discovery/nats_parts.h"
#include "sidecar/core/log.h"

/* clang-format off */
static const struct field options[] = {
    TEXT(struct nats, query_subject, "query_subject", "micro.registry.nats.query", "whom to ask; go-micro's, as the next"),
    TEXT(struct nats, watch_subject, "watch_subject", "micro.registry.nats.watch", "where comings and goings are said"),
    DURATION(struct nats, query_interval_ms, "query_interval", "10s", 1000, 10 * 60 * 1000,
             "how often the instances of a service in use are asked for"),
    FIELDS_END,
};
/* clang-format on */

void nats_complain(struct nats *n, const char *subject, struct slice service,
                   const char *reason)
{
    char name[128], words[256];
    unsigned held_back = 0;

    if (!complaints_may_log(&n->complaints, loop_now(n->base.loop), service,
                            slice_of(reason), &held_back))
        return;
    log_warn("registry.bad_record",
             "registry=nats subject=\"%s\" service=\"%s\" reason=\"%s\" held_back=%u",
             subject, log_quote(name, sizeof name, service),
             log_quote(words, sizeof words, slice_of(reason)), held_back);
}

/* --- the connection --- */

static void fail_all(struct nats *n)
{
    timer_stop(&n->patience, nats_registry_clock(n));
    nats_records_fail(n, n->error, &n->why);
    nats_services_fail(n, n->error, &n->why);
    nats_names_fail(n, n->error, &n->why);
}

static void on_patience(struct timer *t)
{
    fail_all(container_of(t, struct nats, patience));
}

void nats_wait(struct nats *n)
{
    if (!timer_active(&n->patience))
        timer_start(&n->patience, nats_registry_clock(n), NATS_PATIENCE_MS);
}

static void on_connected(void *owner)
{
    struct nats *n = owner;

    log_line(n->was_connected ? LOG_INFO : LOG_DEBUG, "nats.connected", "server=%s",
             nats_client_server(n->client));
    timer_stop(&n->patience, nats_registry_clock(n));
    n->was_connected = true;
    n->connected_at = loop_now(n->base.loop);
    nats_records_connected(n);
    nats_services_connected(n);
    nats_names_connected(n);
}

static void on_lost(void *owner, enum err e, const struct why *why)
{
    struct nats *n = owner;
    char words[256];

    log_warn("nats.lost", "reason=\"%s\"",
             log_quote(words, sizeof words, slice_of(why->text)));
    n->error = e;
    n->why = *why;
    nats_services_lost(n);
    nats_names_lost(n);
    nats_wait(n);
}

/* An outage may be short: patience. What will not get better by itself is said at once. */
static void on_unreachable(void *owner, enum err e, const struct why *reason)
{
    struct nats *n = owner;

    n->error = e;
    n->why = *reason;
    if (e == ERR_DENIED)
        why(&n->why, e, "%s (the URL's user, registry.token or token_file; registry.tls)",
            reason->text);
    if (e == ERR_DENIED || !n->was_connected)
        fail_all(n);
}

static void on_closed(void *owner)
{
    struct nats *n = owner;

    n->base.closed(&n->base);
}

/* --- credentials --- */

/* What is in the file now; else what was there when we started. */
static const char *token_now(struct nats *n)
{
    const struct registry_environment *environment = n->base.environment;
    FILE *file = environment->token_file ? fopen(environment->token_file, "r") : NULL;
    size_t size;

    if (!file)
        return environment->token;
    size = fread(n->token, 1, sizeof n->token - 1, file);
    fclose(file);
    n->token[size] = 0;
    n->token[strcspn(n->token, "\r\n")] = 0;
    return n->token[0] ? n->token : environment->token;
}

/* nats://user:password@host, nats://:token@host; without a password registry.token is it, without a user it is itself. */
static void login(void *owner, struct nats_login *l)
{
    struct nats *n = owner;
    const char *secret = n->password[0] ? n->password : token_now(n);

    if (n->user[0]) {
        l->user = n->user;
        l->password = secret;
    } else {
        l->token = secret;
    }
}

static const struct nats_client_events client_events = {
    .login = login,
    .connected = on_connected,
    .lost = on_lost,
    .unreachable = on_unreachable,
    .closed = on_closed,
};

/* --- subscriptions --- */

static void prepare(struct nats *n)
{
    char digits[NATS_INBOX_DIGITS + 1];

    random_hex(digits, NATS_INBOX_DIGITS);
    snprintf(n->inbox, sizeof n->inbox, "_INBOX.%s", digits);
    n->queries = (struct nats_subscription){
        .subject = n->query_subject, .owner = n, .message = nats_records_answer};
    n->announcements = (struct nats_subscription){
        .subject = n->watch_subject, .owner = n, .message = nats_hear_announcement};
    n->answers = (struct nats_subscription){
        .subject = n->inbox, .owner = n, .message = nats_hear_answer};
}

void nats_listen(struct nats *n)
{
    if (!n->answers.sid)
        nats_client_subscribe(n->client, &n->answers);
    if (!n->announcements.sid)
        nats_client_subscribe(n->client, &n->announcements);
}

enum err nats_may_hear(struct nats *n, struct why *w)
{
    const struct nats_subscription *no = n->answers.is_refused         ? &n->answers
                                         : n->announcements.is_refused ? &n->announcements
                                                                       : NULL;

    if (!no)
        return ERR_OK;
    return why(w, ERR_DENIED, "%s: we may not subscribe to %s",
               nats_client_server(n->client), no->subject);
}

/* --- life --- */

static enum err check_subject(const char *key, const char *subject, struct why *w)
{
    if (nats_subject_is_valid(slice_of(subject), false))
        return ERR_OK;
    return why(w, ERR_BAD_VALUE, "%s: \"%s\" is no subject", key, subject);
}

/* nats://token@host is a token to NATS's own clients: there it would be shown as a user's name is. */
static enum err refuse_lone_user(struct registry_url *u, struct why *w)
{
    char *at = strstr(u->text, "//");

    if (at)
        memset(at + 2, '*', strcspn(at + 2, "@"));
    return why(w, ERR_BAD_VALUE,
               "a user without a password: if it is a token, write it as registry.token, "
               "token_file, or nats://:TOKEN@HOST");
}

static enum err copy_credentials(struct nats *n, struct why *w)
{
    struct registry_url *u = &n->base.url;
    const struct registry_environment *environment = n->base.environment;

    if (u->user.size && !u->password.size && !environment->token)
        return refuse_lone_user(u, w);
    if (u->user.size >= sizeof n->user || u->password.size >= sizeof n->password)
        return why(w, ERR_BAD_VALUE, "user or password is too long");
    snprintf(n->user, sizeof n->user, "%.*s", (int)u->user.size, u->user.base);
    snprintf(n->password, sizeof n->password, "%.*s", (int)u->password.size,
             u->password.base);
    return ERR_OK;
}

static enum err start_client(struct nats *n, struct why *w)
{
    struct nats_client_settings s = {.loop = n->base.loop,
                                     .random = n->base.random,
                                     .servers = n->base.url.hosts,
                                     .name = "csidecar",
                                     .is_tls = n->base.url.is_tls,
                                     .tls = &n->base.tls,
                                     .payload_limit = NATS_MESSAGE_LIMIT,
                                     .events = &client_events,
                                     .owner = n};

    return nats_client_open(&n->client, &s, w);
}

static enum err nats_open(struct registry *r, struct why *w)
{
    struct nats *n = nats_of(r);
    enum err e = check_subject("query_subject", n->query_subject, w);

    if (r->url.path.size > 1)
        return why(w, ERR_BAD_VALUE, "NATS has no paths: expected \"nats://HOST:PORT\"");
    if (!e)
        e = check_subject("watch_subject", n->watch_subject, w);
    if (!e)
        e = copy_credentials(n, w);
    if (e)
        return e;
    list_init(&n->records);
    timer_init(&n->patience, on_patience);
    n->error = ERR_UNAVAILABLE;
    why(&n->why, ERR_UNAVAILABLE, "no answer");
    prepare(n);
    return start_client(n, w);
}

static void nats_close(struct registry *r)
{
    struct nats *n = nats_of(r);

    timer_stop(&n->patience, nats_registry_clock(n));
    nats_records_close(n);
    nats_services_close(n);
    nats_names_close(n);
    nats_client_close(n->client);
}

const struct registry_ops registry_nats = {
    .scheme = "nats",
    .size = sizeof(struct nats),
    .abilities = REGISTRY_WRITES | REGISTRY_LISTS_NAMES | REGISTRY_EXPIRES | REGISTRY_TLS,
    .options = options,
    .open = nats_open,
    .watch = nats_watch,
    .unwatch = nats_unwatch,
    .watch_names = nats_watch_names,
    .unwatch_names = nats_unwatch_names,
    .put = nats_put,
    .renew = nats_renew,
    .remove = nats_remove,
    .close = nats_close,
};
