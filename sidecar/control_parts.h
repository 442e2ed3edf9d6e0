/* control_parts.h - between the files of control: its life (control_life.c), reloads (control_reload.c). */
#ifndef SIDECAR_CONTROL_PARTS_H
#define SIDECAR_CONTROL_PARTS_H

#include "sidecar/control.h"

/* The start did not come off: ends at once. */
void control_give_up(struct control *c, const char *reason, int exit_code);
void control_init_drain(struct control *c);
enum err control_start_child(struct control *c, struct why *w);
enum err control_watch_signals(struct control *c, struct why *w);
enum err control_watch_config(struct control *c, struct why *w);
void control_unwatch_config(struct control *c);
void control_catalog_closed(struct catalog *catalog);
void control_apps_closed(void *owner);

#endif
