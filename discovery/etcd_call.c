/* Calls to etcd, once it is known which gateway this is, and who we are. */
#include "discovery/etcd_parts.h"

enum {
    BODY_LIMIT = 2 * RECORD_LIMIT,
    TARGET_LIMIT = 128,
    FIELDS_LIMIT = ETCD_TOKEN_LIMIT + 64
};

/* --- answers --- */

static void answer(struct etcd_call *c, enum err e, json_t *root)
{
    c->running = false;
    if (e && !c->why.text[0])
        why(&c->why, e, "%s", err_text(e));
    c->answered(c, e, root);
}

static void on_turn(struct timer *t)
{
    struct etcd_call *c = container_of(t, struct etcd_call, turn);

    answer(c, c->result, NULL);
}

static void answer_soon(struct etcd_call *c, enum err e, const struct why *w)
{
    c->result = e;
    if (w)
        c->why = *w;
    timer_start(&c->turn, etcd_clock(c->etcd), 0);
}

static void session_begin(struct etcd *e);

/* The token was of another time: simple tokens die with their member. */
static bool again_with_token(struct etcd_call *c)
{
    struct etcd *e = c->etcd;

    if (c->retried || c->cancelled || !e->user[0])
        return false;
    c->retried = true;
    etcd_session_forget(e);
    list_push_back(&e->session.waiting, &c->node);
    session_begin(e);
    return true;
}

static enum err read_answer(struct etcd_call *c, json_t **root)
{
    struct slice body = text_slice(&c->http.http.body_in);

    *root = json_loadb(body.base ? body.base : "", body.size, 0, NULL);
    if (json_is_object(*root))
        return ERR_OK;
    json_decref(*root);
    *root = NULL;
    return why(&c->why, ERR_BAD_RESPONSE, "the answer is not JSON");
}

static void on_answered(struct registry_call *http, enum err e)
{
    struct etcd_call *c = container_of(http, struct etcd_call, http);
    enum err kind = http->http.status >= 400
                        ? etcd_error_of(text_slice(&http->http.body_in))
                        : ERR_OK;
    json_t *root = NULL;

    if (kind == ERR_UNAUTHORIZED && again_with_token(c))
        return;
    if (e == ERR_TIMEOUT)
        etcd_session_doubt(c->etcd);
    if (kind)
        e = kind == ERR_UNAUTHORIZED ? ERR_DENIED : kind;
    if (e)
        c->why = http->http.why;
    else
        e = read_answer(c, &root);
    if (e == ERR_DENIED && !c->etcd->user[0])
        why_in(&c->why, "etcd asks for a user (etcd://USER:PASSWORD@...)");
    if (!kind && e == ERR_NOT_FOUND && etcd_session_is_ready(c->etcd))
        c->etcd->session.state = ETCD_NONE; /* another gateway since then */
    registry_call_fini(http); /* a service keeps its call, but not the answer's text */
    answer(c, e, root);
    json_decref(root);
}

/* --- calls --- */

void etcd_session_fields(const struct etcd *e, struct text *out)
{
    text_clear(out);
    if (e->session.token[0])
        text_addf(out, "Authorization: %s\r\n", e->session.token);
}

static void send_call(struct etcd_call *c)
{
    enum err e;

    text_clear(&c->target);
    text_addf(&c->target, "%s%s", c->etcd->session.version, c->path);
    etcd_session_fields(c->etcd, &c->fields);
    c->http.http.method = SLICE("POST");
    c->http.http.target = text_slice(&c->target);
    c->http.http.fields = text_slice(&c->fields);
    c->http.http.body = text_slice(&c->body);
    c->http.http.timeout_ms = ETCD_CALL_MS;
    c->http.http.limit = ETCD_MESSAGE_LIMIT;
    c->http.may_repeat = true; /* each of them may be done twice */
    c->http.answered = on_answered;
    e = c->body.failed || c->target.failed || c->fields.failed
            ? ERR_NO_MEMORY
            : registry_call_start(&c->http, &c->etcd->http);
    if (e != ERR_LATER)
        answer_soon(c, e, NULL);
}

void etcd_call_init(struct etcd_call *c, struct etcd *e, const char *path, void *owner,
                    void (*answered)(struct etcd_call *c, enum err e, json_t *root))
{
    *c =
        (struct etcd_call){.etcd = e, .path = path, .owner = owner, .answered = answered};
    list_init(&c->node);
    text_init(&c->body, BODY_LIMIT);
    text_init(&c->target, TARGET_LIMIT);
    text_init(&c->fields, FIELDS_LIMIT);
    timer_init(&c->turn, on_turn);
}

void etcd_call_start(struct etcd_call *c)
{
    struct etcd *e = c->etcd;

    c->running = true;
    c->retried = c->cancelled = false;
    why_init(&c->why);
    if (e->session.state == ETCD_READY) {
        send_call(c);
        return;
    }
    list_push_back(&e->session.waiting, &c->node);
    session_begin(e);
}

void etcd_call_cancel(struct etcd_call *c)
{
    if (!c->running || c->cancelled)
        return;
    c->cancelled = true;
    if (registry_call_is_running(&c->http)) {
        registry_call_cancel(&c->http);
        return;
    }
    list_remove(&c->node);
    answer_soon(c, ERR_CANCELLED, NULL);
}

void etcd_call_fini(struct etcd_call *c)
{
    registry_call_fini(&c->http);
    text_fini(&c->body);
    text_fini(&c->target);
    text_fini(&c->fields);
}

/* --- the session --- */

static void end_session(struct etcd *e, enum err error, const struct why *w)
{
    struct etcd_session *s = &e->session;
    struct list *node;

    s->state = error ? ETCD_NONE : ETCD_READY;
    while ((node = list_pop_front(&s->waiting))) {
        struct etcd_call *c = container_of(node, struct etcd_call, node);

        if (error)
            answer_soon(c, error, w);
        else
            send_call(c);
    }
    if (e->closing)
        etcd_end_if_done(e);
}

static void start_session_call(struct etcd *e, struct slice method, const char *target,
                               void (*answered)(struct registry_call *c, enum err e))
{
    struct registry_call *c = &e->session.call;
    enum err error;

    registry_call_fini(c);
    *c = (struct registry_call){.may_repeat = true, .answered = answered, .owner = e};
    c->http.method = method;
    c->http.target = slice_of(target);
    c->http.body = text_slice(&e->session.body);
    c->http.timeout_ms = ETCD_CALL_MS;
    error = registry_call_start(c, &e->http);
    if (error != ERR_LATER)
        end_session(e, error, NULL);
}

static void on_logged_in(struct registry_call *c, enum err error)
{
    struct etcd *e = c->owner;
    struct slice body = text_slice(&c->http.body_in);
    enum err kind = c->http.status >= 400 ? etcd_error_of(body) : ERR_OK;
    json_t *root = NULL;
    const char *token;

    text_fini(&e->session.body);  /* the password */
    if (kind == ERR_BAD_CONFIG) { /* nobody asks for one */
        end_session(e, ERR_OK, NULL);
        return;
    }
    if (kind || error) {
        end_session(e, kind ? kind : error, &c->http.why);
        return;
    }
    root = json_loadb(body.base ? body.base : "", body.size, 0, NULL);
    token = json_string_value(json_object_get(root, "token"));
    if (token && strlen(token) < sizeof(e->session.token) && !strpbrk(token, "\r\n"))
        memcpy(e->session.token, token, strlen(token) + 1);
    json_decref(root);
    end_session(e, e->session.token[0] ? ERR_OK : ERR_BAD_RESPONSE, NULL);
}

static void log_in(struct etcd *e)
{
    static const char *const targets[] = {"/v3/auth/authenticate",
                                          "/v3beta/auth/authenticate",
                                          "/v3alpha/auth/authenticate"};
    const char *target = targets[0];

    for (unsigned i = 0; i < 3; i++)
        if (slice_starts_with(slice_of(targets[i]), slice_of(e->session.version)) &&
            targets[i][strlen(e->session.version)] == '/')
            target = targets[i];
    e->session.state = ETCD_LOGGING_IN;
    text_init(&e->session.body, 1024);
    etcd_write_login(&e->session.body, slice_of(e->user), slice_of(e->password));
    start_session_call(e, SLICE("POST"), target, on_logged_in);
}

/* 3.2 has /v3alpha, 3.3 /v3beta, later ones /v3. */
static const char *version_of(struct slice body)
{
    json_t *root = json_loadb(body.base ? body.base : "", body.size, 0, NULL);
    const char *text = json_string_value(json_object_get(root, "etcdserver"));
    const char *version = "/v3";

    if (text && strncmp(text, "3.2.", 4) == 0)
        version = "/v3alpha";
    if (text && strncmp(text, "3.3.", 4) == 0)
        version = "/v3beta";
    if (!text || text[0] != '3')
        version = NULL;
    json_decref(root);
    return version;
}

static void on_probed(struct registry_call *c, enum err error)
{
    struct etcd *e = c->owner;
    struct slice name = e->http.servers.list[c->server].name;

    if (!error) {
        e->session.version = version_of(text_slice(&c->http.body_in));
        if (!e->session.version)
            error = why(&c->http.why, ERR_BAD_RESPONSE,
                        "%.*s does not answer /version as etcd 3 does", (int)name.size,
                        name.base);
    }
    if (error)
        end_session(e, error, &c->http.why);
    else if (e->user[0] && !e->session.token[0])
        log_in(e);
    else
        end_session(e, ERR_OK, NULL);
}

static void session_begin(struct etcd *e)
{
    if (e->session.state == ETCD_PROBING || e->session.state == ETCD_LOGGING_IN)
        return;
    e->session.state = ETCD_PROBING;
    start_session_call(e, SLICE("GET"), "/version", on_probed);
}

bool etcd_session_is_ready(const struct etcd *e)
{
    return e->session.state == ETCD_READY;
}

void etcd_session_forget(struct etcd *e)
{
    e->session.token[0] = '\0';
    if (e->session.state == ETCD_READY)
        e->session.state = ETCD_NONE;
}

void etcd_session_doubt(struct etcd *e)
{
    if (e->session.token[0])
        etcd_session_forget(e);
}

void etcd_session_init(struct etcd *e)
{
    list_init(&e->session.waiting);
}

void etcd_session_close(struct etcd *e)
{
    registry_call_cancel(&e->session.call);
}

bool etcd_session_is_over(const struct etcd *e)
{
    return !registry_call_is_running(&e->session.call);
}
