/* http_client_inside.h - between http_client.c (the life of a call) and http_client_words.c (its words). */
#ifndef TRANSPORT_HTTP_CLIENT_INSIDE_H
#define TRANSPORT_HTTP_CLIENT_INSIDE_H

#include "transport/http_client.h"

enum { HTTP_SERVER_TEXT = HOST_LIMIT + 16, HTTP_REQUEST_LIMIT = 256 * 1024 };

/* Defaults where nothing was set. ERR_BAD_VALUE: it would not make one request, and c->why says so. */
enum err http_call_check(struct http_call *c);
/* The request's head, into an empty text. */
void http_call_write(const struct http_call *c, struct text *out);
/* To whom, for messages. */
void http_call_server(const struct http_call *c, char out[HTTP_SERVER_TEXT]);

#endif
