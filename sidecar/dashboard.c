#include "sidecar/dashboard.h"

/* The page is assembled in as it is; the Makefile knows of it. */
__asm__(".pushsection .rodata\n"
        ".global dashboard_begin\n"
        "dashboard_begin:\n"
        ".incbin \"sidecar/dashboard.html\"\n"
        ".global dashboard_end\n"
        "dashboard_end:\n"
        ".popsection\n");

extern const char dashboard_begin[], dashboard_end[];

struct slice dashboard_page(void)
{
    return slice_from(dashboard_begin, (size_t)(dashboard_end - dashboard_begin));
}

struct slice dashboard_fields(void)
{
    return SLICE(
        "Server: csidecar/" CSIDECAR_VERSION "\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "X-Frame-Options: DENY\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; "
        "style-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n");
}
