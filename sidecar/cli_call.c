/* call: one request to a service, and its answer as it is. */
#include <stdlib.h>

#include "sidecar/cli_ask.h"
#include "sidecar/cli_show.h"

enum { BODY_LIMIT = 64 * 1024 * 1024 };

struct calling {
    struct http_call call; /* first: the callback finds us by it */
    struct cli *cli;
    struct text fields, body;
    bool head_is_out;
};

/* ---- where to ---- */

static int take_endpoint(const char *url, struct address *to)
{
    struct slice s = slice_of(url), scheme = SLICE("http://");

    if (slice_starts_with(s, scheme))
        s = slice_after(s, scheme.size);
    if (address_parse(to, slice_first(s, slice_find(s, '/')), 0, NULL))
        return cli_fail(CLI_FAILED, "the sidecar has no local endpoint on TCP");
    return CLI_DONE;
}

static int find_endpoint(struct cli *c, struct address *to)
{
    json_t *stats;
    int code = cli_ask(c, "GET", "/stats", SLICE(""), 0, &stats);

    if (code)
        return code;
    code = take_endpoint(show_text(stats, "endpoint"), to);
    json_decref(stats);
    return code;
}

static int find_instance(struct cli *c, const char *name, struct address *to)
{
    json_t *service;
    const char *address;
    int code = cli_ask_service(c, name, &service);

    if (code)
        return code;
    address =
        show_text(json_array_get(json_object_get(service, "instances"), 0), "address");
    if (!*address)
        code = cli_fail(CLI_NO, "no registry knows an instance of %s", name);
    else
        code = take_endpoint(address, to);
    json_decref(service);
    return code;
}

/* ---- the request ---- */

static int add_header(struct text *fields, const char *line)
{
    if (!strchr(line, ':') || strpbrk(line, "\r\n"))
        return cli_fail(CLI_USAGE, "-H must be \"Name: value\", not \"%s\"", line);
    text_addf(fields, "%s\r\n", line);
    return CLI_DONE;
}

static int add_fields(struct calling *k, const char *name)
{
    const struct cli *c = k->cli;
    const struct cli_values *headers = &c->options[OPTION_HEADER];
    int code = CLI_DONE;

    if (!cli_has(c, OPTION_REGISTRY))
        text_addf(&k->fields, "csidecar-service: %s\r\n", name);
    if (!cli_has(c, OPTION_REGISTRY) && c->settings && c->settings->proxy.secret)
        text_addf(&k->fields, "csidecar-token: %s\r\n", c->settings->proxy.secret);
    for (unsigned i = 0; i < headers->count && !code; i++)
        code = add_header(&k->fields, headers->items[i]);
    return code;
}

static int read_file(struct text *body, const char *path)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char buffer[16384];
    size_t count;

    if (!f)
        return cli_fail(CLI_USAGE, "can't read %s", path);
    while ((count = fread(buffer, 1, sizeof(buffer), f)) > 0)
        text_add(body, slice_from(buffer, count));
    if (f != stdin)
        fclose(f);
    return body->failed ? cli_fail(CLI_USAGE, "the body is too large") : CLI_DONE;
}

static int take_body(struct calling *k)
{
    const char *data = cli_value(k->cli, OPTION_DATA);

    if (data && data[0] == '@')
        return read_file(&k->body, data + 1);
    text_add(&k->body, slice_of(data));
    return CLI_DONE;
}

/* ---- the answer ---- */

static void print_head(struct calling *k)
{
    if (!k->head_is_out && cli_has(k->cli, OPTION_INCLUDE))
        printf("HTTP/1.1 %u %s\n%s\n", k->call.status, http_reason(k->call.status),
               k->call.head_in.base ? k->call.head_in.base : "");
    k->head_is_out = true;
}

static void on_piece(struct http_call *call, struct slice bytes)
{
    struct calling *k = container_of(call, struct calling, call);

    print_head(k);
    fwrite(bytes.base, 1, bytes.size, stdout);
    fflush(stdout);
}

static int judge(struct calling *k, enum err e)
{
    struct slice code = http_call_field(&k->call, SLICE("csidecar-error"));

    if (e && !k->call.status && !k->head_is_out)
        return cli_fail(CLI_FAILED, "%s", k->call.why.text);
    if (e)
        return cli_fail(CLI_NO, "%s", k->call.why.text);
    print_head(k);
    if (code.size)
        return cli_fail(CLI_NO, "%u %.*s: csidecar explain %s says more", k->call.status,
                        (int)code.size, code.base, k->cli->words[0]);
    return k->call.status < 400 ? CLI_DONE : CLI_NO;
}

static int prepare(struct calling *k)
{
    struct cli *c = k->cli;
    const char *name = c->words[0], *path = c->words[c->word_count - 1];
    bool direct = cli_has(c, OPTION_REGISTRY);
    int code;

    if (path[0] != '/')
        return cli_fail(CLI_USAGE, "the path must begin with /: csidecar call %s /%s",
                        name, path);
    code = cli_duration(c, OPTION_TIMEOUT, 0, &k->call.timeout_ms);
    if (!code)
        code =
            direct ? find_instance(c, name, &k->call.to) : find_endpoint(c, &k->call.to);
    if (!code)
        code = add_fields(k, name);
    return code ? code : take_body(k);
}

static int start(struct calling *k)
{
    const struct cli *c = k->cli;
    enum err e;

    k->call.method = slice_of(c->word_count == 3        ? c->words[1]
                              : cli_has(c, OPTION_DATA) ? "POST"
                                                        : "GET");
    k->call.target = slice_of(c->words[c->word_count - 1]);
    k->call.fields = text_slice(&k->fields);
    k->call.body = text_slice(&k->body);
    k->call.piece = on_piece;
    e = cli_do(k->cli, &k->call);
    if (e == ERR_BAD_VALUE)
        return cli_fail(CLI_USAGE,
                        "that would not make one request: look at the method, the "
                        "path and the header");
    return judge(k, e);
}

int cli_call(struct cli *c)
{
    struct calling k = {.cli = c};
    int code = service_name_is_valid(slice_of(c->words[0]))
                   ? CLI_DONE
                   : cli_fail(CLI_USAGE, "\"%s\" can't be a service's name", c->words[0]);

    text_init(&k.fields, 64 * 1024);
    text_init(&k.body, BODY_LIMIT);
    if (!code)
        code = prepare(&k);
    if (!code)
        code = start(&k);
    http_call_fini(&k.call);
    text_fini(&k.fields);
    text_fini(&k.body);
    return code;
}
