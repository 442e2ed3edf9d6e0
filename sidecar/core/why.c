#include "sidecar/core/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void replace(struct why *w, const char *text, int size)
{
    snprintf(w->text, sizeof(w->text), "%s", text);
    if (size >= (int)sizeof(w->text))
        strcpy(w->text + sizeof(w->text) - sizeof("..."), "...");
}

void why_init(struct why *w)
{
    if (w)
        w->text[0] = '\0';
}

/* The arguments may point into w->text, so the new text is made beside it. */
enum err why(struct why *w, enum err e, const char *format, ...)
{
    char text[sizeof(w->text)];
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
    char text[2 * sizeof(w->text)];
    va_list args;
    int place, size;

    if (!w)
        return;
    va_start(args, format);
    place = vsnprintf(text, sizeof(w->text), format, args);
    va_end(args);
    place = place < (int)sizeof(w->text) ? place : (int)sizeof(w->text) - 1;
    size = place + snprintf(text + place, sizeof(text) - (size_t)place, ": %s", w->text);
    replace(w, text, size);
}
