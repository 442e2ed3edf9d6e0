/* port_holder.h - who listens on a TCP port? For the message of "address in use".
 *
 * Reads /proc (proc(5)): the socket's inode from /proc/net/tcp and tcp6, then the process
 * that has it open. Best effort: another user's processes can't be looked into. Blocks
 * for a moment, so at start-up only.
 */
#ifndef TRANSPORT_PORT_HOLDER_H
#define TRANSPORT_PORT_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* "nginx (pid 123)", zero-terminated; false: nobody can tell. */
bool port_holder(unsigned port, char *out, size_t size);

#endif
