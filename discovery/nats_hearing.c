/* From a message to what it says of a service. Most of it is about services nobody here asks for. */
#include "discovery/nats_parts.h"

static struct nats_service *find(struct nats *n, const char *name)
{
    return map_get(&n->services, slice_of(name));
}

static const char *name_in(const json_t *service)
{
    return json_string_value(micro_json_member(service, "name"));
}

static bool is_wanted(struct nats *n, const char *name)
{
    return n->names.is_watched || find(n, name);
}

/* What of it was good is taken. */
static void hear_instances(struct nats *n, const char *subject,
                           const struct micro_service *said, const struct why *w,
                           bool is_announcement)
{
    struct nats_service *s = find(n, said->name);

    if (said->refused > 0)
        nats_complain(n, subject, slice_of(said->name), w->text);
    if (said->count > 0)
        nats_names_hear(n, said->name);
    for (uint32_t i = 0; s && i < said->count; i++)
        nats_service_hear(s, &said->instances[i], is_announcement);
}

static void forget_instances(struct nats *n, const struct micro_service *said)
{
    struct nats_service *s = find(n, said->name);

    nats_names_doubt(n, said->name);
    for (uint32_t i = 0; s && i < said->count; i++)
        nats_service_forget(s, said->instances[i].id);
    if (s && said->count == 0)
        nats_service_doubt(s);
}

static enum err read_service(struct micro_service *said, json_t *json, struct why *w)
{
    const char *name = name_in(json);

    if (!name || !service_name_is_valid(slice_of(name)))
        return why(w, ERR_BAD_RECORD, "its service's name is none");
    if (json_array_size(micro_json_member(json, "nodes")) > NATS_NODES_LIMIT)
        return why(w, ERR_TOO_LARGE, "it has more than %d nodes", NATS_NODES_LIMIT);
    return micro_service_read_json(said, json, w);
}

static json_t *load(const struct nats_message *m, struct why *w)
{
    if (!m->is_cut)
        return micro_json_load(m->payload, w);
    why(w, ERR_TOO_LARGE, "it has %zu bytes", m->size);
    return NULL;
}

static struct slice name_or_nothing(const json_t *service)
{
    const char *name = name_in(service);

    return name ? slice_of(name) : SLICE("");
}

static bool may_answer(struct nats *n, const char *name)
{
    struct nats_service *s = find(n, name);

    return nats_round_answer(s ? &s->round : &n->names.round);
}

static enum err take_answer(struct nats *n, json_t *json, struct why *w)
{
    struct micro_service said;
    const char *name = name_in(json);
    enum err e;

    if (name && !is_wanted(n, name))
        return ERR_OK;
    if (name && !may_answer(n, name))
        return why(w, ERR_TOO_LARGE, "it has too many answers");
    e = read_service(&said, json, w);
    if (e)
        return e;
    hear_instances(n, "its inbox", &said, w, false);
    micro_service_fini(&said);
    return ERR_OK;
}

void nats_hear_answer(struct nats_subscription *s, const struct nats_message *m)
{
    struct nats *n = s->owner;
    struct why w;
    json_t *json = load(m, &w);

    if (!json || take_answer(n, json, &w))
        nats_complain(n, "its inbox", name_or_nothing(json), w.text);
    json_decref(json);
}

static enum err take_announcement(struct nats *n, const json_t *json, struct why *w)
{
    const char *action = json_string_value(micro_json_member(json, "Action"));
    json_t *service = (json_t *)micro_json_member(json, "Service");
    struct micro_service said;
    enum err e;

    if (!action || !json_is_object(service))
        return why(w, ERR_BAD_RECORD, "it is no announcement");
    if (name_in(service) && !is_wanted(n, name_in(service)))
        return ERR_OK;
    e = read_service(&said, service, w);
    if (e)
        return e;
    if (strcmp(action, "delete") == 0)
        forget_instances(n, &said);
    else
        hear_instances(n, n->watch_subject, &said, w, true);
    micro_service_fini(&said);
    return ERR_OK;
}

void nats_hear_announcement(struct nats_subscription *s, const struct nats_message *m)
{
    struct nats *n = s->owner;
    struct why w;
    json_t *json = load(m, &w);

    if (!json || take_announcement(n, json, &w))
        nats_complain(n, n->watch_subject,
                      name_or_nothing(json ? micro_json_member(json, "Service") : NULL),
                      w.text);
    json_decref(json);
}
