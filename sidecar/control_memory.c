/* What a flood of lists, or the reading of settings, leaves behind in the heap goes back to the system once it is over.
 *
 * JSON of thousands of records is freed in small pieces between those that stay, as is the tree of the file, and glibc
 * gives nothing of that back by itself. */
#include <stdlib.h>

#include "sidecar/control_parts.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { QUIET_MS = 2000, FLOOD = 200 /* lists */ };

static void give_back(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

static void on_trim(struct timer *t)
{
    container_of(t, struct control, trim)->lists_since_trim = 0;
    give_back();
}

void control_memory_init(struct control *c)
{
    timer_init(&c->trim, on_trim);
    give_back();
}

static void give_back_later(struct control *c)
{
    if (!c->ending)
        timer_start(&c->trim, &c->loop.clock, QUIET_MS);
}

void control_memory_note_list(struct control *c)
{
    if (++c->lists_since_trim >= FLOOD)
        give_back_later(c);
}

void control_memory_note_settings(struct control *c)
{
    give_back_later(c);
}

void control_memory_close(struct control *c)
{
    timer_stop(&c->trim, &c->loop.clock);
}
