/* apps_parts.h - between the files of the registrar: the set of apps (apps.c), the life of one (apps_app.c), its
 * checks (apps_check.c), where it can be reached (apps_reach.c), what is registered of it (apps_registration.c).
 */
#ifndef SIDECAR_APPS_PARTS_H
#define SIDECAR_APPS_PARTS_H

#include "health/probe_check.h"
#include "sidecar/advertise.h"
#include "sidecar/apps.h"

enum app_state {
    APP_WAITING,     /* not one pass yet */
    APP_CHECKING,    /* well; can it be reached where we would register it? */
    APP_UNREACHABLE, /* no, or there is no such address */
    APP_REGISTERING,
    APP_REGISTERED,
    APP_UNPUBLISHED, /* well, and the settings say not to register */
    APP_OUT,         /* unwell */
    APP_RETURNING,   /* well again, but it has come and gone too often lately */
    APP_LEAVING,     /* drain */
    APP_GONE,        /* the child has exited */
};

/* A probe with the settings it lives on; frees itself when it has closed. */
struct app_check {
    struct list node;
    struct app *app; /* NULL: replaced, nobody listens */
    struct apps *apps;
    struct probe *probe;
    struct probe_settings settings;
    struct settings *lent; /* a reference */
};

struct app {
    struct apps *apps;
    unsigned index; /* in all_apps */
    enum app_state state;
    char id[INSTANCE_ID_LIMIT + 1];
    struct app_check *check;
    struct check reach; /* the address that would be registered */
    bool reaching;
    bool refreshing; /* stays registered while the address is looked at */
    struct address address;
    bool has_address;
    struct registration registration;
    struct memory memory; /* of it */
    struct lease *lease;
    bool lease_is_live; /* started, and not stopped yet */
    bool is_ready;
    struct timer timer;    /* damping, or another look at the address */
    struct timer patience; /* with registries that are away */
    unsigned returns;      /* without a long stay between them */
    uint64_t came_ms;      /* when it was well again last */
    bool has_been_out;
    char reason[APP_REASON];
    char complaint[APP_REASON]; /* what was said last about its address */
};

struct apps {
    struct apps_context context;
    const struct apps_events *events;
    void *owner;
    struct settings *settings;
    struct app *items;
    unsigned count;
    struct list checks; /* alive, the replaced ones too */
    struct timer tell;
    struct timer refresh;
    bool told_ready;
    bool leaving;
    bool deregistering; /* `deregistered` is owed */
    bool closing;
};

/* apps.c */
void apps_touch(struct apps *a); /* readiness, or what we wait for, may have changed */
static inline struct clock *apps_clock(const struct apps *a)
{
    return &a->context.loop->clock;
}
static inline const struct app_settings *app_settings_of(const struct app *app)
{
    return &app->apps->settings->all_apps[app->index];
}

/* apps_app.c */
const char *app_state_name(enum app_state s);
void app_init(struct app *app, struct apps *a, unsigned index);
void app_check_changed(struct app *app, enum probe_state s, const struct why *why);
/* It answers at another of its addresses now. */
void app_check_moved(struct app *app);
void app_refresh(struct app *app);
void app_reason_set(char out[APP_REASON], const char *reason);
void app_enter(struct app *app, enum app_state s, const char *reason);
/* Of the registries; timers and looks at its address end. */
void app_take_out(struct app *app, uint64_t within_ms);
/* It answers at app->address. */
void app_put_in(struct app *app);
/* For good: APP_LEAVING or APP_GONE. */
void app_leave(struct app *app, enum app_state as, uint64_t within_ms,
               const char *reason);
void app_close(struct app *app);
bool app_is_closed(const struct app *app);
void app_fini(struct app *app);

/* apps_reach.c */
struct address app_own_address(const struct app *app);
/* Then app_put_in(), or app_look_again(). */
void app_find_address(struct app *app);
void app_on_reached(struct check *c, enum probe_result r);
/* It can't be registered, for this reason: out, and another try later. */
void app_look_again(struct app *app, const char *reason);

/* apps_check.c */
enum err app_check_open(struct app_check **c, struct app *app, struct settings *s);
void app_check_close(struct app_check *c);
bool app_check_is_same(const struct app_check *c, const struct settings *s,
                       unsigned index);

/* apps_registration.c */
void app_make_id(struct app *app);
enum err app_make_registration(struct app *app);

#endif
