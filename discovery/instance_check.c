/* Records come from strangers: what they say ends in response heads, logs and terminals. */
#include "discovery/instance.h"
#include "sidecar/core/utf8.h"

static bool is_utf8(const char *text)
{
    struct slice rest = slice_of(text);
    size_t step = 1;

    while (rest.size > 0 && step > 0) {
        step = utf8_size(rest);
        rest = slice_after(rest, step);
    }
    return step > 0;
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (utf8_control_size(text))
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
    if (!e && i->endpoints)
        e = check_text("the list of endpoints", i->endpoints, INSTANCE_ENDPOINTS_LIMIT,
                       w);
    return e ? e : check_metadata(&i->metadata, w);
}
