#include "discovery/consul_message.h"

#include <ctype.h>
#include <stdio.h>

#include "discovery/micro_service.h"

/* --- cutting --- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct slice *s)
{
    size_t at = 0;

    while (at < s->size && is_blank(s->base[at]))
        at++;
    *s = slice_after(*s, at);
}

bool consul_open(struct slice *rest, struct slice body, char bracket)
{
    skip_blanks(&body);
    if (body.size == 0 || body.base[0] != bracket)
        return false;
    *rest = slice_after(body, 1);
    return true;
}

/* Past the closing quote of a text that begins at `at`; past the end when it has none. */
static size_t skip_text(struct slice s, size_t at)
{
    for (at++; at < s.size && s.base[at] != '"'; at++)
        at += s.base[at] == '\\';
    return at + 1;
}

/* To the comma or bracket behind a value; past the end when there is none. */
static size_t skip_value(struct slice s)
{
    size_t at = 0, depth = 0;

    while (at < s.size) {
        char c = s.base[at];

        if (c == '"') {
            at = skip_text(s, at);
            continue;
        }
        if (depth == 0 && (c == ',' || c == ']' || c == '}'))
            return at;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at++;
    }
    return s.size + 1;
}

/* Over the comma before a member, unless that is the first one. */
static enum err begin_member(struct slice *rest, char close)
{
    skip_blanks(rest);
    if (rest->size > 0 && rest->base[0] == ',')
        *rest = slice_after(*rest, 1);
    skip_blanks(rest);
    if (rest->size == 0)
        return ERR_BAD_RESPONSE;
    return rest->base[0] == close ? ERR_NOT_FOUND : ERR_OK;
}

static enum err cut_value(struct slice *rest, struct slice *value)
{
    size_t size = skip_value(*rest);

    if (size > rest->size || size == 0)
        return ERR_BAD_RESPONSE;
    *value = slice_first(*rest, size);
    *rest = slice_after(*rest, size);
    return ERR_OK;
}

enum err consul_next_element(struct slice *rest, struct slice *element)
{
    enum err e = begin_member(rest, ']');

    return e ? e : cut_value(rest, element);
}

enum err consul_next_key(struct slice *rest, struct slice *key)
{
    enum err e = begin_member(rest, '}');
    struct slice value;
    size_t end;

    if (e)
        return e;
    end = rest->base[0] == '"' ? skip_text(*rest, 0) : rest->size + 1;
    if (end > rest->size)
        return ERR_BAD_RESPONSE;
    *key = slice_from(rest->base + 1, end - 2);
    *rest = slice_after(*rest, end);
    skip_blanks(rest);
    if (rest->size == 0 || rest->base[0] != ':')
        return ERR_BAD_RESPONSE;
    *rest = slice_after(*rest, 1);
    return cut_value(rest, &value);
}

/* --- reading --- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static bool is_maintenance(const char *check_id)
{
    return strncmp(check_id, "_service_maintenance:", 21) == 0 ||
           strcmp(check_id, "_node_maintenance") == 0;
}

struct checks {
    bool critical, maintenance, warning;
};

static struct checks look_at_checks(const json_t *checks)
{
    struct checks c = {0};

    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *check = json_array_get(checks, i);
        const char *status = text_of(check, "Status");
        bool critical = strcmp(status, "critical") == 0;
        bool maintenance = critical && is_maintenance(text_of(check, "CheckID"));

        c.maintenance |= maintenance;
        c.critical |= critical && !maintenance;
        c.warning |= strcmp(status, "warning") == 0;
    }
    return c;
}

/* Weights stand behind metadata's: everybody has them, and mostly 1. A weight of 0 is for nobody new. */
static void take_weight(struct consul_entry *e, const json_t *service, bool warning)
{
    const json_t *weight = json_object_get(json_object_get(service, "Weights"),
                                           warning ? "Warning" : "Passing");
    json_int_t number = json_integer_value(weight);

    if (!json_is_integer(weight) || number < 0 || number > UINT16_MAX)
        return;
    if (number == 0)
        e->health = CONSUL_IS_DRAINING;
    else if (number > 1 || warning)
        e->instance.weight = (uint32_t)number;
}

static void take_health(struct consul_entry *e, const json_t *root, const json_t *service)
{
    struct checks c = look_at_checks(json_object_get(root, "Checks"));

    e->health = c.critical      ? CONSUL_IS_DOWN
                : c.maintenance ? CONSUL_IS_DRAINING
                                : CONSUL_IS_UP;
    if (!c.critical)
        take_weight(e, service, c.warning);
    e->instance.draining = e->health == CONSUL_IS_DRAINING;
}

static enum err take_address(struct consul_entry *e, const json_t *root,
                             const json_t *service, struct why *w)
{
    const json_t *port = json_object_get(service, "Port");
    json_int_t number = json_is_integer(port) ? json_integer_value(port) : 0;
    const char *address = text_of(service, "Address");

    if (!*address)
        address = text_of(json_object_get(root, "Node"), "Address");
    if (number < 1 || number > 65535)
        return why(w, ERR_BAD_RECORD, "it has no port");
    return micro_address_read(&e->instance.address, address, (unsigned)number, w);
}

/* Of those whom another registered: Meta.version, or a tag "version=1.2". */
static const char *foreign_version(const json_t *service)
{
    const json_t *tags = json_object_get(service, "Tags");
    const char *version = text_of(json_object_get(service, "Meta"), "version");

    for (size_t i = 0; i < json_array_size(tags) && !*version; i++) {
        const char *tag = json_string_value(json_array_get(tags, i));

        if (tag && strncmp(tag, "version=", 8) == 0)
            version = tag + 8;
    }
    return version;
}

static enum err take_foreign(struct consul_entry *e, const json_t *service,
                             struct memory *m, struct why *w)
{
    json_t *meta = json_object_get(service, "Meta");
    json_t *copy = json_is_object(meta) ? json_copy(meta) : NULL;
    enum err error;

    json_object_del(copy, "version");
    error = micro_metadata_read(&e->instance, copy, m, w);
    json_decref(copy);
    return error;
}

static enum err take_version(struct consul_entry *e, const struct consul_tags *t,
                             const json_t *service, struct memory *m)
{
    e->instance.version =
        t->version ? t->version : memory_copy(m, slice_of(foreign_version(service)));
    return e->instance.version ? ERR_OK : ERR_NO_MEMORY;
}

/* What go-micro's tags say; of who has none, what Consul's own fields do. */
static enum err take_details(struct consul_entry *e, const json_t *service,
                             struct memory *m, struct why *w)
{
    struct consul_tags t;
    enum err error = consul_tags_read(&t, json_object_get(service, "Tags"), m, w);

    if (!error)
        error = take_version(e, &t, service, m);
    if (!error)
        error = t.metadata ? micro_metadata_read(&e->instance, t.metadata, m, w)
                           : take_foreign(e, service, m, w);
    if (!error)
        error = micro_endpoints_read(&e->instance, t.endpoints, m, w);
    consul_tags_fini(&t);
    return error;
}

static enum err take_id(struct consul_entry *e, const json_t *root, const json_t *service,
                        struct memory *m)
{
    e->instance.id = memory_copy(m, slice_of(text_of(service, "ID")));
    e->node = memory_copy(m, slice_of(text_of(json_object_get(root, "Node"), "Node")));
    return e->instance.id && e->node ? ERR_OK : ERR_NO_MEMORY;
}

static enum err read_entry(struct consul_entry *e, const json_t *root, const char *name,
                           struct memory *m, struct why *w)
{
    const json_t *service = json_object_get(root, "Service");
    enum err error;

    if (!json_is_object(service))
        return why(w, ERR_BAD_RECORD, "it has no Service");
    if (strcmp(text_of(service, "Service"), name) != 0)
        return why(w, ERR_BAD_RECORD, "it is of another service");
    error = take_id(e, root, service, m);
    if (!error)
        error = take_address(e, root, service, w);
    if (!error)
        error = take_details(e, service, m, w);
    if (error)
        return error;
    take_health(e, root, service);
    return instance_check(&e->instance, w);
}

enum err consul_entry_read(struct consul_entry *e, struct slice json, const char *service,
                           struct memory *m, struct why *w)
{
    json_t *root = micro_json_load(json, w);
    enum err error;

    *e = (struct consul_entry){.instance = {.weight = 1}};
    if (!root)
        return json.size > RECORD_LIMIT ? ERR_TOO_LARGE : ERR_BAD_RECORD;
    error = read_entry(e, root, service, m, w);
    json_decref(root);
    return error;
}

/* --- writing --- */

static bool key_fits(const char *key)
{
    size_t size = 0;

    for (; key[size]; size++)
        if (!isalnum((unsigned char)key[size]) && key[size] != '_' && key[size] != '-')
            return false;
    return size > 0 && size <= CONSUL_META_KEY && strncmp(key, "consul-", 7) != 0;
}

static bool add_meta(struct text *out, const char *comma, const char *key,
                     const char *value)
{
    if (!key_fits(key) || strlen(value) > CONSUL_META_VALUE)
        return false;
    text_addf(out, "%s\"%s\":", comma, key);
    text_add_json(out, slice_of(value));
    return true;
}

/* For everybody who does not know go-micro's tags; what Consul would refuse is in those alone. */
static void add_all_meta(struct text *out, const struct registration *r)
{
    struct instance i = registration_instance(r);
    unsigned count = 0;

    text_addf(out, ",\"Meta\":{");
    if (r->version && *r->version && !instance_metadata(&i, "version"))
        count += add_meta(out, "", "version", r->version);
    for (unsigned at = 0; at < r->metadata.count && count < CONSUL_META_PAIRS; at++)
        count += add_meta(out, count ? "," : "", r->metadata.items[at].key,
                          r->metadata.items[at].value);
    text_addf(out, "}");
}

void consul_check_id(char out[CONSUL_CHECK_LIMIT], const char *id)
{
    snprintf(out, CONSUL_CHECK_LIMIT, "service:%s", id);
}

static void add_check(struct text *out, const struct registration *r,
                      uint64_t deregister_ms)
{
    char check[CONSUL_CHECK_LIMIT], ttl[24], after[24];

    consul_check_id(check, r->id);
    text_addf(out, ",\"Check\":{\"CheckID\":");
    text_add_json(out, slice_of(check));
    text_addf(out,
              ",\"Name\":\"csidecar\",\"TTL\":\"%s\",\"Status\":\"passing\","
              "\"DeregisterCriticalServiceAfter\":\"%s\"}",
              duration_format(ttl, r->ttl_ms), duration_format(after, deregister_ms));
}

enum err consul_registration_write(struct text *out, const struct registration *r,
                                   uint64_t deregister_ms)
{
    char ip[ADDRESS_TEXT];
    enum err e;

    text_addf(out, "{\"ID\":");
    text_add_json(out, slice_of(r->id));
    text_addf(out, ",\"Name\":");
    text_add_json(out, slice_of(r->service));
    text_addf(out, ",\"Address\":\"%s\",\"Port\":%u,\"Tags\":[",
              address_ip(&r->address, ip), address_port(&r->address));
    e = consul_tags_write(out, r);
    if (e)
        return e;
    text_addf(out, "]");
    add_all_meta(out, r);
    text_addf(out, ",\"Weights\":{\"Passing\":%u,\"Warning\":1}",
              r->weight ? r->weight : 1);
    add_check(out, r, deregister_ms);
    text_addf(out, "}");
    return out->failed ? ERR_TOO_LARGE : ERR_OK;
}

void consul_add_escaped(struct text *out, const char *text)
{
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr("-._~", *text))
            text_add(out, slice_from(text, 1));
        else
            text_addf(out, "%%%02X", (unsigned char)*text);
    }
}
