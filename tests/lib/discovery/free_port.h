/* free_port.h - a port of loopback that nobody has just now, for TCP. */
#ifndef TESTS_LIB_DISCOVERY_FREE_PORT_H
#define TESTS_LIB_DISCOVERY_FREE_PORT_H

unsigned free_port(void);

#endif
