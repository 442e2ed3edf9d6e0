/* reply.h - answers of our own making: problems (RFC 9457) and the few resources under /_csidecar. */
#ifndef SIDECAR_REPLY_H
#define SIDECAR_REPLY_H

#include "sidecar/call.h"
#include "sidecar/core/text.h"

/* The problem for x->error as JSON. */
void reply_problem_body(const struct call *c, struct text *out);
/* A whole message; `fields`: further lines. */
void reply_message(struct text *out, unsigned status, struct slice content_type,
                   struct slice fields, struct slice body, bool close, bool head_only);
/* The problem as a whole message. */
void reply_problem(const struct call *c, struct text *out);
/* For when there is no memory for any other. */
struct slice reply_without_memory(void);
/* What stands under /_csidecar; returns the status. */
unsigned reply_own(const struct call *c, struct slice path, struct text *body);

#endif
