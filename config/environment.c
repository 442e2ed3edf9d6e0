/* Variables, written over the tree of the file. */
#define _GNU_SOURCE /* memmem */
#include "config/search.h"
#include "config/settings.h"
#include "sidecar/core/log.h"

static bool ends_with(struct slice s, const char *end)
{
    size_t size = strlen(end);

    return s.size >= size && slice_is(slice_after(s, s.size - size), end);
}

static bool is_digits(struct slice s)
{
    uint64_t number;

    return slice_to_u64(s, &number);
}

/* tcp://10.0.0.1:80, as for CSIDECAR_PORT where a service is called "csidecar". */
static bool value_injected(struct slice value)
{
    return slice_starts_with(value, SLICE("tcp://")) ||
           slice_starts_with(value, SLICE("udp://")) ||
           slice_starts_with(value, SLICE("sctp://"));
}

/* Without `end`, if it ends so. */
static struct slice before(struct slice s, const char *end)
{
    return ends_with(s, end) ? slice_first(s, s.size - strlen(end)) : s;
}

/* ..._PORT_80_TCP[_PROTO|_PORT|_ADDR] */
static bool is_port_variable(struct slice name)
{
    struct slice rest = before(before(before(name, "_PROTO"), "_ADDR"), "_PORT");
    size_t digits;

    rest = before(before(rest, "_TCP"), "_UDP");
    digits = rest.size;
    while (digits && rest.base[digits - 1] != '_')
        digits--;
    return ends_with(slice_first(rest, digits), "_PORT_") &&
           is_digits(slice_after(rest, digits));
}

/* ..._SERVICE_HOST, ..._SERVICE_PORT[_NAME] and the above. */
static bool name_injected(struct slice name)
{
    return ends_with(name, "_SERVICE_HOST") || ends_with(name, "_SERVICE_PORT") ||
           memmem(name.base, name.size, "_SERVICE_PORT_", 14) || is_port_variable(name);
}

static bool listed(struct slice name, const char *const *names)
{
    for (; names && *names; names++)
        if (slice_is(name, *names))
            return true;
    return false;
}

static enum err variable_ignored(struct slice name)
{
    char shown[NAME_SIZE];

    log_warn("config.ignored", "variable=%s reason=\"looks injected by Kubernetes\"",
             log_quote(shown, sizeof(shown), name));
    return ERR_OK;
}

static enum err variable_take(struct tree *t, const struct field *fields,
                              struct slice name, struct slice value, struct why *w)
{
    struct search s;
    char origin[NAME_SIZE];

    search_init(&s, name, VARIABLE, variable_name);
    search_run(&s, fields);
    if (value_injected(value) || (!s.found.field && name_injected(name)))
        return variable_ignored(name);
    if (!s.found.field)
        return search_refuse(&s, w, "unknown variable");
    variable_name(origin, s.found.path);
    return tree_set(t, s.found.path, value, origin, false, w);
}

enum err settings_environment(struct tree *t, const struct field *fields,
                              char *const environment[], const char *const *ignored,
                              struct why *w)
{
    enum err e = ERR_OK;

    for (; *environment && !e; environment++) {
        struct slice value = slice_of(*environment);
        struct slice name = slice_first(value, slice_find(value, '='));

        value = slice_after(value, name.size + 1);
        if (slice_starts_with(name, SLICE(VARIABLE)) && value.size &&
            !listed(name, ignored))
            e = variable_take(t, fields, name, value, w);
    }
    return e;
}
