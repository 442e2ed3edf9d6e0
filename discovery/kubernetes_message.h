/* kubernetes_message.h - what we read of Kubernetes' objects, and what we write into one (kubernetes.io/docs/reference:
 * EndpointSlice of discovery.k8s.io/v1, Pod of v1; using-api/api-concepts for lists, watches and versions; go-micro's
 * words are those of its kubernetes registry, v2.9.1).
 *
 * A record of go-micro's is a Service (micro_service.h) in an annotation of the pod that it is about:
 *
 *   labels:       micro.mu/type: service    micro.mu/selector-NAME: service
 *   annotations:  micro.mu/service-NAME: {"name":"users","version":"1.0",...,"nodes":[...]}
 *
 * Pure.
 */
#ifndef DISCOVERY_KUBERNETES_MESSAGE_H
#define DISCOVERY_KUBERNETES_MESSAGE_H

#include "discovery/micro_service.h"

enum {
    KUBERNETES_NAME_LIMIT = 253,   /* of an object (RFC 1123) */
    KUBERNETES_VERSION_LIMIT = 64, /* of a resourceVersion, which means nothing to us */
    KUBERNETES_SERVICE_LIMIT = 54, /* a label's name has 63 bytes, with "selector-" */
    KUBERNETES_GONE = 410, /* the status: what was asked from is too old to be known */
};

#define KUBERNETES_ANNOTATION "micro.mu/service-"

/* metadata.NAME of an object or a list; "" where it has none. */
const char *kubernetes_meta(const json_t *object, const char *name);

/* Is this resourceVersion lower than that? Versions that are no numbers are not. */
bool kubernetes_version_is_before(const char *a, const char *b);

/* What the lines of a watch can say. */
enum kubernetes_event {
    KUBERNETES_CHANGED,
    KUBERNETES_DELETED,
    KUBERNETES_BOOKMARK, /* nothing but a newer version */
    KUBERNETES_ERROR,    /* `object` is a Status */
    KUBERNETES_NO_EVENT, /* it is none of these */
};

enum kubernetes_event kubernetes_event_read(const json_t *line, const json_t **object);

/* The instances of one EndpointSlice: an endpoint that is ready, or that still serves while it ends (draining). Its port
 * is the one called `port`; NULL: "http", else the first of TCP. Without such a port there are none. A slice that is
 * malformed, or of addresses that are names, is ERR_BAD_RECORD, one that belongs to no Service ERR_NOT_FOUND; single bad
 * endpoints are left out and counted. */
enum err kubernetes_slice_read(struct micro_service *s, const json_t *slice,
                               const char *port, struct why *w);

/* Is it running, ready as far as it says, and not about to be deleted? */
bool kubernetes_pod_is_there(const json_t *pod);
/* Does this key of an annotation hold a record? Its value is then for micro_service_read(). */
bool kubernetes_is_record(const char *annotation);
/* Its record of this service, or NULL. */
const char *kubernetes_record_of(const json_t *pod, const char *service);

/* Our node among those that others in the same pod have registered. */
struct kubernetes_ours {
    const char *id;
    struct address address;
    struct slice record; /* the Service with our node alone; empty: ours is taken out */
};

/* Appends to `out` what the record `there` (NULL: none) becomes; nothing: no node is left. Nodes with our id or our
 * address are ours of former times. A record that can't be read is replaced. ERR_UNSUPPORTED: another version of the
 * service is in this pod. ERR_NO_MEMORY, ERR_TOO_LARGE. */
enum err kubernetes_merge(struct text *out, const char *there,
                          const struct kubernetes_ours *ours, struct why *w);
/* Is our node in it, as we would write it now? */
bool kubernetes_has_ours(const char *there, const struct kubernetes_ours *ours);

/* The body of a PATCH of a pod (RFC 7396), refused where the pod is not of this version any more. `record` empty: the
 * label and the annotation go. */
void kubernetes_write_patch(struct text *out, const char *version, const char *service,
                            struct slice record);

#endif
