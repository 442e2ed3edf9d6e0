#include "discovery/etcd_message.h"

#include <inttypes.h>

#include "sidecar/core/base64.h"

/* --- requests --- */

static void add_bytes(struct text *out, const char *name, struct slice bytes)
{
    text_addf(out, "\"%s\":\"", name);
    base64_encode(out, bytes);
    text_addf(out, "\"");
}

/* The first key behind all that begin so: its last byte and one (never 0xff: our keys are text). */
static void add_range_end(struct text *out, struct slice prefix)
{
    char end[ETCD_KEY_LIMIT];
    size_t size = prefix.size < sizeof(end) ? prefix.size : sizeof(end);

    memcpy(end, prefix.base, size);
    end[size - 1]++;
    text_addf(out, ",");
    add_bytes(out, "range_end", slice_from(end, size));
}

void etcd_write_range(struct text *out, struct slice key, bool is_prefix, bool keys_only)
{
    text_addf(out, "{");
    add_bytes(out, "key", key);
    if (is_prefix)
        add_range_end(out, key);
    text_addf(out, "%s}", keys_only ? ",\"keys_only\":true" : "");
}

void etcd_write_put(struct text *out, struct slice key, struct slice value,
                    uint64_t lease)
{
    text_addf(out, "{");
    add_bytes(out, "key", key);
    text_addf(out, ",");
    add_bytes(out, "value", value);
    text_addf(out, ",\"lease\":\"%" PRIu64 "\"}", lease);
}

void etcd_write_put_if_absent(struct text *out, struct slice key, struct slice value,
                              uint64_t lease)
{
    text_addf(out, "{\"compare\":[{\"target\":\"LEASE\",\"result\":\"EQUAL\",");
    add_bytes(out, "key", key);
    text_addf(out, ",\"lease\":\"%" PRIu64 "\"}],\"failure\":[{\"request_put\":", lease);
    etcd_write_put(out, key, value, lease);
    text_addf(out, "}]}");
}

void etcd_write_delete(struct text *out, struct slice key)
{
    text_addf(out, "{");
    add_bytes(out, "key", key);
    text_addf(out, "}");
}

void etcd_write_watch(struct text *out, struct slice prefix, uint64_t revision)
{
    text_addf(out, "{\"create_request\":{");
    add_bytes(out, "key", prefix);
    add_range_end(out, prefix);
    if (revision)
        text_addf(out, ",\"start_revision\":\"%" PRIu64 "\"", revision);
    text_addf(out, ",\"progress_notify\":true}}");
}

void etcd_write_grant(struct text *out, uint64_t ttl_s)
{
    text_addf(out, "{\"TTL\":\"%" PRIu64 "\"}", ttl_s);
}

void etcd_write_lease(struct text *out, uint64_t lease)
{
    text_addf(out, "{\"ID\":\"%" PRIu64 "\"}", lease);
}

void etcd_write_login(struct text *out, struct slice user, struct slice password)
{
    text_addf(out, "{\"name\":");
    text_add_json(out, user);
    text_addf(out, ",\"password\":");
    text_add_json(out, password);
    text_addf(out, "}");
}

/* --- answers --- */

uint64_t etcd_number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    uint64_t number = 0;

    if (json_is_integer(value) && json_integer_value(value) > 0)
        return (uint64_t)json_integer_value(value);
    if (json_is_string(value))
        (void)slice_to_u64(slice_of(json_string_value(value)), &number);
    return number;
}

enum err etcd_bytes(struct text *out, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!value)
        return ERR_OK;
    if (!json_is_string(value))
        return ERR_BAD_RECORD;
    return base64_decode(out, slice_of(json_string_value(value))) ? ERR_BAD_RECORD
                                                                  : ERR_OK;
}

/* gRPC's code and the server's words; some mistakes of ours come as "invalid argument". */
enum err etcd_error_of(struct slice body)
{
    static const struct {
        const char *words;
        enum err e;
    } known[] = {
        {"requested lease not found", ERR_NOT_FOUND   },
        {"invalid auth token",        ERR_UNAUTHORIZED},
        {"user name is empty",        ERR_UNAUTHORIZED},
        {"authentication failed",     ERR_DENIED      },
        {"authentication is not",     ERR_BAD_CONFIG  },
        {"permission denied",         ERR_DENIED      },
        {"has been compacted",        ERR_TRUNCATED   },
    };
    json_t *root = json_loadb(body.base, body.size, JSON_DISABLE_EOF_CHECK, NULL);
    const char *text = json_string_value(json_object_get(root, "message"));
    enum err e = ERR_OK;

    for (unsigned i = 0; text && i < sizeof(known) / sizeof(known[0]) && !e; i++)
        if (strstr(text, known[i].words))
            e = known[i].e;
    json_decref(root);
    return e;
}

enum err etcd_entry_read(struct etcd_entry *e, const json_t *kv, struct text *bytes)
{
    size_t key_size;
    enum err failed;

    *e = (struct etcd_entry){.revision = etcd_number(kv, "mod_revision")};
    e->is_new = e->revision == etcd_number(kv, "create_revision");
    text_clear(bytes);
    failed = etcd_bytes(bytes, kv, "key");
    key_size = bytes->size;
    if (!failed)
        failed = etcd_bytes(bytes, kv, "value");
    if (failed || key_size == 0)
        return ERR_BAD_RECORD;
    e->key = slice_from(bytes->base, key_size);
    e->value = slice_from(bytes->base + key_size, bytes->size - key_size);
    return ERR_OK;
}

/* A put has no type: it is the zero of its enum. */
enum err etcd_event_read(struct etcd_entry *e, const json_t *event, struct text *bytes)
{
    const char *type = json_string_value(json_object_get(event, "type"));
    enum err failed = etcd_entry_read(e, json_object_get(event, "kv"), bytes);

    e->is_delete = type && strcmp(type, "DELETE") == 0;
    return failed;
}
