/* http_validate.h - what a message may not contain, and what its head says about its
 * body.
 *
 * Pure functions over bytes. Where something is wrong, a sentence for a person is
 * returned (static); NULL means that all is well.
 */
#ifndef TRANSPORT_HTTP_VALIDATE_H
#define TRANSPORT_HTTP_VALIDATE_H

#include "transport/http.h"
#include "transport/http_text.h"

/* RFC 9110 §5.6.2. */
bool http_char_is_token(char c);
bool http_is_token(struct slice s);
/* RFC 9110 §5.5: no controls but HTAB. Most values are plain ASCII, which is quick to see. */
bool http_is_unusual_value(struct slice s);

static inline bool http_is_value(struct slice s)
{
    return text_is_plain(s.base, s.size) || http_is_unusual_value(s);
}

/* RFC 9112 §3.2, by method: origin-form, absolute-form, authority-form for CONNECT only,
 * '*' for OPTIONS only. Visible ASCII, no fragment, no userinfo. */
const char *http_target_problem(enum http_method method, struct slice target);
/* RFC 9110 §7.2: a name, an IPv4 or a bracketed IPv6 address, and perhaps a port up to
 * 65535. Names are of unreserved characters and %XX (RFC 3986 §3.2.2); the sub-delims
 * that it allows besides are refused: no host has them, but a list of two hosts does. */
const char *http_host_problem(struct slice host);

/* Fills framing, length, keep_alive, expect_continue, upgrade and connection_names from
 * the fields, and checks all there is to check about the fields of a request (ERR_BAD_REQUEST or
 * EXPECTATION) or a response (ERR_BAD_RESPONSE). `to_head`: the request was HEAD. */
enum err http_request_check(struct http_head *h, const char **problem);
enum err http_response_check(struct http_head *h, bool to_head, const char **problem);

/* May this field stand in trailers? Not what frames, routes or authorizes (RFC 9110
 * §6.5.1). */
bool http_field_may_trail(const struct http_field *f);

#endif
