/* bare_service.h - a service "s" with no worker around it, on a clock that stands, with dice that fall alike.
 *
 *     bare_open();                           // with the defaults, and no instance
 *     bare_use("name: t\ndefaults: { balancer: round_robin }\n");
 *     bare_list(3);                          // i0, i1, i2
 *     ... bare.service ...
 *     bare_close();
 */
#ifndef TESTS_LIB_SIDECAR_BARE_SERVICE_H
#define TESTS_LIB_SIDECAR_BARE_SERVICE_H

#include "sidecar/service.h"

struct bare_service {
    struct clock now;
    struct random dice;
    struct settings *settings;
    struct service *service;
};

extern struct bare_service bare;

void bare_open(void);
void bare_close(void);
/* Begins anew with these settings: no instance, nothing known. */
void bare_use(const char *yaml);
/* At most 16. */
void bare_list(unsigned count);
void bare_list_weighted(unsigned count, const uint32_t *weights);
/* Every registry has said: no such service. */
void bare_list_unknown(void);

#endif
