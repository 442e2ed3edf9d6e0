/* deregister: a record goes, whoever put it. */
#include "discovery/lease.h"
#include "sidecar/catalog_json.h"
#include "sidecar/cli_ask.h"
#include "sidecar/cli_show.h"

enum { FIND_MS = 3000, REMOVE_MS = 2000 };

/* ---- through a sidecar ---- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-._~", c);
}

static int deregister_there(struct cli *c)
{
    struct text target;
    json_t *answer = NULL;
    int code;

    text_init(&target, 4096);
    text_addf(&target, "/register/");
    for (const char *at = c->words[1]; *at; at++)
        text_addf(&target, is_plain(*at) ? "%c" : "%%%02X", (unsigned char)*at);
    text_addf(&target, "?service=%s", c->words[0]);
    code = target.failed ? cli_fail(CLI_USAGE, "the id is too long")
                         : cli_ask(c, "DELETE", target.base, SLICE(""), 0, &answer);
    json_decref(answer);
    text_fini(&target);
    return code;
}

/* ---- in this process ---- */

struct remover {
    struct cli *cli;
    struct direct *direct;
    struct lease *lease;
    bool stopped;
};

static void on_changed(struct lease *l, bool held)
{
    (void)l;
    (void)held;
}

static void on_stopped(struct lease *l)
{
    struct remover *r = lease_owner(l);

    r->stopped = true;
    loop_stop(&r->cli->loop);
}

static const struct lease_events lease_events = {
    .changed = on_changed,
    .stopped = on_stopped,
};

static const struct instance *find(struct remover *r)
{
    struct catalog *catalog = cli_direct_catalog(r->direct);
    const struct instance_list *l = catalog_get(catalog, slice_of(r->cli->words[0]));

    for (uint32_t i = 0; l && i < l->count; i++)
        if (strcmp(l->instances[i].id, r->cli->words[1]) == 0)
            return &l->instances[i];
    return NULL;
}

static bool is_found_or_absent(struct direct *d, void *data)
{
    struct remover *r = data;

    return find(r) ||
           catalog_list_is_here(cli_direct_catalog(d), slice_of(r->cli->words[0]));
}

/* What the registries said last, if one of them would not. */
static int report(struct remover *r)
{
    struct catalog *catalog = cli_direct_catalog(r->direct);

    for (unsigned i = 0; i < catalog_registry_count(catalog); i++) {
        struct registry_status status;
        const char *reason;

        catalog_registry_status(catalog, i, &status);
        if (lease_state(r->lease, i, &reason) == LEASE_ABSENT)
            continue;
        if (strcmp(reason, err_text(ERR_UNSUPPORTED)) == 0)
            reason = "a record there goes with its owner only";
        return cli_fail(CLI_NO, "%s: %s", status.url,
                        reason[0] ? reason : "it did not answer");
    }
    return CLI_DONE;
}

static int take_out(struct remover *r, const struct instance *i)
{
    struct registration record = {.service = r->cli->words[0],
                                  .version = i->version,
                                  .id = i->id,
                                  .address = i->address,
                                  .metadata = i->metadata,
                                  .endpoints = i->endpoints,
                                  .weight = i->weight,
                                  .ttl_ms = 30 * 1000,
                                  .heartbeat_ms = 10 * 1000};
    int code;

    if (lease_open(&r->lease, cli_direct_catalog(r->direct), &record, &lease_events, r))
        return cli_no_memory();
    lease_claim(r->lease);
    lease_stop(r->lease, REMOVE_MS);
    while (!r->stopped)
        loop_run(&r->cli->loop);
    code = report(r);
    lease_free(r->lease);
    return code;
}

static int deregister_here(struct cli *c)
{
    struct remover r = {.cli = c};
    const struct instance *i;
    int code = cli_direct_open(c, &r.direct);

    if (code)
        return code;
    cli_direct_wait(r.direct, is_found_or_absent, &r, FIND_MS);
    i = find(&r);
    if (i)
        code = take_out(&r, i);
    else
        code = cli_fail(CLI_NO, "no instance of %s has the id \"%s\"", c->words[0],
                        c->words[1]);
    cli_direct_close(r.direct);
    return code;
}

int cli_deregister(struct cli *c)
{
    if (!service_name_is_valid(slice_of(c->words[0])))
        return cli_fail(CLI_USAGE, "\"%s\" can't be a service's name", c->words[0]);
    return cli_has(c, OPTION_REGISTRY) ? deregister_here(c) : deregister_there(c);
}
