/* load_options.h - what the load generator is asked to do. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
    int port;           /* -p */
    int connections;    /* -c */
    const char *path;   /* -u */
    const char *method; /* -m */
    const char *field;  /* -x, a line of the head */
    uint64_t requests;  /* -n, in one run */
    uint64_t warm;      /* -w, before it */
    uint64_t expected;  /* -e, bytes of body in an answer; UINT64_MAX: any */
    size_t body;        /* -b, bytes of body in a request */
    double rate;        /* -r, requests/s of an open loop; 0: closed loop */
    bool close;         /* -K, a new connection for each request */
    bool idle;          /* -i */
};

/* Exits when they are wrong. */
void options_read(struct options *o, int argc, char **argv);
/* The text of one request; never freed. */
char *options_request(const struct options *o, size_t *size);

#endif
