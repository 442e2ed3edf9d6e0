/* register: a record for something that has no sidecar. */
#include <stdlib.h>

#include "discovery/instance_json.h"
#include "discovery/lease.h"
#include "sidecar/cli_ask.h"
#include "sidecar/cli_show.h"

enum { HOLD_MS = 5000, REMOVE_MS = 2000 };

/* ---- what is to be registered ---- */

static int add_metadata(const struct cli *c, json_t *body)
{
    const struct cli_values *all = &c->options[OPTION_METADATA];
    json_t *pairs = json_object();

    for (unsigned i = 0; i < all->count; i++) {
        struct slice pair = slice_of(all->items[i]);
        size_t equals = slice_find(pair, '=');

        if (equals == 0 || equals == pair.size) {
            json_decref(pairs);
            return cli_fail(CLI_USAGE, "--metadata must be KEY=VALUE, not \"%s\"",
                            pair.base);
        }
        json_object_setn_new(pairs, pair.base, equals,
                             json_string(pair.base + equals + 1));
    }
    json_object_set_new(body, "metadata", pairs);
    return CLI_DONE;
}

static int add_weight(const struct cli *c, json_t *body)
{
    const char *text = cli_value(c, OPTION_WEIGHT);
    uint64_t weight;

    if (!text)
        return CLI_DONE;
    if (!slice_to_u64(slice_of(text), &weight) || weight < 1 || weight > 65535)
        return cli_fail(CLI_USAGE, "--weight must be from 1 to 65535, not \"%s\"", text);
    json_object_set_new(body, "weight", json_integer((json_int_t)weight));
    return CLI_DONE;
}

static int make_body(const struct cli *c, json_t **out)
{
    json_t *body = json_pack("{s:s, s:s}", "name", c->words[0], "address", c->words[1]);
    int code;

    *out = body;
    if (!body)
        return cli_fail(CLI_USAGE, "name and address must be UTF-8");
    if (cli_value(c, OPTION_ID))
        json_object_set_new(body, "id", json_string(cli_value(c, OPTION_ID)));
    if (cli_value(c, OPTION_VERSION))
        json_object_set_new(body, "version", json_string(cli_value(c, OPTION_VERSION)));
    code = add_weight(c, body);
    return code ? code : add_metadata(c, body);
}

/* ---- through a sidecar ---- */

static int register_there(struct cli *c, const json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    json_t *answer = NULL;
    int code = text ? cli_ask(c, "POST", "/register", slice_of(text), 0, &answer)
                    : cli_no_memory();

    free(text);
    if (code)
        return code;
    if (cli_has(c, OPTION_JSON))
        return show_json(answer);
    printf("%s\n", show_text(answer, "id"));
    if (!json_is_true(json_object_get(answer, "held")))
        fprintf(stderr,
                "csidecar: the registry has not taken it yet; the sidecar goes on "
                "trying\n");
    json_decref(answer);
    return CLI_DONE;
}

/* ---- in this process ---- */

enum { LOOK_MS = 200 };

struct holder {
    struct cli *cli;
    struct lease *lease;
    unsigned registries;
    struct timer look;
    bool held, stopped, said, complained;
};

/* What it is that keeps us waiting: once, since it is tried again without end. */
static void on_look(struct timer *t)
{
    struct holder *h = container_of(t, struct holder, look);
    const char *why = "";

    for (unsigned i = 0; i < h->registries && !*why; i++)
        lease_state(h->lease, i, &why);
    if (*why && !h->held && !h->complained) {
        fprintf(stderr, "csidecar: %s; it is tried again\n", why);
        h->complained = true;
    }
    timer_start(&h->look, &h->cli->loop.clock, LOOK_MS);
}

static void on_changed(struct lease *l, bool held)
{
    struct holder *h = lease_owner(l);

    h->held = held;
    if (held && !h->said)
        printf("%s\n", lease_registration(l)->id);
    h->said |= held;
    fflush(stdout);
}

static void on_stopped(struct lease *l)
{
    struct holder *h = lease_owner(l);

    h->stopped = true;
    loop_stop(&h->cli->loop);
}

static const struct lease_events lease_events = {
    .changed = on_changed,
    .stopped = on_stopped,
};

static int hold(struct cli *c, struct direct *d, const struct registration *r)
{
    struct holder h = {.cli = c};
    struct lease *l;

    if (lease_open(&l, cli_direct_catalog(d), r, &lease_events, &h))
        return cli_no_memory();
    h.lease = l;
    h.registries = catalog_registry_count(cli_direct_catalog(d));
    timer_init(&h.look, on_look);
    timer_start(&h.look, &c->loop.clock, LOOK_MS);
    lease_start(l);
    cli_direct_run(d);
    timer_stop(&h.look, &c->loop.clock);
    lease_stop(l, REMOVE_MS);
    while (!h.stopped)
        loop_run(&c->loop);
    lease_free(l);
    return h.said ? CLI_DONE : cli_fail(CLI_FAILED, "the registry has not taken it");
}

static bool can_write(struct direct *d)
{
    struct catalog *catalog = cli_direct_catalog(d);

    for (unsigned i = 0; i < catalog_registry_count(catalog); i++) {
        struct registry_status s;

        catalog_registry_status(catalog, i, &s);
        if (s.abilities & REGISTRY_WRITES)
            return true;
    }
    return false;
}

static int hold_record(struct cli *c, struct direct *d, const struct instance *i)
{
    const struct settings *s = cli_direct_settings(d);
    char id[INSTANCE_ID_LIMIT + 1], hex[9];
    struct registration r = {
        .service = c->words[0],
        .version = i->version,
        .id = i->id,
        .address = i->address,
        .metadata = i->metadata,
        .weight = i->weight,
        .ttl_ms = s->registry.ttl,
        .heartbeat_ms = s->registry.heartbeat,
    };

    random_hex(hex, 8);
    snprintf(id, sizeof(id), "%.200s-%s", c->words[0], hex);
    if (!cli_has(c, OPTION_ID))
        r.id = id;
    if (!can_write(d))
        return cli_fail(CLI_NO, "this registry can't be written to");
    return hold(c, d, &r);
}

static int register_here(struct cli *c, const json_t *body)
{
    struct instance_json read;
    struct direct *d;
    struct why w;
    int code;

    why_init(&w);
    if (instance_json_read(&read, body, &w))
        return cli_fail(CLI_USAGE, "%s", w.text);
    code = cli_direct_open(c, &d);
    if (!code) {
        code = hold_record(c, d, &read.instance);
        cli_direct_close(d);
    }
    instance_json_fini(&read);
    return code;
}

int cli_register(struct cli *c)
{
    json_t *body = NULL;
    int code = service_name_is_valid(slice_of(c->words[0]))
                   ? make_body(c, &body)
                   : cli_fail(CLI_USAGE, "\"%s\" can't be a service's name", c->words[0]);

    if (!code)
        code = cli_has(c, OPTION_REGISTRY) ? register_here(c, body)
                                           : register_there(c, body);
    json_decref(body);
    return code;
}
