/* sample.h - a table with every kind of setting, and a struct decoded from it. */
#ifndef TESTS_LIB_CONFIG_SAMPLE_H
#define TESTS_LIB_CONFIG_SAMPLE_H

#include "config/settings.h"

struct sample_retries {
    uint32_t max;
    uint64_t backoff;
};

struct sample_policy {
    uint64_t timeout;
    struct sample_retries retries;
    int balancer;
};

struct sample_instance {
    const char *address;
    uint32_t weight;
    struct pairs metadata;
};

struct sample_service {
    const char *name;
    struct sample_policy policy;
    struct items instances;
};

struct sample {
    const char *name;
    bool egress;
    uint32_t workers;
    uint64_t head;
    uint32_t budget;
    const char *token;
    struct texts listen;
    struct texts urls;
    struct texts compat;
    struct pairs metadata;
    struct sample_policy defaults;
    struct items services;
    const char *config;
};

extern const struct field sample_fields[];

/* From YAML. On failure `sample_why` has the reason and the struct is zero. */
extern struct sample sample;
extern struct tree sample_tree;
extern struct why sample_why;

enum err sample_decode(const char *yaml);
/* The tree as it is, after an overlay. */
enum err sample_decode_tree(void);
void sample_forget(void);
struct sample_service *sample_service(unsigned index);

/* Decoding must fail with exactly this reason. */
void sample_refuses(const char *yaml, const char *reason);

/* For TESTS_WITH: forgets all around each test. */
int sample_setup(void **state);
int sample_teardown(void **state);

#define SAMPLE(name) cmocka_unit_test_setup_teardown(name, sample_setup, sample_teardown)

#endif
