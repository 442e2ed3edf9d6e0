/* What a watch says: a line of JSON for each change. */
#include "discovery/kubernetes_parts.h"

enum { LINE_KEPT = 64 * 1024 /* of memory, after a longer one */ };

static void take_error(struct kubernetes_feed *f, const json_t *status)
{
    const char *message = json_string_value(json_object_get(status, "message"));
    json_int_t code = json_integer_value(json_object_get(status, "code"));

    if (code == KUBERNETES_GONE)
        kubernetes_feed_anew(f);
    kubernetes_feed_break_off(f, ERR_UNAVAILABLE,
                              message ? message : "the watch has failed");
}

static void take_event(struct kubernetes_feed *f, const json_t *line)
{
    const json_t *object;

    switch (kubernetes_event_read(line, &object)) {
    case KUBERNETES_CHANGED:
        kubernetes_object_take(f, object);
        kubernetes_feed_take_version(f, object);
        return;
    case KUBERNETES_DELETED:
        kubernetes_object_drop(f, kubernetes_meta(object, "name"));
        kubernetes_feed_take_version(f, object);
        return;
    case KUBERNETES_BOOKMARK:
        kubernetes_feed_take_version(f, object);
        return;
    case KUBERNETES_ERROR:
        take_error(f, object);
        return;
    case KUBERNETES_NO_EVENT:
        kubernetes_feed_break_off(f, ERR_BAD_RESPONSE,
                                  "a line of the watch is malformed");
    }
}

static void take_line(struct kubernetes_feed *f, struct slice text)
{
    json_t *line = json_loadb(text.base ? text.base : "", text.size, 0, NULL);

    take_event(f, line);
    json_decref(line);
}

void kubernetes_feed_piece(struct http_call *http, struct slice bytes)
{
    struct kubernetes_feed *f = container_of(http, struct kubernetes_feed, call.http);

    while (bytes.size > 0 && !f->is_broken) {
        size_t size = slice_find(bytes, '\n');

        text_add(&f->line, slice_first(bytes, size));
        if (f->line.failed) {
            kubernetes_feed_break_off(f, ERR_TOO_LARGE,
                                      "a line of the watch is too long");
            return;
        }
        if (size == bytes.size || http->status != 200)
            return;
        bytes = slice_after(bytes, size + 1);
        take_line(f, text_slice(&f->line));
        text_clear_to(&f->line, LINE_KEPT);
    }
}
