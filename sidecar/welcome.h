/* welcome.h - the few words on a terminal when the sidecar has started: what it is for, and how to call. */
#ifndef SIDECAR_WELCOME_H
#define SIDECAR_WELCOME_H

#include "sidecar/control.h"

/* To standard error, and only where that is a terminal. */
void welcome_print(const struct control *c);

#endif
