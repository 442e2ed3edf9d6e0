/* dashboard.h - the page of the admin port: one file with no outside resources. */
#ifndef SIDECAR_DASHBOARD_H
#define SIDECAR_DASHBOARD_H

#include "sidecar/core/slice.h"

struct slice dashboard_page(void);
/* Its header fields: what the page may do, and that nobody may frame it. */
struct slice dashboard_fields(void);

#endif
