#include "discovery/mdns_record.h"

#include "discovery/micro_service.h"
#include "discovery/micro_zlib.h"

/* go-micro's watchers pass over a record without a version. */
static void add_json(struct text *json, const struct registration *r)
{
    const char *version = r->version && *r->version ? r->version : "latest";
    struct instance i = registration_instance(r);

    text_addf(json, "{\"Service\":");
    text_add_json(json, slice_of(r->service));
    text_addf(json, ",\"Version\":");
    text_add_json(json, slice_of(version));
    text_addf(json, ",\"Endpoints\":");
    micro_endpoints_write(json, r->endpoints);
    text_addf(json, ",\"Metadata\":");
    micro_metadata_write(json, &i);
    text_addf(json, "}");
}

enum err mdns_record_encode(const struct registration *r, struct text *out)
{
    struct text json, hex;
    enum err e;

    text_init(&json, MICRO_INFLATE_LIMIT);
    text_init(&hex, MDNS_TXT_LIMIT);
    add_json(&json, r);
    e = json.failed ? ERR_TOO_LARGE : micro_deflate(&hex, text_slice(&json));
    if (!e)
        text_add(out, text_slice(&hex));
    text_fini(&hex);
    text_fini(&json);
    return e ? e : out->failed ? ERR_NO_MEMORY : ERR_OK;
}

static enum err take_record(struct mdns_record *r, const json_t *root, struct why *w)
{
    enum err e;

    if (!json_is_object(root))
        return why(w, ERR_BAD_RECORD, "its TXT is no JSON object");
    e = micro_text_read(&r->service, root, "Service", &r->memory, w);
    if (!e)
        e = micro_text_read(&r->instance.version, root, "Version", &r->memory, w);
    if (!e)
        e = micro_endpoints_read(&r->instance, micro_json_member(root, "Endpoints"),
                                 &r->memory, w);
    return e ? e
             : micro_metadata_read(&r->instance, micro_json_member(root, "Metadata"),
                                   &r->memory, w);
}

static enum err parse(struct mdns_record *r, struct slice text, struct why *w)
{
    json_t *root = micro_json_load(text, w);
    enum err e = root ? take_record(r, root, w) : ERR_BAD_RECORD;

    json_decref(root);
    if (e)
        mdns_record_fini(r);
    return e;
}

enum err mdns_record_decode(struct mdns_record *r, struct slice hex, struct why *w)
{
    struct text json;
    enum err e;

    *r = (struct mdns_record){0};
    text_init(&json, MICRO_INFLATE_LIMIT);
    e = micro_inflate(&json, hex, MICRO_INFLATE_LIMIT, w);
    if (!e)
        e = parse(r, text_slice(&json), w);
    text_fini(&json);
    return e;
}

void mdns_record_fini(struct mdns_record *r)
{
    memory_free(&r->memory);
    *r = (struct mdns_record){0};
}
