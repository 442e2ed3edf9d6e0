/* control_parts.h - between the files of control: its life (control_life.c), its workers
 * (control_workers.c), reloads (control_reload.c). */
#ifndef SIDECAR_CONTROL_PARTS_H
#define SIDECAR_CONTROL_PARTS_H

#include "sidecar/control.h"

/* The start did not come off: ends at once. */
void control_give_up(struct control *c, const char *reason, int exit_code);
void control_init_drain(struct control *c);
/* Started, and listening on all ports that are theirs. */
enum err control_start_workers(struct control *c, struct why *w);
void control_stop_workers(struct control *c);
/* The app of that number answers at another address: its ingress goes there. `owner`: the control. */
void control_app_moved(void *owner, unsigned app, const struct address *address);
enum err control_start_child(struct control *c, struct why *w);
enum err control_watch_signals(struct control *c, struct why *w);
enum err control_watch_config(struct control *c, struct why *w);
void control_unwatch_config(struct control *c);
/* Of settings that hold, but not well. */
void control_warn(const struct settings *s);
/* control_memory.c */
/* After the settings were read. */
void control_memory_init(struct control *c);
void control_memory_note_list(struct control *c);
/* Others have come. */
void control_memory_note_settings(struct control *c);
void control_memory_close(struct control *c);
void control_catalog_closed(struct catalog *catalog);
void control_apps_closed(void *owner);

#endif
