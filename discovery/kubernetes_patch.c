/* Our node in a pod's record, beside those of others in the same pod. */
#include <stdlib.h>
#include <string.h>

#include "discovery/kubernetes_message.h"

/* Of former times, or another's that can't be any more: one address is one's alone. */
static bool is_ours(const json_t *node, const struct kubernetes_ours *ours)
{
    const char *id = json_string_value(micro_json_member(node, "id"));
    const char *address = json_string_value(micro_json_member(node, "address"));
    char text[ADDRESS_TEXT];

    return (id && strcmp(id, ours->id) == 0) ||
           (address && strcmp(address, address_format(&ours->address, text)) == 0);
}

/* NULL: there is none that can be read. */
static json_t *load(const char *there)
{
    json_t *root = there ? micro_json_load(slice_of(there), NULL) : NULL;

    if (json_is_object(root))
        return root;
    json_decref(root);
    return NULL;
}

static void drop_ours(json_t *nodes, const struct kubernetes_ours *ours)
{
    for (size_t i = json_array_size(nodes); i > 0; i--)
        if (is_ours(json_array_get(nodes, i - 1), ours))
            json_array_remove(nodes, i - 1);
}

static bool same_version(const json_t *a, const json_t *b)
{
    const char *one = json_string_value(micro_json_member(a, "version"));
    const char *other = json_string_value(micro_json_member(b, "version"));

    return strcmp(one ? one : "", other ? other : "") == 0;
}

static enum err write_json(struct text *out, const json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT);

    if (!text)
        return ERR_NO_MEMORY;
    text_add(out, slice_of(text));
    free(text);
    return out->failed ? ERR_TOO_LARGE : ERR_OK;
}

/* `theirs` may be NULL. */
static enum err join(struct text *out, const json_t *theirs, json_t *own, struct why *w)
{
    json_t *others = micro_json_member(theirs, "nodes");

    if (json_array_size(others) > 0 && !same_version(theirs, own))
        return why(w, ERR_UNSUPPORTED,
                   "another version of this service is registered by the same pod");
    if (json_array_size(others) > 0 &&
        json_array_extend(json_object_get(own, "nodes"), others))
        return why(w, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
    return write_json(out, own);
}

enum err kubernetes_merge(struct text *out, const char *there,
                          const struct kubernetes_ours *ours, struct why *w)
{
    json_t *theirs = load(there), *own = NULL;
    json_t *nodes = micro_json_member(theirs, "nodes");
    enum err e = ERR_OK;

    drop_ours(nodes, ours);
    if (ours->record.size > 0) {
        own = json_loadb(ours->record.base, ours->record.size, 0, NULL);
        e = own ? join(out, theirs, own, w) : ERR_NO_MEMORY;
    } else if (json_array_size(nodes) > 0) {
        e = write_json(out, theirs);
    }
    json_decref(own);
    json_decref(theirs);
    return e;
}

bool kubernetes_has_ours(const char *there, const struct kubernetes_ours *ours)
{
    json_t *theirs = load(there);
    json_t *own = json_loadb(ours->record.base, ours->record.size, 0, NULL);
    const json_t *node = json_array_get(json_object_get(own, "nodes"), 0);
    const json_t *nodes = micro_json_member(theirs, "nodes");
    bool found = false;

    for (size_t i = 0; i < json_array_size(nodes) && same_version(theirs, own); i++)
        found |= node && json_equal(json_array_get(nodes, i), node);
    json_decref(own);
    json_decref(theirs);
    return found;
}

void kubernetes_write_patch(struct text *out, const char *version, const char *service,
                            struct slice record)
{
    text_addf(out, "{\"metadata\":{\"resourceVersion\":");
    text_add_json(out, slice_of(version));
    text_addf(out,
              ",\"labels\":{\"micro.mu/type\":\"service\",\"micro.mu/selector-%s\":%s}",
              service, record.size ? "\"service\"" : "null");
    text_addf(out, ",\"annotations\":{\"" KUBERNETES_ANNOTATION "%s\":", service);
    if (record.size)
        text_add_json(out, record);
    else
        text_addf(out, "null");
    text_addf(out, "}}}");
}
