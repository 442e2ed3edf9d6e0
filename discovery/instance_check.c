/* Records come from strangers: what they say ends in response heads, logs and terminals. */
#include "discovery/instance.h"

/* The length of the UTF-8 sequence at `s` (RFC 3629 §4), or 0. */
static size_t utf8_sequence(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        return (s[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((s[0] & 0xf0) == 0xe0) {
        unsigned low = s[0] == 0xe0 ? 0xa0 : 0x80, high = s[0] == 0xed ? 0x9f : 0xbf;

        return s[1] >= low && s[1] <= high && (s[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        unsigned low = s[0] == 0xf0 ? 0x90 : 0x80, high = s[0] == 0xf4 ? 0x8f : 0xbf;

        return s[1] >= low && s[1] <= high && (s[2] & 0xc0) == 0x80 &&
                       (s[3] & 0xc0) == 0x80
                   ? 4
                   : 0;
    }
    return 0;
}

static bool is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t step = 1;

    for (; *at && step; at += step)
        step = utf8_sequence(at);
    return step != 0;
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static enum err check_text(const char *what, const char *text, size_t limit,
                           struct why *w)
{
    if (strnlen(text, limit + 1) > limit)
        return why(w, ERR_BAD_RECORD, "%s is longer than %zu bytes", what, limit);
    if (!is_utf8(text))
        return why(w, ERR_BAD_RECORD, "%s is not UTF-8", what);
    if (!is_printable(text))
        return why(w, ERR_BAD_RECORD, "%s has control characters", what);
    return ERR_OK;
}

static enum err check_pair(const struct pair *p, size_t *total, struct why *w)
{
    *total += strlen(p->key) + strlen(p->value);
    if (!p->key[0])
        return why(w, ERR_BAD_RECORD, "a metadata key is empty");
    if (*total > INSTANCE_METADATA_LIMIT)
        return why(w, ERR_BAD_RECORD, "metadata is longer than %d bytes",
                   INSTANCE_METADATA_LIMIT);
    if (!is_utf8(p->key) || !is_utf8(p->value))
        return why(w, ERR_BAD_RECORD, "metadata is not UTF-8");
    if (!is_printable(p->key))
        return why(w, ERR_BAD_RECORD, "a metadata key has control characters");
    return ERR_OK;
}

static enum err check_metadata(const struct pairs *p, struct why *w)
{
    size_t total = 0;
    enum err e = ERR_OK;

    if (p->count > INSTANCE_PAIRS_LIMIT)
        return why(w, ERR_BAD_RECORD, "more than %d metadata pairs",
                   INSTANCE_PAIRS_LIMIT);
    for (unsigned i = 0; i < p->count && !e; i++)
        e = check_pair(&p->items[i], &total, w);
    return e;
}

static enum err check_address(const struct address *a, struct why *w)
{
    if (address_is_path(a))
        return ERR_OK;
    if (address_port(a) == 0)
        return why(w, ERR_BAD_RECORD, "the address has no port");
    if (address_is_any(a))
        return why(w, ERR_BAD_RECORD, "the address is that of no host");
    return ERR_OK;
}

enum err instance_check(const struct instance *i, struct why *w)
{
    enum err e;

    if (!i->id || !i->id[0])
        return why(w, ERR_BAD_RECORD, "it has no id");
    e = check_text("the id", i->id, INSTANCE_ID_LIMIT, w);
    if (!e && i->version)
        e = check_text("the version", i->version, INSTANCE_ID_LIMIT, w);
    if (!e)
        e = check_address(&i->address, w);
    if (!e && (i->weight < 1 || i->weight > 65535))
        e = why(w, ERR_BAD_RECORD, "the weight is not from 1 to 65535");
    return e ? e : check_metadata(&i->metadata, w);
}
