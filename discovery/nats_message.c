/* What stands in NATS's lines: the server's INFO, and all we write. */
#include <jansson.h>
#include <stdio.h>

#include "discovery/nats_protocol.h"

/* --- INFO --- */

static bool is_true(const json_t *root, const char *key)
{
    return json_is_true(json_object_get(root, key));
}

static void read_urls(struct nats_info *i, const json_t *urls)
{
    for (size_t at = 0; at < json_array_size(urls) && i->url_count < NATS_URLS_LIMIT;
         at++) {
        const char *url = json_string_value(json_array_get(urls, at));

        if (url && strlen(url) < sizeof *i->urls)
            snprintf(i->urls[i->url_count++], sizeof *i->urls, "%s", url);
    }
}

enum err nats_info_read(struct nats_info *i, struct slice json, struct why *w)
{
    json_t *root = json_loadb(json.base ? json.base : "", json.size, 0, NULL);
    json_int_t max = json_integer_value(json_object_get(root, "max_payload"));

    *i = (struct nats_info){.max_payload = max > 0 ? (uint64_t)max : 1024 * 1024};
    if (!json_is_object(root)) {
        json_decref(root);
        return why(w, ERR_BAD_RESPONSE, "its INFO is no JSON object");
    }
    i->auth_required = is_true(root, "auth_required");
    i->tls_required = is_true(root, "tls_required");
    i->tls_available = is_true(root, "tls_available");
    i->lame_duck = is_true(root, "ldm");
    read_urls(i, json_object_get(root, "connect_urls"));
    json_decref(root);
    return ERR_OK;
}

/* --- ours --- */

static void add_member(struct text *out, const char *key, const char *value)
{
    if (!value)
        return;
    text_addf(out, ",\"%s\":", key);
    text_add_json(out, slice_of(value));
}

void nats_write_connect(struct text *out, const struct nats_login *l)
{
    text_addf(out,
              "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\",\"version\":"
              "\"%s\",\"protocol\":1,\"tls_required\":%s",
              CSIDECAR_VERSION, l->tls_required ? "true" : "false");
    add_member(out, "name", l->name);
    add_member(out, "user", l->user);
    add_member(out, "pass", l->password);
    add_member(out, "auth_token", l->token);
    text_addf(out, "}\r\n");
}

void nats_write_pub(struct text *out, struct slice subject, struct slice reply,
                    size_t size)
{
    text_addf(out, "PUB %.*s %.*s%s%zu\r\n", (int)subject.size, subject.base,
              (int)reply.size, reply.size ? reply.base : "", reply.size ? " " : "", size);
}

void nats_write_sub(struct text *out, const char *subject, uint64_t sid)
{
    text_addf(out, "SUB %s %llu\r\n", subject, (unsigned long long)sid);
}

void nats_write_unsub(struct text *out, uint64_t sid)
{
    text_addf(out, "UNSUB %llu\r\n", (unsigned long long)sid);
}

static bool token_is_valid(struct slice token, bool wildcards, bool is_last)
{
    if (wildcards && (slice_is(token, "*") || (is_last && slice_is(token, ">"))))
        return true;
    for (size_t i = 0; i < token.size; i++)
        if ((unsigned char)token.base[i] <= ' ' || token.base[i] == 0x7f ||
            token.base[i] == '*' || token.base[i] == '>')
            return false;
    return token.size > 0;
}

bool nats_subject_is_valid(struct slice subject, bool wildcards)
{
    struct slice rest = subject;
    size_t end = 0;

    if (subject.size == 0 || subject.size > NATS_SUBJECT_LIMIT)
        return false;
    for (bool is_last = false; !is_last; rest = slice_after(rest, end + 1)) {
        end = slice_find(rest, '.');
        is_last = end == rest.size;
        if (!token_is_valid(slice_first(rest, end), wildcards, is_last))
            return false;
    }
    return true;
}
