/* control.h - the control loop: assembles everything, runs until the drain is done, takes it apart.
 *
 *   control_run: bind ports > registries > child > sandbox > workers > admin > apps > [ run, reload ... ] > drain > exit code
 *
 * Main thread. Talks to workers by letters only.
 */
#ifndef SIDECAR_CONTROL_H
#define SIDECAR_CONTROL_H

#include "discovery/catalog.h"
#include "sidecar/admin.h"
#include "sidecar/apps.h"
#include "sidecar/child.h"
#include "sidecar/drain.h"
#include "sidecar/ports.h"
#include "sidecar/sandbox.h"
#include "sidecar/sources.h"
#include "sidecar/worker.h"

/* What tells two states of a file apart. */
struct file_mark {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

/* A question to all workers; the answers are added up. */
struct report_question {
    struct list node;
    uint64_t missing; /* a bit for each worker */
    struct report *sum;
    bool failed; /* a part of it is missing */
    void *owner;
    /* r may be NULL (no memory); it is lent. Not called when report_cancel() came first. */
    void (*answered)(struct report_question *q, struct report *r);
};

struct control {
    struct loop loop;
    struct mailbox mailbox;
    struct random random;
    struct settings *settings;
    struct settings_input *input; /* for reloads */
    struct ports ports;
    struct sandbox sandbox;
    struct sources sources;
    struct catalog *catalog;
    struct worker *workers;
    unsigned worker_count;
    struct apps *apps;
    struct child *child;
    struct admin *admin;
    struct drain drain;
    struct list questions; /* in the order asked: answers of a worker come in order */
    uv_signal_t signals[5];
    uv_fs_event_t config_watch;
    struct timer config_timer;
    struct timer trim; /* memory goes back after a flood of lists */
    unsigned lists_since_trim;
    struct file_mark config_seen, config_loaded;
    char via[32];
    uint64_t started_wall_ms;
    uint64_t stop_asked_ms; /* when the first signal came */
    uint64_t reloads, reloads_failed;
    unsigned app_port; /* chosen for the child; 0: it has one of its own */
    int exit_code;
    unsigned signal_count;
    bool config_watched;
    bool failed; /* the start did */
    bool ending;
};

/* Runs the sidecar; `settings`' reference is taken over. The process's exit code. */
int control_run(struct settings *settings, struct settings_input *input);

/* For admin.c. */
/* All or nothing; on failure the old settings stay. */
enum err control_reload(struct control *c, struct why *w);
void control_drain(struct control *c);
enum err control_ask(struct control *c, struct report_question *q);
void control_ask_cancel(struct control *c, struct report_question *q);

#endif
