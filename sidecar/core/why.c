#include "sidecar/core/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ROOM = sizeof(((struct why *)NULL)->text) };

static const char cut_short[] = "...";

/* `text` has `size` bytes, or the first of them when it did not fit. */
static void replace(struct why *w, const char *text, int size)
{
    memcpy(w->text, text, ROOM);
    w->text[ROOM - 1] = '\0';
    if (size >= ROOM)
        memcpy(w->text + ROOM - sizeof(cut_short), cut_short, sizeof(cut_short));
}

void why_init(struct why *w)
{
    if (w)
        w->text[0] = '\0';
}

/* The arguments may point into w->text, so the new text is made beside it. */
enum err why(struct why *w, enum err e, const char *format, ...)
{
    char text[ROOM] = "";
    va_list args;
    int size;

    if (!w)
        return e;
    va_start(args, format);
    size = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    replace(w, text, size);
    return e;
}

void why_in(struct why *w, const char *format, ...)
{
    char text[2 * ROOM + 2] = "";
    va_list args;
    size_t place;

    if (!w)
        return;
    va_start(args, format);
    vsnprintf(text, ROOM, format, args);
    va_end(args);
    place = strlen(text);
    replace(w, text, (int)place + snprintf(text + place, ROOM + 2, ": %s", w->text));
}

void why_drop(struct why *w, const char *place)
{
    size_t size = strlen(place);

    if (w && strncmp(w->text, place, size) == 0 && strncmp(w->text + size, ": ", 2) == 0)
        memmove(w->text, w->text + size + 2, strlen(w->text + size + 2) + 1);
}
