/* http_plain.h - heads that are whole and plain, read without llhttp.
 *
 * Nearly all are: a known method, a target that is a path, names of letters, digits and '-', values of visible ASCII,
 * CRLF everywhere. Those are read here, sixteen bytes at a time. What is anything else is not refused but left to
 * llhttp, which knows what it is. So this may accept only what llhttp and http_head.h accept, and must then say the
 * same of it: fuzz_request and fuzz_response hold both against each other.
 *
 * Slices point into `bytes`. Framing is not looked at: http_request_check(), http_response_check().
 */
#ifndef TRANSPORT_HTTP_PLAIN_H
#define TRANSPORT_HTTP_PLAIN_H

#include "transport/http.h"

/* Fills the start line, fields (in `fields`, HTTP_FIELD_LIMIT of them), count, present and lines of *h. Returns the size of
 * the head with its empty line, or 0: not plain, or not all of it is here; *h is then garbage. */
size_t http_plain_request(struct slice bytes, struct http_field *fields,
                          struct http_head *h);
size_t http_plain_response(struct slice bytes, struct http_field *fields,
                           struct http_head *h);

#endif
