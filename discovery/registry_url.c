/* URLs as people write them: scheme, then what the backend makes of the rest (RFC 3986 §3). */
#include "discovery/registry.h"
#include "sidecar/core/text.h"
#include "transport/http_server.h"

static struct slice cut(struct slice *rest, const char *ends)
{
    size_t at = 0;
    struct slice part;

    while (at < rest->size && !strchr(ends, rest->base[at]))
        at++;
    part = slice_first(*rest, at);
    *rest = slice_after(*rest, at);
    return part;
}

static bool is_scheme(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789+-.", s.base[i]))
            return false;
    return s.size > 0;
}

/* "consul+https": by TLS. "+http" says what is so anyway. */
static enum err cut_security(struct registry_url *u, struct why *w)
{
    size_t at = slice_find(u->scheme, '+');
    struct slice behind = slice_after(u->scheme, at + 1);

    if (at == u->scheme.size)
        return ERR_OK;
    u->is_tls = slice_is(behind, "tls") || slice_is(behind, "https");
    if (!u->is_tls && !slice_is(behind, "http") && !slice_is(behind, "tcp"))
        return why(w, ERR_BAD_VALUE,
                   "\"+%.*s\" behind a registry's scheme must be +tls or +https",
                   (int)behind.size, behind.base);
    u->scheme = slice_first(u->scheme, at);
    return ERR_OK;
}

static size_t find_last(struct slice s, char c)
{
    size_t at = s.size;

    while (at > 0 && s.base[at - 1] != c)
        at--;
    return at ? at - 1 : s.size;
}

static void parse_authority(struct registry_url *u, struct slice authority)
{
    size_t at = find_last(authority, '@');

    u->hosts = authority;
    if (at == authority.size)
        return;
    u->hosts = slice_after(authority, at + 1);
    u->user = slice_first(authority, at);
    at = slice_find(u->user, ':');
    u->password = slice_after(u->user, at + 1);
    u->user = slice_first(u->user, at);
}

static void parse_rest(struct registry_url *u, struct slice rest)
{
    if (slice_starts_with(rest, SLICE("//"))) {
        rest = slice_after(rest, 2);
        parse_authority(u, cut(&rest, "/?"));
    }
    u->path = cut(&rest, "?");
    u->query = slice_after(rest, 1);
}

static bool is_secret(struct slice key)
{
    return slice_is(key, "token") || slice_is(key, "password") ||
           slice_is(key, "secret") || slice_is(key, "key");
}

static void add_query(struct text *t, struct slice query)
{
    for (char before = '?'; query.base && query.size; before = '&') {
        struct slice value = slice_next(&query, '&');
        struct slice key = slice_first(value, slice_find(value, '='));

        text_addf(t, "%c", before);
        text_add(t, is_secret(key) ? key : value);
        if (is_secret(key))
            text_add(t, SLICE("=***"));
    }
}

static void add_authority(struct text *t, const struct registry_url *u)
{
    text_add(t, SLICE("//"));
    text_add(t, u->user);
    if (u->password.size)
        text_add(t, SLICE(":***"));
    if (u->user.size || u->password.size)
        text_add(t, SLICE("@"));
    text_add(t, u->hosts);
}

/* For messages, and the same for two spellings that mean the same: "local", "local:". */
static enum err write_text(struct registry_url *u)
{
    struct text t;
    enum err e;

    text_init(&t, 4 * sizeof u->text); /* what is too long is another matter */
    text_add(&t, u->scheme);
    if (u->is_tls)
        text_add(&t, SLICE("+tls"));
    if (u->hosts.size || u->path.size)
        text_add(&t, SLICE(":"));
    if (u->hosts.size)
        add_authority(&t, u);
    text_add(&t, u->path);
    add_query(&t, u->query);
    e = t.failed ? ERR_NO_MEMORY : t.size >= sizeof u->text ? ERR_BAD_VALUE : ERR_OK;
    if (!e && t.size)
        memcpy(u->text, t.base, t.size + 1);
    text_fini(&t);
    return e;
}

/* In its place, which is as long at least. All of it, or it stays as it stood: a password may well have a '%'. */
static struct slice decoded(struct registry_url *u, struct slice s)
{
    char plain[sizeof u->storage];

    if (!s.size || !percent_decode(s, plain, sizeof plain))
        return s;
    s.size = strlen(plain);
    memcpy(u->storage + (s.base - u->storage), plain, s.size);
    return s;
}

static bool has_blanks(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        if ((unsigned char)s.base[i] < 0x20 || s.base[i] == 0x7f)
            return true;
    return false;
}

enum err registry_url_parse(struct registry_url *u, struct slice text, struct why *w)
{
    struct slice rest;
    enum err e;

    *u = (struct registry_url){0};
    text = slice_trim(text);
    if (text.size == 0)
        return why(w, ERR_BAD_VALUE, "a registry URL is empty");
    if (text.size >= sizeof u->text)
        return why(w, ERR_BAD_VALUE, "a registry URL is longer than %zu bytes",
                   sizeof u->text - 1);
    if (has_blanks(text))
        return why(w, ERR_BAD_VALUE, "a registry URL has control characters");
    memcpy(u->storage, text.base, text.size);
    rest = slice_from(u->storage, text.size);
    u->scheme = cut(&rest, ":?");
    if (!is_scheme(u->scheme))
        return why(w, ERR_BAD_VALUE,
                   "\"%.*s\" is no registry URL: expected a scheme such as \"local\" or "
                   "\"consul://host:8500\"",
                   (int)text.size, text.base);
    e = cut_security(u, w);
    if (e)
        return e;
    parse_rest(u, rest.size && rest.base[0] == ':' ? slice_after(rest, 1) : rest);
    e = write_text(u);
    if (e == ERR_BAD_VALUE)
        return why(w, e, "a registry URL is too long");
    if (e)
        return why(w, e, "%s", err_text(e));
    u->user = decoded(u, u->user);
    u->password = decoded(u, u->password);
    return ERR_OK;
}
