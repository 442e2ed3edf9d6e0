#include "discovery/gossip_user_state.h"

/* --- writing --- */

static void add_lease(struct text *out, const struct gossip_record *record,
                      const char *self)
{
    uint64_t now = clock_now(record->service->records->clock);
    const char *member = record->is_own ? self : record->member;

    if (record->lease_ns == 0)
        return;
    out->size--; /* the Service's closing brace */
    text_addf(out, ",\"lease\":{\"ms\":%llu,\"ns\":%llu,\"member\":",
              (unsigned long long)(record->ends_ms > now ? record->ends_ms - now : 0),
              (unsigned long long)record->lease_ns);
    text_add_json(out, slice_of(member ? member : ""));
    text_add(out, SLICE("}}"));
}

static bool add_record(struct text *out, const struct gossip_record *record,
                       const char *self, bool first)
{
    size_t before = out->size;

    if (!first)
        text_add(out, SLICE(","));
    micro_service_write_instance(out, record->service->name,
                                 gossip_record_instance(record));
    if (!out->failed)
        add_lease(out, record, self);
    if (!out->failed)
        return true;
    out->size = before;
    out->failed = false;
    return false;
}

static void add_service(struct text *out, struct gossip_service *s, const char *self)
{
    size_t before = out->size;
    bool first = true;

    if (before > 1)
        text_add(out, SLICE(","));
    text_add_json(out, slice_of(s->name));
    text_add(out, SLICE(":["));
    list_each(at, after, &s->all)
    {
        const struct gossip_record *record = gossip_record_of(at);

        if (gossip_record_is_there(record) && add_record(out, record, self, first))
            first = false;
    }
    text_add(out, SLICE("]"));
    if (first || out->failed) {
        out->size = before;
        out->failed = false;
    }
}

void gossip_user_state_write(struct text *out, struct gossip_records *r, const char *self)
{
    struct text state;

    text_init(&state, GOSSIP_STATE_LIMIT);
    text_add(&state, SLICE("{"));
    map_each(at, &r->services) add_service(&state, at->value, self);
    text_add(out, text_slice(&state));
    text_add(out, SLICE("}"));
    text_fini(&state);
}

/* --- reading --- */

struct scan {
    unsigned depth;
    bool quoted;
};

/* One character more; false: an escape took the next one, too. */
static bool is_escape(const struct scan *s, char c)
{
    return s->quoted && c == '\\';
}

static void scan(struct scan *s, char c)
{
    if (c == '"')
        s->quoted = !s->quoted;
    else if (!s->quoted && (c == '{' || c == '['))
        s->depth++;
    else if (!s->quoted && (c == '}' || c == ']') && s->depth > 0)
        s->depth--;
}

/* `at` stands on a Service's brace. */
static size_t service_size(struct slice s)
{
    struct scan state = {0};

    for (size_t i = 0; i < s.size; i++) {
        if (is_escape(&state, s.base[i])) {
            i++;
            continue;
        }
        scan(&state, s.base[i]);
        if (state.depth == 0)
            return i + 1;
    }
    return 0;
}

/* Skips keys and punctuation up to the next brace that opens a Service: any but the first of the text. */
enum err gossip_user_state_next(struct slice *rest, struct slice *service)
{
    struct scan state = {0};
    size_t size;

    for (size_t i = 0; i < rest->size; i++) {
        char c = rest->base[i];

        if (is_escape(&state, c)) {
            i++;
            continue;
        }
        if (!state.quoted && c == '{' && (i > 0 || rest->base[0] != '{')) {
            size = service_size(slice_after(*rest, i));
            *service = slice_first(slice_after(*rest, i), size);
            *rest = slice_after(*rest, i + size);
            return size ? ERR_OK : ERR_BAD_RECORD;
        }
        scan(&state, c);
    }
    return ERR_NOT_FOUND;
}

static uint64_t number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    json_int_t n = json_is_integer(value) ? json_integer_value(value) : 0;

    return n > 0 ? (uint64_t)n : 0;
}

struct gossip_lease_said gossip_lease_read(const json_t *root)
{
    const json_t *lease = json_object_get(root, "lease");
    const char *member = json_string_value(json_object_get(lease, "member"));

    return (struct gossip_lease_said){
        .ms = number(lease, "ms"), .ns = number(lease, "ns"), .member = slice_of(member)};
}
