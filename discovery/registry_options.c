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

static enum err read_query(struct tree *t, const struct registry *r, struct why *w)
{
    struct slice rest = r->url.query;
    enum err e = ERR_OK;

    while (rest.base && rest.size && !e)
        e = set_option(t, r, slice_next(&rest, '&'), w);
    return e;
}

enum err registry_options(struct registry *r, struct why *w)
{
    struct tree t = {0};
    enum err e;

    if (!r->ops->options)
        return r->url.query.size ? why(w, ERR_BAD_VALUE, "it takes no options after '?'")
                                 : ERR_OK;
    e = read_query(&t, r, w);
    if (!e)
        e = settings_decode(r->ops->options, t.root, r, &r->memory, w);
    tree_free(&t);
    return e;
}
