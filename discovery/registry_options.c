#include "discovery/registry_options.h"

#include "config/settings.h"

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | 0x20) : NULL;

    return at ? (int)(at - digits) : -1;
}

static bool is_escape(struct slice s, size_t at)
{
    return s.base[at] == '%' && at + 2 < s.size && hex_digit(s.base[at + 1]) >= 0 &&
           hex_digit(s.base[at + 2]) >= 0;
}

/* Into a buffer as large as any URL. */
static struct slice decode(struct slice s, char *out)
{
    size_t size = 0;

    for (size_t at = 0; at < s.size; at++) {
        bool escape = is_escape(s, at);

        out[size++] =
            escape ? (char)(hex_digit(s.base[at + 1]) * 16 + hex_digit(s.base[at + 2]))
                   : s.base[at];
        at += escape ? 2 : 0;
    }
    return slice_from(out, size);
}

bool registry_option(const struct registry_url *u, const char *key,
                     char out[sizeof((struct registry_url *)0)->storage])
{
    struct slice query = u->query, option;

    while (query.base && query.size) {
        option = slice_next(&query, '&');
        if (!slice_is(slice_first(option, slice_find(option, '=')), key))
            continue;
        option = decode(slice_after(option, slice_find(option, '=') + 1), out);
        out[option.size] = '\0';
        return true;
    }
    return false;
}

static enum err set_option(struct tree *t, const struct registry *r, struct slice option,
                           struct why *w)
{
    char buffer[sizeof r->url.storage], key[sizeof r->url.storage];
    size_t at = slice_find(option, '=');
    struct slice value =
        at < option.size ? decode(slice_after(option, at + 1), buffer) : SLICE("true");

    memcpy(key, option.base, at);
    key[at] = 0;
    return tree_set(t, key, value, r->url.text, false, w);
}

/* --- what any registry may be told --- */

enum use { USE_BOTH, USE_RESOLVE, USE_REGISTER };

struct common {
    struct tls_settings tls;
    int use;
};

static const char *const uses[] = {"both", "resolve", "register", NULL};

/* clang-format off */
static const struct field common_fields[] = {
    TEXT  (struct common, tls.ca_file, "ca_file", NULL, "in place of registry.tls.ca_file"),
    TEXT  (struct common, tls.cert_file, "cert_file", NULL, "in place of registry.tls.cert_file"),
    TEXT  (struct common, tls.key_file, "key_file", NULL, "in place of registry.tls.key_file"),
    TEXT  (struct common, tls.server_name, "server_name", NULL, "in place of registry.tls.server_name"),
    CHOICE(struct common, use, "use", "both", uses, "resolve: register nothing here; register: look nothing up here"),
    FIELDS_END,
};
/* clang-format on */

static bool is_common(struct slice option)
{
    struct slice key = slice_first(option, slice_find(option, '='));

    for (const struct field *f = common_fields; f->key; f++)
        if (slice_is(key, f->key))
            return true;
    return false;
}

/* Those of the frame, or those of the backend. */
static enum err read_query(struct tree *t, const struct registry *r, bool common,
                           struct why *w)
{
    struct slice rest = r->url.query;
    enum err e = ERR_OK;

    while (rest.base && rest.size && !e) {
        struct slice option = slice_next(&rest, '&');

        if (is_common(option) == common)
            e = set_option(t, r, option, w);
    }
    return e;
}

static enum err decode_query(struct registry *r, const struct field *fields, void *out,
                             bool common, struct why *w)
{
    struct tree t = {0};
    enum err e = read_query(&t, r, common, w);

    if (!e)
        e = settings_decode(fields, t.root, out, &r->memory, w);
    tree_free(&t);
    return e;
}

/* A copy: a reload takes the settings away. */
static enum err choose(const char **out, const char *own, const char *shared,
                       struct registry *r)
{
    if (!own && !shared)
        return ERR_OK;
    *out = own ? own : memory_copy(&r->memory, slice_of(shared));
    return *out ? ERR_OK : ERR_NO_MEMORY;
}

static enum err choose_tls(struct registry *r, const struct tls_settings *own)
{
    const struct tls_settings *shared = &r->environment->tls;
    enum err e = choose(&r->tls.ca_file, own->ca_file, shared->ca_file, r);

    if (!e) /* a certificate and its key belong together */
        e = choose(&r->tls.cert_file, own->cert_file, shared->cert_file, r);
    if (!e)
        e = choose(&r->tls.key_file, own->cert_file ? own->key_file : NULL,
                   own->cert_file ? own->key_file : shared->key_file, r);
    return e ? e : choose(&r->tls.server_name, own->server_name, shared->server_name, r);
}

static enum err common_options(struct registry *r, struct why *w)
{
    struct common c = {0};
    enum err e = decode_query(r, common_fields, &c, true, w);

    r->abilities = r->ops->abilities | REGISTRY_RESOLVES;
    if (c.use == USE_RESOLVE)
        r->abilities &= ~(unsigned)REGISTRY_WRITES;
    if (c.use == USE_REGISTER)
        r->abilities &= ~(unsigned)(REGISTRY_RESOLVES | REGISTRY_LISTS_NAMES);
    if (!e && c.use == USE_REGISTER && !(r->abilities & REGISTRY_WRITES))
        e = why(w, ERR_BAD_VALUE, "use: nothing can be registered in it");
    return e ? e : choose_tls(r, &c.tls);
}

static bool has_own(const struct registry *r)
{
    struct slice rest = r->url.query;

    while (rest.base && rest.size)
        if (!is_common(slice_next(&rest, '&')))
            return true;
    return false;
}

enum err registry_options(struct registry *r, struct why *w)
{
    enum err e = common_options(r, w);

    if (e)
        return e;
    if (r->ops->options)
        return decode_query(r, r->ops->options, r, false, w);
    return has_own(r) ? why(w, ERR_BAD_VALUE, "it takes no options of its own after '?'")
                      : ERR_OK;
}
