/* What a flood of lists leaves behind in the heap goes back to the system once it is over.
 *
 * JSON of thousands of records is freed in small pieces between those that stay, and glibc gives nothing of that back
 * by itself. */
#include <stdlib.h>

#include "sidecar/control_parts.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { QUIET_MS = 2000, FLOOD = 200 /* lists */ };

static void give_back(struct timer *t)
{
    struct control *c = container_of(t, struct control, trim);

    c->lists_since_trim = 0;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void control_memory_init(struct control *c)
{
    timer_init(&c->trim, give_back);
}

void control_memory_note_list(struct control *c)
{
    if (++c->lists_since_trim >= FLOOD && !c->ending)
        timer_start(&c->trim, &c->loop.clock, QUIET_MS);
}

void control_memory_close(struct control *c)
{
    timer_stop(&c->trim, &c->loop.clock);
}
