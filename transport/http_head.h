/* http_head.h - from the bytes of a head, and where its names stand, to a struct
 * http_head.
 *
 * llhttp has read these bytes before. It takes a bare LF for a line end, several spaces
 * for one and folded lines for values, so the lines are checked again here: each must
 * begin where the one before ended. A fold or a bare CR or LF is then a control character
 * inside of a value.
 */
#ifndef TRANSPORT_HTTP_HEAD_H
#define TRANSPORT_HTTP_HEAD_H

#include "transport/http_reader.h"

#define HTTP_SINGLE_IN_RESPONSES                                                         \
    (1ull << FIELD_ID_CONTENT_LENGTH | 1ull << FIELD_ID_TRANSFER_ENCODING)
#define HTTP_SINGLE_IN_REQUESTS                                                          \
    (HTTP_SINGLE_IN_RESPONSES | 1ull << FIELD_ID_HOST |                                  \
     1ull << FIELD_ID_CSIDECAR_SERVICE | 1ull << FIELD_ID_CSIDECAR_TIMEOUT |             \
     1ull << FIELD_ID_CSIDECAR_RETRIES | 1ull << FIELD_ID_CSIDECAR_INSTANCE)

struct http_raw {
    struct slice bytes;      /* with the empty line at its end */
    struct http_name *names; /* and one place more */
    unsigned count;
    struct http_name target; /* requests */
};

/* What stands between a colon and the CRLF at `end`, without the blanks around it. */
static inline struct slice http_value_trim(const char *value, const char *end)
{
    while (*value == ' ' || *value == '\t')
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return slice_from(value, end - value);
}

/* Field lines from byte `from` on. NULL, or what was wrong. Fields of `single` may occur
 * once. */
const char *http_fields_build(const struct http_raw *raw, uint32_t from, uint64_t single,
                              struct http_field *fields, uint64_t *present);
/* Fill *h; its fields stand in `fields`. On failure *problem says why. */
enum err http_request_build(const struct http_raw *raw, struct http_field *fields,
                            struct http_head *h, const char **problem);
enum err http_response_build(const struct http_raw *raw, bool to_head,
                             struct http_field *fields, struct http_head *h,
                             const char **problem);

#endif
