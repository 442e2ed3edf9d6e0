#include "discovery/mdns_record.h"

#include <jansson.h>
#include <stdlib.h>
#include <zlib.h>

/* Encoding */

static void add_pair(struct text *json, const char *key, const char *value)
{
    text_add_json(json, slice_of(key));
    text_addf(json, ":");
    text_add_json(json, slice_of(value));
}

static bool pairs_have(const struct pairs *pairs, const char *key)
{
    for (unsigned i = 0; i < pairs->count; i++)
        if (strcmp(pairs->items[i].key, key) == 0)
            return true;
    return false;
}

static void add_metadata(struct text *json, const struct registration *r)
{
    const char *comma = "";

    if (!pairs_have(&r->metadata, "protocol")) {
        text_addf(json, "\"protocol\":\"http\"");
        comma = ",";
    }
    if (r->weight > 1 && !pairs_have(&r->metadata, "weight")) {
        text_addf(json, "%s\"weight\":\"%u\"", comma, r->weight);
        comma = ",";
    }
    for (unsigned i = 0; i < r->metadata.count; i++, comma = ",") {
        text_addf(json, "%s", comma);
        add_pair(json, r->metadata.items[i].key, r->metadata.items[i].value);
    }
}

/* go-micro's watchers pass over a record without a version. */
static void add_json(struct text *json, const struct registration *r)
{
    const char *version = r->version && *r->version ? r->version : "latest";

    text_addf(json, "{");
    add_pair(json, "Service", r->service);
    text_addf(json, ",");
    add_pair(json, "Version", version);
    text_addf(json, ",\"Endpoints\":[],\"Metadata\":{");
    add_metadata(json, r);
    text_addf(json, "}}");
}

static enum err add_hex(struct text *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    if (size * 2 > MDNS_TXT_LIMIT)
        return ERR_TOO_LARGE;
    for (size_t i = 0; i < size; i++) {
        char pair[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};

        text_add(out, slice_from(pair, 2));
    }
    return out->failed ? ERR_NO_MEMORY : ERR_OK;
}

static enum err add_deflated(struct text *out, struct slice json)
{
    uLongf size = compressBound(json.size);
    uint8_t *bytes = malloc(size);
    enum err e;

    if (!bytes)
        return ERR_NO_MEMORY;
    if (compress(bytes, &size, (const uint8_t *)json.base, json.size) == Z_OK)
        e = add_hex(out, bytes, size);
    else
        e = ERR_NO_MEMORY;
    free(bytes);
    return e;
}

enum err mdns_record_encode(const struct registration *r, struct text *out)
{
    struct text json;
    enum err e;

    text_init(&json, MDNS_INFLATE_LIMIT);
    add_json(&json, r);
    e = json.failed ? ERR_TOO_LARGE : add_deflated(out, text_slice(&json));
    text_fini(&json);
    return e;
}

/* Decoding */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static enum err hex_decode(uint8_t *out, struct slice hex, struct why *w)
{
    if (hex.size == 0 || hex.size % 2)
        return why(w, ERR_BAD_RECORD, "its TXT is empty or of odd length");
    for (size_t i = 0; i < hex.size / 2; i++) {
        int high = hex_digit(hex.base[2 * i]), low = hex_digit(hex.base[2 * i + 1]);

        if (high < 0 || low < 0)
            return why(w, ERR_BAD_RECORD, "its TXT is not hexadecimal");
        out[i] = (uint8_t)(high << 4 | low);
    }
    return ERR_OK;
}

/* One call of inflate() into a buffer of the whole limit: what does not fit is a bomb. */
static enum err inflate_bounded(char *out, size_t *size, uint8_t *in, size_t in_size,
                                struct why *w)
{
    z_stream z = {.next_in = in,
                  .avail_in = (uInt)in_size,
                  .next_out = (uint8_t *)out,
                  .avail_out = (uInt)*size};
    int result;

    if (inflateInit(&z) != Z_OK)
        return ERR_NO_MEMORY;
    result = inflate(&z, Z_FINISH);
    *size = z.total_out;
    inflateEnd(&z);
    if (result == Z_STREAM_END)
        return ERR_OK;
    if (z.avail_out == 0)
        return why(w, ERR_TOO_LARGE, "its TXT inflates to more than %d KiB",
                   MDNS_INFLATE_LIMIT / 1024);
    return why(w, ERR_BAD_RECORD, "its TXT is not zlib data, or is cut short");
}

/* jansson would recurse 2048 levels deep. */
static bool json_is_shallow(struct slice json)
{
    unsigned depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < json.size; i++) {
        char c = json.base[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '[') && ++depth > MDNS_JSON_DEPTH)
            return false;
        else if (!quoted && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return true;
}

/* The exact key, else one that differs in case: Go reads either. */
static json_t *member(json_t *object, const char *name)
{
    json_t *exact = json_object_get(object, name), *value;
    const char *key;

    if (exact)
        return exact;
    json_object_foreach(
        object, key,
        value) if (slice_equals_nocase(slice_of(key), slice_of(name))) return value;
    return NULL;
}

static enum err take_text(char **out, json_t *object, const char *name, struct why *w)
{
    json_t *value = member(object, name);

    if (value && !json_is_null(value) && !json_is_string(value))
        return why(w, ERR_BAD_RECORD, "%s is no text", name);
    *out = slice_dup(slice_of(json_is_string(value) ? json_string_value(value) : ""));
    return *out ? ERR_OK : ERR_NO_MEMORY;
}

static bool take_weight(struct mdns_record *r, const char *key, const char *value)
{
    uint64_t weight;

    if (strcmp(key, "weight") != 0 || !slice_to_u64(slice_of(value), &weight))
        return false;
    if (weight < 1 || weight > UINT16_MAX)
        return false;
    r->weight = (uint32_t)weight;
    return true;
}

static enum err take_pair(struct mdns_record *r, const char *key, json_t *value,
                          size_t *bytes, struct why *w)
{
    struct pair *pair = &r->metadata.items[r->metadata.count];

    if (!json_is_string(value))
        return why(w, ERR_BAD_RECORD, "a value in Metadata is no text");
    if (take_weight(r, key, json_string_value(value)))
        return ERR_OK;
    *bytes += strlen(key) + json_string_length(value);
    if (*bytes > INSTANCE_METADATA_LIMIT)
        return why(w, ERR_TOO_LARGE, "more than %d KiB of Metadata",
                   INSTANCE_METADATA_LIMIT / 1024);
    pair->key = slice_dup(slice_of(key));
    pair->value = slice_dup(slice_of(json_string_value(value)));
    r->metadata.count++;
    return pair->key && pair->value ? ERR_OK : ERR_NO_MEMORY;
}

static enum err take_metadata(struct mdns_record *r, json_t *object, struct why *w)
{
    size_t bytes = 0;
    json_t *value;
    const char *key;
    enum err e;

    if (!object || json_is_null(object))
        return ERR_OK;
    if (!json_is_object(object))
        return why(w, ERR_BAD_RECORD, "Metadata is no object");
    if (json_object_size(object) > INSTANCE_PAIRS_LIMIT)
        return why(w, ERR_TOO_LARGE, "more than %d pairs of Metadata",
                   INSTANCE_PAIRS_LIMIT);
    r->metadata.items = calloc(json_object_size(object) + 1, sizeof(struct pair));
    if (!r->metadata.items)
        return ERR_NO_MEMORY;
    json_object_foreach(object, key, value)
    {
        e = take_pair(r, key, value, &bytes, w);
        if (e)
            return e;
    }
    return ERR_OK;
}

static enum err check_endpoints(json_t *endpoints, struct why *w)
{
    if (!endpoints || json_is_null(endpoints) || json_is_array(endpoints))
        return ERR_OK;
    return why(w, ERR_BAD_RECORD, "Endpoints is no list");
}

static enum err take_record(struct mdns_record *r, json_t *root, struct why *w)
{
    enum err e;

    if (!json_is_object(root))
        return why(w, ERR_BAD_RECORD, "its TXT is no JSON object");
    e = take_text(&r->service, root, "Service", w);
    if (!e)
        e = take_text(&r->version, root, "Version", w);
    if (!e)
        e = check_endpoints(member(root, "Endpoints"), w);
    return e ? e : take_metadata(r, member(root, "Metadata"), w);
}

static enum err parse(struct mdns_record *r, struct slice text, struct why *w)
{
    json_t *root;
    enum err e;

    if (!json_is_shallow(text))
        return why(w, ERR_BAD_RECORD, "its JSON is nested deeper than %d",
                   MDNS_JSON_DEPTH);
    root = json_loadb(text.base, text.size, 0, NULL);
    if (!root)
        return why(w, ERR_BAD_RECORD, "its TXT is not JSON");
    r->weight = 1;
    e = take_record(r, root, w);
    json_decref(root);
    if (e)
        mdns_record_fini(r);
    return e;
}

enum err mdns_record_decode(struct mdns_record *r, struct slice hex, struct why *w)
{
    size_t size = MDNS_INFLATE_LIMIT;
    uint8_t *deflated = malloc(hex.size / 2 + 1);
    char *json = malloc(size);
    enum err e = deflated && json ? ERR_OK : ERR_NO_MEMORY;

    *r = (struct mdns_record){0};
    if (!e)
        e = hex_decode(deflated, hex, w);
    if (!e)
        e = inflate_bounded(json, &size, deflated, hex.size / 2, w);
    if (!e)
        e = parse(r, slice_from(json, size), w);
    free(json);
    free(deflated);
    return e;
}

void mdns_record_fini(struct mdns_record *r)
{
    for (unsigned i = 0; i < r->metadata.count; i++) {
        free((char *)r->metadata.items[i].key);
        free((char *)r->metadata.items[i].value);
    }
    free(r->metadata.items);
    free(r->service);
    free(r->version);
    *r = (struct mdns_record){0};
}
