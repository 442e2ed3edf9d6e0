/* child_exec.h - from us to another program: fork, and what must be set right before exec. Of child.c alone.
 */
#ifndef SIDECAR_CHILD_EXEC_H
#define SIDECAR_CHILD_EXEC_H

#include <sys/types.h>

#include "sidecar/child.h"

enum child_step { CHILD_FORK, CHILD_DIRECTORY, CHILD_EXEC };

struct child_failure {
    enum child_step step;
    int error; /* errno */
};

/* Returns when the program runs: its process id, which is its group's too; or -1 and what failed. The terminal
 * (-1: none) is handed to the new group. */
pid_t child_exec(const struct child_setup *setup, int terminal,
                 struct child_failure *failure);

#endif
