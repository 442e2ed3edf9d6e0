/* downstream_parts.h - between the files of downstream: its life (downstream.c), reading and feeding
 * (downstream_feed.c), its timer (downstream_timer.c). */
#ifndef SIDECAR_DOWNSTREAM_PARTS_H
#define SIDECAR_DOWNSTREAM_PARTS_H

#include "sidecar/downstream.h"

/* downstream.c */
/* The request under way, if there is one, has lost its client. */
void downstream_drop_call(struct downstream *d);
/* Our FIN goes out behind what is queued; what still comes is thrown away for a while. */
void downstream_linger(struct downstream *d);
/* Ends when what is queued has been sent. */
void downstream_close_when_sent(struct downstream *d);

/* downstream_feed.c */
void downstream_feed(struct downstream *d, struct slice bytes);
void downstream_drop_tail(struct downstream *d);
/* The client's FIN. */
void downstream_input_ended(struct downstream *d);
/* Not HTTP, or not as we take it: an answer where one is still possible, and the end. */
void downstream_refuse(struct downstream *d, enum err e, const char *hint);

/* downstream_timer.c: what the timer waits for from now on. */
void downstream_on_timer(struct timer *t);
void downstream_watch_idle(struct downstream *d);
/* If a head has begun and not ended; else as it was. */
void downstream_watch_head(struct downstream *d);
/* Of one with a request under way. */
void downstream_watch_half_closed(struct downstream *d);
void downstream_watch_linger(struct downstream *d);

#endif
