/* eureka_answer.h - what a Eureka server lists, read as it comes: instance by instance, however long the whole.
 *
 *   {"applications":{"versions__delta":"1","apps__hashcode":"UP_2_",                      GET /apps, /apps/delta
 *     "application":[{"name":"ORDERS","instance":[{...},{...}]}]}}
 *   {"application":{"name":"ORDERS","instance":[{...}]}}                                   GET /apps/ORDERS
 *
 *   init > [ feed > record ... ]* > end > fini
 *
 * Of the whole only one instance is held at a time, at most RECORD_LIMIT bytes. An older server's single object in
 * place of a list and number in place of a text are taken too. What is no JSON ends the reading; the text of one
 * instance is not looked into, that is its reader's (eureka_record.h).
 *
 * Source: github.com/Netflix/eureka wiki, "Eureka REST operations", and what Spring Cloud Netflix 4.3 answers.
 */
#ifndef DISCOVERY_EUREKA_ANSWER_H
#define DISCOVERY_EUREKA_ANSWER_H

#include "sidecar/core/text.h"

enum {
    EUREKA_ANSWER_DEPTH = 16, /* outside of instances; five are needed */
    EUREKA_TOKEN = 160,       /* of a key, or of apps__hashcode */
};

struct eureka_answer {
    /* Set by the caller. */
    void *owner;
    /* One instance, lent; {NULL, 0} for one that was larger than RECORD_LIMIT. */
    void (*record)(struct eureka_answer *a, struct slice json);

    /* What stood around the instances. */
    char hash[EUREKA_TOKEN]; /* apps__hashcode, or "" */
    bool has_hash;
    uint64_t version; /* versions__delta, or 0 */
    uint32_t records;

    /* Its own. */
    int expects;
    bool quoted, escaped,
        bare;      /* within a text, behind its '\\', within a number or word */
    bool is_known; /* it began as one of the answers above */
    unsigned depth;
    struct {
        bool is_list, has_instances;
    } open[EUREKA_ANSWER_DEPTH];
    char key[EUREKA_TOKEN], token[EUREKA_TOKEN];
    size_t token_size;
    struct text text;      /* of the instance that is being read */
    unsigned record_depth; /* 0: none is */
    bool too_large;
};

void eureka_answer_init(struct eureka_answer *a, void *owner,
                        void (*record)(struct eureka_answer *a, struct slice json));
/* ERR_BAD_RESPONSE: no JSON, or none of this kind; ERR_NO_MEMORY. Not to be fed after an error. */
enum err eureka_answer_feed(struct eureka_answer *a, struct slice bytes);
/* ERR_BAD_RESPONSE when something is missing. */
enum err eureka_answer_end(const struct eureka_answer *a);
void eureka_answer_fini(struct eureka_answer *a);

#endif
