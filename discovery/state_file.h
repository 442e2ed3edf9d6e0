/* state_file.h - the state file on the disk: read whole, replaced whole. What stands in it is catalog_state.c's.
 *
 * Both block; writing may be called from another thread. */
#ifndef DISCOVERY_STATE_FILE_H
#define DISCOVERY_STATE_FILE_H

#include <jansson.h>

/* NULL: there is none, or no JSON (said in the log). The caller's reference. */
json_t *state_file_read(const char *path);
/* By way of a temporary file beside it; the last folder of the path is made. 0, or -errno. */
int state_file_write(const char *path, const char *text);

#endif
