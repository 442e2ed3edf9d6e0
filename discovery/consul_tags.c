/* go-micro's tags, in its two forms: "t-" and hex(zlib(JSON)), and the plain "t={...}" of its first versions. */
#include "discovery/consul_message.h"
#include "discovery/micro_service.h"
#include "discovery/micro_zlib.h"

enum { VERSION_LIMIT = 4 * 1024 };

/* --- writing --- */

static enum err add_tag(struct text *out, const char *kind, struct slice bytes)
{
    struct text hex;
    enum err e;

    text_init(&hex, RECORD_LIMIT);
    e = micro_deflate(&hex, bytes);
    if (!e)
        text_addf(out, "\"%s-%s\"", kind, hex.base);
    text_fini(&hex);
    return e ? e : out->failed ? ERR_TOO_LARGE : ERR_OK;
}

static enum err add_pair(struct text *out, const char *key, const char *value)
{
    struct text json;
    enum err e;

    text_init(&json, RECORD_LIMIT);
    text_addf(&json, "{");
    text_add_json(&json, slice_of(key));
    text_addf(&json, ":");
    text_add_json(&json, slice_of(value));
    text_addf(&json, "}");
    e = json.failed ? ERR_TOO_LARGE : add_tag(out, "t", text_slice(&json));
    text_addf(out, ",");
    text_fini(&json);
    return e;
}

/* go-micro takes a node without a protocol for an old RPC server. */
static enum err add_metadata(struct text *out, const struct registration *r)
{
    struct instance i = registration_instance(r);
    enum err e = ERR_OK;

    if (!instance_metadata(&i, "protocol"))
        e = add_pair(out, "protocol", "http");
    for (unsigned at = 0; at < r->metadata.count && !e; at++)
        e = add_pair(out, r->metadata.items[at].key, r->metadata.items[at].value);
    return e;
}

static enum err add_endpoint(struct text *out, const json_t *endpoint)
{
    char *json = json_dumps(endpoint, JSON_COMPACT);
    enum err e = json ? add_tag(out, "e", slice_of(json)) : ERR_NO_MEMORY;

    text_addf(out, ",");
    free(json);
    return e;
}

static enum err add_endpoints(struct text *out, const char *endpoints)
{
    json_t *all = endpoints ? json_loads(endpoints, 0, NULL) : NULL;
    enum err e = ERR_OK;

    for (size_t i = 0; i < json_array_size(all) && !e; i++)
        e = add_endpoint(out, json_array_get(all, i));
    json_decref(all);
    return e;
}

enum err consul_tags_write(struct text *out, const struct registration *r)
{
    const char *version = r->version && *r->version ? r->version : "latest";
    enum err e = add_metadata(out, r);

    if (!e)
        e = add_endpoints(out, r->endpoints);
    return e ? e : add_tag(out, "v", slice_of(version));
}

/* --- reading --- */

/* The bytes of a tag behind its kind. ERR_NOT_FOUND: it is no tag of go-micro's. */
static enum err open_tag(struct text *out, struct slice tag, struct why *w)
{
    enum err e;

    text_clear(out);
    if (tag.size < 3 || (tag.base[1] != '=' && tag.base[1] != '-'))
        return ERR_NOT_FOUND;
    if (tag.base[1] == '=' && tag.size - 2 >= out->limit)
        return why(w, ERR_TOO_LARGE, "its tags are longer than %d KiB",
                   MICRO_INFLATE_LIMIT / 1024);
    if (tag.base[1] == '=') {
        text_add(out, slice_after(tag, 2));
        return out->failed ? ERR_NO_MEMORY : ERR_OK;
    }
    e = micro_inflate(out, slice_after(tag, 2), out->limit - 1, NULL);
    if (e == ERR_TOO_LARGE)
        why(w, e, "its tags inflate to more than %d KiB", MICRO_INFLATE_LIMIT / 1024);
    return e == ERR_BAD_RECORD ? ERR_NOT_FOUND : e;
}

static json_t *open_object(struct text *bytes)
{
    json_t *root = micro_json_load(text_slice(bytes), NULL);

    if (json_is_object(root))
        return root;
    json_decref(root);
    return NULL;
}

static enum err take_metadata(struct consul_tags *t, struct text *bytes)
{
    json_t *pair = open_object(bytes);
    bool done;

    if (!pair)
        return ERR_NOT_FOUND;
    if (!t->metadata)
        t->metadata = json_object();
    done = t->metadata && json_object_update(t->metadata, pair) == 0;
    json_decref(pair);
    return done ? ERR_OK : ERR_NO_MEMORY;
}

static enum err take_endpoint(struct consul_tags *t, struct text *bytes)
{
    json_t *endpoint = open_object(bytes);

    if (!endpoint)
        return ERR_NOT_FOUND;
    if (!t->endpoints)
        t->endpoints = json_array();
    return json_array_append_new(t->endpoints, endpoint) == 0 ? ERR_OK : ERR_NO_MEMORY;
}

struct reader {
    struct consul_tags *tags;
    struct memory *memory;
    struct text bytes;
    size_t left;  /* of what all tags of a record may inflate to */
    char form[2]; /* of 't' and 'e': the first one there is counts, as for go-micro */
};

static enum err take_version(struct reader *r)
{
    if (r->tags->version)
        return ERR_OK;
    if (r->bytes.size > VERSION_LIMIT)
        return ERR_NOT_FOUND;
    r->tags->version = memory_copy(r->memory, text_slice(&r->bytes));
    return r->tags->version ? ERR_OK : ERR_NO_MEMORY;
}

static enum err take_tag(struct reader *r, struct slice tag, struct why *w)
{
    char kind = tag.size ? tag.base[0] : 0;
    char *form = kind == 't' ? &r->form[0] : kind == 'e' ? &r->form[1] : NULL;
    enum err e;

    if (kind != 'v' && (!form || tag.size < 3 || (*form && *form != tag.base[1])))
        return ERR_NOT_FOUND;
    r->bytes.limit = r->left + 1;
    e = open_tag(&r->bytes, tag, w);
    if (e)
        return e;
    r->left -= r->bytes.size;
    if (!form)
        return take_version(r);
    e = kind == 't' ? take_metadata(r->tags, &r->bytes)
                    : take_endpoint(r->tags, &r->bytes);
    if (!e)
        *form = tag.base[1];
    return e;
}

enum err consul_tags_read(struct consul_tags *t, const json_t *tags, struct memory *m,
                          struct why *w)
{
    struct reader r = {.tags = t, .memory = m, .left = MICRO_INFLATE_LIMIT};
    enum err e = ERR_OK;

    *t = (struct consul_tags){0};
    text_init(&r.bytes, MICRO_INFLATE_LIMIT);
    for (size_t i = 0; i < json_array_size(tags) && !e; i++) {
        const json_t *tag = json_array_get(tags, i);

        if (json_is_string(tag))
            e = take_tag(&r, slice_from(json_string_value(tag), json_string_length(tag)),
                         w);
        if (e == ERR_NOT_FOUND)
            e = ERR_OK;
    }
    text_fini(&r.bytes);
    return e;
}

void consul_tags_fini(struct consul_tags *t)
{
    json_decref(t->metadata);
    json_decref(t->endpoints);
    *t = (struct consul_tags){0};
}
