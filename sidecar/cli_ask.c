#include "sidecar/cli_ask.h"

#include <stdlib.h>

enum { ASK_MS = 10000, LOOK_MS = 1000, FIRST_PORT = 8082, PORT_STEP = 10, PORTS = 20 };

int cli_loop(struct cli *c)
{
    if (c->loop_is_open)
        return CLI_DONE;
    if (loop_open(&c->loop, 64 * 1024))
        return cli_fail(CLI_FAILED, "could not make an event loop");
    c->loop_is_open = true;
    return CLI_DONE;
}

/* ---- one call ---- */

static void on_answered(struct http_call *call, enum err e)
{
    *(enum err *)call->owner = e;
    loop_stop(call->loop);
}

enum err cli_do(struct cli *c, struct http_call *call)
{
    enum err result = ERR_LATER, e;

    call->owner = &result;
    call->answered = on_answered;
    e = http_call_start(call, &c->loop);
    if (e != ERR_LATER)
        return e;
    loop_run(&c->loop);
    return result;
}

static const char *variable(const struct cli *c, const char *name)
{
    size_t size = strlen(name);

    for (char *const *at = c->environment; at && *at; at++)
        if (strncmp(*at, name, size) == 0 && (*at)[size] == '=' && (*at)[size + 1])
            return *at + size + 1;
    return NULL;
}

static const char *token_of(const struct cli *c)
{
    const char *token = cli_value(c, OPTION_TOKEN);

    if (!token)
        token = variable(c, "CSIDECAR_ADMIN_TOKEN");
    return !token && c->settings ? c->settings->admin.secret : token;
}

void cli_admin_call(struct cli *c, struct http_call *call, const char *method,
                    const char *target, struct text *fields)
{
    const char *token = token_of(c);

    *call = (struct http_call){
        .to = c->admin,
        .method = slice_of(method),
        .target = slice_of(target),
        .host = address_is_path(&c->admin) ? SLICE("localhost") : (struct slice){0},
        .timeout_ms = ASK_MS,
        .limit = 256 * 1024 * 1024,
    };
    text_init(fields, 8192);
    if (token)
        text_addf(fields, "csidecar-token: %s\r\n", token);
    call->fields = text_slice(fields);
}

/* ---- where is it? ---- */

/* "http://127.0.0.1:8082/" as CSIDECAR_ADMIN_URL has it, or an address. */
static int take_address(struct cli *c, const char *from, const char *text)
{
    struct slice s = slice_of(text), scheme = SLICE("http://");
    struct why w;

    why_init(&w);
    if (slice_starts_with(s, scheme)) {
        s = slice_after(s, scheme.size);
        s = slice_first(s, slice_find(s, '/'));
    }
    if (address_parse(&c->admin, s, FIRST_PORT, &w))
        return cli_fail(CLI_USAGE, "%s: %s", from, w.text);
    return CLI_DONE;
}

static int load_settings(struct cli *c)
{
    const char *config = cli_value(c, OPTION_CONFIG);
    char flag[] = "--config", *file = (char *)(uintptr_t)config;
    char *argv[] = {flag, file, NULL};
    struct settings_input input = {
        .argc = config ? 2 : 0,
        .argv = argv,
        .environment = c->environment,
        .file = "csidecar.yaml",
    };
    struct why w;

    why_init(&w);
    if (!c->settings && settings_load(&c->settings, &input, &w) && config)
        return cli_fail(CLI_USAGE, "%s", w.text);
    return CLI_DONE;
}

static bool is_csidecar(struct cli *c)
{
    struct http_call call;
    struct text fields;
    struct slice server;
    bool found;

    cli_admin_call(c, &call, "GET", "/live", &fields);
    call.timeout_ms = LOOK_MS;
    found = cli_do(c, &call) == ERR_OK;
    server = http_call_field(&call, SLICE("server"));
    found = found && slice_starts_with(server, SLICE("csidecar"));
    http_call_fini(&call);
    text_fini(&fields);
    return found;
}

/* Some other program may have the first of the default ports. */
static bool look_around(struct cli *c)
{
    for (unsigned i = 0; i < PORTS; i++) {
        (void)address_from_ip(&c->admin, SLICE("127.0.0.1"), FIRST_PORT + i * PORT_STEP);
        if (is_csidecar(c))
            return true;
    }
    return false;
}

/* *text NULL: nobody said. */
static int said_where(struct cli *c, const char **from, const char **text)
{
    int code = load_settings(c);

    *from = "--admin";
    *text = cli_value(c, OPTION_ADMIN);
    if (!*text && !cli_has(c, OPTION_CONFIG)) {
        *from = "CSIDECAR_ADMIN_URL";
        *text = variable(c, *from);
    }
    if (code || *text)
        return code;
    if (c->settings && !c->settings->admin.addresses.by_default &&
        c->settings->admin.addresses.count)
        c->admin = c->settings->admin.addresses.items[0];
    return CLI_DONE;
}

static bool is_said(const struct cli *c)
{
    return c->admin.any.sa_family != 0;
}

/* c->admin, where somebody said; else it stays empty. */
static int take_said(struct cli *c)
{
    const char *from, *text;
    int code;

    c->admin = (struct address){0};
    code = said_where(c, &from, &text);
    return !code && text ? take_address(c, from, text) : code;
}

static int fail_nobody(const struct cli *c, bool said)
{
    char at[ADDRESS_TEXT];

    if (said)
        return cli_fail(CLI_FAILED,
                        "no sidecar answers on %s; is it running? Start one with "
                        "`csidecar --app-port PORT`",
                        address_format(&c->admin, at));
    return cli_fail(CLI_FAILED,
                    "no sidecar answers on 127.0.0.1:%d; is it running? Start one with "
                    "`csidecar --app-port PORT`,\nsay where it is with --admin%s",
                    FIRST_PORT,
                    c->command->options >> OPTION_REGISTRY & 1
                        ? ", or ask a registry itself: --registry local"
                        : "");
}

static int find(struct cli *c, bool quiet)
{
    int code = c->admin_is_known ? CLI_DONE : cli_loop(c);
    bool said;

    if (c->admin_is_known || code)
        return code;
    code = take_said(c);
    if (code)
        return code;
    said = is_said(c);
    c->admin_is_known = said ? is_csidecar(c) : look_around(c);
    if (c->admin_is_known)
        return CLI_DONE;
    return quiet ? CLI_FAILED : fail_nobody(c, said);
}

int cli_find_admin(struct cli *c)
{
    return find(c, false);
}

bool cli_see_admin(struct cli *c)
{
    return find(c, true) == CLI_DONE;
}

/* ---- JSON ---- */

static int fail_status(const struct http_call *call, const json_t *problem)
{
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *token = call->status == 401 ? " (give it with --token)" : "";

    if (detail)
        return cli_fail(CLI_NO, "%s%s", detail, token);
    return cli_fail(CLI_NO, "the sidecar answers %u: %.*s", call->status,
                    (int)(call->body_in.size < 200 ? call->body_in.size : 200),
                    call->body_in.base ? call->body_in.base : "");
}

static int judge(const struct http_call *call, unsigned handed_on, json_t **out)
{
    *out = json_loadb(call->body_in.base ? call->body_in.base : "", call->body_in.size, 0,
                      NULL);
    if (call->status < 400 && !*out)
        return cli_fail(CLI_FAILED, "what answers there is no csidecar");
    if (call->status < 400 || call->status == handed_on)
        return CLI_DONE;
    fail_status(call, *out);
    json_decref(*out);
    *out = NULL;
    return CLI_NO;
}

int cli_ask(struct cli *c, const char *method, const char *target, struct slice body,
            unsigned handed_on, json_t **out)
{
    struct http_call call;
    struct text fields;
    int code = cli_find_admin(c);

    *out = NULL;
    if (code)
        return code;
    cli_admin_call(c, &call, method, target, &fields);
    call.body = body;
    if (cli_do(c, &call))
        code = cli_fail(CLI_FAILED, "%s", call.why.text);
    else
        code = judge(&call, handed_on, out);
    http_call_fini(&call);
    text_fini(&fields);
    return code;
}
