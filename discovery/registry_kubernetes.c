/* Kubernetes: its EndpointSlices, and go-micro's records in the annotations of pods: see kubernetes_parts.h. */
#include <stdio.h>

#include "discovery/kubernetes_parts.h"
#include "sidecar/core/log.h"

enum { READ_BOTH, READ_SLICES, READ_PODS };

static const char *const reads[] = {"both", "slices", "pods", NULL};

/* clang-format off */
static const struct field options[] = {
    TEXT    (struct kubernetes, namespace_option, "namespace", NULL, "in place of the URL's path, and the account's own"),
    TEXT    (struct kubernetes, pod_option, "pod", NULL, "that bears our records; else $POD_NAME, or the host name"),
    CHOICE  (struct kubernetes, read, "read", "both", reads, "what tells of instances: EndpointSlices, go-micro's records in pods"),
    TEXT    (struct kubernetes, port, "port", NULL, "the name of an EndpointSlice's port; else http, or the first"),
    DURATION(struct kubernetes, watch_ms, "watch", "2m", 1000, 600 * 1000, "how long a watch is kept before it is asked for anew"),
    TEXT    (struct kubernetes, account, "account", "/var/run/secrets/kubernetes.io/serviceaccount", "the folder of the pod's service account"),
    TEXT    (struct kubernetes, token_option, "token", NULL, "in place of registry.token", .flags = FIELD_SECRET),
    FIELDS_END,
};
/* clang-format on */

void kubernetes_complain(struct kubernetes *k, const char *kind, const char *object,
                         const char *reason)
{
    char name[KUBERNETES_NAME_LIMIT * 2], words[256];
    unsigned held_back = 0;

    if (!complaints_may_log(&k->complaints, loop_now(k->base.loop), slice_of(object),
                            slice_of(reason), &held_back))
        return;
    log_warn("registry.bad_record",
             "registry=kubernetes kind=%s name=\"%s\" reason=\"%s\" held_back=%u", kind,
             log_quote(name, sizeof(name), slice_of(object)),
             log_quote(words, sizeof(words), slice_of(reason)), held_back);
}

static enum err kubernetes_open(struct registry *r, struct why *w)
{
    struct kubernetes *k = kubernetes_of(r);
    enum err e = kubernetes_account_open(k, w);

    if (!e)
        e = registry_http_open(&k->http, r, KUBERNETES_PORT, w);
    if (e)
        return e;
    list_init(&k->records);
    list_init(&k->writers);
    kubernetes_services_init(k);
    kubernetes_feed_init(&k->feeds[0], k, &kubernetes_slices);
    kubernetes_feed_init(&k->feeds[1], k, &kubernetes_pods);
    k->feeds[0].is_used = k->read != READ_PODS;
    k->feeds[1].is_used = k->read != READ_SLICES;
    return ERR_OK;
}

static void on_http_closed(struct registry_http *h)
{
    struct kubernetes *k = container_of(h, struct kubernetes, http);

    for (unsigned i = 0; i < 2; i++)
        kubernetes_feed_fini(&k->feeds[i]);
    map_fini(&k->services);
    k->base.closed(&k->base);
}

void kubernetes_end_if_done(struct kubernetes *k)
{
    if (!k->closing || k->ended || k->watch_count > 0 || !list_empty(&k->records) ||
        !kubernetes_feed_is_over(&k->feeds[0]) || !kubernetes_feed_is_over(&k->feeds[1]))
        return;
    k->ended = true;
    for (unsigned i = 0; i < 2; i++)
        kubernetes_objects_free(&k->feeds[i]);
    timer_stop(&k->turn, kubernetes_clock(k));
    registry_http_close(&k->http, on_http_closed);
}

static void kubernetes_close(struct registry *r)
{
    struct kubernetes *k = kubernetes_of(r);

    k->closing = true;
    kubernetes_records_close(k);
    kubernetes_services_close(k);
    kubernetes_end_if_done(k);
}

const struct registry_ops registry_kubernetes = {
    .scheme = "kubernetes",
    .size = sizeof(struct kubernetes),
    .abilities =
        REGISTRY_WRITES | REGISTRY_LISTS_NAMES | REGISTRY_REMEMBERS | REGISTRY_TLS,
    .options = options,
    .open = kubernetes_open,
    .watch = kubernetes_watch,
    .unwatch = kubernetes_unwatch,
    .watch_names = kubernetes_watch_names,
    .unwatch_names = kubernetes_unwatch_names,
    .put = kubernetes_put,
    .renew = kubernetes_renew,
    .remove = kubernetes_remove,
    .close = kubernetes_close,
};
