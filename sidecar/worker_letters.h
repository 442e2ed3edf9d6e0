/* worker_letters.h - what goes between the control loop and a worker, and what the worker does with it. */
#ifndef SIDECAR_WORKER_LETTERS_H
#define SIDECAR_WORKER_LETTERS_H

#include "sidecar/worker.h"

/* From the worker to the control loop. Without memory nothing is sent: a want says so (ERR_NO_MEMORY), to be
 * repeated; ejections stay local. */
enum err worker_post_want(struct worker *w, const char *service);
void worker_post_ejected(struct worker *w, const char *service, const char *instance);
/* It could not begin to accept. */
void worker_post_failed(struct worker *w, const char *reason);
/* From the control loop, the last two letters: it halts, so that nothing comes from it to other workers; when all
 * have, it ends. */
void worker_post_halt(struct worker *w);
void worker_post_end(struct worker *w);

/* On the worker's thread. */
void worker_take_settings(struct worker *w, struct settings *settings);
void worker_take_list(struct worker *w, struct instance_list *list);
void worker_take_app(struct worker *w, struct instance_list *list);
void worker_take_forget(struct worker *w, struct slice service);
void worker_take_drain(struct worker *w, bool refuse);
void worker_halt(struct worker *w);
void worker_end(struct worker *w);
/* Both at once: where there are no other workers to wait for. */
void worker_close_all(struct worker *w);
void worker_close_listenings(struct worker *w, const enum gateway_kind *only);

#endif
